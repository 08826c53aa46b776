//! `privet guard model`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use privet_guardrails::{Band, Detector};
use serde_json::json;

use super::FOUND;
use crate::model::{self, Folder, State};
use crate::rim;

/// What `privet guard model` takes.
#[derive(Subcommand)]
pub(crate) enum ModelCommand {
    /// Check a network of your own, and keep it for use.
    #[command(after_help = "Examples:
  optimum-cli export onnx --model leolee99/PIGuard --task text-classification exported
  privet guard model add --onnx exported --name piguard
  privet guard model add --onnx exported --name promptguard --attack-label JAILBREAK
  privet guard check mail.txt --channel document --model piguard

It is a BERT, a DistilBERT or a DeBERTa of version 2 or 3 that classifies whole texts. Its hashes are kept when it is added and \
compared whenever it is read.")]
    Add(AddArgs),
    /// List the networks that tell attacks.
    #[command(after_help = "Example:
  privet guard model list --format jsonl | jq -r .name")]
    List(ListArgs),
    /// Remove a network.
    #[command(after_help = "Example:
  privet guard model remove piguard")]
    Remove(RemoveArgs),
    /// Compare the files of all networks that tell attacks with their hashes; ends with 1 if one was changed.
    #[command(after_help = "Example:
  privet guard model verify")]
    Verify(FolderArgs),
}

#[derive(Args)]
pub(crate) struct AddArgs {
    /// The folder it is in: model.onnx, config.json, and tokenizer.json or vocab.txt with tokenizer_config.json, as `optimum-cli
    /// export onnx` writes it.
    #[arg(long, value_name = "DIR")]
    onnx: PathBuf,
    /// What it is called from now on, in small letters, digits and `-`.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Its label that says attack. Without it the one of two whose name says so, such as INJECTION or LABEL_1.
    #[arg(long, value_name = "LABEL")]
    attack_label: Option<String>,
    #[command(flatten)]
    folder: FolderArgs,
}

#[derive(Args)]
pub(crate) struct RemoveArgs {
    /// The network's name.
    name: String,
    #[command(flatten)]
    folder: FolderArgs,
}

#[derive(Args)]
pub(crate) struct FolderArgs {
    /// The folder of networks; without it `privet/models` under XDG_DATA_HOME, which is ~/.local/share if not set.
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    folder: FolderArgs,
    /// A table for people, or one JSON object a line.
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    format: ListFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    /// Columns.
    Table,
    /// JSON Lines.
    Jsonl,
}

/// Which network is asked in doubt.
#[derive(Args)]
pub(crate) struct AskedArgs {
    /// A network of your own, as `privet guard model add` has added it, to ask about texts that the detector is in doubt of.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    #[command(flatten)]
    folder: FolderArgs,
}

impl AskedArgs {
    /// `detector` with the network that is to be asked.
    ///
    /// # Errors
    /// If that is not there, or was changed.
    pub(crate) fn apply(&self, detector: Detector) -> Result<Detector> {
        match &self.model {
            None => Ok(detector),
            Some(name) => {
                let network = model::load_attack(&self.folder.folder()?, name)?;
                Ok(detector.with_model(Arc::new(network), Band::default()))
            }
        }
    }
}

impl FolderArgs {
    fn folder(&self) -> Result<Folder> {
        Ok(match &self.models {
            Some(path) => Folder::new(path),
            None => Folder::new(&model::default_folder()?),
        })
    }
}

/// Runs a command.
///
/// # Errors
/// For wrong usage, and for networks that cannot be read, written or removed.
pub(crate) fn run(command: &ModelCommand) -> Result<ExitCode> {
    match command {
        ModelCommand::Add(args) => {
            let (folder, label) = (args.folder.folder()?, args.attack_label.as_deref());
            rim::say(model::add_attack(&folder, &args.onnx, &args.name, label)?)?;
            Ok(ExitCode::SUCCESS)
        }
        ModelCommand::List(args) => list(args),
        ModelCommand::Remove(args) => {
            if !model::remove(&args.folder.folder()?, &args.name)? {
                eprintln!("privet: there is no network `{}` to remove", args.name);
            }
            Ok(ExitCode::SUCCESS)
        }
        ModelCommand::Verify(args) => verify(&args.folder()?),
    }
}

fn list(args: &ListArgs) -> Result<ExitCode> {
    let folder = args.folder.folder()?;
    let networks = model::own_networks(&folder)?;
    if args.format == ListFormat::Table {
        rim::say(format_args!(
            "{:<20}{:<10}{:<9}{:<14}place",
            "name", "hash", "state", "attack"
        ))?;
    }
    for own in networks {
        let Some(label) = &own.attack_label else {
            continue;
        };
        let state = if own.state == State::Whole {
            "ready"
        } else {
            "changed"
        };
        let place = folder.place(&own.name);
        match args.format {
            ListFormat::Table => rim::say(format_args!(
                "{:<20}{:<10.8}{state:<9}{label:<14}{}",
                own.name,
                own.hash,
                place.display()
            ))?,
            ListFormat::Jsonl => rim::say(json!({
                "name": own.name, "sha256": own.hash, "state": state, "attack_label": label, "bytes": own.bytes,
                "place": place.display().to_string(),
            }))?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(folder: &Folder) -> Result<ExitCode> {
    // One whose manifest cannot be read says of nothing what it tells.
    let is_meant = |own: &model::Own| own.attack_label.is_some() || own.hash.is_empty();
    let networks = model::own_networks(folder)?.into_iter();
    let (mut whole, mut changed) = (0, 0);
    for own in networks.filter(is_meant) {
        match own.state {
            State::Changed(file) => {
                changed += 1;
                eprintln!(
                    "privet: `{}` was changed: `{file}` is not what it has to be; add it again",
                    own.name
                );
            }
            _ => {
                whole += 1;
                rim::say(format_args!("`{}` is as it was added", own.name))?;
            }
        }
    }
    if changed > 0 {
        return Ok(ExitCode::from(FOUND));
    }
    if whole == 0 {
        rim::say("no network that tells attacks was added")?;
    }
    Ok(ExitCode::SUCCESS)
}
