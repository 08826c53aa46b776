//! `privet demo` while it runs: asked over sockets, as by a client of one's own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::json;

const EMAIL: &str = "ada@example.com";
const CARD: &str = "4111 1111 1111 1111";
/// No answer takes as long, unless the demo is stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// The demo under way. Dropped, it is killed.
struct Demo {
    child: Child,
    out: BufReader<ChildStdout>,
    address: SocketAddr,
    key: String,
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Demo {
    /// Starts it on a port of its own and reads its introduction.
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_privet"))
            .args(["demo", "--port", "0"])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("privet starts");
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let introduction = until(&mut out, "Press Ctrl-C");
        let after = |mark: &str| {
            let (_, rest) = introduction.split_once(mark).expect("the introduction names it");
            rest.split([' ', '\'', '\n'])
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        Self {
            address: after("http://").parse().expect("an address"),
            key: after("Bearer "),
            child,
            out,
        }
    }

    /// The reply to a body, head and all.
    fn ask(&self, path: &str, body: &str) -> String {
        // The demo provider takes whoever sends this for a client of Anthropic's.
        let dialect = match path {
            "/v1/messages" => "anthropic-version: 2023-06-01\r\n",
            _ => "",
        };
        let mut socket = TcpStream::connect_timeout(&self.address, PATIENCE).expect("it listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time");
        write!(
            socket,
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             {dialect}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            self.key,
            body.len()
        )
        .expect("it reads");
        let mut reply = String::new();
        socket.read_to_string(&mut reply).expect("UTF-8");
        reply
    }

    /// The three columns of the next exchange.
    fn shown(&mut self) -> String {
        until(&mut self.out, "\n\n")
    }

    /// Interrupts it: its exit code, and what it still said.
    fn end(mut self) -> (Option<i32>, String) {
        let id = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(id.expect("an id"), rustix::process::Signal::INT).expect("it runs");
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).expect("UTF-8");
        (self.child.wait().expect("it ends").code(), rest)
    }
}

/// Reads lines up to the one with `mark`, or up to the end of what was said.
fn until(out: &mut BufReader<ChildStdout>, mark: &str) -> String {
    let mut text = String::new();
    while !text.contains(mark) && out.read_line(&mut text).expect("UTF-8") > 0 {}
    text
}

/// What stands in each of the three columns, a line of theirs each.
fn columns(shown: &str) -> [String; 3] {
    let mut columns: [String; 3] = Default::default();
    for line in shown.lines().filter(|line| line.contains('│')) {
        for (column, cell) in columns.iter_mut().zip(line.split('│')) {
            column.push_str(cell.trim());
            column.push('\n');
        }
    }
    columns
}

#[test]
fn every_exchange_is_shown_while_the_demo_runs_and_nothing_private_in_the_middle_column() {
    let mut demo = Demo::start();
    let text = format!("I am {EMAIL}, card {CARD}");
    let messages = json!([{"role": "user", "content": text}]);

    let whole = demo.ask(
        "/v1/chat/completions",
        &json!({"model": "demo", "messages": messages}).to_string(),
    );
    let first = demo.shown();
    let streamed = demo.ask(
        "/v1/messages",
        &json!({"model": "claude-demo", "max_tokens": 100, "stream": true, "messages": messages}).to_string(),
    );
    let second = demo.shown();
    let refused = demo.ask("/v1/chat/completions", "{\"model\"");
    let third = demo.shown();
    let (code, last) = demo.end();

    assert!(
        whole.starts_with("HTTP/1.1 200") && whole.contains(EMAIL),
        "{whole}"
    );
    assert!(streamed.starts_with("HTTP/1.1 200"), "{streamed}");
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
    for (shown, path) in [(&first, "/v1/chat/completions"), (&second, "/v1/messages")] {
        assert!(
            shown.contains(&format!("POST {path} → 200; masked: 2, back in the reply: 2")),
            "{shown}"
        );
        let [sent, seen, got] = columns(shown);
        assert!(sent.contains(EMAIL) && got.contains(EMAIL), "{shown}");
        assert!(
            seen.contains("EMAIL_ADDRESS_") && seen.contains("CREDIT_CARD_"),
            "{shown}"
        );
        assert!(!seen.contains("ada@") && !seen.contains("4111"), "{shown}");
    }
    assert!(third.contains("→ 400; nothing reached the provider"), "{third}");
    assert!(columns(&third)[0].contains("{\"model\""), "{third}");
    assert_eq!(code, Some(0), "{last}");
    assert!(
        last.contains("nothing of this is kept") || last.contains("ended;"),
        "{last}"
    );
}
