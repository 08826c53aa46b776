//! Tests of detection and anonymising through the public door.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test by panicking"
)]

mod anonymize;
mod catalogue;
mod detection;
mod disguise;
mod disjoint;
mod heldout;
mod ner;
mod normalize;
mod work;
