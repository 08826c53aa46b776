//! A stream of bytes that knows its line and column.

use std::io::Read;

use anyhow::Result;

const BUFFER: usize = 64 * 1024;

/// Reads bytes one by one or in runs.
pub(crate) struct Bytes<R> {
    reader: R,
    buffer: Vec<u8>,
    at: usize,
    /// Line feeds read.
    pub(crate) line: u64,
    /// Code points read since the last line feed.
    pub(crate) column: u64,
    /// Bytes read.
    pub(crate) offset: u64,
}

impl<R: Read> Bytes<R> {
    pub(crate) const fn new(reader: R) -> Self {
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
    pub(crate) fn peek(&mut self) -> Result<Option<u8>> {
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
    pub(crate) fn ahead(&mut self) -> Result<&[u8]> {
        self.peek()?;
        Ok(self.buffer.get(self.at..).unwrap_or_default())
    }

    /// Moves the next byte to `out`.
    pub(crate) fn take(&mut self, out: &mut Vec<u8>) -> Result<Option<u8>> {
        let byte = self.peek()?;
        if let Some(byte) = byte {
            out.push(byte);
            self.at += 1;
            self.count(&[byte]);
        }
        Ok(byte)
    }

    /// Moves bytes to `out` up to the next one that `is_stop`, or the end; returns that byte.
    pub(crate) fn take_until(
        &mut self,
        out: &mut Vec<u8>,
        is_stop: impl Fn(u8) -> bool,
    ) -> Result<Option<u8>> {
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
