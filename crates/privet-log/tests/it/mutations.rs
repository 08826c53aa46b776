//! Every change to an exported folder must be noticed.

use privet_log::{LogPath, Note, Outcome, TilePath, read_entries, write_entry};

use crate::support::{Checks, Folder, check_with, export, leaves, witness};

/// A small log after three exports, with a cosignature; and who is asked for.
fn small() -> (Folder, Checks<'static>) {
    cosigned(export(&leaves(12), &[2, 5, 12]), 12)
}

/// A log with full tiles, unfinished ones at two levels, and older states of both.
fn large() -> (Folder, Checks<'static>) {
    cosigned(export(&leaves(530), &[3, 256, 300, 530]), 530)
}

fn cosigned(mut folder: Folder, size: u64) -> (Folder, Checks<'static>) {
    let text = Note::parse(&folder.0["checkpoint"]).unwrap().text().to_owned();
    let key = witness().key().id();
    let path = LogPath::Cosignature { size, key }.to_string();
    folder
        .0
        .insert(path, witness().sign(&text, 1_700_000_000).into_bytes());
    let checks = Checks {
        witnesses: vec![witness().key().clone()],
        ..Checks::default()
    };
    (folder, checks)
}

fn passes(folder: &Folder, checks: &Checks<'_>) -> bool {
    check_with(folder, checks).outcome() == Outcome::Verified
}

fn paths(folder: &Folder) -> Vec<String> {
    folder.0.keys().cloned().collect()
}

#[test]
fn nothing_is_wrong_before_anything_is_changed() {
    for (folder, checks) in [small(), large()] {
        let report = check_with(&folder, &checks);
        assert_eq!(report.outcome(), Outcome::Verified, "{:?}", report.faults);
        assert_eq!(report.unchecked_signatures, 0);
    }
}

#[test]
fn every_flipped_bit_of_every_file_is_noticed() {
    let (folder, checks) = small();
    let mut flipped = 0;
    for path in paths(&folder) {
        for at in 0..folder.0[&path].len() {
            for bit in 0..8 {
                let mut changed = folder.clone();
                changed.0.get_mut(&path).unwrap()[at] ^= 1 << bit;
                assert!(!passes(&changed, &checks), "{path}, byte {at}, bit {bit}");
                flipped += 1;
            }
        }
    }
    let bytes: usize = folder.0.values().map(Vec::len).sum();
    assert_eq!(flipped, 8 * bytes);
}

#[test]
fn a_flipped_byte_anywhere_in_a_log_of_many_tiles_is_noticed() {
    let (folder, checks) = large();
    for path in paths(&folder) {
        for at in (0..folder.0[&path].len()).step_by(211) {
            let mut changed = folder.clone();
            changed.0.get_mut(&path).unwrap()[at] ^= 0x20;
            assert!(!passes(&changed, &checks), "{path}, byte {at}");
        }
    }
}

#[test]
fn every_cut_of_every_file_and_every_byte_more_is_noticed() {
    let (folder, checks) = small();
    for path in paths(&folder) {
        for length in 0..folder.0[&path].len() {
            let mut changed = folder.clone();
            changed.0.get_mut(&path).unwrap().truncate(length);
            assert!(!passes(&changed, &checks), "{path} cut to {length}");
        }
        for more in [&b"\n"[..], &[0], &[0; 32], b"\xe2\x80\x94 x eHh4eHh4\n"] {
            let mut changed = folder.clone();
            changed.0.get_mut(&path).unwrap().extend_from_slice(more);
            // A signature line of somebody else is no change of what is signed; it is reported.
            let report = check_with(&changed, &checks);
            let is_noticed = report.outcome() != Outcome::Verified || report.unchecked_signatures > 0;
            assert!(is_noticed, "{path} with {more:?}");
        }
    }
}

#[test]
fn every_dropped_file_is_noticed() {
    for (folder, checks) in [small(), large()] {
        for path in paths(&folder) {
            let mut changed = folder.clone();
            changed.0.remove(&path);
            // A full bundle's end is a checkpoint without unfinished tiles: nothing else in the folder speaks of it.
            let is_untraceable = path == LogPath::CheckpointOf(256).to_string();
            assert_eq!(passes(&changed, &checks), is_untraceable, "{path}");
        }
    }
}

#[test]
fn every_pair_of_swapped_files_is_noticed() {
    for (folder, checks) in [small(), large()] {
        let paths = paths(&folder);
        for (i, one) in paths.iter().enumerate() {
            for other in paths[i + 1..]
                .iter()
                .filter(|other| folder.0[*other] != folder.0[one])
            {
                let mut changed = folder.clone();
                changed.0.insert(one.clone(), folder.0[other].clone());
                changed.0.insert(other.clone(), folder.0[one].clone());
                assert!(!passes(&changed, &checks), "{one} and {other}");
            }
        }
    }
}

#[test]
fn files_that_do_not_belong_to_the_log_are_noticed() {
    let (folder, checks) = small();
    for path in [
        "notes.txt",
        "tile/0/001",
        "tile/0/000.p/7",
        "tile/1/000.p/1",
        "tile/entries/000",
        "checkpoints/00000000000000000007",
        "cosignatures/00000000000000000007-00000000",
        "tile/9/000.p/1",
    ] {
        let mut changed = folder.clone();
        changed.0.insert(path.to_owned(), folder.0["checkpoint"].clone());
        assert!(!passes(&changed, &checks), "{path}");
    }
}

fn entries_of(folder: &Folder, path: &str) -> Vec<Vec<u8>> {
    let width = path.parse::<TilePath>().unwrap().width();
    let entries = read_entries(&folder.0[path], width).unwrap();
    entries.into_iter().map(<[u8]>::to_vec).collect()
}

fn bundle(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    assert!(entries.iter().all(|entry| write_entry(&mut bytes, entry)));
    bytes
}

#[test]
fn every_pair_of_swapped_leaves_and_every_dropped_or_doubled_leaf_is_noticed() {
    let (folder, checks) = small();
    let path = "tile/entries/000.p/12";
    let entries = entries_of(&folder, path);
    let changed = |entries: &[Vec<u8>]| {
        let mut changed = folder.clone();
        changed.0.insert(path.to_owned(), bundle(entries));
        passes(&changed, &checks)
    };
    assert!(changed(&entries));
    for i in 0..entries.len() {
        for j in i + 1..entries.len() {
            let mut swapped = entries.clone();
            swapped.swap(i, j);
            assert!(!changed(&swapped), "{i} and {j}");
        }
        let mut dropped = entries.clone();
        dropped.remove(i);
        assert!(!changed(&dropped));
        let mut doubled = entries.clone();
        doubled.insert(i, entries[i].clone());
        assert!(!changed(&doubled));
    }
}

#[test]
fn leaves_and_tiles_changed_together_contradict_the_checkpoints() {
    let (folder, checks) = small();
    for changed_leaf in 0..12 {
        let mut other = leaves(12);
        let at = other[changed_leaf].len() - 2;
        other[changed_leaf][at] ^= 1;
        let forged = export(&other, &[2, 5, 12]);
        let mut mixed = folder.clone();
        let tiles = forged.0.into_iter().filter(|(path, _)| path.starts_with("tile/"));
        mixed.0.extend(tiles);
        let report = check_with(&mixed, &checks);
        assert_eq!(report.outcome(), Outcome::Contradicted, "leaf {changed_leaf}");
    }
}
