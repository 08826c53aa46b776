//! Germany: tax, social and health insurance, doctors and their practices.

use privet_types::Entity;

use super::checks::{
    field, is_day, is_one_digit_repeated, mod_11_10, value, value_at, weighted, weighted_cross,
};
use super::{Check, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        entity: Entity::DE_TAX_ID,
        rule: "de-tax-id/mod11-10",
        shapes: &["99_999_999_999"],
        check: tax_id,
        words: &[
            "steuer id",
            "steuer idnr",
            "steuerid",
            "steuer identifikationsnummer",
            "steueridentifikationsnummer",
            "steuerliche identifikationsnummer",
            "identifikationsnummer",
            "idnr",
            "id nr",
            "tin",
            "tax id",
            "tax identification",
            "german tax",
            "numéro fiscal",
            "identifiant fiscal",
            "identificación fiscal",
            "codice fiscale tedesco",
        ],
        form: 0.2,
        sum: 0.6,
        told: 0.9,
    },
    Spec {
        entity: Entity::DE_VAT_ID,
        rule: "de-vat-id/mod11-10",
        shapes: &[
            "de999999999",
            "de_999999999",
            "de_999_999_999",
            "de 999-999.999",
            "de 999.999.999",
        ],
        check: vat_id,
        words: VAT,
        form: 0.4,
        sum: 0.95,
        told: 0.9,
    },
    Spec {
        entity: Entity::DE_TAX_NUMBER,
        rule: "de-tax-number/elster",
        shapes: &["9999999999999"],
        check: elster,
        words: TAX_NUMBER,
        form: 0.1,
        sum: 0.0,
        told: 0.9,
    },
    Spec {
        entity: Entity::DE_TAX_NUMBER,
        rule: "de-tax-number/slashes",
        shapes: &[
            "999/999/99999",
            "99/999/99999",
            "999/9999/9999",
            "99/9999/9999",
            "99999/99999",
            "9999/99999",
        ],
        check: state_tax_number,
        words: TAX_NUMBER,
        form: 0.3,
        sum: 0.0,
        told: 0.9,
    },
    Spec {
        entity: Entity::DE_TAX_NUMBER,
        rule: "de-tax-number/digits",
        shapes: &[
            "99 999 99999",
            "999 999 99999",
            "999 9999 9999",
            "9999999999",
            "99999999999",
        ],
        check: state_tax_number,
        words: TAX_NUMBER,
        form: 0.02,
        sum: 0.0,
        told: 0.8,
    },
    Spec {
        entity: Entity::DE_SOCIAL_SECURITY,
        rule: "de-social-security/mod10",
        shapes: &[
            "99999999A999",
            "99 999999 A 999",
            "99_999999_A_99_9",
            "99 99 99 99 A 999",
            "99-999999-A-999",
        ],
        check: social_security,
        words: &[
            "sozialversicherung*",
            "rentenversicherung*",
            "rvnr",
            "rv nr",
            "sv nr",
            "svnr",
            "sv nummer",
            "svn",
            "vsnr",
            "versicherungsnummer",
            "rentenversicherungsnummer",
            "social security",
            "social insurance",
            "pension insurance",
            "sécurité sociale",
            "seguridad social",
            "previdenza sociale",
        ],
        form: 0.0,
        sum: 0.9,
        told: 0.0,
    },
    Spec {
        entity: Entity::DE_HEALTH_INSURANCE,
        rule: "de-health-insurance/mod10",
        shapes: &["A999999999", "A 999 999 999", "A 999999999", "A999 999 999"],
        check: health_insurance,
        words: &[
            "krankenversicher*",
            "krankenversichertennummer",
            "krankenkasse",
            "krankenkassen",
            "kvnr",
            "kv nr",
            "kv nummer",
            "versichertennummer",
            "versicherten nr",
            "versichertenkarte",
            "gesundheitskarte",
            "egk",
            "versicherten id",
            "health insurance",
            "insurance number",
            "assurance maladie",
            "seguro médico",
            "assicurazione sanitaria",
        ],
        form: 0.0,
        sum: 0.3,
        told: 0.0,
    },
    Spec {
        entity: Entity::DE_LANR,
        rule: "de-lanr/mod10",
        shapes: &["999999999", "9999999 99"],
        check: lanr,
        words: &[
            "lanr",
            "arztnummer",
            "arzt nr",
            "arztnr",
            "lebenslange arztnummer",
            "vertragsarztnummer",
            "arzt nummer",
            "physician number",
            "doctor number",
        ],
        form: 0.0,
        sum: 0.1,
        told: 0.0,
    },
    Spec {
        entity: Entity::DE_BSNR,
        rule: "de-bsnr/form",
        shapes: &["999999999", "99 9999999"],
        check: bsnr,
        words: &[
            "bsnr",
            "nbsnr",
            "betriebsstättennummer",
            "betriebsstaettennummer",
            "betriebsstätten nr",
            "betriebsstätten nummer",
            "betriebsstätte",
            "praxisnummer",
            "praxis nr",
            "establishment number",
            "practice number",
        ],
        form: 0.05,
        sum: 0.0,
        told: 0.9,
    },
];

