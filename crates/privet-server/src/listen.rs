//! Accepting connections, and ending them in order.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::header::STRICT_TRANSPORT_SECURITY;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use privet_policy::Limits;
use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

use crate::access::ClientAddress;
use crate::acme::{self, Acme};
use crate::caller::Caller;
use crate::gateway::Gateway;
use crate::live::{Live, Served};
use crate::problem::Problem;
use crate::streams::{Streams, Verdict};
use crate::tls::{ByCertificate, H2, Tls};
use crate::workers::Workers;
use crate::{Error, gateway, host, metrics, prompt, routing, vault};

/// How long accepting pauses after the system refused a connection (too many open files, most likely).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long conversations that wait for the archive may take to get there at shutdown.
const ARCHIVE_GRACE: Duration = Duration::from_secs(10);
/// How long the log may take, at the end, to be told of the vault's last refusals.
const REFUSALS_GRACE: Duration = Duration::from_secs(3);

/// Threads of one worker beside those for detection, for names that are looked up.
const OTHER_THREADS: usize = 4;

/// How long an HTTP/2 connection may rest without a request.
const H2_REST: Duration = Duration::from_secs(60);
/// How often a client is asked over HTTP/2 whether it is still there, and how long its answer may take.
const H2_PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));
/// Bytes of request bodies that may wait on one HTTP/2 connection, and in one request.
const H2_WINDOWS: (u32, u32) = (512 << 10, 256 << 10);
/// Bytes of one reply that wait for the socket.
const H2_SEND_BUFFER: usize = 64 << 10;
/// Streams that the other side has reset and nobody has looked at yet, and those that were reset for its errors: past it the
/// connection ends (CVE-2023-44487, "rapid reset").
const H2_RESETS: (usize, usize) = (20, 64);

/// A gateway on its addresses, not yet answering.
pub struct Server {
    workers: Workers,
    listener: TcpListener,
    presidio: Option<TcpListener>,
    vault: Option<(TcpListener, Router)>,
    metrics: Option<(TcpListener, Router)>,
    /// Where an authority looks that issues certificates, without TLS.
    acme: Option<(TcpListener, Router)>,
    tls: Option<Arc<Tls>>,
    gateway: Arc<Gateway>,
    live: Arc<Live>,
    address: SocketAddr,
    presidio_address: Option<SocketAddr>,
    vault_address: Option<SocketAddr>,
    metrics_address: Option<SocketAddr>,
    acme_address: Option<SocketAddr>,
}

/// What all connections share.
struct Connections {
    workers: Workers,
    http: http1::Builder,
    tls: Option<Arc<Tls>>,
    limits: Limits,
    places: Arc<Semaphore>,
    graceful: GracefulShutdown,
    /// The same for HTTP/2, whose connections end for other reasons, too.
    closing: watch::Sender<()>,
}

/// What a connection tells each of its requests.
struct Peer {
    client: Option<ByCertificate>,
    tls: Arc<Tls>,
    /// None with HTTP/1.1.
    streams: Option<Arc<Streams>>,
    most_headers: usize,
}

