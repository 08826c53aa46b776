//! A PostgreSQL server of the test's own, to be killed.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use privet_store::Location;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A server with its data in a folder of its own; stopped when dropped.
pub(crate) struct Cluster {
    dir: TempDir,
    binaries: PathBuf,
    port: u16,
    user: Option<(u32, u32)>,
}

impl Cluster {
    /// A running server, with `fsync` on; `None`, with a word on stderr, where tests may skip PostgreSQL.
    pub(crate) fn start() -> Option<Self> {
        crate::postgres::server()?;
        let binaries = binaries();
        let dir = tempfile::Builder::new()
            .prefix("privet-pg-")
            .tempdir_in("/tmp")
            .unwrap();
        // It refuses to run as root.
        let user = rustix::process::geteuid().is_root().then(postgres_user);
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(dir.path(), Some(uid), Some(gid)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let cluster = Self {
            dir,
            binaries,
            port,
            user,
        };
        assert!(cluster.run(
            "initdb",
            &[
                "-D",
                "data",
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8"
            ]
        ));
        cluster.boot();
        Some(cluster)
    }

    /// Its first database.
    pub(crate) fn location(&self) -> Location {
        self.url().parse().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts the server, which first repairs what a crash left.
    pub(crate) fn boot(&self) {
        let options = format!(
            "-p {} -k {} -c listen_addresses=127.0.0.1 -c shared_buffers=32MB",
            self.port,
            self.dir.path().display()
        );
        // What is left of a killed server holds the shared memory for a moment.
        let is_up = (0..100).any(|_| {
            let is_up = self.run(
                "pg_ctl",
                &["-D", "data", "-o", &options, "-w", "-l", "log", "start"],
            );
            sleep(Duration::from_millis(if is_up { 0 } else { 100 }));
            is_up
        });
        let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        assert!(is_up, "the server does not start: {log}");
    }

    /// From the next start on it speaks TLS with this certificate and key, PEM.
    pub(crate) fn give_certificate(&self, certificate: &str, key: &str) {
        use std::os::unix::fs::PermissionsExt;
        let data = self.dir.path().join("data");
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let path = data.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            if let Some((uid, gid)) = self.user {
                std::os::unix::fs::chown(&path, Some(uid), Some(gid)).unwrap();
            }
        }
        let settings = fs::OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.conf"));
        std::io::Write::write_all(&mut settings.unwrap(), b"\nssl = on\n").unwrap();
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Stops it without writing anything more.
    pub(crate) fn stop_immediately(&self) {
        self.run("pg_ctl", &["-D", "data", "-m", "immediate", "-w", "stop"]);
    }

    /// Kills the server itself; its sessions end when they notice, and may serve a statement more until then.
    pub(crate) fn kill(&self) {
        kill(self.postmaster());
    }

    /// Kills the server and all its sessions. Returns when none of them runs any more.
    pub(crate) fn kill_all(&self) {
        let family = self.freeze();
        for &process in family.iter().rev() {
            kill(process);
        }
        let end = Instant::now() + Duration::from_secs(10);
        while family.iter().any(|&process| runs(process)) {
            assert!(Instant::now() < end, "a killed server goes on");
            sleep(Duration::from_millis(5));
        }
    }

    /// Stops the server and all its sessions where they are. Nothing of it answers; the system still takes connections and bytes for
    /// it. Returns them.
    pub(crate) fn freeze(&self) -> Vec<i32> {
        let postmaster = self.postmaster();
        // Stopped first, so that it starts nothing while its children are counted.
        send(postmaster, Signal::STOP);
        let mut family = children(postmaster);
        for &process in &family {
            send(process, Signal::STOP);
        }
        family.push(postmaster);
        family
    }

    /// Lets what [`freeze`](Self::freeze) stopped go on.
    pub(crate) fn thaw(family: &[i32]) {
        for &process in family {
            send(process, Signal::CONT);
        }
    }

    /// Kills one session, upon which the server ends all of them and repairs itself.
    pub(crate) fn kill_a_session(&self) {
        let postmaster = self.postmaster();
        // Sessions are younger than the server's own helpers.
        let youngest = children(postmaster).into_iter().max();
        kill(youngest.unwrap_or(postmaster));
    }

    fn postmaster(&self) -> i32 {
        let file = fs::read_to_string(self.dir.path().join("data/postmaster.pid")).unwrap();
        file.lines().next().unwrap().trim().parse().unwrap()
    }

    fn run(&self, program: &str, arguments: &[&str]) -> bool {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(self.binaries.join(program));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command.status().unwrap().success()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop_immediately();
    }
}

fn kill(process: i32) {
    send(process, Signal::KILL);
}

fn send(process: i32, signal: Signal) {
    let sent = Pid::from_raw(process).map(|process| kill_process(process, signal));
    // One that has ended meanwhile is as good as killed.
    assert!(sent.is_some());
}

/// The processes that this one started and that have not ended.
fn children(process: i32) -> Vec<i32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
    children
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|id| id.parse().ok())
        .collect()
}

/// Whether it is neither gone nor dead and only waiting to be counted (`proc(5)`: the state stands behind the name in
/// brackets).
fn runs(process: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

/// The newest of Debian's versions.
fn binaries() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").unwrap();
    let mut versions: Vec<PathBuf> = versions.map(|entry| entry.unwrap().path().join("bin")).collect();
    versions.retain(|version| version.join("postgres").is_file());
    versions.sort();
    versions.pop().unwrap()
}

fn postgres_user() -> (u32, u32) {
    let users = fs::read_to_string(Path::new("/etc/passwd")).unwrap();
    let user = users.lines().find(|line| line.starts_with("postgres:")).unwrap();
    let ids: Vec<u32> = user
        .split(':')
        .skip(2)
        .take(2)
        .map(|id| id.parse().unwrap())
        .collect();
    (ids[0], ids[1])
}
