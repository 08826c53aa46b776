//! Detection quality on business texts that others wrote; see `fixtures/heldout/README.md` for their origin.

use std::path::Path;

use privet_pii::{Analyzer, Config};
use privet_types::{Budget, Entity, Finding, Span};

/// Kinds that describe many people or none, and so are no direct identifiers.
const BROAD: &[&str] = &[
    "AGE",
    "DATE_TIME",
    "LOCATION",
    "NRP",
    "ORGANIZATION",
    "SWIFT_CODE",
    "TITLE",
    "UK_POSTCODE",
    "URL",
    "UUID",
    "ZIP_CODE",
];

/// A text with what is to be found in it, and what was found.
struct Document {
    language: String,
    kind: String,
    text: String,
    identifiers: Vec<Span>,
    found: Vec<Finding>,
}

/// `<U+200B>` stands for that character, so that it can be seen in the file.
fn unescaped(text: &str) -> String {
    let mut parts = text.split("<U+");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |all, part| {
        let (code, rest) = part.split_once('>').unwrap();
        let c = char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap();
        format!("{all}{c}{rest}")
    })
}

fn document(part: &str, language: &str, analyzer: &Analyzer) -> Document {
    let (head, body) = part.trim_matches('\n').split_once('\n').unwrap();
    let body = unescaped(body);
    let mut pieces = body.split("[[");
    let mut text = pieces.next().unwrap().to_owned();
    let mut identifiers = Vec::new();
    for piece in pieces {
        let (marked, rest) = piece.split_once("]]").unwrap();
        let (kind, value) = marked.split_once('|').unwrap();
        let span = Span::new(text.len(), text.len() + value.len());
        identifiers.extend((!BROAD.contains(&kind)).then_some(span));
        text.push_str(value);
        text.push_str(rest);
    }
    Document {
        language: language.to_owned(),
        kind: head.split(' ').nth(2).unwrap().to_owned(),
        found: analyzer.analyze(&text, None, &Budget::unlimited()).unwrap(),
        text,
        identifiers,
    }
}

fn documents() -> Vec<Document> {
    let analyzer = Analyzer::new(&Config::everything()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/heldout");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .flat_map(|path| {
            let language = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let raw = std::fs::read_to_string(path).unwrap();
            raw.split("\n---\n")
                .map(|part| document(part, &language, &analyzer))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The share of the bytes of direct identifiers that no finding covers.
fn leaked<'d>(documents: impl Iterator<Item = &'d Document>) -> f64 {
    let (mut leaked, mut all) = (0, 0);
    for d in documents {
        for span in &d.identifiers {
            all += span.len();
            leaked += (span.start..span.end)
                .filter(|at| !d.found.iter().any(|f| (f.span.start..f.span.end).contains(at)))
                .count();
        }
    }
    f64::from(u32::try_from(leaked).unwrap()) / f64::from(u32::try_from(all).unwrap())
}

#[test]
fn direct_identifiers_leak_no_more_than_the_floors_allow() {
    let documents = documents();
    let plain = || documents.iter().filter(|d| d.kind != "disguised");
    let english = leaked(plain().filter(|d| d.language == "en"));
    let all = leaked(plain());
    println!("leaked: English {english:.4}, all {all:.4}");
    // The goals are .10 and .18; measured in November 2026: .050 and .080.
    assert!(english <= 0.06 && all <= 0.09, "English {english}, all {all}");
}

#[test]
fn texts_without_personal_data_are_left_alone() {
    let documents = documents();
    let negative = || documents.iter().filter(|d| d.kind == "negative");
    let words: usize = negative().map(|d| d.text.split_whitespace().count()).sum();
    let counted = |f: &&Finding| ![Entity::DATE_TIME, Entity::ORGANIZATION].contains(&f.entity);
    let found: usize = negative().map(|d| d.found.iter().filter(counted).count()).sum();
    println!("false findings: {found} in {words} words");
    // The goal is six; measured in November 2026: 2.5.
    assert!(1000 * found <= 3 * words, "{found} in {words} words");
}

#[test]
fn seventeen_in_twenty_values_in_disguise_are_found() {
    let documents = documents();
    let (mut found, mut all) = (0, 0);
    for d in documents.iter().filter(|d| d.kind == "disguised") {
        for span in &d.identifiers {
            all += 1;
            let covered = (span.start..span.end)
                .filter(|at| d.found.iter().any(|f| (f.span.start..f.span.end).contains(at)))
                .count();
            found += usize::from(2 * covered >= span.len());
        }
    }
    println!("disguised: {found} of {all}");
    // The goal is eight in ten; measured in November 2026: .894.
    assert!(20 * found >= 17 * all, "{found} of {all}");
}
