//! United States. Social security numbers have a recogniser of their own.

use privet_types::Entity;

use super::checks::{field, is_one_digit_repeated, luhn, number, value, weighted};
use super::words::{DRIVING, PASSPORT};
use super::{Check, Spec};

/// Forms of driving licences are those of the states as collected by the American Association of Motor Vehicle
/// Administrators (card design standard, annex on jurisdictions); few of them have check digits, and those are not published.
pub(super) const SPECS: &[Spec] = &[
    Spec {
        entity: Entity::ABA_ROUTING_NUMBER,
        rule: "us-aba/mod10",
        shapes: &["999999999", "9999-9999-9"],
        check: routing_number,
        words: ROUTING_WORDS,
        form: 0.0,
        sum: 0.3,
        told: 0.0,
    },
    Spec {
        entity: Entity::US_BANK_NUMBER,
        rule: "us-bank/digits",
        shapes: &[
            "99999999",
            "999999999",
            "9999999999",
            "99999999999",
            "999999999999",
            "9999999999999",
            "99999999999999",
            "999999999999999",
            "9999999999999999",
            "99999999999999999",
        ],
        check: any,
        words: BANK_WORDS,
        form: 0.05,
        sum: 0.0,
        told: 0.6,
    },
    Spec {
        entity: Entity::US_DRIVER_LICENSE,
        rule: "us-driver/digits",
        shapes: &[
            "999999",
            "9999999",
            "99999999",
            "999999999",
            "9999999999",
            "99999999999",
            "999999999999",
            "9999999999999",
            "99999999999999",
            "9999999999999999",
            "999 999 999",
            "99-999-9999",
        ],
        check: any,
        words: DRIVING,
        form: 0.02,
        sum: 0.0,
        told: 0.7,
    },
    Spec {
        entity: Entity::US_DRIVER_LICENSE,
        rule: "us-driver/letters",
        shapes: &[
            "A999999",
            "A9999999",
            "A99999999",
            "A999999999",
            "A9999999999",
            "A99999999999",
            "A999999999999",
            "A9999999999999",
            "A99999999999999",
            "A999999999999999999",
            "A999999r",
            "AA99999",
            "AA999999",
            "AA9999999",
            "AA999999A",
            "wdlXXXXXXXXX",
            "AAA999999",
            "999AA9999",
            "99AAA99999",
            "99AAA999999",
            "9999999A",
            "99999999A",
            "999999999A",
            "99999999AA",
            "A999_999_99_999_9",
            "A999_9999_9999",
            "A999_9999_9999_99",
            "A_999_999_999_999",
            "A9999_99999_99999",
        ],
        check: any,
        words: DRIVING,
        form: 0.05,
        sum: 0.0,
        told: 0.8,
    },
    // `dl` is also a list of HTML, a loader and a branch: only capitals beside it count.
    Spec {
        entity: Entity::US_DRIVER_LICENSE,
        rule: "us-driver/capital",
        shapes: &[
            "^A9999999",
            "^A99999999",
            "^A999999999999",
            "^A99999999999999",
            "^AA999999",
            "^A999-9999-9999",
            "^A999-999-99-999-9",
        ],
        check: any,
        words: &["dl", "dmv", "dln"],
        form: 0.05,
        sum: 0.0,
        told: 0.6,
    },
    Spec {
        entity: Entity::US_DRIVER_LICENSE,
        rule: "us-driver/short",
        shapes: &["A999", "A9999", "A99999", "A9A9A", "AA99", "AA999", "AA9999"],
        check: any,
        words: DRIVING,
        form: 0.02,
        sum: 0.0,
        told: 0.4,
    },
    Spec {
        entity: Entity::US_ITIN,
        rule: "us-itin/grouped",
        shapes: &["999-99-9999"],
        check: itin,
        words: ITIN_WORDS,
        form: 0.6,
        sum: 0.0,
        told: 0.95,
    },
    Spec {
        entity: Entity::US_ITIN,
        rule: "us-itin/digits",
        shapes: &[
            "999999999",
            "999 99 9999",
            "999.99.9999",
            "999-999999",
            "99999-9999",
            "999 999999",
            "99999 9999",
            "999-99 9999",
            "999 99-9999",
        ],
        check: itin,
        words: ITIN_WORDS,
        form: 0.1,
        sum: 0.0,
        told: 0.9,
    },
    Spec {
        entity: Entity::US_MBI,
        rule: "us-mbi/form",
        shapes: &["9AX9_AX9_AA99", "9 AX9 AX9 AA99"],
        check: beneficiary,
        words: &[
            "mbi",
            "medicare",
            "medicare beneficiary",
            "beneficiary identifier",
            "beneficiary id",
            "beneficiary number",
            "cms",
            "hicn",
        ],
        form: 0.6,
        sum: 0.0,
        told: 0.95,
    },
    Spec {
        entity: Entity::US_NPI,
        rule: "us-npi/luhn",
        shapes: &["9999999999", "9999_999_999"],
        check: provider,
        words: &[
            "npi",
            "npi number",
            "national provider",
            "provider identifier",
            "provider id",
            "provider number",
            "provider",
            "prescriber",
            "nppes",
            "physician",
        ],
        form: 0.0,
        sum: 0.15,
        told: 0.0,
    },
    Spec {
        entity: Entity::US_PASSPORT,
        rule: "us-passport/letter",
        shapes: &["A99999999"],
        check: any,
        words: PASSPORT,
        form: 0.1,
        sum: 0.0,
        told: 0.8,
    },
    Spec {
        entity: Entity::US_PASSPORT,
        rule: "us-passport/digits",
        shapes: &["999999999"],
        check: any,
        words: PASSPORT,
        form: 0.03,
        sum: 0.0,
        told: 0.8,
    },
    Spec {
        entity: Entity::MEDICAL_LICENSE,
        rule: "us-dea/mod10",
        shapes: &["^AX9999999"],
        check: dea,
        words: DEA_WORDS,
        form: 0.0,
        sum: 0.4,
        told: 0.0,
    },
    Spec {
        entity: Entity::MEDICAL_LICENSE,
        rule: "us-dea/mod10",
        shapes: &["AX9999999", "AX-9999999", "AX 9999999"],
        check: dea,
        words: DEA_WORDS,
        form: 0.0,
        sum: 0.2,
        told: 0.0,
    },
];

