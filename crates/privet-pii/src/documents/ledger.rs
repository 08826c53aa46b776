//! The manifest file: what restoring a document needs besides the key. JSON Lines: a head, one line for each piece of the
//! document that was changed, and an end that tells a whole file from a cut one.

use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};

use super::Error;
use crate::Manifest;

const VERSION: u32 = 1;

/// How the document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Plain text, in blocks.
    Text,
    /// Records, one a line.
    Jsonl,
    /// JSON documents.
    Json,
    /// A table.
    Csv,
}

/// The first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    privet_manifest: u32,
    /// How the document is written.
    pub shape: Shape,
    /// Of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<u8>,
}

/// A piece that was changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// Which value of the document, counted from 0; of a text, which block.
    pub index: u64,
    /// Of a text: bytes of the anonymised block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// How the value was written.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub writing: u8,
    /// What was done to it.
    pub manifest: Manifest,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(writing: &u8) -> bool {
    *writing == 0
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    pieces: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Piece(Box<Piece>),
    End(End),
}

/// Writes a manifest file.
pub struct LedgerWriter<W> {
    out: W,
    has_head: bool,
    pieces: u64,
}

impl<W: Write> LedgerWriter<W> {
    /// Writes to `out`, which had better be buffered.
    pub const fn new(out: W) -> Self {
        Self {
            out,
            has_head: false,
            pieces: 0,
        }
    }

    /// Writes the head, once; a second one is passed over.
    ///
    /// # Errors
    /// [`Error::Read`] if it cannot be written.
    pub fn head(&mut self, shape: Shape, delimiter: Option<u8>) -> Result<(), Error> {
        if !self.has_head {
            self.has_head = true;
            self.line(&Head {
                privet_manifest: VERSION,
                shape,
                delimiter,
            })?;
        }
        Ok(())
    }

    /// Writes a piece; in rising order of their indices.
    ///
    /// # Errors
    /// [`Error::Read`] if it cannot be written.
    pub fn piece(&mut self, piece: &Piece) -> Result<(), Error> {
        self.pieces += 1;
        self.line(piece)
    }

    /// Writes the end; returns what it was written to.
    ///
    /// # Errors
    /// [`Error::Read`] if it cannot be written.
    pub fn finish(mut self) -> Result<W, Error> {
        let pieces = self.pieces;
        self.line(&End { pieces })?;
        Ok(self.out)
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), Error> {
        serde_json::to_writer(&mut self.out, line)?;
        Ok(self.out.write_all(b"\n")?)
    }
}

/// Reads a manifest file.
pub struct LedgerReader<R> {
    reader: R,
    head: Head,
    next: Option<Piece>,
    pieces: u64,
    line: u64,
}

impl<R: BufRead> LedgerReader<R> {
    /// Reads the head and the first piece.
    ///
    /// # Errors
    /// [`Error::NoManifest`] if it is no manifest, [`Error::Version`] if it is a later one, [`Error::Cut`] if it ends too
    /// early, [`Error::Read`] if it cannot be read.
    pub fn new(mut reader: R) -> Result<Self, Error> {
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let head = serde_json::from_str::<Head>(&first).map_err(|_| Error::NoManifest)?;
        if head.privet_manifest != VERSION {
            return Err(Error::Version {
                version: head.privet_manifest,
                known: VERSION,
            });
        }
        let mut opened = Self {
            reader,
            head,
            next: None,
            pieces: 0,
            line: 1,
        };
        opened.advance()?;
        Ok(opened)
    }

    /// How the document is written.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The piece with this index, if that one was changed. Asked for in rising order.
    ///
    /// # Errors
    /// [`Error::Cut`] if the manifest ends too early, [`Error::Read`] if it cannot be read.
    pub fn piece(&mut self, index: u64) -> Result<Option<Piece>, Error> {
        if self.next.as_ref().is_none_or(|piece| piece.index != index) {
            return Ok(None);
        }
        self.next_piece()
    }

    /// The next piece; none behind the last.
    ///
    /// # Errors
    /// [`Error::Cut`] if the manifest ends too early, [`Error::Read`] if it cannot be read.
    pub fn next_piece(&mut self) -> Result<Option<Piece>, Error> {
        let piece = self.next.take();
        if piece.is_some() {
            self.advance()?;
        }
        Ok(piece)
    }

    /// Says that the document has ended.
    ///
    /// # Errors
    /// [`Error::Short`] if the manifest tells of pieces that nobody asked for.
    pub fn finish(self) -> Result<(), Error> {
        match self.next {
            Some(_) => Err(Error::Short),
            None => Ok(()),
        }
    }

    fn advance(&mut self) -> Result<(), Error> {
        let mut text = String::new();
        self.line += 1;
        self.reader.read_line(&mut text)?;
        match serde_json::from_str::<Line>(&text) {
            Ok(Line::Piece(piece)) => {
                self.pieces += 1;
                self.next = Some(*piece);
                Ok(())
            }
            Ok(Line::End(end)) if end.pieces == self.pieces => Ok(()),
            _ => Err(Error::Cut { line: self.line }),
        }
    }
}
