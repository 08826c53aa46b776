//! From the rules of the policy to counts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use privet_types::SurfaceKind;

use super::config::MOST_GROUPS;
use super::counters::{Charge, Full};
use super::{Amount, Counters, LimitRule, LimitsConfig, Money, Part, Reservation, Window};
use crate::settings::wildcard;

/// Between the parts of a count's name. Names of tenants, principals, keys and groups cannot hold it; a model's, which may, is last.
const BETWEEN: char = '\0';

/// Who asks for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker<'a> {
    /// In whose installation space.
    pub tenant: &'a str,
    /// Who.
    pub principal: &'a str,
    /// By which key.
    pub key: &'a str,
    /// In which groups of the tenant, each once.
    pub groups: &'a [&'a str],
    /// Where, if that is to matter.
    pub surface: Option<SurfaceKind>,
    /// Which model, if that is known.
    pub model: Option<&'a str>,
}

impl Asker<'_> {
    /// Whose are the counts that callers can make up: [`Charge::owner`].
    #[must_use]
    pub fn owner(&self) -> String {
        format!("{}{BETWEEN}{}", self.tenant, self.principal)
    }
}

/// What there can be too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Requests in a window.
    Requests,
    /// Tokens in a window.
    Tokens,
    /// Cost in a window.
    Cost,
    /// Requests at once.
    Concurrent,
}

/// A limit that a request would pass. `Display` says which, and when there is room again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    /// The rule's name.
    pub rule: String,
    /// What there is not enough left of.
    pub measure: Measure,
    /// When its window ends; `None` for requests at once, which end when they do.
    pub frees_at: Option<Timestamp>,
    /// The group whose count it is, where each has one.
    pub group: Option<String>,
    /// The most, as text.
    most: String,
    /// Whether the request asks for more than the limit is.
    is_larger: bool,
}

/// A rule that would count a request for more groups than one request can be on the counts of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "you are in more than {MOST_GROUPS} groups, and the limit `{rule}` counts each of them, so nothing was sent; an administrator names the groups that count in `groups` of that rule"
)]
pub struct TooManyGroups {
    /// The rule's name.
    pub rule: String,
}

/// How much of a limit is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The rule.
    pub rule: LimitRule,
    /// The model, where each has a count of its own.
    pub model: Option<String>,
    /// The group, where each has a count of its own.
    pub group: Option<String>,
    /// When its window began, where it has one.
    pub window_start: Option<Timestamp>,
    /// When it ends.
    pub window_end: Option<Timestamp>,
    /// What was used.
    pub settled: Amount,
    /// What is set aside for requests under way.
    pub reserved: Amount,
    /// Requests under way.
    pub running: u32,
}

/// The limits of a policy, and what was used of them.
pub struct Limiter {
    rules: Vec<LimitRule>,
    output_tokens: u32,
    currency: String,
    counters: Arc<dyn Counters>,
}

impl Limiter {
    /// The limits of `config`, which is that of a checked policy. `currency`: that of the prices.
    #[must_use]
    pub fn new(config: &LimitsConfig, currency: &str, counters: Arc<dyn Counters>) -> Self {
        Self {
            rules: config.rules.clone(),
            output_tokens: config.output_tokens,
            currency: currency.to_owned(),
            counters,
        }
    }

    /// Whether there is any limit.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How many tokens of a reply are reserved where the request sets no bound.
    #[must_use]
    pub const fn output_tokens(&self) -> u32 {
        self.output_tokens
    }

    /// Whether it matters how many tokens a request of `asker` uses.
    #[must_use]
    pub fn counts_tokens(&self, asker: &Asker<'_>) -> bool {
        self.applying(asker)
            .any(|rule| rule.tokens.is_some() || rule.cost.is_some())
    }

    /// Whether it matters what a request of `asker` costs.
    #[must_use]
    pub fn counts_cost(&self, asker: &Asker<'_>) -> bool {
        self.applying(asker).any(|rule| rule.cost.is_some())
    }

    /// How long a reply to `asker` may take.
    #[must_use]
    pub fn stream_time(&self, asker: &Asker<'_>) -> Option<Duration> {
        let times = self.applying(asker).filter_map(|rule| rule.stream_time);
        times.min().map(crate::Period::duration)
    }

