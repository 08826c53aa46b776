//! Assertions over findings, for the tests of the recognisers.

use privet_types::{Budget, Entity, Finding};

use crate::{Analyzer, Config};

pub(crate) fn analyze(text: &str, context: Option<&str>) -> Vec<Finding> {
    let analyzer = Analyzer::new(&Config {
        network: false,
        ..Config::default()
    })
    .unwrap();
    analyzer.analyze(text, context, &Budget::unlimited()).unwrap()
}

/// Asserts that `entity` is found in `text` once, as `value`.
pub(crate) fn finds(entity: Entity, text: &str, value: &str) {
    check(entity, text, None, value);
}

/// The same, with a name outside the text.
pub(crate) fn finds_named(entity: Entity, text: &str, name: &str, value: &str) {
    check(entity, text, Some(name), value);
}

fn check(entity: Entity, text: &str, name: Option<&str>, value: &str) {
    let found = analyze(text, name);
    let values: Vec<_> = found
        .iter()
        .filter(|f| f.entity == entity)
        .map(|f| f.span.of(text).unwrap())
        .collect();
    assert_eq!(values, [value], "{entity} in {text:?}: {found:?}");
}

/// Asserts that `entity` is not found in `text`.
pub(crate) fn misses(entity: Entity, text: &str) {
    let found = analyze(text, None);
    assert!(
        found.iter().all(|f| f.entity != entity),
        "{entity} in {text:?}: {found:?}"
    );
}

/// Asserts that `entity` is found in `text` once, as `value`, if nothing else is looked for and no score is too low.
pub(crate) fn finds_alone(entity: Entity, text: &str, value: &str) {
    assert_eq!(alone(entity, text), [value], "{entity} in {text:?}");
}

/// Asserts that `entity` is not found in `text` even if nothing else is looked for and no score is too low.
pub(crate) fn misses_alone(entity: Entity, text: &str) {
    assert_eq!(alone(entity, text), [] as [String; 0], "{entity} in {text:?}");
}

fn alone(entity: Entity, text: &str) -> Vec<String> {
    let config = Config {
        threshold: 0.0,
        network: false,
        ..Config::only(&[entity])
    };
    let found = Analyzer::new(&config)
        .unwrap()
        .analyze(text, None, &Budget::unlimited())
        .unwrap();
    found
        .iter()
        .map(|f| f.span.of(text).unwrap().to_owned())
        .collect()
}

fn analyze_everything(text: &str) -> Vec<Finding> {
    let analyzer = Analyzer::new(&Config {
        network: false,
        ..Config::everything()
    })
    .unwrap();
    analyzer.analyze(text, None, &Budget::unlimited()).unwrap()
}

/// Asserts that `entity`, which may be a kind that is not looked for unless asked for, is found in `text` once, as
/// `value`.
pub(crate) fn finds_broad(entity: Entity, text: &str, value: &str) {
    let found = analyze_everything(text);
    let values: Vec<_> = found
        .iter()
        .filter(|f| f.entity == entity)
        .map(|f| f.span.of(text).unwrap())
        .collect();
    assert_eq!(values, [value], "{entity} in {text:?}: {found:?}");
}

/// Asserts that `entity`, which may be a kind that is not looked for unless asked for, is not found in `text`.
pub(crate) fn misses_broad(entity: Entity, text: &str) {
    let found = analyze_everything(text);
    assert!(
        found.iter().all(|f| f.entity != entity),
        "{entity} in {text:?}: {found:?}"
    );
}
