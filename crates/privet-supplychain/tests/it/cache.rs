//! The content-hash cache.

use std::fs;
use std::path::Path;

use privet_supplychain::baseline::ScanKey;
use privet_supplychain::cache::{Cache, CacheId, CacheLimits, FileStat, Records};
use privet_supplychain::scan::{FileName, FileScan, Parts, Scanner};
use privet_supplychain::{Category, Finding, Severity};
use proptest::prelude::*;

use crate::baseline::key;

const SECOND: i128 = 1_000_000_000;

fn open(folder: &Path) -> Cache {
    Cache::open(folder, &key(), CacheLimits::default()).unwrap()
}

fn found() -> FileScan {
    let finding = Finding {
        path: "a.py".to_owned(),
        category: Category::Secret,
        rule: "r".to_owned(),
        severity: Severity::High,
        verdict: None,
        line: 1,
        start: 0,
        end: 9,
        fingerprint: "0".repeat(32),
        message: "a credential".to_owned(),
        place: None,
        snippet: Some("x = …[8–15]".to_owned()),
    };
    FileScan {
        findings: vec![finding],
        segments: 2,
        ..FileScan::default()
    }
}

const fn stat(path: &str, bytes: u64, at: i128) -> FileStat<'_> {
    FileStat {
        path,
        bytes,
        device: 1,
        inode: 7,
        modified_ns: at,
        changed_ns: at,
    }
}

fn id(cache: &Cache, text: &str) -> CacheId {
    cache.file_id(cache.content_id(text.as_bytes()), "rules", "a.py")
}

#[test]
fn what_was_kept_is_there_in_the_next_scan() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(&folder.path().join("deep/cache"));
    let (dirty, clean) = (id(&cache, "x"), id(&cache, "y"));
    cache.put(dirty, &found());
    cache.put(clean, &FileScan::default());
    assert_eq!(cache.flush().unwrap().added, 2);
    let cache = open(&folder.path().join("deep/cache"));
    assert_eq!(cache.get(dirty), Some(found()));
    assert_eq!(cache.get(clean), Some(FileScan::default()));
    assert_eq!(cache.get(id(&cache, "z")), None);
    assert_eq!(cache.hits(), 2);
}

#[test]
fn other_rules_paths_and_contents_are_other_answers() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    let content = cache.content_id(b"x");
    let all = [
        cache.file_id(content, "rules", "a.py"),
        cache.file_id(content, "other", "a.py"),
        cache.file_id(content, "rules", "b.py"),
        cache.file_id(cache.content_id(b"y"), "rules", "a.py"),
    ];
    assert_eq!(
        all.iter().collect::<std::collections::BTreeSet<_>>().len(),
        all.len()
    );
}

#[test]
fn a_file_that_looks_the_same_need_not_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    let content = cache.content_id(b"x");
    cache.put_content(&stat("a.py", 1, 100 * SECOND), content, 103 * SECOND);
    cache.put_content(&stat("fresh.py", 1, 102 * SECOND), content, 103 * SECOND);
    cache.flush().unwrap();
    let cache = open(folder.path());
    assert_eq!(cache.content_of(&stat("a.py", 1, 100 * SECOND)), Some(content));
    assert_eq!(cache.content_of(&stat("a.py", 2, 100 * SECOND)), None);
    assert_eq!(cache.content_of(&stat("a.py", 1, 101 * SECOND)), None);
    assert_eq!(cache.content_of(&stat("b.py", 1, 100 * SECOND)), None);
    assert_eq!(
        cache.content_of(&stat("fresh.py", 1, 102 * SECOND)),
        None,
        "it may have changed since"
    );
}

#[test]
fn a_file_of_the_same_size_and_time_is_another_one_if_anything_else_differs() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    let kept = stat("a.py", 4, 100 * SECOND);
    cache.put_content(&kept, cache.content_id(b"aaaa"), 200 * SECOND);
    cache.flush().unwrap();
    let cache = open(folder.path());
    let set_back = FileStat {
        changed_ns: kept.changed_ns + 1,
        ..kept
    };
    let replaced = FileStat { inode: 8, ..kept };
    let moved = FileStat { device: 2, ..kept };
    assert!(cache.content_of(&kept).is_some());
    assert_eq!(
        [set_back, replaced, moved].map(|stat| cache.content_of(&stat)),
        [None; 3]
    );
}

