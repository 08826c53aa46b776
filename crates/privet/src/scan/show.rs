//! Where the report goes, and in which form.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use jiff::Timestamp;
use privet_supplychain::report::{self, Report, Stamp, TextStyle};

use super::options::{Format, ScanArgs};
use crate::rim;

/// Writes the report as `args` want it.
pub(super) fn write(args: &ScanArgs, report: &Report, now: Timestamp) -> Result<()> {
    let text = match args.format {
        Format::Text => {
            let is_shown = args.output.is_none() && std::io::stdout().is_terminal();
            let has_colour = is_shown && rim::environment("NO_COLOR").is_none_or(|value| value.is_empty());
            report::text(
                report,
                TextStyle {
                    has_colour,
                    width: if is_shown { rim::terminal() } else { None },
                },
            )
        }
        Format::Jsonl => {
            let mut lines = Vec::new();
            report::jsonl(&report.findings, &mut lines)?;
            String::from_utf8(lines)?
        }
        Format::Json => report::json(report),
        Format::Sarif => report::sarif(report),
        Format::Cyclonedx => {
            let stamp = Stamp {
                serial: uuid()?,
                at: now,
            };
            report::cyclonedx(report, &stamp)
        }
        Format::Html => report::html(report),
        Format::Github => report::github(report),
        Format::Gitlab => report::gitlab(report),
    };
    if args.format != Format::Text {
        for warning in &report.warnings {
            rim::tell(&format!("privet: {warning}"));
        }
    }
    match &args.output {
        Some(path) => super::replace_file(path, text.as_bytes())
            .with_context(|| format!("cannot write the report to `{}`", path.display())),
        None if text.is_empty() => Ok(()),
        None => rim::say(text.trim_end_matches('\n')),
    }
}

/// A random UUID (RFC 9562, version 4).
fn uuid() -> Result<String> {
    let mut bytes: [u8; 16] = privet_crypto::random()?;
    let [.., a, _, b, _, _, _, _, _, _, _] = &mut bytes;
    *a = (*a & 0x0f) | 0x40;
    *b = (*b & 0x3f) | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    Ok(format!(
        "{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    ))
}
