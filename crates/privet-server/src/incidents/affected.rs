//! Whose data passed, as far as the decisions of the log tell.

use std::collections::BTreeMap;

use jiff::Timestamp;
use privet_types::{AuditEvent, Entity, TenantId};
use serde::{Deserialize, Serialize};

use super::{IncidentError, IncidentScope, Incidents};

/// Rows of a page.
const PAGE: u32 = 1000;
/// Persons that are listed one by one.
const MOST_SUBJECTS: usize = 100_000;

/// A person whose data passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AffectedSubject {
    /// The pseudonym in the log; `privet vault` finds the record by it.
    pub subject: String,
    /// Requests about the person that were sent.
    pub requests: u64,
    /// The first of them.
    pub first: Timestamp,
    /// The last.
    pub last: Timestamp,
    /// What was replaced in them, by kind.
    pub kinds: BTreeMap<String, u64>,
}

/// Who is affected by what is in an incident's scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affected {
    /// Requests that were sent to a provider.
    pub requests: u64,
    /// Requests that were refused, so that nothing left.
    pub refused: u64,
    /// Those that were sent and named nobody.
    pub unnamed: u64,
    /// What was replaced in all that was sent, by kind.
    pub kinds: BTreeMap<String, u64>,
    /// The providers that got it.
    pub providers: BTreeMap<String, u64>,
    /// The persons who were named, by pseudonym.
    pub subjects: Vec<AffectedSubject>,
    /// What this list cannot know, a sentence each.
    pub cannot_know: Vec<String>,
}

impl Incidents {
    /// Whose data passed in the scope of an incident, until `now` at the latest. O(n): the tenant's decisions are looked at one by one.
    ///
    /// # Errors
    /// [`IncidentError::Unknown`], and those of the store.
    pub async fn affected(
        &self,
        tenant: &TenantId,
        id: &str,
        now: Timestamp,
    ) -> Result<Affected, IncidentError> {
        let incident = self.show(tenant, id, now).await?;
        let mut affected = Affected {
            requests: 0,
            refused: 0,
            unnamed: 0,
            kinds: BTreeMap::new(),
            providers: BTreeMap::new(),
            subjects: Vec::new(),
            cannot_know: cannot_know(&incident.scope),
        };
        let mut subjects = BTreeMap::new();
        let mut has_more = false;
        self.each_decision(tenant, &incident.scope, now, &mut |_, event| {
            has_more |= affected.add(&event, &mut subjects);
        })
        .await?;
        affected.subjects = subjects.into_values().collect();
        if affected.unnamed > 0 {
            affected.cannot_know.push(format!(
                "whose data was in the {} requests that named nobody in `x-privet-subject`",
                affected.unnamed
            ));
        }
        if has_more {
            affected.cannot_know.push(format!(
                "who beyond the first {MOST_SUBJECTS} persons is affected"
            ));
        }
        Ok(affected)
    }

    /// Hands each decision in `scope` over, with its position in the log, in the order of arrival.
    pub(super) async fn each_decision(
        &self,
        tenant: &TenantId,
        scope: &IncidentScope,
        now: Timestamp,
        take: &mut (dyn FnMut(Option<u64>, AuditEvent) + Send),
    ) -> Result<(), IncidentError> {
        let mut after = 0;
        loop {
            let events = self
                .store
                .tenant_events(tenant, after, Some("decision"), PAGE)
                .await?;
            let Some(last) = events.last() else {
                return Ok(());
            };
            after = last.id;
            for event in events {
                let Ok(decision) = serde_json::from_str::<AuditEvent>(&event.payload) else {
                    continue;
                };
                if scope.covers(&decision, now) {
                    take(event.position, decision);
                }
            }
        }
    }
}

impl IncidentScope {
    pub(super) fn covers(&self, event: &AuditEvent, now: Timestamp) -> bool {
        let is_in = |wanted: &[String], is: Option<&str>| {
            wanted.is_empty() || is.is_some_and(|is| wanted.iter().any(|name| name == is))
        };
        let principal = event.principal.as_ref().map(|who| who.0.as_str());
        self.from.is_none_or(|from| event.at >= from)
            && event.at <= self.until.unwrap_or(now)
            && is_in(&self.principals, principal)
            && is_in(&self.providers, event.provider.as_deref())
            && is_in(&self.models, event.model.as_deref())
    }
}

impl Affected {
    /// Adds one decision; returns whether a person could not be listed.
    fn add(&mut self, event: &AuditEvent, subjects: &mut BTreeMap<String, AffectedSubject>) -> bool {
        if event.decision.action.stops() {
            self.refused += 1;
            return false;
        }
        self.requests += 1;
        add_kinds(&mut self.kinds, &event.decision.counts);
        if let Some(provider) = &event.provider {
            *self.providers.entry(provider.clone()).or_default() += 1;
        }
        let Some(subject) = &event.subject else {
            self.unnamed += 1;
            return false;
        };
        if subjects.len() >= MOST_SUBJECTS && !subjects.contains_key(&subject.0) {
            return true;
        }
        let person = subjects
            .entry(subject.0.clone())
            .or_insert_with(|| AffectedSubject {
                subject: subject.0.clone(),
                requests: 0,
                first: event.at,
                last: event.at,
                kinds: BTreeMap::new(),
            });
        person.requests += 1;
        person.first = person.first.min(event.at);
        person.last = person.last.max(event.at);
        add_kinds(&mut person.kinds, &event.decision.counts);
        false
    }
}

fn add_kinds(kinds: &mut BTreeMap<String, u64>, counts: &BTreeMap<Entity, u32>) {
    for (entity, count) in counts {
        *kinds.entry(entity.name().to_owned()).or_default() += u64::from(*count);
    }
}

fn cannot_know(scope: &IncidentScope) -> Vec<String> {
    let mut all = vec![
        "what a detector did not find, and what the policy lets pass unseen".to_owned(),
        "which key a request was sent with: decisions name the principal".to_owned(),
        "what was in a reply: replies are restored and not recorded".to_owned(),
    ];
    if scope.from.is_none() {
        all.push("when it began: the scope has no beginning, so that all decisions count".to_owned());
    }
    all
}
