//! Carrying requests out.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use privet_crypto::sha256;
use privet_store::values;
use serde_json::Value;

use super::Requests;
use super::flow::FOR_THE_SUBJECT;
use super::machine::Step;
use super::model::{Request, RequestKind, RequestOutcome, RequestStatus};
use super::package::SubjectPackage;
use super::receipt::RequestReceipt;
use super::row::{ABSENT, Row};
use crate::audit::{Access, Audited, Operation};
use crate::subject::Found;
use crate::{
    Actor, EVERY_PURPOSE, ErasureReason, ErasureReceipt, Error, EventKind, ForgetOutcome, Statement,
    SubjectRef,
};

/// How events that came of a request were made.
const METHOD: &str = "subject_request";

/// The answer to a request that was carried out. Has no `Debug`: it holds personal data.
#[derive(Clone)]
pub struct Answer {
    /// The request.
    pub request: Request,
    /// The signed receipt.
    pub receipt: RequestReceipt,
    /// The copy, for access and portability.
    pub package: Option<SubjectPackage>,
    /// The receipt of the erasure.
    pub erasure: Option<ErasureReceipt>,
}

/// What was done.
struct Effect {
    outcome: RequestOutcome,
    package: Option<SubjectPackage>,
    erasure: Option<ErasureReceipt>,
}

impl From<RequestOutcome> for Effect {
    fn from(outcome: RequestOutcome) -> Self {
        Self {
            outcome,
            package: None,
            erasure: None,
        }
    }
}

impl Requests {
    /// Carries a request out: gives the copy, corrects the record, erases, restricts, records the objection. Each of it may
    /// be done again if it was interrupted; the request is completed by the last transaction.
    ///
    /// # Errors
    /// [`Error::Absent`]; [`Error::NotReady`] if it is not made sure that the subject asks, nobody has approved, or a legal
    /// hold keeps the data; [`Error::SecondPrincipal`] to who approved it; those of what is done.
    pub async fn execute(&self, actor: &Actor, id: &str) -> Result<Answer, Error> {
        let row = self.row(actor, id).await?;
        row.case.ready(&actor.principal)?;
        if row.case.request.status == RequestStatus::Pending {
            self.start(actor, id).await?;
        }
        // The erasure takes the names out of the requests. Who is erased already is counted under stand-ins, which stay.
        let mut counted = BTreeSet::new();
        if let (RequestKind::Erasure, Some(subject)) = (row.case.request.kind, &row.case.request.subject) {
            match self.vault.find(actor, &SubjectRef::Token(subject.clone())).await {
                Ok(_) => counted = self.counted_as(actor, &row.case.request).await?,
                Err(Error::Absent { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let effect = self.effect(actor, &row).await?;
        if matches!(effect.outcome, RequestOutcome::Erased { .. }) {
            self.forget_tries(actor, counted).await?;
        }
        let complete = Step::Complete(effect.outcome);
        let request = self.step(actor, id, |_, _| Ok(complete.clone())).await?;
        Ok(Answer {
            receipt: self.receipt(actor, id).await?,
            request,
            package: effect.package,
            erasure: effect.erasure,
        })
    }

    /// The copy of a completed request for access or portability again, of what is held now.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is none, or it was completed too long ago.
    pub async fn package(&self, actor: &Actor, id: &str) -> Result<Audited<SubjectPackage>, Error> {
        let request = self.request(actor, id).await?;
        let days = i64::from(self.config.copy_days);
        let is_fresh = request.closed_at.is_some_and(|at| {
            let end = at.saturating_add(SignedDuration::from_hours(24 * days));
            self.vault.now() < end.unwrap_or(Timestamp::MAX)
        });
        if !is_fresh || !matches!(request.outcome, Some(RequestOutcome::Provided { .. })) {
            return Err(ABSENT);
        }
        let who = SubjectRef::Token(request.subject.clone().ok_or(ABSENT)?);
        let found = self.vault.find(actor, &who).await?;
        let value = self.gather(actor, &request, &found).await?;
        let access = Access::shown(actor, self.vault.now(), Operation::ReadCopy, FOR_THE_SUBJECT);
        let fields = value.held.record.fields().len();
        Ok(Audited {
            value,
            access: access.of(found.pseudonym(), fields),
        })
    }

    async fn effect(&self, actor: &Actor, row: &Row) -> Result<Effect, Error> {
        let request = &row.case.request;
        let Some(subject) = &request.subject else {
            return Ok(RequestOutcome::NothingHeld.into());
        };
        let who = SubjectRef::Token(subject.clone());
        let found = match self.vault.find(actor, &who).await {
            Ok(found) => found,
            Err(Error::Absent { .. }) if request.kind == RequestKind::Erasure => {
                return self.erased_before(actor, subject.as_str()).await;
            }
            Err(Error::Absent { .. }) => return Ok(RequestOutcome::NothingHeld.into()),
            Err(error) => return Err(error),
        };
        match request.kind {
            RequestKind::Access | RequestKind::Portability => {
                let package = self.gather(actor, request, &found).await?;
                let sha256 = HEXLOWER.encode(&sha256(package.to_json()?.as_bytes()));
                Ok(Effect {
                    outcome: RequestOutcome::Provided { sha256 },
                    package: Some(package),
                    erasure: None,
                })
            }
            RequestKind::Rectification => {
                let details = Self::details(row, &found)?;
                let patch = details.fields().get("patch").cloned().unwrap_or(Value::Null);
                let stored = self
                    .vault
                    .update(actor, &who, &patch, None, FOR_THE_SUBJECT)
                    .await?;
                let version = stored.version;
                Ok(RequestOutcome::Rectified { version }.into())
            }
            RequestKind::Erasure => self.erase(actor, &who).await,
            RequestKind::Restriction => {
                self.say(actor, request, EventKind::Restricted, Vec::new())
                    .await?;
                self.vault.restrict(actor, &who, true).await?;
                Ok(RequestOutcome::Restricted.into())
            }
            RequestKind::Objection => {
                let details = Self::details(row, &found)?;
                let purposes = match details.fields().get("purposes") {
                    Some(Value::Array(names)) => names
                        .iter()
                        .filter_map(Value::as_str)
                        .map(str::to_owned)
                        .collect(),
                    _ => Vec::new(),
                };
                self.say(actor, request, EventKind::Objected, purposes).await?;
                Ok(RequestOutcome::Objected.into())
            }
        }
    }

    /// The one place that erases.
    async fn erase(&self, actor: &Actor, who: &SubjectRef) -> Result<Effect, Error> {
        match self.vault.forget(actor, who, ErasureReason::Request).await? {
            ForgetOutcome::Erased(receipt) => erased(&receipt),
            ForgetOutcome::Held(_) => Err(Error::NotReady {
                why: "a legal hold keeps the data; cancel the request on the ground of legal claims, or end the hold",
            }),
        }
    }

    /// The erasure of a subject that is erased already: by a run of this request that was interrupted, or by somebody else.
    async fn erased_before(&self, actor: &Actor, subject: &str) -> Result<Effect, Error> {
        let (tenant, subject) = (actor.tenant.clone(), subject.to_owned());
        let id: Option<String> = self
            .vault
            .store
            .database()
            .read::<_, Error, _>(&crate::Vault::scope(actor), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .optional(
                            "SELECT id FROM erasures WHERE tenant = $1 AND subject = $2 AND state = 'done'",
                            values![tenant.as_str(), subject],
                        )
                        .await?)
                })
            })
            .await?;
        let id = id.ok_or(Error::NotReady {
            why: "the erasure was begun and is not finished; resume it",
        })?;
        erased(&self.vault.erasure_receipt(actor, &id).await?)
    }

