//! Erasing subjects, and the receipts of it.

use privet_vault::{
    ErasureReason, ErasureReceipt, ErasureStatement, Error, ForgetOutcome, Ground, NodeOutcome, Operation,
    SubjectRef,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bodies::IdentityBody;
use super::call::{Call, Reply};
use super::problem::VaultProblem;

/// Who is to be erased, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewErasureBody {
    subject: IdentityBody,
    reason: ErasureReason,
    /// Whether only to tell what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Where an erasure stands.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ErasureBody {
    /// `planned` for a dry run; `begun` until everything is done, which is tried every minute; `done`.
    state: &'static str,
    /// Its id. A plan has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    erasure: Option<String>,
    /// Of a plan: the legal holds in the way, by their case's number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    holds: Vec<String>,
    /// What would become of everything, or became of it.
    nodes: Vec<NodeOutcome>,
    /// Until when somebody with an older backup of the keyring and the root key could still open the data, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    final_at: Option<String>,
    /// The signed receipt, once it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<ErasureReceipt>,
}

/// The key that a tenant's receipts are verified with.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ReceiptKeyBody {
    /// `Ed25519`.
    algorithm: &'static str,
    /// The public key, 64 hexadecimal digits.
    key: String,
}

pub(crate) async fn create(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: NewErasureBody = call.json().await?;
    let who = body.subject.subject()?;
    if body.dry_run {
        return plan(&call, &who).await;
    }
    match call.api.vault.forget(&call.actor, &who, body.reason).await? {
        ForgetOutcome::Erased(receipt) => Reply::ok(&done(*receipt)?),
        ForgetOutcome::Held(cases) => Err(VaultProblem::held(cases)),
    }
}

async fn plan(call: &Call, who: &SubjectRef) -> Result<Reply, VaultProblem> {
    let plan = call.api.vault.plan_erasure(&call.actor, who).await;
    let plan = call.show(Operation::PlanErasure, Ground::Ordinary, plan).await?;
    Reply::ok(&ErasureBody {
        state: "planned",
        erasure: None,
        holds: plan.holds,
        nodes: plan.nodes,
        final_at: None,
        receipt: None,
    })
}

pub(crate) async fn read(call: Call) -> Result<Reply, VaultProblem> {
    let id = call.param("erasure");
    let found = call.api.vault.erasure(&call.actor, id).await;
    let subject = match &found {
        Ok(Some(receipt)) => Some(statement(receipt)?.subject),
        _ => None,
    };
    match call.show_as(Operation::ReadErasure, subject, found).await? {
        Some(receipt) => Reply::ok(&done(receipt)?),
        None => Reply::ok(&ErasureBody {
            state: "begun",
            erasure: Some(id.to_owned()),
            holds: Vec::new(),
            nodes: Vec::new(),
            final_at: None,
            receipt: None,
        }),
    }
}

pub(crate) async fn key(call: Call) -> Result<Reply, VaultProblem> {
    let key = call.api.vault.receipt_key(&call.actor.tenant).await?;
    Reply::ok(&ReceiptKeyBody {
        algorithm: "Ed25519",
        key: key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}

fn done(receipt: ErasureReceipt) -> Result<ErasureBody, VaultProblem> {
    let statement = statement(&receipt)?;
    Ok(ErasureBody {
        state: "done",
        erasure: Some(statement.erasure),
        holds: Vec::new(),
        nodes: statement.nodes,
        final_at: Some(statement.final_at.to_string()),
        receipt: Some(receipt),
    })
}

/// What a receipt of this vault's own says.
fn statement(receipt: &ErasureReceipt) -> Result<ErasureStatement, VaultProblem> {
    Ok(serde_json::from_str(&receipt.statement).map_err(Error::Json)?)
}
