//! Taking requests in, and the steps up to their being carried out.

use jiff::Timestamp;
use privet_crypto::{OneTimeCode, random, random_uuid};
use privet_types::Secret;
use serde_json::{Value, json};

use super::machine::{Case, Step};
use super::model::{
    CancelGround, ExtensionReason, IdentityHash, IdentityMethod, Request, RequestKind, RequestStatus,
    months_after, seconds_after,
};
use super::receipt::{RequestReceipt, RequestStatement};
use super::row::{Row, Write};
use super::{CodeMessage, Requests};
use crate::subject::{Found, Place, sealed};
use crate::{Actor, Error, Ground, PermittedUse, Record, SubjectId, SubjectRef};

const ATTEMPTS: usize = 16;
/// Most identities, purposes and callbacks of a request.
const MOST_NAMED: usize = 16;
/// Longest note, and longest URL.
const LONGEST: usize = 4096;
/// What codes are hashed for.
const CODES: &str = "privet/vault/request-code";

pub(super) const FOR_THE_SUBJECT: Ground = Ground::Permitted(PermittedUse::SubjectRequest);

/// A request to be taken in.
#[derive(Debug, Clone)]
pub struct NewRequest {
    /// Which right.
    pub kind: RequestKind,
    /// By what the subject names itself; all that are known must be of one subject.
    pub identities: Vec<SubjectRef>,
    /// When it was received; now if absent. The time runs from then.
    pub received_at: Option<Timestamp>,
    /// What to correct, as a JSON merge patch (RFC 7396). For rectification only.
    pub patch: Option<Secret<String>>,
    /// To which purposes the subject objects; to all if empty. For objections only.
    pub purposes: Vec<String>,
    /// What the subject says. Sealed.
    pub note: Option<Secret<String>>,
    /// Whom to tell of changes of the status: `https` URLs.
    pub callbacks: Vec<String>,
}

/// A one-time code was sent, or seems so: the answer for somebody unknown is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeSent {
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// How often it may be typed.
    pub attempts: u32,
}

impl NewRequest {
    /// A request of this kind by who is named so, received now.
    #[must_use]
    pub fn new(kind: RequestKind, identities: Vec<SubjectRef>) -> Self {
        Self {
            kind,
            identities,
            received_at: None,
            patch: None,
            purposes: Vec::new(),
            note: None,
            callbacks: Vec::new(),
        }
    }

    pub(super) fn check(&self, now: Timestamp) -> Result<(), Error> {
        if !(1..=MOST_NAMED).contains(&self.identities.len()) {
            return Err(bad("identities", "1 to 16"));
        }
        if self.received_at.is_some_and(|at| at > now) {
            return Err(bad("received_at", "must not be in the future"));
        }
        if self.patch.is_some() != (self.kind == RequestKind::Rectification) {
            return Err(bad("patch", "a rectification has one, and nothing else does"));
        }
        if !self.purposes.is_empty() && self.kind != RequestKind::Objection {
            return Err(bad("purposes", "are for objections"));
        }
        let is_long = |note: &Secret<String>| note.expose().len() > LONGEST;
        if self.purposes.len() > MOST_NAMED || self.note.as_ref().is_some_and(is_long) {
            return Err(bad("note", "16 purposes and 4 KiB of note at most"));
        }
        let fits = |url: &String| url.starts_with("https://") && url.len() <= LONGEST;
        if self.callbacks.len() > MOST_NAMED || !self.callbacks.iter().all(fits) {
            return Err(bad("callbacks", "`https` URLs, 16 at most"));
        }
        Ok(())
    }

    /// What is sealed of it.
    fn details(&self) -> Result<Record, Error> {
        let patch = match &self.patch {
            Some(patch) => serde_json::from_str(patch.expose())
                .ok()
                .filter(Value::is_object)
                .ok_or_else(|| bad("patch", "a JSON object"))?,
            None => Value::Null,
        };
        let note = self.note.as_ref().map(Secret::expose);
        Record::from_value(json!({"patch": patch, "purposes": self.purposes, "note": note}))
    }
}

