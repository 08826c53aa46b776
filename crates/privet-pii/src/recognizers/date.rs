//! Dates, times and periods: ISO 8601, and as they are written in the languages of [`words`](super::words).
//!
//! A date beside a word of birth is a date of birth.

use privet_types::{Basis, BudgetError, Entity, Span};

use super::Outcome;
use super::clock::{clock_at, word_left};
use super::scan::Scan;
use super::words::{Digits, Senses, Word, decimal, sense};
use crate::language::Language;

/// Words that a date can begin with.
pub(super) const SENSES: Senses = sense::MONTH
    | sense::MONTH_WEAK
    | sense::WEEKDAY
    | sense::WEEKDAY_WEAK
    | sense::RELATIVE
    | sense::NEXT
    | sense::QUARTER
    | sense::BEFORE_SPAN;
/// Years that a bare number beside a word can name.
const BARE_YEARS: std::ops::RangeInclusive<u32> = 1700..=2099;
/// Years of a record: what a list or a CV names without a word.
const RECORD_YEARS: std::ops::RangeInclusive<u32> = 1950..=2049;
/// A day counted from a day that the text does not name: below the usual threshold, since it tells little.
const RELATIVE_SCORE: f32 = 0.3;
const MONTHS: Senses = sense::MONTH | sense::MONTH_WEAK;

/// A date that was read.
#[derive(Debug, Clone, Copy)]
struct Date {
    end: usize,
    score: f32,
    /// Day, month and year are known.
    is_full: bool,
    rule: &'static str,
}

const fn date(end: usize, score: f32, is_full: bool, rule: &'static str) -> Date {
    Date {
        end,
        score,
        is_full,
        rule,
    }
}

/// Finds dates and times that begin with the digits `first`.
pub(super) fn find_digits(scan: &mut Scan<'_>, first: Digits) -> Outcome {
    let at = first.start;
    if first.count > 4 || at < scan.done.date || is_fragment(scan, first) {
        return Ok(());
    }
    scan.spend(4)?;
    let era = era_start(scan, at);
    if let Some(date) = calendar(scan, first, era < at) {
        return report(scan, era, date);
    }
    if first.count > 2 {
        if let Some(second) = second_year(scan, first) {
            report(scan, at, date(first.end, 0.5, false, "date/year"))?;
            return report(scan, second.start, date(second.end, 0.5, false, "date/year"));
        }
        if let Some(date) = bare_year(scan, first) {
            return report(scan, at, date);
        }
        return Ok(());
    }
    let before = word_left(scan, at).filter(|w| w.is(sense::AT_HOUR) && !scan.is_word_inside(w.start));
    if let Some(clock) = clock_at(scan, first, before.is_some()) {
        return report(scan, at, date(clock.end, clock.score, false, "date/clock"));
    }
    if let Some(word) = before.filter(|w| w.meaning.value == 2)
        && first.value <= 24
        && !scan.is_word_inside(first.end)
        && !matches!(scan.at(first.end), b'-' | b'/' | b'%')
    {
        return report(scan, word.start, date(first.end, 0.5, false, "date/clock"));
    }
    if let Some(unit) = scan
        .word_at(scan.skip_spaces(first.end))
        .filter(|w| w.is(sense::SPAN_UNIT))
        && let Some(ago) = scan
            .word_at(scan.skip_spaces(unit.end))
            .filter(|w| w.is(sense::AGO))
    {
        return report(scan, at, date(ago.end, RELATIVE_SCORE, false, "date/relative"));
    }
    Ok(())
}

/// Finds dates that begin with a word.
pub(super) fn find_word(scan: &mut Scan<'_>, word: &Word) -> Outcome {
    if word.start < scan.done.date || scan.is_word_inside(word.start) {
        return Ok(());
    }
    scan.spend(4)?;
    if word.is(sense::QUARTER) {
        if let Some(date) = quarter(scan, word) {
            return report(scan, word.start, date);
        }
        return Ok(());
    }
    if scan.is_word_inside(word.end) {
        return Ok(());
    }
    if word.is(sense::WEEKDAY | sense::WEEKDAY_WEAK)
        && let Some(date) = weekday(scan, word)
    {
        return report(scan, word.start, date);
    }
    if word.is(MONTHS)
        && let Some(date) = month_first(scan, word)
    {
        return report(scan, word.start, date);
    }
    if let Some((start, date)) = relative(scan, word) {
        return report(scan, start, date);
    }
    if word.is(sense::RELATIVE) && !is_told_date(scan, word) && is_relative_here(scan, word)? {
        // A time behind it is a finding of its own, which tells more.
        scan.report_as(
            Entity::DATE_TIME,
            word.start,
            word.end,
            RELATIVE_SCORE,
            "date/relative",
            Basis::Form,
        );
    }
    Ok(())
}

