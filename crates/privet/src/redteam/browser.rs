//! Plays the reader of a reply: fetches what a browser would fetch by itself, from its own address on this machine only, and hears
//! what is asked for there.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Connections at once.
const MOST_CONNECTIONS: usize = 32;
/// Longest head of a request.
const MOST_HEAD: usize = 32 << 10;
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Addresses that are remembered.
const MOST_HEARD: usize = 100_000;

/// An address on this machine that remembers what is asked for.
pub(super) struct Browser {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Browser {
    /// Listens from now on.
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("cannot listen on 127.0.0.1")?;
        let address = listener.local_addr()?;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(accept(listener, Arc::clone(&heard)));
        Ok(Self { address, heard, task })
    }

    /// The address for conversation `number`.
    pub(super) fn base(&self, number: usize) -> String {
        format!("http://localhost:{}/t/{number}", self.address.port())
    }

    /// Fetches those of `addresses` that lead here, whatever name of this machine they have.
    pub(super) async fn fetch(&self, addresses: &[String]) {
        for address in addresses {
            let Some(target) = self.target(address) else {
                continue;
            };
            // It is heard or it is not; how the connection ends says nothing.
            let _ = timeout(PATIENCE, get(self.address, &target)).await;
        }
    }

    /// What was asked for under the address of conversation `number`.
    pub(super) fn heard(&self, number: usize) -> Vec<String> {
        let prefix = format!("/t/{number}/");
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard
            .iter()
            .filter(|target| target.starts_with(&prefix))
            .cloned()
            .collect()
    }

    /// Path and query of an address that leads here.
    fn target(&self, address: &str) -> Option<String> {
        let rest = address.strip_prefix("http://")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let port = self.address.port();
        let is_here =
            [format!("localhost:{port}"), format!("127.0.0.1:{port}")].contains(&host.to_lowercase());
        // A browser escapes what an address may not hold.
        let path: String = path
            .chars()
            .map(|c| if c.is_ascii_graphic() { c } else { '_' })
            .collect();
        is_here.then(|| format!("/{path}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn get(address: SocketAddr, target: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!("GET {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(1 << 10).read_to_end(&mut answer).await?;
    Ok(())
}

async fn accept(listener: TcpListener, heard: Arc<Mutex<Vec<String>>>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let heard = Arc::clone(&heard);
        tokio::spawn(async move {
            // Whoever goes away has asked for nothing.
            let _ = timeout(PATIENCE, serve(stream, &heard)).await;
            drop(place);
        });
    }
}

/// Reads a request's first line, and answers that there is nothing to show.
async fn serve(mut stream: TcpStream, heard: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut piece = [0_u8; 2048];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") && head.len() < MOST_HEAD {
        let read = stream.read(&mut piece).await?;
        if read == 0 {
            break;
        }
        head.extend_from_slice(piece.get(..read).unwrap_or_default());
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.split_whitespace();
    if let (Some("GET" | "HEAD" | "POST"), Some(target)) = (words.next(), words.next()) {
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() < MOST_HEARD {
            heard.push(target.to_owned());
        }
    }
    stream
        .write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_leads_here_is_fetched_and_heard() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let browser = Browser::start().await.unwrap();
            let (mine, other) = (browser.base(3), browser.base(33));
            browser
                .fetch(&[
                    format!("{mine}/a?d=1 2"),
                    format!("{other}/b"),
                    "http://example.invalid/t/3/c".to_owned(),
                    "http://127.0.0.1:1/t/3/d".to_owned(),
                ])
                .await;
            assert_eq!(browser.heard(3), ["/t/3/a?d=1_2"]);
            assert_eq!(browser.heard(33), ["/t/33/b"]);
        });
    }
}
