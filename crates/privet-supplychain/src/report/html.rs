//! The report as one HTML page that loads nothing.

use std::fmt::{self, Write as _};

use data_encoding::BASE64;
use privet_crypto::sha256;

use super::Report;
use super::html_parts::{bars, escaped, tables};
use crate::{Category, Finding, Severity};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The report as a page: counts, findings by file, what was suppressed or not looked at, models and dependencies.
///
/// It works without its script as a full list; with it, findings can be filtered and grouped by rule. Its policy lets run only
/// this script and this style, by their hashes, and lets load nothing.
///
/// # Source
/// W3C, "Content Security Policy Level 3", section 8.3, for hashes of inline elements.
#[must_use]
pub fn html(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = page(&mut out, report);
    out
}

fn page(out: &mut String, report: &Report) -> fmt::Result {
    let hash = |text: &str| BASE64.encode(&sha256(text.as_bytes()));
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>Privet scan: {}</title><style>{STYLE}</style></head>\n<body>\n\
         <a class=\"skip\" href=\"#findings\">To the findings</a>\n<header><h1>Privet scan</h1>\n",
        hash(SCRIPT),
        hash(STYLE),
        escaped(&report.root)
    )?;
    writeln!(
        out,
        "<p class=\"dim\">{} · version {} · rules <code>{}</code></p></header>\n<main>",
        escaped(&report.root),
        escaped(&report.privet),
        escaped(report.rule_set.get(..16).unwrap_or(&report.rule_set))
    )?;
    summary(out, report)?;
    filters(out, report)?;
    findings(out, report)?;
    tables(out, report)?;
    write!(out, "</main>\n<script>{SCRIPT}</script>\n</body></html>\n")
}

fn summary(out: &mut String, report: &Report) -> fmt::Result {
    let skipped: u64 = report.counts.skipped.values().sum();
    out.push_str("<section aria-label=\"Counts\">\n<dl class=\"counts\">");
    for (name, count) in [
        ("findings", report.findings.len() as u64),
        ("suppressed", report.suppressed.len() as u64),
        ("files", report.counts.files),
        ("from the cache", report.counts.from_cache),
        ("skipped", skipped),
        ("errors", report.errors.len() as u64),
    ] {
        write!(out, "<div><dt>{name}</dt><dd>{count}</dd></div>")?;
    }
    out.push_str("</dl>\n<div class=\"charts\">");
    let severities: Vec<_> = report
        .by_severity()
        .into_iter()
        .map(|(severity, count)| (severity.name(), severity.name(), count))
        .collect();
    bars(out, "Findings by severity", &severities)?;
    let categories: Vec<_> = report
        .by_category()
        .into_iter()
        .map(|(category, count)| (category.name(), "plain", count))
        .collect();
    bars(out, "Findings by category", &categories)?;
    out.push_str("</div></section>\n");
    Ok(())
}

/// Hidden until the script runs, since without it they would do nothing.
fn filters(out: &mut String, report: &Report) -> fmt::Result {
    if report.findings.is_empty() {
        return Ok(());
    }
    out.push_str(
        "<form id=\"filters\" hidden aria-label=\"Filter findings\">\n<label>Category <select id=\"category\"><option value=\"\">all</option>",
    );
    for category in Category::ALL {
        write!(out, "<option>{}</option>", category.name())?;
    }
    out.push_str("</select></label>\n<label>At least <select id=\"severity\">");
    for (rank, severity) in [
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ]
    .into_iter()
    .enumerate()
    {
        write!(out, "<option value=\"{rank}\">{}</option>", severity.name())?;
    }
    out.push_str(
        "</select></label>\n<label>Path has <input id=\"path\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\"></label>\n\
         <label>Text has <input id=\"words\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\"></label>\n\
         <label>Group by <select id=\"group\"><option value=\"path\">file</option><option value=\"rule\">rule</option></select></label>\n\
         <button type=\"reset\">Reset</button>\n<output id=\"shown\" aria-live=\"polite\"></output></form>\n",
    );
    Ok(())
}

fn findings(out: &mut String, report: &Report) -> fmt::Result {
    out.push_str("<section id=\"findings\" tabindex=\"-1\" aria-label=\"Findings\"><h2>Findings</h2>\n<div id=\"groups\">\n");
    if report.findings.is_empty() {
        out.push_str("<p>Nothing was found.</p>\n");
    }
    for group in report.findings.chunk_by(|a, b| a.path == b.path) {
        let Some(first) = group.first() else { continue };
        writeln!(
            out,
            "<section class=\"group\"><h3>{} <span class=\"dim\">{}</span></h3><ol>",
            escaped(&first.path),
            group.len()
        )?;
        for finding in group {
            one(out, finding)?;
        }
        out.push_str("</ol></section>\n");
    }
    out.push_str("</div></section>\n");
    Ok(())
}

fn one(out: &mut String, finding: &Finding) -> fmt::Result {
    let rank = match finding.severity {
        Severity::Low => 0,
        Severity::Medium => 1,
        Severity::High => 2,
        Severity::Critical => 3,
    };
    let path = escaped(&finding.path);
    let rule = escaped(&finding.rule);
    write!(
        out,
        "<li class=\"finding\" data-category=\"{}\" data-severity=\"{rank}\" data-path=\"{path}\" data-rule=\"{rule}\">\
         <p><span class=\"badge {}\">{}</span> <span class=\"kind\">{}</span> <code class=\"rule\">{rule}</code>",
        finding.category.name(),
        finding.severity.name(),
        finding.severity.name(),
        finding.category.name()
    )?;
    if let Some(verdict) = finding.verdict {
        write!(out, " <span class=\"verdict\">{}</span>", verdict.name())?;
    }
    out.push_str(" <span class=\"place\"><span class=\"file\">");
    out.push_str(&path);
    out.push_str(", </span>");
    if finding.line > 0 {
        write!(out, "line {}", finding.line)?;
    } else {
        write!(out, "bytes {}–{}", finding.start, finding.end)?;
    }
    if let Some(place) = &finding.place {
        write!(out, ", {}", escaped(place))?;
    }
    write!(
        out,
        "</span></p><p class=\"message\">{}</p>",
        escaped(&finding.message)
    )?;
    if let Some(snippet) = &finding.snippet {
        write!(out, "<pre>{}</pre>", escaped(snippet))?;
    }
    writeln!(
        out,
        "<p class=\"dim print\">fingerprint <code>{}</code></p></li>",
        escaped(&finding.fingerprint)
    )
}
