//! PyTorch's format before 1.6: a magic number, a version, facts of the system, the object and the keys of its storages as pickles
//! one after another, then the storages.
//!
//! # Source
//! `torch/serialization.py`, `_legacy_save` and `_legacy_load`.

use super::error::Stop;
use super::inspect::Inspector;
use super::pickle;
use super::source::Source;

/// The pickled magic number, `0x1950a86a20f9469cfc6c`, little-endian after `LONG1` and its length.
pub(super) const MAGIC: &[u8; 12] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

/// Looks at each of the five pickles; the storages after them are numbers.
pub(super) fn inspect_legacy(inspector: &mut Inspector<'_>, source: &mut dyn Source) -> Result<(), Stop> {
    inspector.facts.packages.insert("torch".to_owned());
    let mut at = 0;
    for _ in 0..5 {
        at = pickle::inspect_one(inspector, source, at)?;
    }
    Ok(())
}
