//! `privet update`, and a gateway that takes up what it installs.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use privet_crypto::SigningKey;
use privet_demo::{Provider, ProviderConfig};
use privet_types::UpdateKind;
use privet_update::UpdateBundle;
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{Serving, err, fine, folder, out, privet, refused, run, settings};

const BLOCKS: &str = "[pii.entities]\nEMAIL_ADDRESS = \"block\"\n";

fn write(folder: &TempDir, name: &str, text: &str) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

/// Settings that name what `head` says, and take updates that `threshold` of Ann, Bob and Cem have signed.
fn with_updates(base: &str, head: &str, more: &str, threshold: u32) -> TempDir {
    let folder = folder();
    settings(&folder, base);
    let signers: Vec<String> = ["ann", "bob", "cem"]
        .iter()
        .map(|name| {
            let key = format!("{name}.key");
            let public = fine(&folder, &["policy", "signer", "--key", &key, "--new"]);
            format!("\"{}\"", public.trim())
        })
        .collect();
    fine(&folder, &["policy", "signer", "--key", "eve.key", "--new"]);
    let text = fs::read_to_string(folder.path().join("privet.toml")).expect("settings");
    let text = format!(
        "{head}\n{text}\n[updates]\nsigners = [{}]\nthreshold = {threshold}\n{more}\n",
        signers.join(", ")
    );
    write(&folder, "privet.toml", &text);
    folder
}

fn build(folder: &TempDir, kind: &str, version: u64, files: &[(&str, &str)]) -> String {
    let (from, to) = (format!("{kind}-{version}"), format!("{kind}-{version}.privet"));
    for (name, text) in files {
        write(folder, &format!("{from}/{name}"), text);
    }
    let version = version.to_string();
    let arguments = [
        "update",
        "build",
        &from,
        "--kind",
        kind,
        "--version",
        &version,
        "--out",
        &to,
    ];
    fine(folder, &arguments);
    to
}

/// An update that Ann has signed.
fn signed(folder: &TempDir, kind: &str, version: u64, files: &[(&str, &str)]) -> String {
    let file = build(folder, kind, version, files);
    fine(folder, &["update", "sign", &file, "--key", "ann.key"]);
    file
}

fn install(folder: &TempDir, kind: &str, version: u64, files: &[(&str, &str)]) {
    let file = signed(folder, kind, version, files);
    fine(folder, &["update", "install", &file]);
}

fn listed(folder: &TempDir) -> Vec<Value> {
    let text = fine(folder, &["update", "list", "--format", "jsonl"]);
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// The version of `kind` in force.
fn current(folder: &TempDir, kind: &str) -> Option<u64> {
    let all = listed(folder);
    let mut current = all
        .iter()
        .filter(|one| one["kind"] == kind && one["current"] == true);
    let version = current.next().map(|one| {
        assert_eq!(one["fault"], Value::Null);
        one["version"].as_u64().expect("a number")
    });
    assert!(current.next().is_none());
    version
}

/// Leaves of the log about updates: kind, version, and the one before.
fn told(folder: &TempDir) -> Vec<(String, u64, Option<u64>)> {
    let text = fine(folder, &["audit", "tail", "--format", "jsonl", "--lines", "1000"]);
    let leaves = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let of_updates = leaves.filter_map(|leaf| {
        let text = leaf.to_string();
        let kind = [
            "update_installed",
            "update_rolled_back",
            "update_pinned",
            "update_unpinned",
        ]
        .into_iter()
        .find(|kind| text.contains(&format!("\"{kind}\"")))?;
        let payload = find(&leaf, "update")?;
        let version = payload["version"].as_u64().expect("a number");
        Some((kind.to_owned(), version, payload["before"].as_u64()))
    });
    of_updates.collect()
}

/// The innermost object that has the key `key`.
fn find<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    let object = value.as_object()?;
    if object.contains_key(key) {
        return Some(value);
    }
    object.values().find_map(|inner| find(inner, key))
}

