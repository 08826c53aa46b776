//! The catalogue knows the rules that findings carry.

use std::collections::BTreeSet;

use privet_pii::{Analyzer, Config, catalogue};
use privet_types::Budget;

const SENTENCES: &str = include_str!("fixtures/detection.jsonl");

#[test]
fn every_rule_that_finds_something_in_the_sentences_is_in_the_catalogue() {
    let analyzer = Analyzer::new(&Config::everything()).unwrap();
    let mut missing = BTreeSet::new();
    for line in SENTENCES.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = line["text"].as_str().unwrap().replace(['¦', '⟦', '⟧', '|'], " ");
        for finding in analyzer.analyze(&text, None, &Budget::unlimited()).unwrap() {
            if !catalogue::holds(&catalogue::rules(finding.entity), finding.rule.0) {
                missing.insert((finding.entity, finding.rule.0));
            }
        }
    }
    assert!(missing.is_empty(), "add to catalogue.rs: {missing:?}");
}
