//! The query of a request's address goes on to the provider, so it is looked at, too.

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
        let (name, value) = (decode(name)?, decode(value)?);
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
            Some((decode(name).ok()?, decode(value).ok()?))
        })
        .collect()
}

/// Percent-encoded UTF-8 (RFC 3986 §2.1), with `+` for a space.
fn decode(text: &str) -> Result<String, Problem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let code = digit().zip(digit()).ok_or(Problem::PrivateQuery)?;
                u8::try_from(code.0 * 16 + code.1).map_err(|_| Problem::PrivateQuery)?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| Problem::PrivateQuery)
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
}
