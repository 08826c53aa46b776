//! Harmful content by category: what becomes of a text, given how sure a classifier is of each category. The classifier is not here: no
//! word list stands in for it.

use std::collections::BTreeMap;

use privet_types::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::controls::{Action, Control, Error, Hit};

/// What a text may be harmful by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HarmCategory {
    /// Contempt for people for what they are.
    Hate,
    /// Sexual content.
    Sexual,
    /// Violence that is shown or called for.
    Violence,
    /// Suicide, self-injury, eating disorders as something to do.
    SelfHarm,
    /// How to make or get weapons, or commit crimes.
    WeaponsAndCrime,
}

impl HarmCategory {
    const fn rule(self) -> &'static str {
        match self {
            Self::Hate => "harm/hate",
            Self::Sexual => "harm/sexual",
            Self::Violence => "harm/violence",
            Self::SelfHarm => "harm/self_harm",
            Self::WeaponsAndCrime => "harm/weapons_and_crime",
        }
    }
}

/// How sure a classifier is, 0.0 ..= 1.0, of each category that it knows.
pub type HarmScores = BTreeMap<HarmCategory, f32>;

/// Harmful content (`[guardrails.harm.CATEGORY]`): what is not named is allowed.
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
            is_hit.then(|| Hit::new(Control::Harm, category.rule(), Span::new(0, length), rule.action))
        };
        self.categories.iter().filter_map(reaches).collect()
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