/// Its time is as it was, its size too, and it is rewritten at once: within one tick of the clock, perhaps.
#[cfg(unix)]
#[test]
fn a_file_rewritten_right_after_it_was_read_is_read_again() {
    use std::os::unix::fs::MetadataExt as _;
    let folder = tempfile::tempdir().unwrap();
    let cache = open(&folder.path().join("cache"));
    let path = folder.path().join("a.py");
    let past = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let write = |text: &str| {
        fs::write(&path, text).unwrap();
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(past)
            .unwrap();
        fs::metadata(&path).unwrap()
    };
    let as_stat = |meta: &fs::Metadata| FileStat {
        path: "a.py",
        bytes: meta.len(),
        device: meta.dev(),
        inode: meta.ino(),
        modified_ns: i128::from(meta.mtime()) * SECOND + i128::from(meta.mtime_nsec()),
        changed_ns: i128::from(meta.ctime()) * SECOND + i128::from(meta.ctime_nsec()),
    };
    let first = write("x = 1\n");
    let read_ns = i128::from(first.ctime()) * SECOND + i128::from(first.ctime_nsec());
    cache.put_content(&as_stat(&first), cache.content_id(b"x = 1\n"), read_ns);
    cache.flush().unwrap();
    let second = write("x = 2\n");
    assert_eq!((first.len(), first.mtime()), (second.len(), second.mtime()));
    assert_eq!(
        open(&folder.path().join("cache")).content_of(&as_stat(&second)),
        None
    );
}

#[test]
fn neither_secrets_nor_the_text_round_them_are_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let key = std::sync::Arc::new(key());
    let mut parts = Parts::new(std::sync::Arc::clone(&key));
    parts.categories.insert(Category::Secret);
    let scanner = Scanner::new(parts).unwrap();
    let value = ["q7Zk2Rw9XtHn", "4LsVj8PmFc3GdY6"].concat();
    let text = format!("db_password = \"{value}\"\n# and a line that nothing is found in\n");
    let name = FileName {
        shown: "a.py",
        path: "a.py",
    };
    let budget = Scanner::budget(text.len() as u64);
    let found = scanner
        .scan(name, text.as_bytes(), &mut |_| None, &budget)
        .unwrap();
    let cache = Cache::open(folder.path(), &key, CacheLimits::default()).unwrap();
    let content = cache.content_id(text.as_bytes());
    cache.put(cache.file_id(content, &scanner.identity(), "a.py"), &found);
    cache.flush().unwrap();
    let bytes = fs::read(folder.path().join("cache")).unwrap();
    let holds = |part: &str| bytes.windows(part.len()).any(|window| window == part.as_bytes());
    assert_eq!(found.findings.len(), 1);
    assert!(holds("generic-password") && holds("db_password"));
    assert!(!holds(&value) && !holds(value.split_at(8).0) && !holds("nothing is found"));
}

#[test]
fn a_cache_of_another_key_is_empty_and_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    let file = id(&cache, "x");
    cache.put(file, &found());
    cache.flush().unwrap();
    let other = ScanKey::parse(&"fedcba9876543210".repeat(4)).unwrap();
    let cache = Cache::open(folder.path(), &other, CacheLimits::default()).unwrap();
    assert_eq!(cache.get(file), None);
    cache.put(id(&cache, "x"), &found());
    cache.flush().unwrap();
    let cache = Cache::open(folder.path(), &other, CacheLimits::default()).unwrap();
    assert_eq!(cache.get(id(&cache, "x")), Some(found()));
}

