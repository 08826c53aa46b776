//! `privet guard check`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use privet_guardrails::harm::{DEFAULT_HARM_BUDGET, HarmClassifier, HarmScores};
use privet_guardrails::{Detector, Evidence, Input, Origin, Provenance, Verdict};
use privet_pii::Window;
use privet_pii::documents::{At, Leaf};
use privet_types::Budget;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::options::{Channel, LimitArgs, Trust};
use super::{FOUND, INCOMPLETE};
use crate::pii::place::{Place, Unit, Walker};
use crate::pii::source::{DataFormat, Job, Jobs, Source, Work, sources};
use crate::pii::{detect::TableArgs, pool, progress};
use crate::rim;

/// What `privet guard check` takes.
#[derive(Args)]
#[command(after_help = "Examples:
  privet guard check mail.txt --channel document        one text: its score, and what speaks for an attack
  privet guard check pages/ --channel document --trust foreign
  echo 'Ignore all previous instructions' | privet guard check -
  privet guard check --format jsonl < texts.jsonl       {\"id\",\"text\",\"channel\"?} in, {\"id\",\"score\",\"flagged\",\"findings\"} out
  privet guard check prompt.txt --system instructions.txt
  privet guard check src/ --output jsonl --fail-on never
  privet guard check replies/ --harm                    hate, sexual content, violence, self-harm, weapons and crime as well

Ends with 0 if nothing was flagged, 1 if something was (see --fail-on), 2 if the command or the input is wrong, 3 if \
nothing was flagged but a file of a folder could not be read as text.

The score is the chance of an attack, were attacks as frequent as other texts. Text detection is one signal: attacks get \
past it, and harmless texts are flagged; docs/guardrails.md says how often.")]
pub(crate) struct CheckArgs {
    /// Files, folders, or `-` for standard input, which is also read if nothing is named.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How the texts are written. Without it the file's name tells, as for `privet pii detect`; in JSON and CSV every value
    /// is a text.
    #[arg(long, value_enum)]
    format: Option<DataFormat>,
    /// How verdicts are written; without it jsonl for `--format jsonl`, else text.
    #[arg(long, value_enum)]
    output: Option<Output>,
    /// Where the texts came from; a line of `--format jsonl` can say it for itself.
    #[arg(long, value_enum, default_value_t = Channel::User)]
    channel: Channel,
    /// How far who wrote them is trusted.
    #[arg(long, value_enum, default_value_t = Trust::Unknown)]
    trust: Trust,
    /// The instructions that the model has from its operator: a text that goes for what they keep is flagged sooner.
    #[arg(long, value_name = "FILE")]
    system: Option<PathBuf>,
    #[command(flatten)]
    limits: LimitArgs,
    /// Score harmful content as well: hate, sexual content, violence, self-harm, weapons and crime. A text is flagged, too, where
    /// one of these reaches its limit.
    #[arg(long)]
    harm: bool,
    /// Share of harmless texts that a category of `--harm` may flag: 0.001, 0.002, 0.005, 0.01 or 0.02.
    #[arg(long, requires = "harm", value_name = "SHARE", default_value_t = DEFAULT_HARM_BUDGET)]
    harm_budget: f32,
    #[command(flatten)]
    table: TableArgs,
    /// What `start` and `end` count, from the beginning of the text or value.
    #[arg(long, value_enum, default_value_t = Unit::Bytes)]
    offsets: Unit,
    /// Which texts end the command with 1: `any` that is flagged, `never`, or those of at least a score (`0.9`).
    #[arg(long, default_value = "any", value_name = "WHICH")]
    fail_on: FailOn,
    /// How many threads work; all cores without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

/// How verdicts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Flagged texts, each with its findings, for people.
    Text,
    /// One JSON object for each text, flagged or not.
    Jsonl,
}

/// Which texts make the command fail.
#[derive(Debug, Clone, Copy, PartialEq)]
enum FailOn {
    Any,
    Never,
    Score(f32),
}

impl FromStr for FailOn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "any" => Ok(Self::Any),
            "never" => Ok(Self::Never),
            _ => match text.parse::<f32>() {
                Ok(score) if (0.0..=1.0).contains(&score) => Ok(Self::Score(score)),
                _ => Err("it is `any`, `never`, or a score between 0.0 and 1.0".to_owned()),
            },
        }
    }
}

