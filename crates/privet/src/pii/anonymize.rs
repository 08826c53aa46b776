//! `privet pii anonymize`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use privet_pii::documents::{Kind, Leaf, Piece, Shape, record_leaves, write};
use privet_pii::{Anonymized, Anonymizer, Conversation, Window};
use privet_types::{Budget, Entity, Finding, Span};

use super::detect::TableArgs;
use super::keys::KeyArgs;
use super::ledger::Writer;
use super::look::{Look, LookArgs, tally};
use super::operators::{OperatorArgs, keyed};
use super::pool::in_order;
use super::progress;
use super::sink::Sink;
use super::source::{DataFormat, Job, Jobs, Work, sources};
use crate::rim;

/// What `privet pii anonymize` takes.
#[derive(Args)]
#[command(after_help = "Examples:
  privet pii anonymize letter.txt                              values become <KIND>
  privet pii anonymize letter.txt --output clean.txt --manifest letter.manifest --key-file my.key
  privet pii restore clean.txt --manifest letter.manifest --key-file my.key
  privet pii anonymize crm.csv --operator default=redact --operator CREDIT_CARD=mask:chars_to_mask=12
  privet pii anonymize data.json --operators operators.toml --key-file my.key > clean.json
  privet pii anonymize --format jsonl < texts.jsonl            the `text` of each line; the rest stays

Operators: replace redact mask hash encrypt format_preserving date_shift bucket generalize surrogate keep; their fields \
are in docs/pii.md. JSON and CSV keep their structure; a number with personal data in it becomes a string. The manifest \
holds positions and kinds in clear and values only sealed under the key.")]
pub(crate) struct AnonymizeArgs {
    /// A file, or `-` for standard input, which is also read if nothing is named.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// How the text is written; without it the file's name tells.
    #[arg(long, value_enum)]
    format: Option<DataFormat>,
    /// Where the result goes; standard output without it. The file is there whole or not at all.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write what `privet pii restore` needs besides the key.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    #[command(flatten)]
    operators: OperatorArgs,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    look: LookArgs,
    #[command(flatten)]
    table: TableArgs,
}

/// A piece of the document with what was found in it.
enum Looked {
    Window(Window, Vec<Finding>),
    Leaves(Vec<(Leaf, Vec<Finding>)>),
}

/// Takes personal data out of a document.
///
/// # Errors
/// For wrong usage, for input that cannot be read, and if a value cannot be treated as its operator says. A file named by
/// `--output` is not written then.
pub(crate) fn run(args: &AnonymizeArgs) -> Result<ExitCode> {
    // A policy may define kinds that operators name.
    let look = args.look.look()?;
    let operators = args.operators.operators(args.manifest.is_some())?;
    for warning in operators.warnings() {
        let of = warning
            .entity
            .map_or("default".to_owned(), |entity| entity.to_string());
        eprintln!("privet: operator of {of}: {}", warning.message);
    }
    let operator = keyed(&operators).map(|name| format!("operator `{name}`"));
    let needed_by = args
        .manifest
        .as_ref()
        .map(|_| "`--manifest`")
        .or(operator.as_deref());
    let keys = args.keys.keys(needed_by, true)?;
    let anonymizer = Anonymizer::new(operators)?;
    let files: Vec<PathBuf> = args.file.iter().cloned().collect();
    if let Some(folder) = files.iter().find(|file| file.is_dir()) {
        bail!(
            "`{}` is a folder; anonymise its files one by one",
            folder.display()
        );
    }
    let sources = sources(&files, args.format)?;
    let format = sources.first().map_or(DataFormat::Text, |source| source.format);
    let bar = progress::bar(&sources);
    let mut out = Out {
        anonymizer: &anonymizer,
        conversation: Conversation::new(&keys),
        shape: format.into(),
        sink: Sink::new(args.output.as_deref())?,
        ledger: args.manifest.as_deref().map(Writer::new).transpose()?,
        index: 0,
        line: 0,
        done: 0,
        counts: BTreeMap::new(),
    };
    in_order(
        Jobs::whole(sources, args.table.table()?),
        look.workers,
        |job| looked(&look, job),
        |looked| {
            let before = out.done;
            match looked? {
                Looked::Window(window, found) => out.window(&window, &found)?,
                Looked::Leaves(leaves) => {
                    for (leaf, found) in leaves {
                        out.leaf(&leaf, &found)?;
                    }
                }
            }
            bar.inc(out.done - before);
            Ok(())
        },
    )?;
    bar.finish_and_clear();
    let counts = out.finish()?;
    let total: u64 = counts.values().sum();
    match total {
        0 => rim::tell("privet: nothing found, nothing changed"),
        _ => rim::tell(&format!("privet: values treated: {total} ({})", tally(&counts))),
    }
    Ok(ExitCode::SUCCESS)
}

