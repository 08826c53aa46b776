//! `privet audit cosign`.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use privet_log::{Checkpoint, LogFiles, LogPath, Note, Signature};

use super::folder::{Folder, Writer};
use super::{CosignArgs, public_key};

pub(super) fn run(args: &CosignArgs) -> Result<ExitCode> {
    let log = public_key(&args.key, "--key")?;
    let witness = public_key(&args.witness, "--witness")?;
    let text = read(&args.signed)?;
    let given = args.signed.display();
    let folder = Folder::new(&args.dir);
    let (text, lines) = match Note::parse(text.as_bytes()) {
        Ok(note) => (Some(note.text().to_owned()), note.signatures().to_vec()),
        Err(_) => {
            let lines = Note::parse_signatures(&text);
            (
                None,
                lines.with_context(|| format!("`{given}` holds no signature"))?,
            )
        }
    };
    // Lines alone are for the newest checkpoint; a signed one says which it is.
    let path = match &text {
        Some(text) => LogPath::CheckpointOf(
            Checkpoint::parse(text)
                .with_context(|| format!("`{given}`"))?
                .size,
        ),
        None => LogPath::Checkpoint,
    };
    let Some(ours) = folder.read(&path.to_string())? else {
        bail!(
            "`{}` has no `{path}`; export first, and let the witness sign that",
            args.dir.display()
        );
    };
    let (checkpoint, note) = Checkpoint::open(&ours, &log).with_context(|| format!("`{path}`"))?;
    if text.is_some_and(|text| text != note.text()) {
        bail!(
            "`{given}` is another checkpoint of {} leaves than the folder's: the log has two histories",
            checkpoint.size
        );
    }
    let lines: Vec<Signature> = lines
        .into_iter()
        .filter(|line| line.name == witness.name() && line.id == witness.id())
        .collect();
    let signed = note.with_signatures(lines);
    witness.check(&signed).with_context(|| format!("`{given}`"))?;
    let line: String = signed.signatures().iter().map(ToString::to_string).collect();
    let size = checkpoint.size;
    let mut writer = Writer::open(&args.dir)?;
    let key = witness.id();
    writer.put(LogPath::Cosignature { size, key }, line.as_bytes())?;
    let newest = fs::read(args.dir.join(LogPath::Checkpoint.to_string()))?;
    writer.finish(&newest)?;
    eprintln!(
        "privet: the checkpoint of {size} leaves is cosigned by `{}`",
        witness.name()
    );
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}
