//! The updates of one kind on this machine: which there are, which is in force, and what may follow it.
//!
//! ```text
//! privet-data/updates/policy/7/policy.toml     the files of version 7, and `update.head`: its manifest and signatures
//! privet-data/updates/policy/current -> 7      the version in force
//! privet-data/updates/policy/state.json        the lowest version that may be in force, and the one that is pinned
//! privet-data/updates/policy/lock              held while anything of this changes
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use privet_crypto::VerifyingKey;
use privet_policy::{Settings, UpdatesSettings};
use privet_types::UpdateKind;
use privet_update::{UpdateBundle, UpdateHead, UpdateName};
use serde::{Deserialize, Serialize};

use super::step::Step;

/// Longest head that is read.
const MOST_HEAD: u64 = 2 << 20;
/// Longest state that is read.
const MOST_STATE: u64 = 4 << 10;
/// The files that are read as documents; lists are opened where they lie.
const DOCUMENTS: [&str; 2] = ["toml", "cedar"];

/// Where the updates of a kind lie, and whose signatures count for them.
pub(crate) struct Shelf<'s> {
    settings: &'s UpdatesSettings,
    signers: Vec<VerifyingKey>,
    kind: UpdateKind,
    folder: PathBuf,
}

/// What is remembered of a kind, whichever versions there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// The lowest version that may be in force.
    pub(crate) floor: u64,
    /// The one that may be, if it is one alone.
    pub(crate) pin: Option<u64>,
}

/// An update that was read from the shelf: signed by enough, and as its manifest says.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) head: UpdateHead,
    pub(crate) signers: Vec<VerifyingKey>,
    /// Its documents by name.
    pub(crate) documents: BTreeMap<String, Vec<u8>>,
}

