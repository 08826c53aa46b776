//! What follows the street of an address: flat, town, region, postcode, country.

use super::scan::Scan;
use super::told::postcode_end;
use super::words::{Word, is_ideographic, is_word_char, sense};

/// Most parts behind the street.
const MOST_PARTS: usize = 9;
/// Most words of a town.
const MOST_WORDS: usize = 4;

/// How far an address reaches behind its street, and what was seen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tail {
    pub(super) end: usize,
    pub(super) has_postcode: bool,
    pub(super) has_country: bool,
    pub(super) has_unit: bool,
    pub(super) has_town: bool,
}

/// What stands between two parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    Space,
    Comma,
    Line,
}

/// Reads the parts behind a street that ends at `end`; `has_unit`: with the number of a flat.
pub(super) fn extend(scan: &Scan<'_>, end: usize, has_unit: bool) -> Tail {
    let mut tail = Tail {
        end,
        has_unit,
        ..Tail::default()
    };
    let mut at = end;
    for _ in 0..MOST_PARTS {
        let Some((from, gap)) = gap(scan, at) else { break };
        let Some(stop) = part(scan, from, gap, &mut tail) else {
            break;
        };
        at = stop;
    }
    tail
}

/// Skips commas, spaces and at most two line breaks.
fn gap(scan: &Scan<'_>, at: usize) -> Option<(usize, Gap)> {
    let mut gap = Gap::Space;
    let mut next = at;
    let mut lines = 0;
    for _ in 0..6 {
        match scan.at(next) {
            b' ' => {}
            b',' => gap = Gap::Comma,
            b'\r' => {}
            b'\n' => {
                lines += 1;
                gap = Gap::Line;
            }
            b'\\' if scan.at(next + 1) == b'n' => {
                lines += 1;
                gap = Gap::Line;
                next += 1;
            }
            b'-' | b'/' if next > at || scan.at(next) == b'/' => {
                gap = if gap == Gap::Space { Gap::Comma } else { gap };
            }
            _ => match scan.char_at(next) {
                Some('–') if next > at => next += 2,
                Some('،') => {
                    gap = Gap::Comma;
                    next += 1;
                }
                _ => break,
            },
        }
        next += 1;
        if lines > 2 {
            return None;
        }
    }
    (next > at).then_some((next, gap))
}

/// Reads one part at `at`; returns where it ends, and notes in `tail` what belongs to the address.
fn part(scan: &Scan<'_>, at: usize, gap: Gap, tail: &mut Tail) -> Option<usize> {
    if let Some(end) = unit(scan, at) {
        tail.has_unit = true;
        tail.end = end;
        return Some(end);
    }
    if let Some(country) = scan
        .phrase_at(at, sense::COUNTRY)
        .filter(|c| scan.is_capital(c.start))
    {
        let mut end = country.end;
        if scan.slice(end, end + 2) == b" (" {
            let close = scan
                .str(end, scan.floor((end + 24).min(scan.bytes.len())))
                .find(')');
            end = close.map_or(end, |i| end + i + 1);
        }
        tail.has_country |= gap != Gap::Space || tail.has_postcode || tail.has_unit;
        tail.end = end;
        return Some(end);
    }
    if let Some(end) = state_and_code(scan, at) {
        tail.has_postcode = true;
        tail.end = end;
        return Some(end);
    }
    if let Some(end) = postcode(scan, at, gap, tail) {
        tail.has_postcode = true;
        tail.end = end;
        return Some(end);
    }
    town(scan, at, gap, tail)
}

