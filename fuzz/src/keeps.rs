//! What a scan keeps between runs, and what it is told: baselines, caches, settings, reports.

use privet_supplychain::baseline::{Baseline, PathGlobs, ScanKey, file_of};
use privet_supplychain::cache::{Cache, CacheLimits, Records};
use privet_supplychain::fix::import_nbdefense;
use privet_supplychain::report::{
    Report, Stamp, TextStyle, cyclonedx, github, gitlab, html, json, jsonl, mask_line, sarif, text, visible,
};
use privet_supplychain::scan::FileScan;
use privet_supplychain::settings::{KeyRef, ScanConfig};
use privet_supplychain::{Category, Finding, Severity};
use serde_json::Value;

use crate::scans::scan_key;
use crate::variant;

/// The file of which the cache of the corpus knows what it came to: content, rules, path.
const KNOWN: (&[u8], &str, &str) = (b"x = 1\n", "rules", "a.py");

/// What the known file came to.
#[must_use]
pub fn corpus_scan() -> FileScan {
    let finding = Finding {
        path: "a.py".to_owned(),
        category: Category::Secret,
        rule: "generic-password".to_owned(),
        severity: Severity::High,
        verdict: None,
        line: 1,
        start: 0,
        end: 5,
        fingerprint: "0".repeat(32),
        message: "password beside its name".to_owned(),
        place: None,
        snippet: Some("x = …[8–15]".to_owned()),
    };
    FileScan {
        findings: vec![finding],
        segments: 1,
        ..FileScan::default()
    }
}

/// Puts the known file into a cache.
pub fn corpus_cache(cache: &Cache) {
    let id = |content| cache.file_id(cache.content_id(content), KNOWN.1, KNOWN.2);
    cache.put(id(KNOWN.0), &corpus_scan());
    cache.put(id(b"y"), &FileScan::default());
}

/// The key of everything in the corpus.
#[must_use]
pub fn corpus_scan_key() -> ScanKey {
    scan_key()
}

/// Any bytes are refused with a reason, or are a baseline, settings or a report that is read again as it is written; a cache
/// answers with what was kept or not at all, however it is damaged; what is made of NB Defense's settings are settings.
pub fn fuzz_scan_state(data: &[u8]) {
    let Some((variant, rest)) = variant(data) else {
        return;
    };
    let utf8 = std::str::from_utf8(rest).ok();
    match variant % 6 {
        0 => baseline(rest),
        1 => cache(rest),
        2 => utf8.into_iter().for_each(settings),
        3 => utf8.into_iter().for_each(nbdefense),
        4 => report(rest),
        _ => words(rest),
    }
}

fn baseline(bytes: &[u8]) {
    let key = scan_key();
    let Ok(read) = Baseline::read(bytes, &key) else {
        return;
    };
    let written = read.write();
    let again = Baseline::read(written.as_bytes(), &key).expect("what was written is a baseline");
    assert_eq!(again, read);
    let today = "2026-11-30".parse().expect("a day");
    let like = corpus_scan().findings;
    let findings: Vec<Finding> = read
        .findings()
        .iter()
        .map(|one| Finding {
            path: one.path.clone(),
            rule: one.rule.clone(),
            category: one.category,
            fingerprint: one.fingerprint.clone(),
            ..like[0].clone()
        })
        .collect();
    let applied = read.apply(&findings, today);
    assert!(
        applied.fresh.is_empty() && applied.gone.is_empty(),
        "what it accepts is known"
    );
    assert_eq!(applied.known.len() + applied.expired.len(), findings.len());
    assert_eq!(read.apply(&[], today).gone.len(), read.findings().len());
    let mut both = read.clone();
    both.merge(read.clone()).expect("of one key");
    assert_eq!(both, read);
}