/// Reports a date, with the time that follows it, or as a date of birth.
fn report(scan: &mut Scan<'_>, start: usize, found: Date) -> Result<(), BudgetError> {
    let mut end = found.end;
    if found.rule != "date/clock" {
        if found.is_full && scan.wants_birth && has_living_year(scan, start, end) {
            if let Some(score) = super::birth::score(scan, start, end, false)? {
                scan.report(Entity::DATE_OF_BIRTH, start, end, score, "birth/date");
                scan.done.date = end;
                return Ok(());
            }
            scan.no_births.push(Span::new(start, end));
        }
        end = with_time(scan, end);
    }
    scan.spend(end - start)?;
    let basis = match found.score {
        score if score >= 0.5 => Basis::Pattern,
        score if score >= 0.4 => Basis::Context,
        _ => Basis::Form,
    };
    scan.report_as(Entity::DATE_TIME, start, end, found.score, found.rule, basis);
    scan.done.date = end;
    Ok(())
}

/// Whether no year before the first or after the last of births stands in `start..end`.
fn has_living_year(scan: &Scan<'_>, start: usize, end: usize) -> bool {
    let text = scan.str(start, end);
    let mut years = text
        .split(|c: char| decimal(c).is_none())
        .filter(|run| run.chars().count() == 4);
    years.all(|run| {
        let year = run.chars().filter_map(decimal).fold(0, |n, d| n * 10 + d);
        super::birth::YEARS.contains(&year)
    })
}

/// The end of the time that follows a date that ends at `end`: `, 10:42`, ` at 18:20`, `T18:44:09Z`, `:10:14:02 +0000`.
fn with_time(scan: &Scan<'_>, end: usize) -> usize {
    let mut at = end;
    // `2025 г.`, `2023 r.`
    let year_mark = scan.skip_spaces(at);
    for mark in ["г.", "г", "r."] {
        if let Some(after) = scan
            .skip_text(year_mark, mark)
            .filter(|e| !scan.is_word_inside(*e))
        {
            at = after;
            break;
        }
    }
    match scan.char_at(at) {
        Some('T' | 't' | ':' | '_' | ';') if scan.at(at + 1).is_ascii_digit() => at += 1,
        Some(',') => at = scan.skip_spaces(at + 1),
        Some('،' | '、') => at = scan.skip_spaces(at + scan.char_at(at).map_or(0, char::len_utf8)),
        _ => at = scan.skip_spaces(at),
    }
    let mut is_told = true;
    for _ in 0..3 {
        if let Some(digits) = scan.digits_at(at) {
            if let Some(clock) = clock_at(scan, digits, is_told) {
                return clock.end;
            }
            return end;
        }
        let Some(word) = scan.word_at(at).filter(|w| w.is(sense::AT_HOUR | sense::OF)) else {
            return end;
        };
        is_told = true;
        at = if scan.at(word.end) == b'.' {
            word.end + 1
        } else {
            word.end
        };
        at = scan.skip_spaces(at);
    }
    end
}

/// Whether digits go on from others.
fn is_fragment(scan: &Scan<'_>, digits: Digits) -> bool {
    let at = digits.start;
    match scan.back(at, 1) {
        b',' => digits.count != 4 && scan.back(at, 2).is_ascii_digit(),
        b':' | b'/' if digits.count == 4 => scan.back(at, 2).is_ascii_digit(),
        b':' => scan.back(at, 2).is_ascii_alphanumeric() || scan.back(at, 2) == b':',
        b'.' | b'-' | b'/' => scan
            .char_before(at - 1)
            .is_some_and(|c| c.is_alphanumeric() || c == '/'),
        b'$' | b'#' | b'_' | b'@' | b'\\' | b'+' | b'*' | b'=' => {
            scan.back(at, 1) != b'=' || scan.back(at, 2) == b'='
        }
        0 => false,
        byte => {
            !byte.is_ascii()
                && matches!(
                    scan.char_before(at),
                    Some('€' | '£' | '¥' | '₹' | '₽' | '№' | '§' | '×')
                )
        }
    }
}

/// Where the Japanese era before the year at `at` begins.
fn era_start(scan: &Scan<'_>, at: usize) -> usize {
    let start = at.saturating_sub(6);
    if matches!(scan.str(start, at), "令和" | "平成" | "昭和" | "大正" | "明治") {
        start
    } else {
        at
    }
}

/// Whether some year has such a day.
const fn is_day(day: u32, month: u32) -> bool {
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 29,
        1..=12 => 31,
        _ => 0,
    };
    day >= 1 && day <= days
}

