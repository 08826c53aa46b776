//! `privet vault` from outside.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

use privet_crypto::RootKey;
use privet_policy::RequestSettings;
use privet_server::Outbox;
use privet_store::{Keyring, KeyringConfig, Store};
use privet_testkit::{RawProvider, TlsFront};
use privet_types::{Clock, Pseudonym};
use privet_vault::{
    Actor, Consent, ConsentConfig, IdentityMethod, NewRequest, Record, RequestConfig, RequestKind, Requests,
    SubjectRef, Vault, VaultConfig,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{Serving, err, fine, folder, out, privet, refused, run, with_settings};

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
        "request list",
        "request show",
        "request approve",
        "request refuse",
        "request run",
        "request export",
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

/// Takes in a request of this kind by who has [`EMAIL`], as a server does, and vouches for it; its id.
fn ask_for(folder: &TempDir, kind: RequestKind, callbacks: Vec<String>) -> String {
    let data = folder.path().join("privet-data");
    let text = std::fs::read_to_string(data.join("root.key")).expect("a root key");
    let root = RootKey::parse(text.trim()).expect("a root key");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = Store::open(&data.join("privet.sqlite"), &root)
            .await
            .expect("a store");
        let clock: Arc<dyn Clock> = Arc::new(privet_server::SystemClock);
        let (path, config) = (data.join("keyring.sqlite"), KeyringConfig::default());
        let keyring = Keyring::open(&path, Arc::new(root), config, Arc::clone(&clock))
            .await
            .expect("a keyring");
        let vault = Vault::open(
            store.clone(),
            keyring.clone(),
            Arc::clone(&clock),
            VaultConfig::default(),
        );
        let vault = vault.expect("a vault");
        let consent = Consent::new(
            store.database().clone(),
            Arc::new(vault.clone()),
            clock,
            ConsentConfig::default(),
        );
        let outbox = Outbox::new(&RequestSettings::default(), vault.clone()).expect("an outbox");
        let requests = Requests::new(vault, consent, Arc::new(outbox), RequestConfig::default());
        let requests = requests.expect("requests");
        let actor = Actor {
            tenant: "acme".parse().expect("a tenant"),
            principal: Pseudonym("p".to_owned()),
        };
        let who = SubjectRef::parse("email", EMAIL).expect("an identity");
        let mut new = NewRequest::new(kind, vec![who]);
        new.callbacks = callbacks;
        let opened = requests.open(&actor, &new).await;
        let id = opened.expect("a request").0.id;
        let vouched = requests.vouch(&actor, &id, IdentityMethod::Document).await;
        vouched.expect("it is open");
        keyring.close().await;
        store.close().await;
        id
    })
}

#[test]
fn a_request_is_listed_carried_out_and_its_copy_written_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    fn request<'a>(words: &[&'a str]) -> Vec<&'a str> {
        [&["vault", "request"], words, &["--tenant", "acme"]].concat()
    }
    let folder = with_people();
    let id = ask_for(&folder, RequestKind::Access, Vec::new());
    let listed = json(&fine(&folder, &request(&["list", "--format", "json"])));
    assert_eq!(listed["requests"][0]["subject_request_id"], *id);
    assert_eq!(listed["requests"][0]["request_status"], "pending");
    assert!(!fine(&folder, &request(&["list", "--overdue"])).contains(&id));
    refused(&folder, &request(&["run", &id]));
    let receipt = json(&fine(&folder, &request(&["run", &id, "--out", "copy.json"])));
    let path = folder.path().join("copy.json");
    let copy = std::fs::read(&path).expect("a copy");
    let mode = std::fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let hash = data_encoding::HEXLOWER.encode(&privet_crypto::sha256(&copy));
    assert!(receipt["statement"].as_str().expect("text").contains(&hash));
    std::fs::write(folder.path().join("r.json"), receipt.to_string()).expect("a file");
    let of_requests = ["vault", "receipt", "key", "--tenant", "acme", "--of", "requests"];
    let key = fine(&folder, &of_requests);
    let verify = ["vault", "receipt", "verify", "r.json", "--key"];
    let checked = fine(&folder, &[&verify[..], &[key.trim()]].concat());
    assert!(checked.contains(&hash), "{checked}");
    let other = fine(&folder, &["vault", "receipt", "key", "--tenant", "acme"]);
    let output = run(&folder, &[&verify[..], &[other.trim()]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert_eq!(
        json(std::str::from_utf8(&copy).expect("text"))["held"]["record"]["email"],
        EMAIL
    );
    let export = request(&["export", &id, "--out", "copy.html", "--html"]);
    fine(&folder, &export);
    let page = std::fs::read_to_string(folder.path().join("copy.html")).expect("a page");
    assert!(page.contains(EMAIL) && page.starts_with("<!"));
    refused(&folder, &export);
    let steps = fine(&folder, &request(&["show", &id]));
    assert!(
        steps.contains("request_completed") && !steps.contains(EMAIL),
        "{steps}"
    );

    let erasure = ask_for(&folder, RequestKind::Erasure, Vec::new());
    fine(&folder, &request(&["approve", &erasure]));
    // Who approved does not carry it out.
    refused(&folder, &request(&["run", &erasure]));
    let ground = ["refuse", &erasure, "--ground", "legal_claims"];
    let receipt = fine(&folder, &request(&ground));
    assert!(receipt.contains("legal_claims"), "{receipt}");
}

#[test]
fn a_running_server_tells_who_wants_to_know_of_a_request() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (other, front) = runtime.block_on(async {
        let other = RawProvider::always("HTTP/1.1 204 No Content\r\n\r\n").await;
        let front = TlsFront::start(other.address()).await;
        (other, front)
    });
    let folder = with_people();
    // Whoever has data has a key.
    fine(&folder, &["key", "create", "--name", "bob", "--tenant", "acme"]);
    let url = format!("https://{}/dsr", front.address());
    let id = ask_for(&folder, RequestKind::Access, vec![url]);
    std::fs::write(folder.path().join("ca.pem"), front.ca_pem()).expect("a file");
    let path = folder.path().join("privet.toml");
    let settings = std::fs::read_to_string(&path).expect("settings");
    let host = front.address();
    let more = format!("[vault.requests]\ncallback_hosts = [\"{host}\"]\nca_file = \"ca.pem\"\n");
    std::fs::write(&path, format!("{settings}\n[vault]\nenabled = true\n{more}")).expect("a file");
    let _serving = Serving::start(&folder);
    runtime.block_on(other.arrived(1));
    let told = other.requests().pop().expect("a message");
    let body = json(std::str::from_utf8(&told.body).expect("text"));
    assert_eq!(body["subject_request_id"], *id);
    assert_eq!(body["request_status"], "pending");
    assert!(told.headers.iter().any(|(name, _)| name == "signature"));
}
