//! What model files are, and what the scan says of them.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use privet_supplychain::Verdict;
use privet_supplychain::artifacts::seal::{Digest, Lineage, Manifest, Scanned, Source, digest};
use privet_supplychain::artifacts::{self, Error, Limits, recognise};
use privet_supplychain::dependencies::parse_licence;
use privet_supplychain::report::{HashAlgorithm, Report};
use privet_supplychain::scan::Scanner;

use super::super::command::Said;
use crate::{policy, rim};

/// Bytes at the start that say what a file is.
const HEAD: u64 = 64 << 10;
/// Longest report that is read.
const MOST_REPORT: u64 = 1 << 30;

/// A plain file, opened, and its length. Links are refused: what they lead to may change.
pub(super) fn plain(path: &Path) -> Result<(File, u64)> {
    let shown = path.display();
    let meta = fs::symlink_metadata(path).with_context(|| format!("cannot read `{shown}`"))?;
    if !meta.is_file() {
        bail!("`{shown}` is no plain file; name the file itself");
    }
    let file = File::open(path).with_context(|| format!("cannot read `{shown}`"))?;
    let length = file
        .metadata()
        .with_context(|| format!("cannot read `{shown}`"))?
        .len();
    Ok((file, length))
}

/// Size and hash of a file.
pub(super) fn digest_of(path: &Path, file: &mut File, bytes: u64) -> Result<Digest> {
    let bar = super::bar(bytes, "hashing");
    let read = digest(&mut bar.wrap_read(&mut *file));
    bar.finish_and_clear();
    let read = read.with_context(|| format!("cannot read `{}`", path.display()))?;
    file.seek(SeekFrom::Start(0))?;
    Ok(read)
}

/// What the scan says of a file; none if it is no model. The file is left at its start.
pub(super) fn scan(path: &Path, file: &mut File, bytes: u64) -> Result<Option<Scanned>> {
    let name = path.to_string_lossy();
    let looked = artifacts::inspect(&name, file, &Limits::default(), &Scanner::budget(bytes));
    file.seek(SeekFrom::Start(0))?;
    let (verdict, format, mut rules) = match looked {
        Ok(report) => {
            let rules = report.findings.iter().map(|found| found.rule.to_owned());
            (report.verdict, report.format.name().to_owned(), rules.collect())
        }
        Err(Error::NotAModel) => return Ok(None),
        Err(Error::Budget(_)) => (
            Verdict::Unreadable,
            "unknown".to_owned(),
            vec!["work-budget".to_owned()],
        ),
        Err(error) => return Err(error).with_context(|| format!("cannot scan `{name}`")),
    };
    rules.sort();
    rules.dedup();
    Ok(Some(Scanned {
        verdict,
        format,
        rules,
        by: concat!("privet ", env!("CARGO_PKG_VERSION")).to_owned(),
        report: None,
        accepted: None,
    }))
}

/// A scan's report, and its SHA-256.
pub(super) struct ScanReport {
    report: Report,
    sha256: String,
    path: PathBuf,
}

impl ScanReport {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let cannot = || format!("cannot read the report `{}`", path.display());
        let mut bytes = Vec::new();
        let file = File::open(path).with_context(cannot)?;
        file.take(MOST_REPORT + 1)
            .read_to_end(&mut bytes)
            .with_context(cannot)?;
        let report = Report::from_json(&bytes).with_context(|| {
            format!(
                "`{}`; make one with `privet scan FILE --format json`",
                path.display()
            )
        })?;
        Ok(Self {
            report,
            sha256: digest(&mut bytes.as_slice())?.sha256,
            path: path.to_owned(),
        })
    }

    /// What it says of the file with this digest; none if that is no model. A name proves nothing, so only the hash counts.
    pub(super) fn scan(&self, path: &Path, file: &mut File, digest: &Digest) -> Result<Option<Scanned>> {
        let is_it = |hash: &privet_supplychain::report::Hash| {
            hash.algorithm == HashAlgorithm::Sha256 && hash.digits == digest.sha256
        };
        let mut models = self.report.models.iter();
        let Some(model) = models.find(|model| model.hashes.iter().any(is_it)) else {
            let mut head = Vec::new();
            file.by_ref().take(HEAD).read_to_end(&mut head)?;
            file.seek(SeekFrom::Start(0))?;
            if recognise(&path.to_string_lossy(), &head).is_none() {
                return Ok(None);
            }
            bail!(
                "the report `{}` has no model with the SHA-256 of `{}`; scan the file as it is now, or use `--scan`",
                self.path.display(),
                path.display()
            );
        };
        let within = format!("{}!/", model.path);
        let findings = self.report.findings.iter();
        let mut rules: Vec<String> = findings
            .filter(|found| found.verdict.is_some())
            .filter(|found| found.path == model.path || found.path.starts_with(&within))
            .map(|found| found.rule.clone())
            .collect();
        rules.sort();
        rules.dedup();
        Ok(Some(Scanned {
            verdict: model.verdict,
            format: model.format.clone(),
            rules,
            by: format!("privet {}", self.report.privet),
            report: Some(self.sha256.clone()),
            accepted: None,
        }))
    }
}

