//! Advisories compiled into one file that opens in milliseconds and is searched by package.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::index_format::{
    Cursor, DIGEST, MAGIC, damaged, offset, put_fixed, put_number, put_text, put_texts,
};
use super::{Advisory, Affected, Dependency, Ecosystem, Error, Event, Version, VersionRange, conda, ranges};
use crate::Severity;

/// Most comparisons of listed versions with events that an advisory is worth; the largest of PyPI takes some 50,000.
const MAX_COMPARED: usize = 10_000_000;

/// Where the advisories of an index come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// URL or folder, without credentials.
    pub name: String,
    /// Of which moment the data is.
    pub date: Timestamp,
    /// SHA-256 of the input, lower-case hexadecimal.
    pub sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    source: Source,
}

/// Which version was found to be affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The one that is pinned or locked.
    Version,
    /// The lowest that the requirement allows; which one is installed is not known.
    LowestAllowed,
}

/// One known hole of one dependency. Advisories that are aliases of one another are one hit.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// All its ids; the first is the one to name it by: malicious-package id, GHSA, the ecosystem's own, CVE.
    pub ids: Vec<String>,
    /// The worst that its advisories give; medium where none gives one.
    pub severity: Severity,
    /// The highest CVSS score that they give.
    pub score: Option<f64>,
    /// What it is, on one line; can be empty.
    pub summary: String,
    /// The lowest version that all of them call mended.
    pub fixed: Option<String>,
    /// The version that is affected.
    pub version: String,
    /// What is known of that version.
    pub basis: Basis,
}

impl Hit {
    /// The id to name it by.
    #[must_use]
    pub fn rule(&self) -> &str {
        self.ids.first().map_or("", String::as_str)
    }

    /// What is wrong with `name` and what to do, for people.
    #[must_use]
    pub fn message(&self, name: &str) -> String {
        let version = &self.version;
        let mut out = match self.basis {
            Basis::Version => format!("`{name}` {version} has a known hole: "),
            Basis::LowestAllowed => {
                format!("`{name}` may be {version}, the lowest version allowed, which has a known hole: ")
            }
        };
        out.push_str(&self.ids.join(", "));
        if !self.summary.is_empty() {
            out.push_str(" (");
            out.push_str(&self.summary);
            out.push(')');
        }
        match &self.fixed {
            Some(fixed) => out.push_str(&format!("; fixed in {fixed}")),
            None => out.push_str("; no fixed version is known"),
        }
        out
    }
}

/// Advisories, ready to be asked.
pub struct Index {
    bytes: Vec<u8>,
    header: Header,
    packages: usize,
    advisories: usize,
    /// Where the table of packages starts.
    tables: usize,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index")
            .field("source", &self.header.source)
            .field("packages", &self.packages)
            .field("advisories", &self.advisories)
            .finish_non_exhaustive()
    }
}

