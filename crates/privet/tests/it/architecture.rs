//! Holds the workspace against the table of rooms and arrows in ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

/// Which of our crates each of our crates may import. A new crate needs a line here, and a decision record.
const ARROWS: &[(&str, &[&str])] = &[
    ("privet-types", &[]),
    ("privet-crypto", &["types"]),
    ("privet-inference", &["types"]),
    ("privet-pii", &["types", "crypto", "inference"]),
    ("privet-guardrails", &["types", "pii", "inference"]),
    ("privet-redteam", &["types"]),
    ("privet-supplychain", &["types", "crypto", "pii", "guardrails"]),
    ("privet-surface", &["types", "crypto", "pii"]),
    (
        "privet-policy",
        &["types", "crypto", "pii", "surface", "watch", "guardrails"],
    ),
    ("privet-watch", &["types"]),
    ("privet-log", &["types", "crypto"]),
    ("privet-store", &["types", "crypto", "log"]),
    ("privet-access", &["types", "crypto", "store"]),
    ("privet-vault", &["types", "crypto", "store"]),
    ("privet-update", &["types", "crypto"]),
    (
        "privet-server",
        &[
            "types",
            "crypto",
            "store",
            "policy",
            "pii",
            "surface",
            "access",
            "vault",
            "watch",
            "console",
            "guardrails",
        ],
    ),
    ("privet-console", &["types"]),
    ("privet-demo", &["types"]),
    // Besides the server, what its `Parts` are made of.
    (
        "privet-testkit",
        &[
            "types", "crypto", "store", "policy", "access", "server", "demo", "vault",
        ],
    ),
    (
        "privet",
        &[
            "types",
            "crypto",
            "pii",
            "surface",
            "policy",
            "log",
            "store",
            "access",
            "server",
            "demo",
            "vault",
            "watch",
            "update",
            "guardrails",
            "redteam",
            "supplychain",
        ],
    ),
    ("privet-bench", &["types", "demo"]),
    ("privet-faultfs", &[]),
];

/// Only tests may import them.
const DEV_ONLY: &[&str] = &["privet-testkit", "privet-faultfs"];

/// Outside crates that belong to a room, and who may import them.
const OWNED: &[(&str, &[&str])] = &[
    ("argon2", &["privet-crypto"]),
    ("aws-lc-rs", &["privet-crypto"]),
    ("vsss-rs", &["privet-crypto"]),
    (
        "aho-corasick",
        &["privet-pii", "privet-guardrails", "privet-supplychain"],
    ),
    ("pulp", &["privet-inference"]),
    (
        "regex",
        &["privet-pii", "privet-guardrails", "privet-supplychain"],
    ),
    ("regex-syntax", &["privet-supplychain"]),
    ("globset", &["privet-supplychain"]),
    ("ignore", &["privet-supplychain"]),
    ("granit-parser", &["privet-supplychain"]),
    ("spdx", &["privet-supplychain"]),
    ("rlibphonenumber", &["privet-pii"]),
    ("serde-saphyr", &["privet-pii"]),
    (
        "schemars",
        &[
            "privet-policy",
            "privet-pii",
            "privet-surface",
            "privet-vault",
            "privet-server",
            "privet-watch",
            "privet-guardrails",
            "privet-redteam",
            "privet-supplychain",
        ],
    ),
    ("html5gum", &["privet-guardrails"]),
    ("sqlparser", &["privet-guardrails"]),
    ("url", &["privet-guardrails"]),
    ("askama", &["privet-console"]),
    ("serde_path_to_error", &["privet-server", "privet-supplychain"]),
    ("toml", &["privet-policy", "privet-supplychain"]),
    ("cedar-policy", &["privet-access"]),
    ("miette", &["privet-access"]),
    ("qrcodegen", &["privet-access"]),
    ("sqlx", &["privet-store"]),
    ("libsqlite3-sys", &["privet-faultfs"]),
    ("axum", &["privet-server"]),
    ("prometheus-client", &["privet-server"]),
    ("redis", &["privet-server"]),
    ("hyper-rustls", &["privet-server", "privet"]),
    ("instant-acme", &["privet-server"]),
    ("rcgen", &["privet-server", "privet-testkit", "privet-store"]),
    ("x509-parser", &["privet-testkit"]),
    ("yasna", &["privet-server"]),
    ("rustls", &["privet-server", "privet-testkit", "privet"]),
    ("rustls-webpki", &["privet-server"]),
    ("tokio-rustls", &["privet-server", "privet-testkit"]),
    ("webpki-roots", &["privet-server"]),
    ("h2", &["privet-server"]),
    // The binary has `scan --serve`, which is no gateway and needs none of its parts.
    (
        "hyper",
        &["privet-server", "privet-demo", "privet-bench", "privet"],
    ),
    (
        "hyper-util",
        &["privet-server", "privet-demo", "privet-bench", "privet"],
    ),
    ("anyhow", &["privet"]),
    ("clap", &["privet"]),
    ("flate2", &["privet", "privet-supplychain"]),
    ("indicatif", &["privet"]),
    ("mimalloc", &["privet"]),
    ("tracing-subscriber", &["privet"]),
];

