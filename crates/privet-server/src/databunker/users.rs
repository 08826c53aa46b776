//! Users: subjects and their profiles.

use http::{Method, StatusCode};
use privet_types::KeyScope::{VaultBulk, VaultErase, VaultRead, VaultWrite};
use privet_vault::{
    ErasureReason, Error, ForgetOutcome, Ground, Lifetime, Proposed, Record, RecordChange, Stored, Subject,
    SubjectId, SubjectRef, VersionInfo,
};
use serde_json::{Map, Value, json};

use super::body::Sent;
use super::call::{Answer, Call};
use super::refusal::{JSON, Refusal};
use super::requests::instead;
use super::table::{Entry, Interface, Table};
use super::{identity, time};

const WHO: &[&str] = &["mode", "identity"];

/// Groups and roles are not spoken: a user who should be in one is refused rather than put nowhere.
const NOT_SPOKEN: [&str; 4] = ["groupname", "groupid", "rolename", "roleid"];

/// Most users of one deletion.
const MOST_DELETED: usize = 1_000;
/// Users whose time is over that a creation ends, if one of them may be in its way.
const ENDED: u32 = 100;

pub(super) fn register(table: &mut Table) {
    register_v1(table);
    let entry = Entry::new("UserCreate", VaultWrite, |call| Box::pin(create(call)));
    table.v2(entry.fields(&["profile"]));
    let entry = Entry::new("UserCreateBulk", VaultBulk, |call| Box::pin(create_many(call)));
    table.v2(entry.fields(&["records"]).bulk());
    let entry = Entry::new("UserGet", VaultRead, |call| Box::pin(get(call)));
    table.v2(entry.fields(WHO).own());
    let entry = Entry::new("UserUpdate", VaultWrite, |call| Box::pin(update(call)));
    table.v2(entry.fields(&["mode", "identity", "profile"]));
    let entry = Entry::new("UserPatch", VaultWrite, |call| Box::pin(patch(call)));
    table.v2(entry.fields(&["mode", "identity", "patch"]));
    let entry = Entry::new("UserDelete", VaultErase, |call| Box::pin(delete(call)));
    table.v2(entry.fields(WHO));
    let entry = Entry::new("UserDeleteBulk", VaultErase, |call| Box::pin(delete_many(call)));
    table.v2(entry.fields(&["users"]));
    let entry = Entry::new("UserListVersions", VaultRead, |call| Box::pin(versions(call)));
    table.v2(entry.fields(WHO).own());
}

fn register_v1(table: &mut Table) {
    const ONE: &str = "user/{mode}/{identity}";
    let entry = Entry::new("UserCreate", VaultWrite, |call| Box::pin(create(call)));
    table.v1(Method::POST, "user", entry);
    let entry = Entry::new("UserGet", VaultRead, |call| Box::pin(get(call)));
    table.v1(Method::GET, ONE, entry.own());
    let entry = Entry::new("UserUpdate", VaultWrite, |call| Box::pin(put(call)));
    table.v1(Method::PUT, ONE, entry.own());
    let entry = Entry::new("UserDelete", VaultErase, |call| Box::pin(delete(call)));
    table.v1(Method::DELETE, ONE, entry.own());
}

/// `fields` as what is kept of a subject; `field` is how the caller calls them.
pub(super) fn record(field: &'static str, fields: Map<String, Value>) -> Result<Record, Refusal> {
    Record::from_fields(fields.into_iter().collect())
        .map_err(|_| Refusal::field(field, "use at most 1,024 fields, with names of 1 to 1,024 bytes"))
}

/// The row of a user, as all lists show it.
pub(super) fn row(subject: &Subject) -> Value {
    let sliding = subject.lifetime.sliding.and(subject.ends_at);
    json!({
        "token": subject.id,
        "profile": subject.record,
        "version": subject.version,
        "finaltime": time::seconds(subject.lifetime.until),
        "slidingtime": time::seconds(sliding),
        "expirationtime": time::seconds(subject.ends_at),
        "grouproles": [],
    })
}

/// The rows of versions, from the first one on; the library tells them newest first.
pub(super) fn version_rows(versions: &[VersionInfo]) -> Vec<Value> {
    let row = |info: &VersionInfo| {
        let hash: String = info.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({ "version": info.version, "optime": info.at.as_second(), "md5": hash })
    };
    versions.iter().rev().map(row).collect()
}

/// What `sent` asks to change, as a `/v1` call puts it.
pub(super) fn change(sent: &Sent) -> Result<RecordChange, Refusal> {
    match sent {
        Sent::Fields(fields) if !fields.is_empty() => Ok(RecordChange::Merge(Value::Object(fields.clone()))),
        Sent::List(operations) => Ok(RecordChange::Operations(operations.clone())),
        _ => Err(Refusal::BadBody),
    }
}

