//! The report as one HTML page that loads nothing and runs nothing.

use std::fmt::{self, Write as _};

use super::{ChangeReport, NumbersReport, OutcomeName, Report, ShareReport, SideReport, escaped};
use crate::conversation::Verdict;
use crate::plan::Side;

const STYLE: &str = "
:root{color-scheme:light dark;--fg:#1b1f24;--bg:#fff;--dim:#57606a;--line:#d0d7de;--off:#b3261e;--on:#1f6feb;--good:#1a7f37}
@media (prefers-color-scheme:dark){:root{--fg:#e6edf3;--bg:#0d1117;--dim:#9198a1;--line:#30363d;--off:#ff8a80;--on:#79b8ff;--good:#56d364}}
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:var(--fg);background:var(--bg)}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.15rem;margin-top:2rem}p.dim,small,.dim{color:var(--dim)}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:.2rem .7rem;text-align:right;white-space:nowrap}
th{border-bottom:1px solid var(--line);font-weight:600}td:first-child,th:first-child{text-align:left}td.words{text-align:left;white-space:normal}
tr.all td{border-top:1px solid var(--line);font-weight:600}svg{max-width:100%;height:auto}svg text{font:13px system-ui,sans-serif;fill:var(--fg)}
svg .dim{fill:var(--dim)}.grid{stroke:var(--line)}.off{stroke:var(--off);fill:var(--off)}.on{stroke:var(--on);fill:var(--on)}
.outcome{display:inline-block;padding:.1rem .6rem;border:1px solid currentColor;border-radius:1rem;font-weight:600}
.pass{color:var(--good)}.fail{color:var(--off)}@media print{body{max-width:none}}";

/// Left of the plot, its width, and the height of a row, in pixels of the drawing.
const LABELS: f64 = 150.0;
const WIDTH: f64 = 520.0;
const ROW: f64 = 34.0;

/// The report as a page.
#[must_use]
pub fn html(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = page(&mut out, report);
    out
}

fn page(out: &mut String, report: &Report) -> fmt::Result {
    let (outcome, class) = match report.outcome {
        OutcomeName::Pass => ("pass", "pass"),
        OutcomeName::Fail => ("fail", "fail"),
        OutcomeName::Incomplete => ("incomplete", ""),
        OutcomeName::NotEnoughEvidence => ("not enough evidence", ""),
    };
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Privet: red team</title><style>{STYLE}</style></head>\n\
         <body><h1>Red team</h1>\n<p class=\"dim\">{} · model {} · seed {} · rounds {} · {} requests · plan {}</p>\n\
         <p><span class=\"outcome {class}\">{outcome}</span> by the limit <code>--fail-on {}</code></p>\n",
        escaped(&report.target),
        escaped(&report.model),
        report.seed,
        report.repeat,
        report.requests,
        escaped(&report.plan),
        escaped(&report.fail_on),
    )?;
    totals(out, report)?;
    out.push_str("<h2>Attack success by family</h2>\n");
    plot(out, report, "attack success", |numbers| numbers.attack_success)?;
    out.push_str("<h2>Benign utility by family</h2>\n");
    plot(out, report, "benign utility", |numbers| {
        Some(numbers.benign_utility)
    })?;
    for side in &report.sides {
        table(out, side)?;
    }
    changes(out, report)?;
    probes(out, report)?;
    out.push_str(
        "<h2>How to read this</h2>\n<p>Attack success is the share of attacks that got what they wanted, told by facts (a made-up word \
         came out, a tool was called, an address was fetched, a record leaked), where possible. Benign utility is the share of \
         harmless twins of the same shape that were answered well. Lines are 95 % Wilson intervals, differences have \
         Newcombe's. A low number says that these attacks did not get through, not that none would.</p>\n</body></html>\n",
    );
    Ok(())
}

