//! What the watch has learnt, and what it told: alerts, with what was done about them.

use jiff::Timestamp;
use privet_types::{Pseudonym, TenantId};
use serde::Serialize;

use crate::log::{Leaf, append_leaf};
use crate::sql::{FromRow, Row, Scope, Tx};
use crate::{Error, Store, values};

/// Most alerts of one answer.
const MOST_ROWS: u32 = 1000;
/// What a node that is gone had learnt is kept for so long.
const STALE: i64 = 90 * 86_400_000;

/// What a node has learnt of one caller or model. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct WatchState {
    /// A keyed hash of whom.
    pub who: String,
    /// What, sealed by the caller.
    pub sealed: Vec<u8>,
}

/// An alert as stored. Times have millisecond precision.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRecord {
    /// Whose installation space.
    pub tenant: TenantId,
    /// Its id.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// The rule's name.
    pub rule: String,
    /// How grave: `low`, `medium`, `high`.
    pub severity: String,
    /// Of whom: a pseudonym, or a model's name.
    pub who: String,
    /// The key that did the most of it.
    pub key_id: Option<String>,
    /// The whole of it as JSON.
    pub finding: String,
    /// What was done: `alert`, `throttle`, `suspend`.
    pub response: String,
    /// With `throttle`: most requests a minute.
    pub requests: u32,
    /// Until when the caller is throttled or suspended.
    pub held_until: Option<Timestamp>,
    /// When that was ended by hand.
    pub lifted_at: Option<Timestamp>,
    /// When somebody had looked at it.
    pub closed_at: Option<Timestamp>,
    /// The incident it belongs to.
    pub incident: Option<String>,
}

/// A caller who is throttled or suspended now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldCaller {
    /// Whose installation space.
    pub tenant: TenantId,
    /// Who.
    pub who: String,
    /// What: `throttle`, `suspend`.
    pub response: String,
    /// With `throttle`: most requests a minute.
    pub requests: u32,
    /// Until when.
    pub until: Timestamp,
    /// The alert's id.
    pub alert: String,
}

/// What the log is told of an alert: numbers and pseudonyms.
#[derive(Debug, Clone, Serialize)]
struct AlertLeaf<'a> {
    at: Timestamp,
    tenant: &'a str,
    alert: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'a str>,
    who: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_a_minute: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a Pseudonym>,
}

const SELECT: &str = "SELECT tenant, id, at, rule, severity, who, key_id, finding, response, requests, held_until, lifted_at, \
                      closed_at, incident FROM alerts";

