//! A checked provider and the addresses it is asked at.

use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::BASE64;
use privet_types::SurfaceKind;

use super::check::period_within;
use super::kind;
use super::provider_file::{Auth, AwsFile, Dialect, HealthFile, HttpVersion, ProviderFile, ProviderKind};
use crate::document::beside;
use crate::key_path::{Fault, KeyPath};
use crate::secret_ref::looks_like_a_key;
use crate::{Period, SecretRef, web_address};

/// Somebody who answers prompts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    name: String,
    kind: Option<ProviderKind>,
    dialect: Dialect,
    /// Without a `/` at its end.
    base_url: String,
    api_key: Option<SecretRef>,
    auth: Auth,
    query: Option<String>,
    aws: Option<AwsSigning>,
    is_local: bool,
    ca_file: Option<PathBuf>,
    pins: Vec<[u8; 32]>,
    http: HttpVersion,
    connect_timeout: Option<Period>,
    first_byte_timeout: Option<Period>,
    health: Option<HealthCheck>,
}

/// Where the keys are kept that sign requests to AWS, and what they are signed for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AwsSigning {
    /// The region, such as `eu-central-1`.
    pub region: String,
    /// The access key's id.
    pub access_key_id: SecretRef,
    /// The secret access key.
    pub secret_access_key: SecretRef,
    /// The session token of temporary keys.
    pub session_token: Option<SecretRef>,
}

/// How a provider is asked from time to time whether it is well.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthCheck {
    /// The path asked, from the server's root. INVARIANT: begins with `/`.
    pub path: String,
    /// How often.
    pub interval: Duration,
    /// How long the answer may take.
    pub timeout: Duration,
}

impl Provider {
    /// The name in the settings.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whose service it is, if it is of a listed kind.
    #[must_use]
    pub const fn kind(&self) -> Option<ProviderKind> {
        self.kind
    }

    /// The API it speaks.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Where its key is kept, if it needs one.
    #[must_use]
    pub const fn api_key(&self) -> Option<&SecretRef> {
        self.api_key.as_ref()
    }

    /// Whether it answers on this machine, by its address.
    #[must_use]
    pub fn is_on_loopback(&self) -> bool {
        let address = self.base_url.replace(MODEL, "model");
        web_address::parse(&address).is_ok_and(|address| address.is_loopback())
    }

    /// The header that carries its key.
    #[must_use]
    pub const fn auth(&self) -> Auth {
        self.auth
    }

    /// The file of certificates (PEM) to trust instead of the usual ones.
    #[must_use]
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// The keys that sign its requests, in the place of a key in a header.
    #[must_use]
    pub const fn aws(&self) -> Option<&AwsSigning> {
        self.aws.as_ref()
    }

    /// Whether its models are asked by AWS's `InvokeModel`, whose bodies and streams differ from Anthropic's own.
    #[must_use]
    pub fn is_invoked(&self) -> bool {
        self.kind == Some(ProviderKind::Bedrock) && self.dialect == Dialect::Anthropic
    }

