//! Words that say what a value is, and that mean something else in another language.
//!
//! `dni` stands beside Spanish identity numbers in Spanish, and in English too, where people speak of their documents by
//! their own names. In Polish it means days: there it says nothing.

use crate::language::{Language, Languages};

use Language::{Dutch, English, French, German, Italian, Polish, Portuguese, Spanish, Swedish, Turkish};

/// The words, as [`spell`](super::context::spell) writes them, and the languages in which they do not count.
const WORDS: &[(&str, &[Language])] = &[
    // Turkish "one"; the Philippines' Bureau of Internal Revenue.
    ("bir", &[Turkish]),
    // French "because".
    ("car", &[French]),
    // "letter"; Italian "card".
    ("carta", &[Spanish, Portuguese]),
    // Polish "days".
    ("dni", &[Polish]),
    // "end", Swedish "fine"; Singapore's foreign identification number.
    ("fin", &[French, Spanish, Swedish]),
    // Turkish "fund"; German "telephone".
    ("fon", &[Turkish]),
    // "useful"; German "mobile telephone".
    ("handy", &[English]),
    // The animal; Spanish "call".
    ("llama", &[English]),
    // "mums"; Swedish value added tax.
    ("moms", &[English]),
    // "word", Swedish "towards"; the British test of vehicles.
    ("mot", &[French, Swedish]),
    // "cream"; Italian "born".
    ("nata", &[Spanish, Portuguese]),
    // The alliance; Italian "born".
    (
        "nato",
        &[English, German, French, Dutch, Polish, Swedish, Turkish],
    ),
    // "neither"; British national insurance.
    ("ni", &[Spanish, French, Swedish]),
    // "not", "never"; Spain's number of foreigners.
    ("nie", &[Polish, German]),
    // "bread", "Mr"; primary account number, and India's tax number.
    ("pan", &[Spanish, Polish]),
    // "word"; Turkish "password".
    ("parola", &[Italian, Polish]),
    // Passports, shifts; English "password".
    ("pass", &[German, Swedish]),
    // "after"; English purchase order.
    ("po", &[Polish, Italian]),
    // "without"; Canada's social insurance number.
    ("sin", &[Spanish]),
    // The city; Turkey's cards.
    ("troy", &[English]),
    // "out of"; Polish "born".
    ("ur", &[Swedish]),
    // "of"; English vehicles, and a city.
    ("van", &[Dutch, German, Turkish]),
    // "see"; English "version".
    ("ver", &[Spanish, Portuguese]),
    // "wine"; vehicle identification number.
    ("vin", &[French, Swedish]),
];

/// The languages in which `word` does not count.
pub(crate) fn elsewhere(word: &str) -> Languages {
    let word = word.trim();
    let known = WORDS.iter().find(|(friend, _)| *friend == word);
    known.map_or_else(Languages::default, |(_, languages)| Languages::of(languages))
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, misses};

    #[test]
    fn a_false_friend_counts_in_every_language_but_the_one_it_misleads_in() {
        finds(
            Entity::ES_NIF,
            "Her DNI is 12345678Z, please check it.",
            "12345678Z",
        );
        misses(
            Entity::CA_SIN,
            "El pedido llegará sin falta mañana, referencia 130692544, gracias por su paciencia.",
        );
        finds(
            Entity::CA_SIN,
            "Please find my SIN 130692544 in the attached form.",
            "130692544",
        );
        misses(
            Entity::DATE_OF_BIRTH,
            "Vi tog bilen ur garaget den 1984-03-12 och körde hem till våra vänner.",
        );
        finds(
            Entity::DATE_OF_BIRTH,
            "Pan Jan, ur. 1984-03-12, zamieszkały w Warszawie przy ulicy Długiej.",
            "1984-03-12",
        );
    }

    #[test]
    fn a_false_friend_counts_where_the_language_is_not_known() {
        finds(Entity::CA_SIN, "SIN 130692544", "130692544");
        finds(Entity::DATE_OF_BIRTH, "ur. 1984-03-12", "1984-03-12");
    }
}
