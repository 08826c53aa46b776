//! `privet guard`: attacks on language models in texts on this machine.

mod calibrate;
mod check;
mod eval;
mod eval_html;
mod harm;
mod holds;
mod lists;
mod marked;
#[cfg(feature = "onnx")]
mod model;
mod options;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// Flagged texts, or a check that failed.
const FOUND: u8 = 1;
/// Not all could be looked at, or there is not enough evidence.
const INCOMPLETE: u8 = 3;

#[derive(Subcommand)]
pub(crate) enum GuardCommand {
    /// Say which texts try to take a model over, and which of their words say so.
    Check(check::CheckArgs),
    /// Measure the detector on texts that people marked as attacks or not.
    Eval(eval::EvalArgs),
    /// Set the limits by harmless texts of your own.
    Calibrate(calibrate::CalibrateArgs),
    /// Add, list, check and remove networks that are asked where the detector is in doubt.
    #[cfg(feature = "onnx")]
    #[command(subcommand)]
    Model(model::ModelCommand),
    /// Make a list of records that exist only to be noticed when they leave.
    Honey(lists::HoneyArgs),
    /// Make an index of documents whose passages no reply may hold.
    Corpus(lists::CorpusArgs),
    /// Make a list of packages that exist.
    Packages(lists::PackagesArgs),
    /// List what the gateway's guardrails hold until somebody approves it.
    Holds(holds::HoldsArgs),
    /// Let what is held pass: the same text or tool call of the same caller.
    Approve(holds::ApproveArgs),
    /// Refuse what is held, or take an approval back.
    Refuse(holds::RefuseArgs),
}

/// Runs a command.
///
/// # Errors
/// For wrong usage, and for input that cannot be read.
pub(crate) fn run(command: GuardCommand) -> Result<ExitCode> {
    match command {
        GuardCommand::Check(args) => check::run(&args),
        GuardCommand::Eval(args) => eval::run(&args),
        GuardCommand::Calibrate(args) => calibrate::run(&args),
        #[cfg(feature = "onnx")]
        GuardCommand::Model(command) => model::run(&command),
        GuardCommand::Honey(args) => lists::honey(&args),
        GuardCommand::Corpus(args) => lists::corpus(&args),
        GuardCommand::Packages(args) => lists::packages(&args),
        GuardCommand::Holds(args) => holds::list(&args),
        GuardCommand::Approve(args) => holds::approve(&args),
        GuardCommand::Refuse(args) => holds::refuse(&args),
    }
}
