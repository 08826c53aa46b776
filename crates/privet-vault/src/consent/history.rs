//! The history of events: what is added to it, and how it is read.

use std::collections::BTreeMap;

use jiff::Timestamp;
use privet_crypto::{Context, DataKey, SealCount, random_uuid, sha256};
use privet_store::{FromRow, FromValue, Leaf, Row, Scope, Tx, Value, append_leaf, values};
use privet_types::TenantId;
use serde::Serialize;

use super::catalog::{current, is_defined, purposes_of};
use super::definition::{Agreement, DefinitionKind, Purpose, Versioned, bad, check_name, check_text};
use super::evaluate::order;
use super::event::{
    AgreementRef, ConsentEvent, EVERY_PURPOSE, EventKind, GivenBy, Statement, SubjectPseudonym, Track,
};
use super::{Consent, hex, next_seq};
use crate::audit::Complete;
use crate::proposal::Closing;
use crate::{Actor, Error};

/// Most events of one subject. Far below the 2^32 seals that one key allows, so that no count of them is kept.
const MAX_EVENTS: i64 = 10_000;
/// Most entries and bytes of one statement's evidence.
const MAX_EVIDENCE: usize = 32;
/// Events that one transaction of [`Consent::revoke_all`] or [`Consent::expire_due`] adds.
const BATCH: u32 = 256;

pub(crate) const COLUMNS: &str = "statement, seq, subject, purpose, kind, at, recorded_at, expires_at, categories, \
    recipients, is_explicit, given_by, is_minor, method, actor, agreement, agreement_version, agreement_hash, \
    evidence";

/// How a subject stands to an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreementStatus {
    /// The newest event under it.
    pub event: ConsentEvent,
    /// The oldest event under it: since when it is known, milliseconds since the epoch.
    pub first_at: i64,
    /// What holds now: the event's kind, or [`EventKind::Expired`] if its time is over.
    pub status: EventKind,
}

/// What the log is told of an event.
#[derive(Debug, Serialize)]
struct EventLeaf<'a> {
    statement: &'a str,
    subject: String,
    purpose: &'a str,
    at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    given_by: GivenBy,
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    agreement: Option<&'a AgreementRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence_hash: Option<String>,
    principal: &'a str,
}

/// What is the same for all events of a statement.
struct Draft {
    statement: String,
    subject: SubjectPseudonym,
    said: Statement,
    actor: String,
    recorded_at: Timestamp,
    evidence: Option<Vec<u8>>,
}

impl Consent {
    /// Records what `subject` said. The returned events, one a purpose, are durable, and no check on this node forgets
    /// them; other nodes know of them within a second.
    ///
    /// # Errors
    /// [`Error::BadField`] if a field does not fit; [`Error::Absent`] if there is no such subject, [`Error::Undefined`] if there is no such agreement;
    /// [`Error::HistoryFull`] if the subject has too many events.
    pub async fn record(
        &self,
        actor: &Actor,
        subject: &str,
        statement: &Statement,
    ) -> Result<Vec<ConsentEvent>, Error> {
        self.record_closing(actor, subject, statement, None).await
    }

