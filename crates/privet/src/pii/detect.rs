//! `privet pii detect`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use privet_pii::documents::{At, Leaf, Record};
use privet_pii::{Explanation, Window};
use privet_types::{Entity, Finding};
use serde::Serialize;

use super::look::{Look, LookArgs, entity, tally};
use super::place::{Place, Unit, Walker};
use super::pool::in_order;
use super::show::{Found, Hit, Output, Printer};
use super::source::{DataFormat, Job, Jobs, Source, Table, Work, sources};
use super::{FOUND, INCOMPLETE, progress};
use crate::rim;

/// What `privet pii detect` takes.
#[derive(Args)]
#[command(after_help = "Examples:
  privet pii detect letter.txt                       findings, one a line
  privet pii detect exports/ --output table          every file of a folder
  cat chat.log | privet pii detect -                 standard input
  privet pii detect crm.csv --entities IBAN_CODE,EMAIL_ADDRESS
  privet pii detect --format jsonl < texts.jsonl     {\"id\",\"text\"} in, {\"id\",\"findings\"} out
  privet pii detect data.json --output jsonl --offsets chars
  privet pii detect letter.txt --network rampart     with a stronger network; see `privet pii model`
  privet pii detect src/ --fail-on API_KEY,PRIVATE_KEY

Ends with 0 if nothing was found, 1 if something was (see --fail-on), 2 if the command or the input is wrong, 3 if \
nothing was found but a file of a folder could not be read as text. Links in folders are not followed.

Texts of any length are read in pieces that overlap: memory does not grow with the file, and findings are those of the \
whole text for values up to 16,000 bytes. JSON and CSV are held one value at a time.")]
pub(crate) struct DetectArgs {
    /// Files, folders, or `-` for standard input, which is also read if nothing is named.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How the texts are written. Without it the file's name tells: .json, .jsonl, .ndjson (every value), .csv, .tsv, .md;
    /// the rest is text.
    #[arg(long, value_enum)]
    format: Option<DataFormat>,
    /// How findings are written; without it jsonl for `--format jsonl`, else text.
    #[arg(long, value_enum)]
    output: Option<Output>,
    /// What `start` and `end` count, from the beginning of the text or value.
    #[arg(long, value_enum, default_value_t = Unit::Bytes)]
    offsets: Unit,
    #[command(flatten)]
    look: LookArgs,
    #[command(flatten)]
    table: TableArgs,
    /// Say what each finding rests on: the word beside it that decided, the check digits, the language. Takes some 0.2 ms
    /// a finding.
    #[arg(long)]
    explain: bool,
    /// Show the values themselves. They are left out otherwise, because a list of findings is passed on and logged more
    /// freely than the texts it comes from.
    #[arg(long)]
    show_values: bool,
    /// Which findings end the command with 1: `any`, `never`, those of at least a score (`0.8`), or those of kinds
    /// (`US_SSN,API_KEY`). All are shown.
    #[arg(long, default_value = "any", value_name = "WHICH")]
    fail_on: FailOn,
}

/// How tables are read.
#[derive(Args)]
pub(crate) struct TableArgs {
    /// What stands between the cells of a CSV; without it the likeliest of `,` `;` `|` and tab.
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<char>,
    /// The first record of a CSV holds values, not names.
    #[arg(long)]
    no_header: bool,
}

impl TableArgs {
    /// The same, checked.
    ///
    /// # Errors
    /// For a delimiter that cannot be one.
    pub(crate) fn table(&self) -> Result<Table> {
        let delimiter = match self.delimiter {
            None => None,
            Some(c) if c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, '"' | '\n' | '\r') => {
                Some(c as u8)
            }
            Some(c) => {
                bail!("`--delimiter {c}` cannot stand between cells; use one such as `,` `;` or a tab")
            }
        };
        Ok(Table {
            delimiter,
            has_header: !self.no_header,
        })
    }
}

/// Which findings make the command fail.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FailOn {
    Never,
    Score(f32),
    Kinds(Vec<Entity>),
}

impl FromStr for FailOn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "never" => return Ok(Self::Never),
            "any" => return Ok(Self::Score(0.0)),
            _ => {}
        }
        if let Ok(score) = text.parse::<f32>() {
            return match (0.0..=1.0).contains(&score) {
                true => Ok(Self::Score(score)),
                false => Err("a score is between 0.0 and 1.0".to_owned()),
            };
        }
        let kinds: Result<Vec<_>> = text.split(',').map(entity).collect();
        kinds.map(Self::Kinds).map_err(|error| error.to_string())
    }
}

