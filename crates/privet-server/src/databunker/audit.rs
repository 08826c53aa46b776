//! What the log is told of calls, and how it is read.

use std::borrow::Cow;
use std::future::ready;

use http::Method;
use jiff::Timestamp;
use privet_types::KeyScope::{VaultAudit, VaultRead};
use privet_vault::{CallEntry, CallPage, Error, Ground, NewCall, Record, SubjectId, SubjectRef, Wrote};
use serde_json::{Value, json};

use super::agreements;
use super::bulk;
use super::call::{Answer, Call};
use super::refusal::Refusal;
use super::table::{Entry, Interface, Table};

const ABSENT: Refusal = Refusal::Absent("the audit event was not found");

pub(super) fn register(table: &mut Table) {
    let entry = Entry::new("AuditListUserEvents", VaultRead, |call| Box::pin(of_user(call)));
    table.v2(entry.fields(&["mode", "identity"]).own());
    let entry = Entry::new("AuditListUserEvents", VaultRead, |call| Box::pin(of_token(call)));
    table.v1(Method::GET, "audit/list/{token}", entry.own());
    let entry = Entry::new("AuditGetEvent", VaultRead, |call| Box::pin(get(call)));
    table.v2(entry.fields(&["auditeventuuid"]).own());
    let entry = Entry::new("AuditGetEvent", VaultRead, |call| Box::pin(get(call)));
    table.v1(Method::GET, "audit/get/{auditeventuuid}", entry.own());
    let entry = Entry::new("BulkListAllAuditEvents", VaultAudit, |call| Box::pin(all(call)));
    table.v2(entry.fields(&["unlockuuid"]));
    let entry = Entry::new("BulkListAllAuditEvents", VaultAudit, |call| {
        Box::pin(ready(refused_all(call)))
    });
    table.v1(Method::GET, "audit/admin", entry);
}

/// Tells the log of `call`, which was refused for `refusal`, or went well. On an error nothing may be answered but that.
pub(super) async fn record(call: &Call, refusal: Option<&Refusal>) -> Result<(), Refusal> {
    let access = call.event.access.as_ref();
    let new = NewCall {
        call: call.name,
        why: refusal.map(word),
        subject: call.event.subject.clone(),
        mode: mode(call),
        app: call.event.app.clone(),
        note: call.event.partner.clone(),
        fields: access.map_or(0, |access| access.fields),
        subjects: access.map_or(0, |access| access.subjects),
        version: call.event.version,
        wrote: call.event.wrote.clone(),
        since: call.since,
    };
    call.vault().tell_call(&call.actor, new).await.map_err(|error| {
        tracing::error!(%error, "a call of the vault cannot be recorded; calls are refused until it can");
        Refusal::Failed
    })
}

/// The mode in which the subject was named; what is none of the five goes nowhere.
fn mode(call: &Call) -> Option<&'static str> {
    let named = call.mode().ok()?;
    ["token", "login", "email", "phone", "custom"]
        .into_iter()
        .find(|mode| *mode == named)
}

/// Why, in a word of a closed set.
fn word(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Absent(_) | Refusal::NoPath => "not found",
        Refusal::NoAccess | Refusal::NotAllowed(_) => "not allowed",
        Refusal::Locked => "locked",
        Refusal::Taken(_) | Refusal::Closed | Refusal::Conflict(_) => "conflict",
        Refusal::Busy | Refusal::Failed | Refusal::Unfinished => "failed",
        _ => "bad request",
    }
}

async fn of_user(call: &mut Call) -> Result<Answer, Refusal> {
    let page = call.page()?;
    let subject = call.person().await?;
    let (vault, actor) = (call.vault(), &call.actor);
    let found = vault.events_of(actor, &subject, page.offset, page.limit).await?;
    Ok(listed(call, &found))
}

/// Of whom is not there nothing is listed; who was erased is not there.
async fn of_token(call: &mut Call) -> Result<Answer, Refusal> {
    let page = call.page()?;
    let subject: SubjectId = call.uuid("token")?.parse().map_err(|_| Refusal::BadUuid)?;
    match call.find(&SubjectRef::Token(subject.clone())).await {
        Err(Refusal::Absent(_)) => return Ok(Answer::of(json!({ "total": 0, "rows": [] }))),
        found => found?,
    };
    let (vault, actor) = (call.vault(), &call.actor);
    let found = vault.events_of(actor, &subject, page.offset, page.limit).await?;
    Ok(listed(call, &found))
}

async fn all(call: &mut Call) -> Result<Answer, Refusal> {
    let unlock = bulk::named_unlock(call)?;
    let page = call.page()?;
    let (vault, actor) = (call.vault(), &call.actor);
    vault.check_unlock(actor, &unlock).await?;
    let found = vault.all_events(actor, page.offset, page.limit).await?;
    vault.use_unlock(actor, &unlock, found.rows.len() as u64).await?;
    Ok(listed(call, &found))
}

const fn refused_all(_: &Call) -> Result<Answer, Refusal> {
    Err(Refusal::NotAllowed(Cow::Borrowed(
        "the whole log is read with BulkListAllAuditEvents, under an approved unlock",
    )))
}

