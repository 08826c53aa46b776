//! Poland.

use privet_types::Entity;

use super::checks::{field, is_day, value, weighted};
use super::{Check, Spec};

pub(super) const SPECS: &[Spec] = &[Spec {
    entity: Entity::PL_PESEL,
    rule: "pl-pesel/mod10",
    shapes: &["99999999999"],
    check: pesel,
    words: &["pesel", "numer pesel", "nr pesel"],
    form: 0.1,
    sum: 0.6,
    told: 0.95,
}];

/// Year, month (with the century added: 20 for 20xx, 40 for 21xx, 60 for 22xx, 80 for 18xx) and day of birth, serial, check
/// digit with weights 1, 3, 7, 9. Nobody alive was born before 1900 or after 2099: such a number needs a word.
///
/// Source: Ministerstwo Cyfryzacji, "Czym jest numer PESEL" (gov.pl), and the Act of 24 September 2010 on the population
/// register, article 15.
fn pesel(compact: &[u8]) -> Check {
    let (Some(year), Some(month), Some(day)) =
        (field(compact, 0, 2), field(compact, 2, 4), field(compact, 4, 6))
    else {
        return Check::No;
    };
    let century = match month / 20 {
        0 => 1900,
        1 => 2000,
        2 => 2100,
        3 => 2200,
        _ => 1800,
    };
    let check = (10 - weighted(compact, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10;
    let is_right = compact.last().is_some_and(|b| value(*b) == check);
    match is_right && is_day(century + year, month % 20, day) {
        true if !matches!(century, 1900 | 2000) => Check::Form,
        holds => Check::sum(holds),
    }
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, misses};

    #[test]
    fn right_numbers_are_found_and_wrong_ones_are_not() {
        finds(Entity::PL_PESEL, "PESEL: 02070803628", "02070803628");
        finds(Entity::PL_PESEL, "numer 55030101230.", "55030101230");
        finds(Entity::PL_PESEL, "PESEL 02870803622", "02870803622");
        misses(Entity::PL_PESEL, "numer 02870803622");
        for text in [
            "PESEL 02070803629",
            "PESEL 02073203620",
            "102070803628",
            "02070803628-1",
        ] {
            misses(Entity::PL_PESEL, text);
        }
    }
}
