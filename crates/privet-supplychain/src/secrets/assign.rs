//! Values that stand beside a telling name, in whatever syntax: `name = "value"`, `"name": "value"`, `<name>value</name>`,
//! `name="…" value="…"`, `--name value`, `f(name, "value")`, `name => value`, `machine … password value`.

use std::ops::Range;

use super::names::{self, Kind};
use super::{near, value};

/// Longest name that is read to either side of the word that was hit.
const LONGEST_NAME: usize = 64;

/// Longest value of a generic rule.
const LONGEST_VALUE: usize = 512;

/// Most blanks between a name, its operator and its value.
const MOST_BLANKS: usize = 48;

/// A value found beside a name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Assigned {
    pub(super) value: Range<usize>,
    pub(super) whole: Range<usize>,
    pub(super) quoted: bool,
    /// How the value was joined to its name.
    pub(super) join: Join,
    /// The name, as it stands.
    pub(super) name: Range<usize>,
}

/// How a value was joined to its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    /// `=`, `:`, `=>`, `:=` and their like.
    Operator,
    /// A call or a comma between arguments.
    Argument,
    /// Tags or table cells.
    Markup,
    /// Only a blank, after `--name` or before a quote.
    Blank,
}

/// The byte at `at`; 0 past the end.
pub(super) fn byte(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

/// `text[range]`, empty if out of bounds.
pub(super) fn slice(text: &[u8], range: Range<usize>) -> &[u8] {
    text.get(range).unwrap_or(b"")
}

pub(super) const fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') || byte >= 0x80
}

pub(super) const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

pub(super) fn skip_blanks(text: &[u8], mut at: usize) -> usize {
    let end = at.saturating_add(MOST_BLANKS);
    while at < end && is_blank(byte(text, at)) {
        at += 1;
    }
    at
}

/// Start and end of the name round the word at `hit`.
pub(super) fn name_round(text: &[u8], hit: Range<usize>) -> Option<Range<usize>> {
    let before = text
        .get(..hit.start)?
        .iter()
        .rev()
        .take(LONGEST_NAME)
        .take_while(|b| is_name(**b))
        .count();
    let after = text
        .get(hit.end..)?
        .iter()
        .take(LONGEST_NAME + 1)
        .take_while(|b| is_name(**b))
        .count();
    (after <= LONGEST_NAME).then(|| hit.start - before..hit.end + after)
}

/// The value beside the word at `hit`, if the word is (part of) a name that promises one of `kind`.
pub(super) fn beside(text: &[u8], hit: Range<usize>, word: &str, kind: Kind) -> Option<(Assigned, Kind)> {
    let name = name_round(text, hit.clone())?;
    // Cheapest first: what follows most names in code is neither an operator nor a quote.
    let next = byte(text, name.end);
    let prior = name.start.checked_sub(1).map_or(0, |at| byte(text, at));
    let dashed = slice(text, name.clone()).starts_with(b"-");
    if !(matches!(
        next,
        b'=' | b':'
            | b'"'
            | b'\''
            | b'`'
            | b'\\'
            | b']'
            | b'>'
            | b' '
            | b'\t'
            | b'('
            | b'<'
            | b'?'
            | b'|'
            | b')'
            | b'&'
            | b'}'
            | b'*'
            | b'\n'
            | b'\r'
    )) {
        return None;
    }
    let mut lower = [0_u8; 3 * LONGEST_NAME];
    let length = name.len();
    let folded = lower.get_mut(..length)?;
    folded.copy_from_slice(text.get(name.clone())?);
    folded.make_ascii_lowercase();
    let kind = names::judge(folded, hit.start - name.start, word, kind)?;
    let quoted_name = is_quote(prior);
    let (at, join) = join(text, name.end, quoted_name, dashed)?;
    let (range, quoted) = value_at(text, at, join)?;
    if join == Join::Argument && !quoted {
        return None;
    }
    // One of several arguments of a call: nothing says that it is the secret.
    if join == Join::Argument && next == b'(' && byte(text, skip_blanks(text, range.end + 1)) != b')' {
        return None;
    }
    if join == Join::Argument && near::is_listed(text, range.end) || near::is_verb(text, &name, &range, join)
    {
        return None;
    }
    let whole = name.start..range.end;
    Some((
        Assigned {
            value: range,
            whole,
            quoted,
            join,
            name,
        },
        kind,
    ))
}

