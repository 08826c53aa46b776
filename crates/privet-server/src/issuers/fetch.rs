//! Documents of issuers: from the one address that the settings name, or from a file.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_ENCODING, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use privet_policy::{JwksPlace, TrustedIssuer};

use crate::Error;
use crate::connection::{Connector, Origin, ReplyBody};

/// Largest document.
const LARGEST: usize = 256 << 10;

/// Where an issuer's keys are.
pub(super) enum Source {
    Web(Place),
    File(PathBuf),
}

/// One address of the web. Nothing that an issuer says leads elsewhere.
pub(super) struct Place {
    origin: Arc<Origin>,
    target: PathAndQuery,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotFetched {
    #[error("nobody can be reached there")]
    Unreachable,
    #[error("there was no answer in time")]
    Silence,
    #[error("it was answered with status {0}")]
    Status(u16),
    #[error("the answer is compressed, although that was not asked for")]
    Compressed,
    #[error("the answer broke off, or is longer than 256 KiB")]
    Body,
    #[error("the file cannot be read")]
    File(#[source] std::io::Error),
}

impl Source {
    pub(super) fn new(wanted: &TrustedIssuer, connector: &Connector) -> Result<Self, Error> {
        Ok(match &wanted.jwks {
            JwksPlace::Url(url) => {
                let place = Place::new(connector, url);
                Self::Web(place.ok_or_else(|| Error::BadIssuer {
                    issuer: wanted.name.clone(),
                })?)
            }
            JwksPlace::File(path) => Self::File(path.clone()),
        })
    }

    pub(super) async fn fetch(&self) -> Result<Vec<u8>, NotFetched> {
        match self {
            Self::Web(place) => place.get().await,
            Self::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || {
                    let mut bytes = Vec::new();
                    let mut file = std::fs::File::open(path)?.take(LARGEST as u64 + 1);
                    file.read_to_end(&mut bytes).map(|_| bytes)
                });
                let bytes = read.await.map_err(|_| NotFetched::Body)?;
                let bytes = bytes.map_err(NotFetched::File)?;
                if bytes.len() > LARGEST {
                    return Err(NotFetched::Body);
                }
                Ok(bytes)
            }
        }
    }
}

impl Place {
    /// `None` if `url` is no address.
    pub(super) fn new(connector: &Connector, url: &str) -> Option<Self> {
        let parts = url.parse::<Uri>().ok()?.into_parts();
        let (scheme, authority) = parts.scheme.zip(parts.authority)?;
        Some(Self {
            origin: Origin::new(connector.clone(), scheme, authority)?,
            target: parts
                .path_and_query
                .unwrap_or_else(|| PathAndQuery::from_static("/")),
        })
    }

    pub(super) async fn get(&self) -> Result<Vec<u8>, NotFetched> {
        self.send(Request::new(Bytes::new())).await
    }

    /// What is answered to `request`, whose address is set here, if that is a document.
    pub(super) async fn send(&self, mut request: Request<Bytes>) -> Result<Vec<u8>, NotFetched> {
        *request.uri_mut() = Uri::from(self.target.clone());
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(ACCEPT, json);
        let response = if request.method() == Method::GET {
            self.origin.send(request).await
        } else {
            // A code is good once.
            self.origin.send_anew(request).await
        };
        document(response.map_err(|_| NotFetched::Unreachable)?).await
    }
}

/// A redirect is not followed: it could lead anywhere.
async fn document(response: Response<ReplyBody>) -> Result<Vec<u8>, NotFetched> {
    if response.status() != StatusCode::OK {
        return Err(NotFetched::Status(response.status().as_u16()));
    }
    if response.headers().contains_key(CONTENT_ENCODING) {
        return Err(NotFetched::Compressed);
    }
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    Ok(body.map_err(|_| NotFetched::Body)?.to_bytes().to_vec())
}
