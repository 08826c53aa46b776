//! Agreements of subjects, and the older `/v1/consent`, which shows the same in other words.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use privet_types::KeyScope::{VaultAdmin, VaultRead, VaultWrite};
use privet_vault::{
    Agreement, AgreementStatus, ConsentEvent, Error, EventKind, KnownAgreement, LegalBasis, Proposed,
    Statement, SubjectId, Wrote,
};
use serde_json::{Value, json};

use super::bases::{brief, kind, kind_name, plain};
use super::call::{Answer, Call};
use super::refusal::{Refusal, absent};
use super::requests::instead;
use super::table::{Entry, Interface, Table};
use super::time;

/// How far the clock of a caller may be ahead: what begins now does not begin in the future.
const SKEW: Duration = Duration::from_secs(300);
const ABSENT: Refusal = Refusal::Absent("the agreement was not found");
const WHAT: &[&str] = &["mode", "identity", "brief"];

pub(super) fn register(table: &mut Table) {
    let accept = || Entry::new("AgreementAccept", VaultWrite, |call| Box::pin(accept(call)));
    table.v2(accept().fields(WHAT).own());
    table.v1(
        Method::POST,
        "agreement/{brief}/{mode}/{identity}",
        accept().own(),
    );
    let get = || Entry::new("AgreementGet", VaultRead, |call| Box::pin(get(call)));
    table.v2(get().fields(WHAT).own());
    table.v1(Method::GET, "agreement/{brief}/{mode}/{identity}", get().own());
    let cancel = || Entry::new("AgreementCancel", VaultWrite, |call| Box::pin(cancel(call)));
    table.v2(cancel().fields(WHAT));
    table.v1(
        Method::DELETE,
        "agreement/{brief}/{mode}/{identity}",
        cancel().own(),
    );
    let list = || {
        Entry::new("AgreementListUserAgreements", VaultRead, |call| {
            Box::pin(list(call))
        })
    };
    table.v2(list().fields(&["mode", "identity"]).own());
    table.v1(Method::GET, "agreements/{mode}/{identity}", list().own());
    let revoke = || {
        Entry::new("AgreementRevokeAll", VaultAdmin, |call| {
            Box::pin(revoke_all(call))
        })
    };
    table.v2(revoke().fields(&["brief"]));
    table.v1(Method::DELETE, "agreement/{brief}", revoke());

    let path = "consent/{mode}/{identity}/{brief}";
    let entry = Entry::new("AgreementAccept", VaultWrite, |call| Box::pin(consent_to(call)));
    table.v1(Method::POST, path, entry.own());
    let entry = Entry::new("AgreementGet", VaultRead, |call| Box::pin(consent(call)));
    table.v1(Method::GET, path, entry.own());
    table.v1(Method::DELETE, path, cancel().own());
    let entry = Entry::new("AgreementListUserAgreements", VaultRead, |call| {
        Box::pin(consents(call))
    });
    table.v1(Method::GET, "consent/{mode}/{identity}", entry.own());
}

/// What a subject says to an agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Yes,
    No,
    Pending,
}

/// All that a call says of an agreement, beside whom it is of.
struct Said {
    brief: String,
    word: Word,
    expires_at: Option<Timestamp>,
    /// Kept under the subject's key.
    evidence: BTreeMap<String, String>,
}

impl Word {
    /// A word that is none of these is no answer.
    fn read(text: &str) -> Result<Self, Refusal> {
        Ok(match text.trim().to_ascii_lowercase().as_str() {
            "" | "yes" | "y" | "1" | "true" | "on" | "ok" | "accept" | "agree" | "approve" | "given"
            | "good" | "active" => Self::Yes,
            "no" | "n" | "0" | "false" | "off" | "cancel" | "decline" | "withdraw" | "inactive" => Self::No,
            "pending" => Self::Pending,
            _ => return Err(Refusal::field("status", "use yes, no or pending")),
        })
    }
}

