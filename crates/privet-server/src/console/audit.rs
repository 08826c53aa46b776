//! Searching the tenant's part of the audit log, and proofs of single entries.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use axum::body::Body;
use axum::extract::{Path, State};
use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use privet_access::Privilege;
use privet_console::audit::{AuditEntryPage, AuditPage, AuditRow, ProofShown, Search};
use privet_console::{amount, day_and_time};
use privet_store::{Error, TenantEvent};
use privet_types::{Principal, TenantId};
use serde_json::Value;

use super::Desk;
use super::answer::{Answer, Stop, answer};
use super::past::People;
use super::visit::Visit;
use crate::problem::Problem;
use crate::watch::unavailable;

/// Entries that are shown.
const MOST_ROWS: usize = 100;
/// Shortest text that is searched for: a shorter one fits too much.
const LEAST_TEXT: usize = 4;

pub(super) async fn search(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::VaultAudit).await?;
        let page = desk.found(&visit).await;
        let page = page.map_err(|problem| Stop::from(problem).within(|| desk.frame(&visit, "")))?;
        Answer::page(&page)
    })
    .await
}

pub(super) async fn entry(
    State(desk): State<Desk>,
    Path(position): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::VaultAudit).await?;
        let page = desk.entry_page(&visit, &position).await;
        let page = page.map_err(|problem| Stop::from(problem).within(|| desk.frame(&visit, "")))?;
        Answer::page(&page)
    })
    .await
}

impl Desk {
    async fn found(&self, visit: &Visit) -> Result<AuditPage, Problem> {
        let tenant = &visit.caller().tenant;
        let search = Search {
            text: visit.form.text("text").to_owned(),
            kind: visit.form.text("kind").to_owned(),
        };
        let knows_names = self.may(visit, Privilege::PeopleRead);
        let people = knows_names.then(|| self.people(tenant));
        // Whoever may not see names learns nothing of whose pseudonym is which.
        let named = search.text.parse::<Principal>().ok().filter(|_| knows_names);
        let named = named.map(|name| self.gateway.pseudonyms.pseudonym(tenant, &name).0);
        let text = Some(search.text.as_str()).filter(|text| text.len() >= LEAST_TEXT);
        let is_wanted = |event: &TenantEvent| {
            let holds = |text: &str| event.payload.contains(text);
            let is_text =
                search.text.is_empty() || text.is_some_and(holds) || named.as_deref().is_some_and(holds);
            is_text && (search.kind.is_empty() || event.kind == search.kind)
        };
        let (mut rows, mut kinds) = (Vec::new(), BTreeSet::new());
        let take = |event: TenantEvent| {
            if is_wanted(&event) {
                if rows.len() == MOST_ROWS {
                    return ControlFlow::Break(());
                }
                rows.push(row(&event, people.as_ref()));
            }
            kinds.insert(event.kind);
            ControlFlow::Continue(())
        };
        let is_cut = self.past_events(tenant, Timestamp::MIN, take).await?;
        Ok(AuditPage {
            frame: self.frame(visit, "Audit log"),
            search,
            kinds: kinds.into_iter().collect(),
            knows_names,
            rows,
            is_cut,
        })
    }

    async fn entry_page(&self, visit: &Visit, position: &str) -> Result<AuditEntryPage, Problem> {
        let tenant = &visit.caller().tenant;
        let position: u64 = position.parse().map_err(|_| no_such_entry())?;
        let store = self.gateway.keys().store();
        // INVARIANT: nothing is shown of an entry that is not this tenant's.
        let event = store.tenant_event_at(tenant, position).await;
        let event = event
            .map_err(|error| unavailable(&error))?
            .ok_or_else(no_such_entry)?;
        let proof = self.proof(tenant, position).await?;
        let at = Timestamp::from_millisecond(event.at).unwrap_or(Timestamp::UNIX_EPOCH);
        let payload: Value = serde_json::from_str(&event.payload).unwrap_or_default();
        Ok(AuditEntryPage {
            frame: self.frame(visit, "Entry of the log"),
            position,
            at: day_and_time(at),
            source: format!("{} {}", event.node, event.seq.unwrap_or_default()),
            kind: event.kind,
            leaf: format!("{payload:#}"),
            proof,
        })
    }

    /// The proof that the leaf at `position`, which is known to be one of `tenant`, is in the log.
    async fn proof(&self, tenant: &TenantId, position: u64) -> Result<ProofShown, Problem> {
        let store = self.gateway.keys().store();
        let key = self.gateway.log_key.get();
        let head = store
            .log_head(&key)
            .await
            .map_err(|error| damaged(tenant, &error))?;
        let Some(head) = head.filter(|head| position < head.checkpoint.size) else {
            return Ok(ProofShown::NotYet);
        };
        let proof = store.leaf_proof(position, &head).await;
        let proof = proof.map_err(|error| damaged(tenant, &error))?;
        Ok(ProofShown::Checked {
            holds: proof.check(&key).is_ok(),
            leaf_hash: proof.leaf_hash().to_base64(),
            path: proof.path.iter().map(|hash| hash.to_base64()).collect(),
            checkpoint: head.note,
            size: amount(head.checkpoint.size),
            key: key.to_string(),
            file: proof.to_string(),
        })
    }
}

fn no_such_entry() -> Problem {
    Problem::told(
        StatusCode::NOT_FOUND,
        "There is no such entry in your part of the log.",
    )
}

fn damaged(tenant: &TenantId, error: &Error) -> Problem {
    match error {
        Error::LogDamaged { .. } => {
            tracing::error!(%tenant, %error, "the audit log is damaged");
            Problem::told(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The log cannot be proved: it does not fit what was signed. Run `privet audit verify`, and open an incident.",
            )
        }
        error => unavailable(error),
    }
}

fn row(event: &TenantEvent, people: Option<&People>) -> AuditRow {
    let at = Timestamp::from_millisecond(event.at).unwrap_or(Timestamp::UNIX_EPOCH);
    let payload: Value = serde_json::from_str(&event.payload).unwrap_or_default();
    AuditRow {
        at: day_and_time(at),
        kind: event.kind.clone(),
        text: told(&payload, people),
        position: event.position,
    }
}

/// The fields of an event in a line, without those that every one has.
fn told(payload: &Value, people: Option<&People>) -> String {
    let fields = payload.as_object().into_iter().flatten();
    let told = fields
        .filter(|(name, value)| !value.is_null() && !matches!(name.as_str(), "at" | "tenant" | "kind"))
        .map(|(name, value)| {
            let text = match value {
                Value::String(text) => {
                    let known = people.and_then(|people| people.name(text));
                    known.unwrap_or(text).to_owned()
                }
                other => other.to_string(),
            };
            format!("{name} {}", shortened(&text))
        });
    told.collect::<Vec<_>>().join(" · ")
}

fn shortened(text: &str) -> String {
    const MOST: usize = 80;
    if text.chars().count() <= MOST {
        text.to_owned()
    } else {
        let start: String = text.chars().take(MOST).collect();
        format!("{start}…")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_told_in_a_line_without_what_every_one_has() {
        let payload = json!({"at": "x", "tenant": "t", "actor": "a1", "count": 3, "none": null});
        assert_eq!(told(&payload, None), "actor a1 · count 3");
        assert_eq!(told(&json!([1]), None), "");
        assert_eq!(shortened(&"é".repeat(81)), format!("{}…", "é".repeat(80)));
    }
}
