//! The way to the authority: the one address that the settings name. Nothing that it says leads elsewhere.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::uri::{Authority as Host, Scheme};
use http::{Request, Uri};
use http_body_util::{BodyExt, Limited};
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use privet_policy::AcmeSettings;
use tokio::time::timeout;

use crate::Error;
use crate::connection::Origin;
use crate::upstream::connector;

/// Longest time to connect.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Largest answer: a chain of certificates has a few KiB.
const LARGEST: usize = 256 << 10;
/// RFC 8555, 6.1 wants the program and its library named.
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("privet/", env!("CARGO_PKG_VERSION"), " instant-acme"));

/// One authority. Cheap to clone.
#[derive(Clone)]
pub(super) struct Authority {
    origin: Arc<Origin>,
    scheme: Scheme,
    host: Host,
    asks_to_wait: Arc<Mutex<Option<Duration>>>,
}

/// Why there is no answer that could be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("nobody can be reached there whose certificate is trusted")]
    Unreachable,
    #[error("there was no answer in time")]
    Silence,
    #[error("it names an address on another host than that of its directory")]
    Elsewhere,
    #[error("it answers with a redirect, which is not followed")]
    Redirect,
    #[error("the answer is compressed, broke off, or is longer than 256 KiB")]
    Body,
}

impl Authority {
    /// The one of `settings`.
    ///
    /// # Errors
    /// [`Error::BadCertificates`] if the `ca_file` holds none, [`Error::BadAuthority`] if the directory's address cannot be asked.
    pub(super) fn new(settings: &AcmeSettings) -> Result<Self, Error> {
        let parts = settings
            .directory
            .parse::<Uri>()
            .map_err(|_| Error::BadAuthority)?;
        let parts = parts.into_parts();
        let (scheme, host) = parts.scheme.zip(parts.authority).ok_or(Error::BadAuthority)?;
        let connector = connector(settings.ca_file.as_deref(), CONNECT)?;
        let origin = Origin::new(connector, scheme.clone(), host.clone()).ok_or(Error::BadAuthority)?;
        Ok(Self {
            origin,
            scheme,
            host,
            asks_to_wait: Arc::default(),
        })
    }

    /// For how long it asked to be left alone when it last turned a request away, if it did since this was last asked.
    pub(super) fn take_wait(&self) -> Option<Duration> {
        let mut wait = self.asks_to_wait.lock().unwrap_or_else(PoisonError::into_inner);
        wait.take()
    }

    async fn exchange(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, NoAnswer> {
        let (mut parts, body) = request.into_parts();
        if parts.uri.scheme() != Some(&self.scheme) || parts.uri.authority() != Some(&self.host) {
            return Err(NoAnswer::Elsewhere);
        }
        let target = parts.uri.path_and_query().cloned().ok_or(NoAnswer::Elsewhere)?;
        parts.uri = Uri::from(target);
        parts.headers.insert(USER_AGENT, AGENT);
        let Ok(body) = body.collect().await;
        let request = Request::from_parts(parts, body.to_bytes());
        let response = self.origin.send(request).await;
        let (parts, body) = response.map_err(|_| NoAnswer::Unreachable)?.into_parts();
        if parts.status.is_redirection() {
            return Err(NoAnswer::Redirect);
        }
        if parts.headers.contains_key(CONTENT_ENCODING) {
            return Err(NoAnswer::Body);
        }
        if parts.status.is_client_error() || parts.status.is_server_error() {
            let seconds = parts
                .headers
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok());
            let wait = seconds.and_then(|seconds| seconds.trim().parse().ok());
            if let Some(wait) = wait.map(Duration::from_secs) {
                *self.asks_to_wait.lock().unwrap_or_else(PoisonError::into_inner) = Some(wait);
            }
        }
        let body = Limited::new(body, LARGEST).collect().await;
        let body = body.map_err(|_| NoAnswer::Body)?.to_bytes();
        Ok(BytesResponse {
            parts,
            body: Box::new(body),
        })
    }
}

impl HttpClient for Authority {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let exchange = timeout(PATIENCE, self.clone().exchange(request));
        Box::pin(async move {
            let answer = exchange.await.unwrap_or(Err(NoAnswer::Silence));
            answer.map_err(|why| instant_acme::Error::Other(Box::new(why)))
        })
    }
}
