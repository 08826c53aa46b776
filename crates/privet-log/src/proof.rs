//! Proofs that a leaf is in a tree, and that one tree begins with another.
//!
//! Made as RFC 6962 §2.1.1 and §2.1.2 define them, checked by the algorithms of RFC 9162 §2.1.3.2 and §2.1.4.2, which
//! know nothing of how they were made.

use std::ops::Range;

use crate::hash::Hash;

/// A perfect tree within a larger one: the leaves `index` × 2^`height` .. (`index` + 1) × 2^`height`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// 0 for a leaf.
    pub height: u8,
    /// From 0, left to right.
    pub index: u64,
}

/// A proof does not prove what was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not hold")]
pub struct BadProof;

/// The hashes beside the path from leaf `index` to the root of the tree of `size` leaves, from below.
///
/// `node` gives the root of a perfect tree; it is asked for O((log n)²) of them.
///
/// # Errors
/// What `node` fails with. `index` must be below `size`, else the proof is empty.
pub fn prove_inclusion<E>(
    index: u64,
    size: u64,
    node: &mut dyn FnMut(Node) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut beside = Vec::new();
    let mut range = 0..size;
    while range.end.saturating_sub(range.start) > 1 && range.contains(&index) {
        let split = split(&range);
        if index < split {
            beside.push(split..range.end);
            range.end = split;
        } else {
            beside.push(range.start..split);
            range.start = split;
        }
    }
    beside
        .into_iter()
        .rev()
        .map(|range| range_root(range, node))
        .collect()
}

/// The hashes from which both the root of the first `old` leaves and that of all `size` leaves follow.
///
/// # Errors
/// What `node` fails with. Unless 0 < `old` < `size` the proof is empty.
pub fn prove_consistency<E>(
    old: u64,
    size: u64,
    node: &mut dyn FnMut(Node) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    if old == 0 || old >= size {
        return Ok(Vec::new());
    }
    let mut ranges = Vec::new();
    let mut range = 0..size;
    while old != range.end {
        let split = split(&range);
        if old <= split {
            ranges.push(split..range.end);
            range.end = split;
        } else {
            ranges.push(range.start..split);
            range.start = split;
        }
    }
    // The old tree itself is known to who checks, if it is one of the branches.
    if range.start > 0 {
        ranges.push(range);
    }
    ranges
        .into_iter()
        .rev()
        .map(|range| range_root(range, node))
        .collect()
}

/// Checks that the tree of `size` leaves with `root` has `leaf` at `index`.
///
/// # Errors
/// [`BadProof`] if the proof does not say so.
pub fn check_inclusion(
    index: u64,
    size: u64,
    leaf: &Hash,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), BadProof> {
    if index >= size {
        return Err(BadProof);
    }
    let (mut at, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for beside in proof {
        if last == 0 {
            return Err(BadProof);
        }
        if at & 1 == 1 || at == last {
            hash = Hash::of_node(beside, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = Hash::of_node(&hash, beside);
        }
        at >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root {
        Ok(())
    } else {
        Err(BadProof)
    }
}

/// Checks that the tree of `size` leaves with `root` begins with the tree of `old` leaves with `old_root`.
///
/// # Errors
/// [`BadProof`] if the proof does not say so.
pub fn check_consistency(
    old: u64,
    old_root: &Hash,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), BadProof> {
    if old > size {
        return Err(BadProof);
    }
    if old == size || old == 0 {
        let is_known = if old == size {
            old_root == root
        } else {
            *old_root == Hash::of_empty_tree()
        };
        return if is_known && proof.is_empty() {
            Ok(())
        } else {
            Err(BadProof)
        };
    }
    let mut proof = proof.iter();
    let first = if old.is_power_of_two() {
        Some(old_root)
    } else {
        proof.next()
    };
    let mut old_hash = *first.ok_or(BadProof)?;
    let mut hash = old_hash;
    let (mut at, mut last) = (old - 1, size - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    for beside in proof {
        if last == 0 {
            return Err(BadProof);
        }
        if at & 1 == 1 || at == last {
            old_hash = Hash::of_node(beside, &old_hash);
            hash = Hash::of_node(beside, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = Hash::of_node(&hash, beside);
        }
        at >>= 1;
        last >>= 1;
    }
    if last == 0 && old_hash == *old_root && hash == *root {
        Ok(())
    } else {
        Err(BadProof)
    }
}

/// Where a range of two leaves or more, that begins where its first branch may begin, falls into its two branches.
fn split(range: &Range<u64>) -> u64 {
    range.start + (1 << (range.end - range.start - 1).ilog2())
}

/// The root over the leaves of `range`.
fn range_root<E>(range: Range<u64>, node: &mut dyn FnMut(Node) -> Result<Hash, E>) -> Result<Hash, E> {
    let length = range.end - range.start;
    if length.is_power_of_two() {
        let height = u8::try_from(length.ilog2()).unwrap_or(u8::MAX);
        return node(Node {
            height,
            index: range.start >> height,
        });
    }
    let split = split(&range);
    let left = range_root(range.start..split, node)?;
    let right = range_root(split..range.end, node)?;
    Ok(Hash::of_node(&left, &right))
}
