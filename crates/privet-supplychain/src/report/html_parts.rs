//! Parts of the page: escaped text, drawings, tables.

use std::fmt::{self, Write as _};

use super::{Report, visible};

/// `text` for text and attributes of HTML: invisible signs written out, signs of markup escaped.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Height of a row, width of the longest bar, and where bars begin, in pixels of the drawing.
const ROW: usize = 22;
const WIDTH: usize = 180;
const LABELS: usize = 90;

/// A drawing of bars: name, class and count of each row.
pub(super) fn bars(out: &mut String, title: &str, rows: &[(&str, &str, usize)]) -> fmt::Result {
    let most = rows.iter().map(|row| row.2).max().unwrap_or(0).max(1);
    let height = rows.len() * ROW;
    let width = LABELS + WIDTH + 60;
    let told: Vec<String> = rows
        .iter()
        .map(|(name, _, count)| format!("{name} {count}"))
        .collect();
    write!(
        out,
        "<figure><figcaption>{title}</figcaption><svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-label=\"{title}: {}\">",
        told.join(", ")
    )?;
    for (index, (name, class, count)) in rows.iter().enumerate() {
        let y = index * ROW;
        // A count above nothing is seen, however small its share is.
        let bar = (count * WIDTH / most).max(usize::from(*count > 0) * 2);
        write!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>\
             <rect class=\"{class}\" x=\"{LABELS}\" y=\"{}\" width=\"{bar}\" height=\"14\" rx=\"2\"/>\
             <text x=\"{}\" y=\"{}\">{count}</text>",
            LABELS - 8,
            y + 15,
            y + 4,
            LABELS + bar + 6,
            y + 15
        )?;
    }
    out.push_str("</svg></figure>");
    Ok(())
}

/// What is told besides the findings.
pub(super) fn tables(out: &mut String, report: &Report) -> fmt::Result {
    let warnings = report.warnings.iter().map(|warning| vec![escaped(warning)]);
    table(out, "Warnings", &["warning"], warnings)?;
    let errors = report
        .errors
        .iter()
        .map(|error| vec![escaped(&error.path), escaped(&error.message)]);
    table(out, "Not looked at", &["file", "why"], errors)?;
    let skipped = report
        .counts
        .skipped
        .iter()
        .map(|(reason, count)| vec![escaped(reason), count.to_string()]);
    table(out, "Skipped", &["why", "files"], skipped)?;
    let suppressed = report.suppressed.iter().map(|one| {
        let finding = &one.finding;
        vec![
            escaped(&finding.path),
            finding.line.to_string(),
            escaped(&finding.rule),
            one.by.name().to_owned(),
            escaped(&one.reason),
        ]
    });
    table(
        out,
        "Suppressed",
        &["file", "line", "rule", "by", "reason"],
        suppressed,
    )?;
    let models = report.models.iter().map(|model| {
        vec![
            escaped(&model.path),
            escaped(&model.format),
            model.verdict.name().to_owned(),
            model.bytes.to_string(),
            escaped(model.licence.as_deref().unwrap_or("–")),
        ]
    });
    table(
        out,
        "Models",
        &["file", "format", "verdict", "bytes", "licence"],
        models,
    )?;
    let components = report.components.iter().map(|one| {
        let holes: Vec<String> = one
            .advisories
            .iter()
            .map(|advisory| escaped(&advisory.id))
            .collect();
        vec![
            escaped(&one.name),
            escaped(one.version.as_deref().unwrap_or("no pin")),
            escaped(&one.ecosystem),
            escaped(one.licence.as_deref().unwrap_or("–")),
            holes.join(", "),
            escaped(&one.path),
        ]
    });
    table(
        out,
        "Dependencies",
        &["name", "version", "from", "licence", "known holes", "file"],
        components,
    )?;
    if let Some(index) = &report.advisories {
        writeln!(
            out,
            "<p class=\"dim\">Advisories: {}, of {}{}.</p>",
            escaped(&index.source),
            escaped(&index.date),
            if index.is_stale { ", out of date" } else { "" }
        )?;
    }
    Ok(())
}

/// A table that can be folded; nothing if it has no rows. Cells are already escaped.
fn table(
    out: &mut String,
    title: &str,
    heads: &[&str],
    rows: impl ExactSizeIterator<Item = Vec<String>>,
) -> fmt::Result {
    if rows.len() == 0 {
        return Ok(());
    }
    write!(
        out,
        "<details open><summary><h2>{title}</h2> <span class=\"dim\">{}</span></summary>\
         <div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"{title}\"><table><thead><tr>",
        rows.len()
    )?;
    for head in heads {
        write!(out, "<th scope=\"col\">{head}</th>")?;
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            write!(out, "<td>{cell}</td>")?;
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div></details>\n");
    Ok(())
}
