//! Philippines, Singapore and Thailand.

use privet_types::Entity;

use super::checks::{field, is_one_digit_repeated, value, weighted};
use super::{Check, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        entity: Entity::PH_MOBILE_NUMBER,
        rule: "ph-mobile/international",
        shapes: &[
            "+999999999999",
            "+99_999_999_9999",
            "+99 9999999999",
            "+99-9999999999",
        ],
        check: mobile_abroad,
        words: MOBILE_WORDS,
        form: 0.9,
        sum: 0.0,
        told: 1.0,
    },
    Spec {
        entity: Entity::PH_MOBILE_NUMBER,
        rule: "ph-mobile/national",
        shapes: &[
            "99999999999",
            "9999_999_9999",
            "9999 9999999",
            "9999-9999999",
            "999999999999",
        ],
        check: mobile,
        words: MOBILE_WORDS,
        form: 0.3,
        sum: 0.0,
        told: 0.85,
    },
    Spec {
        entity: Entity::PH_TIN,
        rule: "ph-tin/grouped",
        shapes: &["999-999-999-999", "999-999-999-9999", "999-999-999-99999"],
        check: taxpayer,
        words: PH_TIN_WORDS,
        form: 0.0,
        sum: 0.5,
        told: 0.0,
    },
    Spec {
        entity: Entity::PH_TIN,
        rule: "ph-tin/digits",
        shapes: &["999_999_999", "999999999999", "99999999999999"],
        check: taxpayer,
        words: PH_TIN_WORDS,
        form: 0.0,
        sum: 0.15,
        told: 0.0,
    },
    Spec {
        entity: Entity::SG_NRIC_FIN,
        rule: "sg-nric/mod11",
        shapes: &["A9999999A"],
        check: nric,
        words: NRIC_WORDS,
        form: 0.2,
        sum: 0.85,
        told: 0.85,
    },
    Spec {
        entity: Entity::SG_UEN,
        rule: "sg-uen/mod11",
        shapes: &["^99999999A", "^999999999A", "^A99AA9999A"],
        check: entity_number,
        words: UEN_WORDS,
        form: 0.0,
        sum: 0.7,
        told: 0.0,
    },
    Spec {
        entity: Entity::SG_UEN,
        rule: "sg-uen/small",
        shapes: &["99999999A", "999999999A", "A99AA9999A"],
        check: entity_number,
        words: UEN_WORDS,
        form: 0.0,
        sum: 0.3,
        told: 0.0,
    },
    Spec {
        entity: Entity::TH_TNIN,
        rule: "th-tnin/grouped",
        shapes: &["9-9999-99999-99-9", "9 9999 99999 99 9"],
        check: thai,
        words: THAI_WORDS,
        form: 0.0,
        sum: 0.95,
        told: 0.0,
    },
    Spec {
        entity: Entity::TH_TNIN,
        rule: "th-tnin/digits",
        shapes: &["9999999999999"],
        check: thai,
        words: THAI_WORDS,
        form: 0.0,
        sum: 0.25,
        told: 0.0,
    },
];

const MOBILE_WORDS: &[&str] = &[
    "mobile",
    "mobile number",
    "mobile no",
    "cell",
    "cellphone",
    "cell phone",
    "phone",
    "phone number",
    "telephone",
    "tel",
    "contact",
    "contact number",
    "call",
    "text",
    "sms",
    "viber",
    "whatsapp",
    "gcash",
    "maya",
    "globe",
    "smart",
    "telepono",
    "numero",
    "selpon",
    "tawag",
    "tawagan",
    "philippines",
];

const PH_TIN_WORDS: &[&str] = &[
    "tin",
    "tin number",
    "tin no",
    "bir",
    "taxpayer identification",
    "taxpayer id",
    "tax identification",
    "tax id",
    "philippine tax",
];

const NRIC_WORDS: &[&str] = &[
    "nric",
    "nric no",
    "nric number",
    "fin",
    "fin number",
    "fin no",
    "identity card",
    "ic number",
    "ic no",
    "singapore id",
    "identification number",
    "identification card",
    "work permit",
    "employment pass",
    "身份证",
    "身份證",
];

const UEN_WORDS: &[&str] = &[
    "uen",
    "uen no",
    "uen number",
    "unique entity number",
    "business registration",
    "acra",
    "company registration",
    "gst reg",
];

const THAI_WORDS: &[&str] = &[
    "tnin",
    "thai id",
    "thai id card",
    "thai national id",
    "national id",
    "citizen id",
    "thailand id",
    "thai tax id",
    "pid",
    "เลขประจำตัวประชาชน",
    "เลขบัตรประชาชน",
    "บัตรประชาชน",
    "เลขประจำตัวผู้เสียภาษี",
    "รหัสประจำตัวประชาชน",
    "หมายเลขประจำตัว",
    "เลขประจำตัว",
];

