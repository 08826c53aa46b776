//! HTTP/2: connections that many requests share, each driven by a task of its own.
//!
//! Most requests stay on the thread that serves their caller: it has a connection of its own as soon as those of other threads
//! are busy. Nobody waits for room on a connection while another one can be opened; who comes while one is being opened waits for
//! that one. A connection is used once the server has said what it allows, so nothing is sent to one that does not speak
//! HTTP/2, and no more than it takes at once.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use h2::{Ping, PingPong, Reason};
use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, Uri, Version};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{self, Handle};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{NoReply, NotOpened, Origin, REST, ReplyBody, Stream, nobody};

/// Most requests under way on one connection, if the server allows so many. RFC 9113 §6.5.2 wants servers to allow 100 at least.
const MOST_STREAMS: usize = 100;

/// Requests on another thread's connection from which a thread opens one of its own: until then a handshake costs more than
/// waking that thread.
const FEW_STREAMS: usize = 8;

/// What a provider may send of one reply before its caller has taken it. At a round trip of 100 ms this allows 2.5 MB/s.
const WINDOW: u32 = 256 << 10;

/// The same for a connection. As much as all replies on it can hold, so that callers who do not read hold up nobody else.
const CONNECTION_WINDOW: u32 = WINDOW * 100;

/// What small frames of a reply may cost beside their bytes, in `h2`'s measure: some hundred events of a stream that wait for its
/// caller, on each of the requests.
const FRAME_BUDGET: usize = 2 * CONNECTION_WINDOW as usize;

/// Most bytes of the head of a reply, counted as RFC 9113 §6.5.2 does.
const HEAD: u32 = 64 << 10;

/// Headers that speak of one connection, which HTTP/2 forbids (RFC 9113 §8.2.2), and `host`, whose place `:authority` takes.
const OF_CONNECTIONS: [HeaderName; 7] = [
    CONNECTION,
    HOST,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// How often a connection is looked at, and how long a server may take to answer a ping.
#[derive(Clone, Copy)]
struct Pace {
    look: Duration,
    pong: Duration,
}

const PACE: Pace = Pace {
    look: Duration::from_secs(20),
    pong: Duration::from_secs(10),
};

/// The connections to a provider that requests share, and those that are being opened.
#[derive(Default)]
pub(super) struct Pool {
    /// Names connections and attempts.
    next: u64,
    connections: Vec<Shared>,
    attempts: Vec<Attempt>,
    /// Requests that the last connection that was opened took at once.
    room: Option<usize>,
}

struct Shared {
    number: u64,
    /// The runtime on which it is driven.
    home: runtime::Id,
    sender: SendRequest<Bytes>,
    /// Requests under way.
    open: usize,
    idle_since: Instant,
    /// It has refused a request, and none has ended since.
    is_full: bool,
    /// It ends once its requests have.
    is_leaving: bool,
}

/// A connection that is being opened, and who waits for it.
struct Attempt {
    number: u64,
    home: runtime::Id,
    waiting: usize,
    outcome: watch::Receiver<Outcome>,
}

type Outcome = Option<Result<(), NotOpened>>;

/// What there is for a request.
pub(super) enum Found {
    Place(Place),
    /// Somebody is opening a connection.
    Wait(Wait),
    /// Nobody is.
    Lead(Lead),
}

/// A request's place on a connection. Dropped, it is free again.
pub(super) struct Place {
    sender: SendRequest<Bytes>,
    lease: Lease,
}

/// What is left of a place when the request was sent.
pub(super) struct Lease {
    origin: Arc<Origin>,
    number: u64,
}

/// Waits for a connection that somebody else opens.
pub(super) struct Wait(watch::Receiver<Outcome>);

/// Whoever has it opens a connection. Dropped before the end was told, somebody else has to.
pub(super) struct Lead {
    origin: Arc<Origin>,
    number: u64,
    outcome: watch::Sender<Outcome>,
}

/// Why a request had no reply.
pub(super) enum Unanswered {
    /// No byte of it was written.
    Unsent(Box<Request<Bytes>>),
    /// The server said that it did nothing with it.
    Refused(Box<Request<Bytes>>),
    Broken,
}

impl From<Unanswered> for NoReply {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Unsent(request) | Unanswered::Refused(request) => Self::Refused(request),
            Unanswered::Broken => Self::Broken,
        }
    }
}

/// What a connection is found to be when it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Busy,
    Idle,
    /// Nobody uses it any more.
    Over,
}

