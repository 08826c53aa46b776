//! A text that comes in pieces is read as the whole text is.

use privet_pii::{Analyzer, Config, Error, StreamAnalyzer, Windows};
use privet_types::{Budget, Finding};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::gold;

/// Bytes that a small window answers for and sees beside it.
const CORE: usize = 700;
const OVERLAP: usize = 1400;

fn analyzer(network: bool) -> Analyzer {
    Analyzer::new(&Config {
        network,
        ..Config::everything()
    })
    .unwrap()
}

fn in_pieces(analyzer: &Analyzer, pieces: &[&[u8]]) -> Result<Vec<Finding>, Error> {
    let mut stream = StreamAnalyzer::with_windows(analyzer, Windows::with_sizes(CORE, OVERLAP));
    let mut found = Vec::new();
    for piece in pieces {
        found.extend(stream.push(piece, &Budget::unlimited())?);
    }
    found.extend(stream.finish(&Budget::unlimited())?);
    Ok(found)
}

/// Sentences with values of many kinds, in several scripts.
const SENTENCES: &[&str] = &[
    "Please write to ann.lee@example.com or call +1 202-555-0143 before noon.",
    "Her card 4111 1111 1111 1111 expires 04/27, CVV 123.",
    "Die Überweisung geht an DE89 3704 0044 0532 0130 00, Steuer-ID 86095742719.",
    "Mi DNI es 12345678Z y vivo en la calle Mayor 12, 28013 Madrid.",
    "Born on 12 March 1984, SSN 219-09-9999.",
    "日本語の文です。電話は03-1234-5678です。",
    "Пишите на ivan@example.org или звоните 8 (495) 123-45-67.",
    "server 192.0.2.17 and 2001:db8::1 answered at 2025-03-12T08:01:22Z",
    "password = \"hunter2hunter2\" token=ghp_0000000000000000000000000000000000aa",
    "write to ann (at) example (dot) com, four one one one",
    "y\u{00f6}\u{301} 😀 e\u{301}",
    "Nothing private stands in this sentence about the weather, the harvest or the price of bread.",
    "{\"date_of_birth\": \"1984-03-12\", \"iban\": \"GB82 WEST 1234 5698 7654 32\"}",
];

fn text() -> impl Strategy<Value = String> {
    let gaps = prop::sample::select(vec![" ", "\n", "\n\n", " \t", "\r\n"]);
    prop::collection::vec((prop::sample::select(SENTENCES), gaps), 0..60).prop_map(|all| {
        all.into_iter()
            .map(|(sentence, gap)| format!("{sentence}{gap}"))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn findings_are_those_of_the_whole_text_however_it_is_cut(
        text in text(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..24)
    ) {
        let analyzer = analyzer(false);
        let bytes = text.as_bytes();
        let mut at: Vec<usize> = cuts.iter().map(|i| i.index(bytes.len() + 1)).collect();
        at.extend([0, bytes.len()]);
        at.sort_unstable();
        let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let whole = analyzer.analyze(&text, None, &Budget::unlimited()).unwrap();
        prop_assert_eq!(in_pieces(&analyzer, &pieces).unwrap(), whole);
    }
}

#[test]
fn a_cut_at_any_byte_changes_nothing() {
    let analyzer = analyzer(true);
    let text = SENTENCES.join("\n").repeat(3);
    let whole = analyzer.analyze(&text, None, &Budget::unlimited()).unwrap();
    assert!(whole.len() > 40);
    for at in 0..=text.len() {
        // The network is asked once per window: every seventh cut is enough beside the rules' own test.
        if at % 7 == 0 {
            let (a, b) = text.as_bytes().split_at(at);
            assert_eq!(in_pieces(&analyzer, &[a, b]).unwrap(), whole, "cut at byte {at}");
        }
    }
}

#[test]
fn single_bytes_make_the_same_findings() {
    let analyzer = analyzer(false);
    let text = SENTENCES.join(" ").repeat(4);
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
    let whole = analyzer.analyze(&text, None, &Budget::unlimited()).unwrap();
    assert_eq!(in_pieces(&analyzer, &pieces).unwrap(), whole);
}

#[test]
fn gold_texts_in_a_row_are_read_alike_with_the_network() {
    let analyzer = analyzer(true);
    let text: String = ["en", "de", "fr", "ja", "ru"]
        .iter()
        .flat_map(|language| gold::texts(language))
        .take(60)
        .map(|text| text + "\n\n")
        .collect();
    let whole = analyzer.analyze(&text, None, &Budget::unlimited()).unwrap();
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(999).collect();
    assert_eq!(in_pieces(&analyzer, &pieces).unwrap(), whole);
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_place() {
    let analyzer = analyzer(false);
    let error = in_pieces(&analyzer, &[b"abc", b"\xe4", b"d"]).unwrap_err();
    assert!(matches!(error, Error::NotUtf8 { at: 3 }), "{error}");
}
