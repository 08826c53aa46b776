//! What the policy document can say about personal data in text.

use std::collections::BTreeMap;

use privet_types::Entity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `[pii]` table of the policy document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What a value is replaced by.
    pub style: Style,
    /// What is done with kinds that `entities` does not name and that point at one person, account or machine.
    pub default_action: EntityAction,
    /// What is done with kinds that `entities` does not name and that describe many or none: dates and times, ages,
    /// places, postcodes, organisations, nationalities, titles, web addresses, UUIDs.
    pub broad_action: EntityAction,
    /// Findings less sure than this, 0.0 ..= 1.0, are dropped. Forms that many things have (nine digits) score below
    /// 0.35 unless a word beside them says what they are.
    pub threshold: f32,
    /// What is done with a kind, by its name (`EMAIL_ADDRESS = "allow"`).
    #[schemars(with = "BTreeMap<String, EntityAction>")]
    pub entities: BTreeMap<Entity, EntityAction>,
    /// Terms that are private wherever they stand as whole words: names of people, projects, customers.
    pub terms: Vec<Terms>,
}

/// What stands in for a private value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// `<EMAIL_ADDRESS_7Q2MX9PLR4TWZ>`: readable, unmistakable.
    #[default]
    Tag,
    /// A made-up value of the same form, from ranges that belong to nobody; kinds without such a range get a tag.
    Realistic,
}

/// What is done with a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntityAction {
    /// Replaced by a surrogate.
    #[default]
    Mask,
    /// Left as it is.
    Allow,
    /// The whole request is refused.
    Block,
}

/// Terms of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The kind they are reported as; `TERM` if left out.
    #[serde(default = "term")]
    #[schemars(with = "String")]
    pub entity: Entity,
    /// The terms; compared without regard to case.
    pub values: Vec<String>,
}

fn term() -> Entity {
    Entity::TERM
}

impl Default for Config {
    fn default() -> Self {
        Self {
            style: Style::default(),
            default_action: EntityAction::Mask,
            broad_action: EntityAction::Allow,
            threshold: Self::THRESHOLD,
            entities: BTreeMap::new(),
            terms: Vec::new(),
        }
    }
}

impl Config {
    /// The threshold at which the evaluations in docs/benchmarks.md are made.
    pub const THRESHOLD: f32 = 0.35;

    /// A configuration that looks for every kind.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            broad_action: EntityAction::Mask,
            ..Self::default()
        }
    }

    /// A configuration that looks for `entities` only.
    #[must_use]
    pub fn only(entities: &[Entity]) -> Self {
        Self {
            default_action: EntityAction::Allow,
            entities: entities.iter().map(|e| (*e, EntityAction::Mask)).collect(),
            ..Self::default()
        }
    }

    /// What is done with findings of `entity`. Text that looks like a surrogate is always masked.
    #[must_use]
    pub fn action(&self, entity: Entity) -> EntityAction {
        if entity == Entity::SURROGATE {
            return EntityAction::Mask;
        }
        let other = if entity.is_broad() {
            self.broad_action
        } else {
            self.default_action
        };
        self.entities.get(&entity).copied().unwrap_or(other)
    }

    /// Whether any kind is masked or blocked, that is whether text has to be looked at.
    #[must_use]
    pub fn looks_for_anything(&self) -> bool {
        Entity::ALL
            .iter()
            .any(|e| *e != Entity::SURROGATE && self.action(*e) != EntityAction::Allow)
    }
}
