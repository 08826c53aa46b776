//! The check of an exported log: everything is computed again from the leaves, and every file is held against that.

mod heads;
mod leaves;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::RangeInclusive;

use privet_types::{Budget, BudgetError};

use self::heads::Claims;
use crate::edge::Edge;
use crate::hash::Hash;
use crate::keys::{KeyChange, LOG_KEY_CHANGED, LogKeys};
use crate::layout::LogPath;
use crate::note::NoteKey;
use crate::report::{Fault, Report};
use crate::tile::{BadTile, TILE_WIDTH, TileId, TilePath, read_entries, read_tile, write_tile};

/// The files of an exported log.
pub trait LogFiles {
    /// The paths of all files, relative to the folder, with `/` between their parts.
    ///
    /// # Errors
    /// If the folder cannot be read.
    fn list(&self) -> io::Result<Vec<String>>;

    /// The bytes of a file; `None` if it is not there.
    ///
    /// # Errors
    /// If it cannot be read.
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>>;
}

/// What the one who verifies knows and asks for.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// A key of the log, from a source other than the folder. If the log has changed its key, one of them is enough.
    pub key: &'a NoteKey,
    /// Witnesses who must have signed.
    pub witnesses: &'a [NoteKey],
    /// Checkpoints of the same log that were kept elsewhere: what they are called, and their bytes.
    pub checkpoints: &'a [(String, Vec<u8>)],
    /// Gaps in the numbers of a node that are known and explained.
    pub known_gaps: &'a [(String, RangeInclusive<u64>)],
}

/// Why a verification could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A file or the folder cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// Which; empty for the folder.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The work was stopped.
    #[error(transparent)]
    Stopped(#[from] BudgetError),
}

/// Checks an exported log: the signature of each checkpoint, the root of each checkpoint over the leaves (so that each
/// leaf is included, and each checkpoint continues the one before), every tile against the leaves, and the numbers of
/// every node. Files that are not accounted for are faults too.
///
/// `progress` is told leaves done and leaves in all. O(n) time, one bundle of memory besides the list of files.
///
/// # Errors
/// [`VerifyError`] if files cannot be read or `budget` ends. What is wrong with the log is in the report.
pub fn verify(
    files: &dyn LogFiles,
    expected: &Expected<'_>,
    budget: &Budget,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, VerifyError> {
    let mut check = Check {
        files,
        expected,
        unseen: BTreeSet::new(),
        keys: LogKeys::only(expected.key),
        report: Report::default(),
    };
    check.list()?;
    check.find_keys(budget)?;
    let claims = check.claims()?;
    let Some(head) = check.report.head.clone() else {
        check.report.add(Fault::NoCheckpoint);
        return Ok(check.report);
    };
    let is_whole = check.check_leaves(head.size, claims, budget, progress)?;
    if is_whole {
        check.note_uncovered();
    }
    Ok(check.report)
}

struct Check<'a> {
    files: &'a dyn LogFiles,
    expected: &'a Expected<'a>,
    /// Files that nothing accounted for yet.
    unseen: BTreeSet<LogPath>,
    keys: LogKeys,
    report: Report,
}

/// The widths at which files of an unfinished tile must be there, from checkpoints of the folder.
type Widths = BTreeMap<TileId, BTreeSet<u16>>;

