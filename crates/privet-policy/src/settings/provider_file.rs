//! `[[providers]]`, `[[models]]` and `[routing]` of `privet.toml` as written.

use std::collections::BTreeSet;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Period, SecretRef};

/// One of `[[providers]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderFile {
    /// The name `[[models]]` uses; letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// Whose service it is: says how it is asked, where nothing else below does. Left out for one that is not listed.
    #[serde(default)]
    pub kind: Option<ProviderKind>,
    /// The API it speaks; needed where `kind` is left out.
    #[serde(default)]
    pub dialect: Option<Dialect>,
    /// Where it is, as its own client library spells it: with `/v1` for `OpenAI`'s dialect, without for Anthropic's.
    /// `{model}` in the path becomes the model's name. Kinds with one public address have it as default.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Where its key is kept; left out if it needs none.
    #[serde(default)]
    pub api_key: Option<SecretRef>,
    /// The header that carries the key; `bearer` for `openai`, `x-api-key` for `anthropic`, `api-key` for Azure if left out.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// A query for every request, such as `api-version=2024-10-21`; without `?`.
    #[serde(default)]
    pub query: Option<String>,
    /// Azure: asks deployments by their older addresses, with this version, such as `2024-10-21`.
    #[serde(default)]
    pub api_version: Option<String>,
    /// Bedrock: the region, such as `eu-central-1`.
    #[serde(default)]
    pub region: Option<String>,
    /// Bedrock: keys that sign each request (AWS Signature Version 4), in the place of `api_key`.
    #[serde(default)]
    pub aws: Option<AwsFile>,
    /// Whether it is a machine of one's own, which policy may send to what leaves the house to nobody else. Left out: yes
    /// for vLLM, Ollama and llama.cpp at a loopback or private IP address, else no.
    #[serde(default)]
    pub local: Option<bool>,
    /// Certificates (PEM) to trust instead of the usual ones.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Public keys its certificate must have one of, besides being trusted: SHA-256 of `SubjectPublicKeyInfo` in base64, with
    /// or without `sha256/` in front.
    #[serde(default)]
    pub pins: Vec<String>,
    /// Allows `http://` to another machine, where anybody on the way can read along.
    #[serde(default)]
    pub allow_plain_http: bool,
    /// The version of HTTP; `auto` if left out.
    #[serde(default)]
    pub http: HttpVersion,
    /// How long connecting may take; that of `[limits]` if left out.
    #[serde(default)]
    pub connect_timeout: Option<Period>,
    /// How long the reply may take to begin; that of `[limits]` if left out.
    #[serde(default)]
    pub first_byte_timeout: Option<Period>,
    /// Asks it from time to time whether it is well.
    #[serde(default)]
    pub health: Option<HealthFile>,
}

/// Whose service a provider is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// `OpenAI`.
    Openai,
    /// Anthropic.
    Anthropic,
    /// Azure `OpenAI`.
    Azure,
    /// Google Gemini, by its endpoint that imitates `OpenAI`'s.
    Gemini,
    /// AWS Bedrock: by its endpoint that imitates `OpenAI`'s, or with `dialect = "anthropic"` Anthropic's models by `InvokeModel`.
    Bedrock,
    /// Mistral.
    Mistral,
    /// A vLLM server.
    Vllm,
    /// An Ollama server.
    Ollama,
    /// The llama.cpp server.
    Llamacpp,
}

/// The API a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// `OpenAI` chat completions, and everything that imitates it.
    Openai,
    /// Anthropic messages.
    Anthropic,
}

/// The version of HTTP a provider is spoken to in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum HttpVersion {
    /// The newer one that the server offers in the TLS handshake (ALPN); HTTP/1.1 over `http://`.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// HTTP/1.1.
    #[serde(rename = "1.1")]
    Http1,
    /// HTTP/2 and nothing else; over `http://` without asking (RFC 9113, prior knowledge).
    #[serde(rename = "2")]
    Http2,
}

/// The header that carries a provider's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// `Authorization: Bearer …`
    Bearer,
    /// `x-api-key: …`
    XApiKey,
    /// `api-key: …` (Azure)
    ApiKey,
}

/// The keys that sign requests to AWS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsFile {
    /// Where the access key's id is kept.
    pub access_key_id: SecretRef,
    /// Where the secret access key is kept.
    pub secret_access_key: SecretRef,
    /// Where the session token of temporary keys is kept.
    #[serde(default)]
    pub session_token: Option<SecretRef>,
}

/// How a provider is asked whether it is well.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthFile {
    /// The path asked with `GET`, from the server's root: `/health`. Any answer from 200 to 299 means well.
    pub path: String,
    /// How often; 30 s if left out.
    #[serde(default)]
    pub interval: Option<Period>,
    /// How long the answer may take; 5 s if left out.
    #[serde(default)]
    pub timeout: Option<Period>,
}

/// One of `[[models]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// The model names it is for; `*` stands for any text, also none.
    #[serde(rename = "match")]
    pub pattern: String,
    /// The `name` of the provider that answers; in the place of `targets`.
    #[serde(default)]
    pub provider: Option<String>,
    /// The name to ask the provider for, if it is not the caller's.
    #[serde(default)]
    pub upstream_model: Option<String>,
    /// Several that share the requests by their weights; one that fails is stood in for by the others.
    #[serde(default)]
    pub targets: Vec<TargetFile>,
    /// Who is asked when those above have failed, in this order.
    #[serde(default)]
    pub fallback: Vec<FallbackFile>,
}

/// One of several that answer for a model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetFile {
    /// The `name` of the provider.
    pub provider: String,
    /// The name to ask it for, if it is not the caller's.
    #[serde(default)]
    pub upstream_model: Option<String>,
    /// Its share of the requests, beside the weights of the others; 1 if left out.
    #[serde(default)]
    pub weight: Option<u32>,
}

/// One that is asked when others have failed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FallbackFile {
    /// The `name` of the provider.
    pub provider: String,
    /// The name to ask it for, if it is not the caller's.
    #[serde(default)]
    pub upstream_model: Option<String>,
}

/// The `[routing]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RoutingSettings {
    /// How often a request is sent again once every target of its model has failed; 0 to 5.
    pub retries: u32,
    /// Most requests sent again to one provider, in percent of those it gets; ten are granted at the beginning.
    pub retry_budget: u32,
    /// Replies that let the next target, or the same one again, be asked. No connection does, too.
    pub retry_on: BTreeSet<u16>,
    /// Wait before the first time a request is sent again; doubled for each further one. A provider's `retry-after` counts if
    /// it is longer.
    pub retry_wait: Period,
    /// A provider that asks for a longer wait than this is not asked again.
    pub retry_wait_max: Period,
    /// Failures in a row (no connection, no answer in time, 502, 503, 504, 529) after which a provider is given a rest; 0: never.
    pub breaker_failures: u32,
    /// How long it rests before one request tries it again.
    pub breaker_rest: Period,
}

impl Default for RoutingSettings {
    fn default() -> Self {
        Self {
            retries: 0,
            retry_budget: 20,
            retry_on: [408, 429, 500, 502, 503, 504, 529].into(),
            retry_wait: Period::from_millis(250),
            retry_wait_max: Period::from_secs(10),
            breaker_failures: 10,
            breaker_rest: Period::from_secs(10),
        }
    }
}