    /// As [`record`](Self::record); what was asked for is closed in the same transaction.
    pub(crate) async fn record_closing(
        &self,
        actor: &Actor,
        subject: &str,
        statement: &Statement,
        closing: Option<Closing>,
    ) -> Result<Vec<ConsentEvent>, Error> {
        let now = self.clock.now();
        validate(statement, now)?;
        let (name, key) = self.expect_known(&actor.tenant, subject).await?;
        let id = random_uuid()?;
        let draft = Draft {
            evidence: seal(&key, &actor.tenant, &name, &id, &statement.evidence)?,
            statement: id,
            subject: name,
            said: statement.clone(),
            actor: actor.principal.0.clone(),
            recorded_at: now,
        };
        let tenant = actor.tenant.clone();
        let events = self
            .database
            .write::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let events = add(tx, &tenant, draft).await?;
                    if let Some(closing) = closing {
                        closing.write(tx).await?;
                    }
                    Ok(events)
                })
            })
            .await?;
        if let Some(event) = events.first() {
            self.cache.forget_subject(&actor.tenant, event.subject, event.seq);
            // An agreement without purposes may have got one of its own.
            if statement.purposes.is_empty() {
                self.cache.forget_catalog(&actor.tenant, event.seq);
            }
        }
        Ok(events)
    }

    /// All that is known of what `subject` said, oldest first.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is no such subject.
    pub async fn history(&self, tenant: &TenantId, subject: &str) -> Result<Vec<ConsentEvent>, Error> {
        let (name, _) = self.expect_known(tenant, subject).await?;
        self.history_of(tenant, name).await
    }

    /// The history of a pseudonym, oldest first. It can be read when nobody knows any more whose it is.
    ///
    /// # Errors
    /// [`Error::Store`] if the store does not answer, [`Error::Damaged`] if a row was changed by hand.
    pub async fn history_of(
        &self,
        tenant: &TenantId,
        subject: SubjectPseudonym,
    ) -> Result<Vec<ConsentEvent>, Error> {
        let tenant = tenant.clone();
        self.database
            .read(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move { select(tx, tenant.as_str(), subject).await })
            })
            .await
    }

    /// The evidence of the statement `statement` of `subject`; empty if it has none.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is no such subject, [`Error::Undefined`] if there is no such statement; [`Error::Crypto`] if it does not open.
    pub async fn evidence(
        &self,
        tenant: &TenantId,
        subject: &str,
        statement: &str,
    ) -> Result<BTreeMap<String, String>, Error> {
        let (name, key) = self.expect_known(tenant, subject).await?;
        let event = self
            .history_of(tenant, name)
            .await?
            .into_iter()
            .find(|event| event.statement == statement)
            .ok_or_else(|| Error::Undefined {
                what: "statement",
                name: statement.to_owned(),
            })?;
        open(&key, tenant, &event)
    }

    /// As [`agreements_of`](Self::agreements_of), each with the evidence of its newest event.
    ///
    /// # Errors
    /// As [`history`](Self::history); [`Error::Crypto`] if evidence does not open.
    pub async fn agreements_with_evidence(
        &self,
        tenant: &TenantId,
        subject: &str,
    ) -> Result<Vec<(AgreementStatus, BTreeMap<String, String>)>, Error> {
        let (_, key) = self.expect_known(tenant, subject).await?;
        let standings = self.agreements_of(tenant, subject).await?;
        standings
            .into_iter()
            .map(|standing| {
                let evidence = open(&key, tenant, &standing.event)?;
                Ok((standing, evidence))
            })
            .collect()
    }

    /// How `subject` stands to each agreement it ever answered, by name.
    ///
    /// # Errors
    /// As [`history`](Self::history).
    pub async fn agreements_of(
        &self,
        tenant: &TenantId,
        subject: &str,
    ) -> Result<Vec<AgreementStatus>, Error> {
        let now = self.now_ms();
        let mut newest = BTreeMap::<String, AgreementStatus>::new();
        for event in self.history(tenant, subject).await? {
            let Some(agreement) = &event.agreement else {
                continue;
            };
            let is_over = event.kind == EventKind::Given && event.expires_at.is_some_and(|end| end <= now);
            let status = if is_over { EventKind::Expired } else { event.kind };
            let first_at = newest
                .get(&agreement.name)
                .map_or(event.at, |known| known.first_at);
            newest.insert(
                agreement.name.clone(),
                AgreementStatus {
                    event,
                    first_at,
                    status,
                },
            );
        }
        Ok(newest.into_values().collect())
    }

    /// Ends the consent of everybody who agreed to `agreement`, in batches. Returns how many events that made.
    ///
    /// # Errors
    /// [`Error::Store`] if the store does not answer; what was ended before stays ended.
    pub async fn revoke_all(&self, actor: &Actor, agreement: &str) -> Result<u64, Error> {
        // What has run out is over already.
        let condition = format!(
            "agreement = $2 AND (expires_at IS NULL OR expires_at > {})",
            self.now_ms()
        );
        let condition = (condition, Value::from(agreement));
        self.end_all(&actor.tenant, &actor.principal.0, EventKind::Revoked, condition)
            .await
    }

    /// Writes down that consents have run out, in batches. Nothing depends on it: a consent whose time is over is not in
    /// force. Returns how many events that made.
    ///
    /// # Errors
    /// As [`revoke_all`](Self::revoke_all).
    pub async fn expire_due(&self, actor: &Actor) -> Result<u64, Error> {
        let condition = ("expires_at <= $2".to_owned(), Value::from(self.now_ms()));
        self.end_all(&actor.tenant, &actor.principal.0, EventKind::Expired, condition)
            .await
    }

    async fn end_all(
        &self,
        tenant: &TenantId,
        actor: &str,
        kind: EventKind,
        (condition, value): (String, Value),
    ) -> Result<u64, Error> {
        let mut ended = 0;
        loop {
            let (owner, actor, value) = (tenant.clone(), actor.to_owned(), value.clone());
            let condition = condition.clone();
            let now = self.clock.now();
            let events = self
                .database
                .write(&Scope::Tenant(tenant.clone()), move |tx| {
                    Box::pin(async move { end_some(tx, &owner, actor, kind, now, &condition, value).await })
                })
                .await?;
            for event in &events {
                self.cache.forget_subject(tenant, event.subject, event.seq);
            }
            ended += events.len() as u64;
            if events.len() < BATCH as usize {
                return Ok(ended);
            }
        }
    }
}

