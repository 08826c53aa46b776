//! Accepting connections, and ending them in order.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};

use crate::access::ClientAddress;
use crate::caller::Caller;
use crate::gateway::Gateway;
use crate::workers::Workers;
use crate::{Error, gateway, metrics, presidio, prompt, routing, vault};

/// How long accepting pauses after the system refused a connection (too many open files, most likely).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long conversations that wait for the archive may take to get there at shutdown.
const ARCHIVE_GRACE: Duration = Duration::from_secs(10);
/// How long the log may take, at the end, to be told of the vault's last refusals.
const REFUSALS_GRACE: Duration = Duration::from_secs(3);

/// Threads of one worker beside those for detection, for names that are looked up.
const OTHER_THREADS: usize = 4;

/// A gateway on its addresses, not yet answering.
pub struct Server {
    workers: Workers,
    listener: TcpListener,
    presidio: Option<(TcpListener, Router)>,
    vault: Option<(TcpListener, Router)>,
    metrics: Option<(TcpListener, Router)>,
    gateway: Arc<Gateway>,
    address: SocketAddr,
    presidio_address: Option<SocketAddr>,
    vault_address: Option<SocketAddr>,
    metrics_address: Option<SocketAddr>,
}

/// What all connections share.
struct Connections {
    workers: Workers,
    http: http1::Builder,
    /// How long a caller may take to read a piece of its reply.
    write_timeout: Duration,
    places: Arc<Semaphore>,
    graceful: GracefulShutdown,
}

impl Server {
    /// Takes the settings' addresses, and starts a thread for each core.
    ///
    /// # Errors
    /// [`Error::Listen`] if an address cannot be had, [`Error::Threads`] if a thread cannot.
    pub async fn bind(gateway: Arc<Gateway>) -> Result<Self, Error> {
        let (listener, address) = take(gateway.settings.listen).await?;
        let (presidio, presidio_address) = match gateway.settings.presidio {
            None => (None, None),
            Some(own) => {
                let (listener, address) = take(own.listen).await?;
                tracing::info!(%address, requires_key = own.requires_key, "Presidio's endpoints");
                let router = presidio::router(Arc::clone(&gateway), own.requires_key);
                (Some((listener, router)), Some(address))
            }
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let listen = gateway.settings.vault.as_ref().and_then(|vault| vault.listen);
        let (vault, vault_address) = match listen.zip(gateway.vault.as_ref()) {
            None => (None, gateway.vault.as_ref().map(|_| address)),
            Some((listen, api)) => {
                let (listener, address) = take(listen).await?;
                tracing::info!(%address, "the vault");
                (Some((listener, vault::router(api))), Some(address))
            }
        };
        let (metrics, metrics_address) = match gateway.settings.metrics {
            None => (None, None),
            Some(own) => {
                let (listener, address) = take(own.listen).await?;
                tracing::info!(%address, requires_key = own.requires_key, "metrics");
                let router = metrics::router(Arc::clone(&gateway), own.requires_key);
                (Some((listener, router)), Some(address))
            }
        };
        Ok(Self {
            workers: Workers::start(cores, gateway.pool.threads() + OTHER_THREADS)?,
            listener,
            presidio,
            vault,
            metrics,
            gateway,
            address,
            presidio_address,
            vault_address,
            metrics_address,
        })
    }

    /// Where it listens, with the port the system chose if the settings left it open.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where Presidio's endpoints have an address of their own, if the settings give them one.
    #[must_use]
    pub fn presidio_address(&self) -> Option<SocketAddr> {
        self.presidio_address
    }

    /// Where the vault answers, if there is one: an address of its own, or the gateway's.
    #[must_use]
    pub fn vault_address(&self) -> Option<SocketAddr> {
        self.vault_address
    }

    /// Where a monitoring system reads figures, if the settings give it an address.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Answers until `shutdown` is done; then takes no new connection, and lets requests and streams under way end for
    /// as long as the settings grant. Returns whether all of them did.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> bool {
        let Self {
            workers,
            listener,
            presidio,
            vault,
            metrics,
            gateway,
            ..
        } = self;
        let limits = gateway.settings.limits;
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout.duration())
            .max_buf_size(usize::try_from(limits.header_bytes.bytes()).unwrap_or(usize::MAX))
            .max_headers(limits.headers as usize);
        let connections = Connections {
            workers,
            http,
            write_timeout: limits.write_timeout.duration(),
            places: Arc::new(Semaphore::new(limits.connections as usize)),
            graceful: GracefulShutdown::new(),
        };
        let _probes = routing::watch(&gateway);
        let (end_archive, archive_ended) = oneshot::channel::<()>();
        let archiving = gateway.archive.as_ref().zip(gateway.vault.as_ref());
        let archiving = archiving.map(|(archive, api)| {
            // A sender that is gone is an end as well.
            let ended = async { _ = archive_ended.await };
            tokio::spawn(Arc::clone(archive).work(api.vault.clone(), ended))
        });
        let own = connections.accept_own(presidio.as_ref());
        let of_vault = connections.accept_own(vault.as_ref());
        let of_metrics = connections.accept_own(metrics.as_ref());
        tokio::select! {
            () = shutdown => {}
            () = connections.accept(&listener, Front::new(gateway.router(), Some(Arc::clone(&gateway)))) => {}
            () = own => {}
            () = of_vault => {}
            () = of_metrics => {}
        }
        drop((listener, presidio, vault, metrics));
        tracing::info!("shutting down; requests under way are finished");
        let Connections {
            workers, graceful, ..
        } = connections;
        let ended = tokio::time::timeout(limits.shutdown_grace.duration(), graceful.shutdown()).await;
        drop(workers);
        if let Some(api) = &gateway.vault {
            let told = tokio::time::timeout(REFUSALS_GRACE, api.tell_waiting_refusals()).await;
            if told.is_err() {
                tracing::error!("the log could not be told in time of the vault's last refusals");
            }
        }
        drop(end_archive);
        let is_kept = match archiving {
            None => true,
            Some(archiving) => {
                let abort = archiving.abort_handle();
                let ended = tokio::time::timeout(ARCHIVE_GRACE, archiving).await;
                abort.abort();
                ended.is_ok()
            }
        };
        if !is_kept {
            tracing::error!("conversations that waited for the archive are not kept");
        }
        ended.is_ok()
    }
}