impl Pool {
    /// A place on a connection, or what is to be done for one.
    pub(super) fn find(&mut self, origin: &Arc<Origin>) -> Found {
        let here = Handle::current().id();
        while let Some(connection) = self.best(here) {
            if matches!(connection.sender.poll_ready(&mut nobody()), Poll::Ready(Ok(()))) {
                connection.open += 1;
                return Found::Place(connection.place(origin));
            }
            connection.is_leaving = true;
        }
        // Not more of them than it will take, so that none finds it full and waits for the next.
        let room = self.room.unwrap_or(MOST_STREAMS);
        let attempt = self
            .attempts
            .iter_mut()
            .find(|attempt| attempt.home == here && attempt.waiting + 1 < room);
        if let Some(attempt) = attempt {
            attempt.waiting += 1;
            return Found::Wait(Wait(attempt.outcome.clone()));
        }
        let number = self.number();
        let (outcome, seen) = watch::channel(None);
        self.attempts.push(Attempt {
            number,
            home: here,
            waiting: 0,
            outcome: seen,
        });
        Found::Lead(Lead {
            origin: Arc::clone(origin),
            number,
            outcome,
        })
    }

    /// One of the runtime `here` with room, else one of another where little is under way.
    fn best(&mut self, here: runtime::Id) -> Option<&mut Shared> {
        let own = |c: &Shared| c.home == here && c.has_room();
        let other = |c: &Shared| c.open < FEW_STREAMS && c.has_room();
        let connections = &self.connections;
        let at = connections
            .iter()
            .position(own)
            .or_else(|| connections.iter().position(other))?;
        self.connections.get_mut(at)
    }

    /// Takes in a connection that was just opened, with a place on it for whoever did.
    fn add(&mut self, origin: &Arc<Origin>, sender: SendRequest<Bytes>) -> Place {
        let number = self.number();
        let connection = Shared {
            number,
            home: Handle::current().id(),
            sender,
            open: 1,
            idle_since: Instant::now(),
            is_full: false,
            is_leaving: false,
        };
        self.room = Some(connection.most());
        let place = connection.place(origin);
        self.connections.push(connection);
        place
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn get(&mut self, number: u64) -> Option<&mut Shared> {
        self.connections.iter_mut().find(|c| c.number == number)
    }

    /// What the connection `number` is; one that has rested long is given up.
    fn look(&mut self, number: u64) -> State {
        let Some(connection) = self.get(number) else {
            return State::Over;
        };
        if connection.open > 0 {
            return State::Busy;
        }
        if connection.is_leaving || connection.idle_since.elapsed() >= REST {
            self.remove(number);
            return State::Over;
        }
        State::Idle
    }

    fn remove(&mut self, number: u64) {
        self.connections.retain(|c| c.number != number);
    }
}

impl Shared {
    /// Requests it may have under way.
    fn most(&self) -> usize {
        self.sender.current_max_send_streams().min(MOST_STREAMS)
    }

    fn has_room(&self) -> bool {
        !self.is_leaving && !self.is_full && self.open < self.most()
    }

    fn place(&self, origin: &Arc<Origin>) -> Place {
        Place {
            sender: self.sender.clone(),
            lease: Lease {
                origin: Arc::clone(origin),
                number: self.number,
            },
        }
    }
}

impl Lease {
    /// The server has refused the request for which this is.
    fn refused(self) {
        let (origin, number) = (Arc::clone(&self.origin), self.number);
        drop(self);
        if let Some(connection) = origin.shared().get(number) {
            connection.is_full = true;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.origin.shared().get(self.number) {
            connection.open = connection.open.saturating_sub(1);
            connection.idle_since = Instant::now();
            connection.is_full = false;
        }
    }
}

impl Wait {
    /// How the attempt ended; well, too, if it was given up.
    pub(super) async fn ended(mut self) -> Result<(), NotOpened> {
        match self.0.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.unwrap_or(Ok(())),
            Err(_) => Ok(()),
        }
    }
}

impl Lead {
    /// Tells all who wait.
    pub(super) fn end(self, outcome: Result<(), NotOpened>) {
        self.outcome.send_replace(Some(outcome));
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let number = self.number;
        self.origin.shared().attempts.retain(|a| a.number != number);
    }
}

impl Origin {
    /// Begins with HTTP/2 over `stream`, and takes a place on the connection.
    pub(super) async fn share(self: &Arc<Self>, stream: Stream) -> Result<Place, NotOpened> {
        let is_agreed = matches!(stream, MaybeHttpsStream::Https(_));
        let begun = tokio::time::timeout(self.patience, begin(TokioIo::new(stream))).await;
        let (sender, connection, pings) = match begun {
            Ok(Ok(begun)) => begun,
            // Whoever does not know HTTP/2 hangs up, or says something else.
            Ok(Err(_)) if !is_agreed => return Err(NotOpened::NotHttp2),
            Ok(Err(_)) | Err(_) => return Err(NotOpened::Unreachable),
        };
        let place = self.shared().add(self, sender);
        let (origin, number) = (Arc::downgrade(self), place.lease.number);
        tokio::spawn(async move {
            let look = || {
                origin
                    .upgrade()
                    .map_or(State::Over, |origin| origin.shared().look(number))
            };
            drive(connection, pings, PACE, look).await;
            if let Some(origin) = origin.upgrade() {
                origin.shared().remove(number);
            }
        });
        Ok(place)
    }

