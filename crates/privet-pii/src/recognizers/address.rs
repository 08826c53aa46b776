//! Postal addresses: a street with its number in the order of the country, or a post box, and what follows it over
//! commas and line breaks: flat, town, region, postcode, country.

use privet_types::{Basis, Entity};

use super::Outcome;
use super::address_tail::{Tail, extend, is_name_word, unit_value};
use super::scan::Scan;
use super::words::{Digits, Senses, Word, is_word_char, sense};
use crate::letters::is_alphanumeric;

/// Words that an address is looked for at.
pub(super) const SENSES: Senses = sense::STREET_HEAD | sense::UNIT | sense::BOX;
/// Most words of the name of a street.
const MOST_WORDS: usize = 5;
/// Most bytes before a flat or a house number that belong to the street.
const LONGEST_STREET: usize = 80;

/// Endings of German, Dutch, Swedish, Danish, Norwegian and Finnish names of streets written in one word.
const COMPOUNDS: &[&str] = &[
    "straße",
    "strasse",
    "str",
    "weg",
    "gasse",
    "platz",
    "allee",
    "damm",
    "ufer",
    "chaussee",
    "steig",
    "promenade",
    "gatan",
    "gata",
    "vägen",
    "vagen",
    "väg",
    "gränd",
    "gränden",
    "torget",
    "backen",
    "stigen",
    "gade",
    "vej",
    "vejen",
    "veien",
    "vegen",
    "stræde",
    "straat",
    "laan",
    "plein",
    "kade",
    "gracht",
    "steeg",
    "dijk",
    "singel",
    "steenweg",
    "katu",
    "tie",
    "kuja",
    "polku",
];

/// Words that stand before such a name and belong to it: `Västra Hamngatan`, `Alte Gasse`, `Nieuwe Gracht`.
const QUALIFIERS: &[&str] = &[
    "Västra", "Östra", "Norra", "Södra", "Stora", "Lilla", "Gamla", "Nya", "Övre", "Nedre", "Alte", "Alter",
    "Neue", "Neuer", "Große", "Grosse", "Kleine", "Kleiner", "Obere", "Untere", "Lange", "Hohe", "Oude",
    "Nieuwe", "Korte", "Grote", "Store", "Lille", "Gamle", "Nye",
];

/// The street and number of an address.
#[derive(Debug, Clone, Copy)]
struct Street {
    start: usize,
    end: usize,
    /// The form says enough by itself.
    is_sure: bool,
    /// It ends with the number of a flat.
    has_unit: bool,
}

/// Finds addresses that begin with digits, or whose street stands before them.
pub(super) fn find_digits(scan: &mut Scan<'_>, number: Digits) -> Outcome {
    let at = number.start;
    if number.count > 5 || at < scan.done.address || is_inside_number(scan, at) {
        return Ok(());
    }
    scan.spend(4)?;
    let Some(end) = house_end(scan, number) else {
        return Ok(());
    };
    let street = number_last(scan, number, end).or_else(|| number_first(scan, number, end));
    match street {
        Some(street) => finish(scan, street),
        None => Ok(()),
    }
}

/// Finds addresses at the word that begins a street, names a flat or a post box.
pub(super) fn find_word(scan: &mut Scan<'_>, word: &Word) -> Outcome {
    if word.start < scan.done.address || scan.is_word_inside(word.start) || scan.is_word_inside(word.end) {
        return Ok(());
    }
    scan.spend(8)?;
    let mut street = None;
    if word.is(sense::STREET_HEAD) && word.meaning.value > 1 {
        street = head_first(scan, word);
    }
    if street.is_none() && word.is(sense::BOX) && word.meaning.value == 2 {
        street = ship(scan, word);
    } else if street.is_none() && word.is(sense::BOX) {
        street = post_box(scan, word);
    }
    if street.is_none() && word.is(sense::UNIT) && word.meaning.value == 1 {
        street = before_unit(scan, word);
    }
    match street {
        Some(street) => finish(scan, street),
        None => Ok(()),
    }
}

/// Reports a street with what follows it, if that or the street itself is proof enough.
fn finish(scan: &mut Scan<'_>, street: Street) -> Outcome {
    let tail = extend(scan, street.end, street.has_unit);
    scan.spend(street.end - street.start + 2 * (tail.end - street.end))?;
    scan.done.address = street.end;
    if !street.is_sure && !tail.is_proof() {
        return Ok(());
    }
    let start = with_unit_before(scan, with_postcode_before(scan, street.start));
    let score = if tail.is_proof() { 0.85 } else { 0.6 };
    scan.report_as(
        Entity::STREET_ADDRESS,
        start,
        tail.end,
        score,
        "address/street",
        Basis::Context,
    );
    scan.done.address = tail.end;
    Ok(())
}

