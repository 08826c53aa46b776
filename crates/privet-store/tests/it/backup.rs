//! Backups: taken from one database, restored into the same or the other kind.

use std::path::Path;

use jiff::Timestamp;
use privet_crypto::DataKey;
use privet_store::{
    ApiKeyRecord, AuditRecord, Error, InviteRecord, Location, Person, Sequencer, SessionRecord, SignInChange,
    SignInWay, Store, TokenKeyRecord, back_up, log_signer, open_backup, restore,
};
use privet_types::TenantId;

use crate::postgres::TestDatabase;
use crate::support::{change, event, root_key};

const CONTEXT: &[u8] = b"store";

fn key() -> DataKey {
    root_key().data_key("privet/test/backup", b"")
}

fn at() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

/// A store with some of everything, its log signed.
async fn filled(location: &Location) -> Store {
    let store = Store::open(location, &root_key()).await.unwrap();
    let records: Vec<_> = (1..=1234)
        .map(|i| AuditRecord::new(i, &event(i)).unwrap())
        .collect();
    store.append_audit("n", &records).await.unwrap();
    let record = ApiKeyRecord {
        id: "a".to_owned(),
        hash: [7; 32],
        principal: "ann".parse().unwrap(),
        tenant: TenantId::default(),
        created_at: at(),
        expires_at: None,
        revoked_at: Some(at()),
        scopes: privet_types::KeyScopes::default(),
        successor: None,
        grace_until: None,
        line: None,
    };
    store.insert_api_key(&record, &change("a", 1)).await.unwrap();
    sequence(&store).await;
    let more = [AuditRecord::new(1235, &event(1235)).unwrap()];
    store.append_audit("n", &more).await.unwrap();
    store
}

async fn sequence(store: &Store) -> u64 {
    let signer = log_signer(&root_key(), None).unwrap();
    let mut sequencer = Sequencer::open(store.clone(), signer).await.unwrap();
    sequencer.run_once().await.unwrap()
}

async fn backed_up(store: &Store) -> Vec<u8> {
    let mut file = Vec::new();
    let mut told = Vec::new();
    let mut progress = |rows| told.push(rows);
    let summary = back_up(store.database(), &key(), CONTEXT, at(), &mut file, &mut progress)
        .await
        .unwrap();
    assert_eq!(summary.bytes, file.len() as u64);
    assert_eq!(summary.rows["audit_events"], 1236);
    assert!(!told.is_empty());
    let read = open_backup(&key(), CONTEXT, &mut file.as_slice()).unwrap();
    assert_eq!(read, summary);
    file
}

/// Restores into `location`; the store there has what `before` has, and its log goes on.
async fn restored(file: &[u8], location: &Location, before: &Store) {
    let database = privet_store::open_store_database(location).await.unwrap();
    restore(&database, &key(), CONTEXT, &mut &*file, &mut |_| {})
        .await
        .unwrap();
    database.close().await;
    let after = Store::open(location, &root_key()).await.unwrap();
    assert_eq!(
        after.list_api_keys().await.unwrap(),
        before.list_api_keys().await.unwrap()
    );
    assert_eq!(after.audit_count().await.unwrap(), 1236);
    assert_eq!(
        after.log_leaves(0, 9999).await.unwrap(),
        before.log_leaves(0, 9999).await.unwrap()
    );
    assert_eq!(sequence(&after).await, 1, "the leaf that had no position yet");
    let next = [AuditRecord::new(1236, &event(1236)).unwrap()];
    after.append_audit("n", &next).await.unwrap();
    assert_eq!(sequence(&after).await, 1);
    after.close().await;
}

fn sqlite(dir: &Path, name: &str) -> Location {
    Location::Sqlite(dir.join(name))
}

#[tokio::test]
async fn a_sqlite_store_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(&sqlite(dir.path(), "a.sqlite")).await;
    let file = backed_up(&store).await;
    restored(&file, &sqlite(dir.path(), "b.sqlite"), &store).await;
}

#[tokio::test]
async fn a_store_moves_from_sqlite_to_postgres_and_back() {
    let Some(there) = TestDatabase::new().await else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let store = filled(&sqlite(dir.path(), "a.sqlite")).await;
    restored(&backed_up(&store).await, &there.location(), &store).await;
    let on_server = TestDatabase::new().await.unwrap();
    let store = filled(&on_server.location()).await;
    restored(&backed_up(&store).await, &sqlite(dir.path(), "b.sqlite"), &store).await;
    store.close().await;
    on_server.drop().await;
    there.drop().await;
}

