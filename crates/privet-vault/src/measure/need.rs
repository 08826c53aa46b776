//! How fine a field has to be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;
use crate::consent::{Definition, DefinitionKind, bad, check_name, check_text};

/// How fine the values of a field of records have to be, for all purposes together. What is finer is more than is needed
/// (GDPR Article 5(1)(c)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldNeed {
    /// The top-level field of records.
    pub name: String,
    /// How fine.
    pub fineness: Fineness,
    /// Why so fine, in words.
    #[serde(default)]
    pub ground: String,
}

/// How fine a value has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fineness {
    /// Not needed at all.
    Absent,
    /// A year: `1984`.
    Year,
    /// A month: `1984-03`.
    Month,
    /// A day: `1984-03-12`.
    Day,
    /// The first so many characters, such as of a postcode.
    Characters(u8),
}

impl Definition for FieldNeed {
    const KIND: DefinitionKind = DefinitionKind::FieldNeed;

    fn name(&self) -> &str {
        &self.name
    }

    fn validate(&self) -> Result<(), Error> {
        check_name("name", &self.name)?;
        if self.fineness == Fineness::Characters(0) {
            return Err(bad("fineness", "of no characters is `absent`"));
        }
        check_text("ground", &self.ground)
    }
}

impl Fineness {
    /// Whether `value` is finer than this. `None` for what has no fineness: nothing, an object, a list.
    #[must_use]
    pub fn is_passed_by(self, value: &Value) -> Option<bool> {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Bool(_) | Value::Object(_) | Value::Array(_) if self == Self::Absent => return Some(true),
            _ => return None,
        };
        if text.is_empty() {
            return None;
        }
        let most = match self {
            Self::Absent => 0,
            Self::Year => 4,
            Self::Month => 7,
            Self::Day => 10,
            Self::Characters(most) => usize::from(most),
        };
        Some(text.chars().count() > most)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_finer_than_needed_where_it_says_more() {
        for (fineness, value, expected) in [
            (Fineness::Year, json!(1984), Some(false)),
            (Fineness::Year, json!("1984-03-12"), Some(true)),
            (Fineness::Month, json!("1984-03"), Some(false)),
            (Fineness::Day, json!("1984-03-12T06:00:00Z"), Some(true)),
            (Fineness::Characters(2), json!("80331"), Some(true)),
            (Fineness::Characters(2), json!("80"), Some(false)),
            (Fineness::Absent, json!("x"), Some(true)),
            (Fineness::Absent, json!(["x"]), Some(true)),
            (Fineness::Year, json!(null), None),
            (Fineness::Year, json!({"y": 1984}), None),
            (Fineness::Absent, json!(""), None),
        ] {
            assert_eq!(fineness.is_passed_by(&value), expected, "{fineness:?} {value}");
        }
    }
}
