//! Short-lived tokens: one key that signs, whoever makes it, and what is taken back stays so for as long as it can matter.

use jiff::Timestamp;
use privet_store::{
    Person, SessionRecord, SignInChange, SignInWay, Store, TokenChange, TokenCount, TokenKeyRecord,
    TokenRevocation, TokenRevoked,
};
use privet_types::{Principal, Pseudonym, TenantId};
use tokio::task::JoinSet;

use crate::support::House;

const HOUR: i64 = 3_600_000;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
}

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

fn name(name: &str) -> Principal {
    name.parse().unwrap()
}

fn key(kid: &str, made: i64) -> TokenKeyRecord {
    TokenKeyRecord {
        kid: kid.to_owned(),
        made_at: at(made),
        sealed: vec![7; 60],
    }
}

fn change(ms: i64) -> TokenChange {
    TokenChange {
        at: at(ms),
        tenant: "acme".to_owned(),
        principal: Pseudonym("5".repeat(32)),
        token: None,
    }
}

async fn kids(store: &Store) -> Vec<String> {
    let tokens = store.load_api_keys().await.unwrap().tokens;
    tokens.keys.into_iter().map(|key| key.kid).collect()
}

async fn revoked(store: &Store) -> Vec<TokenRevocation> {
    store.load_api_keys().await.unwrap().tokens.revocations
}

#[tokio::test]
async fn of_many_processes_that_make_the_first_key_at_once_one_wins() {
    for house in House::each().await {
        let mut tasks = JoinSet::new();
        for number in 0..8 {
            let store = house.again().await;
            tasks.spawn(async move {
                let new = key(&format!("k{number}"), 0);
                let won = store.rotate_token_key(&new, at(-HOUR), at(-2 * HOUR)).await;
                store.close().await;
                won.unwrap()
            });
        }
        let won = tasks.join_all().await.into_iter().filter(|won| *won).count();
        assert_eq!((won, kids(&house.store).await.len()), (1, 1));
        house.end().await;
    }
}

#[tokio::test]
async fn a_key_follows_when_the_newest_is_too_old_and_the_oldest_go() {
    for house in House::each().await {
        let store = &house.store;
        let version = store.api_keys_version().await.unwrap();
        assert!(
            store
                .rotate_token_key(&key("one", 0), at(-HOUR), at(-9 * HOUR))
                .await
                .unwrap()
        );
        assert!(
            store.api_keys_version().await.unwrap() > version,
            "who keeps keys is told"
        );
        // Made in time.
        assert!(
            !store
                .rotate_token_key(&key("not", 1), at(-1), at(-9 * HOUR))
                .await
                .unwrap()
        );
        assert!(
            store
                .rotate_token_key(&key("two", HOUR), at(0), at(-HOUR))
                .await
                .unwrap()
        );
        assert_eq!(
            kids(store).await,
            ["two", "one"],
            "tokens of the first may live yet"
        );
        assert!(
            store
                .rotate_token_key(&key("three", 2 * HOUR), at(HOUR), at(1))
                .await
                .unwrap()
        );
        assert_eq!(kids(store).await, ["three", "two"]);
        house.end().await;
    }
}

#[tokio::test]
async fn what_was_taken_back_and_has_ended_goes_when_another_key_signs() {
    for house in House::each().await {
        let store = &house.store;
        let (acme, ann) = (tenant("acme"), name("ann"));
        for (id, ends) in [("a", HOUR), ("b", HOUR + 1)] {
            let told = change(0);
            let done = store.revoke_token((&acme, &ann), id, at(ends), 9, &told);
            assert!(done.await.unwrap());
        }
        let one = key("one", HOUR);
        assert!(store.rotate_token_key(&one, at(0), at(-HOUR)).await.unwrap());
        let left: Vec<String> = revoked(store).await.into_iter().map(|gone| gone.name).collect();
        assert_eq!(left, ["b"]);
        house.end().await;
    }
}

