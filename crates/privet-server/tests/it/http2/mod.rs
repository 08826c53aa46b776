//! HTTP/2 to providers, over TLS and in the clear.

mod frames;
mod misbehaving;
mod provider;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use h2::Reason;
use http::Response;
use privet_testkit::{Authority, Home, TestGateway, TlsFront};
use tokio::sync::{Barrier, mpsc};

use self::frames::{Frames, PING, RST_STREAM, goaway};
use self::provider::{Provider, completion, event, old};
use crate::support::{CHAT, EMAIL, assert_refused, chat, chat_stream, said, tag};
use crate::tls::client::Client;

const MODELS: &str = "[[models]]\nmatch = \"fast\"\nprovider = \"fast\"\n";
const BOTH: [&str; 2] = ["h2", "http/1.1"];

/// A gateway with this provider, called `fast`.
async fn in_front_of(entry: &str) -> TestGateway {
    let builder = TestGateway::builder().providers(entry).models(MODELS);
    builder.metrics("listen = \"127.0.0.1:0\"").start().await
}

async fn ask(gateway: &TestGateway, text: &str) -> privet_testkit::Reply {
    gateway.post(CHAT, chat("fast", text)).send().await
}

#[tokio::test]
async fn the_handshake_decides_which_http_a_provider_is_spoken_to_in() {
    let old = old().await;
    for (protocols, more, expected) in [
        (BOTH.as_slice(), "", "2"),
        (&["h2"], "", "2"),
        (&["h2"], "http = \"2\"", "2"),
        (&BOTH, "http = \"1.1\"", "1.1"),
        (&["http/1.1"], "", "1.1"),
        (&[], "http = \"auto\"", "1.1"),
    ] {
        let other = Some(old.address());
        let provider = Provider::start(protocols, other, |asked| async { asked.echo().await }).await;
        let gateway = in_front_of(&provider.entry(more)).await;
        for _ in 0..2 {
            let reply = ask(&gateway, EMAIL).await;
            let expected = if expected == "2" { EMAIL } else { "of old" };
            assert_eq!(said(&reply), expected, "{protocols:?} {more}");
        }
        let spoken = if expected == "2" { 1 } else { 0 };
        assert_eq!(provider.connections(), spoken, "{protocols:?} {more}");
        let figures = figures(&gateway).await;
        let line = format!("privet_provider_connections_total{{provider=\"fast\",version=\"{expected}\"}} ");
        let found = figures.lines().find_map(|text| text.strip_prefix(&line));
        assert_ne!(found, Some("0"), "{figures}");
        assert!(found.is_some(), "{figures}");
    }
}

async fn figures(gateway: &TestGateway) -> String {
    privet_testkit::Ask::new(gateway.metrics_address(), "GET", "/metrics")
        .send()
        .await
        .text()
}

#[tokio::test]
async fn who_does_not_speak_http_2_is_told_apart_where_nothing_else_will_do() {
    let old = old().await;
    let front = TlsFront::start(old.address()).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, front.ca_pem()).unwrap();
    let without = format!(
        "[[providers]]\nname = \"fast\"\ndialect = \"openai\"\nbase_url = \"https://{}/v1\"\nca_file = {ca:?}\nhttp = \"2\"\n",
        front.address()
    );
    let offering = Provider::start(&["http/1.1"], Some(old.address()), |_| async {}).await;
    let plain = format!(
        "[[providers]]\nname = \"fast\"\ndialect = \"openai\"\nbase_url = \"http://{}/v1\"\nhttp = \"2\"\n",
        old.address()
    );
    for entry in [without, offering.entry("http = \"2\""), plain] {
        let reply = ask(&in_front_of(&entry).await, EMAIL).await;
        assert_refused(&reply, CHAT, 502, "upstream_unreachable");
        assert!(reply.text().contains("does not speak HTTP/2"), "{}", reply.text());
    }
    let seen = old.requests();
    assert!(seen.iter().all(|seen| !seen.path.contains("chat")), "{seen:?}");
}

