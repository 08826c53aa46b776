//! What is usual of one caller.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::known::{Known, Rarity};
use crate::observation::{CLASSES, Observation};
use crate::sketch::Sketch;
use crate::{Alert, Method, Rule, Severity, WatchConfig, stats};

/// What is counted in hours and days: requests, all personal values, bytes, near-equal prompts, then values by class.
pub(crate) const FEATURES: usize = 4 + CLASSES;
const REQUESTS: usize = 0;
const VALUES: usize = 1;
const BYTES: usize = 2;
const REPEATS: usize = 3;

/// Active hours that are remembered.
const HOURS: usize = 48;
/// Active days that are remembered.
const DAYS: usize = 35;
/// The latest of them, which do not count as usual yet: what grows slowly would hide itself.
const RECENT_DAYS: usize = 7;
/// Days without which sums over days are not judged.
const LEAST_REFERENCE: usize = 10;
/// Below these counts an hour is never unusual.
const LEAST_HOUR: [f64; FEATURES] = [40.0, 30.0, 200_000.0, 30.0, 30.0, 30.0, 15.0, 8.0, 30.0];
/// The features that are summed up over days, and what a day needs at least.
const DAILY: [(usize, f64); 3] = [(REQUESTS, 60.0), (VALUES, 30.0), (BYTES, 300_000.0)];
/// No hour or day is more regular than this, in logarithms: a fifth more or less is the same.
const LEAST_SCALE: f64 = 0.2;
/// Days vary more.
const LEAST_DAY_SCALE: f64 = 0.3;
/// An unusual hour has so many times what any remembered one had.
const BEYOND: f64 = 1.5;
/// So many times the highest usual value is graver.
const FAR: f64 = 2.0;
/// The shift that sums look for is twice this, in standard deviations.
const ALLOWANCE: f64 = 0.5;
/// A single day adds no more than this to a sum.
const MOST_A_DAY: f64 = 3.0;
/// Beside a new network so much of the deviations is enough.
const COMPANY: f64 = 0.6;
/// How long a new network is company, in hours.
const COMPANY_HOURS: i64 = 24;
/// Prompts that are compared with the next.
const SKETCHES: usize = 24;
/// Hours of a weekday, then of a day at the weekend.
const BINS: usize = 48;
/// The share of days with use below which an hour is none of work.
const OFF_SHARE: f64 = 0.04;
/// Requests, or personal values, that are much for such an hour.
const OFF_LEAST: f64 = 20.0;
/// Personal values that are very much for it.
const OFF_MUCH: f64 = 60.0;
/// Days in which the histogram fades by half.
const OFF_HALF_LIFE: f64 = 42.0;
/// Refused requests of a day that are few.
const LEAST_DENIED: u32 = 8;
/// Standard errors of Wilson's interval: one side, 1 in 1,000.
const DENIED_Z: f64 = 3.09;
/// Requests in an hour from either network.
const LEAST_TWO: u32 = 5;
/// Keys that are told apart.
const KEYS: usize = 8;
const RULES: usize = 10;
const SECONDS_AN_HOUR: i64 = 3600;
/// Logarithms are kept in thousandths.
const STEPS: f64 = 1000.0;

type Counts = [f64; FEATURES];
type Row = [u16; FEATURES];

/// The days of the week, as the first of January 1970 was a Thursday.
const fn is_weekend(day: i64) -> bool {
    matches!((day + 3).rem_euclid(7), 5 | 6)
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Profile {
    /// Hours since 1970 of the local time.
    hour: i64,
    first_day: i64,
    pub(crate) last_hour: i64,
    requests: u64,
    active_days: u32,
    now: Counts,
    today: Counts,
    hours: VecDeque<Row>,
    days: VecDeque<Row>,
    /// By feature of [`DAILY`].
    sums: [f64; DAILY.len()],
    /// Faded count of active days by hour.
    bins: Vec<f32>,
    /// Working days and days of weekends that the counts are of.
    days_seen: [f64; 2],
    models: Known,
    networks: Known,
    /// Days on which it was busy at an unusual hour.
    off_days: Rarity,
    /// The hour in which a network was new, and which.
    news: Option<(i64, u64)>,
    /// This hour's requests from it, and from others.
    from_new: u32,
    from_known: u32,
    /// Of earlier days, faded: refused, and all.
    denied_before: (f64, f64),
    denied_today: u32,
    /// Until which hour each rule is silent, but for what is graver than this.
    silent: [(i64, Severity); RULES],
    keys: Vec<(u64, u32)>,
    #[serde(skip)]
    limits: Limits,
    #[serde(skip)]
    sketches: VecDeque<Sketch>,
    #[serde(skip)]
    pub(crate) is_dirty: bool,
}

/// Counts beyond which an hour or a day is unusual; computed when one ends.
#[derive(Debug, Clone)]
struct Limits {
    is_computed: bool,
    hour: Counts,
    hour_in_company: Counts,
    /// The lowest usual value of an hour.
    hour_low: Counts,
    day: [f64; DAILY.len()],
    day_middle: [f64; DAILY.len()],
    /// Half of the active hours have more requests.
    busy: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            is_computed: false,
            hour: [f64::INFINITY; FEATURES],
            hour_in_company: [f64::INFINITY; FEATURES],
            hour_low: [0.0; FEATURES],
            day: [f64::INFINITY; DAILY.len()],
            day_middle: [0.0; DAILY.len()],
            busy: f64::INFINITY,
        }
    }
}

