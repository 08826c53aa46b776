//! The way to providers. Takes only prompts that the policy has cleared.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use hyper_util::client::legacy::connect::HttpConnector;
use privet_policy::{Auth, Cleared, HttpVersion, Prompt, Provider, Settings};
use privet_types::{Clock, Secret, SurfaceKind};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::aws::{AwsKeys, Signer};
use crate::connection::{self, Connector, NoReply, NotOpened, Opened, Origin, ReplyBody};
use crate::health::{Health, Rest};
use crate::metrics::Metrics;
use crate::pins::PinnedVerifier;
use crate::problem::Problem;
use crate::{Error, bedrock};

type KeyHeader = (HeaderName, HeaderValue);

/// What AWS calls the service whose requests are signed.
const BEDROCK: &str = "bedrock";

/// How often a request that a provider refused without a look at it is sent to it again at once, within the budget for that.
const MOST_REFUSED: u32 = 2;

/// A provider's key.
#[derive(Clone)]
#[non_exhaustive]
pub enum ProviderKey {
    /// One that stands in a header.
    Header(Secret<String>),
    /// Keys that sign each request.
    Aws(AwsKeys),
}

/// Connections to all providers of the settings, and the keys they want.
pub(crate) struct Upstream {
    /// By the provider's name.
    providers: BTreeMap<String, Reached>,
    clock: Arc<dyn Clock>,
}

/// One provider: where it is, how it knows us, how it is.
struct Reached {
    origin: Arc<Origin>,
    identity: Identity,
    first_byte_timeout: Duration,
    health: Health,
    /// Whether requests save up here for those that are sent again. Where the settings want retries, [`crate::routing`] sees to it.
    earns: bool,
}

enum Identity {
    None,
    Header(KeyHeader),
    Signed(Signer),
}

/// Why a request to a provider has no reply that can be passed on.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It was not sent: there is no connection, or the provider is given a rest.
    NotSent(Problem),
    /// It may have been sent.
    Sent(Problem),
}

impl From<Failed> for Problem {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::NotSent(problem) | Failed::Sent(problem) => problem,
        }
    }
}

