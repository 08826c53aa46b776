//! Bytes replaced in place, all others as they came.

use std::ops::Range;

/// A range of a body and what is put there.
pub(crate) struct Edit {
    pub(crate) range: Range<usize>,
    pub(crate) text: String,
    /// Whether it replaces a private value.
    pub(crate) is_mask: bool,
}

impl Edit {
    pub(crate) fn new(range: Range<usize>, text: String) -> Self {
        Self {
            range,
            text,
            is_mask: true,
        }
    }

    /// One that replaces no private value.
    pub(crate) fn beside(range: Range<usize>, text: String) -> Self {
        Self {
            range,
            text,
            is_mask: false,
        }
    }
}

/// `body` with the ranges of `edits` (sorted, disjoint) replaced.
pub(crate) fn splice(body: &[u8], edits: &[Edit]) -> Vec<u8> {
    let grown: usize = edits.iter().map(|e| e.text.len()).sum();
    let mut out = Vec::with_capacity(body.len() + grown);
    let mut at = 0;
    for edit in edits {
        out.extend_from_slice(body.get(at..edit.range.start).unwrap_or_default());
        out.extend_from_slice(edit.text.as_bytes());
        at = edit.range.end;
    }
    out.extend_from_slice(body.get(at..).unwrap_or_default());
    out
}
