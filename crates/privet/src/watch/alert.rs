//! `privet alert`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use privet_server::shown_alert;
use privet_store::AlertRecord;
use privet_types::Clock;

use super::{CommonArgs, operator, with};
use crate::cli::Format;
use crate::rim;

#[derive(Subcommand)]
pub(crate) enum AlertCommand {
    /// List alerts, the latest first.
    #[command(after_help = "Examples:
  privet alert list
  privet alert list --open --format jsonl | jq .finding.message")]
    List(ListArgs),
    /// Show an alert: what was expected, what was seen, and how that was told.
    #[command(after_help = "Example:
  privet alert show 9f86d081884c7d65    the id that `privet alert list` shows")]
    Show(ShowArgs),
    /// Note that somebody has looked at an alert. Who was throttled or suspended for it is let in again within a second.
    #[command(after_help = "Example:
  privet alert close 9f86d081884c7d65")]
    Close(ShowArgs),
}

#[derive(Args)]
pub(crate) struct ListArgs {
    /// Only those that nobody has closed.
    #[arg(long)]
    open: bool,
    /// A table for people, or one JSON object per line.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Args)]
pub(crate) struct ShowArgs {
    /// The alert's id, as `privet alert list` shows it.
    id: String,
    #[command(flatten)]
    common: CommonArgs,
}

/// Most alerts that are listed.
const MOST: u32 = 1000;

pub(crate) fn run(command: &AlertCommand) -> Result<ExitCode> {
    match command {
        AlertCommand::List(args) => list(args)?,
        AlertCommand::Show(args) => show(args)?,
        AlertCommand::Close(args) => close(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(args: &ListArgs) -> Result<()> {
    let alerts = with(&args.common, async |open| {
        Ok(open.store.alerts(&open.tenant, args.open, MOST).await?)
    })?;
    if args.format == Format::Table {
        rim::say(format_args!(
            "{:<18}{:<22}{:<10}{:<18}{:<34}{:<10}state",
            "id", "at", "severity", "rule", "who", "response"
        ))?;
    }
    for alert in &alerts {
        match args.format {
            Format::Jsonl => rim::say(shown_alert(alert))?,
            Format::Table => rim::say(format_args!(
                "{:<18}{:<22}{:<10}{:<18}{:<34}{:<10}{}",
                alert.id,
                alert.at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
                alert.severity,
                alert.rule,
                alert.who,
                alert.response,
                state(alert)
            ))?,
        }
    }
    Ok(())
}

fn state(alert: &AlertRecord) -> String {
    let until = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
    match (alert.closed_at, alert.held_until) {
        (Some(_), _) => "closed".to_owned(),
        (None, Some(held)) => format!("held until {}", until(held)),
        (None, None) => "open".to_owned(),
    }
}

fn show(args: &ShowArgs) -> Result<()> {
    let found = with(&args.common, async |open| {
        Ok(open.store.alert(&open.tenant, &args.id).await?)
    })?;
    let Some(alert) = found else {
        return no_such_alert(&args.id);
    };
    rim::say(format_args!("{:#}", shown_alert(&alert)))
}

fn close(args: &ShowArgs) -> Result<()> {
    let closed = with(&args.common, async |open| {
        let at = open.clock.now();
        Ok(open
            .store
            .close_alert(&open.tenant, &args.id, &operator(), at)
            .await?)
    })?;
    if !closed {
        return no_such_alert(&args.id);
    }
    eprintln!(
        "alert {} is closed; who was held by its rule is let in within a second, unless another rule holds them",
        args.id
    );
    Ok(())
}

fn no_such_alert<T>(id: &str) -> Result<T> {
    bail!("there is no open alert `{id}`; `privet alert list` shows all")
}
