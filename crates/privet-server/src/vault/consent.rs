//! Consent: what subjects say, and whether something may be done.

use http::StatusCode;
use jiff::Timestamp;
use privet_vault::{Ask, ConsentEvent, Error, Operation, Statement};

use super::bodies::{
    CheckBody, ConsentEventBody, ConsentEventsBody, CountBody, ObjectsBody, StandingBody, StandingsBody,
    StatementBody, VerdictBody, time,
};
use super::call::{Call, Reply};
use super::problem::VaultProblem;

pub(crate) async fn record(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: StatementBody = call.json().await?;
    let subject = call.subject_id()?;
    let statement = Statement {
        kind: body.kind,
        purposes: body.purposes,
        agreement: body.agreement,
        categories: body.categories,
        recipients: body.recipients,
        at: moment("at", body.at.as_deref())?.unwrap_or_else(|| call.now()),
        expires_at: moment("expires_at", body.expires_at.as_deref())?,
        is_explicit: body.is_explicit,
        given_by: body.given_by,
        is_minor: body.is_minor,
        method: body.method.unwrap_or_else(|| "api".to_owned()),
        evidence: body.evidence,
    };
    let consent = &call.api.consent;
    let events = consent.record(&call.actor, subject.as_str(), &statement).await?;
    Reply::json(StatusCode::CREATED, &shown_all(events))
}

pub(crate) async fn history(call: Call) -> Result<Reply, VaultProblem> {
    let subject = call.subject_id()?;
    let consent = &call.api.consent;
    let events = consent.history(&call.actor.tenant, subject.as_str()).await;
    let events = call
        .show_of(Operation::ReadConsent, Some(&subject), |_| 1, events)
        .await?;
    Reply::ok(&shown_all(events))
}

/// The signed receipt of a statement; of the last one if none is named.
pub(crate) async fn receipt(call: Call) -> Result<Reply, VaultProblem> {
    let subject = call.subject_id()?;
    let (consent, tenant) = (&call.api.consent, &call.actor.tenant);
    let receipt = async {
        let statement = match call.asked("statement") {
            Some(statement) => statement.to_owned(),
            None => {
                let events = consent.history(tenant, subject.as_str()).await?;
                let last = events.into_iter().max_by_key(|event| event.recorded_at);
                last.ok_or(Error::Absent { what: "statement" })?.statement
            }
        };
        let receipt = consent.receipt(tenant, subject.as_str(), &statement).await?;
        call.api.vault.sign_consent_receipt(tenant, receipt).await
    };
    let receipt = receipt.await;
    let receipt = call
        .show_of(Operation::ReadReceipt, Some(&subject), |_| 1, receipt)
        .await?;
    Reply::ok(&receipt)
}

pub(crate) async fn agreements(call: Call) -> Result<Reply, VaultProblem> {
    let subject = call.subject_id()?;
    let consent = &call.api.consent;
    let standings = consent.agreements_of(&call.actor.tenant, subject.as_str()).await;
    let standings = call
        .show_of(Operation::ReadConsent, Some(&subject), |_| 1, standings)
        .await?;
    let rows = standings.into_iter().map(|standing| StandingBody {
        status: standing.status,
        first_at: time(standing.first_at),
        event: shown(standing.event),
    });
    Reply::ok(&StandingsBody { rows: rows.collect() })
}

pub(crate) async fn check(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: CheckBody = call.json().await?;
    let ask = Ask {
        purpose: &body.purpose,
        category: body.category.as_deref(),
        recipient: body.recipient.as_deref(),
    };
    let at = moment("at", body.at.as_deref())?.unwrap_or_else(|| call.now());
    let consent = &call.api.consent;
    let verdict = consent
        .check(&call.actor.tenant, body.subject.as_deref(), &ask, at)
        .await;
    Reply::ok(&VerdictBody {
        allowed: verdict.allowed,
        basis: verdict.basis,
        reason: verdict.reason,
        since: verdict.since.map(time),
        expires: verdict.expires.map(time),
    })
}

pub(crate) async fn revoke_all(call: Call) -> Result<Reply, VaultProblem> {
    let consent = &call.api.consent;
    let count = consent.revoke_all(&call.actor, call.param("name")).await?;
    Reply::ok(&CountBody { count })
}

pub(crate) async fn records_of_processing(call: Call) -> Result<Reply, VaultProblem> {
    let rows = call.api.consent.records_of_processing(&call.actor.tenant).await?;
    Reply::ok(&ObjectsBody { rows })
}

pub(super) fn moment(field: &str, text: Option<&str>) -> Result<Option<Timestamp>, VaultProblem> {
    text.map(|text| {
        text.parse()
            .map_err(|_| VaultProblem::field(field, "use RFC 3339, in UTC"))
    })
    .transpose()
}

fn shown_all(events: Vec<ConsentEvent>) -> ConsentEventsBody {
    ConsentEventsBody {
        rows: events.into_iter().map(shown).collect(),
    }
}

fn shown(event: ConsentEvent) -> ConsentEventBody {
    let (agreement, agreement_version) = event.agreement.map(|a| (a.name, a.version)).unzip();
    ConsentEventBody {
        statement: event.statement,
        purpose: event.purpose,
        kind: event.kind,
        at: time(event.at),
        recorded_at: time(event.recorded_at),
        expires_at: event.expires_at.map(time),
        categories: event.categories,
        recipients: event.recipients,
        is_explicit: event.is_explicit,
        given_by: event.given_by,
        is_minor: event.is_minor,
        method: event.method,
        recorded_by: event.actor,
        agreement,
        agreement_version,
    }
}
