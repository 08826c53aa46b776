//! Application data.

use http::Method;
use privet_types::KeyScope::{VaultRead, VaultWrite};
use privet_vault::{Ground, Proposed, RecordChange, SubjectRef};
use serde_json::{Value, json};

use super::call::{Answer, Call};
use super::refusal::Refusal;
use super::requests::instead;
use super::table::{Entry, Interface, Table};
use super::users::{change, record, version_rows};

const APP: &[&str] = &["mode", "identity", "appname"];
const DATA: &[&str] = &["mode", "identity", "appname", "appdata"];
/// Longest name of an application.
const LONGEST: usize = 64;

pub(super) fn register(table: &mut Table) {
    register_v1(table);
    let entry = Entry::new("AppdataCreate", VaultWrite, |call| Box::pin(create(call)));
    table.v2(entry.fields(DATA));
    let entry = Entry::new("AppdataGet", VaultRead, |call| Box::pin(get(call)));
    table.v2(entry.fields(APP).own());
    let entry = Entry::new("AppdataUpdate", VaultWrite, |call| Box::pin(update(call)));
    table.v2(entry.fields(DATA));
    let entry = Entry::new("AppdataDelete", VaultWrite, |call| Box::pin(delete(call)));
    table.v2(entry.fields(APP));
    let entry = Entry::new("AppdataListVersions", VaultRead, |call| Box::pin(versions(call)));
    table.v2(entry.fields(APP).own());
    let entry = Entry::new("AppdataListUserAppNames", VaultRead, |call| Box::pin(names(call)));
    table.v2(entry.fields(&["mode", "identity"]).own());
    let entry = Entry::new("AppdataListAppNames", VaultRead, |call| Box::pin(all_names(call)));
    table.v2(entry);
}

fn register_v1(table: &mut Table) {
    const ONE: &str = "userapp/{mode}/{identity}/{appname}";
    let entry = Entry::new("AppdataCreate", VaultWrite, |call| Box::pin(create(call)));
    table.v1(Method::POST, ONE, entry);
    let entry = Entry::new("AppdataGet", VaultRead, |call| Box::pin(get(call)));
    table.v1(Method::GET, ONE, entry.own());
    let entry = Entry::new("AppdataUpdate", VaultWrite, |call| Box::pin(put(call)));
    table.v1(Method::PUT, ONE, entry.own());
    let entry = Entry::new("AppdataDelete", VaultWrite, |call| Box::pin(delete(call)));
    table.v1(Method::DELETE, ONE, entry);
    let entry = Entry::new("AppdataListUserAppNames", VaultRead, |call| Box::pin(names(call)));
    table.v1(Method::GET, "userapp/{mode}/{identity}", entry.own());
    let entry = Entry::new("AppdataListAppNames", VaultRead, |call| Box::pin(all_names(call)));
    table.v1(Method::GET, "userapps", entry);
}

/// `text` as the name of an application: lower case, a letter first.
pub(super) fn app_name(field: &'static str, text: &str) -> Result<String, Refusal> {
    let name = text.to_ascii_lowercase();
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if begins && name.len() <= LONGEST && name.bytes().all(fits) {
        Ok(name)
    } else {
        Err(Refusal::field(
            field,
            "use 1 to 64 of a-z, 0-9, `_`, `-`, a letter first",
        ))
    }
}

/// The application that the call names. The log is told of it.
fn app(call: &mut Call) -> Result<String, Refusal> {
    let app = app_name("appname", call.text("appname")?)?;
    call.event.app = Some(app.clone());
    Ok(app)
}

/// What a write answers: `/v1` tells the token.
fn written(call: &Call, who: &SubjectRef) -> Answer {
    match (call.interface, who) {
        (Interface::V1, SubjectRef::Token(token)) => Answer::of(json!({ "token": token })),
        _ => Answer::done(),
    }
}

async fn create(call: &mut Call) -> Result<Answer, Refusal> {
    let app = app(call)?;
    let data = match call.interface {
        Interface::V1 => call.stored()?,
        Interface::V2 => call.object("appdata")?,
    };
    let data = record("appdata", data)?;
    let who = SubjectRef::Token(call.person().await?);
    let stored = call
        .vault()
        .put_app(&call.actor, &who, &app, &data, None, Ground::Ordinary)
        .await?;
    call.event.version = Some(stored.version);
    Ok(written(call, &who))
}

async fn get(call: &mut Call) -> Result<Answer, Refusal> {
    let (app, version) = (app(call)?, call.number("version")?);
    let token = call.person().await?;
    let who = SubjectRef::Token(token.clone());
    let (vault, ground) = (call.vault(), Ground::Ordinary);
    let read = match version {
        Some(version) => {
            vault
                .read_app_version(&call.actor, &who, &app, version, ground)
                .await?
        }
        None => vault.read_app(&call.actor, &who, &app, ground).await?,
    };
    let found = call.shown(read);
    Ok(Answer::of(match call.interface {
        Interface::V1 => json!({ "token": token, "data": found.data }),
        Interface::V2 => json!({ "appdata": found.data, "version": found.version }),
    }))
}

async fn put(call: &mut Call) -> Result<Answer, Refusal> {
    let change = change(call.sent())?;
    if call.own.is_some() {
        let app = app(call)?;
        return instead(call, Proposed::ChangeApp { app, change }).await;
    }
    amend(call, &change).await
}

async fn update(call: &mut Call) -> Result<Answer, Refusal> {
    let change = RecordChange::Merge(Value::Object(call.object("appdata")?));
    amend(call, &change).await
}

async fn amend(call: &mut Call, change: &RecordChange) -> Result<Answer, Refusal> {
    let app = app(call)?;
    let who = SubjectRef::Token(call.person().await?);
    let stored = call
        .vault()
        .amend_app(&call.actor, &who, &app, change, None, Ground::Ordinary)
        .await?;
    call.event.version = Some(stored.version);
    Ok(written(call, &who))
}

async fn delete(call: &mut Call) -> Result<Answer, Refusal> {
    let app = app(call)?;
    let who = SubjectRef::Token(call.person().await?);
    call.vault()
        .delete_app(&call.actor, &who, &app, Ground::Ordinary)
        .await?;
    Ok(written(call, &who))
}

async fn versions(call: &mut Call) -> Result<Answer, Refusal> {
    let app = app(call)?;
    let who = SubjectRef::Token(call.person().await?);
    let read = call
        .vault()
        .app_versions(&call.actor, &who, &app, Ground::Ordinary)
        .await?;
    let versions = call.shown(read);
    Ok(Answer::of(json!({ "versions": version_rows(&versions) })))
}

async fn names(call: &mut Call) -> Result<Answer, Refusal> {
    let token = call.person().await?;
    let who = SubjectRef::Token(token.clone());
    let read = call.vault().apps(&call.actor, &who, Ground::Ordinary).await?;
    let apps = call.shown(read);
    Ok(Answer::of(match call.interface {
        Interface::V1 => json!({ "token": token, "apps": apps }),
        Interface::V2 => json!({ "apps": apps }),
    }))
}

async fn all_names(call: &mut Call) -> Result<Answer, Refusal> {
    let apps = call.vault().app_names(&call.actor).await?;
    Ok(Answer::of(json!({ "apps": apps })))
}
