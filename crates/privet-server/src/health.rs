//! How a provider is: a circuit breaker, what probes say, and how often requests may be sent to it again.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use privet_policy::RoutingSettings;

/// What one request more costs; each request earns as many as the settings grant in percent.
const ONE: u64 = 100;
/// Requests that may be sent again before any have earned it.
const GRANTED: u64 = 10 * ONE;
/// Most that can be saved up.
const MOST_SAVED: u64 = 100 * ONE;
/// Probes in a row that a provider has to fail before it counts as down.
const FAILED_PROBES: u32 = 2;

/// The state of one provider, shared by all requests. While all is well a request reads two numbers of it and writes none.
pub(crate) struct Health {
    provider: String,
    most_failures: u32,
    rest: Duration,
    budget_percent: u64,
    began: Instant,
    failures: AtomicU32,
    /// Milliseconds from `began` at which it may be tried again; 0 if it does not rest.
    rests_until: AtomicU64,
    /// Whether a request is trying a provider that rests.
    is_tried: AtomicBool,
    failed_probes: AtomicU32,
    /// By the last probes.
    is_down: AtomicBool,
    saved: AtomicU64,
}

/// The provider is given a rest.
#[derive(Debug)]
pub(crate) struct Rest;

/// A request to the provider, whose outcome is to be told. Dropped before, it tells nothing.
pub(crate) struct Trial<'a> {
    health: &'a Health,
    /// Whether it is the one that tries a provider that rests.
    is_probe: bool,
}

impl Health {
    pub(crate) fn new(provider: &str, routing: &RoutingSettings) -> Self {
        Self {
            provider: provider.to_owned(),
            most_failures: routing.breaker_failures,
            rest: routing.breaker_rest.duration(),
            budget_percent: routing.retry_budget.into(),
            began: Instant::now(),
            failures: AtomicU32::new(0),
            rests_until: AtomicU64::new(0),
            is_tried: AtomicBool::new(false),
            failed_probes: AtomicU32::new(0),
            is_down: AtomicBool::new(false),
            saved: AtomicU64::new(GRANTED),
        }
    }

    /// Lets a request through, or says that the provider rests. Of those that come when the rest is over one is let through.
    pub(crate) fn admit(&self) -> Result<Trial<'_>, Rest> {
        self.admit_at(|| self.now())
    }

    /// Whether [`admit`](Self::admit) would let a request through.
    pub(crate) fn admits(&self) -> bool {
        let until = self.rests_until.load(Ordering::Acquire);
        let may_be_tried = until == 0 || (self.now() >= until && !self.is_tried.load(Ordering::Acquire));
        !self.is_down.load(Ordering::Acquire) && may_be_tried
    }

    /// Whether it neither rests nor is down.
    pub(crate) fn is_well(&self) -> bool {
        self.rests_until.load(Ordering::Acquire) == 0 && !self.is_down.load(Ordering::Acquire)
    }

    /// What a probe has seen.
    pub(crate) fn probed(&self, is_well: bool) {
        if is_well {
            self.failed_probes.store(0, Ordering::Release);
            if self.is_down.swap(false, Ordering::AcqRel) {
                tracing::info!(provider = self.provider, "provider is well again");
            }
            return;
        }
        let failed = self.failed_probes.load(Ordering::Acquire).saturating_add(1);
        self.failed_probes.store(failed, Ordering::Release);
        if failed >= FAILED_PROBES && !self.is_down.swap(true, Ordering::AcqRel) {
            tracing::warn!(provider = self.provider, "provider fails its health checks");
        }
    }

    /// A request that may be followed by others saves up for them.
    pub(crate) fn earn(&self) {
        let percent = self.budget_percent;
        let earned = |saved: u64| Some(saved.saturating_add(percent).min(MOST_SAVED));
        // The closure always gives something.
        let _ = self
            .saved
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, earned);
    }

    /// Pays for a request that is sent again; false if nothing is left for it.
    pub(crate) fn spend(&self) -> bool {
        let spent = |saved: u64| saved.checked_sub(ONE);
        self.budget_percent > 0
            && self
                .saved
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, spent)
                .is_ok()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn admit_at(&self, now: impl FnOnce() -> u64) -> Result<Trial<'_>, Rest> {
        if self.is_down.load(Ordering::Acquire) {
            return Err(Rest);
        }
        let until = self.rests_until.load(Ordering::Acquire);
        if until == 0 {
            return Ok(Trial {
                health: self,
                is_probe: false,
            });
        }
        if now() < until || self.is_tried.swap(true, Ordering::AcqRel) {
            return Err(Rest);
        }
        Ok(Trial {
            health: self,
            is_probe: true,
        })
    }

    fn rest_from(&self, now: u64) -> u64 {
        let rest = u64::try_from(self.rest.as_millis()).unwrap_or(u64::MAX);
        now.saturating_add(rest)
    }
}

