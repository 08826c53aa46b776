//! Shared records that show paths of a record, of what an application keeps, or of a session, as they are when they are read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use privet_types::{Pseudonym, TenantId};
use serde_json::{Value, json};

use super::app::check_name;
use super::id::{SubjectId, SubjectRef};
use super::record::Record;
use super::row::Found;
use super::share::{LONGEST, Order, Share, TokenForm, bad};
use crate::audit::Audited;
use crate::{Actor, Error, Ground, Vault};

/// Longest name of who something is shared with.
const LONGEST_PARTNER: usize = 256;
/// Most paths.
const MOST_PATHS: usize = 256;

/// What a view shows something of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The record.
    Record,
    /// What this application keeps.
    App(String),
    /// The session of this name.
    Session(String),
}

/// What a view is to be.
#[derive(Debug, Clone)]
pub struct NewView {
    /// What it shows something of.
    pub source: Source,
    /// Names of fields, or of fields in fields with dots between. None shows the whole.
    pub paths: Vec<String>,
    /// Whom it is for, in the words of who shares; no person.
    pub partner: Option<String>,
    /// How long it lives: 1 s to 366 days.
    pub ttl: Duration,
}

/// What a view shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewed {
    /// Whose.
    pub subject: SubjectId,
    /// What it shows something of.
    pub source: Source,
    /// Whom it is for.
    pub partner: Option<String>,
    /// Exactly the paths, `null` where nothing is; or the whole.
    pub data: Value,
}

impl Vault {
    /// Makes a view of something of `who`. Its token is a UUID.
    ///
    /// # Errors
    /// [`Error::Absent`] of the subject, the application, or the session if it is another's; [`Error::Restricted`];
    /// [`Error::BadField`]; [`Error::TooMany`] past 1,000 of one subject.
    pub async fn share_view(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        new: &NewView,
        ground: Ground,
    ) -> Result<Share, Error> {
        if new.ttl < Duration::from_secs(1) || new.ttl > LONGEST {
            return Err(bad("expiration", "a shared record lives 1 second to 366 days"));
        }
        if new.paths.len() > MOST_PATHS {
            return Err(bad("fields", "a shared record names 256 fields at most"));
        }
        if new
            .partner
            .as_ref()
            .is_some_and(|name| name.len() > LONGEST_PARTNER)
        {
            return Err(bad("partner", "a name has 256 bytes at most"));
        }
        let found = self.find_for(actor, who, ground).await?;
        let (of, name) = match &new.source {
            Source::Record => ("record", None),
            Source::App(app) => {
                check_name("app", app)?;
                ("app", Some(app))
            }
            Source::Session(session) => ("session", Some(session)),
        };
        // It has to be there, and be theirs.
        self.source(actor, &found, &new.source, ground).await?;
        let what = json!({"view": {"of": of, "name": name, "paths": new.paths, "partner": new.partner}});
        let order = Order {
            what: Record::from_value(what)?,
            ttl: new.ttl,
            most_reads: None,
            form: TokenForm::Uuid,
        };
        self.share_order(actor, who, order, ground).await
    }

    /// What the view of `token`, which has to be one of `tenant`, shows; `principal` is who the log says it was.
    ///
    /// # Errors
    /// [`Error::Absent`] as of any shared record, and if what it shows is gone. [`Error::Damaged`].
    pub async fn viewed(
        &self,
        tenant: &TenantId,
        token: &str,
        principal: &Pseudonym,
    ) -> Result<Audited<Viewed>, Error> {
        let opened = self.open_shared(token, principal, Some(tenant)).await?;
        let (actor, found) = (&opened.actor, &opened.found);
        let view = View::read(&opened.what)?;
        let data = match self.source(actor, found, &view.source, Ground::Ordinary).await {
            Ok(data) => data,
            Err(Error::Absent { .. } | Error::Restricted) => {
                return Err(Error::Absent {
                    what: "shared record",
                });
            }
            Err(error) => return Err(error),
        };
        let data = match (data, view.paths.is_empty()) {
            (None, true) => found.subject()?.record.into_value(),
            (None, false) => {
                let record = found.subject_with(&tops(&view.paths))?.record;
                picked(&record, &view.paths, Some(&found.row.id))
            }
            (Some(data), true) => data.into_value(),
            (Some(data), false) => picked(&data, &view.paths, None),
        };
        let fields = data.as_object().map_or(0, serde_json::Map::len);
        let (_, access) = self.read_shared(&opened, fields).await?;
        Ok(Audited {
            value: Viewed {
                subject: opened.found.row.id,
                source: view.source,
                partner: view.partner,
                data,
            },
            access,
        })
    }

    /// What `source` holds of `found`; `None` for the record itself.
    async fn source(
        &self,
        actor: &Actor,
        found: &Found,
        source: &Source,
        ground: Ground,
    ) -> Result<Option<Record>, Error> {
        let who = SubjectRef::Token(found.row.id.clone());
        match source {
            Source::Record => Ok(None),
            Source::App(app) => {
                let read = self.read_app(actor, &who, app, ground).await?;
                Ok(Some(read.value.data))
            }
            Source::Session(name) => {
                let session = self.session(actor, name, ground).await?.value;
                if session.subject.as_ref() == Some(&found.row.id) {
                    Ok(Some(session.data))
                } else {
                    Err(Error::Absent { what: "session" })
                }
            }
        }
    }
}

/// What is sealed of a view.
struct View {
    source: Source,
    paths: Vec<String>,
    partner: Option<String>,
}

impl View {
    fn read(what: &Record) -> Result<Self, Error> {
        // Another kind of shared record is none here.
        let view = what.fields().get("view").ok_or(Error::Absent {
            what: "shared record",
        })?;
        let text = |name: &str| view.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        let damaged = Error::Damaged {
            table: "subject_shares",
        };
        let source = match (text("of").as_deref(), text("name")) {
            (Some("record"), _) => Source::Record,
            (Some("app"), Some(app)) => Source::App(app),
            (Some("session"), Some(session)) => Source::Session(session),
            _ => return Err(damaged),
        };
        let paths = view.get("paths").and_then(Value::as_array).ok_or(damaged)?;
        Ok(Self {
            source,
            paths: paths
                .iter()
                .filter_map(Value::as_str)
                .map(ToOwned::to_owned)
                .collect(),
            partner: text("partner"),
        })
    }
}

/// The fields of a record that the paths lead into. A field's own name may have dots.
fn tops(paths: &[String]) -> Vec<&str> {
    let tops: BTreeSet<&str> = paths
        .iter()
        .flat_map(|path| [path.as_str(), path.split('.').next().unwrap_or(path)])
        .collect();
    tops.into_iter().collect()
}

/// Exactly `paths` of `record`. Of a person's record, `token` is their id.
fn picked(record: &Record, paths: &[String], token: Option<&SubjectId>) -> Value {
    let shown = paths.iter().map(|path| {
        let found = match token {
            Some(id) if path == "token" => Some(Value::String(id.as_str().to_owned())),
            _ => led(record.fields(), path).cloned(),
        };
        (path.clone(), found.unwrap_or(Value::Null))
    });
    Value::Object(shown.collect())
}

fn led<'r>(fields: &'r BTreeMap<String, Value>, path: &str) -> Option<&'r Value> {
    if let Some(found) = fields.get(path) {
        return Some(found);
    }
    let mut parts = path.split('.');
    let first = fields.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.as_object()?.get(part))
}
