//! One message of the Model Context Protocol, and what a gateway between client and server must know of it.

use std::borrow::Cow;
use std::ops::Range;

use privet_types::{Budget, SurfaceKind};

use crate::json::{Document, JsonError, Kind, Value};
use crate::splice::{Edit, splice};
use crate::{Masked, Masking, Refusal, Request};

/// Longest name of a method.
const LONGEST_METHOD: usize = 128;

/// What a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageKind {
    /// Something that wants an answer.
    Request {
        /// Its number as it was written: a JSON string or a whole number.
        id: String,
        /// What is asked for.
        method: String,
    },
    /// Something that wants none.
    Notification {
        /// What it tells of.
        method: String,
    },
    /// An answer.
    Response {
        /// The number of the request; none where an error could not tell.
        id: Option<String>,
        /// Whether it is an error.
        is_error: bool,
    },
}

/// Why some bytes are no message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadMessage {
    /// No JSON that can be trusted to mean one thing.
    #[error("the message cannot be read: {0}")]
    Json(#[from] JsonError),
    /// Several messages at once.
    #[error("send each message by itself: batches of JSON-RPC are not taken")]
    Batch,
    /// JSON, but no message of JSON-RPC 2.0.
    #[error("the message is none of JSON-RPC 2.0: {0}")]
    Shape(&'static str),
}

/// A message, parsed.
#[derive(Debug)]
pub struct Message<'t> {
    body: &'t [u8],
    document: Document<'t>,
    kind: MessageKind,
}

impl<'t> Message<'t> {
    /// Reads one message. O(n) for n bytes, charged to `budget`.
    ///
    /// # Errors
    /// [`BadMessage`] if it is none.
    pub fn parse(body: &'t [u8], budget: &Budget) -> Result<Self, BadMessage> {
        let document = Document::parse(body, budget)?;
        let root = document.root();
        match root.kind() {
            Kind::Object => {}
            Kind::Array => return Err(BadMessage::Batch),
            _ => return Err(BadMessage::Shape("it is no object")),
        }
        if root.get_str("jsonrpc").as_deref() != Some("2.0") {
            return Err(BadMessage::Shape("`jsonrpc` is not \"2.0\""));
        }
        let id = match root.get("id") {
            Some(id) => number_of(id)?,
            None => None,
        };
        let method = root.get("method").map(method_of).transpose()?;
        let (has_result, error) = (root.get("result").is_some(), root.get("error"));
        let kind = match (method, id) {
            (Some(_), _) if has_result || error.is_some() => {
                return Err(BadMessage::Shape("it asks and answers at once"));
            }
            (Some(method), Some(id)) => MessageKind::Request { id, method },
            (Some(_), None) if root.get("id").is_some() => return Err(BadMessage::Shape("`id` is null")),
            (Some(method), None) => MessageKind::Notification { method },
            (None, id) if has_result != error.is_some() => {
                if has_result && id.is_none() {
                    return Err(BadMessage::Shape("an answer without `id`"));
                }
                MessageKind::Response {
                    id,
                    is_error: error.is_some(),
                }
            }
            (None, _) => return Err(BadMessage::Shape("it neither asks nor answers")),
        };
        Ok(Self { body, document, kind })
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> &MessageKind {
        &self.kind
    }

    /// The string `name` of its `params`.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<Cow<'_, str>> {
        self.document.root().get("params")?.get_str(name)
    }

    /// The value at this path from the root.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<Value<'_>> {
        path.iter()
            .try_fold(self.document.root(), |value, key| value.get(key))
    }

    /// Replaces every private value in it. O(n) for n bytes.
    ///
    /// # Errors
    /// [`Refusal`] if anything must not, or cannot safely, go on.
    pub fn mask(&self, masking: Masking<'_>, budget: &Budget) -> Result<Masked, Refusal> {
        Request::parse(SurfaceKind::Mcp, self.body, budget)?.mask(masking, None, budget)
    }

    /// The message without those items of the list at `path` that `keeps` does not keep; none if it keeps all, or there is no
    /// such list. All other bytes stay as they came.
    #[must_use]
    pub fn without_items(&self, path: &[&str], keeps: impl Fn(Value<'_>) -> bool) -> Option<Vec<u8>> {
        let list = self.at(path).filter(|list| list.kind() == Kind::Array)?;
        let kept: Vec<&str> = list
            .items()
            .filter(|item| keeps(*item))
            .map(|item| item.raw())
            .collect();
        let is_changed = kept.len() < list.items().count();
        is_changed.then(|| self.with(list.range(), format!("[{}]", kept.join(","))))
    }

    /// The message without the entries `keys` of the object at `path`; none if there are none of them.
    #[must_use]
    pub fn without_keys(&self, path: &[&str], keys: &[&str]) -> Option<Vec<u8>> {
        let object = self.at(path).filter(|object| object.kind() == Kind::Object)?;
        let is_kept = |key: &Value<'_>| !key.as_str().is_some_and(|key| keys.contains(&key.as_ref()));
        let kept: Vec<String> = object
            .entries()
            .filter(|(key, _)| is_kept(key))
            .map(|(key, value)| format!("{}:{}", key.raw(), value.raw()))
            .collect();
        let is_changed = kept.len() < object.entries().count();
        is_changed.then(|| self.with(object.range(), format!("{{{}}}", kept.join(","))))
    }

    fn with(&self, range: Range<usize>, text: String) -> Vec<u8> {
        splice(self.body, &[Edit::beside(range, text)])
    }
}

