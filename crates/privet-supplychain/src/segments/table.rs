//! Lines `column: value` derived from tables, so that the name above a value stands beside it.

use std::borrow::Cow;
use std::ops::Range;

use super::map::{Builder, Piece};

/// Longest name of a column that is written before values.
pub(super) const LONGEST_NAME: usize = 64;

/// Writes the lines, up to a number of bytes.
pub(super) struct Rows<'p> {
    from: &'p Piece<'p>,
    out: Builder,
    most: usize,
    is_full: bool,
}

impl<'p> Rows<'p> {
    pub(super) fn new(from: &'p Piece<'p>, most: usize) -> Self {
        Self {
            from,
            out: Builder::default(),
            most,
            is_full: false,
        }
    }

    /// Adds `name: value`, the value from some parts of the text.
    pub(super) fn push(&mut self, name: &str, value: &[Fragment]) {
        let name = name_of(name);
        if name.is_empty() || value.iter().all(|v| v.span.is_empty()) {
            return;
        }
        let len: usize = value.iter().map(|v| v.span.len()).sum();
        if self.out.len() + name.len() + len + 3 > self.most {
            self.is_full = true;
            return;
        }
        self.out.push_context(name.as_bytes());
        self.out.push_context(b": ");
        for fragment in value {
            match &fragment.meaning {
                Some(meaning) => {
                    self.out
                        .push_meaning(meaning.as_bytes(), &self.from.map, fragment.span.clone());
                }
                None => self.out.push_part(self.from, fragment.span.clone()),
            }
        }
        self.out.push_context(b"\n");
    }

    /// The lines, and whether all of them found room; nothing if there are none.
    pub(super) fn finish(self) -> (Option<Piece<'static>>, bool) {
        let piece = (!self.out.is_empty()).then(|| self.out.finish());
        (piece, !self.is_full)
    }
}

/// A part of a value: as it stands, or with what it means in its place.
#[derive(Debug, Clone)]
pub(super) struct Fragment {
    pub(super) span: Range<usize>,
    pub(super) meaning: Option<Cow<'static, str>>,
}

impl Fragment {
    pub(super) const fn same(span: Range<usize>) -> Self {
        Self { span, meaning: None }
    }
}

/// A name on one line, short enough, without the marks that would end it.
fn name_of(name: &str) -> String {
    let mut short = String::new();
    for word in name.split_whitespace() {
        if !short.is_empty() {
            short.push(' ');
        }
        short.extend(word.chars().take(LONGEST_NAME));
        if short.len() >= LONGEST_NAME {
            break;
        }
    }
    short.trim_end_matches(':').to_owned()
}
