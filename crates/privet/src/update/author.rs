//! Making and signing updates.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use privet_server::SystemClock;
use privet_types::Clock;
use privet_update::UpdateBundle;

use super::BuildArgs;
use super::shelf::read;
use crate::policy::{signing_key, term};
use crate::rim;

/// Most files and folders that are looked at.
const MOST_ENTRIES: usize = 2_000;

pub(super) fn build(args: &BuildArgs) -> Result<ExitCode> {
    let mut files = BTreeMap::new();
    let mut seen = 0;
    gather(&args.folder, "", &mut files, &mut seen)?;
    let (now, until) = term(&args.expires, SystemClock.now())?;
    let bundle = UpdateBundle::new(
        (args.kind, &args.channel),
        (args.version, args.replaces),
        (now, until),
        files,
    )
    .with_context(|| format!("`{}` makes no update", args.folder.display()))?;
    rim::write_exactly(&args.out, &bundle.to_bytes()?).with_context(|| {
        let out = args.out.display();
        format!("cannot write `{out}`; an older file is not replaced")
    })?;
    eprintln!(
        "made {} of {} files, good until {until}; sign it with `privet update sign {} --key KEY`",
        bundle.head().manifest().name(),
        bundle.files().len(),
        args.out.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Reads what is in `folder`, which is called `under` in the update. Links are refused: what they lead to may change.
fn gather(folder: &Path, under: &str, files: &mut BTreeMap<String, Vec<u8>>, seen: &mut usize) -> Result<()> {
    let cannot = || format!("cannot read `{}`", folder.display());
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        let path = entry.path();
        *seen += 1;
        if *seen > MOST_ENTRIES {
            bail!("`{}` holds too many files for an update", folder.display());
        }
        let name = entry.file_name();
        let name = name
            .to_str()
            .with_context(|| format!("`{}` has a name that is no text", path.display()))?;
        let name = format!("{under}{name}");
        let kind = entry.file_type().with_context(cannot)?;
        if kind.is_dir() {
            gather(&path, &format!("{name}/"), files, seen)?;
        } else if kind.is_file() {
            let bytes = read(&path, UpdateBundle::MOST_BYTES)?;
            files.insert(
                name,
                bytes.with_context(|| format!("`{}` is gone", path.display()))?,
            );
        } else {
            bail!(
                "`{}` is neither a file nor a folder; an update can hold nothing else",
                path.display()
            );
        }
    }
    Ok(())
}

pub(super) fn sign(file: &Path, key: &Path) -> Result<ExitCode> {
    let key = signing_key(key)?;
    let mut bundle = open(file)?;
    bundle.head_mut().sign(&key)?;
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let cannot = || format!("cannot write `{}`", file.display());
    let mut beside = tempfile::Builder::new()
        .prefix(".privet-")
        .tempfile_in(folder)
        .with_context(cannot)?;
    beside.write_all(&bundle.to_bytes()?).with_context(cannot)?;
    beside.as_file().sync_all().with_context(cannot)?;
    beside
        .persist(file)
        .map_err(|failed| failed.error)
        .with_context(cannot)?;
    let signed = bundle.head().claimed().count();
    eprintln!(
        "{} signed {}; it bears {signed} signatures now",
        key.verifying_key(),
        bundle.head().manifest().name()
    );
    Ok(ExitCode::SUCCESS)
}

/// Reads the update in `file`.
pub(super) fn open(file: &Path) -> Result<UpdateBundle> {
    let shown = file.display();
    let bytes =
        read(file, UpdateBundle::MOST_BYTES)?.with_context(|| format!("there is no file `{shown}`"))?;
    UpdateBundle::read(&bytes).with_context(|| format!("`{shown}`"))
}
