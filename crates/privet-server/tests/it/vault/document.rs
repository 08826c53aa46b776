use std::path::Path;

use privet_testkit::TestGateway;
use privet_types::{KeyScope, KeyScopes};

use super::houses;

/// `PRIVET_BLESS=1` writes the document instead of comparing it.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test is told to bless by its environment"
)]
fn the_committed_openapi_document_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema/openapi.json");
    let document = privet_server::openapi();
    if std::env::var_os("PRIVET_BLESS").is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == document,
        "schema/openapi.json is not what the code says; run `PRIVET_BLESS=1 cargo test -p privet-server openapi`"
    );
}

#[tokio::test]
async fn an_address_that_is_no_text_is_refused_in_the_shape_that_the_document_has() {
    let gateway = TestGateway::builder().vault("").start().await;
    let scopes = KeyScopes::of(&KeyScope::ALL);
    let key = gateway.key_for("default", "everything", scopes).await;
    let alerts = || async {
        let ask = gateway.ask("GET", "/api/v1/alerts");
        ask.header("authorization", &format!("Bearer {key}"))
            .send()
            .await
            .status
    };
    // They are read as soon as the watch has begun.
    while alerts().await != 200 {
        tokio::task::yield_now().await;
    }
    for (method, path, media) in [
        ("GET", "/api/v1/alerts/%FF", "application/json"),
        ("POST", "/api/v1/alerts/%FF/close", "application/json"),
        ("GET", "/api/v1/incidents/%FF", "application/json"),
        ("GET", "/api/v1/incidents/%FF/affected", "application/json"),
        ("DELETE", "/api/v1/kill-switches/%FF", "application/json"),
        ("GET", "/api/v1/vault/subjects/%FF", "application/problem+json"),
    ] {
        let ask = gateway.ask(method, path);
        let reply = ask.header("authorization", &format!("Bearer {key}")).send().await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (404, Some(media)),
            "{method} {path}: {}",
            reply.text()
        );
        let stranger = gateway.ask(method, path).send().await;
        assert!([401, 404].contains(&stranger.status), "{method} {path}");
        assert_eq!(stranger.header("content-type"), Some(media), "{method} {path}");
    }
}

#[tokio::test]
async fn the_document_is_served_to_everybody() {
    let gateway = TestGateway::builder().start().await;
    let reply = gateway.ask("GET", "/api/v1/openapi.json").send().await;
    assert_eq!(reply.text(), privet_server::openapi(), "without a vault, too");
    gateway.stop().await;
    for house in houses().await {
        let reply = house.gateway.ask("GET", "/api/v1/openapi.json").send().await;
        assert_eq!(reply.text(), privet_server::openapi());
        house.end().await;
    }
}
