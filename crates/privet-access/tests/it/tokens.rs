//! Short-lived tokens: good for less than what they come from, on every node, and for no longer than that.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use jiff::tz::Offset;
use privet_access::{
    AccessRules, Authenticated, Authorizer, Denied, Holder, KeyRing, KeyRingConfig, KillOrder, KillSwitches,
    KillTarget, NewToken, People, PseudonymKey, TOKEN_PREFIX, TokenError, TokenOrder, Vouched, Way,
    create_key, revoke_key, rotate_key,
};
use privet_crypto::{RootKey, SigningKey};
use privet_store::{TokenChange, TokenKeyRecord};
use privet_types::{KeyScope, KeyScopes, PrincipalKind, TenantId};
use serde_json::{Value, json};

use super::{House, always_looking, never_looking};

fn order(scopes: &[KeyScope], seconds: u64) -> TokenOrder {
    TokenOrder {
        scopes: KeyScopes::of(scopes),
        lasts: Duration::from_secs(seconds),
        longest: Duration::from_mins(15),
        models: Vec::new(),
        addresses: Vec::new(),
        has_two_factors: false,
    }
}

impl House {
    fn forward(&self, seconds: i64) {
        self.clock
            .0
            .fetch_add(seconds, std::sync::atomic::Ordering::Relaxed);
    }

    /// A ring of another node.
    async fn other_ring(&self) -> KeyRing {
        let store = self.other_store().await;
        KeyRing::open(store, &self.root, never_looking()).await.unwrap()
    }

    async fn key_with(&self, tenant: &str, principal: &str, scopes: &[KeyScope]) -> privet_access::NewKey {
        create_key(
            &self.store,
            &self.root,
            &tenant.parse().unwrap(),
            &principal.parse().unwrap(),
            KeyScopes::of(scopes),
            None,
            &self.clock,
        )
        .await
        .unwrap()
    }

    fn told(&self, caller: &Authenticated) -> TokenChange {
        TokenChange {
            at: self.now(),
            tenant: caller.tenant.to_string(),
            principal: PseudonymKey::new(&self.root).pseudonym(&caller.tenant, &caller.principal),
            token: None,
        }
    }
}

/// A token of `seconds` for the key `key`, for the gateway.
async fn token(house: &House, ring: &KeyRing, key: &str, seconds: u64) -> NewToken {
    let caller = ring.authenticate(key, house.now()).await.unwrap();
    let order = order(&[KeyScope::Gateway], seconds);
    let made = ring.issue_token(&caller, &order, None, house.now());
    made.await.unwrap()
}

async fn denied(house: &House, ring: &KeyRing, text: &str) -> Option<Denied> {
    ring.authenticate(text, house.now()).await.err()
}

#[tokio::test]
async fn a_token_lets_in_whose_key_it_came_from_for_less_and_for_a_while() {
    let house = House::new().await;
    let key = house
        .key_with("default", "ann", &[KeyScope::Gateway, KeyScope::VaultRead])
        .await;
    let ring = house.ring(never_looking()).await;
    let made = token(&house, &ring, key.key.expose(), 60).await;
    assert!(made.token.expose().starts_with("privet_at_eyJ"));
    let caller = ring.authenticate(made.token.expose(), house.now()).await.unwrap();
    assert_eq!(
        (caller.principal.as_str(), caller.key_id.as_str(), caller.way),
        ("ann", key.record.id.as_str(), Way::Token)
    );
    assert_eq!(caller.check(KeyScope::Gateway), Ok(()));
    assert_eq!(
        caller.check(KeyScope::VaultRead),
        Err(Denied::OutOfScope(KeyScope::VaultRead))
    );
    let facts = caller.token.clone().unwrap();
    assert_eq!((facts.made_by, facts.id.as_str()), (Way::Key, made.id.as_str()));
    assert_eq!(facts.id_hash, made.id_hash);
    assert!(facts.is_for_model("any"));
    // What the token holds is no secret: neither the key nor its hash is in it.
    let claims = made.token.expose().split('.').nth(1).unwrap();
    let claims = String::from_utf8(BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap()).unwrap();
    assert!(
        !claims.contains("prvt_") && claims.contains("\"sub\":\"ann\""),
        "{claims}"
    );
    house.forward(59);
    assert_eq!(denied(&house, &ring, made.token.expose()).await, None);
    house.forward(1);
    assert_eq!(
        denied(&house, &ring, made.token.expose()).await,
        Some(Denied::TokenExpired)
    );
}

