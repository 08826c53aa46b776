//! Dependencies, the advisories that they are held against, and licences.

use std::cmp::Ordering;
use std::io::Cursor;

use privet_supplychain::Severity;
use privet_supplychain::dependencies::{
    Advisory, Basis, Dependency, Ecosystem, Error, Event, Index, Judgement, LicencePolicy, Manifest,
    ManifestKind, Pinned, Source, Version, base_score, from_code_cell, imports_without_pin,
    normalise_licence, normalise_name, parse_licence, read, read_installed, read_json_lines, read_osv,
    read_zip, recognise, severity_of_score,
};
use privet_types::Budget;

use crate::variant;

/// One path of each kind of manifest.
const PATHS: [&str; 24] = [
    "requirements.txt",
    "constraints.txt",
    "pyproject.toml",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "pylock.toml",
    "Pipfile",
    "Pipfile.lock",
    "setup.cfg",
    "environment.yml",
    "Cargo.toml",
    "Cargo.lock",
    "package.json",
    "package-lock.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "go.mod",
    "go.sum",
    "PKG-INFO",
    "conda-meta/a.json",
    "x.dist-info/METADATA",
    "requirements/dev.in",
    "npm-shrinkwrap.json",
];

const ECOSYSTEMS: [Ecosystem; 5] = [
    Ecosystem::PyPi,
    Ecosystem::Conda,
    Ecosystem::CratesIo,
    Ecosystem::Npm,
    Ecosystem::Go,
];

/// Work that a text of `length` bytes may take.
fn promised(length: usize) -> Budget {
    Budget::new((1 << 26) + 16_384 * length as u64)
}

/// Any text of any kind of manifest is refused with a reason or read within the promised work, the same each time: places lie in
/// the text, names are in their normal form, locked versions are known, no credential of an address is kept; files are only
/// included from within; versions have one order.
pub fn fuzz_dependencies(data: &[u8]) {
    let Some((variant, rest)) = variant(data) else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    versions(&text);
    if variant & 0x80 != 0 {
        return code(&text);
    }
    let path = PATHS[usize::from(variant) % PATHS.len()];
    let kind = recognise(path).expect("a path of a manifest");
    let once = manifest(kind, path, &text);
    assert_eq!(once, manifest(kind, path, &text));
    if let Ok(installed) = read_installed(&text, &promised(text.len())) {
        assert!(!installed.name.is_empty(), "{installed:?}");
    }
    let Ok(manifest) = once else { return };
    for one in &manifest.dependencies {
        dependency(one, &text);
    }
    for problem in &manifest.problems {
        assert!(!problem.message.is_empty(), "{problem:?}");
    }
}

fn manifest(kind: ManifestKind, path: &str, text: &str) -> Result<Manifest, String> {
    let mut asked: Vec<String> = Vec::new();
    let include = &mut |path: &str| {
        let is_within = !path.starts_with('/') && !path.split('/').any(|part| part == "..");
        assert!(is_within, "{path}");
        assert!(!asked.iter().any(|known| known == path), "{path} again");
        asked.push(path.to_owned());
        // Each included file includes another one, and the first one again.
        let next = format!("-r more{}.txt\n-r requirements.txt\n", asked.len());
        (asked.len() < 100).then_some(next)
    };
    read(kind, path, text, include, &promised(text.len())).map_err(|error| match error {
        Error::Budget(error) => panic!("{path}: {error}"),
        error => error.to_string(),
    })
}

fn dependency(one: &Dependency, text: &str) {
    assert!(!one.name.is_empty() && one.line >= 1, "{one:?}");
    assert_eq!(normalise_name(one.ecosystem, &one.name), one.name);
    let purl = one.purl();
    let is_purl = purl.starts_with("pkg:") && purl.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(is_purl, "{purl}");
    if one.file.is_none() {
        assert!(text.get(one.span.clone()).is_some(), "{one:?}");
    }
    if matches!(one.pinned, Pinned::Exact | Pinned::Locked) {
        assert!(one.version.is_some(), "{one:?}");
    }
    for pair in one.hashes.windows(2) {
        assert!(pair[0] < pair[1], "{pair:?}");
    }
    for hash in &one.hashes {
        let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        assert!(hash.hex.bytes().all(is_hex), "{hash:?}");
    }
    let origin = one.origin.as_deref().and_then(|origin| origin.split_once("://"));
    if let Some((_, rest)) = origin {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        assert!(!authority.contains('@'), "{one:?}");
    }
}

