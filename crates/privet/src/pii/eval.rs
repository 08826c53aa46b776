//! `privet pii eval`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use privet_pii::Analyzer;
use privet_pii::eval::{DocumentOutcome, Evaluation, GoldDocument, Guess, KindMap, Rate, Scores};
use privet_types::Budget;
use serde_json::{Value, json};

use super::gold::{GoldFormat, predictions, read};
use super::look::config;
use super::model::NetworkArgs;
use super::{FOUND, INCOMPLETE, eval_html, eval_text, pool};
use crate::rim;

/// How many of the slowest texts are named.
const SLOWEST: usize = 5;
/// Most texts with mistakes that the report shows.
const SHOWN: usize = 500;

/// What `privet pii eval` takes.
#[derive(Args)]
#[command(after_help = "Examples:
  privet pii eval --gold gold.jsonl
  privet pii eval --gold generated.json --format presidio-research --map GPE=LOCATION,STREET_ADDRESS=LOCATION
  privet pii eval --gold texts.txt --format inline --report report.html
  privet pii eval --gold gold.jsonl.gz --json | jq .total.overlap.f1
  privet pii eval --gold gold.jsonl --predictions other.jsonl    what another program found, by the same measure
  privet pii eval --gold gold.jsonl --network rampart
  privet pii eval --gold gold.jsonl --floor 0.9      ends with 1 if F is below 0.9, 3 if there are too few spans to say

What is measured: `exact`, same kind, start and end. `overlap`, a finding and a gold span of the same kind share a \
character: precision is the share of findings that do, recall the share of gold spans. `characters`, whatever the kind: \
recall is the share of gold characters under a finding, precision the share of characters under findings that are gold; \
`leaked` are gold characters under no finding. F is the harmonic mean of precision and recall. Intervals are 95 % Wilson \
intervals; they take spans for independent, which those of one text are not. Times are CPU time.

The report shows the texts of the gold set: keep it as you keep them.")]
pub(crate) struct EvalArgs {
    /// The gold set, `-` for standard input; may be given again. `.gz` is unpacked.
    #[arg(long, required = true, value_name = "FILE")]
    gold: Vec<PathBuf>,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = GoldFormat::Jsonl)]
    format: GoldFormat,
    /// Kinds that count as another, on both sides: GPE=LOCATION,STREET_ADDRESS=LOCATION.
    #[arg(long, value_delimiter = ',', value_name = "FROM=TO")]
    map: Vec<String>,
    /// Kinds that are measured, as they are after `--map`; all that the gold set has without it.
    #[arg(long, value_delimiter = ',', value_name = "KIND")]
    entities: Vec<String>,
    /// Measure another program: what it found in the texts of the gold set, `{"id","findings":[{"type","start","end","score"}]}`
    /// a line for each text, in UTF-8 bytes, as `privet pii detect --format jsonl` writes it. No text is looked at then.
    #[arg(long, value_name = "FILE", conflicts_with = "policy")]
    predictions: Option<PathBuf>,
    /// Findings less sure than this, 0.0 to 1.0, are dropped; without it as the policy says, else 0.35.
    #[arg(long, value_name = "SCORE")]
    threshold: Option<f64>,
    /// A policy document whose `[pii]` table says what is looked for; without it every kind.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    network: NetworkArgs,
    /// Write a report with all mistakes in their sentences; one HTML file that loads nothing.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// The least F by overlap that passes, 0.0 to 1.0.
    #[arg(long, value_name = "F")]
    floor: Option<f64>,
    /// How many threads work; all cores without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

/// All that was measured.
pub(crate) struct Measured {
    pub(crate) gold: String,
    pub(crate) threshold: f64,
    pub(crate) evaluation: Evaluation,
    /// Whether Privet itself looked; else there are no times.
    pub(crate) is_own: bool,
    pub(crate) bytes: u64,
    pub(crate) cpu: Duration,
    /// The slowest texts first.
    pub(crate) slowest: Vec<Slow>,
    pub(crate) wrong: Vec<Wrong>,
    /// Texts with mistakes that are not among `wrong`.
    pub(crate) not_shown: u64,
}

/// A text and how long it took.
pub(crate) struct Slow {
    pub(crate) id: String,
    pub(crate) cpu: Duration,
    pub(crate) bytes: usize,
}

/// A text with mistakes.
pub(crate) struct Wrong {
    pub(crate) document: GoldDocument,
    pub(crate) found: Vec<Guess>,
    pub(crate) outcome: DocumentOutcome,
}

