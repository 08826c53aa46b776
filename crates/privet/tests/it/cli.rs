//! The program from outside: what it prints, what it leaves, how it ends.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use privet_testkit::demo::{Provider, ProviderConfig};
use privet_testkit::{Ask, Reply};
use serde_json::Value;
use tempfile::TempDir;

const EMAIL: &str = "ada.lovelace@example.com";

/// `privet` in a folder of its own, with no environment but what is given.
pub(crate) fn privet(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_privet"));
    command
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .env("COLUMNS", "100");
    command
}

pub(crate) fn run(folder: &TempDir, arguments: &[&str]) -> Output {
    privet(folder, arguments).output().expect("privet starts")
}

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

pub(crate) fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// It went well: the output, and nothing of it on the other side.
pub(crate) fn fine(folder: &TempDir, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", err(&output));
    out(&output)
}

/// It ended with 2 and said nothing on standard output: the last line on standard error.
pub(crate) fn refused(folder: &TempDir, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let said = err(&output);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert!(said.lines().all(|line| line.starts_with("privet: ")), "{said}");
    said.lines().last().unwrap_or_default().to_owned()
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Settings in front of nobody, or of the provider at `base`.
pub(crate) fn settings(folder: &TempDir, base: &str) {
    let text = format!(
        "listen = \"127.0.0.1:0\"\n[[providers]]\nname = \"demo\"\ndialect = \"openai\"\nbase_url = \"{base}/v1\"\n\
         [[models]]\nmatch = \"*\"\nprovider = \"demo\"\n"
    );
    std::fs::write(folder.path().join("privet.toml"), text).expect("a file");
}

pub(crate) fn with_settings() -> TempDir {
    let folder = folder();
    settings(&folder, "http://127.0.0.1:9");
    folder
}

#[test]
fn every_command_explains_itself() {
    let folder = folder();
    let all = fine(&folder, &["--help"]);
    for command in ["demo", "serve", "key", "audit"] {
        assert!(all.contains(command), "{all}");
    }
    for arguments in [&["demo"][..], &["serve"], &["key", "create"]] {
        let help = fine(&folder, &[arguments, &["--help"]].concat());
        let example = format!("  privet {}", arguments.join(" "));
        assert!(
            help.contains("Examples:") && help.contains(&example),
            "{arguments:?}: {help}"
        );
    }
    for arguments in [&["key"][..], &["key", "list"], &["key", "revoke"]] {
        let help = fine(&folder, &[arguments, &["--help"]].concat());
        let usage = format!("Usage: privet {}", arguments.join(" "));
        assert!(help.contains(&usage), "{arguments:?}: {help}");
    }
    assert!(fine(&folder, &["--version"]).starts_with("privet "));
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let folder = folder();
    for arguments in [
        &[][..],
        &["serv"],
        &["serve", "--nonsense"],
        &["key"],
        &["key", "create"],
        &["key", "revoke"],
        &["key", "list", "--format", "xml"],
        &["demo", "--style", "loud"],
        &["demo", "--port", "99999"],
        &["serve", "--check", "--print-example"],
    ] {
        let output = run(&folder, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{arguments:?}"
        );
    }
}

#[test]
fn the_printed_examples_pass_the_check() {
    let folder = folder();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).expect("a file");
    let example = fine(&folder, &["serve", "--print-example"]);
    write("privet.toml", example.replace("#policy =", "policy ="));
    write("policy.toml", fine(&folder, &["serve", "--print-policy"]));
    let check = |command: &mut Command| {
        let output = command.output().expect("privet starts");
        (output.status.code(), out(&output), err(&output))
    };
    let (code, _, said) = check(&mut privet(&folder, &["serve", "--check"]));
    assert_eq!(code, Some(2));
    assert!(said.contains("`OPENAI_API_KEY`"), "{said}");
    let mut command = privet(&folder, &["serve", "--check"]);
    command
        .env("OPENAI_API_KEY", "a-key")
        .env("ANTHROPIC_API_KEY", "another-key");
    let (code, said, error) = check(&mut command);
    assert_eq!(code, Some(0), "{error}");
    assert!(said.contains("policy version "), "{said}");
    assert!(
        !folder.path().join("privet-data").exists(),
        "a check leaves nothing behind"
    );
}

