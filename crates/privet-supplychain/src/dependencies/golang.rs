//! Go: `go.mod` and `go.sum`.
//!
//! # Source
//! "Go Modules Reference", "go.mod files" and "go.sum files".

use std::collections::BTreeSet;

use privet_types::Budget;

use super::kind::Draft;
use super::{Dependency, Ecosystem, Error, Manifest, Pinned};

/// `go.mod`: minimal version selection takes the version that is written, or a higher one that another module asks for.
pub(super) fn go_mod(text: &str, budget: &Budget) -> Result<Manifest, Error> {
    budget.charge(text.len() as u64)?;
    let mut draft = Draft::new(text);
    let mut block = "";
    let mut replaced: BTreeSet<String> = BTreeSet::new();
    let mut at = 0;
    for raw in text.split_inclusive('\n') {
        let start = at;
        at += raw.len();
        let line = raw.split_once("//").map_or(raw, |(line, _)| line);
        let mut words = line.split_whitespace().peekable();
        let verb = if block.is_empty() {
            let Some(verb) = words.next() else { continue };
            if words.peek() == Some(&"(") {
                block = verb;
                continue;
            }
            verb
        } else if line.trim() == ")" {
            block = "";
            continue;
        } else {
            block
        };
        let Some(name) = words.next() else { continue };
        match verb {
            "module" => draft.out.name = Some(name.trim_matches('"').to_owned()),
            "replace" => {
                replaced.insert(name.to_owned());
            }
            "require" => {
                let offset = start + raw.find(name).unwrap_or(0);
                let version = words.next().unwrap_or_default();
                let end = start + raw.find(version).unwrap_or(0) + version.len();
                let span = offset..end.max(offset);
                let line = draft.line(offset);
                match Dependency::named(Ecosystem::Go, name.trim_matches('"'), line, span) {
                    Some(mut dependency) => {
                        dependency.version = Some(version.to_owned());
                        dependency.pinned = Pinned::Exact;
                        draft.out.dependencies.push(dependency);
                    }
                    None => draft.problem(offset, "a module's path is not one"),
                }
            }
            _ => {}
        }
    }
    for dependency in &mut draft.out.dependencies {
        if replaced.contains(&dependency.name) {
            dependency.come_from("replace");
        }
    }
    Ok(draft.out)
}

/// `go.sum`: modules and the hash of their files (`h1:`, a hash of hashes, which is no digest of an archive and so not given). Lines of
/// `go.mod` files alone are passed over: of those modules no code is built.
pub(super) fn go_sum(text: &str, budget: &Budget) -> Result<Manifest, Error> {
    budget.charge(text.len() as u64)?;
    let mut draft = Draft::new(text);
    let mut at = 0;
    for raw in text.split_inclusive('\n') {
        let start = at;
        at += raw.len();
        let mut words = raw.split_whitespace();
        let (Some(name), Some(version)) = (words.next(), words.next()) else {
            continue;
        };
        if version.ends_with("/go.mod") {
            continue;
        }
        let span = start..start + raw.trim_end().len();
        match Dependency::named(Ecosystem::Go, name, draft.line(start), span) {
            Some(mut dependency) => {
                dependency.lock(version);
                draft.out.dependencies.push(dependency);
            }
            None => draft.problem(start, "a module's path is not one"),
        }
    }
    Ok(draft.out)
}
