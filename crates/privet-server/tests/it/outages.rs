//! What happens when a part is lost under load: each row of the table in docs/many-machines.md.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use privet_access::{KillOrder, KillTarget};
use privet_store::{Scope, values};
use privet_testkit::demo::{Provider, ProviderConfig};
use privet_testkit::{Answered, Ask, Builder, Fault, FaultyWire, Load, TestGateway, Valkey};
use serde_json::Value;

use crate::postgres::TestDatabase;
use crate::support::{CHAT, MESSAGES, assert_refused, chat, messages};

/// Longest wait for what is bound to come, on a machine that is busy. What would hang hangs for longer.
const PATIENCE: Duration = Duration::from_secs(30);
const CALLERS: usize = 4;
const PAUSE: Duration = Duration::from_millis(20);
/// How old keys may get here; 60 s in `privet serve`.
const STALE: Duration = Duration::from_secs(4);

/// A store on PostgreSQL behind a way that can be lost.
struct Away {
    database: TestDatabase,
    wire: FaultyWire,
}

impl Away {
    async fn new() -> Option<Self> {
        let database = TestDatabase::new().await?;
        let (server, _) = host(&database.url());
        Some(Self {
            wire: FaultyWire::to(server).await,
            database,
        })
    }

    fn of(&self, builder: Builder) -> Builder {
        let url = self.database.url();
        let (server, _) = host(&url);
        let url = url.replace(&server.to_string(), &self.wire.address().to_string());
        builder.databases(url.parse().unwrap(), url.parse().unwrap())
    }
}

/// The server's address, and the name of the database.
fn host(url: &str) -> (SocketAddr, String) {
    let (_, rest) = url.split_once('@').unwrap();
    let (server, name) = rest.split_once('/').unwrap();
    (server.parse().unwrap(), name.to_owned())
}

async fn ask(gateway: &TestGateway) -> privet_testkit::Reply {
    gateway.post(CHAT, chat("demo-echo", "hello")).send().await
}