/// Whether the digits at `at` go on from others or belong to a code.
fn is_inside_number(scan: &Scan<'_>, at: usize) -> bool {
    matches!(
        scan.back(at, 1),
        b'.' | b'-' | b'/' | b':' | b'+' | b'$' | b'#' | b'=' | b'_'
    ) && (scan.back(at, 2).is_ascii_alphanumeric()
        || matches!(scan.back(at, 1), b'+' | b'$' | b'#' | b'=' | b'_'))
}

/// The end of a house number: `12`, `12a`, `12 bis`, `12-14`, `4/12`, `23/7`.
fn house_end(scan: &Scan<'_>, number: Digits) -> Option<usize> {
    let mut end = number.end;
    for _ in 0..3 {
        if matches!(scan.at(end), b'-' | b'/')
            && let Some(next) = scan.digits_at(end + 1).filter(|d| d.count <= 4)
        {
            end = next.end;
        }
    }
    if scan.at(end).is_ascii_alphabetic() && !scan.at(end + 1).is_ascii_alphanumeric() {
        end += 1;
    } else if scan.at(end) == b' '
        && scan.at(end + 1).is_ascii_alphabetic()
        && (scan.at(end + 1).is_ascii_uppercase() || matches!(scan.at(end + 2), b',' | b'\n'))
        && !scan.is_word_inside(end + 2)
        && matches!(scan.at(end + 2), b',' | b'\n' | b'.' | b' ' | 0)
        && scan.at(end + 1).to_ascii_uppercase() <= b'H'
    {
        end += 2;
    } else if matches!(
        scan.at(end + usize::from(scan.at(end) == b' ')),
        b'b' | b'B' | b't' | b'T'
    ) {
        for mark in [" bis", " ter", "bis", "ter"] {
            if let Some(after) = scan.skip_text(end, mark).filter(|e| !scan.is_word_inside(*e)) {
                end = after;
                break;
            }
        }
    }
    let goes_on = matches!(scan.at(end), b'.' | b':') && scan.at(end + 1).is_ascii_digit();
    (!goes_on && !scan.is_word_inside(end)).then_some(end)
}

/// `138 Consul Place`, `12 rue de la Paix`, `3, place du Marché`.
///
/// `house`: where the number ends.
fn number_first(scan: &Scan<'_>, number: Digits, house: usize) -> Option<Street> {
    let comma = usize::from(scan.at(house) == b',');
    let mut at = scan.skip_spaces(house + comma);
    if at == house + comma {
        return None;
    }
    // A second number, as in `6400 12 Timms Drive`.
    if let Some(second) = scan.digits_at(at).filter(|d| d.count <= 5) {
        if comma > 0 {
            return None;
        }
        let end = house_end(scan, second)?;
        at = scan.skip_spaces(end);
        if at == end {
            return None;
        }
    }
    let first = scan.word_at(at)?;
    if first.is(sense::UNIT) && first.meaning.value == 1 {
        return None;
    }
    if first.is(sense::STREET_HEAD)
        && !scan.is_word_inside(first.end)
        && matches!(scan.at(first.end), b' ' | b'.')
    {
        let from = scan.skip_spaces(first.end + usize::from(scan.at(first.end) == b'.'));
        if let Some(end) = name_end(scan, from, MOST_WORDS)
            && (first.meaning.value == 1 || scan.is_capital(first.start))
        {
            let is_long = number.count < 5;
            return Some(Street {
                start: number.start,
                end,
                is_sure: is_long
                    && scan.is_word_inside(first.start + 1)
                    && first.meaning.value == 1
                    && is_free(scan, end),
                has_unit: false,
            });
        }
    }
    let mut from = at;
    let mut last: Option<(usize, u8)> = None;
    for count in 0..MOST_WORDS {
        let word = scan.word_at(from);
        let is_ordinal = scan.digits_at(from).is_some_and(|d| d.count <= 3) && count == 0;
        let is_capital = scan.is_capital(from);
        let is_of = word.is_some_and(|w| w.is(sense::OF));
        if count == 0 && !(is_capital || is_ordinal || is_of) {
            // Most numbers stand before a word in small letters.
            return None;
        }
        let end = word_end(scan, from)?;
        if let Some(word) = word.filter(|w| w.is(sense::STREET_END) && w.end == end && count > 0) {
            let dot =
                usize::from(scan.at(end) == b'.' && scan.at(end + 1) != b'\n' && word.end - word.start <= 4);
            let value = word.meaning.value;
            if is_capital || value == 1 {
                let value = if is_capital { value } else { 2 };
                if last.is_none_or(|(_, known)| known != 1 || value == 1) {
                    last = Some((end + dot, value));
                }
            }
        }
        if !is_capital && !is_ordinal && !is_of {
            break;
        }
        if scan.at(end) != b' ' && !(scan.at(end) == b'.' && scan.at(end + 1) == b' ') {
            break;
        }
        from = scan.skip_spaces(end + usize::from(scan.at(end) == b'.'));
    }
    let (end, value) = last?;
    Some(Street {
        start: number.start,
        end,
        is_sure: value == 1,
        has_unit: false,
    })
}

