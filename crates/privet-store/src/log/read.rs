//! The log as the store holds it: head, leaves, tiles.

use privet_log::{Checkpoint, Edge, Hash, NoteKey, TileId, read_tile, write_leaf};

use crate::sql::Tx;
use crate::{Error, Store, values};

/// Most leaves one call of [`Store::log_leaves`] returns.
const MAX_LEAVES: u32 = 10_000;

/// The newest signed head of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHead {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The signed note.
    pub note: String,
}

/// A leaf with its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLeaf {
    /// From 0, without gaps.
    pub position: u64,
    /// The leaf's bytes.
    pub entry: Vec<u8>,
}

/// Position, kind, node, number, payload; only the position is sure to be there.
pub(super) type StoredLeaf = (i64, Option<String>, Option<String>, Option<i64>, Option<String>);

/// The row of the head.
pub(super) struct HeadRow {
    pub(super) size: u64,
    pub(super) last_event: i64,
    /// The last number given to a leaf that came without one.
    pub(super) last_seq: i64,
    pub(super) note: String,
}

impl Store {
    /// The newest signed head; `None` while nothing was sequenced. Its signature is checked with `key`.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::LogDamaged`] if the head does not hold.
    pub async fn log_head(&self, key: &NoteKey) -> Result<Option<LogHead>, Error> {
        self.read(|tx| Box::pin(read_head(tx))).await?.check(key)
    }

    /// Up to `limit` leaves (10 000 at most) from `position` on, in order.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::LogDamaged`] if a position has no leaf.
    pub async fn log_leaves(&self, position: u64, limit: u32) -> Result<Vec<LogLeaf>, Error> {
        let first = to_sql(position);
        let last = first.saturating_add(i64::from(limit.min(MAX_LEAVES)));
        let rows: Vec<StoredLeaf> = self
            .read(move |tx| {
                Box::pin(async move {
                    tx.rows(
                        "SELECT p.position, e.kind, e.node, COALESCE(p.seq, e.seq), e.payload \
                         FROM log_positions p LEFT JOIN audit_events e ON e.id = p.event \
                         WHERE p.position >= $1 AND p.position < $2 ORDER BY p.position",
                        values![first, last],
                    )
                    .await
                })
            })
            .await?;
        rows.into_iter()
            .zip(position..)
            .map(|((stored, kind, node, seq, payload), position)| {
                let (Some(kind), Some(node), Some(seq), Some(payload)) = (kind, node, seq, payload) else {
                    return Err(damaged(format!("leaf {position} is missing")));
                };
                if to_sql(position) != stored {
                    return Err(damaged(format!("leaf {position} is missing")));
                }
                let entry = write_leaf(&kind, &node, seq.unsigned_abs(), &payload).map_err(Error::Json)?;
                Ok(LogLeaf { position, entry })
            })
            .collect()
    }

    /// The right edge of the tree of the first `size` leaves, from the stored tiles.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::LogDamaged`] if tiles are missing.
    pub async fn log_edge(&self, size: u64) -> Result<Edge, Error> {
        self.read(move |tx| Box::pin(read_edge(tx, size))).await
    }

    /// The hashes of a stored tile; empty if there is none.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::LogDamaged`] if it is no tile.
    pub async fn log_tile(&self, id: TileId) -> Result<Vec<Hash>, Error> {
        self.read(move |tx| Box::pin(read_hashes(tx, id))).await
    }
}

impl HeadRow {
    /// What the head says, if it was signed with `key` and fits the row.
    pub(super) fn check(self, key: &NoteKey) -> Result<Option<LogHead>, Error> {
        if self.size == 0 && self.note.is_empty() {
            return Ok(None);
        }
        let (checkpoint, _) =
            Checkpoint::open(self.note.as_bytes(), key).map_err(|why| damaged(format!("its head: {why}")))?;
        if checkpoint.size != self.size {
            return Err(damaged("its head has another size than it signs".to_owned()));
        }
        let note = self.note;
        Ok(Some(LogHead { checkpoint, note }))
    }
}

pub(super) async fn read_head(tx: &mut Tx) -> Result<HeadRow, Error> {
    let (size, last_event, last_seq, note): (i64, i64, i64, String) = tx
        .one(
            "SELECT size, last_event, last_seq, checkpoint FROM log_head",
            values![],
        )
        .await?;
    Ok(HeadRow {
        size: size.unsigned_abs(),
        last_event,
        last_seq,
        note,
    })
}

pub(super) async fn read_edge(tx: &mut Tx, size: u64) -> Result<Edge, Error> {
    let mut tiles = Vec::new();
    for (id, _) in Edge::tiles_of(size) {
        tiles.push((id, read_hashes(tx, id).await?));
    }
    let stored = |id| {
        let found = tiles.iter().find(|(stored, _)| *stored == id);
        found.map(|(_, hashes)| hashes.clone()).unwrap_or_default()
    };
    Edge::restore(size, stored).map_err(|error| damaged(error.to_string()))
}

async fn read_hashes(tx: &mut Tx, id: TileId) -> Result<Vec<Hash>, Error> {
    let hashes: Option<Vec<u8>> = tx
        .optional(
            "SELECT hashes FROM log_tiles WHERE level = $1 AND tile = $2",
            values![i64::from(id.level), to_sql(id.index)],
        )
        .await?;
    let Some(bytes) = hashes else {
        return Ok(Vec::new());
    };
    let width = u16::try_from(bytes.len() / privet_log::HASH_SIZE).unwrap_or(u16::MAX);
    read_tile(&bytes, width).map_err(|why| damaged(format!("tile {} of level {}: {why}", id.index, id.level)))
}

pub(super) fn damaged(what: String) -> Error {
    Error::LogDamaged { what }
}

/// Positions and sizes never reach 2⁶³.
pub(super) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