/// Where the value starts, after the name that ends at `at`.
fn join(text: &[u8], mut at: usize, quoted_name: bool, dashed: bool) -> Option<(usize, Join)> {
    let called = byte(text, at) == b'(';
    if called && is_quote(byte(text, skip_blanks(text, at + 1))) {
        return Some((skip_blanks(text, at + 1), Join::Argument));
    }
    // Closing marks of the name: quotes (escaped or not), brackets, Markdown's emphasis.
    let mut closed = false;
    for _ in 0..5 {
        match byte(text, at) {
            b'\\' if is_quote(byte(text, at + 1)) => at += 2,
            b'"' | b'\'' | b'`' if quoted_name || closed => at += 1,
            b'"' | b'\'' | b'`' if !closed => at += 1,
            b']' | b'*' | b'}' => at += 1,
            b')' if quoted_name => at += 1,
            _ => break,
        }
        closed = true;
    }
    let after_name = at;
    at = skip_blanks(text, at);
    let here = byte(text, at);
    let next = byte(text, at + 1);
    match here {
        b'=' => {
            at += 1;
            while matches!(byte(text, at), b'=' | b'>' | b'~') && at < after_name + MOST_BLANKS + 4 {
                at += 1;
            }
            Some((blanks_and_break(text, at), Join::Operator))
        }
        b':' => {
            at += 1;
            let mut steps = 0;
            while matches!(byte(text, at), b':' | b'=') && steps < 3 {
                at += 1;
                steps += 1;
            }
            at = blanks_and_break(text, at);
            // A type: `password: &str = "…"`.
            Some((after_type(text, at).unwrap_or(at), Join::Operator))
        }
        b'?' | b'+' | b'.' | b'|' if next == b'=' || (here == b'?' && matches!(next, b'?' | b':')) => {
            Some((skip_blanks(text, at + 2), Join::Operator))
        }
        b'|' if next == b'|' => Some((
            skip_blanks(text, at + 2 + usize::from(byte(text, at + 2) == b'=')),
            Join::Operator,
        )),
        // A row of a table in Markdown.
        b'|' if at > after_name => Some((skip_blanks(text, at + 1), Join::Markup)),
        b'-' if next == b'>' => None,
        b'>' => Some((blanks_and_break(text, at + 1), Join::Markup)),
        b'<' => cell(text, at).map(|at| (at, Join::Markup)),
        b',' if closed => {
            let same_line = skip_blanks(text, at + 1);
            let at = blanks_and_break(text, at + 1);
            value_attribute(text, at)
                .map(|at| (at, Join::Markup))
                .or_else(|| (at == same_line && is_quote(byte(text, at))).then_some((at, Join::Argument)))
        }
        b'\n' | b'\r' => value_attribute(text, blanks_and_break(text, at)).map(|at| (at, Join::Markup)),
        _ if at > after_name => {
            if let Some(at) = value_attribute(text, at) {
                return Some((at, Join::Markup));
            }
            if let Some(at) = after_type(text, at) {
                return Some((at, Join::Operator));
            }
            (dashed || is_quote(here)).then_some((at, Join::Blank))
        }
        _ => value_attribute(text, at).map(|at| (at, Join::Markup)),
    }
}

/// Past blanks and at most one line break.
fn blanks_and_break(text: &[u8], at: usize) -> usize {
    let at = skip_blanks(text, at);
    match byte(text, at) {
        b'\r' if byte(text, at + 1) == b'\n' => skip_blanks(text, at + 2),
        b'\n' => skip_blanks(text, at + 1),
        _ => at,
    }
}

/// Past `string = ` or `&'static str = ` or `String? = `; `None` if no type and `=` stand at `at`.
fn after_type(text: &[u8], at: usize) -> Option<usize> {
    let length = text
        .get(at..)?
        .iter()
        .take(40)
        .take_while(|b| {
            is_name(**b) || matches!(b, b'&' | b'\'' | b'?' | b'<' | b'>' | b'[' | b']' | b'*' | b' ')
        })
        .count();
    let first = byte(text, at);
    if length == 0
        || is_quote(first)
        || byte(text, at + length) != b'='
        || byte(text, at + length + 1) == b'='
    {
        return None;
    }
    Some(skip_blanks(text, at + length + 1))
}

