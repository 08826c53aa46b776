//! `privet audit`: the signed log, and its check.

mod consistency;
mod cosign;
mod export;
mod filter;
mod folder;
mod key;
mod progress;
mod prove;
mod show;
mod tail;
mod verify;
mod witness;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use privet_log::NoteKey;
use privet_policy::Settings;
use privet_store::{Sequencer, Store, log_signer};

use crate::{rim, serve};

pub(crate) use witness::{Witnesses, run_witnesses};

/// Something contradicts the log.
pub(crate) const CONTRADICTED: u8 = 1;
/// Something is missing that is needed to say.
pub(crate) const INCOMPLETE: u8 = 3;

/// The store or a folder contradicts the signed log.
#[derive(Debug)]
struct Contradiction(String);

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Contradiction {}

#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Write the log to a folder that can be checked without Privet's server and store.
    #[command(after_help = "Examples:
  privet audit export /mnt/worm/privet-log       all of the log; the next time, what is new
  privet audit verify /mnt/worm/privet-log --key log.pub

Files are written once and never replaced, except `checkpoint`, which is the newest head of the log.
Exit status: 0 exported, 1 the store or the folder contradicts the signed log, 2 it cannot be done, 3 the log is empty.")]
    Export(ExportArgs),
    /// Check an exported log: no server, no store, only the log's public key.
    #[command(after_help = "Examples:
  privet audit verify log/ --key \"privet.internal/1f2e+0a1b2c3d+AbCd...\"
  privet audit verify log/ --key log.pub --checkpoint kept-last-year
  privet audit verify log/ --key log.pub --witness witness.pub --format jsonl
  privet audit verify --key log.pub --proof leaf.tlog-proof
  privet audit verify --key log.pub --growth since-last-year --checkpoint kept-last-year

Exit status: 0 verified, 1 something contradicts the signed log, 2 it cannot be read, 3 something is missing.
docs/audit.md says what is proven, and what is not.")]
    Verify(VerifyArgs),
    /// Write a proof that a leaf is in the log; with the log's public key it is checked offline.
    #[command(after_help = "Examples:
  privet audit prove 1234 > leaf.tlog-proof
  privet audit prove --request 5f0c2f6e > leaf.tlog-proof
  privet audit verify --key log.pub --proof leaf.tlog-proof

The proof holds the leaf (metadata and pseudonyms, as docs/audit.md says) and a signed checkpoint (C2SP tlog-proof).")]
    Prove(ProveArgs),
    /// Write a proof that the log continues a checkpoint that somebody holds.
    #[command(after_help = "Examples:
  privet audit consistency kept-last-year > since-last-year
  privet audit verify --key log.pub --growth since-last-year --checkpoint kept-last-year

Exit status: 0 written, 1 the log does not continue that checkpoint, 2 it cannot be done.")]
    Consistency(ConsistencyArgs),
    /// Let the witnesses of the settings sign the newest checkpoint (C2SP tlog-witness).
    #[command(after_help = "Examples:
  privet audit witness                           gateways do it each minute by themselves

Exit status: 0 all have signed, 1 a witness has seen another history, 2 one could not be asked, 3 the log is empty.")]
    Witness(WitnessArgs),
    /// Show the newest leaves of the log.
    #[command(after_help = "Examples:
  privet audit tail
  privet audit tail --filter action=block --filter tenant=default --lines 100
  privet audit tail --follow --format jsonl | jq .leaf.event.decision")]
    Tail(TailArgs),
    /// Print the public key that checks the log, or make a signing key of its own.
    #[command(after_help = "Examples:
  privet audit key > log.pub                     give this to whoever is to check the log
  privet audit key --rotate privet-data/log-2.key    another key from now on; then name it in the settings
  privet audit key --new privet-data/log.key     then name it in the settings: [keys] log = { file = ... }")]
    Key(KeyArgs),
    /// Put a witness's signature into an exported log.
    #[command(after_help = "Examples:
  privet audit cosign log/ signed-by-witness --key log.pub --witness witness.pub

The witness signs the folder's file `checkpoint` (C2SP tlog-cosignature, Ed25519). Its answer may be the signed
checkpoint, or its signature lines alone.")]
    Cosign(CosignArgs),
}

#[derive(Args)]
pub(crate) struct ExportArgs {
    /// The folder; made if it is not there.
    dir: PathBuf,
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    config: PathBuf,
}