impl Store {
    /// What `node` has learnt.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn watch_states(&self, node: &str) -> Result<Vec<WatchState>, Error> {
        let node = node.to_owned();
        self.read(move |tx| {
            Box::pin(async move {
                tx.rows(
                    "SELECT who, sealed FROM watch_states WHERE node = $1 ORDER BY who",
                    values![node],
                )
                .await
            })
        })
        .await
    }

    /// Keeps what `node` has learnt at `at`, in the place of what it had; forgets what nobody has added to for 90 days.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn save_watch_states(
        &self,
        node: &str,
        states: Vec<WatchState>,
        at: Timestamp,
    ) -> Result<(), Error> {
        if states.is_empty() {
            return Ok(());
        }
        let (node, at) = (node.to_owned(), at.as_millisecond());
        self.write(move |tx| {
            Box::pin(async move {
                let row = |state: WatchState| values![node.as_str(), state.who, state.sealed, at];
                let rows = states.into_iter().map(row).collect();
                tx.insert_many(
                    "INSERT INTO watch_states (node, who, sealed, updated_at)",
                    rows,
                    "ON CONFLICT (node, who) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at",
                )
                .await?;
                tx.execute("DELETE FROM watch_states WHERE updated_at < $1", values![at - STALE])
                    .await
                    .map(drop)
            })
        })
        .await
    }

    /// Keeps an alert, and tells the log of it, and of what was done about it in a leaf of its own. One that is kept already stays as
    /// it is, and the log is told nothing: what was not known to have been kept can be tried again.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn insert_alert(&self, alert: &AlertRecord) -> Result<(), Error> {
        let alert = alert.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let millis = |at: Option<Timestamp>| at.map(Timestamp::as_millisecond);
                let inserted = tx.execute(
                    "INSERT INTO alerts (tenant, id, at, rule, severity, who, key_id, finding, response, requests, held_until, \
                     incident) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
                    values![
                        alert.tenant.as_str(),
                        &alert.id,
                        alert.at.as_millisecond(),
                        &alert.rule,
                        &alert.severity,
                        &alert.who,
                        alert.key_id.as_deref(),
                        &alert.finding,
                        &alert.response,
                        i64::from(alert.requests),
                        millis(alert.held_until),
                        alert.incident.as_deref(),
                    ],
                )
                .await?;
                if inserted == 0 {
                    return Ok(());
                }
                let leaf = AlertLeaf {
                    rule: Some(&alert.rule),
                    severity: Some(&alert.severity),
                    key: alert.key_id.as_deref(),
                    ..leaf_of(&alert)
                };
                append(tx, "alert_raised", &leaf).await?;
                let held = match alert.response.as_str() {
                    "throttle" => "caller_throttled",
                    "suspend" => "caller_suspended",
                    _ => return Ok(()),
                };
                let leaf = AlertLeaf {
                    until: alert.held_until,
                    requests_a_minute: (alert.requests > 0).then_some(alert.requests),
                    ..leaf_of(&alert)
                };
                append(tx, held, &leaf).await
            })
        })
        .await
    }

    /// The latest alerts of `tenant`, at most `limit` (1,000 at most), those that nobody has closed if `is_open`.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if a row was changed by hand.
    pub async fn alerts(
        &self,
        tenant: &TenantId,
        is_open: bool,
        limit: u32,
    ) -> Result<Vec<AlertRecord>, Error> {
        let which = if is_open { "AND closed_at IS NULL" } else { "" };
        let sql = format!("{SELECT} WHERE tenant = $1 {which} ORDER BY at DESC, id LIMIT $2");
        let (name, limit) = (tenant.as_str().to_owned(), limit.min(MOST_ROWS));
        self.database()
            .read(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move { tx.rows(sql, values![name, limit]).await })
            })
            .await
    }

    /// One alert.
    ///
    /// # Errors
    /// As [`alerts`](Self::alerts).
    pub async fn alert(&self, tenant: &TenantId, id: &str) -> Result<Option<AlertRecord>, Error> {
        let sql = format!("{SELECT} WHERE tenant = $1 AND id = $2");
        let (name, id) = (tenant.as_str().to_owned(), id.to_owned());
        let rows: Vec<AlertRecord> = self
            .database()
            .read(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move { tx.rows(sql, values![name, id]).await })
            })
            .await?;
        Ok(rows.into_iter().next())
    }

    /// The alerts that belong to an incident.
    ///
    /// # Errors
    /// As [`alerts`](Self::alerts).
    pub async fn alerts_of_incident(
        &self,
        tenant: &TenantId,
        incident: &str,
    ) -> Result<Vec<AlertRecord>, Error> {
        let sql = format!("{SELECT} WHERE tenant = $1 AND incident = $2 ORDER BY at, id LIMIT {MOST_ROWS}");
        let (name, incident) = (tenant.as_str().to_owned(), incident.to_owned());
        self.database()
            .read(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move { tx.rows(sql, values![name, incident]).await })
            })
            .await
    }

    /// Notes that `by` has looked at an alert, and ends what was done to its caller by its rule. Returns false, and tells the log nothing, if it is
    /// not there or closed already.
    ///
    /// # Errors
    /// As [`alerts`](Self::alerts).
    pub async fn close_alert(
        &self,
        tenant: &TenantId,
        id: &str,
        by: &Pseudonym,
        at: Timestamp,
    ) -> Result<bool, Error> {
        let Some(alert) = self.alert(tenant, id).await? else {
            return Ok(false);
        };
        let by = by.clone();
        self.database()
            .write(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let now = at.as_millisecond();
                    let closed = tx
                        .execute(
                            "UPDATE alerts SET closed_at = $3 WHERE tenant = $1 AND id = $2 AND closed_at IS NULL",
                            values![alert.tenant.as_str(), &alert.id, now],
                        )
                        .await?;
                    if closed == 0 {
                        return Ok(false);
                    }
                    let leaf = AlertLeaf {
                        at,
                        by: Some(&by),
                        ..leaf_of(&alert)
                    };
                    append(tx, "alert_closed", &leaf).await?;
                    // Of one rule there can be several alerts, a graver one behind the other: one look is enough for all.
                    let lifted = tx
                        .execute(
                            "UPDATE alerts SET lifted_at = $4 WHERE tenant = $1 AND who = $2 AND rule = $3 AND held_until > $4 \
                             AND lifted_at IS NULL",
                            values![alert.tenant.as_str(), &alert.who, &alert.rule, now],
                        )
                        .await?;
                    if lifted > 0 {
                        append(tx, "caller_released", &leaf).await?;
                    }
                    Ok(true)
                })
            })
            .await
    }

    /// Puts an alert into an incident.
    ///
    /// # Errors
    /// As [`alerts`](Self::alerts).
    pub async fn assign_alert(&self, tenant: &TenantId, id: &str, incident: &str) -> Result<bool, Error> {
        let row = values![tenant.as_str(), id, incident];
        self.database()
            .write(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let sql = "UPDATE alerts SET incident = $3 WHERE tenant = $1 AND id = $2";
                    Ok(tx.execute(sql, row).await? > 0)
                })
            })
            .await
    }

    /// Everybody who is throttled or suspended at `now`, in all tenants.
    ///
    /// # Errors
    /// As [`alerts`](Self::alerts).
    pub async fn held_callers(&self, now: Timestamp) -> Result<Vec<HeldCaller>, Error> {
        let now = now.as_millisecond();
        self.read(move |tx| {
            Box::pin(async move {
                tx.rows(
                    "SELECT tenant, who, response, requests, held_until, id FROM alerts \
                     WHERE held_until > $1 AND lifted_at IS NULL AND response <> 'alert' ORDER BY tenant, who, id",
                    values![now],
                )
                .await
            })
        })
        .await
    }
}

