//! One tree for JSON, TOML and YAML in which every value knows where it stands.

use std::collections::BTreeMap;
use std::ops::Range;

use privet_types::Budget;

use super::Error;

/// Deepest nesting that is followed; lock files nest at most a few dozen levels (package-lock version 1).
pub(super) const MAX_DEPTH: usize = 96;

/// A value and its place in the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) value: Value,
}

/// A key of a [`Value::Map`] and its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    pub(super) span: Range<usize>,
    pub(super) name: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// As written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

impl Node {
    /// The value under `key`; the last one where a key is written twice, as JSON readers do.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries()
            .iter()
            .rev()
            .find(|(name, _)| name.name == key)
            .map(|(_, node)| node)
    }

    /// The entries by name, for a map that is asked for many keys: [`Self::get`] walks it each time.
    pub(super) fn by_name(&self) -> BTreeMap<&str, &Self> {
        self.entries()
            .iter()
            .map(|(key, node)| (key.name.as_str(), node))
            .collect()
    }

    /// The value under a path of keys.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text, or the number as it is written: YAML and TOML leave quotes out where JSON has them.
    pub(super) fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Number(text) => Some(text),
            _ => None,
        }
    }

    /// The text under `key`.
    pub(super) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Self::text)
    }

    /// Whether `true` stands under `key`.
    pub(super) fn is_true(&self, key: &str) -> bool {
        self.get(key).is_some_and(|node| node.value == Value::Bool(true))
    }

    /// The items, none if this is not a list.
    pub(super) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The entries, none if this is not a map.
    pub(super) fn entries(&self) -> &[(Key, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }
}

/// Byte offset to line.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        Self(
            std::iter::once(0)
                .chain(text.match_indices('\n').map(|(at, _)| at + 1))
                .collect(),
        )
    }

    /// The line, from 1, on which the byte at `offset` stands.
    pub(super) fn of(&self, offset: usize) -> u32 {
        u32::try_from(self.0.partition_point(|start| *start <= offset)).unwrap_or(u32::MAX)
    }
}

/// Reads TOML 1.1.
pub(super) fn from_toml(text: &str, budget: &Budget) -> Result<Node, Error> {
    charge(text, budget)?;
    let table = toml::de::DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(0, |span| Lines::new(text).of(span.start));
        Error::syntax(line, format!("not TOML: {}", error.message()))
    })?;
    let span = table.span();
    Ok(Node {
        span,
        value: toml_table(table.into_inner(), MAX_DEPTH)?,
    })
}

fn toml_table(table: toml::de::DeTable<'_>, depth: usize) -> Result<Value, Error> {
    let depth = depth
        .checked_sub(1)
        .ok_or_else(|| Error::syntax(0, "nested too deep"))?;
    let mut entries = Vec::new();
    for (key, value) in table {
        let key = Key {
            span: key.span(),
            name: key.into_inner().into_owned(),
        };
        let node = toml_value(value, depth)?;
        entries.push((key, node));
    }
    // The reader sorts by name; people read a file from its top.
    entries.sort_by_key(|(key, _)| key.span.start);
    Ok(Value::Map(entries))
}

fn toml_value(value: toml::Spanned<toml::de::DeValue<'_>>, depth: usize) -> Result<Node, Error> {
    use toml::de::DeValue;
    let span = value.span();
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => Value::Number(number.as_str().to_owned()),
        DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
        DeValue::Boolean(is) => Value::Bool(is),
        DeValue::Datetime(at) => Value::Text(at.to_string()),
        DeValue::Array(items) => {
            let depth = depth
                .checked_sub(1)
                .ok_or_else(|| Error::syntax(0, "nested too deep"))?;
            let items: Result<Vec<_>, _> = items.into_iter().map(|item| toml_value(item, depth)).collect();
            Value::List(items?)
        }
        DeValue::Table(table) => toml_table(table, depth)?,
    };
    Ok(Node { span, value })
}

/// Reads the first document of a YAML stream. An alias (`*name`) is not followed: it reads as null, so a file of a few
/// hundred bytes cannot unfold to gigabytes.
pub(super) fn from_yaml(text: &str, budget: &Budget) -> Result<Node, Error> {
    use granit_parser::{Event, Parser, ScalarStyle};

    charge(text, budget)?;
    let mut stack: Vec<Open> = Vec::new();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, place) = event.map_err(|error| {
            let line = u32::try_from(error.marker().line()).unwrap_or(u32::MAX);
            Error::syntax(line, "not YAML")
        })?;
        budget.charge(16)?;
        let span = place.byte_range().unwrap_or(0..0);
        let node = match event {
            Event::Scalar(scalar, style, _, _) => Node {
                span,
                value: yaml_scalar(&scalar, style == ScalarStyle::Plain),
            },
            Event::Alias(_) | Event::UnresolvedAlias(_) => Node {
                span,
                value: Value::Null,
            },
            Event::SequenceStart(..) => {
                stack.push(Open::list(span));
                check_depth(stack.len(), place.start.line())?;
                continue;
            }
            Event::MappingStart(..) => {
                stack.push(Open::map(span));
                check_depth(stack.len(), place.start.line())?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match stack.pop() {
                Some(open) => open.close(span.end),
                None => continue,
            },
            Event::DocumentEnd => break,
            _ => continue,
        };
        match stack.last_mut() {
            Some(open) => open.push(node),
            None => return Ok(node),
        }
    }
    Ok(Node {
        span: 0..0,
        value: Value::Null,
    })
}

fn check_depth(depth: usize, line: usize) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        return Err(Error::syntax(line, "nested too deep"));
    }
    Ok(())
}

/// The core schema's plain scalars, as far as manifests need them (YAML 1.2.2, 10.3.2).
fn yaml_scalar(text: &str, is_plain: bool) -> Value {
    match text {
        _ if !is_plain => Value::Text(text.to_owned()),
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if text.parse::<f64>().is_ok() && text.starts_with(|c: char| c.is_ascii_digit()) => {
            Value::Number(text.to_owned())
        }
        _ => Value::Text(text.to_owned()),
    }
}

/// A collection that is not yet closed.
struct Open {
    start: usize,
    is_map: bool,
    items: Vec<Node>,
    key: Option<Key>,
    entries: Vec<(Key, Node)>,
}

impl Open {
    const fn new(start: usize, is_map: bool) -> Self {
        Self {
            start,
            is_map,
            items: Vec::new(),
            key: None,
            entries: Vec::new(),
        }
    }

    const fn list(span: Range<usize>) -> Self {
        Self::new(span.start, false)
    }

    const fn map(span: Range<usize>) -> Self {
        Self::new(span.start, true)
    }

    fn push(&mut self, node: Node) {
        if !self.is_map {
            self.items.push(node);
            return;
        }
        match self.key.take() {
            Some(key) => self.entries.push((key, node)),
            None => {
                self.key = Some(Key {
                    name: node.scalar().unwrap_or_default().to_owned(),
                    span: node.span,
                });
            }
        }
    }

    fn close(self, end: usize) -> Node {
        Node {
            span: self.start..end,
            value: if self.is_map {
                Value::Map(self.entries)
            } else {
                Value::List(self.items)
            },
        }
    }
}

/// A tree takes several times its text's length to build.
pub(super) fn charge(text: &str, budget: &Budget) -> Result<(), Error> {
    budget.charge((text.len() as u64).saturating_mul(4))?;
    Ok(())
}
