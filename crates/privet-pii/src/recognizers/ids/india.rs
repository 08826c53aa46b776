//! India.

use privet_types::Entity;

use super::checks::{is_one_digit_repeated, value, verhoeff};
use super::words::{PASSPORT, VEHICLE};
use super::{Check, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        entity: Entity::IN_AADHAAR,
        rule: "in-aadhaar/grouped",
        shapes: &["9999 9999 9999", "9999-9999-9999", "9999:9999:9999"],
        check: aadhaar,
        words: AADHAAR_WORDS,
        form: 0.0,
        sum: 0.3,
        told: 0.0,
    },
    Spec {
        entity: Entity::IN_AADHAAR,
        rule: "in-aadhaar/digits",
        shapes: &["999999999999", "9999.9999.9999"],
        check: aadhaar,
        words: AADHAAR_WORDS,
        form: 0.0,
        sum: 0.2,
        told: 0.0,
    },
    Spec {
        entity: Entity::IN_GSTIN,
        rule: "in-gstin/mod36",
        shapes: &["99AAAAA9999AXzX"],
        check: goods_and_services,
        words: &[
            "gst",
            "gstin",
            "gstins",
            "gst number",
            "gst no",
            "goods and services tax",
            "जीएसटी",
        ],
        form: 0.7,
        sum: 0.95,
        told: 0.9,
    },
    Spec {
        entity: Entity::IN_PAN,
        rule: "in-pan/holder",
        shapes: &["^AAAAA9999A"],
        check: account_of_holder,
        words: PAN_WORDS,
        form: 0.65,
        sum: 0.0,
        told: 0.95,
    },
    Spec {
        entity: Entity::IN_PAN,
        rule: "in-pan/form",
        shapes: &["AAAAA9999A", "AAAAA 9999 A", "AAAAA-9999-A"],
        check: account,
        words: PAN_WORDS,
        form: 0.1,
        sum: 0.0,
        told: 0.85,
    },
    Spec {
        entity: Entity::IN_PASSPORT,
        rule: "in-passport/form",
        shapes: &["A9999999", "A99 99999"],
        check: passport,
        words: PASSPORT,
        form: 0.05,
        sum: 0.0,
        told: 0.8,
    },
    Spec {
        entity: Entity::IN_VOTER,
        rule: "in-voter/form",
        shapes: &["AAA9999999"],
        check: voter,
        words: VOTER_WORDS,
        form: 0.15,
        sum: 0.0,
        told: 0.85,
    },
    Spec {
        entity: Entity::IN_VOTER,
        rule: "in-voter/old",
        shapes: &["AA/99/999/999999", "AA/99/999/9999999"],
        check: of_state,
        words: VOTER_WORDS,
        form: 0.6,
        sum: 0.0,
        told: 0.95,
    },
    Spec {
        entity: Entity::IN_NREGA,
        rule: "in-nrega/form",
        shapes: &[
            "AA-99-999-999-999/9",
            "AA-99-999-999-999/99",
            "AA-99-999-999-999/999",
            "AA-99-999-999-999/9999",
            "AA-99-999-999-999/99999",
            "AA-99-999-999-999/999999",
            "AA-99-999-999-999/9-A",
            "AA-99-999-999-999/99-A",
            "AA-99-999-999-999/999-A",
            "AA-99-999-999-999/9999-A",
            "AA-99-999-999-999",
        ],
        check: of_state,
        words: &[
            "nrega",
            "mgnrega",
            "mnrega",
            "nregs",
            "job card",
            "jobcard",
            "मनरेगा",
            "जॉब कार्ड",
        ],
        form: 0.8,
        sum: 0.0,
        told: 1.0,
    },
    Spec {
        entity: Entity::IN_VEHICLE_REGISTRATION,
        rule: "in-vehicle/state",
        shapes: &[
            "^AA99AA9999",
            "^AA99A9999",
            "^AA9AAA9999",
            "^AA99AAA9999",
            "^AA_99_AA_9999",
            "^AA_99_A_9999",
            "^AA99 AA 9999",
            "^AA99 AA9999",
            "^AA-99-AA9999",
            "^AA-99AA-9999",
            "^AA-99 AA 9999",
            "^AA-99-AA 9999",
        ],
        check: mark,
        words: VEHICLE,
        form: 0.5,
        sum: 0.0,
        told: 0.95,
    },
    Spec {
        entity: Entity::IN_VEHICLE_REGISTRATION,
        rule: "in-vehicle/small",
        shapes: &[
            "AA99AA9999",
            "AA99A9999",
            "AA9A9999",
            "AA9AA9999",
            "AA9AAA9999",
            "AA99AAA9999",
            "AA_99_AA_9999",
            "AA_99_A_9999",
            "AA_9_AA_9999",
            "AA_9_AAA_9999",
            "AA_9A_AA_9999",
            "AA_99_9999",
        ],
        check: mark,
        words: VEHICLE,
        form: 0.1,
        sum: 0.0,
        told: 0.85,
    },
    Spec {
        entity: Entity::IN_VEHICLE_REGISTRATION,
        rule: "in-vehicle/bharat",
        shapes: &["99_bh_9999_A", "99_bh_9999_AA", "99bh 9999A", "99bh 9999AA"],
        check: numbered,
        words: VEHICLE,
        form: 0.6,
        sum: 0.0,
        told: 0.95,
    },
    Spec {
        entity: Entity::IN_VEHICLE_REGISTRATION,
        rule: "in-vehicle/forces",
        shapes: &["99A999999A", "99A99999A"],
        check: forces,
        words: VEHICLE,
        form: 0.1,
        sum: 0.0,
        told: 0.8,
    },
    Spec {
        entity: Entity::IN_VEHICLE_REGISTRATION,
        rule: "in-vehicle/missions",
        shapes: &[
            "9_cd_99",
            "99_cd_99",
            "99_cd_999",
            "999_cd_99",
            "999_cd_999",
            "99_cc_99",
            "99_cc_999",
            "999_cc_99",
            "99_un_99",
            "99_un_999",
            "999_un_99",
        ],
        check: numbered,
        words: VEHICLE,
        form: 0.05,
        sum: 0.0,
        told: 0.7,
    },
    // Marks from before the Motor Vehicles Act of 1988.
    Spec {
        entity: Entity::IN_VEHICLE_REGISTRATION,
        rule: "in-vehicle/old",
        shapes: &["AAA9999", "AAA 9999", "AA9999", "A9999", "A99999"],
        check: numbered,
        words: VEHICLE,
        form: 0.02,
        sum: 0.0,
        told: 0.4,
    },
];

