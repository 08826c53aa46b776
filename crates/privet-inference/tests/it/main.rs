//! Tests of the networks through their public door.

// Without `cfg(test)` the lints would not take the helpers for tests.
#[cfg(test)]
mod encoder;
#[cfg(all(test, feature = "onnx"))]
mod exported;
#[cfg(test)]
mod rampart;
#[cfg(all(test, feature = "onnx"))]
mod sequence;

use std::borrow::Cow;
use std::sync::LazyLock;

use privet_inference::label::LABELS;
use privet_inference::token::{MOST_TOKENS, tokenize, windows};
use privet_inference::{Error, Memory, Tagger};
use proptest::prelude::*;

const WEIGHTS: &[u8] = include_bytes!("../../weights/ner.bin");

#[expect(clippy::unwrap_used, reason = "no test can run without it")]
static TAGGER: LazyLock<Tagger> = LazyLock::new(|| Tagger::shipped().unwrap());

fn scores(tagger: &Tagger, text: &str) -> Vec<[f32; LABELS]> {
    let tokens = tokenize(text);
    let (mut memory, mut out) = (Memory::default(), Vec::new());
    for window in windows(text, &tokens) {
        tagger.tag(text, &tokens, window, &mut memory, &mut out);
    }
    out
}

#[test]
fn the_forward_pass_agrees_with_the_reference_in_python() {
    // Written by `training/ner/reference.py`, in 64-bit numbers, rounded to 4 places.
    let cases: Vec<(String, Vec<Vec<f32>>)> = serde_json::from_str(include_str!("reference.json")).unwrap();
    assert!(cases.len() >= 6);
    for (text, expected) in cases {
        let got = scores(&TAGGER, &text);
        assert_eq!(got.len(), expected.len(), "{text}");
        for (row, wanted) in got.iter().zip(&expected) {
            for (a, b) in row.iter().zip(wanted) {
                assert!((a - b).abs() < 2e-3, "{text}: {a} instead of {b}");
            }
        }
    }
}

#[test]
fn the_shipped_weights_are_whole() {
    assert!(Tagger::new(Cow::Borrowed(WEIGHTS)).is_ok());
}

#[test]
fn damaged_weights_are_refused() {
    for at in [0, 9, 100, 1_000_000, WEIGHTS.len() - 300, WEIGHTS.len() - 1] {
        let mut bytes = WEIGHTS.to_vec();
        bytes[at] ^= 0x10;
        assert!(Tagger::new(Cow::Owned(bytes)).is_err(), "byte {at}");
    }
    let short = Cow::Borrowed(&WEIGHTS[..WEIGHTS.len() - 8]);
    assert!(matches!(Tagger::new(short), Err(Error::Length { .. })));
    assert_eq!(Tagger::new(Cow::Borrowed(b"")).err(), Some(Error::Layout));
}

#[test]
fn weights_with_numbers_that_are_not_finite_are_refused_though_the_checksum_holds() {
    let mut bytes = WEIGHTS.to_vec();
    bytes[12..16].copy_from_slice(&f32::NAN.to_le_bytes());
    let body = bytes.len() - 8;
    let sum = bytes[..body]
        .chunks(8)
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x0100_0000_01b3)
        });
    bytes[body..].copy_from_slice(&sum.to_le_bytes());
    assert_eq!(Tagger::new(Cow::Owned(bytes)).err(), Some(Error::Number));
}

#[test]
fn a_window_is_tagged_alike_wherever_it_stands() {
    let text = "Anna Berger lives in Graz.";
    let alone = scores(&TAGGER, text);
    let after = scores(
        &TAGGER,
        &format!("Graz and Berger are words seen before.\n\n{text}"),
    );
    assert_eq!(after[after.len() - alone.len()..], alone[..]);
}

proptest! {
    #[test]
    fn tokens_are_disjoint_on_character_bounds_and_leave_out_white_space_only(text in "\\PC{0,60}|[a-zA-Z0-9 .,\n\u{3042}\u{4e2d}\u{30ab}]{0,200}") {
        let mut end = 0;
        for token in tokenize(&text) {
            prop_assert!(token.start >= end && token.end > token.start);
            prop_assert!(text.get(end..token.start).unwrap().trim().is_empty());
            prop_assert!(text.get(token.start..token.end).is_some());
            end = token.end;
        }
        prop_assert!(text.get(end..).unwrap().trim().is_empty());
    }

    #[test]
    fn windows_hold_every_token_once_and_128_at_most(text in "([a-zA-Z]{1,5}[ .\n,]{0,3}){0,400}") {
        let tokens = tokenize(&text);
        let mut next = 0;
        for window in windows(&text, &tokens) {
            prop_assert_eq!(window.start, next);
            prop_assert!(!window.is_empty() && window.len() <= MOST_TOKENS);
            next = window.end;
        }
        prop_assert_eq!(next, tokens.len());
    }

    #[test]
    fn probabilities_sum_to_one_for_any_text(text in "\\PC{0,80}") {
            for row in scores(&TAGGER, &text) {
            let sum: f32 = row.iter().map(|s| s.exp()).sum();
            prop_assert!((sum - 1.0).abs() < 1e-3, "{}", sum);
        }
    }
}
