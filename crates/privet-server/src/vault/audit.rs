//! The tenant's own events.

use serde_json::Value;

use super::bodies::{EventBody, EventsBody, time};
use super::call::{Call, Reply};
use super::problem::VaultProblem;

pub(crate) async fn list(call: Call) -> Result<Reply, VaultProblem> {
    let after = call.asked_number("after")?.unwrap_or(0);
    let after = i64::try_from(after).map_err(|_| VaultProblem::field("after", "use the id of an event"))?;
    let limit = call.limit()?;
    let events = call
        .api
        .store
        .tenant_events(&call.actor.tenant, after, call.asked("kind"), limit)
        .await
        .map_err(privet_vault::Error::from)?;
    let rows = events.into_iter().map(|event| EventBody {
        id: event.id,
        node: event.node,
        seq: event.seq,
        position: event.position,
        at: time(event.at),
        kind: event.kind,
        event: serde_json::from_str(&event.payload).unwrap_or(Value::Null),
    });
    Reply::ok(&EventsBody { rows: rows.collect() })
}
