//! Gathers the segments of a file within the limits, and derives what helps to read them.

use std::borrow::Cow;
use std::ops::Range;

use privet_types::{Budget, BudgetError};

use super::json::{Kind, Value};
use super::map::{Builder, Piece};
use super::segment::{Place, Segment, SegmentKind, SkipReason, Skipped};
use super::{Limits, columns, html, payload};

pub(super) struct Collector<'a, 'l> {
    pub(super) bytes: &'a [u8],
    pub(super) limits: &'l Limits,
    pub(super) budget: &'l Budget,
    pub(super) segments: Vec<Segment<'a>>,
    pub(super) skipped: Vec<Skipped>,
    /// Bytes of text that may still be copied out of the file.
    text_left: usize,
    /// Bytes that may still be derived.
    derived_left: usize,
}

impl<'a, 'l> Collector<'a, 'l> {
    pub(super) const fn new(bytes: &'a [u8], limits: &'l Limits, budget: &'l Budget) -> Self {
        Self {
            bytes,
            limits,
            budget,
            segments: Vec::new(),
            skipped: Vec::new(),
            text_left: limits.max_text,
            derived_left: limits.max_derived,
        }
    }

    pub(super) fn skip(&mut self, place: Place, bytes: Range<u64>, reason: SkipReason) {
        // What repeats to no end is told once at the end of the list.
        if self.skipped.len() < self.limits.max_segments {
            self.skipped.push(Skipped { place, bytes, reason });
        }
    }

    pub(super) fn add(&mut self, kind: SegmentKind, place: Place, piece: Piece<'a>) {
        if piece.text.is_empty() {
            return;
        }
        let copied = match &piece.text {
            Cow::Owned(text) => text.len(),
            Cow::Borrowed(_) => 0,
        };
        if self.segments.len() >= self.limits.max_segments || copied > self.text_left {
            let bytes = piece.map.span(0..piece.text.len());
            return self.skip(place, bytes, SkipReason::OverLimit);
        }
        self.text_left -= copied;
        self.segments.push(Segment::new(kind, place, piece));
    }

    /// Text with colour codes and pictures taken out, and the lines derived from its tables.
    pub(super) fn add_text(
        &mut self,
        kind: SegmentKind,
        place: &Place,
        piece: Piece<'a>,
        form: Form,
    ) -> Result<(), BudgetError> {
        let piece = match form {
            Form::Terminal => {
                let cuts = payload::control_sequences(&piece.text);
                piece.without(&cuts)
            }
            Form::Html | Form::Markdown => self.without_pictures(place, piece),
            Form::Plain => piece,
        };
        let tables = match form {
            Form::Html => html::tables(&piece, self.derived_left, self.budget)?,
            Form::Terminal | Form::Markdown => columns::tables(&piece, self.derived_left, self.budget)?,
            Form::Plain => (None, true),
        };
        let in_html = match form {
            Form::Markdown => html::tables(&piece, self.derived_left, self.budget)?,
            _ => (None, true),
        };
        let span = piece.map.span(0..piece.text.len());
        self.add(kind, place.clone(), piece);
        self.add_derived(SegmentKind::Table, &place.inside("table"), span.clone(), tables);
        self.add_derived(SegmentKind::Table, &place.inside("table"), span, in_html);
        Ok(())
    }

    pub(super) fn add_derived(
        &mut self,
        kind: SegmentKind,
        place: &Place,
        span: Range<u64>,
        (derived, is_all): (Option<Piece<'static>>, bool),
    ) {
        if let Some(piece) = derived {
            self.derived_left = self.derived_left.saturating_sub(piece.text.len());
            self.add(kind, place.clone(), piece);
        }
        if !is_all {
            self.skip(place.clone(), span, SkipReason::OverLimit);
        }
    }

    /// The text without pictures in `data:` URIs, each of which is named as skipped.
    pub(super) fn without_pictures(&mut self, place: &Place, piece: Piece<'a>) -> Piece<'a> {
        let cuts = payload::data_uris(&piece.text);
        for cut in &cuts {
            let bytes = piece.map.span(cut.clone());
            self.skip(place.inside("data URI"), bytes, SkipReason::Media);
        }
        piece.without(&cuts)
    }

    /// JSON as it stands in `span` of the file, and its strings with escapes decoded.
    pub(super) fn add_json<'d>(
        &mut self,
        kind: SegmentKind,
        place: &Place,
        span: Range<usize>,
        values: impl IntoIterator<Item = Value<'a, 'd>>,
    ) -> Result<(), BudgetError> {
        let bytes = self.bytes.get(span.clone()).unwrap_or_default();
        let span = span.start as u64..span.end as u64;
        if bytes.len() > 2 {
            self.add(kind, place.clone(), Piece::borrowed(bytes, span.start));
        }
        self.add_strings(&place.inside("strings"), bytes, span, values)
    }

    /// The strings with escapes in `values`, which stand in `span` of the file and are `bytes`.
    pub(super) fn add_strings<'d>(
        &mut self,
        place: &Place,
        bytes: &[u8],
        span: Range<u64>,
        values: impl IntoIterator<Item = Value<'a, 'd>>,
    ) -> Result<(), BudgetError> {
        if memchr::memchr(b'\\', bytes).is_none() {
            return Ok(());
        }
        self.budget.charge(bytes.len() as u64)?;
        let strings = escaped_strings(values, self.derived_left);
        self.add_derived(SegmentKind::Strings, place, span, strings);
        Ok(())
    }
}

/// How a text is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// What a terminal shows: colour codes, tables in columns.
    Terminal,
    Html,
    Markdown,
    Plain,
}

/// `key: value` for each string that has escapes, decoded; at most `most` bytes, and whether that was all.
fn escaped_strings<'t, 'd>(
    values: impl IntoIterator<Item = Value<'t, 'd>>,
    most: usize,
) -> (Option<Piece<'static>>, bool) {
    let mut out = Builder::default();
    let mut is_all = true;
    for root in values {
        let mut key: Option<Value<'t, 'd>> = None;
        for value in root.subtree() {
            let Some(string) = value.string() else {
                continue;
            };
            let is_key = value.kind() == Kind::Key;
            if string.has_escape() {
                // Decoded text is never longer than three times what stands in the file (bad UTF-8).
                let key_len = key.and_then(|k| k.string()).map_or(0, |k| k.raw().len());
                if out.len() + string.raw().len() * 3 + key_len * 3 + 3 > most {
                    is_all = false;
                    break;
                }
                if let Some(name) = key.and_then(|k| k.string()).filter(|_| !is_key) {
                    out.push_context(name.decode().text.as_bytes());
                    out.push_context(b": ");
                }
                string.decode_into(&mut out);
                out.push_context(b"\n");
            }
            if is_key {
                key = Some(value);
            }
        }
    }
    ((!out.is_empty()).then(|| out.finish()), is_all)
}
