//! Values without a form of their own that a word announces: `CVV: 123`, `exp 04/27`, `PIN is 4711`, `user=jdoe`,
//! `mot de passe : …`, `MRN 1234567`, `PLZ 10115`, and JSON values under such a key.

use privet_types::{Basis, BudgetError, Entity};

use super::Outcome;
use super::context::CARD;
use super::scan::Scan;
use super::words::{Senses, Word, decimal, is_ideographic, sense};

/// Words that announce a value.
pub(super) const CVV: Senses = sense::CVV;
pub(super) const EXPIRY: Senses = sense::EXPIRY;
pub(super) const PIN: Senses = sense::PIN;
pub(super) const USERNAME: Senses = sense::USERNAME;
pub(super) const PASSWORD: Senses = sense::PASSWORD;
pub(super) const RECORD: Senses = sense::RECORD;
pub(super) const POSTCODE: Senses = sense::POSTCODE;

/// Longest value, in bytes.
const LONGEST: usize = 64;

/// How a word and its value are joined.
#[derive(Debug, Clone, Copy, Default)]
struct Link {
    /// A colon or an equals sign stands between.
    is_marked: bool,
    /// A word such as `is` stands between.
    is_spoken: bool,
    /// A quotation mark stands before the value.
    is_quoted: bool,
    /// A bracket stands before the word.
    is_bracketed: bool,
    /// The word means other things too.
    is_weak: bool,
    /// The word has no other use than before a name of an account.
    is_foreign: bool,
    /// The words are a set phrase.
    is_strong: bool,
}

/// Where the value begins that `word` announces.
fn value_after(scan: &Scan<'_>, word: &Word) -> Option<(usize, Link)> {
    let mut link = Link {
        is_bracketed: is_bracketed(scan, word.start),
        is_weak: word.meaning.value == 1,
        is_strong: word.meaning.value == 2,
        is_foreign: word.meaning.value == 3,
        ..Link::default()
    };
    let mut at = word.end;
    // `cvv2`
    if scan.at(at) == b'2' && word.is(sense::CVV) {
        at += 1;
    }
    if matches!(scan.at(at), b'_' | b'(')
        || scan.is_word_inside(at)
        || scan.at(at) == b'-' && scan.at(at + 1).is_ascii_alphabetic()
    {
        return None;
    }
    let mut fillers = 0;
    for _ in 0..10 {
        let c = scan.char_at(at)?;
        match c {
            ' ' | '\t' | '\u{a0}' | '\u{3000}' => {}
            '"' | '\'' | '`' | '“' | '”' | '„' | '«' | '「' => link.is_quoted = true,
            ':' | '=' | '：' | '>' => {
                if scan.at(at + 1) == b':' || c == ':' && scan.at(at + 1) == b'/' {
                    return None;
                }
                link.is_marked = true;
                link.is_quoted = false;
            }
            '.' | '#' | '№' | '°' | '\\' => {}
            _ => {
                let filler = filler_at(scan, at).filter(|_| fillers < 3 && !link.is_quoted);
                let Some(end) = filler else {
                    return Some((at, link));
                };
                fillers += 1;
                link.is_spoken = true;
                at = end;
                continue;
            }
        }
        at += c.len_utf8();
    }
    None
}

/// Whether a bracket opens right before the words that end at `at`.
fn is_bracketed(scan: &Scan<'_>, at: usize) -> bool {
    let before = scan.str(scan.floor(at.saturating_sub(32)), at);
    before
        .trim_end_matches(|c: char| c.is_alphabetic() || c == ' ' || super::words::is_word_char(c))
        .ends_with(['(', '（'])
}

/// The end of a word at `at` that may stand between an announcement and its value.
fn filler_at(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let c = scan.char_at(at)?;
    if is_ideographic(c) {
        return matches!(c, '是' | '为' | '為' | 'は' | 'が').then_some(at + c.len_utf8());
    }
    let word = scan.word_at(at).filter(|w| w.is(sense::FILLER))?;
    let next = scan.char_at(word.end)?;
    matches!(next, ' ' | ':' | '=' | '.' | '"' | '\u{a0}').then_some(word.end)
}

/// The end of the value that begins at `at`: at a space, a quotation mark or a mark of syntax.
fn value_end(scan: &Scan<'_>, at: usize) -> usize {
    let rest = scan.str(at, scan.floor((at + LONGEST + 4).min(scan.bytes.len())));
    let len = rest
        .find(|c: char| c.is_whitespace() || "\"'`,;<>()[]{}|“”„«»「」、。，；（）।،".contains(c))
        .unwrap_or(rest.len());
    let mut end = at + len;
    while end > at && matches!(scan.back(end, 1), b'.' | b':' | b'!' | b'?') {
        end -= 1;
    }
    end
}