fn totals(out: &mut String, report: &Report) -> fmt::Result {
    out.push_str("<div class=\"wide\"><table><tr><th></th><th>attack success</th><th>95 %</th><th>benign utility</th><th>95 %</th><th>missing</th></tr>\n");
    for side in &report.sides {
        let total = &side.total;
        write!(out, "<tr><td>{}</td>", name_of(side.side))?;
        cells(out, total.attack_success)?;
        cells(out, Some(total.benign_utility))?;
        writeln!(out, "<td>{}</td></tr>", total.missing)?;
    }
    if let Some(difference) = &report.difference {
        out.push_str("<tr class=\"all\"><td>fall</td>");
        change(out, difference.attack_success)?;
        change(out, difference.benign_utility)?;
        out.push_str("<td></td></tr>\n");
    }
    out.push_str("</table></div>\n");
    Ok(())
}

const fn name_of(side: Side) -> &'static str {
    match side {
        Side::Off => "without the gateway",
        Side::On => "with the gateway",
    }
}

fn cells(out: &mut String, share: Option<ShareReport>) -> fmt::Result {
    let Some(share) = share else {
        out.push_str("<td class=\"dim\">–</td><td></td>");
        return Ok(());
    };
    match (share.value, share.interval) {
        (Some(value), Some((low, high))) => write!(
            out,
            "<td>{:.1} % <small>{} of {}</small></td><td>{:.1}–{:.1}</td>",
            value * 100.0,
            share.hits,
            share.of,
            low * 100.0,
            high * 100.0
        ),
        _ => write!(out, "<td class=\"dim\">0 of 0</td><td></td>"),
    }
}

fn change(out: &mut String, change: Option<ChangeReport>) -> fmt::Result {
    match change {
        Some(change) => write!(
            out,
            "<td>{:.1} points</td><td>{:.1} to {:.1}</td>",
            change.value * 100.0,
            change.interval.0 * 100.0,
            change.interval.1 * 100.0
        ),
        None => write!(out, "<td class=\"dim\">–</td><td></td>"),
    }
}

/// Points and intervals, one row for each family, one colour for each side.
fn plot(
    out: &mut String,
    report: &Report,
    what: &str,
    of: impl Fn(&NumbersReport) -> Option<ShareReport>,
) -> fmt::Result {
    let mut rows: Vec<(&str, Vec<(Side, ShareReport)>)> = Vec::new();
    for side in &report.sides {
        for family in &side.families {
            let Some(share) = of(&family.numbers).filter(|share| share.of > 0) else {
                continue;
            };
            let name = family.family.name();
            match rows.iter_mut().find(|(known, _)| *known == name) {
                Some((_, shares)) => shares.push((side.side, share)),
                None => rows.push((name, vec![(side.side, share)])),
            }
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "there are eleven families")]
    let height = (rows.len() as f64 + 1.0) * ROW;
    let at = |share: f64| LABELS + share * WIDTH;
    write!(
        out,
        "<svg viewBox=\"0 0 {} {height}\" width=\"{}\" role=\"img\" aria-label=\"{what} by family, with 95 % intervals\">",
        LABELS + WIDTH + 40.0,
        LABELS + WIDTH + 40.0
    )?;
    for tenth in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let x = at(tenth);
        write!(
            out,
            "<line class=\"grid\" x1=\"{x}\" x2=\"{x}\" y1=\"0\" y2=\"{}\"/><text class=\"dim\" x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{} %</text>",
            height - ROW,
            height - ROW / 3.0,
            tenth * 100.0
        )?;
    }
    let mut y = ROW / 2.0;
    for (name, shares) in &rows {
        write!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>",
            LABELS - 12.0,
            y + 4.0
        )?;
        for (side, share) in shares {
            let (Some(value), Some((low, high))) = (share.value, share.interval) else {
                continue;
            };
            let (class, y) = match side {
                Side::Off => ("off", y - 5.0),
                Side::On => ("on", y + 5.0),
            };
            write!(
                out,
                "<g class=\"{class}\"><title>{name}, {}: {} of {}</title><line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y}\" y2=\"{y}\" stroke-width=\"2\"/>",
                name_of(*side),
                share.hits,
                share.of,
                at(low),
                at(high)
            )?;
            // Told apart by form, too, not by colour alone.
            match side {
                Side::Off => write!(out, "<circle cx=\"{:.1}\" cy=\"{y}\" r=\"4.5\"/></g>", at(value))?,
                Side::On => write!(
                    out,
                    "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"8\" height=\"8\"/></g>",
                    at(value) - 4.0,
                    y - 4.0
                )?,
            }
        }
        y += ROW;
    }
    out.push_str("</svg>\n<p class=\"dim\">");
    let legend: Vec<&str> = report
        .sides
        .iter()
        .map(|side| match side.side {
            Side::Off => "Red circles: without the gateway",
            Side::On => "Blue squares: with the gateway",
        })
        .collect();
    writeln!(out, "{}. Lines are 95 % intervals.</p>", legend.join(". "))
}

