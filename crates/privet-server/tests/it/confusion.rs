//! Requests that say two things at once: two callers, two servers, two lengths, two spellings of an address. What others in front of
//! Privet read of them, and what Privet reads, must not differ; so one reading counts, or none.

use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use privet_testkit::{Ask, Builder, PATIENCE, Reply, TestGateway, TestIssuer, TokenKey};
use privet_types::{Clock, KeyScope, KeyScopes, PrincipalKind};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::admin::made;
use crate::sign_in::oidc::Place;
use crate::sign_in::{Browser, add_totp, enrolled, house, sign_in};
use crate::support::{CHAT, EMAIL, MESSAGES, MODELS, assert_refused, chat, messages, tag};
use crate::tls::client::{Client, H2};
use crate::{issuers, mcp};

/// A prompt to each surface, without a credential.
fn prompts(gateway: &TestGateway) -> Vec<(&'static str, Ask)> {
    [
        (CHAT, chat("demo-echo", EMAIL)),
        (MESSAGES, messages("claude-demo-echo", EMAIL)),
        (
            "/v1/responses",
            json!({"model": "demo-echo", "input": EMAIL}).to_string(),
        ),
    ]
    .map(|(path, body)| (path, gateway.post(path, body).without("authorization")))
    .into()
}

const fn denied(path: &str) -> &'static str {
    // Only messages have a shape of their own.
    if path.len() == MESSAGES.len() {
        "authentication_error"
    } else {
        "invalid_api_key"
    }
}

#[tokio::test]
async fn two_keys_let_nobody_in_unless_they_are_one() {
    let gateway = TestGateway::builder().start().await;
    let bob = gateway.new_key("bob", None).await;
    let (ann, bob) = (gateway.key().to_owned(), bob.key.expose().clone());
    let (of_ann, of_bob) = (format!("Bearer {ann}"), format!("Bearer {bob}"));
    for (path, ask) in prompts(&gateway) {
        for headers in [
            vec![("authorization", &of_ann), ("authorization", &of_bob)],
            vec![("authorization", &of_ann), ("authorization", &of_ann)],
            vec![("authorization", &of_ann), ("x-api-key", &bob)],
            vec![("authorization", &of_bob), ("x-api-key", &ann)],
            vec![("authorization", &of_ann), ("api-key", &bob)],
            vec![("x-api-key", &ann), ("api-key", &bob)],
            vec![("x-api-key", &ann), ("x-api-key", &bob)],
            vec![("api-key", &ann), ("x-api-key", &ann), ("authorization", &of_bob)],
        ] {
            let ask = headers
                .iter()
                .fold(ask.clone(), |ask, (name, value)| ask.header(name, value));
            let reply = ask.send().await;
            assert_refused(&reply, path, 401, denied(path));
            assert!(reply.text().contains("two different keys"), "{}", reply.text());
            assert!(!reply.text().contains("prvt_"), "{}", reply.text());
        }
        // Clients that are told a header beside their key send both.
        let both = ask
            .clone()
            .header("authorization", &of_ann)
            .header("x-api-key", &ann);
        assert_eq!(both.send().await.status, 200, "{path}");
        let placeholder = ask
            .header("authorization", "Bearer none")
            .header("x-api-key", &ann);
        assert_eq!(placeholder.send().await.status, 200, "{path}");
    }
    assert_eq!(gateway.seen().len(), 6);
}

#[tokio::test]
async fn a_revoked_key_beside_a_good_one_lets_nobody_in() {
    let gateway = TestGateway::builder().start().await;
    let bob = gateway.new_key("bob", None).await;
    gateway.revoke(&bob).await;
    let (good, revoked) = (gateway.key(), bob.key.expose().as_str());
    for (path, ask) in prompts(&gateway) {
        for (first, second) in [(good, revoked), (revoked, good)] {
            let ask = ask.clone().header("authorization", &format!("Bearer {first}"));
            let reply = ask.header("x-api-key", second).send().await;
            assert_refused(&reply, path, 401, denied(path));
        }
    }
    assert!(gateway.seen().is_empty());
}

