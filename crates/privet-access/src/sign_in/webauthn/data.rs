//! What a browser and its authenticator say, and what has to be true of it (Web Authentication Level 3, §6.1, §7.1 and §7.2).

use privet_crypto::{ForeignKey, sha256};
use serde::Deserialize;

use super::cbor::Value;

/// Longest name of an authenticator for a key (§4, credential ID).
const LONGEST_CREDENTIAL: usize = 1023;

/// COSE algorithms (RFC 9053, RFC 8812).
pub(super) const ED25519: i64 = -8;
pub(super) const P256: i64 = -7;
pub(super) const RSA: i64 = -257;

/// What the browser says of where and why a signature was made (§5.8.1).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClientData {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) challenge: String,
    pub(super) origin: String,
    #[serde(default)]
    pub(super) cross_origin: bool,
    pub(super) top_origin: Option<String>,
}

/// What the authenticator says (§6.1).
pub(super) struct AuthenticatorData<'a> {
    pub(super) site: &'a [u8; 32],
    /// Whether somebody touched it.
    pub(super) is_present: bool,
    /// Whether it made sure who that was.
    pub(super) is_verified: bool,
    pub(super) sign_count: u32,
    /// A key that it has made.
    pub(super) made: Option<Made<'a>>,
}

/// A key that an authenticator has made.
pub(super) struct Made<'a> {
    pub(super) credential: &'a [u8],
    /// In COSE form, as it came.
    pub(super) public_key: &'a [u8],
}

impl ClientData {
    /// `None` if it is not of `kind`, for `origin` itself.
    pub(super) fn read(json: &[u8], kind: &str, origin: &str) -> Option<Self> {
        let data: Self = serde_json::from_slice(json).ok()?;
        let fits =
            data.kind == kind && data.origin == origin && !data.cross_origin && data.top_origin.is_none();
        fits.then_some(data)
    }
}

impl<'a> AuthenticatorData<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (site, rest) = bytes.split_first_chunk::<32>()?;
        let ([flags], rest) = rest.split_first_chunk::<1>()?;
        let (count, mut rest) = rest.split_first_chunk::<4>()?;
        let has = |bit: u8| flags & (1 << bit) != 0;
        // §7.1 step 17: what is backed up can be.
        if has(4) && !has(3) {
            return None;
        }
        let mut made = None;
        if has(6) {
            let (_aaguid, after) = rest.split_first_chunk::<16>()?;
            let (length, after) = after.split_first_chunk::<2>()?;
            let length = usize::from(u16::from_be_bytes(*length));
            if length == 0 || length > LONGEST_CREDENTIAL {
                return None;
            }
            let (credential, after) = after.split_at_checked(length)?;
            let (_, left) = Value::read_first(after)?;
            let public_key = after.get(..after.len() - left.len())?;
            made = Some(Made {
                credential,
                public_key,
            });
            rest = left;
        }
        if has(7) {
            let (extensions, left) = Value::read_first(rest)?;
            if !matches!(extensions, Value::Map(_)) {
                return None;
            }
            rest = left;
        }
        rest.is_empty().then_some(Self {
            site,
            is_present: has(0),
            is_verified: has(2),
            sign_count: u32::from_be_bytes(*count),
            made,
        })
    }

    /// Whether it was made for the site `host` by somebody who is there.
    pub(super) fn is_for(&self, host: &str) -> bool {
        self.is_present && *self.site == sha256(host.as_bytes())
    }
}

/// The public key in COSE form (RFC 9052 §7, RFC 9053 §7, RFC 8230 §4), of one of the three algorithms that were asked for.
pub(super) fn public_key(cose: &[u8]) -> Option<ForeignKey> {
    let key = Value::read(cose)?;
    let number = |label: i64| key.at_int(label).and_then(Value::as_int);
    let bytes = |label: i64| key.at_int(label).and_then(Value::as_bytes);
    let coordinate = |label: i64| -> Option<[u8; 32]> { bytes(label)?.try_into().ok() };
    Some(match (number(1)?, number(3)?) {
        (2, P256) if number(-1)? == 1 => ForeignKey::P256 {
            x: coordinate(-2)?,
            y: coordinate(-3)?,
        },
        (1, ED25519) if number(-1)? == 6 => ForeignKey::Ed25519(coordinate(-2)?),
        (3, RSA) => ForeignKey::Rsa {
            modulus: bytes(-1)?.to_vec(),
            exponent: bytes(-2)?.to_vec(),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(flags: u8, rest: &[u8]) -> Vec<u8> {
        let mut data = sha256(b"privet.example").to_vec();
        data.push(flags);
        data.extend([0, 0, 0, 7]);
        data.extend(rest);
        data
    }

    #[test]
    fn an_authenticators_words_are_read_to_the_last_byte() {
        let plain = data(0b101, &[]);
        let read = AuthenticatorData::read(&plain).unwrap();
        assert!(read.is_for("privet.example") && !read.is_for("evil.example"));
        assert!(read.is_verified && read.sign_count == 7 && read.made.is_none());
        assert!(
            !AuthenticatorData::read(&data(0b100, &[]))
                .unwrap()
                .is_for("privet.example")
        );
        let extended = data(0b1000_0001, &[0xa0]);
        assert!(AuthenticatorData::read(&extended).is_some());
        for bad in [
            data(0b1, &[0]),
            data(0b1_0001, &[]),
            data(0b1000_0001, &[0x80]),
            data(0b1000_0001, &[]),
            data(0b100_0001, &[0; 18]),
            data(0b100_0001, &[]),
            plain[..36].to_vec(),
        ] {
            assert!(AuthenticatorData::read(&bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_browsers_words_count_for_one_purpose_at_one_origin() {
        let words = |more: &str| {
            format!(r#"{{"type":"webauthn.get","challenge":"x","origin":"https://privet.example"{more}}}"#)
        };
        let read = |text: &str| {
            ClientData::read(text.as_bytes(), "webauthn.get", "https://privet.example").is_some()
        };
        assert!(read(&words("")) && read(&words(r#","crossOrigin":false,"new":[1]"#)));
        assert!(!read(&words(r#","crossOrigin":true"#)));
        assert!(!read(&words(r#","topOrigin":"https://evil.example""#)));
        assert!(!read(&words("").replace("webauthn.get", "webauthn.create")));
        assert!(!read(&words("").replace("privet.example", "privet.example.evil")));
        assert!(!read(&words("").replace("https", "http")));
    }

    #[test]
    fn a_key_is_of_the_kind_that_its_algorithm_asks_for() {
        let key = |kind: u8, alg: u8, curve: u8| {
            let mut cose = vec![0xa5, 0x01, kind, 0x03, alg, 0x20, curve, 0x21, 0x58, 32];
            cose.extend([1; 32]);
            cose.extend([0x22, 0x58, 32]);
            cose.extend([2; 32]);
            cose
        };
        // -7 is 0x26, -8 is 0x27.
        assert!(matches!(
            public_key(&key(2, 0x26, 1)),
            Some(ForeignKey::P256 { .. })
        ));
        assert!(matches!(
            public_key(&key(1, 0x27, 6)),
            Some(ForeignKey::Ed25519(_))
        ));
        for (kind, alg, curve) in [
            (2, 0x26, 2),
            (1, 0x26, 1),
            (2, 0x27, 6),
            (1, 0x27, 4),
            (4, 0x26, 1),
        ] {
            assert!(public_key(&key(kind, alg, curve)).is_none());
        }
    }
}
