//! One escaped character: HTML entities, percent-encoding, backslash escapes, quoted-printable.

use unicode_normalization::char::compose;

/// An escape and what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Escape {
    /// Bytes it is written in.
    pub(super) len: usize,
    /// What it stands for; none for a soft line break.
    pub(super) c: Option<char>,
}

/// Longest name in [`NAMES`].
const LONGEST_NAME: usize = 7;
/// Most digits of a numeric reference; code points have seven decimal ones, and zeros may lead.
const LONGEST_NUMBER: usize = 8;

/// Named character references that stand for a character that values are made of, or that begins another escape.
///
/// Source: HTML Living Standard, section 13.5, "Named character references".
const NAMES: &[(&[u8], char)] = &[
    (b"amp", '&'),
    (b"apos", '\''),
    (b"ast", '*'),
    (b"bsol", '\\'),
    (b"colon", ':'),
    (b"comma", ','),
    (b"commat", '@'),
    (b"dash", '-'),
    (b"dollar", '$'),
    (b"emsp", ' '),
    (b"ensp", ' '),
    (b"equals", '='),
    (b"excl", '!'),
    (b"gt", '>'),
    (b"hyphen", '-'),
    (b"lbrack", '['),
    (b"lowbar", '_'),
    (b"lpar", '('),
    (b"lsqb", '['),
    (b"lt", '<'),
    (b"mdash", '\u{2014}'),
    (b"minus", '-'),
    (b"nbsp", ' '),
    (b"ndash", '\u{2013}'),
    (b"NewLine", '\n'),
    (b"num", '#'),
    (b"percnt", '%'),
    (b"period", '.'),
    (b"plus", '+'),
    (b"quest", '?'),
    (b"quot", '"'),
    (b"rbrack", ']'),
    (b"rpar", ')'),
    (b"rsqb", ']'),
    (b"semi", ';'),
    (b"shy", '\u{ad}'),
    (b"sol", '/'),
    (b"Tab", '\t'),
    (b"thinsp", ' '),
    (b"UnderBar", '_'),
    (b"verbar", '|'),
    (b"zwj", '\u{200d}'),
    (b"zwnj", '\u{200c}'),
];

/// Ends of the names of letters with a mark, and the mark as a combining character; the same source.
const MARKS: &[(&[u8], char)] = &[
    (b"acute", '\u{301}'),
    (b"breve", '\u{306}'),
    (b"caron", '\u{30c}'),
    (b"cedil", '\u{327}'),
    (b"circ", '\u{302}'),
    (b"dot", '\u{307}'),
    (b"grave", '\u{300}'),
    (b"ogon", '\u{328}'),
    (b"ring", '\u{30a}'),
    (b"tilde", '\u{303}'),
    (b"uml", '\u{308}'),
];

/// Letters that are no other letter with a mark; the same source.
const LETTERS: &[(&[u8], char)] = &[
    (b"AElig", 'Æ'),
    (b"Lstrok", 'Ł'),
    (b"OElig", 'Œ'),
    (b"Oslash", 'Ø'),
    (b"aelig", 'æ'),
    (b"imath", 'ı'),
    (b"inodot", 'ı'),
    (b"lstrok", 'ł'),
    (b"oelig", 'œ'),
    (b"oslash", 'ø'),
    (b"szlig", 'ß'),
];

/// The escape at the start of `bytes`, which begins with `&`, `%`, a backslash or `=`.
pub(super) fn read(bytes: &[u8]) -> Option<Escape> {
    match bytes.first()? {
        b'&' => entity(bytes),
        b'%' => percent(bytes),
        b'\\' => backslash(bytes),
        b'=' => quoted_printable(bytes),
        _ => None,
    }
}

fn escape(len: usize, code: u32) -> Option<Escape> {
    let c = char::from_u32(code).filter(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))?;
    Some(Escape { len, c: Some(c) })
}

