//! API keys from their making to their revocation, over a real store.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod assessments;
mod people;
mod policies;
mod roles;
mod rotation;
mod sign_in;
mod tokens;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use privet_access::{
    Denied, Error, KeyRing, KeyRingConfig, NewKey, create_key, list_keys, revoke_key, run_refresh,
};
use privet_crypto::RootKey;
use privet_store::Store;
use privet_types::{Clock, KeyScopes, TenantId};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// A clock that stands until it is set.
struct FakeClock(AtomicI64);

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

struct House {
    dir: TempDir,
    root: RootKey,
    store: Store,
    clock: FakeClock,
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = RootKey::generate().unwrap();
        let store = Store::open(&dir.path().join("privet.sqlite"), &root)
            .await
            .unwrap();
        Self {
            dir,
            root,
            store,
            clock: FakeClock(AtomicI64::new(1_700_000_000)),
        }
    }

    /// A store of its own on the same file, as another process has it.
    async fn other_store(&self) -> Store {
        Store::open(&self.dir.path().join("privet.sqlite"), &self.root)
            .await
            .unwrap()
    }

    async fn ring(&self, config: KeyRingConfig) -> KeyRing {
        KeyRing::open(self.store.clone(), &self.root, config)
            .await
            .unwrap()
    }

    async fn key(&self, principal: &str, expires_at: Option<Timestamp>) -> NewKey {
        let (tenant, principal) = (TenantId::default(), principal.parse().unwrap());
        create_key(
            &self.store,
            &self.root,
            &tenant,
            &principal,
            KeyScopes::default(),
            expires_at,
            &self.clock,
        )
        .await
        .unwrap()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Unknown keys cause no look into the store within the life of a test.
fn never_looking() -> KeyRingConfig {
    KeyRingConfig {
        unknown_key_interval: Duration::from_secs(3600),
        ..KeyRingConfig::default()
    }
}

/// Every unknown key causes a look.
fn always_looking() -> KeyRingConfig {
    KeyRingConfig {
        unknown_key_interval: Duration::ZERO,
        ..KeyRingConfig::default()
    }
}

#[tokio::test]
async fn a_key_lets_its_principal_in() {
    let house = House::new().await;
    let new = house.key("ann", None).await;
    let ring = house.ring(KeyRingConfig::default()).await;
    let caller = ring.authenticate(new.key.expose(), house.now()).await.unwrap();
    assert_eq!(
        (caller.principal.as_str(), caller.tenant, caller.key_id),
        ("ann", TenantId::default(), new.record.id)
    );
}

#[tokio::test]
async fn a_key_is_nowhere_in_the_store_and_not_printed() {
    let house = House::new().await;
    let new = house.key("ann", None).await;
    house.store.close().await;
    let file = std::fs::read(house.dir.path().join("privet.sqlite")).unwrap();
    let secret = new.key.expose().strip_prefix("prvt_").unwrap().as_bytes();
    assert!(!file.windows(secret.len()).any(|window| window == secret));
    assert!(!format!("{new:?}").contains(new.key.expose()));
}

#[tokio::test]
async fn what_is_not_a_whole_key_is_told_apart_from_an_unknown_key() {
    let house = House::new().await;
    let known = house.key("ann", None).await;
    let stranger = House::new().await.key("eve", None).await;
    let ring = house.ring(always_looking()).await;
    let known = known.key.expose();
    for (presented, denied) in [
        (String::new(), Denied::Missing),
        (" ".to_owned(), Denied::Malformed),
        ("sk-not-ours".to_owned(), Denied::Malformed),
        (
            known.strip_suffix(|_| true).unwrap().to_owned(),
            Denied::Malformed,
        ),
        (format!("Bearer {known}"), Denied::Malformed),
        (format!("{known}\n"), Denied::Malformed),
        (known.to_uppercase(), Denied::Malformed),
        ("prvt_\u{1f511}".repeat(1 << 12), Denied::Malformed),
        (stranger.key.expose().clone(), Denied::Unknown),
    ] {
        assert_eq!(ring.authenticate(&presented, house.now()).await, Err(denied));
    }
}

#[tokio::test]
async fn a_key_is_good_until_the_moment_it_expires() {
    let house = House::new().await;
    let end = house.now() + Duration::from_secs(60);
    let new = house.key("ann", Some(end)).await;
    let ring = house.ring(KeyRingConfig::default()).await;
    let before = end - Duration::from_millis(1);
    assert!(ring.authenticate(new.key.expose(), before).await.is_ok());
    assert_eq!(
        ring.authenticate(new.key.expose(), end).await,
        Err(Denied::Expired)
    );
}

#[tokio::test]
async fn a_key_that_would_expire_at_once_is_not_made() {
    let house = House::new().await;
    let (tenant, principal, now) = (TenantId::default(), "ann".parse().unwrap(), house.now());
    let made = create_key(
        &house.store,
        &house.root,
        &tenant,
        &principal,
        KeyScopes::default(),
        Some(now),
        &house.clock,
    )
    .await;
    assert!(matches!(made, Err(Error::ExpiresInPast { .. })));
    assert!(list_keys(&house.store).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_key_made_by_another_process_works_at_once() {
    let house = House::new().await;
    let ring = KeyRing::open(house.other_store().await, &house.root, always_looking())
        .await
        .unwrap();
    let new = house.key("ann", None).await;
    assert!(ring.authenticate(new.key.expose(), house.now()).await.is_ok());
}

#[tokio::test]
async fn unknown_keys_cause_no_look_within_the_interval() {
    let house = House::new().await;
    let ring = house.ring(never_looking()).await;
    let new = house.key("ann", None).await;
    assert_eq!(
        ring.authenticate(new.key.expose(), house.now()).await,
        Err(Denied::Unknown)
    );
    assert!(ring.refresh_if_changed().await.unwrap());
    assert!(ring.authenticate(new.key.expose(), house.now()).await.is_ok());
}

#[tokio::test]
async fn a_revocation_by_another_process_is_seen_at_the_next_refresh() {
    let house = House::new().await;
    let new = house.key("ann", None).await;
    let ring = house.ring(KeyRingConfig::default()).await;
    assert!(!ring.refresh_if_changed().await.unwrap());
    revoke_key(
        &house.other_store().await,
        &house.root,
        &new.record.id,
        &house.clock,
    )
    .await
    .unwrap();
    assert!(ring.refresh_if_changed().await.unwrap());
    assert_eq!(
        ring.authenticate(new.key.expose(), house.now()).await,
        Err(Denied::Revoked)
    );
}

/// How often the task looks in the test below, as it does in a server.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Within a second where nothing else holds up the machine: what counts are looks at the store, not the clock.
#[tokio::test]
async fn the_refresh_task_sees_a_revocation_within_two_looks_and_ends_on_shutdown() {
    let house = House::new().await;
    let new = house.key("ann", None).await;
    let ring = std::sync::Arc::new(house.ring(never_looking()).await);
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn({
        let ring = ring.clone();
        async move {
            let stopped = async move { drop(stopped.await) };
            run_refresh(&ring, LOOK_EVERY, stopped).await;
        }
    });
    let other = house.other_store().await;
    let beside = KeyRing::open(other.clone(), &house.root, never_looking())
        .await
        .unwrap();
    revoke_key(&other, &house.root, &new.record.id, &house.clock)
        .await
        .unwrap();
    // Another ring that looks as often, and as slowly as the machine makes it. The third look is for one of the task's that had
    // begun before the revocation.
    for _ in 0..3 {
        tokio::time::sleep(LOOK_EVERY).await;
        beside.refresh_if_changed().await.unwrap();
    }
    let seen = ring.authenticate(new.key.expose(), house.now()).await;
    assert_eq!(seen, Err(Denied::Revoked));
    drop(stop);
    task.await.unwrap();
}

#[tokio::test]
async fn revoking_again_keeps_the_first_time_and_an_unknown_id_says_how_to_list() {
    let house = House::new().await;
    let new = house.key("ann", None).await;
    let first = revoke_key(&house.store, &house.root, &new.record.id, &house.clock)
        .await
        .unwrap();
    house.clock.0.fetch_add(60, Ordering::Relaxed);
    assert_eq!(
        revoke_key(&house.store, &house.root, &new.record.id, &house.clock)
            .await
            .unwrap(),
        first
    );
    let unknown = revoke_key(&house.store, &house.root, "nosuchkey", &house.clock)
        .await
        .unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "no API key has the id `nosuchkey`; list them with `privet key list`"
    );
}

#[tokio::test]
async fn listed_keys_are_what_was_made_in_that_order() {
    let house = House::new().await;
    let first = house.key("ann", None).await.record;
    house.clock.0.fetch_add(1, Ordering::Relaxed);
    let second = house
        .key("bob", Some(house.now() + Duration::from_secs(9)))
        .await
        .record;
    assert_eq!(first.id.len(), 12);
    assert_eq!(list_keys(&house.store).await.unwrap(), [first, second]);
}

#[tokio::test]
async fn known_keys_work_without_the_store_until_they_are_too_old() {
    let house = House::new().await;
    let new = house.key("ann", None).await;
    let patient = house.ring(KeyRingConfig::default()).await;
    let impatient = house
        .ring(KeyRingConfig {
            stale_after: Duration::ZERO,
            ..always_looking()
        })
        .await;
    house.store.close().await;
    assert!(patient.refresh_if_changed().await.is_err());
    assert!(patient.authenticate(new.key.expose(), house.now()).await.is_ok());
    assert_eq!(
        impatient.authenticate(new.key.expose(), house.now()).await,
        Err(Denied::StoreUnavailable)
    );
}
