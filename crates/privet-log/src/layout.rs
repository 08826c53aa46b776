//! The files of an exported log.
//!
//! ```text
//! checkpoint                          the newest signed checkpoint; the one file that is ever replaced
//! checkpoints/<20 digits>             each signed checkpoint that was exported, by its size
//! cosignatures/<20 digits>-<8 hex>    signature line of a witness: size, id of its key
//! tile/<L>/<N>[.p/<W>]                hashes
//! tile/entries/<N>[.p/<W>]            leaves
//! ```
//! `checkpoint` and `tile/` are as C2SP tlog-tiles has them, so that its clients read the folder too.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;

use crate::edge::{levels, unfinished};
use crate::tile::{BadTilePath, TILE_WIDTH, TileId, TilePath};

/// Name of the file with the newest checkpoint.
pub const CHECKPOINT: &str = "checkpoint";

/// A file of an exported log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogPath {
    /// The newest checkpoint.
    Checkpoint,
    /// The checkpoint of this size.
    CheckpointOf(u64),
    /// A witness's signature under the checkpoint of this size.
    Cosignature {
        /// Leaves.
        size: u64,
        /// Id of the witness's key.
        key: [u8; 4],
    },
    /// Hashes or entries.
    Tile(TilePath),
}

impl LogPath {
    /// The files below `tile/` that belong to a checkpoint of `size` leaves, beside the full ones.
    pub(crate) fn unfinished_of(size: u64) -> impl Iterator<Item = TilePath> {
        levels(size)
            .filter_map(move |level| unfinished(size, level))
            .flat_map(|(id, width)| {
                let entries = (id.level == 0).then_some(TilePath::Entries {
                    index: id.index,
                    width,
                });
                [Some(TilePath::Hashes { id, width }), entries]
                    .into_iter()
                    .flatten()
            })
    }

    /// All files below `tile/` that a log of `size` leaves consists of, entries of the earliest first.
    pub fn tiles_of(size: u64) -> impl Iterator<Item = TilePath> {
        let entries = (0..size / TILE_WIDTH).map(|index| TilePath::Entries { index, width: 256 });
        let full = levels(size).flat_map(move |level| {
            let full = (size >> (8 * u32::from(level))) / TILE_WIDTH;
            (0..full).map(move |index| TilePath::Hashes {
                id: TileId { level, index },
                width: 256,
            })
        });
        entries.chain(full).chain(Self::unfinished_of(size))
    }
}

impl fmt::Display for LogPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint => f.write_str(CHECKPOINT),
            Self::CheckpointOf(size) => write!(f, "checkpoints/{size:020}"),
            Self::Cosignature { size, key } => write!(f, "cosignatures/{size:020}-{}", HEXLOWER.encode(key)),
            Self::Tile(path) => write!(f, "{path}"),
        }
    }
}

impl FromStr for LogPath {
    type Err = BadTilePath;

    fn from_str(path: &str) -> Result<Self, BadTilePath> {
        if path == CHECKPOINT {
            return Ok(Self::Checkpoint);
        }
        if let Some(size) = path.strip_prefix("checkpoints/") {
            return twenty_digits(size).map(Self::CheckpointOf).ok_or(BadTilePath);
        }
        if let Some(name) = path.strip_prefix("cosignatures/") {
            let (size, key) = name.split_once('-').ok_or(BadTilePath)?;
            let key = HEXLOWER.decode(key.as_bytes()).map_err(|_| BadTilePath)?;
            return Ok(Self::Cosignature {
                size: twenty_digits(size).ok_or(BadTilePath)?,
                key: key.try_into().map_err(|_| BadTilePath)?,
            });
        }
        path.parse().map(Self::Tile)
    }
}

fn twenty_digits(text: &str) -> Option<u64> {
    let is_plain = text.len() == 20 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}