impl Server {
    /// Takes the settings' addresses, and starts a thread for each core.
    ///
    /// # Errors
    /// [`Error::Listen`] if an address cannot be had, [`Error::Threads`] if a thread cannot, [`Error::Certificate`] if the
    /// settings' certificates cannot be used.
    pub async fn bind(gateway: Arc<Gateway>) -> Result<Self, Error> {
        let acme = gateway.acme.as_ref();
        if let Some(acme) = acme {
            acme.begin().await;
        }
        let tls = gateway.settings.tls.as_ref();
        let tls = tls.map(|tls| Tls::new(tls, acme)).transpose()?;
        let (listener, address) = take(gateway.settings.listen).await?;
        let (presidio, presidio_address) = match gateway.settings.presidio {
            None => (None, None),
            Some(own) => {
                let (listener, address) = take(own.listen).await?;
                tracing::info!(%address, requires_key = own.requires_key, "Presidio's endpoints");
                (Some(listener), Some(address))
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
        let wanted = gateway.settings.tls.as_ref().and_then(|tls| tls.acme.as_ref());
        let wanted = wanted.and_then(|wanted| wanted.http_listen).zip(acme);
        let (acme, acme_address) = match wanted {
            None => (None, None),
            Some((listen, acme)) => {
                let (listener, address) = take(listen).await?;
                tracing::info!(%address, "answers to the authority of certificates");
                (Some((listener, acme::router(Arc::clone(acme)))), Some(address))
            }
        };
        Ok(Self {
            acme,
            acme_address,
            workers: Workers::start(cores, gateway.pool.threads() + OTHER_THREADS)?,
            listener,
            presidio,
            vault,
            metrics,
            tls: tls.map(Arc::new),
            live: Arc::new(Live::new(Arc::clone(&gateway))),
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

    /// Whether its addresses speak TLS.
    #[must_use]
    pub const fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Where another policy is put in force while the gateway runs.
    #[must_use]
    pub fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live)
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

    /// Where an authority of certificates looks without TLS, if it does.
    #[must_use]
    pub fn acme_address(&self) -> Option<SocketAddr> {
        self.acme_address
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
            acme,
            tls,
            gateway,
            live,
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
            tls: tls.clone(),
            limits,
            places: Arc::new(Semaphore::new(limits.connections as usize)),
            graceful: GracefulShutdown::new(),
            closing: watch::Sender::new(()),
        };
        let watching = async {
            match tls {
                Some(tls) => tls.watch().await,
                None => std::future::pending().await,
            }
        };
        let issuing = async {
            match &gateway.acme {
                Some(acme) => Arc::clone(acme).run().await,
                None => std::future::pending().await,
            }
        };
        let _probes = routing::watch(&gateway);
        let (end_archive, archive_ended) = oneshot::channel::<()>();
        let archiving = gateway.archive.as_ref().zip(gateway.vault.as_ref());
        let archiving = archiving.map(|(archive, api)| {
            // A sender that is gone is an end as well.
            let ended = async { _ = archive_ended.await };
            tokio::spawn(Arc::clone(archive).work(api.vault.clone(), ended))
        });
        let (end_processed, processed_ended) = oneshot::channel::<()>();
        let processing = gateway.vault.as_ref().map(|api| {
            let api = Arc::clone(api);
            tokio::spawn(async move {
                let ended = async { _ = processed_ended.await };
                api.processed.work(&api.consent, ended).await;
            })
        });
        let fixed = |own: &Option<(TcpListener, Router)>| {
            let router = own.as_ref().map(|(_, router)| router.clone());
            Front::new(Arc::new(Served::new(router.unwrap_or_default(), None)))
        };
        let of_presidio = Front::new(Arc::clone(&live.presidio));
        let (of_vault, of_metrics, of_acme) = (fixed(&vault), fixed(&metrics), fixed(&acme));
        let own = connections.accept_own(presidio.as_ref(), of_presidio);
        let of_vault = connections.accept_own(vault.as_ref().map(|(own, _)| own), of_vault);
        let of_metrics = connections.accept_own(metrics.as_ref().map(|(own, _)| own), of_metrics);
        let of_acme = connections.accept_plain(acme.as_ref().map(|(own, _)| own), of_acme);
        let prompts = Front::new(Arc::clone(&live.main));
        tokio::select! {
            () = shutdown => {}
            () = connections.accept(&listener, connections.tls.as_ref(), prompts) => {}
            () = own => {}
            () = of_vault => {}
            () = of_metrics => {}
            () = of_acme => {}
            () = watching => {}
            () = issuing => {}
        }
        drop((listener, presidio, vault, metrics, acme));
        tracing::info!("shutting down; requests under way are finished");
        let Connections {
            workers,
            graceful,
            closing,
            ..
        } = connections;
        closing.send_replace(());
        let ended = async { tokio::join!(graceful.shutdown(), closing.closed()) };
        let ended = tokio::time::timeout(limits.shutdown_grace.duration(), ended).await;
        drop(workers);
        if let Some(api) = &gateway.vault {
            let told = tokio::time::timeout(REFUSALS_GRACE, api.tell_waiting_refusals()).await;
            if told.is_err() {
                tracing::error!("the log could not be told in time of the vault's last refusals");
            }
        }
        drop(end_processed);
        if let Some(processing) = processing {
            let abort = processing.abort_handle();
            if tokio::time::timeout(ARCHIVE_GRACE, processing).await.is_err() {
                tracing::error!(
                    "what the last prompts did with data of persons could not be written down in time"
                );
            }
            abort.abort();
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
    async fn accept_own(&self, own: Option<&TcpListener>, service: Front) {
        match own {
            Some(listener) => self.accept(listener, self.tls.as_ref(), service).await,
            None => std::future::pending().await,
        }
    }

    /// The same without TLS, whatever other addresses speak.
    async fn accept_plain(&self, own: Option<&TcpListener>, service: Front) {
        match own {
            Some(listener) => self.accept(listener, None, service).await,
            None => std::future::pending().await,
        }
    }

    /// Serves all that come to `listener`; does not end by itself.
    async fn accept(&self, listener: &TcpListener, tls: Option<&Arc<Tls>>, service: Front) {
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
                let http = self.http.clone();
                let watcher = self.graceful.watcher();
                let secure = tls.map(|tls| Secure {
                    tls: Arc::clone(tls),
                    limits: self.limits,
                    closing: self.closing.subscribe(),
                });
                let caller = Caller::new(stream, self.limits.write_timeout.duration());
                let service = service.for_caller(peer.ip());
                async move {
                    match secure {
                        None => {
                            let connection = http.serve_connection(TokioIo::new(caller), service);
                            told(watcher.watch(connection).await);
                        }
                        // It needs far more room, which those without TLS need not set aside.
                        Some(secure) => Box::pin(secure.serve(caller, http, watcher, service)).await,
                    }
                    drop(place);
                }
            });
        }
    }
}

fn told(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        tracing::debug!(is_timeout = error.is_timeout(), "a connection ended early");
    }
}

/// A connection that is to speak TLS.
struct Secure {
    tls: Arc<Tls>,
    limits: Limits,
    closing: watch::Receiver<()>,
}

impl Secure {
    async fn serve(self, caller: Caller<TcpStream>, http: http1::Builder, watcher: Watcher, service: Front) {
        let Self { tls, limits, closing } = self;
        let handshake = handshake(&tls, caller);
        let stream = match tokio::time::timeout(limits.header_timeout.duration(), handshake).await {
            Ok(Ok(Some(stream))) => stream,
            // It was about a certificate, and nothing else.
            Ok(Ok(None)) => return,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a TLS handshake failed");
                return;
            }
            Err(_) => {
                tracing::debug!("a TLS handshake took too long");
                return;
            }
        };
        let (_, session) = stream.get_ref();
        let is_h2 = session.alpn_protocol() == Some(H2);
        let streams = is_h2.then(Streams::new);
        let peer = Peer {
            client: tls.client(session.peer_certificates()),
            tls,
            streams: streams.clone(),
            most_headers: limits.headers as usize,
        };
        let service = Front {
            peer: Some(Arc::new(peer)),
            ..service
        };
        let stream = TokioIo::new(stream);
        match streams {
            None => told(watcher.watch(http.serve_connection(stream, service)).await),
            Some(streams) => {
                drop(watcher);
                let connection = h2(&limits).serve_connection(stream, service);
                watch_over(connection, &streams, &limits, closing).await;
            }
        }
    }
}

