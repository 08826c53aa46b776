//! A Valkey or Redis server of a test's own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longest wait for its start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server on a port of its own. Dropped, it is gone.
pub struct Valkey {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    more: Vec<String>,
    child: Option<Child>,
}

impl Valkey {
    /// Starts one with these lines in its configuration, or says on standard error that there is none.
    ///
    /// # Panics
    /// If there is none, but `PRIVET_REQUIRE_VALKEY` is set; if it does not start.
    #[must_use]
    pub fn start(more: &[&str]) -> Option<Self> {
        let program = variable("PRIVET_TEST_VALKEY");
        let Some(program) = program else {
            assert!(
                variable("PRIVET_REQUIRE_VALKEY").is_none(),
                "no Valkey to test with"
            );
            eprintln!("skipped: no Valkey; `.ci/valkey run` brings one");
            return None;
        };
        let mut server = Self {
            program: program.into(),
            folder: tempfile::tempdir().expect("a folder"),
            port: 0,
            more: more.iter().map(|line| (*line).to_owned()).collect(),
            child: None,
        };
        // A port that is free now may be taken when the server starts.
        for _ in 0..5 {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            server.port = listener.local_addr().expect("an address").port();
            drop(listener);
            if server.restart() {
                return Some(server);
            }
        }
        panic!(
            "the server does not start; its log is in {}",
            server.folder.path().display()
        );
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again on its port, with what it has on disk. Returns whether it answers.
    pub fn restart(&mut self) -> bool {
        self.kill();
        let mut command = Command::new(&self.program);
        command.arg("--port").arg(self.port.to_string());
        command.args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
        ]);
        command
            .arg("--dir")
            .arg(self.folder.path())
            .args(["--logfile", "log"]);
        command.args(&self.more);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.child = Some(command.spawn().expect("the server is there"));
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let ended = self
                .child
                .as_mut()
                .and_then(|child| child.try_wait().ok().flatten());
            if ended.is_some() {
                return false;
            }
            if self.is_answering() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }

    /// Whether it says anything, be it that it wants a password.
    fn is_answering(&self) -> bool {
        use std::io::{Read, Write};
        let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", self.port)) else {
            return false;
        };
        let mut answer = [0; 1];
        stream.set_read_timeout(Some(PATIENCE)).is_ok()
            && stream.write_all(b"*1\r\n$4\r\nPING\r\n").is_ok()
            && stream.read_exact(&mut answer).is_ok()
            && matches!(answer, [b'+' | b'-'])
    }

    /// What it answers to a command, as its own client would be told: for looking into it.
    ///
    /// # Panics
    /// If it does not answer.
    #[must_use]
    pub fn ask(&self, words: &[&str]) -> String {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        let mut text = format!("*{}\r\n", words.len());
        for word in words {
            text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        text.push_str("*1\r\n$4\r\nQUIT\r\n");
        stream.write_all(text.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer.trim_end_matches("+OK\r\n").to_owned()
    }
}

impl Drop for Valkey {
    fn drop(&mut self) {
        self.kill();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment what they may use"
)]
fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}
