//! Other forms of the root key: shares, a lock.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use privet_crypto::{Argon2Cost, PassphraseLock, RootKey, Share};

use super::source;
use crate::rim;

#[derive(Args)]
pub(crate) struct SplitArgs {
    /// How many shares give the key back.
    #[arg(long)]
    threshold: u8,
    /// How many shares there are.
    #[arg(long)]
    count: u8,
    /// The folder for the files of the shares. Give each to another person, then delete the folder.
    #[arg(long)]
    out: PathBuf,
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    config: PathBuf,
}

#[derive(Args)]
pub(crate) struct CombineArgs {
    /// Files of shares; each may hold several, one a line.
    #[arg(required = true)]
    shares: Vec<PathBuf>,
    /// The file for the root key; must not be there.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Args)]
pub(crate) struct LockArgs {
    /// The file for the lock; must not be there.
    #[arg(long)]
    out: PathBuf,
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    config: PathBuf,
}

pub(super) fn split(args: &SplitArgs) -> Result<ExitCode> {
    let settings = rim::settings(&args.config)?;
    let root = rim::current_root(&settings)?;
    for share in root.split(args.threshold, args.count)? {
        let path = args.out.join(format!("share-{}.txt", share.index()));
        rim::write_new(&path, share.to_text().as_bytes())
            .with_context(|| format!("cannot write the share `{}`", path.display()))?;
        rim::say(path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn combine(args: &CombineArgs) -> Result<ExitCode> {
    let mut shares = Vec::new();
    for path in &args.shares {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the share `{}`", path.display()))?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            shares.push(Share::parse(line).with_context(|| format!("`{}`", path.display()))?);
        }
    }
    let root = RootKey::combine(&shares)?;
    rim::write_new(&args.out, root.to_text().as_bytes())
        .with_context(|| format!("cannot write the root key `{}`", args.out.display()))?;
    eprintln!("privet: wrote the root key to `{}`", args.out.display());
    Ok(ExitCode::SUCCESS)
}

pub(super) fn lock(args: &LockArgs) -> Result<ExitCode> {
    let settings = rim::settings(&args.config)?;
    let root = rim::current_root(&settings)?;
    let passphrase = match &settings.passphrase {
        Some(reference) => rim::secret(reference, "the passphrase of the root key")?,
        None => {
            let first = source::ask("New passphrase (12 characters or more): ")?;
            let again = source::ask("The same again: ")?;
            if first.expose() != again.expose() {
                bail!("the two passphrases differ; nothing was written");
            }
            first
        }
    };
    let lock = PassphraseLock::lock(&root, passphrase.expose(), Argon2Cost::default())?;
    rim::write_new(&args.out, lock.to_text().as_bytes())
        .with_context(|| format!("cannot write the lock `{}`", args.out.display()))?;
    eprintln!(
        "privet: wrote the lock `{0}`; name it in the settings, [keys] root = {{ file = \"{0}\" }}, try it, then delete the file of the bare key",
        args.out.display()
    );
    Ok(ExitCode::SUCCESS)
}
