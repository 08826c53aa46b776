//! Keys, fingerprints, baselines, allow lists, globs.

use jiff::civil::{Date, date};
use privet_supplychain::baseline::{
    Allow, AllowList, Baseline, BaselineError, Because, PathGlobs, ScanKey, file_of, fingerprint,
};
use privet_supplychain::{Category, Finding, Severity};
use proptest::prelude::*;

const TODAY: Date = date(2026, 11, 30);

pub(crate) fn key() -> ScanKey {
    ScanKey::parse(&"0123456789abcdef".repeat(4)).unwrap()
}

fn found(path: &str, rule: &str, value: &str) -> Finding {
    Finding {
        path: path.to_owned(),
        category: Category::Secret,
        rule: rule.to_owned(),
        severity: Severity::High,
        verdict: None,
        line: 3,
        start: 20,
        end: 40,
        fingerprint: fingerprint(&key(), rule, Category::Secret, value.as_bytes()),
        message: "a credential".to_owned(),
        place: None,
        snippet: None,
    }
}

fn because(reason: &str) -> Because {
    Because {
        reason: reason.to_owned(),
        who: "anna".to_owned(),
        when: date(2026, 11, 1),
        expires: None,
    }
}

#[test]
fn a_key_reads_the_same_from_hexadecimal_and_from_base64() {
    let hex = key();
    for text in [
        " 0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\n",
        "ASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8=",
        "ASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8",
    ] {
        assert_eq!(ScanKey::parse(text).unwrap().id(), hex.id());
    }
    assert_eq!(ScanKey::parse(&hex.to_text()).unwrap().id(), hex.id());
}

#[test]
fn what_is_no_key_is_refused_and_not_repeated() {
    for text in ["", "hunter2", &"0".repeat(64), &"g".repeat(64), &"a".repeat(43)] {
        let said = ScanKey::parse(text).map(|_| ()).unwrap_err().to_string();
        assert!(text.is_empty() || !said.contains(text), "{said}");
    }
}

#[test]
fn a_key_does_not_print_itself() {
    let said = format!("{:?}", key());
    assert!(
        said.contains(key().id()) && !said.contains("0123456789abcdef"),
        "{said}"
    );
}

#[test]
fn a_fingerprint_hangs_on_key_rule_category_and_value() {
    let print =
        |key: &ScanKey, rule, category, value: &str| fingerprint(key, rule, category, value.as_bytes());
    let all = [
        print(&key(), "r", Category::Secret, "value"),
        print(&ScanKey::generate().unwrap(), "r", Category::Secret, "value"),
        print(&key(), "s", Category::Secret, "value"),
        print(&key(), "r", Category::Pii, "value"),
        print(&key(), "r", Category::Secret, "walue"),
    ];
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
    assert!(
        all.iter()
            .all(|one| one.len() == 32 && one.bytes().all(|b| b.is_ascii_hexdigit()))
    );
    assert_eq!(all[0], print(&key(), "r", Category::Secret, "value"));
}

#[test]
fn a_baseline_is_written_in_one_order_and_reads_back() {
    let findings = [
        found("b", "r", "2"),
        found("a", "s", "1"),
        found("a", "r", "1"),
        found("a", "r", "1"),
    ];
    let baseline = Baseline::accepting(&findings, &because("old"), &key()).unwrap();
    let mut turned = findings.clone();
    turned.reverse();
    assert_eq!(
        Baseline::accepting(&turned, &because("old"), &key())
            .unwrap()
            .write(),
        baseline.write()
    );
    assert_eq!(
        Baseline::read(baseline.write().as_bytes(), &key()).unwrap(),
        baseline
    );
    insta::assert_snapshot!(baseline.write());
}

