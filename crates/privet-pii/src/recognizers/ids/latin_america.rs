//! Brazil, Mexico.

use privet_types::Entity;

use super::checks::{field, is_day, is_one_digit_repeated, is_time_stamp, value, value_at};
use super::{Check, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        entity: Entity::BR_CPF,
        rule: "br-cpf/formatted",
        shapes: &[
            "999.999.999-99",
            "999 999 999-99",
            "999999999-99",
            "999-999-999-99",
            "999.999.999.99",
            "999.999.999/99",
        ],
        check: cpf,
        words: CPF,
        form: 0.0,
        sum: 0.95,
        told: 0.0,
    },
    Spec {
        entity: Entity::BR_CPF,
        rule: "br-cpf/digits",
        shapes: &["99999999999", "999 999 999 99"],
        check: cpf,
        words: CPF,
        form: 0.0,
        sum: 0.36,
        told: 0.0,
    },
    Spec {
        entity: Entity::BR_CNPJ,
        rule: "br-cnpj/formatted",
        shapes: &["^XX.XXX.XXX/XXXX-99", "^XXXXXXXX/XXXX-99", "^XXXXXXXXXXXX-99"],
        check: cnpj,
        words: CNPJ,
        form: 0.0,
        sum: 0.97,
        told: 0.0,
    },
    Spec {
        entity: Entity::BR_CNPJ,
        rule: "br-cnpj/digits",
        shapes: &["99999999999999"],
        check: cnpj,
        words: CNPJ,
        form: 0.0,
        sum: 0.36,
        told: 0.0,
    },
    Spec {
        entity: Entity::BR_CNPJ,
        rule: "br-cnpj/letters",
        shapes: &["^XXXXXXXXXXXX99", "^XX XXX XXX XXXX 99"],
        check: cnpj,
        words: CNPJ,
        form: 0.0,
        sum: 0.2,
        told: 0.0,
    },
    Spec {
        entity: Entity::MX_CURP,
        rule: "mx-curp/mod10",
        shapes: &["AAAA999999AAAAAAX9"],
        check: curp,
        words: &[
            "curp",
            "clave única de registro de población",
            "clave unica",
            "registro de población",
            "registro de poblacion",
            "population registry",
            "mexican id",
            "clave única",
        ],
        form: 0.7,
        sum: 0.98,
        told: 0.95,
    },
];

const CPF: &[&str] = &[
    "cpf",
    "c p f",
    "cadastro de pessoas físicas",
    "cadastro de pessoa física",
    "pessoa física",
    "contribuinte",
    "receita federal",
    "brazilian id",
    "brazilian tax",
    "taxpayer",
    "tax id",
    "steuernummer",
    "numéro fiscal",
];

const CNPJ: &[&str] = &[
    "cnpj",
    "cgc",
    "cadastro nacional da pessoa jurídica",
    "pessoa jurídica",
    "razão social",
    "company registration",
    "brazilian company",
    "tax id",
    "receita federal",
    "inscrição",
];

/// Whether the characters from `at` on are the two check digits over those before them: weights from 2 up from the right, back
/// to 2 after `most`; modulus 11, 0 for 10 and 11. A character counts as its ASCII code less 48.
fn are_check_digits(compact: &[u8], at: usize, most: u32) -> bool {
    [at, at + 1].into_iter().all(|place| {
        let weights = (2..=most).cycle();
        let before = compact.get(..place).unwrap_or_default();
        let sum: u32 = before
            .iter()
            .rev()
            .zip(weights)
            .map(|(b, w)| u32::from(b.saturating_sub(b'0')) * w)
            .sum();
        let digit = match sum % 11 {
            0 | 1 => 0,
            rest => 11 - rest,
        };
        compact.len() == at + 2 && digit == value_at(compact, place)
    })
}

/// Nine digits, the ninth the region, and two check digits; not eleven times the same digit.
///
/// Source: Receita Federal do Brasil, Instrução Normativa RFB n.º 2.172/2024 and "Rotina de cálculo do dígito verificador do
/// CPF".
fn cpf(compact: &[u8]) -> Check {
    Check::sum(!is_one_digit_repeated(compact) && are_check_digits(compact, 9, 11))
}

