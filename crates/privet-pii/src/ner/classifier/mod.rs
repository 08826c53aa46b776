//! Personal data by a token classifier of the user's choice, whose files are handed in.

mod labels;

use privet_inference::{Encoder, EncoderMemory, TaggedWords, Word, WordPieces};
use privet_types::{Basis, Budget, Entity, Finding, RuleId, Span};
use serde::Deserialize;

use super::model::{Found, of_encoder};
use super::together::stretches;
use super::trimmed;
use crate::error::Error;
use labels::{Meaning, Place};

pub use labels::Labels;

/// The least mean probability of a finding.
const LEAST: f32 = 0.5;
/// Most labels: more than any scheme of kinds and places has.
const MOST_LABELS: usize = 1024;

/// The files of a token classifier, as Hugging Face's Optimum names them.
#[derive(Debug, Clone, Copy)]
pub struct ClassifierFiles<'a> {
    /// `model.onnx`.
    pub model: &'a [u8],
    /// `config.json`.
    pub config: &'a str,
    /// `tokenizer.json`, if it is there.
    pub tokenizer: Option<&'a str>,
    /// `tokenizer_config.json`, if it is there: how `vocabulary` is used where there is no `tokenizer`.
    pub tokenizer_config: Option<&'a str>,
    /// `vocab.txt`, if it is there.
    pub vocabulary: Option<&'a str>,
}

/// What is needed of `config.json`.
#[derive(Debug, Deserialize)]
struct Architecture {
    #[serde(alias = "n_heads")]
    num_attention_heads: usize,
    #[serde(alias = "n_layers")]
    num_hidden_layers: usize,
    #[serde(alias = "dim")]
    hidden_size: usize,
    id2label: std::collections::BTreeMap<String, String>,
}

/// A classifier, ready to look.
#[derive(Debug)]
pub(super) struct Classifier {
    encoder: Encoder,
    /// What each label means, in the order of the scores.
    meanings: Vec<Meaning>,
    /// Sorted.
    entities: Vec<Entity>,
}

/// A word with the likeliest of what it may be.
#[derive(Debug, Clone, Copy)]
struct Read {
    word: Word,
    /// Index into the entities; none if it is nothing of note.
    class: Option<usize>,
    /// Probability of the class.
    probability: f32,
    /// Where it stands in the value, by the likeliest label of the class.
    place: Place,
}

fn bad(problem: impl Into<String>) -> Error {
    Error::Classifier {
        problem: problem.into(),
    }
}

impl Architecture {
    fn read(config: &str) -> Result<Self, Error> {
        /// Only the type: what else a configuration has depends on it.
        #[derive(Deserialize)]
        struct Type {
            model_type: String,
        }
        let unreadable = |e: serde_json::Error| bad(format!("`config.json` cannot be read: {e}"));
        let Type { model_type } = serde_json::from_str(config).map_err(unreadable)?;
        if !matches!(model_type.as_str(), "bert" | "distilbert") {
            let why = match model_type.as_str() {
                "roberta" | "xlm-roberta" | "camembert" | "longformer" | "xlnet" | "albert" | "deberta"
                | "deberta-v2" | "modernbert" | "mpnet" | "t5" | "llama" => {
                    "its texts are cut in another way (byte pairs, SentencePiece), or its attention is another one"
                }
                _ => "its way of reading is not known here",
            };
            let shown: String = model_type
                .chars()
                .filter(|c| c.is_ascii_graphic())
                .take(40)
                .collect();
            return Err(bad(format!(
                "it is of the type `{shown}`: {why}; take a BERT or DistilBERT (`model_type` \"bert\" or \"distilbert\")"
            )));
        }
        let read: Self = serde_json::from_str(config).map_err(unreadable)?;
        if read.id2label.is_empty() || read.id2label.len() > MOST_LABELS {
            return Err(bad("`config.json` has no labels (`id2label`), or too many"));
        }
        Ok(read)
    }

    /// The labels in the order of their numbers.
    fn labels(&self) -> Result<Vec<&str>, Error> {
        let mut labels = vec![None; self.id2label.len()];
        for (number, label) in &self.id2label {
            let place = number.parse::<usize>().ok().and_then(|at| labels.get_mut(at));
            *place.ok_or_else(|| bad("the labels in `config.json` are not numbered from 0"))? =
                Some(label.as_str());
        }
        let all: Option<Vec<&str>> = labels.into_iter().collect();
        all.ok_or_else(|| bad("the labels in `config.json` are not numbered from 0"))
    }
}