const VAT: &[&str] = &[
    "ust id",
    "ust idnr",
    "ust id nr",
    "ustid",
    "ustidnr",
    "ustid nr",
    "umsatzsteuer*",
    "mwst",
    "mehrwertsteuer*",
    "vat",
    "vat id",
    "vat number",
    "vatin",
    "tva",
    "iva",
    "btw",
    "moms",
    "vat no",
    "ндс",
    "增值税",
    "付加価値税",
];

const TAX_NUMBER: &[&str] = &[
    "steuernummer",
    "steuer nr",
    "steuernr",
    "steuer nummer",
    "st nr",
    "stnr",
    "st nummer",
    "finanzamt",
    "tax number",
    "tax no",
    "tax nr",
    "numéro fiscal",
    "número fiscal",
    "numero fiscale",
    "vergi numarası",
    "numer podatkowy",
    "налоговый номер",
];

/// Eleven digits, the first not 0; of the first ten one occurs twice or three times (not three times in a row), the others
/// at most once; check digit ISO 7064 MOD 11,10. Ten different digits are never issued, but samples often have them.
///
/// Source: section 139b of the Abgabenordnung; Bundeszentralamt für Steuern, "Informationen zur steuerlichen
/// Identifikationsnummer" (structure since 2016); check digit: ELSTER, "Prüfung der Steuer- und
/// Steueridentifikationsnummer".
fn tax_id(compact: &[u8]) -> Check {
    let first_ten = compact.get(..10).unwrap_or_default();
    if first_ten.first() == Some(&b'0') || !mod_11_10(compact) {
        return Check::No;
    }
    let counts: Vec<usize> = (b'0'..=b'9')
        .map(|d| first_ten.iter().filter(|b| **b == d).count())
        .collect();
    let has_three_in_a_row = first_ten.windows(3).any(is_one_digit_repeated);
    let repeated = counts.iter().filter(|c| **c > 1).count();
    match (repeated, counts.iter().max()) {
        (0, _) => Check::Form,
        (1, Some(2 | 3)) if !has_three_in_a_row => Check::Sum,
        _ => Check::No,
    }
}

/// `DE`, eight digits, check digit ISO 7064 MOD 11,10. The authority does not publish the check digit's rule, so that a
/// number that fails it may be one, too.
///
/// Source: section 27a of the Umsatzsteuergesetz; form: European Commission, VIES, "VAT identification numbers".
fn vat_id(compact: &[u8]) -> Check {
    let digits = compact.get(2..).unwrap_or_default();
    if mod_11_10(digits) && digits.first() != Some(&b'0') {
        Check::Sum
    } else {
        Check::form(!is_one_digit_repeated(digits) || digits.first() != Some(&b'0'))
    }
}

/// Thirteen digits: the tax office of a state (its first digits are the state's), 0, district, number, check digit; software
/// also puts the state's key 01 to 16 before a number of eleven digits.
///
/// Source: ELSTER, "Prüfung der Steuer- und Steueridentifikationsnummer", section 2; state keys: Destatis, AGS.
fn elster(compact: &[u8]) -> Check {
    let (Some(state), Some(rest)) = (field(compact, 0, 2), field(compact, 2, 13)) else {
        return Check::No;
    };
    let is_unified = compact.get(4) == Some(&b'0')
        && matches!(state, 10 | 11 | 21..=24 | 26..=28 | 30..=32 | 40 | 41 | 50..=59 | 90..=99);
    Check::form(rest > 0 && (is_unified || (1..=16).contains(&state)))
}

/// Tax office, district, number and check digit as each state writes them.
///
/// Source: ELSTER, "Prüfung der Steuer- und Steueridentifikationsnummer", section 2 (10 digits, 11 in some states).
fn state_tax_number(compact: &[u8]) -> Check {
    Check::form(!is_one_digit_repeated(compact))
}

/// Area of the insurer, date of birth, first letter of the name at birth, serial, check digit: the letter counts as its place
/// in the alphabet in two digits, weights 2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1, digits of the products added, modulus 10.
///
/// Source: Versicherungsnummern-, Kontoführungs- und Versicherungsverlaufsverordnung (VKVV), sections 2 to 4.
fn social_security(compact: &[u8]) -> Check {
    let (Some(area), Some(day), Some(month), Some(year)) = (
        field(compact, 0, 2),
        field(compact, 2, 4),
        field(compact, 4, 6),
        field(compact, 6, 8),
    ) else {
        return Check::No;
    };
    // The century is not written: 29 February of the year 00 counts as one of 2000.
    if area < 2 || !is_day(2000 + year, month, day) {
        return Check::No;
    }
    let digits = with_letter_as_digits(compact, 8);
    let sum = weighted_cross(&digits, &[2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]);
    Check::sum(digits.last().is_some_and(|b| value(*b) == sum % 10))
}