#[test]
fn a_running_gateway_takes_up_what_is_installed_and_what_is_gone_back_to() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let provider = runtime
        .block_on(Provider::start(ProviderConfig::default()))
        .expect("a port");
    let head = "policy = \"updates:policy\"\nrules = [\"updates:rules\"]";
    let folder = with_updates(&format!("http://{}", provider.addr()), head, "", 1);
    let key = fine(&folder, &["key", "create", "--name", "ann"]);
    let said = refused(&folder, &["serve"]);
    assert!(said.contains("privet update install FILE"), "{said}");
    install(&folder, "policy", 1, &[("policy.toml", "")]);
    install(
        &folder,
        "rules",
        1,
        &[("rules.toml", "[[terms]]\nvalues = [\"Kobold\"]\n")],
    );
    let mut serving = Serving::start(&folder);
    assert_eq!(serving.ask(&key, "I am ada@example.com, of Kobold").status, 200);
    let seen = format!("{:?}", provider.recordings());
    assert!(!seen.contains("Kobold") && seen.contains("TERM_"), "{seen}");

    install(&folder, "policy", 2, &[("policy.toml", BLOCKS)]);
    serving.wait_for("another policy is in force", 20);
    assert_eq!(serving.ask(&key, "I am ada@example.com").status, 400);
    install(
        &folder,
        "rules",
        2,
        &[("rules.toml", "[[terms]]\nvalues = [\"Golem\"]\n")],
    );
    serving.wait_for("another policy is in force", 20);
    assert_eq!(serving.ask(&key, "we build Golem").status, 200);
    let seen = format!("{:?}", provider.recordings().last());
    assert!(!seen.contains("Golem"), "{seen}");

    fine(&folder, &["update", "rollback", "policy"]);
    serving.wait_for("another policy is in force", 20);
    assert_eq!(serving.ask(&key, "I am ada@example.com").status, 200);

    // Somebody who can write there and has no key changes nothing.
    let file = folder.path().join("privet-data/updates/policy/1/policy.toml");
    fs::write(&file, BLOCKS).expect("a file");
    serving.wait_for("the policy before them stays in force", 20);
    assert_eq!(serving.ask(&key, "I am ada@example.com").status, 200);
    serving.signal();
    assert_eq!(serving.end().0, Some(0));
    let said = refused(&folder, &["serve"]);
    assert!(
        said.contains("was changed") && said.contains("install it again"),
        "{said}"
    );
}

#[test]
fn who_signed_and_how_many_decides() {
    let folder = with_updates("http://127.0.0.1:9", "", "", 2);
    let file = build(&folder, "policy", 1, &[("policy.toml", "")]);
    let verify = || {
        let output = run(&folder, &["update", "verify", &file]);
        (output.status.code(), out(&output), err(&output))
    };
    for (signer, found) in [("eve", "0 of"), ("ann", "1 of"), ("ann", "1 of")] {
        fine(
            &folder,
            &["update", "sign", &file, "--key", &format!("{signer}.key")],
        );
        let said = refused(&folder, &["update", "install", &file]);
        assert!(said.contains(&format!("is signed by {found}")), "{said}");
        let (code, _, said) = verify();
        assert_eq!(code, Some(1), "{said}");
    }
    assert!(
        !folder.path().join("privet-data/updates").exists(),
        "what is refused leaves nothing"
    );
    fine(&folder, &["update", "sign", &file, "--key", "cem.key"]);
    let (code, shown, said) = verify();
    assert_eq!(code, Some(0), "{said}");
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["signers"].as_array().map(Vec::len), Some(2));
    assert_eq!(shown["claimed"].as_array().map(Vec::len), Some(3));
    assert_eq!(shown["manifest"]["version"], 1);
    fine(&folder, &["update", "install", &file]);
    assert_eq!(current(&folder, "policy"), Some(1));

    // A key that is no signer any more does not count at the next start.
    let text = fs::read_to_string(folder.path().join("privet.toml")).expect("settings");
    let ann = fine(&folder, &["policy", "signer", "--key", "ann.key"]);
    let eve = fine(&folder, &["policy", "signer", "--key", "eve.key"]);
    let text = text.replace(ann.trim(), eve.trim());
    write(
        &folder,
        "privet.toml",
        &format!("policy = \"updates:policy\"\n{text}"),
    );
    // Eve's signature counts now, and Cem's: two still.
    fine(&folder, &["serve", "--check"]);
    write(
        &folder,
        "privet.toml",
        &format!(
            "policy = \"updates:policy\"\n{}",
            text.replace("threshold = 2", "threshold = 3")
        ),
    );
    let said = refused(&folder, &["serve", "--check"]);
    assert!(said.contains("3 must have signed it"), "{said}");
}