#[tokio::test]
async fn a_backup_that_is_cut_changed_or_for_something_else_restores_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(&sqlite(dir.path(), "a.sqlite")).await;
    let file = backed_up(&store).await;
    let location = sqlite(dir.path(), "b.sqlite");
    let database = privet_store::open_store_database(&location).await.unwrap();
    let cut = &file[..file.len() - 1];
    let cut_at_a_chunk = &file[..96 + 65_552];
    let mut changed = file.clone();
    changed[file.len() / 2] ^= 1;
    for (bad, context) in [
        (cut, CONTEXT),
        (cut_at_a_chunk, CONTEXT),
        (changed.as_slice(), CONTEXT),
        (file.as_slice(), b"keyring".as_slice()),
        (b"not a backup".as_slice(), CONTEXT),
    ] {
        let refused = restore(&database, &key(), context, &mut &*bad, &mut |_| {}).await;
        assert!(matches!(refused, Err(Error::BadBackup { .. })), "{refused:?}");
        assert!(open_backup(&key(), context, &mut &*bad).is_err());
    }
    // Nothing of those stayed: the good one finds the database empty.
    restore(&database, &key(), CONTEXT, &mut file.as_slice(), &mut |_| {})
        .await
        .unwrap();
}

#[tokio::test]
async fn a_store_in_use_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(&sqlite(dir.path(), "a.sqlite")).await;
    let file = backed_up(&store).await;
    let refused = restore(
        store.database(),
        &key(),
        CONTEXT,
        &mut file.as_slice(),
        &mut |_| {},
    )
    .await;
    assert!(matches!(refused, Err(Error::NotEmpty { .. })), "{refused:?}");
    assert_eq!(store.audit_count().await.unwrap(), 1236);
}

#[tokio::test]
async fn a_backup_of_a_newer_privet_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(&sqlite(dir.path(), "a.sqlite")).await;
    store
        .database()
        .write(&privet_store::Scope::Installation, |tx| {
            Box::pin(tx.execute("INSERT INTO schema_version (version) VALUES (999)", Vec::new()))
        })
        .await
        .unwrap();
    let file = backed_up(&store).await;
    let database = privet_store::open_store_database(&sqlite(dir.path(), "b.sqlite"))
        .await
        .unwrap();
    let refused = restore(&database, &key(), CONTEXT, &mut file.as_slice(), &mut |_| {}).await;
    assert!(
        matches!(refused, Err(Error::NewerSchema { found: 999, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn nobody_is_signed_in_or_invited_by_a_backup() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(&sqlite(dir.path(), "a.sqlite")).await;
    let tenant = TenantId::default();
    let change = SignInChange {
        at: at(),
        tenant: tenant.as_str().to_owned(),
        principal: None,
        session: None,
        way: None,
        count: None,
        expires_at: None,
    };
    let later = at().checked_add(std::time::Duration::from_secs(600)).unwrap();
    let session = SessionRecord {
        hash: [1; 32],
        id: "session1".to_owned(),
        tenant: tenant.clone(),
        principal: "ann".parse().unwrap(),
        way: SignInWay::Passkey,
        has_two_factors: true,
        made_at: at(),
        seen_at: at(),
        proved_at: at(),
        expires_at: later,
    };
    assert!(store.insert_session(&session, None, 5, &change).await.unwrap());
    let invite = InviteRecord {
        hash: [2; 32],
        tenant: tenant.clone(),
        principal: "bob".parse().unwrap(),
        expires_at: later,
    };
    store.insert_invite(&invite, &change).await.unwrap();
    assert!(store.use_challenge([3; 32], &tenant, at(), later).await.unwrap());
    let who = Person {
        tenant: &tenant,
        principal: &invite.principal,
    };
    assert!(store.set_password(who, "hash", None, &change).await.unwrap());
    store.insert_invite(&invite, &change).await.unwrap();
    let key_of_tokens = TokenKeyRecord {
        kid: "one".to_owned(),
        made_at: at(),
        sealed: vec![7],
    };
    assert!(store.rotate_token_key(&key_of_tokens, at(), at()).await.unwrap());

    let mut file = Vec::new();
    let summary = back_up(store.database(), &key(), CONTEXT, at(), &mut file, &mut |_| {})
        .await
        .unwrap();
    for table in ["sign_in_sessions", "invites", "passkey_challenges", "token_keys"] {
        assert!(!summary.rows.contains_key(table), "{table}");
    }
    let location = sqlite(dir.path(), "b.sqlite");
    let database = privet_store::open_store_database(&location).await.unwrap();
    restore(&database, &key(), CONTEXT, &mut file.as_slice(), &mut |_| {})
        .await
        .unwrap();
    database.close().await;
    let after = Store::open(&location, &root_key()).await.unwrap();
    assert_eq!(after.password(who).await.unwrap().as_deref(), Some("hash"));
    assert_eq!(after.session([1; 32]).await.unwrap(), None);
    assert_eq!(after.invite([2; 32], at()).await.unwrap(), None);
    assert_eq!(after.load_api_keys().await.unwrap().tokens.keys, []);
    after.close().await;
}
