//! Proofs, changes of the log's key, and witnesses over HTTP, from outside.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use privet_crypto::SigningKey;
use privet_log::{Checkpoint, GrowthProof, Hash, NoteKey, NoteSigner, Signer};
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{Serving, err, fine, folder, out, refused, run, with_settings};

fn with_log(keys: u32) -> TempDir {
    let folder = with_settings();
    make_keys(&folder, keys);
    let key = fine(&folder, &["audit", "key"]);
    write(&folder, "log.pub", &key);
    folder
}

fn make_keys(folder: &TempDir, keys: u32) {
    for number in 0..keys {
        fine(folder, &["key", "create", "--name", &format!("ann-{number}")]);
    }
}

fn write(folder: &TempDir, name: &str, text: &str) {
    std::fs::write(folder.path().join(name), text).expect("a file");
}

fn read(folder: &TempDir, name: &str) -> String {
    std::fs::read_to_string(folder.path().join(name)).expect("a file")
}

/// The newest checkpoint, by way of an export.
fn checkpoint(folder: &TempDir, name: &str) {
    fine(folder, &["audit", "export", name]);
    let text = read(folder, &format!("{name}/checkpoint"));
    write(folder, &format!("{name}.checkpoint"), &text);
}

fn code(folder: &TempDir, arguments: &[&str]) -> Option<i32> {
    run(folder, arguments).status.code()
}

#[test]
fn every_new_command_explains_itself() {
    let folder = folder();
    for command in ["prove", "consistency", "witness"] {
        let help = fine(&folder, &["audit", command, "--help"]);
        let example = format!("  privet audit {command}");
        assert!(help.contains("Examples:") && help.contains(&example), "{help}");
    }
}

#[test]
fn a_leaf_is_proved_by_a_file_that_is_checked_with_the_public_key_alone() {
    let here = with_log(5);
    let proof = fine(&here, &["audit", "prove", "3"]);
    let there = folder();
    write(&there, "leaf.tlog-proof", &proof);
    write(&there, "log.pub", &read(&here, "log.pub"));
    let check = [
        "audit",
        "verify",
        "--key",
        "log.pub",
        "--proof",
        "leaf.tlog-proof",
    ];
    let text = fine(&there, &check);
    assert!(
        text.contains("leaf         3: {\"v\":1,\"kind\":\"api_key_created\""),
        "{text}"
    );
    assert!(
        !proof.contains("ann") && !text.contains("ann"),
        "no name of a person"
    );
    let json: Value =
        serde_json::from_str(&fine(&there, &[&check[..], &["--format", "jsonl"]].concat())).expect("JSON");
    assert_eq!((&json["index"], &json["size"]), (&3.into(), &5.into()));
    assert_eq!(json["leaf"]["seq"], 4);
    // Of another leaf, or of another log.
    write(&there, "leaf.tlog-proof", &proof.replace("index 3", "index 2"));
    let output = run(&there, &check);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    write(&there, "leaf.tlog-proof", &proof);
    write(&there, "log.pub", &read(&with_log(1), "log.pub"));
    assert_eq!(code(&there, &check), Some(1));
    write(&there, "leaf.tlog-proof", "no proof");
    assert_eq!(code(&there, &check), Some(2));
    assert!(refused(&here, &["audit", "prove", "5"]).contains("the log has 5"));
    assert!(refused(&here, &["audit", "prove", "--request", "nobody"]).contains("`nobody`"));
}

#[test]
fn the_log_is_proved_to_continue_a_checkpoint_that_somebody_holds() {
    let folder = with_log(2);
    checkpoint(&folder, "early");
    make_keys(&folder, 3);
    let proof = fine(&folder, &["audit", "consistency", "early.checkpoint"]);
    write(&folder, "growth", &proof);
    let check = |held: &str| {
        let check = [
            "audit",
            "verify",
            "--key",
            "log.pub",
            "--growth",
            "growth",
            "--checkpoint",
            held,
        ];
        run(&folder, &check)
    };
    let output = check("early.checkpoint");
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("held         2 leaves"), "{}", out(&output));
    checkpoint(&folder, "late");
    assert_eq!(check("late.checkpoint").status.code(), Some(2), "of another size");
    // A log that was rewritten does not continue it.
    std::fs::remove_file(folder.path().join("privet-data/privet.sqlite")).expect("removed");
    for rest in ["privet.sqlite-wal", "privet.sqlite-shm"] {
        let _ = std::fs::remove_file(folder.path().join("privet-data").join(rest));
    }
    make_keys(&folder, 3);
    let output = run(&folder, &["audit", "consistency", "early.checkpoint"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(err(&output).contains("two histories"), "{}", err(&output));
}

#[test]
fn a_running_gateway_goes_on_with_the_key_that_the_log_was_given() {
    let folder = with_log(1);
    let mut serving = Serving::start(&folder);
    make_keys(&folder, 1);
    let next = fine(&folder, &["audit", "key", "--rotate", "keys/log-2.key"]);
    write(&folder, "log-2.pub", &next);
    // It has to sign this one, and cannot.
    make_keys(&folder, 1);
    serving.wait_for("cannot sequence", 20);
    let with = format!(
        "{}\n[keys]\nlog = {{ file = \"keys/log-2.key\" }}\n",
        read(&folder, "privet.toml")
    );
    write(&folder, "privet.toml", &with);
    // Nobody else signs: the gateway does, before it is asked to end. It complains each time that it cannot.
    serving.wait_for("goes on under the key", 20);
    make_keys(&folder, 1);
    serving.signal();
    let (code, log) = serving.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("cannot sequence"), "{log}");
    fine(&folder, &["audit", "export", "log"]);
    for key in ["log.pub", "log-2.pub"] {
        fine(&folder, &["audit", "verify", "log", "--key", key]);
    }
}

