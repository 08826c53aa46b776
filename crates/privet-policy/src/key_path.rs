//! Where in a document something stands.

use std::fmt;

use toml::de::{DeTable, DeValue};

/// A way down a document from its root, such as `providers[0].base_url`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KeyPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// What a check found wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: KeyPath,
    pub(crate) message: String,
}

impl KeyPath {
    /// The entry `name` of the root table.
    pub(crate) fn of(name: &str) -> Self {
        Self::default().key(name)
    }

    /// The entry `name` of the table at this place.
    pub(crate) fn key(&self, name: &str) -> Self {
        self.then(Step::Key(name.to_owned()))
    }

    /// Element `index` of the array at this place, counted from 0.
    pub(crate) fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    /// A fault at this place.
    pub(crate) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault {
            at: self.clone(),
            message: message.into(),
        }
    }

    fn then(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The byte offset in the document at which this place, or else its nearest written ancestor, begins.
    pub(crate) fn offset(&self, root: &DeTable<'_>) -> usize {
        let mut offset = 0;
        let mut table = Some(root);
        let mut value: Option<&DeValue<'_>> = None;
        for step in &self.0 {
            let next = match step {
                Step::Key(name) => table
                    .and_then(|t| t.iter().find(|(key, _)| key.get_ref() == name))
                    .map(|(_, v)| v),
                Step::Index(index) => value
                    .and_then(DeValue::as_array)
                    .and_then(|array| array.get(*index)),
            };
            let Some(next) = next else { break };
            offset = next.span().start;
            value = Some(next.get_ref());
            table = next.get_ref().as_table();
        }
        offset
    }

    /// The deepest place whose key or value holds the byte at `offset`.
    pub(crate) fn at_offset(root: &DeTable<'_>, offset: usize) -> Self {
        Self::default().in_table(root, offset).unwrap_or_default()
    }

    fn in_table(&self, table: &DeTable<'_>, offset: usize) -> Option<Self> {
        let mut found = None;
        for (key, value) in table {
            let here = self.key(key.get_ref());
            if let Some(deeper) = here.in_value(value.get_ref(), offset) {
                return Some(deeper);
            }
            if key.span().contains(&offset) || value.span().contains(&offset) {
                found = Some(here);
            }
        }
        found
    }

    fn in_value(&self, value: &DeValue<'_>, offset: usize) -> Option<Self> {
        if let Some(table) = value.as_table() {
            return self.in_table(table, offset);
        }
        let mut found = None;
        for (index, element) in value.as_array()?.iter().enumerate() {
            let here = self.index(index);
            if let Some(deeper) = here.in_value(element.get_ref(), offset) {
                return Some(deeper);
            }
            if element.span().contains(&offset) {
                found = Some(here);
            }
        }
        found
    }
}

/// Whether a key is surely not a value that was pasted in a key's place.
fn reads_like_a_word(key: &str) -> bool {
    let word = |is_letter: fn(&u8) -> bool| key.bytes().all(|b| is_letter(&b) || matches!(b, b'_' | b'-'));
    (1..=32).contains(&key.len()) && (word(u8::is_ascii_lowercase) || word(u8::is_ascii_uppercase))
}

/// Ends before the first key that may be a pasted value; line and column lead there.
impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(name) if !reads_like_a_word(name) => break,
                Step::Key(name) => {
                    if position > 0 {
                        f.write_str(".")?;
                    }
                    f.write_str(name)?;
                }
            }
        }
        Ok(())
    }
}
