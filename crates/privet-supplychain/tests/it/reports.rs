//! Reports and their writers.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use privet_supplychain::report::{
    AdvisoryIndex, AffectedBy, Component, Counts, FileError, Hash, HashAlgorithm, ModelFile, Report,
    RuleHelp, Stamp, Suppressed, SuppressedBy, TextStyle, cyclonedx, github, gitlab, html, json, jsonl,
    mask_line, report_schema, sarif, text, visible,
};
use privet_supplychain::{Category, Finding, Severity, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

fn finding(path: &str, category: Category, rule: &str, severity: Severity, line: u32) -> Finding {
    Finding {
        path: path.to_owned(),
        category,
        rule: rule.to_owned(),
        severity,
        verdict: None,
        line,
        start: u64::from(line) * 40,
        end: u64::from(line) * 40 + 20,
        fingerprint: format!("{line:032x}"),
        message: format!("what {rule} is, and what to do: 100 % <b>, now"),
        place: None,
        snippet: None,
    }
}

fn report() -> Report {
    let mut report = Report::new("1.2.3", "work/tree", &"ab".repeat(32));
    report.counts = Counts {
        files: 12,
        bytes: 3_456_789,
        segments: 30,
        from_cache: 4,
        skipped: BTreeMap::from([("too large".to_owned(), 2), ("excluded".to_owned(), 1)]),
    };
    let secret = Finding {
        snippet: Some("key = \"AK…[16–31]\" # <here>".to_owned()),
        ..finding(
            "src/ä b,c:%.py",
            Category::Secret,
            "aws-access-key-id",
            Severity::Critical,
            3,
        )
    };
    let model = Finding {
        verdict: Some(Verdict::Dangerous),
        ..finding(
            "models/m.pkl",
            Category::Model,
            "pickle-global",
            Severity::High,
            0,
        )
    };
    report.findings = vec![
        secret.clone(),
        Finding {
            line: 9,
            start: 900,
            end: 920,
            ..secret.clone()
        },
        Finding {
            place: Some("cell 3, output 1, text/html".to_owned()),
            ..finding("n.ipynb", Category::Pii, "EMAIL_ADDRESS", Severity::Medium, 7)
        },
        finding(
            "docs.zip!/a/b.md",
            Category::Injection,
            "ignore-previous",
            Severity::Low,
            5,
        ),
        model,
        finding(
            "0123abc:requirements.txt",
            Category::Dependency,
            "GHSA-aaaa-bbbb-cccc",
            Severity::High,
            2,
        ),
        finding(
            "requirements.txt",
            Category::Dependency,
            "unpinned",
            Severity::Low,
            4,
        ),
        finding(
            "requirements.txt",
            Category::Licence,
            "licence-denied",
            Severity::Medium,
            5,
        ),
    ];
    report.suppressed = [
        (SuppressedBy::Baseline, "old"),
        (SuppressedBy::Allow, "made up"),
        (SuppressedBy::Inline, ""),
    ]
    .map(|(by, reason)| Suppressed {
        by,
        reason: reason.to_owned(),
        finding: finding("tests/t.py", Category::Secret, "jwt", Severity::High, 1),
    })
    .to_vec();
    report.errors = vec![FileError {
        path: "locked.txt".to_owned(),
        message: "permission denied".to_owned(),
    }];
    report.warnings = vec!["allow entry 2 matches nothing".to_owned()];
    let sha256 = |digits: &str| Hash {
        algorithm: HashAlgorithm::Sha256,
        digits: digits.repeat(32),
    };
    let jinja = Component {
        name: "jinja2".to_owned(),
        version: Some("2.4.1".to_owned()),
        ecosystem: "PyPI".to_owned(),
        purl: Some("pkg:pypi/jinja2@2.4.1".to_owned()),
        licence: Some("BSD-3-Clause".to_owned()),
        hashes: vec![
            sha256("CD"),
            Hash {
                algorithm: HashAlgorithm::Sha512,
                digits: "short".to_owned(),
            },
        ],
        path: "requirements.txt".to_owned(),
        line: 2,
        advisories: vec![AffectedBy {
            id: "GHSA-462w-v97r-4m45".to_owned(),
            aliases: vec!["CVE-2019-10906".to_owned(), "PYSEC-2019-217".to_owned()],
            severity: Severity::High,
            score: Some(8.6),
            vector: Some("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:N/A:N".to_owned()),
            summary: "Sandbox escape by string formatting.".to_owned(),
            fixed: vec!["2.10.1".to_owned()],
        }],
    };
    report.components = vec![
        Component {
            path: "dev/requirements.txt".to_owned(),
            line: 9,
            hashes: Vec::new(),
            ..jinja.clone()
        },
        jinja,
        Component {
            name: "left pad".to_owned(),
            ecosystem: "npm".to_owned(),
            licence: Some("Do What You Want, really".to_owned()),
            path: "package.json".to_owned(),
            ..Component::default()
        },
    ];
    report.models = vec![
        ModelFile {
            path: "models/m.pkl".to_owned(),
            format: "pickle".to_owned(),
            verdict: Verdict::Dangerous,
            bytes: 77,
            hashes: vec![sha256("ef")],
            licence: None,
        },
        ModelFile {
            path: "models/w.safetensors".to_owned(),
            format: "safetensors".to_owned(),
            verdict: Verdict::Safe,
            bytes: 7_777,
            hashes: vec![sha256("01")],
            licence: Some("(MIT OR Apache-2.0)".to_owned()),
        },
    ];
    report.advisories = Some(AdvisoryIndex {
        source: "https://osv.example/PyPI".to_owned(),
        date: "2024-10-10".to_owned(),
        hash: Some("cd".repeat(32)),
        is_stale: true,
    });
    report.rules.insert(
        "aws-access-key-id".to_owned(),
        RuleHelp {
            title: "An AWS access key".to_owned(),
            help: "Deactivate it in IAM and make another one.".to_owned(),
            uri: Some("https://docs.example/iam?x=1".to_owned()),
        },
    );
    report.put_in_order();
    report
}

fn stamp() -> Stamp {
    Stamp {
        serial: "3e671687-395b-41f5-a30f-a58921a69b79".to_owned(),
        at: "2026-11-30T14:00:00Z".parse().unwrap(),
    }
}

fn lines(report: &Report) -> String {
    let mut out = Vec::new();
    jsonl(&report.findings, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn every_form(report: &Report) -> Vec<(&'static str, String)> {
    let wide = TextStyle {
        has_colour: true,
        width: None,
    };
    let narrow = TextStyle {
        has_colour: false,
        width: Some(40),
    };
    vec![
        ("report.json", json(report)),
        ("report.jsonl", lines(report)),
        ("report.ansi", text(report, wide)),
        ("report.txt", text(report, narrow)),
        ("report.sarif", sarif(report)),
        ("report.cdx.json", cyclonedx(report, &stamp())),
        ("report.github", github(report)),
        ("report.gitlab.json", gitlab(report)),
        ("report.html", html(report)),
    ]
}

#[test]
fn a_line_of_json_has_its_fields_in_order() {
    let text = lines(&report());
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        let mut wanted = vec![
            "path",
            "category",
            "rule",
            "severity",
            "verdict",
            "line",
            "start",
            "end",
            "fingerprint",
        ];
        wanted.retain(|name| *name != "verdict" || value.get("verdict").is_some());
        assert_eq!(&names[..wanted.len()], wanted);
    }
    insta::assert_snapshot!(text);
}

#[test]
fn the_whole_report_reads_back() {
    let report = report();
    assert_eq!(Report::from_json(json(&report).as_bytes()).unwrap(), report);
    assert!(
        Report::from_json(
            json(&report)
                .replacen("\"version\": 1", "\"version\": 2", 1)
                .as_bytes()
        )
        .is_err()
    );
    insta::assert_snapshot!(json(&report));
}

#[test]
fn the_text_is_grouped_by_file_and_ends_with_counts() {
    insta::assert_snapshot!(text(&report(), TextStyle::default()));
}

#[test]
fn narrow_terminals_get_narrow_text() {
    let narrow = text(
        &report(),
        TextStyle {
            has_colour: false,
            width: Some(40),
        },
    );
    let too_wide: Vec<&str> = narrow
        .lines()
        .filter(|line| line.chars().count() > 40 && !line.contains(" in "))
        .collect();
    assert!(too_wide.is_empty(), "{too_wide:#?}");
    insta::assert_snapshot!(narrow);
}

#[test]
fn colours_are_used_if_asked_for() {
    let coloured = text(
        &report(),
        TextStyle {
            has_colour: true,
            width: Some(80),
        },
    );
    let mut plain = coloured.clone();
    for code in ["1", "2", "31", "32", "33", "34", "1;35", "0"] {
        plain = plain.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(
        plain,
        text(
            &report(),
            TextStyle {
                has_colour: false,
                width: Some(80)
            }
        )
    );
    assert_ne!(plain, coloured);
}

#[test]
fn nothing_found_is_said() {
    insta::assert_snapshot!(text(&Report::new("1", ".", "ab"), TextStyle::default()));
}

#[test]
fn a_file_name_cannot_speak_to_the_terminal_or_turn_text_round() {
    let hostile = "a\u{1b}[2J\u{9b}31m\u{202e}gnp.\u{2066}b\r\n::error::x\u{200b}\u{e0041}";
    let mut report = Report::new("1", hostile, "ab");
    let mut one = finding(hostile, Category::Secret, hostile, Severity::High, 1);
    one.message = hostile.to_owned();
    one.place = Some(hostile.to_owned());
    one.snippet = Some(hostile.to_owned());
    report.findings = vec![one];
    report.errors = vec![FileError {
        path: hostile.to_owned(),
        message: hostile.to_owned(),
    }];
    report.warnings = vec![hostile.to_owned()];
    for (name, out) in [
        ("text", text(&report, TextStyle::default())),
        ("github", github(&report)),
        ("html", html(&report)),
    ] {
        // GitHub has to know the file by its name; what it shows is the message and the title.
        let shown = if name == "github" {
            out.split_once(",line").unwrap().1.to_owned()
        } else {
            out
        };
        let bad: Vec<char> = shown
            .chars()
            .filter(|c| {
                (c.is_control() && *c != '\n')
                    || matches!(c, '\u{200b}'..='\u{202e}' | '\u{2066}' | '\u{e0041}')
            })
            .collect();
        assert!(bad.is_empty(), "{name}: {bad:?}");
    }
    assert_eq!(github(&report).lines().count(), 1);
}

#[test]
fn sarif_is_as_it_was() {
    insta::assert_snapshot!(sarif(&report()));
}

#[test]
fn sarif_results_point_at_their_rules_and_weaknesses() {
    let value: Value = serde_json::from_str(&sarif(&report())).unwrap();
    let run = &value["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let taxa: Vec<&Value> = run["taxonomies"][0]["taxa"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["id"])
        .collect();
    assert_eq!(
        taxa,
        [
            &json!("798"),
            &json!("359"),
            &json!("1427"),
            &json!("502"),
            &json!("1395")
        ]
    );
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), report().findings.len() + report().suppressed.len());
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(
            result["taxa"]
                .as_array()
                .is_none_or(|all| all.iter().all(|one| taxa.contains(&&one["id"])))
        );
        let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
            .as_str()
            .unwrap();
        assert!(uri.bytes().all(|b| b.is_ascii_graphic() && b != b':'), "{uri}");
    }
}

#[test]
fn the_bill_of_materials_is_as_it_was() {
    insta::assert_snapshot!(cyclonedx(&report(), &stamp()));
}

#[test]
fn notes_for_github_are_escaped_and_the_worst_stands_first() {
    let out = github(&report());
    assert!(
        out.starts_with(
            "::error file=src/ä b%2Cc%3A%25.py,line=3,title=critical secret%3A aws-access-key-id::"
        ),
        "{out}"
    );
    insta::assert_snapshot!(out);
}

#[test]
fn notes_for_gitlab_have_fingerprints_of_their_own() {
    let value: Value = serde_json::from_str(&gitlab(&report())).unwrap();
    let all = value.as_array().unwrap();
    let distinct: std::collections::BTreeSet<&str> = all
        .iter()
        .map(|one| one["fingerprint"].as_str().unwrap())
        .collect();
    assert_eq!(distinct.len(), all.len());
    insta::assert_snapshot!(gitlab(&report()));
}

#[test]
fn the_page_is_as_it_was() {
    insta::assert_snapshot!(html(&report()));
}

#[test]
fn the_page_loads_nothing_and_lets_run_only_its_own_script() {
    let page = html(&report());
    for bad in [
        " src=",
        " href=\"h",
        "url(",
        "@import",
        " onload",
        " onclick",
        " style=",
        "unsafe-inline",
        "<link",
        "innerHTML",
    ] {
        assert!(!page.contains(bad), "{bad}");
    }
    let script = page
        .split_once("<script>")
        .unwrap()
        .1
        .split_once("</script>")
        .unwrap()
        .0;
    let style = page
        .split_once("<style>")
        .unwrap()
        .1
        .split_once("</style>")
        .unwrap()
        .0;
    for (kind, text) in [("script", script), ("style", style)] {
        let hash = data_encoding::BASE64.encode(&privet_crypto::sha256(text.as_bytes()));
        assert!(page.contains(&format!("{kind}-src 'sha256-{hash}'")), "{kind}");
    }
    assert_eq!(page.matches("<script").count(), 1);
}

/// The committed schema is what the code says. `PRIVET_BLESS=1` writes it instead.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test is told to bless by its environment"
)]
fn the_committed_schema_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema/scan-report.schema.json");
    if std::env::var_os("PRIVET_BLESS").is_some() {
        std::fs::write(&path, report_schema()).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == report_schema(),
        "run `PRIVET_BLESS=1 cargo test -p privet-supplychain schema` and commit it"
    );
    let schema: Value = serde_json::from_str(&stored).unwrap();
    let value: Value = serde_json::from_str(&json(&report())).unwrap();
    let known = schema["properties"].as_object().unwrap();
    assert!(
        value
            .as_object()
            .unwrap()
            .keys()
            .all(|name| known.contains_key(name))
    );
}

