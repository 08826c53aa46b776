//! What a text may be harmful by.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// How sure a classifier is, 0.0 ..= 1.0, of each category that it knows.
pub type HarmScores = BTreeMap<HarmCategory, f32>;

impl HarmCategory {
    /// All of them, in the order of the weights.
    pub const ALL: [Self; 5] = [
        Self::Hate,
        Self::Sexual,
        Self::Violence,
        Self::SelfHarm,
        Self::WeaponsAndCrime,
    ];

    /// The name, as in reports, files and policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hate => "hate",
            Self::Sexual => "sexual",
            Self::Violence => "violence",
            Self::SelfHarm => "self_harm",
            Self::WeaponsAndCrime => "weapons_and_crime",
        }
    }

    /// The category of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.name() == name)
    }
}
