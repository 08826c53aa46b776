//! Signing in: what is refused, what it costs, and what is remembered.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use privet_access::{
    Attempt, Authorizer, Enrolment, NewSession, PasswordFault, People, PolicyText, SessionStanding, SignIn,
    SignInConfig, SignInError, SignInPolicy, SignInWay,
};
use privet_crypto::{Argon2Cost, PasswordHash};
use privet_store::Person;
use privet_types::{Principal, PrincipalKind, TenantId};

use crate::{House, KeyRingConfig};

const PASSWORD: &str = "correct horse battery";

fn config() -> SignInConfig {
    SignInConfig {
        issuer: "Privet".to_owned(),
        origin: "https://privet.example".to_owned(),
        host: "privet.example".to_owned(),
        cost: Argon2Cost::for_sign_in(),
        hashing_at_once: 2,
        least_length: 12,
        breached_hashes: None,
        breached_words: None,
        session_lasts: Duration::from_secs(43_200),
        idle_lasts: Duration::from_secs(1800),
        sessions: 3,
        proof_lasts: Duration::from_secs(600),
        counts_addresses: true,
        policy: SignInPolicy {
            password_only_roles: BTreeSet::from(["user".parse().unwrap()]),
            allows_prompts: false,
        },
    }
}

async fn desk(house: &House, config: SignInConfig) -> SignIn {
    let ring = Arc::new(house.ring(KeyRingConfig::default()).await);
    SignIn::new(ring, &house.root, config).unwrap()
}

fn enrolment(house: &House) -> Enrolment<'_> {
    Enrolment::new(&house.store, &house.root, TenantId::default(), &house.clock)
}

/// A person with a password.
async fn ann(house: &House, config: SignInConfig) -> (Principal, SignIn) {
    let ann: Principal = "ann".parse().unwrap();
    let people = People::new(&house.store, &house.root, TenantId::default(), &house.clock);
    people.create(&ann, PrincipalKind::User).await.unwrap();
    let desk = desk(house, config).await;
    let invite = enrolment(house)
        .invite(&ann, Duration::from_secs(60))
        .await
        .unwrap();
    desk.accept_invite(invite.code.expose(), PASSWORD, house.now())
        .await
        .unwrap();
    (ann, desk)
}

async fn try_in(
    desk: &SignIn,
    house: &House,
    name: &str,
    password: &str,
    address: &str,
) -> Result<NewSession, SignInError> {
    let attempt = Attempt {
        tenant: &TenantId::default(),
        name: &name.parse().unwrap(),
        password,
        address: Some(address.parse::<IpAddr>().unwrap()),
    };
    desk.sign_in(attempt, house.now()).await
}

fn wait(house: &House, seconds: i64) {
    house.clock.0.fetch_add(seconds, Ordering::Relaxed);
}

