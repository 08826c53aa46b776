//! What is signed about model files.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use privet_crypto::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::{Digest, Error};
use crate::Verdict;

/// Longest manifest that is read.
const MOST_BYTES: usize = 4 << 20;
/// Most files of one manifest.
const MOST_FILES: usize = 10_000;
/// Most signatures of one manifest.
const MOST_SIGNATURES: usize = 16;
/// Longest name, path or reason, in bytes.
const MOST_TEXT: usize = 1024;
/// By how much clocks may differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_hours(24);
/// What a signature covers in front of the manifest, so that it is good for nothing else.
const SIGNED: &[u8] = b"privet-model-manifest-1\n";

/// What is signed about model files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The model's name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// Until when it vouches for its files; for good if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The files, by path; at least one.
    pub files: Vec<FileEntry>,
    /// Where they come from.
    pub lineage: Lineage,
}

/// One file of a manifest, as it is before it is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Where it lies, from the manifest's folder, with `/`; never outside of that folder.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// Its SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// What the scan said of it; none if it was not scanned, or is no model file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<Scanned>,
}

/// What the scan said of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scanned {
    /// What can be said of it.
    pub verdict: Verdict,
    /// Its format, as reports name it.
    pub format: String,
    /// The rules that found something, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// The program that scanned it, and its version.
    pub by: String,
    /// SHA-256 of the report that this was taken from; none if the file itself was scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// Why it is vouched for although it is dangerous or unreadable. Without a reason it cannot be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
}

/// Where a model comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lineage {
    /// Data sets that it was trained on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub datasets: Vec<Source>,
    /// Models that it was made from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<Source>,
    /// Its licence, as an SPDX expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
}

/// A data set or model that a model comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name or address.
    pub name: String,
    /// Its SHA-256, 64 lower-case hexadecimal digits, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// A manifest as it is kept: its text, and signatures over that text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedManifest {
    /// The manifest as JSON text, byte for byte as it was signed.
    pub manifest: String,
    /// Who vouches for it; nobody if empty.
    pub signatures: Vec<ManifestSignature>,
}

/// One signature over a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestSignature {
    /// The written form of the key that checks it. Whom to trust is the caller's choice.
    pub key: String,
    /// Ed25519, 128 lower-case hexadecimal digits.
    pub signature: String,
}

impl FileEntry {
    /// A file that was not scanned.
    #[must_use]
    pub fn new(path: &str, digest: Digest) -> Self {
        Self {
            path: path.to_owned(),
            size: digest.size,
            sha256: digest.sha256,
            scan: None,
        }
    }

    /// Its size and hash.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest {
            size: self.size,
            sha256: self.sha256.clone(),
        }
    }
}

impl Manifest {
    /// One that speaks of no file yet.
    #[must_use]
    pub fn new(name: &str, created: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            created,
            expires: None,
            files: Vec::new(),
            lineage: Lineage::default(),
        }
    }

    /// What it says of the file at `path`.
    ///
    /// # Errors
    /// [`Error::NotNamed`] if nothing.
    pub fn file(&self, path: &str) -> Result<&FileEntry, Error> {
        let found = self.files.iter().find(|file| file.path == path);
        found.ok_or_else(|| Error::NotNamed {
            path: path.to_owned(),
        })
    }

    /// Checks that it vouches for its files at `now`. Clocks may differ by a day.
    ///
    /// # Errors
    /// [`Error::Expired`], [`Error::NotYet`].
    pub fn expect_current(&self, now: Timestamp) -> Result<(), Error> {
        if let Some(at) = self.expires.filter(|at| *at <= now) {
            return Err(Error::Expired { at });
        }
        if self.created.duration_since(now) > CLOCKS_DIFFER {
            return Err(Error::NotYet { at: self.created });
        }
        Ok(())
    }

    /// Writes it down without a signature.
    ///
    /// # Errors
    /// [`Error::BadManifest`] if it breaks a rule of manifests.
    pub fn unsigned(&self) -> Result<SignedManifest, Error> {
        self.check()?;
        let manifest = serde_json::to_string_pretty(self).map_err(|_| bad("it cannot be written"))?;
        if manifest.len() > MOST_BYTES {
            return Err(bad("it is longer than 4 MiB"));
        }
        Ok(SignedManifest {
            manifest,
            signatures: Vec::new(),
        })
    }

    /// Signs it.
    ///
    /// # Errors
    /// [`Error::BadManifest`] if it breaks a rule of manifests.
    pub fn sign(&self, key: &SigningKey) -> Result<SignedManifest, Error> {
        let mut signed = self.unsigned()?;
        signed.sign(key)?;
        Ok(signed)
    }

    /// The rules that JSON does not know.
    fn check(&self) -> Result<(), Error> {
        if !is_text(&self.name) {
            return Err(bad(
                "the model's name is empty, too long or has control characters",
            ));
        }
        if self.expires.is_some_and(|at| at <= self.created) {
            return Err(bad("it expires before it was made"));
        }
        if self.files.is_empty() || self.files.len() > MOST_FILES {
            return Err(bad("it names no file, or more than 10,000"));
        }
        let paths: BTreeSet<&str> = self.files.iter().map(|file| file.path.as_str()).collect();
        if paths.len() != self.files.len() {
            return Err(bad("it names a file twice"));
        }
        self.files.iter().try_for_each(FileEntry::check)?;
        let licence = self.lineage.licence.as_deref();
        if licence.is_some_and(|licence| crate::dependencies::parse_licence(licence).is_none()) {
            return Err(bad("its licence is no SPDX expression"));
        }
        let sources = self.lineage.datasets.iter().chain(&self.lineage.parents);
        for source in sources {
            if !is_text(&source.name) || source.sha256.as_deref().is_some_and(|hash| !is_sha256(hash)) {
                return Err(bad(
                    "a data set or parent has no name, or a hash that is not 64 hexadecimal digits",
                ));
            }
        }
        Ok(())
    }
}