/// What stands between blanks, commas and comparisons, as versions of every ecosystem.
fn versions(text: &str) {
    let words: Vec<&str> = text
        .split(|sign: char| sign.is_whitespace() || ",\"'<>=~^;".contains(sign))
        .filter(|word| !word.is_empty())
        .take(24)
        .collect();
    for ecosystem in ECOSYSTEMS {
        let known = words.iter().filter_map(|word| Version::parse(ecosystem, word));
        let mut known: Vec<Version> = known.collect();
        for one in &known {
            assert_eq!(one.cmp(one), Ordering::Equal);
            for two in &known {
                assert_eq!(one.cmp(two), two.cmp(one).reverse(), "{one:?} {two:?}");
                if one == two {
                    assert_eq!(one.is_prerelease(), two.is_prerelease(), "{one:?} {two:?}");
                }
            }
        }
        known.sort();
        for (at, one) in known.iter().enumerate() {
            assert!(known[at..].iter().all(|two| one <= two), "{known:?}");
            let public = one.clone().into_public();
            assert_eq!(public, public.clone().into_public());
        }
    }
}

/// A cell of code: places lie in it, and what is not pinned is among what is imported.
fn code(text: &str) {
    let cell = from_code_cell(text);
    for one in &cell.installs {
        dependency(one, text);
    }
    for one in &cell.imports {
        let named = text.get(one.span.clone()).unwrap_or_default();
        assert!(
            !named.is_empty() && !one.module.is_empty() && one.line >= 1,
            "{one:?}"
        );
    }
    let open = imports_without_pin(&cell, &[], &mut |_| false);
    assert!(open.iter().all(|one| cell.imports.contains(one)));
    assert!(imports_without_pin(&cell, &[], &mut |_| true).is_empty());
}

/// What the indexes of the corpus and of this file are compiled from.
#[must_use]
pub fn corpus_source() -> Source {
    Source {
        name: "fuzz".to_owned(),
        date: "2026-11-30T00:00:00Z".parse().expect("a time"),
        sha256: "0".repeat(64),
    }
}

/// Advisories, lists and archives of them, indexes, CVSS vectors and licences are refused or read within the promised work; a
/// version that an advisory lists is found in the index that it is compiled to; scores are 0 to 10 in tenths; an expression of
/// licences is written as one that means the same.
pub fn fuzz_advisories(data: &[u8]) {
    let Some((variant, rest)) = variant(data) else {
        return;
    };
    match variant % 6 {
        0 => {
            if let Ok(Some(advisory)) = read_osv(rest) {
                advisory_holds(&advisory);
            }
        }
        1 => assert_eq!(json_lines(rest), json_lines(rest)),
        2 => {
            let budget = promised(rest.len());
            if let Ok(all) = read_zip(Cursor::new(rest), &budget) {
                assert!(
                    all.filter(Result::is_err).count() <= 1,
                    "it ends after the first error"
                );
            }
        }
        3 => index(rest),
        4 => String::from_utf8_lossy(rest).lines().for_each(vector),
        _ => String::from_utf8_lossy(rest).lines().for_each(licence),
    }
}

fn json_lines(bytes: &[u8]) -> Vec<Result<Advisory, String>> {
    let budget = promised(bytes.len());
    let Ok(all) = read_json_lines(bytes, &budget) else {
        // A gzip that does not begin as one.
        return Vec::new();
    };
    all.map(|one| one.map_err(|error| error.to_string())).collect()
}

