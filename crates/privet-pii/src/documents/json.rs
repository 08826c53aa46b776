//! JSON documents of any length as a stream of values, with everything between them as it is written.
//!
//! Several documents may follow each other, so JSON Lines of any shape are read, too. What is held in memory is one value
//! and the names above it.

use std::io::Read;

use super::Error;
use super::bytes::Bytes;
use super::leaf::{At, Kind, Leaf};

/// Deepest nesting accepted.
const MAX_DEPTH: usize = 1024;

enum Frame {
    /// The key of the value that is read.
    Object(String),
    /// The index of the value that is read.
    Array(u64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Document,
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
}

/// Reads values and keys in the order of the text.
pub struct JsonLeaves<R> {
    bytes: Bytes<R>,
    stack: Vec<Frame>,
    expected: Expected,
    is_done: bool,
}

impl<R: Read> JsonLeaves<R> {
    /// Reads from `reader`, which may be unbuffered.
    pub const fn new(reader: R) -> Self {
        Self {
            bytes: Bytes::new(reader),
            stack: Vec::new(),
            expected: Expected::Document,
            is_done: false,
        }
    }

    /// The next string, number or key; last a leaf of [`Kind::End`], then none.
    ///
    /// # Errors
    /// [`Error::Read`] if the text cannot be read, [`Error::Json`] if it is not JSON.
    pub fn next_leaf(&mut self) -> Result<Option<Leaf>, Error> {
        if self.is_done {
            return Ok(None);
        }
        let mut before = Vec::new();
        loop {
            self.bytes.take_mark(&mut before)?;
            let next = self.bytes.take_until(&mut before, |b| !b.is_ascii_whitespace())?;
            let Some(byte) = next else {
                if self.expected != Expected::Document {
                    return self.wrong("more; the text ends within a document");
                }
                self.is_done = true;
                return Ok(Some(self.leaf(
                    before,
                    Vec::new(),
                    String::new(),
                    Kind::End,
                    false,
                )));
            };
            match (self.expected, byte) {
                (Expected::ValueOrEnd, b']') | (Expected::KeyOrEnd, b'}') => {
                    self.bytes.take(&mut before)?;
                    self.stack.pop();
                    self.after_value();
                }
                (Expected::CommaOrEnd, b',') => {
                    self.bytes.take(&mut before)?;
                    self.expected = match self.stack.last_mut() {
                        Some(Frame::Array(index)) => {
                            *index += 1;
                            Expected::Value
                        }
                        _ => Expected::Key,
                    };
                }
                (Expected::CommaOrEnd, b']') if matches!(self.stack.last(), Some(Frame::Array(_))) => {
                    self.bytes.take(&mut before)?;
                    self.stack.pop();
                    self.after_value();
                }
                (Expected::CommaOrEnd, b'}') if matches!(self.stack.last(), Some(Frame::Object(_))) => {
                    self.bytes.take(&mut before)?;
                    self.stack.pop();
                    self.after_value();
                }
                (Expected::Colon, b':') => {
                    self.bytes.take(&mut before)?;
                    self.expected = Expected::Value;
                }
                (Expected::Key | Expected::KeyOrEnd, b'"') => return self.key(before).map(Some),
                (Expected::Document | Expected::Value | Expected::ValueOrEnd, _) => {
                    if let Some(leaf) = self.value(&mut before, byte)? {
                        return Ok(Some(leaf));
                    }
                }
                (Expected::Key | Expected::KeyOrEnd, _) => return self.wrong("a key in quotes"),
                (Expected::Colon, _) => return self.wrong("`:`"),
                (Expected::CommaOrEnd, _) => return self.wrong("`,` or the end of the list or object"),
            }
        }
    }

    fn key(&mut self, before: Vec<u8>) -> Result<Leaf, Error> {
        let (line, column) = (self.bytes.line, self.bytes.column);
        let (raw, text) = self.string()?;
        if let Some(Frame::Object(key)) = self.stack.last_mut() {
            key.clone_from(&text);
        }
        self.expected = Expected::Colon;
        let mut leaf = self.leaf(before, raw, text, Kind::JsonString, true);
        (leaf.line, leaf.column) = (line, column);
        Ok(leaf)
    }

