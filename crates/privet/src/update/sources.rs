//! Where the documents of a policy are read from: plain files, or the signed updates in force.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use privet_policy::{ExpiredUpdates, Policy, RulesFile, Settings, UpdateFile};
use privet_types::UpdateKind;
use privet_update::{Manifest, UpdateBundle, UpdateName};

use super::shelf::{Shelf, is_document};

/// What the policy is called in errors where the settings name none.
const DEFAULT: &str = "the default policy";

/// The documents that the settings name. An update is verified when its first file is read, and is the same for all that follow.
pub(crate) struct Sources<'s> {
    settings: &'s Settings,
    updates: RefCell<BTreeMap<UpdateKind, Update>>,
}

struct Update {
    name: UpdateName,
    expires: Timestamp,
    /// All of its files.
    files: BTreeSet<String>,
    documents: BTreeMap<String, Vec<u8>>,
}

/// An update that a policy was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) name: UpdateName,
    pub(crate) expires: Timestamp,
}

impl<'s> Sources<'s> {
    pub(crate) fn new(settings: &'s Settings) -> Self {
        Self {
            settings,
            updates: RefCell::default(),
        }
    }

    /// The same with `bundle` in the place of the update of its kind that is in force.
    pub(crate) fn with(settings: &'s Settings, bundle: &UpdateBundle) -> Self {
        // No more than is read once it is in force.
        let documents = bundle.files().iter().filter(|(name, _)| is_document(name));
        let documents = documents.map(|(name, bytes)| (name.clone(), bytes.clone()));
        let update = Update::of(bundle.head().manifest(), documents.collect());
        let kind = update.name.kind;
        Self {
            settings,
            updates: RefCell::new(BTreeMap::from([(kind, update)])),
        }
    }

