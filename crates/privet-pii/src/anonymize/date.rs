//! Dates as they are written: read, moved by days, written again in the same format.

use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::month::{self, Case, Language, Names};

/// Longest text that is read as a date.
const MAX_LENGTH: usize = 96;
/// Words between the parts of a date and before its time of day, such as "3 de marzo de 2024" and "3 May 2024 at 10:20".
const FILLERS: &[&str] = &[
    "de", "del", "of", "the", "den", "der", "le", "el", "il", "am", "op", "do", "on", "at", "um", "om",
    "alle", "à", "a", "las", "às",
];
/// Letters in a time of day, upper case.
const TIME_WORDS: &[&str] = &["T", "Z", "UTC", "GMT", "AM", "PM", "H", "UHR", "CET", "CEST"];

/// What the written date alone does not tell, needed to read it again after it has moved. Says no more about
/// the day than the written format does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Layout {
    order: Order,
    is_day_padded: bool,
    is_month_padded: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language: Option<Language>,
    #[serde(default)]
    has_short_month: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    YearMonthDay,
    DayMonthYear,
    MonthDayYear,
}

/// A date, and how it was written.
#[derive(Debug)]
pub(crate) struct Written<'t> {
    pub(crate) date: Date,
    pub(crate) layout: Layout,
    pieces: Vec<Piece<'t>>,
}

#[derive(Debug, Clone, Copy)]
enum Piece<'t> {
    Literal(&'t str),
    Year {
        digits: usize,
    },
    Month,
    MonthName {
        case: Case,
    },
    Day,
    /// English `st`, `nd`, `rd`, `th`.
    Ordinal {
        is_upper: bool,
    },
    Weekday {
        language: Language,
        names: Names,
        index: usize,
        case: Case,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Digits,
    Letters,
    Other,
}

#[derive(Debug, Clone, Copy)]
struct Run<'t> {
    kind: Kind,
    text: &'t str,
}

/// Reads the one date that `text` is, with a time of day at most beside it; none if it is anything else.
pub(crate) fn read<'t>(text: &'t str, is_day_first: bool) -> Option<Written<'t>> {
    read_with(text, is_day_first, None)
}

/// Reads a date that [`Written::shifted`] wrote, given the layout of the original.
pub(crate) fn read_again<'t>(text: &'t str, layout: &Layout) -> Option<Written<'t>> {
    read_with(text, false, Some(layout))
}

impl Written<'_> {
    /// The date `days` later, in `layout`, which is its own or that of the original; none past the years 1 to 9999.
    pub(crate) fn shifted(&self, days: i32, layout: &Layout) -> Option<String> {
        let date = self.date.checked_add(i64::from(days).days()).ok()?;
        if !(1..=9999).contains(&date.year()) {
            return None;
        }
        let padded = |number: i8, is_padded: bool| {
            if is_padded {
                format!("{number:02}")
            } else {
                number.to_string()
            }
        };
        let mut out = String::new();
        for piece in &self.pieces {
            match *piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Year { digits: 2 } => out.push_str(&format!("{:02}", date.year() % 100)),
                Piece::Year { .. } => out.push_str(&format!("{:04}", date.year())),
                Piece::Month => out.push_str(&padded(date.month(), layout.is_month_padded)),
                Piece::MonthName { case } => {
                    let names = if layout.has_short_month {
                        Names::ShortMonths
                    } else {
                        Names::Months
                    };
                    let index = usize::try_from(date.month() - 1).ok()?;
                    out.push_str(&month::name(layout.language?, names, index, case)?);
                }
                Piece::Day => out.push_str(&padded(date.day(), layout.is_day_padded)),
                Piece::Ordinal { is_upper } => {
                    let ordinal = ordinal(date.day());
                    out.push_str(&if is_upper {
                        ordinal.to_uppercase()
                    } else {
                        ordinal.to_owned()
                    });
                }
                Piece::Weekday {
                    language,
                    names,
                    index,
                    case,
                } => {
                    let index = (index as i64 + i64::from(days)).rem_euclid(7) as usize;
                    out.push_str(&month::name(language, names, index, case)?);
                }
            }
        }
        Some(out)
    }
}

fn ordinal(day: i8) -> &'static str {
    match day {
        1 | 21 | 31 => "st",
        2 | 22 => "nd",
        3 | 23 => "rd",
        _ => "th",
    }
}