#[tokio::test]
async fn an_unknown_name_a_wrong_password_and_a_lock_get_one_answer_after_the_same_work() {
    let house = House::new().await;
    let (_, desk) = ann(&house, config()).await;
    let mut seen = BTreeSet::new();
    for (name, password, attempts) in [("nobody", PASSWORD, 8), ("ann", "wrong horse battery", 8)] {
        for number in 0..attempts {
            let before = desk.hashed();
            let address = format!("192.0.2.{number}");
            let refused = try_in(&desk, &house, name, password, &address).await.unwrap_err();
            assert_eq!(desk.hashed() - before, 1, "{name} {number}");
            seen.insert(refused.to_string());
        }
    }
    // Locked by now: the right password costs and gets the same.
    let before = desk.hashed();
    let locked = try_in(&desk, &house, "ann", PASSWORD, "192.0.2.99")
        .await
        .unwrap_err();
    assert_eq!(desk.hashed() - before, 1);
    seen.insert(locked.to_string());
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[tokio::test]
async fn a_person_is_locked_longer_and_longer_and_no_restart_forgets_it() {
    let house = House::new().await;
    let (name, desk) = ann(&house, config()).await;
    let from = |number: u32| format!("192.0.2.{number}");
    for number in 0..5 {
        let _ = try_in(&desk, &house, "ann", "wrong horse battery", &from(number)).await;
    }
    drop(desk);
    let desk = self::desk(&house, config()).await;
    assert!(try_in(&desk, &house, "ann", PASSWORD, &from(9)).await.is_err());
    wait(&house, 31);
    let _ = try_in(&desk, &house, "ann", "wrong horse battery", &from(10)).await;
    wait(&house, 31);
    assert!(
        try_in(&desk, &house, "ann", PASSWORD, &from(11)).await.is_err(),
        "the second lock is twice as long"
    );
    wait(&house, 30);
    assert!(try_in(&desk, &house, "ann", PASSWORD, &from(12)).await.is_ok());
    // And from nothing again.
    for number in 0..4 {
        let _ = try_in(&desk, &house, "ann", "wrong horse battery", &from(20 + number)).await;
    }
    assert!(try_in(&desk, &house, "ann", PASSWORD, &from(30)).await.is_ok());
    for number in 0..5 {
        let _ = try_in(&desk, &house, "ann", "wrong horse battery", &from(40 + number)).await;
    }
    assert!(try_in(&desk, &house, "ann", PASSWORD, &from(50)).await.is_err());
    assert!(enrolment(&house).unlock(&name).await.unwrap());
    assert!(try_in(&desk, &house, "ann", PASSWORD, &from(51)).await.is_ok());
    assert!(!enrolment(&house).unlock(&name).await.unwrap());
}

#[tokio::test]
async fn an_address_that_fails_too_often_is_told_when_to_come_back_before_anything_is_hashed() {
    let house = House::new().await;
    let (_, desk) = ann(&house, config()).await;
    for number in 0..21 {
        let name = format!("nobody{number}");
        let _ = try_in(&desk, &house, &name, PASSWORD, "203.0.113.7").await;
    }
    let before = desk.hashed();
    let locked = try_in(&desk, &house, "ann", PASSWORD, "203.0.113.7").await;
    assert!(
        matches!(locked, Err(SignInError::AddressLocked { retry_after: 1..=31 })),
        "{locked:?}"
    );
    assert_eq!(desk.hashed(), before);
    assert!(
        try_in(&desk, &house, "ann", PASSWORD, "203.0.113.8")
            .await
            .is_ok()
    );
    wait(&house, 31);
    assert!(
        try_in(&desk, &house, "ann", PASSWORD, "203.0.113.7")
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn behind_a_proxy_no_address_is_locked() {
    let house = House::new().await;
    let config = SignInConfig {
        counts_addresses: false,
        ..config()
    };
    let (_, desk) = ann(&house, config).await;
    for number in 0..25 {
        let name = format!("nobody{number}");
        let _ = try_in(&desk, &house, &name, PASSWORD, "203.0.113.7").await;
    }
    assert!(
        try_in(&desk, &house, "ann", PASSWORD, "203.0.113.7")
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_password_is_hashed_anew_when_the_cost_has_changed_and_fits_nobody_else() {
    let house = House::new().await;
    let (name, desk) = ann(&house, config()).await;
    let tenant = TenantId::default();
    let who = Person {
        tenant: &tenant,
        principal: &name,
    };
    let before = house.store.password(who).await.unwrap().unwrap();
    assert!(!before.contains(PASSWORD));
    drop(desk);
    let cost = Argon2Cost::new(20_480, 2, 1).unwrap();
    let desk = self::desk(&house, SignInConfig { cost, ..config() }).await;
    assert!(try_in(&desk, &house, "ann", PASSWORD, "192.0.2.1").await.is_ok());
    let after = house.store.password(who).await.unwrap().unwrap();
    assert_eq!(PasswordHash::parse(&after).unwrap().cost(), cost);
    assert!(try_in(&desk, &house, "ann", PASSWORD, "192.0.2.1").await.is_ok());

    // Ann's hash in another's row.
    let bob: Principal = "bob".parse().unwrap();
    let people = People::new(&house.store, &house.root, tenant.clone(), &house.clock);
    people.create(&bob, PrincipalKind::User).await.unwrap();
    let change = privet_store::SignInChange {
        at: house.now(),
        tenant: "default".to_owned(),
        principal: None,
        by: None,
        session: None,
        way: None,
        count: None,
        expires_at: None,
    };
    let row = Person {
        tenant: &tenant,
        principal: &bob,
    };
    house
        .store
        .set_password(row, &after, None, &change)
        .await
        .unwrap();
    let desk = self::desk(&house, SignInConfig { cost, ..config() }).await;
    assert!(try_in(&desk, &house, "bob", PASSWORD, "192.0.2.1").await.is_err());
}

#[tokio::test]
async fn lists_of_known_passwords_count_and_one_that_cannot_be_read_lets_no_password_through() {
    let house = House::new().await;
    let words = house.dir.path().join("words.txt");
    std::fs::write(&words, "something else\ncorrect HORSE battery\n").unwrap();
    let config = SignInConfig {
        breached_words: Some(words.clone()),
        ..config()
    };
    let ann: Principal = "ann".parse().unwrap();
    let people = People::new(&house.store, &house.root, TenantId::default(), &house.clock);
    people.create(&ann, PrincipalKind::User).await.unwrap();
    let desk = desk(&house, config.clone()).await;
    let invite = enrolment(&house)
        .invite(&ann, Duration::from_secs(60))
        .await
        .unwrap();
    let code = invite.code.expose();
    let refused = desk.accept_invite(code, PASSWORD, house.now()).await;
    assert!(
        matches!(refused, Err(SignInError::Password(PasswordFault::Breached))),
        "{refused:?}"
    );
    std::fs::remove_file(&words).unwrap();
    let refused = desk.accept_invite(code, "quite another one", house.now()).await;
    assert!(matches!(refused, Err(SignInError::Unchecked(_))), "{refused:?}");
    std::fs::write(&words, "something else\n").unwrap();
    desk.accept_invite(code, "quite another one", house.now())
        .await
        .unwrap();
    std::fs::remove_file(&words).unwrap();
    let ring = Arc::new(house.ring(KeyRingConfig::default()).await);
    let gone = SignIn::new(ring, &house.root, config).unwrap_err().to_string();
    assert!(
        gone.contains("words.txt") && gone.contains("cannot be read"),
        "{gone}"
    );
}

#[tokio::test]
async fn a_session_opened_for_a_way_of_others_stands_as_far_as_that_way_goes() {
    let house = House::new().await;
    let (name, _) = ann(&house, config()).await;
    let people = People::new(&house.store, &house.root, TenantId::default(), &house.clock);
    let holder = privet_access::Holder::Principal(name.clone());
    people
        .set_role(&holder, &"admin".parse().unwrap(), true)
        .await
        .unwrap();
    let desk = desk(&house, config()).await;
    let tenant = TenantId::default();
    for (has_two, standing) in [
        (false, SessionStanding::NeedsEnrolment),
        (true, SessionStanding::Full),
    ] {
        let new = desk
            .open(&tenant, &name, (SignInWay::Passkey, has_two), None, house.now())
            .await
            .unwrap();
        assert_eq!(new.standing, standing);
        let live = desk.find(new.token.expose(), house.now()).await.unwrap();
        assert_eq!(
            (live.standing(), live.caller().principal.as_str()),
            (standing, "ann")
        );
    }
    let nobody = desk
        .open(
            &tenant,
            &"nobody".parse().unwrap(),
            (SignInWay::Passkey, true),
            None,
            house.now(),
        )
        .await;
    assert!(matches!(nobody, Err(SignInError::Refused)), "{nobody:?}");
}

async fn lets_in_again(desk: &SignIn, house: &House) -> bool {
    // What was taken back is written down beside the answer.
    for _ in 0..1000 {
        if try_in(desk, house, "ann", PASSWORD, "192.0.2.1").await.is_ok() {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn who_finds_no_place_in_the_queue_is_told_so_before_anything_is_counted() {
    let house = House::new().await;
    let config = SignInConfig {
        hashing_at_once: 1,
        counts_addresses: false,
        ..config()
    };
    let (_, desk) = ann(&house, config).await;
    let mut waiting: Vec<_> = (0..17)
        .map(|_| Box::pin(try_in(&desk, &house, "nobody", PASSWORD, "192.0.2.7")))
        .collect();
    std::future::poll_fn(|context| {
        for one in &mut waiting {
            assert!(one.as_mut().poll(context).is_pending());
        }
        std::task::Poll::Ready(())
    })
    .await;
    for _ in 0..6 {
        let busy = try_in(&desk, &house, "ann", PASSWORD, "192.0.2.1").await;
        assert!(matches!(busy, Err(SignInError::Busy)), "{busy:?}");
    }
    drop(waiting);
    for _ in 0..4 {
        let wrong = try_in(&desk, &house, "ann", "wrong horse battery", "192.0.2.1").await;
        assert!(matches!(wrong, Err(SignInError::Refused)), "{wrong:?}");
    }
    assert!(
        try_in(&desk, &house, "ann", PASSWORD, "192.0.2.1").await.is_ok(),
        "four failures cost nothing, and no more were counted"
    );
}

#[tokio::test]
async fn what_a_policy_refuses_or_the_store_cannot_say_counts_as_no_failure() {
    let house = House::new().await;
    let config = SignInConfig {
        counts_addresses: false,
        ..config()
    };
    let (name, desk) = ann(&house, config.clone()).await;
    drop(desk);
    let ring = Arc::new(house.ring(KeyRingConfig::default()).await);
    let desk = SignIn::new(Arc::clone(&ring), &house.root, config).unwrap();
    let rules = |own: &[PolicyText<'_>]| Authorizer::new(own, jiff::tz::Offset::UTC).unwrap();
    ring.replace_policies(rules(&[PolicyText {
        name: "own.cedar",
        text: r#"@id("nobody") forbid (principal, action == Privet::Action::"sign_in", resource);"#,
    }]));
    for _ in 0..6 {
        let refused = try_in(&desk, &house, "ann", PASSWORD, "192.0.2.1").await;
        assert!(matches!(refused, Err(SignInError::Refused)), "{refused:?}");
    }
    ring.replace_policies(rules(&[]));
    assert!(lets_in_again(&desk, &house).await);

    let tenant = TenantId::default();
    let who = Person {
        tenant: &tenant,
        principal: &name,
    };
    let stored = house.store.password(who).await.unwrap().unwrap();
    house
        .store
        .rehash_password(who, &stored, "garbage")
        .await
        .unwrap();
    for _ in 0..4 {
        let failed = try_in(&desk, &house, "ann", PASSWORD, "192.0.2.1").await;
        assert!(matches!(failed, Err(SignInError::Crypto(_))), "{failed:?}");
    }
    house
        .store
        .rehash_password(who, "garbage", &stored)
        .await
        .unwrap();
    assert!(lets_in_again(&desk, &house).await);
    // A wrong one still counts; more than what may yet be taken back.
    for _ in 0..12 {
        let wrong = try_in(&desk, &house, "ann", "wrong horse battery", "192.0.2.1").await;
        assert!(matches!(wrong, Err(SignInError::Refused)), "{wrong:?}");
    }
    let locked = try_in(&desk, &house, "ann", PASSWORD, "192.0.2.1").await;
    assert!(matches!(locked, Err(SignInError::Refused)), "{locked:?}");
}

#[tokio::test]
async fn sessions_that_nobody_used_for_long_are_not_listed() {
    let house = House::new().await;
    let (name, desk) = ann(&house, config()).await;
    try_in(&desk, &house, "ann", PASSWORD, "192.0.2.1").await.unwrap();
    wait(&house, 1000);
    try_in(&desk, &house, "ann", PASSWORD, "192.0.2.1").await.unwrap();
    let enrolment = enrolment(&house);
    for (of, idle, count) in [
        (Some(&name), Duration::from_secs(1800), 2),
        (Some(&name), Duration::from_secs(600), 1),
        (None, Duration::MAX, 2),
    ] {
        assert_eq!(
            enrolment.sessions(of, idle).await.unwrap().len(),
            count,
            "{idle:?}"
        );
    }
}
