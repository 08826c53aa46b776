//! What a file's texts are, and where they stand for people.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::kind::FileKind;
use super::map::{Map, Piece};

/// What a [`Segment`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SegmentKind {
    /// A file's text, whole.
    Text,
    /// The source of a code cell.
    Source,
    /// A Markdown or heading cell.
    Markdown,
    /// A raw cell.
    Raw,
    /// What a cell printed.
    Stream,
    /// What a cell showed, in one MIME type.
    Data,
    /// Name, value or traceback of an error in an output.
    Failure,
    /// A file attached to a cell, or its name.
    Attachment,
    /// Metadata of a notebook, cell or output.
    Metadata,
    /// Members that the format does not know.
    Unknown,
    /// Derived: `column: value` for each cell of a table of HTML, of text, or of a CSV file.
    Table,
    /// Derived: `key: value` for strings of JSON that have escapes, decoded.
    Strings,
    /// Derived: what can be read in a binary file.
    Printable,
    /// The text of a part of an office document.
    Office,
}

impl SegmentKind {
    /// Whether the same bytes stand in another segment too: findings are then told once, by their bytes in the file.
    #[must_use]
    pub const fn is_derived(self) -> bool {
        matches!(self, Self::Table | Self::Strings)
    }
}

/// Where a segment stands, for people: `cell 3, output 1, text/html`. Never shows text of the file but MIME types.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// The cell, from 1.
    pub cell: Option<u32>,
    /// The output of that cell, from 1.
    pub output: Option<u32>,
    /// What of it; empty for a whole file.
    pub part: Cow<'static, str>,
}

impl Place {
    pub(super) fn of(part: impl Into<Cow<'static, str>>) -> Self {
        Self {
            part: part.into(),
            ..Self::default()
        }
    }

    pub(super) fn with(&self, part: impl Into<Cow<'static, str>>) -> Self {
        Self {
            part: part.into(),
            ..self.clone()
        }
    }

    /// The same place, one step further in.
    pub(super) fn inside(&self, what: &str) -> Self {
        let part = if self.part.is_empty() {
            what.to_owned()
        } else {
            format!("{}, {what}", self.part)
        };
        self.with(part)
    }
}

impl From<&str> for Place {
    /// Reads what `Display` wrote: a finding's `place`.
    fn from(text: &str) -> Self {
        let mut place = Self::default();
        let mut rest = text;
        for (word, into) in [("cell ", &mut place.cell), ("output ", &mut place.output)] {
            let Some(after) = rest.strip_prefix(word) else {
                continue;
            };
            let (number, left) = after.split_once(", ").unwrap_or((after, ""));
            if let Ok(number) = number.parse() {
                (*into, rest) = (Some(number), left);
            }
        }
        place.with(rest.to_owned())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        if let Some(cell) = self.cell {
            write!(f, "cell {cell}")?;
            comma = ", ";
        }
        if let Some(output) = self.output {
            write!(f, "{comma}output {output}")?;
            comma = ", ";
        }
        if !self.part.is_empty() {
            write!(f, "{comma}{}", self.part)?;
        }
        Ok(())
    }
}

/// A text for detectors, with its way back to the bytes of the file.
#[derive(Clone, PartialEq, Eq)]
pub struct Segment<'a> {
    /// The text: UTF-8 if it was decoded, else as it stands in the file.
    pub text: Cow<'a, [u8]>,
    /// Where it stands, for people.
    pub place: Place,
    /// What it is.
    pub kind: SegmentKind,
    pub(super) map: Map,
}

impl fmt::Debug for Segment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment")
            .field("kind", &self.kind)
            .field("place", &self.place)
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

impl<'a> Segment<'a> {
    pub(super) fn new(kind: SegmentKind, place: Place, piece: Piece<'a>) -> Self {
        Self {
            text: piece.text,
            place,
            kind,
            map: piece.map,
        }
    }

    /// The bytes of the file from which `span` of the text comes, from the first to the last of them. Escapes and characters
    /// are never torn. Quotes, commas and line ends of the JSON between two strings of a list may be inside.
    /// Empty if nothing of `span` stands in the file (names of columns before values): such a match is no finding.
    #[must_use]
    pub fn file_span(&self, span: Range<usize>) -> Range<u64> {
        self.map.span(span)
    }

    /// The same in pieces, without what stands between them.
    #[must_use]
    pub fn file_spans(&self, span: Range<usize>) -> Vec<Range<u64>> {
        self.map.spans(span)
    }

    /// Whether [`file_span`](Self::file_span) is exact to the byte; false for what was unpacked.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.map.is_exact()
    }

    /// The text as UTF-8 of the same length: each byte that is not UTF-8 is a `?`, so that places stay right.
    #[must_use]
    pub fn utf8(&self) -> Cow<'_, str> {
        match std::str::from_utf8(&self.text) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => {
                let mut text = String::with_capacity(self.text.len());
                for chunk in self.text.utf8_chunks() {
                    text.push_str(chunk.valid());
                    text.extend(chunk.invalid().iter().map(|_| '?'));
                }
                Cow::Owned(text)
            }
        }
    }

    /// The same, with all of the text in the bytes `whole` of the file in which this one's file is packed.
    pub(super) fn packed(self, whole: Range<u64>, place: &str) -> Segment<'static> {
        Segment {
            text: Cow::Owned(self.text.into_owned()),
            place: if self.place.part.is_empty() && self.place.cell.is_none() {
                Place::of(place.to_owned())
            } else {
                self.place.with(format!("{}, {place}", self.place.part))
            },
            kind: self.kind,
            map: Map::whole(whole),
        }
    }
}

/// Why a part of a file was not read as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// An image, sound, video or font.
    Media,
    /// A PDF.
    Pdf,
    /// Binary data of no known text.
    Binary,
    /// More than the limits allow. This part was **not** looked at.
    OverLimit,
    /// It is packed and does not unpack. This part was **not** looked at.
    Damaged,
    /// It should be JSON but is not: its text was read whole instead.
    NotJson,
}

impl SkipReason {
    /// The words of reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Media => "image, sound, video or font",
            Self::Pdf => "PDF",
            Self::Binary => "binary data",
            Self::OverLimit => "over the limits, not looked at",
            Self::Damaged => "does not unpack, not looked at",
            Self::NotJson => "not valid JSON, read as plain text",
        }
    }

    /// Whether something that may hold text was not looked at.
    #[must_use]
    pub const fn leaves_a_gap(self) -> bool {
        matches!(self, Self::Pdf | Self::OverLimit | Self::Damaged)
    }
}

/// A part of a file that was not read as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Where it stands, for people.
    pub place: Place,
    /// Its bytes in the file.
    pub bytes: Range<u64>,
    /// Why.
    pub reason: SkipReason,
}

/// The texts of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segments<'a> {
    /// What the file is.
    pub kind: FileKind,
    /// Its texts, in the order of the file; derived ones follow what they were derived from.
    pub segments: Vec<Segment<'a>>,
    /// What was not read.
    pub skipped: Vec<Skipped>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_as_it_was_written() {
        for (cell, output, part) in [
            (None, None, ""),
            (None, None, "metadata"),
            (Some(3), None, "source"),
            (Some(3), Some(1), "text/html, row 2"),
            (Some(12), Some(4), ""),
        ] {
            let place = Place {
                cell,
                output,
                part: part.into(),
            };
            assert_eq!(Place::from(place.to_string().as_str()), place);
        }
        assert_eq!(Place::from("cell x, output").cell, None);
    }
}
