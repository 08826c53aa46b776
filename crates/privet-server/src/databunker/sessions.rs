//! Sessions.

use std::time::Duration;

use http::Method;
use privet_types::KeyScope::{VaultRead, VaultWrite};
use privet_vault::{Ground, NewSession, Session, SubjectRef, Wrote};
use serde_json::{Map, Value, json};

use super::call::{Answer, Call};
use super::refusal::Refusal;
use super::table::{Entry, Interface, Table};
use super::users::record;
use super::{identity, time};

/// How long a session lives if nobody says.
const USUAL: Duration = Duration::from_secs(3600);
/// The fields of a session's data that name whose it is, the first one that leads to somebody.
const OWNER: [&str; 5] = ["login", "email", "phone", "custom", "token"];
const SESSION: &[&str] = &["sessionuuid"];

pub(super) fn register(table: &mut Table) {
    register_v1(table);
    let entry = Entry::new("SessionUpsert", VaultWrite, |call| Box::pin(upsert(call)));
    table.v2(entry.fields(&["sessionuuid", "sessiondata"]));
    let entry = Entry::new("SessionGet", VaultRead, |call| Box::pin(get(call)));
    table.v2(entry.fields(SESSION).own());
    let entry = Entry::new("SessionDelete", VaultWrite, |call| Box::pin(delete(call)));
    table.v2(entry.fields(SESSION));
    let entry = Entry::new("SessionListUserSessions", VaultRead, |call| Box::pin(list(call)));
    table.v2(entry.fields(&["mode", "identity"]).own());
}

fn register_v1(table: &mut Table) {
    // Before the routes of a user's: `session` is no mode.
    for path in ["session/session/{sessionuuid}", "session/{sessionuuid}"] {
        let entry = Entry::new("SessionGet", VaultRead, |call| Box::pin(get(call)));
        table.v1(Method::GET, path, entry.own());
        let entry = Entry::new("SessionDelete", VaultWrite, |call| Box::pin(delete(call)));
        table.v1(Method::DELETE, path, entry);
    }
    let entry = Entry::new("SessionUpsert", VaultWrite, |call| Box::pin(upsert(call)));
    table.v1(Method::POST, "session/{sessionuuid}", entry);
    let entry = Entry::new("SessionUpsert", VaultWrite, |call| Box::pin(create(call)));
    table.v1(Method::POST, "session/{mode}/{identity}", entry);
    for path in ["session/{mode}/{identity}", "sessions/{mode}/{identity}"] {
        let entry = Entry::new("SessionListUserSessions", VaultRead, |call| Box::pin(list(call)));
        table.v1(Method::GET, path, entry.own());
    }
}

/// What a session is to hold, and how long it is to live.
struct Asked {
    data: Map<String, Value>,
    ttl: Duration,
    sliding: Option<Duration>,
}

fn asked(call: &Call) -> Result<Asked, Refusal> {
    let (data, end, sliding) = match call.interface {
        Interface::V1 => {
            let mut data = call.stored()?;
            data.remove("expiration");
            (data, call.end("expiration")?, None)
        }
        Interface::V2 => {
            let data = match call.field("sessiondata") {
                Some(Value::Object(data)) => data.clone(),
                _ => return Err(Refusal::field("sessiondata", "use an object")),
            };
            (data, call.end("finaltime")?, call.span("slidingtime")?)
        }
    };
    let longest = call.vault().longest_session();
    let span = end.and_then(|end| Duration::try_from(end.duration_since(call.now())).ok());
    let usual = if sliding.is_some() { longest } else { USUAL };
    Ok(Asked {
        data,
        // Longer ones are cut, as the peer does.
        ttl: span.unwrap_or(usual).min(longest).max(Duration::from_millis(1)),
        sliding,
    })
}

/// A session of the user whom the path names.
async fn create(call: &mut Call) -> Result<Answer, Refusal> {
    let asked = asked(call)?;
    let who = SubjectRef::Token(call.person().await?);
    put(call, None, Some(who), asked).await
}