/// Whether `word` stands by itself or at the end of a name of code.
fn is_apart(scan: &Scan<'_>, word: &Word) -> bool {
    let before = scan.back(word.start, 1);
    let is_camel = before.is_ascii_lowercase() && scan.at(word.start).is_ascii_uppercase();
    !scan.is_word_inside(word.start)
        || before == b'_'
        || is_camel
        || scan.char_at(word.start).is_some_and(is_ideographic)
}

fn report(scan: &mut Scan<'_>, entity: Entity, start: usize, end: usize, score: f32) {
    scan.report_as(entity, start, end, score, "told/word", Basis::Context);
}

/// Finds the security code of a card.
pub(super) fn find_cvv(scan: &mut Scan<'_>, word: &Word) -> Outcome {
    let Some((at, link)) = announced(scan, word)? else {
        return Ok(());
    };
    let Some(digits) = scan.digits_at(at).filter(|d| (3..=4).contains(&d.count)) else {
        return Ok(());
    };
    let is_told = !link.is_weak
        || scan.around(word.start, digits.end)?.any() & CARD != 0
        || is_after_expiry(scan, word.start);
    if is_told && is_free(scan, digits.end) {
        report(scan, Entity::CVV, digits.start, digits.end, 0.85);
    }
    Ok(())
}

/// Whether an expiry date such as `02/27` ends right before `at`.
fn is_after_expiry(scan: &Scan<'_>, at: usize) -> bool {
    let from = scan.floor(at.saturating_sub(16));
    scan.str(from, at)
        .split(|c: char| !c.is_ascii_digit() && c != '/')
        .any(expiry_in)
}

fn expiry_in(part: &str) -> bool {
    let Some((month, year)) = part.split_once(['/', '-']) else {
        return false;
    };
    let is_month = |m: &str| m.len() <= 2 && m.parse::<u32>().is_ok_and(|m| (1..=12).contains(&m));
    let is_year = |y: &str| {
        y.len() == 2 && y.parse::<u32>().is_ok_and(|y| y >= 10) || y.len() == 4 && y.starts_with("20")
    };
    is_month(month) && is_year(year) || is_year(month) && month.len() == 4 && is_month(year)
}

/// Finds the month in which a card expires.
pub(super) fn find_expiry(scan: &mut Scan<'_>, word: &Word) -> Outcome {
    let Some((at, _)) = announced(scan, word)? else {
        return Ok(());
    };
    let Some(first) = scan.digits_at(at).filter(|d| d.count <= 4) else {
        return Ok(());
    };
    let mut second = first.end;
    while matches!(scan.at(second), b' ' | b'/' | b'-') && second < first.end + 3 {
        second += 1;
    }
    let Some(last) = scan.digits_at(second).filter(|_| second > first.end) else {
        return Ok(());
    };
    let is_form = expiry_in(&format!(
        "{}/{}",
        scan.str(first.start, first.end),
        scan.str(last.start, last.end)
    ));
    let is_joined = scan
        .slice(first.end, second)
        .iter()
        .any(|b| matches!(b, b'/' | b'-'));
    if is_form && is_joined && is_free(scan, last.end) {
        report(scan, Entity::CARD_EXPIRY, first.start, last.end, 0.85);
        scan.done.told = last.end;
    }
    Ok(())
}

/// Finds a PIN of four to eight digits.
pub(super) fn find_pin(scan: &mut Scan<'_>, word: &Word) -> Outcome {
    let Some((at, link)) = announced(scan, word)? else {
        return Ok(());
    };
    let is_capital = scan
        .slice(word.start, word.end)
        .iter()
        .all(|b| b.is_ascii_uppercase() || !b.is_ascii());
    let Some(digits) = scan.digits_at(at).filter(|d| (4..=8).contains(&d.count)) else {
        return Ok(());
    };
    if (link.is_marked || link.is_spoken || is_capital) && is_free(scan, digits.end) {
        report(scan, Entity::PIN, digits.start, digits.end, 0.75);
    }
    Ok(())
}

