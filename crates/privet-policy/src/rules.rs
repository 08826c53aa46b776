//! `rules.toml`: what is looked for beside the policy's own, in files that may come from somebody else.

use std::path::Path;

use privet_pii::{Config, Recognizer, Terms};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::key_path::KeyPath;
use crate::policy::check_terms;
use crate::{Error, document};

/// A file of rules, as written and as checked. Says what is looked for; what becomes of it is the policy's to say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "Privet rules (rules.toml)")]
pub struct RulesFile {
    /// Terms that are private wherever they stand as whole words: names of people, projects, customers.
    pub terms: Vec<Terms>,
    /// Values that are never private: a finding that is one of them, to the letter, is dropped.
    pub allow_list: Vec<String>,
    /// Recognisers of one's own.
    pub recognizers: Vec<Recognizer>,
}

impl RulesFile {
    /// Reads the rules in `text`. `path` is where the text came from, for errors; it is not read.
    ///
    /// # Errors
    /// [`Error`] at the first fault, with its line, column and key, and never with a value.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        document::read(text, path, |file: Self| {
            check_terms(&file.terms, &KeyPath::of("terms"))?;
            Ok(file)
        })
    }

    /// Adds them to what `pii` looks for.
    pub(crate) fn add_to(&self, pii: &mut Config) {
        pii.terms.extend(self.terms.iter().cloned());
        pii.allow_list.extend(self.allow_list.iter().cloned());
        pii.recognizers.extend(self.recognizers.iter().cloned());
    }
}

/// The JSON Schema of `rules.toml`, as committed in `schema/rules.schema.json`.
#[must_use]
pub fn schema() -> String {
    document::schema::<RulesFile>()
}
