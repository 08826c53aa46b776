//! Republic of Korea.

use privet_types::Entity;

use super::checks::{field, is_day, value, weighted};
use super::words::{DRIVING, PASSPORT};
use super::{Check, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        entity: Entity::KR_RRN,
        rule: "kr-rrn/hyphen",
        shapes: &["999999-9999999"],
        check: resident,
        words: RESIDENT_WORDS,
        form: 0.5,
        sum: 0.95,
        told: 0.95,
    },
    Spec {
        entity: Entity::KR_RRN,
        rule: "kr-rrn/digits",
        shapes: &["9999999999999", "999999 9999999"],
        check: resident,
        words: RESIDENT_WORDS,
        form: 0.1,
        sum: 0.3,
        told: 0.85,
    },
    Spec {
        entity: Entity::KR_FRN,
        rule: "kr-frn/hyphen",
        shapes: &["999999-9999999"],
        check: foreigner,
        words: FOREIGNER_WORDS,
        form: 0.4,
        sum: 0.95,
        told: 0.95,
    },
    Spec {
        entity: Entity::KR_FRN,
        rule: "kr-frn/digits",
        shapes: &["9999999999999", "999999 9999999"],
        check: foreigner,
        words: FOREIGNER_WORDS,
        form: 0.05,
        sum: 0.3,
        told: 0.85,
    },
    Spec {
        entity: Entity::KR_BRN,
        rule: "kr-brn/grouped",
        shapes: &["999-99-99999"],
        check: business,
        words: BUSINESS_WORDS,
        form: 0.0,
        sum: 0.7,
        told: 0.0,
    },
    Spec {
        entity: Entity::KR_BRN,
        rule: "kr-brn/digits",
        shapes: &["9999999999", "999 99 99999"],
        check: business,
        words: BUSINESS_WORDS,
        form: 0.0,
        sum: 0.1,
        told: 0.0,
    },
    Spec {
        entity: Entity::KR_DRIVER_LICENSE,
        rule: "kr-driver/grouped",
        shapes: &["99-99-999999-99", "99 99 999999 99", "99-99999999-99"],
        check: driver,
        words: DRIVING,
        form: 0.6,
        sum: 0.0,
        told: 0.95,
    },
    Spec {
        entity: Entity::KR_DRIVER_LICENSE,
        rule: "kr-driver/digits",
        shapes: &["999999999999"],
        check: driver,
        words: DRIVING,
        form: 0.05,
        sum: 0.0,
        told: 0.75,
    },
    Spec {
        entity: Entity::KR_PASSPORT,
        rule: "kr-passport/letter",
        shapes: &["A999A9999"],
        check: passport,
        words: PASSPORT,
        form: 0.2,
        sum: 0.0,
        told: 0.9,
    },
    Spec {
        entity: Entity::KR_PASSPORT,
        rule: "kr-passport/digits",
        shapes: &["A99999999"],
        check: passport,
        words: PASSPORT,
        form: 0.05,
        sum: 0.0,
        told: 0.75,
    },
    Spec {
        entity: Entity::KR_PASSPORT,
        rule: "kr-passport/korean",
        shapes: &["A99999999"],
        check: passport,
        words: &["여권*", "korean passport", "korea passport", "passport of korea"],
        form: 0.05,
        sum: 0.0,
        told: 0.9,
    },
];

const RESIDENT_WORDS: &[&str] = &[
    "rrn",
    "resident registration",
    "resident registration number",
    "resident number",
    "korean id",
    "korean rrn",
    "jumin",
    "주민등록번호*",
    "주민번호*",
    "주민등록*",
    "住民登録番号",
];

const FOREIGNER_WORDS: &[&str] = &[
    "frn",
    "foreigner registration",
    "foreigner number",
    "foreign registration",
    "foreign resident",
    "alien registration",
    "arc",
    "arn",
    "외국인등록번호*",
    "외국인등록*",
    "외국인번호*",
    "외국인 등록번호*",
];

const BUSINESS_WORDS: &[&str] = &[
    "brn",
    "business registration",
    "business registration number",
    "business number",
    "korean business",
    "tax id",
    "사업자등록번호*",
    "사업자번호*",
    "사업자 등록번호*",
    "사업자*",
];

