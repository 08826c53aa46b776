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
mod gold;
mod heldout;
mod language;
mod ner;
mod normalize;
#[cfg(feature = "onnx")]
mod onnx;
mod stream;
mod work;
