//! Minimisation: is no more kept, and no finer, than is needed?

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use privet_store::values;
use privet_types::{Action, AuditEvent, Interval, Measurement, Part, Pseudonym, TenantId};
use serde::Deserialize;

use super::{FieldNeed, Fineness, Measures, flipped, wilson};
use crate::calls::KIND as CALLS;
use crate::subject::find::loaded;
use crate::{Error, Vault};

/// Subjects read at a time.
const PAGE: u64 = 200;
/// Leaves read at a time.
const LEAVES: u32 = 1_000;
/// Confidence of the whole: two sampled parts of 95 % each (union bound).
const CONFIDENCE: f64 = 0.90;

/// What was counted.
#[derive(Default)]
struct Tally {
    subjects: u64,
    /// Fields of each subject, and how many were shown since, by the log's name of the subject.
    fields: HashMap<Pseudonym, (u64, u64)>,
    finer: u64,
    judged: u64,
    raw: u64,
    detected: u64,
    shown_of_many: u64,
    has_reads: bool,
}

/// What matters here of a leaf that tells of a read, or of a call of Databunker's interfaces.
#[derive(Deserialize)]
struct Read {
    #[serde(default)]
    subject: Option<Pseudonym>,
    fields: u64,
    /// What was done, of a read.
    #[serde(default)]
    operation: Option<String>,
    /// What was done, of a call.
    #[serde(default)]
    call: Option<String>,
    /// Why a call was refused: then nothing was shown.
    #[serde(default)]
    why: Option<String>,
}

/// The kinds of leaves that tell of reads: those of the vault's own interface, and calls of Databunker's.
const READS: [&str; 2] = ["vault_read", CALLS];
/// What shows fields of one subject's own record: operations, and calls of Databunker's interfaces. All else shows data of
/// applications, sessions or tokens, or nothing of what is kept.
const RECORDS: [&str; 7] = [
    "read_record",
    "read_fields",
    "read_version",
    "read_copy",
    "UserGet",
    "SystemGetUserReport",
    "SystemGetUserHTMLReport",
];
/// What shows fields of records of many.
const OF_MANY: [&str; 5] = [
    "search",
    "bulk_page",
    "UserSearch",
    "BulkListUsers",
    "BulkListAllUsers",
];

pub(super) async fn measure(
    measures: &Measures,
    tenant: &TenantId,
    since: Option<Timestamp>,
    sample: u64,
    blank: Measurement,
) -> Result<Measurement, Error> {
    let needs: BTreeMap<String, Fineness> = measures
        .consent
        .definitions::<FieldNeed>(tenant, false)
        .await?
        .into_iter()
        .map(|need| (need.definition.name, need.definition.fineness))
        .collect();
    let mut tally = Tally::default();
    let population = count(&measures.vault, tenant).await?;
    look(&measures.vault, tenant, sample, &needs, &mut tally).await?;
    reads(&measures.vault, tenant, since, &mut tally).await?;
    decisions(&measures.vault, tenant, since, &mut tally).await?;
    Ok(tally.measured(population, !needs.is_empty(), blank))
}

async fn count(vault: &Vault, tenant: &TenantId) -> Result<u64, Error> {
    let owner = tenant.clone();
    let count: i64 = vault
        .store
        .database()
        .read::<_, Error, _>(&privet_store::Scope::Tenant(tenant.clone()), move |tx| {
            Box::pin(async move {
                let sql = "SELECT COUNT(*) FROM subjects WHERE tenant = $1 AND state <> 'erased'";
                Ok(tx.one(sql, values![owner.as_str()]).await?)
            })
        })
        .await?;
    Ok(count.unsigned_abs())
}

/// Opens up to `sample` records, those with the lowest ids, which are random.
async fn look(
    vault: &Vault,
    tenant: &TenantId,
    sample: u64,
    needs: &BTreeMap<String, Fineness>,
    tally: &mut Tally,
) -> Result<(), Error> {
    let mut after = String::new();
    while tally.subjects < sample {
        let limit = PAGE.min(sample - tally.subjects).cast_signed();
        let (owner, behind) = (tenant.clone(), after.clone());
        let rows = vault
            .store
            .database()
            .read(&privet_store::Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let values = values![owner.as_str(), behind, limit];
                    loaded(
                        tx,
                        owner.as_str(),
                        None,
                        "s.id > $2 ORDER BY s.id LIMIT $3",
                        values,
                    )
                    .await
                })
            })
            .await?;
        let Some((last, _)) = rows.last() else {
            return Ok(());
        };
        last.id.as_str().clone_into(&mut after);
        for found in vault.unlock_many(tenant, rows).await? {
            let record = found.subject()?.record;
            tally.subjects += 1;
            let total = record.fields().len() as u64;
            tally.fields.insert(found.pseudonym(), (total, 0));
            for (field, value) in record.fields() {
                let passed = needs.get(field).and_then(|need| need.is_passed_by(value));
                tally.judged += u64::from(passed.is_some());
                tally.finer += u64::from(passed == Some(true));
            }
        }
    }
    Ok(())
}

