//! TLS in front of a provider, with a certificate of its own authority.

use std::net::SocketAddr;
use std::sync::Arc;

use data_encoding::BASE64;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PublicKeyData as _};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Speaks TLS on 127.0.0.1 and hands on what it hears to another address. Dropped, it closes everything.
pub struct TlsFront {
    address: SocketAddr,
    ca_pem: String,
    pin: String,
    _tasks: JoinSet<()>,
}

impl TlsFront {
    /// In front of `target`, with a certificate for 127.0.0.1 that an authority made for this front alone has signed.
    pub async fn start(target: SocketAddr) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).expect("parameters of a certificate");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key"))
            .expect("a certificate of an authority");
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])
            .and_then(|params| params.signed_by(&key, &authority))
            .expect("a certificate");
        let config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("versions of TLS")
                .with_no_client_auth()
                .with_single_cert(
                    vec![certificate.der().clone()],
                    PrivateKeyDer::Pkcs8(key.serialize_der().into()),
                )
                .expect("key and certificate belong together");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                connections.spawn(async move {
                    // A client that does not trust the certificate hangs up; that is its test, not ours.
                    if let Ok(mut heard) = acceptor.accept(stream).await
                        && let Ok(mut said) = TcpStream::connect(target).await
                    {
                        let _ = tokio::io::copy_bidirectional(&mut heard, &mut said).await;
                    }
                });
            }
        });
        Self {
            address,
            ca_pem: pem(authority.der()),
            pin: BASE64.encode(&privet_crypto::sha256(&key.subject_public_key_info())),
            _tasks: tasks,
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// SHA-256 of the server's public key (`SubjectPublicKeyInfo`), base64.
    #[must_use]
    pub fn pin(&self) -> &str {
        &self.pin
    }

    /// The authority's certificate, PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }
}

/// A certificate as RFC 7468 writes it.
fn pem(der: &[u8]) -> String {
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in der.chunks(48) {
        out.push_str(&BASE64.encode(line));
        out.push('\n');
    }
    out + "-----END CERTIFICATE-----\n"
}
