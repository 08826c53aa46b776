//! `privet pii entities`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use privet_pii::{Config, catalogue};
use privet_types::Entity;
use serde_json::json;

use crate::rim;

/// What `privet pii entities` takes.
#[derive(Args)]
#[command(after_help = "Examples:
  privet pii entities
  privet pii entities --format json | jq -r '.[] | select(.is_broad | not) | .name'")]
pub(crate) struct EntitiesArgs {
    /// A table for people, one JSON array, or one JSON object a line.
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    format: ListFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    /// Columns.
    Table,
    /// One array.
    Json,
    /// JSON Lines.
    Jsonl,
}

/// Lists all kinds.
pub(crate) fn run(args: &EntitiesArgs) -> Result<ExitCode> {
    let config = Config::default();
    let rows: Vec<_> = Entity::ALL
        .iter()
        .map(|entity| {
            json!({
                "name": entity.name(),
                "description": entity.description(),
                "country": entity.country(),
                "is_broad": entity.is_broad(),
                "default_action": config.action(*entity),
                "rules": catalogue::rules(*entity),
            })
        })
        .collect();
    match args.format {
        ListFormat::Json => rim::say(serde_json::to_string_pretty(&rows)?)?,
        ListFormat::Jsonl => {
            for row in rows {
                rim::say(row)?;
            }
        }
        ListFormat::Table => {
            rim::say(format_args!(
                "{:<28}{:<8}{:<8}description",
                "kind", "country", "action"
            ))?;
            for entity in Entity::ALL {
                let action = serde_json::to_value(config.action(*entity))?;
                rim::say(format_args!(
                    "{:<28}{:<8}{:<8}{}",
                    entity.name(),
                    entity.country().unwrap_or("-"),
                    action.as_str().unwrap_or_default(),
                    entity.description()
                ))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
