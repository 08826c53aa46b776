//! Letters and digits in rows, and what lies between.

use crate::letters::is_alphanumeric;
use crate::masks::{self, BLOCK};
use crate::recognizers::class::{self, DIGIT, LETTER};
use std::ops::Range;

/// A row of letters and digits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'t> {
    pub(super) start: usize,
    pub(super) text: &'t str,
}

impl Token<'_> {
    pub(super) const fn end(&self) -> usize {
        self.start + self.text.len()
    }

    pub(super) fn is_digits(&self) -> bool {
        self.text.bytes().all(|b| b.is_ascii_digit())
    }

    /// Whether it is capital letters and digits of ASCII only.
    pub(super) fn is_capital(&self) -> bool {
        self.text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    }

    /// Whether it is one letter or digit of a script whose words stand apart.
    pub(super) fn is_single(&self) -> bool {
        self.text.len() == 1 || self.text.len() == 2 && self.text.chars().count() == 1
    }
}

/// All tokens of `text`.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    // A word of English and the space behind it have some six bytes.
    let mut all = Vec::with_capacity(text.len() / 6 + 1);
    if text.is_ascii() {
        ascii_tokens(text, &mut all);
        return all;
    }
    let bytes = text.as_bytes();
    let mut start = None;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let (is_part, len) = if byte.is_ascii() {
            (class::of(byte) & (LETTER | DIGIT) != 0, 1)
        } else {
            let c = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or(' ');
            // The virama of Devanagari is no letter, but stands inside words.
            (
                is_alphanumeric(c) || c == '\u{94d}' && start.is_some(),
                c.len_utf8(),
            )
        };
        if is_part {
            start.get_or_insert(at);
        } else if let Some(from) = start.take()
            && let Some(text) = text.get(from..at)
        {
            all.push(Token { start: from, text });
        }
        at += len;
    }
    if let Some(from) = start {
        all.extend(text.get(from..).map(|text| Token { start: from, text }));
    }
    all
}

/// Adds the tokens of `text`, which is ASCII, to `all`.
fn ascii_tokens<'t>(text: &'t str, all: &mut Vec<Token<'t>>) {
    let mut start = None;
    let mut carry = 0;
    for base in (0..text.len()).step_by(BLOCK) {
        let part = masks::of(&masks::block(text.as_bytes(), base), |byte| {
            ((byte | 0x20).wrapping_sub(b'a') < 26) | (byte.wrapping_sub(b'0') < 10)
        });
        // A token begins or ends wherever a byte is another sort than the one before.
        for at in masks::places(part ^ (part << 1 | carry)) {
            match start.take() {
                None => start = Some(base + at),
                Some(from) => {
                    all.extend(text.get(from..base + at).map(|text| Token { start: from, text }));
                }
            }
        }
        carry = part >> (BLOCK - 1);
    }
    if let Some(from) = start {
        all.extend(text.get(from..).map(|text| Token { start: from, text }));
    }
}

/// The bytes between two neighbours.
pub(super) const fn between(left: &Token<'_>, right: &Token<'_>) -> Range<usize> {
    left.end()..right.start
}

/// The separator that stands between most neighbours of `row`, alone or on either side of a mark, and between how many.
pub(super) fn usual_gap<'t>(text: &'t str, row: &[Token<'_>]) -> (&'t str, usize) {
    let gaps = || {
        let pairs = row.iter().zip(row.iter().skip(1));
        pairs.map(|(left, right)| text.get(between(left, right)).unwrap_or_default())
    };
    let mut known: [Option<&str>; 4] = [None; 4];
    for gap in gaps() {
        if let Some(slot) = known.iter_mut().find(|g| g.is_none_or(|g| g == gap)) {
            *slot = Some(gap);
        }
    }
    let count = |usual: &str| {
        let stands = |gap: &str| {
            gap == usual || gap.len() >= 2 * usual.len() && gap.starts_with(usual) && gap.ends_with(usual)
        };
        gaps().filter(|gap| stands(gap)).count()
    };
    let counted = known.into_iter().flatten().map(|gap| (gap, count(gap)));
    counted
        .max_by_key(|(gap, n)| (*n, std::cmp::Reverse(gap.len())))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ascii_tokens_are_the_runs_of_letters_and_digits(text in "([ -~]|[a-z0-9]{1,70}|[ .]{1,3}){0,40}") {
            let found: Vec<(usize, &str)> = tokens(&text).iter().map(|t| (t.start, t.text)).collect();
            let runs = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|run| !run.is_empty());
            let expected: Vec<(usize, &str)> = runs
                .map(|run| (run.as_ptr() as usize - text.as_ptr() as usize, run))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
