//! How a request says who sends it: the API key or the token in its headers, or the certificate of its connection;
//! and what that must be good for.

use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap};
use privet_access::{Privilege, Vouched};

use crate::tls::ByCertificate;

/// What says who sends a request.
pub(crate) enum Claim<'a> {
    /// An API key, or a token.
    Key(&'a str),
    /// A token of another issuer.
    Token(&'a str),
    /// A certificate that was verified when the connection was made.
    Certificate(&'a Vouched),
    /// Two at once, of which nobody knows which one others go by.
    Two,
    Nothing,
}

/// The headers that may hold a key.
pub(crate) const HEADERS: [&str; 3] = ["authorization", "x-api-key", "api-key"];

/// What a request with these headers, on a connection that put these `extensions`, goes by. One of Privet's keys or tokens decides, since
/// it is the narrower claim, then a token of another issuer, if such are taken; any other text in their place is what clients send that
/// cannot go without a key. A header that stands twice, or two of Privet's keys that differ, are no claim.
pub(crate) fn claim<'a>(headers: &'a HeaderMap, extensions: &'a Extensions, takes_tokens: bool) -> Claim<'a> {
    let certificate = extensions.get::<ByCertificate>();
    let Some(key) = presented(headers) else {
        return Claim::Two;
    };
    let is_ours = key.is_some_and(privet_access::is_credential);
    if let Some(token) = token(headers).filter(|_| takes_tokens && !is_ours) {
        return Claim::Token(token);
    }
    match (key, certificate) {
        (Some(key), None) => Claim::Key(key),
        (Some(key), Some(_)) if is_ours => Claim::Key(key),
        (_, Some(ByCertificate(who))) => Claim::Certificate(who),
        (None, None) => Claim::Nothing,
    }
}

/// Whether a request came on a connection whose certificate stands for somebody.
pub(crate) fn has_certificate(extensions: &Extensions) -> bool {
    extensions.get::<ByCertificate>().is_some()
}

/// Which privilege each address needs where a key is asked for. An address that is not here lets nobody in.
pub(crate) const GATES: &[(&str, Privilege)] = &[
    ("/v1/chat/completions", Privilege::Prompt),
    ("/v1/messages", Privilege::Prompt),
    ("/v1/responses", Privilege::Prompt),
    ("/v1/embeddings", Privilege::Prompt),
    ("/v1/messages/count_tokens", Privilege::Prompt),
    ("/v1/models", Privilege::ListModels),
    ("/api/v1/guard", Privilege::DetectText),
    ("/api/v1/guard/holds", Privilege::WatchRead),
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
    ("/api/v1/limits", Privilege::ListModels),
    ("/api/v1/alerts", Privilege::WatchRead),
    ("/api/v1/incidents", Privilege::WatchRead),
    ("/api/v1/coaching", Privilege::WatchRead),
    ("/api/v1/kill-switches", Privilege::KillRead),
    ("/metrics", Privilege::ReadMetrics),
    ("/api/v1/tokens", Privilege::MakeTokens),
    ("/api/v1/tokens/{id}", Privilege::MakeTokens),
    ("/api/v1/me/notices", Privilege::Acknowledge),
    ("/api/v1/me/notices/{id}", Privilege::Acknowledge),
    ("/api/v1/invites/accept", Privilege::SignIn),
    ("/api/v1/sessions", Privilege::PeopleRead),
    ("/api/v1/sessions/{id}", Privilege::PeopleManage),
    ("/api/v1/sessions/oidc", Privilege::SignIn),
    ("/api/v1/sessions/oidc/{name}", Privilege::SignIn),
    ("/api/v1/sessions/oidc/{name}/callback", Privilege::SignIn),
    ("/api/v1/sessions/passkey", Privilege::SignIn),
    ("/api/v1/sessions/passkey/options", Privilege::SignIn),
    ("/api/v1/me", Privilege::SignIn),
    ("/api/v1/me/sign_out", Privilege::SignIn),
    ("/api/v1/me/proof", Privilege::SignIn),
    ("/api/v1/me/password", Privilege::SignIn),
    ("/api/v1/me/sessions", Privilege::SignIn),
    ("/api/v1/me/sessions/{id}", Privilege::SignIn),
    ("/api/v1/me/totp", Privilege::SignIn),
    ("/api/v1/me/totp/confirm", Privilege::SignIn),
    ("/api/v1/me/recovery_codes", Privilege::SignIn),
    ("/api/v1/me/passkeys", Privilege::SignIn),
    ("/api/v1/me/passkeys/options", Privilege::SignIn),
    ("/api/v1/me/passkeys/{id}", Privilege::SignIn),
    ("/api/v1/me/proof/passkey", Privilege::SignIn),
    ("/api/v1/me/proof/passkey/options", Privilege::SignIn),
];

/// The addresses that ask who calls, and what each is for: to see that every one of them keeps to it.
pub fn gates() -> impl Iterator<Item = (&'static str, Privilege)> {
    GATES.iter().copied().chain([("/mcp/{name}", Privilege::McpCall)])
}

/// The privilege that a key needs at `path`; none lets nobody in.
pub(crate) fn gate(path: &str) -> Option<Privilege> {
    // Names of models may hold slashes.
    let path = if path.starts_with("/v1/models/") {
        "/v1/models"
    } else if path.starts_with("/api/v1/alerts/") {
        // What changes something asks for more, where it is done.
        "/api/v1/alerts"
    } else if path.starts_with("/api/v1/incidents/") {
        "/api/v1/incidents"
    } else if path.starts_with("/api/v1/guard/holds/") {
        "/api/v1/guard/holds"
    } else if path.starts_with("/api/v1/kill-switches/") {
        "/api/v1/kill-switches"
    } else {
        path
    };
    if path.starts_with("/mcp/") {
        return Some(Privilege::McpCall);
    }
    let exact = GATES.iter().find(|(known, _)| *known == path);
    let like = || {
        GATES
            .iter()
            .find(|(known, _)| known.ends_with('}') && is_like(known, path))
    };
    let found = exact.or_else(like);
    found.map(|(_, privilege)| *privilege)
}

/// Whether `path` is `known` with something in the place of its last part.
fn is_like(known: &str, path: &str) -> bool {
    match (known.rsplit_once('/'), path.rsplit_once('/')) {
        (Some((known, _)), Some((path, last))) => known == path && !last.is_empty(),
        _ => false,
    }
}

/// What looks like a token in the one `authorization` header. Of two of these headers nobody knows which one others read.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (sent.next(), sent.next()) else {
        return None;
    };
    bearer(value.to_str().ok()?).filter(|token| privet_access::looks_like_token(token))
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// The key that a request presents in one of [`HEADERS`], if it presents one; one that looks like Privet's is preferred, since some clients
/// send a placeholder in one header and the key in another. None if a header stands twice, or two keys of Privet's differ.
fn presented(headers: &HeaderMap) -> Option<Option<&str>> {
    let (mut ours, mut other) = (None, None);
    for name in HEADERS {
        let mut lines = headers.get_all(name).iter();
        let (line, second) = (lines.next(), lines.next());
        if second.is_some() {
            return None;
        }
        let sent = line.and_then(|line| line.to_str().ok());
        let sent = if name == "authorization" {
            sent.and_then(bearer)
        } else {
            sent
        };
        let Some(sent) = sent else { continue };
        if !privet_access::is_credential(sent) {
            other = other.or(Some(sent));
        } else if ours.is_some_and(|ours| ours != sent) {
            return None;
        } else {
            ours = Some(sent);
        }
    }
    Some(ours.or(other))
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
            include_str!("sign_in/routes.rs"),
            include_str!("sign_in/passkeys.rs"),
            include_str!("sign_in/oidc.rs"),
            include_str!("watch/routes.rs"),
            include_str!("incidents/routes.rs"),
            include_str!("kill/routes.rs"),
            include_str!("guard/routes.rs"),
            include_str!("guard/holds.rs"),
            include_str!("tokens/routes.rs"),
            include_str!("notices/routes.rs"),
            include_str!("coached.rs"),
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

    #[test]
    fn keys_that_differ_and_headers_that_stand_twice_are_no_claim() {
        let said = |lines: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, http::HeaderValue::from_static(value));
            }
            match claim(&headers, &Extensions::new(), false) {
                Claim::Key(key) => key.to_owned(),
                Claim::Two => "two".to_owned(),
                _ => "nothing".to_owned(),
            }
        };
        let (a, b) = ("prvt_a", "prvt_b");
        for (lines, wanted) in [
            (vec![("authorization", "Bearer prvt_a"), ("x-api-key", a)], a),
            (vec![("authorization", "Bearer prvt_a"), ("x-api-key", b)], "two"),
            (vec![("x-api-key", a), ("api-key", b)], "two"),
            (
                vec![("authorization", "Bearer privet_at_a"), ("x-api-key", b)],
                "two",
            ),
            (vec![("authorization", "Bearer none"), ("x-api-key", b)], b),
            (vec![("x-api-key", "none"), ("api-key", b)], b),
            (
                vec![("authorization", "Bearer one"), ("x-api-key", "two_")],
                "one",
            ),
            (vec![("x-api-key", a), ("x-api-key", a)], "two"),
            (
                vec![("authorization", "Basic x"), ("authorization", "Bearer prvt_a")],
                "two",
            ),
            (vec![("authorization", "Basic x")], "nothing"),
        ] {
            assert_eq!(said(&lines), wanted, "{lines:?}");
        }
    }
}
