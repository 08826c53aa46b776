//! JavaScript: `package.json` and npm's lock files.
//!
//! # Source
//! npm documentation, "package.json" and "package-lock.json" (lockfileVersion 1 to 3).

use super::bounds::Notation;
use super::kind::Draft;
use super::tree::{Key, MAX_DEPTH, Node, Value};
use super::{Dependency, Ecosystem, Hash, Scope, names};

const TABLES: [(&str, Scope); 4] = [
    ("dependencies", Scope::Run),
    ("devDependencies", Scope::Development),
    ("optionalDependencies", Scope::Optional),
    ("peerDependencies", Scope::Constraint),
];

/// `package.json`, of a project or of an installed package.
pub(super) fn package(tree: &Node, draft: &mut Draft) {
    draft.out.name = tree.text_of("name").map(str::to_owned);
    draft.out.version = tree.text_of("version").map(str::to_owned);
    draft.out.licence = licence(tree);
    for (table, scope) in TABLES {
        for (key, value) in tree.get(table).map_or(&[][..], Node::entries) {
            let Some(asked) = value.text() else {
                draft.problem(value.span.start, format!("`{table}` holds what is not a text"));
                continue;
            };
            let span = key.span.start..value.span.end;
            if let Some(mut dependency) = asked_for(&key.name, asked, key, draft) {
                dependency.span = span;
                dependency.scope = scope;
                draft.out.dependencies.push(dependency);
            }
        }
    }
}

/// The licence of a package: a text, or, in packages of before 2014, `{type}` or a list of them.
pub(super) fn licence(tree: &Node) -> Option<String> {
    let one = |node: &Node| node.text().or_else(|| node.text_of("type")).map(str::to_owned);
    if let Some(node) = tree.get("license") {
        return one(node);
    }
    let old: Vec<String> = tree.get("licenses")?.items().iter().filter_map(one).collect();
    (!old.is_empty()).then(|| format!("({})", old.join(" OR ")))
}

fn named(name: &str, key: &Key, draft: &mut Draft) -> Option<Dependency> {
    let line = draft.line(key.span.start);
    let out = Dependency::named(Ecosystem::Npm, name, line, key.span.clone());
    if out.is_none() {
        draft.problem(key.span.start, "a dependency's name is not a package's name");
    }
    out
}

fn asked_for(name: &str, asked: &str, key: &Key, draft: &mut Draft) -> Option<Dependency> {
    let asked = asked.trim();
    // `npm:other@^1.0`: another package under this name.
    let (name, asked) = match asked.strip_prefix("npm:") {
        Some(alias) => split_at_version(alias),
        None => (name, asked),
    };
    let mut out = named(name, key, draft)?;
    let is_workspace = ["workspace:", "link:", "file:", "portal:", "catalog:"]
        .iter()
        .any(|kind| asked.starts_with(kind));
    // `owner/repository` is GitHub's.
    let is_place = is_workspace || asked.contains("://") || asked.contains('/') || asked.starts_with("git@");
    out.ask(asked, Notation::Npm.bounds(if is_place { "" } else { asked }));
    if is_place {
        out.come_from(asked);
        out.requirement.clone_from(&out.origin);
    }
    Some(out)
}

/// `@scope/name@1.0` to name and version; the version is empty if there is none.
pub(super) fn split_at_version(text: &str) -> (&str, &str) {
    let from = usize::from(text.starts_with('@'));
    text.get(from..)
        .and_then(|rest| rest.find('@'))
        .and_then(|at| Some((text.get(..at + from)?, text.get(at + from + 1..)?)))
        .unwrap_or((text, ""))
}

/// `package-lock.json`, `npm-shrinkwrap.json`.
pub(super) fn lock(tree: &Node, draft: &mut Draft) {
    draft.out.name = tree.text_of("name").map(str::to_owned);
    draft.out.version = tree.text_of("version").map(str::to_owned);
    // Version 2 has both; the newer table holds more.
    let Some(packages) = tree.get("packages") else {
        nested(tree, MAX_DEPTH, draft);
        return;
    };
    for (key, package) in packages.entries() {
        if key.name.is_empty() {
            draft.out.licence = licence(package);
            continue;
        }
        if package.is_true("link") {
            continue;
        }
        let path = key.name.as_str();
        let installed = path.rsplit_once("node_modules/").map(|(_, name)| name);
        let name = package.text_of("name").or(installed).unwrap_or(path);
        let name = if installed.is_none() && name == path {
            // A workspace member without a name of its own goes by its folder.
            path.rsplit('/').next().unwrap_or(path)
        } else {
            name
        };
        let Some(mut dependency) = named(name, key, draft) else {
            continue;
        };
        resolve(&mut dependency, package);
        dependency.licence = licence(package);
        if installed.is_none() {
            dependency.come_from(path);
        }
        draft.out.dependencies.push(dependency);
    }
}

/// The tree of version 1: what a package has for itself stands inside it.
fn nested(node: &Node, depth: usize, draft: &mut Draft) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    for (key, package) in node.get("dependencies").map_or(&[][..], Node::entries) {
        if let Some(mut dependency) = named(&key.name, key, draft) {
            resolve(&mut dependency, package);
            draft.out.dependencies.push(dependency);
        }
        nested(package, depth, draft);
    }
}

fn resolve(dependency: &mut Dependency, package: &Node) {
    let version = package.text_of("version").unwrap_or_default();
    // Version 1 writes an alias as `npm:other@1.0`.
    let version = match version.strip_prefix("npm:").map(split_at_version) {
        Some((name, version)) => {
            if names::is_name(Ecosystem::Npm, name) {
                name.clone_into(&mut dependency.name);
            }
            version
        }
        None => version,
    };
    dependency.lock(version);
    if let Some(integrity) = package.text_of("integrity") {
        dependency.hashes = Hash::from_integrity(integrity);
    }
    let resolved = package.text_of("resolved").unwrap_or_default();
    let is_place = resolved.starts_with("git") || resolved.starts_with("file:");
    if is_place || version.contains("://") || version.starts_with("file:") {
        dependency.come_from(if is_place { resolved } else { version });
    }
    if package.is_true("dev") {
        dependency.scope = Scope::Development;
    } else if package.is_true("optional") {
        dependency.scope = Scope::Optional;
    }
    if package
        .get("version")
        .is_none_or(|node| matches!(node.value, Value::Null))
        && dependency.pinned == super::Pinned::Locked
    {
        dependency.version = None;
        dependency.pinned = super::Pinned::Open;
    }
}
