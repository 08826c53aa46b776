//! What the checkpoints of a folder, and those from elsewhere, say the log holds.

use std::collections::BTreeMap;

use super::{Check, VerifyError, Widths};
use crate::checkpoint::Checkpoint;
use crate::edge::Edge;
use crate::hash::Hash;
use crate::layout::LogPath;
use crate::note::{Note, NoteKey};
use crate::report::{Cosigned, Fault, Report};
use crate::tile::TilePath;

/// Roots that are to be found on the way through the leaves.
pub(super) struct Claims {
    /// By size: who says so, and the root.
    pending: BTreeMap<u64, Vec<(String, Hash)>>,
    pub(super) widths: Widths,
}

impl Claims {
    /// The size at which the next root is to be compared.
    pub(super) fn next_size(&self) -> Option<u64> {
        self.pending.first_key_value().map(|(size, _)| *size)
    }

    /// Compares the roots that are claimed for the tree of `edge`.
    pub(super) fn settle(&mut self, edge: &Edge, report: &mut Report) {
        let Some(claims) = self.pending.remove(&edge.size()) else {
            return;
        };
        let root = edge.root();
        report.checkpoints += u64::from(claims.iter().any(|(_, claimed)| *claimed == root));
        for (source_name, claimed) in claims {
            if claimed != root {
                let size = edge.size();
                report.add(Fault::Fork { source_name, size });
            }
        }
    }
}