/// The stand-in that whoever shows these headers gets: no two callers have the same.
async fn stand_in(gateway: &TestGateway, headers: &[(&str, &str)]) -> String {
    let ask = gateway
        .post(CHAT, chat("demo-echo", EMAIL))
        .without("authorization");
    let ask = headers
        .iter()
        .fold(ask, |ask, (name, value)| ask.header(name, value));
    let reply = ask.send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    tag(&gateway.seen().pop().unwrap().body)
}

#[tokio::test]
async fn what_one_has_beside_what_another_has_is_never_both() {
    let (key, issuer) = (TokenKey::ed25519(), TestIssuer::start().await);
    issuer.show(&[key.jwk("one")]);
    let entry = issuer.entry("corp", "principals = { \"1\" = \"ann-user\" }");
    let gateway = house()
        .policy("[access]\npassword_only_roles = [\"admin\", \"user\"]")
        .issuers(&entry)
        .start()
        .await;
    issuers::person(&gateway, "ann-user", &["user"]).await;
    issuers::person(&gateway, "bob-user", &["user"]).await;
    let bob = gateway.key_for("default", "bob-user", KeyScopes::all()).await;
    let ann = gateway.key_for("default", "ann-user", KeyScopes::default()).await;
    let of_bob = stand_in(&gateway, &[("x-api-key", &bob)]).await;
    let of_ann = stand_in(&gateway, &[("x-api-key", &ann)]).await;
    assert_ne!(of_ann, of_bob);
    // A token of another issuer in front of a key of Privet's, as a proxy that asks for one leaves it there: the key decides.
    let now = gateway.clock().now().as_second();
    let claims = json!({"iss": issuer.url(), "aud": "privet", "sub": "1", "iat": now, "exp": now + 300});
    let bearer = format!("Bearer {}", key.token("one", &claims));
    assert_eq!(stand_in(&gateway, &[("authorization", &bearer)]).await, of_ann);
    let both = stand_in(&gateway, &[("authorization", &bearer), ("x-api-key", &bob)]).await;
    assert_eq!(both, of_bob);
    // One of Privet's own tokens is as good as a key: with another's key it is refused.
    let order = json!({"scopes": ["gateway"]}).to_string();
    let made = gateway.ask("POST", "/api/v1/tokens").header("x-api-key", &ann);
    let made = made
        .header("content-type", "application/json")
        .body(order)
        .send()
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let token = made.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(stand_in(&gateway, &[("x-api-key", &token)]).await, of_ann);
    let ask = gateway
        .post(CHAT, chat("demo-echo", EMAIL))
        .without("authorization");
    let ask = ask.header("authorization", &format!("Bearer {token}"));
    assert_refused(
        &ask.header("x-api-key", &bob).send().await,
        CHAT,
        401,
        "invalid_api_key",
    );
    // An administrator's session beside a key: the key decides, and may not what the session may.
    enrolled(&gateway, "root-admin", "admin").await;
    let admin = sign_in(&gateway, "root-admin").await;
    let people = || admin.ask(&gateway, "GET", "/api/v1/people");
    assert_eq!(people().send().await.status, 200);
    let reply = people().header("x-api-key", &bob).send().await;
    assert_eq!(
        (reply.status, reply.json()["code"].as_str()),
        (403, Some("not_permitted"))
    );
    let bad = people().header("x-api-key", "prvt_nonsense").send().await;
    assert_eq!(bad.status, 401, "{}", bad.text());
    let two = people()
        .header("x-api-key", &bob)
        .header("api-key", &ann)
        .send()
        .await;
    assert_eq!(two.status, 401, "{}", two.text());
}

