//! The provider: one address that speaks both dialects and remembers what it was sent.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Request, Response};

use crate::body::Frames;
use crate::cuts::Cuts;
use crate::error::Error;
use crate::listener::{Listener, MAX_BODY};
use crate::responses::Kept;
use crate::route::{route, too_long};

/// Called with each request before it is answered.
type Watch = Arc<dyn Fn(&Recording) + Send + Sync>;

/// How a [`Provider`] behaves.
#[derive(Clone)]
pub struct ProviderConfig {
    /// The port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// Where replies are cut.
    pub cuts: Cuts,
    /// How long the model `demo-slow` waits between frames.
    pub pause: Duration,
    /// The one API key that is accepted, as bearer token or `x-api-key`; none accepts any and none at all.
    pub key: Option<String>,
    /// The names that `GET /v1/models` lists. Requests may name any model.
    pub models: Vec<String>,
    /// What the model `demo-weak` has learnt by heart, a line each, and tells whoever asks.
    pub knows: Vec<String>,
    /// How many recordings are kept; older ones are dropped.
    pub keep: usize,
    /// Called with each request before it is answered, on the connection's task: to be quick.
    pub on_recording: Option<Watch>,
}

impl Default for ProviderConfig {
    fn default() -> Self {
        Self {
            port: 0,
            cuts: Cuts::Awkward(0),
            pause: Duration::from_millis(50),
            key: None,
            models: ["demo-small", "demo-echo", "claude-demo"]
                .map(str::to_owned)
                .to_vec(),
            knows: Vec::new(),
            keep: 10_000,
            on_recording: None,
        }
    }
}

impl fmt::Debug for ProviderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderConfig")
            .field("port", &self.port)
            .field("cuts", &self.cuts)
            .field("models", &self.models)
            .finish_non_exhaustive()
    }
}

/// One request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The HTTP method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// Names in lower case, and values; bytes that are no UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Bytes,
}

/// A provider that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Provider {
    listener: Listener,
    shared: Arc<Shared>,
}

/// What the connections share.
pub(crate) struct Shared {
    pub(crate) config: ProviderConfig,
    recordings: Mutex<VecDeque<Recording>>,
    kept: Mutex<Kept>,
    served: AtomicU64,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn recordings(&self) -> MutexGuard<'_, VecDeque<Recording>> {
        self.recordings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The responses that it keeps.
    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, recording: Recording) {
        if let Some(watch) = &self.config.on_recording {
            watch(&recording);
        }
        let mut recordings = self.recordings();
        while recordings.len() >= self.config.keep.max(1) {
            recordings.pop_front();
        }
        recordings.push_back(recording);
    }

    /// A number no other request has.
    pub(crate) fn number(&self) -> u64 {
        self.served.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Provider {
    /// Listens and answers from now on.
    ///
    /// # Errors
    /// [`Error::Listen`] if the port is taken.
    pub async fn start(config: ProviderConfig) -> Result<Self, Error> {
        let port = config.port;
        let shared = Arc::new(Shared {
            config,
            recordings: Mutex::new(VecDeque::new()),
            kept: Mutex::default(),
            served: AtomicU64::new(0),
        });
        let for_requests = Arc::clone(&shared);
        let listener =
            Listener::start(port, move |request| answer(Arc::clone(&for_requests), request)).await?;
        Ok(Self { listener, shared })
    }

    /// Where it listens. The OpenAI base URL is `http://{addr}/v1`, the Anthropic one `http://{addr}`.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.listener.addr()
    }

    /// The requests so far, oldest first; of more than [`ProviderConfig::keep`], the last ones.
    #[must_use]
    pub fn recordings(&self) -> Vec<Recording> {
        self.shared.recordings().iter().cloned().collect()
    }

    /// Takes the recordings out and leaves none.
    #[must_use]
    pub fn take_recordings(&self) -> Vec<Recording> {
        self.shared.recordings().drain(..).collect()
    }

    /// Closes the port and all connections.
    pub async fn stop(self) {
        self.listener.stop().await;
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Response<Frames> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return too_long(&shared, &head);
    };
    let body = body.to_bytes();
    shared.record(recording(&head, &body));
    route(&shared, &head, &body)
}

fn recording(head: &Parts, body: &Bytes) -> Recording {
    let headers = head.headers.iter();
    Recording {
        method: head.method.to_string(),
        path: head
            .uri
            .path_and_query()
            .map_or_else(|| head.uri.path().to_owned(), ToString::to_string),
        headers: headers
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect(),
        body: body.clone(),
    }
}
