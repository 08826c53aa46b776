//! Incidents and what happened with them. Titles and notes come and go sealed.

use jiff::Timestamp;
use privet_types::{Pseudonym, TenantId};
use serde::Serialize;

use crate::log::{Leaf, append_leaf};
use crate::sql::{FromRow, Row, Scope, Tx};
use crate::{Error, Store, values};

/// Most incidents, or entries of one, in an answer.
const MOST_ROWS: u32 = 10_000;

/// An incident as stored. Times have millisecond precision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentRecord {
    /// Whose installation space.
    pub tenant: TenantId,
    /// Its id.
    pub id: String,
    /// What kind.
    pub kind: String,
    /// Where it stands.
    pub state: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was known: the 72 hours run from here.
    pub aware_at: Timestamp,
    /// When the authority was told.
    pub notified_at: Option<Timestamp>,
    /// When it was decided that it need not be.
    pub needs_none_at: Option<Timestamp>,
    /// When nobody had anything left to do.
    pub closed_at: Option<Timestamp>,
    /// What it is about, as JSON: pseudonyms, providers, models, a span of time.
    pub scope: String,
    /// Its title, sealed.
    pub sealed: Vec<u8>,
}

/// What happened with an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentEntry {
    /// Its place, from 1.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// By whom: a pseudonym.
    pub actor: Pseudonym,
    /// What: `opened`, `note`, `state`, `notified`, `step`.
    pub kind: String,
    /// In words, sealed.
    pub sealed: Vec<u8>,
}

/// A change of an incident, with the entry that tells of it.
#[derive(Debug, Clone)]
pub struct IncidentChange<'a> {
    /// The incident as it is from now on.
    pub incident: &'a IncidentRecord,
    /// By whom.
    pub actor: &'a Pseudonym,
    /// When.
    pub at: Timestamp,
    /// What: `opened`, `note`, `state`, `notified`, `step`.
    pub kind: &'static str,
    /// In words, sealed under the entry's place, which [`Store::next_incident_entry`] told.
    pub sealed: Vec<u8>,
    /// SHA-256 of the words, hexadecimal: what the log holds of them.
    pub hash: String,
    /// The entry's place.
    pub seq: u64,
}

/// What the log is told of a change of an incident.
#[derive(Debug, Serialize)]
struct IncidentLeaf<'a> {
    at: Timestamp,
    tenant: &'a str,
    incident: &'a str,
    kind: &'a str,
    state: &'a str,
    seq: u64,
    entry: &'a str,
    hash: &'a str,
    by: &'a Pseudonym,
}

const SELECT: &str = "SELECT tenant, id, kind, state, opened_at, aware_at, notified_at, needs_none_at, closed_at, scope, sealed \
                      FROM incidents";

