//! JSON (RFC 8259) that remembers where every value stands, so that what is found in it can be named, and mended, to the byte.
//!
//! It reads what other readers of notebooks read: a byte-order mark, `NaN` and `Infinity` (Python writes them), control
//! characters and bad UTF-8 in strings, lone surrogates. [`Document::notes`] tells of each. Duplicate keys are all kept.

use std::ops::Range;

use privet_types::{Budget, BudgetError};

use super::json_string::{self, JsonString};
use super::lines::position;

/// How much JSON is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonLimits {
    /// Deepest nesting. The reader does not recurse; this bounds its memory.
    pub max_depth: usize,
    /// Most values and keys kept: 16 bytes of memory each.
    pub max_nodes: usize,
    /// Whether numbers and literals that are elements of lists are kept. Plots hold millions of them.
    pub keep_list_scalars: bool,
}

impl Default for JsonLimits {
    fn default() -> Self {
        Self {
            max_depth: 1_000,
            max_nodes: 1 << 22,
            keep_list_scalars: false,
        }
    }
}

/// Why a text is not read as JSON. The text itself is never quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Something else than JSON's grammar allows.
    #[error("not valid JSON at line {line}, column {column}: expected {expected}")]
    Syntax {
        /// Byte from the start.
        at: usize,
        /// Line, from 1.
        line: u32,
        /// Byte in its line, from 1.
        column: u32,
        /// What would have been right there.
        expected: &'static str,
    },
    /// Nested deeper than the limit.
    #[error("nested deeper than {limit} levels at line {line}, column {column}")]
    TooDeep {
        /// Line, from 1.
        line: u32,
        /// Byte in its line, from 1.
        column: u32,
        /// The limit.
        limit: usize,
    },
    /// More values and keys than the limit, or 4 GiB of text and more.
    #[error("larger than the limit of {limit} values or 4 GiB")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The work budget ended.
    #[error(transparent)]
    Budget(#[from] BudgetError),
}

/// What stands in a text though RFC 8259 forbids or discourages it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notes {
    /// Bytes that are not UTF-8. They decode to U+FFFD.
    pub has_bad_utf8: bool,
    /// A control character below U+0020 inside of a string.
    pub has_control_characters: bool,
    /// `NaN`, `Infinity` or `-Infinity`.
    pub has_not_a_number: bool,
    /// A byte-order mark at the start.
    pub has_byte_order_mark: bool,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    List,
    /// `"…"` as a value.
    String,
    /// `"…"` as a key.
    Key,
    /// A number.
    Number,
    /// `true`, `false` or `null`.
    Literal,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    start: u32,
    end: u32,
    /// Index of the first node after this value's subtree.
    next: u32,
    kind: Kind,
    has_escape: bool,
    /// For lists: whether numbers or literals were left out of it.
    has_scalars: bool,
}

/// A parsed text: where every value and key of it stands.
pub struct Document<'t> {
    bytes: &'t [u8],
    nodes: Vec<Node>,
    notes: Notes,
}

impl std::fmt::Debug for Document<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document")
            .field("bytes", &self.bytes.len())
            .field("nodes", &self.nodes.len())
            .field("notes", &self.notes)
            .finish()
    }
}

/// One value or key of a [`Document`].
#[derive(Clone, Copy)]
pub struct Value<'t, 'd> {
    bytes: &'t [u8],
    nodes: &'d [Node],
    index: usize,
}

impl std::fmt::Debug for Value<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Value")
            .field("kind", &self.kind())
            .field("range", &self.range())
            .finish()
    }
}

impl<'t> Document<'t> {
    /// Parses `bytes`, which must hold one JSON value and white space only. O(n) time, no recursion; memory is bounded by
    /// `limits`.
    ///
    /// # Errors
    /// [`JsonError`] if the grammar does not hold, a limit is passed or the budget ends.
    pub fn parse(bytes: &'t [u8], limits: &JsonLimits, budget: &Budget) -> Result<Self, JsonError> {
        Self::parse_within(bytes, 0..bytes.len(), limits, budget)
    }

    /// The same for the value in `range` of `bytes`; places are counted from the start of `bytes`.
    pub(super) fn parse_within(
        bytes: &'t [u8],
        range: Range<usize>,
        limits: &JsonLimits,
        budget: &Budget,
    ) -> Result<Self, JsonError> {
        let bytes = bytes.get(..range.end).unwrap_or(bytes);
        if u32::try_from(bytes.len()).is_err() {
            return Err(JsonError::TooLarge {
                limit: limits.max_nodes,
            });
        }
        let text = bytes.get(range.start..).unwrap_or_default();
        budget.charge(text.len() as u64)?;
        let mut parser = Parser {
            bytes,
            at: range.start,
            nodes: Vec::new(),
            open: Vec::new(),
            notes: Notes::default(),
            limits,
        };
        parser.document(budget)?;
        let mut notes = parser.notes;
        notes.has_bad_utf8 = std::str::from_utf8(text).is_err();
        Ok(Self {
            bytes,
            nodes: parser.nodes,
            notes,
        })
    }

