//! Who is asked, and what an answer means.

use std::sync::PoisonError;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::{Request as HttpRequest, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use privet_policy::Auth;
use privet_redteam::{Reply, Request, Side, read_json, read_stream};
use privet_types::{Secret, SurfaceKind};
use serde_json::{Value, json};

use super::options::RunArgs;
use super::weak::SentBodies;
use crate::rim;

/// How long a connection, and a whole reply, may take.
const CONNECT: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(120);
/// Largest reply that is read.
const MOST_BYTES: usize = 8 << 20;

/// Codes of errors that no guard gives: the target is not asked as it wants to be.
const NO_GUARD: [&str; 10] = [
    "invalid_api_key",
    "model_not_found",
    "unknown_model",
    "no_such_model",
    "wrong_dialect",
    "unknown_url",
    "bad_host",
    "invalid_value",
    "missing_required_parameter",
    "insufficient_quota",
];

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// One side: an address with its key and model.
#[derive(Clone)]
pub(super) struct Target {
    side: Side,
    url: Uri,
    auth: Option<(HeaderName, HeaderValue)>,
    model: String,
    /// Whether the model's name says where its replies go.
    names_sinks: bool,
    /// What reaches the provider, where that can be seen.
    sent: Option<SentBodies>,
    client: HttpClient,
}

/// What came of a request.
pub(super) enum Answer {
    Reply(Reply),
    /// A guard refused it, with this code.
    Refused(String),
    /// It may go better another time.
    Failed(String),
    /// It will not go better: the target is not asked as it wants to be.
    Wrong(String),
}

impl Target {
    /// The targets that the command names, without the gateway first.
    ///
    /// # Errors
    /// If an address cannot be read, or a key is not there.
    pub(super) fn all_of(args: &RunArgs) -> Result<Vec<Self>> {
        let first = match (&args.target, &args.provider) {
            (Some(url), _) => {
                let key = args
                    .key
                    .as_ref()
                    .map(|key| key.read("the target's key"))
                    .transpose()?;
                Self::new(Side::Off, url, key.as_ref(), &args.model)?
            }
            (None, Some(name)) => Self::of_provider(args, name)?,
            (None, None) => {
                bail!("say what is to be attacked: `--target URL`, `--provider NAME` or `--weak`")
            }
        };
        let mut all = vec![first];
        if let Some(gateway) = &args.gateway {
            let key = args
                .gateway_key
                .as_ref()
                .map(|key| key.read("the gateway's key"))
                .transpose()?;
            all.push(Self::new(Side::On, gateway, key.as_ref(), &args.model)?);
        }
        Ok(all)
    }

    /// The target below `base`, as clients have it.
    pub(super) fn new(side: Side, base: &str, key: Option<&Secret<String>>, model: &str) -> Result<Self> {
        let url = format!("{}/chat/completions", base.trim_end_matches('/'));
        Self::at(side, &url, key.map(|key| (Auth::Bearer, key)), model)
    }

    fn of_provider(args: &RunArgs, name: &str) -> Result<Self> {
        let settings = rim::settings(&args.config)?;
        let Some(provider) = settings
            .providers()
            .iter()
            .find(|provider| provider.name() == name)
        else {
            let known: Vec<&str> = settings
                .providers()
                .iter()
                .map(|provider| provider.name())
                .collect();
            bail!(
                "the settings have no provider `{name}`; they have {}",
                known.join(", ")
            );
        };
        if provider.ca_file().is_some() || !provider.pins().is_empty() {
            bail!(
                "the provider `{name}` has certificates of its own; attack it through a gateway with `--target`"
            );
        }
        let Some(url) = provider.url(SurfaceKind::OpenaiChat, &args.model) else {
            bail!(
                "the provider `{name}` does not speak OpenAI's chat dialect; attack it through a gateway with `--target`"
            );
        };
        let key = match (&args.key, provider.api_key()) {
            (Some(key), _) => Some(key.read("the target's key")?),
            (None, Some(reference)) => {
                Some(rim::secret(reference, &format!("the key of provider `{name}`"))?)
            }
            (None, None) => None,
        };
        Self::at(
            Side::Off,
            &url,
            key.as_ref().map(|key| (provider.auth(), key)),
            &args.model,
        )
    }

    fn at(side: Side, url: &str, key: Option<(Auth, &Secret<String>)>, model: &str) -> Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("`{url}` is no address"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            bail!("`{url}` is no address of the web; use one such as `http://127.0.0.1:11434/v1`");
        }
        if uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'))
        {
            bail!("the address holds a name or a key; take it out, and use `--key env:NAME`");
        }
        let auth = key.map(|(auth, key)| {
            let (name, text) = match auth {
                Auth::Bearer => (AUTHORIZATION, format!("Bearer {}", key.expose())),
                Auth::XApiKey => (HeaderName::from_static("x-api-key"), key.expose().clone()),
                Auth::ApiKey => (HeaderName::from_static("api-key"), key.expose().clone()),
            };
            let mut value = HeaderValue::from_str(&text).context("the key cannot stand in a header")?;
            value.set_sensitive(true);
            Ok::<_, anyhow::Error>((name, value))
        });
        let mut http = HttpConnector::new();
        http.set_connect_timeout(Some(CONNECT));
        http.enforce_http(false);
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)?
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        Ok(Self {
            side,
            url: uri,
            auth: auth.transpose()?,
            model: model.to_owned(),
            names_sinks: false,
            sent: None,
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    /// Where a reply goes is said behind the model's name: `demo-weak-sql`.
    pub(super) fn naming_sinks(mut self) -> Self {
        self.names_sinks = true;
        self
    }

    /// What reaches the provider is seen in `sent`.
    pub(super) fn seeing(mut self, sent: SentBodies) -> Self {
        self.sent = Some(sent);
        self
    }

    /// Those of `values` that the provider was sent lately.
    pub(super) fn reached_provider(&self, values: Vec<String>) -> Vec<String> {
        let Some(sent) = self.sent.as_ref().filter(|_| !values.is_empty()) else {
            return Vec::new();
        };
        let bodies = sent.lock().unwrap_or_else(PoisonError::into_inner);
        let is_there = |value: &String| {
            let wanted = value.as_bytes();
            bodies
                .iter()
                .any(|body| body.windows(wanted.len().max(1)).any(|window| window == wanted))
        };
        values.into_iter().filter(is_there).collect()
    }

    pub(super) const fn side(&self) -> Side {
        self.side
    }

    pub(super) fn model(&self) -> &str {
        &self.model
    }

    /// Asks once.
    pub(super) async fn ask(&self, request: &Request, is_streamed: bool) -> Answer {
        match tokio::time::timeout(PATIENCE, self.exchange(request, is_streamed)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Answer::Failed(format!("{error:#}")),
            Err(_) => Answer::Failed(format!("no whole reply within {} s", PATIENCE.as_secs())),
        }
    }

    async fn exchange(&self, request: &Request, is_streamed: bool) -> Result<Answer> {
        let model = match request.sink.filter(|_| self.names_sinks) {
            Some(sink) => format!("{}-{}", self.model, sink.name()),
            None => self.model.clone(),
        };
        let mut body = json!({"model": model, "messages": request.messages});
        if let Some(fields) = body.as_object_mut() {
            if !request.tools.is_empty() {
                fields.insert("tools".to_owned(), request.tools.clone().into());
            }
            if is_streamed {
                fields.insert("stream".to_owned(), true.into());
            }
        }
        let mut head = HttpRequest::post(&self.url)
            .header(USER_AGENT, concat!("privet/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json")
            .header(
                ACCEPT,
                if is_streamed {
                    "text/event-stream"
                } else {
                    "application/json"
                },
            );
        if let Some((name, value)) = &self.auth {
            head = head.header(name, value);
        }
        let response = self
            .client
            .request(head.body(Full::new(Bytes::from(body.to_string())))?)
            .await
            .context("the target cannot be reached")?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MOST_BYTES).collect().await;
        let body = body
            .map_err(|_| anyhow::anyhow!("the reply broke off, or is larger than {MOST_BYTES} bytes"))?
            .to_bytes();
        if head.status.is_success() {
            let content = head
                .headers
                .get(CONTENT_TYPE)
                .and_then(|value| value.to_str().ok());
            let is_stream = content.is_some_and(|kind| kind.starts_with("text/event-stream"));
            let read = if is_stream {
                read_stream(&body)
            } else {
                read_json(&body)
            };
            return Ok(match read {
                Ok(reply) => Answer::Reply(reply),
                Err(error) => Answer::Failed(error.to_string()),
            });
        }
        Ok(judge(head.status, &body))
    }
}

/// What an error means: a guard's refusal has a code, and is nobody's mistake.
fn judge(status: StatusCode, body: &[u8]) -> Answer {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = body.pointer("/error/code").and_then(Value::as_str);
    let told = format!(
        "the target answers {}{}",
        status.as_u16(),
        code.map_or_else(String::new, |code| format!(" ({code})"))
    );
    let can_be_guard = matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::FORBIDDEN
            | StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS
    );
    match code {
        Some(code) if can_be_guard && !NO_GUARD.contains(&code) => Answer::Refused(code.to_owned()),
        _ if status.is_server_error()
            || matches!(
                status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT
            ) =>
        {
            Answer::Failed(told)
        }
        _ => Answer::Wrong(told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_guards_are_told_from_mistakes_and_failures() {
        let kind = |status: u16, code: &str| {
            let body = json!({"error": {"message": "no", "code": code}}).to_string();
            match judge(StatusCode::from_u16(status).unwrap(), body.as_bytes()) {
                Answer::Refused(_) => "refused",
                Answer::Failed(_) => "failed",
                Answer::Wrong(_) => "wrong",
                Answer::Reply(_) => "reply",
            }
        };
        assert_eq!(kind(403, "guardrail_blocked"), "refused");
        assert_eq!(kind(400, "content_filter"), "refused");
        assert_eq!(kind(401, "invalid_api_key"), "wrong");
        assert_eq!(kind(400, "model_not_found"), "wrong");
        assert_eq!(kind(404, "anything"), "wrong");
        assert_eq!(kind(429, "rate_limit_exceeded"), "failed");
        assert_eq!(kind(503, "busy"), "failed");
        assert!(matches!(
            judge(StatusCode::BAD_REQUEST, b"<html>"),
            Answer::Wrong(_)
        ));
    }
}