/// Sends these bytes on a connection of its own, and reads until the other side closes it.
async fn raw(gateway: &TestGateway, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut said = Vec::new();
    // A server may close while it is still being told.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said))
        .await
        .expect("it closes the connection");
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn a_request_names_its_server_once() {
    let gateway = TestGateway::builder().start().await;
    let good = || gateway.post(CHAT, chat("demo", EMAIL));
    for ask in [
        good().without("host"),
        good().header("host", "other.example"),
        good().header("host", &gateway.address().to_string()),
        good().without("host").header("host", ""),
        good().without("host").header("host", "a.example, b.example"),
        good().without("host").header("host", "ann@a.example"),
        good().without("host").header("host", "a.example/healthz"),
    ] {
        assert_refused(&ask.send().await, CHAT, 400, "bad_host");
    }
    assert!(gateway.seen().is_empty());
    let key = gateway.key();
    let body = chat("demo", EMAIL);
    let whole = |target: &str, host: &str| {
        format!(
            "POST {target} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let other = raw(
        &gateway,
        whole("http://a.example/v1/chat/completions", "b.example").as_bytes(),
    )
    .await;
    assert!(
        other.starts_with("HTTP/1.1 400 ") && other.contains("bad_host"),
        "{other}"
    );
    let same = raw(
        &gateway,
        whole("http://a.example/v1/chat/completions", "a.example").as_bytes(),
    )
    .await;
    assert!(same.starts_with("HTTP/1.1 200 "), "{same}");
    // What a probe of HTTP/1.0 leaves out.
    let old = raw(&gateway, b"GET /healthz HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 200 "), "{old}");
}

#[tokio::test]
async fn the_authority_of_http_2_and_the_host_are_one() {
    let (builder, authority) = crate::tls::place("");
    let gateway = builder.start().await;
    let mut connection = Client::trusting(&authority)
        .speaking(H2)
        .connect(gateway.address())
        .await
        .unwrap();
    for (host, status) in [
        (None, 200),
        (Some("127.0.0.1"), 200),
        (Some("127.0.0.1:443"), 200),
        (Some("other.example"), 400),
    ] {
        let mut ask = Request::post(format!("https://127.0.0.1{CHAT}"))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", gateway.key()));
        if let Some(host) = host {
            ask = ask.header("host", host);
        }
        let ask = ask.body(Full::from(chat("demo-echo", EMAIL))).unwrap();
        // A connection may be closed for it as well.
        let Some(reply) = connection.try_ask(ask).await else {
            assert_eq!(status, 400, "{host:?}");
            continue;
        };
        assert_eq!(reply.status, status, "{host:?}: {}", reply.text());
    }
    assert_eq!(gateway.seen().len(), 3);
}

#[tokio::test]
async fn nothing_is_forwarded_for_methods_that_ask_a_proxy() {
    let gateway = TestGateway::builder().start().await;
    let key = gateway.key();
    for start in [
        "CONNECT provider.example:443",
        "CONNECT 127.0.0.1:80",
        "OPTIONS *",
        "TRACE /v1/models",
        "OPTIONS /v1/chat/completions",
        "GET http://169.254.169.254/latest/meta-data",
        "POST http://provider.example/v1/chat",
    ] {
        let (_, target) = start.split_once(' ').unwrap();
        let host = target.strip_prefix("http://").unwrap_or("a.example");
        let host = host.split('/').next().unwrap();
        let host = if start.starts_with("CONNECT") {
            target
        } else {
            host
        };
        let request = format!(
            "{start} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n\
             GET /healthz HTTP/1.1\r\nhost: a.example\r\n\r\n"
        );
        let said = raw(&gateway, request.as_bytes()).await;
        let status = said.split(' ').nth(1).unwrap_or_default();
        assert!(matches!(status, "400" | "404" | "405"), "{start}: {said}");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{start}: {said}");
        assert!(!said.contains(key), "{start}: {said}");
    }
    assert!(gateway.seen().is_empty());
}

#[tokio::test]
async fn of_two_lengths_one_counts_and_nothing_is_left_for_a_second_request() {
    let gateway = TestGateway::builder().start().await;
    let key = gateway.key();
    let body = chat("demo-echo", EMAIL);
    let hidden = format!("GET {MODELS} HTTP/1.1\r\nhost: a\r\nx-api-key: {key}\r\n\r\n");
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n{hidden}", body.len());
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\n");
    for (lengths, follows) in [
        (
            format!(
                "content-length: {}\r\ntransfer-encoding: chunked\r\n",
                chunked.len()
            ),
            &chunked,
        ),
        (
            format!(
                "transfer-encoding: chunked\r\ncontent-length: {}\r\n",
                chunked.len()
            ),
            &chunked,
        ),
        (
            "transfer-encoding: chunked\r\ncontent-length: 4\r\n".to_owned(),
            &chunked,
        ),
        ("content-length: 4\r\ncontent-length: 5\r\n".to_owned(), &chunked),
        ("content-length: 4, 5\r\n".to_owned(), &chunked),
        ("content-length: +4\r\n".to_owned(), &chunked),
        ("transfer-encoding: gzip\r\n".to_owned(), &chunked),
        ("transfer-encoding: chunked, identity\r\n".to_owned(), &chunked),
        ("transfer-encoding : chunked\r\n".to_owned(), &chunked),
    ] {
        let said = raw(&gateway, format!("{head}{lengths}\r\n{follows}").as_bytes()).await;
        let status = said.split(' ').nth(1).unwrap_or_default();
        assert!(matches!(status, "200" | "400"), "{lengths}: {said}");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{lengths}: {said}");
        assert!(
            !said.contains("\"data\""),
            "{lengths}: the hidden request is answered: {said}"
        );
    }
    assert!(!gateway.seen_text().contains(EMAIL));
}

#[tokio::test]
async fn an_address_that_is_spelt_another_way_is_another_address() {
    let (builder, tools) = mcp::before_of("").await;
    let mut asked = 0;
    let gateway = builder.vault("").start().await;
    let key = gateway.key_for("default", "ann", KeyScopes::all()).await;
    let known = [
        ("POST", CHAT, chat("demo", EMAIL)),
        ("POST", MESSAGES, messages("claude-demo", EMAIL)),
        (
            "POST",
            "/v1/responses",
            json!({"model": "demo", "input": EMAIL}).to_string(),
        ),
        ("POST", "/mcp/crm", mcp::call("find", &json!({ "id": 7 }))),
        ("GET", "/api/v1/vault/purposes", String::new()),
        ("GET", "/api/v1/keys", String::new()),
    ];
    for (method, path, body) in known {
        let ask = |target: &str| {
            let ask = gateway.ask(method, target).header("x-api-key", &key);
            ask.header("content-type", "application/json")
                .body(body.clone())
                .send()
        };
        let right = ask(path).await;
        assert_ne!(right.status, 404, "{path}: {}", right.text());
        asked += tools.requests().len();
        let before = (gateway.seen().len(), tools.requests().len());
        let (first, last) = path.rsplit_once('/').unwrap();
        // The name of a server of tools is a parameter, and read like one; that of a surface is none.
        let encoded: String = last.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let encoded = if path.starts_with("/mcp/") {
            "%2e"
        } else {
            encoded.as_str()
        };
        for other in [
            format!("/{path}"),
            format!("{first}//{last}"),
            format!("{first}%2f{last}"),
            format!("{first}%2F{last}"),
            format!("{first}/{encoded}"),
            format!("/healthz/..{path}"),
            format!("/healthz/%2e%2e{path}"),
            format!("/healthz/%2E%2E{path}"),
            format!("/.{path}"),
            format!("{first}/./{last}"),
            format!("{first}/x/../{last}"),
            format!("{path};x"),
            format!("{first};x=1/{last}"),
            format!("{path}%00"),
            format!("{path}%20"),
            format!("{path}%0a"),
            format!("{path}/"),
            format!("{path}."),
            format!("{first}\\{last}"),
            path.to_uppercase(),
        ] {
            let reply = ask(&other).await;
            assert!(
                matches!(reply.status, 400 | 404 | 405),
                "{other}: {} {}",
                reply.status,
                reply.text()
            );
            let nobody = gateway.ask(method, &other).body(body.clone()).send().await;
            assert!(
                matches!(nobody.status, 400 | 401 | 404 | 405),
                "{other}: {} {}",
                nobody.status,
                nobody.text()
            );
        }
        assert_eq!((gateway.seen().len(), tools.requests().len()), before, "{path}");
    }
    assert!(asked > 0, "the server of tools is asked at its own address");
    assert!(!gateway.seen_text().contains(EMAIL));
}

#[tokio::test]
async fn what_a_proxy_would_say_of_the_address_changes_nothing_where_people_sign_in() {
    let place = Place::new("", "").await;
    let gateway = &place.gateway;
    let told = |ask: Ask| {
        [
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-port", "443"),
            ("x-original-host", "evil.example"),
            ("forwarded", "host=evil.example;proto=https"),
        ]
        .iter()
        .fold(
            ask.without("host").header("host", "evil.example"),
            |ask, (name, value)| ask.header(name, value),
        )
    };
    let reply = told(gateway.ask("GET", "/api/v1/sessions/oidc/corp"))
        .send()
        .await;
    assert_eq!(reply.status, 303, "{}", reply.text());
    let location = reply.header("location").unwrap().to_owned();
    let back = "redirect_uri=http%3A%2F%2Flocalhost%3A8787%2Fapi%2Fv1%2Fsessions%2Foidc%2Fcorp%2Fcallback";
    assert!(
        location.contains(back) && !location.contains("evil"),
        "{location}"
    );
    enrolled(gateway, "ann-user", "user").await;
    let body = json!({"name": "ann-user", "password": "correct horse battery"}).to_string();
    let login = || {
        let ask = gateway.ask("POST", "/api/v1/sessions").body(body.clone());
        told(ask.header("content-type", "application/json"))
    };
    let reply = login().send().await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let cookie = reply.header("set-cookie").unwrap();
    assert!(
        cookie.starts_with("privet_session=") && !cookie.contains("Secure"),
        "{cookie}"
    );
    assert!(!cookie.to_ascii_lowercase().contains("domain"), "{cookie}");
    // A page of another host cannot make its own out of Privet's.
    for origin in [
        "http://evil.example",
        "https://evil.example",
        "http://localhost:8787.evil.example",
    ] {
        let reply = login().header("origin", origin).send().await;
        assert_eq!(reply.status, 403, "{origin}: {}", reply.text());
    }
    let browser = sign_in(gateway, "ann-user").await;
    let out = |origin: &str| {
        let ask = browser
            .ask(gateway, "POST", "/api/v1/me/sign_out")
            .without("origin");
        told(ask.header("origin", origin)).send()
    };
    assert_eq!(out("http://evil.example").await.status, 403);
    assert_eq!(out("https://localhost:8787").await.status, 403);
    assert_eq!(out("http://localhost:8787").await.status, 204);

    let secure = TestGateway::builder()
        .sign_in("origin = \"https://privet.example\"")
        .start()
        .await;
    enrolled(&secure, "ann-user", "user").await;
    let ask = secure.ask("POST", "/api/v1/sessions").body(body);
    let ask = ask
        .header("content-type", "application/json")
        .header("x-forwarded-proto", "http");
    let reply = ask.send().await;
    let cookie = reply.header("set-cookie").unwrap();
    assert!(
        cookie.starts_with("__Host-privet_session=") && cookie.contains("; Secure"),
        "{cookie}"
    );
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Prompt,
    Models,
    Tools,
    Tokens,
    Keys,
    People,
    Vault,
    Bunker,
    Metrics,
    Me,
    SignOut,
    Console,
    Invite,
}

const DOORS: [Door; 13] = [
    Door::Prompt,
    Door::Models,
    Door::Tools,
    Door::Tokens,
    Door::Keys,
    Door::People,
    Door::Vault,
    Door::Bunker,
    Door::Metrics,
    Door::Me,
    Door::SignOut,
    Door::Console,
    Door::Invite,
];

/// Headers with which a credential is shown.
type Shown = Vec<(&'static str, String)>;

impl Door {
    /// Asks, with these headers. `code` stands where an invite's would; `subject` is somebody in the vault.
    async fn ask(self, gateway: &TestGateway, shown: &Shown, (code, subject): (&str, &str)) -> Reply {
        let vault = gateway.vault_address();
        let json = |ask: Ask, body: Value| {
            ask.header("content-type", "application/json")
                .body(body.to_string())
        };
        let ask = match self {
            Self::Prompt => json(
                gateway.ask("POST", CHAT),
                json!({"model": "demo-echo", "messages": [{"role": "user", "content": "hello"}]}),
            ),
            Self::Models => gateway.ask("GET", MODELS),
            Self::Tools => json(
                gateway
                    .ask("POST", "/mcp/crm")
                    .header("mcp-protocol-version", "2025-06-18"),
                json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call",
                    "params": {"name": "find", "arguments": {"id": 7}}}),
            )
            .header("accept", "application/json, text/event-stream"),
            Self::Tokens => json(
                gateway.ask("POST", "/api/v1/tokens"),
                json!({"scopes": ["gateway"]}),
            ),
            Self::Keys => gateway.ask("GET", "/api/v1/keys"),
            Self::People => gateway.ask("GET", "/api/v1/people"),
            Self::Vault => Ask::new(vault, "GET", "/api/v1/vault/subjects"),
            Self::Bunker => json(
                Ask::new(vault, "POST", "/v2/UserGet"),
                json!({"mode": "token", "identity": subject}),
            ),
            Self::Metrics => Ask::new(gateway.metrics_address(), "GET", "/metrics"),
            Self::Me => gateway.ask("GET", "/api/v1/me"),
            Self::SignOut => json(gateway.ask("POST", "/api/v1/me/sign_out"), json!({})),
            Self::Console => gateway.ask("GET", "/console"),
            Self::Invite => json(
                gateway.ask("POST", "/api/v1/invites/accept"),
                json!({"code": code, "password": "another horse battery"}),
            ),
        };
        let ask = shown
            .iter()
            .fold(ask, |ask, (name, value)| ask.header(name, value));
        ask.send().await
    }
}

