//! The archive of conversations, for who works on the machine itself.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use privet_types::TenantId;
use privet_vault::{ArchiveQuery, Ground};
use serde::Serialize;

use super::forget::Who;
use crate::keyring::{CommonArgs, Format};
use crate::rim;

/// Conversations that are asked for at once.
const PAGE: u32 = 500;
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

#[derive(Args)]
pub(crate) struct ConversationsArgs {
    /// Whose.
    #[arg(long, default_value = "default")]
    tenant: String,
    #[command(flatten)]
    who: Who,
    /// From this day on, `2027-01-31`, UTC.
    #[arg(long)]
    from: Date,
    /// To this day, it included.
    #[arg(long)]
    to: Date,
    /// Only those that are part of this: a name from `x-privet-conversation`, or what `conversation` says in the file.
    #[arg(long)]
    part_of: Option<String>,
    /// The file, a JSON object a line; must not be there.
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Serialize)]
struct Written {
    conversations: usize,
}

pub(super) fn run(args: &ConversationsArgs) -> Result<ExitCode> {
    super::request::expect_free(&args.out)?;
    let settings = super::settings(&args.common)?;
    let tenant: TenantId = args.tenant.parse()?;
    let actor = super::operator(&tenant);
    let who = args.who.read()?;
    let query = ArchiveQuery {
        from_day: day(args.from)?,
        to_day: day(args.to)?,
        subject: Some(who),
        conversation: args.part_of.clone(),
        limit: PAGE,
        ..ArchiveQuery::default()
    };
    let (lines, conversations) = super::with(&settings, async |open| {
        let (mut query, mut lines, mut conversations) = (query, String::new(), 0);
        loop {
            let found = open
                .vault()
                .search_archive(&actor, &query, Ground::Ordinary)
                .await?;
            // As with the server: what cannot be recorded is not shown.
            open.vault().record_access(&actor, &found.access).await?;
            conversations += found.value.conversations.len();
            lines.push_str(&found.value.to_json_lines()?);
            query.after = found.value.next;
            if query.after.is_none() {
                return Ok((lines, conversations));
            }
        }
    })?;
    rim::write_exactly(&args.out, lines.as_bytes())
        .with_context(|| format!("`{}` cannot be written", args.out.display()))?;
    if args.common.format == Format::Json {
        rim::say(serde_json::to_string(&Written { conversations })?)?;
    } else {
        rim::say(format_args!(
            "{conversations} conversations are in `{}`",
            args.out.display()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The number of a day since 1970-01-01.
fn day(date: Date) -> Result<i64> {
    let midnight = date.to_zoned(TimeZone::UTC).context("the day is out of range")?;
    Ok(midnight.timestamp().as_millisecond().div_euclid(DAY_MS))
}