/// The end of the letters, digits, hyphens and apostrophes at `at`.
fn word_end(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let rest = scan.str(at, scan.floor((at + 40).min(scan.bytes.len())));
    let len = rest
        .find(|c: char| !(is_alphanumeric(c) || is_word_char(c) || matches!(c, '-' | '\'' | '’')))
        .unwrap_or(rest.len());
    (len > 0).then_some(at + len)
}

/// The end of the name of a street from `at` on: capitalised words, with `de`, `la` between.
fn name_end(scan: &Scan<'_>, at: usize, most: usize) -> Option<usize> {
    let mut end = None;
    let mut from = at;
    for _ in 0..most + 2 {
        let Some(stop) = word_end(scan, from) else { break };
        if is_name_word(scan, from) {
            end = Some(stop);
        } else if !scan
            .word_at(from)
            .is_some_and(|w| w.is(sense::OF | sense::PARTICLE))
        {
            break;
        }
        if scan.at(stop) != b' ' {
            break;
        }
        from = stop + 1;
    }
    end
}

fn is_free(scan: &Scan<'_>, at: usize) -> bool {
    !scan.is_word_inside(at)
}

/// `Musterstr. 12a`, `Hammarvägen 15`, `Am Anger 5`, `Lale Cad. No: 44`, `6750 Koskikatu 25`.
///
/// `end`: where the number ends.
fn number_last(scan: &Scan<'_>, number: Digits, end: usize) -> Option<Street> {
    if !matches!(scan.back(number.start, 1), b' ' | b'\t') {
        return None;
    }
    let mut at = number.start - 1;
    at -= usize::from(scan.back(at, 1) == b' ');
    let has_dot = scan.back(at, 1) == b'.';
    let has_colon = scan.back(at, 1) == b':';
    let before = at - usize::from(has_dot || has_colon);
    if scan.char_before(before).is_none_or(|c| !is_word_char(c)) {
        return None;
    }
    let start = scan.word_start(before);
    let text = scan.str(start, before);
    // `No: 44` behind a Turkish street.
    if ["No", "no", "NO"].contains(&text) {
        return turkish(scan, start, end);
    }
    if has_colon || scan.is_word_inside(start) && scan.back(start, 1) != b'-' {
        return None;
    }
    let word = scan.word_at(start)?;
    let is_end = word.is(sense::STREET_END) && word.meaning.value == 3;
    if !is_end && !scan.is_capital(first_of_word(scan, start)) {
        return None;
    }
    let is_turkish = word.is(sense::LOCALITY) && word.meaning.value == 2 && has_dot;
    if is_turkish {
        return turkish(scan, before + 1, end);
    }
    let lower = if may_end_a_compound(text) {
        text.to_lowercase()
    } else {
        String::new()
    };
    let last = lower.as_bytes().last();
    let is_compound = COMPOUNDS.iter().any(|suffix| {
        suffix.as_bytes().last() == last && lower.len() > suffix.len() + 2 && lower.ends_with(suffix)
    });
    let is_alone = word.is(sense::STREET_END) && word.meaning.value == 3 && word.end == before;
    if !(is_compound && (!has_dot || lower.ends_with("str"))) && !is_alone {
        return plain(scan, first_of_word(scan, start), end).filter(|_| !has_dot && number.count <= 3);
    }
    let mut begin = first_of_word(scan, start);
    if is_alone && begin == start {
        let more = scan.word_before(begin.checked_sub(1)?)?;
        if scan.back(begin, 1) != b' ' || !is_name_word(scan, first_of_word(scan, more.start)) {
            return None;
        }
        begin = first_of_word(scan, more.start);
    }
    if scan.back(begin, 1) == b' '
        && let Some(before) = scan.word_before(begin - 1)
        && QUALIFIERS.contains(&scan.str(before.start, before.end))
        && !scan.is_word_inside(before.start)
    {
        begin = before.start;
    }
    let is_short = ["str", "tie", "weg", "platz"].contains(&lower.as_str());
    Some(Street {
        start: with_number_before(scan, begin),
        end,
        is_sure: !is_short && number.count <= 4 && !matches!(scan.at(end), b'%'),
        has_unit: false,
    })
}

