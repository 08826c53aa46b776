//! The root key and what is derived from it.

use std::fmt;

use aws_lc_rs::{constant_time, digest, hkdf, hmac};
use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use crate::deterministic::DeterministicKey;
use crate::ff1::Ff1Key;
use crate::seal::SealingKey;
use crate::sign::SigningKey;
use crate::wrap::WrappingKey;
use crate::{DataKey, Error, random};

/// Written form: this prefix, then 64 lower-case hexadecimal digits.
const PREFIX: &str = "privet-root-1:";

/// The one secret of an installation, 256 bits; all other keys are derived from it. Wiped when dropped.
pub struct RootKey(Zeroizing<[u8; 32]>);

/// A key for keyed hashes (HMAC-SHA256, RFC 2104). Distinct purposes give independent keys.
#[derive(Clone)]
pub struct HashKey(pub(crate) hmac::Key);

impl RootKey {
    /// A new random root key.
    ///
    /// # Errors
    /// [`Error::Library`] if the system gives no random bytes.
    pub fn generate() -> Result<Self, Error> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// Reads the written form; white space around it is ignored.
    ///
    /// # Errors
    /// [`Error::BadRootKey`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let digits = text.trim().strip_prefix(PREFIX).ok_or(Error::BadRootKey)?;
        let bytes = Zeroizing::new(
            HEXLOWER
                .decode(digits.as_bytes())
                .map_err(|_| Error::BadRootKey)?,
        );
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| Error::BadRootKey)?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// The written form, for the key file.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", HEXLOWER.encode(self.0.as_slice())))
    }

    /// The keyed-hash key for `purpose` (a constant of the code) and `context` (tenant, node, epoch, …).
    #[must_use]
    pub fn hash_key(&self, purpose: &'static str, context: &[u8]) -> HashKey {
        HashKey::new(self.derive(purpose, context).as_slice())
    }

    /// The authenticated-encryption key for `purpose` and `context`.
    #[must_use]
    pub fn sealing_key(&self, purpose: &'static str, context: &[u8]) -> SealingKey {
        SealingKey::new(&self.derive(purpose, context))
    }

    /// The deterministic authenticated-encryption key for `purpose` and `context`.
    #[must_use]
    pub fn deterministic_key(&self, purpose: &'static str, context: &[u8]) -> DeterministicKey {
        DeterministicKey::new(&self.derive(purpose, context))
    }

    /// The format-preserving encryption key for `purpose` and `context`.
    #[must_use]
    pub fn ff1_key(&self, purpose: &'static str, context: &[u8]) -> Ff1Key {
        Ff1Key::new(self.derive(purpose, context))
    }

    /// The signing key for `purpose` and `context`.
    ///
    /// # Errors
    /// [`Error::Library`] if the library refuses to work.
    pub fn signing_key(&self, purpose: &'static str, context: &[u8]) -> Result<SigningKey, Error> {
        SigningKey::from_seed(self.derive(purpose, context))
    }

    /// The key that wraps other keys for `purpose` and `context`: the top of a keyring.
    #[must_use]
    pub fn wrapping_key(&self, purpose: &'static str, context: &[u8]) -> WrappingKey {
        WrappingKey::from_secret(self.derive(purpose, context))
    }

    /// The data key for `purpose` and `context`, where none can be kept: that of a backup of the keyring itself.
    #[must_use]
    pub fn data_key(&self, purpose: &'static str, context: &[u8]) -> DataKey {
        DataKey::from_secret(self.derive(purpose, context))
    }

    pub(crate) const fn from_secret(secret: Zeroizing<[u8; 32]>) -> Self {
        Self(secret)
    }

    pub(crate) const fn as_secret(&self) -> &Zeroizing<[u8; 32]> {
        &self.0
    }

    /// The purpose is the salt, the context the info.
    fn derive(&self, purpose: &'static str, context: &[u8]) -> Zeroizing<[u8; 32]> {
        expand(self.0.as_slice(), purpose.as_bytes(), context)
    }
}

