//! Maps from the bytes of a segment's text back to the bytes of the file.

use std::borrow::Cow;
use std::ops::Range;

/// Where the bytes of a text stand in the file that it was taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map(Inner);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Inner {
    /// Byte `n` of the text is byte `n + shift` of the file.
    Shift(u64),
    /// The text came out of something packed: all of it stands in these bytes.
    Whole(Range<u64>),
    Runs(Vec<Run>),
}

/// A stretch of text made of units of one kind: each `text_unit` bytes of text come from `file_unit` bytes of the file. An
/// ASCII stretch has (1, 1), a JSON `\n` (1, 2), `\u00e9` (2, 6), UTF-16's ASCII (1, 2); text that is not in the file (_, 0).
// INVARIANT: `text_end` grows from run to run; a run's length is a multiple of its `text_unit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    text_end: u32,
    file: u32,
    text_unit: u32,
    file_unit: u32,
}

/// A part of a [`Map`]: some text and where it comes from.
#[derive(Debug, Clone)]
struct Part {
    text: Range<usize>,
    file: u64,
    text_unit: u64,
    file_unit: u64,
}

impl Part {
    fn file_end(&self) -> u64 {
        let units = (self.text.len() as u64).div_ceil(self.text_unit.max(1));
        self.file.saturating_add(units.saturating_mul(self.file_unit))
    }
}

impl Map {
    /// Every byte of the text is a byte of the file, the first of them byte `shift`.
    #[must_use]
    pub const fn shift(shift: u64) -> Self {
        Self(Inner::Shift(shift))
    }

    /// The text was unpacked from `bytes` of the file; nothing more exact can be said.
    #[must_use]
    pub const fn whole(bytes: Range<u64>) -> Self {
        Self(Inner::Whole(bytes))
    }

    /// Whether spans are exact: false for what was unpacked.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        !matches!(self.0, Inner::Whole(_))
    }

    /// The bytes of the file from which `span` of the text comes: from its first byte to its last, so what stands between them
    /// in the file (quotes, commas, removed colour codes) is inside. Empty if nothing of the span stands in the file.
    #[must_use]
    pub fn span(&self, span: Range<usize>) -> Range<u64> {
        let mut found: Option<Range<u64>> = None;
        self.parts(span.clone(), |part| {
            if part.file_unit > 0 {
                let end = part.file_end();
                found = Some(match &found {
                    Some(so_far) => so_far.start.min(part.file)..so_far.end.max(end),
                    None => part.file..end,
                });
            }
        });
        found.unwrap_or_else(|| {
            let at = self.next_file_byte(span.start);
            at..at
        })
    }

    /// The same, in pieces: exactly the bytes from which the span comes, sorted as in the text, neighbours joined.
    #[must_use]
    pub fn spans(&self, span: Range<usize>) -> Vec<Range<u64>> {
        let mut found: Vec<Range<u64>> = Vec::new();
        self.parts(span, |part| {
            if part.file_unit > 0 {
                match found.last_mut() {
                    Some(last) if last.end == part.file => last.end = part.file_end(),
                    _ => found.push(part.file..part.file_end()),
                }
            }
        });
        found
    }

    /// The file byte of the first text at or after `at` that stands in the file; 0 if there is none.
    fn next_file_byte(&self, at: usize) -> u64 {
        match &self.0 {
            Inner::Shift(shift) => shift.saturating_add(at as u64),
            Inner::Whole(bytes) => bytes.start,
            Inner::Runs(runs) => {
                let first = runs.partition_point(|run| (run.text_end as usize) <= at);
                runs.iter()
                    .skip(first)
                    .find(|run| run.file_unit > 0)
                    .map_or(0, |run| u64::from(run.file))
            }
        }
    }

    /// Calls `each` for every part of `span`, in order.
    fn parts(&self, span: Range<usize>, mut each: impl FnMut(Part)) {
        if span.start >= span.end {
            return;
        }
        let runs = match &self.0 {
            Inner::Shift(shift) => {
                let file = shift.saturating_add(span.start as u64);
                return each(Part {
                    text: span,
                    file,
                    text_unit: 1,
                    file_unit: 1,
                });
            }
            Inner::Whole(bytes) => {
                let text_unit = span.len() as u64;
                return each(Part {
                    text: span,
                    file: bytes.start,
                    text_unit,
                    file_unit: bytes.end.saturating_sub(bytes.start),
                });
            }
            Inner::Runs(runs) => runs,
        };
        let first = runs.partition_point(|run| (run.text_end as usize) <= span.start);
        let mut run_start = match first.checked_sub(1) {
            Some(before) => runs.get(before).map_or(0, |run| run.text_end as usize),
            None => 0,
        };
        for run in runs.iter().skip(first) {
            if run_start >= span.end {
                break;
            }
            let run_end = run.text_end as usize;
            let text = span.start.max(run_start)..span.end.min(run_end);
            let text_unit = run.text_unit.max(1) as usize;
            let first_unit = (text.start - run_start) / text_unit;
            let last_unit = (text.end - run_start).div_ceil(text_unit);
            let file = u64::from(run.file) + first_unit as u64 * u64::from(run.file_unit);
            let on_units =
                (text.start - run_start) % text_unit == 0 && (text.end - run_start) % text_unit == 0;
            let (text_unit, file_unit) = if on_units || run.file_unit == 0 {
                (u64::from(run.text_unit), u64::from(run.file_unit))
            } else {
                // Part of a unit comes from all of it.
                let units = (last_unit - first_unit) as u64;
                (text.len() as u64, units * u64::from(run.file_unit))
            };
            each(Part {
                text,
                file,
                text_unit,
                file_unit,
            });
            run_start = run_end;
        }
    }
}

