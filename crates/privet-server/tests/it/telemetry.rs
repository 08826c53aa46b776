//! What an OpenTelemetry collector is told. Its bodies are read by the field numbers of `opentelemetry-proto`.

use std::collections::BTreeMap;
use std::time::Duration;

use privet_server::{LogLine, TelemetryValue};
use privet_testkit::{Answer, Ask, RawProvider, TestGateway, json_reply, sse_head};
use tracing::Level;

use crate::support::{CARD, CHAT, EMAIL, IBAN, MESSAGES, chat, chat_stream, messages};

const NAME: &str = "Ada Lovelace";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// What stands in a field of a message.
#[derive(Debug, Clone)]
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

/// The fields of a message by number, each as often as it stands there.
struct Message(BTreeMap<u32, Vec<Field>>);

impl Message {
    fn read(bytes: &[u8]) -> Self {
        let mut fields = BTreeMap::<u32, Vec<Field>>::new();
        let mut rest = bytes.iter().copied();
        let varint = |rest: &mut dyn Iterator<Item = u8>| -> Option<u64> {
            let mut value = 0;
            for shift in (0..64).step_by(7) {
                let byte = rest.next()?;
                value |= u64::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    return Some(value);
                }
            }
            panic!("a number without end")
        };
        while let Some(key) = varint(&mut rest) {
            let mut take = |count: u64| -> Vec<u8> {
                let taken: Vec<u8> = rest.by_ref().take(count as usize).collect();
                assert_eq!(taken.len() as u64, count, "a field that is cut off");
                taken
            };
            let field = match key & 7 {
                1 => Field::Number(u64::from_le_bytes(take(8).try_into().unwrap())),
                5 => Field::Number(u32::from_le_bytes(take(4).try_into().unwrap()).into()),
                2 => {
                    let length = varint(&mut rest).expect("a length");
                    let taken: Vec<u8> = rest.by_ref().take(length as usize).collect();
                    assert_eq!(taken.len() as u64, length, "a field that is cut off");
                    Field::Bytes(taken)
                }
                0 => Field::Number(varint(&mut rest).expect("a number")),
                other => panic!("wire type {other}"),
            };
            fields.entry((key >> 3) as u32).or_default().push(field);
        }
        Self(fields)
    }

    fn all(&self, field: u32) -> Vec<Field> {
        self.0.get(&field).cloned().unwrap_or_default()
    }

    fn messages(&self, field: u32) -> Vec<Self> {
        let read = |field: &Field| match field {
            Field::Bytes(bytes) => Self::read(bytes),
            Field::Number(number) => panic!("{number} is no message"),
        };
        self.all(field).iter().map(read).collect()
    }

    fn number(&self, field: u32) -> u64 {
        match self.all(field).as_slice() {
            [] => 0,
            [Field::Number(number)] => *number,
            other => panic!("{other:?} is no number"),
        }
    }

    fn text(&self, field: u32) -> String {
        match self.all(field).as_slice() {
            [] => String::new(),
            [Field::Bytes(bytes)] => String::from_utf8(bytes.clone()).unwrap(),
            other => panic!("{other:?} is no text"),
        }
    }

    fn hex(&self, field: u32) -> String {
        match self.all(field).as_slice() {
            [] => String::new(),
            [Field::Bytes(bytes)] => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            other => panic!("{other:?} is no text"),
        }
    }

    fn attributes(&self, field: u32) -> BTreeMap<String, String> {
        let pairs = self.messages(field).into_iter().map(|pair| {
            let value = &pair.messages(2)[0];
            let (kind, _) = value.0.iter().next().expect("a value");
            let text = match *kind {
                1 => value.text(1),
                2 => (value.number(2) == 1).to_string(),
                3 => value.number(3).cast_signed().to_string(),
                other => panic!("a value of kind {other}"),
            };
            (pair.text(1), text)
        });
        let pairs: Vec<(String, String)> = pairs.collect();
        let map: BTreeMap<String, String> = pairs.iter().cloned().collect();
        assert_eq!(map.len(), pairs.len(), "a name twice in {pairs:?}");
        map
    }
}

