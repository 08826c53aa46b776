//! Which manifests are known, and the one door through which they are read.

use privet_types::Budget;

use super::requirements::{self, Include};
use super::tree::{Lines, Node, from_toml, from_yaml};
use super::{
    Error, Manifest, Problem, cargo, conda, golang, installed, json, node, pnpm, pyproject, python_lock, yarn,
};

/// Longest manifest that is read, in bytes; the lock files of large JavaScript projects have some 5 MB.
const MAX_MANIFEST: usize = 64 * 1024 * 1024;
/// Most dependencies of one manifest.
pub(super) const MAX_DEPENDENCIES: usize = 200_000;

/// A kind of manifest or lock file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ManifestKind {
    /// `requirements*.txt`, `requirements*.in`.
    Requirements,
    /// `constraints*.txt`.
    Constraints,
    /// `pyproject.toml`: PEP 621, PEP 735, Poetry, PDM, uv.
    PyProject,
    /// `poetry.lock`.
    PoetryLock,
    /// `uv.lock`.
    UvLock,
    /// `pdm.lock`.
    PdmLock,
    /// `pylock.toml` (PEP 751).
    PyLock,
    /// `Pipfile`.
    Pipfile,
    /// `Pipfile.lock`.
    PipfileLock,
    /// `setup.cfg`.
    SetupCfg,
    /// `environment.yml` of conda.
    CondaEnvironment,
    /// `Cargo.toml`.
    CargoToml,
    /// `Cargo.lock`, versions 1 to 4.
    CargoLock,
    /// `package.json`.
    PackageJson,
    /// `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3.
    PackageLock,
    /// `pnpm-lock.yaml`, versions 5 to 9.
    PnpmLock,
    /// `yarn.lock`, version 1 and Berry.
    YarnLock,
    /// `go.mod`.
    GoMod,
    /// `go.sum`.
    GoSum,
    /// `METADATA` or `PKG-INFO` of an installed or packed Python distribution.
    PythonMetadata,
    /// `conda-meta/*.json` of an installed conda package.
    CondaMeta,
}

/// The kind of manifest that a file with this name is, if any. `path` can have folders, with `/`.
///
/// ```
/// use privet_supplychain::dependencies::{ManifestKind, recognise};
/// assert_eq!(recognise("requirements/dev.txt"), Some(ManifestKind::Requirements));
/// assert_eq!(recognise("notes.txt"), None);
/// ```
#[must_use]
pub fn recognise(path: &str) -> Option<ManifestKind> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = folder.rsplit('/').next().unwrap_or_default();
    let known = match name {
        "pyproject.toml" => ManifestKind::PyProject,
        "poetry.lock" => ManifestKind::PoetryLock,
        "uv.lock" => ManifestKind::UvLock,
        "pdm.lock" => ManifestKind::PdmLock,
        "Pipfile" => ManifestKind::Pipfile,
        "Pipfile.lock" => ManifestKind::PipfileLock,
        "setup.cfg" => ManifestKind::SetupCfg,
        "Cargo.toml" => ManifestKind::CargoToml,
        "Cargo.lock" => ManifestKind::CargoLock,
        "package.json" => ManifestKind::PackageJson,
        "package-lock.json" | "npm-shrinkwrap.json" | ".package-lock.json" => ManifestKind::PackageLock,
        "pnpm-lock.yaml" => ManifestKind::PnpmLock,
        "yarn.lock" => ManifestKind::YarnLock,
        "go.mod" => ManifestKind::GoMod,
        "go.sum" => ManifestKind::GoSum,
        "PKG-INFO" => ManifestKind::PythonMetadata,
        "METADATA" if folder.ends_with(".dist-info") => ManifestKind::PythonMetadata,
        _ => return by_pattern(folder, name),
    };
    Some(known)
}

fn by_pattern(folder: &str, name: &str) -> Option<ManifestKind> {
    let (stem, ending) = name.rsplit_once('.')?;
    let stem = stem.to_ascii_lowercase();
    match ending {
        "txt" | "in" | "pip" => {
            if stem.contains("constraint") {
                Some(ManifestKind::Constraints)
            } else if stem.contains("requirement") || folder == "requirements" {
                Some(ManifestKind::Requirements)
            } else {
                None
            }
        }
        "yml" | "yaml" => {
            let is_environment = stem.starts_with("environment")
                || stem.ends_with("environment")
                || stem.starts_with("conda-env")
                || stem.starts_with("conda_env")
                || matches!(stem.as_str(), "conda" | "env");
            is_environment.then_some(ManifestKind::CondaEnvironment)
        }
        "toml" => (stem == "pylock" || stem.starts_with("pylock.")).then_some(ManifestKind::PyLock),
        "json" => (folder == "conda-meta").then_some(ManifestKind::CondaMeta),
        _ => None,
    }
}

