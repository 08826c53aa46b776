//! Gold sets: texts in which people marked what is to be found.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use flate2::read::MultiGzDecoder;
use privet_pii::eval::Labelled;
use privet_types::Span;
use serde::Deserialize;

/// How a gold set is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GoldFormat {
    /// `{"full_text","spans":[{"entity_type","start_position","end_position"}]}`, one a line or in one array; positions are
    /// code points.
    PresidioResearch,
    /// `{"id","text","spans":[{"type","start","end"}]}`, one a line; positions are UTF-8 bytes.
    Jsonl,
    /// `[[KIND|value]]` in the text; texts begin with a line `# id` and are divided by lines `---`.
    Inline,
}

/// One text and what is to be found in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GoldDocument {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) spans: Vec<Labelled>,
}

/// Reads a gold set; one whose name ends with `.gz` is unpacked.
///
/// # Errors
/// If it cannot be read or is not of the format. Errors name the place, never the text.
pub(crate) fn read(path: &Path, format: GoldFormat) -> Result<Vec<GoldDocument>> {
    let name = path.display();
    let cannot = || format!("cannot read gold set `{name}`");
    let mut text = String::new();
    let mut reader: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        let file = BufReader::new(File::open(path).with_context(cannot)?);
        if path.extension().is_some_and(|e| e == "gz") {
            Box::new(MultiGzDecoder::new(file))
        } else {
            Box::new(file)
        }
    };
    reader.read_to_string(&mut text).with_context(cannot)?;
    parse(&text, format).with_context(|| format!("gold set `{name}`"))
}

fn parse(text: &str, format: GoldFormat) -> Result<Vec<GoldDocument>> {
    match format {
        GoldFormat::Inline => inline(text),
        GoldFormat::Jsonl => rows(text)?
            .into_iter()
            .enumerate()
            .map(|(i, row)| jsonl(i, row))
            .collect(),
        GoldFormat::PresidioResearch => rows(text)?
            .into_iter()
            .enumerate()
            .map(|(i, row)| presidio(i, row))
            .collect(),
    }
}

/// The rows of an array, or one a line.
fn rows<T: for<'de> Deserialize<'de>>(text: &str) -> Result<Vec<T>> {
    let wrong = |line: usize, error: &serde_json::Error| {
        anyhow::anyhow!(
            "line {line} column {} is not a row of the format; see `privet pii eval --help`",
            error.column()
        )
    };
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text).map_err(|e| wrong(e.line(), &e));
    }
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(i, line)| serde_json::from_str(line).map_err(|e| wrong(i + 1, &e)))
        .collect()
}

#[derive(Deserialize)]
struct PresidioRow {
    full_text: String,
    #[serde(default)]
    spans: Vec<PresidioSpan>,
    #[serde(default)]
    id: serde_json::Value,
}

#[derive(Deserialize)]
struct PresidioSpan {
    entity_type: String,
    start_position: usize,
    end_position: usize,
}

#[derive(Deserialize)]
struct JsonlRow {
    text: String,
    #[serde(default)]
    spans: Vec<JsonlSpan>,
    #[serde(default)]
    id: serde_json::Value,
}

#[derive(Deserialize)]
struct JsonlSpan {
    #[serde(rename = "type")]
    kind: String,
    start: usize,
    end: usize,
}

