//! All inputs through the scanner, several at once, with a cache.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use privet_supplychain::cache::{Cache, FileStat};
use privet_supplychain::scan::{FileName, FileScan, Scanner};
use privet_supplychain::walk::Entry;

use super::inputs::{Content, Input, Inputs};

/// Longest included file that is read.
const MOST_INCLUDED: u64 = 1 << 20;

/// What one input came to.
pub(super) struct Done {
    pub(super) scan: FileScan,
    pub(super) bytes: u64,
    pub(super) is_from_cache: bool,
    /// Why it could not be looked at.
    pub(super) error: Option<String>,
}

/// What is shared between threads.
pub(super) struct Work<'a> {
    pub(super) scanner: &'a Scanner,
    pub(super) cache: Option<&'a Cache>,
    /// Names rules and settings: what was found under others is not known.
    pub(super) rule_set: &'a str,
    /// When the scan began, in nanoseconds since 1970.
    pub(super) now_ns: i128,
}

impl Work<'_> {
    /// Scans all inputs on `jobs` threads; the results stand in their order.
    pub(super) fn all(&self, inputs: &Inputs, jobs: usize, bar: &ProgressBar) -> Vec<Done> {
        let next = AtomicUsize::new(0);
        let done = Mutex::new(BTreeMap::new());
        std::thread::scope(|scope| {
            for _ in 0..jobs.max(1) {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(input) = inputs.all.get(number) else {
                            return;
                        };
                        let one = self.one(inputs, input);
                        bar.inc(input.bytes().max(1));
                        done.lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .insert(number, one);
                    }
                });
            }
        });
        let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.into_values().collect()
    }

    fn one(&self, inputs: &Inputs, input: &Input) -> Done {
        if let Some(known) = self.remembered(input) {
            return known;
        }
        let name = FileName {
            shown: input.shown(),
            path: input.path(),
        };
        let content = match inputs.read(input) {
            Ok(content) => content,
            Err(error) => return failed(format!("cannot be read: {error}")),
        };
        let (scanned, bytes) = match content {
            Content::Nothing => return failed_as(FileScan::default(), 0, None),
            Content::Bytes(bytes) => {
                let content = self.cache.map(|cache| cache.content_id(&bytes));
                if let Some((cache, content)) = self.cache.zip(content) {
                    let id = cache.file_id(content, self.rule_set, name.shown);
                    if let Some(stat) = input.file().and_then(Stat::of) {
                        cache.put_content(&stat.as_cached(name.shown), content, self.now_ns);
                    }
                    if let Some(scan) = cache.get(id) {
                        return Done {
                            scan,
                            bytes: bytes.len() as u64,
                            is_from_cache: true,
                            error: None,
                        };
                    }
                }
                let length = bytes.len() as u64;
                let budget = Scanner::budget(length);
                let mut include = |path: &str| included(input, path);
                let scanned = self.scanner.scan(name, &bytes, &mut include, &budget);
                if let (Some((cache, content)), Ok(scan)) = (self.cache.zip(content), &scanned)
                    && !scan.reads_others
                {
                    cache.put(cache.file_id(content, self.rule_set, name.shown), scan);
                }
                (scanned, length)
            }
            Content::Large(file, length) => {
                let budget = Scanner::budget(length);
                (self.scanner.scan_large(name, file, length, &budget), length)
            }
        };
        match scanned {
            Ok(scan) => failed_as(scan, bytes, None),
            Err(error) => failed_as(FileScan::default(), bytes, Some(error.to_string())),
        }
    }

    /// What is known of a file that did not change, without reading it.
    fn remembered(&self, input: &Input) -> Option<Done> {
        let (cache, entry) = (self.cache?, input.file()?);
        let stat = Stat::of(entry)?;
        let content = cache.content_of(&stat.as_cached(&entry.shown))?;
        let scan = cache.get(cache.file_id(content, self.rule_set, &entry.shown))?;
        Some(Done {
            scan,
            bytes: entry.bytes,
            is_from_cache: true,
            error: None,
        })
    }
}

fn failed(error: String) -> Done {
    failed_as(FileScan::default(), 0, Some(error))
}

const fn failed_as(scan: FileScan, bytes: u64, error: Option<String>) -> Done {
    Done {
        scan,
        bytes,
        is_from_cache: false,
        error,
    }
}

/// What the file system says of a file.
struct Stat {
    bytes: u64,
    device: u64,
    inode: u64,
    modified_ns: i128,
    changed_ns: i128,
}

impl Stat {
    #[cfg(unix)]
    fn of(entry: &Entry) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let meta = std::fs::metadata(&entry.path).ok()?;
        let ns = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Some(Self {
            bytes: meta.len(),
            device: meta.dev(),
            inode: meta.ino(),
            modified_ns: ns(meta.mtime(), meta.mtime_nsec()),
            changed_ns: ns(meta.ctime(), meta.ctime_nsec()),
        })
    }

    /// Elsewhere files are told by their content alone.
    #[cfg(not(unix))]
    fn of(_: &Entry) -> Option<Self> {
        None
    }

    const fn as_cached<'a>(&self, path: &'a str) -> FileStat<'a> {
        FileStat {
            path,
            bytes: self.bytes,
            device: self.device,
            inode: self.inode,
            modified_ns: self.modified_ns,
            changed_ns: self.changed_ns,
        }
    }
}

/// The text of a file that a manifest includes: `path` is from where the manifest's own path begins.
fn included(input: &Input, path: &str) -> Option<String> {
    let entry = input.file()?;
    let wanted = Path::new(path);
    let is_plain = wanted.components().all(|part| {
        matches!(
            part,
            Component::Normal(_) | Component::CurDir | Component::RootDir
        )
    });
    if !is_plain {
        return None;
    }
    // What is shown and where it lies end alike.
    let base: PathBuf = match entry.path.to_str()?.strip_suffix(entry.shown.as_str()) {
        Some(base) => base.into(),
        None => PathBuf::new(),
    };
    let full = base.join(wanted);
    let meta = std::fs::symlink_metadata(&full).ok()?;
    (meta.is_file() && meta.len() <= MOST_INCLUDED)
        .then(|| std::fs::read_to_string(full).ok())
        .flatten()
}

/// A bar over all bytes; nothing is shown if nobody watches.
pub(super) fn bar(inputs: &Inputs, is_watched: bool) -> ProgressBar {
    if !is_watched {
        return ProgressBar::hidden();
    }
    let total: u64 = inputs.all.iter().map(|input| input.bytes().max(1)).sum();
    let bar = ProgressBar::new(total);
    let template = "{bar:30} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
