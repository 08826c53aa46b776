//! The plain form of a backup, inside the seal.
//!
//! ```text
//! header    length: u32 | JSON of BackupHeader
//! row       0x52 | table: u16 | values, as many as the table has columns
//! end       0x45 | rows of each table: u64 …
//! value     0 | 1 i64 | 2 f64 | 3 length: u32, UTF-8 | 4 length: u32, bytes           integers little-endian
//! ```

use super::BackupHeader;
use crate::sql::{Value, ValueKind};

/// Longest header taken.
const MAX_HEADER: usize = 1 << 20;

/// Longest single value taken: SQLite's own default bound is 10⁹; Privet writes far less.
const MAX_VALUE: usize = 256 << 20;

const ROW: u8 = b'R';
const END: u8 = b'E';

/// A piece of a backup.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Frame {
    Row { table: u16, values: Vec<Value> },
    End { rows: Vec<u64> },
}

/// Why bytes are no backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadFrame {
    #[error("its header cannot be read")]
    Header,
    #[error("a row is of no table")]
    Table,
    #[error("a row holds something that is no value")]
    Value,
    #[error("something stands where a row should")]
    Frame,
    #[error("something follows its end")]
    Behind,
    #[error("it ends too early")]
    Early,
}

pub(super) fn write_header(header: &BackupHeader, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let json = serde_json::to_vec(header)?;
    write_bytes(&json, out);
    Ok(())
}

pub(super) fn write_row(table: u16, values: &[Value], out: &mut Vec<u8>) {
    out.push(ROW);
    out.extend_from_slice(&table.to_le_bytes());
    for value in values {
        match value {
            Value::Null(_) => out.push(0),
            Value::Int(value) => {
                out.push(1);
                out.extend_from_slice(&value.to_le_bytes());
            }
            Value::Real(value) => {
                out.push(2);
                out.extend_from_slice(&value.to_le_bytes());
            }
            Value::Text(value) => {
                out.push(3);
                write_bytes(value.as_bytes(), out);
            }
            Value::Bytes(value) => {
                out.push(4);
                write_bytes(value, out);
            }
        }
    }
}

