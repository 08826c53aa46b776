//! Puts a mended file in the place of the old one, all or nothing.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Names tried for a temporary file or a backup.
const MOST_NAMES: u32 = 100;

/// Replaces the content of `path`, which was read as `seen`, by `bytes`.
///
/// The bytes go to a new file beside it that nobody else may read, which gets the permissions (and, where allowed, the owner) of
/// the old file, is flushed to the disk and then renamed over it: a crash leaves the old file or the new one. A symbolic link
/// stays; its target is replaced. Other hard links keep the old content. With `keep_backup`, the old content is kept in
/// `NAME.bak`, or `NAME.bak.2`, … if that exists: a backup is never overwritten, and it holds what was found.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] if the file is not what was `seen` any more (nothing is changed); what the file system says.
pub fn write_atomically(path: &Path, seen: &[u8], bytes: &[u8], keep_backup: bool) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let before = unchanged(&path, seen)?;
    if seen == bytes {
        return Ok(());
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the path names no file",
        ));
    };
    let backup = match keep_backup {
        true => Some(written(folder, backup_names(name), seen, &before)?),
        false => None,
    };
    let fresh = written(folder, temporary_names(name), bytes, &before)?;
    let now = fs::metadata(&path)?;
    if now.len() != before.len() || now.modified().ok() != before.modified().ok() {
        return Err(changed());
    }
    fs::rename(&fresh.path, &path)?;
    fresh.keep();
    if let Some(backup) = backup {
        backup.keep();
    }
    flush_folder(folder)
}

fn changed() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the file has changed since it was scanned; scan it again",
    )
}

/// The metadata of the file if its content is `seen`.
fn unchanged(path: &Path, seen: &[u8]) -> io::Result<Metadata> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() != seen.len() as u64 {
        return Err(changed());
    }
    let mut now = Vec::with_capacity(seen.len());
    file.take(seen.len() as u64 + 1).read_to_end(&mut now)?;
    if now == seen { Ok(metadata) } else { Err(changed()) }
}

/// A file that is removed again unless it is kept.
struct Fresh {
    path: PathBuf,
    is_kept: bool,
}

impl Fresh {
    fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !self.is_kept {
            // Nothing more can be done for a file that does not go.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Writes `bytes` to the first of `names` that does not exist, with the permissions of the file `like`.
fn written(
    folder: &Path,
    names: impl Iterator<Item = OsString>,
    bytes: &[u8],
    like: &Metadata,
) -> io::Result<Fresh> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    for name in names {
        let path = folder.join(name);
        let mut file = match options.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        };
        let fresh = Fresh { path, is_kept: false };
        file.write_all(bytes)?;
        give(&file, like)?;
        file.sync_all()?;
        return Ok(fresh);
    }
    Err(io::Error::new(
        io::ErrorKind::AlreadyExists,
        format!("{MOST_NAMES} backups or temporary files of this name exist; remove some"),
    ))
}

/// Gives `file` the owner and permissions of `like`.
fn give(file: &File, like: &Metadata) -> io::Result<()> {
    let permissions: Permissions = like.permissions();
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let mine = file.metadata()?;
        if (mine.uid(), mine.gid()) != (like.uid(), like.gid()) {
            // Only a privileged user may give files away; for others, the file is theirs as after any editor.
            let _ = fchown(file, Some(like.uid()), Some(like.gid()));
        }
    }
    file.set_permissions(permissions)
}

fn flush_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere folders cannot be opened, and renames are journalled.
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

fn backup_names(name: &OsStr) -> impl Iterator<Item = OsString> {
    (1..=MOST_NAMES).map(move |n| {
        let mut backup = name.to_owned();
        backup.push(if n == 1 {
            ".bak".to_owned()
        } else {
            format!(".bak.{n}")
        });
        backup
    })
}

fn temporary_names(name: &OsStr) -> impl Iterator<Item = OsString> {
    (0..MOST_NAMES).map(move |n| {
        let mut temporary = OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".privet-{}-{n}", std::process::id()));
        temporary
    })
}