/// Whether the year has that day.
const fn is_date(year: u32, month: u32, day: u32) -> bool {
    let is_leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    is_day(day, month) && (month != 2 || day < 29 || is_leap)
}

const fn is_year(digits: Digits) -> bool {
    digits.count == 4 && digits.value >= 1000 && digits.value <= 2999
}

/// A date whose first digits are `first`.
fn calendar(scan: &Scan<'_>, first: Digits, has_era: bool) -> Option<Date> {
    match scan.char_at(first.end) {
        Some('年') => return unspaced(scan, first, has_era),
        Some('月') => {
            let day = scan.digits_at(first.end + 3)?;
            let is_date =
                is_day(day.value, first.value) && matches!(scan.char_at(day.end), Some('日' | '号' | '號'));
            return is_date.then_some(date(day.end + 3, 0.7, false, "date/unspaced"));
        }
        _ => {}
    }
    numeric(scan, first).or_else(|| day_first(scan, first))
}

/// `2023年5月12日`, `2023年5月`, `令和5年`.
fn unspaced(scan: &Scan<'_>, year: Digits, has_era: bool) -> Option<Date> {
    if !has_era && !is_year(year) {
        return None;
    }
    let mut end = year.end + 3;
    let month = scan
        .digits_at(scan.skip_spaces(end))
        .filter(|m| (1..=12).contains(&m.value) && scan.char_at(m.end) == Some('月'));
    let Some(month) = month else {
        return (!matches!(scan.char_at(end), Some('間' | '间'))).then_some(date(
            end,
            0.6,
            false,
            "date/unspaced",
        ));
    };
    end = month.end + 3;
    let day = scan
        .digits_at(scan.skip_spaces(end))
        .filter(|d| (1..=31).contains(&d.value) && matches!(scan.char_at(d.end), Some('日' | '号' | '號')));
    Some(match day {
        Some(day) => date(day.end + 3, 0.85, true, "date/unspaced"),
        None => date(end, 0.7, false, "date/unspaced"),
    })
}

/// The digits behind one separator, and a space if the separator is a full stop.
fn part(scan: &Scan<'_>, at: usize, separator: char) -> Option<Digits> {
    let c = scan.char_at(at)?;
    if c != separator {
        return None;
    }
    let next = at + c.len_utf8();
    let next = if c == '.' && scan.at(next) == b' ' {
        next + 1
    } else {
        next
    };
    scan.digits_at(next)
}

/// `2024-03-12`, `12.03.2024`, `3/12/24`, `03/2024`.
fn numeric(scan: &Scan<'_>, a: Digits) -> Option<Date> {
    let separator = scan
        .char_at(a.end)
        .filter(|c| matches!(c, '-' | '/' | '.' | '\u{2011}' | '\u{2010}'))?;
    let Some(b) = part(scan, a.end, separator) else {
        return named_between(scan, a, separator);
    };
    let Some(c) = part(scan, b.end, separator) else {
        return two_parts(scan, a, b, separator);
    };
    let is_followed = |d: Digits| {
        let after = scan.char_at(d.end);
        let next = scan.char_at(d.end + after.map_or(0, char::len_utf8));
        match after {
            Some('T' | 't') => next.is_none_or(|n| decimal(n).is_none()),
            Some('-' | '/' | '.' | '%' | '@' | '_') => {
                after != Some('.') && after != Some('-') && after != Some('/')
                    || next.is_some_and(char::is_alphanumeric)
            }
            _ => scan.is_word_inside(d.end),
        }
    };
    if is_followed(c) {
        return None;
    }
    let either = is_day(a.value, b.value) || is_day(b.value, a.value);
    match (a.count, b.count, c.count) {
        (4, 1 | 2, 1 | 2) if is_year(a) && is_date(a.value, b.value, c.value) => {
            Some(date(c.end, 0.85, true, "date/iso"))
        }
        (1 | 2, 1 | 2, 4)
            if is_year(c) && (is_date(c.value, b.value, a.value) || is_date(c.value, a.value, b.value)) =>
        {
            Some(date(c.end, 0.8, true, "date/numeric"))
        }
        (1 | 2, 1 | 2, 2) if either => {
            let is_padded = a.count == 2 && b.count == 2;
            let is_sure = separator == '/' || is_padded && !is_followed_by_group(scan, c.end);
            let score = if is_sure { 0.6 } else { 0.3 };
            Some(date(c.end, score, is_sure, "date/numeric"))
        }
        _ => None,
    }
}

/// Whether another group of digits follows after a space: `01.42.68 53 00` is no date.
fn is_followed_by_group(scan: &Scan<'_>, at: usize) -> bool {
    let next = scan.skip_spaces(at);
    next > at
        && scan
            .digits_at(next)
            .is_some_and(|d| d.count != 4 && !matches!(scan.at(d.end), b':' | b'h' | b'H' | b' ' | b'.'))
}

