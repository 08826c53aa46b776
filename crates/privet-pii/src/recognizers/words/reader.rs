//! Reads words and numbers at a place of the text.

use super::lexicon::{MOST_WORDS, Meaning, Senses, hash_char, hash_eight, hash_start, join};
use super::sense;
use crate::letters::{is_alphabetic, is_alphanumeric, is_lowercase, is_uppercase, small};
use crate::recognizers::class::{self, DIGIT, LETTER, LOWER, UPPER};
use crate::recognizers::eight::Eight;
use crate::recognizers::scan::Scan;

/// Longest word that can be known, in bytes.
pub(super) const LONGEST_WORD: usize = 48;

/// A run of letters.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Word {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) meaning: Meaning,
    pub(crate) hash: u64,
}

impl Word {
    /// Whether it has one of `senses`.
    pub(crate) const fn is(&self, senses: Senses) -> bool {
        self.meaning.senses & senses != 0
    }
}

/// A run of decimal digits of any script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Digits {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// How many there are, at most [`MOST_DIGITS`] and one more.
    pub(crate) count: usize,
    pub(crate) value: u32,
}

impl Digits {
    /// Adds a digit written in `len` bytes.
    #[inline]
    const fn push(&mut self, value: u32, len: usize) {
        self.count += 1;
        self.end += len;
        if self.count <= MOST_DIGITS {
            self.value = self.value * 10 + value;
        }
    }
}

/// Most digits of a number that is read.
const MOST_DIGITS: usize = 9;

/// The value of a decimal digit: ASCII, Arabic-Indic, extended Arabic-Indic, Devanagari, full-width.
pub(crate) fn decimal(c: char) -> Option<u32> {
    let zero = match c {
        '0'..='9' => u32::from('0'),
        '\u{660}'..='\u{669}' => 0x660,
        '\u{6f0}'..='\u{6f9}' => 0x6f0,
        '\u{966}'..='\u{96f}' => 0x966,
        '\u{ff10}'..='\u{ff19}' => 0xff10,
        _ => return None,
    };
    Some(u32::from(c) - zero)
}

/// Whether `c` can stand in a word; marks of Devanagari and Arabic do.
#[inline]
pub(crate) fn is_word_char(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    match c {
        '\u{900}'..='\u{963}' | '\u{970}'..='\u{97f}' | '\u{64b}'..='\u{65f}' | '\u{670}' => true,
        _ => is_alphabetic(c) && !is_ideographic(c),
    }
}

