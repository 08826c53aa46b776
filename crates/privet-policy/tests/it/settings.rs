use std::path::Path;

use privet_policy::{
    Auth, Dialect, Limits, Log, LogFormat, LogLevel, RequestRight, SecretRef, Settings, VaultSettings,
    settings_example,
};
use privet_types::SurfaceKind;

use crate::{LEAST, refused, settings, switched_on};

fn with_provider(lines: &str) -> String {
    format!("[[providers]]\nname = \"p\"\n{lines}\n[[models]]\nmatch = \"*\"\nprovider = \"p\"\n")
}

fn chat_url(base_url: &str, model: &str) -> Option<String> {
    let text = with_provider(&format!("dialect = \"openai\"\nbase_url = \"{base_url}\""));
    settings(&text).unwrap().providers()[0].url(SurfaceKind::OpenaiChat, model)
}

#[test]
fn the_example_works_as_it_stands() {
    let settings = settings(settings_example()).unwrap();
    assert_eq!(
        settings.route("claude-sonnet-4-5").unwrap().provider.name(),
        "anthropic"
    );
    assert_eq!(settings.route("gpt-4.1").unwrap().provider.name(), "openai");
    assert_eq!(settings.policy, None);
}

#[test]
fn every_default_the_example_states_is_the_default() {
    let least = settings(LEAST).unwrap();
    let example = settings(&switched_on(settings_example())).unwrap();
    assert_eq!(example.listen, least.listen);
    assert_eq!(example.root_key, least.root_key);
    assert_eq!(example.surrogate_epoch, least.surrogate_epoch);
    assert_eq!(example.store.path, least.store.path);
    assert_eq!(example.store.spool, least.store.spool);
    assert_eq!(example.store.spool_max_bytes, least.store.spool_max_bytes);
    assert_eq!(example.limits, least.limits);
    assert_eq!(example.limits, Limits::default());
    assert_eq!(example.log, Log::default());
    assert_eq!(example.routing, least.routing);
    let least = settings(&format!(
        "{LEAST}\n[telemetry]\nendpoint = \"http://127.0.0.1:4318\"\n"
    ));
    let least = least.unwrap().telemetry.unwrap();
    let mut telemetry = example.telemetry.unwrap();
    assert!(telemetry.headers.contains_key("Authorization") && telemetry.ca_file.is_some());
    assert_eq!(telemetry.instance.as_deref(), Some("gateway-1"));
    telemetry.headers.clone_from(&least.headers);
    telemetry.ca_file.clone_from(&least.ca_file);
    telemetry.instance.clone_from(&least.instance);
    assert_eq!(telemetry, least);
}

#[test]
fn without_a_key_presidios_endpoints_listen_on_this_machine_only() {
    let with = |lines: &str| {
        settings(&format!(
            "{LEAST}\n[tls]\nterminated_elsewhere = true\n[presidio]\n{lines}"
        ))
    };
    assert_eq!(settings(LEAST).unwrap().presidio, None);
    for (lines, needs_key) in [
        ("listen = \"127.0.0.1:3000\"", false),
        ("listen = \"[::1]:3000\"", false),
        ("listen = \"0.0.0.0:3000\"\nrequire_key = true", true),
    ] {
        let presidio = with(lines).unwrap().presidio.unwrap();
        assert_eq!(presidio.requires_key, needs_key);
        assert_eq!(presidio.listen.port(), 3000);
    }
    for address in [
        "0.0.0.0:3000",
        "192.0.2.1:3000",
        "[::]:3000",
        "[2001:db8::1]:3000",
    ] {
        let error = with(&format!("listen = \"{address}\"")).unwrap_err().to_string();
        assert!(
            error.contains("presidio.listen") && error.contains("require_key"),
            "{error}"
        );
    }
    assert!(with("listen = \"localhost\"").is_err());
}

#[test]
fn the_example_with_everything_switched_on_reaches_every_provider() {
    let settings = settings(&switched_on(settings_example())).unwrap();
    let azure = settings.route("azure/gpt").unwrap();
    assert_eq!(
        azure
            .provider
            .url(SurfaceKind::OpenaiChat, azure.upstream_model.unwrap())
            .unwrap(),
        "https://example.openai.azure.com/openai/deployments/my-gpt-4.1/chat/completions?api-version=2024-10-21"
    );
    assert_eq!(azure.provider.auth(), Auth::ApiKey);
    assert_eq!(settings.providers().len(), 8);
    assert_eq!(settings.models().count(), 6);
    let shared = settings.route("gpt-oss-120b").unwrap();
    assert_eq!((shared.provider.name(), shared.targets().len()), ("bedrock", 3));
}

