//! Databunker's interfaces over real HTTP, on SQLite and on PostgreSQL.

mod agreements;
mod apps;
mod bulk_audit;
mod bulk_bodies;
mod calls;
mod expiry;
mod own_tokens;
mod reports;
mod requests;
mod sessions;
mod shares;
mod users;
mod values;

use privet_testkit::{Ask, Reply, TestGateway};
use privet_types::KeyScopes;
use serde_json::{Value, json};

use crate::postgres::TestDatabase;

/// A UUID that was never given to anything.
pub(crate) const NOWHERE: &str = "00000000-0000-4000-8000-000000000000";
const SETTINGS: &str = "listen = \"127.0.0.1:0\"\n[vault.databunker]\nenabled = true\n";

/// A gateway with Databunker's interfaces on one of the databases, and keys of its tenant `acme` and of another.
pub(crate) struct Bunker {
    pub(crate) gateway: TestGateway,
    /// Of `acme`, for everything.
    pub(crate) key: String,
    /// Of `acme` and somebody else, for everything.
    pub(crate) approver: String,
    /// Of `globex`, for everything.
    pub(crate) stranger: String,
    databases: Vec<TestDatabase>,
}

/// One on each database; on SQLite alone where no PostgreSQL server is named.
pub(crate) async fn bunkers() -> Vec<Bunker> {
    bunkers_with("").await
}

/// As [`bunkers`], with more lines in `[vault.databunker]`.
pub(crate) async fn bunkers_with(lines: &str) -> Vec<Bunker> {
    let settings = format!("{SETTINGS}{lines}");
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
        let key = gateway.key_for("acme", "officer", KeyScopes::all()).await;
        let approver = gateway.key_for("acme", "approver", KeyScopes::all()).await;
        let stranger = gateway.key_for("globex", "stranger", KeyScopes::all()).await;
        Self {
            gateway,
            key,
            approver,
            stranger,
            databases,
        }
    }

    /// `method` on `target`, without a key.
    pub(crate) fn bare(&self, method: &str, target: &str) -> Ask {
        Ask::new(self.gateway.vault_address(), method, target)
    }

    /// `method` on `target` by the holder of `key`, with a JSON body if there is one.
    pub(crate) async fn ask(&self, key: &str, method: &str, target: &str, body: Option<Value>) -> Reply {
        let ask = self.bare(method, target).header("x-bunker-token", key);
        match body {
            Some(body) => {
                let ask = ask.header("content-type", "application/json");
                ask.body(body.to_string()).send().await
            }
            None => ask.send().await,
        }
    }

    /// A call of `/v2`.
    pub(crate) async fn v2(&self, call: &str, body: Value) -> Reply {
        self.ask(&self.key, "POST", &format!("/v2/{call}"), Some(body))
            .await
    }

    /// A call of `/v2` that goes well; its answer.
    pub(crate) async fn good(&self, call: &str, body: Value) -> Value {
        assert_ok(&self.v2(call, body).await)
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.ask(&self.key, "GET", &format!("/v1/{path}"), None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.ask(&self.key, "POST", &format!("/v1/{path}"), Some(body))
            .await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.ask(&self.key, "PUT", &format!("/v1/{path}"), Some(body))
            .await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.ask(&self.key, "DELETE", &format!("/v1/{path}"), None).await
    }

    /// A call of `/v2` by the holder of `key`.
    pub(crate) async fn v2_by(&self, key: &str, call: &str, body: Value) -> Reply {
        self.ask(key, "POST", &format!("/v2/{call}"), Some(body)).await
    }

    /// A request of `/v1` by the holder of `key`.
    pub(crate) async fn v1_by(&self, key: &str, method: &str, path: &str, body: Option<Value>) -> Reply {
        self.ask(key, method, &format!("/v1/{path}"), body).await
    }

    /// What is answered to who asks for the user `token`.
    pub(crate) async fn profile(&self, token: &str) -> Reply {
        self.v2("UserGet", who(token, json!({}))).await
    }

    /// A new user with this profile; the token.
    pub(crate) async fn user(&self, profile: Value) -> String {
        let made = self.good("UserCreate", json!({ "profile": profile })).await;
        made["token"].as_str().unwrap().to_owned()
    }

    /// Erases the user `token`, by the native interface.
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

/// The body of an answer that says that all went well.
pub(crate) fn assert_ok(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let body = reply.json();
    assert_eq!(body["status"], "ok", "{body}");
    body
}

/// The message of a refusal with this status, in the one shape that refusals have.
pub(crate) fn assert_refused(reply: &Reply, status: u16) -> String {
    assert_eq!(reply.status, status, "{}", reply.text());
    let body = reply.json();
    assert_eq!(body["status"], "error", "{body}");
    assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
    body["message"].as_str().unwrap().to_owned()
}

/// The user whom `token` names, as fields of a body, beside those of `more`.
pub(crate) fn who(token: &str, more: Value) -> Value {
    let mut body = json!({"mode": "token", "identity": token});
    let Value::Object(more) = more else {
        panic!("an object");
    };
    body.as_object_mut().unwrap().extend(more);
    body
}
