//! China and Japan.

use privet_types::Entity;

use super::checks::{field, is_day, is_one_digit_repeated, value, weighted};
use super::{Check, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        entity: Entity::CN_RESIDENT_ID,
        rule: "cn-resident/mod11-2",
        shapes: &[
            "999999999999999999",
            "99999999999999999x",
            "999999_99999999_9999",
            "999999_99999999_999x",
        ],
        check: resident,
        words: RESIDENT_WORDS,
        form: 0.0,
        sum: 0.95,
        told: 0.0,
    },
    Spec {
        entity: Entity::CN_RESIDENT_ID,
        rule: "cn-resident/old",
        shapes: &["999999999999999"],
        check: old_resident,
        words: RESIDENT_WORDS,
        form: 0.1,
        sum: 0.0,
        told: 0.8,
    },
    Spec {
        entity: Entity::JP_MY_NUMBER,
        rule: "jp-my-number/mod11",
        shapes: &["999999999999", "9999_9999_9999"],
        check: my_number,
        words: &[
            "マイナンバー",
            "個人番号",
            "my number",
            "mynumber",
            "individual number",
            "my number card",
            "personal number",
            "個人番號",
        ],
        form: 0.0,
        sum: 0.25,
        told: 0.0,
    },
];

const RESIDENT_WORDS: &[&str] = &[
    "身份证",
    "身份證",
    "身分证",
    "身分證",
    "公民身份号码",
    "证件号",
    "resident id",
    "resident identity",
    "chinese id",
    "china id",
    "identity card",
    "id card",
    "id number",
    "citizen id",
    "shenfenzheng",
    "sfz",
];

/// Codes of provinces, sorted, and 91 for foreigners with permanent residence.
///
/// Source: GB/T 2260.
const PROVINCES: &[u64] = &[
    11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54,
    61, 62, 63, 64, 65, 71, 81, 82, 83, 91,
];

fn is_province(compact: &[u8]) -> bool {
    field(compact, 0, 2).is_some_and(|code| PROVINCES.binary_search(&code).is_ok())
}

/// Division, date of birth, sequence, and the check character of ISO 7064 MOD 11-2, X for 10.
///
/// Source: GB 11643-1999, "Citizen identification number".
fn resident(compact: &[u8]) -> Check {
    let (Some(year), Some(month), Some(day)) = (
        field(compact, 6, 10),
        field(compact, 10, 12),
        field(compact, 12, 14),
    ) else {
        return Check::No;
    };
    // Each place weighs twice the next one: Horner's scheme.
    let sum = compact
        .iter()
        .take(17)
        .fold(0, |sum, b| (sum + value(*b)) * 2 % 11);
    let last = match compact.last() {
        Some(b'X') => 10,
        Some(b) => value(*b),
        None => return Check::No,
    };
    let is_right = (sum + last) % 11 == 1;
    let is_born = (1850..=2099).contains(&year) && is_day(year, month, day);
    Check::sum(is_right && is_born && is_province(compact))
}

/// The numbers of before 1999: year of two digits, no check character.
///
/// Source: GB 11643-1989.
fn old_resident(compact: &[u8]) -> Check {
    let (Some(year), Some(month), Some(day)) = (
        field(compact, 6, 8),
        field(compact, 8, 10),
        field(compact, 10, 12),
    ) else {
        return Check::No;
    };
    Check::form(is_province(compact) && is_day(1900 + year, month, day))
}

/// Eleven digits with weights 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2; 11 less the remainder by 11, or 0 for remainders 0 and 1.
///
/// Source: Ministry of Internal Affairs and Communications, Ordinance No. 85 of 2014, article 5 (individual number).
fn my_number(compact: &[u8]) -> Check {
    let remainder = weighted(compact, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if remainder <= 1 { 0 } else { 11 - remainder };
    let is_right = compact.last().is_some_and(|b| value(*b) == check);
    Check::sum(is_right && !is_one_digit_repeated(compact))
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use super::PROVINCES;
    use crate::testing::{finds, misses};

    #[test]
    fn provinces_are_sorted() {
        assert!(PROVINCES.is_sorted());
    }

    #[test]
    fn resident_numbers_hold_a_date_and_a_check_character() {
        finds(
            Entity::CN_RESIDENT_ID,
            "他的110105199003077219在此",
            "110105199003077219",
        );
        finds(
            Entity::CN_RESIDENT_ID,
            "id 440306198512290041",
            "440306198512290041",
        );
        finds(
            Entity::CN_RESIDENT_ID,
            "身份证号110105900307721",
            "110105900307721",
        );
        for text in [
            "110105199003077214",
            "160105199003077219",
            "110105199013077213",
            "no 110105900307721",
        ] {
            misses(Entity::CN_RESIDENT_ID, text);
        }
    }

    #[test]
    fn my_numbers_are_found_beside_a_word() {
        finds(
            Entity::JP_MY_NUMBER,
            "マイナンバーは417385960253です",
            "417385960253",
        );
        finds(Entity::JP_MY_NUMBER, "My Number 4173 8596 0253", "4173 8596 0253");
        misses(Entity::JP_MY_NUMBER, "My Number 4173 8596 0255");
        misses(Entity::JP_MY_NUMBER, "order 417385960253");
    }
}
