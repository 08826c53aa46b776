//! Networks that are read from files.

use privet_inference::{Encoder, EncoderMemory, Spelling, TaggedWords};
use privet_pii::{ClassifierFiles, Labels, Model};
use privet_types::Budget;

use crate::variant;

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

const EXPORTED: ClassifierFiles<'static> = ClassifierFiles {
    model: include_bytes!("../../crates/privet-inference/tests/it/exported/distilbert/model.onnx"),
    config: include_str!("../../crates/privet-inference/tests/it/exported/distilbert/config.json"),
    tokenizer: Some(include_str!(
        "../../crates/privet-inference/tests/it/exported/distilbert/tokenizer.json"
    )),
    tokenizer_config: None,
    vocabulary: None,
};

/// The files of a token classifier, one of which is `data`, are refused or can be used: scores are finite, and every label has a
/// meaning. The first byte says which file it is: the graph, `config.json`, `tokenizer.json` or `tokenizer_config.json`.
///
/// # Panics
/// If that does not hold.
pub fn fuzz_classifier(data: &[u8]) {
    let Some((which, data)) = variant(data) else {
        return;
    };
    if which % 4 == 0 {
        let pieces = VOCABULARY.lines();
        if let Ok(encoder) = Encoder::read_classifier(data, pieces, Spelling::UNCASED, 1) {
            let logits = encoder.logits(&[5, 6, 7]);
            assert_eq!(logits.len(), 5 * encoder.labels());
            assert!(logits.iter().all(|n| n.is_finite()));
        }
        return;
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut files = EXPORTED;
    match which % 4 {
        1 => files.config = text,
        2 => files.tokenizer = Some(text),
        _ => {
            files.tokenizer = None;
            files.vocabulary = Some("[UNK]\n[CLS]\n[SEP]\na\n");
            files.tokenizer_config = Some(text);
        }
    }
    let labels = Labels::default();
    if Model::classifier("fuzzed", &files, &labels).is_ok() {
        let meanings = labels.resolve(files.config).expect("it was read");
        assert!(!meanings.is_empty());
    }
}
