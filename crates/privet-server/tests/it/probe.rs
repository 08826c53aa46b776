//! Every role at every address, its own tenant's and another's, against what the policies say. The addresses are those of the OpenAPI
//! document and of the gates, so that none can be left out.
//!
//! `cargo test -p privet-server --test it probe -- --nocapture` prints what is measured.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use privet_access::{
    Account, Authorizer, OpenSessions, Privilege, Probe, PromptFacts, Resource, Standing, effectiveness,
    list_keys, load_accounts, review,
};
use privet_testkit::{Ask, Reply, TestGateway};
use privet_types::{Clock, KeyScopes, LogPosition, PrincipalKind};
use serde_json::{Value, json};

use crate::access::caller;
use crate::admin::{by_key, made};
use crate::mcp;
use crate::sign_in::{Browser, add_totp, enrolled, sign_in};
use crate::support::{CHAT, MESSAGES, MODELS, chat, messages};

/// A principal for each role, and one without.
const CALLERS: [(&str, PrincipalKind); 8] = [
    ("admin", PrincipalKind::User),
    ("security", PrincipalKind::User),
    ("privacy_officer", PrincipalKind::User),
    ("developer", PrincipalKind::User),
    ("user", PrincipalKind::User),
    ("auditor", PrincipalKind::User),
    ("service", PrincipalKind::Service),
    ("", PrincipalKind::User),
];

const POLICY: &str = "[access]\nprompts_by_session = true\npassword_only_roles = [\"admin\", \"security\", \"privacy_officer\", \
                      \"developer\", \"user\", \"auditor\"]\n";

/// What the document leaves to those whose it is.
const OF_OTHERS: [(&str, &str, Privilege); 9] = [
    ("POST", CHAT, Privilege::Prompt),
    ("POST", MESSAGES, Privilege::Prompt),
    ("POST", "/v1/responses", Privilege::Prompt),
    ("POST", "/v1/embeddings", Privilege::Prompt),
    ("POST", "/v1/messages/count_tokens", Privilege::Prompt),
    ("GET", MODELS, Privilege::ListModels),
    ("GET", "/v1/models/demo", Privilege::ListModels),
    ("POST", "/mcp/{name}", Privilege::McpCall),
    ("GET", "/metrics", Privilege::ReadMetrics),
];

/// One method of an address.
#[derive(Debug, Clone)]
struct Place {
    method: String,
    /// With `{names}` for parameters.
    path: String,
    privilege: Privilege,
    /// Whether a key is good for it.
    by_key: bool,
    /// Whether a session is.
    by_session: bool,
}

/// Everything that asks who calls.
fn places() -> Vec<Place> {
    let document: Value = serde_json::from_str(&privet_server::openapi()).unwrap();
    let of_others = OF_OTHERS.map(|(method, path, privilege)| Place {
        method: method.to_owned(),
        path: path.to_owned(),
        privilege,
        by_key: true,
        by_session: privilege != Privilege::ReadMetrics,
    });
    let mut places = of_others.to_vec();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let security = operation["security"].to_string();
            if security == "[]" {
                // Whoever has a code, a link or a password.
                continue;
            }
            let of_action = operation["x-privet-action"]
                .as_str()
                .map(|name| name.parse().unwrap());
            let privilege = of_action.unwrap_or_else(|| {
                let scope = operation["x-privet-scope"].as_str();
                let scope = scope.unwrap_or_else(|| panic!("{method} {path} says not what it is for"));
                let scope = scope.parse().unwrap();
                // Each scope of administration stands for one privilege.
                let mut all = Privilege::ALL.into_iter();
                Privilege::of_vault(scope)
                    .or_else(|| all.find(|one| one.scope() == Some(scope)))
                    .unwrap()
            });
            places.push(Place {
                method: method.to_uppercase(),
                path: path.clone(),
                privilege,
                by_key: security.contains("key"),
                // Sessions are good for what keys are good for, as far as policies let their people.
                by_session: true,
            });
        }
    }
    // What ends the session that asks comes last.
    places.sort_by_key(|place| place.path.ends_with("/sign_out"));
    places
}