/// `Apt. 050`, `3º B`, `2.º Esq.`, `кв. 12`, `D: 9`, `Third Floor`.
fn unit(scan: &Scan<'_>, at: usize) -> Option<usize> {
    if let Some(word) = scan.word_at(at)
        && word.is(sense::UNIT)
        && !scan.is_word_inside(word.end)
    {
        if let Some(end) = unit_value(scan, &word) {
            return Some(end);
        }
        // `bajo izquierda`
        let text = scan.str(word.start, word.end);
        if text == "bajo" {
            let more = scan
                .word_at(scan.skip_spaces(word.end))
                .filter(|w| ["izquierda", "derecha", "izq", "dcha"].contains(&scan.str(w.start, w.end)));
            return Some(more.map_or(word.end, |w| w.end));
        }
        return None;
    }
    if scan.at(at) == b'#' {
        return scan.digits_at(at + 1).filter(|d| d.count <= 5).map(|d| d.end);
    }
    // An ordinal for the floor, and the side.
    let floor = scan.digits_at(at).filter(|d| d.count <= 2)?;
    let mut end = floor.end;
    end += usize::from(scan.at(end) == b'.');
    if !matches!(scan.char_at(end), Some('º' | 'ª' | '°')) {
        return None;
    }
    end += scan.char_at(end)?.len_utf8();
    if scan.at(end) == b' ' {
        let side = scan.word_at(end + 1)?;
        let text = scan.str(side.start, side.end);
        if text.chars().count() <= 1
            || [
                "Esq",
                "Dto",
                "Dir",
                "izq",
                "dcha",
                "izquierda",
                "derecha",
                "Fte",
                "andar",
            ]
            .contains(&text)
        {
            let is_short = scan.at(side.end) == b'.'
                && text.len() > 1
                && text.chars().next().is_some_and(char::is_uppercase);
            return Some(side.end + usize::from(is_short));
        }
    }
    Some(end)
}

/// The end of the number or letter behind the word for a flat.
pub(super) fn unit_value(scan: &Scan<'_>, word: &Word) -> Option<usize> {
    let mut at = word.end;
    at += usize::from(matches!(scan.at(at), b'.' | b':'));
    at = scan.skip_spaces(at);
    at += usize::from(scan.at(at) == b'#');
    if let Some(number) = scan.digits_at(at).filter(|d| d.count <= 5 && at > word.end) {
        let mut end = number.end;
        while matches!(scan.at(end), b'-' | b'/') && scan.at(end + 1).is_ascii_digit() {
            end = scan.digits_at(end + 1).map_or(end + 1, |d| d.end);
        }
        if scan.at(end).is_ascii_uppercase() && !scan.at(end + 1).is_ascii_alphanumeric() {
            end += 1;
        }
        return (!scan.is_word_inside(end)).then_some(end);
    }
    let is_letter =
        scan.at(at).is_ascii_uppercase() && at > word.end && !scan.at(at + 1).is_ascii_alphanumeric();
    let is_sure =
        word.meaning.value == 1 || matches!(scan.str(word.start, word.end), "Unit" | "Flat" | "Floor");
    (is_letter && is_sure).then_some(at + 1)
}

/// `CT 06902`, `APO AE 85103`, `NSW 2000`.
fn state_and_code(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let mut from = at;
    if scan.at(at + 3) == b' ' {
        for force in ["APO ", "FPO ", "DPO "] {
            from = scan.skip_text(at, force).unwrap_or(from);
        }
    }
    let letters = scan
        .slice(from, (from + 4).min(scan.bytes.len()))
        .iter()
        .take_while(|b| b.is_ascii_alphabetic())
        .count();
    if !(2..=3).contains(&letters)
        || !(scan.at(from).is_ascii_uppercase() || from > at || is_listed(scan, from))
    {
        return None;
    }
    let code = scan.skip_spaces(from + letters + usize::from(scan.at(from + letters) == b','));
    let digits = scan
        .digits_at(code)
        .filter(|d| code > from + letters && (4..=6).contains(&d.count))?;
    let mut end = digits.end;
    if scan.at(end) == b'-'
        && let Some(more) = scan.digits_at(end + 1).filter(|d| d.count <= 4)
    {
        end = more.end;
    }
    (!scan.is_word_inside(end)).then_some(end)
}

/// Whether a small-letter state stands behind a comma, as in `, or 21072`.
fn is_listed(scan: &Scan<'_>, at: usize) -> bool {
    scan.back(at, 2) == b','
}

