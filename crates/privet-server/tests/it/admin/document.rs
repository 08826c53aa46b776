use std::path::Path;

use privet_testkit::TestGateway;

/// `PRIVET_BLESS=1` writes the document instead of comparing it.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test is told to bless by its environment"
)]
fn the_committed_document_of_administration_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema/admin.openapi.json");
    let document = privet_server::admin_openapi();
    if std::env::var_os("PRIVET_BLESS").is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == document,
        "schema/admin.openapi.json is not what the code says; run `PRIVET_BLESS=1 cargo test -p privet-server document`"
    );
}

#[tokio::test]
async fn the_document_is_served_without_a_vault_too() {
    let gateway = TestGateway::builder().start().await;
    let reply = gateway.ask("GET", "/api/v1/admin/openapi.json").send().await;
    assert_eq!(reply.text(), privet_server::admin_openapi());
}
