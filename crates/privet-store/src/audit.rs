//! Audit events as the store holds them: appended, never changed. Each is a leaf of the log that has no position yet;
//! the sequencer gives it one.

use jiff::Timestamp;
use privet_types::{AuditEvent, TenantId};
use serde::Deserialize;
use serde::de::Error as _;

use crate::sql::{FromRow, Row, Scope, Tx, Value};
use crate::{Error, Store, values};

/// Rows of one `INSERT`, to share the cost of a statement; measured 5.4 µs of CPU an event from spool to commit.
const ROWS_PER_INSERT: usize = 64;

/// Kind of the decisions about prompts; what the column is by default.
pub(crate) const DECISION: &str = "decision";

/// Most rows one call of [`Store::tenant_events`] returns.
const MAX_TENANT_ROWS: u32 = 1_000;

/// Events of the tenant `$1`, as [`TenantEvent`] reads them.
const TENANT_EVENTS: &str = "SELECT e.id, e.node, COALESCE(p.seq, e.seq), p.position, e.at, e.kind, e.payload \
                             FROM audit_events e LEFT JOIN log_positions p ON p.event = e.id WHERE e.tenant = $1";

/// Most rows one call of [`Store::audit_events`] returns.
const MAX_ROWS: u32 = 10_000;

/// An audit event with its number on its node, as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    seq: u64,
    head: Head,
    json: String,
}

/// What the store keeps of an event in columns of its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Head {
    at: Timestamp,
    #[serde(default = "decision")]
    kind: String,
    tenant: String,
}

/// A stored audit event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Place in the order of arrival; grows with each event, with gaps allowed.
    pub id: i64,
    /// Node that decided.
    pub node: String,
    /// Number on that node, from 1, without gaps.
    pub seq: u64,
    /// The event.
    pub event: AuditEvent,
}

/// A stored event or change of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantEvent {
    /// Place in the order of arrival.
    pub id: i64,
    /// Where it comes from: a node, or `store`.
    pub node: String,
    /// Its number there, once it has one.
    pub seq: Option<u64>,
    /// Its position in the log, once it has one.
    pub position: Option<u64>,
    /// When, milliseconds since the epoch.
    pub at: i64,
    /// What kind it is.
    pub kind: String,
    /// What it tells, as JSON.
    pub payload: String,
}

impl AuditRecord {
    /// `event` as number `seq` of its node.
    ///
    /// # Errors
    /// [`Error::Json`] if the event cannot be written as JSON.
    pub fn new(seq: u64, event: &AuditEvent) -> Result<Self, Error> {
        Ok(Self {
            seq,
            head: Head {
                at: event.at,
                kind: decision(),
                tenant: event.tenant.clone(),
            },
            json: serde_json::to_string(event).map_err(Error::Json)?,
        })
    }

    /// Reads only what gets a column; the rest was written by a spool and is passed on as it is.
    pub(crate) fn from_json(seq: u64, json: Vec<u8>) -> Result<Self, Error> {
        let json = String::from_utf8(json).map_err(|error| Error::Json(serde_json::Error::custom(error)))?;
        let head = match Head::at_the_front(&json) {
            Some(head) => head,
            None => serde_json::from_str(&json).map_err(Error::Json)?,
        };
        Ok(Self { seq, head, json })
    }

    fn row(&self, node: &str) -> Vec<Value> {
        values![
            node,
            seq_to_sql(self.seq),
            self.head.at.as_millisecond(),
            self.head.kind.as_str(),
            self.head.tenant.as_str(),
            self.json.as_str()
        ]
    }

    /// Number on its node, from 1.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// What kind of event it is: `decision`, `vault_read`, ….
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.head.kind
    }

    /// The decision it tells of.
    ///
    /// # Errors
    /// [`Error::Json`] if it is of another kind, or a newer Privet wrote it in a form this one cannot read.
    pub fn event(&self) -> Result<AuditEvent, Error> {
        serde_json::from_str(&self.json).map_err(Error::Json)
    }
}

