//! Requests as they are written down: JSON, with OpenDSR's names where that has them.

use jiff::Timestamp;
use privet_types::Secret;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::model::RequestKind;
use super::{NewRequest, flow};
use crate::{Error, SubjectRef};

/// A request that is to be taken in. Has no `Debug`: it is personal data.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRequestBody {
    /// Which right.
    subject_request_type: RequestKind,
    /// When it was received, RFC 3339; now if left out. The time runs from then.
    submitted_time: Option<String>,
    /// By what the subject names itself, 1 to 16; all that are known must be of one subject.
    subject_identities: Vec<NamedBody>,
    /// Whom to tell of changes of the status: `https` URLs of hosts that the settings allow, 16 at most.
    #[serde(default)]
    status_callback_urls: Vec<String>,
    /// For a rectification: what to correct, as a JSON merge patch (RFC 7396).
    patch: Option<Map<String, Value>>,
    /// For an objection: to which purposes; to all if left out.
    #[serde(default)]
    purposes: Vec<String>,
    /// What the subject says; 4 KiB at most. Kept under the subject's key.
    note: Option<String>,
}

/// By what a subject names itself.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NamedBody {
    /// `token`, `login`, `email`, `phone`, `custom`, or another field with an index.
    identity_type: String,
    /// Its value.
    identity_value: String,
}

impl NewRequestBody {
    /// Whom to tell of changes of the status.
    #[must_use]
    pub fn callbacks(&self) -> &[String] {
        &self.status_callback_urls
    }

    /// The request it asks for, to be received at `now` or before.
    ///
    /// # Errors
    /// [`Error::BadField`] if a field does not fit; the field is called as in the body.
    pub fn into_request(self, now: Timestamp) -> Result<NewRequest, Error> {
        let named = |one: &NamedBody| SubjectRef::parse(&one.identity_type, &one.identity_value);
        let identities = self.subject_identities.iter().map(named);
        let identities = identities.collect::<Result<_, _>>().map_err(as_written)?;
        let mut new = NewRequest::new(self.subject_request_type, identities);
        let received_at = self
            .submitted_time
            .map(|text| text.parse::<Timestamp>())
            .transpose();
        new.received_at = received_at.map_err(|_| flow::bad("submitted_time", "use RFC 3339, in UTC"))?;
        new.callbacks = self.status_callback_urls;
        new.purposes = self.purposes;
        new.note = self.note.map(Secret::new);
        if let Some(patch) = &self.patch {
            let text = serde_json::to_string(patch).map_err(Error::Json)?;
            new.patch = Some(Secret::new(text));
        }
        new.check(now).map_err(as_written)?;
        Ok(new)
    }
}

/// The error with its field named as it is called in a body.
#[must_use]
pub fn as_written(error: Error) -> Error {
    let Error::BadField { field, why } = error else {
        return error;
    };
    let field = match field.as_str() {
        "received_at" | "submitted_time" => "submitted_time",
        "callbacks" | "status_callback_urls" => "status_callback_urls",
        "patch" => "patch",
        "purposes" => "purposes",
        "note" => "note",
        _ => "subject_identities",
    };
    Error::BadField {
        field: field.to_owned(),
        why,
    }
}
