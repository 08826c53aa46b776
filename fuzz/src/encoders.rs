//! Networks that are read from files.

use privet_inference::{Encoder, EncoderMemory, TaggedWords};
use privet_types::Budget;

const VOCABULARY: &str = include_str!("../../crates/privet-inference/tests/it/tiny/vocab.txt");

/// Bytes of an ONNX file are refused, or are an encoder that gives every word of a text a distribution over its labels.
///
/// # Panics
/// If that does not hold.
pub fn fuzz_encoder(data: &[u8]) {
    let Ok(encoder) = Encoder::read(data, VOCABULARY, 2) else {
        return;
    };
    let text = "anna, müller is in zurve; 東 x";
    let mut out = TaggedWords::default();
    encoder
        .tag(
            text,
            &[0..4, 4..text.len()],
            &mut EncoderMemory::default(),
            &Budget::unlimited(),
            &mut out,
        )
        .expect("the budget is unlimited");
    assert!(out.words.is_sorted_by(|a, b| a.end <= b.start));
    assert_eq!(out.words.len() * encoder.labels(), out.probabilities.len());
    for row in out.probabilities.chunks(encoder.labels().max(1)) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-3, "{row:?}");
    }
}
