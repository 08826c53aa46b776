//! How each kind of provider is asked where the settings do not say it.

use std::net::IpAddr;

use super::provider_file::{Auth, Dialect, ProviderFile, ProviderKind};
use crate::key_path::{Fault, KeyPath};
use crate::web_address;

/// What a kind stands for.
pub(super) struct Defaults {
    pub(super) dialect: Dialect,
    pub(super) base_url: String,
    pub(super) auth: Auth,
    pub(super) query: Option<String>,
    pub(super) is_local: bool,
}

impl ProviderKind {
    /// The name in the settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Azure => "azure",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
            Self::Mistral => "mistral",
            Self::Vllm => "vllm",
            Self::Ollama => "ollama",
            Self::Llamacpp => "llamacpp",
        }
    }

    const fn runs_at_home(self) -> bool {
        matches!(self, Self::Vllm | Self::Ollama | Self::Llamacpp)
    }

    /// Where it is if the settings do not say it.
    const fn public_address(self) -> Option<&'static str> {
        match self {
            Self::Openai => Some("https://api.openai.com/v1"),
            Self::Anthropic => Some("https://api.anthropic.com"),
            Self::Gemini => Some("https://generativelanguage.googleapis.com/v1beta/openai"),
            Self::Mistral => Some("https://api.mistral.ai/v1"),
            Self::Vllm => Some("http://127.0.0.1:8000/v1"),
            Self::Ollama => Some("http://127.0.0.1:11434/v1"),
            Self::Llamacpp => Some("http://127.0.0.1:8080/v1"),
            Self::Azure | Self::Bedrock => None,
        }
    }
}

/// How the provider `file`, which stands at `at`, is asked.
pub(super) fn defaults(file: &ProviderFile, at: &KeyPath) -> Result<Defaults, Fault> {
    let Some(kind) = file.kind else {
        let dialect = file
            .dialect
            .ok_or_else(|| at.fault("`kind` is missing, or `dialect` for a service of no listed kind"))?;
        check_foreign_keys(file, None, at)?;
        return Ok(Defaults {
            dialect,
            base_url: file
                .base_url
                .clone()
                .ok_or_else(|| at.fault("`base_url` is missing"))?,
            auth: auth(dialect),
            query: file.query.clone(),
            is_local: file.local.unwrap_or(false),
        });
    };
    check_foreign_keys(file, Some(kind), at)?;
    let dialect = dialect(file, kind, at)?;
    let (base_url, query) = match kind {
        ProviderKind::Azure => azure(file, at)?,
        ProviderKind::Bedrock => (bedrock(file, dialect, at)?, file.query.clone()),
        _ => {
            let at_home = kind.public_address().unwrap_or_default();
            // Ollama and its like answer to Anthropic's dialect without the `/v1`.
            let at_home = match dialect {
                Dialect::Anthropic => at_home.trim_end_matches("/v1"),
                Dialect::Openai => at_home,
            };
            let base_url = file.base_url.clone().unwrap_or_else(|| at_home.to_owned());
            (base_url, file.query.clone())
        }
    };
    let is_local = match file.local {
        Some(true) if !kind.runs_at_home() => {
            return Err(at.key("local").fault(format!(
                "`{}` is a service of others; leave `kind` out if this is a server of your own that imitates it",
                kind.name()
            )));
        }
        Some(is_local) => is_local,
        None => kind.runs_at_home() && is_private(&base_url),
    };
    Ok(Defaults {
        dialect,
        base_url,
        auth: match kind {
            ProviderKind::Azure => Auth::ApiKey,
            ProviderKind::Bedrock => Auth::Bearer,
            _ => auth(dialect),
        },
        query,
        is_local,
    })
}

const fn auth(dialect: Dialect) -> Auth {
    match dialect {
        Dialect::Openai => Auth::Bearer,
        Dialect::Anthropic => Auth::XApiKey,
    }
}

