//! United Kingdom.

use privet_types::Entity;

use super::checks::{field, is_day, is_one_digit_repeated, value, weighted};
use super::words::{DRIVING, PASSPORT, VEHICLE};
use super::{Check, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        entity: Entity::UK_DRIVING_LICENCE,
        rule: "uk-driver/birth",
        shapes: &["XXXXX999999XX9AA", "XXXXX_999999_XX9AA", "XXXXX 999999 XX 9AA"],
        check: driver,
        words: DRIVING,
        form: 0.9,
        sum: 0.0,
        told: 1.0,
    },
    Spec {
        entity: Entity::UK_NHS,
        rule: "uk-nhs/mod11",
        shapes: &["9999999999", "999_999_9999"],
        check: nhs,
        words: &[
            "nhs",
            "nhs number",
            "nhs no",
            "national health service",
            "nhsno",
            "nhsnumber",
            "chi number",
            "patient",
            "patient number",
            "health service number",
        ],
        form: 0.0,
        sum: 0.25,
        told: 0.0,
    },
    Spec {
        entity: Entity::UK_NINO,
        rule: "uk-nino/form",
        shapes: &["^AA999999A", "^AA_99_99_99_A", "^AA 999999 A", "^AA 99 99 99A"],
        check: national_insurance,
        words: NINO_WORDS,
        form: 0.55,
        sum: 0.0,
        told: 0.95,
    },
    Spec {
        entity: Entity::UK_NINO,
        rule: "uk-nino/small",
        shapes: &[
            "AA999999A",
            "AA_99_99_99_A",
            "AA 999999 A",
            "AA 99 99 99A",
            "AA999999",
        ],
        check: national_insurance,
        words: NINO_WORDS,
        form: 0.1,
        sum: 0.0,
        told: 0.9,
    },
    Spec {
        entity: Entity::UK_PASSPORT,
        rule: "uk-passport/letters",
        shapes: &["AA9999999"],
        check: form,
        words: PASSPORT,
        form: 0.1,
        sum: 0.0,
        told: 0.8,
    },
    Spec {
        entity: Entity::UK_PASSPORT,
        rule: "uk-passport/digits",
        shapes: &["999999999"],
        check: form,
        words: &[
            "uk passport",
            "british passport",
            "hmpo",
            "passport office",
            "passport uk",
            "gb passport",
        ],
        form: 0.0,
        sum: 0.0,
        told: 0.85,
    },
    Spec {
        entity: Entity::UK_POSTCODE,
        rule: "uk-postcode/spaced",
        shapes: &[
            "^A9 9AA",
            "^A99 9AA",
            "^AA9 9AA",
            "^AA99 9AA",
            "^A9A 9AA",
            "^AA9A 9AA",
            "^gir 9AA",
        ],
        check: postcode,
        words: POSTCODE_WORDS,
        form: 0.6,
        sum: 0.0,
        told: 0.95,
    },
    Spec {
        entity: Entity::UK_POSTCODE,
        rule: "uk-postcode/other",
        shapes: &[
            "A9_9AA", "A99_9AA", "AA9_9AA", "AA99_9AA", "A9A_9AA", "AA9A_9AA", "gir_9AA",
        ],
        check: postcode,
        words: POSTCODE_WORDS,
        form: 0.1,
        sum: 0.0,
        told: 0.7,
    },
    Spec {
        entity: Entity::UK_UTR,
        rule: "uk-utr/mod11",
        shapes: &["9999999999", "99999 99999", "9999999999k", "99999 99999k"],
        check: tax_reference,
        words: &[
            "utr",
            "utr number",
            "unique taxpayer",
            "unique tax reference",
            "tax reference",
            "taxpayer reference",
            "self assessment",
            "self employed",
            "hmrc",
            "corporation tax",
            "sa utr",
        ],
        form: 0.0,
        sum: 0.2,
        told: 0.0,
    },
    Spec {
        entity: Entity::UK_VEHICLE_REGISTRATION,
        rule: "uk-vehicle/current-spaced",
        shapes: &["^AA99 AAA"],
        check: current_mark,
        words: VEHICLE,
        form: 0.5,
        sum: 0.0,
        told: 0.95,
    },
    Spec {
        entity: Entity::UK_VEHICLE_REGISTRATION,
        rule: "uk-vehicle/current",
        shapes: &["AA99_AAA"],
        check: current_mark,
        words: VEHICLE,
        form: 0.2,
        sum: 0.0,
        told: 0.85,
    },
    Spec {
        entity: Entity::UK_VEHICLE_REGISTRATION,
        rule: "uk-vehicle/prefix",
        shapes: &["A9_AAA", "A99_AAA", "A999_AAA"],
        check: prefix_mark,
        words: VEHICLE,
        form: 0.05,
        sum: 0.0,
        told: 0.7,
    },
    Spec {
        entity: Entity::UK_VEHICLE_REGISTRATION,
        rule: "uk-vehicle/suffix",
        shapes: &["AAA_9A", "AAA_99A", "AAA_999A"],
        check: suffix_mark,
        words: VEHICLE,
        form: 0.05,
        sum: 0.0,
        told: 0.7,
    },
];

