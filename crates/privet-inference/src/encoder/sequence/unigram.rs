//! Cuts text into the pieces of SentencePiece's Unigram model, as a `tokenizer.json` of Hugging Face's tokenizers describes it.
//!
//! Source: Kudo, "Subword Regularization", ACL 2018: of all ways to cut a word the one whose pieces are likeliest together,
//! found by Viterbi's algorithm. What marks texts off, such as `[SEP]`, is never found in a text: nobody can forge it.

use std::collections::HashMap;

use serde::Deserialize;

use super::super::wordpiece::Piece;
use super::charsmap::Charsmap;
use super::letters::{Form, Letter, Rewriting, letters};
use crate::error::Error;

/// Stands for a space.
const SPACE: char = '\u{2581}';
/// More than any vocabulary has, in pieces and in bytes of one.
const MOST_PIECES: usize = 1 << 20;
const LONGEST: usize = 256;
/// Most steps of rewriting.
const MOST_STEPS: usize = 64;
/// How much less likely than the least likely piece an unknown character is; SentencePiece's `kUnkPenalty`.
const PENALTY: f64 = 10.0;

/// What is needed of `tokenizer.json`.
#[derive(Deserialize)]
struct Json {
    #[serde(default)]
    added_tokens: Vec<Added>,
    normalizer: Option<Step>,
    pre_tokenizer: Option<Step>,
    model: Model,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    content: String,
}

#[derive(Deserialize)]
struct Step {
    #[serde(rename = "type")]
    kind: String,
    normalizers: Option<Vec<Step>>,
    pretokenizers: Option<Vec<Step>>,
    precompiled_charsmap: Option<String>,
    pattern: Option<Searched>,
    content: Option<String>,
    strip_left: Option<bool>,
    strip_right: Option<bool>,
    replacement: Option<String>,
    add_prefix_space: Option<bool>,
    prepend_scheme: Option<String>,
    split: Option<bool>,
}

#[derive(Deserialize)]
enum Searched {
    Regex(String),
    String(String),
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type")]
    kind: Option<String>,
    unk_id: Option<u32>,
    vocab: Vec<(String, f64)>,
    #[serde(default)]
    byte_fallback: bool,
}

/// The pieces that a network knows, and how a text is rewritten before it is cut.
#[derive(Debug)]
pub(super) struct Unigram {
    steps: Vec<Rewriting>,
    /// Whether a space is put before a text that has none.
    begins_with_space: bool,
    pieces: HashMap<Box<str>, (u32, f64)>,
    /// In bytes.
    longest: usize,
    unknown: u32,
    /// Of an unknown character.
    unknown_score: f64,
    /// The pieces of bytes, if unknown characters are told by theirs.
    bytes: Option<Vec<u32>>,
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) size: usize,
}

/// A way to cut a word up to some place.
#[derive(Debug, Clone, Copy)]
struct Way {
    score: f64,
    /// The character that its last piece begins with.
    from: usize,
    /// The last piece; none if it is unknown.
    id: Option<u32>,
}

fn bad(problem: String) -> Error {
    Error::Files { problem }
}

/// The name of what a file uses and this reader does not know.
fn other(name: &str) -> Error {
    let shown: String = name.chars().filter(|c| c.is_ascii_graphic()).take(40).collect();
    bad(format!(
        "`tokenizer.json` rewrites or cuts texts by `{shown}`, which is not read; DeBERTa's own tokenizer is (`Unigram`, `Metaspace`, \
         `Precompiled`)"
    ))
}