/// A text and its map: what segments are made of.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) text: Cow<'a, [u8]>,
    pub(super) map: Map,
}

impl<'a> Piece<'a> {
    /// The bytes of the file as they are, the first of them byte `start`.
    pub(super) const fn borrowed(text: &'a [u8], start: u64) -> Self {
        Self {
            text: Cow::Borrowed(text),
            map: Map::shift(start),
        }
    }

    /// The same text without `cuts`, which must be sorted and disjoint.
    pub(super) fn without(self, cuts: &[Range<usize>]) -> Self {
        if cuts.is_empty() {
            return self;
        }
        let mut kept = Builder::default();
        let mut from = 0;
        for cut in cuts {
            kept.push_part(&self, from..cut.start);
            from = cut.end;
        }
        kept.push_part(&self, from..self.text.len());
        kept.finish()
    }
}

/// Builds a text piece by piece with the map.
#[derive(Default)]
pub(super) struct Builder {
    text: Vec<u8>,
    runs: Vec<Run>,
}

impl Builder {
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(super) fn last(&self) -> Option<u8> {
        self.text.last().copied()
    }

    /// Text made of units of `text_unit` bytes, each from `file_unit` bytes of the file, the first of them at `file`.
    pub(super) fn push_units(&mut self, text: &[u8], file: u64, text_unit: usize, file_unit: u64) {
        if text.is_empty() {
            return;
        }
        let text_start = self.text.len();
        self.text.extend_from_slice(text);
        let run = Run {
            text_end: as_u32(self.text.len()),
            file: u32::try_from(file).unwrap_or(u32::MAX),
            text_unit: as_u32(text_unit),
            file_unit: u32::try_from(file_unit).unwrap_or(u32::MAX),
        };
        let before = self
            .runs
            .len()
            .checked_sub(2)
            .and_then(|i| self.runs.get(i))
            .map_or(0, |r| r.text_end as usize);
        if let Some(last) = self.runs.last_mut()
            && last.text_unit == run.text_unit
            && last.file_unit == run.file_unit
        {
            let units = (text_start - before) / text_unit.max(1);
            let goes_on = u64::from(last.file) + units as u64 * u64::from(last.file_unit) == file;
            if goes_on || file_unit == 0 {
                last.text_end = run.text_end;
                return;
            }
        }
        self.runs.push(run);
    }

    /// Text that stands in the file byte for byte.
    pub(super) fn push_same(&mut self, text: &[u8], file: u64) {
        self.push_units(text, file, 1, 1);
    }

    /// Text that does not stand in the file: names of columns, separators.
    pub(super) fn push_context(&mut self, text: &[u8]) {
        self.push_units(text, 0, 1, 0);
    }

    /// Text that is what `span` of `from` means: an entity, a doubled quote.
    pub(super) fn push_meaning(&mut self, text: &[u8], from: &Map, span: Range<usize>) {
        let file = from.span(span);
        self.push_units(text, file.start, text.len(), file.end.saturating_sub(file.start));
    }

    /// `span` of another text with its map.
    pub(super) fn push_part(&mut self, from: &Piece<'_>, span: Range<usize>) {
        from.map.parts(span, |part| {
            if let Some(text) = from.text.get(part.text.clone()) {
                let unit = usize::try_from(part.text_unit).unwrap_or(usize::MAX);
                self.push_units(text, part.file, unit, part.file_unit);
            }
        });
    }

    pub(super) fn finish<'a>(self) -> Piece<'a> {
        Piece {
            text: Cow::Owned(self.text),
            map: Map(Inner::Runs(self.runs)),
        }
    }
}

/// Texts and the files whose texts are rebuilt are below 4 GiB ([`super::Limits`] sees to it).
fn as_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built() -> Piece<'static> {
        let mut text = Builder::default();
        text.push_same(b"ab", 10);
        text.push_units("é".as_bytes(), 12, 2, 6);
        text.push_context(b": ");
        text.push_units(b"xyz", 30, 1, 2);
        text.finish()
    }

    #[test]
    fn a_span_covers_the_units_it_touches_and_no_context() {
        let piece = built();
        assert_eq!(piece.map.span(0..2), 10..12);
        assert_eq!(piece.map.span(1..3), 11..18);
        assert_eq!(piece.map.span(4..7), 30..32);
        assert_eq!(piece.map.span(7..9), 32..36);
        assert_eq!(piece.map.span(4..6), 30..30);
        assert_eq!(piece.map.spans(0..9), [10..18, 30..36]);
    }

    #[test]
    fn a_text_without_its_cuts_keeps_its_places() {
        let piece = built().without(&[1..4, 6..7]);
        assert_eq!(&*piece.text, b"a: yz");
        assert_eq!(piece.map.spans(0..5), [10..11, 32..36]);
    }
}
