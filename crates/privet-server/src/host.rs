//! The name under which a request asks for this server.
//!
//! Nothing goes by it: who asks is said by credentials, what is asked for by the path. But what stands in front of Privet may go by it,
//! so a request that says it twice, or in two ways, is refused: nobody knows which one others read.

use http::header::{HOST, HeaderMap};
use http::uri::Authority;
use http::{Request, Version};

/// Whether `request` names its server once, as RFC 9112 §3.2 and RFC 9113 §8.3.1 ask for. HTTP/1.0 may leave the name out.
pub(crate) fn is_named_once<B>(request: &Request<B>) -> bool {
    let (version, authority) = (request.version(), request.uri().authority());
    is_once(version, authority, request.headers())
}

fn is_once(version: Version, authority: Option<&Authority>, headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(HOST).iter();
    let (line, second) = (lines.next(), lines.next());
    let Some(line) = line else {
        // HTTP/2 says it in `:authority`.
        return version < Version::HTTP_11 || (version > Version::HTTP_11 && authority.is_some());
    };
    if second.is_some() {
        return false;
    }
    let Ok(host) = line.to_str() else { return false };
    let is_name = !host.is_empty() && !host.contains(['@', '/', '\\', '?', '#', ',', ' ', '\t']);
    is_name && authority.is_none_or(|authority| bare(authority.as_str()).eq_ignore_ascii_case(bare(host)))
}

/// Without the port that goes without saying.
fn bare(host: &str) -> &str {
    host.strip_suffix(":443")
        .or_else(|| host.strip_suffix(":80"))
        .unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_request_names_its_server_once() {
        let (h1, h2, old) = (Version::HTTP_11, Version::HTTP_2, Version::HTTP_10);
        for (version, authority, lines, wanted) in [
            (h1, None, vec!["a.example"], true),
            (h1, None, vec!["A.example:8787"], true),
            (h1, None, vec!["[::1]:8787"], true),
            (h1, None, vec![], false),
            (h1, None, vec![""], false),
            (h1, None, vec!["a.example", "a.example"], false),
            (h1, None, vec!["a.example, b.example"], false),
            (h1, None, vec!["ann@a.example"], false),
            (h1, None, vec!["a.example/v1"], false),
            (h1, Some("a.example"), vec!["a.example"], true),
            (h1, Some("a.example"), vec!["b.example"], false),
            (h1, Some("a.example"), vec![], false),
            (h2, Some("a.example"), vec![], true),
            (h2, Some("a.example"), vec!["a.example:443"], true),
            (h2, Some("a.example"), vec!["b.example"], false),
            (h2, None, vec!["a.example"], true),
            (h2, None, vec![], false),
            (old, None, vec![], true),
            (old, None, vec!["a.example", "b.example"], false),
        ] {
            let mut headers = HeaderMap::new();
            for line in &lines {
                headers.append(HOST, HeaderValue::from_static(line));
            }
            let authority = authority.map(Authority::from_static);
            let is_once = is_once(version, authority.as_ref(), &headers);
            assert_eq!(is_once, wanted, "{version:?} {authority:?} {lines:?}");
        }
    }
}
