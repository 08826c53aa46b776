//! `privet pii` from outside: what it finds, what it writes, how it ends, what it keeps to itself.

mod anonymize;
mod detect;
mod eval;
mod look;
mod restore;
mod usage;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
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
pub(crate) fn ended(folder: &TempDir, arguments: &[&str], input: &str, code: i32) -> String {
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

pub(crate) fn folder(files: &[(&str, &str)]) -> TempDir {
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
