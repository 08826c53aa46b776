//! The log beside a check or measurement.

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use privet_log::Checkpoint;
use privet_policy::Settings;
use privet_store::{LogCheck, log_signer};

use crate::open_vault::OpenVault;
use crate::rim;

#[derive(Args)]
pub(crate) struct Against {
    /// A checkpoint of this log that was kept elsewhere; the log must continue it, else exit 1.
    #[arg(long, value_name = "CHECKPOINT")]
    against: Option<PathBuf>,
}

/// What became of the look at the log.
pub(super) enum Checked {
    /// It was checked.
    Done(LogCheck),
    /// It does not continue the checkpoint that was kept elsewhere.
    Contradicted(String),
}

impl Against {
    pub(super) const fn is_given(&self) -> bool {
        self.against.is_some()
    }

    /// Computes the log again, and holds it against the checkpoint if there is one.
    pub(super) async fn check(&self, open: &OpenVault, settings: &Settings) -> Result<Checked> {
        let signer = log_signer(&open.keyring().installation_root(), rim::log_key(settings)?)?;
        let key = signer.key();
        let store = open.store();
        if let Some(path) = &self.against {
            let shown = path.display();
            let note = std::fs::read(path).with_context(|| format!("cannot read `{shown}`"))?;
            let kept = match Checkpoint::open(&note, key) {
                Ok((kept, _)) => kept,
                Err(why) => {
                    return Ok(Checked::Contradicted(format!(
                        "`{shown}` is no checkpoint of this log: {why}"
                    )));
                }
            };
            let edge = store.log_edge(kept.size).await;
            if !edge.is_ok_and(|edge| edge.root() == kept.root) {
                return Ok(Checked::Contradicted(format!(
                    "the first {} leaves of the log are not those of `{shown}`: one of the two was changed, or the store \
                     was set back",
                    kept.size
                )));
            }
        }
        let bar = bar();
        let checked = store
            .check_log(key, u64::MAX, &mut |done, all| {
                bar.set_length(all);
                bar.set_position(done);
            })
            .await;
        bar.finish_and_clear();
        Ok(Checked::Done(checked?))
    }
}

fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} leaves, {per_sec}, {eta} left") {
        bar.set_style(style);
    }
    bar
}