/// A postcode, and the town behind it: `10115 Berlin`, `2595 BM Den Haag`, `NW1 6XE`.
fn postcode(scan: &Scan<'_>, at: usize, gap: Gap, tail: &mut Tail) -> Option<usize> {
    let digits = scan.digits_at(at);
    let mut end = postcode_end(scan, at)?;
    let count = digits.map_or(0, |d| d.count);
    if tail.has_postcode || digits.is_some_and(|d| d.count > 6) {
        return None;
    }
    // More digits make it a telephone number.
    if matches!(scan.at(end), b' ' | b'-' | b'/') && scan.at(end + 1).is_ascii_digit() {
        return None;
    }
    let town = scan.skip_spaces(end);
    let town_end = if town > end { town_words(scan, town) } else { None };
    let is_known = tail.has_town
        || tail.has_country
        || tail.has_unit
        || tail.has_postcode
        || gap != Gap::Space
        || town_end.is_some();
    let is_sure = count >= 5
        || scan.at(end - 1).is_ascii_uppercase()
        || town_end.is_some()
        || end - at >= 6
        || tail.has_country;
    if !is_known || !is_sure {
        return None;
    }
    if let Some(stop) = town_end {
        tail.has_town = true;
        end = stop;
        // `(BS)`, `(Oder)`
        if scan.at(end) == b' ' && scan.at(end + 1) == b'(' {
            let close = scan
                .str(end, scan.floor((end + 20).min(scan.bytes.len())))
                .find(')');
            end = close.map_or(end, |i| end + i + 1);
        }
    }
    Some(end)
}

/// Whether a word that can stand in the name of a street or town begins at `at`.
pub(super) fn is_name_word(scan: &Scan<'_>, at: usize) -> bool {
    let Some(c) = scan.char_at(at) else { return false };
    // `dell'Industria`, `l'Église`
    if c.is_lowercase() {
        if c.is_ascii_lowercase() && !has_apostrophe(scan, at) {
            return false;
        }
        let start = scan.str(at, scan.floor((at + 8).min(scan.bytes.len())));
        return start.split_once(['\'', '’']).is_some_and(|(head, rest)| {
            head.chars().all(char::is_alphabetic) && rest.starts_with(char::is_uppercase)
        });
    }
    let is_upper = c.is_uppercase() || is_word_char(c) && !c.is_lowercase() && !is_ideographic(c);
    is_upper
        && !scan.word_at(at).is_some_and(|w| {
            !scan.is_word_inside(w.end)
                && (w.is(sense::UNIT) && w.meaning.value == 1 || is_excluded(scan.str(w.start, w.end)))
        })
}

/// Whether an apostrophe may stand in the eight bytes at `at`.
fn has_apostrophe(scan: &Scan<'_>, at: usize) -> bool {
    (at..at + 8).any(|at| matches!(scan.at(at), b'\'' | 0xe2))
}

/// Capitalised words that end an address rather than stand in it.
const EXCLUDED: &[&str] = &[
    "Tel",
    "Tél",
    "Telefon",
    "Phone",
    "Fax",
    "Mobile",
    "Mobil",
    "Email",
    "Mail",
    "E",
    "T",
    "My",
    "Tax",
    "Order",
    "Invoice",
    "Customer",
    "Art",
    "Nr",
    "No",
    "Os",
    "The",
    "We",
    "Please",
    "Is",
    "Call",
    "I",
    "Me",
    "Your",
    "His",
    "Her",
    "In",
    "Is",
    "It",
    "If",
    "On",
    "At",
    "And",
    "Or",
    "This",
    "That",
    "What",
    "When",
    "From",
    "To",
    "Dear",
    "Website",
    "Web",
    "Www",
    "NIF",
    "USt",
    "IBAN",
    "VAT",
    "Geb",
    "Geboren",
    "Born",
    "DOB",
    "SSN",
    "Date",
    "Datum",
    "Name",
    "Seite",
    "Page",
    "Figure",
    "Table",
    "Section",
    "Chapter",
    "Version",
    "Step",
    "Total",
    "An",
    "Der",
    "Die",
    "Das",
    "Ich",
    "Wir",
    "Er",
    "Sie",
    "Тел",
    "Телефон",
];

/// By the first byte of a word in [`EXCLUDED`], a bit for the length of each: few other words come farther.
const EXCLUDED_LENGTHS: [u32; 256] = {
    let mut lengths = [0; 256];
    let mut rest = EXCLUDED;
    while let [word, more @ ..] = rest {
        if let [first, ..] = word.as_bytes() {
            #[expect(
                clippy::indexing_slicing,
                reason = "a byte is below 256; checked when compiled"
            )]
            {
                lengths[*first as usize] |= 1 << word.len();
            }
        }
        rest = more;
    }
    lengths
};