    pub(crate) const fn settings(&self) -> &'s Settings {
        self.settings
    }

    /// The policy that the settings name, with their rules; the default policy if they name none.
    pub(crate) fn policy(&self) -> Result<Policy> {
        let rules = self.settings.rules.iter();
        let rules = rules
            .map(|path| {
                let text = self
                    .read(path)
                    .with_context(|| format!("cannot read rules `{}`", path.display()))?;
                Ok(RulesFile::parse(&text, path)?)
            })
            .collect::<Result<Vec<_>>>()?;
        let Some(path) = &self.settings.policy else {
            return Ok(Policy::parse_with("", DEFAULT.as_ref(), &rules)?);
        };
        let text = self.read(path).with_context(|| {
            let shown = path.display();
            if path.exists() || named(self.settings).is_ok_and(|files| !files.is_empty()) {
                format!("cannot read policy `{shown}`")
            } else {
                format!(
                    "cannot read policy `{shown}`; write one with `privet serve --print-policy > {shown}`"
                )
            }
        })?;
        let policy = Policy::parse_with(&text, path, &rules)?;
        let files = self.guard_files(&policy, path)?;
        Ok(policy.with_guard_files(files))
    }

    /// What the files hold that `[guardrails.files]` of the policy at `document` names.
    fn guard_files(&self, policy: &Policy, document: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
        let named = policy.guardrails().into_iter().flat_map(|of| of.files.all());
        named
            .map(|name| {
                let path = document
                    .parent()
                    .map_or_else(|| name.clone(), |folder| folder.join(name));
                self.check_plain(&path)?;
                let bytes = fs::read(&path).with_context(|| {
                    let shown = path.display();
                    format!("cannot read `{shown}`, which `[guardrails.files]` of the policy names")
                })?;
                Ok((name.clone(), bytes))
            })
            .collect()
    }

    /// The text at `path`: of a file, or of the update in force that it leads to.
    pub(crate) fn read(&self, path: &Path) -> Result<String> {
        let Some(UpdateFile { kind, name }) = self.settings.updates.file_at(path)? else {
            self.check_plain(path)?;
            return Ok(fs::read_to_string(path)?);
        };
        self.verify(kind)?;
        let updates = self.updates.borrow();
        let found = updates
            .get(&kind)
            .and_then(|update| Some((update.name, update.documents.get(&name)?)));
        let Some((update, bytes)) = found else {
            bail!("the update of kind `{kind}` in force holds no document `{name}`");
        };
        let text = std::str::from_utf8(bytes);
        Ok(text
            .with_context(|| format!("`{name}` of the update {update} is no text"))?
            .to_owned())
    }

    /// That `path` is no other way to the folder of updates, on which nobody would look at signatures.
    fn check_plain(&self, path: &Path) -> Result<()> {
        let updates = fs::canonicalize(&self.settings.updates.directory);
        if let (Ok(updates), Ok(path)) = (updates, fs::canonicalize(path))
            && path.starts_with(updates)
        {
            bail!(
                "it lies in the folder of updates; write `updates:KIND/FILE`, so that it is held against its signatures"
            );
        }
        Ok(())
    }

    /// That the documents which the document at `from` names are as trusted as it is: one of an update can name its own alone.
    pub(crate) fn check_named(&self, from: &Path, path: &Path) -> Result<()> {
        let updates = &self.settings.updates;
        if let Some(document) = updates.file_at(from)? {
            let named = updates.file_at(path)?;
            if named.is_none_or(|named| named.kind != document.kind) {
                bail!(
                    "the policy of an update names `{}`, which is no file of that update",
                    path.display()
                );
            }
        }
        Ok(())
    }

    /// That every update whose files the settings name, lists too, is as it was signed, and has these files.
    pub(crate) fn verify_all(&self) -> Result<()> {
        for UpdateFile { kind, name } in named(self.settings)? {
            self.verify(kind)?;
            let updates = self.updates.borrow();
            if let Some(update) = updates.get(&kind).filter(|update| !update.files.contains(&name)) {
                bail!(
                    "the settings name the file `{name}` of the update of kind `{kind}`, and {} has none",
                    update.name
                );
            }
        }
        Ok(())
    }

    /// The updates that were read from.
    pub(crate) fn used(&self) -> Vec<Used> {
        let updates = self.updates.borrow();
        let used = updates.values().map(|update| Used {
            name: update.name,
            expires: update.expires,
        });
        used.collect()
    }

    fn verify(&self, kind: UpdateKind) -> Result<()> {
        if self.updates.borrow().contains_key(&kind) {
            return Ok(());
        }
        let kept = Shelf::new(self.settings, kind)?.in_force()?;
        let update = Update::of(kept.head.manifest(), kept.documents);
        self.updates.borrow_mut().insert(kind, update);
        Ok(())
    }
}

/// The files of updates that the settings name.
pub(crate) fn named(settings: &Settings) -> Result<Vec<UpdateFile>> {
    let sign_in = settings.sign_in.iter();
    let lists = sign_in.flat_map(|sign_in| [&sign_in.breached_hashes, &sign_in.breached_words]);
    let paths = settings
        .policy
        .iter()
        .chain(&settings.rules)
        .chain(lists.flatten());
    let mut all = Vec::new();
    for path in paths {
        all.extend(settings.updates.file_at(path)?);
    }
    Ok(all)
}

impl Update {
    fn of(manifest: &Manifest, documents: BTreeMap<String, Vec<u8>>) -> Self {
        Self {
            name: manifest.name(),
            expires: manifest.expires,
            files: manifest.files.iter().map(|file| file.name.clone()).collect(),
            documents,
        }
    }
}

impl Used {
    /// That the settings let it be in force at `now`.
    pub(crate) fn check(&self, settings: &Settings, now: Timestamp) -> Result<()> {
        if self.expires <= now && settings.updates.expired == ExpiredUpdates::Refuse {
            bail!(
                "the update {} expired at {}; install a newer one, or set `expired = \"warn\"` in `[updates]` of the settings",
                self.name,
                self.expires
            );
        }
        Ok(())
    }

    /// What is to be said of it at `now`, if it has expired.
    pub(crate) fn warning(&self, now: Timestamp) -> Option<String> {
        (self.expires <= now).then(|| {
            format!(
                "the update {} expired at {}; whoever makes updates may be kept from reaching this machine: install a newer one",
                self.name, self.expires
            )
        })
    }
}
