//! One file through all detectors: its kind, its texts, and what is found in them.

mod dependencies;
mod models;
mod personal;
mod texts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use privet_guardrails::Detector;
use privet_types::{Budget, BudgetError, Entity};
use serde::{Deserialize, Serialize};

use crate::baseline::{ScanKey, fingerprint};
use crate::dependencies::{Index, LicencePolicy};
use crate::report::{Component, ModelFile, RuleHelp};
use crate::secrets::Rules;
use crate::segments::Limits as TextLimits;
use crate::{Category, Finding, Severity, Verdict, artifacts};
use personal::Personal;

/// Work units for each byte of a file, and for each file.
const UNITS_PER_BYTE: u64 = 16_384;
const UNITS: u64 = 1 << 26;

/// What a [`Scanner`] is made of.
#[derive(Debug)]
pub struct Parts {
    /// Which kinds of trouble are looked for; all if empty.
    pub categories: BTreeSet<Category>,
    /// Rules for secrets.
    pub rules: Rules,
    /// Kinds of personal data that are looked for; those that point at somebody if empty.
    pub entities: Vec<Entity>,
    /// How sure a finding of personal data is at least, 0.0 ..= 1.0.
    pub min_score: Option<f64>,
    /// Whether program code is looked at for personal data.
    pub pii_in_code: bool,
    /// Which licences are allowed.
    pub licences: LicencePolicy,
    /// Known holes, if there is an index of them.
    pub advisories: Option<Arc<Index>>,
    /// What fingerprints are made with.
    pub key: Arc<ScanKey>,
    /// How much of a file becomes texts.
    pub texts: TextLimits,
    /// How much of a model file or archive is read.
    pub artifacts: artifacts::Limits,
}

impl Parts {
    /// Everything, with the rules of this program.
    #[must_use]
    pub fn new(key: Arc<ScanKey>) -> Self {
        Self {
            categories: BTreeSet::new(),
            rules: Rules::embedded(),
            entities: Vec::new(),
            min_score: None,
            pii_in_code: true,
            licences: LicencePolicy::default(),
            advisories: None,
            key,
            texts: TextLimits::default(),
            artifacts: artifacts::Limits::default(),
        }
    }
}