impl FailOn {
    fn is_met_by(&self, finding: &Finding) -> bool {
        match self {
            Self::Never => false,
            Self::Score(least) => finding.score >= *least,
            Self::Kinds(kinds) => kinds.contains(&finding.entity),
        }
    }
}

/// What became of a job.
struct Looked {
    source: Arc<Source>,
    is_first: bool,
    /// How far it goes.
    end: Place,
    /// Places count from the beginning of the job where it is a piece of a text.
    hits: Vec<(Hit, Place)>,
    /// Lines that are ready as they are.
    ready: Vec<u8>,
    problem: Option<String>,
    is_no_text: bool,
}

/// What a worker needs to know.
struct Worker<'a> {
    look: &'a Look,
    unit: Unit,
    shows_values: bool,
    explains: bool,
}

/// Looks, and says what was found.
///
/// # Errors
/// For wrong usage, and for input that cannot be read.
pub(crate) fn run(args: &DetectArgs) -> Result<ExitCode> {
    let look = args.look.look()?;
    let table = args.table.table()?;
    let sources = sources(&args.files, args.format)?;
    let is_records = args.format == Some(DataFormat::Jsonl);
    let output = args
        .output
        .unwrap_or(if is_records { Output::Jsonl } else { Output::Text });
    let worker = Worker {
        look: &look,
        unit: args.offsets,
        shows_values: args.show_values,
        explains: args.explain,
    };
    let writes_records = is_records && output == Output::Jsonl;
    let bar = progress::bar(&sources);
    let mut printer = Printer::new(output, args.explain)?;
    let mut totals = Totals::default();
    let mut base = Place::default();
    let looked = in_order(
        Jobs::new(sources, table),
        look.workers,
        |job| worker.look(job, writes_records),
        |looked| {
            let looked = looked?;
            if looked.is_first {
                base = Place::default();
                totals.texts += 1;
            }
            printer.raw(&looked.ready)?;
            for (mut hit, place) in looked.hits {
                totals.add(&hit.finding, &args.fail_on);
                if hit.at.is_none() {
                    let place = base.then(place);
                    hit.start += base.offset(args.offsets);
                    hit.end += base.offset(args.offsets);
                    (hit.line, hit.column) = (place.lines + 1, place.column + 1);
                }
                if !writes_records {
                    printer.hit(&looked.source.name, &hit)?;
                }
            }
            printer.flush()?;
            base = base.then(looked.end);
            bar.inc(looked.end.bytes);
            totals.without_text += u64::from(looked.is_no_text);
            if let Some(problem) = looked.problem {
                totals.problems += 1;
                bar.suspend(|| eprintln!("privet: {problem}"));
            }
            Ok(())
        },
    );
    bar.finish_and_clear();
    printer.flush()?;
    looked?;
    Ok(totals.end(output != Output::Jsonl))
}

#[derive(Default)]
struct Totals {
    texts: u64,
    found: BTreeMap<Entity, u64>,
    failing: u64,
    problems: u64,
    without_text: u64,
}

impl Totals {
    fn add(&mut self, finding: &Finding, fail_on: &FailOn) {
        *self.found.entry(finding.entity).or_default() += 1;
        self.failing += u64::from(fail_on.is_met_by(finding));
    }