const NINO_WORDS: &[&str] = &[
    "nino",
    "ni",
    "ni number",
    "ni no",
    "national insurance",
    "national insurance number",
    "insurance number",
    "nin",
    "hmrc",
    "payroll",
];

const POSTCODE_WORDS: &[&str] = &[
    "postcode",
    "post code",
    "postal code",
    "postcodes",
    "address",
    "lives",
    "live",
    "street",
    "road",
    "london",
    "postleitzahl",
    "plz",
    "code postal",
    "código postal",
];

fn form(compact: &[u8]) -> Check {
    Check::form(!is_one_digit_repeated(compact))
}

/// Five letters of the surname, filled up with 9; decade digit, month of birth (+ 50 for women), day, year digit; two
/// initials or 9; a digit and two letters that the computer gives.
///
/// Source: Driver and Vehicle Licensing Agency, "What the numbers on your driving licence mean" (gov.uk).
fn driver(compact: &[u8]) -> Check {
    let (name, rest) = compact.split_at_checked(5).unwrap_or_default();
    let letters = name.iter().take_while(|b| b.is_ascii_uppercase()).count();
    let is_name = letters > 0 && name.iter().skip(letters).all(|b| *b == b'9');
    let (Some(decade), Some(month), Some(day), Some(year)) = (
        field(rest, 0, 1),
        field(rest, 1, 3),
        field(rest, 3, 5),
        field(rest, 5, 6),
    ) else {
        return Check::No;
    };
    let month = if month > 50 { month - 50 } else { month };
    // 2000 and 1900 are one year here; 29 February of the former exists.
    let is_born = is_day(2000 + 10 * decade + year, month, day);
    let initials = rest.get(6..8).unwrap_or_default();
    let is_initials = initials.iter().all(|b| b.is_ascii_uppercase() || *b == b'9') && initials != b"9A";
    Check::form(is_name && is_born && is_initials)
}

/// Nine digits with weights 10 down to 2, and 11 less the remainder by 11.
///
/// Source: NHS Data Dictionary, attribute "NHS NUMBER"; ISB 0149.
fn nhs(compact: &[u8]) -> Check {
    let sum = weighted(compact, &[10, 9, 8, 7, 6, 5, 4, 3, 2]);
    let check = (11 - sum % 11) % 11;
    let is_right = compact.last().is_some_and(|b| value(*b) == check);
    Check::sum(is_right && !is_one_digit_repeated(compact))
}

/// Two letters, six digits, A–D or nothing; D, F, I, Q, U, V never among the first two, O never second, and neither BG, GB,
/// KN, NK, NT, TN nor ZZ.
///
/// Source: HM Revenue & Customs, National Insurance Manual, NIM39110.
fn national_insurance(compact: &[u8]) -> Check {
    let [first, second, rest @ ..] = compact else {
        return Check::No;
    };
    let is_never = |b: &u8| matches!(b, b'D' | b'F' | b'I' | b'Q' | b'U' | b'V');
    let is_prefix = !is_never(first) && !is_never(second) && *second != b'O';
    let is_kept = matches!(
        &[*first, *second],
        b"BG" | b"GB" | b"KN" | b"NK" | b"NT" | b"TN" | b"ZZ"
    );
    let is_suffix = rest.get(6).is_none_or(|b| matches!(b, b'A'..=b'D'));
    Check::form(is_prefix && !is_kept && is_suffix)
}

/// Check digit first, then nine digits with weights 6, 7, 8, 9, 10, 5, 4, 3, 2; a K behind it says corporation tax.
///
/// Source: HM Revenue & Customs, "Modulus check of the Unique Taxpayer Reference" in the technical specifications for
/// software developers.
fn tax_reference(compact: &[u8]) -> Check {
    let (Some(check), Some(rest)) = (compact.first(), compact.get(1..10)) else {
        return Check::No;
    };
    let sum = weighted(rest, &[6, 7, 8, 9, 10, 5, 4, 3, 2]);
    let expected = match 11 - sum % 11 {
        d @ 10.. => d - 9,
        d => d,
    };
    Check::sum(value(*check) == expected && !is_one_digit_repeated(rest))
}

