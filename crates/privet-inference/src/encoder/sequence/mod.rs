//! Classifiers of whole texts: a text in, a chance for each label out.

mod charsmap;
mod config;
mod letters;
mod unigram;

use privet_types::Budget;
use pulp::Arch;

use super::forward::{Space, judge};
use super::weights::{COLUMNS, Pooler, Weights};
use super::wordpiece::{Piece, Vocabulary};
use super::wordpiece_files::WordPieces;
use super::{OVERLAP, PRODUCTS_PER_UNIT, add_softmax, classifier};
use crate::error::Error;
use config::{Configuration, Make};
use unigram::Unigram;

/// Pieces of a text that are seen at once, at most, with the two around them.
const MOST_SEEN: usize = 512;
/// Work units to cut a byte into pieces.
const UNITS_PER_BYTE: u64 = 40;

/// The files of a classifier of whole texts, as Hugging Face's Optimum names them.
#[derive(Debug, Clone, Copy)]
pub struct SequenceFiles<'a> {
    /// `model.onnx`.
    pub model: &'a [u8],
    /// `config.json`.
    pub config: &'a str,
    /// `tokenizer.json`; DeBERTa needs it.
    pub tokenizer: Option<&'a str>,
    /// `tokenizer_config.json`, if it is there: how `vocabulary` is used where there is no `tokenizer`.
    pub tokenizer_config: Option<&'a str>,
    /// `vocab.txt`, if it is there.
    pub vocabulary: Option<&'a str>,
}

/// How a network's texts are cut.
#[derive(Debug)]
enum Cutter {
    WordPiece(Vocabulary),
    Unigram(Unigram),
}

/// A classifier of whole texts with its weights and its vocabulary. Made once, then shared between threads.
#[derive(Debug)]
pub struct SequenceClassifier {
    weights: Weights,
    pooler: Pooler,
    cutter: Cutter,
    labels: Vec<String>,
    heads: usize,
    /// Work units for a piece.
    units: usize,
    arch: Arch,
}

/// What was made of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Classified {
    /// A chance for each label, in their order; the sum is 1.
    pub probabilities: Vec<f32>,
    /// The first byte of the window that it was said of.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

impl SequenceClassifier {
    /// Reads a classifier: a BERT, a DistilBERT, or a DeBERTa of version 2 or 3 such as PromptGuard and PIGuard, as Hugging
    /// Face's Optimum and `torch.onnx` write it, its numbers of 32 or 16 bits, or of bytes that are converted where they stand.
    ///
    /// BERT's graph is followed step by step; DeBERTa's tensors are taken by their names, and its configuration says what is
    /// done with them. Takes the file's size twice in memory while it reads, and once thereafter.
    ///
    /// # Errors
    /// [`Error`] if the files are no such classifier, or do not fit each other.
    pub fn read(files: &SequenceFiles<'_>) -> Result<Self, Error> {
        let configuration = Configuration::read(files.config)?;
        let arch = Arch::new();
        let heads = configuration.heads;
        let ((weights, pooler), cutter) = match &configuration.make {
            Make::Bert => {
                let read = match (files.tokenizer, files.vocabulary) {
                    (Some(json), _) => WordPieces::of_json(json)?,
                    (None, Some(text)) => WordPieces::of_vocabulary(text, files.tokenizer_config)?,
                    (None, None) => {
                        return Err(bad(
                            "neither `tokenizer.json` nor `vocab.txt` is there; copy them from where the network was trained",
                        ));
                    }
                };
                let vocabulary = Vocabulary::of(read.pieces.iter().map(String::as_str), read.spelling)?;
                (
                    classifier::read_sequence(files.model, heads)?,
                    Cutter::WordPiece(vocabulary),
                )
            }
            Make::Deberta(shape) => {
                let json = files.tokenizer.ok_or_else(|| {
                    bad("`tokenizer.json` is not there; `AutoTokenizer.from_pretrained(NAME).save_pretrained(DIR)` writes it")
                })?;
                (
                    classifier::read_deberta(files.model, shape, arch)?,
                    Cutter::Unigram(Unigram::of_json(json)?),
                )
            }
        };
        let width = weights.width;
        let is_fit = heads > 0 && width.is_multiple_of(heads) && (width / heads).is_multiple_of(COLUMNS);
        if !is_fit {
            return Err(Error::Model {
                reason: "its width does not fit the number of heads, or a head is no multiple of 16 wide",
            });
        }
        if width != configuration.width || weights.layers.len() != configuration.layers {
            return Err(bad(
                "`model.onnx` and `config.json` are of networks of another size",
            ));
        }
        if weights.labels != configuration.labels.len() {
            return Err(bad(format!(
                "`model.onnx` gives {} scores a text, and `config.json` has {} labels",
                weights.labels,
                configuration.labels.len()
            )));
        }
        if weights.places.rows < 8 {
            return Err(Error::Model {
                reason: "it has too few places for a text",
            });
        }
        if cutter.size() > weights.words.rows {
            return Err(Error::Vocabulary {
                reason: "it has more pieces than the encoder",
            });
        }
        let layers = weights.layers.iter();
        let far = weights
            .relative
            .as_ref()
            .map_or(0, |relative| 4 * relative.distances.span);
        // Each layer's matrices, and attention: to all pieces, and to all distances.
        let products: usize = layers
            .map(|layer| width * (4 * width + 2 * layer.inner.outputs + 2 * MOST_SEEN + far))
            .sum();
        Ok(Self {
            units: (products / PRODUCTS_PER_UNIT).max(256),
            weights,
            pooler,
            cutter,
            labels: configuration.labels,
            heads,
            arch,
        })
    }

