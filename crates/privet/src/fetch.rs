//! Downloads that somebody has asked for by name.

use std::io::{IsTerminal, Write};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, HeaderValue, LOCATION, USER_AGENT};
use http::{Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use indicatif::{ProgressBar, ProgressStyle};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// How long a connection may take, and how long nothing may come.
const CONNECT: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_secs(60);
/// Most redirects that are followed.
const REDIRECTS: usize = 5;

type HttpClient = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// An address of the web, and who asks there.
#[derive(Debug)]
pub(crate) struct Site {
    /// Without name and password.
    address: String,
    login: Option<Login>,
}

/// Name and password for one host.
#[derive(Debug, Clone)]
struct Login {
    /// Scheme and host, as an address begins.
    origin: String,
    header: HeaderValue,
}

/// Where connections that nothing protects may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plaintext {
    /// Anywhere: what is fetched is known by its hash.
    Allowed,
    /// To this machine alone.
    Loopback,
}

/// Fetches what lies at addresses.
pub(crate) struct Fetcher {
    client: HttpClient,
    login: Option<Login>,
    plaintext: Plaintext,
}

impl Site {
    /// Reads an address, which may hold a name and a password as pip takes them.
    ///
    /// # Errors
    /// If it is not an address of the web.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let Some((scheme @ ("https" | "http"), rest)) = text.split_once("://") else {
            // It may hold a password, so it is not told.
            bail!("an address begins with `https://`");
        };
        let host = rest.split('/').next().unwrap_or_default();
        let Some((login, host)) = host.rsplit_once('@') else {
            return Ok(Self {
                address: text.to_owned(),
                login: None,
            });
        };
        let path = rest.split_once('/').map_or("", |(_, path)| path);
        let encoded = data_encoding::BASE64.encode(&percent_decoded(login));
        let mut header = HeaderValue::from_str(&format!("Basic {encoded}"))?;
        header.set_sensitive(true);
        Ok(Self {
            address: format!("{scheme}://{host}/{path}"),
            login: Some(Login {
                origin: format!("{scheme}://{host}/"),
                header,
            }),
        })
    }

    /// The address, without name and password.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

/// The bytes that `text` stands for (RFC 3986, section 2.1).
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let digits = others
            .first_chunk::<2>()
            .and_then(|d| std::str::from_utf8(d).ok());
        match digits.and_then(|d| u8::from_str_radix(d, 16).ok()) {
            Some(byte) if *first == b'%' => {
                out.push(byte);
                rest = others.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = others;
            }
        }
    }
    out
}

impl Fetcher {
    /// For `site` and what it leads to. `ca_file`: certificates to trust instead of the Mozilla root programme's.
    ///
    /// # Errors
    /// If `ca_file` holds no certificates.
    pub(crate) fn new(site: &Site, ca_file: Option<&Path>, plaintext: Plaintext) -> Result<Self> {
        Ok(Self {
            client: client(ca_file)?,
            login: site.login.clone(),
            plaintext,
        })
    }

    /// Writes what lies at `address`, at most `most` bytes, to `into`; says where it lay in the end. Name and password go to the
    /// site's own host alone.
    ///
    /// # Errors
    /// If it cannot be reached, is larger, or leads to where nothing protects it.
    pub(crate) async fn get(
        &self,
        address: &str,
        accept: &'static str,
        most: u64,
        bar: &ProgressBar,
        into: &mut impl Write,
    ) -> Result<String> {
        let mut address = address.to_owned();
        for _ in 0..=REDIRECTS {
            let uri: Uri = address
                .parse()
                .with_context(|| format!("`{address}` is not an address"))?;
            self.permit(&address, &uri)?;
            let mut request = Request::get(uri)
                .header(USER_AGENT, concat!("privet/", env!("CARGO_PKG_VERSION")))
                .header(ACCEPT, accept)
                .body(Empty::new())?;
            let login = self.login.as_ref();
            if let Some(login) = login.filter(|login| address.starts_with(&login.origin)) {
                request.headers_mut().insert(AUTHORIZATION, login.header.clone());
            }
            let answer = tokio::time::timeout(SILENCE, self.client.request(request)).await;
            let answer = answer
                .with_context(|| format!("`{address}` does not answer"))?
                .with_context(|| format!("`{address}` cannot be reached"))?;
            if answer.status().is_redirection() {
                let link = answer.headers().get(LOCATION).and_then(|v| v.to_str().ok());
                let link = link.with_context(|| format!("`{address}` leads nowhere"))?;
                let next = join(&address, link)?;
                if address.starts_with("https:") && !next.starts_with("https:") {
                    bail!("`{address}` leads to `{next}`, which is not protected");
                }
                address = next;
                continue;
            }
            if !answer.status().is_success() {
                bail!("`{address}` answers {}", answer.status());
            }
            let too_large = || format!("`{address}` is larger than {most} bytes");
            let length = answer.headers().get(CONTENT_LENGTH);
            let length = length.and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
            if length.is_some_and(|length| length > most) {
                bail!(too_large());
            }
            bar.set_length(length.unwrap_or_default());
            let mut body = answer.into_body();
            let mut left = most;
            while let Some(frame) = tokio::time::timeout(SILENCE, body.frame())
                .await
                .with_context(|| format!("`{address}` fell silent"))?
            {
                let frame = frame.with_context(|| format!("`{address}` broke off"))?;
                let Ok(data) = frame.into_data() else { continue };
                left = left.checked_sub(data.len() as u64).with_context(too_large)?;
                into.write_all(&data)
                    .with_context(|| format!("what `{address}` answers cannot be kept"))?;
                bar.inc(data.len() as u64);
            }
            return Ok(address);
        }
        bail!("`{address}` leads on and on")
    }

