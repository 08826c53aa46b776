//! `privet keyring`: the keys of tenants and subjects, and the root key above them.

mod root_file;
mod source;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use privet_crypto::RootKey;
use privet_policy::{SecretRef, Settings};
use privet_server::SystemClock;
use privet_store::{Keyring, KeyringConfig, Location, Progress, Store};
use privet_types::TenantId;
use serde::Serialize;

pub(crate) use source::root;

use crate::{rim, serve};

#[derive(Subcommand)]
pub(crate) enum KeyringCommand {
    /// Show root keys, tenants' keys, epochs, and what waits to be wrapped anew.
    #[command(after_help = "Examples:
  privet keyring status
  privet keyring status --format json | jq '.tenants[].pending'")]
    Status(CommonArgs),
    /// Put a new key in the place of the root key, a tenant's key or an epoch's key, while gateways serve.
    #[command(after_help = "Examples:
  privet keyring rotate epoch                        an epoch begins; the old one's key goes after `destroy_after`
  privet keyring rotate tenant --tenant acme
  privet keyring rotate root --new new-root.key      then name the new file in the settings: [keys] root = ...

An interrupted rotation is brought to its end by calling it again.")]
    Rotate(RotateArgs),
    /// Do what is due: begin epochs, destroy old epoch keys, end the grace of former root keys.
    #[command(after_help = "Examples:
  privet keyring sweep
  privet keyring sweep --format json")]
    Sweep(CommonArgs),
    /// Split the root key into shares, some of which together give it back.
    #[command(after_help = "Examples:
  privet keyring split --threshold 3 --count 5 --out shares/     one file a share: shares/share-1.txt ...")]
    Split(root_file::SplitArgs),
    /// Put shares together to a root key file.
    #[command(after_help = "Examples:
  privet keyring combine share-1.txt share-4.txt share-5.txt --out root.key")]
    Combine(root_file::CombineArgs),
    /// Put the root key behind a passphrase (Argon2id).
    #[command(after_help = "Examples:
  privet keyring lock --out privet-data/root.lock    then name it: [keys] root = { file = \"privet-data/root.lock\" }")]
    Lock(root_file::LockArgs),
}

#[derive(Args)]
pub(crate) struct CommonArgs {
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    pub(crate) config: PathBuf,
    /// Text for people, or one JSON object.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Level {
    /// The root key.
    Root,
    /// A tenant's key.
    Tenant,
    /// The key of a tenant's epoch.
    Epoch,
}

#[derive(Args)]
pub(crate) struct RotateArgs {
    /// Which key.
    #[arg(value_enum)]
    level: Level,
    /// Whose, for `tenant` and `epoch`.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// For `root`: the file of the new root key; made if it is not there.
    #[arg(long)]
    new: Option<PathBuf>,
    #[command(flatten)]
    common: CommonArgs,
}

pub(crate) fn run(command: KeyringCommand) -> Result<ExitCode> {
    match command {
        KeyringCommand::Status(args) => with(&args, async |keyring, _| {
            let status = keyring.status().await?;
            print(&args, &status)
        }),
        KeyringCommand::Sweep(args) => with(&args, async |keyring, bar| {
            let swept = keyring.sweep(&mut show(bar)).await?;
            bar.finish_and_clear();
            print(&args, &swept)?;
            let names: Vec<&str> = swept.failures.iter().map(|f| f.tenant.as_str()).collect();
            if names.is_empty() {
                return Ok(());
            }
            bail!("keys of these tenants could not be swept: {}", names.join(", "))
        }),
        KeyringCommand::Rotate(args) => rotate(&args),
        KeyringCommand::Split(args) => root_file::split(&args),
        KeyringCommand::Combine(args) => root_file::combine(&args),
        KeyringCommand::Lock(args) => root_file::lock(&args),
    }
}

fn rotate(args: &RotateArgs) -> Result<ExitCode> {
    let tenant: TenantId = args.tenant.parse()?;
    let new = match (args.level, &args.new) {
        (Level::Root, Some(path)) if path.exists() => Some(rim::read_key(&SecretRef::File(path.clone()))?),
        (Level::Root, Some(path)) => Some(rim::make_key(path)?),
        (Level::Root, None) => bail!("`rotate root` needs the file of the new root key: --new FILE"),
        (Level::Tenant | Level::Epoch, _) => None,
    };
    with(&args.common, async |keyring, bar| {
        let mut tell = show(bar);
        match (args.level, &new) {
            (Level::Root, Some(new)) => {
                let report = keyring.rotate_root(new, &mut tell).await?;
                bar.finish_and_clear();
                print(&args.common, &report)?;
                eprintln!(
                    "privet: name the new root key in the settings of every gateway and restart it before {}",
                    report.grace_until
                );
                Ok(())
            }
            (Level::Tenant, _) => {
                let report = keyring.rotate_tenant(&tenant, &mut tell).await?;
                bar.finish_and_clear();
                print(&args.common, &report)
            }
            (Level::Epoch | Level::Root, _) => {
                let report = keyring.rotate_epoch(&tenant, &mut tell).await?;
                bar.finish_and_clear();
                print(&args.common, &report)
            }
        }
    })
}

