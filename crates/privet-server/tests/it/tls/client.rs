//! A client that speaks TLS, and HTTP/1.1 or HTTP/2 over it.

use std::io::{Error, Result};
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use privet_testkit::{Authority, Identity, PATIENCE, Reply};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

pub(crate) const H1: &[u8] = b"http/1.1";
pub(crate) const H2: &[u8] = b"h2";

/// What is to be connected, and how.
pub(crate) struct Client {
    roots: RootCertStore,
    name: String,
    alpn: Vec<Vec<u8>>,
    versions: Vec<&'static SupportedProtocolVersion>,
    identity: Option<Identity>,
    /// The window of each stream, with HTTP/2.
    window: u32,
}

/// A connection. Dropped, it is closed.
pub(crate) struct Connection {
    sender: Sender,
    protocol: Option<Vec<u8>>,
    shown: CertificateDer<'static>,
    driver: JoinHandle<()>,
}

enum Sender {
    H1(http1::SendRequest<Full<Bytes>>),
    H2(http2::SendRequest<Full<Bytes>>),
}

impl Client {
    pub(crate) fn trusting(authority: &Authority) -> Self {
        Self::trusting_in(authority.certificate())
    }

    pub(crate) fn trusting_in(authority: &CertificateDer<'static>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone()).unwrap();
        Self {
            roots,
            name: "127.0.0.1".to_owned(),
            alpn: vec![H2.to_vec(), H1.to_vec()],
            versions: vec![&rustls::version::TLS13, &rustls::version::TLS12],
            identity: None,
            window: 1 << 20,
        }
    }

    pub(crate) fn version(mut self, version: &'static SupportedProtocolVersion) -> Self {
        self.versions = vec![version];
        self
    }

    /// Offers this protocol alone; with none, no protocol is named.
    pub(crate) fn speaking(mut self, protocol: &[u8]) -> Self {
        self.alpn = vec![protocol.to_vec()];
        self.alpn.retain(|name| !name.is_empty());
        self
    }

    pub(crate) fn asking_for(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    pub(crate) fn showing(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    pub(crate) fn window(mut self, bytes: u32) -> Self {
        self.window = bytes;
        self
    }

    pub(crate) async fn connect(self, address: SocketAddr) -> Result<Connection> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_root_certificates(self.roots);
        let mut config = match self.identity {
            None => config.with_no_client_auth(),
            Some(identity) => config
                .with_client_auth_cert(vec![identity.certificate().clone()], identity.key())
                .unwrap(),
        };
        config.alpn_protocols = self.alpn;
        let socket = TcpStream::connect(address).await?;
        let name = ServerName::try_from(self.name).unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await?;
        let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let shown = shown.expect("a certificate").clone().into_owned();
        let stream = TokioIo::new(stream);
        if protocol.as_deref() == Some(H2) {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder
                .initial_stream_window_size(self.window)
                .initial_connection_window_size(1 << 20);
            let (sender, driver) = builder.handshake(stream).await.map_err(Error::other)?;
            let driver = tokio::spawn(async { _ = driver.await });
            return Ok(Connection {
                sender: Sender::H2(sender),
                protocol,
                shown,
                driver,
            });
        }
        let (sender, driver) = http1::handshake(stream).await.map_err(Error::other)?;
        let driver = tokio::spawn(async { _ = driver.await });
        Ok(Connection {
            sender: Sender::H1(sender),
            protocol,
            shown,
            driver,
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        self.protocol.as_deref()
    }

    /// The certificate that was shown.
    pub(crate) fn shown(&self) -> &[u8] {
        &self.shown
    }

    pub(crate) fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::H1(sender) => sender.is_closed(),
            Sender::H2(sender) => sender.is_closed(),
        }
    }

    /// Sends and waits for the head of the reply.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        let send = async {
            match &mut self.sender {
                Sender::H1(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
                Sender::H2(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
            }
        };
        tokio::time::timeout(PATIENCE, send)
            .await
            .expect("an answer in time")
    }

    /// Sends with HTTP/2 beside what else is under way, and lets the reply be.
    pub(crate) fn begin(&self, request: Request<Full<Bytes>>) -> JoinHandle<()> {
        let Sender::H2(sender) = &self.sender else {
            panic!("only HTTP/2 has room for several requests");
        };
        let mut sender = sender.clone();
        tokio::spawn(async move { _ = sender.send_request(request).await })
    }

    /// The reply, with HTTP/2 and beside what else is under way.
    pub(crate) fn ask_beside(
        &self,
        request: Request<Full<Bytes>>,
    ) -> impl Future<Output = Reply> + Send + use<> {
        let Sender::H2(sender) = &self.sender else {
            panic!("only HTTP/2 has room for several requests");
        };
        let mut sender = sender.clone();
        async move {
            let asked = async {
                let response = sender.send_request(request).await.expect("an answer");
                Self::read(response).await
            };
            tokio::time::timeout(PATIENCE, asked)
                .await
                .expect("an answer in time")
        }
    }

    /// The reply, or none if the connection ended first.
    pub(crate) async fn try_ask(&mut self, request: Request<Full<Bytes>>) -> Option<Reply> {
        let response = self.send(request).await.ok()?;
        Some(Self::read(response).await)
    }

    async fn read(response: Response<Incoming>) -> Reply {
        let (parts, body) = response.into_parts();
        let body = tokio::time::timeout(PATIENCE, body.collect())
            .await
            .expect("a body in time");
        let text = |value: &hyper::header::HeaderValue| value.to_str().unwrap().to_owned();
        let is_whole = body.is_ok();
        Reply {
            status: parts.status.as_u16(),
            headers: parts
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body: body.map(|body| body.to_bytes().to_vec()).unwrap_or_default(),
            is_whole,
        }
    }

    pub(crate) async fn ask(&mut self, request: Request<Full<Bytes>>) -> Reply {
        self.try_ask(request).await.expect("an answer")
    }

    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.ask(self.request("GET", path).body(Full::default()).unwrap())
            .await
    }

    pub(crate) async fn post(&mut self, path: &str, key: &str, body: &str) -> Reply {
        let request = self.prompt(path).header("authorization", format!("Bearer {key}"));
        self.ask(request.body(Full::from(body.to_owned())).unwrap()).await
    }

    /// A prompt without a key.
    pub(crate) fn prompt(&self, path: &str) -> http::request::Builder {
        self.request("POST", path)
            .header("content-type", "application/json")
    }

    fn request(&self, method: &str, path: &str) -> http::request::Builder {
        match &self.sender {
            Sender::H1(_) => Request::builder()
                .method(method)
                .uri(path)
                .header("host", "127.0.0.1"),
            Sender::H2(_) => Request::builder()
                .method(method)
                .uri(format!("https://127.0.0.1{path}")),
        }
    }
}
