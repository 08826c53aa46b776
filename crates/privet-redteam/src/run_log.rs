//! What is finished, line by line, so that a run can go on where it was cut.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::conversation::{Role, Verdict};
use crate::error::Error;
use crate::family::Family;
use crate::plan::{Plan, Side, Trial};

/// The version of the log's lines.
const VERSION: u32 = 1;

/// The first line: whose log it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The version of the lines.
    pub version: u32,
    /// The plan's seed.
    pub seed: u64,
    /// How many rounds.
    pub repeat: u32,
    /// The plan's fingerprint.
    pub plan: String,
    /// What was attacked, as the reports name it.
    pub target: String,
    /// The model that was asked for.
    pub model: String,
    /// Which sides.
    pub sides: Vec<Side>,
}

/// A line: a conversation that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finished {
    /// On which side.
    pub side: Side,
    /// Which probe.
    pub probe: String,
    /// Its family.
    pub family: Family,
    /// Which of its conversations.
    pub role: Role,
    /// In which round, from 0.
    pub round: u32,
    /// How it ended.
    pub verdict: Verdict,
    /// The oracle that was met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oracle: Option<String>,
    /// The code that a guard refused with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// How many requests it took.
    pub requests: u64,
}

/// What is finished of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunLog {
    finished: BTreeMap<Trial, Finished>,
    good_bytes: usize,
}

impl Header {
    /// The first line of the log of `plan` against `target`.
    #[must_use]
    pub fn new(plan: &Plan, target: &str, model: &str) -> Self {
        let options = plan.options();
        Self {
            version: VERSION,
            seed: options.seed,
            repeat: options.repeat,
            plan: plan.fingerprint(),
            target: target.to_owned(),
            model: model.to_owned(),
            sides: options.sides.clone(),
        }
    }

    /// The line, with its end.
    #[must_use]
    pub fn to_line(&self) -> String {
        line(self)
    }

    fn differs_from(&self, is: &Self) -> Option<Error> {
        let sides = |header: &Self| {
            header
                .sides
                .iter()
                .map(|side| side.name())
                .collect::<Vec<_>>()
                .join(" and ")
        };
        let pairs = [
            ("version", self.version.to_string(), is.version.to_string()),
            ("seed", self.seed.to_string(), is.seed.to_string()),
            ("number of rounds", self.repeat.to_string(), is.repeat.to_string()),
            ("target", self.target.clone(), is.target.clone()),
            ("model", self.model.clone(), is.model.clone()),
            ("side", sides(self), sides(is)),
            ("plan", self.plan.clone(), is.plan.clone()),
        ];
        pairs
            .into_iter()
            .find(|(_, was, is)| was != is)
            .map(|(what, was, is)| Error::OtherRun { what, was, is })
    }
}

impl Finished {
    /// The line, with its end.
    #[must_use]
    pub fn to_line(&self) -> String {
        line(self)
    }

    /// The trial that it is of.
    #[must_use]
    pub fn trial(&self) -> Trial {
        Trial {
            side: self.side,
            round: self.round,
            probe: self.probe.clone(),
            family: self.family,
            role: self.role,
        }
    }
}

impl RunLog {
    /// Reads the log `text` for the run that `header` names. A last line without its end was cut while it was written, and does
    /// not count.
    ///
    /// # Errors
    /// [`Error::OtherRun`] if it is of another run, [`Error::BadLog`] if another line than the last cannot be read.
    pub fn read(text: &str, header: &Header) -> Result<Self, Error> {
        let mut log = Self::default();
        let complete = text
            .rfind('\n')
            .and_then(|end| text.get(..=end))
            .unwrap_or_default();
        for (at, line) in complete.lines().enumerate() {
            let bad = |_| Error::BadLog { line: at + 1 };
            if at == 0 {
                let was: Header = serde_json::from_str(line).map_err(bad)?;
                if let Some(other) = was.differs_from(header) {
                    return Err(other);
                }
            } else {
                let finished: Finished = serde_json::from_str(line).map_err(bad)?;
                log.finished.insert(finished.trial(), finished);
            }
        }
        log.good_bytes = complete.len();
        Ok(log)
    }

    /// How many bytes of the text were whole lines: where writing goes on.
    #[must_use]
    pub const fn good_bytes(&self) -> usize {
        self.good_bytes
    }

    /// Whether `trial` is finished.
    #[must_use]
    pub fn has(&self, trial: &Trial) -> bool {
        self.finished.contains_key(trial)
    }

    /// Adds what was finished now.
    pub fn add(&mut self, finished: Finished) {
        self.finished.insert(finished.trial(), finished);
    }

    /// All that is finished, ordered by side, round and probe.
    pub fn finished(&self) -> impl Iterator<Item = &Finished> {
        self.finished.values()
    }

    /// How many requests it all took.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.finished.values().map(|finished| finished.requests).sum()
    }
}

fn line(value: &impl Serialize) -> String {
    // Structures of numbers and strings always serialise.
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    text
}
