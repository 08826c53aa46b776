//! Regular expressions over replies, line by line.

use std::sync::Arc;

use privet_types::{Budget, Span};
use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lines::Lines;
use crate::controls::{Action, Control, Error, Filter, Hit, Passed};

/// Patterns of a list, and bytes that each may take compiled.
const MOST_PATTERNS: usize = 256;
const MOST_SIZE: usize = 1 << 20;
/// What stands where something was.
const REMOVED: &str = "(removed)";

/// A pattern that is not to be said (`[[guardrails.replies.patterns]]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PatternBan {
    /// A regular expression without look-around and back-references. It is held against single lines, of 2 KiB at most.
    pub regex: String,
    /// Whether capital and small letters are the same.
    #[serde(default)]
    pub ignore_case: bool,
    /// What becomes of what it finds.
    #[serde(default = "redact")]
    pub action: Action,
}

const fn redact() -> Action {
    Action::Redact
}

/// Patterns, ready to be looked for. Cheap to share.
#[derive(Debug, Clone)]
pub struct Patterns(Arc<Vec<(Regex, Action)>>);

impl Patterns {
    /// # Errors
    /// [`Error::Config`] with the place of a pattern that cannot be read, or finds nothing at all in every text.
    pub fn new(bans: &[PatternBan]) -> Result<Self, Error> {
        let mut patterns = Vec::new();
        for (index, ban) in bans.iter().enumerate() {
            let bad = |problem: &str| {
                Error::config(Control::Bans, format!("patterns {} regex", index + 1), problem)
            };
            if index >= MOST_PATTERNS {
                return Err(bad("is one too many: use at most 256"));
            }
            let built = RegexBuilder::new(&ban.regex)
                .case_insensitive(ban.ignore_case)
                .size_limit(MOST_SIZE)
                .build();
            let regex = built.map_err(|_| {
                bad("is no regular expression without look-around and back-references, or takes more than 1 MiB")
            })?;
            if regex.is_match("") {
                return Err(bad("finds what is empty: say what has to be there"));
            }
            patterns.push((regex, ban.action));
        }
        Ok(Self(Arc::new(patterns)))
    }

    /// A filter for one reply. It holds back a line.
    #[must_use]
    pub fn filter(&self) -> PatternFilter {
        PatternFilter {
            patterns: self.clone(),
            lines: Lines::default(),
            at: 0,
            is_stopped: false,
        }
    }
}

/// Looks for [`Patterns`] in a reply.
#[derive(Debug)]
pub struct PatternFilter {
    patterns: Patterns,
    lines: Lines,
    at: usize,
    is_stopped: bool,
}

impl PatternFilter {
    fn line(&mut self, line: &str, passed: &mut Passed) {
        let mut found: Vec<(Span, Action)> = Vec::new();
        for (regex, action) in self.patterns.0.iter() {
            found.extend(
                regex
                    .find_iter(line)
                    .map(|m| (Span::new(m.start(), m.end()), *action)),
            );
        }
        found.sort_by_key(|(span, action)| (span.start, span.end, *action));
        let mut done = 0;
        for (span, action) in found {
            let whole = Span::new(self.at + span.start, self.at + span.end);
            passed.hit(Hit::new(Control::Bans, "bans/pattern", whole, action));
            if action >= Action::Redact {
                passed
                    .text
                    .push_str(line.get(done..span.start).unwrap_or_default());
                if action == Action::Redact && span.end > done {
                    passed.text.push_str(REMOVED);
                }
                done = done.max(span.end);
            }
            if action.stops() {
                self.is_stopped = true;
                return;
            }
        }
        passed.text.push_str(line.get(done..).unwrap_or_default());
        self.at += line.len();
    }

    fn run(&mut self, is_end: bool, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        while !self.is_stopped
            && let Some(line) = self.lines.next(is_end)
        {
            budget.charge((line.len() * self.patterns.0.len()) as u64)?;
            self.line(&line, passed);
        }
        Ok(())
    }
}

impl Filter for PatternFilter {
    fn push(&mut self, piece: &str, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        self.lines.push(piece);
        self.run(false, passed, budget)
    }

    fn finish(&mut self, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        self.run(true, passed, budget)
    }
}