    /// Puts into the history of consent what the subject says, as of when the request was received: once, however often the
    /// request is carried out.
    async fn say(
        &self,
        actor: &Actor,
        request: &Request,
        kind: EventKind,
        purposes: Vec<String>,
    ) -> Result<(), Error> {
        let subject = request.subject.as_ref().ok_or(ABSENT)?.as_str();
        let mut statement = Statement::new(kind, &[], request.received_at);
        statement.purposes = purposes;
        if statement.purposes.is_empty() {
            statement.purposes.push(EVERY_PURPOSE.to_owned());
        }
        METHOD.clone_into(&mut statement.method);
        let number = ("request".to_owned(), request.id.clone());
        statement.evidence.extend([number]);
        let at = request.received_at.as_millisecond();
        let history = self.consent.history(&actor.tenant, subject).await?;
        let is_said = |purpose: &String| {
            history.iter().any(|event| {
                event.kind == kind && event.at == at && event.method == METHOD && event.purpose == *purpose
            })
        };
        if !statement.purposes.iter().all(is_said) {
            self.consent.record(actor, subject, &statement).await?;
        }
        Ok(())
    }

    async fn gather(&self, actor: &Actor, request: &Request, found: &Found) -> Result<SubjectPackage, Error> {
        match request.kind {
            RequestKind::Portability => self.portable(actor, request, found).await,
            _ => self.everything(actor, request, found).await,
        }
    }
}

fn erased(receipt: &ErasureReceipt) -> Result<Effect, Error> {
    let damaged = |_| Error::Damaged { table: "erasures" };
    let statement: Value = serde_json::from_str(&receipt.statement).map_err(damaged)?;
    let erasure = statement
        .get("erasure")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Ok(Effect {
        outcome: RequestOutcome::Erased {
            erasure: erasure.to_owned(),
            sha256: receipt.hash(),
        },
        package: None,
        erasure: Some(receipt.clone()),
    })
}
