//! `privet pii restore`.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use privet_pii::Keys;
use privet_pii::documents::{Kind, Leaf, Shape, Writing, record_leaves, write};
use privet_types::Budget;

use super::INCOMPLETE;
use super::detect::TableArgs;
use super::keys::KeyArgs;
use super::ledger::Reader;
use super::sink::Sink;
use super::source::{DataFormat, Source, Table, sources};

/// What `privet pii restore` takes.
#[derive(Args)]
#[command(after_help = "Examples:
  privet pii restore clean.txt --manifest letter.manifest --key-file my.key
  privet pii restore clean.json --manifest data.manifest --key-file my.key --output data.json
  privet pii restore reply.txt --edited --manifest letter.manifest --key-file my.key
  privet pii restore notes.txt --key-file my.key       no manifest: only tokens of the `encrypt` operator

With a manifest the anonymised document has to be as it was made; every value of an operator that can be undone comes \
back exactly. With --edited it may have been changed or be another text, such as an answer to it: what can be recognised \
is restored. Ends with 0, with 2 if the manifest, the key or the document do not belong together, with 3 if a token did \
not open and was left.")]
pub(crate) struct RestoreArgs {
    /// The anonymised document, or `-` for standard input, which is also read if nothing is named.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// What `privet pii anonymize --manifest` wrote.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// The text was changed, or was made from the anonymised one; plain text only.
    #[arg(long, requires = "manifest")]
    edited: bool,
    /// How the document is written, if there is no manifest that tells; without it the file's name tells.
    #[arg(long, value_enum, conflicts_with = "manifest")]
    format: Option<DataFormat>,
    /// Where the result goes; standard output without it. The file is there whole or not at all.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    table: TableArgs,
}

