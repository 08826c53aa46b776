//! The report as a value.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pretty;
use crate::{Category, Finding, Severity, Verdict};

/// The version of the report's shape: fields are added within it, never changed.
const VERSION: u32 = 1;

/// Largest report that is read back.
const MOST_BYTES: usize = 1 << 30;

/// What one scan came to. It holds no value that was found.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The version of this shape.
    pub version: u32,
    /// The version of the program that wrote it.
    pub privet: String,
    /// What was scanned, as it was named.
    pub root: String,
    /// Hash of all rules that were used: another hash can find other things.
    pub rule_set: String,
    /// How much was looked at.
    pub counts: Counts,
    /// What was found and is neither accepted nor allowed. Sorted by path, start and rule.
    pub findings: Vec<Finding>,
    /// What was found and is accepted or allowed, in the same order.
    #[serde(default)]
    pub suppressed: Vec<Suppressed>,
    /// Files that could not be looked at, by path.
    #[serde(default)]
    pub errors: Vec<FileError>,
    /// What people should know besides.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Dependencies, by name, version and path.
    #[serde(default)]
    pub components: Vec<Component>,
    /// Model files, by path.
    #[serde(default)]
    pub models: Vec<ModelFile>,
    /// Which advisories the dependencies were held against; none if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisories: Option<AdvisoryIndex>,
    /// What the rules of the findings are, by id. A rule without an entry is told by its category.
    #[serde(default)]
    pub rules: BTreeMap<String, RuleHelp>,
}

/// How much was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Files that were looked at, from the cache or not.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Parts of files that were looked at by themselves: cells, outputs, members of archives.
    pub segments: u64,
    /// Files whose findings came from the cache.
    pub from_cache: u64,
    /// Files that were not looked at, by the reason: `too large`, `excluded`, `symbolic link`.
    pub skipped: BTreeMap<String, u64>,
}

/// A finding that is not reported, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suppressed {
    /// By what.
    pub by: SuppressedBy,
    /// The reason that was given; empty if none was.
    pub reason: String,
    /// What was found.
    pub finding: Finding,
}

/// By what a finding is suppressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SuppressedBy {
    /// The committed file of accepted findings.
    Baseline,
    /// An allow list of the settings.
    Allow,
    /// A comment beside it.
    Inline,
}

impl SuppressedBy {
    /// The name as it stands in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Allow => "allow",
            Self::Inline => "inline",
        }
    }
}

/// A file that could not be looked at, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileError {
    /// Which.
    pub path: String,
    /// Why.
    pub message: String,
}

/// A dependency, at one place that names it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Component {
    /// Its name, in the normal form of its ecosystem.
    pub name: String,
    /// Its version, if the place pins one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where packages of its kind come from, as OSV names it: `PyPI`, `npm`, `crates.io`.
    pub ecosystem: String,
    /// Its package URL (ECMA-427), if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    /// Its licence, as an SPDX expression where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Hashes of its packages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hashes: Vec<Hash>,
    /// The file that names it.
    pub path: String,
    /// The line in that file, from 1; 0 if lines mean nothing.
    pub line: u32,
    /// Known holes of this version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advisories: Vec<AffectedBy>,
}

/// A known hole of a [`Component`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AffectedBy {
    /// Its id: `GHSA-…`, `PYSEC-…`, `CVE-…`.
    pub id: String,
    /// Other ids of the same hole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// How bad it is.
    pub severity: Severity,
    /// CVSS base score, 0 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// CVSS vector: `CVSS:3.1/…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<String>,
    /// What it is.
    pub summary: String,
    /// First versions without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixed: Vec<String>,
}

/// A hash of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Hash {
    /// Of which kind.
    pub algorithm: HashAlgorithm,
    /// Hexadecimal digits.
    pub digits: String,
}

/// Kinds of hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum HashAlgorithm {
    /// MD5, which vouches for nothing any more.
    #[serde(rename = "MD5")]
    Md5,
    /// SHA-1, which vouches for nothing any more.
    #[serde(rename = "SHA-1")]
    Sha1,
    /// SHA-256.
    #[serde(rename = "SHA-256")]
    Sha256,
    /// SHA-384.
    #[serde(rename = "SHA-384")]
    Sha384,
    /// SHA-512.
    #[serde(rename = "SHA-512")]
    Sha512,
}

impl HashAlgorithm {
    /// The name as it stands in reports, which is that of CycloneDX.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }

    /// How many hexadecimal digits it has.
    #[must_use]
    pub const fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }
}

/// A model file and what can be said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelFile {
    /// Which.
    pub path: String,
    /// Its format: `pickle`, `pytorch-zip`, `gguf`.
    pub format: String,
    /// What can be said of it.
    pub verdict: Verdict,
    /// Its bytes.
    pub bytes: u64,
    /// Hashes of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hashes: Vec<Hash>,
    /// Its licence, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
}

/// Which advisories dependencies were held against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdvisoryIndex {
    /// Where they come from.
    pub source: String,
    /// Of which day: `2026-11-30`.
    pub date: String,
    /// Hash of the index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Whether it is older than the settings allow.
    pub is_stale: bool,
}

