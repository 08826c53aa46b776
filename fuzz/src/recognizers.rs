//! What Presidio's users bring along: recogniser files, recognisers of a request, patterns in Python's syntax, operators.

use privet_pii::presidio::{
    self, AllowList, AnalyzerResult, Way, anonymize, deanonymize, dictionary, flags, translate,
};
use privet_pii::{Analyzer, Config, EntityAction, Pattern, Recognizer, RegexFlags};
use privet_types::{Budget, Entity};
use serde_json::Value;

use crate::variant;

/// What own patterns are tried on.
const TEXT: &str =
    "her badge B-1234, part b-9876; Köln, New Ulm, 😀 12345678 aaaaaaaaaaaaaaaaaaaaaaaa!\n\nx-x";

/// Only what is brought along is looked for.
fn nothing() -> Config {
    Config {
        network: false,
        undo_disguise: false,
        default_action: EntityAction::Allow,
        broad_action: EntityAction::Allow,
        ..Config::default()
    }
}

/// Makes an analyser of `config` and has it look; both may be refused.
fn look(mut config: Config) {
    for recognizer in &config.recognizers {
        config.entities.insert(recognizer.entity, EntityAction::Mask);
    }
    let Ok(analyzer) = Analyzer::new(&config) else {
        return;
    };
    let Ok(found) = analyzer.analyze(TEXT, None, &Budget::new(1 << 24)) else {
        return;
    };
    let mut end = 0;
    for finding in found {
        assert!(finding.span.of(TEXT).is_some_and(|value| !value.is_empty()));
        assert!(finding.span.start >= end);
        end = finding.span.end;
    }
}

/// Recogniser files, dictionaries and patterns are refused, or look at a text within their budget; what they find lies on
/// character bounds.
pub fn fuzz_recognizers(data: &[u8]) {
    let Some((variant, rest)) = variant(data) else {
        return;
    };
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    let mut config = nothing();
    match variant & 3 {
        0 => {
            if let Ok(read) = presidio::recognizers(text) {
                read.apply(&mut config);
                look(config);
            }
        }
        1 => {
            let Ok(value) = serde_json::from_str::<Value>(text) else {
                return;
            };
            let _ = flags(value.get("global_regex_flags"));
            if let Ok(read) = dictionary(&value) {
                config.recognizers.push(read.recognizer);
                look(config);
            }
        }
        2 => {
            let Ok(regex) = translate(text) else {
                return;
            };
            config.recognizers.push(Recognizer {
                name: "own".to_owned(),
                entity: Entity::TERM,
                patterns: vec![Pattern {
                    name: "own".to_owned(),
                    regex,
                    score: 0.5,
                }],
                deny_list: Vec::new(),
                deny_list_score: 1.0,
                context: Vec::new(),
                checksum: None,
                flags: RegexFlags::default(),
            });
            look(config);
        }
        _ => {
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            if let Ok(allowed) = AllowList::regex(&lines, RegexFlags::default(), variant & 4 != 0) {
                let _ = allowed.allows(TEXT);
            }
        }
    }
}

/// Bodies of `/anonymize` and `/deanonymize` are refused, or give items that lie in the new text.
pub fn fuzz_presidio(data: &[u8]) {
    let Ok(Value::Object(body)) = serde_json::from_slice(data) else {
        return;
    };
    let text = body.get("text").and_then(Value::as_str).unwrap_or(TEXT);
    let read = |key: &str, way: Way| -> Option<Vec<AnalyzerResult>> {
        let list = body.get(key)?.as_array()?;
        list.iter()
            .map(|value| AnalyzerResult::parse(value, way).ok())
            .collect()
    };
    if let (Some(results), Ok(operators)) = (
        read("analyzer_results", Way::Anonymize),
        presidio::Operators::parse(body.get("anonymizers")),
    ) {
        if let Ok(made) = anonymize(text, results, &operators) {
            let length = made.text.chars().count();
            assert!(
                made.items
                    .iter()
                    .all(|item| item.start <= item.end && item.end <= length)
            );
        }
    }
    if let (Some(results), Ok(operators)) = (
        read("anonymizer_results", Way::Deanonymize),
        presidio::Operators::parse(body.get("deanonymizers")),
    ) {
        let _ = deanonymize(text, results, &operators);
    }
}
