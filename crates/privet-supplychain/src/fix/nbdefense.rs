//! Reads NB Defense's `settings.toml`.
//!
//! Source: NB Defense's documentation of its settings, `docs/docs/scan-settings/cli-settings.md` in
//! <https://github.com/protectai/nbdefense>.

use privet_types::Entity;
use toml::{Table, Value};

/// Why settings are not imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Not TOML.
    #[error("not valid TOML at line {line}")]
    Toml {
        /// Line, from 1.
        line: u32,
    },
    /// TOML without anything of NB Defense.
    #[error("no settings of NB Defense: there is neither `plugins` nor `redact_secret`")]
    NotNbDefense,
    /// A setting of the wrong type or out of its range.
    #[error("setting `{key}` should be {expected}")]
    BadSetting {
        /// Its key.
        key: String,
        /// What it should be.
        expected: &'static str,
    },
}

/// Names that NB Defense's default settings accept as licences, and their SPDX identifiers. PyPI's classifiers and free text
/// of `setup.py` name them so.
const LICENCES: [(&str, &str); 21] = [
    ("apache license 2.0", "Apache-2.0"),
    ("apache software license", "Apache-2.0"),
    ("apache 2.0", "Apache-2.0"),
    ("apache license, version 2.0", "Apache-2.0"),
    ("apache", "Apache-2.0"),
    ("bsd", "BSD-3-Clause"),
    ("bsd license", "BSD-3-Clause"),
    ("bsd 3-clause", "BSD-3-Clause"),
    ("bsd 2-clause", "BSD-2-Clause"),
    (
        "gnu library or lesser general public license (lgpl)",
        "LGPL-2.1-or-later",
    ),
    ("gnu general public license v3 (gplv3)", "GPL-3.0-only"),
    ("gnu general public license v2 (gplv2)", "GPL-2.0-only"),
    ("gnu affero general public license v3", "AGPL-3.0-only"),
    ("microsoft public license", "MS-PL"),
    ("mit license", "MIT"),
    ("mozilla public license 2.0 (mpl 2.0)", "MPL-2.0"),
    ("python software foundation license", "PSF-2.0"),
    ("isc license (iscl)", "ISC"),
    ("isc license", "ISC"),
    ("the unlicense (unlicense)", "Unlicense"),
    ("zlib/libpng license", "Zlib"),
];

/// Turns NB Defense's `settings.toml` into a `[scan]` section of `privet.toml`, with comments on what has no counterpart.
///
/// # Errors
/// [`ImportError`] if it is no TOML, nothing of NB Defense's, or a setting is of the wrong type.
pub fn import_nbdefense(settings_toml: &str) -> Result<String, ImportError> {
    let settings: Table = toml::from_str(settings_toml).map_err(|error: toml::de::Error| {
        let before = error
            .span()
            .and_then(|span| settings_toml.get(..span.start))
            .unwrap_or_default();
        let breaks = before.bytes().filter(|b| *b == b'\n').count();
        ImportError::Toml {
            line: u32::try_from(breaks).unwrap_or(u32::MAX).saturating_add(1),
        }
    })?;
    if !settings.contains_key("plugins") && !settings.contains_key("redact_secret") {
        return Err(ImportError::NotNbDefense);
    }
    let none = Table::new();
    let plugins = match settings.get("plugins") {
        None => &none,
        Some(plugins) => table(plugins, "plugins")?,
    };
    let mut section = Section::default();
    section.globals(&settings);
    for (name, plugin) in plugins {
        let plugin = table(plugin, name)?;
        let is_enabled = match plugin.get("enabled") {
            None => true,
            Some(Value::Boolean(enabled)) => *enabled,
            Some(_) => return Err(bad(&format!("{name}.enabled"), "true or false")),
        };
        section.plugin(name, plugin, is_enabled)?;
    }
    Ok(section.text())
}

fn bad(key: &str, expected: &'static str) -> ImportError {
    ImportError::BadSetting {
        key: shown(key),
        expected,
    }
}

