//! Gold sets: texts in which people marked what is to be found; and findings of another program on the same texts.

use std::collections::BTreeMap;

use privet_types::Span;
use serde::Deserialize;

use super::{Guess, Labelled};

/// How a gold set is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoldFormat {
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
pub struct GoldDocument {
    /// Its name; its place in the set, counted from 1, if it has none.
    pub id: String,
    /// The text, without marks.
    pub text: String,
    /// What is to be found, in the order of the file.
    pub spans: Vec<Labelled>,
}

/// Why a gold set, or a file of findings, cannot be read. Names the place, never the text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GoldError {
    /// A row is not of the format. Counted from 1.
    #[error("line {line} column {column} is not a row of the format; see `privet pii eval --help`")]
    Row {
        /// The line.
        line: usize,
        /// The column in bytes.
        column: usize,
    },
    /// A span does not lie in its text, or not on character bounds.
    #[error("span {position} of text `{id}` does not lie in the text on character bounds")]
    Span {
        /// Which one, counted from 1.
        position: usize,
        /// The text's name.
        id: String,
    },
    /// A line before the first text is not its head.
    #[error("line {line} is to begin a text with `# id`")]
    Head {
        /// The line, counted from 1.
        line: usize,
    },
    /// A mark is not whole.
    #[error("text `{id}` (line {line}): `[[` without `KIND|value]]`")]
    Mark {
        /// The text's name.
        id: String,
        /// The line it begins on, counted from 1.
        line: usize,
    },
    /// Two texts have one name, so that findings cannot be told apart.
    #[error("two texts are named `{id}`; findings are told apart by these names")]
    Twice {
        /// The name.
        id: String,
    },
    /// A text without findings, which are to be there even if there are none.
    #[error("no line for text `{id}`; one without findings has an empty list")]
    Missing {
        /// The text's name.
        id: String,
    },
    /// Findings in a text that the gold set does not have.
    #[error("findings in text `{id}`, which the gold set does not have")]
    Unknown {
        /// The text's name.
        id: String,
    },
}

