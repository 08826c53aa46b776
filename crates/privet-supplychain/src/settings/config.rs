//! The settings as written.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BadSetting, KeyRef};
use crate::baseline::{Allow, AllowList, PathGlobs};
use crate::dependencies::LicencePolicy;
use crate::{Category, Finding, Severity};

/// Largest file that is looked at unless the settings say otherwise. Models are looked at whatever their size.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// `[scan]`. What is not given has its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScanConfig {
    /// From which severity on a finding fails the scan.
    pub fail_on: FailOn,
    /// What is looked for; everything if the list is empty.
    pub categories: Vec<Category>,
    /// Globs over paths that are not looked at.
    pub exclude: Vec<String>,
    /// Largest file that is looked at, in bytes. At least 1.
    #[schemars(range(min = 1))]
    pub max_file_bytes: u64,
    /// How archives are looked into.
    pub archives: ArchiveSettings,
    /// Personal data.
    pub pii: PiiSettings,
    /// Secrets.
    pub secrets: SecretSettings,
    /// Licences.
    pub licences: LicencePolicy,
    /// Known holes.
    pub advisories: AdvisorySettings,
    /// Findings that are not reported.
    pub allow: Vec<Allow>,
    /// The file of accepted findings.
    pub baseline: Option<PathBuf>,
    /// Where the key of fingerprints is kept.
    pub key: Option<KeyRef>,
}

/// From which severity on a finding fails the scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FailOn {
    /// From `low` on: every finding.
    #[default]
    Low,
    /// From `medium` on.
    Medium,
    /// From `high` on.
    High,
    /// Only `critical`.
    Critical,
    /// None.
    Never,
}

/// `[scan.archives]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ArchiveSettings {
    /// How deep archives within archives are looked into; 0: not at all. At most 16.
    #[schemars(range(max = 16))]
    pub depth: u32,
    /// How many times its own size an archive may unpack to. At least 1.
    #[schemars(range(min = 1))]
    pub ratio: u32,
    /// Most members of an archive. At least 1.
    #[schemars(range(min = 1))]
    pub members: u32,
}

/// `[scan.pii]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PiiSettings {
    /// Entities that are looked for, by name; the scan's own choice if the list is empty.
    pub entities: Vec<String>,
    /// The least score, 0 to 1, that counts.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_score: f64,
    /// Whether source code is looked at, too, and not only data and documents.
    pub in_code: bool,
}

/// `[scan.secrets]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecretSettings {
    /// Files of further rules, in the format of gitleaks.
    pub rules: Vec<PathBuf>,
    /// Rules that are not used, by id.
    pub disable: Vec<String>,
}

/// `[scan.advisories]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdvisorySettings {
    /// The index that `privet scan update` makes; the one of the installation if there is none.
    pub index: Option<PathBuf>,
    /// From which age in days on the index is out of date.
    #[schemars(range(min = 1))]
    pub max_age_days: u32,
}

impl Default for ScanConfig {
    fn default() -> Self {
        Self {
            fail_on: FailOn::default(),
            categories: Vec::new(),
            exclude: Vec::new(),
            max_file_bytes: MAX_FILE_BYTES,
            archives: ArchiveSettings::default(),
            pii: PiiSettings::default(),
            secrets: SecretSettings::default(),
            licences: LicencePolicy::default(),
            advisories: AdvisorySettings::default(),
            allow: Vec::new(),
            baseline: None,
            key: None,
        }
    }
}

impl Default for ArchiveSettings {
    fn default() -> Self {
        Self {
            depth: 3,
            // Deflate gives at most 1032 : 1 (zlib's manual, "Maximum Compression Factor"); text seldom more than 30.
            ratio: 200,
            members: 100_000,
        }
    }
}

impl Default for PiiSettings {
    fn default() -> Self {
        Self {
            entities: Vec::new(),
            min_score: 0.5,
            in_code: true,
        }
    }
}

