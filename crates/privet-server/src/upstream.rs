//! The way to providers. Takes only prompts that the policy has cleared.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::connect::HttpConnector;
use privet_policy::{Auth, Cleared, Prompt, Provider, Settings};
use privet_types::Secret;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::Error;
use crate::connection::{Connector, NoReply, Origin, ReplyBody};
use crate::problem::Problem;

type KeyHeader = (HeaderName, HeaderValue);

/// Connections to all providers of the settings, and the keys they want.
pub(crate) struct Upstream {
    /// By the provider's name: where it is, and the header that carries its key.
    origins: BTreeMap<String, (Arc<Origin>, Option<KeyHeader>)>,
    first_byte_timeout: Duration,
}

impl Upstream {
    /// `keys`: each provider's key by its name in the settings.
    pub(crate) fn new(settings: &Settings, keys: &BTreeMap<String, Secret<String>>) -> Result<Self, Error> {
        let mut origins = BTreeMap::new();
        let connect_timeout = settings.limits.connect_timeout.duration();
        let common = connector(None, connect_timeout)?;
        for provider in settings.providers() {
            let connector = match provider.ca_file() {
                Some(path) => connector(Some(path.to_owned()), connect_timeout)?,
                None => common.clone(),
            };
            let origin = origin(provider, connector).ok_or_else(|| Error::BadAddress {
                provider: provider.name().to_owned(),
            })?;
            let header = keys
                .get(provider.name())
                .map(|key| auth_header(provider, key))
                .transpose()?;
            origins.insert(provider.name().to_owned(), (origin, header));
        }
        Ok(Self {
            origins,
            first_byte_timeout: settings.limits.first_byte_timeout.duration(),
        })
    }

    /// Sends a cleared prompt. `query` is what the caller put behind the address.
    pub(crate) async fn send(
        &self,
        provider: &Provider,
        model: &str,
        query: Option<&str>,
        headers: HeaderMap,
        prompt: Prompt<Cleared>,
    ) -> Result<Response<ReplyBody>, Problem> {
        let url = provider
            .url(prompt.surface(), model)
            .ok_or(Problem::WrongDialect)?;
        let url = match (query, url.contains('?')) {
            (Some(query), true) => format!("{url}&{query}"),
            (Some(query), false) => format!("{url}?{query}"),
            (None, _) => url,
        };
        let body = Full::new(Bytes::from(prompt.into_body()));
        self.request(provider, Method::POST, &url, headers, body).await
    }

    /// Asks the provider for its list of models.
    pub(crate) async fn models(&self, provider: &Provider) -> Result<Response<ReplyBody>, Problem> {
        let surface = privet_types::SurfaceKind::OpenaiModels;
        let url = provider.url(surface, "").ok_or(Problem::WrongDialect)?;
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static("anthropic-version"),
            HeaderValue::from_static("2023-06-01"),
        );
        self.request(provider, Method::GET, &url, headers, Full::default())
            .await
    }

    async fn request(
        &self,
        provider: &Provider,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Full<Bytes>,
    ) -> Result<Response<ReplyBody>, Problem> {
        let (origin, auth) = self
            .origins
            .get(provider.name())
            .ok_or(Problem::UpstreamUnreachable)?;
        let address: Uri = url.parse().map_err(|_| Problem::UpstreamUnreachable)?;
        let path = address
            .into_parts()
            .path_and_query
            .ok_or(Problem::UpstreamUnreachable)?;
        let mut request = Request::new(body);
        *request.headers_mut() = headers;
        if method == Method::POST && !request.headers().contains_key(CONTENT_TYPE) {
            request
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        *request.method_mut() = method;
        *request.uri_mut() = Uri::from(path);
        if let Some((name, value)) = auth {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        let response = tokio::time::timeout(self.first_byte_timeout, origin.send(request)).await;
        let response = response.map_err(|_| Problem::UpstreamTimeout)?.map_err(|error| {
            tracing::warn!(
                provider = provider.name(),
                connect = matches!(error, NoReply::Connect),
                "provider cannot be reached"
            );
            Problem::UpstreamUnreachable
        })?;
        if response.status().is_redirection() {
            // Followed by the client, a redirect would carry the raw prompt past Privet.
            return Err(Problem::UpstreamUnusable("a redirect"));
        }
        let encoding = response.headers().get(http::header::CONTENT_ENCODING);
        if encoding.is_some_and(|e| e != "identity" && !e.is_empty()) {
            return Err(Problem::UpstreamUnusable(
                "a compressed body, although none was asked for",
            ));
        }
        Ok(response)
    }
}

fn auth_header(provider: &Provider, key: &Secret<String>) -> Result<KeyHeader, Error> {
    let (name, text) = match provider.auth() {
        Auth::Bearer => (AUTHORIZATION, format!("Bearer {}", key.expose())),
        Auth::XApiKey => (HeaderName::from_static("x-api-key"), key.expose().clone()),
        Auth::ApiKey => (HeaderName::from_static("api-key"), key.expose().clone()),
    };
    let text = Secret::new(text);
    let mut value = HeaderValue::from_str(text.expose()).map_err(|_| Error::BadUpstreamKey {
        provider: provider.name().to_owned(),
    })?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// Where `provider` is reached: all its addresses differ in their paths only.
fn origin(provider: &Provider, connector: Connector) -> Option<Arc<Origin>> {
    let address = provider.url(privet_types::SurfaceKind::OpenaiModels, "model")?;
    let parts = address.parse::<Uri>().ok()?.into_parts();
    Origin::new(connector, parts.scheme?, parts.authority?)
}

/// Opens connections, and trusts the certificates in `ca_file`, or the Mozilla root programme's.
pub(crate) fn connector(ca_file: Option<PathBuf>, connect_timeout: Duration) -> Result<Connector, Error> {
    let mut http = HttpConnector::new();
    http.set_connect_timeout(Some(connect_timeout));
    http.set_nodelay(true);
    http.enforce_http(false);
    let builder = hyper_rustls::HttpsConnectorBuilder::new();
    let builder = match ca_file {
        None => builder
            .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())
            .map_err(|_| Error::Tls)?,
        Some(path) => {
            let bad = || Error::BadCertificates { path: path.clone() };
            let mut roots = rustls::RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(&path).map_err(|_| bad())? {
                roots.add(certificate.map_err(|_| bad())?).map_err(|_| bad())?;
            }
            if roots.is_empty() {
                return Err(bad());
            }
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let config = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|_| Error::Tls)?
                .with_root_certificates(roots)
                .with_no_client_auth();
            builder.with_tls_config(config)
        }
    };
    Ok(builder.https_or_http().enable_http1().wrap_connector(http))
}
