//! What guardrails hold until somebody approves it.

use jiff::{SignedDuration, Timestamp};
use privet_types::{Pseudonym, TenantId};
use serde::Serialize;

use crate::log::{Leaf, append_leaf};
use crate::sql::{FromRow, Row, Tx};
use crate::{Error, Store, values};

/// The columns, in the order in which they are read.
const COLUMNS: &str =
    "id, rule, surface, model, tool, who, opened_at, decided_at, decided_by, is_approved, expires_at";
/// Of one caller, those that wait at a time. What is held beyond is still held, but nobody can approve it.
const MOST_OF_ONE: i64 = 100;
/// Of one tenant.
const MOST_OF_TENANT: i64 = 10_000;
/// How long one waits, and is kept once it is decided.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Something that is to be held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHold {
    /// Keyed hash of what is held and of whom, in hexadecimal digits.
    pub id: String,
    /// The rule that holds it.
    pub rule: String,
    /// The dialect of the request.
    pub surface: String,
    /// The model asked for.
    pub model: String,
    /// The tool that the model wanted to call, if it is a call.
    pub tool: Option<String>,
    /// Who asked.
    pub who: Pseudonym,
}

/// Something that is or was held. Times have millisecond precision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRecord {
    /// What, and of whom.
    pub hold: NewHold,
    /// Since when it waits.
    pub opened_at: Timestamp,
    /// Whether it may pass, by whom it was said and when; `None` if it waits.
    pub decision: Option<HoldDecision>,
}

/// What somebody said of a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldDecision {
    /// Whether it may pass.
    pub is_approved: bool,
    /// When it was said.
    pub at: Timestamp,
    /// Who said so.
    pub by: Pseudonym,
    /// Until when it may pass; `None` if it may not.
    pub expires_at: Option<Timestamp>,
}

/// What became of a decision about a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldDecided {
    /// It stands.
    Done(Box<HoldRecord>),
    /// There is no such hold.
    Missing,
    /// Who asked may not decide about it.
    Own,
}

/// What the log is told.
#[derive(Serialize)]
struct Told<'a> {
    at: Timestamp,
    tenant: &'a str,
    object: &'a str,
    rule: &'a str,
    who: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

impl HoldRecord {
    /// Whether it may pass at `now`.
    #[must_use]
    pub fn passes(&self, now: Timestamp) -> bool {
        let decision = self.decision.as_ref();
        decision.is_some_and(|it| it.is_approved && it.expires_at.is_some_and(|end| now < end))
    }

    /// Whether it was approved, and that has run out by `now`.
    #[must_use]
    pub fn has_run_out(&self, now: Timestamp) -> bool {
        self.decision.as_ref().is_some_and(|it| it.is_approved) && !self.passes(now)
    }

    /// `open`, `approved`, `expired` or `refused`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> &'static str {
        match &self.decision {
            None => "open",
            Some(decision) if !decision.is_approved => "refused",
            Some(_) if self.passes(now) => "approved",
            Some(_) => "expired",
        }
    }
}