impl Index {
    /// Compiles `advisories` into the bytes of an index. The same advisories in any order give the same bytes.
    ///
    /// Of two advisories with one id the one that was modified later is kept. Listed versions that a range covers are left out.
    ///
    /// # Errors
    /// The first error of `advisories`; [`Error::Index`] if it would be larger than 4 GiB.
    pub fn compile(
        advisories: impl IntoIterator<Item = Result<Advisory, Error>>,
        source: &Source,
    ) -> Result<Vec<u8>, Error> {
        let mut by_id: BTreeMap<String, Advisory> = BTreeMap::new();
        for advisory in advisories {
            let mut advisory = advisory?;
            if advisory.affected.is_empty() {
                continue;
            }
            advisory.affected.iter_mut().for_each(drop_covered);
            match by_id.get(&advisory.id) {
                Some(known) if known.modified >= advisory.modified => {}
                _ => {
                    by_id.insert(advisory.id.clone(), advisory);
                }
            }
        }
        let groups = groups(by_id.values());
        let mut heap = Vec::new();
        let mut records = Vec::new();
        let mut packages: BTreeMap<(u8, &str), Vec<(usize, &Affected)>> = BTreeMap::new();
        for (number, (advisory, group)) in by_id.values().zip(groups).enumerate() {
            records.push(heap.len());
            put_advisory(&mut heap, advisory, group);
            for affected in &advisory.affected {
                packages
                    .entry((affected.ecosystem.code(), &affected.name))
                    .or_default()
                    .push((number, affected));
            }
        }
        let mut names = Vec::new();
        for ((ecosystem, name), entries) in &packages {
            names.push(heap.len());
            heap.push(*ecosystem);
            put_text(&mut heap, name);
            put_number(&mut heap, entries.len());
            for (number, affected) in entries {
                put_number(&mut heap, *number);
                put_affected(&mut heap, affected);
            }
        }
        let header = serde_json::to_vec(&Header {
            source: source.clone(),
        })
        .map_err(|_| damaged("its header cannot be written"))?;
        let mut body = Vec::new();
        put_fixed(&mut body, header.len())?;
        body.extend_from_slice(&header);
        put_fixed(&mut body, names.len())?;
        put_fixed(&mut body, records.len())?;
        for at in names.iter().chain(&records) {
            put_fixed(&mut body, *at)?;
        }
        body.append(&mut heap);
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&privet_crypto::sha256(&body));
        out.append(&mut body);
        Ok(out)
    }

    /// Opens an index. Every later read is checked against its bounds as well, so that one written to do harm can lie but not
    /// break anything.
    ///
    /// # Errors
    /// [`Error::Index`] if it is damaged or of another version.
    pub fn open(bytes: Vec<u8>) -> Result<Self, Error> {
        let mut cursor = Cursor(&bytes);
        let magic = cursor.take(MAGIC.len())?;
        if magic != MAGIC {
            let is_ours = magic.starts_with(b"PRVOSV");
            return Err(damaged(if is_ours {
                "it is of another version"
            } else {
                "this is no index"
            }));
        }
        let digest = cursor.take(DIGEST)?;
        if privet_crypto::sha256(cursor.0) != digest {
            return Err(damaged("its hash does not fit"));
        }
        let length = cursor.fixed()?;
        let header: Header =
            serde_json::from_slice(cursor.take(length)?).map_err(|_| damaged("its header cannot be read"))?;
        let packages = cursor.fixed()?;
        let advisories = cursor.fixed()?;
        let tables = bytes.len() - cursor.0.len();
        let sizes = packages
            .checked_add(advisories)
            .and_then(|count| count.checked_mul(4))
            .ok_or(damaged("a number is too large"))?;
        cursor.take(sizes)?;
        Ok(Self {
            header,
            packages,
            advisories,
            tables,
            bytes,
        })
    }

    /// Where its advisories come from.
    #[must_use]
    pub const fn source(&self) -> &Source {
        &self.header.source
    }

    /// How many advisories it holds, withdrawn ones not among them.
    #[must_use]
    pub const fn advisories(&self) -> usize {
        self.advisories
    }

    /// How many packages they concern.
    #[must_use]
    pub const fn packages(&self) -> usize {
        self.packages
    }

    /// Whether a warning is due at `now`: the advisories are older than `max_age`, or more than a day in the future, which means
    /// that one of the two clocks is wrong.
    #[must_use]
    pub fn is_stale(&self, now: Timestamp, max_age: SignedDuration) -> bool {
        let age = now.duration_since(self.header.source.date);
        age > max_age || age < SignedDuration::from_hours(-24)
    }

    /// The known holes of `dependency`, worst first; none where neither a version nor a lowest one is known.
    ///
    /// O(log packages) and the advisories of one package.
    #[must_use]
    pub fn affecting(&self, dependency: &Dependency) -> Vec<Hit> {
        let (ecosystem, name) = match dependency.ecosystem {
            Ecosystem::Conda => match conda::pypi_name(&dependency.name) {
                Some(name) => (Ecosystem::PyPi, name),
                None => return Vec::new(),
            },
            other => (other, dependency.name.clone()),
        };
        let (version, basis) = match (&dependency.version, &dependency.lowest) {
            (Some(version), _) => (version, Basis::Version),
            (None, Some(lowest)) => (lowest, Basis::LowestAllowed),
            (None, None) => return Vec::new(),
        };
        // A damaged record is passed over: the hash was right, so only a writer of ill will made it, and it could as well
        // have left the advisory out.
        self.search(ecosystem, &name, version, basis).unwrap_or_default()
    }

    /// The known holes of one version of a package.
    ///
    /// # Errors
    /// [`Error::Index`] if a record cannot be read.
    pub fn search(
        &self,
        ecosystem: Ecosystem,
        name: &str,
        version: &str,
        basis: Basis,
    ) -> Result<Vec<Hit>, Error> {
        let Some(mut record) = self.package(ecosystem, name)? else {
            return Ok(Vec::new());
        };
        let known = Version::parse(ecosystem, version).map(Version::into_public);
        let mut found: BTreeMap<usize, Found> = BTreeMap::new();
        for _ in 0..record.number()? {
            let number = record.number()?;
            let affected = read_affected(&mut record, ecosystem)?;
            let is_hit = known
                .as_ref()
                .is_some_and(|known| ranges::Known::new(ecosystem, &affected.ranges).contain(known))
                || ranges::is_listed(ecosystem, &affected.versions, version, known.as_ref());
            if !is_hit {
                continue;
            }
            let advisory = self.advisory(number)?;
            let fixed = known
                .as_ref()
                .and_then(|known| ranges::fixed_after(ecosystem, &affected.ranges, known))
                .map(|(at, text)| (at, text.to_owned()));
            found.entry(advisory.group).or_default().add(advisory, fixed);
        }
        let mut hits: Vec<Hit> = found
            .into_values()
            .map(|found| found.into_hit(version, basis))
            .collect();
        hits.sort_by(|one, two| {
            two.severity
                .cmp(&one.severity)
                .then_with(|| one.ids.cmp(&two.ids))
        });
        Ok(hits)
    }

    /// The record of a package behind its name.
    fn package(&self, ecosystem: Ecosystem, name: &str) -> Result<Option<Cursor<'_>>, Error> {
        let wanted = (ecosystem.code(), name);
        let (mut low, mut high) = (0, self.packages);
        while low < high {
            let middle = low + (high - low) / 2;
            let mut record = self.record(middle)?;
            let key = (record.byte()?, record.text()?);
            match key.cmp(&wanted) {
                std::cmp::Ordering::Equal => return Ok(Some(record)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// The record whose offset is the `at`th of both tables.
    fn record(&self, at: usize) -> Result<Cursor<'_>, Error> {
        let tables = self.bytes.get(self.tables..).unwrap_or_default();
        let heap = tables
            .get((self.packages + self.advisories).saturating_mul(4)..)
            .ok_or(damaged("it ends early"))?;
        let start = offset(tables, at).ok_or(damaged("it ends early"))?;
        Ok(Cursor(heap.get(start..).ok_or(damaged("an offset is outside"))?))
    }

    fn advisory(&self, number: usize) -> Result<Stored<'_>, Error> {
        if number >= self.advisories {
            return Err(damaged("an advisory is missing"));
        }
        let mut record = self.record(self.packages + number)?;
        Ok(Stored {
            id: record.text()?,
            aliases: record.list(Cursor::text)?,
            severity: match record.byte()? {
                1 => Some(Severity::Low),
                2 => Some(Severity::Medium),
                3 => Some(Severity::High),
                4 => Some(Severity::Critical),
                _ => None,
            },
            score: match record.byte()? {
                0 => None,
                tenths => Some(f64::from((tenths - 1).min(100)) / 10.0),
            },
            group: record.number()?,
            summary: record.text()?,
        })
    }
}

