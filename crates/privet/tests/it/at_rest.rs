//! `privet model` from outside: what is signed, sealed, opened and refused.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{err, fine, folder, out, refused, run, with_settings};

/// A pickle that runs a command when it is loaded.
const DANGEROUS: &[u8] = b"cos\nsystem\n(S'id'\ntR.";
/// One of two numbers.
const SAFE: &[u8] = b"\x80\x04]\x94(K\x01K\x02e.";
/// Bytes of a sealed chunk, and of the stream's own head.
const CHUNK: usize = 65_536 + 16;
const STREAM: usize = 96;

fn write(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>) {
    std::fs::write(folder.path().join(name), bytes).expect("a file");
}

fn read(folder: &TempDir, name: &str) -> Vec<u8> {
    std::fs::read(folder.path().join(name)).expect("a file")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// It ended with `code`: all that it said.
fn ended(folder: &TempDir, arguments: &[&str], code: i32) -> String {
    let output = run(folder, arguments);
    let said = format!("{}{}", out(&output), err(&output));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

/// Names in the folder, sorted; the installation's own left out.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .filter(|name| !matches!(name.as_str(), "privet.toml" | "privet-data"))
        .collect();
    names.sort();
    names
}

/// Some 200 kB that are of no format, so that they have several chunks; they begin with words that must not be left behind.
fn weights() -> Vec<u8> {
    let mut bytes = b"WEIGHTS IN THE CLEAR ".repeat(3_000);
    bytes.extend((0..140_000_u64).map(|n| (n * n / 7).to_le_bytes()[1]));
    bytes
}

/// A folder with settings, weights and their seal.
fn with_sealed() -> TempDir {
    let folder = with_settings();
    write(&folder, "w.bin", weights());
    ended(&folder, &["model", "seal", "w.bin"], 0);
    folder
}

fn stream_of(sealed: &[u8]) -> usize {
    let length = u32::from_le_bytes(sealed[16..20].try_into().expect("four bytes"));
    20 + usize::try_from(length).expect("a length")
}

#[test]
fn every_model_command_explains_itself() {
    let folder = folder();
    for command in ["sign", "verify", "seal", "open"] {
        let help = fine(&folder, &["model", command, "--help"]);
        let example = format!("  privet model {command}");
        assert!(help.contains("Examples:") && help.contains(&example), "{help}");
    }
    assert!(fine(&folder, &["model", "--help"]).contains("privet model seal"));
}

#[test]
fn a_sealed_model_of_several_chunks_opens_to_what_it_was() {
    use std::os::unix::fs::PermissionsExt;
    let folder = with_sealed();
    let sealed = read(&folder, "w.bin.sealed");
    assert!(sealed.len() > stream_of(&sealed) + STREAM + 3 * CHUNK);
    let is_there = |bytes: &[u8]| bytes.windows(20).any(|part| part == b"WEIGHTS IN THE CLEAR");
    assert!(!is_there(&sealed));
    let mode = std::fs::metadata(folder.path().join("w.bin.sealed")).expect("a file");
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    let told = json(&fine(
        &folder,
        &[
            "model",
            "open",
            "w.bin.sealed",
            "--output",
            "again.bin",
            "--format",
            "json",
        ],
    ));
    assert_eq!(read(&folder, "again.bin"), weights());
    assert_eq!(told["plain"]["size"], 203_000);
    assert_eq!(told["manifest"]["name"], "w.bin");
    // Signed by the tenant's key, whose public half is told.
    assert_eq!(told["signers"][0], fine(&folder, &["model", "key"]).trim());
    assert!(ended(&folder, &["model", "verify", "w.bin.sealed"], 0).contains("whole"));
}

#[test]
fn nothing_is_left_of_a_sealed_model_that_is_not_whole_and_genuine() {
    let folder = with_sealed();
    let good = read(&folder, "w.bin.sealed");
    let first = stream_of(&good) + STREAM;
    let (second, third) = (first + CHUNK, first + 2 * CHUNK);
    let mut bad: Vec<Vec<u8>> = [18, 40, first - 90, first, second + 9, third + 100, good.len() - 1]
        .iter()
        .map(|place| {
            let mut changed = good.clone();
            changed[*place] ^= 0x10;
            changed
        })
        .collect();
    bad.extend([
        good[..third].to_vec(),
        good[..good.len() - 1].to_vec(),
        good[..9].to_vec(),
        [
            &good[..first],
            &good[second..third],
            &good[first..second],
            &good[third..],
        ]
        .concat(),
        [&good[..second], &good[first..]].concat(),
        [good.as_slice(), b"more"].concat(),
    ]);
    let open = ["model", "open", "bad.sealed", "--output", "out.bin"];
    for (number, bytes) in bad.iter().enumerate() {
        write(&folder, "bad.sealed", bytes);
        let said = refused(&folder, &open);
        assert!(!said.contains("WEIGHTS"), "{number}: {said}");
        assert_eq!(
            names(folder.path()),
            ["bad.sealed", "w.bin", "w.bin.sealed"],
            "{number}"
        );
        let code = run(&folder, &["model", "verify", "bad.sealed"]).status.code();
        assert!(matches!(code, Some(1 | 2)), "{number}: {code:?}");
    }
    // What a process that was killed left beside it does not matter, and stays.
    write(&folder, ".privet-left", "part");
    write(&folder, "bad.sealed", &good);
    fine(&folder, &open);
    assert_eq!(read(&folder, "out.bin"), weights());
    assert_eq!(read(&folder, ".privet-left"), b"part");
    // What is there is not replaced.
    write(&folder, "out.bin", "mine");
    assert!(refused(&folder, &open).contains("already"));
    assert_eq!(read(&folder, "out.bin"), b"mine");
}

#[test]
fn other_tenants_and_other_installations_open_nothing() {
    let folder = with_sealed();
    let open = |more: &[&str]| {
        let arguments = [&["model", "open", "w.bin.sealed", "--output", "out.bin"], more].concat();
        refused(&folder, &arguments)
    };
    assert!(open(&["--tenant", "acme"]).contains("another tenant"));
    // A head that is changed to name another tenant, which has keys.
    fine(&folder, &["model", "key", "--tenant", "other12"]);
    let sealed = read(&folder, "w.bin.sealed");
    let front = stream_of(&sealed);
    let head = String::from_utf8(sealed[20..front].to_vec()).expect("JSON");
    let renamed = head.replace("\"tenant\":\"default\"", "\"tenant\":\"other12\"");
    assert_ne!(head, renamed);
    write(
        &folder,
        "w.bin.sealed",
        [&sealed[..20], renamed.as_bytes(), &sealed[front..]].concat(),
    );
    assert!(open(&["--tenant", "other12"]).contains("does not open"));
    write(&folder, "w.bin.sealed", &sealed);

    let elsewhere = with_settings();
    write(&elsewhere, "w.bin.sealed", &sealed);
    let open = ["model", "open", "w.bin.sealed", "--output", "out.bin"];
    assert!(refused(&elsewhere, &open).contains("no keyring"));
    fine(&elsewhere, &["model", "key"]);
    assert!(refused(&elsewhere, &open).contains("does not open"));
    assert_eq!(names(elsewhere.path()), ["w.bin.sealed"]);
}

#[test]
fn sealed_models_open_after_rotations_of_all_keys() {
    let folder = with_sealed();
    let key = fine(&folder, &["model", "key"]);
    fine(&folder, &["keyring", "rotate", "epoch"]);
    fine(&folder, &["keyring", "rotate", "tenant"]);
    fine(&folder, &["keyring", "rotate", "root", "--new", "new.key"]);
    std::fs::rename(
        folder.path().join("new.key"),
        folder.path().join("privet-data/root.key"),
    )
    .expect("a file");
    fine(&folder, &["model", "open", "w.bin.sealed", "--output", "out.bin"]);
    assert_eq!(read(&folder, "out.bin"), weights());
    assert_eq!(fine(&folder, &["model", "key"]), key);
}

#[test]
fn a_dangerous_model_is_sealed_and_signed_for_a_reason_alone() {
    let folder = with_settings();
    write(&folder, "bad.pkl", DANGEROUS);
    let said = ended(&folder, &["model", "seal", "bad.pkl"], 1);
    assert!(
        said.contains("dangerous") && said.contains("--allow-dangerous"),
        "{said}"
    );
    ended(&folder, &["model", "sign", "bad.pkl", "--scan"], 1);
    assert_eq!(names(folder.path()), ["bad.pkl"]);
    refused(&folder, &["model", "seal", "bad.pkl", "--allow-dangerous", " "]);
    let reason = "a sample for the red team, ticket 17";
    ended(
        &folder,
        &["model", "seal", "bad.pkl", "--allow-dangerous", reason],
        0,
    );
    let open = [
        "model",
        "open",
        "bad.pkl.sealed",
        "--output",
        "again.pkl",
        "--format",
        "json",
    ];
    let told = json(&fine(&folder, &open));
    let scan = &told["manifest"]["files"][0]["scan"];
    assert_eq!(
        (scan["verdict"].as_str(), scan["accepted"].as_str()),
        (Some("dangerous"), Some(reason))
    );
    // Without a scan nothing is claimed, and a manifest without the reason seals it not.
    fine(&folder, &["model", "sign", "bad.pkl"]);
    let sealing = [
        "model",
        "seal",
        "bad.pkl",
        "--manifest",
        "bad.pkl.manifest.json",
        "--output",
        "two",
    ];
    ended(&folder, &sealing, 1);
    assert!(!folder.path().join("two").exists());
}

/// A folder with a model of two files in `m/`, and its manifest.
fn with_manifest(more: &[&str]) -> TempDir {
    let folder = with_settings();
    std::fs::create_dir_all(folder.path().join("m/parts")).expect("a folder");
    write(&folder, "m/parts/a.pkl", SAFE);
    write(&folder, "m/config.json", "{\"layers\": 2}");
    fine(&folder, &[&["model", "sign", "m"], more].concat());
    folder
}

#[test]
fn a_manifest_says_where_a_model_comes_from_and_what_the_scan_says() {
    let hash = "0123456789abcdef".repeat(4);
    let dataset = format!("sales-2024=sha256:{hash}");
    let folder = with_manifest(&[
        "--scan",
        "--licence",
        "apache-2.0 OR mit",
        "--dataset",
        &dataset,
        "--dataset",
        "notes",
        "--parent",
        "base-1",
        "--expires",
        "365d",
    ]);
    let told = json(&fine(
        &folder,
        &["model", "verify", "m.manifest.json", "--format", "json"],
    ));
    assert_eq!(told["valid"], true);
    let manifest = &told["manifest"];
    assert_eq!(manifest["name"], "m");
    assert_eq!(manifest["lineage"]["licence"], "Apache-2.0 OR MIT");
    assert_eq!(manifest["lineage"]["datasets"][0]["sha256"], hash);
    assert_eq!(manifest["lineage"]["datasets"][1]["name"], "notes");
    assert_eq!(manifest["lineage"]["parents"][0]["name"], "base-1");
    assert!(manifest["expires"].is_string());
    let files: Vec<_> = manifest["files"]
        .as_array()
        .expect("files")
        .iter()
        .map(|file| (file["path"].as_str(), file["scan"]["verdict"].as_str()))
        .collect();
    assert_eq!(
        files,
        [
            (Some("m/config.json"), None),
            (Some("m/parts/a.pkl"), Some("safe"))
        ]
    );
    for wrong in [
        &["--licence", "my own"][..],
        &["--dataset", "a=b"],
        &["--expires", "soon"],
        &["--name", ""],
    ] {
        let arguments = [&["model", "sign", "m", "--output", "other.json"], wrong].concat();
        refused(&folder, &arguments);
    }
    assert!(!folder.path().join("other.json").exists());
}

#[test]
fn whatever_differs_from_the_manifest_is_told_by_name() {
    let folder = with_manifest(&[]);
    let verify = ["model", "verify", "m.manifest.json"];
    ended(&folder, &verify, 0);
    let whole = SAFE.to_vec();
    let mut changed = whole.clone();
    changed[8] ^= 1;
    for bytes in [changed, whole[1..].to_vec(), [&whole[..], b"."].concat()] {
        write(&folder, "m/parts/a.pkl", bytes);
        let said = ended(&folder, &verify, 1);
        assert!(said.contains("CHANGED    m/parts/a.pkl"), "{said}");
    }
    std::fs::remove_file(folder.path().join("m/parts/a.pkl")).expect("a file");
    assert!(ended(&folder, &verify, 1).contains("MISSING    m/parts/a.pkl"));
    // A link to the right bytes is no plain file.
    write(&folder, "elsewhere", &whole);
    std::os::unix::fs::symlink(
        folder.path().join("elsewhere"),
        folder.path().join("m/parts/a.pkl"),
    )
    .expect("a link");
    ended(&folder, &verify, 1);
    std::fs::remove_file(folder.path().join("m/parts/a.pkl")).expect("a link");
    write(&folder, "m/parts/a.pkl", &whole);
    ended(&folder, &verify, 0);
    // One file alone, and one that the manifest does not name.
    let one = |file: &str, code: i32| {
        let arguments = ["model", "verify", file, "--manifest", "m.manifest.json"];
        ended(&folder, &arguments, code)
    };
    one("m/config.json", 0);
    write(&folder, "m/custom_ops.py", "import os");
    assert!(one("m/custom_ops.py", 1).contains("NOT NAMED"));
    ended(&folder, &verify, 0);
    std::fs::create_dir(folder.path().join("alone")).expect("a folder");
    for name in ["m", "m.manifest.json"] {
        std::fs::rename(folder.path().join(name), folder.path().join("alone").join(name)).expect("a file");
    }
    let strict = ["model", "verify", "alone/m.manifest.json", "--no-others"];
    assert!(ended(&folder, &strict, 1).contains("NOT NAMED  m/custom_ops.py"));
    std::fs::remove_file(folder.path().join("alone/m/custom_ops.py")).expect("a file");
    ended(&folder, &strict, 0);
}

#[test]
fn manifests_of_others_and_changed_ones_count_for_nothing() {
    let folder = with_manifest(&["--expires", "1d"]);
    let public = fine(&folder, &["policy", "signer", "--key", "ann.key", "--new"]);
    write(&folder, "ann.pub", &public);
    let verify = ["model", "verify", "m.manifest.json"];
    let as_ann = [&verify[..], &["--key", "ann.pub"]].concat();
    assert!(ended(&folder, &as_ann, 1).contains("no key that is trusted"));
    refused(&folder, &[&verify[..], &["--key", "nobody.pub"]].concat());

    let text = String::from_utf8(read(&folder, "m.manifest.json")).expect("JSON");
    for (from, to) in [("config", "konfig"), ("\"size\"", "\"sise\""), ("\"m\"", "\"n\"")] {
        let mut signed = json(&text);
        let manifest = signed["manifest"].as_str().expect("a text").to_owned();
        assert!(manifest.contains(from), "{manifest}");
        signed["manifest"] = manifest.replacen(from, to, 1).into();
        write(&folder, "m.manifest.json", signed.to_string());
        ended(&folder, &verify, 1);
    }
    write(
        &folder,
        "m.manifest.json",
        text.replacen("\"signatures\"", "\"more\": 1, \"signatures\"", 1),
    );
    assert!(refused(&folder, &verify).contains("not a model manifest"));
    write(&folder, "m.manifest.json", "{}");
    refused(&folder, &verify);

    // Countersigned it counts for those who trust Ann, too; but not if its files are others by now.
    write(&folder, "m.manifest.json", &text);
    let countersign = [
        "model",
        "sign",
        "m.manifest.json",
        "--countersign",
        "--key",
        "ann.key",
    ];
    write(&folder, "m/config.json", "{\"layers\": 3}");
    refused(&folder, &countersign);
    write(&folder, "m/config.json", "{\"layers\": 2}");
    fine(&folder, &countersign);
    ended(&folder, &as_ann, 0);
    ended(&folder, &verify, 0);
}

#[test]
fn a_manifest_that_has_expired_vouches_for_nothing() {
    use privet_crypto::SigningKey;
    use privet_supplychain::artifacts::seal::{FileEntry, Manifest, digest};
    let folder = folder();
    let key = SigningKey::generate().expect("random bytes");
    write(&folder, "a.pkl", SAFE);
    let mut manifest = Manifest::new("a", "2020-01-01T00:00:00Z".parse().expect("a time"));
    manifest.expires = Some("2021-01-01T00:00:00Z".parse().expect("a time"));
    let sum = digest(&mut &SAFE[..]).expect("a digest");
    manifest.files.push(FileEntry::new("a.pkl", sum));
    let signed = manifest.sign(&key).expect("a manifest");
    write(&folder, "a.pkl.manifest.json", signed.to_json().expect("JSON"));
    let public = key.verifying_key().to_string();
    let verify = ["model", "verify", "a.pkl", "--key", &public];
    let said = ended(&folder, &verify, 1);
    assert!(said.contains("expired") && said.contains("whole"), "{said}");
}

#[test]
fn a_report_speaks_for_a_file_by_its_hash_alone() {
    let folder = with_settings();
    write(&folder, "a.pkl", SAFE);
    write(&folder, "config.json", "{}");
    fine(
        &folder,
        &[
            "scan",
            "a.pkl",
            "--format",
            "json",
            "--output",
            "scan.json",
            "--no-cache",
        ],
    );
    let sign = [
        "model",
        "sign",
        "a.pkl",
        "config.json",
        "--scan-report",
        "scan.json",
        "--output",
    ];
    fine(&folder, &[&sign[..], &["one.json"]].concat());
    let told = json(&fine(
        &folder,
        &["model", "verify", "one.json", "--format", "json"],
    ));
    let scan = &told["manifest"]["files"][0]["scan"];
    assert_eq!(scan["verdict"], "safe");
    assert_eq!(scan["report"].as_str().map(str::len), Some(64));
    assert!(told["manifest"]["files"][1]["scan"].is_null());
    // Another file of the same name.
    write(&folder, "a.pkl", DANGEROUS);
    let said = refused(&folder, &[&sign[..], &["two.json"]].concat());
    assert!(said.contains("no model with the SHA-256"), "{said}");
    assert!(!folder.path().join("two.json").exists());
}

#[test]
fn files_that_a_manifest_cannot_speak_of_are_refused() {
    let folder = with_settings();
    write(&folder, "a.pkl", SAFE);
    std::fs::create_dir(folder.path().join("below")).expect("a folder");
    let said = refused(&folder, &["model", "sign", "a.pkl", "--output", "below/m.json"]);
    assert!(said.contains("--output"), "{said}");
    std::os::unix::fs::symlink("a.pkl", folder.path().join("link.pkl")).expect("a link");
    refused(&folder, &["model", "sign", "link.pkl"]);
    refused(&folder, &["model", "seal", "link.pkl"]);
    refused(&folder, &["model", "sign", "missing.pkl"]);
    refused(&folder, &["model", "sign", "a.pkl", "below"]);
    refused(&folder, &["model", "verify", "a.pkl", "--key", "nonsense"]);
    let private = format!("privet-signing-1:{}", "7".repeat(64));
    let said = refused(&folder, &["model", "verify", "a.pkl", "--key", &private]);
    assert!(said.contains("private key") && !said.contains("777"), "{said}");
    refused(&folder, &["model", "open", "a.pkl", "--output", "b.pkl"]);
    ended(&folder, &["model", "seal", "a.pkl"], 0);
    refused(&folder, &["model", "seal", "a.pkl.sealed"]);
    refused(&folder, &["model", "seal", "a.pkl"]);
    assert_eq!(
        names(folder.path()),
        ["a.pkl", "a.pkl.sealed", "below", "link.pkl"]
    );
}

#[test]
fn without_the_keyring_a_sealed_model_is_told_as_not_looked_at() {
    let folder = with_sealed();
    let public = fine(&folder, &["model", "key"]);
    let elsewhere = with_settings();
    write(&elsewhere, "w.bin.sealed", read(&folder, "w.bin.sealed"));
    let verify = ["model", "verify", "w.bin.sealed", "--key", public.trim()];
    let said = ended(&elsewhere, &verify, 3);
    assert!(said.contains("not proved"), "{said}");
    assert!(refused(&elsewhere, &["model", "verify", "w.bin.sealed"]).contains("--key"));
}
