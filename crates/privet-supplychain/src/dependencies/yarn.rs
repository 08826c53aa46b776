//! `yarn.lock`, in its own notation (version 1) and in YAML (Berry).
//!
//! # Source
//! Yarn 1 documentation, "yarn.lock"; Yarn 4 documentation, "Lexicon" (locators, protocols).

use std::ops::Range;

use privet_types::Budget;

use super::kind::Draft;
use super::tree::Node;
use super::{Dependency, Ecosystem, Error, Hash, Manifest, node};

/// Whether this is Berry's: it starts with a `__metadata` entry.
pub(super) fn is_berry(text: &str) -> bool {
    text.lines().take(64).any(|line| line.starts_with("__metadata:"))
}

/// Version 1: `name@range, name@range:`, and indented `key value` lines.
pub(super) fn classic(text: &str, budget: &Budget) -> Result<Manifest, Error> {
    budget.charge(text.len() as u64)?;
    let mut draft = Draft::new(text);
    let mut open: Option<Dependency> = None;
    let mut at = 0;
    for raw in text.split_inclusive('\n') {
        let start = at;
        at += raw.len();
        let line = raw.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if !line.starts_with(' ') {
            draft.out.dependencies.extend(open.take());
            open = header(line, start, &mut draft);
            continue;
        }
        // Fields stand two deep; what is deeper are the ranges of its own dependencies.
        let Some(field) = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')) else {
            continue;
        };
        if let (Some(dependency), Some((key, value))) = (open.as_mut(), field.split_once(' ')) {
            let value = value.trim().trim_matches('"');
            match key {
                "version" => dependency.lock(value),
                "integrity" => dependency.hashes = Hash::from_integrity(value),
                "resolved" if is_place(value) => dependency.come_from(value),
                "resolved" => sha1(dependency, value),
                _ => {}
            }
        }
    }
    draft.out.dependencies.extend(open);
    Ok(draft.out)
}

/// Before integrity was written the digest stood behind the URL: `….tgz#SHA1`.
fn sha1(dependency: &mut Dependency, resolved: &str) {
    if let Some((_, hex)) = resolved.rsplit_once('#')
        && dependency.hashes.is_empty()
    {
        dependency.hashes.extend(Hash::new("sha1", hex));
    }
}

fn is_place(resolved: &str) -> bool {
    resolved.starts_with("git") || resolved.starts_with("file:") || resolved.contains("codeload.")
}

fn header(line: &str, start: usize, draft: &mut Draft) -> Option<Dependency> {
    let first = line.trim_end_matches(':').split(", ").next().unwrap_or(line);
    let pattern = first.trim_matches('"');
    let (name, range) = node::split_at_version(pattern);
    let name = aliased(range).unwrap_or(name);
    let span = start..start + line.len();
    new(name, span, draft)
}

/// The name in `npm:other@^1.0`, where another package goes by this one's.
fn aliased(range: &str) -> Option<&str> {
    let (name, version) = node::split_at_version(range.strip_prefix("npm:")?);
    (!version.is_empty()).then_some(name)
}

fn new(name: &str, span: Range<usize>, draft: &mut Draft) -> Option<Dependency> {
    let line = draft.line(span.start);
    let start = span.start;
    let out = Dependency::named(Ecosystem::Npm, name, line, span);
    if out.is_none() {
        draft.problem(start, "an entry's key has no package's name");
    }
    out
}

/// Berry: `"name@npm:range"` to `version`, `resolution` and `checksum`.
pub(super) fn berry(tree: &Node, draft: &mut Draft) {
    for (key, package) in tree.entries() {
        if key.name == "__metadata" {
            continue;
        }
        let resolution = package.text_of("resolution").unwrap_or(&key.name);
        let (name, locator) = node::split_at_version(resolution);
        let Some(mut dependency) = new(name, key.span.clone(), draft) else {
            continue;
        };
        if let Some(version) = package.get("version").and_then(Node::scalar) {
            dependency.lock(version);
        }
        // `10c0/HEX`: cache key and SHA-512 of the archive as Yarn packs it, which is not the registry's; so it is not given.
        let is_registry = locator.starts_with("npm:") || locator.starts_with("patch:");
        if !is_registry {
            dependency.come_from(locator);
        }
        draft.out.dependencies.push(dependency);
    }
}