/// The next cell of a table, after `</td>` or `</th>` at `at`.
fn cell(text: &[u8], at: usize) -> Option<usize> {
    let window = slice(text, at..at.saturating_add(160).min(text.len()));
    let close = window.get(..5)?;
    if !(close.eq_ignore_ascii_case(b"</td>")
        || close.eq_ignore_ascii_case(b"</th>")
        || close.eq_ignore_ascii_case(b"</key")
        || close.eq_ignore_ascii_case(b"</nam"))
    {
        return None;
    }
    let first = memchr::memchr(b'>', window)?;
    let rest = window.get(first + 1..)?;
    let open = memchr::memchr(b'<', rest)?;
    if !rest.get(..open)?.iter().all(u8::is_ascii_whitespace) || rest.get(open + 1) == Some(&b'/') {
        return None;
    }
    let end = memchr::memchr(b'>', rest.get(open..)?)?;
    Some(at + first + 1 + open + end + 1)
}

/// The value of `value=`, `content=`, `default =` or `"value":` at `at`, or after one more attribute.
fn value_attribute(text: &[u8], at: usize) -> Option<usize> {
    const NAMES: [&[u8]; 6] = [
        b"value",
        b"default",
        b"content",
        b"stringValue",
        b"encoding",
        b"data",
    ];
    let start = at + usize::from(is_quote(byte(text, at)));
    let name = NAMES
        .iter()
        .find(|n| slice(text, start..start + n.len()).eq_ignore_ascii_case(n))?;
    let mut end = start + name.len();
    end += usize::from(is_quote(byte(text, end)));
    end = skip_blanks(text, end);
    matches!(byte(text, end), b'=' | b':').then(|| ())?;
    let mut value = skip_blanks(text, end + 1);
    if *name == b"encoding" {
        let tail = slice(text, value..value.saturating_add(24).min(text.len()));
        value += memchr::memchr(b'>', tail)? + 1;
    }
    Some(value)
}

/// The value that starts at `at`.
fn value_at(text: &[u8], mut at: usize, join: Join) -> Option<(Range<usize>, bool)> {
    // What wraps a literal: `env('NAME', '…')` is found by its comma; `b"…"`, `new Secret("…")`, `@"…"` here.
    let mut prefix = 0;
    while prefix < 3
        && matches!(
            byte(text, at + prefix),
            b'b' | b'r' | b'u' | b'f' | b'@' | b'L' | b'B' | b'R' | b'N' | b'n' | b's'
        )
    {
        prefix += 1;
    }
    if prefix > 0 && is_quote(byte(text, at + prefix)) {
        at += prefix;
    }
    if matches!(byte(text, at), b'[' | b'{' | b'(') && is_quote(byte(text, at + 1)) {
        at += 1;
    }
    if matches!(byte(text, at), b'>' | b'|') && byte(text, at + 1) == b'\n' {
        at = skip_blanks(text, at + 2);
    }
    let escaped = byte(text, at) == b'\\' && is_quote(byte(text, at + 1));
    if escaped {
        at += 1;
    }
    let quote = byte(text, at);
    if is_quote(quote) || (quote == b'&' && slice(text, at..at + 6) == b"&quot;") {
        let entity = quote == b'&';
        let mut start = at + if entity { 6 } else { 1 };
        if byte(text, start) == quote && byte(text, start + 1) == quote {
            start += 2;
        }
        let limit = start.saturating_add(LONGEST_VALUE).min(text.len());
        let mut end = start;
        while end < limit {
            let here = byte(text, end);
            if here == b'\n' || here == b'\r' {
                return None;
            }
            if here == b'\\' {
                if escaped && byte(text, end + 1) == quote {
                    break;
                }
                end += 2;
                continue;
            }
            if here == quote && (!entity || slice(text, end..end + 6) == b"&quot;") {
                break;
            }
            end += 1;
        }
        if end >= limit {
            return None;
        }
        // The quote ended the text that the name stands in; code goes on behind it: `"name = " + value + "…"`.
        let first = slice(text, start..end)
            .trim_ascii_start()
            .first()
            .copied()
            .unwrap_or(0);
        if (matches!(first, b'+' | b',' | b')' | b';' | b'.') || is_blank(byte(text, start)))
            && near::is_inside(text, at, quote)
        {
            return None;
        }
        // Put together from parts.
        let tail = skip_blanks(text, end + 1);
        let open_end = slice(text, start..end)
            .last()
            .is_some_and(|b| matches!(b, b':' | b'=' | b' '));
        if open_end && matches!(byte(text, tail), b'+' | b'.' | b'%' | b'&') {
            return None;
        }
        return (end > start).then_some((start..end, true));
    }
    let length = text
        .get(at..)?
        .iter()
        .take(LONGEST_VALUE + 1)
        .take_while(|b| {
            !b.is_ascii_whitespace()
                && !b.is_ascii_control()
                && !is_quote(**b)
                && !matches!(b, b'<' | b'>' | b';' | b',' | b'\\' | b'|')
        })
        .count();
    if length == 0 || length > LONGEST_VALUE {
        return None;
    }
    let mut end = at + length;
    while end > at
        && matches!(byte(text, end - 1), b')' | b']' | b'}' | b'.' | b':')
        && join != Join::Operator
    {
        end -= 1;
    }
    while end > at
        && (matches!(byte(text, end - 1), b')' | b']' | b'}')
            || byte(text, end - 1) == b':' && byte(text, end - 2) == b')')
    {
        end -= 1;
    }
    // The entity of a mark that stands behind it in HTML.
    if let Some(entity) = memchr::memchr(b'&', slice(text, at..end)).filter(|_| byte(text, end) == b';') {
        end = at + entity;
    }
    (end > at).then_some((at..end, false))
}

