//! CSV and its relatives (RFC 4180, with other separators): `column: value` for columns whose names say that it matters.

use privet_types::{Budget, BudgetError};

use super::map::Piece;
use super::table::{Fragment, Rows};

/// Lines that must agree on the number of fields.
const SAMPLE: usize = 16;
/// Most columns whose names are read.
const MOST_COLUMNS: usize = 1024;

/// Parts of names of columns beside which a value means something: credentials and personal data, in the languages of the
/// personal-data rules. Other columns would only be written twice.
const TELLING: [&str; 74] = [
    "pass", "pwd", "pw", "secret", "token", "key", "auth", "cred", "pin", "api", "cert", "private", "bearer",
    "session", "cookie", "sid", "salt", "seed", "mnemonic", "dsn", "conn", "url", "uri", "login", "user",
    "mail", "phone", "tel", "mobile", "fax", "ssn", "sin", "social", "iban", "account", "acct", "bank",
    "bic", "routing", "card", "cc", "cvv", "cvc", "expir", "tax", "vat", "licen", "passport", "national",
    "patient", "mrn", "nhs", "medic", "insur", "birth", "dob", "name", "addr", "street", "city", "zip",
    "post", "plate", "vin", "imei", "mac", "ip", "kennwort", "konto", "clave", "contra", "senha", "mot",
    "geheim",
];

/// The separator of a text that is a table: its first lines have the same number of fields, at least two. Text with
/// few lines is one only if `name` says so.
pub(super) fn dialect(name: &str, bytes: &[u8]) -> Option<u8> {
    let is_named = name.rsplit_once('.').is_some_and(|(_, ext)| {
        ["csv", "tsv", "tab", "psv"]
            .iter()
            .any(|e| ext.eq_ignore_ascii_case(e))
    });
    let head = bytes.get(..bytes.len().min(65_536)).unwrap_or(bytes);
    let is_cut = head.len() < bytes.len();
    [b',', b'\t', b';', b'|'].into_iter().find(|separator| {
        let mut counts = Vec::new();
        let mut at = 0;
        while counts.len() < SAMPLE && at < head.len() {
            let record = record(head, at, *separator, MOST_COLUMNS);
            if record.next >= head.len() && is_cut {
                break;
            }
            at = record.next;
            if record.fields.len() > 1 || !record.is_blank {
                counts.push(record.fields.len());
            }
        }
        let first = counts.first().copied().unwrap_or(0);
        let wanted = if is_named { 2 } else { 4 };
        first >= 2 && counts.len() >= wanted && counts.iter().all(|n| *n == first)
    })
}

/// `column: value` for the telling columns, at most `most` bytes, and whether that was all.
pub(super) fn rows(
    text: &Piece<'_>,
    separator: u8,
    most: usize,
    budget: &Budget,
) -> Result<(Option<Piece<'static>>, bool), BudgetError> {
    let bytes: &[u8] = &text.text;
    let mut rows = Rows::new(text, most);
    let start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let head = record(bytes, start, separator, MOST_COLUMNS);
    let names: Vec<(usize, String)> = head
        .fields
        .iter()
        .enumerate()
        .map(|(column, field)| {
            let name = String::from_utf8_lossy(bytes.get(field.clone()).unwrap_or_default());
            (column, name.trim().to_owned())
        })
        .filter(|(_, name)| is_telling(name))
        .collect();
    if names.is_empty() {
        return Ok((None, true));
    }
    budget.charge(bytes.len() as u64)?;
    let mut at = head.next;
    while at < bytes.len() {
        let record = record(bytes, at, separator, MOST_COLUMNS);
        at = record.next.max(at + 1);
        for (column, name) in &names {
            if let Some(field) = record.fields.get(*column) {
                rows.push(name, &unquoted(bytes, field));
            }
        }
    }
    Ok(rows.finish())
}

fn is_telling(name: &str) -> bool {
    let name = name.to_lowercase();
    name.len() <= 128 && TELLING.iter().any(|part| name.contains(part))
}

