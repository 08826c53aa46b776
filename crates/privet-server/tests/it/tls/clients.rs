//! Certificates of clients: who gets a connection, and whom a certificate stands for.

use std::fmt::Write;

use http_body_util::Full;
use privet_testkit::{Authority, TestGateway};

use super::Place;
use super::client::{Client, Connection};
use crate::support::{CHAT, EMAIL, chat};

const LISTED: &str = "client_ca = \"clients.pem\"\n[[tls.clients]]\nuri = \"spiffe://example.org/ci\"\nprincipal = \"ci\"\n\
    [[tls.clients]]\ndns = \"Batch.example.org\"\nprincipal = \"batch\"\ntenant = \"acme\"\n\
    [[tls.clients]]\ndns = \"reader.example.org\"\nprincipal = \"reader\"\nscopes = [\"vault.read\"]\n";

/// A gateway that knows some clients, its own authority, and that of the clients.
async fn gateway(lines: &str) -> (TestGateway, Authority, Authority) {
    let place = Place::new();
    let clients = Authority::default();
    place.write("clients.pem", &clients.pem());
    let (builder, authority) = place.gateway(lines);
    (builder.start().await, authority, clients)
}

/// The status of a prompt without a key; none if there is no answer.
async fn prompt(connection: std::io::Result<Connection>, headers: &[(&str, &str)]) -> Option<u16> {
    let mut connection = connection.ok()?;
    let mut request = connection.prompt(CHAT);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = chat("demo-echo", EMAIL);
    let reply = connection.try_ask(request.body(Full::from(body)).unwrap()).await;
    reply.map(|reply| reply.status)
}

#[tokio::test]
async fn only_certificates_of_the_authority_that_are_in_force_get_a_connection() {
    let (gateway, authority, clients) = gateway(LISTED).await;
    let ci = ["spiffe://example.org/ci"];
    let stranger = Authority::default();
    for (shown, wanted) in [
        (None, None),
        (Some(stranger.sign(&ci)), None),
        // The authority of the gateway's own certificate is none of clients.
        (Some(authority.sign(&ci)), None),
        (Some(clients.sign_expired(&ci)), None),
        (Some(clients.sign(&ci)), Some(200)),
        (Some(clients.sign(&["spiffe://example.org/ci/other"])), Some(401)),
    ] {
        let client = Client::trusting(&authority);
        let client = match shown {
            Some(identity) => client.showing(identity),
            None => client,
        };
        assert_eq!(prompt(client.connect(gateway.address()).await, &[]).await, wanted);
    }
}

#[tokio::test]
async fn a_certificate_stands_for_the_caller_of_its_name_with_that_callers_surrogates() {
    let (gateway, authority, clients) = gateway(LISTED).await;
    for (name, tenant, principal) in [
        ("spiffe://example.org/ci", "default", "ci"),
        ("batch.example.org", "acme", "batch"),
    ] {
        let client = Client::trusting(&authority).showing(clients.sign(&[name]));
        assert_eq!(
            prompt(client.connect(gateway.address()).await, &[]).await,
            Some(200)
        );
        let by_certificate = gateway.seen().last().unwrap().body.clone();
        let key = gateway
            .key_for(tenant, principal, privet_types::KeyScopes::default())
            .await;
        let client = Client::trusting(&authority).showing(clients.sign(&["nobody.example.org"]));
        let mut connection = client.connect(gateway.address()).await.unwrap();
        let reply = connection.post(CHAT, &key, &chat("demo-echo", EMAIL)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(gateway.seen().last().unwrap().body, by_certificate, "{name}");
    }
}

#[tokio::test]
async fn the_key_of_a_certificate_names_it_whatever_names_it_has() {
    let place = Place::new();
    let clients = Authority::default();
    place.write("clients.pem", &clients.pem());
    let known = clients.sign(&["a.example.org"]);
    let digits = privet_crypto::sha256(&known.public_key())
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02X}").unwrap();
            text
        });
    let lines =
        format!("client_ca = \"clients.pem\"\n[[tls.clients]]\nspki = \"{digits}\"\nprincipal = \"pinned\"");
    let (builder, authority) = place.gateway(&lines);
    let gateway = builder.start().await;
    for (shown, wanted) in [(known, 200), (clients.sign(&["a.example.org"]), 401)] {
        let client = Client::trusting(&authority).showing(shown);
        assert_eq!(
            prompt(client.connect(gateway.address()).await, &[]).await,
            Some(wanted)
        );
    }
}

#[tokio::test]
async fn a_certificate_is_for_its_scopes_and_a_key_of_privets_goes_before_it() {
    let (gateway, authority, clients) = gateway(LISTED).await;
    let connect = |name: &str| {
        Client::trusting(&authority)
            .showing(clients.sign(&[name]))
            .connect(gateway.address())
    };
    assert_eq!(prompt(connect("reader.example.org").await, &[]).await, Some(403));
    let bearer = format!("Bearer {}", gateway.key());
    let key = [("authorization", bearer.as_str())];
    assert_eq!(prompt(connect("reader.example.org").await, &key).await, Some(200));
    // A key that is not good is not made up for by a certificate; what is no key of ours is what clients must send.
    let bad = [("authorization", "Bearer prvt_nonsense")];
    assert_eq!(
        prompt(connect("spiffe://example.org/ci").await, &bad).await,
        Some(401)
    );
    let filler = [("authorization", "Bearer unused")];
    assert_eq!(
        prompt(connect("spiffe://example.org/ci").await, &filler).await,
        Some(200)
    );
}

#[tokio::test]
async fn where_certificates_are_optional_keys_do_and_no_header_names_anybody() {
    let (gateway, authority, clients) = gateway(&format!("client_auth = \"optional\"\n{LISTED}")).await;
    let connect = || Client::trusting(&authority).connect(gateway.address());
    let bearer = format!("Bearer {}", gateway.key());
    assert_eq!(
        prompt(connect().await, &[("authorization", &bearer)]).await,
        Some(200)
    );
    let pem = clients
        .sign(&["spiffe://example.org/ci"])
        .pem()
        .replace('\n', "%0A");
    for (name, value) in [
        (
            "x-forwarded-client-cert",
            "By=spiffe://example.org/gw;URI=spiffe://example.org/ci",
        ),
        ("x-ssl-client-cert", pem.as_str()),
        ("x-client-dn", "CN=ci"),
        ("x-forwarded-user", "ci"),
        ("x-privet-principal", "ci"),
        ("forwarded", "for=ci;host=batch.example.org"),
        ("x-forwarded-host", "batch.example.org"),
    ] {
        assert_eq!(
            prompt(connect().await, &[(name, value)]).await,
            Some(401),
            "{name}"
        );
    }
}
