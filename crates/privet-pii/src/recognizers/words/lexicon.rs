//! The words that the recognisers of dates, ages, names, addresses and announced values know, by their hash.
//!
//! A word is looked up once, whatever the number of languages and recognisers.

use super::reader::{is_ideographic, is_word_char};
use super::{keys, places, sense, time};

/// What a word can stand for, as a set.
pub(crate) type Senses = u64;

/// A list of words of one sense: the sense, a value that goes with it, and the words between spaces; `_` stands for the
/// space within a phrase of at most [`MOST_WORDS`] words.
pub(super) type List = (Senses, u8, &'static str);

/// Most words of a phrase.
pub(super) const MOST_WORDS: usize = 4;
/// A phrase of two or more words ends here; the bits above it tell how many words it may have.
const PHRASE: Senses = 1 << 60;

const SEED: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// What is known of a word or phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Meaning {
    pub(crate) senses: Senses,
    /// The number of a month.
    pub(crate) value: u8,
}

/// 2^64 over the golden ratio: Knuth, The Art of Computer Programming, volume 3, section 6.4, multiplicative hashing.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// The hash of the word of which `hash` has been read so far, and `c` comes next; a character behind the ASCII letters that
/// the word may begin with.
#[inline]
pub(super) fn hash_char(hash: u64, c: char) -> u64 {
    (hash ^ u64::from(u32::from(c))).wrapping_mul(PRIME)
}

/// The same for the next eight of the ASCII letters that a word begins with, small ones, the first byte lowest; zeros behind
/// the last letter.
#[inline]
pub(super) const fn hash_eight(hash: u64, letters: u64) -> u64 {
    let mixed = (hash ^ letters).wrapping_mul(MULTIPLIER);
    mixed ^ mixed >> 32
}

/// The hash of no word.
pub(super) const fn hash_start() -> u64 {
    SEED
}

/// Hashes a word character by character: the ASCII letters that it begins with eight at a time, then what follows.
#[derive(Debug, Clone, Copy)]
struct Hasher {
    hash: u64,
    /// Letters that are not hashed yet, and how many bits they take; none once another character came.
    letters: u64,
    bits: u32,
    is_plain: bool,
    is_empty: bool,
}

impl Hasher {
    const fn new() -> Self {
        Self {
            hash: hash_start(),
            letters: 0,
            bits: 0,
            is_plain: true,
            is_empty: true,
        }
    }

    /// Takes the next character, which is lower case.
    fn push(&mut self, c: char) {
        self.is_empty = false;
        match u8::try_from(c) {
            Ok(byte) if self.is_plain && byte.is_ascii_alphabetic() => {
                self.letters |= u64::from(byte) << self.bits;
                self.bits += 8;
                if self.bits == u64::BITS {
                    self.flush();
                }
            }
            _ => {
                self.flush();
                self.is_plain = false;
                self.hash = hash_char(self.hash, c);
            }
        }
    }

    const fn flush(&mut self) {
        if self.bits > 0 {
            self.hash = hash_eight(self.hash, self.letters);
            self.letters = 0;
            self.bits = 0;
        }
    }

    const fn finish(mut self) -> u64 {
        self.flush();
        self.hash
    }
}

/// The hash of a phrase that goes on with another word.
pub(super) const fn join(phrase: u64, word: u64) -> u64 {
    (phrase.rotate_left(23) ^ word).wrapping_mul(PRIME)
}

/// The hash of a word, in lower case.
pub(super) fn hash(word: &str) -> u64 {
    let mut hasher = Hasher::new();
    for c in word.chars().flat_map(char::to_lowercase) {
        hasher.push(c);
    }
    hasher.finish()
}

/// The words, in a table with open addressing behind a filter that keeps most other words out.
#[derive(Debug)]
pub(crate) struct Lexicon {
    filter: Vec<u64>,
    slots: Vec<(u64, Meaning)>,
}

const FILTER_BITS: u32 = 17;

impl Lexicon {
    pub(crate) fn new() -> Self {
        let mut entries: Vec<(u64, Meaning)> = Vec::new();
        for (senses, value, words) in time::LISTS.iter().chain(places::LISTS).chain(keys::LISTS) {
            for phrase in words.split_whitespace() {
                let mut count = 0;
                let mut all = 0;
                let mut last = 0;
                let mut first = 0;
                for word in phrase.split(['_', '-', '\'', '.']) {
                    last = hash(word);
                    if count == 0 {
                        first = last;
                        all = last;
                    } else {
                        all = join(all, last);
                    }
                    count += 1;
                }
                entries.push((
                    all,
                    Meaning {
                        senses: *senses,
                        value: *value,
                    },
                ));
                if let Some(first) = phrase.chars().next().filter(|c| is_ideographic(*c)) {
                    let head = Meaning {
                        senses: sense::HEAD,
                        value: 0,
                    };
                    entries.push((hash_char(hash_start(), first), head));
                }
                if count > 1 {
                    let senses = PHRASE | PHRASE << (count - 1);
                    entries.push((last, Meaning { senses, value: 0 }));
                    let senses = sense::BEGINS;
                    entries.push((first, Meaning { senses, value: 0 }));
                }
            }
        }
        let mut lexicon = Self {
            filter: vec![0; 1 << (FILTER_BITS - 6)],
            slots: vec![(0, Meaning::default()); (2 * entries.len()).next_power_of_two()],
        };
        for (hash, meaning) in entries {
            lexicon.insert(hash, meaning);
        }
        lexicon
    }