    /// Sends `request` in its place, and waits for the head of the reply.
    pub(super) async fn send_in(
        &self,
        place: Place,
        request: Request<Bytes>,
    ) -> Result<Response<ReplyBody>, Unanswered> {
        let Place { mut sender, lease } = place;
        let Some(head) = self.head(&request) else {
            return Err(Unanswered::Broken);
        };
        let body = request.body().clone();
        let Ok((response, mut upload)) = sender.send_request(head, body.is_empty()) else {
            return Err(Unanswered::Unsent(Box::new(request)));
        };
        drop(sender);
        // Written as the server makes room; all of it is in memory anyway.
        if !body.is_empty() && upload.send_data(body, true).is_err() {
            return Err(Unanswered::Broken);
        }
        match response.await {
            Ok(response) => Ok(response.map(|body| ReplyBody::shared(body, lease))),
            Err(error) if is_unprocessed(&error) => {
                lease.refused();
                Err(Unanswered::Refused(Box::new(request)))
            }
            Err(error) => {
                if error.reason() == Some(Reason::HTTP_1_1_REQUIRED) {
                    tracing::warn!(host = ?self.host, "provider wants HTTP/1.1; set `http = \"1.1\"` for it");
                }
                Err(Unanswered::Broken)
            }
        }
    }

    /// What stands before the body.
    fn head(&self, request: &Request<Bytes>) -> Option<Request<()>> {
        let mut head = Request::new(());
        *head.version_mut() = Version::HTTP_2;
        *head.method_mut() = request.method().clone();
        *head.headers_mut() = headers(request.headers());
        if request.method() == Method::POST {
            let length = HeaderValue::from(request.body().len());
            head.headers_mut().insert(CONTENT_LENGTH, length);
        }
        let mut address = self.address.clone().into_parts();
        address.path_and_query = request.uri().path_and_query().cloned();
        if address.path_and_query.is_none() {
            address.path_and_query = Some(PathAndQuery::from_static("/"));
        }
        *head.uri_mut() = Uri::from_parts(address).ok()?;
        Some(head)
    }
}

/// Those that may stand in a request over HTTP/2.
fn headers(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for name in &OF_CONNECTIONS {
        kept.remove(name);
    }
    kept
}

/// Whether the server says that it did nothing with the request (RFC 9113 §8.7): it refused it, or it is going and did not get to it.
fn is_unprocessed(error: &h2::Error) -> bool {
    error.is_remote() && (error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM))
}

/// A connection over `stream` whose server has said what it allows.
async fn begin<T: AsyncRead + AsyncWrite + Unpin>(
    stream: T,
) -> Result<(SendRequest<Bytes>, Connection<T, Bytes>, PingPong), h2::Error> {
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        // None, until the server says how many it takes.
        .initial_max_send_streams(0)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .data_frame_budget(FRAME_BUDGET)
        .max_header_list_size(HEAD);
    let (sender, mut connection) = builder.handshake(stream).await?;
    let pings = connection.ping_pong().ok_or(Reason::INTERNAL_ERROR)?;
    poll_fn(|context| match Pin::new(&mut connection).poll(context) {
        Poll::Ready(ended) => Poll::Ready(Err(ended.err().unwrap_or_else(|| Reason::NO_ERROR.into()))),
        Poll::Pending if connection.max_concurrent_send_streams() > 0 => Poll::Ready(Ok(())),
        Poll::Pending => Poll::Pending,
    })
    .await?;
    Ok((sender, connection, pings))
}