    /// The labels, in the order of their chances.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Work units that [`classify`](Self::classify) charges for a byte at most: a byte becomes six pieces at most (a
    /// ligature of Arabic words), each is in two windows at most, and these have two more around them.
    #[must_use]
    pub fn units_per_byte(&self) -> u64 {
        UNITS_PER_BYTE + u64::try_from(self.units * 16).unwrap_or(u64::MAX)
    }

    /// The numbers of the pieces of `text`, without those that stand before and behind every text.
    #[must_use]
    pub fn pieces(&self, text: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        match &self.cutter {
            Cutter::WordPiece(vocabulary) => vocabulary.pieces(text, 0, &mut pieces),
            Cutter::Unigram(unigram) => unigram.pieces(text, &mut pieces),
        }
        pieces
    }

    /// The score of each label of the text of `ids` and the two pieces around them, before any softmax: what ONNX Runtime calls
    /// `logits`. More ids than the network has places are left out. O(n²).
    ///
    /// # Errors
    /// [`Error::Budget`] if the budget is spent or cancelled.
    pub fn logits(&self, ids: &[u32], budget: &Budget) -> Result<Vec<f32>, Error> {
        let mut space = Space::default();
        let inner = ids.iter().copied().take(self.most());
        Ok(self.scores(inner, &mut space, budget)?.to_vec())
    }

    /// The chances of the labels of `text`.
    ///
    /// Texts of more than 510 pieces are seen in windows that overlap by 64; those of the window count in which the label of
    /// number `label` is likeliest. O(n) time. Charges units by the network's size
    /// ([`units_per_byte`](Self::units_per_byte)).
    ///
    /// # Errors
    /// [`Error::Budget`] if the budget is spent or cancelled.
    pub fn classify(&self, text: &str, label: usize, budget: &Budget) -> Result<Classified, Error> {
        budget.charge(UNITS_PER_BYTE * text.len() as u64)?;
        let pieces = self.pieces(text);
        let most = self.most();
        let step = most - OVERLAP.min(most / 2);
        let (mut space, mut best, mut from) = (Space::default(), None::<Classified>, 0);
        loop {
            let to = (from + most).min(pieces.len());
            let seen = pieces.get(from..to).unwrap_or_default();
            let scores = self.scores(seen.iter().map(|piece| piece.id), &mut space, budget)?;
            let mut probabilities = vec![0.0; self.labels.len()];
            add_softmax(scores, &mut probabilities);
            let chance = |row: &[f32]| row.get(label).copied().unwrap_or_default();
            if best
                .as_ref()
                .is_none_or(|own| chance(&probabilities) > chance(&own.probabilities))
            {
                best = Some(Classified {
                    probabilities,
                    start: seen.first().map_or(0, |piece| piece.start),
                    end: seen.last().map_or(text.len(), |piece| piece.end),
                });
            }
            if to == pieces.len() {
                break;
            }
            from += step;
        }
        best.ok_or_else(|| bad("a text has no window"))
    }

    /// How many pieces of a text are seen at once.
    fn most(&self) -> usize {
        MOST_SEEN.min(self.weights.places.rows).saturating_sub(2)
    }

    fn scores<'s>(
        &self,
        ids: impl Iterator<Item = u32>,
        space: &'s mut Space,
        budget: &Budget,
    ) -> Result<&'s [f32], Error> {
        let (first, last) = match &self.cutter {
            Cutter::WordPiece(vocabulary) => (vocabulary.first, vocabulary.last),
            Cutter::Unigram(unigram) => (unigram.first, unigram.last),
        };
        let ids: Vec<u32> = std::iter::once(first)
            .chain(ids)
            .chain(std::iter::once(last))
            .collect();
        budget.charge(u64::try_from(self.units * ids.len()).unwrap_or(u64::MAX))?;
        let scores = judge(
            self.arch,
            &self.weights,
            &self.pooler,
            self.heads,
            &ids,
            space,
            budget,
        )?;
        Ok(scores.get(..self.weights.labels).unwrap_or(scores))
    }
}

impl Cutter {
    /// How many pieces there are.
    const fn size(&self) -> usize {
        match self {
            Self::WordPiece(vocabulary) => vocabulary.size,
            Self::Unigram(unigram) => unigram.size,
        }
    }
}

fn bad(problem: impl Into<String>) -> Error {
    Error::Files {
        problem: problem.into(),
    }
}
