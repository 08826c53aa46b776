//! The index of known holes: made by `privet scan update`, read by scans.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use jiff::{SignedDuration, Timestamp};
use privet_server::SystemClock;
use privet_supplychain::dependencies::{Advisory, Error, Index, Source, read_json_lines, read_osv, read_zip};
use privet_supplychain::report::AdvisoryIndex;
use privet_supplychain::settings::ScanConfig;
use privet_types::{Budget, Clock};

use super::options::UpdateArgs;
use super::{key, outcome};
use crate::fetch::{self, Fetcher, Plaintext, Site};
use crate::rim;

/// The index's name in one's own folder.
const NAME: &str = "advisories.osv";
/// Longest index that is read.
const MOST_BYTES: u64 = 2 << 30;

/// An index that was read.
pub(super) struct Loaded {
    pub(super) index: Arc<Index>,
    pub(super) told: AdvisoryIndex,
}

/// The index that the settings name, or one's own; none if there is none.
pub(super) fn load(config: &ScanConfig, base: &Path, now: Timestamp) -> Result<Option<Loaded>> {
    let (path, is_named) = match &config.advisories.index {
        Some(path) => (base.join(path), true),
        None => match own() {
            Some(path) => (path, false),
            None => return Ok(None),
        },
    };
    if !is_named && !path.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
    read.with_context(|| format!("cannot read the index of advisories `{}`", path.display()))?;
    let index = Index::open(bytes).with_context(|| {
        format!(
            "the index of advisories `{}` cannot be used; make it anew with `privet scan update`",
            path.display()
        )
    })?;
    let age = SignedDuration::from_hours(24 * i64::from(config.advisories.max_age_days));
    let told = AdvisoryIndex {
        source: index.source().name.clone(),
        date: outcome::day(index.source().date),
        hash: Some(index.source().sha256.clone()),
        is_stale: index.is_stale(now, age),
    };
    Ok(Some(Loaded {
        index: Arc::new(index),
        told,
    }))
}

fn own() -> Option<PathBuf> {
    key::folder("XDG_DATA_HOME", ".local/share").map(|folder| folder.join(NAME))
}

