//! `privet guard calibrate`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use privet_guardrails::{Calibration, DEFAULT_BUDGET, Detector, FEWEST_TEXTS, Input, Origin};
use privet_types::Budget;

use super::INCOMPLETE;
use super::eval::bar;
use super::marked::{Marked, read};
use super::options::Channel;
use crate::pii::{pool, sink};
use crate::rim;

/// What `privet guard calibrate` takes.
#[derive(Args)]
#[command(after_help = "Examples:
  privet guard calibrate --data prompts.jsonl --budget 0.01 --out guard.json
  privet guard calibrate --data mails.jsonl --channel document --out guard.json
  privet guard check --calibration guard.json …

A line is {\"text\",\"channel\"?,\"system\"?}. All texts are to be harmless: an attack among them raises the limit, and then attacks \
like it are let through. Lines with \"label\": 1 are refused. Each channel with enough texts gets a limit that at most the \
share `--budget` of them reaches; it takes 10 / budget texts, 1,000 for 0.01. Other channels keep the limit they have.

Only the limits are written, never a text. Ends with 3 if no channel has enough texts.")]
pub(crate) struct CalibrateArgs {
    /// Harmless texts of your own; may be given again. `.gz` is unpacked, `-` is standard input.
    #[arg(long, required = true, value_name = "FILE")]
    data: Vec<PathBuf>,
    /// Where texts came from that do not say it.
    #[arg(long, value_enum, default_value_t = Channel::User)]
    channel: Channel,
    /// Share of harmless texts that may be flagged, above 0 and below 1.
    #[arg(long, value_name = "SHARE", default_value_t = DEFAULT_BUDGET)]
    budget: f32,
    /// Where the limits are written; without it to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How many threads work; all cores without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

/// Measures limits, and writes them.
///
/// # Errors
/// For wrong usage, and for texts that cannot be read.
pub(crate) fn run(args: &CalibrateArgs) -> Result<ExitCode> {
    if !(args.budget > 0.0 && args.budget < 1.0) {
        bail!("`--budget` is not above 0 and below 1");
    }
    let detector = Detector::shipped()?;
    let mut texts = Vec::new();
    for path in &args.data {
        texts.extend(read(path)?);
    }
    if texts.iter().any(|text| text.is_attack == Some(true)) {
        bail!("a text is marked as an attack; limits are measured on harmless texts alone");
    }
    let bar = bar(texts.len());
    let origin: Origin = args.channel.into();
    let work = |text: Marked| -> Result<(Origin, f32)> {
        let origin = text.origin.unwrap_or(origin);
        let input = Input {
            system: text.system.as_deref(),
            ..Input::new(&text.text, origin)
        };
        Ok((origin, detector.check(input, &Budget::unlimited())?.score))
    };
    let mut scores: Vec<(Origin, f32)> = Vec::with_capacity(texts.len());
    let workers = args.jobs.map_or_else(pool::cores, usize::from);
    let done = pool::in_order(texts.into_iter().map(Ok), workers, work, |one| {
        scores.push(one?);
        bar.inc(1);
        Ok(())
    });
    bar.finish_and_clear();
    done?;
    let mut calibration = Calibration::default();
    let mut is_any = false;
    for origin in Origin::ALL {
        let own: Vec<f32> = scores
            .iter()
            .filter(|(o, _)| *o == origin)
            .map(|(_, score)| *score)
            .collect();
        if own.is_empty() {
            continue;
        }
        let count = own.len();
        let name = origin.name();
        if (count as f32) * args.budget < FEWEST_TEXTS {
            let needed = (FEWEST_TEXTS / args.budget).ceil();
            rim::tell(&format!(
                "privet: {name}: not enough evidence: {count} texts, {needed} are needed"
            ));
            continue;
        }
        let before = share(&detector, origin, &own);
        calibration.measure(origin, own, args.budget)?;
        is_any = true;
        let limit = calibration.threshold(origin);
        rim::tell(&format!(
            "privet: {name}: {count} texts, limit {limit:.4}; the limit before would flag {:.2} % of them",
            100.0 * before
        ));
    }
    if !is_any {
        return Ok(ExitCode::from(INCOMPLETE));
    }
    let text = serde_json::to_string_pretty(&calibration).context("limits cannot be written")?;
    match &args.out {
        Some(path) => sink::write_whole(path, format!("{text}\n").as_bytes())?,
        None => rim::say(text)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Share of `scores` that the limit in use flags.
fn share(detector: &Detector, origin: Origin, scores: &[f32]) -> f32 {
    let limit = detector.calibration().threshold(origin);
    scores.iter().filter(|score| **score >= limit).count() as f32 / scores.len().max(1) as f32
}
