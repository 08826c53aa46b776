//! `privet pii anonymize`: what is written, and that it comes back.

use serde_json::{Value, json};

use super::{CARD, EMAIL, PHONE, documents, ended, folder, read, refused};

#[test]
fn restoring_undoes_anonymising_in_every_format() {
    let folder = folder(&[(
        "operators.toml",
        "default = { type = \"surrogate\" }\n[entities]\nEMAIL_ADDRESS = { type = \"encrypt\" }\n\
         CREDIT_CARD = { type = \"format_preserving\" }\n",
    )]);
    let key = ["--key-file", "key", "--manifest", "manifest"];
    for (name, text) in documents() {
        std::fs::write(folder.path().join(name), &text).expect("a file");
        for operators in [
            &["--operators", "operators.toml"][..],
            &[],
            &["--operator", "default=surrogate:style=realistic"],
            &["--operator", "default=encrypt:deterministic=true"],
        ] {
            let arguments = [&["anonymize", name, "--output", "clean"], &key[..], operators].concat();
            ended(&folder, &arguments, "", 0);
            let clean = read(&folder, "clean");
            for value in [EMAIL, PHONE, CARD, "4111111111111111"] {
                assert!(!clean.contains(value), "{name} {operators:?}: {clean}");
            }
            assert!(!read(&folder, "manifest").contains("lovelace"), "{name}");
            let back = ended(&folder, &[&["restore", "clean"], &key[..]].concat(), "", 0);
            assert_eq!(back, text, "{name} {operators:?}");
        }
    }
}

#[test]
fn only_the_text_of_a_line_is_anonymised_and_restored() {
    let folder = folder(&[]);
    let text = format!(
        "{{\"id\": \"{EMAIL}\", \"n\": 1.0,  \"text\": \"{EMAIL} \\u00e9\"}}\n\n{{\"text\":\"none\",\"id\":2}}"
    );
    let arguments = [
        "anonymize",
        "--format",
        "jsonl",
        "--manifest",
        "m",
        "--key-file",
        "k",
    ];
    let clean = ended(&folder, &arguments, &text, 0);
    let expected = format!("{{\"id\": \"{EMAIL}\", \"n\": 1.0,  \"text\": \"<EMAIL_ADDRESS_");
    assert!(
        clean.starts_with(&expected) && clean.ends_with("\n\n{\"text\":\"none\",\"id\":2}"),
        "{clean}"
    );
    assert_eq!(
        ended(
            &folder,
            &["restore", "--manifest", "m", "--key-file", "k"],
            &clean,
            0
        ),
        text
    );
}

#[test]
fn structure_stays_whatever_the_operator() {
    let folder = folder(&[]);
    for (name, text) in documents() {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    let json = ended(
        &folder,
        &["anonymize", "a.json", "--operator", "default=redact"],
        "",
        0,
    );
    let value: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(value["cards"], json!(["", null, 150.0, ""]));
    assert_eq!(value["customer"]["café /"], "tel  café");
    let csv = ended(
        &folder,
        &[
            "anonymize",
            "a.csv",
            "--operator",
            "default=replace:new_value=a;\"b",
        ],
        "",
        0,
    );
    assert!(csv.contains("\n\"a;\"\"b\";\"a;\"\"b\";\"a;\"\"b\"\r\n"), "{csv}");
    let one = ended(
        &folder,
        &["anonymize", "one.tsv", "--operator", "default=redact"],
        "",
        0,
    );
    assert_eq!(one, "value\n\"\"\n\"\"\n\"\"\n");
}

#[test]
fn an_operator_that_fails_leaves_no_file_and_no_value_in_its_error() {
    let folder = folder(&[("a.txt", &format!("pin 12, card {CARD}, {EMAIL}"))]);
    let arguments = [
        "anonymize",
        "a.txt",
        "--operator",
        "default=custom:name=none",
        "--output",
        "clean",
        "--manifest",
        "m",
        "--key-file",
        "key",
    ];
    let said = refused(&folder, &arguments, "");
    assert!(
        said.contains("`custom`") && !said.contains("example.com") && !said.contains("4111"),
        "{said}"
    );
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names.len(), 2, "the text and the key: {names:?}");
}

#[test]
fn keys_and_results_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(&[("a.txt", EMAIL)]);
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
    for name in ["key", "m", "clean"] {
        let mode = std::fs::metadata(folder.path().join(name))
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