/// Whether the last letter of `text` is that of one of [`COMPOUNDS`] in either case, or may be in lower case.
fn may_end_a_compound(text: &str) -> bool {
    const LAST: u32 = {
        let mut letters = 0;
        let mut rest = COMPOUNDS;
        while let [suffix, more @ ..] = rest {
            if let [.., last] = suffix.as_bytes() {
                letters |= 1 << (*last & 31);
            }
            rest = more;
        }
        letters
    };
    let last = text.as_bytes().last().copied().unwrap_or(0);
    !last.is_ascii() || LAST >> (last & 31) & 1 == 1
}

/// The start of a word with hyphens inside, whose last part begins at `at`.
fn first_of_word(scan: &Scan<'_>, at: usize) -> usize {
    let mut start = at;
    for _ in 0..4 {
        if matches!(scan.back(start, 1), b'-' | b'\'')
            && scan.char_before(start - 1).is_some_and(is_word_char)
        {
            start = scan.word_start(start - 1);
        } else if scan.char_before(start).is_some_and(is_word_char) {
            start = scan.word_start(start);
        } else {
            break;
        }
    }
    start
}

/// Up to three capitalised words before a number, which need a postcode or a flat behind them: `Am Anger 5`.
fn plain(scan: &Scan<'_>, start: usize, end: usize) -> Option<Street> {
    let mut begin = start;
    for _ in 0..3 {
        if scan.back(begin, 1) != b' ' {
            break;
        }
        let Some(before) = scan.word_before(begin - 1) else {
            break;
        };
        let first = first_of_word(scan, before.start);
        if !is_name_word(scan, first) && !before.is(sense::OF | sense::PARTICLE) {
            break;
        }
        begin = first;
    }
    // A postcode behind the number, with a comma or a line break between, is proof.
    let is_list = matches!(scan.at(end), b',' | b'\n');
    let is_cased = scan.char_at(begin).is_some_and(char::is_uppercase);
    (is_list
        && is_cased
        && is_name_word(scan, begin)
        && scan.word_at(begin).is_some_and(|w| {
            !w.is(sense::MONTH
                | sense::MONTH_WEAK
                | sense::WEEKDAY
                | sense::UNIT
                | sense::BOX
                | sense::POSTCODE)
        }))
    .then_some(Street {
        start: with_number_before(scan, begin),
        end,
        is_sure: false,
        has_unit: false,
    })
}

/// A Turkish street whose `Cad.` or `Sok.` ends before `at`.
fn turkish(scan: &Scan<'_>, at: usize, end: usize) -> Option<Street> {
    let from = scan.floor(at.saturating_sub(LONGEST_STREET));
    let window = scan.str(from, at);
    let line = window.rfind(['\n', '\t']).map_or(0, |i| i + 1);
    let mut begin = at;
    let mut has_street = false;
    for _ in 0..9 {
        let stop = scan.str(from + line, begin).trim_end_matches([' ', '.']).len() + from + line;
        let is_dotted = begin != at && scan.str(stop, begin).contains('.');
        let is_street_next = scan.word_at(begin).is_some_and(|w| w.is(sense::LOCALITY));
        if is_dotted
            && !scan.word_before(stop).is_some_and(|w| w.is(sense::LOCALITY))
            && !(is_street_next && scan.back(stop, 1).is_ascii_digit())
        {
            break;
        }
        if begin - stop > 2 && begin != at || stop == from + line {
            break;
        }
        let start = first_of_word(scan, stop);
        if start == stop {
            let digits = scan
                .str(from + line, stop)
                .trim_end_matches(|c: char| c.is_ascii_digit())
                .len()
                + from
                + line;
            if digits == stop {
                break;
            }
            begin = digits;
            continue;
        }
        let word = scan.word_at(start)?;
        if word.is(sense::ADDRESS) || !is_name_word(scan, start) && scan.str(start, stop) != "Apt" {
            break;
        }
        has_street |= word.is(sense::LOCALITY) && word.meaning.value == 2;
        begin = start;
    }
    has_street.then_some(Street {
        start: begin,
        end,
        is_sure: true,
        has_unit: false,
    })
}

