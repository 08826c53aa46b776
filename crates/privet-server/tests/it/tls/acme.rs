//! Certificates that an authority issues: obtained over real sockets from one that looks for itself, used, renewed, kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use privet_store::{Error, Location, Scope, values};
use privet_testkit::{Ask, Authority, Builder, EXTERNAL_ACCOUNT_KEY, Home, PATIENCE, TestAcme, TestGateway};

use super::Place;
use super::client::{Client, Connection, H1};
use crate::postgres::TestDatabase;
use crate::support::{CHAT, EMAIL, chat};

const NAME: &str = "gateway.example";
const DAY: Duration = Duration::from_secs(86_400);
/// Addresses without TLS in the tests' settings.
const PLAIN: &str = "challenge = \"http-01\"\nhttp_listen = \"127.0.0.1:0\"";

/// A folder where the authority's own certificate lies.
fn home(acme: &TestAcme) -> Home {
    let home = Home::default();
    trust(&home, acme.ca_pem());
    home
}

fn trust(home: &Home, pem: &str) {
    std::fs::write(home.path().join("authority.pem"), pem).unwrap();
}

fn gateway(acme: &TestAcme, home: Home, more: &str) -> Builder {
    TestGateway::builder().tls(&acme.table(&[NAME], more)).home(home)
}

/// Beside a certificate of a file for 127.0.0.1, so that figures can be read before there is another; and who signed that one.
async fn beside_files(acme: &TestAcme, more: &str) -> (TestGateway, Authority) {
    let place = Place::new();
    place.write("authority.pem", acme.ca_pem());
    let (builder, authority) = place.gateway(&acme.table(&[NAME], more));
    let gateway = builder.metrics("listen = \"127.0.0.1:0\"").start().await;
    (gateway, authority)
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < 2 * PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn connect(acme: &TestAcme, gateway: &TestGateway) -> std::io::Result<Connection> {
    let client = Client::trusting(acme.authority()).asking_for(NAME);
    client.connect(gateway.address()).await
}

/// A connection as soon as there is a certificate.
async fn connected(acme: &TestAcme, gateway: &TestGateway) -> Connection {
    let mut connection = None;
    until("there is no certificate", async || {
        connection = connect(acme, gateway).await.ok();
        connection.is_some()
    })
    .await;
    connection.unwrap()
}

/// A figure that a monitoring system reads.
async fn figure(gateway: &TestGateway, authority: &Authority, name: &str) -> f64 {
    let client = Client::trusting(authority);
    let mut connection = client.connect(gateway.metrics_address()).await.unwrap();
    let text = connection.get("/metrics").await.text();
    let mut lines = text
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = lines.next().unwrap_or_else(|| panic!("no {name} in {text}"));
    value.parse().unwrap()
}

async fn failed(gateway: &TestGateway, authority: &Authority, times: f64) {
    until("no attempt fails", async || {
        figure(gateway, authority, "privet_acme_failures").await >= times
    })
    .await;
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test]
async fn the_first_certificate_comes_by_a_handshake_on_the_gateways_own_address() {
    let acme = TestAcme::start().await;
    let more = "contact = \"security@example.com\"";
    let gateway = gateway(&acme, home(&acme), more).start().await;
    assert!(
        connect(&acme, &gateway).await.is_err(),
        "the authority has not looked yet"
    );
    acme.leads_to(gateway.address());
    let mut connection = connected(&acme, &gateway).await;
    assert_eq!(connection.get("/readyz").await.status, 200);
    let reply = connection
        .post(CHAT, gateway.key(), &chat("demo-echo", EMAIL))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().contains(EMAIL) && !gateway.seen_text().contains(EMAIL));
    assert_eq!(
        acme.contacts(),
        [serde_json::json!(["mailto:security@example.com"])]
    );
    assert_eq!((acme.orders(), acme.issued()), (1, 1));
    let stranger = Client::trusting(&Authority::default()).asking_for(NAME);
    assert!(stranger.connect(gateway.address()).await.is_err());
    gateway.stop().await;
}

