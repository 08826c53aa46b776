//! Advisories: reading, versions, scores, and the index.

use std::io::{Cursor, Write};

use jiff::{SignedDuration, Timestamp};
use privet_supplychain::Severity;
use privet_supplychain::dependencies::{
    Advisory, Basis, Dependency, Ecosystem, Error, Hit, Index, Source, Version, base_score, read,
    read_json_lines, read_osv, read_zip, recognise,
};
use privet_types::Budget;
use proptest::prelude::*;

fn source() -> Source {
    Source {
        name: "https://example.org/all.zip".to_owned(),
        date: "2024-10-10T00:00:00Z".parse().expect("a time"),
        sha256: "00".repeat(32),
    }
}

fn advisory(json: &str) -> Advisory {
    read_osv(json.as_bytes())
        .expect("it is OSV")
        .expect("it was not withdrawn")
}

fn index(advisories: &[String]) -> Index {
    let advisories = advisories.iter().map(|json| Ok(advisory(json)));
    Index::open(Index::compile(advisories, &source()).expect("it compiles")).expect("it opens")
}

/// An advisory for `name` with these ids and events.
fn osv(id: &str, ecosystem: &str, name: &str, rest: &str) -> String {
    format!(
        r#"{{"id": "{id}", "modified": "2024-01-01T00:00:00Z", "affected": [{{"package": {{"ecosystem": "{ecosystem}", "name": "{name}"}}, {rest}}}]}}"#
    )
}

fn events(list: &str) -> String {
    format!(r#""ranges": [{{"type": "ECOSYSTEM", "events": [{list}]}}]"#)
}

fn dependency(file: &str, text: &str) -> Dependency {
    let kind = recognise(file).expect("known");
    read(kind, file, text, &mut |_| None, &Budget::unlimited())
        .expect("it can be read")
        .dependencies
        .remove(0)
}

fn pinned(name: &str, version: &str) -> Dependency {
    dependency("requirements.txt", &format!("{name}=={version}\n"))
}

fn is_hit(index: &Index, version: &str) -> bool {
    !index
        .search(Ecosystem::PyPi, "a", version, Basis::Version)
        .expect("the index is whole")
        .is_empty()
}

#[test]
fn python_versions_are_ordered_as_pep_440_orders_them() {
    // The list of the PEP's own summary of permitted suffixes and relative ordering, with epochs, local parts and odd spellings.
    let ordered = [
        "1.dev0",
        "1.0.dev456",
        "1.0a1",
        "1.0a2.dev456",
        "1.0a12.dev456",
        "1.0a12",
        "1.0b1.dev456",
        "1.0b2",
        "1.0b2.post345.dev456",
        "1.0b2.post345",
        "1.0rc1.dev456",
        "1.0rc1",
        "1.0",
        "1.0+abc.5",
        "1.0+abc.7",
        "1.0+5",
        "1.0.post456.dev34",
        "1.0.post456",
        "1.0.15",
        "1.1.dev1",
        "1!0.1",
        "2!0",
    ];
    let versions: Vec<_> = ordered
        .iter()
        .map(|text| Version::parse(Ecosystem::PyPi, text).expect("a version"))
        .collect();
    for (one, two) in versions.iter().zip(versions.iter().skip(1)) {
        assert!(one < two, "{one:?} {two:?}");
    }
    for (one, two) in [
        ("1.0", "1"),
        ("v1.0", "1.0.0"),
        ("1.0alpha1", "1.0a1"),
        ("1.0-c.4", "1.0rc4"),
        ("1.0preview", "1.0rc0"),
        ("1.0-1", "1.0.post1"),
        ("1.0.rev2", "1.0post2"),
        ("1.0.DEV", "1.0dev0"),
        ("1.0+Ubuntu-1", "1.0+ubuntu.1"),
        (" 01.0 ", "1.0"),
    ] {
        assert_eq!(
            Version::parse(Ecosystem::PyPi, one),
            Version::parse(Ecosystem::PyPi, two),
            "{one} {two}"
        );
    }
    for text in [
        "", "x", "1.0x", "1..0", "1.0+", "1.0+a..b", "1.0 1", "latest", "1.0-",
    ] {
        assert!(Version::parse(Ecosystem::PyPi, text).is_none(), "{text}");
    }
}

#[test]
fn semantic_versions_are_ordered_as_section_11_orders_them() {
    let ordered = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.1",
        "1.2",
        "2",
    ];
    for ecosystem in [Ecosystem::Npm, Ecosystem::CratesIo, Ecosystem::Go] {
        let versions: Vec<_> = ordered
            .iter()
            .map(|text| Version::parse(ecosystem, text).expect("a version"))
            .collect();
        assert!(
            versions
                .iter()
                .zip(versions.iter().skip(1))
                .all(|(one, two)| one < two)
        );
        assert_eq!(
            Version::parse(ecosystem, "1.0.0+a"),
            Version::parse(ecosystem, "v1.0.0+b")
        );
    }
    let go = |text| Version::parse(Ecosystem::Go, text).expect("a version");
    assert!(go("v0.0.0-20190101000000-abcdefabcdef") < go("v0.0.0-20200101000000-000000000000"));
    assert!(go("v2.0.0+incompatible") > go("v1.9.9"));
}

