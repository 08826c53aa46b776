//! The catalogue knows the rules that findings carry.

use std::collections::BTreeSet;

use privet_pii::{Analyzer, Config, catalogue};
use privet_types::Budget;

const SENTENCES: &str = include_str!("fixtures/detection.jsonl");

#[test]
fn every_rule_that_finds_something_in_the_fixtures_is_in_the_catalogue() {
    let analyzer = Analyzer::new(&Config::everything()).unwrap();
    let gold = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures/gold");
    let mut texts: Vec<String> = SENTENCES
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["text"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    for entry in std::fs::read_dir(gold).unwrap() {
        texts.push(std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    let mut missing = BTreeSet::new();
    for text in texts {
        let text = text.replace(['¦', '⟦', '⟧', '|', '[', ']'], " ");
        for finding in analyzer.analyze(&text, None, &Budget::unlimited()).unwrap() {
            if !catalogue::holds(&catalogue::rules(finding.entity), finding.rule.0) {
                missing.insert((finding.entity, finding.rule.0));
            }
        }
    }
    assert!(missing.is_empty(), "add to catalogue.rs: {missing:?}");
}