#[tokio::test]
async fn what_a_provider_is_sent_is_a_request_of_http_2_and_nothing_of_the_callers_connection() {
    let provider = Provider::echo().await;
    let gateway = in_front_of(&provider.entry("query = \"a=b\"")).await;
    let long = format!("{EMAIL} {}", "many words ".repeat(30_000));
    let reply = gateway
        .post(CHAT, chat("fast", &long))
        .header("te", "trailers")
        .header("connection", "keep-alive, x-own")
        .header("x-own", "1")
        .header("keep-alive", "timeout=5")
        .header("x-kept", "1")
        .send()
        .await;
    assert_eq!(said(&reply), long);
    let (head, body) = provider.requests().remove(0);
    let address = provider.address();
    assert_eq!(
        head.uri.to_string(),
        format!("https://{address}/v1/chat/completions?a=b")
    );
    assert_eq!(
        (head.method.as_str(), head.version),
        ("POST", http::Version::HTTP_2)
    );
    let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(header("content-length"), Some(body.len().to_string().as_str()));
    assert_eq!(header("x-kept"), Some("1"));
    for name in [
        "te",
        "connection",
        "keep-alive",
        "x-own",
        "host",
        "transfer-encoding",
    ] {
        assert_eq!(header(name), None, "{name}");
    }
    assert!(!String::from_utf8_lossy(&body).contains(EMAIL));
}

#[tokio::test]
async fn fifty_requests_at_once_share_a_connection_and_each_gets_its_own_values_back() {
    let barrier = Arc::new(Barrier::new(50));
    let provider = Provider::start(&BOTH, None, move |asked| {
        let barrier = Arc::clone(&barrier);
        async move {
            // Nobody is answered before all are there.
            barrier.wait().await;
            let tag = tag(&asked.body);
            let mut events = asked.events();
            let (first, second) = tag.split_at(7);
            for piece in [first, second, ", "] {
                events.send(event(piece)).await;
            }
            events.end("data: [DONE]\n\n").await;
        }
    })
    .await;
    let (home, authority) = (Home::default(), Authority::default());
    let identity = authority.sign(&["127.0.0.1"]);
    std::fs::write(home.path().join("server.pem"), identity.pem()).unwrap();
    std::fs::write(home.path().join("server.key"), identity.key_pem()).unwrap();
    let gateway = TestGateway::builder()
        .providers(&provider.entry(""))
        .models(MODELS)
        .tls("cert = \"server.pem\"\nkey = \"server.key\"")
        .home(home)
        .start()
        .await;
    // On one connection to the gateway, and so on one of its threads.
    let client = Client::trusting(&authority).connect(gateway.address()).await;
    let client = client.unwrap();
    let mut asks = tokio::task::JoinSet::new();
    for number in 0..50 {
        let email = format!("ada.{number}@example.com");
        let request = client
            .prompt(CHAT)
            .header("authorization", format!("Bearer {}", gateway.key()))
            .body(chat_stream("fast", &email).into())
            .unwrap();
        let reply = client.ask_beside(request);
        asks.spawn(async move { (email, reply.await) });
    }
    let mut answered = 0;
    while let Some(asked) = asks.join_next().await {
        let (email, reply) = asked.unwrap();
        assert_eq!(reply.openai_said(0), format!("{email}, "));
        answered += 1;
    }
    assert_eq!((answered, provider.requests().len()), (50, 50));
    assert_eq!(provider.connections(), 1);
}

#[tokio::test]
async fn a_caller_who_goes_away_ends_its_request_and_not_the_connection() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let provider = Provider::start(&BOTH, None, move |asked| {
        let tell = tell.clone();
        async move {
            if asked.said() == "wait" {
                let mut events = asked.events();
                events.send(event("so far")).await;
                tell.send(events.refused().await).unwrap();
            } else {
                asked.echo().await;
            }
        }
    })
    .await;
    let gateway = in_front_of(&provider.entry("")).await;
    let mut open = gateway.post(CHAT, chat_stream("fast", "wait")).open().await;
    open.until("so far").await;
    drop(open);
    assert_eq!(told.recv().await, Some(Reason::CANCEL));
    assert_eq!(said(&ask(&gateway, EMAIL).await), EMAIL);
    assert_eq!(provider.connections(), 1);
}

