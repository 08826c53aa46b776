//! Laws that hold for every text.

use privet_pii::{Analyzer, Config, Terms};
use privet_types::{Budget, BudgetError, Entity, Finding};
use proptest::prelude::*;

fn analyzer() -> Analyzer {
    let terms = Terms {
        entity: Entity::PERSON,
        values: vec!["Ann Lee".to_owned(), "Zoë".to_owned()],
    };
    Analyzer::new(&Config {
        terms: vec![terms],
        network: false,
        ..Config::default()
    })
    .unwrap()
}

/// Pieces of values and of what stands round them, in any order.
const PIECES: &[&str] = &[
    "ann@example.com",
    "@",
    "4111 1111 1111 1111",
    "4111",
    "+1 202-555-0143",
    "(",
    ")",
    " ",
    "-",
    ".",
    ":",
    "/",
    "\\n",
    "=",
    "DE89 3704 0044 0532 0130 00",
    "192.0.2.17",
    "2001:db8::1",
    "%eth0",
    "00:00:5e:00:53:01",
    "https://u:p1@example.com/",
    "219-09-9999",
    "ssn",
    "born ",
    "1984-03-12",
    "12 March 1984",
    "password is hunter2hunter2",
    "token=\"",
    "é",
    "卡",
    "\u{a0}",
    "\u{301}",
    "Zoë",
    "ANN  LEE",
    "x",
    "1",
    "0x",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0",
    "-----BEGIN PRIVATE KEY-----",
    "-----END ",
    "MIIBVAIBADANBgkqhkiG9w0B",
    "\n",
    "\"",
    "\u{130}",
    "\u{1e9e}",
    "\u{200b}",
    "four ",
    "zero ",
    " (at) ",
    " dot ",
    "com",
    "%40",
    "&#52;",
    "\\u0034",
    "am9obkBleGFtcGxlLmNvbQ==",
    "３",
    "٤",
    "о",
    "4-1-1-1",
    "⑽",
];

fn any_text() -> impl Strategy<Value = String> {
    let pieces = proptest::collection::vec(proptest::sample::select(PIECES), 0..24);
    prop_oneof![pieces.prop_map(|p| p.concat()), any::<String>()]
}

fn check(text: &str, found: &[Finding]) {
    let mut last = 0;
    for finding in found {
        assert!(
            finding.span.start >= last && !finding.span.is_empty(),
            "{found:?}"
        );
        assert!(
            finding.span.of(text).is_some(),
            "{finding:?} cuts a character of {text:?}"
        );
        assert!((0.0..=1.0).contains(&finding.score));
        last = finding.span.end;
    }
}

proptest! {
    #[test]
    fn findings_are_sorted_disjoint_on_character_bounds_and_the_same_every_time(
        text in any_text(),
        context in proptest::option::of("[a-zA-Z_]{0,12}"),
    ) {
        let analyzer = analyzer();
        let budget = Budget::new(256 * text.len() as u64 + 65_536);
        let found = analyzer.analyze(&text, context.as_deref(), &budget).unwrap();
        check(&text, &found);
        let again = analyzer.analyze(&text, context.as_deref(), &Budget::unlimited()).unwrap();
        prop_assert_eq!(found, again);
    }

    #[test]
    fn a_budget_too_small_or_cancelled_is_an_error_and_never_a_partial_answer(text in "[a-z ]{64,256}") {
        let analyzer = analyzer();
        prop_assert!(analyzer.analyze(&text, None, &Budget::new(8)).is_err());
        let budget = Budget::unlimited();
        budget.cancel_flag().cancel();
        let error = analyzer.analyze(&text, None, &budget).unwrap_err();
        prop_assert!(matches!(error, privet_pii::Error::Budget(BudgetError::Cancelled)));
    }
}
