//! Tables of delimited values (RFC 4180) of any length as a stream of cells, each as it is written.

use std::io::Read;

use super::Error;
use super::bytes::Bytes;
use super::leaf::{At, Kind, Leaf};

/// Reads cells in the order of the text.
pub struct CsvLeaves<R> {
    bytes: Bytes<R>,
    delimiter: Option<u8>,
    has_header: bool,
    names: Vec<String>,
    record: u64,
    field: u64,
    is_done: bool,
}

impl<R: Read> CsvLeaves<R> {
    /// `delimiter`: without one, the likeliest of the first line. `has_header`: whether the first record holds names.
    pub const fn new(reader: R, delimiter: Option<u8>, has_header: bool) -> Self {
        Self {
            bytes: Bytes::new(reader),
            delimiter,
            has_header,
            names: Vec::new(),
            record: 1,
            field: 0,
            is_done: false,
        }
    }

    /// The next cell; last a leaf of [`Kind::End`], then none.
    ///
    /// # Errors
    /// [`Error::Read`] if the table cannot be read, [`Error::Utf8`] if it is not UTF-8, [`Error::Quotes`] if it ends within
    /// quotes.
    pub fn next_leaf(&mut self) -> Result<Option<Leaf>, Error> {
        if self.is_done {
            return Ok(None);
        }
        let mut before = Vec::new();
        self.bytes.take_mark(&mut before)?;
        let delimiter = self.delimiter()?;
        // What ends the cell before.
        if self.field > 0 {
            match self.bytes.peek()? {
                Some(byte) if byte == delimiter => {
                    self.bytes.take(&mut before)?;
                }
                Some(_) => self.end_record(&mut before)?,
                None => {}
            }
        }
        // Empty lines are no records.
        while self.field == 0 && matches!(self.bytes.peek()?, Some(b'\r' | b'\n')) {
            self.bytes.take(&mut before)?;
        }
        let is_end = self.bytes.peek()?.is_none() && before.last() != Some(&delimiter);
        self.field += 1;
        let (line, column) = (self.bytes.line, self.bytes.column);
        let (raw, text) = if is_end {
            self.is_done = true;
            (Vec::new(), String::new())
        } else {
            self.cell(delimiter)?
        };
        if self.has_header && self.record == 1 && !is_end {
            self.names.push(text.clone());
        }
        let index = usize::try_from(self.field - 1).unwrap_or(usize::MAX);
        let is_header = self.has_header && self.record == 1;
        let name = self.names.get(index).filter(|_| !is_header && !is_end).cloned();
        Ok(Some(Leaf {
            before,
            raw,
            text,
            context: name.clone(),
            at: At::Cell {
                record: self.record,
                field: self.field,
                name,
            },
            kind: if is_end { Kind::End } else { Kind::Cell(delimiter) },
            line,
            column,
        }))
    }

    fn delimiter(&mut self) -> Result<u8, Error> {
        if let Some(known) = self.delimiter {
            return Ok(known);
        }
        let found = likeliest(self.bytes.ahead()?);
        self.delimiter = Some(found);
        Ok(found)
    }

    fn end_record(&mut self, before: &mut Vec<u8>) -> Result<(), Error> {
        if self.bytes.take(before)? == Some(b'\r') && self.bytes.peek()? == Some(b'\n') {
            self.bytes.take(before)?;
        }
        self.record += 1;
        self.field = 0;
        Ok(())
    }

    /// A cell as written, and what it says. What stands behind a closing quote belongs to the cell.
    fn cell(&mut self, delimiter: u8) -> Result<(Vec<u8>, String), Error> {
        let ends = |b: u8| b == delimiter || b == b'\n' || b == b'\r';
        let mut raw = Vec::new();
        let mut text = Vec::new();
        if self.bytes.peek()? == Some(b'"') {
            let opened = self.bytes.line + 1;
            self.bytes.take(&mut raw)?;
            loop {
                let from = raw.len();
                let next = self.bytes.take_until(&mut raw, |b| b == b'"')?;
                text.extend_from_slice(raw.get(from..).unwrap_or_default());
                if next.is_none() {
                    return Err(Error::Quotes { line: opened });
                }
                self.bytes.take(&mut raw)?;
                if self.bytes.peek()? != Some(b'"') {
                    break;
                }
                self.bytes.take(&mut raw)?;
                text.push(b'"');
            }
        }
        let from = raw.len();
        self.bytes.take_until(&mut raw, ends)?;
        text.extend_from_slice(raw.get(from..).unwrap_or_default());
        match String::from_utf8(text) {
            Ok(text) => Ok((raw, text)),
            Err(error) => {
                let left = error.as_bytes().len() - error.utf8_error().valid_up_to();
                Err(Error::Utf8 {
                    at: self.bytes.offset.saturating_sub(left as u64),
                })
            }
        }
    }
}

