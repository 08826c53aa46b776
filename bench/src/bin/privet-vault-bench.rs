//! Measures the vault over HTTP, for anyone who wants to know what it costs:
//!
//! ```text
//! cargo build --release
//! cargo run --release -p privet-bench --bin privet-vault-bench
//! PRIVET_STORE_URL=postgres://… PRIVET_KEYRING_URL=postgres://… \
//!   cargo run --release -p privet-bench --bin privet-vault-bench
//! ```
//!
//! Starts `privet serve` with a vault as a process of its own, on SQLite, or on PostgreSQL where the two variables name
//! empty databases. Creates records in bulk, one by one from 64 clients, and reads them back; every reply is checked. Prints
//! operations per second, latencies, and the CPU time that the server took for each.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Bytes of a record, as the issue's goals have them.
const RECORD_BYTES: usize = 5_500;
const BULK_CALLS: u64 = 40;
const RECORDS_PER_CALL: u64 = 250;
const BULK_CLIENTS: u64 = 4;
const WRITE_CLIENTS: u64 = 64;
const WRITES: u64 = 6_400;
const READ_CLIENTS: u64 = 16;
const READS: u64 = 32_000;
/// How long the server may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `privet serve`, ended with it.
struct Server {
    process: Child,
    address: SocketAddr,
    key: String,
    _folder: tempfile::TempDir,
}

/// A keep-alive connection.
struct Client {
    stream: BufReader<TcpStream>,
    key: Arc<str>,
    body: Vec<u8>,
}

fn main() -> Result<(), Failure> {
    let server = Server::start()?;
    let key: Arc<str> = server.key.as_str().into();
    println!(
        "machine: {} cores; record {RECORD_BYTES} bytes, 3 indexes",
        std::thread::available_parallelism()?
    );
    let address = server.address;
    server.measure(
        "bulk create, records",
        RECORDS_PER_CALL,
        BULK_CLIENTS,
        BULK_CALLS,
        |client, i| {
            let records: Vec<String> = (0..RECORDS_PER_CALL)
                .map(|j| record(i * RECORDS_PER_CALL + j))
                .collect();
            let body = format!("{{\"records\":[{}]}}", records.join(","));
            client.expect("POST", "/subjects/batch", &body, 200)?;
            let refused = client.body.windows(6).filter(|w| *w == b"\"code\"").count();
            if refused > 0 {
                return Err(format!("{refused} records were refused").into());
            }
            Ok(())
        },
    )?;
    server.measure(
        "single durable writes",
        1,
        WRITE_CLIENTS,
        WRITES,
        move |client, i| {
            let body = format!("{{\"record\":{}}}", record(10_000_000 + i));
            client.expect("POST", "/subjects", &body, 201)
        },
    )?;
    let tokens = Client::open(address, &key)?.tokens()?;
    let count = tokens.len() as u64;
    server.measure("audited reads", 1, READ_CLIENTS, READS, move |client, i| {
        let token = usize::try_from(i % count)
            .ok()
            .and_then(|at| tokens.get(at))
            .ok_or("no token")?;
        client.expect("GET", &format!("/subjects/{token}"), "", 200)
    })?;
    server.measure(
        "single durable writes, one client",
        1,
        1,
        300,
        move |client, i| {
            let body = format!("{{\"record\":{}}}", record(20_000_000 + i));
            client.expect("POST", "/subjects", &body, 201)
        },
    )?;
    Ok(())
}

/// A record of a person who does not exist, told apart by `i`.
fn record(i: u64) -> String {
    let head = format!(
        "{{\"login\":\"user-{i}\",\"email\":\"user-{i}@example.com\",\"custom\":\"c-{i}\",\"name\":\"Ada {i}\""
    );
    let mut text = head;
    let mut field = 0;
    while text.len() < RECORD_BYTES - 120 {
        text.push_str(&format!(
            ",\"field{field}\":\"{}\"",
            "lorem ipsum dolor sit amet ".repeat(3)
        ));
        field += 1;
    }
    text.push('}');
    text
}

#[expect(
    clippy::disallowed_methods,
    reason = "the same variable is read by the server"
)]
fn is_on_postgres() -> bool {
    std::env::var_os("PRIVET_STORE_URL").is_some()
}

