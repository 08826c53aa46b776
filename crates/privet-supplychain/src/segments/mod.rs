//! What a file holds, cut into texts that detectors read, each with an exact way back to the bytes of the file.
//!
//! ```
//! use privet_supplychain::segments::{Limits, segments};
//! use privet_types::Budget;
//! let notebook = br#"{"nbformat": 4, "cells": [{"cell_type": "code", "source": ["a = 1\n", "b = 2"], "outputs": []}]}"#;
//! let found = segments("a.ipynb", notebook, &Limits::default(), &Budget::unlimited())?;
//! let source = found.segments.first().ok_or("no source")?;
//! assert_eq!(source.text, &b"a = 1\nb = 2"[..]);
//! assert_eq!(source.place.to_string(), "cell 1, source");
//! assert_eq!(source.file_span(6..11), 71..76);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod collector;
mod columns;
mod csv;
mod encoded;
mod html;
mod json;
mod json_string;
mod kind;
mod lines;
mod map;
mod notebook;
mod office;
mod payload;
mod segment;
mod table;

use privet_types::{Budget, BudgetError};

use collector::{Collector, Form};
use map::Piece;

pub use json::{Document, JsonError, JsonLimits, Kind, Notes, Value};
pub use json_string::{Decoded, JsonString};
pub use kind::FileKind;
pub use lines::Lines;
pub use map::Map;
pub(crate) use notebook::is_notebook;
pub use segment::{Place, Segment, SegmentKind, Segments, SkipReason, Skipped};

/// How much of a file becomes segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How much JSON is read.
    pub json: JsonLimits,
    /// Most bytes of text that are copied out of a file (decoded strings, UTF-16), all segments together.
    pub max_text: usize,
    /// Most bytes of text derived from tables and escaped strings, all segments together.
    pub max_derived: usize,
    /// Most bytes unpacked.
    pub max_unpacked: usize,
    /// Most bytes unpacked for each packed byte, above 1 MiB.
    pub max_ratio: usize,
    /// Most segments.
    pub max_segments: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json: JsonLimits::default(),
            max_text: 256 << 20,
            max_derived: 16 << 20,
            max_unpacked: 64 << 20,
            max_ratio: 100,
            max_segments: 1 << 20,
        }
    }
}

/// Lines that are not JSON after which a file is not taken for JSON lines.
const MOST_BAD_LINES: u32 = 32;

/// Why a file gives no segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The work budget ended. The file was not looked at.
    #[error(transparent)]
    Budget(#[from] BudgetError),
}

/// Cuts the file `bytes` into texts. `name` decides only between readings that fit alike.
///
/// Text is borrowed wherever it stands in the file as it is. What cannot be read as what it seems to be is read as plain
/// text; what is not read at all is in [`Segments::skipped`], with the reason. Time is linear, memory bounded by `limits`.
///
/// # Errors
/// [`Error::Budget`] if the budget ends.
pub fn segments<'a>(
    name: &str,
    bytes: &'a [u8],
    limits: &Limits,
    budget: &Budget,
) -> Result<Segments<'a>, Error> {
    let kind = FileKind::of(name, bytes);
    let mut into = Collector::new(bytes, limits, budget);
    let whole = 0..bytes.len() as u64;
    let kind = match kind {
        FileKind::Empty => kind,
        FileKind::Notebook | FileKind::Json => json_file(kind, &mut into)?,
        FileKind::JsonLines => {
            json_lines(&mut into)?;
            kind
        }
        FileKind::Csv => {
            let piece = Piece::borrowed(bytes, 0);
            let separator = csv::dialect(name, bytes).unwrap_or(b',');
            let rows = csv::rows(&piece, separator, limits.max_derived, budget)?;
            into.add(SegmentKind::Text, Place::default(), piece);
            into.add_derived(SegmentKind::Table, &Place::of("columns"), whole, rows);
            kind
        }
        FileKind::Html => {
            into.add_text(
                SegmentKind::Text,
                &Place::default(),
                Piece::borrowed(bytes, 0),
                Form::Html,
            )?;
            kind
        }
        FileKind::Text | FileKind::Xml => {
            plain(&mut into);
            kind
        }
        FileKind::Utf16 => {
            utf16(&mut into)?;
            kind
        }
        FileKind::Gzip => return gzip(name, bytes, limits, budget),
        FileKind::Office | FileKind::Zip => {
            office::collect(&mut into)?;
            kind
        }
        FileKind::Pdf => {
            into.skip(Place::default(), whole, SkipReason::Pdf);
            kind
        }
        FileKind::Media | FileKind::Binary => {
            let reason = if kind == FileKind::Media {
                SkipReason::Media
            } else {
                SkipReason::Binary
            };
            into.skip(Place::default(), whole, reason);
            if let Some(piece) = encoded::printable(bytes, limits.max_derived, budget)? {
                into.add(SegmentKind::Printable, Place::of("printable bytes"), piece);
            }
            kind
        }
    };
    Ok(Segments {
        kind,
        segments: into.segments,
        skipped: into.skipped,
    })
}

