//! Measures what the cache saves: `cache_speed DIR [ROUNDS] [--all]`. Scans the folder as `privet scan` does on one thread, for secrets
//! (or with `--all` for everything): first with an empty cache, then `ROUNDS` times with what that scan left. Each scan starts with
//! nothing made: rules, detectors and cache are opened anew. CPU time is what the kernel counted for this process, walking included.
//!
//! Files that changed within the last two seconds are not known by their times, so let the folder rest before.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use privet_supplychain::Category;
use privet_supplychain::baseline::ScanKey;
use privet_supplychain::cache::{Cache, CacheLimits, FileStat};
use privet_supplychain::scan::{FileName, Parts, Scanner};
use privet_supplychain::walk::{WalkOptions, walk};

type Failure = Box<dyn std::error::Error>;

/// User and system time of this process so far, in seconds. Fields 14 and 15 of `/proc/self/stat`, at 100 ticks a second (proc(5)).
fn cpu_seconds() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let tail = stat.rsplit(") ").next().ok_or("no fields")?;
    let ticks = tail
        .split(' ')
        .skip(11)
        .take(2)
        .map(str::parse::<u64>)
        .sum::<Result<u64, _>>()?;
    Ok(ticks as f64 / 100.0)
}

/// What a scan came to.
#[derive(Debug, PartialEq)]
struct Came {
    files: u64,
    bytes: u64,
    findings: u64,
}

#[cfg(unix)]
fn scan(root: &Path, cache: &Path, is_all: bool) -> Result<(Came, u64), Failure> {
    use std::os::unix::fs::MetadataExt as _;

    let key = Arc::new(ScanKey::parse(&"0123456789abcdef".repeat(4))?);
    // The clock of the file system: when a file is made now.
    let made = tempfile::tempfile()?.metadata()?.modified()?;
    let now = i128::try_from(made.duration_since(UNIX_EPOCH)?.as_nanos())?;
    let mut parts = Parts::new(Arc::clone(&key));
    if !is_all {
        parts.categories.insert(Category::Secret);
    }
    let scanner = Scanner::new(parts)?;
    let rules = scanner.identity();
    let (entries, _) = walk(&[root.to_owned()], &WalkOptions::default())?;
    let cache = Cache::open(cache, &key, CacheLimits::default())?;
    let mut came = Came {
        files: 0,
        bytes: 0,
        findings: 0,
    };
    for entry in &entries {
        if entry.bytes > 16 << 20 {
            continue;
        }
        let meta = std::fs::metadata(&entry.path)?;
        let ns = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        let stat = FileStat {
            path: &entry.shown,
            bytes: meta.len(),
            device: meta.dev(),
            inode: meta.ino(),
            modified_ns: ns(meta.mtime(), meta.mtime_nsec()),
            changed_ns: ns(meta.ctime(), meta.ctime_nsec()),
        };
        let known = cache
            .content_of(&stat)
            .and_then(|content| cache.get(cache.file_id(content, &rules, &entry.shown)));
        let found = if let Some(known) = known {
            known
        } else {
            let bytes = std::fs::read(&entry.path)?;
            let content = cache.content_id(&bytes);
            cache.put_content(&stat, content, now);
            let name = FileName {
                shown: &entry.shown,
                path: &entry.shown,
            };
            let found = scanner.scan(name, &bytes, &mut |_| None, &Scanner::budget(entry.bytes));
            let Ok(found) = found else { continue };
            cache.put(cache.file_id(content, &rules, &entry.shown), &found);
            found
        };
        came.files += 1;
        came.bytes += entry.bytes;
        came.findings += found.findings.len() as u64;
    }
    cache.flush()?;
    Ok((came, cache.hits()))
}

#[cfg(not(unix))]
fn scan(_: &Path, _: &Path, _: bool) -> Result<(Came, u64), Failure> {
    Err("files are told by their times on Unix only".into())
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let root = arguments
        .first()
        .ok_or("usage: cache_speed DIR [ROUNDS] [--all]")?;
    let rounds: u32 = arguments
        .get(1)
        .filter(|text| !text.starts_with("--"))
        .map_or(Ok(10), |text| text.parse())?;
    let is_all = arguments.iter().any(|argument| argument == "--all");
    let folder = tempfile::tempdir()?;
    let root = PathBuf::from(root);
    let before = cpu_seconds()?;
    let (cold, _) = scan(&root, folder.path(), is_all)?;
    let cold_seconds = cpu_seconds()? - before;
    let before = cpu_seconds()?;
    let mut hits = 0;
    for _ in 0..rounds {
        let (warm, of_round) = scan(&root, folder.path(), is_all)?;
        if warm != cold {
            return Err(format!("{warm:?} from the cache instead of {cold:?}").into());
        }
        hits = of_round;
    }
    let warm_seconds = (cpu_seconds()? - before) / f64::from(rounds);
    println!(
        "{} files, {:.1} MB, {} findings: {cold_seconds:.2} CPU seconds anew, {warm_seconds:.3} from the cache ({hits} known), {:.1} times",
        cold.files,
        cold.bytes as f64 / 1e6,
        cold.findings,
        cold_seconds / warm_seconds
    );
    Ok(())
}