#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// The folder that `privet audit export` wrote.
    #[arg(required_unless_present_any = ["proof", "growth"])]
    dir: Option<PathBuf>,
    /// Check a proof that `privet audit prove` wrote, instead of a folder.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dir", "growth", "witness", "known_gap", "checkpoint"])]
    proof: Option<PathBuf>,
    /// Check a proof that `privet audit consistency` wrote against the `--checkpoint` that is held, instead of a folder.
    #[arg(long, value_name = "FILE", requires = "checkpoint", conflicts_with_all = ["dir", "witness", "known_gap"])]
    growth: Option<PathBuf>,
    /// The log's public key as `privet audit key` prints it, or a file that holds it. Get it from elsewhere than the folder.
    #[arg(long)]
    key: String,
    /// A checkpoint of this log that was kept elsewhere; the folder must continue it. May be repeated.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Public key of a witness who must have signed, or a file that holds it. May be repeated.
    #[arg(long, value_name = "KEY")]
    witness: Vec<String>,
    /// Numbers of a node that are known to be lost, and why. May be repeated.
    #[arg(long, value_name = "NODE:FROM-TO")]
    known_gap: Vec<String>,
    /// Text for people, or one JSON object.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    format: Output,
}

#[derive(Args)]
pub(crate) struct TailArgs {
    /// Only leaves in which KEY is VALUE. May be repeated; all must hold.
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Go on showing leaves as they come.
    #[arg(long)]
    follow: bool,
    /// How many of the newest leaves.
    #[arg(long, default_value_t = 20)]
    lines: u32,
    /// All leaves from this position on, instead of the newest.
    #[arg(long, value_name = "POSITION", conflicts_with = "lines")]
    from: Option<u64>,
    /// A line for people, or one JSON object per line.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    format: Output,
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    config: PathBuf,
}

#[derive(Args)]
pub(crate) struct KeyArgs {
    /// Make a new signing key in this file, and print its public key.
    #[arg(long, value_name = "FILE")]
    new: Option<PathBuf>,
    /// Change the log's key to that in this file, which is made if it is not there, and print its public key.
    #[arg(long, value_name = "FILE", conflicts_with = "new")]
    rotate: Option<PathBuf>,
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    config: PathBuf,
}

#[derive(Args)]
pub(crate) struct ProveArgs {
    /// The leaf's position, as `privet audit tail` shows it.
    #[arg(required_unless_present = "request")]
    index: Option<u64>,
    /// The decision about this request, instead of a position.
    #[arg(long, value_name = "ID", conflicts_with = "index")]
    request: Option<String>,
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    config: PathBuf,
}

#[derive(Args)]
pub(crate) struct ConsistencyArgs {
    /// The checkpoint that is held: a file.
    old: PathBuf,
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    config: PathBuf,
}

#[derive(Args)]
pub(crate) struct WitnessArgs {
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    config: PathBuf,
}

#[derive(Args)]
pub(crate) struct CosignArgs {
    /// The folder that `privet audit export` wrote.
    dir: PathBuf,
    /// What the witness gave; `-` is standard input.
    signed: PathBuf,
    /// The log's public key, or a file that holds it.
    #[arg(long)]
    key: String,
    /// The witness's public key, or a file that holds it.
    #[arg(long)]
    witness: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// JSON Lines.
    Jsonl,
}

pub(crate) fn run(command: &AuditCommand) -> Result<ExitCode> {
    match command {
        AuditCommand::Export(args) => export::run(args),
        AuditCommand::Verify(args) => verify::run(args),
        AuditCommand::Prove(args) => prove::run(args),
        AuditCommand::Consistency(args) => consistency::run(args),
        AuditCommand::Witness(args) => witness::run(args),
        AuditCommand::Tail(args) => tail::run(args),
        AuditCommand::Key(args) => key::run(args),
        AuditCommand::Cosign(args) => cosign::run(args),
    }
}

/// The log of an installation, with everything that is stored given its position.
struct Log {
    store: Store,
    sequencer: Sequencer,
    key: NoteKey,
}

/// Opens the log that the settings name; sequences what waits. `None` if there is no store yet.
async fn open(settings: &Settings) -> Result<Option<Log>> {
    if !rim::has_store(settings) {
        return Ok(None);
    }
    let location = rim::store_location(settings)?;
    let root = rim::root_key(settings)?;
    let signer = log_signer(&root, rim::log_key(settings)?)?;
    let key = signer.key().clone();
    let store = Store::open(&location, &root)
        .await
        .with_context(|| format!("cannot open the store `{location}`"))?;
    let mut sequencer = Sequencer::open(store.clone(), signer).await?;
    sequencer.run_once().await?;
    Ok(Some(Log {
        store,
        sequencer,
        key,
    }))
}

/// The log of the settings; an error if there is none.
async fn open_log(settings: &Settings) -> Result<Log> {
    open(settings)
        .await?
        .context("there is no store yet, and so no log")
}

/// Runs `work` to its end.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    serve::runtime()?.block_on(work)
}

/// A public key as it is given on the command line: itself, or a file that holds it.
pub(crate) fn public_key(text: &str, option: &str) -> Result<NoteKey> {
    let path = Path::new(text);
    let text = if path.is_file() {
        std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?
    } else if text.contains('+') {
        text.to_owned()
    } else {
        bail!("`{option} {text}` is neither a key nor a file that is there");
    };
    text.parse().with_context(|| format!("`{option}`"))
}