/// Measures, and says how well it went.
///
/// # Errors
/// For wrong usage, and for a gold set that cannot be read.
pub(crate) fn run(args: &EvalArgs) -> Result<ExitCode> {
    let mut config = config(args.policy.as_deref(), args.threshold)?;
    let model = args.network.apply(&mut config)?;
    let analyzer = Analyzer::with_model(&config, model.as_ref())?;
    if args.floor.is_some_and(|floor| !(0.0..=1.0).contains(&floor)) {
        bail!("`--floor` is not between 0.0 and 1.0");
    }
    let mut map = KindMap::default();
    for pair in &args.map {
        let (from, to) = pair
            .split_once('=')
            .with_context(|| format!("`--map {pair}` is to be such as GPE=LOCATION"))?;
        map.insert(from.trim(), to.trim());
    }
    let mut documents = Vec::new();
    for path in &args.gold {
        documents.extend(read(path, args.format)?);
    }
    let foreign = args
        .predictions
        .as_deref()
        .map(|path| predictions(path, &documents));
    let foreign = foreign.transpose()?;
    for span in documents.iter_mut().flat_map(|d| &mut d.spans) {
        span.kind = map.of(&span.kind).to_owned();
    }
    let gold_kinds = || documents.iter().flat_map(|d| &d.spans).map(|s| s.kind.clone());
    let kinds: BTreeSet<String> = if args.entities.is_empty() {
        gold_kinds().collect()
    } else {
        args.entities.iter().map(|kind| kind.trim().to_owned()).collect()
    };
    let mut measured = Measured::new(args, config.threshold, kinds);
    match foreign {
        Some(found) => measured.foreign(documents, found, &map),
        None => measured.own(args, &analyzer, documents, &map)?,
    }
    if let Some(path) = &args.report {
        super::sink::write_whole(path, eval_html::report(&measured).as_bytes())?;
        eprintln!(
            "privet: report in `{}`; it shows texts of the gold set",
            path.display()
        );
    }
    if args.json {
        rim::say(to_json(&measured))?;
    } else {
        rim::say(eval_text::report(&measured))?;
    }
    Ok(verdict(&measured, args.floor))
}

impl Measured {
    fn new(args: &EvalArgs, threshold: f64, kinds: BTreeSet<String>) -> Self {
        let names: Vec<_> = args.gold.iter().map(|path| path.display().to_string()).collect();
        Self {
            gold: names.join(", "),
            threshold,
            evaluation: Evaluation::new(kinds),
            is_own: args.predictions.is_none(),
            bytes: 0,
            cpu: Duration::ZERO,
            slowest: Vec::new(),
            wrong: Vec::new(),
            not_shown: 0,
        }
    }

    /// Looks at the texts.
    fn own(
        &mut self,
        args: &EvalArgs,
        analyzer: &Analyzer,
        documents: Vec<GoldDocument>,
        map: &KindMap,
    ) -> Result<()> {
        let work = |document: GoldDocument| -> Result<(GoldDocument, Vec<Guess>, Duration)> {
            let before = rim::cpu_time();
            let found = analyzer.analyze(&document.text, None, &Budget::unlimited())?;
            let cpu = rim::cpu_time().saturating_sub(before);
            let guess = |f: &privet_types::Finding| Guess {
                kind: map.of(f.entity.name()).to_owned(),
                span: f.span,
                score: f.score,
            };
            Ok((document, found.iter().map(guess).collect(), cpu))
        };
        let workers = args.jobs.map_or_else(pool::cores, usize::from);
        pool::in_order(documents.into_iter().map(Ok), workers, work, |done| {
            let (document, found, cpu) = done?;
            self.add(document, found, cpu);
            Ok(())
        })
    }

    /// Takes what another program found.
    fn foreign(&mut self, documents: Vec<GoldDocument>, found: Vec<Vec<Guess>>, map: &KindMap) {
        for (document, mut found) in documents.into_iter().zip(found) {
            found.retain(|guess| f64::from(guess.score) >= self.threshold);
            for guess in &mut found {
                guess.kind = map.of(&guess.kind).to_owned();
            }
            self.add(document, found, Duration::ZERO);
        }
    }

