//! `privet vault` from outside.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

use privet_crypto::RootKey;
use privet_policy::RequestSettings;
use privet_server::Outbox;
use privet_store::{Database, Keyring, KeyringConfig, Scope, Store, values};
use privet_testkit::{RawProvider, TlsFront};
use privet_types::{Clock, Pseudonym, Secret};
use privet_vault::{
    Actor, Consent, ConsentConfig, Ground, Hold, IdentityMethod, NewConversation, NewRequest, Node, NodeKind,
    Reach, Record, RequestConfig, RequestKind, Requests, Retention, STORE_TARGETS, SubjectId, SubjectRef,
    Vault, VaultConfig,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{Serving, err, fine, folder, out, privet, refused, run, runtime, with_settings};
use crate::postgres::TestDatabase;

const EMAIL: &str = "zilpha@mail.example";

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Settings, and a vault with two invented people in it.
fn with_people() -> TempDir {
    with_people_and(async |_, _, _| {})
}

/// As [`with_people`]; then `more` is done with the vault, its store and the first person.
fn with_people_and(more: impl AsyncFnOnce(&Vault, &Store, &SubjectId)) -> TempDir {
    let folder = with_settings();
    fine(&folder, &["key", "create", "--name", "ann"]);
    fine(&folder, &["keyring", "status"]);
    let data = folder.path().join("privet-data");
    let text = std::fs::read_to_string(data.join("root.key")).expect("a root key");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(fill(
        &data,
        RootKey::parse(text.trim()).expect("a root key"),
        more,
    ));
    folder
}

fn actor() -> Actor {
    Actor {
        tenant: "acme".parse().expect("a tenant"),
        principal: Pseudonym("p".to_owned()),
    }
}

async fn fill(data: &Path, root: RootKey, more: impl AsyncFnOnce(&Vault, &Store, &SubjectId)) {
    let store = Store::open(&data.join("privet.sqlite"), &root)
        .await
        .expect("a store");
    let clock: Arc<dyn Clock> = Arc::new(privet_server::SystemClock);
    let (path, config) = (data.join("keyring.sqlite"), KeyringConfig::default());
    let keyring = Keyring::open(&path, Arc::new(root), config, Arc::clone(&clock))
        .await
        .expect("a keyring");
    let mut config = VaultConfig::default();
    config.archive.is_on = true;
    let vault = Vault::open(store.clone(), keyring.clone(), clock, config).expect("a vault");
    let actor = actor();
    let mut people = Vec::new();
    for (name, email) in [("Zilpha", EMAIL), ("Ottokar", "ottokar@mail.example")] {
        let record = serde_json::json!({ "email": email, "first": name });
        let record = Record::from_value(record).expect("a record");
        people.push(vault.create(&actor, record).await.expect("a subject").id);
    }
    more(&vault, &store, people.first().expect("a person")).await;
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
        "rotate-index",
        "reindex",
        "receipt verify",
        "receipt key",
        "check",
        "measure",
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
fn a_search_by_prefix_that_is_switched_on_later_finds_who_was_there_before() {
    let folder = with_people();
    let buckets = || {
        runtime().block_on(async {
            let data = folder.path().join("privet-data");
            let text = std::fs::read_to_string(data.join("root.key")).expect("a root key");
            let root = RootKey::parse(text.trim()).expect("a root key");
            let store = Store::open(&data.join("privet.sqlite"), &root)
                .await
                .expect("a store");
            let count: i64 = store
                .database()
                .read::<_, privet_store::Error, _>(&Scope::Installation, |tx| {
                    Box::pin(tx.one("SELECT COUNT(*) FROM subject_buckets", values![]))
                })
                .await
                .expect("a count");
            store.close().await;
            count
        })
    };
    let reindex = ["vault", "reindex", "--tenant", "acme", "--format", "json"];
    assert_eq!(
        json(&fine(&folder, &reindex)),
        serde_json::json!({"subjects": 2, "refused": 0, "damaged": 0})
    );
    assert_eq!(buckets(), 0);
    let settings = folder.path().join("privet.toml");
    let text = std::fs::read_to_string(&settings).expect("settings");
    let more = "[vault]\nenabled = true\nlisten = \"127.0.0.1:0\"\n[vault.databunker]\nenabled = true\n";
    std::fs::write(&settings, format!("{text}\n{more}")).expect("a file");
    assert_eq!(
        json(&fine(&folder, &reindex)),
        serde_json::json!({"subjects": 2, "refused": 0, "damaged": 0})
    );
    assert_eq!(buckets(), 2);
}

#[test]
fn indexes_are_built_around_what_is_damaged_and_for_no_tenant_that_there_is_not() {
    let folder = with_people_and(async |_, store, person| {
        let id = person.as_str().to_owned();
        let damage = store
            .database()
            .write::<_, privet_store::Error, _>(&Scope::Installation, move |tx| {
                Box::pin(async move {
                    let sql = "UPDATE subjects SET mark = $1 WHERE id = $2";
                    tx.execute(sql, values![vec![0_u8; 32], id]).await
                })
            });
        assert_eq!(damage.await.expect("an update"), 1);
    });
    for command in ["reindex", "rotate-index"] {
        let told = run(
            &folder,
            &["vault", command, "--tenant", "acme", "--format", "json"],
        );
        assert_eq!(told.status.code(), Some(1), "{}", err(&told));
        let told = json(&out(&told));
        assert_eq!((&told["refused"], &told["damaged"]), (&0.into(), &1.into()));
        let said = refused(&folder, &["vault", command, "--tenant", "acmee"]);
        assert!(said.contains("no keys of a tenant `acmee`"), "{said}");
    }
    let status = fine(&folder, &["keyring", "status"]);
    assert!(status.contains("acme") && !status.contains("acmee"), "{status}");
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
fn epoch_keys_are_backed_up_apart_where_the_settings_say_so() {
    let folder = with_people();
    let path = folder.path().join("privet.toml");
    let settings = std::fs::read_to_string(&path).expect("settings");
    std::fs::write(
        &path,
        format!("{settings}[keyring]\nepoch_backup_retention = \"7d\"\n"),
    )
    .expect("settings");
    fine(&folder, &["vault", "backup", "--out", "b"]);
    let [store, keyring, epochs] =
        ["store-", "keyring-", "epochs-"].map(|part| backup_of(&folder, "b", part));
    let told = fine(
        &folder,
        &[
            "vault",
            "verify-backup",
            &store,
            &keyring,
            &epochs,
            "--format",
            "json",
        ],
    );
    let told = json(&told);
    assert!(told["backups"][1]["rows"]["epoch_keys"].is_null());
    assert_eq!(told["backups"][1]["rows"]["subject_keys"], 2);
    // One tenant, and nothing else.
    assert_eq!(told["backups"][2]["rows"], serde_json::json!({"epoch_keys": 1}));
    new_place(&folder);
    let restore = ["vault", "restore", "--store", &store, "--keyring", &keyring];
    let config = ["--config", "new/privet.toml", "--format", "json"];
    let said = refused(&folder, &[&restore[..], &config].concat());
    assert!(said.contains("--epochs"), "{said}");
    let told = json(&fine(
        &folder,
        &[&restore[..], &["--epochs", &epochs], &config].concat(),
    ));
    assert_eq!(
        (&told["subjects_opened"], &told["keys_without_epoch"]),
        (&2.into(), &0.into())
    );
}

#[test]
fn the_secret_of_the_indexes_is_replaced_and_people_are_found_again() {
    let folder = with_people();
    let rotate = ["vault", "rotate-index", "--tenant", "acme", "--format", "json"];
    let told = json(&fine(&folder, &rotate));
    assert_eq!((&told["version"], &told["refused"]), (&2.into(), &0.into()));
    let plan = forget(&folder, &["--dry-run"]);
    assert_eq!(plan.status.code(), Some(0), "{}", err(&plan));
    let tail = ["audit", "tail", "--filter", "kind=index_secret_rotated"];
    assert_eq!(fine(&folder, &tail).lines().count(), 1);
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
fn a_persons_conversations_are_written_into_a_file_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = with_people_and(async |vault, _, _| {
        for (conversation, prompt) in [("chat-7", "one"), ("chat-8", "two"), ("chat-7", "three")] {
            let new = NewConversation {
                subject: Some(SubjectRef::parse("email", EMAIL).expect("an identity")),
                surface: "openai-chat".to_owned(),
                purpose: None,
                model: "m".to_owned(),
                conversation: Some(conversation.to_owned()),
                prompt: Secret::new(prompt.to_owned()),
                reply: Secret::new("well".to_owned()),
                is_whole: true,
            };
            let kept = vault.archive(&actor(), &new, Ground::Ordinary).await;
            kept.expect("the vault answers").expect("it is on");
        }
    });
    let all = [
        "vault",
        "conversations",
        "--tenant",
        "acme",
        "--email",
        EMAIL,
        "--from",
        "2020-01-01",
        "--to",
        "2120-01-01",
    ];
    let told = fine(&folder, &[&all[..], &["--out", "all.jsonl"]].concat());
    assert!(told.contains('3') && !told.contains(EMAIL), "{told}");
    let mode = std::fs::metadata(folder.path().join("all.jsonl"))
        .expect("a file")
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let part = [
        &all[..],
        &["--part-of", "chat-7", "--out", "chat-7.jsonl", "--format", "json"],
    ]
    .concat();
    assert_eq!(json(&fine(&folder, &part))["conversations"], 2);
    let lines = std::fs::read_to_string(folder.path().join("chat-7.jsonl")).expect("a file");
    let mut prompts: Vec<_> = lines.lines().map(|line| json(line)["prompt"].clone()).collect();
    prompts.sort_by_key(ToString::to_string);
    assert_eq!(prompts, ["one", "three"]);
    // What is there already stays.
    refused(&folder, &part);
    // Each look is an event of the log.
    assert!(!fine(&folder, &["audit", "tail", "--filter", "kind=vault_read"]).is_empty());
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
    let key = fine(&folder, &["vault", "receipt", "key", "--tenant", "acme"]);
    let verify = ["vault", "receipt", "verify", "r.json", "--key"];
    let checked = fine(&folder, &[&verify[..], &[key.trim()]].concat());
    assert!(checked.contains(&hash), "{checked}");
    let other = if key.starts_with('0') { "1" } else { "0" };
    let other = format!("{other}{}", key.trim().chars().skip(1).collect::<String>());
    let output = run(&folder, &[&verify[..], &[other.as_str()]].concat());
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
            .write::<_, privet_store::Error, _>(&Scope::Installation, move |tx| {
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

/// Adds `lines` to the settings in `folder`.
fn add_settings(folder: &Path, lines: &str) {
    let path = folder.join("privet.toml");
    let old = std::fs::read_to_string(&path).expect("settings");
    std::fs::write(path, format!("{old}\n{lines}\n")).expect("a file");
}

#[test]
fn a_legal_hold_keeps_a_person_and_ends_with_1() {
    let folder = with_people_and(async |vault, store, person| {
        let clock: Arc<dyn Clock> = Arc::new(privet_server::SystemClock);
        let database = store.database().clone();
        let retention = Retention::new(database, Arc::new(vault.clone()), clock, STORE_TARGETS);
        let hold = Hold {
            subject: Some(person.as_str().to_owned()),
            category: None,
            until: None,
            reference: "case-7".to_owned(),
            why: "a claim".to_owned(),
        };
        retention.hold(&actor(), &hold).await.expect("a hold");
    });
    for more in [&["--dry-run"][..], &[]] {
        let held = forget(&folder, more);
        assert_eq!(held.status.code(), Some(1), "{}", err(&held));
        assert!(err(&held).contains("case-7"), "{}", err(&held));
    }
    assert!(!err(&forget(&folder, &[])).contains(EMAIL));
}

#[test]
fn connectors_of_the_settings_are_used_and_an_erasure_that_waited_for_one_is_resumed() {
    let Some(chunks) = runtime().block_on(TestDatabase::new()) else {
        return;
    };
    let folder = with_people_and(async |vault, _, person| {
        let node = Node {
            kind: NodeKind::Embeddings,
            place: "rag".to_owned(),
            node: "all".to_owned(),
            reach: Reach::Connector,
            basis: String::new(),
        };
        let who = SubjectRef::Token(person.clone());
        vault.register_node(&actor(), &who, &node).await.expect("a node");
    });
    let unknown = forget(&folder, &["--dry-run"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(err(&unknown).contains("`rag`"), "{}", err(&unknown));
    std::fs::write(folder.path().join("rag.url"), chunks.url()).expect("a file");
    let connector = "[[vault.connectors]]\nplace = \"rag\"\nkind = \"pgvector\"\nurl = { file = \"rag.url\" }\n\
        table = \"chunks\"\nid = \"id\"\nsubject = \"person\"";
    add_settings(folder.path(), connector);
    // Its table is not there yet.
    let stuck = forget(&folder, &[]);
    assert_eq!(stuck.status.code(), Some(2), "{}", err(&stuck));
    assert!(err(&stuck).contains("is not finished") && !err(&stuck).contains(EMAIL));
    runtime().block_on(async {
        let outside = Database::attach(&chunks.location()).expect("a database");
        let subject = answer(&folder, "SELECT subject FROM erasures").await;
        let script = format!(
            "CREATE TABLE chunks (id BIGINT PRIMARY KEY, person TEXT); \
             INSERT INTO chunks VALUES (1, '{subject}'), (2, '{subject}'), (3, 'somebody')"
        );
        let made = outside.write::<_, privet_store::Error, _>(&Scope::Installation, move |tx| {
            Box::pin(async move { tx.script(script).await })
        });
        made.await.expect("a table");
        outside.close().await;
    });
    let resumed = json(&fine(&folder, &["vault", "resume", "--format", "json"]));
    assert_eq!(resumed["erasures_finished"], 1);
    runtime().block_on(async {
        let outside = Database::attach(&chunks.location()).expect("a database");
        let left: Result<Vec<i64>, privet_store::Error> = outside
            .read(&Scope::Installation, |tx| {
                Box::pin(async move { tx.rows("SELECT id FROM chunks", Vec::new()).await })
            })
            .await;
        assert_eq!(left.expect("rows"), [3]);
        outside.close().await;
        chunks.drop().await;
    });
}

/// What the store in `folder` says to a question with one answer.
async fn answer(folder: &TempDir, sql: &'static str) -> String {
    let data = folder.path().join("privet-data");
    let text = std::fs::read_to_string(data.join("root.key")).expect("a root key");
    let root = RootKey::parse(text.trim()).expect("a root key");
    let store = Store::open(&data.join("privet.sqlite"), &root)
        .await
        .expect("a store");
    let answer: Result<String, privet_store::Error> = store
        .database()
        .read(&Scope::Installation, move |tx| {
            Box::pin(async move { tx.one(sql, Vec::new()).await })
        })
        .await;
    store.close().await;
    answer.expect("an answer")
}

#[test]
fn a_backup_of_sqlite_is_restored_into_postgres_and_the_forgotten_stay_forgotten() {
    let databases = runtime().block_on(async { (TestDatabase::new().await, TestDatabase::new().await) });
    let (Some(store_there), Some(keyring_there)) = databases else {
        return;
    };
    let folder = with_people();
    fine(&folder, &["vault", "backup", "--out", "old"]);
    assert_eq!(forget(&folder, &[]).status.code(), Some(0));
    fine(
        &folder,
        &["vault", "backup", "--out", "today", "--only", "keyring"],
    );
    let place = new_place(&folder);
    for (name, database) in [("store", &store_there), ("keyring", &keyring_there)] {
        std::fs::write(place.join(format!("{name}.url")), database.url()).expect("a file");
        let table = format!("[{name}]\nurl = {{ file = \"{name}.url\" }}");
        add_settings(&place, &table);
    }
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
    assert_eq!(
        (&report["subjects_opened"], &report["subjects_damaged"]),
        (&1.into(), &0.into())
    );
    assert!(!place.join("privet-data/privet.sqlite").exists());
    let again = forget(&folder, &["--config", "new/privet.toml"]);
    assert_eq!(again.status.code(), Some(2), "{}", err(&again));
    let said = refused(&folder, &restore);
    assert!(said.contains("is not empty"), "{said}");
    runtime().block_on(async {
        store_there.drop().await;
        keyring_there.drop().await;
    });
}
