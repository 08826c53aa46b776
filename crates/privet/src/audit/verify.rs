//! `privet audit verify`.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use privet_log::{Expected, NoteKey, Outcome, Signer, verify};
use privet_types::Budget;

use super::folder::Folder;
use super::progress::bar;
use super::{CONTRADICTED, INCOMPLETE, Output, VerifyArgs, public_key, show};

pub(super) fn run(args: &VerifyArgs) -> Result<ExitCode> {
    let key = public_key(&args.key, "--key")?;
    if key.signer() != Signer::Log {
        bail!("`--key` is the key of a witness; give the log's, as `privet audit key` prints it");
    }
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
    if !Path::is_dir(&args.dir) {
        bail!("there is no folder `{}`", args.dir.display());
    }
    let expected = Expected {
        key: &key,
        witnesses: &witnesses,
        checkpoints: &checkpoints,
        known_gaps: &known_gaps,
    };
    let bar = bar(0);
    let report = verify(
        &Folder::new(&args.dir),
        &expected,
        &Budget::unlimited(),
        &mut |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        },
    )
    .with_context(|| format!("`{}`", args.dir.display()))?;
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

fn gap(text: &str) -> Option<(String, RangeInclusive<u64>)> {
    let (node, numbers) = text.rsplit_once(':')?;
    let (from, to) = numbers.split_once('-')?;
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    (from <= to && !node.is_empty()).then(|| (node.to_owned(), from..=to))
}