#[tokio::test]
async fn a_token_is_for_no_more_than_what_it_comes_from() {
    let house = House::new().await;
    let key = house.key_with("default", "ann", &[KeyScope::Gateway]).await;
    let ring = house.ring(never_looking()).await;
    let caller = ring.authenticate(key.key.expose(), house.now()).await.unwrap();
    let refused = async |caller: &Authenticated, order: &TokenOrder| {
        ring.issue_token(caller, order, None, house.now())
            .await
            .unwrap_err()
    };
    let wide = refused(&caller, &order(&[KeyScope::Gateway, KeyScope::VaultRead], 60)).await;
    assert!(matches!(wide, TokenError::TooWide(KeyScope::VaultRead)), "{wide}");
    assert!(matches!(
        refused(&caller, &order(&[], 60)).await,
        TokenError::NoScope
    ));
    for seconds in [0, 901] {
        let life = refused(&caller, &order(&[KeyScope::Gateway], seconds)).await;
        assert!(matches!(life, TokenError::BadLife { .. }), "{life}");
    }
    let beyond = TokenOrder {
        longest: Duration::from_hours(9),
        ..order(&[KeyScope::Gateway], 3_601)
    };
    assert!(matches!(
        refused(&caller, &beyond).await,
        TokenError::BadLife { .. }
    ));
    for bad in ["", "a*b", "**", "a\nb", &"m".repeat(129)] {
        let narrow = TokenOrder {
            models: vec![bad.to_owned()],
            ..order(&[KeyScope::Gateway], 60)
        };
        let error = refused(&caller, &narrow).await;
        assert!(
            matches!(error, TokenError::BadNarrowing { what: "models" }),
            "{bad}: {error}"
        );
    }
    for bad in ["", "v1/messages", "/v1 /x", &format!("/{}", "a".repeat(128))] {
        let narrow = TokenOrder {
            addresses: vec![bad.to_owned()],
            ..order(&[KeyScope::Gateway], 60)
        };
        let error = refused(&caller, &narrow).await;
        assert!(
            matches!(error, TokenError::BadNarrowing { what: "addresses" }),
            "{bad}: {error}"
        );
    }
    let made = token(&house, &ring, key.key.expose(), 60).await;
    let by_token = ring.authenticate(made.token.expose(), house.now()).await.unwrap();
    let again = refused(&by_token, &order(&[KeyScope::Gateway], 1)).await;
    assert!(matches!(again, TokenError::ByToken), "{again}");
}

#[tokio::test]
async fn a_token_ends_with_its_key_at_the_latest() {
    let house = House::new().await;
    let soon = house.now() + Duration::from_secs(30);
    let key = house.key("ann", Some(soon)).await;
    let ring = house.ring(never_looking()).await;
    let made = token(&house, &ring, key.key.expose(), 600).await;
    assert_eq!(made.expires_at, soon);
    let caller = ring.authenticate(key.key.expose(), house.now()).await.unwrap();
    let ends = Some(house.now() + Duration::from_secs(7));
    let short = order(&[KeyScope::Gateway], 600);
    let made = ring
        .issue_token(&caller, &short, ends, house.now())
        .await
        .unwrap();
    assert_eq!(Some(made.expires_at), ends);
    let over = ring
        .issue_token(&caller, &short, Some(house.now()), house.now())
        .await;
    assert!(matches!(over.unwrap_err(), TokenError::Ended));
}

#[tokio::test]
async fn a_token_is_good_for_its_addresses_and_models_alone() {
    let house = House::new().await;
    let key = house.key("ann", None).await;
    let ring = house.ring(never_looking()).await;
    let caller = ring.authenticate(key.key.expose(), house.now()).await.unwrap();
    let narrow = TokenOrder {
        models: vec!["gpt-4.1".to_owned(), "claude-*".to_owned()],
        addresses: vec!["/v1/messages".to_owned(), "/mcp/git/".to_owned()],
        ..order(&[KeyScope::Gateway], 60)
    };
    let made = ring
        .issue_token(&caller, &narrow, None, house.now())
        .await
        .unwrap();
    let at = async |address: Option<&str>| {
        ring.authenticate_at(made.token.expose(), address, house.now())
            .await
            .map(|_| ())
    };
    for good in [
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/mcp/git",
        "/mcp/git/x",
    ] {
        assert_eq!(at(Some(good)).await, Ok(()), "{good}");
    }
    for bad in [
        "/v1/messagesx",
        "/v1/chat/completions",
        "/mcp/github",
        "/",
        "//v1/messages",
        "/V1/messages",
    ] {
        assert_eq!(at(Some(bad)).await, Err(Denied::TokenElsewhere), "{bad}");
    }
    assert_eq!(
        at(None).await,
        Err(Denied::TokenElsewhere),
        "where no address is known"
    );
    let caller = ring
        .authenticate_at(made.token.expose(), Some("/v1/messages"), house.now())
        .await
        .unwrap();
    let facts = caller.token.unwrap();
    for (model, is_for) in [
        ("gpt-4.1", true),
        ("gpt-4.1-mini", false),
        ("claude-x", true),
        ("xclaude-", false),
    ] {
        assert_eq!(facts.is_for_model(model), is_for, "{model}");
    }
}

