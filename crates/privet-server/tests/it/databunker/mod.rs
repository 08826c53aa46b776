//! Databunker's `/v1` and `/v2` over real HTTP, on SQLite and on PostgreSQL.

mod agreements;
mod bulk_audit;
mod values;

use privet_testkit::{Ask, Reply, TestGateway};
use privet_types::KeyScopes;
use serde_json::{Value, json};

use crate::postgres::TestDatabase;

const SETTINGS: &str = "listen = \"127.0.0.1:0\"\n[vault.databunker]\nenabled = true\n";

/// A UUID that is nobody's.
pub(crate) const NOWHERE: &str = "6f1c1e9e-3a53-4c39-9d2f-0b0a4d0c9a11";

/// A gateway that speaks Databunker's interfaces over a vault on one of the databases, and keys for everything.
pub(crate) struct Bunker {
    pub(crate) gateway: TestGateway,
    /// Of `acme`.
    pub(crate) key: String,
    /// Of `acme`, somebody else's.
    pub(crate) approver: String,
    /// Of another tenant.
    pub(crate) stranger: String,
    databases: Vec<TestDatabase>,
}

/// One on each database; on SQLite alone where no PostgreSQL server is named.
pub(crate) async fn bunkers(more: &str) -> Vec<Bunker> {
    let settings = format!("{SETTINGS}{more}");
    let gateway = TestGateway::builder().vault(&settings).start().await;
    let mut bunkers = vec![Bunker::of(gateway, Vec::new()).await];
    if let (Some(store), Some(keyring)) = (TestDatabase::new().await, TestDatabase::new().await) {
        let builder = TestGateway::builder().vault(&settings);
        let gateway = builder
            .databases(store.location(), keyring.location())
            .start()
            .await;
        bunkers.push(Bunker::of(gateway, vec![store, keyring]).await);
    }
    bunkers
}

impl Bunker {
    async fn of(gateway: TestGateway, databases: Vec<TestDatabase>) -> Self {
        Self {
            key: gateway.key_for("acme", "officer", KeyScopes::all()).await,
            approver: gateway.key_for("acme", "approver", KeyScopes::all()).await,
            stranger: gateway.key_for("other", "stranger", KeyScopes::all()).await,
            gateway,
            databases,
        }
    }

    /// What a call of `/v2` with `key` is answered.
    pub(crate) async fn v2(&self, key: &str, name: &str, body: Value) -> Reply {
        let ask = Ask::new(self.gateway.vault_address(), "POST", &format!("/v2/{name}"));
        let ask = ask
            .header("content-type", "application/json")
            .header("x-bunker-token", key);
        ask.body(body.to_string()).send().await
    }

    /// What a request of `/v1` with `key` is answered.
    pub(crate) async fn v1(&self, key: &str, method: &str, path: &str, body: Option<Value>) -> Reply {
        let mut ask = Ask::new(self.gateway.vault_address(), method, &format!("/v1/{path}"));
        if !key.is_empty() {
            ask = ask.header("x-bunker-token", key);
        }
        if let Some(body) = body {
            ask = ask
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        ask.send().await
    }

    /// A new user; their token.
    pub(crate) async fn user(&self, profile: Value) -> String {
        let made = ok(&self
            .v2(&self.key, "UserCreate", json!({ "profile": profile }))
            .await);
        made["token"].as_str().unwrap().to_owned()
    }

    /// The profile of `token`.
    pub(crate) async fn profile(&self, token: &str) -> Reply {
        let body = json!({ "mode": "token", "identity": token });
        self.v2(&self.key, "UserGet", body).await
    }

    /// Erases the user `token`.
    pub(crate) async fn erase(&self, token: &str) {
        let body = json!({ "subject": { "by": "token", "value": token }, "reason": "request" });
        let ask = self
            .gateway
            .ask_vault(&self.key, "POST", "/erasures", Some(&body));
        let reply = ask.send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    pub(crate) async fn end(self) {
        self.gateway.stop().await;
        for database in self.databases {
            database.drop().await;
        }
    }
}

/// The answer, which says that all went well.
pub(crate) fn ok(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let body = reply.json();
    assert_eq!(body["status"], "ok", "{body}");
    body
}

/// The message of a refusal.
pub(crate) fn refused(reply: &Reply, status: u16) -> String {
    assert_eq!(reply.status, status, "{}", reply.text());
    let body = reply.json();
    assert_eq!(body["status"], "error", "{body}");
    body["message"].as_str().unwrap().to_owned()
}
