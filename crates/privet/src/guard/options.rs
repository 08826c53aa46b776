//! What all commands ask for: where texts came from, and which limits count.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use privet_guardrails::{Calibration, DEFAULT_BUDGET, Detector, Origin, Provenance};

/// Where a text came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Channel {
    /// What a person wrote to the model.
    User,
    /// Documents, pages, mails.
    Document,
    /// What a tool returned.
    Tool,
    /// What was remembered of earlier conversations.
    Memory,
}

impl From<Channel> for Origin {
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::User => Self::User,
            Channel::Document => Self::Document,
            Channel::Tool => Self::Tool,
            Channel::Memory => Self::Memory,
        }
    }
}

/// How far who wrote a text is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Trust {
    /// The organisation itself: the odds of an attack are halved.
    Own,
    /// Nothing is known.
    Unknown,
    /// Strangers, such as the open web and incoming mail: the odds are doubled.
    Foreign,
}

impl From<Trust> for Provenance {
    fn from(trust: Trust) -> Self {
        match trust {
            Trust::Own => Self::Own,
            Trust::Unknown => Self::Unknown,
            Trust::Foreign => Self::Foreign,
        }
    }
}

/// Which limits count.
#[derive(Args)]
pub(crate) struct LimitArgs {
    /// Share of harmless texts that may be flagged: 0.001, 0.002, 0.005, 0.01 or 0.02, as measured when the weights were made.
    #[arg(long, value_name = "SHARE", default_value_t = DEFAULT_BUDGET)]
    budget: f32,
    /// Limits that `privet guard calibrate` has measured on texts of your own.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
    #[cfg(feature = "onnx")]
    #[command(flatten)]
    asked: super::model::AskedArgs,
}

impl LimitArgs {
    /// The detector with these limits.
    ///
    /// # Errors
    /// For a budget that is not known, and a calibration or a network that cannot be read.
    pub(crate) fn detector(&self) -> Result<Detector> {
        let detector = Detector::shipped()?.with_budget(self.budget)?;
        let detector = match &self.calibration {
            None => detector,
            Some(path) => detector.with_calibration(&calibration(path)?),
        };
        #[cfg(feature = "onnx")]
        let detector = self.asked.apply(detector)?;
        Ok(detector)
    }
}

fn calibration(path: &Path) -> Result<Calibration> {
    let text = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let read: Calibration = serde_json::from_slice(&text).with_context(|| {
        format!(
            "`{}` is no calibration; make one with `privet guard calibrate`",
            path.display()
        )
    })?;
    read.check().with_context(|| format!("`{}`", path.display()))
}
