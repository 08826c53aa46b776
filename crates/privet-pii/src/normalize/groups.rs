//! Numbers broken over lines, or cut where nobody cuts them.

use std::ops::Range;

use super::rewrite::{Piece, Rewriter};
use super::tokens::{Token, between};

/// Fewest digits: the shortest telephone numbers.
const FEWEST_DIGITS: usize = 7;
/// Most bytes between two groups: a line break with a mark and the indent or `>` of a quotation.
const LONGEST_GAP: usize = 6;
/// Digits of payment cards, ISO/IEC 7812-1.
const CARD: Range<usize> = 12..20;
/// Characters of account numbers, ISO 13616-1.
const ACCOUNT: Range<usize> = 15..35;
/// Most groups looked at for one number.
const MOST_GROUPS: usize = 40;

/// Joins broken numbers; none if there is none.
pub(super) fn join(text: &str, tokens: &[Token<'_>]) -> Option<Piece> {
    let mut out = Rewriter::new(text);
    let mut at = 0;
    while at < tokens.len() {
        let rest = tokens.get(at..).unwrap_or_default();
        // Numbers begin with a digit, account numbers with a capital; most words with neither.
        let first = rest.first().and_then(|t| t.text.as_bytes().first());
        if !first.is_some_and(|b| b.is_ascii_digit() || b.is_ascii_uppercase()) {
            at += 1;
            continue;
        }
        let account = account(text, rest, &mut out);
        let len = if account > 0 {
            account
        } else {
            number(text, rest, &mut out)
        };
        at += len.max(1);
    }
    out.finish()
}

/// What stands between two groups.
#[derive(Clone, Copy)]
struct Gap<'t> {
    text: &'t str,
}

impl Gap<'_> {
    fn is_allowed(self) -> bool {
        matches!(self.text, " " | "-")
            || self.text.len() <= LONGEST_GAP
                && self.text.matches('\n').count() <= 1
                && self.text.chars().all(|c| {
                    c.is_whitespace()
                        || matches!(
                            c,
                            '-' | '.' | '/' | '_' | '*' | '|' | ',' | '·' | '•' | '>' | '(' | ')' | '–'
                        )
                })
    }

    fn has_break(self) -> bool {
        self.text.contains(['\n', '\r', '\u{2028}'])
    }

    /// Whether no recogniser takes it for a separator inside a number.
    fn is_odd(self) -> bool {
        self.has_break()
            || self.text.contains(['_', '*', '|', ',', '·', '•', '\t'])
            || self.text.chars().count() > 1 && self.mark() != ')'
    }

    /// The one character that it comes down to.
    fn mark(self) -> char {
        self.text
            .chars()
            .find(|c| matches!(c, '-' | '.' | '/' | '(' | ')'))
            .unwrap_or(' ')
    }
}

fn gap<'t>(text: &'t str, left: &Token<'_>, right: &Token<'_>) -> Gap<'t> {
    Gap {
        text: text.get(between(left, right)).unwrap_or_default(),
    }
}

