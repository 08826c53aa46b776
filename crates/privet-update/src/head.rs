//! The beginning of an update: its manifest, and who signed that.

use data_encoding::BASE64;
use privet_crypto::{SIGNATURE_SIZE, SigningKey, VerifyingKey};

use crate::{Manifest, UpdateError};

/// The first line.
const FIRST: &[u8] = b"privet-update-1\n";
/// What stands before the bytes that are signed, so that no signature counts for another kind of record.
const DOMAIN: &[u8] = b"privet-update-1\n";
/// What begins the line of a signature.
const SIGNATURE: &[u8] = b"signature ";
/// Longest manifest, in bytes.
const LONGEST: usize = 1 << 20;
/// Most signatures.
const MOST_SIGNATURES: usize = 32;

/// A manifest and its signatures:
///
/// ```text
/// privet-update-1
/// {"kind":"policy","channel":"default","version":7,…}
/// signature privet-verifying-1:… base64
///
/// ```
///
/// There is one way to write it, and no other is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateHead {
    manifest: Manifest,
    /// INVARIANT: in the order of keys, no two of one.
    signatures: Vec<(VerifyingKey, [u8; SIGNATURE_SIZE])>,
}

impl UpdateHead {
    /// What it is called beside the files of an update that was installed.
    pub const FILE: &'static str = "update.head";

    /// The head of an update that nobody has signed yet.
    ///
    /// # Errors
    /// [`UpdateError`] if the manifest holds what it must not.
    pub fn new(manifest: Manifest) -> Result<Self, UpdateError> {
        manifest.checked()?;
        Ok(Self {
            manifest,
            signatures: Vec::new(),
        })
    }

    /// Reads a head that `bytes` begin with, and says how long it is. Whether its signatures count is not looked at.
    ///
    /// # Errors
    /// [`UpdateError`] if there is none, or it is written in another way than Privet writes it.
    pub fn read(bytes: &[u8]) -> Result<(Self, usize), UpdateError> {
        let shape = |what| UpdateError::Shape { what };
        let mut rest = bytes
            .strip_prefix(FIRST)
            .ok_or(shape("it does not begin with `privet-update-1`"))?;
        let (line, after) = line(rest, LONGEST).ok_or(shape("its manifest has no end, or is too long"))?;
        rest = after;
        let manifest: Manifest =
            serde_json::from_slice(line).map_err(|_| shape("its manifest is not JSON of the right shape"))?;
        let mut head = Self::new(manifest)?;
        if head.manifest_line()? != line {
            return Err(shape("its manifest is not written as Privet writes it"));
        }
        loop {
            let (line, after) =
                self::line(rest, 256).ok_or(shape("its signatures have no end, or are too long"))?;
            rest = after;
            if line.is_empty() {
                break;
            }
            let (signer, signature) = signature(line).ok_or(shape("it has a signature that is none"))?;
            let is_next = head
                .signatures
                .last()
                .is_none_or(|(last, _)| last.as_bytes() < signer.as_bytes());
            if !is_next || head.signatures.len() == MOST_SIGNATURES {
                return Err(shape(
                    "its signatures are too many, or not in the order of their keys",
                ));
            }
            head.signatures.push((signer, signature));
        }
        Ok((head, bytes.len() - rest.len()))
    }

    /// As it is written.
    ///
    /// # Errors
    /// [`UpdateError::Write`] if the library fails.
    pub fn to_bytes(&self) -> Result<Vec<u8>, UpdateError> {
        let mut bytes = FIRST.to_vec();
        bytes.extend(self.manifest_line()?);
        bytes.push(b'\n');
        for (signer, signature) in &self.signatures {
            bytes.extend(SIGNATURE);
            bytes.extend(format!("{signer} {}\n", BASE64.encode(signature)).bytes());
        }
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// What it says of the update.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Who claims to have signed it.
    pub fn claimed(&self) -> impl Iterator<Item = VerifyingKey> + '_ {
        self.signatures.iter().map(|(signer, _)| *signer)
    }

    /// Signs it with `key`. A signature of that key that is there makes place.
    ///
    /// # Errors
    /// [`UpdateError`] if there are too many signatures.
    pub fn sign(&mut self, key: &SigningKey) -> Result<(), UpdateError> {
        let signature = key.sign(&self.message()?);
        let signer = key.verifying_key();
        let place = self
            .signatures
            .binary_search_by(|(known, _)| known.as_bytes().cmp(signer.as_bytes()));
        match place {
            Ok(there) => {
                if let Some((_, before)) = self.signatures.get_mut(there) {
                    *before = signature;
                }
            }
            Err(_) if self.signatures.len() == MOST_SIGNATURES => {
                return Err(UpdateError::Shape {
                    what: "it has 32 signatures, which is the most",
                });
            }
            Err(place) => self.signatures.insert(place, (signer, signature)),
        }
        Ok(())
    }

    /// Those of `known` that signed it, if they are `threshold` at least. Signatures of others count for nothing.
    ///
    /// # Errors
    /// [`UpdateError::BadSignature`] if one of them did not sign this, [`UpdateError::TooFewSigners`].
    pub fn signers(
        &self,
        known: &[VerifyingKey],
        threshold: usize,
    ) -> Result<Vec<VerifyingKey>, UpdateError> {
        let message = self.message()?;
        let mut found = Vec::new();
        for (signer, signature) in &self.signatures {
            if !known.contains(signer) {
                continue;
            }
            if signer.verify(&message, signature).is_err() {
                return Err(UpdateError::BadSignature {
                    key: signer.to_string(),
                });
            }
            found.push(*signer);
        }
        // None at all is never enough, whatever is asked for.
        let wanted = threshold.max(1);
        if found.len() < wanted {
            return Err(UpdateError::TooFewSigners {
                found: found.len(),
                wanted,
            });
        }
        Ok(found)
    }

    /// What is signed: the domain, and the manifest as it is written.
    fn message(&self) -> Result<Vec<u8>, UpdateError> {
        Ok([DOMAIN, &self.manifest_line()?].concat())
    }

    fn manifest_line(&self) -> Result<Vec<u8>, UpdateError> {
        serde_json::to_vec(&self.manifest).map_err(|error| UpdateError::Write {
            message: error.to_string(),
        })
    }
}

/// The first line of `bytes` without its end, at most `longest` bytes, and what follows.
fn line(bytes: &[u8], longest: usize) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().take(longest + 1).position(|b| *b == b'\n')?;
    let (line, rest) = bytes.split_at_checked(end)?;
    Some((line, rest.get(1..)?))
}

/// The signature of a line, if it is written as Privet writes it.
fn signature(line: &[u8]) -> Option<(VerifyingKey, [u8; SIGNATURE_SIZE])> {
    let text = std::str::from_utf8(line.strip_prefix(SIGNATURE)?).ok()?;
    let (key, written) = text.split_once(' ')?;
    let signer: VerifyingKey = key.parse().ok()?;
    let bytes: [u8; SIGNATURE_SIZE] = BASE64.decode(written.as_bytes()).ok()?.try_into().ok()?;
    (signer.to_string() == key && BASE64.encode(&bytes) == written).then_some((signer, bytes))
}
