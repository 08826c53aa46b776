//! `privet vault` from outside.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

use privet_crypto::RootKey;
use privet_store::{Keyring, KeyringConfig, Store};
use privet_types::{Clock, Pseudonym};
use privet_vault::{Actor, Record, Vault, VaultConfig};
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{err, fine, folder, out, privet, refused, run, with_settings};

const EMAIL: &str = "zilpha@mail.example";

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Settings, and a vault with two invented people in it.
fn with_people() -> TempDir {
    let folder = with_settings();
    fine(&folder, &["key", "create", "--name", "ann"]);
    fine(&folder, &["keyring", "status"]);
    let data = folder.path().join("privet-data");
    let text = std::fs::read_to_string(data.join("root.key")).expect("a root key");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(fill(&data, RootKey::parse(text.trim()).expect("a root key")));
    folder
}

async fn fill(data: &Path, root: RootKey) {
    let store = Store::open(&data.join("privet.sqlite"), &root)
        .await
        .expect("a store");
    let clock: Arc<dyn Clock> = Arc::new(privet_server::SystemClock);
    let (path, config) = (data.join("keyring.sqlite"), KeyringConfig::default());
    let keyring = Keyring::open(&path, Arc::new(root), config, Arc::clone(&clock))
        .await
        .expect("a keyring");
    let vault = Vault::open(store.clone(), keyring.clone(), clock, VaultConfig::default()).expect("a vault");
    let actor = Actor {
        tenant: "acme".parse().expect("a tenant"),
        principal: Pseudonym("p".to_owned()),
    };
    for (name, email) in [("Zilpha", EMAIL), ("Ottokar", "ottokar@mail.example")] {
        let record = serde_json::json!({ "email": email, "first": name });
        let record = Record::from_value(record).expect("a record");
        vault.create(&actor, record).await.expect("a subject");
    }
    keyring.close().await;
    store.close().await;
}

/// The file in `backups` whose name begins with `part`.
fn backup_of(folder: &TempDir, backups: &str, part: &str) -> String {
    let files = std::fs::read_dir(folder.path().join(backups)).expect("a folder");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("UTF-8"));
    let name = names.into_iter().find(|name| name.starts_with(part));
    format!("{backups}/{}", name.expect("a backup"))
}

fn forget(folder: &TempDir, more: &[&str]) -> Output {
    let base = [
        "vault", "forget", "--tenant", "acme", "--email", "-", "--reason", "request",
    ];
    let mut child = privet(folder, &[&base, more].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("privet starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    writeln!(stdin, "{EMAIL}").expect("it reads");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// New settings beside the old ones, with the same root key and databases that are not there yet.
fn new_place(folder: &TempDir) -> PathBuf {
    let old = std::fs::read_to_string(folder.path().join("privet.toml")).expect("settings");
    let place = folder.path().join("new");
    std::fs::create_dir_all(place.join("privet-data")).expect("a folder");
    std::fs::write(place.join("privet.toml"), old).expect("a file");
    std::fs::copy(
        folder.path().join("privet-data/root.key"),
        place.join("privet-data/root.key"),
    )
    .expect("a file");
    place
}

#[test]
fn every_vault_command_explains_itself() {
    let folder = folder();
    let commands = [
        "backup",
        "verify-backup",
        "restore",
        "forget",
        "resume",
        "receipt verify",
        "receipt key",
        "check",
        "measure",
    ];
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        let help = fine(&folder, &[&["vault"], words.as_slice(), &["--help"]].concat());
        let example = format!("  privet vault {command}");
        assert!(help.contains("Examples:") && help.contains(&example), "{help}");
    }
}

#[test]
fn a_backup_is_its_owners_and_one_changed_byte_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = with_people();
    let told = json(&fine(
        &folder,
        &["vault", "backup", "--out", "b", "--format", "json"],
    ));
    assert_eq!(told["backups"][0]["rows"]["subjects"], 2);
    let (store, keyring) = (
        backup_of(&folder, "b", "store-"),
        backup_of(&folder, "b", "keyring-"),
    );
    let path = folder.path().join(&store);
    let mode = std::fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let verified = fine(
        &folder,
        &["vault", "verify-backup", &store, &keyring, "--format", "json"],
    );
    assert_eq!(json(&verified), told);
    let mut bytes = std::fs::read(&path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).expect("a file");
    let output = run(&folder, &["vault", "verify-backup", &store, &keyring]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(out(&output).contains("keyring-") && !out(&output).contains("store-"));
    new_place(&folder);
    let config = "new/privet.toml";
    refused(
        &folder,
        &[
            "vault",
            "restore",
            "--store",
            &store,
            "--keyring",
            &keyring,
            "--config",
            config,
        ],
    );
    assert!(!folder.path().join("new/privet-data/privet.sqlite").exists());
}

#[test]
fn a_person_who_was_forgotten_does_not_come_back_with_an_older_backup() {
    let folder = with_people();
    fine(&folder, &["vault", "backup", "--out", "old"]);
    let plan = forget(&folder, &["--dry-run"]);
    assert!(out(&plan).contains("shredded"), "{}", err(&plan));
    let forgotten = forget(&folder, &["--out", "receipt.json"]);
    assert_eq!(forgotten.status.code(), Some(0), "{}", err(&forgotten));
    assert_eq!(forget(&folder, &[]).status.code(), Some(2), "she is gone");
    let key = fine(&folder, &["vault", "receipt", "key", "--tenant", "acme"]);
    let checked = fine(
        &folder,
        &["vault", "receipt", "verify", "receipt.json", "--key", key.trim()],
    );
    assert!(checked.contains("shredded"), "{checked}");
    let other = run(
        &folder,
        &[
            "vault",
            "receipt",
            "verify",
            "receipt.json",
            "--key",
            &"0".repeat(64),
        ],
    );
    assert_eq!(other.status.code(), Some(1));
    fine(&folder, &["vault", "resume"]);
    fine(
        &folder,
        &["vault", "backup", "--out", "today", "--only", "keyring"],
    );
    new_place(&folder);
    let (store, keyring) = (
        backup_of(&folder, "old", "store-"),
        backup_of(&folder, "today", "keyring-"),
    );
    let restore = [
        "vault",
        "restore",
        "--store",
        &store,
        "--keyring",
        &keyring,
        "--config",
        "new/privet.toml",
        "--format",
        "json",
    ];
    let report = json(&fine(&folder, &restore));
    assert_eq!(report["erased_again"], 1);
    assert_eq!(report["subjects_opened"], 1);
    assert_eq!(report["subjects_damaged"], 0);
    let again = forget(&folder, &["--config", "new/privet.toml"]);
    assert_eq!(again.status.code(), Some(2), "{}", err(&again));
    let said = refused(&folder, &restore);
    assert!(said.contains("is not empty"), "{said}");
}

#[test]
fn what_a_backup_holds_is_told_in_a_table() {
    let folder = with_people();
    let told = fine(&folder, &["vault", "backup", "--out", "b"]);
    assert!(told.contains("subjects ") && !told.contains('{'), "{told}");
    let line = told
        .lines()
        .find(|line| line.trim_start().starts_with("subjects "));
    assert!(line.expect("a line").trim_end().ends_with(" 2"), "{told}");
}

/// Spoils a row of the store, as somebody with the file would.
fn spoil(folder: &TempDir, sql: &'static str) {
    let data = folder.path().join("privet-data");
    let text = std::fs::read_to_string(data.join("root.key")).expect("a root key");
    let root = RootKey::parse(text.trim()).expect("a root key");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = Store::open(&data.join("privet.sqlite"), &root)
            .await
            .expect("a store");
        let spoilt = store
            .database()
            .write::<_, privet_store::Error, _>(&privet_store::Scope::Installation, move |tx| {
                Box::pin(async move { tx.execute(sql, Vec::new()).await })
            })
            .await;
        assert!(spoilt.expect("it runs") > 0);
        store.close().await;
    });
}

