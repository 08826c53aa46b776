//! `--fix`: what was found in notebooks is taken out of them.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use privet_supplychain::fix::{self, How, Reach, Spot};
use privet_supplychain::report::Report;
use privet_supplychain::scan::Scanner;
use privet_supplychain::{Category, Finding};

use super::inputs::Inputs;
use super::options::{Mend, ScanArgs};
use crate::rim;

/// Mends all notebooks with findings of secrets, personal data and attacks. What is gone is no finding any more.
pub(super) fn notebooks(args: &ScanArgs, how: Mend, inputs: &Inputs, report: &mut Report) -> Result<()> {
    let how = match how {
        Mend::Clear => How::Clear,
        Mend::Redact => How::Redact,
    };
    let reach = if args.fix_source {
        Reach::OutputsAndSource
    } else {
        Reach::Outputs
    };
    let files: BTreeMap<&str, &std::path::Path> = inputs
        .all
        .iter()
        .filter_map(|input| input.file())
        .filter(|entry| entry.shown.ends_with(".ipynb"))
        .map(|entry| (entry.shown.as_str(), entry.path.as_path()))
        .collect();
    let mut spots: BTreeMap<String, Vec<Spot>> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| can_be_mended(finding)) {
        if files.contains_key(finding.path.as_str()) {
            spots
                .entry(finding.path.clone())
                .or_default()
                .push(spot_of(finding));
        }
    }
    let (mut cleared, mut redacted, mut left) = (0, 0, 0);
    for (shown, spots) in &spots {
        let Some(path) = files.get(shown.as_str()) else {
            continue;
        };
        let bytes = std::fs::read(path).with_context(|| format!("cannot read `{shown}`"))?;
        let budget = Scanner::budget(bytes.len() as u64);
        let fixed = match fix::notebook(&bytes, spots, how, reach, &budget) {
            Ok(fixed) => fixed,
            Err(error) => {
                report.warnings.push(format!("`{shown}` is not mended: {error}"));
                continue;
            }
        };
        fix::write_atomically(path, &bytes, &fixed.bytes, args.backup)
            .with_context(|| format!("cannot write `{shown}`; it is as it was"))?;
        cleared += fixed.cleared_outputs;
        redacted += fixed.redacted;
        left += fixed.untouched_in_source + fixed.untouched_elsewhere;
        let of_this = |finding: &Finding| finding.path == *shown && can_be_mended(finding);
        report
            .findings
            .retain(|finding| !of_this(finding) || fixed.is_left(spot_of(finding)));
        for finding in report.findings.iter_mut().filter(|finding| of_this(finding)) {
            finding.start = fixed.now_at(finding.start);
            finding.end = fixed.now_at(finding.end);
            finding.line = line_at(&fixed.bytes, finding.start);
        }
    }
    rim::tell(&format!(
        "privet: notebooks mended: {}; outputs cleared: {cleared}; places redacted: {redacted}; places left: {left}",
        spots.len()
    ));
    Ok(())
}

/// Whether it is a thing that stands in texts, which can be taken out.
pub(super) fn can_be_mended(finding: &Finding) -> bool {
    matches!(
        finding.category,
        Category::Secret | Category::Pii | Category::Injection
    )
}

const fn spot_of(finding: &Finding) -> Spot {
    Spot {
        start: finding.start,
        end: finding.end,
    }
}

/// The line of a place, from 1.
fn line_at(bytes: &[u8], place: u64) -> u32 {
    let place = usize::try_from(place).unwrap_or(bytes.len()).min(bytes.len());
    let before = bytes.get(..place).unwrap_or_default();
    let ends = before.iter().filter(|byte| **byte == b'\n').count();
    u32::try_from(ends).map_or(u32::MAX, |ends| ends.saturating_add(1))
}