fn looked(look: &Look, job: Job) -> Result<Looked> {
    Ok(match job.work {
        Work::Window(window) => {
            let mut found = look.at(&window.text, None)?;
            found.retain(|f| window.owns(f.span));
            Looked::Window(window, found)
        }
        Work::Leaves(leaves) => {
            let mut all = Vec::with_capacity(leaves.len());
            for leaf in leaves {
                let found = look.at(&leaf.text, leaf.context.as_deref())?;
                all.push((leaf, found));
            }
            Looked::Leaves(all)
        }
        Work::Lines(lines) => {
            let mut all = Vec::new();
            for (number, line) in lines {
                let leaves = record_leaves(&line, number)
                    .with_context(|| format!("`{}`: line {number}", job.source.name))?;
                for leaf in leaves {
                    let found = look.at(&leaf.text, leaf.context.as_deref())?;
                    all.push((leaf, found));
                }
            }
            Looked::Leaves(all)
        }
        Work::Problem(error) => return Err(error),
        Work::NoText => Looked::Leaves(Vec::new()),
    })
}

/// The result under way.
struct Out<'a> {
    anonymizer: &'a Anonymizer,
    conversation: Conversation<'a>,
    shape: Shape,
    sink: Sink,
    ledger: Option<Writer>,
    /// Of the next value or block.
    index: u64,
    /// Line feeds before the next block.
    line: u64,
    /// Bytes of the document that are written out.
    done: u64,
    counts: BTreeMap<Entity, u64>,
}

impl Out<'_> {
    /// Writes a block of text: from where the last one ended to the end of its core, or of the value that crosses it.
    fn window(&mut self, window: &Window, found: &[Finding]) -> Result<()> {
        let core_start = window.before + window.core_start as u64;
        let ahead = usize::try_from(self.done.saturating_sub(core_start)).unwrap_or(usize::MAX);
        let start = window.core_start.saturating_add(ahead);
        let end = found
            .iter()
            .map(|f| f.span.end)
            .fold(window.core_end, usize::max)
            .max(start);
        let text = window.text.get(start..end).unwrap_or_default();
        let own: Vec<Finding> = found
            .iter()
            .filter(|f| f.span.end > start)
            .map(|f| Finding {
                span: Span::new(f.span.start.max(start) - start, f.span.end - start),
                ..*f
            })
            .collect();
        let line = self.line + 1;
        let made = self
            .treat(text, &own)
            .with_context(|| format!("in the block from line {line}"))?;
        self.sink.write_all(made.text.as_bytes())?;
        if let Some(ledger) = &mut self.ledger {
            ledger.head(self.shape, None)?;
            ledger.piece(&Piece {
                index: self.index,
                bytes: Some(made.text.len() as u64),
                writing: 0,
                manifest: made.manifest,
            })?;
        }
        self.index += 1;
        self.done += text.len() as u64;
        self.line += text.bytes().filter(|b| *b == b'\n').count() as u64;
        Ok(())
    }

    fn leaf(&mut self, leaf: &Leaf, found: &[Finding]) -> Result<()> {
        self.sink.write_all(&leaf.before)?;
        self.done += (leaf.before.len() + leaf.raw.len()) as u64;
        let delimiter = match leaf.kind {
            Kind::Cell(delimiter) => Some(delimiter),
            _ => None,
        };
        if let Some(ledger) = &mut self.ledger {
            ledger.head(self.shape, delimiter)?;
        }
        if leaf.kind == Kind::End {
            return Ok(());
        }
        let index = self.index;
        self.index += 1;
        // Text that looks like a surrogate is treated, too, and no finding.
        if found.is_empty() && !leaf.text.contains(['<', '_']) {
            self.sink.write_all(&leaf.raw)?;
            return Ok(());
        }
        let made = self
            .treat(&leaf.text, found)
            .with_context(|| format!("line {}", leaf.line + 1))?;
        if made.items.is_empty() {
            self.sink.write_all(&leaf.raw)?;
            return Ok(());
        }
        let writing = leaf.writing();
        if made.text == leaf.text {
            self.sink.write_all(&leaf.raw)?;
        } else {
            let new = writing.for_changed(leaf.kind, &made.text);
            self.sink
                .write_all(write(&made.text, leaf.kind, new).as_bytes())?;
        }
        if let Some(ledger) = &mut self.ledger {
            ledger.piece(&Piece {
                index,
                bytes: None,
                writing: writing.0,
                manifest: made.manifest,
            })?;
        }
        Ok(())
    }

    fn treat(&mut self, text: &str, found: &[Finding]) -> Result<Anonymized> {
        let made =
            self.anonymizer
                .anonymize_next(text, found, &mut self.conversation, &Budget::unlimited())?;
        for item in &made.items {
            *self.counts.entry(item.entity).or_default() += 1;
        }
        Ok(made)
    }

    /// Ends the manifest, then the result, so that no result is there without what restores it.
    fn finish(mut self) -> Result<BTreeMap<Entity, u64>> {
        if let Some(mut ledger) = self.ledger.take() {
            ledger.head(self.shape, None)?;
            ledger.finish()?;
        }
        self.sink.finish()?;
        Ok(self.counts)
    }
}