/// Whether ten digits begin as mobile numbers do: 9, or the 895–898 of newer blocks.
///
/// Source: National Telecommunications Commission, numbering plan (ITU Operational Bulletin, communication for +63).
fn is_mobile(significant: &[u8]) -> bool {
    let is_prefix = significant.first() == Some(&b'9') || matches!(field(significant, 0, 3), Some(895..=898));
    is_prefix && !is_one_digit_repeated(significant)
}

/// Behind the country code 63.
fn mobile_abroad(compact: &[u8]) -> Check {
    let number = compact.get(2..).unwrap_or_default();
    Check::form(compact.starts_with(b"63") && is_mobile(number))
}

/// Behind the trunk digit 0, or the country code without a plus sign.
fn mobile(compact: &[u8]) -> Check {
    match compact {
        [b'0', number @ ..] if number.len() == 10 => Check::form(is_mobile(number)),
        _ if compact.len() == 12 => mobile_abroad(compact),
        _ => Check::No,
    }
}

/// Eight digits with weights 9 down to 2; the remainder by 11 is the ninth, never 10; then the branch code.
///
/// Source: Bureau of Internal Revenue, structure of the TIN in the OECD's list of tax identification numbers (nine digits, the
/// last a check digit, and a branch code). The Bureau does not publish the weights; these fit the example 000-123-456.
fn taxpayer(compact: &[u8]) -> Check {
    let own = compact.get(..9).unwrap_or_default();
    let check = weighted(own, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let is_right = own.last().is_some_and(|b| value(*b) == check);
    Check::sum(is_right && !is_one_digit_repeated(own))
}

/// Letter of the series (S, T residents; F, G, M foreigners), seven digits with weights 2, 7, 6, 5, 4, 3, 2, check letter; T and
/// G add 4, M adds 3. A wrong letter is often a made-up or misread number and stays possible.
///
/// Source: Immigration & Checkpoints Authority, National Registration Regulations; the scheme as documented with the M series
/// of 2022.
fn nric(compact: &[u8]) -> Check {
    let (Some(series), Some(digits), Some(letter)) = (compact.first(), compact.get(1..8), compact.last())
    else {
        return Check::No;
    };
    let (offset, letters): (u32, &[u8; 11]) = match series {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        b'M' => (3, b"XWUTRQPNJLK"),
        _ => return Check::No,
    };
    let sum = offset + weighted(digits, &[2, 7, 6, 5, 4, 3, 2]);
    if letters.get((sum % 11) as usize) == Some(letter) {
        Check::Sum
    } else {
        Check::Form
    }
}

/// Kinds of entities in numbers of the newest form, sorted.
///
/// Source: Accounting and Corporate Regulatory Authority, uen.gov.sg, "UEN entity types".
const ENTITY_KINDS: &[&[u8; 2]] = &[
    b"CC", b"CD", b"CH", b"CL", b"CM", b"CP", b"CS", b"CX", b"DP", b"FB", b"FC", b"FM", b"FN", b"GA", b"GB",
    b"GS", b"HC", b"HS", b"LL", b"LP", b"MB", b"MC", b"MD", b"MH", b"MM", b"MQ", b"NB", b"NR", b"PA", b"PB",
    b"PF", b"RF", b"RP", b"SM", b"SS", b"TC", b"TU", b"VH", b"XL",
];

/// Businesses: eight digits and a letter. Local companies: year, five digits and a letter. Others: R, S or T for the century, year,
/// kind, four digits and a letter. The letter checks.
///
/// Source: Accounting and Corporate Regulatory Authority, "Unique Entity Number" (uen.gov.sg); the arithmetic as implemented by
/// python-stdnum 1.19 (`stdnum.sg.uen`).
fn entity_number(compact: &[u8]) -> Check {
    let Some((letter, body)) = compact.split_last() else {
        return Check::No;
    };
    let is_letter = |letters: &[u8], place: u32| letters.get(place as usize) == Some(letter);
    let holds = match body.len() {
        8 => {
            let sum = weighted(body, &[10, 4, 9, 3, 8, 2, 7, 1]) % 11;
            is_letter(b"XMKECAWLJDB", sum) && !is_one_digit_repeated(body)
        }
        9 if body.iter().all(u8::is_ascii_digit) => {
            let sum = weighted(body, &[10, 8, 6, 4, 9, 7, 5, 3, 1]) % 11;
            is_letter(b"ZKCMDNERGWH", sum) && matches!(field(body, 0, 4), Some(1850..=2099))
        }
        _ => {
            const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWX0123456789";
            let is_century = matches!(body.first(), Some(b'R' | b'S' | b'T'));
            let kind = body.get(3..).and_then(|rest| rest.first_chunk::<2>());
            let is_kind = kind.is_some_and(|k| ENTITY_KINDS.binary_search(&k).is_ok());
            let place = |b: &u8| ALPHABET.iter().position(|a| a == b).unwrap_or(0);
            let weights = [4, 3, 5, 3, 10, 2, 2, 5, 7];
            let sum: usize = body.iter().zip(weights).map(|(b, w)| place(b) * w).sum();
            let check = (sum + 6) % 11;
            is_century && is_kind && ALPHABET.get(check) == Some(letter)
        }
    };
    Check::sum(holds)
}

/// Kind 1–8, province and district, and the check digit: weights 13 down to 2, 11 less the remainder by 11, its last digit.
///
/// Source: Department of Provincial Administration, Ministry of Interior, Civil Registration Regulations of 2535 BE (1992);
/// provinces of ISO 3166-2:TH.
fn thai(compact: &[u8]) -> Check {
    let is_kind = matches!(compact.first(), Some(b'1'..=b'8'));
    let is_province = matches!(
        field(compact, 1, 3),
        Some(10..=27 | 30..=58 | 60..=67 | 70..=77 | 80..=86 | 90..=96)
    );
    let sum = weighted(compact, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    let check = (11 - sum % 11) % 10;
    let is_right = compact.last().is_some_and(|b| value(*b) == check);
    Check::sum(is_kind && is_province && is_right && !is_one_digit_repeated(compact))
}

#[cfg(test)]
mod tests {
    use privet_types::{Budget, Entity};

    use super::ENTITY_KINDS;
    use crate::testing::{finds, misses};
    use crate::{Analyzer, Config};

    /// Mobile numbers in `text`; as telephone numbers they are found by another rule, too.
    fn mobiles(text: &str) -> Vec<&str> {
        let analyzer = Analyzer::new(&Config::only(&[Entity::PH_MOBILE_NUMBER])).unwrap();
        let found = analyzer.analyze(text, None, &Budget::unlimited()).unwrap();
        found.iter().map(|f| f.span.of(text).unwrap()).collect()
    }

    #[test]
    fn mobile_numbers_are_found_with_their_plus_sign() {
        assert_eq!(
            mobiles("at +63 917 555 0148 or +639175550148."),
            ["+63 917 555 0148", "+639175550148"]
        );
        assert_eq!(
            mobiles("Viber 0917-555-0148 or 0895 555 0148"),
            ["0917-555-0148", "0895 555 0148"]
        );
        assert_eq!(
            mobiles("order 09175550148, +62 917 555 0148, 08175550148"),
            [] as [&str; 0]
        );
    }

    #[test]
    fn kinds_are_sorted() {
        assert!(ENTITY_KINDS.is_sorted());
    }

    #[test]
    fn philippine_numbers_are_found() {
        finds(Entity::PH_TIN, "TIN 417-385-961", "417-385-961");
        finds(Entity::PH_TIN, "no. 417-385-961-000", "417-385-961-000");
        misses(Entity::PH_TIN, "TIN 417-385-962");
        misses(Entity::PH_TIN, "id 417385961");
    }

    #[test]
    fn singaporean_numbers_are_found() {
        finds(Entity::SG_NRIC_FIN, "it is S8412076F", "S8412076F");
        finds(Entity::SG_NRIC_FIN, "her FIN is g3412076k", "g3412076k");
        misses(Entity::SG_NRIC_FIN, "A8412076F");
        misses(Entity::SG_NRIC_FIN, "part S8412076C");
        finds(Entity::SG_UEN, "by 53412076L", "53412076L");
        finds(Entity::SG_UEN, "by 201912076C", "201912076C");
        finds(Entity::SG_UEN, "by T19LL2076D", "T19LL2076D");
        for text in ["53412076Z", "201912076Z", "T19ZZ2076D", "U19LL2076D"] {
            misses(Entity::SG_UEN, text);
        }
    }

    #[test]
    fn thai_numbers_have_a_province_and_a_check_digit() {
        finds(Entity::TH_TNIN, "it is 1-1017-00230-70-8", "1-1017-00230-70-8");
        finds(
            Entity::TH_TNIN,
            "เลขประจำตัวประชาชน 1101700230708",
            "1101700230708",
        );
        for text in [
            "Thai ID 1101700230701",
            "Thai ID 9101700230703",
            "Thai ID 1281700230707",
            "id 1101700230708",
        ] {
            misses(Entity::TH_TNIN, text);
        }
    }
}
