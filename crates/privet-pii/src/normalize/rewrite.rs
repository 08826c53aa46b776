//! Rewrites a text from front to back and keeps account of where each byte comes from.

use super::map::OffsetMap;

/// A text and where its bytes come from.
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) map: OffsetMap,
}

/// Writes a changed copy of a text.
pub(super) struct Rewriter<'s> {
    source: &'s str,
    text: String,
    map: OffsetMap,
    /// How far the source has been copied, replaced or left out.
    at: usize,
    is_changed: bool,
}

impl<'s> Rewriter<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        Self {
            source,
            text: String::new(),
            map: OffsetMap::default(),
            at: 0,
            is_changed: false,
        }
    }

    /// How far the source has been read.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// Copies the source up to `to`.
    pub(super) fn keep_to(&mut self, to: usize) {
        if let Some(kept) = self.source.get(self.at..to)
            && !kept.is_empty()
        {
            self.map.push(kept.len(), self.at, 1, 1);
            self.text.push_str(kept);
            self.at = to;
        }
    }

    /// Copies the source up to `from` and writes `with` in place of the bytes `from..to`; an empty `with` leaves them out.
    pub(super) fn replace(&mut self, from: usize, to: usize, with: &str) {
        self.replace_units(from, to, with, 1);
    }

    /// [`Self::replace`] by `units` equal units.
    pub(super) fn replace_units(&mut self, from: usize, to: usize, with: &str, units: usize) {
        if from < self.at || to < from || !self.source.is_char_boundary(to) {
            return;
        }
        self.keep_to(from);
        let units = units.max(1);
        self.map
            .push(units, from, with.len() / units, (to - from) / units);
        self.text.push_str(with);
        self.at = to;
        self.is_changed = true;
    }

    /// The changed text; none if nothing was changed.
    pub(super) fn finish(mut self) -> Option<Piece> {
        if !self.is_changed {
            return None;
        }
        self.keep_to(self.source.len());
        Some(Piece {
            text: self.text,
            map: self.map,
        })
    }
}