/// Opens the keyring that the settings name, works with it and closes it.
fn with(args: &CommonArgs, work: impl AsyncFnOnce(&Keyring, &ProgressBar) -> Result<()>) -> Result<ExitCode> {
    let settings = rim::settings(&args.config)?;
    borrow(&settings, async |keyring| work(keyring, &bar()).await)?;
    Ok(ExitCode::SUCCESS)
}

/// Opens the keyring that `settings` name, works with it, tells the log what happened to keys, and closes it.
pub(crate) fn borrow<T>(settings: &Settings, work: impl AsyncFnOnce(&Keyring) -> Result<T>) -> Result<T> {
    let root = rim::current_root(settings)?;
    serve::runtime()?.block_on(async {
        let keyring = open(settings, Arc::new(root)).await?;
        let done = work(&keyring).await;
        let told = tell_log(settings, &keyring).await;
        keyring.close().await;
        let done = done?;
        told?;
        Ok(done)
    })
}

/// Makes leaves of the log of what happened to keys, if there is a store yet; else that waits in the keyring.
async fn tell_log(settings: &Settings, keyring: &Keyring) -> Result<()> {
    if !rim::has_store(settings) {
        return Ok(());
    }
    let location = rim::store_location(settings)?;
    let store = Store::open(&location, &keyring.installation_root())
        .await
        .with_context(|| {
            format!("what happened to keys is not in the log yet: cannot open the store `{location}`")
        })?;
    let told = keyring.relay_events(&store).await;
    store.close().await;
    told.context("what happened to keys is not in the log yet")?;
    Ok(())
}

/// The keyring of the settings.
pub(crate) async fn open(settings: &Settings, root: Arc<RootKey>) -> Result<Keyring> {
    let location = location(settings)?;
    let shown = location.to_string();
    Keyring::open(location, root, config(settings), Arc::new(SystemClock))
        .await
        .with_context(|| format!("cannot open the keyring `{shown}`"))
}

pub(crate) fn location(settings: &Settings) -> Result<Location> {
    let keyring = &settings.keyring;
    let (url, owner) = (keyring.url.as_ref(), keyring.owner_url.as_ref());
    rim::location(&keyring.path, url, owner, "the URL of the keyring")
}

fn config(settings: &Settings) -> KeyringConfig {
    let keyring = &settings.keyring;
    KeyringConfig {
        epoch: keyring.epoch.duration(),
        destroy_after: keyring.destroy_after.duration(),
        backup_retention: keyring.backup_retention.duration(),
        epoch_backup_retention: keyring
            .epoch_backup_retention
            .map(privet_policy::Period::duration),
        root_grace: keyring.root_grace.duration(),
        cached_keys: usize::try_from(keyring.cached_keys).unwrap_or(usize::MAX),
    }
}

/// The root key that the installation began with: what is derived from a root key stays derived from that one. `root` itself
/// where there is no keyring.
pub(crate) fn installation_root(settings: &Settings, root: RootKey) -> Result<RootKey> {
    if settings.keyring.url.is_none() && !settings.keyring.path.exists() {
        return Ok(root);
    }
    // A thread of its own: the caller may be inside a runtime already.
    let opened = std::thread::scope(|scope| {
        let thread = scope.spawn(|| -> Result<RootKey> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let keyring = open(settings, Arc::new(root)).await?;
                let first = keyring.installation_root();
                keyring.close().await;
                Ok(RootKey::parse(&first.to_text())?)
            })
        });
        thread.join()
    });
    opened.map_err(|_| anyhow!("the keyring could not be opened"))?
}

/// A bar on standard error where that is a terminal.
fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} keys, {per_sec}, {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &ProgressBar) -> impl FnMut(Progress) + Send + use<> {
    let bar = bar.clone();
    move |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    }
}

/// A report: JSON, or its fields a line each.
pub(crate) fn print(args: &CommonArgs, report: &impl Serialize) -> Result<()> {
    let report = serde_json::to_value(report)?;
    if args.format == Format::Json {
        return rim::say(report);
    }
    let mut lines = Vec::new();
    lay_out(&report, 0, &mut lines);
    rim::say(lines.join("\n"))
}

fn lay_out(value: &serde_json::Value, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let serde_json::Value::Object(fields) = value else {
        lines.push(format!("{indent}{}", text(value)));
        return;
    };
    for (name, field) in fields {
        let name = name.replace('_', " ");
        match field {
            serde_json::Value::Array(items) if items.iter().any(serde_json::Value::is_object) => {
                for item in items {
                    lines.push(format!("{indent}{name}:"));
                    lay_out(item, depth + 1, lines);
                }
            }
            serde_json::Value::Array(items) => {
                let items: Vec<String> = items.iter().map(text).collect();
                let items = if items.is_empty() {
                    "none".to_owned()
                } else {
                    items.join(", ")
                };
                lines.push(format!("{indent}{name}: {items}"));
            }
            other => lines.push(format!("{indent}{name}: {}", text(other))),
        }
    }
}
