//! The connector to chunks and vectors in PostgreSQL. Where the server has no pgvector the vectors are plain arrays: the
//! connector looks at ids, never at vectors.

use std::sync::Arc;

use privet_store::{Database, Scope};
use privet_vault::{
    Connector, ErasureReason, Error, ForgetOutcome, Node, NodeKind, PgVector, PgVectorConfig, Reach,
    SubjectRef,
};
use serde_json::json;

use crate::postgres::TestDatabase;
use crate::support::{House, ann};

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

/// 2,500 chunks of somebody, one of somebody else, and one of the same id in another tenant.
async fn filled(database: &Database, subject: &str) {
    let kind = match database
        .write::<_, Error, _>(&Scope::Installation, |tx| {
            Box::pin(async move { Ok(tx.script("CREATE EXTENSION IF NOT EXISTS vector").await?) })
        })
        .await
    {
        Ok(()) => "vector(3)",
        Err(_) => "real[]",
    };
    let value = if kind == "real[]" {
        "ARRAY[1,2,3]::real[]"
    } else {
        "'[1,2,3]'"
    };
    run(
        database,
        format!(
            "CREATE TABLE \"chunks of RAG\" (id BIGINT PRIMARY KEY, who TEXT, tenant TEXT, embedding {kind}); \
             INSERT INTO \"chunks of RAG\" SELECT n, '{subject}', 'acme', {value} FROM generate_series(1, 2500) n; \
             INSERT INTO \"chunks of RAG\" VALUES (2501, 'somebody', 'acme', {value}), (2502, '{subject}', 'other', {value})"
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
    let Some(there) = TestDatabase::new().await else {
        return;
    };
    let house = House::on_sqlite().await.unwrap();
    let who = house.subject(json!({"login": "zilpha"})).await;
    let SubjectRef::Token(id) = &who else {
        unreachable!()
    };
    let database = Database::attach(&there.location()).unwrap();
    filled(&database, id.as_str()).await;
    let connector = PgVector::new("rag", database.clone(), &config(Some("who"))).unwrap();
    let vault = house.vault.clone().with_connector("rag", Arc::new(connector));
    vault.register_node(&ann(), &who, &node("all")).await.unwrap();
    let plan = vault.plan_erasure(&ann(), &who).await.unwrap();
    let embeddings = plan
        .nodes
        .iter()
        .find(|node| node.kind == NodeKind::Embeddings)
        .unwrap();
    assert_eq!(embeddings.count, 2500);
    let done = vault.forget(&ann(), &who, ErasureReason::Request).await.unwrap();
    assert!(matches!(done, ForgetOutcome::Erased(_)), "{done:?}");
    assert_eq!(ids(&database).await, [2501, 2502]);
    database.close().await;
    there.drop().await;
    house.end().await;
}

#[tokio::test]
async fn without_a_subject_column_the_registered_ids_go() {
    let Some(there) = TestDatabase::new().await else {
        return;
    };
    let house = House::on_sqlite().await.unwrap();
    let who = house.subject(json!({"login": "zilpha"})).await;
    let SubjectRef::Token(id) = &who else {
        unreachable!()
    };
    let database = Database::attach(&there.location()).unwrap();
    filled(&database, "x").await;
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
