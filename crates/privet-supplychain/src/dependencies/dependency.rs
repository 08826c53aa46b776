//! One dependency, and a manifest of them.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::bounds::Bounds;
use super::names;

/// Where packages come from. Names and version orders differ between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Ecosystem {
    /// Python Package Index.
    PyPi,
    /// Rust's registry.
    CratesIo,
    /// JavaScript's registry.
    Npm,
    /// Conda channels.
    Conda,
    /// Go modules.
    Go,
}

impl Ecosystem {
    /// The name in the OSV schema; Conda has none there and goes by its own.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PyPi => "PyPI",
            Self::CratesIo => "crates.io",
            Self::Npm => "npm",
            Self::Conda => "conda",
            Self::Go => "Go",
        }
    }

    /// The one with this OSV name; a suffix such as `:https://…` (another registry of the same kind) is left out.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.split_once(':').map_or(name, |(name, _)| name);
        [Self::PyPi, Self::CratesIo, Self::Npm, Self::Conda, Self::Go]
            .into_iter()
            .find(|one| one.name() == name)
    }

    pub(super) const fn code(self) -> u8 {
        match self {
            Self::PyPi => 0,
            Self::CratesIo => 1,
            Self::Npm => 2,
            Self::Conda => 3,
            Self::Go => 4,
        }
    }
}

/// How far a dependency's version is fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Pinned {
    /// The requirement allows one version.
    Exact,
    /// A lock file resolved it to one version.
    Locked,
    /// The requirement bounds the version.
    Range,
    /// Any version.
    Open,
    /// It comes from a path, a URL or a version control system.
    Source,
}

impl Pinned {
    /// Whether another install may give other code.
    #[must_use]
    pub const fn is_unpinned(self) -> bool {
        matches!(self, Self::Range | Self::Open)
    }
}

/// What a dependency is needed for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Scope {
    /// To run.
    #[default]
    Run,
    /// For an extra or optional feature.
    Optional,
    /// To develop or test.
    Development,
    /// To build.
    Build,
    /// Not asked for; bounds the version if something else asks for it.
    Constraint,
}

/// A digest of what is installed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hash {
    /// `SHA-256`, `SHA-512`, …, as CycloneDX names them.
    pub algorithm: &'static str,
    /// Lower-case hexadecimal.
    pub hex: String,
}

/// Algorithms by the names manifests give them, with the CycloneDX name and the digest's length in bytes.
const ALGORITHMS: [(&str, &str, usize); 5] = [
    ("sha256", "SHA-256", 32),
    ("sha384", "SHA-384", 48),
    ("sha512", "SHA-512", 64),
    ("sha1", "SHA-1", 20),
    ("md5", "MD5", 16),
];

impl Hash {
    /// Reads `sha256:HEX`, as pip and the Python lock files write it.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let (name, hex) = text.trim().split_once(':')?;
        Self::new(name, hex)
    }

    /// From an algorithm's name and hexadecimal digits.
    #[must_use]
    pub fn new(name: &str, hex: &str) -> Option<Self> {
        let (_, algorithm, length) = ALGORITHMS.iter().find(|(short, ..)| *short == name)?;
        let is_whole = hex.len() == length * 2 && hex.bytes().all(|b| b.is_ascii_hexdigit());
        is_whole.then(|| Self {
            algorithm,
            hex: hex.to_ascii_lowercase(),
        })
    }

    /// Reads Subresource Integrity (`sha512-BASE64 …`, W3C), as the npm lock files write it.
    #[must_use]
    pub fn from_integrity(text: &str) -> Vec<Self> {
        text.split_ascii_whitespace()
            .take(8)
            .filter_map(|one| {
                let (name, digest) = one.split_once('-')?;
                let digest = digest.split_once('?').map_or(digest, |(digest, _)| digest);
                let bytes = data_encoding::BASE64.decode(digest.as_bytes()).ok()?;
                Self::new(name, &data_encoding::HEXLOWER.encode(&bytes))
            })
            .collect()
    }
}

