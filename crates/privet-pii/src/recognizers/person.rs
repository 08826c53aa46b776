//! Names of persons behind words that hardly anything else follows: `Dr. Anna Schmidt`, `My name is …`, `Vorname: …`,
//! `From: Ann Lee <…>`, `Dear Tom,`. The titles themselves are reported, too.

use privet_types::{Basis, Entity};

use super::Outcome;
use super::scan::Scan;
use super::words::{Senses, Word, is_ideographic, is_word_char, sense};

/// Words that a title is, and words that a name follows.
pub(super) const TITLE: Senses = sense::TITLE;
pub(super) const SENSES: Senses =
    sense::TITLE | sense::NAME_CUE | sense::NAME_KEY | sense::NAME_FIELD | sense::GREETING;
/// Most words of a name.
const MOST_WORDS: usize = 5;
/// Most characters of a name in a script without spaces.
const MOST_IDEOGRAPHS: usize = 8;

/// A name that was read.
#[derive(Debug, Clone, Copy)]
struct Name {
    end: usize,
    words: usize,
}

/// Finds titles before names.
pub(super) fn find_title(scan: &mut Scan<'_>, word: &Word) -> Outcome {
    scan.spend(8)?;
    let Some((end, at)) = title_end(scan, word) else {
        return Ok(());
    };
    let has_dot = end > word.end;
    if name_at(scan, at).is_some() {
        scan.report_as(Entity::TITLE, word.start, end, 0.7, "title/name", Basis::Context);
    } else if has_dot && scan.is_capital(word.start) && is_abbreviation(scan, word) {
        scan.report_as(
            Entity::TITLE,
            word.start,
            end,
            0.5,
            "title/abbreviation",
            Basis::Pattern,
        );
    }
    Ok(())
}

fn is_abbreviation(scan: &Scan<'_>, word: &Word) -> bool {
    ["Mr", "Mrs", "Ms", "Dr", "Prof", "Mme", "Mlle", "Sra", "Srta"].contains(&scan.str(word.start, word.end))
}

/// Where a title ends, with its full stop, and where the name would begin.
fn title_end(scan: &Scan<'_>, word: &Word) -> Option<(usize, usize)> {
    let text = scan.str(word.start, word.end);
    let is_cased =
        text.chars().any(char::is_lowercase) || text.chars().all(|c| !c.is_uppercase() && !c.is_lowercase());
    if scan.is_word_inside(word.start)
        || scan.is_word_inside(word.end)
        || !scan.is_capital(word.start)
        || !is_cased
        || scan.back(word.start, 1) == b'-'
    {
        return None;
    }
    let end = word.end + usize::from(scan.at(word.end) == b'.');
    let at = scan.skip_spaces(end);
    (at > end || end > word.end).then_some((end, at))
}

/// Finds the name behind `word`.
pub(super) fn find(scan: &mut Scan<'_>, word: &Word) -> Outcome {
    scan.spend(16)?;
    if word.start < scan.done.person {
        return Ok(());
    }
    let found = if word.is(sense::TITLE) {
        title_end(scan, word).and_then(|(_, at)| Some((at, name_at(scan, at)?, 0.75)))
    } else {
        None
    };
    let found = found
        .or_else(|| word.is(sense::NAME_CUE).then(|| said(scan, word)).flatten())
        .or_else(|| word.is(sense::NAME_KEY).then(|| keyed(scan, word)).flatten())
        .or_else(|| word.is(sense::NAME_FIELD).then(|| field(scan, word)).flatten())
        .or_else(|| word.is(sense::GREETING).then(|| greeted(scan, word)).flatten());
    if let Some((start, name, score)) = found {
        scan.report_as(
            Entity::PERSON,
            start,
            name.end,
            score,
            "person/word",
            Basis::Context,
        );
        scan.done.person = name.end;
    }
    Ok(())
}

/// `My name is Ann`.
fn said(scan: &Scan<'_>, word: &Word) -> Option<(usize, Name, f32)> {
    if scan.is_word_inside(word.end) {
        return None;
    }
    let at = scan.skip_spaces(word.end);
    Some((at, name_at(scan, at).filter(|_| at > word.end)?, 0.7))
}

