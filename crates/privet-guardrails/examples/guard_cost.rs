//! What a text costs: `cost FILE.jsonl [MOST]` prints CPU-µs a KiB over the `text` of each line, of the detector, of the
//! normaliser alone, which the gateway's masking runs as well, and of what the harm classifiers add to the detector.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a measuring tool stops at the first error"
)]

use std::fs;

use privet_guardrails::harm::HarmClassifier;
use privet_guardrails::{Detector, Input, Origin};
use privet_pii::normalize::views;
use privet_types::Budget;
use serde_json::Value;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("cost FILE.jsonl [MOST]");
    let most = arguments.next().map_or(5000, |most| most.parse().unwrap());
    let detector = Detector::shipped().unwrap();
    let texts: Vec<String> = fs::read_to_string(path)
        .unwrap()
        .lines()
        .take(most)
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["text"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let kib = texts.iter().map(String::len).sum::<usize>() as f64 / 1024.0;
    let mut flagged = 0;
    let before = cpu();
    for text in &texts {
        let input = Input::new(text, Origin::Document);
        flagged += usize::from(detector.check(input, &Budget::unlimited()).unwrap().is_flagged());
    }
    let all = cpu() - before;
    let harm = HarmClassifier::shipped().unwrap();
    let before = cpu();
    for text in &texts {
        let input = Input::new(text, Origin::Document);
        let both = detector.check_with_harm(input, &harm, &Budget::unlimited());
        flagged += usize::from(both.unwrap().1.len() != 5);
    }
    let both = cpu() - before;
    let before = cpu();
    let found: usize = texts
        .iter()
        .map(|t| views(t, &Budget::unlimited()).unwrap().len())
        .sum();
    let normaliser = cpu() - before;
    println!(
        "{} texts, {kib:.0} KiB, {flagged} flagged: {:.1} CPU-µs a KiB, of them {:.1} the normaliser ({found} views); harm adds {:.1}",
        texts.len(),
        all / kib,
        normaliser / kib,
        (both - all) / kib
    );
}

/// CPU time of this thread in µs.
fn cpu() -> f64 {
    let line = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    line.split(' ').next().unwrap().parse::<f64>().unwrap() / 1000.0
}
