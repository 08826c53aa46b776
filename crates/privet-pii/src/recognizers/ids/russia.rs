//! Russia.

use privet_types::Entity;

use super::checks::{field, is_time_stamp, value_at, weighted};
use super::{Check, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        entity: Entity::RU_INN,
        rule: "ru-inn/person",
        shapes: &["999999999999"],
        check: inn_of_person,
        words: INN,
        form: 0.0,
        sum: 0.36,
        told: 0.0,
    },
    Spec {
        entity: Entity::RU_INN,
        rule: "ru-inn/company",
        shapes: &["9999999999"],
        check: inn_of_company,
        words: INN,
        form: 0.0,
        sum: 0.12,
        told: 0.0,
    },
    Spec {
        entity: Entity::RU_SNILS,
        rule: "ru-snils/mod101",
        shapes: &["999-999-999 99", "999-999-999-99", "999 999 999 99"],
        check: snils,
        words: SNILS,
        form: 0.0,
        sum: 0.95,
        told: 0.0,
    },
    Spec {
        entity: Entity::RU_SNILS,
        rule: "ru-snils/digits",
        shapes: &["99999999999"],
        check: snils,
        words: SNILS,
        form: 0.0,
        sum: 0.3,
        told: 0.0,
    },
];

const INN: &[&str] = &[
    "инн",
    "инн физлица",
    "идентификационный номер налогоплательщика",
    "налогоплательщик*",
    "inn",
    "taxpayer",
    "tax id",
    "tax number",
    "steuernummer",
    "numéro fiscal",
    "número fiscal",
    "vergi numarası",
    "纳税人识别号",
];

const SNILS: &[&str] = &[
    "снилс",
    "страховой номер",
    "пенсионн*",
    "страховое свидетельство",
    "snils",
    "pension insurance",
    "insurance number",
    "social security",
    "rentenversicherung*",
    "sozialversicherung*",
];

/// Weights of the last check digit; the others' begin further on.
const WEIGHTS: [u32; 11] = [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8];

/// Whether the character at `at` is the check digit over those before it.
fn is_check_digit(compact: &[u8], at: usize) -> bool {
    let weights = WEIGHTS
        .get(WEIGHTS.len().saturating_sub(at)..)
        .unwrap_or_default();
    weighted(compact, weights) % 11 % 10 == value_at(compact, at)
}

/// Twelve digits, the first two the region, the last two check digits (modulus 11, then 10). Region 20 (Chechnya) is left out
/// where the digits are a time stamp.
///
/// Source: Federal Tax Service, order ED-7-14/559 of 26 June 2020, annex 1, paragraphs 2 to 5.
fn inn_of_person(compact: &[u8]) -> Check {
    let is_region = field(compact, 0, 2).is_some_and(|r| r > 0);
    Check::sum(
        is_region && !is_time_stamp(compact) && is_check_digit(compact, 10) && is_check_digit(compact, 11),
    )
}

/// Ten digits, the first two the region, the last the check digit.
///
/// Source: as for [`inn_of_person`].
fn inn_of_company(compact: &[u8]) -> Check {
    Check::sum(field(compact, 0, 2).is_some_and(|r| r > 0) && is_check_digit(compact, 9))
}

/// Nine digits and two check digits: the sum with weights 9 to 1, modulus 101, 00 for 100. Numbers up to 001-001-998 had none.
///
/// Source: Pension Fund of Russia, resolution 192p of 31 July 2006, annex 1; Federal Law 27-FZ of 1 April 1996, article 6.
fn snils(compact: &[u8]) -> Check {
    let sum = weighted(compact, &[9, 8, 7, 6, 5, 4, 3, 2, 1]);
    let is_right = field(compact, 9, 11) == Some(u64::from(sum % 101 % 100));
    Check::sum(is_right && field(compact, 0, 9).is_some_and(|n| n > 1_001_998))
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, misses, misses_alone};

    #[test]
    fn numbers_are_found() {
        for (entity, text, value) in [
            (Entity::RU_INN, "ИНН 7724081938", "7724081938"),
            (Entity::RU_INN, "ИНН: 773827194016", "773827194016"),
            (Entity::RU_INN, "taxpayer no. 773827194016", "773827194016"),
            (Entity::RU_SNILS, "148-302-795 66", "148-302-795 66"),
            (Entity::RU_SNILS, "СНИЛС 14830279566", "14830279566"),
        ] {
            finds(entity, text, value);
        }
    }

    #[test]
    fn others_are_not() {
        for (entity, text) in [
            (Entity::RU_INN, "инн 7724081939"),
            (Entity::RU_INN, "инн 773827194017"),
            (Entity::RU_INN, "инн 0000000000"),
            (Entity::RU_SNILS, "снилс 148-302-795 67"),
            (Entity::RU_SNILS, "снилс 000-000-000 00"),
        ] {
            misses_alone(entity, text);
        }
        misses(Entity::RU_INN, "order 7724081938");
        misses(Entity::RU_SNILS, "order 14830279566");
    }
}
