//! `privet model`: what it can be told.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::at_rest;
use crate::keyring::Format;

#[derive(Subcommand)]
pub(crate) enum ModelCommand {
    /// Write down what model files are, where they come from and what the scan says of them, and sign it.
    #[command(after_help = "Examples:
  privet model sign churn.safetensors --licence Apache-2.0 --dataset sales-2024 --scan
  privet model sign llama/ --expires 365d --output llama.manifest.json
  privet scan models/ --format json --output scan.json && privet model sign models/a.pt --scan-report scan.json
  privet model sign a.onnx --key ann.key                  a key of `privet policy signer`, in the place of the keyring's
  privet model sign a.onnx.manifest.json --countersign --key bob.key

Without --output the manifest is NAME.manifest.json beside the file or folder.
Exit status: 0 signed, 1 a file is dangerous or unreadable and no reason was given, 2 it cannot be done.")]
    Sign(Box<SignArgs>),
    /// Check model files against their signed manifest: nothing changed, nothing missing, signed by a key that is trusted.
    #[command(after_help = "Examples:
  privet model verify churn.safetensors                   with churn.safetensors.manifest.json beside it
  privet model verify llama.manifest.json --no-others     all files of the manifest, and no file besides
  privet model verify a.onnx --manifest signed.json --key ann.pub
  privet model verify churn.safetensors.sealed

Exit status: 0 all is right, 1 something is not, 2 wrong usage or no manifest, 3 a file could not be read.")]
    Verify(VerifyArgs),
    /// Encrypt a model file for keeping, under a key that the keyring wraps, with its signed manifest in front.
    #[command(after_help = "Examples:
  privet model seal churn.safetensors                     to churn.safetensors.sealed
  privet model seal a.pt --tenant acme --output /backup/a.pt.sealed --licence MIT --dataset sales-2024
  privet model seal a.pt --manifest a.pt.manifest.json    signed before
  privet model seal bad.pkl --allow-dangerous 'a sample for the red team, ticket 17'

The file is scanned first, since nobody can scan it once it is sealed. The plain file stays where it is.
Exit status: 0 sealed, 1 it is dangerous or unreadable and no reason was given, 2 it cannot be done.")]
    Seal(Box<SealArgs>),
    /// Decrypt a sealed model file. Nothing is left behind of one that is not whole and genuine.
    #[command(after_help = "Examples:
  privet model open churn.safetensors.sealed --output churn.safetensors
  privet model open a.pt.sealed --output a.pt --tenant acme --key ann.pub")]
    Open(OpenArgs),
    /// Print the public key with which a tenant's manifests are checked.
    #[command(after_help = "Examples:
  privet model key > models.pub
  privet model key --tenant acme")]
    Key(Owner),
}

/// Whose keys are used.
#[derive(Args)]
pub(crate) struct Owner {
    /// Whose keys of the keyring.
    #[arg(long, default_value = "default")]
    pub(super) tenant: String,
    /// The settings file, which says where the keyring is.
    #[arg(long, default_value = "privet.toml", value_name = "FILE")]
    pub(super) config: PathBuf,
}

/// What is said of a model.
#[derive(Args)]
pub(super) struct Said {
    /// The model's name; that of the file or folder if left out.
    #[arg(long)]
    pub(super) name: Option<String>,
    /// A data set it was trained on, with its SHA-256 if it has one; may be given several times.
    #[arg(long = "dataset", value_name = "NAME[=SHA256]")]
    pub(super) datasets: Vec<String>,
    /// A model it was made from, with its SHA-256 if it has one; may be given several times.
    #[arg(long = "parent", value_name = "NAME[=SHA256]")]
    pub(super) parents: Vec<String>,
    /// Its licence, as an SPDX expression.
    #[arg(long, value_name = "SPDX")]
    pub(super) licence: Option<String>,
    /// How long the manifest holds, such as 365d; for good if left out.
    #[arg(long, value_name = "TIME")]
    pub(super) expires: Option<String>,
    /// Why a file is vouched for although the scan says that it is dangerous or unreadable. The reason stands in the manifest.
    #[arg(long, value_name = "REASON")]
    pub(super) allow_dangerous: Option<String>,
}

#[derive(Args)]
pub(crate) struct SignArgs {
    /// Files, and folders with all that is in them.
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) said: Said,
    /// Scan the files, and write down what the scan says.
    #[arg(long)]
    pub(super) scan: bool,
    /// Write down what a report of `privet scan --format json` says of files with the same SHA-256.
    #[arg(long, value_name = "FILE", conflicts_with = "scan")]
    pub(super) scan_report: Option<PathBuf>,
    /// The file of the key that signs (`privet policy signer`), in the place of the keyring's.
    #[arg(long, value_name = "FILE")]
    pub(super) key: Option<PathBuf>,
    /// Add a signature to a manifest, after its files were held against it.
    #[arg(long, conflicts_with_all = [
        "name", "datasets", "parents", "licence", "expires", "allow_dangerous", "scan", "scan_report", "output",
    ])]
    pub(super) countersign: bool,
    /// Where the manifest goes; its folder holds all the files.
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) owner: Owner,
    /// Text for people, or one JSON object.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// A manifest, a model file with its manifest beside it, or a sealed model.
    pub(super) file: PathBuf,
    /// The manifest of the model file, if it is not NAME.manifest.json beside it.
    #[arg(long, value_name = "FILE")]
    pub(super) manifest: Option<PathBuf>,
    /// A public key that is trusted: itself, or its file; may be given several times. Without it, the keyring's.
    #[arg(long = "key", value_name = "PUBLIC")]
    pub(super) keys: Vec<String>,
    /// The folder of the manifest holds no file that it does not name.
    #[arg(long)]
    pub(super) no_others: bool,
    #[command(flatten)]
    pub(super) owner: Owner,
    /// Text for people, or one JSON object.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Args)]
pub(crate) struct SealArgs {
    /// The model file.
    pub(super) file: PathBuf,
    /// Where the sealed file goes; NAME.sealed beside the file if left out.
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) said: Said,
    /// A manifest of the file that is signed already.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "datasets", "parents", "licence", "expires", "allow_dangerous", "key"])]
    pub(super) manifest: Option<PathBuf>,
    /// The file of the key that signs the manifest (`privet policy signer`), in the place of the keyring's.
    #[arg(long, value_name = "FILE")]
    pub(super) key: Option<PathBuf>,
    #[command(flatten)]
    pub(super) owner: Owner,
    /// Text for people, or one JSON object.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Args)]
pub(crate) struct OpenArgs {
    /// The sealed model.
    pub(super) file: PathBuf,
    /// Where the model goes.
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: PathBuf,
    /// A public key, itself or its file, one of which must have signed the manifest; may be given several times. Without it, a
    /// manifest of others is told as not checked.
    #[arg(long = "key", value_name = "PUBLIC")]
    pub(super) keys: Vec<String>,
    #[command(flatten)]
    pub(super) owner: Owner,
    /// Text for people, or one JSON object.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Runs the command.
///
/// # Errors
/// For wrong usage, files that cannot be read or written, and sealed models that do not open.
pub(crate) fn run(command: ModelCommand) -> Result<ExitCode> {
    match command {
        ModelCommand::Sign(args) => at_rest::sign(&args),
        ModelCommand::Verify(args) => at_rest::verify(&args),
        ModelCommand::Seal(args) => at_rest::seal(&args),
        ModelCommand::Open(args) => at_rest::open(&args),
        ModelCommand::Key(owner) => at_rest::key(&owner),
    }
}
