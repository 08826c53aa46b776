//! How findings are shown.

use std::io::{IsTerminal, Write};

use anyhow::Result;
use clap::ValueEnum;
use privet_pii::documents::At;
use privet_pii::{Explanation, Language, WordPlace};
use privet_types::{Basis, Entity, Finding, RuleId};
use serde::Serialize;

use crate::rim;

/// Widest first column of a table.
const PLACE: usize = 40;
/// Width of the other columns with the space between them, for a rule's name of 20.
const OTHERS: usize = 58;

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// One line each, `path:line:column  kind  score  rule`; in colour on a terminal.
    Text,
    /// One JSON object a line; with `--format jsonl` one for each text.
    Jsonl,
    /// Columns with a head.
    Table,
}

/// One finding, ready to be shown.
pub(crate) struct Hit {
    pub(crate) finding: Finding,
    /// Offsets in the unit that was asked for, within the text or the value.
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Counted from 1.
    pub(crate) line: u64,
    pub(crate) column: u64,
    pub(crate) at: Option<At>,
    /// Only if it is asked for.
    pub(crate) why: Option<Explanation>,
    /// Only if it is to be shown.
    pub(crate) value: Option<String>,
}

/// Writes findings to standard output.
pub(crate) struct Printer {
    output: Output,
    is_coloured: bool,
    /// Width of the table's first column.
    place: usize,
    out: std::io::BufWriter<std::io::StdoutLock<'static>>,
}

#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    line: u64,
    column: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_key: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(flatten)]
    found: Found<'a>,
}

/// A finding as scripts read it.
#[derive(Serialize)]
pub(crate) struct Found<'a> {
    #[serde(rename = "type")]
    entity: Entity,
    start: u64,
    end: u64,
    score: f32,
    rule: RuleId,
    #[serde(flatten)]
    why: Option<Why<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
}

/// What a finding rests on, as scripts read it.
#[derive(Serialize)]
struct Why<'a> {
    basis: Basis,
    #[serde(skip_serializing_if = "Option::is_none")]
    recognizer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_word: Option<&'a str>,
    /// `before`, `after` or `name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    context_place: Option<&'static str>,
    score_without_context: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<Language>,
    is_disguised: bool,
}

impl<'a> Why<'a> {
    fn new(why: &'a Explanation) -> Self {
        let context = why.context.as_ref();
        Self {
            basis: why.basis,
            recognizer: why.recognizer.as_deref(),
            pattern: why.pattern.as_deref(),
            context_word: context.map(|c| c.word.as_str()),
            context_place: context.map(|c| match c.place {
                WordPlace::Before(_) => "before",
                WordPlace::After(_) => "after",
                WordPlace::Name => "name",
            }),
            score_without_context: why.score_without_context,
            checksum: why.checksum,
            language: why.language,
            is_disguised: why.is_disguised,
        }
    }
}

impl<'a> Found<'a> {
    pub(crate) fn new(hit: &'a Hit) -> Self {
        Self {
            entity: hit.finding.entity,
            start: hit.start,
            end: hit.end,
            score: hit.finding.score,
            rule: hit.finding.rule,
            why: hit.why.as_ref().map(Why::new),
            value: hit.value.as_deref(),
        }
    }
}

impl Printer {
    /// A printer; a table gets its head.
    ///
    /// # Errors
    /// If nobody reads the output.
    pub(crate) fn new(output: Output, explains: bool) -> Result<Self> {
        let mut printer = Self {
            output,
            is_coloured: is_coloured(),
            // At a terminal a row fits into its width, if that has 80 columns.
            place: rim::terminal().map_or(PLACE, |width| width.saturating_sub(OTHERS).clamp(22, PLACE)),
            out: std::io::BufWriter::new(std::io::stdout().lock()),
        };
        if output == Output::Table {
            let basis = if explains { "why" } else { "" };
            let head = format!(
                "{:<width$}  {:<24}  score  {:<22}  {basis}",
                "where",
                "kind",
                "rule",
                width = printer.place
            );
            writeln!(printer.out, "{}", head.trim_end())?;
        }
        Ok(printer)
    }