    /// Whether it is a machine of one's own.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        self.is_local
    }

    /// SHA-256 of the public keys (`SubjectPublicKeyInfo`) of which its certificate must have one; any if there are none.
    #[must_use]
    pub fn pins(&self) -> &[[u8; 32]] {
        &self.pins
    }

    /// The version of HTTP it is spoken to in.
    #[must_use]
    pub const fn http(&self) -> HttpVersion {
        self.http
    }

    /// How long connecting may take, if not as long as `[limits]` says.
    #[must_use]
    pub fn connect_timeout(&self) -> Option<Duration> {
        self.connect_timeout.map(Period::duration)
    }

    /// How long its reply may take to begin, if not as long as `[limits]` says.
    #[must_use]
    pub fn first_byte_timeout(&self) -> Option<Duration> {
        self.first_byte_timeout.map(Period::duration)
    }

    /// How it is asked whether it is well, if it is.
    #[must_use]
    pub const fn health(&self) -> Option<&HealthCheck> {
        self.health.as_ref()
    }

    /// The address to ask for `surface` and `model` (the provider's name of it); nothing if the provider does not
    /// speak that dialect.
    #[must_use]
    pub fn url(&self, surface: SurfaceKind, model: &str) -> Option<String> {
        if self.is_invoked() {
            let (model, ask) = match surface {
                SurfaceKind::AnthropicMessages => (model, "invoke"),
                SurfaceKind::AnthropicCountTokens => (foundation_model(model), "count-tokens"),
                _ => return None,
            };
            return Some(format!(
                "{}/model/{}/{ask}",
                self.base_url,
                percent_encoded(model)
            ));
        }
        let endpoint = match (self.dialect, surface) {
            (Dialect::Openai, SurfaceKind::OpenaiChat) => "chat/completions",
            (Dialect::Openai, SurfaceKind::OpenaiResponses) => "responses",
            (Dialect::Openai, SurfaceKind::OpenaiEmbeddings) => "embeddings",
            (Dialect::Openai, SurfaceKind::OpenaiModels) => "models",
            (Dialect::Anthropic, SurfaceKind::AnthropicMessages) => "v1/messages",
            (Dialect::Anthropic, SurfaceKind::AnthropicCountTokens) => "v1/messages/count_tokens",
            (Dialect::Anthropic, SurfaceKind::OpenaiModels) => "v1/models",
            _ => return None,
        };
        let base = self.base_url.replace(MODEL, &percent_encoded(model));
        Some(match &self.query {
            Some(query) => format!("{base}/{endpoint}?{query}"),
            None => format!("{base}/{endpoint}"),
        })
    }
}

const MODEL: &str = "{model}";

/// The model behind an inference profile of several regions: AWS counts tokens for `anthropic.claude-…`, and refuses
/// `eu.anthropic.claude-…`. What is named otherwise, as by an ARN, stays what it is.
fn foundation_model(model: &str) -> &str {
    match model.split_once('.') {
        Some((area, rest))
            if rest.starts_with("anthropic.")
                && area
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') =>
        {
            rest
        }
        _ => model,
    }
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    // A segment that is empty or of dots alone would lead to another folder.
    match encoded.as_str() {
        "" => "-".to_owned(),
        "." | ".." => encoded.replace('.', "%2E"),
        _ => encoded,
    }
}

/// Checks one of `[[providers]]`, which stands at `at` of `document`.
pub(super) fn check(file: ProviderFile, at: &KeyPath, document: &Path) -> Result<Provider, Fault> {
    let is_name = (1..=64).contains(&file.name.len())
        && file
            .name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if !is_name {
        return Err(at
            .key("name")
            .fault("use 1 to 64 letters, digits, `.`, `_` or `-`"));
    }
    if looks_like_a_key(&file.name) {
        // Names stand in logs and errors.
        return Err(at
            .key("name")
            .fault("looks like a key; use a name such as `openai`"));
    }
    let kind::Defaults {
        dialect,
        base_url,
        auth,
        query,
        is_local,
    } = kind::defaults(&file, at)?;
    let is_https = check_base_url(&base_url, dialect, file.allow_plain_http)
        .map_err(|message| at.key("base_url").fault(message))?;
    if let Some(query) = &file.query {
        check_query(query).map_err(|message| at.key("query").fault(message))?;
    }
    let timeouts = [
        (file.connect_timeout, "connect_timeout"),
        (file.first_byte_timeout, "first_byte_timeout"),
    ];
    for (period, key) in timeouts {
        if let Some(period) = period {
            period_within(period, Period::from_millis(1), at, key)?;
        }
    }
    Ok(Provider {
        kind: file.kind,
        dialect,
        base_url: base_url.trim_end_matches('/').to_owned(),
        api_key: file.api_key.map(|reference| reference.beside(document)),
        auth: file.auth.unwrap_or(auth),
        query: query.filter(|query| !query.is_empty()),
        aws: file
            .aws
            .zip(file.region)
            .map(|(keys, region)| signing(keys, region, document)),
        is_local,
        ca_file: file.ca_file.map(|path| beside(document, &path)),
        pins: check_pins(&file.pins, is_https, &at.key("pins"))?,
        http: file.http,
        connect_timeout: file.connect_timeout,
        first_byte_timeout: file.first_byte_timeout,
        health: file
            .health
            .map(|health| check_health(health, &at.key("health")))
            .transpose()?,
        name: file.name,
    })
}

