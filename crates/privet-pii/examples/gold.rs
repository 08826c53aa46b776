//! Measures detection on texts with inline annotation (`tests/it/fixtures/gold`): leaks of direct identifiers, false
//! findings in texts without personal data, spans found in disguised texts.
//!
//!     cargo run --release -p privet-pii --example gold -- FILE… [--half odd|even] [--show] [--evidence]
//!
//! `--half`: only documents whose number is odd or even. `--show`: what leaks and what is found in texts without personal
//! data. `--evidence`: instead, a JSON line a text with its spans and the evidence of each token, for `training/lexicon/fit.py`.
#![expect(clippy::unwrap_used, reason = "a measuring tool stops at the first error")]

use std::collections::BTreeMap;
use std::path::Path;

use privet_pii::{Analyzer, Config, Ner};
use privet_types::{Budget, Span};

/// Kinds that describe many: no direct identifiers.
const BROAD: &str =
    "AGE DATE_TIME LOCATION NRP ORGANIZATION SWIFT_CODE TITLE UK_POSTCODE URL UUID ZIP_CODE DE_PLZ";
/// Kinds that do not count as false findings.
const UNCOUNTED: &str = "DATE_TIME ORGANIZATION";

struct Document {
    id: String,
    kind: String,
    group: String,
    text: String,
    spans: Vec<(String, Span)>,
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    for (i, part) in text.split("<U+").enumerate() {
        let code = part.split_once('>').and_then(|(hex, rest)| {
            let c = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)?;
            Some((c, rest))
        });
        match code.filter(|_| i > 0) {
            Some((c, rest)) => {
                out.push(c);
                out.push_str(rest);
            }
            None => {
                out.push_str(if i > 0 { "<U+" } else { "" });
                out.push_str(part);
            }
        }
    }
    out
}

fn document(part: &str, group: &str) -> Option<Document> {
    let (head, body) = part.trim_matches('\n').split_once('\n')?;
    let mut words = head.trim_start_matches("# ").split(' ');
    let mut document = Document {
        id: words.next()?.to_owned(),
        kind: words.next()?.to_owned(),
        group: group.to_owned(),
        text: String::new(),
        spans: Vec::new(),
    };
    let body = unescaped(body);
    let mut rest = body.as_str();
    while let Some((before, marked)) = rest.split_once("[[") {
        let (inner, after) = marked.split_once("]]")?;
        let (kind, value) = inner.split_once('|')?;
        document.text.push_str(before);
        let start = document.text.len();
        document.text.push_str(value);
        document
            .spans
            .push((kind.to_owned(), Span::new(start, document.text.len())));
        rest = after;
    }
    document.text.push_str(rest);
    if document.kind == "disguised" {
        document.group = "disguised".to_owned();
    }
    Some(document)
}

fn documents(path: &str, half: Option<&str>) -> Vec<Document> {
    let raw = std::fs::read_to_string(path).unwrap();
    let stem = Path::new(path)
        .file_stem()
        .unwrap()
        .to_string_lossy()
        .into_owned();
    let number = |d: &Document| {
        let digits: String = d.id.chars().filter(char::is_ascii_digit).collect();
        digits.parse::<u64>().unwrap_or(0)
    };
    raw.split("\n---\n")
        .map(|part| document(part, &stem).unwrap())
        .filter(|d| match half {
            Some("odd") => number(d) % 2 == 1,
            Some("even") => number(d) % 2 == 0,
            _ => true,
        })
        .collect()
}

#[derive(Default)]
struct Count {
    leaked: usize,
    total: usize,
    found: usize,
    spans: usize,
}

fn main() {
    let mut files = Vec::new();
    let (mut half, mut show, mut evidence) = (None, false, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--half" => half = arguments.next(),
            "--show" => show = true,
            "--evidence" => evidence = true,
            _ => files.push(argument),
        }
    }
    let documents: Vec<_> = files.iter().flat_map(|f| documents(f, half.as_deref())).collect();
    if evidence {
        dump(&documents);
    } else {
        measure(&documents, show);
    }
}

