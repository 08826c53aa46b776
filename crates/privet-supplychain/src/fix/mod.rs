//! Mends notebooks in place: what was found in outputs is cleared or redacted, every other byte stays as it is.
//!
//! ```
//! use privet_supplychain::fix::{self, How, Reach, Spot};
//! use privet_types::Budget;
//! let notebook = br#"{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", "id": "a",
//!  "metadata": {}, "execution_count": 1, "source": "x",
//!  "outputs": [{"output_type": "stream", "name": "stdout", "text": "pin 1234\n"}]}]}"#;
//! let at = notebook.windows(4).position(|w| w == b"1234").ok_or("no pin")? as u64;
//! let spots = [Spot { start: at, end: at + 4 }];
//! let fixed = fix::notebook(notebook, &spots, How::Redact, Reach::Outputs, &Budget::unlimited())?;
//! assert!(String::from_utf8_lossy(&fixed.bytes).contains(r#""pin [redacted]\n""#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod hooks;
mod nbdefense;
mod redact;
mod structure;
mod write;

use std::ops::Range;

use privet_types::{Budget, BudgetError};

use crate::segments::{Document, JsonError, JsonLimits, is_notebook};

pub use nbdefense::{ImportError, import_nbdefense};
pub use redact::REDACTED;
pub use write::write_atomically;

/// Bytes of a file that must go: a finding's `start` and `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot {
    /// First byte.
    pub start: u64,
    /// The byte after the last.
    pub end: u64,
}

/// What happens to an output with a spot in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum How {
    /// The output is taken out of its cell's list. Its execution count stays.
    Clear,
    /// Only the spots give way to [`REDACTED`].
    Redact,
}

/// What may be touched. Metadata and attachments always may; spots in them are redacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Outputs only.
    Outputs,
    /// The source of cells too, in which spots are redacted.
    OutputsAndSource,
}

/// A mended notebook.
#[derive(Clone, PartialEq, Eq)]
pub struct Fixed {
    /// The file's new bytes.
    pub bytes: Vec<u8>,
    /// Outputs taken out.
    pub cleared_outputs: usize,
    /// Places redacted.
    pub redacted: usize,
    /// Spots left in the source of cells, for [`Reach::Outputs`].
    pub untouched_in_source: usize,
    /// Spots left elsewhere: they stand in no text (between values, in words of the format).
    pub untouched_elsewhere: usize,
    /// Where those that are left stood; spots that overlap or touch are one.
    pub left: Vec<Spot>,
    /// Ends of what gave way, in the file as it was, and by how many bytes the rest moved up to there.
    moves: Vec<(u64, i64)>,
}

impl Fixed {
    /// Whether any of `spot`, a place of the file as it was, is left as it was.
    #[must_use]
    pub fn is_left(&self, spot: Spot) -> bool {
        self.left
            .iter()
            .any(|left| left.start < spot.end && spot.start < left.end)
    }

    /// Where a place of the file as it was is now, if it is left.
    #[must_use]
    pub fn now_at(&self, place: u64) -> u64 {
        let moves = self.moves.iter().rev();
        let moved = moves.copied().find(|(end, _)| *end <= place);
        place.saturating_add_signed(moved.map_or(0, |(_, by)| by))
    }
}

impl std::fmt::Debug for Fixed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fixed")
            .field("bytes", &self.bytes.len())
            .field("cleared_outputs", &self.cleared_outputs)
            .field("redacted", &self.redacted)
            .field("untouched_in_source", &self.untouched_in_source)
            .field("untouched_elsewhere", &self.untouched_elsewhere)
            .finish()
    }
}

/// Why a notebook is not mended. Nothing is changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not JSON that can be read.
    #[error(transparent)]
    Json(JsonError),
    /// It is JSON, but no notebook.
    #[error("not a notebook: the JSON has neither `nbformat` nor cells")]
    NotNotebook,
    /// A spot that is not in the file: it belongs to another one, or the file has changed.
    #[error("bytes {start} to {end} are not in a file of {len} bytes; scan it again")]
    OutOfRange {
        /// First byte of the spot.
        start: u64,
        /// The byte after its last.
        end: u64,
        /// Bytes of the file.
        len: u64,
    },
    /// The result would not be a notebook.
    #[error("mending would leave no valid notebook; clear the outputs in Jupyter")]
    WouldBreak,
    /// The work budget ended.
    #[error(transparent)]
    Budget(#[from] BudgetError),
}

