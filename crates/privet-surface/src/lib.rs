//! To be written.
mod config;
pub use config::{PartKind, PartsConfig, RestoreConfig};
