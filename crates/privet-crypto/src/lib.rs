//! Thin, typed cryptography over `aws-lc-rs`: key derivation, keyed hashes, authenticated encryption (random and
//! deterministic), key wrapping, sealed files, hashed passwords, format-preserving encryption (over `fpe`), signatures, random bytes; the root
//! key behind a passphrase (over `argon2`) or in shares (over `vsss-rs`).
//!
//! For the rooms that keep or derive secrets. It has no primitive of its own and does no I/O. The forms of what is stored are
//! written down in docs/decisions/0018-keys-and-sealing.md.
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
//!
//! A keyring of two levels, and a field sealed under the lower one:
//!
//! ```
//! use privet_crypto::{Context, DataKey, KeyLevel, KeyPlace, RootKey, SealCount};
//! let top = RootKey::generate()?.wrapping_key("example/keyring", b"");
//! let place = KeyPlace { tenant: b"acme", level: KeyLevel::Subject, id: b"17", epoch: 3 };
//! let wrapped = top.wrap(&place, &DataKey::generate()?)?; // goes into the keyring
//!
//! let key: DataKey = top.unwrap(&place, &wrapped)?;
//! let context = Context {
//!     tenant: b"acme", subject: b"17", record: b"4", field: b"email", schema: 1, version: 1,
//! };
//! let count = SealCount::new(0); // kept beside the wrapped key
//! let sealed = key.record_key().seal(&count, &context, b"anna@example.org")?;
//! assert_eq!(key.record_key().open(&context, &sealed)?.as_slice(), b"anna@example.org");
//! # Ok::<(), privet_crypto::Error>(())
//! ```

mod cbc;
mod code;
mod context;
mod data_key;
mod deterministic;
mod error;
mod ff1;
mod foreign_key;
mod index;
mod keys;
#[cfg(test)]
mod nist_tests;
mod passphrase;
mod password;
mod record;
mod seal;
mod share;
mod sign;
mod stream;
#[cfg(test)]
mod vector_tests;
mod wrap;
#[cfg(test)]
mod wycheproof_tests;

pub use cbc::open_cbc;
pub use code::{OneTimeCode, random_token, random_uuid};
pub use context::{Context, KeyLevel, KeyPlace};
pub use data_key::{DataKey, KeyId};
pub use deterministic::DeterministicKey;
pub use error::Error;
pub use ff1::{Ff1Key, MAX_POSITIONS, MIN_DOMAIN};
pub use foreign_key::ForeignKey;
pub use index::{IndexKey, IndexSecret};
pub use keys::{HashKey, RootKey, Sha256, hmac_sha1, hmac_sha256, sha1, sha256, sha256_parts, sha512};
pub use passphrase::{Argon2Cost, PassphraseLock};
pub use password::PasswordHash;
pub use record::{MAX_SEALS, RecordKey, SEALED_OVERHEAD, SealCount, SealedHeader};
pub use seal::SealingKey;
pub use share::Share;
pub use sign::{SIGNATURE_SIZE, SigningKey, VerifyingKey};
pub use stream::{CHUNK_SIZE, STREAM_HEADER_SIZE, StreamHeader, StreamOpener, StreamSealer};
pub use wrap::{WRAPPED_SIZE, Wrappable, WrappingKey, wrapping_key_id};

/// `N` bytes from the system's random source.
///
/// # Errors
/// [`Error::Library`] if the source fails.
pub fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Library)?;
    Ok(bytes)
}