    /// The outermost value.
    #[must_use]
    pub fn root(&self) -> Value<'t, '_> {
        Value {
            bytes: self.bytes,
            nodes: &self.nodes,
            index: 0,
        }
    }

    /// What it was lenient about.
    #[must_use]
    pub const fn notes(&self) -> Notes {
        self.notes
    }
}

impl<'t, 'd> Value<'t, 'd> {
    fn node(&self) -> Option<&'d Node> {
        self.nodes.get(self.index)
    }

    fn at(&self, index: usize) -> Self {
        Self { index, ..*self }
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.node().map_or(Kind::Literal, |n| n.kind)
    }

    /// First byte and one past the last, quotes and brackets included.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.node().map_or(0..0, |n| n.start as usize..n.end as usize)
    }

    /// The key-value pairs of an object in their order, duplicates too; none for anything else.
    pub fn members(&self) -> impl Iterator<Item = (Self, Self)> + use<'t, 'd> {
        let this = *self;
        let is_object = self.kind() == Kind::Object;
        let end = self.node().map_or(0, |n| n.next as usize);
        let mut index = self.index + 1;
        std::iter::from_fn(move || {
            if !is_object || index >= end {
                return None;
            }
            let key = this.at(index);
            let value = this.at(index + 1);
            index = value.node()?.next as usize;
            Some((key, value))
        })
    }

    /// The elements of a list in their order (without numbers and literals unless
    /// [`keep_list_scalars`](JsonLimits::keep_list_scalars)); none for anything else.
    pub fn items(&self) -> impl Iterator<Item = Self> + use<'t, 'd> {
        let this = *self;
        let is_list = self.kind() == Kind::List;
        let end = self.node().map_or(0, |n| n.next as usize);
        let mut index = self.index + 1;
        std::iter::from_fn(move || {
            if !is_list || index >= end {
                return None;
            }
            let item = this.at(index);
            index = item.node()?.next as usize;
            Some(item)
        })
    }

    /// Whether numbers or literals among the elements of this list are not in [`items`](Self::items).
    #[must_use]
    pub fn has_scalars(&self) -> bool {
        self.node().is_some_and(|n| n.has_scalars)
    }

    /// This value and all below it, keys too, in the order of the text.
    pub fn subtree(&self) -> impl Iterator<Item = Self> + use<'t, 'd> {
        let this = *self;
        let end = self.node().map_or(0, |n| n.next as usize);
        (self.index..end).map(move |index| this.at(index))
    }

    /// The value of the first member named `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Self> {
        self.members()
            .find(|(name, _)| name.is(key))
            .map(|(_, value)| value)
    }

    /// The string or key that it is.
    #[must_use]
    pub fn string(&self) -> Option<JsonString<'t>> {
        let node = self.node()?;
        if !matches!(node.kind, Kind::String | Kind::Key) {
            return None;
        }
        let start = node.start as usize + 1;
        let raw = self.bytes.get(start..(node.end as usize).saturating_sub(1))?;
        Some(JsonString::new(raw, start, node.has_escape))
    }

    /// Whether it is a string or key that decodes to `text`.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        self.string().is_some_and(|s| s.is(text))
    }
}

struct Parser<'t> {
    bytes: &'t [u8],
    at: usize,
    nodes: Vec<Node>,
    /// Indices of the objects and lists that are open.
    open: Vec<u32>,
    notes: Notes,
    limits: &'t JsonLimits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Value,
    ItemOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    Nothing,
}

impl Want {
    const fn takes_value(self) -> bool {
        matches!(self, Self::Value | Self::ItemOrEnd)
    }

    const fn takes_key(self) -> bool {
        matches!(self, Self::Key | Self::KeyOrEnd)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Value => "a value",
            Self::ItemOrEnd => "a value or `]`",
            Self::Key => "a key",
            Self::KeyOrEnd => "a key or `}`",
            Self::Colon => "`:`",
            Self::CommaOrEnd => "`,` or the end of the list or object",
            Self::Nothing => "the end",
        }
    }
}

