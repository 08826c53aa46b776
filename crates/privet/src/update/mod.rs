//! `privet update`: signed policies, rules and lists.

mod author;
mod content;
mod install;
mod keep;
mod shelf;
mod sources;
mod step;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use privet_types::UpdateKind;

use crate::cli::Format;
pub(crate) use sources::{Sources, Used, named};

#[derive(Subcommand)]
pub(crate) enum UpdateCommand {
    /// Make an update of the files in a folder. Nobody has signed it yet.
    #[command(
        after_help = "A policy has `policy.toml` and the Cedar files that it names, rules have `rules.toml`, and a feed has lists.
Cases for `privet policy test` in `cases.jsonl` are held against it before it is installed.

Example:
  privet update build office/ --kind policy --version 7 --out office-7.privet"
    )]
    Build(BuildArgs),
    /// Sign an update; it may be signed by several.
    #[command(after_help = "Example:
  privet policy signer --key ann.key --new        makes a key, and prints what to put into `[updates] signers`
  privet update sign office-7.privet --key ann.key")]
    Sign {
        /// The update.
        file: PathBuf,
        /// The file of the key that signs (`privet policy signer`).
        #[arg(long)]
        key: PathBuf,
    },
    /// Say what an update is and who signed it, and whether it could be installed: 0 if so, 1 if not.
    Verify {
        /// The update.
        file: PathBuf,
        /// The settings file.
        #[arg(long, default_value = "privet.toml")]
        config: PathBuf,
    },
    /// Check an update and put it in force. Running gateways of this machine take it up within seconds.
    Install {
        /// The update.
        file: PathBuf,
        /// It may be older than what is in force.
        #[arg(long)]
        rollback: bool,
        /// The settings file.
        #[arg(long, default_value = "privet.toml")]
        config: PathBuf,
    },
    /// List the updates of this machine.
    List {
        /// A table for people, or one JSON object per line.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
        /// The settings file.
        #[arg(long, default_value = "privet.toml")]
        config: PathBuf,
    },
    /// Put an earlier version in force again that is kept.
    #[command(after_help = "Examples:
  privet update rollback policy              the version before the one in force
  privet update rollback policy --to 5")]
    Rollback {
        /// `policy`, `rules` or `feed`.
        kind: UpdateKind,
        /// Which version.
        #[arg(long)]
        to: Option<u64>,
        /// The settings file.
        #[arg(long, default_value = "privet.toml")]
        config: PathBuf,
    },
    /// Bind a kind to the version in force, so that it takes no other; or let it go.
    #[command(after_help = "Examples:
  privet update pin policy 7
  privet update pin policy none")]
    Pin {
        /// `policy`, `rules` or `feed`.
        kind: UpdateKind,
        /// The version in force, or `none`.
        version: String,
        /// The settings file.
        #[arg(long, default_value = "privet.toml")]
        config: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct BuildArgs {
    /// The folder.
    folder: PathBuf,
    /// `policy`, `rules` or `feed`.
    #[arg(long)]
    kind: UpdateKind,
    /// Its number: higher than that of every update of this kind and channel before it.
    #[arg(long)]
    version: u64,
    /// Which installations it is for: those whose `[updates] channel` is the same.
    #[arg(long, default_value = "default")]
    channel: String,
    /// The version that must be in force at least where it is installed over another one.
    #[arg(long)]
    replaces: Option<u64>,
    /// How long it is to be used, such as 90d.
    #[arg(long, default_value = "90d")]
    expires: String,
    /// Where to write it; an older file is not replaced.
    #[arg(long)]
    out: PathBuf,
}

pub(crate) fn run(command: UpdateCommand) -> Result<ExitCode> {
    match command {
        UpdateCommand::Build(args) => author::build(&args),
        UpdateCommand::Sign { file, key } => author::sign(&file, &key),
        UpdateCommand::Verify { file, config } => keep::verify(&file, &config),
        UpdateCommand::Install {
            file,
            rollback,
            config,
        } => keep::install(&file, rollback, &config),
        UpdateCommand::List { format, config } => keep::list(format, &config),
        UpdateCommand::Rollback { kind, to, config } => keep::roll_back(kind, to, &config),
        UpdateCommand::Pin {
            kind,
            version,
            config,
        } => keep::pin(kind, &version, &config),
    }
}
