//! What the tests share: a log in memory, and a folder of its files.

use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;

use privet_crypto::SigningKey;
use privet_log::{
    Checkpoint, EntryTooLong, Expected, LogFiles, LogPath, NoteKey, NoteSigner, Packer, Report, Signer,
    verify, write_leaf,
};
use privet_types::Budget;

/// The files of a folder, by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Folder(pub(crate) BTreeMap<String, Vec<u8>>);

impl LogFiles for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.keys().cloned().collect())
    }

    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }
}

pub(crate) fn signer(digit: char, name: &str, signer: Signer) -> NoteSigner {
    let key = SigningKey::parse(&format!("privet-signing-1:{}", digit.to_string().repeat(64))).unwrap();
    NoteSigner::new(name, signer, key).unwrap()
}

pub(crate) fn log() -> NoteSigner {
    signer('7', "log.example/test", Signer::Log)
}

pub(crate) fn witness() -> NoteSigner {
    signer('8', "witness.example/w", Signer::Witness)
}

/// Leaves of two nodes, each numbered without gaps.
pub(crate) fn leaves(count: u64) -> Vec<Vec<u8>> {
    let leaf = |i: u64| {
        let node = ["a", "b"][usize::from(i % 3 == 2)];
        let seq = if i % 3 == 2 { i / 3 + 1 } else { i - i / 3 + 1 };
        write_leaf("decision", node, seq, &format!("{{\"i\":{i}}}")).unwrap()
    };
    (0..count).map(leaf).collect()
}

/// What exports at the first sizes of `leaves` leave behind, one after the other.
pub(crate) fn export(leaves: &[Vec<u8>], sizes: &[usize]) -> Folder {
    export_signed(leaves, sizes, &log())
}

pub(crate) fn export_signed(leaves: &[Vec<u8>], sizes: &[usize], signer: &NoteSigner) -> Folder {
    let mut folder = Folder::default();
    for size in sizes {
        let mut write = |path: privet_log::TilePath, bytes: &[u8]| {
            folder.0.insert(path.to_string(), bytes.to_vec());
            Ok::<(), EntryTooLong>(())
        };
        let mut packer = Packer::default();
        for leaf in &leaves[..*size] {
            packer.push(leaf, &mut write).unwrap();
        }
        packer.write_unfinished(&mut write).unwrap();
        let head = Checkpoint {
            origin: signer.key().name().to_owned(),
            size: *size as u64,
            root: packer.edge().root(),
        };
        let signed = head.sign(signer).into_bytes();
        folder
            .0
            .insert(LogPath::CheckpointOf(head.size).to_string(), signed.clone());
        folder.0.insert(LogPath::Checkpoint.to_string(), signed);
    }
    folder
}

pub(crate) struct Checks<'a> {
    pub(crate) key: NoteKey,
    pub(crate) witnesses: Vec<NoteKey>,
    pub(crate) checkpoints: &'a [(String, Vec<u8>)],
    pub(crate) known_gaps: &'a [(String, RangeInclusive<u64>)],
}

impl Default for Checks<'_> {
    fn default() -> Self {
        Self {
            key: log().key().clone(),
            witnesses: Vec::new(),
            checkpoints: &[],
            known_gaps: &[],
        }
    }
}

pub(crate) fn check(folder: &Folder) -> Report {
    check_with(folder, &Checks::default())
}

pub(crate) fn check_with(folder: &Folder, checks: &Checks<'_>) -> Report {
    let expected = Expected {
        key: &checks.key,
        witnesses: &checks.witnesses,
        checkpoints: checks.checkpoints,
        known_gaps: checks.known_gaps,
    };
    verify(folder, &expected, &Budget::unlimited(), &mut |_, _| {}).unwrap()
}