impl Said {
    /// `ends`: the fields that say when it ends, of which the first one that is sent counts. `methods`: those that say how
    /// it was given.
    fn read(call: &Call, ends: &[&'static str], methods: &[&'static str]) -> Result<Self, Refusal> {
        let name = brief("brief", call.text("brief")?)?;
        let word = match call.field("status") {
            Some(Value::Bool(true)) => Word::Yes,
            Some(Value::Bool(false)) => Word::No,
            Some(Value::Number(number)) => Word::read(&number.to_string())?,
            _ => Word::read(call.said("status")?.unwrap_or_default())?,
        };
        let start = time::moment("starttime", call.field("starttime"), call.now())?;
        if start.is_some_and(|start| start > call.now() + SKEW) {
            return Err(Refusal::field(
                "starttime",
                "what is agreed counts at once; use a time that is not in the future",
            ));
        }
        let mut expires_at = None;
        for &field in ends {
            expires_at = expires_at.or(call.end(field)?);
        }
        let mut evidence = Self::by(call)?;
        let mut keep = |name: &str, text: Option<&str>| {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                evidence.entry(name.to_owned()).or_insert_with(|| text.to_owned());
            }
        };
        for &field in methods {
            keep("agreementmethod", call.said(field)?);
        }
        keep("referencecode", call.said("referencecode")?);
        keep(
            "starttime",
            start.map(|start| start.as_second().to_string()).as_deref(),
        );
        Ok(Self {
            brief: name,
            word,
            // Only what is given can run out.
            expires_at: expires_at.filter(|_| word == Word::Yes),
            evidence,
        })
    }

    /// By whom, and how the subject was named.
    fn by(call: &Call) -> Result<BTreeMap<String, String>, Refusal> {
        let identity = match call.field("identity") {
            Some(Value::Number(number)) if call.param("identity").is_empty() => number.to_string(),
            _ => call.text("identity")?.to_owned(),
        };
        let mut evidence = BTreeMap::from([
            ("mode".to_owned(), call.mode()?.to_owned()),
            ("who".to_owned(), identity),
        ]);
        if let Some(by) = call.said("lastmodifiedby")?.filter(|by| !by.is_empty()) {
            evidence.insert("lastmodifiedby".to_owned(), by.to_owned());
        }
        Ok(evidence)
    }
}

/// The agreement `name` in force, if there is one.
async fn basis(call: &Call, name: &str) -> Result<Option<Agreement>, Refusal> {
    let consent = &call.bunker.api.consent;
    let found = consent.definition::<Agreement>(&call.actor.tenant, name).await?;
    Ok(found.map(|found| found.definition))
}

/// How `subject` stands to the agreement `name`.
async fn standing(call: &Call, subject: &SubjectId, name: &str) -> Result<Option<AgreementStatus>, Refusal> {
    let consent = &call.bunker.api.consent;
    let standings = consent
        .agreements_of(&call.actor.tenant, subject.as_str())
        .await?;
    Ok(standings.into_iter().find(|standing| name_of(standing) == name))
}

fn name_of(standing: &AgreementStatus) -> &str {
    let agreement = standing.event.agreement.as_ref();
    agreement.map_or("", |agreement| agreement.name.as_str())
}

/// Records that `subject` said what `said` says.
async fn say(call: &mut Call, subject: &SubjectId, said: Said) -> Result<(), Refusal> {
    let kind = match said.word {
        Word::Yes => EventKind::Given,
        Word::Pending => EventKind::Requested,
        Word::No => match standing(call, subject, &said.brief).await? {
            Some(before) if matches!(before.status, EventKind::Given | EventKind::Expired) => {
                EventKind::Withdrawn
            }
            _ => EventKind::Refused,
        },
    };
    let mut statement = Statement::new(kind, &[], call.now());
    statement.agreement = Some(said.brief);
    statement.expires_at = said.expires_at;
    statement.evidence = said.evidence;
    write_down(call, subject, &statement).await
}

/// Records `statement`, which the event of the call then names.
async fn write_down(call: &mut Call, subject: &SubjectId, statement: &Statement) -> Result<(), Refusal> {
    let consent = &call.bunker.api.consent;
    let told = consent.record(&call.actor, subject.as_str(), statement).await?;
    let told = told.into_iter().next();
    call.event.wrote = told.map(|event| Wrote::Statement(event.statement));
    Ok(())
}