/// Compiles the advisories that `args` name.
///
/// # Errors
/// If they cannot be read, or the index cannot be written.
pub(super) fn update(args: &UpdateArgs) -> Result<ExitCode> {
    let out = match args.out.clone().or_else(own) {
        Some(out) => out,
        None => bail!(
            "there is no place for the index: neither XDG_DATA_HOME nor HOME is set; name a file with `--out`"
        ),
    };
    let budget = Budget::unlimited();
    let mut advisories: Vec<Result<Advisory, Error>> = Vec::new();
    let (mut names, mut hash) = (Vec::new(), privet_crypto::Sha256::new());
    for from in &args.from {
        let (name, inputs) = if from.contains("://") {
            let (name, file) = download(from, args)?;
            (name.clone(), vec![(PathBuf::from(name), Some(file))])
        } else {
            let inputs = files(Path::new(from))?;
            (
                from.clone(),
                inputs.into_iter().map(|file| (file, None)).collect(),
            )
        };
        names.push(name);
        for (file, fetched) in inputs {
            let named = || format!("cannot read `{}`", file.display());
            let mut input = match fetched {
                Some(fetched) => fetched,
                None => File::open(&file).with_context(named)?,
            };
            let mut piece = vec![0; 1 << 20];
            loop {
                let read = input.read(&mut piece).with_context(named)?;
                if read == 0 {
                    break;
                }
                hash.update(piece.get(..read).unwrap_or_default());
            }
            input.seek(SeekFrom::Start(0)).with_context(named)?;
            let before = advisories.len();
            read_into(&file, input, &budget, &mut advisories).with_context(named)?;
            if let Some(bad) =
                (before..advisories.len()).find(|at| advisories.get(*at).is_some_and(Result::is_err))
            {
                advisories.swap_remove(bad).with_context(named)?;
            }
            if advisories.len() == before && file.extension().is_none_or(|end| end != "json") {
                bail!("`{}` holds no advisories of the OSV form", file.display());
            }
        }
    }
    let count = advisories.len();
    if count == 0 {
        bail!("there are no advisories of the OSV form in what `--from` names");
    }
    let known = advisories.iter().filter_map(|advisory| advisory.as_ref().ok());
    let date = known.filter_map(|advisory| advisory.modified.parse().ok()).max();
    let source = Source {
        name: names.join(", "),
        // Of the day on which the latest of them was changed.
        date: date.unwrap_or_else(|| SystemClock.now()),
        sha256: hash.finish().iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    let bytes = Index::compile(advisories, &source)?;
    super::replace_file(&out, &bytes).with_context(|| format!("cannot write `{}`", out.display()))?;
    rim::tell(&format!(
        "privet: {count} advisories in `{}` ({} KiB), as of {}; what they were made of has the SHA-256 {}",
        out.display(),
        bytes.len() / 1024,
        outcome::day(source.date),
        source.sha256
    ));
    Ok(ExitCode::SUCCESS)
}

/// What lies at an address of the web, in a file without a name, and that address without name and password.
fn download(from: &str, args: &UpdateArgs) -> Result<(String, File)> {
    let site =
        Site::parse(from).context("what `--from` names is neither a file nor an address of the web")?;
    let address = site.address().to_owned();
    let ca_file = args.ca_file.clone();
    let ca_file = ca_file.or_else(|| rim::environment("SSL_CERT_FILE").map(PathBuf::from));
    let fetcher = Fetcher::new(&site, ca_file.as_deref(), Plaintext::Loopback)?;
    let mut file = tempfile::tempfile().context("there is no place for what is downloaded")?;
    let bar = fetch::bar();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let most = args.max_mib.saturating_mul(1 << 20);
    let fetched = runtime.block_on(fetcher.get(&address, "*/*", most, &bar, &mut file));
    bar.finish_and_clear();
    fetched.with_context(|| {
        format!(
            "cannot download `{address}`, and the index is as it was; no proxy is used: behind one or offline, fetch the file with \
             another program and name it with `--from`"
        )
    })?;
    file.seek(SeekFrom::Start(0))?;
    Ok((address, file))
}

/// The files with advisories at `from`: itself, or those of a folder and the folders in it.
fn files(from: &Path) -> Result<Vec<PathBuf>> {
    if !from.exists() {
        bail!("there is no file or folder `{}`", from.display());
    }
    if from.is_file() {
        return Ok(vec![from.to_owned()]);
    }
    let mut all = Vec::new();
    let mut folders = vec![from.to_owned()];
    while let Some(folder) = folders.pop() {
        let listed =
            std::fs::read_dir(&folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
        for entry in listed {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let is_wanted = path
                .extension()
                .is_some_and(|end| ["json", "zip", "jsonl", "gz"].iter().any(|known| end == *known));
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && is_wanted {
                all.push(path);
            }
        }
    }
    all.sort();
    Ok(all)
}

fn read_into(
    file: &Path,
    mut input: File,
    budget: &Budget,
    advisories: &mut Vec<Result<Advisory, Error>>,
) -> Result<(), Error> {
    let mut head = [0; 4];
    let read = input.read(&mut head)?;
    input.seek(SeekFrom::Start(0))?;
    if head.starts_with(b"PK") && read == head.len() {
        advisories.extend(read_zip(input, budget)?);
    } else if file.extension().is_some_and(|end| end == "json") {
        let mut bytes = Vec::new();
        input.take(32 << 20).read_to_end(&mut bytes)?;
        advisories.extend(read_osv(&bytes).transpose());
    } else {
        advisories.extend(read_json_lines(input, budget)?);
    }
    Ok(())
}