#[test]
fn a_witness_has_an_address_of_the_web_and_a_key() {
    let with = |url: &str, key: &str| {
        settings(&format!(
            "{LEAST}\n[[witnesses]]\nurl = \"{url}\"\nkey = \"{key}\"\n"
        ))
    };
    assert!(settings(LEAST).unwrap().witnesses.is_empty());
    let read = with("https://w.example/p", "w.example+00112233+BAAA").unwrap();
    assert_eq!(read.witnesses[0].url, "https://w.example/p");
    for (url, key, field) in [
        ("w.example", "w+00+AA", "witnesses[0].url"),
        ("https://w example", "w+00+AA", "witnesses[0].url"),
        ("https://w.example", "w", "witnesses[0].key"),
    ] {
        let error = with(url, key).unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
    }
}

#[test]
fn every_field_is_read() {
    let text = format!(
        "listen = \"[::1]:9000\"\npolicy = \"p.toml\"\n[keys]\nroot = {{ env = \"PRIVET_ROOT_KEY\" }}\n\
         [log]\nformat = \"json\"\nlevel = \"debug\"\n[limits]\nrequest_body = 4096\ndetect_queue = 7\n{LEAST}"
    );
    let settings = settings(&text).unwrap();
    assert_eq!(settings.listen.to_string(), "[::1]:9000");
    assert_eq!(settings.policy.as_deref(), Some(Path::new("p.toml")));
    assert_eq!(settings.root_key, SecretRef::Env("PRIVET_ROOT_KEY".to_owned()));
    assert_eq!(
        (settings.log.format, settings.log.level),
        (LogFormat::Json, LogLevel::Debug)
    );
    assert_eq!(
        (settings.limits.request_body.bytes(), settings.limits.detect_queue),
        (4096, 7)
    );
}

#[test]
fn relative_paths_start_at_the_documents_folder() {
    let text = "policy = \"p.toml\"\n[store]\nspool = \"/var/spool/privet\"\n".to_owned() + LEAST;
    let settings = Settings::parse(&text, "/etc/privet/privet.toml".as_ref()).unwrap();
    assert_eq!(settings.policy.as_deref(), Some(Path::new("/etc/privet/p.toml")));
    assert_eq!(
        settings.store.path,
        Path::new("/etc/privet/privet-data/privet.sqlite")
    );
    assert_eq!(settings.store.spool, Path::new("/var/spool/privet"));
    assert_eq!(
        settings.root_key,
        SecretRef::File("/etc/privet/privet-data/root.key".into())
    );
}

#[test]
fn the_first_matching_model_wins_and_may_be_renamed() {
    let text = LEAST.replace(
        "[[models]]",
        "[[models]]\nmatch = \"gpt-*-mini\"\nprovider = \"local\"\nupstream_model = \"small\"\n[[models]]",
    );
    let settings = settings(&text).unwrap();
    assert_eq!(
        settings.route("gpt-5-mini").unwrap().upstream_model,
        Some("small")
    );
    assert_eq!(settings.route("gpt-5").unwrap().upstream_model, None);
}

#[test]
fn a_model_nothing_matches_has_no_route() {
    let settings = settings(&LEAST.replace("\"*\"", "\"gpt-*\"")).unwrap();
    assert!(settings.route("claude-3").is_none());
}

#[test]
fn the_header_of_the_key_follows_the_dialect() {
    let text = with_provider("dialect = \"anthropic\"\nbase_url = \"https://api.anthropic.com/\"");
    let settings = settings(&text).unwrap();
    let provider = &settings.providers()[0];
    assert_eq!(
        (provider.dialect(), provider.auth()),
        (Dialect::Anthropic, Auth::XApiKey)
    );
    let url = provider.url(SurfaceKind::AnthropicMessages, "claude-3");
    assert_eq!(url.as_deref(), Some("https://api.anthropic.com/v1/messages"));
    assert_eq!(provider.url(SurfaceKind::OpenaiChat, "claude-3"), None);
}

#[test]
fn a_model_name_cannot_leave_its_place_in_the_address() {
    let base = "https://example.com/deployments/{model}";
    assert_eq!(
        chat_url(base, "../a b?c#d").as_deref(),
        Some("https://example.com/deployments/..%2Fa%20b%3Fc%23d/chat/completions")
    );
    assert_eq!(
        chat_url(base, "..").as_deref(),
        Some("https://example.com/deployments/%2E%2E/chat/completions")
    );
    assert_eq!(
        chat_url(base, "").as_deref(),
        Some("https://example.com/deployments/-/chat/completions")
    );
}

