//! What the policy document can say about personal data in text.

use std::collections::BTreeMap;

use privet_types::Entity;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

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
    pub threshold: f64,
    /// Whether names, places, organisations, dates and addresses are also looked for by the neural network in the binary.
    pub network: bool,
    /// Which network finds persons, addresses and telephone numbers: `small`, the one in the binary, or one that
    /// `privet pii model add` has added, such as `rampart`: stronger, and over a hundred times slower.
    #[serde(skip_serializing_if = "is_small")]
    pub model: String,
    /// Whether disguises are undone: other scripts' digits, lookalike letters, spelt-out digits, `at` and `dot`, escapes,
    /// base64, hex.
    pub undo_disguise: bool,
    /// What is done with a kind, by its name (`EMAIL_ADDRESS = "allow"`).
    #[schemars(with = "BTreeMap<String, EntityAction>")]
    #[serde(deserialize_with = "actions")]
    pub entities: BTreeMap<Entity, EntityAction>,
    /// Terms that are private wherever they stand as whole words: names of people, projects, customers.
    pub terms: Vec<Terms>,
    /// Values that are never private: a finding that is one of them, to the letter, is dropped.
    pub allow_list: Vec<String>,
    /// Recognisers of one's own.
    pub recognizers: Vec<Recognizer>,
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
    #[serde(default = "term", deserialize_with = "entity")]
    #[schemars(with = "String")]
    pub entity: Entity,
    /// The terms; compared without regard to case.
    pub values: Vec<String>,
}

fn term() -> Entity {
    Entity::TERM
}

/// A recogniser of one's own: patterns, and words that speak of what they find.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recognizer {
    /// What it is called in errors and explanations.
    pub name: String,
    /// The kind it reports: one that Privet knows, or one of one's own such as `EMPLOYEE_ID`.
    #[schemars(with = "String")]
    #[serde(deserialize_with = "entity")]
    pub entity: Entity,
    /// What the values look like.
    #[serde(default)]
    pub patterns: Vec<Pattern>,
    /// Values that are reported wherever they stand as whole words.
    #[serde(default)]
    pub deny_list: Vec<String>,
    /// The score of values of the deny list, 0.0 ..= 1.0.
    #[serde(default = "certain")]
    pub deny_list_score: f64,
    /// Words beside a value, as whole words on either side, that raise its score by 0.35 and to 0.4 at least.
    #[serde(default)]
    pub context: Vec<String>,
    /// What the digits of a value have to pass.
    #[serde(default)]
    pub checksum: Option<Checksum>,
    /// How the patterns are read.
    #[serde(default)]
    pub flags: RegexFlags,
}

fn certain() -> f64 {
    1.0
}

/// One pattern of a [`Recognizer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// What it is called in explanations.
    #[serde(default)]
    pub name: String,
    /// A regular expression; look-around and back-references are understood but cost time.
    pub regex: String,
    /// The score of a value without a word beside it, 0.0 ..= 1.0.
    pub score: f64,
}

/// How patterns are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RegexFlags {
    /// Capital and small letters are the same.
    pub ignore_case: bool,
    /// `^` and `$` stand at every line's ends.
    pub multi_line: bool,
    /// `.` stands for line breaks, too.
    pub dot_all: bool,
}

impl Default for RegexFlags {
    /// What Presidio's recognisers are read with.
    fn default() -> Self {
        Self {
            ignore_case: true,
            multi_line: true,
            dot_all: true,
        }
    }
}

/// A test that the letters and digits of a value have to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Checksum {
    /// ISO/IEC 7812-1, check digit last.
    Luhn,
    /// Verhoeff's, check digit last.
    Verhoeff,
    /// ISO 7064 MOD 11,10, check digit last.
    #[serde(rename = "mod11_10")]
    Mod11_10,
    /// ISO 7064 MOD 97-10: the number is 1 modulo 97, letters counting from A = 10.
    #[serde(rename = "mod97_10")]
    Mod97_10,
}

/// A policy that does not name a network keeps the version it had before networks had names.
fn is_small(name: &str) -> bool {
    name == Config::SMALL
}

/// A kind's name, known or of one's own.
fn entity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Entity, D::Error> {
    Entity::custom(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// Names are read as they are; [`Config::unknown_entity`] tells those that nobody defines.
fn actions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Entity, EntityAction>, D::Error> {
    let named = BTreeMap::<String, EntityAction>::deserialize(deserializer)?;
    let entity = |(name, action): (String, EntityAction)| {
        let entity = Entity::custom(&name).map_err(serde::de::Error::custom)?;
        Ok((entity, action))
    };
    named.into_iter().map(entity).collect()
}

impl Default for Config {
    fn default() -> Self {
        Self {
            style: Style::default(),
            default_action: EntityAction::Mask,
            broad_action: EntityAction::Allow,
            threshold: Self::THRESHOLD,
            network: true,
            model: Self::SMALL.to_owned(),
            undo_disguise: true,
            entities: BTreeMap::new(),
            terms: Vec::new(),
            allow_list: Vec::new(),
            recognizers: Vec::new(),
        }
    }
}

impl Config {
    /// The threshold at which the evaluations in docs/benchmarks.md are made.
    pub const THRESHOLD: f64 = 0.35;

    /// The name of the network in the binary.
    pub const SMALL: &str = "small";

    /// The network that has to be handed in for this configuration; none if it asks for none, or for the one in the binary.
    #[must_use]
    pub fn model_wanted(&self) -> Option<&str> {
        Some(self.model.as_str()).filter(|name| self.network && *name != Self::SMALL)
    }

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

    /// The first kind in `entities` that neither Privet nor a recogniser or list of this configuration knows.
    #[must_use]
    pub fn unknown_entity(&self) -> Option<Entity> {
        let is_defined = |entity: &Entity| {
            Entity::ALL.binary_search(entity).is_ok()
                || self.recognizers.iter().any(|r| r.entity == *entity)
                || self.terms.iter().any(|t| t.entity == *entity)
        };
        self.entities.keys().find(|e| !is_defined(e)).copied()
    }

    /// Whether any kind is masked or blocked, that is whether text has to be looked at.
    #[must_use]
    pub fn looks_for_anything(&self) -> bool {
        let own = self.recognizers.iter().map(|r| &r.entity);
        Entity::ALL
            .iter()
            .chain(own)
            .chain(self.terms.iter().map(|t| &t.entity))
            .any(|e| *e != Entity::SURROGATE && self.action(*e) != EntityAction::Allow)
    }
}
