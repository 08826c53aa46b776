//! Sums of money, exact to a millionth.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A sum of money in some currency, 0 to a thousand million, in millionths: `2.5`, `0.000025` or `40` in a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(u64);

const MILLION: f64 = 1e6;
const MOST: f64 = 1e9;

/// A number that is no sum of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use a sum of money of 0 to 1000000000, such as 2.5")]
pub struct BadMoney;

impl Money {
    /// The sum nearest to `units`.
    ///
    /// # Errors
    /// [`BadMoney`] if it is not finite, below zero, or above a thousand million.
    pub fn new(units: f64) -> Result<Self, BadMoney> {
        if !(0.0..=MOST).contains(&units) {
            return Err(BadMoney);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 1e15 is within 64 bits"
        )]
        Ok(Self((units * MILLION).round() as u64))
    }

    /// Millionths of the currency's unit.
    #[must_use]
    pub const fn millionths(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units, rest) = (self.0 / 1_000_000, self.0 % 1_000_000);
        let digits = format!("{rest:06}");
        let digits = digits.trim_end_matches('0');
        write!(f, "{units}.{digits:0<2}")
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Sums)
    }
}

struct Sums;

impl Visitor<'_> for Sums {
    type Value = Money;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sum of money of 0 to 1000000000, such as 2.5")
    }

    fn visit_f64<E: serde::de::Error>(self, units: f64) -> Result<Money, E> {
        Money::new(units).map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, units: i64) -> Result<Money, E> {
        let units = u32::try_from(units).map_err(|_| E::custom(BadMoney))?;
        self.visit_f64(f64::from(units))
    }

    fn visit_u64<E: serde::de::Error>(self, units: u64) -> Result<Money, E> {
        let units = u32::try_from(units).map_err(|_| E::custom(BadMoney))?;
        self.visit_f64(f64::from(units))
    }
}

impl JsonSchema for Money {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A sum of money, exact to a millionth.",
            "type": "number",
            "minimum": 0,
            "maximum": 1_000_000_000
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_to_a_millionth_and_shown_with_two_digits_at_least() {
        for (units, shown) in [
            (0.0, "0.00"),
            (2.5, "2.50"),
            (0.000_025, "0.000025"),
            (40.0, "40.00"),
        ] {
            assert_eq!(Money::new(units).unwrap().to_string(), shown);
        }
        for units in [-0.01, f64::NAN, f64::INFINITY, 1e9 + 1.0] {
            assert_eq!(Money::new(units), Err(BadMoney), "{units}");
        }
    }
}