fn leaf_of(alert: &AlertRecord) -> AlertLeaf<'_> {
    AlertLeaf {
        at: alert.at,
        tenant: alert.tenant.as_str(),
        alert: &alert.id,
        rule: None,
        severity: None,
        who: &alert.who,
        key: None,
        until: None,
        requests_a_minute: None,
        by: None,
    }
}

async fn append(tx: &mut Tx, kind: &'static str, leaf: &AlertLeaf<'_>) -> Result<(), Error> {
    let leaf = Leaf {
        kind,
        tenant: leaf.tenant,
        at: leaf.at,
        payload: leaf,
    };
    append_leaf(tx, leaf).await
}

impl std::fmt::Debug for WatchState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WatchState([sealed])")
    }
}

impl FromRow for WatchState {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (who, sealed) = <(String, Vec<u8>)>::from_row(row)?;
        Ok(Self { who, sealed })
    }
}

type Columns = (
    String,
    String,
    i64,
    String,
    String,
    String,
    Option<String>,
    String,
    String,
    i64,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<String>,
);

impl FromRow for AlertRecord {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (
            tenant,
            id,
            at,
            rule,
            severity,
            who,
            key_id,
            finding,
            response,
            requests,
            held,
            lifted,
            closed,
            incident,
        ) = Columns::from_row(row)?;
        let bad = || Error::BadRow {
            table: "alerts",
            row: format!("{tenant}/{id}"),
        };
        let moment = |millis: i64| Timestamp::from_millisecond(millis).map_err(|_| bad());
        Ok(Self {
            at: moment(at)?,
            held_until: held.map(moment).transpose()?,
            lifted_at: lifted.map(moment).transpose()?,
            closed_at: closed.map(moment).transpose()?,
            requests: requests.try_into().map_err(|_| bad())?,
            tenant: tenant.parse().map_err(|_| bad())?,
            id,
            rule,
            severity,
            who,
            key_id,
            finding,
            response,
            incident,
        })
    }
}

impl FromRow for HeldCaller {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (tenant, who, response, requests, until, alert) =
            <(String, String, String, i64, i64, String)>::from_row(row)?;
        let bad = || Error::BadRow {
            table: "alerts",
            row: format!("{tenant}/{alert}"),
        };
        Ok(Self {
            requests: requests.try_into().map_err(|_| bad())?,
            until: Timestamp::from_millisecond(until).map_err(|_| bad())?,
            tenant: tenant.parse().map_err(|_| bad())?,
            who,
            response,
            alert,
        })
    }
}
