//! Rotations, whole, interrupted after every step, and by two at once.

use std::sync::Arc;

use privet_crypto::{DataKey, KeyId, RootKey};
use privet_store::{Error, Keyring, KeyringConfig, OnProgress, values};

use super::{DAY, Place, by_hand, number, places, tenant};
use crate::support::root_key;

fn next_root() -> Arc<RootKey> {
    Arc::new(RootKey::parse(&format!("privet-root-1:{}", "6".repeat(64))).unwrap())
}

/// What must stay the same through every rotation.
async fn constants(keyring: &Keyring) -> (String, String, String) {
    let index = keyring.index_key(&tenant(), "email").await.unwrap();
    let secret = keyring.tenant_secret(&tenant()).await.unwrap();
    (
        format!("{:?}", index.exact(b"ann@example.org")),
        secret.to_text().as_str().to_owned(),
        keyring.installation_root().to_text().as_str().to_owned(),
    )
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Level {
    Root,
    Tenant,
    Epoch,
}

const LEVELS: [Level; 3] = [Level::Root, Level::Tenant, Level::Epoch];

async fn rotate(level: Level, keyring: &Keyring, tell: OnProgress<'_>) -> Result<u64, Error> {
    Ok(match level {
        Level::Root => keyring.rotate_root(&next_root(), tell).await?.rewrapped,
        Level::Tenant => keyring.rotate_tenant(&tenant(), tell).await?.rewrapped,
        Level::Epoch => keyring.rotate_epoch(&tenant(), tell).await?.rewrapped,
    })
}

async fn filled(place: &Place, count: usize) -> (Keyring, Vec<(KeyId, Arc<DataKey>)>) {
    let keyring = place.open().await;
    let made = keyring.create_keys(&tenant(), count).await.unwrap();
    (keyring, made)
}

#[tokio::test]
async fn every_level_rotates_and_keys_and_constants_stay() {
    for place in places().await {
        let (keyring, made) = filled(&place, 1200).await;
        let before = constants(&keyring).await;
        let watching = place.open().await;
        assert_eq!(constants(&watching).await, before);
        assert_eq!(rotate(Level::Epoch, &keyring, &mut |_| {}).await.unwrap(), 1200);
        assert_eq!(rotate(Level::Tenant, &keyring, &mut |_| {}).await.unwrap(), 4);
        assert_eq!(rotate(Level::Root, &keyring, &mut |_| {}).await.unwrap(), 1);
        let status = keyring.status().await.unwrap();
        assert_eq!(
            (
                status.tenants[0].version,
                status.tenants[0].epoch,
                status.tenants[0].pending
            ),
            (2, 2, 0)
        );
        assert_eq!(status.retiring_roots.len(), 1);
        for root in [root_key(), next_root()] {
            place.reads_all(root, &made).await;
        }
        // A node that had the former root key all the time goes on, and makes keys that the others read.
        assert_eq!(constants(&watching).await, before);
        let more = watching.create_keys(&tenant(), 3).await.unwrap();
        place.reads_all(next_root(), &more).await;
        let other = "made-meanwhile".parse().unwrap();
        watching.create_keys(&other, 1).await.unwrap();
        let opened = place
            .open_with(next_root(), KeyringConfig::default())
            .await
            .unwrap();
        assert_eq!(constants(&opened).await, before);
        assert!(opened.tenant_secret(&other).await.is_ok());
        for keyring in [keyring, watching, opened] {
            keyring.close().await;
        }
        place.drop().await;
    }
}

/// Lets a rotation die after its step `last`. Returns whether it did.
async fn dies_after(place: &Place, level: Level, last: usize) -> bool {
    let keyring = place.open().await;
    let working = keyring.clone();
    let died = tokio::spawn(async move {
        let mut steps = 0;
        rotate(level, &working, &mut |_| {
            steps += 1;
            assert!(steps <= last, "the process dies here");
        })
        .await
        .unwrap();
    })
    .await
    .is_err();
    keyring.close().await;
    died
}

#[tokio::test]
async fn a_rotation_that_dies_after_any_step_leaves_every_key_and_is_brought_to_its_end() {
    for level in LEVELS {
        for last in 0.. {
            let mut any = false;
            for place in places().await {
                let (keyring, made) = filled(&place, 1100).await;
                let before = constants(&keyring).await;
                keyring.close().await;
                any |= dies_after(&place, level, last).await;
                place.reads_all(root_key(), &made).await;
                let keyring = place.open().await;
                rotate(level, &keyring, &mut |_| {}).await.unwrap();
                assert_eq!(constants(&keyring).await, before);
                let status = keyring.status().await.unwrap();
                assert_eq!(status.tenants[0].pending, 0, "{level:?} {last}");
                // A rotation that had begun is not begun again; one that had not is, or the one that was whole is
                // followed by another.
                assert!(status.tenants[0].version <= 3 && status.tenants[0].epoch <= 3);
                keyring.close().await;
                place.reads_all(root_key(), &made).await;
                place.drop().await;
            }
            if !any {
                assert!(last > 0, "{level:?}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_sweep_goes_on_where_a_rotation_died() {
    for place in places().await {
        let (keyring, made) = filled(&place, 1100).await;
        keyring.close().await;
        for level in LEVELS {
            assert!(dies_after(&place, level, 1).await, "{level:?}");
        }
        let keyring = place.open().await;
        let swept = keyring.sweep(&mut |_| {}).await.unwrap();
        assert!(swept.failures.is_empty(), "{swept:?}");
        assert!(swept.rewrapped > 0);
        assert_eq!(keyring.status().await.unwrap().tenants[0].pending, 0);
        keyring.close().await;
        place.reads_all(root_key(), &made).await;
        place.drop().await;
    }
}

#[tokio::test]
async fn two_that_rotate_at_once_and_one_that_makes_and_shreds_lose_nothing() {
    for level in LEVELS {
        for place in places().await {
            let (one, mut made) = filled(&place, 1500).await;
            let (two, three) = (place.open().await, place.open().await);
            let gone: Vec<_> = made.drain(..200).map(|(id, _)| id).collect();
            let t = tenant();
            let (mut quiet, mut silent) = (|_| {}, |_| {});
            let (a, b, c, d) = tokio::join!(
                rotate(level, &one, &mut quiet),
                rotate(level, &two, &mut silent),
                three.create_keys(&t, 300),
                three.shred(&t, &gone)
            );
            a.unwrap();
            b.unwrap();
            assert_eq!(d.unwrap().shredded, 200);
            made.extend(c.unwrap());
            let swept = one.sweep(&mut |_| {}).await.unwrap();
            assert!(swept.failures.is_empty(), "{swept:?}");
            let status = one.status().await.unwrap();
            assert_eq!(
                (status.tenants[0].pending, status.tenants[0].subject_keys),
                (0, 1600)
            );
            for keyring in [one, two, three] {
                keyring.close().await;
            }
            place.reads_all(root_key(), &made).await;
            let keyring = place.open().await;
            let read = keyring.keys(&tenant(), &gone).await.unwrap();
            assert!(read.iter().all(Option::is_none));
            keyring.close().await;
            place.drop().await;
        }
    }
}

#[tokio::test]
async fn a_damaged_subject_key_keeps_no_other_from_being_wrapped_anew_and_its_epoch_key_stays() {
    for place in places().await {
        let (keyring, mut made) = filled(&place, 600).await;
        let (bad, _) = made.remove(0);
        by_hand(
            keyring.database(),
            "UPDATE subject_keys SET wrapped = $2 WHERE id = $1",
            values![*bad.as_bytes(), vec![1_u8; 57]],
        )
        .await;
        let rotated = rotate(Level::Epoch, &keyring, &mut |_| {}).await;
        assert!(matches!(rotated, Err(Error::BadRow { .. })), "{rotated:?}");
        assert_eq!(keyring.status().await.unwrap().tenants[0].pending, 1);
        place.clock.set(300);
        let swept = keyring.sweep(&mut |_| {}).await.unwrap();
        assert_eq!((swept.failures.len(), swept.epochs_destroyed.len()), (1, 0));
        keyring.close().await;
        place.reads_all(root_key(), &made).await;
        place.drop().await;
    }
}

#[tokio::test]
async fn a_former_root_key_opens_nothing_after_its_grace_and_running_nodes_go_on() {
    for place in places().await {
        let (keyring, made) = filled(&place, 10).await;
        let running = place.open().await;
        let report = rotate(Level::Root, &keyring, &mut |_| {}).await.unwrap();
        assert_eq!(report, 1);
        running.sweep(&mut |_| {}).await.unwrap();
        place.reads_all(root_key(), &made).await;
        place.clock.set(2);
        let swept = keyring.sweep(&mut |_| {}).await.unwrap();
        assert_eq!(swept.roots_retired.len(), 1);
        let refused = place.open_with(root_key(), KeyringConfig::default()).await;
        assert!(matches!(refused, Err(Error::WrongRootKey { .. })));
        place.reads_all(next_root(), &made).await;
        running.key(&tenant(), &made[0].0).await.unwrap();
        running.create_keys(&tenant(), 1).await.unwrap();
        running.sweep(&mut |_| {}).await.unwrap();
        // What was derived from the first root key is derived from it still.
        let opened = place
            .open_with(next_root(), KeyringConfig::default())
            .await
            .unwrap();
        assert_eq!(opened.installation_root().to_text(), root_key().to_text());
        // Back again.
        opened.rotate_root(&root_key(), &mut |_| {}).await.unwrap();
        place.reads_all(root_key(), &made).await;
        for keyring in [keyring, running, opened] {
            keyring.close().await;
        }
        place.drop().await;
    }
}

#[tokio::test]
async fn epochs_begin_and_end_by_time() {
    let config = KeyringConfig {
        epoch: DAY * 30,
        destroy_after: DAY * 7,
        ..KeyringConfig::default()
    };
    for place in places().await {
        let keyring = place.open_with(root_key(), config).await.unwrap();
        let made = keyring.create_keys(&tenant(), 5).await.unwrap();
        let (first, secret) = keyring.epoch_secret(&tenant()).await.unwrap();
        place.clock.set(29);
        assert!(
            keyring
                .sweep(&mut |_| {})
                .await
                .unwrap()
                .epochs_started
                .is_empty()
        );
        place.clock.set(30);
        let swept = keyring.sweep(&mut |_| {}).await.unwrap();
        assert_eq!(
            (swept.epochs_started[0].epoch, swept.epochs_started[0].rewrapped),
            (2, 5)
        );
        assert_ne!(keyring.epoch_secret(&tenant()).await.unwrap().0, first);
        let former = keyring.epoch_secret_of(&tenant(), first).await.unwrap();
        assert_eq!(former.to_text(), secret.to_text());
        place.clock.set(36);
        assert!(
            keyring
                .sweep(&mut |_| {})
                .await
                .unwrap()
                .epochs_destroyed
                .is_empty()
        );
        place.clock.set(37);
        let swept = keyring.sweep(&mut |_| {}).await.unwrap();
        assert_eq!(swept.epochs_destroyed[0].epoch, 1);
        let json = serde_json::to_value(&swept).unwrap();
        assert_eq!(json["epochs_destroyed"][0]["tenant"], "default");
        let gone = keyring.ask_again(first).await;
        assert!(matches!(gone, Err(Error::KeyShredded)));
        assert_eq!(
            number(keyring.database(), "SELECT COUNT(*) FROM epoch_keys").await,
            1
        );
        keyring.close().await;
        place.reads_all(root_key(), &made).await;
        place.drop().await;
    }
}

/// The secret of an epoch, asked for until this process has heard of the last change.
trait AskAgain {
    async fn ask_again(&self, epoch: u64) -> Result<Arc<RootKey>, Error>;
}

impl AskAgain for Keyring {
    async fn ask_again(&self, epoch: u64) -> Result<Arc<RootKey>, Error> {
        tokio::time::sleep(std::time::Duration::from_millis(450)).await;
        self.epoch_secret_of(&tenant(), epoch).await
    }
}
