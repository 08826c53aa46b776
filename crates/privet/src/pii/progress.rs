//! A progress bar on standard error, where that is a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use super::source::Source;

/// A bar over the bytes of `sources`; nothing is shown if nobody watches, or if standard output is what is watched.
pub(crate) fn bar(sources: &[Source]) -> ProgressBar {
    let is_watched = std::io::stderr().is_terminal() && !std::io::stdout().is_terminal();
    if !is_watched {
        return ProgressBar::hidden();
    }
    let total: Option<u64> = sources.iter().map(|s| s.bytes).sum();
    let bar = ProgressBar::new(total.unwrap_or(0));
    let template = if total.is_some() {
        "{bar:30} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left"
    } else {
        "{spinner} {binary_bytes}, {binary_bytes_per_sec}"
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
