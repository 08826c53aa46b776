//! What is looked for: policies, recogniser files, and which findings count.

use super::{CARD, EMAIL, PHONE, ended, folder, lines, refused};

#[test]
fn the_exit_code_says_what_was_found() {
    let text = format!("call {PHONE}");
    let folder = folder(&[]);
    for (arguments, code) in [
        (&["detect"][..], 1),
        (&["detect", "--fail-on", "never"], 0),
        (&["detect", "--fail-on", "0.5"], 1),
        (&["detect", "--fail-on", "CREDIT_CARD,US_SSN"], 0),
        (&["detect", "--fail-on", "CREDIT_CARD,PHONE_NUMBER"], 1),
        (&["detect", "--entities", "CREDIT_CARD"], 0),
        (&["detect", "--allow", PHONE], 0),
        (&["detect", "--entities", "TERM", "--deny", "CALL"], 1),
        (&["anonymize"], 0),
    ] {
        ended(&folder, arguments, &text, code);
    }
    assert_eq!(ended(&folder, &["detect"], "nothing here", 0), "");
}

#[test]
fn a_policy_says_what_is_looked_for() {
    let policy = "[pii]\nallow_list = [\"ada.lovelace@example.com\"]\n[pii.entities]\nPHONE_NUMBER = \"allow\"\n\
                  [[pii.recognizers]]\nname = \"badges\"\nentity = \"BADGE\"\n\
                  patterns = [{ regex = \"\\\\bB-[0-9]{4}\\\\b\", score = 0.9 }]\n";
    let folder = folder(&[("policy.toml", policy)]);
    let text = format!("{EMAIL} has badge B-1234, {PHONE}, pays with {CARD}");
    let kinds = |more: &[&str]| -> Vec<String> {
        let arguments = [&["detect", "--policy", "policy.toml", "--output", "jsonl"], more].concat();
        let found = lines(&ended(&folder, &arguments, &text, 1));
        found
            .iter()
            .map(|f| f["type"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(kinds(&[]), ["BADGE", "CREDIT_CARD"]);
    assert_eq!(
        kinds(&["--entities", "BADGE,PHONE_NUMBER"]),
        ["BADGE", "PHONE_NUMBER"]
    );
    assert_eq!(kinds(&["--threshold", "0.95"]), ["CREDIT_CARD"]);
    let clean = ended(
        &folder,
        &[
            "anonymize",
            "--policy",
            "policy.toml",
            "--operator",
            "BADGE=redact",
        ],
        &text,
        0,
    );
    assert_eq!(
        clean,
        format!("{EMAIL} has badge , {PHONE}, pays with <CREDIT_CARD>")
    );
}

#[test]
fn a_recognizer_file_of_presidio_is_read_as_it_is() {
    let yaml = "recognizers:\n  - name: badges\n    supported_entity: BADGE_NUMBER\n    supported_language: en\n    context: [badge]\n\
                \x20   patterns:\n      - name: weak\n        regex: '\\bB-\\d{4}\\b'\n        score: 0.1\n";
    let folder = folder(&[("own.yaml", yaml), ("bad.yaml", "recognizers: 7\n")]);
    let arguments = [
        "detect",
        "--recognizers",
        "own.yaml",
        "--entities",
        "BADGE_NUMBER",
        "--output",
        "jsonl",
    ];
    let found = lines(&ended(&folder, &arguments, "her badge: B-1234", 1));
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0]["type"], &found[0]["start"]),
        (&"BADGE_NUMBER".into(), &11.into())
    );
    assert_eq!(ended(&folder, &arguments, "part B-1234", 0), "");
    assert!(refused(&folder, &["detect", "--recognizers", "bad.yaml"], "x").contains("bad.yaml"));
}