#[test]
fn scores_are_those_of_the_specifications() {
    for (vector, score) in [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
        ("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:H", 5.5),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ("CVSS:3.1/AV:P/AC:H/PR:L/UI:R/S:U/C:L/I:L/A:H/E:P", 5.0),
        ("AV:N/AC:L/Au:N/C:N/I:N/A:C", 7.8),
        ("(AV:N/AC:L/Au:N/C:C/I:C/A:C)", 10.0),
        ("AV:L/AC:H/Au:N/C:C/I:C/A:C", 6.2),
        (
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H",
            10.0,
        ),
        (
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
            9.3,
        ),
        (
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N",
            0.0,
        ),
        (
            "CVSS:4.0/AV:L/AC:L/AT:P/PR:N/UI:P/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N",
            5.7,
        ),
    ] {
        assert_eq!(base_score(vector), Some(score), "{vector}");
    }
    for vector in [
        "CVSS:4.0/AV:A/AC:H/AT:P/PR:L/UI:P/VC:L/VI:L/VA:N/SC:L/SI:L/SA:L/E:P)",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:P;",
        "",
        "CVSS:3.1/AV:N",
        "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "CVSS:5.0/AV:N",
        "AV:N/AV:N",
        "9.8",
    ] {
        assert_eq!(base_score(vector), None, "{vector}");
    }
}

#[test]
fn events_hold_in_any_order_and_ranges_in_any_number() {
    let index = index(&[osv(
        "PYSEC-1",
        "PyPI",
        "A",
        r#""ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "2.2"}, {"introduced": "0"}, {"fixed": "1.5"}, {"introduced": "2.0"}]},
                      {"type": "GIT", "events": [{"introduced": "0"}]},
                      {"type": "ECOSYSTEM", "events": [{"last_affected": "4.0"}, {"introduced": "3.0"}]},
                      {"type": "ECOSYSTEM", "events": [{"introduced": "5"}, {"limit": "5.5"}]}],
           "versions": ["1.0", "2.5.0", "oddly-named"]"#,
    )]);
    for version in [
        "0.1.dev1",
        "1.4.9",
        "1.5rc1",
        "2.0",
        "2.1.post1",
        "3.0",
        "4.0",
        "4.0+cu118",
        "5.4",
        "2.5",
        "oddly-named",
    ] {
        assert!(is_hit(&index, version), "{version}");
    }
    for version in [
        "1.5",
        "1.9",
        "2.0rc1",
        "2.2",
        "2.2+local",
        "4.0.1",
        "5.5",
        "6",
        "2.5.1",
        "other",
        "",
    ] {
        assert!(!is_hit(&index, version), "{version}");
    }
}

