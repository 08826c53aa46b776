//! `[scan]` of `privet.toml`: what is looked for, where, and what fails a scan.

mod config;
mod key_ref;
mod parse;

pub use config::{
    AdvisorySettings, ArchiveSettings, FailOn, PiiSettings, ScanConfig, SecretSettings, scan_schema,
};
pub use key_ref::{BadKeyRef, KeyRef};
pub use parse::BadSetting;
