//! Tokens of single values.

use std::time::Duration;

use jiff::Timestamp;
use privet_types::KeyScope::{VaultRead, VaultWrite};
use privet_types::Secret;
use privet_vault::{Ground, NewToken, SubjectRef, Substitute, Token, TokenForm, TokenValue};
use serde_json::{Map, Value};

use super::call::{Answer, Call};
use super::refusal::Refusal;
use super::table::{Entry, Table};
use super::users::Outcomes;

pub(super) fn register(table: &mut Table) {
    let entry = Entry::new("TokenCreate", VaultWrite, |call| Box::pin(create(call)));
    table.v2(entry.fields(&["tokentype", "record"]));
    let entry = Entry::new("TokenCreateBulk", VaultWrite, |call| Box::pin(create_many(call)));
    table.v2(entry.fields(&["records"]).bulk());
    let entry = Entry::new("TokenGet", VaultRead, |call| Box::pin(get(call)));
    table.v2(entry.fields(&["token"]));
    let entry = Entry::new("TokenDelete", VaultWrite, |call| Box::pin(delete(call)));
    table.v2(entry.fields(&["token"]));
}

/// The kind of this name, and the kind of its substitute if it has one.
fn kind(name: &str) -> Result<(&'static str, Option<Substitute>), Refusal> {
    Ok(match name {
        "creditcard" => ("creditcard", Some(Substitute::CardNumber)),
        "uint32" => ("uint32", Some(Substitute::Unsigned32)),
        "unixtimestamp" => ("unixtimestamp", Some(Substitute::Unsigned32)),
        "uint64" => ("uint64", Some(Substitute::Unsigned64)),
        "text" | "string" => ("text", None),
        "email" => ("email", None),
        "ssn" => ("ssn", None),
        "uuid" => ("uuid", None),
        _ => return Err(Refusal::BadTokenKind),
    })
}

/// A name of a token or a value: text, or a number in digits.
pub(super) fn text(field: &'static str, value: Option<&Value>) -> Result<String, Refusal> {
    match value {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) if number.is_u64() => Ok(number.to_string()),
        _ => Err(Refusal::field(field, "use text")),
    }
}

/// How long the tokens of a call live, and whether equal values share one.
#[derive(Clone, Copy)]
struct Terms {
    ttl: Option<Duration>,
    sliding: Option<Duration>,
    is_unique: bool,
}

impl Terms {
    fn read(call: &Call) -> Result<Self, Refusal> {
        let now: Timestamp = call.now();
        let ttl = call.end("finaltime")?.map(|end| end.duration_since(now));
        Ok(Self {
            ttl: ttl.and_then(|ttl| Duration::try_from(ttl).ok()),
            sliding: call.span("slidingtime")?,
            is_unique: call.flag("unique")?,
        })
    }

    fn token(
        self,
        kind_name: &str,
        record: String,
        subject: Option<SubjectRef>,
    ) -> Result<NewToken, Refusal> {
        let (kind, substitute) = kind(kind_name)?;
        Ok(NewToken {
            kind: kind.to_owned(),
            value: Secret::new(record),
            subject,
            ttl: self.ttl,
            sliding: self.sliding,
            is_shared: self.is_unique,
            renews: self.is_unique,
            substitute,
            form: TokenForm::Random,
        })
    }
}

async fn create(call: &mut Call) -> Result<Answer, Refusal> {
    let terms = Terms::read(call)?;
    let record = text("record", call.field("record"))?;
    let mut new = terms.token(call.text("tokentype")?, record, None)?;
    if call.field("mode").is_some() || call.field("identity").is_some() {
        new.subject = Some(SubjectRef::Token(call.person().await?));
    }
    let made = call
        .vault()
        .create_token(&call.actor, &new, Ground::Ordinary)
        .await?;
    let mut answer = Map::from_iter([("tokenuuid".to_owned(), made.token.into())]);
    if let Some(substitute) = made.substitute {
        answer.insert("tokenbase".to_owned(), substitute.into());
    }
    Ok(Answer::Fields(answer))
}

async fn create_many(call: &mut Call) -> Result<Answer, Refusal> {
    let terms = Terms::read(call)?;
    let records = call.records()?;
    let mut outcomes = Outcomes::default();
    for batch in records.batches() {
        let (mut places, mut good) = (Vec::new(), Vec::new());
        for (index, record) in batch? {
            let new = text("record", record.get("record")).and_then(|value| {
                let kind = record.get("tokentype").and_then(Value::as_str);
                terms.token(kind.unwrap_or_default(), value, None)
            });
            match new {
                Ok(new) => {
                    places.push(index);
                    good.push(new);
                }
                Err(refusal) => outcomes.refuse(index, &refusal)?,
            }
        }
        if good.is_empty() {
            continue;
        }
        let made = call
            .vault()
            .create_tokens(&call.actor, &good, Ground::Ordinary)
            .await?;
        for ((index, new), outcome) in places.into_iter().zip(&good).zip(made) {
            match outcome {
                Ok(token) if token.is_known => outcomes.know(made_row(new, token).to_string()),
                Ok(token) => outcomes.create(made_row(new, token).to_string()),
                Err(error) => outcomes.refuse(index, &error.into())?,
            }
        }
    }
    Ok(outcomes.answer(records.len()))
}

fn made_row(new: &NewToken, token: Token) -> Value {
    row(token.token, token.substitute, new.value.expose(), &new.kind)
}

/// A token as it is answered.
pub(super) fn shown(found: TokenValue) -> Value {
    row(found.token, found.substitute, found.value.expose(), &found.kind)
}

fn row(token: String, substitute: Option<String>, record: &str, kind: &str) -> Value {
    let mut row = Map::from_iter([
        ("tokenuuid".to_owned(), token.into()),
        ("record".to_owned(), record.into()),
        ("tokentype".to_owned(), kind.into()),
    ]);
    if let Some(substitute) = substitute {
        row.insert("tokenbase".to_owned(), substitute.into());
    }
    Value::Object(row)
}

async fn get(call: &mut Call) -> Result<Answer, Refusal> {
    let name = call.text("token")?;
    let found = call
        .vault()
        .resolve_token(&call.actor, name, Ground::Ordinary)
        .await?;
    let value = call.shown(found);
    call.event.subject.clone_from(&value.subject);
    Ok(Answer::of(shown(value)))
}

async fn delete(call: &mut Call) -> Result<Answer, Refusal> {
    call.vault()
        .delete_token(&call.actor, call.text("token")?)
        .await?;
    Ok(Answer::done())
}