fn advisory_holds(advisory: &Advisory) {
    assert!(advisory.summary.chars().count() <= 161, "{advisory:?}");
    let is_score = |score: f64| (0.0..=10.0).contains(&score);
    assert!(advisory.score.is_none_or(is_score), "{advisory:?}");
    let compiled = || Index::compile([Ok(advisory.clone()), Ok(advisory.clone())], &corpus_source());
    let bytes = compiled().expect("short");
    assert_eq!(bytes, compiled().expect("short"));
    let index = Index::open(bytes.clone()).expect("it was compiled just now");
    assert_eq!(index.source(), &corpus_source());
    for affected in &advisory.affected {
        assert_eq!(normalise_name(affected.ecosystem, &affected.name), affected.name);
        let search = |version: &str| {
            let hits = index.search(affected.ecosystem, &affected.name, version, Basis::Version);
            hits.expect("it was compiled just now")
        };
        for version in &affected.versions {
            let hits = search(version);
            let is_hit = hits.iter().any(|hit| hit.ids.contains(&advisory.id));
            assert!(is_hit, "{version} of {advisory:?}");
        }
        let [range] = affected.ranges.as_slice() else {
            continue;
        };
        let is_alone = affected.versions.is_empty() && advisory.affected.len() == 1;
        if let [Event::Introduced(_), Event::Fixed(fixed)] = range.events.as_slice()
            && is_alone
            && !fixed.contains('+')
        {
            assert!(search(fixed).is_empty(), "{advisory:?}");
        }
    }
    for at in [0, 9, bytes.len() / 2, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert!(Index::open(damaged).is_err(), "byte {at}");
    }
}

/// An index with the right hash over any bytes, as somebody of ill will would write it.
fn index(body: &[u8]) {
    let digest = privet_crypto::sha256(body);
    let bytes = [b"PRVOSV\0\x01".as_slice(), &digest, body].concat();
    let Ok(index) = Index::open(bytes) else { return };
    for ecosystem in ECOSYSTEMS {
        for name in ["jinja2", "left-pad", "a", ""] {
            // It may lie or refuse; nothing else.
            if let Ok(hits) = index.search(ecosystem, name, "1.0", Basis::Version) {
                assert!(hits.len() <= body.len(), "more hits than bytes");
            }
        }
    }
}

fn vector(line: &str) {
    let Some(score) = base_score(line) else { return };
    assert!((0.0..=10.0).contains(&score), "{line}: {score}");
    assert!(
        (score * 10.0 - (score * 10.0).round()).abs() < 1e-9,
        "{line}: {score}"
    );
    assert_eq!(severity_of_score(score) == Severity::Critical, score >= 9.0);
    // The order of metrics means nothing.
    let line = line.trim().trim_start_matches('(').trim_end_matches(')');
    let (head, metrics) = match line.split_once('/') {
        Some((head, rest)) if head.starts_with("CVSS:") => (format!("{head}/"), rest),
        _ => (String::new(), line),
    };
    let turned: Vec<&str> = metrics.rsplit('/').collect();
    assert_eq!(
        base_score(&format!("{head}{}", turned.join("/"))),
        Some(score),
        "{line}"
    );
}

fn licence(line: &str) {
    if let Some(licence) = parse_licence(line) {
        let written = licence.to_string();
        let again = parse_licence(&written).expect("what was written is an expression");
        assert_eq!(again.to_string(), written, "{line}");
    }
    let normal = normalise_licence(line);
    if let Some(normal) = &normal {
        assert!(parse_licence(normal).is_some(), "{line}");
        assert_eq!(normalise_licence(normal).as_ref(), Some(normal), "{line}");
    }
    let judged = LicencePolicy::default().judge("a", line);
    assert_eq!(judged == Judgement::Allowed, normal.is_some(), "{line}");
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let strict = LicencePolicy {
        deny: words.clone(),
        ..LicencePolicy::default()
    };
    let lax = LicencePolicy {
        allow: words,
        ..LicencePolicy::default()
    };
    assert_eq!(strict.check().is_ok(), lax.check().is_ok(), "{line}");
    let is_one_word = !line.trim().is_empty() && !line.trim().contains(char::is_whitespace);
    if strict.check().is_ok() && is_one_word && normal.is_some_and(|normal| !normal.contains(' ')) {
        // A policy that denies the licence by the word that names it.
        assert_eq!(strict.judge("a", line).rule(), Some("licence-denied"), "{line}");
    }
}