impl Parser<'_> {
    fn document(&mut self, budget: &Budget) -> Result<(), JsonError> {
        if self
            .bytes
            .get(self.at..)
            .is_some_and(|b| b.starts_with(b"\xef\xbb\xbf"))
        {
            self.notes.has_byte_order_mark = true;
            self.at += 3;
        }
        let mut want = Want::Value;
        let mut until_check = 1_u32 << 16;
        loop {
            until_check -= 1;
            if until_check == 0 {
                budget.charge(0)?;
                until_check = 1 << 16;
            }
            self.skip_space();
            let Some(byte) = self.bytes.get(self.at).copied() else {
                return if want == Want::Nothing {
                    Ok(())
                } else {
                    Err(self.expected(want.name()))
                };
            };
            want = match byte {
                b'"' if want.takes_key() => {
                    self.string(Kind::Key)?;
                    Want::Colon
                }
                b'"' if want.takes_value() => {
                    self.string(Kind::String)?;
                    self.after_value()
                }
                b'{' if want.takes_value() => {
                    self.open(Kind::Object)?;
                    Want::KeyOrEnd
                }
                b'[' if want.takes_value() => {
                    self.open(Kind::List)?;
                    Want::ItemOrEnd
                }
                b'}' if want == Want::KeyOrEnd || want == Want::CommaOrEnd && self.is_in(Kind::Object) => {
                    self.close()
                }
                b']' if want == Want::ItemOrEnd || want == Want::CommaOrEnd && self.is_in(Kind::List) => {
                    self.close()
                }
                b':' if want == Want::Colon => {
                    self.at += 1;
                    Want::Value
                }
                b',' if want == Want::CommaOrEnd => {
                    self.at += 1;
                    if self.is_in(Kind::Object) {
                        Want::Key
                    } else {
                        Want::Value
                    }
                }
                _ if want.takes_value() => {
                    self.scalar(want)?;
                    self.after_value()
                }
                _ => return Err(self.expected(want.name())),
            };
        }
    }

    fn expected(&self, expected: &'static str) -> JsonError {
        let (line, column) = position(self.bytes, self.at);
        JsonError::Syntax {
            at: self.at,
            line,
            column,
            expected,
        }
    }

    fn skip_space(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += rest
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\n' | b'\r' | b'\t'))
            .count();
    }

    fn is_in(&self, kind: Kind) -> bool {
        self.open
            .last()
            .and_then(|i| self.nodes.get(*i as usize))
            .is_some_and(|n| n.kind == kind)
    }

    fn after_value(&self) -> Want {
        if self.open.is_empty() {
            Want::Nothing
        } else {
            Want::CommaOrEnd
        }
    }

    /// Adds a leaf or an opened container; `next` of the latter is set when it closes.
    fn push(&mut self, kind: Kind, start: usize, end: usize, has_escape: bool) -> Result<u32, JsonError> {
        if self.nodes.len() >= self.limits.max_nodes {
            return Err(JsonError::TooLarge {
                limit: self.limits.max_nodes,
            });
        }
        // The text is below 4 GiB and a node takes at least one byte of it.
        let index = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.nodes.push(Node {
            start: u32::try_from(start).unwrap_or(u32::MAX),
            end: u32::try_from(end).unwrap_or(u32::MAX),
            next: index.saturating_add(1),
            kind,
            has_escape,
            has_scalars: false,
        });
        Ok(index)
    }

    fn open(&mut self, kind: Kind) -> Result<(), JsonError> {
        if self.open.len() >= self.limits.max_depth {
            let (line, column) = position(self.bytes, self.at);
            return Err(JsonError::TooDeep {
                line,
                column,
                limit: self.limits.max_depth,
            });
        }
        let index = self.push(kind, self.at, self.at + 1, false)?;
        self.open.push(index);
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) -> Want {
        self.at += 1;
        let next = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        if let Some(node) = self.open.pop().and_then(|i| self.nodes.get_mut(i as usize)) {
            node.end = u32::try_from(self.at).unwrap_or(u32::MAX);
            node.next = next;
        }
        self.after_value()
    }

    fn string(&mut self, kind: Kind) -> Result<(), JsonError> {
        let start = self.at;
        let rest = self.bytes.get(start + 1..).unwrap_or_default();
        match json_string::scan(rest) {
            Ok(scanned) => {
                self.notes.has_control_characters |= scanned.has_control_characters;
                self.at = start + scanned.len + 2;
                self.push(kind, start, self.at, scanned.has_escape)?;
                Ok(())
            }
            Err(bad) => {
                self.at = start + 1 + bad.at;
                Err(self.expected(bad.expected))
            }
        }
    }

    fn scalar(&mut self, want: Want) -> Result<(), JsonError> {
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let len = rest
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.'))
            .count();
        let kind = match rest.get(..len).unwrap_or_default() {
            b"true" | b"false" | b"null" => Kind::Literal,
            b"NaN" | b"Infinity" | b"-Infinity" => {
                self.notes.has_not_a_number = true;
                Kind::Number
            }
            number if is_number(number) => Kind::Number,
            _ => return Err(self.expected(want.name())),
        };
        self.at = start + len;
        if self.limits.keep_list_scalars || !self.is_in(Kind::List) {
            self.push(kind, start, self.at, false)?;
        } else if let Some(list) = self.open.last().and_then(|i| self.nodes.get_mut(*i as usize)) {
            list.has_scalars = true;
        }
        Ok(())
    }
}

/// RFC 8259, section 6.
fn is_number(text: &[u8]) -> bool {
    fn digits(text: &[u8]) -> Option<&[u8]> {
        let n = text.iter().take_while(|b| b.is_ascii_digit()).count();
        if n == 0 { None } else { text.get(n..) }
    }
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let mut rest = match text {
        [b'0', rest @ ..] => rest,
        _ => match digits(text) {
            Some(rest) => rest,
            None => return false,
        },
    };
    if let [b'.', fraction @ ..] = rest {
        match digits(fraction) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', digits @ ..] => digits,
            other => other,
        };
        match digits(exponent) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}
