//! How people sign in, on both databases: what can be used once is used once, and what is bounded stays so.

use jiff::Timestamp;
use privet_store::{
    BackOff, Begun, Counter, InviteRecord, PasskeyRecord, Person, SessionRecord, SignInChange, SignInWay,
    TotpSecret,
};
use privet_types::{Principal, Pseudonym, TenantId};
use tokio::task::JoinSet;

use crate::support::House;

const RULE: BackOff = BackOff {
    free: 4,
    first_ms: 30_000,
    longest_ms: 3_600_000,
    most: Some(100),
    forget_ms: None,
};

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
}

fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

fn ann() -> Principal {
    "ann".parse().unwrap()
}

fn change(ms: i64) -> SignInChange {
    SignInChange {
        at: at(ms),
        tenant: "acme".to_owned(),
        principal: Some(Pseudonym("5".repeat(32))),
        session: None,
        way: None,
        count: None,
        expires_at: None,
    }
}

fn session(number: u8, ms: i64) -> SessionRecord {
    SessionRecord {
        hash: [number; 32],
        id: format!("session{number}"),
        tenant: tenant(),
        principal: ann(),
        way: SignInWay::Password,
        has_two_factors: false,
        made_at: at(ms),
        seen_at: at(ms),
        proved_at: at(ms),
        expires_at: at(1_000_000),
    }
}

