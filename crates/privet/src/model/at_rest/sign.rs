//! `privet model sign`.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use privet_server::SystemClock;
use privet_supplychain::artifacts::seal::{FileEntry, Manifest, SignedManifest};
use privet_types::Clock;
use serde_json::json;

use super::super::command::SignArgs;
use super::look::{self, ScanReport};
use super::{FOUND, keys, whole};
use crate::keyring::Format;
use crate::rim;

/// What a manifest's name ends with if nobody names one.
pub(super) const END: &str = ".manifest.json";
/// Longest manifest that is read.
const MOST_MANIFEST: u64 = 8 << 20;
/// A manifest is no secret, and who loads the model may be somebody else.
const READABLE: u32 = 0o644;
/// Most files and folders that are looked at.
const MOST_ENTRIES: usize = 20_000;

pub(in super::super) fn run(args: &SignArgs) -> Result<ExitCode> {
    if args.countersign {
        return countersign(args);
    }
    let output = match (&args.output, args.files.as_slice()) {
        (Some(output), _) => output.clone(),
        (None, [one]) => beside(one),
        (None, _) => bail!("several files need a place for their manifest: --output FILE"),
    };
    whole::expect_free(&output)?;
    let folder = whole::folder_of(&output);
    let base = fs::canonicalize(&folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    let mut paths = BTreeMap::new();
    for file in &args.files {
        gather(file, &base, &mut paths)?;
    }
    let name = match args.files.as_slice() {
        [one] => look::name_of(one)?,
        _ => look::name_of(&folder)?,
    };
    let mut manifest = look::manifest(&args.said, &name, SystemClock.now())?;
    let report = args.scan_report.as_deref().map(ScanReport::read).transpose()?;
    let mut is_accepted = true;
    for (shown, path) in paths {
        let (mut file, bytes) = look::plain(&path)?;
        let mut entry = FileEntry::new(&shown, look::digest_of(&path, &mut file, bytes)?);
        entry.scan = match &report {
            Some(report) => report.scan(&path, &mut file, &entry.digest())?,
            None if args.scan => look::scan(&path, &mut file, bytes)?,
            None => None,
        };
        is_accepted &= look::accept(&path, entry.scan.as_mut(), args.said.allow_dangerous.as_deref());
        manifest.files.push(entry);
    }
    if !is_accepted {
        return Ok(ExitCode::from(FOUND));
    }
    let key = keys::signing(args.key.as_deref(), &args.owner)?;
    let signed = manifest.sign(&key)?;
    whole::write(&output, |file| {
        file.set_permissions(Permissions::from_mode(READABLE))?;
        Ok(file.write_all(format!("{}\n", signed.to_json()?).as_bytes())?)
    })?;
    say(args, &output, &manifest, &signed)
}

/// Where the manifest of one file or folder goes.
pub(super) fn beside(path: &Path) -> PathBuf {
    // A slash at the end of a folder's name is no part of it.
    let path: PathBuf = path.components().collect();
    look::with_end(&path, END)
}

/// The plain files at `path`, by their paths from `base`.
fn gather(path: &Path, base: &Path, paths: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    let shown = path.display();
    let meta = fs::symlink_metadata(path).with_context(|| format!("cannot read `{shown}`"))?;
    if paths.len() >= MOST_ENTRIES {
        bail!("these are too many files for one manifest; sign them in parts");
    }
    if meta.is_dir() {
        let entries = fs::read_dir(path).with_context(|| format!("cannot read `{shown}`"))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read `{shown}`"))?;
            gather(&entry.path(), base, paths)?;
        }
        return Ok(());
    }
    if !meta.is_file() {
        bail!("`{shown}` is neither a file nor a folder; a manifest can speak of nothing else");
    }
    let full = fs::canonicalize(path).with_context(|| format!("cannot read `{shown}`"))?;
    let Ok(relative) = full.strip_prefix(base) else {
        bail!(
            "`{shown}` is not in `{}`, the folder of the manifest, nor below it; name another place with `--output`",
            base.display()
        );
    };
    paths.insert(written(relative)?, path.to_owned());
    Ok(())
}

/// A path as manifests have it.
fn written(path: &Path) -> Result<String> {
    let parts: Option<Vec<&str>> = path
        .components()
        .map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    let parts = parts.with_context(|| format!("`{}` has a name that is no text", path.display()))?;
    Ok(parts.join("/"))
}

/// Reads a manifest; nothing of it is believed yet.
pub(super) fn read(path: &Path) -> Result<SignedManifest> {
    let cannot = || format!("cannot read the manifest `{}`", path.display());
    let mut bytes = Vec::new();
    let file = fs::File::open(path).with_context(cannot)?;
    file.take(MOST_MANIFEST + 1)
        .read_to_end(&mut bytes)
        .with_context(cannot)?;
    SignedManifest::parse(&bytes).with_context(|| format!("`{}`", path.display()))
}

/// Adds a signature to a manifest whose files are as it says.
fn countersign(args: &SignArgs) -> Result<ExitCode> {
    let [path] = args.files.as_slice() else {
        bail!("`--countersign` takes one manifest");
    };
    let mut signed = read(path)?;
    let manifest = signed.unverified()?;
    manifest.expect_current(SystemClock.now())?;
    let folder = whole::folder_of(path);
    for entry in &manifest.files {
        let place = folder.join(&entry.path);
        let (mut file, bytes) = look::plain(&place)?;
        let found = look::digest_of(&place, &mut file, bytes)?;
        entry
            .digest()
            .expect(&found)
            .with_context(|| format!("`{}`", place.display()))?;
    }
    signed.sign(&keys::signing(args.key.as_deref(), &args.owner)?)?;
    let cannot = || format!("cannot write `{}`", path.display());
    let mut beside = tempfile::Builder::new()
        .prefix(".privet-")
        .tempfile_in(&folder)
        .with_context(cannot)?;
    beside
        .write_all(format!("{}\n", signed.to_json()?).as_bytes())
        .with_context(cannot)?;
    beside
        .as_file()
        .set_permissions(Permissions::from_mode(READABLE))
        .with_context(cannot)?;
    beside.as_file().sync_all().with_context(cannot)?;
    beside
        .persist(path)
        .map_err(|failed| failed.error)
        .with_context(cannot)?;
    say(args, path, &manifest, &signed)
}

fn say(args: &SignArgs, path: &Path, manifest: &Manifest, signed: &SignedManifest) -> Result<ExitCode> {
    let signers: Vec<&str> = signed
        .signatures
        .iter()
        .map(|signature| signature.key.as_str())
        .collect();
    if args.format == Format::Json {
        rim::say(json!({ "file": path, "manifest": manifest, "signers": signers }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let bytes: u64 = manifest.files.iter().map(|file| file.size).sum();
    rim::say(format_args!(
        "{}: {} files, {} bytes, signed by {}",
        path.display(),
        manifest.files.len(),
        bytes,
        signers.join(", ")
    ))?;
    Ok(ExitCode::SUCCESS)
}
