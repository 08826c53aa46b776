//! `privet guard eval`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use indicatif::ProgressBar;
use privet_guardrails::eval::{AtRate, Evaluation, Group, Rate, Scored};
use privet_guardrails::{Input, Origin};
use privet_types::Budget;
use serde_json::{Value, json};

use super::harm;
use super::marked::{Marked, read};
use super::options::{Channel, LimitArgs};
use super::{FOUND, INCOMPLETE, eval_html};
use crate::pii::{pool, sink};
use crate::rim;

/// False-positive rates at which recall is told.
pub(super) const RATES: [f64; 2] = [0.01, 0.001];

/// What `privet guard eval` takes.
#[derive(Args)]
#[command(after_help = "Examples:
  privet guard eval --data marked.jsonl
  privet guard eval --data attacks.jsonl.gz --data harmless.jsonl.gz --json | jq .recall
  privet guard eval --data marked.jsonl --channel document --floor 0.4
  privet guard eval --data marked.jsonl --html report.html
  privet guard eval --harm --data harm.jsonl            lines {\"text\",\"categories\",\"source\"?,\"language\"?}

A line is {\"text\",\"label\",\"source\"?,\"language\"?,\"channel\"?,\"system\"?}; `label` is 1 for an attack, 0 for another text.

AUC is the chance that an attack scores higher than a harmless text. Recall at a rate is the share of attacks that score \
higher than all but that share of the harmless texts; with fewer than 30 / rate harmless texts it is not enough evidence. \
Below come the shares that are flagged at the limit in use, for each source and language: of attacks, recall; of harmless \
texts, false positives, which are over-defence where they only sound like attacks; then AUC and recall at the rates, of the attacks of that \
source or language against all harmless texts. Intervals are 95 % Wilson intervals.

Measure on sources that the detector was not trained on: a random part of what it was trained on says nothing.")]
pub(crate) struct EvalArgs {
    /// Marked texts; may be given again. `.gz` is unpacked, `-` is standard input.
    #[arg(long, required = true, value_name = "FILE")]
    data: Vec<PathBuf>,
    /// Where texts came from that do not say it.
    #[arg(long, value_enum, default_value_t = Channel::User)]
    channel: Channel,
    #[command(flatten)]
    limits: LimitArgs,
    /// Measure the harm classifiers instead, on lines with `categories`: names of `hate`, `sexual`, `violence`, `self_harm` and
    /// `weapons_and_crime`, none for a harmless text.
    #[arg(long)]
    harm: bool,
    /// Write a report with a plot of how honest scores are; one HTML file that loads nothing and shows no text.
    #[arg(long, value_name = "FILE", conflicts_with = "harm")]
    html: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// The least recall at 1 % false positives that passes, 0.0 to 1.0.
    #[arg(long, value_name = "RECALL")]
    floor: Option<f64>,
    /// How many threads work; all cores without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

/// All that was measured.
pub(super) struct Measured {
    pub(super) evaluation: Evaluation,
    pub(super) cpu: Duration,
    pub(super) bytes: u64,
}

/// Measures, and says how well it went.
///
/// # Errors
/// For wrong usage, and for texts that cannot be read.
pub(crate) fn run(args: &EvalArgs) -> Result<ExitCode> {
    if args.floor.is_some_and(|floor| !(0.0..=1.0).contains(&floor)) {
        bail!("`--floor` is not between 0.0 and 1.0");
    }
    let detector = args.limits.detector()?;
    let mut texts = Vec::new();
    for path in &args.data {
        texts.extend(read(path)?);
    }
    if args.harm {
        return harm::eval(texts, args.json, args.floor);
    }
    if texts.iter().any(|text| text.is_attack.is_none()) {
        bail!("a text has no `label`; it is 1 for an attack and 0 for another text");
    }
    let bar = bar(texts.len());
    let origin: Origin = args.channel.into();
    let work = |text: Marked| -> Result<(Scored, Duration, usize)> {
        let before = rim::cpu_time();
        let input = Input {
            system: text.system.as_deref(),
            ..Input::new(&text.text, text.origin.unwrap_or(origin))
        };
        let verdict = detector.check(input, &Budget::unlimited())?;
        let cpu = rim::cpu_time().saturating_sub(before);
        let scored = Scored {
            is_attack: text.is_attack == Some(true),
            is_flagged: verdict.is_flagged(),
            source: text.source,
            language: text.language,
            score: verdict.score,
        };
        Ok((scored, cpu, text.text.len()))
    };
    let mut scored = Vec::with_capacity(texts.len());
    let (mut cpu, mut bytes) = (Duration::ZERO, 0);
    let workers = args.jobs.map_or_else(pool::cores, usize::from);
    let done = pool::in_order(texts.into_iter().map(Ok), workers, work, |one| {
        let (one, took, length) = one?;
        scored.push(one);
        cpu += took;
        bytes += length as u64;
        bar.inc(1);
        Ok(())
    });
    bar.finish_and_clear();
    done?;
    let measured = Measured {
        evaluation: Evaluation::new(scored),
        cpu,
        bytes,
    };
    if let Some(path) = &args.html {
        sink::write_whole(path, eval_html::report(&measured).as_bytes())?;
    }
    if args.json {
        rim::say(to_json(&measured))?;
    } else {
        rim::say(to_text(&measured))?;
    }
    Ok(code(&measured, args.floor))
}

/// A bar over texts, where a terminal watches.
pub(crate) fn bar(texts: usize) -> ProgressBar {
    use std::io::IsTerminal;
    if std::io::stderr().is_terminal() && !std::io::stdout().is_terminal() {
        ProgressBar::new(texts as u64)
    } else {
        ProgressBar::hidden()
    }
}

pub(super) fn code(measured: &Measured, floor: Option<f64>) -> ExitCode {
    let Some(floor) = floor else {
        return ExitCode::SUCCESS;
    };
    match measured.evaluation.recall_at(0.01, |_| true) {
        AtRate::NotEnoughEvidence { needed } => {
            eprintln!("privet: not enough evidence: {needed} harmless texts are needed");
            ExitCode::from(INCOMPLETE)
        }
        AtRate::Measured { recall, .. } => match recall.interval() {
            Some((_, high)) if high < floor => {
                eprintln!("privet: fail: recall at 1 % false positives is below {floor}");
                ExitCode::from(FOUND)
            }
            Some((low, _)) if low >= floor => {
                eprintln!("privet: pass: recall at 1 % false positives is at least {floor}");
                ExitCode::SUCCESS
            }
            _ => {
                eprintln!(
                    "privet: not enough evidence that recall at 1 % false positives is at least {floor}"
                );
                ExitCode::from(INCOMPLETE)
            }
        },
    }
}

/// The area under the curve of the attacks that `of` picks, against all harmless texts.
pub(super) fn auc(evaluation: &Evaluation, of: impl Fn(&Scored) -> bool) -> String {
    let auc = evaluation.auc_of(of);
    auc.map_or_else(|| "–".to_owned(), |auc| format!("{auc:.4}"))
}

/// Recall at a rate of false positives of the attacks that `of` picks.
pub(super) fn at_rate(evaluation: &Evaluation, rate: f64, of: impl Fn(&Scored) -> bool) -> String {
    match evaluation.recall_at(rate, of) {
        AtRate::Measured { recall, .. } => share(recall),
        AtRate::NotEnoughEvidence { needed } => {
            format!("not enough evidence: {needed} harmless texts are needed")
        }
    }
}

pub(super) fn share(rate: Rate) -> String {
    match (rate.value(), rate.interval()) {
        (Some(value), Some((low, high))) => {
            format!("{value:.3} ({low:.3}–{high:.3}) {} of {}", rate.hits, rate.of)
        }
        _ => "–".to_owned(),
    }
}

pub(super) fn of_source(text: &Scored, source: &str) -> bool {
    text.source == source
}

pub(super) fn of_language(text: &Scored, language: &str) -> bool {
    text.language.as_deref() == Some(language)
}

pub(super) fn to_text(measured: &Measured) -> String {
    let evaluation = &measured.evaluation;
    let all = evaluation.all();
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} attacks, {} harmless texts",
        all.recall.of, all.false_positives.of
    );
    let _ = writeln!(
        out,
        "AUC                              {}",
        auc(evaluation, |_| true)
    );
    for rate in RATES {
        let name = format!("recall at {} % false positives", rate * 100.0);
        let value = at_rate(evaluation, rate, |_| true);
        let _ = writeln!(out, "{name:<33}{value}");
    }
    let _ = writeln!(out, "recall at the limit in use       {}", share(all.recall));
    let _ = writeln!(
        out,
        "false positives at that limit    {}",
        share(all.false_positives)
    );
    let kilobytes = measured.bytes as f64 / 1024.0;
    if kilobytes > 0.0 {
        let each = measured.cpu.as_secs_f64() * 1e6 / kilobytes;
        let _ = writeln!(out, "CPU time                         {each:.0} µs a KiB");
    }
    let mut table = |name: &str, groups: BTreeMap<&str, Group>, is_of: fn(&Scored, &str) -> bool| {
        if groups.is_empty() {
            return;
        }
        let width = groups
            .keys()
            .map(|k| k.chars().count())
            .max()
            .unwrap_or(0)
            .max(name.len());
        let _ = write!(
            out,
            "\n{name:<width$}  {:<34}{:<34}{:<8}",
            "recall", "false positives", "AUC"
        );
        let [first, second] = RATES.map(|rate| format!("recall at {} %", rate * 100.0));
        let _ = writeln!(out, "{first:<34}{second}");
        for (key, group) in groups {
            let of = |text: &Scored| is_of(text, key);
            let at = |rate| match evaluation.recall_at(rate, of) {
                AtRate::Measured { recall, .. } => share(recall),
                AtRate::NotEnoughEvidence { .. } => "not enough evidence".to_owned(),
            };
            let [first, second] = RATES.map(at);
            let _ = writeln!(
                out,
                "{key:<width$}  {:<34}{:<34}{:<8}{first:<34}{second}",
                share(group.recall),
                share(group.false_positives),
                auc(evaluation, of)
            );
        }
    };
    table("source", evaluation.sources(), of_source);
    table("language", evaluation.languages(), of_language);
    let _ = writeln!(out, "\nscore      texts   mean   attacks");
    for (tenth, bin) in evaluation.reliability().bins().iter().enumerate() {
        let from = tenth as f64 / 10.0;
        let mean = bin
            .mean_score()
            .map_or_else(|| "–".to_owned(), |mean| format!("{mean:.2}"));
        let _ = writeln!(
            out,
            "{from:.1}–{:.1}  {:>7}   {mean:>4}   {}",
            from + 0.1,
            bin.right.of,
            share(bin.right)
        );
    }
    out.truncate(out.trim_end().len());
    out
}

pub(super) fn to_json(measured: &Measured) -> Value {
    let evaluation = &measured.evaluation;
    let rate = |rate: Rate| json!({"value": rate.value(), "interval": rate.interval(), "hits": rate.hits, "of": rate.of});
    let group =
        |group: Group| json!({"recall": rate(group.recall), "false_positives": rate(group.false_positives)});
    let recall_at = |of: &dyn Fn(&Scored) -> bool| -> BTreeMap<String, Value> {
        let one = |at: &f64| {
            let value = match evaluation.recall_at(*at, of) {
                AtRate::Measured { limit, recall } => json!({"limit": limit, "recall": rate(recall)}),
                AtRate::NotEnoughEvidence { needed } => json!({"not_enough_evidence": {"needed": needed}}),
            };
            (at.to_string(), value)
        };
        RATES.iter().map(one).collect()
    };
    let groups = |groups: BTreeMap<&str, Group>, is_of: fn(&Scored, &str) -> bool| {
        let one = |(key, of): (&str, Group)| {
            let picks = |text: &Scored| is_of(text, key);
            let mut shown = group(of);
            if let Some(object) = shown.as_object_mut() {
                object.insert("auc".to_owned(), json!(evaluation.auc_of(picks)));
                object.insert("recall_at".to_owned(), json!(recall_at(&picks)));
            }
            (key.to_owned(), shown)
        };
        groups.into_iter().map(one).collect::<BTreeMap<String, Value>>()
    };
    let recall = recall_at(&|_| true);
    let reliability = evaluation.reliability();
    let bins: Vec<Value> = reliability
        .bins()
        .iter()
        .enumerate()
        .map(|(tenth, bin)| {
            json!({"from": tenth as f64 / 10.0, "texts": bin.right.of, "attacks": bin.right.hits,
                   "mean_score": bin.mean_score(), "interval": bin.right.interval()})
        })
        .collect();
    json!({
        "auc": evaluation.auc(), "recall": recall, "in_use": group(evaluation.all()),
        "sources": groups(evaluation.sources(), of_source),
        "languages": groups(evaluation.languages(), of_language),
        "reliability": bins, "expected_calibration_error": reliability.expected_error(),
        "bytes": measured.bytes, "cpu_microseconds": measured.cpu.as_micros() as u64,
    })
}
