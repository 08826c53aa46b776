//! Pages of lists.

use serde_json::Value;

use super::refusal::Refusal;

/// Rows of a page if nobody says.
const USUAL: u32 = 10;
/// Most rows of a page.
const MOST: u32 = 100;

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    /// How many rows are passed over.
    pub(crate) offset: u64,
    /// How many are shown at most: 1 to 100.
    pub(crate) limit: u32,
}

impl Page {
    /// What the values of `offset` and `limit` say, as they were sent.
    pub(crate) fn read(offset: Option<&Value>, limit: Option<&Value>) -> Result<Self, Refusal> {
        let offset = number("offset", offset)?.unwrap_or(0);
        let offset = u64::try_from(offset).map_err(|_| Refusal::field("offset", "use 0 or more"))?;
        let limit = match number("limit", limit)? {
            None => USUAL,
            Some(asked) => u32::try_from(asked)
                .ok()
                .filter(|asked| (1..=MOST).contains(asked))
                .unwrap_or(MOST),
        };
        Ok(Self { offset, limit })
    }

    /// Its part of `rows`, which are all there are.
    pub(crate) fn of<T>(self, rows: Vec<T>) -> Vec<T> {
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX);
        rows.into_iter().skip(offset).take(self.limit as usize).collect()
    }
}

/// A number, or text that is one.
pub(crate) fn number(field: &'static str, value: Option<&Value>) -> Result<Option<i64>, Refusal> {
    let found = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(_) => None,
    };
    found
        .map(Some)
        .ok_or_else(|| Refusal::field(field, "use a whole number"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_has_1_to_100_rows_whatever_is_asked_for() {
        let limit = |asked: Value| Page::read(None, Some(&asked)).unwrap().limit;
        assert_eq!([json!(2), json!("2")].map(limit), [2, 2]);
        assert_eq!(
            [json!(0), json!(-1), json!(101), json!(1_000_000)].map(limit),
            [100; 4]
        );
        assert_eq!(Page::read(None, None).unwrap(), Page { offset: 0, limit: 10 });
        assert!(Page::read(None, Some(&json!("many"))).is_err());
        assert!(Page::read(Some(&json!(-1)), None).is_err());
    }
}
