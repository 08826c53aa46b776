//! Harmful content by category: what becomes of a text, given how sure a classifier is of each category, and replies that are looked at
//! as they come.

use std::collections::BTreeMap;
use std::sync::Arc;

use privet_pii::{Window, Windows};
use privet_types::{Budget, BudgetError, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::controls::{Action, Control, Error, Filter, Hit, Passed};
use crate::error::Error as TextError;
use crate::harm::{HarmCategory, HarmClassifier, HarmScores};

/// Bytes that are judged together, and bytes seen beside them on either side.
const CORE: usize = 512;
const OVERLAP: usize = 384;
/// What stands where something was.
const REMOVED: &str = "(removed)";

const fn rule_of(category: HarmCategory) -> &'static str {
    match category {
        HarmCategory::Hate => "harm/hate",
        HarmCategory::Sexual => "harm/sexual",
        HarmCategory::Violence => "harm/violence",
        HarmCategory::SelfHarm => "harm/self_harm",
        HarmCategory::WeaponsAndCrime => "harm/weapons_and_crime",
    }
}

/// Harmful content (`[guardrails.replies.harm.CATEGORY]`): what is not named is allowed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HarmConfig {
    /// By category: from which score on what happens.
    pub categories: BTreeMap<HarmCategory, HarmRule>,
}

/// What becomes of a category.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HarmRule {
    /// From which score on, above 0.0 and up to 1.0.
    pub threshold: f32,
    /// What happens.
    pub action: Action,
}

impl HarmConfig {
    /// The same for all categories: from the classifier's own limits on.
    #[must_use]
    pub fn uniform(classifier: &HarmClassifier, action: Action) -> Self {
        let rule = |(category, threshold): (&HarmCategory, &f32)| {
            let rule = HarmRule {
                threshold: *threshold,
                action,
            };
            (*category, rule)
        };
        Self {
            categories: classifier.limits().iter().map(rule).collect(),
        }
    }

    /// # Errors
    /// [`Error::Config`] if a threshold is no chance.
    pub fn check(&self) -> Result<(), Error> {
        let is_bad = |rule: &&HarmRule| !(rule.threshold > 0.0 && rule.threshold <= 1.0);
        match self.categories.values().find(is_bad) {
            Some(_) => Err(Error::config(
                Control::Harm,
                "threshold",
                "use a number above 0.0, up to 1.0",
            )),
            None => Ok(()),
        }
    }

    /// What becomes of a text of `length` bytes with these scores. A score that is no number counts as the highest, and so does the
    /// score of a category that the policy names and the classifier does not know.
    #[must_use]
    pub fn judge(&self, scores: &HarmScores, length: usize) -> Vec<Hit> {
        let reaches = |(category, rule): (&HarmCategory, &HarmRule)| {
            let score = scores
                .get(category)
                .copied()
                .filter(|score| !score.is_nan())
                .unwrap_or(1.0);
            let is_hit = score >= rule.threshold && rule.action != Action::Allow;
            is_hit.then(|| {
                Hit::new(
                    Control::Harm,
                    rule_of(*category),
                    Span::new(0, length),
                    rule.action,
                )
            })
        };
        self.categories.iter().filter_map(reaches).collect()
    }
}

/// Looks at a reply for harmful content as it comes. Holds back 1 KiB at most; bytes of the reply are judged 512 at a time, by what
/// stands beside them as well. `redact` takes out all that was judged together.
pub struct HarmFilter {
    classifier: Arc<HarmClassifier>,
    config: HarmConfig,
    windows: Windows,
    /// Whether what came last was taken out.
    is_open: bool,
    is_stopped: bool,
}

impl HarmFilter {
    /// A filter for one reply.
    ///
    /// # Errors
    /// As [`HarmConfig::check`].
    pub fn new(config: &HarmConfig, classifier: Arc<HarmClassifier>) -> Result<Self, Error> {
        config.check()?;
        Ok(Self {
            classifier,
            config: config.clone(),
            windows: Windows::with_sizes(CORE, OVERLAP),
            is_open: false,
            is_stopped: false,
        })
    }

    fn ready(&mut self, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        while !self.is_stopped
            && let Some(window) = self.windows.next_window()?
        {
            self.window(&window, passed, budget)?;
        }
        Ok(())
    }

    fn window(&mut self, window: &Window, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        let core = window.core_start..window.core_end;
        let scores = self
            .classifier
            .scores_within(&window.text, core.clone(), budget)
            .map_err(|error| match error {
                TextError::Budget(error) => Error::Budget(error),
                // A window is short and text; should it ever not be looked at, nothing of it may go on.
                _ => Error::Budget(BudgetError::Spent),
            })?;
        let before = usize::try_from(window.before).unwrap_or(usize::MAX);
        let span = Span::new(before.saturating_add(core.start), before.saturating_add(core.end));
        let hits = self.config.judge(&scores, core.len());
        let gravest = hits.iter().map(|hit| hit.action).max().unwrap_or_default();
        hits.into_iter().for_each(|hit| passed.hit(Hit { span, ..hit }));
        self.is_stopped = gravest.stops();
        match gravest {
            Action::Allow | Action::Flag => passed.text.push_str(window.text.get(core).unwrap_or_default()),
            Action::Redact if !self.is_open => passed.text.push_str(REMOVED),
            Action::Redact | Action::Route | Action::Hold | Action::Block => {}
        }
        self.is_open = gravest == Action::Redact;
        Ok(())
    }
}

impl Filter for HarmFilter {
    fn push(&mut self, piece: &str, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        let mut rest = piece.as_bytes();
        while !self.is_stopped && !rest.is_empty() {
            let Some((now, later)) = rest.split_at_checked(self.windows.wanted().clamp(1, rest.len())) else {
                break;
            };
            self.windows.push(now);
            rest = later;
            self.ready(passed, budget)?;
        }
        Ok(())
    }

    fn finish(&mut self, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        if self.is_stopped {
            return Ok(());
        }
        self.windows.end();
        self.ready(passed, budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_that_reaches_its_threshold_is_acted_on_and_a_missing_one_too() {
        let rule = |threshold, action| HarmRule { threshold, action };
        let config = HarmConfig {
            categories: BTreeMap::from([
                (HarmCategory::Hate, rule(0.8, Action::Block)),
                (HarmCategory::Violence, rule(0.8, Action::Flag)),
                (HarmCategory::Sexual, rule(0.5, Action::Hold)),
            ]),
        };
        let scores = HarmScores::from([
            (HarmCategory::Hate, 0.8),
            (HarmCategory::Violence, 0.79),
            (HarmCategory::SelfHarm, 1.0),
        ]);
        let rules: Vec<_> = config
            .judge(&scores, 7)
            .iter()
            .map(|hit| (hit.rule.0, hit.action))
            .collect();
        assert_eq!(
            rules,
            [("harm/hate", Action::Block), ("harm/sexual", Action::Hold)]
        );
        assert!(config.check().is_ok());
        let bad = HarmConfig {
            categories: BTreeMap::from([(HarmCategory::Hate, rule(f32::NAN, Action::Block))]),
        };
        assert!(bad.check().is_err());
    }
}
