//! Turkey. Telephone numbers have a recogniser of their own, `phone_tr`.

use privet_types::Entity;

use super::checks::{field, value_at};
use super::{Check, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        entity: Entity::TR_NATIONAL_ID,
        rule: "tr-national-id/two-digits",
        shapes: &["99999999999", "999 999 999 99", "999 9999 9999"],
        check: national_id,
        words: &[
            "tc kimlik",
            "tc kimlik no",
            "t c kimlik",
            "kimlik no",
            "kimlik numarası",
            "kimlik numarasi",
            "kimlik",
            "tckn",
            "tc no",
            "tckimlik",
            "tc",
            "vatandaşlık",
            "vatandaslik",
            "national id",
            "turkish id",
            "turkish identification",
            "identity number",
            "id number",
            "citizenship number",
            "personalnummer",
            "identitätsnummer",
            "numéro d identité",
            "удостоверение",
        ],
        form: 0.0,
        sum: 0.5,
        told: 0.0,
    },
    Spec {
        entity: Entity::TR_LICENSE_PLATE,
        rule: "tr-license-plate/form",
        shapes: &["99_AA?A?_999?9?9?"],
        check: plate,
        words: &[
            "plaka",
            "plakası",
            "plakasi",
            "plakalı",
            "plakali",
            "plaka no",
            "araç",
            "arac",
            "aracı",
            "aracın",
            "taşıt",
            "otomobil",
            "license plate",
            "licence plate",
            "number plate",
            "plate",
            "plate number",
            "registration",
            "vehicle",
            "kennzeichen",
            "plaque",
            "targa",
            "matrícula",
            "номерной знак",
            "госномер",
            "车牌",
        ],
        form: 0.2,
        sum: 0.0,
        told: 0.95,
    },
];

/// Eleven digits, the first not 0; the tenth is 7 times the sum of the odd places less the sum of the even ones, modulus 10;
/// the eleventh is the sum of the first ten, modulus 10.
///
/// Source: Nüfus Hizmetleri Kanunu, n. 5490, article 46; Nüfus ve Vatandaşlık İşleri Genel Müdürlüğü, "T.C. Kimlik Numarası".
fn national_id(compact: &[u8]) -> Check {
    let sum = |places: &[usize]| places.iter().map(|at| value_at(compact, *at)).sum::<u32>();
    let (odd, even) = (sum(&[0, 2, 4, 6, 8]), sum(&[1, 3, 5, 7]));
    // 40 is more than the even places can add up to, and a multiple of 10.
    let tenth = (7 * odd + 40 - even) % 10;
    let eleventh = (odd + even + tenth) % 10;
    Check::sum(
        value_at(compact, 0) != 0 && tenth == value_at(compact, 9) && eleventh == value_at(compact, 10),
    )
}

/// The province, 01 to 81, one to three letters, two to five digits; with one letter four or five, with two three or four, with
/// three two or three, though more or fewer are met.
///
/// Source: Karayolları Trafik Yönetmeliği (1997), article 55 and annex.
fn plate(compact: &[u8]) -> Check {
    Check::form(field(compact, 0, 2).is_some_and(|province| (1..=81).contains(&province)))
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, misses, misses_alone};

    #[test]
    fn numbers_and_plates_are_found() {
        finds(
            Entity::TR_NATIONAL_ID,
            "T.C. Kimlik No: 38271945256",
            "38271945256",
        );
        finds(Entity::TR_NATIONAL_ID, "no 38271945256", "38271945256");
        finds(Entity::TR_LICENSE_PLATE, "plaka: 34 QXA 407", "34 QXA 407");
        finds(Entity::TR_LICENSE_PLATE, "Plakası 06Q4071 olan", "06Q4071");
    }

    #[test]
    fn others_are_not() {
        for (entity, text) in [
            (Entity::TR_NATIONAL_ID, "kimlik 38271945257"),
            (Entity::TR_NATIONAL_ID, "kimlik 38271945266"),
            (Entity::TR_NATIONAL_ID, "kimlik 00000000000"),
            (Entity::TR_LICENSE_PLATE, "plaka 82 QXA 407"),
            (Entity::TR_LICENSE_PLATE, "plaka 00 QXA 407"),
            (Entity::TR_LICENSE_PLATE, "plaka 34 QXAB 407"),
        ] {
            misses_alone(entity, text);
        }
        misses(Entity::TR_LICENSE_PLATE, "12 MB 512");
    }
}
