//! `privet store status`: which schema store and keyring have, and whether this program and others may work on them.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use privet_store::{SchemaStatus, Standing, keyring_status, store_status};
use serde_json::json;

use crate::{keyring, rim, serve};

/// This program may not work on a database, or may not bring it up to date now.
const STUCK: u8 = 1;

#[derive(Subcommand)]
pub(crate) enum StoreCommand {
    /// Show which schema the databases have, which this privet knows, and which programs are connected. Changes nothing.
    #[command(after_help = "Examples:
  privet store status                          before an upgrade, with the new program: may the old nodes go on beside it?
  privet store status --format jsonl | jq -r .standing

Exit status: 0 this privet may be started, 1 it may not, 2 a database cannot be read.")]
    Status(StatusArgs),
}

#[derive(Args)]
pub(crate) struct StatusArgs {
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    config: PathBuf,
    /// Text for people, or one JSON object for each database.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// JSON Lines.
    Jsonl,
}

pub(crate) fn run(command: &StoreCommand) -> Result<ExitCode> {
    let StoreCommand::Status(args) = command;
    let settings = rim::settings(&args.config)?;
    let store = rim::store_location(&settings)?;
    let keyring = match settings.vault {
        Some(_) => Some(keyring::location(&settings)?),
        None => None,
    };
    let all = serve::runtime()?.block_on(async {
        let what = |location| format!("cannot look at `{location}`");
        let mut all = vec![store_status(&store).await.with_context(|| what(&store))?];
        if let Some(keyring) = &keyring {
            all.push(keyring_status(keyring).await.with_context(|| what(keyring))?);
        }
        anyhow::Ok(all)
    })?;
    for status in &all {
        show(status, args.format)?;
    }
    let is_stuck =
        |status: &SchemaStatus| matches!(status.standing(), Standing::OlderInUse | Standing::TooNew);
    Ok(if all.iter().any(is_stuck) {
        ExitCode::from(STUCK)
    } else {
        ExitCode::SUCCESS
    })
}

fn show(status: &SchemaStatus, format: Format) -> Result<()> {
    let (standing, says) = match status.standing() {
        Standing::Absent => ("absent", "it is not there yet; the first start makes it"),
        Standing::Current => ("current", "it is the one that this privet knows"),
        Standing::Older => (
            "older",
            "the start of this privet brings it up to date; nodes at work on it go on meanwhile",
        ),
        Standing::OlderInUse => (
            "older_in_use",
            "this privet would bring it to a schema on which connected nodes cannot work; upgrade them step by step, or stop them first",
        ),
        Standing::Newer => (
            "newer",
            "a newer privet brought it up to date, and this one may go on working on it",
        ),
        Standing::TooNew => (
            "too_new",
            "a newer privet brought it to a schema on which this one cannot work; install that privet",
        ),
    };
    if format == Format::Jsonl {
        let connected = status.connected.iter();
        let connected =
            connected.map(|(knows, connections)| json!({"knows": knows, "connections": connections}));
        return rim::say(json!({
            "database": status.name,
            "standing": standing,
            "schema": status.found,
            "needs": status.oldest,
            "knows": status.known,
            "would_need": status.needed,
            "connected": connected.collect::<Vec<_>>(),
        }));
    }
    let number = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    rim::say(format_args!(
        "{}: schema {}, works with programs that know {} or later; this privet knows {}\n  {says}",
        status.name,
        number(status.found),
        number(status.oldest),
        status.known
    ))?;
    for (knows, connections) in &status.connected {
        let knows = match knows {
            Some(knows) => format!("a privet that knows {knows}"),
            None => "a privet that does not say what it knows".to_owned(),
        };
        rim::say(format_args!("  connected: {knows}, by {connections} connections"))?;
    }
    Ok(())
}
