//! Keep-alive connections to one provider, each driven by the task that uses it.
//!
//! A request is written, and its reply read, by the very task that waits for it: nothing is spawned, and no other thread
//! is woken on the way. Nobody watches a connection that rests; whoever takes it looks first whether it is still open,
//! and a sweep closes those that have rested too long.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::service::Service;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::runtime::{self, Handle};
use tokio::task::coop::unconstrained;
use tokio::time::Instant;

use crate::bedrock::{BadFraming, EventStream};

/// How long a connection may rest before it is closed. Providers and the middle boxes on the way close theirs after a
/// minute or later.
const REST: Duration = Duration::from_secs(60);

/// How often resting connections are looked at, for those that the provider has closed.
const SWEEP: Duration = Duration::from_secs(15);

pub(crate) type Connector = HttpsConnector<HttpConnector>;
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
type Driver = http1::Connection<Stream, Full<Bytes>>;

/// One provider's address, and the connections to it that rest.
pub(crate) struct Origin {
    connector: TowerToHyperService<Connector>,
    address: Uri,
    host: HeaderValue,
    resting: Mutex<Resting>,
}

#[derive(Default)]
struct Resting {
    /// The one that was used last stands last, and is taken first.
    connections: Vec<Connection>,
    is_swept: bool,
}

impl Resting {
    /// The connection that was used last, from the runtime `here` if there is one.
    fn take(&mut self, here: runtime::Id) -> Option<Connection> {
        match self.connections.iter().rposition(|c| c.home == here) {
            Some(at) => Some(self.connections.remove(at)),
            None => self.connections.pop(),
        }
    }
}

struct Connection {
    /// The runtime that hears of news on the socket; any other one can use the connection as well, but has to be woken.
    home: runtime::Id,
    sender: http1::SendRequest<Full<Bytes>>,
    /// What reads and writes; none once the connection has ended. To drop it is to tell all who wait for it.
    driver: Option<Pin<Box<Driver>>>,
    rests_since: Instant,
}

/// Why a request had no reply.
#[derive(Debug)]
pub(crate) enum NoReply {
    /// There is no connection to be had.
    Connect,
    /// The connection ended first.
    Broken,
}

/// The body of a provider's reply. Its connection is used again once the last byte was read; dropped before, it is closed.
pub(crate) struct ReplyBody {
    body: Incoming,
    lease: Option<(Connection, Arc<Origin>)>,
    /// Turns AWS's framing into events, where the provider uses it.
    events: Option<Box<EventStream>>,
}