impl Requests {
    /// Takes a request in. The receipt says that and when it was received.
    ///
    /// A request by somebody unknown is taken in like any other, so that the answer tells nobody who is known.
    ///
    /// # Errors
    /// [`Error::BadField`] if a field does not fit, or the identities are of several subjects.
    pub async fn open(&self, actor: &Actor, new: &NewRequest) -> Result<(Request, RequestReceipt), Error> {
        let now = self.vault.now();
        new.check(now)?;
        let details = new.details()?;
        // Again where the subject was erased meanwhile: then nobody of that name is known.
        for _ in 0..ATTEMPTS {
            if let Some(opened) = self.received(actor, new, &details, now).await? {
                return Ok(opened);
            }
        }
        Err(Error::VersionConflict { found: 0 })
    }

    /// As [`open`](Self::open); `None` if the subject was erased meanwhile.
    async fn received(
        &self,
        actor: &Actor,
        new: &NewRequest,
        details: &Record,
        now: Timestamp,
    ) -> Result<Option<(Request, RequestReceipt)>, Error> {
        let found = self.asked_by(actor, &new.identities).await?;
        let key = self
            .hash_key(&actor.tenant, "privet/vault/request-identity")
            .await?;
        let received_at = new.received_at.unwrap_or(now);
        let received_at = Timestamp::from_millisecond(received_at.as_millisecond()).unwrap_or(received_at);
        // As the indexes have it: who writes a name in another way counts as the same person.
        let indexes = self.vault.indexes(&actor.tenant).await?;
        let identity = |who: &SubjectRef| {
            let (kind, value) = match who.field() {
                Some((field, value)) => (field, indexes.normalised(field, value)?),
                None => (
                    "token",
                    who.id().map_or_else(String::new, |id| id.as_str().to_owned()),
                ),
            };
            Ok(IdentityHash {
                kind: kind.to_owned(),
                hash: key.hash_hex(&[kind.as_bytes(), value.as_bytes()]),
            })
        };
        let identities = new.identities.iter().map(identity);
        let identities = identities.collect::<Result<Vec<_>, Error>>()?;
        let request = Request {
            id: random_uuid()?,
            kind: new.kind,
            status: RequestStatus::Pending,
            subject: found.as_ref().map(|found| found.row.id.clone()),
            pseudonym: found.as_ref().map(Found::pseudonym),
            identities,
            opened_by: actor.principal.clone(),
            received_at,
            due_at: months_after(received_at, 1)?,
            needs_identity: self.config.identity_for.contains(&new.kind),
            identity: None,
            needs_approval: self.config.approval_for.contains(&new.kind),
            approval: None,
            extension: None,
            closed_at: None,
            closed_by: None,
            outcome: None,
            callbacks: new.callbacks.clone(),
        };
        let sealed = match &found {
            Some(found) => {
                let keys = found.keys.id;
                self.vault.count_seals(&actor.tenant, keys, details).await?;
                let name = record_name(&request.id);
                Some(sealed::seal(&found.keys, &place(found, &name), details)?)
            }
            // Nobody's key would seal it, and nobody would carry it out.
            None => None,
        };
        let receipt = RequestReceipt::sign(
            &RequestStatement::of(&request, actor.tenant.as_str()),
            &self.signer(&actor.tenant).await?,
        )?;
        let write = Write {
            actor: actor.clone(),
            at: now,
            step: "request_received",
            before: None,
            case: Case {
                request: request.clone(),
                code: None,
                codes_sent: 0,
            },
            sealed,
            receipt: Some(receipt.clone()),
            tries: None,
        };
        let written = self.write(write).await?;
        Ok(written.map(|_| (request, receipt)))
    }

    /// The subject that all known `identities` are of.
    async fn asked_by(&self, actor: &Actor, identities: &[SubjectRef]) -> Result<Option<Found>, Error> {
        let mut asked: Option<Found> = None;
        for who in identities {
            let found = match self.vault.find(actor, who).await {
                Ok(found) => found,
                Err(Error::Absent { .. }) => continue,
                Err(error) => return Err(error),
            };
            if asked.as_ref().is_some_and(|one| one.row.id != found.row.id) {
                return Err(bad("identities", "they are not all of one subject"));
            }
            asked = Some(found);
        }
        Ok(asked)
    }