/// Whether two values are equal, in a time that depends on their lengths only.
pub(crate) fn is_equal(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// HKDF-SHA256 (RFC 5869), 32 bytes.
pub(crate) fn expand(secret: &[u8], salt: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let info = [info];
    let filled = hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(secret)
        .expand(&info, hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(key.as_mut_slice()));
    // INVARIANT: HKDF-SHA256 gives up to 8160 bytes; 32 cannot fail. Were it ever to, a key of zeros must not be used.
    assert!(filled.is_ok(), "HKDF-SHA256 gives 32 bytes");
    key
}

impl HashKey {
    /// The key of these bytes.
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The keyed hash of `parts`, each preceded by its length so that no two lists share an encoding.
    #[must_use]
    pub fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.sign().as_ref());
        out
    }

    /// Whether `hash` is the keyed hash of `parts`, in a time that does not depend on how much of it is.
    #[must_use]
    pub fn is_hash_of(&self, parts: &[&[u8]], hash: &[u8; 32]) -> bool {
        is_equal(&self.hash(parts), hash)
    }

    /// The keyed hash of `parts` as 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn hash_hex(&self, parts: &[&[u8]]) -> String {
        HEXLOWER.encode(&self.hash(parts))
    }
}

/// HMAC-SHA256 (RFC 2104) of `message` under `key`, as protocols of others ask for it. Own keyed hashes are [`HashKey`]'s.
#[must_use]
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref());
    out
}

/// HMAC-SHA1 (RFC 2104), which one-time codes of authenticator apps rest on (RFC 6238). For nothing new.
#[must_use]
pub fn hmac_sha1(key: &[u8], message: &[u8]) -> [u8; 20] {
    let mut out = [0; 20];
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    out.copy_from_slice(hmac::sign(&key, message).as_ref());
    out
}

/// SHA-1 (FIPS 180-4), by which lists of breached passwords are ordered. Vouches for nothing: collisions can be made.
#[must_use]
pub fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut out = [0; 20];
    out.copy_from_slice(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref());
    out
}

/// SHA-256 (FIPS 180-4) of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// SHA-256 (FIPS 180-4) of the bytes of `parts`, one behind the other: their bounds do not show in the result.
#[must_use]
pub fn sha256_parts(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// SHA-256 (FIPS 180-4) of bytes that come in parts.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Sha256 {
    /// Of no bytes yet.
    #[must_use]
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all that was taken.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(self.0.finish().as_ref());
        out
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256")
    }
}

/// SHA-512 (FIPS 180-4) of `bytes`.
#[must_use]
pub fn sha512(bytes: &[u8]) -> [u8; 64] {
    let mut out = [0; 64];
    out.copy_from_slice(digest::digest(&digest::SHA512, bytes).as_ref());
    out
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey([secret])")
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_of_parts_is_that_of_the_whole() {
        let mut hash = Sha256::new();
        hash.update(b"one ");
        hash.update(b"two");
        assert_eq!(hash.finish(), sha256(b"one two"));
    }

    #[test]
    fn a_root_key_survives_being_written_and_read() {
        let root = RootKey::generate().unwrap();
        let again = RootKey::parse(&format!(" {}\n", root.to_text().as_str())).unwrap();
        assert_eq!(
            root.hash_key("t", b"c").hash(&[b"x"]),
            again.hash_key("t", b"c").hash(&[b"x"])
        );
    }

    #[test]
    fn purposes_contexts_and_part_bounds_separate_hashes() {
        let root = RootKey::parse(&format!("privet-root-1:{}", "7".repeat(64))).unwrap();
        let key = root.hash_key("a", b"c");
        assert_ne!(key.hash(&[b"x"]), root.hash_key("b", b"c").hash(&[b"x"]));
        assert_ne!(key.hash(&[b"x"]), root.hash_key("a", b"d").hash(&[b"x"]));
        assert_ne!(key.hash(&[b"ab", b"c"]), key.hash(&[b"a", b"bc"]));
    }

    #[test]
    fn a_short_or_unlabelled_root_key_is_refused() {
        assert_eq!(RootKey::parse("privet-root-1:77").unwrap_err(), Error::BadRootKey);
        assert_eq!(RootKey::parse(&"7".repeat(64)).unwrap_err(), Error::BadRootKey);
    }

    #[test]
    fn keys_do_not_print_themselves() {
        let root = RootKey::parse(&format!("privet-root-1:{}", "7".repeat(64))).unwrap();
        assert_eq!(
            format!("{root:?} {:?}", root.hash_key("a", b"")),
            "RootKey([secret]) HashKey([secret])"
        );
    }
}