/// Root of eight characters, branch of four, two check digits. Since July 2026 root and branch may have letters.
///
/// Source: Receita Federal do Brasil, Instrução Normativa RFB n.º 2.229/2024 and "Cálculo do dígito verificador do CNPJ
/// alfanumérico" (2024).
fn cnpj(compact: &[u8]) -> Check {
    let root = compact.get(..8).unwrap_or_default();
    let is_stamp = is_time_stamp(compact);
    Check::sum(
        !is_stamp
            && !is_one_digit_repeated(root)
            && compact.get(8..12) != Some(b"0000")
            && are_check_digits(compact, 12, 9),
    )
}

/// Where one can be born: the states' codes, `NE` for abroad.
const STATES: &[u8] = b"ASBCBSCCCLCMCSCHDFDGGTGRHGJCMCMNMSNTNLOCPLQTQRSPSLSRTCTSTLVZYNZSNE";

/// First letters of the names, year, month and day of birth, sex (`H`, `M`, `X`), state, consonants of the names, one character
/// against doubles (a digit for those born before 2000, a letter later), check digit: weights 18 to 2 over values in the
/// alphabet with Ñ, modulus 10. A value with a wrong check digit has so much structure that it is a mistyped code.
///
/// Source: Secretaría de Gobernación, "Instructivo Normativo para la Asignación de la Clave Única de Registro de Población"
/// (Diario Oficial de la Federación, 18 October 2021), sections 4 and 5.
fn curp(compact: &[u8]) -> Check {
    let (Some(year), Some(month), Some(day)) =
        (field(compact, 4, 6), field(compact, 6, 8), field(compact, 8, 10))
    else {
        return Check::No;
    };
    let century = if compact.get(16).is_some_and(u8::is_ascii_digit) {
        1900
    } else {
        2000
    };
    let is_sex = matches!(compact.get(10), Some(b'H' | b'M' | b'X'));
    let state = compact.get(11..13).unwrap_or_default();
    let is_state = STATES.chunks(2).any(|s| s == state);
    let are_consonants = compact
        .get(13..16)
        .is_some_and(|c| c.iter().all(|b| !b"AEIOU".contains(b)));
    if !is_day(century + year, month, day) || !is_sex || !is_state || !are_consonants {
        return Check::No;
    }
    let place = |b: u8| value(b) + u32::from(b > b'N');
    let sum: u32 = compact
        .iter()
        .zip((2..=18).rev())
        .map(|(b, w)| place(*b) * w)
        .sum();
    if (10 - sum % 10) % 10 == value_at(compact, 17) {
        Check::Sum
    } else {
        Check::Form
    }
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, misses, misses_alone};

    #[test]
    fn numbers_are_found() {
        for (entity, text, value) in [
            (Entity::BR_CPF, "481.730.926-13", "481.730.926-13"),
            (Entity::BR_CPF, "CPF 48173092613", "48173092613"),
            (Entity::BR_CNPJ, "48.173.092/0001-38", "48.173.092/0001-38"),
            (Entity::BR_CNPJ, "CNPJ 48173092000138", "48173092000138"),
            (Entity::BR_CNPJ, "4K.17R.09Z/0001-22", "4K.17R.09Z/0001-22"),
            (Entity::BR_CNPJ, "cnpj: 4K17R09Z000122", "4K17R09Z000122"),
            (Entity::MX_CURP, "QARM810714MJCNVZ06", "QARM810714MJCNVZ06"),
            (Entity::MX_CURP, "qarm040714hdfnvza3", "qarm040714hdfnvza3"),
            (Entity::MX_CURP, "CURP QARM810714MJCNVZ07", "QARM810714MJCNVZ07"),
        ] {
            finds(entity, text, value);
        }
    }

    #[test]
    fn others_are_not() {
        for (entity, text) in [
            (Entity::BR_CPF, "cpf 481.730.926-14"),
            (Entity::BR_CPF, "cpf 111.111.111-11"),
            (Entity::BR_CNPJ, "cnpj 48.173.092/0001-39"),
            (Entity::BR_CNPJ, "cnpj 4K.17R.09Z/0001-23"),
            (Entity::BR_CNPJ, "cnpj 4k.17r.09z/0001-22"),
            (Entity::BR_CNPJ, "cnpj 00000000000000"),
            (Entity::MX_CURP, "curp QARM811314MJCNVZ06"),
            (Entity::MX_CURP, "curp QARM810714MXXNVZ06"),
            (Entity::MX_CURP, "curp QARM810714KJCNVZ06"),
        ] {
            misses_alone(entity, text);
        }
        misses(Entity::BR_CNPJ, "build 4K17R09Z000122");
    }
}