fn read_with<'t>(text: &'t str, is_day_first: bool, known: Option<&Layout>) -> Option<Written<'t>> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    let (text, time) = split_time(text)?;
    let runs = runs(text);
    let numbers: Vec<&str> = runs
        .iter()
        .filter(|r| r.kind == Kind::Digits)
        .map(|r| r.text)
        .collect();
    let mut reader = Reader {
        pieces: Vec::with_capacity(runs.len() + 1),
        month: None,
    };
    let mut words = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|i| runs.get(i));
        words.push(match run.kind {
            Kind::Letters => Some(reader.word(run.text, before, known)?),
            Kind::Other if !is_separator(run.text) => return None,
            _ => None,
        });
    }
    let (date, layout, fields) = match (reader.month, numbers.as_slice()) {
        (Some(month), [first, second]) => named(month, first, second)?,
        (None, [a, b, c]) if is_uniform(&runs) => numeric(a, b, c, is_day_first || has_dots(&runs), known)?,
        (None, [all]) if all.len() == 8 => {
            let (year, rest) = all.split_at_checked(4)?;
            let (month, day) = rest.split_at_checked(2)?;
            let (date, layout, _) = numeric(year, month, day, false, None)?;
            let pieces = [
                Piece::Year { digits: 4 },
                Piece::Month,
                Piece::Day,
                Piece::Literal(time),
            ];
            return (runs.len() == 1).then(|| Written {
                date,
                layout,
                pieces: pieces.to_vec(),
            });
        }
        _ => return None,
    };
    let mut fields = fields.into_iter();
    for (run, word) in runs.iter().zip(words) {
        reader.pieces.push(match (run.kind, word) {
            (Kind::Digits, _) => fields.next()?,
            (_, Some(word)) => word,
            _ => Piece::Literal(run.text),
        });
    }
    reader.pieces.push(Piece::Literal(time));
    Some(Written {
        date,
        layout,
        pieces: reader.pieces,
    })
}

struct Reader<'t> {
    pieces: Vec<Piece<'t>>,
    month: Option<(Language, Names, usize)>,
}

impl Reader<'_> {
    /// What a run of letters is; none if it can be no part of a date.
    fn word<'t>(
        &mut self,
        word: &'t str,
        before: Option<&Run<'_>>,
        known: Option<&Layout>,
    ) -> Option<Piece<'t>> {
        let follows_digits = before.is_some_and(|run| run.kind == Kind::Digits);
        if follows_digits {
            let is_ordinal = matches!(word, "st" | "nd" | "rd" | "th" | "ST" | "ND" | "RD" | "TH");
            return is_ordinal.then(|| Piece::Ordinal {
                is_upper: word.starts_with(|c: char| c.is_ascii_uppercase()),
            });
        }
        let allowed = known.and_then(|layout| layout.language);
        match month::find(word, allowed).or_else(|| month::find(word, None)) {
            Some((language, names @ (Names::Months | Names::ShortMonths), index, case))
                if self.month.is_none() =>
            {
                // "May" and "mars" are whole and short: the layout remembers which was meant.
                let names = match known {
                    Some(layout) if layout.has_short_month => Names::ShortMonths,
                    _ => names,
                };
                self.month = Some((language, names, index));
                Some(Piece::MonthName { case })
            }
            Some((language, names @ (Names::Weekdays | Names::ShortWeekdays), index, case)) => {
                Some(Piece::Weekday {
                    language,
                    names,
                    index,
                    case,
                })
            }
            _ => FILLERS
                .contains(&word.to_lowercase().as_str())
                .then_some(Piece::Literal(word)),
        }
    }
}

type Fields<'t> = (Date, Layout, Vec<Piece<'t>>);

/// A day and a year beside the name of a month.
fn named<'t>(month: (Language, Names, usize), first: &str, second: &str) -> Option<Fields<'t>> {
    let (language, names, index) = month;
    let is_year_first = first.len() == 4;
    let (day, year) = if is_year_first {
        (second, first)
    } else {
        (first, second)
    };
    let layout = Layout {
        order: if is_year_first {
            Order::YearMonthDay
        } else {
            Order::DayMonthYear
        },
        is_day_padded: is_padded(day, true),
        is_month_padded: false,
        language: Some(language),
        has_short_month: names == Names::ShortMonths,
    };
    let date = Date::new(year_of(year)?, i8::try_from(index + 1).ok()?, number(day, 2)?).ok()?;
    let year = Piece::Year { digits: year.len() };
    let fields = if is_year_first {
        vec![year, Piece::Day]
    } else {
        vec![Piece::Day, year]
    };
    Some((date, layout, fields))
}

