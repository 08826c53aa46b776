//! Writes the part of the scan's corpus that only code can make: what is kept under the keys of the laws, an index, a report.
//! It comes out the same each time.
//!
//! `cargo run --example scan_corpus`

use std::error::Error;
use std::fs;
use std::path::Path;

use privet_fuzz::{corpus_cache, corpus_manifest, corpus_scan, corpus_scan_key, corpus_source};
use privet_supplychain::baseline::{Baseline, Because};
use privet_supplychain::cache::{Cache, CacheLimits};
use privet_supplychain::dependencies::{Index, read_osv};
use privet_supplychain::report::{Component, FileError, ModelFile, Report, Suppressed, SuppressedBy, json};
use privet_supplychain::{Category, Finding, Severity, Verdict};

/// Where the body of an index starts, behind what names the format and the hash.
const BODY: usize = 8 + 32;

fn main() -> Result<(), Box<dyn Error>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let state = corpus.join("scan_state");
    fs::create_dir_all(&state)?;
    let key = corpus_scan_key();
    let found = corpus_scan();

    let because = Because {
        reason: "made-up values".to_owned(),
        who: "anna".to_owned(),
        when: "2026-11-01".parse()?,
        expires: Some("2027-06-30".parse()?),
    };
    let baseline = Baseline::accepting(&found.findings, &because, &key)?.write();
    fs::write(state.join("baseline"), variant(0, baseline.as_bytes()))?;

    let folder = tempfile::tempdir()?;
    let cache = Cache::open(folder.path(), &key, CacheLimits::default())?;
    corpus_cache(&cache);
    cache.flush()?;
    let bytes = fs::read(folder.path().join("cache"))?;
    fs::write(state.join("cache"), variant(1, &bytes))?;

    fs::write(
        state.join("report"),
        variant(4, json(&report(&found.findings)).as_bytes()),
    )?;

    let manifest = corpus_manifest().to_json()?;
    fs::create_dir_all(corpus.join("sealed_artifact"))?;
    fs::write(corpus.join("sealed_artifact/manifest"), manifest)?;

    let osv = fs::read(corpus.join("advisories/osv"))?;
    let advisory = read_osv(osv.get(1..).unwrap_or_default())?.ok_or("it was withdrawn")?;
    let index = Index::compile([Ok(advisory)], &corpus_source())?;
    let body = index.get(BODY..).unwrap_or_default();
    fs::write(corpus.join("advisories/index"), variant(3, body))?;
    Ok(())
}

/// An input: the first byte chooses what the rest is read as.
fn variant(number: u8, rest: &[u8]) -> Vec<u8> {
    [&[number], rest].concat()
}

fn report(findings: &[Finding]) -> Report {
    let mut report = Report::new("0.1.0", ".", "rules");
    report.findings = findings.to_vec();
    report.findings.push(Finding {
        path: "a.zip!/m<b>.pkl".to_owned(),
        category: Category::Model,
        rule: "pickle-dangerous-global".to_owned(),
        severity: Severity::Critical,
        verdict: Some(Verdict::Dangerous),
        line: 0,
        start: 2,
        end: 13,
        fingerprint: "1".repeat(32),
        message: "it calls `os.system`: do not load it".to_owned(),
        place: Some("cell 1, output 2".to_owned()),
        snippet: None,
    });
    report.suppressed = vec![Suppressed {
        by: SuppressedBy::Inline,
        reason: "made up".to_owned(),
        finding: findings
            .first()
            .cloned()
            .unwrap_or_else(|| report.findings[0].clone()),
    }];
    report.errors = vec![FileError {
        path: "b.gz".to_owned(),
        message: "does not unpack".to_owned(),
    }];
    report.components = vec![Component {
        name: "jinja2".to_owned(),
        version: Some("2.10".to_owned()),
        ecosystem: "PyPI".to_owned(),
        purl: Some("pkg:pypi/jinja2@2.10".to_owned()),
        licence: Some("BSD-3-Clause".to_owned()),
        path: "requirements.txt".to_owned(),
        line: 1,
        ..Component::default()
    }];
    report.models = vec![ModelFile {
        path: "a.zip".to_owned(),
        format: "pickle".to_owned(),
        verdict: Verdict::Dangerous,
        bytes: 40,
        hashes: Vec::new(),
        licence: None,
    }];
    report
}