fn lifetime(call: &Call) -> Result<Lifetime, Refusal> {
    Ok(Lifetime {
        until: call.end("finaltime")?,
        sliding: call.span("slidingtime")?,
    })
}

fn check_spoken(fields: &Map<String, Value>) -> Result<(), Refusal> {
    let has = |name: &&&str| fields.get(**name).is_some_and(|value| !value.is_null());
    match NOT_SPOKEN.iter().find(has) {
        Some(name) => Err(Refusal::field(*name, "groups and roles are not spoken here")),
        None => Ok(()),
    }
}

async fn create(call: &mut Call) -> Result<Answer, Refusal> {
    let (profile, lifetime) = match call.interface {
        Interface::V1 => (call.stored()?, Lifetime::default()),
        Interface::V2 => {
            if let Sent::Fields(fields) = call.sent() {
                check_spoken(fields)?;
            }
            (call.object("profile")?, lifetime(call)?)
        }
    };
    let record = record("profile", profile)?;
    let mut made = create_one(call, record.clone(), lifetime).await;
    // Somebody whose time is over is absent, and may not stand in anybody's way.
    if matches!(made, Err(Error::Taken { .. })) && call.vault().erase_ended(&call.actor, ENDED).await? > 0 {
        made = create_one(call, record, lifetime).await;
    }
    let stored = made?;
    call.event.subject = Some(stored.id.clone());
    call.event.version = Some(stored.version);
    Ok(Answer::of(json!({ "token": stored.id })))
}

async fn create_one(call: &Call, record: Record, lifetime: Lifetime) -> Result<Stored, Error> {
    let created = call
        .vault()
        .create_many_for(&call.actor, vec![record], lifetime)
        .await?;
    created.into_iter().next().unwrap_or(Err(Error::Stopped))
}

async fn create_many(call: &mut Call) -> Result<Answer, Refusal> {
    let lifetime = lifetime(call)?;
    let records = call.records()?;
    let mut outcomes = Outcomes::default();
    for batch in records.batches() {
        let mut good = Vec::new();
        for (index, sent) in batch? {
            match new_profile(sent) {
                Ok(profile) => good.push((index, profile)),
                Err(refusal) => outcomes.refuse(index, &refusal)?,
            }
        }
        if good.is_empty() {
            continue;
        }
        let texts = good
            .iter()
            .map(|(index, record)| {
                Ok((
                    *index,
                    serde_json::to_string(record).map_err(|_| Refusal::Failed)?,
                ))
            })
            .collect::<Result<Vec<_>, Refusal>>()?;
        let good = good.into_iter().map(|(_, record)| record).collect();
        let stored = match call.vault().take_over(&call.actor, good, lifetime).await {
            Ok(stored) => stored,
            Err(error) if outcomes.made == 0 => return Err(error.into()),
            // What was stored before stays, and the caller has to learn of it.
            Err(error) => {
                let refusal = Refusal::from(error);
                for (index, _) in texts {
                    outcomes.refuse(index, &refusal)?;
                }
                continue;
            }
        };
        for ((index, profile), outcome) in texts.into_iter().zip(stored) {
            match outcome {
                Ok(stored) => outcomes.create(format!(r#"{{"token":"{}","profile":{profile}}}"#, stored.id)),
                Err(error) => outcomes.refuse(index, &error.into())?,
            }
        }
    }
    Ok(outcomes.answer(records.len()))
}

fn new_profile(mut sent: Map<String, Value>) -> Result<Record, Refusal> {
    check_spoken(&sent)?;
    match sent.remove("profile") {
        Some(Value::Object(profile)) if !profile.is_empty() => record("profile", profile),
        _ => Err(Refusal::field("profile", "use an object with at least one field")),
    }
}

/// How each of many records fared: rows of the answer, as text, since as values they would take many times the room.
#[derive(Default)]
pub(super) struct Outcomes {
    made: usize,
    created: String,
    known: usize,
    duplicates: String,
    errors: Vec<(usize, String)>,
}

impl Outcomes {
    /// A record led to the object `row`.
    pub(super) fn create(&mut self, row: impl AsRef<str>) {
        self.made += 1;
        add(&mut self.created, row.as_ref());
    }

    /// A record was known, as the object `row`.
    pub(super) fn know(&mut self, row: impl AsRef<str>) {
        self.known += 1;
        add(&mut self.duplicates, row.as_ref());
    }

    /// The record `index` was refused.
    pub(super) fn refuse(&mut self, index: usize, refusal: &Refusal) -> Result<(), Refusal> {
        let row = json!({ "index": index, "message": refusal.message(Interface::V2) });
        let row = serde_json::to_string(&row).map_err(|_| Refusal::Failed)?;
        match refusal {
            Refusal::Taken(_) => self.know(row),
            _ => self.errors.push((index, row)),
        }
        Ok(())
    }

    pub(super) fn answer(mut self, total: usize) -> Answer {
        self.errors.sort_by_key(|(index, _)| *index);
        let mut errors = String::new();
        for (_, row) in &self.errors {
            add(&mut errors, row);
        }
        let summary = json!({
            "total": total,
            "created": self.made,
            "duplicates": self.known,
            "errors": self.errors.len(),
        });
        let head = format!(
            r#"{{"status":"ok","summary":{summary},"num":{},"errors":[{errors}],"duplicates":[{}],"created":["#,
            self.made + self.known,
            self.duplicates
        );
        // The longest list takes the rest in, so that it is not there twice.
        let mut text = self.created;
        text.insert_str(0, &head);
        text.push_str("]}");
        Answer::Text(StatusCode::OK, JSON, text)
    }
}

/// Adds an element to the elements of a list.
fn add(list: &mut String, row: &str) {
    if !list.is_empty() {
        list.push(',');
    }
    list.push_str(row);
}

async fn get(call: &mut Call) -> Result<Answer, Refusal> {
    let version = call.number("version")?;
    let who = SubjectRef::Token(call.person().await?);
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
        Interface::V1 => json!({ "token": subject.id, "data": subject.record }),
        Interface::V2 => row(&subject),
    }))
}

