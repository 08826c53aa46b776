//! Strict JSON (RFC 8259) that remembers where every value stands, so that edits touch nothing else.

use std::borrow::Cow;
use std::collections::HashSet;

use privet_pii::resolve_escape;
use privet_types::{Budget, BudgetError};

/// Deepest nesting accepted. Real request bodies stay below 20.
const MAX_DEPTH: usize = 128;
/// Most values and keys in one document: bounds memory to about 24 MB.
const MAX_NODES: usize = 1 << 20;
/// Up to this many keys an object is searched for duplicates pairwise, above it with a set.
const PAIRWISE_KEYS: usize = 12;

/// Why a text is not accepted as JSON. Positions are bytes from its start; the text itself is never quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Not UTF-8.
    #[error("not UTF-8 at byte {at}")]
    NotUtf8 {
        /// First bad byte.
        at: usize,
    },
    /// Something else than JSON's grammar allows.
    #[error("not valid JSON at byte {at}: expected {expected}")]
    Syntax {
        /// Where.
        at: usize,
        /// What would have been right there.
        expected: &'static str,
    },
    /// An object names the same key twice: two readers could see two different documents.
    #[error("an object has the same key twice at byte {at}; send each key once")]
    DuplicateKey {
        /// Where the second one stands.
        at: usize,
    },
    /// Nested deeper than 128 levels.
    #[error("nested deeper than {MAX_DEPTH} levels at byte {at}")]
    TooDeep {
        /// Where.
        at: usize,
    },
    /// More than 2²⁰ values and keys.
    #[error("more than {MAX_NODES} values in one body")]
    TooManyValues,
    /// The work budget ended.
    #[error(transparent)]
    Budget(#[from] BudgetError),
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// A number.
    Number,
    /// `true`, `false` or `null`.
    Literal,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    kind: Kind,
    has_escape: bool,
    start: u32,
    end: u32,
    /// Index of the first node after this value's subtree.
    next: u32,
}

/// A parsed text: where every value and key of it stands.
#[derive(Debug)]
pub struct Document<'t> {
    text: &'t str,
    nodes: Vec<Node>,
}

/// One value or key of a [`Document`].
#[derive(Debug, Clone, Copy)]
pub struct Value<'d> {
    text: &'d str,
    nodes: &'d [Node],
    index: usize,
}

impl<'t> Document<'t> {
    /// Parses `bytes`, which must hold one JSON value and white space only. O(n).
    ///
    /// # Errors
    /// [`JsonError`] for anything outside RFC 8259, duplicate keys, lone surrogate escapes, too deep or too many values.
    pub fn parse(bytes: &'t [u8], budget: &Budget) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(bytes).map_err(|e| JsonError::NotUtf8 { at: e.valid_up_to() })?;
        Self::parse_str(text, budget)
    }

    /// The same for text.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_str(text: &'t str, budget: &Budget) -> Result<Self, JsonError> {
        if u32::try_from(text.len()).is_err() {
            return Err(JsonError::TooManyValues);
        }
        budget.charge(text.len() as u64)?;
        let nodes = Parser {
            text,
            bytes: text.as_bytes(),
            at: 0,
            nodes: Vec::with_capacity(text.len() / 24 + 4),
        }
        .document()?;
        Ok(Self { text, nodes })
    }

    /// The outermost value.
    #[must_use]
    pub fn root(&self) -> Value<'_> {
        Value {
            text: self.text,
            nodes: &self.nodes,
            index: 0,
        }
    }
}