/// `&#64;`, `&#x40;`, `&commat;`; the semicolon may be missing after a number.
fn entity(bytes: &[u8]) -> Option<Escape> {
    if bytes.get(1) == Some(&b'#') {
        let is_hex = matches!(bytes.get(2), Some(b'x' | b'X'));
        let (start, radix) = if is_hex { (3, 16) } else { (2, 10) };
        let (code, digits) = number(bytes.get(start..)?, LONGEST_NUMBER, radix)?;
        let end = start + digits;
        return escape(end + usize::from(bytes.get(end) == Some(&b';')), code);
    }
    let rest = bytes.get(1..)?;
    let len = rest.iter().take(LONGEST_NAME + 1).position(|b| *b == b';')?;
    let name = rest.get(..len)?;
    let known = NAMES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
    let c = known.map(|(_, c)| *c).or_else(|| letter(name))?;
    escape(len + 2, u32::from(c))
}

/// A letter with a mark by its name: `uuml`, `Eacute`, `szlig`.
fn letter(name: &[u8]) -> Option<char> {
    if let Some((_, c)) = LETTERS.iter().find(|(n, _)| *n == name) {
        return Some(*c);
    }
    let (base, mark) = name.split_first()?;
    let (_, mark) = MARKS.iter().find(|(n, _)| *n == mark)?;
    compose(char::from(*base), *mark).filter(|_| base.is_ascii_alphabetic())
}

/// Up to `most` digits: their value and how many they are.
fn number(bytes: &[u8], most: usize, radix: u32) -> Option<(u32, usize)> {
    let mut value = 0_u32;
    let mut len = 0;
    for byte in bytes.iter().take(most) {
        let Some(digit) = char::from(*byte).to_digit(radix) else {
            break;
        };
        value = value.checked_mul(radix)?.checked_add(digit)?;
        len += 1;
    }
    (len > 0).then_some((value, len))
}

/// Exactly `len` hexadecimal digits.
fn hex(bytes: &[u8], len: usize) -> Option<u32> {
    number(bytes, len, 16)
        .filter(|(_, l)| *l == len)
        .map(|(value, _)| value)
}

/// A character in one to four bytes, each behind `mark`: RFC 3986 section 2.1 and RFC 2045 section 6.7.
fn utf8(bytes: &[u8], mark: u8) -> Option<Escape> {
    let byte = |i: usize| {
        let at = bytes.get(3 * i..3 * i + 3)?;
        (at.first() == Some(&mark)).then_some(())?;
        u8::try_from(hex(at.get(1..)?, 2)?).ok()
    };
    let first = byte(0)?;
    let count = match first {
        0..0x80 => 1,
        0xc2..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0..0xf5 => 4,
        _ => return None,
    };
    let mut buffer = [first, 0, 0, 0];
    for (i, slot) in buffer.iter_mut().enumerate().take(count).skip(1) {
        *slot = byte(i)?;
    }
    let c = std::str::from_utf8(buffer.get(..count)?).ok()?.chars().next()?;
    escape(3 * count, u32::from(c))
}

fn percent(bytes: &[u8]) -> Option<Escape> {
    if matches!(bytes.get(1), Some(b'u' | b'U')) {
        return escape(6, hex(bytes.get(2..)?, 4)?);
    }
    utf8(bytes, b'%')
}

