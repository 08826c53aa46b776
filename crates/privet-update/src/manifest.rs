//! What an update says of itself.

use std::collections::BTreeSet;
use std::fmt;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use privet_crypto::sha256;
use privet_types::UpdateKind;
use serde::{Deserialize, Serialize};

use crate::{UpdateError, UpdateHead};

/// Most files of an update.
const MOST_FILES: usize = 1_000;
/// Most bytes of its files together.
pub(crate) const MOST_BYTES: u64 = 64 << 20;
/// Longest name of a file, and of a part of it between slashes.
const LONGEST_NAME: usize = 200;
const LONGEST_PART: usize = 64;
/// Most folders in each other.
const DEEPEST: usize = 4;
/// Highest version: numbers above it are not told apart by every reader of JSON.
const HIGHEST: u64 = 1 << 53;

/// What the signatures of an update are over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What it holds.
    pub kind: UpdateKind,
    /// For whom it is: machines take updates of one channel alone.
    pub channel: String,
    /// Its number, which grows: 1 to 2⁵³.
    pub version: u64,
    /// The least version that must be in force before it, where there is any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replaces: Option<u64>,
    /// When it was made, in whole seconds.
    pub created: Timestamp,
    /// Until when it is to be used, in whole seconds.
    pub expires: Timestamp,
    /// Its files, in the order of their names.
    pub files: Vec<ManifestFile>,
}

/// One file of an update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Its path in the update, such as `policy.toml` or `lists/words.txt`.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// SHA-256, in 64 small hexadecimal digits.
    pub sha256: String,
}

/// What an update is called among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UpdateName {
    /// What it holds.
    pub kind: UpdateKind,
    /// Its number.
    pub version: u64,
}

impl fmt::Display for UpdateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.version)
    }
}

impl ManifestFile {
    /// The entry of a file of this name that holds `bytes`.
    #[must_use]
    pub fn of(name: &str, bytes: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            bytes: bytes.len() as u64,
            sha256: HEXLOWER.encode(&sha256(bytes)),
        }
    }

    /// That `bytes` are this file.
    ///
    /// # Errors
    /// [`UpdateError::Changed`] if they are not.
    pub fn check(&self, bytes: &[u8]) -> Result<(), UpdateError> {
        if bytes.len() as u64 == self.bytes && HEXLOWER.encode(&sha256(bytes)) == self.sha256 {
            Ok(())
        } else {
            Err(UpdateError::Changed {
                name: self.name.clone(),
            })
        }
    }
}

impl Manifest {
    /// What it is called.
    #[must_use]
    pub const fn name(&self) -> UpdateName {
        UpdateName {
            kind: self.kind,
            version: self.version,
        }
    }

    /// The entry of the file `name`.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&ManifestFile> {
        self.files.iter().find(|file| file.name == name)
    }

    /// How many bytes all files have. INVARIANT: does not overflow in one that was checked.
    pub(crate) fn bytes(&self) -> u64 {
        let sizes = self.files.iter().map(|file| file.bytes);
        sizes.fold(0, u64::saturating_add)
    }

    /// That its fields hold what they may.
    pub(crate) fn checked(&self) -> Result<(), UpdateError> {
        let field = |field, message| Err(UpdateError::Field { field, message });
        if !is_channel(&self.channel) {
            return field("channel", "use 1 to 64 of a-z, 0-9 and `-`");
        }
        if !(1..=HIGHEST).contains(&self.version) {
            return field("version", "use 1 to 9007199254740992");
        }
        if self.replaces.is_some_and(|before| before >= self.version) {
            return field("replaces", "is to be a version below its own");
        }
        if self.created.subsec_nanosecond() != 0 || self.expires.subsec_nanosecond() != 0 {
            return field("created", "and `expires` are to be whole seconds");
        }
        if self.expires <= self.created {
            return field("expires", "is to be after `created`");
        }
        if self.files.is_empty() || self.files.len() > MOST_FILES {
            return field("files", "list 1 to 1000 files");
        }
        if self.bytes() > MOST_BYTES {
            return field("files", "are more than 64 MiB together");
        }
        if let Some(document) = self.kind.document()
            && self.file(document).is_none()
        {
            return field(
                "files",
                "lack the document of its kind: `policy.toml` or `rules.toml`",
            );
        }
        self.check_names()
    }

    fn check_names(&self) -> Result<(), UpdateError> {
        let mut known = BTreeSet::new();
        let mut folders = BTreeSet::new();
        let mut before = "";
        for file in &self.files {
            let bad = |message| {
                Err(UpdateError::Name {
                    name: shown(&file.name),
                    message,
                })
            };
            check_name(&file.name)?;
            if file.name.as_str() <= before {
                return bad("is there twice, or not in the order of names");
            }
            before = &file.name;
            let is_hash = file.sha256.len() == 64
                && file
                    .sha256
                    .bytes()
                    .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            if !is_hash {
                return bad("has no SHA-256 of 64 small hexadecimal digits");
            }
            // Some file systems do not tell capitals from small letters.
            let small = file.name.to_ascii_lowercase();
            let parents = small.match_indices('/').filter_map(|(end, _)| small.get(..end));
            folders.extend(parents.map(str::to_owned));
            if !known.insert(small) {
                return bad("differs from another in capitals alone");
            }
        }
        match folders.intersection(&known).next() {
            None => Ok(()),
            Some(name) => Err(UpdateError::Name {
                name: shown(name),
                message: "is a folder of another file, too",
            }),
        }
    }
}

/// Whether machines can follow a channel of this name.
fn is_channel(name: &str) -> bool {
    let is_part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(is_part)
}

/// That a file of this name stays inside of its update, on every file system.
fn check_name(name: &str) -> Result<(), UpdateError> {
    let is_part = |part: &str| {
        let is_letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let begins = part.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        begins && part.len() <= LONGEST_PART && part.bytes().all(is_letter) && !part.ends_with('.')
    };
    let bad = |message| {
        Err(UpdateError::Name {
            name: shown(name),
            message,
        })
    };
    if name.len() > LONGEST_NAME || name.split('/').count() > DEEPEST {
        return bad("is too long, or in too many folders");
    }
    if !name.split('/').all(is_part) {
        return bad(
            "is not made of letters, digits, `.`, `_` and `-`, with a letter or digit first in each part",
        );
    }
    if name.eq_ignore_ascii_case(UpdateHead::FILE) {
        return bad("is kept for what the update says of itself");
    }
    Ok(())
}

/// `name` as it can be shown to people.
fn shown(name: &str) -> String {
    let printable = |c: char| {
        if c.is_ascii_graphic() || c == ' ' { c } else { '?' }
    };
    name.chars().take(LONGEST_NAME).map(printable).collect()
}
