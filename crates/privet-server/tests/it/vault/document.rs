use std::path::Path;

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
async fn the_document_is_served_to_everybody() {
    for house in houses().await {
        let reply = house.gateway.ask("GET", "/api/v1/openapi.json").send().await;
        assert_eq!(reply.text(), privet_server::openapi());
        house.end().await;
    }
}
