//! Countries, by the names of ISO 3166 in English and the countries' own languages.
//!
//! A form alone: whatever else is found there keeps its place.

use privet_types::{Basis, Entity};

use super::Outcome;
use super::scan::Scan;
use super::words::{Senses, Word, sense};

/// Words that end the name of a country.
pub(super) const SENSES: Senses = sense::COUNTRY;
/// Names of persons, words and brands, too.
const OTHERS: &[&str] = &[
    "Angola",
    "Chad",
    "Chile",
    "China",
    "Georgia",
    "Greenlander",
    "Guinea",
    "India",
    "Israel",
    "Jamaica",
    "Jordan",
    "Mali",
    "Niger",
    "Panama",
    "Peru",
    "Togo",
    "Tonga",
    "Turkey",
];

/// Finds the name of a country.
pub(super) fn find(scan: &mut Scan<'_>, word: &Word) -> Outcome {
    scan.spend(8)?;
    let text = scan.str(word.start, word.end);
    let is_written = scan.is_capital(word.start)
        && text.chars().nth(3).is_some()
        && !scan.is_word_inside(word.end)
        && !OTHERS.contains(&text);
    if is_written && let Some(start) = start(scan, word) {
        let is_glued = scan.is_word_inside(start) || matches!(scan.back(start, 1), b'@' | b'.' | b'/' | b'-');
        let goes_on = matches!(scan.at(word.end), b'@' | b'/' | b'-' | b'_' | b'(')
            || scan.at(word.end) == b'.' && scan.at(word.end + 1).is_ascii_alphanumeric();
        if !is_glued && !goes_on {
            scan.report_as(
                Entity::LOCATION,
                start,
                word.end,
                0.6,
                "place/country",
                Basis::Form,
            );
        }
    }
    Ok(())
}

/// Where the name begins that ends with `word`, perhaps up to three words before.
fn start(scan: &Scan<'_>, word: &Word) -> Option<usize> {
    // Most names are one word.
    if scan
        .word_at(word.start)
        .is_some_and(|w| w.end == word.end && w.is(sense::COUNTRY))
    {
        return Some(word.start);
    }
    let mut start = word.start;
    for _ in 0..4 {
        if scan.lexicon().name_senses(scan.str(start, word.end)) & sense::COUNTRY != 0 {
            return Some(start);
        }
        let before = start.checked_sub(1).filter(|at| scan.at(*at) == b' ')?;
        let line = scan.str(scan.floor(before.saturating_sub(24)), before);
        let len = line
            .chars()
            .rev()
            .take_while(|c| c.is_alphabetic())
            .map(char::len_utf8)
            .sum::<usize>();
        start = before - len;
        if len == 0 || scan.is_word_inside(start) {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds_broad, misses_broad};

    #[test]
    fn countries_are_found_by_their_whole_names() {
        finds_broad(Entity::LOCATION, "we ship to Estonia only", "Estonia");
        finds_broad(Entity::LOCATION, "Ort\nSchweiz", "Schweiz");
        finds_broad(Entity::LOCATION, "In United States they do", "United States");
    }

    #[test]
    fn words_code_and_names_are_no_countries() {
        for text in [
            "we had turkey",
            "ask Jordan",
            "Georgia said",
            "x.Spain.y",
            "user@Norway",
            "the States",
        ] {
            misses_broad(Entity::LOCATION, text);
        }
    }
}
