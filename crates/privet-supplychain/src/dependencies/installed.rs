//! Licences out of what is installed: Python's `METADATA` and `PKG-INFO`.
//!
//! # Source
//! "Core metadata specifications" of the Python Packaging User Guide, version 2.4.

use privet_types::Budget;

use super::kind::{Draft, check_size};
use super::{Dependency, Ecosystem, Error, Manifest, Scope, licence, pep508};

/// What an installed distribution says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installed {
    /// Its name, normalised.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence: `License-Expression`, else `License`, else its classifiers.
    pub licence: Option<String>,
}

/// Reads the `METADATA` of a `*.dist-info` folder, or a `PKG-INFO`.
///
/// # Errors
/// [`Error::Syntax`] if `Name` or `Version` is missing, [`Error::TooLarge`], [`Error::Budget`].
pub fn read_installed(text: &str, budget: &Budget) -> Result<Installed, Error> {
    check_size(text)?;
    let manifest = python(text, budget)?;
    let missing = |field| Error::syntax(0, format!("the field `{field}` is missing"));
    Ok(Installed {
        name: manifest
            .name
            .filter(|name| !name.is_empty())
            .ok_or_else(|| missing("Name"))?,
        version: manifest.version.ok_or_else(|| missing("Version"))?,
        licence: manifest.licence,
    })
}

/// The distribution as a manifest: its own name, version and licence, and what it requires.
pub(super) fn python(text: &str, budget: &Budget) -> Result<Manifest, Error> {
    budget.charge(text.len() as u64)?;
    let mut draft = Draft::new(text);
    let mut expression = None;
    let mut free: Option<String> = None;
    let mut classifiers = Vec::new();
    let mut key = "";
    let mut at = 0;
    for raw in text.split_inclusive('\n') {
        let start = at;
        at += raw.len();
        let line = raw.trim_end();
        // The description follows the first empty line.
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            if key == "License"
                && let Some(free) = &mut free
            {
                free.push('\n');
                free.push_str(line.trim().trim_start_matches('|'));
            }
            continue;
        }
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        key = name;
        let value = value.trim();
        match name {
            "Name" => draft.out.name = Some(super::normalise_name(Ecosystem::PyPi, value)),
            "Version" => draft.out.version = Some(value.to_owned()),
            "License-Expression" => expression = Some(value.to_owned()),
            "License" if !value.is_empty() && value != "UNKNOWN" => free = Some(value.to_owned()),
            "Classifier" => classifiers.push(value),
            "Requires-Dist" => requires(value, start, raw, &mut draft),
            _ => {}
        }
    }
    let classified = || licence::of_classifiers(classifiers.iter().copied());
    // Free text is often a name without a version or the whole licence; where it cannot be told, a classifier is the better word.
    draft.out.licence = match (expression, free) {
        (Some(expression), _) => Some(expression),
        (None, Some(free)) if licence::normalise(&free).is_none() => classified().or(Some(free)),
        (None, Some(free)) => Some(free),
        (None, None) => classified(),
    };
    Ok(draft.out)
}

fn requires(value: &str, start: usize, raw: &str, draft: &mut Draft) {
    let offset = start + raw.find(value).unwrap_or(0);
    match pep508::dependency(value, draft.line(offset), offset..offset + value.len()) {
        Ok(mut dependency) => {
            let is_extra = |one: &Dependency| {
                one.condition
                    .as_deref()
                    .is_some_and(|marker| marker.contains("extra"))
            };
            dependency.scope = if is_extra(&dependency) {
                Scope::Optional
            } else {
                Scope::Constraint
            };
            draft.out.dependencies.push(dependency);
        }
        Err(what) => draft.problem(offset, what),
    }
}
