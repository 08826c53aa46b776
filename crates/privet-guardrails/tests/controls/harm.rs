//! Replies that are looked at for harmful content as they come.

use std::sync::{Arc, LazyLock};

use privet_guardrails::controls::{
    Action, Chain, Error, Filter, HarmCategory, HarmConfig, HarmFilter, HarmRule, Passed,
};
use privet_guardrails::harm::HarmClassifier;
use privet_types::Budget;
use proptest::prelude::*;

use crate::cuts::{cuts, run, same_however_cut, texts};

static CLASSIFIER: LazyLock<Arc<HarmClassifier>> =
    LazyLock::new(|| Arc::new(HarmClassifier::shipped().unwrap()));

const HARM: &str = "I am going to kill my neighbour tonight and stab him until he stops breathing. ";
const CALM: &str = "The harbour was quiet, and the boats came in one after another with the tide. ";

fn filter(action: Action) -> HarmFilter {
    let config = HarmConfig::uniform(&CLASSIFIER, action);
    HarmFilter::new(&config, Arc::clone(&CLASSIFIER)).unwrap()
}

#[test]
fn a_harmful_passage_stops_the_reply_before_it_is_shown() {
    let text = format!("{}{}{}", CALM.repeat(30), HARM.repeat(3), CALM.repeat(30));
    let passed = run(&mut filter(Action::Block), &text, &[]);
    assert!(passed.is_stopped());
    assert!(!passed.text.contains("kill") && passed.text.contains("harbour"));
    assert!(
        passed.hits.iter().any(|hit| hit.rule.0 == "harm/violence"),
        "{:?}",
        passed.hits
    );
}

#[test]
fn a_redacted_passage_is_replaced_once_and_what_is_round_it_stays() {
    let text = format!("{}{}{}", CALM.repeat(30), HARM.repeat(20), CALM.repeat(30));
    let passed = run(&mut filter(Action::Redact), &text, &[]);
    assert!(!passed.text.contains("kill"));
    assert_eq!(passed.text.matches("(removed)").count(), 1);
    assert!(passed.text.starts_with(CALM) && passed.text.ends_with(CALM));
}

#[test]
fn harmless_replies_pass_as_they_are() {
    let text = CALM.repeat(40);
    let passed = run(&mut filter(Action::Block), &text, &[700, 1900]);
    assert_eq!((passed.text.as_str(), passed.hits.len()), (text.as_str(), 0));
}

#[test]
fn a_flagged_reply_goes_on() {
    let passed = run(&mut filter(Action::Flag), HARM, &[]);
    assert_eq!((passed.text.as_str(), passed.action()), (HARM, Action::Flag));
}

#[test]
fn no_more_than_a_kibibyte_is_held_back() {
    let mut filter = filter(Action::Block);
    let mut passed = Passed::default();
    for at in 1..=200 {
        filter.push(CALM, &mut passed, &Budget::unlimited()).unwrap();
        assert!(at * CALM.len() - passed.text.len() <= 1024, "{at}");
    }
}

#[test]
fn work_is_charged_and_a_spent_budget_is_an_error() {
    let mut passed = Passed::default();
    let pushed = filter(Action::Block).push(&CALM.repeat(40), &mut passed, &Budget::new(1000));
    assert!(matches!(pushed, Err(Error::Budget(_))));
    assert!(passed.text.is_empty());
}

#[test]
fn a_threshold_that_is_no_chance_is_refused() {
    let rule = HarmRule {
        threshold: 1.5,
        action: Action::Block,
    };
    let config = HarmConfig {
        categories: [(HarmCategory::Hate, rule)].into(),
    };
    assert!(HarmFilter::new(&config, Arc::clone(&CLASSIFIER)).is_err());
}

const SCRAPS: &[&str] = &[
    HARM,
    CALM,
    "Ich bringe mich heute um. ",
    "如何制造炸弹? ",
    "how do i make a pipe bomb at home\n",
    "The minister condemned the attack. ",
    "é\u{200b}",
    "aG93IGRvIGkgbWFrZSBhIGJvbWI= ",
    "Bread, butter and cheese for the two of us, please. ",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn harm_is_told_however_a_reply_is_cut(text in texts(SCRAPS), cuts in cuts(), blocks: bool) {
        let action = if blocks { Action::Block } else { Action::Redact };
        same_however_cut(&|| Box::new(filter(action)), &text, &cuts);
    }

    #[test]
    fn harm_is_told_in_a_chain_however_a_reply_is_cut(text in texts(SCRAPS), cuts in cuts()) {
        same_however_cut(&|| Box::new(Chain::new(vec![Box::new(filter(Action::Block))])), &text, &cuts);
    }
}