/// `03/2024`, and `5/21` or `22.4.` behind a word of time.
fn two_parts(scan: &Scan<'_>, a: Digits, b: Digits, separator: char) -> Option<Date> {
    if scan.is_word_inside(b.end) || matches!(scan.at(b.end), b'%') {
        return None;
    }
    let next = scan.at(b.end);
    if matches!(next, b'-' | b'/' | b',' | b':') && scan.at(b.end + 1).is_ascii_digit() {
        return None;
    }
    let is_told =
        || word_left(scan, a.start).is_some_and(|w| w.is(sense::DATE_CUE | sense::YEAR_CUE | sense::WEEKDAY));
    if b.count == 4 && (1900..=2100).contains(&b.value) && (1..=12).contains(&a.value) && a.count <= 2 {
        let is_sure = separator == '/' || a.count == 2 && is_told();
        return is_sure.then_some(date(b.end, 0.6, false, "date/month"));
    }
    if a.count > 2 || b.count > 2 || !(is_day(a.value, b.value) || is_day(b.value, a.value)) {
        return None;
    }
    match separator {
        '.' if next == b'.'
            && is_day(a.value, b.value)
            && !scan.at(b.end + 1).is_ascii_digit()
            && is_told() =>
        {
            Some(date(b.end + 1, 0.5, false, "date/day"))
        }
        '/' if is_told() => Some(date(b.end, 0.45, false, "date/day")),
        _ => None,
    }
}

/// `5-MAY-2021`, `22/Mar/2025`, `2021-May-05`.
fn named_between(scan: &Scan<'_>, a: Digits, separator: char) -> Option<Date> {
    let month = scan
        .word_at(a.end + separator.len_utf8())
        .filter(|w| w.is(MONTHS))?;
    let c = part(scan, month.end, separator)?;
    let is_date = match (a.count, c.count) {
        (1 | 2, 4) => is_day(a.value, 1) && is_year(c),
        (1 | 2, 2) => is_day(a.value, 1),
        (4, 1 | 2) => is_year(a) && is_day(c.value, 1),
        _ => false,
    };
    (is_date && !scan.is_word_inside(c.end)).then_some(date(c.end, 0.85, true, "date/named"))
}

/// Skips `st`, `th`, `er`, `º`, `.` behind the number of a day.
fn skip_ordinal(scan: &Scan<'_>, at: usize) -> usize {
    for mark in ["st", "nd", "rd", "th", "er", "ème", "e", ".º", "º", "°", "ª", "."] {
        if let Some(end) = scan.skip_text(at, mark)
            && !scan.is_word_inside(end)
        {
            return end;
        }
    }
    at
}

/// Skips `of`, `de`, `the` and the spaces behind.
fn skip_of(scan: &Scan<'_>, at: usize) -> usize {
    match scan.word_at(at) {
        Some(w) if w.is(sense::OF) && scan.at(w.end) == b' ' => scan.skip_spaces(w.end),
        Some(w) if w.is(sense::OF) && scan.at(w.end) == b'\'' => w.end + 1,
        _ => at,
    }
}

/// A year at `at`, or behind a comma, a hyphen, or `de`.
fn year_after(scan: &Scan<'_>, at: usize, may_be_short: bool) -> Option<Digits> {
    let at = if matches!(scan.at(at), b',' | b'-' | b'.' | b'/') {
        at + 1
    } else if scan.char_at(at) == Some('،') {
        at + 2
    } else {
        at
    };
    let at = skip_of(scan, scan.skip_spaces(at));
    let is_short = may_be_short && scan.at(at) == b'\'';
    let year = scan.digits_at(at + usize::from(is_short))?;
    let fits = is_year(year) || is_short && year.count == 2;
    let after = scan.at(year.end);
    let goes_on = scan.is_word_inside(year.end)
        || matches!(after, b':' | b'/') && scan.at(year.end + 1).is_ascii_digit() && after != b':';
    (fits && !goes_on).then_some(year)
}

