//! Characters as they are written: plainly, or inside a JSON string.

/// How a text spells its characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Every character is itself.
    Text,
    /// The text is JSON, such as the arguments of a tool call: characters inside strings may be escaped.
    Json,
}

/// The next character of a text that may not be complete yet.
pub(crate) enum Next {
    /// A character and the bytes it is written in.
    Char(char, usize),
    /// The text ends here, or inside an escape.
    Cut,
    /// A backslash that begins no escape.
    Invalid,
}

pub(crate) fn next(rest: &str, syntax: Syntax) -> Next {
    let Some(first) = rest.chars().next() else {
        return Next::Cut;
    };
    if syntax == Syntax::Text || first != '\\' {
        return Next::Char(first, first.len_utf8());
    }
    match resolve_escape(rest.as_bytes()) {
        Some((char, length)) => Next::Char(char, length),
        None if is_cut_escape(rest.as_bytes()) => Next::Cut,
        None => Next::Invalid,
    }
}

/// The last character of `text`; none if it is empty.
pub(crate) fn last_char(text: &str, syntax: Syntax) -> Option<char> {
    let last = text.chars().next_back()?;
    if syntax == Syntax::Text || !last.is_ascii() {
        return Some(last);
    }
    let starts_escape = |from_end: usize| {
        let head = text
            .len()
            .checked_sub(from_end)
            .and_then(|at| text.as_bytes().get(..at))
            .unwrap_or_default();
        head.iter().rev().take_while(|b| **b == b'\\').count() % 2 == 1
    };
    // `\n` and its like end in the second byte of the escape, `\u0041` in the sixth.
    let length = [2_usize, 6].into_iter().find(|length| starts_escape(length - 1));
    let escape = length
        .and_then(|l| text.len().checked_sub(l))
        .and_then(|at| text.as_bytes().get(at..));
    match escape {
        Some(escape) => Some(resolve_escape(escape).map_or(last, |(c, _)| c)),
        None => Some(last),
    }
}

/// The character that the JSON escape (RFC 8259 §7) at the start of `bytes` stands for, and the bytes it takes. None if
/// the bytes are no valid escape, are cut short, or name half a surrogate pair.
#[must_use]
pub fn resolve_escape(bytes: &[u8]) -> Option<(char, usize)> {
    let simple = match (bytes.first()?, bytes.get(1)?) {
        (b'\\', b'"') => '"',
        (b'\\', b'\\') => '\\',
        (b'\\', b'/') => '/',
        (b'\\', b'b') => '\u{8}',
        (b'\\', b'f') => '\u{c}',
        (b'\\', b'n') => '\n',
        (b'\\', b'r') => '\r',
        (b'\\', b't') => '\t',
        (b'\\', b'u') => {
            let first = hex4(bytes.get(2..6)?)?;
            if !(0xD800..0xE000).contains(&first) {
                return Some((char::from_u32(first)?, 6));
            }
            let low = (bytes.get(6..8)? == b"\\u")
                .then(|| hex4(bytes.get(8..12)?))
                .flatten()?;
            let is_pair = first < 0xDC00 && (0xDC00..0xE000).contains(&low);
            let code = is_pair.then(|| 0x1_0000 + ((first - 0xD800) << 10) + (low - 0xDC00))?;
            return Some((char::from_u32(code)?, 12));
        }
        _ => return None,
    };
    Some((simple, 2))
}

/// Whether more bytes could still make `bytes` begin with an escape.
fn is_cut_escape(bytes: &[u8]) -> bool {
    let hex = |range: &[u8]| range.iter().all(u8::is_ascii_hexdigit);
    match bytes {
        [b'\\'] => true,
        [b'\\', b'u', rest @ ..] if rest.len() < 4 => hex(rest),
        [b'\\', b'u', a, b, c, d, rest @ ..] if rest.len() < 6 => {
            let is_high = hex4(&[*a, *b, *c, *d]).is_some_and(|code| (0xD800..0xDC00).contains(&code));
            is_high
                && match rest {
                    [] | [b'\\'] => true,
                    [b'\\', b'u', low @ ..] => hex(low),
                    _ => false,
                }
        }
        _ => false,
    }
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0, |sum, d| Some(sum << 4 | char::from(*d).to_digit(16)?))
}

/// Appends `text` to `out` as the inside of a JSON string: quotes, backslashes and control characters escaped.
pub fn escape_into(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|b| b < 0x20 || b == b'"' || b == b'\\') {
        let (plain, special) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(plain);
        match special.bytes().next() {
            Some(b'"') => out.push_str("\\\""),
            Some(b'\\') => out.push_str("\\\\"),
            Some(b'\n') => out.push_str("\\n"),
            Some(b'\r') => out.push_str("\\r"),
            Some(b'\t') => out.push_str("\\t"),
            Some(other) => out.push_str(&format!("\\u{other:04x}")),
            None => {}
        }
        rest = special.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_character_is_read_through_its_escape() {
        let json = |text| last_char(text, Syntax::Json);
        assert_eq!(json(r"ab\n"), Some('\n'));
        assert_eq!(json(r"ab\\n"), Some('n'));
        assert_eq!(json(r"ab\u0041"), Some('A'));
        assert_eq!(json(r"ab\\u0041"), Some('1'));
        assert_eq!(json("é"), Some('é'));
        assert_eq!(last_char(r"ab\n", Syntax::Text), Some('n'));
    }

    #[test]
    fn a_cut_escape_is_told_from_an_invalid_one() {
        let is_cut = |text| matches!(next(text, Syntax::Json), Next::Cut);
        assert!(
            [r"\", r"\u", r"\u00", r"\ud83d", r"\ud83d\", r"\ud83d\ude0"]
                .into_iter()
                .all(is_cut)
        );
        assert!(![r"\x", r"\u00g", r"\ud83dx", r"\udc00"].into_iter().any(is_cut));
    }
}
