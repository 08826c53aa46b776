//! `privet audit` from outside.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use privet_crypto::SigningKey;
use privet_log::{Note, NoteSigner, Signer};
use privet_testkit::demo::{Provider, ProviderConfig};
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{Serving, err, fine, folder, out, refused, run, runtime, settings, with_settings};

/// A folder with settings and a log of `keys` keys made.
fn with_log(keys: u32) -> TempDir {
    let folder = with_settings();
    make_keys(&folder, keys);
    folder
}

fn make_keys(folder: &TempDir, keys: u32) {
    for number in 0..keys {
        fine(folder, &["key", "create", "--name", &format!("ann-{number}")]);
    }
}

/// Exports to `log/` and puts the public key into `log.pub`.
fn export(folder: &TempDir) {
    fine(folder, &["audit", "export", "log"]);
    let key = fine(folder, &["audit", "key"]);
    std::fs::write(folder.path().join("log.pub"), key).expect("a file");
}

/// Exit code and report of `verify` with these options.
fn verified(folder: &TempDir, options: &[&str]) -> (Option<i32>, Value) {
    let verify = ["audit", "verify", "log", "--key", "log.pub", "--format", "jsonl"];
    let output = run(folder, &[&verify[..], options].concat());
    let report = serde_json::from_str(&out(&output)).unwrap_or_else(|_| panic!("{}", err(&output)));
    (output.status.code(), report)
}

fn file(folder: &TempDir, path: &str) -> PathBuf {
    folder.path().join("log").join(path)
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).expect("a file");
}

#[test]
fn every_audit_command_explains_itself() {
    let folder = folder();
    for command in ["export", "verify", "tail", "key", "cosign"] {
        let help = fine(&folder, &["audit", command, "--help"]);
        let example = format!("  privet audit {command}");
        assert!(help.contains("Examples:") && help.contains(&example), "{help}");
    }
}

#[test]
fn what_is_exported_is_verified_without_settings_store_and_keys() {
    let folder = with_log(3);
    let listed = fine(&folder, &["key", "list", "--format", "jsonl"]);
    let first: Value = serde_json::from_str(listed.lines().next().expect("a key")).expect("JSON");
    fine(&folder, &["key", "revoke", first["id"].as_str().expect("an id")]);
    export(&folder);
    let elsewhere = self::folder();
    for name in ["log", "log.pub"] {
        std::fs::rename(folder.path().join(name), elsewhere.path().join(name)).expect("moved");
    }
    let (code, report) = verified(&elsewhere, &[]);
    assert_eq!(
        (code, report["outcome"].as_str()),
        (Some(0), Some("verified")),
        "{report}"
    );
    assert_eq!(report["size"], 4);
    assert_eq!(report["kinds"]["api_key_revoked"], 1);
    assert_eq!(report["nodes"]["store"]["last"], 4);
    let text = fine(&elsewhere, &["audit", "verify", "log", "--key", "log.pub"]);
    assert!(text.contains("result       verified"), "{text}");
    let key = std::fs::read_to_string(elsewhere.path().join("log.pub")).expect("a file");
    fine(&elsewhere, &["audit", "verify", "log", "--key", key.trim()]);
    let all = all_bytes(&elsewhere.path().join("log"));
    assert!(!all.contains("ann"), "no name of a person");
}

/// The contents of all files below `dir`, as text.
fn all_bytes(dir: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            text.push_str(&all_bytes(&path));
        } else {
            text.push_str(&String::from_utf8_lossy(&std::fs::read(path).expect("a file")));
        }
    }
    text
}

#[test]
fn an_export_goes_on_where_the_last_one_ended_and_changes_nothing_that_is_there() {
    let folder = with_log(2);
    export(&folder);
    let before = std::fs::read(file(&folder, "tile/entries/000.p/2")).expect("a bundle");
    export(&folder);
    make_keys(&folder, 3);
    export(&folder);
    assert_eq!(
        std::fs::read(file(&folder, "tile/entries/000.p/2")).expect("a bundle"),
        before
    );
    let (code, report) = verified(&folder, &[]);
    assert_eq!(
        (code, &report["size"], &report["checkpoints"]),
        (Some(0), &5.into(), &2.into())
    );
}