fn plain(into: &mut Collector<'_, '_>) {
    let piece = into.without_pictures(&Place::default(), Piece::borrowed(into.bytes, 0));
    into.add(SegmentKind::Text, Place::default(), piece);
}

/// A notebook or other JSON; what it turned out to be.
fn json_file(kind: FileKind, into: &mut Collector<'_, '_>) -> Result<FileKind, Error> {
    let bytes = into.bytes;
    let has_escapes = memchr::memchr(b'\\', bytes).is_some();
    if kind == FileKind::Json && !has_escapes {
        // Nothing more could be read out of it.
        plain(into);
        return Ok(kind);
    }
    let document = match Document::parse(bytes, &into.limits.json, into.budget) {
        Ok(document) => document,
        Err(JsonError::Budget(error)) => return Err(error.into()),
        Err(error) => {
            let reason = match error {
                JsonError::Syntax { .. } => SkipReason::NotJson,
                _ => SkipReason::OverLimit,
            };
            let place = Place::of(error.to_string());
            into.skip(place, 0..bytes.len() as u64, reason);
            plain(into);
            return Ok(FileKind::Text);
        }
    };
    let mut inner = Collector::new(bytes, into.limits, into.budget);
    let kind = if kind == FileKind::Notebook && is_notebook(document.root()) {
        notebook::collect(document.root(), &mut inner)?;
        FileKind::Notebook
    } else {
        inner.add_json(
            SegmentKind::Text,
            &Place::default(),
            0..bytes.len(),
            [document.root()],
        )?;
        FileKind::Json
    };
    into.segments = inner.segments;
    into.skipped = inner.skipped;
    Ok(kind)
}

/// JSON, one value a line: whole, and the strings with escapes of each line that is valid.
fn json_lines(into: &mut Collector<'_, '_>) -> Result<(), Error> {
    let bytes = into.bytes;
    plain(into);
    let mut bad = 0;
    let mut at = 0;
    for line in bytes.split(|b| *b == b'\n') {
        let range = at..at + line.len();
        at = range.end + 1;
        if memchr::memchr(b'\\', line).is_none() {
            continue;
        }
        let span = range.start as u64..range.end as u64;
        match Document::parse_within(bytes, range, &into.limits.json, into.budget) {
            Ok(document) => into.add_strings(&Place::of("strings"), line, span, [document.root()])?,
            Err(JsonError::Budget(error)) => return Err(error.into()),
            Err(_) => {
                into.skip(Place::of("a line"), span, SkipReason::NotJson);
                bad += 1;
                // It is not what it seemed to be; its text is read whole as it is.
                if bad == MOST_BAD_LINES {
                    break;
                }
            }
        }
    }
    Ok(())
}

fn utf16(into: &mut Collector<'_, '_>) -> Result<(), Error> {
    let bytes = into.bytes;
    let Some((order, has_mark)) = kind::utf16(bytes) else {
        return Ok(());
    };
    into.budget.charge(bytes.len() as u64)?;
    let (piece, is_all) = encoded::utf16(bytes, order, has_mark, into.limits.max_text);
    if !is_all {
        into.skip(Place::default(), 0..bytes.len() as u64, SkipReason::OverLimit);
    }
    into.add(SegmentKind::Text, Place::default(), piece);
    Ok(())
}

/// The segments of what is in a gzip stream; streams in streams are not unpacked.
fn gzip<'a>(name: &str, bytes: &'a [u8], limits: &Limits, budget: &Budget) -> Result<Segments<'a>, Error> {
    let whole = 0..bytes.len() as u64;
    let mut found = Segments {
        kind: FileKind::Gzip,
        segments: Vec::new(),
        skipped: Vec::new(),
    };
    let mut skip = |reason| {
        found.skipped.push(Skipped {
            place: Place::of("in gzip"),
            bytes: whole.clone(),
            reason,
        });
    };
    let unpacked = match encoded::gzip(bytes, limits.max_unpacked, limits.max_ratio, budget)? {
        encoded::Unpacked::Whole(text) => text,
        encoded::Unpacked::Cut(text) => {
            skip(SkipReason::OverLimit);
            text
        }
        encoded::Unpacked::Damaged(text) => {
            skip(SkipReason::Damaged);
            text
        }
    };
    let name = name.strip_suffix(".gz").unwrap_or(name);
    if FileKind::of(name, &unpacked) == FileKind::Gzip {
        skip(SkipReason::OverLimit);
        return Ok(found);
    }
    let inner = segments(name, &unpacked, limits, budget)?;
    let place = "in gzip";
    for segment in inner.segments {
        found.segments.push(segment.packed(whole.clone(), place));
    }
    for skipped in inner.skipped {
        found.skipped.push(Skipped {
            place: skipped.place.inside(place),
            bytes: whole.clone(),
            reason: skipped.reason,
        });
    }
    Ok(found)
}
