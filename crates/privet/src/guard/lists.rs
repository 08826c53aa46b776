//! `privet guard honey|corpus|packages`: the files that `[guardrails.files]` of the policy names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use privet_guardrails::controls::{CorpusBuilder, Ecosystem, HoneyList, PackageList};
use privet_types::Budget;

use crate::pii::sink;
use crate::rim;

/// What `privet guard honey` takes.
#[derive(Args)]
#[command(after_help = "Examples:
  privet guard honey records.txt --config privet.toml --out honey.txt

A line is a value that no reply may hold: a made-up name with address, a key, a card number; 8 to 128 letters and digits. The list holds keyed \
hashes of them, from which nobody reads the values. It is good for the installation of `--config` alone.")]
pub(crate) struct HoneyArgs {
    /// The values, one a line; lines that begin with `#` count for nothing.
    records: PathBuf,
    /// The settings of the installation.
    #[arg(long, value_name = "FILE", default_value = "privet.toml")]
    config: PathBuf,
    /// Where the list is written.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// What `privet guard corpus` takes.
#[derive(Args)]
#[command(after_help = "Examples:
  privet guard corpus handbook/ contracts/*.txt --out corpus.bin

Texts in UTF-8; of folders all files below them that are text. Every passage of 50 words in a row of one of them is found in replies. Keep the index like \
the documents.")]
pub(crate) struct CorpusArgs {
    /// Documents, and folders of them.
    #[arg(required = true)]
    documents: Vec<PathBuf>,
    /// Where the index is written.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// What `privet guard packages` takes.
#[derive(Args)]
#[command(after_help = "Examples:
  privet guard packages names.txt --ecosystem pypi --out pypi.bin

A line is the name of a package that exists; bring the list from a mirror of yours.")]
pub(crate) struct PackagesArgs {
    /// The names, one a line; lines that begin with `#` count for nothing.
    names: PathBuf,
    /// Whose they are.
    #[arg(long, value_enum)]
    ecosystem: Registry,
    /// Where the list is written.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Where packages come from.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Registry {
    /// Python.
    Pypi,
    /// JavaScript.
    Npm,
    /// Rust.
    Crates,
    /// Ruby.
    Gems,
}

impl From<Registry> for Ecosystem {
    fn from(registry: Registry) -> Self {
        match registry {
            Registry::Pypi => Self::Pypi,
            Registry::Npm => Self::Npm,
            Registry::Crates => Self::Crates,
            Registry::Gems => Self::Gems,
        }
    }
}

fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read `{}` as UTF-8", path.display()))
}

/// Writes a list of honey records.
///
/// # Errors
/// For values that cannot be used, and files that cannot be read or written.
pub(crate) fn honey(args: &HoneyArgs) -> Result<ExitCode> {
    let settings = rim::settings(&args.config)?;
    let root = rim::root_key(&settings)?;
    let text = text(&args.records)?;
    let values: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    if values.is_empty() {
        bail!("`{}` holds no value", args.records.display());
    }
    let secrets = privet_server::guard_secrets(&root);
    let list = HoneyList::new(&values, &Arc::clone(&secrets.keyed))?;
    sink::write_whole(&args.out, list.to_text().as_bytes())?;
    rim::tell(&format!(
        "privet: {} honey records; name the list in `[guardrails.files] honey`",
        values.len()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Writes an index of protected documents.
///
/// # Errors
/// For documents that cannot be read, and an index that cannot be written.
pub(crate) fn corpus(args: &CorpusArgs) -> Result<ExitCode> {
    let seed = privet_crypto::random::<8>().context("no random number")?;
    let mut builder = CorpusBuilder::new(u64::from_le_bytes(seed));
    let (mut count, mut left_out) = (0_u64, 0_u64);
    for path in &args.documents {
        if !path.is_dir() {
            builder.add(&text(path)?, &Budget::unlimited())?;
            count += 1;
            continue;
        }
        for file in files_below(path)? {
            match fs::read(&file).map(String::from_utf8) {
                Ok(Ok(text)) => {
                    builder.add(&text, &Budget::unlimited())?;
                    count += 1;
                }
                Ok(Err(_)) => left_out += 1,
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot read `{}`", file.display()));
                }
            }
        }
    }
    if count == 0 {
        bail!("there is no text among the documents");
    }
    sink::write_whole(&args.out, &builder.finish().to_bytes())?;
    let besides = if left_out > 0 {
        format!("; {left_out} files that are no text were left out")
    } else {
        String::new()
    };
    rim::tell(&format!(
        "privet: {count} documents{besides}; name the index in `[guardrails.files] corpus`"
    ));
    Ok(ExitCode::SUCCESS)
}

/// The files below a folder, in order; links are not followed.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Writes a list of packages.
///
/// # Errors
/// For names that cannot be read, and a list that cannot be written.
pub(crate) fn packages(args: &PackagesArgs) -> Result<ExitCode> {
    let list = PackageList::new(args.ecosystem.into(), &text(&args.names)?)?;
    sink::write_whole(&args.out, &list.to_bytes())?;
    rim::tell("privet: name the list in `[guardrails.files] packages`");
    Ok(ExitCode::SUCCESS)
}