/// The token with its parts put together by `with`: header, claims, signature.
fn forged(token: &str, with: impl FnOnce(&mut Value, &mut Value, &mut Vec<u8>)) -> String {
    let parts: Vec<&str> = token.strip_prefix(TOKEN_PREFIX).unwrap().split('.').collect();
    let bytes = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).unwrap();
    let [header, claims, signature]: [&str; 3] = parts.try_into().unwrap();
    let mut header: Value = serde_json::from_slice(&bytes(header)).unwrap();
    let mut claims: Value = serde_json::from_slice(&bytes(claims)).unwrap();
    let mut signature = bytes(signature);
    with(&mut header, &mut claims, &mut signature);
    format!(
        "{TOKEN_PREFIX}{}.{}.{}",
        BASE64URL_NOPAD.encode(header.to_string().as_bytes()),
        BASE64URL_NOPAD.encode(claims.to_string().as_bytes()),
        BASE64URL_NOPAD.encode(&signature)
    )
}

/// The token with other claims, signed by `key`.
fn signed(token: &str, key: &SigningKey, with: impl FnOnce(&mut Value, &mut Value)) -> String {
    let unsigned = forged(token, |header, claims, _| with(header, claims));
    let (body, _) = unsigned.rsplit_once('.').unwrap();
    let signature = key.sign(body.strip_prefix(TOKEN_PREFIX).unwrap().as_bytes());
    format!("{body}.{}", BASE64URL_NOPAD.encode(&signature))
}

#[tokio::test]
async fn no_byte_of_a_token_can_be_changed() {
    let house = House::new().await;
    let key = house.key("ann", None).await;
    let ring = house.ring(always_looking()).await;
    let made = token(&house, &ring, key.key.expose(), 600).await;
    let text = made.token.expose();
    for at in 0..text.len() {
        let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        let mut bad = text.clone();
        bad.replace_range(at..=at, other);
        assert!(denied(&house, &ring, &bad).await.is_some(), "byte {at}");
    }
}