impl Check<'_> {
    fn list(&mut self) -> Result<(), VerifyError> {
        let paths = self.files.list().map_err(|source| VerifyError::Read {
            path: String::new(),
            source,
        })?;
        for path in paths {
            match path.parse::<LogPath>() {
                Ok(known) => {
                    self.unseen.insert(known);
                }
                Err(_) => self.report.add(Fault::Unexpected { path }),
            }
        }
        Ok(())
    }

    /// Follows the log's changes of its key, if there is a checkpoint that the key given has not signed. What the leaves say
    /// is held against the signed roots afterwards, as all leaves are.
    fn find_keys(&mut self, budget: &Budget) -> Result<(), VerifyError> {
        // Also where the trusted key opens everything: a key that was given up could sign on as if nothing had happened.
        let mut bundles = BTreeMap::new();
        for path in &self.unseen {
            if let LogPath::Tile(TilePath::Entries { index, width }) = path {
                bundles.insert(*index, *width);
            }
        }
        let mut changes = Vec::new();
        for (index, width) in bundles {
            let bytes = self.bytes(LogPath::Tile(TilePath::Entries { index, width }))?;
            let bytes = bytes.unwrap_or_default();
            budget.charge(bytes.len() as u64)?;
            let entries = read_entries(&bytes, width).unwrap_or_default();
            let positions = entries.into_iter().zip(index * TILE_WIDTH..);
            changes.extend(positions.filter_map(|(entry, position)| {
                let marker = LOG_KEY_CHANGED.as_bytes();
                let is_named = entry.windows(marker.len()).any(|window| window == marker);
                is_named.then(|| KeyChange::read(position, entry)).flatten()
            }));
        }
        let checkpoint = |size| self.bytes(LogPath::CheckpointOf(size)).ok().flatten();
        self.keys = LogKeys::follow(self.expected.key, &changes, checkpoint);
        Ok(())
    }

    /// The bytes of a file, if it is there.
    fn bytes(&self, path: LogPath) -> Result<Option<Vec<u8>>, VerifyError> {
        let path = path.to_string();
        self.files
            .read(&path)
            .map_err(|source| VerifyError::Read { path, source })
    }

    /// The bytes of a file that must be there; a fault if it is not.
    fn read(&mut self, path: LogPath) -> Result<Option<Vec<u8>>, VerifyError> {
        self.unseen.remove(&path);
        let bytes = self.bytes(path)?;
        if bytes.is_none() {
            let path = path.to_string();
            self.report.add(Fault::Missing { path });
        }
        Ok(bytes)
    }

    /// Returns whether all leaves could be followed to the end.
    fn check_leaves(
        &mut self,
        size: u64,
        mut claims: Claims,
        budget: &Budget,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<bool, VerifyError> {
        let mut edge = Edge::default();
        claims.settle(&edge, &mut self.report);
        for index in 0..size.div_ceil(TILE_WIDTH) {
            progress(index * TILE_WIDTH, size);
            let width = u16::try_from((size - index * TILE_WIDTH).min(TILE_WIDTH)).unwrap_or(256);
            let Some(hashes) = self.check_bundle(index, width, &claims.widths, budget)? else {
                return Ok(false);
            };
            let mut finished = Vec::new();
            for hash in hashes {
                edge.push(hash, &mut |id, hashes| {
                    if id.level > 0 {
                        finished.push((id, hashes.to_vec()));
                    }
                });
                if claims.next_size() == Some(edge.size()) {
                    claims.settle(&edge, &mut self.report);
                }
            }
            for (id, hashes) in finished {
                self.check_tile(id, &hashes, &claims.widths)?;
            }
        }
        for (id, hashes) in edge.unfinished().filter(|(id, _)| id.level > 0) {
            self.check_tile(id, hashes, &claims.widths)?;
        }
        progress(size, size);
        Ok(true)
    }

    /// Checks entries and hashes of one bundle against each other. Returns the hashes of its leaves; `None` if neither
    /// file gives them.
    fn check_bundle(
        &mut self,
        index: u64,
        width: u16,
        widths: &Widths,
        budget: &Budget,
    ) -> Result<Option<Vec<Hash>>, VerifyError> {
        let id = TileId { level: 0, index };
        let path = TilePath::Entries { index, width };
        let bytes = self.read(LogPath::Tile(path))?;
        budget.charge(bytes.as_ref().map_or(0, Vec::len) as u64)?;
        let entries = bytes.as_deref().map(|bytes| read_entries(bytes, width));
        let entries = entries.and_then(|entries| self.well_formed(path, entries));
        let tile_path = TilePath::Hashes { id, width };
        let tile = self.read(LogPath::Tile(tile_path))?;
        let in_tile = tile.as_deref().map(|bytes| read_tile(bytes, width));
        let in_tile = in_tile.and_then(|hashes| self.well_formed(tile_path, hashes));
        let computed = entries.as_ref().map(|entries| {
            let hashes = entries.iter().map(|entry| Hash::of_leaf(entry));
            hashes.collect::<Vec<Hash>>()
        });
        if let (Some(computed), Some(in_tile)) = (&computed, &in_tile) {
            let differing = computed.iter().zip(in_tile).zip(index * TILE_WIDTH..);
            for (_, position) in differing.filter(|((a, b), _)| a != b) {
                let path = path.to_string();
                self.report.add(Fault::Entry { position, path });
            }
        }
        if let (Some(entries), Some(bytes)) = (&entries, &bytes) {
            for (entry, position) in entries.iter().zip(index * TILE_WIDTH..) {
                self.check_leaf(position, entry);
            }
            let ends = entries.iter().scan(0, |end, entry| {
                *end += 2 + entry.len();
                Some(*end)
            });
            self.check_shorter(path, bytes, &ends.collect::<Vec<_>>(), widths.get(&id))?;
        }
        // What the log signed are the hashes, so they are followed where the two differ.
        let hashes = in_tile.or(computed);
        if let Some(hashes) = &hashes {
            let ends: Vec<usize> = (1..=hashes.len()).map(|count| count * crate::HASH_SIZE).collect();
            self.check_shorter(tile_path, &write_tile(hashes), &ends, widths.get(&id))?;
        }
        Ok(hashes)
    }

    /// What a file holds; a fault if its bytes cannot be that.
    fn well_formed<T>(&mut self, path: TilePath, read: Result<T, BadTile>) -> Option<T> {
        read.map_err(|why| {
            let path = path.to_string();
            self.report.add(Fault::Malformed { path, why });
        })
        .ok()
    }

    /// Checks the files of a tile above the leaves, whose hashes were computed.
    fn check_tile(&mut self, id: TileId, hashes: &[Hash], widths: &Widths) -> Result<(), VerifyError> {
        let width = u16::try_from(hashes.len()).unwrap_or(256);
        let path = TilePath::Hashes { id, width };
        let computed = write_tile(hashes);
        if let Some(bytes) = self.read(LogPath::Tile(path))?
            && bytes != computed
        {
            let path = path.to_string();
            self.report.add(Fault::Changed { path });
        }
        let ends: Vec<usize> = (1..=hashes.len()).map(|count| count * crate::HASH_SIZE).collect();
        self.check_shorter(path, &computed, &ends, widths.get(&id))
    }

    /// Checks the files of a tile or bundle as they were when it had fewer hashes or entries: they must be its beginning.
    /// `ends`: where the first, the first two, … of them end in `bytes`.
    fn check_shorter(
        &mut self,
        path: TilePath,
        bytes: &[u8],
        ends: &[usize],
        widths: Option<&BTreeSet<u16>>,
    ) -> Result<(), VerifyError> {
        for width in widths
            .into_iter()
            .flatten()
            .filter(|width| **width < path.width())
        {
            let shorter = path.with_width(*width);
            let end = ends.get(usize::from(*width) - 1).copied();
            if let Some(found) = self.read(LogPath::Tile(shorter))?
                && Some(found.as_slice()) != end.and_then(|end| bytes.get(..end))
            {
                let path = shorter.to_string();
                self.report.add(Fault::Changed { path });
            }
        }
        Ok(())
    }

    fn note_uncovered(&mut self) {
        for path in std::mem::take(&mut self.unseen) {
            let path = path.to_string();
            self.report.add(Fault::Uncovered { path });
        }
    }
}