#[test]
fn a_log_gets_another_key_and_is_verified_with_either() {
    let folder = with_log(2);
    checkpoint(&folder, "log");
    make_keys(&folder, 1);
    let next = fine(&folder, &["audit", "key", "--rotate", "keys/log-2.key"]);
    write(&folder, "log-2.pub", &next);
    assert_ne!(next, read(&folder, "log.pub"));
    // Nothing more is signed with the former key; the command can be repeated.
    let said = refused(&folder, &["audit", "export", "log"]);
    assert!(said.contains("another key"), "{said}");
    assert_eq!(
        fine(&folder, &["audit", "key", "--rotate", "keys/log-2.key"]),
        next
    );
    let with = format!(
        "[keys]\nlog = {{ file = \"keys/log-2.key\" }}\n{}",
        read(&folder, "privet.toml").replacen("listen", "#listen", 1)
    );
    write(&folder, "privet.toml", &with);
    assert_eq!(fine(&folder, &["audit", "key"]), next);
    make_keys(&folder, 2);
    fine(&folder, &["audit", "export", "log"]);
    for key in ["log.pub", "log-2.pub"] {
        let verify = [
            "audit",
            "verify",
            "log",
            "--key",
            key,
            "--checkpoint",
            "log.checkpoint",
            "--format",
            "jsonl",
        ];
        let output = run(&folder, &verify);
        let report: Value = serde_json::from_str(&out(&output)).expect("JSON");
        assert_eq!(output.status.code(), Some(0), "{report}");
        assert_eq!(
            (&report["size"], &report["kinds"]["log_key_changed"]),
            (&6.into(), &1.into())
        );
    }
    // What was given out before is continued.
    assert!(fine(&folder, &["audit", "consistency", "log.checkpoint"]).starts_with("old 2\n"));
    // Without the checkpoint that both have signed the chain is broken.
    let both = folder.path().join(format!("log/checkpoints/{:020}", 4));
    std::fs::remove_file(both).expect("removed");
    assert_eq!(
        code(&folder, &["audit", "verify", "log", "--key", "log.pub"]),
        Some(1)
    );
}

/// A witness that works as C2SP lays down, for one log.
struct Witness {
    address: String,
    signer: NoteSigner,
    /// The last checkpoint it signed.
    last: Arc<Mutex<Option<Checkpoint>>>,
    asked: Arc<AtomicU64>,
}

impl Witness {
    fn start(log: NoteKey) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("an address");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let key = SigningKey::parse(&format!("privet-signing-1:{}", "8".repeat(64))).expect("a key");
        let signer = || {
            let text = key.to_text();
            let key = SigningKey::parse(&text).expect("a key");
            NoteSigner::new("witness.example/w", Signer::Witness, key).expect("a name")
        };
        let witness = Self {
            address,
            signer: signer(),
            last: Arc::default(),
            asked: Arc::default(),
        };
        let (own, last, asked) = (signer(), Arc::clone(&witness.last), Arc::clone(&witness.asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                asked.fetch_add(1, Ordering::SeqCst);
                answer(stream, &log, &own, &last);
            }
        });
        witness
    }
}

fn answer(stream: TcpStream, log: &NoteKey, own: &NoteSigner, last: &Mutex<Option<Checkpoint>>) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let mut first = String::new();
    reader.read_line(&mut first).expect("a request");
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a head");
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let (status, kind, text) = if first.starts_with("POST /w/add-checkpoint ") {
        judged(&body, log, own, &mut last.lock().expect("no panic"))
    } else {
        ("404 Not Found", "text/plain", String::new())
    };
    let mut stream = reader.into_inner();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).expect("written");
    stream.write_all(text.as_bytes()).expect("written");
}

fn judged(
    body: &[u8],
    log: &NoteKey,
    own: &NoteSigner,
    last: &mut Option<Checkpoint>,
) -> (&'static str, &'static str, String) {
    let proof = GrowthProof::parse(body).expect("in the form that C2SP lays down");
    let known = last.as_ref().map_or(0, |last| last.size);
    if proof.old != known {
        return ("409 Conflict", "text/x.tlog.size", format!("{known}\n"));
    }
    let held = last.clone().unwrap_or(Checkpoint {
        origin: log.name().to_owned(),
        size: 0,
        root: Hash::of_empty_tree(),
    });
    match proof.check(&held, log) {
        Ok(head) => {
            let line = own.sign(&head.to_text(), 1_700_000_000);
            *last = Some(head);
            ("200 OK", "text/plain", line)
        }
        Err(_) => ("422 Unprocessable Entity", "text/plain", String::new()),
    }
}

