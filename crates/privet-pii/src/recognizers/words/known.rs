//! The words of a text that announce a value, for explanations.

use std::ops::Range;

use privet_types::Budget;

use super::lexicon::{Senses, hash_start};
use super::reader::{fold, is_ideographic, is_word_char};
use super::sense;
use crate::recognizers::context::Words;
use crate::recognizers::scan::Scan;

/// Senses of words that stand beside a value and say what it is. Names of places and parts of names are not among them.
const ANNOUNCES: Senses = !(sense::COUNTRY
    | sense::PROVINCE
    | sense::PARTICLE
    | sense::TLD
    | sense::TLD_WEAK
    | sense::HEAD
    | sense::FILLER
    | sense::OF)
    & (sense::NOT_VALUE | (sense::NOT_VALUE - 1));
/// Longest word of a script without spaces, in characters.
const LONGEST_UNSPACED: usize = 6;

/// The words and phrases of `text` with such a sense, in small letters, and where they stand.
pub(crate) fn known(words: &Words, text: &str) -> Vec<(String, Range<usize>)> {
    let budget = Budget::unlimited();
    let scan = Scan::new(text, words, &budget);
    let mut all = Vec::new();
    let mut push = |start: usize, end: usize| {
        let word = text.get(start..end).unwrap_or_default().to_lowercase();
        all.push((word.replace('-', " "), start..end));
    };
    let mut at = 0;
    while let Some(c) = scan.char_at(at) {
        let next = at + c.len_utf8();
        if is_ideographic(c) {
            let rest = text.get(at..).unwrap_or_default().char_indices();
            let mut hash = hash_start();
            for (i, c) in rest
                .take(LONGEST_UNSPACED)
                .take_while(|(_, c)| is_ideographic(*c))
            {
                hash = fold(hash, c);
                if words.lexicon().get_alone(hash).senses & ANNOUNCES != 0 {
                    push(at, at + i + c.len_utf8());
                }
            }
            at = next;
        } else if is_word_char(c) {
            if let Some(phrase) = scan.phrase_at(at, ANNOUNCES) {
                push(phrase.start, phrase.end);
            }
            at = scan.word_at(at).map_or(next, |word| word.end.max(next));
        } else {
            at = next;
        }
    }
    all
}

/// A letter that no list has, of as many bytes and the same case as `c`; `c` itself if it is no letter.
pub(crate) const fn neutral(c: char) -> char {
    match c {
        'a'..='z' => 'q',
        'A'..='Z' => 'Q',
        c if c.is_ascii() => c,
        c if is_ideographic(c) => '乄',
        c => match c.len_utf8() {
            2 => 'þ',
            3 => 'ꝥ',
            _ => c,
        },
    }
}