    fn end(&self, is_for_people: bool) -> ExitCode {
        if is_for_people {
            let texts = self.texts - self.without_text;
            match self.found.values().sum::<u64>() {
                0 => rim::tell(&format!("privet: nothing found; texts looked at: {texts}")),
                found => rim::tell(&format!(
                    "privet: {found} found ({}); texts looked at: {texts}",
                    tally(&self.found)
                )),
            }
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

impl Worker<'_> {
    fn look(&self, job: Job, writes_records: bool) -> Result<Looked> {
        let mut looked = Looked {
            source: job.source,
            is_first: job.is_first,
            end: Place::default(),
            hits: Vec::new(),
            ready: Vec::new(),
            problem: None,
            is_no_text: false,
        };
        match job.work {
            Work::Window(window) => self.window(&window, &mut looked)?,
            Work::Leaves(leaves) => {
                for leaf in leaves {
                    self.leaf(leaf, &mut looked)?;
                }
            }
            Work::Lines(lines) => {
                for (number, line) in lines {
                    self.record(number, &line, writes_records, &mut looked)?;
                }
            }
            Work::Problem(error) => looked.problem = Some(format!("{error:#}")),
            Work::NoText => looked.is_no_text = true,
        }
        Ok(looked)
    }

    fn window(&self, window: &Window, looked: &mut Looked) -> Result<()> {
        let found = self.look.at(&window.text, None)?;
        let core = window.text.get(window.core_start..).unwrap_or_default();
        let length = window.core_end - window.core_start;
        let own = found.into_iter().filter(|f| window.owns(f.span));
        let mut walker = Walker::new(core);
        for finding in own {
            let start = walker.to(finding.span.start - window.core_start);
            let value = finding.span.of(&window.text).unwrap_or_default();
            let end = start.then(Place::of(value));
            let mut hit = self.hit(finding, start, end, value);
            hit.why = self.why(&window.text, None, &finding)?;
            looked.hits.push((hit, start));
        }
        looked.end = Place::of(core.get(..length).unwrap_or_default());
        Ok(())
    }

    fn leaf(&self, leaf: Leaf, looked: &mut Looked) -> Result<()> {
        looked.end.bytes += leaf.text.len() as u64;
        let found = self.look.at(&leaf.text, leaf.context.as_deref())?;
        if found.is_empty() {
            return Ok(());
        }
        let at = if self.shows_values {
            leaf.at
        } else {
            self.concealed(leaf.at)?
        };
        for mut hit in self.hits_of(&leaf.text, leaf.context.as_deref(), found)? {
            hit.at = Some(at.clone());
            (hit.line, hit.column) = (leaf.line + 1, leaf.column + 1);
            looked.hits.push((hit, Place::default()));
        }
        Ok(())
    }

    /// `at` without names that are personal data themselves, as in `{"ann@example.com": …}`.
    fn concealed(&self, at: At) -> Result<At> {
        Ok(match at {
            At::Pointer { pointer, is_key } => {
                let mut out = String::with_capacity(pointer.len());
                for (i, name) in pointer.split('/').enumerate() {
                    if i > 0 {
                        out.push('/');
                    }
                    let plain = name.replace("~1", "/").replace("~0", "~");
                    match self.look.at(&plain, None)?.first() {
                        Some(finding) => {
                            let _ = write!(out, "<{}>", finding.entity);
                        }
                        None => out.push_str(name),
                    }
                }
                At::Pointer { pointer: out, is_key }
            }
            At::Cell {
                record,
                field,
                name: Some(name),
            } => {
                let found = self.look.at(&name, None)?;
                let name = found.first().map_or(name, |f| format!("<{}>", f.entity));
                At::Cell {
                    record,
                    field,
                    name: Some(name),
                }
            }
            at => at,
        })
    }

    fn hits_of(&self, text: &str, context: Option<&str>, found: Vec<Finding>) -> Result<Vec<Hit>> {
        let mut walker = Walker::new(text);
        let mut hits = Vec::with_capacity(found.len());
        for finding in found {
            let start = walker.to(finding.span.start);
            let value = finding.span.of(text).unwrap_or_default();
            let mut hit = self.hit(finding, start, start.then(Place::of(value)), value);
            (hit.line, hit.column) = (start.lines + 1, start.column + 1);
            hit.why = self.why(text, context, &finding)?;
            hits.push(hit);
        }
        Ok(hits)
    }

    /// Why `finding` was found, if that is asked for.
    fn why(&self, text: &str, context: Option<&str>, finding: &Finding) -> Result<Option<Explanation>> {
        let explain = || self.look.why(text, context, finding);
        self.explains.then(explain).transpose()
    }

    fn hit(&self, finding: Finding, start: Place, end: Place, value: &str) -> Hit {
        Hit {
            finding,
            start: start.offset(self.unit),
            end: end.offset(self.unit),
            line: 0,
            column: 0,
            at: None,
            why: None,
            value: self.shows_values.then(|| value.to_owned()),
        }
    }

    fn record(&self, number: u64, line: &[u8], writes: bool, looked: &mut Looked) -> Result<()> {
        looked.end.bytes += line.len() as u64;
        let record =
            Record::parse(line).with_context(|| format!("`{}` line {number}", looked.source.name))?;
        let found = self.look.at(&record.text, record.context.as_deref())?;
        let hits = self.hits_of(&record.text, record.context.as_deref(), found)?;
        if writes {
            let out = RecordOut {
                id: &record.id,
                findings: hits.iter().map(Found::new).collect(),
            };
            serde_json::to_writer(&mut looked.ready, &out)?;
            looked.ready.push(b'\n');
        }
        for mut hit in hits {
            // The place within the record's text is told by its line; columns count in the text.
            hit.line = number;
            hit.at = Some(At::Pointer {
                pointer: "/text".to_owned(),
                is_key: false,
            });
            looked.hits.push((hit, Place::default()));
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct RecordOut<'a> {
    id: &'a serde_json::Value,
    findings: Vec<Found<'a>>,
}
