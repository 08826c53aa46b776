//! `privet scan --serve` from outside.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdout, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{folder, privet, refused, run};

const MAIL: &str = "maria.lopez@brightwater-harbour.org";
const PAGE: &str = "http://localhost:8888";

/// A made-up key of a made-up person, put together here so that nothing takes it for a live one.
fn secret(number: usize) -> String {
    let letters = b"Qz7Xk2Vb9Lm4Tr8Wd3Hf6Yc1Np5Js0GgAeUuRrOo";
    let body: String = (0..36)
        .map(|at| letters[(at * 7 + number * 11 + at * at) % letters.len()] as char)
        .collect();
    format!("ghp{}{body}", '_')
}

/// Two secrets in outputs of one cell, one of them in another cell's, too, and a mail address in a source.
fn notebook() -> String {
    let stream = |text: String| json!({ "output_type": "stream", "name": "stdout", "text": [text] });
    let code = |id: &str, source: &str, outputs: Value| json!({ "cell_type": "code", "id": id, "metadata": {}, "execution_count": 1, "source": [source], "outputs": outputs });
    let value = json!({
        "nbformat": 4, "nbformat_minor": 5, "metadata": {},
        "cells": [
            { "cell_type": "markdown", "id": "first", "metadata": {}, "source": [format!("Ask {MAIL} about it.\n")] },
            code("second", "show()", json!([
                stream("ready\n".to_owned()),
                stream(format!("token {}\n", secret(1))),
                stream(format!("token {}\n", secret(2))),
            ])),
            code("third", "again()", json!([stream(format!("token {}\n", secret(1)))])),
        ],
    });
    serde_json::to_string_pretty(&value).expect("JSON")
}

/// A served scan, and how it is asked.
struct Served {
    child: Child,
    said: BufReader<ChildStdout>,
    port: u16,
    token: String,
}

struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    fn start(folder: &TempDir, more: &[&str]) -> Self {
        let arguments = [&["scan", "--serve", "--port", "0"], more].concat();
        let mut child = privet(folder, &arguments)
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("privet starts");
        let mut said = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        said.read_line(&mut line).expect("a line");
        let (_, rest) = line.split_once("http://127.0.0.1:").expect("where it is");
        let (port, rest) = rest.split_once(';').expect("the port");
        let file = rest.split('`').nth(1).expect("the file with the token");
        let token = fs::read_to_string(folder.path().join(file)).expect("a token");
        Self {
            child,
            said,
            port: port.parse().expect("a port"),
            token: token.trim().to_owned(),
        }
    }

    /// Sends a request as it is written here; `host` and `content-length` are added if they are missing.
    fn send(&self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let mut request = format!("{line} HTTP/1.1\r\nconnection: close\r\n");
        let own = [
            ("host", format!("127.0.0.1:{}", self.port)),
            ("content-length", body.len().to_string()),
        ];
        for (name, value) in own {
            if !headers.iter().any(|(given, _)| *given == name) {
                request += &format!("{name}: {value}\r\n");
            }
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        stream
            .write_all(format!("{request}\r\n").as_bytes())
            .expect("it reads");
        // It may answer before it has read all.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).expect("UTF-8");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        Answer {
            status: head
                .split(' ')
                .nth(1)
                .and_then(|text| text.parse().ok())
                .expect("a status"),
            head: head.to_ascii_lowercase(),
            body: serde_json::from_str(body).unwrap_or(Value::Null),
        }
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        let authorization = format!("Bearer {}", self.token);
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
        ];
        self.send(&format!("POST {path}"), &headers, body.to_string().as_bytes())
    }

    fn scan(&self, name: &str, content: &str) -> Answer {
        self.post("/v1/scan", &json!({ "name": name, "content": content }))
    }

    /// All that it said until it was ended.
    fn ended(mut self) -> String {
        self.child.kill().expect("it runs");
        let mut said = String::new();
        self.said.read_to_string(&mut said).expect("UTF-8");
        let mut errors = self.child.stderr.take().expect("piped");
        errors.read_to_string(&mut said).expect("UTF-8");
        said
    }
}

