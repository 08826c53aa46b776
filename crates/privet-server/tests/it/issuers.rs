//! Callers who come by a token of another issuer, and what others try with such tokens.

use std::time::Duration;

use privet_access::{Holder, KillOrder, KillTarget};
use privet_crypto::hmac_sha256;
use privet_testkit::{Ask, Builder, Reply, TestGateway, TestIssuer, TokenKey, json_reply, unsigned};
use privet_types::{Clock, KeyScopes, PrincipalKind};
use serde_json::{Value, json};

use crate::support::{CHAT, EMAIL, MODELS, chat};

/// What the issuer calls Ann.
const ANN: &str = "248289761001";
const KNOWS_ANN: &str = "principals = { \"248289761001\" = \"ann-user\" }";

/// An issuer that shows `key` as `one`, and a gateway in which it says who Ann is.
async fn house(key: &TokenKey, more: &str) -> (TestIssuer, TestGateway) {
    let issuer = TestIssuer::start().await;
    issuer.show(&[key.jwk("one")]);
    let gateway = start(TestGateway::builder(), &issuer, more).await;
    (issuer, gateway)
}

async fn start(builder: Builder, issuer: &TestIssuer, more: &str) -> TestGateway {
    let entry = issuer.entry("corp", &format!("{KNOWS_ANN}\n{more}"));
    let gateway = builder.issuers(&entry).start().await;
    person(&gateway, "ann-user", &["user"]).await;
    gateway
}

/// Makes a person with these roles.
pub(crate) async fn person(gateway: &TestGateway, name: &str, roles: &[&str]) {
    let people = gateway.people("default");
    let principal = name.parse().unwrap();
    people.create(&principal, PrincipalKind::User).await.unwrap();
    for role in roles {
        let holder = Holder::Principal(principal.clone());
        people
            .set_role(&holder, &role.parse().unwrap(), true)
            .await
            .unwrap();
    }
    look(gateway).await;
}

/// A key that is not known yet makes the gateway look into the store.
async fn look(gateway: &TestGateway) {
    let key = gateway.key_for("default", "looker", KeyScopes::default()).await;
    let reply = gateway.ask("GET", MODELS).header("x-api-key", &key).send().await;
    assert_ne!(reply.status, 401, "{}", reply.text());
}

/// What a good token for Ann says.
fn claims(issuer: &TestIssuer, gateway: &TestGateway) -> Value {
    let now = gateway.clock().now().as_second();
    json!({ "iss": issuer.url(), "aud": "privet", "sub": ANN, "iat": now, "exp": now + 300 })
}

fn with(claims: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims.clone();
    claims[name] = value.into();
    claims
}

fn ask(gateway: &TestGateway, token: &str) -> Ask {
    gateway
        .ask("GET", MODELS)
        .header("authorization", &format!("Bearer {token}"))
}

async fn show(gateway: &TestGateway, token: &str) -> Reply {
    ask(gateway, token).send().await
}

