//! Why a request is not sent.

use privet_types::Entity;

use crate::json::JsonError;

/// Most different private values in one request: bounds memory to about 30 MB and the time to restore.
pub(crate) const MAX_VALUES: usize = 1 << 16;

/// Why a request is not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The body is no JSON that can be trusted to mean one thing.
    #[error("the request body cannot be used: {0}")]
    Json(#[from] JsonError),
    /// The body is JSON, but not an object.
    #[error("the request body must be a JSON object")]
    NotAnObject,
    /// No model is named, or not by a string.
    #[error("`model` is missing; name one of the models that `GET /v1/models` lists")]
    NoModel,
    /// A content part that cannot be looked into.
    #[error(
        "{kind} content at `{pointer}` cannot be checked for private data and was not sent; remove it, or have the policy pass it (`[parts] pass = [\"{kind}\"]`)"
    )]
    Opaque {
        /// What it is.
        kind: &'static str,
        /// Where it stands.
        pointer: String,
    },
    /// A text that came as numbers.
    #[error(
        "a text given as token numbers at `{pointer}` cannot be checked for private data and was not sent; send the text itself"
    )]
    Tokens {
        /// Where.
        pointer: String,
    },
    /// The provider would have to keep the reply.
    #[error(
        "the policy lets providers keep no request and no reply (`[responses] store = \"never\"`), and `{field}` needs that; leave it out and send the whole conversation in `input`"
    )]
    Stored {
        /// The field that needs it.
        field: &'static str,
    },
    /// The policy forbids sending this kind of data.
    #[error(
        "the policy forbids sending {entity} (found at `{pointer}`); remove it and send the request again"
    )]
    Blocked {
        /// What was found.
        entity: Entity,
        /// Where.
        pointer: String,
    },
    /// Private data where the API allows no replacement.
    #[error(
        "`{pointer}` holds what looks like {entity}, and the API allows no stand-in there; remove it and send the request again"
    )]
    CannotMask {
        /// What was found.
        entity: Entity,
        /// Where.
        pointer: String,
    },
    /// More private values than one request may hold.
    #[error("the request holds more than {MAX_VALUES} different private values; send less at once")]
    TooManyValues,
    /// The detector did not finish.
    #[error("the check for private data did not finish: {0}")]
    Detector(#[from] privet_pii::Error),
}
