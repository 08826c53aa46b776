//! The cache on disk.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use privet_crypto::HashKey;

use super::identity::short;
use super::records::{self, MOST_PAYLOAD, OVERHEAD, Record, RecordKind, Records};
use super::{CacheId, ContentHasher, FileStat};
use crate::baseline::ScanKey;
use crate::scan::FileScan;

const FILE: &str = "cache";
const LOCK: &str = "lock";

/// A file that changed this shortly before it was read may change again within the same tick of the file system's clock, and look
/// as if it had not. FAT counts in two seconds; see git's Documentation/technical/racy-git.txt.
const RACY_NS: i128 = 2_000_000_000;

/// How large a cache may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// Most bytes of the file. A file of a repository takes about 250.
    pub bytes: u64,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { bytes: 256 << 20 }
    }
}

/// What [`Cache::flush`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flushed {
    /// Records that were added.
    pub added: usize,
    /// Records that were dropped to stay within the bound.
    pub evicted: usize,
}

/// The cache of one folder, as it was when it was opened, and what this scan adds. Shared by reference between threads.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    key: HashKey,
    key_id: String,
    limits: CacheLimits,
    bytes: Vec<u8>,
    places: HashMap<(RecordKind, CacheId), Place>,
    added: Mutex<Added>,
    hits: AtomicU64,
}

/// Where a record lies in the bytes, and whether this scan used it.
#[derive(Debug)]
struct Place {
    at: usize,
    is_used: AtomicBool,
}

#[derive(Debug, Default)]
struct Added {
    bytes: Vec<u8>,
    ids: HashSet<(RecordKind, CacheId)>,
}

impl Cache {
    /// Opens the cache in `folder`, which is made if there is none (for its owner alone). One that is damaged, or made under another
    /// key, is as good as empty. Reads the whole file.
    ///
    /// # Errors
    /// Those of the file system, but not that there is no cache yet.
    pub fn open(folder: &Path, key: &ScanKey, limits: CacheLimits) -> io::Result<Self> {
        make_folder(folder)?;
        let bytes = read_file(&folder.join(FILE), limits.bytes)?;
        let mut places = HashMap::new();
        for (at, record) in placed(&bytes, key.id()) {
            let place = Place {
                at,
                is_used: AtomicBool::new(false),
            };
            // The later one is the newer one.
            places.insert((record.kind, record.id), place);
        }
        Ok(Self {
            folder: folder.to_owned(),
            key: key.cache_key().clone(),
            key_id: key.id().to_owned(),
            limits,
            bytes,
            places,
            added: Mutex::default(),
            hits: AtomicU64::new(0),
        })
    }

    /// Hashes a content that comes in parts.
    #[must_use]
    pub fn hasher(&self) -> ContentHasher {
        ContentHasher::new(&self.key)
    }

    /// The id of a content.
    #[must_use]
    pub fn content_id(&self, bytes: &[u8]) -> CacheId {
        let mut hasher = self.hasher();
        hasher.update(bytes);
        hasher.finish()
    }

    /// What an answer hangs on: the content, the rules (the hash of all of them and of the settings that change what is found),
    /// and the path, which rules look at, too, and which stands in the findings.
    #[must_use]
    pub fn file_id(&self, content: CacheId, rule_set: &str, path: &str) -> CacheId {
        short(
            &self
                .key
                .hash(&[b"file", &content.0, rule_set.as_bytes(), path.as_bytes()]),
        )
    }

    /// The content that a file had when it looked like this, if that is known: it need not be read then.
    #[must_use]
    pub fn content_of(&self, stat: &FileStat<'_>) -> Option<CacheId> {
        let payload = self.find(RecordKind::Stat, stat.id(&self.key))?;
        payload.try_into().ok().map(CacheId)
    }

    /// Keeps that the file that looked like `stat` had this content. `read_ns`: when it was read, in nanoseconds since 1970, by the
    /// clock of the file system; a file that had changed just before is not kept.
    pub fn put_content(&self, stat: &FileStat<'_>, content: CacheId, read_ns: i128) {
        let newest = stat.modified_ns.max(stat.changed_ns);
        if newest.saturating_add(RACY_NS) < read_ns {
            self.add(RecordKind::Stat, stat.id(&self.key), &content.0);
        }
    }

    /// What the file of this id came to, if it is known.
    #[must_use]
    pub fn get(&self, file: CacheId) -> Option<FileScan> {
        let payload = self.find(RecordKind::File, file)?;
        let found = if payload.is_empty() {
            FileScan::default()
        } else {
            serde_json::from_slice(payload).ok()?
        };
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(found)
    }

    /// Keeps what the file of this id came to. More than 1 MiB of findings is not kept.
    pub fn put(&self, file: CacheId, what: &FileScan) {
        let payload = if *what == FileScan::default() {
            Some(Vec::new())
        } else {
            serde_json::to_vec(what).ok()
        };
        if let Some(payload) = payload.filter(|payload| payload.len() <= MOST_PAYLOAD) {
            self.add(RecordKind::File, file, &payload);
        }
    }