/// Date of birth, kind digit, six digits of which the last checks: weights 2–9, 2–5, and `base` less the remainder by 11, its
/// last digit. Since October 2020 numbers of new residents have no check digit, so a wrong one leaves it a possible number.
fn registration(compact: &[u8], kinds: &[u8], base: u32) -> Check {
    let kind = compact.get(6).copied().unwrap_or(0);
    let century = match kind {
        b'1' | b'2' | b'5' | b'6' => 1900,
        _ => 2000,
    };
    let (Some(year), Some(month), Some(day)) =
        (field(compact, 0, 2), field(compact, 2, 4), field(compact, 4, 6))
    else {
        return Check::No;
    };
    if !kinds.contains(&kind) || !is_day(century + year, month, day) {
        return Check::No;
    }
    let sum = weighted(compact, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    let check = (base - sum % 11) % 10;
    if compact.last().is_some_and(|b| value(*b) == check) {
        Check::Sum
    } else {
        Check::Form
    }
}

/// Kinds 1–4: born in the 20th and 21st century, men odd.
///
/// Source: Ministry of the Interior and Safety, Enforcement Rule of the Resident Registration Act, article 2, as amended in
/// 2020.
fn resident(compact: &[u8]) -> Check {
    registration(compact, b"1234", 11)
}

/// Kinds 5–8.
///
/// Source: Ministry of Justice, Enforcement Rule of the Immigration Act, article 47 (foreigner registration number).
fn foreigner(compact: &[u8]) -> Check {
    registration(compact, b"5678", 13)
}

/// Nine digits with weights 1, 3, 7, 1, 3, 7, 1, 3, 5; the tens of five times the ninth are added; the check digit completes the
/// sum to a multiple of 10.
///
/// Source: National Tax Service, Directive on the Administration of Business Registration (structure of the number).
fn business(compact: &[u8]) -> Check {
    let ninth = compact.get(8).map_or(0, |b| value(*b));
    let sum = weighted(compact, &[1, 3, 7, 1, 3, 7, 1, 3, 5]) + ninth * 5 / 10;
    let is_right = compact.last().is_some_and(|b| value(*b) == (10 - sum % 10) % 10);
    // 000 is not an office; 00 in the middle is no kind of business.
    let is_office = field(compact, 0, 3).is_some_and(|n| n >= 101);
    Check::sum(is_right && is_office && compact.get(3..5).is_some_and(|n| n != b"00"))
}

/// Region 11–26 or 28, year, serial number, check digits of a rule that is not published.
///
/// Source: Korean National Police Agency, Enforcement Rule of the Road Traffic Act (region codes).
fn driver(compact: &[u8]) -> Check {
    Check::form(matches!(field(compact, 0, 2), Some(11..=26 | 28)))
}

/// M multiple, S single, R residence, O official, D diplomatic, G official of old.
///
/// Source: Ministry of Foreign Affairs, "Next-generation e-passport" (2021), and ICAO Doc 9303-3.
fn passport(compact: &[u8]) -> Check {
    Check::form(compact.first().is_some_and(|b| b"MSRODG".contains(b)))
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, misses};

    #[test]
    fn registration_numbers_hold_a_date_and_a_kind() {
        finds(Entity::KR_RRN, "it is 870314-1520682", "870314-1520682");
        finds(
            Entity::KR_RRN,
            "주민등록번호는 8703141520682입니다",
            "8703141520682",
        );
        finds(Entity::KR_FRN, "it is 870314-5520685", "870314-5520685");
        finds(Entity::KR_FRN, "외국인등록번호 8703145520685", "8703145520685");
        for text in [
            "871314-1520683",
            "870230-1520683",
            "870314-9520683",
            "id 8703141520682",
        ] {
            misses(Entity::KR_RRN, text);
            misses(Entity::KR_FRN, text);
        }
    }

    #[test]
    fn business_numbers_have_their_check_digit() {
        finds(Entity::KR_BRN, "사업자 214-81-73950", "214-81-73950");
        misses(Entity::KR_BRN, "214-81-73951");
        misses(Entity::KR_BRN, "id 2148173950");
    }

    #[test]
    fn licences_have_a_region_and_passports_a_kind() {
        finds(
            Entity::KR_DRIVER_LICENSE,
            "it is 12-08-417385-60",
            "12-08-417385-60",
        );
        finds(
            Entity::KR_DRIVER_LICENSE,
            "운전면허번호 120841738560",
            "120841738560",
        );
        misses(Entity::KR_DRIVER_LICENSE, "27-08-417385-60");
        finds(Entity::KR_PASSPORT, "passport M417B3856", "M417B3856");
        finds(Entity::KR_PASSPORT, "여권번호: M41773856", "M41773856");
        misses(Entity::KR_PASSPORT, "passport B417B3856");
        misses(Entity::KR_PASSPORT, "part M417B3856");
    }
}
