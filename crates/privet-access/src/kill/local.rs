//! Kill switches of one machine, in a sealed file: the way that works while the store does not answer.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use privet_crypto::{RootKey, SealingKey, random};
use privet_store::{KillSwitch, KillTarget};
use serde::{Deserialize, Serialize};

/// The largest file that is read: some 10,000 switches.
const MOST_BYTES: u64 = 8 << 20;
/// What the file is bound to.
const PLACE: &[u8] = b"privet/kill-switches/1";
/// What a switch is bound to that goes from machine to machine.
const SHARED: &[u8] = b"privet/shared-kill-switch/1";

/// The switches of this machine. They are told to the store as soon as it answers, and are its own from then on.
pub struct LocalSwitches {
    path: PathBuf,
    key: SealingKey,
}

/// Why the file cannot be used. While it cannot, everybody is cut off.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// It cannot be read or written.
    #[error("cannot use the kill switches of this machine, `{}`", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It was changed, or sealed with another root key.
    #[error(
        "the kill switches of this machine, `{}`, were changed or sealed with another root key; delete the file once nobody must be kept out",
        path.display()
    )]
    Sealed {
        /// Which file.
        path: PathBuf,
    },
    /// There are no random bytes.
    #[error(transparent)]
    Crypto(#[from] privet_crypto::Error),
}

/// A change of the file shows in this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Why nothing is known of it.
    fault: Option<io::ErrorKind>,
    modified: Option<std::time::SystemTime>,
    length: u64,
    number: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    tenant: Option<String>,
    kind: String,
    name: String,
    reason: String,
    set_by: String,
    set_at: Timestamp,
    ends_at: Option<Timestamp>,
    /// Only of one that goes from machine to machine: since when it is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifted_at: Option<Timestamp>,
}

impl LocalSwitches {
    /// Those in the file `path`, sealed under the installation's root key. The file need not be there.
    #[must_use]
    pub fn new(path: PathBuf, root: &RootKey) -> Self {
        Self {
            path,
            key: root.sealing_key("privet/access/local-kill-switches", b""),
        }
    }

    /// Which file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The switches, in the order in which they were set. None where there is no file.
    ///
    /// # Errors
    /// [`LocalError`] if the file cannot be read; then everybody is to be cut off.
    pub fn read(&self) -> Result<Vec<KillSwitch>, LocalError> {
        let sealed = match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.file(error)),
            Ok(about) if about.len() > MOST_BYTES => return Err(self.changed()),
            Ok(_) => fs::read(&self.path).map_err(|error| self.file(error))?,
        };
        let plain = self.key.open(PLACE, &sealed).map_err(|_| self.changed())?;
        let lines: Vec<Line> = serde_json::from_slice(&plain).map_err(|_| self.changed())?;
        lines
            .into_iter()
            .map(|line| line.switch().ok_or_else(|| self.changed()))
            .collect()
    }

    /// `switch` sealed, to be taken to other machines of the installation.
    ///
    /// # Errors
    /// [`LocalError`] if there are no random bytes.
    pub fn seal(&self, switch: &KillSwitch) -> Result<Vec<u8>, LocalError> {
        let plain = serde_json::to_vec(&Line::of(switch)).map_err(|error| self.file(error.into()))?;
        Ok(self.key.seal(SHARED, &plain)?)
    }

    /// The switch of another machine that `sealed` holds; `None` if it was changed, or sealed with another root key.
    #[must_use]
    pub fn open(&self, sealed: &[u8]) -> Option<KillSwitch> {
        let plain = self.key.open(SHARED, sealed).ok()?;
        serde_json::from_slice::<Line>(&plain).ok()?.switch()
    }

    /// Reads the file, lets `change` change what is in it, and writes it; those that are over go.
    ///
    /// # Errors
    /// [`LocalError`] if it cannot be read or written.
    pub fn change(
        &self,
        now: Timestamp,
        change: impl FnOnce(&mut Vec<KillSwitch>),
    ) -> Result<(), LocalError> {
        let _lock = self.lock()?;
        let mut all = self.read()?;
        all.retain(|switch| switch.is_in_force(now));
        change(&mut all);
        self.write(&all)
    }

    /// Puts `switches` into the file, in the place of what it holds. It is there as a whole or not at all, and may be read by
    /// its owner alone.
    ///
    /// # Errors
    /// [`LocalError`] if it cannot be written.
    pub fn write(&self, switches: &[KillSwitch]) -> Result<(), LocalError> {
        let lines: Vec<Line> = switches.iter().map(Line::of).collect();
        let plain = serde_json::to_vec(&lines).map_err(|error| self.file(error.into()))?;
        let sealed = self.key.seal(PLACE, &plain)?;
        let name = format!("kill-switches-{:016x}", u64::from_be_bytes(random()?));
        let beside = self.path.with_file_name(name);
        let written = write_and_rename(&beside, &self.path, &sealed);
        if written.is_err() {
            // What is left of it is of use to nobody.
            let _ = fs::remove_file(&beside);
        }
        written.map_err(|error| self.file(error))
    }

    /// Keeps other processes from changing the file, for as long as what this gives is held: for reading it and then writing it.
    /// Waits for whoever else holds it. The lock is a file beside it, since the file itself gives way to another.
    ///
    /// # Errors
    /// [`LocalError`] if there is no place for the lock.
    pub fn lock(&self) -> Result<fs::File, LocalError> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options
            .open(self.path.with_extension("lock"))
            .map_err(|error| self.file(error))?;
        file.lock().map_err(|error| self.file(error))?;
        Ok(file)
    }

    /// What tells one state of the file from another, without reading it.
    pub(crate) fn stamp(&self) -> Stamp {
        let about = fs::metadata(&self.path);
        let fault = about.as_ref().err().map(io::Error::kind);
        let about = about.ok();
        #[cfg(unix)]
        let number = about.as_ref().map(std::os::unix::fs::MetadataExt::ino);
        #[cfg(not(unix))]
        let number = None;
        Stamp {
            fault,
            modified: about.as_ref().and_then(|about| about.modified().ok()),
            length: about.as_ref().map_or(0, fs::Metadata::len),
            number: number.unwrap_or_default(),
        }
    }

    fn file(&self, source: io::Error) -> LocalError {
        LocalError::File {
            path: self.path.clone(),
            source,
        }
    }

    fn changed(&self) -> LocalError {
        LocalError::Sealed {
            path: self.path.clone(),
        }
    }
}

impl std::fmt::Debug for LocalSwitches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalSwitches")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Line {
    fn of(switch: &KillSwitch) -> Self {
        Self {
            id: switch.id.clone(),
            tenant: switch.tenant.as_ref().map(ToString::to_string),
            kind: switch.target.kind().to_owned(),
            name: switch.target.name().to_owned(),
            reason: switch.reason.clone(),
            set_by: switch.set_by.clone(),
            set_at: switch.set_at,
            ends_at: switch.ends_at,
            lifted_at: switch.lifted_at,
        }
    }

    fn switch(self) -> Option<KillSwitch> {
        Some(KillSwitch {
            tenant: self.tenant.map(|tenant| tenant.parse()).transpose().ok()?,
            target: KillTarget::parse(&self.kind, &self.name).ok()?,
            id: self.id,
            reason: self.reason,
            set_by: self.set_by,
            set_at: self.set_at,
            ends_at: self.ends_at,
            lifted_at: self.lifted_at,
            lifted_by: None,
        })
    }
}

fn write_and_rename(beside: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(beside, path)?;
    if let Some(folder) = path.parent().filter(|_| cfg!(unix)) {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