impl Head {
    /// Reads it where the spool writes it: `{"at":"…","kind":"…","tenant":"…"`, without a kind for decisions. `None` if
    /// something else stands there; that is read as JSON.
    fn at_the_front(json: &str) -> Option<Self> {
        let (at, rest) = quoted(json, "{\"at\":\"")?;
        let (kind, rest) = quoted(rest, ",\"kind\":\"").unwrap_or((DECISION, rest));
        let (tenant, _) = quoted(rest, ",\"tenant\":\"")?;
        Some(Self {
            at: at.parse().ok()?,
            kind: kind.to_owned(),
            tenant: tenant.to_owned(),
        })
    }
}

/// The text between `before` and the next quotation mark, and what follows; `None` if it holds escapes.
fn quoted<'a>(json: &'a str, before: &str) -> Option<(&'a str, &'a str)> {
    let (text, rest) = json.strip_prefix(before)?.split_once('"')?;
    (!text.contains('\\')).then_some((text, rest))
}

fn decision() -> String {
    DECISION.to_owned()
}

impl Store {
    /// Appends events of `node` in one transaction, durable on return. Events already there are left as they are, so
    /// a batch may be handed over again.
    ///
    /// # Errors
    /// [`Error::AuditConflict`] if a different event has a number of the batch, [`Error::Database`] if the store does
    /// not answer. Nothing of the batch is stored then.
    pub async fn append_audit(&self, node: &str, records: &[AuditRecord]) -> Result<(), Error> {
        let node = node.to_owned();
        let records = records.to_vec();
        self.write(move |tx| {
            Box::pin(async move {
                for chunk in records.chunks(ROWS_PER_INSERT) {
                    let rows = chunk.iter().map(|record| record.row(&node)).collect();
                    let inserted = tx
                        .insert_many(
                            "INSERT INTO audit_events (node, seq, at, kind, tenant, payload)",
                            rows,
                            "ON CONFLICT (node, seq) DO NOTHING",
                        )
                        .await?;
                    if usize::try_from(inserted) != Ok(chunk.len()) {
                        check_same(tx, &node, chunk).await?;
                    }
                }
                Ok(())
            })
        })
        .await
    }

    /// Up to `limit` decisions (10 000 at most) that arrived behind `after_id`, in the order of arrival.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if an event cannot be read.
    pub async fn audit_events(&self, after_id: i64, limit: u32) -> Result<Vec<AuditRow>, Error> {
        let limit = limit.min(MAX_ROWS);
        self.read(move |tx| {
            Box::pin(async move {
                tx.rows(
                    "SELECT id, node, seq, payload FROM audit_events WHERE id > $1 AND kind = $3 ORDER BY id LIMIT $2",
                    values![after_id, limit, DECISION],
                )
                .await
            })
        })
        .await
    }

