//! `privet keyring` from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use serde_json::Value;

use crate::cli::{fine, folder, refused, with_settings};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_keyring_command_explains_itself() {
    let folder = folder();
    for command in ["status", "rotate", "sweep", "split", "combine", "lock"] {
        let help = fine(&folder, &["keyring", command, "--help"]);
        let example = format!("  privet keyring {command}");
        assert!(help.contains("Examples:") && help.contains(&example), "{help}");
    }
}

#[test]
fn keys_rotate_and_the_status_says_so() {
    let folder = with_settings();
    fine(&folder, &["keyring", "rotate", "epoch", "--format", "json"]);
    let rotated = json(&fine(
        &folder,
        &["keyring", "rotate", "tenant", "--format", "json"],
    ));
    assert_eq!(rotated["version"], 2);
    let status = json(&fine(&folder, &["keyring", "status", "--format", "json"]));
    assert_eq!(status["tenants"][0]["epoch"], 2);
    assert_eq!(status["tenants"][0]["pending"], 0);
    let swept = json(&fine(&folder, &["keyring", "sweep", "--format", "json"]));
    assert_eq!(swept["remains"], "overwritten");
    assert!(fine(&folder, &["keyring", "status"]).contains("subject keys: 0"));
}

#[test]
fn after_a_rotation_of_the_root_key_the_api_keys_are_good_still() {
    let folder = with_settings();
    fine(&folder, &["key", "create", "--name", "ann"]);
    fine(&folder, &["keyring", "rotate", "root", "--new", "new.key"]);
    std::fs::rename(
        folder.path().join("new.key"),
        folder.path().join("privet-data/root.key"),
    )
    .expect("a file");
    let listed = fine(&folder, &["key", "list", "--format", "jsonl"]);
    assert_eq!(json(listed.trim())["state"], "active");
    fine(&folder, &["key", "create", "--name", "bob"]);
}

#[test]
fn shares_give_the_root_key_back_and_too_few_do_not() {
    let folder = with_settings();
    fine(&folder, &["key", "create", "--name", "ann"]);
    fine(
        &folder,
        &[
            "keyring",
            "split",
            "--threshold",
            "2",
            "--count",
            "3",
            "--out",
            "shares",
        ],
    );
    let said = refused(
        &folder,
        &["keyring", "combine", "shares/share-1.txt", "--out", "again.key"],
    );
    assert!(said.contains("1 of the 2 shares needed"), "{said}");
    let two = ["shares/share-1.txt", "shares/share-3.txt"];
    fine(
        &folder,
        &["keyring", "combine", two[0], two[1], "--out", "again.key"],
    );
    let read = |path: &str| std::fs::read_to_string(folder.path().join(path)).expect("a file");
    assert_eq!(read("again.key"), read("privet-data/root.key"));
    // Shares in the place of the key.
    std::fs::write(folder.path().join("privet-data/root.key"), two.map(read).concat()).expect("a file");
    fine(&folder, &["key", "list"]);
    fine(&folder, &["keyring", "status"]);
}

#[test]
fn a_lock_opens_with_its_passphrase_only() {
    let folder = with_settings();
    fine(&folder, &["key", "create", "--name", "ann"]);
    let settings = std::fs::read_to_string(folder.path().join("privet.toml")).expect("settings");
    let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).expect("a file");
    write(
        "privet.toml",
        &format!("{settings}[keys]\npassphrase = {{ file = \"pass\" }}\n"),
    );
    write("pass", "correct horse battery staple\n");
    fine(&folder, &["keyring", "lock", "--out", "root.lock"]);
    std::fs::rename(
        folder.path().join("root.lock"),
        folder.path().join("privet-data/root.key"),
    )
    .expect("a file");
    fine(&folder, &["key", "list"]);
    write("pass", "wrong horse battery staple\n");
    let said = refused(&folder, &["key", "list"]);
    assert!(said.contains("wrong passphrase"), "{said}");
    write("privet.toml", &settings);
    let said = refused(&folder, &["key", "list"]);
    assert!(said.contains("no terminal to ask for it"), "{said}");
}