impl Connections {
    /// Serves an address of its own, if there is one; does not end by itself.
    async fn accept_own(&self, own: Option<&(TcpListener, Router)>) {
        match own {
            Some((listener, router)) => self.accept(listener, Front::new(router.clone(), None)).await,
            None => std::future::pending().await,
        }
    }

    /// Serves all that come to `listener`; does not end by itself.
    async fn accept(&self, listener: &TcpListener, service: Front) {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                return;
            };
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if stream.set_nodelay(true).is_err() {
                continue;
            }
            self.workers.serve(stream, |stream| {
                let caller = TokioIo::new(Caller::new(stream, self.write_timeout));
                let connection = self.http.serve_connection(caller, service.for_caller(peer.ip()));
                let connection = self.graceful.watch(connection);
                async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(is_timeout = error.is_timeout(), "a connection ended early");
                    }
                    drop(place);
                }
            });
        }
    }
}

/// Answers requests. Prompts do not pass the router, which takes some µs of the CPU for each.
#[derive(Clone)]
struct Front {
    router: TowerToHyperService<Router>,
    /// None where no prompts are answered.
    prompts: Option<Arc<Gateway>>,
    /// Where the connection comes from.
    caller: Option<ClientAddress>,
}

impl Front {
    fn new(router: Router, prompts: Option<Arc<Gateway>>) -> Self {
        Self {
            router: TowerToHyperService::new(router),
            prompts,
            caller: None,
        }
    }

    fn for_caller(&self, address: IpAddr) -> Self {
        Self {
            caller: Some(ClientAddress(address)),
            ..self.clone()
        }
    }
}

impl Service<Request<Incoming>> for Front {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        if let Some(caller) = self.caller {
            request.extensions_mut().insert(caller);
        }
        let is_post = request.method() == Method::POST;
        let surface = gateway::prompt_surface(request.uri().path()).filter(|_| is_post);
        match surface.zip(self.prompts.as_ref()) {
            Some((surface, gateway)) => {
                let answer = prompt::answer(Arc::clone(gateway), surface, request.map(Body::new));
                Box::pin(async move { Ok(answer.await) })
            }
            None => Box::pin(self.router.call(request)),
        }
    }
}

async fn take(wanted: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source| Error::Listen {
        address: wanted.to_string(),
        source,
    };
    let listener = TcpListener::bind(wanted).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
