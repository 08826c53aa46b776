//! TLS on the gateway's own address: who gets a connection, as whom, and over which HTTP.

mod acme;
pub(crate) mod client;
mod clients;
mod http2;

use std::time::Duration;

use privet_testkit::{Authority, Builder, Home, Identity, PATIENCE, TestGateway};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use self::client::{Client, H1, H2};
use crate::support::{CHAT, EMAIL, chat};

/// Where the gateway's files lie, and who signed its certificate.
struct Place {
    home: Home,
    authority: Authority,
}

impl Place {
    /// With a certificate for 127.0.0.1.
    fn new() -> Self {
        let place = Self {
            home: Home::default(),
            authority: Authority::default(),
        };
        place.put("server", &place.authority.sign(&["127.0.0.1"]));
        place
    }

    fn put(&self, name: &str, identity: &Identity) {
        self.write(&format!("{name}.pem"), &identity.pem());
        self.write(&format!("{name}.key"), &identity.key_pem());
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.home.path().join(name), text).unwrap();
    }

    /// A gateway with these lines besides those for the certificate.
    fn gateway(self, lines: &str) -> (Builder, Authority) {
        let lines = format!("cert = \"server.pem\"\nkey = \"server.key\"\n{lines}");
        (TestGateway::builder().tls(&lines).home(self.home), self.authority)
    }
}

/// A gateway with a certificate for 127.0.0.1 and these lines, and who signed that.
pub(crate) fn place(lines: &str) -> (Builder, Authority) {
    Place::new().gateway(lines)
}

#[tokio::test]
async fn prompts_are_masked_over_both_versions_of_tls_and_of_http() {
    let (builder, authority) = Place::new().gateway("");
    let gateway = builder.start().await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for alpn in [H1, H2] {
            let client = Client::trusting(&authority).version(version).speaking(alpn);
            let mut connection = client.connect(gateway.address()).await.unwrap();
            for _ in 0..2 {
                let reply = connection
                    .post(CHAT, gateway.key(), &chat("demo-echo", EMAIL))
                    .await;
                assert_eq!(reply.status, 200, "{}", reply.text());
                assert!(reply.text().contains(EMAIL));
                let hsts = reply.header("strict-transport-security");
                assert_eq!(hsts, Some("max-age=31536000"));
            }
            assert_eq!(connection.protocol(), Some(alpn));
        }
    }
    assert!(!gateway.seen_text().contains(EMAIL));
}

#[tokio::test]
async fn a_client_without_alpn_gets_http_1_and_no_hsts_where_the_settings_leave_it_out() {
    let (builder, authority) = Place::new().gateway("hsts = \"0s\"");
    let gateway = builder.start().await;
    let client = Client::trusting(&authority).speaking(b"");
    let mut connection = client.connect(gateway.address()).await.unwrap();
    let reply = connection.get("/healthz").await;
    assert_eq!((reply.status, connection.protocol()), (200, None));
    assert_eq!(reply.header("strict-transport-security"), None);
}

#[tokio::test]
async fn plain_http_and_old_tls_get_no_answer() {
    let (builder, authority) = Place::new().gateway("");
    let gateway = builder.start().await;
    let mut socket = TcpStream::connect(gateway.address()).await.unwrap();
    let ask = "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}";
    tokio::io::AsyncWriteExt::write_all(&mut socket, ask.as_bytes())
        .await
        .unwrap();
    let mut heard = Vec::new();
    // A reset is an end as well.
    let _ = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut heard))
        .await
        .unwrap();
    let heard = String::from_utf8_lossy(&heard).into_owned();
    assert!(!heard.contains("HTTP/"), "{heard}");
    let stranger = Client::trusting(&Authority::default());
    assert!(stranger.connect(gateway.address()).await.is_err());
    assert!(
        Client::trusting(&authority)
            .connect(gateway.address())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn who_says_nothing_is_not_waited_for() {
    let (builder, _) = Place::new().gateway("");
    let gateway = builder.limits("header_timeout = \"200ms\"").start().await;
    let mut socket = TcpStream::connect(gateway.address()).await.unwrap();
    let mut heard = [0; 16];
    let end = tokio::time::timeout(PATIENCE, socket.read(&mut heard)).await;
    assert!(matches!(end, Ok(Ok(0) | Err(_))), "{end:?}");
}

#[tokio::test]
async fn the_certificate_is_the_one_for_the_name_that_is_asked_for() {
    let place = Place::new();
    place.put("wild", &place.authority.sign(&["*.ai.example", "ai.example"]));
    let (builder, authority) = place.gateway("[[tls.names]]\ncert = \"wild.pem\"\nkey = \"wild.key\"");
    let gateway = builder.start().await;
    for name in ["ai.example", "gateway.ai.example", "127.0.0.1"] {
        let client = Client::trusting(&authority).asking_for(name);
        assert!(client.connect(gateway.address()).await.is_ok(), "{name}");
    }
    for name in ["other.example", "a.b.ai.example"] {
        let client = Client::trusting(&authority).asking_for(name);
        assert!(client.connect(gateway.address()).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_new_certificate_is_used_without_a_restart_and_a_broken_one_is_not() {
    let (builder, before) = Place::new().gateway("");
    let gateway = builder.start().await;
    let mut open = Client::trusting(&before)
        .connect(gateway.address())
        .await
        .unwrap();
    let write = |name: &str, text: &str| std::fs::write(gateway.path().join(name), text).unwrap();
    let after = Authority::default();
    let identity = after.sign(&["127.0.0.1"]);
    // The certificate alone is no pair with the former key.
    write("server.pem", &identity.pem());
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(Client::trusting(&before).connect(gateway.address()).await.is_ok());
    write("server.key", &identity.key_pem());
    let begun = std::time::Instant::now();
    while Client::trusting(&after).connect(gateway.address()).await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "the new pair is not used");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(
        Client::trusting(&before)
            .connect(gateway.address())
            .await
            .is_err()
    );
    assert_eq!(open.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named_at_start() {
    for (name, text, says) in [
        ("server.pem", "nothing", "server.pem"),
        ("server.key", "nothing", "server.key"),
        ("ca.pem", "nothing", "ca.pem"),
    ] {
        let place = Place::new();
        place.write("ca.pem", &place.authority.pem());
        place.write(name, text);
        let (builder, _) = place.gateway("client_ca = \"ca.pem\"");
        let error = builder.refused().await;
        assert!(error.contains(says), "{error}");
    }
    let place = Place::new();
    place.write("server.key", &place.authority.sign(&["127.0.0.1"]).key_pem());
    let (builder, _) = place.gateway("");
    let error = builder.refused().await;
    assert!(error.contains("cannot be used together"), "{error}");
}
