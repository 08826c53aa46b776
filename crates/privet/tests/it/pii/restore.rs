//! `privet pii restore`: what comes back, and what is refused.

use serde_json::json;

use super::{EMAIL, ended, folder, read, refused};

#[test]
fn a_changed_text_a_wrong_key_and_a_cut_manifest_are_refused_and_write_nothing() {
    let folder = folder(&[("a.txt", &format!("to {EMAIL}\n"))]);
    let key = ["--key-file", "key", "--manifest", "m", "--output", "back"];
    ended(
        &folder,
        &[
            "anonymize",
            "a.txt",
            "--key-file",
            "key",
            "--manifest",
            "m",
            "--output",
            "clean",
        ],
        "",
        0,
    );
    let clean = read(&folder, "clean");
    let restore =
        |input: &str, more: &[&str]| refused(&folder, &[&["restore", "-"], &key[..], more].concat(), input);
    for changed in [format!("{clean}x"), clean.replace("to", "ot"), String::new()] {
        assert!(restore(&changed, &[]).contains("`--edited`"));
    }
    assert!(restore(&clean, &["--scope", "other"]).contains("another key, scope or subject"));
    let manifest = read(&folder, "m");
    let first: Vec<_> = manifest.lines().take(2).collect();
    std::fs::write(folder.path().join("m"), first.join("\n")).expect("a file");
    assert!(restore(&clean, &[]).contains("cut short"));
    std::fs::write(folder.path().join("m"), "{}").expect("a file");
    assert!(restore(&clean, &[]).contains("no manifest"));
    assert!(!folder.path().join("back").exists());
}

#[test]
fn an_edited_text_gets_back_what_can_be_recognised() {
    let folder = folder(&[("a.txt", &format!("to {EMAIL}\n"))]);
    let key = ["--key-file", "key", "--manifest", "m"];
    let clean = ended(&folder, &[&["anonymize", "a.txt"], &key[..]].concat(), "", 0);
    let reply = format!("I have written {clean}today");
    let back = ended(&folder, &[&["restore", "--edited"], &key[..]].concat(), &reply, 0);
    assert_eq!(back, format!("I have written to {EMAIL}\ntoday"));
}

#[test]
fn tokens_come_back_without_a_manifest_and_those_that_do_not_are_told() {
    let folder = folder(&[("a.json", &json!({"mail": EMAIL}).to_string())]);
    let encrypt = [
        "anonymize",
        "a.json",
        "--operator",
        "default=encrypt",
        "--key-file",
        "key",
    ];
    let clean = ended(&folder, &encrypt, "", 0);
    std::fs::write(folder.path().join("clean.json"), &clean).expect("a file");
    let back = ended(&folder, &["restore", "clean.json", "--key-file", "key"], "", 0);
    assert_eq!(back, json!({"mail": EMAIL}).to_string());
    let left = ended(
        &folder,
        &["restore", "clean.json", "--key-file", "key", "--scope", "x"],
        "",
        3,
    );
    assert_eq!(left, clean);
}