fn code(answer: &Answer) -> (u16, &str) {
    assert!(
        answer.head.contains("content-type: application/problem+json"),
        "{}",
        answer.head
    );
    assert_eq!(answer.body["status"], json!(answer.status));
    assert_eq!(answer.body["type"], json!("about:blank"));
    (answer.status, answer.body["code"].as_str().expect("a code"))
}

fn findings(answer: &Answer) -> &Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["findings"].as_array().expect("findings")
}

#[test]
fn findings_come_with_the_indices_of_their_cells_and_outputs() {
    let folder = folder();
    let served = Served::start(&folder, &[]);
    let answer = served.scan("notes/a.ipynb", &notebook());
    let places: Vec<(&str, Option<u64>, Option<u64>)> = findings(&answer)
        .iter()
        .map(|finding| {
            assert_eq!(finding["path"], "notes/a.ipynb");
            let category = finding["category"].as_str().expect("a category");
            (
                category,
                finding["cell_index"].as_u64(),
                finding["output_index"].as_u64(),
            )
        })
        .collect();
    let wanted = [
        ("pii", Some(0), None),
        ("secret", Some(1), Some(1)),
        ("secret", Some(1), Some(2)),
        ("secret", Some(2), Some(0)),
    ];
    assert_eq!(places, wanted);
    let prints: Vec<&Value> = findings(&answer).iter().map(|f| &f["fingerprint"]).collect();
    assert_eq!(prints[1], prints[3]);
    assert_ne!(prints[1], prints[2]);
    let text = answer.body.to_string();
    assert!(!text.contains(&secret(1)) && !text.contains(MAIL), "{text}");
}

#[test]
fn a_file_is_scanned_as_the_command_line_scans_it() {
    let folder = folder();
    fs::write(folder.path().join("ä b.ipynb"), notebook()).expect("a file");
    let served = Served::start(&folder, &[]);
    let cli = privet(&folder, &["scan", "--format", "json", "--no-cache", "ä b.ipynb"])
        .env("HOME", folder.path())
        .output()
        .expect("privet starts");
    let cli: Value = serde_json::from_slice(&cli.stdout).expect("a report");
    let authorization = format!("Bearer {}", served.token);
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/octet-stream"),
    ];
    let answer = served.send(
        "POST /v1/scan?name=%C3%A4+b.ipynb",
        &headers,
        notebook().as_bytes(),
    );
    let mut own = findings(&answer).clone();
    for finding in &mut own {
        let finding = finding.as_object_mut().expect("an object");
        finding.remove("cell_index");
        finding.remove("output_index");
    }
    assert_eq!(Value::from(own), cli["findings"]);
    assert_eq!(answer.body["rule_set"], cli["rule_set"]);
}

#[test]
fn only_who_has_the_token_is_answered() {
    let folder = folder();
    let served = Served::start(&folder, &[]);
    let ask = |authorization: Option<String>| {
        let headers: Vec<(&str, &str)> = authorization
            .iter()
            .map(|value| ("authorization", value.as_str()))
            .collect();
        served.send("GET /v1/healthz", &headers, b"")
    };
    let wrong = [
        None,
        Some("Bearer".to_owned()),
        Some(format!("Bearer {}x", served.token)),
        Some(served.token.clone()),
    ];
    for authorization in wrong {
        let answer = ask(authorization.clone());
        assert_eq!(code(&answer), (401, "wrong_token"), "{authorization:?}");
        assert!(
            answer.head.contains("www-authenticate: bearer"),
            "{}",
            answer.head
        );
    }
    let answer = ask(Some(format!("Bearer {}", served.token)));
    assert_eq!(
        (answer.status, &answer.body["status"]),
        (200, &json!("ok")),
        "{}",
        answer.body
    );
    // What is not there is not told to others, either.
    assert_eq!(code(&served.send("GET /", &[], b"")), (401, "wrong_token"));
}