async fn get(call: &mut Call) -> Result<Answer, Refusal> {
    let id = call.uuid("auditeventuuid")?;
    let (vault, actor) = (call.vault(), &call.actor);
    let found = if call.may_audit {
        vault.any_call(actor, &id).await
    } else {
        vault.call(actor, &id).await
    };
    let found = match found {
        Err(Error::Absent { .. }) => return Err(ABSENT),
        found => found?,
    };
    if call.own.is_some() && call.own != found.subject {
        return Err(ABSENT);
    }
    let mut event = row(call.interface, &found);
    if let (Value::Object(event), Some((before, after))) = (&mut event, changed(call, &found).await?) {
        event.insert("before".to_owned(), before);
        event.insert("after".to_owned(), after);
    }
    let details = json!({ "fields": found.fields, "subjects": found.subjects });
    match call.interface {
        Interface::V1 => Ok(Answer::of(json!({ "event": event }))),
        Interface::V2 => {
            if let Value::Object(event) = &mut event {
                event.insert("details".to_owned(), details);
                // The answer's own `status` stands in that place.
                event.remove("status");
            }
            Ok(Answer::of(event))
        }
    }
}

/// What was written, before the event and behind it: a profile, the data of an application, a session, an agreement. That is in
/// the vault and not in the log: what is gone, with the person or because there were too many versions, is `null`.
async fn changed(call: &mut Call, event: &CallEntry) -> Result<Option<(Value, Value)>, Refusal> {
    let Some(subject) = &event.subject else {
        return Ok(None);
    };
    call.event.subject = Some(subject.clone());
    match (&event.wrote, event.version) {
        (_, Some(after)) => versions(call, subject, event.app.as_deref(), after)
            .await
            .map(Some),
        (Some(Wrote::Statement(id)), None) => agreements::around(call, subject, id).await,
        // One that is replaced is not kept.
        (Some(Wrote::Session(mark)), None) => {
            let (vault, actor) = (call.vault(), &call.actor);
            let read = vault.marked_session(actor, mark, subject, Ground::Ordinary).await;
            let session = kept(read)?.map(|read| call.shown(read).data.into_value());
            Ok(Some((Value::Null, session.unwrap_or_default())))
        }
        (None, None) => Ok(None),
    }
}

/// Version `after` of the profile of `subject`, or of what `app` keeps, and the one before it.
async fn versions(
    call: &mut Call,
    subject: &SubjectId,
    app: Option<&str>,
    after: u64,
) -> Result<(Value, Value), Refusal> {
    let who = SubjectRef::Token(subject.clone());
    let mut found = [Value::Null, Value::Null];
    for (shown, version) in found.iter_mut().zip([after.saturating_sub(1), after]) {
        if version == 0 {
            continue;
        }
        let (vault, actor, ground) = (call.vault(), &call.actor, Ground::Ordinary);
        let data = match app {
            Some(app) => {
                let read = vault.read_app_version(actor, &who, app, version, ground).await;
                kept(read)?.map(|read| call.shown(read).data)
            }
            None => {
                let read = vault.read_version(actor, &who, version, ground).await;
                kept(read)?.map(|read| call.shown(read).record)
            }
        };
        *shown = data.map(Record::into_value).unwrap_or_default();
    }
    let [before, after] = found;
    Ok((before, after))
}

/// What was read, unless it is not kept any more, or not shown now.
fn kept<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Error::Absent { .. } | Error::Restricted) => Ok(None),
        Err(error) => Err(error),
    }
}

fn listed(call: &Call, page: &CallPage) -> Answer {
    let rows: Vec<Value> = page.rows.iter().map(|entry| row(call.interface, entry)).collect();
    Answer::of(json!({ "total": page.total, "rows": rows }))
}

fn row(interface: Interface, entry: &CallEntry) -> Value {
    let at: Timestamp = entry.at;
    let subject = entry.subject.as_ref().map_or("", SubjectId::as_str);
    let why = entry.why.as_deref().unwrap_or_default();
    let mut row = json!({
        "when": at.as_second(),
        "title": title(&entry.call),
        "status": if entry.why.is_some() { "error" } else { "ok" },
        "mode": entry.mode.as_deref().unwrap_or_default(),
        "who": subject,
        "identity": entry.principal.0,
        "record": subject,
        "app": entry.app.as_deref().unwrap_or_default(),
        "msg": entry.note.as_deref().unwrap_or(why),
        "more": entry.fields > 0 || entry.subjects > 0,
    });
    if let Value::Object(row) = &mut row {
        match interface {
            Interface::V1 => {
                row.insert("atoken".to_owned(), entry.id.as_str().into());
            }
            Interface::V2 => {
                row.insert("auditeventuuid".to_owned(), entry.id.as_str().into());
                row.insert("eventtype".to_owned(), entry.call.as_str().into());
                row.insert("timestamp".to_owned(), at.to_string().into());
            }
        }
    }
    row
}

/// `UserListVersions` for people: `user list versions`; `subject_updated` of the vault's own: `subject updated`.
fn title(call: &str) -> String {
    let mut title = String::with_capacity(call.len() + 4);
    for c in call.chars() {
        if c == '_' {
            title.push(' ');
            continue;
        }
        if c.is_ascii_uppercase() && !title.is_empty() {
            title.push(' ');
        }
        title.push(c.to_ascii_lowercase());
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_name_in_words() {
        assert_eq!(title("UserListVersions"), "user list versions");
        assert_eq!(title("TokenGet"), "token get");
        assert_eq!(title("subject_updated"), "subject updated");
    }
}
