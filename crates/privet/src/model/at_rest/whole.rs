//! Files that are there as a whole or not at all, and never in part under any name.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Writes a new file at `path` that only its owner may read. Until `write` has ended well it has no name, where the file system
/// can do that: not even a process that is killed leaves anything behind. Elsewhere it has another name, and is removed if
/// anything fails. What is at `path` is not replaced.
pub(super) fn write<T>(path: &Path, write: impl FnOnce(&mut File) -> Result<T>) -> Result<T> {
    expect_free(path)?;
    let folder = folder_of(path);
    let cannot = || format!("cannot write `{}`", path.display());
    let done = match nameless(&folder) {
        Some(mut file) => {
            let done = write(&mut file)?;
            file.sync_all().with_context(cannot)?;
            name(&file, path).with_context(cannot)?;
            done
        }
        None => named(path, &folder, write)?,
    };
    File::open(&folder)
        .and_then(|folder| folder.sync_all())
        .with_context(cannot)?;
    Ok(done)
}

/// Says so before any work if there is something at `path`.
pub(super) fn expect_free(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_ok() {
        bail!(
            "there is a `{}` already, which is left as it is; remove it, or name another file with `--output`",
            path.display()
        );
    }
    Ok(())
}

fn named<T>(path: &Path, folder: &Path, write: impl FnOnce(&mut File) -> Result<T>) -> Result<T> {
    let cannot = || format!("cannot write `{}`", path.display());
    let mut file = tempfile::Builder::new()
        .prefix(".privet-")
        .tempfile_in(folder)
        .with_context(cannot)?;
    let done = write(file.as_file_mut())?;
    file.as_file().sync_all().with_context(cannot)?;
    file.persist_noclobber(path)
        .map_err(|failed| failed.error)
        .with_context(cannot)?;
    Ok(done)
}

/// The folder of `path`.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

/// Where the kernel shows the files of this process.
#[cfg(target_os = "linux")]
const OWN_FILES: &str = "/proc/self/fd";

/// A file without a name in `folder`, if that can be had, and can get a name later.
#[cfg(target_os = "linux")]
fn nameless(folder: &Path) -> Option<File> {
    use rustix::fs::{Mode, OFlags};
    if !Path::new(OWN_FILES).is_dir() {
        return None;
    }
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR).ok()?;
    Some(file.into())
}

/// Gives a file without a name the name `path`, which nothing has.
#[cfg(target_os = "linux")]
fn name(file: &File, path: &Path) -> std::io::Result<()> {
    use std::os::fd::AsRawFd;

    use rustix::fs::{AtFlags, CWD, linkat};
    let own = format!("{OWN_FILES}/{}", file.as_raw_fd());
    Ok(linkat(CWD, own, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

#[cfg(not(target_os = "linux"))]
fn nameless(_: &Path) -> Option<File> {
    None
}

#[cfg(not(target_os = "linux"))]
fn name(_: &File, _: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Both ways of writing.
    type Way = fn(&Path, &mut dyn FnMut(&mut File) -> Result<()>) -> Result<()>;
    const WAYS: [Way; 2] = [
        |path, with| write(path, with),
        |path, with| named(path, &folder_of(path), with),
    ];

    #[test]
    fn a_file_is_there_as_a_whole_for_its_owner_and_nothing_is_beside_it() {
        for way in WAYS {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("out");
            way(&path, &mut |file| {
                assert!(!path.exists());
                Ok(file.write_all(b"whole")?)
            })
            .unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"whole");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(names(folder.path()), ["out"]);
        }
    }

    #[test]
    fn nothing_is_left_of_what_fails_and_nothing_is_replaced() {
        for way in WAYS {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("out");
            way(&path, &mut |file| {
                file.write_all(b"part")?;
                bail!("no more")
            })
            .unwrap_err();
            assert!(names(folder.path()).is_empty());
            // Another process has made it meanwhile.
            way(&path, &mut |file| {
                fs::write(&path, "mine")?;
                Ok(file.write_all(b"other")?)
            })
            .unwrap_err();
            assert_eq!(fs::read(&path).unwrap(), b"mine");
            assert_eq!(names(folder.path()), ["out"]);
        }
    }

    #[test]
    fn while_it_is_written_it_has_no_name_where_the_system_can_do_that() {
        let folder = tempfile::tempdir().unwrap();
        let can = nameless(folder.path()).is_some();
        write(&folder.path().join("out"), |file| {
            file.write_all(b"part")?;
            assert_eq!(names(folder.path()).is_empty(), can);
            Ok(())
        })
        .unwrap();
    }
}
