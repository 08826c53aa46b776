//! Files of an exported log: checkpoints, tiles, entries, and whole folders of them.

use std::collections::BTreeMap;
use std::io;

use privet_log::{
    Checkpoint, Expected, GrowthProof, Hash, Leaf, LeafProof, LogFiles, LogPath, Node, Note, NoteKey,
    NoteSigner, Outcome, Signer, TilePath, prove_consistency, prove_inclusion, read_entries, read_tile,
    root_of, verify, write_entry, write_tile,
};
use privet_types::Budget;

use crate::variant;

/// Any bytes are either no note, or a note that is written as the same bytes again; and no key but the log's has signed
/// them, since nothing here holds that key.
pub fn fuzz_checkpoint(data: &[u8]) {
    if let Ok(note) = Note::parse(data) {
        assert_eq!(note.to_string().as_bytes(), data, "a note has one spelling");
        if let Ok(checkpoint) = Checkpoint::parse(note.text()) {
            assert!(
                note.text().starts_with(&checkpoint.to_text()),
                "so has a checkpoint"
            );
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(lines) = Note::parse_signatures(text) {
            let again: String = lines.iter().map(ToString::to_string).collect();
            assert_eq!(again, text);
        }
        if let Ok(key) = text.parse::<NoteKey>() {
            assert_eq!(key.to_string(), text.trim(), "so has a key");
        }
    }
    let signer = signer();
    assert!(Checkpoint::open(data, signer.key()).is_err() || data == corpus_checkpoint().as_bytes());
}

/// Any bytes are either no tile of a width, or one that is written as the same bytes again.
pub fn fuzz_tile(data: &[u8]) {
    let Some((width, bytes)) = variant(data) else {
        return;
    };
    let width = u16::from(width) + 1;
    if let Ok(hashes) = read_tile(bytes, width) {
        assert_eq!(hashes.len(), usize::from(width));
        assert_eq!(write_tile(&hashes), bytes);
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(path) = text.parse::<LogPath>()
    {
        assert_eq!(path.to_string(), text, "a file has one name");
    }
}

/// Any bytes are either no bundle of a width, or one that is written as the same bytes again; leaves can be asked for
/// their head.
pub fn fuzz_entries(data: &[u8]) {
    let Some((width, bytes)) = variant(data) else {
        return;
    };
    let width = u16::from(width) + 1;
    let Ok(entries) = read_entries(bytes, width) else {
        return;
    };
    assert_eq!(entries.len(), usize::from(width));
    let mut again = Vec::new();
    for entry in entries {
        assert!(write_entry(&mut again, entry));
        if let Ok(leaf) = Leaf::parse(entry) {
            assert!(leaf.kind.len() + leaf.node.len() < entry.len());
        }
    }
    assert_eq!(again, bytes);
}

/// A folder of any files is never verified, unless it is the one log that was signed.
pub fn fuzz_log_folder(data: &[u8]) {
    let mut files = corpus_log();
    let whole = files.clone();
    // Each piece is a number of a file, a place in it, and a byte that is put there; or the whole of what follows.
    for piece in data.chunks(4).take(64) {
        let [file, high, low, byte] = *piece else { break };
        let count = files.len();
        let Some((_, bytes)) = files.iter_mut().nth(usize::from(file) % count) else {
            break;
        };
        let at = usize::from(u16::from_be_bytes([high, low]));
        match bytes.len() {
            0 => bytes.push(byte),
            length if at % 7 == 6 => bytes.truncate(at % length),
            length => {
                if let Some(old) = bytes.get_mut(at % length) {
                    *old = byte;
                }
            }
        }
    }
    let is_changed = files != whole;
    let signer = signer();
    let expected = Expected {
        key: signer.key(),
        witnesses: &[],
        checkpoints: &[],
        known_gaps: &[],
    };
    let report =
        verify(&Files(files), &expected, &Budget::unlimited(), &mut |_, _| {}).expect("memory can be read");
    assert_eq!(
        report.outcome() != Outcome::Verified,
        is_changed,
        "{:?}",
        report.faults
    );
}

/// Any bytes are refused, or are a proof that is written as the same bytes again; and what holds is true of the one log that
/// was signed.
pub fn fuzz_evidence(data: &[u8]) {
    let signer = signer();
    let leaves = corpus_leaves();
    if let Ok(proof) = LeafProof::parse(data) {
        assert_eq!(proof.to_string().as_bytes(), data, "a proof has one spelling");
        if proof.check(signer.key()).is_ok() {
            let leaf = leaves.get(usize::try_from(proof.index).expect("a short log"));
            assert_eq!(leaf, Some(&proof.entry));
        }
    }
    if let Ok(proof) = GrowthProof::parse(data) {
        assert_eq!(proof.to_string().as_bytes(), data, "a proof has one spelling");
        for size in 0..=leaves.len() {
            let held = corpus_head(&leaves[..size]);
            if proof.check(&held, signer.key()).is_ok() {
                assert_eq!(proof.old, held.size);
            }
            let other = Checkpoint {
                root: Hash::of_leaf(b"other"),
                ..held
            };
            assert!(proof.check(&other, signer.key()).is_err(), "nobody signed that");
        }
    }
}

/// The proofs of the corpus: of a leaf, and of growth.
#[must_use]
pub fn corpus_evidence() -> (String, String) {
    let leaves = corpus_leaves();
    let size = leaves.len() as u64;
    let mut node = |node: Node| {
        let first = usize::try_from(node.index << node.height).expect("a short log");
        let hashes = leaves[first..first + (1 << node.height)].iter();
        Ok::<_, std::convert::Infallible>(root_of(
            &hashes.map(|leaf| Hash::of_leaf(leaf)).collect::<Vec<_>>(),
        ))
    };
    let signed = corpus_head(&leaves).sign(&signer());
    let note = || Note::parse(signed.as_bytes()).expect("a note");
    let Ok(path) = prove_inclusion(4, size, &mut node);
    let leaf = LeafProof {
        index: 4,
        entry: leaves[4].clone(),
        path,
        note: note(),
    };
    let Ok(path) = prove_consistency(5, size, &mut node);
    let growth = GrowthProof {
        old: 5,
        path,
        note: note(),
    };
    (leaf.to_string(), growth.to_string())
}

fn corpus_leaves() -> Vec<Vec<u8>> {
    (1..=9)
        .map(|seq| privet_log::write_leaf("decision", "n", seq, "{}").expect("JSON"))
        .collect()
}

fn corpus_head(leaves: &[Vec<u8>]) -> Checkpoint {
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| Hash::of_leaf(leaf)).collect();
    Checkpoint {
        origin: "log.example/fuzz".to_owned(),
        size: leaves.len() as u64,
        root: root_of(&hashes),
    }
}

struct Files(BTreeMap<String, Vec<u8>>);

impl LogFiles for Files {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.keys().cloned().collect())
    }

    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }
}