/// A key or value of the settings as it may stand in a comment: one line, short.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

fn table<'t>(value: &'t Value, key: &str) -> Result<&'t Table, ImportError> {
    value.as_table().ok_or_else(|| bad(key, "a table"))
}

#[derive(Default)]
struct Section {
    has_secrets: bool,
    has_dependencies: bool,
    /// Entities and the least score.
    pii: Option<(Vec<&'static str>, f64)>,
    licences: Option<Vec<String>>,
    notes: Vec<String>,
}

impl Section {
    fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn globals(&mut self, settings: &Table) {
        for (key, value) in settings {
            match (key.as_str(), value) {
                ("plugins", _) => {}
                ("redact_secret", Value::String(way)) => self.note(format!(
                    "redact_secret = \"{}\": Privet's reports never hold a value, only a keyed fingerprint.",
                    shown(way)
                )),
                ("trivy_binary_path", Value::String(path)) if path.is_empty() => {}
                ("trivy_binary_path", _) => {
                    self.note("trivy_binary_path: Privet needs no Trivy; `privet scan update` fetches the data on known holes.");
                }
                _ => self.note(format!("{}: has no counterpart.", shown(key))),
            }
        }
    }

    fn plugin(&mut self, name: &str, plugin: &Table, is_enabled: bool) -> Result<(), ImportError> {
        let short = name.rsplit('.').next().unwrap_or(name);
        if !is_enabled {
            self.note(format!("{}: was off, and is.", shown(short)));
            return Ok(());
        }
        match short {
            "SecretsPlugin" => self.secrets(plugin),
            "PIIPlugin" => self.pii(plugin),
            "LicenseDependencyFilePlugin" | "LicenseNotebookPlugin" => self.licences(plugin),
            "CVEDependencyFilePlugin" | "CVENotebookPlugin" => {
                self.has_dependencies = true;
                Ok(())
            }
            _ => {
                self.note(format!(
                    "{}: is no plugin of NB Defense that is known; left out.",
                    shown(name)
                ));
                Ok(())
            }
        }
    }

    fn secrets(&mut self, plugin: &Table) -> Result<(), ImportError> {
        self.has_secrets = true;
        let detectors = match plugin.get("secrets_plugins") {
            None => return Ok(()),
            Some(list) => list
                .as_array()
                .ok_or_else(|| bad("SecretsPlugin.secrets_plugins", "a list of tables"))?,
        };
        self.note(
            "secrets_plugins: all of Privet's rules for secrets run; a list of detectors has no counterpart.",
        );
        for detector in detectors {
            let detector = table(detector, "SecretsPlugin.secrets_plugins")?;
            let name = detector
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or("a detector");
            for (key, value) in detector {
                let is_default = match (name, value) {
                    _ if key == "name" => true,
                    ("Base64HighEntropyString", Value::Float(limit)) => (*limit - 4.5).abs() < 1e-9,
                    ("HexHighEntropyString", Value::Float(limit)) => (*limit - 3.0).abs() < 1e-9,
                    (_, Value::String(text)) => text.is_empty(),
                    _ => false,
                };
                if !is_default {
                    self.note(format!(
                        "{}.{}: has no counterpart; the limits of Privet's rules are measured.",
                        shown(name),
                        shown(key)
                    ));
                }
            }
        }
        Ok(())
    }