#[test]
fn the_token_is_for_its_owner_alone_and_stays() {
    let folder = folder();
    let first = Served::start(&folder, &[]);
    let file = folder.path().join(".local/share/privet/scan-serve.token");
    let mode = fs::metadata(&file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(first.token.len(), 43);
    let second = Served::start(&folder, &[]);
    assert_eq!(first.token, second.token);
    let third = Served::start(&folder, &["--token-file", "other/token"]);
    assert_ne!(first.token, third.token);
    fs::set_permissions(
        folder.path().join("other/token"),
        fs::Permissions::from_mode(0o640),
    )
    .expect("a mode");
    let said = refused(
        &folder,
        &["scan", "--serve", "--port", "0", "--token-file", "other/token"],
    );
    assert!(
        said.contains("chmod 600") && !said.contains(&third.token),
        "{said}"
    );
    assert!(!first.ended().contains(&second.token));
}

#[test]
fn names_of_others_that_lead_here_are_refused() {
    let folder = folder();
    let served = Served::start(&folder, &[]);
    let authorization = format!("Bearer {}", served.token);
    let ask = |host: &str| {
        let headers = [("authorization", authorization.as_str()), ("host", host)];
        served.send("GET /v1/healthz", &headers, b"")
    };
    assert_eq!(ask(&format!("localhost:{}", served.port)).status, 200);
    let others = [
        format!("rebound.example:{}", served.port),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{}", served.port ^ 1),
    ];
    for host in others {
        assert_eq!(code(&ask(&host)), (421, "wrong_host"), "{host}");
    }
}

#[test]
fn only_pages_that_were_named_may_ask() {
    let folder = folder();
    let served = Served::start(&folder, &["--allow-origin", PAGE]);
    let authorization = format!("Bearer {}", served.token);
    let page = |origin: &str| {
        let headers = [("authorization", authorization.as_str()), ("origin", origin)];
        served.send("GET /v1/healthz", &headers, b"")
    };
    let answer = page(PAGE);
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .head
            .contains(&format!("access-control-allow-origin: {PAGE}")),
        "{}",
        answer.head
    );
    assert!(answer.head.contains("vary: origin"), "{}", answer.head);
    for other in ["http://localhost:8889", "https://evil.example", "null"] {
        let answer = page(other);
        assert_eq!(code(&answer), (403, "origin_not_allowed"), "{other}");
        assert!(!answer.head.contains("access-control-allow"), "{}", answer.head);
    }
    let asks = [
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization, content-type"),
    ];
    let asked = [&asks[..], &[("origin", PAGE)]].concat();
    let answer = served.send("OPTIONS /v1/scan", &asked, b"");
    assert_eq!(answer.status, 204);
    for wanted in [
        &format!("access-control-allow-origin: {PAGE}"),
        "access-control-allow-methods: get, post",
        "access-control-allow-headers: authorization, content-type",
    ] {
        assert!(answer.head.contains(wanted), "{wanted}: {}", answer.head);
    }
    let asked = [&asks[..], &[("origin", "https://evil.example")]].concat();
    let answer = served.send("OPTIONS /v1/scan", &asked, b"");
    assert_eq!(code(&answer), (403, "origin_not_allowed"));
    let headers = [
        ("authorization", authorization.as_str()),
        ("sec-fetch-site", "cross-site"),
    ];
    let answer = served.send("GET /v1/healthz", &headers, b"");
    assert_eq!(code(&answer), (403, "origin_not_allowed"));
}

