//! The log through its public door.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod evidence;
mod keys;
mod mutations;
mod notes;
mod support;
mod tiles;
mod tree;
mod verify;
