//! What `privet guard eval` measured, as one HTML page that loads nothing and shows no text.

use std::collections::BTreeMap;
use std::fmt::Write;

use privet_guardrails::eval::{Group, Scored};

use super::eval::{Measured, RATES, at_rate, auc, of_language, of_source, share};
use crate::pii::eval_html::{PlotWords, STYLE, escaped, write_plot};

/// What the plot shows.
const WORDS: PlotWords = PlotWords {
    is: "Share of texts that are attacks",
    honest: "they are as often attacks as they say",
    one: "attacks",
    axis: "share of attacks",
};

/// The report as a page.
pub(super) fn report(measured: &Measured) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut out, measured);
    out
}

fn write_page(out: &mut String, measured: &Measured) -> std::fmt::Result {
    let evaluation = &measured.evaluation;
    let all = evaluation.all();
    write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Privet: guardrails measured</title>\
         <style>{STYLE}</style></head><body><h1>Attacks in texts: the detector measured</h1>\
         <p>{} attacks, {} harmless texts.</p><table>",
        all.recall.of, all.false_positives.of
    )?;
    let mut row =
        |name: &str, value: &str| write!(out, "<tr><td>{name}</td><td>{}</td></tr>", escaped(value));
    row("AUC", &auc(evaluation, |_| true))?;
    for rate in RATES {
        row(
            &format!("recall at {} % false positives", rate * 100.0),
            &at_rate(evaluation, rate, |_| true),
        )?;
    }
    row("recall at the limit in use", &share(all.recall))?;
    row("false positives at that limit", &share(all.false_positives))?;
    out.push_str("</table>");
    write_groups(out, measured, ("source", &evaluation.sources()), of_source)?;
    write_groups(out, measured, ("language", &evaluation.languages()), of_language)?;
    out.push_str(
        "<p><small>AUC: the chance that an attack scores higher than a harmless text, of whatever source or language. Recall at a rate: \
         the share of attacks that score higher than all but that share of the harmless texts. Flagged: at the limit in use. \
         Intervals: 95 %, Wilson.</small></p>",
    );
    write_plot(out, &evaluation.reliability(), &WORDS)?;
    out.push_str("</body></html>\n");
    Ok(())
}

fn write_groups(
    out: &mut String,
    measured: &Measured,
    (name, groups): (&str, &BTreeMap<&str, Group>),
    is_of: fn(&Scored, &str) -> bool,
) -> std::fmt::Result {
    if groups.is_empty() {
        return Ok(());
    }
    write!(out, "<h2>By {name}</h2><table><tr><th>{name}</th><th>AUC</th>")?;
    for rate in RATES {
        write!(out, "<th>recall at {} %</th>", rate * 100.0)?;
    }
    out.push_str("<th>attacks flagged</th><th>harmless texts flagged</th></tr>");
    let evaluation = &measured.evaluation;
    for (key, group) in groups {
        let of = |text: &Scored| is_of(text, key);
        write!(
            out,
            "<tr><td>{}</td><td>{}</td>",
            escaped(key),
            auc(evaluation, of)
        )?;
        for rate in RATES {
            write!(out, "<td>{}</td>", at_rate(evaluation, rate, of))?;
        }
        write!(
            out,
            "<td>{}</td><td>{}</td></tr>",
            share(group.recall),
            share(group.false_positives)
        )?;
    }
    out.push_str("</table>");
    Ok(())
}
