//! Calls of Databunker's interfaces as their own lists show them: one row a call beside its leaf.

mod events;
mod id;

use jiff::Timestamp;
use privet_crypto::random_uuid;
use privet_store::{Leaf, Tx, append_leaf_id, values};
use privet_types::Pseudonym;
use serde::{Deserialize, Serialize};

use crate::audit::Complete;
use crate::subject::timestamp;
use crate::{Actor, Error, SessionMark, SubjectId, Vault};
use id::EventId;

/// The kind of the leaves.
pub(crate) const KIND: &str = "vault_call";
/// Most calls of a page.
pub(super) const MOST_LISTED: u32 = 1000;
/// Longest note, in bytes; what is longer is cut.
const LONGEST_NOTE: usize = 256;

/// A call that was answered, or is about to be.
#[derive(Debug, Clone)]
pub struct NewCall {
    /// What was done: a name from a closed set.
    pub call: &'static str,
    /// Why it was refused, a word from a closed set; absent if it was not.
    pub why: Option<&'static str>,
    /// Whom it was about. One who is erased is left out.
    pub subject: Option<SubjectId>,
    /// By which index the caller named the subject.
    pub mode: Option<&'static str>,
    /// Which application's data it was about.
    pub app: Option<String>,
    /// With whom something is shared. Kept as long as the subject.
    pub note: Option<String>,
    /// How many fields were opened.
    pub fields: u32,
    /// Of about how many subjects.
    pub subjects: u32,
    /// Which version it wrote, if it wrote one: of the data of `app`, or else of the record.
    pub version: Option<u64>,
    /// What it wrote that has no version. Kept as long as the subject.
    pub wrote: Option<Wrote>,
    /// What [`Vault::newest_event`] said before the call was worked on, if it may have changed something: what the vault told
    /// of the same subject since, on behalf of the same principal, is part of this call.
    pub since: Option<i64>,
}

/// A call that was recorded, or another event of the log that is about a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEntry {
    /// A random UUID; where the event is no call, one that leads to it for who was shown it.
    pub id: String,
    /// When, UTC.
    pub at: Timestamp,
    /// What was done.
    pub call: String,
    /// Why it was refused, if it was.
    pub why: Option<String>,
    /// Who called.
    pub principal: Pseudonym,
    /// By which index the caller named the subject.
    pub mode: Option<String>,
    /// Whom it was about, unless that person was erased.
    pub subject: Option<SubjectId>,
    /// Which application's data it was about.
    pub app: Option<String>,
    /// With whom something is shared.
    pub note: Option<String>,
    /// How many fields were opened.
    pub fields: u32,
    /// Of about how many subjects.
    pub subjects: u32,
    /// Which version was written, if one was: of the data of `app`, or else of the record.
    pub version: Option<u64>,
    /// What was written that has no version.
    pub wrote: Option<Wrote>,
}

/// What a call wrote that has no version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrote {
    /// What the subject said of a purpose or an agreement: the id of the statement.
    Statement(String),
    /// A session.
    Session(SessionMark),
}

/// A page of calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPage {
    /// How many there are.
    pub total: u64,
    /// Those of the page, newest first.
    pub rows: Vec<CallEntry>,
}

/// What the log is told of a call. The subject's pseudonym cannot be led back once the subject's key is shredded.
#[derive(Serialize, Deserialize)]
struct CallLeaf {
    id: String,
    call: String,
    principal: Pseudonym,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<Pseudonym>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    fields: u32,
    subjects: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
}

/// `id, subject, app, note, wrote, at, payload`.
pub(super) type CallRow = (
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    i64,
    String,
);

const SELECT: &str = "SELECT c.id, c.subject, c.app, c.note, c.wrote, e.at, e.payload FROM vault_calls c \
                      JOIN audit_events e ON e.id = c.event WHERE c.tenant = $1";