#[test]
fn plain_http_reaches_this_machine_only_unless_allowed() {
    for host in ["localhost:1234", "127.0.0.1", "127.8.8.8:80", "[::1]:8080"] {
        let text = with_provider(&format!("dialect = \"openai\"\nbase_url = \"http://{host}/v1\""));
        assert!(settings(&text).is_ok(), "{host}");
    }
    for host in ["gpu-1", "10.0.0.1:8000", "localhost.example.com", "[::2]"] {
        let text = with_provider(&format!("dialect = \"openai\"\nbase_url = \"http://{host}/v1\""));
        assert!(refused(&text).contains("in the clear"), "{host}");
        assert!(
            settings(&text.replace("dialect", "allow_plain_http = true\ndialect")).is_ok(),
            "{host}"
        );
    }
}

#[test]
fn addresses_that_libraries_read_differently_are_refused() {
    for base in [
        "example.com/v1",
        "ftp://example.com",
        "https://",
        "https:///v1",
        "https://127.1/v1",
        "https://0x7f000001.1/v1",
        "https://a..b/v1",
        "https://[::1/v1",
        "https://example.com:0/v1",
        "https://example.com:+80/v1",
        "https://example.com:/v1",
        "https://example.com:99999/v1",
        "https://example.com/v1?x=1",
        "https://example.com/v1#x",
        "https://example.com/../v1",
        "https://exa mple.com/v1",
        "https://exämple.com/v1",
        "https://example.com\\\\@evil.com/v1",
        "https://{model}.example.com/v1",
        "https://example.com/{deployment}/v1",
    ] {
        let text = with_provider(&format!("dialect = \"openai\"\nbase_url = \"{base}\""));
        assert!(refused(&text).contains("`providers[0].base_url`: "), "{base}");
    }
}

#[test]
fn there_is_no_vault_unless_the_settings_say_so() {
    assert_eq!(settings(LEAST).unwrap().vault, None);
    let vault = settings(&format!("{LEAST}\n[vault]\nenabled = true"))
        .unwrap()
        .vault
        .unwrap();
    assert_eq!(vault.listen, None);
}

#[test]
fn the_example_states_the_defaults_of_the_vault() {
    let stated = settings(&switched_on(settings_example()).replace("enabled = false", "enabled = true"));
    let default = settings(&format!("{LEAST}\n[vault]\nenabled = true"));
    let (stated, default) = (stated.unwrap().vault.unwrap(), default.unwrap().vault.unwrap());
    assert_eq!(stated.limits, default.limits);
    let how = |vault: &VaultSettings| {
        let requests = &vault.requests;
        let rights = (requests.identity_for.clone(), requests.approval_for.clone());
        (rights, requests.codes, requests.copy_days)
    };
    assert_eq!(how(&stated), how(&default));
    let databunker = format!(
        "{LEAST}\n[vault]\nenabled = true\nlisten = \"127.0.0.1:3300\"\n[vault.databunker]\nenabled = true"
    );
    let databunker = settings(&databunker).unwrap().vault.unwrap().databunker;
    assert!(databunker.is_some() && stated.databunker == databunker);
    assert_eq!(default.databunker, None);
}

#[test]
fn databunkers_paths_need_an_address_of_their_own() {
    let lines = format!("{LEAST}\n[vault]\nenabled = true\n[vault.databunker]\nenabled = true");
    let error = settings(&lines).unwrap_err().to_string();
    assert!(
        error.contains("vault.databunker.enabled") && error.contains("vault.listen"),
        "{error}"
    );
}

