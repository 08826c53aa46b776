//! The evidence of an incident as a folder, and its check.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use data_encoding::HEXLOWER;
use privet_crypto::sha256;
use privet_log::{Checkpoint, LeafProof, Note, NoteKey};
use privet_server::incidents::{BUNDLE, Bundle, LIST, MANIFEST};
use privet_store::{Sequencer, log_signer};
use privet_types::Clock;

use super::incident::{ShowArgs, playbook_of};
use super::with;
use crate::{audit, rim};

#[derive(Args)]
pub(crate) struct BundleArgs {
    #[command(flatten)]
    shown: ShowArgs,
    /// The folder; it is made, and must not be there yet.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// The folder.
    dir: PathBuf,
    /// The log's public key as `privet audit key` prints it, or a file that holds it. Get it from elsewhere than the folder.
    #[arg(long)]
    key: String,
}

const NOT_SIGNED: &str = "its `manifest` is not signed by that key, or was changed";
const NO_LIST: &str = "its `manifest` is no list of an incident's evidence";

pub(super) fn make(args: &BundleArgs) -> Result<ExitCode> {
    if args.out.exists() {
        bail!("`{}` is there already; name a new folder", args.out.display());
    }
    let bundle = with(&args.shown.common, async |open| {
        let incidents = open.incidents();
        let now = open.clock.now();
        let incident = incidents.show(&open.tenant, &args.shown.id, now).await?;
        let playbook = playbook_of(&open.settings, incident.kind)?;
        let log_key = || rim::log_key(&open.settings);
        // What was noted a moment ago has its place in the log then.
        let mut sequencer = Sequencer::open(open.store.clone(), log_signer(&open.root, log_key()?)?).await?;
        sequencer.run_once().await?;
        let signer = log_signer(&open.root, log_key()?)?;
        let bundle = incidents
            .bundle(&open.tenant, &args.shown.id, &playbook, &signer, now)
            .await?;
        Ok(bundle)
    })?;
    write(&bundle, &args.out)?;
    for left_out in &bundle.left_out {
        eprintln!("privet: left out: {left_out}");
    }
    eprintln!(
        "{} files in `{}`; check them with: privet incident verify {} --key log.pub",
        bundle.files.len(),
        args.out.display(),
        args.out.display()
    );
    Ok(ExitCode::SUCCESS)
}

fn write(bundle: &Bundle, out: &Path) -> Result<()> {
    let cannot = || format!("cannot write into `{}`", out.display());
    std::fs::create_dir_all(out.join("leaves")).with_context(cannot)?;
    for (name, bytes) in &bundle.files {
        rim::write_exactly(&out.join(name), bytes).with_context(cannot)?;
    }
    Ok(())
}

pub(super) fn verify(args: &VerifyArgs) -> Result<ExitCode> {
    let key = audit::public_key(&args.key, "--key")?;
    match check(&args.dir, &key) {
        Ok(text) => {
            rim::say(text)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("privet: `{}`: {error:#}", args.dir.display());
            Ok(ExitCode::from(1))
        }
    }
}

/// That all that is in `dir` was signed by `key`, and that the log of `key` has the leaves.
fn check(dir: &Path, key: &NoteKey) -> Result<String> {
    let read = |name: &str| {
        std::fs::read(dir.join(name)).map_err(|_| anyhow!("`{name}` is missing, or cannot be read"))
    };
    let note = Note::parse(&read(MANIFEST)?).map_err(|_| anyhow!(NOT_SIGNED))?;
    key.check(&note).map_err(|_| anyhow!(NOT_SIGNED))?;
    let mut lines = note.text().lines();
    let mut head = || lines.next().ok_or_else(|| anyhow!(NO_LIST));
    if head()? != BUNDLE {
        bail!(NO_LIST);
    }
    let (tenant, incident, made_at) = (head()?, head()?, head()?);
    let list = read(LIST)?;
    let expected = format!("{} {} {LIST}", HEXLOWER.encode(&sha256(&list)), list.len());
    if head()? != expected {
        bail!("`{LIST}` was changed");
    }
    let (mut listed, mut proofs) = (BTreeSet::from([MANIFEST.to_owned(), LIST.to_owned()]), 0_u32);
    let mut checkpoint = None;
    let list = std::str::from_utf8(&list).map_err(|_| anyhow!(NO_LIST))?;
    for line in list.lines() {
        let mut parts = line.splitn(3, ' ');
        let (Some(hash), Some(_), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            bail!(NO_LIST);
        };
        if name.contains("..") || name.starts_with('/') || name.matches('/').count() > 1 {
            bail!(NO_LIST);
        }
        let bytes = read(name)?;
        if HEXLOWER.encode(&sha256(&bytes)) != hash {
            bail!("`{name}` was changed");
        }
        if name == "checkpoint" {
            let opened = Checkpoint::open(&bytes, key);
            checkpoint = Some(
                opened
                    .map_err(|_| anyhow!("`{name}` is no checkpoint of that key's log"))?
                    .0,
            );
        } else if name.starts_with("leaves/") {
            let proof = LeafProof::parse(&bytes).ok();
            if proof.is_none_or(|proof| proof.check(key).is_err()) {
                bail!("`{name}` does not prove that its leaf is in the log");
            }
            proofs += 1;
        }
        listed.insert(name.to_owned());
    }
    let checkpoint = checkpoint.ok_or_else(|| anyhow!(NO_LIST))?;
    for name in names(dir)? {
        if !listed.contains(&name) {
            bail!("`{name}` is not in its list");
        }
    }
    Ok(format!(
        "{incident} of tenant `{tenant}`, made {made_at}: {} files as they were signed, {proofs} leaves in the log of {} leaves",
        listed.len(),
        checkpoint.size
    ))
}

/// What lies in `dir` and its one folder.
fn names(dir: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for (folder, prefix) in [(dir.to_owned(), ""), (dir.join("leaves"), "leaves/")] {
        if !folder.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !(entry.path().is_dir() && prefix.is_empty() && name == "leaves") {
                names.push(format!("{prefix}{name}"));
            }
        }
    }
    Ok(names)
}
