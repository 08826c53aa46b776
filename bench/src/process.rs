//! The processes that are measured, and what the kernel says of them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::args::Audit;
use crate::error::Error;
use crate::mock;

/// `/proc` counts CPU time in hundredths of a second on every Linux there is (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);
/// Longest wait for a process to get ready: some gateways take half a minute.
const PATIENCE: Duration = Duration::from_secs(180);

/// A process that ends with this value.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    /// Whether what it starts counts, and ends, with it.
    is_family: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        for pid in self.members().unwrap_or_default().into_iter().skip(1) {
            // It may be gone already; nothing of it is kept either way.
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Memory of a process, MiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) resident: f64,
    /// The part that is in no file: heap and stacks.
    pub(crate) anonymous: f64,
    pub(crate) peak: f64,
}

impl Running {
    const fn alone(child: Child) -> Self {
        Self {
            child,
            is_family: false,
        }
    }

    /// A process and all that it starts.
    pub(crate) const fn family(child: Child) -> Self {
        Self {
            child,
            is_family: true,
        }
    }

    /// CPU time of all threads so far, ended ones included. Exact to 10 ms.
    pub(crate) fn cpu(&self) -> Result<Duration, Error> {
        self.members()?.into_iter().map(Self::cpu_of).sum()
    }

    pub(crate) fn memory(&self) -> Result<Memory, Error> {
        let mut all = Memory {
            resident: 0.0,
            anonymous: 0.0,
            peak: 0.0,
        };
        for pid in self.members()? {
            let memory = Self::memory_of(pid)?;
            all.resident += memory.resident;
            all.anonymous += memory.anonymous;
            all.peak += memory.peak;
        }
        Ok(all)
    }

    /// The process, then those that it has started, those that they have started, and so on.
    fn members(&self) -> Result<Vec<u32>, Error> {
        let mut members = vec![self.child.id()];
        if !self.is_family {
            return Ok(members);
        }
        let what = || Error::io("cannot read `/proc`".to_owned());
        let mut parents = Vec::new();
        for entry in fs::read_dir("/proc").map_err(what())? {
            let name = entry.map_err(what())?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            // One that has ended meanwhile has no parent any more.
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
            let parent = fields
                .split_whitespace()
                .nth(1)
                .and_then(|p| p.parse::<u32>().ok());
            parents.extend(parent.map(|parent| (pid, parent)));
        }
        let mut next = 0;
        while let Some(parent) = members.get(next).copied() {
            members.extend(
                parents
                    .iter()
                    .filter(|(_, of)| *of == parent)
                    .map(|(pid, _)| *pid),
            );
            next += 1;
        }
        Ok(members)
    }

    fn cpu_of(pid: u32) -> Result<Duration, Error> {
        let text = proc_file(pid, "stat")?;
        // The name, in brackets, may hold anything; user and system time are fields 14 and 15.
        let fields = text.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
        let ticks: u32 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|f| f.parse::<u32>().ok())
            .sum();
        Ok(TICK * ticks)
    }

    fn memory_of(pid: u32) -> Result<Memory, Error> {
        let text = proc_file(pid, "status")?;
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let kib = line
                .and_then(|l| l.split_whitespace().nth(1))
                .and_then(|n| n.parse::<f64>().ok());
            kib.unwrap_or_default() / 1024.0
        };
        Ok(Memory {
            resident: field("VmRSS"),
            anonymous: field("RssAnon"),
            peak: field("VmHWM"),
        })
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

fn proc_file(pid: u32, name: &str) -> Result<String, Error> {
    let path = format!("/proc/{pid}/{name}");
    fs::read_to_string(&path).map_err(Error::io(format!(
        "cannot read `{path}`; CPU time and memory are measured by Linux's /proc"
    )))
}

/// Another process of this program.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) process: Running,
    pub(crate) address: SocketAddr,
}

impl Own {
    /// Starts this program with `words`; it is to call [`serve_until_orphaned`].
    pub(crate) fn start(words: &[&str]) -> Result<Self, Error> {
        let what = || Error::io(format!("cannot start `privet-bench {}`", words.join(" ")));
        let program = std::env::current_exe().map_err(what())?;
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Running::alone(command.spawn().map_err(what())?);
        let mut line = String::new();
        if let Some(stdout) = process.child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(what())?;
        }
        let address = line.trim().parse().map_err(|_| Error::Process {
            command: format!("privet-bench {}", words.join(" ")),
            said: line.clone(),
        })?;
        Ok(Self { process, address })
    }
}

/// Accepts connections on a port of 127.0.0.1, which it prints, until standard input ends: whoever started this process is
/// gone then.
pub(crate) async fn serve_until_orphaned(accept: impl Fn(tokio::net::TcpStream)) -> Result<(), Error> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .map_err(Error::io("cannot listen on 127.0.0.1"))?;
    let address = listener
        .local_addr()
        .map_err(Error::io("the listener has no address"))?;
    let mut out = std::io::stdout();
    writeln!(out, "{address}")
        .and_then(|()| out.flush())
        .map_err(Error::io("cannot say where this listens"))?;
    let (ended, mut end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // However reading ends, there is nobody left.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = ended.send(());
    });
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut end => return Ok(()),
        };
        let Ok((stream, _)) = accepted else { continue };
        if stream.set_nodelay(true).is_ok() {
            accept(stream);
        }
    }
}

/// What a gateway does with private values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// What is found by default is masked, with limits and policies of its own.
    Masked,
    /// The same without the network.
    ByRules,
    /// All kinds are allowed: nothing is looked for.
    PassThrough,
}

/// A running `privet serve` with an installation of its own.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) process: Running,
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
    // Removed after the process has ended: fields drop in order.
    _folder: TempDir,
}

