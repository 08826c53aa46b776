//! Where the scan key is kept.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where a key is kept: `env:NAME` or `file:PATH`. The rim reads it; the key itself is never in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRef {
    /// In the environment variable of this name.
    Env(String),
    /// In the file at this path.
    File(PathBuf),
}

/// A text that is not a [`KeyRef`]. It is not repeated: people paste keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a reference to a key; use `env:NAME` or `file:PATH` (a key is never in the settings text; if this one was real, replace it)"
)]
pub struct BadKeyRef;

impl FromStr for KeyRef {
    type Err = BadKeyRef;

    fn from_str(text: &str) -> Result<Self, BadKeyRef> {
        if let Some(name) = text.strip_prefix("env:") {
            let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                && name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
                && name.len() <= 128;
            return is_name.then(|| Self::Env(name.to_owned())).ok_or(BadKeyRef);
        }
        match text.strip_prefix("file:") {
            Some(path) if !path.is_empty() && !path.contains('\0') => Ok(Self::File(path.into())),
            _ => Err(BadKeyRef),
        }
    }
}

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl Serialize for KeyRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for KeyRef {
    fn schema_name() -> Cow<'static, str> {
        "KeyRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Where a key is kept: `env:NAME` or `file:PATH`.",
            "pattern": "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$",
        })
    }
}