/// `\u0040`, `\u{40}`, `\U00000040`, `\x40`, `\x{40}`, `\100`, `\n`; a doubled backslash before these counts as one.
fn backslash(bytes: &[u8]) -> Option<Escape> {
    let doubled = usize::from(bytes.get(1) == Some(&b'\\'));
    let rest = bytes.get(1 + doubled..)?;
    let own = match rest.first()? {
        b'u' | b'x' if rest.get(1) == Some(&b'{') => {
            let (code, digits) = number(rest.get(2..)?, 6, 16)?;
            (rest.get(2 + digits) == Some(&b'}')).then_some(())?;
            escape(3 + digits, code)
        }
        b'u' => match hex(rest.get(1..)?, 4)? {
            high @ 0xd800..0xdc00 => {
                let low = (rest.get(5..7)? == b"\\u")
                    .then(|| hex(rest.get(7..)?, 4))
                    .flatten()?;
                let low = (0xdc00..0xe000).contains(&low).then_some(low)?;
                escape(11, 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
            }
            code => escape(5, code),
        },
        b'U' => escape(9, hex(rest.get(1..)?, 8)?),
        b'x' => escape(3, hex(rest.get(1..)?, 2)?),
        b'0'..=b'3' => number(rest, 3, 8)
            .filter(|(_, len)| *len == 3)
            .and_then(|(code, _)| escape(3, code)),
        b'n' => escape(1, 0xa),
        b'r' => escape(1, 0xd),
        b't' => escape(1, 0x9),
        b'/' => escape(1, u32::from(b'/')),
        _ => None,
    }?;
    // Bytes above 0x7f of `\x` and octal escapes are parts of a character in an encoding that is not known here.
    own.c
        .filter(|c| c.is_ascii() || !matches!(rest.first(), Some(b'x' | b'0'..=b'3')))?;
    Some(Escape {
        len: own.len + 1 + doubled,
        ..own
    })
}

/// `=40`, and a soft line break: `=` at the end of a line.
fn quoted_printable(bytes: &[u8]) -> Option<Escape> {
    match (bytes.get(1)?, bytes.get(2)) {
        (b'\n', _) => Some(Escape { len: 2, c: None }),
        (b'\r', Some(b'\n')) => Some(Escape { len: 3, c: None }),
        // `x=4012` is a number.
        (a, Some(b)) if !a.is_ascii_lowercase() && !b.is_ascii_lowercase() => {
            utf8(bytes, b'=').filter(|_| !bytes.get(3).is_some_and(u8::is_ascii_digit))
        }
        _ => None,
    }
}

/// Whether the escape at `at` is worth undoing for its own sake: values are made of what it stands for, or it begins another
/// escape. A space or a line break is, between digits.
pub(super) fn is_worth(bytes: &[u8], at: usize, found: Escape) -> bool {
    let after = bytes.get(at + found.len).copied().unwrap_or(0);
    let before = at.checked_sub(1).and_then(|i| bytes.get(i)).copied().unwrap_or(0);
    let is_quoted_printable = bytes.get(at) == Some(&b'=');
    match found.c {
        None => before.is_ascii_alphanumeric() && (after.is_ascii_alphanumeric() || after == b'='),
        // `width=64` and `=30` mean themselves unless another escape follows.
        Some(c) if is_quoted_printable && c.is_ascii_alphanumeric() => after == b'=',
        Some('&') => after == b'#' || after.is_ascii_alphabetic(),
        Some(c) if c.is_whitespace() => {
            before.is_ascii_digit() && (after.is_ascii_digit() || matches!(after, b'%' | b'&' | b'\\' | b'='))
        }
        Some(c) if c.is_ascii() => {
            c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '-' | '_' | '+' | ':' | '%' | '\\' | '=')
        }
        // Letters of names, but for those that every web address in such a script has.
        Some(c) => !c.is_alphanumeric() || bytes.get(at) != Some(&b'%') && bytes.get(at) != Some(&b'='),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_of_an_at_sign_is_read() {
        for text in [
            "&#64;",
            "&#64",
            "&#x40;",
            "&#0064;",
            "&commat;",
            "%40",
            "%u0040",
            r"\u0040",
            r"\u{40}",
            r"\U00000040",
            r"\x40",
            r"\x{40}",
            r"\100",
            r"\\u0040",
            "=40",
        ] {
            assert_eq!(
                read(text.as_bytes()),
                Some(Escape {
                    len: text.len(),
                    c: Some('@')
                }),
                "{text}"
            );
        }
        assert_eq!(read(r"\ud83d\ude00".as_bytes()).and_then(|e| e.c), Some('😀'));
        assert_eq!(read(b"%C3%A9").and_then(|e| e.c), Some('é'));
    }

    #[test]
    fn letters_with_marks_are_read_by_their_names() {
        let read = |text: &[u8]| read(text).and_then(|e| e.c);
        assert_eq!(read(b"&uuml;"), Some('ü'));
        assert_eq!(read(b"&Eacute;"), Some('É'));
        assert_eq!(read(b"&szlig;"), Some('ß'));
        assert_eq!(read(b"&sogon;"), None);
    }

    #[test]
    fn what_is_no_escape_is_not_read() {
        for text in [
            "&", "&x;", "&#;", "&#x;", "%", "%4", "%zz", "%ff", r"\", r"\q", r"\u00", "=", "=4", "=4g",
            "&#0;",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