impl FileEntry {
    fn check(&self) -> Result<(), Error> {
        if !is_inside(&self.path) {
            return Err(bad("the path of a file leads out of the manifest's folder"));
        }
        if !is_sha256(&self.sha256) {
            return Err(bad("the hash of a file is not 64 lower-case hexadecimal digits"));
        }
        let Some(scan) = &self.scan else {
            return Ok(());
        };
        let has_reason = scan.accepted.as_deref().is_some_and(is_text);
        if scan.verdict >= Verdict::Unreadable && !has_reason {
            return Err(bad(
                "it vouches for a file that is dangerous or unreadable and gives no reason",
            ));
        }
        if scan.report.as_deref().is_some_and(|hash| !is_sha256(hash)) {
            return Err(bad(
                "the hash of a report is not 64 lower-case hexadecimal digits",
            ));
        }
        Ok(())
    }
}

impl SignedManifest {
    /// Reads the JSON form. Nothing of it is believed yet.
    ///
    /// # Errors
    /// [`Error::BadManifest`] if it is none, or longer than 8 MiB.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        // The manifest is text within text, so that quotes count twice.
        if text.len() > 2 * MOST_BYTES {
            return Err(bad("it is too long"));
        }
        let signed: Self = serde_json::from_slice(text).map_err(|_| {
            bad("it is no JSON object of a text `manifest` and a list `signatures`, or has other fields")
        })?;
        if signed.signatures.len() > MOST_SIGNATURES {
            return Err(bad("it has more than 16 signatures"));
        }
        Ok(signed)
    }

    /// The JSON form.
    ///
    /// # Errors
    /// [`Error::BadManifest`] if it cannot be written.
    pub fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string_pretty(self).map_err(|_| bad("it cannot be written"))
    }

    /// Adds the signature of `key`; an earlier one of the same key is replaced.
    ///
    /// # Errors
    /// [`Error::BadManifest`] if there are too many.
    pub fn sign(&mut self, key: &SigningKey) -> Result<(), Error> {
        let public = key.verifying_key().to_string();
        self.signatures.retain(|known| known.key != public);
        if self.signatures.len() >= MOST_SIGNATURES {
            return Err(bad("it has 16 signatures already"));
        }
        self.signatures.push(ManifestSignature {
            signature: HEXLOWER.encode(&key.sign(&signed_bytes(&self.manifest))),
            key: public,
        });
        Ok(())
    }

    /// What it says, believed by nobody yet.
    ///
    /// # Errors
    /// [`Error::BadManifest`] if the text is no manifest, has fields that are not known, or breaks a rule of manifests.
    pub fn unverified(&self) -> Result<Manifest, Error> {
        if self.manifest.len() > MOST_BYTES {
            return Err(bad("it is longer than 4 MiB"));
        }
        let manifest: Manifest = serde_json::from_str(&self.manifest)
            .map_err(|_| bad("a field is missing, not known, or of another kind"))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The manifest, and the keys among `trusted` that signed it. A key that it names itself is believed only if it is trusted; a
    /// signature that is said to be of a trusted key and is not spoils the whole.
    ///
    /// # Errors
    /// [`Error::Crypto`] if a signature is not right, [`Error::NotSigned`] if no trusted key has signed it, and those of
    /// [`unverified`](Self::unverified).
    pub fn verify(&self, trusted: &[VerifyingKey]) -> Result<(Manifest, Vec<VerifyingKey>), Error> {
        let signed = signed_bytes(&self.manifest);
        let mut signers = Vec::new();
        for key in trusted {
            let written = key.to_string();
            for claimed in self.signatures.iter().filter(|claimed| claimed.key == written) {
                let signature = HEXLOWER
                    .decode(claimed.signature.as_bytes())
                    .map_err(|_| privet_crypto::Error::BadSignature)?;
                key.verify(&signed, &signature)?;
                if !signers.contains(key) {
                    signers.push(*key);
                }
            }
        }
        if signers.is_empty() {
            return Err(Error::NotSigned);
        }
        Ok((self.unverified()?, signers))
    }
}

const fn bad(reason: &'static str) -> Error {
    Error::BadManifest { reason }
}

fn signed_bytes(manifest: &str) -> Vec<u8> {
    [SIGNED, manifest.as_bytes()].concat()
}

fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= MOST_TEXT && !text.chars().any(char::is_control)
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a path stays in the folder that it starts from, on every system.
fn is_inside(path: &str) -> bool {
    is_text(path)
        && !path.contains(['\\', ':'])
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}
