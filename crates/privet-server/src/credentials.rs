//! How a request says who sends it: the API key in its headers, or the certificate of its connection.

use http::{Extensions, HeaderMap};
use privet_access::Authenticated;

use crate::tls::ByCertificate;

/// What says who sends a request.
pub(crate) enum Claim<'a> {
    Key(&'a str),
    /// A certificate that was verified when the connection was made.
    Certificate(&'a Authenticated),
    Nothing,
}

/// What a request with these headers, on a connection that put these `extensions`, goes by. One of Privet's keys decides, since it
/// is the narrower claim; any other text in its place is what clients send that cannot go without a key.
pub(crate) fn claim<'a>(headers: &'a HeaderMap, extensions: &'a Extensions) -> Claim<'a> {
    let certificate = extensions.get::<ByCertificate>();
    match (presented(headers), certificate) {
        (Some(key), None) => Claim::Key(key),
        (Some(key), Some(_)) if key.starts_with(privet_access::KEY_PREFIX) => Claim::Key(key),
        (_, Some(ByCertificate(who))) => Claim::Certificate(who),
        (None, None) => Claim::Nothing,
    }
}

/// Whether a request came on a connection whose certificate stands for somebody.
pub(crate) fn has_certificate(extensions: &Extensions) -> bool {
    extensions.get::<ByCertificate>().is_some()
}

/// The key that a request presents in `authorization`, `x-api-key` or `api-key`; one that looks like Privet's is preferred.
fn presented(headers: &HeaderMap) -> Option<&str> {
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