/// How sure it is that `found` is a secret of `kind`; `None` if it is not.
pub(super) fn confidence(text: &[u8], found: &Assigned, kind: Kind) -> Option<f32> {
    let value = slice(text, found.value.clone());
    let name = slice(text, found.name.clone());
    if value.len() < 4
        || value::is_stand_in(value)
        || value.eq_ignore_ascii_case(name)
        || is_reference(text, found, value)
    {
        return None;
    }
    let unquoted = !found.quoted;
    match kind {
        Kind::Password => password(text, found, value).filter(|_| near::test_vector_names(text, found) < 3),
        Kind::Secret | Kind::Key => {
            if value.starts_with(b"http") || value.starts_with(b"/") || value.starts_with(b"./") {
                return None;
            }
            if value::is_uuid(value) {
                return (kind == Kind::Secret && !is_public_id(name)).then_some(0.5);
            }
            if value::is_number_or_type(value) || kind == Kind::Key && !is_key_text(value) {
                return None;
            }
            if kind == Kind::Key && near::test_vector_names(text, found) >= 2 {
                return None;
            }
            let least = match (kind, found.quoted) {
                (Kind::Secret, true) => 10,
                (Kind::Secret, false) => 12,
                _ => 16,
            };
            if value::is_random(value, least) && is_plain_token(value, unquoted) {
                let made = value::make(value);
                if kind == Kind::Key
                    && (made.digit == 0 || made.hex == value.len() && value.len() == 40 && unquoted)
                {
                    return None;
                }
                if value::is_sequence(value, 85) || value::is_typed_row(value) || value::is_mock_uuid(value) {
                    return None;
                }
                if value::is_sequence(value, 70) {
                    return Some(0.3);
                }
                return Some(if kind == Kind::Secret { 0.75 } else { 0.55 });
            }
            // `jwt: secret: "development#product"`: chosen by a person.
            let ends_secret = name.to_ascii_lowercase().ends_with(b"secret")
                || name.to_ascii_lowercase().ends_with(b"secret_key");
            (kind == Kind::Secret && ends_secret)
                .then(|| password(text, found, value))
                .flatten()
                .filter(|_| has_sign(value) && !value::is_identifier(value))
                .map(|_| 0.4)
        }
    }
}