pub(super) fn write_end(rows: &[u64], out: &mut Vec<u8>) {
    out.push(END);
    for rows in rows {
        out.extend_from_slice(&rows.to_le_bytes());
    }
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    // INVARIANT: nothing longer than `MAX_VALUE` is stored; a longer length would be refused on reading.
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Reads frames as their bytes come.
#[derive(Debug, Default)]
pub(super) struct FrameReader {
    bytes: Vec<u8>,
    at: usize,
    header: Option<BackupHeader>,
    is_ended: bool,
}

/// What a read needs more bytes for is tried again when they are there.
enum Short {
    More,
    Bad(BadFrame),
}

impl From<BadFrame> for Short {
    fn from(bad: BadFrame) -> Self {
        Self::Bad(bad)
    }
}

impl FrameReader {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The header, once it is there.
    pub(super) fn header(&mut self) -> Result<Option<&BackupHeader>, BadFrame> {
        if self.header.is_none() {
            let mut cursor = Cursor(self.rest());
            let json = match cursor.sized(MAX_HEADER) {
                Ok(json) => json,
                Err(Short::More) => return Ok(None),
                Err(Short::Bad(_)) => return Err(BadFrame::Header),
            };
            let header = serde_json::from_slice(json).map_err(|_| BadFrame::Header)?;
            self.at = self.bytes.len() - cursor.0.len();
            self.header = Some(header);
        }
        Ok(self.header.as_ref())
    }

    /// The next row or the end, if it is whole.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, BadFrame> {
        let Some(header) = self.header()?.cloned() else {
            return Ok(None);
        };
        if self.is_ended {
            return if self.rest().is_empty() {
                Ok(None)
            } else {
                Err(BadFrame::Behind)
            };
        }
        let mut cursor = Cursor(self.rest());
        let frame = match frame(&mut cursor, &header) {
            Ok(frame) => frame,
            Err(Short::More) => return Ok(None),
            Err(Short::Bad(bad)) => return Err(bad),
        };
        self.at = self.bytes.len() - cursor.0.len();
        self.is_ended = matches!(frame, Frame::End { .. });
        Ok(Some(frame))
    }

    /// That the end was there and nothing follows it.
    pub(super) fn finish(&self) -> Result<(), BadFrame> {
        match (self.is_ended, self.rest().is_empty()) {
            (true, true) => Ok(()),
            (true, false) => Err(BadFrame::Behind),
            (false, _) => Err(BadFrame::Early),
        }
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}

fn frame(cursor: &mut Cursor<'_>, header: &BackupHeader) -> Result<Frame, Short> {
    let [kind] = cursor.array()?;
    match kind {
        ROW => {
            let table = u16::from_le_bytes(cursor.array()?);
            let columns = header.tables.get(usize::from(table)).ok_or(BadFrame::Table)?;
            let values = columns.columns.iter().map(|_| cursor.value());
            Ok(Frame::Row {
                table,
                values: values.collect::<Result<_, _>>()?,
            })
        }
        END => {
            let rows = header
                .tables
                .iter()
                .map(|_| cursor.array().map(u64::from_le_bytes));
            Ok(Frame::End {
                rows: rows.collect::<Result<_, _>>()?,
            })
        }
        _ => Err(BadFrame::Frame.into()),
    }
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Short> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Short::More)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        self.take(N)?.try_into().map_err(|_| Short::More)
    }

    fn sized(&mut self, most: usize) -> Result<&'a [u8], Short> {
        let length = u32::from_le_bytes(self.array()?);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > most {
            return Err(BadFrame::Value.into());
        }
        self.take(length)
    }

    fn value(&mut self) -> Result<Value, Short> {
        let [kind] = self.array()?;
        Ok(match kind {
            0 => Value::Null(ValueKind::Int),
            1 => Value::Int(i64::from_le_bytes(self.array()?)),
            2 => Value::Real(f64::from_le_bytes(self.array()?)),
            3 => {
                let text = std::str::from_utf8(self.sized(MAX_VALUE)?).map_err(|_| BadFrame::Value)?;
                Value::Text(text.to_owned())
            }
            4 => Value::Bytes(self.sized(MAX_VALUE)?.to_vec()),
            _ => return Err(BadFrame::Value.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::BackupTable;
    use super::*;
    use crate::values;

    fn header() -> BackupHeader {
        BackupHeader {
            format: super::super::FORMAT.to_owned(),
            database: "store".to_owned(),
            schema: 1,
            at: jiff::Timestamp::UNIX_EPOCH,
            tables: vec![BackupTable {
                name: "t".to_owned(),
                columns: ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec(),
            }],
        }
    }

    fn written() -> (Vec<u8>, Vec<Frame>) {
        let values = values![7_i64, 0.5, "seven", b"\x07".as_slice(), None::<i64>];
        let mut bytes = Vec::new();
        write_header(&header(), &mut bytes).unwrap();
        write_row(0, &values, &mut bytes);
        write_end(&[1], &mut bytes);
        let frames = vec![Frame::Row { table: 0, values }, Frame::End { rows: vec![1] }];
        (bytes, frames)
    }

    #[test]
    fn frames_are_read_as_they_were_written_however_they_are_cut() {
        let (bytes, frames) = written();
        for size in 1..bytes.len() {
            let mut reader = FrameReader::default();
            let mut read = Vec::new();
            for piece in bytes.chunks(size) {
                reader.push(piece);
                read.extend(std::iter::from_fn(|| reader.next().unwrap()));
            }
            reader.finish().unwrap();
            assert_eq!(read, frames, "pieces of {size}");
        }
    }

    #[test]
    fn a_backup_that_is_cut_or_goes_on_behind_its_end_is_refused() {
        let (mut bytes, _) = written();
        let mut reader = FrameReader::default();
        reader.push(&bytes[..bytes.len() - 1]);
        while reader.next().unwrap().is_some() {}
        assert_eq!(reader.finish(), Err(BadFrame::Early));
        bytes.push(0);
        let mut reader = FrameReader::default();
        reader.push(&bytes);
        assert!(reader.next().unwrap().is_some());
        assert!(reader.next().unwrap().is_some());
        assert_eq!(reader.next(), Err(BadFrame::Behind));
    }

    #[test]
    fn a_length_beyond_all_bounds_is_refused_at_once() {
        let mut reader = FrameReader::default();
        reader.push(&u32::MAX.to_le_bytes());
        assert_eq!(reader.header(), Err(BadFrame::Header));
    }
}
