//! `privet redteam`: attacks on a model or a gateway, and what they measure.

mod browser;
mod drive;
mod folder;
mod options;
mod show;
mod target;
mod weak;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Subcommand;
use privet_redteam::{Needs, Options, Outcome, Plan, Report, Results, Side};

use crate::{rim, serve};
use drive::Run;
use folder::Folder;
use options::{Format, RunArgs};
use target::Target;
use weak::Weak;

/// Attacks that got through.
const FOUND: u8 = 1;
/// Not all could be held, or there is not enough evidence.
const INCOMPLETE: u8 = 3;

#[derive(Subcommand)]
pub(crate) enum RedteamCommand {
    /// Hold the conversations of all probes with a target, and write down how they ended.
    Run(RunArgs),
}

/// Runs a command.
///
/// # Errors
/// For wrong usage, and for files that cannot be read or written.
pub(crate) fn run(command: RedteamCommand) -> Result<ExitCode> {
    let RedteamCommand::Run(args) = command;
    let sides = if args.has_gateway() {
        vec![Side::Off, Side::On]
    } else {
        vec![Side::Off]
    };
    let options = Options {
        seed: args.seed,
        repeat: args.repeat,
        families: args.families.clone(),
        sides,
        has: Needs {
            knowledge: args.weak || args.list,
            provider_view: args.weak || args.list,
        },
    };
    let plan = Plan::new(options)?;
    if args.list {
        show::list(&plan, args.format)?;
        return Ok(ExitCode::SUCCESS);
    }
    serve::runtime()?.block_on(attack(&args, &plan))
}

async fn attack(args: &RunArgs, plan: &Plan) -> Result<ExitCode> {
    let Some(out) = &args.out else {
        bail!("say where the reports go: `--out FOLDER`");
    };
    let weak = if args.weak {
        Some(Weak::start(args, plan).await?)
    } else {
        None
    };
    let targets = match &weak {
        Some(weak) => weak.targets()?,
        None => Target::all_of(args)?,
    };
    let name = args.target_name();
    let model = targets
        .first()
        .map_or_else(String::new, |target| target.model().to_owned());
    let mut folder = Folder::open(out, plan, &name, &model, args)?;
    let ended = Run::new(args, plan, targets).await?.hold(&mut folder).await;
    if let Some(weak) = weak {
        weak.end().await?;
    }
    let problem = ended?;
    let limit = args.fail_on.limit();
    let report = Report::new(
        plan,
        folder.log(),
        &name,
        &model,
        limit,
        env!("CARGO_PKG_VERSION"),
    );
    folder.write_reports(&report)?;
    match args.format {
        Format::Text => rim::say(show::text(&report, out))?,
        Format::Json => rim::say(report.to_json().trim_end())?,
    }
    if let Some(problem) = problem {
        rim::tell(&format!("privet: incomplete: {problem}"));
    }
    Ok(match Results::new(plan, folder.log()).outcome(limit) {
        Outcome::Pass => ExitCode::SUCCESS,
        Outcome::Fail => ExitCode::from(FOUND),
        Outcome::Incomplete | Outcome::NotEnoughEvidence => ExitCode::from(INCOMPLETE),
    })
}
