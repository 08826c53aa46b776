//! A log that changes its key.

use privet_log::{
    Checkpoint, Fault, Hash, LOG_KEY_CHANGED, LogPath, NoteSigner, Outcome, Report, Signer, root_of,
    write_leaf,
};

use crate::support::{Checks, Folder, check_with, export_signed, leaves, log, signer};

const NAME: &str = "log.example/test";

fn next(digit: char) -> NoteSigner {
    signer(digit, NAME, Signer::Log)
}

fn change(seq: u64, from: &NoteSigner, to: &NoteSigner) -> Vec<u8> {
    let event = format!("{{\"from\":\"{}\",\"to\":\"{}\"}}", from.key(), to.key());
    write_leaf(LOG_KEY_CHANGED, "store", seq, &event).unwrap()
}

/// Signs the checkpoint of the first `size` leaves.
fn signed(leaves: &[Vec<u8>], size: usize, by: &[&NoteSigner]) -> Vec<u8> {
    let hashes: Vec<Hash> = leaves[..size].iter().map(|leaf| Hash::of_leaf(leaf)).collect();
    let head = Checkpoint {
        origin: NAME.to_owned(),
        size: size as u64,
        root: root_of(&hashes),
    };
    let lines: String = by.iter().map(|key| key.sign(&head.to_text(), 0)).collect();
    format!("{}\n{lines}", head.to_text()).into_bytes()
}

/// A log of 300 leaves under three keys: the second from leaf 100 on, the third from leaf 270 on.
fn log_of_three_keys() -> (Folder, Vec<Vec<u8>>, [NoteSigner; 3]) {
    let keys = [log(), next('a'), next('b')];
    let mut all = leaves(298);
    all.insert(100, change(1, &keys[0], &keys[1]));
    all.insert(270, change(2, &keys[1], &keys[2]));
    let mut folder = export_signed(&all, &[50, 101, 200, 271, 300], &keys[2]);
    for (size, by) in [
        (50, vec![&keys[0]]),
        (101, vec![&keys[0], &keys[1]]),
        (200, vec![&keys[1]]),
        (271, vec![&keys[1], &keys[2]]),
    ] {
        folder.0.insert(
            LogPath::CheckpointOf(size).to_string(),
            signed(&all, usize::try_from(size).unwrap(), &by),
        );
    }
    (folder, all, keys)
}

fn check_by(folder: &Folder, key: &NoteSigner) -> Report {
    let checks = Checks {
        key: key.key().clone(),
        ..Checks::default()
    };
    check_with(folder, &checks)
}

#[test]
fn whoever_has_one_of_the_keys_verifies_the_whole_log() {
    let (folder, _, keys) = log_of_three_keys();
    for key in &keys {
        let report = check_by(&folder, key);
        assert_eq!(report.outcome(), Outcome::Verified, "{:?}", report.faults);
        assert_eq!((report.leaves, report.checkpoints), (300, 5));
        assert_eq!(report.unchecked_signatures, 0);
    }
    let stranger = check_by(&folder, &next('c'));
    assert_eq!(stranger.outcome(), Outcome::Contradicted);
}

#[test]
fn a_checkpoint_that_was_kept_elsewhere_counts_under_the_key_of_its_time() {
    let (folder, all, keys) = log_of_three_keys();
    let kept = [("kept".to_owned(), signed(&all, 70, &[&keys[0]]))];
    let checks = Checks {
        key: keys[2].key().clone(),
        checkpoints: &kept,
        ..Checks::default()
    };
    assert_eq!(check_with(&folder, &checks).outcome(), Outcome::Verified);
    // A former key signs nothing new, and a new one nothing old.
    for (size, by) in [(150, &keys[0]), (70, &keys[1])] {
        let kept = [("kept".to_owned(), signed(&all, size, &[by]))];
        let checks = Checks {
            key: keys[2].key().clone(),
            checkpoints: &kept,
            ..Checks::default()
        };
        let report = check_with(&folder, &checks);
        assert!(
            matches!(report.faults[..], [Fault::Checkpoint { .. }]),
            "{:?}",
            report.faults
        );
    }
}

#[test]
fn a_key_that_the_former_one_has_not_signed_for_is_not_followed() {
    let (folder, all, keys) = log_of_three_keys();
    let path = LogPath::CheckpointOf(101).to_string();
    // The new key alone, the former one alone, none at all.
    for forged in [Some(vec![&keys[1]]), Some(vec![&keys[0]]), None] {
        let mut folder = folder.clone();
        match forged {
            Some(by) => folder.0.insert(path.clone(), signed(&all, 101, &by)),
            None => folder.0.remove(&path),
        };
        let report = check_by(&folder, &keys[0]);
        assert_eq!(report.outcome(), Outcome::Contradicted, "{:?}", report.faults);
    }
}

#[test]
fn who_holds_no_key_adds_none_to_the_chain() {
    let honest = leaves(60);
    let thief = next('c');
    let mut forged = honest.clone();
    forged.push(change(1, &log(), &thief));
    forged.extend(leaves(70).split_off(60));
    let mut folder = export_signed(&forged, &[60, 61, 71], &thief);
    let first = LogPath::CheckpointOf(60).to_string();
    folder.0.insert(first, signed(&honest, 60, &[&log()]));
    let report = check_by(&folder, &log());
    assert_eq!(report.outcome(), Outcome::Contradicted);
    assert_eq!(report.head.unwrap().size, 60);
}

#[test]
fn every_flipped_bit_of_a_checkpoint_at_which_the_key_changed_is_noticed() {
    let (folder, _, keys) = log_of_three_keys();
    let path = LogPath::CheckpointOf(101).to_string();
    for at in 0..folder.0[&path].len() {
        let mut changed = folder.clone();
        changed.0.get_mut(&path).unwrap()[at] ^= 1;
        let report = check_by(&changed, &keys[2]);
        assert_eq!(report.outcome(), Outcome::Contradicted, "byte {at}");
    }
}

#[test]
fn a_former_key_signs_nothing_behind_the_leaf_that_ends_it() {
    let (old, new) = (log(), next('a'));
    let mut all = leaves(149);
    all.insert(100, change(1, &old, &new));
    let path = LogPath::CheckpointOf(101).to_string();
    for is_shown in [true, false] {
        let mut folder = export_signed(&all, &[50, 101, 150], &old);
        if is_shown {
            folder.0.insert(path.clone(), signed(&all, 101, &[&old, &new]));
        } else {
            folder.0.remove(&path);
        }
        let report = check_by(&folder, &old);
        assert_eq!(report.outcome(), Outcome::Contradicted, "{:?}", report.faults);
    }
}
