//! Kinds of providers, and who is asked for which model.

use std::time::Duration;

use privet_policy::{Auth, Dialect, HttpVersion, Provider, RoutingSettings, Settings};
use privet_types::SurfaceKind;

use crate::{refused, settings};

fn provider(lines: &str) -> Provider {
    parsed(lines).providers()[0].clone()
}

fn document(lines: &str) -> String {
    format!("[[providers]]\nname = \"p\"\n{lines}\n[[models]]\nmatch = \"*\"\nprovider = \"p\"\n")
}

fn parsed(lines: &str) -> Settings {
    settings(&document(lines)).unwrap()
}

const KEY: &str = "api_key = { env = \"KEY\" }";
const AWS: &str = "aws = { access_key_id = { env = \"ID\" }, secret_access_key = { env = \"SECRET\" } }";

#[test]
fn each_kind_is_asked_at_its_own_address_with_its_key_in_its_own_header() {
    let azure = "kind = \"azure\"\nbase_url = \"https://x.openai.azure.com/\"";
    let bedrock = format!("kind = \"bedrock\"\nregion = \"eu-central-1\"\n{KEY}");
    let cases = [
        (
            "kind = \"openai\"",
            "https://api.openai.com/v1/chat/completions",
            Auth::Bearer,
        ),
        (
            "kind = \"gemini\"",
            "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
            Auth::Bearer,
        ),
        (
            "kind = \"mistral\"",
            "https://api.mistral.ai/v1/chat/completions",
            Auth::Bearer,
        ),
        (
            "kind = \"vllm\"",
            "http://127.0.0.1:8000/v1/chat/completions",
            Auth::Bearer,
        ),
        (
            "kind = \"ollama\"",
            "http://127.0.0.1:11434/v1/chat/completions",
            Auth::Bearer,
        ),
        (
            "kind = \"llamacpp\"",
            "http://127.0.0.1:8080/v1/chat/completions",
            Auth::Bearer,
        ),
        (
            azure,
            "https://x.openai.azure.com/openai/v1/chat/completions",
            Auth::ApiKey,
        ),
        (
            &format!("{azure}\napi_version = \"2024-10-21\""),
            "https://x.openai.azure.com/openai/deployments/m/chat/completions?api-version=2024-10-21",
            Auth::ApiKey,
        ),
        (
            &bedrock,
            "https://bedrock-runtime.eu-central-1.amazonaws.com/openai/v1/chat/completions",
            Auth::Bearer,
        ),
    ];
    for (lines, url, auth) in cases {
        let provider = provider(lines);
        assert_eq!(provider.url(SurfaceKind::OpenaiChat, "m").as_deref(), Some(url));
        assert_eq!(
            (provider.auth(), provider.dialect()),
            (auth, Dialect::Openai),
            "{lines}"
        );
    }
    let anthropic = provider("kind = \"anthropic\"");
    let url = anthropic.url(SurfaceKind::AnthropicMessages, "m");
    assert_eq!(url.as_deref(), Some("https://api.anthropic.com/v1/messages"));
    assert_eq!(anthropic.auth(), Auth::XApiKey);
    let claude = provider(&format!("{bedrock}\ndialect = \"anthropic\""));
    let url = claude.url(SurfaceKind::AnthropicMessages, "eu.anthropic.x:0");
    assert_eq!(
        url.as_deref(),
        Some("https://bedrock-runtime.eu-central-1.amazonaws.com/model/eu.anthropic.x%3A0/invoke")
    );
    // Tokens are counted for models, and not for profiles of several regions.
    for (model, asked) in [
        ("eu.anthropic.x:0", "anthropic.x%3A0"),
        ("us-gov.anthropic.x", "anthropic.x"),
        ("anthropic.x", "anthropic.x"),
        (
            "arn:aws:bedrock:eu:1:p/a.anthropic.x",
            "arn%3Aaws%3Abedrock%3Aeu%3A1%3Ap%2Fa.anthropic.x",
        ),
        ("eu.meta.x", "eu.meta.x"),
    ] {
        let url = claude.url(SurfaceKind::AnthropicCountTokens, model).unwrap();
        let expected =
            format!("https://bedrock-runtime.eu-central-1.amazonaws.com/model/{asked}/count-tokens");
        assert_eq!(url, expected);
    }
    assert!(claude.is_invoked() && claude.auth() == Auth::Bearer);
    assert_eq!(claude.url(SurfaceKind::OpenaiChat, "m"), None);
    let ollama = provider("kind = \"ollama\"\ndialect = \"anthropic\"");
    let url = ollama.url(SurfaceKind::AnthropicMessages, "m");
    assert_eq!(url.as_deref(), Some("http://127.0.0.1:11434/v1/messages"));
}