#[test]
fn a_damaged_record_is_a_miss_and_the_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    let all: Vec<CacheId> = ["x", "y", "z"].map(|text| id(&cache, text)).to_vec();
    for one in &all {
        cache.put(*one, &found());
    }
    cache.flush().unwrap();
    let path = folder.path().join("cache");
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        fs::write(&path, &bytes).unwrap();
        let cache = open(folder.path());
        let known = all.iter().filter_map(|one| cache.get(*one)).collect::<Vec<_>>();
        assert!(known.iter().all(|one| *one == found()), "byte {at}");
        let is_head = at < 34;
        assert!(
            known.len() == if is_head { 0 } else { 2 },
            "byte {at}: {}",
            known.len()
        );
    }
    for end in 0..whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        let cache = open(folder.path());
        assert!(all.iter().filter_map(|one| cache.get(*one)).count() < 3);
    }
}

#[test]
fn what_is_written_behind_a_cut_record_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    let (first, second) = (id(&cache, "x"), id(&cache, "y"));
    cache.put(first, &found());
    cache.flush().unwrap();
    let path = folder.path().join("cache");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    let cache = open(folder.path());
    cache.put(second, &found());
    cache.flush().unwrap();
    let cache = open(folder.path());
    assert_eq!((cache.get(first), cache.get(second)), (None, Some(found())));
}

#[test]
fn scans_at_the_same_time_keep_what_each_other_wrote() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let folder = folder.path();
            scope.spawn(move || {
                for round in 0..10 {
                    let cache = open(folder);
                    cache.put(id(&cache, &format!("{worker}-{round}")), &found());
                    cache.flush().unwrap();
                }
            });
        }
    });
    let cache = open(folder.path());
    for worker in 0..8 {
        for round in 0..10 {
            assert!(cache.get(id(&cache, &format!("{worker}-{round}"))).is_some());
        }
    }
}

#[test]
fn the_file_stays_within_its_bound_and_drops_what_was_not_used_for_longest() {
    let folder = tempfile::tempdir().unwrap();
    let limits = CacheLimits { bytes: 8_000 };
    let open = || Cache::open(folder.path(), &key(), limits).unwrap();
    let mut evicted = 0;
    for round in 0..100 {
        let cache = open();
        let first = cache.get(id(&cache, "0"));
        assert!(
            round == 0 || first.is_some(),
            "used in each scan, so kept: {round}"
        );
        cache.put(id(&cache, &round.to_string()), &found());
        evicted += cache.flush().unwrap().evicted;
        assert!(fs::metadata(folder.path().join("cache")).unwrap().len() <= limits.bytes);
    }
    let cache = open();
    assert!(evicted > 50, "{evicted}");
    assert!(cache.get(id(&cache, "99")).is_some());
    assert!(cache.get(id(&cache, "1")).is_none());
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("cache");
    let cache = open(&folder);
    cache.put(id(&cache, "x"), &found());
    cache.flush().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("cache")), 0o600);
    assert_eq!(mode(&folder.join("lock")), 0o600);
}

#[test]
fn content_is_hashed_alike_however_it_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    let bytes: Vec<u8> = (0..3_000_001_u32).map(|n| n.to_le_bytes()[0]).collect();
    let whole = cache.content_id(&bytes);
    for size in [1_000_003, 1 << 20, 65_537, 2_999_999] {
        let mut hasher = cache.hasher();
        bytes.chunks(size).for_each(|chunk| hasher.update(chunk));
        assert_eq!(hasher.finish(), whole, "{size}");
    }
    assert_ne!(cache.content_id(&bytes[1..]), whole);
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_their_end(bytes in proptest::collection::vec(any::<u8>(), 0..300), cuts in 0_usize..4) {
        let mut all = b"privet-scan-cache\x010123456789abcdef".to_vec();
        for _ in 0..cuts {
            all.extend_from_slice(b"\xf5psc\x02\x03\x00\x00\x00");
            all.extend_from_slice(&bytes);
        }
        let count = Records::new(&all, "0123456789abcdef").into_iter().flatten().count();
        prop_assert!(count <= cuts * (1 + bytes.len() / 9));
    }
}