/// How `subject` stood to an agreement before the statement `id` and behind it, as far as the history is kept; `None` if the
/// statement is of no agreement.
pub(super) async fn around(
    call: &Call,
    subject: &SubjectId,
    id: &str,
) -> Result<Option<(Value, Value)>, Refusal> {
    let (consent, tenant) = (&call.bunker.api.consent, &call.actor.tenant);
    let history = match consent.history(tenant, subject.as_str()).await {
        Err(Error::Absent { .. }) => return Ok(None),
        history => history?,
    };
    let Some(after) = history.iter().find(|event| event.statement == id) else {
        return Ok(None);
    };
    let Some(name) = after.agreement.as_ref().map(|agreement| &agreement.name) else {
        return Ok(None);
    };
    let is_of_it = |event: &&ConsentEvent| event.agreement.as_ref().is_some_and(|of| of.name == *name);
    let of_it = || history.iter().filter(is_of_it);
    let before = of_it()
        .filter(|event| event.seq < after.seq)
        .max_by_key(|event| event.seq);
    let first_at = of_it().map(|event| event.at).min().unwrap_or(after.at);
    let mut shown = [Value::Null, Value::Null];
    for (row_of, event) in shown.iter_mut().zip([before, Some(after)]) {
        let Some(event) = event else { continue };
        let evidence = consent
            .evidence(tenant, subject.as_str(), &event.statement)
            .await?;
        let standing = AgreementStatus {
            event: event.clone(),
            first_at,
            status: event.kind,
        };
        *row_of = row(subject, &(standing, evidence));
    }
    let [before, after] = shown;
    Ok(Some((before, after)))
}

async fn accept(call: &mut Call) -> Result<Answer, Refusal> {
    let end = match call.interface {
        Interface::V1 => "expiration",
        Interface::V2 => "finaltime",
    };
    let said = Said::read(call, &[end], &["agreementmethod"])?;
    let subject = call.person().await?;
    let known = basis(call, &said.brief).await?;
    check_open(known.as_ref(), said.word)?;
    if must_ask(call, &subject, &said, known.as_ref()).await? {
        return instead(call, Proposed::WithdrawAgreement(said.brief)).await;
    }
    say(call, &subject, said).await?;
    Ok(Answer::done())
}

/// Whether the owner of a token of their own would end by this, or make end sooner, what is not theirs to end.
async fn must_ask(
    call: &Call,
    subject: &SubjectId,
    said: &Said,
    known: Option<&Agreement>,
) -> Result<bool, Refusal> {
    if call.own.is_none() || known.is_some_and(|known| known.is_user_controlled) {
        return Ok(false);
    }
    let now = standing(call, subject, &said.brief).await?;
    let Some(now) = now.filter(|now| now.status.permits()) else {
        return Ok(false);
    };
    let is_sooner = |end: Timestamp| {
        let before = now.event.expires_at;
        before.is_none_or(|before| end.as_millisecond() < before)
    };
    Ok(said.word != Word::Yes || said.expires_at.is_some_and(is_sooner))
}

/// Nobody agrees to what is not there or not active; to say no is always possible to what was once there.
fn check_open(known: Option<&Agreement>, word: Word) -> Result<(), Refusal> {
    match known {
        _ if word == Word::No => Ok(()),
        None => Err(Refusal::Absent(absent::BASIS)),
        Some(known) if known.is_open => Ok(()),
        Some(_) => Err(Refusal::Conflict("the legal basis is not active".into())),
    }
}

async fn cancel(call: &mut Call) -> Result<Answer, Refusal> {
    let name = brief("brief", call.text("brief")?)?;
    let evidence = Said::by(call)?;
    if call.own.is_some() {
        // What is not theirs to decide is asked for.
        let known = basis(call, &name).await?;
        if !known.is_some_and(|known| known.is_user_controlled) {
            return instead(call, Proposed::WithdrawAgreement(name)).await;
        }
    }
    let subject = call.person().await?;
    if standing(call, &subject, &name).await?.is_none() {
        return Err(ABSENT);
    }
    let mut statement = Statement::new(EventKind::Withdrawn, &[], call.now());
    statement.agreement = Some(name);
    statement.evidence = evidence;
    write_down(call, &subject, &statement).await?;
    Ok(Answer::done())
}

