//! The API key in a request's headers.

use http::HeaderMap;

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