/// How many of eight that do the same at once win.
async fn winners<F, W>(work: W) -> usize
where
    F: Future<Output = bool> + Send + 'static,
    W: Fn() -> F,
{
    let mut all = JoinSet::new();
    for _ in 0..8 {
        all.spawn(work());
    }
    all.join_all().await.into_iter().filter(|won| *won).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_who_use_one_invite_code_step_or_challenge_at_once_one_wins() {
    for house in House::each().await {
        let store = &house.store;
        let (tenant, ann) = (tenant(), ann());
        let who = Person {
            tenant: &tenant,
            principal: &ann,
        };
        let invite = InviteRecord {
            hash: [1; 32],
            tenant: tenant.clone(),
            principal: ann.clone(),
            expires_at: at(1000),
        };
        store.insert_invite(&invite, &change(0)).await.unwrap();
        let accept = || {
            let (store, invite) = (store.clone(), invite.clone());
            async move {
                let counter = Counter(vec![9]);
                store
                    .accept_invite(&invite, "hash", &counter, &change(1))
                    .await
                    .unwrap()
            }
        };
        assert_eq!(winners(accept).await, 1);
        assert_eq!(store.password(who).await.unwrap().as_deref(), Some("hash"));

        let secret = TotpSecret {
            sealed: vec![7],
            made_at: at(0),
        };
        assert!(store.begin_totp(who, &secret).await.unwrap());
        assert!(!store.use_totp_step(who, 3).await.unwrap(), "it is not confirmed");
        let confirm = || {
            let store = store.clone();
            async move {
                let (tenant, ann) = (self::tenant(), self::ann());
                let who = Person {
                    tenant: &tenant,
                    principal: &ann,
                };
                let codes = (0..10).map(|number| [number; 32]).collect();
                store.confirm_totp(who, &[7], 3, codes, &change(2)).await.unwrap()
            }
        };
        assert_eq!(winners(confirm).await, 1);
        assert!(!store.begin_totp(who, &secret).await.unwrap());
        let step = |step: i64| {
            let store = store.clone();
            move || {
                let store = store.clone();
                async move {
                    let (tenant, ann) = (self::tenant(), self::ann());
                    let who = Person {
                        tenant: &tenant,
                        principal: &ann,
                    };
                    store.use_totp_step(who, step).await.unwrap()
                }
            }
        };
        assert_eq!(winners(step(3)).await, 0, "the step that confirmed it is used");
        assert_eq!(winners(step(5)).await, 1);
        assert_eq!(winners(step(4)).await, 0, "an earlier one counts no more");
        let code = || {
            let store = store.clone();
            async move {
                let (tenant, ann) = (self::tenant(), self::ann());
                let who = Person {
                    tenant: &tenant,
                    principal: &ann,
                };
                store.use_recovery_code(who, [4; 32], &change(3)).await.unwrap()
            }
        };
        assert_eq!(winners(code).await, 1);
        assert_eq!(store.count_recovery_codes(who).await.unwrap(), 9);
        let challenge = || {
            let store = store.clone();
            async move {
                let tenant = self::tenant();
                store
                    .use_challenge([2; 32], &tenant, at(50), at(100))
                    .await
                    .unwrap()
            }
        };
        assert_eq!(winners(challenge).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_at_once_pass_a_lock_no_more_than_attempts_in_a_row() {
    for house in House::each().await {
        let begin = || {
            let store = house.store.clone();
            async move {
                let counter = Counter(vec![1, 2, 3]);
                let begun = store.begin_sign_in((&counter, RULE), None, &change(0)).await;
                matches!(begun.unwrap(), Begun::Open { .. })
            }
        };
        assert_eq!(winners(begin).await, 5);
        assert_eq!(winners(begin).await, 0);
        let (person, address) = (Counter(vec![1, 2, 3]), Counter(vec![7]));
        let begun = house
            .store
            .begin_sign_in((&person, RULE), Some((&address, RULE)), &change(31_000))
            .await
            .unwrap();
        assert!(matches!(begun, Begun::Open { failures: 5, .. }), "{begun:?}");
        house
            .store
            .settle_sign_in(&person, Some(&address), &begun)
            .await
            .unwrap();
        assert_eq!(winners(begin).await, 5, "after a good end it begins anew");
    }
}

#[tokio::test]
async fn a_person_has_so_many_sessions_and_the_oldest_ends() {
    for house in House::each().await {
        let store = &house.store;
        for number in 0..5 {
            let record = session(number, i64::from(number));
            store.insert_session(&record, 3, &change(10)).await.unwrap();
        }
        let (tenant, ann) = (tenant(), ann());
        let ids = || async {
            let listed = store.list_sessions(&tenant, Some(&ann), at(20)).await.unwrap();
            listed.into_iter().map(|session| session.id).collect::<Vec<_>>()
        };
        assert_eq!(ids().await, ["session4", "session3", "session2"]);
        let view = store.session([4; 32]).await.unwrap().unwrap();
        assert_eq!(view.session, session(4, 4));
        assert!(!view.has_totp && !view.has_passkey);
        assert_eq!(store.session([0; 32]).await.unwrap(), None);

        // A proof changes the token, and a second factor stays.
        assert!(
            store
                .prove_session([4; 32], [40; 32], true, &change(30))
                .await
                .unwrap()
        );
        assert!(
            !store
                .prove_session([4; 32], [41; 32], true, &change(30))
                .await
                .unwrap()
        );
        assert!(
            store
                .prove_session([40; 32], [42; 32], false, &change(31))
                .await
                .unwrap()
        );
        let session = store.session([42; 32]).await.unwrap().unwrap().session;
        assert!(session.has_two_factors);
        assert_eq!(session.proved_at, at(31));

        let other = "bob".parse().unwrap();
        assert!(
            !store
                .end_session(&tenant, Some(&other), "session3", &change(40))
                .await
                .unwrap()
        );
        assert!(
            store
                .end_session(&tenant, None, "session3", &change(40))
                .await
                .unwrap()
        );
        let who = Person {
            tenant: &tenant,
            principal: &ann,
        };
        assert_eq!(
            store
                .end_sessions(who, Some([42; 32]), &change(41))
                .await
                .unwrap(),
            1
        );
        assert_eq!(ids().await, ["session4"]);
        store
            .set_password(who, "new", Some([42; 32]), &change(42))
            .await
            .unwrap();
        assert_eq!(ids().await, ["session4"]);
        assert!(store.remove_password(who, &change(43)).await.unwrap());
        assert!(ids().await.is_empty());
    }
}

#[tokio::test]
async fn a_passkey_whose_count_goes_backwards_is_refused_from_then_on() {
    for house in House::each().await {
        let store = &house.store;
        let passkey = |number: u8, sign_count| PasskeyRecord {
            credential: vec![number; 20],
            tenant: tenant(),
            principal: ann(),
            id: format!("key{number}"),
            name: "laptop".to_owned(),
            public_key: vec![3],
            sign_count,
            made_at: at(0),
            used_at: None,
            suspect_at: None,
        };
        for (number, count) in [(1, 5), (2, 0)] {
            let passkey = passkey(number, count);
            let added = store.insert_passkey(&passkey, 2, None, &change(0)).await;
            assert!(added.unwrap());
        }
        assert!(
            !store
                .insert_passkey(&passkey(3, 0), 2, None, &change(0))
                .await
                .unwrap(),
            "there are two already"
        );
        assert!(store.use_passkey(&[1; 20], 6, &change(1)).await.unwrap());
        assert!(!store.use_passkey(&[1; 20], 6, &change(2)).await.unwrap());
        assert!(!store.use_passkey(&[1; 20], 7, &change(3)).await.unwrap());
        let suspect = store.passkey(&[1; 20]).await.unwrap().unwrap();
        assert_eq!((suspect.sign_count, suspect.suspect_at), (6, Some(at(2))));
        // One that does not count.
        assert!(store.use_passkey(&[2; 20], 0, &change(4)).await.unwrap());
        assert!(store.use_passkey(&[2; 20], 0, &change(5)).await.unwrap());
        let (tenant, ann) = (tenant(), ann());
        let who = Person {
            tenant: &tenant,
            principal: &ann,
        };
        assert_eq!(store.list_passkeys(who).await.unwrap().len(), 2);
        assert!(store.remove_passkey(who, "key1", &change(6)).await.unwrap());
        assert!(store.remove_factors(who, &change(7)).await.unwrap());
        assert!(!store.remove_factors(who, &change(8)).await.unwrap());
    }
}
