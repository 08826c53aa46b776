//! What one scan came to, for people and for other programs.
//!
//! Every writer is a plain function from a [`Report`] to text. None of them can give away what was found: a [`Finding`] has a
//! place, a keyed fingerprint and a masked line, and no value.

mod annotations;
mod cyclonedx;
mod html;
mod html_parts;
mod mask;
mod model;
mod sarif;
mod text;
mod visible;

pub use annotations::{github, gitlab};
pub use cyclonedx::{Stamp, cyclonedx};
pub use html::html;
pub use mask::mask_line;
pub use model::{
    AdvisoryIndex, AffectedBy, BadReport, Component, Counts, FileError, Hash, HashAlgorithm, ModelFile,
    Report, RuleHelp, Suppressed, SuppressedBy, report_schema,
};
pub use sarif::sarif;
pub use text::{TextStyle, text};
pub use visible::visible;

use std::io::{self, Write};

use crate::Finding;

/// The whole report as JSON, with a line end. Its shape is `schema/scan-report.schema.json`.
#[must_use]
pub fn json(report: &Report) -> String {
    pretty(report)
}

/// One line of JSON for each finding: `path`, `category`, `rule`, `severity`, `verdict` if there is one, `line`, `start`, `end`,
/// `fingerprint`, then `message`, and `place` and `snippet` if there are any.
///
/// # Errors
/// Those of `out`.
pub fn jsonl(findings: &[Finding], out: &mut impl Write) -> io::Result<()> {
    for finding in findings {
        serde_json::to_writer(&mut *out, finding)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn pretty(value: &impl serde::Serialize) -> String {
    // Text keys and plain values: writing them to a string cannot fail.
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .unwrap_or_default()
}