impl Unigram {
    /// Reads `tokenizer.json`.
    pub(super) fn of_json(text: &str) -> Result<Self, Error> {
        let json: Json = serde_json::from_str(text)
            .map_err(|error| bad(format!("`tokenizer.json` cannot be read: {error}")))?;
        let model = json.model;
        let kind = model.kind.as_deref().unwrap_or("Unigram");
        if kind != "Unigram" {
            return Err(other(kind));
        }
        let mut steps = Vec::new();
        if let Some(step) = json.normalizer {
            rewriting(step, &mut steps, 0)?;
        }
        let begins_with_space = match json.pre_tokenizer {
            Some(step) => metaspace(step)?,
            None => return Err(other("no pre-tokenizer")),
        };
        let size = model.vocab.len();
        if size == 0 || size > MOST_PIECES || model.vocab.iter().any(|(_, score)| !score.is_finite()) {
            return Err(bad(
                "`tokenizer.json` has no pieces, too many, or one without a score".to_owned(),
            ));
        }
        let lowest = model
            .vocab
            .iter()
            .map(|(_, score)| *score)
            .fold(f64::INFINITY, f64::min);
        let mut marks: HashMap<&str, u32> = HashMap::new();
        let mut total = size;
        for added in &json.added_tokens {
            marks.insert(&added.content, added.id);
            total = total.max(usize::try_from(added.id).unwrap_or(usize::MAX).saturating_add(1));
        }
        if total > MOST_PIECES {
            return Err(bad("`tokenizer.json` has too many pieces".to_owned()));
        }
        let mut pieces = HashMap::with_capacity(size);
        let (mut longest, mut bytes) = (0, vec![None; 256]);
        for ((piece, score), id) in model.vocab.iter().zip(0_u32..) {
            if piece.len() > LONGEST {
                return Err(bad("`tokenizer.json` has a piece that is too long".to_owned()));
            }
            if let Some(place) = byte_of(piece).and_then(|byte| bytes.get_mut(usize::from(byte))) {
                *place = Some(id);
            }
            let is_mark = matches!(piece.as_str(), "[PAD]" | "[CLS]" | "[SEP]" | "[UNK]" | "[MASK]")
                || marks.contains_key(piece.as_str());
            if is_mark {
                marks.entry(piece).or_insert(id);
            } else if !piece.is_empty() {
                longest = longest.max(piece.len());
                pieces.insert(piece.as_str().into(), (id, *score));
            }
        }
        let named = |name: &str| {
            let id = marks.get(name).copied();
            id.ok_or_else(|| bad(format!("`tokenizer.json` has no piece `{name}`")))
        };
        let unknown = match model.unk_id {
            Some(id) if usize::try_from(id).is_ok_and(|id| id < size) => id,
            _ => return Err(bad("`tokenizer.json` has no unknown piece (`unk_id`)".to_owned())),
        };
        let bytes: Option<Vec<u32>> = bytes.into_iter().collect();
        Ok(Self {
            steps,
            begins_with_space,
            longest,
            unknown,
            unknown_score: lowest - PENALTY,
            bytes: bytes.filter(|_| model.byte_fallback),
            first: named("[CLS]")?,
            last: named("[SEP]")?,
            size: total,
            pieces,
        })
    }

    /// Adds the pieces of `text` to `out`. O(n) for a vocabulary whose pieces are short.
    pub(super) fn pieces(&self, text: &str, out: &mut Vec<Piece>) {
        let mut letters = letters(text, &self.steps);
        for one in &mut letters {
            if one.letter == ' ' {
                one.letter = SPACE;
            }
        }
        if let Some(first) = letters.first().copied()
            && self.begins_with_space
            && first.letter != SPACE
        {
            letters.insert(
                0,
                Letter {
                    letter: SPACE,
                    start: first.start,
                    end: first.start,
                },
            );
        }
        let mut ways = Vec::new();
        for word in letters.chunk_by(|_, next| next.letter != SPACE) {
            self.cut(word, &mut ways, out);
        }
    }

    /// Adds the likeliest pieces of one word. `ways` is space to work in.
    fn cut(&self, word: &[Letter], ways: &mut Vec<Option<Way>>, out: &mut Vec<Piece>) {
        let text: String = word.iter().map(|one| one.letter).collect();
        let mut ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        ends.push(text.len());
        ways.clear();
        ways.resize(ends.len(), None);
        if let Some(start) = ways.first_mut() {
            *start = Some(Way {
                score: 0.0,
                from: 0,
                id: None,
            });
        }
        for (from, start) in ends.iter().enumerate() {
            let Some(here) = ways.get(from).copied().flatten() else {
                continue;
            };
            let mut offer = |to: usize, score: f64, id: Option<u32>| {
                let score = here.score + score;
                if let Some(way) = ways.get_mut(to)
                    && way.is_none_or(|own| score > own.score)
                {
                    *way = Some(Way { score, from, id });
                }
            };
            let mut is_known = false;
            let reach = ends.iter().enumerate().skip(from + 1);
            for (to, end) in reach.take_while(|(_, end)| *end - start <= self.longest) {
                let found = text.get(*start..*end).and_then(|piece| self.pieces.get(piece));
                if let Some((id, score)) = found {
                    is_known |= to == from + 1;
                    offer(to, *score, Some(*id));
                }
            }
            if !is_known {
                offer(from + 1, self.unknown_score, None);
            }
        }
        self.trace_back(word, ways, out);
    }