    /// Reads a value that begins with `byte`; none if it is no leaf.
    fn value(&mut self, before: &mut Vec<u8>, byte: u8) -> Result<Option<Leaf>, Error> {
        let (line, column) = (self.bytes.line, self.bytes.column);
        let (raw, text, kind) = match byte {
            b'{' | b'[' => {
                if self.stack.len() >= MAX_DEPTH {
                    return self.wrong("fewer than 1024 levels");
                }
                self.bytes.take(before)?;
                if byte == b'{' {
                    self.stack.push(Frame::Object(String::new()));
                    self.expected = Expected::KeyOrEnd;
                } else {
                    self.stack.push(Frame::Array(0));
                    self.expected = Expected::ValueOrEnd;
                }
                return Ok(None);
            }
            b'"' => {
                let (raw, text) = self.string()?;
                (raw, text, Kind::JsonString)
            }
            _ => {
                let mut raw = Vec::new();
                self.bytes.take_until(&mut raw, |b| {
                    !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.'))
                })?;
                if matches!(raw.as_slice(), b"true" | b"false" | b"null") {
                    before.extend_from_slice(&raw);
                    self.after_value();
                    return Ok(None);
                }
                if !is_number(&raw) {
                    return wrong_at(line, column, "a value");
                }
                let text = String::from_utf8_lossy(&raw).into_owned();
                (raw, text, Kind::JsonNumber)
            }
        };
        let mut leaf = self.leaf(std::mem::take(before), raw, text, kind, false);
        (leaf.line, leaf.column) = (line, column);
        self.after_value();
        Ok(Some(leaf))
    }

    fn after_value(&mut self) {
        self.expected = if self.stack.is_empty() {
            Expected::Document
        } else {
            Expected::CommaOrEnd
        };
    }

    /// A string as written, and what it says.
    fn string(&mut self) -> Result<(Vec<u8>, String), Error> {
        let mut raw = Vec::new();
        self.bytes.take(&mut raw)?;
        loop {
            match self.bytes.take_until(&mut raw, |b| b == b'"' || b == b'\\')? {
                Some(b'"') => {
                    self.bytes.take(&mut raw)?;
                    break;
                }
                Some(_) => {
                    self.bytes.take(&mut raw)?;
                    self.bytes.take(&mut raw)?;
                }
                None => return self.wrong("the closing quote of a string"),
            }
        }
        let inner = raw.get(1..raw.len() - 1).unwrap_or_default();
        match unescape(inner) {
            Some(text) => Ok((raw, text)),
            None => self.wrong("a string in UTF-8 with right escapes before here"),
        }
    }

    fn leaf(&self, before: Vec<u8>, raw: Vec<u8>, text: String, kind: Kind, is_key: bool) -> Leaf {
        let context = self.stack.iter().rev().find_map(|frame| match frame {
            Frame::Object(key) if !is_key => Some(key.clone()),
            _ => None,
        });
        Leaf {
            before,
            raw,
            text,
            context,
            at: At::Pointer {
                pointer: self.pointer(),
                is_key,
            },
            kind,
            line: self.bytes.line,
            column: self.bytes.column,
        }
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for frame in &self.stack {
            pointer.push('/');
            match frame {
                Frame::Object(key) if key.contains(['~', '/']) => {
                    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                }
                Frame::Object(key) => pointer.push_str(key),
                Frame::Array(index) => pointer.push_str(&index.to_string()),
            }
        }
        pointer
    }

