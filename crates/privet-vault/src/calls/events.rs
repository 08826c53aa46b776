//! Events of the log that are about a subject, whichever way they came: Databunker's interfaces, the vault's own, the gateway.

use privet_store::{Tx, values};
use privet_types::{Pseudonym, TenantId};
use serde_json::Value;

use super::{CallEntry, CallPage, KIND, MOST_LISTED, read};
use crate::consent;
use crate::subject::{signed, timestamp};
use crate::{Actor, Error, SubjectId, SubjectKeys as _, Vault};

/// Characters of a pseudonym that the column `about` holds.
const ABOUT: usize = 32;
/// What the ids of events that are no calls begin with, as hexadecimal digits. A UUID of version 8.
const PREFIX: &str = "707269766574";

/// `id, at, kind, payload`, and `id, subject, app, note` of the call whose leaf it is.
type EventRow = (
    i64,
    i64,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

const SELECT: &str = "SELECT e.id, e.at, e.kind, e.payload, c.id, c.subject, c.app, c.note FROM audit_events e \
                      LEFT JOIN vault_calls c ON c.tenant = e.tenant AND c.event = e.id WHERE e.tenant = $1";
/// Events of a subject, without those that are part of a call.
const OF: &str = "e.tenant = $1 AND e.about IN ($2, $3) AND NOT EXISTS \
                  (SELECT 1 FROM vault_call_parts p WHERE p.tenant = e.tenant AND p.event = e.id)";

/// How the log calls a subject.
#[derive(Clone)]
pub(super) struct Names {
    /// In what the vault and the gateway tell.
    pub(super) vault: Pseudonym,
    /// In the history of consent, as far as `about` holds it.
    consent: String,
}

impl Vault {
    /// The newest event of the tenant: what a call that is worked on now will be behind. 0 if there is none.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn newest_event(&self, actor: &Actor) -> Result<i64, Error> {
        let tenant = actor.tenant.clone();
        let newest: Option<i64> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let sql = "SELECT MAX(id) FROM audit_events WHERE tenant = $1";
                    Ok(tx.one(sql, values![tenant.as_str()]).await?)
                })
            })
            .await?;
        Ok(newest.unwrap_or(0))
    }

    /// What the log has about `subject`, newest first: `limit`, 1,000 at most, behind the first `offset`. Calls of
    /// Databunker's interfaces, reads and changes by the vault's own, decisions about prompts, consent. What a call led to is
    /// shown as the call alone. O(n) in the events of the subject; a page is held in memory.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is no such subject, those of the store, [`Error::Damaged`] if a leaf cannot be read.
    pub async fn events_of(
        &self,
        actor: &Actor,
        subject: &SubjectId,
        offset: u64,
        limit: u32,
    ) -> Result<CallPage, Error> {
        let names = self.names_in_log(&actor.tenant, subject).await?;
        let names = names.ok_or(Error::Absent { what: "subject" })?;
        let tenant = actor.tenant.clone();
        let (offset, limit) = (signed(offset), limit.min(MOST_LISTED));
        let (total, rows): (i64, Vec<EventRow>) = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let (vault, consent) = (names.vault.0.as_str(), names.consent.as_str());
                    let total = format!("SELECT COUNT(*) FROM audit_events e WHERE {OF}");
                    let total = tx.one(total, values![tenant.as_str(), vault, consent]).await?;
                    let sql = format!("{SELECT} AND {OF} ORDER BY e.id DESC LIMIT $4 OFFSET $5");
                    let page = values![tenant.as_str(), vault, consent, limit, offset];
                    Ok((total, tx.rows(sql, page).await?))
                })
            })
            .await?;
        let shown = |row| entry(row, Some(subject));
        Ok(CallPage {
            total: total.unsigned_abs(),
            rows: rows.into_iter().map(shown).collect::<Result<_, _>>()?,
        })
    }

    /// The event `number` of the log, if it is about somebody.
    pub(super) async fn event(&self, actor: &Actor, number: i64) -> Result<CallEntry, Error> {
        let tenant = actor.tenant.clone();
        let row: Option<EventRow> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let sql = format!("{SELECT} AND e.id = $2 AND e.about IS NOT NULL AND c.id IS NULL");
                    Ok(tx.optional(sql, values![tenant.as_str(), number]).await?)
                })
            })
            .await?;
        entry(row.ok_or(Error::Absent { what: "call" })?, None)
    }

    /// How the log calls `id`; `None` if there is none, or no longer.
    pub(super) async fn names_in_log(
        &self,
        tenant: &TenantId,
        id: &SubjectId,
    ) -> Result<Option<Names>, Error> {
        let Some(vault) = self.subject_pseudonym(tenant, id).await? else {
            return Ok(None);
        };
        let Some(key) = self.data_key(tenant, id.as_str()).await? else {
            return Ok(None);
        };
        let mut consent = consent::pseudonym(&key, tenant).to_hex();
        consent.truncate(ABOUT);
        Ok(Some(Names { vault, consent }))
    }
}