fn packed(count: f64) -> u16 {
    (count.max(0.0).ln_1p() * STEPS).min(f64::from(u16::MAX)) as u16
}

fn unpacked(step: u16) -> f64 {
    f64::from(step) / STEPS
}

/// What a rule says, before it is known of whom.
struct Said {
    rule: Rule,
    severity: Severity,
    feature: &'static str,
    expected: (f64, f64),
    seen: f64,
    method: Method,
    evidence: String,
}

/// How far the watch knows a caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Requests seen.
    pub requests: u64,
    /// Active hours it was seen in; at most 48 are remembered.
    pub active_hours: usize,
    /// Active days.
    pub active_days: u32,
    /// Networks it is known from.
    pub networks: usize,
    /// Models it is known for.
    pub models: usize,
    /// What cannot be judged yet, with the evidence that is missing.
    pub not_enough_evidence: Vec<String>,
}

impl Profile {
    /// Takes in one request, at the local `second` since 1970, and says what is unusual.
    pub(crate) fn observe(
        &mut self,
        seen: &Observation,
        second: i64,
        config: &WatchConfig,
        h: f64,
    ) -> Vec<Alert> {
        self.is_dirty = true;
        self.roll(second.div_euclid(SECONDS_AN_HOUR), config, h);
        self.count(seen);
        let mut said = Vec::new();
        self.novelties(seen, config, &mut said);
        self.hour_rules(&mut said);
        self.off_hours(config, &mut said);
        self.day_rules(h, &mut said);
        if seen.is_denied {
            self.denied_rule(config, &mut said);
        }
        if said.is_empty() {
            return Vec::new();
        }
        self.told(said, seen, config)
    }

    /// How far this caller is known.
    pub(crate) fn standing(&self, config: &WatchConfig) -> Standing {
        let mut missing = Vec::new();
        if self.hours.len() < config.least_hours as usize {
            missing.push(format!(
                "hours: {} of {} active hours",
                self.hours.len(),
                config.least_hours
            ));
        }
        if self.active_days < config.least_days {
            missing.push(format!(
                "networks, models, off-hours, refusals: {} of {} active days",
                self.active_days, config.least_days
            ));
        }
        let needed = LEAST_REFERENCE + RECENT_DAYS;
        if self.days.len() < needed {
            missing.push(format!("days: {} of {needed} active days", self.days.len()));
        }
        Standing {
            requests: self.requests,
            active_hours: self.hours.len(),
            active_days: self.active_days,
            networks: self.networks.len(),
            models: self.models.len(),
            not_enough_evidence: missing,
        }
    }

    fn is_known(&self, config: &WatchConfig) -> bool {
        self.active_days >= config.least_days
    }

    /// Ends the hour and the day, where `hour` is another one.
    fn roll(&mut self, hour: i64, config: &WatchConfig, h: f64) {
        if self.bins.is_empty() {
            self.bins = vec![0.0; BINS];
            (self.hour, self.first_day) = (hour, hour.div_euclid(24));
            self.last_hour = hour;
        }
        // What comes late, or while a clock is set back, counts now.
        if hour <= self.hour && self.limits.is_computed {
            return;
        }
        if hour > self.hour {
            let (before, day) = (self.hour.div_euclid(24), hour.div_euclid(24));
            self.end_hour();
            if day > before {
                self.end_day(before, day, config);
            }
            (self.hour, self.last_hour) = (hour, hour);
        }
        self.limits = self.compute(config, h);
    }