#[test]
fn witnesses_of_the_settings_sign_over_http_and_their_signatures_are_exported() {
    let folder = with_log(2);
    assert!(refused(&folder, &["audit", "witness"]).contains("no witness"));
    let log: NoteKey = read(&folder, "log.pub").trim().parse().expect("a key");
    let witness = Witness::start(log);
    let settings = format!(
        "{}[[witnesses]]\nurl = \"{}/w\"\nkey = \"{}\"\n",
        read(&folder, "privet.toml"),
        witness.address,
        witness.signer.key()
    );
    write(&folder, "privet.toml", &settings);
    write(&folder, "witness.pub", &witness.signer.key().to_string());
    let text = fine(&folder, &["audit", "witness"]);
    assert_eq!(text, "witness.example/w has signed 2 leaves\n");
    // Nothing new: it is not even asked.
    let asked = witness.asked.load(Ordering::SeqCst);
    fine(&folder, &["audit", "witness"]);
    assert_eq!(witness.asked.load(Ordering::SeqCst), asked);
    make_keys(&folder, 3);
    assert!(fine(&folder, &["audit", "witness"]).contains("5 leaves"));
    make_keys(&folder, 1);
    fine(&folder, &["audit", "export", "log"]);
    let verify = [
        "audit",
        "verify",
        "log",
        "--key",
        "log.pub",
        "--witness",
        "witness.pub",
    ];
    let text = fine(&folder, &verify);
    assert!(text.contains("witness.example/w signed 5 leaves"), "{text}");

    // The witness says what it signed last, where this store does not know.
    *witness.last.lock().expect("no panic") = None;
    assert!(fine(&folder, &["audit", "witness"]).contains("6 leaves"));
    // A witness that has seen more, or something else, contradicts the store.
    make_keys(&folder, 1);
    let mut seen = witness
        .last
        .lock()
        .expect("no panic")
        .clone()
        .expect("a checkpoint");
    seen.size = 99;
    *witness.last.lock().expect("no panic") = Some(seen.clone());
    let output = run(&folder, &["audit", "witness"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(err(&output).contains("set back"), "{}", err(&output));
    (seen.size, seen.root) = (6, Hash::of_leaf(b"another history"));
    *witness.last.lock().expect("no panic") = Some(seen);
    let output = run(&folder, &["audit", "witness"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(err(&output).contains("another history"), "{}", err(&output));
}

#[test]
fn a_witness_that_cannot_be_asked_or_signs_something_else_is_named() {
    let folder = with_log(1);
    let listener = TcpListener::bind("127.0.0.1:0").expect("an address");
    let address = listener.local_addr().expect("an address");
    let key = SigningKey::generate().expect("a key");
    let signer = NoteSigner::new("witness.example/w", Signer::Witness, key).expect("a name");
    let settings = format!(
        "{}[[witnesses]]\nurl = \"http://{address}\"\nkey = \"{}\"\n",
        read(&folder, "privet.toml"),
        signer.key()
    );
    write(&folder, "privet.toml", &settings);
    let forged = signer.sign("log.example/other\n1\nAAAA\n", 1);
    std::thread::spawn(move || {
        for (stream, line) in listener
            .incoming()
            .flatten()
            .zip([forged, "no signature\n".to_owned()])
        {
            let mut reader = BufReader::new(stream);
            let mut line_read = String::new();
            while reader.read_line(&mut line_read).is_ok_and(|read| read > 2) {
                line_read.clear();
            }
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{line}",
                line.len()
            );
            reader.into_inner().write_all(answer.as_bytes()).expect("written");
        }
    });
    for expected in ["does not hold", "gives no signature", "cannot be reached"] {
        let output = run(&folder, &["audit", "witness"]);
        assert_eq!(output.status.code(), Some(2), "{}", err(&output));
        assert!(err(&output).contains(expected), "{expected}: {}", err(&output));
    }
}

#[test]
fn what_happens_to_keys_is_in_the_log() {
    let folder = with_log(1);
    fine(&folder, &["keyring", "rotate", "epoch"]);
    fine(&folder, &["keyring", "rotate", "tenant"]);
    let tail = |kind: &str| {
        fine(
            &folder,
            &[
                "audit",
                "tail",
                "--format",
                "jsonl",
                "--filter",
                &format!("kind={kind}"),
            ],
        )
    };
    for kind in [
        "tenant_keys_made",
        "epoch_started",
        "tenant_key_rotated",
        "tenant_key_destroyed",
    ] {
        assert_eq!(tail(kind).lines().count(), 1, "{kind}");
    }
    let leaf: Value = serde_json::from_str(tail("epoch_started").trim()).expect("JSON");
    assert_eq!(
        (&leaf["leaf"]["event"]["epoch"], &leaf["leaf"]["event"]["tenant"]),
        (&2.into(), &"default".into())
    );
    fine(&folder, &["audit", "export", "log"]);
    fine(&folder, &["audit", "verify", "log", "--key", "log.pub"]);
}
