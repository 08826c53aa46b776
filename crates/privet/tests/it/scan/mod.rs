//! `privet scan` from outside.

mod fix;
mod git;
mod known;
mod planted;
mod report;
mod schema;
mod update;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{err, out};

/// An address that is somebody's.
const MAIL: &str = "maria.lopez@brightwater-harbour.org";
/// A pickle that runs a command when it is loaded, and one of two numbers.
const DANGEROUS: &[u8] = b"cos\nsystem\n(S'id'\ntR.";
const SAFE: &[u8] = b"\x80\x04]\x94(K\x01K\x02e.";

/// A made-up key of a made-up account, put together here so that nobody takes it for a live one.
fn secret(number: usize) -> String {
    let letters = b"Qz7Xk2Vb9Lm4Tr8Wd3Hf6Yc1Np5Js0GgAeUuRrOo";
    let body: String = (0..30)
        .map(|at| letters[(at * 7 + number * 11 + at * at) % letters.len()] as char)
        .collect();
    // Its issuer ends it with a checksum: CRC-32 in base 62.
    let mut checksum = flate2::Crc::new();
    checksum.update(body.as_bytes());
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut left = checksum.sum() as usize;
    let mut end = [b'0'; 6];
    for digit in end.iter_mut().rev() {
        *digit = digits[left % 62];
        left /= 62;
    }
    format!("ghp{}{body}{}", '_', String::from_utf8_lossy(&end))
}

/// A folder to scan, with a home of its own beside it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("work")).expect("a folder");
        Self(folder)
    }

    fn work(&self) -> PathBuf {
        self.0.path().join("work")
    }

    /// Where keys, caches and indexes are kept.
    fn home(&self) -> PathBuf {
        self.0.path().join("home")
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.work().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.work().join(name)).expect("a file")
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).expect("UTF-8")
    }

    /// `program` in the folder, with the home beside it.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.work())
            .env_clear()
            .env("HOME", self.home())
            .env("PATH", path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("COLUMNS", "100");
        command
    }

    fn scan(&self, arguments: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_privet"))
            .arg("scan")
            .args(arguments)
            .output()
            .expect("privet starts")
    }

    /// It ended with `code`: what it said on standard output.
    fn ended(&self, arguments: &[&str], code: i32) -> String {
        let output = self.scan(arguments);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {}{}",
            out(&output),
            err(&output)
        );
        out(&output)
    }

    /// Its report as JSON.
    fn report(&self, arguments: &[&str], code: i32) -> Value {
        let said = self.ended(&[arguments, &["--format", "json"]].concat(), code);
        serde_json::from_str(&said).expect("JSON")
    }

    /// Paths and rules of what it finds.
    fn found(&self, arguments: &[&str], code: i32) -> Vec<(String, String)> {
        let report = self.report(arguments, code);
        let findings = report["findings"].as_array().expect("findings").iter();
        findings
            .map(|finding| (text_of(&finding["path"]), text_of(&finding["rule"])))
            .collect()
    }

    /// All files below the folder and the home, but for those in the folder that hold what was planted.
    fn files(&self) -> Vec<PathBuf> {
        let mut all = Vec::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    all.push(path);
                }
            }
        }
        all.sort();
        all
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[expect(clippy::disallowed_methods, reason = "git is where PATH says")]
fn path() -> String {
    std::env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin".to_owned())
}

/// One finding of a secret in `app.py`.
fn with_secret() -> Place {
    let place = Place::new();
    place.write("app.py", format!("token = \"{}\"\n", secret(1)));
    place
}

#[test]
fn scan_and_what_is_below_it_explain_themselves() {
    let place = Place::new();
    for (arguments, example) in [
        (&["--help"][..], "  privet scan ."),
        (&["update", "--help"], "  privet scan update --from https://"),
        (&["hook", "--help"], "  privet scan hook git"),
        (
            &["import-nbdefense", "--help"],
            "Usage: privet scan import-nbdefense",
        ),
    ] {
        let help = place.ended(arguments, 0);
        assert!(help.contains(example), "{help}");
    }
}

