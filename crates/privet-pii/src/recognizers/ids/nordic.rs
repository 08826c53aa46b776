//! Denmark, Finland, Norway, Sweden.

use privet_types::Entity;

use super::checks::{field, is_day, luhn, number, value_at, weighted};
use super::{Check, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        entity: Entity::SE_PERSONNUMMER,
        rule: "se-personnummer/luhn",
        shapes: &[
            "999999-9999",
            "999999+9999",
            "99999999-9999",
            "99999999+9999",
            "999999 9999",
            "99999999 9999",
        ],
        check: personnummer,
        words: PERSONNUMMER,
        form: 0.1,
        sum: 0.8,
        told: 0.9,
    },
    Spec {
        entity: Entity::SE_PERSONNUMMER,
        rule: "se-personnummer/digits",
        shapes: &["9999999999", "999999999999"],
        check: personnummer,
        words: PERSONNUMMER,
        form: 0.05,
        sum: 0.3,
        told: 0.8,
    },
    Spec {
        entity: Entity::SE_ORGANISATIONSNUMMER,
        rule: "se-organisationsnummer/luhn",
        shapes: &["999999-9999", "99999999-9999"],
        check: organisationsnummer,
        words: ORGANISATIONSNUMMER,
        form: 0.0,
        sum: 0.6,
        told: 0.0,
    },
    Spec {
        entity: Entity::SE_ORGANISATIONSNUMMER,
        rule: "se-organisationsnummer/digits",
        shapes: &["9999999999", "999999999999", "999999 9999", "se999999999999"],
        check: organisationsnummer,
        words: ORGANISATIONSNUMMER,
        form: 0.0,
        sum: 0.1,
        told: 0.0,
    },
    Spec {
        entity: Entity::FI_PERSONAL_IDENTITY_CODE,
        rule: "fi-personal-identity-code/mod31",
        shapes: &["999999-999X", "999999+999X", "999999A999X"],
        check: finnish_code,
        words: &[
            "henkilötunnus",
            "hetu",
            "personbeteckning",
            "personal identity code",
        ],
        form: 0.0,
        sum: 0.95,
        told: 0.0,
    },
    Spec {
        entity: Entity::DK_CPR,
        rule: "dk-cpr/hyphen",
        shapes: &["999999-9999"],
        check: cpr,
        words: CPR,
        form: 0.3,
        sum: 0.6,
        told: 0.95,
    },
    Spec {
        entity: Entity::DK_CPR,
        rule: "dk-cpr/digits",
        shapes: &["9999999999", "999999 9999"],
        check: cpr,
        words: CPR,
        form: 0.03,
        sum: 0.15,
        told: 0.85,
    },
    Spec {
        entity: Entity::NO_FNR,
        rule: "no-fnr/two-digits",
        shapes: &[
            "99999999999",
            "999999 99999",
            "99 99 99 99999",
            "999999-99999",
            "999999 999 99",
        ],
        check: fnr,
        words: &[
            "fødselsnummer",
            "fodselsnummer",
            "fødselsnr",
            "fnr",
            "personnummer",
            "d nummer",
            "personnr",
            "national identity",
            "birth number",
            "norwegian id",
            "national id",
            "identitetsnummer",
            "fødselsnr",
        ],
        form: 0.0,
        sum: 0.9,
        told: 0.0,
    },
];

const PERSONNUMMER: &[&str] = &[
    "personnummer",
    "personnr",
    "person nr",
    "pnr",
    "personnumret",
    "samordningsnummer",
    "samordningsnr",
    "personal identity",
    "personal identity code",
    "personal identity number",
    "personal number",
    "swedish id",
    "national id",
    "personnummeret",
    "svenskt id",
    "personennummer",
    "henkilötunnus",
    "numéro personnel",
    "número personal",
];

const ORGANISATIONSNUMMER: &[&str] = &[
    "orgnummer",
    "orgnr",
    "org nr",
    "org nummer",
    "organisationsnummer",
    "organisationsnr",
    "organization number",
    "organisation number",
    "org no",
    "registration number",
    "company identity",
    "company number",
    "company registration",
    "företag",
    "bolag",
    "momsnummer",
    "vat",
    "handelsregister",
];

const CPR: &[&str] = &[
    "cpr",
    "cpr nr",
    "cprnr",
    "cpr nummer",
    "cprnummer",
    "personnummer",
    "personnr",
    "cpr number",
    "danish id",
    "civil registration",
    "central person register",
    "national id",
    "sygesikring",
    "sundhedskort",
];

