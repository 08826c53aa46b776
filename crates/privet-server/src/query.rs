//! The query of a request's address goes on to the provider, so it is looked at, too.

use std::fmt::Write;

use privet_pii::Analyzer;
use privet_types::Budget;

use crate::problem::Problem;

/// Refuses a query that holds what looks like private data; nothing could be put in its place.
pub(crate) fn check(query: Option<&str>, analyzer: &Analyzer, budget: &Budget) -> Result<(), Problem> {
    for pair in query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (private(name)?, private(value)?);
        for (text, context) in [(&name, None), (&value, Some(name.as_str()))] {
            let found = analyzer
                .analyze_code(text, context, budget)
                .map_err(|_| Problem::DetectorFailed)?;
            if !found.is_empty() {
                return Err(Problem::PrivateQuery);
            }
        }
    }
    Ok(())
}

/// The pairs of a query that stays here; `None` if it is not well formed.
pub(crate) fn pairs(query: Option<&str>) -> Option<Vec<(String, String)>> {
    query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name, b' ')?, decode(value, b' ')?))
        })
        .collect()
}

fn private(text: &str) -> Result<String, Problem> {
    decode(text, b' ').ok_or(Problem::PrivateQuery)
}

/// Percent-encoded UTF-8 (RFC 3986 §2.1), in which a plus stands for `plus`: a space in a query or form.
pub(crate) fn decode(text: &str, plus: u8) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => plus,
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = digit().zip(digit())?;
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// All but unreserved characters (RFC 3986 §2.3) percent-encoded.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_values_in_a_query_are_refused_even_encoded() {
        let analyzer = Analyzer::new(&privet_pii::Config::default()).unwrap();
        let check = |query| check(Some(query), &analyzer, &Budget::unlimited()).is_ok();
        assert!(check("beta=true&api-version=2024-10-21"));
        assert!(!check("user=ada@example.com"));
        assert!(!check("user=ada%40example.com"));
        assert!(!check("user=%zz"));
    }

    #[test]
    fn text_is_decoded_once_and_a_plus_is_what_it_stands_for() {
        assert_eq!(decode("a%2Fb%252F+c", b'+').as_deref(), Some("a/b%2F+c"));
        assert_eq!(decode("a+c", b' ').as_deref(), Some("a c"));
        assert_eq!(decode("%zz", b'+'), None);
        assert_eq!(decode("%ff", b'+'), None);
    }
}