/// Writes down, in the transaction that begins the erasure of `subject`, that nothing is allowed any more. It has to be the
/// first that the transaction does: the tenant's number is taken before anything else is held. Returns that number.
pub(crate) async fn end_all_processing(
    tx: &mut Tx,
    actor: &Actor,
    subject: SubjectPseudonym,
    at: Timestamp,
) -> Result<i64, Error> {
    let seq = next_seq(tx, actor.tenant.as_str()).await?;
    let event = ConsentEvent {
        statement: random_uuid()?,
        seq,
        subject,
        purpose: EVERY_PURPOSE.to_owned(),
        kind: EventKind::Erased,
        at: at.as_millisecond(),
        recorded_at: at.as_millisecond(),
        expires_at: None,
        categories: None,
        recipients: None,
        is_explicit: false,
        given_by: GivenBy::Controller,
        is_minor: false,
        method: "erasure".to_owned(),
        actor: actor.principal.0.clone(),
        agreement: None,
        evidence: None,
    };
    insert(tx, &actor.tenant, &[event], at).await?;
    Ok(seq)
}

fn validate(said: &Statement, now: Timestamp) -> Result<(), Error> {
    if said.kind == EventKind::Erased {
        return Err(bad("kind", "is written by an erasure alone"));
    }
    check_name("method", &said.method)?;
    if said.at > now {
        return Err(bad("at", "must not be in the future"));
    }
    if said.purposes.is_empty() && said.agreement.is_none() {
        return Err(bad("purposes", "must name one, unless `agreement` does"));
    }
    let is_every = said.purposes.iter().any(|name| name == EVERY_PURPOSE);
    if is_every && said.kind.track() == Track::Consent && said.kind.permits() {
        return Err(bad("purposes", "of a consent must be specific"));
    }
    for purpose in said.purposes.iter().filter(|name| *name != EVERY_PURPOSE) {
        check_name("purposes", purpose)?;
    }
    for (field, list) in [("categories", &said.categories), ("recipients", &said.recipients)] {
        for name in list.iter().flatten() {
            check_name(field, name)?;
        }
    }
    if said.expires_at.is_some() && said.kind != EventKind::Given {
        return Err(bad("expires_at", "is for a consent that is given"));
    }
    if said.expires_at.is_some_and(|end| end <= said.at) {
        return Err(bad("expires_at", "must be after `at`"));
    }
    if said.evidence.len() > MAX_EVIDENCE {
        return Err(bad("evidence", "has more than 32 entries"));
    }
    for (name, text) in &said.evidence {
        check_name("evidence", name)?;
        check_text("evidence", text)?;
    }
    Ok(())
}

fn place<'a>(tenant: &'a TenantId, subject: &'a SubjectPseudonym, statement: &'a str) -> Context<'a> {
    Context {
        tenant: tenant.as_str().as_bytes(),
        subject: &subject.0,
        record: statement.as_bytes(),
        field: b"consent-evidence",
        schema: 1,
        version: 1,
    }
}

