//! The folder of a gateway, which outlives it.

use std::path::Path;

use privet_crypto::RootKey;
use privet_store::{AuditRow, Scope, Store, values};
use tempfile::TempDir;

/// What is left of a gateway on disk, for the next one. Dropped, it is deleted.
pub struct Home {
    dir: TempDir,
    pub(crate) root: String,
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    pub(crate) fn new() -> Self {
        let root = RootKey::generate().expect("random bytes");
        Self {
            dir: tempfile::tempdir().expect("a folder"),
            root: root.to_text().to_string(),
        }
    }

    /// Another folder with the same root key: for a second gateway of one installation.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self {
            dir: tempfile::tempdir().expect("a folder"),
            root: self.root.clone(),
        }
    }

    /// The folder with the settings' files.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// All audit events in the store.
    pub async fn audit(&self) -> Vec<AuditRow> {
        let root = RootKey::parse(&self.root).expect("a root key");
        let path = self.path().join("privet-data/privet.sqlite");
        let store = Store::open(&path, &root).await.expect("a store");
        let rows = store.audit_events(0, 10_000).await.expect("events");
        store.close().await;
        rows
    }

    /// What leaves of `kind` tell that belong to no tenant.
    pub async fn leaves(&self, kind: &str) -> Vec<serde_json::Value> {
        let root = RootKey::parse(&self.root).expect("a root key");
        let path = self.path().join("privet-data/privet.sqlite");
        let store = Store::open(&path, &root).await.expect("a store");
        let kind = kind.to_owned();
        let rows = store
            .database()
            .read::<Vec<String>, privet_store::Error, _>(&Scope::Installation, move |tx| {
                Box::pin(async move {
                    let sql = "SELECT payload FROM audit_events WHERE kind = $1 AND tenant = '*' ORDER BY id";
                    tx.rows(sql, values![kind]).await
                })
            })
            .await
            .expect("events");
        store.close().await;
        rows.iter()
            .map(|payload| serde_json::from_str(payload).expect("JSON"))
            .collect()
    }
}