impl Server {
    fn start() -> Result<Self, Failure> {
        let privet = std::env::current_exe()?.with_file_name("privet");
        let folder = tempfile::tempdir()?;
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let config = folder.path().join("privet.toml");
        let on_postgres = is_on_postgres();
        let (store, keyring) = if on_postgres {
            (
                "url = { env = \"PRIVET_STORE_URL\" }",
                "[keyring]\nurl = { env = \"PRIVET_KEYRING_URL\" }",
            )
        } else {
            ("", "")
        };
        fs::write(
            &config,
            format!(
                "listen = \"{address}\"\n[store]\n{store}\n[vault]\nenabled = true\nrequest_body = \"16MiB\"\n\
                 page = 1000\n{keyring}\n[[providers]]\nname = \"none\"\ndialect = \"openai\"\n\
                 base_url = \"http://127.0.0.1:9/v1\"\n[[models]]\nmatch = \"*\"\nprovider = \"none\"\n"
            ),
        )?;
        let made = Command::new(&privet)
            .args(["key", "create", "--name", "bench", "--scope", "vault", "--config"])
            .arg(&config)
            .output()?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into());
        }
        let process = Command::new(&privet)
            .args(["serve", "--config"])
            .arg(&config)
            .stderr(Stdio::inherit())
            .spawn()?;
        println!("store: {}", if on_postgres { "PostgreSQL" } else { "SQLite" });
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if began.elapsed() > PATIENCE {
                return Err("privet serve does not start".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self {
            process,
            address,
            key: String::from_utf8(made.stdout)?.trim().to_owned(),
            _folder: folder,
        })
    }

    /// CPU time of the server so far.
    fn cpu(&self) -> Result<Duration, Failure> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let after_name = stat.rsplit_once(')').ok_or("no such process")?.1;
        let ticks: u64 = after_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        // Linux counts a hundred ticks a second, whatever the kernel's own clock.
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Runs `work` for 0…`calls` on `clients` connections; each call counts for `each`.
    fn measure(
        &self,
        what: &str,
        each: u64,
        clients: u64,
        calls: u64,
        work: impl Fn(&mut Client, u64) -> Result<(), Failure> + Send + Sync + 'static,
    ) -> Result<(), Failure> {
        let (next, work) = (Arc::new(AtomicU64::new(0)), Arc::new(work));
        let key: Arc<str> = self.key.as_str().into();
        let cpu = self.cpu()?;
        let began = Instant::now();
        let mut threads = Vec::new();
        for _ in 0..clients {
            let (next, work, key, address) = (
                Arc::clone(&next),
                Arc::clone(&work),
                Arc::clone(&key),
                self.address,
            );
            threads.push(std::thread::spawn(move || -> Result<Vec<Duration>, Failure> {
                let mut client = Client::open(address, &key)?;
                let mut took = Vec::new();
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= calls {
                        return Ok(took);
                    }
                    let asked = Instant::now();
                    work(&mut client, i)?;
                    took.push(asked.elapsed());
                }
            }));
        }
        let mut took = Vec::new();
        for thread in threads {
            took.extend(thread.join().map_err(|_| "a client panicked")??);
        }
        let elapsed = began.elapsed();
        let cpu = self.cpu()?.saturating_sub(cpu);
        took.sort_unstable();
        let at = |share: f64| {
            let index = (took.len() as f64 * share) as usize;
            took.get(index.min(took.len().saturating_sub(1)))
                .copied()
                .unwrap_or_default()
        };
        let count = (calls * each) as f64;
        println!(
            "{what}: {:.0}/s, {clients} clients; a call p50 {:.2} ms, p99 {:.2} ms; server CPU {:.0} µs each",
            count / elapsed.as_secs_f64(),
            at(0.5).as_secs_f64() * 1e3,
            at(0.99).as_secs_f64() * 1e3,
            cpu.as_secs_f64() * 1e6 / count,
        );
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Client {
    fn open(address: SocketAddr, key: &Arc<str>) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
            key: Arc::clone(key),
            body: Vec::new(),
        })
    }

    /// Sends a request and reads its reply into `body`; its status has to be `status`.
    fn expect(&mut self, method: &str, path: &str, body: &str, status: u16) -> Result<(), Failure> {
        let request = format!(
            "{method} /api/v1/vault{path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.key,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let got: u16 = line.split(' ').nth(1).unwrap_or_default().parse()?;
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let head = line.trim();
            if head.is_empty() {
                break;
            }
            if let Some(value) = head.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        if got == status {
            Ok(())
        } else {
            Err(format!("{method} {path}: {got} {}", String::from_utf8_lossy(&self.body)).into())
        }
    }

    /// The tokens of the first thousand subjects.
    fn tokens(&mut self) -> Result<Vec<String>, Failure> {
        self.expect("GET", "/subjects?limit=1000", "", 200)?;
        let page: serde_json::Value = serde_json::from_slice(&self.body)?;
        let rows = page
            .get("rows")
            .and_then(|rows| rows.as_array())
            .ok_or("no rows")?;
        let token = |row: &serde_json::Value| row.get("token")?.as_str().map(str::to_owned);
        Ok(rows.iter().filter_map(token).collect())
    }
}
