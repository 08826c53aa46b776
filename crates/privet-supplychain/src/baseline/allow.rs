//! Allow lists: findings that are not reported, each with a reason.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{BaselineError, PathGlobs};
use crate::{Category, Finding};

/// One entry of an allow list. A finding is allowed if each list that is given has something that matches it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// Globs over paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Rules, each by its id or as a beginning with `*`: `aws-*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Fingerprints, as they stand in a report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fingerprints: Vec<String>,
    /// Categories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<Category>,
    /// Why. It must not be empty.
    pub reason: String,
    /// The last day on which it holds: `2027-01-31`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "day")]
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub until: Option<Date>,
}

/// Allow lists, ready to be applied.
#[derive(Debug)]
pub struct AllowList {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    allow: Allow,
    paths: PathGlobs,
}

/// What became of findings under an [`AllowList`].
#[derive(Debug, Default)]
pub struct Allowed {
    /// What no entry allows, in the order in which it came.
    pub kept: Vec<Finding>,
    /// What one allows, with the reason.
    pub suppressed: Vec<(Finding, String)>,
    /// What each entry came to, in the order of the list.
    pub entries: Vec<Suppressing>,
}

/// What one entry of an [`AllowList`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suppressing {
    /// Which, from 1.
    pub entry: usize,
    /// How many findings it suppressed. A finding is counted for the first entry that allows it.
    pub count: usize,
    /// Whether its last day is over: it suppressed nothing.
    pub is_expired: bool,
    /// Whether it matched nothing, also not what an entry before it had suppressed.
    pub is_unused: bool,
}

impl AllowList {
    /// Checks and compiles `entries`.
    ///
    /// # Errors
    /// [`BaselineError::BadEntry`] for the first one without a reason, without any condition, or with a bad glob or rule.
    pub fn new(entries: Vec<Allow>) -> Result<Self, BaselineError> {
        let entries = entries
            .into_iter()
            .enumerate()
            .map(|(index, allow)| Entry::new(index + 1, allow))
            .collect::<Result<_, _>>()?;
        Ok(Self { entries })
    }

    /// Parts `findings` into what is reported on `today` and what is not.
    #[must_use]
    pub fn apply(&self, findings: Vec<Finding>, today: Date) -> Allowed {
        let mut all = Allowed {
            entries: self
                .entries
                .iter()
                .enumerate()
                .map(|(index, entry)| Suppressing {
                    entry: index + 1,
                    count: 0,
                    is_expired: entry.allow.until.is_some_and(|until| until < today),
                    is_unused: true,
                })
                .collect(),
            ..Allowed::default()
        };
        for finding in findings {
            let mut reason = None;
            for (entry, tally) in self.entries.iter().zip(&mut all.entries) {
                if !entry.matches(&finding) {
                    continue;
                }
                tally.is_unused = false;
                if !tally.is_expired && reason.is_none() {
                    tally.count += 1;
                    reason = Some(entry.allow.reason.clone());
                }
            }
            match reason {
                Some(reason) => all.suppressed.push((finding, reason)),
                None => all.kept.push(finding),
            }
        }
        all
    }
}

impl Allowed {
    /// What to tell people: entries that are over or that match nothing any more.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut said = Vec::new();
        for entry in &self.entries {
            let number = entry.entry;
            if entry.is_unused {
                said.push(format!(
                    "allow entry {number} matches nothing; take it out if it is no longer needed"
                ));
            } else if entry.is_expired {
                said.push(format!(
                    "allow entry {number} is past its last day: what it allowed is reported again"
                ));
            }
        }
        said
    }
}

impl Entry {
    fn new(number: usize, allow: Allow) -> Result<Self, BaselineError> {
        let bad = |what: String| BaselineError::BadEntry { entry: number, what };
        if allow.reason.trim().is_empty() {
            return Err(bad("`reason` is empty; say why this is allowed".to_owned()));
        }
        let has_condition = !(allow.paths.is_empty()
            && allow.rules.is_empty()
            && allow.fingerprints.is_empty()
            && allow.categories.is_empty());
        if !has_condition {
            return Err(bad(
                "it would allow everything; give `paths`, `rules`, `fingerprints` or `categories`".to_owned(),
            ));
        }
        if let Some(rule) = allow.rules.iter().find(|rule| !is_rule(rule)) {
            return Err(bad(format!(
                "`rules` has `{rule}`: give an id, or the beginning of one and `*` at its end"
            )));
        }
        if allow.fingerprints.iter().any(|print| !is_fingerprint(print)) {
            // What is not a fingerprint may be the value itself, so it is not repeated.
            return Err(bad(
                "`fingerprints` has one that is not 32 hexadecimal digits; copy it from a report".to_owned(),
            ));
        }
        let paths = PathGlobs::new(&allow.paths).map_err(|error| bad(format!("`paths`, {error}")))?;
        Ok(Self { allow, paths })
    }

    fn matches(&self, finding: &Finding) -> bool {
        let allow = &self.allow;
        let has = |is_given: bool, fits: bool| !is_given || fits;
        has(
            !allow.categories.is_empty(),
            allow.categories.contains(&finding.category),
        ) && has(
            !allow.fingerprints.is_empty(),
            allow
                .fingerprints
                .iter()
                .any(|print| print.eq_ignore_ascii_case(&finding.fingerprint)),
        ) && has(
            !allow.rules.is_empty(),
            allow.rules.iter().any(|rule| is_of(rule, &finding.rule)),
        ) && has(!self.paths.is_empty(), self.paths.matches(&finding.path))
    }
}

/// A day as text, or as a date of TOML.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Toml(toml::value::Datetime),
    }
    let bad = |_| D::Error::custom("expected a day such as `2027-01-31`");
    let text = match Option::<Written>::deserialize(deserializer).map_err(|_| bad(()))? {
        None => return Ok(None),
        Some(Written::Text(text)) => text,
        Some(Written::Toml(date)) => date.to_string(),
    };
    text.parse().map(Some).map_err(|_| bad(()))
}

/// Whether `rule` is the id `pattern`, or begins as a `pattern` that ends in `*` says.
fn is_of(pattern: &str, rule: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(pattern == rule, |beginning| rule.starts_with(beginning))
}

fn is_rule(pattern: &str) -> bool {
    let beginning = pattern.strip_suffix('*').unwrap_or(pattern);
    !beginning.is_empty()
        && !beginning.contains('*')
        && !beginning.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn is_fingerprint(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
