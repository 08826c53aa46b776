//! A record: a JSON object of a person's data.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::patch::merge;
use crate::Error;

/// Most top-level fields of a record.
const MOST_FIELDS: usize = 1024;
/// Largest record, as JSON.
pub(crate) const MOST_BYTES: usize = 1 << 20;
/// Longest name of a field.
const LONGEST_NAME: usize = 1024;

/// A record: a JSON object, its fields sorted by name. `Debug` shows how many there are.
#[derive(Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Record(BTreeMap<String, Value>);

impl Record {
    /// Reads a JSON object.
    ///
    /// # Errors
    /// [`Error::BadRecord`] if it is none, names a field twice, or is larger than 1 MiB or 1,024 fields.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        if json.len() > MOST_BYTES {
            return Err(Error::BadRecord {
                why: "larger than 1 MiB",
            });
        }
        serde_json::from_slice::<Self>(json).map_err(|error| Error::BadRecord {
            // The message of a parser may quote what it read.
            why: if error.is_data() {
                "a record is a JSON object that names each field once, in 1 to 1,024 bytes, 1,024 fields at most"
            } else {
                "no valid JSON"
            },
        })
    }

    /// The object `value`.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn from_value(value: Value) -> Result<Self, Error> {
        match value {
            Value::Object(fields) => Self::from_fields(fields.into_iter().collect()),
            _ => Err(Error::BadRecord {
                why: "a record is a JSON object",
            }),
        }
    }

    /// These fields.
    ///
    /// # Errors
    /// [`Error::BadRecord`] for more than 1,024 fields, or a name that is empty or longer than 1,024 bytes.
    pub fn from_fields(fields: BTreeMap<String, Value>) -> Result<Self, Error> {
        let fits = |name: &String| (1..=LONGEST_NAME).contains(&name.len());
        if fields.len() > MOST_FIELDS || !fields.keys().all(fits) {
            return Err(Error::BadRecord {
                why: "a record has 1,024 fields at most, with names of 1 to 1,024 bytes",
            });
        }
        Ok(Self(fields))
    }

    /// Its fields.
    #[must_use]
    pub const fn fields(&self) -> &BTreeMap<String, Value> {
        &self.0
    }

    /// Its fields, as a JSON object.
    #[must_use]
    pub fn into_value(self) -> Value {
        Value::Object(self.0.into_iter().collect())
    }

    /// What `patch` makes of it (JSON merge patch, RFC 7396): `null` takes a field away, an object is merged, anything
    /// else replaces.
    ///
    /// # Errors
    /// [`Error::BadRecord`] if `patch` is no object, or the result is no record.
    pub fn patched(self, patch: Value) -> Result<Self, Error> {
        if !patch.is_object() {
            return Err(Error::BadRecord {
                why: "a merge patch of a record is a JSON object",
            });
        }
        let mut value = self.into_value();
        merge(&mut value, patch);
        Self::from_value(value)
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Record;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if fields.insert(name, value).is_some() || fields.len() > MOST_FIELDS {
                        return Err(A::Error::custom("a field stands twice, or there are too many"));
                    }
                }
                Record::from_fields(fields).map_err(|_| A::Error::custom("a field's name"))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} fields)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_stands_twice_is_refused() {
        let parsed = Record::parse(br#"{"email":"a@example.org","email":"b@example.org"}"#);
        assert!(matches!(parsed, Err(Error::BadRecord { .. })), "{parsed:?}");
    }

    #[test]
    fn what_is_no_object_is_refused_without_being_quoted() {
        for json in ["[1]", "\"hush\"", "{", "{\"\":1}", "nul"] {
            let error = Record::parse(json.as_bytes()).unwrap_err().to_string();
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn a_record_does_not_print_itself() {
        let record = Record::parse(br#"{"name":"Ann"}"#).unwrap();
        assert_eq!(format!("{record:?}"), "Record(1 fields)");
    }
}
