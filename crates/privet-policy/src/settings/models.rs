//! From `[[models]]` as written to who is asked for which model.

use super::check::{count_within, period_within};
use super::provider::Provider;
use super::provider_file::{ModelFile, RoutingSettings};
use super::wildcard;
use crate::Period;
use crate::key_path::{Fault, KeyPath};
use crate::message::suggest;

/// Longer patterns cannot match a model name anybody uses.
const LONGEST_PATTERN: usize = 256;

/// Most targets of one model, so that those already asked fit a set of bits.
const MOST_TARGETS: usize = 16;

/// Largest weight.
const MOST_WEIGHT: u32 = 10_000;

/// Who is asked for which model names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ModelRoute {
    pub(super) pattern: String,
    /// INVARIANT: 1 to 16, those with a weight first; all speak one dialect.
    pub(super) targets: Vec<Target>,
}

/// One who may answer for a model.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Target {
    /// INVARIANT: an index into `Settings::providers`.
    provider: usize,
    /// The name to ask the provider for, if it is not the caller's.
    pub upstream_model: Option<String>,
    /// Its share of the requests; 0: only where others have failed.
    pub weight: u32,
}

/// Where a request for a model goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route<'a> {
    /// Who answers, if nothing speaks against it.
    pub provider: &'a Provider,
    /// The name to ask the provider for, if it is not the caller's.
    pub upstream_model: Option<&'a str>,
    /// What to ask targets for that do not say it, if it is not the caller's name.
    other_model: Option<&'a str>,
    targets: &'a [Target],
    providers: &'a [Provider],
}

impl<'a> Route<'a> {
    /// The route of `targets`, with the first one chosen.
    pub(super) fn new(targets: &'a [Target], providers: &'a [Provider]) -> Option<Self> {
        let first = targets.first()?;
        Some(Self {
            provider: providers.get(first.provider)?,
            upstream_model: first.upstream_model.as_deref(),
            other_model: None,
            targets,
            providers,
        })
    }

    /// The route to one provider alone.
    pub(super) const fn to(provider: &'a Provider, upstream_model: &'a str) -> Self {
        Self {
            provider,
            upstream_model: Some(upstream_model),
            other_model: None,
            targets: &[],
            providers: &[],
        }
    }

    /// The same route, asking for `model` where it does not name one itself.
    pub(crate) fn asking_for(self, model: &'a str) -> Self {
        Self {
            upstream_model: self.upstream_model.or(Some(model)),
            other_model: Some(model),
            ..self
        }
    }

    /// All who may answer: those that share the requests by weight, then those who stand in, in their order. At most 16;
    /// none if there is the one provider only.
    #[must_use]
    pub const fn targets(&self) -> &'a [Target] {
        self.targets
    }

    /// The same route with the target at `index` chosen.
    #[must_use]
    pub fn with(&self, index: usize) -> Option<Self> {
        let target = self.targets.get(index)?;
        Some(Self {
            provider: self.providers.get(target.provider)?,
            upstream_model: target.upstream_model.as_deref().or(self.other_model),
            ..*self
        })
    }
}

pub(super) fn check(files: Vec<ModelFile>, providers: &[Provider]) -> Result<Vec<ModelRoute>, Fault> {
    let at = KeyPath::of("models");
    if files.is_empty() {
        return Err(at.fault(
            "no model has a provider; add a route: [[models]] with `match = \"*\"` and the `provider` that answers (`privet serve --print-example` shows how)",
        ));
    }
    let mut models: Vec<ModelRoute> = Vec::with_capacity(files.len());
    for (index, file) in files.into_iter().enumerate() {
        let here = at.index(index);
        if file.pattern.is_empty() || file.pattern.len() > LONGEST_PATTERN {
            return Err(here
                .key("match")
                .fault("use a model's name, or part of it and `*`, of 1 to 256 bytes"));
        }
        // An earlier pattern that matches this one as a text matches everything this one matches.
        if let Some(earlier) = models
            .iter()
            .position(|route| wildcard::matches(&route.pattern, &file.pattern))
        {
            return Err(here.key("match").fault(format!(
                "is never reached, because `models[{earlier}]` matches all of it first; move this one up, or delete it"
            )));
        }
        models.push(ModelRoute {
            targets: targets(&file, &here, providers)?,
            pattern: file.pattern,
        });
    }
    Ok(models)
}

