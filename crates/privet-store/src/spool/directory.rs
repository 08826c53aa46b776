//! The spool's directory: claimed by one server, named by a node id, read back after a restart.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use privet_crypto::{RootKey, random};

use super::ledger::{Ledger, Position, Segment};
use super::segment::{Damage, HEADER, RECORD_OVERHEAD, SegmentKey};
use crate::Error;
use crate::files::{create_private_dir, private_file, sync_dir};

const SEGMENT: &str = "spool";
const GIVEN_UP: &str = "damaged";

/// A spool directory that no other server uses, for as long as this lives.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) dir: PathBuf,
    /// 16 hexadecimal digits.
    pub(super) node: String,
    /// Locked until it is closed.
    pub(super) lock: File,
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Closing is not enough where a child process was being started: it holds a copy of the descriptor until it
        // runs its own program. A failure leaves the lock to the closing.
        let _ = self.lock.unlock();
    }
}

/// Creates the directory if need be, locks it and reads its node id, or gives it one.
pub(super) fn claim(dir: &Path) -> Result<Claim, Error> {
    create_private_dir(dir).map_err(Error::file(dir))?;
    let path = dir.join("lock");
    let lock = private_file()
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(Error::file(&path))?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => Error::SpoolInUse { dir: dir.to_owned() },
        TryLockError::Error(source) => Error::File { path, source },
    })?;
    Ok(Claim {
        dir: dir.to_owned(),
        node: node_id(dir)?,
        lock,
    })
}

/// Path of the segment whose first number is `first`. Twenty digits hold every `u64`, so names sort as numbers.
pub(super) fn segment_path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.{SEGMENT}"))
}

/// Reads back what is in the claimed directory, cuts a torn tail, deletes what the store has.
///
/// `stored`: the last number of this node in the store, 0 for none. Numbers go on behind it and behind what is here.
pub(super) fn recover(claim: &Claim, root: &RootKey, stored: u64) -> Result<Ledger, Error> {
    let found = list(&claim.dir)?;
    let firsts = delete_stored(&claim.dir, found.firsts, stored)?;
    let mut next = firsts.first().copied().unwrap_or(stored + 1);
    let mut cursor = Position {
        seq: stored.max(next - 1),
        segment: next,
        offset: HEADER as u64,
    };
    if next > stored + 1 {
        let (from, to) = (stored + 1, next - 1);
        tracing::error!(node = %claim.node, from, to, "audit events are neither in the store nor in the spool");
    }
    let mut segments = Vec::with_capacity(firsts.len());
    for (i, &first) in firsts.iter().enumerate() {
        let path = segment_path(&claim.dir, first);
        let bytes = fs::read(&path).map_err(Error::file(&path))?;
        let next_first = firsts.get(i + 1).copied();
        let contents = SegmentKey::new(root, &claim.node, first)
            .read_all(&bytes, first, next_first, stored)
            .map_err(|damage| match damage {
                Damage::Foreign => Error::SpoolForeign {
                    segment: path.clone(),
                },
                Damage::At(seq) => Error::SpoolDamaged {
                    segment: path.clone(),
                    seq,
                },
            })?;
        next = contents.next;
        let mut length = bytes.len();
        // Zeros were set aside for events that did not come.
        let is_torn = bytes.iter().skip(contents.end).any(|b| *b != 0);
        match next_first {
            Some(after) if after != next => {
                let is_given_up = !is_torn && found.given_up.range(next..after).next().is_some();
                if !is_given_up {
                    return Err(Error::SpoolDamaged {
                        segment: path,
                        seq: next,
                    });
                }
                tracing::error!(node = %claim.node, from = next, to = after - 1, "audit events were given up with a damaged segment");
            }
            Some(_) => {}
            None => length = cut_tail(&path, contents.end, length, is_torn)?,
        }
        if i == 0 {
            cursor.offset = contents.passed_end as u64;
        }
        segments.push(Segment {
            first,
            last: next - 1,
            bytes: length as u64,
        });
    }
    // Numbers that a given-up segment may have used are not used again, so that the hole stays visible in the store.
    if let Some((first, bytes)) = found.given_up.last_key_value() {
        next = next.max(first + bytes / RECORD_OVERHEAD as u64 + 1);
    }
    Ok(Ledger {
        segments,
        cursor,
        durable: next.max(stored + 1) - 1,
    })
}

struct Found {
    /// Sorted.
    firsts: Vec<u64>,
    /// First number and size of the segments that were renamed to end in `.damaged`.
    given_up: BTreeMap<u64, u64>,
}

fn list(dir: &Path) -> Result<Found, Error> {
    let mut found = Found {
        firsts: Vec::new(),
        given_up: BTreeMap::new(),
    };
    for entry in fs::read_dir(dir).map_err(Error::file(dir))? {
        let entry = entry.map_err(Error::file(dir))?;
        let name = entry.file_name();
        let Some((first, ending)) = name.to_str().and_then(|name| name.split_once('.')) else {
            continue;
        };
        // Numbers are kept as a positive `i64` in the store.
        let Some(first) = first.parse::<i64>().ok().filter(|&first| first > 0) else {
            continue;
        };
        let first = first.unsigned_abs();
        if ending == SEGMENT {
            found.firsts.push(first);
        } else if ending.ends_with(GIVEN_UP) {
            let bytes = entry.metadata().map_err(Error::file(&entry.path()))?.len();
            found.given_up.insert(first, bytes);
        }
    }
    found.firsts.sort_unstable();
    Ok(found)
}

/// Deletes the segments whose events are all stored, except the last, and returns the others.
fn delete_stored(dir: &Path, mut firsts: Vec<u64>, stored: u64) -> Result<Vec<u64>, Error> {
    let stored_whole = firsts
        .iter()
        .skip(1)
        .take_while(|&&next| next <= stored + 1)
        .count();
    for first in firsts.drain(..stored_whole) {
        let path = segment_path(dir, first);
        fs::remove_file(&path).map_err(Error::file(&path))?;
    }
    Ok(firsts)
}

/// Cuts the segment to `end` bytes and makes the rest durable: it may have survived in the page cache only.
fn cut_tail(path: &Path, end: usize, length: usize, is_torn: bool) -> Result<usize, Error> {
    let file = private_file().open(path).map_err(Error::file(path))?;
    if is_torn {
        tracing::warn!(segment = %path.display(), bytes = length - end, "cut the torn tail of the audit spool");
    }
    if end < length {
        file.set_len(end as u64).map_err(Error::file(path))?;
    }
    file.sync_all().map_err(Error::file(path))?;
    Ok(end)
}

fn node_id(dir: &Path) -> Result<String, Error> {
    let path = dir.join("node-id");
    let node = match fs::read_to_string(&path) {
        Ok(node) => node,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let node = format!("{:016x}", u64::from_le_bytes(random()?));
            // Written beside and renamed, so that a crash leaves either no id or a whole one.
            let new = dir.join("node-id.new");
            let mut file = private_file()
                .create(true)
                .truncate(true)
                .open(&new)
                .map_err(Error::file(&new))?;
            file.write_all(node.as_bytes())
                .and_then(|()| file.sync_all())
                .map_err(Error::file(&new))?;
            fs::rename(&new, &path)
                .and_then(|()| sync_dir(dir))
                .map_err(Error::file(&path))?;
            node
        }
        Err(source) => return Err(Error::File { path, source }),
    };
    let node = node.trim();
    let is_valid = node.len() == 16 && node.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if is_valid {
        Ok(node.to_owned())
    } else {
        Err(Error::BadNodeId { path })
    }
}
