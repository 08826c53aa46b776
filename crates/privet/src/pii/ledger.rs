//! The manifest file on disk.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use privet_pii::documents::{Error, Head, LedgerReader, LedgerWriter, Piece, Shape};

use super::sink::Sink;

/// Writes a manifest file.
pub(crate) struct Writer(LedgerWriter<Sink>);

impl Writer {
    /// # Errors
    /// If the file cannot be made.
    pub(crate) fn new(path: &Path) -> Result<Self> {
        if path.as_os_str() == "-" {
            bail!("`--manifest -`: the manifest is a file of its own; name one");
        }
        Ok(Self(LedgerWriter::new(Sink::new(Some(path))?)))
    }

    /// Writes the head, once.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn head(&mut self, shape: Shape, delimiter: Option<u8>) -> Result<()> {
        Ok(self.0.head(shape, delimiter)?)
    }

    /// # Errors
    /// If it cannot be written.
    pub(crate) fn piece(&mut self, piece: &Piece) -> Result<()> {
        Ok(self.0.piece(piece)?)
    }

    /// # Errors
    /// If it cannot be written.
    pub(crate) fn finish(self) -> Result<()> {
        self.0.finish()?.finish()
    }
}

/// Reads a manifest file.
pub(crate) struct Reader {
    name: String,
    pieces: LedgerReader<BufReader<File>>,
}

impl Reader {
    /// # Errors
    /// If the file cannot be read or is no manifest.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| format!("cannot read manifest `{name}`"))?;
        let pieces = LedgerReader::new(BufReader::new(file)).map_err(|error| named(&name, error))?;
        Ok(Self { name, pieces })
    }

    /// How the document is written.
    pub(crate) const fn head(&self) -> &Head {
        self.pieces.head()
    }

    /// The piece with this index, if that one was changed. Asked for in rising order.
    ///
    /// # Errors
    /// If the manifest cannot be read.
    pub(crate) fn piece(&mut self, index: u64) -> Result<Option<Piece>> {
        self.pieces.piece(index).map_err(|error| named(&self.name, error))
    }

    /// The next piece.
    ///
    /// # Errors
    /// If the manifest cannot be read.
    pub(crate) fn next_piece(&mut self) -> Result<Option<Piece>> {
        self.pieces.next_piece().map_err(|error| named(&self.name, error))
    }

    /// # Errors
    /// If the manifest tells of pieces that the document does not have.
    pub(crate) fn finish(self) -> Result<()> {
        self.pieces.finish().map_err(|error| named(&self.name, error))
    }
}

fn named(name: &str, error: Error) -> anyhow::Error {
    match error {
        Error::Read(error) => anyhow::Error::new(error).context(format!("cannot read manifest `{name}`")),
        Error::Short => anyhow!("the document is shorter than the one that manifest `{name}` describes"),
        error => anyhow!("manifest `{name}` {error}"),
    }
}