#[tokio::test]
async fn the_first_certificate_comes_by_a_plain_question_that_nothing_else_is_answered_beside() {
    let acme = TestAcme::start().await;
    let gateway = gateway(&acme, home(&acme), PLAIN).start().await;
    let plain = |method: &str, target: &str| Ask::new(gateway.acme_address(), method, target);
    for target in ["/", "/healthz", "/v1/models", "/.well-known/acme-challenge/"] {
        assert_eq!(plain("GET", target).send().await.status, 404, "{target}");
    }
    let unknown = "/.well-known/acme-challenge/0123456789abcdef";
    assert_eq!(plain("GET", unknown).send().await.status, 404);
    assert_eq!(plain("POST", unknown).send().await.status, 405);
    acme.leads_to_plain(gateway.acme_address());
    assert_eq!(connected(&acme, &gateway).await.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn handshakes_about_certificates_are_only_answered_while_the_authority_was_told_so() {
    let acme = TestAcme::start().await;
    let gateway = gateway(&acme, home(&acme), "").start().await;
    acme.leads_to(gateway.address());
    drop(connected(&acme, &gateway).await);
    for name in [NAME, "other.example", "127.0.0.1"] {
        let client = Client::trusting(acme.authority())
            .asking_for(name)
            .speaking(b"acme-tls/1");
        assert!(client.connect(gateway.address()).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_certificate_is_renewed_after_two_thirds_of_its_time_and_no_handshake_fails() {
    let acme = TestAcme::start().await;
    acme.issue_for(at("2025-01-01T00:00:00Z"), at("2055-01-01T00:00:00Z"));
    let gateway = gateway(&acme, home(&acme), "").start().await;
    acme.leads_to(gateway.address());
    let first = connected(&acme, &gateway).await.shown().to_vec();
    let (is_over, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients = tokio::spawn({
        let (is_over, made, address) = (Arc::clone(&is_over), Arc::clone(&made), gateway.address());
        let authority = acme.authority().certificate().clone();
        async move {
            while !is_over.load(Ordering::SeqCst) {
                let client = Client::trusting_in(&authority).asking_for(NAME).speaking(H1);
                let connected = client.connect(address).await;
                let mut connection = connected.expect("no handshake fails");
                assert_eq!(connection.get("/healthz").await.status, 200);
                made.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    // Just before two thirds.
    gateway.clock().advance(DAY * 365 * 18);
    let seen = made.load(Ordering::SeqCst);
    until("clients go on", async || made.load(Ordering::SeqCst) > seen + 20).await;
    assert_eq!(acme.orders(), 1);
    acme.issue_for(at("2020-01-01T00:00:00Z"), at("2099-01-01T00:00:00Z"));
    gateway.clock().advance(DAY * 366 * 2);
    until("the new one is shown", async || {
        connect(&acme, &gateway).await.unwrap().shown() != first
    })
    .await;
    is_over.store(true, Ordering::SeqCst);
    clients.await.unwrap();
    assert_eq!((acme.orders(), acme.issued()), (2, 2));
}

#[tokio::test]
async fn a_restart_uses_the_kept_certificate_and_asks_for_none() {
    let acme = TestAcme::start().await;
    let first = gateway(&acme, home(&acme), "").start().await;
    acme.leads_to(first.address());
    let shown = connected(&acme, &first).await.shown().to_vec();
    let home = first.stop().await.home;
    let second = gateway(&acme, home, "").start().await;
    let connection = connect(&acme, &second)
        .await
        .expect("there is one from the beginning");
    assert_eq!(connection.shown(), shown);
    assert_eq!((acme.orders(), acme.contacts().len()), (1, 1));
}

#[tokio::test]
async fn for_other_names_another_certificate_is_obtained_with_the_same_account() {
    let acme = TestAcme::start().await;
    let first = gateway(&acme, home(&acme), "").start().await;
    acme.leads_to(first.address());
    drop(connected(&acme, &first).await);
    let home = first.stop().await.home;
    let both = TestGateway::builder()
        .tls(&acme.table(&["ai.example", NAME], ""))
        .home(home);
    let second = both.start().await;
    acme.leads_to(second.address());
    drop(connected(&acme, &second).await);
    let client = Client::trusting(acme.authority()).asking_for("ai.example");
    assert!(client.connect(second.address()).await.is_ok());
    assert_eq!((acme.issued(), acme.contacts().len()), (2, 1));
}

#[tokio::test]
async fn an_authority_whose_own_certificate_is_not_trusted_is_asked_nothing() {
    let acme = TestAcme::start().await;
    let place = Place::new();
    place.write("authority.pem", &Authority::default().pem());
    let (builder, authority) = place.gateway(&acme.table(&[NAME], ""));
    let gateway = builder.metrics("listen = \"127.0.0.1:0\"").start().await;
    failed(&gateway, &authority, 1.0).await;
    assert!(acme.requests().is_empty());
    let when = figure(&gateway, &authority, "privet_acme_last_failure_timestamp_seconds").await;
    assert!(when > 1.7e9, "{when}");
    assert_eq!(
        figure(&gateway, &authority, "privet_acme_certificate_remaining_seconds").await,
        0.0
    );
    let client = Client::trusting(&authority);
    let mut connection = client.connect(gateway.address()).await.unwrap();
    assert_eq!(
        connection.get("/readyz").await.status,
        200,
        "files serve meanwhile"
    );
}

#[tokio::test]
async fn after_a_failure_it_is_tried_again_when_the_authority_asks_to_and_not_before() {
    let acme = TestAcme::start().await;
    acme.fail(503, "retry-after: 7200\r\n");
    let (gateway, authority) = beside_files(&acme, "contact = \"security@example.com\"").await;
    failed(&gateway, &authority, 1.0).await;
    acme.recover();
    acme.leads_to(gateway.address());
    let asked = acme.requests().len();
    gateway.clock().advance(Duration::from_secs(7_100));
    // Twice as long as it takes until the store is looked at again.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(acme.requests().len(), asked);
    gateway.clock().advance(Duration::from_secs(200));
    drop(connected(&acme, &gateway).await);
    until("failures are forgotten", async || {
        figure(&gateway, &authority, "privet_acme_failures").await == 0.0
    })
    .await;
    let remaining = figure(&gateway, &authority, "privet_acme_certificate_remaining_seconds").await;
    assert!(remaining > 100.0 * 365.0 * 86_400.0, "{remaining}");
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_is_not_certified() {
    let acme = TestAcme::start().await;
    let (gateway, authority) = beside_files(&acme, "").await;
    let elsewhere = TestGateway::builder().start().await;
    acme.leads_to(elsewhere.address());
    failed(&gateway, &authority, 1.0).await;
    assert_eq!((acme.orders(), acme.issued()), (1, 0));
}

#[tokio::test]
async fn no_redirect_of_the_authority_is_followed() {
    let acme = TestAcme::start().await;
    acme.redirect();
    let (gateway, authority) = beside_files(&acme, "").await;
    failed(&gateway, &authority, 1.0).await;
    let asked = acme.requests();
    assert!(
        asked.iter().all(|request| request.path == "/directory"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn an_account_elsewhere_is_shown_where_the_authority_wants_one() {
    let acme = TestAcme::start().await;
    acme.want_external("kid-1", EXTERNAL_ACCOUNT_KEY);
    let (without, authority) = beside_files(&acme, "").await;
    failed(&without, &authority, 1.0).await;
    assert_eq!(acme.contacts().len(), 0);
    let more = "external_account = { id = \"kid-1\", key = { env = \"READ_BY_NOBODY\" } }";
    let gateway = gateway(&acme, home(&acme), more).start().await;
    acme.leads_to(gateway.address());
    drop(connected(&acme, &gateway).await);
}

#[tokio::test]
async fn an_account_that_the_authority_has_forgotten_is_made_anew() {
    let acme = TestAcme::start().await;
    acme.issue_for(at("2025-01-01T00:00:00Z"), at("2055-01-01T00:00:00Z"));
    let gateway = gateway(&acme, home(&acme), "").start().await;
    acme.leads_to(gateway.address());
    drop(connected(&acme, &gateway).await);
    acme.forget_accounts();
    acme.issue_for(at("2025-01-01T00:00:00Z"), at("2225-01-01T00:00:00Z"));
    gateway.clock().advance(DAY * 365 * 25);
    until("no other is issued", async || acme.issued() == 2).await;
    assert_eq!(acme.contacts().len(), 2);
}

#[tokio::test]
async fn a_certificate_is_renewed_when_the_authority_suggests_it_and_says_what_it_replaces() {
    let acme = TestAcme::start().await;
    // Already over: it should be renewed at once (RFC 9773, 4.2).
    acme.suggest(at("2025-02-01T00:00:00Z"), at("2025-03-01T00:00:00Z"));
    let gateway = gateway(&acme, home(&acme), "").start().await;
    acme.leads_to(gateway.address());
    drop(connected(&acme, &gateway).await);
    // No certificate follows another within the hour, whatever is suggested.
    gateway.clock().advance(Duration::from_secs(3_700));
    until("it is not renewed", async || acme.issued() >= 2).await;
    let replaced = acme.replaced();
    let [authority, serial] = replaced[0].split('.').collect::<Vec<_>>()[..] else {
        panic!("{replaced:?}");
    };
    assert!(!authority.is_empty() && !serial.is_empty());
}

#[tokio::test]
async fn neither_key_can_be_read_in_the_files_of_the_store() {
    let acme = TestAcme::start().await;
    let gateway = gateway(&acme, home(&acme), "").start().await;
    acme.leads_to(gateway.address());
    let shown = connected(&acme, &gateway).await.shown().to_vec();
    let home = gateway.stop().await.home;
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(home.path().join("privet-data")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() && path.file_name().is_some_and(|name| name != "root.key") {
            bytes.extend(std::fs::read(path).unwrap());
        }
    }
    let holds = |what: &[u8]| bytes.windows(what.len()).any(|part| part == what);
    assert!(holds(acme.directory().as_bytes()), "the rows are there");
    // How every key on P-256 begins in PKCS #8, as it is, in base64 and base64url; what the account is kept as; a chain.
    let begin = [
        0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
    ];
    for secret in [
        &begin[..],
        b"MIGHAgEA",
        b"key_pkcs8",
        b"BEGIN CERTIFICATE",
        &shown[..],
    ] {
        assert!(!holds(secret), "{}", String::from_utf8_lossy(secret));
    }
}

#[tokio::test]
async fn two_nodes_obtain_one_certificate_and_either_answers_for_it() {
    let place = Home::default();
    let file = |name: &str| Location::Sqlite(place.path().join(name));
    let mut stores = vec![(file("store.sqlite"), file("keyring.sqlite"))];
    let servers = (TestDatabase::new().await, TestDatabase::new().await);
    if let (Some(store), Some(keyring)) = &servers {
        stores.push((store.location(), keyring.location()));
    }
    for (store, keyring) in stores {
        let acme = TestAcme::start().await;
        let home = home(&acme);
        let twin = home.twin();
        trust(&twin, acme.ca_pem());
        let start = async |home| {
            let builder = gateway(&acme, home, "").databases(store.clone(), keyring.clone());
            builder.start().await
        };
        let first = start(home).await;
        // Its name leads to the other one, which asks for nothing.
        until("there is no order", async || acme.orders() == 1).await;
        let second = start(twin).await;
        acme.leads_to(second.address());
        let shown = connected(&acme, &first).await.shown().to_vec();
        assert_eq!(connected(&acme, &second).await.shown(), shown);
        assert_eq!((acme.orders(), acme.issued(), acme.contacts().len()), (1, 1, 1));
        first.stop().await;
        second.stop().await;
    }
}

#[tokio::test]
async fn what_is_kept_and_cannot_be_opened_is_obtained_anew() {
    let acme = TestAcme::start().await;
    let first = gateway(&acme, home(&acme), "").start().await;
    acme.leads_to(first.address());
    drop(connected(&acme, &first).await);
    let spoilt = first
        .store()
        .database()
        .write::<u64, Error, _>(&Scope::Installation, |tx| {
            let sql = "UPDATE acme_certificates SET sealed = $1";
            Box::pin(async move { tx.execute(sql, values![vec![7_u8; 99]]).await })
        });
    assert_eq!(spoilt.await.unwrap(), 1);
    let home = first.stop().await.home;
    let second = gateway(&acme, home, "").start().await;
    acme.leads_to(second.address());
    // None follows another at once.
    second.clock().advance(2 * Duration::from_secs(3600));
    drop(connected(&acme, &second).await);
    assert_eq!(acme.issued(), 2);
}