fn id(index: usize, id: &serde_json::Value) -> String {
    match id {
        serde_json::Value::Null => (index + 1).to_string(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn presidio(index: usize, row: PresidioRow) -> Result<GoldDocument> {
    let id = id(index, &row.id);
    // Where each code point begins.
    let starts: Vec<usize> = row
        .full_text
        .char_indices()
        .map(|(at, _)| at)
        .chain([row.full_text.len()])
        .collect();
    let byte = |at: usize| starts.get(at).copied().unwrap_or(usize::MAX);
    let mut spans = Vec::new();
    for (i, span) in row.spans.into_iter().enumerate() {
        let bytes = (byte(span.start_position), byte(span.end_position));
        spans.push(labelled(&row.full_text, &id, i, span.entity_type, bytes)?);
    }
    Ok(GoldDocument {
        id,
        text: row.full_text,
        spans,
    })
}

fn jsonl(index: usize, row: JsonlRow) -> Result<GoldDocument> {
    let id = id(index, &row.id);
    let mut spans = Vec::new();
    for (i, span) in row.spans.into_iter().enumerate() {
        spans.push(labelled(&row.text, &id, i, span.kind, (span.start, span.end))?);
    }
    Ok(GoldDocument {
        id,
        text: row.text,
        spans,
    })
}

fn labelled(
    text: &str,
    id: &str,
    index: usize,
    kind: String,
    (start, end): (usize, usize),
) -> Result<Labelled> {
    let span = Span::new(start, end);
    if end <= start || span.of(text).is_none() {
        bail!(
            "span {} of text `{id}` does not lie in the text on character bounds",
            index + 1
        );
    }
    Ok(Labelled { kind, span })
}

fn inline(text: &str) -> Result<Vec<GoldDocument>> {
    let mut all = Vec::new();
    let mut number = 0;
    let mut body: Option<(String, String, usize)> = None;
    for line in text.split_inclusive('\n') {
        number += 1;
        let bare = line.trim_end_matches(['\n', '\r']);
        if bare == "---" {
            all.extend(body.take().map(marked).transpose()?);
        } else if let Some((_, text, _)) = &mut body {
            text.push_str(line);
        } else if let Some(head) = bare.strip_prefix("# ") {
            let id = head.split_whitespace().next().unwrap_or_default();
            body = Some((id.to_owned(), String::new(), number));
        } else if !bare.is_empty() {
            bail!("line {number} is to begin a text with `# id`");
        }
    }
    all.extend(body.map(marked).transpose()?);
    Ok(all)
}

/// A text with its marks taken out.
fn marked((id, body, line): (String, String, usize)) -> Result<GoldDocument> {
    let body = body.trim_end_matches(['\n', '\r']);
    let mut text = String::with_capacity(body.len());
    let mut spans = Vec::new();
    let mut parts = body.split("[[");
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let mark = part
            .split_once("]]")
            .and_then(|(mark, rest)| Some((mark.split_once('|')?, rest)));
        let Some(((kind, value), rest)) = mark else {
            bail!("text `{id}` (line {line}): `[[` without `KIND|value]]`");
        };
        let start = text.len();
        text.push_str(value);
        spans.push(Labelled {
            kind: kind.to_owned(),
            span: Span::new(start, text.len()),
        });
        text.push_str(rest);
    }
    Ok(GoldDocument { id, text, spans })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_formats_say_the_same() {
        let rows = [
            (
                GoldFormat::Jsonl,
                r#"{"id":"a","text":"é Ada\nx","spans":[{"type":"PERSON","start":3,"end":6}]}"#,
            ),
            (
                GoldFormat::PresidioResearch,
                r#"[{"id":"a","full_text":"é Ada\nx","spans":[{"entity_type":"PERSON","start_position":2,"end_position":5}]}]"#,
            ),
            (GoldFormat::Inline, "# a mail\né [[PERSON|Ada]]\nx\n---\n"),
        ];
        for (format, text) in rows {
            let all = parse(text, format).unwrap();
            let expected = GoldDocument {
                id: "a".to_owned(),
                text: "é Ada\nx".to_owned(),
                spans: vec![Labelled {
                    kind: "PERSON".to_owned(),
                    span: Span::new(3, 6),
                }],
            };
            assert_eq!(all, [expected], "{format:?}");
        }
    }

    #[test]
    fn what_is_not_of_the_format_is_refused_without_its_text() {
        for (format, text) in [
            (GoldFormat::Jsonl, r#"{"text": 5, "x": "SECRET"}"#),
            (
                GoldFormat::Jsonl,
                r#"{"text":"éSECRET","spans":[{"type":"A","start":1,"end":3}]}"#,
            ),
            (
                GoldFormat::PresidioResearch,
                r#"{"full_text":"SECRET","spans":[{"entity_type":"A","start_position":1,"end_position":9}]}"#,
            ),
            (GoldFormat::Inline, "SECRET"),
            (GoldFormat::Inline, "# a\n[[SECRET]]"),
        ] {
            let error = format!("{:#}", parse(text, format).unwrap_err());
            assert!(!error.contains("SECRET"), "{error}");
        }
    }
}
