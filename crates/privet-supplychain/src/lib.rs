//! Scans repositories, notebooks, datasets, documents and model files before they are shared: secrets, personal data, injections,
//! unsafe models, known holes in dependencies, and licences.
//!
//! For people who are about to share files, and for the hooks that stand in their way. [`segments`] cuts files into texts with a map
//! back to their bytes, [`secrets`], [`artifacts`] and [`dependencies`] look for one kind of trouble each, [`scan`] leads one file
//! through all of them, [`walk`] lists files, [`fix`] mends notebooks, [`report`], [`baseline`] and [`cache`] keep what was found.
//!
//! ```
//! use std::sync::Arc;
//! use privet_supplychain::baseline::ScanKey;
//! use privet_supplychain::scan::{FileName, Parts, Scanner};
//! let scanner = Scanner::new(Parts::new(Arc::new(ScanKey::generate()?)))?;
//! let bytes = b"cos\nsystem\n(S'id'\ntR.";
//! let name = FileName { shown: "model.pkl", path: "model.pkl" };
//! let found = scanner.scan(name, bytes, &mut |_| None, &Scanner::budget(bytes.len() as u64))?;
//! assert!(!found.findings.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What it does not do: it runs nothing, loads nothing, fetches nothing, and tries no credential that it finds.

pub mod artifacts;
pub mod baseline;
pub mod cache;
pub mod dependencies;
mod finding;
pub mod fix;
pub mod report;
pub mod scan;
pub mod secrets;
pub mod segments;
pub mod settings;
pub mod walk;

pub use finding::{Category, Finding, Severity, Verdict};