/// One dependency where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Whose names and versions these are.
    pub ecosystem: Ecosystem,
    /// Normalised: PEP 503 for PyPI, as registered elsewhere.
    pub name: String,
    /// The exact pin, or what the lock file resolved.
    pub version: Option<String>,
    /// What is asked for, as written, without credentials.
    pub requirement: Option<String>,
    /// Lowest version that the requirement allows, where it says one.
    pub lowest: Option<String>,
    /// How far the version is fixed.
    pub pinned: Pinned,
    /// What it is needed for.
    pub scope: Scope,
    /// Under which condition (PEP 508 marker, Cargo target), as written.
    pub condition: Option<String>,
    /// Where it comes from, if not from the registry: URL without credentials, or path.
    pub origin: Option<String>,
    /// The file it stands in, if that was included by the one read.
    pub file: Option<String>,
    /// From 1.
    pub line: u32,
    /// Bytes in the file.
    pub span: Range<usize>,
    /// As the manifest writes it, not normalised.
    pub licence: Option<String>,
    /// Digests of its archives, sorted.
    pub hashes: Vec<Hash>,
}

impl Dependency {
    /// One whose name is all that is known; the caller fills in the rest. `None` if `name` cannot be a name.
    pub(super) fn named(ecosystem: Ecosystem, name: &str, line: u32, span: Range<usize>) -> Option<Self> {
        let name = names::normalise(ecosystem, name);
        names::is_name(ecosystem, &name).then_some(Self {
            ecosystem,
            name,
            version: None,
            requirement: None,
            lowest: None,
            pinned: Pinned::Open,
            scope: Scope::Run,
            condition: None,
            origin: None,
            file: None,
            line,
            span,
            licence: None,
            hashes: Vec::new(),
        })
    }

    /// Takes what a requirement asks for.
    pub(super) fn ask(&mut self, requirement: &str, bounds: Bounds) {
        let requirement = requirement.trim();
        self.pinned = bounds.pinned();
        self.version = bounds.exact;
        self.lowest = bounds.lowest;
        self.requirement = (!requirement.is_empty()).then(|| requirement.to_owned());
    }

    /// Takes the version that a lock file resolved.
    pub(super) fn lock(&mut self, version: &str) {
        self.version = Some(version.to_owned());
        self.pinned = Pinned::Locked;
    }

    /// Takes a place other than the registry.
    pub(super) fn come_from(&mut self, origin: &str) {
        self.origin = Some(names::without_credentials(origin));
        self.pinned = Pinned::Source;
        self.version = None;
        self.lowest = None;
    }

    /// Whether the finding `dependency-unpinned` is due: something asks for it and leaves the version open. What only bounds it
    /// ([`Scope::Constraint`]) does not ask for it.
    #[must_use]
    pub fn is_unpinned(&self) -> bool {
        self.pinned.is_unpinned() && self.scope != Scope::Constraint
    }

    /// Its package URL (purl specification, ECMA-427): `pkg:pypi/jinja2@2.10`; without a version if that is not known.
    #[must_use]
    pub fn purl(&self) -> String {
        names::purl(self.ecosystem, &self.name, self.version.as_deref())
    }
}

/// Something in a manifest that could not be read, while the rest could.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The included file it stands in, if it is another than the one read.
    pub file: Option<String>,
    /// From 1.
    pub line: u32,
    /// What is wrong; never a value out of the file, but the name of an included file.
    pub message: String,
}

/// What a manifest says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The project's own name, where the manifest tells it.
    pub name: Option<String>,
    /// The project's own version.
    pub version: Option<String>,
    /// The project's own licence, as written.
    pub licence: Option<String>,
    /// In the order of the file.
    pub dependencies: Vec<Dependency>,
    /// Included files that were read, in order.
    pub included: Vec<String>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}
