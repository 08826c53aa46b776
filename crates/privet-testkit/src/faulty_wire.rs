//! A way to a server that can be lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Bytes that are passed on at once.
const PIECE: usize = 16 * 1024;

/// What is wrong with the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Connections end, and new ones end at once: nobody listens there.
    Cut,
    /// Connections stay and nothing passes; new ones are taken and nothing passes: a server that hangs, or a network that drops
    /// what it is given. What was on its way arrives when the fault is over.
    Silent,
    /// What the server says is over; what it is told still arrives: one direction of the connection was closed.
    HalfClosed,
    /// As [`Silent`](Self::Silent), but what was on its way is lost, and these connections never pass anything again: an address
    /// that moved, or a firewall that forgot them. New ones pass.
    Forgotten,
}

/// Passes bytes on to a server, as long as nothing is wrong.
pub struct FaultyWire {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    taken: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for FaultyWire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FaultyWire {
    /// A way to `server`, from a port of its own.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (fault, now) = watch::channel(Fault::None);
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(pass(client, server, now.clone()));
            }
        });
        Self {
            address,
            fault,
            taken,
            task,
        }
    }

    /// Where it begins.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections taken so far.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }

    /// From now on this is wrong.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

async fn pass(client: TcpStream, server: SocketAddr, mut fault: watch::Receiver<Fault>) {
    loop {
        let now = *fault.borrow_and_update();
        match now {
            Fault::Cut => return,
            // Nobody answers the client before the way is there again.
            Fault::Silent => {
                if fault.changed().await.is_err() {
                    return;
                }
            }
            Fault::None | Fault::HalfClosed | Fault::Forgotten => break,
        }
    }
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let there = pump(from_client, to_server, fault.clone(), false);
    let back = pump(from_server, to_client, fault, true);
    tokio::join!(there, back);
}

/// Passes on what comes from `from`. `is_back` is the direction that is over when the connection is half closed.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut fault: watch::Receiver<Fault>,
    is_back: bool,
) {
    let began = *fault.borrow_and_update();
    let mut piece = vec![0; PIECE];
    loop {
        let now = *fault.borrow_and_update();
        match now {
            Fault::Cut => return,
            Fault::HalfClosed if is_back => {
                let _ = to.shutdown().await;
                return keep(from, to, fault).await;
            }
            // Those that were there before it.
            Fault::Forgotten if began != Fault::Forgotten => return keep(from, to, fault).await,
            Fault::Silent => {
                if fault.changed().await.is_err() {
                    return;
                }
                continue;
            }
            Fault::None | Fault::HalfClosed | Fault::Forgotten => {}
        }
        let read = tokio::select! {
            read = from.read(&mut piece) => read,
            changed = fault.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        let Ok(length @ 1..) = read else {
            let _ = to.shutdown().await;
            return;
        };
        let Some(bytes) = piece.get(..length) else { return };
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

/// Holds a connection open, and lets nothing through, until it is cut.
async fn keep(from: OwnedReadHalf, to: OwnedWriteHalf, mut fault: watch::Receiver<Fault>) {
    let _ = fault.wait_for(|fault| *fault == Fault::Cut).await;
    drop((from, to));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A server that says back what it is told, and a way to it.
    async fn echo() -> FaultyWire {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (mut read, mut write) = stream.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut read, &mut write).await });
            }
        });
        FaultyWire::to(address).await
    }

    async fn says(stream: &mut TcpStream, word: &[u8; 4]) -> Option<Vec<u8>> {
        stream.write_all(word).await.ok()?;
        let mut answer = vec![0; 4];
        let read = tokio::time::timeout(Duration::from_millis(300), stream.read_exact(&mut answer));
        read.await.ok()?.ok()?;
        Some(answer)
    }

    #[tokio::test]
    async fn each_fault_stops_what_it_says_and_no_more() {
        let wire = echo().await;
        let connect = || async { TcpStream::connect(wire.address()).await.unwrap() };
        let mut first = connect().await;
        assert_eq!(says(&mut first, b"one ").await.as_deref(), Some(&b"one "[..]));
        wire.set(Fault::Silent);
        assert_eq!(says(&mut first, b"two ").await, None);
        let mut second = connect().await;
        assert_eq!(says(&mut second, b"2nd ").await, None);
        wire.set(Fault::None);
        let mut late = [0; 4];
        first.read_exact(&mut late).await.unwrap();
        assert_eq!(&late, b"two ", "it was on its way");
        wire.set(Fault::Forgotten);
        assert_eq!(says(&mut first, b"3rd ").await, None);
        wire.set(Fault::None);
        assert_eq!(says(&mut first, b"4th ").await, None, "never again");
        let mut third = connect().await;
        assert_eq!(says(&mut third, b"5th ").await.as_deref(), Some(&b"5th "[..]));
        wire.set(Fault::HalfClosed);
        assert_eq!(
            third.read(&mut late).await.unwrap(),
            0,
            "the server's side is over"
        );
        third.write_all(b"6th ").await.unwrap();
        wire.set(Fault::Cut);
        assert_eq!(connect().await.read(&mut late).await.unwrap_or(0), 0);
        assert_eq!(wire.taken(), 4);
    }
}
