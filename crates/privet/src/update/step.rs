//! What is done to the disk, one step after the other: after each of them a crash leaves the version in force as it was, or the
//! new one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::PathBuf;

use anyhow::{Context, Result};

/// One thing done to the disk. Each may be done again after a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A folder for its owner alone, with those above it.
    Folder(PathBuf),
    /// A file for its owner alone, with what it holds on disk.
    File(PathBuf, Vec<u8>),
    /// The names in a folder are on disk.
    Sync(PathBuf),
    /// The first gets the name of the second, and takes its place if it is a file or a link.
    Rename(PathBuf, PathBuf),
    /// A link, which leads to the second.
    Link(PathBuf, String),
    /// What is there goes, with all that it holds.
    Remove(PathBuf),
}

/// Does `steps` in order.
pub(crate) fn run(steps: &[Step]) -> Result<()> {
    steps.iter().try_for_each(Step::run)
}

impl Step {
    pub(crate) fn run(&self) -> Result<()> {
        let done = match self {
            Self::Folder(path) => DirBuilder::new().recursive(true).mode(0o700).create(path),
            Self::File(path, bytes) => write(path, bytes),
            Self::Sync(path) => File::open(path).and_then(|folder| folder.sync_all()),
            Self::Rename(from, to) => fs::rename(from, to),
            Self::Link(path, target) => remove(path).and_then(|()| symlink(target, path)),
            Self::Remove(path) => remove(path),
        };
        done.with_context(|| match self {
            Self::Folder(path) | Self::File(path, _) | Self::Sync(path) | Self::Link(path, _) => {
                format!("cannot write `{}`", path.display())
            }
            Self::Rename(from, to) => format!("cannot put `{}` at `{}`", from.display(), to.display()),
            Self::Remove(path) => format!("cannot remove `{}`", path.display()),
        })
    }
}

fn write(path: &PathBuf, bytes: &[u8]) -> std::io::Result<()> {
    // What a crash left half written gives way.
    remove(path)?;
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Removes what is at `path`, a link and not what it leads to, if there is anything.
fn remove(path: &PathBuf) -> std::io::Result<()> {
    let is_folder = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other?.is_dir(),
    };
    if is_folder {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}