/// The connection that `caller` is let in by, or none where an authority wanted nothing but to see what it was promised.
async fn handshake(
    tls: &Tls,
    caller: Caller<TcpStream>,
) -> std::io::Result<Option<TlsStream<Caller<TcpStream>>>> {
    let Some(acme) = tls.challenged() else {
        return TlsAcceptor::from(tls.config()).accept(caller).await.map(Some);
    };
    let begun = LazyConfigAcceptor::new(Acceptor::default(), caller).await?;
    if acme::is_challenge(&begun.client_hello()) {
        let name = begun.client_hello().server_name().map(str::to_owned);
        // Seldom, and far larger than what other handshakes need.
        let answer = Box::pin(answer(acme, name)).await;
        let config = answer.ok_or(std::io::ErrorKind::NotFound)?;
        let mut stream = begun.into_stream(config).await?;
        stream.shutdown().await?;
        return Ok(None);
    }
    begun.into_stream(tls.config()).await.map(Some)
}

async fn answer(acme: &Acme, name: Option<String>) -> Option<Arc<ServerConfig>> {
    acme::handshake(acme, &name?).await
}

/// HTTP/2 within the settings' bounds.
fn h2(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.header_bytes.bytes()).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(H2_RESETS.0)
        .max_local_error_reset_streams(H2_RESETS.1)
        .initial_connection_window_size(H2_WINDOWS.0)
        .initial_stream_window_size(H2_WINDOWS.1)
        .max_send_buf_size(H2_SEND_BUFFER)
        .keep_alive_interval(H2_PING.0)
        .keep_alive_timeout(H2_PING.1);
    http
}

