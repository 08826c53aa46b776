//! A checked provider and the addresses it is asked at.

use std::path::{Path, PathBuf};

use privet_types::SurfaceKind;

use super::file::{Auth, Dialect, ProviderFile};
use crate::document::beside;
use crate::key_path::{Fault, KeyPath};
use crate::secret_ref::looks_like_a_key;
use crate::{SecretRef, web_address};

/// Somebody who answers prompts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    name: String,
    dialect: Dialect,
    /// Without a `/` at its end.
    base_url: String,
    api_key: Option<SecretRef>,
    auth: Auth,
    query: Option<String>,
    ca_file: Option<PathBuf>,
}

impl Provider {
    /// The name in the settings.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
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

    /// The address to ask for `surface` and `model` (the provider's name of it); nothing if the provider does not
    /// speak that dialect.
    #[must_use]
    pub fn url(&self, surface: SurfaceKind, model: &str) -> Option<String> {
        let endpoint = match (self.dialect, surface) {
            (Dialect::Openai, SurfaceKind::OpenaiChat) => "chat/completions",
            (Dialect::Openai, SurfaceKind::OpenaiModels) => "models",
            (Dialect::Anthropic, SurfaceKind::AnthropicMessages) => "v1/messages",
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
    let ProviderFile {
        name,
        dialect,
        base_url,
        api_key,
        auth,
        query,
        ca_file,
        allow_plain_http,
    } = file;
    let is_name = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if !is_name {
        return Err(at
            .key("name")
            .fault("use 1 to 64 letters, digits, `.`, `_` or `-`"));
    }
    if looks_like_a_key(&name) {
        // Names stand in logs and errors.
        return Err(at
            .key("name")
            .fault("looks like a key; use a name such as `openai`"));
    }
    check_base_url(&base_url, dialect, allow_plain_http)
        .map_err(|message| at.key("base_url").fault(message))?;
    if let Some(query) = &query {
        check_query(query).map_err(|message| at.key("query").fault(message))?;
    }
    Ok(Provider {
        name,
        dialect,
        base_url: base_url.trim_end_matches('/').to_owned(),
        api_key: api_key.map(|reference| reference.beside(document)),
        auth: auth.unwrap_or(match dialect {
            Dialect::Openai => Auth::Bearer,
            Dialect::Anthropic => Auth::XApiKey,
        }),
        query: query.filter(|query| !query.is_empty()),
        ca_file: ca_file.map(|path| beside(document, &path)),
    })
}

fn check_base_url(base_url: &str, dialect: Dialect, allow_plain_http: bool) -> Result<(), &'static str> {
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
    Ok(())
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
