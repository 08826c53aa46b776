//! What Python tools resolved: `poetry.lock`, `uv.lock`, `pdm.lock`, `pylock.toml`, `Pipfile.lock`.
//!
//! # Source
//! The documentations of Poetry, uv, PDM and Pipenv; PEP 751 for `pylock.toml`.

use super::kind::Draft;
use super::tree::{Key, Node};
use super::{Dependency, Ecosystem, Hash, Scope};

/// `poetry.lock`, with the hashes beside the package (1.3 and later) or in `[metadata.files]` (before).
pub(super) fn poetry(tree: &Node, draft: &mut Draft) {
    let old = tree.at(&["metadata", "files"]).map(Node::by_name);
    for package in packages(tree, "package") {
        let Some(mut dependency) = locked(package, draft) else {
            continue;
        };
        let files = package
            .get("files")
            .or_else(|| old.as_ref()?.get(package.text_of("name")?).copied());
        dependency.hashes = hashes_of(files, "hash");
        if package.text_of("category") == Some("dev") {
            dependency.scope = Scope::Development;
        }
        let source = package.get("source");
        let kind = source.and_then(|source| source.text_of("type"));
        if matches!(kind, Some("git" | "url" | "directory" | "file")) {
            dependency.come_from(source.and_then(|source| source.text_of("url")).unwrap_or("."));
        }
        draft.out.dependencies.push(dependency);
    }
}

/// `uv.lock`.
pub(super) fn uv(tree: &Node, draft: &mut Draft) {
    for package in packages(tree, "package") {
        let Some(mut dependency) = locked(package, draft) else {
            continue;
        };
        dependency.hashes = hashes_of(package.get("wheels"), "hash");
        if let Some(source) = package.get("sdist") {
            dependency
                .hashes
                .extend(source.text_of("hash").and_then(Hash::from_hex));
        }
        let source = package.get("source");
        // `virtual` and `editable` are the project itself and the members of its workspace.
        let place = ["git", "url", "path", "directory", "editable", "virtual"]
            .into_iter()
            .find_map(|kind| source.and_then(|source| source.text_of(kind)));
        if let Some(place) = place {
            dependency.come_from(place);
        }
        draft.out.dependencies.push(dependency);
    }
}

/// `pdm.lock`.
pub(super) fn pdm(tree: &Node, draft: &mut Draft) {
    let old = tree.at(&["metadata", "files"]).map(Node::by_name);
    for package in packages(tree, "package") {
        let Some(mut dependency) = locked(package, draft) else {
            continue;
        };
        // Before version 4.3 under `[metadata.files]`, by name and version.
        let key = || {
            let name = package.text_of("name")?;
            let version = package.text_of("version")?;
            old.as_ref()?.get(format!("{name} {version}").as_str()).copied()
        };
        dependency.hashes = hashes_of(package.get("files").or_else(key), "hash");
        dependency.condition = package.text_of("marker").map(str::to_owned);
        let place = ["git", "url", "path", "hg", "svn"]
            .into_iter()
            .find_map(|kind| package.text_of(kind));
        if let Some(place) = place {
            dependency.come_from(place);
        }
        draft.out.dependencies.push(dependency);
    }
}

/// `pylock.toml` (PEP 751).
pub(super) fn pylock(tree: &Node, draft: &mut Draft) {
    for package in packages(tree, "packages") {
        let Some(mut dependency) = locked(package, draft) else {
            continue;
        };
        dependency.condition = package.text_of("marker").map(str::to_owned);
        let files = package.get("wheels").map_or(&[][..], Node::items).iter();
        for file in files.chain(package.get("sdist")).chain(package.get("archive")) {
            for (name, hex) in file.get("hashes").map_or(&[][..], Node::entries) {
                let hash = hex.text().and_then(|hex| Hash::new(&name.name, hex));
                dependency.hashes.extend(hash);
            }
        }
        let place = ["vcs", "directory", "archive"]
            .into_iter()
            .find_map(|kind| package.get(kind));
        if let Some(place) = place {
            dependency.come_from(
                place
                    .text_of("url")
                    .or_else(|| place.text_of("path"))
                    .unwrap_or("."),
            );
        }
        draft.out.dependencies.push(dependency);
    }
}

/// `Pipfile.lock`.
pub(super) fn pipfile(tree: &Node, draft: &mut Draft) {
    for (group, packages) in tree.entries() {
        let scope = match group.name.as_str() {
            "_meta" => continue,
            "default" => Scope::Run,
            _ => Scope::Development,
        };
        for (key, package) in packages.entries() {
            let Some(mut dependency) = named(&key.name, key, draft) else {
                continue;
            };
            dependency.scope = scope;
            dependency.condition = package.text_of("markers").map(str::to_owned);
            dependency.hashes = package
                .get("hashes")
                .map_or(&[][..], Node::items)
                .iter()
                .filter_map(|hash| Hash::from_hex(hash.text()?))
                .collect();
            let place = ["git", "path", "file", "hg", "svn"]
                .into_iter()
                .find_map(|kind| package.text_of(kind));
            match (package.text_of("version"), place) {
                (_, Some(place)) => dependency.come_from(place),
                (Some(version), None) => dependency.lock(version.trim_start_matches('=')),
                (None, None) => {}
            }
            draft.out.dependencies.push(dependency);
        }
    }
}

fn packages<'a>(tree: &'a Node, key: &str) -> &'a [Node] {
    tree.get(key).map_or(&[], Node::items)
}

/// The dependency of a `name` and a `version` in a table, at the place of the name.
fn locked(package: &Node, draft: &mut Draft) -> Option<Dependency> {
    let Some(name) = package.get("name") else {
        draft.problem(package.span.start, "a package has no `name`");
        return None;
    };
    let key = Key {
        span: name.span.clone(),
        name: name.text().unwrap_or_default().to_owned(),
    };
    let mut out = named(&key.name, &key, draft)?;
    if let Some(version) = package.text_of("version") {
        out.lock(version);
    }
    Some(out)
}

fn named(name: &str, key: &Key, draft: &mut Draft) -> Option<Dependency> {
    let line = draft.line(key.span.start);
    let out = Dependency::named(Ecosystem::PyPi, name, line, key.span.clone());
    if out.is_none() {
        draft.problem(key.span.start, "`name` is not a project's name");
    }
    out
}

fn hashes_of(files: Option<&Node>, key: &str) -> Vec<Hash> {
    files
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(|file| Hash::from_hex(file.text_of(key)?))
        .collect()
}
