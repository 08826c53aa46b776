//! Tokens with which people call for themselves.

use privet_types::KeyScope::VaultAdmin;
use privet_vault::{Ground, NewOwnToken, OwnCaller, SubjectRef};
use serde_json::json;

use super::Databunker;
use super::call::{Answer, Call};
use super::identity;
use super::refusal::Refusal;
use super::table::{Entry, Table};

pub(super) fn register(table: &mut Table) {
    // Who makes one can read as its owner does, so that writing alone must not do.
    let create = Entry::new("XTokenCreateForUser", VaultAdmin, |call| Box::pin(create(call)));
    table.v2(create.fields(&["mode", "identity"]));
}

/// Who calls with `key`, if it is a token of a subject's own. No key of an operator looks like one.
pub(super) async fn caller(bunker: &Databunker, key: Option<&str>) -> Result<Option<OwnCaller>, Refusal> {
    let Some(token) = key.and_then(|key| identity::uuid(key).ok()) else {
        return Ok(None);
    };
    Ok(bunker.api.vault.own_caller(&token).await?)
}

async fn create(call: &mut Call) -> Result<Answer, Refusal> {
    let new = NewOwnToken {
        ends_at: call.end("finaltime")?,
        idle: call.span("slidingtime")?,
    };
    let who = SubjectRef::Token(call.person().await?);
    let made = call
        .vault()
        .create_own_token(&call.actor, &who, new, Ground::Ordinary)
        .await?;
    Ok(Answer::of(
        json!({ "xtoken": made.token.expose(), "token": made.subject }),
    ))
}