/// The one that a kind speaks; some speak both.
fn dialect(file: &ProviderFile, kind: ProviderKind, at: &KeyPath) -> Result<Dialect, Fault> {
    let own = if kind == ProviderKind::Anthropic {
        Dialect::Anthropic
    } else {
        Dialect::Openai
    };
    let speaks_both = kind.runs_at_home() || kind == ProviderKind::Bedrock;
    match file.dialect {
        Some(other) if other != own && !speaks_both => Err(at.key("dialect").fault(format!(
            "`{}` does not speak it; leave `dialect` out",
            kind.name()
        ))),
        Some(dialect) => Ok(dialect),
        None => Ok(own),
    }
}

/// Keys that mean nothing for `kind` are mistakes.
fn check_foreign_keys(file: &ProviderFile, kind: Option<ProviderKind>, at: &KeyPath) -> Result<(), Fault> {
    let checks = [
        ("api_version", file.api_version.is_some(), ProviderKind::Azure),
        ("region", file.region.is_some(), ProviderKind::Bedrock),
        ("aws", file.aws.is_some(), ProviderKind::Bedrock),
    ];
    for (key, is_there, owner) in checks {
        if is_there && kind != Some(owner) {
            return Err(at
                .key(key)
                .fault(format!("is for `kind = \"{}\"` only", owner.name())));
        }
    }
    Ok(())
}

/// The newer addresses, or with `api_version` the older ones by deployment.
fn azure(file: &ProviderFile, at: &KeyPath) -> Result<(String, Option<String>), Fault> {
    let Some(base_url) = &file.base_url else {
        return Err(at.fault(
            "`base_url` is missing: the resource's own address, such as `https://example.openai.azure.com`",
        ));
    };
    let base = base_url.trim_end_matches('/');
    if base.contains("/openai") || base.contains('{') {
        return Err(at.key("base_url").fault(
            "end it behind the host, such as `https://example.openai.azure.com`: Privet adds `/openai/…` itself",
        ));
    }
    let Some(version) = &file.api_version else {
        return Ok((format!("{base}/openai/v1"), file.query.clone()));
    };
    let is_version = (1..=32).contains(&version.len())
        && version
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    if !is_version {
        return Err(at.key("api_version").fault("use a version such as `2024-10-21`"));
    }
    let own = format!("api-version={version}");
    let query = file
        .query
        .as_ref()
        .filter(|query| !query.is_empty())
        .map_or(own.clone(), |query| format!("{own}&{query}"));
    Ok((format!("{base}/openai/deployments/{{model}}"), Some(query)))
}

fn bedrock(file: &ProviderFile, dialect: Dialect, at: &KeyPath) -> Result<String, Fault> {
    let Some(region) = &file.region else {
        return Err(at.fault("`region` is missing, such as `eu-central-1`"));
    };
    let is_region = (1..=32).contains(&region.len())
        && region
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !is_region {
        return Err(at
            .key("region")
            .fault("use a region's name, such as `eu-central-1`"));
    }
    if file.aws.is_some() && (file.api_key.is_some() || file.auth.is_some()) {
        return Err(at
            .key("aws")
            .fault("signs requests in the place of `api_key` and `auth`; leave those out, or this"));
    }
    if file.aws.is_none() && file.api_key.is_none() {
        return Err(at.fault("give a Bedrock API key with `api_key`, or keys that sign requests with `aws`"));
    }
    if dialect == Dialect::Anthropic && file.query.is_some() {
        return Err(at
            .key("query")
            .fault("Bedrock's own addresses take none; leave it out"));
    }
    let own = || {
        let host = format!("https://bedrock-runtime.{region}.amazonaws.com");
        match dialect {
            Dialect::Openai => format!("{host}/openai/v1"),
            Dialect::Anthropic => host,
        }
    };
    Ok(file.base_url.clone().unwrap_or_else(own))
}

/// Whether the host is an address of this machine, or of a network that the Internet does not lead to.
fn is_private(base_url: &str) -> bool {
    let Ok(address) = web_address::parse(base_url) else {
        return false;
    };
    if address.is_loopback() {
        return true;
    }
    match address.host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_unique_local() || ip.is_unicast_link_local(),
        Err(_) => false,
    }
}
