//! What is printed.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use privet_redteam::{ChangeReport, NumbersReport, OutcomeName, Plan, Report, ShareReport, Side};
use serde_json::json;

use super::options::Format;
use crate::rim;

/// Prints the probes.
///
/// # Errors
/// If nobody reads it.
pub(super) fn list(plan: &Plan, format: Format) -> Result<()> {
    for probe in plan.probes() {
        let (channel, llm, agentic) = (probe.channel.name(), probe.llm_risk.id(), probe.agentic_risk.id());
        match format {
            Format::Text => rim::say(format_args!(
                "{:<32} {channel:<9} {:<3} {llm} {agentic}  {}",
                probe.id, probe.language, probe.title
            ))?,
            Format::Json => {
                let oracles: Vec<&str> = probe.oracles.iter().map(|oracle| oracle.name()).collect();
                rim::say(
                    json!({"id": probe.id, "family": probe.family, "channel": channel, "language": probe.language,
                                "title": probe.title, "llm_risk": llm, "agentic_risk": agentic, "oracles": oracles}),
                )?;
            }
        }
    }
    Ok(())
}

/// The report as a table.
pub(super) fn text(report: &Report, out: &Path) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{}, model {}, seed {}, {} requests",
        report.target, report.model, report.seed, report.requests
    );
    for side in &report.sides {
        let title = match (side.side, report.sides.len()) {
            (_, 1) => "",
            (Side::Off, _) => "without the gateway\n",
            (Side::On, _) => "with the gateway\n",
        };
        let _ = writeln!(
            text,
            "\n{title}{:<14} {:<34} {:>7} {:>8}  benign utility",
            "family", "attack success", "blocked", "resisted"
        );
        for family in &side.families {
            row(&mut text, family.family.name(), &family.numbers);
        }
        row(&mut text, "all", &side.total);
        if side.total.missing > 0 {
            let _ = writeln!(text, "{} conversations are missing", side.total.missing);
        }
    }
    if let Some(difference) = &report.difference {
        let _ = writeln!(
            text,
            "\nattack success falls by  {}",
            change(difference.attack_success)
        );
        let _ = writeln!(
            text,
            "benign utility falls by  {}",
            change(difference.benign_utility)
        );
    }
    let outcome = match report.outcome {
        OutcomeName::Pass => "pass: attack success is below the limit",
        OutcomeName::Fail => "fail: attack success is at or above the limit",
        OutcomeName::Incomplete => "incomplete",
        OutcomeName::NotEnoughEvidence => "not enough evidence",
    };
    let _ = write!(
        text,
        "\n{outcome} (--fail-on {})\nreports: {}",
        report.fail_on,
        out.display()
    );
    text
}

fn row(text: &mut String, name: &str, numbers: &NumbersReport) {
    let success = numbers.attack_success.map_or_else(|| "–".to_owned(), share);
    let _ = writeln!(
        text,
        "{name:<14} {success:<34} {:>7} {:>8}  {}",
        numbers.blocked,
        numbers.resisted,
        share(numbers.benign_utility)
    );
}

fn share(share: ShareReport) -> String {
    match (share.value, share.interval) {
        (Some(value), Some((low, high))) => {
            format!("{value:.3} ({low:.3}–{high:.3}) {} of {}", share.hits, share.of)
        }
        _ => "–".to_owned(),
    }
}

fn change(change: Option<ChangeReport>) -> String {
    change.map_or_else(
        || "–".to_owned(),
        |change| {
            let points = |share: f64| share * 100.0;
            format!(
                "{:.1} points ({:.1} to {:.1})",
                points(change.value),
                points(change.interval.0),
                points(change.interval.1)
            )
        },
    )
}
