//! The keys that values are anonymised and restored with.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use privet_crypto::RootKey;
use privet_pii::Keys;
use privet_policy::SecretRef;
use privet_types::TenantId;

use crate::rim;

/// Which key is used, and for what.
#[derive(Args)]
pub(crate) struct KeyArgs {
    /// The file that holds the key. `anonymize` makes it if it does not exist. Whoever has it can restore: keep it away
    /// from the anonymised texts, and keep a copy.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The environment variable that holds the key.
    #[arg(long, value_name = "NAME", conflicts_with = "key_file")]
    key_env: Option<String>,
    /// What may be linked: equal values get equal surrogates, hashes and deterministic tokens within a scope only.
    #[arg(long, default_value = "pii", value_name = "NAME")]
    pub(crate) scope: String,
    /// Whose data it is: `date_shift` moves all dates of a subject by the same number of days.
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
}

impl KeyArgs {
    /// The keys; new ones that are kept nowhere if none are named and none are needed.
    ///
    /// `needed_by`: what needs a key that is kept. `makes_file`: whether a key file that does not exist is made.
    ///
    /// # Errors
    /// If a key is needed and none is named, or it cannot be read.
    pub(crate) fn keys(&self, needed_by: Option<&str>, makes_file: bool) -> Result<Keys> {
        let reference = match (&self.key_file, &self.key_env) {
            (Some(path), _) => Some(SecretRef::File(path.clone())),
            (None, Some(name)) => Some(SecretRef::Env(name.clone())),
            (None, None) => None,
        };
        let root = match (reference, needed_by) {
            (Some(SecretRef::File(path)), _) if makes_file && !path.exists() => rim::make_key(&path)?,
            (Some(reference), _) => rim::read_key(&reference)?,
            (None, Some(what)) => bail!("{what} needs a key; name one with `--key-file` or `--key-env`"),
            (None, None) => RootKey::generate()?,
        };
        let keys = Keys::derive(&root, &TenantId::default(), &self.scope);
        Ok(match &self.subject {
            Some(subject) => keys.with_subject(subject),
            None => keys,
        })
    }
}
