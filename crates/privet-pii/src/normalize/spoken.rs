//! Digits written as words: `four one one one`.

use super::digitlike;
use super::lexicon::spelt;
use super::numerals::numeral;
use super::rewrite::{Piece, Rewriter};
use super::tokens::{Token, between, usual_gap};
use super::words::Spelt;

/// Fewest digit words in a row.
const FEWEST: usize = 4;
/// Fewest digit words among numerals, and fewest digits then.
const FEWEST_MIXED: usize = 3;
const FEWEST_MIXED_DIGITS: usize = 9;
/// Fewest digits in all: the shortest telephone numbers. Four are enough with the marks of a dotted quad.
const FEWEST_DIGITS: usize = 7;
const QUAD_MARKS: usize = 3;
/// Most bytes between two of them.
const LONGEST_GAP: usize = 5;
/// Most groups of digits that may lead a row.
const MOST_LED: usize = 5;
/// Longest row of capital letters between digits, as in an account number.
const LONGEST_LETTERS: usize = 4;

/// Writes rows of digit words as digits; none if there is no such row.
pub(super) fn unspeak(text: &str, tokens: &[Token<'_>]) -> Option<Piece> {
    let mut out = Rewriter::new(text);
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if spelt(token.text).is_some_and(begins_row) {
            let rest = tokens.get(at..).unwrap_or_default();
            let before = tokens.get(..at).unwrap_or_default();
            let digits = digits_before(text, before, out.at());
            let led = before.iter().rev().take(digits).map(|t| t.text.len()).sum();
            let (len, is_worth) = row(text, rest, led);
            if is_worth {
                let lead = if digits > 0 {
                    digits
                } else {
                    lead(before, out.at())
                };
                write(
                    text,
                    tokens.get(at - lead..at + len).unwrap_or_default(),
                    &mut out,
                );
            }
            at += len;
        }
        at += 1;
    }
    out.finish()
}

const fn begins_row(spelt: Spelt) -> bool {
    !matches!(
        spelt,
        Spelt::Mark(_) | Spelt::At | Spelt::WeakAt | Spelt::And | Spelt::AndTens(_)
    )
}

