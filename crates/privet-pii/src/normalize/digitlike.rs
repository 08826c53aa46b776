//! Letters in place of digits: `4OOO O566`, `41I1 1l11`.
//!
//! A guess: what is found in the result must have a check digit or be named by a word.

use super::rewrite::{Piece, Rewriter};
use super::tokens::{Token, between};

/// Fewest and most characters of a number: a telephone number, an account number (ISO 13616-1).
const FEWEST: usize = 9;
const MOST: usize = 34;
/// Most bytes between two groups.
pub(super) const LONGEST_GAP: usize = 3;

/// The digit that a letter is taken for.
pub(super) const fn digit(byte: u8) -> Option<char> {
    Some(match byte {
        b'O' | b'o' | b'Q' => '0',
        b'I' | b'l' | b'i' | b'L' => '1',
        b'Z' | b'z' => '2',
        b'S' | b's' => '5',
        b'G' => '6',
        b'B' => '8',
        _ => return None,
    })
}

/// Whether a mark may stand between two groups.
pub(super) const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')' | b'+')
}

/// Writes digits for the letters in rows that are mostly digits; none if there is no such row.
pub(super) fn undo(text: &str, tokens: &[Token<'_>]) -> Option<Piece> {
    let mut out = Rewriter::new(text);
    let mut at = 0;
    while at < tokens.len() {
        let rest = tokens.get(at..).unwrap_or_default();
        let row = row(text, rest);
        if is_number(row) {
            for token in row {
                let skip = country(token);
                for (i, byte) in token.text.bytes().enumerate().skip(skip) {
                    if let Some(digit) = digit(byte) {
                        let place = token.start + i;
                        out.replace(place, place + 1, digit.encode_utf8(&mut [0; 4]));
                    }
                }
            }
        }
        at += row.len().max(1);
    }
    out.finish()
}

/// The letters of a country with which an account number begins.
fn country(token: &Token<'_>) -> usize {
    let bytes = token.text.as_bytes();
    let is_country = bytes.len() >= 4
        && bytes.iter().take(2).all(|b| {
            b.is_ascii_uppercase() && digit(*b).is_none()
                || *b == b'S'
                || *b == b'I'
                || *b == b'G'
                || *b == b'B'
                || *b == b'L'
        });
    let is_checked = bytes
        .iter()
        .skip(2)
        .take(2)
        .all(|b| b.is_ascii_digit() || digit(*b).is_some());
    if is_country && is_checked && bytes.first().is_some_and(u8::is_ascii_uppercase) {
        2
    } else {
        0
    }
}

/// The first tokens that are digits and letters like digits, near each other.
fn row<'a, 't>(text: &str, tokens: &'a [Token<'t>]) -> &'a [Token<'t>] {
    let mut len = 0;
    let mut size = 0;
    for (i, token) in tokens.iter().enumerate() {
        let skip = if i == 0 { country(token) } else { 0 };
        let is_part = token
            .text
            .bytes()
            .skip(skip)
            .all(|b| b.is_ascii_digit() || digit(b).is_some());
        let is_near = i == 0
            || tokens.get(i - 1).is_some_and(|left| {
                let gap = text.get(between(left, token)).unwrap_or_default();
                gap.len() <= LONGEST_GAP && gap.bytes().all(is_separator)
            });
        size += token.text.len();
        // A word such as `is` or `so` behind a number is no group of it.
        let is_word = token.text.len() < 3 && token.text.bytes().all(|b| b.is_ascii_alphabetic());
        if !is_part || !is_near || size > MOST || is_word {
            break;
        }
        len = i + 1;
    }
    tokens.get(..len).unwrap_or_default()
}

/// Whether a row is long enough, has a letter, and more digits than letters.
fn is_number(row: &[Token<'_>]) -> bool {
    let skip = row.first().map_or(0, country);
    let size: usize = row.iter().map(|t| t.text.len()).sum::<usize>() - skip;
    let digits: usize = row
        .iter()
        .map(|t| t.text.bytes().filter(u8::is_ascii_digit).count())
        .sum();
    size >= FEWEST && digits < size && 2 * digits > size
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize::tokens::tokens;

    fn undone(text: &str) -> String {
        undo(text, &tokens(text)).map_or_else(|| "unchanged".to_owned(), |p| p.text)
    }

    #[test]
    fn letters_in_numbers_become_digits() {
        assert_eq!(
            undone("card 41I1 1l11 1111 1I11 ok"),
            "card 4111 1111 1111 1111 ok"
        );
        assert_eq!(undone("4OOO O566 5566 5556"), "4000 0566 5566 5556");
        assert_eq!(
            undone("DE89 37O4 OO44 0532 0130 00"),
            "DE89 3704 0044 0532 0130 00"
        );
        assert_eq!(undone("tel 0l71 392OO15"), "tel 0171 3920015");
    }

    #[test]
    fn words_and_codes_are_left_alone() {
        for text in [
            "also so is it",
            "4111 1111 1111 1111",
            "SKU B0S1 is",
            "0x1lO",
            "oil 10 so lo 20",
        ] {
            assert_eq!(undone(text), "unchanged", "{text}");
        }
    }
}
