//! Simulated traffic of some hundred callers over weeks, with working days, weekends, holidays, leave, bursts, travel and growth;
//! attacks laid over it; and what the watch makes of both.
//!
//! It says how the watch does on this traffic, which was made up with nobody's in view; a real installation's is another.

mod attack;
mod chance;
mod traffic;

use jiff::Timestamp;
use privet_types::{Interval, LogPosition, Measurement, Part};

pub use attack::Scenario;

use self::traffic::{Caller, DAY, Event, Kind, START};
use crate::{Alert, Rule, Severity, WatchConfig, Watcher, stats};

/// What to simulate.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// Fixes all chance.
    pub seed: u64,
    /// Callers, of whom about 72 % sit at desks, 14 % use agents, 5 % work in shifts and 9 % are services.
    pub callers: u64,
    /// Weeks, of which the first `learning` are not counted.
    pub weeks: u32,
    /// Weeks in which the watch gets to know them; an attack begins behind them.
    pub learning: u32,
    /// Attacks of each kind, each on another caller.
    pub attacks: u64,
    /// What the watch goes by.
    pub config: WatchConfig,
}

impl Default for Simulation {
    fn default() -> Self {
        Self {
            seed: 1,
            callers: 300,
            weeks: 12,
            learning: 6,
            attacks: 100,
            config: WatchConfig::default(),
        }
    }
}

/// What the watch made of the attacks of one kind.
#[derive(Debug, Clone)]
pub struct Detected {
    /// Which kind.
    pub scenario: Scenario,
    /// How many there were.
    pub attacks: u64,
    /// How many led to an alert of medium or high severity that there would not have been without.
    pub detected: u64,
    /// From the first request to that alert, in seconds, in order.
    pub delays: Vec<i64>,
    /// The attack's requests before it, in order.
    pub requests: Vec<u64>,
    /// Which rule spoke first, and how often.
    pub rules: std::collections::BTreeMap<Rule, u64>,
}

/// All results.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Requests of normal traffic behind the learning weeks.
    pub requests: u64,
    /// Weeks they took.
    pub weeks: u32,
    /// Callers.
    pub callers: u64,
    /// Alerts about normal traffic, by severity and rule.
    pub false_alerts: std::collections::BTreeMap<(Severity, Rule), u64>,
    /// By scenario.
    pub detected: Vec<Detected>,
}

impl Simulation {
    /// Runs it. The same simulation has the same outcome.
    #[must_use]
    pub fn run(&self) -> Outcome {
        let days = i64::from(self.weeks) * 7;
        let from = START + i64::from(self.learning) * 7 * DAY;
        let (mut requests, mut false_alerts) = (0, std::collections::BTreeMap::new());
        let mut detected: Vec<Detected> = Scenario::ALL
            .into_iter()
            .map(|scenario| Detected {
                scenario,
                attacks: 0,
                detected: 0,
                delays: Vec::new(),
                requests: Vec::new(),
                rules: std::collections::BTreeMap::new(),
            })
            .collect();
        for id in 1..=self.callers {
            let caller = Caller::new(id, self.seed);
            let usual = caller.traffic(self.seed, days);
            let normal: Vec<Alert> = self.alerts(&caller, usual.iter());
            let since = usual.partition_point(|event| event.second < from);
            requests += (usual.len() - since) as u64;
            for alert in normal.iter().filter(|alert| alert.at.as_second() >= from) {
                *false_alerts.entry((alert.severity, alert.rule)).or_default() += 1;
            }
            // At night a service is at work, and whoever asks the same all day is not seen among its prompts.
            if caller.kind == Kind::Service || id > self.attacks {
                continue;
            }
            for found in &mut detected {
                self.attack(&caller, &usual, &normal, found);
            }
        }
        for found in &mut detected {
            found.delays.sort_unstable();
            found.requests.sort_unstable();
        }
        Outcome {
            requests,
            weeks: self.weeks - self.learning,
            callers: self.callers,
            false_alerts,
            detected,
        }
    }

    fn attack(&self, caller: &Caller, usual: &[Event], normal: &[Alert], found: &mut Detected) {
        // A Tuesday: the day after a weekend would be as good, and a weekend is easier.
        let day = i64::from(self.learning) * 7 + 1;
        let evil = attack::attack(found.scenario, caller, usual, day, self.seed);
        let (Some(first), Some(last)) = (evil.first(), evil.last()) else {
            return;
        };
        let window = first.second..=last.second + DAY;
        let mut all: Vec<&Event> = usual.iter().chain(&evil).collect();
        all.sort_by_key(|event| event.second);
        found.attacks += 1;
        let is_grave =
            |alert: &&Alert| alert.severity >= Severity::Medium && window.contains(&alert.at.as_second());
        let anyway: Vec<Rule> = normal.iter().filter(is_grave).map(|alert| alert.rule).collect();
        let alerts = self.alerts(caller, all.into_iter());
        let hit = alerts
            .iter()
            .filter(is_grave)
            .find(|alert| !anyway.contains(&alert.rule));
        if let Some(alert) = hit {
            found.detected += 1;
            found.delays.push(alert.at.as_second() - first.second);
            let before = evil.iter().filter(|event| event.second <= alert.at.as_second());
            found.requests.push(before.count() as u64);
            *found.rules.entry(alert.rule).or_default() += 1;
        }
    }