fn cache(bytes: &[u8]) {
    let key = scan_key();
    if let Some(records) = Records::new(bytes, key.id()) {
        assert!(records.count() <= bytes.len());
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("cache"), bytes).expect("a file");
    let limits = CacheLimits { bytes: 1 << 16 };
    let open = || Cache::open(folder.path(), &key, limits).expect("a damaged cache is an empty one");
    let known = |cache: &Cache| cache.get(cache.file_id(cache.content_id(KNOWN.0), KNOWN.1, KNOWN.2));
    let cache = open();
    let before = known(&cache);
    assert!(before.is_none() || before == Some(corpus_scan()), "{before:?}");
    assert_eq!(cache.get(cache.content_id(b"never kept")), None);
    corpus_cache(&cache);
    cache.flush().expect("the disk takes it");
    assert_eq!(known(&open()), Some(corpus_scan()));
}

fn settings(text: &str) {
    match ScanConfig::parse(text) {
        Ok(config) => {
            config.check().expect("it was checked");
            config.excluded().expect("it was checked");
            let kept = config.allow_list().expect("it was checked");
            let today = "2026-11-30".parse().expect("a day");
            let allowed = kept.apply(corpus_scan().findings, today);
            assert!(!format!("{allowed:?}").is_empty());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn nbdefense(text: &str) {
    if let Ok(section) = import_nbdefense(text) {
        let read = ScanConfig::parse(&section);
        assert!(read.is_ok(), "{read:?} of\n{section}");
    }
}

fn report(bytes: &[u8]) {
    let Ok(mut read) = Report::from_json(bytes) else {
        return;
    };
    let again = Report::from_json(json(&read).as_bytes()).expect("what was written is a report");
    assert_eq!(again, read);
    read.put_in_order();
    let once = read.clone();
    read.put_in_order();
    assert_eq!(read, once);
    for made in [sarif(&read), gitlab(&read), cyclonedx(&read, &stamp())] {
        assert!(serde_json::from_str::<Value>(&made).is_ok(), "{made}");
    }
    let mut lines = Vec::new();
    jsonl(&read.findings, &mut lines).expect("memory takes it");
    let count = lines.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(count, read.findings.len());
    let notes = github(&read);
    assert_eq!(notes.lines().count(), read.findings.len());
    assert!(notes.lines().all(|line| line.starts_with("::")), "{notes}");
    for width in [None, Some(30)] {
        let style = TextStyle {
            has_colour: false,
            width,
        };
        let plain = text(&read, style);
        let is_bad = |sign: char| sign.is_control() && sign != '\n';
        assert!(!plain.contains(is_bad), "{plain:?}");
    }
    let tags = |page: &str| page.matches("<script").count() + page.matches("<img").count();
    assert_eq!(
        tags(&html(&read)),
        tags(&html(&Report::default())),
        "a value became a tag"
    );
}

fn stamp() -> Stamp {
    Stamp {
        serial: "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79".to_owned(),
        at: "2026-11-30T00:00:00Z".parse().expect("a time"),
    }
}

/// Keys, references to keys, globs, paths, and lines that are masked.
fn words(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(key) = ScanKey::parse(&text) {
        let again = ScanKey::parse(&key.to_text()).expect("what was written is a key");
        assert_eq!(again.id(), key.id());
    }
    if let Ok(key) = text.parse::<KeyRef>() {
        assert_eq!(key.to_string(), text);
    }
    let lines: Vec<&str> = text.lines().take(8).collect();
    if let Ok(globs) = PathGlobs::new(&lines) {
        assert_eq!(globs.matches("a/b/c.txt"), globs.matches("a/b/c.txt"));
        assert_eq!(globs.is_empty(), lines.is_empty());
    }
    assert!(text.starts_with(file_of(&text)));
    assert!(!visible(&text).contains(char::is_control));
    let quarter = bytes.len() / 4;
    let masked = mask_line(bytes, &[quarter..quarter * 3]);
    assert!(masked.chars().count() <= 200, "{masked}");
    assert!(!masked.contains(char::is_control), "{masked}");
    let value = std::str::from_utf8(&bytes[quarter..quarter * 3]).unwrap_or_default();
    if value.len() > 24 && value.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let start = &value[..12];
        let is_elsewhere = |part: &[u8]| part.windows(12).any(|window| window == start.as_bytes());
        let is_masked = !masked.contains(start);
        assert!(
            is_masked || is_elsewhere(&bytes[..quarter + 11]) || is_elsewhere(&bytes[quarter + 1..]),
            "{masked}"
        );
    }
}
