//! Australia.

use privet_types::Entity;

use super::checks::{is_one_digit_repeated, value, weighted};
use super::{Check, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        entity: Entity::AU_ABN,
        rule: "au-abn/mod89",
        shapes: &["99 999 999 999", "99-999-999-999"],
        check: business,
        words: ABN_WORDS,
        form: 0.0,
        sum: 0.85,
        told: 0.0,
    },
    Spec {
        entity: Entity::AU_ABN,
        rule: "au-abn/digits",
        shapes: &["99999999999"],
        check: business,
        words: ABN_WORDS,
        form: 0.0,
        sum: 0.3,
        told: 0.0,
    },
    Spec {
        entity: Entity::AU_ACN,
        rule: "au-acn/mod10",
        shapes: &["999_999_999"],
        check: company,
        words: &[
            "acn",
            "acn number",
            "australian company",
            "australian company number",
            "company number",
            "company no",
            "asic",
            "arbn",
            "pty",
            "pty ltd",
        ],
        form: 0.0,
        sum: 0.2,
        told: 0.0,
    },
    Spec {
        entity: Entity::AU_MEDICARE,
        rule: "au-medicare/grouped",
        shapes: &[
            "9999 99999 9",
            "9999-99999-9",
            "9999 99999 9 9",
            "9999-99999-9-9",
            "9999 99999 9/9",
        ],
        check: medicare,
        words: MEDICARE_WORDS,
        form: 0.0,
        sum: 0.6,
        told: 0.0,
    },
    Spec {
        entity: Entity::AU_MEDICARE,
        rule: "au-medicare/digits",
        shapes: &["9999999999", "99999999999", "9999999999-9", "9999999999/9"],
        check: medicare,
        words: MEDICARE_WORDS,
        form: 0.0,
        sum: 0.2,
        told: 0.0,
    },
    Spec {
        entity: Entity::AU_TFN,
        rule: "au-tfn/mod11",
        shapes: &["999_999_999", "99_999_999"],
        check: tax_file,
        words: &[
            "tfn",
            "tfn number",
            "tax file",
            "tax file number",
            "tax file no",
            "ato",
            "australian tax office",
            "australian taxation office",
        ],
        form: 0.0,
        sum: 0.2,
        told: 0.0,
    },
];

const ABN_WORDS: &[&str] = &[
    "abn",
    "abn number",
    "australian business",
    "australian business number",
    "business number",
    "tax invoice",
    "gst",
    "pty",
    "pty ltd",
];

const MEDICARE_WORDS: &[&str] = &["medicare", "medicare number", "medicare card", "irn", "patient"];

/// Eleven digits, the first less one, with weights 10, 1, 3, 5 … 19: a multiple of 89.
///
/// Source: Australian Business Register, "Format of the ABN".
fn business(compact: &[u8]) -> Check {
    let sum = weighted(compact, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    let is_right = compact.first() != Some(&b'0') && sum > 10 && (sum - 10).is_multiple_of(89);
    Check::sum(is_right && !is_one_digit_repeated(compact))
}

/// Eight digits with weights 8 down to 1; the check digit completes the sum to a multiple of 10.
///
/// Source: Australian Securities and Investments Commission, "Australian Company Number (ACN) check".
fn company(compact: &[u8]) -> Check {
    let sum = weighted(compact, &[8, 7, 6, 5, 4, 3, 2, 1]);
    let is_right = compact.last().is_some_and(|b| value(*b) == (10 - sum % 10) % 10);
    Check::sum(is_right && !is_one_digit_repeated(compact))
}

/// 2–6 first; eight digits with weights 1, 3, 7, 9, 1, 3, 7, 9, the sum's last digit ninth; then the issue number, never 0,
/// and perhaps the person's number on the card.
///
/// Source: Services Australia, "Medicare card number" in the National Health Data Dictionary.
fn medicare(compact: &[u8]) -> Check {
    let sum = weighted(compact, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10;
    let is_right = compact.get(8).is_some_and(|b| value(*b) == sum);
    let is_issue = compact.get(9).is_some_and(|b| *b != b'0');
    Check::sum(matches!(compact.first(), Some(b'2'..=b'6')) && is_right && is_issue)
}

/// Nine digits with weights 1, 4, 3, 7, 5, 8, 6, 9, 10, or eight of old with 10, 7, 8, 4, 6, 3, 5, 1: a multiple of 11.
///
/// Source: Australian Taxation Office, "TFN algorithm" in the electronic reporting specifications.
fn tax_file(compact: &[u8]) -> Check {
    let weights: &[u32] = if compact.len() == 9 {
        &[1, 4, 3, 7, 5, 8, 6, 9, 10]
    } else {
        &[10, 7, 8, 4, 6, 3, 5, 1]
    };
    Check::sum(weighted(compact, weights).is_multiple_of(11) && !is_one_digit_repeated(compact))
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, misses};

    #[test]
    fn business_and_company_numbers_are_found() {
        finds(Entity::AU_ABN, "our 20 417 385 425 is", "20 417 385 425");
        finds(Entity::AU_ABN, "ABN 20417385425", "20417385425");
        misses(Entity::AU_ABN, "ABN 20 417 385 426");
        misses(Entity::AU_ABN, "id 20417385425");
        finds(Entity::AU_ACN, "ACN 417 385 963", "417 385 963");
        misses(Entity::AU_ACN, "ACN 417 385 964");
        misses(Entity::AU_ACN, "sum 417 385 963");
    }

    #[test]
    fn tax_file_and_medicare_numbers_are_found() {
        finds(Entity::AU_TFN, "TFN 417 385 967", "417 385 967");
        finds(Entity::AU_TFN, "tax file number: 41738598", "41738598");
        misses(Entity::AU_TFN, "TFN 417 385 968");
        finds(Entity::AU_MEDICARE, "card 3941 70527 1", "3941 70527 1");
        finds(Entity::AU_MEDICARE, "Medicare 39417052711", "39417052711");
        misses(Entity::AU_MEDICARE, "Medicare 3941 70528 1");
        misses(Entity::AU_MEDICARE, "id 3941705271");
    }
}