impl Store {
    /// The place of the next entry of an incident.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn next_incident_entry(&self, tenant: &TenantId, id: &str) -> Result<u64, Error> {
        let row = values![tenant.as_str(), id];
        let last: Option<i64> = self
            .database()
            .read(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    tx.one(
                        "SELECT MAX(seq) FROM incident_entries WHERE tenant = $1 AND incident = $2",
                        row,
                    )
                    .await
                })
            })
            .await?;
        Ok(last.unwrap_or_default().unsigned_abs() + 1)
    }

    /// Keeps an incident as a change leaves it, with its entry and a leaf of the log. Returns false, and keeps nothing, if another
    /// change took the entry's place.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn change_incident(&self, change: IncidentChange<'_>) -> Result<bool, Error> {
        let scope = Scope::Tenant(change.incident.tenant.clone());
        let (incident, actor) = (change.incident.clone(), change.actor.clone());
        let (at, kind, sealed, hash, seq) = (change.at, change.kind, change.sealed, change.hash, change.seq);
        self.database()
            .write(&scope, move |tx| {
                Box::pin(async move {
                    let entry = values![
                        incident.tenant.as_str(),
                        &incident.id,
                        i64::try_from(seq).unwrap_or(i64::MAX),
                        at.as_millisecond(),
                        actor.0.as_str(),
                        kind,
                        sealed,
                    ];
                    let inserted = tx
                        .execute(
                            "INSERT INTO incident_entries (tenant, incident, seq, at, actor, kind, sealed) \
                             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
                            entry,
                        )
                        .await?;
                    if inserted == 0 {
                        return Ok(false);
                    }
                    put(tx, &incident).await?;
                    let payload = IncidentLeaf {
                        at,
                        tenant: incident.tenant.as_str(),
                        incident: &incident.id,
                        kind: &incident.kind,
                        state: &incident.state,
                        seq,
                        entry: kind,
                        hash: &hash,
                        by: &actor,
                    };
                    let leaf = Leaf {
                        kind: if kind == "opened" {
                            "incident_opened"
                        } else {
                            "incident_changed"
                        },
                        tenant: incident.tenant.as_str(),
                        at,
                        payload: &payload,
                    };
                    append_leaf(tx, leaf).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// The incidents of `tenant`, the latest first.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if a row was changed by hand.
    pub async fn incidents(&self, tenant: &TenantId) -> Result<Vec<IncidentRecord>, Error> {
        let sql = format!("{SELECT} WHERE tenant = $1 ORDER BY opened_at DESC, id LIMIT {MOST_ROWS}");
        let row = values![tenant.as_str()];
        self.database()
            .read(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move { tx.rows(sql, row).await })
            })
            .await
    }

    /// One incident.
    ///
    /// # Errors
    /// As [`incidents`](Self::incidents).
    pub async fn incident(&self, tenant: &TenantId, id: &str) -> Result<Option<IncidentRecord>, Error> {
        let sql = format!("{SELECT} WHERE tenant = $1 AND id = $2");
        let row = values![tenant.as_str(), id];
        let rows: Vec<IncidentRecord> = self
            .database()
            .read(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move { tx.rows(sql, row).await })
            })
            .await?;
        Ok(rows.into_iter().next())
    }

    /// What happened with an incident, in order.
    ///
    /// # Errors
    /// As [`incidents`](Self::incidents).
    pub async fn incident_entries(&self, tenant: &TenantId, id: &str) -> Result<Vec<IncidentEntry>, Error> {
        let sql = format!(
            "SELECT seq, at, actor, kind, sealed FROM incident_entries WHERE tenant = $1 AND incident = $2 ORDER BY seq \
             LIMIT {MOST_ROWS}"
        );
        let row = values![tenant.as_str(), id];
        self.database()
            .read(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move { tx.rows(sql, row).await })
            })
            .await
    }
}

async fn put(tx: &mut Tx, incident: &IncidentRecord) -> Result<(), Error> {
    let millis = |at: Option<Timestamp>| at.map(Timestamp::as_millisecond);
    tx.execute(
        "INSERT INTO incidents (tenant, id, kind, state, opened_at, aware_at, notified_at, needs_none_at, closed_at, scope, sealed) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (tenant, id) DO UPDATE SET state = excluded.state, \
         notified_at = excluded.notified_at, needs_none_at = excluded.needs_none_at, closed_at = excluded.closed_at",
        values![
            incident.tenant.as_str(),
            &incident.id,
            &incident.kind,
            &incident.state,
            incident.opened_at.as_millisecond(),
            incident.aware_at.as_millisecond(),
            millis(incident.notified_at),
            millis(incident.needs_none_at),
            millis(incident.closed_at),
            &incident.scope,
            incident.sealed.as_slice(),
        ],
    )
    .await
    .map(drop)
}

type Columns = (
    String,
    String,
    String,
    String,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    String,
    Vec<u8>,
);

impl FromRow for IncidentRecord {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (tenant, id, kind, state, opened, aware, notified, needs_none, closed, scope, sealed) =
            Columns::from_row(row)?;
        let bad = || Error::BadRow {
            table: "incidents",
            row: format!("{tenant}/{id}"),
        };
        let moment = |millis: i64| Timestamp::from_millisecond(millis).map_err(|_| bad());
        Ok(Self {
            opened_at: moment(opened)?,
            aware_at: moment(aware)?,
            notified_at: notified.map(moment).transpose()?,
            needs_none_at: needs_none.map(moment).transpose()?,
            closed_at: closed.map(moment).transpose()?,
            tenant: tenant.parse().map_err(|_| bad())?,
            id,
            kind,
            state,
            scope,
            sealed,
        })
    }
}

impl FromRow for IncidentEntry {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (seq, at, actor, kind, sealed) = <(i64, i64, String, String, Vec<u8>)>::from_row(row)?;
        let bad = || Error::BadRow {
            table: "incident_entries",
            row: seq.to_string(),
        };
        Ok(Self {
            seq: seq.unsigned_abs(),
            at: Timestamp::from_millisecond(at).map_err(|_| bad())?,
            actor: Pseudonym(actor),
            kind,
            sealed,
        })
    }
}
