//! The key of fingerprints, and where a scan keeps what it remembers.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use privet_supplychain::baseline::ScanKey;
use privet_supplychain::settings::KeyRef;

use crate::rim;

/// A folder of one's own for Privet's files of this kind: `XDG_DATA_HOME` or `XDG_CACHE_HOME`, and where those usually are.
pub(super) fn folder(variable: &str, usual: &str) -> Option<PathBuf> {
    let named = rim::environment(variable).filter(|path| path.starts_with('/'));
    let home = || rim::environment("HOME").map(|home| format!("{home}/{usual}"));
    named
        .or_else(home)
        .map(|folder| Path::new(&folder).join("privet"))
}

/// The key that `reference` names; without one that of `scan.key` in one's own folder, which is made if it is missing.
pub(super) fn of(reference: Option<&KeyRef>) -> Result<ScanKey> {
    let text = match reference {
        Some(KeyRef::Env(name)) => match rim::environment(name) {
            Some(text) => text,
            None => {
                bail!("the environment variable `{name}`, which holds the key of fingerprints, is not set")
            }
        },
        Some(KeyRef::File(path)) => read(path)?,
        None => return own(),
    };
    ScanKey::parse(&text)
        .context("the key of fingerprints cannot be read: it is 64 hexadecimal digits or 32 bytes in base64")
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the key of fingerprints from `{}`", path.display()))
}

fn own() -> Result<ScanKey> {
    let Some(folder) = folder("XDG_DATA_HOME", ".local/share") else {
        // Nothing is kept, so nothing needs to be found again.
        return Ok(ScanKey::generate()?);
    };
    let path = folder.join("scan.key");
    if !path.exists() {
        let key = ScanKey::generate()?;
        let made = std::fs::create_dir_all(&folder)
            .map_err(anyhow::Error::from)
            .and_then(|()| rim::write_new(&path, format!("{}\n", key.to_text().as_str()).as_bytes()));
        // Another scan may have made it just now; a home that cannot be written to leaves a key for this scan.
        if let Err(error) = made
            && !path.exists()
        {
            rim::tell(&format!(
                "privet: cannot keep the key of fingerprints in `{}` ({error:#}); they will differ with each scan",
                path.display()
            ));
            return Ok(key);
        }
    }
    ScanKey::parse(&read(&path)?)
        .with_context(|| format!("the key of fingerprints in `{}` cannot be read", path.display()))
}
