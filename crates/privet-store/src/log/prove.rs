//! Proofs out of the stored tiles.

use std::collections::{BTreeMap, BTreeSet};

use privet_log::{
    GrowthProof, Hash, LeafProof, Node, Note, TILE_WIDTH, TileId, prove_consistency, prove_inclusion, root_of,
};

use super::LogHead;
use super::read::damaged;
use crate::audit::DECISION;
use crate::{Error, Store, values};

/// A proof that asks for the nodes it needs.
type Ask<'a> = dyn FnMut(Node) -> Result<Hash, Error> + 'a;

impl Store {
    /// That the leaf at `index` is in the log that `head` signs.
    ///
    /// # Errors
    /// [`Error::LogDamaged`] if there is no such leaf, or tiles are missing; [`Error::Database`] if the store does not
    /// answer.
    pub async fn leaf_proof(&self, index: u64, head: &LogHead) -> Result<LeafProof, Error> {
        let leaves = self.log_leaves(index, 1).await?;
        let leaf = leaves.into_iter().next().filter(|_| index < head.checkpoint.size);
        let leaf = leaf.ok_or_else(|| damaged(format!("leaf {index} is missing")))?;
        let size = head.checkpoint.size;
        let path = self.proof(|ask| prove_inclusion(index, size, ask)).await?;
        Ok(LeafProof {
            index,
            entry: leaf.entry,
            path,
            note: note(head)?,
        })
    }

    /// That the log that `head` signs begins with its first `old` leaves as they were.
    ///
    /// # Errors
    /// [`Error::LogDamaged`] if tiles are missing, [`Error::Database`] if the store does not answer.
    pub async fn growth_proof(&self, old: u64, head: &LogHead) -> Result<GrowthProof, Error> {
        let size = head.checkpoint.size;
        let path = self.proof(|ask| prove_consistency(old, size, ask)).await?;
        Ok(GrowthProof {
            old,
            path,
            note: note(head)?,
        })
    }

    /// The positions of the decisions about the request `request_id`. O(n): leaves are looked at one by one.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn positions_of_request(&self, request_id: &str) -> Result<Vec<u64>, Error> {
        let escaped = request_id
            .replace('\\', "\\\\")
            .replace('%', "\\%")
            .replace('_', "\\_");
        let pattern = format!("%\"request_id\":\"{escaped}\"%");
        let rows: Vec<i64> = self
            .read(move |tx| {
                Box::pin(async move {
                    tx.rows(
                        "SELECT p.position FROM audit_events e JOIN log_positions p ON p.event = e.id \
                         WHERE e.kind = $1 AND e.payload LIKE $2 ESCAPE '\\' ORDER BY p.position",
                        values![DECISION, pattern],
                    )
                    .await
                })
            })
            .await?;
        Ok(rows.into_iter().map(i64::unsigned_abs).collect())
    }

    /// Makes a proof twice: first to learn which nodes it needs, then with them.
    async fn proof(
        &self,
        make: impl Fn(&mut Ask<'_>) -> Result<Vec<Hash>, Error>,
    ) -> Result<Vec<Hash>, Error> {
        let mut wanted = BTreeSet::new();
        make(&mut |node| {
            wanted.insert(node);
            Ok(Hash::of_empty_tree())
        })?;
        let mut found = BTreeMap::new();
        for node in wanted {
            found.insert(node, self.node(node).await?);
        }
        make(&mut |node| {
            let hash = found.get(&node).copied();
            hash.ok_or_else(|| damaged("a node of its tree is missing".to_owned()))
        })
    }

    /// The root of a perfect tree, from the tile that holds its widest level.
    async fn node(&self, node: Node) -> Result<Hash, Error> {
        let height = u32::from(node.height % 8);
        let first = node.index << height;
        let id = TileId {
            level: node.height / 8,
            index: first / TILE_WIDTH,
        };
        let hashes = self.log_tile(id).await?;
        let from = usize::try_from(first % TILE_WIDTH).unwrap_or(usize::MAX);
        let branches = hashes.get(from..from.saturating_add(1 << height));
        let missing = || {
            damaged(format!(
                "tile {} of level {} has too few hashes",
                id.index, id.level
            ))
        };
        branches.map(root_of).ok_or_else(missing)
    }
}

fn note(head: &LogHead) -> Result<Note, Error> {
    Note::parse(head.note.as_bytes()).map_err(|why| damaged(format!("its head: {why}")))
}
