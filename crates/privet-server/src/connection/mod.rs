//! Connections to one provider: HTTP/1.1, one request at a time on each, or HTTP/2, which many share.

mod http1;
mod http2;
mod reply;

use std::error::Error as StdError;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderValue;
use http::uri::{Authority, Scheme};
use http::{Method, Request, Response, Uri};
use hyper::service::Service;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use privet_policy::HttpVersion;
use prometheus_client::metrics::counter::Counter;
use rustls::AlertDescription;
use tokio::net::TcpStream;

use http1::Resting;
use http2::{Found, Lead, Pool, Unanswered};
pub(crate) use reply::{BrokenBody, ReplyBody};

/// How long a connection may rest before it is closed. Providers and the middle boxes on the way close theirs after a
/// minute or later.
const REST: Duration = Duration::from_secs(60);

/// Most connections that may end before anything of a request was written.
const MOST_ENDED: u32 = 3;

/// What a server calls HTTP/2 in the TLS handshake (RFC 7301).
const H2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

pub(crate) type Connector = HttpsConnector<HttpConnector>;
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// One provider's address, and the connections to it.
pub(crate) struct Origin {
    connector: TowerToHyperService<Connector>,
    address: Uri,
    host: HeaderValue,
    version: HttpVersion,
    /// Whether a new connection will speak HTTP/2, as far as is known: what the last one did.
    expects_http2: AtomicBool,
    /// How long a server may take to begin with HTTP/2.
    patience: Duration,
    opened: Opened,
    resting: Mutex<Resting>,
    shared: Mutex<Pool>,
}

/// Counts the connections that were opened.
#[derive(Clone, Default)]
pub(crate) struct Opened {
    pub(crate) http1: Counter,
    pub(crate) http2: Counter,
}

/// Why a request had no reply.
pub(crate) enum NoReply {
    /// There is no connection to be had.
    NotOpened(NotOpened),
    /// The provider took in nothing of the request, which is given back: it can be sent again.
    Refused(Box<Request<Bytes>>),
    /// The connection ended first, or the request's part of it.
    Broken,
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotOpened {
    Unreachable,
    /// Whoever answers does not speak HTTP/2, and nothing else will do.
    NotHttp2,
}

/// A connection that was just opened.
enum Fresh {
    Http1(http1::Connection),
    Http2(http2::Place),
}

impl Origin {
    /// The server at `scheme` and `authority`, which is spoken to in HTTP/1.1.
    ///
    /// `None` if they are no address.
    pub(crate) fn new(connector: Connector, scheme: Scheme, authority: Authority) -> Option<Arc<Self>> {
        let place = (scheme, authority);
        Self::speaking(
            connector,
            place,
            HttpVersion::Http1,
            Duration::ZERO,
            Opened::default(),
        )
    }

    /// The same, spoken to in `version`. `connector` must offer what [`alpn`] says for `version`; `patience`: how long a
    /// server may take to begin with HTTP/2 on a connection.
    ///
    /// `None` if they are no address.
    pub(crate) fn speaking(
        connector: Connector,
        (scheme, authority): (Scheme, Authority),
        version: HttpVersion,
        patience: Duration,
        opened: Opened,
    ) -> Option<Arc<Self>> {
        let is_https = scheme == Scheme::HTTPS;
        let default_port = if is_https { 443 } else { 80 };
        let host = match authority.port_u16().filter(|port| *port != default_port) {
            Some(port) => format!("{}:{port}", authority.host()),
            None => authority.host().to_owned(),
        };
        let expects_http2 = match version {
            HttpVersion::Auto => is_https,
            HttpVersion::Http1 => false,
            HttpVersion::Http2 => true,
        };
        let address = Uri::builder()
            .scheme(scheme)
            .authority(host.as_str())
            .path_and_query("/")
            .build()
            .ok()?;
        Some(Arc::new(Self {
            connector: TowerToHyperService::new(connector),
            address,
            host: HeaderValue::from_str(&host).ok()?,
            version,
            expects_http2: AtomicBool::new(expects_http2),
            patience,
            opened,
            resting: Mutex::default(),
            shared: Mutex::default(),
        }))
    }

    /// What stands in the `host` header of requests to it.
    pub(crate) const fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// Sends `request`, whose address is a path and maybe a query, and waits for the head of the reply.
    pub(crate) async fn send(
        self: &Arc<Self>,
        request: Request<Bytes>,
    ) -> Result<Response<ReplyBody>, NoReply> {
        if self.expects_http2.load(Ordering::Relaxed) {
            // In a box, so that it makes the other way no larger.
            Box::pin(self.send_shared(request)).await
        } else {
            self.send_alone(request).await
        }
    }

    /// The same on a connection that was never used: for what cannot be sent twice, and must not fail because the server was about to
    /// close one that had rested.
    pub(crate) async fn send_anew(
        self: &Arc<Self>,
        request: Request<Bytes>,
    ) -> Result<Response<ReplyBody>, NoReply> {
        match self.open().await.map_err(NoReply::NotOpened)? {
            Fresh::Http1(connection) => self.send_first(connection, request).await,
            Fresh::Http2(place) => Ok(self.send_in(place, request).await?),
        }
    }

