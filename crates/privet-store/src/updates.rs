//! What the log is told of signed updates. They lie in files; the store keeps nothing of them.

use jiff::Timestamp;
use serde::Serialize;

use crate::log::{Leaf, append_leaf};
use crate::{Error, Store};

/// What was done with updates of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateStep {
    /// Another one was put in force.
    Installed,
    /// An earlier one was put in force again.
    RolledBack,
    /// The kind was bound to one version.
    Pinned,
    /// It may follow any version again.
    Unpinned,
}

/// What the log is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpdateChange {
    /// When, UTC.
    pub at: Timestamp,
    /// What kind of update: `policy`, `rules` or `feed`.
    pub update: &'static str,
    /// The version it is about.
    pub version: u64,
    /// The version that was in force before, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// SHA-256 of its head, in hexadecimal digits: manifest and signatures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// The public keys whose signatures counted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<String>,
}

impl UpdateStep {
    const fn leaf(self) -> &'static str {
        match self {
            Self::Installed => "update_installed",
            Self::RolledBack => "update_rolled_back",
            Self::Pinned => "update_pinned",
            Self::Unpinned => "update_unpinned",
        }
    }
}

impl Store {
    /// Tells the log of `change`.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn tell_update(&self, step: UpdateStep, change: &UpdateChange) -> Result<(), Error> {
        let change = change.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let leaf = Leaf {
                    kind: step.leaf(),
                    tenant: "*",
                    at: change.at,
                    payload: &change,
                };
                append_leaf(tx, leaf).await
            })
        })
        .await
    }
}