/// A session of that name, of whom its data names.
async fn upsert(call: &mut Call) -> Result<Answer, Refusal> {
    let (name, asked) = (call.uuid("sessionuuid")?, asked(call)?);
    let mut owner = None;
    for field in OWNER {
        let named = match asked.data.get(field) {
            Some(Value::String(text)) => identity::subject(field, text),
            Some(Value::Number(number)) => identity::subject(field, &number.to_string()),
            _ => continue,
        };
        // What leads to nobody, or cannot, is only data.
        let found = match named {
            Ok(who) => call.find(&who).await,
            Err(refusal) => Err(refusal),
        };
        match found {
            Ok(subject) => {
                owner = Some(SubjectRef::Token(subject));
                break;
            }
            Err(Refusal::Absent(_) | Refusal::BadUuid | Refusal::BadField(..)) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    put(call, Some(name), owner, asked).await
}

async fn put(
    call: &mut Call,
    name: Option<String>,
    subject: Option<SubjectRef>,
    asked: Asked,
) -> Result<Answer, Refusal> {
    let new = NewSession {
        name,
        subject,
        data: record("sessiondata", asked.data)?,
        ttl: Some(asked.ttl),
        sliding: asked.sliding,
        keeps_name: true,
    };
    let session = call
        .vault()
        .put_session(&call.actor, new, Ground::Ordinary)
        .await?;
    let mark = call.vault().session_mark(&call.actor, &session).await?;
    call.event.wrote = mark.map(Wrote::Session);
    Ok(Answer::of(match call.interface {
        Interface::V1 => json!({ "session": session.name }),
        Interface::V2 => json!({ "sessionuuid": session.name }),
    }))
}

async fn get(call: &mut Call) -> Result<Answer, Refusal> {
    let name = call.uuid("sessionuuid")?;
    let (vault, actor) = (call.vault(), &call.actor);
    let read = match &call.own {
        Some(own) => vault.own_session(actor, &name, own, Ground::Ordinary).await?,
        None => vault.session(actor, &name, Ground::Ordinary).await?,
    };
    call.event.subject.clone_from(&read.value.subject);
    let session = call.shown(read);
    Ok(Answer::of(row(call.interface, &session)))
}

async fn delete(call: &mut Call) -> Result<Answer, Refusal> {
    let name = call.uuid("sessionuuid")?;
    call.vault().delete_session(&call.actor, &name).await?;
    Ok(Answer::done())
}

async fn list(call: &mut Call) -> Result<Answer, Refusal> {
    let page = call.page()?;
    let who = SubjectRef::Token(call.person().await?);
    let read = call.vault().sessions(&call.actor, &who, Ground::Ordinary).await?;
    let sessions = call.shown(read);
    let interface = call.interface;
    // The library tells them newest first.
    let rows: Vec<Value> = sessions
        .iter()
        .rev()
        .map(|session| row(interface, session))
        .collect();
    let total = rows.len();
    Ok(Answer::of(match interface {
        Interface::V1 => {
            let rows = page.of(rows);
            json!({ "total": total, "sessions": rows.clone(), "rows": rows })
        }
        Interface::V2 => json!({ "total": total, "rows": rows }),
    }))
}

fn row(interface: Interface, session: &Session) -> Value {
    let name = session.name.as_deref().unwrap_or_default();
    let when = session.created_at.as_second();
    match interface {
        Interface::V1 => json!({ "session": name, "when": when, "data": session.data }),
        Interface::V2 => {
            let sliding = session.sliding.map(|_| session.expires_at);
            json!({
                "sessionuuid": name,
                "sessiondata": session.data,
                "when": when,
                "finaltime": time::seconds(Some(session.until.unwrap_or(session.expires_at))),
                "slidingtime": time::seconds(sliding),
                "expirationtime": time::seconds(Some(session.expires_at)),
            })
        }
    }
}
