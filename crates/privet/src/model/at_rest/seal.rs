//! `privet model seal`.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use privet_server::SystemClock;
use privet_supplychain::Verdict;
use privet_supplychain::artifacts::seal::{
    Digest, FileEntry, Scanned, Sealing, SignedManifest, is_sealed, seal,
};
use privet_types::Clock;
use serde_json::json;

use super::super::command::SealArgs;
use super::keys::TenantKeys;
use super::{FOUND, bar, keys, look, sign, whole};
use crate::keyring::Format;
use crate::{policy, rim};

/// What a sealed file's name ends with if nobody names one.
const END: &str = ".sealed";

pub(in super::super) fn run(args: &SealArgs) -> Result<ExitCode> {
    let path = args.file.as_path();
    let output = match &args.output {
        Some(output) => output.clone(),
        None => look::with_end(path, END),
    };
    whole::expect_free(&output)?;
    let (mut file, bytes) = look::plain(path)?;
    refuse_sealed(path, &mut file)?;
    let digest = look::digest_of(path, &mut file, bytes)?;
    let mut scan = look::scan(path, &mut file, bytes)?;
    if scan.is_none() {
        rim::tell(&format!(
            "privet: `{}` is of no format of models that is known here; it is sealed as it is",
            path.display()
        ));
    }
    let signed_before = args
        .manifest
        .as_deref()
        .map(|path| given(path, &digest))
        .transpose()?;
    let reason = match &signed_before {
        Some((_, entry)) => entry.scan.as_ref().and_then(|scan| scan.accepted.as_deref()),
        None => args.said.allow_dangerous.as_deref(),
    };
    if !look::accept(path, scan.as_mut(), reason) {
        return Ok(ExitCode::from(FOUND));
    }
    let keys = keys::of(&args.owner, keys::Missing::Made)?;
    let (manifest, name) = match signed_before {
        Some((manifest, entry)) => (manifest, entry.path),
        None => made(args, &keys, &digest, scan.clone())?,
    };
    let sealing = Sealing {
        tenant: &args.owner.tenant,
        file: &name,
        manifest: &manifest,
    };
    let cannot = || format!("cannot seal `{}`; nothing was written", path.display());
    let size = whole::write(&output, |out| {
        let bar = bar(bytes, "sealing");
        let sealed = seal(&mut bar.wrap_read(&mut file), out, &keys.wrapping, &sealing);
        bar.finish_and_clear();
        sealed.with_context(cannot)?;
        Ok(out.stream_position()?)
    })?;
    say(args, &output, (&digest, size), scan.as_ref())
}

/// What is sealed already is not sealed once more by accident.
fn refuse_sealed(path: &Path, file: &mut File) -> Result<()> {
    use std::io::Read;
    let mut head = Vec::new();
    file.by_ref().take(16).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    if is_sealed(&head) {
        bail!("`{}` is sealed already", path.display());
    }
    Ok(())
}

/// A manifest that was signed before, and its entry for the file with this digest.
fn given(path: &Path, digest: &Digest) -> Result<(SignedManifest, FileEntry)> {
    let signed = sign::read(path)?;
    let manifest = signed
        .unverified()
        .with_context(|| format!("`{}`", path.display()))?;
    let mut files = manifest.files.into_iter();
    match files.find(|entry| entry.digest() == *digest) {
        Some(entry) => Ok((signed, entry)),
        None => bail!(
            "the manifest `{}` names no file with this SHA-256; sign the file as it is now",
            path.display()
        ),
    }
}

/// A new manifest of this one file, and its path there.
fn made(
    args: &SealArgs,
    keys: &TenantKeys,
    digest: &Digest,
    scan: Option<Scanned>,
) -> Result<(SignedManifest, String)> {
    let name = look::name_of(&args.file)?;
    let mut manifest = look::manifest(&args.said, &name, SystemClock.now())?;
    let mut entry = FileEntry::new(&name, digest.clone());
    entry.scan = scan;
    manifest.files.push(entry);
    let signed = match &args.key {
        Some(path) => manifest.sign(&policy::signing_key(path)?)?,
        None => manifest.sign(&keys.signing)?,
    };
    Ok((signed, name))
}

fn say(
    args: &SealArgs,
    output: &Path,
    (digest, size): (&Digest, u64),
    scan: Option<&Scanned>,
) -> Result<ExitCode> {
    let verdict = scan.map(|scan| scan.verdict);
    if args.format == Format::Json {
        rim::say(json!({
            "file": output,
            "bytes": size,
            "tenant": args.owner.tenant,
            "plain": digest,
            "verdict": verdict,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    rim::say(format_args!(
        "{}: {} bytes sealed for the tenant `{}`; the scan says: {}",
        output.display(),
        digest.size,
        args.owner.tenant,
        verdict.map_or("no model", Verdict::name)
    ))?;
    Ok(ExitCode::SUCCESS)
}