    fn pii(&mut self, plugin: &Table) -> Result<(), ImportError> {
        let min_score = match plugin.get("confidence_threshold") {
            None => 0.8,
            Some(Value::Float(score)) => *score,
            #[expect(clippy::cast_precision_loss, reason = "only 0 and 1 pass the check below")]
            Some(Value::Integer(score)) => *score as f64,
            Some(_) => return Err(bad("PIIPlugin.confidence_threshold", "a number from 0 to 1")),
        };
        if !(0.0..=1.0).contains(&min_score) {
            return Err(bad("PIIPlugin.confidence_threshold", "a number from 0 to 1"));
        }
        let mut entities = Vec::new();
        if let Some(wanted) = plugin.get("entities") {
            for (name, is_wanted) in table(wanted, "PIIPlugin.entities")? {
                match (is_wanted.as_bool(), Entity::parse(name)) {
                    (None, _) => return Err(bad(&format!("PIIPlugin.entities.{name}"), "true or false")),
                    (Some(false), _) => {}
                    (Some(true), Some(entity)) => entities.push(entity.name()),
                    (Some(true), None) => {
                        self.note(format!(
                            "entity {}: is not known; see `privet pii entities`.",
                            shown(name)
                        ));
                    }
                }
            }
        }
        if entities.is_empty() {
            self.note("PIIPlugin: no entity was on, so nothing was looked for; personal data is left out.");
            return Ok(());
        }
        self.note(
            "confidence_threshold: kept, but the scores of Privet are not those of Presidio; 0.6 is Privet's default.",
        );
        entities.sort_unstable();
        entities.dedup();
        self.pii = Some((entities, min_score));
        Ok(())
    }

    fn licences(&mut self, plugin: &Table) -> Result<(), ImportError> {
        let mut allowed = self.licences.take().unwrap_or_default();
        if let Some(accepted) = plugin.get("accepted_licenses") {
            let accepted = accepted
                .as_array()
                .ok_or_else(|| bad("accepted_licenses", "a list of names"))?;
            for name in accepted {
                let name = name
                    .as_str()
                    .ok_or_else(|| bad("accepted_licenses", "a list of names"))?;
                let lower = name.trim().to_lowercase();
                let known = LICENCES
                    .iter()
                    .find(|(known, _)| *known == lower)
                    .map(|(_, spdx)| *spdx);
                match known {
                    Some(spdx) => {
                        self.note(format!("licence \"{}\": read as {spdx}.", shown(name)));
                        allowed.push(spdx.to_owned());
                    }
                    None if is_spdx_like(name) => allowed.push(name.to_owned()),
                    None => self.note(format!(
                        "licence \"{}\": is no SPDX identifier; left out of `allow`.",
                        shown(name)
                    )),
                }
            }
        }
        if plugin.contains_key("licenses_for_notebooks_source") {
            self.note(
                "licenses_for_notebooks_source: Privet reads lock files and installed metadata, never PyPI.",
            );
        }
        allowed.sort();
        allowed.dedup();
        self.licences = Some(allowed);
        Ok(())
    }

    fn text(&self) -> String {
        let mut categories = Vec::new();
        if self.has_secrets {
            categories.push("\"secret\"");
        }
        if self.pii.is_some() {
            categories.push("\"pii\"");
        }
        if self.has_dependencies {
            categories.push("\"dependency\"");
        }
        if self.licences.is_some() {
            categories.push("\"licence\"");
        }
        let mut text = String::from("# From NB Defense's settings.toml.\n");
        for note in &self.notes {
            text.push_str(&format!("# {note}\n"));
        }
        text.push_str("# `injection` and `model` are further categories, which NB Defense does not have.\n");
        text.push_str(
            "[scan]\n# NB Defense always exits with 0; \"never\" does that too.\nfail_on = \"high\"\n",
        );
        text.push_str(&format!("categories = [{}]\n", categories.join(", ")));
        if let Some((entities, min_score)) = &self.pii {
            let entities: Vec<String> = entities.iter().map(|e| quoted(e)).collect();
            // TOML wants a point in a float.
            text.push_str(&format!(
                "pii = {{ entities = [{}], min_score = {min_score:?} }}\n",
                entities.join(", ")
            ));
        }
        if let Some(allowed) = &self.licences {
            let allowed: Vec<String> = allowed.iter().map(|l| quoted(l)).collect();
            text.push_str(&format!(
                "licences = {{ allow = [{}], deny = [] }}\n",
                allowed.join(", ")
            ));
        }
        text
    }
}

fn is_spdx_like(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'+'))
}

/// Names of entities and licences, which have no letter that TOML would escape.
fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
