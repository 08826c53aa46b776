//! How long what is kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::consent::{Definition, DefinitionKind, bad, check_name, check_text};

/// Longest time something is kept, in days: a hundred years.
const MAX_DAYS: u32 = 36_525;
const DAY_MS: i64 = 86_400_000;

/// How long data of a category is kept, perhaps only for one purpose or surface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionPolicy {
    /// A name.
    pub name: String,
    /// For which purpose; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// For which category of data; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// For which surface; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surface: Option<String>,
    /// For how many days it is kept; 0 for not at all.
    pub keep_days: u32,
    /// For how many days more it may be there until it counts as overdue.
    #[serde(default = "one")]
    pub grace_days: u32,
    /// Why so long: a law or a need, in words.
    #[serde(default)]
    pub ground: String,
}

const fn one() -> u32 {
    1
}

impl Definition for RetentionPolicy {
    const KIND: DefinitionKind = DefinitionKind::RetentionPolicy;

    fn name(&self) -> &str {
        &self.name
    }

    fn validate(&self) -> Result<(), Error> {
        check_name("name", &self.name)?;
        for (field, name) in [
            ("purpose", &self.purpose),
            ("category", &self.category),
            ("surface", &self.surface),
        ] {
            name.iter().try_for_each(|name| check_name(field, name))?;
        }
        for (field, days) in [("keep_days", self.keep_days), ("grace_days", self.grace_days)] {
            if days > MAX_DAYS {
                return Err(bad(field, "must be at most 36525, which is a hundred years"));
            }
        }
        check_text("ground", &self.ground)
    }

    fn references(&self) -> Vec<(DefinitionKind, &str, &'static str)> {
        let purpose = self.purpose.as_deref();
        purpose
            .map(|name| (DefinitionKind::Purpose, name, "purpose"))
            .into_iter()
            .collect()
    }
}

impl RetentionPolicy {
    /// What is older than this, in milliseconds since the epoch, is not kept.
    #[must_use]
    pub fn cutoff(&self, now: i64) -> i64 {
        now.saturating_sub(i64::from(self.keep_days).saturating_mul(DAY_MS))
    }

    /// What is older than this is overdue.
    #[must_use]
    pub fn overdue(&self, now: i64) -> i64 {
        self.cutoff(now)
            .saturating_sub(i64::from(self.grace_days).saturating_mul(DAY_MS))
    }

    /// How many of purpose, category and surface it names.
    fn specificity(&self) -> usize {
        [&self.purpose, &self.category, &self.surface]
            .into_iter()
            .flatten()
            .count()
    }
}

/// All policies that may apply, the stronger first: of two that fit, the more specific; then a defined one before a built-in
/// one; then the one that keeps shorter.
#[derive(Debug, Clone)]
pub struct Policies(Vec<RetentionPolicy>);

impl Policies {
    /// The defined policies with the built-in ones: prompts and replies are not kept.
    #[must_use]
    pub fn new(defined: Vec<RetentionPolicy>) -> Self {
        let built_in = ["prompt", "reply"].map(|category| RetentionPolicy {
            name: format!("built-in.{category}"),
            purpose: None,
            category: Some(category.to_owned()),
            surface: None,
            keep_days: 0,
            grace_days: 1,
            ground: "not kept unless a policy says so".to_owned(),
        });
        let mut all: Vec<_> = defined
            .into_iter()
            .map(|policy| (false, policy))
            .chain(built_in.into_iter().map(|policy| (true, policy)))
            .collect();
        all.sort_by(|(a_built_in, a), (b_built_in, b)| {
            b.specificity()
                .cmp(&a.specificity())
                .then(a_built_in.cmp(b_built_in))
                .then(a.keep_days.cmp(&b.keep_days))
                .then_with(|| a.name.cmp(&b.name))
        });
        Self(all.into_iter().map(|(_, policy)| policy).collect())
    }

    /// The policies, the stronger first.
    pub fn iter(&self) -> impl Iterator<Item = &RetentionPolicy> {
        self.0.iter()
    }

    /// The policy for something of `category`, `surface` and `purpose`.
    #[must_use]
    pub fn of(
        &self,
        category: &str,
        surface: Option<&str>,
        purpose: Option<&str>,
    ) -> Option<&RetentionPolicy> {
        let fits = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| Some(wanted) == found)
        };
        self.0.iter().find(|policy| {
            fits(&policy.category, Some(category))
                && fits(&policy.surface, surface)
                && fits(&policy.purpose, purpose)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(name: &str, [purpose, category, surface]: [&str; 3], keep_days: u32) -> RetentionPolicy {
        let set = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        RetentionPolicy {
            name: name.to_owned(),
            purpose: set(purpose),
            category: set(category),
            surface: set(surface),
            keep_days,
            grace_days: 0,
            ground: String::new(),
        }
    }

    #[test]
    fn prompts_and_replies_are_not_kept_unless_a_policy_for_them_says_so() {
        let general = Policies::new(vec![policy("all", ["", "", ""], 365)]);
        assert_eq!(general.of("prompt", None, None).unwrap().keep_days, 0);
        assert_eq!(general.of("profile", None, None).unwrap().keep_days, 365);
        let own = Policies::new(vec![policy("own", ["", "prompt", ""], 30)]);
        assert_eq!(own.of("prompt", None, None).unwrap().keep_days, 30);
        assert!(own.of("profile", None, None).is_none());
    }

    #[test]
    fn the_more_specific_policy_holds_and_of_equals_the_shorter() {
        let policies = Policies::new(vec![
            policy("a", ["", "profile", ""], 10),
            policy("b", ["", "profile", ""], 5),
            policy("c", ["billing", "profile", ""], 3650),
            policy("d", ["billing", "profile", "chat"], 1),
        ]);
        let found = |surface, purpose| policies.of("profile", surface, purpose).unwrap().name.clone();
        assert_eq!(found(None, None), "b");
        assert_eq!(found(None, Some("billing")), "c");
        assert_eq!(found(Some("chat"), Some("billing")), "d");
    }
}
