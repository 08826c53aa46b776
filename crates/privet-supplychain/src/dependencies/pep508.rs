//! One requirement as PEP 508 writes it.

use std::ops::Range;

use super::bounds::Notation;
use super::names;
use super::{Dependency, Ecosystem};

/// Longest requirement that is read; hashes are cut off before.
const MAX_REQUIREMENT: usize = 8192;

/// The parts of `name [extras] specifiers-or-@-url ; marker`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Requirement<'a> {
    pub(super) name: &'a str,
    pub(super) specifiers: &'a str,
    pub(super) url: Option<&'a str>,
    pub(super) marker: Option<&'a str>,
}

/// Reads a requirement. The error says which part is wrong.
pub(super) fn parse(text: &str) -> Result<Requirement<'_>, &'static str> {
    if text.len() > MAX_REQUIREMENT {
        return Err("the requirement is too long");
    }
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
        .unwrap_or(text.len());
    let (name, mut rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let is_bounded = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric());
    if !is_bounded {
        return Err("`name` is not a project's name");
    }
    rest = rest.trim_start();
    if let Some(after) = rest.strip_prefix('[') {
        let (_extras, after) = after.split_once(']').ok_or("`extras` has no `]`")?;
        rest = after.trim_start();
    }
    if let Some(url) = rest.strip_prefix('@') {
        // A marker behind a URL is set off by a blank, for `;` may stand in the URL.
        let (url, marker) = match url.split_once(" ;") {
            Some((url, marker)) => (url, Some(marker.trim())),
            None => (url, None),
        };
        return Ok(Requirement {
            name,
            specifiers: "",
            url: Some(url.trim()),
            marker,
        });
    }
    let (specifiers, marker) = match rest.split_once(';') {
        Some((specifiers, marker)) => (specifiers.trim(), Some(marker.trim())),
        None => (rest.trim_end(), None),
    };
    let specifiers = specifiers
        .strip_prefix('(')
        .map_or(Some(specifiers), |inner| inner.strip_suffix(')'))
        .ok_or("`specifiers` has no `)`")?
        .trim();
    if !specifiers.is_empty() {
        check_specifiers(specifiers)?;
    }
    Ok(Requirement {
        name,
        specifiers,
        url: None,
        marker: marker.filter(|marker| !marker.is_empty()),
    })
}

fn check_specifiers(specifiers: &str) -> Result<(), &'static str> {
    let is_clause = |clause: &str| {
        let version = ["===", "==", "~=", "!=", ">=", "<=", ">", "<"]
            .iter()
            .find_map(|operator| clause.strip_prefix(operator));
        version.map(str::trim).is_some_and(|version| {
            !version.is_empty()
                && version
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '*' | '+' | '!' | '-' | '_'))
        })
    };
    let is_good = specifiers
        .split(',')
        .map(str::trim)
        .enumerate()
        .all(|(at, clause)| is_clause(clause) || (at > 0 && clause.is_empty()));
    if is_good {
        Ok(())
    } else {
        Err("`specifiers` is not a list of version specifiers (PEP 440)")
    }
}

/// The dependency that a requirement's text is, standing at `line` and `span`.
pub(super) fn dependency(text: &str, line: u32, span: Range<usize>) -> Result<Dependency, &'static str> {
    let requirement = parse(text)?;
    let mut out = Dependency::named(Ecosystem::PyPi, requirement.name, line, span)
        .ok_or("`name` is not a project's name")?;
    match requirement.url {
        Some(url) => {
            out.come_from(url);
            out.requirement = Some(format!("@ {}", names::without_credentials(url)));
        }
        None => out.ask(
            requirement.specifiers,
            Notation::Pip.bounds(requirement.specifiers),
        ),
    }
    out.condition = requirement.marker.map(str::to_owned);
    Ok(out)
}
