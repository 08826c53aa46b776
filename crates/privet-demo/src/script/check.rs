//! Whether private values got out, and whether they came back.

use std::fmt;

use privet_types::Entity;
use serde_json::Value;

use crate::provider::Recording;
use crate::script::Step;

/// A value that must not reach the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Private {
    /// Of what kind it is.
    pub entity: Entity,
    /// The value, as the conversation writes it.
    pub value: String,
}

/// A private value in a recording. Does not hold the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// Of what kind the value is.
    pub entity: Entity,
    /// Which recording, from 0.
    pub recording: usize,
    /// Its path.
    pub path: String,
    /// How the value was written there.
    pub form: Form,
}

/// How a leaked value was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Byte for byte, in the path, a header or the body.
    Raw,
    /// In a string of the JSON body, possibly escaped, possibly in JSON inside the string.
    Unescaped,
    /// With other or no punctuation, spacing or case.
    Normalized,
    /// As the same digits, seven or more, whatever stands between them.
    Digits,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.form {
            Form::Raw => "as it is",
            Form::Unescaped => "in a JSON string",
            Form::Normalized => "with other punctuation",
            Form::Digits => "as digits",
        };
        write!(
            f,
            "{} in request {} to {}, {form}",
            self.entity,
            self.recording + 1,
            self.path
        )
    }
}

/// Every private value in `recordings`, in paths, headers and bodies, in the first of the [`Form`]s in which it is found.
/// Costs the length of the recordings times the number of values.
#[must_use]
pub fn check(recordings: &[Recording], private: &[Private]) -> Vec<Leak> {
    let mut leaks = Vec::new();
    for (at, recording) in recordings.iter().enumerate() {
        let views = View::all(recording);
        for secret in private {
            let found = views.iter().filter_map(|view| view.find(&secret.value)).min();
            leaks.extend(found.map(|form| Leak {
                entity: secret.entity,
                recording: at,
                path: recording.path.clone(),
                form,
            }));
        }
    }
    leaks
}

/// The private values that are in no reply of `steps`: text, tool call or thinking.
#[must_use]
pub fn lost<'a>(steps: &[Step], private: &'a [Private]) -> Vec<&'a Private> {
    let came_back = |value: &str| {
        steps
            .iter()
            .flat_map(|step| &step.reply)
            .any(|line| holds(&line.text, value))
    };
    private
        .iter()
        .filter(|secret| !came_back(&secret.value))
        .collect()
}

/// Whether `text` holds `value`, plainly or, if `text` is JSON, in one of its strings.
fn holds(text: &str, value: &str) -> bool {
    let mut strings = String::new();
    if let Ok(document) = serde_json::from_str::<Value>(text) {
        gather(&document, &mut strings);
    }
    text.contains(value) || strings.contains(value)
}