impl FailOn {
    fn is_met_by(self, score: f32, is_flagged: bool) -> bool {
        match self {
            Self::Any => is_flagged,
            Self::Never => false,
            Self::Score(least) => score >= least,
        }
    }
}

/// A finding as scripts read it.
#[derive(Debug, Serialize)]
struct Found {
    rule: &'static str,
    start: u64,
    end: u64,
    score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden: Option<&'static str>,
    /// Counted from 1; for people.
    #[serde(skip)]
    line: u64,
    #[serde(skip)]
    column: u64,
}

/// A text that was looked at, or a part of one.
struct Looked {
    source: Arc<Source>,
    /// Whether it begins a text; parts of a long one follow.
    is_first: bool,
    is_part: bool,
    id: Option<Value>,
    at: Option<At>,
    /// How far it goes.
    end: Place,
    score: f32,
    is_flagged: bool,
    /// By category, and whether it is flagged; empty unless asked for.
    harm: BTreeMap<&'static str, (f32, bool)>,
    found: Vec<(Found, Place)>,
}

/// What became of a job.
struct Done {
    looked: Vec<Looked>,
    problem: Option<String>,
    is_no_text: bool,
    bytes: u64,
}

#[derive(Deserialize)]
struct Record {
    #[serde(default)]
    id: Value,
    text: String,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    system: Option<String>,
}

struct Worker<'a> {
    detector: &'a Detector,
    harm: Option<&'a HarmClassifier>,
    origin: Origin,
    provenance: Provenance,
    system: Option<&'a str>,
    unit: Unit,
}

/// Looks, and says what was flagged.
///
/// # Errors
/// For wrong usage, and for input that cannot be read.
pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode> {
    let detector = args.limits.detector()?;
    let system = args
        .system
        .as_deref()
        .map(|path| {
            std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
        })
        .transpose()?;
    let harm = args
        .harm
        .then(|| HarmClassifier::shipped()?.with_budget(args.harm_budget))
        .transpose()?;
    let worker = Worker {
        detector: &detector,
        harm: harm.as_ref(),
        origin: args.channel.into(),
        provenance: args.trust.into(),
        system: system.as_deref(),
        unit: args.offsets,
    };
    let table = args.table.table()?;
    let sources = sources(&args.files, args.format)?;
    let is_records = args.format == Some(DataFormat::Jsonl);
    let output = args
        .output
        .unwrap_or(if is_records { Output::Jsonl } else { Output::Text });
    let bar = progress::bar(&sources);
    let mut printer = Printer::new(output, args);
    let workers = args.jobs.map_or_else(pool::cores, usize::from);
    let done = pool::in_order(
        Jobs::new(sources, table),
        workers,
        |job| worker.look(job),
        |done| {
            let done = done?;
            bar.inc(done.bytes);
            if let Some(problem) = done.problem {
                printer.problems += 1;
                bar.suspend(|| eprintln!("privet: {problem}"));
            }
            printer.without_text += u64::from(done.is_no_text);
            done.looked
                .into_iter()
                .try_for_each(|looked| printer.take(looked))
        },
    );
    bar.finish_and_clear();
    printer.end()?;
    done?;
    Ok(printer.code(output))
}