    /// That no rule counts `asker` by more groups than it may: 32.
    ///
    /// # Errors
    /// [`TooManyGroups`] for the first rule that does.
    pub fn check_groups(&self, asker: &Asker<'_>) -> Result<(), TooManyGroups> {
        let counts_too_many = |rule: &&LimitRule| {
            rule.each.contains(&Part::Group)
                && rule.is_for_caller(asker)
                && rule.counted_groups(asker).nth(MOST_GROUPS).is_some()
        };
        let found = self.rules.iter().find(counts_too_many);
        found.map_or(Ok(()), |rule| {
            Err(TooManyGroups {
                rule: rule.name.clone(),
            })
        })
    }

    /// Takes `ask` from all limits that apply, or from none. What is not settled by `deadline` counts as used.
    ///
    /// # Errors
    /// [`Exceeded`] for the first limit that has not enough left.
    pub fn reserve(
        &self,
        asker: &Asker<'_>,
        ask: Amount,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Reservation>, Exceeded> {
        let charges = self.charges(asker, now);
        self.reserve_from(&charges, ask, deadline, now)
    }

    /// The same from `charges`, which are of [`charges`](Self::charges).
    ///
    /// # Errors
    /// [`Exceeded`] for the first limit that has not enough left.
    pub fn reserve_from(
        &self,
        charges: &[Charge<'_>],
        ask: Amount,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Reservation>, Exceeded> {
        if charges.is_empty() {
            return Ok(None);
        }
        match self.counters.reserve(charges, ask, deadline, now) {
            Ok(reservation) => Ok(Some(reservation)),
            Err(full) => Err(self.exceeded(charges, full, ask)),
        }
    }

    /// Whether a request of `asker`, whose model is not known yet, can be within the limits that apply whatever its model: one
    /// that cannot need not be looked at. Takes nothing.
    ///
    /// # Errors
    /// [`Exceeded`] for the first limit that has nothing left.
    pub fn look(&self, asker: &Asker<'_>, now: Timestamp) -> Result<(), Exceeded> {
        let asker = Asker {
            model: None,
            ..*asker
        };
        let charges = self.charges(&asker, now);
        if charges.is_empty() {
            return Ok(());
        }
        let ask = Amount {
            requests: 1,
            ..Amount::default()
        };
        let full = self.counters.look(&charges, ask, now);
        full.map_err(|full| self.exceeded(&charges, full, ask))
    }

    /// Puts `used` in the place of what was reserved; does nothing if that has expired.
    pub fn settle(&self, reservation: Reservation, used: Amount) {
        self.counters.settle(reservation, used);
    }

    /// Takes as used what should have been settled by now.
    pub fn expire(&self, now: Timestamp) {
        self.counters.expire(now);
    }

    /// How much is used of the limits of `asker`, whatever the model.
    #[must_use]
    pub fn standings(&self, asker: &Asker<'_>, now: Timestamp) -> Vec<Standing> {
        let mut standings = Vec::new();
        let of_caller = self.rules.iter().filter(|rule| rule.is_for_caller(asker));
        let asker = Asker {
            model: Some(""),
            ..*asker
        };
        let charges = of_caller.flat_map(|rule| rule.charges(&asker, now).map(move |charge| (rule, charge)));
        for (rule, charge) in charges {
            let has_models = rule.each.contains(&Part::Model);
            let start = charge.window.map(|(_, start)| start);
            let second = |second: i64| Timestamp::from_second(second).ok();
            let standing = |model: Option<String>, count: super::counters::Count| Standing {
                rule: rule.clone(),
                model,
                group: charge.group.clone(),
                window_start: start.and_then(second),
                window_end: charge
                    .window
                    .map(|(window, start)| window.end(start))
                    .and_then(second),
                settled: count.settled,
                reserved: count.reserved,
                running: count.running,
            };
            if !has_models {
                // A count that was saved is taken up when it is asked for. That it may be full is told below.
                let _ = self
                    .counters
                    .look(std::slice::from_ref(&charge), Amount::default(), now);
            }
            let mut found = self.counters.read(&rule.name, &charge.of);
            // A count of a window that is over says nothing of this one.
            for (_, count) in &mut found {
                if start.is_some_and(|start| count.window_start < start) {
                    count.settled = Amount::default();
                    count.reserved = Amount::default();
                }
            }
            if has_models {
                standings.extend(found.into_iter().map(|(of, count)| {
                    let model = of.strip_prefix(&charge.of).map(str::to_owned);
                    standing(model, count)
                }));
            } else {
                let own = found.into_iter().find(|(of, _)| *of == charge.of);
                standings.push(standing(None, own.map(|(_, count)| count).unwrap_or_default()));
            }
        }
        standings
    }

    /// The limits of `asker` that have one count whatever the model, each with what it is counted on.
    #[must_use]
    pub fn of_caller(&self, asker: &Asker<'_>, now: Timestamp) -> Vec<(&LimitRule, Charge<'_>)> {
        let asker = Asker {
            model: Some(""),
            ..*asker
        };
        let of_caller = self.rules.iter().filter(|rule| rule.is_for_caller(&asker));
        let counted = of_caller.filter(|rule| rule.counts() && !rule.each.contains(&Part::Model));
        counted
            .flat_map(|rule| rule.charges(&asker, now).map(move |charge| (rule, charge)))
            .collect()
    }

    /// The limits of `asker` that have a count for each model and apply to `model`, each with what it is counted on.
    #[must_use]
    pub fn of_model<'a>(
        &'a self,
        asker: &Asker<'_>,
        model: &str,
        now: Timestamp,
    ) -> Vec<(&'a LimitRule, Charge<'a>)> {
        let asker = Asker {
            model: Some(model),
            ..*asker
        };
        let counted = self
            .applying(&asker)
            .filter(|rule| rule.counts() && rule.each.contains(&Part::Model));
        counted
            .flat_map(|rule| rule.charges(&asker, now).map(move |charge| (rule, charge)))
            .collect()
    }

    /// What a request of `asker` is counted on.
    #[must_use]
    pub fn charges(&self, asker: &Asker<'_>, now: Timestamp) -> Vec<Charge<'_>> {
        let counting = self.applying(asker).filter(|rule| rule.counts());
        counting.flat_map(|rule| rule.charges(asker, now)).collect()
    }

    fn applying<'a>(&'a self, asker: &Asker<'_>) -> impl Iterator<Item = &'a LimitRule> {
        self.rules.iter().filter(|rule| rule.applies(asker))
    }

    /// What is said of a request that asks for `ask` and is too much for one of `charges`.
    #[must_use]
    pub fn exceeded(&self, charges: &[Charge<'_>], full: Full, ask: Amount) -> Exceeded {
        let measure = full.measure;
        let charge = charges.get(full.charge);
        let rule = charge.and_then(|charge| self.rules.iter().find(|rule| rule.name == charge.rule));
        let rule = rule.cloned().unwrap_or_default();
        let end = charge
            .and_then(|charge| charge.window)
            .map(|(window, start)| window.end(start));
        let window = rule.window.map(Window::name).unwrap_or_default();
        let (most, is_larger) = match measure {
            Measure::Requests => (
                format!("{} requests a {window}", rule.requests.unwrap_or_default()),
                false,
            ),
            Measure::Tokens => {
                let most = rule.tokens.unwrap_or_default();
                (format!("{most} tokens a {window}"), ask.tokens > most)
            }
            Measure::Cost => {
                let most = rule.cost.unwrap_or_default();
                let is_larger = ask.nanos > nanos(most);
                (format!("{most} {} a {window}", self.currency), is_larger)
            }
            Measure::Concurrent => (
                format!("{} requests at once", rule.concurrent.unwrap_or_default()),
                false,
            ),
        };
        let frees_at = end.and_then(|second| Timestamp::from_second(second).ok());
        Exceeded {
            rule: rule.name,
            measure,
            group: charge.and_then(|charge| charge.group.clone()),
            frees_at: frees_at.filter(|_| measure != Measure::Concurrent),
            most,
            is_larger,
        }
    }
}

fn nanos(sum: Money) -> u64 {
    sum.millionths().saturating_mul(1000)
}

impl LimitRule {
    /// Whether anything is counted for it.
    const fn counts(&self) -> bool {
        self.window.is_some() || self.concurrent.is_some()
    }

    fn is_for_caller(&self, asker: &Asker<'_>) -> bool {
        (self.tenants.is_empty() || self.tenants.contains(asker.tenant))
            && (self.principals.is_empty() || self.principals.contains(asker.principal))
            && (!self.looks_at_groups() || self.counted_groups(asker).next().is_some())
    }

    fn looks_at_groups(&self) -> bool {
        !self.groups.is_empty() || self.each.contains(&Part::Group)
    }

    /// The groups of `asker` that this rule is for.
    fn counted_groups<'a>(&self, asker: &Asker<'a>) -> impl Iterator<Item = &'a str> {
        let groups = asker.groups.iter().copied();
        groups.filter(move |group| self.groups.is_empty() || self.groups.contains(*group))
    }

    /// A rule that tells models apart applies to no request whose model is not known, or that has none.
    fn applies(&self, asker: &Asker<'_>) -> bool {
        let is_for_model = match asker.model {
            None => self.models.is_empty() && !self.each.contains(&Part::Model),
            Some(model) => {
                self.models.is_empty()
                    || self
                        .models
                        .iter()
                        .any(|pattern| wildcard::matches(pattern, model))
            }
        };
        let is_for_surface = self.surfaces.is_empty()
            || asker
                .surface
                .is_none_or(|surface| self.surfaces.contains(&surface));
        is_for_model && is_for_surface && self.is_for_caller(asker)
    }

    /// What a request of `asker` is counted on: one count, or one for each of its groups.
    fn charges<'a>(&'a self, asker: &Asker<'_>, now: Timestamp) -> impl Iterator<Item = Charge<'a>> {
        let groups: Vec<Option<&str>> = if self.each.contains(&Part::Group) {
            self.counted_groups(asker).map(Some).collect()
        } else {
            vec![None]
        };
        let charges: Vec<Charge<'a>> = groups
            .into_iter()
            .map(|group| self.charge(asker, group, now))
            .collect();
        charges.into_iter()
    }

    fn charge(&self, asker: &Asker<'_>, group: Option<&str>, now: Timestamp) -> Charge<'_> {
        let mut of = String::new();
        for part in &self.each {
            let names: &[&str] = match part {
                Part::Tenant => &[asker.tenant],
                // Two tenants may have principals and groups of one name.
                Part::Principal => &[asker.tenant, asker.principal],
                Part::Key => &[asker.tenant, asker.key],
                Part::Group => &[asker.tenant, group.unwrap_or_default()],
                Part::Model => &[asker.model.unwrap_or_default()],
            };
            for name in names {
                if !of.is_empty() {
                    of.push(BETWEEN);
                }
                of.push_str(name);
            }
        }
        // Only what callers can make up is bounded by who makes it up.
        let owner = self.each.contains(&Part::Model).then(|| asker.owner());
        Charge {
            rule: &self.name,
            of,
            owner,
            group: group.map(str::to_owned),
            window: self.window.map(|window| (window, window.start(now))),
            most: Amount {
                requests: self.requests.unwrap_or(u64::MAX),
                tokens: self.tokens.unwrap_or(u64::MAX),
                nanos: self.cost.map_or(u64::MAX, nanos),
            },
            concurrent: self.concurrent.unwrap_or(u32::MAX),
        }
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, most, .. } = self;
        let of = match &self.group {
            Some(group) => format!(" for the group `{group}`"),
            None => String::new(),
        };
        match self.frees_at {
            _ if self.is_larger => write!(
                f,
                "this request may use more than the limit `{rule}` of {most}{of} allows at all; send less, or set a lower bound for the reply"
            ),
            Some(at) => write!(
                f,
                "the limit `{rule}` of {most}{of} is used up; there is room again at {at}"
            ),
            None => write!(
                f,
                "the limit `{rule}` of {most}{of} is reached; there is room again when one of them has ended"
            ),
        }
    }
}