#[test]
fn a_policy_that_sends_sensitive_prompts_to_who_is_not_local_fails_the_check() {
    let folder = folder();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write(
        "privet.toml",
        "policy = \"policy.toml\"\n[[providers]]\nname = \"home\"\nkind = \"ollama\"\n\
         [[providers]]\nname = \"far\"\nkind = \"vllm\"\nbase_url = \"https://gpu.example.com/v1\"\n\
         [[models]]\nmatch = \"*\"\nprovider = \"far\"\n",
    );
    let rule = "[[routing.sensitive]]\nentities = [\"US_SSN\"]\naction = \"local\"\nmask = false\n";
    write("policy.toml", &format!("{rule}to = \"far\"\n"));
    let said = refused(&folder, &["serve", "--check"]);
    assert!(
        said.contains("`routing.sensitive[0].to`") && said.contains("is not local"),
        "{said}"
    );
    write("policy.toml", &format!("{rule}to = \"home\"\n"));
    fine(&folder, &["serve", "--check"]);
}

#[test]
fn missing_settings_say_how_to_write_some() {
    let folder = folder();
    for arguments in [
        &["serve"][..],
        &["serve", "--check"],
        &["key", "list"],
        &["key", "create", "--name", "a"],
    ] {
        let said = refused(&folder, arguments);
        assert!(
            said.contains("privet serve --print-example > privet.toml"),
            "{said}"
        );
    }
    let said = refused(&folder, &["serve", "--config", "etc/mine.toml"]);
    assert!(said.contains("`etc/mine.toml`"), "{said}");
}

#[test]
fn a_key_pasted_into_the_settings_is_refused_and_not_repeated() {
    let folder = with_settings();
    let path = folder.path().join("privet.toml");
    let text = std::fs::read_to_string(&path).expect("settings");
    let secret = ["sk-proj-", "Zq3vN8kT1xWb7Rj5Ld2Pf9Hs6Mc4Yg0Ae"].concat();
    for pasted in [
        format!("api_key = \"{secret}\""),
        format!("api_key = {{ env = \"{secret}\" }}"),
        format!("api_key = {{ file = \"{secret}\" }}"),
        format!("query = \"key={secret}\""),
        format!("api_ky = \"{secret}\""),
    ] {
        let text = text.replace("dialect", &format!("{pasted}\ndialect"));
        std::fs::write(&path, text).expect("a file");
        let said = refused(&folder, &["serve", "--check"]);
        assert!(!said.contains(&secret) && !said.contains("Zq3vN8kT"), "{said}");
        assert!(said.contains("privet.toml:4:"), "{said}");
    }
}

#[test]
fn a_mistake_in_the_settings_or_policy_is_named_with_its_place() {
    let folder = with_settings();
    let path = folder.path().join("privet.toml");
    let text = std::fs::read_to_string(&path).expect("settings");
    for (wrong, named) in [
        (text.replace("listen = \"127", "listne = \"127"), "listne"),
        (text.replace("127.0.0.1:0\"", "localhost\""), "listen"),
        (text.replace("provider = \"demo\"", "provider = \"dmeo\""), "demo"),
        (
            text.replace("[[models]]", "[limits]\nrequest_body = \"1\"\n[[models]]"),
            "request_body",
        ),
        (format!("policy = \"policy.toml\"\n{text}"), "policy.toml"),
        ("x = [".to_owned(), "privet.toml"),
    ] {
        std::fs::write(&path, wrong).expect("a file");
        let said = refused(&folder, &["serve", "--check"]);
        assert!(said.contains(named), "{named}: {said}");
    }
    std::fs::write(&path, format!("policy = \"policy.toml\"\n{text}")).expect("a file");
    std::fs::write(folder.path().join("policy.toml"), "[pii]\nstyle = \"loud\"\n").expect("a file");
    let said = refused(&folder, &["serve", "--check"]);
    assert!(said.contains("policy.toml") && said.contains("style"), "{said}");
}

fn keys(folder: &TempDir) -> Vec<Value> {
    let lines = fine(folder, &["key", "list", "--format", "jsonl"]);
    let parsed = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("one JSON object a line"));
    parsed.collect()
}