/// Postcode areas, sorted: those of Great Britain and Northern Ireland, the Channel Islands, the Isle of Man, the forces (BF),
/// and the non-geographic ones (BX, XX).
///
/// Source: Royal Mail, "PAF Programmer's Guide", edition 7, appendix on postcode areas.
const AREAS: &[&str] = &[
    "AB", "AL", "B", "BA", "BB", "BD", "BF", "BH", "BL", "BN", "BR", "BS", "BT", "BX", "CA", "CB", "CF",
    "CH", "CM", "CO", "CR", "CT", "CV", "CW", "DA", "DD", "DE", "DG", "DH", "DL", "DN", "DT", "DY", "E",
    "EC", "EH", "EN", "EX", "FK", "FY", "G", "GL", "GU", "GY", "HA", "HD", "HG", "HP", "HR", "HS", "HU",
    "HX", "IG", "IM", "IP", "IV", "JE", "KA", "KT", "KW", "KY", "L", "LA", "LD", "LE", "LL", "LN", "LS",
    "LU", "M", "ME", "MK", "ML", "N", "NE", "NG", "NN", "NP", "NR", "NW", "OL", "OX", "PA", "PE", "PH", "PL",
    "PO", "PR", "RG", "RH", "RM", "S", "SA", "SE", "SG", "SK", "SL", "SM", "SN", "SO", "SP", "SR", "SS",
    "ST", "SW", "SY", "TA", "TD", "TF", "TN", "TQ", "TR", "TS", "TW", "UB", "W", "WA", "WC", "WD", "WF",
    "WN", "WR", "WS", "WV", "XX", "YO", "ZE",
];

/// Area, district and, behind it, a digit and two letters, never C, I, K, M, O or V. Letters end only some districts of
/// inner London.
///
/// Source: Royal Mail, "PAF Programmer's Guide", section on the format of postcodes; British Standard BS 7666.
fn postcode(compact: &[u8]) -> Check {
    let Some((outward, inward)) = compact
        .len()
        .checked_sub(3)
        .and_then(|at| compact.split_at_checked(at))
    else {
        return Check::No;
    };
    let is_inward = inward
        .iter()
        .skip(1)
        .all(|b| !matches!(b, b'C' | b'I' | b'K' | b'M' | b'O' | b'V'));
    if outward == b"GIR" {
        return Check::form(inward == b"0AA");
    }
    let letters = outward.iter().take_while(|b| b.is_ascii_uppercase()).count();
    let area = outward.get(..letters).unwrap_or_default();
    let is_area = AREAS.binary_search_by(|a| a.as_bytes().cmp(area)).is_ok();
    let is_district = match outward.get(letters..).unwrap_or_default() {
        [_, b'A'..=b'Z'] => matches!(area, b"E" | b"EC" | b"N" | b"NW" | b"SE" | b"SW" | b"W" | b"WC"),
        [b'0', rest @ ..] => rest.is_empty(),
        _ => true,
    };
    Check::form(is_inward && is_area && is_district)
}

/// Marks since September 2001: two letters of the place, never I, Q or Z; 02–29 for March, 51–79 for September; three letters,
/// never I or Q.
///
/// Source: Driver and Vehicle Licensing Agency, "Vehicle registration numbers and number plates" (INF104).
fn current_mark(compact: &[u8]) -> Check {
    let is_place = compact.iter().take(2).all(|b| !matches!(b, b'I' | b'Q' | b'Z'));
    let is_age = matches!(field(compact, 2, 4), Some(2..=29 | 51..=79));
    let is_rest = compact.iter().skip(4).all(|b| !matches!(b, b'I' | b'Q'));
    Check::form(is_place && is_age && is_rest)
}

/// Whether a letter named a year: never I, O, Q, U or Z (nor, as a suffix, anything else than A–Y).
const fn is_year_letter(byte: u8) -> bool {
    byte.is_ascii_uppercase() && !matches!(byte, b'I' | b'O' | b'Q' | b'U' | b'Z')
}

/// Marks of 1983–2001: year letter, 1–999, three letters, never I or Q.
///
/// Source: Driver and Vehicle Licensing Agency, INF104.
fn prefix_mark(compact: &[u8]) -> Check {
    let is_year = compact.first().is_some_and(|b| is_year_letter(*b));
    let rest = compact.get(1..).unwrap_or_default();
    Check::form(is_year && is_serial(rest, 3))
}

/// Marks of 1963–1983: three letters, 1–999, year letter.
///
/// Source: Driver and Vehicle Licensing Agency, INF104.
fn suffix_mark(compact: &[u8]) -> Check {
    let is_year = compact.last().is_some_and(|b| is_year_letter(*b));
    let letters = compact.iter().take(3).all(|b| !matches!(b, b'I' | b'Q' | b'Z'));
    Check::form(is_year && letters && compact.get(3) != Some(&b'0'))
}

