//! `privet pii eval`: what is counted.

use serde_json::{Value, json};

use super::{EMAIL, ended, folder, read, refused};

/// Two texts: one address found, one card with a wrong check digit missed, one address found in vain.
const GOLD: &str = "# one mail\nto [[EMAIL|ada@example.com]] & [[CREDIT_CARD|4111 1111 1111 1112]]\n---\n\
                    # two <b>\nfrom bob@example.com\n";

#[test]
fn an_evaluation_counts_what_was_found_missed_and_found_in_vain() {
    let folder = folder(&[("gold.txt", GOLD), ("none.txt", "# a\nnothing\n")]);
    let base = [
        "eval",
        "--gold",
        "gold.txt",
        "--format",
        "inline",
        "--map",
        "EMAIL=EMAIL_ADDRESS",
    ];
    let text = ended(
        &folder,
        &[&base[..], &["--json", "--report", "r.html"]].concat(),
        "",
        0,
    );
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let email = &report["kinds"]["EMAIL_ADDRESS"];
    assert_eq!((&email["gold"], &email["found"]), (&json!(1), &json!(2)));
    assert_eq!(email["overlap"]["precision"]["value"], 0.5);
    assert_eq!(report["kinds"]["CREDIT_CARD"]["leaked"], 19);
    assert_eq!(
        (&report["total"]["leaked"], &report["total"]["characters"]),
        (&json!(19), &json!(34))
    );
    let last = &report["reliability"][9];
    assert_eq!((&last["findings"], &last["right"]), (&json!(2), &json!(1)));
    assert!(last["interval"][0].as_f64() < Some(0.5) && last["interval"][1].as_f64() > Some(0.5));
    let html = read(&folder, "r.html");
    assert!(
        html.contains("aria-label=\"reliability plot\"") && html.contains("<title>1 of 2 right"),
        "{html}"
    );
    assert!(
        html.contains("<span class=\"missed gold\">4111 1111 1111 1112</span>"),
        "{html}"
    );
    assert!(
        html.contains("<span class=\"vain\">bob@example.com</span>"),
        "{html}"
    );
    assert!(
        html.contains("&amp; ")
            && html.contains("default-src 'none'")
            && !html.contains("src=")
            && !html.contains("://"),
        "{html}"
    );
    let table = ended(&folder, &base, "", 0);
    assert!(
        table.contains("EMAIL_ADDRESS") && table.contains("expected calibration error"),
        "{table}"
    );
    for (floor, code) in [("0.99", 1), ("0.4", 3), ("0.01", 0)] {
        ended(&folder, &[&base[..], &["--floor", floor]].concat(), "", code);
    }
    ended(
        &folder,
        &["eval", "--gold", "none.txt", "--format", "inline"],
        "",
        3,
    );
}

#[test]
fn gold_sets_of_every_format_give_the_same_figures() {
    let text = format!("é {EMAIL}");
    let jsonl = json!({"id": "a", "text": text, "spans": [{"type": "EMAIL_ADDRESS", "start": 3, "end": 3 + EMAIL.len()}]});
    let presidio = json!({"id": "a", "full_text": text,
        "spans": [{"entity_type": "EMAIL_ADDRESS", "start_position": 2, "end_position": 2 + EMAIL.len()}]});
    let inline = format!("# a x\né [[EMAIL_ADDRESS|{EMAIL}]]\n");
    let folder = folder(&[
        ("a.jsonl", &jsonl.to_string()),
        ("a.json", &presidio.to_string()),
        ("a.txt", &inline),
    ]);
    for (name, format) in [
        ("a.jsonl", "jsonl"),
        ("a.json", "presidio-research"),
        ("a.txt", "inline"),
    ] {
        let report = ended(
            &folder,
            &["eval", "--gold", name, "--format", format, "--json"],
            "",
            0,
        );
        let report: Value = serde_json::from_str(&report).expect("JSON");
        assert_eq!(report["total"]["exact"]["f1"], 1.0, "{name}");
        assert_eq!(report["slowest"][0]["id"], "a", "{name}");
    }
}

#[test]
fn what_another_program_found_is_measured_by_the_same_measure() {
    let found = "{\"id\":\"two\",\"findings\":[{\"type\":\"EMAIL\",\"start\":0,\"end\":4,\"score\":0.2}]}\n\
                 {\"id\":\"one\",\"findings\":[{\"type\":\"EMAIL_ADDRESS\",\"start\":3,\"end\":18,\"score\":0.9},\
                 {\"type\":\"CREDIT_CARD\",\"start\":3,\"end\":6}]}\n";
    let folder = folder(&[
        ("gold.txt", GOLD),
        ("found.jsonl", found),
        ("short.jsonl", "{\"id\":\"one\",\"findings\":[]}"),
    ]);
    let base = [
        "eval",
        "--gold",
        "gold.txt",
        "--format",
        "inline",
        "--map",
        "EMAIL=EMAIL_ADDRESS",
    ];
    let measured = |more: &[&str]| -> Value {
        let arguments = [&base[..], &["--json", "--predictions", "found.jsonl"], more].concat();
        serde_json::from_str(&ended(&folder, &arguments, "", 0)).expect("JSON")
    };
    let report = measured(&[]);
    let email = &report["kinds"]["EMAIL_ADDRESS"];
    assert_eq!((&email["found"], &email["exact"]["f1"]), (&json!(1), &json!(1.0)));
    assert_eq!(report["total"]["leaked"], 19);
    assert_eq!(report["slowest"], json!([]));
    let all = measured(&["--threshold", "0.1"]);
    assert_eq!(all["kinds"]["EMAIL_ADDRESS"]["found"], 2);
    let short = [&base[..], &["--predictions", "short.jsonl"]].concat();
    assert!(refused(&folder, &short, "").contains("no line for text `two`"));
}