    fn end_hour(&mut self) {
        if self.now.iter().any(|count| *count > 0.0) {
            let mut row = [0; FEATURES];
            for ((place, count), limit) in row.iter_mut().zip(self.now).zip(self.limits.hour) {
                // An attack does not teach that it is usual.
                *place = packed(count.min(limit));
            }
            push(&mut self.hours, row, HOURS);
        }
        self.now = [0.0; FEATURES];
        (self.from_new, self.from_known) = (0, 0);
        self.keys.clear();
    }

    fn end_day(&mut self, day: i64, next: i64, config: &WatchConfig) {
        let is_known = self.is_known(config);
        if self.today.iter().any(|count| *count > 0.0) {
            self.active_days = self.active_days.saturating_add(1);
            let middle = reference(&self.days);
            for (sum, (feature, _)) in self.sums.iter_mut().zip(DAILY) {
                let today = self.today.get(feature).copied().unwrap_or_default().ln_1p();
                if let Some((location, scale)) = middle.get(feature).copied().flatten() {
                    let score =
                        ((today - location) / scale.max(LEAST_DAY_SCALE)).clamp(-MOST_A_DAY, MOST_A_DAY);
                    *sum = stats::cusum(*sum, score, ALLOWANCE);
                }
            }
            push(&mut self.days, self.today.map(packed), DAYS);
            let fade = 0.5_f64.powf(1.0 / 28.0);
            let requests = self.today.first().copied().unwrap_or_default();
            self.denied_before.0 = self.denied_before.0 * fade + f64::from(self.denied_today);
            self.denied_before.1 = self.denied_before.1 * fade + requests;
            self.models.news.end_day(is_known);
            self.networks.news.end_day(is_known);
            self.off_days.end_day(is_known);
        }
        self.denied_today = 0;
        self.today = [0.0; FEATURES];
        let fade = 0.5_f64.powf(1.0 / OFF_HALF_LIFE);
        // A caller who was away for long is not one who works at no hour.
        for passed in (day..next).take(14) {
            let (weekend, from) = if is_weekend(passed) { (1, 24) } else { (0, 0) };
            for bin in self.bins.iter_mut().skip(from).take(24) {
                *bin *= fade as f32;
            }
            if let Some(days) = self.days_seen.get_mut(weekend) {
                *days = *days * fade + if passed == day { 1.0 } else { 0.0 };
            }
            if passed != day
                && is_weekend(passed)
                && let Some(days) = self.days_seen.get_mut(1)
            {
                // A weekend without use says when the caller is not at work.
                *days += 1.0;
            }
        }
    }

    fn count(&mut self, seen: &Observation) {
        self.requests = self.requests.saturating_add(1);
        let is_repeat = seen.sketch.as_ref().is_some_and(|sketch| {
            let is_like = self.sketches.iter().any(|before| before.is_like(sketch));
            if self.sketches.len() >= SKETCHES {
                self.sketches.pop_front();
            }
            self.sketches.push_back(*sketch);
            is_like
        });
        let mut add: Counts = [0.0; FEATURES];
        let sum: f64 = seen.values.iter().copied().map(f64::from).sum();
        let first = [1.0, sum, seen.bytes as f64, f64::from(u8::from(is_repeat))];
        let all = first
            .into_iter()
            .chain(seen.values.iter().copied().map(f64::from));
        for (place, count) in add.iter_mut().zip(all) {
            *place = count;
        }
        let is_first_of_hour = self.now.first().is_none_or(|requests| *requests <= 0.0);
        for ((now, today), count) in self.now.iter_mut().zip(&mut self.today).zip(add) {
            *now += count;
            *today += count;
        }
        if is_first_of_hour && let Some(bin) = self.bins.get_mut(bin_of(self.hour)) {
            *bin += 1.0;
        }
        self.denied_today = self.denied_today.saturating_add(u32::from(seen.is_denied));
        if let Some((_, requests)) = self.keys.iter_mut().find(|(key, _)| *key == seen.key) {
            *requests = requests.saturating_add(1);
        } else if self.keys.len() < KEYS {
            self.keys.push((seen.key, 1));
        }
    }