    /// How often [`Cache::get`] knew the answer.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Writes what was added. Other processes may do so at the same time: each waits for its turn and keeps what others wrote.
    ///
    /// # Errors
    /// Those of the file system. The scan is as good without a cache.
    pub fn flush(&self) -> io::Result<Flushed> {
        let mut added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        if added.bytes.is_empty() {
            return Ok(Flushed::default());
        }
        let lock = private()
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.folder.join(LOCK))?;
        // Let go when the file is closed, also if the process dies.
        lock.lock()?;
        let path = self.folder.join(FILE);
        let there = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file);
        let has_head = there.is_some() && starts_with_head(&path, &self.key_id);
        let length = there.map_or(0, |meta| meta.len());
        let flushed = if has_head && length + added.bytes.len() as u64 <= self.limits.bytes {
            OpenOptions::new()
                .append(true)
                .open(&path)?
                .write_all(&added.bytes)?;
            Flushed {
                added: added.ids.len(),
                evicted: 0,
            }
        } else {
            self.rewrite(&path, &added)?
        };
        *added = Added::default();
        Ok(flushed)
    }

    /// Writes the file anew: what others and this scan wrote, without what was not used for longest, to three quarters of the
    /// bound, so that it is not written anew each time.
    fn rewrite(&self, path: &Path, added: &Added) -> io::Result<Flushed> {
        let there = read_file(path, self.limits.bytes)?;
        let head = records::head(&self.key_id);
        let whole = [head.as_slice(), added.bytes.as_slice()].concat();
        let mut all: Vec<(bool, Record<'_>)> = Vec::new();
        for record in Records::new(&there, &self.key_id).into_iter().flatten() {
            if record.is_whole(&self.key) {
                let place = self.places.get(&(record.kind, record.id));
                let is_used = place.is_some_and(|place| place.is_used.load(Ordering::Relaxed));
                all.push((is_used, record));
            }
        }
        // Stable: within each half the older ones stay in front.
        all.sort_by_key(|(is_used, _)| *is_used);
        let fresh = Records::new(&whole, &self.key_id).into_iter().flatten();
        let fresh = fresh.filter(|record| record.is_whole(&self.key));
        all.extend(fresh.map(|record| (true, record)));

        let most = usize::try_from(self.limits.bytes / 4 * 3).unwrap_or(usize::MAX);
        let mut left = most.saturating_sub(head.len());
        let mut seen = HashSet::new();
        let mut kept: Vec<Record<'_>> = Vec::new();
        let mut evicted = 0;
        // From the newest to the oldest, until there is no more room.
        for (_, record) in all.into_iter().rev() {
            if !seen.insert((record.kind, record.id)) {
                continue;
            }
            if record.len() <= left {
                left -= record.len();
                kept.push(record);
            } else {
                left = 0;
                evicted += 1;
            }
        }
        let mut out = head;
        for record in kept.iter().rev() {
            record.write(&mut out);
        }
        let new = self.folder.join(format!("{FILE}.new"));
        // Under the lock nobody else writes it; one that is left over from a process that died is written over.
        let _ = fs::remove_file(&new);
        private()
            .write(true)
            .create_new(true)
            .open(&new)?
            .write_all(&out)?;
        fs::rename(&new, path)?;
        Ok(Flushed {
            added: added.ids.len(),
            evicted,
        })
    }

    fn find(&self, kind: RecordKind, id: CacheId) -> Option<&[u8]> {
        let place = self.places.get(&(kind, id))?;
        let record = record_at(&self.bytes, place.at)?;
        let is_it = record.kind == kind && record.id == id && record.is_whole(&self.key);
        place.is_used.fetch_or(is_it, Ordering::Relaxed);
        is_it.then_some(record.payload)
    }

    fn add(&self, kind: RecordKind, id: CacheId, payload: &[u8]) {
        let mut added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        let after = added.bytes.len() + payload.len() + OVERHEAD;
        // No more than could be kept anyway.
        if after as u64 <= self.limits.bytes / 2 && added.ids.insert((kind, id)) {
            records::write(&mut added.bytes, &self.key, kind, id, payload);
        }
    }
}

/// Each record with where it lies in `bytes`.
fn placed<'a>(bytes: &'a [u8], key_id: &str) -> impl Iterator<Item = (usize, Record<'a>)> {
    let mut records = Records::new(bytes, key_id);
    std::iter::from_fn(move || {
        let records = records.as_mut()?;
        let record = records.next()?;
        Some((bytes.len().saturating_sub(records.left()), record))
    })
}

fn record_at(bytes: &[u8], at: usize) -> Option<Record<'_>> {
    Records::at(bytes.get(at..)?).next()
}

fn starts_with_head(path: &Path, key_id: &str) -> bool {
    let head = records::head(key_id);
    let mut there = vec![0; head.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut there));
    read.is_ok() && there == head
}

/// The bytes of the file at `path`, of which at most `most` are read; none if there is no such file, or if it is no file.
fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_file() => {
            File::open(path)?.take(most).read_to_end(&mut bytes)?;
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(bytes)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut maker = fs::DirBuilder::new();
    maker.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        maker.mode(0o700);
    }
    maker.create(folder)
}

/// Files for their owner alone.
fn private() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "modes are of Unix"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}
