//! An operator in one line, as on a command line.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::operator::Operator;

/// Fields that are texts, even if they look like numbers.
const TEXTS: [&str; 4] = ["new_value", "masking_char", "salt", "name"];

/// Why a line is no operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadOperator {
    /// A field is not `name=value`.
    #[error("`{field}` is to be such as chars_to_mask=12")]
    Field {
        /// As it stands there.
        field: String,
    },
    /// There is no such operator, or it has no such field.
    #[error("{0}")]
    Operator(#[from] serde_json::Error),
}

/// `mask:chars_to_mask=12,from_end=true`: the name, and its fields behind a colon.
///
/// ```
/// use privet_pii::Operator;
/// assert_eq!("redact".parse::<Operator>()?, Operator::Redact {});
/// assert!("mask:chars_to_mask=many".parse::<Operator>().is_err());
/// # Ok::<(), privet_pii::BadOperator>(())
/// ```
impl FromStr for Operator {
    type Err = BadOperator;

    fn from_str(text: &str) -> Result<Self, BadOperator> {
        let (name, fields) = text.split_once(':').unwrap_or((text, ""));
        let mut object = Map::new();
        object.insert("type".to_owned(), Value::from(name));
        for field in fields.split(',').filter(|field| !field.is_empty()) {
            let Some((field, value)) = field.split_once('=') else {
                return Err(BadOperator::Field {
                    field: field.to_owned(),
                });
            };
            let parsed = match (value.parse::<u64>(), value.parse::<bool>()) {
                _ if TEXTS.contains(&field) => Value::from(value),
                (Ok(number), _) => Value::from(number),
                (_, Ok(truth)) => Value::from(truth),
                _ => Value::from(value),
            };
            object.insert(field.to_owned(), parsed);
        }
        Ok(serde_json::from_value(Value::Object(object))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_read_from_one_line() {
        let mask: Operator = "mask:chars_to_mask=12,masking_char=1,from_end=true"
            .parse()
            .unwrap();
        let expected = Operator::Mask {
            masking_char: '1',
            chars_to_mask: Some(12),
            from_end: true,
        };
        assert_eq!(mask, expected);
        assert_eq!("redact".parse::<Operator>().unwrap(), Operator::Redact {});
        for wrong in ["nonsense", "mask:x", "mask:x=1", "bucket"] {
            assert!(wrong.parse::<Operator>().is_err(), "{wrong}");
        }
    }
}
