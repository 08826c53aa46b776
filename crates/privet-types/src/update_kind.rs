//! What a signed update may hold.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a signed update holds. Of each kind one version is in force at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UpdateKind {
    /// A policy document, with the Cedar policies that it names.
    Policy,
    /// Recognisers of one's own, private terms, and values that are never private.
    Rules,
    /// Lists: breached passwords, and terms as in rules.
    Feed,
}

/// A text that names no kind of update.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no kind of update `{name}`; use {}", UpdateKind::ALL.map(UpdateKind::name).join(", "))]
pub struct UnknownUpdateKind {
    /// What was given.
    pub name: String,
}

impl UpdateKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Policy, Self::Rules, Self::Feed];

    /// Its name, as manifests, settings and folders spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Rules => "rules",
            Self::Feed => "feed",
        }
    }

    /// The file that every update of this kind has, if there is one.
    #[must_use]
    pub const fn document(self) -> Option<&'static str> {
        match self {
            Self::Policy => Some("policy.toml"),
            Self::Rules => Some("rules.toml"),
            Self::Feed => None,
        }
    }
}

impl fmt::Display for UpdateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for UpdateKind {
    type Err = UnknownUpdateKind;

    fn from_str(text: &str) -> Result<Self, UnknownUpdateKind> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.name() == text)
            .ok_or_else(|| UnknownUpdateKind {
                name: text.to_owned(),
            })
    }
}
