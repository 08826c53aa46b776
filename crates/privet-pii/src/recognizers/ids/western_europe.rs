//! Austria, Belgium, France, the Netherlands, Portugal, Switzerland.

use privet_types::Entity;

use super::checks::{ean, field, is_day, number, value_at, weighted};
use super::{Check, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        entity: Entity::FR_NIR,
        rule: "fr-nir/mod97",
        shapes: &[
            "9_99_99_9X_999_999_99",
            "999999X99999999",
            "999999X999999 99",
            "999999X999999/99",
            "999999X999999-99",
            "9 99 99 9X 999 999/99",
        ],
        check: nir,
        words: NIR,
        form: 0.1,
        sum: 0.95,
        told: 0.8,
    },
    Spec {
        entity: Entity::FR_NIR,
        rule: "fr-nir/no-key",
        shapes: &["9 99 99 9X 999 999", "999999X999999"],
        check: |compact| Check::form(nir_fields(compact).is_some()),
        words: NIR,
        form: 0.02,
        sum: 0.0,
        told: 0.85,
    },
    Spec {
        entity: Entity::NL_BSN,
        rule: "nl-bsn/mod11",
        shapes: &[
            "999999999",
            "9999.99.999",
            "9999 99 999",
            "999 999 999",
            "999.999.999",
        ],
        check: bsn,
        words: BSN,
        form: 0.0,
        sum: 0.15,
        told: 0.0,
    },
    Spec {
        entity: Entity::NL_BSN,
        rule: "nl-bsn/eight-digits",
        shapes: &["99999999"],
        check: bsn,
        words: BSN,
        form: 0.0,
        sum: 0.03,
        told: 0.0,
    },
    Spec {
        entity: Entity::BE_NN,
        rule: "be-nn/mod97",
        shapes: &[
            "99.99.99-999.99",
            "999999-999-99",
            "99 99 99 999 99",
            "999999 999 99",
            "99.99.99.999.99",
            "99.99.99-999-99",
        ],
        check: national_number,
        words: NATIONAL_NUMBER,
        form: 0.0,
        sum: 0.97,
        told: 0.0,
    },
    Spec {
        entity: Entity::BE_NN,
        rule: "be-nn/digits",
        shapes: &["99999999999"],
        check: national_number,
        words: NATIONAL_NUMBER,
        form: 0.0,
        sum: 0.6,
        told: 0.0,
    },
    Spec {
        entity: Entity::AT_SVNR,
        rule: "at-svnr/spaced",
        shapes: &["9999 999999", "9999-999999", "9999/999999"],
        check: svnr,
        words: SVNR,
        form: 0.0,
        sum: 0.7,
        told: 0.0,
    },
    Spec {
        entity: Entity::AT_SVNR,
        rule: "at-svnr/digits",
        shapes: &["9999999999"],
        check: svnr,
        words: SVNR,
        form: 0.0,
        sum: 0.25,
        told: 0.0,
    },
    Spec {
        entity: Entity::CH_AHV,
        rule: "ch-ahv/ean13",
        shapes: &["999.9999.9999.99", "999 9999 9999 99", "999-9999-9999-99"],
        check: ahv,
        words: AHV,
        form: 0.0,
        sum: 0.98,
        told: 0.0,
    },
    Spec {
        entity: Entity::CH_AHV,
        rule: "ch-ahv/digits",
        shapes: &["9999999999999"],
        check: ahv,
        words: AHV,
        form: 0.0,
        sum: 0.7,
        told: 0.0,
    },
    Spec {
        entity: Entity::PT_NIF,
        rule: "pt-nif/mod11",
        shapes: &["999999999", "999 999 999", "999.999.999"],
        check: nif,
        words: NIF,
        form: 0.0,
        sum: 0.12,
        told: 0.0,
    },
    Spec {
        entity: Entity::PT_NIF,
        rule: "pt-nif/country",
        shapes: &["pt_999999999", "pt 999 999 999"],
        check: |compact| nif(compact.get(2..).unwrap_or_default()),
        words: NIF,
        form: 0.0,
        sum: 0.95,
        told: 0.0,
    },
];

const NIR: &[&str] = &[
    "nir",
    "insee",
    "numéro de sécurité sociale",
    "sécurité sociale",
    "securite sociale",
    "sécu",
    "secu",
    "numéro de sécu",
    "n ss",
    "nss",
    "numéro ss",
    "no ss",
    "carte vitale",
    "vitale",
    "assuré social",
    "assuré",
    "immatriculation",
    "ameli",
    "cpam",
    "social security",
    "sozialversicherung*",
    "seguridad social",
    "sicurezza sociale",
];

const BSN: &[&str] = &[
    "bsn",
    "bsn nummer",
    "burgerservicenummer",
    "burger service nummer",
    "burgerservicenr",
    "sofinummer",
    "sofi nummer",
    "sofi",
    "citizen service number",
    "dutch id",
    "persoonsnummer",
    "bürgerservicenummer",
    "numéro bsn",
];

