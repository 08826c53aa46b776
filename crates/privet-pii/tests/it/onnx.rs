//! Token classifiers of the user's choice, with tiny ones that `training/onnx/tiny.py` made: one was taught that Anna Berger is a
//! person and Zurich a place, the other's numbers are random.

use std::sync::{Arc, LazyLock};

use privet_pii::{Analyzer, ClassifierFiles, Config, Error, Labels, Model};
use privet_types::{Budget, Entity};

macro_rules! exported {
    ($include:ident, $name:literal) => {
        $include!(concat!("../../../privet-inference/tests/it/exported/", $name))
    };
}

const TAUGHT: ClassifierFiles<'static> = ClassifierFiles {
    model: exported!(include_bytes, "bert/model.onnx"),
    config: exported!(include_str, "bert/config.json"),
    tokenizer: None,
    tokenizer_config: Some(exported!(include_str, "bert/tokenizer_config.json")),
    vocabulary: Some(exported!(include_str, "bert/vocab.txt")),
};

const RANDOM: ClassifierFiles<'static> = ClassifierFiles {
    model: exported!(include_bytes, "distilbert/model.onnx"),
    config: exported!(include_str, "distilbert/config.json"),
    tokenizer: Some(exported!(include_str, "distilbert/tokenizer.json")),
    tokenizer_config: None,
    vocabulary: None,
};

/// Looks for `kinds` alone: of a text that both networks are sure of, the one in the binary might have the word.
fn analyzer(files: &ClassifierFiles<'_>, labels: &Labels, kinds: &[Entity]) -> Analyzer {
    let model = Arc::new(Model::classifier("own", files, labels).unwrap());
    let config = Config {
        model: "own".to_owned(),
        ..Config::only(kinds)
    };
    Analyzer::with_model(&config, Some(&model)).unwrap()
}

static OWN: LazyLock<Analyzer> = LazyLock::new(|| {
    let kinds = [Entity::PERSON, Entity::LOCATION, Entity::EMAIL_ADDRESS];
    analyzer(&TAUGHT, &Labels::default(), &kinds)
});

fn found<'t>(analyzer: &Analyzer, text: &'t str, rule: &str) -> Vec<(Entity, &'t str)> {
    let found = analyzer.analyze(text, None, &Budget::unlimited()).unwrap();
    let own = found.iter().filter(|f| f.rule.0 == rule);
    own.map(|f| (f.entity, f.span.of(text).unwrap())).collect()
}

#[test]
fn its_labels_become_findings_beside_what_rules_find() {
    let text = "my name is anna berger, and i live in zurich, anna@example.com";
    assert_eq!(found(&OWN, text, "onnx/label"), [(Entity::LOCATION, "zurich")]);
    // The network in the binary is surer of this one.
    assert_eq!(found(&OWN, text, "ner/person"), [(Entity::PERSON, "anna berger")]);
    assert_eq!(
        found(&OWN, text, "email/address"),
        [(Entity::EMAIL_ADDRESS, "anna@example.com")]
    );
}

#[test]
fn values_in_long_texts_are_found_where_they_stand() {
    let line = "my name is anna berger, and i live in zurich. ";
    let text = line.repeat(40);
    let findings = OWN.analyze(&text, None, &Budget::unlimited()).unwrap();
    let towns: Vec<_> = findings.iter().filter(|f| f.rule.0 == "onnx/label").collect();
    for town in &towns {
        assert!(town.span.of(&text).unwrap().starts_with("zurich"), "{town:?}");
    }
    // It was taught short texts, so it knows the town where a window begins: each window has one.
    let lines: Vec<usize> = towns.iter().map(|town| town.span.start / line.len()).collect();
    assert!(lines.first() < Some(&5) && lines.last() > Some(&25), "{lines:?}");
}

#[test]
fn labels_are_taken_for_what_the_user_says() {
    let mut labels = Labels::default();
    labels.insert("PER", "USERNAME").unwrap();
    labels.insert("LOC", "ignore").unwrap();
    let text = "my name is anna berger, and i live in zurich";
    let own = analyzer(&TAUGHT, &labels, &[Entity::USERNAME]);
    assert_eq!(
        found(&own, text, "onnx/label"),
        [(Entity::USERNAME, "anna berger")]
    );
    labels.insert("PER", "ignore").unwrap();
    let nothing = Model::classifier("own", &TAUGHT, &labels);
    assert!(matches!(nothing, Err(Error::Classifier { problem }) if problem.contains("--map")));
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    for (n, files) in [
        ClassifierFiles {
            tokenizer: RANDOM.tokenizer,
            ..TAUGHT
        },
        ClassifierFiles {
            tokenizer_config: None,
            ..TAUGHT
        },
        ClassifierFiles {
            vocabulary: None,
            ..TAUGHT
        },
        ClassifierFiles { model: b"", ..TAUGHT },
        ClassifierFiles {
            config: "{}",
            ..TAUGHT
        },
    ]
    .into_iter()
    .enumerate()
    {
        let read = Model::classifier("own", &files, &Labels::default());
        assert!(matches!(read, Err(Error::Classifier { .. })), "{n}");
    }
}

#[test]
fn the_budget_that_is_asked_for_covers_every_text() {
    let own = analyzer(&RANDOM, &Labels::default(), &[Entity::PERSON]);
    for piece in [
        "a", "a ", ".", "Anna. ", "\n", "a\n\n", "東", "A.", "\u{301}", "1,", "b\u{ad}", "anna-",
    ] {
        for times in [1, 7, 500] {
            let text = piece.repeat(times);
            let budget = Budget::new(own.units_per_byte() * text.len() as u64 + 65_536);
            assert!(own.analyze(&text, None, &budget).is_ok(), "{piece:?} {times}");
        }
    }
}