#[test]
fn what_cannot_be_looked_at_is_told_as_a_problem() {
    let folder = folder();
    fs::write(
        folder.path().join("privet.toml"),
        "[scan]\nmax_file_bytes = 65536\n",
    )
    .expect("settings");
    let served = Served::start(&folder, &[]);
    let authorization = format!("Bearer {}", served.token);
    let typed =
        |kind: &'static str| [("authorization", authorization.as_str()), ("content-type", kind)].to_vec();
    let json = typed("application/json");
    let long = "a".repeat(65_537);
    let too_large = served.send(
        "POST /v1/scan",
        &typed("application/octet-stream"),
        long.as_bytes(),
    );
    assert_eq!(code(&too_large), (413, "too_large"));
    let chunked = [
        &json[..],
        &[("transfer-encoding", "chunked"), ("content-length", "")],
    ]
    .concat();
    let chunked: Vec<_> = chunked
        .into_iter()
        .filter(|(name, _)| *name != "content-length")
        .collect();
    let body = format!("{:x}\r\n{long}\r\n0\r\n\r\n", long.len());
    let too_large = raw_chunked(&served, &chunked, &body);
    assert_eq!(code(&too_large), (413, "too_large"));
    for (body, headers, wanted) in [
        ("{", &json, (400, "bad_json")),
        (r#"{"content": 7}"#, &json, (400, "bad_json")),
        (r#"{"content": "", "more": "x"}"#, &json, (400, "bad_json")),
        (r#"{"content": "", "name": "a\u0000b"}"#, &json, (400, "bad_name")),
        ("x", &typed("text/plain"), (415, "unsupported_media_type")),
        (
            "x",
            &[&json[..], &[("content-encoding", "gzip")]].concat(),
            (415, "unsupported_media_type"),
        ),
    ] {
        let answer = served.send("POST /v1/scan", headers, body.as_bytes());
        assert_eq!(code(&answer), wanted, "{body}");
    }
    assert_eq!(
        code(&served.send("GET /v1/scan", &json, b"")),
        (405, "method_not_allowed")
    );
    assert_eq!(
        code(&served.send("POST /v1/other", &json, b"")),
        (404, "not_found")
    );
    let cut = format!("{{\"nbformat\": 4, \"cells\": [\"{}", secret(1));
    // As a text it is scanned all the same; mended it is not.
    assert_eq!(findings(&served.scan("cut.ipynb", &cut)).len(), 1);
    let answer = served.post("/v1/redact", &json!({ "content": cut, "mode": "redact" }));
    assert_eq!(code(&answer), (422, "not_mended"));
    let answer = served.post("/v1/redact", &json!({ "content": "[1]", "mode": "redact" }));
    assert_eq!(code(&answer), (422, "not_mended"));
    let answer = served.post("/v1/redact", &json!({ "content": notebook(), "mode": "burn" }));
    assert_eq!(code(&answer), (400, "bad_json"));
}

/// Sends a body in chunks, without a length.
fn raw_chunked(served: &Served, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", served.port)).expect("it listens");
    let mut request = format!(
        "POST /v1/scan HTTP/1.1\r\nconnection: close\r\nhost: 127.0.0.1:{}\r\n",
        served.port
    );
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    let _ = stream.write_all(format!("{request}\r\n{body}").as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).expect("UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    Answer {
        status: head
            .split(' ')
            .nth(1)
            .and_then(|text| text.parse().ok())
            .expect("a status"),
        head: head.to_ascii_lowercase(),
        body: serde_json::from_str(body).unwrap_or(Value::Null),
    }
}

#[test]
fn a_notebook_is_mended_as_by_the_command_line() {
    let folder = folder();
    let served = Served::start(&folder, &[]);
    for (mode, more) in [
        ("clear", &[][..]),
        ("redact", &[]),
        ("redact", &["--fix-source"][..]),
    ] {
        fs::write(folder.path().join("a.ipynb"), notebook()).expect("a file");
        let arguments = [
            &[
                "scan",
                "a.ipynb",
                "--no-cache",
                "--fail-on",
                "never",
                "--fix",
                mode,
            ],
            more,
        ]
        .concat();
        let fixed = run(&folder, &arguments);
        assert_eq!(fixed.status.code(), Some(0), "{fixed:?}");
        let wanted = fs::read_to_string(folder.path().join("a.ipynb")).expect("a file");
        let answer = served.post(
            "/v1/redact",
            &json!({ "name": "a.ipynb", "content": notebook(), "mode": mode, "source": !more.is_empty() }),
        );
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body["content"], json!(wanted));
        assert_eq!(wanted.contains(MAIL), more.is_empty());
        assert!(!wanted.contains(&secret(1)));
    }
}

#[test]
fn only_what_was_named_is_mended() {
    let folder = folder();
    let served = Served::start(&folder, &[]);
    let prints: Vec<Value> = findings(&served.scan("a.ipynb", &notebook()))
        .iter()
        .map(|finding| finding["fingerprint"].clone())
        .collect();
    let count = |text: &Value, number: usize| text.as_str().expect("a text").matches(&secret(number)).count();
    for (wish, left) in [
        (json!({ "fingerprints": [prints[1]] }), (0, 1)),
        (
            json!({ "fingerprints": [prints[1]], "places": [{ "cell_index": 2 }] }),
            (1, 1),
        ),
        (
            json!({ "places": [{ "cell_index": 1, "output_index": 2 }] }),
            (2, 0),
        ),
        (json!({ "places": [{ "cell_index": 1 }] }), (1, 0)),
        (
            json!({ "places": [{ "cell_index": 1, "output_index": 0 }] }),
            (2, 1),
        ),
        (json!({ "places": [] }), (2, 1)),
    ] {
        let mut asked = wish.clone();
        asked["content"] = json!(notebook());
        asked["mode"] = json!("redact");
        let answer = served.post("/v1/redact", &asked);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let content = &answer.body["content"];
        assert_eq!((count(content, 1), count(content, 2)), left, "{wish}");
    }
}

#[test]
fn what_is_allowed_or_known_is_no_finding() {
    let folder = folder();
    fs::write(folder.path().join("a.ipynb"), notebook()).expect("a file");
    let settings = "[scan]\nbaseline = \"known.json\"\ncategories = [\"secret\", \"pii\"]\n\
                    [[scan.allow]]\ncategories = [\"pii\"]\npaths = [\"notes/**\"]\nreason = \"our own address\"\n";
    fs::write(folder.path().join("privet.toml"), settings).expect("settings");
    let written = privet(
        &folder,
        &[
            "scan",
            "a.ipynb",
            "--no-cache",
            "--category",
            "secret",
            "--write-baseline",
            "known.json",
        ],
    )
    .env("HOME", folder.path())
    .output()
    .expect("privet starts");
    assert_eq!(written.status.code(), Some(0), "{written:?}");
    let served = Served::start(&folder, &[]);
    let categories = |name: &str| {
        let answer = served.scan(name, &notebook());
        let all = findings(&answer)
            .iter()
            .map(|finding| finding["category"].clone());
        (
            Value::from(all.collect::<Vec<_>>()),
            answer.body["suppressed"].as_array().map_or(0, Vec::len),
        )
    };
    assert_eq!(categories("a.ipynb"), (json!(["pii"]), 3));
    // Scanned by itself it counts as moved, as on the command line.
    assert_eq!(categories("notes/b.ipynb"), (json!([]), 4));
    let answer = served.post(
        "/v1/redact",
        &json!({ "name": "a.ipynb", "content": notebook(), "mode": "redact" }),
    );
    assert_eq!(answer.body["content"], json!(notebook()));
    fs::write(folder.path().join("known.json"), "{}").expect("a file");
    assert_eq!(code(&served.scan("a.ipynb", &notebook())), (500, "bad_baseline"));
}

#[test]
fn nothing_of_what_was_sent_is_written_anywhere() {
    let folder = folder();
    let served = Served::start(&folder, &[]);
    assert_eq!(served.scan("a.ipynb", &notebook()).status, 200);
    served.post("/v1/redact", &json!({ "content": notebook(), "mode": "redact" }));
    let told = served.post("/v1/scan", &json!({ "content": secret(1), "mode": secret(2) }));
    assert_eq!(code(&told), (400, "bad_json"));
    assert!(!told.body.to_string().contains(&secret(2)), "{}", told.body);
    let token = served.token.clone();
    let said = served.ended();
    for value in [&secret(1), &secret(2), MAIL, &token] {
        assert!(!said.contains(value), "{said}");
    }
    let mut open = vec![folder.path().to_owned()];
    let mut files = Vec::new();
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(path).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.push(path.file_name().expect("a name").to_string_lossy().into_owned());
            }
        }
    }
    files.sort();
    assert_eq!(files, ["scan-serve.token", "scan.key"]);
}

#[test]
fn options_that_mean_nothing_to_a_server_are_refused() {
    let folder = folder();
    for more in [
        &["a.ipynb"][..],
        &["--staged"],
        &["--fix", "clear"],
        &["--format", "json"],
    ] {
        let arguments = [&["scan", "--serve"], more].concat();
        assert_eq!(run(&folder, &arguments).status.code(), Some(2), "{more:?}");
    }
    assert_eq!(run(&folder, &["scan", "--port", "1"]).status.code(), Some(2));
    let said = refused(
        &folder,
        &["scan", "--serve", "--allow-origin", "*", "--token-file", "t"],
    );
    assert!(said.contains("http://localhost:8888"), "{said}");
}
