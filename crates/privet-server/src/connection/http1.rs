//! HTTP/1.1: keep-alive connections, each driven by the task that uses it.
//!
//! A request is written, and its reply read, by the very task that waits for it: nothing is spawned, and no other thread
//! is woken on the way. Nobody watches a connection that rests; whoever takes it looks first whether it is still open,
//! and a sweep closes those that have rested too long.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use tokio::runtime::{self, Handle};
use tokio::task::coop::unconstrained;
use tokio::time::Instant;

use super::{NotOpened, Origin, REST, ReplyBody, Stream, nobody};

/// How often resting connections are looked at, for those that the provider has closed.
const SWEEP: Duration = Duration::from_secs(15);

type Driver = http1::Connection<Stream, Full<Bytes>>;

/// The connections that rest.
#[derive(Default)]
pub(super) struct Resting {
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

pub(super) struct Connection {
    /// The runtime that hears of news on the socket; any other one can use the connection as well, but has to be woken.
    home: runtime::Id,
    sender: http1::SendRequest<Full<Bytes>>,
    /// What reads and writes; none once the connection has ended. To drop it is to tell all who wait for it.
    driver: Option<Pin<Box<Driver>>>,
    rests_since: Instant,
}

impl Origin {
    /// A connection that rested and is still open.
    pub(super) async fn take(&self) -> Option<Connection> {
        let here = Handle::current().id();
        loop {
            let mut connection = self.resting().take(here)?;
            let is_open = poll_fn(|context| Poll::Ready(connection.is_open(context))).await;
            if is_open && connection.rests_since.elapsed() < REST {
                return Some(connection);
            }
        }
    }

    /// The reply with the connection on which it comes.
    pub(super) fn lend(
        self: &Arc<Self>,
        response: Response<Incoming>,
        connection: Connection,
    ) -> Response<ReplyBody> {
        response.map(|body| ReplyBody::alone(body, connection, Arc::clone(self)))
    }

    /// Lets `connection` rest, if it can be used again.
    pub(super) fn give_back(self: &Arc<Self>, mut connection: Connection) {
        if connection.sender.is_ready() || connection.is_open(&mut nobody()) {
            self.keep(connection);
        }
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
    /// A connection over `stream`, on which nothing was said yet.
    pub(super) async fn over(stream: Stream) -> Result<Self, NotOpened> {
        let shaken = http1::handshake(stream).await;
        let (sender, driver) = shaken.map_err(|_| NotOpened::Unreachable)?;
        Ok(Self {
            home: Handle::current().id(),
            sender,
            driver: Some(Box::pin(driver)),
            rests_since: Instant::now(),
        })
    }

    /// Reads and writes what can be. Whether the connection goes on.
    pub(super) fn drive(&mut self, context: &mut Context<'_>) -> bool {
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
    pub(super) async fn send(
        &mut self,
        mut request: Request<Bytes>,
        host: &HeaderValue,
    ) -> Result<Response<Incoming>, Option<Request<Bytes>>> {
        request.headers_mut().insert(HOST, host.clone());
        let (parts, body) = request.into_parts();
        let again = body.clone();
        let request = Request::from_parts(parts, Full::new(body));
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
        .map_err(|mut error| error.take_message().map(|unsent| unsent.map(|_| again)))
    }
}
