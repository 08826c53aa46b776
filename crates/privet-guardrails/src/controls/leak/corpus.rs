//! Passages of the organisation's own documents in a reply: a model that learnt them by heart, or a search that found too much.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use privet_types::Budget;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::watching::{Seen, Sight, Watch, Watching};
use super::window::{Polynomial, Window};
use super::words::Words;
use crate::controls::{Action, Control, Error};

/// Words of a shingle.
const SHINGLE: usize = 8;
/// Shingles of which the least hash is kept.
const WINNOW: usize = 8;
/// Words of a passage that is found for sure.
pub(super) const PASSAGE: usize = 50;
/// Words from the first to the last kept shingle in a passage of so many words, at least.
const COVERED: usize = PASSAGE - 2 * (WINNOW - 1);
/// The first bytes of an index.
const MAGIC: &[u8; 8] = b"PRVCRP1\n";
/// Bytes before the hashes: magic, seed, count.
const HEAD: usize = 24;
/// Hashes of an index: 1 GiB, some 600 million words.
const MOST: u64 = 1 << 27;

/// Protected documents (`[guardrails.replies.corpus]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CorpusConfig {
    /// What becomes of a reply that holds a passage of one.
    pub action: Action,
}

impl Default for CorpusConfig {
    fn default() -> Self {
        Self {
            action: Action::Block,
        }
    }
}

/// Winnowed shingles of documents. Every passage of 50 words in a row is found; nothing is that has less than 36 in common.
///
/// About 1.8 bytes a word. The index holds no text, but who has it can try whether a text of his is in it: keep it like the
/// documents.
///
/// # Source
/// Schleimer, Wilkerson & Aiken, "Winnowing: Local Algorithms for Document Fingerprinting", SIGMOD 2003.
#[derive(Clone)]
pub struct CorpusIndex(Arc<Index>);

struct Index {
    polynomial: Polynomial,
    seed: u64,
    /// INVARIANT: sorted, without doubles.
    hashes: Vec<u64>,
}

impl fmt::Debug for CorpusIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CorpusIndex")
            .field("hashes", &self.0.hashes.len())
            .finish_non_exhaustive()
    }
}

/// Makes a [`CorpusIndex`] of documents, one by one.
#[derive(Debug)]
pub struct CorpusBuilder {
    polynomial: Polynomial,
    seed: u64,
    hashes: Vec<u64>,
}

impl CorpusBuilder {
    /// A builder without documents. `seed`: a random number of the organisation's.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            polynomial: Polynomial::new(seed, SHINGLE),
            seed,
            hashes: Vec::new(),
        }
    }

    /// Adds a document. One of less than 50 words is not found again. Four work units a byte.
    ///
    /// # Errors
    /// [`Error::Budget`]; [`Error::File`] if the index grows too large.
    pub fn add(&mut self, document: &str, budget: &Budget) -> Result<(), Error> {
        budget.charge(4 * document.len() as u64)?;
        let mut marks = Marks::new(self.polynomial);
        for c in document.chars() {
            self.hashes
                .extend(marks.push(c).into_iter().flatten().map(|mark| mark.hash));
        }
        self.hashes.extend(marks.end().map(|mark| mark.hash));
        if self.hashes.len() as u64 > MOST {
            self.settle();
        }
        if self.hashes.len() as u64 > MOST {
            return Err(file(
                "the documents have more than some 600 million words: make several indexes",
            ));
        }
        Ok(())
    }

    fn settle(&mut self) {
        self.hashes.sort_unstable();
        self.hashes.dedup();
    }

    /// The index.
    #[must_use]
    pub fn finish(mut self) -> CorpusIndex {
        self.settle();
        CorpusIndex(Arc::new(Index {
            polynomial: self.polynomial,
            seed: self.seed,
            hashes: self.hashes,
        }))
    }
}

fn file(problem: &'static str) -> Error {
    Error::File {
        control: Control::Corpus,
        problem,
    }
}