const AADHAAR_WORDS: &[&str] = &[
    "aadhaar*",
    "aadhar*",
    "adhar*",
    "uidai",
    "uid",
    "aadhaar card",
    "आधार",
    "আধার",
    "ஆதார்",
    "ఆధార్",
    "આધાર",
    "ಆಧಾರ್",
    "ആധാർ",
    "ਆਧਾਰ",
];

const PAN_WORDS: &[&str] = &[
    "pan",
    "pan card",
    "pan number",
    "pan no",
    "permanent account number",
    "pancard",
    "income tax",
    "पैन",
    "स्थायी खाता संख्या",
];

const VOTER_WORDS: &[&str] = &[
    "voter*",
    "vote",
    "epic",
    "epic no",
    "epic number",
    "elector*",
    "election",
    "election commission",
    "voterid",
    "मतदाता",
    "वोटर",
];

/// States and union territories as on number plates and job cards, sorted, with codes since replaced (OR, UA, TG).
///
/// Source: Ministry of Road Transport and Highways, Central Motor Vehicles Rules, 1989, and notifications under section 41 (6)
/// of the Motor Vehicles Act, 1988.
const STATES: &[&[u8; 2]] = &[
    b"AN", b"AP", b"AR", b"AS", b"BR", b"CG", b"CH", b"CT", b"DD", b"DL", b"DN", b"GA", b"GJ", b"HP", b"HR",
    b"JH", b"JK", b"KA", b"KL", b"LA", b"LD", b"MH", b"ML", b"MN", b"MP", b"MZ", b"NL", b"OD", b"OR", b"PB",
    b"PY", b"RJ", b"SK", b"TG", b"TN", b"TR", b"TS", b"UA", b"UK", b"UP", b"UT", b"WB",
];