/// The one crate with `unsafe`, for tests alone; its lints are the workspace's otherwise.
const UNSAFE: &str = "privet-faultfs";

/// Pure libraries: bytes in, typed results out.
const ENGINES: &[&str] = &[
    "privet-types",
    "privet-crypto",
    "privet-inference",
    "privet-pii",
    "privet-guardrails",
    "privet-redteam",
    "privet-supplychain",
    "privet-surface",
    "privet-log",
    "privet-policy",
    "privet-watch",
    "privet-console",
    "privet-update",
];

/// What an engine must not bring along, at any depth.
const NOT_IN_ENGINES: &[&str] = &["tokio", "mio", "socket2", "hyper", "async-std", "reqwest"];

/// Longest source file, without its tests.
const MOST_LINES: usize = 800;

fn workspace() -> Metadata {
    // The packages of other platforms may not be on this machine.
    let version = Command::new(env!("CARGO"))
        .arg("-vV")
        .output()
        .expect("cargo runs");
    let version = String::from_utf8(version.stdout).expect("cargo prints UTF-8");
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("cargo names its host");
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(["--offline", "--filter-platform", host].map(str::to_owned))
        .exec()
        .expect("`cargo metadata` works offline once the workspace is built")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace is there")
}

fn ours(metadata: &Metadata) -> Vec<&Package> {
    metadata.workspace_packages()
}

fn imports(package: &Package, is_wanted: impl Fn(DependencyKind) -> bool) -> BTreeSet<&str> {
    package
        .dependencies
        .iter()
        .filter(|d| is_wanted(d.kind))
        .map(|d| d.name.as_str())
        .collect()
}

fn is_shipped(kind: DependencyKind) -> bool {
    kind != DependencyKind::Development
}

fn allowed(name: &str) -> Option<BTreeSet<String>> {
    let (_, rooms) = ARROWS.iter().find(|(room, _)| *room == name)?;
    Some(rooms.iter().map(|room| format!("privet-{room}")).collect())
}