fn table(out: &mut String, side: &SideReport) -> fmt::Result {
    write!(
        out,
        "<h2>Numbers {}</h2>\n<div class=\"wide\"><table><tr><th>family</th><th>attack success</th><th>95 %</th><th>blocked</th>\
         <th>resisted</th><th>benign utility</th><th>95 %</th><th>refused</th><th>missing</th></tr>\n",
        name_of(side.side)
    )?;
    for family in &side.families {
        row(out, "", family.family.name(), &family.numbers)?;
    }
    row(out, " class=\"all\"", "all", &side.total)?;
    out.push_str("</table></div>\n");
    Ok(())
}

fn row(out: &mut String, class: &str, name: &str, numbers: &NumbersReport) -> fmt::Result {
    write!(out, "<tr{class}><td>{name}</td>")?;
    cells(out, numbers.attack_success)?;
    write!(out, "<td>{}</td><td>{}</td>", numbers.blocked, numbers.resisted)?;
    cells(out, Some(numbers.benign_utility))?;
    writeln!(
        out,
        "<td>{}</td><td>{}</td></tr>",
        numbers.benign_refused, numbers.missing
    )
}

fn changes(out: &mut String, report: &Report) -> fmt::Result {
    let Some(difference) = &report.difference else {
        return Ok(());
    };
    out.push_str(
        "<h2>What the gateway changes</h2>\n<div class=\"wide\"><table><tr><th>family</th><th>attack success falls by</th><th>95 %</th>\
         <th>benign utility falls by</th><th>95 %</th></tr>\n",
    );
    for family in &difference.families {
        write!(out, "<tr><td>{}</td>", family.family)?;
        change(out, family.attack_success)?;
        change(out, family.benign_utility)?;
        out.push_str("</tr>\n");
    }
    out.push_str("</table></div>\n");
    Ok(())
}

/// Every probe, with how often it succeeded on each side.
fn probes(out: &mut String, report: &Report) -> fmt::Result {
    out.push_str(
        "<h2>Probes</h2>\n<div class=\"wide\"><table><tr><th>probe</th><th>what it is</th><th>channel</th><th>language</th><th>OWASP LLM</th>\
         <th>OWASP agentic</th>",
    );
    for side in &report.sides {
        write!(out, "<th>{}</th>", side.side.name())?;
    }
    out.push_str("</tr>\n");
    for probe in &report.probes {
        write!(
            out,
            "<tr><td>{}</td><td class=\"words\">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>",
            escaped(&probe.id),
            escaped(&probe.title),
            probe.channel.name(),
            escaped(&probe.language),
            probe.llm_risk.id(),
            probe.agentic_risk.id()
        )?;
        for side in &report.sides {
            let all = report
                .conversations
                .iter()
                .filter(|one| one.side == side.side && one.probe == probe.id);
            let (mut words, wanted) = (String::new(), !probe.oracles.is_empty());
            let count = |verdict: Verdict| all.clone().filter(|one| one.verdict == verdict).count();
            for (verdict, word) in [
                (Verdict::Succeeded, "succeeded"),
                (Verdict::Resisted, "resisted"),
                (Verdict::Blocked, "blocked"),
                (Verdict::Helpful, if wanted { "" } else { "answered" }),
                (Verdict::Unhelpful, "twin not answered"),
                (Verdict::Refused, "twin refused"),
            ] {
                let n = count(verdict);
                if n > 0 && !word.is_empty() {
                    let comma = if words.is_empty() { "" } else { ", " };
                    let times = if n > 1 { format!("{n} × ") } else { String::new() };
                    write!(words, "{comma}{times}{word}")?;
                }
            }
            write!(out, "<td>{words}</td>")?;
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table></div>\n");
    Ok(())
}