impl CorpusIndex {
    /// The index as a file: magic, seed and count (u64), hashes in order (u64), a check sum (u64) against damage, not against forgery;
    /// integers little-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let count = self.0.hashes.len() as u64;
        let mut bytes = Vec::with_capacity(HEAD + 8 * self.0.hashes.len() + 8);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.0.seed.to_le_bytes());
        bytes.extend_from_slice(&count.to_le_bytes());
        for hash in &self.0.hashes {
            bytes.extend_from_slice(&hash.to_le_bytes());
        }
        bytes.extend_from_slice(&check_sum(&bytes).to_le_bytes());
        bytes
    }

    /// The index in a file.
    ///
    /// # Errors
    /// [`Error::File`] if it is none, or damaged.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.get(..8) != Some(MAGIC) {
            return Err(file("it is no index of protected documents"));
        }
        let damaged = || file("it is damaged: make it anew from the documents");
        let number = |at: usize| {
            bytes
                .get(at..at + 8)
                .and_then(|b| b.first_chunk())
                .map(|b| u64::from_le_bytes(*b))
        };
        let (seed, count) = number(8).zip(number(16)).ok_or_else(damaged)?;
        let length = usize::try_from(count).ok().filter(|_| count <= MOST);
        let length = length.ok_or_else(damaged)?;
        if bytes.len() != HEAD + 8 * length + 8 {
            return Err(damaged());
        }
        let (body, sum) = bytes.split_at_checked(HEAD + 8 * length).ok_or_else(damaged)?;
        if sum != check_sum(body).to_le_bytes() {
            return Err(damaged());
        }
        let (chunks, _) = body.get(HEAD..).unwrap_or_default().as_chunks::<8>();
        let hashes: Vec<u64> = chunks.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        if !hashes.is_sorted_by(|a, b| a < b) {
            return Err(damaged());
        }
        Ok(Self(Arc::new(Index {
            polynomial: Polynomial::new(seed, SHINGLE),
            seed,
            hashes,
        })))
    }

    /// Watches for passages in a reply, as they stand.
    pub fn watch(&self, config: &CorpusConfig, watching: &mut Watching) {
        let watch = WatchedCorpus {
            marks: Marks::new(self.0.polynomial),
            index: Arc::clone(&self.0),
            from: None,
        };
        watching.add(Box::new(watch), config.action);
    }
}

fn check_sum(bytes: &[u8]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// A shingle that winnowing keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    hash: u64,
    /// Which word it ends with, counted from 0.
    place: usize,
}

/// Winnows a text. Which shingles are kept of a passage depends on the passage alone, but for its first and last seven.
#[derive(Debug)]
struct Marks {
    polynomial: Polynomial,
    words: Words,
    window: Window,
    last: VecDeque<Mark>,
    kept: Option<Mark>,
    place: usize,
}

impl Marks {
    fn new(polynomial: Polynomial) -> Self {
        Self {
            polynomial,
            words: Words::default(),
            window: Window::default(),
            last: VecDeque::with_capacity(WINNOW),
            kept: None,
            place: 0,
        }
    }

    fn push(&mut self, c: char) -> [Option<Mark>; 2] {
        self.words
            .push(c)
            .map(|word| word.and_then(|word| self.word(word)))
    }

    fn end(&mut self) -> Option<Mark> {
        let word = self.words.end()?;
        self.word(word)
    }

    fn word(&mut self, word: u64) -> Option<Mark> {
        let place = self.place;
        self.place += 1;
        let hash = self.window.push(word, self.polynomial)?;
        if self.last.len() == WINNOW {
            self.last.pop_front();
        }
        self.last.push_back(Mark { hash, place });
        if self.last.len() < WINNOW {
            return None;
        }
        // Of equal ones the last.
        let least = self.last.iter().rev().min_by_key(|mark| mark.hash).copied()?;
        (self.kept.replace(least) != Some(least)).then_some(least)
    }
}

struct WatchedCorpus {
    index: Arc<Index>,
    marks: Marks,
    /// The place of the first of the marks in a row that are in the index.
    from: Option<usize>,
}

impl WatchedCorpus {
    fn weigh(&mut self, mark: Mark) -> Sight {
        if self.index.hashes.binary_search(&mark.hash).is_err() {
            self.from = None;
            return Sight::Nothing;
        }
        let from = *self.from.get_or_insert(mark.place);
        if mark.place - from + SHINGLE >= COVERED {
            Sight::Found("corpus/passage")
        } else {
            Sight::Near
        }
    }
}

impl Watch for WatchedCorpus {
    fn control(&self) -> Control {
        Control::Corpus
    }

    fn reads(&self) -> bool {
        false
    }

    fn see(&mut self, seen: Seen) -> Sight {
        let marks = match seen {
            Seen::Plain(c) => self.marks.push(c),
            Seen::End => [self.marks.end(), None],
            Seen::Read(..) => return Sight::Nothing,
        };
        let mut sight = Sight::Nothing;
        for mark in marks.into_iter().flatten() {
            sight = self.weigh(mark);
        }
        sight
    }
}
