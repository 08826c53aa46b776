//! What is known already: baselines, allow lists, comments.

use serde_json::Value;

use super::{MAIL, Place, secret, with_secret};
use crate::cli::err;

/// A key of fingerprints that begins so.
fn key(start: &str) -> String {
    format!("{start}{}", "0123456789abcdef".repeat(4).split_off(2))
}

fn suppressed(report: &Value) -> Vec<(String, String)> {
    let all = report["suppressed"].as_array().expect("a list").iter();
    all.map(|one| {
        (
            one["by"].as_str().unwrap_or_default().to_owned(),
            one["reason"].as_str().unwrap_or_default().to_owned(),
        )
    })
    .collect()
}

#[test]
fn a_baseline_leaves_out_what_is_in_it_and_nothing_else() {
    let place = with_secret();
    place.write("notes.md", format!("Write to {MAIL} today.\n"));
    place.ended(&[".", "--write-baseline", ".known.json"], 1);
    let text = place.text(".known.json");
    assert!(!text.contains(&secret(1)) && !text.contains(MAIL));
    let report = place.report(&[".", "--baseline", ".known.json"], 0);
    assert!(report["findings"].as_array().is_some_and(Vec::is_empty));
    assert_eq!(suppressed(&report).len(), 2);
    // The same value in another line of the file is known; another value is not.
    place.write("app.py", format!("# moved\n\ntoken = \"{}\"\n", secret(1)));
    place.ended(&[".", "--baseline", ".known.json"], 0);
    place.write("app.py", format!("token = \"{}\"\n", secret(2)));
    let report = place.report(&[".", "--baseline", ".known.json"], 1);
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(1));
    assert!(
        report["warnings"].to_string().contains("not found any more"),
        "{}",
        report["warnings"]
    );
    // Settings name it, too.
    place.write("privet.toml", "[scan]\nbaseline = \".known.json\"\n");
    assert_eq!(place.found(&["."], 1).len(), 1);
    place.ended(&[".", "--write-baseline", ".known.json"], 0);
    place.ended(&["."], 0);
    // The file's own fingerprints are no secrets; what else stands in it is looked at.
    let text = place.text(".known.json");
    let reason = format!("see {}", secret(3));
    place.write(
        ".known.json",
        text.replacen("found when the baseline was made", &reason, 1),
    );
    let found = place.found(&["."], 1);
    assert!(found.iter().all(|(path, _)| path == ".known.json"), "{found:?}");
}

#[test]
fn a_baseline_of_another_key_or_that_is_damaged_is_refused() {
    let place = with_secret();
    place.ended(&[".", "--write-baseline", ".known.json"], 1);
    place.write("other.key", key("1f"));
    let arguments = [".", "--baseline", ".known.json", "--key", "file:other.key"];
    let output = place.scan(&arguments);
    assert_eq!(output.status.code(), Some(2), "{}", err(&output));
    assert!(err(&output).contains(".known.json"), "{}", err(&output));
    place.write(".known.json", "{}");
    place.ended(&[".", "--baseline", ".known.json"], 2);
}

#[test]
fn an_allow_list_needs_a_reason_and_ends_on_its_day() {
    let place = with_secret();
    let allow = |more: &str| {
        place.write(
            "privet.toml",
            format!("[[scan.allow]]\npaths = [\"app.py\"]\nreason = \"made up\"\n{more}"),
        );
    };
    allow("");
    let report = place.report(&["."], 0);
    assert_eq!(suppressed(&report), [("allow".to_owned(), "made up".to_owned())]);
    allow("until = \"2999-12-31\"\n");
    place.ended(&["."], 0);
    allow("until = \"2020-12-31\"\n");
    let report = place.report(&["."], 1);
    assert!(!report["warnings"].as_array().expect("a list").is_empty());
    allow("rules = [\"another-rule\"]\n");
    place.ended(&["."], 1);
    allow("categories = [\"secret\"]\n");
    place.ended(&["."], 0);
    place.write("more/app2.py", format!("token = \"{}\"\n", secret(1)));
    assert_eq!(place.found(&["."], 1)[0].0, "more/app2.py");
}

#[test]
fn a_comment_in_the_line_allows_what_it_names() {
    let place = Place::new();
    let line = |comment: &str| format!("token = \"{}\"  # {comment}\n", secret(1));
    place.write("app.py", line("privet:allow github-pat made up for the test"));
    let report = place.report(&["."], 0);
    assert_eq!(suppressed(&report).len(), 1);
    assert!(suppressed(&report)[0].1.contains("made up for the test"));
    place.write("app.py", line("gitleaks:allow"));
    place.ended(&["."], 0);
    place.write("app.py", line("privet:allow another-rule made up"));
    place.ended(&["."], 1);
    place.write("app.py", format!("# privet:allow * above\n{}", line("nothing")));
    place.ended(&["."], 1);
}

#[test]
fn fingerprints_are_the_same_with_one_key_and_differ_with_another() {
    let place = with_secret();
    place.write("one.key", key("1f"));
    place.write("two.key", key("2e"));
    let print = |key: &str| {
        let report = place.report(&["app.py", "--key", key], 1);
        report["findings"][0]["fingerprint"].clone()
    };
    let one = print("file:one.key");
    assert_eq!(one, print("file:one.key"));
    assert_ne!(one, print("file:two.key"));
    let hash: String = privet_crypto::sha256(secret(1).as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert!(!one.to_string().contains(hash.split_at(16).0));
    place.ended(&["app.py", "--key", "env:NOT_SET"], 2);
    place.write("bad.key", "short");
    place.ended(&["app.py", "--key", "file:bad.key"], 2);
}
