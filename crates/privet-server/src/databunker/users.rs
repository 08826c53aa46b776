//! Users: subjects and their profiles.

use http::Method;
use privet_types::KeyScope::{VaultRead, VaultWrite};
use privet_vault::{Ground, Record, SubjectRef};
use serde_json::{Map, Value, json};

use super::call::{Answer, Call};
use super::refusal::Refusal;
use super::table::{Entry, Interface, Table};

const WHO: &[&str] = &["mode", "identity"];

pub(super) fn register(table: &mut Table) {
    let entry = Entry::new("UserCreate", VaultWrite, |call| Box::pin(create(call)));
    table.v1(Method::POST, "user", entry);
    let entry = Entry::new("UserCreate", VaultWrite, |call| Box::pin(create(call)));
    table.v2(entry.fields(&["profile"]));
    let entry = Entry::new("UserGet", VaultRead, |call| Box::pin(get(call)));
    table.v1(Method::GET, "user/{mode}/{identity}", entry.own());
    let entry = Entry::new("UserGet", VaultRead, |call| Box::pin(get(call)));
    table.v2(entry.fields(WHO).own());
}

/// `fields` as what is kept of a subject.
pub(super) fn record(field: &'static str, fields: Map<String, Value>) -> Result<Record, Refusal> {
    Record::from_fields(fields.into_iter().collect())
        .map_err(|_| Refusal::field(field, "use at most 1,024 fields, with names of 1 to 1,024 bytes"))
}

async fn create(call: &mut Call) -> Result<Answer, Refusal> {
    let profile = match call.interface {
        Interface::V1 => call.stored()?,
        Interface::V2 => call.object("profile")?,
    };
    let stored = call
        .vault()
        .create(&call.actor, record("profile", profile)?)
        .await?;
    call.event.subject = Some(stored.id.clone());
    Ok(Answer::of(json!({ "token": stored.id })))
}

async fn get(call: &mut Call) -> Result<Answer, Refusal> {
    let version = call.number("version")?;
    let token = call.person().await?;
    let who = SubjectRef::Token(token.clone());
    let read = match version {
        Some(version) => {
            call.vault()
                .read_version(&call.actor, &who, version, Ground::Ordinary)
                .await?
        }
        None => call.vault().read(&call.actor, &who, Ground::Ordinary).await?,
    };
    let subject = call.shown(read);
    Ok(Answer::of(match call.interface {
        Interface::V1 => json!({ "token": token, "data": subject.record }),
        Interface::V2 => json!({
            "token": token,
            "profile": subject.record,
            "version": subject.version,
            "grouproles": [],
        }),
    }))
}