#[test]
fn only_servers_of_ones_own_at_private_addresses_are_local_unless_it_is_said() {
    let is_local = |lines: &str| provider(lines).is_local();
    let at = |kind: &str, host: &str| {
        is_local(&format!(
            "kind = \"{kind}\"\nbase_url = \"http://{host}/v1\"\nallow_plain_http = true"
        ))
    };
    for host in [
        "127.0.0.1:1",
        "localhost:1",
        "[::1]:1",
        "10.1.2.3",
        "192.168.0.9",
        "[fd00::1]",
    ] {
        assert!(at("vllm", host), "{host}");
        assert!(!at("openai", host), "{host}");
    }
    for host in ["198.51.100.7", "gpu.example.com", "172.32.0.1", "[2001:db8::1]"] {
        assert!(!at("ollama", host), "{host}");
    }
    assert!(!is_local("kind = \"ollama\"\nlocal = false"));
    assert!(is_local(
        "kind = \"vllm\"\nbase_url = \"https://gpu.example.com/v1\"\nlocal = true"
    ));
    let own = "dialect = \"openai\"\nbase_url = \"http://127.0.0.1:1/v1\"";
    assert!(!is_local(own));
    assert!(is_local(&format!("{own}\nlocal = true")));
}

#[test]
fn what_does_not_fit_a_kind_is_refused_with_the_way_out() {
    let bedrock = "kind = \"bedrock\"\nregion = \"eu-central-1\"";
    let cases = [
        ("base_url = \"http://127.0.0.1:1/v1\"", "`kind` is missing"),
        ("kind = \"azure\"", "`base_url` is missing"),
        (
            "kind = \"azure\"\nbase_url = \"https://x.example/openai/v1\"",
            "end it behind the host",
        ),
        (
            "kind = \"azure\"\nbase_url = \"https://x.example\"\napi_version = \"a b\"",
            "use a version",
        ),
        (
            "kind = \"openai\"\napi_version = \"1\"",
            "`kind = \"azure\"` only",
        ),
        (
            "kind = \"openai\"\nregion = \"eu-west-1\"",
            "`kind = \"bedrock\"` only",
        ),
        (&format!("kind = \"mistral\"\n{AWS}"), "`kind = \"bedrock\"` only"),
        ("kind = \"bedrock\"", "`region` is missing"),
        (bedrock, "`api_key`, or keys that sign"),
        (&format!("{bedrock}\n{KEY}\n{AWS}"), "in the place of `api_key`"),
        ("kind = \"bedrock\"\nregion = \"x/y\"", "a region's name"),
        (
            &format!("{bedrock}\n{KEY}\ndialect = \"anthropic\"\nquery = \"a=b\""),
            "take none",
        ),
        ("kind = \"openai\"\ndialect = \"anthropic\"", "does not speak it"),
        ("kind = \"openai\"\nlocal = true", "a service of others"),
        ("kind = \"openai\"\npins = [\"abc\"]", "44 signs"),
        (
            "kind = \"ollama\"\npins = [\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"]",
            "no certificate",
        ),
        ("kind = \"openai\"\nconnect_timeout = \"0s\"", "use 1ms to"),
        (
            "kind = \"openai\"\nhealth = { path = \"health\" }",
            "a path from the server's root",
        ),
        (
            "kind = \"openai\"\nhealth = { path = \"/\", interval = \"1ms\" }",
            "use 10ms to",
        ),
    ];
    for (lines, way_out) in cases {
        let said = refused(&document(lines));
        assert!(said.contains(way_out), "{lines}: {said}");
    }
}

#[test]
fn what_is_said_of_one_provider_is_its_own() {
    let provider = provider(&format!(
        "kind = \"bedrock\"\nregion = \"us-east-1\"\n{AWS}\nconnect_timeout = \"2s\"\nfirst_byte_timeout = \"9s\"\n\
         pins = [\"sha256/AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\"]\nhealth = {{ path = \"/ping\" }}"
    ));
    assert_eq!(provider.connect_timeout(), Some(Duration::from_secs(2)));
    assert_eq!(provider.first_byte_timeout(), Some(Duration::from_secs(9)));
    assert_eq!(provider.pins(), [[1; 32]]);
    let health = provider.health().unwrap();
    assert_eq!(
        (health.path.as_str(), health.interval),
        ("/ping", Duration::from_secs(30))
    );
    assert_eq!(provider.aws().unwrap().region, "us-east-1");
}