#[tokio::test]
async fn a_token_is_taken_back_once_in_its_own_tenant_until_its_end_and_within_bounds() {
    for house in House::each().await {
        let store = &house.store;
        let (acme, other, ann) = (tenant("acme"), tenant("other"), name("ann"));
        let leaves = store.audit_count().await.unwrap();
        let take = async |tenant: &TenantId, id: &'static str, ms: i64| {
            let told = change(ms);
            let done = store.revoke_token((tenant, &ann), id, at(ms + HOUR), 2, &told);
            done.await.unwrap()
        };
        assert!(take(&acme, "a", 0).await);
        assert!(take(&acme, "a", 1).await);
        assert_eq!(store.audit_count().await.unwrap(), leaves + 1, "told of once");
        assert!(take(&acme, "b", 2).await);
        assert!(!take(&acme, "c", 3).await, "a tenant has its share");
        assert!(take(&acme, "b", 4).await, "one that is taken back needs no room");
        assert!(take(&other, "c", 5).await, "and takes none from others");
        assert_eq!(revoked(store).await.len(), 3);
        assert!(take(&acme, "c", HOUR + 1).await, "what is over makes room");
        let left: Vec<String> = revoked(store).await.into_iter().map(|gone| gone.name).collect();
        assert_eq!(left, ["b", "c", "c"]);
        house.end().await;
    }
}

#[tokio::test]
async fn all_tokens_of_somebody_are_taken_back_by_a_number_that_only_grows() {
    for house in House::each().await {
        let store = &house.store;
        let (acme, ann, ben) = (tenant("acme"), name("ann"), name("ben"));
        for who in [&ann, &ben] {
            let told = change(0);
            let done = store.revoke_token((&acme, who), "a", at(HOUR), 9, &told);
            assert!(done.await.unwrap());
        }
        for times in 1..=2 {
            store.revoke_tokens((&acme, &ann), &change(times)).await.unwrap();
            let tokens = store.load_api_keys().await.unwrap().tokens;
            let count = TokenCount {
                tenant: acme.clone(),
                principal: ann.clone(),
                taken_back: times,
            };
            assert_eq!(tokens.counts, [count]);
            let others: Vec<_> = tokens.revocations.iter().map(|gone| &gone.principal).collect();
            assert_eq!(others, [&ben]);
        }
        house.end().await;
    }
}

#[tokio::test]
async fn however_a_session_ends_the_tokens_that_it_made_end_with_it() {
    for house in House::each().await {
        let store = &house.store;
        let (acme, ann) = (tenant("acme"), name("ann"));
        let who = Person {
            tenant: &acme,
            principal: &ann,
        };
        let told = SignInChange {
            at: at(0),
            tenant: "acme".to_owned(),
            principal: None,
            session: None,
            way: None,
            count: None,
            expires_at: None,
        };
        for number in 1..=3 {
            let session = SessionRecord {
                hash: [number; 32],
                id: format!("session{number}"),
                tenant: acme.clone(),
                principal: ann.clone(),
                way: SignInWay::Password,
                has_two_factors: false,
                made_at: at(0),
                seen_at: at(0),
                proved_at: at(0),
                expires_at: at(8 * HOUR),
            };
            assert!(store.insert_session(&session, None, 9, &told).await.unwrap());
        }
        assert!(store.note_session_token([1; 32], at(HOUR)).await.unwrap());
        assert!(
            store.note_session_token([1; 32], at(5)).await.unwrap(),
            "the latest end counts"
        );
        assert!(store.note_session_token([2; 32], at(HOUR)).await.unwrap());
        // The token of a session changes; the session, and what it made, stays.
        assert!(
            store
                .prove_session(who, ([2; 32], [5; 32]), true, 9, &told)
                .await
                .unwrap()
        );
        assert_eq!(revoked(store).await, []);
        let version = store.api_keys_version().await.unwrap();
        assert!(store.end_session(&acme, None, "session1", &told).await.unwrap());
        assert!(store.api_keys_version().await.unwrap() > version);
        assert_eq!(store.end_sessions(who, None, &told).await.unwrap(), 2);
        let gone = |id: &str| TokenRevocation {
            tenant: acme.clone(),
            principal: ann.clone(),
            what: TokenRevoked::Session,
            name: id.to_owned(),
        };
        assert_eq!(revoked(store).await, [gone("session1"), gone("session2")]);
        assert!(
            !store.note_session_token([1; 32], at(HOUR)).await.unwrap(),
            "it is over"
        );
        // Still there a moment before its tokens end, and gone with them.
        let other = tenant("other");
        for (ms, left) in [(HOUR - 1, 3), (HOUR, 2)] {
            let (id, told) = (format!("t{ms}"), change(ms));
            let done = store.revoke_token((&other, &ann), &id, at(9 * HOUR), 9, &told);
            assert!(done.await.unwrap());
            assert_eq!(revoked(store).await.len(), left);
        }
        house.end().await;
    }
}
