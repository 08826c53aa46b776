//! What was measured, as one HTML page that loads nothing.

use std::fmt::Write;

use privet_pii::eval::{Counts, Outcome, Rate, Reliability};
use privet_types::Span;

use super::eval::{Measured, Wrong};
use super::eval_text::number;

/// Bytes of text shown to either side of a mistake.
const CONTEXT: usize = 120;

pub(crate) const STYLE: &str = "
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:.15rem .6rem;text-align:right}
th{border-bottom:1px solid #888}td:first-child,th:first-child{text-align:left}tr.all td{border-top:1px solid #888;font-weight:600}
.text{white-space:pre-wrap;border-left:3px solid #ccc;padding:.2rem .8rem;margin:.3rem 0 1.2rem}
.missed{background:#ffd2cc}.vain{background:#ffe7a3}.other{background:#e3d4ff}.right{background:#d3f2d6}
.gold{border-bottom:2px solid #333}small{color:#555}.tag{font-size:.7em;vertical-align:super;color:#333}
h3{margin:.8rem 0 .2rem;font-size:1rem}svg text{font:12px system-ui,sans-serif}
.matrix{table-layout:fixed}.matrix th{vertical-align:bottom}.matrix th span{writing-mode:vertical-rl;transform:rotate(180deg);
font-weight:normal}.matrix td{border:1px solid #ddd;min-width:1.6rem}.matrix td:first-child{white-space:nowrap}th.group{text-align:center}
.matrix td.same{background:#d3f2d6}.matrix td.differs{background:#ffe7a3}";

/// How a plot of reliability speaks of what it shows.
pub(crate) struct PlotWords {
    /// "Share of findings that are right".
    pub(crate) is: &'static str,
    /// What holds on the dashed line.
    pub(crate) honest: &'static str,
    /// What is counted.
    pub(crate) one: &'static str,
    /// The name of the upright axis.
    pub(crate) axis: &'static str,
}

const FINDINGS: PlotWords = PlotWords {
    is: "Share of findings that are right",
    honest: "they are as often right as they say",
    one: "right",
    axis: "share right",
};

/// The report as a page.
pub(crate) fn report(measured: &Measured) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut out, measured);
    out
}

fn write_page(out: &mut String, measured: &Measured) -> std::fmt::Result {
    let evaluation = &measured.evaluation;
    let total = evaluation.total();
    write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Privet: detection measured</title>\
         <style>{STYLE}</style></head><body><h1>Detection measured</h1>\
         <p>{}: {} texts, {} gold spans, {} findings of {} kinds; threshold {}.</p>",
        escaped(&measured.gold),
        evaluation.documents(),
        total.gold,
        total.found,
        evaluation.kinds().len(),
        measured.threshold
    )?;
    out.push_str(
        "<h2>By kind</h2><table><tr><th></th><th></th><th></th><th class=\"group\" colspan=\"3\">exact</th>\
         <th class=\"group\" colspan=\"4\">overlap</th><th class=\"group\" colspan=\"2\">leaked characters</th></tr>\
         <tr><th>kind</th><th>gold</th><th>found</th><th>P</th><th>R</th><th>F</th>\
         <th>P</th><th>R</th><th>F</th><th>95 %</th><th></th><th>share</th></tr>",
    );
    for (kind, counts) in evaluation.counts() {
        write_row(out, "", kind, counts, Rate::new(counts.leaked, counts.characters))?;
    }
    let characters = evaluation.characters();
    let leaked = Rate::new(
        characters.recall.of - characters.recall.hits,
        characters.recall.of,
    );
    write_row(out, " class=\"all\"", "all", &total, leaked)?;
    write!(
        out,
        "</table><p>Characters, whatever the kind: recall {}, precision {}, F {}.</p>\
         <p><small>Exact: same kind, start and end. Overlap: a finding and a gold span of the same kind share a character. \
         P: precision, R: recall, F: their harmonic mean. Leaked: gold characters under no finding. Intervals: 95 %, Wilson.\
         </small></p>",
        number(characters.recall.value()),
        number(characters.precision.value()),
        number(characters.f1())
    )?;
    write_confusion(out, measured)?;
    write_plot(out, evaluation.reliability(), &FINDINGS)?;
    write_slowest(out, measured)?;
    let texts = measured.wrong.len() as u64 + measured.not_shown;
    let (missed, vain, other) = mistakes(measured);
    write!(
        out,
        "<h2>Mistakes</h2><p>In {texts} of {} texts: {missed} spans missed, {vain} findings in vain, {other} spans taken for \
         another kind.</p><p><span class=\"missed gold\">missed</span> \
         <span class=\"vain\">found in vain</span> <span class=\"other gold\">taken for another kind</span> \
         <span class=\"right gold\">right</span>; what is gold is underlined.</p>",
        evaluation.documents()
    )?;
    for wrong in &measured.wrong {
        write_wrong(out, wrong)?;
    }
    if measured.not_shown > 0 {
        write!(
            out,
            "<p>{} more texts with mistakes are not shown.</p>",
            measured.not_shown
        )?;
    }
    out.push_str("</body></html>\n");
    Ok(())
}

fn write_slowest(out: &mut String, measured: &Measured) -> std::fmt::Result {
    if !measured.is_own {
        return Ok(());
    }
    write!(
        out,
        "<h2>Slowest texts</h2><p>{} bytes in {:.1} ms of CPU time, all texts together.</p>\
         <table><tr><th>text</th><th>CPU µs</th><th>bytes</th></tr>",
        measured.bytes,
        measured.cpu.as_secs_f64() * 1e3
    )?;
    for slow in &measured.slowest {
        let (id, micros, bytes) = (escaped(&slow.id), slow.cpu.as_micros(), slow.bytes);
        write!(out, "<tr><td>{id}</td><td>{micros}</td><td>{bytes}</td></tr>")?;
    }
    out.push_str("</table>");
    Ok(())
}

/// Gold spans missed, findings in vain, and gold spans under findings of another kind.
fn mistakes(measured: &Measured) -> (u64, u64, u64) {
    let mut all = (0, 0, 0);
    for ((gold, found), count) in measured.evaluation.confusion() {
        match (gold.is_empty(), found.is_empty()) {
            (false, true) => all.0 += count,
            (true, false) => all.1 += count,
            _ if gold != found => all.2 += count,
            _ => {}
        }
    }
    all
}

fn write_row(out: &mut String, class: &str, kind: &str, counts: &Counts, leaked: Rate) -> std::fmt::Result {
    write!(
        out,
        "<tr{class}><td>{}</td><td>{}</td><td>{}</td>",
        escaped(kind),
        counts.gold,
        counts.found
    )?;
    for scores in [counts.exact(), counts.overlap()] {
        for value in [scores.precision.value(), scores.recall.value(), scores.f1()] {
            write!(out, "<td>{}</td>", number(value))?;
        }
    }
    let interval = counts.overlap().f1_interval();
    let interval = interval.map_or(String::new(), |(low, high)| format!("{low:.3}–{high:.3}"));
    write!(
        out,
        "<td>{interval}</td><td>{} of {}</td><td>{}</td></tr>",
        leaked.hits,
        leaked.of,
        leaked
            .value()
            .map_or(String::new(), |share| format!("{:.1} %", share * 100.0))
    )
}

fn write_confusion(out: &mut String, measured: &Measured) -> std::fmt::Result {
    let confusion = measured.evaluation.confusion();
    let mut kinds: Vec<&str> = measured.evaluation.kinds().iter().map(String::as_str).collect();
    kinds.retain(|kind| {
        confusion
            .keys()
            .any(|(gold, found)| gold == kind || found == kind)
    });
    kinds.push("");
    let name = |kind: &str| {
        if kind.is_empty() {
            "nothing".to_owned()
        } else {
            escaped(kind)
        }
    };
    out.push_str("<h2>What was taken for what</h2><table class=\"matrix\"><tr><th>gold \\ found</th>");
    for found in &kinds {
        write!(out, "<th><span>{}</span></th>", name(found))?;
    }
    out.push_str("</tr>");
    for gold in &kinds {
        write!(out, "<tr><td>{}</td>", name(gold))?;
        for found in &kinds {
            let count = confusion
                .get(&((*gold).to_owned(), (*found).to_owned()))
                .copied()
                .unwrap_or(0);
            let class = if gold == found { "same" } else { "differs" };
            if count == 0 {
                out.push_str("<td></td>");
            } else {
                write!(out, "<td class=\"{class}\">{count}</td>")?;
            }
        }
        out.push_str("</tr>");
    }
    out.push_str("</table>");
    Ok(())
}

/// Draws how often what has a score is what the score says; nothing if there is nothing to draw.
pub(crate) fn write_plot(out: &mut String, reliability: &Reliability, words: &PlotWords) -> std::fmt::Result {
    let Some(error) = reliability.expected_error() else {
        return Ok(());
    };
    write!(
        out,
        "<h2>How honest scores are</h2><p>{}, by score, with their numbers; on the dashed \
         line {}, above it more often. Expected calibration error {error:.3}.</p>\
         <svg width=\"400\" height=\"340\" role=\"img\" aria-label=\"reliability plot\">\
         <path d=\"M40 300V20M40 300H340\" stroke=\"#333\" fill=\"none\"/>\
         <path d=\"M40 244H320M40 188H320M40 132H320M40 76H320M40 20H320\" stroke=\"#eee\"/>\
         <path d=\"M40 300L320 20\" stroke=\"#999\" stroke-dasharray=\"4\"/>",
        words.is, words.honest
    )?;
    let most = reliability.bins().iter().map(|b| b.right.of).max().unwrap_or(1);
    for bin in reliability.bins() {
        let (Some(share), Some(mean), Some((low, high))) =
            (bin.right.value(), bin.mean_score(), bin.right.interval())
        else {
            continue;
        };
        let x = 40.0 + 280.0 * mean;
        let of = bin.right.of;
        let y = |share: f64| 300.0 - 280.0 * share;
        let radius = 3.0 + 7.0 * (bin.right.of as f64 / most as f64).sqrt();
        write!(
            out,
            "<path d=\"M{x:.1} {:.1}V{:.1}\" stroke=\"#567\"/><circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\" \
             fill=\"#2a6\" fill-opacity=\".7\"><title>{} of {of} {} at a mean score of {mean:.2}</title></circle>\
             <text x=\"{:.1}\" y=\"{:.1}\">{of}</text>",
            y(low),
            y(high),
            y(share),
            bin.right.hits,
            words.one,
            x + radius + 2.0,
            y(share) + 4.0
        )?;
    }
    for tick in 0..=5 {
        let share = f64::from(tick) / 5.0;
        let (x, y) = (40.0 + 280.0 * share, 300.0 - 280.0 * share);
        write!(
            out,
            "<text x=\"{x:.0}\" y=\"318\" text-anchor=\"middle\">{share:.1}</text>\
             <text x=\"34\" y=\"{:.0}\" text-anchor=\"end\">{share:.1}</text>",
            y + 4.0
        )?;
    }
    write!(
        out,
        "<text x=\"180\" y=\"336\" text-anchor=\"middle\">score</text>\
         <text x=\"44\" y=\"12\">{}</text></svg>",
        words.axis
    )
}

/// A stretch of text, and what is to be said of it.
struct Mark<'a> {
    span: Span,
    kind: &'a str,
    outcome: Outcome,
    is_gold: bool,
}

fn write_wrong(out: &mut String, wrong: &Wrong) -> std::fmt::Result {
    let text = &wrong.document.text;
    let gold = wrong
        .document
        .spans
        .iter()
        .zip(&wrong.outcome.gold)
        .map(|(s, o)| Mark {
            span: s.span,
            kind: &s.kind,
            outcome: *o,
            is_gold: true,
        });
    let found = wrong.found.iter().zip(&wrong.outcome.found).map(|(g, o)| Mark {
        span: g.span,
        kind: &g.kind,
        outcome: *o,
        is_gold: false,
    });
    let marks: Vec<Mark<'_>> = gold.chain(found).collect();
    write!(
        out,
        "<h3>{}</h3><div class=\"text\">",
        escaped(&wrong.document.id)
    )?;
    let mut shown: Vec<Span> = Vec::new();
    let mistakes = marks
        .iter()
        .filter(|m| matches!(m.outcome, Outcome::Alone | Outcome::OtherKind));
    let mut ranges: Vec<Span> = mistakes
        .map(|m| {
            Span::new(
                m.span.start.saturating_sub(CONTEXT),
                (m.span.end + CONTEXT).min(text.len()),
            )
        })
        .collect();
    ranges.sort_unstable();
    for range in ranges {
        match shown.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => shown.push(range),
        }
    }
    for range in shown {
        write_range(out, text, range, &marks)?;
    }
    out.push_str("</div>");
    Ok(())
}

fn write_range(out: &mut String, text: &str, range: Span, marks: &[Mark<'_>]) -> std::fmt::Result {
    let bound = |at: usize| {
        (0..4)
            .map(|back| at.saturating_sub(back))
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0)
    };
    let (start, end) = (bound(range.start), bound(range.end));
    let inside: Vec<&Mark<'_>> = marks
        .iter()
        .filter(|m| m.span.start < end && start < m.span.end)
        .collect();
    let mut cuts: Vec<usize> = inside.iter().flat_map(|m| [m.span.start, m.span.end]).collect();
    cuts.extend([start, end]);
    cuts.retain(|cut| (start..=end).contains(cut));
    cuts.sort_unstable();
    cuts.dedup();
    if start > 0 {
        out.push('…');
    }
    for pair in cuts.windows(2) {
        let &[from, to] = pair else { continue };
        let here: Vec<_> = inside
            .iter()
            .filter(|m| m.span.start <= from && to <= m.span.end)
            .collect();
        let piece = escaped(text.get(from..to).unwrap_or_default());
        if here.is_empty() {
            out.push_str(&piece);
            continue;
        }
        let class = here
            .iter()
            .map(|m| match (m.outcome, m.is_gold) {
                (Outcome::Alone, true) => "missed",
                (Outcome::Alone, false) => "vain",
                (Outcome::OtherKind, _) => "other",
                _ => "right",
            })
            .min_by_key(|class| {
                ["missed", "other", "vain", "right"]
                    .iter()
                    .position(|c| c == class)
            })
            .unwrap_or_default();
        let underlined = if here.iter().any(|m| m.is_gold) {
            " gold"
        } else {
            ""
        };
        write!(out, "<span class=\"{class}{underlined}\">{piece}</span>")?;
        // What is right is named once.
        let is_said = |m: &Mark<'_>| m.is_gold || !here.iter().any(|g| g.is_gold && g.kind == m.kind);
        let ends: Vec<String> = here
            .iter()
            .filter(|m| m.span.end == to && is_said(m))
            .map(|m| format!("{}{}", if m.is_gold { "" } else { "found " }, escaped(m.kind)))
            .collect();
        if !ends.is_empty() {
            write!(out, "<span class=\"tag\">{}</span>", ends.join(", "))?;
        }
    }
    if end < text.len() {
        out.push('…');
    }
    out.push('\n');
    Ok(())
}

/// `text` for HTML, in content and in quoted attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
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