fn targets(file: &ModelFile, at: &KeyPath, providers: &[Provider]) -> Result<Vec<Target>, Fault> {
    let mut targets = Vec::new();
    match (&file.provider, file.targets.as_slice()) {
        (Some(_), [_, ..]) => {
            return Err(at
                .key("provider")
                .fault("stands beside `targets`; give either the one provider or the list"));
        }
        (None, []) => return Err(at.fault("`provider` is missing, or `targets`")),
        (Some(provider), []) => {
            targets.push(target(provider, file.upstream_model.as_ref(), 1, at, providers)?);
        }
        (None, listed) => {
            if file.upstream_model.is_some() {
                return Err(at
                    .key("upstream_model")
                    .fault("belongs to `provider`; each of `targets` has its own"));
            }
            for (index, listed) in listed.iter().enumerate() {
                let at = at.key("targets").index(index);
                let weight = listed.weight.unwrap_or(1);
                if !(1..=MOST_WEIGHT).contains(&weight) {
                    return Err(at.key("weight").fault(format!(
                        "use 1 to {MOST_WEIGHT}; one that only stands in for others belongs in `fallback`"
                    )));
                }
                let model = listed.upstream_model.as_ref();
                targets.push(target(&listed.provider, model, weight, &at, providers)?);
            }
        }
    }
    for (index, listed) in file.fallback.iter().enumerate() {
        let at = at.key("fallback").index(index);
        let model = listed.upstream_model.as_ref();
        targets.push(target(&listed.provider, model, 0, &at, providers)?);
    }
    if targets.len() > MOST_TARGETS {
        return Err(at.fault(format!("use at most {MOST_TARGETS} targets for a model")));
    }
    let dialect = |target: &Target| providers.get(target.provider).map(Provider::dialect);
    let first = targets.first().and_then(dialect);
    if let Some(other) = targets.iter().position(|target| dialect(target) != first) {
        let shared = targets.iter().filter(|target| target.weight > 0).count();
        let at = match other.checked_sub(shared) {
            Some(index) => at.key("fallback").index(index),
            None => at.key("targets").index(other),
        };
        return Err(at.key("provider").fault(
            "speaks another dialect than the first provider of this model, and Privet does not translate; use one that speaks the same",
        ));
    }
    Ok(targets)
}

fn target(
    provider: &str,
    upstream_model: Option<&String>,
    weight: u32,
    at: &KeyPath,
    providers: &[Provider],
) -> Result<Target, Fault> {
    let Some(provider) = providers.iter().position(|known| known.name() == provider) else {
        let known: Vec<&str> = providers.iter().map(Provider::name).collect();
        return Err(at
            .key("provider")
            .fault(suggest("no such provider", provider, &known)));
    };
    if upstream_model.is_some_and(|name| name.is_empty() || name.contains('*')) {
        return Err(at
            .key("upstream_model")
            .fault("use one model's full name, without `*`"));
    }
    Ok(Target {
        provider,
        upstream_model: upstream_model.cloned(),
        weight,
    })
}

pub(super) fn check_routing(routing: &RoutingSettings) -> Result<(), Fault> {
    // Taken apart in full, so that a new key cannot be left unchecked.
    let RoutingSettings {
        retries,
        retry_budget,
        retry_on,
        retry_wait,
        retry_wait_max,
        breaker_failures,
        breaker_rest,
    } = routing;
    let at = KeyPath::of("routing");
    count_within(*retries, 0, 5, &at, "retries")?;
    count_within(*retry_budget, 0, 100, &at, "retry_budget")?;
    count_within(*breaker_failures, 0, 1_000_000, &at, "breaker_failures")?;
    if retry_on
        .iter()
        .any(|status| !matches!(status, 408 | 409 | 425 | 429 | 500..=599))
    {
        return Err(at
            .key("retry_on")
            .fault("use 408, 409, 425, 429 or 500 to 599; other replies would be the same again"));
    }
    period_within(*retry_wait, Period::from_millis(1), &at, "retry_wait")?;
    period_within(*retry_wait_max, Period::from_millis(1), &at, "retry_wait_max")?;
    period_within(*breaker_rest, Period::from_millis(1), &at, "breaker_rest")
}
