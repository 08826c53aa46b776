//! The written form of an API key, and its keyed hash.

use data_encoding::BASE32_DNSSEC;
use privet_crypto::{HashKey, RootKey, random, sha256};
use privet_types::Secret;
use zeroize::Zeroizing;

use crate::TOKEN_PREFIX;

/// So that a key is recognised where it was left: by people, and by secret scanners.
pub const KEY_PREFIX: &str = "prvt_";

/// Whether `text` looks like a key or a token of Privet's.
#[must_use]
pub fn is_credential(text: &str) -> bool {
    text.starts_with(KEY_PREFIX) || text.starts_with(TOKEN_PREFIX)
}

const SECRET: usize = 32;

/// Tells a mistyped key from an unknown one without asking anybody: 1 in 2²⁴ slips through.
const CHECKSUM: usize = 3;

/// 256 random bits. Written `prvt_` and 56 of `0-9a-v` (RFC 4648 base32hex, lower case): the bits, then three bytes
/// of their SHA-256.
pub(crate) struct ApiKey(Zeroizing<[u8; SECRET]>);

impl ApiKey {
    pub(crate) fn generate() -> Result<Self, privet_crypto::Error> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// `None` if `text` was not written by [`to_text`](Self::to_text).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(KEY_PREFIX)?.as_bytes();
        let is_lower = !digits.iter().any(u8::is_ascii_uppercase);
        let mut bytes = Zeroizing::new([0; SECRET + CHECKSUM]);
        if !is_lower || BASE32_DNSSEC.decode_len(digits.len()) != Ok(bytes.len()) {
            return None;
        }
        BASE32_DNSSEC.decode_mut(digits, bytes.as_mut_slice()).ok()?;
        let (secret, checksum) = bytes.split_first_chunk::<SECRET>()?;
        sha256(secret)
            .starts_with(checksum)
            .then(|| Self(Zeroizing::new(*secret)))
    }

    pub(crate) fn to_text(&self) -> Secret<String> {
        let checksum = sha256(self.0.as_slice());
        let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(
            self.0
                .iter()
                .chain(checksum.iter().take(CHECKSUM))
                .copied()
                .collect(),
        );
        // Reserved whole, so that no shorter copy of the text is left behind.
        let mut text = String::with_capacity(KEY_PREFIX.len() + BASE32_DNSSEC.encode_len(bytes.len()));
        text.push_str(KEY_PREFIX);
        BASE32_DNSSEC.encode_append(&bytes, &mut text);
        Secret::new(text)
    }

    /// What the store holds instead of the key. Keyed, so that a stolen store is of no use to try keys on.
    pub(crate) fn hash(&self, key: &HashKey) -> [u8; 32] {
        key.hash(&[self.0.as_slice()])
    }
}

/// The key of [`ApiKey::hash`].
pub(crate) fn hash_key(root: &RootKey) -> HashKey {
    root.hash_key("privet/access/api-key", b"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_fixed_length_and_survives_being_written_and_read() {
        let key = ApiKey::generate().unwrap();
        let text = key.to_text();
        assert_eq!(text.expose().len(), 61);
        assert_eq!(ApiKey::parse(text.expose()).unwrap().0, key.0);
    }

    #[test]
    fn every_single_mistyped_character_is_noticed() {
        let text = ApiKey(Zeroizing::new([7; SECRET])).to_text().expose().clone();
        let noticed = (0..text.len()).filter(|&i| {
            let other = if text.as_bytes()[i] == b'0' { "1" } else { "0" };
            let mut bad = text.clone();
            bad.replace_range(i..=i, other);
            ApiKey::parse(&bad).is_none()
        });
        assert_eq!(noticed.count(), text.len());
    }

    #[test]
    fn only_the_one_written_form_is_a_key() {
        let text = ApiKey(Zeroizing::new([7; SECRET])).to_text().expose().clone();
        let digits = text.strip_prefix(KEY_PREFIX).unwrap();
        for bad in [
            text.to_uppercase(),
            format!("prvt_{}", digits.to_uppercase()),
            text.strip_suffix(|_| true).unwrap().to_owned(),
            format!("{text}0"),
            format!("{text} "),
            digits.to_owned(),
            "prvt_".to_owned(),
            format!("prvt_{}", "é".repeat(28)),
        ] {
            assert!(ApiKey::parse(&bad).is_none(), "{bad}");
        }
    }
}