impl Gateway {
    /// Makes settings, policy and a key in a new folder inside `dir`, and starts `privet serve` there.
    pub(crate) fn start(
        privet: &Path,
        dir: &Path,
        mock: SocketAddr,
        policy: Policy,
        audit: Audit,
    ) -> Result<Self, Error> {
        let folder = tempfile::Builder::new()
            .prefix("privet-bench-")
            .tempdir_in(dir)
            .map_err(Error::io(format!("cannot make a folder in `{}`", dir.display())))?;
        let address = free_address()?;
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            let what = format!("cannot write `{}`", path.display());
            fs::write(&path, text).map(|()| path).map_err(Error::io(what))
        };
        write("policy.toml", policy_text(policy, audit))?;
        write("access.cedar", POLICIES.to_owned())?;
        let config = write("privet.toml", settings_text(address, mock, policy))?;
        let key = make_key(privet, &config)?;
        let log = folder.path().join("log");
        let what = || Error::io(format!("cannot start `{}`", privet.display()));
        let log_file = fs::File::create(&log).map_err(what())?;
        let mut command = Command::new(privet);
        command
            .args(["serve", "--config"])
            .arg(&config)
            .env("PRIVET_BENCH_UPSTREAM_KEY", "upstream")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_file);
        let mut process = Running::alone(command.spawn().map_err(what())?);
        wait_until_ready("privet serve", &mut process, address, &log)?;
        Ok(Self {
            process,
            address,
            key,
            _folder: folder,
        })
    }
}

/// Limits that are counted for every request and reached by none.
const LIMITS: &str = r#"
[[limits.rules]]
name = "per-key"
each = ["key"]
window = "minute"
requests = 100000000
tokens = 100000000000

[[limits.rules]]
name = "per-model"
each = ["principal", "model"]
window = "day"
requests = 100000000

[[limits.rules]]
name = "budget"
each = ["tenant"]
window = "month"
cost = 1000000.0

[[limits.rules]]
name = "at-once"
each = ["key"]
concurrent = 100000
stream_time = "15m"

[access]
policies = ["access.cedar"]
"#;

/// Policies that are asked about every prompt and forbid none of these.
const POLICIES: &str = r#"
@id("known_region")
@message("this provider's region is not allowed")
forbid (principal, action == Privet::Action::"prompt", resource)
when { context.assessment.is_valid && context.assessment has region && context.assessment.region == "nowhere" };

@id("no_passports")
@message("travel documents do not go to a model")
forbid (principal, action == Privet::Action::"prompt", resource)
when { context.kinds.contains("US_PASSPORT") };

@id("not_too_much")
@message("more than ten thousand values at once are a job for the batch interface")
forbid (principal, action == Privet::Action::"prompt", resource)
when { context.found > 10000 };
"#;

fn policy_text(policy: Policy, audit: Audit) -> String {
    let rest = match policy {
        Policy::Masked => LIMITS.to_owned(),
        Policy::ByRules => format!("[pii]\nnetwork = false\n{LIMITS}"),
        Policy::PassThrough => "[pii]\ndefault_action = \"allow\"\nbroad_action = \"allow\"\n".to_owned(),
    };
    format!("{rest}[audit]\ndurability = \"{}\"\n", audit.name())
}

fn settings_text(address: SocketAddr, mock: SocketAddr, policy: Policy) -> String {
    let path = match policy {
        Policy::Masked | Policy::ByRules => mock::MASKED,
        Policy::PassThrough => mock::PLAIN,
    };
    format!(
        "listen = \"{address}\"\npolicy = \"policy.toml\"\n[[providers]]\nname = \"mock\"\ndialect = \"openai\"\n\
         base_url = \"http://{mock}{path}/v1\"\napi_key = {{ env = \"PRIVET_BENCH_UPSTREAM_KEY\" }}\n\
         [[models]]\nmatch = \"*\"\nprovider = \"mock\"\n\
         [[prices]]\nmatch = \"*\"\ninput = 1.0\noutput = 2.0\ncurrency = \"EUR\"\n"
    )
}

/// A port nobody listens on just now.
pub(crate) fn free_address() -> Result<SocketAddr, Error> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map_err(Error::io("no free port on 127.0.0.1"))
}

fn make_key(privet: &Path, config: &Path) -> Result<String, Error> {
    let mut command = Command::new(privet);
    command
        .args(["key", "create", "--name", "bench", "--config"])
        .arg(config);
    let made = command
        .output()
        .map_err(Error::io(format!("cannot start `{}`", privet.display())))?;
    if made.status.success() {
        Ok(String::from_utf8_lossy(&made.stdout).trim().to_owned())
    } else {
        Err(Error::Process {
            command: "privet key create".to_owned(),
            said: String::from_utf8_lossy(&made.stderr).trim().to_owned(),
        })
    }
}

/// Waits until `name` takes connections.
pub(crate) fn wait_until_ready(
    name: &str,
    process: &mut Running,
    address: SocketAddr,
    log: &Path,
) -> Result<(), Error> {
    let began = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        if process.has_ended() || began.elapsed() > PATIENCE {
            return Err(Error::Process {
                command: name.to_owned(),
                said: fs::read_to_string(log)
                    .unwrap_or_default()
                    .trim()
                    .replace('\n', "; "),
            });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The `privet` to measure: `named`, or the one beside this program.
pub(crate) fn find_privet(named: Option<&Path>) -> Result<PathBuf, Error> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => std::env::current_exe()
            .map_err(Error::io("cannot tell where this program is"))?
            .with_file_name("privet"),
    };
    if path.is_file() {
        Ok(path)
    } else {
        Err(Error::NoPrivet { path })
    }
}