    fn add(&mut self, document: GoldDocument, found: Vec<Guess>, cpu: Duration) {
        use privet_pii::eval::Outcome;
        let outcome = self.evaluation.add(&document.text, &document.spans, &found);
        self.bytes += document.text.len() as u64;
        self.cpu += cpu;
        if self.is_own {
            self.slowest.push(Slow {
                id: document.id.clone(),
                cpu,
                bytes: document.text.len(),
            });
        }
        self.slowest.sort_by_key(|slow| std::cmp::Reverse(slow.cpu));
        self.slowest.truncate(SLOWEST);
        let kinds = self.evaluation.kinds();
        let missed = document.spans.iter().zip(&outcome.gold);
        let vain = found.iter().zip(&outcome.found);
        let is_wrong = |kind: &str, outcome: &Outcome| {
            kinds.contains(kind) && matches!(outcome, Outcome::Alone | Outcome::OtherKind)
        };
        let has_mistake = missed.into_iter().any(|(span, o)| is_wrong(&span.kind, o))
            || vain.into_iter().any(|(guess, o)| is_wrong(&guess.kind, o));
        if has_mistake && self.wrong.len() < SHOWN {
            self.wrong.push(Wrong {
                document,
                found,
                outcome,
            });
        } else {
            self.not_shown += u64::from(has_mistake);
        }
    }
}

fn verdict(measured: &Measured, floor: Option<f64>) -> ExitCode {
    let overlap = measured.evaluation.total().overlap();
    let Some((low, high)) = overlap.f1_interval() else {
        eprintln!(
            "privet: not enough evidence: the gold set has no spans of these kinds, and nothing was found"
        );
        return ExitCode::from(INCOMPLETE);
    };
    match floor {
        Some(floor) if high < floor => {
            eprintln!("privet: fail: F by overlap is below {floor}");
            ExitCode::from(FOUND)
        }
        Some(floor) if low < floor => {
            eprintln!(
                "privet: not enough evidence that F by overlap is at least {floor}: {floor} lies in its interval"
            );
            ExitCode::from(INCOMPLETE)
        }
        Some(floor) => {
            eprintln!("privet: pass: F by overlap is at least {floor}");
            ExitCode::SUCCESS
        }
        None => ExitCode::SUCCESS,
    }
}

fn to_json(measured: &Measured) -> Value {
    let evaluation = &measured.evaluation;
    let counts = |counts: &privet_pii::eval::Counts| {
        json!({
            "gold": counts.gold, "found": counts.found,
            "exact": scores(counts.exact()), "overlap": scores(counts.overlap()),
            "characters": counts.characters, "leaked": counts.leaked,
        })
    };
    let kinds: BTreeMap<_, _> = evaluation
        .counts()
        .iter()
        .map(|(kind, c)| (kind, counts(c)))
        .collect();
    let confusion: Vec<_> = evaluation
        .confusion()
        .iter()
        .map(|((gold, found), count)| json!({"gold": nothing(gold), "found": nothing(found), "count": count}))
        .collect();
    let bins: Vec<_> = evaluation
        .reliability()
        .bins()
        .iter()
        .enumerate()
        .map(|(i, bin)| {
            let from = i as f64 / 10.0;
            json!({"from": from, "findings": bin.right.of, "right": bin.right.hits, "mean_score": bin.mean_score(),
                   "interval": bin.right.interval()})
        })
        .collect();
    let slowest: Vec<_> = measured
        .slowest
        .iter()
        .map(|s| json!({"id": s.id, "cpu_microseconds": s.cpu.as_micros() as u64, "bytes": s.bytes}))
        .collect();
    let mut total = counts(&evaluation.total());
    let characters = evaluation.characters();
    let leaked = characters.recall.of - characters.recall.hits;
    if let Value::Object(total) = &mut total {
        // Of all kinds together each character counts once.
        total.insert("characters".to_owned(), json!(characters.recall.of));
        total.insert("leaked".to_owned(), json!(leaked));
    }
    json!({
        "gold": measured.gold, "threshold": measured.threshold, "documents": evaluation.documents(),
        "bytes": measured.bytes, "cpu_microseconds": measured.cpu.as_micros() as u64,
        "total": total, "characters": scores(characters), "kinds": kinds, "left_out": evaluation.left_out(),
        "confusion": confusion, "reliability": bins,
        "expected_calibration_error": evaluation.reliability().expected_error(), "slowest": slowest,
    })
}

fn nothing(kind: &str) -> Option<&str> {
    (!kind.is_empty()).then_some(kind)
}

fn scores(scores: Scores) -> Value {
    let rate = |rate: Rate| json!({"value": rate.value(), "interval": rate.interval(), "hits": rate.hits, "of": rate.of});
    json!({
        "precision": rate(scores.precision), "recall": rate(scores.recall),
        "f1": scores.f1(), "f1_interval": scores.f1_interval(),
    })
}
