//! The `[shared_limits]` table.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::full_path;
use crate::key_path::{Fault, KeyPath};
use crate::{Period, SecretRef};

/// The `[shared_limits]` table: a Valkey or Redis server by which several nodes share the policy's limits. Without it each node counts
/// for itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SharedLimitsSettings {
    /// Where the server's URL is kept: `rediss://user:password@host:6379`, or `redis://` without TLS.
    pub url: SecretRef,
    /// Certificates (PEM) that the server's own must rest on; those that browsers trust if left out.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whether a server on another machine may be spoken to without TLS.
    #[serde(default)]
    pub allow_plaintext: bool,
    /// Longest wait for an answer, 10 ms to 5 s. Past it the server counts as down.
    #[serde(default = "default_timeout")]
    pub timeout: Period,
}

fn default_timeout() -> Period {
    Period::from_millis(250)
}

pub(super) fn check(
    settings: Option<SharedLimitsSettings>,
    document: &Path,
) -> Result<Option<SharedLimitsSettings>, Fault> {
    let at = KeyPath::of("shared_limits");
    let Some(settings) = settings else {
        return Ok(None);
    };
    if !(Period::from_millis(10)..=Period::from_millis(5_000)).contains(&settings.timeout) {
        return Err(at.key("timeout").fault("use 10ms to 5s"));
    }
    let ca_file = settings
        .ca_file
        .map(|path| full_path(&path, &at.key("ca_file"), document))
        .transpose()?;
    Ok(Some(SharedLimitsSettings {
        url: settings.url.beside(document),
        ca_file,
        ..settings
    }))
}
