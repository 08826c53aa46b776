//! Dates of birth: a calendar date with a word beside it, or a JSON key, that speaks of birth.

use std::sync::LazyLock;

use privet_types::{BudgetError, Entity, Span};

use super::context::BIRTH;
use super::number::{DASH, DOT, Group, Number, SLASH, SPACE};
use super::scan::Scan;
use crate::letters::{is_alphabetic, is_alphanumeric};

/// Nobody alive was born before, no record is dated after.
pub(super) const YEARS: std::ops::RangeInclusive<u32> = 1890..=2100;
/// Bytes before a date that are looked at for the words that belong to it.
const LABEL: usize = 60;
/// Longest month name below, in bytes.
const LONGEST_MONTH: usize = 12;

/// Month names of seven languages, as far as they differ, by number.
const MONTHS: [&[&str]; 12] = [
    &[
        "january", "jan", "januar", "jänner", "janvier", "janv", "enero", "ene", "gennaio", "gen", "janeiro",
        "januari", "stycznia",
    ],
    &[
        "february",
        "feb",
        "februar",
        "février",
        "févr",
        "fevrier",
        "febrero",
        "febbraio",
        "fevereiro",
        "fev",
        "februari",
        "lutego",
    ],
    &[
        "march", "mar", "märz", "mrz", "mars", "marzo", "março", "maart", "marca",
    ],
    &[
        "april", "apr", "avril", "avr", "abril", "abr", "aprile", "kwietnia",
    ],
    &["may", "mai", "mayo", "maggio", "mag", "maio", "mei", "maja"],
    &[
        "june", "jun", "juni", "juin", "junio", "giugno", "giu", "junho", "czerwca",
    ],
    &[
        "july", "jul", "juli", "juillet", "juil", "julio", "luglio", "lug", "julho", "lipca",
    ],
    &[
        "august", "aug", "août", "aout", "agosto", "ago", "augustus", "sierpnia",
    ],
    &[
        "september",
        "sep",
        "sept",
        "septembre",
        "septiembre",
        "settembre",
        "set",
        "setembro",
        "września",
    ],
    &[
        "october",
        "oct",
        "oktober",
        "okt",
        "octobre",
        "octubre",
        "ottobre",
        "ott",
        "outubro",
        "out",
        "października",
    ],
    &[
        "november",
        "nov",
        "novembre",
        "noviembre",
        "novembro",
        "listopada",
    ],
    &[
        "december",
        "dec",
        "dezember",
        "dez",
        "décembre",
        "decembre",
        "déc",
        "diciembre",
        "dic",
        "dicembre",
        "dezembro",
        "grudnia",
    ],
];

/// Finds dates that begin with digits, or whose first digits follow the name of a month.
pub(super) fn find(scan: &mut Scan<'_>, number: &Number) -> Result<bool, BudgetError> {
    let groups = number.groups();
    let Some(first) = groups.first() else {
        return Ok(false);
    };
    if is_fragment(scan, first.start) {
        return Ok(false);
    }
    let Some((start, end, needs_near)) = numeric(groups, number)
        .or_else(|| named(scan, first, number))
        .or_else(|| compact(first, number))
    else {
        return Ok(false);
    };
    let span = Span::new(start, end);
    let judged = scan.no_births.binary_search_by_key(&start, |s| s.start);
    if !needs_near && judged.is_ok_and(|i| scan.no_births.get(i) == Some(&span)) {
        return Ok(false);
    }
    scan.spend(end - start)?;
    let Some(score) = score(scan, start, end, needs_near)? else {
        return Ok(false);
    };
    scan.report(Entity::DATE_OF_BIRTH, start, end, score, "birth/date");
    scan.done.number = end;
    Ok(true)
}

/// How surely the date `start..end` is one of birth; none if no word beside it says so.
pub(super) fn score(
    scan: &mut Scan<'_>,
    start: usize,
    end: usize,
    needs_near: bool,
) -> Result<Option<f32>, BudgetError> {
    let around = scan.around(start, end)?;
    let after = scan
        .str(end, scan.floor((end + 8).min(scan.bytes.len())))
        .trim_start();
    if ["г. р", "г.р", "р.", "生"]
        .iter()
        .any(|mark| after.starts_with(mark))
    {
        return Ok(Some(0.8));
    }
    let topics = if needs_near { around.near } else { around.any() };
    if topics & BIRTH == 0 {
        return Ok(None);
    }
    // Words between the last number or line and the date speak of it; a word of birth before that, of another date.
    let from = scan.floor(start.saturating_sub(LABEL));
    let label = scan.str(from, start);
    let label = label.trim_end_matches(|c: char| !is_alphanumeric(c));
    let begin = label
        .char_indices()
        .rfind(|(_, c)| *c == '\n' || c.is_numeric())
        .map_or(0, |(i, c)| i + c.len_utf8());
    let has_words = label
        .chars()
        .rev()
        .take_while(|c| *c != '\n' && !c.is_numeric())
        .filter(|c| is_alphabetic(*c))
        .count()
        >= 2;
    if begin > 0 && has_words && (around.right | scan.outside) & BIRTH == 0 {
        let topics = scan.topics(from + begin, from + label.len())?;
        if topics & BIRTH == 0 {
            return Ok(None);
        }
    }
    Ok(Some(if around.near & BIRTH != 0 { 0.85 } else { 0.7 }))
}