/// Letters of scripts that write no spaces between words.
#[inline]
pub(crate) const fn is_ideographic(c: char) -> bool {
    matches!(c, '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// Folds a letter of a word to lower case; only the first of several counts.
#[inline]
pub(super) fn fold(hash: u64, c: char) -> u64 {
    match small(c) {
        Some(c) => hash_char(hash, c),
        None => c.to_lowercase().fold(hash, hash_char),
    }
}

impl Scan<'_> {
    /// The word that begins at `at`, without regard to what stands before; it ends where a small letter is followed by
    /// a capital.
    #[inline]
    pub(crate) fn word_at(&self, at: usize) -> Option<Word> {
        let byte = self.at(at);
        if byte.is_ascii() && !byte.is_ascii_alphabetic() {
            return None;
        }
        let (known, word) = self.last_word.get();
        if known == at {
            return word;
        }
        let word = self.whole_word_at(at);
        self.last_word.set((at, word));
        word
    }

    /// [`Self::word_at`] where a letter may stand.
    fn whole_word_at(&self, at: usize) -> Option<Word> {
        let (mut hash, mut end, mut was_small) = self.ascii_word(at, LONGEST_WORD + 1);
        if !self.at(end).is_ascii() {
            let from = end;
            for (i, c) in self.text.get(from..)?.char_indices() {
                if !is_word_char(c) || was_small && is_uppercase(c) || from - at + i > LONGEST_WORD {
                    break;
                }
                was_small = is_lowercase(c);
                hash = fold(hash, c);
                end = from + i + c.len_utf8();
            }
        }
        (end > at).then(|| Word {
            start: at,
            end,
            meaning: self.lexicon().get_alone(hash),
            hash,
        })
    }

    /// The ASCII letters at `at`, at most `most`, up to a capital behind a small one: their hash, where they end, and
    /// whether the last is a small one. Most words are of such letters from end to end.
    #[expect(
        clippy::inline_always,
        reason = "half of all words are read by one caller, 12 instructions fewer each"
    )]
    #[inline(always)]
    pub(super) fn ascii_word(&self, at: usize, most: usize) -> (u64, usize, bool) {
        let first = Eight::read(self.bytes.get(at..).unwrap_or_default());
        match first.letters(false) {
            0 => (hash_start(), at, false),
            Eight::LEN => self.long_ascii_word(at, most),
            count => (
                hash_eight(hash_start(), first.small(count)),
                at + count,
                first.is_small(count - 1),
            ),
        }
    }

    /// [`Self::ascii_word`] of eight letters or more.
    fn long_ascii_word(&self, at: usize, most: usize) -> (u64, usize, bool) {
        let limit = at.saturating_add(most).min(self.bytes.len());
        let mut rest = self.bytes.get(at..limit).unwrap_or_default();
        let mut hash = hash_start();
        let mut end = at;
        let mut was_small = false;
        loop {
            let eight = Eight::read(rest);
            let count = eight.letters(was_small);
            if count > 0 {
                hash = hash_eight(hash, eight.small(count));
                was_small = eight.is_small(count - 1);
            }
            end += count;
            if count < Eight::LEN {
                return (hash, end, was_small);
            }
            rest = rest.get(Eight::LEN..).unwrap_or_default();
        }
    }

    /// The longest phrase from `at` on that has one of `senses`, its words between single spaces or hyphens.
    pub(crate) fn phrase_at(&self, at: usize, senses: Senses) -> Option<Word> {
        let mut best = None;
        let mut all = 0;
        let mut word = self.word_at(at)?;
        for count in 0..MOST_WORDS {
            all = if count == 0 {
                word.hash
            } else {
                join(all, word.hash)
            };
            let meaning = self.lexicon().get_alone(all);
            if meaning.senses & senses != 0 && !self.is_word_inside(word.end) {
                best = Some(Word {
                    start: at,
                    end: word.end,
                    meaning,
                    hash: all,
                });
            }
            let goes_on = count > 0 || word.is(sense::BEGINS);
            if !goes_on || count + 1 == MOST_WORDS || !matches!(self.at(word.end), b' ' | b'-') {
                break;
            }
            let Some(next) = self.word_at(word.end + 1) else {
                break;
            };
            word = next;
        }
        best
    }

    /// The word that ends at `end`.
    pub(crate) fn word_before(&self, end: usize) -> Option<Word> {
        let start = self.word_start(end);
        let word = self.word_at(start)?;
        (word.end == end).then_some(word)
    }

    /// Where the letters that end at `end` begin.
    pub(crate) fn word_start(&self, end: usize) -> usize {
        let least = self.floor(end.saturating_sub(LONGEST_WORD));
        let mut start = end;
        let mut next = 0;
        while start > least {
            let byte = self.at(start - 1);
            if !byte.is_ascii() {
                return self.foreign_word_start(least, start, next == UPPER);
            }
            let class = class::of(byte) & LETTER;
            if class == 0 || class == LOWER && next == UPPER {
                break;
            }
            next = class;
            start -= 1;
        }
        start
    }

    /// [`Self::word_start`] from the first character on that is not ASCII.
    fn foreign_word_start(&self, least: usize, end: usize, is_capital_next: bool) -> usize {
        let mut start = end;
        let mut is_capital_next = is_capital_next;
        for c in self.str(least, end).chars().rev() {
            if !is_word_char(c) || is_capital_next && is_lowercase(c) {
                break;
            }
            is_capital_next = is_uppercase(c);
            start -= c.len_utf8();
        }
        start
    }

    /// Whether a letter, a digit or `_` stands on both sides of `at`.
    #[inline]
    pub(crate) fn is_word_inside(&self, at: usize) -> bool {
        let (left, right) = (self.back(at, 1), self.at(at));
        if left.is_ascii() && right.is_ascii() {
            let joins = |b: u8| class::of(b) & (LETTER | DIGIT) != 0 || b == b'_';
            return joins(left) && joins(right);
        }
        self.is_foreign_word_inside(at)
    }

    /// [`Self::is_word_inside`] beside a character that is not ASCII.
    fn is_foreign_word_inside(&self, at: usize) -> bool {
        let joins = |c: char| is_alphanumeric(c) && !is_ideographic(c) || c == '_';
        self.char_before(at).is_some_and(joins) && self.char_at(at).is_some_and(joins)
    }

    /// The digits at `at`.
    #[inline]
    pub(crate) fn digits_at(&self, at: usize) -> Option<Digits> {
        let byte = self.at(at);
        if byte.is_ascii() && !byte.is_ascii_digit() {
            return None;
        }
        self.whole_digits_at(at)
    }

    /// [`Self::digits_at`] where a digit may stand.
    fn whole_digits_at(&self, at: usize) -> Option<Digits> {
        let mut digits = Digits {
            start: at,
            end: at,
            ..Digits::default()
        };
        let rest = self.bytes.get(at..).unwrap_or_default();
        for byte in rest.iter().take(MOST_DIGITS + 1) {
            let value = byte.wrapping_sub(b'0');
            if value > 9 {
                break;
            }
            digits.push(u32::from(value), 1);
        }
        if digits.count <= MOST_DIGITS && !self.at(digits.end).is_ascii() {
            self.more_digits(&mut digits);
        }
        (digits.count > 0).then_some(digits)
    }

    /// Goes on with the digits behind `digits`, of any script.
    fn more_digits(&self, digits: &mut Digits) {
        while digits.count <= MOST_DIGITS
            && let Some(c) = self.char_at(digits.end)
            && let Some(value) = decimal(c)
        {
            digits.push(value, c.len_utf8());
        }
    }

    /// Skips at most two spaces, also no-break and thin ones.
    pub(crate) fn skip_spaces(&self, at: usize) -> usize {
        let mut at = at;
        for _ in 0..2 {
            let byte = self.at(at);
            if byte.is_ascii() {
                if !matches!(byte, b' ' | b'\t') {
                    break;
                }
                at += 1;
                continue;
            }
            at += match self.char_at(at) {
                Some('\u{a0}') => 2,
                Some('\u{2009}' | '\u{202f}' | '\u{3000}') => 3,
                _ => break,
            };
        }
        at
    }

    /// Skips `text` at `at`, in either case of ASCII letters; `None` if something else stands there.
    pub(crate) fn skip_text(&self, at: usize, text: &str) -> Option<usize> {
        let there = self.bytes.get(at..at + text.len())?;
        there
            .eq_ignore_ascii_case(text.as_bytes())
            .then_some(at + text.len())
    }

    /// Whether a capital, or a letter of a script without capitals, stands at `at`.
    pub(crate) fn is_capital(&self, at: usize) -> bool {
        let byte = self.at(at);
        if byte.is_ascii() {
            return byte.is_ascii_uppercase();
        }
        self.char_at(at)
            .is_some_and(|c| c.is_uppercase() || is_alphabetic(c) && !c.is_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use privet_types::Budget;
    use proptest::prelude::*;

    use super::super::lexicon::hash;
    use super::*;
    use crate::recognizers::context::Words;

    static WORDS: LazyLock<Words> = LazyLock::new(|| Words::new().unwrap());

    /// [`Scan::word_at`] character by character: where the word ends, and its hash.
    fn plain_word(text: &str, at: usize) -> Option<(usize, u64)> {
        let (mut end, mut was_small) = (at, false);
        for (i, c) in text.get(at..)?.char_indices() {
            if !is_word_char(c) || was_small && is_uppercase(c) || i > LONGEST_WORD {
                break;
            }
            was_small = is_lowercase(c);
            end = at + i + c.len_utf8();
        }
        (end > at).then(|| (end, hash(text.get(at..end).unwrap_or_default())))
    }

    /// [`Scan::word_start`] character by character.
    fn plain_start(scan: &Scan<'_>, end: usize) -> usize {
        scan.foreign_word_start(scan.floor(end.saturating_sub(LONGEST_WORD)), end, false)
    }

    /// [`Scan::digits_at`] character by character.
    fn plain_digits(text: &str, at: usize) -> Option<Digits> {
        let values: Vec<(char, u32)> = text
            .get(at..)?
            .chars()
            .take(MOST_DIGITS + 1)
            .map_while(|c| decimal(c).map(|value| (c, value)))
            .collect();
        let counted = values.iter().take(MOST_DIGITS);
        (!values.is_empty()).then(|| Digits {
            start: at,
            end: at + values.iter().map(|(c, _)| c.len_utf8()).sum::<usize>(),
            count: values.len(),
            value: counted.fold(0, |all, (_, value)| all * 10 + value),
        })
    }

    proptest! {
        #[test]
        fn bytes_are_read_as_characters_are(text in "([a-zA-Z]|[0-9]|[ \t_.-]|[éßÉ中٣жЖ]|[a-z]{40}|[0-9]{8}){0,30}") {
            let budget = Budget::unlimited();
            let scan = Scan::new(&text, &WORDS, &budget);
            for at in 0..=text.len() + 1 {
                let word = scan.word_at(at).map(|word| (word.end, word.hash));
                prop_assert_eq!(word, plain_word(&text, at), "word at {}", at);
                prop_assert_eq!(scan.digits_at(at), plain_digits(&text, at), "digits at {}", at);
                if !text.is_char_boundary(at) {
                    continue;
                }
                prop_assert_eq!(scan.word_start(at), plain_start(&scan, at), "word before {}", at);
                let joins = |c: char| is_alphanumeric(c) && !is_ideographic(c) || c == '_';
                let is_inside = scan.char_before(at).is_some_and(joins) && scan.char_at(at).is_some_and(joins);
                prop_assert_eq!(scan.is_word_inside(at), is_inside, "inside {}", at);
                let spaces = text.get(at..).map_or(0, |rest| {
                    rest.bytes().take(2).take_while(|b| matches!(b, b' ' | b'\t')).count()
                });
                prop_assert_eq!(scan.skip_spaces(at), at + spaces, "spaces at {}", at);
            }
        }
    }
}