/// A credential: what it is, its text, how it is meant to be shown, and which doors that opens.
struct Credential {
    name: &'static str,
    text: String,
    meant: Shown,
    opens: Vec<Door>,
}

/// Everything there is a credential for, and a credential of each kind.
async fn everything() -> (TestGateway, Vec<Credential>, TestIssuer) {
    let (key, issuer) = (TokenKey::ed25519(), TestIssuer::start().await);
    issuer.show(&[key.jwk("one")]);
    let entry = issuer.entry("corp", "principals = { \"1\" = \"ann-user\" }");
    let (builder, tools): (Builder, _) = mcp::before_of("").await;
    // It answers as long as the gateway is asked.
    Box::leak(Box::new(tools));
    let gateway = builder
        // What is tried comes from one address, which would be locked.
        .sign_in("origin = \"http://localhost:8787\"\ncount_addresses = false")
        .policy("[access]\npassword_only_roles = [\"user\"]")
        .issuers(&entry)
        .vault("listen = \"127.0.0.1:0\"\n[vault.databunker]\nenabled = true")
        .metrics("listen = \"127.0.0.1:0\"\nrequire_key = true")
        .start()
        .await;
    let roles = ["admin", "user", "privacy_officer"];
    made(&gateway, "default", "root", PrincipalKind::User, &roles).await;
    for name in ["ann-user", "eve-user"] {
        enrolled(&gateway, name, "user").await;
    }
    enrolled(&gateway, "adm", "admin").await;
    let by_bearer = |text: &str| vec![("authorization", format!("Bearer {text}"))];
    let mut all = Vec::new();
    for (name, scopes, opens) in [
        (
            "a key for prompts",
            vec![KeyScope::Gateway],
            vec![Door::Prompt, Door::Models, Door::Tools, Door::Tokens],
        ),
        ("a key of the vault", vec![KeyScope::VaultRead], vec![Door::Vault]),
        ("a key for figures", vec![KeyScope::Metrics], vec![Door::Metrics]),
        (
            "a key of administration",
            vec![KeyScope::KeyRead, KeyScope::PeopleRead],
            vec![Door::Keys, Door::People],
        ),
    ] {
        let text = gateway.key_for("default", "root", KeyScopes::of(&scopes)).await;
        all.push(Credential {
            name,
            meant: by_bearer(&text),
            text,
            opens,
        });
    }
    let officer = gateway.key_for("default", "root", KeyScopes::all()).await;
    let bunker = |body: Value, call: &'static str| {
        let ask = Ask::new(gateway.vault_address(), "POST", &format!("/v2/{call}"));
        let ask = ask
            .header("x-bunker-token", &officer)
            .header("content-type", "application/json");
        ask.body(body.to_string()).send()
    };
    let made = bunker(json!({"profile": {"login": "ada"}}), "UserCreate")
        .await
        .json();
    let subject = made["token"].as_str().unwrap().to_owned();
    let own = bunker(
        json!({"mode": "token", "identity": subject}),
        "XTokenCreateForUser",
    )
    .await
    .json();
    let own = own["xtoken"].as_str().unwrap().to_owned();
    all.push(Credential {
        name: "a subject's own token",
        meant: vec![("x-bunker-token", own.clone())],
        text: own,
        opens: vec![Door::Bunker],
    });
    all.push(Credential {
        name: "a subject's name",
        meant: by_bearer(&subject),
        text: subject,
        opens: vec![],
    });
    let order = json!({"scopes": ["gateway"]}).to_string();
    let token = gateway
        .ask("POST", "/api/v1/tokens")
        .header("x-api-key", &all[0].text);
    let token = token
        .header("content-type", "application/json")
        .body(order)
        .send()
        .await
        .json();
    let token = token["token"].as_str().unwrap().to_owned();
    all.push(Credential {
        name: "a token of Privet's own",
        meant: by_bearer(&token),
        text: token,
        opens: vec![Door::Prompt, Door::Models, Door::Tools],
    });
    let now = gateway.clock().now().as_second();
    let claims = json!({"iss": issuer.url(), "aud": "privet", "sub": "1", "iat": now, "exp": now + 600});
    for (name, signer, opens) in [
        (
            "a token of an issuer",
            key,
            vec![Door::Prompt, Door::Models, Door::Tools],
        ),
        ("a token of nobody", TokenKey::ed25519(), vec![]),
    ] {
        let text = signer.token("one", &claims);
        all.push(Credential {
            name,
            meant: by_bearer(&text),
            text,
            opens,
        });
    }
    let browser = sign_in(&gateway, "ann-user").await;
    let session = |browser: &Browser, opens: &[Door], with_csrf: bool| {
        let mut meant = vec![("cookie", browser.cookie.clone())];
        if with_csrf {
            meant.push(("x-privet-csrf", browser.csrf.clone()));
            meant.push(("origin", "http://localhost:8787".to_owned()));
        }
        let (_, text) = browser.cookie.split_once('=').unwrap();
        Credential {
            name: if with_csrf {
                "a session with its token"
            } else {
                "a session alone"
            },
            meant,
            text: text.to_owned(),
            opens: opens.to_vec(),
        }
    };
    all.push(session(&browser, &[Door::Me, Door::Console], false));
    all.push(session(&browser, &[Door::Me, Door::SignOut, Door::Console], true));
    all.push(Credential {
        name: "a token against forgery",
        meant: vec![
            ("x-privet-csrf", browser.csrf.clone()),
            ("origin", "http://localhost:8787".to_owned()),
        ],
        text: browser.csrf.clone(),
        opens: vec![],
    });
    let admin = sign_in(&gateway, "adm").await;
    let (_, codes, _) = add_totp(&gateway, &admin).await;
    all.push(Credential {
        name: "a recovery code",
        meant: by_bearer(&codes[0]),
        text: codes[0].clone(),
        opens: vec![],
    });
    let day = Duration::from_secs(86_400);
    let invite = gateway
        .enrolment("default")
        .invite(&"eve-user".parse().unwrap(), day)
        .await
        .unwrap();
    all.push(Credential {
        name: "an invite",
        meant: vec![],
        text: invite.code.expose().clone(),
        opens: vec![Door::Invite],
    });
    all.push(Credential {
        name: "nothing",
        meant: vec![],
        text: String::new(),
        opens: vec![],
    });
    (gateway, all, issuer)
}