/// `12. März 2024`, `3 de mayo de 2021`, `1er avril`, `2024 March 12`.
fn day_first(scan: &Scan<'_>, day: Digits) -> Option<Date> {
    if day.count > 2 || !is_day(day.value, 1) {
        return None;
    }
    let after = skip_ordinal(scan, day.end);
    let at = skip_of(scan, scan.skip_spaces(after));
    if at == day.end && scan.is_word_inside(at) {
        return None;
    }
    let at = if matches!(scan.at(at), b'-' | b'/') {
        at + 1
    } else {
        at
    };
    let month = scan.phrase_at(at, MONTHS)?;
    let month_end = if scan.at(month.end) == b'.' {
        month.end + 1
    } else {
        month.end
    };
    if !is_day(day.value, u32::from(month.meaning.value)) {
        return None;
    }
    if let Some(year) = year_after(scan, month_end, true) {
        return Some(date(year.end, 0.85, true, "date/named"));
    }
    let is_sure = month.is(sense::MONTH) || scan.is_capital(month.start);
    let end = if month_end > month.end
        && month.is(sense::MONTH_WEAK)
        && !scan.is_capital(scan.skip_spaces(month_end))
    {
        month_end
    } else {
        month.end
    };
    is_sure.then_some(date(end, 0.6, false, "date/named"))
}

/// `March 12, 2024`, `Mar 21`, `May 2021`, `in May`.
fn month_first(scan: &Scan<'_>, month: &Word) -> Option<Date> {
    let is_capital = scan.is_capital(month.start);
    let is_sure = month.is(sense::MONTH) || is_capital;
    let dot = usize::from(scan.at(month.end) == b'.');
    let at = scan.skip_spaces(month.end + dot);
    let day = scan
        .digits_at(at)
        .filter(|d| at > month.end && d.count <= 2 && is_day(d.value, 1));
    if let Some(day) = day {
        let end = skip_ordinal(scan, day.end);
        let end = if scan.back(end, 1) == b'.' { day.end } else { end };
        let goes_on = scan.is_word_inside(end)
            || matches!(scan.at(end), b':' | b'/' | b'.' | b'-') && scan.at(end + 1).is_ascii_digit()
            || scan.at(end) == b'%';
        if !goes_on {
            if let Some(year) = year_after(scan, end, true) {
                return Some(date(year.end, 0.85, true, "date/named"));
            }
            return is_sure.then_some(date(end, 0.6, false, "date/named"));
        }
    }
    if let Some(year) = year_after(scan, month.end + dot, true).filter(|y| y.start > month.end) {
        return (is_sure || !month.is(sense::MONTH_WEAK)).then_some(date(year.end, 0.7, false, "date/month"));
    }
    let is_told = word_left(scan, month.start)
        .is_some_and(|w| w.is(sense::YEAR_CUE | sense::DATE_CUE | sense::NEXT) && w.end < month.start);
    let is_name = month.is(sense::MONTH)
        || is_capital && month.end - month.start > 3
        || scan.text.get(month.start..month.end) == Some("May");
    (is_told && is_name && is_sure).then_some(date(month.end, 0.4, false, "date/month"))
}

/// `Monday, 13 January`, `friday the 4th`, `Monday`.
fn weekday(scan: &Scan<'_>, word: &Word) -> Option<Date> {
    let mut at = word.end;
    if !word.is(sense::WEEKDAY) && !scan.is_capital(word.start) && !matches!(scan.at(at), b'.' | b',') {
        return None;
    }
    at += usize::from(scan.at(at) == b'.');
    at += usize::from(scan.at(at) == b',');
    at = scan.skip_spaces(at);
    if at > word.end {
        let inner = match scan.word_at(at) {
            Some(w) if w.is(sense::OF | sense::DATE_CUE) || scan.str(w.start, w.end) == "the" => {
                scan.skip_spaces(w.end)
            }
            _ => at,
        };
        if let Some(digits) = scan.digits_at(inner) {
            if let Some(found) = calendar(scan, digits, false) {
                return Some(found);
            }
            let end = skip_ordinal(scan, digits.end);
            if end > digits.end && is_day(digits.value, 1) && digits.count <= 2 && scan.back(end, 1) != b'.' {
                return Some(date(end, 0.6, false, "date/weekday"));
            }
        } else if let Some(month) = scan.phrase_at(inner, MONTHS)
            && let Some(found) = month_first(scan, &month)
        {
            return Some(found);
        }
    }
    if !word.is(sense::WEEKDAY) {
        return None;
    }
    let period = scan
        .word_at(scan.skip_spaces(word.end))
        .filter(|w| w.is(sense::PERIOD));
    let end = period
        .filter(|p| !scan.is_word_inside(p.end))
        .map_or(word.end, |p| p.end);
    Some(date(end, 0.5, false, "date/weekday"))
}