fn seal(
    key: &DataKey,
    tenant: &TenantId,
    subject: &SubjectPseudonym,
    statement: &str,
    evidence: &BTreeMap<String, String>,
) -> Result<Option<Vec<u8>>, Error> {
    if evidence.is_empty() {
        return Ok(None);
    }
    let plain = serde_json::to_vec(evidence).map_err(Error::Json)?;
    let sealed = key
        .record_key()
        .seal(&SealCount::default(), &place(tenant, subject, statement), &plain)?;
    Ok(Some(sealed))
}

/// The evidence of `event`; empty if it has none.
fn open(key: &DataKey, tenant: &TenantId, event: &ConsentEvent) -> Result<BTreeMap<String, String>, Error> {
    let Some(sealed) = &event.evidence else {
        return Ok(BTreeMap::new());
    };
    let place = place(tenant, &event.subject, &event.statement);
    let opened = key.record_key().open(&place, sealed)?;
    serde_json::from_slice(&opened).map_err(|_| Error::Damaged {
        table: "consent_events",
    })
}

async fn add(tx: &mut Tx, tenant: &TenantId, draft: Draft) -> Result<Vec<ConsentEvent>, Error> {
    let seq = next_seq(tx, tenant.as_str()).await?;
    let known: i64 = tx
        .one(
            "SELECT COUNT(*) FROM consent_events WHERE tenant = $1 AND subject = $2",
            values![tenant.as_str(), draft.subject.0],
        )
        .await?;
    if known >= MAX_EVENTS {
        return Err(Error::HistoryFull { most: MAX_EVENTS });
    }
    let said = &draft.said;
    let agreement = match &said.agreement {
        Some(name) => Some(agreement_for(tx, tenant, name, said.kind).await?),
        None => None,
    };
    let mut purposes = said.purposes.clone();
    if let Some(agreement) = &agreement
        && purposes.is_empty()
    {
        let (actor, now) = (&draft.actor, draft.recorded_at);
        purposes = purposes_of(tx, tenant, &agreement.definition, actor, now, seq).await?;
    }
    purposes.sort_unstable();
    purposes.dedup();
    for purpose in &purposes {
        check_purpose(tx, tenant, purpose, said).await?;
    }
    let agreement = agreement.map(|agreement| AgreementRef {
        name: agreement.definition.name,
        version: agreement.version,
        hash: hex(&agreement.hash),
    });
    let events: Vec<_> = purposes
        .into_iter()
        .map(|purpose| ConsentEvent {
            statement: draft.statement.clone(),
            seq,
            subject: draft.subject,
            purpose,
            kind: said.kind,
            at: said.at.as_millisecond(),
            recorded_at: draft.recorded_at.as_millisecond(),
            expires_at: said.expires_at.map(Timestamp::as_millisecond),
            categories: said.categories.clone(),
            recipients: said.recipients.clone(),
            is_explicit: said.is_explicit,
            given_by: said.given_by,
            is_minor: said.is_minor,
            method: said.method.clone(),
            actor: draft.actor.clone(),
            agreement: agreement.clone(),
            evidence: draft.evidence.clone(),
        })
        .collect();
    insert(tx, tenant, &events, draft.recorded_at).await?;
    Ok(events)
}

/// The agreement's version in force; for what only restricts, the last one of a deleted agreement will do.
async fn agreement_for(
    tx: &mut Tx,
    tenant: &TenantId,
    name: &str,
    kind: EventKind,
) -> Result<Versioned<Agreement>, Error> {
    let missing = || Error::Undefined {
        what: "agreement",
        name: name.to_owned(),
    };
    if kind.permits() || kind == EventKind::Requested {
        let agreement: Versioned<Agreement> =
            current(tx, tenant.as_str(), name).await?.ok_or_else(missing)?;
        if !agreement.definition.is_open {
            return Err(bad("agreement", "is not open for agreeing to"));
        }
        return Ok(agreement);
    }
    super::catalog::last(tx, tenant.as_str(), name)
        .await?
        .ok_or_else(missing)
}

