//! Records of a file, one at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Chain, Cursor, Read};

use serde_json::Value;

use super::ImportLimits;
use super::csv::{Row, Rows};
use crate::subject::MOST_BYTES;
use crate::{Error, Record};

/// What a file to import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportFormat {
    /// RFC 4180; the first row names the fields. All values are text; empty cells are left out.
    Csv {
        /// What stands between cells: a comma, semicolon or tab.
        delimiter: u8,
    },
    /// A JSON object a line.
    JsonLines,
}

/// Of a line or row past its limit.
pub(super) const TOO_LONG: &str = "a record is longer than it may be: the limit `bulk_record`, 1 MiB at most";

/// Why a line gives no record. Says nothing of what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) field: Option<String>,
    pub(super) why: &'static str,
}

/// A line of a file.
#[derive(Debug)]
pub(super) struct Line {
    /// Its number, from 1; of a row over several lines the first.
    pub(super) number: u64,
    pub(super) record: Result<Record, Trouble>,
    /// About how many bytes it takes.
    pub(super) bytes: usize,
}

/// What was read to look for a byte order mark, and the rest.
type Unmarked<R> = Chain<Cursor<Vec<u8>>, R>;

/// Reads a file record by record, in bounded memory.
#[derive(Debug)]
pub(super) enum Records<R> {
    Csv {
        rows: Rows<Unmarked<R>>,
        names: Vec<String>,
    },
    JsonLines {
        reader: Unmarked<R>,
        line: u64,
        limits: ImportLimits,
    },
}

impl<R: BufRead> Records<R> {
    /// # Errors
    /// [`Error::BadImport`] if the first row of a CSV names no fields, one twice, or the delimiter is none.
    pub(super) fn open(reader: R, format: ImportFormat, limits: ImportLimits) -> Result<Self, Error> {
        let reader = without_mark(reader)?;
        let limits = ImportLimits {
            bytes: limits.bytes.min(MOST_BYTES),
            ..limits
        };
        match format {
            ImportFormat::Csv {
                delimiter: b'"' | b'\n' | b'\r',
            } => Err(first("a quote or line end separates no cells")),
            ImportFormat::Csv { delimiter } => {
                let mut rows = Rows::new(reader, delimiter, limits.bytes);
                let names = match rows.next()? {
                    Some((_, Ok(row))) => names(&row)?,
                    Some((_, Err(trouble))) => return Err(first(trouble.why)),
                    None => return Err(first("the first row names the fields")),
                };
                Ok(Self::Csv { rows, names })
            }
            ImportFormat::JsonLines => Ok(Self::JsonLines {
                reader,
                line: 1,
                limits,
            }),
        }
    }

    /// The next line that is not blank.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::BadImport`] if nobody knows where the next line is.
    pub(super) fn next(&mut self) -> Result<Option<Line>, Error> {
        match self {
            Self::Csv { rows, names } => Ok(rows.next()?.map(|(number, row)| Line {
                number,
                bytes: row.as_ref().map_or(0, |row| row.cells().map(<[u8]>::len).sum()),
                record: row.and_then(|row| of_row(&row, names)),
            })),
            Self::JsonLines { reader, line, limits } => json_line(reader, line, *limits),
        }
    }
}

/// Passes over a byte order mark, in however small pieces it comes.
fn without_mark<R: BufRead>(mut reader: R) -> Result<Unmarked<R>, Error> {
    let mut first = Vec::with_capacity(3);
    reader
        .by_ref()
        .take(3)
        .read_to_end(&mut first)
        .map_err(Error::Read)?;
    if first == b"\xef\xbb\xbf" {
        first.clear();
    }
    Ok(Cursor::new(first).chain(reader))
}

fn names(row: &Row) -> Result<Vec<String>, Error> {
    let mut seen = BTreeSet::new();
    let name = |cell: &[u8]| {
        let name = std::str::from_utf8(cell).map_err(|_| first("the name of a field is no UTF-8"))?;
        let name = name.trim();
        if name.is_empty() || !seen.insert(name.to_owned()) {
            return Err(first("a field has no name, or one name stands twice"));
        }
        Ok(name.to_owned())
    };
    row.cells().map(name).collect()
}

fn of_row(row: &Row, names: &[String]) -> Result<Record, Trouble> {
    if row.cells().count() != names.len() {
        return Err(Trouble {
            field: None,
            why: "the row has not as many cells as the first one",
        });
    }
    let mut fields = BTreeMap::new();
    for (name, cell) in names.iter().zip(row.cells()) {
        let text = std::str::from_utf8(cell).map_err(|_| Trouble {
            field: Some(name.clone()),
            why: "no valid UTF-8",
        })?;
        if !text.is_empty() {
            fields.insert(name.clone(), Value::from(text));
        }
    }
    Record::from_fields(fields).map_err(|_| Trouble {
        field: None,
        why: "a record has 1,024 fields at most",
    })
}