impl Labels {
    /// What each label of the configuration `config` (`config.json`) is taken for, in order: a kind's name, or `ignore`.
    ///
    /// # Errors
    /// [`Error::Classifier`] if the configuration is none of a BERT's or DistilBERT's, or a label is not known.
    pub fn resolve(&self, config: &str) -> Result<Vec<(String, String)>, Error> {
        let architecture = Architecture::read(config)?;
        let labels = architecture.labels()?;
        let meanings = self.meanings(&labels)?;
        let named = labels.iter().zip(meanings).map(|(label, meaning)| {
            let kind = meaning
                .entity
                .map_or_else(|| "ignore".to_owned(), |entity| entity.to_string());
            ((*label).to_owned(), kind)
        });
        Ok(named.collect())
    }
}

impl Classifier {
    pub(super) fn read(files: &ClassifierFiles<'_>, labels: &Labels) -> Result<Self, Error> {
        let architecture = Architecture::read(files.config)?;
        let meanings = labels.meanings(&architecture.labels()?)?;
        let tokenizer = match (files.tokenizer, files.vocabulary) {
            (Some(json), _) => WordPieces::of_json(json),
            (None, Some(text)) => WordPieces::of_vocabulary(text, files.tokenizer_config),
            (None, None) => {
                return Err(bad(
                    "neither `tokenizer.json` nor `vocab.txt` is there; copy them from where the network was trained",
                ));
            }
        };
        let tokenizer = tokenizer.map_err(|error| bad(error.to_string()))?;
        let pieces = tokenizer.pieces.iter().map(String::as_str);
        let heads = architecture.num_attention_heads;
        let encoder = Encoder::read_classifier(files.model, pieces, tokenizer.spelling, heads)
            .map_err(|e| bad(e.to_string()))?;
        if encoder.width() != architecture.hidden_size || encoder.layers() != architecture.num_hidden_layers {
            return Err(bad(
                "`model.onnx` and `config.json` are of networks of another size",
            ));
        }
        if encoder.labels() != meanings.len() {
            return Err(bad(format!(
                "`model.onnx` gives {} scores a piece, and `config.json` has {} labels",
                encoder.labels(),
                meanings.len()
            )));
        }
        let mut entities: Vec<Entity> = meanings.iter().filter_map(|meaning| meaning.entity).collect();
        entities.sort_unstable();
        entities.dedup();
        if entities.is_empty() {
            return Err(bad("none of its labels is a kind; `--map LABEL=KIND` names one"));
        }
        Ok(Self {
            encoder,
            meanings,
            entities,
        })
    }

    /// The kinds that it reports, sorted.
    pub(super) fn entities(&self) -> &[Entity] {
        &self.entities
    }

    /// Work units that a byte of text needs at most.
    pub(super) fn units_per_byte(&self) -> u64 {
        self.encoder.units_per_byte()
    }

    /// Findings in `text`. O(n); see [`Encoder::tag`] for what it charges.
    pub(super) fn find(&self, text: &str, budget: &Budget) -> Result<Found, Error> {
        let looked_at = stretches(text, |_| true);
        let (mut memory, mut tagged) = (EncoderMemory::default(), TaggedWords::default());
        let mut findings = Vec::new();
        // A few at a time: probabilities take four bytes a label.
        for some in looked_at.chunks(64) {
            tagged.words.clear();
            tagged.probabilities.clear();
            self.encoder
                .tag(text, some, &mut memory, budget, &mut tagged)
                .map_err(of_encoder)?;
            let rows = tagged.probabilities.chunks_exact(self.meanings.len());
            let words: Vec<Read> = tagged
                .words
                .iter()
                .zip(rows)
                .map(|(word, row)| self.word(*word, row))
                .collect();
            let mut rest = words.as_slice();
            for stretch in some {
                let count = rest.partition_point(|read| read.word.start < stretch.end);
                let (own, others) = rest.split_at_checked(count).unwrap_or((rest, &[]));
                rest = others;
                self.values(text, own, &mut findings);
            }
        }
        Ok(Found { findings, looked_at })
    }

