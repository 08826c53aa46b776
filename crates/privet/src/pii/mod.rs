//! `privet pii`: personal data in texts on this machine.

mod anonymize;
pub(crate) mod detect;
mod entities;
mod eval;
pub(crate) mod eval_html;
mod eval_text;
mod gold;
mod keys;
mod ledger;
mod look;
mod model;
mod operators;
pub(crate) mod place;
pub(crate) mod pool;
pub(crate) mod progress;
mod restore;
mod show;
pub(crate) mod sink;
pub(crate) mod source;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// Findings, or a check that failed.
const FOUND: u8 = 1;
/// Not all could be looked at, or there is not enough evidence.
const INCOMPLETE: u8 = 3;

#[derive(Subcommand)]
pub(crate) enum PiiCommand {
    /// Find personal data in texts.
    Detect(detect::DetectArgs),
    /// Take personal data out of a text, or put something else in its place.
    Anonymize(anonymize::AnonymizeArgs),
    /// Put back what `anonymize` took out.
    Restore(restore::RestoreArgs),
    /// Measure detection against texts in which people marked what is to be found.
    Eval(eval::EvalArgs),
    /// List the kinds of personal data that can be found.
    Entities(entities::EntitiesArgs),
    /// Add stronger networks than the one in the binary, list, check and remove them.
    #[command(
        subcommand,
        after_help = "Examples:
  privet pii model add rampart
  privet pii model list
  privet pii detect letter.txt --network rampart"
    )]
    Model(model::ModelCommand),
}

/// Runs a command.
///
/// # Errors
/// For wrong usage, and for input that cannot be read.
pub(crate) fn run(command: PiiCommand) -> Result<ExitCode> {
    match command {
        PiiCommand::Detect(args) => detect::run(&args),
        PiiCommand::Anonymize(args) => anonymize::run(&args),
        PiiCommand::Restore(args) => restore::run(&args),
        PiiCommand::Eval(args) => eval::run(&args),
        PiiCommand::Entities(args) => entities::run(&args),
        PiiCommand::Model(command) => model::run(&command),
    }
}