fn json_line(reader: &mut impl BufRead, line: &mut u64, limits: ImportLimits) -> Result<Option<Line>, Error> {
    loop {
        let mut bytes = Vec::new();
        // The line end is no part of the record.
        let most = limits.bytes as u64 + 2;
        let read = reader
            .by_ref()
            .take(most)
            .read_until(b'\n', &mut bytes)
            .map_err(Error::Read)?;
        if read == 0 {
            return Ok(None);
        }
        let number = *line;
        *line += 1;
        let is_cut = !bytes.ends_with(b"\n") && read as u64 == most;
        if is_cut {
            reader.skip_until(b'\n').map_err(Error::Read)?;
        }
        let refused = |why| Line {
            number,
            record: Err(Trouble { field: None, why }),
            bytes: 0,
        };
        if is_cut || bytes.trim_ascii().len() > limits.bytes {
            return Ok(Some(refused(TOO_LONG)));
        }
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        if is_deeper(&bytes, limits.depth) {
            return Ok(Some(refused(
                "a record is deeper than it may be: the limit `bulk_depth`",
            )));
        }
        let record = Record::parse(bytes.trim_ascii()).map_err(|error| Trouble {
            field: None,
            why: match error {
                Error::BadRecord { why } => why,
                _ => "no valid JSON",
            },
        });
        return Ok(Some(Line {
            number,
            record,
            bytes: read,
        }));
    }
}

