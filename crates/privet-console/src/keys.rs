//! API keys: who has which, making one, and ending it.

use askama::Template;

use crate::{Frame, Once};

/// API keys of a tenant, and a form for another one.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "keys.html")]
pub struct KeysPage {
    /// What stands round it.
    pub frame: Frame,
    /// A page of them.
    pub rows: Vec<KeyRow>,
    /// Which are shown.
    pub filter: KeyFilter,
    /// Where the next page is; none if this is the last one.
    pub next: Option<String>,
    /// Whether who looks may make keys.
    pub may_change: bool,
    /// What a key can be good for, as far as who looks may hand that on.
    pub scopes: Vec<Scope>,
    /// What was typed.
    pub typed: NewKey,
    /// The key that was just made.
    pub made: Option<Once>,
}

/// One API key.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "key.html")]
pub struct KeyPage {
    /// What stands round it.
    pub frame: Frame,
    /// The key.
    pub key: KeyRow,
    /// What else is known of it: what, and in words.
    pub facts: Vec<(&'static str, String)>,
    /// Whether who looks may rotate and revoke it.
    pub may_change: bool,
    /// The key that was just made in its place.
    pub made: Option<Once>,
}

/// A key in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Its public id.
    pub id: String,
    /// Whose it is.
    pub name: String,
    /// What it is good for.
    pub scopes: Vec<&'static str>,
    /// `active`, `rotating`, `rotated`, `expired` or `revoked`.
    pub state: &'static str,
    /// When it was made.
    pub created_at: String,
    /// Until when it is good.
    pub expires_at: String,
    /// When it was last used.
    pub last_used_at: String,
}

/// Which keys are shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyFilter {
    /// Of this owner; empty for all.
    pub name: String,
    /// In this state; empty for all.
    pub state: String,
    /// Not used for so long; empty for all.
    pub unused_since: String,
}

/// Something that a key can be good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Its name.
    pub name: &'static str,
    /// Whether it was chosen.
    pub is_chosen: bool,
}

/// A key that is to be made, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewKey {
    /// Whose.
    pub name: String,
    /// For how long; empty for no end.
    pub expires_in: String,
}

/// States: as they are called, and in words.
const STATES: [(&str, &str); 6] = [
    ("", "all"),
    ("active", "active"),
    ("rotating", "beside their successor"),
    ("rotated", "rotated"),
    ("expired", "expired"),
    ("revoked", "revoked"),
];
/// How long not used.
const UNUSED: [(&str, &str); 4] = [
    ("", "does not matter"),
    ("7d", "for a week"),
    ("30d", "for 30 days"),
    ("90d", "for 90 days"),
];
/// How long a key is good.
const TIMES: [(&str, &str); 4] = [
    ("90d", "90 days"),
    ("30d", "30 days"),
    ("365d", "a year"),
    ("", "without end"),
];
/// How long a key works beside its successor.
const GRACES: [(&str, &str); 4] = [
    ("24h", "a day"),
    ("1h", "an hour"),
    ("7d", "a week"),
    ("0s", "not at all"),
];

impl KeysPage {
    const fn states() -> [(&'static str, &'static str); 6] {
        STATES
    }

    const fn unused() -> [(&'static str, &'static str); 4] {
        UNUSED
    }

    const fn times() -> [(&'static str, &'static str); 4] {
        TIMES
    }
}

impl KeyPage {
    const fn graces() -> [(&'static str, &'static str); 4] {
        GRACES
    }
}

impl KeyRow {
    /// Whether it lets anybody in.
    #[must_use]
    pub fn is_good(&self) -> bool {
        matches!(self.state, "active" | "rotating")
    }

    /// How its state is coloured.
    pub(crate) fn class(&self) -> &'static str {
        match self.state {
            "active" => "good",
            "rotating" => "warn",
            _ => "",
        }
    }
}
