//! `[limits]` of the policy document, as written.

use std::collections::BTreeSet;

use privet_types::{GroupName, Principal, SurfaceKind, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Money, Window};
use crate::Period;
use crate::key_path::{Fault, KeyPath};

/// Most rules: each that applies is looked at with every request.
const MOST_RULES: usize = 256;
/// Most rules with a count for each group: with [`MOST_GROUPS`] this bounds the counts of one request.
const MOST_GROUP_RULES: usize = 16;
/// Most groups of one caller that a rule counts by.
pub(super) const MOST_GROUPS: usize = 32;
/// Longest name of a rule.
const LONGEST_NAME: usize = 64;
/// Longer patterns cannot match a model name anybody uses.
const LONGEST_PATTERN: usize = 256;

/// The `[limits]` table of the policy document: how much callers may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// How many tokens of a reply are reserved for a request that sets no bound itself.
    pub output_tokens: u32,
    /// The limits. A request has to be within all that apply to it.
    pub rules: Vec<LimitRule>,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            output_tokens: 1024,
            rules: Vec::new(),
        }
    }
}

impl LimitsConfig {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// One of `[[limits.rules]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitRule {
    /// How refusals call it.
    pub name: String,
    /// What has a count of its own; without it all that the rule applies to share one.
    #[serde(default)]
    pub each: BTreeSet<Part>,
    /// The tenants it applies to; all if left out.
    #[serde(default)]
    pub tenants: BTreeSet<String>,
    /// The principals it applies to; all if left out.
    #[serde(default)]
    pub principals: BTreeSet<String>,
    /// The groups whose members it applies to; all if left out. With `each = ["group"]` only these have a count.
    #[serde(default)]
    pub groups: BTreeSet<String>,
    /// What it applies to, as the audit log calls it: `openai_chat`, `anthropic_messages`, `presidio`, `pii`, `protect`, `mcp`, …; all
    /// if left out.
    #[serde(default)]
    #[schemars(with = "BTreeSet<String>")]
    pub surfaces: BTreeSet<SurfaceKind>,
    /// The models it applies to, by name or with `*`; all if left out, and what has no model.
    #[serde(default)]
    pub models: Vec<String>,
    /// The time in which `requests`, `tokens` and `cost` count.
    #[serde(default)]
    pub window: Option<Window>,
    /// Most requests in a window.
    #[serde(default)]
    pub requests: Option<u64>,
    /// Most tokens of prompts and replies in a window.
    #[serde(default)]
    pub tokens: Option<u64>,
    /// Highest cost in a window, in the currency of `[[prices]]` in the settings.
    #[serde(default)]
    pub cost: Option<Money>,
    /// Most requests under way at once.
    #[serde(default)]
    pub concurrent: Option<u32>,
    /// How long one reply may take to its last byte; past it the connection is closed.
    #[serde(default)]
    pub stream_time: Option<Period>,
}

/// What a limit tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// Tenants.
    Tenant,
    /// Principals of a tenant.
    Principal,
    /// API keys.
    Key,
    /// Groups of a tenant: a request is on the counts of all groups that its caller is in, and on none if that is in none.
    Group,
    /// Models, by the name that is asked for.
    // INVARIANT: the last one, since it is the only one that callers can make up.
    Model,
}

impl Part {
    /// The name, as the document spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Principal => "principal",
            Self::Key => "key",
            Self::Group => "group",
            Self::Model => "model",
        }
    }
}

pub(crate) fn check(config: &LimitsConfig) -> Result<(), Fault> {
    let at = KeyPath::of("limits");
    if !(1..=1_000_000).contains(&config.output_tokens) {
        return Err(at.key("output_tokens").fault("use 1 to 1000000"));
    }
    if config.rules.len() > MOST_RULES {
        return Err(at.key("rules").fault(format!("use at most {MOST_RULES} rules")));
    }
    let by_group = config
        .rules
        .iter()
        .filter(|rule| rule.each.contains(&Part::Group));
    if by_group.count() > MOST_GROUP_RULES {
        return Err(at.key("rules").fault(format!(
            "use at most {MOST_GROUP_RULES} rules with \"group\" in `each`: a request is on a count of each for every group of its caller"
        )));
    }
    let mut names = BTreeSet::new();
    for (index, rule) in config.rules.iter().enumerate() {
        let at = at.key("rules").index(index);
        check_rule(rule, &at)?;
        if !names.insert(rule.name.as_str()) {
            return Err(at
                .key("name")
                .fault("is the name of a rule before this one; use another"));
        }
    }
    Ok(())
}

fn check_rule(rule: &LimitRule, at: &KeyPath) -> Result<(), Fault> {
    let is_name = |name: &str| {
        (1..=LONGEST_NAME).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    };
    if !is_name(&rule.name) {
        return Err(at
            .key("name")
            .fault("use 1 to 64 letters, digits, `.`, `_` or `-`"));
    }
    for tenant in &rule.tenants {
        if tenant.parse::<TenantId>().is_err() {
            return Err(at.key("tenants").fault("use names of tenants"));
        }
    }
    for principal in &rule.principals {
        if principal.parse::<Principal>().is_err() {
            return Err(at
                .key("principals")
                .fault("use names of principals, as API keys have them"));
        }
    }
    for group in &rule.groups {
        if group.parse::<GroupName>().is_err() {
            return Err(at
                .key("groups")
                .fault("use names of groups, as `privet group create` takes them"));
        }
    }
    for (index, model) in rule.models.iter().enumerate() {
        if model.is_empty() || model.len() > LONGEST_PATTERN {
            return Err(at
                .key("models")
                .index(index)
                .fault("use a model's name, or part of it and `*`, of 1 to 256 bytes"));
        }
    }
    let counts = [
        ("requests", rule.requests.is_some(), rule.requests == Some(0)),
        ("tokens", rule.tokens.is_some(), rule.tokens == Some(0)),
        ("cost", rule.cost.is_some(), rule.cost == Some(Money::default())),
        (
            "concurrent",
            rule.concurrent.is_some(),
            rule.concurrent == Some(0),
        ),
        (
            "stream_time",
            rule.stream_time.is_some(),
            rule.stream_time == Some(Period::from_millis(0)),
        ),
    ];
    if let Some((key, ..)) = counts.iter().find(|(_, _, is_nothing)| *is_nothing) {
        return Err(at
            .key(key)
            .fault("would let nothing through; use more than 0, or take away the keys of those who shall send nothing"));
    }
    if counts.iter().all(|(_, is_set, _)| !is_set) {
        return Err(at.fault(
            "limits nothing; set one of `requests`, `tokens`, `cost`, `concurrent` and `stream_time`",
        ));
    }
    let counts_in_windows = counts.iter().take(3).any(|(_, is_set, _)| *is_set);
    match (counts_in_windows, rule.window) {
        (true, None) => Err(at
            .key("window")
            .fault("say in which time it counts: `minute`, `hour`, `day` or `month`")),
        (false, Some(_)) => Err(at
            .key("window")
            .fault("is of no use without `requests`, `tokens` or `cost`")),
        _ => Ok(()),
    }
}
