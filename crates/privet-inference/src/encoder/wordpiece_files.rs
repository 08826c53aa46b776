//! Reads how a network's texts are cut: `tokenizer.json` of Hugging Face's tokenizers, or `vocab.txt`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::wordpiece::Spelling;
use crate::error::Error;

/// More than any vocabulary of word pieces has.
const MOST_PIECES: usize = 1 << 20;
/// Longest word that is cut; longer ones are unknown as a whole.
const MOST_CHARS: usize = 100;

/// Word pieces, numbered from 0, and the spelling that they are looked up in.
#[derive(Debug)]
pub struct WordPieces {
    /// The pieces, in the order of their numbers.
    pub pieces: Vec<String>,
    /// How a text is spelt before they are looked up.
    pub spelling: Spelling,
}

fn bad(problem: impl Into<String>) -> Error {
    Error::Files {
        problem: problem.into(),
    }
}

/// What is needed of `tokenizer.json`.
#[derive(Deserialize)]
struct Json {
    #[serde(default)]
    added_tokens: Vec<Added>,
    normalizer: Option<Normalizer>,
    pre_tokenizer: Option<Step>,
    model: Pieces,
}

#[derive(Deserialize)]
struct Step {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Added {
    id: usize,
    content: String,
    #[serde(default)]
    special: bool,
}

#[derive(Deserialize)]
struct Normalizer {
    #[serde(rename = "type")]
    kind: String,
    clean_text: Option<bool>,
    handle_chinese_chars: Option<bool>,
    strip_accents: Option<bool>,
    lowercase: Option<bool>,
}

#[derive(Deserialize)]
struct Pieces {
    #[serde(rename = "type")]
    kind: Option<String>,
    unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    max_input_chars_per_word: Option<usize>,
    vocab: Option<serde_json::Value>,
}

/// What is needed of `tokenizer_config.json`; what it does not say is as in BERT's uncased networks.
#[derive(Deserialize)]
struct Settings {
    do_lower_case: Option<bool>,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: Option<bool>,
    tokenizer_class: Option<String>,
    unk_token: Option<serde_json::Value>,
}

fn spelling(is_lower_case: bool, strips_accents: Option<bool>, cuts_ideographs: Option<bool>) -> Spelling {
    Spelling {
        is_lower_case,
        strips_accents: strips_accents.unwrap_or(is_lower_case),
        cuts_ideographs: cuts_ideographs.unwrap_or(true),
    }
}

/// The name of what a file uses and this reader does not know.
fn shown(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_graphic()).take(40).collect()
}

fn other(name: &str) -> Error {
    bad(format!(
        "`tokenizer.json` cuts texts by `{}`; word pieces as BERT's (`WordPiece`, `BertNormalizer`, `BertPreTokenizer`) are \
         read: take a BERT or DistilBERT",
        shown(name)
    ))
}

impl WordPieces {
    /// Reads `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Files`] if it cuts texts in another way than BERT's.
    pub fn of_json(text: &str) -> Result<Self, Error> {
        let json: Json =
            serde_json::from_str(text).map_err(|e| bad(format!("`tokenizer.json` cannot be read: {e}")))?;
        let kind = json.model.kind.as_deref().unwrap_or("WordPiece");
        if kind != "WordPiece" {
            return Err(other(kind));
        }
        let Some(normalizer) = json.normalizer.filter(|n| n.kind == "BertNormalizer") else {
            return Err(other("another normaliser"));
        };
        match json.pre_tokenizer {
            Some(step) if step.kind == "BertPreTokenizer" => {}
            Some(step) => return Err(other(&step.kind)),
            None => return Err(other("no pre-tokenizer")),
        }
        let model = &json.model;
        let is_usual = normalizer.clean_text.unwrap_or(true)
            && model.unk_token.as_deref().unwrap_or("[UNK]") == "[UNK]"
            && model.continuing_subword_prefix.as_deref().unwrap_or("##") == "##"
            && model.max_input_chars_per_word.unwrap_or(MOST_CHARS) == MOST_CHARS;
        if !is_usual {
            return Err(other("word pieces with settings of its own"));
        }
        let vocabulary: BTreeMap<String, usize> = json
            .model
            .vocab
            .and_then(|vocabulary| serde_json::from_value(vocabulary).ok())
            .ok_or_else(|| bad("`tokenizer.json` has no vocabulary of word pieces"))?;
        let mut pieces = vec![None; vocabulary.len()];
        let mut put = |at: usize, piece: String| {
            if at == pieces.len() && at < MOST_PIECES {
                pieces.push(None);
            }
            match pieces.get_mut(at) {
                Some(place) if place.as_ref().is_none_or(|own| *own == piece) => {
                    *place = Some(piece);
                    Ok(())
                }
                _ => Err(bad("the pieces in `tokenizer.json` are not numbered from 0")),
            }
        };
        for (piece, at) in vocabulary {
            put(at, piece)?;
        }
        for added in json.added_tokens {
            if !added.special {
                return Err(bad(format!(
                    "`tokenizer.json` adds a piece of its own, `{}`, which word pieces cannot find; train without added tokens",
                    shown(&added.content)
                )));
            }
            put(added.id, added.content)?;
        }
        let pieces: Option<Vec<String>> = pieces.into_iter().collect();
        Ok(Self {
            pieces: pieces.ok_or_else(|| bad("the pieces in `tokenizer.json` are not numbered from 0"))?,
            spelling: spelling(
                normalizer.lowercase.unwrap_or(true),
                normalizer.strip_accents,
                normalizer.handle_chinese_chars,
            ),
        })
    }