    /// Adds the pieces of the best way to the end of `word`; unknown characters in a row are one piece.
    fn trace_back(&self, word: &[Letter], ways: &[Option<Way>], out: &mut Vec<Piece>) {
        let mut parts: Vec<(usize, usize, Option<u32>)> = Vec::new();
        let mut to = word.len();
        while to > 0 {
            let Some(way) = ways.get(to).copied().flatten() else {
                break;
            };
            match parts.last_mut() {
                Some((from, _, None)) if way.id.is_none() => *from = way.from,
                _ => parts.push((way.from, to, way.id)),
            }
            to = way.from;
        }
        for (from, to, id) in parts.into_iter().rev() {
            let letters = word.get(from..to).unwrap_or_default();
            let (Some(first), Some(last)) = (letters.first(), letters.last()) else {
                continue;
            };
            let mut put = |id: u32, begins_word: bool| {
                out.push(Piece {
                    id,
                    start: first.start,
                    end: last.end,
                    begins_word,
                });
            };
            match (id, &self.bytes) {
                (Some(id), _) => put(id, from == 0),
                (None, None) => put(self.unknown, from == 0),
                (None, Some(bytes)) => {
                    let text: String = letters.iter().map(|one| one.letter).collect();
                    for (at, byte) in text.bytes().enumerate() {
                        let id = bytes.get(usize::from(byte)).copied();
                        put(id.unwrap_or(self.unknown), from == 0 && at == 0);
                    }
                }
            }
        }
    }
}

/// The byte that a piece such as `<0x0A>` stands for.
fn byte_of(piece: &str) -> Option<u8> {
    let digits = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok())?
}

/// Adds what `step` does to `out`.
fn rewriting(step: Step, out: &mut Vec<Rewriting>, depth: usize) -> Result<(), Error> {
    if out.len() >= MOST_STEPS || depth > 8 {
        return Err(other("too many steps"));
    }
    let one = match step.kind.as_str() {
        "Sequence" => {
            for step in step.normalizers.unwrap_or_default() {
                rewriting(step, out, depth + 1)?;
            }
            return Ok(());
        }
        "Strip" => Rewriting::Strip {
            left: step.strip_left.unwrap_or(true),
            right: step.strip_right.unwrap_or(true),
        },
        "Precompiled" => {
            let Some(text) = step.precompiled_charsmap.filter(|text| !text.is_empty()) else {
                return Ok(());
            };
            let bytes = data_encoding::BASE64.decode(text.as_bytes());
            let bytes = bytes.map_err(|_| {
                bad("`tokenizer.json` has a `precompiled_charsmap` that is not base64".to_owned())
            })?;
            Rewriting::Charsmap(Charsmap::read(&bytes)?)
        }
        "Replace" => {
            let content = step.content.unwrap_or_default();
            match step.pattern {
                Some(Searched::Regex(pattern)) if pattern == " {2,}" => Rewriting::Spaces(content),
                Some(Searched::String(pattern)) => {
                    let mut chars = pattern.chars();
                    match (chars.next(), chars.next()) {
                        (Some(from), None) if content.len() <= 16 => Rewriting::Replace(from, content),
                        _ => return Err(other("Replace")),
                    }
                }
                _ => return Err(other("Replace")),
            }
        }
        "Lowercase" => Rewriting::Lowercase,
        "NFC" => Rewriting::Form(Form::Nfc),
        "NFD" => Rewriting::Form(Form::Nfd),
        "NFKC" => Rewriting::Form(Form::Nfkc),
        "NFKD" => Rewriting::Form(Form::Nfkd),
        name => return Err(other(name)),
    };
    out.push(one);
    Ok(())
}

