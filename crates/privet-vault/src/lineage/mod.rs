//! What was made of a subject: the graph that erasure walks.
//!
//! The vault's own rows hang on the subject by its id and need no entry. What lies elsewhere (an export, embeddings, rows
//! of a dataset, a model) is registered here by the room that made it, with how far erasure can reach.

mod pgvector;

use std::future::Future;
use std::pin::Pin;

use jiff::Timestamp;
use privet_store::{Leaf, append_leaf, values};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audit::SubjectChange;
use crate::followed::{RowName, half};
use crate::subject::{Keys, SubjectId};
use crate::{Actor, Error, SubjectRef, Vault};

pub use pgvector::{PgVector, PgVectorConfig};

/// Longest name of a place or node, and longest legal basis.
const LONGEST: usize = 256;

/// Most nodes of one subject.
const MOST_NODES: i64 = 10_000;

/// What kind of thing holds something of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NodeKind {
    /// Versions of the record.
    Records,
    /// Entries of blind indexes.
    IndexEntries,
    /// What applications keep.
    AppData,
    /// Sessions.
    Sessions,
    /// Shared records.
    Shares,
    /// Tokens of single values.
    Tokens,
    /// Tokens that keep the format of their value.
    FormatPreservingTokens,
    /// Stand-ins of prompts.
    Surrogates,
    /// Maps of stand-ins, kept for stateful calls.
    SurrogateMaps,
    /// Archived prompts and replies.
    Conversations,
    /// Changes that were asked for.
    Proposals,
    /// Tokens with which the person called for themselves.
    OwnTokens,
    /// Keyed hashes of what the person was named by in requests.
    RequestNames,
    /// An export.
    Export,
    /// Chunks and vectors.
    Embeddings,
    /// Rows of a dataset.
    DatasetRows,
    /// A trained model.
    Model,
    /// Leaves of the audit log.
    AuditLeaves,
    /// History of consent.
    ConsentHistory,
}

/// How far erasure reaches into a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// A connector of the place's name erases it.
    Connector,
    /// It is no longer shown, but still there.
    Hidden,
    /// It is kept, on a legal basis.
    Retained,
    /// Nobody here can erase it; the receipt says so.
    OutOfScope,
}

/// Something outside the vault that was made of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Where it is: the name of a connector, a bucket, a registry. At most 256 bytes.
    pub place: String,
    /// Its id there, which must not be personal data itself. At most 256 bytes.
    pub node: String,
    /// How far erasure reaches.
    pub reach: Reach,
    /// The legal basis of what is retained; else empty.
    #[serde(default)]
    pub basis: String,
}

/// A node as it is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Registered {
    /// The node.
    #[serde(flatten)]
    pub node: Node,
    /// Since when.
    pub registered_at: Timestamp,
}

/// What a connector is asked to do. Boxed futures, so that connectors can be chosen at run time.
pub type Connected<'a> = Pin<Box<dyn Future<Output = Result<u64, Error>> + Send + 'a>>;

/// A store outside the vault that can erase what is in it of a subject. Each call may be repeated.
pub trait Connector: Send + Sync {
    /// How many things there are of `subject` in `tenant`, under the ids `nodes`.
    fn count<'a>(&'a self, tenant: &'a str, subject: &'a SubjectId, nodes: &'a [String]) -> Connected<'a>;

    /// Erases them. Returns how many went. After it, [`count`](Self::count) must be 0: the vault asks.
    fn erase<'a>(&'a self, tenant: &'a str, subject: &'a SubjectId, nodes: &'a [String]) -> Connected<'a>;
}

