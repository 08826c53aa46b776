//! Legal holds: what must not go, whatever a policy or a person says.

use jiff::Timestamp;
use privet_crypto::{Context, SealCount, random_uuid};
use privet_store::{Leaf, Scope, Tx, append_leaf, values};
use privet_types::TenantId;
use serde::Serialize;

use super::{Retention, canonical};
use crate::audit::Complete;
use crate::consent::{bad, check_name, check_text, hex};
use crate::{Actor, Error};

/// Holds that one call of [`Retention::end_due_holds`] ends.
const BATCH: u32 = 256;

/// A hold that is to be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// On whose data; `None` for everybody's.
    pub subject: Option<String>,
    /// On which category; `None` for all.
    pub category: Option<String>,
    /// Until when; `None` for until it is released.
    pub until: Option<Timestamp>,
    /// The case's number, a name: it is in reports and receipts, so it must say nothing of a person.
    pub reference: String,
    /// Why. Sealed under the subject's key; for a hold on everybody's data it is stored as it is.
    pub why: String,
}

/// A hold in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveHold {
    /// Its id.
    pub hold: String,
    /// On whose data; `None` for everybody's.
    pub subject: Option<String>,
    /// On which category; `None` for all.
    pub category: Option<String>,
    /// Since when, milliseconds since the epoch.
    pub at: i64,
    /// Until when; `None` for until it is released.
    pub until: Option<i64>,
    /// The case's number.
    pub reference: String,
}

#[derive(Debug, Serialize)]
struct HoldLeaf<'a> {
    hold: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    reference: &'a str,
    principal: &'a str,
}

/// A row of `hold_events`, as the check has it.
#[derive(Debug, Clone)]
pub(crate) struct HoldRow {
    pub(crate) hold: String,
    pub(crate) version: i64,
    pub(crate) kind: String,
    pub(crate) subject: Option<Vec<u8>>,
    pub(crate) category: Option<String>,
    pub(crate) until: Option<i64>,
    pub(crate) actor: String,
    pub(crate) reference: String,
}

impl HoldRow {
    /// Kind and JSON of its leaf, as it was written, without whose and when it is; `None` for a kind that is not written.
    pub(crate) fn leaf(&self) -> Result<Option<(&'static str, String)>, Error> {
        let kind = match (self.kind.as_str(), self.version) {
            ("placed", 1) => "hold_placed",
            ("released", 2) => "hold_released",
            ("ended", 2) => "hold_ended",
            _ => return Ok(None),
        };
        let is_placed = self.version == 1;
        let leaf = HoldLeaf {
            hold: &self.hold,
            subject: self.subject.as_deref().map(hex),
            category: self.category.as_deref().filter(|_| is_placed),
            until: self.until.filter(|_| is_placed),
            reference: &self.reference,
            principal: &self.actor,
        };
        Ok(Some((kind, serde_json::to_string(&leaf).map_err(Error::Json)?)))
    }
}

/// Whether what was sealed of a hold's reason opens under the subject's key.
pub(crate) fn why_opens(
    key: &privet_crypto::DataKey,
    tenant: &TenantId,
    subject: &[u8; 32],
    hold: &str,
    sealed: &[u8],
) -> bool {
    key.record_key()
        .open(&place(tenant, subject, hold), sealed)
        .is_ok()
}

fn place<'a>(tenant: &'a TenantId, subject: &'a [u8; 32], hold: &'a str) -> Context<'a> {
    Context {
        tenant: tenant.as_str().as_bytes(),
        subject,
        record: hold.as_bytes(),
        field: b"hold-why",
        schema: 1,
        version: 1,
    }
}