#[test]
fn what_could_not_be_used_is_not_installed() {
    let folder = with_updates(
        "http://127.0.0.1:9",
        "rules = [\"updates:feed/honey.toml\"]",
        "",
        1,
    );
    let allow = "{\"name\": \"ann\", \"expect\": \"allow\", \"user\": \"ann\", \"roles\": [\"user\"], \"model\": \"m\"}\n";
    let deny = allow.replace("allow", "deny");
    let own = "[access]\npolicies = [\"own.cedar\"]\n";
    let forbid = "@id(\"no-m\") forbid(principal, action == Privet::Action::\"prompt\", resource);\n";
    let outside = "[access]\npolicies = [\"../../../../own.cedar\"]\n";
    write(&folder, "own.cedar", forbid);
    for (version, kind, files, says) in [
        (
            1,
            "policy",
            vec![("policy.toml", "[pii]\nstyle = \"loud\"\n")],
            "style",
        ),
        (2, "policy", vec![("policy.toml", own)], "own.cedar"),
        (
            3,
            "policy",
            vec![("policy.toml", own), ("own.cedar", "forbid(")],
            "own.cedar",
        ),
        (
            4,
            "policy",
            vec![("policy.toml", ""), ("cases.jsonl", &deny)],
            "1 of its 1 cases",
        ),
        (
            5,
            "policy",
            vec![("policy.toml", ""), ("cases.jsonl", "")],
            "holds no case",
        ),
        (6, "policy", vec![("policy.toml", outside)], "own.cedar"),
        (
            7,
            "rules",
            vec![(
                "rules.toml",
                "[[recognizers]]\nname = \"a\"\nentity = \"A_B\"\npatterns = [{ regex = '(', score = 0.5 }]\n",
            )],
            "",
        ),
        (8, "rules", vec![("rules.toml", "[pii]\n")], "pii"),
        (9, "feed", vec![("words.txt", "hello\n")], "honey.toml"),
        (
            10,
            "feed",
            vec![("honey.toml", "[[terms]]\nvalues = []\n")],
            "lists no term",
        ),
    ] {
        let file = signed(&folder, kind, version, &files);
        let said = refused(&folder, &["update", "install", &file]);
        assert!(
            said.contains("is not installed") && said.contains(says),
            "{version}: {said}"
        );
        assert_eq!(run(&folder, &["update", "verify", &file]).status.code(), Some(1));
    }
    assert!(listed(&folder).is_empty());
    assert!(told(&folder).is_empty());
    install(
        &folder,
        "feed",
        11,
        &[("honey.toml", "[[terms]]\nvalues = [\"Kobold\"]\n")],
    );
    let with_rule = [
        ("policy.toml", own),
        ("own.cedar", forbid),
        ("cases.jsonl", &deny),
    ];
    install(&folder, "policy", 12, &with_rule);
    fine(&folder, &["serve", "--check"]);
    assert_eq!(current(&folder, "policy"), Some(12));
}

#[test]
fn a_file_that_no_gateway_reads_as_a_document_is_not_installed_as_one() {
    let folder = with_updates(
        "http://127.0.0.1:9",
        "rules = [\"updates:feed/names.txt\"]",
        "",
        1,
    );
    let file = signed(
        &folder,
        "feed",
        1,
        &[("names.txt", "[[terms]]\nvalues = [\"Kobold\"]\n")],
    );
    let said = refused(&folder, &["update", "install", &file]);
    assert!(said.contains("holds no document `names.txt`"), "{said}");
    assert_eq!(current(&folder, "feed"), None);
}

#[test]
fn a_version_whose_list_cannot_be_used_is_free_for_another_update() {
    let sign_in =
        "[sign_in]\norigin = \"http://localhost:8787\"\nbreached_hashes = \"updates:feed/hashes.txt\"";
    let folder = with_updates("http://127.0.0.1:9", "", sign_in, 1);
    let file = signed(&folder, "feed", 1, &[("hashes.txt", "no hash\n")]);
    let said = refused(&folder, &["update", "install", &file]);
    assert!(said.contains("HASH:count"), "{said}");
    assert!(listed(&folder).is_empty());
    fs::remove_file(folder.path().join(&file)).expect("a file");
    let list = format!("{}:1\n", "0".repeat(40));
    install(&folder, "feed", 1, &[("hashes.txt", &list)]);
    assert_eq!(current(&folder, "feed"), Some(1));
}