#[test]
fn every_crate_imports_only_what_the_table_allows() {
    let metadata = workspace();
    let names: BTreeSet<&str> = ours(&metadata).iter().map(|p| p.name.as_str()).collect();
    let mut wrong = Vec::new();
    for package in ours(&metadata) {
        let Some(allowed) = allowed(&package.name) else {
            wrong.push(format!("{} is not in the table", package.name));
            continue;
        };
        let is_ours = |name: &&&str| names.contains(**name);
        let shipped = imports(package, is_shipped);
        for import in shipped
            .iter()
            .filter(is_ours)
            .filter(|import| !allowed.contains(**import))
        {
            wrong.push(format!("{} imports {import}", package.name));
        }
        let tested = imports(package, |kind| !is_shipped(kind));
        let is_refused = |import: &&&str| !allowed.contains(**import) && !DEV_ONLY.contains(*import);
        for import in tested.iter().filter(is_ours).filter(is_refused) {
            wrong.push(format!("the tests of {} import {import}", package.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_table_has_no_crate_that_does_not_exist() {
    let metadata = workspace();
    let names: BTreeSet<&str> = ours(&metadata).iter().map(|p| p.name.as_str()).collect();
    let listed: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed, names);
}

#[test]
fn outside_crates_are_imported_by_their_owners_only() {
    let metadata = workspace();
    let owners: BTreeMap<&str, &[&str]> = OWNED.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in ours(&metadata) {
        for import in imports(package, is_shipped) {
            if owners
                .get(import)
                .is_some_and(|owners| !owners.contains(&package.name.as_str()))
            {
                wrong.push(format!("{} imports {import}", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn engines_bring_no_sockets_and_no_runtime_along() {
    let metadata = workspace();
    let nodes = &metadata
        .resolve
        .as_ref()
        .expect("dependencies are resolved")
        .nodes;
    let next: BTreeMap<&PackageId, Vec<&PackageId>> = nodes
        .iter()
        .map(|node| {
            let shipped = |d: &&cargo_metadata::NodeDep| {
                d.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
            };
            (
                &node.id,
                node.deps.iter().filter(shipped).map(|d| &d.pkg).collect(),
            )
        })
        .collect();
    let mut wrong = Vec::new();
    for engine in ours(&metadata)
        .into_iter()
        .filter(|p| ENGINES.contains(&p.name.as_str()))
    {
        let mut reached = BTreeSet::from([&engine.id]);
        let mut open = vec![&engine.id];
        while let Some(id) = open.pop() {
            open.extend(next[id].iter().copied().filter(|id| reached.insert(*id)));
        }
        for id in reached {
            let name = metadata[id].name.as_str();
            if NOT_IN_ENGINES.contains(&name) {
                wrong.push(format!("{} brings {name} along", engine.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_crate_lies_in_a_folder_of_its_name_and_keeps_the_workspace_lints() {
    let metadata = workspace();
    let root = root();
    let mut wrong = Vec::new();
    for package in ours(&metadata) {
        let folder = package
            .manifest_path
            .parent()
            .expect("a manifest lies in a folder");
        let expected = match package.name.as_str() {
            "privet-bench" => root.join("bench"),
            name => root.join("crates").join(name),
        };
        if folder.as_std_path() != expected {
            wrong.push(format!("{} lies in {folder}", package.name));
        }
        let manifest = std::fs::read_to_string(&package.manifest_path).expect("a manifest can be read");
        if package.name.as_str() != UNSAFE && !manifest.contains("[lints]\nworkspace = true") {
            wrong.push(format!("{} has no `[lints] workspace = true`", package.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_crate_with_unsafe_keeps_every_other_lint_of_the_workspace() {
    let root = root();
    let read = |path: PathBuf| std::fs::read_to_string(path).expect("a manifest can be read");
    let lints = |manifest: &str, table: &str| -> BTreeSet<String> {
        let from = manifest
            .split(&format!("[{table}]\n"))
            .nth(1)
            .expect("the table is there");
        let lines = from.lines().take_while(|line| !line.starts_with('['));
        lines
            .filter(|line| line.contains(" = "))
            .map(str::to_owned)
            .collect()
    };
    let workspace = read(root.join("Cargo.toml"));
    let faultfs = read(root.join("crates").join(UNSAFE).join("Cargo.toml"));
    let missing: Vec<String> = ["rust", "clippy"]
        .iter()
        .flat_map(|tool| {
            let kept = lints(&faultfs, &format!("lints.{tool}"));
            let all = lints(&workspace, &format!("workspace.lints.{tool}"));
            all.difference(&kept).cloned().collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(missing, ["unsafe_code = \"forbid\""]);
}

#[test]
fn versions_of_outside_crates_are_named_in_the_workspace_only() {
    let metadata = workspace();
    let mut wrong = Vec::new();
    for package in ours(&metadata) {
        let manifest = std::fs::read_to_string(&package.manifest_path).expect("a manifest can be read");
        let tables = manifest.split("\n[").filter(|table| {
            table
                .split(']')
                .next()
                .is_some_and(|t| t.ends_with("dependencies"))
        });
        for line in tables.flat_map(|table| table.lines().skip(1)) {
            if line.contains('=') && !line.contains("workspace = true") {
                wrong.push(format!("{}: {line}", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_source_file_is_longer_than_a_reader_can_hold() {
    let mut wrong = Vec::new();
    let mut open: Vec<PathBuf> = ["crates", "bench", "fuzz"]
        .map(|folder| root().join(folder))
        .to_vec();
    while let Some(path) = open.pop() {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            if !["target", "tests", "corpus", "artifacts", "node_modules"].contains(&name.as_str()) {
                let entries = std::fs::read_dir(&path).expect("a folder can be read");
                open.extend(entries.map(|entry| entry.expect("an entry can be read").path()));
            }
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(&path).expect("a source file can be read");
            let lines = text
                .split("\n#[cfg(test)]\nmod ")
                .next()
                .unwrap_or_default()
                .lines()
                .count();
            if lines > MOST_LINES {
                wrong.push(format!("{}: {lines} lines", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
