//! Checkpoints (C2SP tlog-checkpoint): what a log says it holds, signed.

use crate::hash::{Hash, read_base64};
use crate::note::{BadNote, Note, NoteKey, NoteSigner};
use crate::tile::decimal;

/// A head of a log: how many leaves, and the root over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: its name, which is also that of its key.
    pub origin: String,
    /// Leaves.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
}

/// A checkpoint that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadCheckpoint {
    /// It is not a note, or not signed as it must be.
    #[error(transparent)]
    Note(#[from] BadNote),
    /// The text is not that of a checkpoint.
    #[error("line {line} is not that of a checkpoint (origin, size, root)")]
    Line {
        /// From 1.
        line: usize,
    },
    /// It is of another log than the key is.
    #[error("it is of the log `{origin}`, and the key of `{expected}`")]
    Origin {
        /// The log it names.
        origin: String,
        /// The log expected.
        expected: String,
    },
}

impl Checkpoint {
    /// The text to sign.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root.to_base64())
    }

    /// The signed checkpoint, as it is published.
    #[must_use]
    pub fn sign(&self, signer: &NoteSigner) -> String {
        let text = self.to_text();
        let line = signer.sign(&text, 0);
        format!("{text}\n{line}")
    }

    /// Reads the text of a checkpoint. Lines behind the third are extensions and not looked at.
    ///
    /// # Errors
    /// [`BadCheckpoint::Line`].
    pub fn parse(text: &str) -> Result<Self, BadCheckpoint> {
        let mut lines = text.split('\n');
        let bad = |line| BadCheckpoint::Line { line };
        let origin = lines.next().filter(|line| !line.is_empty()).ok_or(bad(1))?;
        let size = lines.next().and_then(decimal).ok_or(bad(2))?;
        let root = lines
            .next()
            .and_then(read_base64)
            .and_then(|bytes| bytes.try_into().ok())
            .map(Hash::from_bytes)
            .ok_or(bad(3))?;
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
        })
    }

    /// Reads a signed checkpoint and checks that it is of the log of `key`, and signed with it.
    ///
    /// # Errors
    /// [`BadCheckpoint`] if not.
    pub fn open(bytes: &[u8], key: &NoteKey) -> Result<(Self, Note), BadCheckpoint> {
        let note = Note::parse(bytes)?;
        let checkpoint = Self::parse(note.text())?;
        if checkpoint.origin != key.name() {
            return Err(BadCheckpoint::Origin {
                origin: checkpoint.origin,
                expected: key.name().to_owned(),
            });
        }
        key.check(&note)?;
        Ok((checkpoint, note))
    }
}
