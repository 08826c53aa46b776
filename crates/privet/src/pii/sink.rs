//! Where results go: a file that is there whole or not at all, or standard output.

use std::fs::Permissions;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// A result under way.
pub(crate) enum Sink {
    Standard(BufWriter<std::io::StdoutLock<'static>>),
    /// Written beside its place, and moved there at the end.
    File(BufWriter<NamedTempFile>, PathBuf),
}

impl Sink {
    /// A new file at `path`, readable by its owner only; standard output without one, or for `-`.
    ///
    /// # Errors
    /// If nothing can be written beside `path`.
    pub(crate) fn new(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path.filter(|p| p.as_os_str() != "-") else {
            return Ok(Self::Standard(BufWriter::new(std::io::stdout().lock())));
        };
        let folder = path
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let file = NamedTempFile::new_in(folder).with_context(|| cannot(path))?;
        Ok(Self::File(BufWriter::new(file), path.to_owned()))
    }

    /// Ends the result: only now is the file there.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn finish(self) -> Result<()> {
        match self {
            Self::Standard(mut out) => Ok(out.flush()?),
            Self::File(out, path) => {
                let file = out.into_inner().map_err(std::io::IntoInnerError::into_error);
                let file = file.with_context(|| cannot(&path))?;
                keep_permissions(&file, &path).with_context(|| cannot(&path))?;
                file.as_file().sync_all().with_context(|| cannot(&path))?;
                file.persist(&path).with_context(|| cannot(&path))?;
                Ok(())
            }
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Standard(out) => out.write(bytes),
            Self::File(out, _) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Standard(out) => out.flush(),
            Self::File(out, _) => out.flush(),
        }
    }
}

/// Writes a file whole or not at all.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut sink = Sink::new(Some(path))?;
    sink.write_all(bytes)?;
    sink.finish()
}

/// A file that replaces another may be read by whom that one could.
fn keep_permissions(file: &NamedTempFile, path: &Path) -> std::io::Result<()> {
    if let Ok(known) = std::fs::metadata(path) {
        let permissions: Permissions = known.permissions();
        file.as_file().set_permissions(permissions)?;
    }
    Ok(())
}

fn cannot(path: &Path) -> String {
    format!("cannot write `{}`", path.display())
}
