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
        let versions = keyring.end_index(&tenant()).await.unwrap();
        assert_eq!((versions.searched, versions.written), (2, vec![2]));
        // What cannot be made anew is hashed with the first one for ever.
        assert_eq!(key(1).await.unwrap(), first);

        // The next time the second one is destroyed.
        keyring.begin_index(&tenant()).await.unwrap();
        keyring.switch_index(&tenant()).await.unwrap();
        keyring.end_index(&tenant()).await.unwrap();
        assert!(matches!(key(2).await, Err(Error::KeyShredded)));
        assert!(key(3).await.is_ok());
        let events = "SELECT COUNT(*) FROM key_events WHERE event LIKE '%\"index_secret_r%'";
        assert_eq!(number(keyring.database(), events).await, 4);
        keyring.close().await;
        other.close().await;
        let keyring = place.open().await;
        assert_eq!(
            keyring
                .index_key_version(&tenant(), "email", 1)
                .await
                .unwrap()
                .exact(b"ann@example.org"),
            first
        );
        keyring.close().await;
        place.drop().await;
    }
}
