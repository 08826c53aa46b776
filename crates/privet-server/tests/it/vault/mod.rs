//! The vault over real HTTP, on SQLite and on PostgreSQL.

mod archive;
mod bulk;
mod consent;
mod document;
mod endings;
mod log;
mod measurements;
mod refused;
mod requests;
mod rights;
mod scopes;
mod subjects;
mod tenants;

use privet_testkit::{Builder, Home, Reply, TestGateway};
use privet_types::KeyScopes;
use serde_json::{Value, json};

use crate::postgres::TestDatabase;

pub(crate) const ADA: &str = "ada.lovelace@example.com";

/// A gateway with a vault on one of the databases, and a key for everything.
pub(crate) struct House {
    pub(crate) gateway: TestGateway,
    pub(crate) key: String,
    databases: Vec<TestDatabase>,
}

/// One house on each database; on SQLite alone where no PostgreSQL server is named.
pub(crate) async fn houses() -> Vec<House> {
    houses_with("").await
}

/// The same, with these lines in the settings' `[vault]`.
pub(crate) async fn houses_with(lines: &str) -> Vec<House> {
    houses_of(|| TestGateway::builder().vault(lines)).await
}

/// The same, of gateways that `builder` describes.
pub(crate) async fn houses_of(builder: impl Fn() -> Builder) -> Vec<House> {
    let gateway = builder().start().await;
    let mut houses = vec![House::of(gateway, Vec::new()).await];
    if let (Some(store), Some(keyring)) = (TestDatabase::new().await, TestDatabase::new().await) {
        let gateway = builder()
            .databases(store.location(), keyring.location())
            .start()
            .await;
        houses.push(House::of(gateway, vec![store, keyring]).await);
    }
    houses
}

/// Two gateways on one store and one keyring, on each database.
pub(crate) async fn pairs() -> Vec<(House, TestGateway)> {
    let mut pairs = Vec::new();
    let home = Home::default();
    let twin = home.twin();
    let file = |name: &str| (&home.path().join("privet-data").join(name)).into();
    let places: [privet_store::Location; 2] = [file("privet.sqlite"), file("keyring.sqlite")];
    let [store, keyring] = places.clone();
    let first = TestGateway::builder().vault("").home(home).start().await;
    let second = TestGateway::builder().vault("").home(twin);
    let second = second.databases(store, keyring).start().await;
    pairs.push((House::of(first, Vec::new()).await, second));
    if let (Some(store), Some(keyring)) = (TestDatabase::new().await, TestDatabase::new().await) {
        let home = Home::default();
        let twin = home.twin();
        let first = TestGateway::builder().vault("").home(home);
        let first = first
            .databases(store.location(), keyring.location())
            .start()
            .await;
        let second = TestGateway::builder().vault("").home(twin);
        let second = second
            .databases(store.location(), keyring.location())
            .start()
            .await;
        pairs.push((House::of(first, vec![store, keyring]).await, second));
    }
    pairs
}

impl House {
    async fn of(gateway: TestGateway, databases: Vec<TestDatabase>) -> Self {
        let key = gateway.key_for("acme", "officer", KeyScopes::all()).await;
        Self {
            gateway,
            key,
            databases,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.gateway.ask_vault(&self.key, "GET", path, None).send().await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.gateway
            .ask_vault(&self.key, "POST", path, Some(&body))
            .send()
            .await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.gateway
            .ask_vault(&self.key, "PUT", path, Some(&body))
            .send()
            .await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.gateway
            .ask_vault(&self.key, "DELETE", path, None)
            .send()
            .await
    }

    /// A new subject of `acme` with this record; its token.
    pub(crate) async fn subject(&self, record: Value) -> String {
        let made = self.post("/subjects", json!({ "record": record })).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["token"].as_str().unwrap().to_owned()
    }

    /// Ends it at once, for tests that have taken something away from it.
    pub(crate) async fn crash(self) {
        self.gateway.crash().await;
        for database in self.databases {
            database.drop().await;
        }
    }

    pub(crate) async fn end(self) {
        self.gateway.stop().await;
        for database in self.databases {
            database.drop().await;
        }
    }
}

/// `reply` is a problem with this status and code, and holds none of `secrets`.
pub(crate) fn assert_problem(reply: &Reply, status: u16, code: &str, secrets: &[&str]) {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    assert_eq!(reply.json()["code"], code, "{}", reply.text());
    for secret in secrets {
        assert!(!reply.text().contains(secret), "{}", reply.text());
    }
}