#[test]
fn no_address_with_a_gate_is_left_out_of_the_probe() {
    let places = places();
    let document: Value = serde_json::from_str(&privet_server::openapi()).unwrap();
    let is_open = |path: &str| {
        let operations = document["paths"][path].as_object();
        operations.is_some_and(|all| all.values().all(|one| one["security"] == json!([])))
    };
    let mut missing = Vec::new();
    for (path, privilege) in privet_server::gates() {
        let tried: Vec<&Place> = places.iter().filter(|place| place.path == path).collect();
        if tried.is_empty() && !is_open(path) {
            missing.push(format!("{path} ({privilege})"));
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
    let every: BTreeSet<Privilege> = places.iter().map(|place| place.privilege).collect();
    // What is asked about in the console, or where something is handed on.
    let without = ["policy.read", "policy.manage", "delegate"];
    for privilege in Privilege::ALL {
        assert_ne!(
            every.contains(&privilege),
            without.contains(&privilege.name()),
            "{privilege}"
        );
    }
    assert!(places.len() > 180, "{}", places.len());
}

/// Whether it was decided that the caller may ask this, whatever else is wrong with what was asked.
fn was_let_in(reply: &Reply) -> bool {
    let text = reply.text();
    assert_ne!(reply.status, 401, "{text}");
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    if body["jsonrpc"] == "2.0" {
        // Servers of tools are refused inside an answer.
        return body["error"]["data"]["code"] != "not_permitted";
    }
    let code = body["code"].as_str().or_else(|| body["error"]["code"].as_str());
    let is_refused = text.contains("not permitted")
        || matches!(
            code,
            Some("not_permitted" | "not_by_session" | "key_out_of_scope" | "out_of_scope")
        );
    !(reply.status == 403 && is_refused)
}

/// What the policies say, asked as the gateway asks.
fn is_permitted(authorizer: &Authorizer, account: &Account, privilege: Privilege, at: Timestamp) -> bool {
    let (counts, standing) = (BTreeMap::new(), Standing::absent());
    let is_prompt = privilege == Privilege::Prompt;
    let resource = match privilege {
        Privilege::Prompt => Resource::Model {
            name: "demo",
            provider: "openai",
            is_local: true,
        },
        _ => Resource::Tenant,
    };
    let ask = privet_access::Ask {
        privilege,
        resource,
        at,
        address: None,
        prompt: is_prompt.then_some(PromptFacts {
            surface: "openai_chat",
            counts: &counts,
            masked: 0,
            purpose: None,
            has_consent: false,
            assessment: &standing,
            acknowledged: &[],
        }),
    };
    authorizer.decide(account, &ask).is_allowed
}

fn body_of(path: &str) -> String {
    match path {
        CHAT => chat("demo", "hello"),
        MESSAGES | "/v1/messages/count_tokens" => messages("claude-demo", "hello"),
        "/v1/responses" | "/v1/embeddings" => r#"{"model":"demo","input":"hello"}"#.to_owned(),
        "/mcp/crm" => mcp::call("find", &json!({ "id": 7 })),
        _ => "{}".to_owned(),
    }
}

/// What stands in the parameters of addresses.
#[derive(Debug, Default)]
struct Names {
    person: String,
    service: String,
    group: String,
    key: String,
    subject: String,
}

impl Names {
    /// Of things that are not there.
    fn nowhere() -> Self {
        Self {
            person: "nobody".to_owned(),
            service: "nobody".to_owned(),
            group: "nobody".to_owned(),
            key: "0000000000000000".to_owned(),
            subject: "5f0c8f2e-1a2b-4c3d-8e4f-0123456789ab".to_owned(),
        }
    }

    fn fill(&self, path: &str) -> String {
        let name = if path.starts_with("/mcp/") {
            "crm"
        } else if path.starts_with("/api/v1/services/") {
            &self.service
        } else if path.starts_with("/api/v1/groups/") {
            &self.group
        } else {
            &self.person
        };
        path.replace("{name}", name)
            .replace("{member}", &self.person)
            .replace("{role}", "user")
            .replace("{subject}", &self.subject)
            .replace("{id}", &self.key)
            .replace(['{', '}'], "")
    }
}

/// Who asks.
enum By<'a> {
    Key(&'a str),
    Session(&'a Browser),
}

impl By<'_> {
    async fn ask(&self, gateway: &TestGateway, place: &Place, names: &Names) -> Reply {
        let target = names.fill(&place.path);
        let ask = match self {
            Self::Key(key) => {
                let ask = if target == "/metrics" {
                    Ask::new(gateway.metrics_address(), &place.method, &target)
                } else {
                    gateway.ask(&place.method, &target)
                };
                ask.header("authorization", &format!("Bearer {key}"))
                    .header("content-type", "application/json")
            }
            Self::Session(browser) => browser.ask(gateway, &place.method, &target),
        };
        let ask = if target.starts_with(MESSAGES) {
            ask.header("anthropic-version", "2023-06-01")
        } else if target.starts_with("/mcp/") {
            ask.without("origin").header("mcp-protocol-version", "2025-06-18")
        } else {
            ask
        };
        match place.method.as_str() {
            "GET" => ask.send().await,
            _ => ask.body(body_of(&target)).send().await,
        }
    }
}

/// A gateway that has everything, and its server of tools.
async fn gateway() -> (TestGateway, impl Sized) {
    let (builder, tools) = mcp::before_of("").await;
    let builder = builder
        .sign_in("origin = \"http://localhost:8787\"")
        .policy(POLICY)
        .vault("")
        .metrics("listen = \"127.0.0.1:0\"\nrequire_key = true");
    (builder.start().await, tools)
}

/// One of everything in another tenant.
async fn another(gateway: &TestGateway) -> (Names, String) {
    made(
        gateway,
        "acme",
        "their-person",
        PrincipalKind::User,
        &["admin", "privacy_officer"],
    )
    .await;
    made(
        gateway,
        "acme",
        "their-service",
        PrincipalKind::Service,
        &["service"],
    )
    .await;
    let group = "their-group".parse().unwrap();
    gateway.people("acme").create_group(&group).await.unwrap();
    let boss = gateway.key_for("acme", "their-person", KeyScopes::all()).await;
    let order = json!({"name": "their-service", "scopes": ["gateway"]});
    let key = by_key(gateway, &boss, "POST", "/api/v1/keys", &order)
        .send()
        .await;
    assert_eq!(key.status, 201, "{}", key.text());
    let record = json!({"record": {"email": "ada@example.com"}});
    let subject = gateway
        .ask_vault(&boss, "POST", "/subjects", Some(&record))
        .send()
        .await;
    assert_eq!(subject.status, 201, "{}", subject.text());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let names = Names {
        person: "their-person".to_owned(),
        service: "their-service".to_owned(),
        group: "their-group".to_owned(),
        key: text(&key.json()["record"]["id"]),
        subject: text(&subject.json()["token"]),
    };
    (names, text(&key.json()["key"]))
}

#[tokio::test]
async fn nobody_is_let_in_anywhere_whom_the_policy_does_not_permit() {
    let (gateway, _tools) = gateway().await;
    let authorizer = Authorizer::new(&[], jiff::tz::Offset::UTC).unwrap();
    let now = gateway.clock().now();
    let (theirs, their_key) = another(&gateway).await;
    let nowhere = Names::nowhere();
    let places = places();
    let (mut probes, mut wrong, mut classes) = (Vec::new(), Vec::new(), BTreeMap::new());
    let mut note = |what: String, probe: Probe, reply: &Reply| {
        if probe.is_permitted != probe.was_let_in {
            wrong.push(format!("{what}: {} {}", reply.status, reply.text()));
        }
        *classes.entry(probe.privilege.name()).or_insert(0_u32) += 1;
        probes.push(probe);
    };
    for (role, kind) in CALLERS {
        let key = caller(&gateway, "default", role, kind).await;
        let is_person = kind == PrincipalKind::User && !role.is_empty();
        let browser = if is_person {
            let name = format!("s-{role}");
            enrolled(&gateway, &name, role).await;
            Some(sign_in(&gateway, &name).await)
        } else {
            None
        };
        let accounts = load_accounts(gateway.store(), &[]).await.unwrap();
        let name = format!("p-{role}").parse().unwrap();
        let account = accounts.get(&"default".parse().unwrap(), &name).unwrap();
        let by = [Some(By::Key(&key)), browser.as_ref().map(By::Session)];
        for place in &places {
            for by in by.iter().flatten() {
                let is_session = matches!(by, By::Session(_));
                // An address with figures is for programs.
                let fits = if is_session {
                    place.by_session
                } else {
                    place.by_key
                };
                if !fits || (is_session && place.path == "/metrics") {
                    continue;
                }
                let what = format!("{role} {} {} session={is_session}", place.method, place.path);
                let own = by.ask(&gateway, place, &nowhere).await;
                let probe = Probe {
                    privilege: place.privilege,
                    is_permitted: is_permitted(&authorizer, account, place.privilege, now),
                    was_let_in: was_let_in(&own),
                };
                note(what.clone(), probe, &own);
                if place.path.contains('{') && !place.path.starts_with("/mcp/") {
                    // What is another tenant's is answered as if it were not there.
                    let other = by.ask(&gateway, place, &theirs).await;
                    let probe = Probe {
                        privilege: place.privilege,
                        is_permitted: false,
                        was_let_in: other.status < 300 && other.status != own.status,
                    };
                    note(format!("{what}, another tenant's"), probe, &other);
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}: {wrong:#?}",
        wrong.len(),
        probes.len()
    );
    assert!(probes.len() > 2500, "{}", probes.len());
    // And nothing of the other tenant's was changed.
    let models = gateway
        .ask("GET", MODELS)
        .header("x-api-key", &their_key)
        .send()
        .await;
    assert_eq!(models.status, 200, "{}", models.text());
    let accounts = load_accounts(gateway.store(), &[]).await.unwrap();
    let person = theirs.person.parse().unwrap();
    let account = accounts.get(&"acme".parse().unwrap(), &person).unwrap();
    assert!(!account.is_disabled() && account.roles().len() == 2);

    // How well that is, with all sessions that are open; somebody has shown two factors.
    enrolled(&gateway, "careful", "user").await;
    let careful = sign_in(&gateway, "careful").await;
    add_totp(&gateway, &careful).await;
    let keys = list_keys(gateway.store()).await.unwrap();
    let rows = review(&authorizer, accounts.iter(), &keys, &[], &[], now).unwrap();
    let tenant = "default".parse().unwrap();
    let open = gateway.store().list_sessions(&tenant, None, now).await.unwrap();
    let sessions = OpenSessions::of(&open);
    let measured = effectiveness(&probes, &rows, sessions, now, LogPosition::default());
    println!(
        "{}\n{classes:?}",
        serde_json::to_string_pretty(&measured).unwrap()
    );
    let part = |name: &str| measured.parts.iter().find(|part| part.name == name).unwrap();
    assert_eq!(measured.metric, "access_control_effectiveness");
    assert_eq!(part("right_refusals").value, Some(1.0));
    assert_eq!(part("right_accepts").value, Some(1.0));
    let two = part("sessions_with_two_factors");
    assert_eq!((two.numerator, two.denominator), (1, sessions.all));
    assert!(sessions.all >= 1);
}