/// Three numbers.
fn numeric<'t>(a: &str, b: &str, c: &str, is_day_first: bool, known: Option<&Layout>) -> Option<Fields<'t>> {
    let read = |order: Order| {
        let (year, month, day) = match order {
            Order::YearMonthDay => (a, b, c),
            Order::DayMonthYear => (c, b, a),
            Order::MonthDayYear => (c, a, b),
        };
        let date = Date::new(year_of(year)?, number(month, 2)?, number(day, 2)?).ok()?;
        let layout = Layout {
            order,
            // Of a pair like 13.3.2024 the shorter number tells that nothing is padded; 13.12.2024 may be either.
            is_day_padded: is_padded(day, month.len() == 2),
            is_month_padded: is_padded(month, day.len() == 2),
            language: None,
            has_short_month: false,
        };
        let year = Piece::Year { digits: year.len() };
        let fields = match order {
            Order::YearMonthDay => vec![year, Piece::Month, Piece::Day],
            Order::DayMonthYear => vec![Piece::Day, Piece::Month, year],
            Order::MonthDayYear => vec![Piece::Month, Piece::Day, year],
        };
        Some((date, layout, fields))
    };
    if let Some(known) = known {
        return read(known.order);
    }
    if a.len() == 4 {
        return read(Order::YearMonthDay);
    }
    let orders = if is_day_first {
        [Order::DayMonthYear, Order::MonthDayYear]
    } else {
        [Order::MonthDayYear, Order::DayMonthYear]
    };
    orders.into_iter().find_map(read)
}

/// Whether a field is written with a leading zero where it needs one; `otherwise` if its digits do not tell.
fn is_padded(digits: &str, otherwise: bool) -> bool {
    match digits.len() {
        1 => false,
        _ => digits.starts_with('0') || otherwise,
    }
}

fn number(digits: &str, longest: usize) -> Option<i8> {
    (digits.len() <= longest).then(|| digits.parse().ok()).flatten()
}

/// Two digits mean 1969 to 2068, as POSIX `strptime` reads them.
fn year_of(digits: &str) -> Option<i16> {
    let year: i16 = digits.parse().ok()?;
    match digits.len() {
        4 => (year > 0).then_some(year),
        2 => Some(if year < 69 { 2000 + year } else { 1900 + year }),
        _ => None,
    }
}