/// The digits, the letter at `at` as its place in the alphabet in two digits (`A` = 01).
fn with_letter_as_digits(compact: &[u8], at: usize) -> Vec<u8> {
    let mut digits = Vec::with_capacity(compact.len() + 1);
    for (i, byte) in compact.iter().enumerate() {
        if i == at {
            let place = byte.saturating_sub(b'A') + 1;
            digits.extend([b'0' + place / 10, b'0' + place % 10]);
        } else {
            digits.push(*byte);
        }
    }
    digits
}

/// A letter, eight digits, check digit: the letter counts as two digits, weights 1, 2 in turn, digits of the products added,
/// modulus 10.
///
/// Source: section 290 of SGB V; GKV-Spitzenverband, "Richtlinie zum Aufbau und zur Vergabe einer
/// Krankenversichertennummer", annex 1.
fn health_insurance(compact: &[u8]) -> Check {
    let digits = with_letter_as_digits(compact, 0);
    let sum = weighted_cross(&digits, &[1, 2, 1, 2, 1, 2, 1, 2, 1, 2]);
    Check::sum(digits.last().is_some_and(|b| value(*b) == sum % 10))
}

/// Six digits, check digit (weights 4, 9 in turn, modulus 10), two digits of the field of medicine.
///
/// Source: Kassenärztliche Bundesvereinigung, "Richtlinie nach section 75 Absatz 7 SGB V zur Vergabe der Arzt-,
/// Betriebsstätten- und Praxisnetznummern", section 4.
fn lanr(compact: &[u8]) -> Check {
    let sum = weighted(compact, &[4, 9, 4, 9, 4, 9]);
    let is_zero = field(compact, 0, 6) == Some(0);
    Check::sum(!is_zero && (10 - sum % 10) % 10 == value_at(compact, 6))
}

/// Two digits of the association of doctors, then seven, no check digit.
///
/// Source: as for [`lanr`], section 5.
fn bsnr(compact: &[u8]) -> Check {
    Check::form(
        field(compact, 0, 2).is_some_and(|area| area > 0) && field(compact, 2, 9).is_some_and(|n| n > 0),
    )
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{analyze, finds, finds_alone, misses, misses_alone};

    #[test]
    fn numbers_with_much_structure_need_no_words() {
        for (entity, value) in [
            (Entity::DE_TAX_ID, "50475329863"),
            (Entity::DE_TAX_ID, "50 475 329 863"),
            (Entity::DE_VAT_ID, "DE385448500"),
            (Entity::DE_VAT_ID, "DE 385 448 500"),
            (Entity::DE_SOCIAL_SECURITY, "53240379K512"),
            (Entity::DE_SOCIAL_SECURITY, "53 240379 K 512"),
        ] {
            finds(entity, &format!("Bitte {value} angeben."), value);
        }
    }

    #[test]
    fn numbers_that_others_look_like_need_a_word() {
        for (entity, word, value) in [
            (
                Entity::DE_HEALTH_INSURANCE,
                "Krankenversichertennummer",
                "Q307182644",
            ),
            (Entity::DE_LANR, "LANR", "362914534"),
            (Entity::DE_BSNR, "Betriebsstätten-Nr.", "521830746"),
            (Entity::DE_TAX_NUMBER, "St.-Nr.", "21/815/08150"),
            (Entity::DE_TAX_NUMBER, "Steuernummer", "133/8150/8159"),
            (Entity::DE_TAX_NUMBER, "steuernummer", "2893081508152"),
            (Entity::DE_TAX_NUMBER, "Finanzamt Kiel, StNr.", "1929308150"),
        ] {
            finds(entity, &format!("{word}: {value}."), value);
            misses(entity, &format!("number {value}"));
            finds_alone(entity, value, value);
        }
    }

    #[test]
    fn wrong_check_digits_dates_and_lengths_are_refused() {
        for (entity, text) in [
            (Entity::DE_TAX_ID, "50475329864"),
            (Entity::DE_TAX_ID, "05047532986"),
            (Entity::DE_TAX_ID, "11112345674"),
            (Entity::DE_VAT_ID, "DE38544850"),
            (Entity::DE_VAT_ID, "DE3854485000"),
            (Entity::DE_VAT_ID, "AT385448500"),
            (Entity::DE_SOCIAL_SECURITY, "53240379K513"),
            (Entity::DE_SOCIAL_SECURITY, "53320379K512"),
            (Entity::DE_SOCIAL_SECURITY, "00240379K512"),
            (Entity::DE_HEALTH_INSURANCE, "Q307182645"),
            (Entity::DE_LANR, "362914634"),
            (Entity::DE_LANR, "000000034"),
            (Entity::DE_BSNR, "001830746"),
            (Entity::DE_TAX_NUMBER, "0093081508152"),
            (Entity::DE_TAX_NUMBER, "1/815/08150"),
        ] {
            misses_alone(entity, text);
        }
    }

    #[test]
    fn a_vat_number_that_fails_the_unpublished_rule_is_less_sure() {
        let score = |text: &str| analyze(text, None).first().map(|f| f.score);
        assert!(score("DE385448501") < score("DE385448500"));
        assert!(score("USt-IdNr. DE385448501") > score("DE385448501"));
    }
}
