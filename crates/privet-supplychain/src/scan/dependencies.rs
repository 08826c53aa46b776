//! Manifests: dependencies with known holes, without a pin, and under licences that are not allowed.

use std::collections::BTreeSet;

use privet_types::Budget;

use super::{FileName, FileScan, ImportSpot, Scanner, Spot};
use crate::dependencies::{self, Basis, Dependency, Hit, Judgement, ManifestKind, Scope};
use crate::report::{AffectedBy, Component, Hash, HashAlgorithm};
use crate::{Category, Finding, Severity};

/// The name of metadata of installed Python packages.
const INSTALLED: &str = ".dist-info/METADATA";

impl Scanner {
    pub(super) fn manifest(
        &self,
        name: FileName<'_>,
        bytes: &[u8],
        include: &mut dyn FnMut(&str) -> Option<String>,
        scan: &mut FileScan,
        budget: &Budget,
    ) {
        if !self.wants(Category::Dependency) && !self.wants(Category::Licence) {
            return;
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        if name.path.ends_with(INSTALLED) {
            if let Ok(installed) = dependencies::read_installed(text, budget) {
                let licence = installed.licence.as_deref().unwrap_or_default();
                scan.findings
                    .extend(self.licence(name, &installed.name, licence, (1, 0..0)));
            }
            return;
        }
        let Some(kind) = dependencies::recognise(name.path) else {
            return;
        };
        let manifest = match dependencies::read(kind, name.path, text, include, budget) {
            Ok(manifest) => manifest,
            Err(error) => {
                scan.gaps.push(format!("cannot be read as a manifest: {error}"));
                return;
            }
        };
        scan.reads_others |= !manifest.included.is_empty();
        for problem in &manifest.problems {
            scan.gaps
                .push(format!("line {}: {}", problem.line, problem.message));
        }
        for dependency in &manifest.dependencies {
            // Those of an included file are told where they stand, if that file is scanned.
            if dependency.file.is_none() {
                let span = dependency.span.start as u64..dependency.span.end as u64;
                self.dependency(name, wants_pins(kind), dependency, (dependency.line, span), scan);
            }
        }
        if matches!(kind, ManifestKind::PackageJson) && name.path.contains("node_modules/") {
            let own = manifest.name.as_deref().unwrap_or(name.path);
            let licence = manifest.licence.as_deref().unwrap_or_default();
            scan.findings.extend(self.licence(name, own, licence, (1, 0..0)));
        }
    }

    /// One dependency, at a place in the file.
    pub(super) fn dependency(
        &self,
        name: FileName<'_>,
        wants_pin: bool,
        dependency: &Dependency,
        place: (u32, std::ops::Range<u64>),
        scan: &mut FileScan,
    ) {
        let hits = self.hits(dependency);
        let place_line = place.0;
        if self.wants(Category::Dependency) {
            for hit in &hits {
                let severity = match hit.basis {
                    Basis::Version => hit.severity,
                    // Which one is installed is not known.
                    _ => Severity::Low,
                };
                let value = format!("{} {}", dependency.name, hit.version);
                scan.findings.push(self.at(
                    name,
                    (Category::Dependency, hit.rule(), severity),
                    place.clone(),
                    (value.as_bytes(), hit.message(&dependency.name)),
                ));
            }
            if wants_pin && dependency.pinned.is_unpinned() && dependency.scope != Scope::Constraint {
                scan.findings.push(self.unpinned(name, dependency, place.clone()));
            }
        }
        if let Some(licence) = &dependency.licence {
            scan.findings
                .extend(self.licence(name, &dependency.name, licence, place));
        }
        scan.components
            .push(component(name, dependency, place_line, &hits));
    }

    fn hits(&self, dependency: &Dependency) -> Vec<Hit> {
        let index = self.parts.advisories.as_ref();
        index.map_or_else(Vec::new, |index| index.affecting(dependency))
    }

    fn unpinned(
        &self,
        name: FileName<'_>,
        dependency: &Dependency,
        place: (u32, std::ops::Range<u64>),
    ) -> Finding {
        self.at(
            name,
            (Category::Dependency, "dependency-unpinned", Severity::Low),
            place,
            (
                dependency.name.as_bytes(),
                format!(
                    "`{}` is not pinned: another install can bring other code; name one version (`==`), or use a lock file",
                    dependency.name
                ),
            ),
        )
    }

    fn licence(
        &self,
        name: FileName<'_>,
        package: &str,
        licence: &str,
        place: (u32, std::ops::Range<u64>),
    ) -> Option<Finding> {
        if !self.wants(Category::Licence) {
            return None;
        }
        let policy = &self.parts.licences;
        let judged = policy.judge(package, licence);
        let rule = judged.rule()?;
        // Without a list there is nothing that an unknown licence could break.
        let has_lists = !policy.allow.is_empty() || !policy.deny.is_empty();
        let (severity, message) = match judged {
            Judgement::Denied { licence } => (
                Severity::High,
                format!(
                    "`{package}` is under {licence}, which the policy denies; use another package, or write an exception with its reason"
                ),
            ),
            Judgement::NotAllowed { licence } => (
                Severity::Medium,
                format!(
                    "`{package}` is under {licence}, which is not on the list of allowed licences; have it looked at"
                ),
            ),
            _ if !has_lists => return None,
            _ => (
                Severity::Low,
                format!(
                    "the licence of `{package}` cannot be told; look it up, and write an exception with its reason"
                ),
            ),
        };
        Some(self.at(
            name,
            (Category::Licence, rule, severity),
            place,
            (package.as_bytes(), message),
        ))
    }

    fn at(
        &self,
        name: FileName<'_>,
        (category, rule, severity): (Category, &str, Severity),
        (line, span): (u32, std::ops::Range<u64>),
        (value, message): (&[u8], String),
    ) -> Finding {
        self.finding(Spot {
            path: name.shown,
            category,
            rule,
            severity,
            verdict: None,
            line,
            span,
            value,
            message,
            place: None,
            snippet: None,
        })
    }

    /// Imports of a notebook whose packages no manifest of the tree and no install in a notebook pins: one finding for each package.
    /// `pinned` holds normalised names; `is_local` says which modules are the tree's own.
    #[must_use]
    pub fn imports(
        &self,
        name: FileName<'_>,
        imports: &[ImportSpot],
        pinned: &BTreeSet<String>,
        is_local: &dyn Fn(&str) -> bool,
    ) -> Vec<Finding> {
        let mut told = BTreeSet::new();
        let is_due = |import: &&ImportSpot| {
            let top = import.module.split('.').next().unwrap_or(&import.module);
            !pinned.contains(&import.distribution)
                && !is_local(top)
                && told.insert(import.distribution.clone())
        };
        let unpinned: Vec<&ImportSpot> = imports.iter().filter(is_due).collect();
        unpinned
            .into_iter()
            .map(|import| {
                let message = format!(
                    "`{}` is imported and nothing pins `{}`: another machine can get other code; name its version",
                    import.module, import.distribution
                );
                self.at(
                    name,
                    (Category::Dependency, "import-unpinned", Severity::Low),
                    (import.line, import.start..import.end),
                    (import.distribution.as_bytes(), message),
                )
            })
            .collect()
    }
}

/// Whether what it names is installed as it stands: a library's own bounds are meant to be wide.
const fn wants_pins(kind: ManifestKind) -> bool {
    matches!(
        kind,
        ManifestKind::Requirements | ManifestKind::CondaEnvironment | ManifestKind::Pipfile
    )
}

fn component(name: FileName<'_>, dependency: &Dependency, line: u32, hits: &[Hit]) -> Component {
    let algorithm = |name: &str| {
        Some(match name {
            "MD5" => HashAlgorithm::Md5,
            "SHA-1" => HashAlgorithm::Sha1,
            "SHA-256" => HashAlgorithm::Sha256,
            "SHA-384" => HashAlgorithm::Sha384,
            "SHA-512" => HashAlgorithm::Sha512,
            _ => return None,
        })
    };
    Component {
        name: dependency.name.clone(),
        version: dependency.version.clone(),
        ecosystem: dependency.ecosystem.name().to_owned(),
        purl: Some(dependency.purl()),
        licence: dependency.licence.as_deref().map(|written| {
            let known = dependencies::normalise_licence(written);
            known.unwrap_or_else(|| written.to_owned())
        }),
        hashes: dependency
            .hashes
            .iter()
            .filter_map(|hash| {
                Some(Hash {
                    algorithm: algorithm(hash.algorithm)?,
                    digits: hash.hex.clone(),
                })
            })
            .collect(),
        path: name.shown.to_owned(),
        line,
        advisories: hits
            .iter()
            .filter(|hit| hit.basis == Basis::Version)
            .map(|hit| AffectedBy {
                id: hit.rule().to_owned(),
                aliases: hit.ids.iter().skip(1).cloned().collect(),
                severity: hit.severity,
                score: hit.score,
                vector: None,
                summary: hit.summary.clone(),
                fixed: hit.fixed.iter().cloned().collect(),
            })
            .collect(),
    }
}