#[test]
fn the_exit_status_says_clean_found_wrong_usage_and_incomplete() {
    let place = Place::new();
    place.write("notes.md", "Nothing to see here.\n");
    place.ended(&["."], 0);
    place.write("app.py", format!("token = \"{}\"\n", secret(1)));
    place.ended(&["."], 1);
    for wrong in [
        &["--nonsense"][..],
        &["missing-folder"],
        &["--format", "xml"],
        &["--fix-source"],
        &["--backup"],
        &["--staged", "--history"],
        &["--fail-on", "awful"],
        &["--category", "rumour"],
        &["--config", "missing.toml"],
        &["--baseline", "missing.json"],
        &["--rules", "missing.toml"],
        &["--key", "plain-text"],
        &["update"],
        &["hook", "svn"],
    ] {
        place.ended(wrong, 2);
    }
    // Found goes before incomplete, and incomplete before clean.
    place.write("privet.toml", "[scan]\nmax_file_bytes = 200\n");
    place.write("long.txt", "word ".repeat(100));
    place.ended(&["."], 1);
    std::fs::remove_file(place.work().join("app.py")).expect("a file");
    let output = place.scan(&["."]);
    assert_eq!(output.status.code(), Some(3), "{}", out(&output));
    assert!(out(&output).contains("max_file_bytes"), "{}", out(&output));
    place.ended(&[".", "--exclude", "long.txt"], 0);
}

