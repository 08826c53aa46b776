//! Tests of the encoder through its public door, with a tiny one of random numbers: `training/rampart/tiny.py` made it.

use std::ops::Range;
use std::sync::LazyLock;

use privet_inference::{Encoder, EncoderMemory, Error, TaggedWords};
use privet_types::{Budget, BudgetError};
use proptest::prelude::*;

const MODEL: &[u8] = include_bytes!("tiny/model.onnx");
const VOCABULARY: &str = include_str!("tiny/vocab.txt");
const HEADS: usize = 2;

static ENCODER: LazyLock<Encoder> = LazyLock::new(|| Encoder::read(MODEL, VOCABULARY, HEADS).unwrap());

#[derive(serde::Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    logits: Vec<Vec<f32>>,
}

fn tag(text: &str, windows: &[Range<usize>]) -> TaggedWords {
    let mut out = TaggedWords::default();
    let mut memory = EncoderMemory::default();
    ENCODER
        .tag(text, windows, &mut memory, &Budget::unlimited(), &mut out)
        .unwrap();
    out
}

fn whole(text: &str) -> TaggedWords {
    tag(text, std::slice::from_ref(&(0..text.len())))
}

fn assert_close(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() < 1e-4, "{a} instead of {b}");
    }
}

#[test]
fn pieces_and_scores_are_those_of_the_reference_libraries() {
    // Pieces of Hugging Face's tokenizers, scores of ONNX Runtime.
    let cases: Vec<Case> = serde_json::from_str(include_str!("tiny/expected.json")).unwrap();
    assert!(cases.len() >= 6);
    for case in cases {
        let ids: Vec<u32> = ENCODER.pieces(&case.text).iter().map(|p| p.id).collect();
        assert_eq!(ids, case.ids, "{}", case.text);
        assert_close(&ENCODER.logits(&ids), &case.logits.concat());
    }
}

#[test]
fn a_word_has_the_mean_of_its_pieces() {
    let text = "anna müller";
    let pieces = ENCODER.pieces(text);
    assert_eq!(pieces.len(), 3);
    let ids: Vec<u32> = pieces.iter().map(|p| p.id).collect();
    let rows: Vec<Vec<f32>> = ENCODER
        .logits(&ids)
        .chunks(ENCODER.labels())
        .map(|row| {
            let total: f32 = row.iter().map(|n| n.exp()).sum();
            row.iter().map(|n| n.exp() / total).collect()
        })
        .collect();
    let mean: Vec<f32> = rows[2].iter().zip(&rows[3]).map(|(a, b)| (a + b) / 2.0).collect();
    let tagged = whole(text);
    assert_eq!(
        tagged.words.iter().map(|w| (w.start, w.end)).collect::<Vec<_>>(),
        [(0, 4), (5, 12)]
    );
    assert_close(&tagged.probabilities, &[rows[1].clone(), mean].concat());
}

#[test]
fn windows_are_seen_on_their_own_whatever_is_computed_with_them() {
    let text = "anna berger\nis my name\nand i live in zurich\n";
    let windows: Vec<_> = [0..12, 12..23, 23..44].to_vec();
    let together = tag(text, &windows);
    let mut apart = TaggedWords::default();
    for window in &windows {
        let one = tag(text, std::slice::from_ref(window));
        apart.words.extend(one.words);
        apart.probabilities.extend(one.probabilities);
    }
    assert_eq!(together.words, apart.words);
    assert_close(&together.probabilities, &apart.probabilities);
}

#[test]
fn long_windows_are_seen_in_stretches_that_name_every_word_once() {
    let text = "anna, berg is in zurve ".repeat(200);
    let tagged = whole(&text);
    assert_eq!(tagged.words.len(), 200 * 6);
    let names: Vec<&str> = tagged
        .words
        .iter()
        .take(6)
        .map(|w| text.get(w.start..w.end).unwrap())
        .collect();
    assert_eq!(names, ["anna", ",", "berg", "is", "in", "zurve"]);
    assert!(tagged.words.is_sorted_by(|a, b| a.end <= b.start));
    assert_eq!(tagged.probabilities.len(), 1200 * ENCODER.labels());
}

#[test]
fn work_ends_with_the_budget() {
    let text = "anna berg ".repeat(100);
    let whole = 0..text.len();
    let mut memory = EncoderMemory::default();
    let mut run = |budget: &Budget| {
        ENCODER.tag(
            &text,
            std::slice::from_ref(&whole),
            &mut memory,
            budget,
            &mut TaggedWords::default(),
        )
    };
    assert_eq!(run(&Budget::new(50_000)), Err(Error::Budget(BudgetError::Spent)));
    let cancelled = Budget::unlimited();
    cancelled.cancel_flag().cancel();
    assert_eq!(run(&cancelled), Err(Error::Budget(BudgetError::Cancelled)));
}

#[test]
fn files_that_do_not_fit_each_other_are_refused() {
    assert!(matches!(
        Encoder::read(MODEL, VOCABULARY, 3),
        Err(Error::Model { .. })
    ));
    assert!(matches!(
        Encoder::read(MODEL, VOCABULARY, 0),
        Err(Error::Model { .. })
    ));
    let more = format!("{VOCABULARY}one-more\n");
    assert!(matches!(
        Encoder::read(MODEL, &more, HEADS),
        Err(Error::Vocabulary { .. })
    ));
    assert!(matches!(
        Encoder::read(b"", VOCABULARY, HEADS),
        Err(Error::Model { .. })
    ));
}

#[test]
fn a_cut_file_is_refused_at_every_length() {
    for length in (0..MODEL.len()).step_by(97) {
        assert!(
            Encoder::read(&MODEL[..length], VOCABULARY, HEADS).is_err(),
            "{length}"
        );
    }
}

proptest! {
    #[test]
    fn a_damaged_file_is_refused_or_still_gives_finite_scores(places in prop::collection::vec((0..MODEL.len(), any::<u8>()), 1..8)) {
        let mut bytes = MODEL.to_vec();
        for (at, byte) in places {
            bytes[at] = byte;
        }
        if let Ok(encoder) = Encoder::read(&bytes, VOCABULARY, HEADS) {
            prop_assert!(encoder.logits(&[5, 6, 7]).iter().all(|n| n.is_finite()));
        }
    }

    #[test]
    fn words_lie_in_the_text_on_character_bounds_in_order(text in "\\PC{0,60}|[a-zA-Zäöü .,'\u{ad}\u{200b}\u{301}東\n-]{0,400}") {
        let tagged = whole(&text);
        let mut end = 0;
        for word in &tagged.words {
            prop_assert!(word.start >= end && word.end > word.start);
            prop_assert!(text.get(word.start..word.end).is_some());
            end = word.end;
        }
        for row in tagged.probabilities.chunks(ENCODER.labels()) {
            prop_assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        }
    }
}
