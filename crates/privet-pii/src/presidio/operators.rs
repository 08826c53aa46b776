//! Presidio's operators, read from a request.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use privet_crypto::RootKey;
use privet_types::TenantId;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::anonymize::{open_with_name, seal_with_name};
use crate::{Error, Keys, open_presidio};

/// Bytes of salt that Presidio draws for each value if none is given.
const SALT: usize = 32;
/// Least bytes of a given salt.
const LEAST_SALT: usize = 16;

/// Which way a text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Values are hidden.
    Anonymize,
    /// Hidden values come back.
    Deanonymize,
}

/// Why a request cannot be served: Presidio's text where Presidio has one. Holds no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

/// Operators by kind, `DEFAULT` for the others.
#[derive(Debug, Default)]
pub struct Operators(BTreeMap<String, Operator>);

#[derive(Debug)]
struct Operator {
    name: String,
    work: Result<Work, Invalid>,
}

enum Work {
    Replace(Option<String>),
    Redact,
    Keep,
    Mask {
        with: char,
        count: i64,
        from_end: bool,
    },
    Hash {
        is_sha512: bool,
        salt: Option<Vec<u8>>,
    },
    Encrypt(Box<Keys>),
    Decrypt {
        key: Zeroizing<Vec<u8>>,
        keys: Box<Keys>,
    },
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Work")
    }
}

fn invalid<T>(text: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid(text.into()))
}

impl From<Error> for Invalid {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

/// The names of the operators of `way`, as `GET /anonymizers` and `GET /deanonymizers` list them.
#[must_use]
pub const fn operator_names(way: Way) -> &'static [&'static str] {
    match way {
        Way::Anonymize => &["encrypt", "hash", "keep", "mask", "redact", "replace"],
        Way::Deanonymize => &["decrypt", "deanonymize_keep"],
    }
}

impl Operators {
    /// Reads `{"PERSON": {"type": "mask", …}, "DEFAULT": {…}}`. An operator of a kind that does not occur may be wrong.
    ///
    /// # Errors
    /// [`Invalid`] for another form, and for an operator without `type`.
    pub fn parse(value: Option<&Value>) -> Result<Self, Invalid> {
        let map = match value {
            None | Some(Value::Null) => return Ok(Self::default()),
            Some(Value::Object(map)) => map,
            Some(_) => return invalid("Invalid input, operators must be an object"),
        };
        let one = |(kind, config): (&String, &Value)| {
            let config = config.as_object().filter(|c| {
                c.get("type")
                    .and_then(Value::as_str)
                    .is_some_and(|name| !name.is_empty())
            });
            let Some(config) = config else {
                return invalid("Invalid input, operator config must contain operator_name");
            };
            let name = config.get("type").and_then(Value::as_str).unwrap_or_default();
            let operator = Operator {
                name: name.to_owned(),
                work: Work::parse(name, config),
            };
            Ok((kind.clone(), operator))
        };
        map.iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    /// Whether one is `custom`, which would be code of the caller's.
    #[must_use]
    pub fn wants_custom(&self) -> bool {
        self.0.values().any(|operator| operator.name == "custom")
    }

    /// The name of the operator for `kind`, and what it makes of `value`, which stands at `start`.
    pub(super) fn apply(
        &self,
        way: Way,
        kind: &str,
        start: usize,
        value: &str,
    ) -> Result<(String, &str), Invalid> {
        let operator = match (self.0.get(kind).or_else(|| self.0.get("DEFAULT")), way) {
            (Some(operator), _) => operator,
            (None, Way::Anonymize) => return Ok((format!("<{kind}>"), "replace")),
            (None, Way::Deanonymize) => {
                return invalid(format!(
                    "Invalid input, there is no deanonymizer for {kind} and no DEFAULT"
                ));
            }
        };
        if !operator_names(way).contains(&operator.name.as_str()) {
            return invalid(format!("Invalid operator class '{}'.", operator.name));
        }
        let work = operator.work.as_ref().map_err(Clone::clone)?;
        Ok((work.apply(kind, start, value)?, &operator.name))
    }
}

impl Work {
    fn parse(name: &str, config: &Map<String, Value>) -> Result<Self, Invalid> {
        let given = |key: &str| config.get(key).filter(|v| !v.is_null());
        Ok(match name {
            "replace" => match given("new_value") {
                Some(Value::String(text)) => Self::Replace((!text.is_empty()).then(|| text.clone())),
                Some(other) if is_true(other) => return wrong("new_value", "string", other),
                _ => Self::Replace(None),
            },
            "redact" => Self::Redact,
            "keep" | "deanonymize_keep" => Self::Keep,
            "mask" => {
                let with = match required(given("masking_char"), "masking_char")? {
                    Value::String(text) => one_char(text)?,
                    other => return wrong("masking_char", "string", other),
                };
                let count = match required(given("chars_to_mask"), "chars_to_mask")? {
                    Value::Number(number) if number.is_i64() || number.is_u64() => {
                        number.as_i64().unwrap_or(i64::MAX)
                    }
                    other => return wrong("chars_to_mask", "number", other),
                };
                let from_end = match required(given("from_end"), "from_end")? {
                    Value::Bool(from_end) => *from_end,
                    other => return wrong("from_end", "boolean", other),
                };
                Self::Mask {
                    with,
                    count,
                    from_end,
                }
            }
            "hash" => Self::Hash {
                is_sha512: match given("hash_type").map(Value::as_str) {
                    None | Some(Some("sha256")) => false,
                    Some(Some("sha512")) => true,
                    Some(_) => {
                        return invalid("Parameter hash_type is not in range of values ['sha256', 'sha512']");
                    }
                },
                salt: match given("salt") {
                    None => None,
                    Some(Value::String(salt)) => Some(checked_salt(salt)?),
                    Some(other) => return wrong("salt", "string", other),
                },
            },
            "encrypt" => Self::Encrypt(Box::new(derive(&request_key(given("key"))?)?)),
            "decrypt" => {
                let key = request_key(given("key"))?;
                Self::Decrypt {
                    keys: Box::new(derive(&key)?),
                    key,
                }
            }
            other => return invalid(format!("Invalid operator class '{other}'.")),
        })
    }

