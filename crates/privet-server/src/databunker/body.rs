//! Bodies: JSON or a form in `/v1`, always JSON in `/v2`.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::table::Interface;
use crate::query::pairs;
use crate::records::{self, Limits, Records};

/// Most bytes of `request_metadata`, as JSON.
const MOST_METADATA: usize = 4 << 10;

/// What a body holds.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum Sent {
    /// There was none.
    #[default]
    Nothing,
    /// Fields by name.
    Fields(Map<String, Value>),
    /// A list: a patch of operations.
    List(Vec<Value>),
    /// Fields by name, and many records beside them.
    Records(Map<String, Value>, Records),
}

/// Reads a `/v2` body that may hold many records.
pub(crate) fn read_bulk(body: &Bytes, limits: Limits) -> Result<Sent, Refusal> {
    if body.is_empty() {
        return Ok(Sent::Fields(Map::new()));
    }
    let (fields, records) = records::read(body, limits)?;
    check_metadata(&fields)?;
    Ok(match records {
        Some(records) => Sent::Records(fields, records),
        None => Sent::Fields(fields),
    })
}

/// Reads `body`, of the content type `media`. Nesting deeper than the parser's 128 levels is refused by it.
pub(crate) fn read(interface: Interface, media: &str, body: &Bytes) -> Result<Sent, Refusal> {
    match interface {
        // The peer's documentation sends JSON under other names.
        Interface::V2 if body.is_empty() => Ok(Sent::Fields(Map::new())),
        Interface::V2 => match json(body)? {
            Sent::Fields(fields) => {
                check_metadata(&fields)?;
                Ok(Sent::Fields(fields))
            }
            _ => Err(Refusal::BadBody),
        },
        Interface::V1 if body.is_empty() => Ok(Sent::Nothing),
        Interface::V1 => match media {
            "application/json" => json(body),
            "application/x-www-form-urlencoded" => form(body),
            _ => Err(Refusal::BadBody),
        },
    }
}

fn json(body: &Bytes) -> Result<Sent, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(Sent::Fields(fields)),
        Ok(Value::Array(list)) => Ok(Sent::List(list)),
        _ => Err(Refusal::BadBody),
    }
}

/// All values are text; of a repeated name the first counts.
fn form(body: &Bytes) -> Result<Sent, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| Refusal::BadBody)?;
    // JSON under the name of a form would become a field with a strange name.
    if text.trim_start().starts_with(['{', '[', '"']) {
        return Err(Refusal::BadBody);
    }
    let mut fields = Map::new();
    for (name, value) in pairs(Some(text.trim_end_matches(['\r', '\n']))).ok_or(Refusal::BadBody)? {
        if name.is_empty() {
            return Err(Refusal::BadBody);
        }
        fields.entry(name).or_insert(Value::String(value));
    }
    Ok(Sent::Fields(fields))
}

/// What a caller says about a call is accepted and goes nowhere.
fn check_metadata(fields: &Map<String, Value>) -> Result<(), Refusal> {
    match fields.get("request_metadata") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Object(said)) if Value::Object(said.clone()).to_string().len() <= MOST_METADATA => Ok(()),
        Some(_) => Err(Refusal::field(
            "request_metadata",
            "use an object of 4 KiB at most",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v1(media: &str, body: &'static str) -> Result<Sent, Refusal> {
        read(Interface::V1, media, &Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn a_form_is_fields_of_text_and_the_first_of_a_name_counts() {
        let sent = v1("application/x-www-form-urlencoded", "a=1+2&b=%C3%A4&a=3").unwrap();
        let expected = serde_json::json!({"a": "1 2", "b": "ä"});
        assert_eq!(sent, Sent::Fields(expected.as_object().unwrap().clone()));
    }

    #[test]
    fn what_is_not_what_it_says_is_refused() {
        assert!(v1("application/json", "a=1").is_err());
        assert!(v1("application/x-www-form-urlencoded", "{\"a\":1}").is_err());
        assert!(v1("text/plain", "a=1").is_err());
        assert!(v1("", "a=1").is_err());
    }

    #[test]
    fn v2_takes_one_object_and_nothing_else() {
        let v2 = |body: &'static str| read(Interface::V2, "text/plain", &Bytes::from_static(body.as_bytes()));
        assert_eq!(v2("").unwrap(), Sent::Fields(Map::new()));
        for body in ["[]", "null", "\"a\"", "{} {}", "{"] {
            assert!(v2(body).is_err(), "{body}");
        }
        let long = format!("{{\"request_metadata\":{{\"a\":\"{}\"}}}}", "x".repeat(5000));
        assert!(read(Interface::V2, "", &Bytes::from(long)).is_err());
    }
}
