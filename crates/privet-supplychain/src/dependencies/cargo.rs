//! Rust: `Cargo.toml` and `Cargo.lock`.
//!
//! # Source
//! The Cargo Book, "Specifying Dependencies", "The Manifest Format", "Cargo.toml vs Cargo.lock".

use super::bounds::Notation;
use super::kind::Draft;
use super::tree::{Key, Node};
use super::{Dependency, Ecosystem, Hash, Scope};

const TABLES: [(&str, Scope); 5] = [
    ("dependencies", Scope::Run),
    ("dev-dependencies", Scope::Development),
    ("dev_dependencies", Scope::Development),
    ("build-dependencies", Scope::Build),
    ("build_dependencies", Scope::Build),
];

/// `Cargo.toml`.
pub(super) fn manifest(tree: &Node, draft: &mut Draft) {
    for path in [&["package"][..], &["workspace", "package"]] {
        let Some(package) = tree.at(path) else {
            continue;
        };
        let text = |key: &str| package.text_of(key).map(str::to_owned);
        let out = &mut draft.out;
        out.name = out.name.take().or_else(|| text("name"));
        out.version = out.version.take().or_else(|| text("version"));
        out.licence = out.licence.take().or_else(|| text("license"));
    }
    tables(tree, None, draft);
    if let Some(workspace) = tree.get("workspace") {
        tables(workspace, None, draft);
    }
    for (target, node) in tree.get("target").map_or(&[][..], Node::entries) {
        tables(node, Some(&target.name), draft);
    }
}

fn tables(node: &Node, condition: Option<&str>, draft: &mut Draft) {
    for (table, scope) in TABLES {
        for (key, value) in node.get(table).map_or(&[][..], Node::entries) {
            entry(key, value, scope, condition, draft);
        }
    }
}

fn entry(key: &Key, value: &Node, scope: Scope, condition: Option<&str>, draft: &mut Draft) {
    // `x = { workspace = true }`: the version stands with the workspace.
    if value.is_true("workspace") {
        return;
    }
    let name = value.text_of("package").unwrap_or(&key.name);
    let line = draft.line(key.span.start);
    let span = if value.text().is_some() {
        key.span.start..value.span.end
    } else {
        key.span.clone()
    };
    let Some(mut dependency) = Dependency::named(Ecosystem::CratesIo, name, line, span) else {
        draft.problem(key.span.start, "a dependency's name is not a crate's name");
        return;
    };
    if let Some(asked) = value.text().or_else(|| value.text_of("version")) {
        dependency.ask(asked, Notation::Cargo.bounds(asked));
    }
    if let Some(place) = value.text_of("git").or_else(|| value.text_of("path")) {
        dependency.come_from(place);
    }
    dependency.scope = if value.is_true("optional") {
        Scope::Optional
    } else {
        scope
    };
    dependency.condition = condition.map(str::to_owned);
    draft.out.dependencies.push(dependency);
}

/// `Cargo.lock`.
pub(super) fn lock(tree: &Node, draft: &mut Draft) {
    let old = tree.get("metadata").map(Node::by_name);
    for package in tree.get("package").map_or(&[][..], Node::items) {
        let Some(name) = package.get("name") else {
            draft.problem(package.span.start, "a package has no `name`");
            continue;
        };
        let text = name.text().unwrap_or_default();
        let line = draft.line(name.span.start);
        let Some(mut dependency) = Dependency::named(Ecosystem::CratesIo, text, line, name.span.clone())
        else {
            draft.problem(name.span.start, "`name` is not a crate's name");
            continue;
        };
        let version = package.text_of("version").unwrap_or_default();
        dependency.lock(version);
        let source = package.text_of("source");
        // Version 1 has the checksums at the end: `"checksum NAME VERSION (SOURCE)"`.
        let checksum = package.text_of("checksum").or_else(|| {
            old.as_ref()?
                .get(format!("checksum {text} {version} ({})", source?).as_str())?
                .text()
        });
        dependency
            .hashes
            .extend(checksum.and_then(|hex| Hash::new("sha256", hex)));
        match source {
            Some(source) if source.starts_with("registry+") || source.starts_with("sparse+") => {}
            Some(source) => dependency.come_from(source),
            // A member of the workspace.
            None => dependency.come_from("."),
        }
        draft.out.dependencies.push(dependency);
    }
}