/// `next week`, `la semaine prochaine`, `vor 3 Tagen`.
fn relative(scan: &Scan<'_>, word: &Word) -> Option<(usize, Date)> {
    let found = |end| date(end, RELATIVE_SCORE, false, "date/relative");
    let next = scan.word_at(scan.skip_spaces(word.end));
    if word.is(sense::NEXT) {
        if let Some(next) = next
            .filter(|w| w.is(sense::PERIOD | sense::WEEKDAY | sense::MONTH) && !scan.is_word_inside(w.end))
        {
            return Some((word.start, found(next.end)));
        }
        let before = scan.word_before(
            word.start
                .checked_sub(1)
                .filter(|_| scan.back(word.start, 1) == b' ')?,
        )?;
        return (before.is(sense::PERIOD | sense::WEEKDAY) && !scan.is_word_inside(before.start))
            .then_some((before.start, found(word.end)));
    }
    if word.is(sense::BEFORE_SPAN) {
        let count = scan
            .digits_at(scan.skip_spaces(word.end))
            .filter(|d| d.count <= 3)?;
        let unit = scan
            .word_at(scan.skip_spaces(count.end))
            .filter(|w| w.is(sense::SPAN_UNIT))?;
        let is_whole = !scan.is_word_inside(unit.end);
        return is_whole.then_some((word.start, found(unit.end)));
    }
    None
}

/// Whether the date of a day follows, as in `Today is 5/20/2021`: then the date is the finding.
fn is_told_date(scan: &Scan<'_>, word: &Word) -> bool {
    let told = |verb: &Word| {
        let is_verb = matches!(
            scan.str(verb.start, verb.end),
            "is" | "ist" | "est" | "es" | "è" | "é" | "jest" | "är"
        );
        let at = scan.skip_spaces(verb.end);
        let at = at + usize::from(scan.at(at) == b'\n');
        is_verb && (scan.at(at).is_ascii_digit() || scan.phrase_at(at, MONTHS).is_some())
    };
    scan.word_at(scan.skip_spaces(word.end))
        .as_ref()
        .is_some_and(told)
}

/// Whether a word for a day means that in the language round it: `hier` is `here` in German and Dutch, and `Morgen` is the
/// morning.
fn is_relative_here(scan: &mut Scan<'_>, word: &Word) -> Result<bool, BudgetError> {
    let languages: &[Language] = match scan.str(word.start, word.end) {
        "hier" | "Hier" => &[Language::French],
        "morgen" => &[Language::German, Language::Dutch],
        "Morgen" => &[Language::Dutch],
        _ => return Ok(true),
    };
    scan.spend(Language::UNITS)?;
    let language = Language::detect_at(scan.text, word.start);
    Ok(language.is_some_and(|language| languages.contains(&language)))
}

/// `Q3`, `Q3 2025`, `Q1/24`.
fn quarter(scan: &Scan<'_>, word: &Word) -> Option<Date> {
    let is_letter = word.end - word.start == 1;
    if is_letter && scan.at(word.start) != b'Q' {
        return None;
    }
    let number = scan.digits_at(if is_letter {
        word.end
    } else {
        scan.skip_spaces(word.end)
    })?;
    if number.count != 1 || !(1..=4).contains(&number.value) || scan.is_word_inside(number.end) {
        return None;
    }
    if let Some(year) = year_after(scan, number.end, true) {
        return Some(date(year.end, 0.75, false, "date/quarter"));
    }
    (is_letter && !matches!(scan.at(number.end), b'.' | b'-' | b'=' | b':' | b'(')).then_some(date(
        number.end,
        0.4,
        false,
        "date/quarter",
    ))
}

/// The later year of `2013 to 2019` or `2016–2021`, whose earlier one is `first`.
fn second_year(scan: &Scan<'_>, first: Digits) -> Option<Digits> {
    let fits = |d: Digits| d.count == 4 && (1900..=2049).contains(&d.value);
    if !fits(first) {
        return None;
    }
    let mut at = scan.skip_spaces(first.end);
    let is_spaced = at > first.end;
    at += match scan.char_at(at)? {
        '-' => 1,
        '\u{2012}'..='\u{2014}' => 3,
        _ => {
            let word = scan.word_at(at).filter(|_| is_spaced)?;
            let joins = [
                "to", "bis", "a", "à", "al", "tot", "do", "até", "till", "по", "through", "until",
            ];
            joins
                .contains(&scan.str(word.start, word.end))
                .then_some(word.end - word.start)?
        }
    };
    let second = scan.digits_at(scan.skip_spaces(at))?;
    let goes_on = scan.is_word_inside(second.end)
        || matches!(scan.at(second.end), b'-' | b'/' | b'.' | b':')
            && scan.at(second.end + 1).is_ascii_digit();
    (fits(second) && first.value <= second.value && !goes_on).then_some(second)
}

