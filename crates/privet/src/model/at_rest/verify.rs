//! `privet model verify`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use privet_crypto::VerifyingKey;
use privet_server::SystemClock;
use privet_supplychain::artifacts::seal::{Error, FileEntry, Manifest, Sealed, SignedManifest, is_sealed};
use privet_types::Clock;
use serde::Serialize;

use super::super::command::VerifyArgs;
use super::{FOUND, INCOMPLETE, bar, keys, look, sign, whole};
use crate::keyring::Format;
use crate::rim;

/// What a check came to.
#[derive(Serialize, Default)]
struct Verified {
    valid: bool,
    manifest: Option<Manifest>,
    signers: Vec<String>,
    files: Vec<Checked>,
    problems: Vec<String>,
    /// Something could not be looked at.
    #[serde(skip)]
    is_incomplete: bool,
}

/// What became of one file.
#[derive(Serialize)]
struct Checked {
    path: String,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// As its manifest says.
    Whole,
    /// Otherwise than its manifest says.
    Changed,
    /// Not there.
    Missing,
    /// There, and it cannot be read.
    Unreadable,
    /// There, and the manifest does not name it.
    NotNamed,
}

pub(in super::super) fn run(args: &VerifyArgs) -> Result<ExitCode> {
    let trusted = if args.keys.is_empty() {
        let own = keys::of(&args.owner, keys::Missing::Refused).context(
            "without `--key` the tenant's own key of the keyring is the one that is trusted, and it is not there",
        )?;
        vec![own.signing.verifying_key()]
    } else {
        keys::trusted(&args.keys)?
    };
    let now = SystemClock.now();
    let mut told = Verified::default();
    if let Some(file) = sealed(&args.file)? {
        verify_sealed(args, file, &trusted, now, &mut told)?;
    } else {
        let (manifest, one) = which(args);
        let signed = sign::read(&manifest)?;
        if let Some(said) = told.believe(&signed, &trusted, now) {
            verify_files(args, (manifest.as_path(), one), &said, &mut told)?;
        }
    }
    told.valid = told.problems.is_empty() && !told.is_incomplete;
    say(args, &told)
}

/// The file, if it is a sealed model.
fn sealed(path: &Path) -> Result<Option<File>> {
    let mut head = Vec::new();
    let Ok(mut file) = File::open(path) else {
        // A model may be missing while its manifest is there.
        return Ok(None);
    };
    if path.is_dir() {
        return Ok(None);
    }
    file.by_ref()
        .take(16)
        .read_to_end(&mut head)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    file.seek(SeekFrom::Start(0))?;
    Ok(is_sealed(&head).then_some(file))
}

/// The manifest, and the one model that is asked for, if it is one alone.
fn which(args: &VerifyArgs) -> (PathBuf, Option<&Path>) {
    let beside = sign::beside(&args.file);
    match &args.manifest {
        Some(manifest) => (manifest.clone(), Some(args.file.as_path())),
        None if beside.exists() && args.file.is_dir() => (beside, None),
        None if beside.exists() => (beside, Some(args.file.as_path())),
        None => (args.file.clone(), None),
    }
}

impl Verified {
    /// What the manifest says, if somebody who is trusted has signed it.
    fn believe(
        &mut self,
        signed: &SignedManifest,
        trusted: &[VerifyingKey],
        now: Timestamp,
    ) -> Option<Manifest> {
        let (manifest, signers) = match signed.verify(trusted) {
            Ok(believed) => believed,
            Err(error) => {
                self.problems.push(error.to_string());
                return None;
            }
        };
        self.signers = signers.iter().map(ToString::to_string).collect();
        if let Err(error) = manifest.expect_current(now) {
            self.problems.push(error.to_string());
        }
        self.manifest = Some(manifest.clone());
        Some(manifest)
    }

    fn tell(&mut self, path: &str, state: State, why: &str) {
        match state {
            State::Whole => {}
            State::Unreadable => {
                self.is_incomplete = true;
                rim::tell(&format!("privet: `{path}` {why}"));
            }
            _ => self.problems.push(format!("`{path}` {why}")),
        }
        self.files.push(Checked {
            path: path.to_owned(),
            state,
        });
    }
}

fn verify_files(
    args: &VerifyArgs,
    (manifest, one): (&Path, Option<&Path>),
    said: &Manifest,
    told: &mut Verified,
) -> Result<()> {
    let folder = whole::folder_of(manifest);
    let wanted = one.map(|one| path_in(one, &folder)).transpose()?;
    if let Some(wanted) = &wanted
        && said.file(wanted).is_err()
    {
        told.tell(wanted, State::NotNamed, "is not named by the manifest");
    }
    for entry in said
        .files
        .iter()
        .filter(|entry| wanted.as_ref().is_none_or(|wanted| entry.path == *wanted))
    {
        let (state, why) = check(&folder.join(&entry.path), entry);
        told.tell(&entry.path, state, &why);
    }
    if args.no_others {
        let mut known: BTreeSet<PathBuf> = said.files.iter().map(|file| folder.join(&file.path)).collect();
        known.insert(folder.join(manifest.file_name().unwrap_or_default()));
        others(&folder, &folder, &known, told)?;
    }
    Ok(())
}

