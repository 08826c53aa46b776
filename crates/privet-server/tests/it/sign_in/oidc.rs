//! People sign in at an identity provider, and what others, and the provider, try against that.

use std::collections::BTreeMap;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use privet_access::Identity;
use privet_crypto::sha256;
use privet_testkit::{LOGIN_SECRET, TestIssuer, TokenKey, json_reply};

use super::*;

/// What the provider calls Ann.
const ANN: &str = "248289761001";
const KNOWS_ANN: &str = "principals = { \"248289761001\" = \"ann-user\" }";
const BEGIN: &str = "/api/v1/sessions/oidc/corp";
const LOGIN: &str =
    "[access.issuers.login]\nclient_id = \"console\"\nclient_secret = { env = \"READ_BY_NOBODY\" }";

/// A provider, its key and a gateway at whose address people come back.
pub(crate) struct Place {
    issuer: TestIssuer,
    key: TokenKey,
    pub(crate) gateway: TestGateway,
}

/// A browser that was sent to the provider.
struct Sent {
    cookie: String,
    asked: BTreeMap<String, String>,
}

impl Place {
    pub(crate) async fn new(more: &str, login: &str) -> Self {
        let (issuer, key) = (TestIssuer::start().await, TokenKey::ed25519());
        issuer.show(&[key.jwk("one")]);
        let entry = issuer.entry("corp", &format!("{more}\n{LOGIN}\n{login}"));
        let place = Self {
            gateway: house().issuers(&entry).start().await,
            issuer,
            key,
        };
        place.describe(&json!({}));
        place
    }

    /// Says of the provider what is usual, but for this.
    fn describe(&self, other: &Value) {
        let url = self.issuer.url();
        let mut said = json!({
            "issuer": url,
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
            "jwks_uri": "https://elsewhere.example.com/keys",
        });
        for (name, value) in other.as_object().unwrap() {
            said[name] = value.clone();
        }
        let reply = json_reply("200 OK", "", &said.to_string());
        self.issuer.answer("/.well-known/openid-configuration", reply);
    }

    async fn begin(&self) -> Sent {
        self.sent(&self.gateway.ask("GET", BEGIN).send().await)
    }

    /// What a browser has that was sent to the provider.
    fn sent(&self, reply: &Reply) -> Sent {
        assert_eq!(reply.status, 303, "{}", reply.text());
        let set = reply.header("set-cookie").unwrap();
        assert!(set.contains("; HttpOnly; SameSite=Lax; Max-Age=600"), "{set}");
        let location = reply.header("location").unwrap();
        let (address, query) = location.split_once('?').unwrap();
        assert_eq!(address, format!("{}/authorize", self.issuer.url()));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        Sent {
            cookie: set.split(';').next().unwrap().to_owned(),
            asked: pairs
                .map(|(name, value)| (name.to_owned(), value.replace("%3A", ":").replace("%2F", "/")))
                .collect(),
        }
    }

    /// What the provider says of Ann to whoever `sent` is.
    fn claims(&self, sent: &Sent) -> Value {
        let now = self.gateway.clock().now().as_second();
        json!({
            "iss": self.issuer.url(), "aud": "console", "sub": ANN, "iat": now, "exp": now + 300,
            "nonce": sent.asked["nonce"],
        })
    }

    /// The provider gives this for every code from now on.
    fn give(&self, claims: &Value) {
        let header = json!({ "alg": self.key.algorithm(), "kid": "one", "typ": "JWT" });
        self.give_token(&self.key.sign(&header.to_string(), &claims.to_string()));
    }

    fn give_token(&self, token: &str) {
        let given = json!({ "id_token": token, "access_token": "opaque", "token_type": "Bearer" });
        self.issuer
            .answer("/token", json_reply("200 OK", "", &given.to_string()));
    }

    fn back(&self, sent: &Sent, query: &str) -> Ask {
        let target = format!("{BEGIN}/callback?{query}");
        self.gateway
            .ask("GET", &target)
            .header("cookie", &sent.cookie)
            .header("sec-fetch-site", "cross-site")
    }

    async fn come_back(&self, sent: &Sent) -> Reply {
        let query = format!("code=c0de&state={}", sent.asked["state"]);
        self.back(sent, &query).send().await
    }

    /// From the beginning to the end, with `change` to what the provider says.
    async fn sign_in(&self, change: impl FnOnce(&mut Value)) -> Reply {
        let sent = self.begin().await;
        let mut claims = self.claims(&sent);
        change(&mut claims);
        self.give(&claims);
        self.come_back(&sent).await
    }