/// Three providers, the last one of the other dialect, and this route.
fn routed(route: &str) -> String {
    format!(
        "[[providers]]\nname = \"a\"\nkind = \"openai\"\n[[providers]]\nname = \"b\"\nkind = \"mistral\"\n\
         [[providers]]\nname = \"c\"\nkind = \"anthropic\"\n[[models]]\nmatch = \"*\"\n{route}\n"
    )
}

#[test]
fn a_route_names_those_who_share_and_then_those_who_stand_in() {
    let settings = settings(&routed(
        "targets = [{ provider = \"a\", weight = 3 }, { provider = \"b\", upstream_model = \"m\" }]\n\
         fallback = [{ provider = \"a\", upstream_model = \"small\" }]",
    ))
    .unwrap();
    let route = settings.route("gpt").unwrap();
    assert_eq!((route.provider.name(), route.upstream_model), ("a", None));
    let weights: Vec<u32> = route.targets().iter().map(|target| target.weight).collect();
    assert_eq!(weights, [3, 1, 0]);
    let names: Vec<_> = (0..3)
        .filter_map(|index| route.with(index))
        .map(|target| (target.provider.name(), target.upstream_model))
        .collect();
    assert_eq!(names, [("a", None), ("b", Some("m")), ("a", Some("small"))]);
    assert_eq!(route.with(3), None);
}

#[test]
fn a_route_that_cannot_work_is_refused_at_the_place_of_its_fault() {
    let cases = [
        (
            "provider = \"a\"\ntargets = [{ provider = \"b\" }]",
            "beside `targets`",
        ),
        (
            "upstream_model = \"x\"\ntargets = [{ provider = \"b\" }]",
            "each of `targets` has its own",
        ),
        (
            "fallback = [{ provider = \"a\" }]",
            "`provider` is missing, or `targets`",
        ),
        ("targets = [{ provider = \"x\" }]", "no such provider"),
        (
            "targets = [{ provider = \"a\", weight = 0 }]",
            "belongs in `fallback`",
        ),
        (
            "provider = \"a\"\nfallback = [{ provider = \"b\", upstream_model = \"x*\" }]",
            "without `*`",
        ),
        (
            "targets = [{ provider = \"a\" }, { provider = \"c\" }]",
            "speaks another dialect",
        ),
    ];
    for (route, fault) in cases {
        let said = refused(&routed(route));
        assert!(said.contains(fault), "{route}: {said}");
    }
    let said = refused(&routed(
        "provider = \"a\"\nfallback = [{ provider = \"b\" }, { provider = \"c\" }]",
    ));
    assert!(
        said.contains("`models[0].fallback[1].provider`: speaks another dialect"),
        "{said}"
    );
    let many = "{ provider = \"a\" }, ".repeat(17);
    assert!(refused(&routed(&format!("targets = [{many}]"))).contains("at most 16"));
}

#[test]
fn what_is_said_of_routing_is_checked() {
    let with = |lines: &str| format!("[routing]\n{lines}\n{}", document("kind = \"openai\""));
    assert_eq!(settings(&with("")).unwrap().routing, RoutingSettings::default());
    for (lines, fault) in [
        ("retries = 6", "use 0 to 5"),
        ("retry_budget = 101", "use 0 to 100"),
        ("retry_on = [400]", "would be the same again"),
        ("retry_wait = \"0s\"", "use 1ms to"),
        ("retry_wait_max = \"0s\"", "use 1ms to"),
        ("breaker_rest = \"0s\"", "use 1ms to"),
    ] {
        let said = refused(&with(lines));
        assert!(said.contains(fault), "{lines}: {said}");
    }
}

#[test]
fn a_provider_is_spoken_to_in_the_version_that_the_settings_name() {
    for (lines, version) in [
        ("", HttpVersion::Auto),
        ("http = \"auto\"", HttpVersion::Auto),
        ("http = \"1.1\"", HttpVersion::Http1),
        ("http = \"2\"", HttpVersion::Http2),
    ] {
        assert_eq!(provider(&format!("kind = \"openai\"\n{lines}")).http(), version);
    }
    for wrong in ["\"3\"", "\"h2\"", "2", "1.1"] {
        assert!(settings(&document(&format!("kind = \"openai\"\nhttp = {wrong}"))).is_err());
    }
}
