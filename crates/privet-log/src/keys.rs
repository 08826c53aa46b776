//! The keys of a log, one after the other.
//!
//! A log changes its key by a leaf that names both. The checkpoint that ends with that leaf is signed by both: the former
//! key's last signature, and the first of its successor. So who trusts one of them can follow the chain either way, and who
//! has none of them can add no link.

use serde::Deserialize;

use crate::checkpoint::{BadCheckpoint, Checkpoint};
use crate::note::{BadNote, Note, NoteKey};

/// Kind of the leaf that tells of another key.
pub const LOG_KEY_CHANGED: &str = "log_key_changed";

/// That a log has another key from some leaf on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// Leaves of the checkpoint that both keys sign; the leaf that tells of it is its last one.
    pub size: u64,
    /// The key up to then.
    pub from: NoteKey,
    /// The key from then on.
    pub to: NoteKey,
}

/// The leaf, as far as it is looked at.
#[derive(Deserialize)]
struct ChangeLeaf {
    kind: String,
    event: ChangeEvent,
}

#[derive(Deserialize)]
struct ChangeEvent {
    from: String,
    to: String,
}

/// A key, and which checkpoints it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    key: NoteKey,
    /// Fewest and most leaves.
    first: u64,
    last: u64,
}

/// The keys of a log that one trusted key leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKeys {
    /// INVARIANT: not empty, in the order of their times.
    spans: Vec<Span>,
}

impl KeyChange {
    /// What the leaf at `index` tells of another key, if it does.
    #[must_use]
    pub fn read(index: u64, entry: &[u8]) -> Option<Self> {
        let leaf: ChangeLeaf = serde_json::from_slice(entry).ok()?;
        if leaf.kind != LOG_KEY_CHANGED {
            return None;
        }
        Some(Self {
            size: index + 1,
            from: leaf.event.from.parse().ok()?,
            to: leaf.event.to.parse().ok()?,
        })
    }
}

impl LogKeys {
    /// `key` alone.
    #[must_use]
    pub fn only(key: &NoteKey) -> Self {
        Self {
            spans: vec![Span {
                key: key.clone(),
                first: 0,
                last: u64::MAX,
            }],
        }
    }

    /// What `key` leads to over `changes`, in the order of their leaves. `checkpoint` gives the signed checkpoint of a size,
    /// if there is one. A change counts only if both its keys have signed the checkpoint that ends with it.
    ///
    /// That those checkpoints have the roots of the leaves is for the caller to check.
    pub fn follow(
        key: &NoteKey,
        changes: &[KeyChange],
        mut checkpoint: impl FnMut(u64) -> Option<Vec<u8>>,
    ) -> Self {
        let mut holds = |change: &KeyChange| {
            let bytes = checkpoint(change.size).unwrap_or_default();
            let is_signed = |key: &NoteKey| {
                let opened = Checkpoint::open(&bytes, key);
                opened.is_ok_and(|(checkpoint, _)| checkpoint.size == change.size)
            };
            change.from.name() == key.name() && is_signed(&change.from) && is_signed(&change.to)
        };
        let links: Vec<&KeyChange> = changes.iter().filter(|change| holds(change)).collect();
        let mut keys = Self::only(key);
        // Forth, from the trusted key on; a key that comes back later does not make a circle, for sizes only rise.
        let mut from = 0;
        while let Some(last) = keys.spans.last_mut()
            && let Some(link) = links
                .iter()
                .find(|link| link.size > from && link.from == last.key)
        {
            from = link.size;
            last.last = link.size;
            keys.spans.push(Span {
                key: link.to.clone(),
                first: link.size,
                last: u64::MAX,
            });
        }
        // A key ends with the leaf that says so, whether or not a checkpoint shows who came next.
        if let Some(last) = keys.spans.last_mut()
            && let Some(ended) = changes
                .iter()
                .find(|change| change.size > from && change.from == last.key)
        {
            last.last = ended.size;
        }
        // And back.
        let mut until = keys.spans.first().map_or(u64::MAX, |span| span.last);
        while let Some(first) = keys.spans.first_mut()
            && let Some(link) = links
                .iter()
                .rev()
                .find(|link| link.size < until && link.to == first.key)
        {
            until = link.size;
            first.first = link.size;
            let before = Span {
                key: link.from.clone(),
                first: 0,
                last: link.size,
            };
            keys.spans.insert(0, before);
        }
        keys
    }

    /// The keys, oldest first.
    pub fn all(&self) -> impl Iterator<Item = &NoteKey> {
        self.spans.iter().map(|span| &span.key)
    }

    /// Reads a checkpoint and checks that it is of this log and signed with the key of its time.
    ///
    /// # Errors
    /// [`BadCheckpoint`] if not.
    pub fn open(&self, bytes: &[u8]) -> Result<(Checkpoint, Note), BadCheckpoint> {
        let note = Note::parse(bytes)?;
        let size = Checkpoint::parse(note.text())?.size;
        let mut of_time = self
            .spans
            .iter()
            .filter(|span| (span.first..=span.last).contains(&size));
        // Where one key gives way to the next both sign.
        let mut first = None;
        of_time
            .find_map(|span| match Checkpoint::open(bytes, &span.key) {
                Ok(opened) => Some(opened),
                Err(why) => {
                    first.get_or_insert(why);
                    None
                }
            })
            .ok_or_else(|| {
                first.unwrap_or(BadCheckpoint::Note(BadNote::NotSigned {
                    name: self
                        .spans
                        .first()
                        .map(|span| span.key.name().to_owned())
                        .unwrap_or_default(),
                }))
            })
    }
}
