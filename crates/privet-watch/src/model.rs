//! What is usual of a model: how often it refuses and fails, and how long its replies are.

use serde::{Deserialize, Serialize};

use crate::observation::Reply;
use crate::{Alert, Method, Rule, Severity, stats};

/// Replies that tell what is usual of a version, before anything is judged.
const REFERENCE: u32 = 500;
/// Once in how many replies each sum may alert by chance.
const RUN_LENGTH: f64 = 1e6;
/// The change that is looked for: odds of this many times those before.
const ODDS: f64 = 2.0;
/// Half of the shift of lengths that is looked for, in standard deviations.
const ALLOWANCE: f64 = 0.25;
/// A single reply's length adds no more than this.
const MOST_A_REPLY: f64 = 3.0;
const HOUR: i64 = 3600;

/// How often one thing happens.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Share {
    /// In the replies of the reference.
    before: u32,
    since: u32,
    sum: f64,
    silent: i64,
}

/// What is known of one version of a model.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct ModelProfile {
    /// Replies of the reference.
    replies: u32,
    /// Those of them that are none of errors.
    answered: u32,
    refusals: Share,
    errors: Share,
    leftovers: Share,
    /// Of the logarithms of lengths.
    mean: f64,
    squares: f64,
    /// Replies since.
    later: u32,
    longer: f64,
    shorter: f64,
    silent: i64,
    pub(crate) last_second: i64,
    #[serde(skip)]
    pub(crate) is_dirty: bool,
}

impl Share {
    /// Takes in one reply, of which `of` were in the reference. Says between which shares the usual one lies, if it has changed.
    fn observe(&mut self, happened: bool, of: u32) -> Option<(f64, f64)> {
        self.since = self.since.saturating_add(u32::from(happened));
        // The upper end of what the reference allows: its estimate is not taken for the truth.
        let (low, high) = stats::wilson(f64::from(self.before), f64::from(of), 1.645);
        let before = high.clamp(0.002, 0.45);
        let after = before * ODDS / (1.0 - before + before * ODDS);
        self.sum = (self.sum + stats::bernoulli_score(happened, before, after)).max(0.0);
        // A sum of logarithms of likelihoods' ratios passes ln(n) by chance once in n replies on average, or less often (Lorden
        // 1971).
        (self.sum > RUN_LENGTH.ln()).then_some((low, high))
    }
}

impl ModelProfile {
    /// Takes in one reply, and says what has changed. `quiet` in hours.
    pub(crate) fn observe(&mut self, reply: &Reply, quiet: u32) -> Vec<Alert> {
        self.is_dirty = true;
        self.last_second = reply.at.as_second();
        let length = (reply.bytes as f64).ln_1p();
        if self.replies < REFERENCE {
            self.replies += 1;
            self.errors.before += u32::from(reply.is_error);
            if !reply.is_error {
                self.answered += 1;
                self.refusals.before += u32::from(reply.is_refusal);
                self.leftovers.before += u32::from(reply.has_leftover);
                // Welford 1962.
                let delta = length - self.mean;
                self.mean += delta / f64::from(self.answered);
                self.squares += delta * (length - self.mean);
            }
            return Vec::new();
        }
        self.later = self.later.saturating_add(1);
        let mut alerts = Vec::new();
        self.shares(reply, quiet, &mut alerts);
        if !reply.is_error && !reply.is_refusal {
            self.lengths(reply, length, quiet, &mut alerts);
        }
        alerts
    }

    fn shares(&mut self, reply: &Reply, quiet: u32, alerts: &mut Vec<Alert>) {
        let (all, answered, later) = (self.replies, self.answered, self.later);
        let mut look = |rule: Rule, share: &mut Share, happened: bool, of: u32, feature: &str| {
            let Some((expected_low, expected_high)) = share.observe(happened, of) else {
                return;
            };
            if reply.at.as_second() < share.silent {
                return;
            }
            share.sum = 0.0;
            share.silent = reply.at.as_second() + i64::from(quiet) * HOUR;
            alerts.push(Alert {
                at: reply.at,
                rule,
                severity: Severity::Medium,
                who: reply.model,
                key: None,
                feature: feature.to_owned(),
                expected_low,
                expected_high,
                seen: f64::from(share.since) / f64::from(later.max(1)),
                method: Method::Cusum,
                evidence: format!("{all} replies of reference, {later} since"),
                company: Vec::new(),
            });
        };
        let (error, refusal, leftover) = (reply.is_error, reply.is_refusal, reply.has_leftover);
        look(
            Rule::ModelErrors,
            &mut self.errors,
            error,
            all,
            "of replies are errors, as a share",
        );
        if error {
            return;
        }
        look(
            Rule::ModelRefusals,
            &mut self.refusals,
            refusal,
            answered,
            "of replies are refusals, as a share",
        );
        look(
            Rule::ModelLeftovers,
            &mut self.leftovers,
            leftover,
            answered,
            "of replies hold stand-ins that were not restored, as a share",
        );
    }

    fn lengths(&mut self, reply: &Reply, length: f64, quiet: u32, alerts: &mut Vec<Alert>) {
        if self.answered < REFERENCE / 2 {
            return;
        }
        let scale = (self.squares / f64::from(self.answered - 1)).sqrt().max(0.1);
        let score = ((length - self.mean) / scale).clamp(-MOST_A_REPLY, MOST_A_REPLY);
        self.longer = stats::cusum(self.longer, score, ALLOWANCE);
        self.shorter = stats::cusum(self.shorter, -score, ALLOWANCE);
        let threshold = stats::threshold_for(ALLOWANCE, RUN_LENGTH);
        if self.longer.max(self.shorter) <= threshold || reply.at.as_second() < self.silent {
            return;
        }
        self.silent = reply.at.as_second() + i64::from(quiet) * HOUR;
        let became = if self.longer > self.shorter {
            "longer"
        } else {
            "shorter"
        };
        (self.longer, self.shorter) = (0.0, 0.0);
        alerts.push(Alert {
            at: reply.at,
            rule: Rule::ModelLength,
            severity: Severity::Low,
            who: reply.model,
            key: None,
            feature: format!("bytes of the latest reply; replies became {became}"),
            expected_low: (self.mean - 2.0 * scale).exp_m1().max(0.0),
            expected_high: (self.mean + 2.0 * scale).exp_m1(),
            seen: reply.bytes as f64,
            method: Method::Cusum,
            evidence: format!("{} replies of reference, {} since", self.answered, self.later),
            company: Vec::new(),
        });
    }
}
