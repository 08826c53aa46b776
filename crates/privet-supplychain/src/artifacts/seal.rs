//! Model files at rest: sealed under a key, and vouched for by a signed manifest.
//!
//! A sealed file is `privet-crypto`'s stream: STREAM over AES-256-GCM in chunks of 64 KiB, with a commitment to the key, bound to
//! the model's name. A manifest says what a file is (hash, size), where it comes from (data sets, licence, parents) and what the
//! scan said of it, and is signed with Ed25519 over its own bytes.
//!
//! ```
//! use std::io::Cursor;
//! use privet_crypto::DataKey;
//! use privet_supplychain::artifacts::seal;
//! let key = DataKey::generate()?;
//! let mut sealed = Vec::new();
//! seal::seal(&mut &b"weights"[..], &mut sealed, &key, "churn-3")?;
//! let mut plain = Vec::new();
//! seal::open(&mut Cursor::new(sealed), &mut plain, &key, "churn-3")?;
//! assert_eq!(plain, b"weights");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io::{self, Read, Seek, SeekFrom, Write};

use data_encoding::HEXLOWER;
use privet_crypto::{DataKey, Sha256, SigningKey, StreamOpener, StreamSealer, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::Verdict;

/// Bytes read at once.
const PIECE: usize = 1 << 18;
/// Longest manifest that is read.
const MANIFEST: usize = 4 << 20;
/// What the signature covers in front of the manifest, so that it is good for nothing else.
const SIGNED: &[u8] = b"privet-model-manifest-1\n";

/// What can go wrong with a model at rest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("cannot read or write the model file")]
    File(#[from] io::Error),
    /// The sealed file is damaged, cut, of another key or of another model.
    #[error("cannot seal or open the model file: {0}")]
    Crypto(#[from] privet_crypto::Error),
    /// The manifest is not one.
    #[error("not a model manifest: expected the JSON object that `privet model sign` writes")]
    BadManifest,
    /// The file is not the one of the manifest.
    #[error("the model file is not the one of its manifest: its {what} differs; do not use it")]
    Mismatch {
        /// `size` or `SHA-256`.
        what: &'static str,
    },
}

/// Size and hash of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Its bytes.
    pub size: u64,
    /// Its SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// Where a model comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lineage {
    /// Data sets it was trained on: names, addresses or hashes.
    pub datasets: Vec<String>,
    /// Models it was made from: names or hashes.
    pub parents: Vec<String>,
    /// Its licence, as an SPDX expression.
    pub licence: Option<String>,
}

/// What is signed about a model file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The model's name, to which its sealed file is bound.
    pub name: String,
    /// The file, as it is before it is sealed.
    pub file: Digest,
    /// Where it comes from.
    pub lineage: Lineage,
    /// What the scan said of it, if it was scanned.
    pub verdict: Option<Verdict>,
}

/// A manifest as it is kept: its text and the signature over that text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedManifest {
    /// The manifest as JSON text, byte for byte as it was signed.
    pub manifest: String,
    /// Ed25519, 128 hexadecimal digits.
    pub signature: String,
    /// The written form of the key that checks it, for people; whom to trust is the caller's choice.
    pub key: String,
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

/// Seals a model file of any size under `key`, bound to the model's `name`; gives size and hash of the plain file.
///
/// # Errors
/// [`Error::File`], [`Error::Crypto`]. What was written by then does not open and is to be removed.
pub fn seal(
    reader: &mut impl Read,
    writer: &mut impl Write,
    key: &DataKey,
    name: &str,
) -> Result<Digest, Error> {
    let mut out = Vec::new();
    let mut sealer = StreamSealer::new(key, &context(name), &mut out)?;
    let mut hasher = Hasher::new();
    let mut piece = vec![0; PIECE];
    while let Some(bytes) = read(reader, &mut piece)? {
        hasher.update(bytes);
        sealer.push(bytes, &mut out)?;
        writer.write_all(&out)?;
        out.clear();
    }
    sealer.finish(&mut out)?;
    writer.write_all(&out)?;
    writer.flush()?;
    Ok(hasher.finish())
}

