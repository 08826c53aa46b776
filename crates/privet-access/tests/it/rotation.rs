//! Keys that take the place of others, and when keys were last used.

use std::sync::atomic::Ordering;
use std::time::Duration;

use privet_access::{Denied, Error, LONGEST_GRACE, NewKey, list_keys, revoke_key, revoke_line, rotate_key};

use super::{House, always_looking};

const DAY: Duration = Duration::from_hours(24);

impl House {
    async fn rotate(&self, id: &str, grace: Duration) -> Result<NewKey, Error> {
        rotate_key(&self.store, &self.root, id, grace, &self.clock).await
    }

    fn wait(&self, time: Duration) {
        let seconds = i64::try_from(time.as_secs()).unwrap();
        self.clock.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

/// Of peers: "rotation grace ignored".
#[tokio::test]
async fn the_former_key_works_until_its_grace_ends_and_is_then_refused_as_rotated() {
    let house = House::new().await;
    let old = house.key("ann", None).await;
    let ring = house.ring(always_looking()).await;
    let new = house.rotate(&old.record.id, DAY).await.unwrap();
    ring.refresh_if_changed().await.unwrap();
    let end = house.now() + DAY;
    let before = end - Duration::from_millis(1);
    for (key, at) in [(&old, before), (&new, before), (&new, end)] {
        let caller = ring.authenticate(key.key.expose(), at).await.unwrap();
        assert_eq!(
            (
                caller.principal.as_str(),
                caller.counted_key(),
                caller.key_id.as_str()
            ),
            ("ann", old.record.id.as_str(), key.record.id.as_str())
        );
    }
    let denied = ring.authenticate(old.key.expose(), end).await.unwrap_err();
    assert_eq!(denied, Denied::Rotated);
    assert!(denied.to_string().contains("rotated"), "{denied}");
}

#[tokio::test]
async fn a_successor_is_for_the_same_and_lives_as_long() {
    let house = House::new().await;
    let end = house.now() + 30 * DAY;
    let old = house.key("ann", Some(end)).await.record;
    house.wait(20 * DAY);
    let new = house.rotate(&old.id, DAY).await.unwrap().record;
    assert_eq!(
        (&new.principal, &new.tenant, new.scopes, new.expires_at),
        (
            &old.principal,
            &old.tenant,
            old.scopes,
            Some(house.now() + 30 * DAY)
        )
    );
    let third = house.rotate(&new.id, Duration::ZERO).await.unwrap().record;
    assert_eq!((third.line(), new.line()), (old.id.as_str(), old.id.as_str()));
}

#[tokio::test]
async fn a_key_gets_one_successor_even_if_two_ask_at_once() {
    let house = House::new().await;
    let id = house.key("ann", None).await.record.id;
    let (one, other) = tokio::join!(house.rotate(&id, DAY), house.rotate(&id, DAY));
    let refused = [&one, &other]
        .into_iter()
        .filter(|rotated| matches!(rotated, Err(Error::KeyRotated { .. })));
    assert_eq!(refused.count(), 1, "{one:?} {other:?}");
    assert_eq!(list_keys(&house.store).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_key_that_ended_gets_no_successor_and_no_grace_is_endless() {
    let house = House::new().await;
    let id = house.key("ann", Some(house.now() + DAY)).await.record.id;
    let too_long = house.rotate(&id, LONGEST_GRACE + DAY).await;
    assert!(matches!(too_long, Err(Error::GraceTooLong)), "{too_long:?}");
    house.wait(DAY);
    let expired = house.rotate(&id, DAY).await;
    assert!(matches!(expired, Err(Error::KeyEnded { .. })), "{expired:?}");
    let unknown = house.rotate("no-such-id", DAY).await;
    assert!(matches!(unknown, Err(Error::UnknownKeyId { .. })), "{unknown:?}");
}

#[tokio::test]
async fn one_side_of_a_rotation_is_revoked_or_both() {
    let house = House::new().await;
    let old = house.key("ann", None).await;
    let new = house.rotate(&old.record.id, DAY).await.unwrap();
    let ring = house.ring(always_looking()).await;
    revoke_key(&house.store, &house.root, &old.record.id, &house.clock)
        .await
        .unwrap();
    ring.refresh_if_changed().await.unwrap();
    assert_eq!(
        ring.authenticate(old.key.expose(), house.now()).await,
        Err(Denied::Revoked)
    );
    assert!(ring.authenticate(new.key.expose(), house.now()).await.is_ok());
    let third = house.rotate(&new.record.id, DAY).await.unwrap();
    let revoked = revoke_line(&house.store, &house.root, &old.record.id, &house.clock)
        .await
        .unwrap();
    assert_eq!(revoked.len(), 2);
    ring.refresh_if_changed().await.unwrap();
    for key in [&new, &third] {
        assert_eq!(
            ring.authenticate(key.key.expose(), house.now()).await,
            Err(Denied::Revoked)
        );
    }
}

#[tokio::test]
async fn the_last_use_of_a_key_is_kept_to_the_minute_and_changes_no_key() {
    let house = House::new().await;
    let (ann, bob) = (house.key("ann", None).await, house.key("bob", None).await);
    let ring = house.ring(always_looking()).await;
    let before = house.store.api_keys_version().await.unwrap();
    ring.authenticate(ann.key.expose(), house.now()).await.unwrap();
    assert!(
        house.store.list_api_key_uses().await.unwrap().is_empty(),
        "in memory"
    );
    ring.flush_uses().await.unwrap();
    house.wait(Duration::from_secs(61));
    ring.authenticate(ann.key.expose(), house.now()).await.unwrap();
    // Learning of other keys forgets nothing.
    house.key("eve", None).await;
    ring.refresh_if_changed().await.unwrap();
    ring.flush_uses().await.unwrap();
    let uses = house.store.list_api_key_uses().await.unwrap();
    let minute = house.now().as_second() / 60 * 60;
    assert_eq!(
        uses.iter()
            .map(|used| (used.id.as_str(), used.last_used_at.as_second()))
            .collect::<Vec<_>>(),
        [(ann.record.id.as_str(), minute)]
    );
    assert!(!uses.iter().any(|used| used.id == bob.record.id));
    assert_eq!(
        house.store.api_keys_version().await.unwrap(),
        before + 1,
        "only eve"
    );
}
