//! `--quarantine`: model files that nobody should load are moved away.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use privet_supplychain::Verdict;
use privet_supplychain::report::Report;
use serde_json::json;

use super::inputs::Inputs;
use crate::rim;

/// The file beside them that says where each came from.
const MANIFEST: &str = "quarantine.jsonl";

/// Moves dangerous and unreadable model files into `folder`, and writes down where each came from and why.
pub(super) fn models(folder: &Path, inputs: &Inputs, report: &mut Report, now: Timestamp) -> Result<()> {
    let wanted: Vec<_> = report
        .models
        .iter()
        .filter(|model| matches!(model.verdict, Verdict::Dangerous | Verdict::Unreadable))
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let manifest_path = folder.join(MANIFEST);
    let mut manifest = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&manifest_path)
        .with_context(|| format!("cannot write `{}`", manifest_path.display()))?;
    let mut moved = 0;
    for model in wanted {
        let entries = inputs.all.iter().filter_map(|input| input.file());
        let Some(entry) = entries.clone().find(|entry| entry.shown == model.path) else {
            continue;
        };
        let digest = digest(&entry.path).with_context(|| format!("cannot read `{}`", model.path))?;
        let name = entry
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let place = free_place(folder, &digest, &name);
        let rules: Vec<_> = report
            .findings
            .iter()
            .filter(|finding| {
                finding.path == model.path || finding.path.starts_with(&format!("{}!/", model.path))
            })
            .map(|finding| json!({ "rule": finding.rule, "message": finding.message }))
            .collect();
        let from = fs::canonicalize(&entry.path).unwrap_or_else(|_| entry.path.clone());
        let line = json!({
            "at": now,
            "from": from,
            "to": place.file_name().unwrap_or_default().to_string_lossy(),
            "sha256": digest,
            "bytes": model.bytes,
            "format": model.format,
            "verdict": model.verdict,
            "findings": rules,
        });
        // First written down, then moved: a file whose origin nobody knows is lost.
        writeln!(manifest, "{line}")
            .and_then(|()| manifest.sync_all())
            .with_context(|| format!("cannot write `{}`", manifest_path.display()))?;
        relocate(&entry.path, &place)
            .with_context(|| format!("cannot move `{}` to `{}`", model.path, place.display()))?;
        moved += 1;
    }
    rim::tell(&format!(
        "privet: {moved} model files moved to `{}`; `{MANIFEST}` there says where they came from",
        folder.display()
    ));
    Ok(())
}

fn digest(path: &Path) -> Result<String> {
    let mut file = File::open(path)?;
    let mut hash = privet_crypto::Sha256::new();
    let mut piece = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        hash.update(piece.get(..read).unwrap_or_default());
    }
    Ok(hash.finish().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// `DIGEST-NAME`, so that nothing is overwritten and nothing opens it by its ending.
fn free_place(folder: &Path, digest: &str, name: &str) -> PathBuf {
    let short = digest.get(..16).unwrap_or(digest);
    let first = folder.join(format!("{short}-{name}.quarantined"));
    let mut number = 2;
    let mut place = first;
    while place.exists() {
        place = folder.join(format!("{short}-{name}.{number}.quarantined"));
        number += 1;
    }
    place
}

/// Moves a file, also to another file system, and leaves it readable for its owner alone.
fn relocate(from: &Path, to: &Path) -> std::io::Result<()> {
    if fs::rename(from, to).is_err() {
        let mut source = File::open(from)?;
        let mut target = OpenOptions::new().write(true).create_new(true).open(to)?;
        let copied = std::io::copy(&mut source, &mut target).and_then(|_| target.sync_all());
        if let Err(error) = copied {
            let _ = fs::remove_file(to);
            return Err(error);
        }
        fs::remove_file(from)?;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(to, fs::Permissions::from_mode(0o400))?;
    }
    Ok(())
}
