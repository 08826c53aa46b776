//! The committed file of accepted findings.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{BaselineError, ScanKey};
use crate::{Category, Finding};

/// The version of the file's shape.
const VERSION: u64 = 1;

/// Largest file that is read. An entry has about 250 bytes.
const MOST_BYTES: usize = 64 << 20;

/// Findings that were accepted, each with a reason, as a file to be committed. It holds keyed fingerprints and no values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    version: u64,
    /// Id of the key under which the fingerprints were made.
    #[serde(rename = "made_with")]
    key: String,
    /// INVARIANT: sorted by path, rule and fingerprint; no two with the same of these.
    findings: Vec<Accepted>,
}

/// One accepted finding: every place in one file at which one rule found one value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The file.
    pub path: String,
    /// The rule.
    pub rule: String,
    /// The rule's category.
    pub category: Category,
    /// What stands for the value.
    pub fingerprint: String,
    /// Why it was accepted.
    pub reason: String,
    /// Who accepted it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub who: String,
    /// On which day.
    pub when: Date,
    /// The last day on which it is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Date>,
}

/// Why findings are accepted, by whom, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Because {
    /// Why.
    pub reason: String,
    /// Who.
    pub who: String,
    /// On which day.
    pub when: Date,
    /// The last day, if there is one.
    pub expires: Option<Date>,
}

/// What became of findings under a [`Baseline`].
#[derive(Debug, Default)]
pub struct Applied<'a> {
    /// Findings that it does not have.
    pub fresh: Vec<&'a Finding>,
    /// Findings that it accepts.
    pub known: Vec<(&'a Finding, &'a Accepted)>,
    /// Findings that it accepted until a day that is over. They are to be reported again.
    pub expired: Vec<(&'a Finding, &'a Accepted)>,
    /// What it accepts and nobody finds any more.
    pub gone: Vec<&'a Accepted>,
}

/// What one accepted finding is told by.
type Name<'a> = (&'a str, &'a str, &'a str);

impl Baseline {
    /// A baseline without findings, for fingerprints under `key`.
    #[must_use]
    pub fn empty(key: &ScanKey) -> Self {
        Self {
            version: VERSION,
            key: key.id().to_owned(),
            findings: Vec::new(),
        }
    }

    /// A baseline that accepts all `findings`, which were made under `key`.
    ///
    /// # Errors
    /// [`BaselineError::BadEntry`] if the reason is empty.
    pub fn accepting(findings: &[Finding], because: &Because, key: &ScanKey) -> Result<Self, BaselineError> {
        if because.reason.trim().is_empty() {
            return Err(BaselineError::BadEntry {
                entry: 1,
                what: "the reason is empty; say why these findings are accepted".to_owned(),
            });
        }
        let mut all = Self::empty(key);
        all.findings = findings
            .iter()
            .map(|finding| Accepted {
                path: finding.path.clone(),
                rule: finding.rule.clone(),
                category: finding.category,
                fingerprint: finding.fingerprint.clone(),
                reason: because.reason.clone(),
                who: because.who.clone(),
                when: because.when,
                expires: because.expires,
            })
            .collect();
        all.put_in_order();
        Ok(all)
    }

    /// Reads the written form.
    ///
    /// # Errors
    /// [`BaselineError`] if it is too large, not of this shape or version, made under another key than `key`, or has an entry
    /// without a reason.
    pub fn read(bytes: &[u8], key: &ScanKey) -> Result<Self, BaselineError> {
        /// The version alone, so that one of the future is told as such.
        #[derive(Deserialize)]
        struct Head {
            version: u64,
        }
        if bytes.len() > MOST_BYTES {
            return Err(BaselineError::TooLarge { most: MOST_BYTES });
        }
        // The library's own words repeat what it read.
        let bad = |error: serde_json::Error| BaselineError::Unreadable {
            line: error.line(),
            column: error.column(),
        };
        let head: Head = serde_json::from_slice(bytes).map_err(bad)?;
        if head.version != VERSION {
            return Err(BaselineError::UnknownVersion {
                version: head.version,
                known: VERSION,
            });
        }
        let mut all: Self = serde_json::from_slice(bytes).map_err(bad)?;
        if all.key != key.id() {
            let theirs: String = all
                .key
                .chars()
                .take(64)
                .filter(char::is_ascii_alphanumeric)
                .collect();
            return Err(BaselineError::OtherKey {
                theirs,
                ours: key.id().to_owned(),
            });
        }
        let unreasoned = all
            .findings
            .iter()
            .position(|entry| entry.reason.trim().is_empty());
        if let Some(index) = unreasoned {
            return Err(BaselineError::BadEntry {
                entry: index + 1,
                what: "`reason` is empty; say why this finding is accepted".to_owned(),
            });
        }
        all.put_in_order();
        Ok(all)
    }