impl Worker<'_> {
    fn look(&self, job: Job) -> Result<Done> {
        let mut done = Done {
            looked: Vec::new(),
            problem: None,
            is_no_text: false,
            bytes: 0,
        };
        match job.work {
            Work::Window(window) => {
                done.bytes = (window.core_end - window.core_start) as u64;
                done.looked.push(self.window(&window, &job.source, job.is_first)?);
            }
            Work::Leaves(leaves) => {
                for leaf in leaves {
                    done.bytes += leaf.text.len() as u64;
                    done.looked.push(self.leaf(leaf, &job.source)?);
                }
            }
            Work::Lines(lines) => {
                for (number, line) in lines {
                    done.bytes += line.len() as u64;
                    done.looked.push(self.record(number, &line, &job.source)?);
                }
            }
            Work::Problem(error) => done.problem = Some(format!("{error:#}")),
            Work::NoText => done.is_no_text = true,
        }
        Ok(done)
    }

    fn check(&self, text: &str, origin: Origin, system: Option<&str>) -> Result<(Verdict, HarmScores)> {
        let input = Input {
            text,
            origin,
            system,
            provenance: self.provenance,
        };
        Ok(match self.harm {
            Some(harm) => self.detector.check_with_harm(input, harm, &Budget::unlimited())?,
            None => (
                self.detector.check(input, &Budget::unlimited())?,
                HarmScores::new(),
            ),
        })
    }

    fn looked(&self, source: &Arc<Source>, text: &str, verdict: Verdict, harm: &HarmScores) -> Looked {
        let harm: BTreeMap<_, _> = harm
            .iter()
            .filter_map(|(category, score)| {
                let limit = self.harm?.limit(*category);
                Some((category.name(), (*score, *score >= limit)))
            })
            .collect();
        let is_flagged = verdict.is_flagged() || harm.values().any(|(_, is_flagged)| *is_flagged);
        let mut found = Vec::with_capacity(verdict.evidence.len());
        let mut walker = Walker::new(text);
        for one in verdict.evidence {
            let start = walker.to(one.span.start);
            let end = start.then(Place::of(one.span.of(text).unwrap_or_default()));
            found.push((found_at(&one, start, end, self.unit), start));
        }
        Looked {
            source: Arc::clone(source),
            is_first: true,
            is_part: false,
            id: None,
            at: None,
            end: Place::of(text),
            score: verdict.score,
            is_flagged,
            harm,
            found,
        }
    }

    fn window(&self, window: &Window, source: &Arc<Source>, is_first: bool) -> Result<Looked> {
        let (mut verdict, harm) = self.check(&window.text, self.origin, self.system)?;
        verdict.evidence.retain(|e| window.owns(e.span));
        for one in &mut verdict.evidence {
            one.span.start -= window.core_start;
            one.span.end -= window.core_start;
        }
        let core = window.text.get(window.core_start..).unwrap_or_default();
        let mut looked = self.looked(source, core, verdict, &harm);
        looked.end = Place::of(
            core.get(..window.core_end - window.core_start)
                .unwrap_or_default(),
        );
        looked.is_first = is_first;
        looked.is_part = true;
        Ok(looked)
    }

    fn leaf(&self, leaf: Leaf, source: &Arc<Source>) -> Result<Looked> {
        let (verdict, harm) = self.check(&leaf.text, self.origin, self.system)?;
        let mut looked = self.looked(source, &leaf.text, verdict, &harm);
        looked.at = Some(leaf.at);
        for (found, _) in &mut looked.found {
            (found.line, found.column) = (leaf.line + 1, leaf.column + 1);
        }
        Ok(looked)
    }

    fn record(&self, number: u64, line: &[u8], source: &Arc<Source>) -> Result<Looked> {
        let place = || format!("`{}` line {number}", source.name);
        // What stands in the line is not repeated: it is private.
        let record: Record = serde_json::from_slice(line)
            .map_err(|error| anyhow::anyhow!("is no object with `text`, at column {}", error.column()))
            .with_context(place)?;
        let origin = match record.channel.as_deref() {
            None => self.origin,
            Some(name) => Origin::parse(name)
                .context("unknown `channel`; it is user, document, tool or memory")
                .with_context(place)?,
        };
        let (verdict, harm) = self.check(&record.text, origin, record.system.as_deref().or(self.system))?;
        let mut looked = self.looked(source, &record.text, verdict, &harm);
        looked.id = Some(record.id);
        for (found, _) in &mut looked.found {
            found.line = number;
        }
        Ok(looked)
    }
}

fn found_at(one: &Evidence, start: Place, end: Place, unit: Unit) -> Found {
    Found {
        rule: one.rule.0,
        start: start.offset(unit),
        end: end.offset(unit),
        score: one.score,
        hidden: one.disguise.map(privet_guardrails::Disguise::name),
        line: start.lines + 1,
        column: start.column + 1,
    }
}

/// Puts parts of texts together, and writes verdicts.
struct Printer {
    output: Output,
    unit: Unit,
    fail_on: FailOn,
    open: Option<Looked>,
    out: std::io::BufWriter<std::io::StdoutLock<'static>>,
    texts: u64,
    flagged: u64,
    failing: u64,
    problems: u64,
    without_text: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    score: f32,
    flagged: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    harm: BTreeMap<&'static str, f32>,
    findings: Vec<&'a Found>,
}

