//! Tests of token classifiers as Hugging Face's tools export them; `training/onnx/tiny.py` made them.

use std::path::{Path, PathBuf};

use privet_inference::{Encoder, EncoderMemory, Error, Spelling, TaggedWords};
use privet_types::Budget;
use proptest::prelude::*;

const BERT: &[u8] = include_bytes!("exported/bert/model.onnx");
const PIECES: &str = include_str!("exported/bert/vocab.txt");
const DISTILBERT: &[u8] = include_bytes!("exported/distilbert/model.onnx");
const CASED_PIECES: &str = include_str!("exported/distilbert/vocab.txt");
const HEADS: usize = 2;
const CASED: Spelling = Spelling {
    is_lower_case: false,
    strips_accents: false,
    cuts_ideographs: true,
};

#[derive(serde::Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    logits: Vec<Vec<f32>>,
}

fn bert(model: &[u8]) -> Result<Encoder, Error> {
    Encoder::read_classifier(model, PIECES.lines(), Spelling::UNCASED, HEADS)
}

/// The greatest distance between own scores and those in `expected`, of the same pieces.
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
fn distance(encoder: &Encoder, expected: &str) -> f32 {
    let cases: Vec<Case> = serde_json::from_str(expected).unwrap();
    assert!(cases.len() >= 5);
    let mut most = 0.0_f32;
    for case in cases {
        let ids: Vec<u32> = encoder.pieces(&case.text).iter().map(|p| p.id).collect();
        assert_eq!(ids, case.ids, "{}", case.text);
        let (own, wanted) = (encoder.logits(&ids), case.logits.concat());
        assert_eq!(own.len(), wanted.len());
        for (a, b) in own.iter().zip(&wanted) {
            most = most.max((a - b).abs());
        }
    }
    most
}

/// `model` with the text `from` replaced by `to`, of the same length, wherever it stands.
fn renamed(model: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut out = model.to_vec();
    let mut found = 0;
    for at in 0..=model.len() - from.len() {
        if model
            .get(at..)
            .is_some_and(|rest| rest.starts_with(from.as_bytes()))
            && let Some(place) = out.get_mut(at..at + to.len())
        {
            place.copy_from_slice(to.as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "{from}");
    out
}

#[test]
fn scores_of_an_exported_bert_are_those_of_onnx_runtime() {
    let most = distance(&bert(BERT).unwrap(), include_str!("exported/bert/expected.json"));
    assert!(most < 1e-4, "{most}");
}

#[test]
fn scores_of_an_exported_cased_distilbert_are_those_of_onnx_runtime() {
    let encoder = Encoder::read_classifier(DISTILBERT, CASED_PIECES.lines(), CASED, HEADS).unwrap();
    let most = distance(&encoder, include_str!("exported/distilbert/expected.json"));
    assert!(most < 1e-4, "{most}");
}

#[test]
fn long_texts_are_seen_in_stretches_that_name_every_word_once() {
    let text = "anna, berg is in zurve ".repeat(100);
    let mut out = TaggedWords::default();
    let whole = 0..text.len();
    let encoder = bert(BERT).unwrap();
    encoder
        .tag(
            &text,
            std::slice::from_ref(&whole),
            &mut EncoderMemory::default(),
            &Budget::unlimited(),
            &mut out,
        )
        .unwrap();
    assert_eq!(out.words.len(), 600);
    assert!(out.words.is_sorted_by(|a, b| a.end <= b.start));
}

#[test]
fn an_unknown_operator_is_refused_by_its_name() {
    for (from, to, wanted) in [
        ("Softmax", "Softmux", "Softmux"),
        ("Erf", "Tan", "Tan"),
        ("Sqrt", "Sqr7", "Sqr7"),
        ("ReduceMean", "ReduceMeum", "ReduceMeum"),
        ("input_ids", "input_idz", "input_idz"),
        ("attention_mask", "attention_maks", "attention_maks"),
    ] {
        let error = bert(&renamed(BERT, from, to)).unwrap_err();
        assert!(matches!(error, Error::Operator { .. }), "{from}: {error}");
        assert!(error.to_string().contains(wanted), "{from}: {error}");
    }
}

#[test]
fn what_the_configuration_says_has_to_be_what_the_graph_does() {
    for heads in [0, 1, 4, 5, usize::MAX] {
        let read = Encoder::read_classifier(BERT, PIECES.lines(), Spelling::UNCASED, heads);
        assert!(matches!(read, Err(Error::Model { .. })), "{heads}");
    }
    let more = PIECES.lines().chain(["one-more"]);
    let read = Encoder::read_classifier(BERT, more, Spelling::UNCASED, HEADS);
    assert!(matches!(read, Err(Error::Vocabulary { .. })));
}

#[test]
fn a_cut_file_is_refused_at_every_length() {
    for length in (0..BERT.len()).step_by(499) {
        assert!(bert(&BERT[..length]).is_err(), "{length}");
    }
}

#[test]
#[ignore = "needs models that `training/onnx/tiny.py --all` makes; PRIVET_EXPORTED names their folder"]
fn other_exports_are_read_or_refused_as_the_guide_says() {
    #[expect(clippy::disallowed_methods, reason = "it says where they lie")]
    let folder = PathBuf::from(std::env::var("PRIVET_EXPORTED").unwrap());
    let read = |name: &str| bert(&std::fs::read(folder.join(name).join("model.onnx")).unwrap());
    let expected = |name: &str| std::fs::read_to_string(folder.join(name).join("expected.json")).unwrap();
    assert!(Path::new(&folder).is_dir());
    let torch = distance(&read("bert-torch").unwrap(), &expected("bert-torch"));
    assert!(torch < 1e-4, "{torch}");
    let half = distance(&read("bert-half").unwrap(), &expected("bert-half"));
    assert!(half < 0.05, "{half}");
    let error = read("bert-dynamic").unwrap_err().to_string();
    assert!(
        error.contains("`MatMulInteger`") || error.contains("`DynamicQuantizeLinear`"),
        "{error}"
    );
}

proptest! {
    // Words of up to 100 pieces, more than the encoder sees at once.
    #[test]
    fn every_word_is_named_once_however_long_it_is(lengths in prop::collection::vec(1_usize..=100, 1..30)) {
        let encoder = bert(BERT).unwrap();
        let words: Vec<String> = lengths.iter().map(|length| "q".repeat(*length)).collect();
        let text = words.join(" ");
        let mut out = TaggedWords::default();
        let mut memory = EncoderMemory::default();
        let whole = 0..text.len();
        encoder.tag(&text, std::slice::from_ref(&whole), &mut memory, &Budget::unlimited(), &mut out).unwrap();
        let covered: usize = out.words.iter().map(|word| word.end - word.start).sum();
        prop_assert_eq!(covered, text.len() - (words.len() - 1));
        prop_assert!(out.words.is_sorted_by(|a, b| a.end <= b.start));
    }

    #[test]
    fn a_damaged_file_is_refused_or_still_gives_finite_scores(places in prop::collection::vec((0..BERT.len(), any::<u8>()), 1..8)) {
        let mut bytes = BERT.to_vec();
        for (at, byte) in places {
            bytes[at] = byte;
        }
        if let Ok(encoder) = bert(&bytes) {
            prop_assert!(encoder.logits(&[5, 6, 7]).iter().all(|n| n.is_finite()));
        }
    }
}