/// Opens a sealed model file into `writer`; gives size and hash of the plain file.
///
/// The file is read twice: to its end to prove that it is whole, and only then to write it. So nothing is written of a file that
/// is cut, changed, reordered, lengthened, of another key or another model.
///
/// # Errors
/// [`Error::Crypto`] if it does not open, [`Error::File`]. If the file is changed between the two readings, or the disk fails in
/// the second, a part may have been written; a caller writes to a temporary file and renames it.
pub fn open(
    sealed: &mut (impl Read + Seek),
    writer: &mut impl Write,
    key: &DataKey,
    name: &str,
) -> Result<Digest, Error> {
    let start = sealed.stream_position()?;
    let proved = open_once(sealed, &mut io::sink(), key, name)?;
    sealed.seek(SeekFrom::Start(start))?;
    let written = open_once(sealed, writer, key, name)?;
    writer.flush()?;
    if proved != written {
        return Err(Error::Mismatch { what: "SHA-256" });
    }
    Ok(written)
}

fn open_once(
    sealed: &mut impl Read,
    writer: &mut impl Write,
    key: &DataKey,
    name: &str,
) -> Result<Digest, Error> {
    let mut opener = StreamOpener::new(key, &context(name));
    let mut hasher = Hasher::new();
    let mut out = zeroize::Zeroizing::new(Vec::new());
    let mut piece = vec![0; PIECE];
    while let Some(bytes) = read(sealed, &mut piece)? {
        opener.push(bytes, &mut out)?;
        hasher.update(&out);
        writer.write_all(&out)?;
        out.clear();
    }
    opener.finish(&mut out)?;
    hasher.update(&out);
    writer.write_all(&out)?;
    Ok(hasher.finish())
}

impl Manifest {
    /// Signs it.
    ///
    /// # Errors
    /// [`Error::BadManifest`] if it cannot be written as JSON.
    pub fn sign(&self, key: &SigningKey) -> Result<SignedManifest, Error> {
        let manifest = serde_json::to_string_pretty(self).map_err(|_| Error::BadManifest)?;
        let signature = key.sign(&signed_bytes(&manifest));
        Ok(SignedManifest {
            signature: HEXLOWER.encode(&signature),
            key: key.verifying_key().to_string(),
            manifest,
        })
    }

    /// Checks that a plain file is the one of this manifest.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if it is not.
    pub fn verify_file(&self, file: &Digest) -> Result<(), Error> {
        if self.file.size != file.size {
            return Err(Error::Mismatch { what: "size" });
        }
        if self.file.sha256 != file.sha256 {
            return Err(Error::Mismatch { what: "SHA-256" });
        }
        Ok(())
    }
}

impl SignedManifest {
    /// Reads the JSON form.
    ///
    /// # Errors
    /// [`Error::BadManifest`] if it is none, or longer than 4 MiB.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        if text.len() > MANIFEST {
            return Err(Error::BadManifest);
        }
        serde_json::from_slice(text).map_err(|_| Error::BadManifest)
    }

    /// The JSON form.
    ///
    /// # Errors
    /// [`Error::BadManifest`] if it cannot be written.
    pub fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string_pretty(self).map_err(|_| Error::BadManifest)
    }

    /// The manifest, if `key` signed it. The key that it names itself is not believed.
    ///
    /// # Errors
    /// [`Error::Crypto`] if the signature is not of this key and text, [`Error::BadManifest`] if the text is no manifest.
    pub fn verify(&self, key: &VerifyingKey) -> Result<Manifest, Error> {
        let signature = HEXLOWER
            .decode(self.signature.as_bytes())
            .map_err(|_| Error::BadManifest)?;
        key.verify(&signed_bytes(&self.manifest), &signature)?;
        serde_json::from_str(&self.manifest).map_err(|_| Error::BadManifest)
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
        self.size = self.size.saturating_add(u64::try_from(bytes.len()).unwrap_or(0));
    }

    fn finish(self) -> Digest {
        Digest {
            size: self.size,
            sha256: HEXLOWER.encode(&self.context.finish()),
        }
    }
}

fn context(name: &str) -> Vec<u8> {
    [b"privet model\0".as_slice(), name.as_bytes()].concat()
}

fn signed_bytes(manifest: &str) -> Vec<u8> {
    [SIGNED, manifest.as_bytes()].concat()
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