/// Notes that what `principal` led to about the subject, behind the event `since` and before `event`, is part of the call whose
/// leaf is `event`.
pub(super) async fn claim(
    tx: &mut Tx,
    tenant: &str,
    names: &Names,
    principal: &Pseudonym,
    since: i64,
    event: i64,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO vault_call_parts (tenant, event) SELECT e.tenant, e.id FROM audit_events e WHERE e.tenant = $1 \
         AND e.about IN ($2, $3) AND e.id > $4 AND e.id < $5 AND e.kind NOT IN ('vault_call', 'vault_read', 'decision') \
         AND e.payload LIKE $6 ON CONFLICT (tenant, event) DO NOTHING",
        values![
            tenant,
            names.vault.0.as_str(),
            names.consent.as_str(),
            since,
            event,
            format!("%\"principal\":\"{}\"%", principal.0)
        ],
    )
    .await?;
    Ok(())
}

/// The event whose id this is, if it is one that [`id`] made.
pub(super) fn number(id: &str) -> Option<i64> {
    let digits: String = id.chars().filter(|c| *c != '-').collect();
    let rest = digits.strip_prefix(PREFIX)?.strip_prefix('8')?;
    let (high, rest) = (rest.get(..3)?, rest.get(3..)?.strip_prefix('8')?);
    (rest.len() == 15).then_some(())?;
    i64::from_str_radix(&format!("{high}{rest}"), 16).ok()
}

/// The event `number` as a UUID. Such numbers have 18 digits at most.
fn id(number: i64) -> String {
    let digits = format!("{number:018x}");
    let part = |from, to| digits.get(from..to).unwrap_or_default();
    let (first, second) = PREFIX.split_at(8);
    format!("{first}-{second}-8{}-8{}-{}", part(0, 3), part(3, 6), part(6, 18))
}

fn entry(
    (number, at, kind, payload, call, about, app, note): EventRow,
    subject: Option<&SubjectId>,
) -> Result<CallEntry, Error> {
    if kind == KIND
        && let Some(call) = call
    {
        return read((call, about, app, note, at, payload));
    }
    let damaged = |_| Error::Damaged {
        table: "audit_events",
    };
    let payload: Value = serde_json::from_str(&payload).map_err(damaged)?;
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    let count = |name: &str| {
        let count = payload.get(name).and_then(Value::as_u64).unwrap_or(0);
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let decided = payload.get("decision");
    let action = decided.and_then(|decision| decision.get("action")?.as_str());
    // Words of closed sets: what was read, what was decided, for which purpose.
    let note = text("operation").or(action).or(text("purpose"));
    Ok(CallEntry {
        id: id(number),
        at: timestamp(at)?,
        why: why(text("result"), action).map(str::to_owned),
        call: kind,
        principal: Pseudonym(text("principal").unwrap_or_default().to_owned()),
        mode: None,
        subject: subject.cloned(),
        app: None,
        note: note.map(str::to_owned),
        fields: count("fields"),
        subjects: count("subjects"),
        version: payload.get("version").and_then(Value::as_u64),
    })
}

/// Why it was not done, in the words that calls have.
fn why(result: Option<&str>, action: Option<&str>) -> Option<&'static str> {
    match (result, action) {
        (Some("absent"), _) => Some("not found"),
        (Some("refused"), _) | (_, Some("block")) => Some("not allowed"),
        (Some("failed"), _) => Some("failed"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_an_event_leads_back_to_it() {
        for event in [0, 1, 4096, 1 << 47, 1 << 50, i64::MAX] {
            let id = id(event);
            assert_eq!(id.len(), 36, "{id}");
            assert!(id.parse::<SubjectId>().is_ok(), "{id}");
            assert_eq!(number(&id), Some(event), "{id}");
        }
        for other in ["", "x", "00000000-0000-4000-8000-000000000000", "70726976-6574-8"] {
            assert_eq!(number(other), None);
        }
    }
}
