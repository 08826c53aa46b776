//! Asking, approving, cancelling.

use privet_crypto::random_uuid;
use privet_store::{Leaf, Tx, append_leaf, values};

use super::Proposals;
use super::list::one;
use super::model::{ProposalKind, ProposalStatus, Proposed};
use super::row::{ABSENT, CLOSED, Closing, Details, Row, TABLE};
use crate::audit::SubjectChange;
use crate::followed::RowName;
use crate::subject::Found;
use crate::{
    Actor, ErasureReason, Error, EventKind, ForgetOutcome, GivenBy, Ground, PermittedUse, RecordChange,
    Statement, SubjectRef,
};

const ATTEMPTS: usize = 16;
/// Most proposals of one subject that wait.
const MOST_OPEN: i64 = 100;
/// Proposals of one subject that are kept; the oldest closed ones go.
const MOST_KEPT: i64 = 1000;
/// Longest reason, in bytes.
const LONGEST: usize = 4096;
/// How an agreement's end came about that was asked for here.
const METHOD: &str = "user-request";

/// A proposal that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Its id.
    pub id: String,
    /// Whether it is new; else the same was asked for already, and waits.
    pub is_new: bool,
}

/// How an approval ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approved {
    /// What was asked for is done.
    Done,
    /// Legal holds, by their case's number, keep the data that were to be erased. Nothing was done; it waits on.
    Held(Vec<String>),
}

impl Proposals {
    /// Asks for `proposed` about `who`. Erasure, and the end of one agreement, are asked for once, however often.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is no such subject, application, or agreement that the subject gave;
    /// [`Error::Restricted`]; those of [`RecordChange::apply`] if the change cannot be made now; [`Error::TooMany`] past 100 of
    /// one subject that wait.
    pub async fn open(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        proposed: &Proposed,
        ground: Ground,
    ) -> Result<Opened, Error> {
        for _ in 0..ATTEMPTS {
            let found = self.vault.find_for(actor, who, ground).await?;
            self.check(actor, &found, proposed, ground).await?;
            let now = self.vault.now();
            let last: Option<i64> = self.last_seq(actor, &found).await?;
            let mut row = Row {
                id: random_uuid()?,
                kind: proposed.kind(),
                status: ProposalStatus::Open,
                subject: Some(found.row.id.clone()),
                object: proposed.object().map(str::to_owned),
                asked_by: actor.principal.clone(),
                seq: last.unwrap_or_default() + 1,
                opened_at: now.as_millisecond(),
                closed_at: None,
                sealed: None,
            };
            let details = Details {
                change: proposed.change().map(RecordChange::to_value),
                reason: None,
            };
            row.seal(&self.vault, actor, &found, &details).await?;
            let change = SubjectChange {
                ground,
                ..row.leaf(actor, &found, now)
            };
            let opened = self
                .vault
                .store
                .database()
                .write(&crate::Vault::scope(actor), move |tx| {
                    Box::pin(async move { write(tx, &found, &row, change).await })
                })
                .await?;
            if let Some(opened) = opened {
                return Ok(opened);
            }
        }
        Err(Error::VersionConflict { found: 0 })
    }