#[tokio::test]
async fn another_algorithm_kind_key_or_claim_is_refused() {
    let house = House::new().await;
    let key = house.key_with("default", "ann", &[KeyScope::Gateway]).await;
    house.key_with("acme", "ben", &[KeyScope::Gateway]).await;
    let ring = house.ring(always_looking()).await;
    let made = token(&house, &ring, key.key.expose(), 600).await;
    let text = made.token.expose();
    let own = SigningKey::generate().unwrap();
    for alg in ["none", "HS256", "ES256", "eddsa", "Ed25519", ""] {
        let bad = forged(text, |header, _, _| header["alg"] = json!(alg));
        assert_eq!(
            denied(&house, &ring, &bad).await,
            Some(Denied::Malformed),
            "{alg}"
        );
        let bad = signed(text, &own, |header, _| header["alg"] = json!(alg));
        assert_eq!(
            denied(&house, &ring, &bad).await,
            Some(Denied::Malformed),
            "{alg}"
        );
    }
    let unsigned = forged(text, |header, _, signature| {
        header["alg"] = json!("none");
        signature.clear();
    });
    let short = forged(text, |_, _, signature| signature.truncate(63));
    let typ = forged(text, |header, _, _| header["typ"] = json!("JWT"));
    let more = forged(text, |header, _, _| header["jwk"] = json!({"kty": "OKP"}));
    let (head, _) = text.split_once('.').unwrap();
    let long = format!("{head}.{}.x", "A".repeat(20_000));
    for bad in [
        unsigned,
        short,
        typ,
        more,
        long,
        TOKEN_PREFIX.to_owned(),
        format!("{text}."),
        format!("{text}="),
    ] {
        assert_eq!(
            denied(&house, &ring, &bad).await,
            Some(Denied::Malformed),
            "{bad}"
        );
    }
    // Signed, but not by us: under the name of our key, and under a name of its own.
    let bad = signed(text, &own, |_, _| {});
    assert_eq!(denied(&house, &ring, &bad).await, Some(Denied::TokenForged));
    let bad = signed(text, &own, |header, _| header["kid"] = json!("another"));
    assert_eq!(denied(&house, &ring, &bad).await, Some(Denied::Unknown));
    // Whatever is written into it needs our signature.
    for (claim, value) in [
        ("tenant", json!("acme")),
        ("sub", json!("ben")),
        ("scope", json!("gateway,vault.read")),
        ("exp", json!(9_999_999_999_i64)),
        ("by", json!("another")),
        ("way", json!("session")),
    ] {
        let bad = forged(text, |_, claims, _| claims[claim] = value);
        assert_eq!(
            denied(&house, &ring, &bad).await,
            Some(Denied::TokenForged),
            "{claim}"
        );
    }
    // Another installation has other keys.
    let theirs = House::new().await;
    let their_key = theirs.key("ann", None).await;
    let their_ring = theirs.ring(never_looking()).await;
    let foreign = token(&theirs, &their_ring, their_key.key.expose(), 600).await;
    assert_eq!(
        denied(&house, &ring, foreign.token.expose()).await,
        Some(Denied::Unknown)
    );
}

#[tokio::test]
async fn clocks_of_nodes_may_differ_a_little() {
    let house = House::new().await;
    let key = house.key("ann", None).await;
    let ring = house.ring(never_looking()).await;
    let made = token(&house, &ring, key.key.expose(), 600).await;
    house.forward(-60);
    assert_eq!(denied(&house, &ring, made.token.expose()).await, None);
    house.forward(-1);
    assert_eq!(
        denied(&house, &ring, made.token.expose()).await,
        Some(Denied::TokenEarly)
    );
}

#[tokio::test]
async fn whatever_ends_its_key_or_its_owner_ends_a_token_on_every_node() {
    let tenant = TenantId::default();
    for way in ["key", "rotated", "principal", "tenant", "one", "all", "switch"] {
        let house = House::new().await;
        let people = People::new(&house.store, &house.root, tenant.clone(), &house.clock);
        let ann = "ann".parse().unwrap();
        people.create(&ann, PrincipalKind::User).await.unwrap();
        let key = house.key("ann", None).await;
        let (here, there) = (house.ring(never_looking()).await, house.other_ring().await);
        let made = token(&house, &here, key.key.expose(), 900).await;
        there.refresh_if_changed().await.unwrap();
        for ring in [&here, &there] {
            assert_eq!(denied(&house, ring, made.token.expose()).await, None, "{way}");
        }
        let caller = here.authenticate(key.key.expose(), house.now()).await.unwrap();
        let (told, who) = (house.told(&caller), (&caller.tenant, &caller.principal));
        let id = &key.record.id;
        let expected = match way {
            "key" => {
                revoke_key(&house.store, &house.root, id, &house.clock)
                    .await
                    .unwrap();
                Denied::Revoked
            }
            "rotated" => {
                let grace = Duration::from_secs(5);
                rotate_key(&house.store, &house.root, id, grace, &house.clock)
                    .await
                    .unwrap();
                house.forward(5);
                Denied::Rotated
            }
            "principal" => {
                people.switch(&ann, PrincipalKind::User, false).await.unwrap();
                Denied::Disabled
            }
            "tenant" => {
                people.switch_tenant(false).await.unwrap();
                Denied::Disabled
            }
            "one" => {
                let until = house.now() + Duration::from_hours(2);
                let done = house.store.revoke_token(who, &made.id, until, 9, &told);
                assert!(done.await.unwrap());
                Denied::TokenRevoked
            }
            "all" => {
                house.store.revoke_tokens(who, &told).await.unwrap();
                Denied::TokenRevoked
            }
            _ => {
                let switches = KillSwitches::new(&house.store, &house.root, &house.clock);
                let order = KillOrder {
                    tenant: Some(tenant.clone()),
                    target: KillTarget::Key(id.clone()),
                    reason: "stolen".to_owned(),
                    ends_at: None,
                };
                switches.set(order, "sam", &tenant).await.unwrap();
                Denied::SwitchedOff
            }
        };
        for ring in [&here, &there] {
            ring.refresh_if_changed().await.unwrap();
            let answer = match ring.authenticate(made.token.expose(), house.now()).await {
                Ok(caller) => ring.check_switches(&caller, None, house.now()),
                Err(denied) => Err(denied),
            };
            assert_eq!(answer, Err(expected), "{way}");
        }
        if way == "all" {
            // Later ones are good.
            let made = token(&house, &there, key.key.expose(), 900).await;
            for ring in [&here, &there] {
                assert_eq!(denied(&house, ring, made.token.expose()).await, None);
            }
        }
    }
}

