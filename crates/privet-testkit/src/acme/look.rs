//! Looking whether a name leads to who asks for a certificate.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::version::TLS13;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::wire::{Framing, Reader, soon};

/// id-pe-acmeIdentifier (RFC 8737, 3).
const ACME_IDENTIFIER: &str = "1.3.6.1.5.5.7.1.31";
const PROTOCOL: &[u8] = b"acme-tls/1";

/// `http-01` (RFC 8555, 8.3): whether `at` answers with just `answer`.
pub(super) async fn plainly(at: SocketAddr, domain: &str, token: &str, answer: &str) -> Result<(), String> {
    let asked = async {
        let mut stream = TcpStream::connect(at).await?;
        let ask = format!(
            "GET /.well-known/acme-challenge/{token} HTTP/1.1\r\nhost: {domain}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(ask.as_bytes()).await?;
        let (read, _write) = stream.into_split();
        let mut reader = Reader::new(read);
        let head = reader.head().await?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let (body, _) = reader.rest(&mut head.framing(Framing::UntilClose)).await;
        Ok::<_, std::io::Error>((head.start, body))
    };
    let (start, body) = soon("an answer", asked)
        .await
        .map_err(|error| error.to_string())?;
    if start != "HTTP/1.1 200 OK" {
        return Err(format!("it answered `{start}`"));
    }
    match body == answer.as_bytes() {
        true => Ok(()),
        false => Err("it answered something else".to_owned()),
    }
}

/// `tls-alpn-01` (RFC 8737): whether a handshake with `at` shows a certificate that is for `domain` alone, and holds the hash of
/// `answer`.
pub(super) async fn by_tls(at: SocketAddr, domain: &str, answer: &str) -> Result<(), String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13])
        .expect("a version of TLS")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    let name = ServerName::try_from(domain.to_owned()).expect("a name");
    let shaken = async {
        let socket = TcpStream::connect(at).await?;
        TlsConnector::from(Arc::new(config)).connect(name, socket).await
    };
    let stream = soon("a handshake", shaken)
        .await
        .map_err(|error| error.to_string())?;
    let (_, session) = stream.get_ref();
    if session.alpn_protocol() != Some(PROTOCOL) {
        return Err("it does not speak `acme-tls/1`".to_owned());
    }
    let shown = session.peer_certificates().and_then(<[_]>::first);
    check(shown.expect("a certificate"), domain, answer)
}

fn check(shown: &CertificateDer<'_>, domain: &str, answer: &str) -> Result<(), String> {
    let (rest, certificate) = X509Certificate::from_der(shown).map_err(|error| error.to_string())?;
    if !rest.is_empty() {
        return Err("something stands behind the certificate".to_owned());
    }
    let names = certificate.subject_alternative_name().ok().flatten();
    let is_alone = names.is_some_and(|names| names.value.general_names == [GeneralName::DNSName(domain)]);
    if !is_alone {
        return Err("the certificate is not for that name alone".to_owned());
    }
    let mut extensions = certificate.extensions().iter();
    let held = extensions.find(|extension| extension.oid.to_id_string() == ACME_IDENTIFIER);
    let held = held.filter(|held| held.critical);
    let held = held.ok_or("the certificate has no critical acmeIdentifier")?;
    // An octet string of 32 bytes.
    let mut expected = vec![4, 32];
    expected.extend(privet_crypto::sha256(answer.as_bytes()));
    match held.value == expected {
        true => Ok(()),
        false => Err("the certificate holds another answer".to_owned()),
    }
}

/// Trusts any certificate whose key has signed the handshake: what it holds is looked at afterwards.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 was asked for".to_owned()))
    }

    /// By the key alone: whoever reads the certificate as one of the web's refuses its critical extension.
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let (_, certificate) = X509Certificate::from_der(certificate)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let key = SubjectPublicKeyInfoDer::from(certificate.public_key().raw);
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &key, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