    /// The likeliest class of a word, by the sum of its labels, and the likeliest label of that.
    fn word(&self, word: Word, probabilities: &[f32]) -> Read {
        let sum = |class: Option<Entity>| {
            let own = self.meanings.iter().zip(probabilities);
            let own = own.filter(|(meaning, _)| meaning.entity == class);
            let likeliest = own.clone().fold((Place::Any, f32::MIN), |best, (meaning, p)| {
                if *p > best.1 { (meaning.place, *p) } else { best }
            });
            (own.map(|(_, p)| p).sum::<f32>(), likeliest.0)
        };
        let (probability, place) = sum(None);
        let mut best = Read {
            word,
            class: None,
            probability,
            place,
        };
        for (class, entity) in self.entities.iter().enumerate() {
            let (probability, place) = sum(Some(*entity));
            if probability > best.probability {
                best = Read {
                    word,
                    class: Some(class),
                    probability,
                    place,
                };
            }
        }
        best
    }

    /// Adds what the words of one stretch amount to.
    fn values(&self, text: &str, words: &[Read], out: &mut Vec<Finding>) {
        for group in words.chunk_by(|a, b| goes_on(text, a, b)) {
            let (Some(first), Some(last)) = (group.first(), group.last()) else {
                continue;
            };
            let Some(entity) = first.class.and_then(|class| self.entities.get(class)) else {
                continue;
            };
            let sum: f32 = group.iter().map(|read| read.probability).sum();
            let score = (sum / group.len() as f32).min(1.0);
            let span = trimmed(text, Span::new(first.word.start, last.word.end));
            if let Some(span) = span.filter(|_| score >= LEAST) {
                out.push(Finding {
                    entity: *entity,
                    span,
                    score,
                    rule: RuleId("onnx/label"),
                    basis: Basis::Network,
                });
            }
        }
    }
}

/// Whether `next` belongs to the value that `read` is of: the same class, no new beginning, no empty line between.
fn goes_on(text: &str, read: &Read, next: &Read) -> bool {
    let gap = text.get(read.word.end..next.word.start).unwrap_or_default();
    read.class.is_some()
        && read.class == next.class
        && !matches!(next.place, Place::First | Place::Whole)
        && !matches!(read.place, Place::Last | Place::Whole)
        && gap.matches('\n').count() < 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{"model_type": "distilbert", "n_heads": 2, "n_layers": 1, "dim": 32, "id2label":
        {"0": "O", "1": "B-PER", "2": "I-PER", "10": "S-LOC", "3": "E-LOC", "4": "LOC", "5": "B-MISC", "6": "EMAIL",
         "7": "B-GPE", "8": "U-ORG", "9": "L-ORG"}}"#;

    #[test]
    fn labels_are_in_the_order_of_their_numbers_and_mean_kinds() {
        let resolved = Labels::default().resolve(CONFIG).unwrap();
        let kinds: Vec<&str> = resolved.iter().map(|(_, kind)| kind.as_str()).collect();
        let expected = [
            "ignore",
            "PERSON",
            "PERSON",
            "LOCATION",
            "LOCATION",
            "ignore",
            "EMAIL_ADDRESS",
            "LOCATION",
            "ORGANIZATION",
            "ORGANIZATION",
            "LOCATION",
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn networks_of_other_makes_are_refused_by_name() {
        for name in ["roberta", "deberta-v2", "albert", "novel"] {
            let config = CONFIG.replace("distilbert", name);
            let error = Labels::default().resolve(&config).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("BERT"), "{error}");
        }
        for config in [
            "",
            "{}",
            &CONFIG.replace("\"10\"", "\"11\""),
            &CONFIG.replace("\"10\"", "\"-1\""),
        ] {
            assert!(Labels::default().resolve(config).is_err(), "{config}");
        }
    }

    #[test]
    fn a_value_ends_where_another_begins_or_its_last_word_is_marked() {
        let text = "Anna Berger Bob\n\nCarl Graz Wien";
        let places = [
            (Some(0), Place::First),
            (Some(0), Place::Inside),
            (Some(0), Place::First),
            (Some(0), Place::Inside),
            (Some(1), Place::Whole),
            (Some(1), Place::Any),
        ];
        let mut at = 0;
        let words: Vec<Read> = text
            .split_whitespace()
            .zip(places)
            .map(|(word, (class, place))| {
                let start = at + text.get(at..).unwrap().find(word).unwrap();
                at = start + word.len();
                Read {
                    word: Word { start, end: at },
                    class,
                    probability: 0.9,
                    place,
                }
            })
            .collect();
        let groups: Vec<usize> = words
            .chunk_by(|a, b| goes_on(text, a, b))
            .map(<[Read]>::len)
            .collect();
        assert_eq!(groups, [2, 1, 1, 1, 1]);
    }
}