    /// Whether a connection may be opened there.
    fn permit(&self, address: &str, uri: &Uri) -> Result<()> {
        match uri.scheme_str() {
            Some("https") => Ok(()),
            Some("http") if self.plaintext == Plaintext::Allowed || is_loopback(uri) => Ok(()),
            Some("http") => {
                bail!("`{address}` is not protected; use its `https://` address")
            }
            _ => bail!("`{address}` is not an address of the web"),
        }
    }
}

/// Whether it is on this machine, whatever names say of it.
fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn client(ca_file: Option<&Path>) -> Result<HttpClient> {
    let mut http = HttpConnector::new();
    http.set_connect_timeout(Some(CONNECT));
    http.enforce_http(false);
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = match ca_file {
        None => HttpsConnectorBuilder::new().with_provider_and_webpki_roots(provider)?,
        Some(path) => {
            let bad = || format!("`{}` holds no certificates in PEM form", path.display());
            let mut roots = rustls::RootCertStore::empty();
            let certificates = CertificateDer::pem_file_iter(path).with_context(bad)?;
            let certificates = certificates.collect::<Result<Vec<_>, _>>().with_context(bad)?;
            // System bundles hold some that are too old to be read; the others count.
            roots.add_parsable_certificates(certificates);
            if roots.is_empty() {
                bail!(bad());
            }
            let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_no_client_auth();
            HttpsConnectorBuilder::new().with_tls_config(config)
        }
    };
    // Which addresses may do without TLS is decided for each of them.
    let connector = builder.https_or_http().enable_http1().wrap_connector(http);
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

/// A bar over bytes, on standard error where that is a terminal.
pub(crate) fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template(
        "{bar:30} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left",
    );
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

/// `link` as it is meant on the page at `address` (RFC 3986, section 5.2, for what package indexes use).
pub(crate) fn join(address: &str, link: &str) -> Result<String> {
    if link.starts_with("https://") || link.starts_with("http://") {
        return Ok(link.to_owned());
    }
    let (scheme, rest) = address.split_once("://").context("the address has no scheme")?;
    if let Some(rest) = link.strip_prefix("//") {
        return Ok(format!("{scheme}://{rest}"));
    }
    if link.contains(':') && !link.split('/').next().unwrap_or_default().contains('.') {
        bail!("the link `{link}` is of a kind that cannot be followed");
    }
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut parts: Vec<&str> = path.split('/').collect();
    // What is behind the last slash is the page itself.
    parts.pop();
    let link = match link.strip_prefix('/') {
        Some(link) => {
            parts.clear();
            link
        }
        None => link,
    };
    for part in link.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Ok(format!("{scheme}://{host}/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "https://index.example.com/simple/a-b/";

    #[test]
    fn a_login_is_taken_out_of_the_address_and_kept_for_its_host() {
        let site = Site::parse("https://ann:p%40ss@pypi.example.com/simple").unwrap();
        assert_eq!(site.address(), "https://pypi.example.com/simple");
        let login = site.login.as_ref().unwrap();
        assert_eq!(login.origin, "https://pypi.example.com/");
        // ann:p@ss
        assert_eq!(login.header, "Basic YW5uOnBAc3M=");
        assert!(!format!("{site:?}").contains("YW5u"), "{site:?}");
        assert!(Site::parse("https://pypi.org/simple").unwrap().login.is_none());
        assert!(Site::parse("file:///simple").is_err());
    }

    #[test]
    fn only_this_machine_is_asked_without_protection() {
        let site = Site::parse("https://osv.example.org/").unwrap();
        let fetcher = Fetcher::new(&site, None, Plaintext::Loopback).unwrap();
        let is_permitted = |address: &str| fetcher.permit(address, &address.parse().unwrap()).is_ok();
        for address in [
            "https://osv.example.org/all.zip",
            "http://127.0.0.1:8080/all.zip",
            "http://127.9.9.9/all.zip",
            "http://[::1]:8080/all.zip",
            "http://localhost/all.zip",
        ] {
            assert!(is_permitted(address), "{address}");
        }
        for address in [
            "http://osv.example.org/all.zip",
            "http://10.0.0.1/all.zip",
            "http://localhost.example.org/all.zip",
            "http://127.0.0.1.example.org/all.zip",
            "ftp://127.0.0.1/all.zip",
        ] {
            assert!(!is_permitted(address), "{address}");
        }
    }

    #[test]
    fn links_of_every_kind_are_followed() {
        for (link, expected) in [
            ("https://files.example.com/x", "https://files.example.com/x"),
            ("//files.example.com/x", "https://files.example.com/x"),
            ("/x/y", "https://index.example.com/x/y"),
            ("x", "https://index.example.com/simple/a-b/x"),
            ("./../x", "https://index.example.com/simple/x"),
            ("../../../../x", "https://index.example.com/x"),
        ] {
            assert_eq!(join(PAGE, link).unwrap(), expected);
        }
        assert!(join(PAGE, "file:///etc/passwd").is_err());
    }
}