type H2Connection<I> = http2::Connection<I, Front, TokioExecutor>;

/// Drives `connection` to its end: in order when the server ends or nothing is asked for long, at once when a caller does not
/// take a reply. Dropped, the connection drops its requests with it.
async fn watch_over<I>(
    connection: H2Connection<I>,
    streams: &Streams,
    limits: &Limits,
    mut closing: watch::Receiver<()>,
) where
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    let patience = limits.write_timeout.duration();
    let mut look =
        tokio::time::interval((patience / 4).clamp(Duration::from_millis(10), Duration::from_secs(1)));
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connection = std::pin::pin!(connection);
    let mut is_ending = false;
    let mut told_at = None;
    loop {
        tokio::select! {
            ended = connection.as_mut() => return told(ended),
            _ = closing.changed(), if !is_ending => {
                is_ending = true;
                told_at = Some(Instant::now());
                connection.as_mut().graceful_shutdown();
            }
            _ = look.tick() => match streams.judge(patience, H2_REST) {
                Verdict::GoesOn => {}
                // It was told goodbye, and has nothing under way for which it could stay.
                Verdict::Idle if is_ending => {
                    if told_at.is_some_and(|told_at| told_at.elapsed() >= patience) {
                        return;
                    }
                }
                Verdict::Idle => {
                    is_ending = true;
                    told_at = Some(Instant::now());
                    connection.as_mut().graceful_shutdown();
                }
                Verdict::Stuck => {
                    tracing::info!("a caller did not read its reply in time; its connection is closed");
                    return;
                }
                Verdict::Cancels => {
                    tracing::info!("a caller took its requests back too often; its connection is closed");
                    return;
                }
            }
        }
    }
}

/// Answers requests. Prompts do not pass the router, which takes some µs of the CPU for each.
#[derive(Clone)]
struct Front {
    served: Arc<Served>,
    /// None without TLS.
    peer: Option<Arc<Peer>>,
    /// Where the connection comes from.
    caller: Option<ClientAddress>,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl Front {
    fn new(served: Arc<Served>) -> Self {
        Self {
            served,
            peer: None,
            caller: None,
        }
    }

    fn for_caller(&self, address: IpAddr) -> Self {
        Self {
            caller: Some(ClientAddress(address)),
            ..self.clone()
        }
    }

    fn answer(&self, request: Request<Incoming>) -> Answer {
        if !host::is_named_once(&request) {
            return Box::pin(
                async move { Ok(gateway::tell(request.map(Body::new), Problem::TwoHosts).await) },
            );
        }
        let is_post = request.method() == Method::POST;
        let surface = gateway::prompt_surface(request.uri().path()).filter(|_| is_post);
        let now = self.served.now();
        match surface.zip(now.prompts.as_ref()) {
            Some((surface, gateway)) => {
                let gateway = Arc::clone(gateway);
                // Called inside, so that what it needs while it waits is made where it stays.
                Box::pin(async move { Ok(prompt::answer(gateway, surface, request.map(Body::new)).await) })
            }
            None => Box::pin(now.router.call(request)),
        }
    }
}

impl Service<Request<Incoming>> for Front {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, mut request: Request<Incoming>) -> Answer {
        if let Some(caller) = self.caller {
            request.extensions_mut().insert(caller);
        }
        let Some(peer) = self.peer.clone() else {
            return self.answer(request);
        };
        if let Some(client) = &peer.client {
            request.extensions_mut().insert(client.clone());
        }
        let stream = peer.streams.as_ref().map(Streams::begin);
        // HTTP/1.1 counts them while it reads.
        let answer = if request.headers().len() > peer.most_headers {
            let mut refusal = Response::new(Body::empty());
            *refusal.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            Box::pin(async { Ok(refusal) })
        } else {
            self.answer(request)
        };
        Box::pin(async move {
            let mut response = answer.await?;
            if let Some(hsts) = peer.tls.hsts() {
                response
                    .headers_mut()
                    .insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
            }
            Ok(match stream {
                Some(stream) => response.map(|body| stream.pace(body)),
                None => response,
            })
        })
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