/// Reads a gold set. O(n) time and memory.
///
/// # Errors
/// [`GoldError`] if it is not of the format.
///
/// ```
/// use privet_pii::eval::{GoldFormat, gold};
/// let documents = gold("# a\nwrite to [[EMAIL_ADDRESS|ada@example.com]]\n", GoldFormat::Inline)?;
/// assert_eq!((documents[0].text.as_str(), documents[0].spans[0].span.start), ("write to ada@example.com", 9));
/// # Ok::<(), privet_pii::eval::GoldError>(())
/// ```
pub fn gold(text: &str, format: GoldFormat) -> Result<Vec<GoldDocument>, GoldError> {
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
fn rows<T: for<'de> Deserialize<'de>>(text: &str) -> Result<Vec<T>, GoldError> {
    let wrong = |line: usize, error: &serde_json::Error| GoldError::Row {
        line,
        column: error.column(),
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

fn presidio(index: usize, row: PresidioRow) -> Result<GoldDocument, GoldError> {
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

fn jsonl(index: usize, row: JsonlRow) -> Result<GoldDocument, GoldError> {
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
) -> Result<Labelled, GoldError> {
    let span = Span::new(start, end);
    if end <= start || span.of(text).is_none() {
        return Err(GoldError::Span {
            position: index + 1,
            id: id.to_owned(),
        });
    }
    Ok(Labelled { kind, span })
}

fn inline(text: &str) -> Result<Vec<GoldDocument>, GoldError> {
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
            return Err(GoldError::Head { line: number });
        }
    }
    all.extend(body.map(marked).transpose()?);
    Ok(all)
}

/// A text with its marks taken out.
fn marked((id, body, line): (String, String, usize)) -> Result<GoldDocument, GoldError> {
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
            return Err(GoldError::Mark { id, line });
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

#[derive(Deserialize)]
struct FoundRow {
    #[serde(default)]
    id: serde_json::Value,
    findings: Vec<FoundSpan>,
}

#[derive(Deserialize)]
struct FoundSpan {
    #[serde(rename = "type")]
    kind: String,
    start: usize,
    end: usize,
    #[serde(default = "certain")]
    score: f32,
}

const fn certain() -> f32 {
    1.0
}

/// Reads what another program found in the texts of `documents`: `{"id","findings":[{"type","start","end","score"?}]}`, one a
/// line, positions in UTF-8 bytes, as `privet pii detect --format jsonl` writes it. Findings may overlap. Returns those of
/// each document, in the documents' order. A score that is left out is 1. O(n log n).
///
/// # Errors
/// [`GoldError`] if a line is not of the form, a text has no line or two, or a finding does not lie in its text.
pub fn predictions(text: &str, documents: &[GoldDocument]) -> Result<Vec<Vec<Guess>>, GoldError> {
    let mut places = BTreeMap::new();
    for (place, document) in documents.iter().enumerate() {
        if places.insert(document.id.as_str(), (place, document)).is_some() {
            return Err(GoldError::Twice {
                id: document.id.clone(),
            });
        }
    }
    let mut all = vec![None; documents.len()];
    for (index, row) in rows::<FoundRow>(text)?.into_iter().enumerate() {
        let id = id(index, &row.id);
        let Some((place, document)) = places.get(id.as_str()) else {
            return Err(GoldError::Unknown { id });
        };
        let mut found = Vec::with_capacity(row.findings.len());
        for (i, span) in row.findings.into_iter().enumerate() {
            let labelled = labelled(&document.text, &id, i, span.kind, (span.start, span.end))?;
            found.push(Guess {
                kind: labelled.kind,
                span: labelled.span,
                score: span.score.clamp(0.0, 1.0),
            });
        }
        match all.get_mut(*place) {
            Some(known @ None) => *known = Some(found),
            _ => return Err(GoldError::Twice { id }),
        }
    }
    let whole = all.into_iter().zip(documents);
    whole
        .map(|(found, document)| {
            found.ok_or_else(|| GoldError::Missing {
                id: document.id.clone(),
            })
        })
        .collect()
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
            let all = gold(text, format).unwrap();
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
            let error = format!("{:#}", gold(text, format).unwrap_err());
            assert!(!error.contains("SECRET"), "{error}");
        }
    }

    #[test]
    fn findings_of_another_program_are_told_apart_by_the_names_of_the_texts() {
        let documents = gold("# a\né [[PERSON|Ada]]\n---\n# b\nnone\n", GoldFormat::Inline).unwrap();
        let lines = "{\"id\":\"b\",\"findings\":[]}\n\
                     {\"id\":\"a\",\"findings\":[{\"type\":\"PERSON\",\"start\":3,\"end\":6,\"rule\":\"x\"}]}\n";
        let found = predictions(lines, &documents).unwrap();
        let expected = Guess {
            kind: "PERSON".to_owned(),
            span: Span::new(3, 6),
            score: 1.0,
        };
        assert_eq!(found, [vec![expected], vec![]]);
    }

    #[test]
    fn findings_that_do_not_belong_to_the_gold_set_are_refused() {
        let documents = gold("# a\néSECRET\n", GoldFormat::Inline).unwrap();
        for lines in [
            "",
            "{\"id\":\"b\",\"findings\":[]}",
            "{\"id\":\"a\",\"findings\":[]}\n{\"id\":\"a\",\"findings\":[]}",
            "{\"id\":\"a\",\"findings\":[{\"type\":\"A\",\"start\":1,\"end\":3}]}",
            "{\"id\":\"a\",\"findings\":[{\"type\":\"A\",\"start\":2,\"end\":99}]}",
            "{\"id\":\"a\"}",
        ] {
            let error = predictions(lines, &documents).unwrap_err().to_string();
            assert!(!error.contains("SECRET"), "{error}");
        }
        let twice = [documents.clone(), documents].concat();
        assert!(predictions("", &twice).is_err());
    }
}
