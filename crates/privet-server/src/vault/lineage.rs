//! What was made of a subject outside the vault.

use http::StatusCode;
use privet_vault::{Node, NodeKind, Operation, Reach, Registered};
use schemars::JsonSchema;
use serde::Serialize;

use super::call::{Call, Reply};
use super::problem::VaultProblem;

/// What is registered of a subject.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NodesBody {
    rows: Vec<NodeBody>,
}

/// Something outside the vault that was made of a subject.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NodeBody {
    kind: NodeKind,
    place: String,
    /// Its id there.
    node: String,
    reach: Reach,
    /// The legal basis of what is retained.
    #[serde(skip_serializing_if = "String::is_empty")]
    basis: String,
    /// RFC 3339.
    registered_at: String,
}

impl From<Registered> for NodeBody {
    fn from(registered: Registered) -> Self {
        let node = registered.node;
        Self {
            kind: node.kind,
            place: node.place,
            node: node.node,
            reach: node.reach,
            basis: node.basis,
            registered_at: registered.registered_at.to_string(),
        }
    }
}

pub(crate) async fn list(call: Call) -> Result<Reply, VaultProblem> {
    let (subject, who) = (call.subject_id()?, call.subject()?);
    let nodes = call.api.vault.lineage(&call.actor, &who).await;
    let nodes = call
        .show_of(Operation::ReadLineage, Some(&subject), |_| 1, nodes)
        .await?;
    Reply::ok(&NodesBody {
        rows: nodes.into_iter().map(Into::into).collect(),
    })
}

/// Registers a node, and shows it as it is registered.
pub(crate) async fn register(mut call: Call) -> Result<Reply, VaultProblem> {
    let node: Node = call.json().await?;
    let (who, vault) = (call.subject()?, &call.api.vault);
    let registered = vault.register_node(&call.actor, &who, &node).await?;
    Reply::json(StatusCode::CREATED, &NodeBody::from(registered))
}