    /// How often a code was exchanged.
    fn exchanges(&self) -> usize {
        let requests = self.issuer.requests();
        requests.iter().filter(|request| request.path == "/token").count()
    }

    async fn me(&self, reply: &Reply) -> Reply {
        let cookie = session_of(reply).expect("a session");
        self.gateway
            .ask("GET", "/api/v1/me")
            .header("cookie", &cookie)
            .send()
            .await
    }
}

/// The session's cookie of a reply, if it sets one.
fn session_of(reply: &Reply) -> Option<String> {
    let mut set = reply.headers.iter().filter(|(name, _)| name == "set-cookie");
    let (_, value) = set.find(|(_, value)| value.starts_with("privet_session="))?;
    Some(value.split(';').next().unwrap().to_owned())
}

fn assert_not_in(reply: &Reply, status: u16, code: &str, what: &str) {
    assert_eq!(
        (reply.status, code_of(reply).as_str()),
        (status, code),
        "{what}: {}",
        reply.text()
    );
    assert_eq!(session_of(reply), None, "{what}");
}

#[tokio::test]
async fn a_person_signs_in_at_the_provider_that_the_settings_name() {
    let place = Place::new(KNOWS_ANN, "").await;
    person(&place.gateway, "ann-user", "user").await;
    let listed = place.gateway.ask("GET", "/api/v1/sessions/oidc").send().await;
    assert_eq!(listed.json()["issuers"], json!(["corp"]));
    let sent = place.begin().await;
    let back = format!("{ORIGIN}{BEGIN}/callback");
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "console"),
        ("scope", "openid"),
        ("code_challenge_method", "S256"),
        ("redirect_uri", back.as_str()),
    ] {
        assert_eq!(sent.asked[name], value, "{name}");
    }
    place.give(&place.claims(&sent));
    let reply = place.come_back(&sent).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert!(reply.text().contains("You are signed in"));
    assert!(
        reply
            .headers
            .iter()
            .any(|(_, value)| value.starts_with("privet_login=;"))
    );
    let me = place.me(&reply).await;
    assert_eq!((me.status, me.json()["name"].as_str()), (200, Some("ann-user")));
    assert_eq!(me.json()["session"]["way"], "oidc");
    assert_eq!(me.json()["standing"], "full");
    // What the provider was shown for the code.
    let requests = place.issuer.requests();
    let asked = requests.iter().find(|request| request.path == "/token").unwrap();
    let form = String::from_utf8(asked.body.to_vec()).unwrap();
    let verifier = form.split("code_verifier=").nth(1).unwrap();
    assert_eq!(
        BASE64URL_NOPAD.encode(&sha256(verifier.as_bytes())),
        sent.asked["code_challenge"]
    );
    assert!(
        form.contains(
            "grant_type=authorization_code&code=c0de&redirect_uri=http%3A%2F%2Flocalhost%3A8787%2F"
        )
    );
    let basic = BASE64.encode(format!("console:{}", LOGIN_SECRET.replace(' ', "%20")).as_bytes());
    assert!(
        asked
            .headers
            .contains(&("authorization".to_owned(), format!("Basic {basic}")))
    );
    assert!(!form.contains("secret"), "{form}");
}

