//! From a purpose and a subject's history to a verdict: a plain function, without clock or store.

use std::collections::BTreeSet;

use serde::Serialize;

use super::basis::{LegalBasis, SpecialCondition};
use super::definition::Purpose;
use super::event::{ConsentEvent, EVERY_PURPOSE, EventKind, GivenBy};

const DAY_MS: i64 = 86_400_000;

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask<'a> {
    /// For which purpose.
    pub purpose: &'a str,
    /// With which category of data; `None` for all categories of the purpose at once.
    pub category: Option<&'a str>,
    /// Who gets it; `None` if it stays with the controller.
    pub recipient: Option<&'a str>,
}

/// Whether it may be done, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether it may be done.
    pub allowed: bool,
    /// On which legal basis it would rest; `None` if the purpose is not known.
    pub basis: Option<LegalBasis>,
    /// Why.
    pub reason: Reason,
    /// Since when, milliseconds since the epoch: the event that decided.
    pub since: Option<i64>,
    /// From when on it is no longer so, even if nothing happens.
    pub expires: Option<i64>,
    /// Whether it is allowed for legal claims, so that a restriction does not stand against it.
    pub serves_legal_claims: bool,
}

/// Why something may or may not be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// Allowed: consent is in force.
    ConsentInForce,
    /// Allowed: the legal basis needs no consent, and nobody objects.
    BasisHolds,
    /// Refused: there is no such purpose, or no longer.
    UnknownPurpose,
    /// Refused: there is no such subject, or no longer.
    UnknownSubject,
    /// Refused: the purpose does not have this category.
    CategoryNotCovered,
    /// Refused: the purpose does not have this recipient, or it is no longer one.
    RecipientNotCovered,
    /// Refused: the subject was never asked, or has not answered.
    NoConsent,
    /// Refused: the subject refused.
    Refused,
    /// Refused: the subject withdrew consent.
    Withdrawn,
    /// Refused: the controller ended the consent.
    Revoked,
    /// Refused: the consent ran out.
    Expired,
    /// Refused: a special category needs explicit consent, and this one is not.
    NotExplicit,
    /// Refused: a child consented alone.
    MinorAlone,
    /// Refused: nothing lifts the ban on this special category.
    SpecialCategory,
    /// Refused: the subject objects.
    Objected,
    /// Refused: processing is restricted.
    Restricted,
    /// Refused: what is known is too old to rely on, and the store does not answer.
    Stale,
}

impl Verdict {
    /// A refusal.
    #[must_use]
    pub const fn refused(reason: Reason, basis: Option<LegalBasis>, since: Option<i64>) -> Self {
        Self {
            allowed: false,
            basis,
            reason,
            since,
            expires: None,
            serves_legal_claims: false,
        }
    }
}

/// Whether `ask` may be done at `at`, by `purpose` (`None` if it is not in force) and the subject's `events`.
///
/// `is_recipient` says whether the recipient asked for is one. The order of `events` does not matter, and events after `at`
/// do not count. O(events).
#[must_use]
pub fn evaluate<'e>(
    purpose: Option<&Purpose>,
    is_recipient: bool,
    events: impl IntoIterator<Item = &'e ConsentEvent>,
    ask: &Ask<'_>,
    at: i64,
) -> Verdict {
    let Some(purpose) = purpose else {
        return Verdict::refused(Reason::UnknownPurpose, None, None);
    };
    let basis = Some(purpose.basis);
    if let Some(category) = ask.category
        && !purpose.categories.contains(category)
    {
        return Verdict::refused(Reason::CategoryNotCovered, basis, None);
    }
    if let Some(recipient) = ask.recipient
        && !(is_recipient && purpose.recipients.contains(recipient))
    {
        return Verdict::refused(Reason::RecipientNotCovered, basis, None);
    }
    let needs_special = match ask.category {
        Some(category) => purpose.special_categories.contains(category),
        None => !purpose.special_categories.is_empty(),
    };
    let newest = Newest::of(events, purpose, ask, at);
    if let Some(event) = newest.erased {
        return Verdict::refused(Reason::UnknownSubject, basis, Some(event.at));
    }
    if let Some(event) = newest.restriction
        && event.kind == EventKind::Restricted
        && !purpose.serves_legal_claims
    {
        return Verdict::refused(Reason::Restricted, basis, Some(event.at));
    }
    let objects = newest.objection.filter(|event| event.kind == EventKind::Objected);
    let is_explicit_needed = needs_special && purpose.special == Some(SpecialCondition::ExplicitConsent);
    if needs_special && purpose.special.is_none() {
        return Verdict::refused(Reason::SpecialCategory, basis, None);
    }
    if purpose.basis == LegalBasis::Consent || is_explicit_needed {
        return of_consent(purpose, &newest, objects, is_explicit_needed, at);
    }
    if let Some(event) = objects {
        let holds = purpose.is_direct_marketing
            || (purpose.basis.allows_objection() && purpose.compelling_grounds.is_none());
        if holds {
            return Verdict::refused(Reason::Objected, basis, Some(event.at));
        }
    }
    Verdict {
        allowed: true,
        basis,
        reason: Reason::BasisHolds,
        since: newest
            .objection
            .into_iter()
            .chain(newest.restriction)
            .map(|event| event.at)
            .max(),
        expires: None,
        serves_legal_claims: purpose.serves_legal_claims,
    }
}

