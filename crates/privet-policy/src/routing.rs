//! `[routing]` of the policy document: where prompts go that hold certain kinds of data.

use std::collections::{BTreeMap, BTreeSet};

use privet_surface::{PartKind, PartsConfig, PassedPart};
use privet_types::Entity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::key_path::{Fault, KeyPath};
use crate::message::suggest;
use crate::{Route, Settings};

/// Most rules; each prompt in which something was found is held against all.
const MOST_RULES: usize = 64;

/// The `[routing]` table of the policy document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RoutingConfig {
    /// Names for several kinds at once, for `classes` below: `health = ["MEDICAL_LICENSE"]`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: BTreeMap<String, BTreeSet<String>>,
    /// What becomes of prompts in which certain kinds were found; the first rule that fits counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sensitive: Vec<SensitiveRule>,
}

/// One of `[[routing.sensitive]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SensitiveRule {
    /// Kinds that it is for.
    #[serde(default)]
    pub entities: BTreeSet<String>,
    /// Names from `[routing.classes]`, all of whose kinds it is for.
    #[serde(default)]
    pub classes: BTreeSet<String>,
    /// With `local`: attachments that it is for, each of which counts as a finding. Nobody looks into them: they go to the local
    /// model as they are, and nowhere else, and need not be in `[parts] pass`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub parts: BTreeSet<PartKind>,
    /// How many findings of these kinds, taken together, a prompt must hold.
    #[serde(default = "one")]
    pub min_count: u32,
    /// What becomes of the prompt.
    pub action: SensitiveAction,
    /// With `local`: the model, as `[[models]]` of the settings lead to it, or the provider that gets the prompt instead. All
    /// that may answer there must be local.
    #[serde(default)]
    pub to: Option<String>,
    /// With `local` and a provider's name in `to`: the model to ask it for; the one the caller named if left out.
    #[serde(default)]
    pub model: Option<String>,
    /// With `local`: whether private values are replaced on the way there, too.
    #[serde(default = "yes")]
    pub mask: bool,
}

/// What becomes of a prompt that holds sensitive data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SensitiveAction {
    /// It goes to a local model, or nowhere.
    Local,
    /// It is refused.
    Refuse,
}

/// A rule that cannot be followed with the settings there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`routing.sensitive[{rule}].to` of the policy {message}")]
pub struct BadRoute {
    rule: usize,
    message: &'static str,
}

const fn one() -> u32 {
    1
}

const fn yes() -> bool {
    true
}

impl RoutingConfig {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The first rule, by its place, that fits what was found; `counts`: findings by kind, `passed`: what nobody looked into. O(rules
    /// × kinds).
    #[must_use]
    pub fn rule_for(
        &self,
        counts: &BTreeMap<Entity, u32>,
        passed: &BTreeMap<PartKind, PassedPart>,
    ) -> Option<(usize, &SensitiveRule)> {
        if counts.is_empty() && passed.is_empty() {
            return None;
        }
        let fits = |rule: &SensitiveRule| {
            let found = counts.iter().filter(|(entity, _)| self.is_meant(rule, **entity));
            let found = found.fold(0_u32, |sum, (_, count)| sum.saturating_add(*count));
            let passed = passed.iter().filter(|(kind, _)| rule.parts.contains(kind));
            let all = passed.fold(found, |sum, (_, part)| sum.saturating_add(part.count));
            all >= rule.min_count
        };
        self.sensitive.iter().enumerate().find(|(_, rule)| fits(rule))
    }

    /// Whether `rule` is for findings of this kind.
    pub(crate) fn is_meant(&self, rule: &SensitiveRule, entity: Entity) -> bool {
        let in_class = |class: &String| {
            let kinds = self.classes.get(class);
            kinds.is_some_and(|kinds| kinds.contains(entity.name()))
        };
        rule.entities.contains(entity.name()) || rule.classes.iter().any(in_class)
    }

    /// Where prompts go for which the rule at `index` fits, and that ask for `model`; `None` if nowhere.
    #[must_use]
    pub fn route<'a>(&'a self, index: usize, model: &'a str, settings: &'a Settings) -> Option<Route<'a>> {
        let rule = self.sensitive.get(index)?;
        let to = rule.to.as_deref()?;
        let route = if settings.providers().iter().any(|known| known.name() == to) {
            settings.route_to(to, rule.model.as_deref().unwrap_or(model))?
        } else {
            settings.route(to)?.asking_for(to)
        };
        is_all_local(&route).then_some(route)
    }

    /// That every rule can be followed with these settings.
    ///
    /// # Errors
    /// [`BadRoute`] for the first rule that cannot.
    pub fn check_against(&self, settings: &Settings) -> Result<(), BadRoute> {
        for (index, rule) in self.sensitive.iter().enumerate() {
            let Some(to) = rule.to.as_deref() else { continue };
            let bad = |message| BadRoute { rule: index, message };
            let provider = settings.providers().iter().find(|known| known.name() == to);
            let route = match provider {
                Some(_) => settings.route_to(to, "model"),
                None if rule.model.is_some() => {
                    return Err(bad(
                        "names a model and not a provider; leave `model` out, `[[models]]` of the settings say what to ask for",
                    ));
                }
                None => settings.route(to),
            };
            let route = route.ok_or_else(|| {
                bad("names neither a provider of the settings nor a model that `[[models]]` lead to a provider")
            })?;
            if !is_all_local(&route) {
                return Err(bad(
                    "leads to a provider that is not local; choose one of your own, with `local = true` in the settings, also for every fallback",
                ));
            }
        }
        Ok(())
    }

    /// What may be sent unseen by `parts`, or by a rule to a local model.
    pub(crate) fn parts_beside(&self, parts: &PartsConfig) -> PartsConfig {
        let by_rules = self.sensitive.iter().flat_map(|rule| &rule.parts);
        PartsConfig {
            pass: parts.pass.iter().chain(by_rules).copied().collect(),
        }
    }

    /// Whether a rule leaves prompts as they came.
    #[must_use]
    pub fn leaves_unmasked(&self) -> bool {
        self.sensitive.iter().any(|rule| !rule.mask)
    }
}

