//! Deterministic controls through their public door: every attack is stopped, its benign twin is left alone, and no cut matters.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests fail the test by panicking"
)]

mod channels;
mod content;
mod cuts;
mod harm;
mod leaks;
mod replies;
mod sinks;
mod tools;