fn of_consent(
    purpose: &Purpose,
    newest: &Newest<'_>,
    objects: Option<&ConsentEvent>,
    is_explicit_needed: bool,
    at: i64,
) -> Verdict {
    let basis = Some(purpose.basis);
    let refused = |reason, since| Verdict::refused(reason, basis, since);
    // Who objects to what rests on consent withdraws it, until consent is given again.
    if let Some(objection) = objects
        && newest.consent.is_none_or(|consent| consent.at <= objection.at)
    {
        return refused(Reason::Objected, Some(objection.at));
    }
    let Some(event) = newest.consent else {
        return refused(Reason::NoConsent, None);
    };
    let since = Some(event.at);
    match event.kind {
        EventKind::Given => {}
        EventKind::Refused => return refused(Reason::Refused, since),
        EventKind::Expired => return refused(Reason::Expired, since),
        EventKind::Revoked => return refused(Reason::Revoked, since),
        EventKind::Withdrawn => return refused(Reason::Withdrawn, since),
        _ => return refused(Reason::NoConsent, since),
    }
    let by_purpose = purpose
        .valid_days
        .map(|days| event.at.saturating_add(i64::from(days).saturating_mul(DAY_MS)));
    let expires = [event.expires_at, by_purpose].into_iter().flatten().min();
    if let Some(end) = expires.filter(|end| *end <= at) {
        return refused(Reason::Expired, Some(end));
    }
    if event.is_minor && event.given_by == GivenBy::Subject {
        return refused(Reason::MinorAlone, since);
    }
    if is_explicit_needed && !event.is_explicit {
        return refused(Reason::NotExplicit, since);
    }
    Verdict {
        allowed: true,
        basis,
        reason: Reason::ConsentInForce,
        since,
        expires,
        serves_legal_claims: purpose.serves_legal_claims,
    }
}

/// The newest event of each track that bears on what is asked.
#[derive(Default)]
struct Newest<'e> {
    consent: Option<&'e ConsentEvent>,
    objection: Option<&'e ConsentEvent>,
    restriction: Option<&'e ConsentEvent>,
    /// Once there, it stays: no event of a later time comes behind it.
    erased: Option<&'e ConsentEvent>,
}

impl<'e> Newest<'e> {
    fn of(
        events: impl IntoIterator<Item = &'e ConsentEvent>,
        purpose: &Purpose,
        ask: &Ask<'_>,
        at: i64,
    ) -> Self {
        let mut newest = Self::default();
        for event in events {
            // Being asked again takes away nothing that was said before.
            let is_question = event.kind == EventKind::Requested;
            if event.at > at || is_question {
                continue;
            }
            if event.kind == EventKind::Erased {
                newest.erased = newest
                    .erased
                    .filter(|known| order(known) < order(event))
                    .or(Some(event));
                continue;
            }
            if !bears(event, purpose, ask) {
                continue;
            }
            let slot = match event.kind.track() {
                super::event::Track::Consent => &mut newest.consent,
                super::event::Track::Objection => &mut newest.objection,
                super::event::Track::Restriction => &mut newest.restriction,
            };
            if slot.is_none_or(|known| order(known) < order(event)) {
                *slot = Some(event);
            }
        }
        newest
    }
}

/// The order of events of a track. No two have the same place, so that the order of arrival never matters.
pub(crate) fn order(event: &ConsentEvent) -> (i64, i64, &str) {
    (event.at, event.kind.rank(), &event.statement)
}

/// Whether `event` bears on `ask`: one that permits must cover all that is asked, one that forbids any of it.
fn bears(event: &ConsentEvent, purpose: &Purpose, ask: &Ask<'_>) -> bool {
    let permits = event.kind.permits();
    let is_every = event.purpose == EVERY_PURPOSE;
    // Consent to everything is no consent: it must be for specific purposes (Art. 6(1)(a)).
    if !(event.purpose == ask.purpose || is_every && event.kind != EventKind::Given) {
        return false;
    }
    let category = match (&event.categories, ask.category) {
        (None, _) => true,
        (Some(said), Some(asked)) => said.iter().any(|category| category == asked),
        (Some(said), None) if permits => covers(said, &purpose.categories),
        (Some(_), None) => true,
    };
    let recipient = match (&event.recipients, ask.recipient) {
        (None, _) => true,
        (Some(said), Some(asked)) => said.iter().any(|recipient| recipient == asked),
        // What is said of recipients does not bear on what stays with the controller, unless it permits more.
        (Some(_), None) => permits,
    };
    category && recipient
}

fn covers(said: &[String], all: &BTreeSet<String>) -> bool {
    all.iter().all(|one| said.contains(one))
}
