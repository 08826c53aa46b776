//! What a leaf of Privet's log is made of: who numbered it, and what happened.
//!
//! ```text
//! {"v":1,"kind":"decision","node":"0123456789abcdef","seq":1,"event":{…}}
//! ```
//! `node` and `seq` number the leaves of each source from 1 without gaps, so that one that was left out shows. `event`
//! is what the source wrote, byte for byte.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use privet_crypto::sha256;
use serde::Deserialize;

use crate::tile::MAX_ENTRY;

/// The version of the form above.
pub const LEAF_VERSION: u32 = 1;

/// What verification needs of a leaf.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Leaf<'a> {
    /// Version of the form.
    pub v: u32,
    /// What kind of event, such as `decision`.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// Who numbered it: a node's id, or `store` for changes in the store itself.
    #[serde(borrow)]
    pub node: Cow<'a, str>,
    /// Its number there, from 1.
    pub seq: u64,
}

impl Leaf<'_> {
    /// Reads the head of a leaf.
    ///
    /// # Errors
    /// What is wrong with its JSON.
    pub fn parse(entry: &[u8]) -> Result<Leaf<'_>, serde_json::Error> {
        serde_json::from_slice(entry)
    }
}

/// The bytes of a leaf. `event` is JSON and becomes part of them as it is. One that does not fit an entry
/// ([`MAX_ENTRY`]) is put down as the SHA-256 of its bytes, under `event_sha256`.
///
/// # Errors
/// If `kind` or `node` cannot be written, which does not happen.
pub fn write_leaf(kind: &str, node: &str, seq: u64, event: &str) -> Result<Vec<u8>, serde_json::Error> {
    let mut leaf = Vec::with_capacity(event.len() + 96);
    leaf.extend_from_slice(b"{\"v\":1,\"kind\":");
    serde_json::to_writer(&mut leaf, kind)?;
    leaf.extend_from_slice(b",\"node\":");
    serde_json::to_writer(&mut leaf, node)?;
    leaf.extend_from_slice(b",\"seq\":");
    serde_json::to_writer(&mut leaf, &seq)?;
    let head = leaf.len();
    leaf.extend_from_slice(b",\"event\":");
    leaf.extend_from_slice(event.as_bytes());
    leaf.push(b'}');
    if leaf.len() > MAX_ENTRY {
        leaf.truncate(head);
        leaf.extend_from_slice(b",\"event_sha256\":\"");
        leaf.extend_from_slice(HEXLOWER.encode(&sha256(event.as_bytes())).as_bytes());
        leaf.extend_from_slice(b"\"}");
    }
    Ok(leaf)
}
