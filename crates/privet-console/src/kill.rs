//! What is switched off, and switching it off and on again.

use askama::Template;

use crate::Frame;

/// Kill switches: those in force, and those that were.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "kill.html")]
pub struct KillPage {
    /// What stands round it.
    pub frame: Frame,
    /// Those in force.
    pub in_force: Vec<SwitchRow>,
    /// Those that are over, the newest first.
    pub past: Vec<SwitchRow>,
    /// Whether who looks may set and lift them.
    pub may_change: bool,
    /// Whether who looks may cut off what is not of one tenant.
    pub may_everywhere: bool,
    /// What was typed.
    pub typed: Order,
}

/// One switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchRow {
    /// Its id.
    pub id: String,
    /// What kind of thing is cut off.
    pub kind: &'static str,
    /// Which; empty for all and a whole tenant.
    pub name: String,
    /// In whose installation space; empty for all.
    pub tenant: String,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub set_by: String,
    /// Since when, in UTC.
    pub set_at: String,
    /// How it ends or ended.
    pub end: String,
}

/// A switch that is to be set, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order {
    /// What kind.
    pub kind: String,
    /// Which.
    pub name: String,
    /// Why.
    pub reason: String,
    /// For how many hours; empty until it is lifted.
    pub hours: String,
    /// Whether for all tenants.
    pub everywhere: bool,
}

/// Kinds: as they are called, in words, and whether they are only for who may cut off everything.
const KINDS: [(&str, &str, bool); 6] = [
    ("principal", "a person or service, with all its keys", false),
    ("key", "one key, by its id", false),
    ("model", "a model, as callers ask for it", false),
    ("provider", "a provider, as the settings name it", false),
    ("tenant", "the whole tenant", false),
    ("all", "everybody", true),
];

/// For how long: hours, and in words.
const TIMES: [(&str, &str); 5] = [
    ("", "until it is lifted"),
    ("1", "1 hour"),
    ("8", "8 hours"),
    ("24", "a day"),
    ("168", "a week"),
];

impl KillPage {
    fn kinds(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let is_offered = move |(_, _, is_for_all): &(&str, &str, bool)| self.may_everywhere || !is_for_all;
        KINDS
            .into_iter()
            .filter(is_offered)
            .map(|(kind, words, _)| (kind, words))
    }

    const fn times() -> [(&'static str, &'static str); 5] {
        TIMES
    }
}
