//! A progress bar over leaves, on standard error where that is a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `leaves`; nothing is shown if nobody watches.
pub(super) fn bar(leaves: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(leaves);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} leaves, {per_sec}, {eta} left") {
        bar.set_style(style);
    }
    bar
}
