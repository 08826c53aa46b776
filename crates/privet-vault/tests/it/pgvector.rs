//! The connector to chunks and vectors in PostgreSQL, on the server that `PRIVET_TEST_PGVECTOR` names, which has pgvector. Where
//! none is named the vectors are plain arrays on the server of the other tests: the connector looks at ids, never at vectors.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use privet_store::{Database, Location, Scope};
use privet_vault::{
    Connector, ErasureReason, Error, ForgetOutcome, Node, NodeKind, PgVector, PgVectorConfig, Reach,
    SubjectRef,
};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::postgres::server;
use crate::support::{House, ann};

/// A database of the test's own for chunks and vectors.
struct Chunks {
    server: String,
    name: String,
    has_pgvector: bool,
}

impl Chunks {
    #[expect(clippy::disallowed_methods, reason = "the rim of a test is its environment")]
    async fn new() -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let named = std::env::var("PRIVET_TEST_PGVECTOR").ok();
        let has_pgvector = named.is_some();
        let server = match named {
            Some(named) => named,
            None => server()?,
        };
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let chunks = Self {
            server,
            name: format!("privet_chunks_{}_{number}", std::process::id()),
            has_pgvector,
        };
        chunks.run("CREATE DATABASE", "").await;
        Some(chunks)
    }

    fn location(&self) -> Location {
        format!("{}/{}", self.server, self.name).parse().unwrap()
    }

    async fn vacuum(&self) {
        let mut database = PgConnection::connect(&format!("{}/{}", self.server, self.name))
            .await
            .unwrap();
        database.execute("VACUUM \"chunks of RAG\"").await.unwrap();
    }

    async fn drop(self) {
        self.run("DROP DATABASE IF EXISTS", "WITH (FORCE)").await;
    }

    async fn run(&self, what: &str, how: &str) {
        let mut server = PgConnection::connect(&format!("{}/postgres", self.server))
            .await
            .unwrap();
        let sql = format!("{what} {} {how}", self.name);
        server.execute(AssertSqlSafe(sql)).await.unwrap();
    }
}

async fn run(database: &Database, sql: impl Into<String>) {
    let sql = sql.into();
    database
        .write::<_, Error, _>(&Scope::Installation, move |tx| {
            Box::pin(async move { Ok(tx.script(sql).await?) })
        })
        .await
        .unwrap();
}

async fn ids(database: &Database) -> Vec<i64> {
    database
        .read::<_, Error, _>(&Scope::Installation, |tx| {
            Box::pin(async move {
                Ok(tx
                    .rows("SELECT id FROM \"chunks of RAG\" ORDER BY id", Vec::new())
                    .await?)
            })
        })
        .await
        .unwrap()
}

/// The ten chunks that are nearest to one of the person's, by the index.
async fn nearest(database: &Database) -> Vec<i64> {
    let mut found: Vec<i64> = database
        .read::<_, Error, _>(&Scope::Installation, |tx| {
            Box::pin(async move {
                tx.script("SET LOCAL enable_seqscan = off").await?;
                Ok(tx
                    .rows(
                        "SELECT id FROM \"chunks of RAG\" ORDER BY embedding <-> '[1,2,3]' LIMIT 10",
                        Vec::new(),
                    )
                    .await?)
            })
        })
        .await
        .unwrap();
    found.sort_unstable();
    found
}

/// 2,500 chunks of somebody, one of somebody else, and one of the same id in another tenant.
async fn filled(database: &Database, has_pgvector: bool, subject: &str) {
    let (before, kind, value, after) = if has_pgvector {
        (
            "CREATE EXTENSION vector;",
            "vector(3)",
            "ARRAY[n % 7, n % 11, n % 13]::vector",
            "CREATE INDEX ON \"chunks of RAG\" USING hnsw (embedding vector_l2_ops)",
        )
    } else {
        ("", "real[]", "ARRAY[n % 7, n % 11, n % 13]::real[]", "")
    };
    run(
        database,
        format!(
            "{before} CREATE TABLE \"chunks of RAG\" (id BIGINT PRIMARY KEY, who TEXT, tenant TEXT, embedding {kind}); \
             INSERT INTO \"chunks of RAG\" SELECT n, '{subject}', 'acme', {value} FROM generate_series(1, 2500) n; \
             INSERT INTO \"chunks of RAG\" SELECT n, 'somebody', 'acme', {value} FROM generate_series(2501, 2501) n; \
             INSERT INTO \"chunks of RAG\" SELECT n, '{subject}', 'other', {value} FROM generate_series(2502, 2502) n; \
             {after}"
        ),
    )
    .await;
}