#[tokio::test]
async fn an_id_token_that_is_not_for_this_sign_in_opens_nothing() {
    let place = Place::new(KNOWS_ANN, "").await;
    person(&place.gateway, "ann-user", "user").await;
    let now = place.gateway.clock().now().as_second();
    let good: [(&str, Value); 4] = [
        ("aud", json!(["console"])),
        ("azp", "console".into()),
        (
            "at_hash",
            BASE64URL_NOPAD
                .encode(&privet_crypto::sha512(b"opaque")[..32])
                .into(),
        ),
        ("amr", json!(["pwd"])),
    ];
    for (name, value) in good {
        let reply = place.sign_in(|claims| claims[name] = value).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
    }
    let bad: [(&str, Value); 14] = [
        ("nonce", "another".into()),
        ("nonce", Value::Null),
        ("aud", "privet".into()),
        ("aud", json!(["console", "others"])),
        ("aud", Value::Null),
        ("azp", "others".into()),
        ("iss", "https://id.example.com".into()),
        ("exp", (now - 31).into()),
        ("exp", Value::Null),
        ("iat", (now + 31).into()),
        ("sub", Value::Null),
        ("at_hash", BASE64URL_NOPAD.encode(&[7; 32]).into()),
        ("amr", "mfa".into()),
        ("nbf", (now + 31).into()),
    ];
    for (name, value) in bad {
        let reply = place.sign_in(|claims| claims[name] = value.clone()).await;
        assert_not_in(&reply, 403, "login_refused", &format!("{name} {value}"));
    }
    let other = TokenKey::ed25519();
    let sent = place.begin().await;
    let claims = place.claims(&sent).to_string();
    let none = format!(
        "{}.",
        privet_testkit::unsigned(r#"{"alg":"none","typ":"JWT"}"#, &claims)
    );
    for (what, token) in [
        ("unsigned", none),
        (
            "another's",
            other.sign(r#"{"alg":"EdDSA","kid":"one","typ":"JWT"}"#, &claims),
        ),
        (
            "for programs",
            place
                .key
                .sign(r#"{"alg":"EdDSA","kid":"one","typ":"at+jwt"}"#, &claims),
        ),
        ("no token", "opaque".to_owned()),
    ] {
        place.give_token(&token);
        assert_not_in(&place.come_back(&sent).await, 403, "login_refused", what);
    }
    for (what, answer) in [
        (
            "refused",
            json_reply("400 Bad Request", "", r#"{"error":"invalid_grant"}"#),
        ),
        ("a redirect", json_reply("302 Found", "location: /keys\r\n", "{}")),
        (
            "no ID token",
            json_reply("200 OK", "", r#"{"access_token":"opaque"}"#),
        ),
        ("huge", json_reply("200 OK", "", &" ".repeat(300 << 10))),
    ] {
        place.issuer.answer("/token", answer);
        assert_not_in(&place.come_back(&sent).await, 403, "login_refused", what);
    }
}

#[tokio::test]
async fn an_id_token_is_no_key_and_a_token_for_programs_is_no_sign_in() {
    let place = Place::new(KNOWS_ANN, "").await;
    person(&place.gateway, "ann-user", "user").await;
    let sent = place.begin().await;
    let claims = place.claims(&sent);
    let show = async |token: &str| {
        let ask = place.gateway.ask("GET", "/v1/models");
        ask.header("authorization", &format!("Bearer {token}"))
            .send()
            .await
    };
    let id_token = place
        .key
        .sign(r#"{"alg":"EdDSA","kid":"one","typ":"JWT"}"#, &claims.to_string());
    assert_code(&show(&id_token).await, 401, "token_not_accepted");
    let mut for_programs = claims;
    for_programs["aud"] = "privet".into();
    place.give(&for_programs);
    assert_not_in(
        &place.come_back(&sent).await,
        403,
        "login_refused",
        "for programs",
    );
}

#[tokio::test]
async fn a_way_back_is_good_once_for_the_browser_that_was_sent() {
    let place = Place::new(KNOWS_ANN, "").await;
    person(&place.gateway, "ann-user", "user").await;
    let (sent, other) = (place.begin().await, place.begin().await);
    place.give(&place.claims(&sent));
    let state = sent.asked["state"].as_str();
    let without = place
        .back(&sent, &format!("code=c0de&state={state}"))
        .without("cookie");
    let twice = without
        .clone()
        .header("cookie", &format!("{0}; {0}", sent.cookie));
    let changed = without.clone().header("cookie", &format!("{}A", sent.cookie));
    for (what, ask) in [
        ("no cookie", without),
        ("two cookies", twice),
        ("another cookie", changed),
        (
            "another browser",
            place.back(&other, &format!("code=c0de&state={state}")),
        ),
        ("no state", place.back(&sent, "code=c0de")),
        ("an empty state", place.back(&sent, "code=c0de&state=")),
        (
            "two states",
            place.back(&sent, &format!("code=c0de&state={state}&state={state}")),
        ),
        (
            "two codes",
            place.back(&sent, &format!("code=c0de&code=other&state={state}")),
        ),
        (
            "another state",
            place.back(&sent, &format!("code=c0de&state={}", other.asked["state"])),
        ),
        (
            "the nonce",
            place.back(&sent, &format!("code=c0de&state={}", sent.asked["nonce"])),
        ),
    ] {
        assert_not_in(&ask.send().await, 410, "login_spent", what);
    }
    for (what, query) in [
        ("no code", format!("state={state}")),
        (
            "an error",
            format!("error=access_denied&error_description=%3Cscript%3E&state={state}"),
        ),
    ] {
        let reply = place.back(&sent, &query).send().await;
        assert_not_in(&reply, 403, "login_refused", what);
        assert!(!reply.text().contains("script"));
    }
    assert_eq!(place.exchanges(), 0, "no code was shown to anybody");
    let both = tokio::join!(place.come_back(&sent), place.come_back(&sent));
    let mut statuses = [both.0.status, both.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 410]);
    assert_not_in(&place.come_back(&sent).await, 410, "login_spent", "used");
    let late = place.begin().await;
    place.give(&place.claims(&late));
    place.gateway.clock().advance(Duration::from_secs(600));
    assert_not_in(&place.come_back(&late).await, 410, "login_spent", "late");
}

#[tokio::test]
async fn the_provider_that_answers_is_the_one_that_was_asked() {
    let place = Place::new(KNOWS_ANN, "").await;
    person(&place.gateway, "ann-user", "user").await;
    let sent = place.begin().await;
    place.give(&place.claims(&sent));
    let query = |issuer: &str| format!("code=c0de&state={}&iss={issuer}", sent.asked["state"]);
    let other = place
        .back(&sent, &query("https%3A%2F%2Fevil.example.com"))
        .send()
        .await;
    assert_not_in(&other, 403, "login_refused", "another issuer");
    assert_eq!(place.exchanges(), 0, "no code was shown to anybody");
    assert_eq!(
        place.back(&sent, &query(&place.issuer.url())).send().await.status,
        200
    );
    // One that says it names itself, and does not, may be another.
    place.describe(&json!({ "authorization_response_iss_parameter_supported": true }));
    place.gateway.clock().advance(Duration::from_secs(86_401));
    let sent = place.begin().await;
    place.give(&place.claims(&sent));
    assert_not_in(&place.come_back(&sent).await, 403, "login_refused", "no issuer");
    // A browser that was sent to one provider comes back from that one.
    let (first, second) = (TestIssuer::start().await, TestIssuer::start().await);
    let entries = ["one", "two"].map(|name| {
        let issuer = if name == "one" { &first } else { &second };
        let url = issuer.url();
        let said = json!({
            "issuer": url, "authorization_endpoint": format!("{url}/a"), "token_endpoint": format!("{url}/token"),
        });
        issuer.answer("/.well-known/openid-configuration", json_reply("200 OK", "", &said.to_string()));
        issuer.entry(name, LOGIN)
    });
    let gateway = house().issuers(&entries.concat()).start().await;
    let reply = gateway.ask("GET", "/api/v1/sessions/oidc/one").send().await;
    let location = reply.header("location").unwrap();
    let state = location
        .split("&state=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let mixed = gateway
        .ask(
            "GET",
            &format!("/api/v1/sessions/oidc/two/callback?code=c0de&state={state}"),
        )
        .header(
            "cookie",
            reply.header("set-cookie").unwrap().split(';').next().unwrap(),
        );
    assert_not_in(&mixed.send().await, 410, "login_spent", "another provider");
    let requests = [first.requests(), second.requests()].concat();
    assert!(requests.iter().all(|request| request.path != "/token"));
}

#[tokio::test]
async fn a_provider_that_says_something_else_of_itself_is_not_asked() {
    let place = Place::new(KNOWS_ANN, "").await;
    for said in [
        json!({ "issuer": "https://evil.example.com" }),
        json!({ "issuer": format!("{}/", place.issuer.url()) }),
        json!({ "authorization_endpoint": "http://evil.example.com/authorize" }),
        json!({ "authorization_endpoint": "javascript:alert(1)" }),
        json!({ "authorization_endpoint": "https://good.example.com@evil.example.com/" }),
        json!({ "token_endpoint": "http://evil.example.com/token" }),
        json!({ "token_endpoint": null }),
        json!({ "code_challenge_methods_supported": ["plain"] }),
    ] {
        place.describe(&said);
        place.gateway.clock().advance(Duration::from_secs(10));
        let reply = place.gateway.ask("GET", BEGIN).send().await;
        assert_not_in(&reply, 503, "issuer_unavailable", &said.to_string());
        assert_eq!(reply.header("location"), None);
    }
    let elsewhere = json_reply("301 Moved Permanently", "location: /keys\r\n", "{}");
    place
        .issuer
        .answer("/.well-known/openid-configuration", elsewhere);
    place.gateway.clock().advance(Duration::from_secs(10));
    assert_not_in(
        &place.gateway.ask("GET", BEGIN).send().await,
        503,
        "issuer_unavailable",
        "a redirect",
    );
    place.describe(&json!({ "code_challenge_methods_supported": ["plain", "S256"] }));
    // It is not asked more often than every ten seconds.
    assert_not_in(
        &place.gateway.ask("GET", BEGIN).send().await,
        503,
        "issuer_unavailable",
        "too soon",
    );
    place.gateway.clock().advance(Duration::from_secs(10));
    place.begin().await;
}

#[tokio::test]
async fn who_is_nobody_here_or_may_not_sign_in_stays_out() {
    let place = Place::new(KNOWS_ANN, "").await;
    // Named by the settings, and not made yet.
    assert_not_in(&place.sign_in(|_| {}).await, 403, "login_refused", "not made");
    person(&place.gateway, "ann-user", "user").await;
    let stranger = place
        .sign_in(|claims| claims["sub"] = "248289761002".into())
        .await;
    assert_not_in(&stranger, 403, "login_refused", "a stranger");
    let by_name = place.sign_in(|claims| claims["sub"] = "ann-user".into()).await;
    assert_not_in(&by_name, 403, "login_refused", "a name");
    let reply = place.sign_in(|_| {}).await;
    assert_eq!(place.me(&reply).await.status, 200);
    let people = place.gateway.people("default");
    let ann = "ann-user".parse().unwrap();
    people.switch(&ann, PrincipalKind::User, false).await.unwrap();
    person(&place.gateway, "bob-user", "user").await;
    assert_not_in(&place.sign_in(|_| {}).await, 403, "login_refused", "switched off");
    assert_code(&place.me(&reply).await, 401, "no_session");
}

#[tokio::test]
async fn a_service_account_and_whom_a_policy_forbids_it_do_not_sign_in() {
    let place = Place::new("match = \"name\"", "").await;
    let people = place.gateway.people("default");
    people
        .create(&"crm".parse().unwrap(), PrincipalKind::Service)
        .await
        .unwrap();
    person(&place.gateway, "ann-user", "user").await;
    let service = place.sign_in(|claims| claims["sub"] = "crm".into()).await;
    assert_not_in(&service, 403, "login_refused", "a service account");
    let ann = |claims: &mut Value| claims["sub"] = "ann-user".into();
    assert_eq!(place.sign_in(ann).await.status, 200);
    let forbid = "forbid (principal, action == Privet::Action::\"sign_in\", resource);";
    assert!(place.gateway.change_policy("", Some(forbid)).await.unwrap());
    assert_not_in(&place.sign_in(ann).await, 403, "login_refused", "forbidden");
}

#[tokio::test]
async fn a_link_lets_a_person_in_until_it_is_cut() {
    let place = Place::new("", "").await;
    person(&place.gateway, "ann-user", "user").await;
    assert_not_in(&place.sign_in(|_| {}).await, 403, "login_refused", "not linked");
    let enrolment = place.gateway.enrolment("default");
    let (ann, issuer) = ("ann-user".parse().unwrap(), place.issuer.url());
    let identity = |subject| Identity {
        issuer: &issuer,
        subject,
    };
    assert!(enrolment.link(&ann, "corp", identity(ANN)).await.unwrap());
    assert!(
        !enrolment.link(&ann, "corp", identity(ANN)).await.unwrap(),
        "it is linked already"
    );
    assert!(
        enrolment
            .link(&"nobody".parse().unwrap(), "corp", identity("1"))
            .await
            .is_err()
    );
    let reply = place.sign_in(|_| {}).await;
    assert_eq!(place.me(&reply).await.json()["name"], "ann-user");
    let links = enrolment.links(None).await.unwrap();
    assert_eq!((links.len(), links[0].issuer.as_str()), (1, "corp"));
    assert_eq!(enrolment.unlink(&ann, "others").await.unwrap(), 0);
    assert_eq!(place.me(&reply).await.status, 200);
    assert_eq!(enrolment.unlink(&ann, "corp").await.unwrap(), 1);
    assert_code(&place.me(&reply).await, 401, "no_session");
    assert_not_in(&place.sign_in(|_| {}).await, 403, "login_refused", "cut");
    // With what was written of late, which lies beside it.
    for file in ["privet.sqlite", "privet.sqlite-wal"] {
        let bytes = std::fs::read(place.gateway.path().join("privet-data").join(file)).unwrap();
        let is_there = bytes.windows(ANN.len()).any(|bytes| bytes == ANN.as_bytes());
        assert!(!is_there, "the store holds no subject");
    }
}

#[tokio::test]
async fn what_the_provider_says_of_factors_counts_where_the_settings_say_so() {
    let place = Place::new(
        KNOWS_ANN,
        "two_factor_amr = [\"mfa\"]\ntwo_factor_acr = [\"phr\"]",
    )
    .await;
    person(&place.gateway, "ann-user", "developer").await;
    let standing = async |change: &dyn Fn(&mut Value)| {
        let reply = place.sign_in(change).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        place.me(&reply).await.json()["standing"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(standing(&|_| {}).await, "enrolment_needed");
    assert_eq!(
        standing(&|claims| claims["amr"] = json!(["pwd", "otp"])).await,
        "enrolment_needed"
    );
    assert_eq!(
        standing(&|claims| claims["acr"] = "low".into()).await,
        "enrolment_needed"
    );
    assert_eq!(
        standing(&|claims| claims["amr"] = json!(["pwd", "mfa"])).await,
        "full"
    );
    assert_eq!(standing(&|claims| claims["acr"] = "phr".into()).await, "full");
    let unset = Place::new(KNOWS_ANN, "").await;
    person(&unset.gateway, "ann-user", "developer").await;
    let reply = unset.sign_in(|claims| claims["amr"] = json!(["mfa"])).await;
    assert_eq!(unset.me(&reply).await.json()["standing"], "enrolment_needed");
}

#[tokio::test]
async fn nobody_is_led_away_or_signed_in_by_another_sites_page() {
    let place = Place::new(KNOWS_ANN, "").await;
    person(&place.gateway, "ann-user", "user").await;
    for next in [
        "https://evil.example.com",
        "//evil.example.com",
        "/%2Fevil.example.com",
        "/%5Cevil.example.com",
        "/%09/evil.example.com",
        "javascript:alert(1)",
        "console",
        "",
        "/a%22%3E%3Cscript%3E",
        "/a&next=/b",
    ] {
        let reply = place
            .gateway
            .ask("GET", &format!("{BEGIN}?next={next}"))
            .send()
            .await;
        assert_eq!((reply.status, reply.header("location")), (400, None), "{next}");
    }
    for site in ["cross-site", "same-site"] {
        let reply = place
            .gateway
            .ask("GET", BEGIN)
            .header("sec-fetch-site", site)
            .send()
            .await;
        assert_not_in(&reply, 403, "cross_site", site);
    }
    for site in ["same-origin", "none"] {
        let reply = place
            .gateway
            .ask("GET", BEGIN)
            .header("sec-fetch-site", site)
            .send()
            .await;
        assert_eq!(reply.status, 303, "{site}");
    }
    let reply = place
        .gateway
        .ask("GET", &format!("{BEGIN}?next=/console/alerts.html"))
        .send()
        .await;
    let location = reply.header("location").unwrap();
    let word = |name: &str| {
        let rest = location.split(&format!("&{name}=")).nth(1).unwrap();
        rest.split('&').next().unwrap().to_owned()
    };
    let sent = Sent {
        cookie: reply
            .header("set-cookie")
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned(),
        asked: ["state", "nonce"]
            .map(|name| (name.to_owned(), word(name)))
            .into(),
    };
    place.give(&place.claims(&sent));
    let reply = place.come_back(&sent).await;
    assert!(
        reply.text().contains("content=\"0;url=/console/alerts.html\""),
        "{}",
        reply.text()
    );
    assert_eq!(reply.header("location"), None);
    assert_code(
        &place
            .gateway
            .ask("GET", "/api/v1/sessions/oidc/others")
            .send()
            .await,
        404,
        "bad_request",
    );
}

/// What stands in the console's page for signing in.
async fn sign_in_page(place: &Place, query: &str) -> String {
    let path = format!("/console/sign-in{query}");
    let reply = place.gateway.ask("GET", &path).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text()
}

#[tokio::test]
async fn the_console_has_a_button_for_each_provider_and_goes_on_where_somebody_wanted_to() {
    let place = Place::new(KNOWS_ANN, "").await;
    person(&place.gateway, "ann-user", "user").await;
    for (query, way) in [
        ("", "/console"),
        ("?next=%2Fconsole%2Fbudgets", "/console/budgets"),
        ("?next=%2Fconsole%2Fbudgets%3Fafter%3Dx%22y", "/console/budgets"),
        ("?next=%2Fconsole%2Fx%22y", "/console"),
        ("?next=%2Fconsole%2Fdecisions%3Fminutes%3D5", "/console/decisions"),
        ("?next=https%3A%2F%2Fevil.example", "/console"),
    ] {
        let html = sign_in_page(&place, query).await;
        assert_eq!(html.matches("Sign in with").count(), 1, "{html}");
        let link = format!(
            "href=\"{BEGIN}?next={}\">Sign in with corp<",
            way.replace('/', "%2F")
        );
        assert!(html.contains(&link), "{query}: {html}");
    }
    let reply = place
        .gateway
        .ask("GET", &format!("{BEGIN}?next=%2Fconsole%2Fbudgets"))
        .header("sec-fetch-site", "same-origin")
        .send()
        .await;
    let sent = place.sent(&reply);
    place.give(&place.claims(&sent));
    let reply = place.come_back(&sent).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(
        reply.text().contains("content=\"0;url=/console/budgets\""),
        "{}",
        reply.text()
    );
    let cookie = session_of(&reply).unwrap();
    let page = place
        .gateway
        .ask("GET", "/console/budgets")
        .header("cookie", &cookie);
    let page = page.send().await;
    assert_eq!(page.status, 200, "{}", page.text());
    // Who came from a provider shows there again that it is still the same person.
    let proof = place
        .gateway
        .ask("GET", "/console/proof?next=%2Fconsole%2Faccount");
    let html = proof.header("cookie", &cookie).send().await.text();
    assert!(
        html.contains("Sign in anew with corp") && html.contains("%2Fconsole%2Faccount"),
        "{html}"
    );
    let plain = house().start().await;
    let html = plain.ask("GET", "/console/sign-in").send().await.text();
    assert!(!html.contains("Sign in with"), "{html}");
}

#[tokio::test]
async fn whoever_needs_a_second_factor_shows_it_in_the_console_after_the_provider() {
    for (login, landed) in [
        ("", Some("/console/enrol?next=%2Fconsole")),
        ("two_factor_amr = [\"mfa\"]", None),
    ] {
        let place = Place::new(KNOWS_ANN, login).await;
        person(&place.gateway, "ann-user", "admin").await;
        let reply = place
            .sign_in(|claims| claims["amr"] = json!(["pwd", "mfa"]))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let page = place.gateway.ask("GET", "/console");
        let page = page.header("cookie", &session_of(&reply).unwrap()).send().await;
        let status = if landed.is_some() { 303 } else { 200 };
        assert_eq!((page.status, page.header("location")), (status, landed));
    }
}

#[tokio::test]
async fn a_browser_that_comes_back_in_vain_is_told_why_on_the_consoles_page() {
    let place = Place::new(KNOWS_ANN, "").await;
    person(&place.gateway, "ann-user", "user").await;
    let sent = place.begin().await;
    let mut claims = place.claims(&sent);
    claims["nonce"] = "another".into();
    place.give(&claims);
    let query = format!("code=c0de&state={}", sent.asked["state"]);
    let back = || place.back(&sent, &query);
    // Programs are told as everywhere.
    assert_not_in(&back().send().await, 403, "login_refused", "a program");
    let html = "text/html,application/xhtml+xml,*/*;q=0.8";
    let reply = back().header("accept", html).send().await;
    let way = (reply.status, reply.header("location"));
    assert_eq!(way, (303, Some("/console/sign-in?failed=login_refused")));
    assert_eq!(session_of(&reply), None);
    let page = sign_in_page(&place, "?failed=login_refused").await;
    assert!(page.contains("word was not accepted"), "{page}");
    let reply = back().without("cookie").header("accept", html).send().await;
    assert_eq!(
        reply.header("location"),
        Some("/console/sign-in?failed=login_spent")
    );
    assert!(
        sign_in_page(&place, "?failed=login_spent")
            .await
            .contains("was used already")
    );
    // What others write there is not repeated.
    let page = sign_in_page(&place, "?failed=%3Cb%3Eyou%20lost%3C%2Fb%3E").await;
    assert!(!page.contains("you lost") && !page.contains("Not done"), "{page}");
}
