//! Advisories as the OSV schema writes them (<https://ossf.github.io/osv-schema/>, version 1.6 and its compatible successors).

use serde::Deserialize;

use super::{Ecosystem, Error, cvss, names};
use crate::Severity;

/// Longest summary that is kept, in characters.
const MAX_SUMMARY: usize = 160;
/// The longest advisory of PyPI has some 300 KB, for it lists every version.
const MAX_ADVISORY: usize = 32 * 1024 * 1024;

/// One known hole.
#[derive(Debug, Clone, PartialEq)]
pub struct Advisory {
    /// Its id: `GHSA-…`, `PYSEC-…`, `RUSTSEC-…`.
    pub id: String,
    /// Other ids of the same hole.
    pub aliases: Vec<String>,
    /// One line on what it is.
    pub summary: String,
    /// How bad, where the advisory tells.
    pub severity: Option<Severity>,
    /// CVSS score, 0 to 10, where a vector is given.
    pub score: Option<f64>,
    /// When it was last changed, RFC 3339.
    pub modified: String,
    /// Whom it concerns.
    pub affected: Vec<Affected>,
}

/// The versions of one package that an advisory is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affected {
    /// Where the package comes from.
    pub ecosystem: Ecosystem,
    /// Its name, normalised.
    pub name: String,
    /// Ranges of versions.
    pub ranges: Vec<VersionRange>,
    /// Versions by name.
    pub versions: Vec<String>,
}

/// One range as its events, in the order of the advisory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionRange {
    /// At least one.
    pub events: Vec<Event>,
}

/// Where the state of a package changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// From this version on it is affected; `0` is before every version.
    Introduced(String),
    /// From this version on it is not.
    Fixed(String),
    /// After this version it is not.
    LastAffected(String),
    /// From this version on nothing is said; `*` is after every version.
    Limit(String),
}

impl Event {
    /// The version at which it is.
    #[must_use]
    pub fn version(&self) -> &str {
        match self {
            Self::Introduced(version)
            | Self::Fixed(version)
            | Self::LastAffected(version)
            | Self::Limit(version) => version,
        }
    }
}

#[derive(Deserialize)]
struct RawAdvisory {
    id: String,
    #[serde(default)]
    modified: String,
    withdrawn: Option<String>,
    aliases: Option<Vec<String>>,
    summary: Option<String>,
    details: Option<String>,
    severity: Option<Vec<RawSeverity>>,
    affected: Option<Vec<RawAffected>>,
    database_specific: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct RawSeverity {
    #[serde(default)]
    score: String,
}

#[derive(Deserialize)]
struct RawAffected {
    package: Option<RawPackage>,
    severity: Option<Vec<RawSeverity>>,
    ranges: Option<Vec<RawRange>>,
    versions: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct RawPackage {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct RawRange {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    events: Vec<RawEvent>,
}

#[derive(Deserialize)]
struct RawEvent {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
    limit: Option<String>,
}

/// Reads one advisory. `None` if it was withdrawn: its publisher no longer stands by it.
///
/// Packages of other ecosystems than [`Ecosystem`]'s are left out, and so are ranges of commits (`GIT`).
///
/// # Errors
/// [`Error::Advisory`] if this is not an OSV object, [`Error::TooLarge`] above 32 MiB.
pub fn read_osv(json: &[u8]) -> Result<Option<Advisory>, Error> {
    if json.len() > MAX_ADVISORY {
        return Err(Error::TooLarge {
            bytes: json.len() as u64,
            limit: MAX_ADVISORY as u64,
        });
    }
    let raw: RawAdvisory = serde_json::from_slice(json).map_err(|error| Error::Advisory {
        id: String::new(),
        problem: format!("not OSV (line {}, column {})", error.line(), error.column()),
    })?;
    if !is_id(&raw.id) {
        return Err(Error::Advisory {
            id: String::new(),
            problem: "`id` is not an identifier".to_owned(),
        });
    }
    if raw.withdrawn.is_some_and(|at| !at.is_empty()) {
        return Ok(None);
    }
    let affected = raw.affected.unwrap_or_default();
    let vectors: Vec<&str> = raw
        .severity
        .iter()
        .flatten()
        .chain(affected.iter().filter_map(|one| one.severity.as_ref()).flatten())
        .map(|one| one.score.as_str())
        .collect();
    let score = cvss::highest(&vectors);
    let severity = if raw.id.starts_with("MAL-") {
        // A malicious package (OpenSSF): its installation is the attack.
        Some(Severity::Critical)
    } else {
        score
            .map(cvss::severity_of_score)
            .or_else(|| named_severity(raw.database_specific.as_ref()))
    };
    let mut aliases: Vec<String> = raw.aliases.unwrap_or_default();
    aliases.retain(|alias| is_id(alias) && *alias != raw.id);
    Ok(Some(Advisory {
        summary: summary(raw.summary.as_deref(), raw.details.as_deref()),
        id: raw.id,
        aliases,
        severity,
        score,
        modified: raw.modified,
        affected: affected.into_iter().filter_map(read_affected).collect(),
    }))
}

fn read_affected(raw: RawAffected) -> Option<Affected> {
    let package = raw.package?;
    let ecosystem = Ecosystem::from_name(&package.ecosystem)?;
    let name = names::normalise(ecosystem, &package.name);
    if !names::is_name(ecosystem, &name) {
        return None;
    }
    let ranges = raw
        .ranges
        .unwrap_or_default()
        .into_iter()
        .filter(|range| range.kind != "GIT")
        .map(|range| VersionRange {
            events: range.events.into_iter().flat_map(events).collect(),
        })
        .filter(|range| !range.events.is_empty())
        .collect();
    Some(Affected {
        ecosystem,
        name,
        ranges,
        versions: raw.versions.unwrap_or_default(),
    })
}

/// The schema wants one event an object; data has been seen with `introduced` and `fixed` in one.
fn events(raw: RawEvent) -> impl Iterator<Item = Event> {
    [
        raw.introduced.map(Event::Introduced),
        raw.fixed.map(Event::Fixed),
        raw.last_affected.map(Event::LastAffected),
        raw.limit.map(Event::Limit),
    ]
    .into_iter()
    .flatten()
}

/// GitHub writes its own word beside the vector, or instead of it.
fn named_severity(specific: Option<&serde_json::Value>) -> Option<Severity> {
    let word = specific?.get("severity")?.as_str()?;
    match word.to_ascii_uppercase().as_str() {
        "LOW" => Some(Severity::Low),
        "MODERATE" | "MEDIUM" => Some(Severity::Medium),
        "HIGH" => Some(Severity::High),
        "CRITICAL" => Some(Severity::Critical),
        _ => None,
    }
}

fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 128
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'))
}

/// The summary, or the first sentence of the details, on one line and without control characters: it goes into terminals.
fn summary(summary: Option<&str>, details: Option<&str>) -> String {
    let text = match summary {
        Some(text) if !text.trim().is_empty() => text,
        _ => details
            .map(|text| text.split_once(". ").map_or(text, |(first, _)| first))
            .unwrap_or_default(),
    };
    let mut out = String::new();
    for word in text.split_whitespace() {
        let word: String = word.chars().filter(|c| !c.is_control()).collect();
        if out.chars().count() + 1 + word.chars().count() > MAX_SUMMARY {
            out.push('…');
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&word);
    }
    out
}
