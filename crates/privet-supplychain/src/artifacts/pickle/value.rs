//! What stands on the stack of the pickle machine: just as much of each object as a verdict needs.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::policy::Judgement;

/// Most items of a tuple that are kept.
const TUPLE_ITEMS: usize = 32;
/// How deep kept tuples lie in one another; dropping them recurses.
const TUPLE_DEPTH: u8 = 8;
/// Most entries of a dictionary that are kept.
const DICT_ENTRIES: usize = 24;

/// One object, or what is known of it.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Mark,
    None,
    Bool,
    Int(i64),
    Text(Rc<str>),
    /// Bytes, by where they lie in the file.
    Bytes {
        start: u64,
        size: u64,
    },
    Tuple(Rc<Tuple>),
    Dict(Rc<RefCell<Entries>>),
    Global(Rc<Global>),
    Made(Rc<Made>),
    /// Something harmless in itself that no verdict depends on: numbers, lists, sets, what is too large to keep.
    Opaque,
}

/// What is kept of a dictionary, in the order in which it was put there.
type Entries = Vec<(Rc<str>, Leaf)>;

/// A name that the pickle imports.
#[derive(Debug)]
pub(super) struct Global {
    /// `module.name`.
    pub(super) path: String,
    pub(super) judgement: Judgement,
}

/// What a call, or the making of an instance, gave.
#[derive(Debug)]
pub(super) struct Made {
    /// What was called.
    pub(super) by: Rc<Global>,
    /// Its first argument, if that was text.
    pub(super) text: Option<Rc<str>>,
    /// For a `numpy.dtype`: whether its state says that it holds objects.
    pub(super) holds_objects: Cell<bool>,
}

/// A tuple's items.
#[derive(Debug)]
pub(super) struct Tuple {
    pub(super) items: Vec<Value>,
    depth: u8,
}

/// What a dictionary keeps of its values. Containers are left out, so that no cycle of references can form.
#[derive(Debug, Clone)]
pub(super) enum Leaf {
    Int,
    Ints(Vec<i64>),
    Made(Rc<Made>),
    Other,
}

impl Value {
    /// A tuple, or something opaque if it is too large to keep.
    pub(super) fn tuple(items: Vec<Self>) -> Self {
        let depth = items
            .iter()
            .map(|item| match item {
                Self::Tuple(tuple) => tuple.depth.saturating_add(1),
                _ => 1,
            })
            .max()
            .unwrap_or(0);
        if items.len() > TUPLE_ITEMS || depth > TUPLE_DEPTH {
            return Self::Opaque;
        }
        Self::Tuple(Rc::new(Tuple { items, depth }))
    }

    /// An empty dictionary.
    pub(super) fn dict() -> Self {
        Self::Dict(Rc::new(RefCell::new(Vec::new())))
    }

    /// Puts entries into a dictionary; on anything else it does nothing.
    pub(super) fn put(&self, items: &[Self]) {
        let Self::Dict(entries) = self else { return };
        let mut entries = entries.borrow_mut();
        for pair in items.chunks(2) {
            let [Self::Text(key), value] = pair else { continue };
            if entries.len() >= DICT_ENTRIES {
                return;
            }
            let leaf = match value {
                Self::Int(_) => Leaf::Int,
                Self::Made(made) => Leaf::Made(Rc::clone(made)),
                Self::Tuple(tuple) => {
                    let ints = tuple.items.iter().map(|item| match item {
                        Self::Int(value) => Some(*value),
                        _ => None,
                    });
                    ints.collect::<Option<_>>().map_or(Leaf::Other, Leaf::Ints)
                }
                _ => Leaf::Other,
            };
            entries.push((Rc::clone(key), leaf));
        }
    }

    /// The last value put under `key`.
    pub(super) fn get(&self, key: &str) -> Option<Leaf> {
        let Self::Dict(entries) = self else { return None };
        let entries = entries.borrow();
        let entry = entries.iter().rev().find(|(name, _)| &**name == key)?;
        Some(entry.1.clone())
    }

    /// Its items, if it is a tuple that was kept.
    pub(super) fn items(&self) -> Option<&[Self]> {
        match self {
            Self::Tuple(tuple) => Some(&tuple.items),
            _ => None,
        }
    }

    /// Its text, if it is text.
    pub(super) fn as_text(&self) -> Option<&Rc<str>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}
