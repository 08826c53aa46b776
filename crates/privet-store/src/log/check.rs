//! The check of the log as the store holds it: leaves, numbers, tiles, root, signature.

use std::collections::BTreeSet;

use privet_log::{Checkpoint, Edge, Hash, Note, NoteKey, TileId, write_leaf};
use privet_types::LogPosition;

use super::STORE_NODE;
use super::read::{HeadRow, StoredLeaf, read_head, to_sql};
use crate::sql::{Backend, Tx, Value};
use crate::{Error, Store, values};

/// Leaves read at a time: one tile, so that memory stays small.
const PAGE: u64 = privet_log::TILE_WIDTH;
/// Faults that are told one by one; more are counted.
const MOST_TOLD: usize = 100;

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LogFault {
    /// The head is not signed with this key, or says something else than its row.
    Head,
    /// The tree of the leaves has another root than the head signs.
    Root,
    /// A position has no leaf.
    MissingLeaf {
        /// Which position.
        position: u64,
    },
    /// A leaf is not what was signed.
    ChangedLeaf {
        /// At which position.
        position: u64,
    },
    /// A tile is missing or holds other hashes than its tree has.
    Tile {
        /// Its level.
        level: u8,
        /// Its number.
        index: u64,
    },
    /// Positions behind the head, or leaves that stand twice.
    Positions {
        /// How many.
        count: u64,
    },
    /// Stored events that the sequencer has passed over: nobody will ever give them a position.
    Unplaced {
        /// How many.
        count: u64,
    },
    /// Numbers of a node that no leaf has.
    Gap {
        /// Which node.
        node: String,
        /// How many are missing, or stand too often.
        count: u64,
    },
}

/// What the check of the log found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogCheck {
    /// The head it was held against.
    pub position: LogPosition,
    /// Stored events, those without a position among them.
    pub leaves: u64,
    /// Those that wait for a position.
    pub waiting: u64,
    /// Leaves under the head that are what was signed.
    pub verified: u64,
    /// Whether leaves and tree were computed again.
    pub is_recomputed: bool,
    /// In a log of more leaves than were asked for, how many were: drawn at random, all of them equally likely. The tree above
    /// them was computed as a whole.
    pub sampled: Option<u64>,
    /// What does not hold; 100 at most.
    pub faults: Vec<LogFault>,
    /// How many faults there are.
    pub fault_count: u64,
}

/// What one consistent state says of the log's rows.
struct Rows {
    head: HeadRow,
    leaves: i64,
    waiting: i64,
    unplaced: i64,
    odd_positions: i64,
    /// Node, leaves, lowest and highest number.
    nodes: Vec<(String, i64, i64, i64)>,
}

impl LogCheck {
    /// Whether nothing was found.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.fault_count == 0
    }

    /// Whether numbers of a node or positions are missing.
    #[must_use]
    pub fn has_gap(&self) -> bool {
        self.faults.iter().any(|fault| {
            matches!(
                fault,
                LogFault::Gap { .. } | LogFault::MissingLeaf { .. } | LogFault::Unplaced { .. }
            )
        })
    }

    fn found(&mut self, fault: LogFault) {
        self.fault_count += 1;
        if self.faults.len() < MOST_TOLD {
            self.faults.push(fault);
        }
    }
}

impl Store {
    /// Computes the log again from its leaves and holds tiles, root, numbers and the signature of `key` against it. Has it more
    /// than `most` leaves, then the tree is computed from the hashes in its tiles, and `most` leaves, drawn at random without
    /// replacement, are held against theirs. `progress` is told how many leaves are done. O(n) time, memory for some tiles
    /// and for 8 bytes a leaf drawn.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn check_log(
        &self,
        key: &NoteKey,
        most: u64,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<LogCheck, Error> {
        let rows = self.read(|tx| Box::pin(look(tx))).await?;
        let mut check = LogCheck {
            leaves: rows.leaves.unsigned_abs(),
            waiting: rows.waiting.unsigned_abs(),
            ..LogCheck::default()
        };
        let signed = signed(&rows.head, key);
        let size = rows.head.size;
        check.position = LogPosition {
            size,
            root: signed.as_ref().map(|(head, _)| head.root.to_base64()),
        };
        let is_empty = size == 0 && rows.head.note.is_empty();
        let is_good = signed
            .as_ref()
            .is_some_and(|(head, is_signed)| *is_signed && head.size == size);
        if !is_good && !is_empty {
            check.found(LogFault::Head);
        }
        for (node, count, low, high) in rows.nodes {
            if count != high || low != 1 {
                let count = (high - count).unsigned_abs().max(1);
                check.found(LogFault::Gap { node, count });
            }
        }
        let (odd, unplaced) = (rows.odd_positions.unsigned_abs(), rows.unplaced.unsigned_abs());
        if odd > 0 {
            check.found(LogFault::Positions { count: odd });
        }
        if unplaced > 0 {
            check.found(LogFault::Unplaced { count: unplaced });
        }
        let drawn = (size > most).then(|| draw(size, most)).transpose()?;
        let root = self.recompute(size, drawn.as_ref(), &mut check, progress).await?;
        check.is_recomputed = drawn.is_none();
        check.sampled = drawn.map(|drawn| drawn.len() as u64);
        if !is_empty && signed.is_some_and(|(head, _)| head.root != root) {
            check.found(LogFault::Root);
        }
        Ok(check)
    }