struct Record {
    /// Without their quotes.
    fields: Vec<std::ops::Range<usize>>,
    next: usize,
    is_blank: bool,
}

/// The record that begins at `from`. Quotes that do not end within 64 KiB are letters, so that one stray quote does not
/// swallow the rest of the file.
fn record(bytes: &[u8], from: usize, separator: u8, most: usize) -> Record {
    let mut fields = Vec::new();
    let mut at = from;
    loop {
        let quoted = match bytes.get(at) {
            Some(b'"') => end_of_quoted(bytes, at + 1, separator),
            _ => None,
        };
        let (field, end) = match quoted {
            Some(end) => (at + 1..end, end + 1),
            None => {
                let rest = bytes.get(at..).unwrap_or_default();
                let end = at + memchr::memchr2(separator, b'\n', rest).unwrap_or(rest.len());
                let has_return =
                    bytes.get(end) != Some(&separator) && end > at && bytes.get(end - 1) == Some(&b'\r');
                (at..if has_return { end - 1 } else { end }, end)
            }
        };
        if fields.len() < most {
            fields.push(field);
        }
        match bytes.get(end) {
            Some(b) if *b == separator => at = end + 1,
            Some(b'\r') => {
                at = end + 2;
                break;
            }
            Some(_) => {
                at = end + 1;
                break;
            }
            None => {
                at = bytes.len();
                break;
            }
        }
    }
    let is_blank = fields.iter().all(std::ops::Range::is_empty);
    Record {
        fields,
        next: at,
        is_blank,
    }
}

/// Where the quote stands that ends the field which begins at `from`.
fn end_of_quoted(bytes: &[u8], from: usize, separator: u8) -> Option<usize> {
    let window = bytes.get(from..bytes.len().min(from + 65_536))?;
    let mut at = 0;
    loop {
        at += memchr::memchr(b'"', window.get(at..)?)?;
        match window.get(at + 1) {
            Some(b'"') => at += 2,
            None | Some(b'\n' | b'\r') => return Some(from + at),
            Some(b) if *b == separator => return Some(from + at),
            Some(_) => return None,
        }
    }
}

/// A field with its doubled quotes as one.
fn unquoted(bytes: &[u8], field: &std::ops::Range<usize>) -> Vec<Fragment> {
    let text = bytes.get(field.clone()).unwrap_or_default();
    let mut parts = Vec::new();
    let mut from = field.start;
    for at in memchr::memmem::find_iter(text, b"\"\"") {
        let quotes = field.start + at;
        parts.push(Fragment::same(from..quotes));
        parts.push(Fragment {
            span: quotes..quotes + 2,
            meaning: Some("\"".into()),
        });
        from = quotes + 2;
    }
    parts.push(Fragment::same(from..field.end));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telling_columns_are_written_beside_their_names() {
        let text =
            "id,password,colour,e-mail\r\n1,\"a\"\"b,c\",red,x@y.zz\r\n2,,blue,\"stray\r\n3,d,green,\r\n";
        assert_eq!(dialect("x.csv", text.as_bytes()), Some(b','));
        let piece = Piece::borrowed(text.as_bytes(), 0);
        let (rows, is_all) = rows(&piece, b',', 1 << 20, &Budget::unlimited()).unwrap();
        let rows = rows.unwrap();
        assert!(is_all);
        assert_eq!(
            String::from_utf8_lossy(&rows.text),
            "password: a\"b,c\ne-mail: x@y.zz\ne-mail: \"stray\npassword: d\n"
        );
        let at = text.find("a\"\"b,c").unwrap() as u64;
        assert_eq!(rows.map.span(10..15), at..at + 6);
    }

    #[test]
    fn prose_and_code_are_no_tables() {
        assert_eq!(
            dialect("a.csv", b"Dear all,\nhello, and welcome, to this.\nBye"),
            None
        );
        assert_eq!(
            dialect("a.py", b"import a, b\nx = f(1, 2)\ny = 3\nz = g(1, 2, 3)\n"),
            None
        );
    }
}