/// Finds the name of an account.
pub(super) fn find_username(scan: &mut Scan<'_>, word: &Word) -> Outcome {
    let Some((at, link)) = announced(scan, word)? else {
        return Ok(());
    };
    let end = value_end(scan, at);
    let value = scan.str(at, end);
    let next = scan.at(end);
    let has_mark = value
        .bytes()
        .any(|b| b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'-'));
    let fits = (3..=32).contains(&value.len())
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
        && value.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && value
            .bytes()
            .next_back()
            .is_some_and(|b| b.is_ascii_alphanumeric())
        && !value.bytes().any(|b| b.is_ascii_uppercase())
        && !is_placeholder(value)
        && !value.bytes().all(|b| b.is_ascii_digit())
        && scan.word_at(at).is_none_or(|w| {
            w.end != end || !w.is(sense::FILLER | sense::NOT_VALUE | sense::USERNAME | sense::PASSWORD)
        });
    if !fits || next == b'(' || next == b'[' {
        return Ok(());
    }
    // A key of JSON, `user=qfinch` in a log, `(login mpiekarz)`; an assignment in code has a space or a type.
    let is_tight =
        scan.at(word.end) == b'=' && at == word.end + 1 && matches!(next, b' ' | b'\n' | 0 | b'\r');
    let is_key = link.is_quoted
        && link.is_marked
        && matches!(scan.back(word.start, 1), b'"' | b'_')
        && scan.at(word.end) == b'"'
        && matches!(next, b'"');
    let has_digit = value.bytes().any(|b| b.is_ascii_digit());
    let is_field = link.is_marked
        && !link.is_weak
        && !link.is_quoted
        && scan.at(word.end) == b':'
        && matches!(next, b'\n' | 0 | b'\r' | b' ' | b',')
        && has_digit;
    let is_told = link.is_bracketed
        && next == b')'
        && (!link.is_weak || has_digit || !value.contains('-') && value.len() >= 6);
    let is_said = link.is_foreign && value.len() >= 4
        || link.is_spoken && !link.is_weak && has_digit
        || link.is_strong && (has_mark || link.is_spoken);
    let is_strong = link.is_strong && has_mark;
    if is_tight && (has_mark || value.len() >= 3)
        || is_key && (has_mark || value.len() >= 4)
        || is_field
        || is_told
        || is_said
        || is_strong
    {
        let score = if is_key || is_tight || is_strong { 0.7 } else { 0.6 };
        report(scan, Entity::USERNAME, at, end, score);
    }
    Ok(())
}

/// Values that stand for a name in examples and code.
fn is_placeholder(value: &str) -> bool {
    [
        "string",
        "none",
        "null",
        "true",
        "false",
        "self",
        "user",
        "username",
        "name",
        "root",
        "admin",
        "required",
        "optional",
        "default",
        "example",
        "test",
        "guest",
        "nobody",
        "me",
        "you",
        "here",
        "unknown",
        "undefined",
        "nil",
        "this",
        "that",
        "your",
        "and",
        "the",
        "str",
        "value",
        "process",
        "current",
        "anonymous",
        "login",
        "password",
        "enabled",
        "disabled",
    ]
    .iter()
    .any(|word| value.eq_ignore_ascii_case(word))
        || value.starts_with("your")
        || value.starts_with("self.")
        || value.starts_with("process.env")
        || value.contains("..")
}

/// Finds a password in running text: `my password is …`, `das Kennwort …`, `パスワード「…」`.
pub(super) fn find_password(scan: &mut Scan<'_>, word: &Word) -> Outcome {
    let Some((at, link)) = announced(scan, word)? else {
        return Ok(());
    };
    let end = value_end(scan, at);
    let value = scan.str(at, end);
    let is_spoken_here = link.is_marked || link.is_spoken;
    let count = |fits: fn(char) -> bool| value.chars().filter(|c| fits(*c)).count();
    let digits = count(|c| c.is_ascii_digit());
    let uppers = count(char::is_uppercase);
    let lowers = count(char::is_lowercase);
    let marks = count(|c| "!#$%&*+-=?@^_~/.".contains(c));
    let classes = [digits, uppers, lowers, marks].iter().filter(|n| **n > 0).count();
    let length = value.chars().count();
    let is_code = value.contains("::")
        || value.contains("->")
        || value.starts_with(['$', '%', '-', '/', '.', '@', '&', '*', '='])
        || value.contains("${")
        || value.contains("=")
        || value.contains("://");
    let next = scan.at(end);
    let is_mixed = digits > 0 && lowers > 0 && (uppers > 0 || marks > 0) && uppers + lowers >= 3;
    let is_name = marks > 0
        && value
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/'))
        && uppers == 0;
    let fits = (6..=LONGEST).contains(&length)
        && classes >= 3
        && is_mixed
        && !is_code
        && !is_name
        && !is_placeholder(value)
        && !matches!(next, b'(' | b'[' | b'{');
    if fits && (is_spoken_here || classes >= 3) {
        let score = if is_spoken_here { 0.8 } else { 0.65 };
        report(scan, Entity::PASSWORD, at, end, score);
        scan.done.told = end;
    }
    Ok(())
}

