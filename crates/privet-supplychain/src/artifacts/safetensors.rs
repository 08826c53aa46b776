//! Safetensors: a JSON header and numbers. Nothing in it can run; what can be wrong is its header.
//!
//! # Source
//! <https://github.com/huggingface/safetensors>, "Format".

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::error::Stop;
use super::inspect::Inspector;
use super::source::{self, Feed, Source};
use crate::{Severity, Verdict};

/// Longest header that the format's own reader takes.
const HEADER: u64 = 100_000_000;

/// Whether a file begins with a length and a JSON object.
pub(super) fn is_safetensors(extension: &str, head: &[u8]) -> bool {
    let Some((size, rest)) = head.split_first_chunk::<8>() else {
        return false;
    };
    let size = u64::from_le_bytes(*size);
    let is_object = rest.first() == Some(&b'{');
    let names_itself = || {
        memchr::memmem::find(rest, b"\"data_offsets\"").is_some()
            || memchr::memmem::find(rest, b"\"__metadata__\"").is_some()
    };
    is_object && (extension == "safetensors" || ((2..=HEADER).contains(&size) && names_itself()))
}

/// One entry of the header.
#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

#[derive(Default)]
struct Header {
    names: HashSet<String>,
    runs: Vec<(u64, u64)>,
    metadata: Vec<(String, String)>,
    is_doubled: bool,
    is_misfit: bool,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Header;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut header = Header::default();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        let texts: std::collections::BTreeMap<String, String> = map.next_value()?;
                        header.metadata.extend(texts.into_iter().take(100));
                        continue;
                    }
                    let tensor: Tensor = map.next_value()?;
                    header.is_misfit |= tensor.is_misfit();
                    header.runs.push(tensor.data_offsets);
                    header.is_doubled |= !header.names.insert(name);
                }
                Ok(header)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

impl Tensor {
    /// Whether its bytes are not as many as its kind and shape make them.
    fn is_misfit(&self) -> bool {
        let bits: u64 = match self.dtype.as_str() {
            "F64" | "I64" | "U64" | "C64" => 64,
            "F32" | "I32" | "U32" => 32,
            "F16" | "BF16" | "I16" | "U16" => 16,
            "F4" => 4,
            "F6_E2M3" | "F6_E3M2" => 6,
            "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => 8,
            // Kinds are added over time; a reader that does not know one refuses it.
            _ => return self.data_offsets.1 < self.data_offsets.0,
        };
        let bits = self.shape.iter().try_fold(bits, |n, side| n.checked_mul(*side));
        let held = self.data_offsets.1.checked_sub(self.data_offsets.0);
        bits.map(|bits| bits.div_ceil(8)) != held || held.is_none()
    }
}

/// Looks at the header; the numbers are not read.
pub(super) fn inspect(inspector: &mut Inspector<'_>, source: &mut dyn Source) -> Result<(), Stop> {
    let end = source::size(source)?;
    let mut feed = Feed::new(source, 0)?;
    let size = u64::from_le_bytes(feed.array()?);
    let limit = HEADER.min(inspector.limits.held_bytes);
    if size > end.saturating_sub(8) {
        return Err(Stop::damaged(0, "its header is said to be longer than the file"));
    }
    if size > limit {
        return Err(Stop::over(0, "its header is too long to be honest"));
    }
    let bytes = feed.take(usize::try_from(size).unwrap_or(usize::MAX))?;
    let header: Header = serde_json::from_slice(&bytes)
        .map_err(|_| Stop::damaged(8, "its header is not the JSON object that the format wants"))?;
    for (key, value) in &header.metadata {
        inspector.facts.note(key, value);
    }
    let data = end.saturating_sub(8).saturating_sub(size);
    layout(inspector, header, 8 + size, data)
}

fn layout(inspector: &mut Inspector<'_>, mut header: Header, start: u64, data: u64) -> Result<(), Stop> {
    let mut odd = |rule: &'static str, at: u64, what: &str| {
        inspector.report(
            rule,
            Severity::Medium,
            Verdict::Suspicious,
            at..at,
            format!("{what}: fetch it again from its maker"),
        );
    };
    if header.is_doubled {
        odd(
            "safetensors-duplicate",
            8,
            "a tensor is named twice, and loaders differ in which one they take",
        );
    }
    if header.is_misfit {
        odd(
            "safetensors-offsets",
            8,
            "a tensor's place is not as large as its kind and shape",
        );
    }
    header.runs.sort_unstable();
    let mut covered = 0;
    for (from, to) in &header.runs {
        if to < from || *to > data {
            return Err(Stop::damaged(8, "a tensor lies outside the file"));
        }
        if *from < covered {
            odd("safetensors-overlap", start + from, "tensors share bytes");
        } else if *from > covered {
            odd(
                "safetensors-gap",
                start + covered,
                "bytes between tensors belong to none, so they may hide something",
            );
        }
        covered = covered.max(*to);
    }
    if covered < data {
        odd(
            "safetensors-trailing-data",
            start + covered,
            "bytes after the last tensor belong to none, so they may hide something",
        );
    }
    Ok(())
}
