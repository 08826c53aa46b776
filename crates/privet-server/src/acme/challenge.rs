//! What the authority is answered when it looks whether a name is ours. It may come to any node, so the store is asked.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use privet_store::AcmeChallenge;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::ClientHello;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};

use super::Acme;
use crate::named::Named;

/// The protocol of RFC 8737.
const PROTOCOL: &[u8] = b"acme-tls/1";
/// Where tokens stand (RFC 8555, 8.3).
const PLACE: &str = "/.well-known/acme-challenge/{token}";
/// Longest token that is looked up. RFC 8555 wants 128 random bits or more; base64url.
const LONGEST_TOKEN: usize = 256;

/// Whether somebody wants nothing but to look whether a name is ours.
pub(crate) fn is_challenge(hello: &ClientHello<'_>) -> bool {
    let mut protocols = hello.alpn().into_iter().flatten();
    protocols.next() == Some(PROTOCOL) && protocols.next().is_none()
}

/// Tokens, and nothing else.
pub(crate) fn router(acme: Arc<Acme>) -> Router {
    Router::new()
        .route(PLACE, get(show))
        .with_state(acme)
        .fallback(|| async {
            (
                StatusCode::NOT_FOUND,
                "there is nothing here but answers to an authority\n",
            )
        })
}

async fn show(State(acme): State<Arc<Acme>>, Named(token): Named) -> Response<Body> {
    match acme.answer(AcmeChallenge::Http01, &token).await {
        Some(answer) => {
            let mut response = Response::new(Body::from(answer));
            let bytes = HeaderValue::from_static("application/octet-stream");
            response.headers_mut().insert(CONTENT_TYPE, bytes);
            response
        }
        None => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    }
}

/// Whether `token` can be one: such text goes into addresses and into the store.
pub(super) fn is_token(token: &str) -> bool {
    (1..=LONGEST_TOKEN).contains(&token.len())
        && token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// What a handshake about `name` is answered with, if the authority was told that it may come.
pub(crate) async fn handshake(acme: &Acme, name: &str) -> Option<Arc<ServerConfig>> {
    let name = name.to_ascii_lowercase();
    if !acme.settings.domains.contains(&name) {
        return None;
    }
    let digest = acme.answer(AcmeChallenge::TlsAlpn01, &name).await?;
    config(name, &digest)
        .inspect_err(
            |error| tracing::error!(%error, "what the authority of certificates asks for cannot be answered"),
        )
        .ok()
}

/// With a certificate of its own that holds `digest` (RFC 8737, 3).
fn config(name: String, digest: &[u8]) -> Result<Arc<ServerConfig>, Box<dyn std::error::Error>> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![name])?;
    // It has to be this long, and rcgen ends the process otherwise.
    let digest: &[u8; 32] = digest.try_into()?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = provider
        .key_provider
        .load_private_key(PrivateKeyDer::Pkcs8(key.serialize_der().into()))?;
    // Where rustls itself holds a key against its certificate, it refuses the extension, which has to be critical.
    let shown = CertifiedKey::new(vec![certificate.der().clone()], key);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_of_another_length_is_refused_and_one_of_32_bytes_is_shown() {
        let shown = config("gateway.example".to_owned(), &[7; 32]).unwrap();
        assert_eq!(shown.alpn_protocols, [PROTOCOL]);
        assert!(config("gateway.example".to_owned(), &[7; 31]).is_err());
    }
}