impl From<JsonError> for Error {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Budget(error) => Self::Budget(error),
            other => Self::Json(other),
        }
    }
}

/// Numbers in lists are kept here: a telephone number may be one. Bounds memory to 256 MiB.
const LIMITS: JsonLimits = JsonLimits {
    max_depth: 1_000,
    max_nodes: 1 << 24,
    keep_list_scalars: true,
};

/// Clears or redacts `spots` in the notebook `bytes`.
///
/// Spots may overlap and come in any order; those that run over several strings of a list (lines of an output) are redacted in
/// each. Escapes and characters are never torn: a spot that ends inside of one takes all of it. Line ends at the end of a spot
/// stay. Everything outside of the spots, or of the cleared outputs and the comma that goes with each, is kept byte for byte;
/// mending what is mended changes nothing. O(n + s log s) for n bytes and s spots.
///
/// # Errors
/// [`Error`] if the file is no notebook, a spot is not in it, or the result would be none.
pub fn notebook(
    bytes: &[u8],
    spots: &[Spot],
    how: How,
    reach: Reach,
    budget: &Budget,
) -> Result<Fixed, Error> {
    let spots = merged(spots, bytes.len() as u64)?;
    let document = Document::parse(bytes, &LIMITS, budget)?;
    if !is_notebook(document.root()) {
        return Err(Error::NotNotebook);
    }
    let found = structure::find(document.root(), &spots);
    let plan = redact::plan(&found, &spots, how, reach);
    let mut fixed = Fixed {
        bytes: Vec::with_capacity(bytes.len()),
        cleared_outputs: plan.cleared_outputs,
        redacted: plan.redacted,
        untouched_in_source: plan.untouched_in_source,
        untouched_elsewhere: plan.untouched_elsewhere,
        left: plan
            .left
            .iter()
            .filter_map(|number| spots.get(*number))
            .map(|spot| Spot {
                start: spot.start as u64,
                end: spot.end as u64,
            })
            .collect(),
        moves: Vec::with_capacity(plan.edits.len()),
    };
    let mut from = 0;
    for edit in &plan.edits {
        fixed
            .bytes
            .extend_from_slice(bytes.get(from..edit.range.start).ok_or(Error::WouldBreak)?);
        fixed.bytes.extend_from_slice(edit.text.as_bytes());
        from = edit.range.end;
        let now = i64::try_from(fixed.bytes.len()).unwrap_or(i64::MAX);
        let then = i64::try_from(from).unwrap_or(i64::MAX);
        fixed.moves.push((from as u64, now - then));
    }
    fixed
        .bytes
        .extend_from_slice(bytes.get(from..).ok_or(Error::WouldBreak)?);
    if !plan.edits.is_empty() {
        let result = Document::parse(&fixed.bytes, &LIMITS, budget).map_err(|error| match error {
            JsonError::Budget(error) => Error::Budget(error),
            _ => Error::WouldBreak,
        })?;
        if !is_notebook(result.root()) {
            return Err(Error::WouldBreak);
        }
    }
    Ok(fixed)
}

/// The spots sorted, with those that overlap or touch as one, without empty ones.
fn merged(spots: &[Spot], len: u64) -> Result<Vec<Range<usize>>, Error> {
    let mut sorted = spots.to_vec();
    sorted.sort_unstable();
    let mut out: Vec<Range<usize>> = Vec::with_capacity(sorted.len());
    for spot in sorted {
        let bad = Error::OutOfRange {
            start: spot.start,
            end: spot.end,
            len,
        };
        if spot.start > spot.end || spot.end > len {
            return Err(bad);
        }
        let (Ok(start), Ok(end)) = (usize::try_from(spot.start), usize::try_from(spot.end)) else {
            return Err(bad);
        };
        match out.last_mut() {
            _ if start == end => {}
            Some(last) if start <= last.end => last.end = last.end.max(end),
            _ => out.push(start..end),
        }
    }
    Ok(out)
}