/// Whether a file may be vouched for: one that is dangerous or unreadable for a `reason` alone, which is written down.
pub(super) fn accept(path: &Path, scan: Option<&mut Scanned>, reason: Option<&str>) -> bool {
    let Some(scan) = scan else {
        return true;
    };
    let what = format!(
        "privet: `{}` is {} ({})",
        path.display(),
        scan.verdict.name(),
        scan.rules.join(", ")
    );
    match (scan.verdict, reason) {
        (Verdict::Safe, _) => true,
        (Verdict::Suspicious, _) => {
            rim::tell(&format!("{what}; look at what `privet scan` says of it"));
            true
        }
        (Verdict::Dangerous | Verdict::Unreadable, Some(reason)) => {
            rim::tell(&format!("{what}; it is taken for the reason that was given"));
            scan.accepted = Some(reason.to_owned());
            true
        }
        (Verdict::Dangerous | Verdict::Unreadable, None) => {
            rim::tell(&format!(
                "{what}; nothing is written. If it has to be kept all the same, say why with `--allow-dangerous REASON`"
            ));
            false
        }
    }
}

/// A manifest of no file yet, with what is `said` of the model.
pub(super) fn manifest(said: &Said, name: &str, now: Timestamp) -> Result<Manifest> {
    let name = said.name.as_deref().unwrap_or(name);
    let mut manifest = Manifest::new(name, Timestamp::from_second(now.as_second())?);
    if let Some(expires) = &said.expires {
        manifest.expires = Some(policy::term(expires, now)?.1);
    }
    let licence = match &said.licence {
        Some(text) => match parse_licence(text) {
            Some(licence) => Some(licence.to_string()),
            None => {
                bail!(
                    "`{text}` is no SPDX expression; use identifiers of spdx.org/licenses, or LicenseRef-NAME"
                )
            }
        },
        None => None,
    };
    manifest.lineage = Lineage {
        datasets: said
            .datasets
            .iter()
            .map(|text| source(text))
            .collect::<Result<_>>()?,
        parents: said
            .parents
            .iter()
            .map(|text| source(text))
            .collect::<Result<_>>()?,
        licence,
    };
    Ok(manifest)
}

/// `NAME` or `NAME=SHA256`.
fn source(text: &str) -> Result<Source> {
    let Some((name, hash)) = text.rsplit_once('=') else {
        return Ok(Source {
            name: text.to_owned(),
            sha256: None,
        });
    };
    let hash = hash.strip_prefix("sha256:").unwrap_or(hash).to_ascii_lowercase();
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!("`{text}`: what follows the last `=` is no SHA-256, 64 hexadecimal digits");
    }
    Ok(Source {
        name: name.to_owned(),
        sha256: Some(hash),
    })
}

/// `path` with `end` behind its name.
pub(super) fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// The last part of a path, for people.
pub(super) fn name_of(path: &Path) -> Result<String> {
    let whole = fs::canonicalize(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let name = whole.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned)
        .with_context(|| format!("`{}` has a name that is no text", path.display()))
}
