//! A BERT encoder that gives each word of a text a probability for each label: slower and stronger than the tagger.

mod activation;
#[cfg(feature = "onnx")]
mod classifier;
mod forward;
mod matmul;
#[cfg_attr(
    not(feature = "onnx"),
    expect(dead_code, reason = "much of it is read by classifiers only")
)]
mod onnx;
mod protobuf;
#[cfg(feature = "onnx")]
mod sequence;
mod weights;
mod wordpiece;
#[cfg(feature = "onnx")]
mod wordpiece_files;

use std::ops::Range;

use privet_types::Budget;
use pulp::Arch;

use crate::error::Error;
use forward::{Space, forward};
use weights::{COLUMNS, Weights};
use wordpiece::Vocabulary;

#[cfg(feature = "onnx")]
pub use sequence::{Classified, SequenceClassifier, SequenceFiles};
pub use wordpiece::{Piece, Spelling};
#[cfg(feature = "onnx")]
pub use wordpiece_files::WordPieces;

/// An encoder with its weights and its vocabulary. Made once, then shared between threads.
#[derive(Debug)]
pub struct Encoder {
    weights: Weights,
    vocabulary: Vocabulary,
    heads: usize,
    /// Work units for a piece.
    units: usize,
    arch: Arch,
}

/// Space to work in, kept from text to text. It changes no result.
#[derive(Debug, Default)]
pub struct EncoderMemory {
    space: Space,
    pieces: Vec<Piece>,
}

/// A word: what stands between white space and punctuation, or one sign of punctuation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// Words with the probabilities of their labels.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct TaggedWords {
    /// In the order they stand in.
    pub words: Vec<Word>,
    /// A row of [`Encoder::labels`] numbers for each word; each row sums to 1.
    pub probabilities: Vec<f32>,
}

/// Pieces of a text that the encoder sees at once, at most.
const MOST_PIECES: usize = 254;
/// Pieces that two stretches of a longer window share: each sees this many beyond what it answers for, halved.
const OVERLAP: usize = 64;
/// Pieces for which products are made together: enough that reading the weights costs little.
const BATCH: usize = 192;

/// Work units for a piece: what it costs beside one look at a byte. The tagger charges 12 for a byte, of which it does some 140 in the
/// time that the encoder takes for one.
const UNITS_PER_PIECE: usize = 6_000;

/// Multiplications of 32-bit numbers for a work unit: as many as a MiniLM of Rampart's size makes in [`UNITS_PER_PIECE`].
#[cfg(feature = "onnx")]
const PRODUCTS_PER_UNIT: usize = 1_500;

/// A stretch of pieces that the encoder sees at once, and those it answers for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stretch {
    seen: Range<usize>,
    own: Range<usize>,
}

impl Encoder {
    /// Reads an encoder.
    ///
    /// `model`: the bytes of an ONNX file as Hugging Face exports `BertForTokenClassification`, with matrices in blocks of 32
    /// numbers of 4 bits (`MatMulNBits`) and tables of bytes. `vocabulary`: its `vocab.txt`. `heads`: how many heads
    /// attention has; the file does not say it.
    ///
    /// # Errors
    /// [`Error`] if the bytes are no such encoder, or do not fit each other.
    pub fn read(model: &[u8], vocabulary: &str, heads: usize) -> Result<Self, Error> {
        let weights = Weights::read(model)?;
        let vocabulary = Vocabulary::read(vocabulary)?;
        if vocabulary.size != weights.words.rows {
            return Err(Error::Vocabulary {
                reason: "it has another number of pieces than the encoder",
            });
        }
        Self::new(weights, vocabulary, heads, UNITS_PER_PIECE)
    }