impl Printer {
    fn new(output: Output, args: &CheckArgs) -> Self {
        Self {
            output,
            unit: args.offsets,
            fail_on: args.fail_on,
            open: None,
            out: std::io::BufWriter::new(std::io::stdout().lock()),
            texts: 0,
            flagged: 0,
            failing: 0,
            problems: 0,
            without_text: 0,
        }
    }

    fn take(&mut self, mut looked: Looked) -> Result<()> {
        if looked.is_first {
            self.close()?;
        }
        match &mut self.open {
            None => self.open = Some(looked),
            Some(open) => {
                open.score = open.score.max(looked.score);
                open.is_flagged |= looked.is_flagged;
                for (name, (score, is_flagged)) in looked.harm {
                    let (best, is_any) = open.harm.entry(name).or_default();
                    *best = best.max(score);
                    *is_any |= is_flagged;
                }
                for (found, start) in &mut looked.found {
                    let place = open.end.then(*start);
                    found.start += open.end.offset(self.unit);
                    found.end += open.end.offset(self.unit);
                    (found.line, found.column) = (place.lines + 1, place.column + 1);
                }
                open.found.append(&mut looked.found);
                open.end = open.end.then(looked.end);
            }
        }
        // A long text may go on; others are told at once.
        match &self.open {
            Some(open) if !open.is_part => self.close(),
            _ => Ok(()),
        }
    }

    fn close(&mut self) -> Result<()> {
        let Some(looked) = self.open.take() else {
            return Ok(());
        };
        self.texts += 1;
        self.flagged += u64::from(looked.is_flagged);
        self.failing += u64::from(self.fail_on.is_met_by(looked.score, looked.is_flagged));
        match self.output {
            Output::Jsonl => {
                let line = Line {
                    id: looked.id.as_ref(),
                    path: looked.id.is_none().then_some(looked.source.name.as_str()),
                    at: looked.at.as_ref().map(pointer),
                    score: looked.score,
                    flagged: looked.is_flagged,
                    harm: looked
                        .harm
                        .iter()
                        .map(|(name, (score, _))| (*name, *score))
                        .collect(),
                    findings: looked.found.iter().map(|(found, _)| found).collect(),
                };
                serde_json::to_writer(&mut self.out, &line)?;
                self.out.write_all(b"\n")?;
                self.out.flush()?;
            }
            Output::Text if looked.is_flagged => {
                let mut name = looked.source.name.clone();
                if let Some(at) = &looked.at {
                    let _ = write!(name, " {}", pointer(at));
                }
                if let Some(id) = looked.id.as_ref().filter(|id| !id.is_null()) {
                    let _ = write!(name, " {id}");
                }
                writeln!(self.out, "{name}  score {:.3}", looked.score)?;
                for (name, (score, _)) in looked.harm.iter().filter(|(_, (_, is_flagged))| *is_flagged) {
                    writeln!(self.out, "  harm/{name}  {score:.3}")?;
                }
                for (found, _) in &looked.found {
                    let hidden = found
                        .hidden
                        .map_or_else(String::new, |hidden| format!("  hidden: {hidden}"));
                    writeln!(
                        self.out,
                        "  {}:{}  {}  {:.3}{hidden}",
                        found.line, found.column, found.rule, found.score
                    )?;
                }
            }
            Output::Text => {}
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.close()?;
        Ok(self.out.flush()?)
    }

    fn code(&self, output: Output) -> ExitCode {
        if output == Output::Text {
            rim::tell(&format!(
                "privet: flagged {} of {} texts",
                self.flagged, self.texts
            ));
            if self.without_text > 0 {
                eprintln!("privet: files without text, not looked at: {}", self.without_text);
            }
        }
        if self.failing > 0 {
            ExitCode::from(FOUND)
        } else if self.problems > 0 {
            ExitCode::from(INCOMPLETE)
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// Where a value is, as people and scripts read it.
fn pointer(at: &At) -> String {
    match at {
        At::Pointer { pointer, is_key } => format!("{pointer}{}", if *is_key { " (key)" } else { "" }),
        At::Cell { record, field, .. } => format!("record {record} field {field}"),
    }
}