    fn apply(&self, kind: &str, start: usize, value: &str) -> Result<String, Invalid> {
        Ok(match self {
            Self::Replace(None) => format!("<{kind}>"),
            Self::Replace(Some(text)) => text.clone(),
            Self::Redact => String::new(),
            Self::Keep => value.to_owned(),
            Self::Mask {
                with,
                count,
                from_end,
            } => mask(value, *with, *count, *from_end),
            Self::Hash { is_sha512, salt } => {
                let drawn: Vec<u8>;
                let salt = match salt {
                    Some(salt) => salt,
                    None => {
                        drawn = privet_crypto::random::<SALT>().map_err(Error::from)?.to_vec();
                        &drawn
                    }
                };
                let salted = Zeroizing::new([value.as_bytes(), salt].concat());
                if *is_sha512 {
                    HEXLOWER.encode(&privet_crypto::sha512(&salted))
                } else {
                    HEXLOWER.encode(&privet_crypto::sha256(&salted))
                }
            }
            Self::Encrypt(keys) => seal_with_name(keys, &token_name(kind), value)?,
            Self::Decrypt { key, keys } => {
                let opened =
                    open_with_name(keys, &token_name(kind), value).or_else(|| open_presidio(key, value).ok());
                match opened {
                    Some(opened) => opened.to_string(),
                    None => {
                        return invalid(format!(
                            "Invalid input, the value at start: {start} cannot be decrypted with this key"
                        ));
                    }
                }
            }
        })
    }
}

/// What Python takes for true.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::String(s) => !s.is_empty(),
        Value::Array(a) => !a.is_empty(),
        Value::Object(o) => !o.is_empty(),
    }
}

fn required<'v>(value: Option<&'v Value>, name: &str) -> Result<&'v Value, Invalid> {
    value.ok_or_else(|| Invalid(format!("Expected parameter {name}")))
}

pub(super) fn wrong<T>(name: &str, wanted: &str, got: &Value) -> Result<T, Invalid> {
    let got = match got {
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_i64() || n.is_u64() => "number",
        Value::Array(_) => "array",
        _ => return invalid(format!("Invalid parameter value for '{name}'.")),
    };
    invalid(format!(
        "Invalid parameter value for {name}. Expecting '{wanted}', but got '{got}'."
    ))
}

fn one_char(text: &str) -> Result<char, Invalid> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Ok(c),
        _ => invalid("Invalid input, masking_char must be a character"),
    }
}

fn checked_salt(salt: &str) -> Result<Vec<u8>, Invalid> {
    match salt.len() {
        0 => invalid(
            "Salt parameter cannot be empty. Either omit the salt parameter to auto-generate a random salt, or provide a salt of at least 16 bytes (128 bits).",
        ),
        length if length < LEAST_SALT => invalid(format!(
            "Salt must be at least 16 bytes (128 bits). Provided salt is {length} bytes."
        )),
        _ => Ok(salt.as_bytes().to_vec()),
    }
}

fn request_key(value: Option<&Value>) -> Result<Zeroizing<Vec<u8>>, Invalid> {
    match required(value, "key")? {
        Value::String(key) if matches!(key.len(), 16 | 24 | 32) => {
            Ok(Zeroizing::new(key.clone().into_bytes()))
        }
        Value::String(_) => invalid("Invalid input, key must be of length 128, 192 or 256 bits"),
        other => wrong("key", "string", other),
    }
}

/// The keys of a caller who brings a key along: its SHA-256 is taken for a root key, from which HKDF derives the rest.
fn derive(key: &[u8]) -> Result<Keys, Invalid> {
    let digest = privet_crypto::sha256(&Zeroizing::new([b"privet/presidio/key\0", key].concat()));
    let text = Zeroizing::new(format!("privet-root-1:{}", HEXLOWER.encode(&digest)));
    let root = RootKey::parse(&text).map_err(Error::from)?;
    Ok(Keys::derive(&root, &TenantId::default(), "presidio"))
}

/// `kind` as tokens can carry it; Presidio's kinds may be any text.
fn token_name(kind: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    kind.chars().take(64).map(plain).collect()
}

fn mask(value: &str, with: char, count: i64, from_end: bool) -> String {
    let total = value.chars().count();
    let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX).min(total);
    let hidden = if from_end { total - count..total } else { 0..count };
    value
        .chars()
        .enumerate()
        .map(|(at, c)| if hidden.contains(&at) { with } else { c })
        .collect()
}
