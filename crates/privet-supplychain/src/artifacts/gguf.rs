//! GGUF, the format of llama.cpp: keys with values, then places of tensors.
//!
//! # Source
//! <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use std::collections::BTreeSet;

use super::error::Stop;
use super::inspect::Inspector;
use super::source::{self, Feed, Source};
use super::template;
use crate::{Severity, Verdict};

/// How a file begins.
pub(super) const MAGIC: &[u8; 4] = b"GGUF";

/// Most keys and tensors of a header; real ones have tens and thousands.
const KEYS: u64 = 1 << 16;
const TENSORS: u64 = 1 << 22;
/// Longest key or name.
const NAME: u64 = 1 << 16;
/// Longest chat template.
const TEMPLATE: u64 = 4 << 20;
/// How deep arrays may lie in one another.
const NESTING: u8 = 4;

struct Reader<'f, 's> {
    feed: &'f mut Feed<'s>,
    version: u32,
    is_big_endian: bool,
    end: u64,
}

impl Reader<'_, '_> {
    fn u32(&mut self) -> Result<u32, Stop> {
        let bytes = self.feed.array()?;
        Ok(if self.is_big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    fn u64(&mut self) -> Result<u64, Stop> {
        let bytes = self.feed.array()?;
        Ok(if self.is_big_endian {
            u64::from_be_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes)
        })
    }

    /// A count or length: 32 bits in version 1, 64 since.
    fn length(&mut self) -> Result<u64, Stop> {
        if self.version == 1 {
            self.u32().map(u64::from)
        } else {
            self.u64()
        }
    }

    fn text(&mut self, limit: u64) -> Result<String, Stop> {
        let at = self.feed.at();
        let size = self.length()?;
        if size > limit {
            return Err(Stop::over(at, "a text of its header is too long to be honest"));
        }
        let bytes = self.feed.take(usize::try_from(size).unwrap_or(usize::MAX))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn skip_text(&mut self) -> Result<(), Stop> {
        let size = self.length()?;
        self.skip(size)
    }

    fn skip(&mut self, size: u64) -> Result<(), Stop> {
        let at = self.feed.at();
        if size > self.end.saturating_sub(at) {
            return Err(Stop::damaged(at, "a length of its header leads out of the file"));
        }
        if size == 0 { Ok(()) } else { self.feed.skip(size) }
    }

    fn skip_value(&mut self, kind: u32, nesting: u8) -> Result<(), Stop> {
        if let Some(size) = width(kind) {
            return self.skip(size);
        }
        match kind {
            8 => self.skip_text(),
            9 if nesting < NESTING => {
                let element = self.u32()?;
                let at = self.feed.at();
                let count = self.length()?;
                if let Some(size) = width(element) {
                    let size = count
                        .checked_mul(size)
                        .ok_or_else(|| Stop::damaged(at, "a length of its header leads out of the file"))?;
                    return self.skip(size);
                }
                for _ in 0..count {
                    self.skip_value(element, nesting + 1)?;
                }
                Ok(())
            }
            _ => Err(Stop::damaged(
                self.feed.at(),
                "a value of its header is of an unknown kind",
            )),
        }
    }
}

/// Bytes of a value of fixed size.
fn width(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

/// Looks at the header; the tensors are not read.
pub(super) fn inspect(inspector: &mut Inspector<'_>, source: &mut dyn Source) -> Result<(), Stop> {
    let end = source::size(source)?;
    let mut feed = Feed::new(source, 4)?;
    let written = feed.array()?;
    let little = u32::from_le_bytes(written);
    let is_big_endian = little.trailing_zeros() >= 16 && little != 0;
    let version = if is_big_endian {
        u32::from_be_bytes(written)
    } else {
        little
    };
    if !(1..=3).contains(&version) {
        return Err(Stop::damaged(4, "it is of an unknown version of GGUF"));
    }
    let mut reader = Reader {
        feed: &mut feed,
        version,
        is_big_endian,
        end,
    };
    let tensors = reader.length()?;
    let keys = reader.length()?;
    if tensors > TENSORS || keys > KEYS {
        return Err(Stop::damaged(8, "its header promises more than any model has"));
    }
    let mut seen = BTreeSet::new();
    for _ in 0..keys {
        let at = reader.feed.at();
        let key = reader.text(NAME)?;
        let kind = reader.u32()?;
        value(inspector, &mut reader, &key, kind)?;
        if !seen.insert(key) {
            inspector.report(
                "gguf-duplicate",
                Severity::Medium,
                Verdict::Suspicious,
                at..at,
                "a key is there twice, and loaders differ in which value they take".to_owned(),
            );
        }
    }
    for _ in 0..tensors {
        reader.text(NAME)?;
        let at = reader.feed.at();
        let dimensions = reader.u32()?;
        if dimensions > 8 {
            return Err(Stop::damaged(at, "a tensor has more dimensions than any has"));
        }
        for _ in 0..dimensions {
            reader.length_of_side()?;
        }
        reader.u32()?;
        let offset = reader.u64()?;
        if offset > end {
            return Err(Stop::damaged(at, "a tensor lies outside the file"));
        }
    }
    Ok(())
}

impl Reader<'_, '_> {
    fn length_of_side(&mut self) -> Result<u64, Stop> {
        self.length()
    }
}

fn value(
    inspector: &mut Inspector<'_>,
    reader: &mut Reader<'_, '_>,
    key: &str,
    kind: u32,
) -> Result<(), Stop> {
    if kind == 8 && key.starts_with("tokenizer.chat_template") {
        let at = reader.feed.at();
        let text = reader.text(TEMPLATE)?;
        template::inspect(inspector, &text, at);
        return Ok(());
    }
    if kind == 8 && key.starts_with("general.") {
        let text = reader.text(TEMPLATE)?;
        inspector.facts.note(key, &text);
        return Ok(());
    }
    reader.skip_value(kind, 0)
}
