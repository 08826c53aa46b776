//! Accepting connections, and ending them in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::Error;
use crate::gateway::Gateway;

/// How long accepting pauses after the system refused a connection (too many open files, most likely).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A gateway on its address, not yet answering.
pub struct Server {
    listener: TcpListener,
    gateway: Arc<Gateway>,
    address: SocketAddr,
}

impl Server {
    /// Takes the settings' address.
    ///
    /// # Errors
    /// [`Error::Listen`] if it cannot be had.
    pub async fn bind(gateway: Arc<Gateway>) -> Result<Self, Error> {
        let wanted = gateway.settings.listen;
        let failed = |source| Error::Listen {
            address: wanted.to_string(),
            source,
        };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            gateway,
            address,
        })
    }

    /// Where it listens, with the port the system chose if the settings left it open.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown` is done; then takes no new connection, and lets requests and streams under way end for
    /// as long as the settings grant. Returns whether all of them did.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> bool {
        let Self {
            listener, gateway, ..
        } = self;
        let limits = gateway.settings.limits;
        let service = TowerToHyperService::new(gateway.router());
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout.duration())
            .max_buf_size(usize::try_from(limits.header_bytes.bytes()).unwrap_or(usize::MAX))
            .max_headers(limits.headers as usize);
        let connections = Arc::new(Semaphore::new(limits.connections as usize));
        let graceful = GracefulShutdown::new();
        tokio::pin!(shutdown);
        loop {
            let permit = tokio::select! {
                permit = Arc::clone(&connections).acquire_owned() => permit,
                () = &mut shutdown => break,
            };
            let Ok(permit) = permit else { break };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut shutdown => break,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if stream.set_nodelay(true).is_err() {
                continue;
            }
            let connection = http.serve_connection(TokioIo::new(stream), service.clone());
            let connection = graceful.watch(connection);
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(is_timeout = error.is_timeout(), "a connection ended early");
                }
                drop(permit);
            });
        }
        drop(listener);
        tracing::info!("shutting down; requests under way are finished");
        tokio::time::timeout(limits.shutdown_grace.duration(), graceful.shutdown())
            .await
            .is_ok()
    }
}