/// For validators of others: `PRIVET_FORMS=FOLDER` writes every form of the report there.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test is told where to write by its environment"
)]
fn every_form_ends_with_a_line_end() {
    let folder = std::env::var_os("PRIVET_FORMS");
    for (name, out) in every_form(&report()) {
        assert!(out.ends_with('\n'), "{name}");
        if let Some(folder) = &folder {
            std::fs::write(Path::new(folder).join(name), out).unwrap();
        }
    }
}

#[test]
fn a_masked_line_tells_how_long_values_are_and_not_what() {
    let mask = |line: &str, values: &[&str]| {
        let spans: Vec<Range<usize>> = values
            .iter()
            .map(|value| {
                let at = line.find(value).unwrap();
                at..at + value.len()
            })
            .collect();
        mask_line(line.as_bytes(), &spans)
    };
    let long = "Zq8".repeat(15);
    assert_eq!(mask("pin = 1234", &["1234"]), "pin = …[<8]");
    assert_eq!(
        mask("pw = 'hunter2hunter'", &["hunter2hunter"]),
        "pw = 'hu…[8–15]'"
    );
    assert_eq!(
        mask(&format!("a={long}; b={long}"), &[&long]),
        "a=Zq…[32–63]; b=Zq…[32–63]"
    );
    assert_eq!(
        mask("to Änne Müller-Kreuz, here", &["Änne Müller-Kreuz"]),
        "to …[16–31], here"
    );
    assert_eq!(
        mask("\tx\u{202e} = 1234567890123\r", &["1234567890123"]),
        "\\tx\\u{202e} = 12…[8–15]\\r"
    );
    assert_eq!(mask_line(b"abcdefgh", &[4..100, 2..5]), "ab…[<8]");
    assert_eq!(mask_line(b"abc\xff", &[]), "abc\u{fffd}");
    assert_eq!(visible("a\u{1b}[31mb"), "a\\u{1b}[31mb");
}