fn code(reply: &Reply) -> String {
    reply.json()["error"]["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn assert_code(reply: &Reply, status: u16, wanted: &str, what: &str) {
    assert_eq!(
        (reply.status, code(reply).as_str()),
        (status, wanted),
        "{what}: {}",
        reply.text()
    );
}

#[tokio::test]
async fn a_token_of_each_algorithm_lets_in_whom_the_settings_name() {
    for key in [TokenKey::ed25519(), TokenKey::p256(), TokenKey::rsa()] {
        let (issuer, gateway) = house(&key, "").await;
        let token = key.token("one", &claims(&issuer, &gateway));
        let reply = gateway
            .ask("POST", CHAT)
            .header("authorization", &format!("bearer {token}"))
            .header("content-type", "application/json")
            .body(chat("demo-echo", &format!("I am {EMAIL}")))
            .send()
            .await;
        assert_eq!(reply.status, 200, "{}: {}", key.algorithm(), reply.text());
        assert!(!gateway.seen_text().contains(EMAIL));
        assert!(
            !gateway.seen_text().contains(&token),
            "no provider sees the token"
        );
        // Once for all who come after.
        assert_eq!(show(&gateway, &token).await.status, 200);
        assert_eq!(issuer.fetches(), 1);
        let rows = gateway.stop().await.home.audit().await;
        let event = &rows.last().unwrap().event;
        assert_eq!(event.issuer.as_deref(), Some("corp"));
    }
}

#[tokio::test]
async fn nobody_acknowledges_a_notice_by_a_token_of_another_issuer() {
    let (key, issuer) = (TokenKey::ed25519(), TestIssuer::start().await);
    issuer.show(&[key.jwk("one")]);
    let policy = "[[notices]]\nid = \"rules\"\ntext = { en = \"Be kind.\" }\n";
    let gateway = start(TestGateway::builder().policy(policy), &issuer, "").await;
    let token = key.token("one", &claims(&issuer, &gateway));
    let asked = |method: &str, path: &str| {
        gateway
            .ask(method, path)
            .header("authorization", &format!("Bearer {token}"))
            .header("content-type", "application/json")
    };
    let shown = asked("GET", "/api/v1/me/notices").send().await.json();
    let read = json!({ "hash": shown["notices"][0]["hash"] });
    let reply = asked("POST", "/api/v1/me/notices/rules").body(read.to_string());
    assert_code(
        &reply.send().await,
        403,
        "not_a_person",
        "a program reads nothing",
    );
}

#[tokio::test]
async fn a_decision_about_a_key_names_no_issuer() {
    let gateway = TestGateway::builder().start().await;
    let reply = gateway.post(CHAT, chat("demo-echo", "hello")).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let rows = gateway.stop().await.home.audit().await;
    assert_eq!(rows.last().unwrap().event.issuer, None);
}

#[tokio::test]
pub(crate) async fn a_header_that_would_choose_the_key_or_the_algorithm_itself_is_refused() {
    let (rsa, other) = (TokenKey::rsa(), TokenKey::rsa());
    let (issuer, gateway) = house(&rsa, "").await;
    let body = claims(&issuer, &gateway).to_string();
    assert_eq!(
        show(&gateway, &rsa.token("one", &claims(&issuer, &gateway)))
            .await
            .status,
        200
    );
    let none = |alg: &str| {
        let header = json!({ "alg": alg, "typ": "at+jwt", "kid": "one" }).to_string();
        format!("{}.", unsigned(&header, &body))
    };
    // Who takes the public key for a secret that both sides know believes this.
    let by_secret = |secret: &[u8]| {
        let header = json!({ "alg": "HS256", "typ": "at+jwt", "kid": "one" }).to_string();
        let signed = unsigned(&header, &body);
        let signature = hmac_sha256(secret, signed.as_bytes());
        format!("{signed}.{}", data_encoding::BASE64URL_NOPAD.encode(&signature))
    };
    let jwk = rsa.jwk("one");
    let modulus = jwk["n"].as_str().unwrap();
    let raw = data_encoding::BASE64URL_NOPAD.decode(modulus.as_bytes()).unwrap();
    let headed = |key: &TokenKey, header: Value| {
        let mut whole = json!({ "alg": "RS256", "typ": "at+jwt", "kid": "one" });
        for (name, value) in header.as_object().unwrap() {
            whole[name] = value.clone();
        }
        key.sign(&whole.to_string(), &body)
    };
    let own_keys = TestIssuer::start().await;
    own_keys.show(&[other.jwk("one")]);
    let address = format!("{}/keys", own_keys.url());
    let tokens = [
        ("none", none("none")),
        ("None", none("None")),
        ("NONE", none("NONE")),
        ("no algorithm", none("")),
        (
            "the key as JSON as a secret",
            by_secret(jwk.to_string().as_bytes()),
        ),
        ("the modulus as a secret", by_secret(&raw)),
        ("its text as a secret", by_secret(modulus.as_bytes())),
        ("no secret", by_secret(b"")),
        (
            "an algorithm that is not the key's",
            headed(&rsa, json!({ "alg": "ES256" })),
        ),
        ("RS512", headed(&rsa, json!({ "alg": "RS512" }))),
        ("PS256", headed(&rsa, json!({ "alg": "PS256" }))),
        ("small letters", headed(&rsa, json!({ "alg": "rs256" }))),
        (
            "another's key in it",
            headed(&other, json!({ "jwk": other.jwk("one") })),
        ),
        (
            "another's key at an address",
            headed(&other, json!({ "jku": address })),
        ),
        (
            "another's certificate",
            headed(&other, json!({ "x5u": address, "x5c": ["AAAA"] })),
        ),
        ("another's key", headed(&other, json!({}))),
        ("crit", headed(&rsa, json!({ "crit": ["exp"] }))),
        ("b64", headed(&rsa, json!({ "b64": false }))),
        ("zip", headed(&rsa, json!({ "zip": "DEF" }))),
        ("an ID token", headed(&rsa, json!({ "typ": "id_token" }))),
        ("a logout token", headed(&rsa, json!({ "typ": "logout+jwt" }))),
        ("a type that is none", headed(&rsa, json!({ "typ": 7 }))),
        (
            "a key that is a path",
            headed(&rsa, json!({ "kid": "../../one" })),
        ),
        ("a key that is no text", headed(&rsa, json!({ "kid": ["one"] }))),
        ("no type", rsa.sign(r#"{"alg":"RS256","kid":"one"}"#, &body)),
        (
            "an algorithm twice",
            rsa.sign(
                r#"{"alg":"none","typ":"at+jwt","alg":"RS256","kid":"one"}"#,
                &body,
            ),
        ),
    ];
    for (what, token) in tokens {
        assert_code(&show(&gateway, &token).await, 401, "token_not_accepted", what);
    }
    assert_eq!(own_keys.fetches(), 0, "nobody asks where a token says");
}

#[tokio::test]
async fn claims_that_are_for_others_or_for_another_time_are_refused() {
    let key = TokenKey::ed25519();
    let (issuer, gateway) = house(&key, "leeway = \"30s\"\nlongest_life = \"1h\"").await;
    let good = claims(&issuer, &gateway);
    let now = gateway.clock().now().as_second();
    for (what, good) in [
        (
            "among several audiences",
            with(&good, "aud", json!(["others", "privet"])),
        ),
        ("a clock that is behind", with(&good, "iat", now + 30)),
        ("just over", with(&good, "exp", now - 29)),
        ("good from now on", with(&good, "nbf", now + 30)),
        (
            "a fraction of a second",
            with(&good, "exp", json!(now as f64 + 10.5)),
        ),
        ("as long as may be", with(&good, "exp", now + 3600)),
    ] {
        let reply = show(&gateway, &key.token("one", &good)).await;
        assert_eq!(reply.status, 200, "{what}: {}", reply.text());
    }
    for (what, bad) in [
        ("another audience", with(&good, "aud", "others")),
        ("part of the audience", with(&good, "aud", "priv")),
        ("other letters", with(&good, "aud", "Privet")),
        ("no audience", with(&good, "aud", Value::Null)),
        (
            "audiences that are no texts",
            with(&good, "aud", json!(["privet", 7])),
        ),
        ("an object", with(&good, "aud", json!({ "privet": true }))),
        ("another issuer", with(&good, "iss", "https://id.example.com")),
        (
            "the issuer with a slash",
            with(&good, "iss", format!("{}/", issuer.url())),
        ),
        ("no issuer", with(&good, "iss", Value::Null)),
        ("over", with(&good, "exp", now - 30)),
        ("no end", with(&good, "exp", Value::Null)),
        ("an end that is text", with(&good, "exp", (now + 300).to_string())),
        ("an end beyond time", with(&good, "exp", json!(1e300))),
        ("not yet issued", with(&good, "iat", now + 31)),
        ("never issued", with(&good, "iat", Value::Null)),
        ("not yet good", with(&good, "nbf", now + 31)),
        ("good from a text on", with(&good, "nbf", "now")),
        ("too long", with(&good, "exp", now + 3601)),
        ("nobody", with(&good, "sub", Value::Null)),
        ("an empty name", with(&good, "sub", "")),
        ("a name that is a list", with(&good, "sub", json!([ANN]))),
        ("groups that are none", with(&good, "groups", json!({ "a": "b" }))),
    ] {
        let reply = show(&gateway, &key.token("one", &bad)).await;
        assert_code(&reply, 401, "token_not_accepted", what);
    }
    let twice = format!("{},\"sub\":\"{ANN}\"}}", good.to_string().trim_end_matches('}'));
    let header = r#"{"alg":"EdDSA","kid":"one","typ":"at+jwt"}"#;
    assert_code(
        &show(&gateway, &key.sign(header, &twice)).await,
        401,
        "token_not_accepted",
        "twice",
    );
    let long = with(&good, "filler", "x".repeat(8 << 10));
    assert_code(
        &show(&gateway, &key.token("one", &long)).await,
        401,
        "token_not_accepted",
        "long",
    );
}

#[tokio::test]
async fn what_is_not_written_as_tokens_are_is_refused() {
    let key = TokenKey::ed25519();
    let (issuer, gateway) = house(&key, "").await;
    let token = key.token("one", &claims(&issuer, &gateway));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    for (what, bad) in [
        ("padding", format!("{token}==")),
        ("no signature", format!("{signed}.")),
        (
            "half a signature",
            token.get(..token.len() - 20).unwrap().to_owned(),
        ),
        (
            "another alphabet",
            format!("{signed}.{}+", signature.get(1..).unwrap()),
        ),
        (
            "claims that are text",
            key.sign(r#"{"alg":"EdDSA","kid":"one","typ":"at+jwt"}"#, "\"a\""),
        ),
    ] {
        assert_code(&show(&gateway, &bad).await, 401, "token_not_accepted", what);
    }
    for (what, bad) in [
        ("four parts", format!("{token}.x")),
        ("two parts", signed.to_owned()),
    ] {
        assert_code(&show(&gateway, &bad).await, 401, "invalid_api_key", what);
    }
}

#[tokio::test]
async fn a_token_counts_in_the_one_authorization_header_alone() {
    let key = TokenKey::ed25519();
    let (issuer, gateway) = house(&key, "").await;
    let token = key.token("one", &claims(&issuer, &gateway));
    let bearer = format!("Bearer {token}");
    for (what, ask) in [
        (
            "another header",
            gateway.ask("GET", MODELS).header("x-api-key", &token),
        ),
        (
            "another header",
            gateway.ask("GET", MODELS).header("api-key", &token),
        ),
        (
            "a header of proxies",
            gateway
                .ask("GET", MODELS)
                .header("x-forwarded-authorization", &bearer),
        ),
        (
            "a cookie",
            gateway
                .ask("GET", MODELS)
                .header("cookie", &format!("authorization={token}")),
        ),
        (
            "the query",
            gateway.ask("GET", &format!("{MODELS}?access_token={token}")),
        ),
        ("twice", ask(&gateway, &token).header("authorization", &bearer)),
        (
            "beside another",
            ask(&gateway, &token).header("authorization", "Bearer x"),
        ),
        (
            "another scheme",
            gateway
                .ask("GET", MODELS)
                .header("authorization", &format!("DPoP {token}")),
        ),
    ] {
        assert_code(&ask.send().await, 401, "invalid_api_key", what);
    }
    // A key of Privet's decides, whatever stands beside it.
    let spoilt = format!("{token}x");
    let reply = ask(&gateway, &spoilt)
        .header("x-api-key", gateway.key())
        .send()
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let reply = ask(&gateway, &token)
        .header("x-api-key", "prvt_nonsense")
        .send()
        .await;
    assert_code(&reply, 401, "invalid_api_key", "a bad key");
}

#[tokio::test]
async fn without_an_issuer_a_token_is_no_key() {
    let key = TokenKey::ed25519();
    let issuer = TestIssuer::start().await;
    issuer.show(&[key.jwk("one")]);
    let gateway = TestGateway::builder().start().await;
    let token = key.token("one", &claims(&issuer, &gateway));
    assert_code(&show(&gateway, &token).await, 401, "invalid_api_key", "no issuer");
    assert_eq!(issuer.fetches(), 0);
}

#[tokio::test]
async fn a_token_is_good_for_its_scopes_and_what_its_person_may_do() {
    let key = TokenKey::ed25519();
    let (issuer, gateway) = house(&key, "").await;
    let token = key.token("one", &claims(&issuer, &gateway));
    for path in ["/api/v1/alerts", "/api/v1/incidents", "/api/v1/kill-switches"] {
        let reply = gateway
            .ask("GET", path)
            .header("authorization", &format!("Bearer {token}"))
            .send()
            .await;
        assert_code(&reply, 403, "key_out_of_scope", path);
    }
    // The role `user` may not do it, whatever the token is good for.
    let issuer = TestIssuer::start().await;
    issuer.show(&[key.jwk("one")]);
    let gateway = start(
        TestGateway::builder(),
        &issuer,
        "scopes = [\"gateway\", \"kill\"]",
    )
    .await;
    let token = key.token("one", &claims(&issuer, &gateway));
    let reply = gateway
        .ask("GET", "/api/v1/kill-switches")
        .header("authorization", &format!("Bearer {token}"))
        .send()
        .await;
    assert_code(&reply, 403, "not_permitted", "kill switches");
}

#[tokio::test]
async fn the_vault_takes_tokens_for_its_scopes() {
    let key = TokenKey::ed25519();
    let issuer = TestIssuer::start().await;
    issuer.show(&[key.jwk("one")]);
    let builder = || TestGateway::builder().vault("listen = \"127.0.0.1:0\"");
    let gateway = start(builder(), &issuer, "").await;
    let token = key.token("one", &claims(&issuer, &gateway));
    let reply = gateway.ask_vault(&token, "GET", "/purposes", None).send().await;
    assert_eq!(
        (reply.status, reply.json()["code"].as_str()),
        (403, Some("out_of_scope"))
    );
    let reply = gateway
        .ask_vault(&format!("{token}x"), "GET", "/purposes", None)
        .send()
        .await;
    assert_eq!(
        (reply.status, reply.json()["code"].as_str()),
        (401, Some("token_not_accepted"))
    );
}

#[tokio::test]
async fn nobody_is_made_by_a_token_and_who_is_switched_off_stays_out() {
    let key = TokenKey::ed25519();
    let (issuer, gateway) = house(&key, "").await;
    let good = claims(&issuer, &gateway);
    let stranger = key.token("one", &with(&good, "sub", "248289761002"));
    let reply = show(&gateway, &stranger).await;
    assert_code(&reply, 403, "token_without_account", "a stranger");
    assert!(reply.text().contains("privet user create"), "{}", reply.text());
    // What the settings name is not the name itself.
    let by_name = key.token("one", &with(&good, "sub", "ann-user"));
    assert_code(
        &show(&gateway, &by_name).await,
        403,
        "token_without_account",
        "a name",
    );
    let token = key.token("one", &good);
    assert_eq!(show(&gateway, &token).await.status, 200);
    let people = gateway.people("default");
    people
        .switch(&"ann-user".parse().unwrap(), PrincipalKind::User, false)
        .await
        .unwrap();
    look(&gateway).await;
    assert_code(
        &show(&gateway, &token).await,
        403,
        "key_not_valid_any_more",
        "switched off",
    );
}

#[tokio::test]
async fn a_kill_switch_cuts_off_whom_a_token_stands_for() {
    let key = TokenKey::ed25519();
    let (issuer, gateway) = house(&key, "").await;
    let token = key.token("one", &claims(&issuer, &gateway));
    assert_eq!(show(&gateway, &token).await.status, 200);
    let order = KillOrder {
        target: KillTarget::Principal("ann-user".parse().unwrap()),
        tenant: Some("default".parse().unwrap()),
        reason: "laptop stolen".to_owned(),
        ends_at: None,
    };
    let set = gateway
        .kill_switches()
        .set(order, "sam", &"default".parse().unwrap())
        .await;
    assert!(set.is_ok());
    look(&gateway).await;
    assert_code(&show(&gateway, &token).await, 403, "switched_off", "cut off");
}

#[tokio::test]
async fn names_match_only_where_the_settings_say_so() {
    let key = TokenKey::ed25519();
    let (issuer, gateway) = house(&key, "match = \"name\"").await;
    let good = claims(&issuer, &gateway);
    person(&gateway, "bob-user", &["user"]).await;
    let bob = key.token("one", &with(&good, "sub", "bob-user"));
    assert_eq!(show(&gateway, &bob).await.status, 200);
    // Only a key names this one: it has no roles of its own.
    let looker = key.token("one", &with(&good, "sub", "looker"));
    assert_code(
        &show(&gateway, &looker).await,
        403,
        "token_without_account",
        "named by a key",
    );
    let nobody = key.token("one", &with(&good, "sub", "no name at all"));
    assert_code(
        &show(&gateway, &nobody).await,
        403,
        "token_without_account",
        "no name",
    );
}

#[tokio::test]
async fn an_address_counts_only_if_the_issuer_has_verified_it() {
    let key = TokenKey::ed25519();
    let (issuer, gateway) = house(&key, "claim = \"email\"\nmatch = \"name\"").await;
    person(&gateway, "ann@example.com", &["user"]).await;
    let good = with(&claims(&issuer, &gateway), "email", "ann@example.com");
    let verified = with(&good, "email_verified", true);
    assert_eq!(show(&gateway, &key.token("one", &verified)).await.status, 200);
    for bad in [
        good.clone(),
        with(&good, "email_verified", false),
        with(&good, "email_verified", "true"),
    ] {
        let reply = show(&gateway, &key.token("one", &bad)).await;
        assert_code(&reply, 401, "token_not_accepted", &bad.to_string());
    }
}

#[tokio::test]
async fn groups_of_a_token_count_for_its_request_where_a_table_names_them() {
    let key = TokenKey::ed25519();
    let more = "scopes = [\"kill\"]\ngroups = { \"eng\" = \"responders\", \"ghosts\" = \"not-made\" }";
    let (issuer, gateway) = house(&key, more).await;
    let people = gateway.people("default");
    let group: privet_types::GroupName = "responders".parse().unwrap();
    people.create_group(&group).await.unwrap();
    people
        .set_role(&Holder::Group(group), &"admin".parse().unwrap(), true)
        .await
        .unwrap();
    look(&gateway).await;
    let good = claims(&issuer, &gateway);
    let try_with = async |groups: Value| {
        let token = key.token("one", &with(&good, "groups", groups));
        gateway
            .ask("GET", "/api/v1/kill-switches")
            .header("authorization", &format!("Bearer {token}"))
            .send()
            .await
            .status
    };
    assert_eq!(try_with(json!([])).await, 403);
    assert_eq!(try_with(json!(["eng", "others"])).await, 200);
    // Nothing stays of it.
    assert_eq!(
        try_with(json!(["others", "responders", "admin", "ghosts"])).await,
        403
    );
}

#[tokio::test]
async fn a_new_key_is_fetched_once_however_many_ask_and_an_old_one_goes() {
    let (old, new) = (TokenKey::ed25519(), TokenKey::p256());
    let (issuer, gateway) = house(&old, "").await;
    let body = |gateway: &TestGateway| claims(&issuer, gateway);
    assert_eq!(
        show(&gateway, &old.token("one", &body(&gateway))).await.status,
        200
    );
    assert_eq!(issuer.fetches(), 1);
    issuer.show(&[new.jwk("two")]);
    // Keys that nobody has cost the issuer nothing more for a while.
    for kid in ["a", "b", "c"] {
        let reply = show(&gateway, &old.token(kid, &body(&gateway))).await;
        assert_code(&reply, 401, "token_not_accepted", kid);
    }
    assert_eq!(issuer.fetches(), 1);
    gateway.clock().advance(Duration::from_secs(10));
    let token = new.token("two", &body(&gateway));
    let all = tokio::join!(
        show(&gateway, &token),
        show(&gateway, &token),
        show(&gateway, &token)
    );
    assert_eq!((all.0.status, all.1.status, all.2.status), (200, 200, 200));
    assert_eq!(issuer.fetches(), 2);
    let reply = show(&gateway, &old.token("one", &body(&gateway))).await;
    assert_code(&reply, 401, "token_not_accepted", "the old key");
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_again_count_until_they_are_too_old() {
    let key = TokenKey::ed25519();
    let (issuer, gateway) = house(&key, "refresh = \"10m\"\nstale_after = \"1h\"").await;
    let token = |gateway: &TestGateway| key.token("one", &claims(&issuer, gateway));
    assert_eq!(show(&gateway, &token(&gateway)).await.status, 200);
    issuer.answer("/keys", json_reply("500 Internal Server Error", "", "{}"));
    gateway.clock().advance(Duration::from_secs(3600));
    assert_eq!(show(&gateway, &token(&gateway)).await.status, 200);
    gateway.clock().advance(Duration::from_secs(1));
    assert_code(
        &show(&gateway, &token(&gateway)).await,
        503,
        "issuer_unavailable",
        "too old",
    );
    issuer.show(&[key.jwk("one")]);
    gateway.clock().advance(Duration::from_secs(10));
    assert_eq!(show(&gateway, &token(&gateway)).await.status, 200);
}

#[tokio::test]
async fn keys_that_are_not_what_they_should_be_let_nobody_in() {
    let (key, elsewhere) = (TokenKey::rsa(), TestIssuer::start().await);
    let (issuer, gateway) = house(&key, "").await;
    elsewhere.show(&[key.jwk("one")]);
    let good = json!({ "keys": [key.jwk("one")] }).to_string();
    let of = |jwk: Value| json_reply("200 OK", "", &json!({ "keys": [jwk] }).to_string());
    let changed = |name: &str, value: Value| {
        let mut jwk = key.jwk("one");
        jwk[name] = value;
        of(jwk)
    };
    let modulus = key.jwk("one")["n"].as_str().unwrap().to_owned();
    let location = format!("location: {}/keys\r\n", elsewhere.url());
    let small = modulus.get(..172).unwrap();
    for (what, answer) in [
        ("a redirect", json_reply("302 Found", &location, &good)),
        (
            "a redirect for good",
            json_reply("308 Permanent Redirect", &location, &good),
        ),
        (
            "compressed",
            json_reply("200 OK", "content-encoding: gzip\r\n", &good),
        ),
        (
            "huge",
            json_reply("200 OK", "", &format!("{good}{}", " ".repeat(300 << 10))),
        ),
        ("no JSON", json_reply("200 OK", "", "<html>")),
        (
            "keys twice",
            json_reply(
                "200 OK",
                "",
                &good.replacen("{\"keys\"", "{\"keys\":[],\"keys\"", 1),
            ),
        ),
        ("for encryption", changed("use", "enc".into())),
        ("for something else", changed("key_ops", json!(["sign"]))),
        ("of another algorithm", changed("alg", "PS256".into())),
        ("a secret", changed("alg", "HS256".into())),
        ("of another kind", changed("kty", "oct".into())),
        ("with its private half", changed("d", "AAAA".into())),
        ("1024 bits", changed("n", small.into())),
        ("an exponent of one", changed("e", "AQ".into())),
        ("an even exponent", changed("e", "AQAA".into())),
    ] {
        issuer.answer("/keys", answer);
        gateway.clock().advance(Duration::from_secs(10));
        let reply = show(&gateway, &key.token("one", &claims(&issuer, &gateway))).await;
        assert_code(&reply, 503, "issuer_unavailable", what);
    }
    assert_eq!(elsewhere.fetches(), 0, "a redirect is not followed");
    issuer.show(&[key.jwk("one")]);
    gateway.clock().advance(Duration::from_secs(10));
    let reply = show(&gateway, &key.token("one", &claims(&issuer, &gateway))).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[tokio::test]
async fn the_keys_of_one_issuer_are_of_no_use_to_another() {
    let (first, second) = (TokenKey::ed25519(), TokenKey::ed25519());
    let (one, two) = (TestIssuer::start().await, TestIssuer::start().await);
    one.show(&[first.jwk("one")]);
    two.show(&[second.jwk("one")]);
    let entries = [one.entry("one", KNOWS_ANN), two.entry("two", "")].concat();
    let gateway = TestGateway::builder().issuers(&entries).start().await;
    person(&gateway, "ann-user", &["user"]).await;
    assert_eq!(
        show(&gateway, &first.token("one", &claims(&one, &gateway)))
            .await
            .status,
        200
    );
    let mixed_up = show(&gateway, &second.token("one", &claims(&one, &gateway))).await;
    assert_code(&mixed_up, 401, "token_not_accepted", "signed by another issuer");
    let other = show(&gateway, &second.token("one", &claims(&two, &gateway))).await;
    assert_code(
        &other,
        403,
        "token_without_account",
        "of an issuer that does not know Ann",
    );
}

#[tokio::test]
async fn keys_in_a_file_are_read_again_when_they_are_due() {
    let (old, new) = (TokenKey::ed25519(), TokenKey::ed25519());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let write = |key: &TokenKey, kid: &str| {
        std::fs::write(&path, json!({ "keys": [key.jwk(kid)] }).to_string()).unwrap();
    };
    write(&old, "one");
    let entry = format!(
        "[[access.issuers]]\nname = \"corp\"\nissuer = \"https://id.example.com\"\naudiences = [\"privet\"]\njwks_file = {:?}\n{KNOWS_ANN}\n",
        path.to_str().unwrap()
    );
    let gateway = TestGateway::builder().issuers(&entry).start().await;
    person(&gateway, "ann-user", &["user"]).await;
    let body = |gateway: &TestGateway| {
        let now = gateway.clock().now().as_second();
        json!({ "iss": "https://id.example.com", "aud": "privet", "sub": ANN, "iat": now, "exp": now + 60 })
    };
    assert_eq!(
        show(&gateway, &old.token("one", &body(&gateway))).await.status,
        200
    );
    write(&new, "two");
    gateway.clock().advance(Duration::from_secs(10));
    assert_eq!(
        show(&gateway, &new.token("two", &body(&gateway))).await.status,
        200
    );
    let reply = show(&gateway, &old.token("one", &body(&gateway))).await;
    assert_code(&reply, 401, "token_not_accepted", "the old key");
}