/// Why a reply's body ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokenBody {
    /// The connection, or what HTTP makes of it.
    #[error(transparent)]
    Http(#[from] hyper::Error),
    /// A stream in AWS's framing.
    #[error(transparent)]
    Framing(#[from] BadFraming),
}

impl Origin {
    /// The server at `scheme` and `authority`.
    ///
    /// `None` if they are no address.
    pub(crate) fn new(connector: Connector, scheme: Scheme, authority: Authority) -> Option<Arc<Self>> {
        let default_port = if scheme == Scheme::HTTPS { 443 } else { 80 };
        let host = match authority.port_u16().filter(|port| *port != default_port) {
            Some(port) => format!("{}:{port}", authority.host()),
            None => authority.host().to_owned(),
        };
        let address = Uri::builder()
            .scheme(scheme)
            .authority(authority)
            .path_and_query("/")
            .build()
            .ok()?;
        Some(Arc::new(Self {
            connector: TowerToHyperService::new(connector),
            address,
            host: HeaderValue::from_str(&host).ok()?,
            resting: Mutex::default(),
        }))
    }

    /// What stands in the `host` header of requests to it.
    pub(crate) const fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// Sends `request`, whose address is a path and maybe a query, and waits for the head of the reply.
    pub(crate) async fn send(
        self: &Arc<Self>,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<ReplyBody>, NoReply> {
        request.headers_mut().insert(HOST, self.host.clone());
        loop {
            let rested = self.take().await;
            let is_fresh = rested.is_none();
            let mut connection = match rested {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            match connection.send(request).await {
                Ok(response) => return Ok(self.lend(response, connection)),
                // It ended before the first byte of the request was written: another one may do.
                Err(Some(unsent)) if !is_fresh => request = unsent,
                Err(_) => return Err(NoReply::Broken),
            }
        }
    }

    async fn connect(&self) -> Result<Connection, NoReply> {
        let stream = self.connector.call(self.address.clone());
        let stream = stream.await.map_err(|_| NoReply::Connect)?;
        let (sender, driver) = http1::handshake(stream).await.map_err(|_| NoReply::Connect)?;
        Ok(Connection {
            home: Handle::current().id(),
            sender,
            driver: Some(Box::pin(driver)),
            rests_since: Instant::now(),
        })
    }

    /// A connection that rested and is still open.
    async fn take(&self) -> Option<Connection> {
        let here = Handle::current().id();
        loop {
            let mut connection = self.resting().take(here)?;
            let is_open = poll_fn(|context| Poll::Ready(connection.is_open(context))).await;
            if is_open && connection.rests_since.elapsed() < REST {
                return Some(connection);
            }
        }
    }

    fn lend(self: &Arc<Self>, response: Response<Incoming>, connection: Connection) -> Response<ReplyBody> {
        response.map(|body| {
            let mut body = ReplyBody {
                body,
                lease: Some((connection, Arc::clone(self))),
                events: None,
            };
            if body.body.is_end_stream() {
                body.give_back();
            }
            body
        })
    }

    fn keep(self: &Arc<Self>, mut connection: Connection) {
        connection.rests_since = Instant::now();
        let mut resting = self.resting();
        resting.connections.push(connection);
        if !resting.is_swept {
            resting.is_swept = true;
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    fn resting(&self) -> MutexGuard<'_, Resting> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For what need not wake anybody, since it is looked at again whenever it can have news.
fn nobody() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// Closes what has rested too long, until nothing rests any more.
async fn sweep(origin: Weak<Origin>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(origin) = origin.upgrade() else { return };
        let mut resting = origin.resting();
        resting
            .connections
            .retain_mut(|c| c.rests_since.elapsed() < REST && c.is_open(&mut nobody()));
        if resting.connections.is_empty() {
            resting.is_swept = false;
            return;
        }
    }
}

impl Connection {
    /// Reads and writes what can be. Whether the connection goes on.
    fn drive(&mut self, context: &mut Context<'_>) -> bool {
        if let Some(driver) = &mut self.driver
            && driver.as_mut().poll(context).is_ready()
        {
            self.driver = None;
        }
        self.driver.is_some()
    }

    /// Whether a request can be sent: reads what may have come meanwhile, most likely the provider's goodbye.
    fn is_open(&mut self, context: &mut Context<'_>) -> bool {
        self.drive(context) && self.sender.is_ready()
    }

    /// The head of the reply; else the request, if no byte of it was written.
    async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Option<Request<Full<Bytes>>>> {
        // The answer comes from the driver, which is polled right here: it need not be able to wake anybody, and must not
        // ask to be polled later.
        let mut answer = pin!(unconstrained(self.sender.try_send_request(request)));
        poll_fn(|context| {
            if let Some(driver) = &mut self.driver
                && driver.as_mut().poll(context).is_ready()
            {
                self.driver = None;
            }
            answer.as_mut().poll(&mut nobody())
        })
        .await
        .map_err(|mut error| error.take_message())
    }
}

impl ReplyBody {
    /// The body was read to its end: the connection rests, if it can be used again.
    fn give_back(&mut self) {
        if let Some((mut connection, origin)) = self.lease.take()
            && (connection.sender.is_ready() || connection.is_open(&mut nobody()))
        {
            origin.keep(connection);
        }
    }

    /// The same, read as AWS's event stream and given out as server-sent events.
    pub(crate) fn into_events(mut self) -> Self {
        self.events = Some(Box::default());
        self
    }

    fn poll_sent(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self;
        let Some((connection, _)) = &mut this.lease else {
            return Pin::new(&mut this.body).poll_frame(context);
        };
        // The same as above: only the driver has news for it.
        let mut frame = Pin::new(&mut this.body).poll_frame(&mut nobody());
        if frame.is_pending() {
            if !connection.drive(context) {
                this.lease = None;
                return Pin::new(&mut this.body).poll_frame(context);
            }
            frame = Pin::new(&mut this.body).poll_frame(&mut nobody());
        }
        match &frame {
            Poll::Ready(None) => this.give_back(),
            Poll::Ready(Some(Ok(_))) if this.body.is_end_stream() => this.give_back(),
            Poll::Ready(Some(Err(_))) => this.lease = None,
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        frame
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BrokenBody;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenBody>>> {
        let this = &mut *self;
        loop {
            let frame = ready!(this.poll_sent(context)).transpose()?;
            let Some(events) = &mut this.events else {
                return Poll::Ready(frame.map(Ok));
            };
            let Some(frame) = frame else {
                return Poll::Ready((!events.is_at_end()).then_some(Err(BadFraming.into())));
            };
            let Ok(data) = frame.into_data() else { continue };
            let mut out = Vec::new();
            if let Err(error) = events.push(&data, &mut out) {
                this.lease = None;
                return Poll::Ready(Some(Err(error.into())));
            }
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from(out)))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.events.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.events.is_some() {
            return SizeHint::default();
        }
        self.body.size_hint()
    }
}
