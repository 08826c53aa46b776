//! Tests of detection through the public door.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test by panicking"
)]

mod detection;
mod disjoint;
mod ner;
mod work;
