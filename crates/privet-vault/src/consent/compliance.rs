//! Consent compliance: was there a legal basis for what was done, at the time it was done?

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use privet_crypto::random_uuid;
use privet_store::{Scope, Tx, Value, log_position, values};
use privet_types::{ClassShare, LogPosition, Measurement, TenantId};

use super::definition::{Definition, Purpose, Recipient, Versioned, bad, check_name};
use super::evaluate::{Ask, Reason, evaluate};
use super::event::{ConsentEvent, SubjectPseudonym};
use super::{Consent, catalog, history};
use crate::measure::wilson;
use crate::{Actor, Error};

/// Events that are read at once.
const PAGE: u32 = 1_000;
/// Most events that one call records.
const MAX_RECORDED: usize = 10_000;

/// Something that was done with a subject's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processing {
    /// Whose data.
    pub subject: String,
    /// For which purpose.
    pub purpose: String,
    /// Which category of data; `None` for all of the purpose.
    pub category: Option<String>,
    /// Who got it; `None` if it stayed with the controller.
    pub recipient: Option<String>,
    /// Through what: a job's or surface's name.
    pub surface: String,
    /// When.
    pub at: Timestamp,
}

/// What consent compliance was found to be.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsentCompliance {
    /// The share of events with a valid legal basis, by purpose.
    pub share: Measurement,
    /// How many events came after a withdrawal, revocation or objection. Must be 0.
    pub after_withdrawal: Measurement,
}

/// A processing event as it is stored: id, subject, purpose, category, recipient, time.
type Stored = (String, [u8; 32], String, Option<String>, Option<String>, i64);

/// All versions of definitions, newest last.
struct Timeline<D>(HashMap<String, Vec<Versioned<D>>>);

#[derive(Default)]
struct Tally {
    looked_at: u64,
    valid: u64,
    after_withdrawal: u64,
    classes: BTreeMap<String, (u64, u64)>,
}

impl Consent {
    /// Writes down what was done, for the measurement. Says nothing of whether it was allowed: that is worked out anew.
    ///
    /// # Errors
    /// [`Error::BadField`] if a field does not fit, [`Error::Absent`] if there is no such subject; then nothing is stored.
    pub async fn record_processing(&self, actor: &Actor, done: &[Processing]) -> Result<(), Error> {
        if done.len() > MAX_RECORDED {
            return Err(bad("processing", "has more than 10,000 entries"));
        }
        let tenant = actor.tenant.clone();
        let mut rows: Vec<Vec<Value>> = Vec::with_capacity(done.len());
        for one in done {
            check_name("purpose", &one.purpose)?;
            check_name("surface", &one.surface)?;
            for (field, name) in [("category", &one.category), ("recipient", &one.recipient)] {
                name.iter().try_for_each(|name| check_name(field, name))?;
            }
            let (subject, _) = self.expect_known(&tenant, &one.subject).await?;
            rows.push(values![
                tenant.as_str(),
                random_uuid()?,
                subject.0,
                &one.purpose,
                one.category.as_deref(),
                one.recipient.as_deref(),
                &one.surface,
                one.at.as_millisecond(),
            ]);
        }
        self.database
            .write(&Scope::Tenant(tenant), move |tx| {
                Box::pin(async move {
                    let head = "INSERT INTO processing_events \
                        (tenant, id, subject, purpose, category, recipient, surface, at)";
                    tx.insert_many(head, rows, "").await?;
                    Ok(())
                })
            })
            .await
    }

    /// Consent compliance of the processing events from `from` to before `to`: those whose legal basis was valid at their
    /// time, by the definitions and events that held then, over all that need one, which all do. With `sample`, about so
    /// many events are looked at, taken by their random ids.
    ///
    /// # Errors
    /// [`Error::Store`] if the store does not answer.
    pub async fn compliance(
        &self,
        tenant: &TenantId,
        from: Timestamp,
        to: Timestamp,
        sample: Option<u64>,
    ) -> Result<ConsentCompliance, Error> {
        let owner = tenant.clone();
        let (from, to) = (from.as_millisecond(), to.as_millisecond());
        let (tally, population, position) = self
            .database
            .read(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let population: i64 = tx
                        .one(
                            "SELECT COUNT(*) FROM processing_events WHERE tenant = $1 AND at >= $2 AND at < $3",
                            values![owner.as_str(), from, to],
                        )
                        .await?;
                    let most = sample.unwrap_or(u64::MAX);
                    let tally = tally(tx, owner.as_str(), from, to, most).await?;
                    Ok::<_, Error>((tally, population.unsigned_abs(), log_position(tx).await?))
                })
            })
            .await?;
        Ok(tally.measure(population, self.clock.now(), position))
    }
}

