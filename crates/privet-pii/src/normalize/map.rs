//! Where each byte of a rewritten text comes from.

use std::ops::Range;

use privet_types::Span;

/// Equal units in a row: `units` times `view_unit` bytes of the view stand for as many times `original_unit` bytes of the
/// original, in order. Copied text has units of one byte on both sides; base64 has three and four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    view: usize,
    original: usize,
    units: usize,
    view_unit: usize,
    original_unit: usize,
}

impl Segment {
    const fn view_end(&self) -> usize {
        self.view + self.units * self.view_unit
    }

    /// The original of the unit that holds the byte `at` of the view.
    fn unit(&self, at: usize) -> Range<usize> {
        let unit = (at - self.view.min(at)) / self.view_unit.max(1);
        let start = self.original + unit.min(self.units.saturating_sub(1)) * self.original_unit;
        start..start + self.original_unit
    }
}

/// Maps byte offsets of a view back to the text it was made from.
///
/// Monotonic: a later byte of the view never maps to an earlier place. Bytes of the original that the view leaves out
/// (an invisible character, a space between digits) belong to no byte of the view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffsetMap {
    // INVARIANT: sorted by `view`, without gaps there; `original` never decreases; no segment is empty
    segments: Vec<Segment>,
}

impl OffsetMap {
    /// The map of a view that is the bytes `span` of the original, unchanged.
    #[must_use]
    pub fn copy(span: Span) -> Self {
        let mut map = Self::default();
        map.push(span.len(), span.start, 1, 1);
        map
    }

    /// Bytes of the view.
    #[must_use]
    pub fn view_len(&self) -> usize {
        self.segments.last().map_or(0, Segment::view_end)
    }

    /// The smallest span of the original that produced the bytes `range` of the view; parts of the view after its end
    /// are ignored. An empty range gives an empty span.
    ///
    /// If `range` lies on character bounds of the view, the span lies on character bounds of the original. Escapes and
    /// entities are taken whole, base64 in groups of four characters. O(log n) time.
    #[must_use]
    pub fn to_original(&self, range: Range<usize>) -> Span {
        let end = range.end.min(self.view_len());
        let start = range.start.min(end);
        if start == end {
            let at = match self.segments.get(self.index(start)) {
                Some(segment) if start < segment.view_end() => segment.unit(start).start,
                Some(segment) => segment.original + segment.units * segment.original_unit,
                None => 0,
            };
            return Span::new(at, at);
        }
        let unit = |at: usize| self.segments.get(self.index(at)).map_or(0..0, |s| s.unit(at));
        Span::new(unit(start).start, unit(end - 1).end)
    }

    /// Appends `units` units. The original must not lie before what was appended last.
    pub(super) fn push(&mut self, units: usize, original: usize, view_unit: usize, original_unit: usize) {
        if units == 0 || view_unit == 0 {
            return;
        }
        let view = self.view_len();
        if let Some(last) = self.segments.last_mut()
            && (last.view_unit, last.original_unit) == (view_unit, original_unit)
            && last.original + last.units * last.original_unit == original
        {
            last.units += units;
            return;
        }
        self.segments.push(Segment {
            view,
            original,
            units,
            view_unit,
            original_unit,
        });
    }

    /// The map of a view of this view: `outer` maps to what this maps from. O(n) time.
    pub(super) fn then(&self, outer: &Self) -> Self {
        let mut joined = Self::default();
        let mut cursor = Cursor {
            map: self,
            segment: 0,
        };
        for part in &outer.segments {
            if (part.view_unit, part.original_unit) == (1, 1) {
                cursor.copy(part.original..part.original + part.units, &mut joined);
                continue;
            }
            for unit in 0..part.units {
                let from = part.original + unit * part.original_unit;
                let span = cursor.span(from..from + part.original_unit);
                joined.push(1, span.start, part.view_unit, span.len());
            }
        }
        joined
    }

    fn index(&self, at: usize) -> usize {
        self.segments.partition_point(|s| s.view <= at).saturating_sub(1)
    }
}

/// Reads a map from front to back.
struct Cursor<'m> {
    map: &'m OffsetMap,
    segment: usize,
}

impl Cursor<'_> {
    fn seek(&mut self, at: usize) -> Option<&Segment> {
        while self
            .map
            .segments
            .get(self.segment)
            .is_some_and(|s| s.view_end() <= at)
        {
            self.segment += 1;
        }
        self.map.segments.get(self.segment)
    }

    fn span(&mut self, range: Range<usize>) -> Span {
        let start = self.seek(range.start).map_or(0, |s| s.unit(range.start).start);
        // Units are short: the last byte lies at most a few segments on, and the next unit may begin before them.
        let last = range.end.saturating_sub(1);
        let rest = self.map.segments.get(self.segment..).unwrap_or_default();
        let end = rest
            .iter()
            .find(|s| last < s.view_end())
            .map_or(start, |s| s.unit(last).end);
        Span::new(start, end)
    }

    /// Appends what the bytes `range` map to, unit by unit where they cut a row of units.
    fn copy(&mut self, range: Range<usize>, to: &mut OffsetMap) {
        let mut at = range.start;
        while at < range.end {
            let Some(segment) = self.seek(at).copied() else {
                return;
            };
            let end = range.end.min(segment.view_end());
            let unit = segment.view_unit.max(1);
            let inside = (at - segment.view) % unit;
            let original = segment.unit(at).start;
            let taken = if inside > 0 || end - at < unit {
                let taken = (unit - inside).min(end - at);
                to.push(1, original, taken, segment.original_unit);
                taken
            } else {
                let units = (end - at) / unit;
                to.push(units, original, unit, segment.original_unit);
                units * unit
            };
            at += taken;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: usize, end: usize) -> Span {
        Span::new(start, end)
    }

    #[test]
    fn a_copied_range_maps_to_itself_shifted() {
        let map = OffsetMap::copy(span(10, 20));
        assert_eq!(map.to_original(2..5), span(12, 15));
        assert_eq!(map.to_original(0..99), span(10, 20));
        assert_eq!(map.to_original(3..3), span(13, 13));
        assert_eq!(map.to_original(10..10), span(20, 20));
        assert_eq!(OffsetMap::default().to_original(0..4), span(0, 0));
    }

    #[test]
    fn units_map_whole_and_left_out_bytes_count_only_inside() {
        let mut map = OffsetMap::default();
        map.push(2, 4, 1, 1); // "ab" at 4
        map.push(2, 9, 3, 4); // six bytes of base64 at 9
        assert_eq!(map.to_original(0..2), span(4, 6));
        assert_eq!(map.to_original(1..3), span(5, 13));
        assert_eq!(map.to_original(5..6), span(13, 17));
        assert_eq!(map.view_len(), 8);
    }

    #[test]
    fn a_view_of_a_view_maps_through_both() {
        let mut inner = OffsetMap::default();
        inner.push(3, 0, 3, 4);
        let mut outer = OffsetMap::default();
        outer.push(2, 0, 1, 1);
        outer.push(2, 3, 1, 3);
        let both = inner.then(&outer);
        assert_eq!(both.to_original(0..2), span(0, 4));
        assert_eq!(both.to_original(2..4), span(4, 12));
        assert_eq!(both.to_original(3..4), span(8, 12));
    }
}
