//! Several nodes of one installation, as processes, on one PostgreSQL database and one Valkey server.

use std::time::{Duration, Instant};

use privet_demo::{Provider, ProviderConfig};
use privet_testkit::{Ask, Fault, FaultyWire, Load, Reply, Valkey};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::cli::{Serving, err, fine, folder, run, runtime};
use crate::postgres::TestDatabase;
use crate::upgrade::assert_log_is_whole;

/// Longest wait for what is to happen within a second, on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Most prompts that the provider keeps.
const RECORDINGS: usize = 100_000;
const EMAIL: &str = "ada.lovelace@example.com";

/// Two folders with the settings of two nodes, and all that both use.
pub(crate) struct Site {
    pub(crate) folders: [TempDir; 2],
    pub(crate) key: String,
    pub(crate) provider: Provider,
    pub(crate) database: Option<TestDatabase>,
    pub(crate) wire: FaultyWire,
    pub(crate) valkey: Valkey,
    pub(crate) work: Runtime,
}

impl Site {
    pub(crate) fn new(policy: &str) -> Option<Self> {
        let valkey = Valkey::start(&[])?;
        let work = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let database = runtime().block_on(TestDatabase::new())?;
        let url = database.url();
        let (before, rest) = url.split_once('@').unwrap();
        let (server, name) = rest.split_once('/').unwrap();
        let wire = work.block_on(FaultyWire::to(server.parse().unwrap()));
        let provider = ProviderConfig {
            keep: RECORDINGS,
            ..ProviderConfig::default()
        };
        let provider = work.block_on(Provider::start(provider)).unwrap();
        let folders = [folder(), folder()];
        for folder in &folders {
            let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
            file("store.url", &format!("{before}@{}/{name}", wire.address()));
            file("valkey.url", &valkey.url());
            file("policy.toml", policy);
            file(
                "privet.toml",
                &format!(
                    "listen = \"127.0.0.1:0\"\npolicy = \"policy.toml\"\n[store]\nurl = {{ file = \"store.url\" }}\n\
                     [shared_limits]\nurl = {{ file = \"valkey.url\" }}\ntimeout = \"1s\"\n\
                     [[providers]]\nname = \"demo\"\ndialect = \"openai\"\nbase_url = \"http://{}/v1\"\n\
                     [[models]]\nmatch = \"*\"\nprovider = \"demo\"\n",
                    provider.addr()
                ),
            );
        }
        let key = fine(&folders[0], &["key", "create", "--name", "ann"]);
        let [one, two] = [0, 1].map(|number: usize| folders[number].path().join("privet-data"));
        std::fs::create_dir_all(&two).unwrap();
        std::fs::copy(one.join("root.key"), two.join("root.key")).unwrap();
        Some(Self {
            folders,
            key,
            provider,
            database: Some(database),
            wire,
            valkey,
            work,
        })
    }

    pub(crate) fn start(&self) -> [Serving; 2] {
        [0, 1].map(|number: usize| Serving::start(&self.folders[number]))
    }

    pub(crate) fn end(mut self, nodes: [Serving; 2]) {
        drop(nodes);
        let database = self.database.take().unwrap();
        runtime().block_on(database.drop());
        self.work.shutdown_background();
    }
}

