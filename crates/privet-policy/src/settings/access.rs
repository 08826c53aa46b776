//! The `[access]` table of the settings: whose signatures count and what they signed, and whose tokens are taken.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::full_path;
use super::issuers::{self, IssuerFile, TrustedIssuer};
use crate::Period;
use crate::key_path::{Fault, KeyPath};

/// The `[access]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccessFile {
    /// Public keys of those who sign assessments of providers and records of training: `privet-verifying-1:` and 64
    /// hexadecimal digits, as `privet policy signer` prints them.
    pub signers: Vec<String>,
    /// Files of signed assessments (`privet policy assess`); relative to this file. One that nobody of `signers` has signed
    /// counts for nothing.
    pub assessments: Vec<PathBuf>,
    /// Whose tokens (JWT) are taken beside Privet's own keys.
    pub issuers: Vec<IssuerFile>,
    /// How long a token of `POST /api/v1/tokens` lives at most, 1 s to 1 h; also how long it lives if nothing else is asked for.
    pub token_life: Period,
}

impl Default for AccessFile {
    fn default() -> Self {
        Self {
            signers: Vec::new(),
            assessments: Vec::new(),
            issuers: Vec::new(),
            token_life: Period::from_millis(15 * 60_000),
        }
    }
}

/// What `[access]` says, as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessSettings {
    /// Whose signatures count.
    pub signers: Vec<String>,
    /// Files of signed assessments.
    pub assessments: Vec<PathBuf>,
    /// Whose tokens are taken. INVARIANT: no two of one name, or of one `issuer`.
    pub issuers: Vec<TrustedIssuer>,
    /// How long Privet's own short-lived tokens live at most.
    pub token_life: Period,
}

/// Checks `[access]`; paths are relative to the current folder then.
pub(super) fn check(file: AccessFile, document: &Path) -> Result<AccessSettings, Fault> {
    let at = KeyPath::of("access");
    check_signers(&file.signers, &at.key("signers"))?;
    if !(Period::from_millis(1_000)..=Period::from_millis(3_600_000)).contains(&file.token_life) {
        return Err(at.key("token_life").fault("use 1s to 1h"));
    }
    let path_at = at.key("assessments");
    let assessments = file.assessments.iter().enumerate();
    let assessments = assessments
        .map(|(index, path)| full_path(path, &path_at.index(index), document))
        .collect::<Result<_, _>>()?;
    Ok(AccessSettings {
        signers: file.signers,
        assessments,
        issuers: issuers::check(file.issuers, &at.key("issuers"), document)?,
        token_life: file.token_life,
    })
}

/// That each of `signers` is a public key.
pub(super) fn check_signers(signers: &[String], at: &KeyPath) -> Result<(), Fault> {
    for (index, signer) in signers.iter().enumerate() {
        let digits = signer.strip_prefix("privet-verifying-1:");
        let is_key = digits.is_some_and(|digits| {
            digits.len() == 64
                && digits
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        });
        if !is_key {
            return Err(at.index(index).fault(
                "use a public key: `privet-verifying-1:` and 64 hexadecimal digits, as `privet policy signer` prints them",
            ));
        }
    }
    Ok(())
}
