//! Who a record is about.

use std::fmt;
use std::str::FromStr;

use privet_types::Secret;
use serde::{Deserialize, Serialize};

use crate::Error;

/// A subject's id within a tenant: a random UUID (Databunker's "token"). It says nothing of the person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SubjectId(String);

/// How a subject is named. `Debug` shows no value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SubjectRef {
    /// By its id.
    Token(SubjectId),
    /// By the field `login`.
    Login(Secret<String>),
    /// By the field `email`.
    Email(Secret<String>),
    /// By the field `phone`.
    Phone(Secret<String>),
    /// By the field `custom`.
    Custom(Secret<String>),
    /// By another field that has an index.
    Index {
        /// The field.
        field: String,
        /// Its value.
        value: Secret<String>,
    },
}

impl SubjectId {
    /// A new random id.
    ///
    /// # Errors
    /// [`Error::Crypto`] if the system gives no random bytes.
    pub fn random() -> Result<Self, Error> {
        Ok(Self(privet_crypto::random_uuid()?))
    }

    /// The id as text: 36 characters, lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the store holds.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for SubjectId {
    type Err = Error;

    /// A UUID in either case.
    fn from_str(text: &str) -> Result<Self, Error> {
        let fits = |(at, byte): (usize, u8)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        };
        if text.len() == 36 && text.bytes().enumerate().all(fits) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            // One that cannot be is not there either.
            Err(Error::Absent { what: "subject" })
        }
    }
}

impl TryFrom<String> for SubjectId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<SubjectId> for String {
    fn from(id: SubjectId) -> Self {
        id.0
    }
}

impl fmt::Display for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SubjectRef {
    /// By the name of a mode: `token`, `login`, `email`, `phone`, `custom`, or a field that has an index.
    ///
    /// # Errors
    /// [`Error::Absent`] if `mode` is `token` and `value` is no id.
    pub fn parse(mode: &str, value: &str) -> Result<Self, Error> {
        let secret = Secret::new(value.to_owned());
        Ok(match mode {
            "token" => Self::Token(value.parse()?),
            "login" => Self::Login(secret),
            "email" => Self::Email(secret),
            "phone" => Self::Phone(secret),
            "custom" => Self::Custom(secret),
            field => Self::Index {
                field: field.to_owned(),
                value: secret,
            },
        })
    }

    /// The id, where that is what it is.
    pub(crate) const fn id(&self) -> Option<&SubjectId> {
        match self {
            Self::Token(id) => Some(id),
            _ => None,
        }
    }

    /// The field and value it is found by; `None` for an id.
    pub(crate) fn field(&self) -> Option<(&str, &str)> {
        match self {
            Self::Token(_) => None,
            Self::Login(value) => Some(("login", value.expose())),
            Self::Email(value) => Some(("email", value.expose())),
            Self::Phone(value) => Some(("phone", value.expose())),
            Self::Custom(value) => Some(("custom", value.expose())),
            Self::Index { field, value } => Some((field, value.expose())),
        }
    }
}

impl From<SubjectId> for SubjectRef {
    fn from(id: SubjectId) -> Self {
        Self::Token(id)
    }
}
