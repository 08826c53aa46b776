//! The report for people at a terminal.

use std::fmt::{self, Write as _};

use unicode_width::UnicodeWidthStr;

use super::{Report, visible};
use crate::{Finding, Severity};

/// Narrower than this nothing can be set; the text is as wide as that then.
const LEAST_WIDTH: usize = 24;

/// How the text is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextStyle {
    /// Whether colours are used (ANSI, ECMA-48).
    pub has_colour: bool,
    /// Columns of the terminal; lines are as long as they are if there is none.
    pub width: Option<usize>,
}

/// The findings by file, then what could not be looked at, then the counts. Nothing that comes from files can reach the terminal
/// as a control.
#[must_use]
pub fn text(report: &Report, style: TextStyle) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut out, report, style);
    out
}

fn write_all(out: &mut String, report: &Report, style: TextStyle) -> fmt::Result {
    for group in report.findings.chunk_by(|a, b| a.path == b.path) {
        let Some(first) = group.first() else { continue };
        let path = visible(&first.path);
        writeln!(out, "{}", style.paint(BOLD, &path))?;
        for finding in group {
            one(out, finding, style)?;
        }
        out.push('\n');
    }
    for error in &report.errors {
        let words = format!("{}: {}", visible(&error.path), visible(&error.message));
        labelled(out, style, RED, "error", &words)?;
    }
    for warning in &report.warnings {
        labelled(out, style, YELLOW, "warning", &visible(warning))?;
    }
    if let Some(index) = report.advisories.as_ref().filter(|index| index.is_stale) {
        let words = format!(
            "the advisories of {} are of {} and out of date; run `privet scan update`",
            visible(&index.source),
            visible(&index.date)
        );
        labelled(out, style, YELLOW, "warning", &words)?;
    }
    counts(out, report, style)
}

fn one(out: &mut String, finding: &Finding, style: TextStyle) -> fmt::Result {
    let line = match finding.line {
        0 => "-".to_owned(),
        line => line.to_string(),
    };
    let severity = style.paint(
        colour(finding.severity),
        &format!("{:<8}", finding.severity.name()),
    );
    let mut rest = format!("{} {}", finding.category.name(), visible(&finding.rule));
    if let Some(verdict) = finding.verdict {
        rest.push_str(&format!(" [{}]", verdict.name()));
    }
    if let Some(place) = &finding.place {
        rest.push_str(&format!(" ({})", visible(place)));
    }
    write!(out, "  {line:>5}  {severity} ")?;
    // The head of the line above is 18 columns wide.
    hang(out, &rest, 18, 8, style);
    hang_indented(out, &visible(&finding.message), style, None);
    if let Some(snippet) = &finding.snippet {
        hang_indented(out, &format!("> {}", visible(snippet)), style, Some(DIM));
    }
    Ok(())
}

fn labelled(out: &mut String, style: TextStyle, colour: &str, label: &str, words: &str) -> fmt::Result {
    write!(out, "{}: ", style.paint(colour, label))?;
    hang(out, words, label.len() + 2, 2, style);
    Ok(())
}

fn counts(out: &mut String, report: &Report, style: TextStyle) -> fmt::Result {
    let findings = report.findings.len();
    let files = report.findings.chunk_by(|a, b| a.path == b.path).count();
    if findings == 0 {
        writeln!(out, "{}", style.paint(GREEN, "no findings"))?;
    } else {
        let severities: Vec<String> = report
            .by_severity()
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(severity, count)| style.paint(colour(severity), &format!("{count} {}", severity.name())))
            .collect();
        writeln!(
            out,
            "{} in {}: {}",
            style.paint(BOLD, &counted(findings as u64, "finding")),
            counted(files as u64, "file"),
            severities.join(", ")
        )?;
        let categories: Vec<String> = report
            .by_category()
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(category, count)| format!("{count} {}", category.name()))
            .collect();
        hang(out, &format!("by kind: {}", categories.join(", ")), 0, 2, style);
    }
    let counts = &report.counts;
    let looked_at = format!(
        "looked at {} ({}, {}), {} from the cache",
        counted(counts.files, "file"),
        megabytes(counts.bytes),
        counted(counts.segments, "segment"),
        counts.from_cache
    );
    hang(out, &looked_at, 0, 2, style);
    let skipped: u64 = counts.skipped.values().sum();
    if skipped > 0 {
        let reasons: Vec<String> = counts
            .skipped
            .iter()
            .map(|(reason, count)| format!("{count} {}", visible(reason)))
            .collect();
        hang(
            out,
            &format!("skipped {skipped}: {}", reasons.join(", ")),
            0,
            2,
            style,
        );
    }
    if !report.errors.is_empty() {
        writeln!(
            out,
            "{}",
            style.paint(
                RED,
                &format!("not looked at: {}", counted(report.errors.len() as u64, "file"))
            )
        )?;
    }
    for ((by, reason), count) in report.suppressed_counts() {
        let because = if reason.is_empty() {
            String::new()
        } else {
            format!(": {}", visible(reason))
        };
        hang(
            out,
            &format!("suppressed {count} by {}{because}", by.name()),
            0,
            2,
            style,
        );
    }
    Ok(())
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

/// Megabytes with one decimal, in whole numbers.
fn megabytes(bytes: u64) -> String {
    let tenths = bytes / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

fn hang_indented(out: &mut String, words: &str, style: TextStyle, colour: Option<&str>) {
    let mut lines = String::new();
    lines.push_str("        ");
    hang(&mut lines, words, 8, 8, style);
    match colour {
        Some(colour) => {
            for line in lines.lines() {
                out.push_str(&style.paint(colour, line));
                out.push('\n');
            }
        }
        None => out.push_str(&lines),
    }
}

/// Adds `words`, the first line of which begins at column `at` and the others at column `indent`, and a line end.
fn hang(out: &mut String, words: &str, at: usize, indent: usize, style: TextStyle) {
    let Some(width) = style.width.map(|width| width.max(LEAST_WIDTH)) else {
        out.push_str(words);
        out.push('\n');
        return;
    };
    let mut column = at;
    let mut is_first = true;
    for word in words.split(' ') {
        let columns = word.width();
        let space = usize::from(!is_first);
        if column + space + columns > width && column > indent {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if !is_first {
            out.push(' ');
            column += 1;
        }
        is_first = false;
        for c in word.chars() {
            let columns = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
            // A word longer than a line is cut.
            if column + columns > width && column > indent {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                column = indent;
            }
            out.push(c);
            column += columns;
        }
    }
    out.push('\n');
}

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const BLUE: &str = "34";
const MAGENTA: &str = "1;35";

const fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => MAGENTA,
        Severity::High => RED,
        Severity::Medium => YELLOW,
        Severity::Low => BLUE,
    }
}

impl TextStyle {
    fn paint(self, colour: &str, words: &str) -> String {
        if self.has_colour {
            format!("\u{1b}[{colour}m{words}\u{1b}[0m")
        } else {
            words.to_owned()
        }
    }
}