/// Finds the number of a patient's record.
pub(super) fn find_record(scan: &mut Scan<'_>, word: &Word) -> Outcome {
    let Some((at, _)) = announced(scan, word)? else {
        return Ok(());
    };
    // `HC 2291047`
    let first = value_end(scan, at);
    let is_prefix = first - at <= 4
        && scan.slice(at, first).iter().all(u8::is_ascii_uppercase)
        && scan.at(first) == b' '
        && scan.at(first + 1).is_ascii_digit();
    let mut end = if is_prefix {
        value_end(scan, first + 1)
    } else {
        first
    };
    while end > at && matches!(scan.back(end, 1), b'-' | b'/') {
        end -= 1;
    }
    if is_record(scan.str(at, end)) {
        report(scan, Entity::MEDICAL_RECORD_NUMBER, at, end, 0.8);
    }
    Ok(())
}

fn is_record(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let letters = value.chars().filter(|c| c.is_alphabetic()).count();
    (4..=14).contains(&digits)
        && letters <= 5
        && value
            .chars()
            .all(|c| c.is_ascii_digit() || c.is_uppercase() || matches!(c, '-' | '/' | '.' | ' '))
        && value.matches(['-', '/', '.', ' ']).count() <= 3
}

/// Finds a postcode.
pub(super) fn find_postcode(scan: &mut Scan<'_>, word: &Word) -> Outcome {
    let Some((at, link)) = announced(scan, word)? else {
        return Ok(());
    };
    let Some(end) = postcode_end(scan, at) else {
        return Ok(());
    };
    // A British one is a kind of its own.
    if scan.at(at).is_ascii_uppercase() && scan.back(end, 1).is_ascii_uppercase() {
        return Ok(());
    }
    let digits = scan.slice(at, end).iter().filter(|b| b.is_ascii_digit()).count();
    let is_capital = scan
        .slice(word.start, word.end)
        .iter()
        .all(|b| b.is_ascii_uppercase() || !b.is_ascii());
    let is_told =
        link.is_marked || link.is_spoken || !link.is_weak && digits >= 4 || is_capital && digits >= 5;
    if is_told {
        report(scan, Entity::ZIP_CODE, at, end, 0.75);
    }
    Ok(())
}