/// An advisory as the index holds it.
struct Stored<'a> {
    id: &'a str,
    aliases: Vec<&'a str>,
    severity: Option<Severity>,
    score: Option<f64>,
    group: usize,
    summary: &'a str,
}

/// What the advisories of one group say of a version.
#[derive(Default)]
struct Found {
    ids: BTreeSet<(u8, String)>,
    severity: Option<Severity>,
    score: Option<f64>,
    summary: String,
    fixed: Option<(Version, String)>,
}

impl Found {
    fn add(&mut self, advisory: Stored<'_>, fixed: Option<(Version, String)>) {
        for id in std::iter::once(advisory.id).chain(advisory.aliases) {
            self.ids.insert((rank(id), id.to_owned()));
        }
        self.severity = self.severity.max(advisory.severity);
        self.score = match (self.score, advisory.score) {
            (Some(one), Some(two)) => Some(one.max(two)),
            (one, two) => one.or(two),
        };
        if self.summary.is_empty() {
            advisory.summary.clone_into(&mut self.summary);
        }
        // Where two disagree the later version is mended for both.
        if let Some(fixed) = fixed
            && self.fixed.as_ref().is_none_or(|(at, _)| *at < fixed.0)
        {
            self.fixed = Some(fixed);
        }
    }

    fn into_hit(self, version: &str, basis: Basis) -> Hit {
        Hit {
            ids: self.ids.into_iter().map(|(_, id)| id).collect(),
            severity: self.severity.unwrap_or(Severity::Medium),
            score: self.score,
            summary: self.summary,
            // One that only names its last affected version does not gainsay one that knows the fix.
            fixed: self.fixed.map(|(_, text)| text),
            version: version.to_owned(),
            basis,
        }
    }
}

