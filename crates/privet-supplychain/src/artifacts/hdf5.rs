//! HDF5, as Keras before version 3 writes it: the model's configuration is an attribute, kept as JSON in one run of bytes.
//!
//! Attributes cannot be compressed, so every JSON object in the file is looked at wherever it stands, whatever the structure
//! around it says; that costs one read of the file.
//!
//! # Source
//! HDF5 File Format Specification 3.0, sections II.A, IV.A.2.m and III.E.

use serde_json::Value;

use super::error::Stop;
use super::inspect::Inspector;
use super::keras;
use super::source::{Feed, Source};

/// How a superblock begins.
const MAGIC: &[u8; 8] = b"\x89HDF\r\n\x1a\n";
/// Bytes looked at together; a configuration is smaller or is read again from its start.
const PIECE: usize = 1 << 20;
/// Longest configuration.
const CONFIG: usize = 32 << 20;
/// Attributes that hold configurations.
const NAMES: [&[u8]; 2] = [b"model_config", b"layer_config"];

/// Whether a superblock stands at the start, or after a user block.
pub(super) fn is_hdf5(head: &[u8]) -> bool {
    [0_usize, 512, 1024, 2048, 4096, 8192, 16384, 32768]
        .iter()
        .any(|at| head.get(*at..).is_some_and(|rest| rest.starts_with(MAGIC)))
}

/// Looks for configurations.
pub(super) fn inspect(inspector: &mut Inspector<'_>, source: &mut dyn Source) -> Result<(), Stop> {
    let end = super::source::size(source)?;
    let mut at = 0_u64;
    let (mut names_config, mut has_config) = (false, false);
    // Attempts at long objects may overlap; honest files need about as much work as they have bytes.
    let mut work = end.saturating_mul(4).saturating_add(64 << 20);
    while at < end {
        let size = usize::try_from(end - at).unwrap_or(usize::MAX).min(PIECE);
        let bytes = super::source::at(source, at, size)?;
        names_config |= NAMES
            .iter()
            .any(|name| memchr::memmem::find(&bytes, name).is_some());
        let mut next = 0_usize;
        while let Some(found) = bytes.get(next..).and_then(|rest| memchr::memchr(b'{', rest)) {
            let start = next + found;
            next = start + 1;
            let rest = bytes.get(start..).unwrap_or_default();
            if !opens_object(rest) {
                continue;
            }
            let parsed = match object(rest) {
                Parsed::Whole(value, size) => Some((value, size)),
                Parsed::Cut if start > 0 || size == PIECE => {
                    let from = at + u64::try_from(start).unwrap_or(0);
                    long_object(source, from, end, &mut work)?
                }
                Parsed::Cut | Parsed::No(false) => None,
                Parsed::No(true) => {
                    spend(&mut work, rest.len(), at)?;
                    None
                }
            };
            if let Some((value, size)) = parsed {
                has_config |= keras::inspect_value(inspector, &value, at + u64::try_from(start).unwrap_or(0));
                next = start.saturating_add(size);
            }
        }
        // A name or the start of an object may be cut by the end of the piece.
        let step = next.max(size.saturating_sub(64)).max(1);
        at = at.saturating_add(u64::try_from(step).unwrap_or(0));
    }
    if names_config && !has_config {
        return Err(Stop::damaged(
            0,
            "it has a model's configuration that cannot be found as JSON",
        ));
    }
    Ok(())
}

/// Whether a `{` is followed by a key, or white space to the end of what is at hand.
fn opens_object(bytes: &[u8]) -> bool {
    let inside = bytes.get(1..65.min(bytes.len())).unwrap_or_default();
    inside
        .iter()
        .find(|b| !b.is_ascii_whitespace())
        .is_none_or(|b| *b == b'"')
}

enum Parsed {
    Whole(Value, usize),
    Cut,
    /// No object, and whether that was noticed late only.
    No(bool),
}

fn object(bytes: &[u8]) -> Parsed {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => Parsed::Whole(value, values.byte_offset()),
        Some(Err(error)) if error.is_eof() => Parsed::Cut,
        Some(Err(error)) => Parsed::No(error.line() > 16 || error.column() > 4096),
        None => Parsed::No(false),
    }
}

fn spend(work: &mut u64, bytes: usize, at: u64) -> Result<(), Stop> {
    *work = work
        .checked_sub(u64::try_from(bytes).unwrap_or(u64::MAX))
        .ok_or_else(|| Stop::over(at, "it holds more beginnings of JSON than can be read"))?;
    Ok(())
}

/// Reads an object that is longer than what is at hand.
fn long_object(
    source: &mut dyn Source,
    at: u64,
    end: u64,
    work: &mut u64,
) -> Result<Option<(Value, usize)>, Stop> {
    let mut size = PIECE;
    loop {
        let left = usize::try_from(end - at).unwrap_or(usize::MAX);
        let now = size.min(left).min(CONFIG);
        spend(work, now, at)?;
        let bytes = Feed::new(source, at)?.take(now)?;
        match object(&bytes) {
            Parsed::Whole(value, size) => return Ok(Some((value, size))),
            Parsed::No(_) => return Ok(None),
            Parsed::Cut if now == left => return Ok(None),
            Parsed::Cut if now == CONFIG => {
                return Err(Stop::over(at, "its configuration is too long to be read"));
            }
            Parsed::Cut => size = size.saturating_mul(4),
        }
    }
}