#[derive(Debug, Clone)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    name: String,
    kind: u64,
    begin: u64,
    end: u64,
    attributes: BTreeMap<String, String>,
    has_failed: bool,
    flags: u64,
}

impl Span {
    fn says(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

/// One that takes all it is sent.
async fn collector() -> RawProvider {
    RawProvider::always(json_reply("200 OK", "", "")).await
}

fn sends_to(collector: &RawProvider) -> String {
    format!(
        "endpoint = \"http://{}\"\ninterval = \"10ms\"\ntimeout = \"5s\"\n",
        collector.address()
    )
}

/// What was told at `path`: the contents of all scopes, and of all resources the attributes.
fn told(collector: &RawProvider, path: &str) -> (Vec<Message>, Vec<BTreeMap<String, String>>) {
    let (mut contents, mut resources) = (Vec::new(), Vec::new());
    for request in collector.requests() {
        assert_eq!(request.method, "POST");
        let kind = request.headers.iter().find(|(name, _)| name == "content-type");
        assert_eq!(
            kind.map(|(_, kind)| kind.as_str()),
            Some("application/x-protobuf")
        );
        if request.path != path {
            continue;
        }
        for resource in Message::read(&request.body).messages(1) {
            resources.push(resource.messages(1)[0].attributes(1));
            for scope in resource.messages(2) {
                assert_eq!(scope.messages(1)[0].text(1), "privet");
                contents.extend(scope.messages(2));
            }
        }
    }
    (contents, resources)
}

fn spans(collector: &RawProvider) -> Vec<Span> {
    let (spans, _) = told(collector, "/v1/traces");
    let read = |span: &Message| Span {
        trace: span.hex(1),
        id: span.hex(2),
        parent: span.hex(4),
        name: span.text(5),
        kind: span.number(6),
        begin: span.number(7),
        end: span.number(8),
        attributes: span.attributes(9),
        has_failed: span
            .messages(15)
            .first()
            .is_some_and(|status| status.number(3) == 2),
        flags: span.number(16),
    };
    spans.iter().map(read).collect()
}

/// The one span called `name`.
fn one<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let mut found = spans.iter().filter(|span| span.name == name);
    let span = found.next().unwrap_or_else(|| panic!("no {name} in {spans:#?}"));
    assert!(found.next().is_none(), "{name} twice in {spans:#?}");
    span
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

/// None of the values, nor what stands for a person or lets in, is in anything that was sent, however it is written.
fn assert_nothing_private(collector: &RawProvider, gateway_key: &str) {
    let requests = collector.requests();
    assert!(!requests.is_empty());
    for request in &requests {
        let body = String::from_utf8_lossy(&request.body).to_lowercase();
        for secret in [
            EMAIL,
            "ada.lovelace",
            CARD,
            "4111",
            IBAN,
            "0532",
            NAME,
            "lovelace",
            "<email",
            "upstream-key-of",
            gateway_key,
        ] {
            assert!(!body.contains(&secret.to_lowercase()), "{secret} in {body}");
        }
    }
}

async fn metric(gateway: &TestGateway, signal: &str, outcome: &str) -> u64 {
    let reply = Ask::new(gateway.metrics_address(), "GET", "/metrics")
        .send()
        .await;
    let name = format!("privet_telemetry_total{{signal=\"{signal}\",outcome=\"{outcome}\"}} ");
    let text = reply.text();
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .parse()
        .unwrap()
}

#[tokio::test]
async fn the_parts_of_a_prompt_are_spans_of_one_trace_without_a_word_of_it() {
    let collector = collector().await;
    let gateway = TestGateway::builder()
        .telemetry(&sends_to(&collector))
        .policy("[[limits.rules]]\nname = \"all\"\nwindow = \"minute\"\nrequests = 100\n")
        .start()
        .await;
    let text = format!("{NAME}, {EMAIL}, pays with {CARD} or {IBAN}");
    let reply = gateway.post(CHAT, chat("demo-echo", &text)).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().contains(EMAIL));
    let id = reply.header("x-privet-request-id").unwrap().to_owned();
    let key = gateway.key().to_owned();
    gateway.stop().await;
    assert_nothing_private(&collector, &key);
    let spans = spans(&collector);
    let root = one(&spans, "POST /v1/chat/completions");
    assert_eq!(
        (root.trace.as_str(), root.parent.as_str(), root.kind),
        (id.as_str(), "", 2)
    );
    assert!(!root.has_failed);
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", CHAT),
        ("http.response.status_code", "200"),
        ("privet.request_id", id.as_str()),
        ("privet.surface", "openai_chat"),
        ("privet.tenant", "default"),
        ("privet.model", "demo-echo"),
        ("privet.provider", "openai"),
        ("privet.action", "redact"),
        ("privet.reason", "masked"),
        ("privet.found.EMAIL_ADDRESS", "1"),
        ("privet.found.CREDIT_CARD", "1"),
        ("privet.found.IBAN_CODE", "1"),
        ("privet.stream", "false"),
        ("privet.reply", "whole"),
    ] {
        assert_eq!(root.says(name), value, "{name} of {root:#?}");
    }
    let masked: u64 = root.says("privet.masked").parse().unwrap();
    assert!(masked >= 3, "{root:#?}");
    assert_eq!(root.says("privet.policy").len(), 16);
    assert_eq!(root.says("privet.principal").len(), 32);
    let asked = one(&spans, "chat demo-echo");
    assert_eq!(asked.kind, 3);
    for (name, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "demo-echo"),
        ("server.address", "127.0.0.1"),
        ("http.response.status_code", "200"),
        ("privet.attempt", "1"),
    ] {
        assert_eq!(asked.says(name), value, "{name} of {asked:#?}");
    }
    let used = |name: &str| asked.says(name).parse::<u64>().unwrap();
    assert!(used("gen_ai.usage.input_tokens") > 0 && used("gen_ai.usage.output_tokens") > 0);
    let mut parts = names(&spans);
    parts.sort_unstable();
    assert_eq!(
        parts,
        [
            "POST /v1/chat/completions",
            "chat demo-echo",
            "privet.authenticate",
            "privet.authorise",
            "privet.clear",
            "privet.receive",
            "privet.record",
            "privet.reserve",
            "privet.restore",
            "privet.settle",
        ]
    );
    for span in &spans {
        assert_eq!(span.trace, root.trace);
        assert!(
            root.begin <= span.begin && span.begin <= span.end && span.end <= root.end,
            "{span:#?}"
        );
        if span.id != root.id {
            assert_eq!(span.parent, root.id, "{span:#?}");
        }
        assert_eq!(spans.iter().filter(|other| other.id == span.id).count(), 1);
    }
    let (_, resources) = told(&collector, "/v1/traces");
    assert_eq!(resources[0]["service.name"], "privet");
    assert!(!resources[0]["service.instance.id"].is_empty());
}

