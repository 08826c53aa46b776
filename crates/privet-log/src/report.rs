//! What verification found.

use std::collections::BTreeMap;

use crate::checkpoint::{BadCheckpoint, Checkpoint};
use crate::note::BadNote;
use crate::tile::BadTile;

/// How a verification ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// All that was checked holds.
    Verified,
    /// Nothing contradicts the log, but something that belongs to it is not there.
    Incomplete,
    /// Something contradicts the signed log.
    Contradicted,
}

/// Something that is wrong with an exported log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A file that belongs to the log is not there.
    #[error("`{path}` is missing")]
    Missing {
        /// The file.
        path: String,
    },
    /// There is no checkpoint whose signature holds.
    #[error("there is no checkpoint that the key has signed, so nothing can be checked")]
    NoCheckpoint,
    /// `checkpoint` is not the newest of the folder.
    #[error("`checkpoint` is of {size} leaves, but the folder has one of {newest}; export again to finish")]
    Stale {
        /// Its leaves.
        size: u64,
        /// Leaves of the newest.
        newest: u64,
    },
    /// A checkpoint from elsewhere has seen more than the folder holds.
    #[error("`{source_name}` is a checkpoint of {size} leaves; the folder has {held}")]
    Shorter {
        /// The checkpoint.
        source_name: String,
        /// Its leaves.
        size: u64,
        /// Leaves of the folder.
        held: u64,
    },
    /// A tile or bundle that no checkpoint of the folder covers.
    #[error(
        "`{path}` belongs to no checkpoint in the folder; a checkpoint is missing, or an export was not finished"
    )]
    Uncovered {
        /// The file.
        path: String,
    },
    /// Leaves of a node are missing in its numbering.
    #[error("number {from} to {to} of node `{node}` are not in the log (before leaf {position})")]
    Gap {
        /// The node.
        node: String,
        /// First number missing.
        from: u64,
        /// Last number missing.
        to: u64,
        /// Leaf behind the gap.
        position: u64,
    },
    /// A leaf of a form that this version does not know.
    #[error("leaf {position} has form {version}, which this privet does not know; use a newer one")]
    LeafVersion {
        /// Which leaf.
        position: u64,
        /// Its version.
        version: u32,
    },
    /// A witness that was asked for has signed no checkpoint of the folder.
    #[error("no checkpoint is cosigned by the witness `{name}`")]
    NotCosigned {
        /// The witness.
        name: String,
    },
    /// A checkpoint that cannot be read, or whose signature does not hold.
    #[error("checkpoint `{source_name}`: {why}")]
    Checkpoint {
        /// Which.
        source_name: String,
        /// Why.
        why: BadCheckpoint,
    },
    /// A checkpoint under the name of another.
    #[error("`{path}` holds a checkpoint of {size} leaves")]
    Misnamed {
        /// The file.
        path: String,
        /// Leaves of the checkpoint in it.
        size: u64,
    },
    /// A witness's signature that does not hold.
    #[error("cosignature `{path}`: {why}")]
    Cosignature {
        /// The file.
        path: String,
        /// Why.
        why: BadNote,
    },
    /// The signed root is not that of the leaves.
    #[error(
        "the checkpoint `{source_name}` signs another history: its root over {size} leaves is not that of the leaves here"
    )]
    Fork {
        /// The checkpoint.
        source_name: String,
        /// Its leaves.
        size: u64,
    },
    /// A file whose bytes cannot be what its name says.
    #[error("`{path}` is damaged: {why}")]
    Malformed {
        /// The file.
        path: String,
        /// Why.
        why: BadTile,
    },
    /// An entry that is not the one whose hash the tile has.
    #[error("leaf {position} was changed: the entry in `{path}` and its hash differ")]
    Entry {
        /// Which leaf.
        position: u64,
        /// The file of the entry.
        path: String,
    },
    /// A tile or bundle that is not what follows from the leaves.
    #[error("`{path}` was changed: it does not follow from the leaves")]
    Changed {
        /// The file.
        path: String,
    },
    /// A file that no log has.
    #[error("`{path}` is no file of a log")]
    Unexpected {
        /// The file.
        path: String,
    },
    /// A leaf that is not in the form of Privet's leaves.
    #[error("leaf {position} cannot be read")]
    Leaf {
        /// Which leaf.
        position: u64,
    },
    /// A number of a node that was there already.
    #[error("leaf {position} is number {seq} of node `{node}`, which was at {last} already")]
    Repeated {
        /// Which leaf.
        position: u64,
        /// The node.
        node: String,
        /// Its number.
        seq: u64,
        /// Highest number before it.
        last: u64,
    },
}

impl Fault {
    /// Whether it contradicts the signed log; else something is missing.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Missing { .. }
            | Self::NoCheckpoint
            | Self::Stale { .. }
            | Self::Shorter { .. }
            | Self::Uncovered { .. }
            | Self::Gap { .. }
            | Self::LeafVersion { .. }
            | Self::NotCosigned { .. } => Outcome::Incomplete,
            _ => Outcome::Contradicted,
        }
    }
}

/// The leaves of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeLeaves {
    /// How many.
    pub count: u64,
    /// Highest number.
    pub last: u64,
}

/// What a witness has signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cosigned {
    /// Leaves of the largest checkpoint it signed.
    pub size: u64,
    /// The time it stated, in seconds since 1970.
    pub time: u64,
}

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The newest checkpoint of the folder whose signature holds.
    pub head: Option<Checkpoint>,
    /// Leaves whose entries were read and hashed.
    pub leaves: u64,
    /// Sizes at which a checkpoint, of the folder or given, has the root that follows from the leaves.
    pub checkpoints: u64,
    /// Leaves by kind.
    pub kinds: BTreeMap<String, u64>,
    /// Leaves by node.
    pub nodes: BTreeMap<String, NodeLeaves>,
    /// What the witnesses asked for have signed, by name.
    pub witnesses: BTreeMap<String, Cosigned>,
    /// Signatures of keys that were not given; they were not checked.
    pub unchecked_signatures: u64,
    /// What is wrong, in the order it was found; the first [`Report::MAX_FAULTS`].
    pub faults: Vec<Fault>,
    /// How many faults there were.
    pub fault_count: u64,
    pub(crate) worst: Option<Outcome>,
}

impl Report {
    /// Most faults that are kept.
    pub const MAX_FAULTS: usize = 100;

    /// How the verification ended.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.worst.unwrap_or(Outcome::Verified)
    }

    pub(crate) fn add(&mut self, fault: Fault) {
        self.worst = self.worst.max(Some(fault.outcome()));
        self.fault_count += 1;
        if self.faults.len() < Self::MAX_FAULTS {
            self.faults.push(fault);
        }
    }
}