/// `Calle Mayor 5`, `Via Roma 10`, `Rua da Azenha, 27`, `ul. Żeglarska 16/4`, `ул. Ленина, д. 5`.
fn head_first(scan: &Scan<'_>, word: &Word) -> Option<Street> {
    let text = scan.str(word.start, word.end);
    if text.eq_ignore_ascii_case("c") && scan.at(word.end) != b'/' {
        return None;
    }
    // `пр-т`
    if text == "т" {
        let head = scan.word_before(word.start.checked_sub(1)?)?;
        let whole = Word {
            start: head.start,
            ..*word
        };
        return if head.end + 1 == word.start {
            head_first(scan, &whole)
        } else {
            None
        };
    }
    let is_russian = word.meaning.value == 3;
    let is_polish =
        ["ul", "al", "os", "pl"].contains(&scan.str(word.start, word.end)) && scan.at(word.end) == b'.';
    if word.meaning.value == 4 || !(scan.is_capital(word.start) || is_russian || is_polish) {
        return None;
    }
    let dot = usize::from(matches!(scan.at(word.end), b'.' | b'/'));
    let at = scan.skip_spaces(word.end + dot);
    if at == word.end && !is_russian {
        return None;
    }
    let mut start = word.start;
    let named = name_end(scan, at, MOST_WORDS);
    let end = match named {
        Some(end) => end,
        None if is_russian => {
            // `Советский пр-т`, `Набережная ул.`
            let before = scan.word_before(word.start.checked_sub(1)?)?;
            start =
                Some(before.start).filter(|s| scan.back(word.start, 1) == b' ' && is_name_word(scan, *s))?;
            word.end + dot
        }
        None => return None,
    };
    let mut next = end;
    for _ in 0..2 {
        let rest = scan.char_at(next)?;
        if rest == ',' || rest == ' ' {
            next = scan.skip_spaces(next + usize::from(rest == ','));
        }
    }
    for mark in [
        "nº", "n.º", "n°", "n.", "no.", "№", "дом", "д.", "num.", "núm.", "nr",
    ] {
        if let Some(after) = scan.skip_text(next, mark) {
            next = scan.skip_spaces(after);
            break;
        }
    }
    let number = scan.digits_at(next).filter(|d| d.count <= 4 && next > end)?;
    Some(Street {
        start: with_number_before(scan, with_locality_before(scan, start)),
        end: house_end(scan, number)?,
        is_sure: true,
        has_unit: false,
    })
}

/// `P.O. Box 149`, `PSC 0413, Box 8144`, `Unit 4719 Box 7394`, `Postfach 12 34`.
fn post_box(scan: &Scan<'_>, word: &Word) -> Option<Street> {
    let at = scan.skip_spaces(word.end);
    let number = scan.digits_at(at).filter(|d| d.count <= 6 && at > word.end)?;
    let mut end = number.end;
    if let Some(second) = scan
        .digits_at(end + 1)
        .filter(|d| d.count <= 3 && scan.at(end) == b' ')
    {
        end = second.end;
    }
    let from = scan.floor(word.start.saturating_sub(16));
    let before = scan.str(from, word.start).trim_end();
    let stem = ["P.O.", "PO", "P.O", "P. O.", "Post Office", "p.o.", "po"]
        .iter()
        .find(|stem| before.ends_with(*stem));
    let start = if let Some(stem) = stem {
        from + before.len() - stem.len()
    } else if let Some(unit) = military(before) {
        from + unit
    } else if scan.str(word.start, word.end).eq_ignore_ascii_case("box") || !scan.is_capital(word.start) {
        return None;
    } else {
        word.start
    };
    Some(Street {
        start: with_number_before(scan, start),
        end,
        is_sure: true,
        has_unit: false,
    })
}

/// `USNS Bergman` before the line with the code.
fn ship(scan: &Scan<'_>, word: &Word) -> Option<Street> {
    let end = name_end(scan, scan.skip_spaces(word.end), 2).filter(|_| scan.at(word.end) == b' ')?;
    let is_proven = extend(scan, end, false).has_postcode;
    is_proven.then_some(Street {
        start: word.start,
        end,
        is_sure: true,
        has_unit: false,
    })
}