/// `value` written in one way only: keys in order, no blanks, strings with the fewest escapes. Equal values have equal texts.
#[must_use]
pub fn canonical(value: Value<'_>) -> String {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out
}

fn write_canonical(value: Value<'_>, out: &mut String) {
    match value.kind() {
        Kind::Object => {
            let mut entries: Vec<_> = value
                .entries()
                .map(|(key, value)| (key.as_str().unwrap_or_default().into_owned(), value))
                .collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            out.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&crate::reply::quoted(&key));
                out.push(':');
                write_canonical(value, out);
            }
            out.push('}');
        }
        Kind::Array => {
            out.push('[');
            for (index, item) in value.items().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        Kind::String => out.push_str(&crate::reply::quoted(&value.as_str().unwrap_or_default())),
        Kind::Number | Kind::Literal => out.push_str(value.raw()),
    }
}

/// A message's number as it is written: a short string or a whole number.
fn number_of(id: Value<'_>) -> Result<Option<String>, BadMessage> {
    let raw = id.raw();
    match id.kind() {
        Kind::String if raw.len() <= 512 => Ok(Some(raw.to_owned())),
        Kind::Number if raw.len() <= 20 && raw.bytes().all(|b| b.is_ascii_digit() || b == b'-') => {
            Ok(Some(raw.to_owned()))
        }
        Kind::Literal if raw == "null" => Ok(None),
        _ => Err(BadMessage::Shape("`id` is no short string and no whole number")),
    }
}

fn method_of(method: Value<'_>) -> Result<String, BadMessage> {
    let is_name = |name: &str| {
        (1..=LONGEST_METHOD).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'.' | b'$'))
    };
    let name = method.as_str().filter(|name| is_name(name));
    name.map(Cow::into_owned)
        .ok_or(BadMessage::Shape("`method` is no name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Result<MessageKind, String> {
        let parsed = Message::parse(text.as_bytes(), &Budget::unlimited());
        parsed.map(|m| m.kind().clone()).map_err(|e| e.to_string())
    }

    #[test]
    fn requests_notifications_and_answers_are_told_apart() {
        let request = kind(r#"{"jsonrpc":"2.0","id":"a\u0062","method":"tools/call","params":{}}"#);
        let expected = MessageKind::Request {
            id: r#""a\u0062""#.to_owned(),
            method: "tools/call".to_owned(),
        };
        assert_eq!(request, Ok(expected));
        let told = kind(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        assert!(matches!(told, Ok(MessageKind::Notification { .. })));
        let answer = kind(r#"{"jsonrpc":"2.0","id":7,"result":{}}"#);
        let expected = MessageKind::Response {
            id: Some("7".to_owned()),
            is_error: false,
        };
        assert_eq!(answer, Ok(expected));
        assert!(kind(r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}"#).is_ok());
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for text in [
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            r#"{"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"a b"}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"pong"}"#,
            r#""ping""#,
        ] {
            assert!(kind(text).is_err(), "{text}");
        }
    }

    #[test]
    fn items_and_keys_are_taken_out_and_all_else_stays_as_it_came() {
        let text = r#"{"jsonrpc":"2.0", "id":1,"result":{"tools":[ {"name":"a"} , {"name":"b"}],"x": 1 }}"#;
        let message = Message::parse(text.as_bytes(), &Budget::unlimited()).unwrap();
        let out = message.without_items(&["result", "tools"], |tool| {
            tool.get_str("name").as_deref() == Some("b")
        });
        assert_eq!(
            String::from_utf8(out.unwrap()).unwrap(),
            r#"{"jsonrpc":"2.0", "id":1,"result":{"tools":[{"name":"b"}],"x": 1 }}"#
        );
        assert!(message.without_items(&["result", "tools"], |_| true).is_none());
        let out = message.without_keys(&["result"], &["tools", "y"]).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"jsonrpc":"2.0", "id":1,"result":{"x":1}}"#
        );
    }

    #[test]
    fn equal_values_have_one_canonical_text() {
        let texts = [
            r#"{"b":[1, true],"a":"\u00e9\n"}"#,
            "{ \"a\" : \"é\\n\", \"b\":[1,true] }",
        ];
        let written = texts.map(|text| {
            let document = Document::parse(text.as_bytes(), &Budget::unlimited()).unwrap();
            canonical(document.root())
        });
        assert_eq!(written[0], written[1]);
        assert_eq!(written[0], "{\"a\":\"é\\n\",\"b\":[1,true]}");
    }
}
