//! NumPy's own format of one array.
//!
//! # Source
//! NumPy Enhancement Proposal 1 and `numpy.lib.format`.

use super::error::Stop;
use super::inspect::Inspector;
use super::pickle;
use super::source::{self, Feed, Source, Window};

/// How a file begins.
pub(super) const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Longest header that is read; NumPy itself refuses more than 10 000 bytes of a file that is not trusted.
const HEADER: usize = 1 << 20;

/// One element of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    /// Its bytes.
    pub(super) size: u64,
    /// Whether it is a Python object, kept as a pickle.
    pub(super) has_objects: bool,
}

impl Element {
    /// Reads a type such as `<f8`, `U12` or `|O`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_start_matches(['<', '>', '|', '=']);
        let text = text.split_once('[').map_or(text, |(kind, _)| kind);
        let kind = text.chars().next()?;
        let digits = text.get(kind.len_utf8()..)?;
        let size: u64 = match (kind, digits) {
            ('?' | 'b' | 'B', "") => 1,
            ('O', "") => 8,
            _ => digits.parse().ok().filter(|size| *size <= 1 << 32)?,
        };
        let size = match kind {
            'U' => size.checked_mul(4)?,
            'b' | 'B' | 'i' | 'u' | 'f' | 'c' | 'S' | 'a' | 'V' | 'M' | 'm' | '?' | 'O' => size,
            _ => return None,
        };
        Some(Self {
            size,
            has_objects: kind == 'O',
        })
    }
}

/// Looks at one array.
pub(super) fn inspect(inspector: &mut Inspector<'_>, source: &mut dyn Source) -> Result<(), Stop> {
    let mut feed = Feed::new(source, 0)?;
    if &feed.array::<6>()? != MAGIC {
        return Err(Stop::damaged(0, "it is no array of NumPy"));
    }
    let [major, _] = feed.array::<2>()?;
    let size = match major {
        1 => u16::from_le_bytes(feed.array()?).into(),
        2 | 3 => u32::from_le_bytes(feed.array()?),
        _ => return Err(Stop::damaged(6, "it is of an unknown version of NumPy's format")),
    };
    let size = usize::try_from(size)
        .ok()
        .filter(|size| *size <= HEADER)
        .ok_or_else(|| Stop::over(8, "its header is too long to be honest"))?;
    let header = feed.take(size)?;
    let start = feed.at();
    let header = Header::parse(&header)
        .ok_or_else(|| Stop::damaged(8, "its header is not the dictionary that NumPy writes"))?;
    inspector.facts.packages.insert("numpy".to_owned());
    let end = source::size(source)?;
    let left = end.saturating_sub(start);
    if header.has_objects {
        return pickle::inspect(inspector, &mut Window::new(source, start, left));
    }
    match header.size {
        Some(size) if size > left => Err(Stop::damaged(
            start,
            "its header promises more elements than follow",
        )),
        _ => Ok(()),
    }
}

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    has_objects: bool,
    /// Bytes of all elements, if their type is a plain one.
    size: Option<u64>,
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?.trim();
        let body = text.strip_prefix('{')?.strip_suffix('}')?;
        let mut strings = Vec::new();
        let mut bare = String::new();
        let mut rest = body;
        while let Some(at) = rest.find(['\'', '"']) {
            let (before, from) = rest.split_at_checked(at)?;
            bare.push_str(before);
            let quote = from.chars().next()?;
            let (inside, after) = from.get(1..)?.split_once(quote)?;
            strings.push(inside);
            rest = after;
        }
        bare.push_str(rest);
        let words: Vec<&str> = bare
            .split(|c: char| !c.is_ascii_alphabetic())
            .filter(|word| !word.is_empty())
            .collect();
        let is_literal = words
            .iter()
            .all(|word| matches!(*word, "True" | "False" | "None" | "L"))
            && bare
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || " {}[](),:-\n\r\t".contains(c));
        let is_whole = ["descr", "fortran_order", "shape"]
            .iter()
            .all(|key| strings.contains(key));
        if !is_literal || !is_whole {
            return None;
        }
        let has_objects = strings.iter().any(|text| {
            let kind = text.trim_start_matches(['<', '>', '|', '=']);
            matches!(kind, "O" | "O4" | "O8" | "object")
        });
        Some(Self {
            has_objects,
            size: Self::size(body),
        })
    }

    fn size(body: &str) -> Option<u64> {
        let after = body.split_once("descr").map(|(_, after)| after)?;
        let value = after.split_once(':')?.1.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let kind = value.get(1..)?.split_once(quote)?.0;
        let element = Element::parse(kind)?;
        let shape = body.split_once("shape")?.1.split_once('(')?.1.split_once(')')?.0;
        shape
            .split(',')
            .map(|n| n.trim().trim_end_matches('L'))
            .filter(|n| !n.is_empty())
            .try_fold(element.size, |size, n| {
                let is_number = n.bytes().all(|digit| digit.is_ascii_digit());
                // More than can be counted is more than follows.
                is_number.then(|| size.saturating_mul(n.parse().unwrap_or(u64::MAX)))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_how_many_bytes_follow() {
        let header = Header::parse(b"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }  \n");
        assert_eq!(
            header,
            Some(Header {
                has_objects: false,
                size: Some(96)
            })
        );
    }

    #[test]
    fn a_structured_type_with_an_object_in_it_holds_objects() {
        let header = Header::parse(
            b"{'descr': [('a', '<f8'), ('b', '|O')], 'fortran_order': False, 'shape': (3,), }\n",
        );
        assert!(header.is_some_and(|header| header.has_objects));
    }

    #[test]
    fn a_header_that_is_no_literal_is_refused() {
        let text = b"{'descr': f(), 'fortran_order': False, 'shape': (3,), }\n";
        assert_eq!(Header::parse(text), None);
    }
}
