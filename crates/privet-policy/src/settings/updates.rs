//! The `[updates]` table: whose signed updates are taken, and where they lie.

use std::path::{Component, Path, PathBuf};

use privet_types::UpdateKind;
use schemars::JsonSchema;
use serde::Deserialize;

use super::access::check_signers;
use super::check::{count_within, full_path};
use crate::key_path::{Fault, KeyPath};

/// What begins a reference to a file of an update.
const PREFIX: &str = "updates:";
/// The link to the version in force, in the folder of a kind.
const CURRENT: &str = "current";

/// The `[updates]` table: signed policies, rules and lists (`privet update`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct UpdatesSettings {
    /// The folder in which they lie, by kind and version; relative to this file.
    pub directory: PathBuf,
    /// Public keys of those who sign updates, as `privet policy signer` prints them. Without any, none is taken.
    pub signers: Vec<String>,
    /// How many of them must have signed an update.
    pub threshold: u32,
    /// Which updates are for this installation: those that say the same.
    pub channel: String,
    /// How many versions of a kind are kept to go back to, beside the one in force.
    pub keep: u32,
    /// What becomes of a start with an update in force that has expired.
    pub expired: ExpiredUpdates,
}

/// What becomes of a start with an update in force that has expired.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExpiredUpdates {
    /// The log says so at level `error`.
    #[default]
    Warn,
    /// The start is refused.
    Refuse,
}

/// A file of the update of a kind that is in force.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UpdateFile {
    /// Which kind.
    pub kind: UpdateKind,
    /// Its name in the update.
    pub name: String,
}

/// A path into the folder of updates that leads to no file in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` lies in the folder of updates and leads to no file of one in force; write `updates:policy`, `updates:rules`, `updates:feed/FILE`, or `KIND/current/FILE` in that folder", path.display()
)]
pub struct NotCurrent {
    /// Which path.
    pub path: PathBuf,
}

impl Default for UpdatesSettings {
    fn default() -> Self {
        Self {
            directory: "privet-data/updates".into(),
            signers: Vec::new(),
            threshold: 1,
            channel: "default".to_owned(),
            keep: 5,
            expired: ExpiredUpdates::default(),
        }
    }
}

impl UpdatesSettings {
    /// The folder of `kind`.
    #[must_use]
    pub fn folder(&self, kind: UpdateKind) -> PathBuf {
        self.directory.join(kind.name())
    }

    /// The link to the version of `kind` that is in force.
    #[must_use]
    pub fn current(&self, kind: UpdateKind) -> PathBuf {
        self.folder(kind).join(CURRENT)
    }

    /// The file of an update that `path` leads to; `None` if it leads elsewhere.
    ///
    /// # Errors
    /// [`NotCurrent`] if it leads into the folder of updates, but to no file in force.
    pub fn file_at(&self, path: &Path) -> Result<Option<UpdateFile>, NotCurrent> {
        let Ok(within) = path.strip_prefix(&self.directory) else {
            return Ok(None);
        };
        let not_current = || NotCurrent {
            path: path.to_owned(),
        };
        let names: Option<Vec<&str>> = within
            .components()
            .map(|part| match part {
                Component::Normal(name) => name.to_str(),
                // A way up would leave the update.
                _ => None,
            })
            .collect();
        let names = names.ok_or_else(not_current)?;
        match names.as_slice() {
            [kind, current, file @ ..] if *current == CURRENT && !file.is_empty() => Ok(Some(UpdateFile {
                kind: kind.parse().map_err(|_| not_current())?,
                name: file.join("/"),
            })),
            _ => Err(not_current()),
        }
    }

    /// `written` at `at`, relative to the current folder: a path, or a reference to a file of an update.
    pub(super) fn path(&self, written: &Path, at: &KeyPath, document: &Path) -> Result<PathBuf, Fault> {
        let reference = written.to_str().and_then(|text| text.strip_prefix(PREFIX));
        let path = match reference {
            None => full_path(written, at, document)?,
            Some(reference) => self.referred(reference).map_err(|message| at.fault(message))?,
        };
        self.file_at(&path).map_err(|error| at.fault(error.to_string()))?;
        Ok(path)
    }

    fn referred(&self, reference: &str) -> Result<PathBuf, &'static str> {
        let (kind, file) = match reference.split_once('/') {
            None => (reference, None),
            Some((kind, file)) => (kind, Some(file)),
        };
        let kind: UpdateKind = kind.parse().map_err(
            |_| "names no kind of update; use `updates:policy`, `updates:rules` or `updates:feed/FILE`",
        )?;
        let file = file.or_else(|| kind.document());
        let file = file.ok_or("names no file of the update; write it such as `updates:feed/words.txt`")?;
        Ok(self.current(kind).join(file))
    }
}

/// Checks `[updates]`; the folder is relative to the current one then.
pub(super) fn check(file: UpdatesSettings, document: &Path) -> Result<UpdatesSettings, Fault> {
    let at = KeyPath::of("updates");
    check_signers(&file.signers, &at.key("signers"))?;
    count_within(file.threshold, 1, 16, &at, "threshold")?;
    let mut distinct = file.signers.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < file.signers.len() {
        return Err(at
            .key("signers")
            .fault("lists a key twice; each counts once, so leave one out"));
    }
    if !file.signers.is_empty() && file.signers.len() < file.threshold as usize {
        return Err(at
            .key("threshold")
            .fault("is more than there are `signers`, so that no update could be taken"));
    }
    count_within(file.keep, 1, 1_000, &at, "keep")?;
    let is_part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !(1..=64).contains(&file.channel.len()) || !file.channel.bytes().all(is_part) {
        return Err(at.key("channel").fault("use 1 to 64 of a-z, 0-9 and `-`"));
    }
    Ok(UpdatesSettings {
        directory: full_path(&file.directory, &at.key("directory"), document)?,
        ..file
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> UpdatesSettings {
        UpdatesSettings {
            directory: "etc/updates".into(),
            ..UpdatesSettings::default()
        }
    }

    #[test]
    fn references_and_paths_lead_to_the_same_files() {
        let at = KeyPath::of("policy");
        let document = Path::new("etc/privet.toml");
        for (written, kind, name) in [
            ("updates:policy", UpdateKind::Policy, "policy.toml"),
            ("updates:rules", UpdateKind::Rules, "rules.toml"),
            (
                "updates:feed/lists/words.txt",
                UpdateKind::Feed,
                "lists/words.txt",
            ),
            (
                "updates/policy/current/policy.toml",
                UpdateKind::Policy,
                "policy.toml",
            ),
            (
                "./updates/rules/current/rules.toml",
                UpdateKind::Rules,
                "rules.toml",
            ),
        ] {
            let path = here().path(Path::new(written), &at, document).unwrap();
            let found = here().file_at(&path).unwrap().unwrap();
            assert_eq!((found.kind, found.name.as_str()), (kind, name), "{written}");
        }
        let elsewhere = here().path(Path::new("policy.toml"), &at, document).unwrap();
        assert_eq!(here().file_at(&elsewhere), Ok(None));
    }

    #[test]
    fn what_leads_to_no_file_in_force_is_refused() {
        let at = KeyPath::of("policy");
        let document = Path::new("etc/privet.toml");
        for written in [
            "updates:",
            "updates:polcy",
            "updates:feed",
            "updates:feed/../rules/current/rules.toml",
            "updates:feed/",
            "updates/policy/7/policy.toml",
            "updates/policy/current",
            "updates/policy/current/../../other.toml",
            "updates/policy.toml",
        ] {
            assert!(
                here().path(Path::new(written), &at, document).is_err(),
                "{written}"
            );
        }
    }
}
