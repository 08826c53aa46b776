//! Audit events as the store holds them: appended, never changed.

use jiff::Timestamp;
use privet_types::AuditEvent;
use serde::Deserialize;
use serde::de::Error as _;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::{Error, Store};

/// Rows of one `INSERT`, to share the cost of a statement; measured 5.4 µs of CPU an event from spool to commit.
const ROWS_PER_INSERT: usize = 64;

/// Most rows one call of [`Store::audit_events`] returns.
const MAX_ROWS: u32 = 10_000;

/// An audit event with its number on its node, as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    seq: u64,
    at: Timestamp,
    json: String,
}

/// A stored audit event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Place in the log; grows with each event, with gaps allowed.
    pub position: i64,
    /// Node that decided.
    pub node: String,
    /// Number on that node, from 1, without gaps.
    pub seq: u64,
    /// The event.
    pub event: AuditEvent,
}

impl AuditRecord {
    /// `event` as number `seq` of its node.
    ///
    /// # Errors
    /// [`Error::Json`] if the event cannot be written as JSON.
    pub fn new(seq: u64, event: &AuditEvent) -> Result<Self, Error> {
        Ok(Self {
            seq,
            at: event.at,
            json: serde_json::to_string(event).map_err(Error::Json)?,
        })
    }

    /// Reads only the time; the rest was written by [`new`](Self::new) and is passed on as it is.
    pub(crate) fn from_json(seq: u64, json: Vec<u8>) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct At {
            at: Timestamp,
        }
        // It stands first, as `new` writes it; whatever else is there is read as JSON.
        let written = json.strip_prefix(b"{\"at\":\"").and_then(|rest| {
            let end = rest.iter().position(|b| *b == b'"')?;
            std::str::from_utf8(rest.get(..end)?).ok()?.parse().ok()
        });
        let at = match written {
            Some(at) => at,
            None => serde_json::from_slice::<At>(&json).map_err(Error::Json)?.at,
        };
        let json = String::from_utf8(json).map_err(|error| Error::Json(serde_json::Error::custom(error)))?;
        Ok(Self { seq, at, json })
    }

    /// Number on its node, from 1.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// The event.
    ///
    /// # Errors
    /// [`Error::Json`] if a newer Privet wrote it in a form this one cannot read.
    pub fn event(&self) -> Result<AuditEvent, Error> {
        serde_json::from_str(&self.json).map_err(Error::Json)
    }
}

impl Store {
    /// Appends events of `node` in one transaction, durable on return. Events already there are left as they are, so
    /// a batch may be handed over again.
    ///
    /// # Errors
    /// [`Error::AuditConflict`] if a different event has a number of the batch, [`Error::Database`] if the store does
    /// not answer. Nothing of the batch is stored then.
    pub async fn append_audit(&self, node: &str, records: &[AuditRecord]) -> Result<(), Error> {
        let mut write = self.begin_write().await?;
        for chunk in records.chunks(ROWS_PER_INSERT) {
            let mut insert =
                QueryBuilder::<Sqlite>::new("INSERT INTO audit_events (node, seq, at, payload) ");
            insert.push_values(chunk, |mut row, record| {
                row.push_bind(node)
                    .push_bind(seq_to_sql(record.seq))
                    .push_bind(record.at.as_millisecond())
                    .push_bind(record.json.as_str());
            });
            insert.push(" ON CONFLICT (node, seq) DO NOTHING");
            let inserted = insert.build().execute(&mut *write).await?.rows_affected();
            if usize::try_from(inserted) != Ok(chunk.len()) {
                check_same(&mut write, node, chunk).await?;
            }
        }
        Ok(write.commit().await?)
    }

    /// Up to `limit` events (10 000 at most) with a position above `after_position`, in order of position.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if an event cannot be read.
    pub async fn audit_events(&self, after_position: i64, limit: u32) -> Result<Vec<AuditRow>, Error> {
        let rows = sqlx::query(
            "SELECT position, node, seq, payload FROM audit_events WHERE position > $1 ORDER BY position LIMIT $2",
        )
        .bind(after_position)
        .bind(limit.min(MAX_ROWS))
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                let position: i64 = row.try_get("position")?;
                let bad_row = || Error::BadRow {
                    table: "audit_events",
                    row: position.to_string(),
                };
                Ok(AuditRow {
                    position,
                    node: row.try_get("node")?,
                    seq: row.try_get::<i64, _>("seq")?.try_into().map_err(|_| bad_row())?,
                    event: serde_json::from_str(row.try_get("payload")?).map_err(|_| bad_row())?,
                })
            })
            .collect()
    }

    /// How many events are stored. O(n): SQLite counts rows one by one.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn audit_count(&self) -> Result<u64, Error> {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM audit_events")
            .fetch_one(self.readers())
            .await?;
        Ok(count.unsigned_abs())
    }

    /// The highest number stored of `node`; `None` if nothing of it is.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn last_audit_seq(&self, node: &str) -> Result<Option<u64>, Error> {
        let last: Option<i64> = sqlx::query_scalar("SELECT MAX(seq) FROM audit_events WHERE node = $1")
            .bind(node)
            .fetch_one(self.readers())
            .await?;
        Ok(last.map(i64::unsigned_abs))
    }
}

/// Compares events, not bytes: a newer Privet may write the same event with a field more.
async fn check_same(
    connection: &mut SqliteConnection,
    node: &str,
    records: &[AuditRecord],
) -> Result<(), Error> {
    for record in records {
        let stored: String =
            sqlx::query_scalar("SELECT payload FROM audit_events WHERE node = $1 AND seq = $2")
                .bind(node)
                .bind(seq_to_sql(record.seq))
                .fetch_one(&mut *connection)
                .await?;
        let is_same = stored == record.json
            || serde_json::from_str::<AuditEvent>(&stored)
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
fn seq_to_sql(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