impl Default for AdvisorySettings {
    fn default() -> Self {
        Self {
            index: None,
            max_age_days: 14,
        }
    }
}

impl FailOn {
    /// Whether a finding of this severity fails the scan.
    #[must_use]
    pub fn includes(self, severity: Severity) -> bool {
        match self {
            Self::Low => true,
            Self::Medium => severity >= Severity::Medium,
            Self::High => severity >= Severity::High,
            Self::Critical => severity >= Severity::Critical,
            Self::Never => false,
        }
    }
}

impl ScanConfig {
    /// Reads `[scan]` of a `privet.toml`; the defaults if it has none. Other tables of the document are not looked at.
    ///
    /// # Errors
    /// [`BadSetting`] at the first fault, with the field, and never with a value.
    pub fn parse(text: &str) -> Result<Self, BadSetting> {
        super::parse::parse(text)
    }

    /// Checks what the types do not say.
    ///
    /// # Errors
    /// [`BadSetting`] at the first fault.
    pub fn check(&self) -> Result<(), BadSetting> {
        let bad = |field: &str, what: &str| {
            Err(BadSetting {
                field: field.to_owned(),
                what: what.to_owned(),
            })
        };
        if self.max_file_bytes == 0 {
            return bad("scan.max_file_bytes", "must be at least 1");
        }
        if self.archives.depth > 16 {
            return bad("scan.archives.depth", "must be at most 16");
        }
        if self.archives.ratio == 0 {
            return bad("scan.archives.ratio", "must be at least 1");
        }
        if self.archives.members == 0 {
            return bad("scan.archives.members", "must be at least 1");
        }
        if !(0.0..=1.0).contains(&self.pii.min_score) {
            return bad("scan.pii.min_score", "must be 0 to 1");
        }
        if self.advisories.max_age_days == 0 {
            return bad("scan.advisories.max_age_days", "must be at least 1");
        }
        for (field, list) in [
            ("scan.pii.entities", &self.pii.entities),
            ("scan.secrets.disable", &self.secrets.disable),
            ("scan.licences.allow", &self.licences.allow),
            ("scan.licences.deny", &self.licences.deny),
        ] {
            if list.iter().any(|entry| entry.trim().is_empty()) {
                return bad(field, "has an empty entry");
            }
        }
        if let Err(error) = self.licences.check() {
            return bad("scan.licences", &error.to_string());
        }
        self.excluded()?;
        self.allow_list()?;
        Ok(())
    }

    /// Paths that are not looked at.
    ///
    /// # Errors
    /// [`BadSetting`] if one of `exclude` is not a glob.
    pub fn excluded(&self) -> Result<PathGlobs, BadSetting> {
        PathGlobs::new(&self.exclude).map_err(|error| BadSetting {
            field: "scan.exclude".to_owned(),
            what: error.to_string(),
        })
    }

    /// The allow list, compiled.
    ///
    /// # Errors
    /// [`BadSetting`] if an entry cannot be used.
    pub fn allow_list(&self) -> Result<AllowList, BadSetting> {
        AllowList::new(self.allow.clone()).map_err(|error| BadSetting {
            field: "scan.allow".to_owned(),
            what: error.to_string(),
        })
    }

    /// Whether `category` is looked for.
    #[must_use]
    pub fn looks_for(&self, category: Category) -> bool {
        self.categories.is_empty() || self.categories.contains(&category)
    }

    /// Whether one of `findings` fails the scan.
    #[must_use]
    pub fn fails(&self, findings: &[Finding]) -> bool {
        findings
            .iter()
            .any(|finding| self.fail_on.includes(finding.severity))
    }
}

/// The JSON Schema of `[scan]`, with a line end.
#[must_use]
pub fn scan_schema() -> String {
    let mut value = schemars::schema_for!(ScanConfig).to_value();
    value.sort_all_objects();
    // Text keys and plain values: writing them cannot fail.
    serde_json::to_string_pretty(&value)
        .map(|text| text + "\n")
        .unwrap_or_default()
}