#[tokio::test]
async fn a_caller_who_goes_away_before_the_reply_begins_ends_its_request() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let frames = Frames::start(&[], move |asked| tell.send(asked.id).unwrap()).await;
    let gateway = in_front_of(&frames.entry("")).await;
    let begun = gateway.post(CHAT, chat("fast", EMAIL)).begin().await;
    assert!(told.recv().await.is_some());
    drop(begun);
    came(&frames, RST_STREAM).await;
}

/// Waits until the gateway has sent a frame of this kind.
async fn came(frames: &Frames, kind: u8) {
    let seen = async {
        while frames.count(kind) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(privet_testkit::PATIENCE, seen)
        .await
        .unwrap();
}

#[tokio::test]
async fn callers_who_do_not_read_hold_up_nobody_else() {
    // More than a connection holds, and than sockets on the way do.
    const PIECES: usize = 4_000;
    let has_ended = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&has_ended);
    let provider = Provider::start(&BOTH, None, move |asked| {
        let ended = Arc::clone(&ended);
        async move {
            if asked.said() != "much" {
                return asked.echo().await;
            }
            let mut events = asked.events();
            let piece = event(&"much ".repeat(3_000));
            for _ in 0..PIECES {
                if !events.send(piece.clone()).await {
                    return;
                }
            }
            ended.store(true, Ordering::SeqCst);
        }
    })
    .await;
    let gateway = in_front_of(&provider.entry("")).await;
    let mut slow = Vec::new();
    for _ in 0..3 {
        let mut open = gateway.post(CHAT, chat_stream("fast", "much")).open().await;
        open.until("much").await;
        slow.push(open);
    }
    for _ in 0..20 {
        assert_eq!(said(&ask(&gateway, EMAIL).await), EMAIL);
    }
    assert!(!has_ended.load(Ordering::SeqCst), "the provider is held back");
    drop(slow);
    assert_eq!(said(&ask(&gateway, EMAIL).await), EMAIL);
}

#[tokio::test]
async fn a_provider_that_takes_one_request_at_a_time_is_asked_on_as_many_connections() {
    // SETTINGS_MAX_CONCURRENT_STREAMS
    let (tell, mut told) = mpsc::unbounded_channel();
    let frames = Frames::start(&[(3, 1)], move |asked| tell.send(asked).unwrap()).await;
    let gateway = in_front_of(&frames.entry("")).await;
    let asks = async { tokio::join!(ask(&gateway, "one"), ask(&gateway, "two"), ask(&gateway, "three")) };
    let answers = async {
        let mut all = Vec::new();
        while all.len() < 3 {
            all.push(told.recv().await.unwrap());
        }
        let mut connections: Vec<_> = all.iter().map(|asked| asked.connection).collect();
        connections.sort_unstable();
        assert_eq!(connections, [1, 2, 3]);
        for asked in all {
            asked.reply(&completion("fine"));
        }
    };
    let ((one, two, three), ()) = tokio::join!(asks, answers);
    for reply in [one, two, three] {
        assert_eq!(said(&reply), "fine");
    }
}