#[tokio::test]
async fn a_token_that_others_take_back_or_that_is_of_another_tenant_stays() {
    let house = House::new().await;
    let key = house.key("ann", None).await;
    let ring = house.ring(never_looking()).await;
    let made = token(&house, &ring, key.key.expose(), 900).await;
    let caller = ring.authenticate(key.key.expose(), house.now()).await.unwrap();
    let (told, until) = (house.told(&caller), house.now() + Duration::from_hours(2));
    let (acme, ben) = ("acme".parse().unwrap(), "ben".parse().unwrap());
    for who in [(&acme, &caller.principal), (&caller.tenant, &ben)] {
        assert!(
            house
                .store
                .revoke_token(who, &made.id, until, 9, &told)
                .await
                .unwrap()
        );
        house.store.revoke_tokens(who, &told).await.unwrap();
        assert!(
            house
                .store
                .revoke_token(who, &made.id, until, 9, &told)
                .await
                .unwrap()
        );
    }
    assert!(ring.refresh_if_changed().await.unwrap());
    assert_eq!(denied(&house, &ring, made.token.expose()).await, None);
}

#[tokio::test]
async fn many_nodes_that_need_the_first_key_at_once_sign_with_one() {
    let house = House::new().await;
    let key = house.key("ann", None).await;
    let rings = [
        house.ring(never_looking()).await,
        house.other_ring().await,
        house.other_ring().await,
    ];
    let key = key.key.expose();
    let made = tokio::join!(
        token(&house, &rings[0], key, 60),
        token(&house, &rings[1], key, 60),
        token(&house, &rings[2], key, 60),
        token(&house, &rings[0], key, 60),
        token(&house, &rings[1], key, 60),
    );
    let made = [made.0, made.1, made.2, made.3, made.4];
    for ring in &rings {
        ring.refresh_if_changed().await.unwrap();
        for made in &made {
            assert_eq!(denied(&house, ring, made.token.expose()).await, None);
        }
    }
    assert_eq!(house.store.load_api_keys().await.unwrap().tokens.keys.len(), 1);
}

#[tokio::test]
async fn another_key_signs_after_a_day_and_what_the_first_signed_stays_good_on_all_nodes() {
    let house = House::new().await;
    let key = house.key("ann", None).await;
    let (here, there) = (house.ring(never_looking()).await, house.other_ring().await);
    token(&house, &here, key.key.expose(), 1).await;
    house.forward(24 * 3600 - 60);
    let first = token(&house, &here, key.key.expose(), 900).await;
    house.forward(60);
    let second = token(&house, &there, key.key.expose(), 900).await;
    let kid = |made: &NewToken| made.token.expose().split('.').next().unwrap().to_owned();
    assert_ne!(kid(&first), kid(&second));
    here.refresh_if_changed().await.unwrap();
    for ring in [&here, &there] {
        for made in [&first, &second] {
            assert_eq!(denied(&house, ring, made.token.expose()).await, None);
        }
    }
    // What an old key signs is good no more, whoever has it.
    house.forward(71 * 60);
    assert_eq!(
        denied(&house, &here, first.token.expose()).await,
        Some(Denied::Unknown)
    );
    house.forward(24 * 3600 - 71 * 60);
    token(&house, &here, key.key.expose(), 900).await;
    assert_eq!(house.store.load_api_keys().await.unwrap().tokens.keys.len(), 2);
}

