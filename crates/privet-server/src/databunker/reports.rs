//! Reports of all that is held of a user.

use http::StatusCode;
use privet_types::KeyScope::VaultAdmin;
use privet_vault::{SubjectRef, SubjectReport};
use serde_json::json;

use super::call::{Answer, Call};
use super::refusal::{JSON, Refusal};
use super::table::{Entry, Table};

pub(super) fn register(table: &mut Table) {
    // It shows more than any other read of one person: conversations, values of tokens, the log.
    let entry = Entry::new("SystemGetUserReport", VaultAdmin, |call| Box::pin(report(call)));
    table.v2(entry.fields(&["mode", "identity"]));
    let entry = Entry::new("SystemGetUserHTMLReport", VaultAdmin, |call| Box::pin(page(call)));
    table.v2(entry.fields(&["mode", "identity"]));
}

async fn made(call: &mut Call) -> Result<SubjectReport, Refusal> {
    let who = SubjectRef::Token(call.person().await?);
    let made = call.bunker.api.requests.report(&call.actor, &who).await?;
    Ok(call.shown(made))
}

async fn report(call: &mut Call) -> Result<Answer, Refusal> {
    let report = made(call).await?.to_json()?;
    let text = format!(r#"{{"status":"ok","report":{report}}}"#);
    Ok(Answer::Text(StatusCode::OK, JSON, text))
}

async fn page(call: &mut Call) -> Result<Answer, Refusal> {
    let html = made(call).await?.to_html()?;
    Ok(Answer::of(json!({ "html": html })))
}