    /// Approves the proposal `id` and does what was asked for, both or neither. `reason`: as who approves writes it.
    ///
    /// # Errors
    /// [`Error::Absent`]; [`Error::NotReady`] if it is closed; [`Error::SecondPrincipal`] to who asked for it; those of what is done: then it waits on. [`Error::Unfinished`] as
    /// [`forget`](crate::Vault::forget): then it is approved.
    pub async fn approve(&self, actor: &Actor, id: &str, reason: Option<&str>) -> Result<Approved, Error> {
        let (row, found) = self.waiting(actor, id).await?;
        if self.needs_another && row.asked_by == actor.principal {
            return Err(Error::SecondPrincipal);
        }
        let details = row.details(&found)?;
        let closing = self
            .closing(actor, &found, &row, ProposalStatus::Approved, reason)
            .await?;
        let who = SubjectRef::Token(found.row.id.clone());
        // What the subject asked for themselves is theirs to ask also while processing is restricted.
        let ground = if row.asked_by == found.pseudonym() {
            Ground::Permitted(PermittedUse::SubjectRequest)
        } else {
            Ground::Ordinary
        };
        let damaged = Error::Damaged { table: TABLE };
        match (row.kind, row.object, details.change) {
            (ProposalKind::ChangeRecord, None, Some(change)) => {
                let change = RecordChange::from_value(change);
                let done = self
                    .vault
                    .amend_closing(actor, &who, &change, None, ground, Some(&closing));
                done.await?;
                Ok(Approved::Done)
            }
            (ProposalKind::ChangeApp, Some(app), Some(change)) => {
                let change = RecordChange::from_value(change);
                let done = self
                    .vault
                    .amend_app_closing(actor, &who, &app, &change, ground, &closing);
                done.await?;
                Ok(Approved::Done)
            }
            (ProposalKind::Forget, None, None) => {
                let reason = ErasureReason::Request;
                match self
                    .vault
                    .forget_closing(actor, &who, reason, Some(closing))
                    .await?
                {
                    ForgetOutcome::Erased(_) => Ok(Approved::Done),
                    ForgetOutcome::Held(cases) => Ok(Approved::Held(cases)),
                }
            }
            (ProposalKind::WithdrawAgreement, Some(agreement), None) => {
                let said = withdrawal(&agreement, self.vault.now());
                let recorded =
                    self.consent
                        .record_closing(actor, found.row.id.as_str(), &said, Some(closing));
                recorded.await?;
                Ok(Approved::Done)
            }
            _ => Err(damaged),
        }
    }

    /// Cancels the proposal `id`: nothing is done. `reason`: as who cancels writes it.
    ///
    /// # Errors
    /// [`Error::Absent`]; [`Error::NotReady`] if it is closed.
    pub async fn cancel(&self, actor: &Actor, id: &str, reason: Option<&str>) -> Result<(), Error> {
        let (row, found) = self.waiting(actor, id).await?;
        let closing = self
            .closing(actor, &found, &row, ProposalStatus::Cancelled, reason)
            .await?;
        self.vault
            .store
            .database()
            .write::<_, Error, _>(&crate::Vault::scope(actor), move |tx| {
                Box::pin(async move { closing.write(tx).await })
            })
            .await
    }

    /// The proposal `id`, which must be open, and its subject.
    async fn waiting(&self, actor: &Actor, id: &str) -> Result<(Row, Found), Error> {
        let row = one(&self.vault, actor, id).await?;
        let subject = row.subject.clone().ok_or(ABSENT)?;
        let found = match self.vault.find(actor, &SubjectRef::Token(subject)).await {
            Err(Error::Absent { .. }) => return Err(ABSENT),
            other => other?,
        };
        // That it says what was written.
        row.details(&found)?;
        if row.status == ProposalStatus::Open {
            Ok((row, found))
        } else {
            Err(CLOSED)
        }
    }

    async fn closing(
        &self,
        actor: &Actor,
        found: &Found,
        row: &Row,
        status: ProposalStatus,
        reason: Option<&str>,
    ) -> Result<Closing, Error> {
        if reason.is_some_and(|reason| reason.len() > LONGEST) {
            return Err(Error::BadField {
                field: "reason".to_owned(),
                why: "is longer than 4 KiB",
            });
        }
        let at = self.vault.now();
        let mut after = row.clone();
        after.status = status;
        after.closed_at = Some(at.as_millisecond());
        let details = Details {
            reason: reason.map(str::to_owned),
            ..row.details(found)?
        };
        after.seal(&self.vault, actor, found, &details).await?;
        let change = after.leaf(actor, found, at);
        Closing::new(actor, row, after, change)
    }