#[tokio::test]
async fn every_kind_of_credential_opens_its_own_doors_and_no_other() {
    let (gateway, all, _issuer) = everything().await;
    let find = |name: &str| all.iter().find(|credential| credential.name == name).unwrap();
    let subject = find("a subject's name").text.clone();
    let mut wrong = Vec::new();
    let mut tried = 0;
    for credential in &all {
        let Credential {
            name,
            text,
            meant,
            opens,
        } = credential;
        let mut ways = vec![("as it is meant", meant.clone(), opens.clone())];
        // In the place of another.
        for header in [
            "authorization",
            "x-api-key",
            "x-bunker-token",
            "cookie",
            "x-privet-csrf",
        ] {
            let value = match header {
                "authorization" => format!("Bearer {text}"),
                "cookie" => format!("privet_session={text}; __Host-privet_session={text}"),
                _ => text.clone(),
            };
            let shown = vec![(header, value)];
            let is_bearer = meant.iter().any(|(name, _)| *name == "authorization");
            let is_key = text.starts_with("prvt_") || text.starts_with("privet_at_");
            let opened = match header {
                "authorization" if is_bearer => opens.clone(),
                "x-api-key" if is_key => opens.clone(),
                "x-bunker-token" if opens.contains(&Door::Vault) || opens.contains(&Door::Bunker) => {
                    vec![Door::Bunker]
                }
                "cookie" if meant.iter().any(|(name, _)| *name == "cookie") => vec![Door::Me, Door::Console],
                _ => vec![],
            };
            ways.push((header, shown, opened));
        }
        for (way, shown, opened) in ways {
            for door in DOORS {
                // Each of these is used up by what opens its door.
                let is_used_up = matches!(door, Door::SignOut | Door::Invite);
                let is_right = opened.contains(&door) || (door == Door::Invite && opens.contains(&door));
                if is_used_up && is_right {
                    continue;
                }
                let reply = door.ask(&gateway, &shown, (text, &subject)).await;
                tried += 1;
                let is_open = reply.status < 300;
                if is_open != is_right || reply.status >= 500 {
                    wrong.push(format!(
                        "{name}, {way}: {door:?} {} {}",
                        reply.status,
                        reply.text()
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(tried > 900, "{tried}");
    // Those that are used up, at last.
    let (invite, session) = (find("an invite"), find("a session with its token"));
    assert!(
        Door::Invite
            .ask(&gateway, &invite.meant, (&invite.text, &subject))
            .await
            .status
            < 300
    );
    assert!(
        Door::SignOut
            .ask(&gateway, &session.meant, (&session.text, &subject))
            .await
            .status
            < 300
    );
}
