//! The manifest file: what restoring a document needs besides the key. JSON Lines: a head, one line for each piece of the
//! document that was changed, and an end that tells a whole file from a cut one.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use privet_pii::Manifest;
use serde::{Deserialize, Serialize};

use super::sink::Sink;
use super::source::DataFormat;

const VERSION: u32 = 1;

/// How the document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shape {
    Text,
    Jsonl,
    Json,
    Csv,
}

impl From<DataFormat> for Shape {
    fn from(format: DataFormat) -> Self {
        match format {
            DataFormat::Text | DataFormat::Markdown => Self::Text,
            DataFormat::Jsonl => Self::Jsonl,
            DataFormat::Json => Self::Json,
            DataFormat::Csv => Self::Csv,
        }
    }
}

/// The first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    privet_manifest: u32,
    pub(crate) shape: Shape,
    /// Of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delimiter: Option<u8>,
}

/// A piece that was changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Piece {
    /// Which value of the document, counted from 0; of a text, which block.
    pub(crate) index: u64,
    /// Of a text: bytes of the anonymised block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<u64>,
    /// How the value was written.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) writing: u8,
    pub(crate) manifest: Manifest,
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
pub(crate) struct Writer {
    sink: Sink,
    has_head: bool,
    pieces: u64,
}

impl Writer {
    /// # Errors
    /// If the file cannot be made.
    pub(crate) fn new(path: &Path) -> Result<Self> {
        if path.as_os_str() == "-" {
            bail!("`--manifest -`: the manifest is a file of its own; name one");
        }
        Ok(Self {
            sink: Sink::new(Some(path))?,
            has_head: false,
            pieces: 0,
        })
    }

    /// Writes the head, once.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn head(&mut self, shape: Shape, delimiter: Option<u8>) -> Result<()> {
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

    /// # Errors
    /// If it cannot be written.
    pub(crate) fn piece(&mut self, piece: &Piece) -> Result<()> {
        self.pieces += 1;
        self.line(piece)
    }

    /// # Errors
    /// If it cannot be written.
    pub(crate) fn finish(mut self) -> Result<()> {
        let pieces = self.pieces;
        self.line(&End { pieces })?;
        self.sink.finish()
    }

    fn line(&mut self, line: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.sink, line)?;
        Ok(self.sink.write_all(b"\n")?)
    }
}

/// Reads a manifest file.
pub(crate) struct Reader {
    name: String,
    reader: BufReader<std::fs::File>,
    pub(crate) head: Head,
    next: Option<Piece>,
    pieces: u64,
    line: u64,
}

impl Reader {
    /// # Errors
    /// If the file cannot be read or is no manifest.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let file = std::fs::File::open(path).with_context(|| format!("cannot read manifest `{name}`"))?;
        let mut reader = BufReader::new(file);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let head = match serde_json::from_str::<Head>(&first) {
            Ok(head) if head.privet_manifest == VERSION => head,
            Ok(head) => bail!(
                "manifest `{name}` is of version {}; this program reads version {VERSION}",
                head.privet_manifest
            ),
            Err(_) => bail!("`{name}` is no manifest of `privet pii anonymize`"),
        };
        let mut opened = Self {
            name,
            reader,
            head,
            next: None,
            pieces: 0,
            line: 1,
        };
        opened.advance()?;
        Ok(opened)
    }

    /// The piece with this index, if that one was changed. Asked for in rising order.
    ///
    /// # Errors
    /// If the manifest cannot be read.
    pub(crate) fn piece(&mut self, index: u64) -> Result<Option<Piece>> {
        if self.next.as_ref().is_none_or(|piece| piece.index != index) {
            return Ok(None);
        }
        let piece = self.next.take();
        self.advance()?;
        Ok(piece)
    }

    /// The next piece.
    ///
    /// # Errors
    /// If the manifest cannot be read.
    pub(crate) fn next_piece(&mut self) -> Result<Option<Piece>> {
        let piece = self.next.take();
        if piece.is_some() {
            self.advance()?;
        }
        Ok(piece)
    }

    /// # Errors
    /// If the manifest tells of pieces that the document does not have.
    pub(crate) fn finish(self) -> Result<()> {
        if self.next.is_some() {
            bail!(
                "the document is shorter than the one that manifest `{}` describes",
                self.name
            );
        }
        Ok(())
    }

    fn advance(&mut self) -> Result<()> {
        let mut text = String::new();
        self.line += 1;
        self.reader.read_line(&mut text)?;
        match serde_json::from_str::<Line>(&text) {
            Ok(Line::Piece(piece)) => {
                self.pieces += 1;
                self.next = Some(*piece);
            }
            Ok(Line::End(end)) if end.pieces == self.pieces => {}
            _ => bail!(
                "manifest `{}` is cut short or changed at line {}",
                self.name,
                self.line
            ),
        }
        Ok(())
    }
}