    /// That what is asked for could be done now.
    async fn check(
        &self,
        actor: &Actor,
        found: &Found,
        proposed: &Proposed,
        ground: Ground,
    ) -> Result<(), Error> {
        match proposed {
            Proposed::ChangeRecord(change) => {
                change.apply(found.subject()?.record)?;
            }
            Proposed::ChangeApp { app, change } => {
                let who = SubjectRef::Token(found.row.id.clone());
                let read = self.vault.read_app(actor, &who, app, ground).await?;
                change.apply(read.value.data)?;
            }
            Proposed::Forget => {}
            Proposed::WithdrawAgreement(agreement) => {
                let id = found.row.id.as_str();
                let known = self.consent.agreements_of(&actor.tenant, id).await?;
                let is_given = known.iter().any(|status| {
                    let named = status.event.agreement.as_ref();
                    named.is_some_and(|named| named.name == *agreement)
                });
                if !is_given {
                    return Err(Error::Absent { what: "agreement" });
                }
            }
        }
        Ok(())
    }

    async fn last_seq(&self, actor: &Actor, found: &Found) -> Result<Option<i64>, Error> {
        let (tenant, id) = (actor.tenant.clone(), found.row.id.clone());
        self.vault
            .store
            .database()
            .read::<_, Error, _>(&crate::Vault::scope(actor), move |tx| {
                Box::pin(async move { last_seq(tx, tenant.as_str(), id.as_str()).await })
            })
            .await
    }
}

/// What the subject is recorded as saying.
fn withdrawal(agreement: &str, at: jiff::Timestamp) -> Statement {
    let mut said = Statement::new(EventKind::Withdrawn, &[], at);
    said.agreement = Some(agreement.to_owned());
    said.given_by = GivenBy::Subject;
    METHOD.clone_into(&mut said.method);
    said
}

async fn last_seq(tx: &mut Tx, tenant: &str, subject: &str) -> Result<Option<i64>, Error> {
    Ok(tx
        .one(
            "SELECT MAX(seq) FROM proposals WHERE tenant = $1 AND subject = $2",
            values![tenant, subject],
        )
        .await?)
}

/// Writes an open proposal, or finds the one that waits already. `None` if the subject moved on meanwhile.
async fn write(
    tx: &mut Tx,
    found: &Found,
    row: &Row,
    change: SubjectChange,
) -> Result<Option<Opened>, Error> {
    if !found.row.hold(tx).await? {
        return Ok(None);
    }
    let (tenant, subject) = (found.row.tenant.as_str(), found.row.id.as_str());
    if row.kind.is_single() {
        let waiting: Option<String> = tx
            .optional(
                "SELECT id FROM proposals WHERE tenant = $1 AND subject = $2 AND status = 'open' AND kind = $3 \
                 AND COALESCE(object, '') = $4 ORDER BY seq LIMIT 1",
                values![
                    tenant,
                    subject,
                    row.kind.name(),
                    row.object.as_deref().unwrap_or_default()
                ],
            )
            .await?;
        if let Some(id) = waiting {
            return Ok(Some(Opened { id, is_new: false }));
        }
    }
    // The number is sealed already; somebody else may have taken it.
    if last_seq(tx, tenant, subject).await?.unwrap_or_default() >= row.seq {
        return Ok(None);
    }
    let open: i64 = tx
        .one(
            "SELECT COUNT(*) FROM proposals WHERE tenant = $1 AND subject = $2 AND status = 'open'",
            values![tenant, subject],
        )
        .await?;
    if open >= MOST_OPEN {
        return Err(Error::TooMany {
            what: "proposals of a subject that wait",
            most: MOST_OPEN.unsigned_abs(),
        });
    }
    let over: Vec<Option<RowName>> = tx
        .rows(
            "DELETE FROM proposals WHERE tenant = $1 AND subject = $2 AND status <> 'open' AND seq <= $3 \
             RETURNING name_in_log",
            values![tenant, subject, row.seq - MOST_KEPT],
        )
        .await?;
    row.insert(tx, tenant).await?;
    let leaf = Leaf {
        kind: "proposal_opened",
        tenant,
        at: change.at,
        payload: &change.ending(over),
    };
    append_leaf(tx, leaf).await?;
    Ok(Some(Opened {
        id: row.id.clone(),
        is_new: true,
    }))
}
