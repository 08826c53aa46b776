//! Makes chances of scores: of the findings that say 0.8, eight in ten are to be right.
//!
//! What a rule says of itself is an estimate. How often it was right on the gold texts is counted by
//! `cargo run --release -p privet-pii --example calibrate`, which prints the table below; run it again after a rule has
//! changed. Decision 0014 says what is fitted and why.

use privet_types::{Basis, Finding};

use crate::config::Config;

/// Estimates are kept this far from 0 and 1, where odds have no logarithm.
const EDGE: f64 = 0.001;

/// How the estimates of some rules are turned: natural-log odds × `slope` + `shift`.
struct Turn {
    slope: f64,
    shift: f64,
}

/// A row of the tables.
const fn turn(slope: f64, shift: f64) -> Turn {
    Turn { slope, shift }
}

/// Rules that these texts have at least 25 findings of, by name. Sorted.
///
/// Origin: `cargo run --release -p privet-pii --example calibrate`, 28 November 2026, the texts of `tests/it/fixtures/gold` and
/// those of `tests/it/fixtures/heldout` with odd numbers (575 texts, 4,231 findings).
const RULES: &[(&str, Turn)] = &[
    ("address/province", turn(1.14, 2.58)),
    ("address/street", turn(1.33, 3.03)),
    ("age/word", turn(1.03, 3.65)),
    ("birth/date", turn(1.44, 1.59)),
    ("card/luhn", turn(1.05, 0.80)),
    ("date/clock", turn(1.09, 3.75)),
    ("date/iso", turn(1.01, 1.54)),
    ("date/month", turn(2.00, 0.85)),
    ("date/named", turn(0.92, 2.83)),
    ("date/numeric", turn(1.72, 0.49)),
    ("date/unspaced", turn(1.24, 2.38)),
    ("date/weekday", turn(1.08, -1.57)),
    ("email/address", turn(1.11, 0.83)),
    ("iban/mod97", turn(1.06, 0.80)),
    ("ip/v4", turn(1.04, 0.79)),
    ("mac/colons", turn(1.13, 1.70)),
    ("ner/date_time", turn(0.80, -1.73)),
    ("ner/location", turn(0.77, -0.25)),
    ("ner/nrp", turn(0.98, -0.21)),
    ("ner/organization", turn(0.94, -0.09)),
    ("ner/person", turn(1.05, -0.08)),
    ("ner/street_address", turn(1.37, -1.01)),
    ("person/word", turn(1.21, 2.91)),
    ("phone/international", turn(0.59, 0.53)),
    ("phone/national", turn(1.40, 2.30)),
    ("told/word", turn(1.30, 3.42)),
    ("uuid/text", turn(1.17, 1.83)),
];

/// All other rules, by what a finding rests on. Same origin.
const BASES: &[(Basis, Turn)] = &[
    (Basis::Pattern, turn(1.41, 1.52)),
    (Basis::Context, turn(0.90, 2.19)),
    (Basis::Checksum, turn(1.11, 0.77)),
];

/// How likely `finding` is right, given what its rule says of it. Estimates below the usual threshold stay as they are, and
/// none crosses it, so that the threshold keeps what it kept. What users list or describe has the score that they gave it.
pub(crate) fn calibrated(finding: &Finding) -> f32 {
    let rule = finding.rule.0;
    let raw = finding.score;
    let least = Config::THRESHOLD as f32;
    if raw < least
        || finding.basis == Basis::Listed
        || rule.starts_with("custom/")
        || rule.starts_with("term/")
    {
        return raw;
    }
    let own = RULES.binary_search_by(|(name, _)| (*name).cmp(rule)).ok();
    let turn = own.and_then(|at| RULES.get(at)).map(|(_, turn)| turn);
    let of_basis = || {
        BASES
            .iter()
            .find(|(basis, _)| *basis == finding.basis)
            .map(|(_, turn)| turn)
    };
    let Some(turn) = turn.or_else(of_basis) else {
        return raw;
    };
    let estimate = f64::from(raw).clamp(EDGE, 1.0 - EDGE);
    let odds = turn.slope * (estimate / (1.0 - estimate)).ln() + turn.shift;
    let chance = 1.0 / (1.0 + (-odds).exp());
    // More digits would say more than is known.
    ((chance * 100.0).round() / 100.0).clamp(Config::THRESHOLD, 1.0) as f32
}

#[cfg(test)]
mod tests {
    use privet_types::{Entity, RuleId, Span};

    use super::*;

    fn finding(rule: &'static str, basis: Basis, score: f32) -> Finding {
        Finding {
            entity: Entity::PERSON,
            span: Span::new(0, 1),
            score,
            rule: RuleId(rule),
            basis,
        }
    }

    #[test]
    fn the_table_is_sorted_and_turns_nothing_round() {
        assert!(RULES.is_sorted_by_key(|(name, _)| *name));
        assert!(RULES.iter().all(|(_, turn)| turn.slope >= 0.0));
        assert!(BASES.iter().all(|(_, turn)| turn.slope >= 0.0));
    }

    #[test]
    fn no_score_crosses_the_threshold_and_greater_ones_stay_greater() {
        for basis in [
            Basis::Form,
            Basis::Network,
            Basis::Pattern,
            Basis::Context,
            Basis::Checksum,
        ] {
            for rule in RULES.iter().map(|(name, _)| *name).chain(["a-rule/of-no-table"]) {
                let mut last = 0.0;
                for step in 0_u8..=100 {
                    let raw = f32::from(step) / 100.0;
                    let made = calibrated(&finding(rule, basis, raw));
                    assert_eq!(made < 0.35, raw < 0.35, "{rule} {raw}");
                    assert!(made >= last && made <= 1.0, "{rule} {raw}");
                    last = made;
                }
            }
        }
    }

    #[test]
    fn scores_that_users_gave_stay() {
        for (rule, basis) in [
            ("custom/pattern", Basis::Context),
            ("custom/listed", Basis::Listed),
            ("term/listed", Basis::Pattern),
        ] {
            assert!((calibrated(&finding(rule, basis, 0.65)) - 0.65).abs() < 1e-6);
        }
    }
}
