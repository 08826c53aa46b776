//! `pnpm-lock.yaml`.
//!
//! # Source
//! pnpm's `@pnpm/lockfile.types` and the keys written by lockfileVersion 5 (`/name/1.0.0_peer`), 6 (`/name@1.0.0(peer)`) and 9
//! (`name@1.0.0`).

use super::kind::Draft;
use super::tree::Node;
use super::{Dependency, Ecosystem, Hash, Scope, node};

/// `pnpm-lock.yaml`.
pub(super) fn lock(tree: &Node, draft: &mut Draft) {
    for (key, package) in tree.get("packages").map_or(&[][..], Node::entries) {
        let line = draft.line(key.span.start);
        // Git and tarball packages have their name inside.
        let (from_key, from_key_version) = name_and_version(&key.name);
        let name = package.text_of("name").unwrap_or(from_key);
        let version = package
            .get("version")
            .and_then(Node::scalar)
            .unwrap_or(from_key_version);
        let Some(mut dependency) = Dependency::named(Ecosystem::Npm, name, line, key.span.clone()) else {
            draft.problem(key.span.start, "a package's key has no name");
            continue;
        };
        dependency.lock(version);
        let resolution = package.get("resolution");
        if let Some(integrity) = resolution.and_then(|one| one.text_of("integrity")) {
            dependency.hashes = Hash::from_integrity(integrity);
        }
        let place = resolution.and_then(|one| {
            one.text_of("repo")
                .or_else(|| one.text_of("directory"))
                .or_else(|| one.text_of("tarball").filter(|_| one.get("integrity").is_none()))
        });
        let is_place = ["file:", "link:", "git+", "http:", "https:"]
            .iter()
            .any(|kind| version.starts_with(kind));
        if let Some(place) = place.or(is_place.then_some(version)) {
            dependency.come_from(place);
        }
        if package.is_true("dev") {
            dependency.scope = Scope::Development;
        } else if package.is_true("optional") {
            dependency.scope = Scope::Optional;
        }
        draft.out.dependencies.push(dependency);
    }
}

fn name_and_version(key: &str) -> (&str, &str) {
    let key = key.split('(').next().unwrap_or(key);
    let Some(old) = key.strip_prefix('/') else {
        return node::split_at_version(key);
    };
    let (name, version) = node::split_at_version(old);
    // Version 5 has a `/` before the version and `_` before the peers; a `@` then belongs to a peer.
    let is_version_6 = !version.is_empty()
        && !name.contains('_')
        && name.matches('/').count() <= usize::from(name.starts_with('@'));
    if is_version_6 {
        return (name, version);
    }
    let slashes = 1 + usize::from(old.starts_with('@'));
    let at = old
        .match_indices('/')
        .nth(slashes - 1)
        .map_or(old.len(), |(at, _)| at);
    let (name, rest) = old.split_at_checked(at).unwrap_or((old, ""));
    let version = rest.strip_prefix('/').unwrap_or(rest);
    (name, version.split('_').next().unwrap_or(version))
}