impl Retention {
    /// Places a hold. From now on neither sweeping nor erasure takes what it is on. Returns its id.
    ///
    /// # Errors
    /// [`Error::BadField`] if a field does not fit, [`Error::Absent`] if there is no such subject.
    pub async fn hold(&self, actor: &Actor, hold: &Hold) -> Result<String, Error> {
        let now = self.clock.now();
        check_name("reference", &hold.reference)?;
        check_text("why", &hold.why)?;
        if hold.why.trim().is_empty() {
            return Err(bad("why", "must not be empty"));
        }
        hold.category
            .iter()
            .try_for_each(|name| check_name("category", name))?;
        if hold.until.is_some_and(|until| until <= now) {
            return Err(bad("until", "must be in the future"));
        }
        let id = random_uuid()?;
        let (subject, why) = match &hold.subject {
            Some(subject) => {
                let (name, key) = self.expect_known(&actor.tenant, subject).await?;
                let place = place(&actor.tenant, &name.0, &id);
                let sealed = key
                    .record_key()
                    .seal(&SealCount::default(), &place, hold.why.as_bytes())?;
                (Some(name.0), sealed)
            }
            None => (None, hold.why.as_bytes().to_vec()),
        };
        let (tenant, actor, hold, placed) = (
            actor.tenant.clone(),
            actor.principal.0.clone(),
            hold.clone(),
            id.clone(),
        );
        self.database
            .write(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let at = now.as_millisecond();
                    let until = hold.until.map(Timestamp::as_millisecond);
                    if let Some(subject) = &hold.subject {
                        before_any_erasure(tx, tenant.as_str(), &canonical(subject)).await?;
                    }
                    tx.execute(
                        "INSERT INTO hold_events \
                         (tenant, hold, version, kind, subject, category, at, until, actor, reference, why) \
                         VALUES ($1, $2, 1, 'placed', $3, $4, $5, $6, $7, $8, $9)",
                        values![
                            tenant.as_str(),
                            &placed,
                            subject.map(|name| name.to_vec()),
                            hold.category.as_deref(),
                            at,
                            until,
                            &actor,
                            &hold.reference,
                            why
                        ],
                    )
                    .await?;
                    tx.execute(
                        "INSERT INTO active_holds (tenant, hold, subject, category, at, until, reference) \
                         VALUES ($1, $2, $3, $4, $5, $6, $7)",
                        values![
                            tenant.as_str(),
                            &placed,
                            hold.subject.as_deref().map(canonical),
                            hold.category.as_deref(),
                            at,
                            until,
                            &hold.reference
                        ],
                    )
                    .await?;
                    let payload = HoldLeaf {
                        hold: &placed,
                        subject: subject.map(|name| hex(&name)),
                        category: hold.category.as_deref(),
                        until,
                        reference: &hold.reference,
                        principal: &actor,
                    };
                    tell(tx, &tenant, "hold_placed", now, &payload).await
                })
            })
            .await?;
        Ok(id)
    }

    /// Releases the hold `hold`. Returns whether it was in force.
    ///
    /// # Errors
    /// [`Error::Store`] if the store does not answer.
    pub async fn release(&self, actor: &Actor, hold: &str) -> Result<bool, Error> {
        let (tenant, actor, hold) = (actor.tenant.clone(), actor.principal.0.clone(), hold.to_owned());
        let now = self.clock.now();
        self.database
            .write(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(
                    async move { end(tx, &tenant, &hold, "released", "hold_released", &actor, now).await },
                )
            })
            .await
    }

    /// Ends the holds whose time is over; they have not counted since. Returns how many.
    ///
    /// # Errors
    /// [`Error::Store`] if the store does not answer.
    pub async fn end_due_holds(&self, actor: &Actor) -> Result<u64, Error> {
        let (tenant, actor) = (actor.tenant.clone(), actor.principal.0.clone());
        let now = self.clock.now();
        self.database
            .write(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let sql = format!(
                        "SELECT hold, until FROM active_holds WHERE tenant = $1 AND until <= $2 LIMIT {BATCH}"
                    );
                    let due: Vec<(String, i64)> = tx
                        .rows(sql, values![tenant.as_str(), now.as_millisecond()])
                        .await?;
                    let mut ended = 0;
                    for (hold, _) in due {
                        let is_ended = end(tx, &tenant, &hold, "ended", "hold_ended", &actor, now).await?;
                        ended += u64::from(is_ended);
                    }
                    Ok::<_, Error>(ended)
                })
            })
            .await
    }

    /// All holds in force now, oldest first.
    ///
    /// # Errors
    /// [`Error::Store`] if the store does not answer.
    pub async fn holds(&self, tenant: &TenantId) -> Result<Vec<ActiveHold>, Error> {
        self.select_holds(tenant, None).await
    }

    /// The holds in force now that are on data of `subject`, oldest first: on theirs, and on everybody's. While there are
    /// any, what they are on is retained, and not erased.
    ///
    /// # Errors
    /// [`Error::Store`] if the store does not answer.
    pub async fn holds_on(&self, tenant: &TenantId, subject: &str) -> Result<Vec<ActiveHold>, Error> {
        self.select_holds(tenant, Some(canonical(subject))).await
    }

    async fn select_holds(
        &self,
        tenant: &TenantId,
        subject: Option<String>,
    ) -> Result<Vec<ActiveHold>, Error> {
        type Stored = (String, Option<String>, Option<String>, i64, Option<i64>, String);
        let (tenant, now) = (tenant.clone(), self.clock.now().as_millisecond());
        let rows: Vec<Stored> = self
            .database
            .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let condition = if subject.is_some() {
                        "AND (subject IS NULL OR subject = $3)"
                    } else {
                        ""
                    };
                    let mut values = values![tenant.as_str(), now];
                    values.extend(subject.map(privet_store::Value::from));
                    let sql = format!(
                        "SELECT hold, subject, category, at, until, reference FROM active_holds \
                         WHERE tenant = $1 AND (until IS NULL OR until > $2) {condition} ORDER BY at, hold"
                    );
                    Ok(tx.rows(sql, values).await?)
                })
            })
            .await?;
        Ok(rows
            .into_iter()
            .map(|(hold, subject, category, at, until, reference)| ActiveHold {
                hold,
                subject,
                category,
                at,
                until,
                reference,
            })
            .collect())
    }
}