    /// The written form: JSON in a fixed order, one entry after the other, with a line end.
    #[must_use]
    pub fn write(&self) -> String {
        // Text keys and plain values: writing them cannot fail.
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .unwrap_or_default()
    }

    /// What it accepts, by path, rule and fingerprint.
    #[must_use]
    pub fn findings(&self) -> &[Accepted] {
        &self.findings
    }

    /// Adds what `newer` accepts. What both accept keeps the reason, person and days it has here.
    ///
    /// # Errors
    /// [`BaselineError::OtherKey`] if the two were made under different keys.
    pub fn merge(&mut self, newer: Self) -> Result<(), BaselineError> {
        if self.key != newer.key {
            return Err(BaselineError::OtherKey {
                theirs: newer.key,
                ours: self.key.clone(),
            });
        }
        // What stands first is kept.
        self.findings.extend(newer.findings);
        self.put_in_order();
        Ok(())
    }

    /// Takes out what `findings` has not, so that the file does not grow for ever. Says how many were taken out.
    pub fn prune(&mut self, findings: &[Finding], today: Date) -> usize {
        let gone: BTreeSet<(String, String, String)> = self
            .apply(findings, today)
            .gone
            .iter()
            .map(|entry| {
                let (path, rule, print) = entry.name();
                (path.to_owned(), rule.to_owned(), print.to_owned())
            })
            .collect();
        self.findings.retain(|entry| {
            let name = (entry.path.clone(), entry.rule.clone(), entry.fingerprint.clone());
            !gone.contains(&name)
        });
        gone.len()
    }

    /// Parts `findings` into new and known ones on the day `today`.
    ///
    /// An entry stands for its own file. If its file has the value no more, it stands for one other file that has it: the file was
    /// moved. A value that turns up in a second file is new there.
    #[must_use]
    pub fn apply<'a>(&'a self, findings: &'a [Finding], today: Date) -> Applied<'a> {
        let by_name: BTreeMap<Name<'a>, &'a Accepted> =
            self.findings.iter().map(|entry| (entry.name(), entry)).collect();
        let found: BTreeSet<Name<'a>> = findings.iter().map(name_of).collect();
        let mut homeless: BTreeMap<(&str, &str), Vec<&'a Accepted>> = BTreeMap::new();
        for entry in self
            .findings
            .iter()
            .rev()
            .filter(|entry| !found.contains(&entry.name()))
        {
            homeless
                .entry((entry.rule.as_str(), entry.fingerprint.as_str()))
                .or_default()
                .push(entry);
        }
        // In the order of paths, so that which file counts as moved does not hang on the order of the scan.
        let mut moved: BTreeMap<Name<'a>, &'a Accepted> = BTreeMap::new();
        for name in found.iter().filter(|name| !by_name.contains_key(*name)) {
            let (_, rule, print) = *name;
            if let Some(entry) = homeless.get_mut(&(rule, print)).and_then(Vec::pop) {
                moved.insert(*name, entry);
            }
        }
        let mut all = Applied::default();
        for finding in findings {
            let name = name_of(finding);
            match by_name.get(&name).or_else(|| moved.get(&name)) {
                None => all.fresh.push(finding),
                Some(entry) if entry.expires.is_some_and(|last| last < today) => {
                    all.expired.push((finding, entry));
                }
                Some(entry) => all.known.push((finding, entry)),
            }
        }
        all.gone = homeless.into_values().flatten().collect();
        all.gone.sort_by_key(|entry| entry.name());
        all
    }

    fn put_in_order(&mut self) {
        // Stable: of two with one name, the first stays.
        self.findings.sort_by(|a, b| a.name().cmp(&b.name()));
        self.findings.dedup_by(|b, a| a.name() == b.name());
    }
}

impl Accepted {
    fn name(&self) -> Name<'_> {
        (&self.path, &self.rule, &self.fingerprint)
    }
}

fn name_of(finding: &Finding) -> Name<'_> {
    (&finding.path, &finding.rule, &finding.fingerprint)
}