#[test]
fn a_check_says_whole_and_of_a_damage_what_it_is() {
    let folder = with_people();
    fine(&folder, &["audit", "export", "log"]);
    let checkpoint = "log/checkpoint";
    let said = fine(&folder, &["vault", "check", "--against", checkpoint]);
    assert!(said.ends_with("whole\n"), "{said}");
    assert!(said.contains("subject_versions 2"), "{said}");
    spoil(&folder, "DELETE FROM subject_index");
    let output = run(&folder, &["vault", "check"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(out(&output).contains("WRONG index_missing"), "{}", out(&output));
    assert!(!out(&output).contains("mail.example"), "{}", out(&output));
    let output = run(&folder, &["vault", "check", "--format", "json"]);
    let report = json(&out(&output));
    assert_eq!(report["outcome"], "damaged");
    assert_eq!(report["findings"][0]["kind"], "index_missing");
    assert_eq!(report["findings"][0]["count"], 2);
    spoil(
        &folder,
        "UPDATE log_head SET checkpoint = REPLACE(checkpoint, 'privet', 'pryvet')",
    );
    let output = run(&folder, &["vault", "check", "--tenant", "acme"]);
    assert!(out(&output).contains("WRONG log_head"), "{}", out(&output));
    std::fs::write(folder.path().join("other"), "not\na\ncheckpoint\n").expect("a file");
    let output = run(&folder, &["vault", "check", "--against", "other"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let said = refused(&folder, &["vault", "check", "--tenant", "nobody"]);
    assert!(said.contains("nobody"), "{said}");
}

#[test]
fn numbers_are_shown_with_what_they_are_made_of() {
    let folder = with_people();
    fine(&folder, &["vault", "backup", "--out", "b"]);
    fine(&folder, &["audit", "export", "log"]);
    let store = backup_of(&folder, "b", "store-");
    let base = ["vault", "measure", "--tenant", "acme"];
    let strength = [
        &base[..],
        &["encryption_strength", "auditability", "--backup", &store],
    ]
    .concat();
    let said = fine(&folder, &strength);
    assert!(said.contains("256 bits") && said.contains("  backups"), "{said}");
    assert!(said.contains("  coverage") && said.contains("root "), "{said}");
    let told = json(&fine(&folder, &[&strength[..], &["--format", "json"]].concat()));
    let measured = &told["measurements"];
    assert_eq!(measured[0]["metric"], "encryption_strength");
    assert_eq!(measured[1]["value"], 1.0);
    assert_eq!(measured[2]["parts"][0]["name"], "coverage");
    assert!(measured[2]["log_position"]["root"].is_string());
    // Nobody reported what was done with the data.
    let output = run(&folder, &base);
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    assert!(
        out(&output).contains("not measured: no processing event"),
        "{}",
        out(&output)
    );
    let output = run(&folder, &["vault", "measure", "happiness"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("consent_compliance"), "{}", err(&output));
}
