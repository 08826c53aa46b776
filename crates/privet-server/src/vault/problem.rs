//! What goes wrong in the vault's interface and that of administrators, as RFC 9457 tells it.

use axum::body::Body;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use privet_access::Denied;
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::records::BadRecords;

/// Why a request to the vault was refused. Never holds a value that was sent or stored.
#[derive(Debug)]
pub(crate) struct VaultProblem {
    pub(crate) status: StatusCode,
    /// From a closed set.
    pub(crate) code: &'static str,
    /// For people.
    pub(crate) detail: String,
    /// The field at fault, as the caller wrote it.
    pub(crate) field: Option<String>,
    /// A further member, from a closed set: `erasure`, `holds`.
    more: Option<Box<(&'static str, Value)>>,
    /// What the address allows instead.
    allow: Option<HeaderValue>,
}

impl VaultProblem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            field: None,
            more: None,
            allow: None,
        }
    }

    /// The field `field` cannot be used.
    pub(crate) fn field(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..Self::new(StatusCode::BAD_REQUEST, "bad_field", why)
        }
    }

    /// There is no such thing, or it is another tenant's, or it was erased.
    pub(crate) fn absent(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("no such {what}"))
    }

    pub(crate) fn no_route() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "unknown_url",
            "the vault has no such address; see GET /api/v1/openapi.json",
        )
    }

    pub(crate) fn wrong_method(allow: HeaderValue) -> Self {
        Self {
            allow: Some(allow),
            ..Self::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this address does not take that method",
            )
        }
    }

    /// Legal holds keep the subject's data; `cases` are the numbers of their cases, which say nothing of a person.
    pub(crate) fn held(cases: Vec<String>) -> Self {
        Self {
            more: Some(Box::new(("holds", cases.into()))),
            ..Self::new(
                StatusCode::CONFLICT,
                "held",
                "a legal hold keeps the data, so nothing was erased; release the holds first",
            )
        }
    }

    /// An erasure was begun; what is left to do failed with `why`.
    fn unfinished(erasure: String, why: &privet_vault::Error) -> Self {
        let error = why;
        tracing::warn!(erasure, %error, source = source(error), "an erasure is not finished");
        let status = match why {
            privet_vault::Error::Connector { .. } => StatusCode::BAD_GATEWAY,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self {
            more: Some(Box::new(("erasure", erasure.into()))),
            ..Self::new(
                status,
                "erasure_unfinished",
                "the subject is shown to nobody any more, but not everything is erased yet; it is taken up again every \
                 minute, and its receipt is at /erasures/{erasure} then",
            )
        }
    }

    /// What a problem of the gateway's is here.
    pub(crate) fn of(problem: &Problem) -> Self {
        Self::new(problem.status(), problem.code(), problem.to_string())
    }

    pub(crate) fn busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "the vault is busy; try again in a moment",
        )
    }

    pub(crate) fn not_recorded() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not_recorded",
            "the read could not be recorded, so nothing is shown; the operator finds the reason in Privet's log",
        )
    }

    pub(crate) fn too_large(limit: u64) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "request_too_large",
            format!("the request body is larger than {limit} bytes"),
        )
    }

    /// The answer.
    pub(crate) fn respond(&self) -> Response<Body> {
        let mut body = json!({
            "type": format!("urn:privet:problem:{}", self.code),
            "title": self.status.canonical_reason().unwrap_or("refused"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        if let (Some(field), Some(body)) = (&self.field, body.as_object_mut()) {
            body.insert("field".to_owned(), field.clone().into());
        }
        if let (Some(more), Some(body)) = (&self.more, body.as_object_mut()) {
            let (name, value) = &**more;
            body.insert((*name).to_owned(), value.clone());
        }
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(allow) = &self.allow {
            headers.insert(ALLOW, allow.clone());
        }
        response
    }
}

impl From<Denied> for VaultProblem {
    fn from(denied: Denied) -> Self {
        let (status, code) = match denied {
            Denied::OutOfScope(_) => (StatusCode::FORBIDDEN, "out_of_scope"),
            Denied::NotPermitted(_) => (StatusCode::FORBIDDEN, "not_permitted"),
            Denied::Disabled => (StatusCode::FORBIDDEN, "key_not_valid_any_more"),
            Denied::SwitchedOff => (StatusCode::FORBIDDEN, "switched_off"),
            Denied::StoreUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "keys_unavailable"),
            Denied::IssuerUnavailable => (StatusCode::SERVICE_UNAVAILABLE, denied.name()),
            Denied::NoAccount => (StatusCode::FORBIDDEN, denied.name()),
            Denied::BadToken => (StatusCode::UNAUTHORIZED, denied.name()),
            Denied::NoSession => (StatusCode::UNAUTHORIZED, denied.name()),
            Denied::TokenExpired | Denied::TokenRevoked => {
                (StatusCode::UNAUTHORIZED, "token_not_valid_any_more")
            }
            Denied::TokenElsewhere => (StatusCode::FORBIDDEN, "token_out_of_scope"),
            Denied::Forged | Denied::NeedsSecondFactor | Denied::NotBySession => {
                (StatusCode::FORBIDDEN, denied.name())
            }
            _ => (StatusCode::UNAUTHORIZED, "invalid_api_key"),
        };
        Self::new(status, code, denied.to_string())
    }
}

impl From<BadRecords> for VaultProblem {
    fn from(bad: BadRecords) -> Self {
        match bad {
            BadRecords::Body => Self::new(
                StatusCode::BAD_REQUEST,
                "bad_json",
                "the body is no JSON object with a list `records`",
            ),
            BadRecords::Records(why) => Self::field("records", why),
            BadRecords::Failed => privet_vault::Error::Stopped.into(),
        }
    }
}

impl From<privet_vault::Error> for VaultProblem {
    fn from(error: privet_vault::Error) -> Self {
        use privet_vault::Error;
        let text = error.to_string();
        let bad = |code| Self::new(StatusCode::BAD_REQUEST, code, text.clone());
        match error {
            Error::Absent { what } => Self::absent(what),
            // A name that leads nowhere is not repeated: whoever asks knows it.
            Error::Undefined { what, .. } => Self::absent(what),
            Error::BadField { field, why } => Self::field(field, why),
            Error::BadRecord { .. } => bad("bad_record"),
            Error::BadImport { .. } => bad("bad_import"),
            Error::Read(_) => Self::new(
                StatusCode::BAD_REQUEST,
                "body_cut",
                "the request body broke off; send it again",
            ),
            Error::Taken { field } => Self {
                field: Some(field),
                ..Self::new(
                    StatusCode::CONFLICT,
                    "taken",
                    "another subject has this value already",
                )
            },
            Error::Defined { .. } => Self::new(StatusCode::CONFLICT, "defined", text),
            Error::Answered => Self::new(StatusCode::CONFLICT, "answered", text),
            Error::VersionConflict { .. } => {
                Self::new(StatusCode::PRECONDITION_FAILED, "version_conflict", text)
            }
            Error::Restricted => Self::new(StatusCode::FORBIDDEN, "restricted", text),
            Error::TooMany { .. } | Error::HistoryFull { .. } => {
                Self::new(StatusCode::CONFLICT, "too_many", text)
            }
            Error::Busy { .. } => Self::busy(),
            Error::SamePrincipal => Self::new(StatusCode::FORBIDDEN, "same_principal", text),
            Error::NotOpen { .. } => Self::new(StatusCode::FORBIDDEN, "not_open", text),
            Error::NotReady { .. } => Self::new(StatusCode::CONFLICT, "not_ready", text),
            Error::WrongCode { .. } => Self::new(StatusCode::FORBIDDEN, "wrong_code", text),
            Error::SecondPrincipal => Self::new(StatusCode::FORBIDDEN, "second_principal", text),
            Error::NotDelivered => Self::new(StatusCode::BAD_GATEWAY, "not_delivered", text),
            Error::Unfinished { erasure, source } => Self::unfinished(erasure, &source),
            Error::Connector { .. } => {
                tracing::warn!(%error, "an outside store does not answer");
                Self::new(
                    StatusCode::BAD_GATEWAY,
                    "connector_failed",
                    "an outside store that holds something of the subject does not answer; the operator finds which in \
                     Privet's log",
                )
            }
            Error::Late => Self::unavailable(&error),
            Error::Store(_) => Self::unavailable(&error),
            _ => {
                tracing::error!(%error, source = source(&error), "the vault failed");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal",
                    "the vault failed; the operator finds the reason in Privet's log",
                )
            }
        }
    }
}

impl VaultProblem {
    fn unavailable(error: &privet_vault::Error) -> Self {
        tracing::error!(%error, source = source(error), "the store or the keyring failed");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store_unavailable",
            "the store does not answer; try again in a moment",
        )
    }
}

fn source(error: &privet_vault::Error) -> Option<String> {
    std::error::Error::source(error).map(ToString::to_string)
}