/// Reads and writes `connection` until it ends, or the server leaves a ping unanswered. It is pinged while somebody waits for a
/// reply on it, as `look` says: silence may be that of a dead connection.
async fn drive<T: AsyncRead + AsyncWrite + Unpin>(
    mut connection: Connection<T, Bytes>,
    mut pings: PingPong,
    pace: Pace,
    mut look: impl FnMut() -> State,
) {
    let mut timer = pin!(tokio::time::sleep(pace.look));
    let mut is_pinged = false;
    poll_fn(|context| {
        loop {
            if Pin::new(&mut connection).poll(context).is_ready() {
                return Poll::Ready(());
            }
            if is_pinged && let Poll::Ready(pong) = pings.poll_pong(context) {
                if pong.is_err() {
                    return Poll::Ready(());
                }
                is_pinged = false;
                timer.as_mut().reset(Instant::now() + pace.look);
            }
            ready!(timer.as_mut().poll(context));
            if is_pinged {
                tracing::warn!("a connection to a provider is dead: it did not answer a ping");
                return Poll::Ready(());
            }
            is_pinged = look() == State::Busy && pings.send_ping(Ping::opaque()).is_ok();
            let wait = if is_pinged { pace.pong } else { pace.look };
            timer.as_mut().reset(Instant::now() + wait);
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::sync::mpsc;

    use super::*;

    /// An empty SETTINGS frame.
    const HELLO: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const PREFACE: usize = 24;
    const PING: u8 = 6;

    /// A server that says hello and then nothing; the kinds of the frames that it hears come out of the channel.
    fn silent() -> (DuplexStream, mpsc::UnboundedReceiver<u8>) {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        let (tell, told) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            theirs.write_all(&HELLO).await.unwrap();
            theirs.read_exact(&mut [0; PREFACE]).await.unwrap();
            let mut head = [0; 9];
            while theirs.read_exact(&mut head).await.is_ok() {
                let length = usize::from(head[1]) << 8 | usize::from(head[2]);
                theirs.read_exact(&mut vec![0; length]).await.unwrap();
                tell.send(head[3]).unwrap_or_default();
            }
        });
        (ours, told)
    }

    #[tokio::test]
    async fn a_server_that_answers_no_ping_loses_its_connection_and_those_who_wait_hear_of_it() {
        let (stream, mut heard) = silent();
        let (mut sender, connection, pings) = begin(stream).await.unwrap();
        let request = Request::get("http://127.0.0.1/").body(()).unwrap();
        let (response, _) = sender.send_request(request, true).unwrap();
        let pace = Pace {
            look: Duration::from_millis(5),
            pong: Duration::from_millis(50),
        };
        drive(connection, pings, pace, || State::Busy).await;
        assert!(!is_unprocessed(&response.await.unwrap_err()));
        let mut pings = 0;
        while let Ok(kind) = heard.try_recv() {
            pings += usize::from(kind == PING);
        }
        assert_eq!(pings, 1);
    }

    #[tokio::test]
    async fn who_answers_is_pinged_again_and_nobody_is_while_nobody_waits() {
        for state in [State::Busy, State::Idle] {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            let server = tokio::spawn(async move {
                let mut server = h2::server::handshake(theirs).await.unwrap();
                server.accept().await.is_none()
            });
            let (sender, connection, pings) = begin(ours).await.unwrap();
            let pace = Pace {
                look: Duration::from_millis(5),
                pong: Duration::from_secs(3600),
            };
            let (tell, mut told) = mpsc::unbounded_channel();
            let look = move || {
                tell.send(()).unwrap_or_default();
                state
            };
            let driven = tokio::spawn(drive(connection, pings, pace, look));
            // A second look is taken only once the ping of the first was answered.
            for _ in 0..5 {
                told.recv().await.unwrap();
            }
            drop(sender);
            driven.await.unwrap();
            assert!(server.await.unwrap());
        }
    }

    #[tokio::test]
    async fn an_idle_connection_is_not_pinged() {
        let (stream, mut heard) = silent();
        let (_sender, connection, pings) = begin(stream).await.unwrap();
        let looks = Mutex::new(0);
        let pace = Pace {
            look: Duration::from_millis(5),
            pong: Duration::from_millis(5),
        };
        let looked = poll_fn(|_| {
            if *looks.lock().unwrap() > 4 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        let look = || {
            *looks.lock().unwrap() += 1;
            State::Idle
        };
        tokio::select! {
            () = drive(connection, pings, pace, look) => panic!("it ended"),
            () = looked => {}
        }
        while let Ok(kind) = heard.try_recv() {
            assert_ne!(kind, PING);
        }
    }

    #[tokio::test]
    async fn a_server_that_never_says_hello_is_not_used() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        tokio::spawn(async move {
            theirs
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .unwrap();
            theirs.read_to_end(&mut Vec::new()).await.unwrap_or_default()
        });
        assert!(begin(ours).await.is_err());
    }

    #[test]
    fn headers_of_a_connection_stay_behind() {
        let mut all = HeaderMap::new();
        for name in OF_CONNECTIONS {
            all.insert(name, HeaderValue::from_static("x"));
        }
        all.insert("x-kept", HeaderValue::from_static("x"));
        let kept = headers(&all);
        assert_eq!(
            kept.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
            ["x-kept"]
        );
    }
}
