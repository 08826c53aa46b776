//! Searching the tenant's part of the audit log, and proofs of single entries.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};
use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use privet_access::Privilege;
use privet_console::audit::{AuditEntryPage, AuditPage, AuditRow, ProofShown, Search};
use privet_console::{amount, day_and_time};
use privet_store::{Error, TenantEvent};
use privet_types::{Principal, TenantId};
use serde_json::Value;

use super::Desk;
use super::answer::{Answer, Stop, answer};
use super::form::with_query;
use super::past::{People, Stretch};
use super::visit::Visit;
use crate::named::Named;
use crate::problem::Problem;
use crate::watch::unavailable;

const PATH: &str = "/console/audit";
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
    Named(position): Named,
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
        let (tenant, form) = (&visit.caller().tenant, &visit.form);
        let search = Search {
            text: form.text("text").to_owned(),
            kind: form.text("kind").to_owned(),
            who: form.text("who").to_owned(),
            from: form.text("from").to_owned(),
            to: form.text("to").to_owned(),
        };
        let stretch = Stretch {
            from: time(&search.from)?.unwrap_or(Timestamp::MIN),
            // The whole of the minute that is named.
            to: match time(&search.to)? {
                Some(to) => to.checked_add(SignedDuration::from_millis(59_999)).unwrap_or(to),
                None => Timestamp::MAX,
            },
            before: form.text("before").parse().ok(),
        };
        let knows_names = self.may(visit, Privilege::PeopleRead);
        let people = knows_names.then(|| self.people(tenant));
        // Whoever may not see names learns nothing of whose pseudonym is which.
        let pseudonym = |name: &str| {
            let name = name.parse::<Principal>().ok().filter(|_| knows_names);
            name.map(|name| self.gateway.pseudonyms.pseudonym(tenant, &name).0)
        };
        let named = pseudonym(&search.text);
        let text = Some(search.text.as_str()).filter(|text| text.len() >= LEAST_TEXT);
        // As a value of its own: nobody is found by a part of a word.
        let quoted = |text: &str| format!("\"{text}\"");
        let is_plain = search.who.len() >= LEAST_TEXT && !search.who.contains(['"', '\\']);
        let whos: Vec<String> = [pseudonym(&search.who), is_plain.then(|| search.who.clone())]
            .into_iter()
            .flatten()
            .map(|who| quoted(&who))
            .collect();
        let is_wanted = |event: &TenantEvent| {
            let holds = |text: &str| event.payload.contains(text);
            let is_text =
                search.text.is_empty() || text.is_some_and(holds) || named.as_deref().is_some_and(holds);
            let is_who = search.who.is_empty() || whos.iter().any(|who| holds(who));
            is_text && is_who && (search.kind.is_empty() || event.kind == search.kind)
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
        let looked = self.search(tenant, &stretch, take).await?;
        let next = looked.next.map(|before| {
            let before = before.to_string();
            let fields = [
                ("text", search.text.as_str()),
                ("kind", search.kind.as_str()),
                ("who", search.who.as_str()),
                ("from", search.from.as_str()),
                ("to", search.to.as_str()),
                ("before", before.as_str()),
            ];
            with_query(PATH, &fields)
        });
        let oldest = looked.oldest.and_then(|at| Timestamp::from_millisecond(at).ok());
        Ok(AuditPage {
            frame: self.frame(visit, "Audit log"),
            search,
            kinds: kinds.into_iter().collect(),
            knows_names,
            rows,
            looked_through: amount(looked.through as u64),
            oldest: oldest.map(day_and_time).unwrap_or_default(),
            next,
            is_further: stretch.before.is_some(),
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

/// A time of a form, which is UTC; none if nothing was said.
fn time(text: &str) -> Result<Option<Timestamp>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let parsed = text.parse::<DateTime>().ok();
    let parsed = parsed.and_then(|time| Offset::UTC.to_timestamp(time).ok());
    parsed.map(Some).ok_or_else(|| {
        Problem::told(
            StatusCode::BAD_REQUEST,
            "Say a time as 2026-03-04T05:06. It is taken as UTC.",
        )
    })
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
    fn a_time_is_utc_and_what_is_none_is_refused() {
        let at = |text: &str| time(text).ok();
        assert_eq!(at(""), Some(None));
        assert_eq!(at("2026-03-04T05:06"), Some("2026-03-04T05:06:00Z".parse().ok()));
        assert_eq!(at("2026-03-04"), Some("2026-03-04T00:00:00Z".parse().ok()));
        for bad in ["yesterday", "2026-13-01T00:00", "9999999-01-01"] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_event_is_told_in_a_line_without_what_every_one_has() {
        let payload = json!({"at": "x", "tenant": "t", "actor": "a1", "count": 3, "none": null});
        assert_eq!(told(&payload, None), "actor a1 · count 3");
        assert_eq!(told(&json!([1]), None), "");
        assert_eq!(shortened(&"é".repeat(81)), format!("{}…", "é".repeat(80)));
    }
}
