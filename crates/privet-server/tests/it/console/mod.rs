//! The console over real sockets: who sees which page, what others try against it, and that no text gets into it or out of it.

mod access;
mod account;
mod actions;
mod pages;
mod way_in;

use std::time::Duration;

use privet_access::Holder;
use privet_testkit::{Ask, Builder, Reply, TestGateway};
use privet_types::{KeyScopes, PrincipalKind};

const ORIGIN: &str = "http://localhost:8787";
const PASSWORD: &str = "correct horse battery";
/// All roles of people sign in by password alone, where nothing else is said.
const BY_PASSWORD: &str = "[access]\npassword_only_roles = [\"admin\", \"security\", \"privacy_officer\", \"developer\", \"user\", \"auditor\"]\n";

/// The roles of people.
const ROLES: [&str; 6] = [
    "admin",
    "security",
    "privacy_officer",
    "developer",
    "user",
    "auditor",
];

/// Every page that is there to be looked at, with the actions of which one is needed.
const PAGES: [(&str, &str); 19] = [
    ("/console", "sign_in"),
    ("/console/decisions", "vault.audit"),
    ("/console/try", "text.detect"),
    ("/console/budgets", "models.list"),
    ("/console/alerts", "watch.read"),
    ("/console/incidents", "watch.read"),
    ("/console/holds", "watch.read"),
    ("/console/usage", "metrics.read"),
    ("/console/kill", "kill.read"),
    ("/console/keys", "key.read"),
    ("/console/people", "people.read"),
    ("/console/services", "people.read"),
    ("/console/groups", "people.read"),
    ("/console/roles", "people.read"),
    ("/console/review", "people.read"),
    ("/console/vault", "vault.read"),
    ("/console/policy", "policy.read"),
    ("/console/audit", "vault.audit"),
    ("/console/account", "sign_in"),
];

fn house() -> Builder {
    TestGateway::builder().sign_in(&format!("origin = \"{ORIGIN}\""))
}

/// A browser, as far as it matters.
struct Tab {
    cookie: String,
}

/// `fields` as a form sends them.
fn form(fields: &[(&str, &str)]) -> String {
    let escaped = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect()
    };
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", escaped(value)))
        .collect();
    pairs.join("&")
}

/// A form that a browser sends from one of the console's own pages.
fn post(gateway: &TestGateway, path: &str, fields: &[(&str, &str)]) -> Ask {
    gateway
        .ask("POST", path)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", ORIGIN)
        .header("sec-fetch-site", "same-origin")
        .body(form(fields))
}

impl Tab {
    /// What it keeps of a reply that sets the session's cookie.
    fn of(reply: &Reply) -> Self {
        let set = reply.header("set-cookie").expect("a cookie");
        let (cookie, _) = set.split_once(';').expect("a cookie has attributes");
        Self {
            cookie: cookie.to_owned(),
        }
    }

    async fn get(&self, gateway: &TestGateway, path: &str) -> Reply {
        let ask = gateway.ask("GET", path).header("cookie", &self.cookie);
        ask.send().await
    }

    fn post(&self, gateway: &TestGateway, path: &str, fields: &[(&str, &str)]) -> Ask {
        post(gateway, path, fields).header("cookie", &self.cookie)
    }

    /// What forms of the page at `path` send along.
    async fn token(&self, gateway: &TestGateway, path: &str) -> String {
        token_in(&self.get(gateway, path).await.text())
    }
}

fn token_in(html: &str) -> String {
    let (_, rest) = html
        .split_once("name=\"csrf_token\" value=\"")
        .expect("a form with a token");
    rest.split('"').next().expect("it ends").to_owned()
}

fn location(reply: &Reply) -> &str {
    assert_eq!(reply.status, 303, "{}", reply.text());
    reply.header("location").expect("a way")
}

/// Makes a person with a password and this role, whom the gateway knows.
async fn person(gateway: &TestGateway, name: &str, role: &str) {
    let people = gateway.people("default");
    let principal: privet_types::Principal = name.parse().unwrap();
    people.create(&principal, PrincipalKind::User).await.unwrap();
    let holder = Holder::Principal(principal.clone());
    people
        .set_role(&holder, &role.parse().unwrap(), true)
        .await
        .unwrap();
    // An unknown key makes the gateway look.
    let key = gateway.key_for("default", name, KeyScopes::default()).await;
    let known = gateway.ask("GET", "/v1/models").header("x-api-key", &key);
    assert_ne!(known.send().await.status, 401);
    let day = Duration::from_secs(86_400);
    let invite = gateway
        .enrolment("default")
        .invite(&principal, day)
        .await
        .unwrap();
    let code = invite.code.expose().clone();
    let fields = [
        ("code", code.as_str()),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    let reply = post(gateway, "/console/invite", &fields).send().await;
    assert_eq!(location(&reply), "/console/sign-in?done=invite");
}

async fn enter(gateway: &TestGateway, name: &str) -> Reply {
    let fields = [("name", name), ("password", PASSWORD), ("next", "/console")];
    post(gateway, "/console/sign-in", &fields).send().await
}

/// Makes a person and signs it in.
async fn signed_in(gateway: &TestGateway, name: &str, role: &str) -> Tab {
    person(gateway, name, role).await;
    let reply = enter(gateway, name).await;
    assert_eq!(location(&reply), "/console");
    Tab::of(&reply)
}