#[tokio::test]
async fn a_connection_that_is_left_ends_its_requests_and_gets_no_more() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let frames = Frames::start(&[], move |asked| tell.send(asked).unwrap()).await;
    let gateway = in_front_of(&frames.entry("")).await;
    let first = ask(&gateway, "first");
    let rest = async {
        let first = told.recv().await.unwrap();
        let body = completion("whole");
        let (begin, end) = body.split_at(20);
        let begun = frames::frame(frames::DATA, 0, first.id, begin.as_bytes());
        let ping = frames::frame(PING, 0, 0, &[7; 8]);
        first.say([first.head(&[]), begun, goaway(first.id), ping].concat());
        // Who answers the ping has heard what came before it.
        came(&frames, PING).await;
        // The second is answered while the first is not.
        let second = ask(&gateway, "second");
        let answer = async {
            let second = told.recv().await.unwrap();
            second.reply(&completion("fine"));
            second.connection
        };
        let (second, connection) = tokio::join!(second, answer);
        assert_eq!((said(&second).as_str(), connection), ("fine", 2));
        first.say(first.body(end));
    };
    let (first, ()) = tokio::join!(first, rest);
    assert_eq!(said(&first), "whole");
}

#[tokio::test]
async fn pins_hold_over_http_2() {
    let (provider, other) = (Provider::echo().await, Provider::echo().await);
    let pinned = |pin: &str| provider.entry(&format!("pins = [\"{pin}\"]"));
    let gateway = in_front_of(&pinned(provider.pin())).await;
    assert_eq!(said(&ask(&gateway, EMAIL).await), EMAIL);
    let gateway = in_front_of(&pinned(other.pin())).await;
    assert_refused(&ask(&gateway, EMAIL).await, CHAT, 502, "upstream_unreachable");
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test]
async fn a_redirect_is_neither_followed_nor_passed_on_and_timeouts_are_those_of_http_1() {
    let provider = Provider::start(&BOTH, None, |asked| async {
        match asked.said().split(' ').next_back().unwrap() {
            "redirect" => {
                let head = Response::builder().status(307).header("location", "/elsewhere");
                asked.begin(head).end("{}").await;
            }
            "half" => {
                let mut body = asked.begin(Response::builder().header("content-type", "application/json"));
                body.send("{\"a\":").await;
                body.refused().await;
            }
            _ => std::future::pending().await,
        }
    })
    .await;
    let gateway = in_front_of(&provider.entry("")).await;
    let reply = ask(&gateway, "redirect").await;
    assert_refused(&reply, CHAT, 502, "upstream_unusable");
    let gateway = in_front_of(&provider.entry("first_byte_timeout = \"300ms\"")).await;
    assert_refused(&ask(&gateway, EMAIL).await, CHAT, 504, "upstream_timeout");
    let builder = TestGateway::builder()
        .providers(&provider.entry(""))
        .models(MODELS);
    let gateway = builder.limits("stream_idle_timeout = \"300ms\"").start().await;
    let reply = ask(&gateway, &format!("{EMAIL} half")).await;
    assert_refused(&reply, CHAT, 504, "upstream_timeout");
    let paths: Vec<_> = provider
        .requests()
        .iter()
        .map(|(head, _)| head.uri.path().to_owned())
        .collect();
    assert!(paths.iter().all(|path| path == CHAT), "{paths:?}");
}

#[tokio::test]
async fn trailers_end_a_reply_and_a_reset_breaks_it_off() {
    let provider = Provider::start(&BOTH, None, |asked| async {
        let said = asked.said();
        let tag = tag(&asked.body);
        let mut events = asked.events();
        events.send(event(&tag)).await;
        if said.contains("trailers") {
            events.trailers("x-checksum");
        } else {
            // What the other side was sent before a reset may be dropped with it.
            events.send(event("more")).await;
            events.reset(Reason::INTERNAL_ERROR);
        }
    })
    .await;
    let gateway = in_front_of(&provider.entry("")).await;
    let stream = |text: String| gateway.post(CHAT, chat_stream("fast", &text)).send();
    let reply = stream(format!("{EMAIL} trailers")).await;
    assert!(reply.is_whole);
    assert_eq!(reply.openai_said(0), EMAIL);
    let reply = stream(format!("{EMAIL} reset")).await;
    assert!(!reply.is_whole || reply.status == 502, "{}", reply.text());
    assert_eq!(provider.connections(), 1);
}