/// Which id names a hole best.
fn rank(id: &str) -> u8 {
    match id.split_once('-').map_or(id, |(kind, _)| kind) {
        "MAL" => 0,
        "GHSA" => 1,
        "RUSTSEC" | "PYSEC" | "GO" => 2,
        "CVE" => 3,
        _ => 4,
    }
}

/// Leaves the listed versions out that a range covers: most of a list, for it repeats the ranges.
fn drop_covered(affected: &mut Affected) {
    let Affected {
        ecosystem,
        ranges,
        versions,
        ..
    } = affected;
    let events: usize = ranges.iter().map(|range| range.events.len()).sum();
    // Listed versions that stay cost bytes; comparing millions with thousands of events would cost hours.
    if versions.len().saturating_mul(events) > MAX_COMPARED {
        return;
    }
    let known = ranges::Known::new(*ecosystem, ranges);
    versions.retain(|text| {
        !Version::parse(*ecosystem, text)
            .map(Version::into_public)
            .is_some_and(|version| known.contain(&version))
    });
    versions.sort_unstable();
    versions.dedup();
}

/// For each advisory the number of its group: those that share an id or alias, directly or through others, are one.
fn groups<'a>(advisories: impl Iterator<Item = &'a Advisory>) -> Vec<usize> {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    let mut parents: Vec<usize> = Vec::new();
    for (number, advisory) in advisories.enumerate() {
        parents.push(number);
        for id in std::iter::once(&advisory.id).chain(&advisory.aliases) {
            let other = *first.entry(id).or_insert(number);
            let (one, two) = (root(&mut parents, number), root(&mut parents, other));
            // The lower number leads, so that groups do not hang on the order of aliases.
            if let Some(slot) = parents.get_mut(one.max(two)) {
                *slot = one.min(two);
            }
        }
    }
    (0..parents.len())
        .map(|number| root(&mut parents, number))
        .collect()
}

fn root(parents: &mut [usize], number: usize) -> usize {
    let mut at = number;
    while let Some(&parent) = parents.get(at) {
        if parent == at {
            break;
        }
        // Halves the path for the next walk.
        let grand = parents.get(parent).copied().unwrap_or(parent);
        if let Some(slot) = parents.get_mut(at) {
            *slot = grand;
        }
        at = grand;
    }
    at
}

fn put_advisory(out: &mut Vec<u8>, advisory: &Advisory, group: usize) {
    put_text(out, &advisory.id);
    put_texts(out, &advisory.aliases);
    out.push(match advisory.severity {
        None => 0,
        Some(Severity::Low) => 1,
        Some(Severity::Medium) => 2,
        Some(Severity::High) => 3,
        Some(Severity::Critical) => 4,
    });
    out.push(advisory.score.map_or(0, tenths));
    put_number(out, group);
    put_text(out, &advisory.summary);
}

/// 1 + the score in tenths.
fn tenths(score: f64) -> u8 {
    let wanted = score.clamp(0.0, 10.0) * 10.0;
    (0..=100_u8)
        .min_by(|one, two| {
            let far = |tenth: u8| (f64::from(tenth) - wanted).abs();
            far(*one).total_cmp(&far(*two))
        })
        .unwrap_or(0)
        + 1
}

fn put_affected(out: &mut Vec<u8>, affected: &Affected) {
    put_number(out, affected.ranges.len());
    for range in &affected.ranges {
        put_number(out, range.events.len());
        for event in &range.events {
            out.push(match event {
                Event::Introduced(_) => 0,
                Event::Fixed(_) => 1,
                Event::LastAffected(_) => 2,
                Event::Limit(_) => 3,
            });
            put_text(out, event.version());
        }
    }
    put_texts(out, &affected.versions);
}

fn read_affected(record: &mut Cursor<'_>, ecosystem: Ecosystem) -> Result<Affected, Error> {
    let ranges = record.list(|record| {
        let events = record.list(|record| {
            let kind = record.byte()?;
            let version = record.text()?.to_owned();
            match kind {
                0 => Ok(Event::Introduced(version)),
                1 => Ok(Event::Fixed(version)),
                2 => Ok(Event::LastAffected(version)),
                3 => Ok(Event::Limit(version)),
                _ => Err(damaged("an event is unknown")),
            }
        })?;
        Ok(VersionRange { events })
    })?;
    let versions = record.list(|record| record.text().map(str::to_owned))?;
    Ok(Affected {
        ecosystem,
        name: String::new(),
        ranges,
        versions,
    })
}
