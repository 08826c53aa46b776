//! Plain text of any length from a reader, in windows.

use std::io::Read;

use anyhow::Result;
use privet_pii::{Error, Window, Windows};

/// Bytes read at once.
const READ: usize = 64 * 1024;

/// Reads a text as windows.
pub(crate) struct Blocks<R> {
    reader: R,
    windows: Windows,
    piece: Vec<u8>,
}

impl<R: Read> Blocks<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            windows: Windows::default(),
            piece: vec![0; READ],
        }
    }

    /// The next window; none at the end.
    ///
    /// # Errors
    /// If the text cannot be read or is not UTF-8.
    pub(crate) fn next_window(&mut self) -> Result<Option<Window>> {
        while self.windows.wanted() > 0 {
            let most = self.windows.wanted().min(self.piece.len());
            let Some(room) = self.piece.get_mut(..most) else {
                break;
            };
            match self.reader.read(room) {
                Ok(0) => self.windows.end(),
                Ok(read) => self.windows.push(self.piece.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.windows.next_window()?)
    }
}

/// What to say of a text that is not UTF-8.
pub(crate) fn not_utf8(at: u64) -> String {
    Error::NotUtf8 { at }.to_string()
}