#[test]
fn a_file_that_was_tampered_with_leaves_nothing_behind() {
    let folder = with_updates("http://127.0.0.1:9", "", "", 1);
    let file = signed(&folder, "policy", 1, &[("policy.toml", BLOCKS)]);
    let whole = fs::read(folder.path().join(&file)).expect("an update");
    let place = whole.len() - 4;
    let mut changed = whole.clone();
    changed[place] ^= 1;
    let longer = [whole.as_slice(), b"\n"].concat();
    for (bytes, says) in [
        (&changed[..], "was changed"),
        (&whole[..place], "was cut off"),
        (&longer, "was cut off, or something was added"),
        (&b""[..], "does not begin with"),
        (b"PK\x03\x04", "does not begin with"),
    ] {
        fs::write(folder.path().join("bad.privet"), bytes).expect("a file");
        let said = refused(&folder, &["update", "install", "bad.privet"]);
        assert!(said.contains(says), "{said}");
        refused(&folder, &["update", "sign", "bad.privet", "--key", "ann.key"]);
    }
    let said = refused(&folder, &["update", "install", "none.privet"]);
    assert!(said.contains("there is no file"), "{said}");
    assert!(!folder.path().join("privet-data/updates").exists());
}

#[test]
fn a_folder_with_links_or_strange_names_makes_no_update() {
    let folder = with_updates("http://127.0.0.1:9", "", "", 1);
    let build = |from: &str| {
        let arguments = [
            "update",
            "build",
            from,
            "--kind",
            "policy",
            "--version",
            "1",
            "--out",
            "x",
        ];
        refused(&folder, &arguments)
    };
    write(&folder, "a/policy.toml", "");
    symlink("/etc/passwd", folder.path().join("a/passwd")).expect("a link");
    assert!(build("a").contains("neither a file nor a folder"));
    write(&folder, "b/policy.toml", "");
    write(&folder, "b/.policy.toml.swp", "");
    assert!(build("b").contains(".policy.toml.swp"));
    write(&folder, "c/rules.toml", "");
    assert!(build("c").contains("policy.toml"));
    assert!(build("none").contains("cannot read"));
    assert!(!folder.path().join("x").exists());
}

#[test]
fn versions_are_listed_gone_back_to_and_pinned_and_the_log_is_told() {
    let folder = with_updates("http://127.0.0.1:9", "policy = \"updates:policy\"", "", 1);
    for version in 1..=3 {
        let comment = format!("# {version}\n");
        install(&folder, "policy", version, &[("policy.toml", &comment)]);
    }
    let said = refused(&folder, &["update", "install", "policy-2.privet"]);
    assert!(said.contains("older than 3"), "{said}");
    let verified = run(&folder, &["update", "verify", "policy-2.privet"]);
    assert_eq!(verified.status.code(), Some(1), "{}", err(&verified));
    assert!(err(&verified).contains("older than 3"), "{}", err(&verified));
    fine(&folder, &["update", "install", "policy-3.privet"]);
    fine(&folder, &["update", "rollback", "policy"]);
    assert_eq!(current(&folder, "policy"), Some(2));
    fine(&folder, &["update", "pin", "policy", "2"]);
    let said = refused(&folder, &["update", "install", "policy-3.privet"]);
    assert!(said.contains("privet update pin policy none"), "{said}");
    refused(&folder, &["update", "rollback", "policy"]);
    refused(&folder, &["update", "pin", "policy", "3"]);
    refused(&folder, &["update", "pin", "rules", "3"]);
    refused(&folder, &["update", "pin", "policy", "latest"]);
    let table = fine(&folder, &["update", "list"]);
    assert!(table.contains("in force, pinned"), "{table}");
    fine(&folder, &["update", "pin", "policy", "none"]);
    fine(&folder, &["update", "rollback", "policy", "--to", "1"]);
    fine(&folder, &["update", "install", "policy-3.privet"]);
    assert_eq!(current(&folder, "policy"), Some(3));
    fine(&folder, &["update", "install", "policy-2.privet", "--rollback"]);
    assert_eq!(current(&folder, "policy"), Some(2));
    let expected = [
        ("update_installed", 1, None),
        ("update_installed", 2, Some(1)),
        ("update_installed", 3, Some(2)),
        ("update_installed", 3, Some(3)),
        ("update_rolled_back", 2, Some(3)),
        ("update_pinned", 2, None),
        ("update_unpinned", 2, Some(2)),
        ("update_rolled_back", 1, Some(2)),
        ("update_installed", 3, Some(1)),
        ("update_rolled_back", 2, Some(3)),
    ];
    let expected = expected.map(|(kind, version, before)| (kind.to_owned(), version, before));
    assert_eq!(told(&folder), expected);
}

#[test]
fn another_channel_is_not_taken() {
    let folder = with_updates("http://127.0.0.1:9", "", "channel = \"production\"", 1);
    let file = signed(&folder, "policy", 1, &[("policy.toml", "")]);
    let said = refused(&folder, &["update", "install", &file]);
    assert!(
        said.contains("`default`") && said.contains("`production`"),
        "{said}"
    );
}