#[test]
fn a_key_is_made_listed_and_revoked() {
    let folder = with_settings();
    assert!(keys(&folder).is_empty());
    let ann = fine(&folder, &["key", "create", "--name", "ann"]);
    let ci = fine(&folder, &["key", "create", "--name", "ci", "--expires", "90d"]);
    for key in [&ann, &ci] {
        assert!(
            key.starts_with("prvt_") && key.trim_end().len() == 61,
            "only the key, for scripts"
        );
    }
    let listed = keys(&folder);
    assert_eq!(listed.len(), 2);
    assert_eq!(
        (&listed[0]["name"], &listed[0]["state"]),
        (&"ann".into(), &"active".into())
    );
    assert_eq!(listed[0]["expires_at"], Value::Null);
    assert!(listed[1]["expires_at"].is_string());
    let id = listed[0]["id"].as_str().expect("an id");
    let table = fine(&folder, &["key", "list"]);
    assert!(
        table.starts_with("id ") && table.contains(id) && table.contains("never"),
        "{table}"
    );
    assert!(!table.contains(ann.trim_end()) && !format!("{listed:?}").contains("prvt_"));

    assert_eq!(fine(&folder, &["key", "revoke", id]), "");
    let revoked = keys(&folder);
    assert_eq!(
        (&revoked[0]["state"], &revoked[1]["state"]),
        (&"revoked".into(), &"active".into())
    );
    fine(&folder, &["key", "revoke", id]);
    assert_eq!(keys(&folder), revoked, "revoked once is revoked since then");
}

#[test]
fn a_key_is_rotated_and_its_line_revoked() {
    let folder = with_settings();
    fine(
        &folder,
        &[
            "key",
            "create",
            "--name",
            "ci",
            "--expires",
            "90d",
            "--scope",
            "vault.read",
        ],
    );
    let first = keys(&folder).remove(0);
    let id = first["id"].as_str().expect("an id");
    let second = fine(&folder, &["key", "rotate", id]);
    assert!(second.starts_with("prvt_"), "only the key, for scripts");
    let listed = keys(&folder);
    assert_eq!(
        (&listed[0]["state"], &listed[0]["successor"]),
        (&"rotating".into(), &listed[1]["id"])
    );
    assert_eq!(
        (&listed[1]["name"], &listed[1]["scopes"], &listed[1]["state"]),
        (&first["name"], &first["scopes"], &"active".into())
    );
    let said = refused(&folder, &["key", "rotate", id]);
    let successor = listed[1]["id"].as_str().expect("an id");
    assert!(
        said.contains(successor) && said.contains("rotate that one"),
        "{said}"
    );
    refused(&folder, &["key", "rotate", successor, "--grace", "91d"]);
    let said = refused(&folder, &["key", "rotate", successor, "--grace", "soon"]);
    assert!(said.contains("--grace soon"), "{said}");

    let unused = fine(
        &folder,
        &["key", "list", "--format", "jsonl", "--unused-since", "0s"],
    );
    assert_eq!(unused.lines().count(), 2, "{unused}");
    assert_eq!(
        fine(
            &folder,
            &["key", "list", "--format", "jsonl", "--unused-since", "1d"]
        ),
        ""
    );
    fine(&folder, &["key", "revoke", successor, "--line"]);
    let states: Vec<Value> = keys(&folder).iter().map(|key| key["state"].clone()).collect();
    assert_eq!(states, ["revoked", "revoked"]);
    let said = refused(&folder, &["key", "rotate", successor]);
    assert!(said.contains("revoked or has expired"), "{said}");
}

#[test]
fn what_cannot_be_a_key_is_refused() {
    let folder = with_settings();
    let said = refused(&folder, &["key", "revoke", "no-such-id"]);
    assert!(
        said.contains("`no-such-id`") && said.contains("privet key list"),
        "{said}"
    );
    for expires in ["soon", "", "90", "-5d", "1y"] {
        let expires = format!("--expires={expires}");
        let said = refused(&folder, &["key", "create", "--name", "a", &expires]);
        assert!(said.contains("12h"), "{said}");
    }
    for name in ["", "Ada Lovelace", "a/b", "ü"] {
        refused(&folder, &["key", "create", "--name", name]);
    }
    refused(&folder, &["key", "create", "--name", "a", "--expires", "0s"]);
    assert!(keys(&folder).is_empty());
}

#[test]
fn a_lost_root_key_is_not_replaced() {
    let folder = with_settings();
    fine(&folder, &["key", "create", "--name", "ann"]);
    let root = folder.path().join("privet-data/root.key");
    let text = std::fs::read_to_string(&root).expect("a root key");
    std::fs::remove_file(&root).expect("it can be deleted");
    let said = refused(&folder, &["key", "list"]);
    assert!(said.contains("put the key file back"), "{said}");
    std::fs::write(
        &root,
        text.replace(['1', '2', '3'], "4").replace("root-4", "root-1"),
    )
    .expect("a file");
    let said = refused(&folder, &["key", "list"]);
    let digits = text.trim().rsplit(':').next().unwrap_or(&text);
    assert!(!said.contains(digits), "{said}");
}

