//! The right edge of a tree: all that is needed to append to it and to know its root.

use crate::hash::{Hash, root_of};
use crate::tile::{TILE_WIDTH, TileId};

/// The right edge of a tree: its last, unfinished tile at each level. Appending costs two hashes a leaf; memory is at
/// most 255 hashes a level.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edge {
    size: u64,
    /// INVARIANT: level L holds `size / 256^L % 256` hashes, of perfect trees of 256^L leaves.
    levels: Vec<Vec<Hash>>,
}

/// The hashes that an edge consists of do not fit its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("tile {} of level {} has too few hashes for a tree of {size} leaves", id.index, id.level)]
pub struct BadEdge {
    /// Which tile.
    pub id: TileId,
    /// Leaves of the tree.
    pub size: u64,
}

/// How many hashes the unfinished tile at `level` of a tree of `size` leaves has, and which it is; absent where it has
/// none.
pub(crate) fn unfinished(size: u64, level: u8) -> Option<(TileId, u16)> {
    let roots = size >> (8 * u32::from(level));
    let width = u16::try_from(roots % TILE_WIDTH)
        .ok()
        .filter(|width| *width > 0)?;
    let index = roots / TILE_WIDTH;
    Some((TileId { level, index }, width))
}

/// Levels that a tree of `size` leaves has tiles at.
pub(crate) fn levels(size: u64) -> impl DoubleEndedIterator<Item = u8> {
    (0..8_u8).filter(move |level| size >> (8 * u32::from(*level)) > 0)
}

impl Edge {
    /// Leaves of the tree.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The tiles that [`restore`](Self::restore) asks for, with the number of hashes it takes from the front of each.
    pub fn tiles_of(size: u64) -> impl Iterator<Item = (TileId, u16)> {
        levels(size).filter_map(move |level| unfinished(size, level))
    }

    /// The edge of the tree of `size` leaves. `tile` gives the hashes of a tile; more than are taken may be given.
    ///
    /// # Errors
    /// [`BadEdge`] if `tile` gives too few.
    pub fn restore(size: u64, mut tile: impl FnMut(TileId) -> Vec<Hash>) -> Result<Self, BadEdge> {
        let mut edge = Self {
            size,
            levels: levels(size).map(|_| Vec::new()).collect(),
        };
        for (id, width) in Self::tiles_of(size) {
            let mut hashes = tile(id);
            if hashes.len() < usize::from(width) {
                return Err(BadEdge { id, size });
            }
            hashes.truncate(usize::from(width));
            if let Some(level) = edge.levels.get_mut(usize::from(id.level)) {
                *level = hashes;
            }
        }
        Ok(edge)
    }

    /// Appends a leaf. `finished` is given each tile that it fills, lowest first.
    pub fn push(&mut self, leaf: Hash, finished: &mut dyn FnMut(TileId, &[Hash])) {
        self.size += 1;
        let mut hash = leaf;
        let mut number = self.size;
        for level in 0..8_u8 {
            if self.levels.len() <= usize::from(level) {
                self.levels.push(Vec::new());
            }
            let Some(hashes) = self.levels.get_mut(usize::from(level)) else {
                return;
            };
            hashes.push(hash);
            if (hashes.len() as u64) < TILE_WIDTH {
                return;
            }
            number /= TILE_WIDTH;
            let index = number - 1;
            finished(TileId { level, index }, hashes);
            hash = root_of(hashes);
            hashes.clear();
        }
    }

    /// The unfinished tiles, lowest first, with their hashes; none is empty.
    pub fn unfinished(&self) -> impl Iterator<Item = (TileId, &[Hash])> {
        Self::tiles_of(self.size).filter_map(|(id, _)| {
            let hashes = self.levels.get(usize::from(id.level))?;
            Some((id, hashes.as_slice()))
        })
    }

    /// The root of the tree. Costs up to 255 hashes a level.
    #[must_use]
    pub fn root(&self) -> Hash {
        // What is below a level is smaller than one of its hashes, so it is the last, short branch there.
        let mut below: Option<Hash> = None;
        for hashes in &self.levels {
            let branches: Vec<Hash> = hashes.iter().copied().chain(below).collect();
            below = (!branches.is_empty()).then(|| root_of(&branches));
        }
        below.unwrap_or_else(Hash::of_empty_tree)
    }
}
