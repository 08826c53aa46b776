//! What the check of an exported log says.

use privet_log::{Checkpoint, Fault, LogPath, Note, Outcome, write_leaf};
use privet_types::{Budget, BudgetError};

use crate::support::{Checks, check, check_with, export, export_signed, leaves, log, signer, witness};

const SIZES: &[usize] = &[1, 255, 256, 257, 600];

#[test]
fn an_honest_log_is_verified_with_all_its_checkpoints_and_nodes() {
    let report = check(&export(&leaves(600), SIZES));
    assert_eq!(report.outcome(), Outcome::Verified, "{:?}", report.faults);
    assert_eq!(report.head.as_ref().unwrap().size, 600);
    assert_eq!((report.leaves, report.checkpoints), (600, 5));
    assert_eq!(report.kinds.get("decision"), Some(&600));
    assert_eq!((report.nodes["a"].count, report.nodes["b"].last), (400, 200));
}

#[test]
fn a_log_of_more_than_one_level_is_verified() {
    let report = check(&export(&leaves(66_000), &[65_535, 66_000]));
    assert_eq!(report.outcome(), Outcome::Verified, "{:?}", report.faults);
    assert_eq!(report.leaves, 66_000);
}

#[test]
fn progress_ends_at_the_number_of_leaves_and_a_spent_budget_ends_the_work() {
    let folder = export(&leaves(600), SIZES);
    let expected = Checks::default();
    let expected = privet_log::Expected {
        key: &expected.key,
        witnesses: &[],
        checkpoints: &[],
        known_gaps: &[],
    };
    let mut told = Vec::new();
    privet_log::verify(&folder, &expected, &Budget::unlimited(), &mut |done, all| {
        told.push((done, all));
    })
    .unwrap();
    assert_eq!(told, [(0, 600), (256, 600), (512, 600), (600, 600)]);
    let stopped = privet_log::verify(&folder, &expected, &Budget::new(100), &mut |_, _| {}).unwrap_err();
    assert!(
        matches!(stopped, privet_log::VerifyError::Stopped(BudgetError::Spent)),
        "{stopped:?}"
    );
}

#[test]
fn a_leaf_left_out_by_the_holder_of_the_key_is_a_gap_in_its_node() {
    let mut leaves = leaves(20);
    leaves.remove(7);
    let folder = export(&leaves, &[19]);
    let report = check(&folder);
    let gap = Fault::Gap {
        node: "a".to_owned(),
        from: 6,
        to: 6,
        position: 8,
    };
    assert_eq!(
        (report.outcome(), report.faults),
        (Outcome::Incomplete, vec![gap])
    );
    let known_gaps = [("a".to_owned(), 5..=6)];
    let known = Checks {
        known_gaps: &known_gaps,
        ..Checks::default()
    };
    assert_eq!(check_with(&folder, &known).outcome(), Outcome::Verified);
}

#[test]
fn a_leaf_put_in_twice_or_out_of_order_by_the_holder_of_the_key_is_found() {
    let honest = leaves(20);
    let mut twice = honest.clone();
    twice.insert(9, honest[4].clone());
    let mut swapped = honest.clone();
    swapped.swap(4, 6);
    for changed in [twice, swapped] {
        let report = check(&export(&changed, &[changed.len()]));
        assert_eq!(report.outcome(), Outcome::Contradicted);
        assert!(
            matches!(report.faults.last(), Some(Fault::Repeated { .. })),
            "{:?}",
            report.faults
        );
    }
}

#[test]
fn a_history_rewritten_by_the_holder_of_the_key_contradicts_a_checkpoint_kept_elsewhere() {
    let honest = leaves(300);
    let kept = export(&honest, &[270]).0[&LogPath::CheckpointOf(270).to_string()].clone();
    let mut rewritten = honest;
    rewritten[100] = write_leaf("decision", "b", 34, "{\"i\":-1}").unwrap();
    rewritten[100] = String::from_utf8(rewritten[100].clone())
        .unwrap()
        .replace("\"b\",\"seq\":34", "\"a\",\"seq\":68")
        .into_bytes();
    let folder = export(&rewritten, &[300]);
    // Nothing in the folder itself can show it: only what others kept.
    assert_eq!(check(&folder).outcome(), Outcome::Verified);
    let checkpoints = [("kept".to_owned(), kept)];
    let checks = Checks {
        checkpoints: &checkpoints,
        ..Checks::default()
    };
    let report = check_with(&folder, &checks);
    let fork = Fault::Fork {
        source_name: "kept".to_owned(),
        size: 270,
    };
    assert_eq!(
        (report.outcome(), report.faults),
        (Outcome::Contradicted, vec![fork])
    );
}