impl<'d> Value<'d> {
    fn node(&self) -> Option<&'d Node> {
        self.nodes.get(self.index)
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.node().map_or(Kind::Literal, |n| n.kind)
    }

    /// First byte and one past the last, quotes and brackets included.
    #[must_use]
    pub fn range(&self) -> std::ops::Range<usize> {
        self.node().map_or(0..0, |n| n.start as usize..n.end as usize)
    }

    /// The value as it is written.
    #[must_use]
    pub fn raw(&self) -> &'d str {
        self.text.get(self.range()).unwrap_or_default()
    }

    /// The characters of a string or key, escapes resolved; none for other kinds.
    #[must_use]
    pub fn as_str(&self) -> Option<Cow<'d, str>> {
        let node = self.node().filter(|n| n.kind == Kind::String)?;
        let inner = inner(self.raw());
        Some(if node.has_escape {
            Cow::Owned(Decoded::new(inner).text)
        } else {
            Cow::Borrowed(inner)
        })
    }

    /// Whether it is the string of these characters.
    fn is_str(&self, characters: &str) -> bool {
        let Some(node) = self.node().filter(|n| n.kind == Kind::String) else {
            return false;
        };
        if !node.has_escape {
            return self.written_inside(node) == characters.as_bytes();
        }
        self.as_str().is_some_and(|own| own == characters)
    }

    /// What stands between the quotes.
    fn written_inside(&self, node: &Node) -> &'d [u8] {
        let inside = node.start as usize + 1..(node.end as usize).saturating_sub(1);
        self.text.as_bytes().get(inside).unwrap_or_default()
    }

    /// The characters of a string with the way back to where each is written.
    #[must_use]
    pub fn decoded(&self) -> Option<Text<'d>> {
        let node = self.node().filter(|n| n.kind == Kind::String)?;
        let inner = inner(self.raw());
        let start = node.start as usize + 1;
        Some(if node.has_escape {
            let Decoded { text, jumps } = Decoded::new(inner);
            Text {
                text: Cow::Owned(text),
                start,
                jumps,
            }
        } else {
            Text {
                text: Cow::Borrowed(inner),
                start,
                jumps: Vec::new(),
            }
        })
    }

    /// Keys and values of an object, in order; nothing for other kinds.
    pub fn entries(&self) -> impl Iterator<Item = (Value<'d>, Value<'d>)> + use<'d> {
        let mut children = self.children(Kind::Object);
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }

    /// Values of an array, in order; nothing for other kinds.
    pub fn items(&self) -> impl Iterator<Item = Value<'d>> + use<'d> {
        self.children(Kind::Array)
    }

    /// The value of `key` in an object.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value<'d>> {
        self.entries().find(|(k, _)| k.is_str(key)).map(|(_, v)| v)
    }

    /// The string value of `key` in an object.
    #[must_use]
    pub fn get_str(&self, key: &str) -> Option<Cow<'d, str>> {
        self.get(key)?.as_str()
    }

    fn children(&self, of: Kind) -> impl Iterator<Item = Value<'d>> + use<'d> {
        let (text, nodes) = (self.text, self.nodes);
        let (mut at, end) = match self.node() {
            Some(n) if n.kind == of => (self.index + 1, n.next as usize),
            _ => (0, 0),
        };
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let value = Value {
                text,
                nodes,
                index: at,
            };
            at = nodes.get(at)?.next as usize;
            Some(value)
        })
    }
}

fn inner(quoted: &str) -> &str {
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default()
}

/// A string's characters, and where each of them is written in the document.
#[derive(Debug)]
pub struct Text<'d> {
    /// The characters, escapes resolved.
    pub text: Cow<'d, str>,
    start: usize,
    jumps: Vec<Jump>,
}

/// From byte `decoded` of the characters on, the written form runs on from byte `written` one to one.
#[derive(Debug, Clone, Copy)]
struct Jump {
    decoded: u32,
    written: u32,
}

impl Text<'_> {
    /// Where the character that begins at byte `at` of [`text`](Self::text) is written, in bytes of the document.
    #[must_use]
    pub fn locate(&self, at: usize) -> usize {
        let after = self.jumps.partition_point(|j| j.decoded as usize <= at);
        let jump = after.checked_sub(1).and_then(|i| self.jumps.get(i));
        self.start + jump.map_or(at, |j| j.written as usize + (at - j.decoded as usize))
    }
}

struct Decoded {
    text: String,
    jumps: Vec<Jump>,
}

impl Decoded {
    /// Resolves the escapes of a string that the parser has accepted.
    fn new(written: &str) -> Self {
        let mut text = String::with_capacity(written.len());
        let mut jumps = Vec::new();
        let mut rest = written;
        while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
            let (plain, escape) = rest.split_at_checked(at).unwrap_or((rest, ""));
            text.push_str(plain);
            let Some((char, length)) = resolve_escape(escape.as_bytes()) else {
                break;
            };
            text.push(char);
            rest = escape.get(length..).unwrap_or_default();
            jumps.push(Jump {
                decoded: text.len() as u32,
                written: (written.len() - rest.len()) as u32,
            });
        }
        text.push_str(rest);
        Self { text, jumps }
    }
}

struct Parser<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    nodes: Vec<Node>,
}