/// Where the value begins behind a colon or an equals sign; whether it is quoted.
fn assigned(scan: &Scan<'_>, word: &Word) -> Option<(usize, bool)> {
    let mut at = word.end;
    let mut is_marked = false;
    let mut is_quoted = false;
    for _ in 0..8 {
        let c = scan.char_at(at)?;
        match c {
            ' ' | '\t' | '\u{3000}' => {}
            '"' | '\'' if !is_marked => {}
            '"' | '\'' => is_quoted = true,
            '\\' if is_marked => {}
            ':' | '：' if !is_marked => is_marked = true,
            _ => break,
        }
        at += c.len_utf8();
    }
    (is_marked && scan.at(at) != b':').then_some((at, is_quoted))
}

/// Whether a name can end at `at`: a mark, the end of the line, or a wide gap follows.
fn ends(scan: &Scan<'_>, at: usize) -> bool {
    match scan.char_at(at) {
        None => true,
        Some(' ') => {
            matches!(
                scan.char_at(at + 1),
                Some(' ' | '<' | '(' | '[' | '\u{2013}' | '-' | '|' | '/')
            ) || scan.at(at + 1) == b'\t'
        }
        Some(c) => {
            "\n\r\t\"',;<(|/。、，；（）)\\।".contains(c) || c == '.' && scan.at(at + 1).is_ascii_whitespace()
        }
    }
}

/// `"first_name": "Ann"`, `Vorname: Ann`, `氏名：山田太郎`.
fn keyed(scan: &Scan<'_>, word: &Word) -> Option<(usize, Name, f32)> {
    let (at, is_quoted) = assigned(scan, word)?;
    let name = name_at(scan, at)?;
    let is_line = scan.is_capital(word.start) || is_quoted;
    let is_ended = ends(scan, name.end) && (!is_quoted || matches!(scan.at(name.end), b'"' | b'\'' | b'\\'));
    (is_ended && is_line).then_some((at, name, 0.75))
}

/// `Patient: Ann Lee`, `From: Ann Lee <…>`.
fn field(scan: &Scan<'_>, word: &Word) -> Option<(usize, Name, f32)> {
    let before = scan.back(word.start, 1);
    if scan.is_word_inside(word.start)
        || !scan.is_capital(word.start)
        || matches!(before, b'-' | b'"' | b'.' | b'<' | b'/')
    {
        return None;
    }
    let (at, is_quoted) = assigned(scan, word)?;
    let name = name_at(scan, at).filter(|_| !is_quoted)?;
    let is_address = scan.slice(name.end, name.end + 2) == b" <";
    let is_line_start = matches!(before, 0 | b'\n');
    let text = scan.str(word.start, word.end);
    let is_plain = ![
        "From", "To", "Von", "An", "De", "Da", "A", "Para", "Till", "Van", "Aan", "Naar", "Do", "Od", "Från",
        "Cc", "CC",
    ]
    .contains(&text);
    let has_code = scan.str(at, name.end).chars().any(|c| c == '_');
    let is_name = is_address
        || is_plain
            && (name.words >= 2 || !scan.at(at).is_ascii())
            && (is_line_start || name.words >= 2)
            && ends(scan, name.end);
    (is_name && !has_code).then_some((at, name, if is_address { 0.8 } else { 0.6 }))
}

/// `Dear Tom,`.
fn greeted(scan: &Scan<'_>, word: &Word) -> Option<(usize, Name, f32)> {
    if !scan.is_capital(word.start) || scan.is_word_inside(word.start) || scan.at(word.end) != b' ' {
        return None;
    }
    let at = word.end + 1;
    let name = name_at(scan, at).filter(|n| n.words <= 3)?;
    let is_call =
        matches!(scan.at(name.end), b',' | b'!') && matches!(scan.at(name.end + 1), b'\n' | b'\r' | 0 | b' ');
    let is_first = word.start == 0
        || matches!(scan.back(word.start, 1), b'\n' | b'"' | b'>')
        || scan.back(word.start, 2) == b'>'
        || scan.slice(word.start.saturating_sub(2), word.start) == b": ";
    (is_call && is_first).then_some((at, name, 0.65))
}

