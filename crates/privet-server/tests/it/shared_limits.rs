//! Limits that nodes share: races, cut streams, nodes that vanish, and a server that does.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use privet_access::{KillOrder, KillSwitch, KillTarget};
use privet_server::{SharedLimits, share_switch};
use privet_testkit::{
    Answer, Authority, Home, RawProvider, Reply, TestGateway, Valkey, chunk, json_reply, sse_head,
};
use privet_types::{Clock, Secret};
use tokio::sync::mpsc::unbounded_channel;

use crate::limits::{ask_by, member};
use crate::support::{CHAT, EMAIL, MESSAGES, assert_refused, chat, chat_stream, in_two_looks, messages};

/// Longest wait for what is bound to come: a node that vanished is forgotten after 15 seconds.
const PATIENCE: Duration = Duration::from_secs(60);

fn rule(lines: &str) -> String {
    format!("[[limits.rules]]\nname = \"mine\"\neach = [\"principal\"]\n{lines}\n")
}

/// A chat reply that used so many tokens.
fn used(prompt: u64, reply: u64) -> Vec<u8> {
    let usage = format!(r#"{{"prompt_tokens":{prompt},"completion_tokens":{reply}}}"#);
    json_reply("200 OK", "", &format!(r#"{{"choices":[],"usage":{usage}}}"#))
}

async fn node(home: Home, provider: &RawProvider, url: &str, policy: &str) -> TestGateway {
    let gateway = TestGateway::builder()
        .home(home)
        .in_front_of(provider.address())
        .policy(policy)
        .shared_limits(url, None)
        .start()
        .await;
    shares(&gateway, true).await;
    gateway
}

/// Two nodes of one installation.
async fn two(provider: &RawProvider, url: &str, policy: &str) -> [TestGateway; 2] {
    let home = Home::default();
    let twin = home.twin();
    let nodes = [
        node(home, provider, url, policy).await,
        node(twin, provider, url, policy).await,
    ];
    // Each says every four seconds that it lives, and hears of the other then.
    tokio::time::sleep(Duration::from_millis(4_500)).await;
    nodes
}

/// Waits until the node shares its limits, or does not.
async fn shares(gateway: &TestGateway, is_shared: bool) {
    let begun = Instant::now();
    loop {
        let reply = gateway.ask("GET", "/readyz").send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        if reply.text().contains("limits are not shared") != is_shared {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", reply.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn ask(gateway: &TestGateway) -> Reply {
    gateway.post(CHAT, chat("demo", EMAIL)).send().await
}

async fn standing(gateway: &TestGateway) -> serde_json::Value {
    let ask = gateway.ask("GET", "/api/v1/limits");
    let reply = ask
        .header("authorization", &format!("Bearer {}", gateway.key()))
        .send()
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["limits"][0].clone()
}

/// Each limit that tells models apart: its name, the model, and what is used of it.
async fn told(gateway: &TestGateway) -> Vec<(String, String, u64)> {
    let ask = gateway.ask("GET", "/api/v1/limits");
    let reply = ask
        .header("authorization", &format!("Bearer {}", gateway.key()))
        .send()
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let all = reply.json()["limits"].as_array().cloned().unwrap_or_default();
    let used = |one: &serde_json::Value| {
        ["tokens", "requests"]
            .iter()
            .find_map(|what| one[what]["used"].as_u64())
    };
    let mut found: Vec<_> = all
        .iter()
        .filter_map(|one| {
            Some((
                one["name"].as_str()?.to_owned(),
                one["model"].as_str()?.to_owned(),
                used(one)?,
            ))
        })
        .collect();
    found.sort_unstable();
    found
}

/// Waits until this much is used, as the node tells.
async fn until_used(gateway: &TestGateway, what: &str, count: u64) {
    let begun = Instant::now();
    loop {
        let now = standing(gateway).await;
        if now[what]["used"] == count {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{now}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// No reservation is left, nobody has anything under way, and every name will go away by itself.
async fn nothing_is_left(valkey: &Valkey) {
    let begun = Instant::now();
    loop {
        let names = valkey.ask(&["KEYS", "*"]);
        let names: Vec<&str> = names
            .lines()
            .filter(|line| line.starts_with("{privet:"))
            .collect();
        let is_open = |name: &&str| {
            name.contains(":q:")
                || valkey
                    .ask(&["HKEYS", name])
                    .lines()
                    .any(|line| line.starts_with('@'))
        };
        let open: Vec<&&str> = names.iter().filter(|name| is_open(name)).collect();
        if open.is_empty() {
            for name in names {
                assert_ne!(valkey.ask(&["TTL", name]).trim(), ":-1", "{name} stays for ever");
            }
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{open:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
pub(crate) async fn many_at_once_on_two_nodes_pass_a_limit_exactly_as_often_as_it_allows() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let provider = RawProvider::always(used(30, 12)).await;
    let policy = rule("window = \"month\"\nrequests = 10\ntokens = 1000000");
    let nodes = two(&provider, &valkey.url(), &policy).await;
    let asks: Vec<_> = (0..40)
        .map(|number| tokio::spawn(nodes[number % 2].post(CHAT, chat("demo", EMAIL)).send()))
        .collect();
    let mut statuses = Vec::new();
    for ask in asks {
        statuses.push(ask.await.unwrap().status);
    }
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        10,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 429).count(),
        30,
        "{statuses:?}"
    );
    assert_eq!(provider.requests().len(), 10);
    // What was estimated gave way to what was used, once.
    until_used(&nodes[1], "tokens", 420).await;
    assert_refused(&ask(&nodes[0]).await, CHAT, 429, "limit_exceeded");
    nothing_is_left(&valkey).await;
}

#[tokio::test]
async fn a_stream_on_one_node_takes_the_place_of_one_on_the_other_until_it_is_cut() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let (send, pieces) = unbounded_channel();
    let pieces = Mutex::new(Some(pieces));
    let provider = RawProvider::start(move |_| match pieces.lock().unwrap().take() {
        Some(pieces) => Answer::Pieces(pieces),
        None => Answer::Bytes(used(1, 1)),
    })
    .await;
    let nodes = two(&provider, &valkey.url(), &rule("concurrent = 1")).await;
    send.send(sse_head()).unwrap();
    let event = r#"data: {"choices":[{"index":0,"delta":{"content":"one "}}]}"#;
    send.send(chunk(format!("{event}\n\n").as_bytes())).unwrap();
    let mut open = nodes[0].post(CHAT, chat_stream("demo", EMAIL)).open().await;
    open.until("one").await;
    let refused = nodes[1]
        .post(MESSAGES, messages("claude-demo", EMAIL))
        .send()
        .await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    drop(open);
    let begun = Instant::now();
    while ask(&nodes[1]).await.status != 200 {
        assert!(begun.elapsed() < PATIENCE, "the place is not given back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    nothing_is_left(&valkey).await;
}

#[tokio::test]
async fn what_a_node_had_under_way_when_it_vanished_is_given_back() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let (send, pieces) = unbounded_channel();
    let pieces = Mutex::new(Some(pieces));
    let provider = RawProvider::start(move |_| match pieces.lock().unwrap().take() {
        Some(pieces) => Answer::Pieces(pieces),
        None => Answer::Bytes(used(1, 1)),
    })
    .await;
    let [gone, other] = two(&provider, &valkey.url(), &rule("concurrent = 1")).await;
    send.send(sse_head()).unwrap();
    let event = r#"data: {"choices":[{"index":0,"delta":{"content":"one "}}]}"#;
    send.send(chunk(format!("{event}\n\n").as_bytes())).unwrap();
    let mut open = gone.post(CHAT, chat_stream("demo", EMAIL)).open().await;
    open.until("one").await;
    assert_eq!(ask(&other).await.status, 429);
    let home = gone.crash().await;
    let begun = Instant::now();
    while ask(&other).await.status != 200 {
        assert!(begun.elapsed() < PATIENCE, "the place is not given back");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    drop((open, home));
}

#[tokio::test]
async fn without_their_server_each_node_grants_its_share_and_no_budget_and_tells_afterwards() {
    let Some(mut valkey) = Valkey::start(&[]) else {
        return;
    };
    let provider = RawProvider::always(used(1, 1)).await;
    let hourly = rule("window = \"hour\"\nrequests = 9");
    let nodes = two(&provider, &valkey.url(), &hourly).await;
    valkey.kill();
    let mut granted = 0;
    for node in &nodes {
        // The first that finds it gone is answered like the others.
        for _ in 0..9 {
            let reply = ask(node).await;
            assert!(reply.status == 200 || reply.status == 429, "{}", reply.text());
            granted += u64::from(reply.status == 200);
        }
        shares(node, false).await;
    }
    assert_eq!(granted, 8, "each has four of nine");
    assert!(valkey.restart());
    for node in &nodes {
        shares(node, true).await;
    }
    until_used(&nodes[0], "requests", 8).await;
    assert_eq!(ask(&nodes[1]).await.status, 200);
    assert_refused(&ask(&nodes[0]).await, CHAT, 429, "limit_exceeded");
    nothing_is_left(&valkey).await;
}

#[tokio::test]
async fn budgets_refuse_while_they_cannot_be_looked_up_and_go_on_as_they_were() {
    let Some(mut valkey) = Valkey::start(&[]) else {
        return;
    };
    let provider = RawProvider::always(used(60, 40)).await;
    let policy = rule("window = \"day\"\ntokens = 3000");
    let nodes = two(&provider, &valkey.url(), &policy).await;
    assert_eq!(ask(&nodes[0]).await.status, 200);
    until_used(&nodes[1], "tokens", 100).await;
    valkey.kill();
    for node in &nodes {
        let reply = ask(node).await;
        assert_refused(&reply, CHAT, 503, "limits_unavailable");
    }
    assert_eq!(provider.requests().len(), 1);
    assert!(valkey.restart());
    shares(&nodes[1], true).await;
    until_used(&nodes[1], "tokens", 100).await;
    assert_eq!(ask(&nodes[1]).await.status, 200);
    until_used(&nodes[1], "tokens", 200).await;
    nothing_is_left(&valkey).await;
}

#[tokio::test]
async fn a_reply_that_ends_while_the_server_is_away_is_settled_when_it_is_back() {
    let Some(mut valkey) = Valkey::start(&[]) else {
        return;
    };
    let (send, pieces) = unbounded_channel();
    let pieces = Mutex::new(Some(pieces));
    let provider = RawProvider::start(move |_| match pieces.lock().unwrap().take() {
        Some(pieces) => Answer::Pieces(pieces),
        None => Answer::Bytes(used(1, 1)),
    })
    .await;
    let policy = rule("window = \"day\"\ntokens = 100000\nconcurrent = 2");
    let home = Home::default();
    let gateway = node(home, &provider, &valkey.url(), &policy).await;
    send.send(sse_head()).unwrap();
    let event = r#"data: {"choices":[{"index":0,"delta":{"content":"one "}}],"usage":{"prompt_tokens":70,"completion_tokens":1}}"#;
    send.send(chunk(format!("{event}\n\n").as_bytes())).unwrap();
    let mut open = gateway.post(CHAT, chat_stream("demo", EMAIL)).open().await;
    open.until("one").await;
    valkey.kill();
    drop(open);
    provider.gone(1).await;
    assert!(valkey.restart());
    shares(&gateway, true).await;
    until_used(&gateway, "tokens", 71).await;
    nothing_is_left(&valkey).await;
}

#[tokio::test]
async fn a_provider_that_tells_an_absurd_usage_breaks_nothing() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let provider = RawProvider::always(used(u64::MAX, 1)).await;
    let policy = rule("window = \"month\"\ntokens = 1000000");
    let gateway = node(Home::default(), &provider, &valkey.url(), &policy).await;
    assert_eq!(ask(&gateway).await.status, 200);
    until_used(&gateway, "tokens", 1 << 40).await;
    shares(&gateway, true).await;
    assert_refused(&ask(&gateway).await, CHAT, 429, "limit_exceeded");
    nothing_is_left(&valkey).await;
}

#[tokio::test]
async fn made_up_models_share_one_count_past_a_thousand_and_take_none_from_others() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let provider = RawProvider::always(used(1, 1)).await;
    let policy = "[[limits.rules]]\nname = \"mine\"\neach = [\"model\"]\nwindow = \"month\"\nrequests = 3\n";
    let gateway = node(Home::default(), &provider, &valkey.url(), policy).await;
    for number in 0..1_003 {
        let reply = gateway
            .post(CHAT, chat(&format!("demo-{number}"), "hello"))
            .send()
            .await;
        assert_eq!(reply.status, 200, "{number}: {}", reply.text());
    }
    let reply = gateway.post(CHAT, chat("demo-1003", "hello")).send().await;
    assert_refused(&reply, CHAT, 429, "limit_exceeded");
    let bob = gateway
        .key_for("default", "bob", privet_types::KeyScopes::default())
        .await;
    let other = gateway.post(CHAT, chat("demo-1003", "hello"));
    let other = other.without("authorization").header("x-api-key", &bob);
    assert_eq!(other.send().await.status, 200);
}

#[tokio::test]
async fn kill_switches_reach_every_node_by_the_same_server_and_are_taken_back_there() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let provider = RawProvider::always(used(1, 1)).await;
    let [one, other] = two(
        &provider,
        &valkey.url(),
        &rule("requests = 1000\nwindow = \"hour\""),
    )
    .await;
    assert_eq!(ask(&one).await.status, 200);
    let order = KillOrder {
        tenant: None,
        target: KillTarget::All,
        reason: "incident 7".to_owned(),
        ends_at: None,
    };
    let switch = order.switch("sam", one.clock().now()).unwrap();
    let settings = SharedLimits {
        url: Secret::new(valkey.url()),
        ca_file: None,
        allow_plaintext: false,
        timeout: Duration::from_millis(250),
    };
    let hand_over = async |switch: &KillSwitch| {
        share_switch(&settings, one.root(), &one.local_switches(), switch)
            .await
            .unwrap();
    };
    hand_over(&switch).await;
    for gateway in [&one, &other] {
        // The first may have seen it while the other was waited for.
        in_two_looks(gateway, |looks| looks.shared, 403, async || ask(gateway).await).await;
        let kept = gateway.local_switches().read().unwrap();
        assert!(
            kept.iter().any(|kept| kept.id == switch.id),
            "it outlasts a restart"
        );
    }
    let lifted = KillSwitch {
        lifted_at: Some(one.clock().now()),
        ..switch.clone()
    };
    // Each of these nodes has a store of its own, which is told, and decides from then on.
    for gateway in [&one, &other] {
        let switches = gateway.kill_switches();
        let begun = Instant::now();
        while switches.list(10, None).await.unwrap().is_empty() {
            assert!(begun.elapsed() < PATIENCE, "the store is not told");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let home = privet_types::TenantId::default();
        switches.lift(&switch.id, "sam", &home, None).await.unwrap();
    }
    hand_over(&lifted).await;
    for gateway in [&one, &other] {
        until_status(gateway, 200).await;
    }
    // What others put there is no switch.
    let names = valkey.ask(&["KEYS", "*kill"]);
    let name = names
        .lines()
        .find(|line| line.starts_with("{privet:"))
        .expect("the switches");
    let put = valkey.ask(&["HSET", name, "forged", "not sealed by us"]);
    assert!(put.contains('1'), "{put}");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(ask(&other).await.status, 200);
}

async fn until_status(gateway: &TestGateway, status: u16) {
    let begun = Instant::now();
    loop {
        let reply = ask(gateway).await;
        if reply.status == status {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{} {}", reply.status, reply.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn limits_that_tell_models_apart_are_told_of_each_model() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let provider = RawProvider::always(used(30, 12)).await;
    let each = "[[limits.rules]]\nname = \"apart\"\neach = [\"principal\", \"model\"]\nwindow = \"month\"\ntokens = 100000\n\
                [[limits.rules]]\nname = \"others\"\neach = [\"model\"]\nmodels = [\"demo-*\"]\nwindow = \"month\"\nrequests = 9\n";
    let gateway = node(Home::default(), &provider, &valkey.url(), each).await;
    assert_eq!(told(&gateway).await, [] as [(String, String, u64); 0]);
    for model in ["demo", "demo", "demo-1"] {
        let reply = gateway.post(CHAT, chat(model, EMAIL)).send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let expected = [
        ("apart", "demo", 84),
        ("apart", "demo-1", 42),
        ("others", "demo-1", 1),
    ];
    let expected = expected.map(|(rule, model, used)| (rule.to_owned(), model.to_owned(), used));
    let begun = Instant::now();
    loop {
        let now = told(&gateway).await;
        if now == expected {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{now:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_request_is_on_the_shared_counts_of_all_groups_of_its_caller_or_on_none() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let provider = RawProvider::always(used(30, 12)).await;
    let policy = "[[limits.rules]]\nname = \"mine\"\neach = [\"group\"]\nwindow = \"month\"\nrequests = 2\ntokens = 100000\n";
    let gateway = node(Home::default(), &provider, &valkey.url(), policy).await;
    let (both, red, blue) = (
        member(&gateway, "both", &["blue", "red"]).await,
        member(&gateway, "of-red", &["red"]).await,
        member(&gateway, "of-blue", &["blue"]).await,
    );
    for key in [&both, &red] {
        assert_eq!(ask_by(&gateway, key).await.status, 200);
    }
    let refused = ask_by(&gateway, &both).await;
    assert_refused(&refused, CHAT, 429, "limit_exceeded");
    assert!(
        refused.text().contains("for the group `red`"),
        "{}",
        refused.text()
    );
    // Red had nothing left, so that nothing was taken from blue.
    assert_eq!(ask_by(&gateway, &blue).await.status, 200);
    assert_eq!(ask_by(&gateway, &blue).await.status, 429);
    let begun = Instant::now();
    loop {
        let ask = gateway.ask("GET", "/api/v1/limits").header("x-api-key", &both);
        let now = ask.send().await.json();
        let told: Vec<(&str, u64, u64)> = now["limits"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                let used = |what: &str| one[what]["used"].as_u64().unwrap();
                (one["group"].as_str().unwrap(), used("requests"), used("tokens"))
            })
            .collect();
        if told == [("blue", 2, 84), ("red", 2, 84)] {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{now}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    nothing_is_left(&valkey).await;
}

#[tokio::test]
async fn the_server_is_spoken_to_over_tls_by_a_user_of_its_own() {
    let authority = Authority::default();
    let folder = tempfile::tempdir().unwrap();
    let identity = authority.sign(&["127.0.0.1"]);
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (ca, certificate, key) = (
        file("ca.pem", &authority.pem()),
        file("own.pem", &identity.pem()),
        file("key.pem", &identity.key_pem()),
    );
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let port = port.to_string();
    let options = format!(
        "--tls-port {port} --tls-cert-file {certificate} --tls-key-file {key} --tls-ca-cert-file {ca} --tls-auth-clients no \
         --user default off --user privet on >open-sesame ~{{privet:* resetchannels -@all +eval +evalsha +script|load +time \
         +hello +select +ping +hget +hmget +hgetall +hset +hincrby +hdel +exists +expire +ttl +set +get +del \
         +zadd +zrem +zcard +zremrangebyscore"
    );
    let options: Vec<&str> = options.split(' ').collect();
    let Some(_valkey) = Valkey::start(&options) else {
        return;
    };
    let provider = RawProvider::always(used(1, 1)).await;
    let start = |url: String, ca: Option<String>| {
        TestGateway::builder()
            .in_front_of(provider.address())
            .policy(&rule("window = \"month\"\nrequests = 2"))
            .shared_limits(&url, ca.map(Into::into))
    };
    let url = |password: &str| format!("rediss://privet:{password}@127.0.0.1:{port}");
    let gateway = start(url("open-sesame"), Some(ca.clone())).start().await;
    shares(&gateway, true).await;
    assert_eq!(ask(&gateway).await.status, 200);
    assert_eq!(ask(&gateway).await.status, 200);
    assert_refused(&ask(&gateway).await, CHAT, 429, "limit_exceeded");
    gateway.stop().await;
    // Whom nobody vouches for, or who does not let Privet in, shares nothing.
    for gateway in [start(url("open-sesame"), None), start(url("wrong"), Some(ca))] {
        let gateway = gateway.start().await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_refused(&ask(&gateway).await, CHAT, 503, "limits_unavailable");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn a_server_on_another_machine_is_not_spoken_to_in_the_clear() {
    for (url, says) in [
        ("redis://10.0.0.7:6379", "use `rediss://`"),
        ("redis://valkey.example", "use `rediss://`"),
        ("http://127.0.0.1:6379", "cannot be used"),
        ("redis://", "cannot be used"),
    ] {
        let refused = TestGateway::builder()
            .policy(&rule("concurrent = 1"))
            .shared_limits(url, None)
            .refused()
            .await;
        assert!(refused.contains(says), "{url}: {refused}");
    }
}