/// Whether the digits at `at` go on from others: a date does not begin inside a number.
fn is_fragment(scan: &Scan<'_>, at: usize) -> bool {
    matches!(scan.back(at, 1), b'.' | b',' | b'-' | b'/') && scan.back(at, 2).is_ascii_digit()
}

/// `1984-03-12`, `12/03/1984`, `12. 3. 84`, `12 03 1984`.
fn numeric(groups: &[Group], number: &Number) -> Option<(usize, usize, bool)> {
    let [a, b, c, ..] = groups else { return None };
    let is_same =
        b.before == c.before && matches!(b.before, DASH | SLASH | DOT | SPACE) || b.before == DOT | SPACE;
    if !is_same || a.is_glued || b.is_glued {
        return None;
    }
    let (x, y, z) = (number.value(a), number.value(b), number.value(c));
    let is_date = match (a.len(), b.len(), c.len()) {
        (4, 1 | 2, 1 | 2) => is_day(x, y, z),
        (1 | 2, 1 | 2, 4) => is_day(z, y, x) || is_day(z, x, y),
        (1 | 2, 1 | 2, 2) if b.before != SPACE => {
            is_day(1900 + z, y, x) || is_day(1900 + z, x, y) || is_day(2000 + z, y, x)
        }
        _ => false,
    };
    is_date.then_some((a.start, c.end, false))
}

/// `19840312`, which needs a word close by.
fn compact(first: &Group, number: &Number) -> Option<(usize, usize, bool)> {
    if first.len() != 8 || first.is_glued {
        return None;
    }
    let part = |from: usize, to: usize| {
        number
            .digits(8)
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .fold(0, |n, d| n * 10 + u32::from(*d))
    };
    let is_date = is_day(part(0, 4), part(4, 6), part(6, 8)) || is_day(part(4, 8), part(2, 4), part(0, 2));
    is_date.then_some((first.start, first.end, true))
}

/// `12 March 1984`, `12th of March, 1984`, `March 12, 1984`, `12-Mar-84`.
fn named(scan: &Scan<'_>, first: &Group, number: &Number) -> Option<(usize, usize, bool)> {
    if first.len() > 2 {
        return None;
    }
    let day = number.value(first);
    let after_day = skip_ordinal(scan, first.end);
    let month_start = skip_words(scan, after_day);
    if let Some((month, month_end)) = month_at(scan, month_start) {
        let (year, end) = year_at(scan, skip_words(scan, month_end))?;
        return is_day(year, month, day).then_some((first.start, end, false));
    }
    let (month, start) = month_before(scan, first.start)?;
    let (year, end) = year_at(scan, skip_words(scan, after_day))?;
    is_day(year, month, day).then_some((start, end, false))
}

fn skip_ordinal(scan: &Scan<'_>, at: usize) -> usize {
    let next: [u8; 2] = [
        scan.at(at).to_ascii_lowercase(),
        scan.at(at + 1).to_ascii_lowercase(),
    ];
    let len = match &next {
        b"st" | b"nd" | b"rd" | b"th" | b"er" => 2,
        _ if scan.str(at, at + 2) == "º" => 2,
        _ => 0,
    };
    if scan.is_glued_right(at + len) {
        at
    } else {
        at + len
    }
}

/// Skips `, `, `. `, `-`, and the `of` or `de` that some put between the parts of a date.
fn skip_words(scan: &Scan<'_>, at: usize) -> usize {
    let skip_marks = |at: usize| {
        let marks = scan.slice(at, (at + 3).min(scan.bytes.len()));
        at + marks
            .iter()
            .take_while(|b| matches!(b, b' ' | b',' | b'.' | b'-' | b'/' | b'\''))
            .count()
    };
    let at = skip_marks(at);
    let is_word = |word: &str| {
        scan.str(at, at + word.len()).eq_ignore_ascii_case(word) && scan.at(at + word.len()) == b' '
    };
    ["of", "de", "del"]
        .into_iter()
        .find(|w| is_word(w))
        .map_or(at, |w| skip_marks(at + w.len()))
}

fn month_at(scan: &Scan<'_>, at: usize) -> Option<(u32, usize)> {
    if !may_begin_month(scan.at(at), scan.at(at + 1)) {
        return None;
    }
    let window = scan.str(at, scan.floor((at + LONGEST_MONTH + 4).min(scan.bytes.len())));
    let len = window.find(|c: char| !is_alphabetic(c)).unwrap_or(window.len());
    Some((month(window.get(..len)?)?, at + len))
}