/// Whether a space is put before a text; `step` has to cut it before spaces, and nowhere else.
fn metaspace(step: Step) -> Result<bool, Error> {
    let step = match (step.kind.as_str(), step.pretokenizers) {
        ("Sequence", Some(steps)) => {
            let mut steps = steps.into_iter();
            match (steps.next(), steps.next()) {
                (Some(only), None) => only,
                (_, Some(more)) => return Err(other(&more.kind)),
                (None, None) => return Err(other("no pre-tokenizer")),
            }
        }
        ("Sequence", None) => return Err(other("no pre-tokenizer")),
        (_, pretokenizers) => Step {
            pretokenizers,
            ..step
        },
    };
    if step.kind != "Metaspace"
        || step.replacement.as_deref() != Some("\u{2581}")
        || step.split == Some(false)
    {
        return Err(other(&step.kind));
    }
    match step.prepend_scheme.as_deref() {
        Some("always" | "first") => Ok(true),
        Some("never") => Ok(false),
        None => Ok(step.add_prefix_space.unwrap_or(true)),
        Some(name) => Err(other(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"added_tokens": [{"id": 0, "content": "[CLS]"}, {"id": 1, "content": "[SEP]"}, {"id": 9, "content":
        "[MASK]"}], "normalizer": {"type": "Sequence", "normalizers": [{"type": "Strip", "strip_left": true, "strip_right": true},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]}, "pre_tokenizer": {"type": "Metaspace", "replacement":
        "▁", "prepend_scheme": "always"}, "model": {"type": "Unigram", "unk_id": 2, "byte_fallback": false, "vocab": [["[CLS]", 0.0],
        ["[SEP]", 0.0], ["[UNK]", 0.0], ["▁", -3.0], ["▁ab", -2.0], ["a", -4.0], ["b", -4.0], ["c", -4.5], ["bc", -1.0]]}}"#;

    fn pieces(json: &str, text: &str) -> Vec<(u32, String)> {
        let mut out = Vec::new();
        Unigram::of_json(json).unwrap().pieces(text, &mut out);
        out.iter()
            .map(|p| (p.id, text.get(p.start..p.end).unwrap().to_owned()))
            .collect()
    }

    fn ids(json: &str, text: &str) -> Vec<u32> {
        pieces(json, text).into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn the_likeliest_pieces_are_taken_together() {
        // ▁ab c: −6.5; ▁ a bc: −8.
        assert_eq!(ids(JSON, "abc"), [4, 7]);
        assert_eq!(ids(JSON, " bc   ab "), [3, 8, 4]);
        assert_eq!(ids(JSON, ""), [0_u32; 0]);
        let words = pieces(JSON, "ab  abbc");
        let texts: Vec<&str> = words.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["ab", "  ab", "bc"]);
    }

    #[test]
    fn unknown_characters_in_a_row_are_one_piece() {
        assert_eq!(pieces(JSON, "aéöb").len(), 4);
        assert_eq!(ids(JSON, "aéöb"), [3, 5, 2, 6]);
        let bytes: Vec<String> = (0..256).map(|b| format!("[\"<0x{b:02X}>\", -9.0]")).collect();
        let json = JSON
            .replace("false, \"vocab", "true, \"vocab")
            .replace("[\"bc\", -1.0]", &format!("[\"bc\", -1.0], {}", bytes.join(", ")));
        assert_eq!(ids(&json, "é"), [3, 9 + 0xc3, 9 + 0xa9]);
    }

    #[test]
    fn what_marks_texts_off_is_not_found_in_a_text() {
        let found = ids(JSON, "a [SEP] b [CLS]");
        assert!(found.iter().all(|id| *id > 1), "{found:?}");
    }

    #[test]
    fn other_ways_to_cut_are_refused_by_name() {
        for (from, to) in [
            ("\"Unigram\"", "\"BPE\""),
            ("\"Metaspace\"", "\"ByteLevel\""),
            ("\"Strip\"", "\"Nmt\""),
        ] {
            let error = Unigram::of_json(&JSON.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(to.trim_matches('"')), "{error}");
        }
        for (from, to) in [
            ("\"unk_id\": 2", "\"unk_id\": 99"),
            ("[CLS]", "[BOS]"),
            ("\" {2,}\"", "\".*\""),
            ("\"always\"", "\"sometimes\""),
            ("\"id\": 9", "\"id\": 99999999"),
        ] {
            assert!(Unigram::of_json(&JSON.replace(from, to)).is_err(), "{to}");
        }
    }
}