fn signing(keys: AwsFile, region: String, document: &Path) -> AwsSigning {
    AwsSigning {
        region,
        access_key_id: keys.access_key_id.beside(document),
        secret_access_key: keys.secret_access_key.beside(document),
        session_token: keys.session_token.map(|token| token.beside(document)),
    }
}

fn check_pins(pins: &[String], is_https: bool, at: &KeyPath) -> Result<Vec<[u8; 32]>, Fault> {
    if !pins.is_empty() && !is_https {
        return Err(at.fault("there is no certificate where `base_url` is `http://`; use `https://`"));
    }
    let decoded = pins.iter().enumerate().map(|(index, pin)| {
        let digits = pin.strip_prefix("sha256/").unwrap_or(pin);
        BASE64
            .decode(digits.as_bytes())
            .ok()
            .and_then(|hash| <[u8; 32]>::try_from(hash).ok())
            .ok_or_else(|| {
                at.index(index)
                    .fault("use the SHA-256 of a public key in base64: 44 signs, the last one `=`")
            })
    });
    decoded.collect()
}

fn check_health(health: HealthFile, at: &KeyPath) -> Result<HealthCheck, Fault> {
    let fits = health.path.starts_with('/')
        && health.path.len() <= 256
        && health
            .path
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~/?=&".contains(&b));
    if !fits {
        return Err(at
            .key("path")
            .fault("use a path from the server's root, such as `/health`"));
    }
    let interval = health.interval.unwrap_or(Period::from_secs(30));
    let timeout = health.timeout.unwrap_or(Period::from_secs(5));
    period_within(interval, Period::from_millis(10), at, "interval")?;
    period_within(timeout, Period::from_millis(1), at, "timeout")?;
    Ok(HealthCheck {
        path: health.path,
        interval: interval.duration(),
        timeout: timeout.duration(),
    })
}

/// Whether it is reached by TLS.
fn check_base_url(base_url: &str, dialect: Dialect, allow_plain_http: bool) -> Result<bool, &'static str> {
    let filled = base_url.replace(MODEL, "model");
    if filled.contains(['{', '}']) {
        return Err("the only placeholder is `{model}`");
    }
    let address = web_address::parse(&filled)?;
    let path_at = base_url
        .len()
        .saturating_sub(base_url.find("://").map_or(0, |at| at + 3));
    let authority = base_url
        .get(base_url.len() - path_at..)
        .and_then(|rest| rest.split('/').next())
        .unwrap_or_default();
    if authority.contains('{') {
        return Err("`{model}` may stand in the path only");
    }
    if !address.is_https && !address.is_loopback() && !allow_plain_http {
        return Err(
            "sends prompts and keys in the clear to another machine; use `https://`, or set `allow_plain_http = true` if the way there is safe",
        );
    }
    if dialect == Dialect::Anthropic && address.path.trim_end_matches('/').ends_with("/v1") {
        return Err("leave out `/v1`: Anthropic's base address ends before it");
    }
    Ok(address.is_https)
}

fn check_query(query: &str) -> Result<(), &'static str> {
    let fits = query
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-._~%=&+:,/@".contains(&b));
    if !fits {
        return Err("write it as it stands in an address, without `?`, such as `api-version=2024-10-21`");
    }
    let names_a_key = query
        .split('&')
        .filter_map(|pair| pair.split('=').next())
        .any(|name| {
            let name = name.to_ascii_lowercase();
            ["key", "token", "secret", "password", "sig", "signature", "code"]
                .iter()
                .any(|word| name == *word)
                || ["key", "token", "secret", "password"]
                    .iter()
                    .any(|word| name.ends_with(word))
        });
    if names_a_key {
        return Err(
            "looks like a key, and a key is never in the settings text; use `api_key` with { env = \"NAME\" } or { file = \"path\" }",
        );
    }
    Ok(())
}