async fn put(call: &mut Call) -> Result<Answer, Refusal> {
    let change = change(call.sent())?;
    if call.own.is_some() {
        return instead(call, Proposed::ChangeRecord(change)).await;
    }
    amend(call, &change).await
}

async fn update(call: &mut Call) -> Result<Answer, Refusal> {
    let change = RecordChange::Merge(Value::Object(call.object("profile")?));
    amend(call, &change).await
}

async fn patch(call: &mut Call) -> Result<Answer, Refusal> {
    let change = RecordChange::Operations(call.list("patch")?.to_vec());
    amend(call, &change).await
}

async fn amend(call: &mut Call, change: &RecordChange) -> Result<Answer, Refusal> {
    let who = SubjectRef::Token(call.person().await?);
    let stored = call
        .vault()
        .amend(&call.actor, &who, change, None, Ground::Ordinary)
        .await?;
    call.event.version = Some(stored.version);
    Ok(Answer::of(match call.interface {
        Interface::V1 => json!({ "token": stored.id }),
        Interface::V2 => json!({ "token": stored.id, "version": stored.version }),
    }))
}

async fn versions(call: &mut Call) -> Result<Answer, Refusal> {
    let who = SubjectRef::Token(call.person().await?);
    let read = call.vault().versions(&call.actor, &who, Ground::Ordinary).await?;
    let versions = call.shown(read);
    Ok(Answer::of(json!({ "versions": version_rows(&versions) })))
}

async fn delete(call: &mut Call) -> Result<Answer, Refusal> {
    if call.own.is_some() {
        return instead(call, Proposed::Forget).await;
    }
    let subject = call.person().await?;
    forget(call, subject).await?;
    Ok(Answer::of(json!({ "result": "done" })))
}

/// Erases `subject`. The event of an erasure names nobody.
pub(super) async fn forget(call: &mut Call, subject: SubjectId) -> Result<(), Refusal> {
    let forgotten = call
        .vault()
        .forget(&call.actor, &SubjectRef::Token(subject), ErasureReason::Request)
        .await;
    match forgotten {
        Ok(ForgetOutcome::Held(_)) => Err(Refusal::Conflict(
            "a legal hold keeps the data of this user record, so nothing was erased".into(),
        )),
        Ok(ForgetOutcome::Erased(_)) => {
            call.event.subject = None;
            Ok(())
        }
        Err(error) => {
            if matches!(error, Error::Unfinished { .. }) {
                call.event.subject = None;
            }
            Err(error.into())
        }
    }
}

async fn delete_many(call: &mut Call) -> Result<Answer, Refusal> {
    let users = call.list("users")?;
    if users.is_empty() || users.len() > MOST_DELETED || !users.iter().all(Value::is_object) {
        return Err(Refusal::field(
            "users",
            "use a list of 1 to 1,000 objects that have mode and identity",
        ));
    }
    let named: Vec<Result<SubjectRef, Refusal>> = users.iter().map(identity::of).collect();
    let total = named.len();
    let mut deleted = 0_usize;
    let mut errors = Vec::new();
    for (index, who) in named.into_iter().enumerate() {
        let ended = match who {
            Ok(who) => match call.find(&who).await {
                Ok(subject) => forget(call, subject).await,
                Err(refusal) => Err(refusal),
            },
            Err(refusal) => Err(refusal),
        };
        match ended {
            Ok(()) => deleted += 1,
            Err(refusal) => {
                errors.push(json!({ "index": index, "message": refusal.message(Interface::V2) }));
            }
        }
    }
    // It was about many, or about nobody who is still there.
    call.event.subject = None;
    Ok(Answer::of(json!({
        "deleted": deleted,
        "deleted_count": deleted,
        "total": total,
        "errors": errors,
    })))
}