/// The delimiter that stands most often in the first line, outside quotes.
fn likeliest(ahead: &[u8]) -> u8 {
    let mut counts = [(b',', 0_u32), (b';', 0), (b'\t', 0), (b'|', 0)];
    let mut is_quoted = false;
    for byte in ahead {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' if !is_quoted => break,
            byte if !is_quoted => {
                for (delimiter, count) in &mut counts {
                    *count += u32::from(delimiter == byte);
                }
            }
            _ => {}
        }
    }
    let mut best = (b',', 0);
    for (delimiter, count) in counts {
        if count > best.1 {
            best = (delimiter, count);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(text: &str, has_header: bool) -> Result<Vec<Leaf>, Error> {
        let mut reader = CsvLeaves::new(text.as_bytes(), None, has_header);
        let mut all = Vec::new();
        while let Some(leaf) = reader.next_leaf()? {
            all.push(leaf);
        }
        Ok(all)
    }

    #[test]
    fn a_cell_that_begins_with_a_byte_order_mark_keeps_it_when_it_is_written_again() {
        let all = leaves("\"\"\u{feff}a,b\n", false).unwrap();
        assert_eq!(all[0].text, "\u{feff}a");
        let written: String = all
            .iter()
            .map(|l| {
                let before = String::from_utf8(l.before.clone()).unwrap();
                before + &crate::documents::write(&l.text, l.kind, l.writing())
            })
            .collect();
        let again = leaves(&written, false).unwrap();
        assert_eq!(again[0].text, "\u{feff}a");
    }

    #[test]
    fn cells_have_their_column_as_context_and_make_the_text_again() {
        for text in [
            "name;note\r\nAda;\"a;\"\"b\"\"\r\nc\"\r\n\r\n;x\r\n",
            "a,b\n1,2\n3,\n",
            "a,b\n1,2\n3,",
            "\u{feff}a\tb\n1\t2",
            "one",
            "",
            "\n\n",
        ] {
            let all = leaves(text, true).unwrap();
            let written: Vec<u8> = all
                .iter()
                .flat_map(|l| [l.before.clone(), l.raw.clone()].concat())
                .collect();
            assert_eq!(String::from_utf8(written).unwrap(), text);
            assert_eq!(all.iter().filter(|l| l.kind == Kind::End).count(), 1);
        }
        let all = leaves("name;note\r\nAda;\"a;\"\"b\"\"\r\nc\"\r\n\r\n;x\r\n", true).unwrap();
        let seen: Vec<_> = all
            .iter()
            .map(|l| {
                let At::Cell { record, field, .. } = &l.at else {
                    panic!("a cell")
                };
                (*record, *field, l.text.as_str(), l.context.as_deref())
            })
            .collect();
        assert_eq!(
            seen[..6],
            [
                (1, 1, "name", None),
                (1, 2, "note", None),
                (2, 1, "Ada", Some("name")),
                (2, 2, "a;\"b\"\r\nc", Some("note")),
                (3, 1, "", Some("name")),
                (3, 2, "x", Some("note")),
            ]
        );
        let values = |text: &str| leaves(text, true).unwrap().len();
        assert_eq!(values("a,b\n3,"), 5);
    }

    #[test]
    fn a_first_letter_that_shares_bytes_with_a_byte_order_mark_is_read() {
        // U+FEFB and U+FEFE begin with EF BB, as the mark does.
        for text in ["\u{fefb}x,y", "\u{feff}\u{fefb}x,y"] {
            let all = leaves(text, false).unwrap();
            assert_eq!(all[0].text, "\u{fefb}x");
        }
    }

    #[test]
    fn a_table_that_ends_within_quotes_is_refused() {
        let error = leaves("a,b\n\"SECRET", true).unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains("SECRET"), "{error}");
    }
}