const ROUTING_WORDS: &[&str] = &[
    "aba",
    "aba number",
    "routing",
    "routing number",
    "routing no",
    "routing transit",
    "rtn",
    "transit number",
    "fedwire",
    "ach",
    "bank",
    "wire transfer",
    "direct deposit",
    "micr",
    "número de ruta",
    "bankleitzahl",
];

const BANK_WORDS: &[&str] = &[
    "bank account",
    "bank acct",
    "account number",
    "account no",
    "account num",
    "account nr",
    "accountnumber",
    "acct",
    "acct no",
    "acct number",
    "checking",
    "checking account",
    "savings account",
    "deposit account",
    "direct deposit",
    "debit account",
    "konto",
    "kontonummer",
    "konto nr",
    "bankverbindung",
    "numéro de compte",
    "compte bancaire",
    "número de cuenta",
    "cuenta bancaria",
    "numero di conto",
    "conto corrente",
    "rekeningnummer",
    "conta bancária",
    "rachunek",
    "numer konta",
    "hesap numarası",
    "银行账号",
    "银行帐号",
    "口座番号",
    "계좌번호*",
    "номер счета",
    "номер счёта",
    "رقم الحساب",
    "खाता संख्या",
];

const ITIN_WORDS: &[&str] = &[
    "itin",
    "individual taxpayer",
    "taxpayer id",
    "taxpayer identification",
    "tax payer",
    "tax id",
    "tin",
    "tax identification",
    "irs",
    "w 7",
    "ssn",
    "social security",
    "número de contribuyente",
];

const DEA_WORDS: &[&str] = &[
    "dea",
    "dea number",
    "dea no",
    "dea registration",
    "medical license",
    "medical licence",
    "medical",
    "physician",
    "prescriber",
    "practitioner",
    "controlled substance*",
    "pharmacy",
    "doctor",
    "certificate number",
];

/// Anything but one character repeated.
fn any(compact: &[u8]) -> Check {
    Check::form(!is_one_digit_repeated(compact))
}

/// Federal Reserve routing symbol 00–12, 21–32, 61–72 or 80, and the check digit with weights 3, 7, 1.
///
/// Source: American Bankers Association, "Routing Number Policy & Procedures"; Accredited Standards Committee X9, X9.13.
fn routing_number(compact: &[u8]) -> Check {
    let is_district = matches!(field(compact, 0, 2), Some(0..=12 | 21..=32 | 61..=72 | 80));
    let sum = weighted(compact, &[3, 7, 1, 3, 7, 1, 3, 7, 1]);
    Check::sum(is_district && !is_one_digit_repeated(compact) && sum.is_multiple_of(10))
}

/// 9 first; fourth and fifth digits 50–65, 70–88, 90–92 or 94–99.
///
/// Source: Internal Revenue Service, Internal Revenue Manual 3.21.263 (ITIN real-time system), and Publication 1915.
fn itin(compact: &[u8]) -> Check {
    let is_group = matches!(field(compact, 3, 5), Some(50..=65 | 70..=88 | 90..=92 | 94..=99));
    Check::form(compact.first() == Some(&b'9') && is_group)
}

/// 1–9, letter, letter or digit, digit, letter, letter or digit, digit, two letters, two digits; never S, L, O, I, B, Z.
///
/// Source: Centers for Medicare & Medicaid Services, "Understanding the Medicare Beneficiary Identifier Format" (2017).
fn beneficiary(compact: &[u8]) -> Check {
    let has_other = compact
        .iter()
        .any(|b| matches!(b, b'S' | b'L' | b'O' | b'I' | b'B' | b'Z'));
    Check::form(compact.first() != Some(&b'0') && !has_other)
}