#[test]
fn what_was_changed_is_1_and_what_is_missing_is_3() {
    let folder = with_log(3);
    export(&folder);
    let entries = file(&folder, "tile/entries/000.p/3");
    let whole = std::fs::read(&entries).expect("a bundle");
    flip(&entries);
    let (code, report) = verified(&folder, &[]);
    assert_eq!(
        (code, report["outcome"].as_str()),
        (Some(1), Some("contradicted")),
        "{report}"
    );
    let message = report["faults"][0]["message"].as_str().expect("text");
    assert!(message.contains("leaf 1 was changed"), "{message}");
    std::fs::remove_file(&entries).expect("removed");
    let (code, report) = verified(&folder, &[]);
    assert_eq!(
        (code, report["outcome"].as_str()),
        (Some(3), Some("incomplete")),
        "{report}"
    );
    std::fs::write(&entries, whole).expect("a file");
    let (code, _) = verified(&folder, &[]);
    assert_eq!(code, Some(0));
    let other = with_log(1);
    let other = fine(&other, &["audit", "key"]);
    let output = run(&folder, &["audit", "verify", "log", "--key", other.trim()]);
    assert_eq!(output.status.code(), Some(1), "{}", out(&output));
}

#[test]
fn what_cannot_be_checked_at_all_is_2() {
    let folder = with_log(1);
    export(&folder);
    for (arguments, said) in [
        (
            &["audit", "verify", "nowhere", "--key", "log.pub"][..],
            "no folder `nowhere`",
        ),
        (
            &["audit", "verify", "log", "--key", "no-such-file"],
            "neither a key nor a file",
        ),
        (
            &["audit", "verify", "log", "--key", "a+b+c"],
            "not a verifier key",
        ),
        (
            &[
                "audit",
                "verify",
                "log",
                "--key",
                "log.pub",
                "--checkpoint",
                "none",
            ],
            "cannot read `none`",
        ),
        (
            &["audit", "verify", "log", "--key", "log.pub", "--known-gap", "n:1"],
            "NODE:FROM-TO",
        ),
        (
            &["audit", "tail", "--filter", "colour=red"],
            "known ones: kind, node",
        ),
        (&["audit", "tail", "--filter", "red"], "KEY=VALUE"),
    ] {
        let line = refused(&folder, arguments);
        assert!(line.contains(said), "{line}");
    }
}

#[test]
fn an_export_that_was_cut_off_is_missing_something_until_the_next_one_finishes_it() {
    let folder = with_log(2);
    export(&folder);
    make_keys(&folder, 2);
    export(&folder);
    // As if it had been killed in the middle of a file.
    std::fs::remove_file(file(&folder, "tile/0/000.p/4")).expect("removed");
    let before = file(&folder, "checkpoints/00000000000000000002");
    std::fs::copy(before, file(&folder, "checkpoint")).expect("a copy");
    std::fs::write(file(&folder, ".privet-export.tmp"), b"half a").expect("a file");
    let (code, report) = verified(&folder, &[]);
    assert_eq!(
        (code, report["outcome"].as_str()),
        (Some(3), Some("incomplete")),
        "{report}"
    );
    // The log has grown until the next export.
    make_keys(&folder, 1);
    export(&folder);
    let (code, report) = verified(&folder, &[]);
    assert_eq!((code, &report["size"]), (Some(0), &5.into()), "{report}");
    assert_eq!(report["checkpoints"], 3);
    assert!(!file(&folder, ".privet-export.tmp").exists());
}

