//! Values with a separator between all their characters: `4 1 1 1`, `4-1-1-1`, `j o h n @ e x a m p l e . c o m`.

use super::rewrite::{Piece, Rewriter};
use super::tokens::{Token, between, usual_gap};

/// Fewest single characters in a row.
const FEWEST: usize = 4;
/// Most bytes between two of them: a mark with the separators of either side.
const LONGEST_GAP: usize = 7;

/// Closes up rows of single characters; none if there is no such row.
pub(super) fn close_up(text: &str, tokens: &[Token<'_>]) -> Option<Piece> {
    let mut out = Rewriter::new(text);
    let mut at = 0;
    while at < tokens.len() {
        let rest = tokens.get(at..).unwrap_or_default();
        let len = row(rest);
        let row = rest.get(..len).unwrap_or_default();
        let is_long = len >= FEWEST || is_abbreviation(text, rest, len);
        let (usual, times) = if is_long { usual_gap(text, row) } else { ("", 0) };
        // A row that is not cut by one separator for the most part is no spread value.
        if is_long && times * 2 > len - 1 {
            lead(
                text,
                tokens.get(..at).unwrap_or_default().last(),
                row,
                usual,
                &mut out,
            );
            write(text, row, usual, &mut out);
        }
        at += len.max(1);
    }
    out.finish()
}

/// Whether a row is three capitals of an abbreviation with a number behind them: `M R N 0044719`.
fn is_abbreviation(text: &str, tokens: &[Token<'_>], len: usize) -> bool {
    if len != FEWEST - 1 {
        return false;
    }
    let (row, number) = (tokens.get(..len).unwrap_or_default(), tokens.get(len));
    let is_near = row
        .last()
        .zip(number)
        .and_then(|(left, right)| text.get(between(left, right)))
        .is_some_and(|gap| gap.len() <= 2);
    is_near
        && number.is_some_and(|n| n.text.starts_with(|c: char| c.is_ascii_digit()))
        && row.iter().all(|t| t.text.bytes().all(|b| b.is_ascii_uppercase()))
}

/// How many single characters stand in a row.
fn row(tokens: &[Token<'_>]) -> usize {
    let mut end = tokens.first().map_or(0, |t| t.start);
    let mut len = 0;
    for token in tokens {
        if !token.is_single() || token.start - end > LONGEST_GAP {
            break;
        }
        end = token.end();
        len += 1;
    }
    len
}

/// Closes up to the row what stands before it: `+`, `(`, or the first characters of an account number.
fn lead(text: &str, before: Option<&Token<'_>>, row: &[Token<'_>], usual: &str, out: &mut Rewriter<'_>) {
    let Some(first) = row.first() else { return };
    let head = text
        .get(..first.start)
        .and_then(|h| h.strip_suffix(usual))
        .unwrap_or_default();
    let is_head = before.is_some_and(|t| {
        t.end() == head.len()
            && matches!(t.text.as_bytes(), [a, b, c @ ..] if matches!(c.len(), 1 | 2)
                && a.is_ascii_uppercase() && b.is_ascii_uppercase() && c.iter().all(u8::is_ascii_digit))
    });
    if head.len() >= out.at() && (is_head || head.ends_with(['+', '('])) {
        out.replace(head.len(), first.start, "");
    }
}

fn write(text: &str, row: &[Token<'_>], usual: &str, out: &mut Rewriter<'_>) {
    for (left, right) in row.iter().zip(row.iter().skip(1)) {
        let gap = between(left, right);
        let written = text.get(gap.clone()).unwrap_or_default();
        if written == usual {
            out.replace(gap.start, gap.end, "");
            continue;
        }
        let inner = written.strip_prefix(usual).unwrap_or(written);
        let inner = inner.strip_suffix(usual).unwrap_or(inner);
        // Between marks the separators stand as well: ` . . ` is `..`.
        let marks = inner.trim();
        let kept = if !marks.is_empty() {
            marks
        } else if inner.is_empty() {
            ""
        } else {
            " "
        };
        out.replace(gap.start, gap.end, kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize::tokens::tokens;

    fn closed(text: &str) -> String {
        close_up(text, &tokens(text)).map_or_else(|| "unchanged".to_owned(), |p| p.text)
    }

    #[test]
    fn rows_of_single_characters_are_closed_up() {
        for (text, value) in [
            ("no 4 1 1 1 1 now", "no 41111 now"),
            ("4-1-1-1-1", "41111"),
            ("4.1.1.1.1", "41111"),
            ("4\n1\n1\n1\n1", "41111"),
            ("4 - 1 - 1 - 1", "4111"),
            ("4 1 1 1   1 1 1 1", "4111 1111"),
            ("2 1 9 - 0 9 - 9 9 9 9", "219-09-9999"),
            ("2-1-9---0-9---9-9-9-9", "219-09-9999"),
            ("1 9 2 . 0 . 2 . 1 7", "192.0.2.17"),
            ("+ 1 2 0 2 5", "+12025"),
            ("D E 8 9 3 7", "DE8937"),
            ("DE8 9 3 7 0 4", "DE893704"),
            ("j o h n @ e x a m p l e . c o m", "john@example.com"),
            ("j.o.h.n.@.e.x.a", "john@exa"),
            ("И в а н о в", "Иванов"),
            ("no. M R N 0044719", "no. MRN 0044719"),
        ] {
            assert_eq!(closed(text), value, "{text}");
        }
    }

    #[test]
    fn words_and_numbers_are_left_alone() {
        for text in ["a b", "I am 1 of 3", "1.2.3", "12 34 56 78"] {
            assert_eq!(closed(text), "unchanged", "{text}");
        }
    }
}
