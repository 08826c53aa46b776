//! An update as one file.

use std::collections::BTreeMap;

use jiff::Timestamp;
use privet_types::UpdateKind;

use crate::manifest::MOST_BYTES;
use crate::{Manifest, ManifestFile, UpdateError, UpdateHead};

/// A head, and the files that its manifest lists, one after the other without anything between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateBundle {
    head: UpdateHead,
    /// INVARIANT: those of the manifest, as it says.
    files: BTreeMap<String, Vec<u8>>,
}

impl UpdateBundle {
    /// Most bytes of an update: none of more can be read.
    pub const MOST_BYTES: u64 = MOST_BYTES + (2 << 20);

    /// An update of `files`, which nobody has signed yet.
    ///
    /// # Errors
    /// [`UpdateError`] if files, names or numbers are not such as an update can have.
    pub fn new(
        (kind, channel): (UpdateKind, &str),
        (version, replaces): (u64, Option<u64>),
        (created, expires): (Timestamp, Timestamp),
        files: BTreeMap<String, Vec<u8>>,
    ) -> Result<Self, UpdateError> {
        let head = UpdateHead::new(Manifest {
            kind,
            channel: channel.to_owned(),
            version,
            replaces,
            created,
            expires,
            files: files
                .iter()
                .map(|(name, bytes)| ManifestFile::of(name, bytes))
                .collect(),
        })?;
        Ok(Self { head, files })
    }

    /// Reads an update. Its files are what its manifest says; whether signatures count is not looked at.
    ///
    /// # Errors
    /// [`UpdateError`] if it is none, was changed or is not whole.
    pub fn read(bytes: &[u8]) -> Result<Self, UpdateError> {
        let (head, length) = UpdateHead::read(bytes)?;
        let mut rest = bytes.get(length..).unwrap_or_default();
        let (there, wanted) = (rest.len() as u64, head.manifest().bytes());
        if there != wanted {
            return Err(UpdateError::Length { there, wanted });
        }
        let mut files = BTreeMap::new();
        for entry in &head.manifest().files {
            let size = usize::try_from(entry.bytes).unwrap_or(usize::MAX);
            let (bytes, after) = rest
                .split_at_checked(size)
                .ok_or(UpdateError::Length { there, wanted })?;
            rest = after;
            entry.check(bytes)?;
            files.insert(entry.name.clone(), bytes.to_vec());
        }
        Ok(Self { head, files })
    }

    /// As it is written.
    ///
    /// # Errors
    /// [`UpdateError::Write`] if the library fails.
    pub fn to_bytes(&self) -> Result<Vec<u8>, UpdateError> {
        let mut bytes = self.head.to_bytes()?;
        for file in self.files.values() {
            bytes.extend(file);
        }
        Ok(bytes)
    }

    /// Its manifest and signatures.
    #[must_use]
    pub const fn head(&self) -> &UpdateHead {
        &self.head
    }

    /// The same, to sign it.
    pub const fn head_mut(&mut self) -> &mut UpdateHead {
        &mut self.head
    }

    /// Its files by name.
    #[must_use]
    pub const fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }
}