/// The first tokens of which `fits` holds and that lie near each other.
fn row<'a, 't>(text: &str, tokens: &'a [Token<'t>], fits: impl Fn(&Token<'t>) -> bool) -> &'a [Token<'t>] {
    let mut len = 0;
    for (i, token) in tokens.iter().enumerate().take(MOST_GROUPS) {
        let is_near = i == 0
            || tokens
                .get(i - 1)
                .is_some_and(|left| gap(text, left, token).is_allowed());
        if !fits(token) || !is_near {
            break;
        }
        len = i + 1;
    }
    tokens.get(..len).unwrap_or_default()
}

/// Joins a row of groups of digits if it needs that; how many tokens it has.
fn number(text: &str, tokens: &[Token<'_>], out: &mut Rewriter<'_>) -> usize {
    let row = row(text, tokens, |t| t.is_digits() && t.text.len() <= CARD.end);
    let total: usize = row.iter().map(|t| t.text.len()).sum();
    if row.len() < 2 || total < FEWEST_DIGITS {
        return row.len();
    }
    let gaps: Vec<Gap<'_>> = row
        .iter()
        .zip(row.iter().skip(1))
        .map(|(l, r)| gap(text, l, r))
        .collect();
    let sizes: Vec<usize> = row.iter().map(|t| t.text.len()).collect();
    let has_break = gaps.iter().any(|g| g.has_break());
    let is_regular = is_regular(&sizes);
    let is_quad = gaps.iter().any(|g| g.mark() == '.');
    let is_card = CARD.contains(&total);
    // Nobody but a form writes a card number with strokes or full stops.
    let is_stroked = |g: &Gap<'_>| !g.has_break() && matches!(g.mark(), '/' | '.');
    if sizes == [4, 4, 4, 4] && gaps.iter().all(is_stroked) {
        write(row, &gaps, |_| Some(' '), out);
    } else if !gaps.iter().any(|g| g.is_odd()) {
        if is_regular || !is_card || is_quad || row.len() < 3 {
            return row.len();
        }
        write(row, &gaps, |_| None, out);
    } else if has_break && !is_regular {
        // The break stands inside a group; a card number cut without any rule is joined throughout.
        let others: Vec<_> = gaps.iter().filter(|g| !g.has_break()).collect();
        let is_plain = others.iter().all(|g| g.mark() == ' ');
        let joined = joined_sizes(&sizes, &gaps);
        let all = is_card && is_plain && !self::is_regular(&joined);
        write(
            row,
            &gaps,
            |g| (!(all || g.has_break() && g.mark() == ' ')).then_some(g.mark()),
            out,
        );
    } else if !is_regular && is_card && !is_quad {
        write(row, &gaps, |_| None, out);
    } else {
        write(row, &gaps, |g| Some(g.mark()), out);
    }
    row.len()
}

/// Sizes of the groups once those that a line break parts are one.
fn joined_sizes(sizes: &[usize], gaps: &[Gap<'_>]) -> Vec<usize> {
    let mut joined: Vec<usize> = sizes.first().copied().into_iter().collect();
    for (size, gap) in sizes.iter().skip(1).zip(gaps) {
        match joined.last_mut() {
            Some(last) if gap.has_break() && gap.mark() == ' ' => *last += size,
            _ => joined.push(*size),
        }
    }
    joined
}

/// Whether groups are cut as numbers are: all alike but a shorter last one, or as social security numbers, North American
/// telephone numbers, American Express and Diners Club cards are.
fn is_regular(sizes: &[usize]) -> bool {
    let (Some(first), Some(last)) = (sizes.first(), sizes.last()) else {
        return false;
    };
    let body = sizes.get(..sizes.len() - 1).unwrap_or_default();
    body.iter().all(|s| s == first) && last <= first && *first > 1
        || matches!(
            sizes,
            [3, 2, 4] | [3, 3, 4] | [1, 3, 3, 4] | [4, 6, 5] | [4, 6, 4] | [1..=3, 3, 4, 4] | [2, 2, 3, 4]
        )
}

fn write(
    row: &[Token<'_>],
    gaps: &[Gap<'_>],
    keeps: impl Fn(Gap<'_>) -> Option<char>,
    out: &mut Rewriter<'_>,
) {
    let mut buffer = [0; 4];
    for (pair, gap) in row.iter().zip(row.iter().skip(1)).zip(gaps) {
        let range = between(pair.0, pair.1);
        let with = keeps(*gap).map_or("", |c| c.encode_utf8(&mut buffer));
        if with != gap.text {
            out.replace(range.start, range.end, with);
        }
    }
}

/// Joins an account number whose country and check digits are apart, or that is broken over lines; how many tokens it has.
fn account(text: &str, tokens: &[Token<'_>], out: &mut Rewriter<'_>) -> usize {
    let Some(head) = tokens.first().filter(|t| is_country(t.text)) else {
        return 0;
    };
    let row = row(text, tokens, Token::is_capital);
    let Some(row) = row.get(..account_len(row)) else {
        return 0;
    };
    let gaps: Vec<Gap<'_>> = row
        .iter()
        .zip(row.iter().skip(1))
        .map(|(l, r)| gap(text, l, r))
        .collect();
    let is_cut = head.text.len() < 4;
    if row.is_empty() || !(is_cut || gaps.iter().any(|g| g.is_odd() || g.mark() != ' ')) {
        return 0;
    }
    let mut buffer = [0; 4];
    let mut seen = 0;
    for ((left, right), gap) in row.iter().zip(row.iter().skip(1)).zip(&gaps) {
        seen += left.text.len();
        let range = between(left, right);
        let with = if seen < 4 {
            ""
        } else {
            ' '.encode_utf8(&mut buffer)
        };
        if gap.text != with {
            out.replace(range.start, range.end, with);
        }
    }
    row.len()
}

/// How many of the first tokens make an account number whose check digits are right (ISO 13616-1, ISO/IEC 7064
/// MOD 97-10); 0 if none.
fn account_len(row: &[Token<'_>]) -> usize {
    let append = |number: u64, byte: u8| {
        let value = u64::from(char::from(byte).to_digit(36).unwrap_or(0));
        (number * if value > 9 { 100 } else { 10 } + value) % 97
    };
    // The check is over the number with its first four characters, six places, moved to its end.
    let (mut head, mut body, mut seen) = (0, 0, 0);
    let mut found = 0;
    for (i, token) in row.iter().enumerate() {
        for byte in token.text.bytes().take(ACCOUNT.end) {
            if seen < 4 {
                head = append(head, byte);
            } else {
                body = append(body, byte);
            }
            seen += 1;
        }
        if ACCOUNT.contains(&seen) && (body * 1_000_000 + head) % 97 == 1 {
            found = i + 1;
        }
    }
    found
}

/// Whether a token begins as an account number does: two capitals, then digits if anything.
fn is_country(token: &str) -> bool {
    let (letters, rest) = token.as_bytes().split_at_checked(2).unwrap_or_default();
    let is_letters = letters.len() == 2 && letters.iter().all(u8::is_ascii_uppercase);
    is_letters && rest.iter().take(2).all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize::tokens::tokens;

    fn joined(text: &str) -> String {
        join(text, &tokens(text)).map_or_else(|| "unchanged".to_owned(), |p| p.text)
    }

    #[test]
    fn broken_numbers_are_joined() {
        for (text, number) in [
            ("4111 1111\n1111 1111", "4111 1111 1111 1111"),
            ("4111\n1111\n1111\n1111", "4111 1111 1111 1111"),
            ("41\n11 1111 1111 1111", "4111 1111 1111 1111"),
            ("411\n11 1111 11 11111", "4111111111111111"),
            ("4111 11 1111 111 111", "4111111111111111"),
            ("4111_1111_1111_1111", "4111 1111 1111 1111"),
            ("4111 / 1111 / 1111 / 1111", "4111 1111 1111 1111"),
            ("4111.1111.1111.1111", "4111 1111 1111 1111"),
            ("4111  1111  1111  1111", "4111 1111 1111 1111"),
            ("219-\n09-9999", "219-09-9999"),
            ("219-0\n9-9999", "219-09-9999"),
            ("219\n09\n9999", "219 09 9999"),
            ("192.0.\n2.17", "192.0.2.17"),
            ("192.0.2.1\n7", "192.0.2.17"),
            ("DE89 3704\n0044 0532 0130 00", "DE89 3704 0044 0532 0130 00"),
            ("DE 89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 00"),
            ("DE8937040044\n0532013000", "DE8937040044 0532013000"),
            ("GB82 WEST\n1234 5698 7654 32", "GB82 WEST 1234 5698 7654 32"),
        ] {
            assert_eq!(joined(text), number, "{text}");
        }
    }

    #[test]
    fn whole_numbers_and_prose_are_left_alone() {
        for text in [
            "4111 1111 1111 1111",
            "219-09-9999",
            "(202) 555-0143",
            "in 2024 or 2025",
            "192.0.2.17",
            "10 20 30",
            "1.2.3",
        ] {
            assert_eq!(joined(text), "unchanged", "{text}");
        }
    }
}
