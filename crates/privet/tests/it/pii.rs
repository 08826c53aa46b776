//! `privet pii` from outside: what it finds, what it writes, how it ends, what it keeps to itself.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

const EMAIL: &str = "ada.lovelace@example.com";
const CARD: &str = "4111 1111 1111 1111";
const PHONE: &str = "+1 202-555-0143";

/// `privet pii` in a folder of its own.
fn pii(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_privet"))
        .arg("pii")
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("privet starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.as_bytes().to_vec();
    let writer = std::thread::spawn(move || {
        // It may end before it has read all.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("privet ends");
    writer.join().expect("the writer ends");
    output
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// It ended with `code`: what it wrote.
fn ended(folder: &TempDir, arguments: &[&str], input: &str, code: i32) -> String {
    let output = pii(folder.path(), arguments, input);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {}",
        err(&output)
    );
    out(&output)
}

/// It ended with 2: what it said.
fn refused(folder: &TempDir, arguments: &[&str], input: &str) -> String {
    let output = pii(folder.path(), arguments, input);
    let said = err(&output);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    said
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    folder
}

fn read(folder: &TempDir, name: &str) -> String {
    std::fs::read_to_string(folder.path().join(name)).expect("a file")
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// Texts of every format, each with the three values in it.
fn documents() -> Vec<(&'static str, String)> {
    vec![
        (
            "a.txt",
            format!("Hello 😀\r\nwrite to {EMAIL} or call {PHONE};\n\ncard {CARD}\n"),
        ),
        (
            "a.md",
            format!("# Notes\n\n```sh\nmail {EMAIL}\n```\n- phone {PHONE}\n- card {CARD}"),
        ),
        (
            "a.json",
            format!(
                "{{\n  \"customer\": {{\"email\": \"{EMAIL}\", \"caf\\u00e9 \\/\": \"tel {PHONE} caf\\u00e9\"}},\n  \
                 \"cards\": [ 4111111111111111, null, 1.50e2, \"{CARD}\" ], \"{EMAIL}\": true\n}}\n"
            ),
        ),
        (
            "b.jsonl",
            format!("{{\"note\":\"{EMAIL}\"}}\n{{\"phone\":\"{PHONE}\"}}\n[\"card {CARD}\"]\n"),
        ),
        (
            "a.csv",
            format!(
                "name;contact;\"pays with\"\r\nAda;{EMAIL};\"{CARD}\"\r\n\"B;\"\"x\"\"\";\"a\n{PHONE}\";\r\n\r\n;;none"
            ),
        ),
        ("one.tsv", format!("value\n{EMAIL}\n{PHONE}\n{CARD}\n")),
    ]
}

#[test]
fn every_pii_command_explains_itself_with_examples() {
    let folder = folder(&[]);
    let all = ended(&folder, &["--help"], "", 0);
    for command in ["detect", "anonymize", "restore", "eval", "entities", "model"] {
        assert!(all.contains(command), "{all}");
        let help = ended(&folder, &[command, "--help"], "", 0);
        let example = format!("  privet pii {command}");
        assert!(
            help.contains("Examples:") && help.contains(&example),
            "{command}: {help}"
        );
    }
    let help = ended(&folder, &["detect", "--help"], "", 0).replace('\n', " ");
    assert!(help.contains("passed on and logged more freely"), "{help}");
}

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
    assert!(csv.contains("Ada;\"a;\"\"b\";\"a;\"\"b\"\r\n"), "{csv}");
    let one = ended(
        &folder,
        &["anonymize", "one.tsv", "--operator", "default=redact"],
        "",
        0,
    );
    assert_eq!(one, "value\n\"\"\n\"\"\n\"\"\n");
}

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

#[test]
fn wrong_usage_and_wrong_input_end_with_2_and_never_tell_values() {
    let folder = folder(&[
        ("bad.json", &format!("{{\"x\": \"{EMAIL}\", {EMAIL}}}")),
        ("bad.csv", &format!("a,b\n\"{EMAIL}")),
        ("bad.toml", "default = { type = \"hush\" }"),
        ("gold.txt", EMAIL),
    ]);
    for (arguments, input, part) in [
        (&["detect", "nix.txt"][..], "", "cannot read `nix.txt`"),
        (&["detect", "--entities", "NOPE"], "", "`privet pii entities`"),
        (&["detect", "--threshold", "2"], "", "between 0.0 and 1.0"),
        (&["detect", "--fail-on", "NOPE"], "", "`privet pii entities`"),
        (&["detect", "bad.json"], "", "not JSON at line 1 column 35"),
        (&["detect", "bad.csv"], "", "line 2"),
        (&["detect", "--delimiter", "x"], "", "between cells"),
        (
            &["detect", "--format", "jsonl"],
            "{\"id\": 1, \"text\": \"ok\"}\n\"ada.lovelace@example.com\"",
            "line 2",
        ),
        (
            &["detect", "--format", "jsonl"],
            "{\"text\": ada.lovelace@example.com}",
            "line 1",
        ),
        (
            &["detect", "--format", "jsonl"],
            "{\"id\": \"ada.lovelace@example.com\"}",
            "no string `text`",
        ),
        (
            &["anonymize", "--format", "jsonl"],
            "{\"id\": \"ada.lovelace@example.com\"}",
            "no string `text`",
        ),
        (&["anonymize", "bad.json"], "", "not JSON"),
        (&["anonymize", "."], "", "is a folder"),
        (&["anonymize", "--operator", "default=encrypt"], "", "needs a key"),
        (&["anonymize", "--manifest", "m"], "", "needs a key"),
        (
            &["anonymize", "--operator", "EMAIL_ADDRESS"],
            "",
            "EMAIL_ADDRESS=encrypt",
        ),
        (&["anonymize", "--operators", "bad.toml"], "", "line 1"),
        (&["restore"], "", "needs a key"),
        (&["restore", "--key-file", "no.key"], "", "no.key"),
        (&["restore", "--key-env", "NO_KEY"], "", "`NO_KEY`"),
        (&["eval", "--gold", "gold.txt"], "", "line 1"),
        (
            &["eval", "--gold", "gold.txt", "--format", "inline"],
            "",
            "line 1",
        ),
        (&["eval", "--gold", "gold.txt", "--map", "A"], "", "GPE=LOCATION"),
        (&["eval"], "", "--gold"),
    ] {
        let said = refused(&folder, arguments, input);
        assert!(said.contains(part), "{arguments:?}: {said}");
        assert!(
            !said.contains("ada") && !said.contains("example.com"),
            "{arguments:?}: {said}"
        );
    }
    assert!(
        !folder.path().join("no.key").exists(),
        "only `anonymize` makes keys"
    );
}

#[test]
fn all_kinds_are_listed() {
    let folder = folder(&[]);
    let all: Value =
        serde_json::from_str(&ended(&folder, &["entities", "--format", "json"], "", 0)).expect("JSON");
    let all = all.as_array().expect("an array");
    let email = all
        .iter()
        .find(|e| e["name"] == "EMAIL_ADDRESS")
        .expect("it is listed");
    assert_eq!(
        *email,
        json!({"name": "EMAIL_ADDRESS", "description": "An e-mail address, RFC 5322.", "country": null, "is_broad": false,
            "default_action": "mask", "rules": ["email/address"]})
    );
    let table = ended(&folder, &["entities"], "", 0);
    assert_eq!(table.lines().count(), all.len() + 1);
    assert_eq!(
        lines(&ended(&folder, &["entities", "--format", "jsonl"], "", 0)).len(),
        all.len()
    );
}

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
    let html = read(&folder, "r.html");
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
fn the_commands_of_the_guide_do_what_it_says() {
    let guide = include_str!("../../../../docs/pii.md");
    let folder = folder(&[]);
    let program = Path::new(env!("CARGO_BIN_EXE_privet"));
    let path = format!("{}:/usr/bin:/bin", program.parent().expect("a folder").display());
    let mut blocks = guide.split("\n```").skip(1);
    let mut run = 0;
    let mut output = None;
    while let (Some(block), Some(_)) = (blocks.next(), blocks.next()) {
        let (language, body) = block.split_once('\n').expect("a block has lines");
        if language == "sh" {
            let mut command = Command::new("sh");
            command
                .args(["-c", body])
                .current_dir(folder.path())
                .env_clear()
                .env("PATH", &path);
            let done = command.output().expect("sh starts");
            assert!(
                done.status.code().is_some_and(|code| code < 2),
                "{body}: {}",
                err(&done)
            );
            run += 1;
            output = Some(done);
        } else if language.is_empty() {
            let done = output.take().expect("output follows a command");
            let (said, written): (Vec<_>, Vec<_>) =
                body.lines().partition(|line| line.starts_with("privet: "));
            assert_eq!(out(&done).lines().collect::<Vec<_>>(), written, "{body}");
            for line in said {
                assert!(err(&done).contains(line), "{body}");
            }
        }
    }
    assert!(run >= 6, "{run}");
    assert!(folder.path().join("report.html").exists());
}
