//! What the log is told of calls.

use privet_store::Leaf;
use privet_types::Pseudonym;
use serde::Serialize;

use super::call::Call;
use super::refusal::Refusal;

/// The kind of the leaves that tell of calls.
const CALL: &str = "databunker_call";

/// What the log is told of a call, beside its time and tenant.
#[derive(Serialize)]
struct CallLeaf<'a> {
    principal: &'a Pseudonym,
    call: &'static str,
    /// The subject's pseudonym, where something of theirs was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a Pseudonym>,
    status: &'static str,
    fields: u32,
    subjects: u32,
}

/// Tells the log of `call`, which was refused for `refusal`, or went well. On an error nothing may be answered but that.
pub(super) async fn record(call: &Call, refusal: Option<&Refusal>) -> Result<(), Refusal> {
    let access = call.event.access.as_ref();
    let payload = CallLeaf {
        principal: &call.actor.principal,
        call: call.name,
        subject: access.and_then(|access| access.subject.as_ref()),
        status: if refusal.is_some() { "error" } else { "ok" },
        fields: access.map_or(0, |access| access.fields),
        subjects: access.map_or(0, |access| access.subjects),
    };
    let leaf = Leaf {
        kind: CALL,
        tenant: call.actor.tenant.as_str(),
        at: call.now(),
        payload: &payload,
    };
    match call.bunker.api.spool.append_leaf(leaf).await {
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::error!(%error, "a call of the vault cannot be recorded; calls are refused until it can");
            Err(Refusal::Failed)
        }
    }
}