/// 1 or 2 first; Luhn's check digit over the number behind the prefix 80840 of ISO 7812 for health in the USA.
///
/// Source: Centers for Medicare & Medicaid Services, "Requirements for National Provider Identifier (NPI) and NPI check
/// digit" (2004); 45 CFR 162.406.
fn provider(compact: &[u8]) -> Check {
    let mut prefixed = [0_u8; 15];
    for (to, from) in prefixed.iter_mut().zip(b"80840".iter().chain(compact)) {
        *to = *from;
    }
    // `1111111112` and `2222222222` pass, but nobody has them.
    let is_made_up = is_one_digit_repeated(compact.get(..9).unwrap_or_default());
    let is_first = matches!(compact.first(), Some(b'1' | b'2'));
    Check::sum(is_first && !is_made_up && luhn(&prefixed))
}

/// Registrant type, first letter of the name (9 for a business), six digits, and the last digit of
/// (d1 + d3 + d5) + 2 (d2 + d4 + d6).
///
/// Source: Drug Enforcement Administration, Diversion Control Division, "Practitioner's Manual" (2023), section II; 21 CFR
/// 1301.
fn dea(compact: &[u8]) -> Check {
    let [kind, name, digits @ ..] = compact else {
        return Check::No;
    };
    let is_kind = matches!(kind, b'A'..=b'H' | b'J'..=b'M' | b'P' | b'R'..=b'U' | b'X');
    let is_name = name.is_ascii_uppercase() || *name == b'9';
    let sum = weighted(digits, &[1, 2, 1, 2, 1, 2]) % 10;
    let is_right = digits.last().is_some_and(|b| value(*b) == sum);
    Check::sum(is_kind && is_name && is_right && number(digits).is_some_and(|n| n > 0))
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, finds_named, misses};

    #[test]
    fn routing_and_bank_numbers_are_found_beside_a_word() {
        finds(
            Entity::ABA_ROUTING_NUMBER,
            "routing number 011000138",
            "011000138",
        );
        finds(Entity::ABA_ROUTING_NUMBER, "ABA 0110-0013-8", "0110-0013-8");
        finds(
            Entity::US_BANK_NUMBER,
            "bank account 004471928356",
            "004471928356",
        );
        finds_named(
            Entity::US_BANK_NUMBER,
            "4471928356",
            "accountNumber",
            "4471928356",
        );
        misses(Entity::ABA_ROUTING_NUMBER, "routing number 011000139");
        misses(Entity::ABA_ROUTING_NUMBER, "routing number 411000134");
        misses(Entity::ABA_ROUTING_NUMBER, "order 011000138");
        misses(Entity::US_BANK_NUMBER, "order 004471928356");
    }

    #[test]
    fn driving_licences_are_found_beside_a_word() {
        for value in [
            "D1234567",
            "K123-4567-8901",
            "F123-456-78-901-0",
            "45AAA12345",
            "123456789",
        ] {
            finds(
                Entity::US_DRIVER_LICENSE,
                &format!("Driver's license: {value}."),
                value,
            );
            misses(Entity::US_DRIVER_LICENSE, &format!("item {value}"));
        }
        finds_named(
            Entity::US_DRIVER_LICENSE,
            "D1234567",
            "driver_license",
            "D1234567",
        );
    }

    #[test]
    fn taxpayer_numbers_are_found_grouped_or_told() {
        finds(Entity::US_ITIN, "it is 912-70-4321", "912-70-4321");
        finds(Entity::US_ITIN, "ITIN 912704321", "912704321");
        misses(Entity::US_ITIN, "912-89-4321");
        misses(Entity::US_ITIN, "912-66-4321 ITIN");
        misses(Entity::US_ITIN, "order 912704321");
    }

    #[test]
    fn beneficiary_identifiers_have_their_letters_at_their_places() {
        finds(Entity::US_MBI, "MBI 2AC4-DE7-FG83", "2AC4-DE7-FG83");
        finds(Entity::US_MBI, "patient 2ac4de7fg83", "2ac4de7fg83");
        misses(Entity::US_MBI, "2SC4-DE7-FG83");
        misses(Entity::US_MBI, "0AC4-DE7-FG83");
    }

    #[test]
    fn provider_and_dea_numbers_have_their_check_digit() {
        finds(Entity::US_NPI, "NPI 1902345671", "1902345671");
        misses(Entity::US_NPI, "NPI 1902345678");
        misses(Entity::US_NPI, "at 1902345671");
        finds(Entity::MEDICAL_LICENSE, "DEA number: FR2461870", "FR2461870");
        misses(Entity::MEDICAL_LICENSE, "DEA number: FR2461871");
        misses(Entity::MEDICAL_LICENSE, "DEA number: NR2461870");
    }

    #[test]
    fn passports_are_found_beside_a_word() {
        finds(Entity::US_PASSPORT, "passport no. A01234567", "A01234567");
        finds(Entity::US_PASSPORT, "Reisepass 312345678", "312345678");
        misses(Entity::US_PASSPORT, "part A01234567");
    }
}