/// A year by itself, if a word or the place says that it is one.
fn bare_year(scan: &Scan<'_>, year: Digits) -> Option<Date> {
    if year.count != 4 || !BARE_YEARS.contains(&year.value) {
        return None;
    }
    if scan.at(year.end) == b's' && year.value.is_multiple_of(10) && !scan.is_word_inside(year.end + 1) {
        return Some(date(year.end + 1, 0.6, false, "date/year"));
    }
    let after = scan.at(year.end);
    if scan.is_word_inside(year.end)
        || matches!(after, b'%' | b'-' | b'/' | b':' | b'@' | b'=' | b'_')
            && scan.at(year.end + 1).is_ascii_alphanumeric()
        || matches!(after, b'.' | b',') && scan.at(year.end + 1).is_ascii_digit()
    {
        return None;
    }
    let is_record = RECORD_YEARS.contains(&year.value);
    let before = word_left(scan, year.start)
        .filter(|w| scan.back(year.start, 1) == b' ' && !scan.is_word_inside(w.start));
    if let Some(word) = before {
        if word.is(sense::YEAR_CUE) && (is_record || year.value < 1950) && !is_counted(scan, year.end) {
            return Some(date(year.end, 0.5, false, "date/year"));
        }
        let text = scan.str(word.start, word.end);
        let is_law = text == "of"
            && scan.word_before(word.start.saturating_sub(1)).is_some_and(|w| {
                [
                    "act",
                    "class",
                    "year",
                    "spring",
                    "summer",
                    "autumn",
                    "fall",
                    "winter",
                    "treaty",
                    "code",
                    "law",
                    "constitution",
                    "end",
                    "beginning",
                ]
                .iter()
                .any(|k| scan.str(w.start, w.end).eq_ignore_ascii_case(k))
            });
        if is_law {
            return Some(date(year.end, 0.55, false, "date/year"));
        }
        let is_article = ["a", "the", "A", "The"].contains(&text);
        if is_article && is_record && year.value != 2000 && !is_counted(scan, year.end) {
            return Some(date(year.end, 0.4, false, "date/year"));
        }
    }
    let is_line_start = year.start == 0 || scan.back(year.start, 1) == b'\n';
    let is_last = matches!(after, 0 | b'\n' | b'\r')
        && (is_line_start || scan.slice(year.start.saturating_sub(2), year.start) == b", ");
    let is_first = is_line_start && after == b' ' && year.value != 2000 && !is_counted(scan, year.end);
    let is_alone = is_record && (is_last || is_first);
    is_alone.then_some(date(year.end, 0.4, false, "date/year"))
}

/// Whether what follows a number is counted by it: `2000 people`.
fn is_counted(scan: &Scan<'_>, end: usize) -> bool {
    let at = scan.skip_spaces(end);
    matches!(scan.char_at(at), Some('€' | '$' | '£' | '%' | '°')) || {
        let Some(word) = scan.word_at(at) else {
            return false;
        };
        let text = scan.str(word.start, word.end);
        [
            "people",
            "bytes",
            "words",
            "points",
            "meters",
            "metres",
            "miles",
            "km",
            "dollars",
            "euros",
            "euro",
            "rubles",
            "rpm",
            "lines",
            "items",
            "ms",
            "kg",
            "mb",
            "zł",
            "kr",
            "mg",
            "files",
            "characters",
            "times",
            "users",
        ]
        .iter()
        .any(|unit| text.eq_ignore_ascii_case(unit))
    }
}

#[cfg(test)]
mod tests {
    use privet_types::{Budget, Entity};

    use crate::testing::{finds, finds_broad, misses_broad};
    use crate::{Analyzer, Config};

    #[test]
    fn dates_are_found_whole_in_the_languages_of_the_words() {
        for (text, value) in [
            ("at 2025-03-02T18:44:09.5Z it", "2025-03-02T18:44:09.5Z"),
            ("at 2025-03-02 18:44 UTC it", "2025-03-02 18:44 UTC"),
            ("[22/Mar/2025:10:14:02 +0000]", "22/Mar/2025:10:14:02 +0000"),
            ("on 5-MAY-2021.", "5-MAY-2021"),
            ("on 05/21/21.", "05/21/21"),
            ("since 03/2019.", "03/2019"),
            ("bis zum 22.4. da", "22.4."),
            ("am 12. März 2024, 13:00 Uhr", "12. März 2024, 13:00 Uhr"),
            ("le 1er avril 2025 à 9 h 30", "1er avril 2025 à 9 h 30"),
            ("el 3 de mayo de 2021 a las 9:17", "3 de mayo de 2021 a las 9:17"),
            ("dnia 12 maja 2023.", "12 maja 2023"),
            ("5 Mayıs 2024 günü", "5 Mayıs 2024"),
            ("12 мая 2023 года", "12 мая 2023"),
            ("12 мая 2023 г. 10:42", "12 мая 2023 г. 10:42"),
            ("令和5年5月12日です", "令和5年5月12日"),
            ("于2025年2月10日20时入院", "2025年2月10日20时"),
            ("तारीख १२ मई २०२३ को", "१२ मई २०२३"),
            ("بتاريخ ١٢ مايو ٢٠٢٣", "١٢ مايو ٢٠٢٣"),
            (
                "Thursday 6 February 2025, 14:00",
                "Thursday 6 February 2025, 14:00",
            ),
            ("May 1st, 1977", "May 1st, 1977"),
            ("Mar 21 03:12:44 host", "Mar 21 03:12:44"),
            ("the Act of 2011 says", "2011"),
            ("im Jahr 2019 war", "2019"),
            ("in Q3 2025 we", "Q3 2025"),
            ("by 6 pm CST", "6 pm CST"),
            ("à 15h30 précises", "15h30"),
            ("the 1980s were", "1980s"),
            ("We'll meet Monday", "Monday"),
            ("call me tomorrow at 6 pm", "6 pm"),
        ] {
            finds_broad(Entity::DATE_TIME, text, value);
        }
    }

