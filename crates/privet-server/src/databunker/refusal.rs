//! What is answered to a call that is refused. Never holds a value that was sent or stored.

use std::borrow::Cow;

use axum::body::Body;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use privet_access::Denied;
use privet_vault::Error;
use serde_json::json;

use super::table::Interface;
use crate::records::BadRecords;
use crate::vault::problem::VaultProblem;

/// The content type of all answers that are JSON.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// What is not there, in the peer's words where it has them.
pub(crate) mod absent {
    pub(crate) const USER: &str = "The user record was not found";
    pub(crate) const BASIS: &str = "The legal basis record was not found";
    pub(crate) const TOKEN: &str = "Token not found";
    pub(crate) const REQUEST: &str = "the user request was not found";
    pub(crate) const LINK: &str = "the link was not found, or was used";
    pub(crate) const ACTIVITY: &str = "the processing activity was not found";
}

/// Why a call is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// There is no such path or call.
    NoPath,
    /// There is, but not with this method.
    WrongMethod(HeaderValue),
    /// The peer has this call, of this name.
    NotSpoken(&'static str),
    /// No key, a bad one, or one of another tenant.
    NoAccess,
    /// The key is good and may not do this.
    NotAllowed(Cow<'static, str>),
    /// The body cannot be read.
    BadBody,
    /// Needed fields are not there.
    Missing(Vec<&'static str>),
    /// A field cannot be used, and why.
    BadField(Cow<'static, str>, Cow<'static, str>),
    /// There is no such mode.
    BadMode,
    /// What has to be a UUID is none.
    BadUuid,
    /// There is no such kind of token.
    BadTokenKind,
    /// There is no such thing, or it is another tenant's, or it was erased. Use the words of [`absent`] where they fit.
    Absent(&'static str),
    /// The unlock is not there, not approved, somebody else's, or over.
    Locked,
    /// Another subject has this value in a field where each may stand once.
    Taken(String),
    /// The request was approved or canceled already.
    Closed,
    /// What is asked for does not go with how things stand.
    Conflict(Cow<'static, str>),
    /// The body is larger than this many bytes.
    TooLarge(u64),
    /// Too many calls are at work.
    Busy,
    /// An erasure was begun, and is not finished.
    Unfinished,
    /// It failed; the operator finds why in Privet's log.
    Failed,
}

impl Refusal {
    /// The field `field` cannot be used.
    pub(crate) fn field(field: impl Into<Cow<'static, str>>, why: impl Into<Cow<'static, str>>) -> Self {
        Self::BadField(field.into(), why.into())
    }

    pub(crate) fn status(&self, interface: Interface) -> StatusCode {
        match self {
            Self::NoPath | Self::Absent(_) => StatusCode::NOT_FOUND,
            Self::WrongMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotSpoken(_) => StatusCode::NOT_IMPLEMENTED,
            Self::NoAccess if interface == Interface::V1 => StatusCode::UNAUTHORIZED,
            Self::NoAccess | Self::NotAllowed(_) | Self::Locked => StatusCode::FORBIDDEN,
            Self::BadBody
            | Self::Missing(_)
            | Self::BadField(..)
            | Self::BadMode
            | Self::BadUuid
            | Self::BadTokenKind => StatusCode::BAD_REQUEST,
            Self::Taken(_) | Self::Closed | Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unfinished | Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(crate) fn message(&self, interface: Interface) -> Cow<'static, str> {
        match self {
            Self::NoPath if interface == Interface::V1 => "url not found".into(),
            Self::NoPath => "The API request was not found".into(),
            Self::WrongMethod(_) => "this address does not take that method".into(),
            Self::NotSpoken(name) => format!("{name} is not spoken here; see docs/databunker.md").into(),
            Self::NoAccess => "Access denied".into(),
            Self::NotAllowed(why) | Self::Conflict(why) => why.clone(),
            Self::BadBody => "Failed to decode the request body".into(),
            Self::Missing(fields) => {
                format!("Missing API request parameters: {}", fields.join(", ")).into()
            }
            Self::BadField(field, why) => format!("the field {field} cannot be used: {why}").into(),
            Self::BadMode => "The mode parameter has an incorrect format".into(),
            Self::BadUuid => "Bad UUID".into(),
            Self::BadTokenKind => "Wrong token type".into(),
            Self::Absent(what) => (*what).into(),
            Self::Locked => "The unlockuuid value was not found or is not valid".into(),
            Self::Taken(field) => format!("Duplicate index: {field}").into(),
            Self::Closed => "This user request is closed".into(),
            Self::TooLarge(limit) => format!("the request body is larger than {limit} bytes").into(),
            Self::Busy => "the vault is busy; try again in a moment".into(),
            Self::Unfinished => {
                "the user record is shown to nobody any more, but not everything is erased yet; that is taken up again \
                 every minute"
                    .into()
            }
            Self::Failed => "Internal error".into(),
        }
    }

    pub(crate) fn respond(&self, interface: Interface) -> Response<Body> {
        let body = json!({ "status": "error", "message": self.message(interface) });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status(interface);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::WrongMethod(allow) => {
                headers.insert(ALLOW, allow.clone());
            }
            Self::Busy => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::OutOfScope(_) | Denied::NotPermitted(_) => Self::NotAllowed("API access denied".into()),
            Denied::StoreUnavailable | Denied::IssuerUnavailable => Self::Failed,
            _ => Self::NoAccess,
        }
    }
}

/// Of what went wrong before a handler was asked.
impl From<VaultProblem> for Refusal {
    fn from(problem: VaultProblem) -> Self {
        match problem.status {
            StatusCode::SERVICE_UNAVAILABLE if problem.code == "busy" => Self::Busy,
            status if status.is_server_error() => Self::Failed,
            _ => Self::BadBody,
        }
    }
}

impl From<BadRecords> for Refusal {
    fn from(bad: BadRecords) -> Self {
        match bad {
            BadRecords::Body => Self::BadBody,
            BadRecords::Records(why) => Self::field("records", why),
            BadRecords::Failed => Self::Failed,
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Absent { what: "bulk read" } => Self::Locked,
            // A name that leads nowhere is not repeated.
            Error::Absent { what } | Error::Undefined { what, .. } => Self::Absent(match what {
                "subject" => absent::USER,
                "token" => absent::TOKEN,
                "agreement" => absent::BASIS,
                "activity" => absent::ACTIVITY,
                "session" => "the session was not found",
                "version" => "the version was not found",
                "application" => "the application data were not found",
                "shared record" => "the shared record was not found",
                "request" | "proposal" => absent::REQUEST,
                _ => "it was not found",
            }),
            Error::BadField { field, why } => Self::field(field, why),
            Error::BadRecord { why } => Self::field("profile", why),
            Error::Taken { field } => Self::Taken(field),
            Error::WasErased => Self::Conflict("erased".into()),
            Error::Defined { .. } => Self::Conflict("the name is taken".into()),
            Error::VersionConflict { .. } => {
                Self::Conflict("the record was changed meanwhile; try again".into())
            }
            Error::Restricted => Self::NotAllowed("processing is restricted for this user record".into()),
            Error::TooMany { .. } | Error::HistoryFull { .. } => Self::Conflict(error.to_string().into()),
            Error::SamePrincipal | Error::SecondPrincipal => {
                Self::NotAllowed("somebody else has to do this".into())
            }
            Error::Busy { .. } => Self::Busy,
            Error::NotOpen { .. } => Self::Locked,
            Error::Answered => {
                Self::Conflict("users answered to this legal basis, so it keeps its name".into())
            }
            Error::NotReady { .. } => Self::Closed,
            Error::Unfinished { erasure, source } => {
                let error = source;
                tracing::warn!(erasure, %error, "an erasure is not finished");
                Self::Unfinished
            }
            _ => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, source, "the vault failed");
                Self::Failed
            }
        }
    }
}
