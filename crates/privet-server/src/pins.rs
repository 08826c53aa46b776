//! Certificates that must hold a key that the settings name.

use std::sync::Arc;

use privet_crypto::sha256;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Verifies as usual, and then that the server's own certificate has one of the pinned public keys. Those above it in the
/// chain do not count: which of the presented ones led to the root is not known here.
#[derive(Debug)]
pub(crate) struct PinnedVerifier {
    usual: Arc<WebPkiServerVerifier>,
    pins: Vec<[u8; 32]>,
}

impl PinnedVerifier {
    /// `pins`: SHA-256 of `SubjectPublicKeyInfo`s. `None` if the roots are none.
    pub(crate) fn new(
        roots: RootCertStore,
        provider: Arc<CryptoProvider>,
        pins: &[[u8; 32]],
    ) -> Option<Self> {
        let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        Some(Self {
            usual: usual.build().ok()?,
            pins: pins.to_vec(),
        })
    }
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self
            .usual
            .verify_server_cert(certificate, intermediates, name, ocsp, now)?;
        let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
        if self.pins.contains(&sha256(&key)) {
            return Ok(verified);
        }
        tracing::warn!("a provider's certificate has none of the pinned public keys");
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}
