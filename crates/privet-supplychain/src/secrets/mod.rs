//! Secrets in text: keys, tokens, passwords, private keys, by some thousand rules in one pass.
//!
//! One automaton looks for all keywords at once. Each hit leads to a look at its neighbourhood alone: the token at the keyword,
//! the value beside a name, or a regular expression in a window as wide as its match can be. What overlaps is resolved in
//! favour of the more specific rule. Rule files of gitleaks are read as they are.
//!
//! ```
//! use privet_supplychain::secrets::Rules;
//! use privet_types::Budget;
//!
//! let rules = Rules::embedded();
//! let text = format!("token = ghp_{}", "q7Zk2Rw9XtHn4LsVj8PmFc3GdY6bq7Zk2Rw9");
//! let found = rules.scan("config.py", text.as_bytes(), &Budget::unlimited())?;
//! assert_eq!(found.first().map(|f| &*f.rule), Some("github-pat"));
//! # Ok::<(), privet_supplychain::secrets::Error>(())
//! ```
//!
//! It does not ask issuers whether a token is live, and it does not decode containers: archives, notebooks and UTF-16 come here
//! as plain segments.

mod allow;
mod assign;
mod checksum;
mod code;
mod engine;
mod error;
mod examples;
mod files;
mod foreign;
mod issuer;
mod names;
mod near;
mod patterns;
mod rule;
mod special;
mod table;
mod template;
mod value;

use std::ops::Range;
use std::sync::Arc;

use privet_types::Budget;

pub use allow::{Reason, allowed_inline};
pub use error::Error;

use crate::Severity;

/// Compiled rules. Cheap to clone; scans share it between threads.
#[derive(Debug, Clone)]
pub struct Rules {
    inner: Arc<engine::Engine>,
}

/// What a rule says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInfo {
    /// Kebab-case, unique among the embedded rules.
    pub id: Arc<str>,
    /// What it finds.
    pub description: Arc<str>,
    /// How bad a finding is.
    pub severity: Severity,
}

/// One secret. It says where the secret stands, never what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretFinding {
    /// Id of the rule.
    pub rule: Arc<str>,
    /// What the rule finds.
    pub description: Arc<str>,
    /// How bad it is.
    pub severity: Severity,
    /// The secret itself, in bytes of the text; the whole text where the file as such is the secret.
    pub span: Range<usize>,
    /// The match that the secret stands in: with its name, or its frame.
    pub whole: Range<usize>,
    /// How sure it is, 0 to 1. Below 0.4: what may as well be a stand-in.
    pub confidence: f32,
}

impl Rules {
    /// The rules that come with Privet.
    #[must_use]
    pub fn embedded() -> Self {
        Self::of(rule::embedded().into_iter().map(Arc::new).collect())
    }

    /// Reads a rule file of gitleaks (`.gitleaks.toml`) as it is.
    ///
    /// `[extend] useDefault = true` brings the embedded rules in; `disabledRules` takes rules out of them. `[extend] path` and
    /// `url` name files that are not opened here, so they are refused. Commits in allow lists are never matched: a scan does not know them.
    ///
    /// # Errors
    /// [`Error::Syntax`] if `toml` is not a rule file, [`Error::Rule`] with rule and field for what cannot be used: a regular
    /// expression that does not compile, one with syntax of RE2 that is unknown here, an entropy that is no number.
    pub fn from_gitleaks(toml: &str) -> Result<Self, Error> {
        let file = foreign::read(toml)?;
        let mut rules: Vec<Arc<rule::Rule>> = file.rules.into_iter().map(Arc::new).collect();
        if file.use_default {
            let own = rule::embedded()
                .into_iter()
                .filter(|own| !file.disabled.iter().any(|id| **id == *own.id));
            let taken: Vec<Arc<str>> = rules.iter().map(|rule| Arc::clone(&rule.id)).collect();
            rules.extend(own.filter(|own| !taken.contains(&own.id)).map(Arc::new));
        }
        Ok(Self::of(rules))
    }

    /// These rules, and `other`'s. A rule of `other` whose id is taken stays beside the first.
    #[must_use]
    pub fn with(self, other: &Self) -> Self {
        let mut rules = self.inner.rules.clone();
        rules.extend(other.inner.rules.iter().cloned());
        Self::of(rules)
    }

    /// These rules without those named in `ids`; unknown ids change nothing.
    #[must_use]
    pub fn without(self, ids: &[String]) -> Self {
        let rules = self
            .inner
            .rules
            .iter()
            .filter(|rule| !ids.iter().any(|id| **id == *rule.id))
            .cloned()
            .collect();
        Self::of(rules)
    }

    /// A short text that changes when any rule changes, or the code that says what the embedded ones find: for the key of a cache. It
    /// is no cryptographic hash.
    #[must_use]
    pub fn hash(&self) -> String {
        self.inner.hash()
    }

    /// All rules, in the order in which they are asked.
    pub fn list(&self) -> impl Iterator<Item = RuleInfo> {
        self.inner.rules.iter().map(|rule| RuleInfo {
            id: Arc::clone(&rule.id),
            description: Arc::clone(&rule.description),
            severity: rule.severity,
        })
    }

    /// The secrets in `text`, sorted by where they start; none overlaps another.
    ///
    /// `path` is the path as it is shown, for rules that ask for it and for files that are secrets as a whole. Charges about
    /// one unit a byte. Memory: the findings and some KiB.
    ///
    /// # Errors
    /// [`Error::Budget`] if `budget` ends first, [`Error::Keywords`] if the rules cannot be put into one automaton.
    pub fn scan(&self, path: &str, text: &[u8], budget: &Budget) -> Result<Vec<SecretFinding>, Error> {
        self.inner.scan(path, text, budget)
    }

    /// Made-up text that the rule named `id` finds, and text that it does not; for tests. `None` for rules of gitleaks files.
    #[must_use]
    pub fn examples(&self, id: &str) -> Option<(String, String)> {
        self.inner
            .rules
            .iter()
            .find(|rule| &*rule.id == id)
            .and_then(|rule| rule.examples())
    }

    /// Made-up texts that are almost what the rule named `id` finds, and that it does not find; for tests. None for rules of gitleaks
    /// files.
    #[must_use]
    pub fn near_misses(&self, id: &str) -> Vec<String> {
        self.inner
            .rules
            .iter()
            .find(|rule| &*rule.id == id)
            .map(|rule| rule.near_misses())
            .unwrap_or_default()
    }

    fn of(rules: Vec<Arc<rule::Rule>>) -> Self {
        Self {
            inner: Arc::new(engine::Engine::new(rules)),
        }
    }
}