const NATIONAL_NUMBER: &[&str] = &[
    "rijksregisternummer",
    "rijksregister",
    "rrn",
    "insz",
    "niss",
    "numéro national",
    "numéro de registre national",
    "registre national",
    "n n",
    "nn",
    "national number",
    "national register",
    "nationalregisternummer",
    "nationalregister",
    "identificatienummer",
    "bis nummer",
];

const SVNR: &[&str] = &[
    "svnr",
    "sv nr",
    "sv nummer",
    "svn",
    "vsnr",
    "sozialversicherungsnummer",
    "sozialversicherungs nr",
    "sozialversicherung",
    "versicherungsnummer",
    "ecard",
    "e card",
    "insurance number",
    "social security",
    "social insurance",
    "sécurité sociale",
];

const AHV: &[&str] = &[
    "ahv",
    "ahv nr",
    "ahv nummer",
    "ahvn",
    "ahvnummer",
    "avs",
    "no avs",
    "numéro avs",
    "numero avs",
    "navs",
    "avs ai",
    "oasi",
    "nss",
    "sozialversicherungsnummer",
    "sozialversicherungs nr",
    "versichertennummer",
    "social security",
    "social insurance",
    "assicurato",
    "assuré",
];

const NIF: &[&str] = &[
    "nif",
    "n i f",
    "contribuinte",
    "número de contribuinte",
    "numero de contribuinte",
    "nº contribuinte",
    "número fiscal",
    "número de identificação fiscal",
    "identificação fiscal",
    "nipc",
    "niss",
    "portuguese tax",
    "tax number",
    "tax id",
    "vat",
    "iva",
    "steuernummer",
    "numéro fiscal",
    "número de identificación fiscal",
];

/// Sex, year, month (20 to 42 and 50 to 99 if it is not known), department (`2A` and `2B` for Corsica), place, order; as a
/// number in which `2A` counts as 19 and `2B` as 18.
///
/// Source: INSEE, "Numéro d'inscription au répertoire (NIR)"; Décret n° 82-103 of 22 January 1982, article 4.
fn nir_fields(compact: &[u8]) -> Option<u64> {
    let mut digits = compact.get(..13)?.to_vec();
    let corsica = match digits.get(5..7) {
        Some(b"2A") => Some(b"19"),
        Some(b"2B") => Some(b"18"),
        _ => None,
    };
    if let (Some(number), Some(department)) = (corsica, digits.get_mut(5..7)) {
        department.copy_from_slice(number);
    }
    let value = number(&digits)?;
    let is_sex = matches!(digits.first(), Some(b'1'..=b'4' | b'7' | b'8'));
    let is_month = matches!(field(&digits, 3, 5)?, 1..=12 | 20..=42 | 50..=99);
    let is_order = field(&digits, 5, 7)? > 0 && field(&digits, 7, 10)? > 0 && field(&digits, 10, 13)? > 0;
    (is_sex && is_month && is_order).then_some(value)
}

/// [`nir_fields`] and the key: 97 less the remainder by 97. The first digits 3, 4, 7 and 8 are for people not yet registered;
/// identifiers of mobile devices begin like them.
///
/// Source: as for [`nir_fields`].
fn nir(compact: &[u8]) -> Check {
    let (Some(value), Some(key)) = (nir_fields(compact), field(compact, 13, 15)) else {
        return Check::No;
    };
    match compact.first() {
        _ if key != 97 - value % 97 => Check::No,
        Some(b'1' | b'2') => Check::Sum,
        _ => Check::Form,
    }
}

/// Eight or nine digits; weights 9 to 2 and -1 for the last, modulus 11.
///
/// Source: Wet algemene bepalingen burgerservicenummer; Rijksdienst voor Identiteitsgegevens, "Logisch Ontwerp BSN", 1.3.1
/// (elfproef).
fn bsn(compact: &[u8]) -> Check {
    let Some((last, rest)) = compact.split_last() else {
        return Check::No;
    };
    let weights = [9, 8, 7, 6, 5, 4, 3, 2];
    let sum = weighted(
        rest,
        weights
            .get(8_usize.saturating_sub(rest.len())..)
            .unwrap_or_default(),
    );
    let is_zero = field(compact, 0, 7) == Some(0);
    Check::sum(!is_zero && sum % 11 == u32::from(last - b'0'))
}

/// Year, month (20 or 40 more in a BIS number, 0 if not known) and day of birth, order, check digits: 97 less the remainder by
/// 97, with a 2 before the number for those born from 2000 on.
///
/// Source: Arrêté royal of 3 April 1984 on the identification number of the national register, articles 1 to 3.
fn national_number(compact: &[u8]) -> Check {
    let (Some(year), Some(month), Some(day), Some(order), Some(key)) = (
        field(compact, 0, 2),
        field(compact, 2, 4),
        field(compact, 4, 6),
        field(compact, 6, 9),
        field(compact, 9, 11),
    ) else {
        return Check::No;
    };
    let month = if month > 40 {
        month - 40
    } else if month > 20 {
        month - 20
    } else {
        month
    };
    let number = field(compact, 0, 9).unwrap_or_default();
    let born = |century: u64, number: u64| {
        let is_date = is_day(century + year, month, day) || month == 0 && day <= 31;
        is_date && key == 97 - number % 97
    };
    Check::sum((1..=998).contains(&order) && (born(1900, number) || born(2000, 2_000_000_000 + number)))
}