    /// Reads a token classifier of another make.
    ///
    /// `model`: the bytes of an ONNX file with a BERT or DistilBERT, as Hugging Face's Optimum and `torch.onnx` write it, its
    /// numbers of 32 or 16 bits, or of bytes that are converted where they stand. `pieces`: its vocabulary, numbered from 0,
    /// for text in `spelling`. `heads`: `num_attention_heads` of its configuration.
    ///
    /// What the graph does is recognised step by step, and compared with what BERT does; 16-bit numbers and bytes become
    /// 32-bit ones. Takes the file's size twice in memory while it reads, and once thereafter.
    ///
    /// # Errors
    /// [`Error`] if the bytes are no such encoder, or do not fit each other.
    #[cfg(feature = "onnx")]
    pub fn read_classifier<'p>(
        model: &[u8],
        pieces: impl IntoIterator<Item = &'p str>,
        spelling: Spelling,
        heads: usize,
    ) -> Result<Self, Error> {
        let vocabulary = Vocabulary::of(pieces, spelling)?;
        let weights = classifier::read(model, heads)?;
        if vocabulary.size > weights.words.rows {
            return Err(Error::Vocabulary {
                reason: "it has more pieces than the encoder",
            });
        }
        let width = weights.width;
        let layers = weights.layers.iter();
        let products: usize = layers
            .map(|layer| width * (4 * width + 2 * layer.inner.outputs))
            .sum();
        let units = (products / PRODUCTS_PER_UNIT).max(256);
        Self::new(weights, vocabulary, heads, units)
    }

    fn new(weights: Weights, vocabulary: Vocabulary, heads: usize, units: usize) -> Result<Self, Error> {
        let is_fit = heads > 0
            && weights.width.is_multiple_of(heads)
            && (weights.width / heads).is_multiple_of(COLUMNS);
        if !is_fit {
            return Err(Error::Model {
                reason: "its width does not fit the number of heads, or a head is no multiple of 16 wide",
            });
        }
        if weights.places.rows < OVERLAP + 4 {
            return Err(Error::Model {
                reason: "it has too few places for a text",
            });
        }
        Ok(Self {
            weights,
            vocabulary,
            heads,
            units,
            arch: Arch::new(),
        })
    }

    /// Work units that [`tag`](Self::tag) charges for a byte at most: a byte is one piece at most, which stretches that
    /// overlap see several times, and each window has two more around it.
    #[must_use]
    pub fn units_per_byte(&self) -> u64 {
        let (most, overlap) = self.reach();
        let times = most.div_ceil(most - overlap);
        u64::try_from(self.units * (1 + 2 * times)).unwrap_or(u64::MAX)
    }

    /// Numbers of a piece between two layers.
    #[must_use]
    pub fn width(&self) -> usize {
        self.weights.width
    }

    /// How many layers there are.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.weights.layers.len()
    }

    /// How many labels there are.
    #[must_use]
    pub fn labels(&self) -> usize {
        self.weights.labels
    }

    /// The pieces of `text`, without those that stand before and behind every text. O(n).
    #[must_use]
    pub fn pieces(&self, text: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        self.vocabulary.pieces(text, 0, &mut pieces);
        pieces
    }

    /// One score for each label of each of `ids` and of the two pieces around them, before any softmax: what ONNX Runtime
    /// calls `logits`. More ids than the encoder has places are left out. O(n²).
    #[must_use]
    pub fn logits(&self, ids: &[u32]) -> Vec<f32> {
        let ids = ids
            .iter()
            .copied()
            .take(self.weights.places.rows.saturating_sub(2));
        let ids: Vec<u32> = [self.vocabulary.first]
            .into_iter()
            .chain(ids)
            .chain([self.vocabulary.last])
            .collect();
        let mut space = Space::default();
        let whole = 0..ids.len();
        let budget = Budget::unlimited();
        let scores = forward(
            self.arch,
            &self.weights,
            self.heads,
            &ids,
            std::slice::from_ref(&whole),
            &mut space,
            &budget,
        );
        let rows = scores
            .unwrap_or_default()
            .chunks_exact(self.weights.labelled.outputs);
        rows.flat_map(|row| row.iter().take(self.weights.labels))
            .copied()
            .collect()
    }

    /// Adds the words of `windows`, byte ranges of `text` on character bounds, with their probabilities, to `out`.
    ///
    /// A window is seen on its own: what is said of it depends on no text outside. Windows of more than 254 pieces are seen
    /// in stretches that overlap by 64. A word has the mean of its pieces' probabilities. O(n) time; memory O(n) in words. Charges
    /// 6,000 units a piece for Rampart, about 1,500 a byte, and others by their size ([`units_per_byte`](Self::units_per_byte)).
    ///
    /// # Errors
    /// [`Error::Budget`] if the budget is spent or cancelled.
    pub fn tag(
        &self,
        text: &str,
        windows: &[Range<usize>],
        memory: &mut EncoderMemory,
        budget: &Budget,
        out: &mut TaggedWords,
    ) -> Result<(), Error> {
        let EncoderMemory { space, pieces } = memory;
        pieces.clear();
        let mut waiting = Vec::new();
        let mut ready = 0;
        for window in windows {
            let Some(inside) = text.get(window.clone()) else {
                continue;
            };
            let from = pieces.len();
            self.vocabulary.pieces(inside, window.start, pieces);
            for stretch in self.stretches(pieces, from) {
                ready += stretch.seen.len() + 2;
                waiting.push(stretch);
                if ready >= BATCH {
                    self.run(pieces, &waiting, space, budget, out)?;
                    waiting.clear();
                    ready = 0;
                }
            }
            if waiting.is_empty() {
                pieces.clear();
            }
        }
        self.run(pieces, &waiting, space, budget, out)
    }

    /// How many pieces are seen at once, and by how many stretches overlap.
    fn reach(&self) -> (usize, usize) {
        let most = MOST_PIECES.min(self.weights.places.rows - 2);
        (most, OVERLAP.min(most / 2))
    }

    /// Cuts `pieces`, from `from` on, into stretches that the encoder can see at once, at word bounds.
    fn stretches(&self, pieces: &[Piece], from: usize) -> Vec<Stretch> {
        let (most, overlap) = self.reach();
        let word_start = |at: usize, low: usize| {
            (low + 1..=at)
                .rev()
                .find(|i| pieces.get(*i).is_none_or(|p| p.begins_word))
                .unwrap_or(at)
        };
        let (mut start, mut own) = (from, from);
        let mut out = Vec::new();
        while start < pieces.len() {
            if pieces.len() - start <= most {
                out.push(Stretch {
                    seen: start..pieces.len(),
                    own: own..pieces.len(),
                });
                break;
            }
            // `start` is at most `overlap` before `own`, so that every stretch answers for something.
            let end = word_start(start + most, own);
            let at = end.saturating_sub(overlap / 2);
            let bound = if at > own { word_start(at, own) } else { end };
            out.push(Stretch {
                seen: start..end,
                own: own..bound,
            });
            let next = word_start(end.saturating_sub(overlap), start).min(bound);
            start = next.max(bound.saturating_sub(overlap));
            own = bound;
        }
        out
    }

    /// Runs the encoder on `stretches` of `pieces`, and adds the words they answer for to `out`.
    fn run(
        &self,
        pieces: &[Piece],
        stretches: &[Stretch],
        space: &mut Space,
        budget: &Budget,
        out: &mut TaggedWords,
    ) -> Result<(), Error> {
        if stretches.is_empty() {
            return Ok(());
        }
        let (mut ids, mut texts) = (Vec::new(), Vec::new());
        for stretch in stretches {
            let from = ids.len();
            ids.push(self.vocabulary.first);
            ids.extend(
                pieces
                    .get(stretch.seen.clone())
                    .unwrap_or_default()
                    .iter()
                    .map(|p| p.id),
            );
            ids.push(self.vocabulary.last);
            texts.push(from..ids.len());
        }
        budget.charge(u64::try_from(self.units * ids.len()).unwrap_or(u64::MAX))?;
        let scores = forward(self.arch, &self.weights, self.heads, &ids, &texts, space, budget)?;
        let width = self.weights.labelled.outputs;
        for (stretch, text) in stretches.iter().zip(&texts) {
            // One piece more stands before the text.
            let skipped = text.start + 1 + (stretch.own.start - stretch.seen.start);
            let rows = scores.chunks_exact(width).skip(skipped);
            let own = pieces.get(stretch.own.clone()).unwrap_or_default();
            self.gather(own.iter().zip(rows), out);
        }
        Ok(())
    }

    /// Adds the words of `pieces` to `out`.
    fn gather<'a>(&self, pieces: impl Iterator<Item = (&'a Piece, &'a [f32])>, out: &mut TaggedWords) {
        let labels = self.weights.labels;
        let mut held = 0.0;
        let finish = |out: &mut TaggedWords, held: f32| {
            let from = out.probabilities.len().saturating_sub(labels);
            for sum in out.probabilities.iter_mut().skip(from) {
                *sum /= held;
            }
        };
        for (piece, scores) in pieces {
            if piece.begins_word || held == 0.0 {
                if held > 1.0 {
                    finish(out, held);
                }
                held = 0.0;
                out.words.push(Word {
                    start: piece.start,
                    end: piece.end,
                });
                out.probabilities.resize(out.probabilities.len() + labels, 0.0);
            } else if let Some(word) = out.words.last_mut() {
                word.end = piece.end;
            }
            held += 1.0;
            let from = out.probabilities.len().saturating_sub(labels);
            add_softmax(scores, out.probabilities.get_mut(from..).unwrap_or_default());
        }
        if held > 1.0 {
            finish(out, held);
        }
    }
}

/// Adds the softmax of the first of `scores`, as many as `sums`, to `sums`.
fn add_softmax(scores: &[f32], sums: &mut [f32]) {
    let scores = scores.get(..sums.len()).unwrap_or_default();
    let most = scores.iter().copied().fold(f32::MIN, f32::max);
    let total: f32 = scores.iter().map(|score| (score - most).exp()).sum();
    for (sum, score) in sums.iter_mut().zip(scores) {
        *sum += (score - most).exp() / total;
    }
}
