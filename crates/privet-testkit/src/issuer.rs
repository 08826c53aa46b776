//! Somebody who issues tokens, with keys that can change, and who can misbehave.

use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::BASE64URL_NOPAD;
use privet_crypto::SigningKey;
use privet_demo::Recording;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize, SigningKey as _};
use serde_json::{Value, json};

use crate::raw_provider::{Answer, RawProvider, json_reply};

/// A key that signs tokens.
pub enum TokenKey {
    /// For EdDSA.
    Ed25519(SigningKey),
    /// For ES256.
    P256(KeyPair),
    /// For RS256, with 2048 bits.
    Rsa(KeyPair),
}

/// What is answered, by path.
type Answers = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// An issuer on 127.0.0.1. Its keys are at `/keys`. Dropped, it is gone.
pub struct TestIssuer {
    provider: RawProvider,
    answers: Answers,
}

impl TokenKey {
    /// One for EdDSA.
    #[must_use]
    pub fn ed25519() -> Self {
        Self::Ed25519(SigningKey::generate().expect("random bytes"))
    }

    /// One for ES256.
    #[must_use]
    pub fn p256() -> Self {
        Self::P256(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key"))
    }

    /// One for RS256.
    #[must_use]
    pub fn rsa() -> Self {
        Self::Rsa(KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key"))
    }

    /// The name of its algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "EdDSA",
            Self::P256(_) => "ES256",
            Self::Rsa(_) => "RS256",
        }
    }

    /// Its public half, as its issuer shows it under the name `kid`.
    #[must_use]
    pub fn jwk(&self, kid: &str) -> Value {
        let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let mut jwk = match self {
            Self::Ed25519(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(key.verifying_key().as_bytes()) })
            }
            Self::P256(key) => {
                let (x, y) = key.public_key_raw().get(1..).expect("a point").split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })
            }
            Self::Rsa(key) => {
                // RFC 8017, A.1.1: a sequence of two integers, of 256 bytes behind a zero and of three.
                let public = key.public_key_raw();
                let (n, e) = (public.get(9..265), public.get(267..));
                json!({ "kty": "RSA", "n": encode(n.expect("a modulus")), "e": encode(e.expect("an exponent")) })
            }
        };
        let more = json!({ "kid": kid, "use": "sig", "alg": self.algorithm() });
        if let (Some(jwk), Value::Object(more)) = (jwk.as_object_mut(), more) {
            jwk.extend(more);
        }
        jwk
    }

    /// A token of `claims`, whose header names its algorithm, `kid` and the type of access tokens.
    #[must_use]
    pub fn token(&self, kid: &str, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm(), "kid": kid, "typ": "at+jwt" });
        self.sign(&header.to_string(), &claims.to_string())
    }

    /// A token of just this header and these claims.
    #[must_use]
    pub fn sign(&self, header: &str, claims: &str) -> String {
        let signed = unsigned(header, claims);
        let signature = match self {
            Self::Ed25519(key) => key.sign(signed.as_bytes()).to_vec(),
            Self::P256(key) => side_by_side(&key.sign(signed.as_bytes()).expect("a signature")),
            Self::Rsa(key) => key.sign(signed.as_bytes()).expect("a signature"),
        };
        format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
    }
}

/// What of a token is signed.
#[must_use]
pub fn unsigned(header: &str, claims: &str) -> String {
    let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    format!("{}.{}", encode(header), encode(claims))
}

/// A signature in ASN.1 as tokens have it: a sequence of two integers, each of 32 bytes, or with a zero before them, or shorter.
fn side_by_side(asn1: &[u8]) -> Vec<u8> {
    let mut rest = asn1.get(2..).expect("a sequence");
    let mut both = Vec::with_capacity(64);
    for _ in 0..2 {
        let length = usize::from(*rest.get(1).expect("a length"));
        let (number, more) = rest.get(2..).expect("an integer").split_at(length);
        let digits = number.get(length.saturating_sub(32)..).expect("its last bytes");
        both.extend(vec![0; 32 - digits.len()]);
        both.extend_from_slice(digits);
        rest = more;
    }
    both
}

impl TestIssuer {
    /// One that has no keys yet.
    pub async fn start() -> Self {
        let answers = Answers::default();
        let for_script = Arc::clone(&answers);
        let provider = RawProvider::start(move |request: &Recording| {
            let answers = for_script.lock().unwrap_or_else(PoisonError::into_inner);
            let found = answers.iter().find(|(path, _)| *path == request.path);
            Answer::Bytes(found.map_or_else(
                || json_reply("404 Not Found", "", "{}"),
                |(_, bytes)| bytes.clone(),
            ))
        });
        Self {
            provider: provider.await,
            answers,
        }
    }

    /// Its name, which is its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.provider.address())
    }

    /// Answers requests to `path` with these bytes from now on, head and all.
    pub fn answer(&self, path: &str, bytes: Vec<u8>) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.retain(|(known, _)| known != path);
        answers.push((path.to_owned(), bytes));
    }

    /// Shows these keys from now on.
    pub fn show(&self, keys: &[Value]) {
        let body = json!({ "keys": keys }).to_string();
        self.answer("/keys", json_reply("200 OK", "", &body));
    }

    /// How often its keys were asked for.
    #[must_use]
    pub fn fetches(&self) -> usize {
        let requests = self.provider.requests();
        requests.iter().filter(|request| request.path == "/keys").count()
    }

    /// What it was sent, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Recording> {
        self.provider.requests()
    }

    /// Its entry in the settings, for the audience `privet`, with these further lines.
    #[must_use]
    pub fn entry(&self, name: &str, more: &str) -> String {
        let url = self.url();
        format!(
            "[[access.issuers]]\nname = \"{name}\"\nissuer = \"{url}\"\naudiences = [\"privet\"]\njwks_url = \"{url}/keys\"\n{more}\n"
        )
    }
}
