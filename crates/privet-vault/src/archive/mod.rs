//! The archive of conversations, and the maps of stateful calls.
//!
//! The archive is off unless it is switched on. What is in it is sealed under the key of the subject it is about, or else
//! under a key of its own for its day and tenant. A day is a partition: it goes as one, and its key with it.

mod entry;
mod key;
mod rehash;
mod reply;
mod search;
mod sweep;
pub(crate) mod words;

use serde::{Deserialize, Serialize};

pub(crate) use entry::EntryRow;
pub use entry::{Archived, NewConversation};
pub(crate) use reply::record_name as reply_name;
pub use reply::{NewReplyMap, ReplyMap};
pub use search::{ArchivePage, ArchiveQuery};
pub use sweep::{ARCHIVE_TARGETS, SweptArchive};

use crate::Error;

/// Milliseconds of a day: the width of a partition.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// What is archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArchiveConfig {
    /// Whether conversations are archived at all.
    pub is_on: bool,
    /// How many days they are kept, 1 to 3,650. A policy of retention may take them earlier.
    pub days: u32,
    /// Whether a blind index of whole words is kept. **It tells who reads the database** which conversations of one day
    /// share a word, and how many words each has.
    pub has_word_index: bool,
    /// How many days the map of a stateful call is kept at most, 1 to 3,650.
    pub reply_map_days: u32,
}

impl Default for ArchiveConfig {
    fn default() -> Self {
        Self {
            is_on: false,
            days: 30,
            has_word_index: false,
            reply_map_days: 30,
        }
    }
}

impl ArchiveConfig {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let fits = |days| (1..=3650).contains(&days);
        if fits(self.days) && fits(self.reply_map_days) {
            return Ok(());
        }
        Err(bad("archive", "1 to 3,650 days"))
    }
}

fn bad(field: &str, why: &'static str) -> Error {
    Error::BadField {
        field: field.to_owned(),
        why,
    }
}