/// Whether a number without leading zero is followed by `letters` letters, never I or Q.
fn is_serial(rest: &[u8], letters: usize) -> bool {
    let tail = rest.iter().rev().take(letters);
    rest.first() != Some(&b'0') && tail.clone().all(|b| !matches!(b, b'I' | b'Q'))
}

#[cfg(test)]
mod tests {
    use privet_types::{Budget, Entity};

    use super::AREAS;
    use crate::testing::{finds, finds_alone, misses};
    use crate::{Analyzer, Config};

    /// Postcodes in `text`, a kind that has to be asked for.
    fn postcodes(text: &str) -> Vec<&str> {
        let analyzer = Analyzer::new(&Config::only(&[Entity::UK_POSTCODE])).unwrap();
        let found = analyzer.analyze(text, None, &Budget::unlimited()).unwrap();
        found.iter().map(|f| f.span.of(text).unwrap()).collect()
    }

    #[test]
    fn postcodes_have_an_area_a_district_and_an_inward_code() {
        assert_eq!(
            postcodes("at W1A 0AX, LS11 5DB and GIR 0AA"),
            ["W1A 0AX", "LS11 5DB", "GIR 0AA"]
        );
        assert_eq!(postcodes("my postcode is ls115db"), ["ls115db"]);
        assert_eq!(
            postcodes("LQ11 5DB, LS1A 5DB, LS11 5CB, LS01 5DB, ls11 5db"),
            [] as [&str; 0]
        );
    }

    #[test]
    fn postcode_areas_are_sorted() {
        assert!(AREAS.is_sorted());
    }

    #[test]
    fn driving_licences_hold_a_date_of_birth() {
        finds(
            Entity::UK_DRIVING_LICENCE,
            "licence FINCH853129AB9XY ok",
            "FINCH853129AB9XY",
        );
        finds(
            Entity::UK_DRIVING_LICENCE,
            "LEE99 907154 C99ZZ",
            "LEE99 907154 C99ZZ",
        );
        for text in [
            "FINCH813329AB9XY",
            "FINCH853329AB9XY",
            "F9NCH853129AB9XY",
            "99999853129AB9XY",
        ] {
            misses(Entity::UK_DRIVING_LICENCE, text);
        }
    }

    #[test]
    fn health_and_tax_numbers_have_their_check_digit() {
        finds(Entity::UK_NHS, "NHS number 614 207 8358", "614 207 8358");
        misses(Entity::UK_NHS, "NHS number 614 207 8352");
        misses(Entity::UK_NHS, "call 614-207-8358");
        finds(Entity::UK_UTR, "UTR: 1738105946", "1738105946");
        finds(
            Entity::UK_UTR,
            "NHS number on file, and the UTR is 1738105946",
            "1738105946",
        );
        finds(Entity::UK_UTR, "HMRC reference 17381 05946K", "17381 05946K");
        misses(Entity::UK_UTR, "UTR: 3738105946");
    }

    #[test]
    fn national_insurance_numbers_have_an_issued_prefix() {
        finds(Entity::UK_NINO, "she is CE 48 21 07 B.", "CE 48 21 07 B");
        finds(Entity::UK_NINO, "ni number ce482107b", "ce482107b");
        for text in [
            "GB 48 21 07 B",
            "DE482107B",
            "CO482107B",
            "CE482107E",
            "ref ce482107b",
        ] {
            misses(Entity::UK_NINO, text);
        }
    }

    #[test]
    fn passports_are_found_beside_a_word() {
        finds_alone(Entity::UK_PASSPORT, "passport GB1234567", "GB1234567");
        finds(Entity::UK_PASSPORT, "British passport 512345678", "512345678");
        misses(Entity::UK_PASSPORT, "part GB1234567");
    }

    #[test]
    fn marks_of_every_period_are_found() {
        finds(Entity::UK_VEHICLE_REGISTRATION, "my LD19 KRT", "LD19 KRT");
        finds(Entity::UK_VEHICLE_REGISTRATION, "the car, ld19krt, is", "ld19krt");
        finds(Entity::UK_VEHICLE_REGISTRATION, "car reg no P482 KRT", "P482 KRT");
        finds(
            Entity::UK_VEHICLE_REGISTRATION,
            "number plate KRT 482P",
            "KRT 482P",
        );
        for text in ["LQ19 KRT", "LD48 KRT", "LD19 KQT", "car I482 KRT", "car KRT 482O"] {
            misses(Entity::UK_VEHICLE_REGISTRATION, text);
        }
    }
}