/// How many tokens right before a row are digits that belong to its number: `07700.900.two.six.six`.
fn digits_before(text: &str, before: &[Token<'_>], from: usize) -> usize {
    let mut right: Option<&Token<'_>> = None;
    let mut taken = 0;
    // What stands between the row and the digits is looked at where the row is written.
    for token in before.iter().rev().take(MOST_LED) {
        let gap = right.and_then(|right| text.get(between(token, right)));
        let is_near = gap.is_none_or(|gap| {
            gap.len() <= LONGEST_GAP
                && gap
                    .chars()
                    .all(|c| matches!(c, ' ' | '-' | '.' | '/' | '(' | ')' | '\u{2013}'))
        });
        if !token.is_digits() || token.start < from || !is_near {
            break;
        }
        taken += 1;
        right = Some(token);
    }
    taken
}

/// How many tokens make the row that begins with the first, and whether it is worth writing as digits; `led` digits stand
/// before it.
fn row(text: &str, tokens: &[Token<'_>], led: usize) -> (usize, bool) {
    let (mut len, mut words, mut digits, mut marks, mut slashes) = (0, 0, led, 0, 0);
    let mut times = 1;
    // A few marks and letters may stand between digits; more end the row, so that none is read far in vain.
    let most_idle = 2 * LONGEST_LETTERS;
    let mut end = tokens.first().map_or(0, |t| t.start);
    let mut i = 0;
    while let Some(token) = tokens.get(i) {
        if token.start - end > LONGEST_GAP || i > len + most_idle {
            break;
        }
        let gap = text.get(end..token.start).unwrap_or_default();
        let is_listed = gap.contains(',');
        // A sentence ends.
        if i > 0 && gap.starts_with(". ") && token.text.starts_with(char::is_uppercase) {
            break;
        }
        end = token.end();
        let before = i.checked_sub(1).and_then(|i| tokens.get(i));
        let said = numeral(text, tokens.get(i..).unwrap_or_default(), before);
        match spelt(token.text) {
            _ if let Some(said) = said => {
                words += said.len;
                digits += times * written(said.value);
                times = 1;
                i += said.len - 1;
                end = tokens.get(i).map_or(end, Token::end);
                len = i + 1;
            }
            Some(Spelt::Times(n)) => times = usize::from(n),
            Some(Spelt::Mark(c)) => {
                marks += 1;
                slashes += usize::from(c == '/');
            }
            _ if token.is_digits() || is_digitlike(token) => {
                digits += token.text.len();
                len = i + 1;
            }
            _ if token.is_capital() && token.text.len() <= LONGEST_LETTERS && !is_listed => {}
            _ => break,
        }
        i += 1;
    }
    let is_long = digits >= FEWEST_DIGITS || marks >= QUAD_MARKS || slashes > 0 && digits >= FEWEST;
    // Numerals among the words make up for some of them.
    let is_spoken = words >= FEWEST || words >= FEWEST_MIXED && digits >= FEWEST_MIXED_DIGITS;
    (len, is_spoken && is_long)
}

/// Digits that `value` is written in.
const fn written(value: u16) -> usize {
    match value {
        0..10 => 1,
        10..100 => 2,
        _ => 3,
    }
}

/// Whether the token is digits and letters like digits, as another pass undoes them.
fn is_digitlike(token: &Token<'_>) -> bool {
    token.text.bytes().any(|b| b.is_ascii_digit())
        && token
            .text
            .bytes()
            .all(|b| b.is_ascii_digit() || digitlike::digit(b).is_some())
}

/// How many tokens before a row belong to it: a word for `+`, the letters of a country.
fn lead(before: &[Token<'_>], from: usize) -> usize {
    let mut right = None;
    let mut taken = 0;
    // More letters before spell a word.
    let letters = before
        .iter()
        .rev()
        .take_while(|t| t.is_single() && t.is_capital());
    if letters.take(3).count() == 3 {
        return 0;
    }
    for token in before.iter().rev().take(2) {
        let is_near = right.is_none_or(|r: Token<'_>| r.start - token.end() <= LONGEST_GAP);
        let is_plus = spelt(token.text) == Some(Spelt::Mark('+'));
        let is_country = token.is_capital() && token.text.len() <= 2 && !token.is_digits();
        if token.start < from || !is_near || !(is_plus || is_country) {
            break;
        }
        taken += 1;
        right = Some(*token);
        if is_plus || token.text.len() == 2 {
            break;
        }
    }
    let is_pronoun = taken == 1 && right.is_some_and(|t| t.text == "I" || t.text == "A");
    if is_pronoun { 0 } else { taken }
}

fn write(text: &str, row: &[Token<'_>], out: &mut Rewriter<'_>) {
    let (usual, _) = usual_gap(text, row);
    let mut times = 1;
    let mut last: Option<&Token<'_>> = None;
    let mut buffer = String::new();
    let mut i = 0;
    while let Some(token) = row.get(i) {
        if let Some(last) = last {
            let gap = between(last, token);
            let written = text.get(gap.clone()).unwrap_or_default();
            let mark = if written == usual { "" } else { written.trim() };
            let is_mark = mark
                .chars()
                .all(|c| matches!(c, '-' | '.' | '+' | '(' | ')' | ':' | '@' | '/'));
            out.replace(gap.start, gap.end, if is_mark { mark } else { "" });
        }
        let before = i.checked_sub(1).and_then(|i| row.get(i));
        let said = numeral(text, row.get(i..).unwrap_or_default(), before);
        i += said.map_or(1, |said| said.len);
        let until = row.get(i - 1).unwrap_or(token);
        last = Some(until);
        buffer.clear();
        match spelt(token.text) {
            _ if let Some(said) = said => {
                let digits = said.value.to_string();
                buffer.extend(std::iter::repeat_n(digits.as_str(), times));
                times = 1;
            }
            Some(Spelt::Times(n)) => times = usize::from(n),
            Some(Spelt::Mark(c)) => buffer.push(c),
            _ => {
                out.keep_to(token.end());
                continue;
            }
        }
        out.replace(token.start, until.end(), &buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize::tokens::tokens;

    fn unspoken(text: &str) -> String {
        unspeak(text, &tokens(text)).map_or_else(|| "unchanged".to_owned(), |p| p.text)
    }

    #[test]
    fn rows_of_digit_words_become_digits_in_every_language() {
        for (text, digits) in [
            ("it is four one one one one one one.", "it is 4111111."),
            ("Four-One-One-ONE-one-one-one", "4111111"),
            ("double four, triple oh one two", "4400012"),
            ("plus one two zero two five five five", "+1202555"),
            ("two one nine dash zero nine dash one two", "219-09-12"),
            ("two one nine - zero nine - one two", "219-09-12"),
            ("one nine two dot zero dot two dot one seven", "192.0.2.17"),
            ("DE eight nine three seven zero four zero", "DE8937040"),
            ("G B eight two W E S T one two three four five", "GB82WEST12345"),
            ("vier eins fünf acht null null null", "4158000"),
            ("zéro un quatre neuf six six six", "0149666"),
            ("cero uno cuatro nueve dos dos dos", "0149222"),
            ("zero uno quattro nove sette otto due", "0149782"),
            ("nul een vier negen vijf zes zeven", "0149567"),
            ("zero um quatro três meia sete oito", "0143678"),
            ("zero jeden pięć dziewięć dwa trzy sześć", "0159236"),
            ("ноль один пять девять два три шесть", "0159236"),
            ("07700.900.two.six.six", "07700900266"),
            (
                "zéro six douze trente-quatre cinquante-six soixante-dix-huit",
                "0612345678",
            ),
            ("восемь девятьсот три 44O-l7-O8", "890344O-l7-O8"),
            ("sıfır beş yüz otuz iki 4 4 1 iki 0 dokuz 7", "05324412097"),
            ("expiry oh nine slash twenty seven", "expiry 09/27"),
        ] {
            assert_eq!(unspoken(text), digits, "{text}");
        }
    }

    #[test]
    fn counting_in_prose_is_left_alone() {
        for text in [
            "one two three",
            "one of two or three for four",
            "six, seven and eight or nine",
        ] {
            assert_eq!(unspoken(text), "unchanged", "{text}");
        }
    }
}
