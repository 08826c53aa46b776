//! Proofs as files.

use std::convert::Infallible;

use privet_log::{
    BadEvidence, Checkpoint, GrowthProof, Hash, LeafProof, Node, Note, prove_consistency, prove_inclusion,
    root_of,
};

use crate::support::{leaves, log, signer};

fn head(leaves: &[Vec<u8>]) -> Checkpoint {
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| Hash::of_leaf(leaf)).collect();
    Checkpoint {
        origin: "log.example/test".to_owned(),
        size: leaves.len() as u64,
        root: root_of(&hashes),
    }
}

fn note(leaves: &[Vec<u8>]) -> Note {
    Note::parse(head(leaves).sign(&log()).as_bytes()).unwrap()
}

/// Answers from the leaves themselves.
fn nodes(leaves: &[Vec<u8>]) -> impl FnMut(Node) -> Result<Hash, Infallible> + use<'_> {
    |node| {
        let first = usize::try_from(node.index << node.height).unwrap();
        let hashes: Vec<Hash> = leaves[first..first + (1 << node.height)]
            .iter()
            .map(|leaf| Hash::of_leaf(leaf))
            .collect();
        Ok(root_of(&hashes))
    }
}

fn leaf_proof(leaves: &[Vec<u8>], index: u64) -> LeafProof {
    let Ok(path) = prove_inclusion(index, leaves.len() as u64, &mut nodes(leaves));
    LeafProof {
        index,
        entry: leaves[usize::try_from(index).unwrap()].clone(),
        path,
        note: note(leaves),
    }
}

fn growth_proof(leaves: &[Vec<u8>], old: u64) -> GrowthProof {
    let Ok(path) = prove_consistency(old, leaves.len() as u64, &mut nodes(leaves));
    GrowthProof {
        old,
        path,
        note: note(leaves),
    }
}

#[test]
fn each_leaf_is_proved_by_a_file_that_stands_alone() {
    for size in 1..40 {
        let leaves = leaves(size);
        for index in 0..size {
            let file = leaf_proof(&leaves, index).to_string();
            let read = LeafProof::parse(file.as_bytes()).unwrap();
            assert_eq!(read.to_string(), file, "a proof has one spelling");
            assert_eq!(read.check(log().key()).unwrap(), head(&leaves));
            assert_eq!(read.entry, leaves[usize::try_from(index).unwrap()]);
        }
    }
}

#[test]
fn a_proof_of_a_leaf_is_in_the_form_of_c2sp() {
    let file = leaf_proof(&leaves(5), 3).to_string();
    let lines: Vec<&str> = file.lines().collect();
    assert_eq!(lines[0], "c2sp.org/tlog-proof@v1");
    assert!(lines[1].starts_with("extra ") && lines[2] == "index 3");
    assert_eq!(&lines[6..9], ["", "log.example/test", "5"]);
    assert!(file.ends_with('\n') && lines[11].starts_with("\u{2014} log.example/test "));
}

#[test]
fn every_changed_byte_of_a_proof_is_noticed() {
    let leaves = leaves(23);
    let file = leaf_proof(&leaves, 17).to_string().into_bytes();
    let growth = growth_proof(&leaves, 11).to_string().into_bytes();
    let held = head(&leaves[..11]);
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut changed = file.clone();
            changed[at] ^= 1 << bit;
            let holds = LeafProof::parse(&changed).and_then(|proof| proof.check(log().key()));
            assert!(holds.is_err(), "byte {at}, bit {bit}");
        }
    }
    for at in 0..growth.len() {
        for bit in 0..8 {
            let mut changed = growth.clone();
            changed[at] ^= 1 << bit;
            let holds = GrowthProof::parse(&changed).and_then(|proof| proof.check(&held, log().key()));
            assert!(holds.is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn the_log_continues_every_checkpoint_of_it_and_no_other() {
    let all = leaves(33);
    for old in 0..=33_u64 {
        let file = growth_proof(&all, old).to_string();
        let read = GrowthProof::parse(file.as_bytes()).unwrap();
        assert_eq!(read.to_string(), file);
        let held = head(&all[..usize::try_from(old).unwrap()]);
        assert_eq!(read.check(&held, log().key()).unwrap().size, 33, "{old}");
        if old > 0 {
            let mut other = held.clone();
            other.root = Hash::of_leaf(b"other");
            assert_eq!(
                read.check(&other, log().key()),
                Err(BadEvidence::Proof(privet_log::BadProof))
            );
        }
        let longer = head(&all[..usize::try_from((old + 1) % 33).unwrap()]);
        assert!(read.check(&longer, log().key()).is_err());
    }
}

#[test]
fn a_proof_by_another_key_or_of_another_log_does_not_hold() {
    let leaves = leaves(9);
    let proof = leaf_proof(&leaves, 4);
    let other = signer('9', "log.example/test", privet_log::Signer::Log);
    assert!(matches!(
        proof.check(other.key()),
        Err(BadEvidence::Checkpoint(_))
    ));
    let elsewhere = signer('7', "log.example/other", privet_log::Signer::Log);
    assert!(proof.check(elsewhere.key()).is_err());
    let growth = growth_proof(&leaves, 4);
    let mut held = head(&leaves[..4]);
    held.origin = "log.example/other".to_owned();
    assert!(matches!(
        growth.check(&held, log().key()),
        Err(BadEvidence::Checkpoint(_))
    ));
}
