//! `privet audit verify`.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use privet_log::{
    BadCheckpoint, BadEvidence, Checkpoint, Expected, GrowthProof, LeafProof, NoteKey, Outcome, Signer,
    verify,
};
use privet_types::Budget;

use super::folder::Folder;
use super::progress::bar;
use super::{CONTRADICTED, INCOMPLETE, Output, VerifyArgs, public_key, show};

pub(super) fn run(args: &VerifyArgs) -> Result<ExitCode> {
    let key = public_key(&args.key, "--key")?;
    if key.signer() != Signer::Log {
        bail!("`--key` is the key of a witness; give the log's, as `privet audit key` prints it");
    }
    if let Some(path) = &args.proof {
        return proof(path, &key, args.format);
    }
    if let (Some(path), [held]) = (&args.growth, args.checkpoint.as_slice()) {
        return growth(path, held, &key, args.format);
    }
    let Some(dir) = args.dir.as_deref().filter(|_| args.growth.is_none()) else {
        bail!("`--growth` takes one `--checkpoint`");
    };
    let witnesses = args
        .witness
        .iter()
        .map(|text| public_key(text, "--witness"))
        .collect::<Result<Vec<NoteKey>>>()?;
    let checkpoints = args
        .checkpoint
        .iter()
        .map(|path| {
            let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
            Ok((path.display().to_string(), bytes))
        })
        .collect::<Result<Vec<_>>>()?;
    let known_gaps = args
        .known_gap
        .iter()
        .map(|text| gap(text).with_context(|| format!("`--known-gap {text}`: write it as NODE:FROM-TO")))
        .collect::<Result<Vec<_>>>()?;
    if !dir.is_dir() {
        bail!("there is no folder `{}`", dir.display());
    }
    let expected = Expected {
        key: &key,
        witnesses: &witnesses,
        checkpoints: &checkpoints,
        known_gaps: &known_gaps,
    };
    let bar = bar(0);
    let report = verify(
        &Folder::new(dir),
        &expected,
        &Budget::unlimited(),
        &mut |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        },
    )
    .with_context(|| format!("`{}`", dir.display()))?;
    bar.finish_and_clear();
    match args.format {
        Output::Text => show::report(&report, &key)?,
        Output::Jsonl => show::report_json(&report, &key)?,
    }
    Ok(match report.outcome() {
        Outcome::Verified => ExitCode::SUCCESS,
        Outcome::Incomplete => ExitCode::from(INCOMPLETE),
        Outcome::Contradicted => ExitCode::from(CONTRADICTED),
    })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))
}

/// Checks a proof of one leaf.
fn proof(path: &Path, key: &NoteKey, format: Output) -> Result<ExitCode> {
    let proof = LeafProof::parse(&read(path)?).with_context(|| format!("`{}`", path.display()))?;
    match proof.check(key) {
        Ok(head) => {
            show::leaf(&proof, &head, format)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => contradicted(path, &why),
    }
}

/// Checks that the log continues the checkpoint that is held.
fn growth(path: &Path, held: &Path, key: &NoteKey, format: Output) -> Result<ExitCode> {
    let proof = GrowthProof::parse(&read(path)?).with_context(|| format!("`{}`", path.display()))?;
    let opened = Checkpoint::open(&read(held)?, key);
    let (old, _) = opened.with_context(|| format!("checkpoint `{}`", held.display()))?;
    match proof.check(&old, key) {
        Ok(head) => {
            show::growth(&old, &head, format)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(why @ BadEvidence::Size { .. }) => Err(why).with_context(|| format!("`{}`", path.display())),
        Err(why) => contradicted(path, &why),
    }
}

/// Told apart from what cannot be read: a proof that does not hold.
fn contradicted(path: &Path, why: &BadEvidence) -> Result<ExitCode> {
    let why = match why {
        BadEvidence::Checkpoint(BadCheckpoint::Note(note)) => note.to_string(),
        other => other.to_string(),
    };
    eprintln!("privet: `{}`: {why}", path.display());
    Ok(ExitCode::from(CONTRADICTED))
}

fn gap(text: &str) -> Option<(String, RangeInclusive<u64>)> {
    let (node, numbers) = text.rsplit_once(':')?;
    let (from, to) = numbers.split_once('-')?;
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    (from <= to && !node.is_empty()).then(|| (node.to_owned(), from..=to))
}