#[test]
fn settings_with_a_mistake_are_refused() {
    let place = with_secret();
    for wrong in [
        "[scan]\nfail = \"low\"\n",
        "[scan]\nfail_on = \"awful\"\n",
        "[scan.pii]\nentities = [\"MOON_PHASE\"]\n",
        "[[scan.allow]]\npaths = [\"*\"]\n",
        "[[scan.allow]]\npaths = [\"*\"]\nreason = \" \"\n",
        "[scan\n",
    ] {
        place.write("privet.toml", wrong);
        let output = place.scan(&["."]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        assert!(
            err(&output).contains("privet.toml") || err(&output).contains("scan."),
            "{}",
            err(&output)
        );
    }
}

#[test]
fn what_fails_a_scan_is_said_by_option_or_settings() {
    let place = Place::new();
    // Medium at most.
    place.write("requirements.txt", "requests>=2\n");
    let report = place.report(&["."], 1);
    let worst = text_of(&report["findings"][0]["severity"]);
    assert!(["low", "medium"].contains(&worst.as_str()), "{worst}");
    place.ended(&[".", "--fail-on", "high"], 0);
    place.ended(&[".", "--fail-on", "never"], 0);
    place.ended(&[".", "--fail-on", "low"], 1);
    place.write("privet.toml", "[scan]\nfail_on = \"high\"\n");
    place.ended(&["."], 0);
    place.ended(&[".", "--fail-on", "low"], 1);
    place.write("app.py", format!("token = \"{}\"\n", secret(1)));
    place.ended(&["."], 1);
    place.ended(&[".", "--category", "dependency,licence"], 0);
}

#[test]
fn standard_input_is_scanned_under_the_name_that_is_given() {
    let place = Place::new();
    let ask = |arguments: &[&str], text: &str| {
        let mut child = place
            .command(env!("CARGO_BIN_EXE_privet"))
            .arg("scan")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("privet starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(text.as_bytes()).expect("a reader");
        drop(stdin);
        child.wait_with_output().expect("an end")
    };
    let text = format!("one = 1\ntoken = \"{}\"\n", secret(1));
    let output = ask(&["-", "--format", "jsonl", "--stdin-name", "src/app.py"], &text);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let finding: Value = serde_json::from_str(out(&output).lines().next().expect("a line")).expect("JSON");
    assert_eq!(
        (finding["path"].as_str(), finding["line"].as_u64()),
        (Some("src/app.py"), Some(2))
    );
    assert_eq!(ask(&["-"], "nothing\n").status.code(), Some(0));
    assert!(out(&ask(&["-"], &text)).contains("stdin"));
}

#[test]
fn hidden_files_are_scanned_and_ignored_ones_if_they_are_asked_for() {
    let place = Place::new();
    place.write(".env", format!("TOKEN={}\n", secret(1)));
    place.write(".ignore", "build/\n");
    place.write("build/made.py", format!("token = \"{}\"\n", secret(2)));
    let paths = |arguments: &[&str]| -> Vec<String> {
        let found = place.found(arguments, 1);
        found.into_iter().map(|(path, _)| path).collect()
    };
    assert_eq!(paths(&["."]), [".env"]);
    assert_eq!(paths(&[".", "--no-ignore"]), [".env", "build/made.py"]);
    assert_eq!(paths(&["build/made.py"]), ["build/made.py"]);
}

#[test]
fn a_warm_cache_gives_the_report_of_a_cold_one_and_sees_changes() {
    let place = with_secret();
    place.write("notes.md", format!("Write to {MAIL} today.\n"));
    place.write("m.pkl", DANGEROUS);
    place.write("requirements.txt", "requests>=2\n");
    let scan = |arguments: &[&str]| {
        let mut report = place.report(&[&["."], arguments].concat(), 1);
        let from_cache = report["counts"]["from_cache"].take();
        (report, from_cache.as_u64().expect("a number"))
    };
    let (cold, none) = scan(&[]);
    assert_eq!(none, 0);
    // A file that changed just before it was read is read again, so the cache knows it by its content at least.
    let (warm, some) = scan(&[]);
    assert_eq!(warm, cold);
    assert!(some >= 3, "{some}");
    let (anew, none) = scan(&["--no-cache"]);
    assert_eq!((anew, none), (cold.clone(), 0));
    // The same length, another content.
    place.write("app.py", format!("token = \"{}\"\n", secret(2)));
    let (changed, _) = scan(&[]);
    assert_ne!(changed["findings"], cold["findings"]);
    place.write("app.py", format!("token = \"{}\"\n", secret(1)));
    assert_eq!(scan(&[]).0, cold);
}

#[test]
fn other_settings_are_not_answered_from_the_cache_of_these() {
    let place = with_secret();
    place.write("notes.md", format!("Write to {MAIL} today.\n"));
    let count = |arguments: &[&str]| place.found(arguments, 1).len();
    assert_eq!(count(&["."]), 2);
    assert_eq!(count(&[".", "--category", "pii"]), 1);
    assert_eq!(count(&["."]), 2);
    place.write(
        "more.toml",
        "[[rules]]\nid = \"house-number\"\nregex = '''HOUSE-[0-9]{6}'''\nkeywords = [\"house-\"]\n",
    );
    place.write("notes.md", format!("Write to {MAIL} about HOUSE-123456 today.\n"));
    let rules: Vec<String> = place
        .found(&["notes.md", "--rules", "more.toml"], 1)
        .into_iter()
        .map(|(_, rule)| rule)
        .collect();
    assert!(rules.contains(&"house-number".to_owned()), "{rules:?}");
    assert_eq!(count(&["notes.md"]), 1);
}

#[test]
fn dangerous_models_are_moved_away_with_a_note_of_where_they_were() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    place.write("models/bad.pkl", DANGEROUS);
    place.write("models/good.pkl", SAFE);
    place.write("models/cut.pkl", &SAFE[..SAFE.len() - 3]);
    place.ended(&["models", "--quarantine", "away"], 1);
    assert_eq!(place.read("models/good.pkl"), SAFE);
    let left = std::fs::read_dir(place.work().join("models"))
        .expect("a folder")
        .count();
    assert_eq!(left, 1);
    let notes = place.text("away/quarantine.jsonl");
    let notes: Vec<Value> = notes
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let mut verdicts: Vec<_> = notes.iter().map(|note| text_of(&note["verdict"])).collect();
    verdicts.sort();
    assert_eq!(verdicts, ["dangerous", "unreadable"]);
    for note in notes {
        let moved = place.work().join("away").join(text_of(&note["to"]));
        assert!(text_of(&note["to"]).ends_with(".quarantined"));
        let bytes = std::fs::read(&moved).expect("a file");
        let sum: String = privet_crypto::sha256(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(note["sha256"], json!(sum));
        assert!(
            Path::new(&text_of(&note["from"])).starts_with(place.work().canonicalize().expect("a folder"))
        );
        let mode = std::fs::metadata(&moved).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o400);
    }
    place.ended(&["models", "--quarantine", "away"], 0);
}

#[test]
fn settings_of_nb_defense_are_taken_over() {
    let place = Place::new();
    place.write(
        "nbdefense.toml",
        "redact_secret = \"PARTIAL\"\n[plugins.\"nbdefense.plugins.SecretsPlugin\"]\nenabled = true\n",
    );
    let text = place.ended(&["import-nbdefense", "nbdefense.toml"], 0);
    assert!(text.contains("[scan]"), "{text}");
    place.write("privet.toml", &text);
    place.write("app.py", format!("token = \"{}\"\n", secret(1)));
    assert!(!place.found(&["app.py", "--fail-on", "low"], 1).is_empty());
    place.write("other.toml", "a = 1\n");
    place.ended(&["import-nbdefense", "other.toml"], 2);
    place.ended(&["import-nbdefense", "missing.toml"], 2);
}