impl Parser<'_> {
    fn document(mut self) -> Result<Vec<Node>, JsonError> {
        /// An open container: its node, and for an object the nodes of its keys so far.
        struct Open {
            node: usize,
            keys: Option<Keys>,
        }
        let mut open: Vec<Open> = Vec::new();
        'value: loop {
            self.space();
            match self.peek() {
                Some(b @ (b'{' | b'[')) => {
                    if open.len() >= MAX_DEPTH {
                        return Err(JsonError::TooDeep { at: self.at });
                    }
                    let is_object = b == b'{';
                    let node = self.push(if is_object { Kind::Object } else { Kind::Array }, self.at)?;
                    self.at += 1;
                    self.space();
                    let closer = if is_object { b'}' } else { b']' };
                    if self.peek() == Some(closer) {
                        self.at += 1;
                        self.close(node);
                    } else {
                        let mut keys = is_object.then(Keys::default);
                        if let Some(keys) = &mut keys {
                            self.key(keys)?;
                        }
                        open.push(Open { node, keys });
                        continue 'value;
                    }
                }
                Some(b'"') => {
                    self.string()?;
                }
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.literal("true")?,
                Some(b'f') => self.literal("false")?,
                Some(b'n') => self.literal("null")?,
                _ => return self.expected("a value"),
            }
            // A value ended: close what ends with it, or go on to the next one.
            loop {
                let Some(top) = open.last_mut() else {
                    self.space();
                    return if self.at == self.bytes.len() {
                        Ok(self.nodes)
                    } else {
                        self.expected("the end of the text")
                    };
                };
                self.space();
                match (self.peek(), &mut top.keys) {
                    (Some(b','), Some(keys)) => {
                        self.at += 1;
                        self.space();
                        self.key(keys)?;
                        continue 'value;
                    }
                    (Some(b','), None) => {
                        self.at += 1;
                        continue 'value;
                    }
                    (Some(b'}'), Some(_)) | (Some(b']'), None) => {
                        self.at += 1;
                        let node = top.node;
                        open.pop();
                        self.close(node);
                    }
                    (_, Some(_)) => return self.expected("`,` or `}`"),
                    (_, None) => return self.expected("`,` or `]`"),
                }
            }
        }
    }

    fn key(&mut self, keys: &mut Keys) -> Result<(), JsonError> {
        if self.peek() != Some(b'"') {
            return self.expected("a key in double quotes");
        }
        let at = self.at;
        let node = self.string()?;
        let value = Value {
            text: self.text,
            nodes: &self.nodes,
            index: node,
        };
        let name = value.as_str().unwrap_or_default();
        if !keys.insert(name, &self.nodes, self.text, node) {
            return Err(JsonError::DuplicateKey { at });
        }
        self.space();
        if self.peek() != Some(b':') {
            return self.expected("`:`");
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<usize, JsonError> {
        let start = self.at;
        self.at += 1;
        let mut has_escape = false;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            // Two passes that vector units do are faster than one that they do not.
            let stop = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
            let plain = rest.get(..stop).unwrap_or_default();
            let has_control = plain.iter().fold(false, |has, b| has | (*b < 0x20));
            let stop = if has_control {
                plain.iter().position(|b| *b < 0x20).unwrap_or(stop)
            } else {
                stop
            };
            self.at += stop;
            match rest.get(stop) {
                None => return self.expected("a closing quote"),
                Some(b'"') => {
                    self.at += 1;
                    let node = self.push(Kind::String, start)?;
                    if let Some(n) = self.nodes.get_mut(node) {
                        n.end = self.at as u32;
                        n.has_escape = has_escape;
                    }
                    return Ok(node);
                }
                Some(b'\\') => {
                    has_escape = true;
                    let Some((_, length)) = resolve_escape(rest.get(stop..).unwrap_or_default()) else {
                        return self.expected("a valid escape");
                    };
                    self.at += length;
                }
                _ => return self.expected("no control character inside a string"),
            }
        }
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return self.expected("a digit"),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let node = self.push(Kind::Number, start)?;
        self.close(node);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let count = self
            .bytes
            .get(self.at..)
            .unwrap_or_default()
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        if count == 0 {
            return self.expected("a digit");
        }
        self.at += count;
        Ok(())
    }

    fn literal(&mut self, word: &'static str) -> Result<(), JsonError> {
        if !self
            .bytes
            .get(self.at..)
            .unwrap_or_default()
            .starts_with(word.as_bytes())
        {
            return self.expected("a value");
        }
        let node = self.push(Kind::Literal, self.at)?;
        self.at += word.len();
        self.close(node);
        Ok(())
    }

    fn push(&mut self, kind: Kind, start: usize) -> Result<usize, JsonError> {
        if self.nodes.len() >= MAX_NODES {
            return Err(JsonError::TooManyValues);
        }
        let index = self.nodes.len();
        let (start, next) = (start as u32, index as u32 + 1);
        self.nodes.push(Node {
            kind,
            has_escape: false,
            start,
            end: start,
            next,
        });
        Ok(index)
    }

    fn close(&mut self, node: usize) {
        let next = self.nodes.len() as u32;
        if let Some(n) = self.nodes.get_mut(node) {
            n.end = self.at as u32;
            n.next = next;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn expected<T>(&self, expected: &'static str) -> Result<T, JsonError> {
        Err(JsonError::Syntax {
            at: self.at,
            expected,
        })
    }
}

/// The keys of one open object.
#[derive(Default)]
struct Keys {
    nodes: Vec<u32>,
    set: HashSet<String>,
}

impl Keys {
    /// Adds a key; false if it is there already.
    fn insert(&mut self, name: Cow<'_, str>, nodes: &[Node], text: &str, node: usize) -> bool {
        let name_of = |index: &u32| {
            Value {
                text,
                nodes,
                index: *index as usize,
            }
            .as_str()
            .unwrap_or_default()
        };
        let is_new = if self.nodes.len() < PAIRWISE_KEYS {
            let is_it = |index: &u32| {
                let index = *index as usize;
                Value { text, nodes, index }.is_str(&name)
            };
            !self.nodes.iter().any(is_it)
        } else {
            if self.set.is_empty() {
                self.set
                    .extend(self.nodes.iter().map(|n| name_of(n).into_owned()));
            }
            self.set.insert(name.into_owned())
        };
        self.nodes.push(node as u32);
        is_new
    }
}

/// Whether it is worth a try to read `text` as a JSON object or array.
pub(crate) fn looks_like_json(text: &str) -> bool {
    let text = text.trim();
    (text.starts_with('{') && text.ends_with('}')) || (text.starts_with('[') && text.ends_with(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Document<'_>, JsonError> {
        Document::parse(text.as_bytes(), &Budget::unlimited())
    }

    #[test]
    fn every_value_knows_where_it_stands() {
        let text = r#" {"a": [1, "x\u00e9y", {"b":null}], "c":-2.5e3} "#;
        let doc = parse(text).unwrap();
        let items: Vec<_> = doc
            .root()
            .get("a")
            .unwrap()
            .items()
            .map(|v| v.raw().to_owned())
            .collect();
        assert_eq!(items, ["1", r#""x\u00e9y""#, r#"{"b":null}"#]);
        assert_eq!(doc.root().get("c").unwrap().raw(), "-2.5e3");
        assert_eq!(doc.root().raw(), text.trim());
    }

    #[test]
    fn decoded_offsets_lead_back_to_the_written_ones() {
        let text = r#""a\u00e9b\n\ud83d\ude00c""#;
        let doc = parse(text).unwrap();
        let decoded = doc.root().decoded().unwrap();
        assert_eq!(decoded.text, "aéb\n😀c");
        let back: Vec<_> = decoded
            .text
            .char_indices()
            .map(|(i, _)| decoded.locate(i))
            .collect();
        assert_eq!(back, [1, 2, 8, 9, 11, 23]);
        assert_eq!(decoded.locate(decoded.text.len()), text.len() - 1);
    }

    #[test]
    fn duplicate_keys_are_refused_however_they_are_spelt() {
        assert_eq!(
            parse(r#"{"a":1,"\u0061":2}"#).unwrap_err(),
            JsonError::DuplicateKey { at: 7 }
        );
        let many: Vec<_> = (0..40).map(|i| format!("\"k{i}\":0")).collect();
        assert!(parse(&format!("{{{}}}", many.join(","))).is_ok());
        let error = parse(&format!("{{{},\"k7\":1}}", many.join(","))).unwrap_err();
        assert!(matches!(error, JsonError::DuplicateKey { .. }), "{error:?}");
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let bad = [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "1.",
            "+1",
            "nul",
            "\"\u{1}\"",
            "\"\\x\"",
            "\"\\ud800\"",
            "1 2",
            "{a:1}",
            "\"open",
            "\u{feff}{}",
            "[1}",
            "{\"a\" 1}",
            "\"\\u12\"",
            "-",
            "1e",
        ];
        let accepted: Vec<_> = bad.iter().filter(|t| parse(t).is_ok()).collect();
        assert!(accepted.is_empty(), "{accepted:?}");
        assert!(matches!(
            Document::parse(b"\"\xff\"", &Budget::unlimited()),
            Err(JsonError::NotUtf8 { at: 1 })
        ));
    }

    #[test]
    fn nesting_and_size_are_bounded() {
        assert!(parse(&format!("{}{}", "[".repeat(128), "]".repeat(128))).is_ok());
        assert!(matches!(
            parse(&"[".repeat(100_000)),
            Err(JsonError::TooDeep { at: 128 })
        ));
        let many = format!("[{}0]", "0,".repeat(MAX_NODES));
        assert_eq!(parse(&many).unwrap_err(), JsonError::TooManyValues);
    }

    #[test]
    fn escaping_then_parsing_gives_the_text_back() {
        let text = "a\"b\\c\n\r\t\u{1}é😀/";
        let mut json = String::from("\"");
        privet_pii::escape_into(text, &mut json);
        json.push('"');
        assert_eq!(parse(&json).unwrap().root().as_str().unwrap(), text);
    }
}