#[test]
fn events_of_one_version_hold_in_the_order_of_the_file() {
    let index = index(&[
        osv(
            "X-1",
            "PyPI",
            "a",
            &events(r#"{"introduced": "0"}, {"fixed": "1.0"}, {"introduced": "1.0"}, {"fixed": "2.0"}"#),
        ),
        osv(
            "X-2",
            "PyPI",
            "a",
            &events(r#"{"introduced": "9"}, {"fixed": "9"}"#),
        ),
    ]);
    assert!(is_hit(&index, "1.5"));
    assert!(!is_hit(&index, "9.1"));
}

#[test]
fn names_are_normalised_and_ecosystems_kept_apart() {
    let range = events(r#"{"introduced": "0"}"#);
    let index = index(&[
        osv("PYSEC-1", "PyPI", "Zope_Thing", &range),
        osv("GHSA-1", "npm", "@scope/Pkg", &range),
        osv("RUSTSEC-1", "crates.io", "tool", &range),
        osv("GO-1", "Go", "golang.org/x/text", &range),
        osv("DSA-1", "Debian:12", "tool", &range),
    ]);
    assert_eq!((index.advisories(), index.packages()), (4, 4));
    let hits = |dependency: Dependency| index.affecting(&dependency).len();
    assert_eq!(hits(pinned("zope.thing", "1.0")), 1);
    assert_eq!(hits(pinned("tool", "1.0")), 0);
    assert_eq!(
        hits(dependency(
            "package.json",
            r#"{"dependencies": {"@scope/Pkg": "1.0.0"}}"#
        )),
        1
    );
    assert_eq!(
        hits(dependency("Cargo.toml", "[dependencies]\ntool = \"=1.0.0\"")),
        1
    );
    assert_eq!(hits(dependency("go.mod", "require golang.org/x/text v0.3.0")), 1);
    assert_eq!(
        hits(dependency(
            "environment.yml",
            "dependencies:\n- zope.thing=1.0=0\n"
        )),
        1
    );
}

#[test]
fn aliases_of_one_hole_are_one_hit_with_all_ids_and_the_worst_severity() {
    let range = |fixed: &str| events(&format!(r#"{{"introduced": "0"}}, {{"fixed": "{fixed}"}}"#));
    let with = |id: &str, aliases: &str, fixed: &str, rest: &str| {
        osv(id, "PyPI", "a", &range(fixed)).replacen('{', &format!("{{\"aliases\": [{aliases}], {rest}"), 1)
    };
    let index = index(&[
        with(
            "PYSEC-1",
            r#""CVE-1""#,
            "1.5",
            r#""summary": "Code\u0007 runs", "#,
        ),
        with(
            "GHSA-1",
            r#""CVE-1", "PYSEC-1""#,
            "1.6",
            r#""severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}], "#,
        ),
        with("OSV-1", r#""GHSA-1""#, "1.5", ""),
        with(
            "PYSEC-2",
            r#""CVE-2""#,
            "1.5",
            r#""database_specific": {"severity": "LOW"}, "#,
        ),
    ]);
    let hits = index.affecting(&pinned("a", "1.0"));
    assert_eq!(hits.len(), 2, "{hits:?}");
    let Hit {
        ids,
        severity,
        score,
        fixed,
        summary,
        basis,
        ..
    } = &hits[0];
    assert_eq!(ids, &["GHSA-1", "PYSEC-1", "CVE-1", "OSV-1"]);
    assert_eq!(
        (*severity, *score, *basis),
        (Severity::Critical, Some(9.8), Basis::Version)
    );
    assert_eq!((fixed.as_deref(), summary.as_str()), (Some("1.6"), "Code runs"));
    assert_eq!(hits[0].rule(), "GHSA-1");
    assert_eq!(
        hits[0].message("a"),
        "`a` 1.0 has a known hole: GHSA-1, PYSEC-1, CVE-1, OSV-1 (Code runs); fixed in 1.6"
    );
    assert_eq!(hits[1].severity, Severity::Low);
}

#[test]
fn a_requirement_without_a_pin_is_affected_only_at_its_lowest_version() {
    let index = index(&[osv(
        "X-1",
        "PyPI",
        "a",
        &events(r#"{"introduced": "0"}, {"fixed": "2.0"}"#),
    )]);
    let hits = |text: &str| index.affecting(&dependency("requirements.txt", text));
    assert_eq!(hits("a>=1.0\n")[0].basis, Basis::LowestAllowed);
    assert!(
        hits("a>=1.0\n")[0]
            .message("a")
            .contains("lowest version allowed")
    );
    for text in [
        "a\n",
        "a>=2.0\n",
        "a<3\n",
        "a>1.0\n",
        "a!=1.0\n",
        "a @ https://example.org/a-1.0.zip\n",
    ] {
        assert!(hits(text).is_empty(), "{text}");
    }
}

#[test]
fn withdrawn_advisories_are_left_out_and_malicious_packages_are_critical() {
    let range = events(r#"{"introduced": "0"}"#);
    let withdrawn =
        osv("X-1", "PyPI", "a", &range).replacen('{', r#"{"withdrawn": "2024-01-01T00:00:00Z", "#, 1);
    assert!(read_osv(withdrawn.as_bytes()).expect("it is OSV").is_none());
    let malicious = advisory(&osv("MAL-2024-1", "PyPI", "a", &range));
    assert_eq!(malicious.severity, Some(Severity::Critical));
    for json in [
        "",
        "[]",
        "{}",
        r#"{"id": 1}"#,
        r#"{"id": "a b"}"#,
        r#"{"id": "X-1", "affected": 1}"#,
    ] {
        assert!(read_osv(json.as_bytes()).is_err(), "{json}");
    }
}

#[test]
fn an_index_does_not_hang_on_the_order_of_its_advisories() {
    let range = events(r#"{"introduced": "0"}, {"fixed": "1"}"#);
    let all: Vec<_> = (0..20)
        .map(|n| osv(&format!("X-{n}"), "PyPI", &format!("p{}", n % 7), &range))
        .collect();
    let compile = |list: &mut dyn Iterator<Item = &String>| {
        Index::compile(list.map(|json| Ok(advisory(json))), &source()).expect("it compiles")
    };
    assert_eq!(compile(&mut all.iter()), compile(&mut all.iter().rev()));
}

#[test]
fn a_damaged_or_foreign_index_is_refused() {
    let bytes = Index::compile(
        [Ok(advisory(&osv(
            "X-1",
            "PyPI",
            "a",
            &events(r#"{"introduced": "0"}"#),
        )))],
        &source(),
    )
    .expect("it compiles");
    assert_eq!(Index::open(bytes.clone()).expect("it opens").source(), &source());
    for at in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 1;
        assert!(matches!(Index::open(broken), Err(Error::Index { .. })), "{at}");
    }
    for length in 0..bytes.len() {
        assert!(Index::open(bytes[..length].to_vec()).is_err(), "{length}");
    }
}

#[test]
fn a_stale_index_is_told_from_a_fresh_one() {
    let index = index(&[]);
    let stale = |now: &str| {
        let now: Timestamp = now.parse().expect("a time");
        index.is_stale(now, SignedDuration::from_hours(24 * 7))
    };
    assert!(!stale("2024-10-16T00:00:00Z"));
    assert!(stale("2024-10-18T00:00:00Z"));
    assert!(stale("2024-10-01T00:00:00Z"));
}

/// A zip archive of stored or deflated members.
fn zip(members: &[(&str, &[u8], bool)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for (name, data, is_packed) in members {
        let packed = if *is_packed {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(data).expect("memory");
            encoder.finish().expect("memory")
        } else {
            data.to_vec()
        };
        let mut crc = flate2::Crc::new();
        crc.update(data);
        let start = out.len() as u32;
        let mut fields = vec![20, 0, 0, 0];
        fields.extend(if *is_packed { [8, 0] } else { [0, 0] });
        fields.extend([0; 4]);
        fields.extend(crc.sum().to_le_bytes());
        fields.extend((packed.len() as u32).to_le_bytes());
        fields.extend((data.len() as u32).to_le_bytes());
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&fields);
        out.extend(name.as_bytes());
        out.extend(packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&fields);
        directory.extend([0; 10]);
        directory.extend(start.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\x00\x00\x00\x00");
    out.extend([members.len() as u8, 0, members.len() as u8, 0]);
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

#[test]
fn advisories_come_out_of_archives_and_json_lines() {
    let range = events(r#"{"introduced": "0"}"#);
    let (one, two) = (osv("X-1", "PyPI", "a", &range), osv("X-2", "PyPI", "b", &range));
    let withdrawn =
        osv("X-3", "PyPI", "b", &range).replacen('{', r#"{"withdrawn": "2024-01-01T00:00:00Z", "#, 1);
    let budget = Budget::unlimited();
    let ids = |found: Vec<Result<Advisory, Error>>| -> Vec<String> {
        found
            .into_iter()
            .map(|one| one.expect("it can be read").id)
            .collect()
    };
    let archive = zip(&[
        ("X-1.json", one.as_bytes(), true),
        ("readme.md", b"no", false),
        ("X-2.json", two.as_bytes(), false),
    ]);
    let found = read_zip(Cursor::new(&archive), &budget)
        .expect("a directory")
        .collect();
    assert_eq!(ids(found), ["X-1", "X-2"]);
    let lines = format!("{one}\n\n{withdrawn}\n{two}");
    let found = read_json_lines(lines.as_bytes(), &budget)
        .expect("readable")
        .collect();
    assert_eq!(ids(found), ["X-1", "X-2"]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(lines.as_bytes()).expect("memory");
    let gzip = gzip.finish().expect("memory");
    let found = read_json_lines(&gzip[..], &budget).expect("readable").collect();
    assert_eq!(ids(found), ["X-1", "X-2"]);
}

#[test]
fn a_broken_archive_ends_in_an_error() {
    let range = events(r#"{"introduced": "0"}"#);
    let one = osv("X-1", "PyPI", "a", &range);
    let archive = zip(&[("X-1.json", one.as_bytes(), true)]);
    let budget = Budget::unlimited();
    for at in 0..archive.len() {
        let mut broken = archive.clone();
        broken[at] ^= 0x55;
        if let Ok(found) = read_zip(Cursor::new(broken), &budget) {
            assert!(found.count() <= 1);
        }
    }
    assert!(read_zip(Cursor::new(b"PK"), &budget).is_err());
    let bomb = zip(&[("X-1.json", &vec![b' '; 33 * 1024 * 1024], true)]);
    let found: Vec<_> = read_zip(Cursor::new(bomb), &budget)
        .expect("a directory")
        .collect();
    assert!(matches!(found[..], [Err(Error::TooLarge { .. })]));
}

fn version() -> impl Strategy<Value = String> {
    r"([0-9]!)?[0-9]{1,2}(\.[0-9]{1,2}){0,2}(a[0-9]|b[0-9]|rc[0-9])?(\.post[0-9])?(\.dev[0-9])?"
}

proptest! {
    #[test]
    fn the_order_of_versions_is_total(one in version(), two in version(), three in version()) {
        let parse = |text: &str| Version::parse(Ecosystem::PyPi, text).expect("a version");
        let (one, two, three) = (parse(&one), parse(&two), parse(&three));
        prop_assert_eq!(one.cmp(&two), two.cmp(&one).reverse());
        if one <= two && two <= three {
            prop_assert!(one <= three);
        }
    }

    #[test]
    fn an_introduced_and_fixed_range_holds_what_lies_between(low in version(), high in version(), asked in version()) {
        let index = index(&[osv("X-1", "PyPI", "a", &events(&format!(r#"{{"introduced": "{low}"}}, {{"fixed": "{high}"}}"#)))]);
        let parse = |text: &str| Version::parse(Ecosystem::PyPi, text).expect("a version");
        let between = parse(&low) <= parse(&asked) && (parse(&asked) < parse(&high) || parse(&high) < parse(&low));
        prop_assert_eq!(is_hit(&index, &asked), between);
    }

    #[test]
    fn bytes_of_ill_will_behind_a_right_hash_do_not_break_the_index(
        tail in proptest::collection::vec(any::<u8>(), 0..200),
        packages in 0_u32..40,
        advisories in 0_u32..40,
    ) {
        let header = serde_json::json!({"source": source()}).to_string();
        let mut body = (header.len() as u32).to_le_bytes().to_vec();
        body.extend(header.as_bytes());
        body.extend(packages.to_le_bytes());
        body.extend(advisories.to_le_bytes());
        body.extend(tail);
        let mut bytes = b"PRVOSV\x00\x01".to_vec();
        bytes.extend(privet_crypto::sha256(&body));
        bytes.extend(body);
        if let Ok(index) = Index::open(bytes) {
            let _ = index.affecting(&pinned("a", "1.0"));
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let budget = Budget::unlimited();
        let _ = read_osv(&bytes);
        let _ = Index::open(bytes.clone());
        if let Ok(found) = read_zip(Cursor::new(bytes.clone()), &budget) { found.for_each(drop); }
        if let Ok(found) = read_json_lines(&bytes[..], &budget) { found.for_each(drop); }
    }
}