    /// As the first request on `connection`.
    async fn send_first(
        self: &Arc<Self>,
        mut connection: http1::Connection,
        request: Request<Bytes>,
    ) -> Result<Response<ReplyBody>, NoReply> {
        match connection.send(request, &self.host).await {
            Ok(response) => Ok(self.lend(response, connection)),
            Err(_) => Err(NoReply::Broken),
        }
    }

    /// On a connection that nobody else uses meanwhile.
    async fn send_alone(
        self: &Arc<Self>,
        mut request: Request<Bytes>,
    ) -> Result<Response<ReplyBody>, NoReply> {
        // What asks for something and changes nothing may be sent twice (RFC 9110 §9.2.2).
        let mut again = (request.method() == Method::GET).then(|| request.clone());
        let mut wants_fresh = false;
        loop {
            let rested = if wants_fresh { None } else { self.take().await };
            let is_fresh = rested.is_none();
            let mut connection = match rested {
                Some(connection) => connection,
                // In a box, since it is large and rare.
                None => match Box::pin(self.open()).await.map_err(NoReply::NotOpened)? {
                    Fresh::Http1(connection) => connection,
                    Fresh::Http2(place) => {
                        return Ok(Box::pin(self.send_in(place, request)).await?);
                    }
                },
            };
            let unsent = match connection.send(request, &self.host).await {
                Ok(response) => return Ok(self.lend(response, connection)),
                Err(_) if is_fresh => None,
                // It ended before the first byte of the request was written: another one may do.
                Err(Some(unsent)) => Some(unsent),
                // The server was about to close it, perhaps.
                Err(None) => {
                    wants_fresh = true;
                    again.take()
                }
            };
            request = unsent.ok_or(NoReply::Broken)?;
        }
    }

    /// On a connection that others use, too.
    async fn send_shared(
        self: &Arc<Self>,
        mut request: Request<Bytes>,
    ) -> Result<Response<ReplyBody>, NoReply> {
        let mut ended = 0;
        loop {
            let found = self.shared().find(self);
            let place = match found {
                Found::Place(place) => place,
                Found::Wait(attempt) => {
                    attempt.ended().await.map_err(NoReply::NotOpened)?;
                    if !self.expects_http2.load(Ordering::Relaxed) {
                        return self.send_alone(request).await;
                    }
                    continue;
                }
                Found::Lead(lead) => match self.lead(lead).await.map_err(NoReply::NotOpened)? {
                    Fresh::Http2(place) => place,
                    Fresh::Http1(connection) => return self.send_first(connection, request).await,
                },
            };
            match self.send_in(place, request).await {
                Err(Unanswered::Unsent(unsent)) if ended < MOST_ENDED => {
                    ended += 1;
                    request = *unsent;
                }
                answer => return Ok(answer?),
            }
        }
    }

    /// Opens a connection while others wait for how that goes.
    async fn lead(self: &Arc<Self>, lead: Lead) -> Result<Fresh, NotOpened> {
        let opened = self.open().await;
        lead.end(opened.as_ref().map(|_| ()).map_err(|error| *error));
        opened
    }

    async fn open(self: &Arc<Self>) -> Result<Fresh, NotOpened> {
        let opened = self.connector.call(self.address.clone()).await;
        let stream = opened.map_err(|error| {
            if self.version == HttpVersion::Http2 && refuses_protocol(error.as_ref()) {
                NotOpened::NotHttp2
            } else {
                NotOpened::Unreachable
            }
        })?;
        let is_agreed = match &stream {
            MaybeHttpsStream::Http(_) => self.version == HttpVersion::Http2,
            MaybeHttpsStream::Https(stream) => stream.inner().get_ref().1.alpn_protocol() == Some(H2),
        };
        if is_agreed {
            let place = self.share(stream).await?;
            self.opened.http2.inc();
            self.expects_http2.store(true, Ordering::Relaxed);
            return Ok(Fresh::Http2(place));
        }
        if self.version == HttpVersion::Http2 {
            return Err(NotOpened::NotHttp2);
        }
        let connection = http1::Connection::over(stream).await?;
        self.opened.http1.inc();
        self.expects_http2.store(false, Ordering::Relaxed);
        Ok(Fresh::Http1(connection))
    }

    fn resting(&self) -> MutexGuard<'_, Resting> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shared(&self) -> MutexGuard<'_, Pool> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The protocols that a connector offers in the TLS handshake where a provider is to be spoken to in `version`.
pub(crate) fn alpn(version: HttpVersion) -> Vec<Vec<u8>> {
    match version {
        HttpVersion::Auto => vec![H2.to_vec(), HTTP_1_1.to_vec()],
        HttpVersion::Http1 => Vec::new(),
        HttpVersion::Http2 => vec![H2.to_vec()],
    }
}

/// Whether a server ended the TLS handshake because it speaks none of the offered protocols.
fn refuses_protocol(error: &(dyn StdError + Send + Sync + 'static)) -> bool {
    let mut error: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(one) = error {
        if let Some(rustls::Error::AlertReceived(alert)) = one.downcast_ref() {
            return *alert == AlertDescription::NoApplicationProtocol;
        }
        let inside = one.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        error = match inside {
            Some(inside) => Some(inside),
            None => one.source(),
        };
    }
    false
}

/// For what need not wake anybody, since it is looked at again whenever it can have news.
fn nobody() -> Context<'static> {
    Context::from_waker(Waker::noop())
}