    /// Counts beyond which hours and days are unusual, as they are known now.
    fn compute(&self, config: &WatchConfig, h: f64) -> Limits {
        let mut limits = Limits {
            is_computed: true,
            ..Limits::default()
        };
        if self.hours.len() >= config.least_hours as usize {
            for feature in 0..FEATURES {
                let column: Vec<f64> = column(&self.hours, feature).collect();
                let Some((location, scale)) = stats::robust(&column) else {
                    continue;
                };
                let most = column.iter().copied().fold(0.0, f64::max);
                let scale = scale.max(LEAST_SCALE);
                let least = LEAST_HOUR.get(feature).copied().unwrap_or(f64::INFINITY);
                let above = |deviations: f64| {
                    // Few things vary by chance alone: the root of a Poisson count has a deviation of a half (Anscombe 1948).
                    let by_chance = (location.exp().sqrt() + deviations / 2.0).powi(2);
                    let usual = (location + deviations * scale).exp_m1();
                    usual.max(by_chance).max(least)
                };
                // More again than any hour that is remembered: the median tells little of what is mostly zero.
                let beyond = BEYOND * most.exp_m1();
                set(&mut limits.hour, feature, above(config.deviations).max(beyond));
                set(
                    &mut limits.hour_in_company,
                    feature,
                    above(config.deviations * COMPANY),
                );
                let low = (location - config.deviations * scale).exp_m1().max(0.0);
                set(&mut limits.hour_low, feature, low);
                if feature == REQUESTS {
                    limits.busy = location.exp_m1();
                }
            }
        }
        let middle = reference(&self.days);
        for (index, (feature, least)) in DAILY.into_iter().enumerate() {
            let Some((location, scale)) = middle.get(feature).copied().flatten() else {
                continue;
            };
            let scale = scale.max(LEAST_DAY_SCALE);
            let sum = self.sums.get(index).copied().unwrap_or_default();
            // The score with which this day takes the sum past its threshold.
            let needed = h - sum + ALLOWANCE;
            if needed <= MOST_A_DAY
                && let Some(limit) = limits.day.get_mut(index)
            {
                *limit = (location + needed * scale).exp_m1().max(least);
            }
            if let Some(place) = limits.day_middle.get_mut(index) {
                *place = location.exp_m1();
            }
        }
        limits
    }

    fn novelties(&mut self, seen: &Observation, config: &WatchConfig, said: &mut Vec<Said>) {
        let is_known = self.is_known(config);
        let day = i32::try_from(self.hour.div_euclid(24)).unwrap_or(i32::MAX);
        let evidence = format!("{} active days", self.active_days);
        if let Some(network) = seen.network {
            let is_news = match self.news {
                Some((since, news)) if self.hour - since <= COMPANY_HOURS => news == network,
                _ => false,
            };
            if self.networks.see(network, day) {
                if is_known && self.networks.news.is_unusual() {
                    self.news = Some((self.hour, network));
                    self.from_new = 1;
                    said.push(Said {
                        rule: Rule::NewNetwork,
                        severity: Severity::Low,
                        feature: "new networks on a day",
                        expected: (0.0, self.networks.news.rate()),
                        seen: 1.0,
                        method: Method::PoissonTail,
                        evidence: evidence.clone(),
                    });
                }
            } else if is_news {
                self.from_new = self.from_new.saturating_add(1);
            } else {
                self.from_known = self.from_known.saturating_add(1);
            }
            if self.from_new.min(self.from_known) >= LEAST_TWO {
                said.push(Said {
                    rule: Rule::TwoNetworks,
                    severity: Severity::Medium,
                    feature: "requests from the new network in an hour in which the usual one is used",
                    expected: (0.0, 0.0),
                    seen: f64::from(self.from_new),
                    method: Method::Coincidence,
                    evidence: evidence.clone(),
                });
            }
        }
        if let Some(model) = seen.model
            && !seen.is_denied
            && self.models.see(model, day)
            && is_known
            && self.models.news.is_unusual()
        {
            said.push(Said {
                rule: Rule::NewModel,
                severity: Severity::Low,
                feature: "new models on a day",
                expected: (0.0, self.models.news.rate()),
                seen: 1.0,
                method: Method::PoissonTail,
                evidence,
            });
        }
    }

    fn is_in_company(&self) -> bool {
        self.news
            .is_some_and(|(since, _)| self.hour - since <= COMPANY_HOURS)
    }