    /// The root of the first `size` leaves, computed from the leaves; each, or each of those `drawn`, is held against the hash
    /// in its tile, and the tiles against each other. Where a leaf is not what its tile says, the tile's hash goes into the tree, so that one
    /// changed leaf is one fault.
    async fn recompute(
        &self,
        size: u64,
        drawn: Option<&BTreeSet<u64>>,
        check: &mut LogCheck,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<Hash, Error> {
        let mut edge = Edge::default();
        let mut at = 0;
        while at < size {
            let wanted = PAGE.min(size - at);
            let (leaves, tile) = self.page(at, wanted, drawn).await?;
            let mut leaves = leaves.into_iter().peekable();
            let mut tile = tile.into_iter();
            let mut full = Vec::new();
            for position in at..at + wanted {
                let is_asked = drawn.is_none_or(|drawn| drawn.contains(&position));
                let leaf = leaves.next_if(|(stored, _)| *stored == position);
                let hash = leaf.and_then(|(_, hash)| hash);
                let in_tile = tile.next();
                match (hash, in_tile) {
                    _ if !is_asked => {}
                    (None, _) => check.found(LogFault::MissingLeaf { position }),
                    (Some(hash), Some(signed)) if hash != signed => {
                        check.found(LogFault::ChangedLeaf { position });
                    }
                    (Some(_), _) => check.verified += 1,
                }
                let hash = in_tile.or(hash).unwrap_or_else(Hash::of_empty_tree);
                edge.push(hash, &mut |id, hashes| full.push((id, hashes.to_vec())));
            }
            for (id, hashes) in full {
                self.compare(id, &hashes, check).await?;
            }
            at += wanted;
            progress(at, size);
        }
        let rest: Vec<_> = edge
            .unfinished()
            .map(|(id, hashes)| (id, hashes.to_vec()))
            .collect();
        for (id, hashes) in rest {
            self.compare(id, &hashes, check).await?;
        }
        Ok(edge.root())
    }

    /// Leaves of one tile, or those of them that were `drawn`, with their hashes, and what its tile says.
    async fn page(
        &self,
        at: u64,
        wanted: u64,
        drawn: Option<&BTreeSet<u64>>,
    ) -> Result<(Vec<(u64, Option<Hash>)>, Vec<Hash>), Error> {
        let mut values = values![to_sql(at), to_sql(at + wanted)];
        let among = match drawn {
            None => String::new(),
            Some(drawn) => {
                values.extend(drawn.range(at..at + wanted).map(|one| Value::from(to_sql(*one))));
                let places: Vec<String> = (3..=values.len()).map(|place| format!("${place}")).collect();
                format!("AND p.position IN ({}) ", places.join(","))
            }
        };
        let sql = format!(
            "SELECT p.position, e.kind, e.node, COALESCE(p.seq, e.seq), e.payload \
             FROM log_positions p LEFT JOIN audit_events e ON e.id = p.event \
             WHERE p.position >= $1 AND p.position < $2 {among}ORDER BY p.position"
        );
        // Of most tiles of a long log no leaf is drawn.
        let has_none = drawn.is_some() && values.len() == 2;
        let rows: Vec<StoredLeaf> = if has_none {
            Vec::new()
        } else {
            self.read(move |tx| Box::pin(async move { tx.rows(sql, values).await }))
                .await?
        };
        let leaves = rows.into_iter().map(|(position, kind, node, seq, payload)| {
            let hash = match (kind, node, seq, payload) {
                (Some(kind), Some(node), Some(seq), Some(payload)) => {
                    write_leaf(&kind, &node, seq.unsigned_abs(), &payload)
                        .ok()
                        .map(|entry| Hash::of_leaf(&entry))
                }
                _ => None,
            };
            (position.unsigned_abs(), hash)
        });
        let id = TileId {
            level: 0,
            index: at / PAGE,
        };
        // A tile that cannot be read is told of when it is compared.
        let tile = self.log_tile(id).await.unwrap_or_default();
        Ok((leaves.collect(), tile))
    }

    async fn compare(&self, id: TileId, hashes: &[Hash], check: &mut LogCheck) -> Result<(), Error> {
        let stored = match self.log_tile(id).await {
            Ok(stored) => stored,
            Err(Error::LogDamaged { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        // Leaves that came since may have filled it further.
        if stored.get(..hashes.len()) != Some(hashes) {
            check.found(LogFault::Tile {
                level: id.level,
                index: id.index,
            });
        }
        Ok(())
    }
}

/// `most` of the first `size` positions, each set of so many equally likely.
///
/// # Source
/// R. W. Floyd, in J. Bentley, "Programming Pearls: A Sample of Brilliance", CACM 30(9), 1987.
fn draw(size: u64, most: u64) -> Result<BTreeSet<u64>, Error> {
    let mut drawn = BTreeSet::new();
    for last in size.saturating_sub(most)..size {
        // Of 2^128 numbers so few are over that no position is likelier by more than 2^-64.
        let random = u128::from_be_bytes(privet_crypto::random()?);
        let one = u64::try_from(random % u128::from(last + 1)).unwrap_or(last);
        if !drawn.insert(one) {
            drawn.insert(last);
        }
    }
    Ok(drawn)
}

/// What the head says, and whether `key` signed it.
fn signed(head: &HeadRow, key: &NoteKey) -> Option<(Checkpoint, bool)> {
    let note = Note::parse(head.note.as_bytes()).ok()?;
    let checkpoint = Checkpoint::parse(note.text()).ok()?;
    let is_signed = Checkpoint::open(head.note.as_bytes(), key).is_ok();
    Some((checkpoint, is_signed))
}

async fn look(tx: &mut Tx) -> Result<Rows, Error> {
    let head = read_head(tx).await?;
    let leaves = tx.one("SELECT COUNT(*) FROM audit_events", values![]).await?;
    let without = "NOT EXISTS (SELECT 1 FROM log_positions p WHERE p.event = e.id)";
    let lost = match tx.backend() {
        Backend::Sqlite => "e.id <= $1",
        Backend::Postgres => "$1 >= 0 AND NOT EXISTS (SELECT 1 FROM log_queue q WHERE q.event = e.id)",
    };
    let sql = format!("SELECT COUNT(*) FROM audit_events e WHERE {lost} AND {without}");
    let unplaced: i64 = tx.one(sql, values![head.last_event]).await?;
    let all: i64 = tx
        .one(
            format!("SELECT COUNT(*) FROM audit_events e WHERE {without}"),
            values![],
        )
        .await?;
    let odd_positions: i64 = tx
        .one(
            "SELECT (SELECT COUNT(*) FROM log_positions WHERE position >= $1 OR position < 0) \
             + (SELECT COUNT(*) - COUNT(DISTINCT event) FROM log_positions)",
            values![to_sql(head.size)],
        )
        .await?;
    let mut nodes: Vec<(String, i64, i64, i64)> = tx
        .rows(
            "SELECT node, COUNT(*), MIN(seq), MAX(seq) FROM audit_events WHERE node <> $1 AND seq IS NOT NULL \
             GROUP BY node ORDER BY node",
            values![STORE_NODE],
        )
        .await?;
    nodes.extend(
        tx.rows::<(String, i64, i64, i64)>(
            "SELECT e.node, COUNT(*), MIN(COALESCE(p.seq, e.seq)), MAX(COALESCE(p.seq, e.seq)) \
             FROM log_positions p JOIN audit_events e ON e.id = p.event WHERE e.node = $1 GROUP BY e.node",
            values![STORE_NODE],
        )
        .await?,
    );
    Ok(Rows {
        head,
        leaves,
        waiting: all - unplaced,
        unplaced,
        odd_positions,
        nodes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_positions_are_drawn_as_were_asked_for_and_none_is_favoured() {
        let mut hits = [0_u32; 10];
        for _ in 0..2_000 {
            let drawn = draw(10, 3).unwrap();
            assert_eq!(drawn.len(), 3);
            for one in drawn {
                hits[usize::try_from(one).unwrap()] += 1;
            }
        }
        // 600 each are expected, with a standard deviation of 20.5: seven of them, for a false alarm in 10^11 runs.
        assert!(hits.iter().all(|hits| (457..=743).contains(hits)), "{hits:?}");
    }
}
