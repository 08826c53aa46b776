//! Help, wrong usage, the list of kinds, and the commands of the guide.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{EMAIL, ended, err, folder, lines, out, refused};

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
        (&["anonymize", "--operators", "bad.toml"], "", "bad.toml:1:"),
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

#[test]
fn the_commands_of_the_guide_do_what_it_says() {
    let guide = include_str!("../../../../../docs/pii.md");
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
