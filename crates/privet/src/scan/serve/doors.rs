//! Who may ask: programs of this machine that know the token, and of pages those whose origin was named.

use anyhow::{Result, bail};
use http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use http::{Request, Uri};
use privet_crypto::{HashKey, RootKey};
use privet_types::Secret;

use super::problem::Problem;

/// Tells from where a browser asks (Fetch Metadata); programs do not send it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Reads `--allow-origin`: origins as browsers send them.
///
/// # Errors
/// For what is no `http://host[:port]` or `https://host[:port]`.
pub(super) fn origins(named: &[String]) -> Result<Vec<HeaderValue>> {
    named.iter().map(|text| origin(text)).collect()
}

fn origin(text: &str) -> Result<HeaderValue> {
    let is_origin = text.parse::<Uri>().is_ok_and(|uri| {
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let names = uri.authority().map_or("", |authority| authority.as_str());
        let is_bare = !text.ends_with('/') && uri.path() == "/" && uri.query().is_none();
        is_web && is_bare && !names.is_empty() && !names.contains(['@', '*'])
    });
    match HeaderValue::from_str(&text.to_ascii_lowercase()) {
        Ok(value) if is_origin => Ok(value),
        _ => bail!("`--allow-origin` takes an origin such as `http://localhost:8888`, not `{text}`"),
    }
}

/// Holds requests against what may come in.
pub(super) struct Doors {
    hosts: [String; 2],
    origins: Vec<HeaderValue>,
    /// Of this run: what is compared under it tells nothing of the token.
    key: HashKey,
    token: [u8; 32],
}

/// Who sent a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// A program.
    Program,
    /// A page of that origin, which was named.
    Page(HeaderValue),
}

impl Doors {
    /// For a server at `port`.
    ///
    /// # Errors
    /// If there are no random bytes.
    pub(super) fn new(port: u16, origins: Vec<HeaderValue>, token: &Secret<String>) -> Result<Self> {
        let key = RootKey::generate()?.hash_key("privet/scan-serve/token", b"");
        Ok(Self {
            hosts: [format!("127.0.0.1:{port}"), format!("localhost:{port}")],
            origins,
            token: key.hash(&[token.expose().as_bytes()]),
            key,
        })
    }

    /// Who sent `request`, if it asks for this server by its own name and may. A name of somebody else that leads here (DNS
    /// rebinding) is refused, and so are pages that were not named, also where browsers would let them send unasked.
    pub(super) fn sender<B>(&self, request: &Request<B>) -> Result<Sender, Problem> {
        let headers = request.headers();
        let is_own = |name: &str| self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
        let host = only(headers, &HOST).and_then(|host| host.to_str().ok());
        let is_asked = request.uri().authority().is_none_or(|name| is_own(name.as_str()));
        if !host.is_some_and(is_own) || !is_asked {
            return Err(Problem::WrongHost);
        }
        if headers.contains_key(ORIGIN) {
            let origin = only(headers, &ORIGIN).ok_or(Problem::WrongOrigin)?;
            return match self.origins.contains(origin) {
                true => Ok(Sender::Page(origin.clone())),
                false => Err(Problem::WrongOrigin),
            };
        }
        match headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes) {
            None | Some(b"none") => Ok(Sender::Program),
            Some(_) => Err(Problem::WrongOrigin),
        }
    }

    /// Whether the token comes with it. How long that takes tells nothing of the token.
    pub(super) fn check_token(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let given = only(headers, &AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.split_once(' '));
        let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let (_, token) = given.ok_or(Problem::WrongToken)?;
        match self.key.is_hash_of(&[token.trim().as_bytes()], &self.token) {
            true => Ok(()),
            false => Err(Problem::WrongToken),
        }
    }
}

/// The value of a header that stands once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: (&str, &str) = ("host", "localhost:8789");
    const PAGE: (&str, &str) = ("origin", "http://localhost:8888");

    fn doors() -> Doors {
        let origins = origins(&[PAGE.1.to_owned()]).unwrap();
        Doors::new(8789, origins, &Secret::new("a".repeat(43))).unwrap()
    }

    fn request(headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().uri("/v1/scan");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn only_its_own_names_lead_in() {
        let doors = doors();
        for host in ["127.0.0.1:8789", "LOCALHOST:8789"] {
            assert_eq!(doors.sender(&request(&[("host", host)])), Ok(Sender::Program));
        }
        let others = [
            "127.0.0.1",
            "127.0.0.1:8790",
            "rebound.example:8789",
            "a@localhost:8789",
            "",
        ];
        for host in others {
            let asked = request(&[("host", host)]);
            assert_eq!(doors.sender(&asked), Err(Problem::WrongHost), "{host}");
        }
        assert_eq!(doors.sender(&request(&[])), Err(Problem::WrongHost));
        assert_eq!(doors.sender(&request(&[HOST, HOST])), Err(Problem::WrongHost));
        let absolute = Request::builder()
            .uri("http://rebound.example/v1/scan")
            .header("host", HOST.1);
        assert_eq!(doors.sender(&absolute.body(()).unwrap()), Err(Problem::WrongHost));
    }

    #[test]
    fn only_pages_that_were_named_lead_in() {
        let doors = doors();
        let page = Sender::Page(HeaderValue::from_static(PAGE.1));
        assert_eq!(doors.sender(&request(&[HOST, PAGE])), Ok(page));
        assert_eq!(
            doors.sender(&request(&[HOST, ("sec-fetch-site", "none")])),
            Ok(Sender::Program)
        );
        for other in [
            &[HOST, ("origin", "http://localhost:8889")][..],
            &[HOST, ("origin", "null")],
            &[HOST, PAGE, PAGE],
            &[HOST, ("sec-fetch-site", "cross-site")],
            &[HOST, ("sec-fetch-site", "same-site")],
        ] {
            let asked = request(other);
            assert_eq!(doors.sender(&asked), Err(Problem::WrongOrigin), "{other:?}");
        }
    }

    #[test]
    fn only_the_whole_token_opens() {
        let doors = doors();
        let token = "a".repeat(43);
        let with = |value: &str| doors.check_token(request(&[("authorization", value)]).headers());
        assert_eq!(with(&format!("Bearer {token}")), Ok(()));
        assert_eq!(with(&format!("bearer {token}")), Ok(()));
        for wrong in [
            String::new(),
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            token.clone(),
            format!("Basic {token}"),
            format!("Bearer {token}a"),
            format!("Bearer {}", "a".repeat(42)),
            format!("Bearer {}", "b".repeat(43)),
        ] {
            assert_eq!(with(&wrong), Err(Problem::WrongToken), "{wrong}");
        }
        let nothing = request(&[]);
        assert_eq!(doors.check_token(nothing.headers()), Err(Problem::WrongToken));
    }

    #[test]
    fn an_origin_is_no_pattern_and_no_address() {
        for wrong in [
            "*",
            "null",
            "localhost:8888",
            "http://localhost:8888/",
            "http://localhost:8888/lab",
            "http://*.example.com",
            "file:///tmp",
            "http://a@b",
            "",
        ] {
            assert!(origins(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
        assert!(origins(&["HTTPS://Hub.example.com".to_owned()]).is_ok());
    }
}