    fn hour_rules(&self, said: &mut Vec<Said>) {
        let limits = if self.is_in_company() && self.from_new > 0 {
            &self.limits.hour_in_company
        } else {
            &self.limits.hour
        };
        let is_over = |feature: usize| {
            let pair = self.now.get(feature).zip(limits.get(feature));
            pair.is_some_and(|(count, limit)| count > limit)
        };
        let mut say = |feature: usize, rule: Rule, severity: Severity, name: &'static str| {
            let at = |counts: &Counts| counts.get(feature).copied().unwrap_or_default();
            let is_far = at(&self.now) > FAR * at(limits);
            said.push(Said {
                rule,
                severity: if is_far { severity.raised() } else { severity },
                feature: name,
                expected: (at(&self.limits.hour_low), at(limits)),
                seen: at(&self.now),
                method: Method::ModifiedZ,
                evidence: format!("{} active hours", self.hours.len()),
            });
        };
        if is_over(REQUESTS) {
            say(REQUESTS, Rule::Requests, Severity::Low, "requests in an hour");
        }
        const NAMES: [&str; CLASSES] = [
            "contact values in an hour",
            "identity values in an hour",
            "financial values in an hour",
            "secrets in an hour",
            "other values in an hour",
        ];
        if is_over(VALUES) {
            say(
                VALUES,
                Rule::PersonalData,
                Severity::Medium,
                "personal values in an hour",
            );
        } else if let Some((class, name)) = NAMES
            .into_iter()
            .enumerate()
            .find(|(class, _)| is_over(4 + class))
        {
            say(4 + class, Rule::PersonalData, Severity::Medium, name);
        }
        if is_over(BYTES) {
            say(BYTES, Rule::Bytes, Severity::Low, "bytes in an hour");
        }
        if is_over(REPEATS) {
            let requests = self.now.first().copied().unwrap_or_default();
            let repeats = self.now.get(REPEATS).copied().unwrap_or_default();
            if repeats * 2.0 >= requests {
                say(
                    REPEATS,
                    Rule::Repetition,
                    Severity::Medium,
                    "near-equal prompts in an hour",
                );
            }
        }
    }

    fn off_hours(&mut self, config: &WatchConfig, said: &mut Vec<Said>) {
        let (requests, values) = (
            self.now.first().copied().unwrap_or_default(),
            self.now.get(VALUES).copied().unwrap_or_default(),
        );
        if requests.max(values) < OFF_LEAST || !self.is_known(config) {
            return;
        }
        let day = self.hour.div_euclid(24);
        let of_day = self.hour.rem_euclid(24);
        let (share, evidence) = if let Some([from, to]) = config.work_hours {
            let is_work = !is_weekend(day) && (i64::from(from)..i64::from(to)).contains(&of_day);
            (
                f64::from(u8::from(is_work)),
                "the policy's `work_hours`".to_owned(),
            )
        } else {
            let days = self
                .days_seen
                .get(usize::from(is_weekend(day)))
                .copied()
                .unwrap_or_default();
            let least = if is_weekend(day) {
                4.0
            } else {
                f64::from(config.least_days)
            };
            if days < least {
                return;
            }
            // This very hour was counted when it began.
            let of = |hour: i64, own: f64| {
                let bin = bin_of(day * 24 + hour.rem_euclid(24));
                let count = self.bins.get(bin).copied().map_or(0.0, f64::from);
                (count - own).max(0.0)
            };
            let around = of(of_day, 1.0).max(of(of_day - 1, 0.0).min(of(of_day + 1, 0.0)));
            (around / days, format!("{days:.0} such days"))
        };
        if share >= OFF_SHARE {
            return;
        }
        let is_busy = requests > 2.0 * self.limits.busy.max(OFF_LEAST) || values > OFF_MUCH;
        self.off_days.comes_once();
        let is_grave = is_busy && self.off_days.is_unusual();
        said.push(Said {
            rule: Rule::OffHours,
            severity: if is_grave { Severity::Medium } else { Severity::Low },
            feature: "requests and values, whichever are more, at an unusual hour",
            expected: (0.0, OFF_LEAST),
            seen: requests.max(values),
            method: Method::Histogram,
            evidence,
        });
    }

    fn day_rules(&self, h: f64, said: &mut Vec<Said>) {
        const NAMES: [&str; DAILY.len()] = [
            "requests on this day, after days above the usual",
            "personal values on this day, after days above the usual",
            "bytes on this day, after days above the usual",
        ];
        for (index, (feature, _)) in DAILY.into_iter().enumerate() {
            let (Some(today), Some(limit)) = (self.today.get(feature), self.limits.day.get(index)) else {
                continue;
            };
            if today > limit {
                said.push(Said {
                    rule: Rule::SlowExfiltration,
                    severity: if feature == VALUES {
                        Severity::High
                    } else {
                        Severity::Medium
                    },
                    feature: NAMES.get(index).copied().unwrap_or_default(),
                    expected: (
                        0.0,
                        self.limits.day_middle.get(index).copied().unwrap_or_default(),
                    ),
                    seen: *today,
                    method: Method::Cusum,
                    evidence: format!("{} active days, threshold {h:.1}", self.days.len()),
                });
                return;
            }
        }
    }

    fn denied_rule(&self, config: &WatchConfig, said: &mut Vec<Said>) {
        if self.denied_today < LEAST_DENIED || !self.is_known(config) {
            return;
        }
        let requests = self.today.first().copied().unwrap_or_default();
        let (low, _) = stats::wilson(f64::from(self.denied_today), requests, DENIED_Z);
        let (denied, all) = self.denied_before;
        let (_, usual) = stats::wilson(denied, all, DENIED_Z);
        let usual = (1.5 * usual).max(0.05);
        if low > usual {
            said.push(Said {
                rule: Rule::Denied,
                severity: Severity::Medium,
                feature: "of a day's requests refused, as a share",
                expected: (0.0, usual),
                seen: f64::from(self.denied_today) / requests,
                method: Method::Wilson,
                evidence: format!("{requests:.0} requests today, {all:.0} before"),
            });
        }
    }

    /// Drops what was said already, and makes alerts of the rest.
    fn told(&mut self, said: Vec<Said>, seen: &Observation, config: &WatchConfig) -> Vec<Alert> {
        let is_in_company = self.is_in_company();
        let mut alerts = Vec::new();
        for said in said {
            let Some(silent) = self.silent.get_mut(said.rule as usize) else {
                continue;
            };
            let mut severity = said.severity;
            let mut company = Vec::new();
            if is_in_company && !matches!(said.rule, Rule::NewNetwork | Rule::TwoNetworks) {
                severity = severity.raised();
                company.push("the caller came from a new network within a day".to_owned());
            }
            if self.hour < silent.0 && severity <= silent.1 {
                continue;
            }
            *silent = (self.hour + i64::from(config.quiet_hours), severity);
            if said.rule == Rule::SlowExfiltration {
                // The sum begins anew, or it would go on alerting about the same days.
                self.sums = [0.0; DAILY.len()];
                self.limits.day = [f64::INFINITY; DAILY.len()];
            }
            let most = self.keys.iter().max_by_key(|(_, requests)| *requests);
            alerts.push(Alert {
                at: seen.at,
                rule: said.rule,
                severity,
                who: seen.who,
                key: most.map(|(key, _)| *key),
                feature: said.feature.to_owned(),
                expected_low: said.expected.0,
                expected_high: said.expected.1,
                seen: said.seen,
                method: said.method,
                evidence: said.evidence,
                company,
            });
        }
        alerts
    }
}

