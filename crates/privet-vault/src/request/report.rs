//! A report of all that the vault holds of a subject, for an operator who asks without a request of the subject.

use serde::Serialize;
use serde_json::{Value, json};

use super::flow::FOR_THE_SUBJECT;
use super::package::{Held, MOST_BYTES};
use super::{Requests, html};
use crate::{Access, Actor, Audited, CallEntry, Error, Operation, SubjectRef};

/// Most events of the log that a report shows: the newest ones.
const MOST_EVENTS: u32 = 10_000;
/// Events that are read at a time.
const PAGE: u32 = 1_000;

/// All that is held of a subject, and what the log has about it. Has no `Debug`: it is personal data.
#[derive(Clone, Serialize)]
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
}

impl Requests {
    /// A report of all that is held of `who`, whether processing is restricted or not.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is no such subject, [`Error::Damaged`], those of the store and the keyring.
    pub async fn report(&self, actor: &Actor, who: &SubjectRef) -> Result<Audited<SubjectReport>, Error> {
        let found = self.vault.find(actor, who).await?;
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
            },
            access: access.of(found.pseudonym(), fields),
        })
    }
}

impl SubjectReport {
    /// As JSON.
    ///
    /// # Errors
    /// [`Error::TooMany`] past 256 MiB.
    pub fn to_value(&self) -> Result<Value, Error> {
        let text = serde_json::to_vec(self).map_err(Error::Json)?;
        if text.len() > MOST_BYTES {
            return Err(Error::TooMany {
                what: "bytes of a report",
                most: MOST_BYTES as u64,
            });
        }
        serde_json::from_slice(&text).map_err(Error::Json)
    }

    /// As one HTML page. It loads nothing and runs nothing; every text in it is escaped.
    ///
    /// # Errors
    /// As [`to_value`](Self::to_value).
    pub fn to_html(&self) -> Result<String, Error> {
        let value = self.to_value()?;
        Ok(html::page_of_all(
            (&self.tenant, self.generated_at),
            &self.held,
            &value,
        ))
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
