//! How people sign in, on both databases: what can be used once is used once, and what is bounded stays so.

use jiff::Timestamp;
use privet_store::{
    BackOff, Begun, Counter, InviteRecord, PasskeyRecord, PeopleChange, Person, PrincipalRecord,
    SessionRecord, SignInChange, SignInWay, Store, TotpSecret,
};
use privet_types::{Principal, PrincipalKind, Pseudonym, TenantId};
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
        by: None,
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

async fn put(store: &Store, session: &SessionRecord) {
    let most = 100;
    assert!(
        store
            .insert_session(session, None, most, &change(1))
            .await
            .unwrap()
    );
}

/// How many leaves of `kind` the log has of the tenant, and the last one.
async fn told(store: &Store, kind: &str) -> (usize, String) {
    let events = store.tenant_events(&tenant(), 0, None, 1000).await.unwrap();
    let mut of_kind: Vec<_> = events.into_iter().filter(|event| event.kind == kind).collect();
    let count = of_kind.len();
    (
        count,
        of_kind.pop().map(|event| event.payload).unwrap_or_default(),
    )
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
        put(store, &session(5, 1)).await;
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
                let confirmed = store.confirm_totp(who, &[7], 3, codes, [5; 32], &change(2)).await;
                confirmed.unwrap().unwrap()
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
            store.insert_session(&record, None, 3, &change(10)).await.unwrap();
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

        let who = Person {
            tenant: &tenant,
            principal: &ann,
        };
        // A proof changes the token, and a second factor stays.
        assert!(
            store
                .prove_session(who, ([4; 32], [40; 32]), true, 3, &change(30))
                .await
                .unwrap()
        );
        assert!(
            !store
                .prove_session(who, ([4; 32], [41; 32]), true, 3, &change(30))
                .await
                .unwrap()
        );
        assert!(
            store
                .prove_session(who, ([40; 32], [42; 32]), false, 3, &change(31))
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
        assert_eq!(
            store
                .end_sessions(who, Some([42; 32]), &change(41))
                .await
                .unwrap(),
            1
        );
        assert_eq!(ids().await, ["session4"]);
        let set = store.set_password(who, "new", Some([42; 32]), &change(42)).await;
        assert!(set.unwrap());
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
        put(store, &session(5, 0)).await;
        for (number, count) in [(1, 5), (2, 0)] {
            let passkey = passkey(number, count);
            let added = store.insert_passkey(&passkey, 2, None, [5; 32], &change(0)).await;
            assert_eq!(added.unwrap(), Some(true));
        }
        let third = passkey(3, 0);
        let added = store.insert_passkey(&third, 2, None, [5; 32], &change(0)).await;
        assert_eq!(added.unwrap(), Some(false), "there are two already");
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

#[tokio::test]
async fn who_knows_the_password_alone_ends_no_session_of_two_factors() {
    for house in House::each().await {
        let store = &house.store;
        let (tenant, ann) = (tenant(), ann());
        let who = Person {
            tenant: &tenant,
            principal: &ann,
        };
        let full = SessionRecord {
            has_two_factors: true,
            ..session(0, 0)
        };
        let insert = |record: SessionRecord| async move {
            let inserted = store.insert_session(&record, None, 2, &change(10)).await;
            assert!(inserted.unwrap());
        };
        insert(full).await;
        for number in 1..8 {
            insert(session(number, i64::from(number))).await;
        }
        let ids = || async {
            let listed = store.list_sessions(&tenant, Some(&ann), at(20)).await.unwrap();
            listed.into_iter().map(|session| session.id).collect::<Vec<_>>()
        };
        assert_eq!(ids().await, ["session7", "session6", "session0"]);
        assert_eq!(told(store, "sessions_ended").await.0, 5);
        // Those that come to two factors later are bounded with those that have.
        for number in [7, 6] {
            let hashes = ([number; 32], [number + 100; 32]);
            let proved = store.prove_session(who, hashes, true, 2, &change(30)).await;
            assert!(proved.unwrap());
        }
        assert_eq!(ids().await, ["session7", "session6"]);
        house.end().await;
    }
}

#[tokio::test]
async fn nobody_comes_in_by_a_password_that_is_another_by_now() {
    for house in House::each().await {
        let store = &house.store;
        let (tenant, ann) = (tenant(), ann());
        let who = Person {
            tenant: &tenant,
            principal: &ann,
        };
        assert!(store.set_password(who, "old", None, &change(0)).await.unwrap());
        let open = |number: u8, checked: &'static str| async move {
            let record = session(number, 1);
            let inserted = store.insert_session(&record, Some(checked), 5, &change(1)).await;
            inserted.unwrap()
        };
        assert!(open(1, "old").await);
        assert!(store.set_password(who, "new", None, &change(2)).await.unwrap());
        assert!(!open(2, "old").await);
        assert!(open(3, "new").await);
        store.rehash_password(who, "new", "same").await.unwrap();
        assert!(open(4, "same").await);
        assert!(store.remove_password(who, &change(3)).await.unwrap());
        assert!(!open(5, "same").await);
        assert!(
            store
                .list_sessions(&tenant, None, at(4))
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(told(store, "signed_in").await.0, 3);
        house.end().await;
    }
}

#[tokio::test]
async fn what_a_session_began_comes_to_nothing_once_the_session_has_ended() {
    for house in House::each().await {
        let store = &house.store;
        let (tenant, ann) = (tenant(), ann());
        let who = Person {
            tenant: &tenant,
            principal: &ann,
        };
        put(store, &session(1, 0)).await;
        let secret = TotpSecret {
            sealed: vec![7],
            made_at: at(0),
        };
        assert!(store.begin_totp(who, &secret).await.unwrap());
        assert!(store.set_password(who, "first", None, &change(2)).await.unwrap());
        let (ended, last) = told(store, "sessions_ended").await;
        assert_eq!(ended, 1);
        assert!(last.contains("\"count\":1"), "{last}");

        let over = [1; 32];
        let codes = || vec![[9; 32]];
        let set = store.set_password(who, "second", Some(over), &change(3)).await;
        assert!(!set.unwrap());
        let confirmed = store.confirm_totp(who, &[7], 3, codes(), over, &change(3)).await;
        assert_eq!(confirmed.unwrap(), None);
        let put_codes = store.put_recovery_codes(who, codes(), over, &change(3)).await;
        assert!(!put_codes.unwrap());
        let passkey = PasskeyRecord {
            credential: vec![1; 20],
            tenant: tenant.clone(),
            principal: ann.clone(),
            id: "key1".to_owned(),
            name: "laptop".to_owned(),
            public_key: vec![3],
            sign_count: 0,
            made_at: at(3),
            used_at: None,
            suspect_at: None,
        };
        let added = store
            .insert_passkey(&passkey, 2, Some(codes()), over, &change(3))
            .await;
        assert_eq!(added.unwrap(), None);

        assert_eq!(store.password(who).await.unwrap().as_deref(), Some("first"));
        assert!(!store.totp(who).await.unwrap().unwrap().is_confirmed);
        assert_eq!(store.count_recovery_codes(who).await.unwrap(), 0);
        assert!(store.list_passkeys(who).await.unwrap().is_empty());
        for kind in ["totp_added", "recovery_codes_made", "passkey_added"] {
            assert_eq!(told(store, kind).await.0, 0, "{kind}");
        }
        house.end().await;
    }
}

#[tokio::test]
async fn who_loses_the_password_loses_the_invite_to_set_one() {
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
        assert!(store.remove_password(who, &change(1)).await.unwrap());
        let counter = Counter(vec![9]);
        let accepted = store.accept_invite(&invite, "hash", &counter, &change(2)).await;
        assert!(!accepted.unwrap());
        assert!(!store.remove_password(who, &change(3)).await.unwrap());
        house.end().await;
    }
}

#[tokio::test]
async fn an_attempt_that_is_taken_back_counts_and_locks_no_more() {
    for house in House::each().await {
        let store = &house.store;
        let (person, address) = (Counter(vec![1]), Counter(vec![2]));
        let begin = |ms| {
            let (person, address) = (&person, &address);
            async move {
                let begun = store
                    .begin_sign_in((person, RULE), Some((address, RULE)), &change(ms))
                    .await;
                begun.unwrap()
            }
        };
        for _ in 0..4 {
            assert!(matches!(begin(0).await, Begun::Open { .. }));
        }
        for _ in 0..3 {
            let begun = begin(1).await;
            assert!(matches!(begun, Begun::Open { failures: 4, .. }), "{begun:?}");
            store
                .take_back_sign_in(&person, Some(&address), &begun)
                .await
                .unwrap();
        }
        assert!(matches!(begin(2).await, Begun::Open { failures: 4, .. }));
        assert!(matches!(begin(3).await, Begun::AddressLocked { .. }));
        house.end().await;
    }
}

#[tokio::test]
async fn a_switch_ends_sessions_with_it_and_only_if_it_switches_something() {
    for house in House::each().await {
        let store = &house.store;
        let (tenant, ann) = (tenant(), ann());
        let told_of = PeopleChange {
            at: at(0),
            tenant: "acme".to_owned(),
            principal: Some(Pseudonym("5".repeat(32))),
            by: None,
            principal_kind: None,
            group: None,
            role: None,
            course: None,
            expires_at: None,
        };
        let record = PrincipalRecord {
            tenant: tenant.clone(),
            name: ann.clone(),
            kind: PrincipalKind::User,
            created_at: at(0),
            disabled_at: None,
        };
        assert!(store.insert_principal(&record, &told_of).await.unwrap());
        let sessions = || async { store.list_sessions(&tenant, None, at(1)).await.unwrap().len() };
        put(store, &session(1, 0)).await;
        put(store, &session(2, 0)).await;
        // It is on already.
        assert!(
            !store
                .switch_principal(&tenant, &ann, true, &told_of)
                .await
                .unwrap()
        );
        assert!(!store.switch_tenant(&tenant, true, &told_of).await.unwrap());
        assert_eq!(sessions().await, 2);
        assert!(
            store
                .switch_principal(&tenant, &ann, false, &told_of)
                .await
                .unwrap()
        );
        assert_eq!(sessions().await, 0);
        let (ended, last) = told(store, "sessions_ended").await;
        assert_eq!(ended, 1);
        assert!(last.contains("\"count\":2"), "{last}");
        put(store, &session(3, 0)).await;
        assert!(store.switch_tenant(&tenant, false, &told_of).await.unwrap());
        assert_eq!(sessions().await, 0);
        assert_eq!(told(store, "sessions_ended").await.0, 2);
        house.end().await;
    }
}