/// Where `PSC 0413,` or `Unit 4719` at the end of `before` begins: an address of the United States' forces.
fn military(before: &str) -> Option<usize> {
    let text = before.trim_end_matches([',', ' ']);
    let text = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let text = text.strip_suffix(' ')?;
    ["PSC", "Unit", "UNIT", "CMR", "psc", "unit"]
        .iter()
        .find_map(|unit| text.strip_suffix(unit))
        .map(str::len)
}

/// A number, words with capitals and perhaps a number, before `Apt.` or `Suite` and its number.
fn before_unit(scan: &Scan<'_>, word: &Word) -> Option<Street> {
    let unit_end = unit_value(scan, word)?;
    let mut begin = word.start;
    let mut numbers = 0;
    let mut names = 0;
    for step in 0..12 {
        let stop = skip_back(scan, begin, step == 0)?;
        let is_listed = scan.at(stop) == b'.' && scan.back(stop, 1).is_ascii_digit();
        if stop == begin || is_listed {
            break;
        }
        let c = scan.char_before(stop)?;
        if c.is_ascii_digit() || c.is_ascii_uppercase() && scan.back(stop, 2).is_ascii_digit() {
            let window = scan.str(scan.floor(stop.saturating_sub(12)), stop);
            let kept = window
                .trim_end_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '/'))
                .len();
            let start = stop - (window.len() - kept);
            if scan
                .char_before(start)
                .is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '+' | '.' | '$' | '#'))
            {
                break;
            }
            begin = start;
            numbers += 1;
            if numbers >= 3 {
                break;
            }
            continue;
        }
        let start = first_of_word(scan, stop);
        if start == stop {
            break;
        }
        let word = scan.word_at(start)?;
        if !(is_name_word(scan, start) || names > 0 && word.is(sense::OF | sense::PARTICLE)) {
            break;
        }
        names += 1;
        begin = start;
    }
    // Words before the first number belong to it only in the order of the continent: `Koskikatu 25 Apt. 8`.
    (numbers > 0 && names > 0 && word.start - begin <= LONGEST_STREET).then_some(Street {
        start: begin,
        end: unit_end,
        is_sure: true,
        has_unit: true,
    })
}

/// Where the word or number before `at` ends: behind a space, and first also behind a comma or a line break.
fn skip_back(scan: &Scan<'_>, at: usize, is_wide: bool) -> Option<usize> {
    let mut stop = at;
    for _ in 0..4 {
        match scan.back(stop, 1) {
            b' ' | b'.' => stop -= 1,
            b',' | b'\n' if is_wide => stop -= 1,
            0 => return (stop < at).then_some(stop).or(Some(at)),
            _ => break,
        }
    }
    Some(stop)
}

/// Where a number right before the name of a street begins: `6750 Koskikatu 25`.
fn with_number_before(scan: &Scan<'_>, start: usize) -> usize {
    if scan.back(start, 1) != b' ' {
        return start;
    }
    let window = scan.str(scan.floor(start.saturating_sub(7)), start - 1);
    let kept = window.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let count = window.len() - kept;
    let begin = start - 1 - count;
    let is_free = !matches!(
        scan.back(begin, 1),
        b'-' | b'.' | b'/' | b'+' | b',' | b':' | b'#' | b'$'
    ) && !scan.back(begin, 1).is_ascii_alphanumeric();
    if (3..=5).contains(&count) && is_free {
        begin
    } else {
        start
    }
}

/// Where `443010, г. Самара, ` before a Russian street begins.
fn with_locality_before(scan: &Scan<'_>, start: usize) -> usize {
    let from = scan.floor(start.saturating_sub(48));
    let before = scan.str(from, start);
    let Some(body) = before.strip_suffix(", ") else {
        return start;
    };
    for mark in ["г. ", "пос. ", "с. ", "д. ", "город "] {
        if let Some(i) = body.rfind(mark)
            && !body
                .get(i + mark.len()..)
                .unwrap_or_default()
                .contains([',', '\n'])
            && !scan.is_word_inside(from + i)
        {
            let begin = from + i;
            let head = scan.str(scan.floor(begin.saturating_sub(8)), begin);
            let digits = head.strip_suffix(", ").unwrap_or_default();
            let is_code = digits.len() >= 6 && digits.bytes().rev().take(6).all(|b| b.is_ascii_digit());
            return if is_code { begin - 8 } else { begin };
        }
    }
    start
}

