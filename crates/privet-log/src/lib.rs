//! A log that shows when it was changed: RFC 6962 Merkle tree, C2SP tiles, signed checkpoints, and the check of an
//! exported log without a server and without trust in who exported it.
//!
//! For the store, which appends and signs, and for auditors, who verify. It is an engine: bytes in, results out; the
//! files of an exported log are read through [`LogFiles`]. It does not say whether what a leaf tells is true, and it
//! cannot know of leaves that were never appended.
//!
//! ```
//! use privet_crypto::SigningKey;
//! use privet_log::{Checkpoint, Edge, Hash, NoteSigner, Signer};
//! let signer = NoteSigner::new("example.com/log", Signer::Log, SigningKey::generate()?)?;
//! let mut edge = Edge::default();
//! for entry in ["first", "second"] {
//!     edge.push(Hash::of_leaf(entry.as_bytes()), &mut |_, _| {});
//! }
//! let head = Checkpoint { origin: "example.com/log".to_owned(), size: edge.size(), root: edge.root() };
//! let published = head.sign(&signer);
//! assert_eq!(Checkpoint::open(published.as_bytes(), signer.key())?.0, head);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checkpoint;
mod edge;
mod evidence;
mod hash;
mod keys;
mod layout;
mod leaf;
mod note;
mod pack;
mod proof;
mod report;
mod tile;
mod verify;

pub use checkpoint::{BadCheckpoint, Checkpoint};
pub use edge::{BadEdge, Edge};
pub use evidence::{BadEvidence, GrowthProof, LeafProof};
pub use hash::{HASH_SIZE, Hash, root_of};
pub use keys::{KeyChange, LOG_KEY_CHANGED, LogKeys};
pub use layout::{CHECKPOINT, LogPath};
pub use leaf::{LEAF_VERSION, Leaf, write_leaf};
pub use note::{BadNote, Note, NoteKey, NoteSigner, Signature, Signer};
pub use pack::{EntryTooLong, Packer, Write};
pub use proof::{BadProof, Node, check_consistency, check_inclusion, prove_consistency, prove_inclusion};
pub use report::{Cosigned, Fault, NodeLeaves, Outcome, Report};
pub use tile::{
    BadTile, BadTilePath, MAX_ENTRY, TILE_WIDTH, TileId, TilePath, read_entries, read_tile, write_entry,
    write_tile,
};
pub use verify::{Expected, LogFiles, VerifyError, verify};