fn is_excluded(text: &str) -> bool {
    let first = text.as_bytes().first().map_or(0, |first| usize::from(*first));
    let lengths = EXCLUDED_LENGTHS.get(first).copied().unwrap_or(0);
    text.len() < 32 && lengths >> text.len() & 1 == 1 && EXCLUDED.contains(&text)
}

/// The end of one to four words of a town.
fn town_words(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let mut end = None;
    let mut from = at;
    for _ in 0..MOST_WORDS {
        let stop = name_part_end(scan, from)?;
        // `NW1` begins a postcode; a country is a part of its own.
        let is_other = scan.is_word_inside(stop)
            || end.is_some()
                && scan
                    .phrase_at(from, sense::COUNTRY)
                    .is_some_and(|c| scan.is_capital(c.start));
        if is_other {
            break;
        }
        if is_name_word(scan, from) {
            end = Some(stop);
        } else if !(end.is_some()
            || scan
                .word_at(from)
                .is_some_and(|w| w.is(sense::PARTICLE | sense::OF)))
            || !scan.word_at(from).is_some_and(|w| {
                w.is(sense::OF | sense::PARTICLE)
                    || ["na", "sur", "am", "im", "nad", "upon", "en"].contains(&scan.str(w.start, w.end))
            })
        {
            break;
        }
        if scan.at(stop) != b' ' || scan.char_at(stop + 1).is_none_or(|c| !is_word_char(c)) {
            break;
        }
        from = stop + 1;
    }
    end
}

fn name_part_end(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let rest = scan.str(at, scan.floor((at + 40).min(scan.bytes.len())));
    let len = rest
        .find(|c: char| !(is_word_char(c) || matches!(c, '-' | '\'' | '’' | '∆')))
        .unwrap_or(rest.len());
    (len > 0).then(|| at + rest.get(..len).unwrap_or_default().trim_end_matches('-').len())
}

/// A town: before a state, postcode or country, or at the end of a sentence behind a comma.
fn town(scan: &Scan<'_>, at: usize, gap: Gap, tail: &mut Tail) -> Option<usize> {
    let from = ["г. ", "Col. ", "CEP ", "CP "]
        .iter()
        .find_map(|mark| scan.skip_text(at, mark))
        .unwrap_or(at);
    if from > at
        && let Some(code) = postcode_end(scan, from)
    {
        tail.has_postcode = true;
        tail.end = code;
        return Some(code);
    }
    let end = town_words(scan, from)?;
    let next = scan.at(end);
    if next == b':' || next == b'@' || next == b'(' || scan.is_word_inside(end) {
        return None;
    }
    if tail.has_unit && gap != Gap::Line && !tail.has_town {
        tail.has_town = true;
        tail.end = end;
        return Some(end);
    }
    let is_ended =
        matches!(next, 0 | b'\n' | b',' | b'.' | b';' | b')' | b'"' | b'?' | b'!') || !next.is_ascii();
    if gap == Gap::Comma
        && (is_ended || next == b'/')
        && !(next == b'.' && scan.at(end + 1).is_ascii_alphanumeric())
    {
        tail.has_town = true;
        tail.end = end;
        return Some(end);
    }
    // What follows decides.
    let (mut after, _) = self::gap(scan, end)?;
    // `, MQ` before a country or a postcode
    let state = scan.slice(after, (after + 3).min(scan.bytes.len()));
    if let [a, b, c, ..] = state
        && a.is_ascii_uppercase()
        && b.is_ascii_uppercase()
        && !c.is_ascii_alphanumeric()
        && *c != b' '
        && let Some((next, _)) = self::gap(scan, after + 2)
    {
        after = next;
    }
    let goes_on = scan
        .phrase_at(after, sense::COUNTRY)
        .is_some_and(|c| scan.is_capital(c.start))
        || state_and_code(scan, after).is_some()
        || postcode_end(scan, after).is_some_and(|stop| stop - after >= 4);
    if !goes_on {
        return None;
    }
    tail.has_town = true;
    Some(self::gap(scan, end).map_or(end, |(next, _)| if after > next { next + 2 } else { end }))
}
