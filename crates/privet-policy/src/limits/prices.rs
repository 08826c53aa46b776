//! What tokens cost.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Amount, Money};
use crate::key_path::{Fault, KeyPath};
use crate::settings::wildcard;

/// Longer patterns cannot match a model name anybody uses.
const LONGEST_PATTERN: usize = 256;

/// One of `[[prices]]`: what a million tokens of a model cost.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceFile {
    /// A model's name as callers ask for it, or part of it and `*`.
    #[serde(rename = "match")]
    pub pattern: String,
    /// For a million tokens of prompts.
    pub input: Money,
    /// For a million tokens of prompts that the provider had in its cache; `input` if left out.
    #[serde(default)]
    pub cached_input: Option<Money>,
    /// For a million tokens of replies.
    pub output: Money,
    /// Three capital letters; the same for all.
    pub currency: String,
}

/// The checked prices, in the document's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prices {
    prices: Vec<(String, Price)>,
    currency: String,
}

/// What a million tokens of one model cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Price {
    input: Money,
    cached_input: Money,
    output: Money,
}

/// Tokens of a request and its reply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Of the prompt, without those below.
    pub input: u64,
    /// Of the prompt, that the provider had in its cache.
    pub cached: u64,
    /// Of the reply.
    pub output: u64,
}

impl Prices {
    /// The first price that matches `model`. O(prices).
    #[must_use]
    pub fn of(&self, model: &str) -> Option<Price> {
        let found = self
            .prices
            .iter()
            .find(|(pattern, _)| wildcard::matches(pattern, model))?;
        Some(found.1)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.prices.is_empty()
    }

    /// The currency of all of them; empty if there are none.
    #[must_use]
    pub fn currency(&self) -> &str {
        &self.currency
    }
}

impl Used {
    /// One request that used this much, at `price` if there is one.
    #[must_use]
    pub fn amount(self, price: Option<Price>) -> Amount {
        // A millionth of a unit for a million tokens is a millionth of a millionth for one: a thousandth of a nano.
        let cost = |tokens: u64, price: Money| u128::from(tokens) * u128::from(price.millionths());
        let price = price.unwrap_or_default();
        let thousandths = cost(self.input, price.input)
            + cost(self.cached, price.cached_input)
            + cost(self.output, price.output);
        Amount {
            requests: 1,
            tokens: self.input.saturating_add(self.cached).saturating_add(self.output),
            nanos: u64::try_from(thousandths.div_ceil(1000)).unwrap_or(u64::MAX),
        }
    }
}

pub(crate) fn check(files: Vec<PriceFile>) -> Result<Prices, Fault> {
    let at = KeyPath::of("prices");
    let mut checked = Prices::default();
    for (index, file) in files.into_iter().enumerate() {
        let here = at.index(index);
        if file.pattern.is_empty() || file.pattern.len() > LONGEST_PATTERN {
            return Err(here
                .key("match")
                .fault("use a model's name, or part of it and `*`, of 1 to 256 bytes"));
        }
        if let Some(earlier) = checked
            .prices
            .iter()
            .position(|(pattern, _)| wildcard::matches(pattern, &file.pattern))
        {
            return Err(here.key("match").fault(format!(
                "is never reached, because `prices[{earlier}]` matches all of it first; move this one up, or delete it"
            )));
        }
        if file.currency.len() != 3 || !file.currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(here
                .key("currency")
                .fault("use three capital letters, such as `USD` or `EUR`"));
        }
        if index > 0 && file.currency != checked.currency {
            return Err(here.key("currency").fault(
                "is another than that of `prices[0]`; state all prices in one currency, since limits of cost add them up",
            ));
        }
        checked.currency = file.currency;
        let price = Price {
            input: file.input,
            cached_input: file.cached_input.unwrap_or(file.input),
            output: file.output,
        };
        checked.prices.push((file.pattern, price));
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_is_exact_and_rounded_up_to_a_thousand_millionth() {
        let price = |units: f64| Money::new(units).unwrap();
        let price = Price {
            input: price(2.5),
            cached_input: price(0.25),
            output: price(10.0),
        };
        let used = Used {
            input: 1_000,
            cached: 2_000,
            output: 300,
        };
        // 0.0025 + 0.0005 + 0.003
        let amount = used.amount(Some(price));
        assert_eq!(
            (amount.requests, amount.tokens, amount.nanos),
            (1, 3_300, 6_000_000)
        );
        let cheap = Price {
            input: Money::new(0.000_001).unwrap(),
            ..Price::default()
        };
        let one = Used {
            input: 1,
            ..Used::default()
        };
        assert_eq!(one.amount(Some(cheap)).nanos, 1);
        assert_eq!(used.amount(None).nanos, 0);
    }
}
