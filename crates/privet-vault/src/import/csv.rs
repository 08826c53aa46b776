//! Rows of CSV (RFC 4180), one at a time.

use std::io::BufRead;

use super::read::{TOO_LONG, Trouble};
use crate::Error;
use crate::subject::MOST_BYTES;

/// A reader of rows. Bounded: a row past its limit is no row, and one with a quoted cell of more than 1 MiB ends the reading.
#[derive(Debug)]
pub(super) struct Rows<R> {
    reader: R,
    delimiter: u8,
    /// Most bytes of a row.
    most: usize,
    /// The line that is read next.
    line: u64,
}

/// A row: its cells as bytes.
#[derive(Debug, Default)]
pub(super) struct Row {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// The line that a row begins on, and the row.
type Numbered = (u64, Result<Row, Trouble>);

/// Where in a row the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// At the beginning of a cell.
    Start,
    /// In a cell without quotes.
    Plain,
    /// Between quotes.
    Quoted,
    /// Behind a quote that ends a cell, or is the first of two.
    Closed,
    /// In a row that is not taken.
    Skipped(&'static str),
}

impl Row {
    /// Its cells, in order.
    pub(super) fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default())
    }

    fn end_cell(&mut self) {
        self.ends.push(self.bytes.len());
    }

    fn is_blank(&self) -> bool {
        self.ends.len() == 1 && self.bytes.is_empty()
    }
}

impl<R: BufRead> Rows<R> {
    pub(super) const fn new(reader: R, delimiter: u8, most: usize) -> Self {
        Self {
            reader,
            delimiter,
            most,
            line: 1,
        }
    }

    /// The next row that is not blank, and the line it begins on.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::BadImport`] if a quoted cell does not end, for then nobody knows where the next row is.
    pub(super) fn next(&mut self) -> Result<Option<Numbered>, Error> {
        loop {
            let line = self.line;
            let Some(row) = self.row(line)? else {
                return Ok(None);
            };
            if !row.as_ref().is_ok_and(Row::is_blank) {
                return Ok(Some((line, row)));
            }
        }
    }

    fn row(&mut self, line: u64) -> Result<Option<Result<Row, Trouble>>, Error> {
        let mut row = Row::default();
        let mut at = At::Start;
        let mut is_empty = true;
        loop {
            let buffer = self.reader.fill_buf().map_err(Error::Read)?;
            if buffer.is_empty() {
                return match at {
                    At::Quoted => Err(unended(line)),
                    _ if is_empty => Ok(None),
                    _ => Ok(Some(finish(row, at))),
                };
            }
            is_empty = false;
            let mut read = 0;
            let mut is_done = false;
            for byte in buffer {
                read += 1;
                self.line += u64::from(*byte == b'\n');
                if *byte == b'\n' && at != At::Quoted {
                    is_done = true;
                    break;
                }
                at = step(&mut row, at, *byte, self.delimiter);
            }
            self.reader.consume(read);
            // Cells take room also if they are empty.
            if row.bytes.len() + row.ends.len() > self.most {
                // Nobody knows where a cell ends whose end is not read.
                if at == At::Quoted && row.bytes.len() > MOST_BYTES {
                    return Err(unended(line));
                }
                if at != At::Quoted {
                    at = At::Skipped(TOO_LONG);
                    row = Row::default();
                }
            }
            if is_done {
                return Ok(Some(finish(row, at)));
            }
        }
    }
}

fn step(row: &mut Row, at: At, byte: u8, delimiter: u8) -> At {
    match (at, byte) {
        (At::Skipped(_), _) => at,
        (At::Start | At::Plain | At::Closed, _) if byte == delimiter => {
            row.end_cell();
            At::Start
        }
        (At::Start, b'"') => At::Quoted,
        (At::Plain, b'"') => At::Skipped("a quote stands in a cell that does not begin with one"),
        (At::Quoted, b'"') => At::Closed,
        (At::Closed, b'"') => {
            row.bytes.push(b'"');
            At::Quoted
        }
        // Of the line's end.
        (At::Closed, b'\r') => At::Closed,
        (At::Closed, _) => At::Skipped("a quoted cell goes on behind its quote"),
        (At::Start | At::Plain, _) => {
            row.bytes.push(byte);
            At::Plain
        }
        (At::Quoted, _) => {
            row.bytes.push(byte);
            At::Quoted
        }
    }
}

fn finish(mut row: Row, at: At) -> Result<Row, Trouble> {
    if let At::Skipped(why) = at {
        return Err(Trouble { field: None, why });
    }
    if at == At::Plain && row.bytes.last() == Some(&b'\r') {
        row.bytes.pop();
    }
    row.end_cell();
    Ok(row)
}

const fn unended(line: u64) -> Error {
    Error::BadImport {
        line,
        why: "a quoted cell does not end",
    }
}