#[test]
fn a_fork_signed_over_an_older_checkpoint_of_the_folder_is_found() {
    let honest = export(&leaves(300), &[100, 300]);
    let mut other = leaves(300);
    other[50] = write_leaf("decision", "b", 17, "{\"i\":\"other\"}").unwrap();
    let mut forked = export(&other, &[100, 300]);
    let old = LogPath::CheckpointOf(100).to_string();
    forked.0.insert(old.clone(), honest.0[&old].clone());
    let report = check(&forked);
    assert_eq!(report.outcome(), Outcome::Contradicted);
    let fork = Fault::Fork {
        source_name: old,
        size: 100,
    };
    assert_eq!(report.faults, [fork]);
}

#[test]
fn a_folder_rolled_back_is_shorter_than_a_checkpoint_kept_elsewhere() {
    let leaves = leaves(300);
    let kept = export(&leaves, &[300]).0["checkpoint"].clone();
    let checkpoints = [("kept".to_owned(), kept)];
    let checks = Checks {
        checkpoints: &checkpoints,
        ..Checks::default()
    };
    let report = check_with(&export(&leaves, &[200]), &checks);
    assert_eq!(report.outcome(), Outcome::Incomplete);
    assert!(
        matches!(
            report.faults[..],
            [Fault::Shorter {
                size: 300,
                held: 200,
                ..
            }]
        ),
        "{:?}",
        report.faults
    );
}

#[test]
fn a_log_signed_with_another_key_is_not_verified() {
    let report = check(&export_signed(
        &leaves(3),
        &[3],
        &signer('9', "log.example/test", privet_log::Signer::Log),
    ));
    assert_eq!(report.outcome(), Outcome::Contradicted);
    assert_eq!(report.faults.last(), Some(&Fault::NoCheckpoint));
}

#[test]
fn a_folder_without_anything_is_not_enough() {
    let report = check(&crate::support::Folder::default());
    assert_eq!(report.outcome(), Outcome::Incomplete);
}

#[test]
fn a_witness_who_was_asked_for_must_have_signed_what_is_there() {
    let mut folder = export(&leaves(300), &[100, 300]);
    let checks = Checks {
        witnesses: vec![witness().key().clone()],
        ..Checks::default()
    };
    let report = check_with(&folder, &checks);
    assert_eq!(report.outcome(), Outcome::Incomplete);
    let text = Note::parse(&folder.0["checkpoint"]).unwrap().text().to_owned();
    let path = LogPath::Cosignature {
        size: 300,
        key: witness().key().id(),
    };
    let line = witness().sign(&text, 1_700_000_000);
    folder.0.insert(path.to_string(), line.clone().into_bytes());
    let report = check_with(&folder, &checks);
    assert_eq!(report.outcome(), Outcome::Verified, "{:?}", report.faults);
    let signed = report.witnesses["witness.example/w"];
    assert_eq!((signed.size, signed.time), (300, 1_700_000_000));
    assert_eq!(check(&folder).unchecked_signatures, 1);
    for at in 0..line.len() {
        let mut changed = line.clone().into_bytes();
        changed[at] ^= 1;
        folder.0.insert(path.to_string(), changed);
        assert_ne!(
            check_with(&folder, &checks).outcome(),
            Outcome::Verified,
            "byte {at}"
        );
    }
}

#[test]
fn a_cosignature_of_a_fork_does_not_count_for_this_log() {
    let mut folder = export(&leaves(10), &[10]);
    let fork = Checkpoint {
        origin: log().key().name().to_owned(),
        size: 10,
        root: privet_log::Hash::of_leaf(b"other"),
    };
    let path = LogPath::Cosignature {
        size: 10,
        key: witness().key().id(),
    };
    let line = witness().sign(&fork.to_text(), 1);
    folder.0.insert(path.to_string(), line.into_bytes());
    let checks = Checks {
        witnesses: vec![witness().key().clone()],
        ..Checks::default()
    };
    assert_eq!(check_with(&folder, &checks).outcome(), Outcome::Contradicted);
}

#[test]
fn an_event_too_long_for_an_entry_is_put_down_by_its_hash() {
    let event = format!("\"{}\"", "x".repeat(70_000));
    let leaf = write_leaf("decision", "a", 1, &event).unwrap();
    assert!(leaf.len() < 200);
    let hash = data_encoding::HEXLOWER.encode(&privet_crypto::sha256(event.as_bytes()));
    assert!(
        String::from_utf8(leaf.clone())
            .unwrap()
            .ends_with(&format!(",\"event_sha256\":\"{hash}\"}}"))
    );
    assert_eq!(check(&export(&[leaf], &[1])).outcome(), Outcome::Verified);
}