fn signer() -> NoteSigner {
    let key =
        privet_crypto::SigningKey::parse(&format!("privet-signing-1:{}", "6".repeat(64))).expect("a key");
    NoteSigner::new("log.example/fuzz", Signer::Log, key).expect("a name")
}

fn corpus_checkpoint() -> String {
    let log = corpus_log();
    let bytes = log.get("checkpoint").cloned().unwrap_or_default();
    String::from_utf8(bytes).expect("a checkpoint is text")
}

/// The files of a log of nine leaves, after exports of four and of nine.
fn corpus_log() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let signer = signer();
    let mut packer = privet_log::Packer::default();
    let mut write = |path: TilePath, bytes: &[u8]| {
        files.insert(path.to_string(), bytes.to_vec());
        Ok::<(), privet_log::EntryTooLong>(())
    };
    let mut heads = Vec::new();
    for seq in 1..=9 {
        let leaf = privet_log::write_leaf("decision", "n", seq, "{}").expect("JSON");
        packer.push(&leaf, &mut write).expect("short leaves");
        if seq == 4 || seq == 9 {
            packer
                .write_unfinished(&mut write)
                .expect("memory can be written");
            heads.push(Checkpoint {
                origin: "log.example/fuzz".to_owned(),
                size: seq,
                root: packer.edge().root(),
            });
        }
    }
    for head in heads {
        let note = head.sign(&signer).into_bytes();
        files.insert(LogPath::CheckpointOf(head.size).to_string(), note.clone());
        files.insert(LogPath::Checkpoint.to_string(), note);
    }
    files
}