fn is_of_state(compact: &[u8]) -> bool {
    compact
        .first_chunk::<2>()
        .is_some_and(|state| STATES.binary_search(&state).is_ok())
}

fn of_state(compact: &[u8]) -> Check {
    Check::form(is_of_state(compact))
}

/// Twelve digits, 2–9 first, Verhoeff's check digit last, not the same read backwards.
///
/// Source: Unique Identification Authority of India, "A UID Numbering Scheme" (2010) and the Aadhaar technology documents.
fn aadhaar(compact: &[u8]) -> Check {
    let is_palindrome = compact.iter().eq(compact.iter().rev());
    let is_first = matches!(compact.first(), Some(b'2'..=b'9'));
    Check::sum(is_first && !is_palindrome && verhoeff(compact))
}

/// State code, the holder's PAN, number of the registration within the state (1–9, A–Z), Z, and the check character: Luhn's
/// scheme modulo 36. Codes 38 (Ladakh), 96, 97 and 99 are young; with them only a right check character counts.
///
/// Source: Goods and Services Tax Network, "GSTIN format" and "State code list" (e-invoice and e-way bill masters).
fn goods_and_services(compact: &[u8]) -> Check {
    let state = super::checks::field(compact, 0, 2).unwrap_or(0);
    let is_number = compact.get(12).is_some_and(|b| *b != b'0');
    let sum: u32 = compact
        .iter()
        .take(14)
        .enumerate()
        .map(|(i, b)| {
            let product = value(*b) * if i % 2 == 0 { 1 } else { 2 };
            product / 36 + product % 36
        })
        .sum();
    let is_right = compact.last().is_some_and(|b| value(*b) == (36 - sum % 36) % 36);
    match state {
        1..=38 | 96 | 97 | 99 if is_number && is_right => Check::Sum,
        1..=37 if is_number => Check::Form,
        _ => Check::No,
    }
}

/// Five letters, four digits, a letter; never 0000.
///
/// Source: Income Tax Department, Income-tax Rules, 1962, rule 114 and form 49A.
fn account(compact: &[u8]) -> Check {
    Check::form(compact.get(5..9).is_some_and(|n| n != b"0000"))
}

/// The same, with the fourth letter saying what the holder is: A association, B body, C company, F firm, G government, H Hindu
/// undivided family, J juridical person, K Krish (trust), L local authority, P person, T trust.
fn account_of_holder(compact: &[u8]) -> Check {
    let is_holder = compact.get(3).is_some_and(|b| b"ABCFGHJKLPT".contains(b));
    if is_holder { account(compact) } else { Check::No }
}

/// A letter, never Q, X or Z; 1–9; five digits; 1–9.
///
/// Source: Ministry of External Affairs, "Passport number" in the Passport Seva form instructions.
fn passport(compact: &[u8]) -> Check {
    let is_series = compact.first().is_some_and(|b| !matches!(b, b'Q' | b'X' | b'Z'));
    let is_number = compact.get(1) != Some(&b'0') && compact.last() != Some(&b'0');
    Check::form(is_series && is_number)
}

/// Three letters and seven digits.
///
/// Source: Election Commission of India, "Electors Photo Identity Card (EPIC)" in the Manual on Electoral Rolls.
fn voter(compact: &[u8]) -> Check {
    Check::form(compact.get(3..).is_some_and(|n| !is_one_digit_repeated(n)))
}