    /// Up to `limit` events (1 000 at most) of `tenant` behind `after_id`, of one kind if `kind` says which, in the order of
    /// arrival. What has no position in the log yet is among them.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn tenant_events(
        &self,
        tenant: &TenantId,
        after_id: i64,
        kind: Option<&str>,
        limit: u32,
    ) -> Result<Vec<TenantEvent>, Error> {
        let (tenant, kind, limit) = (
            tenant.clone(),
            kind.map(str::to_owned),
            limit.min(MAX_TENANT_ROWS),
        );
        self.database()
            .read(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let select = format!("{TENANT_EVENTS} AND e.id > $2");
                    let tail = "ORDER BY e.id LIMIT $3";
                    match kind {
                        Some(kind) => {
                            let sql = format!("{select} AND e.kind = $4 {tail}");
                            tx.rows(sql, values![tenant.as_str(), after_id, limit, kind])
                                .await
                        }
                        None => {
                            let sql = format!("{select} {tail}");
                            tx.rows(sql, values![tenant.as_str(), after_id, limit]).await
                        }
                    }
                })
            })
            .await
    }

    /// Up to `limit` events (1 000 at most) of `tenant` of all kinds, those that arrived last first; only those before `before_id` if it
    /// is given. What has no position in the log yet is among them.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn newest_tenant_events(
        &self,
        tenant: &TenantId,
        before_id: Option<i64>,
        limit: u32,
    ) -> Result<Vec<TenantEvent>, Error> {
        let (name, before, limit) = (
            tenant.as_str().to_owned(),
            before_id.unwrap_or(i64::MAX),
            limit.min(MAX_TENANT_ROWS),
        );
        self.database()
            .read(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let sql = format!("{TENANT_EVENTS} AND e.id < $2 ORDER BY e.id DESC LIMIT $3");
                    tx.rows(sql, values![name, before, limit]).await
                })
            })
            .await
    }

    /// The event of `tenant` that has `position` in the log; none if there is none, or it is another tenant's.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn tenant_event_at(
        &self,
        tenant: &TenantId,
        position: u64,
    ) -> Result<Option<TenantEvent>, Error> {
        let (name, position) = (tenant.as_str().to_owned(), seq_to_sql(position));
        self.database()
            .read(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let sql = format!("{TENANT_EVENTS} AND p.position = $2");
                    tx.optional(sql, values![name, position]).await
                })
            })
            .await
    }

    /// How many events of all kinds are stored. O(n): rows are counted one by one.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn audit_count(&self) -> Result<u64, Error> {
        let count: i64 = self
            .read(|tx| Box::pin(tx.one("SELECT COUNT(*) FROM audit_events", values![])))
            .await?;
        Ok(count.unsigned_abs())
    }

    /// The highest number stored of `node`; `None` if nothing of it is.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn last_audit_seq(&self, node: &str) -> Result<Option<u64>, Error> {
        let node = node.to_owned();
        let last: Option<i64> = self
            .read(move |tx| {
                Box::pin(async move {
                    tx.one("SELECT MAX(seq) FROM audit_events WHERE node = $1", values![node])
                        .await
                })
            })
            .await?;
        Ok(last.map(i64::unsigned_abs))
    }
}

impl FromRow for TenantEvent {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (id, node, seq, position, at, kind, payload) =
            <(i64, String, Option<i64>, Option<i64>, i64, String, String)>::from_row(row)?;
        Ok(Self {
            id,
            node,
            seq: seq.map(i64::unsigned_abs),
            position: position.map(i64::unsigned_abs),
            at,
            kind,
            payload,
        })
    }
}

impl FromRow for AuditRow {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (id, node, seq, payload) = <(i64, String, i64, String)>::from_row(row)?;
        let bad_row = || Error::BadRow {
            table: "audit_events",
            row: id.to_string(),
        };
        Ok(Self {
            id,
            node,
            seq: seq.try_into().map_err(|_| bad_row())?,
            event: serde_json::from_str(&payload).map_err(|_| bad_row())?,
        })
    }
}

/// Compares events, not bytes: a newer Privet may write the same event with a field more.
async fn check_same(tx: &mut Tx, node: &str, records: &[AuditRecord]) -> Result<(), Error> {
    for record in records {
        let stored: String = tx
            .one(
                "SELECT payload FROM audit_events WHERE node = $1 AND seq = $2",
                values![node, seq_to_sql(record.seq)],
            )
            .await?;
        let is_same = stored == record.json
            || record.kind() == DECISION
                && serde_json::from_str::<AuditEvent>(&stored)
                    .is_ok_and(|stored| record.event().is_ok_and(|e| e == stored));
        if !is_same {
            return Err(Error::AuditConflict {
                node: node.to_owned(),
                seq: record.seq,
            });
        }
    }
    Ok(())
}

/// Numbers count from 1 and never reach 2⁶³.
pub(crate) fn seq_to_sql(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