    /// Sends a one-time code to the address in the field `channel` (`email`, `phone`) of the subject's own record. For
    /// somebody unknown, and for a record without such a field, nothing is sent and the answer is the same.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::NotReady`] if no further code is sent for the request or the person,
    /// [`Error::NotDelivered`].
    pub async fn send_code(&self, actor: &Actor, id: &str, channel: &str) -> Result<CodeSent, Error> {
        let code = OneTimeCode::generate(self.config.code_digits)?;
        let key = self.hash_key(&actor.tenant, CODES).await?;
        let expires_at = seconds_after(self.vault.now(), self.config.code_seconds);
        // What nobody gets, nobody can type.
        let step = |is_sent: bool| {
            let hash = if is_sent {
                code.hash(&key, id.as_bytes())
            } else {
                random::<32>()?
            };
            Ok::<_, Error>(Step::SendCode {
                hash: data_encoding::HEXLOWER.encode(&hash),
                expires_at,
                is_sent,
            })
        };
        let request = self.row(actor, id).await?.case.request;
        let is_shut = self.is_shut(actor, &request, &step(true)?).await?;
        let address = self.address(actor, request.subject.as_ref(), channel).await?;
        // Past the limit of the subject nothing is sent, and the answer is the same.
        let mut address = address.filter(|_| !is_shut);
        loop {
            let step = step(address.is_some())?;
            match self.step(actor, id, |_, _| Ok(step.clone())).await {
                // The limit was reached meanwhile, and nothing was written.
                Err(Error::NotDelivered) if address.is_some() => address = None,
                written => {
                    written?;
                    break;
                }
            }
        }
        if let Some(address) = address {
            let message = CodeMessage {
                tenant: &actor.tenant,
                request: id,
                kind: request.kind,
                channel,
                address: &address,
                code: &code,
                expires_at,
            };
            if !self.delivery.deliver(message).await {
                return Err(Error::NotDelivered);
            }
        }
        Ok(CodeSent {
            expires_at,
            attempts: self.config.attempts,
        })
    }

