//! Signed requests (RFC 8555, 6.2), as strictly as an authority should read them.

use data_encoding::BASE64URL_NOPAD;
use privet_crypto::{ForeignKey, hmac_sha256, sha256};
use privet_demo::Recording;
use serde_json::{Value, json};

/// Why a request is turned away.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) detail: String,
    /// Further header lines.
    pub(super) headers: String,
}

/// A signed request.
pub(super) struct Jws {
    /// The key itself, of who has no account yet; the signature is of it.
    pub(super) jwk: Option<Value>,
    /// The address of the account; the signature has yet to be looked at.
    pub(super) kid: Option<String>,
    pub(super) nonce: String,
    /// Null where nothing is said.
    pub(super) payload: Value,
    signed: String,
    signature: Vec<u8>,
}

impl Refusal {
    pub(super) fn new(status: u16, kind: &'static str, detail: &str) -> Self {
        Self {
            status,
            kind,
            detail: detail.to_owned(),
            headers: String::new(),
        }
    }

    pub(super) fn malformed(detail: &str) -> Self {
        Self::new(400, "malformed", detail)
    }
}

fn decoded(text: &Value) -> Result<Vec<u8>, Refusal> {
    let bytes = text.as_str().map(|text| BASE64URL_NOPAD.decode(text.as_bytes()));
    match bytes {
        Some(Ok(bytes)) => Ok(bytes),
        _ => Err(Refusal::malformed("that is no base64url")),
    }
}

fn parsed(bytes: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(bytes).map_err(|_| Refusal::malformed("that is no JSON"))
}

impl Jws {
    /// The request that was sent to `url`.
    pub(super) fn read(request: &Recording, url: &str) -> Result<Self, Refusal> {
        let header = |name: &str| {
            let found = request.headers.iter().find(|(known, _)| known == name);
            found.map_or("", |(_, value)| value.as_str())
        };
        if header("content-type") != "application/jose+json" {
            return Err(Refusal::new(415, "malformed", "that is no signed request"));
        }
        if !header("user-agent").starts_with("privet/") {
            return Err(Refusal::malformed("who asks does not say its name"));
        }
        let body = parsed(&request.body)?;
        let protected = parsed(&decoded(&body["protected"])?)?;
        if protected["alg"] != "ES256" || protected["url"] != url {
            return Err(Refusal::new(
                401,
                "unauthorized",
                "it is signed for another address, or otherwise",
            ));
        }
        let payload = decoded(&body["payload"])?;
        let jws = Self {
            jwk: protected.get("jwk").cloned(),
            kid: protected.get("kid").and_then(Value::as_str).map(str::to_owned),
            nonce: protected["nonce"].as_str().unwrap_or_default().to_owned(),
            payload: if payload.is_empty() {
                Value::Null
            } else {
                parsed(&payload)?
            },
            signed: format!("{}.{}", text(&body["protected"]), text(&body["payload"])),
            signature: decoded(&body["signature"])?,
        };
        match (&jws.jwk, &jws.kid) {
            (Some(key), None) => jws.verify(key)?,
            (None, Some(_)) => {}
            _ => return Err(Refusal::malformed("it has either a key, or an account")),
        }
        Ok(jws)
    }

    /// That it is signed by `key`.
    pub(super) fn verify(&self, key: &Value) -> Result<(), Refusal> {
        let number = |name: &str| decoded(&key[name]).ok().and_then(|bytes| bytes.try_into().ok());
        let both = number("x").zip(number("y"));
        let (x, y) = both
            .filter(|_| key["kty"] == "EC" && key["crv"] == "P-256")
            .ok_or_else(|| Refusal::new(400, "badPublicKey", "that is no key on P-256"))?;
        let verified = ForeignKey::P256 { x, y }.verify_token(self.signed.as_bytes(), &self.signature);
        verified.map_err(|_| Refusal::new(401, "unauthorized", "the signature is not of that key"))
    }

    /// That nothing is said with it ("POST-as-GET").
    pub(super) fn asks_only(&self) -> Result<(), Refusal> {
        match self.payload {
            Value::Null => Ok(()),
            _ => Err(Refusal::malformed(
                "something is said where a question was expected",
            )),
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// RFC 7638, of a key on P-256.
pub(super) fn thumbprint(key: &Value) -> String {
    let (x, y) = (text(&key["x"]), text(&key["y"]));
    let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    BASE64URL_NOPAD.encode(&sha256(members.as_bytes()))
}

/// That who has `key` has the account elsewhere of this id and secret, too (RFC 8555, 7.3.4).
pub(super) fn check_external(
    shown: &Value,
    key: &Value,
    (id, secret): (&str, &[u8]),
    url: &str,
) -> Result<(), Refusal> {
    if shown.is_null() {
        return Err(Refusal::new(
            403,
            "externalAccountRequired",
            "an account elsewhere is needed",
        ));
    }
    let protected = parsed(&decoded(&shown["protected"])?)?;
    let is_meant = protected == json!({ "alg": "HS256", "kid": id, "url": url });
    let is_of_key = parsed(&decoded(&shown["payload"])?)? == *key;
    let signed = format!("{}.{}", text(&shown["protected"]), text(&shown["payload"]));
    let is_signed = decoded(&shown["signature"])? == hmac_sha256(secret, signed.as_bytes());
    if is_meant && is_of_key && is_signed {
        Ok(())
    } else {
        Err(Refusal::new(
            401,
            "unauthorized",
            "that is not the account elsewhere",
        ))
    }
}
