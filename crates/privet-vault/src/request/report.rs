//! A report of all that the vault holds of a subject, for an operator who asks without a request of the subject.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::capped;
use super::flow::FOR_THE_SUBJECT;
use super::package::Held;
use super::{Requests, html};
use crate::{Access, Actor, Audited, CallEntry, Error, Operation, SubjectRef};

/// Most events of the log that a report shows: the newest ones.
const MOST_EVENTS: u32 = 10_000;
/// Events that are read at a time.
const PAGE: u32 = 1_000;
/// Largest report, as JSON. Who has more gets it by a request of the subject, whose copy may be larger.
const MOST_BYTES: usize = 32 << 20;
/// What a report is called in errors.
const BYTES: &str = "bytes of a report";

/// How many reports are made at one time, and how large they may be. Clones share the places.
#[derive(Debug, Clone)]
pub(super) struct Reports {
    places: Arc<Semaphore>,
    most_bytes: usize,
}

impl Default for Reports {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(1)),
            most_bytes: MOST_BYTES,
        }
    }
}

/// All that is held of a subject, and what the log has about it. While there is one no other is made. Has no `Debug`: it is
/// personal data.
#[derive(Serialize)]
pub struct SubjectReport {
    /// Tenant name.
    pub tenant: String,
    /// When it was made, UTC.
    pub generated_at: jiff::Timestamp,
    /// What is held.
    #[serde(flatten)]
    pub held: Held,
    /// What was done, newest first; the newest 10,000. No entry holds a value.
    pub events: Vec<Value>,
    /// How many events there are.
    pub events_total: u64,
    #[serde(skip)]
    most_bytes: usize,
    #[serde(skip)]
    _place: OwnedSemaphorePermit,
}

impl Requests {
    /// With reports of `bytes` bytes of JSON at most, instead of 32 MiB.
    #[must_use]
    pub fn with_report_bytes(mut self, bytes: usize) -> Self {
        self.reports.most_bytes = bytes;
        self
    }

    /// A report of all that is held of `who`, whether processing is restricted or not. One is made at a time, also by clones:
    /// the place is free again once the report is dropped.
    ///
    /// # Errors
    /// [`Error::Busy`] if another one is there; [`Error::TooMany`] if more is stored of the subject than a report may have
    /// bytes, before any of it is loaded; [`Error::Absent`] if there is no such subject, [`Error::Damaged`], those of the store
    /// and the keyring.
    pub async fn report(&self, actor: &Actor, who: &SubjectRef) -> Result<Audited<SubjectReport>, Error> {
        let places = Arc::clone(&self.reports.places);
        let place = places
            .try_acquire_owned()
            .map_err(|_| Error::Busy { what: "report" })?;
        let most_bytes = self.reports.most_bytes;
        let found = self.vault.find(actor, who).await?;
        self.check_stored(actor, &found, BYTES, most_bytes).await?;
        let held = self.all_held(actor, &found).await?;
        let (mut events, mut events_total) = (Vec::new(), 0);
        for offset in (0..MOST_EVENTS).step_by(PAGE as usize) {
            let page = self
                .vault
                .events_of(actor, &found.row.id, offset.into(), PAGE)
                .await?;
            events_total = page.total;
            let is_last = page.rows.len() < PAGE as usize;
            events.extend(page.rows.into_iter().map(event));
            if is_last {
                break;
            }
        }
        let access = Access::shown(actor, self.vault.now(), Operation::ReadCopy, FOR_THE_SUBJECT);
        let fields = held.record.fields().len();
        Ok(Audited {
            value: SubjectReport {
                tenant: actor.tenant.as_str().to_owned(),
                generated_at: self.vault.now(),
                held,
                events,
                events_total,
                most_bytes,
                _place: place,
            },
            access: access.of(found.pseudonym(), fields),
        })
    }
}

impl SubjectReport {
    /// As JSON.
    ///
    /// # Errors
    /// [`Error::TooMany`] once it has more bytes than a report may have.
    pub fn to_json(&self) -> Result<String, Error> {
        capped::to_json(self, BYTES, self.most_bytes)
    }

    /// As one HTML page. It loads nothing and runs nothing; every text in it is escaped.
    ///
    /// # Errors
    /// As [`to_json`](Self::to_json).
    pub fn to_html(&self) -> Result<String, Error> {
        capped::check(self, BYTES, self.most_bytes)?;
        html::page_of_all((&self.tenant, self.generated_at), &self.held, &self.events)
    }
}

fn event(entry: CallEntry) -> Value {
    let mut event = json!({
        "at": entry.at,
        "what": entry.call,
        "result": entry.why.as_deref().unwrap_or("ok"),
        "principal": entry.principal.0,
    });
    if let Value::Object(fields) = &mut event {
        for (name, text) in [("application", entry.app), ("note", entry.note)] {
            if let Some(text) = text {
                fields.insert(name.to_owned(), text.into());
            }
        }
    }
    event
}