async fn tally(tx: &mut Tx, tenant: &str, from: i64, to: i64, most: u64) -> Result<Tally, Error> {
    let purposes: Timeline<Purpose> = Timeline::load(tx, tenant).await?;
    let recipients: Timeline<Recipient> = Timeline::load(tx, tenant).await?;
    let mut tally = Tally::default();
    let mut last = String::new();
    while tally.looked_at < most {
        let limit = u64::from(PAGE).min(most - tally.looked_at);
        let sql = format!(
            "SELECT id, subject, purpose, category, recipient, at FROM processing_events \
             WHERE tenant = $1 AND id > $2 AND at >= $3 AND at < $4 ORDER BY id LIMIT {limit}"
        );
        let page: Vec<Stored> = tx.rows(sql, values![tenant, &last, from, to]).await?;
        let Some((id, ..)) = page.last() else {
            break;
        };
        last.clone_from(id);
        let mut histories = HashMap::<[u8; 32], Vec<ConsentEvent>>::new();
        for event in &page {
            let events = match histories.entry(event.1) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(vacant) => {
                    vacant.insert(history::select(tx, tenant, SubjectPseudonym(event.1)).await?)
                }
            };
            tally.look_at(event, &purposes, &recipients, events);
        }
    }
    Ok(tally)
}

impl Tally {
    fn look_at(
        &mut self,
        (_, _, purpose, category, recipient, at): &Stored,
        purposes: &Timeline<Purpose>,
        recipients: &Timeline<Recipient>,
        events: &[ConsentEvent],
    ) {
        let ask = Ask {
            purpose,
            category: category.as_deref(),
            recipient: recipient.as_deref(),
        };
        let is_recipient = recipient
            .as_ref()
            .is_some_and(|name| recipients.at(name, *at).is_some());
        let verdict = evaluate(purposes.at(purpose, *at), is_recipient, events, &ask, *at);
        let class = self.classes.entry(purpose.clone()).or_default();
        self.looked_at += 1;
        class.1 += 1;
        if verdict.allowed {
            self.valid += 1;
            class.0 += 1;
        }
        if matches!(
            verdict.reason,
            Reason::Withdrawn | Reason::Revoked | Reason::Objected
        ) {
            self.after_withdrawal += 1;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    fn measure(self, population: u64, at: Timestamp, log_position: LogPosition) -> ConsentCompliance {
        let is_sample = self.looked_at < population;
        let whole = ClassShare {
            class: String::new(),
            numerator: self.valid,
            denominator: self.looked_at,
        };
        let blank = Measurement {
            metric: String::new(),
            value: None,
            unit: String::new(),
            interval: None,
            method: String::new(),
            numerator: None,
            denominator: None,
            formula: String::new(),
            source: String::new(),
            sample_size: self.looked_at,
            population,
            at,
            log_position,
            classes: Vec::new(),
            parts: Vec::new(),
            excluded: Vec::new(),
            reason: None,
        };
        ConsentCompliance {
            share: Measurement {
                metric: "consent_compliance".to_owned(),
                value: whole.share(),
                unit: "share".to_owned(),
                numerator: Some(self.valid),
                denominator: Some(self.looked_at),
                formula: "events with a valid legal basis / events that need one".to_owned(),
                interval: is_sample.then(|| wilson(self.valid, self.looked_at)).flatten(),
                method: "processing events judged anew by the definitions and history of their time"
                    .to_owned(),
                classes: self
                    .classes
                    .into_iter()
                    .map(|(class, (numerator, denominator))| ClassShare {
                        class,
                        numerator,
                        denominator,
                    })
                    .collect(),
                ..blank.clone()
            },
            after_withdrawal: Measurement {
                metric: "processing_after_withdrawal".to_owned(),
                value: (self.looked_at > 0).then_some(self.after_withdrawal as f64),
                unit: "count".to_owned(),
                numerator: Some(self.after_withdrawal),
                formula: "events after a withdrawal, revocation or objection; must be 0".to_owned(),
                method:
                    "processing events at whose time consent was withdrawn or revoked, or an objection held"
                        .to_owned(),
                ..blank
            },
        }
    }
}

impl<D: Definition> Timeline<D> {
    async fn load(tx: &mut Tx, tenant: &str) -> Result<Self, Error> {
        let mut all = HashMap::<String, Vec<Versioned<D>>>::new();
        for version in catalog::all_versions::<D>(tx, tenant).await? {
            all.entry(version.definition.name().to_owned())
                .or_default()
                .push(version);
        }
        Ok(Self(all))
    }

    /// What was in force of this name at `at`.
    fn at(&self, name: &str, at: i64) -> Option<&D> {
        let versions = self.0.get(name)?;
        let newest = versions.iter().rev().find(|version| version.at <= at)?;
        newest.is_active.then_some(&newest.definition)
    }
}
