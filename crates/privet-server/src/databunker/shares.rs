//! Shared records: a link shows something of one user to whoever has it.

use std::time::Duration;

use http::Method;
use privet_types::KeyScope::{VaultRead, VaultWrite};
use privet_vault::{Ground, NewView, Source, SubjectRef};
use serde_json::json;

use super::apps::app_name;
use super::call::{Answer, Call};
use super::refusal::Refusal;
use super::table::{Entry, Interface, Table};

/// How long a shared record lives at most, and if nobody says.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 3600);

pub(super) fn register(table: &mut Table) {
    let entry = Entry::new("SharedRecordCreate", VaultWrite, |call| Box::pin(create(call)));
    table.v1(Method::POST, "sharedrecord/{mode}/{identity}", entry);
    let entry = Entry::new("SharedRecordCreate", VaultWrite, |call| Box::pin(create(call)));
    table.v2(entry.fields(&["mode", "identity"]));
    let entry = Entry::new("SharedRecordGet", VaultRead, |call| Box::pin(get(call)));
    table.v1(Method::GET, "get/{recorduuid}", entry.without_key());
    let entry = Entry::new("SharedRecordGet", VaultRead, |call| Box::pin(get(call)));
    table.v2(entry.fields(&["recorduuid"]).without_key());
}

async fn create(call: &mut Call) -> Result<Answer, Refusal> {
    let (app_field, end) = match call.interface {
        Interface::V1 => ("app", call.end("expiration")?),
        Interface::V2 => ("appname", call.end("finaltime")?),
    };
    let app = call.said(app_field)?.filter(|app| !app.is_empty());
    let app = app.map(|app| app_name(app_field, app)).transpose()?;
    let has_session = call.said("session")?.is_some_and(|session| !session.is_empty());
    let source = match (app, has_session) {
        (Some(_), true) => {
            return Err(Refusal::field(
                "session",
                "share either an application's data or a session",
            ));
        }
        (Some(app), false) => {
            call.event.app = Some(app.clone());
            Source::App(app)
        }
        (None, true) => Source::Session(call.uuid("session")?),
        (None, false) => Source::Record,
    };
    let fields = call.said("fields")?.unwrap_or_default();
    let paths = fields.split(',').map(str::trim).filter(|path| !path.is_empty());
    let span = end.and_then(|end| Duration::try_from(end.duration_since(call.now())).ok());
    let new = NewView {
        source,
        paths: paths.map(ToOwned::to_owned).collect(),
        partner: call
            .said("partner")?
            .filter(|name| !name.is_empty())
            .map(ToOwned::to_owned),
        ttl: span.unwrap_or(LONGEST).min(LONGEST).max(Duration::from_secs(1)),
    };
    call.event.partner.clone_from(&new.partner);
    let who = SubjectRef::Token(call.person().await?);
    let share = call
        .vault()
        .share_view(&call.actor, &who, &new, Ground::Ordinary)
        .await?;
    let token = share.token.expose();
    Ok(Answer::of(match call.interface {
        Interface::V1 => json!({ "record": token }),
        Interface::V2 => json!({ "recorduuid": token }),
    }))
}

/// Without a key: who has the link may read.
async fn get(call: &mut Call) -> Result<Answer, Refusal> {
    let record = call.uuid("recorduuid")?;
    let read = call
        .vault()
        .viewed(&call.actor.tenant, &record, &call.actor.principal)
        .await?;
    let viewed = call.shown(read);
    call.event.subject = Some(viewed.subject);
    call.event.partner = viewed.partner;
    let mut answer = json!({ "data": viewed.data });
    if let Some(fields) = answer.as_object_mut() {
        match viewed.source {
            Source::Record => {}
            Source::App(app) => {
                call.event.app = Some(app.clone());
                fields.insert("app".to_owned(), app.into());
            }
            Source::Session(session) => {
                fields.insert("session".to_owned(), session.into());
            }
        }
    }
    Ok(Answer::of(answer))
}
