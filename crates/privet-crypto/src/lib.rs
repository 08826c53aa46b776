//! Thin, typed cryptography over `aws-lc-rs`: key derivation, keyed hashes, authenticated encryption (random and
//! deterministic), format-preserving encryption (over `fpe`), signatures, random bytes.
//!
//! For the rooms that keep or derive secrets. It has no primitive of its own and does no I/O.
//!
//! ```
//! use privet_crypto::RootKey;
//! let root = RootKey::generate()?;
//! let key = root.hash_key("example/purpose", b"tenant");
//! assert_eq!(key.hash(&[b"value"]), key.hash(&[b"value"]));
//! let sealing = root.sealing_key("example/spool", b"node-1");
//! let sealed = sealing.seal(b"record 7", b"payload")?;
//! assert_eq!(sealing.open(b"record 7", &sealed)?.as_slice(), b"payload");
//! # Ok::<(), privet_crypto::Error>(())
//! ```

mod cbc;
mod deterministic;
mod ff1;
mod keys;
mod seal;
mod sign;
#[cfg(test)]
mod wycheproof_tests;

pub use cbc::open_cbc;
pub use deterministic::DeterministicKey;
pub use ff1::{Ff1Key, MAX_POSITIONS, MIN_DOMAIN};
pub use keys::{HashKey, RootKey, sha256, sha256_parts, sha512};
pub use seal::SealingKey;
pub use sign::{SIGNATURE_SIZE, SigningKey, VerifyingKey};

/// What can go wrong with keys and sealed data. Never says anything about the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A written root key is not in the expected form.
    #[error(
        "not a root key: expected `privet-root-1:` and 64 hexadecimal digits; `privet serve` makes a new one if the file is absent"
    )]
    BadRootKey,
    /// A written signing key is not in the expected form.
    #[error("not a signing key: expected `privet-signing-1:` and 64 hexadecimal digits")]
    BadSigningKey,
    /// A signature was not made over this message by this key.
    #[error("the signature does not belong to this message and key")]
    BadSignature,
    /// Sealed data was changed, cut, made under another key, or belongs elsewhere.
    #[error("sealed data cannot be opened: it was changed, or sealed under another key or for another place")]
    CannotOpen,
    /// Format-preserving encryption over fewer than [`MIN_DOMAIN`] possible values could be undone by trying them all.
    #[error(
        "format-preserving encryption needs at least 1,000,000 possible values of this form, and at most 512 characters"
    )]
    Domain,
    /// A symbol is not below its radix, or a radix is not 2 to 65,536.
    #[error("a symbol is outside its alphabet")]
    Symbol,
    /// A cipher key of a length that AES has not.
    #[error("an AES key has 16, 24 or 32 bytes")]
    BadCipherKey,
    /// The system gave no random bytes, or the library refused to work.
    #[error("the cryptographic library failed")]
    Library,
}

/// `N` bytes from the system's random source.
///
/// # Errors
/// [`Error::Library`] if the source fails.
pub fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Library)?;
    Ok(bytes)
}