#[test]
fn codes_go_over_tls_or_stay_on_this_machine_and_callbacks_to_named_hosts() {
    let vault = |lines: &str| settings(&format!("{LEAST}\n[vault]\nenabled = true\n{lines}"));
    let requests = |lines: &str| vault(&format!("[vault.requests]\n{lines}"));
    for url in ["https://mail.example.com/codes", "http://127.0.0.1:25/codes"] {
        let read = requests(&format!("code_url = \"{url}\"")).unwrap().vault.unwrap();
        assert_eq!(read.requests.code_url.as_deref(), Some(url));
    }
    let hosts = requests("callback_hosts = [\"DSR.example.com:443\", \"a.example:8443\"]");
    let hosts = hosts.unwrap().vault.unwrap().requests.callback_hosts;
    assert!(hosts.into_iter().eq(["a.example:8443", "dsr.example.com"]));
    for (lines, key) in [
        (
            "code_url = \"http://mail.example.com/codes\"",
            "vault.requests.code_url",
        ),
        ("code_url = \"mail.example.com\"", "vault.requests.code_url"),
        (
            "callback_hosts = [\"a.example/x\"]",
            "vault.requests.callback_hosts[0]",
        ),
        (
            "callback_hosts = [\"a@b.example\"]",
            "vault.requests.callback_hosts[0]",
        ),
    ] {
        let error = requests(lines).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
    let error = vault("[vault.archive]\ndays = 0").unwrap_err().to_string();
    assert!(error.contains("vault.archive.days"), "{error}");
}

#[test]
fn how_requests_are_worked_on_is_set_within_limits() {
    let requests = |lines: &str| {
        settings(&format!(
            "{LEAST}\n[vault]\nenabled = true\n[vault.requests]\n{lines}"
        ))
    };
    let read = requests(
        "identity_for = [\"access\"]\napproval_for = []\ncode_digits = 6\ncode_lifetime = \"5m\"\n\
         attempts = 3\ncodes = 2\ncopy_days = 30",
    );
    let read = read.unwrap().vault.unwrap().requests;
    assert!(read.identity_for.into_iter().eq([RequestRight::Access]));
    assert!(read.approval_for.is_empty());
    let codes = read.codes;
    assert_eq!(
        (
            codes.digits,
            codes.seconds,
            codes.attempts,
            codes.sent,
            read.copy_days
        ),
        (6, 300, 3, 2, 30)
    );
    for (line, key) in [
        ("code_digits = 5", "code_digits"),
        ("code_digits = 13", "code_digits"),
        ("code_lifetime = \"59s\"", "code_lifetime"),
        ("code_lifetime = \"25h\"", "code_lifetime"),
        ("attempts = 0", "attempts"),
        ("attempts = 11", "attempts"),
        ("codes = 0", "codes"),
        ("copy_days = 0", "copy_days"),
        ("codes_per_person = 0", "codes_per_person"),
        ("attempts_per_person = 101", "attempts_per_person"),
        ("person_window = \"8d\"", "person_window"),
        ("identity_for = [\"acess\"]", "identity_for"),
    ] {
        let error = requests(line).unwrap_err().to_string();
        assert!(
            error.contains(&format!("vault.requests.{key}")),
            "{line}: {error}"
        );
    }
}

#[test]
fn without_tls_the_vault_answers_on_this_machine_only() {
    for lines in ["listen = \"0.0.0.0:3300\"", "listen = \"[2001:db8::1]:3300\""] {
        let lines = format!("{LEAST}\n[vault]\nenabled = true\n{lines}");
        let error = settings(&lines).unwrap_err().to_string();
        assert!(
            error.contains("vault.listen") && error.contains("allow_plain_http"),
            "{error}"
        );
        assert!(settings(&format!("{lines}\nallow_plain_http = true")).is_ok());
    }
    let beyond = format!("listen = \"0.0.0.0:8787\"\n{LEAST}\n[vault]\nenabled = true");
    let error = settings(&beyond).unwrap_err().to_string();
    assert!(error.contains("vault.enabled"), "{error}");
}

#[test]
fn an_owners_url_alone_is_refused() {
    for lines in [
        "[store]\nowner_url = { env = \"A\" }",
        "[keyring]\nowner_url = { env = \"A\" }",
    ] {
        let error = settings(&format!("{LEAST}\n{lines}")).unwrap_err().to_string();
        assert!(error.contains("is only used with"), "{error}");
    }
}

#[test]
fn a_connector_is_read_with_its_url_by_reference_and_without_a_vault() {
    const RAG: &str = "[[vault.connectors]]\nplace = \"rag\"\nkind = \"pgvector\"\nurl = { file = \"rag.url\" }\n\
        table = \"rag.chunks\"\nid = \"id\"\nsubject = \"person\"\n";
    let read = settings(&format!("{LEAST}\n{RAG}")).unwrap();
    assert_eq!(read.vault, None);
    let [connector] = read.connectors.as_slice() else {
        panic!("{:?}", read.connectors);
    };
    assert_eq!((connector.place.as_str(), &connector.tenant), ("rag", &None));
    assert!(matches!(&connector.url, SecretRef::File(path) if path.ends_with("rag.url")));
    let faults = [
        (format!("{RAG}{RAG}"), "vault.connectors[1].place"),
        (RAG.replace("\"rag\"", "\"\""), "vault.connectors[0].place"),
        (RAG.replace("rag.chunks", "a.b.c"), "vault.connectors[0].table"),
        (RAG.replace("\"person\"", "\"\""), "vault.connectors[0].subject"),
        (RAG.replace("pgvector", "qdrant"), "vault.connectors[0].kind"),
        (
            RAG.replace("{ file = \"rag.url\" }", "\"postgres://ann:s3cret@db/rag\""),
            "vault.connectors[0].url",
        ),
    ];
    for (lines, key) in faults {
        let error = settings(&format!("{LEAST}\n{lines}")).unwrap_err().to_string();
        assert!(error.contains(key) && !error.contains("s3cret"), "{key}: {error}");
    }
}
