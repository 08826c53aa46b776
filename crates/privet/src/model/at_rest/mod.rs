//! Model files at rest: manifests that are signed, and files that are sealed.

mod keys;
mod look;
mod open;
mod seal;
mod sign;
mod verify;
mod whole;

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use super::command::Owner;
use crate::rim;
pub(super) use open::run as open;
pub(super) use seal::run as seal;
pub(super) use sign::run as sign;
pub(super) use verify::run as verify;

/// Something was found or is not right.
const FOUND: u8 = 1;
/// Something could not be looked at.
const INCOMPLETE: u8 = 3;

/// Prints the public half of the key that signs a tenant's manifests.
///
/// # Errors
/// If the keyring cannot be opened.
pub(super) fn key(owner: &Owner) -> Result<ExitCode> {
    rim::say(keys::of(owner, keys::Missing::Made)?.signing.verifying_key())?;
    Ok(ExitCode::SUCCESS)
}

/// A bar over bytes, on standard error where that is a terminal.
fn bar(bytes: u64, what: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(bytes);
    let template =
        "{msg} {bar:30} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar
}