impl Check<'_> {
    /// Reads all checkpoints and their signatures; sets the head of the report.
    pub(super) fn claims(&mut self) -> Result<Claims, VerifyError> {
        let mut notes: BTreeMap<u64, Note> = BTreeMap::new();
        let mut claims = Claims {
            pending: BTreeMap::new(),
            widths: Widths::new(),
        };
        let newest = self.folder_checkpoint(LogPath::Checkpoint)?;
        let kept: Vec<LogPath> = self
            .unseen
            .iter()
            .filter(|path| matches!(path, LogPath::CheckpointOf(_)))
            .copied()
            .collect();
        for path in kept {
            let Some((checkpoint, note)) = self.folder_checkpoint(path)? else {
                continue;
            };
            let size = checkpoint.size;
            if path != LogPath::CheckpointOf(size) {
                let path = path.to_string();
                self.report.add(Fault::Misnamed { path, size });
            }
            claims.add(path.to_string(), &checkpoint);
            notes.insert(size, note);
        }
        if let Some((checkpoint, note)) = newest {
            let size = checkpoint.size;
            match notes.last_key_value() {
                Some((newest, _)) if *newest > size => {
                    let newest = *newest;
                    self.report.add(Fault::Stale { size, newest });
                }
                _ if !notes.contains_key(&size) => {
                    let path = LogPath::CheckpointOf(size).to_string();
                    self.report.add(Fault::Missing { path });
                }
                _ => {}
            }
            claims.add(LogPath::Checkpoint.to_string(), &checkpoint);
            notes.entry(size).or_insert(note);
        }
        self.report.head = notes
            .last_key_value()
            .and_then(|(_, note)| Checkpoint::parse(note.text()).ok());
        claims.widths = widths(notes.keys().copied());
        self.check_cosignatures(&notes)?;
        self.add_kept_elsewhere(&mut claims);
        Ok(claims)
    }

    /// Reads a checkpoint of the folder; a fault if it does not hold.
    fn folder_checkpoint(&mut self, path: LogPath) -> Result<Option<(Checkpoint, Note)>, VerifyError> {
        let Some(bytes) = self.read(path)? else {
            return Ok(None);
        };
        match self.keys.open(&bytes) {
            Ok((checkpoint, note)) => {
                self.check_witnesses(&path.to_string(), checkpoint.size, &note);
                Ok(Some((checkpoint, note)))
            }
            Err(why) => {
                let source_name = path.to_string();
                self.report.add(Fault::Checkpoint { source_name, why });
                Ok(None)
            }
        }
    }

    fn check_cosignatures(&mut self, notes: &BTreeMap<u64, Note>) -> Result<(), VerifyError> {
        let paths: Vec<LogPath> = self
            .unseen
            .iter()
            .filter(|path| matches!(path, LogPath::Cosignature { .. }))
            .copied()
            .collect();
        for path in paths {
            let LogPath::Cosignature { size, key } = path else {
                continue;
            };
            // Without its checkpoint it stays unaccounted for.
            let Some(note) = notes.get(&size) else {
                continue;
            };
            let bytes = self.read(path)?.unwrap_or_default();
            let lines = String::from_utf8_lossy(&bytes);
            let path = path.to_string();
            match Note::parse_signatures(&lines) {
                Ok(lines) if lines.iter().all(|line| line.id == key) => {
                    let signed = note.with_signatures(lines);
                    self.check_witnesses(&path, size, &signed);
                }
                Ok(_) => self.report.add(Fault::Unexpected { path }),
                Err(why) => self.report.add(Fault::Cosignature { path, why }),
            }
        }
        for witness in self.expected.witnesses {
            if !self.report.witnesses.contains_key(witness.name()) {
                let name = witness.name().to_owned();
                self.report.add(Fault::NotCosigned { name });
            }
        }
        Ok(())
    }

    /// Checks the signatures under a note that are of the witnesses given, and counts those that nobody can check.
    fn check_witnesses(&mut self, path: &str, size: u64, note: &Note) {
        let expected = self.expected;
        let is_of = |key: &NoteKey| {
            note.signatures()
                .iter()
                .any(|line| line.id == key.id() && line.name == key.name())
        };
        for witness in expected.witnesses.iter().filter(|witness| is_of(witness)) {
            match witness.check(note) {
                Ok(time) => {
                    let time = time.unwrap_or(0);
                    let signed = self.report.witnesses.entry(witness.name().to_owned());
                    let signed = signed.or_insert(Cosigned { size, time });
                    if size >= signed.size {
                        *signed = Cosigned { size, time };
                    }
                }
                Err(why) => {
                    let path = path.to_owned();
                    self.report.add(Fault::Cosignature { path, why });
                }
            }
        }
        let known = expected.witnesses.iter().chain(self.keys.all());
        let known: Vec<&NoteKey> = known.collect();
        let is_known = |name: &str, id: [u8; 4]| known.iter().any(|key| key.id() == id && key.name() == name);
        let unknown = note
            .signatures()
            .iter()
            .filter(|line| !is_known(&line.name, line.id));
        self.report.unchecked_signatures += unknown.count() as u64;
    }

    fn add_kept_elsewhere(&mut self, claims: &mut Claims) {
        let held = self.report.head.as_ref().map_or(0, |head| head.size);
        for (name, bytes) in self.expected.checkpoints {
            let source_name = name.clone();
            match self.keys.open(bytes) {
                Ok((checkpoint, _)) if checkpoint.size > held => self.report.add(Fault::Shorter {
                    source_name,
                    size: checkpoint.size,
                    held,
                }),
                Ok((checkpoint, _)) => claims.add(source_name, &checkpoint),
                Err(why) => self.report.add(Fault::Checkpoint { source_name, why }),
            }
        }
    }
}

impl Claims {
    fn add(&mut self, source_name: String, checkpoint: &Checkpoint) {
        self.pending
            .entry(checkpoint.size)
            .or_default()
            .push((source_name, checkpoint.root));
    }
}

/// The unfinished tiles that belong to checkpoints of these sizes. Entries have the widths of their hashes.
fn widths(sizes: impl Iterator<Item = u64>) -> Widths {
    let mut widths = Widths::new();
    for path in sizes.flat_map(LogPath::unfinished_of) {
        if let TilePath::Hashes { id, width } = path {
            widths.entry(id).or_default().insert(width);
        }
    }
    widths
}