/// The surrogates that are left in the replies of `steps`: capitals, an underscore and 13 characters of Crockford's base 32.
#[must_use]
pub fn stand_ins(steps: &[Step]) -> Vec<String> {
    let is_crockford =
        |c: char| c.is_ascii_digit() || (c.is_ascii_uppercase() && !matches!(c, 'I' | 'L' | 'O' | 'U'));
    let texts = steps
        .iter()
        .flat_map(|step| &step.reply)
        .map(|line| line.text.as_str());
    let words = texts
        .flat_map(|text| text.split(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_'));
    let is_stand_in = |word: &&str| {
        word.rsplit_once('_').is_some_and(|(kind, tail)| {
            !kind.is_empty() && tail.len() >= 13 && tail.chars().take(13).all(is_crockford)
        })
    };
    words.filter(is_stand_in).map(str::to_owned).collect()
}

/// One way to read a recording.
struct View {
    text: String,
    form: Form,
    plain: String,
    digits: String,
}

impl View {
    fn all(recording: &Recording) -> Vec<Self> {
        let mut raw = recording.path.clone();
        for (name, value) in &recording.headers {
            raw.push_str(&format!("\n{name}: {value}"));
        }
        raw.push('\n');
        raw.push_str(&String::from_utf8_lossy(&recording.body));
        let mut views = vec![Self::new(raw, Form::Raw)];
        if let Ok(document) = serde_json::from_slice::<Value>(&recording.body) {
            let mut strings = String::new();
            gather(&document, &mut strings);
            views.push(Self::new(strings, Form::Unescaped));
        }
        views
    }

    fn new(text: String, form: Form) -> Self {
        Self {
            plain: normalized(&text),
            digits: digits(&text),
            text,
            form,
        }
    }

    fn find(&self, value: &str) -> Option<Form> {
        let (plain, number) = (normalized(value), digits(value));
        if self.text.contains(value) {
            Some(self.form)
        } else if !plain.is_empty() && self.plain.contains(&plain) {
            Some(Form::Normalized)
        } else if number.len() >= 7 && self.digits.contains(&number) {
            Some(Form::Digits)
        } else {
            None
        }
    }
}

fn normalized(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Appends every key and string of `value` to `out`, one a line, and the strings of JSON inside strings.
fn gather(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => {
            out.push_str(text);
            out.push('\n');
            if text.starts_with(['{', '[', '"'])
                && let Ok(inner) = serde_json::from_str::<Value>(text)
            {
                gather(&inner, out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, out)),
        Value::Object(fields) => {
            for (name, field) in fields {
                out.push_str(name);
                out.push('\n');
                gather(field, out);
            }
        }
        Value::Number(number) => out.push_str(&format!("{number}\n")),
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::columns::Line;

    fn found(path: &str, body: &str) -> Vec<(Entity, Form)> {
        let recording = Recording {
            method: "POST".to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Bytes::from(body.to_owned()),
        };
        let private = [
            Private {
                entity: Entity::CREDIT_CARD,
                value: "4111 1111 1111 1111".to_owned(),
            },
            Private {
                entity: Entity::EMAIL_ADDRESS,
                value: "jörg@example.com".to_owned(),
            },
        ];
        check(&[recording], &private)
            .into_iter()
            .map(|leak| (leak.entity, leak.form))
            .collect()
    }

    #[test]
    fn values_are_found_in_every_form() {
        assert_eq!(
            found("/", r#"{"a":"4111 1111 1111 1111"}"#),
            [(Entity::CREDIT_CARD, Form::Raw)]
        );
        assert_eq!(
            found("/?q=4111%201111", r#"{"a":"j\u00f6rg@example.com"}"#),
            [(Entity::EMAIL_ADDRESS, Form::Unescaped)]
        );
        assert_eq!(
            found("/", r#"{"a":"{\"b\":\"j\\u00f6rg@example.com\"}"}"#),
            [(Entity::EMAIL_ADDRESS, Form::Unescaped)]
        );
        assert_eq!(
            found("/", r#"{"a":"4111-1111-1111-1111"}"#),
            [(Entity::CREDIT_CARD, Form::Normalized)]
        );
        assert_eq!(
            found("/", r#"{"a":"4111 and 1111 and 11111111"}"#),
            [(Entity::CREDIT_CARD, Form::Digits)]
        );
        assert_eq!(
            found("/4111111111111111", "no JSON"),
            [(Entity::CREDIT_CARD, Form::Normalized)]
        );
        assert!(found("/", r#"{"a":"<CREDIT_CARD_7Q2MX9PKR4TWZ>"}"#).is_empty());
    }

    #[test]
    fn a_leak_says_where_but_not_what() {
        let leak = Leak {
            entity: Entity::US_SSN,
            recording: 1,
            path: "/v1/messages".to_owned(),
            form: Form::Digits,
        };
        assert_eq!(leak.to_string(), "US_SSN in request 2 to /v1/messages, as digits");
    }

    #[test]
    fn lost_values_and_left_stand_ins_are_named() {
        let reply = vec![Line {
            who: "tool call f".to_owned(),
            text: r#"{"a":"x\"y"}, EMAIL_ADDRESS_7Q2MX9PKR4TWZ"#.to_owned(),
        }];
        let step = Step {
            sent: Bytes::new(),
            received: Bytes::new(),
            reply,
        };
        let private = [Private {
            entity: Entity::TERM,
            value: "z".to_owned(),
        }];
        assert_eq!(lost(std::slice::from_ref(&step), &private), [&private[0]]);
        assert_eq!(stand_ins(&[step]), ["EMAIL_ADDRESS_7Q2MX9PKR4TWZ"]);
    }
}