    fn wrong<T>(&self, expected: &'static str) -> Result<T, Error> {
        wrong_at(self.bytes.line, self.bytes.column, expected)
    }
}

const fn wrong_at<T>(line: u64, column: u64, expected: &'static str) -> Result<T, Error> {
    Err(Error::Json {
        line: line + 1,
        column: column + 1,
        expected,
    })
}

/// RFC 8259, section 6.
fn is_number(raw: &[u8]) -> bool {
    fn digits(text: &[u8]) -> (usize, &[u8]) {
        let length = text.iter().take_while(|b| b.is_ascii_digit()).count();
        (length, text.get(length..).unwrap_or_default())
    }
    let unsigned = raw.strip_prefix(b"-").unwrap_or(raw);
    let (whole, mut rest) = digits(unsigned);
    if whole == 0 || (whole > 1 && unsigned.first() == Some(&b'0')) {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        let (length, after) = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = after;
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let exponent = exponent
            .strip_prefix(b"+")
            .or_else(|| exponent.strip_prefix(b"-"))
            .unwrap_or(exponent);
        let (length, after) = digits(exponent);
        if length == 0 {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

/// What the inside of a string says; half a surrogate pair becomes U+FFFD. None if it is not UTF-8 or has a wrong escape.
fn unescape(inner: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(inner).ok()?;
    if !text.contains('\\') {
        return Some(text.to_owned());
    }
    let mut units = Vec::new();
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == '\\' {
            let plain = match rest.next()? {
                'u' => {
                    let digits = rest.as_str().get(..4)?;
                    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                        return None;
                    }
                    units.push(u16::from_str_radix(digits, 16).ok()?);
                    rest = rest.as_str().get(4..)?.chars();
                    continue;
                }
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                c @ ('"' | '\\' | '/') => c,
                _ => return None,
            };
            flush(&mut units, &mut out);
            out.push(plain);
        } else {
            flush(&mut units, &mut out);
            out.push(c);
        }
    }
    flush(&mut units, &mut out);
    Some(out)
}

fn flush(units: &mut Vec<u16>, out: &mut String) {
    out.extend(char::decode_utf16(units.drain(..)).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(text: &str) -> Result<Vec<Leaf>, Error> {
        let mut reader = JsonLeaves::new(text.as_bytes());
        let mut all = Vec::new();
        while let Some(leaf) = reader.next_leaf()? {
            all.push(leaf);
        }
        Ok(all)
    }

    #[test]
    fn every_string_number_and_key_is_a_leaf_with_its_pointer_and_key() {
        let text = "{\"a/b\": [1, \"x\\u00e9\\n\", {}], \"c\": {\"d\": true, \"e\": -0.5e+3}}\n\"top\" []";
        let all = leaves(text).unwrap();
        let seen: Vec<_> = all
            .iter()
            .map(|leaf| {
                let At::Pointer { pointer, is_key } = &leaf.at else {
                    panic!("a pointer")
                };
                (
                    pointer.as_str(),
                    *is_key,
                    leaf.text.as_str(),
                    leaf.context.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("/a~1b", true, "a/b", None),
                ("/a~1b/0", false, "1", Some("a/b")),
                ("/a~1b/1", false, "xé\n", Some("a/b")),
                ("/c", true, "c", None),
                ("/c/d", true, "d", None),
                ("/c/e", true, "e", None),
                ("/c/e", false, "-0.5e+3", Some("e")),
                ("", false, "top", None),
                ("", false, "", None),
            ]
        );
        let written: Vec<u8> = all
            .iter()
            .flat_map(|l| [l.before.clone(), l.raw.clone()].concat())
            .collect();
        assert_eq!(written, text.as_bytes());
        assert_eq!((all[7].line, all[7].column), (1, 0));
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place_and_without_its_text() {
        for text in [
            "{",
            "[1,]",
            "{\"a\" 1}",
            "{a: 1}",
            "[1 2]",
            "\"open",
            "01",
            "1.",
            "nul",
            "{\"a\":1,}",
            "]",
            "\"\\x\"",
            "\"\\u12\"",
            "[\"SECRET\", SECRET]",
            "{\"a\":[}",
        ] {
            let error = leaves(text).unwrap_err().to_string();
            assert!(
                error.contains("line 1 column") && !error.contains("SECRET"),
                "{text}: {error}"
            );
        }
        let deep = "[".repeat(2000);
        assert!(leaves(&deep).is_err());
    }

    #[test]
    fn surrogate_pairs_are_one_character_and_halves_are_none() {
        assert_eq!(unescape(br"\ud83d\ude00").unwrap(), "😀");
        assert_eq!(unescape(br"\ud83dx").unwrap(), "\u{fffd}x");
    }
}