/// Puts personal data back into a document.
///
/// # Errors
/// For wrong usage, and if the document, the manifest and the key do not belong together. A file named by `--output` is
/// not written then.
pub(crate) fn run(args: &RestoreArgs) -> Result<ExitCode> {
    let keys = args.keys.keys(Some("restoring"), false)?;
    let files: Vec<PathBuf> = args.file.iter().cloned().collect();
    let all = sources(&files, args.format)?;
    let [source] = all.as_slice() else {
        bail!("restore one document at a time");
    };
    let mut sink = Sink::new(args.output.as_deref())?;
    let mut left = 0;
    match &args.manifest {
        None => left = by_tokens(source, args.table.table()?, &keys, &mut sink)?,
        Some(path) => {
            let mut ledger = Reader::open(path)?;
            if args.edited {
                left = edited(source, &mut ledger, &keys, &mut sink)?;
            } else {
                exactly(source, &mut ledger, &keys, &mut sink)
                    .map_err(way_out)
                    .with_context(|| format!("`{}`", source.name))?;
                ledger.finish()?;
            }
        }
    }
    sink.finish()?;
    if left > 0 {
        eprintln!("privet: tokens that did not open with this key and scope, left as they are: {left}");
        return Ok(ExitCode::from(INCOMPLETE));
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what to do about a document that was changed.
fn way_out(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref() {
        Some(privet_pii::Error::TextChanged) => anyhow::anyhow!(
            "not the document that the manifest was written for, or changed since; a changed text can be restored with \
             `--edited`"
        ),
        Some(privet_pii::Error::Manifest) => anyhow::anyhow!(
            "the manifest belongs to another key, scope or subject, or was changed; name those of `privet pii anonymize`"
        ),
        _ => error,
    }
}

fn exactly(source: &Source, ledger: &mut Reader, keys: &Keys, sink: &mut Sink) -> Result<()> {
    let budget = Budget::unlimited();
    if ledger.head().shape == Shape::Text {
        let mut reader = source.reader()?;
        while let Some(piece) = ledger.next_piece()? {
            let mut block = Vec::new();
            reader
                .by_ref()
                .take(piece.bytes.unwrap_or_default())
                .read_to_end(&mut block)?;
            let text = String::from_utf8(block).map_err(|_| privet_pii::Error::TextChanged)?;
            sink.write_all(piece.manifest.restore(&text, keys, &budget)?.as_bytes())?;
        }
        let mut more = [0];
        if reader.read(&mut more)? > 0 {
            bail!(privet_pii::Error::TextChanged);
        }
        return Ok(());
    }
    let table = Table {
        delimiter: ledger.head().delimiter,
        has_header: false,
    };
    let shape = ledger.head().shape;
    let mut index = 0;
    values(source, shape, table, |leaf| {
        sink.write_all(&leaf.before)?;
        if leaf.kind == Kind::End {
            return Ok(());
        }
        let piece = ledger.piece(index)?;
        index += 1;
        match piece {
            None => sink.write_all(&leaf.raw)?,
            Some(piece) => {
                let line = leaf.line + 1;
                let text = piece.manifest.restore(&leaf.text, keys, &budget);
                let text = text.with_context(|| format!("line {line}"))?;
                sink.write_all(write(&text, leaf.kind, Writing(piece.writing)).as_bytes())?;
            }
        }
        Ok(())
    })
}

/// Hands every value of a document to `take`.
fn values(
    source: &Source,
    shape: Shape,
    table: Table,
    mut take: impl FnMut(Leaf) -> Result<()>,
) -> Result<()> {
    if shape == Shape::Jsonl {
        let mut reader = BufReader::new(source.reader()?);
        let mut line = Vec::new();
        let mut number = 0;
        while reader.read_until(b'\n', &mut line)? > 0 {
            number += 1;
            let leaves = record_leaves(&line, number).with_context(|| format!("line {number}"))?;
            leaves.into_iter().try_for_each(&mut take)?;
            line.clear();
        }
        return Ok(());
    }
    let format = if shape == Shape::Csv {
        DataFormat::Csv
    } else {
        DataFormat::Json
    };
    let mut leaves = source.leaves(format, table)?;
    while let Some(leaf) = leaves.next_leaf()? {
        take(leaf)?;
    }
    Ok(())
}

/// Restores the tokens of the `encrypt` operator; returns how many did not open.
fn by_tokens(source: &Source, table: Table, keys: &Keys, sink: &mut Sink) -> Result<usize> {
    let budget = Budget::unlimited();
    let shape = Shape::from(source.format);
    let mut left = 0;
    if shape == Shape::Text {
        // A token holds no line end.
        let mut reader = BufReader::new(source.reader()?);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            let text = std::str::from_utf8(&line);
            let text = text.with_context(|| format!("`{}` is not UTF-8", source.name))?;
            let restored = keys.restore_tokens(text, &budget)?;
            left += restored.left.len();
            sink.write_all(restored.text.as_bytes())?;
            line.clear();
        }
        return Ok(left);
    }
    values(source, shape, table, |leaf| {
        sink.write_all(&leaf.before)?;
        let restored = keys.restore_tokens(&leaf.text, &budget)?;
        left += restored.left.len();
        if restored.restored == 0 {
            sink.write_all(&leaf.raw)?;
        } else {
            sink.write_all(write(&restored.text, leaf.kind, leaf.writing()).as_bytes())?;
        }
        Ok(())
    })?;
    Ok(left)
}

/// Restores what can be recognised in a text that was changed; returns how many tokens did not open.
fn edited(source: &Source, ledger: &mut Reader, keys: &Keys, sink: &mut Sink) -> Result<usize> {
    if ledger.head().shape != Shape::Text {
        bail!("`--edited` is for plain text; the manifest is of another format");
    }
    let mut text = String::new();
    source.reader()?.read_to_string(&mut text)?;
    let Some(piece) = ledger.next_piece()? else {
        sink.write_all(text.as_bytes())?;
        return Ok(0);
    };
    if ledger.next_piece()?.is_some() {
        bail!("`--edited` is for texts of up to 256 KiB; this manifest is of a longer one");
    }
    let restored = piece.manifest.restore_edited(&text, keys, &Budget::unlimited())?;
    sink.write_all(restored.text.as_bytes())?;
    Ok(restored.left.len())
}
