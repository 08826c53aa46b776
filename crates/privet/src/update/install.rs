//! Which update may follow which, and what has to be done for it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail};
use jiff::{SignedDuration, Timestamp};

use super::shelf::{Shelf, State};
use super::step::Step;
use privet_update::{UpdateBundle, UpdateHead};

/// How far the clock of whoever made an update may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// What has to be done to put a version in force.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Which.
    pub(crate) version: u64,
    /// Which was before it.
    pub(crate) before: Option<u64>,
    /// What may be done without anybody noticing.
    pub(crate) stage: Vec<Step>,
    /// What puts it in force.
    pub(crate) flip: Vec<Step>,
}

/// The plan to install `bundle`, whose signatures were looked at. The shelf is locked, if the plan is to be done. With `may_go_back` it
/// may be older than what was in force.
pub(crate) fn install(
    shelf: &Shelf<'_>,
    bundle: &UpdateBundle,
    may_go_back: bool,
    now: Timestamp,
) -> Result<Plan> {
    let manifest = bundle.head().manifest();
    let (kind, version) = (shelf.kind(), manifest.version);
    if manifest.expires <= now {
        bail!("it expired at {}; ask for a newer one", manifest.expires);
    }
    if manifest.created > now.saturating_add(AHEAD)? {
        bail!(
            "it was made at {}, which is to come; look at the clock",
            manifest.created
        );
    }
    let current = shelf.current()?;
    let state = shelf.state()?;
    let known = state.unwrap_or_default();
    if let Some(pin) = known.pin.filter(|pin| *pin != version) {
        bail!(
            "version {pin} of `{kind}` is pinned, so {version} is not taken; use `privet update pin {kind} none` first"
        );
    }
    let least = known.floor.max(current.unwrap_or_default());
    if version < least && !may_go_back {
        bail!(
            "version {version} of `{kind}` is older than {least}, which was in force; use `--rollback` if that is meant"
        );
    }
    if let (Some(needed), Some(current)) = (manifest.replaces, current)
        && current < needed
    {
        bail!(
            "version {version} of `{kind}` follows {needed} or later, and {current} is in force; install {needed} first"
        );
    }
    // What a crash left of an earlier one.
    let mut stage = vec![Step::Remove(shelf.path(".new")), Step::Remove(shelf.path(".old"))];
    stage.extend(files(shelf, bundle)?);
    if state.is_none() {
        // Before anything is in force: who then finds no state knows that it was taken away.
        stage.extend(shelf.remember(State::default())?);
    }
    let mut flip = in_force(shelf, version, known)?;
    flip.extend(prune(shelf, version, current)?);
    Ok(Plan {
        version,
        before: current,
        stage,
        flip,
    })
}

/// The plan to go back to `to`, or to the version before the one in force. The shelf is locked.
pub(crate) fn roll_back(shelf: &Shelf<'_>, to: Option<u64>) -> Result<Plan> {
    let kind = shelf.kind();
    let current = shelf
        .current()?
        .with_context(|| format!("no update of kind `{kind}` is in force"))?;
    let known = shelf.state()?.unwrap_or_default();
    if let Some(pin) = known.pin {
        bail!("version {pin} of `{kind}` is pinned; use `privet update pin {kind} none` first");
    }
    let kept = shelf.versions()?;
    let earlier = || kept.iter().copied().rfind(|version| *version < current);
    let version = to.or_else(earlier).with_context(|| {
        format!("no version of `{kind}` before {current} is kept; install one with `--rollback`")
    })?;
    if !kept.contains(&version) {
        bail!("version {version} of `{kind}` is not kept; `privet update list` shows those that are");
    }
    if version > current || (version == current && known.floor <= current) {
        bail!("version {version} of `{kind}` is no earlier one than {current}, which is in force");
    }
    Ok(Plan {
        version,
        before: Some(current),
        stage: Vec::new(),
        flip: in_force(shelf, version, known)?,
    })
}

/// The steps that put `version` in force and remember that none below it may be.
fn in_force(shelf: &Shelf<'_>, version: u64, known: State) -> Result<Vec<Step>> {
    let remembered = shelf.remember(State {
        floor: version,
        pin: known.pin,
    })?;
    let link = shelf.put_in_force(version);
    // INVARIANT: between any two steps the version in force is not below the floor.
    Ok(if version < known.floor {
        [remembered, link].concat()
    } else {
        [link, remembered].concat()
    })
}

/// The steps that put the files of `bundle` on the shelf.
fn files(shelf: &Shelf<'_>, bundle: &UpdateBundle) -> Result<Vec<Step>> {
    let manifest = bundle.head().manifest();
    let folder = shelf.folder_of(manifest.version);
    let new = shelf.path(".new");
    let is_there = folder.exists();
    if is_there
        && let Ok(head) = shelf.head(manifest.version)
        && head.manifest() != manifest
    {
        bail!(
            "another update {} was installed before; a version cannot be given to two",
            manifest.name()
        );
    }
    let mut steps = vec![Step::Folder(new.clone())];
    let mut folders = BTreeSet::from([new.clone()]);
    let head = (UpdateHead::FILE.to_owned(), bundle.head().to_bytes()?);
    let files = bundle.files().iter();
    // The head last: without it there is no update.
    let all = files
        .map(|(name, bytes)| (name.clone(), bytes.clone()))
        .chain([head]);
    let mut names = Vec::new();
    for (name, bytes) in all {
        let path = new.join(&name);
        let above = path.ancestors().skip(1).take_while(|above| *above != new);
        let above: Vec<&Path> = above.collect();
        for parent in above.into_iter().rev() {
            if folders.insert(parent.to_owned()) {
                steps.push(Step::Folder(parent.to_owned()));
            }
        }
        steps.push(Step::File(path, bytes));
        names.push(name);
    }
    steps.extend(folders.iter().rev().cloned().map(Step::Sync));
    if is_there {
        // It may be in force, so it never goes away: each file takes the place of its own likeness.
        for name in &names {
            let to = folder.join(name);
            steps.extend(to.parent().map(|parent| Step::Folder(parent.to_owned())));
            steps.push(Step::Rename(new.join(name), to));
        }
        steps.push(Step::Remove(new));
        steps.push(Step::Sync(folder));
    } else {
        steps.push(Step::Rename(new, folder));
    }
    steps.push(Step::Sync(shelf.path("")));
    Ok(steps)
}

/// The steps that remove versions beyond those that are kept: never `version`, which is put in force, nor `before`.
fn prune(shelf: &Shelf<'_>, version: u64, before: Option<u64>) -> Result<Vec<Step>> {
    let others: Vec<u64> = shelf
        .versions()?
        .into_iter()
        .filter(|kept| *kept != version && Some(*kept) != before)
        .collect();
    // The one before counts among those that are kept.
    let room = shelf
        .keep()
        .saturating_sub(usize::from(before.is_some_and(|before| before != version)));
    let gone = others.len().saturating_sub(room);
    let old = shelf.path(".old");
    let steps = others.into_iter().take(gone).flat_map(|version| {
        [
            // Its name first, so that no half of it is ever there.
            Step::Rename(shelf.folder_of(version), old.clone()),
            Step::Remove(old.clone()),
        ]
    });
    Ok(steps.collect())
}
