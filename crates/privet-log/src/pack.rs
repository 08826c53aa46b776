//! Leaves into the files of an exported log.

use crate::edge::Edge;
use crate::hash::Hash;
use crate::tile::{MAX_ENTRY, TILE_WIDTH, TilePath, write_entry, write_tile};

/// Turns leaves, in order, into bundles and tiles. Memory: one bundle and the edge of the tree.
#[derive(Debug, Default)]
pub struct Packer {
    edge: Edge,
    bundle: Vec<u8>,
}

/// An entry that no bundle takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a leaf of {bytes} bytes is longer than {MAX_ENTRY}")]
pub struct EntryTooLong {
    /// Its length.
    pub bytes: usize,
}

/// Where the files go.
pub type Write<'a, E> = dyn FnMut(TilePath, &[u8]) -> Result<(), E> + 'a;

impl Packer {
    /// Goes on behind the leaves of `edge`; `None` if those end within a bundle.
    #[must_use]
    pub fn new(edge: Edge) -> Option<Self> {
        let bundle = Vec::new();
        edge.size()
            .is_multiple_of(TILE_WIDTH)
            .then_some(Self { edge, bundle })
    }

    /// The tree so far.
    #[must_use]
    pub const fn edge(&self) -> &Edge {
        &self.edge
    }

    /// Takes the next leaf; writes the files that it fills.
    ///
    /// # Errors
    /// [`EntryTooLong`], or what `write` fails with.
    pub fn push<E: From<EntryTooLong>>(&mut self, entry: &[u8], write: &mut Write<'_, E>) -> Result<(), E> {
        if !write_entry(&mut self.bundle, entry) {
            return Err(EntryTooLong { bytes: entry.len() }.into());
        }
        let mut finished = Vec::new();
        self.edge.push(Hash::of_leaf(entry), &mut |id, hashes| {
            finished.push((id, write_tile(hashes)));
        });
        if !finished.is_empty() {
            let index = self.edge.size() / TILE_WIDTH - 1;
            write(TilePath::Entries { index, width: 256 }, &self.bundle)?;
            self.bundle.clear();
        }
        for (id, bytes) in finished {
            write(TilePath::Hashes { id, width: 256 }, &bytes)?;
        }
        Ok(())
    }

    /// Writes the unfinished tiles and the unfinished bundle of the tree so far.
    ///
    /// # Errors
    /// What `write` fails with.
    pub fn write_unfinished<E>(&self, write: &mut Write<'_, E>) -> Result<(), E> {
        for (id, hashes) in self.edge.unfinished() {
            let width = u16::try_from(hashes.len()).unwrap_or(256);
            if id.level == 0 {
                let index = id.index;
                write(TilePath::Entries { index, width }, &self.bundle)?;
            }
            write(TilePath::Hashes { id, width }, &write_tile(hashes))?;
        }
        Ok(())
    }
}