    fn insert(&mut self, hash: u64, meaning: Meaning) {
        let (word, bit) = filter_place(hash);
        if let Some(word) = self.filter.get_mut(word) {
            *word |= bit;
        }
        let mask = self.slots.len() - 1;
        let mut at = slot(hash, mask);
        while let Some(slot) = self.slots.get_mut(at) {
            if slot.0 == hash || slot.1 == Meaning::default() {
                slot.0 = hash;
                slot.1.senses |= meaning.senses;
                slot.1.value = slot.1.value.max(meaning.value);
                return;
            }
            at = (at + 1) & mask;
        }
    }

    /// What is known of the word or phrase of this hash.
    #[inline]
    pub(super) fn get(&self, hash: u64) -> Meaning {
        let (word, bit) = filter_place(hash);
        if self.filter.get(word).is_none_or(|w| w & bit == 0) {
            return Meaning::default();
        }
        self.find(hash)
    }

    /// The same for a hash that the filter let through.
    #[inline]
    fn find(&self, hash: u64) -> Meaning {
        let mask = self.slots.len() - 1;
        let mut at = slot(hash, mask);
        while let Some((known, meaning)) = self.slots.get(at) {
            if *known == hash || *meaning == Meaning::default() {
                return if *known == hash {
                    *meaning
                } else {
                    Meaning::default()
                };
            }
            at = (at + 1) & mask;
        }
        Meaning::default()
    }

    /// What is known of a word that follows others: `hashes` are those of the word and of the words before it, the
    /// nearest first. The longest phrase counts, together with the word alone.
    #[inline]
    pub(super) fn get_after(&self, hashes: &[u64; MOST_WORDS]) -> Meaning {
        let [last, ..] = *hashes;
        let (word, bit) = filter_place(last);
        if self.filter.get(word).is_none_or(|w| w & bit == 0) {
            return Meaning::default();
        }
        self.get_known_after(hashes)
    }

    /// The same for a word that the filter let through.
    fn get_known_after(&self, hashes: &[u64; MOST_WORDS]) -> Meaning {
        let [last, second, third, fourth] = *hashes;
        let mut meaning = self.find(last);
        if meaning.senses & PHRASE != 0 {
            let is_phrase = |words: u32| meaning.senses & PHRASE << (words - 1) != 0;
            let mut more = Meaning::default();
            if is_phrase(4) {
                more = self.get(join(join(join(fourth, third), second), last));
            }
            if more.senses == 0 && is_phrase(3) {
                more = self.get(join(join(third, second), last));
            }
            if more.senses == 0 && is_phrase(2) {
                more = self.get(join(second, last));
            }
            if more.senses != 0 {
                meaning.senses |= more.senses;
                meaning.value = more.value;
            }
        }
        meaning.senses &= PHRASE - 1;
        meaning
    }

    /// What the last words of a name such as `zipCode` or `first_name` stand for.
    pub(crate) fn name_senses(&self, name: &str) -> Senses {
        let mut recent = [0_u64; MOST_WORDS];
        let mut word = Hasher::new();
        let mut was_small = false;
        let mut senses = 0;
        for c in name.chars().chain([' ']) {
            let is_inside = is_word_char(c) || is_ideographic(c);
            if (!is_inside || was_small && c.is_uppercase()) && !word.is_empty {
                recent.rotate_right(1);
                let [last, ..] = &mut recent;
                *last = word.finish();
                senses = self.get_after(&recent).senses;
                word = Hasher::new();
            }
            was_small = c.is_lowercase();
            if is_inside {
                c.to_lowercase().for_each(|c| word.push(c));
            }
        }
        senses
    }

    /// What is known of the word alone.
    pub(super) fn get_alone(&self, hash: u64) -> Meaning {
        let mut meaning = self.get(hash);
        meaning.senses &= PHRASE - 1;
        meaning
    }
}

const fn filter_place(hash: u64) -> (usize, u64) {
    let bit = hash >> (64 - FILTER_BITS);
    ((bit >> 6) as usize, 1 << (bit & 63))
}

const fn slot(hash: u64, mask: usize) -> usize {
    (hash >> 7) as usize & mask
}