/// Where `Unit 7, ` or `Third Floor, ` right before the street begins.
fn with_unit_before(scan: &Scan<'_>, start: usize) -> usize {
    let from = scan.floor(start.saturating_sub(24));
    let Some(body) = scan.str(from, start).strip_suffix(", ") else {
        return start;
    };
    let segment = body.rfind([',', '\n', ';', ':', '(', '"']).map_or(0, |i| i + 1);
    let segment = body.len() - body.get(segment..).unwrap_or_default().trim_start().len();
    let mut at = from + segment;
    loop {
        let Some(first) = scan
            .word_at(at)
            .filter(|_| !scan.is_word_inside(at) && scan.is_capital(at))
        else {
            // Words of the sentence may stand before it.
            let rest = scan.str(at, start - 2);
            let Some(next) = rest.find(' ').filter(|_| !scan.is_capital(at)) else {
                return start;
            };
            at += next + 1;
            continue;
        };
        let is_numbered = first.is(sense::UNIT) && unit_value(scan, &first) == Some(start - 2);
        let is_floor = scan.str(first.end, start - 2) == " Floor";
        return if is_numbered || is_floor { at } else { start };
    }
}

/// Where a postcode with a comma right before the street begins.
fn with_postcode_before(scan: &Scan<'_>, start: usize) -> usize {
    let before = scan.str(scan.floor(start.saturating_sub(8)), start);
    let digits = before.strip_suffix(", ").unwrap_or_default();
    let is_code = digits.len() == 6
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !scan.back(start, 9).is_ascii_alphanumeric();
    if is_code { start - 8 } else { start }
}