/// Whether `value` is of the signs that keys are written with, and no address or query.
fn is_key_text(value: &[u8]) -> bool {
    value.iter().all(|b| {
        b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'_' | b'-' | b'+' | b'/' | b'=' | b'.' | b'~' | b':' | b'!' | b'@' | b'#' | b'$'
            )
    }) && !value.starts_with(b".")
        && !value::is_path(value)
        && !is_key_id(value)
}

/// Whether `value` is hexadecimal pairs with `:` between, as fingerprints and ids of keys are shown.
fn is_key_id(value: &[u8]) -> bool {
    value.contains(&b':')
        && value
            .split(|b| *b == b':')
            .all(|pair| pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit))
}

/// Whether `value` has a digit or a sign that words do not have.
fn has_sign(value: &[u8]) -> bool {
    value.len() >= 6
        && value.iter().any(|b| {
            b.is_ascii_digit()
                || matches!(
                    b,
                    b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'&' | b'*' | b'+' | b'=' | b'?'
                )
        })
}

/// Whether `name` is known to carry an id that is no secret.
fn is_public_id(name: &[u8]) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.ends_with(b"id")
        || lower.ends_with(b"ids")
        || value::contains(&lower, b"usersecrets")
        || value::contains(&lower, b"publickeytoken")
}

/// Whether unquoted text could be a token at all, not an expression.
fn is_plain_token(value: &[u8], unquoted: bool) -> bool {
    if !unquoted {
        return !value.contains(&b'(') || value.len() < 80;
    }
    !value
        .iter()
        .any(|b| matches!(b, b'(' | b'[' | b'{' | b'$' | b'*'))
        && !value::contains(value, b"->")
        && !value::contains(value, b"::")
}

/// Whether the value is a name, a call or an expression of a program.
fn is_reference(text: &[u8], found: &Assigned, value: &[u8]) -> bool {
    const LOOKUPS: [&[u8]; 14] = [
        b"process.env",
        b"os.environ",
        b"os.getenv",
        b"env.",
        b"env(",
        b"ENV[",
        b"getenv",
        b"System.get",
        b"var.",
        b"local.",
        b"data.",
        b"secrets.",
        b"config.",
        b"params.",
    ];
    if !found.quoted {
        if LOOKUPS.iter().any(|lookup| value.starts_with(lookup)) {
            return true;
        }
        let next = byte(text, found.value.end);
        // `name: Vec<u8>`, but not `<name>value</name>`.
        let is_generic = next == b'<' && !matches!(byte(text, found.value.end + 1), b'/' | b'b' | b'!');
        if matches!(next, b'(' | b'[')
            || is_generic && found.join == Join::Operator
            || value.iter().any(|b| matches!(b, b'(' | b'{'))
            || value.contains(&b'[')
        {
            return true;
        }
        if value::contains(value, b"::")
            || value::contains(value, b"->")
            || value.starts_with(b"password_")
            || value.starts_with(b"passwd_")
            || value.starts_with(b"*")
            || value.starts_with(b"+")
            || value.contains(&b'$') && !value.ends_with(b"$")
            || value.starts_with(b"&")
            || value.starts_with(b"!") && value.len() < 3
            || value.starts_with(b"$")
            || value.starts_with(b"@")
                && found.join == Join::Operator
                && !has_sign(value.get(1..).unwrap_or(b""))
        {
            return true;
        }
        // `a.b`, `a::b`, `a->b`: paths of a program.
        let path = value
            .iter()
            .all(|b| value::is_name(*b) || matches!(b, b'.' | b':' | b'-' | b'>'));
        if path
            && value::is_wordy(value)
            && (value.contains(&b'.') || value::contains(value, b"::") || value::contains(value, b"->"))
        {
            return true;
        }
    } else if value.starts_with(b"env:")
        || value.starts_with(b"$env")
        || found.join == Join::Argument && value.contains(&b'(') && value.ends_with(b")")
    {
        return true;
    }
    false
}

