//! Taking backups and reading them back.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, ValueEnum};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use jiff::Timestamp;
use privet_crypto::{DataKey, RootKey};
use privet_policy::Settings;
use privet_server::SystemClock;
use privet_store::{
    BackupSummary, Database, Store, back_up, open_backup, open_keyring_database, open_store_database,
};
use privet_types::Clock;
use serde::Serialize;

use crate::keyring::{CommonArgs, Format, print};
use crate::{keyring, rim, serve};

#[derive(Args)]
pub(crate) struct BackupArgs {
    /// The folder for the files; made if it is not there.
    #[arg(long)]
    out: PathBuf,
    /// Only one of the two.
    #[arg(long, value_enum)]
    only: Option<Part>,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// Files of backups.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    common: CommonArgs,
}

/// A database that is backed up by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Records, audit log, API keys.
    Store,
    /// The keys of tenants and subjects.
    Keyring,
}

impl Part {
    // A key is in the keyring before what it seals is in the store: backed up in this order, no row lacks its key.
    const ALL: [Self; 2] = [Self::Store, Self::Keyring];

    const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Keyring => "keyring",
        }
    }

    /// What seals it.
    pub(super) fn key(self, root: &RootKey) -> DataKey {
        root.data_key("privet/backup", self.name().as_bytes())
    }

    /// What it is sealed for.
    pub(super) const fn context(self) -> &'static [u8] {
        match self {
            Self::Store => b"privet/store",
            Self::Keyring => b"privet/keyring",
        }
    }

    /// Its database, not tied to a root key.
    pub(super) async fn open(self, settings: &Settings) -> Result<Database> {
        let (location, opened) = match self {
            Self::Store => {
                let location = rim::store_location(settings)?;
                let opened = open_store_database(&location).await;
                (location, opened)
            }
            Self::Keyring => {
                let location = keyring::location(settings)?;
                let opened = open_keyring_database(&location).await;
                (location, opened)
            }
        };
        opened.with_context(|| format!("cannot open the {} `{location}`", self.name()))
    }

    /// Reads the backup `path` to its end.
    pub(super) fn read(self, path: &Path, root: &RootKey) -> Result<BackupSummary> {
        let file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let read = open_backup(&self.key(root), self.context(), &mut BufReader::new(file));
        read.with_context(|| format!("`{}`", path.display()))
    }
}

/// What is told of a backup.
#[derive(Serialize)]
struct Told {
    file: String,
    database: String,
    schema: i64,
    at: Timestamp,
    bytes: u64,
    rows: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct AllTold {
    backups: Vec<Told>,
}

impl Told {
    fn new(path: &Path, summary: BackupSummary) -> Self {
        Self {
            file: path.display().to_string(),
            database: summary.database,
            schema: summary.schema,
            at: summary.at,
            bytes: summary.bytes,
            rows: summary.rows,
        }
    }
}

pub(super) fn run(args: &BackupArgs) -> Result<ExitCode> {
    let settings = super::settings(&args.common)?;
    if !rim::has_store(&settings) {
        bail!("there is no store `{}` to back up", settings.store.path.display());
    }
    if settings.keyring.url.is_none() && !settings.keyring.path.exists() {
        bail!(
            "there is no keyring `{}` to back up",
            settings.keyring.path.display()
        );
    }
    let current = rim::current_root(&settings)?;
    // Opened, they prove that the root key is theirs: a backup under another one would be lost.
    let first = rim::root_key(&settings)?;
    let backups = serve::runtime()?.block_on(async {
        let location = rim::store_location(&settings)?;
        let store = Store::open(&location, &first)
            .await
            .with_context(|| format!("cannot open the store `{location}`"))?;
        store.close().await;
        let mut backups = Vec::new();
        for part in Part::ALL {
            if args.only.is_none_or(|only| only == part) {
                backups.push(take(part, &settings, &current, &args.out).await?);
            }
        }
        anyhow::Ok(backups)
    })?;
    tell(&args.common, &AllTold { backups })?;
    Ok(ExitCode::SUCCESS)
}

fn tell(args: &CommonArgs, told: &AllTold) -> Result<()> {
    if args.format == Format::Json {
        return print(args, told);
    }
    for backup in &told.backups {
        let rows: u64 = backup.rows.values().sum();
        rim::say(format_args!(
            "{}\n  {} of {}, schema {}: {rows} rows, {}",
            backup.file,
            backup.database,
            backup.at,
            backup.schema,
            HumanBytes(backup.bytes)
        ))?;
        let width = backup.rows.keys().map(String::len).max().unwrap_or(0);
        for (table, rows) in backup.rows.iter().filter(|(_, rows)| **rows > 0) {
            rim::say(format_args!("  {table:<width$}  {rows:>10}"))?;
        }
    }
    Ok(())
}

async fn take(part: Part, settings: &Settings, root: &RootKey, folder: &Path) -> Result<Told> {
    use std::os::unix::fs::DirBuilderExt;
    let at = SystemClock.now();
    let name = format!("{}-{}.privet", part.name(), at.strftime("%Y%m%dT%H%M%SZ"));
    let path = folder.join(&name);
    let failed = || format!("cannot write the backup `{}`", path.display());
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(failed)?;
    // For its owner only, beside its place, and gone if anything fails.
    let mut file = tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .tempfile_in(folder)
        .with_context(failed)?;
    let database = part.open(settings).await?;
    let bar = bar(part);
    let mut out = BufWriter::new(file.as_file_mut());
    let taken = back_up(
        &database,
        &part.key(root),
        part.context(),
        at,
        &mut out,
        &mut |rows| bar.set_position(rows),
    )
    .await;
    bar.finish_and_clear();
    database.close().await;
    let taken = taken.with_context(failed)?;
    out.flush().with_context(failed)?;
    drop(out);
    file.as_file().sync_all().with_context(failed)?;
    let read = part.read(file.path(), root)?;
    if read != taken {
        bail!("the backup reads otherwise than it was written; nothing was kept");
    }
    file.persist_noclobber(&path)
        .map_err(|error| error.error)
        .with_context(failed)?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(failed)?;
    Ok(Told::new(&path, taken))
}

pub(super) fn verify(args: &VerifyArgs) -> Result<ExitCode> {
    let settings = super::settings(&args.common)?;
    let root = rim::current_root(&settings)?;
    let (mut backups, mut bad) = (Vec::new(), false);
    for path in &args.files {
        match of_either(path, &root) {
            Ok(summary) => backups.push(Told::new(path, summary)),
            Err(error) => {
                bad = true;
                eprintln!("privet: {error:#}");
            }
        }
    }
    if !backups.is_empty() || args.common.format == Format::Json {
        tell(&args.common, &AllTold { backups })?;
    }
    Ok(ExitCode::from(u8::from(bad)))
}

/// The seal says which of the two it is: another key opens nothing.
pub(super) fn of_either(path: &Path, root: &RootKey) -> Result<BackupSummary> {
    let mut errors = Vec::new();
    for part in Part::ALL {
        match part.read(path, root) {
            Ok(summary) => return Ok(summary),
            Err(error) => errors.push(error),
        }
    }
    let error = errors.pop().unwrap_or_else(|| anyhow!("`{}`", path.display()));
    Err(error.context("this is no backup that this root key sealed, or it was changed or cut"))
}

pub(super) fn bar(part: Part) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}: {pos} rows, {per_sec}") {
        bar.set_style(style);
    }
    bar.set_message(part.name());
    bar
}
