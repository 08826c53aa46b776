//! The threads that serve connections, each with a runtime of its own.
//!
//! A connection stays on one thread with all that it needs: its timers, and its connection to the provider. Nothing is handed
//! to another thread while it could be done at once, so a request wakes no sleeping thread but its own; threads that share
//! their work wake each other several times a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use crate::Error;

/// The runtime interrupts its wait, by a system call, whenever a timer is set that ends before all others. Deadlines of requests
/// are longer than this, so as long as something is due this soon none of them does.
const SOON: Duration = Duration::from_secs(1);

/// Threads that serve connections. Dropped, they end, and what they serve is cut off.
pub(crate) struct Workers(Vec<Worker>);

struct Worker {
    /// None only while it is dropped.
    runtime: Option<Runtime>,
    connections: Arc<AtomicUsize>,
}

/// Counts a connection for as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Workers {
    /// `count` threads, and up to `blocking` more for each that are started for long work.
    pub(crate) fn start(count: usize, blocking: usize) -> Result<Self, Error> {
        let worker = |_| {
            let runtime = Builder::new_multi_thread()
                .worker_threads(1)
                .max_blocking_threads(blocking)
                .thread_name("privet-serve")
                .enable_all()
                .build()
                .map_err(Error::Threads)?;
            runtime.spawn(async {
                loop {
                    tokio::time::sleep(SOON).await;
                }
            });
            Ok(Worker {
                runtime: Some(runtime),
                connections: Arc::default(),
            })
        };
        (0..count.max(1)).map(worker).collect::<Result<_, _>>().map(Self)
    }

    /// Gives `stream` to the thread with the fewest connections, to be served there. `serve` makes of it what is to be
    /// done; false if the system refuses the move.
    pub(crate) fn serve<F>(&self, stream: TcpStream, serve: impl FnOnce(TcpStream) -> F) -> bool
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let fewest = self
            .0
            .iter()
            .min_by_key(|worker| worker.connections.load(Ordering::Relaxed));
        let Some((runtime, connections)) =
            fewest.and_then(|worker| Some((worker.runtime.as_ref()?, &worker.connections)))
        else {
            return false;
        };
        // Timers and sockets belong to the runtime in which they are made.
        let _inside = runtime.enter();
        let Ok(stream) = stream.into_std().and_then(TcpStream::from_std) else {
            return false;
        };
        let counted = Counted::new(connections);
        let served = serve(stream);
        runtime.spawn(async move {
            served.await;
            drop(counted);
        });
        true
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // To wait is not allowed where this is dropped: in a task.
            runtime.shutdown_background();
        }
    }
}

impl Counted {
    fn new(connections: &Arc<AtomicUsize>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(connections))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