/// Reads a manifest.
///
/// `path` is the file's own, from the root of the scan and with `/`; `include` gives the text of a file that a requirements file
/// includes, by its path from the same root, and `None` if there is none. It is never asked for a path outside of the root, nor for
/// one file twice.
///
/// # Errors
/// [`Error::Syntax`] if the text is not of the kind, [`Error::TooLarge`] above 64 MiB, [`Error::Budget`].
pub fn read(
    kind: ManifestKind,
    path: &str,
    text: &str,
    include: &mut dyn FnMut(&str) -> Option<String>,
    budget: &Budget,
) -> Result<Manifest, Error> {
    check_size(text)?;
    let include: &mut Include<'_> = include;
    let mut out = match kind {
        ManifestKind::Requirements => requirements::read(path, text, false, include, budget),
        ManifestKind::Constraints => requirements::read(path, text, true, include, budget),
        ManifestKind::SetupCfg => pyproject::setup_cfg(text, budget),
        ManifestKind::GoMod => golang::go_mod(text, budget),
        ManifestKind::GoSum => golang::go_sum(text, budget),
        ManifestKind::PythonMetadata => installed::python(text, budget),
        ManifestKind::YarnLock if !yarn::is_berry(text) => yarn::classic(text, budget),
        _ => tree(kind, text, budget),
    }?;
    if out.dependencies.len() > MAX_DEPENDENCIES {
        return Err(Error::syntax(0, "more dependencies than are read"));
    }
    for dependency in &mut out.dependencies {
        dependency.hashes.sort();
        dependency.hashes.dedup();
    }
    Ok(out)
}

fn tree(kind: ManifestKind, text: &str, budget: &Budget) -> Result<Manifest, Error> {
    let (tree, read): (Node, fn(&Node, &mut Draft)) = match kind {
        ManifestKind::PyProject => (from_toml(text, budget)?, pyproject::pyproject),
        ManifestKind::Pipfile => (from_toml(text, budget)?, pyproject::pipfile),
        ManifestKind::PoetryLock => (from_toml(text, budget)?, python_lock::poetry),
        ManifestKind::UvLock => (from_toml(text, budget)?, python_lock::uv),
        ManifestKind::PdmLock => (from_toml(text, budget)?, python_lock::pdm),
        ManifestKind::PyLock => (from_toml(text, budget)?, python_lock::pylock),
        ManifestKind::PipfileLock => (json::from_json(text, budget)?, python_lock::pipfile),
        ManifestKind::CondaEnvironment => (from_yaml(text, budget)?, conda::environment),
        ManifestKind::CondaMeta => (json::from_json(text, budget)?, conda::installed),
        ManifestKind::CargoToml => (from_toml(text, budget)?, cargo::manifest),
        ManifestKind::CargoLock => (from_toml(text, budget)?, cargo::lock),
        ManifestKind::PackageJson => (json::from_json(text, budget)?, node::package),
        ManifestKind::PackageLock => (json::from_json(text, budget)?, node::lock),
        ManifestKind::PnpmLock => (from_yaml(text, budget)?, pnpm::lock),
        ManifestKind::YarnLock => (from_yaml(text, budget)?, yarn::berry),
        _ => return Err(Error::syntax(0, "this kind of manifest is no tree")),
    };
    let mut draft = Draft::new(text);
    read(&tree, &mut draft);
    Ok(draft.out)
}

pub(super) fn check_size(text: &str) -> Result<(), Error> {
    if text.len() > MAX_MANIFEST {
        return Err(Error::TooLarge {
            bytes: text.len() as u64,
            limit: MAX_MANIFEST as u64,
        });
    }
    Ok(())
}

/// A manifest while it is read.
pub(super) struct Draft {
    lines: Lines,
    pub(super) out: Manifest,
}

impl Draft {
    pub(super) fn new(text: &str) -> Self {
        Self {
            lines: Lines::new(text),
            out: Manifest::default(),
        }
    }

    /// The line of a byte.
    pub(super) fn line(&self, offset: usize) -> u32 {
        self.lines.of(offset)
    }

    /// Notes what cannot be read at a byte.
    pub(super) fn problem(&mut self, offset: usize, message: impl Into<String>) {
        let line = self.line(offset);
        self.out.problems.push(Problem {
            file: None,
            line,
            message: message.into(),
        });
    }
}
