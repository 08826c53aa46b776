//! Roots and proofs against a tree that is computed as RFC 6962 writes it down.

use std::convert::Infallible;

use privet_log::{
    Edge, Hash, Node, TILE_WIDTH, TileId, check_consistency, check_inclusion, prove_consistency,
    prove_inclusion, root_of,
};
use proptest::prelude::*;

/// RFC 6962 §2.1, word for word, over the entries themselves.
fn naive_root(entries: &[Vec<u8>]) -> Hash {
    match entries {
        [] => Hash::of_empty_tree(),
        [only] => Hash::of_leaf(only),
        _ => {
            let mut k = 1;
            while k * 2 < entries.len() {
                k *= 2;
            }
            Hash::of_node(&naive_root(&entries[..k]), &naive_root(&entries[k..]))
        }
    }
}

/// RFC 6962 §2.1.1.
fn naive_path(m: usize, entries: &[Vec<u8>]) -> Vec<Hash> {
    if entries.len() <= 1 {
        return Vec::new();
    }
    let mut k = 1;
    while k * 2 < entries.len() {
        k *= 2;
    }
    let (mut path, beside) = if m < k {
        (naive_path(m, &entries[..k]), naive_root(&entries[k..]))
    } else {
        (naive_path(m - k, &entries[k..]), naive_root(&entries[..k]))
    };
    path.push(beside);
    path
}

/// RFC 6962 §2.1.2.
fn naive_subproof(m: usize, entries: &[Vec<u8>], is_known: bool) -> Vec<Hash> {
    if m == entries.len() {
        return if is_known {
            Vec::new()
        } else {
            vec![naive_root(entries)]
        };
    }
    let mut k = 1;
    while k * 2 < entries.len() {
        k *= 2;
    }
    let (mut proof, beside) = if m <= k {
        (
            naive_subproof(m, &entries[..k], is_known),
            naive_root(&entries[k..]),
        )
    } else {
        (
            naive_subproof(m - k, &entries[k..], false),
            naive_root(&entries[..k]),
        )
    };
    proof.push(beside);
    proof
}

fn entries(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|i| format!("entry {i}").into_bytes()).collect()
}

fn node_of(entries: &[Vec<u8>]) -> impl FnMut(Node) -> Result<Hash, Infallible> {
    move |node| {
        let start = usize::try_from(node.index << node.height).unwrap();
        Ok(naive_root(&entries[start..start + (1 << node.height)]))
    }
}

fn edge_of(entries: &[Vec<u8>]) -> (Edge, Vec<(TileId, Vec<Hash>)>) {
    let mut edge = Edge::default();
    let mut tiles = Vec::new();
    for entry in entries {
        edge.push(Hash::of_leaf(entry), &mut |id, hashes| {
            tiles.push((id, hashes.to_vec()));
        });
    }
    (edge, tiles)
}

#[test]
fn the_known_answers_of_certificate_transparency_are_reproduced() {
    // Leaves and roots of the test tree of google/certificate-transparency, C++ merkletree tests.
    let entries: Vec<Vec<u8>> = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    .map(|hex| data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap())
    .to_vec();
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    for (size, root) in roots.iter().enumerate() {
        assert_eq!(
            edge_of(&entries[..size]).0.root().to_string(),
            *root,
            "size {size}"
        );
    }
}