/// The path of `file` from `folder`, as manifests have it. The file need not be there.
fn path_in(file: &Path, folder: &Path) -> Result<String> {
    let base = fs::canonicalize(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    let parent = whole::folder_of(file);
    let parent = fs::canonicalize(&parent).with_context(|| format!("cannot read `{}`", parent.display()))?;
    let name = file.file_name().unwrap_or_default();
    let full = parent.join(name);
    let Some(relative) = full.strip_prefix(&base).ok().and_then(Path::to_str) else {
        bail!(
            "`{}` is not in the folder of its manifest `{}`, nor below it",
            file.display(),
            folder.display()
        );
    };
    Ok(relative.to_owned())
}

/// Holds one file against what its manifest says.
fn check(path: &Path, entry: &FileEntry) -> (State, String) {
    match fs::symlink_metadata(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return (State::Missing, "is missing".to_owned());
        }
        Err(error) => return (State::Unreadable, format!("cannot be read: {error}")),
        Ok(meta) if !meta.is_file() => return (State::Changed, "is no plain file".to_owned()),
        Ok(meta) if meta.len() != entry.size => {
            return (
                State::Changed,
                "has another size than the manifest says".to_owned(),
            );
        }
        Ok(_) => {}
    }
    let read = look::plain(path).and_then(|(mut file, bytes)| look::digest_of(path, &mut file, bytes));
    match read {
        Err(error) => (State::Unreadable, format!("cannot be read: {error:#}")),
        Ok(digest) if digest == entry.digest() => (State::Whole, String::new()),
        Ok(_) => (
            State::Changed,
            "has another SHA-256 than the manifest says".to_owned(),
        ),
    }
}

/// Files below `folder` that are not among `known`.
fn others(base: &Path, folder: &Path, known: &BTreeSet<PathBuf>, told: &mut Verified) -> Result<()> {
    let cannot = || format!("cannot read `{}`", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot)? {
        paths.push(entry.with_context(cannot)?.path());
    }
    paths.sort();
    for path in paths {
        let is_folder = fs::symlink_metadata(&path).with_context(cannot)?.is_dir();
        if is_folder {
            others(base, &path, known, told)?;
        } else if !known.contains(&path) {
            let shown = path.strip_prefix(base).unwrap_or(&path);
            let shown = shown.display().to_string();
            told.tell(&shown, State::NotNamed, "is not named by the manifest");
        }
    }
    Ok(())
}

fn verify_sealed(
    args: &VerifyArgs,
    mut file: File,
    trusted: &[VerifyingKey],
    now: Timestamp,
    told: &mut Verified,
) -> Result<()> {
    let shown = args.file.display().to_string();
    let read = match Sealed::read(&mut file) {
        Ok(read) => read,
        Err(error @ Error::File(_)) => return Err(error).with_context(|| format!("`{shown}`")),
        Err(error) => {
            told.tell(&shown, State::Changed, &format!("is damaged: {error}"));
            return Ok(());
        }
    };
    let head = read.head();
    if told.believe(&head.manifest, trusted, now).is_none() {
        return Ok(());
    }
    if head.tenant != args.owner.tenant {
        bail!(
            "`{shown}` was sealed for another tenant than `{}`; name the one that it was sealed for with `--tenant`",
            args.owner.tenant
        );
    }
    let keys = match keys::of(&args.owner, keys::Missing::Refused) {
        Ok(keys) => keys,
        Err(error) => {
            let why = format!("was not opened, so its content is not proved: {error:#}");
            told.tell(&shown, State::Unreadable, &why);
            return Ok(());
        }
    };
    let bar = bar(file.metadata()?.len(), "proving");
    let proved = read.prove(&mut bar.wrap_read(file), &keys.wrapping);
    bar.finish_and_clear();
    match proved {
        Ok(_) => told.tell(&shown, State::Whole, ""),
        Err(error @ Error::File(_)) => return Err(error).with_context(|| format!("`{shown}`")),
        Err(error) => told.tell(&shown, State::Changed, &format!("does not open: {error}")),
    }
    Ok(())
}

fn say(args: &VerifyArgs, told: &Verified) -> Result<ExitCode> {
    if args.format == Format::Json {
        rim::say(serde_json::to_string(told)?)?;
    } else {
        for file in &told.files {
            let state = match file.state {
                State::Whole => "whole",
                State::Changed => "CHANGED",
                State::Missing => "MISSING",
                State::Unreadable => "UNREADABLE",
                State::NotNamed => "NOT NAMED",
            };
            rim::say(format_args!("{state:<11}{}", file.path))?;
        }
        if told.valid
            && let Some(manifest) = &told.manifest
        {
            rim::say(format_args!(
                "`{}` is as it was signed on {} by {}",
                manifest.name,
                manifest.created.strftime("%Y-%m-%d"),
                told.signers.join(", ")
            ))?;
        }
    }
    for problem in &told.problems {
        rim::tell(&format!("privet: {problem}"));
    }
    Ok(if !told.problems.is_empty() {
        ExitCode::from(FOUND)
    } else if told.is_incomplete {
        ExitCode::from(INCOMPLETE)
    } else {
        ExitCode::SUCCESS
    })
}
