//! A stream of bytes that knows its line and column.

use std::io::Read;

use super::Error;

const BUFFER: usize = 64 * 1024;
/// U+FEFF in UTF-8. Other characters begin with two of its bytes.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads bytes one by one or in runs.
pub(super) struct Bytes<R> {
    reader: R,
    buffer: Vec<u8>,
    at: usize,
    /// Line feeds read.
    pub(super) line: u64,
    /// Code points read since the last line feed.
    pub(super) column: u64,
    /// Bytes read.
    pub(super) offset: u64,
}

impl<R: Read> Bytes<R> {
    pub(super) const fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            at: 0,
            line: 0,
            column: 0,
            offset: 0,
        }
    }

    /// The next byte, which stays; none at the end.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, Error> {
        if self.at == self.buffer.len() {
            self.buffer.clear();
            self.at = 0;
            self.reader
                .by_ref()
                .take(BUFFER as u64)
                .read_to_end(&mut self.buffer)?;
        }
        Ok(self.buffer.get(self.at).copied())
    }

    /// Bytes that come next, as many as are at hand; empty at the end.
    pub(super) fn ahead(&mut self) -> Result<&[u8], Error> {
        self.peek()?;
        Ok(self.buffer.get(self.at..).unwrap_or_default())
    }

    /// Moves a byte order mark to `out`, if the text begins with one.
    pub(super) fn take_mark(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.offset == 0 && self.ahead()?.starts_with(MARK) {
            for _ in MARK {
                self.take(out)?;
            }
        }
        Ok(())
    }

    /// Moves the next byte to `out`.
    pub(super) fn take(&mut self, out: &mut Vec<u8>) -> Result<Option<u8>, Error> {
        let byte = self.peek()?;
        if let Some(byte) = byte {
            out.push(byte);
            self.at += 1;
            self.count(&[byte]);
        }
        Ok(byte)
    }

    /// Moves bytes to `out` up to the next one that `is_stop`, or the end; returns that byte.
    pub(super) fn take_until(
        &mut self,
        out: &mut Vec<u8>,
        is_stop: impl Fn(u8) -> bool,
    ) -> Result<Option<u8>, Error> {
        loop {
            let next = self.peek()?;
            if next.is_none_or(&is_stop) {
                return Ok(next);
            }
            let rest = self.buffer.get(self.at..).unwrap_or_default();
            let length = rest.iter().position(|b| is_stop(*b)).unwrap_or(rest.len());
            let run = rest.get(..length).unwrap_or_default();
            out.extend_from_slice(run);
            let (lines, column) = measure(run);
            self.line += lines;
            self.column = if lines > 0 { column } else { self.column + column };
            self.offset += length as u64;
            self.at += length;
        }
    }

    fn count(&mut self, run: &[u8]) {
        let (lines, column) = measure(run);
        self.line += lines;
        self.column = if lines > 0 { column } else { self.column + column };
        self.offset += run.len() as u64;
    }
}

/// Line feeds in `run`, and code points that begin after the last one.
fn measure(run: &[u8]) -> (u64, u64) {
    let lines = run.iter().filter(|b| **b == b'\n').count() as u64;
    let last = run.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let tail = run.get(last..).unwrap_or_default();
    (lines, tail.iter().filter(|b| (**b as i8) >= -0x40).count() as u64)
}
