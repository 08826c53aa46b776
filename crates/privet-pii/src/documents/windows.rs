//! Plain text of any length from a reader, as windows that overlap.

use std::io::{ErrorKind, Read};

use super::Error;
use crate::{Window, Windows};

/// Bytes read at once.
const READ: usize = 64 * 1024;

/// Reads a text as [`Windows`], in constant memory.
#[derive(Debug)]
pub struct WindowReader<R> {
    reader: R,
    windows: Windows,
    piece: Vec<u8>,
}

impl<R: Read> WindowReader<R> {
    /// Reads from `reader`, which may be unbuffered.
    pub fn new(reader: R) -> Self {
        Self::with_windows(reader, Windows::default())
    }

    /// The same with windows of other sizes.
    pub fn with_windows(reader: R, windows: Windows) -> Self {
        Self {
            reader,
            windows,
            piece: vec![0; READ],
        }
    }

    /// The next window; none at the end.
    ///
    /// # Errors
    /// [`Error::Read`] if the text cannot be read, [`Error::Utf8`] if it is not UTF-8.
    pub fn next_window(&mut self) -> Result<Option<Window>, Error> {
        while self.windows.wanted() > 0 {
            let most = self.windows.wanted().min(self.piece.len());
            let Some(room) = self.piece.get_mut(..most) else {
                break;
            };
            match self.reader.read(room) {
                Ok(0) => self.windows.end(),
                Ok(read) => self.windows.push(self.piece.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.windows.next_window().map_err(|error| match error {
            crate::Error::NotUtf8 { at } => Error::Utf8 { at },
            other => std::io::Error::other(other).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_not_utf8_is_refused_with_its_place() {
        let mut bytes = "a".repeat(100).into_bytes();
        bytes.push(0xe4);
        bytes.extend_from_slice(&[b'a'; 10]);
        let mut reader = WindowReader::with_windows(bytes.as_slice(), Windows::with_sizes(16, 8));
        let error = loop {
            match reader.next_window() {
                Ok(window) => assert!(window.is_some()),
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains("at byte 100"), "{error}");
    }
}