#[tokio::test]
async fn a_stream_is_traced_to_its_last_byte_and_says_what_it_used() {
    let event = |json: &str| format!("data: {json}\n\n");
    let stream = [
        String::from_utf8(sse_head())
            .unwrap()
            .replace("transfer-encoding: chunked\r\n", ""),
        event(r#"{"choices":[{"index":0,"delta":{"content":"hello"}}]}"#),
        event(
            r#"{"choices":[],"usage":{"prompt_tokens":50,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":20}}}"#,
        ),
        event("[DONE]"),
    ];
    let provider = RawProvider::always(stream.concat()).await;
    let collector = collector().await;
    let gateway = TestGateway::builder()
        .in_front_of(provider.address())
        .telemetry(&sends_to(&collector))
        .start()
        .await;
    let reply = gateway.post(CHAT, chat_stream("demo", EMAIL)).send().await;
    assert_eq!(reply.status, 200);
    let key = gateway.key().to_owned();
    gateway.stop().await;
    assert_nothing_private(&collector, &key);
    let spans = spans(&collector);
    assert_eq!(
        one(&spans, "POST /v1/chat/completions").says("privet.stream"),
        "true"
    );
    let asked = one(&spans, "chat demo");
    assert_eq!(asked.says("gen_ai.usage.input_tokens"), "50");
    assert_eq!(asked.says("gen_ai.usage.output_tokens"), "7");
    assert_eq!(asked.says("gen_ai.usage.cache_read.input_tokens"), "20");
    let restored = one(&spans, "privet.restore");
    assert!(asked.begin <= restored.begin && asked.end >= restored.end);
}

#[tokio::test]
async fn refused_prompts_say_why_and_no_more() {
    let collector = collector().await;
    let gateway = TestGateway::builder()
        .telemetry(&sends_to(&collector))
        .policy("[pii.entities]\nEMAIL_ADDRESS = \"block\"\n")
        .start()
        .await;
    let reply = gateway
        .post(CHAT, chat("demo-echo", &format!("{NAME} {EMAIL}")))
        .send()
        .await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    let nobody = gateway
        .ask("POST", MESSAGES)
        .header("authorization", &format!("Bearer {EMAIL}"));
    let nobody = nobody.header("content-type", "application/json");
    assert_eq!(
        nobody.body(messages("claude-demo", CARD)).send().await.status,
        401
    );
    // A model whose name is a private value is in no span.
    let reply = gateway.post(CHAT, chat(EMAIL, "hello")).send().await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    let key = gateway.key().to_owned();
    gateway.stop().await;
    assert_nothing_private(&collector, &key);
    let spans = spans(&collector);
    let refused: Vec<&Span> = spans
        .iter()
        .filter(|span| span.name == "POST /v1/chat/completions")
        .collect();
    assert_eq!(refused.len(), 2);
    assert!(
        refused
            .iter()
            .all(|root| root.has_failed && root.says("privet.action") == "block")
    );
    assert!(
        refused
            .iter()
            .all(|root| root.says("error.type") == root.says("privet.reason"))
    );
    let stranger = one(&spans, "POST /v1/messages");
    assert!(stranger.has_failed);
    assert_eq!(stranger.says("error.type"), "invalid_api_key");
    assert_eq!(stranger.says("http.response.status_code"), "401");
    assert_eq!(stranger.says("privet.principal"), "");
    assert!(spans.iter().all(|span| span.kind != 3), "nobody was asked");
}

#[tokio::test]
async fn each_provider_that_is_asked_has_a_span_of_its_own() {
    let busy = RawProvider::always(json_reply("503 Busy", "", "{}")).await;
    let collector = collector().await;
    let gateway = TestGateway::builder()
        .telemetry(&sends_to(&collector))
        .providers(&format!(
            "[[providers]]\nname = \"busy\"\ndialect = \"openai\"\nbase_url = \"http://{}/v1\"\n",
            busy.address()
        ))
        .models("[[models]]\nmatch = \"demo-shared\"\nprovider = \"busy\"\nfallback = [{ provider = \"openai\", upstream_model = \"demo-echo\" }]\n")
        .start()
        .await;
    let reply = gateway.post(CHAT, chat("demo-shared", EMAIL)).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    gateway.stop().await;
    let spans = spans(&collector);
    let (first, second) = (one(&spans, "chat demo-shared"), one(&spans, "chat demo-echo"));
    assert_eq!(
        (first.says("privet.provider"), first.says("privet.attempt")),
        ("busy", "1")
    );
    assert_eq!((first.has_failed, first.says("error.type")), (true, "503"));
    assert_eq!(
        (second.says("privet.provider"), second.says("privet.attempt")),
        ("openai", "2")
    );
    assert!(!second.has_failed && first.end <= second.begin);
    assert!(!one(&spans, "POST /v1/chat/completions").has_failed);
}

#[tokio::test]
async fn a_callers_trace_is_gone_on_with_only_where_it_is_trusted() {
    for trusts in [false, true] {
        let collector = collector().await;
        let gateway = TestGateway::builder()
            .telemetry(&format!("{}trust_callers = {trusts}\n", sends_to(&collector)))
            .start()
            .await;
        for (parent, model) in [(PARENT, "demo-kept"), (UNSAMPLED, "demo-left-out")] {
            let ask = gateway
                .post(CHAT, chat(model, EMAIL))
                .header("traceparent", parent);
            let ask = ask
                .header("tracestate", "vendor=ada")
                .header("baggage", "user=ada");
            assert_eq!(ask.send().await.status, 200);
        }
        for recording in gateway.seen() {
            let is_told = |name: &str| recording.headers.iter().any(|(known, _)| known == name);
            assert!(
                !is_told("traceparent") && !is_told("tracestate") && !is_told("baggage"),
                "{recording:?}"
            );
        }
        gateway.stop().await;
        let spans = spans(&collector);
        let roots: Vec<&Span> = spans.iter().filter(|span| span.kind == 2).collect();
        if trusts {
            let [root] = roots.as_slice() else {
                panic!("{roots:#?}")
            };
            assert_eq!(root.trace, "0af7651916cd43dd8448eb211c80319c");
            assert_eq!((root.parent.as_str(), root.flags), ("b7ad6b7169203331", 0x301));
            assert_eq!(root.says("privet.model"), "demo-kept");
        } else {
            assert_eq!(roots.len(), 2);
            assert!(
                roots
                    .iter()
                    .all(|root| root.parent.is_empty() && root.flags == 0x101)
            );
            assert!(
                roots
                    .iter()
                    .all(|root| root.trace == root.says("privet.request_id"))
            );
        }
    }
}

#[tokio::test]
async fn providers_are_told_of_a_trace_where_the_settings_say_so() {
    let collector = collector().await;
    let gateway = TestGateway::builder()
        .telemetry(&format!("{}tell_providers = true\n", sends_to(&collector)))
        .start()
        .await;
    let ask = gateway
        .post(CHAT, chat("demo-echo", EMAIL))
        .header("traceparent", PARENT);
    assert_eq!(ask.send().await.status, 200);
    let seen = gateway.seen();
    let sent: Vec<&str> = seen[0]
        .headers
        .iter()
        .filter(|(name, _)| name == "traceparent")
        .map(|(_, value)| value.as_str())
        .collect();
    let [sent] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    let sent = (*sent).to_owned();
    gateway.stop().await;
    let spans = spans(&collector);
    let asked = one(&spans, "chat demo-echo");
    assert_eq!(sent, format!("00-{}-{}-01", asked.trace, asked.id));
    assert!(
        !sent.contains("0af7651916cd43dd8448eb211c80319c"),
        "the caller is not trusted"
    );
}

#[tokio::test]
async fn what_is_not_sampled_is_not_told() {
    let collector = collector().await;
    let gateway = TestGateway::builder()
        .metrics("listen = \"127.0.0.1:0\"")
        .telemetry(&format!("{}sample = 0\n", sends_to(&collector)))
        .start()
        .await;
    for _ in 0..5 {
        assert_eq!(
            gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await.status,
            200
        );
    }
    gateway.stop().await;
    assert!(collector.requests().is_empty());
}

#[tokio::test]
async fn prompts_wait_for_no_collector_and_what_is_dropped_is_counted() {
    let silent = RawProvider::start(|_| Answer::Silence).await;
    let gateway = TestGateway::builder()
        .metrics("listen = \"127.0.0.1:0\"")
        .telemetry(&format!(
            "endpoint = \"http://{}\"\ninterval = \"10ms\"\ntimeout = \"1m\"\nqueue = 2\n",
            silent.address()
        ))
        .start()
        .await;
    assert_eq!(
        gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await.status,
        200
    );
    silent.arrived(1).await;
    // The exporter waits for an answer: two more wait, and the others have no place.
    for _ in 0..6 {
        assert_eq!(
            gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await.status,
            200
        );
    }
    while metric(&gateway, "traces", "dropped").await < 4 {
        tokio::task::yield_now().await;
    }
    assert_eq!(metric(&gateway, "traces", "dropped").await, 4);
    assert_eq!(metric(&gateway, "traces", "sent").await, 0);
    drop(gateway);
}

#[tokio::test]
async fn shutting_down_takes_no_longer_than_the_collector_may() {
    let silent = RawProvider::start(|_| Answer::Silence).await;
    let gateway = TestGateway::builder()
        .telemetry(&format!(
            "endpoint = \"http://{}\"\ninterval = \"1m\"\ntimeout = \"300ms\"\n",
            silent.address()
        ))
        .start()
        .await;
    assert_eq!(
        gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await.status,
        200
    );
    // Nothing was due yet: what is left is tried once at the end, within the time.
    let stopped = tokio::time::timeout(Duration::from_secs(20), gateway.stop()).await;
    assert!(stopped.is_ok_and(|stopped| stopped.is_orderly));
    assert_eq!(silent.requests().len(), 1);
}

#[tokio::test]
async fn what_a_collector_refuses_is_counted_and_not_sent_again() {
    let refusing = RawProvider::always(json_reply("400 Bad Request", "", "{}")).await;
    let gateway = TestGateway::builder()
        .metrics("listen = \"127.0.0.1:0\"")
        .telemetry(&sends_to(&refusing))
        .start()
        .await;
    assert_eq!(
        gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await.status,
        200
    );
    refusing.arrived(1).await;
    while metric(&gateway, "traces", "refused").await == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(refusing.requests().len(), 1);
    // A part of what it was sent: `partial_success.rejected_spans` is 1.
    let mut answer =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 4\r\n\r\n".to_vec();
    answer.extend([0x0a, 0x02, 0x08, 0x01]);
    let partial = RawProvider::always(answer).await;
    let gateway = TestGateway::builder()
        .metrics("listen = \"127.0.0.1:0\"")
        .telemetry(&sends_to(&partial))
        .start()
        .await;
    assert_eq!(
        gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await.status,
        200
    );
    while metric(&gateway, "traces", "refused").await == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(metric(&gateway, "traces", "sent").await, 0);
}

#[tokio::test]
async fn lines_of_the_log_are_told_with_the_headers_that_the_collector_wants() {
    let collector = collector().await;
    let gateway = TestGateway::builder()
        .telemetry(&format!(
            "{}headers = {{ X-Scope = {{ env = \"READ_BY_NOBODY\" }} }}\nservice_name = \"gate\"\ninstance = \"one\"\n",
            sends_to(&collector)
        ))
        .start()
        .await;
    let line = |level, target, fields| LogLine {
        at: "1970-01-01T00:00:01Z".parse().unwrap(),
        level,
        target,
        message: "refused".to_owned(),
        fields,
    };
    let trace = "0af7651916cd43dd8448eb211c80319c";
    gateway.telemetry().log(line(
        Level::WARN,
        "privet_server::prompt",
        vec![
            ("trace_id", TelemetryValue::from(trace.to_owned())),
            ("status", TelemetryValue::from(401_u16)),
            ("long", TelemetryValue::from("é".repeat(1_000))),
        ],
    ));
    // The exporter's own would bring another for each.
    gateway
        .telemetry()
        .log(line(Level::ERROR, "privet_server::telemetry::export", Vec::new()));
    gateway.stop().await;
    let (lines, resources) = told(&collector, "/v1/logs");
    assert_eq!(lines.len(), 1);
    assert_eq!(resources[0]["service.name"], "gate");
    assert_eq!(resources[0]["service.instance.id"], "one");
    let line = &lines[0];
    assert_eq!((line.number(1), line.number(11)), (1_000_000_000, 1_000_000_000));
    assert_eq!((line.number(2), line.text(3).as_str()), (13, "WARN"));
    assert_eq!(line.messages(5)[0].text(1), "refused");
    assert_eq!(line.hex(9), trace);
    let said = line.attributes(6);
    assert_eq!(said["status"], "401");
    assert_eq!(said["long"], "é".repeat(512));
    assert_eq!(said.get("trace_id"), None);
    let request = &collector.requests()[0];
    let sent = request.headers.iter().find(|(name, _)| name == "x-scope");
    assert_eq!(sent.map(|(_, value)| value.as_str()), Some("header-of-collector"));
}