/// Year, month and day of birth (60 more in a co-ordination number), serial, check digit of Luhn over ten digits; the year in
/// two or four digits; a plus sign for those over a hundred. A serial of `hhmm` behind a year of four digits is more often the
/// time of a log or file.
///
/// Source: Skatteverket, "Personnummer" (SKV 704) and "Samordningsnummer" (SKV 707); Folkbokföringslag (1991:481), section 18.
fn personnummer(compact: &[u8]) -> Check {
    let century = compact.len().saturating_sub(10);
    let digits = compact.get(century..).unwrap_or_default();
    let (Some(year), Some(month), Some(day), Some(serial)) = (
        field(digits, 0, 2),
        field(digits, 2, 4),
        field(digits, 4, 6),
        field(digits, 6, 10),
    ) else {
        return Check::No;
    };
    let day = if day > 60 { day - 60 } else { day };
    let is_date = match century {
        0 => is_day(2000 + year, month, day) || is_day(1900 + year, month, day),
        _ => field(compact, 0, 2)
            .is_some_and(|century| (18..=20).contains(&century) && is_day(100 * century + year, month, day)),
    };
    let is_time = serial / 100 < 24 && serial % 100 < 60;
    match is_date && serial > 9 && luhn(digits) {
        true if century > 0 && is_time && field(compact, 0, 4) > Some(1994) => Check::Form,
        holds => Check::sum(holds),
    }
}

/// Ten digits, the third at least 2 so that it is no date, check digit of Luhn; 16 before them in registers of people and
/// companies; `SE` and 01 round them for VAT.
///
/// Source: Lag (1974:174) om identitetsbeteckning för juridiska personer; Skatteverket, "Organisationsnummer" (SKV 709).
fn organisationsnummer(compact: &[u8]) -> Check {
    let digits = match compact.len() {
        10 => compact,
        12 if compact.starts_with(b"16") => compact.get(2..).unwrap_or_default(),
        14 => compact.get(2..12).unwrap_or_default(),
        _ => return Check::No,
    };
    Check::sum(value_at(digits, 0) > 0 && value_at(digits, 2) >= 2 && luhn(digits))
}

/// Day, month and year of birth, the sign of the century (`+` 1800, `-` and U to Y 1900, A to F 2000), individual number (900
/// and more are temporary), check character of the remainder by 31.
///
/// Source: Väestötietojärjestelmäasetus (128/2010), sections 2 to 4, as amended 2022 (new signs); Digi- ja
/// väestötietovirasto, "Henkilötunnus".
fn finnish_code(compact: &[u8]) -> Check {
    let (Some(day), Some(month), Some(year)) =
        (field(compact, 0, 2), field(compact, 2, 4), field(compact, 4, 6))
    else {
        return Check::No;
    };
    let sign = compact.len().saturating_sub(10);
    let century: &[u64] = match (sign, compact.get(6)) {
        // A hyphen or a plus sign.
        (0, _) => &[1900, 1800],
        (_, Some(b'U'..=b'Y')) => &[1900],
        (_, Some(b'A'..=b'F')) => &[2000],
        _ => return Check::No,
    };
    let birth = compact.get(..6).unwrap_or_default();
    let individual = compact.get(6 + sign..9 + sign).unwrap_or_default();
    let Some(n) = number(&[birth, individual].concat()) else {
        return Check::No;
    };
    let check = b"0123456789ABCDEFHJKLMNPRSTUVWXY".get(usize::try_from(n % 31).unwrap_or_default());
    let is_date = century.iter().any(|c| is_day(c + year, month, day));
    Check::sum(is_date && n % 1000 >= 2 && check == compact.last())
}

/// Day, month and year of birth, serial whose first digit tells the century; since 2007 the check digit (weights 4, 3, 2, 7, 6,
/// 5, 4, 3, 2, 1, modulus 11) need not be right.
///
/// Source: CPR-kontoret, "Personnummeret i CPR-systemet" (2008) and "Personnumre uden kontrolciffer (modulus 11 kontrol)".
fn cpr(compact: &[u8]) -> Check {
    let (Some(day), Some(month), Some(year)) =
        (field(compact, 0, 2), field(compact, 2, 4), field(compact, 4, 6))
    else {
        return Check::No;
    };
    let century = match (value_at(compact, 6), year) {
        (0..=3, _) | (4 | 9, 37..) => 1900,
        (4 | 9, _) | (_, ..58) => 2000,
        _ => 1800,
    };
    if !is_day(century + year, month, day) {
        return Check::No;
    }
    let sum = weighted(compact, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]);
    if sum.is_multiple_of(11) {
        Check::Sum
    } else {
        Check::Form
    }
}

