//! A store with subjects whose keys are at hand, and a clock that stands still.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use privet_crypto::{DataKey, RootKey};
use privet_store::{Location, Scope, Store};
use privet_types::{Clock, Pseudonym, TenantId};
use privet_vault::{
    Actor, Consent, ConsentConfig, Error, KeyAnswer, LegalBasis, Purpose, Recipient, RecipientRole,
    Retention, RetentionTarget, SubjectKeys,
};
use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;

use crate::postgres::TestDatabase;

pub(crate) const START: i64 = 1_800_000_000_000;
pub(crate) const DAY: i64 = 86_400_000;

/// Stands still until it is set.
#[derive(Default)]
pub(crate) struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// Keys of subjects, made when a test names one.
#[derive(Default)]
pub(crate) struct Keys(Mutex<HashMap<String, Arc<DataKey>>>);

impl Keys {
    pub(crate) fn add(&self, subject: &str) {
        let key = Arc::new(DataKey::generate().unwrap());
        self.0.lock().unwrap().insert(subject.to_owned(), key);
    }

    pub(crate) fn shred(&self, subject: &str) {
        self.0.lock().unwrap().remove(subject);
    }

    pub(crate) fn get(&self, subject: &str) -> Option<Arc<DataKey>> {
        self.0.lock().unwrap().get(subject).map(Arc::clone)
    }
}

impl SubjectKeys for Keys {
    fn data_key<'a>(&'a self, _: &'a TenantId, subject: &'a str) -> KeyAnswer<'a> {
        let key = self.get(subject);
        Box::pin(async move { Ok::<_, Error>(key) })
    }
}

/// An installation.
pub(crate) struct Site {
    location: Location,
    owner: Option<String>,
    pub(crate) store: Store,
    pub(crate) keys: Arc<Keys>,
    pub(crate) clock: Arc<Hands>,
    pub(crate) consent: Consent,
    pub(crate) actor: Actor,
    _dir: Option<TempDir>,
}

impl Site {
    async fn open(location: Location, dir: Option<TempDir>, owner: Option<String>) -> Self {
        let store = Store::open(&location, &root()).await.unwrap();
        let keys = Arc::new(Keys::default());
        for subject in ["ada", "bo", "cy"] {
            keys.add(subject);
        }
        let clock = Arc::new(Hands(AtomicI64::new(START)));
        let consent = consent(&store, &keys, &clock);
        Self {
            location,
            owner,
            store,
            keys,
            clock,
            consent,
            actor: actor("default"),
            _dir: dir,
        }
    }

    /// Another process on the same store.
    pub(crate) async fn other_process(&self) -> (Store, Consent) {
        let store = Store::open(&self.location, &root()).await.unwrap();
        let consent = consent(&store, &self.keys, &self.clock);
        (store, consent)
    }

    pub(crate) fn retention(&self, targets: &[RetentionTarget]) -> Retention {
        Retention::new(
            self.store.database().clone(),
            self.keys.clone(),
            self.clock.clone(),
            targets,
        )
    }

    /// A table of another room, which the store's own role cannot make on PostgreSQL.
    pub(crate) async fn make_notes(&self) {
        let table = "CREATE TABLE notes (tenant TEXT NOT NULL, id TEXT NOT NULL, at BIGINT NOT NULL, \
            day BIGINT NOT NULL, subject TEXT NOT NULL, purpose TEXT, surface TEXT, ends BIGINT, \
            PRIMARY KEY (tenant, id))";
        if let Some(url) = &self.owner {
            let mut owner = PgConnection::connect(url).await.unwrap();
            owner.execute(table).await.unwrap();
            owner
                .execute("GRANT SELECT, INSERT, DELETE ON notes TO privet_app")
                .await
                .unwrap();
        } else {
            let done: Result<(), privet_store::Error> = self
                .store
                .database()
                .write(&Scope::Installation, move |tx| {
                    Box::pin(async move { tx.script(table).await })
                })
                .await;
            done.unwrap();
        }
    }

    pub(crate) fn tenant(&self) -> &TenantId {
        &self.actor.tenant
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn pass(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// The kinds of all leaves, and whether a text is in any of them.
    pub(crate) async fn leaves(&self) -> Vec<(String, String)> {
        self.store
            .database()
            .read(&Scope::Installation, |tx| {
                Box::pin(async move {
                    tx.rows("SELECT kind, payload FROM audit_events ORDER BY id", Vec::new())
                        .await
                })
            })
            .await
            .map_err(|error: privet_store::Error| error)
            .unwrap()
    }
}

fn root() -> RootKey {
    RootKey::parse(&format!("privet-root-1:{}", "5".repeat(64))).unwrap()
}

fn consent(store: &Store, keys: &Arc<Keys>, clock: &Arc<Hands>) -> Consent {
    Consent::new(
        store.database().clone(),
        keys.clone(),
        clock.clone(),
        ConsentConfig::default(),
    )
}

pub(crate) fn actor(tenant: &str) -> Actor {
    Actor {
        tenant: tenant.parse().unwrap(),
        principal: Pseudonym("0123456789abcdef0123456789abcdef".to_owned()),
    }
}

/// Runs `test` on SQLite, and on PostgreSQL where a server is named.
pub(crate) async fn on_both<F: Future<Output = ()>>(test: impl Fn(Arc<Site>) -> F) {
    let dir = tempfile::tempdir().unwrap();
    let location = Location::Sqlite(dir.path().join("vault.sqlite"));
    let site = Arc::new(Site::open(location, Some(dir), None).await);
    test(site.clone()).await;
    site.store.close().await;
    if let Some(database) = TestDatabase::new().await {
        let site = Arc::new(Site::open(database.location(), None, Some(database.url())).await);
        test(site.clone()).await;
        site.store.close().await;
        database.drop().await;
    }
}

pub(crate) fn names(all: &[&str]) -> std::collections::BTreeSet<String> {
    all.iter().map(|&name| name.to_owned()).collect()
}

/// A purpose with two categories of data and one recipient.
pub(crate) fn purpose(name: &str, basis: LegalBasis) -> Purpose {
    Purpose {
        name: name.to_owned(),
        title: format!("Title of {name}"),
        description: String::new(),
        iri: Some("https://w3id.org/dpv#ServiceProvision".to_owned()),
        basis,
        special: None,
        categories: names(&["prompt", "profile"]),
        special_categories: names(&[]),
        recipients: names(&["acme-ai"]),
        valid_days: None,
        is_direct_marketing: false,
        compelling_grounds: None,
        serves_legal_claims: false,
    }
}

pub(crate) fn recipient() -> Recipient {
    Recipient {
        name: "acme-ai".to_owned(),
        title: "Acme AI".to_owned(),
        role: RecipientRole::Processor,
        country: "DE".to_owned(),
        transfer: None,
    }
}