impl Vault {
    /// Registers that `node` holds something of `who`, and tells how it stands. The same node again changes nothing but its
    /// reach and basis.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::BadField`] if a name is empty or too long or a retained node has no basis,
    /// [`Error::TooMany`] past 10,000 nodes.
    pub async fn register_node(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        node: &Node,
    ) -> Result<Registered, Error> {
        check(node)?;
        let found = self.find(actor, who).await?;
        let at = self.now();
        let change = SubjectChange {
            subject: Some(found.pseudonym()),
            count: Some(1),
            ..SubjectChange::by(actor, at).naming(edge_name(
                &found.keys,
                actor.tenant.as_str(),
                found.row.id.as_str(),
                [&name(&node.kind)?, &node.place, &node.node],
            ))
        };
        let node = node.clone();
        self.store
            .database()
            .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    if !found.row.hold(tx).await? {
                        return Err(Error::Absent { what: "subject" });
                    }
                    let (tenant, subject) = (&found.row.tenant, found.row.id.as_str());
                    let nodes: i64 = tx
                        .one(
                            "SELECT COUNT(*) FROM lineage WHERE tenant = $1 AND subject = $2",
                            values![tenant, subject],
                        )
                        .await?;
                    if nodes >= MOST_NODES {
                        return Err(Error::TooMany {
                            what: "nodes of one subject",
                            most: MOST_NODES.unsigned_abs(),
                        });
                    }
                    let since: i64 = tx
                        .one(
                            "INSERT INTO lineage (tenant, subject, kind, place, node, reach, basis, registered_at) \
                             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
                             ON CONFLICT (tenant, subject, kind, place, node) \
                             DO UPDATE SET reach = excluded.reach, basis = excluded.basis RETURNING registered_at",
                        values![
                            tenant,
                            subject,
                            name(&node.kind)?,
                            &node.place,
                            &node.node,
                            name(&node.reach)?,
                            &node.basis,
                            at.as_millisecond()
                        ],
                    )
                    .await?;
                    let leaf = Leaf {
                        kind: "lineage_registered",
                        tenant,
                        at,
                        payload: &change,
                    };
                    append_leaf(tx, leaf).await?;
                    Ok(Registered {
                        node,
                        registered_at: crate::subject::timestamp(since)?,
                    })
                })
            })
            .await
    }

    /// What is registered of `who`, by kind, place and id.
    ///
    /// # Errors
    /// [`Error::Absent`].
    pub async fn lineage(&self, actor: &Actor, who: &SubjectRef) -> Result<Vec<Registered>, Error> {
        let found = self.find(actor, who).await?;
        self.nodes(actor, &found.row.id).await
    }

    /// The nodes of the subject `id`, erased or not.
    pub(crate) async fn nodes(&self, actor: &Actor, id: &SubjectId) -> Result<Vec<Registered>, Error> {
        let (tenant, id) = (actor.tenant.as_str().to_owned(), id.as_str().to_owned());
        let rows: Vec<(String, String, String, String, String, i64)> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .rows(
                            "SELECT kind, place, node, reach, basis, registered_at FROM lineage \
                             WHERE tenant = $1 AND subject = $2 ORDER BY kind, place, node",
                            values![tenant, id],
                        )
                        .await?)
                })
            })
            .await?;
        rows.into_iter()
            .map(|(kind, place, node, reach, basis, at)| {
                Ok(Registered {
                    node: Node {
                        kind: named(&kind)?,
                        place,
                        node,
                        reach: named(&reach)?,
                        basis,
                    },
                    registered_at: crate::subject::timestamp(at)?,
                })
            })
            .collect()
    }
}

/// What the log calls an edge; `end` is its kind, place and id. Nobody can tell whose it was once the key is shredded.
pub(crate) fn edge_name(keys: &Keys, tenant: &str, subject: &str, end: [&str; 3]) -> RowName {
    let [kind, place, node] = end.map(str::as_bytes);
    half(&keys.mark(
        "privet/vault/lineage/1",
        &[tenant.as_bytes(), subject.as_bytes(), kind, place, node],
    ))
}

fn check(node: &Node) -> Result<(), Error> {
    let bad = |field: &str, why| Error::BadField {
        field: field.to_owned(),
        why,
    };
    for (field, value) in [("place", &node.place), ("node", &node.node)] {
        if value.is_empty() || value.len() > LONGEST {
            return Err(bad(field, "1 to 256 bytes"));
        }
    }
    if node.basis.len() > LONGEST {
        return Err(bad("basis", "at most 256 bytes"));
    }
    if node.reach == Reach::Retained && node.basis.is_empty() {
        return Err(bad("basis", "say on which legal basis it is retained"));
    }
    Ok(())
}

/// A unit variant's name, as serde writes it.
fn name<T: Serialize>(value: &T) -> Result<String, Error> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        _ => Err(Error::Damaged { table: "lineage" }),
    }
}

fn named<T: serde::de::DeserializeOwned>(name: &str) -> Result<T, Error> {
    serde_json::from_value(name.into()).map_err(|_| Error::Damaged { table: "lineage" })
}