/// Asks again until the answer has this status.
pub(crate) fn until(status: u16, ask: impl Fn() -> Reply) -> Reply {
    let begun = Instant::now();
    loop {
        let reply = ask();
        if reply.status == status {
            return reply;
        }
        assert!(begun.elapsed() < PATIENCE, "{} {}", reply.status, reply.text());
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) fn ready(node: &Serving) -> Reply {
    runtime().block_on(Ask::new(node.address(), "GET", "/readyz").send())
}

/// Both nodes share their limits.
pub(crate) fn share(nodes: &[Serving; 2]) {
    for node in nodes {
        let begun = Instant::now();
        while ready(node).text().contains("not shared") {
            assert!(begun.elapsed() < PATIENCE, "limits are not shared");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn two_nodes_mask_alike_share_limits_and_both_hear_of_revocations_and_switches() {
    let policy =
        "[[limits.rules]]\nname = \"few\"\nprincipals = [\"bob\"]\nwindow = \"month\"\nrequests = 5\n";
    let Some(site) = Site::new(policy) else { return };
    let nodes = site.start();
    share(&nodes);
    let text = format!("I am {EMAIL}");
    for node in &nodes {
        assert_eq!(node.ask(&site.key, &text).status, 200);
    }
    let seen = site.provider.recordings();
    assert_eq!(seen.len(), 2);
    assert_eq!(
        seen[0].body, seen[1].body,
        "one conversation, one set of surrogates"
    );
    assert!(!format!("{seen:?}").contains(EMAIL));

    let bob = fine(&site.folders[1], &["key", "create", "--name", "bob"]);
    let statuses: Vec<u16> = (0..8)
        .map(|number| nodes[number % 2].ask(&bob, "hello").status)
        .collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        5,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 429).count(),
        3,
        "{statuses:?}"
    );

    fine(
        &site.folders[0],
        &["kill", "on", "principal", "ann", "--reason", "a test"],
    );
    for node in &nodes {
        let reply = until(403, || node.ask(&site.key, "hello"));
        assert!(reply.text().contains("switched_off"), "{}", reply.text());
    }
    let listed = fine(&site.folders[1], &["kill", "list", "--format", "jsonl"]);
    let switch: serde_json::Value = serde_json::from_str(listed.trim()).unwrap();
    fine(&site.folders[1], &["kill", "off", switch["id"].as_str().unwrap()]);
    for node in &nodes {
        until(200, || node.ask(&site.key, "hello"));
    }

    let keys = fine(&site.folders[0], &["key", "list", "--format", "jsonl"]);
    let anns = keys.lines().find(|line| line.contains("\"ann\"")).unwrap();
    let anns: serde_json::Value = serde_json::from_str(anns).unwrap();
    fine(&site.folders[0], &["key", "revoke", anns["id"].as_str().unwrap()]);
    for node in &nodes {
        let reply = until(403, || node.ask(&site.key, "hello"));
        assert!(
            reply.text().contains("key_not_valid_any_more"),
            "{}",
            reply.text()
        );
    }
    site.end(nodes);
}

#[test]
fn without_postgresql_nodes_serve_from_memory_change_nothing_and_can_still_be_switched_off() {
    let Some(site) = Site::new("") else { return };
    let nodes = site.start();
    for node in &nodes {
        until(200, || node.ask(&site.key, "hello"));
    }
    site.wire.set(Fault::Cut);
    for node in &nodes {
        assert_eq!(node.ask(&site.key, "hello").status, 200);
    }
    let refused = run(&site.folders[0], &["kill", "on", "all", "--reason", "a test"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(err(&refused).contains("--local"), "{}", err(&refused));
    fine(
        &site.folders[0],
        &["kill", "on", "all", "--reason", "a test", "--local"],
    );
    until(403, || nodes[0].ask(&site.key, "hello"));
    assert_eq!(nodes[1].ask(&site.key, "hello").status, 200, "one machine alone");
    // What was decided meanwhile waits, and is not lost; the other node hears of the switch from the store.
    site.wire.set(Fault::None);
    until(403, || nodes[1].ask(&site.key, "hello"));
    let begun = Instant::now();
    loop {
        let told = run(&site.folders[0], &["audit", "tail", "--format", "jsonl"]);
        let text = String::from_utf8(told.stdout).unwrap();
        let decisions = text.lines().filter(|line| line.contains("openai_chat")).count();
        if decisions >= 5 && text.contains("kill_switch_set") {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{text}");
        std::thread::sleep(Duration::from_millis(100));
    }
    site.end(nodes);
}

#[test]
fn while_postgresql_hangs_a_switch_reaches_every_node_by_valkey_and_no_decision_is_lost() {
    let Some(site) = Site::new("") else { return };
    let nodes = site.start();
    share(&nodes);
    let addresses = [nodes[0].address(), nodes[1].address()];
    let load = site
        .work
        .block_on(async { Load::start(&addresses, &site.key, 4, Duration::from_millis(20)) });
    std::thread::sleep(Duration::from_millis(500));
    site.wire.set(Fault::Silent);
    for node in &nodes {
        assert_eq!(node.ask(&site.key, "hello").status, 200);
        assert_eq!(ready(node).status, 200);
    }
    let order = ["kill", "on", "all", "--reason", "a test"];
    let refused = run(&site.folders[0], &order);
    assert_eq!(refused.status.code(), Some(2));
    assert!(err(&refused).contains("--shared"), "{}", err(&refused));
    fine(&site.folders[0], &[&order[..], &["--shared"]].concat());
    for node in &nodes {
        until(403, || node.ask(&site.key, "hello"));
    }
    // The store answers again, is told of the switch, and decides about it.
    site.wire.set(Fault::None);
    let begun = Instant::now();
    let switch: serde_json::Value = loop {
        let listed = run(&site.folders[1], &["kill", "list", "--format", "jsonl"]);
        let listed = String::from_utf8(listed.stdout).unwrap();
        if let Some(line) = listed.lines().next() {
            break serde_json::from_str(line).unwrap();
        }
        assert!(begun.elapsed() < PATIENCE, "the store is not told");
        std::thread::sleep(Duration::from_millis(100));
    };
    let lift = ["kill", "off", switch["id"].as_str().unwrap()];
    while run(&site.folders[1], &lift).status.code() != Some(0) {
        assert!(begun.elapsed() < PATIENCE, "the store is not told");
        std::thread::sleep(Duration::from_millis(100));
    }
    for node in &nodes {
        until(200, || node.ask(&site.key, "hello"));
    }
    let all = site.work.block_on(load.end());
    let refused = all.iter().filter(|answered| answered.status != 200);
    assert!(refused.clone().count() > 0);
    for answered in refused {
        assert_eq!(
            (answered.status, &*answered.code),
            (403, "switched_off"),
            "{answered:?}"
        );
    }
    assert_log_is_whole(&site, &all);
    site.end(nodes);
}

#[test]
fn without_valkey_nodes_stay_in_service_and_a_killed_node_gives_its_places_back() {
    let policy =
        "[[limits.rules]]\nname = \"often\"\nwindow = \"minute\"\nrequests = 1000\nconcurrent = 100\n";
    let Some(mut site) = Site::new(policy) else { return };
    let [one, two] = site.start();
    let nodes = [one, two];
    share(&nodes);
    site.valkey.kill();
    for node in &nodes {
        assert_eq!(node.ask(&site.key, "hello").status, 200);
        let reply = ready(node);
        assert_eq!(reply.status, 200);
        assert!(reply.text().contains("limits are not shared"), "{}", reply.text());
    }
    assert!(site.valkey.restart());
    share(&nodes);
    for node in &nodes {
        assert_eq!(node.ask(&site.key, "hello").status, 200);
    }
    // Ended at once, with no word to anybody.
    let [one, two] = nodes;
    drop(one);
    assert_eq!(two.ask(&site.key, "hello").status, 200);
    let again = Serving::start(&site.folders[0]);
    assert_eq!(again.ask(&site.key, "hello").status, 200);
    let begun = Instant::now();
    let left = || {
        let names = site.valkey.ask(&["KEYS", "*:q:*"]);
        names.lines().filter(|line| line.starts_with("{privet:")).count()
    };
    while left() > 0 {
        assert!(begun.elapsed() < PATIENCE, "reservations are left");
        std::thread::sleep(Duration::from_millis(100));
    }
    site.end([again, two]);
}