/// Whether more than `most` objects and lists stand in each other in the JSON `text`.
fn is_deeper(text: &[u8], most: usize) -> bool {
    let (mut depth, mut is_in_text, mut is_escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_in_text => is_escaped = true,
            b'"' => is_in_text = !is_in_text,
            _ if is_in_text => {}
            b'{' | b'[' if depth == most => return true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

const fn first(why: &'static str) -> Error {
    Error::BadImport { line: 1, why }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CSV: ImportFormat = ImportFormat::Csv { delimiter: b',' };

    type Lines = Vec<(u64, Result<String, &'static str>)>;

    fn read(text: &[u8], format: ImportFormat) -> Result<Lines, Error> {
        read_within(text, format, ImportLimits::default())
    }

    fn read_within(text: &[u8], format: ImportFormat, limits: ImportLimits) -> Result<Lines, Error> {
        // Small steps, so that cells and quotes fall on the bounds of what is read at once.
        let mut records = Records::open(std::io::BufReader::with_capacity(3, text), format, limits)?;
        let mut lines = Vec::new();
        while let Some(line) = records.next()? {
            let record = line.record.map(|record| record.into_value().to_string());
            lines.push((line.number, record.map_err(|trouble| trouble.why)));
        }
        Ok(lines)
    }

    #[test]
    fn cells_may_hold_quotes_delimiters_and_line_ends() {
        let text = b"name,note\r\n\"Lee, Ann\",\"said \"\"no\"\"\r\ntwice\"\r\n\r\nBob,\n";
        let lines = read(text, CSV).unwrap();
        assert_eq!(
            lines,
            [
                (
                    2,
                    Ok(r#"{"name":"Lee, Ann","note":"said \"no\"\r\ntwice"}"#.to_owned())
                ),
                (5, Ok(r#"{"name":"Bob"}"#.to_owned())),
            ]
        );
    }

    #[test]
    fn a_bad_row_is_named_and_the_next_one_read() {
        let text = b"a,b\nx\"y,1\n1\n\"x\"y,2\n3,\xff\n4,5";
        let lines = read(text, CSV).unwrap();
        let whys: Vec<_> = lines
            .iter()
            .map(|(line, record)| (*line, record.is_ok()))
            .collect();
        assert_eq!(whys, [(2, false), (3, false), (4, false), (5, false), (6, true)]);
    }

    #[test]
    fn a_quote_that_does_not_end_stops_the_reading() {
        let error = read(b"a\n1\n\"2\n3\n", CSV).unwrap_err();
        assert!(matches!(error, Error::BadImport { line: 3, .. }), "{error}");
    }

    #[test]
    fn the_first_row_names_each_field_once() {
        for text in ["", "a,a\n", "a,\n", "\"a\n"] {
            assert!(read(text.as_bytes(), CSV).is_err(), "{text}");
        }
    }

    #[test]
    fn json_lines_are_numbered_with_blank_ones() {
        let text = "\u{feff}{\"a\":1}\n\n[1]\n{\"a\":1,\"a\":2}\n{\"b\":2}";
        let lines = read(text.as_bytes(), ImportFormat::JsonLines).unwrap();
        let whys: Vec<_> = lines
            .iter()
            .map(|(line, record)| (*line, record.is_ok()))
            .collect();
        assert_eq!(whys, [(1, true), (3, false), (4, false), (5, true)]);
    }

    #[test]
    fn a_byte_order_mark_that_comes_byte_by_byte_is_passed_over() {
        let text: &[u8] = b"\xef\xbb\xbfa,b\n1,2\n";
        let limits = ImportLimits::default();
        let mut records = Records::open(std::io::BufReader::with_capacity(1, text), CSV, limits).unwrap();
        let record = records.next().unwrap().unwrap().record.unwrap();
        assert_eq!(record.into_value().to_string(), r#"{"a":"1","b":"2"}"#);
        // What only begins like one belongs to the first name.
        let text: &[u8] = b"\xef\xbb\xbc,b\n1,2\n";
        assert!(Records::open(std::io::BufReader::with_capacity(1, text), CSV, limits).is_ok());
    }

    #[test]
    fn a_record_past_its_limits_is_refused_and_the_next_one_read() {
        let limits = ImportLimits { bytes: 20, depth: 3 };
        let told = |text: &str, format| -> Vec<(u64, Option<String>)> {
            let lines = read_within(text.as_bytes(), format, limits).unwrap();
            let why = |record: Result<String, &str>| record.err().map(str::to_owned);
            lines
                .into_iter()
                .map(|(line, record)| (line, why(record)))
                .collect()
        };
        let (long, deep) = ("`bulk_record`", "`bulk_depth`");
        let text = "{\"a\":\"0123456789ab\"}\r\n{\"a\":\"0123456789abc\"}\n{\"a\":[[\"[[\\\"[[\"]]}\n\
                    {\"a\":[[[]]]}\n{\"a\":[[],[]],\"b\":[]}\n";
        let lines = told(text, ImportFormat::JsonLines);
        let numbers: Vec<u64> = lines.iter().map(|(line, _)| *line).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5]);
        let whys: Vec<_> = lines.iter().map(|(_, why)| why.as_deref()).collect();
        assert_eq!((whys[0], whys[2]), (None, None));
        assert!(
            whys[1].unwrap().contains(long) && whys[3].unwrap().contains(deep),
            "{whys:?}"
        );
        assert_eq!(whys[4], None);
        let text = "a,b\n1,0123456789\n2,012345678901234567890\n3,x\n,,,,,,,,,,,,,,,,,,,,,,\n4,\"y\"\n";
        let lines = told(text, CSV);
        let whys: Vec<_> = lines.iter().map(|(line, why)| (*line, why.is_none())).collect();
        assert_eq!(whys, [(2, true), (3, false), (4, true), (5, false), (6, true)]);
        for line in [1, 3] {
            assert!(lines[line].1.as_ref().unwrap().contains(long), "{lines:?}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let text = format!("{{\"a\":\"{}\"}}\n{{\"b\":1}}\n", "x".repeat(MOST_BYTES + 7));
        let lines = read(text.as_bytes(), ImportFormat::JsonLines).unwrap();
        let whys: Vec<_> = lines
            .iter()
            .map(|(line, record)| (*line, record.is_ok()))
            .collect();
        assert_eq!(whys, [(1, false), (2, true)]);
    }

    proptest! {
        #[test]
        fn what_is_written_as_csv_is_read_again(rows in prop::collection::vec(prop::collection::vec("[a-z\",;\n\r é]{0,6}", 2), 0..6)) {
            let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let mut text = "a,b\r\n".to_owned();
            for row in &rows {
                text += &row.iter().map(quoted).collect::<Vec<_>>().join(",");
                text += "\r\n";
            }
            let lines = read(text.as_bytes(), CSV).unwrap();
            let expected: Vec<String> = rows.iter().map(|row| {
                let cells = ["a", "b"].into_iter().zip(row).filter(|(_, cell)| !cell.is_empty());
                let fields = cells.map(|(name, cell)| (name.to_owned(), Value::from(cell.clone()))).collect();
                Value::Object(fields).to_string()
            }).collect();
            let found: Vec<String> = lines.into_iter().map(|(_, record)| record.unwrap()).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn no_bytes_make_the_readers_fail_otherwise_than_by_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(read(&bytes, CSV));
            drop(read(&bytes, ImportFormat::JsonLines));
        }
    }
}