impl Store {
    /// Writes down what is held, so that somebody can approve it. What waits or was refused stays as it is; an approval that has run
    /// out is asked for anew. The log is told of each new one. Returns those that were written or known.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn open_holds(
        &self,
        tenant: &TenantId,
        holds: Vec<NewHold>,
        now: Timestamp,
    ) -> Result<Vec<HoldRecord>, Error> {
        let tenant = tenant.to_string();
        self.write(move |tx| {
            Box::pin(async move {
                let old = now.saturating_sub(KEPT).unwrap_or(now).as_millisecond();
                tx.execute(
                    "DELETE FROM guard_holds WHERE tenant = $1 AND opened_at < $2 \
                     AND (expires_at IS NULL OR expires_at < $3)",
                    values![tenant.as_str(), old, now.as_millisecond()],
                )
                .await?;
                let mut all = Vec::new();
                for hold in holds {
                    let known = hold_of(tx, &tenant, &hold.id).await?;
                    if let Some(known) = &known
                        && !known.has_run_out(now)
                    {
                        all.push(known.clone());
                        continue;
                    }
                    if is_full(tx, &tenant, &hold.who).await? {
                        continue;
                    }
                    tx.execute(
                        "INSERT INTO guard_holds \
                         (tenant, id, rule, surface, model, tool, who, opened_at, is_approved) \
                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0) \
                         ON CONFLICT (tenant, id) DO UPDATE SET opened_at = $8, decided_at = NULL, \
                         decided_by = NULL, is_approved = 0, expires_at = NULL",
                        values![
                            tenant.as_str(),
                            &hold.id,
                            &hold.rule,
                            &hold.surface,
                            &hold.model,
                            hold.tool.as_deref(),
                            hold.who.0.as_str(),
                            now.as_millisecond()
                        ],
                    )
                    .await?;
                    tell(tx, "guard_hold_opened", &tenant, &hold, now, None).await?;
                    all.push(HoldRecord {
                        hold,
                        opened_at: now,
                        decision: None,
                    });
                }
                Ok(all)
            })
        })
        .await
    }

    /// What may pass at `now`: the ids.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn approved_holds(&self, tenant: &TenantId, now: Timestamp) -> Result<Vec<String>, Error> {
        let tenant = tenant.to_string();
        self.read(move |tx| {
            Box::pin(async move {
                let rows: Vec<(String,)> = tx
                    .rows(
                        "SELECT id FROM guard_holds WHERE tenant = $1 AND is_approved = 1 AND expires_at > $2",
                        values![tenant.as_str(), now.as_millisecond()],
                    )
                    .await?;
                Ok(rows.into_iter().map(|(id,)| id).collect())
            })
        })
        .await
    }

    /// What a tenant's guardrails hold or held, the newest first, `most` of them.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn holds(&self, tenant: &TenantId, most: u32) -> Result<Vec<HoldRecord>, Error> {
        let tenant = tenant.to_string();
        self.read(move |tx| {
            Box::pin(async move {
                tx.rows(
                    format!(
                        "SELECT {COLUMNS} FROM guard_holds WHERE tenant = $1 \
                         ORDER BY opened_at DESC, id LIMIT {most}"
                    ),
                    values![tenant.as_str()],
                )
                .await
            })
        })
        .await
    }

    /// Lets what is held pass until `until`, or refuses it (`None`); a later decision takes the place of an earlier one. Nobody
    /// decides about what he asked for himself. The log is told.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn decide_hold(
        &self,
        tenant: &TenantId,
        id: &str,
        until: Option<Timestamp>,
        by: &Pseudonym,
        now: Timestamp,
    ) -> Result<HoldDecided, Error> {
        let (tenant, id, by) = (tenant.to_string(), id.to_owned(), by.clone());
        self.write(move |tx| {
            Box::pin(async move {
                let Some(mut known) = hold_of(tx, &tenant, &id).await? else {
                    return Ok(HoldDecided::Missing);
                };
                if known.hold.who == by {
                    return Ok(HoldDecided::Own);
                }
                tx.execute(
                    "UPDATE guard_holds SET decided_at = $3, decided_by = $4, is_approved = $5, \
                     expires_at = $6 WHERE tenant = $1 AND id = $2",
                    values![
                        tenant.as_str(),
                        id.as_str(),
                        now.as_millisecond(),
                        by.0.as_str(),
                        i64::from(until.is_some()),
                        until.map(Timestamp::as_millisecond)
                    ],
                )
                .await?;
                let kind = match until {
                    Some(_) => "guard_hold_approved",
                    None => "guard_hold_refused",
                };
                tell(tx, kind, &tenant, &known.hold, now, Some((&by, until))).await?;
                known.decision = Some(HoldDecision {
                    is_approved: until.is_some(),
                    at: now,
                    by,
                    expires_at: until,
                });
                Ok(HoldDecided::Done(Box::new(known)))
            })
        })
        .await
    }
}

async fn hold_of(tx: &mut Tx, tenant: &str, id: &str) -> Result<Option<HoldRecord>, Error> {
    tx.optional(
        format!("SELECT {COLUMNS} FROM guard_holds WHERE tenant = $1 AND id = $2"),
        values![tenant, id],
    )
    .await
}

async fn is_full(tx: &mut Tx, tenant: &str, who: &Pseudonym) -> Result<bool, Error> {
    let (all, own): (i64, i64) = tx
        .one(
            "SELECT COUNT(*), COUNT(CASE WHEN who = $2 THEN 1 END) FROM guard_holds \
             WHERE tenant = $1 AND decided_at IS NULL",
            values![tenant, who.0.as_str()],
        )
        .await?;
    Ok(all >= MOST_OF_TENANT || own >= MOST_OF_ONE)
}

async fn tell(
    tx: &mut Tx,
    kind: &'static str,
    tenant: &str,
    hold: &NewHold,
    at: Timestamp,
    decided: Option<(&Pseudonym, Option<Timestamp>)>,
) -> Result<(), Error> {
    let payload = Told {
        at,
        tenant,
        object: &hold.id,
        rule: &hold.rule,
        who: &hold.who.0,
        actor: decided.map(|(by, _)| by.0.as_str()),
        expires_at: decided.and_then(|(_, until)| until),
    };
    let leaf = Leaf {
        kind,
        tenant,
        at,
        payload: &payload,
    };
    append_leaf(tx, leaf).await
}

impl FromRow for HoldRecord {
    fn from_row(row: Row) -> Result<Self, Error> {
        type Columns = (
            String,
            String,
            String,
            String,
            Option<String>,
            String,
            i64,
            Option<i64>,
            Option<String>,
            i64,
            Option<i64>,
        );
        let (id, rule, surface, model, tool, who, opened_at, decided_at, decided_by, is_approved, expires_at) =
            Columns::from_row(row)?;
        let at = |millis| {
            Timestamp::from_millisecond(millis).map_err(|_| Error::BadRow {
                table: "guard_holds",
                row: id.clone(),
            })
        };
        let (opened_at, decided_at) = (at(opened_at)?, decided_at.map(at).transpose()?);
        let expires_at = expires_at.map(at).transpose()?;
        Ok(Self {
            opened_at,
            decision: decided_at.zip(decided_by).map(|(at, by)| HoldDecision {
                is_approved: is_approved == 1,
                at,
                by: Pseudonym(by),
                expires_at,
            }),
            hold: NewHold {
                id,
                rule,
                surface,
                model,
                tool,
                who: Pseudonym(who),
            },
        })
    }
}