/// What a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct RuleHelp {
    /// In a few words.
    pub title: String,
    /// What is wrong and what to do.
    pub help: String,
    /// A page about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}

/// A report that cannot be read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a scan report of version 1: the fault is at line {line}, column {column}")]
pub struct BadReport {
    /// Line of the fault, from 1; 0 if it has none.
    pub line: usize,
    /// Column of the fault.
    pub column: usize,
}

impl Report {
    /// An empty report of the program `privet`, of `root`, under the rules of hash `rule_set`.
    #[must_use]
    pub fn new(privet: &str, root: &str, rule_set: &str) -> Self {
        Self {
            version: VERSION,
            privet: privet.to_owned(),
            root: root.to_owned(),
            rule_set: rule_set.to_owned(),
            ..Self::default()
        }
    }

    /// Brings every list into its order, so that a scan in parallel gives the same report each time. Call it once it is filled.
    pub fn put_in_order(&mut self) {
        self.findings.sort_by(in_order);
        self.suppressed
            .sort_by(|a, b| in_order(&a.finding, &b.finding).then(a.by.cmp(&b.by)));
        self.errors
            .sort_by(|a, b| (&a.path, &a.message).cmp(&(&b.path, &b.message)));
        self.components.sort_by(|a, b| {
            let name = |one: &Component| (one.name.clone(), one.version.clone(), one.path.clone(), one.line);
            name(a).cmp(&name(b))
        });
        self.models.sort_by(|a, b| a.path.cmp(&b.path));
    }

    /// Reads what [`json`](super::json) wrote.
    ///
    /// # Errors
    /// [`BadReport`] if it is not JSON of this shape and version, or longer than 1 GiB.
    pub fn from_json(bytes: &[u8]) -> Result<Self, BadReport> {
        if bytes.len() > MOST_BYTES {
            return Err(BadReport { line: 0, column: 0 });
        }
        let report: Self = serde_json::from_slice(bytes).map_err(|error| BadReport {
            line: error.line(),
            column: error.column(),
        })?;
        if report.version != VERSION {
            return Err(BadReport { line: 0, column: 0 });
        }
        Ok(report)
    }

    /// How many findings there are of each severity, the worst first.
    #[must_use]
    pub fn by_severity(&self) -> Vec<(Severity, usize)> {
        [
            Severity::Critical,
            Severity::High,
            Severity::Medium,
            Severity::Low,
        ]
        .map(|severity| {
            let of = self.findings.iter().filter(|one| one.severity == severity);
            (severity, of.count())
        })
        .to_vec()
    }

    /// How many findings there are of each category.
    #[must_use]
    pub fn by_category(&self) -> Vec<(Category, usize)> {
        Category::ALL
            .map(|category| {
                let of = self.findings.iter().filter(|one| one.category == category);
                (category, of.count())
            })
            .to_vec()
    }

    /// How many findings were suppressed, by what and for which reason.
    #[must_use]
    pub fn suppressed_counts(&self) -> BTreeMap<(SuppressedBy, &str), usize> {
        let mut counts = BTreeMap::new();
        for one in &self.suppressed {
            *counts.entry((one.by, one.reason.as_str())).or_insert(0) += 1;
        }
        counts
    }

    /// The words of `rule`; those of its `category` if the report has none.
    pub(super) fn help(&self, rule: &str, category: Category) -> RuleHelp {
        self.rules
            .get(rule)
            .cloned()
            .unwrap_or_else(|| general_help(category))
    }
}

fn in_order(a: &Finding, b: &Finding) -> std::cmp::Ordering {
    let name = |one: &Finding| (one.start, one.end, one.category);
    a.path
        .cmp(&b.path)
        .then(a.start.cmp(&b.start))
        .then_with(|| a.rule.cmp(&b.rule))
        .then_with(|| name(a).cmp(&name(b)))
        .then_with(|| a.fingerprint.cmp(&b.fingerprint))
}

fn general_help(category: Category) -> RuleHelp {
    let (title, help) = match category {
        Category::Secret => (
            "A credential in a file",
            "Revoke it where it was issued, replace it, and take it out of the file and its history.",
        ),
        Category::Pii => (
            "Personal data in a file",
            "Take it out, or replace it with a surrogate, before the file is shared.",
        ),
        Category::Injection => (
            "Text that tries to steer a model",
            "Do not give this text to a model before somebody has read it.",
        ),
        Category::Model => (
            "A model file that runs code, or could",
            "Do not load it. Get the weights in a format that holds none, such as safetensors.",
        ),
        Category::Dependency => (
            "A dependency with a known hole, or without a pin",
            "Update to a version without the hole, and pin it.",
        ),
        Category::Licence => (
            "A licence that the policy does not allow",
            "Replace the dependency, or have the exception approved and written into the settings.",
        ),
    };
    RuleHelp {
        title: title.to_owned(),
        help: help.to_owned(),
        uri: None,
    }
}

/// The JSON Schema of [`Report`], as committed in `schema/scan-report.schema.json`; with a line end.
#[must_use]
pub fn report_schema() -> String {
    let mut value = schemars::schema_for!(Report).to_value();
    // Properties by name, not by declaration: a field that is moved changes nothing.
    value.sort_all_objects();
    pretty(&value)
}
