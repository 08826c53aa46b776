//! Base scores of CVSS vectors, versions 2, 3.0, 3.1; version 4 is next door.

use super::cvss4;
use crate::Severity;

/// Longest vector that is read; a full one of version 4 has some 250 bytes.
const MAX_VECTOR: usize = 512;

/// A vector's metrics by name.
pub(super) struct Metrics<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Metrics<'a> {
    /// `None` if a metric is written twice or without a value.
    fn parse(text: &'a str) -> Option<Self> {
        let mut metrics: Vec<(&str, &str)> = Vec::new();
        for part in text.split('/') {
            let (name, value) = part.split_once(':')?;
            // Values of all versions are letters; what follows one is no part of a vector.
            let is_value = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphabetic());
            if !is_value || metrics.iter().any(|(known, _)| *known == name) {
                return None;
            }
            metrics.push((name, value));
        }
        Some(Self(metrics))
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    }

    fn weight(&self, name: &str, weights: &[(&str, f64)]) -> Option<f64> {
        let value = self.get(name)?;
        weights
            .iter()
            .find(|(known, _)| *known == value)
            .map(|(_, weight)| *weight)
    }
}

/// The score of a CVSS vector, 0 to 10 in tenths: the base score for versions 2 and 3, with threat and environment where the
/// vector has them for version 4. `None` if it is none of these.
///
/// # Source
/// FIRST, "Common Vulnerability Scoring System", specification documents of versions 2.0 (3.2.1), 3.0, 3.1 (7.1) and 4.0 (8).
///
/// ```
/// use privet_supplychain::dependencies::base_score;
/// assert_eq!(base_score("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"), Some(9.8));
/// ```
#[must_use]
pub fn base_score(vector: &str) -> Option<f64> {
    let vector = vector.trim();
    if vector.len() > MAX_VECTOR {
        return None;
    }
    if let Some(rest) = vector.strip_prefix("CVSS:4.0/") {
        return cvss4::score(&Metrics::parse(rest)?);
    }
    if let Some(rest) = vector
        .strip_prefix("CVSS:3.1/")
        .or_else(|| vector.strip_prefix("CVSS:3.0/"))
    {
        return score3(&Metrics::parse(rest)?);
    }
    let vector = vector
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
        .unwrap_or(vector);
    score2(&Metrics::parse(vector)?)
}

/// The word for a score (CVSS 3.1 and 4.0, "Qualitative Severity Rating Scale"); 0 is given as low, for there is an advisory.
#[must_use]
pub fn severity_of_score(score: f64) -> Severity {
    match score {
        s if s >= 9.0 => Severity::Critical,
        s if s >= 7.0 => Severity::High,
        s if s >= 4.0 => Severity::Medium,
        _ => Severity::Low,
    }
}

/// The highest score of `vectors`.
pub(super) fn highest(vectors: &[&str]) -> Option<f64> {
    vectors
        .iter()
        .filter_map(|vector| base_score(vector))
        .max_by(f64::total_cmp)
}

fn score2(metrics: &Metrics<'_>) -> Option<f64> {
    let loss = [("N", 0.0), ("P", 0.275), ("C", 0.660)];
    let c = metrics.weight("C", &loss)?;
    let i = metrics.weight("I", &loss)?;
    let a = metrics.weight("A", &loss)?;
    let access = metrics.weight("AV", &[("L", 0.395), ("A", 0.646), ("N", 1.0)])?;
    let complexity = metrics.weight("AC", &[("H", 0.35), ("M", 0.61), ("L", 0.71)])?;
    let authentication = metrics.weight("Au", &[("M", 0.45), ("S", 0.56), ("N", 0.704)])?;
    let impact = 10.41 * (1.0 - (1.0 - c) * (1.0 - i) * (1.0 - a));
    let exploitability = 20.0 * access * complexity * authentication;
    let factor = if impact == 0.0 { 0.0 } else { 1.176 };
    let score = (0.6 * impact + 0.4 * exploitability - 1.5) * factor;
    Some(to_tenths((score * 10.0).round()))
}

fn score3(metrics: &Metrics<'_>) -> Option<f64> {
    let is_changed = match metrics.get("S")? {
        "U" => false,
        "C" => true,
        _ => return None,
    };
    let loss = [("H", 0.56), ("L", 0.22), ("N", 0.0)];
    let c = metrics.weight("C", &loss)?;
    let i = metrics.weight("I", &loss)?;
    let a = metrics.weight("A", &loss)?;
    let vector = metrics.weight("AV", &[("N", 0.85), ("A", 0.62), ("L", 0.55), ("P", 0.2)])?;
    let complexity = metrics.weight("AC", &[("L", 0.77), ("H", 0.44)])?;
    let privileges = if is_changed {
        metrics.weight("PR", &[("N", 0.85), ("L", 0.68), ("H", 0.5)])?
    } else {
        metrics.weight("PR", &[("N", 0.85), ("L", 0.62), ("H", 0.27)])?
    };
    let interaction = metrics.weight("UI", &[("N", 0.85), ("R", 0.62)])?;
    let base = 1.0 - (1.0 - c) * (1.0 - i) * (1.0 - a);
    let impact = if is_changed {
        7.52 * (base - 0.029) - 3.25 * (base - 0.02).powi(15)
    } else {
        6.42 * base
    };
    if impact <= 0.0 {
        return Some(0.0);
    }
    let exploitability = 8.22 * vector * complexity * privileges * interaction;
    let sum = impact + exploitability;
    let score = if is_changed { 1.08 * sum } else { sum };
    Some(rounded_up(score.min(10.0)))
}

/// Smallest tenth not below `score`, by the integer rule of CVSS 3.1 (appendix A) that binary fractions cannot upset.
fn rounded_up(score: f64) -> f64 {
    let hundred_thousandths = (score * 100_000.0).round();
    to_tenths((hundred_thousandths / 10_000.0).ceil())
}

pub(super) fn to_tenths(count: f64) -> f64 {
    count / 10.0
}