#[test]
fn the_demo_runs_once_in_both_styles() {
    let folder = folder();
    for style in ["tag", "realistic"] {
        let output = run(&folder, &["demo", "--once", "--style", style]);
        let text = out(&output);
        assert_eq!(output.status.code(), Some(0), "{text}{}", err(&output));
        assert!(output.stderr.is_empty(), "{}", err(&output));
        let header = text
            .lines()
            .find(|line| line.contains("sent") && line.contains("saw"))
            .unwrap_or_else(|| panic!("no header in {text}"));
        assert!(header.contains("got") || header.contains("back"), "{header}");
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest > Some(80), "{text}");
        assert!(text.contains("joerg.mueller@example.com"), "{text}");
        assert_eq!(text.contains("EMAIL_ADDRESS_"), style == "tag", "{text}");
        assert!(
            !text.contains("LEAK") && !text.contains("LOST") && !text.contains('\u{1b}'),
            "{text}"
        );
        let last = text.lines().last().unwrap_or_default();
        assert!(text.contains("none reached the provider"), "{last}");
    }
    let left = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 0, "the demo leaves nothing behind");
}

/// `privet serve` under way. Dropped, it is killed.
pub(crate) struct Serving {
    child: Child,
    address: SocketAddr,
    /// What it logged until it listened.
    begun: String,
    log: BufReader<std::process::ChildStderr>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Serving {
    pub(crate) fn start(folder: &TempDir) -> Self {
        let mut child = privet(folder, &["serve"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("privet starts");
        let mut log = BufReader::new(child.stderr.take().expect("piped"));
        let mut begun = String::new();
        let address = loop {
            let mut line = String::new();
            let read = log.read_line(&mut line).expect("a log line");
            assert!(read > 0, "it ended before it listened");
            if let Some((_, rest)) = line.split_once("address=") {
                let address = rest.split_whitespace().next().unwrap_or_default();
                break address.parse().expect("an address");
            }
            begun.push_str(&line);
        };
        Self {
            child,
            address,
            begun,
            log,
        }
    }

    pub(crate) fn ask(&self, key: &str, text: &str) -> Reply {
        let body = serde_json::json!({"model": "demo-echo", "messages": [{"role": "user", "content": text}]});
        let ask = Ask::new(self.address, "POST", "/v1/chat/completions")
            .header("content-type", "application/json")
            .header("authorization", &format!("Bearer {}", key.trim_end()))
            .body(body.to_string());
        runtime().block_on(ask.send())
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn signal(&self) {
        self.tell(rustix::process::Signal::TERM);
    }

    pub(crate) fn hang_up(&self) {
        self.tell(rustix::process::Signal::HUP);
    }

    fn tell(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(id.expect("an id"), signal).expect("it runs");
    }

    /// Waits until it logs `text`, `most` lines long; what it logged before it listened counts, too, once.
    pub(crate) fn wait_for(&mut self, text: &str, most: usize) {
        if std::mem::take(&mut self.begun).contains(text) {
            return;
        }
        for _ in 0..most {
            let mut line = String::new();
            let read = self.log.read_line(&mut line).expect("a log line");
            assert!(read > 0, "it ended before it logged `{text}`");
            if line.contains(text) {
                return;
            }
        }
        panic!("it logged {most} lines, and none with `{text}`");
    }

    /// The exit code, and what it had logged since it listened.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        std::io::Read::read_to_string(&mut self.log, &mut log).expect("UTF-8");
        (self.child.wait().expect("it ends").code(), log)
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

#[test]
fn serve_answers_and_ends_with_0_at_sigterm() {
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
    let reply = serving.ask(&key, &format!("I am {EMAIL}"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().contains(EMAIL));
    let seen = format!("{:?}", provider.recordings());
    assert!(!seen.contains(EMAIL) && !seen.contains(key.trim_end()), "{seen}");
    let late = fine(&folder, &["key", "create", "--name", "bob"]);
    assert_eq!(
        serving.ask(&late, "hello").status,
        200,
        "a key made while it runs"
    );
    let second = refused(&folder, &["serve"]);
    assert!(second.contains("spool"), "{second}");
    serving.signal();
    let (code, log) = serving.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains(EMAIL) && !log.contains("prvt_"), "{log}");
    assert!(holds_none(folder.path(), &[EMAIL, key.trim_end()]));

    // The next one goes on where this one ended.
    let again = Serving::start(&folder);
    again.ask(&key, &format!("I am {EMAIL}"));
    let seen = provider.recordings();
    assert_eq!(
        seen.first().map(|one| &one.body),
        seen.last().map(|one| &one.body)
    );
    again.signal();
    assert_eq!(again.end().0, Some(0));
}

#[test]
fn the_second_signal_ends_it_at_once_though_a_request_is_under_way() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let folder = folder();
    settings(
        &folder,
        &format!("http://{}", silent.local_addr().expect("an address")),
    );
    let key = fine(&folder, &["key", "create", "--name", "ann"]);
    let serving = Serving::start(&folder);
    let body = r#"{"model":"demo-echo","messages":[{"role":"user","content":"hello"}]}"#;
    let mut asking = std::net::TcpStream::connect(serving.address).expect("it listens");
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        key.trim_end(),
        body.len()
    );
    std::io::Write::write_all(&mut asking, head.as_bytes()).expect("it reads");
    let (_provider_side, _) = silent.accept().expect("the prompt is on its way");
    serving.signal();
    let gone = std::time::Instant::now();
    while std::net::TcpStream::connect(serving.address).is_ok() {
        assert!(
            gone.elapsed() < privet_testkit::PATIENCE,
            "it still takes connections"
        );
        std::thread::yield_now();
    }
    serving.signal();
    assert_eq!(serving.end().0, Some(130));
}

fn holds_none(folder: &Path, secrets: &[&str]) -> bool {
    std::fs::read_dir(folder).expect("a folder").all(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return holds_none(&path, secrets);
        }
        let bytes = std::fs::read(&path).expect("a file");
        secrets.iter().all(|secret| {
            !bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes())
        })
    })
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let folder = with_settings();
    let path = folder.path().join("privet.toml");
    let text = std::fs::read_to_string(&path).expect("settings");
    std::fs::write(&path, text.replace("127.0.0.1:0", &address)).expect("a file");
    let output = run(&folder, &["serve"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains(&address), "{}", err(&output));
}

#[test]
fn a_key_says_what_it_is_good_for_and_whose_it_is() {
    let folder = with_settings();
    fine(&folder, &["key", "create", "--name", "app"]);
    fine(
        &folder,
        &[
            "key",
            "create",
            "--name",
            "crm",
            "--tenant",
            "acme",
            "--scope",
            "vault.read",
            "--scope",
            "vault.write",
        ],
    );
    fine(
        &folder,
        &["key", "create", "--name", "officer", "--scope", "vault"],
    );
    let lines = fine(&folder, &["key", "list", "--format", "jsonl"]);
    let keys: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(keys[0]["scopes"], serde_json::json!(["gateway"]));
    assert_eq!(keys[0]["tenant"], "default");
    assert_eq!(
        keys[1]["scopes"],
        serde_json::json!(["vault.read", "vault.write"])
    );
    assert_eq!(keys[1]["tenant"], "acme");
    let all = keys[2]["scopes"].as_array().expect("scopes");
    assert!(all.len() > 5 && !all.contains(&"gateway".into()), "{all:?}");
    let table = fine(&folder, &["key", "list"]);
    assert!(
        table.contains("vault.read,vault.write") && table.contains("acme"),
        "{table}"
    );
    let said = refused(
        &folder,
        &["key", "create", "--name", "x", "--scope", "everything"],
    );
    assert!(
        said.contains("everything") && said.contains("vault.read"),
        "{said}"
    );
}

#[test]
fn the_check_covers_the_places_of_store_and_keyring() {
    let folder = with_settings();
    let path = folder.path().join("privet.toml");
    let plain = std::fs::read_to_string(&path).expect("settings");
    let with = |tables: &str| {
        std::fs::write(&path, format!("{plain}{tables}")).expect("a file");
        privet(&folder, &["serve", "--check"])
    };
    let missing = with("[store]\nurl = { env = \"STORE\" }\n")
        .output()
        .expect("privet starts");
    assert_eq!(missing.status.code(), Some(2));
    assert!(err(&missing).contains("`STORE`"), "{}", err(&missing));
    let keyring = "[vault]\nenabled = true\n[keyring]\nurl = { env = \"KEYS\" }\n";
    let wrong = with(keyring)
        .env("KEYS", "mysql://u:hush@h/d")
        .output()
        .expect("privet starts");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        err(&wrong).contains("keyring") && !err(&wrong).contains("hush"),
        "{}",
        err(&wrong)
    );
    let good = with(keyring)
        .env("KEYS", "postgres://u:hush@h/d")
        .output()
        .expect("privet starts");
    assert_eq!(good.status.code(), Some(0), "{}", err(&good));
}