/// Day (40 more in a D number), month (40 more for those known to health care alone, 65 or 80 more in test registers) and year
/// of birth, individual number that tells the century, two check digits: weights 3, 7, 6, 1, 8, 9, 4, 5, 2 and 5, 4, 3, 2, 7, 6,
/// 5, 4, 3, 2, modulus 11.
///
/// Source: Skatteetaten, "Fødselsnummer og D-nummer"; Forskrift om folkeregistrering (2017), sections 2-2-1 and 2-2-3.
fn fnr(compact: &[u8]) -> Check {
    let (Some(day), Some(month), Some(year), Some(individual)) = (
        field(compact, 0, 2),
        field(compact, 2, 4),
        field(compact, 4, 6),
        field(compact, 6, 9),
    ) else {
        return Check::No;
    };
    let day = if day > 40 { day - 40 } else { day };
    let month = match month {
        41..=52 => month - 40,
        66..=77 => month - 65,
        81..=92 => month - 80,
        _ => month,
    };
    let is_date = [
        (0..=499, 0..=99, 1900),
        (500..=749, 54..=99, 1800),
        (500..=999, 0..=39, 2000),
        (900..=999, 40..=99, 1900),
    ]
    .into_iter()
    .any(|(serials, years, century)| {
        serials.contains(&individual) && years.contains(&year) && is_day(century + year, month, day)
    });
    let check = |weights: &[u32]| (11 - weighted(compact, weights) % 11) % 11;
    let is_right = check(&[3, 7, 6, 1, 8, 9, 4, 5, 2]) == value_at(compact, 9)
        && check(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) == value_at(compact, 10);
    Check::sum(is_date && is_right)
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, finds_alone, misses, misses_alone};

    #[test]
    fn numbers_that_hold_a_date_and_a_check_digit_need_no_words() {
        for (entity, value) in [
            (Entity::SE_PERSONNUMMER, "830714-9123"),
            (Entity::SE_PERSONNUMMER, "19830714-9123"),
            (Entity::SE_PERSONNUMMER, "830714+9123"),
            (Entity::SE_PERSONNUMMER, "830774-9120"),
            (Entity::SE_ORGANISATIONSNUMMER, "559183-0426"),
            (Entity::FI_PERSONAL_IDENTITY_CODE, "070381-421D"),
            (Entity::FI_PERSONAL_IDENTITY_CODE, "070381Y421D"),
            (Entity::FI_PERSONAL_IDENTITY_CODE, "120415A088N"),
            (Entity::FI_PERSONAL_IDENTITY_CODE, "240299+0176"),
            (Entity::DK_CPR, "140762-1006"),
            (Entity::NO_FNR, "14076212032"),
            (Entity::NO_FNR, "540762 12026"),
            (Entity::NO_FNR, "14876212189"),
        ] {
            finds(entity, &format!("no {value}."), value);
        }
    }

    #[test]
    fn ten_digits_need_a_word() {
        for (entity, word, value) in [
            (Entity::SE_PERSONNUMMER, "personnr", "8307149123"),
            (Entity::SE_PERSONNUMMER, "Personnummer", "198307149123"),
            (Entity::SE_ORGANISATIONSNUMMER, "org.nr", "5591830426"),
            (Entity::DK_CPR, "CPR-nr.", "1407621006"),
            (Entity::DK_CPR, "CPR", "140762-1007"),
        ] {
            finds(entity, &format!("{word} {value}"), value);
            misses(entity, &format!("no {value}"));
            finds_alone(entity, value, value);
        }
    }

    #[test]
    fn wrong_dates_and_check_digits_are_refused() {
        for (entity, text) in [
            (Entity::SE_PERSONNUMMER, "personnummer 830714-9124"),
            (Entity::SE_PERSONNUMMER, "personnummer 831314-9120"),
            (Entity::SE_PERSONNUMMER, "personnummer 15830714-9123"),
            (Entity::SE_ORGANISATIONSNUMMER, "orgnr 551183-0424"),
            (Entity::SE_ORGANISATIONSNUMMER, "orgnr 559183-0427"),
            (Entity::FI_PERSONAL_IDENTITY_CODE, "070381-421E"),
            (Entity::FI_PERSONAL_IDENTITY_CODE, "300281-421D"),
            (Entity::FI_PERSONAL_IDENTITY_CODE, "070381G421D"),
            (Entity::FI_PERSONAL_IDENTITY_CODE, "070381/421D"),
            (Entity::DK_CPR, "cpr 310262-1006"),
            (Entity::NO_FNR, "14076212033"),
            (Entity::NO_FNR, "14136212032"),
        ] {
            misses_alone(entity, text);
        }
    }

    #[test]
    fn the_time_of_a_log_is_no_personal_number_unless_a_word_says_so() {
        misses(Entity::SE_PERSONNUMMER, "20190714-1004");
        finds(
            Entity::SE_PERSONNUMMER,
            "personnummer 20190714-1004",
            "20190714-1004",
        );
    }
}