    async fn address(
        &self,
        actor: &Actor,
        subject: Option<&SubjectId>,
        channel: &str,
    ) -> Result<Option<Secret<String>>, Error> {
        let Some(subject) = subject else {
            return Ok(None);
        };
        let who = SubjectRef::Token(subject.clone());
        match self
            .vault
            .read_fields(actor, &who, &[channel], FOR_THE_SUBJECT)
            .await
        {
            Ok(read) => {
                let field = read.value.record.fields().get(channel);
                let address = field
                    .and_then(Value::as_str)
                    .map(|text| Secret::new(text.to_owned()));
                Ok(address)
            }
            Err(Error::Absent { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes the code that the subject typed. Each wrong one counts, durably, before anything is answered.
    ///
    /// # Errors
    /// [`Error::WrongCode`]; [`Error::NotReady`] if there is no code, it has ended, or was typed wrongly too often, for this
    /// request or for the person.
    pub async fn check_code(
        &self,
        actor: &Actor,
        id: &str,
        typed: &Secret<String>,
    ) -> Result<Request, Error> {
        let key = self.hash_key(&actor.tenant, CODES).await?;
        let right = Step::TypeCode { is_right: true };
        let request = self.row(actor, id).await?.case.request;
        let mut is_shut = self.is_shut(actor, &request, &right).await?;
        loop {
            let mut left = None;
            let typed = self.step(actor, id, |case, at| {
                let code = case.live_code(at)?;
                let mut hash = [0; 32];
                let stored = data_encoding::HEXLOWER
                    .decode(code.hash.as_bytes())
                    .ok()
                    .filter(|stored| stored.len() == hash.len())
                    .ok_or(Error::Damaged {
                        table: "subject_requests",
                    })?;
                hash.copy_from_slice(&stored);
                let is_right =
                    OneTimeCode::is_code_of(&key, id.as_bytes(), typed.expose(), &hash) && !is_shut;
                left = (!is_right).then(|| code.attempts_left - 1);
                Ok(Step::TypeCode { is_right })
            });
            match (typed.await, left) {
                // The limit was reached meanwhile, and nothing was written.
                (Err(Error::WrongCode { .. }), _) if !is_shut => is_shut = true,
                (Ok(_), Some(left)) => return Err(Error::WrongCode { left }),
                (typed, _) => return typed,
            }
        }
    }

    /// Says in one's own name that the subject asks.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::NotReady`]; [`Error::BadField`] for a code, which has to be typed.
    pub async fn vouch(&self, actor: &Actor, id: &str, method: IdentityMethod) -> Result<Request, Error> {
        if method == IdentityMethod::OneTimeCode {
            return Err(bad("method", "a code has to be typed"));
        }
        self.step(actor, id, |_, _| Ok(Step::Vouch(method))).await
    }

    /// Approves the request.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::NotReady`]; [`Error::SecondPrincipal`] to who took it in.
    pub async fn approve(&self, actor: &Actor, id: &str) -> Result<Request, Error> {
        self.step(actor, id, |_, _| Ok(Step::Approve)).await
    }

    /// Extends the time by two months: once, and within the first.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::NotReady`].
    pub async fn extend(&self, actor: &Actor, id: &str, reason: ExtensionReason) -> Result<Request, Error> {
        self.step(actor, id, |_, _| Ok(Step::Extend(reason))).await
    }

    /// Begins the work on a request.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::NotReady`].
    pub async fn start(&self, actor: &Actor, id: &str) -> Result<Request, Error> {
        self.step(actor, id, |_, _| Ok(Step::Start)).await
    }

    /// Ends a request that is taken back or refused.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::NotReady`].
    pub async fn cancel(
        &self,
        actor: &Actor,
        id: &str,
        ground: CancelGround,
    ) -> Result<(Request, RequestReceipt), Error> {
        let request = self.step(actor, id, |_, _| Ok(Step::Cancel(ground))).await?;
        Ok((request, self.receipt(actor, id).await?))
    }

    /// The request `id`.
    ///
    /// # Errors
    /// [`Error::Absent`].
    pub async fn request(&self, actor: &Actor, id: &str) -> Result<Request, Error> {
        Ok(self.row(actor, id).await?.case.request)
    }

    /// The last receipt of the request `id`: that it was received, or how it ended.
    ///
    /// # Errors
    /// [`Error::Absent`].
    pub async fn receipt(&self, actor: &Actor, id: &str) -> Result<RequestReceipt, Error> {
        let receipt = self.row(actor, id).await?.receipt.unwrap_or_default();
        RequestReceipt::parse(receipt.as_bytes())
    }

    /// Does the step that `make` makes of the request as it is, and again if somebody else was first.
    pub(super) async fn step(
        &self,
        actor: &Actor,
        id: &str,
        mut make: impl FnMut(&mut Case, Timestamp) -> Result<Step, Error> + Send,
    ) -> Result<Request, Error> {
        for _ in 0..ATTEMPTS {
            let before = self.row(actor, id).await?;
            let at = self.vault.now();
            let mut case = before.case.clone();
            let step = make(&mut case.clone(), at)?;
            case.apply(&step, &actor.principal, at, &self.config)?;
            let is_closed = !case.request.status.is_open();
            let receipt = if is_closed {
                let key = self.signer(&actor.tenant).await?;
                let statement = RequestStatement::of(&case.request, actor.tenant.as_str());
                Some(RequestReceipt::sign(&statement, &key)?)
            } else {
                before
                    .receipt
                    .as_deref()
                    .map(str::as_bytes)
                    .map(RequestReceipt::parse)
                    .transpose()?
            };
            let request = case.request.clone();
            let tries = self.tries(actor, &request, &step, at).await?;
            let write = Write {
                actor: actor.clone(),
                at,
                step: step.name(),
                case,
                sealed: before.sealed.clone(),
                before: Some(before),
                receipt,
                tries,
            };
            if self.write(write).await?.is_some() {
                return Ok(request);
            }
        }
        Err(Error::VersionConflict { found: 0 })
    }

    /// What was asked for.
    pub(super) fn details(row: &Row, found: &Found) -> Result<Record, Error> {
        let damaged = Error::Damaged {
            table: "subject_requests",
        };
        let container = row.sealed.as_deref().ok_or(damaged)?;
        let name = record_name(&row.case.request.id);
        sealed::open(&found.keys, &place(found, &name), container)
    }
}

pub(super) fn record_name(id: &str) -> String {
    format!("request/{id}")
}

fn place<'a>(found: &'a Found, name: &'a str) -> Place<'a> {
    Place {
        table: "subject_requests",
        ..found.row.place(name, 1)
    }
}

pub(super) fn bad(field: &str, why: &'static str) -> Error {
    Error::BadField {
        field: field.to_owned(),
        why,
    }
}
