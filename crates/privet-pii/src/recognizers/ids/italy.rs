//! Italy.

use privet_types::Entity;

use super::checks::{field, luhn, value};
use super::{Check, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        entity: Entity::IT_FISCAL_CODE,
        rule: "it-fiscal-code/mod26",
        shapes: &["AAA_AAA_XXAXX_AXXXA"],
        check: fiscal_code,
        words: &[
            "codice fiscale",
            "cod fisc",
            "cod fiscale",
            "c f",
            "cf",
            "codicefiscale",
            "fiscal code",
            "tax code",
            "tax id",
            "steuernummer",
            "steuer id",
            "code fiscal",
            "código fiscal",
            "tessera sanitaria",
        ],
        form: 0.5,
        sum: 0.98,
        told: 0.9,
    },
    Spec {
        entity: Entity::IT_VAT_CODE,
        rule: "it-vat-code/luhn",
        shapes: &["99999999999", "999 9999 9999"],
        check: vat_code,
        words: VAT,
        form: 0.0,
        sum: 0.2,
        told: 0.0,
    },
    Spec {
        entity: Entity::IT_VAT_CODE,
        rule: "it-vat-code/country",
        shapes: &["it_99999999999"],
        check: |compact| vat_code(compact.get(2..).unwrap_or_default()),
        words: VAT,
        form: 0.0,
        sum: 0.95,
        told: 0.0,
    },
    Spec {
        entity: Entity::IT_DRIVER_LICENSE,
        rule: "it-driver-license/form",
        shapes: &["AA9999999A", "uXXXXXXXXA", "AA 9999999 A", "uX XXXXXXX A"],
        check: driver_license,
        words: &[
            "patente",
            "patente di guida",
            "patenti",
            "patente b",
            "numero patente",
            "driver license",
            "drivers license",
            "driver s license",
            "driving licence",
            "driving license",
            "driver licence",
            "führerschein",
            "permis de conduire",
            "permiso de conducir",
            "carta de condução",
            "rijbewijs",
            "prawo jazdy",
            "運転免許",
            "驾照",
            "водительск*",
        ],
        form: 0.2,
        sum: 0.0,
        told: 0.9,
    },
    Spec {
        entity: Entity::IT_IDENTITY_CARD,
        rule: "it-identity-card/form",
        shapes: &["AA_9999999", "AA_99999_AA", "9999999_AA"],
        check: |_| Check::Form,
        words: &[
            "carta d identità",
            "carta di identità",
            "carta d identita",
            "carta di identita",
            "carta identità",
            "carta identita",
            "cie",
            "documento di identità",
            "documento d identità",
            "documento identità",
            "tessera d identità",
            "identity card",
            "id card",
            "personalausweis",
            "carte d identité",
            "documento de identidad",
            "identiteitskaart",
            "dowód osobisty",
            "身份证",
        ],
        form: 0.05,
        sum: 0.0,
        told: 0.85,
    },
    Spec {
        entity: Entity::IT_PASSPORT,
        rule: "it-passport/form",
        shapes: &["AA_9999999"],
        check: |_| Check::Form,
        words: &[
            "passaporto",
            "passaporti",
            "numero passaporto",
            "numero di passaporto",
            "passport",
            "reisepass",
            "passeport",
            "pasaporte",
            "passaporte",
            "paspoort",
            "paszport",
            "pasaport",
            "护照",
            "パスポート",
            "паспорт*",
        ],
        form: 0.04,
        sum: 0.0,
        told: 0.85,
    },
];

const VAT: &[&str] = &[
    "partita iva",
    "p iva",
    "piva",
    "iva",
    "partitaiva",
    "codice iva",
    "cf",
    "codice fiscale",
    "vat",
    "vat number",
    "vat no",
    "vat id",
    "vat code",
    "ust id",
    "ust idnr",
    "tva",
    "mwst",
    "btw",
    "ндс",
    "增值税",
];

/// The values of the characters in odd places (first, third …), by digit or letter.
const ODD: [u32; 26] = [
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
];

/// Three letters of the surname, three of the name, year, month letter, day (40 more for women), place code, check letter.
/// Where two people would have the same code, the last digits become letters (`omocodia`: `L` = 0 … `V` = 9). A value with a
/// wrong check letter has so much structure that it is a mistyped code.
///
/// Source: Decreto del Ministero delle Finanze 23 December 1976, n. 13813, articles 1 to 7.
fn fiscal_code(compact: &[u8]) -> Check {
    let digit = |at: usize| {
        let byte = compact.get(at)?;
        if byte.is_ascii_digit() {
            return Some(u64::from(value(*byte)));
        }
        b"LMNPQRSTUV"
            .iter()
            .position(|b| b == byte)
            .and_then(|n| u64::try_from(n).ok())
    };
    let pair = |at: usize| Some(digit(at)? * 10 + digit(at + 1)?);
    let month = compact.get(8).copied().unwrap_or_default();
    let days = match month {
        b'A' | b'C' | b'E' | b'L' | b'M' | b'R' | b'T' => 31,
        b'D' | b'H' | b'P' | b'S' => 30,
        b'B' => 29,
        _ => return Check::No,
    };
    let is_day = pair(9).is_some_and(|d| (1..=days).contains(&d) || (41..=40 + days).contains(&d));
    let has_digits = pair(6).is_some() && [12, 13, 14].into_iter().all(|at| digit(at).is_some());
    if !is_day || !has_digits {
        return Check::No;
    }
    let place = |b: u8| match b {
        b'0'..=b'9' => value(b),
        _ => value(b) - 10,
    };
    let sum: u32 = compact
        .iter()
        .take(15)
        .enumerate()
        .map(|(i, b)| match i % 2 {
            0 => ODD.get(place(*b) as usize).copied().unwrap_or_default(),
            _ => place(*b),
        })
        .sum();
    if compact.last().is_some_and(|b| place(*b) == sum % 26) {
        Check::Sum
    } else {
        Check::Form
    }
}

