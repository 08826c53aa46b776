//! Model files at rest: sealed under a key of the keyring, and vouched for by a signed manifest.
//!
//! A [`Manifest`] says what files are (hash, size), where they come from (data sets, parents, licence) and what the scan said of
//! them, and is signed with Ed25519 over its own bytes. A sealed file carries its manifest in front, in the clear, and the model
//! behind it in `privet-crypto`'s stream: STREAM over AES-256-GCM in chunks of 64 KiB, bound to every byte in front of it. Its key
//! is its own, and wrapped by a key of the tenant's.
//!
//! ```
//! use std::io::Cursor;
//! use privet_crypto::{RootKey, SigningKey};
//! use privet_supplychain::artifacts::seal::{self, FileEntry, Manifest, Sealed, Sealing};
//! let digest = seal::digest(&mut &b"weights"[..])?;
//! let mut manifest = Manifest::new("churn-3", "2026-11-30T00:00:00Z".parse()?);
//! manifest.files.push(FileEntry::new("churn.safetensors", digest));
//! let signed = manifest.sign(&SigningKey::generate()?)?;
//!
//! let wrapping = RootKey::generate()?.wrapping_key("example/models", b"acme");
//! let sealing = Sealing { tenant: "acme", file: "churn.safetensors", manifest: &signed };
//! let mut sealed = Vec::new();
//! seal::seal(&mut &b"weights"[..], &mut sealed, &wrapping, &sealing)?;
//!
//! let mut file = Cursor::new(sealed);
//! let mut plain = Vec::new();
//! Sealed::read(&mut file)?.open(&mut file, &mut plain, &wrapping)?;
//! assert_eq!(plain, b"weights");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It does not say that a model is good, and a manifest is as good as the key that signed it: whom to trust is the caller's choice.

mod error;
mod manifest;
mod sealed;

use std::io::{self, Read};

use data_encoding::HEXLOWER;
use privet_crypto::Sha256;
use serde::{Deserialize, Serialize};

pub use error::Error;
pub use manifest::{FileEntry, Lineage, Manifest, ManifestSignature, Scanned, SignedManifest, Source};
pub use sealed::{Head, Sealed, Sealing, is_sealed, seal};

/// Bytes read at once.
const PIECE: usize = 1 << 18;

/// Size and hash of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Its bytes.
    pub size: u64,
    /// Its SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// Size and hash of what is left of `reader`.
///
/// # Errors
/// [`Error::File`] if it cannot be read.
pub fn digest(reader: &mut impl Read) -> Result<Digest, Error> {
    let mut hasher = Hasher::new();
    let mut piece = vec![0; PIECE];
    while let Some(bytes) = read(reader, &mut piece)? {
        hasher.update(bytes);
    }
    Ok(hasher.finish())
}

impl Digest {
    /// Checks that a file with the digest `other` is the same.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if it is not.
    pub fn expect(&self, other: &Self) -> Result<(), Error> {
        if self.size != other.size {
            return Err(Error::Mismatch { what: "size" });
        }
        if self.sha256 != other.sha256 {
            return Err(Error::Mismatch { what: "SHA-256" });
        }
        Ok(())
    }
}

struct Hasher {
    context: Sha256,
    size: u64,
}

impl Hasher {
    fn new() -> Self {
        Self {
            context: Sha256::new(),
            size: 0,
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.size = self.size.saturating_add(bytes.len() as u64);
    }

    fn finish(self) -> Digest {
        Digest {
            size: self.size,
            sha256: HEXLOWER.encode(&self.context.finish()),
        }
    }
}

/// The next bytes; `None` at the end.
fn read<'p>(reader: &mut impl Read, piece: &'p mut [u8]) -> Result<Option<&'p [u8]>, Error> {
    loop {
        match reader.read(piece) {
            Ok(0) => return Ok(None),
            Ok(size) => return Ok(piece.get(..size)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}