#[tokio::test]
async fn who_writes_into_the_store_without_the_root_key_signs_nothing() {
    let house = House::new().await;
    let key = house.key("ann", None).await;
    let ring = house.ring(never_looking()).await;
    let made = token(&house, &ring, key.key.expose(), 900).await;
    let own = SigningKey::generate().unwrap();
    let seal = RootKey::generate()
        .unwrap()
        .sealing_key("privet/access/token-key", b"");
    let at = house.now() + Duration::from_secs(1);
    let place = format!("mine\0{}", at.as_millisecond());
    let record = TokenKeyRecord {
        kid: "mine".to_owned(),
        made_at: at,
        sealed: seal.seal(place.as_bytes(), own.to_text().as_bytes()).unwrap(),
    };
    assert!(
        house
            .store
            .rotate_token_key(&record, house.now(), house.now())
            .await
            .unwrap()
    );
    assert!(ring.refresh_if_changed().await.unwrap());
    let bad = signed(made.token.expose(), &own, |header, _| {
        header["kid"] = json!("mine");
    });
    assert_eq!(denied(&house, &ring, &bad).await, Some(Denied::Unknown));
    assert_eq!(denied(&house, &ring, made.token.expose()).await, None);
}

#[tokio::test]
async fn a_token_of_a_certificate_lives_as_long_as_that_may_call() {
    let house = House::new().await;
    let who = Vouched {
        principal: "billing".parse().unwrap(),
        tenant: TenantId::default(),
        id: "certificate:billing".to_owned(),
        scopes: KeyScopes::of(&[KeyScope::Gateway]),
    };
    let rules = |named| AccessRules {
        authorizer: Authorizer::new(&[], Offset::UTC).unwrap(),
        signers: Vec::new(),
        named,
    };
    let named = vec![(who.tenant.clone(), who.principal.clone())];
    let ring = KeyRing::open_with(house.store.clone(), &house.root, never_looking(), rules(named));
    let ring = ring.await.unwrap();
    let caller = ring.vouched(&who).unwrap();
    assert_eq!(caller.way, Way::Certificate);
    let order = order(&[KeyScope::Gateway], 900);
    let made = ring
        .issue_token(&caller, &order, None, house.now())
        .await
        .unwrap();
    let by_token = ring.authenticate(made.token.expose(), house.now()).await.unwrap();
    assert_eq!(
        (by_token.principal.as_str(), by_token.key_id.as_str()),
        ("billing", "certificate:billing")
    );
    // Another start, after which that certificate stands for nobody; a key of the same name changes nothing.
    house.key("billing", None).await;
    let ring = KeyRing::open_with(
        house.store.clone(),
        &house.root,
        never_looking(),
        rules(Vec::new()),
    );
    let ring = ring.await.unwrap();
    assert_eq!(
        denied(&house, &ring, made.token.expose()).await,
        Some(Denied::TokenRevoked)
    );
}

#[tokio::test]
async fn a_store_that_was_gone_for_too_long_lets_no_token_in() {
    let house = House::new().await;
    let key = house.key("ann", None).await;
    let config = KeyRingConfig {
        stale_after: Duration::from_millis(200),
        ..never_looking()
    };
    let ring = house.ring(config).await;
    let made = token(&house, &ring, key.key.expose(), 900).await;
    assert_eq!(denied(&house, &ring, made.token.expose()).await, None);
    house.store.close().await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(
        denied(&house, &ring, made.token.expose()).await,
        Some(Denied::StoreUnavailable)
    );
}

#[tokio::test]
async fn who_may_make_tokens_is_for_the_policies_to_say() {
    use privet_access::{Ask, Privilege, Resource};

    let house = House::new().await;
    let key = house.key("ann", None).await;
    let people = People::new(&house.store, &house.root, TenantId::default(), &house.clock);
    let ann = "ann".parse().unwrap();
    people.create(&ann, PrincipalKind::User).await.unwrap();
    let holder = Holder::Principal(ann);
    people
        .set_role(&holder, &"auditor".parse().unwrap(), true)
        .await
        .unwrap();
    let ring = house.ring(never_looking()).await;
    let caller = ring.authenticate(key.key.expose(), house.now()).await.unwrap();
    let ask = Ask {
        privilege: Privilege::MakeTokens,
        resource: Resource::Tenant,
        at: house.now(),
        address: None,
        prompt: None,
    };
    assert!(ring.permits(&caller, &ask));
    let own = privet_access::PolicyText {
        name: "own.cedar",
        text: r#"forbid (principal, action == Privet::Action::"token.make", resource);"#,
    };
    ring.replace_policies(Authorizer::new(&[own], Offset::UTC).unwrap());
    assert!(!ring.permits(&caller, &ask));
}
