//! Where a key is kept.

use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::document::beside;

/// Where a key is kept: `{ env = "NAME" }` or `{ file = "path" }`. The rim reads it; the key itself is never in a
/// document.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretRef {
    /// In the environment variable of this name.
    Env(#[schemars(regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$"))] String),
    /// In the file at this path.
    File(PathBuf),
}

const INLINE: &str = "a key is never in the settings text; use { env = \"NAME\" } or { file = \"path\" }, and if this one was real, replace it";

/// How keys that people paste begin.
const KEY_PREFIXES: [&str; 5] = ["sk-", "privet-root-", "privet-signing-", "Bearer ", "-----BEGIN"];

impl SecretRef {
    /// This reference, taken from the document at `document`.
    pub(crate) fn beside(self, document: &Path) -> Self {
        match self {
            Self::Env(name) => Self::Env(name),
            Self::File(path) => Self::File(beside(document, &path)),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable `{name}`"),
            Self::File(path) => write!(f, "file `{}`", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(References)
    }
}

struct References;

impl<'de> Visitor<'de> for References {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reference to a key: { env = \"NAME\" } or { file = \"path\" }")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<SecretRef, E> {
        Err(E::custom(INLINE))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
        let mut found = None;
        while let Some(kind) = map.next_key::<String>()? {
            let known = ["env", "file"].contains(&kind.as_str());
            if !known {
                return Err(A::Error::unknown_field(&kind, &["env", "file"]));
            }
            let place: String = map.next_value()?;
            let reference = if kind == "env" {
                env_reference(place)
            } else {
                file_reference(place)
            };
            let reference = reference.map_err(A::Error::custom)?;
            if found.replace(reference).is_some() {
                return Err(A::Error::custom(
                    "two places for one key; give either `env` or `file`",
                ));
            }
        }
        found.ok_or_else(|| A::Error::custom("no place given; use { env = \"NAME\" } or { file = \"path\" }"))
    }
}

/// Whether `text` is surely a key where a name or a path was expected.
pub(crate) fn looks_like_a_key(text: &str) -> bool {
    KEY_PREFIXES.iter().any(|prefix| text.starts_with(prefix))
}

fn env_reference(name: String) -> Result<SecretRef, &'static str> {
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    if is_name {
        Ok(SecretRef::Env(name))
    } else {
        Err(
            "`env` is the name of an environment variable (letters, digits, `_`), not the key: a key is never in the settings text",
        )
    }
}

fn file_reference(path: String) -> Result<SecretRef, &'static str> {
    if path.is_empty() || looks_like_a_key(&path) {
        Err("`file` is the path of a file, not the key: a key is never in the settings text")
    } else {
        Ok(SecretRef::File(path.into()))
    }
}