#[test]
fn every_root_and_every_proof_of_small_trees_is_that_of_the_rfc() {
    let entries = entries(33);
    for size in 0..=entries.len() {
        let (tree, root) = (&entries[..size], naive_root(&entries[..size]));
        assert_eq!(edge_of(tree).0.root(), root);
        for index in 0..size {
            let proof = prove_inclusion(index as u64, size as u64, &mut node_of(tree)).unwrap();
            assert_eq!(proof, naive_path(index, tree));
            let leaf = Hash::of_leaf(&tree[index]);
            assert_eq!(
                check_inclusion(index as u64, size as u64, &leaf, &proof, &root),
                Ok(())
            );
        }
        for old in 1..size {
            let proof = prove_consistency(old as u64, size as u64, &mut node_of(tree)).unwrap();
            assert_eq!(proof, naive_subproof(old, tree, true));
            let old_root = naive_root(&tree[..old]);
            assert_eq!(
                check_consistency(old as u64, &old_root, size as u64, &root, &proof),
                Ok(())
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn an_edge_has_the_root_of_the_whole_tree_and_survives_being_stored_in_tiles(size in 0_usize..1400, more in 0_usize..300) {
        let entries = entries(size + more);
        let (edge, tiles) = edge_of(&entries[..size]);
        prop_assert_eq!(edge.root(), naive_root(&entries[..size]));
        let stored = |id: TileId| {
            let finished = tiles.iter().find(|(finished, _)| *finished == id).map(|(_, hashes)| hashes.clone());
            let unfinished = edge.unfinished().find(|(unfinished, _)| *unfinished == id).map(|(_, hashes)| hashes.to_vec());
            finished.or(unfinished).unwrap_or_default()
        };
        for earlier in [size, size / 2, size - size % 256] {
            let mut restored = Edge::restore(earlier as u64, stored).unwrap();
            prop_assert_eq!(restored.root(), naive_root(&entries[..earlier]));
            for entry in &entries[earlier..] {
                restored.push(Hash::of_leaf(entry), &mut |_, _| {});
            }
            prop_assert_eq!(restored.root(), naive_root(&entries));
        }
    }

    #[test]
    fn tiles_hold_the_roots_of_the_trees_below_them(size in 256_usize..1400) {
        let entries = entries(size);
        for (id, hashes) in edge_of(&entries).1 {
            let below = usize::try_from(TILE_WIDTH.pow(u32::from(id.level))).unwrap();
            let first = usize::try_from(id.index).unwrap() * 256 * below;
            for (i, hash) in hashes.iter().enumerate() {
                prop_assert_eq!(*hash, naive_root(&entries[first + i * below..first + (i + 1) * below]));
            }
        }
    }

    #[test]
    fn a_proof_for_something_else_does_not_hold(size in 2_u64..200, index in any::<u64>(), other in any::<u64>(), broken in any::<usize>()) {
        let entries = entries(usize::try_from(size).unwrap());
        let root = naive_root(&entries);
        let (index, other) = (index % size, other % size);
        let proof = prove_inclusion(index, size, &mut node_of(&entries)).unwrap();
        let leaf = Hash::of_leaf(&entries[usize::try_from(index).unwrap()]);
        prop_assert_eq!(check_inclusion(other, size, &leaf, &proof, &root).is_ok(), other == index);
        prop_assert!(check_inclusion(index, size, &root, &proof, &root).is_err());
        prop_assert!(check_inclusion(size, size, &leaf, &proof, &root).is_err());
        let mut changed = proof.clone();
        let at = broken % changed.len();
        changed[at] = leaf;
        prop_assert!(check_inclusion(index, size, &leaf, &changed, &root).is_err());
        prop_assert!(check_inclusion(index, size, &leaf, &proof[1..], &root).is_err());
        let longer = [&proof[..], &[root]].concat();
        prop_assert!(check_inclusion(index, size, &leaf, &longer, &root).is_err());
    }

    #[test]
    fn a_tree_that_does_not_continue_another_has_no_proof(size in 2_u64..200, old in any::<u64>(), changed in any::<u64>()) {
        let old = 1 + old % (size - 1);
        let entries = entries(usize::try_from(size).unwrap());
        let proof = prove_consistency(old, size, &mut node_of(&entries)).unwrap();
        let root = naive_root(&entries);
        let mut before = entries[..usize::try_from(old).unwrap()].to_vec();
        let honest = naive_root(&before);
        let at = usize::try_from(changed % old).unwrap();
        before[at].push(b'!');
        let forked = naive_root(&before);
        prop_assert!(check_consistency(old, &honest, size, &root, &proof).is_ok());
        prop_assert!(check_consistency(old, &forked, size, &root, &proof).is_err());
        prop_assert!(check_consistency(old, &honest, size, &forked, &proof).is_err());
        prop_assert!(check_consistency(size, &root, old, &honest, &proof).is_err());
        prop_assert!(check_consistency(old, &honest, size, &root, &[&proof[..], &[root]].concat()).is_err());
    }
}

#[test]
fn a_tree_is_consistent_with_itself_and_with_the_empty_one() {
    let root = naive_root(&entries(5));
    assert!(check_consistency(5, &root, 5, &root, &[]).is_ok());
    assert!(check_consistency(0, &Hash::of_empty_tree(), 5, &root, &[]).is_ok());
    assert!(check_consistency(0, &root, 5, &root, &[]).is_err());
    assert!(check_consistency(5, &root, 5, &Hash::of_empty_tree(), &[]).is_err());
    assert_eq!(root_of(&[]), Hash::of_empty_tree());
}