/// Why a file could not be scanned, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// The work budget ended.
    #[error("looking at it took more work than is allowed")]
    Budget(#[from] BudgetError),
    /// Its texts could not be cut out.
    #[error(transparent)]
    Segments(#[from] crate::segments::Error),
    /// Secrets could not be looked for.
    #[error(transparent)]
    Secrets(#[from] crate::secrets::Error),
    /// Personal data could not be looked for.
    #[error(transparent)]
    Personal(#[from] privet_pii::Error),
    /// Attacks could not be looked for.
    #[error(transparent)]
    Injection(#[from] privet_guardrails::Error),
    /// It could not be read as a model or an archive.
    #[error(transparent)]
    Artifact(#[from] artifacts::Error),
}

/// All detectors. Made once, then shared between threads.
#[derive(Debug)]
pub struct Scanner {
    parts: Parts,
    personal: Option<Personal>,
    detector: Option<Detector>,
}

/// What one file came to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FileScan {
    /// What was found, by place.
    pub findings: Vec<Finding>,
    /// What was found and a comment beside it allows, with the reason given.
    pub allowed: Vec<(Finding, String)>,
    /// Dependencies that it names.
    pub components: Vec<Component>,
    /// What the code of a notebook imports and does not pin itself.
    pub imports: Vec<ImportSpot>,
    /// What can be said of it as a model.
    pub models: Vec<ModelFile>,
    /// Texts that were looked at.
    pub segments: u64,
    /// Parts that were passed over, for people.
    pub skipped: Vec<String>,
    /// Parts that should have been looked at and were not, or errors.
    pub gaps: Vec<String>,
    /// Whether it hangs on other files, too: those that a manifest includes.
    pub reads_others: bool,
}

/// A module that a notebook imports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportSpot {
    /// Its full dotted name.
    pub module: String,
    /// The distribution that gives it, as far as is known, normalised.
    pub distribution: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// Bytes in the file.
    pub start: u64,
    /// The byte after its last.
    pub end: u64,
}

/// Where a file comes from.
#[derive(Debug, Clone, Copy)]
pub struct FileName<'a> {
    /// As reports show it.
    pub shown: &'a str,
    /// What its kind is told by, where bytes do not say: its name, with folders.
    pub path: &'a str,
}

impl Scanner {
    /// The detectors that `parts` ask for.
    ///
    /// # Errors
    /// [`ScanError`] if a detector cannot be made.
    pub fn new(parts: Parts) -> Result<Self, ScanError> {
        let wants = |category| parts.categories.is_empty() || parts.categories.contains(&category);
        let personal = wants(Category::Pii)
            .then(|| {
                let min_score = parts.min_score.unwrap_or(personal::MIN_SCORE);
                Personal::new(parts.entities.clone(), min_score)
            })
            .transpose()?;
        let detector = wants(Category::Injection).then(Detector::shipped).transpose()?;
        Ok(Self {
            personal,
            detector,
            parts,
        })
    }

    /// Whether a kind of trouble is looked for.
    #[must_use]
    pub fn wants(&self, category: Category) -> bool {
        self.parts.categories.is_empty() || self.parts.categories.contains(&category)
    }

    /// Names the rules and settings: another name can find other things. 32 hexadecimal digits.
    #[must_use]
    pub fn identity(&self) -> String {
        let parts = &self.parts;
        let advisories = parts
            .advisories
            .as_ref()
            .map(|index| index.source().sha256.clone());
        let named = format!(
            "{}\0{}\0{:?}\0{:?}\0{:?}\0{}\0{:?}\0{:?}\0{:?}\0{:?}",
            env!("CARGO_PKG_VERSION"),
            parts.rules.hash(),
            parts.categories,
            parts.entities,
            parts.min_score,
            parts.pii_in_code,
            parts.licences,
            advisories,
            parts.texts,
            parts.artifacts,
        );
        let hash = privet_crypto::sha256(named.as_bytes());
        hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// What the rules for secrets are about, by id.
    #[must_use]
    pub fn rule_help(&self) -> BTreeMap<String, RuleHelp> {
        let help = |rule: crate::secrets::RuleInfo| {
            let of = RuleHelp {
                title: rule.description.to_string(),
                help: "Revoke it where it was issued, take it out, also of the history, and read it from a secret store instead."
                    .to_owned(),
                ..RuleHelp::default()
            };
            (rule.id.to_string(), of)
        };
        self.parts.rules.list().map(help).collect()
    }

    /// The work that a file of so many bytes may take.
    #[must_use]
    pub fn budget(bytes: u64) -> Budget {
        Budget::new(bytes.saturating_mul(UNITS_PER_BYTE).saturating_add(UNITS))
    }

    /// Everything that can be found in a file held in memory. `include` gives the text of a file that a manifest includes.
    ///
    /// # Errors
    /// [`ScanError`] if it could not be looked at; nothing is known of it then.
    pub fn scan(
        &self,
        name: FileName<'_>,
        bytes: &[u8],
        include: &mut dyn FnMut(&str) -> Option<String>,
        budget: &Budget,
    ) -> Result<FileScan, ScanError> {
        let mut scan = FileScan::default();
        let is_archive = self.models(name, bytes, &mut scan, budget)?;
        let is_whole_text = self.texts(name, bytes, is_archive, &mut scan, budget)?;
        if is_whole_text {
            self.manifest(name, bytes, include, &mut scan, budget);
        }
        scan.sort();
        Ok(scan)
    }

    /// A finding at `span` of the file.
    fn finding(&self, spot: Spot<'_>) -> Finding {
        Finding {
            path: spot.path.to_owned(),
            category: spot.category,
            rule: spot.rule.to_owned(),
            severity: spot.severity,
            verdict: spot.verdict,
            line: spot.line,
            start: spot.span.start,
            end: spot.span.end,
            fingerprint: fingerprint(&self.parts.key, spot.rule, spot.category, spot.value),
            message: spot.message,
            place: spot.place,
            snippet: spot.snippet,
        }
    }
}

/// What makes a [`Finding`].
struct Spot<'a> {
    path: &'a str,
    category: Category,
    rule: &'a str,
    severity: Severity,
    verdict: Option<Verdict>,
    line: u32,
    span: std::ops::Range<u64>,
    /// What the fingerprint stands for.
    value: &'a [u8],
    message: String,
    place: Option<String>,
    snippet: Option<String>,
}

impl FileScan {
    /// Takes what a member of this file came to.
    fn take(&mut self, member: Self) {
        self.findings.extend(member.findings);
        self.allowed.extend(member.allowed);
        self.components.extend(member.components);
        self.imports.extend(member.imports);
        self.models.extend(member.models);
        self.segments += member.segments;
        self.skipped.extend(member.skipped);
        self.gaps.extend(member.gaps);
    }

    fn sort(&mut self) {
        let key = |finding: &Finding| {
            (
                finding.path.clone(),
                finding.start,
                finding.end,
                finding.category,
                finding.rule.clone(),
            )
        };
        self.findings.sort_by_cached_key(key);
        self.findings
            .dedup_by(|later, earlier| key(later) == key(earlier));
        self.allowed.sort_by_cached_key(|(finding, _)| key(finding));
        self.allowed
            .dedup_by(|(later, _), (earlier, _)| key(later) == key(earlier));
    }
}