fn month_before(scan: &Scan<'_>, at: usize) -> Option<(u32, usize)> {
    let window = scan
        .str(scan.floor(at.saturating_sub(LONGEST_MONTH + 4)), at)
        .trim_end_matches([' ', '.', '-', ',']);
    let len = window.len() - window.trim_end_matches(is_alphabetic).len();
    let gap = at - scan.floor(at.saturating_sub(LONGEST_MONTH + 4)) - window.len();
    let name = window.get(window.len() - len..)?;
    (gap <= 2 && gap > 0).then_some(())?;
    Some((month(name)?, at - gap - len))
}

/// Whether a name of [`MONTHS`] may begin with two bytes, in either case.
fn may_begin_month(first: u8, second: u8) -> bool {
    /// By the lowest five bits of the first byte, a bit for those of the second.
    const BEGINS: [u32; 32] = {
        let mut begins = [0; 32];
        let mut months: &[&[&str]] = &MONTHS;
        while let [names, later @ ..] = months {
            let mut rest = *names;
            while let [name, more @ ..] = rest {
                if let [first, second, ..] = name.as_bytes() {
                    #[expect(
                        clippy::indexing_slicing,
                        reason = "five bits are below 32; checked when compiled"
                    )]
                    {
                        begins[(*first & 31) as usize] |= 1 << (*second & 31);
                    }
                }
                rest = more;
            }
            months = later;
        }
        begins
    };
    let begins = BEGINS.get(usize::from(first & 31)).copied().unwrap_or(0);
    !first.is_ascii() || !second.is_ascii() || begins >> (second & 31) & 1 == 1
}

fn month(name: &str) -> Option<u32> {
    let [first, second, ..] = name.as_bytes() else {
        return None;
    };
    if !(3..=LONGEST_MONTH + 1).contains(&name.len()) || !may_begin_month(*first, *second) {
        return None;
    }
    let mut small = [0; LONGEST_MONTH + 1];
    if !name.is_ascii() {
        return known_month(name.to_lowercase().as_bytes());
    }
    let small = small.get_mut(..name.len())?;
    small.copy_from_slice(name.as_bytes());
    small.make_ascii_lowercase();
    known_month(small)
}

/// The names of months, sorted, each with its number.
static MONTH_NAMES: LazyLock<Vec<(&[u8], u32)>> = LazyLock::new(|| {
    let numbered = (1..).zip(MONTHS);
    let mut all: Vec<_> = numbered
        .flat_map(|(number, names)| names.iter().map(move |name| (name.as_bytes(), number)))
        .collect();
    all.sort_unstable();
    all
});

/// The number of the month of this name in small letters.
fn known_month(name: &[u8]) -> Option<u32> {
    let names = &*MONTH_NAMES;
    let at = names.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    names.get(at).map(|(_, number)| *number)
}

/// A year of four digits, or of two, at `at`.
fn year_at(scan: &Scan<'_>, at: usize) -> Option<(u32, usize)> {
    let digits = scan.slice(at, (at + 5).min(scan.bytes.len()));
    let len = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    let value = digits
        .iter()
        .take(len)
        .fold(0, |n, d| n * 10 + u32::from(*d - b'0'));
    match len {
        4 => Some((value, at + 4)),
        2 if !scan.is_glued_right(at + 2) => Some((1900 + value, at + 2)),
        _ => None,
    }
}

/// Whether the day exists in the proleptic Gregorian calendar and somebody could have been born on it.
fn is_day(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        1..=12 => 31,
        _ => return false,
    };
    YEARS.contains(&year) && (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, finds_named, misses};

    #[test]
    fn a_date_with_a_word_of_birth_beside_it_is_found() {
        for (text, value) in [
            ("She was born on 1984-03-12 in Bath", "1984-03-12"),
            ("DOB: 03/12/1984", "03/12/1984"),
            ("D.O.B. 12/3/84", "12/3/84"),
            ("geb. 12.03.1984", "12.03.1984"),
            ("geboren am 12. März 1984", "12. März 1984"),
            ("né(e) le 12 mars 1984", "12 mars 1984"),
            ("nacido el 12 de marzo de 1984", "12 de marzo de 1984"),
            ("nato il 12/03/1984", "12/03/1984"),
            ("Date of birth: March 12, 1984", "March 12, 1984"),
            ("birthday is the 12th of March 1984", "12th of March 1984"),
            ("12 Mar 1984 (date of birth)", "12 Mar 1984"),
            ("born 1984-03-12T00:00:00Z", "1984-03-12"),
        ] {
            finds(Entity::DATE_OF_BIRTH, text, value);
        }
        finds_named(Entity::DATE_OF_BIRTH, "1984-03-12", "birth_date", "1984-03-12");
        finds_named(Entity::DATE_OF_BIRTH, "19840312", "dob", "19840312");
    }

    #[test]
    fn other_dates_and_impossible_ones_are_not_reported() {
        for text in [
            "due on 2024-03-12",
            "reborn project, 12/03/2024",
            "born 31/02/1984",
            "born 1784-03-12",
            "born in 1984",
            "She was born in Paris. The invoice is of 12/03/2024",
        ] {
            misses(Entity::DATE_OF_BIRTH, text);
        }
    }
}
