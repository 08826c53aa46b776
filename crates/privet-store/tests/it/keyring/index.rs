//! Another secret of blind indexes, step by step.

use privet_store::Error;

use super::{number, places, tenant};

#[tokio::test]
async fn entries_are_written_under_both_secrets_until_the_former_one_goes() {
    for place in places().await {
        let (keyring, other) = (place.open().await, place.open().await);
        let key = async |version| {
            let key = keyring.index_key_version(&tenant(), "email", version).await;
            key.map(|key| key.exact(b"ann@example.org"))
        };
        let versions = keyring.index_versions(&tenant()).await.unwrap();
        assert_eq!((versions.searched, versions.written), (1, vec![1]));
        let first = key(1).await.unwrap();
        assert!(matches!(key(2).await, Err(Error::KeyShredded)));

        let whose = tenant();
        let (one, two) = tokio::join!(keyring.begin_index(&whose), other.begin_index(&whose));
        for versions in [one.unwrap(), two.unwrap()] {
            assert_eq!((versions.searched, versions.written), (1, vec![1, 2]));
        }
        let second = key(2).await.unwrap();
        assert_ne!(first, second);
        // A rotation of the tenant's key in the middle takes the secrets with it.
        keyring.rotate_tenant(&tenant(), &mut |_| {}).await.unwrap();
        keyring.switch_index(&tenant()).await.unwrap();
        keyring.heard_everywhere().await;
        let versions = other.index_versions(&tenant()).await.unwrap();
        assert_eq!((versions.searched, versions.written), (2, vec![1, 2]));
        let versions = keyring.end_index(&tenant(), 2).await.unwrap();
        assert_eq!((versions.searched, versions.written), (2, vec![2]));
        // What cannot be made anew is looked up with the first one until it has ended; what is new has the second.
        assert_eq!(key(1).await.unwrap(), first);
        let found = async |keyring: &privet_store::Keyring| {
            let keys = keyring.index_keys(&tenant(), "email").await.unwrap();
            keys.iter()
                .map(|key| key.exact(b"ann@example.org"))
                .collect::<Vec<_>>()
        };
        assert_eq!(found(&keyring).await, [second, first]);

        // While another one takes its place nothing is destroyed.
        keyring.begin_index(&tenant()).await.unwrap();
        assert_eq!(keyring.destroy_faded_index(&tenant()).await.unwrap(), 0);
        assert!(keyring.index_faded_since(&tenant()).await.unwrap().is_none());
        keyring.switch_index(&tenant()).await.unwrap();
        assert_eq!(keyring.destroy_faded_index(&tenant()).await.unwrap(), 0);
        keyring.end_index(&tenant(), 3).await.unwrap();
        assert!(keyring.index_faded_since(&tenant()).await.unwrap().is_some());
        assert_eq!(keyring.destroy_faded_index(&tenant()).await.unwrap(), 2);
        assert!(keyring.index_faded_since(&tenant()).await.unwrap().is_none());
        for gone in [1, 2] {
            assert!(matches!(key(gone).await, Err(Error::KeyShredded)), "{gone}");
        }
        let third = key(3).await.unwrap();
        assert_eq!(found(&keyring).await, [third]);
        let secrets = "SELECT COUNT(*) FROM tenant_secrets WHERE name LIKE 'index%'";
        assert_eq!(number(keyring.database(), secrets).await, 1);
        let events = "SELECT COUNT(*) FROM key_events WHERE event LIKE '%\"index_secret_r%'";
        assert_eq!(number(keyring.database(), events).await, 4);
        let events = "SELECT COUNT(*) FROM key_events WHERE event LIKE '%\"index_secret_destroyed%'";
        assert_eq!(number(keyring.database(), events).await, 2);
        keyring.close().await;
        keyring.heard_everywhere().await;
        assert_eq!(found(&other).await, [third]);
        other.close().await;
        let keyring = place.open().await;
        assert_eq!(found(&keyring).await, [third]);
        // They are not among what is wrapped anew either.
        keyring.rotate_tenant(&tenant(), &mut |_| {}).await.unwrap();
        assert_eq!(found(&keyring).await, [third]);
        keyring.close().await;
        place.drop().await;
    }
}