async fn check_purpose(tx: &mut Tx, tenant: &TenantId, name: &str, said: &Statement) -> Result<(), Error> {
    if name == EVERY_PURPOSE {
        return Ok(());
    }
    if said.kind != EventKind::Given {
        let ever = is_defined(tx, tenant.as_str(), DefinitionKind::Purpose, name).await?
            || super::catalog::last::<Purpose>(tx, tenant.as_str(), name)
                .await?
                .is_some();
        return ever
            .then_some(())
            .ok_or_else(|| bad(format!("purposes.{name}"), "is not defined"));
    }
    let Some(purpose) = current::<Purpose>(tx, tenant.as_str(), name).await? else {
        return Err(bad(format!("purposes.{name}"), "is not defined"));
    };
    let foreign = |said: &Option<Vec<String>>, all: &std::collections::BTreeSet<String>| {
        said.iter().flatten().find(|one| !all.contains(*one)).cloned()
    };
    if let Some(name) = foreign(&said.categories, &purpose.definition.categories) {
        return Err(bad(format!("categories.{name}"), "is not one of the purpose"));
    }
    if let Some(name) = foreign(&said.recipients, &purpose.definition.recipients) {
        return Err(bad(format!("recipients.{name}"), "is not one of the purpose"));
    }
    Ok(())
}

async fn end_some(
    tx: &mut Tx,
    tenant: &TenantId,
    actor: String,
    kind: EventKind,
    now: Timestamp,
    condition: &str,
    value: Value,
) -> Result<Vec<ConsentEvent>, Error> {
    // The newest events only, so that what was ended already is not ended again.
    let sql = format!(
        "SELECT {COLUMNS} FROM consent_events e WHERE tenant = $1 AND {condition} AND kind = 'given' \
         AND EXISTS (SELECT 1 FROM consent_current c WHERE c.tenant = e.tenant AND c.subject = e.subject \
             AND c.purpose = e.purpose AND c.track = e.track AND c.statement = e.statement) LIMIT {BATCH}"
    );
    let given: Vec<ConsentEvent> = tx.rows(sql, values![tenant.as_str(), value]).await?;
    if given.is_empty() {
        return Ok(given);
    }
    let seq = next_seq(tx, tenant.as_str()).await?;
    let mut events = Vec::with_capacity(given.len());
    for event in given {
        let ended_at = match kind {
            EventKind::Expired => event.expires_at,
            _ => None,
        };
        events.push(ConsentEvent {
            statement: random_uuid()?,
            seq,
            kind,
            at: ended_at.unwrap_or(now.as_millisecond()).max(event.at),
            recorded_at: now.as_millisecond(),
            expires_at: None,
            given_by: GivenBy::Controller,
            method: "system".to_owned(),
            actor: actor.clone(),
            evidence: None,
            ..event
        });
    }
    insert(tx, tenant, &events, now).await?;
    Ok(events)
}

/// What the log is told of `event`.
fn leaf_of(event: &ConsentEvent) -> EventLeaf<'_> {
    EventLeaf {
        statement: &event.statement,
        subject: event.subject.to_hex(),
        purpose: &event.purpose,
        at: event.at,
        expires_at: event.expires_at,
        given_by: event.given_by,
        method: &event.method,
        agreement: event.agreement.as_ref(),
        evidence_hash: event.evidence.as_deref().map(|sealed| hex(&sha256(sealed))),
        principal: &event.actor,
    }
}

/// The JSON of the leaf of `event`, as it was written, without whose it is.
pub(crate) fn leaf_json(event: &ConsentEvent) -> Result<String, Error> {
    serde_json::to_string(&leaf_of(event)).map_err(Error::Json)
}

/// Opens the evidence of a statement, for who holds the subject's key. Says whether it opens.
pub(crate) fn evidence_opens(
    key: &DataKey,
    tenant: &TenantId,
    subject: &SubjectPseudonym,
    statement: &str,
    sealed: &[u8],
) -> bool {
    let opened = key.record_key().open(&place(tenant, subject, statement), sealed);
    opened.is_ok_and(|plain| serde_json::from_slice::<BTreeMap<String, String>>(&plain).is_ok())
}