    /// Reads `vocab.txt`, with the settings beside it.
    ///
    /// # Errors
    /// [`Error::Files`] if the settings are not there, or are of another tokenizer than BERT's.
    pub fn of_vocabulary(text: &str, settings: Option<&str>) -> Result<Self, Error> {
        let settings: Option<Settings> = settings
            .map(serde_json::from_str)
            .transpose()
            .map_err(|e| bad(format!("`tokenizer_config.json` cannot be read: {e}")))?;
        let Some(settings) = settings else {
            return Err(bad(
                "`tokenizer_config.json` is not there, so that nobody knows whether capitals count; copy it, or \
                 `tokenizer.json`, from where the network was trained",
            ));
        };
        if let Some(class) = &settings.tokenizer_class
            && !matches!(
                class.as_str(),
                "BertTokenizer" | "BertTokenizerFast" | "DistilBertTokenizer" | "DistilBertTokenizerFast"
            )
        {
            return Err(bad(format!(
                "texts are cut by `{}`; take a BERT or DistilBERT with its own tokenizer",
                shown(class)
            )));
        }
        let is_usual = match &settings.unk_token {
            None => true,
            Some(serde_json::Value::String(token)) => token == "[UNK]",
            Some(token) => token.get("content").and_then(serde_json::Value::as_str) == Some("[UNK]"),
        };
        if !is_usual {
            return Err(bad("its unknown piece is not called [UNK]"));
        }
        let spelling = spelling(
            settings.do_lower_case.unwrap_or(true),
            settings.strip_accents,
            settings.tokenize_chinese_chars,
        );
        Ok(Self {
            pieces: text.lines().take(MOST_PIECES + 1).map(str::to_owned).collect(),
            spelling,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r###"{"added_tokens": [{"id": 4, "content": "[MASK]", "special": true}],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
        "lowercase": false}, "pre_tokenizer": {"type": "BertPreTokenizer"}, "model": {"type": "WordPiece", "unk_token": "[UNK]",
        "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
        "vocab": {"[UNK]": 0, "[SEP]": 2, "[CLS]": 1, "##a": 3}}}"###;

    #[test]
    fn a_cased_tokenizer_is_read() {
        let read = WordPieces::of_json(JSON).unwrap();
        assert_eq!(read.pieces, ["[UNK]", "[CLS]", "[SEP]", "##a", "[MASK]"]);
        assert!(!read.spelling.is_lower_case && !read.spelling.strips_accents);
        let read = WordPieces::of_vocabulary("[UNK]\n##a\n", Some(r#"{"do_lower_case": true}"#)).unwrap();
        assert_eq!(read.pieces, ["[UNK]", "##a"]);
        assert!(read.spelling.is_lower_case && read.spelling.strips_accents);
    }

    #[test]
    fn other_ways_to_cut_are_refused_by_name() {
        for (from, to) in [
            ("\"WordPiece\"", "\"BPE\""),
            ("\"WordPiece\"", "\"Unigram\""),
            ("\"BertPreTokenizer\"", "\"ByteLevel\""),
        ] {
            let error = WordPieces::of_json(&JSON.replace(from, to))
                .unwrap_err()
                .to_string();
            assert!(error.contains(to.trim_matches('"')), "{error}");
        }
        for (from, to) in [
            ("\"BertNormalizer\"", "\"NFC\""),
            ("\"##\"", "\"@@\""),
            ("\"##a\": 3", "\"##a\": 9"),
            ("\"##a\": 3", "\"##a\": 2"),
            ("\"special\": true", "\"special\": false"),
            ("\"id\": 4", "\"id\": 6"),
            (": 100", ": 50"),
        ] {
            assert!(WordPieces::of_json(&JSON.replace(from, to)).is_err(), "{to}");
        }
        assert!(WordPieces::of_vocabulary("[UNK]\n", None).is_err());
        let error = WordPieces::of_vocabulary("[UNK]\n", Some(r#"{"tokenizer_class": "RobertaTokenizer"}"#));
        assert!(error.unwrap_err().to_string().contains("RobertaTokenizer"));
    }
}
