//! The archive of conversations.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use privet_vault::{ArchivePage, ArchiveQuery, Archived, Operation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bodies::IdentityBody;
use super::call::{Call, LINES, Reply};
use super::problem::VaultProblem;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Which conversations are looked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindBody {
    /// Whose conversations. Not under a bulk read.
    subject: Option<IdentityBody>,
    /// The unlock of an open bulk read, which somebody else has approved: for conversations of anybody.
    unlock: Option<String>,
    /// From this day on, `2027-01-31`, UTC.
    from: String,
    /// To this day, it included.
    to: String,
    /// Only those that are part of this: a name that callers gave in `x-privet-conversation`, or what `part_of` says.
    part_of: Option<String>,
    /// Only those in which prompt or reply holds this text, in any case.
    text: Option<String>,
    /// Only those that hold this whole word, found by the index of words.
    word: Option<String>,
    /// Go on behind this one.
    after: Option<String>,
    /// Most conversations.
    limit: Option<u32>,
}

/// A page of conversations.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ConversationsBody {
    rows: Vec<ConversationBody>,
    /// Where to go on; absent at the end. There may be more even if none was found: a call looks into 5,000 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A conversation.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ConversationBody {
    conversation: String,
    /// RFC 3339.
    at: String,
    /// Whom it is about, by the subject's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    surface: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    model: String,
    /// What the calls of one conversation have in common: the name that the caller gave in `x-privet-conversation`, or
    /// `~` and a keyed hash of how it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    part_of: Option<String>,
    /// The JSON of the prompt, as the caller or the provider saw it.
    prompt: String,
    /// The texts of the reply.
    reply: String,
    /// Whether that is all of the reply.
    is_whole: bool,
}

pub(crate) async fn search(mut call: Call) -> Result<Reply, VaultProblem> {
    let page = of_subject(&mut call).await?;
    Reply::ok(&ConversationsBody {
        rows: page.conversations.into_iter().map(Into::into).collect(),
        next: page.next,
    })
}

pub(crate) async fn export(mut call: Call) -> Result<Reply, VaultProblem> {
    lines(&of_subject(&mut call).await?)
}

/// Of anybody: what a bulk read is, with its second person.
pub(crate) async fn export_any(mut call: Call) -> Result<Reply, VaultProblem> {
    let mut body: FindBody = call.json().await?;
    let unlock = body.unlock.take().ok_or_else(|| missing("unlock"))?;
    if body.subject.is_some() {
        return Err(VaultProblem::field("subject", "is for /conversations"));
    }
    let query = query(&call, body)?;
    let ground = call.ground()?;
    let vault = &call.api.vault;
    let found = vault
        .search_archive_unlocked(&call.actor, &unlock, &query, ground)
        .await;
    lines(&call.show(Operation::SearchArchive, ground, found).await?)
}

pub(crate) async fn read(call: Call) -> Result<Reply, VaultProblem> {
    let ground = call.ground()?;
    let id = call.param("conversation");
    let read = call.api.vault.archived(&call.actor, id, ground).await;
    let found = call.show(Operation::ReadConversation, ground, read).await?;
    Reply::ok(&ConversationBody::from(found))
}

async fn of_subject(call: &mut Call) -> Result<ArchivePage, VaultProblem> {
    let mut body: FindBody = call.json().await?;
    if body.unlock.is_some() {
        return Err(VaultProblem::field("unlock", "is for /bulk-reads/conversations"));
    }
    let subject = body.subject.take().ok_or_else(|| missing("subject"))?;
    let query = ArchiveQuery {
        subject: Some(subject.subject()?),
        ..query(call, body)?
    };
    let ground = call.ground()?;
    let found = call.api.vault.search_archive(&call.actor, &query, ground).await;
    call.show(Operation::SearchArchive, ground, found).await
}

fn missing(field: &str) -> VaultProblem {
    VaultProblem::field(field, "is missing")
}

fn query(call: &Call, span: FindBody) -> Result<ArchiveQuery, VaultProblem> {
    let most = call.api.limits.page;
    let limit = span.limit.unwrap_or(most);
    if !(1..=most).contains(&limit) {
        return Err(VaultProblem::field("limit", format!("use 1 to {most}")));
    }
    Ok(ArchiveQuery {
        from_day: day("from", &span.from)?,
        to_day: day("to", &span.to)?,
        subject: None,
        conversation: span.part_of,
        text: span.text,
        word: span.word,
        after: span.after,
        limit,
    })
}

/// The number of a day since 1970-01-01.
fn day(field: &str, text: &str) -> Result<i64, VaultProblem> {
    let bad = || VaultProblem::field(field, "use a day such as `2027-01-31`");
    let date: Date = text.parse().map_err(|_| bad())?;
    let midnight = date.to_zoned(TimeZone::UTC).map_err(|_| bad())?;
    Ok(midnight.timestamp().as_millisecond().div_euclid(DAY_MS))
}

fn lines(page: &ArchivePage) -> Result<Reply, VaultProblem> {
    let text = page.to_json_lines()?;
    Ok(Reply::text(LINES, text).going_on_at(page.next.clone()))
}

impl From<Archived> for ConversationBody {
    fn from(archived: Archived) -> Self {
        Self {
            conversation: archived.id,
            at: archived.at.to_string(),
            subject: archived.subject.map(Into::into),
            surface: archived.surface,
            purpose: archived.purpose,
            model: archived.model,
            part_of: archived.conversation,
            prompt: archived.prompt,
            reply: archived.reply,
            is_whole: archived.is_whole,
        }
    }
}