/// Serial of three digits, the first not 0, check digit (weights 3, 7, 9 and 5, 8, 4, 2, 1, 6 for the rest, modulus 11), day,
/// month (13 to 15 if a day has no serials left) and year of birth.
///
/// Source: Allgemeines Sozialversicherungsgesetz, section 31(4); Dachverband der Sozialversicherungsträger,
/// "Versicherungsnummer".
fn svnr(compact: &[u8]) -> Check {
    let (Some(serial), Some(day), Some(month), Some(year)) = (
        field(compact, 0, 3),
        field(compact, 4, 6),
        field(compact, 6, 8),
        field(compact, 8, 10),
    ) else {
        return Check::No;
    };
    let is_date = is_day(2000 + year, month, day) || (13..=15).contains(&month) && (1..=31).contains(&day);
    let sum = weighted(compact, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]);
    Check::sum(serial >= 100 && is_date && sum % 11 == value_at(compact, 3))
}

/// 756 of ISO 3166-1 for Switzerland, nine digits, check digit of EAN-13.
///
/// Source: Verordnung über die Alters- und Hinterlassenenversicherung (AHVV), article 133; Zentrale Ausgleichsstelle,
/// "Die 13-stellige AHV-Nummer".
fn ahv(compact: &[u8]) -> Check {
    Check::sum(compact.starts_with(b"756") && ean(compact))
}

/// Nine digits, the first 1, 2, 3, 5, 6, 8, 9 or the first two 45, 70, 71, 72, 74, 75, 77, 78, 79; check digit with weights 9 to
/// 2, modulus 11, 0 for 10.
///
/// Source: Decreto-Lei n.º 14/2013, article 4; Autoridade Tributária e Aduaneira, "Número de identificação fiscal".
fn nif(compact: &[u8]) -> Check {
    let is_kind = matches!(
        field(compact, 0, 2),
        Some(10..=39 | 45 | 50..=69 | 70..=72 | 74 | 75 | 77..=99)
    );
    let check = match weighted(compact, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    Check::sum(is_kind && check == value_at(compact, 8))
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, finds_alone, misses, misses_alone};

    #[test]
    fn numbers_with_much_structure_need_no_words() {
        for (entity, value) in [
            (Entity::FR_NIR, "279031305514740"),
            (Entity::FR_NIR, "2 79 03 13 055 147 40"),
            (Entity::FR_NIR, "181072A00403383"),
            (Entity::FR_NIR, "1 81 07 2b 004 033 13"),
            (Entity::BE_NN, "76.04.12-173.24"),
            (Entity::BE_NN, "03041217372"),
            (Entity::BE_NN, "76441217313"),
            (Entity::AT_SVNR, "4823 270368"),
            (Entity::CH_AHV, "756.4827.1930.46"),
            (Entity::CH_AHV, "7564827193046"),
            (Entity::PT_NIF, "PT284173908"),
        ] {
            finds(entity, &format!("no {value}."), value);
        }
    }

    #[test]
    fn numbers_that_others_look_like_need_a_word() {
        for (entity, word, value) in [
            (
                Entity::FR_NIR,
                "numéro de sécurité sociale :",
                "2 79 03 13 055 147",
            ),
            (Entity::FR_NIR, "NIR", "379031305514787"),
            (Entity::NL_BSN, "BSN", "281934009"),
            (Entity::NL_BSN, "burgerservicenummer", "81934002"),
            (Entity::AT_SVNR, "SV-Nr.", "4823270368"),
            (Entity::PT_NIF, "contribuinte", "284 173 908"),
        ] {
            finds(entity, &format!("{word} {value}"), value);
            misses(entity, &format!("no {value}"));
            finds_alone(entity, value, value);
        }
    }

    #[test]
    fn wrong_keys_and_dates_are_refused() {
        for (entity, text) in [
            (Entity::FR_NIR, "nir 279031305514741"),
            (Entity::FR_NIR, "nir 181072C00403383"),
            (Entity::FR_NIR, "nir 579031305514740"),
            (Entity::FR_NIR, "nir 279131305514740"),
            (Entity::NL_BSN, "bsn 281934008"),
            (Entity::NL_BSN, "bsn 000000000"),
            (Entity::BE_NN, "76041217325"),
            (Entity::BE_NN, "76043217324"),
            (Entity::AT_SVNR, "svnr 4824270368"),
            (Entity::AT_SVNR, "svnr 4823271668"),
            (Entity::CH_AHV, "756.4827.1930.47"),
            (Entity::CH_AHV, "755.4827.1930.47"),
            (Entity::PT_NIF, "nif 284173909"),
            (Entity::PT_NIF, "nif 484173906"),
        ] {
            misses_alone(entity, text);
        }
    }
}