impl Vault {
    /// Writes `call` down, with its leaf in the log. Durable on return.
    ///
    /// # Errors
    /// Those of the store and the keyring.
    pub async fn tell_call(&self, actor: &Actor, call: NewCall) -> Result<(), Error> {
        let names = match &call.subject {
            Some(id) => self.names_in_log(&actor.tenant, id).await?,
            None => None,
        };
        let at = self.now();
        let (owner, id) = (actor.clone(), random_uuid()?);
        self.store
            .database()
            .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let tenant = owner.tenant.as_str();
                    let subject = match (call.subject, names) {
                        (Some(subject), Some(names)) if holds(tx, tenant, &subject).await? => {
                            Some((subject, names))
                        }
                        _ => None,
                    };
                    let (subject, names) = subject.unzip();
                    let is_kept = subject.is_some();
                    let payload = CallLeaf {
                        id,
                        call: call.call.to_owned(),
                        principal: owner.principal,
                        why: call.why.map(str::to_owned),
                        subject: names.as_ref().map(|names| names.vault.clone()),
                        mode: call.mode.map(str::to_owned),
                        fields: call.fields,
                        subjects: call.subjects,
                        version: call.version.filter(|_| is_kept),
                    };
                    let leaf = Leaf {
                        kind: KIND,
                        tenant,
                        at,
                        payload: &Complete::new(&payload, tenant).at(at),
                    };
                    let event = append_leaf_id(tx, leaf).await?;
                    tx.execute(
                        "INSERT INTO vault_calls (tenant, id, event, subject, app, note, wrote) \
                         VALUES ($1, $2, $3, $4, $5, $6, $7)",
                        values![
                            tenant,
                            payload.id,
                            event,
                            subject.as_ref().map(SubjectId::as_str),
                            call.app.filter(|_| is_kept),
                            call.note.filter(|_| is_kept).map(cut),
                            call.wrote.filter(|_| is_kept).map(|wrote| wrote.to_text())
                        ],
                    )
                    .await?;
                    if let (Some(names), Some(since)) = (&names, call.since) {
                        events::claim(tx, tenant, names, &payload.principal, since, event).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// The call `id`, or the event of the log that [`events_of`](Self::events_of) calls so. The latter is there as long as its
    /// subject is.
    ///
    /// # Errors
    /// [`Error::Absent`]; those of the store; [`Error::Damaged`] if a leaf cannot be read.
    pub async fn call(&self, actor: &Actor, id: &str) -> Result<CallEntry, Error> {
        if let Some(said) = id::read(id) {
            return self.event(actor, id, said).await;
        }
        self.random_call(actor, id).await
    }

    /// As [`call`](Self::call), also by what [`all_events`](Self::all_events) calls an event: for who may read the whole log. Of
    /// such an event it is not told whom it was about.
    ///
    /// # Errors
    /// Those of [`call`](Self::call).
    pub async fn any_call(&self, actor: &Actor, id: &str) -> Result<CallEntry, Error> {
        match id::read(id) {
            Some(EventId::Bare(number)) => self.bare_event(actor, number).await,
            _ => self.call(actor, id).await,
        }
    }

    async fn random_call(&self, actor: &Actor, id: &str) -> Result<CallEntry, Error> {
        let (tenant, id) = (actor.tenant.clone(), id.to_owned());
        let row: Option<CallRow> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .optional(format!("{SELECT} AND c.id = $2"), values![tenant.as_str(), id])
                        .await?)
                })
            })
            .await?;
        read(row.ok_or(Error::Absent { what: "call" })?)
    }
}

/// Holds the subject for the transaction, so that no erasure comes between. Says whether it is there.
async fn holds(tx: &mut Tx, tenant: &str, subject: &SubjectId) -> Result<bool, Error> {
    let held = tx
        .execute(
            "UPDATE subjects SET state = state WHERE tenant = $1 AND id = $2 AND state <> 'erased'",
            values![tenant, subject.as_str()],
        )
        .await?;
    Ok(held == 1)
}

pub(super) fn read((id, subject, app, note, wrote, at, payload): CallRow) -> Result<CallEntry, Error> {
    let damaged = || Error::Damaged { table: "vault_calls" };
    let leaf: CallLeaf = serde_json::from_str(&payload).map_err(|_| damaged())?;
    // Nobody lets a row point to another call.
    if leaf.id != id || subject.is_some() && leaf.subject.is_none() {
        return Err(damaged());
    }
    Ok(CallEntry {
        id,
        at: timestamp(at)?,
        call: leaf.call,
        why: leaf.why,
        principal: leaf.principal,
        mode: leaf.mode,
        subject: subject.map(SubjectId::stored),
        app,
        note,
        fields: leaf.fields,
        subjects: leaf.subjects,
        version: leaf.version,
        wrote: wrote
            .map(|text| Wrote::parse(&text).ok_or_else(damaged))
            .transpose()?,
    })
}

impl Wrote {
    /// As it is stored.
    fn to_text(&self) -> String {
        match self {
            Self::Statement(id) => format!("statement/{id}"),
            Self::Session(mark) => format!("session/{mark}"),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Some(match text.split_once('/')? {
            ("statement", id) => Self::Statement(id.to_owned()),
            ("session", mark) => Self::Session(mark.parse().ok()?),
            _ => return None,
        })
    }
}

fn cut(mut note: String) -> String {
    note.truncate(note.floor_char_boundary(LONGEST_NOTE));
    note
}