/// Three numbers must be separated alike: `3. 4. 2024` but not `3.4/2024`.
fn is_uniform(runs: &[Run<'_>]) -> bool {
    let digits = |run: &Run<'_>| run.kind == Kind::Digits;
    let (Some(first), Some(last)) = (runs.iter().position(digits), runs.iter().rposition(digits)) else {
        return false;
    };
    let inner = runs.get(first..=last).unwrap_or_default();
    let mut between = inner.iter().filter(|run| !digits(run)).map(|run| run.text.trim());
    let (separator, other) = (between.next(), between.next());
    inner.len() == 5 && separator == other && matches!(separator, Some("." | "/" | "-" | ""))
}

/// Dots separate day, month and year in that order wherever they are in use.
fn has_dots(runs: &[Run<'_>]) -> bool {
    runs.iter()
        .any(|run| run.kind == Kind::Other && run.text.trim() == ".")
}

fn is_separator(text: &str) -> bool {
    text.chars().all(|c| {
        matches!(
            c,
            ' ' | '\u{a0}' | '\u{202f}' | ',' | '.' | '-' | '/' | '(' | ')' | '\''
        )
    })
}

fn runs(text: &str) -> Vec<Run<'_>> {
    let kind = |c: char| match c {
        '0'..='9' => Kind::Digits,
        c if c.is_alphanumeric() => Kind::Letters,
        _ => Kind::Other,
    };
    let mut runs = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let of = kind(first);
        // A hyphen inside a Portuguese weekday belongs to it.
        let end = rest
            .char_indices()
            .find(|(at, c)| {
                kind(*c) != of
                    && !(of == Kind::Letters && rest.get(*at..).is_some_and(|r| r.starts_with("-feira")))
            })
            .map_or(rest.len(), |(at, _)| at);
        let (text, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        runs.push(Run { kind: of, text });
        rest = after;
    }
    runs
}

/// Splits off a time of day behind the date; none if what follows is more than that.
fn split_time(text: &str) -> Option<(&str, &str)> {
    let Some(colon) = text.find(':') else {
        return Some((text, ""));
    };
    let hour = text.get(..colon)?.trim_end_matches(|c: char| c.is_ascii_digit());
    let date = hour.trim_end_matches([' ', ',', 'T', '\u{a0}']);
    let (date, time) = text.split_at_checked(date.len())?;
    let is_time = runs(time).iter().all(|run| match run.kind {
        Kind::Digits => true,
        Kind::Letters => TIME_WORDS.contains(&run.text.to_uppercase().as_str()),
        Kind::Other => run
            .text
            .chars()
            .all(|c| matches!(c, ' ' | ':' | '.' | ',' | '+' | '-' | '\u{a0}')),
    });
    is_time.then_some((date, time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_move_in_their_own_format_and_back() {
        for (text, days, moved) in [
            ("2024-02-28", 2, "2024-03-01"),
            ("2024-02-28T10:20:30.5Z", 2, "2024-03-01T10:20:30.5Z"),
            ("2024-02-28 10:20 +01:00", 2, "2024-03-01 10:20 +01:00"),
            ("20240228", 2, "20240301"),
            ("28.02.2024", 2, "01.03.2024"),
            ("3.4.2024", 30, "3.5.2024"),
            ("13.4.24", -10, "3.4.24"),
            ("3. 4. 2024", 30, "3. 5. 2024"),
            ("12/31/1999", 1, "01/01/2000"),
            ("31/12/1999", 1, "01/01/2000"),
            ("12-31-1999", 1, "01-01-2000"),
            ("1/2/69", -2, "12/31/68"),
            ("March 3, 2024", 30, "April 2, 2024"),
            ("3 Mar 2024", 61, "3 May 2024"),
            ("3rd of March 2024", -2, "1st of March 2024"),
            ("MARCH 11TH, 2024", 1, "MARCH 12TH, 2024"),
            ("Sunday, 3 March 2024", 8, "Monday, 11 March 2024"),
            ("3. März 2024", 60, "2. Mai 2024"),
            ("Dienstag, den 5. März 2024", 1, "Mittwoch, den 6. März 2024"),
            ("3 mars 2024", 60, "2 mai 2024"),
            ("3 de marzo de 2024", 60, "2 de mayo de 2024"),
            ("3 marzo 2024", 60, "2 mayo 2024"),
            ("3 febbraio 2024", 30, "4 marzo 2024"),
            ("3 maart 2024", 60, "2 mei 2024"),
            ("3 de março de 2024", 60, "2 de maio de 2024"),
            (
                "segunda-feira, 4 de março de 2024",
                1,
                "terça-feira, 5 de março de 2024",
            ),
            ("2024 March 3", 30, "2024 April 2"),
            ("3 May 2024 at 10:20 pm", 30, "2 June 2024 at 10:20 pm"),
            ("3. Mai 2024 um 10:20 Uhr", 1, "4. Mai 2024 um 10:20 Uhr"),
        ] {
            let written = read(text, false).unwrap_or_else(|| panic!("{text} is not read"));
            assert_eq!(
                written.shifted(days, &written.layout).as_deref(),
                Some(moved),
                "{text}"
            );
            let again = read_again(moved, &written.layout).unwrap_or_else(|| panic!("{moved} is not read"));
            assert_eq!(
                again.shifted(-days, &written.layout).as_deref(),
                Some(text),
                "{moved}"
            );
        }
    }

    #[test]
    fn what_is_no_whole_date_is_not_read() {
        for text in [
            "",
            "tomorrow",
            "2024",
            "March 2024",
            "3 March",
            "31.02.2024",
            "2024-13-01",
            "1.2/2024",
            "1.2.2024 Ada",
            "2024-01-01 Ada 10:20",
            "10:20",
            "1.2.3.2024",
            "123456789",
            "3x March 2024",
            "٣.٤.٢٠٢٤",
            "0000-01-01",
            "1.2.24 and 3.4.24",
            "3. Marsch 2024",
        ] {
            assert!(read(text, false).is_none(), "{text}");
        }
    }

    #[test]
    fn slashes_are_read_in_the_order_asked_for() {
        assert_eq!(
            read("03/04/2024", false).unwrap().date,
            Date::constant(2024, 3, 4)
        );
        assert_eq!(read("03/04/2024", true).unwrap().date, Date::constant(2024, 4, 3));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,40}", days in -400_i32..400) {
            if let Some(written) = read(&text, false) {
                written.shifted(days, &written.layout);
            }
        }

        #[test]
        fn every_date_comes_back(
            days in 0_i64..60_000, shift in -36_500_i32..36_500, format in 0_usize..6,
        ) {
            let date = Date::constant(1930, 1, 1).checked_add(days.days()).unwrap();
            let (y, m, d) = (date.year(), date.month(), date.day());
            let text = match format {
                0 => format!("{y:04}-{m:02}-{d:02}"),
                1 => format!("{d}.{m}.{y}"),
                2 => format!("{m:02}/{d:02}/{y}"),
                3 => date.strftime("%B %-d, %Y").to_string(),
                4 => date.strftime("%d %b %Y").to_string(),
                _ => format!("{y:04}{m:02}{d:02}"),
            };
            let written = read(&text, false).unwrap();
            let moved = written.shifted(shift, &written.layout).unwrap();
            let again = read_again(&moved, &written.layout).unwrap();
            prop_assert_eq!(again.shifted(-shift, &written.layout).unwrap(), text);
        }
    }
}