async fn until(status: u16, code: &str, gateway: &TestGateway) {
    let begun = Instant::now();
    loop {
        let reply = ask(gateway).await;
        if reply.status == status {
            if status != 200 {
                assert_refused(&reply, CHAT, status, code);
            }
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{} {}", reply.status, reply.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn until_ready(is_ready: bool, gateway: &TestGateway) -> String {
    let begun = Instant::now();
    loop {
        let reply = gateway.ask("GET", "/readyz").send().await;
        if (reply.status == 200) == is_ready {
            return reply.text();
        }
        assert!(begun.elapsed() < PATIENCE, "{} {}", reply.status, reply.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn load(gateway: &TestGateway) -> Load {
    Load::start(&[gateway.address()], gateway.key(), CALLERS, PAUSE)
}

/// How often each request stands in the audit events of `store`.
async fn events(store: &privet_store::Store) -> BTreeMap<String, usize> {
    let sql = "SELECT payload FROM audit_events";
    let rows = store
        .database()
        .read::<Vec<(String,)>, privet_store::Error, _>(&Scope::Installation, move |tx| {
            Box::pin(tx.rows(sql, values![]))
        })
        .await
        .unwrap();
    let mut found = BTreeMap::new();
    for (payload,) in rows {
        let payload: Value = serde_json::from_str(&payload).unwrap();
        if let Some(id) = payload["request_id"].as_str() {
            *found.entry(id.to_owned()).or_default() += 1;
        }
    }
    found
}

/// Each request was answered whole, or refused with one of `codes`; nothing private went out; all that was answered stands in the
/// store once. Returns how many were refused.
async fn settle(gateway: &TestGateway, all: &[Answered], codes: &[&str], seen: &str) -> usize {
    let (answered, refused): (Vec<_>, Vec<_>) = all.iter().partition(|one| one.status == 200);
    assert!(!answered.is_empty());
    assert!(answered.iter().all(|one| one.is_restored));
    for one in &refused {
        assert!(codes.contains(&one.code.as_str()), "{one:?}");
    }
    for one in all {
        assert!(one.took < PATIENCE, "{one:?}");
    }
    assert!((0..CALLERS).all(|caller| !seen.contains(&Load::private(caller))));
    let wanted: BTreeSet<&str> = answered.iter().map(|one| one.request_id.as_str()).collect();
    assert_eq!(wanted.len(), answered.len());
    let begun = Instant::now();
    loop {
        let found = events(gateway.store()).await;
        assert!(found.values().all(|times| *times == 1), "{found:?}");
        let lost = wanted.iter().filter(|id| !found.contains_key(**id)).count();
        if lost == 0 {
            return refused.len();
        }
        assert!(
            begun.elapsed() < PATIENCE * 3,
            "{lost} of {} are lost",
            wanted.len()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// PostgreSQL is lost by `fault` under load.
async fn postgres_is_lost(fault: Fault) {
    let Some(away) = Away::new().await else { return };
    let gateway = away
        .of(TestGateway::builder().calm().stale_after(STALE))
        .start()
        .await;
    let load = load(&gateway);
    until(200, "", &gateway).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let lost = Instant::now();
    away.wire.set(fault);
    // Nothing can be changed, and whoever tries is told in time.
    let home = privet_types::TenantId::default();
    let order = KillOrder {
        tenant: None,
        target: KillTarget::Model("another".to_owned()),
        reason: "incident 7".to_owned(),
        ends_at: None,
    };
    let switches = gateway.kill_switches();
    let change = tokio::time::timeout(PATIENCE, switches.set(order, "sam", &home)).await;
    assert!(change.expect("an answer").is_err());
    // Keys in memory are good for their age, and no longer.
    until(503, "keys_unavailable", &gateway).await;
    let refused = lost.elapsed();
    assert!(refused > STALE / 3, "{refused:?}");
    until_ready(false, &gateway).await;
    let other = gateway
        .post(MESSAGES, messages("claude-demo-echo", "hello"))
        .send()
        .await;
    assert_refused(&other, MESSAGES, 503, "api_error");
    away.wire.set(Fault::None);
    until(200, "", &gateway).await;
    until_ready(true, &gateway).await;
    let all = load.end().await;
    let early = all
        .iter()
        .filter(|one| one.at > lost && one.at < lost + STALE / 3);
    let early: Vec<_> = early.collect();
    assert!(early.iter().all(|one| one.status == 200), "{early:?}");
    assert!(settle(&gateway, &all, &["keys_unavailable"], &gateway.seen_text()).await > 0);
    drop(gateway);
    away.database.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgresql_that_hangs_is_done_without_for_as_long_as_keys_are_good() {
    postgres_is_lost(Fault::Silent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgresql_that_is_gone_is_done_without_for_as_long_as_keys_are_good() {
    postgres_is_lost(Fault::Cut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_a_network_forgot_do_not_keep_a_node_from_postgresql() {
    let Some(away) = Away::new().await else { return };
    let stale = Duration::from_secs(40);
    let gateway = away
        .of(TestGateway::builder().calm().stale_after(stale))
        .start()
        .await;
    let load = load(&gateway);
    tokio::time::sleep(Duration::from_millis(300)).await;
    // All connections are dead and none says so; who connects anew is served. Each of them is waited for once at most.
    for fault in [Fault::Forgotten, Fault::HalfClosed] {
        let before = away.wire.taken();
        away.wire.set(fault);
        tokio::time::sleep(Duration::from_millis(200)).await;
        away.wire.set(Fault::None);
        let late = gateway
            .key_for("default", "late", privet_types::KeyScopes::default())
            .await;
        let begun = Instant::now();
        loop {
            let ask = gateway
                .post(CHAT, chat("demo-echo", "hello"))
                .without("authorization");
            let reply = ask
                .header("authorization", &format!("Bearer {late}"))
                .send()
                .await;
            if reply.status == 200 {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{} {}", reply.status, reply.text());
        }
        assert!(away.wire.taken() > before);
    }
    let all = load.end().await;
    assert_eq!(settle(&gateway, &all, &[], &gateway.seen_text()).await, 0);
    drop(gateway);
    away.database.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spool_that_fills_up_while_postgresql_is_away_refuses_and_goes_on_when_it_is_back() {
    let Some(away) = Away::new().await else { return };
    let builder = TestGateway::builder()
        .calm()
        .stale_after(Duration::from_secs(600))
        .store("spool_max_bytes = \"1MiB\"")
        .policy("[audit]\ndurability = \"loss-window\"");
    let gateway = away.of(builder).start().await;
    until(200, "", &gateway).await;
    away.wire.set(Fault::Silent);
    let load = Load::start(&[gateway.address()], gateway.key(), CALLERS, Duration::ZERO);
    let begun = Instant::now();
    while ask(&gateway).await.status == 200 {
        assert!(begun.elapsed() < 2 * PATIENCE, "it does not fill up");
    }
    until(503, "not_recorded", &gateway).await;
    until_ready(false, &gateway).await;
    away.wire.set(Fault::None);
    until(200, "", &gateway).await;
    until_ready(true, &gateway).await;
    let all = load.end().await;
    assert!(settle(&gateway, &all, &["not_recorded"], &gateway.seen_text()).await > 0);
    drop(gateway);
    away.database.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_valkey_that_hangs_or_is_cut_off_leaves_shares_and_refuses_budgets() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let address = SocketAddr::from(([127, 0, 0, 1], valkey.port()));
    let wire = FaultyWire::to(address).await;
    let policy = "[[limits.rules]]\nname = \"often\"\nwindow = \"minute\"\nrequests = 1000000\n\
                  [[limits.rules]]\nname = \"budget\"\nprincipals = [\"bob\"]\nwindow = \"month\"\nrequests = 1000\n";
    let gateway = TestGateway::builder()
        .calm()
        .policy(policy)
        .shared_limits(&format!("redis://{}", wire.address()), None)
        .start()
        .await;
    let bob = gateway
        .key_for("default", "bob", privet_types::KeyScopes::default())
        .await;
    let budget = async || {
        let ask = gateway
            .post(CHAT, chat("demo-echo", "hello"))
            .without("authorization");
        ask.header("authorization", &format!("Bearer {bob}")).send().await
    };
    let shared = async |is_shared: bool| {
        let begun = Instant::now();
        while until_ready(true, &gateway).await.contains("not shared") == is_shared {
            assert!(begun.elapsed() < PATIENCE, "shared: {is_shared}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    shared(true).await;
    let load = load(&gateway);
    for fault in [Fault::Silent, Fault::Cut, Fault::HalfClosed, Fault::Forgotten] {
        assert_eq!(budget().await.status, 200);
        wire.set(fault);
        let begun = Instant::now();
        // What was under way to the server is not counted, and the next ones are refused.
        loop {
            let reply = budget().await;
            if reply.status == 503 {
                assert_refused(&reply, CHAT, 503, "limits_unavailable");
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{fault:?}: {}", reply.status);
            if fault == Fault::Forgotten && away_and_back(&gateway).await {
                break;
            }
        }
        assert_eq!(ask(&gateway).await.status, 200, "{fault:?}");
        wire.set(Fault::None);
        shared(true).await;
    }
    let all = load.end().await;
    assert_eq!(settle(&gateway, &all, &[], &gateway.seen_text()).await, 0);
}

/// Whether limits are shared again, by a connection that was made anew before anybody was refused.
async fn away_and_back(gateway: &TestGateway) -> bool {
    !until_ready(true, gateway).await.contains("not shared")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_hangs_or_breaks_off_is_refused_in_time_and_gets_nothing_private() {
    let config = ProviderConfig::default();
    let provider = Provider::start(config).await.unwrap();
    let wire = FaultyWire::to(provider.addr()).await;
    let gateway = TestGateway::builder()
        .in_front_of(wire.address())
        .routing("breaker_rest = \"100ms\"")
        .limits(
            "first_byte_timeout = \"500ms\"\nstream_idle_timeout = \"500ms\"\nconnect_timeout = \"500ms\"",
        )
        .start()
        .await;
    let load = load(&gateway);
    for fault in [Fault::Silent, Fault::Cut, Fault::HalfClosed, Fault::Forgotten] {
        until(200, "", &gateway).await;
        wire.set(fault);
        let begun = Instant::now();
        loop {
            let reply = ask(&gateway).await;
            if reply.status != 200 {
                assert!(
                    [502, 503, 504].contains(&reply.status),
                    "{fault:?} {} {}",
                    reply.status,
                    reply.text()
                );
                break;
            }
            // Who connects anew is served where only the old connections are dead.
            if fault == Fault::Forgotten {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{fault:?}");
        }
        assert_eq!(gateway.ask("GET", "/healthz").send().await.status, 200);
        wire.set(Fault::None);
    }
    until(200, "", &gateway).await;
    let all = load.end().await;
    let seen = format!("{:?}", provider.recordings());
    let codes = [
        "upstream_unreachable",
        "upstream_timeout",
        "upstream_unusable",
        "provider_resting",
    ];
    // That requests were refused meanwhile was seen above; these callers need not have asked just then.
    settle(&gateway, &all, &codes, &seen).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn detection_past_its_deadline_is_refused_under_load_and_others_are_answered() {
    // Far less than so much text takes, and far more than one of the others.
    let limits = "detect_deadline = \"40ms\"\ndetect_threads = 1";
    let gateway = TestGateway::builder().calm().limits(limits).start().await;
    let load = load(&gateway);
    let large = format!("{}, 4111 1111 1111 1111; ", Load::private(0)).repeat(20_000);
    for _ in 0..3 {
        let reply = gateway.post(CHAT, chat("demo-echo", &large)).send().await;
        assert!(reply.status == 503, "{}", reply.status);
    }
    let all = load.end().await;
    settle(&gateway, &all, &["deadline", "busy"], &gateway.seen_text()).await;
    assert_eq!(
        Ask::new(gateway.address(), "GET", "/readyz").send().await.status,
        200
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_a_newer_program_shut_out_says_so_and_serves_on_from_memory_for_a_while() {
    let gateway = TestGateway::builder().calm().stale_after(STALE).start().await;
    let change = async |sql: &'static str| {
        let database = gateway.store().database();
        database
            .write::<u64, privet_store::Error, _>(&Scope::Installation, move |tx| {
                Box::pin(tx.execute(sql, values![]))
            })
            .await
            .unwrap();
    };
    let load = load(&gateway);
    until(200, "", &gateway).await;
    let begun = Instant::now();
    change("INSERT INTO schema_version (version, oldest) VALUES (999, 999)").await;
    let text = until_ready(false, &gateway).await;
    assert!(text.contains("newer privet"), "{text}");
    until(503, "keys_unavailable", &gateway).await;
    assert!(begun.elapsed() > STALE / 3, "{:?}", begun.elapsed());
    change("DELETE FROM schema_version WHERE version = 999").await;
    until(200, "", &gateway).await;
    assert_eq!(until_ready(true, &gateway).await, "ready\n");
    let all = load.end().await;
    // That requests were refused meanwhile was seen above; these callers need not have asked just then.
    settle(&gateway, &all, &["keys_unavailable"], &gateway.seen_text()).await;
}
