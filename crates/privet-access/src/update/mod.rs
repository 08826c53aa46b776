//! Signed updates: policies, rules and lists that come in one file, with a manifest that several people may have to sign.
//!
//! A pure reader and writer: it reads no file and knows no clock. Where updates lie on a machine, which one is in force and which
//! may follow it is the rim's.

mod bundle;
mod error;
mod head;
mod manifest;

pub use bundle::UpdateBundle;
pub use error::UpdateError;
pub use head::UpdateHead;
pub use manifest::{Manifest, ManifestFile, UpdateName};