async fn end(
    tx: &mut Tx,
    tenant: &TenantId,
    hold: &str,
    kind: &'static str,
    leaf: &'static str,
    actor: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let gone = tx
        .execute(
            "DELETE FROM active_holds WHERE tenant = $1 AND hold = $2",
            values![tenant.as_str(), hold],
        )
        .await?;
    if gone == 0 {
        return Ok(false);
    }
    tx.execute(
        "INSERT INTO hold_events (tenant, hold, version, kind, subject, category, at, actor, reference) \
         SELECT tenant, hold, 2, $3, subject, category, $4, $5, reference FROM hold_events \
         WHERE tenant = $1 AND hold = $2 AND version = 1",
        values![tenant.as_str(), hold, kind, now.as_millisecond(), actor],
    )
    .await?;
    let (subject, reference): (Option<Vec<u8>>, String) = tx
        .one(
            "SELECT subject, reference FROM hold_events WHERE tenant = $1 AND hold = $2 AND version = 1",
            values![tenant.as_str(), hold],
        )
        .await?;
    let payload = HoldLeaf {
        hold,
        subject: subject.map(|name| hex(&name)),
        category: None,
        until: None,
        reference: &reference,
        principal: actor,
    };
    tell(tx, tenant, leaf, now, &payload).await?;
    Ok(true)
}

async fn tell(
    tx: &mut Tx,
    tenant: &TenantId,
    kind: &'static str,
    at: Timestamp,
    payload: &HoldLeaf<'_>,
) -> Result<(), Error> {
    let leaf = Leaf {
        kind,
        tenant: tenant.as_str(),
        at,
        payload: &Complete::new(payload, tenant.as_str()).at(at),
    };
    Ok(append_leaf(tx, leaf).await?)
}

/// Keeps the erasure of `subject` from being begun until the hold is placed. One that was begun before is in the way: what it
/// erases cannot be held any more.
async fn before_any_erasure(tx: &mut Tx, tenant: &str, subject: &str) -> Result<(), Error> {
    tx.execute(
        "UPDATE subjects SET state = state WHERE tenant = $1 AND id = $2",
        values![tenant, subject],
    )
    .await?;
    let erased: i64 = tx
        .one(
            "SELECT COUNT(*) FROM subjects WHERE tenant = $1 AND id = $2 AND state = 'erased'",
            values![tenant, subject],
        )
        .await?;
    if erased > 0 {
        return Err(Error::Absent { what: "subject" });
    }
    Ok(())
}