fn is_all_local(route: &Route<'_>) -> bool {
    let others = (0..route.targets().len()).filter_map(|index| route.with(index));
    route.provider.is_local() && others.into_iter().all(|route| route.provider.is_local())
}

pub(crate) fn check(routing: &RoutingConfig, pii: &privet_pii::Config) -> Result<(), Fault> {
    let at = KeyPath::of("routing");
    let own = pii.recognizers.iter().map(|own| own.entity);
    let known: Vec<Entity> = Entity::ALL
        .iter()
        .copied()
        .chain(own)
        .chain(pii.terms.iter().map(|own| own.entity))
        .collect();
    let check_kind = |name: &String, at: &KeyPath| {
        let Some(entity) = known.iter().find(|entity| entity.name() == name.as_str()) else {
            let names: Vec<&str> = Entity::ALL.iter().map(|entity| entity.name()).collect();
            return Err(at.fault(suggest("unknown entity", name, &names)));
        };
        if pii.action(*entity) == privet_pii::EntityAction::Allow {
            return Err(at.fault(
                "names a kind that is not looked for, so the rule would never fit; set it to \"mask\" in `[pii.entities]`",
            ));
        }
        Ok(())
    };
    for (class, kinds) in &routing.classes {
        let at = at.key("classes").key(class);
        for kind in kinds {
            check_kind(kind, &at)?;
        }
    }
    if routing.sensitive.len() > MOST_RULES {
        return Err(at
            .key("sensitive")
            .fault(format!("use at most {MOST_RULES} rules")));
    }
    for (index, rule) in routing.sensitive.iter().enumerate() {
        let at = at.key("sensitive").index(index);
        for kind in &rule.entities {
            check_kind(kind, &at.key("entities"))?;
        }
        // Their names are the user's own, and not repeated.
        if !rule
            .classes
            .iter()
            .all(|class| routing.classes.contains_key(class))
        {
            return Err(at
                .key("classes")
                .fault("names a class that `[routing.classes]` does not have"));
        }
        if rule.entities.is_empty() && rule.classes.is_empty() && rule.parts.is_empty() {
            return Err(at.fault("names no kind; say which with `entities`, `classes` or `parts`"));
        }
        if rule.min_count == 0 {
            return Err(at.key("min_count").fault("use 1 or more"));
        }
        let is_local = rule.action == SensitiveAction::Local;
        if is_local && rule.to.is_none() {
            return Err(at.fault("`to` is missing: the local model, or its provider"));
        }
        let extra = [
            ("to", rule.to.is_some()),
            ("model", rule.model.is_some()),
            ("mask", !rule.mask),
            // Without a rule they are refused.
            ("parts", !rule.parts.is_empty()),
        ];
        if let Some((key, _)) = extra.iter().find(|(_, is_there)| *is_there && !is_local) {
            return Err(at.key(key).fault("is for `action = \"local\"` only"));
        }
    }
    Ok(())
}