impl Trial<'_> {
    /// The provider answered.
    pub(crate) fn went_well(self) {
        let health = self.health;
        if health.failures.load(Ordering::Acquire) != 0 {
            health.failures.store(0, Ordering::Release);
        }
        if self.is_probe {
            health.rests_until.store(0, Ordering::Release);
            tracing::info!(provider = health.provider, "provider answers again");
        }
    }

    /// The provider did not answer, or said that it cannot.
    pub(crate) fn failed(self) {
        let now = self.health.now();
        self.failed_at(now);
    }

    fn failed_at(self, now: u64) {
        let health = self.health;
        if self.is_probe {
            health.rests_until.store(health.rest_from(now), Ordering::Release);
            return;
        }
        let failures = health.failures.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        if health.most_failures == 0 || failures < health.most_failures {
            return;
        }
        let until = health.rest_from(now);
        let began = health
            .rests_until
            .compare_exchange(0, until, Ordering::AcqRel, Ordering::Acquire);
        if began.is_ok() {
            tracing::warn!(provider = health.provider, failures, "provider is given a rest");
        }
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.health.is_tried.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three failures, and then a rest of 10 s; one retry for five requests.
    fn health() -> Health {
        let mut routing = RoutingSettings::default();
        routing.breaker_failures = 3;
        routing.breaker_rest = "10s".parse().unwrap();
        Health::new("p", &routing)
    }

    fn fail(health: &Health, times: usize, now: u64) {
        for _ in 0..times {
            health.admit_at(|| now).unwrap().failed_at(now);
        }
    }

    #[test]
    fn failures_in_a_row_lead_to_a_rest_and_one_request_ends_it() {
        let health = health();
        fail(&health, 2, 0);
        health.admit_at(|| 0).unwrap().went_well();
        fail(&health, 2, 0);
        assert!(health.is_well(), "an answer in between begins anew");
        fail(&health, 1, 0);
        assert!(!health.is_well());
        assert!(health.admit_at(|| 9_999).is_err());
        let trial = health.admit_at(|| 10_000).unwrap();
        assert!(health.admit_at(|| 10_000).is_err(), "one tries, no more");
        trial.went_well();
        assert!(health.is_well());
        assert!(health.admit_at(|| 10_000).is_ok());
    }

    #[test]
    fn a_trial_that_fails_begins_another_rest_and_one_that_is_cut_off_leaves_its_place() {
        let health = health();
        fail(&health, 3, 0);
        health.admit_at(|| 10_000).unwrap().failed_at(10_000);
        assert!(health.admit_at(|| 19_999).is_err());
        drop(health.admit_at(|| 20_000).unwrap());
        assert!(health.admit_at(|| 20_000).is_ok());
    }

    #[test]
    fn without_a_number_of_failures_there_is_no_rest() {
        let mut routing = RoutingSettings::default();
        routing.breaker_failures = 0;
        let health = Health::new("p", &routing);
        fail(&health, 1_000, 0);
        assert!(health.is_well());
    }

    #[test]
    fn two_probes_that_fail_take_a_provider_out_and_one_that_succeeds_brings_it_back() {
        let health = health();
        health.probed(false);
        health.probed(true);
        health.probed(false);
        assert!(health.is_well() && health.admits());
        health.probed(false);
        assert!(!health.is_well() && !health.admits() && health.admit().is_err());
        health.probed(true);
        assert!(health.is_well() && health.admits());
    }

    #[test]
    fn requests_sent_again_are_paid_for_by_others() {
        let health = health();
        let spent = (0..1_000).filter(|_| health.spend()).count();
        assert_eq!(spent, 10, "granted at the beginning");
        for _ in 0..5 {
            assert!(!health.spend());
            health.earn();
        }
        assert!(health.spend());
        assert!(!health.spend());
        for _ in 0..10_000 {
            health.earn();
        }
        let spent = (0..1_000).filter(|_| health.spend()).count();
        assert_eq!(spent, 100, "no more can be saved");
    }
}
