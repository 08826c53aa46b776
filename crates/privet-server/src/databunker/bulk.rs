//! Reads of many records, which a second person approves.

use std::time::Duration;

use privet_types::KeyScope::{VaultAdmin, VaultBulk};
use privet_vault::{Search, Subject};
use serde_json::{Value, json};

use super::call::{Answer, Call};
use super::identity;
use super::refusal::Refusal;
use super::table::{Entry, Table};
use super::values;

/// How long an unlock is open: the peer's time.
const WINDOW: Duration = Duration::from_secs(60);
/// Most subjects and tokens that one call names.
const MOST_NAMED: usize = 1_000;
/// Most subjects that a search shows.
const MOST_FOUND: u32 = 100;
/// Shortest beginning of a value that is searched for.
const SHORTEST_PREFIX: usize = 4;

pub(super) fn register(table: &mut Table) {
    let entry = Entry::new("BulkListUnlock", VaultBulk, |call| Box::pin(unlock(call)));
    table.v2(entry);
    let entry = Entry::new("BulkListUsers", VaultBulk, |call| Box::pin(users(call)));
    table.v2(entry.fields(&["unlockuuid", "users"]));
    let entry = Entry::new("BulkListAllUsers", VaultBulk, |call| Box::pin(all_users(call)));
    table.v2(entry.fields(&["unlockuuid"]));
    let entry = Entry::new("BulkListTokens", VaultBulk, |call| Box::pin(tokens(call)));
    table.v2(entry.fields(&["unlockuuid", "tokens"]));
    let entry = Entry::new("BulkDeleteTokens", VaultAdmin, |call| {
        Box::pin(delete_tokens(call))
    });
    table.v2(entry.fields(&["unlockuuid", "tokens"]));
    let entry = Entry::new("UserSearch", VaultBulk, |call| Box::pin(search(call)));
    table.v2(entry.fields(&["identity", "unlockuuid"]));
}

/// The unlock that the call names. What is no UUID is no unlock either.
pub(super) fn named_unlock(call: &Call) -> Result<String, Refusal> {
    identity::uuid(call.text("unlockuuid")?).map_err(|_| Refusal::Locked)
}

async fn unlock(call: &mut Call) -> Result<Answer, Refusal> {
    let needs_second = call.bunker.settings.needs_second_approver;
    let asked = call.vault().ask_unlock(&call.actor, WINDOW, needs_second).await?;
    Ok(Answer::of(json!({ "unlockuuid": asked.id })))
}

async fn users(call: &mut Call) -> Result<Answer, Refusal> {
    let unlock = named_unlock(call)?;
    let users = call.list("users")?;
    if users.len() > MOST_NAMED {
        return Err(Refusal::field("users", "use 1,000 at most"));
    }
    let who = users
        .iter()
        .map(|user| {
            let mode = user.get("mode").and_then(Value::as_str).unwrap_or_default();
            identity::subject(mode, &values::text("users", user.get("identity"))?)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let read = call.vault().bulk_subjects(&call.actor, &unlock, &who).await?;
    let rows: Vec<Value> = call.shown(read).iter().map(row).collect();
    Ok(Answer::of(json!({ "total": rows.len(), "rows": rows })))
}

async fn all_users(call: &mut Call) -> Result<Answer, Refusal> {
    let unlock = named_unlock(call)?;
    let page = call.page()?;
    let read = call
        .vault()
        .bulk_slice(&call.actor, &unlock, page.offset, page.limit)
        .await?;
    let (total, subjects) = call.shown(read);
    let rows: Vec<Value> = subjects.iter().map(row).collect();
    Ok(Answer::of(json!({ "total": total, "rows": rows })))
}

/// A subject as it is answered.
fn row(subject: &Subject) -> Value {
    json!({
        "token": subject.id,
        "profile": subject.record,
        "version": subject.version,
        "finaltime": 0,
        "slidingtime": 0,
        "expirationtime": 0,
        "grouproles": [],
    })
}

/// The names of tokens that the call lists.
fn names(call: &Call) -> Result<Vec<String>, Refusal> {
    let names = call.list("tokens")?;
    if names.len() > MOST_NAMED {
        return Err(Refusal::field("tokens", "use 1,000 at most"));
    }
    names
        .iter()
        .map(|name| values::text("tokens", Some(name)))
        .collect()
}

async fn tokens(call: &mut Call) -> Result<Answer, Refusal> {
    let (unlock, names) = (named_unlock(call)?, names(call)?);
    let read = call.vault().bulk_tokens(&call.actor, &unlock, &names).await?;
    let rows: Vec<Value> = call.shown(read).into_iter().map(values::shown).collect();
    Ok(Answer::of(json!({ "total": rows.len(), "rows": rows })))
}

async fn delete_tokens(call: &mut Call) -> Result<Answer, Refusal> {
    let (unlock, names) = (named_unlock(call)?, names(call)?);
    let deleted = call
        .vault()
        .bulk_delete_tokens(&call.actor, &unlock, &names)
        .await?;
    Ok(Answer::of(json!({ "deleted": deleted })))
}

async fn search(call: &mut Call) -> Result<Answer, Refusal> {
    let unlock = named_unlock(call)?;
    let wanted = values::text("identity", call.field("identity"))?;
    let search = |field: &str, is_prefix| Search {
        field: field.to_owned(),
        value: wanted.clone(),
        is_prefix,
    };
    let fields: &[&str] = if wanted.contains('@') {
        &["email"]
    } else {
        &["login", "phone", "custom"]
    };
    let mut searches: Vec<Search> = fields.iter().map(|field| search(field, false)).collect();
    if wanted.trim().chars().count() >= SHORTEST_PREFIX {
        // The beginning of an address need not reach its `@`, and a login may have one.
        searches.extend(["login", "email"].map(|field| search(field, true)));
    }
    let read = call
        .vault()
        .bulk_search(&call.actor, &unlock, &searches, MOST_FOUND)
        .await?;
    let rows: Vec<Value> = call.shown(read).iter().map(row).collect();
    Ok(Answer::of(json!({ "total": rows.len(), "rows": rows })))
}