async fn revoke_all(call: &mut Call) -> Result<Answer, Refusal> {
    let name = brief("brief", call.text("brief")?)?;
    if basis(call, &name).await?.is_none() {
        return Err(Refusal::Absent(absent::BASIS));
    }
    let consent = &call.bunker.api.consent;
    consent.revoke_all(&call.actor, &name).await?;
    Ok(Answer::done())
}

/// An agreement with the evidence of its last change.
type Shown = (AgreementStatus, BTreeMap<String, String>);

/// All agreements of the subject whom the call names.
async fn shown(call: &mut Call) -> Result<(SubjectId, Vec<Shown>), Refusal> {
    let subject = call.person().await?;
    let consent = &call.bunker.api.consent;
    let mut found = consent
        .agreements_with_evidence(&call.actor.tenant, subject.as_str())
        .await?;
    found.sort_by_key(|(standing, _)| standing.first_at);
    Ok((subject, found))
}

async fn get(call: &mut Call) -> Result<Answer, Refusal> {
    let name = brief("brief", call.text("brief")?)?;
    let (subject, found) = shown(call).await?;
    let found = found.iter().find(|(standing, _)| name_of(standing) == name);
    let row = row(&subject, found.ok_or(ABSENT)?);
    Ok(Answer::of(match call.interface {
        Interface::V1 => json!({ "data": row }),
        Interface::V2 => json!({ "agreement": row }),
    }))
}

async fn list(call: &mut Call) -> Result<Answer, Refusal> {
    let (subject, found) = shown(call).await?;
    let rows: Vec<Value> = found.iter().map(|one| row(&subject, one)).collect();
    Ok(Answer::of(json!({ "total": rows.len(), "rows": rows })))
}

fn row(subject: &SubjectId, (standing, evidence): &Shown) -> Value {
    let said = |name: &str| evidence.get(name).cloned().unwrap_or_default();
    json!({
        "brief": name_of(standing),
        "status": match standing.status {
            EventKind::Given => "yes",
            EventKind::Requested => "pending",
            EventKind::Expired => "expired",
            EventKind::Revoked => "revoked",
            _ => "no",
        },
        "token": subject,
        "mode": said("mode"),
        "who": said("who"),
        "when": standing.event.recorded_at / 1000,
        "creationtime": standing.first_at / 1000,
        "starttime": start(evidence),
        "endtime": standing.event.expires_at.map_or(0, |end| end / 1000),
        "agreementmethod": method(evidence),
        "referencecode": said("referencecode"),
        "lastmodifiedby": said("lastmodifiedby"),
    })
}

fn method(evidence: &BTreeMap<String, String>) -> &str {
    evidence.get("agreementmethod").map_or("api", String::as_str)
}

fn start(evidence: &BTreeMap<String, String>) -> i64 {
    let start = evidence.get("starttime").and_then(|text| text.parse().ok());
    start.unwrap_or(0)
}

/// Consents, and makes the legal basis if there is none yet.
async fn consent_to(call: &mut Call) -> Result<Answer, Refusal> {
    let said = Said::read(call, &["endtime", "expiration"], &["module", "consentmethod"])?;
    let mut new = plain(said.brief.clone());
    new.basis = lawful_basis(call)?;
    call.said("message")?
        .unwrap_or_default()
        .clone_into(&mut new.title);
    let subject = call.person().await?;
    if let Some(known) = basis(call, &said.brief).await? {
        check_open(Some(&known), said.word)?;
        if must_ask(call, &subject, &said, Some(&known)).await? {
            return instead(call, Proposed::WithdrawAgreement(said.brief)).await;
        }
    } else {
        // One that was deleted is not made anew by somebody's consent to it.
        if call.own.is_some() || was_deleted(call, &said.brief).await? {
            return Err(Refusal::Absent(absent::BASIS));
        }
        let consent = &call.bunker.api.consent;
        match consent.create(&call.actor, &new).await {
            // Somebody else may have been faster.
            Ok(_) | Err(Error::Defined { .. }) => {}
            Err(Error::BadField { field, why }) if field == "title" => {
                return Err(Refusal::field("message", why));
            }
            Err(error) => return Err(error.into()),
        }
    }
    say(call, &subject, said).await?;
    Ok(Answer::done())
}

