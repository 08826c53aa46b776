//! Canada.

use privet_types::Entity;

use super::checks::{field, is_day, is_one_digit_repeated, luhn, value, weighted};
use super::{Check, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        entity: Entity::CA_SIN,
        rule: "ca-sin/hyphens",
        shapes: &["999-999-999"],
        check: social_insurance,
        words: SIN_WORDS,
        form: 0.0,
        sum: 0.4,
        told: 0.0,
    },
    Spec {
        entity: Entity::CA_SIN,
        rule: "ca-sin/luhn",
        shapes: &["999_999_999"],
        check: social_insurance,
        words: SIN_WORDS,
        form: 0.0,
        sum: 0.2,
        told: 0.0,
    },
    Spec {
        entity: Entity::CA_HEALTH,
        rule: "ca-health/ontario",
        shapes: &["9999999999", "9999_999_999"],
        check: ontario,
        words: HEALTH_WORDS,
        form: 0.0,
        sum: 0.15,
        told: 0.0,
    },
    Spec {
        entity: Entity::CA_HEALTH,
        rule: "ca-health/ontario-version",
        shapes: &[
            "9999999999AA",
            "9999_999_999_AA",
            "9999 999 999AA",
            "^9999999999 AA",
            "9999-999-999 AA",
        ],
        check: ontario,
        words: HEALTH_WORDS,
        form: 0.0,
        sum: 0.6,
        told: 0.0,
    },
    Spec {
        entity: Entity::CA_HEALTH,
        rule: "ca-health/quebec",
        shapes: &["AAAA_9999_9999"],
        check: quebec,
        words: HEALTH_WORDS,
        form: 0.5,
        sum: 0.0,
        told: 0.95,
    },
    Spec {
        entity: Entity::CA_HEALTH,
        rule: "ca-health/british-columbia",
        shapes: &["9999999999", "9999_999_999"],
        check: british_columbia,
        words: HEALTH_WORDS,
        form: 0.0,
        sum: 0.15,
        told: 0.0,
    },
    // Alberta, Manitoba, Saskatchewan, New Brunswick, Yukon; Newfoundland; Northwest Territories; Prince Edward Island.
    Spec {
        entity: Entity::CA_HEALTH,
        rule: "ca-health/others",
        shapes: &[
            "999999999",
            "99999_9999",
            "999_999_999",
            "999999999999",
            "A9999999",
            "99999999",
        ],
        check: others,
        words: HEALTH_WORDS,
        form: 0.02,
        sum: 0.0,
        told: 0.6,
    },
];

const SIN_WORDS: &[&str] = &[
    "sin",
    "sin number",
    "sin no",
    "social insurance",
    "social insurance number",
    "nas",
    "numéro d'assurance sociale",
    "assurance sociale",
    "cra",
    "service canada",
    "social security",
    "ssn",
];

const HEALTH_WORDS: &[&str] = &[
    "health card",
    "health card number",
    "health number",
    "healthcard",
    "personal health number",
    "health insurance number",
    "health insurance card",
    "health services number",
    "ohip",
    "phn",
    "hcn",
    "phin",
    "ramq",
    "ahcip",
    "carecard",
    "bc services card",
    "medicare number",
    "carte santé",
    "carte soleil",
    "assurance maladie",
    "carte d'assurance maladie",
    "numéro d'assurance maladie",
    "nam",
];

/// First digit 1–7 or 9 (8 begins business numbers, 0 numbers for other uses), and Luhn's check digit.
///
/// Source: Employment and Social Development Canada, "Social Insurance Number Code of Practice"; Canada Revenue Agency,
/// "Verifying social insurance numbers".
fn social_insurance(compact: &[u8]) -> Check {
    let is_first = !matches!(compact.first(), Some(b'0' | b'8'));
    Check::sum(is_first && !is_one_digit_repeated(compact) && luhn(compact))
}

/// Ten digits, Luhn's check digit last, never 0 first; then a version code of two letters.
///
/// Source: Ontario Ministry of Health, "Health Card Validation Reference Manual", section on the check digit.
fn ontario(compact: &[u8]) -> Check {
    let (digits, version) = compact.split_at_checked(10).unwrap_or_default();
    let is_first = digits.first() != Some(&b'0');
    let is_version = version.iter().all(u8::is_ascii_uppercase);
    Check::sum(is_first && is_version && !is_one_digit_repeated(digits) && luhn(digits))
}

/// Three letters of the surname, one of the given name, year, month (+ 50 for women) and day of birth, two more digits.
///
/// Source: Régie de l'assurance maladie du Québec, "Composition du numéro d'assurance maladie".
fn quebec(compact: &[u8]) -> Check {
    let (Some(year), Some(month), Some(day)) =
        (field(compact, 4, 6), field(compact, 6, 8), field(compact, 8, 10))
    else {
        return Check::No;
    };
    let month = if month > 50 { month - 50 } else { month };
    Check::form(is_day(2000 + year, month, day))
}

/// 9 first, eight digits with weights 2, 4, 8, 5, 10, 9, 7, 3, and 11 less the remainder by 11.
///
/// Source: British Columbia Ministry of Health, "Personal Health Number" in the conformance standards, volume 4.
fn british_columbia(compact: &[u8]) -> Check {
    let sum = weighted(compact.get(1..9).unwrap_or_default(), &[2, 4, 8, 5, 10, 9, 7, 3]);
    let is_right = compact.last().is_some_and(|b| value(*b) == 11 - sum % 11);
    Check::sum(compact.first() == Some(&b'9') && is_right)
}

fn others(compact: &[u8]) -> Check {
    Check::form(!is_one_digit_repeated(compact))
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, misses};

    #[test]
    fn social_insurance_numbers_have_luhns_digit_and_an_issued_first_one() {
        finds(Entity::CA_SIN, "SIN 527 804 199", "527 804 199");
        finds(Entity::CA_SIN, "son NAS est le 527804199.", "527804199");
        finds(Entity::CA_SIN, "it is 527-804-199", "527-804-199");
        for text in [
            "SIN 527 804 195",
            "SIN 027 804 194",
            "sum 527 804 199",
            "527804199",
        ] {
            misses(Entity::CA_SIN, text);
        }
    }

    #[test]
    fn health_cards_of_the_provinces_are_found() {
        finds(Entity::CA_HEALTH, "OHIP 4539-180-275", "4539-180-275");
        finds(Entity::CA_HEALTH, "card 4539-180-275-KT", "4539-180-275-KT");
        finds(Entity::CA_HEALTH, "NAM: TREM 8562 1437", "TREM 8562 1437");
        finds(Entity::CA_HEALTH, "PHN 9416 283 174", "9416 283 174");
        finds(
            Entity::CA_HEALTH,
            "Alberta personal health number 48213-6705",
            "48213-6705",
        );
        for text in [
            "OHIP 4539-180-272",
            "TREM 8513 1437",
            "PHN 9416 283 176",
            "item 48213-6705",
        ] {
            misses(Entity::CA_HEALTH, text);
        }
    }
}