/// The end of a postcode at `at`: up to two groups of letters and digits with at least three digits, or the form of a
/// British or Canadian one.
pub(super) fn postcode_end(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let group = |from: usize| {
        let rest = scan.slice(from, (from + 9).min(scan.bytes.len()));
        let len = rest
            .iter()
            .take_while(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
            .count();
        (len > 0 && len <= 8 && !scan.is_word_inside(from + len)).then_some(from + len)
    };
    let digits = |from: usize, to: usize| scan.slice(from, to).iter().filter(|b| b.is_ascii_digit()).count();
    let first = group(at)?;
    let mut end = first;
    if matches!(scan.at(first), b' ' | b'-')
        && let Some(second) = group(first + 1)
    {
        let own = digits(first + 1, second);
        let len = second - first - 1;
        let is_alnum = own > 0 && own < len;
        let is_dutch = scan.at(first) == b' ' && own == 0 && len == 2 && digits(at, first) == 4;
        let is_split = own == len && (2..=4).contains(&len) && first - at <= 5;
        if is_dutch || is_split && (first - at) + len <= 9 || is_alnum && len <= 4 && first - at <= 4 {
            end = second;
        }
    }
    let total = digits(at, end);
    let letters = end - at - total - usize::from(end > first);
    let is_lettered = letters > 0 && total >= 2 && (4..=8).contains(&(end - at));
    let is_free =
        !matches!(scan.at(end), b'.' | b',' | b'/' | b':' | b'%') || !scan.at(end + 1).is_ascii_digit();
    (is_free && ((3..=9).contains(&total) && letters <= 2 || is_lettered)).then_some(end)
}

/// Whether a number can end at `at`.
fn is_free(scan: &Scan<'_>, at: usize) -> bool {
    let goes_on = matches!(scan.at(at), b'.' | b',' | b'/' | b':' | b'-') && scan.at(at + 1).is_ascii_digit();
    !scan.is_word_inside(at) && !goes_on && scan.char_at(at).is_none_or(|c| decimal(c).is_none() && c != '%')
}

/// Where the value begins that `word` announces, unless it was read before.
fn announced(scan: &mut Scan<'_>, word: &Word) -> Result<Option<(usize, Link)>, BudgetError> {
    scan.spend(16)?;
    if word.start < scan.done.told || !is_apart(scan, word) {
        return Ok(None);
    }
    Ok(value_after(scan, word))
}

/// Takes a whole text as the value of the field that it is named by.
pub(super) fn find_named(scan: &mut Scan<'_>) -> Outcome {
    let Some(name) = scan.name() else { return Ok(()) };
    let value = scan.text.trim();
    if value.is_empty() || value.len() > LONGEST {
        return Ok(());
    }
    scan.spend(value.len() + name.len())?;
    let senses = scan.lexicon().name_senses(name);
    let start = scan.text.len() - scan.text.trim_start().len();
    let end = start + value.len();
    let digits = value.chars().filter(|c| decimal(*c).is_some()).count();
    let is_number = digits == value.chars().count();
    let entity = if senses & sense::CVV != 0 && is_number && (3..=4).contains(&digits) {
        Entity::CVV
    } else if senses & sense::EXPIRY != 0 && expiry_in(value) {
        Entity::CARD_EXPIRY
    } else if senses & sense::POSTCODE != 0 && postcode_end(scan, start) == Some(end) {
        Entity::ZIP_CODE
    } else if senses & sense::PIN != 0 && is_number && (4..=8).contains(&digits) {
        Entity::PIN
    } else if senses & sense::RECORD != 0 && is_record(value) {
        Entity::MEDICAL_RECORD_NUMBER
    } else if senses & sense::USERNAME != 0
        && !value.contains(char::is_whitespace)
        && !is_placeholder(value)
        && !value.contains('@')
        && value.len() >= 3
    {
        Entity::USERNAME
    } else if senses & sense::AGED != 0 && is_number && digits <= 3 {
        Entity::AGE
    } else {
        return Ok(());
    };
    report(scan, entity, start, end, 0.8);
    Ok(())
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds_broad, misses_broad};

    #[test]
    fn announced_values_are_found() {
        for (entity, text, value) in [
            (Entity::CVV, "CVV: 418", "418"),
            (Entity::CVV, "{\"cvv2\": \"7731\"}", "7731"),
            (Entity::CVV, "exp. 01/29, security code 7731", "7731"),
            (Entity::CARD_EXPIRY, "gültig bis 04/27.", "04/27"),
            (Entity::CARD_EXPIRY, "valid thru 12/2026", "12/2026"),
            (Entity::CARD_EXPIRY, "\"有効期限\":\"2027-09\"", "2027-09"),
            (Entity::PIN, "the PIN is 4711.", "4711"),
            (Entity::USERNAME, "login ok user=jdoe ip=", "jdoe"),
            (Entity::USERNAME, "{\"username\": \"jdoe_9\"}", "jdoe_9"),
            (Entity::USERNAME, "(identifiant jdupont)", "jdupont"),
            (Entity::PASSWORD, "mot de passe : Cerise_2099!", "Cerise_2099!"),
            (
                Entity::PASSWORD,
                "das Kennwort Fruehling#2099 geht",
                "Fruehling#2099",
            ),
            (Entity::PASSWORD, "パスワード「Sakura#8899」です", "Sakura#8899"),
            (Entity::MEDICAL_RECORD_NUMBER, "MRN: MR-0099827", "MR-0099827"),
            (
                Entity::MEDICAL_RECORD_NUMBER,
                "Patientennummer 0099882",
                "0099882",
            ),
            (Entity::ZIP_CODE, "my zip code is 76400", "76400"),
            (Entity::ZIP_CODE, "\"posta_kodu\":\"07100\"", "07100"),
            (Entity::ZIP_CODE, "ZIP: 7412 SL", "7412 SL"),
        ] {
            finds_broad(entity, text, value);
        }
    }

    #[test]
    fn code_prose_and_other_numbers_are_no_values() {
        for (entity, text) in [
            (Entity::PIN, "connect pin 12 to pin 4"),
            (Entity::PIN, "let pin = 4711u32;"),
            (Entity::CVV, "crypto 512 bits"),
            (Entity::USERNAME, "user: String, username = get_name()"),
            (Entity::USERNAME, "the user may log in as usual"),
            (Entity::USERNAME, "User-Agent: curl"),
            (Entity::PASSWORD, "the password policy of v2.1"),
            (Entity::PASSWORD, "password: required"),
            (Entity::ZIP_CODE, "zip files 1234 of them"),
            (Entity::ZIP_CODE, "index 12345"),
            (Entity::MEDICAL_RECORD_NUMBER, "patient id of the table"),
            (Entity::CARD_EXPIRY, "expires in 30 days"),
        ] {
            misses_broad(entity, text);
        }
    }
}
