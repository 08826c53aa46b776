//! What a repository or notebook depends on, which of it has known holes, and under which licences it comes.
//!
//! [`recognise`] tells a manifest by its name, [`read`] reads its dependencies with line and span, [`from_code_cell`] does so for
//! code, [`Index::affecting`] names the advisories (OSV) that a dependency is affected by, and [`LicencePolicy::judge`] holds a
//! licence against what an organisation allows. Everything is text in, values out: no file is opened and nothing is fetched.
//!
//! ```
//! use privet_supplychain::dependencies::{self, ManifestKind, Pinned};
//! use privet_types::Budget;
//!
//! let kind = dependencies::recognise("requirements.txt").ok_or("unknown")?;
//! let manifest = dependencies::read(
//!     kind,
//!     "requirements.txt",
//!     "Jinja2==2.10  # old\nrequests>=2.0\n",
//!     &mut |_| None,
//!     &Budget::unlimited(),
//! )?;
//! let jinja = &manifest.dependencies[0];
//! assert_eq!(jinja.purl(), "pkg:pypi/jinja2@2.10");
//! assert_eq!(manifest.dependencies[1].pinned, Pinned::Range);
//! # assert_eq!(kind, ManifestKind::Requirements);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is decided here
//! - A version is looked up only if it is known: an exact pin, or what a lock file resolved. A requirement that leaves the version
//!   open is never called vulnerable by guess; it is [`Pinned::Range`] or [`Pinned::Open`], for the finding `dependency-unpinned`.
//!   If the *lowest* version it allows is affected, [`Index::affecting`] says so with [`Basis::LowestAllowed`]: someone who
//!   installs it with old constraints gets that hole, and raising the bound mends it.
//! - A local version (`2.1.0+cu118`) is a rebuild of the public one and is looked up as that one, since advisories name public
//!   versions only.
//! - What comes from a path, a URL or a version control system is [`Pinned::Source`] and is not looked up: advisories are about
//!   what registries give out.
//! - A conda package is looked up as the PyPI project of its name (a table holds those that are named differently), because OSV
//!   has no conda ecosystem and the holes of both are the same code's.

mod advisory;
mod archive;
mod bounds;
mod cargo;
mod code;
mod conda;
mod cvss;
mod cvss4;
mod dependency;
mod error;
mod golang;
mod imports;
mod index;
mod index_format;
mod installed;
mod json;
mod kind;
mod licence;
mod names;
mod node;
mod pep508;
mod pnpm;
mod policy;
mod pyproject;
mod python_lock;
mod ranges;
mod requirements;
mod tree;
mod version;
mod yarn;

pub use advisory::{Advisory, Affected, Event, VersionRange, read_osv};
pub use archive::{read_json_lines, read_zip};
pub use code::{CodeCell, Import, from_code_cell, imports_without_pin};
pub use cvss::{base_score, severity_of_score};
pub use dependency::{Dependency, Ecosystem, Hash, Manifest, Pinned, Problem, Scope};
pub use error::Error;
pub use imports::{distributions_of, is_standard_library};
pub use index::{Basis, Hit, Index, Source};
pub use installed::{Installed, read_installed};
pub use kind::{ManifestKind, read, recognise};
pub use licence::{Licence, normalise as normalise_licence, parse as parse_licence};
pub use names::{normalise as normalise_name, purl};
pub use policy::{Judgement, LicenceException, LicencePolicy};
pub use version::Version;