    #[test]
    fn days_counted_from_now_are_found_below_the_usual_threshold() {
        for (text, value) in [
            ("we met yesterday", "yesterday"),
            ("due next week", "next week"),
            ("wir liefern nächste Woche", "nächste Woche"),
            ("heute um acht", "heute"),
            (
                "Wir sehen uns morgen in der Kanzlei, und dann bringe ich dir die Unterlagen mit.",
                "morgen",
            ),
            (
                "Il est venu hier pour la réunion avec nous et il a dit que les documents étaient prêts.",
                "hier",
            ),
            ("la semaine prochaine", "semaine prochaine"),
            ("llega mañana", "mañana"),
            ("il mese scorso", "mese scorso"),
            ("vandaag niet", "vandaag"),
            ("w przyszłym tygodniu", "przyszłym tygodniu"),
            ("hoje não", "hoje"),
            ("nästa vecka", "nästa vecka"),
            ("gelecek hafta", "gelecek hafta"),
            ("来週です", "来週"),
            ("明天见", "明天"),
            ("अगले सप्ताह मिलें", "अगले सप्ताह"),
            ("الأسبوع القادم", "الأسبوع القادم"),
            ("на следующей неделе", "следующей неделе"),
        ] {
            assert_eq!(relative(text, 0.0), [value], "{text}");
            assert!(relative(text, 0.35).is_empty(), "{text}");
        }
        for text in [
            "Today is 5/20/2021",
            "Heute ist der",
            "Today is\n2024-03-15",
            "Oggi è 12 marzo",
            "Today is May-2021",
        ] {
            assert_eq!(
                relative(text, 0.0).len(),
                usize::from(text == "Heute ist der"),
                "{text}"
            );
        }
        assert!(
            relative(
                "Wir sind hier, und das ist nicht weit von der Stadt, aber ich muss noch etwas holen.",
                0.0
            )
            .is_empty()
        );
    }

    fn relative(text: &str, threshold: f64) -> Vec<&str> {
        let config = Config {
            network: false,
            threshold,
            ..Config::everything()
        };
        let found = Analyzer::new(&config)
            .unwrap()
            .analyze(text, None, &Budget::unlimited())
            .unwrap();
        let dates = found.iter().filter(|f| f.rule.0 == "date/relative");
        dates.map(|f| f.span.of(text).unwrap()).collect()
    }

    #[test]
    fn versions_addresses_prices_and_ordinary_words_are_no_dates() {
        for text in [
            "version 4.12.0 and 1.2.3.4",
            "from 192.0.2.17:8080",
            "costs 12.50 or 1,984",
            "you may march in the sun",
            "call 01.42.68.53.00 now",
            "chapter 12, page 1984",
            "build 20250302-1 of x86_64-2024",
            "aa:bb:cc:12:34:56",
            "a ratio of 3/4 or 16 to 9",
            "order 2025-0314",
        ] {
            misses_broad(Entity::DATE_TIME, text);
        }
    }

    #[test]
    fn a_date_beside_a_word_of_birth_is_one_of_birth_and_the_next_line_is_not() {
        for (text, value) in [
            ("जन्म तिथि: 17 मई 1991", "17 मई 1991"),
            ("تاريخ الميلاد: 8/11/1949", "8/11/1949"),
            ("Дата рождения: 17 мая 1991 г.", "17 мая 1991"),
            ("生年月日：1992年7月3日", "1992年7月3日"),
            ("Doğum tarihi: 3 Mart 1958", "3 Mart 1958"),
            ("DOB: 11/02/1951\nAdmitted: 06/03/2025", "11/02/1951"),
        ] {
            finds(Entity::DATE_OF_BIRTH, text, value);
        }
    }
}