/// Held while a shelf changes.
pub(crate) struct Locked(#[expect(dead_code, reason = "it holds the lock")] File);

impl<'s> Shelf<'s> {
    pub(crate) fn new(settings: &'s Settings, kind: UpdateKind) -> Result<Self> {
        let updates = &settings.updates;
        let signers = updates.signers.iter();
        Ok(Self {
            settings: updates,
            signers: signers.map(|signer| Ok(signer.parse()?)).collect::<Result<_>>()?,
            kind,
            folder: updates.folder(kind),
        })
    }

    pub(crate) const fn kind(&self) -> UpdateKind {
        self.kind
    }

    /// How many versions are kept beside the one in force.
    pub(crate) const fn keep(&self) -> usize {
        self.settings.keep as usize
    }

    /// Something in its folder.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn folder_of(&self, version: u64) -> PathBuf {
        self.path(version.to_string())
    }

    /// Keeps other processes from changing the shelf; makes its folder where there is none.
    pub(crate) fn lock(&self) -> Result<Locked> {
        let cannot = || format!("cannot use the folder of updates `{}`", self.folder.display());
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&self.folder).with_context(cannot)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(self.path("lock")).with_context(cannot)?;
        file.lock().with_context(cannot)?;
        Ok(Locked(file))
    }

    /// That `head` is of this kind and channel, and signed by enough. Says by whom.
    pub(crate) fn check_head(&self, head: &UpdateHead) -> Result<Vec<VerifyingKey>> {
        let manifest = head.manifest();
        if manifest.kind != self.kind {
            bail!("it is one of kind `{}`, not `{}`", manifest.kind, self.kind);
        }
        if manifest.channel != self.settings.channel {
            bail!(
                "it is for the channel `{}`, and `[updates] channel` of the settings is `{}`",
                manifest.channel,
                self.settings.channel
            );
        }
        if self.signers.is_empty() {
            bail!("`[updates] signers` of the settings lists nobody, so no update counts");
        }
        Ok(head.signers(&self.signers, self.settings.threshold as usize)?)
    }

    /// The version in force, if there is one. Whether it may be is not looked at.
    pub(crate) fn current(&self) -> Result<Option<u64>> {
        let link = self.settings.current(self.kind);
        let target = match fs::read_link(&link) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.with_context(|| format!("cannot read the link `{}`", link.display()))?,
        };
        let version = target.to_str().and_then(number);
        version
            .map(Some)
            .with_context(|| format!("the link `{}` leads to no version", link.display()))
    }

    /// The versions that are there, the lowest first.
    pub(crate) fn versions(&self) -> Result<Vec<u64>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.with_context(|| format!("cannot read `{}`", self.folder.display()))?,
        };
        let mut all = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir()
                && let Some(version) = entry.file_name().to_str().and_then(number)
            {
                all.push(version);
            }
        }
        all.sort_unstable();
        Ok(all)
    }

    /// What is remembered; `None` if nothing ever was.
    pub(crate) fn state(&self) -> Result<Option<State>> {
        let path = self.path("state.json");
        let Some(bytes) = read(&path, MOST_STATE)? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes).map(Some).with_context(|| {
            format!(
                "`{}` is damaged; if you trust the version in force, write {{\"floor\":VERSION,\"pin\":null}} to it",
                path.display()
            )
        })
    }

    /// What has to be done so that `state` is remembered.
    pub(crate) fn remember(&self, state: State) -> Result<Vec<Step>> {
        let mut bytes = serde_json::to_vec(&state)?;
        bytes.push(b'\n');
        Ok(vec![
            Step::File(self.path(".state"), bytes),
            Step::Rename(self.path(".state"), self.path("state.json")),
            Step::Sync(self.folder.clone()),
        ])
    }

    /// What has to be done so that `version`, which is there, is in force.
    pub(crate) fn put_in_force(&self, version: u64) -> Vec<Step> {
        vec![
            Step::Link(self.path(".current"), version.to_string()),
            Step::Rename(self.path(".current"), self.settings.current(self.kind)),
            Step::Sync(self.folder.clone()),
        ]
    }

    /// The update in force. It is signed by enough, not below the floor, the pinned one if one is, and every file is as its
    /// manifest says.
    pub(crate) fn in_force(&self) -> Result<Kept> {
        let kind = self.kind;
        let version = self.current()?.with_context(|| {
            format!(
                "no update of kind `{kind}` is in force; put one in force with `privet update install FILE`"
            )
        })?;
        let state = self.state()?.with_context(|| {
            format!(
                "`{}` is missing, so nobody knows which versions may be in force; install the update again, with `--rollback` if it is not newer",
                self.path("state.json").display()
            )
        })?;
        if version < state.floor {
            bail!(
                "version {version} of `{kind}` is in force and must be {} or later: somebody went back by hand; use `privet update rollback {kind} --to {version}`, or install a newer one",
                state.floor
            );
        }
        if let Some(pin) = state.pin.filter(|pin| *pin != version) {
            bail!(
                "version {version} of `{kind}` is in force, but {pin} is pinned; use `privet update pin {kind} none` if the pin is to go"
            );
        }
        self.kept(version)
    }

    /// The update of this version, which is there.
    pub(crate) fn kept(&self, version: u64) -> Result<Kept> {
        let mut documents = BTreeMap::new();
        let (head, signers) = self.whole(version, |name, bytes| {
            if is_document(name) {
                documents.insert(name.to_owned(), bytes);
            }
        })?;
        Ok(Kept {
            head,
            signers,
            documents,
        })
    }

    /// The same as it was when it came, with all of its files, and who signed it.
    pub(crate) fn bundle(&self, version: u64) -> Result<(UpdateBundle, Vec<VerifyingKey>)> {
        let mut files = Vec::new();
        let (head, signers) = self.whole(version, |_, bytes| files.push(bytes))?;
        let mut whole = head.to_bytes()?;
        whole.extend(files.into_iter().flatten());
        Ok((UpdateBundle::read(&whole)?, signers))
    }

    /// Hands over each file of a version, in the order of its manifest, once it is known to be what that says.
    fn whole(
        &self,
        version: u64,
        take: impl FnMut(&str, Vec<u8>),
    ) -> Result<(UpdateHead, Vec<VerifyingKey>)> {
        let name = UpdateName {
            kind: self.kind,
            version,
        };
        self.each_file(name, take)
            .with_context(|| format!("the update {name} cannot be used; install it again, or another one"))
    }

    fn each_file(
        &self,
        name: UpdateName,
        mut take: impl FnMut(&str, Vec<u8>),
    ) -> Result<(UpdateHead, Vec<VerifyingKey>)> {
        let folder = self.folder_of(name.version);
        let head = self.head(name.version)?;
        if head.manifest().name() != name {
            bail!("its manifest says that it is {}", head.manifest().name());
        }
        let signers = self.check_head(&head)?;
        for entry in &head.manifest().files {
            let path = folder.join(&entry.name);
            let bytes =
                read(&path, entry.bytes)?.with_context(|| format!("its file `{}` is missing", entry.name))?;
            entry.check(&bytes)?;
            take(&entry.name, bytes);
        }
        Ok((head, signers))
    }

    /// The head of this version, whoever signed it.
    pub(crate) fn head(&self, version: u64) -> Result<UpdateHead> {
        let path = self.folder_of(version).join(UpdateHead::FILE);
        let bytes = read(&path, MOST_HEAD)?.with_context(|| format!("`{}` is missing", path.display()))?;
        let (head, length) = UpdateHead::read(&bytes)?;
        if length != bytes.len() {
            bail!("`{}` goes on after its end", path.display());
        }
        Ok(head)
    }
}

/// Whether the file `name` of an update is read as a document.
pub(crate) fn is_document(name: &str) -> bool {
    let extension = Path::new(name).extension();
    let extension = extension.and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| DOCUMENTS.contains(&extension))
}

/// The version that `text` is the name of.
fn number(text: &str) -> Option<u64> {
    let version: u64 = text.parse().ok()?;
    (version.to_string() == text).then_some(version)
}

/// The file at `path`, if it is there; one of more than `most` bytes is refused.
pub(crate) fn read(path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
    let bytes = read_some(path, most.saturating_add(1))?;
    if bytes.as_ref().is_some_and(|bytes| bytes.len() as u64 > most) {
        bail!("`{}` is longer than it can be", path.display());
    }
    Ok(bytes)
}

/// The first `most` bytes of the file at `path`, if it is there.
fn read_some(path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
    let cannot = || format!("cannot read `{}`", path.display());
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.with_context(cannot)?,
    };
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).with_context(cannot)?;
    Ok(Some(bytes))
}