fn set(counts: &mut Counts, feature: usize, value: f64) {
    if let Some(place) = counts.get_mut(feature) {
        *place = value;
    }
}

fn push(rows: &mut VecDeque<Row>, row: Row, most: usize) {
    if rows.len() >= most {
        rows.pop_front();
    }
    rows.push_back(row);
}

fn column(rows: &VecDeque<Row>, feature: usize) -> impl Iterator<Item = f64> + '_ {
    rows.iter()
        .filter_map(move |row| row.get(feature).copied().map(unpacked))
}

fn bin_of(hour: i64) -> usize {
    let of_day = usize::try_from(hour.rem_euclid(24)).unwrap_or_default();
    of_day + if is_weekend(hour.div_euclid(24)) { 24 } else { 0 }
}

/// Location and scale of each feature of [`DAILY`] on the days that count as usual; none while there are too few.
fn reference(days: &VecDeque<Row>) -> [Option<(f64, f64)>; FEATURES] {
    let usual = days.len().saturating_sub(RECENT_DAYS);
    let mut all = [None; FEATURES];
    if usual >= LEAST_REFERENCE {
        for (feature, _) in DAILY {
            let column: Vec<f64> = column(days, feature).take(usual).collect();
            if let Some(place) = all.get_mut(feature) {
                *place = stats::robust(&column);
            }
        }
    }
    all
}