fn dump(documents: &[Document]) {
    let ner = Ner::shipped().unwrap();
    let rules = Analyzer::new(&Config {
        network: false,
        ..Config::everything()
    })
    .unwrap();
    for d in documents {
        let found = rules.analyze(&d.text, None, &Budget::unlimited()).unwrap();
        let rules: Vec<_> = found
            .iter()
            .map(|f| (f.entity.name(), f.span.start, f.span.end, f.basis as u8))
            .collect();
        let tokens: Vec<_> = ner
            .evidence(&d.text)
            .into_iter()
            .map(|t| (t.span.start, t.span.end, t.scores, t.features))
            .collect();
        let spans: Vec<_> = d.spans.iter().map(|(k, s)| (k, s.start, s.end)).collect();
        let line = serde_json::json!({"id": d.id, "kind": d.kind, "group": d.group, "text": d.text, "spans": spans, "tokens": tokens, "rules": rules});
        println!("{line}");
    }
}

fn measure(documents: &[Document], show: bool) {
    let analyzer = Analyzer::new(&Config::everything()).unwrap();
    let is_in = |list: &str, kind: &str| list.split(' ').any(|k| k == kind);
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let mut kinds: BTreeMap<&str, Count> = BTreeMap::new();
    let mut false_findings: BTreeMap<String, usize> = BTreeMap::new();
    let mut words = 0;
    for d in documents {
        let found = analyzer.analyze(&d.text, None, &Budget::unlimited()).unwrap();
        if d.kind == "negative" {
            words += d.text.split_whitespace().count();
            for f in found.iter().filter(|f| !is_in(UNCOUNTED, f.entity.name())) {
                *false_findings.entry(f.entity.name().to_owned()).or_default() += 1;
                if show {
                    println!(
                        "FALSE {} {} {:.2} {} {:?}",
                        d.id,
                        f.entity.name(),
                        f.score,
                        f.rule.0,
                        around(&d.text, f.span)
                    );
                }
            }
        }
        let count = counts.entry(d.group.as_str()).or_default();
        for (kind, span) in d.spans.iter().filter(|(kind, _)| !is_in(BROAD, kind)) {
            let covered = (span.start..span.end)
                .filter(|at| found.iter().any(|f| f.span.start <= *at && *at < f.span.end))
                .count();
            for count in [&mut *count, kinds.entry(kind.as_str()).or_default()] {
                count.total += span.len();
                count.leaked += span.len() - covered;
                count.spans += 1;
                count.found += usize::from(2 * covered >= span.len());
            }
            if show && covered < span.len() {
                let missed: String = span.of(&d.text).unwrap().to_owned();
                println!(
                    "LEAK {} {} {missed:?} of {:?}",
                    d.id,
                    kind,
                    around(&d.text, *span)
                );
            }
        }
    }
    report("group", &counts);
    if show {
        report("kind", &kinds);
    }
    let mut all = Count::default();
    for (_, c) in counts.iter().filter(|(g, _)| **g != "disguised") {
        all.leaked += c.leaked;
        all.total += c.total;
        all.spans += c.spans;
        all.found += c.found;
    }
    println!(
        "all but disguised: leaked {:.4}, spans found {:.3} of {}",
        ratio(all.leaked, all.total),
        ratio(all.found, all.spans),
        all.spans
    );
    let count: usize = false_findings.values().sum();
    println!(
        "false findings: {count} in {words} words, {:.2} per 1,000 {false_findings:?}",
        1000.0 * ratio(count, words)
    );
}

fn report(title: &str, counts: &BTreeMap<&str, Count>) {
    for (name, c) in counts {
        println!(
            "{title} {name}: leaked {:.4}, spans found {:.3} of {}",
            ratio(c.leaked, c.total),
            ratio(c.found, c.spans),
            c.spans
        );
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// `span` with what stands beside it, for a reader.
fn around(text: &str, span: Span) -> String {
    let floor = |mut at: usize| {
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(span.start.saturating_sub(30));
    let end = floor((span.end + 20).min(text.len()));
    format!(
        "{}⟦{}⟧{}",
        text.get(start..span.start).unwrap(),
        span.of(text).unwrap(),
        text.get(span.end..end).unwrap()
    )
}