async fn was_deleted(call: &Call, name: &str) -> Result<bool, Refusal> {
    let known = call
        .bunker
        .api
        .consent
        .known_agreements(&call.actor.tenant)
        .await?;
    Ok(known
        .iter()
        .any(|known| known.agreement.name == name && known.is_deleted))
}

/// The older words for two of the bases are understood here too.
fn lawful_basis(call: &Call) -> Result<LegalBasis, Refusal> {
    match call.said("lawfulbasis")?.unwrap_or_default() {
        "" => Ok(LegalBasis::Consent),
        "contract-agreement" => Ok(LegalBasis::Contract),
        "legal-obligations" => Ok(LegalBasis::LegalObligation),
        name => kind("lawfulbasis", name),
    }
}

async fn consent(call: &mut Call) -> Result<Answer, Refusal> {
    let name = brief("brief", call.text("brief")?)?;
    let (subject, found) = shown(call).await?;
    let found = found.iter().find(|(standing, _)| name_of(standing) == name);
    let known = call
        .bunker
        .api
        .consent
        .known_agreements(&call.actor.tenant)
        .await?;
    let row = consent_row(&subject, found.ok_or(ABSENT)?, &known);
    Ok(Answer::of(json!({ "consent": row })))
}

async fn consents(call: &mut Call) -> Result<Answer, Refusal> {
    let (subject, found) = shown(call).await?;
    let known = call
        .bunker
        .api
        .consent
        .known_agreements(&call.actor.tenant)
        .await?;
    let rows: Vec<Value> = found
        .iter()
        .map(|one| consent_row(&subject, one, &known))
        .collect();
    Ok(Answer::of(
        json!({ "total": rows.len(), "rows": rows, "consents": rows }),
    ))
}

fn consent_row(subject: &SubjectId, one: &Shown, known: &[KnownAgreement]) -> Value {
    let (standing, evidence) = one;
    let name = name_of(standing);
    let basis = known.iter().find(|known| known.agreement.name == name);
    let basis = basis.map(|known| &known.agreement);
    let message = basis.map_or("", |basis| basis.title.as_str());
    let said = |name: &str| evidence.get(name).cloned().unwrap_or_default();
    json!({
        "brief": name,
        "status": match standing.status {
            EventKind::Given => "accept",
            EventKind::Expired => "expired",
            _ => "cancel",
        },
        "message": if message.is_empty() { name } else { message },
        "who": said("who"),
        "token": subject,
        "mode": said("mode"),
        "starttime": start(evidence),
        "endtime": standing.event.expires_at.map_or(0, |end| end / 1000),
        "lawfulbasis": basis.map_or("", |basis| kind_name(basis.basis)),
        "module": method(evidence),
        "referencecode": said("referencecode"),
        "lastmodifiedby": said("lastmodifiedby"),
        "created": standing.first_at / 1000,
        "updated": standing.event.recorded_at / 1000,
        "when": standing.event.recorded_at / 1000,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_says_neither_yes_nor_no_is_no_answer() {
        for (text, word) in [
            ("Yes", Word::Yes),
            (" accept ", Word::Yes),
            ("", Word::Yes),
            ("cancel", Word::No),
            ("0", Word::No),
            ("pending", Word::Pending),
        ] {
            assert_eq!(Word::read(text).unwrap(), word, "{text}");
        }
        for text in ["perhaps", "yes please", "y e s", "null"] {
            assert!(Word::read(text).is_err(), "{text}");
        }
    }
}
