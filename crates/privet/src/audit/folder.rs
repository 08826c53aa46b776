//! The folder of an exported log on the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use privet_log::{Checkpoint, LogFiles, LogKeys, LogPath, MAX_ENTRY};

use super::Contradiction;

/// Largest file of a log: a bundle of the longest entries.
const MAX_FILE: u64 = 256 * (2 + MAX_ENTRY as u64);

/// Written beside and linked, so that a file is there whole or not at all.
const TEMPORARY: &str = ".privet-export.tmp";

/// A folder that is read.
pub(super) struct Folder {
    dir: PathBuf,
}

/// A folder that is written, by one process at a time.
pub(super) struct Writer {
    folder: Folder,
    /// Locked until it is closed.
    _lock: File,
    /// Folders with new names in them.
    touched: BTreeSet<PathBuf>,
    pub(super) written: u64,
}

impl Folder {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// The checkpoint up to which the folder is whole; none if it holds nothing yet.
    pub(super) fn head(&self, keys: &LogKeys) -> Result<Option<Checkpoint>> {
        let path = LogPath::Checkpoint.to_string();
        let bytes = self
            .read(&path)
            .with_context(|| format!("cannot read `{path}`"))?;
        let opened = bytes.map(|bytes| keys.open(&bytes));
        let opened = opened
            .transpose()
            .with_context(|| format!("checkpoint `{path}`"))?;
        Ok(opened.map(|(checkpoint, _)| checkpoint))
    }

    /// All checkpoints of the folder, by size. One that is newer than the head is of an export that was cut off.
    pub(super) fn checkpoints(&self, keys: &LogKeys) -> Result<BTreeMap<u64, Checkpoint>> {
        let dir = self.dir.join("checkpoints");
        let names = match fs::read_dir(&dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            names => names.with_context(|| format!("cannot read `{}`", dir.display()))?,
        };
        let mut checkpoints = BTreeMap::new();
        for entry in names {
            let path = entry?.path();
            let bytes = fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
            let opened = keys.open(&bytes);
            let (checkpoint, _) = opened.with_context(|| format!("checkpoint `{}`", path.display()))?;
            checkpoints.insert(checkpoint.size, checkpoint);
        }
        Ok(checkpoints)
    }
}

impl LogFiles for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut files = Vec::new();
        let mut open = vec![(self.dir.clone(), String::new())];
        while let Some((dir, prefix)) = open.pop() {
            for entry in fs::read_dir(dir)? {
                let entry = entry?;
                let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
                if entry.file_type()?.is_dir() {
                    open.push((entry.path(), format!("{path}/")));
                } else if path != TEMPORARY {
                    files.push(path);
                }
            }
        }
        Ok(files)
    }

    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.dir.join(path)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = Vec::new();
        // What is longer than any file of a log is not read to its end; it is wrong as it is.
        file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }
}

impl Writer {
    /// Opens the folder for writing; makes it if it is not there, for its owner alone.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        create_dir(dir)?;
        let lock = File::open(dir).with_context(|| format!("cannot open `{}`", dir.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "another export is writing to `{}`; wait for it, or choose another folder",
                dir.display()
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock the folder `{}`", dir.display()));
            }
        }
        Ok(Self {
            folder: Folder::new(dir),
            _lock: lock,
            touched: BTreeSet::new(),
            written: 0,
        })
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Writes a file that is not there yet. One that is must hold the same bytes.
    pub(super) fn put(&mut self, path: LogPath, bytes: &[u8]) -> Result<()> {
        let path = self.folder.dir.join(path.to_string());
        match fs::read(&path) {
            Ok(there) if there == bytes => return Ok(()),
            Ok(_) => {
                let path = path.display();
                return Err(Contradiction(format!(
                    "`{path}` is there already, with other bytes; it belongs to another log, or was changed"
                ))
                .into());
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", path.display())),
        }
        let dir = path.parent().unwrap_or(&self.folder.dir).to_owned();
        if !dir.is_dir() {
            create_dir(&dir)?;
            // The names of new folders are in the folders above them.
            let above = dir
                .ancestors()
                .skip(1)
                .take_while(|above| above.starts_with(&self.folder.dir));
            self.touched.extend(above.map(Path::to_owned));
        }
        let temporary = self.write_temporary(bytes)?;
        // Not `rename`, which would replace a file that came meanwhile.
        fs::hard_link(&temporary, &path).with_context(|| format!("cannot write `{}`", path.display()))?;
        self.touched.insert(dir);
        self.written += 1;
        Ok(())
    }

    /// Makes what was written durable.
    pub(super) fn sync(&mut self) -> Result<()> {
        std::mem::take(&mut self.touched)
            .iter()
            .try_for_each(|dir| sync_dir(dir))
    }

    /// Makes what was written durable, and then replaces `checkpoint`, so that it never names what is not there.
    pub(super) fn finish(&mut self, checkpoint: &[u8]) -> Result<()> {
        self.sync()?;
        let path = self.folder.dir.join(LogPath::Checkpoint.to_string());
        let temporary = self.folder.dir.join(TEMPORARY);
        if fs::read(&path).ok().as_deref() == Some(checkpoint) {
            // Nothing new.
            return match fs::remove_file(&temporary) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
                _ => Ok(()),
            };
        }
        let temporary = self.write_temporary(checkpoint)?;
        fs::rename(&temporary, &path).with_context(|| format!("cannot write `{}`", path.display()))?;
        sync_dir(&self.folder.dir)
    }

    fn write_temporary(&self, bytes: &[u8]) -> Result<PathBuf> {
        use std::os::unix::fs::OpenOptionsExt;
        let path = self.folder.dir.join(TEMPORARY);
        let write = || -> io::Result<()> {
            // An older one may be linked under its real name, so it must go and not be written to.
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            file.write_all(bytes)?;
            file.sync_data()
        };
        write().with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(path)
    }
}

fn create_dir(dir: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("cannot make the folder `{}`", dir.display()))
}

fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .with_context(|| format!("cannot write to `{}`", dir.display()))
}