#[test]
fn an_export_into_another_logs_folder_or_over_changed_files_is_refused() {
    let folder = with_log(2);
    export(&folder);
    flip(&file(&folder, "tile/entries/000.p/2"));
    let output = run(&folder, &["audit", "export", "log"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(err(&output).contains("other bytes"), "{}", err(&output));
    let other = with_log(2);
    let into = folder.path().join("log");
    let output = run(&other, &["audit", "export", into.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(2), "{}", err(&output));
}

#[test]
fn a_store_set_back_to_an_old_copy_is_found_by_export_and_by_a_kept_checkpoint() {
    let folder = with_log(2);
    let data = folder.path().join("privet-data");
    let old = std::fs::read(data.join("privet.sqlite")).expect("a store");
    make_keys(&folder, 3);
    export(&folder);
    std::fs::copy(file(&folder, "checkpoint"), folder.path().join("kept")).expect("a copy");
    std::fs::write(data.join("privet.sqlite"), old).expect("a store");
    for journal in ["privet.sqlite-wal", "privet.sqlite-shm"] {
        // Gone already if the last process closed the store well.
        let _ = std::fs::remove_file(data.join(journal));
    }
    let output = run(&folder, &["audit", "export", "log"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(err(&output).contains("set back"), "{}", err(&output));
    std::fs::rename(folder.path().join("log"), folder.path().join("before")).expect("moved");
    // Another history of the same length, in a folder of its own: all is well there, but for who kept a checkpoint.
    make_keys(&folder, 4);
    export(&folder);
    assert_eq!(verified(&folder, &[]).0, Some(0));
    let (code, report) = verified(&folder, &["--checkpoint", "kept"]);
    assert_eq!(code, Some(1), "{report}");
    let message = report["faults"][0]["message"].as_str().expect("text");
    assert!(message.contains("another history"), "{message}");
}

#[test]
fn a_leaf_changed_in_the_store_is_found_by_export_and_nothing_of_it_is_written() {
    let folder = with_log(3);
    export(&folder);
    let path = folder.path().join("privet-data/privet.sqlite");
    let mut store = std::fs::read(&path).expect("a store");
    let payload = b"\"tenant\":\"default\"";
    let at = store.windows(payload.len()).position(|bytes| bytes == payload);
    store[at.expect("a leaf") + payload.len() - 2] = b'x';
    std::fs::write(&path, store).expect("a store");
    let output = run(&folder, &["audit", "export", "again"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(
        err(&output).contains("was changed in the store"),
        "{}",
        err(&output)
    );
    assert!(!folder.path().join("again/tile").exists());
}

#[test]
fn a_log_of_nothing_is_not_exported() {
    let folder = with_settings();
    let output = run(&folder, &["audit", "export", "log"]);
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    assert!(!folder.path().join("log").exists());
    assert_eq!(fine(&folder, &["audit", "tail"]), "");
}

#[test]
fn tail_shows_the_newest_leaves_that_the_filters_take() {
    let folder = with_log(4);
    let lines = |arguments: &[&str]| {
        let all = fine(
            &folder,
            &[&["audit", "tail", "--format", "jsonl"][..], arguments].concat(),
        );
        let positions = all.lines().map(|line| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            line["position"].as_u64().expect("a number")
        });
        positions.collect::<Vec<_>>()
    };
    assert_eq!(lines(&[]), [0, 1, 2, 3]);
    assert_eq!(lines(&["--lines", "2"]), [2, 3]);
    assert_eq!(lines(&["--from", "1"]), [1, 2, 3]);
    assert_eq!(
        lines(&["--filter", "kind=api_key_created", "--filter", "seq=3"]),
        [2]
    );
    assert_eq!(lines(&["--filter", "action=block"]), [0_u64; 0]);
    let text = fine(&folder, &["audit", "tail"]);
    assert_eq!(text.lines().count(), 4);
    assert!(
        text.contains("api_key_created") && text.contains("store#4"),
        "{text}"
    );
}

#[test]
fn a_log_key_of_its_own_signs_the_log_and_cannot_be_taken_away() {
    let folder = with_settings();
    let made = fine(&folder, &["audit", "key", "--new", "keys/log.key"]);
    assert!(refused(&folder, &["audit", "key", "--new", "keys/log.key"]).contains("keys/log.key"));
    let path = folder.path().join("privet.toml");
    let without = std::fs::read_to_string(&path).expect("settings");
    let with = format!(
        "[keys]\nlog = {{ file = \"keys/log.key\" }}\n{}",
        without.replacen("listen", "#listen", 1)
    );
    std::fs::write(&path, with).expect("settings");
    assert_eq!(fine(&folder, &["audit", "key"]), made);
    make_keys(&folder, 1);
    export(&folder);
    assert_eq!(verified(&folder, &[]).0, Some(0));
    std::fs::write(&path, without).expect("settings");
    let said = refused(&folder, &["audit", "tail"]);
    assert!(said.contains("signed with another key"), "{said}");
}

#[test]
fn a_witness_signs_an_exported_checkpoint_and_verification_asks_for_it() {
    let folder = with_log(2);
    export(&folder);
    let witness = SigningKey::generate().expect("a key");
    let witness = NoteSigner::new("witness.example/w", Signer::Witness, witness).expect("a name");
    std::fs::write(folder.path().join("witness.pub"), witness.key().to_string()).expect("a file");
    let asked = ["--witness", "witness.pub"];
    assert_eq!(verified(&folder, &asked).0, Some(3), "not signed yet");
    let note = std::fs::read(file(&folder, "checkpoint")).expect("a checkpoint");
    let text = Note::parse(&note).expect("a note").text().to_owned();
    let cosign = |line: String| {
        std::fs::write(folder.path().join("signed"), line).expect("a file");
        run(
            &folder,
            &[
                "audit",
                "cosign",
                "log",
                "signed",
                "--key",
                "log.pub",
                "--witness",
                "witness.pub",
            ],
        )
    };
    let forged = cosign(witness.sign(&text.replace("\n2\n", "\n3\n"), 1_700_000_000));
    assert_eq!(forged.status.code(), Some(2), "{}", err(&forged));
    let signed = cosign(witness.sign(&text, 1_700_000_000));
    assert_eq!(signed.status.code(), Some(0), "{}", err(&signed));
    let (code, report) = verified(&folder, &asked);
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(
        report["witnesses"]["witness.example/w"]["at"],
        "2023-11-14T22:13:20Z"
    );
    let whole = cosign(format!(
        "{}{}",
        String::from_utf8(note).expect("text"),
        witness.sign(&text, 1_700_000_000)
    ));
    assert_eq!(whole.status.code(), Some(0), "{}", err(&whole));
}

#[test]
fn a_decision_is_under_a_signed_checkpoint_while_serve_runs() {
    let provider_runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let provider = provider_runtime
        .block_on(Provider::start(ProviderConfig::default()))
        .expect("a port");
    let folder = folder();
    settings(&folder, &format!("http://{}", provider.addr()));
    let key = fine(&folder, &["key", "create", "--name", "ann"]);
    let serving = Serving::start(&folder);
    assert_eq!(serving.ask(&key, "I am ada@example.com").status, 200);
    let public = fine(&folder, &["audit", "key"]).parse().expect("a key");
    let root = std::fs::read_to_string(folder.path().join("privet-data/root.key")).expect("a key");
    let root = privet_crypto::RootKey::parse(&root).expect("a key");
    let size = runtime().block_on(async {
        let path = folder.path().join("privet-data/privet.sqlite");
        let store = privet_store::Store::open(&path, &root).await.expect("a store");
        // A second on a machine that is not busy; what is asked for here is that it comes by itself.
        let patience = Instant::now() + Duration::from_secs(20);
        loop {
            let head = store.log_head(&public).await.expect("a store");
            let size = head.map_or(0, |head| head.checkpoint.size);
            if size >= 2 || Instant::now() > patience {
                store.close().await;
                break size;
            }
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(size, 2, "the key, and the decision");
    serving.ask(&key, "and I am bob@example.com");
    serving.signal();
    assert_eq!(serving.end().0, Some(0));
    export(&folder);
    let (code, report) = verified(&folder, &[]);
    assert_eq!((code, &report["size"]), (Some(0), &3.into()), "{report}");
    assert_eq!(report["kinds"]["decision"], 2);
    let tail = fine(&folder, &["audit", "tail", "--filter", "action=redact"]);
    assert_eq!(tail.lines().count(), 2, "{tail}");
    assert!(!tail.contains("ada@") && !tail.contains("bob@"));
}