#[test]
fn a_long_line_is_cut_round_the_first_value() {
    let line = format!("{}SECRETVALUE123{}", "é".repeat(5_000), "x".repeat(5_000_000));
    let span = 10_000..10_014;
    let masked = mask_line(line.as_bytes(), std::slice::from_ref(&span));
    assert_eq!(masked.chars().count(), 200);
    assert!(
        masked.starts_with('…') && masked.ends_with('…') && masked.contains("SE…[8–15]"),
        "{masked}"
    );
    let short = mask_line(&[b'x'; 400], &[]);
    assert_eq!(short.chars().count(), 200 - 1);
}

proptest! {
    #[test]
    fn no_form_gives_a_planted_value_away(
        secret in "[A-Za-z0-9+/_.-]{8,90}",
        before in "\\PC{0,300}",
        between in "\\PC{0,40}",
        behind in "\\PC{0,300}",
        twice in any::<bool>(),
    ) {
        // Long runs of one sign can come about by chance in the rest of the report.
        prop_assume!(!before.contains(&secret) && !behind.contains(&secret) && secret.bytes().collect::<std::collections::BTreeSet<_>>().len() > 4);
        let again = if twice { secret.as_str() } else { "" };
        let line = format!("{before}{secret}{between}{again}{behind}");
        let snippet = mask_line(line.as_bytes(), std::slice::from_ref(&(before.len()..before.len() + secret.len())));
        prop_assert!(snippet.chars().count() <= 200);
        let mut report = report();
        let mut one = finding("a.py", Category::Secret, "r", Severity::High, 1);
        one.snippet = Some(snippet);
        report.suppressed.push(Suppressed { by: SuppressedBy::Allow, reason: "made up".to_owned(), finding: one.clone() });
        report.findings.push(one);
        for (name, out) in every_form(&report) {
            prop_assert!(!out.contains(&secret), "{name}");
        }
    }

    #[test]
    fn masking_takes_any_spans(line in proptest::collection::vec(any::<u8>(), 0..600), spans in proptest::collection::vec((0_usize..700, 0_usize..700), 0..6)) {
        let spans: Vec<Range<usize>> = spans.into_iter().map(|(a, b)| a..b).collect();
        prop_assert!(mask_line(&line, &spans).chars().count() <= 200);
    }

    #[test]
    fn a_report_of_any_text_reads_back_and_is_well_formed(path in "\\PC{0,40}", message in any::<String>(), line in any::<u32>(), start in any::<u64>()) {
        let mut report = report();
        let mut one = finding(&path, Category::Pii, "r", Severity::Low, 1);
        (one.message, one.line, one.start) = (message.clone(), line, start);
        one.snippet = Some(message);
        report.findings.push(one);
        prop_assert_eq!(Report::from_json(json(&report).as_bytes()).unwrap(), report.clone());
        for out in [sarif(&report), cyclonedx(&report, &stamp()), gitlab(&report)] {
            prop_assert!(serde_json::from_str::<Value>(&out).is_ok());
        }
        let page = html(&report);
        prop_assert_eq!(page.matches("<li ").count(), report.findings.len());
        let narrow = text(&report, TextStyle { has_colour: false, width: Some(1) });
        let has_escape = narrow.contains('\u{1b}');
        prop_assert!(!has_escape);
    }

    #[test]
    fn any_bytes_are_a_report_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Report::from_json(&bytes);
    }
}
