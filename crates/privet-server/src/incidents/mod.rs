//! Incidents: opened by hand or by an alert, worked on by a playbook, with the 72 hours of Article 33 GDPR, the list of affected
//! subjects, and a bundle of evidence that is checked without Privet.
//!
//! For the gateway's routes and the command line, which work on the same store. Titles and notes are sealed at rest; the log holds
//! their hashes.

mod affected;
mod bundle;
mod routes;

use std::sync::Arc;

use jiff::Timestamp;
use privet_access::PseudonymKey;
use privet_crypto::{RootKey, SealingKey, sha256};
use privet_store::{AlertRecord, IncidentChange, IncidentRecord, Store};
use privet_types::{Principal, Pseudonym, TenantId};
use privet_watch::Rule;
use privet_watch::incident::{BadStep, Clock72, IncidentKind, IncidentState, UnknownName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use affected::{Affected, AffectedSubject};
pub use bundle::{BUNDLE, Bundle, LIST, MANIFEST};
pub(crate) use routes::{described, routes};

/// Longest title or note.
const LONGEST: usize = 8 << 10;
/// Who acts where nobody does.
const BY_ALERT: &str = "alert";
/// What an alert is about may have begun a day earlier; if it grew slowly, before all the days that it was judged by.
const DAYS_OF_SLOW: i64 = 35;
/// How often a change is tried that another took the place of.
const TRIES: u32 = 5;

/// Why something cannot be done with an incident.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IncidentError {
    /// There is none.
    #[error("there is no incident `{id}`; `privet incident list` shows all")]
    Unknown {
        /// What was given.
        id: String,
    },
    /// Too long, or empty.
    #[error("a title or note has 1 to {LONGEST} bytes")]
    Length,
    /// No such step.
    #[error(transparent)]
    Step(#[from] BadStep),
    /// No such kind or state.
    #[error(transparent)]
    Name(#[from] UnknownName),
    /// A time that has not come, or an end before its beginning.
    #[error("{0}")]
    Time(&'static str),
    /// A row that was changed by hand, or sealed under another root key.
    #[error("the incident `{id}` cannot be read: its row was changed, or the root key is another one")]
    Damaged {
        /// Which.
        id: String,
    },
    /// Nothing was sequenced yet.
    #[error("the audit log is empty, so there is nothing to prove with; start the gateway once")]
    NoLog,
    /// Several changed it at once.
    #[error("others are changing the incident at the moment; try again")]
    Busy,
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] privet_store::Error),
    /// The library refuses to work.
    #[error(transparent)]
    Crypto(#[from] privet_crypto::Error),
    /// It cannot be written as JSON.
    #[error("it cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// What an incident is about. All that is named narrows it; pseudonyms are those of the audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentScope {
    /// Pseudonyms of principals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub principals: Vec<String>,
    /// Names of providers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<String>,
    /// Names of models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// From when on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub from: Option<Timestamp>,
    /// Until when; until now if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
}

/// An incident that is to be opened.
#[derive(Debug, Clone)]
pub struct Opening {
    /// What kind.
    pub kind: IncidentKind,
    /// In a few words.
    pub title: String,
    /// What it is about.
    pub scope: IncidentScope,
    /// When it was known; when it is opened if left out.
    pub aware_at: Option<Timestamp>,
    /// Who opens it.
    pub actor: Pseudonym,
}

/// An incident as people see it.
#[derive(Debug, Clone, Serialize)]
pub struct Incident {
    /// Its id.
    pub id: String,
    /// Whose installation space.
    pub tenant: TenantId,
    /// What kind.
    pub kind: IncidentKind,
    /// In a few words.
    pub title: String,
    /// Where it stands.
    pub state: IncidentState,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When nobody had anything left to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// The 72 hours.
    pub notification: Clock72,
    /// What it is about.
    pub scope: IncidentScope,
    /// What happened with it, in order; empty in lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<TimelineEntry>,
}

/// One thing that happened with an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimelineEntry {
    /// Its place, from 1.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// By whom: a pseudonym.
    pub by: Pseudonym,
    /// What: `opened`, `note`, `state`, `notified`, `no_notice`.
    pub kind: String,
    /// In words.
    pub text: String,
}

/// What becomes of an incident.
#[derive(Debug, Clone)]
pub enum Step {
    /// Somebody notes something.
    Note(String),
    /// It goes to another state, for this reason.
    State(IncidentState, String),
    /// The supervisory authority was told, at this time, in these words.
    Notified(Timestamp, String),
    /// It was decided that it need not be told, for this reason.
    NoNotice(String),
}

/// The incidents of all tenants. Cheap to clone.
#[derive(Clone)]
pub struct Incidents {
    store: Store,
    root: Arc<RootKey>,
    pseudonyms: PseudonymKey,
}

impl Opening {
    /// What an alert opens.
    pub(crate) fn of_alert(rule: Rule, alert: &AlertRecord, explanation: String) -> Self {
        let kind = match rule {
            Rule::NewNetwork | Rule::TwoNetworks => IncidentKind::LeakedKey,
            rule if rule.is_of_model() => IncidentKind::ModelMisbehaviour,
            _ => IncidentKind::Exfiltration,
        };
        let is_of_model = rule.is_of_model();
        // The version is what the reply called itself. Decisions hold the name that was asked for, which may be another or an alias:
        // the provider alone misses none of them.
        let provider = alert.who.split_once('/').map(|(provider, _)| provider.to_owned());
        let days = if rule == Rule::SlowExfiltration {
            DAYS_OF_SLOW
        } else {
            1
        };
        let from = alert
            .at
            .checked_sub(jiff::SignedDuration::from_hours(24 * days))
            .ok();
        Self {
            kind,
            title: explanation,
            scope: IncidentScope {
                principals: if is_of_model {
                    Vec::new()
                } else {
                    vec![alert.who.clone()]
                },
                providers: provider.filter(|_| is_of_model).into_iter().collect(),
                from,
                ..IncidentScope::default()
            },
            aware_at: None,
            actor: Pseudonym(BY_ALERT.to_owned()),
        }
    }
}

impl Step {
    /// What becomes of `record` by it at `at`; returns the kind of its entry, and the text.
    fn take(
        &self,
        record: &mut IncidentRecord,
        at: Timestamp,
    ) -> Result<(&'static str, String), IncidentError> {
        Ok(match self {
            Self::Note(text) => ("note", text.clone()),
            Self::State(to, why) => {
                let from: IncidentState = record.state.parse()?;
                to.name().clone_into(&mut record.state);
                record.closed_at = (from.step(*to)? == IncidentState::Closed).then_some(at);
                ("state", format!("{to}: {why}"))
            }
            Self::Notified(when, text) => {
                if *when > at {
                    return Err(IncidentError::Time(
                        "the authority cannot have been told in the future",
                    ));
                }
                record.notified_at = Some(*when);
                ("notified", text.clone())
            }
            Self::NoNotice(why) => {
                record.needs_none_at = Some(at);
                ("no_notice", why.clone())
            }
        })
    }
}

impl Incidents {
    /// Those in `store`, whose installation has the root key `root`.
    #[must_use]
    pub fn new(store: Store, root: &Arc<RootKey>) -> Self {
        Self {
            store,
            pseudonyms: PseudonymKey::new(root),
            root: Arc::clone(root),
        }
    }

    /// The pseudonym of `principal` in the audit log.
    #[must_use]
    pub fn pseudonym(&self, tenant: &TenantId, principal: &Principal) -> Pseudonym {
        self.pseudonyms.pseudonym(tenant, principal)
    }

    /// Opens an incident; returns its id.
    ///
    /// # Errors
    /// [`IncidentError::Length`], [`IncidentError::Time`], and those of the store.
    pub async fn open(
        &self,
        tenant: &TenantId,
        opening: Opening,
        at: Timestamp,
    ) -> Result<String, IncidentError> {
        let aware_at = opening.aware_at.unwrap_or(at);
        if aware_at > at {
            return Err(IncidentError::Time("an incident cannot be known before it is"));
        }
        let scope = &opening.scope;
        if scope
            .from
            .zip(scope.until)
            .is_some_and(|(from, until)| from > until)
        {
            return Err(IncidentError::Time("the scope ends before it begins"));
        }
        let id = format!("inc-{:012x}", u64::from_be_bytes(privet_crypto::random()?) >> 16);
        let incident = IncidentRecord {
            tenant: tenant.clone(),
            kind: opening.kind.name().to_owned(),
            state: IncidentState::Open.name().to_owned(),
            opened_at: at,
            aware_at,
            notified_at: None,
            needs_none_at: None,
            closed_at: None,
            scope: serde_json::to_string(scope)?,
            sealed: self.seal(tenant, &id, 0, &opening.title)?,
            id: id.clone(),
        };
        let entry = (1, "opened");
        if self
            .change(&incident, &opening.actor, entry, &opening.title, at)
            .await?
        {
            Ok(id)
        } else {
            Err(IncidentError::Busy)
        }
    }

    /// All incidents of `tenant`, the latest first, as they stand at `now`.
    ///
    /// # Errors
    /// Those of the store, and [`IncidentError::Damaged`].
    pub async fn list(&self, tenant: &TenantId, now: Timestamp) -> Result<Vec<Incident>, IncidentError> {
        let records = self.store.incidents(tenant).await?;
        records.iter().map(|record| self.shown(record, now)).collect()
    }

    /// One incident with all that happened with it.
    ///
    /// # Errors
    /// [`IncidentError::Unknown`], those of the store, and [`IncidentError::Damaged`].
    pub async fn show(&self, tenant: &TenantId, id: &str, now: Timestamp) -> Result<Incident, IncidentError> {
        let record = self.record(tenant, id).await?;
        let mut incident = self.shown(&record, now)?;
        for entry in self.store.incident_entries(tenant, id).await? {
            incident.timeline.push(TimelineEntry {
                text: self.opened(tenant, id, entry.seq, &entry.sealed)?,
                seq: entry.seq,
                at: entry.at,
                by: entry.actor,
                kind: entry.kind,
            });
        }
        Ok(incident)
    }

    /// Takes a step with an incident.
    ///
    /// # Errors
    /// [`IncidentError::Unknown`], [`IncidentError::Step`], [`IncidentError::Length`], [`IncidentError::Time`],
    /// [`IncidentError::Busy`], and those of the store.
    pub async fn step(
        &self,
        tenant: &TenantId,
        id: &str,
        step: Step,
        actor: &Pseudonym,
        at: Timestamp,
    ) -> Result<(), IncidentError> {
        for _ in 0..TRIES {
            // INVARIANT: read before the incident. Whoever changes it after this takes the entry's place, and this change is tried
            // anew on what they left.
            let seq = self.store.next_incident_entry(tenant, id).await?;
            let mut record = self.record(tenant, id).await?;
            let (kind, text) = step.take(&mut record, at)?;
            if self.change(&record, actor, (seq, kind), &text, at).await? {
                return Ok(());
            }
        }
        Err(IncidentError::Busy)
    }

    async fn record(&self, tenant: &TenantId, id: &str) -> Result<IncidentRecord, IncidentError> {
        let found = self.store.incident(tenant, id).await?;
        found.ok_or_else(|| IncidentError::Unknown { id: id.to_owned() })
    }

    fn shown(&self, record: &IncidentRecord, now: Timestamp) -> Result<Incident, IncidentError> {
        let damaged = || IncidentError::Damaged {
            id: record.id.clone(),
        };
        Ok(Incident {
            title: self.opened(&record.tenant, &record.id, 0, &record.sealed)?,
            kind: record.kind.parse().map_err(|_| damaged())?,
            state: record.state.parse().map_err(|_| damaged())?,
            scope: serde_json::from_str(&record.scope).map_err(|_| damaged())?,
            notification: Clock72::at(
                record.aware_at,
                record.notified_at,
                record.needs_none_at.is_some(),
                now,
            ),
            id: record.id.clone(),
            tenant: record.tenant.clone(),
            opened_at: record.opened_at,
            closed_at: record.closed_at,
            timeline: Vec::new(),
        })
    }

    /// Keeps an incident as a change leaves it, unless another took the place of its entry.
    async fn change(
        &self,
        incident: &IncidentRecord,
        actor: &Pseudonym,
        (seq, kind): (u64, &'static str),
        text: &str,
        at: Timestamp,
    ) -> Result<bool, IncidentError> {
        if text.trim().is_empty() || text.len() > LONGEST {
            return Err(IncidentError::Length);
        }
        let change = IncidentChange {
            incident,
            actor,
            at,
            kind,
            sealed: self.seal(&incident.tenant, &incident.id, seq, text)?,
            hash: data_encoding::HEXLOWER.encode(&sha256(text.as_bytes())),
            seq,
        };
        Ok(self.store.change_incident(change).await?)
    }

    fn key(&self, tenant: &TenantId) -> SealingKey {
        self.root
            .sealing_key("privet/server/incident", tenant.as_str().as_bytes())
    }

    fn seal(&self, tenant: &TenantId, id: &str, seq: u64, text: &str) -> Result<Vec<u8>, IncidentError> {
        let place = format!("{id}\0{seq}");
        Ok(self.key(tenant).seal(place.as_bytes(), text.as_bytes())?)
    }

    fn opened(&self, tenant: &TenantId, id: &str, seq: u64, sealed: &[u8]) -> Result<String, IncidentError> {
        let place = format!("{id}\0{seq}");
        let opened = self.key(tenant).open(place.as_bytes(), sealed);
        let text = opened
            .ok()
            .and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
        text.ok_or_else(|| IncidentError::Damaged { id: id.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn scope(rule: Rule, who: &str) -> IncidentScope {
        let alert = AlertRecord {
            tenant: "acme".parse().unwrap(),
            id: "a".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            rule: rule.name().to_owned(),
            severity: "high".to_owned(),
            who: who.to_owned(),
            key_id: None,
            finding: "{}".to_owned(),
            response: "alert".to_owned(),
            requests: 0,
            held_until: None,
            lifted_at: None,
            closed_at: None,
            incident: None,
        };
        Opening::of_alert(rule, &alert, "unusual".to_owned()).scope
    }

    #[test]
    fn the_scope_of_an_alert_reaches_back_as_far_as_what_it_was_judged_by() {
        let days = |days: i64| Some(Timestamp::UNIX_EPOCH - SignedDuration::from_hours(24 * days));
        let slow = scope(Rule::SlowExfiltration, "0f");
        assert_eq!((slow.from, slow.principals), (days(35), vec!["0f".to_owned()]));
        assert_eq!(scope(Rule::Bytes, "0f").from, days(1));
    }

    #[test]
    fn the_scope_of_an_alert_about_a_model_is_its_provider() {
        let scope = scope(Rule::ModelErrors, "openai/org/model-2026");
        assert_eq!(scope.providers, ["openai"]);
        assert!(
            scope.principals.is_empty() && scope.models.is_empty(),
            "{scope:?}"
        );
    }
}