#[test]
fn a_baseline_of_another_key_or_version_is_refused_by_name() {
    let written = Baseline::accepting(&[found("a", "r", "1")], &because("old"), &key())
        .unwrap()
        .write();
    let other = ScanKey::parse(&"fedcba9876543210".repeat(4)).unwrap();
    let newer = written.replace("\"version\": 1", "\"version\": 2");
    let unreasoned = written.replace("\"old\"", "\" \"");
    let said = [
        Baseline::read(written.as_bytes(), &other),
        Baseline::read(newer.as_bytes(), &key()),
        Baseline::read(unreasoned.as_bytes(), &key()),
        Baseline::read(b"{\"version\": 1,\n \"made_with\": 3}", &key()),
        Baseline::read(b"[]", &key()),
    ]
    .map(|read| read.unwrap_err().to_string());
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn findings_part_into_fresh_known_expired_and_gone() {
    let (kept, over, lost) = (found("a", "r", "1"), found("b", "r", "2"), found("c", "r", "3"));
    let mut baseline = Baseline::accepting(&[kept.clone(), lost], &because("old"), &key()).unwrap();
    let until = Because {
        expires: Some(date(2026, 11, 29)),
        ..because("for a while")
    };
    baseline
        .merge(Baseline::accepting(std::slice::from_ref(&over), &until, &key()).unwrap())
        .unwrap();
    let all = [kept, over, found("d", "r", "4")];
    let applied = baseline.apply(&all, TODAY);
    assert_eq!(
        applied
            .known
            .iter()
            .map(|(one, _)| one.path.as_str())
            .collect::<Vec<_>>(),
        ["a"]
    );
    assert_eq!(
        applied
            .expired
            .iter()
            .map(|(one, _)| one.path.as_str())
            .collect::<Vec<_>>(),
        ["b"]
    );
    assert_eq!(
        applied
            .fresh
            .iter()
            .map(|one| one.path.as_str())
            .collect::<Vec<_>>(),
        ["d"]
    );
    assert_eq!(
        applied
            .gone
            .iter()
            .map(|one| one.path.as_str())
            .collect::<Vec<_>>(),
        ["c"]
    );
    assert_eq!(
        baseline.apply(&all, date(2026, 11, 29)).known.len(),
        2,
        "the last day is one of them"
    );
}

#[test]
fn a_moved_file_stays_accepted_and_a_copied_value_does_not() {
    let baseline = Baseline::accepting(&[found("old.py", "r", "1")], &because("old"), &key()).unwrap();
    let moved = [found("new.py", "r", "1")];
    let applied = baseline.apply(&moved, TODAY);
    assert_eq!((applied.known.len(), applied.gone.len()), (1, 0));
    let copied = [found("new.py", "r", "1"), found("old.py", "r", "1")];
    let applied = baseline.apply(&copied, TODAY);
    assert_eq!(
        applied
            .fresh
            .iter()
            .map(|one| one.path.as_str())
            .collect::<Vec<_>>(),
        ["new.py"]
    );
    let moved_and_copied = [found("y.py", "r", "1"), found("x.py", "r", "1")];
    let applied = baseline.apply(&moved_and_copied, TODAY);
    assert_eq!(
        applied
            .fresh
            .iter()
            .map(|one| one.path.as_str())
            .collect::<Vec<_>>(),
        ["y.py"]
    );
}

#[test]
fn merging_keeps_reasons_and_pruning_takes_out_what_is_gone() {
    let mut baseline = Baseline::accepting(&[found("a", "r", "1")], &because("first"), &key()).unwrap();
    let newer = [found("a", "r", "1"), found("b", "r", "2")];
    baseline
        .merge(Baseline::accepting(&newer, &because("second"), &key()).unwrap())
        .unwrap();
    let reasons: Vec<&str> = baseline
        .findings()
        .iter()
        .map(|one| one.reason.as_str())
        .collect();
    assert_eq!(reasons, ["first", "second"]);
    assert_eq!(baseline.prune(&[found("b", "r", "2")], TODAY), 1);
    assert_eq!(baseline.findings().len(), 1);
    assert!(matches!(
        Baseline::accepting(&newer, &because(" "), &key()),
        Err(BaselineError::BadEntry { .. })
    ));
}

#[test]
fn an_allow_entry_needs_all_its_lists_to_match() {
    let list = AllowList::new(vec![
        Allow {
            paths: vec!["tests/**".to_owned()],
            rules: vec!["aws-*".to_owned(), "jwt".to_owned()],
            reason: "made up".to_owned(),
            ..Allow::default()
        },
        Allow {
            rules: vec!["jwt".to_owned()],
            until: Some(date(2026, 11, 29)),
            reason: "for a while".to_owned(),
            ..Allow::default()
        },
        Allow {
            categories: vec![Category::Licence],
            reason: "none".to_owned(),
            ..Allow::default()
        },
        Allow {
            fingerprints: vec![found("", "slack", "9").fingerprint.to_uppercase()],
            reason: "revoked".to_owned(),
            ..Allow::default()
        },
    ])
    .unwrap();
    let findings = vec![
        found("tests/a.py", "aws-key", "1"),
        found("src/a.py", "aws-key", "1"),
        found("tests/deep/b.zip!/c.py", "jwt", "2"),
        found("src/b.py", "jwt", "2"),
        found("tests/a.py", "gcp-key", "3"),
        found("x", "slack", "9"),
    ];
    let allowed = list.apply(findings, TODAY);
    let kept: Vec<_> = allowed
        .kept
        .iter()
        .map(|one| (one.path.as_str(), one.rule.as_str()))
        .collect();
    assert_eq!(
        kept,
        [
            ("src/a.py", "aws-key"),
            ("src/b.py", "jwt"),
            ("tests/a.py", "gcp-key")
        ]
    );
    assert_eq!(
        allowed.entries.iter().map(|one| one.count).collect::<Vec<_>>(),
        [2, 0, 0, 1]
    );
    insta::assert_snapshot!(allowed.warnings().join("\n"));
}

#[test]
fn an_allow_entry_without_reason_or_condition_is_refused() {
    let allow = |change: fn(&mut Allow)| {
        let mut one = Allow {
            rules: vec!["r".to_owned()],
            reason: "why".to_owned(),
            ..Allow::default()
        };
        change(&mut one);
        AllowList::new(vec![one]).unwrap_err().to_string()
    };
    let said = [
        allow(|one| one.reason = "  ".to_owned()),
        allow(|one| one.rules.clear()),
        allow(|one| one.rules.push("*-key".to_owned())),
        allow(|one| one.rules.push("*".to_owned())),
        allow(|one| one.paths.push("src/[a".to_owned())),
        allow(|one| one.paths.push("{{{{{a}}}}}".to_owned())),
        allow(|one| one.paths.push("/".to_owned())),
        allow(|one| one.fingerprints.push("hunter2".to_owned())),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn globs_match_as_people_of_git_expect() {
    let matches = |glob: &str, path: &str| PathGlobs::new(&[glob]).unwrap().matches(path);
    for (glob, path) in [
        ("*.lock", "a/b/Cargo.lock"),
        ("node_modules", "web/node_modules/x/y.js"),
        ("node_modules/", "node_modules/y.js"),
        ("src/*.py", "src/a.py"),
        ("src/**/a.py", "src/b/c/a.py"),
        ("/src", "src/a.py"),
        ("data/[a-c]?.{csv,json}", "data/b1.json"),
        ("*.zip", "a.zip!/inner/x.py"),
        ("**/x.py", "a.zip!/inner/x.py"),
        ("src/a.py", "0123abc:src/a.py"),
    ] {
        assert!(matches(glob, path), "{glob} {path}");
    }
    for (glob, path) in [
        ("src/*.py", "src/b/a.py"),
        ("/src", "lib/src/a.py"),
        ("*.lock", "a.locked"),
        ("src", "srcs/a.py"),
    ] {
        assert!(!matches(glob, path), "{glob} {path}");
    }
}

#[test]
fn the_file_of_a_path_is_what_lies_on_disk() {
    assert_eq!(file_of("0123abcd:a/b.zip!/c.tar!/d"), "a/b.zip");
    assert_eq!(file_of("C:a"), "C:a");
    assert_eq!(file_of("notes: a/b"), "notes: a/b");
}

proptest! {
    #[test]
    fn a_baseline_accepts_exactly_what_it_was_made_from(values in proptest::collection::vec(("[a-d]", "[r-t]", "[0-9]"), 0..20)) {
        let findings: Vec<Finding> = values.iter().map(|(path, rule, value)| found(path, rule, value)).collect();
        let baseline = Baseline::accepting(&findings, &because("old"), &key()).unwrap();
        let baseline = Baseline::read(baseline.write().as_bytes(), &key()).unwrap();
        let applied = baseline.apply(&findings, TODAY);
        prop_assert_eq!(applied.known.len(), findings.len());
        prop_assert!(applied.fresh.is_empty() && applied.gone.is_empty() && applied.expired.is_empty());
    }

    #[test]
    fn any_bytes_are_a_baseline_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Baseline::read(&bytes, &key());
    }

    #[test]
    fn any_text_is_a_glob_or_an_error(glob in "[a-c*?{},!\\[\\]/\\\\-]{0,30}", path in "[a-c/!:]{0,20}") {
        if let Ok(globs) = PathGlobs::new(&[glob]) {
            let _ = globs.matches(&path);
        }
    }
}