/// Seven digits, office (001 to 100, 120, 121, 888, 999), check digit of Luhn.
///
/// Source: Decreto del Presidente della Repubblica 26 October 1972, n. 633, article 35; Agenzia delle Entrate, "Partita IVA".
fn vat_code(compact: &[u8]) -> Check {
    let is_office = field(compact, 7, 10).is_some_and(|o| matches!(o, 1..=100 | 120 | 121 | 888 | 999));
    Check::sum(is_office && field(compact, 0, 7).is_some_and(|n| n > 0) && luhn(compact))
}

/// Two letters (the province, or `U1` of the central office, which issues them now), seven digits or characters, a letter.
///
/// Source: Decreto legislativo 30 April 1992, n. 285, article 116; Ministero delle Infrastrutture e dei Trasporti, circular
/// 16 January 2013 on the `U1` numbers.
fn driver_license(compact: &[u8]) -> Check {
    let serial = compact.get(2..9).unwrap_or_default();
    let is_letter = |b: &u8| !b"AEIOQV".contains(b);
    let is_issuer = matches!(compact.get(..2), Some([_, b'A'..=b'Z'] | b"U1"));
    Check::form(is_issuer && serial.iter().all(|b| b.is_ascii_digit() || is_letter(b)))
}

#[cfg(test)]
mod tests {
    use privet_types::{Budget, Entity};

    use crate::testing::{finds, misses, misses_alone};
    use crate::{Analyzer, Config};

    #[test]
    fn codes_are_found() {
        for (entity, text, value) in [
            (
                Entity::IT_FISCAL_CODE,
                "nata a Roma, VRDGNN81C54H501C",
                "VRDGNN81C54H501C",
            ),
            (
                Entity::IT_FISCAL_CODE,
                "vrd gnn 81c54 h501c",
                "vrd gnn 81c54 h501c",
            ),
            (Entity::IT_FISCAL_CODE, "VRDGNN81C54H5LMF", "VRDGNN81C54H5LMF"),
            (
                Entity::IT_FISCAL_CODE,
                "c.f. VRDGNN81C54H501D",
                "VRDGNN81C54H501D",
            ),
            (Entity::IT_VAT_CODE, "P. IVA 04827310154", "04827310154"),
            (Entity::IT_VAT_CODE, "IT04827310154", "IT04827310154"),
            (
                Entity::IT_DRIVER_LICENSE,
                "patente di guida U1X40C7L2K",
                "U1X40C7L2K",
            ),
            (Entity::IT_DRIVER_LICENSE, "Patente: MI4071826Q", "MI4071826Q"),
            (
                Entity::IT_IDENTITY_CARD,
                "carta d'identità CA40718QX",
                "CA40718QX",
            ),
            (
                Entity::IT_IDENTITY_CARD,
                "carta d’identità AX 4071826",
                "AX 4071826",
            ),
            (Entity::IT_PASSPORT, "passaporto YB4071826", "YB4071826"),
        ] {
            finds(entity, text, value);
        }
    }

    #[test]
    fn others_are_not() {
        for (entity, text) in [
            (Entity::IT_FISCAL_CODE, "VRDGNN81F54H501C"),
            (Entity::IT_FISCAL_CODE, "VRDGNN81C34H501C"),
            (Entity::IT_FISCAL_CODE, "VRDGNN81B71H501C"),
            (Entity::IT_VAT_CODE, "P. IVA 04827310155"),
            (Entity::IT_VAT_CODE, "P. IVA 04827312150"),
            (Entity::IT_VAT_CODE, "P. IVA 00000000000"),
            (Entity::IT_DRIVER_LICENSE, "patente U1A40C7L2K"),
            (Entity::IT_DRIVER_LICENSE, "patente U2X40C7L2K"),
        ] {
            misses_alone(entity, text);
        }
        for (entity, text) in [
            (Entity::IT_VAT_CODE, "order 04827310154"),
            (Entity::IT_PASSPORT, "part YB4071826"),
            (Entity::IT_IDENTITY_CARD, "part YB4071826"),
        ] {
            misses(entity, text);
        }
    }

    #[test]
    fn two_codes_with_a_space_between_are_two() {
        let text = "AA1234567 AB 7654321";
        let kind = Entity::IT_IDENTITY_CARD;
        let config = Config {
            threshold: 0.0,
            ..Config::only(&[kind])
        };
        let found = Analyzer::new(&config)
            .unwrap()
            .analyze(text, None, &Budget::unlimited())
            .unwrap();
        assert_eq!(found.iter().map(|f| f.span.len()).collect::<Vec<_>>(), [9, 10]);
    }
}
