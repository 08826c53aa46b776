//! Who calls, for whom, through which dialect, and where a text came from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name that is not in its closed set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a valid {what}: use 1 to 64 of a-z, A-Z, 0-9, `.`, `_`, `-`, `@`")]
pub struct UnknownName {
    /// What was to be named.
    pub what: &'static str,
    /// What was given.
    pub name: String,
}

/// Whose installation space something belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct TenantId(String);

/// Who calls: the name under which an API key was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Principal(String);

/// A group of principals of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct GroupName(String);

/// A role: one of those that ship with Privet, or one that a policy of the operator's own speaks of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RoleName(String);

/// A course that people complete, such as `privacy-basics`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct CourseName(String);

/// What kind of caller a principal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A service account: a program.
    Service,
}

impl PrincipalKind {
    /// The name in the store and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Service => "service",
        }
    }
}

impl FromStr for PrincipalKind {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        match name {
            "user" => Ok(Self::User),
            "service" => Ok(Self::Service),
            _ => Err(UnknownName {
                what: "kind of principal",
                name: name.to_owned(),
            }),
        }
    }
}

fn check_name(what: &'static str, name: &str) -> Result<String, UnknownName> {
    let fits = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@'));
    if fits {
        Ok(name.to_owned())
    } else {
        Err(UnknownName {
            what,
            name: name.to_owned(),
        })
    }
}

macro_rules! name_type {
    ($name:ident, $what:literal) => {
        impl FromStr for $name {
            type Err = UnknownName;
            fn from_str(name: &str) -> Result<Self, UnknownName> {
                check_name($what, name).map(Self)
            }
        }

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(TenantId, "tenant name");
name_type!(Principal, "principal name");
name_type!(GroupName, "group name");
name_type!(RoleName, "role name");
name_type!(CourseName, "course name");

impl Principal {
    /// A name for questions about anybody: nobody is likely to have it.
    #[must_use]
    pub fn unlikely() -> Self {
        Self("somebody@@".to_owned())
    }
}

impl Default for TenantId {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

/// An API dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SurfaceKind {
    /// OpenAI chat completions, `POST /v1/chat/completions`.
    OpenaiChat,
    /// OpenAI responses, `POST /v1/responses`.
    OpenaiResponses,
    /// OpenAI embeddings, `POST /v1/embeddings`.
    OpenaiEmbeddings,
    /// OpenAI model list, `GET /v1/models`.
    OpenaiModels,
    /// Anthropic messages, `POST /v1/messages`.
    AnthropicMessages,
    /// Anthropic's count of a prompt's tokens, `POST /v1/messages/count_tokens`.
    AnthropicCountTokens,
    /// Presidio's analyzer and anonymizer, `POST /analyze` and its like.
    Presidio,
    /// Privet's own `POST /api/v1/pii/…`.
    Pii,
    /// Privet's own `POST /api/v1/protect` and `POST /api/v1/restore`.
    Protect,
    /// Tools of others over the Model Context Protocol, `/mcp/NAME`.
    Mcp,
}

impl SurfaceKind {
    /// The name in logs, metrics and audit events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai_chat",
            Self::OpenaiResponses => "openai_responses",
            Self::OpenaiEmbeddings => "openai_embeddings",
            Self::OpenaiModels => "openai_models",
            Self::AnthropicMessages => "anthropic_messages",
            Self::AnthropicCountTokens => "anthropic_count_tokens",
            Self::Presidio => "presidio",
            Self::Pii => "pii",
            Self::Protect => "protect",
            Self::Mcp => "mcp",
        }
    }

    /// The surface whose requests have the same fields: a prompt whose tokens are counted is one of messages.
    #[must_use]
    pub const fn dialect(self) -> Self {
        match self {
            Self::AnthropicCountTokens => Self::AnthropicMessages,
            other => other,
        }
    }

    /// Whether a model answers in words. Where it does not, a reply holds numbers alone, and nothing to restore.
    #[must_use]
    pub const fn has_words_in_reply(self) -> bool {
        !matches!(self, Self::OpenaiEmbeddings | Self::AnthropicCountTokens)
    }
}

/// Where a text came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Instructions of the operator or developer.
    System,
    /// What a person wrote.
    User,
    /// What a model wrote.
    Assistant,
    /// What a tool returned, and tool descriptions.
    Tool,
    /// Text of a document, and fields that belong to no other channel.
    Document,
}
