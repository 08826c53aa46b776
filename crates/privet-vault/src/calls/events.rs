//! Events of the log that are about a subject, whichever way they came: Databunker's interfaces, the vault's own, the gateway.

use std::sync::Arc;

use privet_crypto::HashKey;
use privet_store::{Tx, values};
use privet_types::{Pseudonym, TenantId};
use serde_json::Value;

use super::id::{EventId, bare, keyed};
use super::{CallEntry, CallPage, KIND, MOST_LISTED, Wrote, read};
use crate::consent;
use crate::subject::{signed, timestamp};
use crate::{Actor, Error, SubjectId, SubjectKeys as _, Vault};

/// Characters of a pseudonym that the column `about` holds.
const ABOUT: usize = 32;
/// Most subjects whose ids begin alike that an event's id is held against. With a hundred million there are some six.
const MOST_ALIKE: i64 = 256;

/// `id, at, kind, payload`, and `id, subject, app, note, wrote` of the call whose leaf it is.
type EventRow = (
    i64,
    i64,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

const SELECT: &str = "SELECT e.id, e.at, e.kind, e.payload, c.id, c.subject, c.app, c.note, c.wrote FROM audit_events e \
                      LEFT JOIN vault_calls c ON c.tenant = e.tenant AND c.event = e.id WHERE e.tenant = $1";
/// Events of a subject, without those that are part of a call.
const OF: &str = "e.tenant = $1 AND e.about IN ($2, $3) AND NOT EXISTS \
                  (SELECT 1 FROM vault_call_parts p WHERE p.tenant = e.tenant AND p.event = e.id)";

/// Events about somebody, and calls about nobody, without those that are part of a call. An index has the first condition.
const ALL: &str = "e.tenant = $1 AND (e.about IS NOT NULL OR e.kind = 'vault_call') AND NOT EXISTS \
                   (SELECT 1 FROM vault_call_parts p WHERE p.tenant = e.tenant AND p.event = e.id)";

/// How the log calls a subject.
#[derive(Clone)]
pub(super) struct Names {
    /// In what the vault and the gateway tell.
    pub(super) vault: Pseudonym,
    /// In the history of consent, as far as `about` holds it.
    consent: String,
    /// Makes the ids of events.
    ids: Arc<HashKey>,
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
        let (known, about) = (names.clone(), names);
        let (total, rows): (i64, Vec<EventRow>) = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let (vault, consent) = (about.vault.0.as_str(), about.consent.as_str());
                    let total = format!("SELECT COUNT(*) FROM audit_events e WHERE {OF}");
                    let total = tx.one(total, values![tenant.as_str(), vault, consent]).await?;
                    let sql = format!("{SELECT} AND {OF} ORDER BY e.id DESC LIMIT $4 OFFSET $5");
                    let page = values![tenant.as_str(), vault, consent, limit, offset];
                    Ok((total, tx.rows(sql, page).await?))
                })
            })
            .await?;
        let owner = actor.tenant.as_str();
        let shown = |row: EventRow| {
            let id = keyed(&known.ids, owner, subject, row.0);
            entry(row, id, Some(subject))
        };
        Ok(CallPage {
            total: total.unsigned_abs(),
            rows: rows.into_iter().map(shown).collect::<Result<_, _>>()?,
        })
    }

    /// What the log has about people of the tenant, erased ones too, and all calls of Databunker's interfaces, newest first:
    /// `limit`, 1,000 at most, behind the first `offset`. What a call led to is shown as the call alone. Only calls say whom
    /// they were about. O(n) time in the events there are, of which an index is counted; a page is held in memory.
    ///
    /// # Errors
    /// Those of the store, [`Error::Damaged`] if a leaf cannot be read.
    pub async fn all_events(&self, actor: &Actor, offset: u64, limit: u32) -> Result<CallPage, Error> {
        let tenant = actor.tenant.clone();
        let (offset, limit) = (signed(offset), limit.min(MOST_LISTED));
        let (total, rows): (i64, Vec<EventRow>) = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let total = format!("SELECT COUNT(*) FROM audit_events e WHERE {ALL}");
                    let total = tx.one(total, values![tenant.as_str()]).await?;
                    // The page is found in the index, and only its rows are read.
                    let sql = format!(
                        "{SELECT} AND e.id IN (SELECT e.id FROM audit_events e WHERE {ALL} \
                         ORDER BY e.id DESC LIMIT $2 OFFSET $3) ORDER BY e.id DESC"
                    );
                    Ok((
                        total,
                        tx.rows(sql, values![tenant.as_str(), limit, offset]).await?,
                    ))
                })
            })
            .await?;
        let shown = |row: EventRow| {
            let id = bare(row.0);
            entry(row, id, None)
        };
        Ok(CallPage {
            total: total.unsigned_abs(),
            rows: rows.into_iter().map(shown).collect::<Result<_, _>>()?,
        })
    }

    /// The event of the log that [`events_of`](Self::events_of) calls `id`, as long as its subject is there.
    pub(super) async fn event(&self, actor: &Actor, id: &str, said: EventId) -> Result<CallEntry, Error> {
        const ABSENT: Error = Error::Absent { what: "call" };
        let EventId::Keyed { number, beginning } = said else {
            return Err(ABSENT);
        };
        let tenant = actor.tenant.clone();
        let alike: Vec<String> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let sql = "SELECT id FROM subjects WHERE tenant = $1 AND id >= $2 AND id < $3 \
                               AND state <> 'erased' ORDER BY id LIMIT $4";
                    // Behind every hexadecimal digit.
                    let end = format!("{beginning}g");
                    Ok(tx
                        .rows(sql, values![tenant.as_str(), beginning, end, MOST_ALIKE])
                        .await?)
                })
            })
            .await?;
        for subject in alike.into_iter().map(SubjectId::stored) {
            let Some(names) = self.names_in_log(&actor.tenant, &subject).await? else {
                continue;
            };
            if keyed(&names.ids, actor.tenant.as_str(), &subject, number) != id {
                continue;
            }
            let about = (names.vault.0, names.consent);
            let row = self.event_row(actor, number, Some(about)).await?;
            return entry(row.ok_or(ABSENT)?, id.to_owned(), Some(&subject));
        }
        Err(ABSENT)
    }

    /// The event `number` of the log, if it is about somebody. Whom, it does not say.
    pub(super) async fn bare_event(&self, actor: &Actor, number: i64) -> Result<CallEntry, Error> {
        let row = self.event_row(actor, number, None).await?;
        entry(row.ok_or(Error::Absent { what: "call" })?, bare(number), None)
    }

    /// The event `number`, if it is no call, and about one of `about`, or else about anybody.
    async fn event_row(
        &self,
        actor: &Actor,
        number: i64,
        about: Option<(String, String)>,
    ) -> Result<Option<EventRow>, Error> {
        let tenant = actor.tenant.clone();
        self.store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let sql = format!("{SELECT} AND e.id = $2 AND c.id IS NULL AND e.about IS NOT NULL");
                    Ok(match about {
                        None => tx.optional(sql, values![tenant.as_str(), number]).await?,
                        Some((vault, consent)) => {
                            let sql = format!("{sql} AND e.about IN ($3, $4)");
                            tx.optional(sql, values![tenant.as_str(), number, vault, consent])
                                .await?
                        }
                    })
                })
            })
            .await
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
        Ok(Some(Names {
            vault,
            consent,
            ids: Arc::new(key.pseudonym_key()),
        }))
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

/// The row as an entry. An event that is no call is called `id`, and is about `subject`.
fn entry(
    (_, at, kind, payload, call, about, app, note, wrote): EventRow,
    id: String,
    subject: Option<&SubjectId>,
) -> Result<CallEntry, Error> {
    if kind == KIND
        && let Some(call) = call
    {
        return read((call, about, app, note, wrote, at, payload));
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
    let is_of_record = matches!(kind.as_str(), "subject_created" | "subject_updated");
    let decided = payload.get("decision");
    let action = decided.and_then(|decision| decision.get("action")?.as_str());
    // Words of closed sets: what was read, what was decided, for which purpose.
    let note = text("operation").or(action).or(text("purpose"));
    Ok(CallEntry {
        id,
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
        // Of what applications keep it is not told here which one it was.
        version: is_of_record.then(|| payload.get("version")?.as_u64()).flatten(),
        wrote: text("statement").map(|id| Wrote::Statement(id.to_owned())),
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