/// How sure it is that `value` is a password that a person chose.
fn password(text: &[u8], found: &Assigned, value: &[u8]) -> Option<f32> {
    let made = value::make(value);
    let lower = value.to_ascii_lowercase();
    if value.len() > 128 || names::is_no_password(&lower) || value.iter().any(|b| *b >= 0x80) {
        return None;
    }
    if !found.quoted && value::is_number_or_type(value) && made.digit < value.len() {
        return None;
    }
    if made.space > 0 && (!found.quoted || made.space > 3 || value::is_wordy(value) || !has_sign(value)) {
        return None;
    }
    if lower.starts_with(b"http:")
        || lower.starts_with(b"https:")
        || lower.starts_with(b"/")
        || lower.starts_with(b"./")
        || lower.starts_with(b"~/")
        || lower.starts_with(b"c:\\")
    {
        return None;
    }
    let letters_only = made.digit == 0 && made.other == 0;
    let wordy = value::is_wordy(value);
    let first_sign = matches!(
        lower.first(),
        Some(b'#' | b'.' | b'-' | b'[' | b'^' | b'\\' | b'/' | b'&' | b',' | b')')
    );
    if first_sign && (wordy || made.digit == 0 || found.join == Join::Markup) {
        return None;
    }
    // Code: types, constants, keys of texts, CSS names.
    let joined = value
        .iter()
        .any(|b| matches!(b, b'_' | b'-' | b'.' | b':' | b'/' | b' ' | b'>' | b'(' | b'|'));
    if made.digit == 0
        && wordy
        && joined
        && !value
            .iter()
            .any(|b| matches!(b, b'!' | b'@' | b'#' | b'$' | b'%' | b'&' | b'*' | b'+'))
    {
        let line_value =
            !found.quoted && near::lone_assignment(text, found) && value.contains(&b'_') && made.upper == 0;
        return (line_value && near::has_user_near(text, found.name.start)).then_some(0.35);
    }
    // `passwordLabel`, `newPassword`, `Password`: the name of a password.
    if let Some(at) = memchr::memmem::find(&lower, b"passw").or_else(|| memchr::memmem::find(&lower, b"pwd"))
    {
        let camel = made.upper > 0 && made.lower > 0 && at > 0;
        if made.digit == 0
            && (joined
                || camel && found.quoted && !has_sign(value) && value.len() < 20
                || at == 0 && value.len() < 15 && !has_sign(value))
        {
            return None;
        }
    }
    if letters_only {
        if value.len() <= 12 && (lower.ends_with(b"passwd") || lower.ends_with(b"password")) {
            return None;
        }
        let first_upper = value.first().is_some_and(u8::is_ascii_uppercase);
        if made.upper == value.len() && wordy {
            return None;
        }
        // A label in a table of texts: `"password": "Passwort"`.
        if first_upper && made.upper == 1 && wordy {
            return None;
        }
        if !found.quoted {
            if value.len() < 6 && !near::lone_assignment(text, found) && found.join != Join::Markup {
                return None;
            }
            let plain = found.join == Join::Markup && value.len() >= 6
                || near::lone_assignment(text, found)
                || found.join == Join::Blank && value.len() >= 6;
            return plain.then_some(0.35);
        }
        if value.len() < 5 {
            return None;
        }
        return Some(if found.join == Join::Blank { 0.3 } else { 0.45 });
    }
    if !found.quoted {
        if value.iter().any(|b| matches!(b, b'=')) && made.digit == 0 || value.contains(&b'(') {
            return None;
        }
        if made.digit > 0 && made.lower + made.upper + made.other == 0 {
            return (found.join == Join::Operator && value.len() >= 5 && near::lone_assignment(text, found))
                .then_some(0.3);
        }
        // `foo1.bar2`, `x_1`
        if wordy
            && joined
            && !value
                .iter()
                .any(|b| matches!(b, b'!' | b'@' | b'#' | b'$' | b'%' | b'&' | b'*'))
            && !near::lone_assignment(text, found)
        {
            return None;
        }
        return Some(0.55);
    }
    if made.digit > 0 && made.lower + made.upper + made.other == 0 && value.len() < 5 {
        return None;
    }
    // Patterns.
    if value::contains(value, b"\\d")
        || value::contains(value, b"[a-z")
        || value::contains(value, b"[A-Z")
        || value::contains(value, b".*")
        || value::contains(value, b"(?")
    {
        return None;
    }
    Some(if made.turns >= 2 { 0.7 } else { 0.55 })
}