impl Tail {
    /// Whether what follows a street makes an address of it.
    const fn is_proof(self) -> bool {
        self.has_postcode && self.has_town || self.has_country || self.has_unit
    }
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds_broad, misses_broad};

    #[test]
    fn addresses_are_found_whole_in_the_order_of_the_country() {
        for (text, value) in [
            (
                "at 7 Elm Street, Apt. 3, Springfield, IL 62704 since",
                "7 Elm Street, Apt. 3, Springfield, IL 62704",
            ),
            (
                "to 12a Harbour Road, London NW1 6XE.",
                "12a Harbour Road, London NW1 6XE",
            ),
            (
                "wohnt Musterstr. 12a, 10115 Berlin, seit",
                "Musterstr. 12a, 10115 Berlin",
            ),
            ("in der Langen-Gasse 5 wohnt", "Langen-Gasse 5"),
            ("bor Hammarvägen 15 nu", "Hammarvägen 15"),
            (
                "au 12 rue de la Paix, 75002 Paris.",
                "12 rue de la Paix, 75002 Paris",
            ),
            (
                "en Calle Mayor 5, 3º B, 28013 Madrid.",
                "Calle Mayor 5, 3º B, 28013 Madrid",
            ),
            ("in Via Roma 10, 00184 Roma (RM).", "Via Roma 10, 00184 Roma (RM)"),
            ("Rua Augusta, 1500, São Paulo.", "Rua Augusta, 1500, São Paulo"),
            (
                "ul. Leśna 16/4, 00-950 Warszawa",
                "ul. Leśna 16/4, 00-950 Warszawa",
            ),
            (
                "по адресу 101000, г. Москва, ул. Ленина, д. 5, кв. 12",
                "101000, г. Москва, ул. Ленина, д. 5, кв. 12",
            ),
            (
                "Lale Mah. Gül Cad. No: 4 D: 9, 06490 Ankara",
                "Lale Mah. Gül Cad. No: 4 D: 9, 06490 Ankara",
            ),
            ("PO Box 55, Flagstaff, AZ 86011", "PO Box 55, Flagstaff, AZ 86011"),
            (
                "PSC 0123, Box 4567\nAPO AE 09012\nTel",
                "PSC 0123, Box 4567\nAPO AE 09012",
            ),
            (
                "住所:〒100-0001 東京都千代田区千代田1-1 本館3階です",
                "〒100-0001 東京都千代田区千代田1-1 本館3階",
            ),
            (
                "住在北京市朝阳区建国路88号2单元301室。",
                "北京市朝阳区建国路88号2单元301室",
            ),
            (
                "Flat 9, 5 Main Road Suite 12 Northtown Canada today",
                "Flat 9, 5 Main Road Suite 12 Northtown Canada",
            ),
        ] {
            finds_broad(Entity::STREET_ADDRESS, text, value);
        }
    }

    #[test]
    fn the_forms_of_ten_countries_are_addresses() {
        for (text, value) in [
            (
                "an Lindenweg 4, 60311 Frankfurt am Main.",
                "Lindenweg 4, 60311 Frankfurt am Main",
            ),
            (
                "an: Am Alten Markt 12\n50667 Köln\nTel",
                "Am Alten Markt 12\n50667 Köln",
            ),
            (
                "in der Alten Gasse, nein: Alte Gasse 9, 60313 Frankfurt.",
                "Alte Gasse 9, 60313 Frankfurt",
            ),
            (
                "habite 14 bis avenue Victor Hugo, 69003 Lyon.",
                "14 bis avenue Victor Hugo, 69003 Lyon",
            ),
            (
                "au 8, impasse des Lilas, 31000 Toulouse.",
                "8, impasse des Lilas, 31000 Toulouse",
            ),
            (
                "vive en Avda. de la Constitución, 22, 2º A, 41001 Sevilla.",
                "Avda. de la Constitución, 22, 2º A, 41001 Sevilla",
            ),
            (
                "vive en C/ Gran Vía 18, 28013 Madrid.",
                "C/ Gran Vía 18, 28013 Madrid",
            ),
            (
                "vive en Paseo de Gracia 43, 08007 Barcelona.",
                "Paseo de Gracia 43, 08007 Barcelona",
            ),
            (
                "in Corso Vittorio Emanuele II 21, 10128 Torino (TO).",
                "Corso Vittorio Emanuele II 21, 10128 Torino (TO)",
            ),
            (
                "in Piazza Garibaldi 3, 80142 Napoli.",
                "Piazza Garibaldi 3, 80142 Napoli",
            ),
            (
                "woont op Keizersgracht 241-2, 1016 EA Amsterdam.",
                "Keizersgracht 241-2, 1016 EA Amsterdam",
            ),
            (
                "woont op Laan van Meerdervoort 70, 2517 AN Den Haag.",
                "Laan van Meerdervoort 70, 2517 AN Den Haag",
            ),
            (
                "na Av. da Liberdade 110, 3.º Dto., 1269-046 Lisboa.",
                "Av. da Liberdade 110, 3.º Dto., 1269-046 Lisboa",
            ),
            (
                "na Travessa do Carmo, 9, 4000-012 Porto.",
                "Travessa do Carmo, 9, 4000-012 Porto",
            ),
            (
                "przy al. Jana Pawła II 27/5, 00-867 Warszawa.",
                "al. Jana Pawła II 27/5, 00-867 Warszawa",
            ),
            (
                "na os. Złotego Wieku 14/3, 31-618 Kraków.",
                "os. Złotego Wieku 14/3, 31-618 Kraków",
            ),
            (
                "bor på Storgatan 8 B, 111 51 Stockholm.",
                "Storgatan 8 B, 111 51 Stockholm",
            ),
            (
                "bor på Västra Hamngatan 14, 411 17 Göteborg.",
                "Västra Hamngatan 14, 411 17 Göteborg",
            ),
            (
                "at Flat 2, 18 Albert Square, Manchester M2 5PE.",
                "Flat 2, 18 Albert Square, Manchester M2 5PE",
            ),
            (
                "at 221B Baker Street, London NW1 6XE.",
                "221B Baker Street, London NW1 6XE",
            ),
            (
                "to 1600 N Highland Ave Apt 4B, Los Angeles, CA 90028.",
                "1600 N Highland Ave Apt 4B, Los Angeles, CA 90028",
            ),
            (
                "to 350 Fifth Avenue, Suite 3300, New York, NY 10118-3299.",
                "350 Fifth Avenue, Suite 3300, New York, NY 10118-3299",
            ),
        ] {
            finds_broad(Entity::STREET_ADDRESS, text, value);
        }
    }

    #[test]
    fn counts_chapters_and_codes_are_no_addresses() {
        for text in [
            "in 2 ways, on 3 streets and 4 roads",
            "see Section 5, 1040 pages",
            "RFC 2822, RFC 9110 and RFC 3339",
            "Copyright 1998-2017,2018 Example Software Foundation",
            "version 12 Drive C: is full",
            "the box 12 is empty, unit 4 too",
            "Der Weg 5 km lang",
            "3 Blind Mice Point to it",
        ] {
            misses_broad(Entity::STREET_ADDRESS, text);
        }
    }
}