/// Puts an update of rules that has expired on the shelf, as it would lie there had it been installed in time.
fn expired(folder: &TempDir) {
    let text = fs::read_to_string(folder.path().join("ann.key")).expect("a key");
    let key = SigningKey::parse(&text).expect("a key");
    let term = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
    let files = BTreeMap::from([("rules.toml".to_owned(), Vec::new())]);
    let mut bundle = UpdateBundle::new(
        (UpdateKind::Rules, "default"),
        (1, None),
        (term.0.parse().expect("a time"), term.1.parse().expect("a time")),
        files,
    )
    .expect("an update");
    bundle.head_mut().sign(&key).expect("a signature");
    let head = bundle.head().to_bytes().expect("a head");
    write(folder, "privet-data/updates/rules/1/rules.toml", "");
    let rules = folder.path().join("privet-data/updates/rules");
    fs::write(rules.join("1/update.head"), head).expect("a file");
    fs::write(rules.join("state.json"), "{\"floor\":1,\"pin\":null}").expect("a file");
    symlink("1", rules.join("current")).expect("a link");
}

#[test]
fn an_update_that_has_expired_is_told_of_and_refused_where_the_settings_say_so() {
    let folder = with_updates("http://127.0.0.1:9", "rules = [\"updates:rules\"]", "", 1);
    expired(&folder);
    let output = run(&folder, &["serve", "--check"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(
        err(&output).contains("rules 1 expired at 2026-02-01"),
        "{}",
        err(&output)
    );
    let mut serving = Serving::start(&folder);
    serving.wait_for("rules 1 expired at 2026-02-01", 20);
    serving.signal();
    assert_eq!(serving.end().0, Some(0));
    let path = folder.path().join("privet.toml");
    let text = fs::read_to_string(&path).expect("settings");
    fs::write(&path, format!("{text}expired = \"refuse\"\n")).expect("a file");
    let said = refused(&folder, &["serve"]);
    assert!(said.contains("install a newer one"), "{said}");
    // The way out works all the same.
    install(&folder, "rules", 2, &[("rules.toml", "")]);
    fine(&folder, &["serve", "--check"]);
    let said = refused(&folder, &["update", "rollback", "rules"]);
    assert!(said.contains("expired"), "{said}");
}

#[test]
fn several_installations_at_once_end_with_the_newest() {
    let folder = with_updates("http://127.0.0.1:9", "policy = \"updates:policy\"", "", 1);
    let files: Vec<String> = (1..=5)
        .map(|version| {
            signed(
                &folder,
                "policy",
                version,
                &[("policy.toml", &format!("# {version}\n"))],
            )
        })
        .collect();
    fine(&folder, &["key", "create", "--name", "ann"]);
    let mut children: Vec<_> = files
        .iter()
        .map(|file| {
            let mut command = privet(&folder, &["update", "install", file]);
            command.stderr(std::process::Stdio::null());
            command.spawn().expect("privet starts")
        })
        .collect();
    let codes: Vec<_> = children
        .iter_mut()
        .map(|child| child.wait().expect("it ends").code())
        .collect();
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 2))), "{codes:?}");
    assert_eq!(codes[4], Some(0));
    assert_eq!(current(&folder, "policy"), Some(5));
    fine(&folder, &["serve", "--check"]);
}

#[test]
fn an_installation_that_is_killed_leaves_a_policy_that_can_be_used() {
    let folder = with_updates("http://127.0.0.1:9", "policy = \"updates:policy\"", "", 1);
    install(&folder, "policy", 1, &[("policy.toml", "")]);
    let mut before = 1;
    for version in 2..=9 {
        let file = signed(
            &folder,
            "policy",
            version,
            &[("policy.toml", &format!("# {version}\n"))],
        );
        let mut command = privet(&folder, &["update", "install", &file]);
        command.stderr(std::process::Stdio::null());
        let mut child = command.spawn().expect("privet starts");
        std::thread::sleep(Duration::from_millis(25 * (version - 1)));
        // It may have ended already.
        let _ = child.kill();
        let _ = child.wait();
        fine(&folder, &["serve", "--check"]);
        let now = current(&folder, "policy").expect("one is in force");
        assert!(now == before || now == version, "{version}: {now}");
        before = now;
    }
    install(&folder, "policy", 10, &[("policy.toml", "")]);
    assert_eq!(current(&folder, "policy"), Some(10));
    assert!(!Path::new(&folder.path().join("privet-data/updates/policy/.new")).exists());
}