async fn insert(
    tx: &mut Tx,
    tenant: &TenantId,
    events: &[ConsentEvent],
    now: Timestamp,
) -> Result<(), Error> {
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        rows.push(row(tenant, event)?);
    }
    let head = format!("INSERT INTO consent_events (tenant, track, rank, {COLUMNS})");
    tx.insert_many(&head, rows, "").await?;
    for event in events {
        let payload = leaf_of(event);
        let leaf = Leaf {
            kind: event.kind.leaf(),
            tenant: tenant.as_str(),
            at: now,
            payload: &Complete::new(&payload, tenant.as_str()),
        };
        append_leaf(tx, leaf).await?;
    }
    Ok(())
}

fn row(tenant: &TenantId, event: &ConsentEvent) -> Result<Vec<Value>, Error> {
    let list = |list: &Option<Vec<String>>| {
        list.as_ref()
            .map(|list| serde_json::to_string(list).map_err(Error::Json))
            .transpose()
    };
    Ok(values![
        tenant.as_str(),
        event.kind.track().name(),
        event.kind.rank(),
        &event.statement,
        event.seq,
        event.subject.0,
        &event.purpose,
        event.kind.name(),
        event.at,
        event.recorded_at,
        event.expires_at,
        list(&event.categories)?,
        list(&event.recipients)?,
        event.is_explicit,
        event.given_by.name(),
        event.is_minor,
        &event.method,
        &event.actor,
        event.agreement.as_ref().map(|agreement| agreement.name.as_str()),
        event.agreement.as_ref().map(|agreement| agreement.version),
        event.agreement.as_ref().map(|agreement| agreement.hash.as_str()),
        event.evidence.clone(),
    ])
}

/// The events of a pseudonym, oldest first.
pub(crate) async fn select(
    tx: &mut Tx,
    tenant: &str,
    subject: SubjectPseudonym,
) -> Result<Vec<ConsentEvent>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM consent_events WHERE tenant = $1 AND subject = $2");
    let mut events: Vec<ConsentEvent> = tx.rows(sql, values![tenant, subject.0]).await?;
    events.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.purpose.cmp(&b.purpose)));
    Ok(events)
}

impl FromRow for ConsentEvent {
    fn from_row(row: Row) -> Result<Self, privet_store::Error> {
        let mut columns = row.into_values().into_iter().enumerate();
        let damaged = || privet_store::Error::BadRow {
            table: "consent_events",
            row: "a statement".to_owned(),
        };
        let list = |text: Option<String>| {
            text.map(|text| serde_json::from_str(&text).map_err(|_| damaged()))
                .transpose()
        };
        let mut event = Self {
            statement: next(&mut columns)?,
            seq: next(&mut columns)?,
            subject: SubjectPseudonym(next(&mut columns)?),
            purpose: next(&mut columns)?,
            kind: EventKind::parse(&next::<String>(&mut columns)?).ok_or_else(damaged)?,
            at: next(&mut columns)?,
            recorded_at: next(&mut columns)?,
            expires_at: next(&mut columns)?,
            categories: list(next(&mut columns)?)?,
            recipients: list(next(&mut columns)?)?,
            is_explicit: next(&mut columns)?,
            given_by: GivenBy::parse(&next::<String>(&mut columns)?).ok_or_else(damaged)?,
            is_minor: next(&mut columns)?,
            method: next(&mut columns)?,
            actor: next(&mut columns)?,
            agreement: None,
            evidence: None,
        };
        let agreement: (Option<String>, Option<i64>, Option<String>) =
            (next(&mut columns)?, next(&mut columns)?, next(&mut columns)?);
        event.agreement = match agreement {
            (Some(name), Some(version), Some(hash)) => Some(AgreementRef { name, version, hash }),
            (None, None, None) => None,
            _ => return Err(damaged()),
        };
        event.evidence = next(&mut columns)?;
        Ok(event)
    }
}

fn next<T: FromValue>(columns: &mut impl Iterator<Item = (usize, Value)>) -> Result<T, privet_store::Error> {
    let (column, value) = columns
        .next()
        .ok_or(privet_store::Error::UnexpectedValue { column: usize::MAX })?;
    T::from_value(value).ok_or(privet_store::Error::UnexpectedValue { column })
}