    fn alerts<'e>(&self, caller: &Caller, events: impl Iterator<Item = &'e Event>) -> Vec<Alert> {
        let mut watcher = Watcher::new(self.config.clone(), 0);
        events
            .flat_map(|event| watcher.observe(&caller.seen(event)))
            .collect()
    }
}

impl Outcome {
    /// Alerts about normal traffic of at least `severity`.
    #[must_use]
    pub fn false_alerts(&self, severity: Severity) -> u64 {
        let grave = self.false_alerts.iter().filter(|((of, _), _)| *of >= severity);
        grave.map(|(_, count)| count).sum()
    }

    /// The outcome as measurements, made at `at`: false alerts a week, and of each scenario the share that was detected and the
    /// delay.
    #[must_use]
    pub fn measurements(&self, at: Timestamp) -> Vec<Measurement> {
        let mut all: Vec<Measurement> = [Severity::Low, Severity::Medium, Severity::High]
            .into_iter()
            .map(|severity| self.false_alert_rate(severity, at))
            .collect();
        all.extend(self.detected.iter().map(|found| found.measurement(at)));
        all
    }

    fn false_alert_rate(&self, severity: Severity, at: Timestamp) -> Measurement {
        let count = self.false_alerts(severity);
        let weeks = f64::from(self.weeks);
        let (low, high) = poisson_interval(count);
        let rules = Rule::ALL.into_iter().filter_map(|rule| {
            let of_rule = self
                .false_alerts
                .iter()
                .filter(|((of, name), _)| *of >= severity && *name == rule);
            let count: u64 = of_rule.map(|(_, count)| count).sum();
            (count > 0).then(|| Part::share(rule.name(), count, self.requests, "alerts of all requests"))
        });
        Measurement {
            metric: format!("watch_false_alerts_{}", severity.name()),
            value: Some(count as f64 / weeks),
            unit: "alerts per week".to_owned(),
            interval: Some(Interval {
                low: low / weeks,
                high: high / weeks,
                confidence: 0.95,
            }),
            numerator: Some(count),
            denominator: None,
            formula: format!(
                "alerts of severity `{}` or higher about normal traffic / weeks",
                severity.name()
            ),
            source: "interval of a Poisson count: Garwood 1936, by Wilson & Hilferty 1931".to_owned(),
            method: format!("{} simulated callers over {} weeks", self.callers, self.weeks),
            sample_size: self.requests,
            population: self.requests,
            at,
            log_position: LogPosition::default(),
            classes: Vec::new(),
            parts: rules.collect(),
            excluded: vec!["the weeks in which the watch gets to know the callers".to_owned()],
            reason: None,
        }
    }
}

impl Detected {
    /// The share `quantile` of the delays is no longer, in seconds.
    #[must_use]
    pub fn delay(&self, quantile: f64) -> Option<i64> {
        at_quantile(&self.delays, quantile)
    }

    /// The share `quantile` of the attacks had sent no more requests before the alert.
    #[must_use]
    pub fn requests_before(&self, quantile: f64) -> Option<u64> {
        at_quantile(&self.requests, quantile)
    }

    fn measurement(&self, at: Timestamp) -> Measurement {
        let (low, high) = stats::wilson(self.detected as f64, self.attacks as f64, 1.96);
        let delay = |name: &str, quantile: f64| Part {
            name: name.to_owned(),
            value: self.delay(quantile).map(|seconds| seconds as f64),
            unit: "seconds".to_owned(),
            numerator: self.detected,
            denominator: self.attacks,
            interval: None,
            note: "from the attack's first request to the alert, of those detected".to_owned(),
        };
        Measurement {
            metric: format!("watch_detected_{}", self.scenario.name()),
            value: (self.attacks > 0).then(|| self.detected as f64 / self.attacks as f64),
            unit: "share".to_owned(),
            interval: (self.attacks > 0).then_some(Interval {
                low,
                high,
                confidence: 0.95,
            }),
            numerator: Some(self.detected),
            denominator: Some(self.attacks),
            formula: "attacks with an alert of medium or high severity / attacks".to_owned(),
            source: "Wilson 1927".to_owned(),
            method: "attacks laid over simulated traffic, each on another caller".to_owned(),
            sample_size: self.attacks,
            population: self.attacks,
            at,
            log_position: LogPosition::default(),
            classes: Vec::new(),
            parts: vec![delay("median_delay", 0.5), delay("p90_delay", 0.9)],
            excluded: vec!["attacks on services, and on callers the watch does not know yet".to_owned()],
            reason: (self.attacks == 0).then(|| "no attack of this kind was simulated".to_owned()),
        }
    }
}

fn at_quantile<T: Copy>(sorted: &[T], quantile: f64) -> Option<T> {
    let index = (sorted.len() as f64 * quantile).ceil() as usize;
    sorted.get(index.saturating_sub(1)).copied()
}

/// The 95 % interval of a Poisson count's mean: Garwood's by chi-square quantiles, these by Wilson and Hilferty.
fn poisson_interval(count: u64) -> (f64, f64) {
    let quantile = |degrees: f64, z: f64| {
        let part = 2.0 / (9.0 * degrees);
        degrees * (1.0 - part + z * part.sqrt()).powi(3) / 2.0
    };
    let count = count as f64;
    let low = if count > 0.0 {
        quantile(2.0 * count, -1.96)
    } else {
        0.0
    };
    (low, quantile(2.0 * count + 2.0, 1.96))
}
