//! `privet guard holds|approve|refuse`: what guardrails hold until somebody approves it.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use privet_server::hold_shown;
use privet_store::{HoldDecided, HoldRecord};
use privet_types::Clock;

use crate::cli::Format;
use crate::rim;
use crate::watch::{CommonArgs, operator, with};

/// Most that are listed.
const MOST: u32 = 1000;

#[derive(Args)]
#[command(after_help = "Examples:
  privet guard holds --open
  privet guard holds --format jsonl | jq -r 'select(.state == \"open\") | .id'")]
pub(crate) struct HoldsArgs {
    /// Only what nobody has decided about.
    #[arg(long)]
    open: bool,
    /// A table for people, or one JSON object per line.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Args)]
#[command(after_help = "Example:
  privet guard approve 5f0c1c3b8f0e4a4d9b0a7c2f6d1e8a90 --hours 2")]
pub(crate) struct ApproveArgs {
    /// Numbers, as the refusal told them and `privet guard holds` shows them.
    #[arg(required = true)]
    id: Vec<String>,
    /// How long the approval counts.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=720))]
    hours: u32,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Args)]
pub(crate) struct RefuseArgs {
    /// Numbers, as `privet guard holds` shows them.
    #[arg(required = true)]
    id: Vec<String>,
    #[command(flatten)]
    common: CommonArgs,
}

/// Lists them.
pub(crate) fn list(args: &HoldsArgs) -> Result<ExitCode> {
    let (holds, now) = with(&args.common, async |open| {
        let holds = open.store.holds(&open.tenant, MOST).await?;
        Ok((holds, open.clock.now()))
    })?;
    if args.format == Format::Table {
        rim::say(format_args!(
            "{:<34}{:<22}{:<10}{:<24}{:<20}{:<16}who",
            "id", "at", "state", "rule", "model", "tool"
        ))?;
    }
    let is_wanted = |record: &&HoldRecord| !args.open || record.decision.is_none();
    for record in holds.iter().filter(is_wanted) {
        match args.format {
            Format::Jsonl => rim::say(hold_shown(record, now))?,
            Format::Table => rim::say(format_args!(
                "{:<34}{:<22}{:<10}{:<24}{:<20}{:<16}{}",
                record.hold.id,
                record.opened_at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
                record.state(now),
                record.hold.rule,
                record.hold.model,
                record.hold.tool.as_deref().unwrap_or("-"),
                record.hold.who.0
            ))?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Lets them pass.
pub(crate) fn approve(args: &ApproveArgs) -> Result<ExitCode> {
    let hours = SignedDuration::from_hours(i64::from(args.hours));
    decide(&args.common, &args.id, Some(hours))?;
    eprintln!(
        "approved for {} h: the same text or call of the same caller passes, from a second from now",
        args.hours
    );
    Ok(ExitCode::SUCCESS)
}

/// Refuses them.
pub(crate) fn refuse(args: &RefuseArgs) -> Result<ExitCode> {
    decide(&args.common, &args.id, None)?;
    eprintln!("refused: {}", args.id.len());
    Ok(ExitCode::SUCCESS)
}

fn decide(common: &CommonArgs, ids: &[String], hours: Option<SignedDuration>) -> Result<()> {
    with(common, async |open| {
        for id in ids {
            let now = open.clock.now();
            let until = hours.map(|hours| now.saturating_add(hours).unwrap_or(Timestamp::MAX));
            let by = operator();
            let decided = open.store.decide_hold(&open.tenant, id, until, &by, now).await?;
            if !matches!(decided, HoldDecided::Done(_)) {
                bail!("nothing is held under `{id}`; `privet guard holds` lists what is");
            }
        }
        Ok(())
    })
}
