//! Nigeria and South Africa.

use privet_types::Entity;

use super::checks::{field, is_day, is_one_digit_repeated, luhn, verhoeff};
use super::words::VEHICLE;
use super::{Check, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        entity: Entity::NG_NIN,
        rule: "ng-nin/verhoeff",
        shapes: &["99999999999", "9999 999 9999", "999 9999 9999", "9999-999-9999"],
        check: national,
        words: &[
            "nin",
            "nin number",
            "nin no",
            "national identification number",
            "national identity number",
            "national id",
            "national identification",
            "nimc",
            "nigerian id",
        ],
        form: 0.0,
        sum: 0.25,
        told: 0.0,
    },
    Spec {
        entity: Entity::NG_VEHICLE_REGISTRATION,
        rule: "ng-vehicle/form",
        shapes: &["AAA_999AA", "AAA_999_AA", "AAA-999 AA"],
        check: mark,
        words: VEHICLE,
        form: 0.2,
        sum: 0.0,
        told: 0.85,
    },
    Spec {
        entity: Entity::ZA_ID_NUMBER,
        rule: "za-id/luhn",
        shapes: &[
            "9999999999999",
            "999999 9999 999",
            "999999 9999 99 9",
            "999999-9999-999",
            "999999 9999999",
        ],
        check: south_african,
        words: &[
            "id number",
            "id no",
            "identity number",
            "identity document",
            "south african id",
            "sa id",
            "rsa id",
            "id",
            "resident number",
            "identiteitsnommer",
            "id nommer",
            "isazisi",
            "smart id",
        ],
        form: 0.0,
        sum: 0.6,
        told: 0.0,
    },
];

/// Eleven digits, Verhoeff's check digit last.
///
/// Source: National Identity Management Commission, "National Standards and Specifications for the NIN".
fn national(compact: &[u8]) -> Check {
    Check::sum(verhoeff(compact) && !is_one_digit_repeated(compact))
}

/// Three letters of the local government area, three digits, two letters of serial.
///
/// Source: Federal Road Safety Corps, National Road Traffic Regulations 2012, part II.
fn mark(compact: &[u8]) -> Check {
    Check::form(compact.get(3..6).is_some_and(|n| n != b"000"))
}

/// Date of birth, four digits of sequence and sex, citizenship (0 citizen, 1 permanent resident, 2 refugee), a digit that was the
/// population group and is 8 or 9 since 1986, Luhn's check digit.
///
/// Source: Department of Home Affairs, Identification Act 68 of 1997, and "Decode your South African ID number".
fn south_african(compact: &[u8]) -> Check {
    let (Some(year), Some(month), Some(day)) =
        (field(compact, 0, 2), field(compact, 2, 4), field(compact, 4, 6))
    else {
        return Check::No;
    };
    // 2000 was a leap year, 1900 was not; nobody born then is alive.
    let is_born = is_day(2000 + year, month, day);
    let is_citizenship = compact.get(10).is_some_and(|b| matches!(b, b'0'..=b'2'));
    let is_filler = compact.get(11).is_some_and(|b| matches!(b, b'8' | b'9'));
    Check::sum(is_born && is_citizenship && is_filler && luhn(compact))
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, misses};

    #[test]
    fn nigerian_numbers_are_found_beside_a_word() {
        finds(Entity::NG_NIN, "NIN 41738596029", "41738596029");
        misses(Entity::NG_NIN, "NIN 41738596028");
        misses(Entity::NG_NIN, "order 41738596029");
        finds(Entity::NG_VEHICLE_REGISTRATION, "plate KJA-417BR", "KJA-417BR");
        misses(Entity::NG_VEHICLE_REGISTRATION, "see KJA-417BR");
        misses(Entity::NG_VEHICLE_REGISTRATION, "plate KJA-000BR");
    }

    #[test]
    fn south_african_numbers_hold_a_date_and_two_kinds() {
        finds(Entity::ZA_ID_NUMBER, "it is 8703145206083", "8703145206083");
        finds(Entity::ZA_ID_NUMBER, "ID 870314 5206 083", "870314 5206 083");
        for text in ["8703145206084", "8713145206082", "8703145206380", "8703145206075"] {
            misses(Entity::ZA_ID_NUMBER, text);
        }
    }
}
