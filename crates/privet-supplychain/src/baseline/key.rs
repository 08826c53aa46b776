//! The key of a scan, and fingerprints under it.

use std::fmt;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use privet_crypto::{HashKey, RootKey};
use privet_types::Secret;
use zeroize::Zeroizing;

use super::BaselineError;
use crate::Category;

/// Bytes of a fingerprint, 128 bits: two values of one scan share one by chance with a probability below 2⁻⁸⁰ at 2²⁴ findings.
const FINGERPRINT_BYTES: usize = 16;

/// Bytes of the id of a key: enough to tell keys apart, too few to be mistaken for one.
const ID_BYTES: usize = 8;

/// The key under which a scan makes fingerprints: 256 bits. Who has it can try values against a fingerprint, so it is a secret;
/// who has only fingerprints cannot. Wiped when dropped, never printed.
pub struct ScanKey {
    bytes: Secret<[u8; 32]>,
    fingerprints: HashKey,
    cache: HashKey,
    id: String,
}

impl ScanKey {
    /// The key of these bytes.
    ///
    /// # Errors
    /// [`BaselineError::BadKey`] if all bytes are the same, which is no key that anybody drew.
    pub fn new(bytes: Secret<[u8; 32]>) -> Result<Self, BaselineError> {
        let first = bytes.expose().first();
        if bytes.expose().iter().all(|byte| Some(byte) == first) {
            return Err(BaselineError::BadKey);
        }
        // The root key is the door to keys for distinct purposes (HKDF-SHA256); it takes its written form.
        let text = Zeroizing::new(format!(
            "privet-root-1:{}",
            Zeroizing::new(HEXLOWER.encode(bytes.expose())).as_str()
        ));
        let root = RootKey::parse(&text).map_err(|_| BaselineError::BadKey)?;
        let id = root.hash_key("privet/scan/key-id/1", b"").hash(&[]);
        Ok(Self {
            fingerprints: root.hash_key("privet/scan/fingerprint/1", b""),
            cache: root.hash_key("privet/scan/cache/1", b""),
            id: HEXLOWER.encode(id.first_chunk::<ID_BYTES>().unwrap_or(&[0; ID_BYTES])),
            bytes,
        })
    }

    /// A new random key.
    ///
    /// # Errors
    /// [`privet_crypto::Error::Library`] if the system gives no random bytes.
    pub fn generate() -> Result<Self, privet_crypto::Error> {
        let bytes = Secret::new(privet_crypto::random()?);
        Self::new(bytes).map_err(|_| privet_crypto::Error::Library)
    }

    /// The key that an installation has without drawing another one.
    ///
    /// # Errors
    /// Never in practice: [`BaselineError::BadKey`] if 32 derived bytes were all the same.
    pub fn from_root(root: &RootKey) -> Result<Self, BaselineError> {
        Self::new(Secret::new(root.hash_key("privet/scan/key/1", b"").hash(&[])))
    }

    /// Reads 64 hexadecimal digits, or 32 bytes in base64 of either alphabet, padded or not; white space around is ignored.
    ///
    /// # Errors
    /// [`BaselineError::BadKey`] for anything else; the text is not repeated.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        let text = text.trim().as_bytes();
        let encoding = match (text.len(), text.contains(&b'-') || text.contains(&b'_')) {
            (64, _) => HEXLOWER_PERMISSIVE,
            (44, false) => BASE64,
            (44, true) => BASE64URL,
            (43, false) => BASE64_NOPAD,
            (43, true) => BASE64URL_NOPAD,
            _ => return Err(BaselineError::BadKey),
        };
        let bytes = Zeroizing::new(encoding.decode(text).map_err(|_| BaselineError::BadKey)?);
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| BaselineError::BadKey)?;
        Self::new(Secret::new(bytes))
    }

    /// The written form, 64 hexadecimal digits, for the file or variable in which it is kept.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(HEXLOWER.encode(self.bytes.expose()))
    }

    /// What tells this key from others and gives nothing of it away: 16 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key of the content-hash cache.
    pub(crate) const fn cache_key(&self) -> &HashKey {
        &self.cache
    }
}

impl fmt::Debug for ScanKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScanKey({})", self.id)
    }
}

/// What stands for `value` in reports, baselines and caches: 128 bits of HMAC-SHA-256 under `key`, as 32 hexadecimal digits.
///
/// `value` is hashed where it lies and not copied; bring it into its normal form first (no quotes, no white space around), so that
/// the same credential has the same fingerprint wherever it stands.
#[must_use]
pub fn fingerprint(key: &ScanKey, rule: &str, category: Category, value: &[u8]) -> String {
    let hash = key
        .fingerprints
        .hash(&[rule.as_bytes(), category.name().as_bytes(), value]);
    HEXLOWER.encode(
        hash.first_chunk::<FINGERPRINT_BYTES>()
            .unwrap_or(&[0; FINGERPRINT_BYTES]),
    )
}
