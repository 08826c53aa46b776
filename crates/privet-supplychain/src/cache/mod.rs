//! What files came to, kept between scans, so that a file that did not change is not looked at again.
//!
//! One file in a folder of its own. It holds places, rules, keyed fingerprints and masked lines, and no content: also files are
//! told apart by keyed hashes only, since a plain hash of a file that holds one short password would give the password away.
//! Every record has a keyed checksum: one that was damaged, or put there by somebody without the key, counts for nothing.
//!
//! Records are appended, under a lock, when a scan ends. Where the file would grow past its bound it is written anew without the
//! records that were not used for longest, and renamed into place.

mod identity;
mod records;
mod store;

pub use identity::{CacheId, ContentHasher, FileStat};
pub use records::{Record, RecordKind, Records};
pub use store::{Cache, CacheLimits, Flushed};
