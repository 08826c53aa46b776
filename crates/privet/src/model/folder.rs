//! The folder in which networks lie.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use privet_pii::Model;

use super::package::{Package, Pinned};

/// The file beside a package's own that says whose it is.
const NOTICE: &str = "NOTICE";

/// A folder with a folder for each network.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

/// How a network is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// As it has to be.
    Whole,
    /// Not there.
    Missing,
    /// This file is missing, or is not what it has to be.
    Changed(String),
}

impl Folder {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Where `package`'s files lie.
    pub(crate) fn of(&self, package: &Package) -> PathBuf {
        self.0.join(package.name)
    }

    /// Where the network `name` lies.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The folder of networks itself.
    #[cfg(feature = "onnx")]
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes `files`, which are those of `package`, as a whole or not at all. What was there is replaced.
    ///
    /// # Errors
    /// If the folder cannot be written, or what is there is no network.
    pub(crate) fn write(&self, package: &Package, files: &[Vec<u8>]) -> Result<PathBuf> {
        let credit = format!("{}\n", package.credit);
        let own = package.files.iter().zip(files);
        let mut all: Vec<(&str, &[u8])> = own.map(|(file, bytes)| (file.name, bytes.as_slice())).collect();
        all.push((NOTICE, credit.as_bytes()));
        self.holds(package)?;
        self.write_all(package.name, &all)
    }

    /// Writes `files`, names and bytes, as the network `name`, as a whole or not at all. What was there is replaced: it
    /// has to be a network, see [`Folder::is_ours`].
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub(crate) fn write_all(&self, name: &str, files: &[(&str, &[u8])]) -> Result<PathBuf> {
        let place = self.place(name);
        self.write_to(name, files, &place)
            .with_context(|| format!("cannot write `{}`", place.display()))?;
        Ok(place)
    }

    fn write_to(&self, name: &str, files: &[(&str, &[u8])], place: &Path) -> Result<()> {
        fs::create_dir_all(&self.0)?;
        let fresh = tempfile::Builder::new().prefix(".adding-").tempdir_in(&self.0)?;
        for (file, bytes) in files {
            self.write_file(&fresh.path().join(file), bytes)?;
        }
        // The weights are no secret, and the gateway may run as somebody else.
        fs::set_permissions(fresh.path(), Permissions::from_mode(0o755))?;
        fs::File::open(fresh.path())?.sync_all()?;
        let old = tempfile::Builder::new()
            .prefix(".removing-")
            .tempdir_in(&self.0)?;
        match fs::rename(place, old.path().join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        fs::rename(fresh.keep(), place)?;
        fs::File::open(&self.0)?.sync_all()?;
        Ok(())
    }

    fn write_file(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        fs::write(path, bytes)?;
        fs::set_permissions(path, Permissions::from_mode(0o644))?;
        fs::File::open(path)?.sync_all()?;
        Ok(())
    }

    /// Whether something is where the network `name` belongs. It may then be replaced and removed: it is `files` and nothing else,
    /// and a network, as their first says, which is the model, or `is_marked`.
    ///
    /// # Errors
    /// If it is anything else, which is to stay.
    pub(super) fn is_ours(&self, name: &str, files: &[&str], is_marked: bool) -> Result<bool> {
        let place = self.place(name);
        let cannot = || format!("cannot read `{}`", place.display());
        let no_network = || {
            format!(
                "`{}` is no network that `privet pii model add` wrote, so it is left as it is",
                place.display()
            )
        };
        let entries = match fs::read_dir(&place) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) if error.kind() == ErrorKind::NotADirectory => bail!(no_network()),
            Err(error) => return Err(error).with_context(cannot),
        };
        let mut is_network = is_marked;
        let mut stranger = None;
        for entry in entries {
            let entry = entry.with_context(cannot)?;
            let is_folder = entry.file_type().with_context(cannot)?.is_dir();
            let file = entry.file_name();
            match files.iter().position(|known| file == **known) {
                Some(index) if !is_folder => is_network |= index == 0,
                _ => stranger = Some(file),
            }
        }
        match stranger {
            _ if !is_network => bail!(no_network()),
            Some(file) => bail!(
                "`{}` holds `{}`, which `privet pii model add` did not write, so it is left as it is; move that elsewhere first",
                place.display(),
                file.display()
            ),
            None => Ok(true),
        }
    }

    /// Whether something is where `package` belongs; see [`Folder::is_ours`].
    ///
    /// # Errors
    /// If it is anything else.
    pub(super) fn holds(&self, package: &Package) -> Result<bool> {
        let files = package.files.iter().map(|file| file.name);
        let files: Vec<&str> = files.chain([NOTICE]).collect();
        self.is_ours(package.name, &files, false)
    }

    /// Removes the files of the network `name`; `false` if there were none. It has to be one, see [`Folder::is_ours`].
    ///
    /// # Errors
    /// If they cannot be removed.
    pub(super) fn remove(&self, name: &str) -> Result<bool> {
        let place = self.place(name);
        match fs::remove_dir_all(&place) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| format!("cannot remove `{}`", place.display())),
        }
    }

    /// Whether `package` is there, to the byte.
    pub(crate) fn state(&self, package: &Package) -> State {
        let place = self.of(package);
        if !package.files.iter().any(|file| place.join(file.name).exists()) {
            return State::Missing;
        }
        let wrong = package
            .files
            .iter()
            .find(|file| self.read(package, file).is_err());
        wrong.map_or(State::Whole, |file| State::Changed(file.name.to_owned()))
    }

    /// Reads `package` and makes it ready. Each file is compared with its hash first.
    ///
    /// # Errors
    /// If it is not there, or not what it has to be.
    pub(crate) fn load(&self, package: &Package) -> Result<Model> {
        let name = package.name;
        if !self.of(package).exists() {
            bail!(
                "the network `{name}` is asked for, but is not in `{}`; add it with `privet pii model add {name}`, or name the \
                 folder it is in",
                self.0.display()
            );
        }
        let files = package.files.iter().map(|file| self.read(package, file));
        let files = files.collect::<Result<Vec<_>>>()?;
        let [model, vocabulary, ..] = files.as_slice() else {
            bail!("the network `{name}` has no files");
        };
        let vocabulary = std::str::from_utf8(vocabulary).context("the vocabulary is not UTF-8")?;
        Model::rampart(model, vocabulary).with_context(|| format!("the network `{name}`"))
    }

    fn read(&self, package: &Package, file: &Pinned) -> Result<Vec<u8>> {
        let path = self.of(package).join(file.name);
        let name = package.name;
        let again = || {
            format!(
                "`{}` is not what `privet pii model add {name}` wrote, so it is not used; add it again",
                path.display()
            )
        };
        let length = fs::metadata(&path).with_context(again)?.len();
        if length != file.bytes as u64 {
            bail!(again());
        }
        let bytes = fs::read(&path).with_context(again)?;
        if !file.is(&bytes) {
            bail!(again());
        }
        Ok(bytes)
    }
}
