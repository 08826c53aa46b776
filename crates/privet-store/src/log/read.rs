//! The log as the store holds it: head, leaves, tiles.

use privet_log::{Checkpoint, Edge, Hash, NoteKey, TileId, read_tile, write_leaf};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::{Error, Store};

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

/// The row of the head.
pub(super) struct HeadRow {
    pub(super) size: u64,
    pub(super) last_event: i64,
    pub(super) note: String,
}

impl Store {
    /// The newest signed head; `None` while nothing was sequenced. Its signature is checked with `key`.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::LogDamaged`] if the head does not hold.
    pub async fn log_head(&self, key: &NoteKey) -> Result<Option<LogHead>, Error> {
        let row = read_head(&mut *self.readers().acquire().await?).await?;
        row.check(key)
    }

    /// Up to `limit` leaves (10 000 at most) from `position` on, in order.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::LogDamaged`] if a position has no leaf.
    pub async fn log_leaves(&self, position: u64, limit: u32) -> Result<Vec<LogLeaf>, Error> {
        let first = to_sql(position);
        let rows = sqlx::query(
            "SELECT p.position, e.id, e.kind, e.node, e.seq, e.payload \
             FROM log_positions p LEFT JOIN audit_events e ON e.id = p.event \
             WHERE p.position >= $1 AND p.position < $2 ORDER BY p.position",
        )
        .bind(first)
        .bind(first.saturating_add(i64::from(limit.min(MAX_LEAVES))))
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .zip(position..)
            .map(|(row, position)| {
                let stored: i64 = row.try_get("position")?;
                if to_sql(position) != stored || row.try_get::<Option<i64>, _>("id")?.is_none() {
                    return Err(damaged(format!("leaf {position} is missing")));
                }
                let entry = read_entry(row)?;
                Ok(LogLeaf { position, entry })
            })
            .collect()
    }

    /// The right edge of the tree of the first `size` leaves, from the stored tiles.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::LogDamaged`] if tiles are missing.
    pub async fn log_edge(&self, size: u64) -> Result<Edge, Error> {
        read_edge(&mut *self.readers().acquire().await?, size).await
    }

    /// The hashes of a stored tile; empty if there is none.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::LogDamaged`] if it is no tile.
    pub async fn log_tile(&self, id: TileId) -> Result<Vec<Hash>, Error> {
        read_hashes(&mut *self.readers().acquire().await?, id).await
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

pub(super) async fn read_head(connection: &mut SqliteConnection) -> Result<HeadRow, Error> {
    let row = sqlx::query("SELECT size, last_event, checkpoint FROM log_head")
        .fetch_one(connection)
        .await?;
    Ok(HeadRow {
        size: row.try_get::<i64, _>("size")?.unsigned_abs(),
        last_event: row.try_get("last_event")?,
        note: row.try_get("checkpoint")?,
    })
}

pub(super) async fn read_edge(connection: &mut SqliteConnection, size: u64) -> Result<Edge, Error> {
    let mut tiles = Vec::new();
    for (id, _) in Edge::tiles_of(size) {
        tiles.push((id, read_hashes(&mut *connection, id).await?));
    }
    let stored = |id| {
        let found = tiles.iter().find(|(stored, _)| *stored == id);
        found.map(|(_, hashes)| hashes.clone()).unwrap_or_default()
    };
    Edge::restore(size, stored).map_err(|error| damaged(error.to_string()))
}

async fn read_hashes(connection: &mut SqliteConnection, id: TileId) -> Result<Vec<Hash>, Error> {
    let hashes: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT hashes FROM log_tiles WHERE level = $1 AND tile = $2")
            .bind(i64::from(id.level))
            .bind(to_sql(id.index))
            .fetch_optional(connection)
            .await?;
    let Some(bytes) = hashes else {
        return Ok(Vec::new());
    };
    let width = u16::try_from(bytes.len() / privet_log::HASH_SIZE).unwrap_or(u16::MAX);
    read_tile(&bytes, width).map_err(|why| damaged(format!("tile {} of level {}: {why}", id.index, id.level)))
}

/// The bytes of the leaf in a row with `kind`, `node`, `seq` and `payload`.
pub(super) fn read_entry(row: &SqliteRow) -> Result<Vec<u8>, Error> {
    let seq: i64 = row.try_get("seq")?;
    write_leaf(
        row.try_get("kind")?,
        row.try_get("node")?,
        seq.unsigned_abs(),
        row.try_get("payload")?,
    )
    .map_err(Error::Json)
}

pub(super) fn damaged(what: String) -> Error {
    Error::LogDamaged { what }
}

/// Positions and sizes never reach 2⁶³.
pub(super) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
