//! Tiles and entry bundles as files: what they are called and what is in them (C2SP tlog-tiles).

use std::fmt;
use std::str::FromStr;

use crate::hash::{HASH_SIZE, Hash};

/// Hashes of a full tile, and entries of a full bundle.
pub const TILE_WIDTH: u64 = 256;

/// The highest level in a path, as C2SP has it. A `u64` counts the leaves of a log of eight levels.
const MAX_LEVEL: u8 = 63;

/// Bytes of an entry at most: bundles say the length in 16 bits.
pub const MAX_ENTRY: usize = u16::MAX as usize;

/// Which hashes: tile `index` at `level` holds the roots of the perfect trees of 256^`level` leaves, from number
/// 256 × `index` on, up to 256 of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// 0 for leaves.
    pub level: u8,
    /// From 0, left to right.
    pub index: u64,
}

/// A file of a log's folder below `tile/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TilePath {
    /// `tile/<L>/<N>[.p/<W>]`.
    Hashes {
        /// Which.
        id: TileId,
        /// How many hashes, 1 to 256.
        width: u16,
    },
    /// `tile/entries/<N>[.p/<W>]`.
    Entries {
        /// Which, from 0.
        index: u64,
        /// How many entries, 1 to 256.
        width: u16,
    },
}

/// What is wrong with the bytes of a tile or bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadTile {
    /// A tile whose bytes are no whole number of hashes, or not as many as its name says.
    #[error("{bytes} bytes are not {width} hashes")]
    Length {
        /// Bytes there.
        bytes: usize,
        /// Hashes expected.
        width: u16,
    },
    /// A bundle that ends inside an entry.
    #[error("it ends inside entry {entry}")]
    Cut {
        /// Number within the bundle, from 0.
        entry: u16,
    },
    /// A bundle with more bytes than its entries.
    #[error("{bytes} bytes follow its last entry")]
    Trailing {
        /// How many.
        bytes: usize,
    },
}

/// A path that names no tile and no bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a tile or of entries")]
pub struct BadTilePath;

impl TilePath {
    /// How many hashes or entries, 1 to 256.
    #[must_use]
    pub const fn width(self) -> u16 {
        match self {
            Self::Hashes { width, .. } | Self::Entries { width, .. } => width,
        }
    }

    /// The same tile or bundle with `width` hashes or entries.
    #[must_use]
    pub const fn with_width(self, width: u16) -> Self {
        match self {
            Self::Hashes { id, .. } => Self::Hashes { id, width },
            Self::Entries { index, .. } => Self::Entries { index, width },
        }
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let index = match self {
            Self::Hashes { id, .. } => {
                write!(f, "tile/{}/", id.level)?;
                id.index
            }
            Self::Entries { index, .. } => {
                f.write_str("tile/entries/")?;
                *index
            }
        };
        let units = (1..=6).rev().map(|power| 1000_u64.pow(power));
        for unit in units.filter(|unit| index >= *unit) {
            write!(f, "x{:03}/", index / unit % 1000)?;
        }
        write!(f, "{:03}", index % 1000)?;
        match u64::from(self.width()) {
            TILE_WIDTH => Ok(()),
            width => write!(f, ".p/{width}"),
        }
    }
}

impl FromStr for TilePath {
    type Err = BadTilePath;

    fn from_str(path: &str) -> Result<Self, BadTilePath> {
        let (kind, rest) = path
            .strip_prefix("tile/")
            .and_then(|rest| rest.split_once('/'))
            .ok_or(BadTilePath)?;
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, Some(width)),
            None => (rest, None),
        };
        let width = match width {
            None => 256,
            Some(width) => decimal(width)
                .and_then(|width| u16::try_from(width).ok())
                .filter(|width| (1..256).contains(width))
                .ok_or(BadTilePath)?,
        };
        let index = parse_index(index).ok_or(BadTilePath)?;
        if kind == "entries" {
            return Ok(Self::Entries { index, width });
        }
        let level = decimal(kind)
            .and_then(|level| u8::try_from(level).ok())
            .filter(|level| *level <= MAX_LEVEL)
            .ok_or(BadTilePath)?;
        Ok(Self::Hashes {
            id: TileId { level, index },
            width,
        })
    }
}

/// Groups of three digits, all but the last behind an `x`; the first is not `x000`.
fn parse_index(text: &str) -> Option<u64> {
    let mut index = 0_u64;
    let groups = text.split('/').count();
    for (number, group) in text.split('/').enumerate() {
        let is_last = number + 1 == groups;
        let digits = if is_last { group } else { group.strip_prefix('x')? };
        if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let value: u64 = digits.parse().ok()?;
        if number == 0 && !is_last && value == 0 {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(value)?;
    }
    Some(index)
}

/// A number without sign and leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

/// The bytes of the tile of `hashes`.
#[must_use]
pub fn write_tile(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(Hash::as_bytes).copied().collect()
}

/// The hashes of a tile that is to hold `width` of them.
///
/// # Errors
/// [`BadTile::Length`] if it holds more or fewer bytes.
pub fn read_tile(bytes: &[u8], width: u16) -> Result<Vec<Hash>, BadTile> {
    let (hashes, rest) = bytes.as_chunks::<HASH_SIZE>();
    if hashes.len() != usize::from(width) || !rest.is_empty() {
        return Err(BadTile::Length {
            bytes: bytes.len(),
            width,
        });
    }
    Ok(hashes.iter().copied().map(Hash::from_bytes).collect())
}

/// Appends `entry` to the bytes of a bundle. Returns whether it fits ([`MAX_ENTRY`]); nothing is appended if not.
#[must_use]
pub fn write_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> bool {
    let Ok(length) = u16::try_from(entry.len()) else {
        return false;
    };
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    true
}

/// The entries of a bundle that is to hold `width` of them.
///
/// # Errors
/// [`BadTile::Cut`] or [`BadTile::Trailing`] if its bytes are not exactly so many entries.
pub fn read_entries(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, BadTile> {
    let mut rest = bytes;
    let mut entries = Vec::with_capacity(usize::from(width));
    for entry in 0..width {
        let (length, after) = rest.split_first_chunk::<2>().ok_or(BadTile::Cut { entry })?;
        let (bytes, after) = after
            .split_at_checked(usize::from(u16::from_be_bytes(*length)))
            .ok_or(BadTile::Cut { entry })?;
        entries.push(bytes);
        rest = after;
    }
    if rest.is_empty() {
        Ok(entries)
    } else {
        Err(BadTile::Trailing { bytes: rest.len() })
    }
}