/// The name at `at`: capitalised words with particles and initials between, or a run without spaces.
fn name_at(scan: &Scan<'_>, at: usize) -> Option<Name> {
    let first = scan.char_at(at)?;
    if is_ideographic(first) {
        return unspaced(scan, at);
    }
    let mut name: Option<Name> = None;
    let mut from = at;
    let mut words = 0;
    for _ in 0..MOST_WORDS {
        let end = part_end(scan, from);
        if end == from {
            break;
        }
        let text = scan.str(from, end);
        let word = scan.word_at(from)?;
        let is_particle = word.is(sense::PARTICLE) && !scan.is_capital(from) || ["bin", "al"].contains(&text);
        let is_cased = text.chars().any(|c| c.is_lowercase() || c.is_uppercase());
        let is_initial = text.chars().count() == 1 && scan.at(end) == b'.';
        if scan.is_capital(from) && !is_excluded(text) && (is_cased || first.is_alphabetic()) {
            let is_other = words > 0
                && word.end == end
                && word.is(sense::TITLE
                    | sense::NAME_FIELD
                    | sense::NAME_KEY
                    | sense::RECORD
                    | sense::POSTCODE
                    | sense::USERNAME
                    | sense::MONTH
                    | sense::WEEKDAY
                    | sense::AGED
                    | sense::YEARS
                    | sense::FILLER
                    | sense::OF
                    | sense::RELATIVE
                    | sense::ADDRESS);
            if is_other {
                break;
            }
            words += 1;
            let end = if is_initial { end + 1 } else { end };
            name = Some(Name { end, words });
            from = end;
        } else if is_particle && scan.at(end) == b' ' {
            from = end;
        } else {
            break;
        }
        if scan.at(from) == b' ' && scan.char_at(from + 1).is_some_and(is_word_char) {
            from += 1;
        } else if !is_initial {
            break;
        }
    }
    // An initial alone is no name.
    let name = name?;
    let is_long = scan
        .str(at, name.end)
        .chars()
        .filter(|c| c.is_alphabetic())
        .count()
        >= 2;
    is_long.then_some(name)
}

/// The end of a word of a name, with hyphens and apostrophes inside.
fn part_end(scan: &Scan<'_>, at: usize) -> usize {
    let rest = scan.str(at, scan.floor((at + 48).min(scan.bytes.len())));
    let mut end = at;
    let mut was_letter = false;
    for (i, c) in rest.char_indices() {
        if is_word_char(c) {
            was_letter = true;
            end = at + i + c.len_utf8();
        } else if was_letter && matches!(c, '-' | '\'' | '’') {
            was_letter = false;
        } else {
            break;
        }
    }
    if scan.is_word_inside(end) { at } else { end }
}

/// Capitalised words that follow a title or a greeting without being a name.
fn is_excluded(text: &str) -> bool {
    [
        "All",
        "Sir",
        "Madam",
        "Team",
        "Customer",
        "Customers",
        "Colleague",
        "Colleagues",
        "Damen",
        "Herren",
        "Kunde",
        "Kunden",
        "World",
        "Everyone",
        "Everybody",
        "Friends",
        "Both",
        "There",
        "User",
        "Users",
        "Member",
        "Reader",
        "Name",
        "The",
        "This",
        "That",
        "It",
        "And",
        "Or",
        "Not",
        "Who",
        "Tous",
        "Toutes",
        "Todos",
        "Tutti",
        "Collega",
        "Kollegen",
        "Kolleginnen",
        "None",
        "Null",
        "True",
        "False",
        "String",
        "Unknown",
        "Sehr",
        "Geehrte",
        "Welt",
        "Mundo",
        "Folks",
        "Hiring",
        "Manager",
        "Support",
        "Service",
        "I",
        "You",
        "In",
        "On",
        "At",
        "To",
        "Is",
        "Foo",
        "Bar",
        "Option",
        "Presidente",
        "Président",
        "President",
        "Minister",
        "Direktor",
        "Director",
        "Messieurs",
        "Mesdames",
        "Signori",
        "Señores",
        "Państwo",
        "Państwa",
        "Senhores",
    ]
    .contains(&text)
}

fn unspaced(scan: &Scan<'_>, at: usize) -> Option<Name> {
    let rest = scan.text.get(at..)?;
    let mut end = at;
    let mut count = 0;
    let mut words = 1;
    for (i, c) in rest.char_indices().take(MOST_IDEOGRAPHS + 2) {
        if is_ideographic(c) && !matches!(c, '様' | '殿') || c == '·' {
            count += 1;
            end = at + i + c.len_utf8();
        } else if matches!(c, ' ' | '\u{3000}') && words == 1 && count > 0 {
            words += 1;
        } else {
            break;
        }
    }
    ((2..=MOST_IDEOGRAPHS).contains(&count)).then_some(Name { end, words: 2 })
}