/// State, district, series, number, never all zeros.
///
/// Source: Central Motor Vehicles Rules, 1989, rules 50 and 51.
fn mark(compact: &[u8]) -> Check {
    Check::form(is_of_state(compact) && !compact.ends_with(b"0000"))
}

/// Not all zeros behind its letters.
fn numbered(compact: &[u8]) -> Check {
    Check::form(!compact.ends_with(b"0000"))
}

/// Year, class (A–F, H, K, P, R, X), number, check letter: vehicles of the Ministry of Defence.
fn forces(compact: &[u8]) -> Check {
    let is_class = compact.get(2).is_some_and(|b| b"ABCDEFHKPRX".contains(b));
    Check::form(is_class && !compact.starts_with(b"00"))
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use super::STATES;
    use crate::testing::{finds, misses};

    #[test]
    fn states_are_sorted() {
        assert!(STATES.is_sorted());
    }

    #[test]
    fn aadhaar_numbers_have_verhoeffs_digit() {
        finds(Entity::IN_AADHAAR, "UIDAI: 5208 1739 4466", "5208 1739 4466");
        finds(Entity::IN_AADHAAR, "मेरा आधार 520817394466 है", "520817394466");
        finds(Entity::IN_AADHAAR, "aadhaarNumber=520817394466", "520817394466");
        for text in [
            "Aadhaar 5208 1739 4461",
            "Aadhaar 1208 1739 4464",
            "order 520817394466",
        ] {
            misses(Entity::IN_AADHAAR, text);
        }
    }

    #[test]
    fn tax_numbers_are_found() {
        finds(Entity::IN_PAN, "bill BKLPR4821M", "BKLPR4821M");
        finds(Entity::IN_PAN, "PAN: bkldr4821m", "bkldr4821m");
        misses(Entity::IN_PAN, "item BKLDR4821M");
        misses(Entity::IN_PAN, "PAN BKLPR0000M");
        finds(Entity::IN_GSTIN, "bill 29BKLPR4821M1ZF", "29BKLPR4821M1ZF");
        for text in [
            "39BKLPR4821M1ZQ",
            "29BKLPR4821M0ZQ",
            "29BKLPR4821M1YQ",
            "38BKLPR4821M1ZH",
        ] {
            misses(Entity::IN_GSTIN, text);
        }
    }

    #[test]
    fn passports_voters_and_workers_are_found() {
        finds(Entity::IN_PASSPORT, "passport K4821937", "K4821937");
        misses(Entity::IN_PASSPORT, "passport K0821937");
        misses(Entity::IN_PASSPORT, "part K4821937");
        finds(Entity::IN_VOTER, "EPIC no. KLM4821930", "KLM4821930");
        misses(Entity::IN_VOTER, "item KLM4821930");
        finds(
            Entity::IN_NREGA,
            "job RJ-04-012-031-007/418 ok",
            "RJ-04-012-031-007/418",
        );
        misses(Entity::IN_NREGA, "ZZ-04-012-031-007/418");
    }

    #[test]
    fn registration_marks_are_found() {
        for value in ["MH12DE4821", "MH-12-DE-4821", "DL3CAB4821", "22BH4821AB"] {
            finds(
                Entity::IN_VEHICLE_REGISTRATION,
                &format!("seen {value} there"),
                value,
            );
        }
        finds(Entity::IN_VEHICLE_REGISTRATION, "my car ka05f4821", "ka05f4821");
        misses(Entity::IN_VEHICLE_REGISTRATION, "seen MH12DE0000");
        misses(Entity::IN_VEHICLE_REGISTRATION, "seen XX12DE4821 or ka05f4821");
        misses(Entity::IN_VEHICLE_REGISTRATION, "see AB1234");
    }
}