fn config(subject: Option<&str>) -> PgVectorConfig {
    PgVectorConfig {
        table: "chunks of RAG".to_owned(),
        id: "id".to_owned(),
        subject: subject.map(str::to_owned),
        tenant: Some("tenant".to_owned()),
    }
}

fn node(id: &str) -> Node {
    Node {
        kind: NodeKind::Embeddings,
        place: "rag".to_owned(),
        node: id.to_owned(),
        reach: Reach::Connector,
        basis: String::new(),
    }
}

#[tokio::test]
async fn forgetting_somebody_takes_their_vectors_and_nobody_elses() {
    let Some(there) = Chunks::new().await else {
        return;
    };
    let house = House::on_sqlite().await.unwrap();
    let who = house.subject(json!({"login": "zilpha"})).await;
    let SubjectRef::Token(id) = &who else {
        unreachable!()
    };
    let database = Database::attach(&there.location()).unwrap();
    filled(&database, there.has_pgvector, id.as_str()).await;
    let connector = PgVector::new("rag", database.clone(), &config(Some("who"))).unwrap();
    let vault = house.vault.clone().with_connector("rag", Arc::new(connector));
    vault.register_node(&ann(), &who, &node("all")).await.unwrap();
    let plan = vault.plan_erasure(&ann(), &who).await.unwrap().value;
    let embeddings = plan
        .nodes
        .iter()
        .find(|node| node.kind == NodeKind::Embeddings)
        .unwrap();
    assert_eq!(embeddings.count, 2500);
    let done = vault.forget(&ann(), &who, ErasureReason::Request).await.unwrap();
    assert!(matches!(done, ForgetOutcome::Erased(_)), "{done:?}");
    assert_eq!(ids(&database).await, [2501, 2502]);
    if there.has_pgvector {
        // What is deleted stays in the index's graph until a vacuum, where it hides others but is never found.
        let found = nearest(&database).await;
        assert!(found.iter().all(|id| *id > 2500), "{found:?}");
        there.vacuum().await;
        assert_eq!(nearest(&database).await, [2501, 2502]);
    }
    database.close().await;
    there.drop().await;
    house.end().await;
}

#[tokio::test]
async fn without_a_subject_column_the_registered_ids_go() {
    let Some(there) = Chunks::new().await else {
        return;
    };
    let house = House::on_sqlite().await.unwrap();
    let who = house.subject(json!({"login": "zilpha"})).await;
    let SubjectRef::Token(id) = &who else {
        unreachable!()
    };
    let database = Database::attach(&there.location()).unwrap();
    filled(&database, there.has_pgvector, "x").await;
    run(
        &database,
        "DELETE FROM \"chunks of RAG\" WHERE id > 4 AND id < 2501",
    )
    .await;
    let connector = PgVector::new("rag", database.clone(), &config(None)).unwrap();
    let nodes = ["1", "3", "2502", "no such id"].map(str::to_owned);
    assert_eq!(
        connector.count("acme", id, &nodes).await.unwrap(),
        2,
        "2502 is another tenant's"
    );
    assert_eq!(connector.erase("acme", id, &nodes).await.unwrap(), 2);
    assert_eq!(ids(&database).await, [2, 4, 2501, 2502]);
    run(&database, "DROP TABLE \"chunks of RAG\"").await;
    let gone = connector.count("acme", id, &nodes).await;
    assert!(matches!(gone, Err(Error::Connector { .. })), "{gone:?}");
    database.close().await;
    there.drop().await;
    house.end().await;
}
