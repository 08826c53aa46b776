//! Fetches a package's file from an index.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue, LOCATION, USER_AGENT};
use http::{Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use indicatif::{ProgressBar, ProgressStyle};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::index;
use super::package::Package;

/// How long a connection may take, and how long nothing may come.
const CONNECT: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_secs(60);
/// Most redirects that are followed.
const REDIRECTS: usize = 5;
/// Largest page of an index.
const PAGE_BYTES: usize = 16 << 20;

/// Where packages come from.
#[derive(Debug)]
pub(crate) struct Source {
    /// The index, without name and password.
    index: String,
    login: Option<Login>,
    ca_file: Option<PathBuf>,
}

/// Name and password for one host.
#[derive(Debug)]
struct Login {
    /// Scheme and host, as an address begins.
    origin: String,
    header: HeaderValue,
}

impl Source {
    /// `index`: its address, which may hold a name and a password as pip takes them. `ca_file`: certificates to trust
    /// instead of the Mozilla root programme's.
    ///
    /// # Errors
    /// If `index` is not an address of the web.
    pub(crate) fn new(index: &str, ca_file: Option<PathBuf>) -> Result<Self> {
        let Some((scheme @ ("https" | "http"), rest)) = index.split_once("://") else {
            bail!("the index is not an address of the web; use one such as `https://pypi.org/simple`");
        };
        let host = rest.split('/').next().unwrap_or_default();
        let Some((login, host)) = host.rsplit_once('@') else {
            return Ok(Self {
                index: index.to_owned(),
                login: None,
                ca_file,
            });
        };
        let path = rest.split_once('/').map_or("", |(_, path)| path);
        let encoded = data_encoding::BASE64.encode(&percent_decoded(login));
        let mut header = HeaderValue::from_str(&format!("Basic {encoded}"))?;
        header.set_sensitive(true);
        Ok(Self {
            index: format!("{scheme}://{host}/{path}"),
            login: Some(Login {
                origin: format!("{scheme}://{host}/"),
                header,
            }),
            ca_file,
        })
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

type HttpClient = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// The bytes of `package`'s file, as they came: they are still to be checked.
///
/// # Errors
/// If the index cannot be reached or does not have it.
pub(crate) fn fetch(package: &Package, source: &Source) -> Result<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let help = || {
        format!(
            "cannot download {} {} from `{}`; behind a proxy or offline, fetch it with `pip download --no-deps \
             {}=={}` and add it with `--from {}`",
            package.project,
            package.version,
            source.index,
            package.project,
            package.version,
            package.wheel.name
        )
    };
    runtime.block_on(download(package, source)).with_context(help)
}

async fn download(package: &Package, source: &Source) -> Result<Vec<u8>> {
    let client = client(source)?;
    let login = source.login.as_ref();
    let page_address = format!("{}/{}/", source.index.trim_end_matches('/'), package.project);
    let bar = ProgressBar::hidden();
    let (page, address) = get(&client, login, &page_address, PAGE_BYTES, &bar).await?;
    let page = String::from_utf8(page).context("the index's page is not UTF-8")?;
    let file = index::find(&page, &address, package.wheel.name)?;
    let bar = progress(package.wheel.bytes);
    let (wheel, _) = get(&client, login, &file, package.wheel.bytes, &bar).await?;
    bar.finish_and_clear();
    Ok(wheel)
}

fn progress(bytes: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(bytes as u64);
    let style = ProgressStyle::with_template(
        "{bar:30} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left",
    );
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

fn client(source: &Source) -> Result<HttpClient> {
    let mut http = HttpConnector::new();
    http.set_connect_timeout(Some(CONNECT));
    http.enforce_http(false);
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = match &source.ca_file {
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
    // The hash protects what is downloaded; who reads along learns which network it is.
    let connector = builder.https_or_http().enable_http1().wrap_connector(http);
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

/// What lies at `address`, at most `most` bytes, and where it lay in the end.
async fn get(
    client: &HttpClient,
    login: Option<&Login>,
    address: &str,
    most: usize,
    bar: &ProgressBar,
) -> Result<(Vec<u8>, String)> {
    let mut address = address.to_owned();
    for _ in 0..=REDIRECTS {
        let uri: Uri = address
            .parse()
            .with_context(|| format!("`{address}` is not an address"))?;
        if !matches!(uri.scheme_str(), Some("https" | "http")) {
            bail!("`{address}` is not an address of the web");
        }
        let mut request = Request::get(uri)
            .header(USER_AGENT, concat!("privet/", env!("CARGO_PKG_VERSION")))
            .header(
                ACCEPT,
                "application/vnd.pypi.simple.v1+json, text/html;q=0.2, */*;q=0.1",
            )
            .body(Empty::new())?;
        if let Some(login) = login.filter(|login| address.starts_with(&login.origin)) {
            request.headers_mut().insert(AUTHORIZATION, login.header.clone());
        }
        let answer = tokio::time::timeout(SILENCE, client.request(request)).await;
        let answer = answer
            .with_context(|| format!("`{address}` does not answer"))?
            .with_context(|| format!("`{address}` cannot be reached"))?;
        if answer.status().is_redirection() {
            let link = answer.headers().get(LOCATION).and_then(|v| v.to_str().ok());
            let link = link.with_context(|| format!("`{address}` leads nowhere"))?;
            let next = index::join(&address, link)?;
            if address.starts_with("https:") && !next.starts_with("https:") {
                bail!("`{address}` leads to `{next}`, which is not protected");
            }
            address = next;
            continue;
        }
        if !answer.status().is_success() {
            bail!("`{address}` answers {}", answer.status());
        }
        let mut body = answer.into_body();
        let mut bytes = Vec::new();
        while let Some(frame) = tokio::time::timeout(SILENCE, body.frame())
            .await
            .with_context(|| format!("`{address}` fell silent"))?
        {
            let frame = frame.with_context(|| format!("`{address}` broke off"))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > most {
                bail!("`{address}` is larger than {most} bytes");
            }
            bytes.extend_from_slice(&data);
            bar.inc(data.len() as u64);
        }
        return Ok((bytes, address));
    }
    bail!("`{address}` leads on and on")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_taken_out_of_the_address_and_kept_for_its_host() {
        let source = Source::new("https://ann:p%40ss@pypi.example.com/simple", None).unwrap();
        assert_eq!(source.index, "https://pypi.example.com/simple");
        let login = source.login.as_ref().unwrap();
        assert_eq!(login.origin, "https://pypi.example.com/");
        // ann:p@ss
        assert_eq!(login.header, "Basic YW5uOnBAc3M=");
        assert!(!format!("{source:?}").contains("YW5u"), "{source:?}");
        assert!(
            Source::new("https://pypi.org/simple", None)
                .unwrap()
                .login
                .is_none()
        );
        assert!(Source::new("file:///simple", None).is_err());
    }
}
