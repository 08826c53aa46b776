//! The keyring, on both databases.

mod crash;
mod erasure;
mod events;
mod index;
mod keys;
mod rotation;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use privet_crypto::{DataKey, KeyId, RootKey};
use privet_store::{Database, Error, Keyring, KeyringConfig, Location, Scope, Value};
use privet_types::{Clock, TenantId};
use tempfile::TempDir;

use crate::postgres::TestDatabase;
use crate::support::root_key;

pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// Time that a test sets, in days.
#[derive(Default)]
pub(crate) struct Days(AtomicI64);

impl Clock for Days {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed) * 86_400).unwrap()
    }
}

impl Days {
    pub(crate) fn set(&self, day: i64) {
        self.0.store(day, Ordering::Relaxed);
    }
}

/// A place for a keyring, and its time.
pub(crate) struct Place {
    pub(crate) location: Location,
    pub(crate) clock: Arc<Days>,
    dir: TempDir,
    database: Option<TestDatabase>,
}

/// A place on SQLite.
pub(crate) fn sqlite_place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    Place {
        location: Location::Sqlite(dir.path().join("keyring.sqlite")),
        clock: Arc::default(),
        dir,
        database: None,
    }
}

/// One place on SQLite, and one on PostgreSQL if there is a server.
pub(crate) async fn places() -> Vec<Place> {
    let mut places = vec![sqlite_place()];
    if let Some(database) = TestDatabase::new().await {
        places.push(Place {
            location: database.location(),
            clock: Arc::default(),
            dir: tempfile::tempdir().unwrap(),
            database: Some(database),
        });
    }
    places
}

impl Place {
    pub(crate) async fn open_with(
        &self,
        root: Arc<RootKey>,
        config: KeyringConfig,
    ) -> Result<Keyring, Error> {
        Keyring::open(&self.location, root, config, self.clock.clone()).await
    }

    pub(crate) async fn open(&self) -> Keyring {
        self.open_with(root_key(), KeyringConfig::default())
            .await
            .unwrap()
    }

    /// As a process that just started: without anything in memory.
    pub(crate) async fn reads_all(&self, root: Arc<RootKey>, made: &[(KeyId, Arc<DataKey>)]) {
        let keyring = self.open_with(root, KeyringConfig::default()).await.unwrap();
        let ids: Vec<_> = made.iter().map(|(id, _)| *id).collect();
        let read = keyring.keys(&tenant(), &ids).await.unwrap();
        assert!(
            made.iter()
                .zip(&read)
                .all(|((id, _), key)| key.as_ref().is_some_and(|key| key.id() == *id))
        );
        keyring.close().await;
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What tells another process where it is.
    pub(crate) fn tell_place(&self) {
        let text = match &self.database {
            Some(database) => database.url(),
            None => "keyring.sqlite".to_owned(),
        };
        std::fs::write(self.dir.path().join("place"), text).unwrap();
    }

    pub(crate) async fn drop(self) {
        if let Some(database) = self.database {
            database.drop().await;
        }
    }
}

pub(crate) fn tenant() -> TenantId {
    TenantId::default()
}

/// Changes rows by hand.
pub(crate) async fn by_hand(database: &Database, sql: &'static str, values: Vec<Value>) -> u64 {
    database
        .write(&Scope::Installation, move |tx| {
            Box::pin(async move { tx.execute(sql, values).await })
        })
        .await
        .unwrap()
}

/// A number by hand.
pub(crate) async fn number(database: &Database, sql: &'static str) -> i64 {
    database
        .read(&Scope::Installation, move |tx| {
            Box::pin(async move { tx.one::<i64>(sql, vec![]).await })
        })
        .await
        .unwrap()
}
