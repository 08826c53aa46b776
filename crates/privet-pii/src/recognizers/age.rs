//! Ages: `34 years old`, `84-year-old`, `aged 45`, `34 Jahre`, `35歳`. The number alone is reported.

use privet_types::{Basis, Entity};

use super::Outcome;
use super::scan::Scan;
use super::words::{Digits, Senses, Word, is_ideographic, sense};

/// Words that an age stands beside.
pub(super) const SENSES: Senses = sense::YEARS | sense::AGED;
/// Nobody is known to have been older.
const OLDEST: u32 = 125;

/// Finds the age beside `word`.
pub(super) fn find(scan: &mut Scan<'_>, word: &Word) -> Outcome {
    scan.spend(8)?;
    let mut found = word.is(sense::YEARS).then(|| before(scan, word)).flatten();
    if found.is_none() && word.is(sense::AGED) {
        found = after(scan, word);
    }
    if let Some((digits, score)) = found {
        scan.report_as(
            Entity::AGE,
            digits.start,
            digits.end,
            score,
            "age/word",
            Basis::Context,
        );
    }
    Ok(())
}

/// The age behind a word such as `aged`.
fn after(scan: &Scan<'_>, word: &Word) -> Option<(Digits, f32)> {
    if scan.is_word_inside(word.start) && scan.back(word.start, 1) != b'_' {
        return None;
    }
    let text = scan.str(word.start, word.end);
    let is_turned = ["turned", "turning", "alter"]
        .iter()
        .any(|t| text.eq_ignore_ascii_case(t));
    let mut at = word.end;
    let mut is_marked = false;
    for _ in 0..5 {
        match scan.char_at(at)? {
            ' ' | '"' | '\'' => at += 1,
            ':' | '=' => {
                is_marked = true;
                at += 1;
            }
            '：' => {
                is_marked = true;
                at += 3;
            }
            _ => break,
        }
    }
    let filler = scan
        .word_at(at)
        .filter(|w| w.is(sense::FILLER | sense::OF) && scan.at(w.end) == b' ');
    if let Some(filler) = filler {
        at = scan.skip_spaces(filler.end);
    }
    let digits = age_at(scan, at)?;
    let ends = matches!(
        scan.at(digits.end),
        0 | b'.' | b',' | b';' | b')' | b'\n' | b'"' | b'!' | b'?'
    );
    let score = if is_marked { 0.75 } else { 0.6 };
    let is_counted = scan
        .word_at(scan.skip_spaces(digits.end))
        .is_some_and(|w| !w.is(sense::YEARS | sense::FILLER | sense::OLD) && is_turned);
    ((is_marked || !is_turned || ends) && !is_counted).then_some((digits, score))
}

/// The age before a word such as `Jahre`, or `years` with `old`.
fn before(scan: &Scan<'_>, word: &Word) -> Option<(Digits, f32)> {
    if scan.is_word_inside(word.end) && word.meaning.value == 1 {
        return None;
    }
    let mut end = word.start;
    for _ in 0..2 {
        if matches!(scan.back(end, 1), b' ' | b'-') {
            end -= 1;
        } else if scan.char_before(end) == Some('\u{a0}') {
            end -= 2;
        }
    }
    let mut start = end;
    while start > end.saturating_sub(12)
        && scan
            .char_before(start)
            .is_some_and(|c| super::words::decimal(c).is_some())
    {
        start -= scan.char_before(start).map_or(1, char::len_utf8);
    }
    let digits = age_at(scan, start).filter(|d| d.end == end)?;
    if scan
        .char_before(start)
        .is_some_and(|c| c.is_alphanumeric() && !is_ideographic(c))
    {
        return None;
    }
    let is_unspaced = scan.char_at(word.start).is_some_and(is_ideographic);
    let text = scan.str(word.start, word.end);
    if is_unspaced {
        let is_sure = text != "才" || scan.is_word_inside(word.end);
        return is_sure.then_some((digits, 0.8));
    }
    // `34 years old`, `84-year-old`, `34 yo`, `34 Jahre alt`, `34 ans`.
    let mut at = word.end;
    at += usize::from(matches!(scan.at(at), b' ' | b'-'));
    let next = scan
        .phrase_at(at, sense::OLD)
        .or_else(|| scan.word_at(at).filter(|w| w.is(sense::OLD)));
    if next.is_some() {
        return Some((digits, 0.85));
    }
    if text.eq_ignore_ascii_case("yo") {
        return Some((digits, 0.6));
    }
    if word.meaning.value == 2 {
        return None;
    }
    // `jährig`, `лет`, `yaşında` speak of age; `Jahre`, `ans` also of time: a person's age has two digits.
    let is_adjective = ["jähr", "jarig", "letni", "årig", "yaş", "वर्षीय", "летн"]
        .iter()
        .any(|stem| text.starts_with(stem));
    if is_adjective {
        return Some((digits, 0.8));
    }
    let is_span = before_span(scan, start);
    (digits.value >= 16 && !is_span && scan.back(start, 1) != b'-').then_some((digits, 0.45))
}

/// Whether the word before makes years a span of time: `vor 30 Jahren`, `il y a 20 ans`, `for 20 years`.
fn before_span(scan: &Scan<'_>, start: usize) -> bool {
    let Some(end) = start.checked_sub(1).filter(|_| scan.back(start, 1) == b' ') else {
        return false;
    };
    let Some(word) = scan.word_before(end) else {
        return false;
    };
    let text = scan.str(word.start, word.end);
    word.is(sense::BEFORE_SPAN)
        || [
            "a",
            "hace",
            "seit",
            "nach",
            "über",
            "depuis",
            "pendant",
            "durant",
            "en",
            "tras",
            "per",
            "da",
            "fra",
            "dopo",
            "por",
            "após",
            "durante",
            "przez",
            "od",
            "po",
            "za",
            "i",
            "under",
            "през",
            "через",
            "за",
            "на",
            "voor",
            "na",
            "sinds",
            "for",
            "von",
            "um",
            "rund",
            "sur",
            "sous",
            "för",
            "efter",
            "около",
            "более",
            "in",
            "alle",
        ]
        .iter()
        .any(|w| text.eq_ignore_ascii_case(w))
}

fn age_at(scan: &Scan<'_>, at: usize) -> Option<Digits> {
    let digits = scan.digits_at(at)?;
    let next = scan.at(digits.end);
    let is_part = matches!(next, b'.' | b',' | b':' | b'/') && scan.at(digits.end + 1).is_ascii_digit()
        || matches!(next, b'%' | b'_');
    let is_tail = matches!(scan.back(at, 1), b'.' | b',' | b':' | b'/') && scan.back(at, 2).is_ascii_digit();
    (digits.count <= 3 && (1..=OLDEST).contains(&digits.value) && !is_part && !is_tail).then_some(digits)
}
