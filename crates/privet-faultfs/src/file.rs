//! A file as the kernel shows it, and what of it is on the disk.

use std::fs;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// What a disk writes at once, or not at all.
pub(crate) const SECTOR: usize = 512;

/// Chance, seeded: SplitMix64 (Steele, Lea & Flood, OOPSLA 2014).
#[derive(Debug)]
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.next().is_multiple_of(times.max(1))
    }
}

/// What was done to a file and not synced yet.
#[derive(Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

/// A file of the disk.
#[derive(Debug)]
pub(crate) struct FileState {
    /// Where what was synced lies; nowhere for SQLite's temporary files.
    path: Option<PathBuf>,
    /// What is read.
    cache: Vec<u8>,
    unsynced: Vec<Change>,
}

impl FileState {
    /// The file at `path`, as it is on the disk.
    pub(crate) fn open(path: Option<PathBuf>) -> io::Result<Self> {
        let cache = match path.as_ref().map(fs::read) {
            Some(Ok(bytes)) => bytes,
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => Vec::new(),
        };
        Ok(Self {
            path,
            cache,
            unsynced: Vec::new(),
        })
    }

    pub(crate) const fn size(&self) -> usize {
        self.cache.len()
    }

    /// Fills `into` from `at` on; what is behind the end is zeros. Returns how many bytes there were.
    pub(crate) fn read(&self, at: usize, into: &mut [u8]) -> usize {
        let there = self.cache.get(at..).unwrap_or_default();
        let count = there.len().min(into.len());
        into.fill(0);
        if let (Some(into), Some(there)) = (into.get_mut(..count), there.get(..count)) {
            into.copy_from_slice(there);
        }
        count
    }

    pub(crate) fn write(&mut self, at: usize, bytes: &[u8]) {
        put(&mut self.cache, at, bytes);
        self.unsynced.push(Change::Write {
            at,
            bytes: bytes.to_vec(),
        });
    }

    pub(crate) fn truncate(&mut self, size: usize) {
        self.cache.resize(size, 0);
        self.unsynced.push(Change::Truncate(size));
    }

    /// All that was written is on the disk.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        let changes = std::mem::take(&mut self.unsynced);
        self.apply(&changes)
    }

    /// Of what was written, chance decides what reached the disk; the cache keeps all of it, and takes it for written.
    pub(crate) fn fail_sync(&mut self, chance: &mut Chance) -> io::Result<()> {
        let changes = survivors(std::mem::take(&mut self.unsynced), chance);
        self.apply(&changes)
    }

    /// Of what was written, chance decides what reached the disk; the cache is gone.
    pub(crate) fn cut_power(mut self, chance: &mut Chance) -> io::Result<()> {
        self.fail_sync(chance)
    }

    fn apply(&self, changes: &[Change]) -> io::Result<()> {
        let Some(path) = self.path.as_ref().filter(|_| !changes.is_empty()) else {
            return Ok(());
        };
        // One that was deleted meanwhile stays so.
        let mut file = match fs::OpenOptions::new().write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        for change in changes {
            match change {
                Change::Write { at, bytes } => {
                    file.seek(SeekFrom::Start(*at as u64))?;
                    file.write_all(bytes)?;
                }
                Change::Truncate(size) => file.set_len(*size as u64)?,
            }
        }
        Ok(())
    }
}

fn put(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at.saturating_add(bytes.len());
    if file.len() < end {
        file.resize(end, 0);
    }
    if let Some(place) = file.get_mut(at..end) {
        place.copy_from_slice(bytes);
    }
}

/// What of `changes` reached the disk. The mood is drawn once, so that all kept, none kept, and everything but the last
/// few are as likely as a mixture.
fn survivors(changes: Vec<Change>, chance: &mut Chance) -> Vec<Change> {
    let mood = chance.next() % 5;
    let count = changes.len();
    let cut = usize::try_from(chance.next()).unwrap_or(0) % (count + 1);
    let mut kept = Vec::new();
    for (index, change) in changes.into_iter().enumerate() {
        match mood {
            0 => {}
            1 => kept.push(change),
            // In order, with one torn at the end.
            2 if index < cut => kept.push(change),
            2 if index == cut => tear(change, chance, &mut kept),
            2 => {}
            // In any order, whole.
            3 if chance.once_in(2) => kept.push(change),
            3 => {}
            _ => tear(change, chance, &mut kept),
        }
    }
    kept
}

/// Whole, dropped, cut short at any byte, or some of its sectors, the others left or zero.
fn tear(change: Change, chance: &mut Chance, kept: &mut Vec<Change>) {
    let Change::Write { at, mut bytes } = change else {
        if chance.once_in(2) {
            kept.push(change);
        }
        return;
    };
    match chance.next() % 4 {
        0 => {}
        1 => kept.push(Change::Write { at, bytes }),
        2 => {
            bytes.truncate(usize::try_from(chance.next()).unwrap_or(0) % (bytes.len() + 1));
            kept.push(Change::Write { at, bytes });
        }
        _ => {
            // Sectors are counted from the start of the file.
            let mut at = at;
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (sector, behind) = rest.split_at((SECTOR - at % SECTOR).min(rest.len()));
                match chance.next() % 8 {
                    0..4 => kept.push(Change::Write {
                        at,
                        bytes: sector.to_vec(),
                    }),
                    4 => kept.push(Change::Write {
                        at,
                        bytes: vec![0; sector.len()],
                    }),
                    _ => {}
                }
                at += sector.len();
                rest = behind;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_outlives_a_cut_and_what_was_not_may_be_lost_or_torn() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            fs::write(&path, b"").unwrap();
            let mut file = FileState::open(Some(path.clone())).unwrap();
            file.write(0, &[1; 2048]);
            file.sync().unwrap();
            file.write(1024, &[2; 2048]);
            let mut read = [0; 3072];
            assert_eq!(file.read(0, &mut read), 3072);
            assert_eq!((read[1023], read[1024], read[3071]), (1, 2, 2));
            file.cut_power(&mut Chance(seed)).unwrap();
            let disk = fs::read(&path).unwrap();
            assert_eq!(disk[..1024], [1; 1024], "outside the write nothing changes");
            seen.insert(disk);
        }
        assert!(seen.contains([1; 2048].as_slice()), "lost");
        assert!(
            seen.iter()
                .any(|disk| disk.len() == 3072 && disk[1024..] == [2; 2048]),
            "kept"
        );
        assert!(seen.len() > 20, "torn in many ways: {}", seen.len());
    }

    #[test]
    fn what_a_failed_sync_lost_is_read_until_the_power_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut lost = 0;
        for seed in 0..50 {
            fs::write(&path, b"old").unwrap();
            let mut chance = Chance(seed);
            let mut file = FileState::open(Some(path.clone())).unwrap();
            file.write(0, b"new");
            file.fail_sync(&mut chance).unwrap();
            file.sync().unwrap();
            let mut read = [0; 3];
            file.read(0, &mut read);
            assert_eq!(&read, b"new");
            file.cut_power(&mut chance).unwrap();
            lost += u32::from(fs::read(&path).unwrap() == b"old");
        }
        assert!(lost > 5, "{lost}");
    }
}
