//! The API key in a request's headers, and what it must be good for.

use http::HeaderMap;
use privet_access::Privilege;

/// Which privilege each address needs where a key is asked for. An address that is not here lets nobody in.
pub(crate) const GATES: &[(&str, Privilege)] = &[
    ("/v1/chat/completions", Privilege::Prompt),
    ("/v1/messages", Privilege::Prompt),
    ("/v1/responses", Privilege::Prompt),
    ("/v1/embeddings", Privilege::Prompt),
    ("/v1/messages/count_tokens", Privilege::Prompt),
    ("/v1/models", Privilege::ListModels),
    ("/analyze", Privilege::DetectText),
    ("/recognizers", Privilege::DetectText),
    ("/supportedentities", Privilege::DetectText),
    ("/anonymize", Privilege::AnonymizeText),
    ("/anonymizers", Privilege::AnonymizeText),
    ("/deanonymize", Privilege::RestoreText),
    ("/deanonymizers", Privilege::RestoreText),
    ("/api/v1/pii/detect", Privilege::DetectText),
    ("/api/v1/pii/anonymize", Privilege::AnonymizeText),
    ("/api/v1/pii/restore", Privilege::RestoreText),
    ("/api/v1/protect", Privilege::AnonymizeText),
    ("/api/v1/restore", Privilege::RestoreText),
    ("/metrics", Privilege::ReadMetrics),
];

/// The privilege that a key needs at `path`; none lets nobody in.
pub(crate) fn gate(path: &str) -> Option<Privilege> {
    // Names of models may hold slashes.
    let path = if path.starts_with("/v1/models/") {
        "/v1/models"
    } else {
        path
    };
    let found = GATES.iter().find(|(known, _)| *known == path);
    found.map(|(_, privilege)| *privilege)
}

/// The key that a request presents in `authorization`, `x-api-key` or `api-key`; one that looks like Privet's is preferred.
pub(crate) fn presented(headers: &HeaderMap) -> Option<&str> {
    let header = |name| headers.get(name).and_then(|v| v.to_str().ok());
    let bearer = header("authorization").and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    let sent = [bearer, header("x-api-key"), header("api-key")];
    // Some clients send a placeholder in one header and the key in another.
    let ours = sent
        .iter()
        .flatten()
        .find(|key| key.starts_with(privet_access::KEY_PREFIX));
    ours.or_else(|| sent.iter().flatten().next()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses that show nothing of anybody.
    const OPEN: [&str; 4] = ["/", "/healthz", "/readyz", "/health"];

    #[test]
    fn every_address_of_the_gateway_has_a_gate_or_is_open_on_purpose() {
        let sources = [
            include_str!("gateway.rs"),
            include_str!("native.rs"),
            include_str!("presidio/mod.rs"),
            include_str!("protect/mod.rs"),
            include_str!("metrics.rs"),
        ];
        let paths: Vec<&str> = sources
            .iter()
            .flat_map(|source| source.split(".route(\"").skip(1))
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert!(paths.len() >= 15, "{paths:?}");
        for path in paths {
            assert!(gate(path).is_some() != OPEN.contains(&path), "{path}");
        }
        for (path, _) in crate::gateway::PROMPTS {
            assert_eq!(gate(path), Some(Privilege::Prompt), "{path}");
        }
        assert_eq!(gate("/v1/modelsandmore"), None);
    }
}