    /// Writes what was made ready elsewhere.
    ///
    /// # Errors
    /// If nobody reads the output.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.out.write_all(bytes)?)
    }

    /// Writes one finding.
    ///
    /// # Errors
    /// If nobody reads the output.
    pub(crate) fn hit(&mut self, path: &str, hit: &Hit) -> Result<()> {
        if self.output == Output::Jsonl {
            let (pointer, is_key, record, field, name) = match &hit.at {
                Some(At::Pointer { pointer, is_key }) => {
                    (Some(pointer.as_str()), is_key.then_some(true), None, None, None)
                }
                Some(At::Cell { record, field, name }) => {
                    (None, None, Some(*record), Some(*field), name.as_deref())
                }
                None => (None, None, None, None, None),
            };
            let line = Line {
                path,
                line: hit.line,
                column: hit.column,
                pointer,
                is_key,
                record,
                field,
                name,
                found: Found::new(hit),
            };
            serde_json::to_writer(&mut self.out, &line)?;
            self.out.write_all(b"\n")?;
            return Ok(());
        }
        let place = format!(
            "{}:{}:{}{}",
            printable(path),
            hit.line,
            hit.column,
            inside(hit.at.as_ref())
        );
        let finding = &hit.finding;
        let why = hit.why.as_ref().map(explained).unwrap_or_default();
        let value = hit.value.as_deref().map(printable).unwrap_or_default();
        let (kind, score, rule) = (finding.entity.name(), finding.score, finding.rule.0);
        let line = match (self.output, self.is_coloured) {
            (Output::Table, _) => {
                let width = self.place;
                format!("{place:<width$}  {kind:<24}  {score:>5.2}  {rule:<22}  {why}  {value}")
            }
            (_, true) => format!(
                "\u{1b}[2m{place}\u{1b}[0m  \u{1b}[1;33m{kind}\u{1b}[0m  {score:.2}  \u{1b}[2m{rule}\u{1b}[0m  {why}  \
                 \u{1b}[1;31m{value}\u{1b}[0m"
            ),
            (_, false) => format!("{place}  {kind}  {score:.2}  {rule}  {why}  {value}"),
        };
        writeln!(self.out, "{}", line.trim_end())?;
        Ok(())
    }

    /// Writes out what is held back.
    ///
    /// # Errors
    /// If nobody reads the output.
    pub(crate) fn flush(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }
}

fn inside(at: Option<&At>) -> String {
    match at {
        None => String::new(),
        Some(At::Pointer { pointer, is_key }) => {
            let key = if *is_key { " (key)" } else { "" };
            format!(" {}{key}", printable(pointer))
        }
        Some(At::Cell { field, name, .. }) => match name {
            Some(name) => format!(" {}", printable(name)),
            None => format!(" column {field}"),
        },
    }
}

/// Whether standard output is a terminal that wants colours (<https://no-color.org>).
pub(crate) fn is_coloured() -> bool {
    std::io::stdout().is_terminal()
        && rim::environment("NO_COLOR").is_none_or(|value| value.is_empty())
        && rim::environment("TERM").is_none_or(|term| term != "dumb")
}

/// `text` without anything that moves a terminal's cursor or turns its writing direction.
pub(crate) fn printable(text: &str) -> String {
    let acts = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(acts) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| {
            if acts(c) {
                c.escape_unicode().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}

/// What a finding rests on, in words.
pub(crate) fn explained(why: &Explanation) -> String {
    let basis = match why.basis {
        Basis::Form => "common form",
        Basis::Network => "neural network",
        Basis::Pattern => "rare form",
        Basis::Context => "form, word beside it",
        Basis::Checksum => "check digit or as strict",
        Basis::Listed => "listed by you",
    };
    let mut said = basis.to_owned();
    if let Some(own) = &why.recognizer {
        let pattern = why
            .pattern
            .as_ref()
            .map(|p| format!(", pattern `{}`", printable(p)));
        said.push_str(&format!(
            "; recogniser `{}`{}",
            printable(own),
            pattern.unwrap_or_default()
        ));
    }
    if let Some(context) = &why.context {
        let place = match context.place {
            WordPlace::Before(_) => "before it",
            WordPlace::After(_) => "behind it",
            WordPlace::Name => "in its name",
        };
        let without = match why.score_without_context {
            0.0 => "not found without it".to_owned(),
            score => format!("{score:.2} without it"),
        };
        said.push_str(&format!("; `{}` {place}, {without}", printable(&context.word)));
    }
    if let Some(checksum) = why.checksum {
        said.push_str(&format!("; right by {checksum}"));
    }
    if why.is_disguised {
        said.push_str("; disguised");
    }
    if let Some(language) = why.language {
        said.push_str(&format!("; language {}", language.code()));
    }
    said
}
