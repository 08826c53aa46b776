//! Codes of letters and digits cut where nobody cuts them: `UFLPX - 9281 - N`, `BNC LRA 84D52 F205 W`.
//!
//! A guess: what is found in the result must have a check digit or be named by a word.

use super::rewrite::{Piece, Rewriter};
use super::tokens::{Token, between};

/// Fewest parts of a code that is put together.
pub(super) const FEWEST: usize = 3;
/// Characters of such a code: the shortest that authorities give out with letters and digits, and the longest.
pub(super) const LENGTH: std::ops::Range<usize> = 8..23;
/// Longest part.
pub(super) const LONGEST_PART: usize = 9;

/// Puts such codes together; none if there is none.
pub(super) fn join(text: &str, tokens: &[Token<'_>]) -> Option<Piece> {
    let mut out = Rewriter::new(text);
    let mut at = 0;
    while at < tokens.len() {
        let row = row(text, tokens.get(at..).unwrap_or_default());
        if is_code(row) {
            for (left, right) in row.iter().zip(row.iter().skip(1)) {
                let gap = between(left, right);
                out.replace(gap.start, gap.end, "");
            }
        }
        // A row may begin with the last part of the one before, where the separator changes.
        at += row.len().saturating_sub(1).max(1);
    }
    out.finish()
}

/// Whether the text parts a code: one mark, alone or between two spaces, or one space.
pub(super) fn is_separator(gap: &[u8]) -> bool {
    let mark = match gap {
        [mark] | [b' ', mark, b' '] => *mark,
        _ => return false,
    };
    matches!(mark, b' ' | b'-' | b'.' | b'/' | b'_' | b'|')
}

/// The first tokens that are capitals and digits with the same separator between them.
fn row<'a, 't>(text: &str, tokens: &'a [Token<'t>]) -> &'a [Token<'t>] {
    let mut usual = None;
    let mut len = 0;
    for (i, token) in tokens.iter().enumerate() {
        if !token.is_capital() || token.text.len() > LONGEST_PART {
            break;
        }
        if let Some(left) = i.checked_sub(1).and_then(|i| tokens.get(i)) {
            let gap = text.get(between(left, token)).unwrap_or_default();
            if !is_separator(gap.as_bytes()) || *usual.get_or_insert(gap) != gap {
                break;
            }
        }
        len = i + 1;
    }
    tokens.get(..len).unwrap_or_default()
}

fn is_code(row: &[Token<'_>]) -> bool {
    let length = row.iter().map(|t| t.text.len()).sum();
    let has = |fits: fn(&u8) -> bool| row.iter().any(|t| t.text.as_bytes().iter().any(fits));
    row.len() >= FEWEST && LENGTH.contains(&length) && has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize::tokens::tokens;

    fn joined(text: &str) -> String {
        join(text, &tokens(text)).map_or_else(|| "unchanged".to_owned(), |p| p.text)
    }

    #[test]
    fn parts_of_a_code_are_put_together() {
        for (text, code) in [
            ("is UFLPX - 9281 - N.", "is UFLPX9281N."),
            ("cf BNC LRA 84D52 F205 W, ok", "cf BNCLRA84D52F205W, ok"),
            ("VIN WVWZZ-Z1K5E-58273-74", "VIN WVWZZZ1K5E5827374"),
        ] {
            assert_eq!(joined(text), code, "{text}");
        }
    }

    #[test]
    fn numbers_words_and_lists_are_left_alone() {
        for text in ["4111 1111 1111 1111", "THE END OF IT", "A4, B5, C6, D7", "AB 12"] {
            assert_eq!(joined(text), "unchanged", "{text}");
        }
    }
}
