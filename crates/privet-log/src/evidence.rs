//! Proofs as files: that a leaf is in the log, and that a checkpoint somebody holds is a beginning of it. Each stands by
//! itself: the log's public key is all that is needed beside it.

use std::fmt;

use data_encoding::BASE64;

use crate::checkpoint::{BadCheckpoint, Checkpoint};
use crate::hash::{Hash, read_base64};
use crate::note::{Note, NoteKey};
use crate::proof::{BadProof, check_consistency, check_inclusion};
use crate::tile::{MAX_ENTRY, decimal};

/// First line of a proof of a leaf (C2SP tlog-proof).
const LEAF_PROOF: &str = "c2sp.org/tlog-proof@v1";

/// Most hashes of a proof: a tree of 2^63 leaves needs no more.
const MAX_HASHES: usize = 63;

/// Largest file read: a leaf in base64, hashes, and a note.
const MAX_BYTES: usize = 2 * MAX_ENTRY + 128 * 1024;

/// That a leaf is in the log, as C2SP tlog-proof writes it. The leaf's bytes are its extra data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafProof {
    /// The leaf's position, from 0.
    pub index: u64,
    /// The leaf's bytes.
    pub entry: Vec<u8>,
    /// The hashes beside its path to the root.
    pub path: Vec<Hash>,
    /// A checkpoint of the log, signed, that covers it.
    pub note: Note,
}

/// That a checkpoint of the log begins with an earlier one. Written as C2SP tlog-witness takes it in `add-checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrowthProof {
    /// Leaves of the earlier one.
    pub old: u64,
    /// The hashes from which both roots follow.
    pub path: Vec<Hash>,
    /// The later checkpoint, signed.
    pub note: Note,
}

/// A file that proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadEvidence {
    /// It is too large, or no text.
    #[error("not the text of a proof")]
    Text,
    /// A line is not what must stand there.
    #[error("line {line} is not that of a proof")]
    Line {
        /// From 1.
        line: usize,
    },
    /// Its checkpoint does not hold.
    #[error("its checkpoint: {0}")]
    Checkpoint(#[from] BadCheckpoint),
    /// The hashes do not lead where they must.
    #[error(transparent)]
    Proof(#[from] BadProof),
    /// It is about a checkpoint of another size than the one that is held.
    #[error("it is about a checkpoint of {old} leaves, the one given has {held}")]
    Size {
        /// Leaves that it is about.
        old: u64,
        /// Leaves of the one given.
        held: u64,
    },
}

impl LeafProof {
    /// Reads a proof. What it says is not checked yet.
    ///
    /// # Errors
    /// [`BadEvidence`] if it is not in the form that C2SP lays down, or holds no leaf.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadEvidence> {
        let (lines, note) = split(bytes)?;
        let bad = |line| BadEvidence::Line { line };
        let mut lines = lines.split('\n').zip(1_usize..);
        let mut next = |line| lines.next().map(|(text, _)| text).ok_or(bad(line));
        if next(1)? != LEAF_PROOF {
            return Err(bad(1));
        }
        let entry = next(2)?
            .strip_prefix("extra ")
            .and_then(read_base64)
            .ok_or(bad(2))?;
        let index = next(3)?.strip_prefix("index ").and_then(decimal).ok_or(bad(3))?;
        Ok(Self {
            index,
            entry,
            path: hashes(lines)?,
            note,
        })
    }

    /// The hash of the leaf.
    #[must_use]
    pub fn leaf_hash(&self) -> Hash {
        Hash::of_leaf(&self.entry)
    }

    /// Checks that the log of `key` has the leaf where it says. Returns the checkpoint that covers it.
    ///
    /// # Errors
    /// [`BadEvidence`] if not.
    pub fn check(&self, key: &NoteKey) -> Result<Checkpoint, BadEvidence> {
        let (head, _) = Checkpoint::open(self.note.to_string().as_bytes(), key)?;
        check_inclusion(self.index, head.size, &self.leaf_hash(), &self.path, &head.root)?;
        Ok(head)
    }
}

impl fmt::Display for LeafProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (entry, index) = (BASE64.encode(&self.entry), self.index);
        write!(f, "{LEAF_PROOF}\nextra {entry}\nindex {index}\n")?;
        write_hashes(f, &self.path)?;
        write!(f, "\n{}", self.note)
    }
}

impl GrowthProof {
    /// Reads a proof. What it says is not checked yet.
    ///
    /// # Errors
    /// [`BadEvidence`] if it is not in the form that C2SP lays down.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadEvidence> {
        let (lines, note) = split(bytes)?;
        let mut lines = lines.split('\n').zip(1_usize..);
        let old = lines
            .next()
            .and_then(|(text, _)| text.strip_prefix("old ").and_then(decimal));
        Ok(Self {
            old: old.ok_or(BadEvidence::Line { line: 1 })?,
            path: hashes(lines)?,
            note,
        })
    }

    /// Checks that the log of `key` continues `held`, a checkpoint of it. Returns the later one.
    ///
    /// # Errors
    /// [`BadEvidence`] if not.
    pub fn check(&self, held: &Checkpoint, key: &NoteKey) -> Result<Checkpoint, BadEvidence> {
        let (head, _) = Checkpoint::open(self.note.to_string().as_bytes(), key)?;
        if held.size != self.old {
            return Err(BadEvidence::Size {
                old: self.old,
                held: held.size,
            });
        }
        if held.origin != head.origin {
            return Err(BadCheckpoint::Origin {
                origin: head.origin,
                expected: held.origin.clone(),
            }
            .into());
        }
        check_consistency(held.size, &held.root, head.size, &head.root, &self.path)?;
        Ok(head)
    }
}

impl fmt::Display for GrowthProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        write_hashes(f, &self.path)?;
        write!(f, "\n{}", self.note)
    }
}

/// What stands before the first empty line, and the note behind it.
fn split(bytes: &[u8]) -> Result<(&str, Note), BadEvidence> {
    if bytes.len() > MAX_BYTES {
        return Err(BadEvidence::Text);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| BadEvidence::Text)?;
    let (lines, note) = text.split_once("\n\n").ok_or(BadEvidence::Text)?;
    let note = Note::parse(note.as_bytes()).map_err(BadCheckpoint::from)?;
    Ok((lines, note))
}

fn hashes<'t>(lines: impl Iterator<Item = (&'t str, usize)>) -> Result<Vec<Hash>, BadEvidence> {
    let hash = |(text, line): (&str, usize)| {
        let bytes = read_base64(text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Hash::from_bytes).ok_or(BadEvidence::Line { line })
    };
    let hashes = lines
        .take(MAX_HASHES + 1)
        .map(hash)
        .collect::<Result<Vec<_>, _>>()?;
    if hashes.len() > MAX_HASHES {
        return Err(BadEvidence::Text);
    }
    Ok(hashes)
}

fn write_hashes(f: &mut fmt::Formatter<'_>, hashes: &[Hash]) -> fmt::Result {
    hashes
        .iter()
        .try_for_each(|hash| writeln!(f, "{}", hash.to_base64()))
}
