//! Substitutes: values of the same kind, drawn at random, that stand for a value beside its token.

use privet_crypto::random;

use super::bad;
use crate::Error;

/// Lengths of card numbers: ISO/IEC 7812-1.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 12..=19;

/// Of which kind a value and its substitute are. A substitute says nothing of the value: it is drawn at random, and what it
/// stands for is only found in the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Substitute {
    /// 12 to 19 digits whose check digit holds (Luhn). The substitute has as many.
    CardNumber,
    /// A decimal number below 2^32.
    Unsigned32,
    /// A decimal number below 2^64.
    Unsigned64,
}

impl Substitute {
    /// That `value` is of this kind.
    ///
    /// # Errors
    /// [`Error::BadField`] of `record`.
    pub(super) fn check(self, value: &str) -> Result<(), Error> {
        match self {
            Self::CardNumber => {
                let is_card = CARD_DIGITS.contains(&value.len())
                    && value.bytes().all(|b| b.is_ascii_digit())
                    && luhn(value.bytes().map(|b| b - b'0')) == 0;
                is_card.then_some(()).ok_or_else(|| {
                    bad(
                        "record",
                        "a card number has 12 to 19 digits, of which the last one checks the others",
                    )
                })
            }
            Self::Unsigned32 => number::<u32>(value)
                .map(|_| ())
                .ok_or_else(|| bad("record", "use a decimal number below 2^32")),
            Self::Unsigned64 => number::<u64>(value)
                .map(|_| ())
                .ok_or_else(|| bad("record", "use a decimal number below 2^64")),
        }
    }

    /// A substitute for `value`, which is of this kind; never `value` itself.
    ///
    /// # Errors
    /// [`Error::Crypto`] if there is no randomness.
    pub(super) fn draw(self, value: &str) -> Result<String, Error> {
        loop {
            let drawn = match self {
                Self::CardNumber => card(value.len())?,
                Self::Unsigned32 => u32::from_le_bytes(random()?).to_string(),
                Self::Unsigned64 => u64::from_le_bytes(random()?).to_string(),
            };
            let is_same = match self {
                Self::CardNumber => drawn == value,
                Self::Unsigned32 | Self::Unsigned64 => number::<u64>(&drawn) == number::<u64>(value),
            };
            if !is_same {
                return Ok(drawn);
            }
        }
    }
}

/// Digits alone: no sign, no blank.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// A card number of `length` digits, evenly drawn.
fn card(length: usize) -> Result<String, Error> {
    let mut digits: Vec<u8> = Vec::with_capacity(length);
    while digits.len() + 1 < length {
        // The bytes above would make some digits likelier than others.
        let drawn = random::<32>()?.into_iter().filter(|byte| *byte < 250);
        let missing = length - 1 - digits.len();
        digits.extend(drawn.map(|byte| byte % 10).take(missing));
    }
    digits.push(0);
    let check = (10 - luhn(digits.iter().copied())) % 10;
    digits.pop();
    digits.push(check);
    Ok(digits.into_iter().map(|digit| char::from(b'0' + digit)).collect())
}

/// The sum of the Luhn algorithm, modulo 10: 0 for a number that holds.
///
/// # Source
/// ISO/IEC 7812-1, annex B.
fn luhn(digits: impl DoubleEndedIterator<Item = u8>) -> u8 {
    let sum: u32 = digits
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit) {
            (0, digit) => u32::from(digit),
            (_, digit) if digit > 4 => u32::from(digit) * 2 - 9,
            (_, digit) => u32::from(digit) * 2,
        })
        .sum();
    (sum % 10) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_card_numbers_hold_and_their_neighbours_do_not() {
        for card in [
            "4111111111111111",
            "378282246310005",
            "6011000990139424",
            "4532015112830366",
        ] {
            assert!(Substitute::CardNumber.check(card).is_ok(), "{card}");
            let neighbour = format!(
                "{}{}",
                card.get(..card.len() - 1).unwrap(),
                (card.as_bytes()[card.len() - 1] - b'0' + 1) % 10
            );
            assert!(Substitute::CardNumber.check(&neighbour).is_err(), "{neighbour}");
        }
    }

    #[test]
    fn what_is_no_number_of_its_kind_is_refused_without_being_repeated() {
        let refused = [
            (Substitute::CardNumber, "4111-1111-1111-1111"),
            (Substitute::CardNumber, "00000000000"),
            (Substitute::CardNumber, "٤١١١١١١١١١١١١١١١"),
            (Substitute::Unsigned32, "4294967296"),
            (Substitute::Unsigned32, "+77777"),
            (Substitute::Unsigned64, "18446744073709551616"),
            (Substitute::Unsigned64, ""),
        ];
        for (kind, value) in refused {
            let error = kind.check(value).unwrap_err().to_string();
            assert!(
                error.contains("record") && (value.is_empty() || !error.contains(value)),
                "{error}"
            );
        }
        assert!(Substitute::Unsigned32.check("4294967295").is_ok());
        assert!(Substitute::Unsigned64.check("18446744073709551615").is_ok());
    }

    proptest! {
        #[test]
        fn a_substitute_is_of_the_kind_of_its_value_and_not_the_value(
            length in 12_usize..=19,
            number in any::<u32>(),
        ) {
            let value = card(length).unwrap();
            for (kind, value) in [
                (Substitute::CardNumber, value),
                (Substitute::Unsigned32, number.to_string()),
                (Substitute::Unsigned64, number.to_string()),
            ] {
                prop_assert!(kind.check(&value).is_ok());
                let drawn = kind.draw(&value).unwrap();
                prop_assert!(kind.check(&drawn).is_ok());
                prop_assert_ne!(&drawn, &value);
                if kind == Substitute::CardNumber {
                    prop_assert_eq!(drawn.len(), value.len());
                }
            }
        }

        #[test]
        fn a_digit_that_is_changed_is_noticed(length in 12_usize..=19, at in 0_usize..12, by in 1_u8..10) {
            let mut digits = card(length).unwrap().into_bytes();
            digits[at] = b'0' + (digits[at] - b'0' + by) % 10;
            let changed = String::from_utf8(digits).unwrap();
            prop_assert!(Substitute::CardNumber.check(&changed).is_err());
        }
    }
}
