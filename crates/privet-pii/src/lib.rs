//! To be written.
mod config;
pub use config::{Config, EntityAction, Style, Terms};