impl Upstream {
    /// `keys`: each provider's key by its name in the settings.
    pub(crate) fn new(
        settings: &Settings,
        keys: &BTreeMap<String, ProviderKey>,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Result<Self, Error> {
        let mut providers = BTreeMap::new();
        let limits = &settings.limits;
        let usual = HttpVersion::Auto;
        let common = connector_of(None, limits.connect_timeout.duration(), &[], usual)?;
        for provider in settings.providers() {
            let timeout = provider.connect_timeout();
            let is_own = provider.ca_file().is_some()
                || timeout.is_some()
                || !provider.pins().is_empty()
                || provider.http() != usual;
            let timeout = timeout.unwrap_or(limits.connect_timeout.duration());
            let connector = if is_own {
                connector_of(provider.ca_file(), timeout, provider.pins(), provider.http())?
            } else {
                common.clone()
            };
            let opened = metrics.opened(provider.name());
            let origin = origin(provider, connector, timeout, opened).ok_or_else(|| Error::BadAddress {
                provider: provider.name().to_owned(),
            })?;
            let reached = Reached {
                origin,
                identity: identity(provider, keys.get(provider.name()))?,
                first_byte_timeout: provider
                    .first_byte_timeout()
                    .unwrap_or(limits.first_byte_timeout.duration()),
                health: Health::new(provider.name(), &settings.routing),
                earns: settings.routing.retries == 0,
            };
            providers.insert(provider.name().to_owned(), reached);
        }
        Ok(Self { providers, clock })
    }

    /// How a provider of the settings is.
    pub(crate) fn health(&self, provider: &Provider) -> Option<&Health> {
        self.providers.get(provider.name()).map(|reached| &reached.health)
    }

    /// Of how many providers how many are given a rest.
    pub(crate) fn resting(&self) -> (usize, usize) {
        let resting = self
            .providers
            .values()
            .filter(|reached| !reached.health.is_well());
        (self.providers.len(), resting.count())
    }

    /// Sends a cleared prompt. `query` is what the caller put behind the address.
    pub(crate) async fn send(
        &self,
        provider: &Provider,
        model: &str,
        query: Option<&str>,
        headers: HeaderMap,
        prompt: Prompt<Cleared>,
    ) -> Result<Response<ReplyBody>, Failed> {
        let url = provider
            .url(prompt.surface(), model)
            .ok_or(Failed::NotSent(Problem::WrongDialect))?;
        if provider.is_invoked() {
            return self.invoke(provider, url, headers, &prompt).await;
        }
        let url = match (query, url.contains('?')) {
            (Some(query), true) => format!("{url}&{query}"),
            (Some(query), false) => format!("{url}?{query}"),
            (None, _) => url,
        };
        let body = Bytes::from(prompt.into_body());
        self.tried(provider, target(&url)?, headers, body).await
    }

    /// The same for a provider that wants Anthropic's bodies as AWS has them. What the caller put behind the address stays here.
    async fn invoke(
        &self,
        provider: &Provider,
        mut url: String,
        mut headers: HeaderMap,
        prompt: &Prompt<Cleared>,
    ) -> Result<Response<ReplyBody>, Failed> {
        let betas = bedrock::betas(&mut headers);
        if prompt.surface() == SurfaceKind::AnthropicCountTokens {
            let body = bedrock::count(prompt.body(), &betas);
            let body = body.ok_or(Failed::NotSent(Problem::UpstreamUnreachable))?;
            headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
            let reply = self
                .tried(provider, target(&url)?, headers, Bytes::from(body))
                .await?;
            return Ok(bedrock::counted(reply));
        }
        let made = bedrock::invocation(prompt.body(), &betas);
        let made = made.ok_or(Failed::NotSent(Problem::UpstreamUnreachable))?;
        let accepted = if made.is_stream {
            url.push_str("-with-response-stream");
            bedrock::EVENT_STREAM
        } else {
            "application/json"
        };
        headers.insert(ACCEPT, HeaderValue::from_static(accepted));
        let target = target(&url)?;
        let reply = self
            .tried(provider, target, headers, Bytes::from(made.body))
            .await?;
        Ok(bedrock::answer(reply))
    }

    /// Sends a request to a provider that does not rest, and remembers how that went.
    async fn tried(
        &self,
        provider: &Provider,
        target: PathAndQuery,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<ReplyBody>, Failed> {
        let reached = self.reached(provider)?;
        let trial = match reached.health.admit() {
            Ok(trial) => trial,
            Err(Rest) => return Err(Failed::NotSent(Problem::ProviderResting)),
        };
        let answered = self
            .request(provider, reached, Method::POST, target, headers, body)
            .await;
        match &answered {
            Ok(response) if is_overloaded(response.status()) => trial.failed(),
            Ok(_)
            | Err(Failed::NotSent(Problem::WrongDialect) | Failed::Sent(Problem::UpstreamUnusable(_))) => {
                trial.went_well();
            }
            Err(_) => trial.failed(),
        }
        answered
    }

    /// Asks the provider for its list of models.
    pub(crate) async fn models(&self, provider: &Provider) -> Result<Response<ReplyBody>, Problem> {
        let surface = SurfaceKind::OpenaiModels;
        let url = provider.url(surface, "").ok_or(Problem::WrongDialect)?;
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static("anthropic-version"),
            HeaderValue::from_static("2023-06-01"),
        );
        let (reached, target) = (self.reached(provider)?, target(&url)?);
        let asked = self.request(provider, reached, Method::GET, target, headers, Bytes::new());
        Ok(asked.await?)
    }

    /// Asks the provider at `path`, from its root, whether it is well.
    pub(crate) async fn is_well(&self, provider: &Provider, path: &str) -> bool {
        let (Ok(target), Ok(reached)) = (path.parse::<PathAndQuery>(), self.reached(provider)) else {
            return false;
        };
        let asked = self.request(
            provider,
            reached,
            Method::GET,
            target,
            HeaderMap::new(),
            Bytes::new(),
        );
        let response = asked.await;
        response.is_ok_and(|response| response.status().is_success())
    }

    fn reached(&self, provider: &Provider) -> Result<&Reached, Failed> {
        self.providers
            .get(provider.name())
            .ok_or(Failed::NotSent(Problem::UpstreamUnreachable))
    }

    async fn request(
        &self,
        provider: &Provider,
        reached: &Reached,
        method: Method,
        target: PathAndQuery,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<ReplyBody>, Failed> {
        let mut request = Request::new(());
        *request.headers_mut() = headers;
        if method == Method::POST && !request.headers().contains_key(CONTENT_TYPE) {
            request
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        match &reached.identity {
            Identity::None => {}
            Identity::Header((name, value)) => {
                request.headers_mut().insert(name.clone(), value.clone());
            }
            Identity::Signed(signer) => {
                let (host, at) = (reached.origin.host(), self.clock.now());
                let signed = signer.sign(&method, host, target.as_str(), request.headers_mut(), &body, at);
                signed.map_err(|_| Failed::NotSent(Problem::UpstreamUnreachable))?;
            }
        }
        *request.method_mut() = method;
        *request.uri_mut() = Uri::from(target);
        let asked = reached.ask(request.map(|()| body));
        let response = tokio::time::timeout(reached.first_byte_timeout, asked).await;
        let response = response
            .map_err(|_| Failed::Sent(Problem::UpstreamTimeout))?
            .map_err(|error| unanswered(provider, &error))?;
        if response.status().is_redirection() {
            // Followed by the client, a redirect would carry the raw prompt past Privet.
            return Err(Failed::Sent(Problem::UpstreamUnusable("a redirect")));
        }
        let encoding = response.headers().get(http::header::CONTENT_ENCODING);
        if encoding.is_some_and(|e| e != "identity" && !e.is_empty()) {
            return Err(Failed::Sent(Problem::UpstreamUnusable(
                "a compressed body, although none was asked for",
            )));
        }
        Ok(response)
    }
}

impl Reached {
    /// Sends `request`, and again where the provider says that it did not look at it.
    async fn ask(&self, mut request: Request<Bytes>) -> Result<Response<ReplyBody>, NoReply> {
        let mut refused = 0;
        loop {
            match self.origin.send(request).await {
                Err(NoReply::Refused(unprocessed)) if refused < MOST_REFUSED && self.health.spend() => {
                    refused += 1;
                    request = *unprocessed;
                }
                Ok(response) => {
                    if self.earns && response.version() == Version::HTTP_2 {
                        self.health.earn();
                    }
                    return Ok(response);
                }
                no_reply => return no_reply,
            }
        }
    }
}

/// What a caller is told where a provider gave no reply.
fn unanswered(provider: &Provider, error: &NoReply) -> Failed {
    let (is_unsent, problem) = match error {
        NoReply::NotOpened(NotOpened::NotHttp2) => (true, Problem::UpstreamNotHttp2),
        NoReply::NotOpened(NotOpened::Unreachable) | NoReply::Refused(_) => {
            (true, Problem::UpstreamUnreachable)
        }
        NoReply::Broken => (false, Problem::UpstreamUnreachable),
    };
    tracing::warn!(
        provider = provider.name(),
        connect = matches!(error, NoReply::NotOpened(_)),
        refused = matches!(error, NoReply::Refused(_)),
        error = %problem,
        "provider cannot be reached"
    );
    if is_unsent {
        Failed::NotSent(problem)
    } else {
        Failed::Sent(problem)
    }
}

/// Replies by which a provider says that it cannot serve anybody now: 529 is Anthropic's.
fn is_overloaded(status: StatusCode) -> bool {
    matches!(status.as_u16(), 502 | 503 | 504 | 529)
}

/// Path and query of an address.
fn target(url: &str) -> Result<PathAndQuery, Failed> {
    let address: Option<Uri> = url.parse().ok();
    address
        .and_then(|address| address.into_parts().path_and_query)
        .ok_or(Failed::NotSent(Problem::UpstreamUnreachable))
}

fn identity(provider: &Provider, key: Option<&ProviderKey>) -> Result<Identity, Error> {
    let bad = || Error::BadUpstreamKey {
        provider: provider.name().to_owned(),
    };
    match (key, provider.aws()) {
        (None, None) => Ok(Identity::None),
        (Some(ProviderKey::Header(key)), None) => auth_header(provider, key).map(Identity::Header),
        (Some(ProviderKey::Aws(keys)), Some(aws)) => {
            let signer = Signer::new(keys.clone(), aws.region.clone(), BEDROCK);
            Ok(Identity::Signed(signer))
        }
        _ => Err(bad()),
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
fn origin(
    provider: &Provider,
    connector: Connector,
    connect_timeout: Duration,
    opened: Opened,
) -> Option<Arc<Origin>> {
    let url = |surface| provider.url(surface, "model");
    let address = url(SurfaceKind::OpenaiModels).or_else(|| url(SurfaceKind::AnthropicMessages))?;
    let parts = address.parse::<Uri>().ok()?.into_parts();
    let place = (parts.scheme?, parts.authority?);
    Origin::speaking(connector, place, provider.http(), connect_timeout, opened)
}

/// Opens connections, and trusts the certificates in `ca_file`, or the Mozilla root programme's.
pub(crate) fn connector(ca_file: Option<&Path>, connect_timeout: Duration) -> Result<Connector, Error> {
    connector_of(ca_file, connect_timeout, &[], HttpVersion::Http1)
}

/// The certificates in `ca_file`, or those that browsers trust.
pub(crate) fn client_roots(ca_file: Option<&Path>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let bad = || Error::BadCertificates {
                path: path.to_owned(),
            };
            for certificate in CertificateDer::pem_file_iter(path).map_err(|_| bad())? {
                roots.add(certificate.map_err(|_| bad())?).map_err(|_| bad())?;
            }
            if roots.is_empty() {
                return Err(bad());
            }
        }
    }
    Ok(roots)
}

/// The same as [`connector`], for who speaks `version`; if there are `pins`, it only connects to who has one of these public keys.
fn connector_of(
    ca_file: Option<&Path>,
    connect_timeout: Duration,
    pins: &[[u8; 32]],
    version: HttpVersion,
) -> Result<Connector, Error> {
    let mut http = HttpConnector::new();
    http.set_connect_timeout(Some(connect_timeout));
    http.set_nodelay(true);
    http.enforce_http(false);
    let mut config = pinned_config(ca_file, pins)?;
    config.alpn_protocols = connection::alpn(version);
    Ok(Connector::from((http, config)))
}

/// What TLS goes by: the certificates in `ca_file`, or those that browsers trust.
pub(crate) fn client_config(ca_file: Option<&Path>) -> Result<rustls::ClientConfig, Error> {
    pinned_config(ca_file, &[])
}

fn pinned_config(ca_file: Option<&Path>, pins: &[[u8; 32]]) -> Result<rustls::ClientConfig, Error> {
    let roots = client_roots(ca_file)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| Error::Tls)?;
    Ok(if pins.is_empty() {
        config.with_root_certificates(roots).with_no_client_auth()
    } else {
        let verifier = PinnedVerifier::new(roots, provider, pins).ok_or(Error::Tls)?;
        config
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth()
    })
}
