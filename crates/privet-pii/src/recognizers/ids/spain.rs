//! Spain.

use privet_types::Entity;

use super::checks::{field, number, value};
use super::{Check, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        entity: Entity::ES_NIF,
        rule: "es-nif/mod23",
        shapes: &[
            "99999999A",
            "99999999-A",
            "99.999.999-A",
            "99.999.999 A",
            "99.999.999A",
        ],
        check: nif,
        words: NIF,
        form: 0.0,
        sum: 0.6,
        told: 0.0,
    },
    // A number with its unit, as in `10401432 B`, has the right letter once in 23 times.
    Spec {
        entity: Entity::ES_NIF,
        rule: "es-nif/blank",
        shapes: &["99999999 A"],
        check: nif,
        words: NIF,
        form: 0.0,
        sum: 0.2,
        told: 0.0,
    },
    Spec {
        entity: Entity::ES_NIF,
        rule: "es-nif/seven-digits",
        shapes: &["9999999A", "9999999-A", "9.999.999-A"],
        check: nif,
        words: NIF,
        form: 0.0,
        sum: 0.2,
        told: 0.0,
    },
    Spec {
        entity: Entity::ES_NIF,
        rule: "es-nif/klm",
        shapes: &["A9999999_A"],
        check: nif_of_others,
        words: NIF,
        form: 0.0,
        sum: 0.4,
        told: 0.0,
    },
    Spec {
        entity: Entity::ES_NIE,
        rule: "es-nie/mod23",
        shapes: &["A9999999_A", "A_9999999_A"],
        check: nie,
        words: &[
            "nie",
            "n i e",
            "número de identidad de extranjero",
            "número de identificación de extranjero",
            "extranjero",
            "identidad de extranjero",
            "tie",
            "foreigner identity",
            "foreigner",
            "foreigners",
            "ausländer",
            "étranger",
        ],
        form: 0.0,
        sum: 0.7,
        told: 0.0,
    },
    Spec {
        entity: Entity::ES_PASSPORT,
        rule: "es-passport/form",
        shapes: &["AAA_999999"],
        check: |_| Check::Form,
        words: PASSPORT,
        form: 0.05,
        sum: 0.0,
        told: 0.85,
    },
    Spec {
        entity: Entity::ES_PASSPORT,
        rule: "es-passport/two-letters",
        shapes: &["AA_999999"],
        check: |_| Check::Form,
        words: &["pasaporte", "pasaportes", "número de pasaporte", "passaport"],
        form: 0.0,
        sum: 0.0,
        told: 0.7,
    },
];

const NIF: &[&str] = &[
    "nif",
    "n i f",
    "dni",
    "d n i",
    "documento nacional de identidad",
    "documento de identidad",
    "número de identificación fiscal",
    "identificación fiscal",
    "número de identificación",
    "carnet de identidad",
    "document nacional d identitat",
    "cif",
    "spanish id",
    "identity card",
    "tax id",
    "personalausweis",
    "carte d identité",
];

const PASSPORT: &[&str] = &[
    "pasaporte",
    "pasaportes",
    "passaport",
    "passport",
    "número de pasaporte",
    "reisepass",
    "passeport",
    "passaporto",
    "passaporte",
    "paspoort",
    "paszport",
    "pasaport",
    "護照",
    "护照",
    "パスポート",
    "паспорт*",
];

/// The letter of a number, by its remainder by 23. Passports (three letters, six digits; two in old ones) have no check digit.
const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";

fn is_letter(letter: Option<&u8>, number: u64) -> bool {
    let place = usize::try_from(number % 23).unwrap_or_default();
    letter.is_some() && LETTERS.get(place) == letter
}

/// Digits of the identity card, perhaps without leading zeros, and the letter of their remainder by 23.
///
/// Source: Real Decreto 1553/2005, article 11; Ministerio del Interior, "Cálculo del dígito de control del NIF/NIE".
fn nif(compact: &[u8]) -> Check {
    let Some((letter, digits)) = compact.split_last() else {
        return Check::No;
    };
    Check::sum(number(digits).is_some_and(|n| n > 0 && is_letter(Some(letter), n)))
}

/// `K` (Spaniards under 14), `L` (Spaniards abroad) or `M` (foreigners without a NIE), seven digits and the letter.
///
/// Source: Orden EHA/451/2008; Agencia Tributaria, "Composición del NIF".
fn nif_of_others(compact: &[u8]) -> Check {
    let is_kind = compact.first().is_some_and(|b| b"KLM".contains(b));
    Check::sum(is_kind && field(compact, 1, 8).is_some_and(|n| n > 0 && is_letter(compact.get(8), n)))
}

/// `X`, `Y` or `Z`, which count as 0, 1 and 2 before the seven digits, and the letter of the remainder by 23.
///
/// Source: Orden INT/2058/2008; Ministerio del Interior, "Cálculo del dígito de control del NIF/NIE".
fn nie(compact: &[u8]) -> Check {
    let kind = match compact.first() {
        Some(b @ b'X'..=b'Z') => u64::from(value(*b) - value(b'X')),
        _ => return Check::No,
    };
    let number = field(compact, 1, 8).map(|n| kind * 10_000_000 + n);
    Check::sum(number.is_some_and(|n| is_letter(compact.get(8), n)))
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, misses, misses_alone};

    #[test]
    fn numbers_with_the_right_letter_are_found() {
        for (entity, text, value) in [
            (Entity::ES_NIF, "la titular 40718265P firma", "40718265P"),
            (Entity::ES_NIF, "40.718.265-P", "40.718.265-P"),
            (Entity::ES_NIF, "su DNI 40718265 P", "40718265 P"),
            (Entity::ES_NIF, "DNI 3071826S", "3071826S"),
            (Entity::ES_NIF, "NIF: K3071826S", "K3071826S"),
            (Entity::ES_NIE, "con y3071826y,", "y3071826y"),
            (Entity::ES_NIE, "Y-3071826-Y", "Y-3071826-Y"),
            (Entity::ES_PASSPORT, "pasaporte QXA407182", "QXA407182"),
        ] {
            finds(entity, text, value);
        }
    }

    #[test]
    fn others_are_not() {
        for (entity, text) in [
            (Entity::ES_NIF, "DNI 40718265Q"),
            (Entity::ES_NIF, "DNI 00000000T"),
            (Entity::ES_NIF, "NIF J3071826S"),
            (Entity::ES_NIE, "NIE Y3071826S"),
            (Entity::ES_NIE, "NIE W3071826Y"),
            (Entity::ES_PASSPORT, "pasaporte QXAB40718"),
        ] {
            misses_alone(entity, text);
        }
        misses(Entity::ES_PASSPORT, "QXA407182");
        misses(Entity::ES_NIF, "long n = 3071826S");
        misses(Entity::ES_NIF, "written: 95013908 B in 4 s");
    }
}
