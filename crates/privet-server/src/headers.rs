//! Which headers travel on.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use privet_pii::Analyzer;
use privet_types::Budget;

/// Concern one connection only (RFC 9110 §7.6.1), or are set anew for each.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Credentials and cookies, and headers that say where the caller sits or came from, or of which of its doings a request is a part.
const PRIVATE: &[&str] = &[
    "authorization",
    "api-key",
    "b3",
    "baggage",
    "x-api-key",
    "x-goog-api-key",
    "cookie",
    "cookie2",
    "forwarded",
    "from",
    "origin",
    "referer",
    "traceparent",
    "tracestate",
    "true-client-ip",
    "uber-trace-id",
    "via",
    "x-amzn-trace-id",
    "x-client-ip",
    "x-cloud-trace-context",
    "x-real-ip",
];

/// Written by clients' libraries, not by people: not searched for private data.
const LIBRARY: &[&str] = &[
    "x-stainless-",
    "anthropic-",
    "accept",
    "content-type",
    "user-agent",
    "idempotency-key",
    "sec-",
];

/// The headers of a request that go on to the provider: all but credentials, cookies, hop-by-hop headers, those that say
/// where the caller sits, Privet's own, and any that holds what looks like private data.
pub(crate) fn outgoing(headers: &HeaderMap, analyzer: &Analyzer) -> HeaderMap {
    let named = named_by_connection(headers);
    let mut out = HeaderMap::with_capacity(headers.len() + 4);
    for (name, value) in headers {
        let is_kept = !is_hop_by_hop(name, &named)
            && !PRIVATE.contains(&name.as_str())
            && !name.as_str().starts_with("x-privet-")
            && !name.as_str().starts_with("x-forwarded-")
            && !name.as_str().starts_with("x-b3-")
            && !matches!(name.as_str(), "accept-encoding")
            && !holds_private_data(name, value, analyzer);
        if is_kept {
            out.append(name.clone(), value.clone());
        }
    }
    // Compressed replies could not be restored.
    out.insert(
        http::header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    out
}

/// The headers of a reply that go back to the caller: all but hop-by-hop ones. The length is set anew.
pub(crate) fn incoming(headers: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(headers);
    // Room for those that are added on the way, too.
    let mut kept = HeaderMap::with_capacity(headers.len() + 4);
    for (name, value) in headers {
        if !is_hop_by_hop(name, &named) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

fn is_hop_by_hop(name: &HeaderName, named: &[String]) -> bool {
    HOP_BY_HOP.contains(&name.as_str()) || named.iter().any(|n| n == name.as_str())
}

fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    let values = headers
        .get_all(http::header::CONNECTION)
        .into_iter()
        .filter_map(|v| v.to_str().ok());
    values
        .flat_map(|v| v.split(','))
        .map(|n| n.trim().to_ascii_lowercase())
        .collect()
}

fn holds_private_data(name: &HeaderName, value: &HeaderValue, analyzer: &Analyzer) -> bool {
    if LIBRARY.iter().any(|prefix| name.as_str().starts_with(prefix)) {
        return false;
    }
    let Ok(text) = value.to_str() else { return true };
    let budget = Budget::new(1024 * text.len() as u64 + 65_536);
    analyzer
        .analyze_code(text, Some(name.as_str()), &budget)
        .map_or(true, |found| !found.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_cookies_hops_and_private_values_stay_behind() {
        let analyzer = Analyzer::new(&privet_pii::Config::default()).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer x"),
            ("x-api-key", "x"),
            ("cookie", "a=b"),
            ("connection", "keep-alive, x-hop"),
            ("x-hop", "1"),
            ("x-privet-debug", "1"),
            ("x-forwarded-for", "198.51.100.7"),
            (
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            ),
            ("tracestate", "vendor=1"),
            ("baggage", "team=9"),
            ("x-b3-sampled", "1"),
            ("x-user", "ada@example.com"),
            ("anthropic-beta", "tools-2024"),
            ("openai-organization", "org-1"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let kept: Vec<_> = outgoing(&headers, &analyzer)
            .keys()
            .map(|n| n.as_str().to_owned())
            .collect();
        assert_eq!(kept, ["anthropic-beta", "openai-organization", "accept-encoding"]);
    }
}