/// What was shown of the subjects. The log says how many fields, not which: several reads of few fields count as if they
/// were different ones.
async fn reads(
    vault: &Vault,
    tenant: &TenantId,
    since: Option<Timestamp>,
    tally: &mut Tally,
) -> Result<(), Error> {
    for kind in READS {
        let mut after = 0;
        loop {
            let page = vault
                .store
                .tenant_events(tenant, after, Some(kind), LEAVES)
                .await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for leaf in page {
                if let Ok(read) = serde_json::from_str::<Read>(&leaf.payload) {
                    // A call that wrote something, or was refused, is no read.
                    tally.has_reads |= kind != CALLS || read.has_shown();
                    if since.is_none_or(|since| leaf.at >= since.as_millisecond()) {
                        tally.read(&read);
                    }
                }
            }
        }
    }
    Ok(())
}

impl Read {
    fn is_one_of(&self, names: &[&str]) -> bool {
        let done = self.operation.as_deref().or(self.call.as_deref());
        done.is_some_and(|done| names.contains(&done))
    }

    const fn has_shown(&self) -> bool {
        self.why.is_none() && self.fields > 0
    }
}

/// What was detected in prompts that were sent, and what of it went out as it was.
async fn decisions(
    vault: &Vault,
    tenant: &TenantId,
    since: Option<Timestamp>,
    tally: &mut Tally,
) -> Result<(), Error> {
    let mut after = 0;
    loop {
        let page = vault
            .store
            .tenant_events(tenant, after, Some("decision"), LEAVES)
            .await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        for leaf in page {
            let Ok(event) = serde_json::from_str::<AuditEvent>(&leaf.payload) else {
                continue;
            };
            if event.sent_hash.is_none() || since.is_some_and(|since| event.at < since) {
                continue;
            }
            let spans: u64 = event
                .decision
                .counts
                .values()
                .map(|count| u64::from(*count))
                .sum();
            tally.detected += spans;
            if event.decision.action == Action::Allow {
                tally.raw += spans;
            }
        }
    }
}

impl Tally {
    fn read(&mut self, read: &Read) {
        if !read.has_shown() {
            return;
        }
        match &read.subject {
            Some(subject) if read.is_one_of(&RECORDS) => {
                if let Some((_, shown)) = self.fields.get_mut(subject) {
                    *shown = shown.saturating_add(read.fields);
                }
            }
            None if read.is_one_of(&OF_MANY) => {
                self.shown_of_many = self.shown_of_many.saturating_add(read.fields);
            }
            _ => {}
        }
    }

    fn measured(self, population: u64, has_needs: bool, blank: Measurement) -> Measurement {
        let total: u64 = self.fields.values().map(|(total, _)| total).sum();
        let used: u64 = self.fields.values().map(|(total, shown)| shown.min(total)).sum();
        let is_sampled = self.subjects < population;
        let part = |name: &str, bad: u64, all: u64, is_sampled: bool, note: &str| {
            let mut part = Part::share(name, all - bad, all, note);
            if is_sampled {
                part.interval = wilson(bad, all).map(flipped);
            }
            part
        };
        let unused = if self.has_reads {
            let note = "1 - unused-field share: fields that were shown to somebody since";
            part("used_fields", total - used, total, is_sampled, note)
        } else {
            Part::share("used_fields", 0, 0, "the log tells of no read of this tenant")
        };
        let finer = if has_needs {
            let note = "1 - finer-than-needed share: values no finer than their field needs";
            part("no_finer_than_needed", self.finer, self.judged, is_sampled, note)
        } else {
            let note = "nothing says how fine fields have to be; define it under /api/v1/vault/needs";
            Part::share("no_finer_than_needed", 0, 0, note)
        };
        let note = "1 - (sensitive spans sent raw / detected), of prompts that were sent";
        let raw = part("not_sent_raw", self.raw, self.detected, false, note);
        let parts = vec![unused, finer, raw];
        let values: Vec<f64> = parts.iter().filter_map(|part| part.value).collect();
        let missing = parts.iter().find(|part| part.value.is_none());
        let reason = missing.map(|part| match part.denominator {
            0 if part.name == "not_sent_raw" => {
                "nothing was detected in a prompt that was sent, so no share of it can be raw".to_owned()
            }
            _ => format!("`{}`: {}", part.name, part.note),
        });
        let mean = |values: &[f64]| values.iter().sum::<f64>() / 3.0;
        let bounds = |end: fn(&Interval) -> f64| {
            let ends: Vec<f64> = parts
                .iter()
                .filter_map(|part| part.interval.as_ref().map(end).or(part.value))
                .collect();
            mean(&ends)
        };
        let interval = (reason.is_none() && is_sampled).then(|| Interval {
            low: bounds(|interval| interval.low),
            high: bounds(|interval| interval.high),
            confidence: CONFIDENCE,
        });
        let mut excluded = vec![
            "kinds that the policy lets pass, which are not looked for, and what detection missed".to_owned(),
            "data of applications, sessions and tokens, and shared records".to_owned(),
        ];
        if self.shown_of_many > 0 {
            excluded.push(format!(
                "{} fields shown by searches and bulk reads: the log does not say of whom, so they count as unused",
                self.shown_of_many
            ));
        }
        Measurement {
            value: reason.is_none().then(|| mean(&values)),
            interval,
            method: "records opened; reads and decisions counted from the log, which says how many fields were shown, not \
                     which"
                .to_owned(),
            sample_size: self.subjects,
            population,
            parts,
            excluded,
            reason,
            ..blank
        }
    }
}
