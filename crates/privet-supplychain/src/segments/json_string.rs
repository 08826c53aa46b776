//! Strings of JSON: where they end, and what they say.

use std::borrow::Cow;
use std::ops::Range;

use super::map::{Builder, Map, Piece};

/// A string or key as it stands in the text, without its quotes.
#[derive(Clone, Copy)]
pub struct JsonString<'d> {
    raw: &'d [u8],
    start: usize,
    has_escape: bool,
}

impl std::fmt::Debug for JsonString<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonString")
            .field("range", &self.range())
            .field("has_escape", &self.has_escape)
            .finish()
    }
}

/// What a [`JsonString`] says, and from where each byte of it comes.
#[derive(Clone, PartialEq, Eq)]
pub struct Decoded<'d> {
    /// The text. Lone surrogates and bad UTF-8 are U+FFFD.
    pub text: Cow<'d, str>,
    /// From bytes of the text to bytes of the document.
    pub map: Map,
}

impl std::fmt::Debug for Decoded<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoded")
            .field("bytes", &self.text.len())
            .finish()
    }
}

impl<'d> JsonString<'d> {
    pub(super) const fn new(raw: &'d [u8], start: usize, has_escape: bool) -> Self {
        Self {
            raw,
            start,
            has_escape,
        }
    }

    /// The bytes between the quotes.
    #[must_use]
    pub const fn raw(&self) -> &'d [u8] {
        self.raw
    }

    /// Where these bytes stand in the document.
    #[must_use]
    pub const fn range(&self) -> Range<usize> {
        self.start..self.start + self.raw.len()
    }

    /// Whether there is a backslash in it.
    #[must_use]
    pub const fn has_escape(&self) -> bool {
        self.has_escape
    }

    /// Whether it is `text`, decoded.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        if self.has_escape {
            self.decode().text == text
        } else {
            self.raw == text.as_bytes()
        }
    }

    /// Decodes it. Borrows where nothing is escaped.
    #[must_use]
    pub fn decode(&self) -> Decoded<'d> {
        if !self.has_escape
            && let Ok(text) = std::str::from_utf8(self.raw)
        {
            return Decoded {
                text: Cow::Borrowed(text),
                map: Map::shift(self.start as u64),
            };
        }
        let mut out = Builder::default();
        self.decode_into(&mut out);
        let piece = out.finish();
        // The builder was given UTF-8 only, so nothing is lost.
        let text = String::from_utf8_lossy(&piece.text).into_owned();
        Decoded {
            text: Cow::Owned(text),
            map: piece.map,
        }
    }

    pub(super) fn to_piece(self) -> Piece<'d> {
        let decoded = self.decode();
        Piece {
            text: match decoded.text {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            },
            map: decoded.map,
        }
    }

    pub(super) fn decode_into(&self, out: &mut Builder) {
        let mut at = 0;
        while let Some(rest) = self.raw.get(at..).filter(|r| !r.is_empty()) {
            let file = (self.start + at) as u64;
            if rest.first() == Some(&b'\\') {
                let (escape, len) = read_escape(rest);
                let mut buffer = [0; 4];
                let text = escape.encode_utf8(&mut buffer);
                out.push_units(text.as_bytes(), file, text.len(), len as u64);
                at += len.max(1);
            } else {
                let len = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
                push_utf8(rest.get(..len).unwrap_or_default(), file, out);
                at += len;
            }
        }
    }

    /// The units of the string that must not be torn: escapes (surrogate pairs are one) and characters. Ranges in the
    /// document, for every unit longer than one byte.
    pub(crate) fn long_units(&self) -> impl Iterator<Item = Range<usize>> + use<'d> {
        let this = *self;
        let mut at = 0;
        std::iter::from_fn(move || {
            loop {
                let rest = this.raw.get(at..).filter(|r| !r.is_empty())?;
                let len = match rest.first() {
                    Some(b'\\') => read_escape(rest).1,
                    Some(0xc2..=0xf4) => {
                        1 + rest
                            .iter()
                            .skip(1)
                            .take(3)
                            .take_while(|b| (0x80..0xc0).contains(*b))
                            .count()
                    }
                    _ => {
                        let plain = rest.iter().take_while(|b| b.is_ascii() && **b != b'\\').count();
                        at += plain.max(1);
                        continue;
                    }
                };
                let start = this.start + at;
                at += len.max(1);
                return Some(start..start + len.max(1));
            }
        })
    }
}

/// Pushes bytes that should be UTF-8; what is not becomes U+FFFD.
pub(super) fn push_utf8(bytes: &[u8], file: u64, out: &mut Builder) {
    let mut at = file;
    for chunk in bytes.utf8_chunks() {
        out.push_same(chunk.valid().as_bytes(), at);
        at += chunk.valid().len() as u64;
        if !chunk.invalid().is_empty() {
            out.push_units("\u{fffd}".as_bytes(), at, 3, chunk.invalid().len() as u64);
            at += chunk.invalid().len() as u64;
        }
    }
}

/// The character that the escape at the start of `text` means and its length in bytes; U+FFFD for a lone surrogate.
fn read_escape(text: &[u8]) -> (char, usize) {
    let simple = match text.get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            let Some(unit) = hex4(text.get(2..6)) else {
                return ('\u{fffd}', text.len().min(2));
            };
            if (0xd800..0xdc00).contains(&unit)
                && text.get(6..8) == Some(b"\\u")
                && let Some(low) = hex4(text.get(8..12))
                && (0xdc00..0xe000).contains(&low)
            {
                let code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                return (char::from_u32(code).unwrap_or('\u{fffd}'), 12);
            }
            return (char::from_u32(unit).unwrap_or('\u{fffd}'), 6);
        }
        Some(other) => char::from(*other),
        None => '\u{fffd}',
    };
    (simple, text.len().min(2))
}

fn hex4(digits: Option<&[u8]>) -> Option<u32> {
    digits?
        .iter()
        .try_fold(0_u32, |n, b| Some(n * 16 + char::from(*b).to_digit(16)?))
}

/// What [`scan`] found.
pub(super) struct Scanned {
    /// Bytes up to the closing quote.
    pub(super) len: usize,
    pub(super) has_escape: bool,
    pub(super) has_control_characters: bool,
}

/// Where a string is wrong.
pub(super) struct BadString {
    pub(super) at: usize,
    pub(super) expected: &'static str,
}

/// Reads a string whose opening quote stands just before `text` up to its closing quote.
pub(super) fn scan(text: &[u8]) -> Result<Scanned, BadString> {
    let mut at = 0;
    let mut has_escape = false;
    let mut has_control_characters = false;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some(plain) = memchr::memchr2(b'"', b'\\', rest) else {
            return Err(BadString {
                at: text.len(),
                expected: "`\"` at the end of a string",
            });
        };
        has_control_characters |= rest.get(..plain).unwrap_or_default().iter().any(|b| *b < 0x20);
        at += plain;
        if rest.get(plain) == Some(&b'"') {
            return Ok(Scanned {
                len: at,
                has_escape,
                has_control_characters,
            });
        }
        has_escape = true;
        at += match text.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') if hex4(text.get(at + 2..at + 6)).is_some() => 6,
            _ => {
                return Err(BadString {
                    at,
                    expected: "an escape of RFC 8259",
                });
            }
        };
    }
}
