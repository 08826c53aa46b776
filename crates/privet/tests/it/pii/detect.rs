//! `privet pii detect`: what is found and how it is told.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{CARD, EMAIL, PHONE, documents, ended, err, folder, lines, out, pii, read, refused};

#[test]
fn lines_go_in_and_come_out_in_their_order_with_their_ids() {
    let folder = folder(&[]);
    let mut input = String::new();
    for i in 0..3000 {
        let _ = writeln!(
            input,
            "{}",
            json!({"id": i, "text": format!("{}{EMAIL}", "x ".repeat(i % 90))})
        );
    }
    input.push_str("\n{\"text\": \"nothing\"}\n");
    let all = lines(&ended(&folder, &["detect", "--format", "jsonl", "-"], &input, 1));
    assert_eq!(all.len(), 3001);
    for (i, line) in all.iter().take(3000).enumerate() {
        let start = 2 * (i % 90);
        assert_eq!(
            *line,
            json!({"id": i, "findings": [{"type": "EMAIL_ADDRESS", "start": start, "end": start + EMAIL.len(),
                "score": 1.0, "rule": "email/address"}]})
        );
    }
    assert_eq!(all[3000], json!({"id": null, "findings": []}));
}

#[test]
fn who_writes_one_line_and_waits_gets_its_answer() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_privet"))
        .args(["pii", "detect", "--format", "jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("privet starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut answers = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    for id in 0..3 {
        writeln!(stdin, "{}", json!({"id": id, "text": EMAIL})).expect("it reads");
        let answer: Value =
            serde_json::from_str(&answers.next().expect("a line").expect("UTF-8")).expect("JSON");
        assert_eq!(
            (&answer["id"], answer["findings"].as_array().map(Vec::len)),
            (&json!(id), Some(1))
        );
    }
    drop(stdin);
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
}

#[test]
fn the_context_of_a_line_is_looked_at() {
    let folder = folder(&[]);
    let with = "{\"id\": 1, \"text\": \"1980-02-03\", \"context\": \"date_of_birth\"}\n";
    let arguments = ["detect", "--format", "jsonl", "--entities", "DATE_OF_BIRTH"];
    let found = lines(&ended(&folder, &arguments, with, 1));
    assert_eq!(found[0]["findings"][0]["type"], "DATE_OF_BIRTH");
    let without = "{\"id\": 1, \"text\": \"1980-02-03\"}\n";
    assert_eq!(
        lines(&ended(&folder, &arguments, without, 0))[0]["findings"],
        json!([])
    );
}

#[test]
fn offsets_count_what_was_asked_for() {
    let folder = folder(&[]);
    let input = json!({"id": 1, "text": format!("é😀 {EMAIL}")}).to_string();
    for (unit, start) in [("bytes", 7), ("chars", 3), ("utf16", 4)] {
        let records = ["detect", "--format", "jsonl", "--offsets", unit];
        let line = &lines(&ended(&folder, &records, &input, 1))[0];
        let finding = &line["findings"][0];
        assert_eq!(
            (&finding["start"], &finding["end"]),
            (&json!(start), &json!(start + EMAIL.len()))
        );
        let text = format!("é😀\né😀 {EMAIL}");
        let plain = ["detect", "--output", "jsonl", "--offsets", unit];
        let finding = &lines(&ended(&folder, &plain, &text, 1))[0];
        let start = match unit {
            "bytes" => 14,
            "chars" => 6,
            _ => 8,
        };
        assert_eq!(finding["start"], json!(start), "{unit}");
        assert_eq!((&finding["line"], &finding["column"]), (&json!(2), &json!(4)));
    }
}

#[test]
fn values_of_documents_are_told_by_pointer_and_cell() {
    let folder = folder(&[]);
    for (name, text) in documents() {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    let places = |name: &str| -> Vec<String> {
        let entities = "EMAIL_ADDRESS,PHONE_NUMBER,CREDIT_CARD";
        let found = lines(&ended(
            &folder,
            &["detect", name, "--output", "jsonl", "--entities", entities],
            "",
            1,
        ));
        let place = |f: &Value| {
            format!(
                "{}:{} {}{}{} {}",
                f["line"],
                f["column"],
                f["pointer"].as_str().unwrap_or_default(),
                f["record"].as_u64().map_or(String::new(), |r| format!("r{r}")),
                f["name"].as_str().map_or(String::new(), |n| format!(" {n}")),
                f["type"].as_str().unwrap_or_default()
            )
        };
        found.iter().map(place).collect()
    };
    assert_eq!(
        places("a.txt"),
        ["2:10  EMAIL_ADDRESS", "2:43  PHONE_NUMBER", "4:6  CREDIT_CARD"]
    );
    assert_eq!(
        places("a.md"),
        ["4:6  EMAIL_ADDRESS", "6:9  PHONE_NUMBER", "7:8  CREDIT_CARD"]
    );
    assert_eq!(
        places("a.json"),
        [
            "2:25 /customer/email EMAIL_ADDRESS",
            "2:69 /customer/café ~1 PHONE_NUMBER",
            "3:14 /cards/0 CREDIT_CARD",
            "3:46 /cards/3 CREDIT_CARD",
            "3:71 /<EMAIL_ADDRESS> EMAIL_ADDRESS",
        ]
    );
    assert_eq!(
        places("b.jsonl"),
        [
            "1:9 /note EMAIL_ADDRESS",
            "2:10 /phone PHONE_NUMBER",
            "3:2 /0 CREDIT_CARD"
        ]
    );
    assert_eq!(
        places("a.csv"),
        [
            "2:5 r2 contact EMAIL_ADDRESS",
            "2:30 r2 pays with CREDIT_CARD",
            "3:11 r3 contact PHONE_NUMBER",
        ]
    );
}

#[test]
fn values_are_shown_only_if_asked_for() {
    let folder = folder(&[]);
    for (name, text) in documents() {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    for output in ["text", "table", "jsonl"] {
        let plain = pii(
            folder.path(),
            &["detect", ".", "--output", output, "--explain"],
            "",
        );
        for value in [EMAIL, PHONE, CARD] {
            assert!(
                !out(&plain).contains(value) && !err(&plain).contains(value),
                "{output}"
            );
        }
        assert!(!out(&plain).contains('\u{1b}'), "no colours without a terminal");
        let shown = pii(
            folder.path(),
            &["detect", ".", "--output", output, "--show-values"],
            "",
        );
        for value in [EMAIL, PHONE, CARD] {
            assert!(out(&shown).contains(value), "{output}");
        }
    }
}

#[test]
fn a_streamed_text_has_the_findings_of_the_whole_text() {
    // The windows of text are cut at 256 KiB; one record of JSON Lines is looked at whole.
    let mut text = String::new();
    let mut number = 0_u64;
    while text.len() < 1_200_000 {
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        match number >> 60 {
            0 => text.push_str("😀 card 4111 1111 1111 1111, "),
            1 => text.push_str("call +1 202-555-0143\n"),
            2 => {
                let _ = write!(text, "mail user{}@example.com\r\n", number >> 40);
            }
            3 => {
                // Longer than the words looked at beside values, and across many cuts in all.
                text.push_str("-----BEGIN PRIVATE KEY-----\n");
                for _ in 0..(number >> 52 & 127) {
                    text.push_str("MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n");
                }
                text.push_str("-----END PRIVATE KEY-----\n");
            }
            _ => text.push_str("words without any value, and more words "),
        }
    }
    let folder = folder(&[("long.txt", &text)]);
    let whole = ended(
        &folder,
        &["detect", "--format", "jsonl", "--offsets", "utf16"],
        &json!({"id": 1, "text": text}).to_string(),
        1,
    );
    let expected: Vec<_> = lines(&whole)[0]["findings"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|f| (f["type"].clone(), f["start"].clone(), f["end"].clone()))
        .collect();
    for jobs in ["1", "4"] {
        let arguments = [
            "detect",
            "long.txt",
            "--output",
            "jsonl",
            "--offsets",
            "utf16",
            "--jobs",
            jobs,
        ];
        let streamed: Vec<_> = lines(&ended(&folder, &arguments, "", 1))
            .iter()
            .map(|f| (f["type"].clone(), f["start"].clone(), f["end"].clone()))
            .collect();
        assert!(expected.len() > 1000);
        assert!(streamed == expected, "{} and {}", streamed.len(), expected.len());
    }
    let man = [
        "anonymize",
        "long.txt",
        "--manifest",
        "m",
        "--key-file",
        "k",
        "--output",
        "clean.txt",
    ];
    ended(&folder, &man, "", 0);
    let clean = read(&folder, "clean.txt");
    assert!(!clean.contains("example.com") && !clean.contains("4111") && !clean.contains("MC4CAQ"));
    ended(
        &folder,
        &[
            "restore",
            "clean.txt",
            "--manifest",
            "m",
            "--key-file",
            "k",
            "--output",
            "back.txt",
        ],
        "",
        0,
    );
    assert!(read(&folder, "back.txt") == text);
}

#[test]
fn a_folder_with_unreadable_files_is_incomplete_and_other_data_is_passed_over() {
    let folder = folder(&[
        ("a/one.txt", "nothing"),
        ("a/b/bad.json", &format!("{{\"x\": {EMAIL}")),
    ]);
    std::fs::write(folder.path().join("a/image.png"), b"\x89PNG\0\0").expect("a file");
    std::fs::write(folder.path().join("a/latin.txt"), b"caf\xe9").expect("a file");
    std::fs::write(folder.path().join("a/wide.txt"), b"\xff\xfea\0").expect("a file");
    std::os::unix::fs::symlink("..", folder.path().join("a/up")).expect("a link");
    let output = pii(folder.path(), &["detect", "a"], "");
    let said = err(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("`a/latin.txt`: not UTF-8 at byte 3") && said.contains("iconv"),
        "{said}"
    );
    assert!(
        said.contains("`a/b/bad.json`: not JSON at line 1 column 7") && !said.contains("ada"),
        "{said}"
    );
    assert!(said.contains("`a/wide.txt` is UTF-16"), "{said}");
    assert!(said.contains("not looked at: 1"), "{said}");
    // Who names such a file wants to know.
    refused(&folder, &["detect", "a/latin.txt"], "");
    refused(&folder, &["detect", "a/image.png"], "");
}
