//! What goes wrong on the path of a prompt, and how each surface says so. The only place that turns errors into HTTP.

use std::fmt;

use axum::body::Body;
use http::header::{CONTENT_LANGUAGE, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Response, StatusCode};
use jiff::Timestamp;
use privet_access::{AdminError, Denied, SignInError};
use privet_policy::limits::{Exceeded, TooManyGroups};
use privet_policy::{Advice, NotCleared};
use privet_surface::Refusal;
use privet_surface::json::JsonError;
use privet_types::{BudgetError, Entity, SurfaceKind};
use serde_json::{Value, json};

use crate::guard::Stopped;
use crate::vault::NoConsent;

/// A notice that the caller has to acknowledge before it may use a model.
#[derive(Debug)]
pub(crate) struct NotAcknowledged {
    pub(crate) id: String,
    pub(crate) hash: String,
    pub(crate) is_person: bool,
    pub(crate) provider: String,
    pub(crate) model: String,
}

impl fmt::Display for NotAcknowledged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = &self.id;
        if self.is_person {
            write!(
                f,
                "to use this model, acknowledge the notice `{id}`: `GET /api/v1/me/notices` shows it, `POST /api/v1/me/notices/{id}` acknowledges it"
            )
        } else {
            write!(
                f,
                "the notice `{id}` is needed for this model, and only a person can acknowledge it; use a person's key"
            )
        }
    }
}

/// Why a request was not answered by a provider. `Display` is the text for the caller.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("{}", denial(.0))]
    Denied(#[from] Denied),
    #[error(
        "Privet has no such address; it answers POST /v1/chat/completions, /v1/responses, /v1/embeddings, /v1/messages and /v1/messages/count_tokens, and GET /v1/models"
    )]
    NoSuchSurface,
    #[error("this address does not take that method")]
    WrongMethod,
    #[error("send one `host` header with the name of this server, and no other name in the address")]
    TwoHosts,
    #[error(
        "the request body is larger than {limit} bytes; shorten it, or raise `request_body` in the settings"
    )]
    TooLarge { limit: u64 },
    #[error("the request body did not arrive in time; send it again")]
    BodyTimeout,
    #[error("the request body broke off; send it again")]
    BodyCut,
    #[error("send the body as plain JSON: `content-type: application/json`, and no `content-encoding`")]
    UnsupportedMedia,
    #[error("{0}")]
    NotCleared(#[from] NotCleared),
    #[error(
        "the query of the address holds what looks like private data; remove it and send the request again"
    )]
    PrivateQuery,
    #[error("the provider for this model speaks another dialect; use the address of that dialect")]
    WrongDialect,
    #[error("{0}")]
    SignIn(#[from] SignInError),
    #[error("{0}")]
    NoConsent(#[from] NoConsent),
    #[error("{exceeded}")]
    Limited {
        exceeded: Box<Exceeded>,
        /// Seconds until there is room again.
        retry_after: u64,
    },
    #[error(
        "what this model costs is limited, and it has no price, so nothing was sent; the operator adds it to `[[prices]]` in the settings"
    )]
    NoPrice,
    #[error("{0}")]
    TooManyGroups(#[from] TooManyGroups),
    /// The watch saw something unusual, and the policy stops whoever does it.
    #[error(
        "your access is suspended until {until}, because your use of it was unusual; an administrator can end that before"
    )]
    Suspended {
        /// Until when.
        until: Timestamp,
    },
    /// The same, with a few requests a minute.
    #[error(
        "your access is slowed down, because your use of it was unusual; try again in {retry_after} seconds, or ask an administrator"
    )]
    Throttled {
        /// Seconds until the next minute.
        retry_after: u64,
    },
    /// The policies do not let the caller send this.
    #[error("{}", message.as_deref().unwrap_or("you are not permitted to send this to that model; ask an administrator"))]
    NotPermitted {
        message: Option<String>,
        provider: String,
        model: String,
    },
    /// The policy has a notice that the caller has not acknowledged, and needs for this model.
    #[error("{0}")]
    NotAcknowledged(Box<NotAcknowledged>),
    /// A kill switch cuts off the model, or every provider that could answer.
    #[error("{} was switched off for the time being; use another model, or ask an administrator", if *is_model { "this model" } else { "the provider of this model" })]
    SwitchedOff {
        is_model: bool,
        provider: String,
        model: String,
    },
    /// The caller was cut off while the request was under way.
    #[error("this was switched off for the time being; ask an administrator")]
    CutOff,
    /// The prompt holds personal data, and its provider has no assessment that holds.
    #[error(
        "the prompt holds personal data, and the provider of this model has no assessment that holds; remove the data, or use another model"
    )]
    NotAssessed { provider: String, model: String },
    /// Guardrails of the policy stop it.
    #[error("{}", guarded(.0))]
    Guarded(Box<Stopped>),
    #[error("what was used of your budget cannot be looked up, so nothing was sent; try again in a moment")]
    BudgetUnknown,
    #[error("Privet is busy; try again in a moment")]
    Busy,
    #[error("the check for private data took too long, so nothing was sent; try again, or send less at once")]
    Deadline,
    #[error(
        "the check for private data failed, so nothing was sent; the operator finds the reason in Privet's log"
    )]
    DetectorFailed,
    #[error(
        "the decision could not be recorded, so nothing was sent; the operator finds the reason in Privet's log"
    )]
    NotRecorded,
    #[error(
        "the conversation could not be kept as the policy demands, so nothing was sent; try again in a moment, or send less at once"
    )]
    NotArchived,
    #[error(
        "the conversation could not be kept as the policy demands, so its reply is held back; try again in a moment"
    )]
    ReplyNotArchived,
    /// A request that is refused in words of its own, which hold no value.
    #[error("{text}")]
    Told { status: StatusCode, text: String },
    /// The same, with a code of its own.
    #[error("{text}")]
    Coded {
        status: StatusCode,
        code: &'static str,
        text: String,
    },
    #[error("the store does not answer; try again in a moment")]
    StoreUnavailable,
    #[error("the provider cannot be reached")]
    UpstreamUnreachable,
    #[error(
        "the provider does not speak HTTP/2, which its `http = \"2\"` in the settings asks for; set it to `auto`"
    )]
    UpstreamNotHttp2,
    #[error("the provider has failed several times in a row and is given a rest; try again in a moment")]
    ProviderResting,
    #[error("the provider did not answer in time")]
    UpstreamTimeout,
    #[error("the provider answered in a way that Privet cannot pass on safely ({0})")]
    UpstreamUnusable(&'static str),
}

fn denial(denied: &Denied) -> String {
    match denied {
        Denied::Missing => {
            "no API key was sent; send `Authorization: Bearer <key>` or `x-api-key: <key>`, with a key made by `privet key create`".to_owned()
        }
        Denied::BadToken | Denied::NoAccount | Denied::IssuerUnavailable => denied.to_string(),
        Denied::StoreUnavailable => "keys cannot be checked at the moment; try again in a moment".to_owned(),
        Denied::NotPermitted(_)
        | Denied::SwitchedOff
        | Denied::NoSession
        | Denied::Forged
        | Denied::NeedsSecondFactor
        | Denied::NotBySession => denied.to_string(),
        Denied::TokenForged
        | Denied::TokenExpired
        | Denied::TokenEarly
        | Denied::TokenRevoked
        | Denied::TokenElsewhere => format!("the token was not accepted: {denied}"),
        other => format!("the API key was not accepted: {other}"),
    }
}

fn guarded(stopped: &Stopped) -> String {
    let rule = stopped.rule.0;
    if stopped.held.is_empty() {
        return format!("the guardrail `{rule}` stopped the request; nothing was sent");
    }
    let numbers: Vec<String> = stopped.held.iter().map(|held| held.id.to_hex()).collect();
    format!(
        "the guardrail `{rule}` holds the request until somebody approves it; ask an administrator to run `privet guard approve {}`, then send it again",
        numbers.join(" ")
    )
}

/// The families in which both dialects sort their errors.
struct Kind {
    status: StatusCode,
    openai: &'static str,
    anthropic: &'static str,
    code: &'static str,
}

const fn kind(status: StatusCode, openai: &'static str, anthropic: &'static str, code: &'static str) -> Kind {
    Kind {
        status,
        openai,
        anthropic,
        code,
    }
}

/// Providers' own clients go by it: with `false` they tell their caller at once, and do not wait for a budget to begin anew.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// Seconds that such a client may be left to wait by itself.
const LONGEST_RETRY: u64 = 60;

const INVALID: &str = "invalid_request_error";

impl Problem {
    /// Refused with `status` in these words.
    pub(crate) fn told(status: StatusCode, text: impl Into<String>) -> Self {
        Self::Told {
            status,
            text: text.into(),
        }
    }

    /// Refused with `status` and `code` in these words.
    pub(crate) fn coded(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self::Coded {
            status,
            code,
            text: text.into(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::NotPermitted { .. } | Self::Denied(Denied::NotPermitted(_)) => kind(
                StatusCode::FORBIDDEN,
                "permission_error",
                "permission_error",
                "not_permitted",
            ),
            Self::NotAcknowledged(_) => kind(
                StatusCode::FORBIDDEN,
                "permission_error",
                "permission_error",
                "notice_not_acknowledged",
            ),
            Self::NotAssessed { .. } => kind(
                StatusCode::FORBIDDEN,
                "permission_error",
                "permission_error",
                "provider_not_assessed",
            ),
            Self::Denied(Denied::Revoked | Denied::Expired | Denied::Rotated | Denied::Disabled) => kind(
                StatusCode::FORBIDDEN,
                "permission_error",
                "permission_error",
                "key_not_valid_any_more",
            ),
            // Clients get another one when they are told 401.
            Self::Denied(Denied::TokenExpired | Denied::TokenRevoked) => kind(
                StatusCode::UNAUTHORIZED,
                INVALID,
                "authentication_error",
                "token_not_valid_any_more",
            ),
            Self::Denied(Denied::TokenElsewhere) => kind(
                StatusCode::FORBIDDEN,
                "permission_error",
                "permission_error",
                "token_out_of_scope",
            ),
            Self::Denied(Denied::SwitchedOff) | Self::SwitchedOff { .. } | Self::CutOff => kind(
                StatusCode::FORBIDDEN,
                "permission_error",
                "permission_error",
                "switched_off",
            ),
            Self::Denied(denied @ Denied::IssuerUnavailable) => kind(
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "api_error",
                denied.name(),
            ),
            Self::Denied(denied @ Denied::NoAccount) => kind(
                StatusCode::FORBIDDEN,
                "permission_error",
                "permission_error",
                denied.name(),
            ),
            Self::Denied(denied @ Denied::BadToken) => kind(
                StatusCode::UNAUTHORIZED,
                INVALID,
                "authentication_error",
                denied.name(),
            ),
            Self::Denied(Denied::OutOfScope(_)) => kind(
                StatusCode::FORBIDDEN,
                "permission_error",
                "permission_error",
                "key_out_of_scope",
            ),
            Self::Denied(
                denied @ (Denied::NoSession
                | Denied::Forged
                | Denied::NeedsSecondFactor
                | Denied::NotBySession),
            ) => {
                let (status, kind_of) = match denied {
                    Denied::NoSession => (StatusCode::UNAUTHORIZED, "authentication_error"),
                    _ => (StatusCode::FORBIDDEN, "permission_error"),
                };
                kind(status, kind_of, kind_of, denied.name())
            }
            Self::SignIn(error) => sign_in_kind(error),
            Self::Denied(Denied::StoreUnavailable) => kind(
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "api_error",
                "keys_unavailable",
            ),
            Self::Denied(_) => kind(
                StatusCode::UNAUTHORIZED,
                INVALID,
                "authentication_error",
                "invalid_api_key",
            ),
            Self::NoSuchSurface => kind(StatusCode::NOT_FOUND, INVALID, "not_found_error", "unknown_url"),
            Self::TwoHosts => kind(StatusCode::BAD_REQUEST, INVALID, INVALID, "bad_host"),
            Self::WrongMethod => kind(
                StatusCode::METHOD_NOT_ALLOWED,
                INVALID,
                INVALID,
                "method_not_allowed",
            ),
            Self::TooLarge { .. } => kind(
                StatusCode::PAYLOAD_TOO_LARGE,
                INVALID,
                "request_too_large",
                "request_too_large",
            ),
            Self::BodyTimeout => kind(StatusCode::REQUEST_TIMEOUT, INVALID, INVALID, "body_timeout"),
            Self::BodyCut => kind(StatusCode::BAD_REQUEST, INVALID, INVALID, "body_cut"),
            Self::UnsupportedMedia => kind(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                INVALID,
                INVALID,
                "unsupported_media",
            ),
            Self::NotCleared(not_cleared) => not_cleared_kind(not_cleared),
            Self::PrivateQuery => kind(StatusCode::BAD_REQUEST, INVALID, INVALID, "private_query"),
            Self::NoConsent(why) => no_consent_kind(*why),
            Self::WrongDialect => kind(StatusCode::BAD_REQUEST, INVALID, INVALID, "wrong_dialect"),
            Self::Limited { .. } => kind(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limit_error",
                "rate_limit_error",
                "limit_exceeded",
            ),
            Self::Suspended { .. } => kind(
                StatusCode::FORBIDDEN,
                "permission_error",
                "permission_error",
                "suspended",
            ),
            Self::Throttled { .. } => kind(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limit_error",
                "rate_limit_error",
                "throttled",
            ),
            Self::NoPrice => kind(
                StatusCode::FORBIDDEN,
                "permission_error",
                "permission_error",
                "no_price",
            ),
            Self::TooManyGroups(_) => kind(
                StatusCode::FORBIDDEN,
                "permission_error",
                "permission_error",
                "too_many_groups",
            ),
            Self::Guarded(stopped) => kind(
                StatusCode::FORBIDDEN,
                "permission_error",
                "permission_error",
                if stopped.held.is_empty() {
                    "guard_blocked"
                } else {
                    "guard_held"
                },
            ),
            Self::BudgetUnknown => kind(
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "api_error",
                "limits_unavailable",
            ),
            Self::Busy => kind(
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "overloaded_error",
                "busy",
            ),
            Self::Deadline => kind(
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "api_error",
                "deadline",
            ),
            Self::DetectorFailed => kind(
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "api_error",
                "detector_failed",
            ),
            Self::NotRecorded => kind(
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "api_error",
                "not_recorded",
            ),
            Self::NotArchived | Self::ReplyNotArchived => kind(
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "api_error",
                "not_archived",
            ),
            Self::Coded { status, code, .. } => {
                let of = match status.as_u16() {
                    403 => "permission_error",
                    404 => "not_found_error",
                    429 => "rate_limit_error",
                    _ => INVALID,
                };
                kind(*status, of, of, code)
            }
            Self::Told { status, .. } => kind(*status, INVALID, INVALID, "bad_request"),
            Self::StoreUnavailable => kind(
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "api_error",
                "store_unavailable",
            ),
            Self::UpstreamUnreachable | Self::UpstreamNotHttp2 => kind(
                StatusCode::BAD_GATEWAY,
                "server_error",
                "api_error",
                "upstream_unreachable",
            ),
            Self::ProviderResting => kind(
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "overloaded_error",
                "provider_resting",
            ),
            Self::UpstreamTimeout => kind(
                StatusCode::GATEWAY_TIMEOUT,
                "server_error",
                "api_error",
                "upstream_timeout",
            ),
            Self::UpstreamUnusable(_) => kind(
                StatusCode::BAD_GATEWAY,
                "server_error",
                "api_error",
                "upstream_unusable",
            ),
        }
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        self.kind().status
    }

    /// A code from a closed set: safe in logs and audit events.
    pub(crate) fn code(&self) -> &'static str {
        self.kind().code
    }

    /// Whether it is a decision about what the caller wanted: no failure, no text that nobody can read, and nothing that follows
    /// from an alert.
    pub(crate) fn is_refusal(&self) -> bool {
        let kind = self.kind();
        let is_held = matches!(
            self,
            Self::Suspended { .. } | Self::Throttled { .. } | Self::SwitchedOff { .. } | Self::CutOff
        );
        let is_broken = matches!(
            self,
            Self::BodyTimeout | Self::BodyCut | Self::UnsupportedMedia | Self::TooLarge { .. }
        );
        kind.status.is_client_error() && kind.code != "bad_body" && !is_held && !is_broken
    }

    /// The answer in the shape of `surface`.
    pub(crate) fn respond(&self, surface: SurfaceKind, request_id: &str) -> Response<Body> {
        self.respond_with(surface, request_id, None)
    }

    /// The same, with advice for the person who reads it: its words stand first, and for programs in `advice`.
    pub(crate) fn respond_with(
        &self,
        surface: SurfaceKind,
        request_id: &str,
        coached: Option<&(Advice, Vec<Entity>)>,
    ) -> Response<Body> {
        let Kind {
            status,
            openai,
            anthropic,
            code,
        } = self.kind();
        let message = match coached {
            None => format!("privet: {self}"),
            Some((advice, _)) => format!("privet: {} ({self})", advice.text),
        };
        let mut body = match surface.dialect() {
            SurfaceKind::AnthropicMessages => json!({
                "type": "error",
                "error": { "type": anthropic, "message": message },
                "request_id": request_id,
            }),
            SurfaceKind::Presidio => match self {
                Self::Told { text, .. } => json!({ "error": text }),
                _ => json!({ "error": message }),
            },
            _ => json!({ "error": { "message": message, "type": openai, "param": null, "code": code } }),
        };
        if let (Some((advice, kinds)), Some(error)) =
            (coached, body.get_mut("error").and_then(Value::as_object_mut))
        {
            let mut told = json!({
                "code": code,
                "kinds": kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>(),
                "text": advice.text,
                "language": advice.language.tag(),
                "link": advice.link,
            });
            if let Self::NotAcknowledged(lacking) = self {
                let NotAcknowledged { id, hash, .. } = &**lacking;
                let address = format!("/api/v1/me/notices/{id}");
                let notice = json!({ "id": id, "hash": hash, "acknowledge": address });
                if let Some(told) = told.as_object_mut() {
                    told.insert("notice".to_owned(), notice);
                }
            }
            error.insert("advice".to_owned(), told);
        }
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if let Some((advice, _)) = coached {
            headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(advice.language.tag()));
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Self::SignIn(SignInError::AddressLocked { retry_after }) = self {
            headers.insert(RETRY_AFTER, HeaderValue::from(*retry_after));
        }
        if let Self::Limited { retry_after, .. } | Self::Throttled { retry_after } = self {
            headers.insert(RETRY_AFTER, HeaderValue::from(*retry_after));
            if *retry_after > LONGEST_RETRY {
                headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
            }
        }
        response
    }
}

fn sign_in_kind(error: &SignInError) -> Kind {
    let (status, kind_of) = match error {
        SignInError::Refused | SignInError::NoSession => (StatusCode::UNAUTHORIZED, "authentication_error"),
        SignInError::AddressLocked { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error"),
        SignInError::Password(_) | SignInError::BadName => (StatusCode::UNPROCESSABLE_ENTITY, INVALID),
        SignInError::Forged
        | SignInError::NeedsSecondFactor
        | SignInError::NeedsEnrolment
        | SignInError::NeedsProof
        | SignInError::WrongProof
        | SignInError::LoginRefused => (StatusCode::FORBIDDEN, "permission_error"),
        SignInError::InviteSpent | SignInError::LoginSpent => (StatusCode::GONE, INVALID),
        SignInError::TotpExists => (StatusCode::CONFLICT, INVALID),
        SignInError::NoTotp | SignInError::NoFactor => (StatusCode::NOT_FOUND, INVALID),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "server_error"),
    };
    kind(status, kind_of, kind_of, error.code())
}

const fn no_consent_kind(why: NoConsent) -> Kind {
    let code = match why {
        NoConsent::BadHeader => return kind(StatusCode::BAD_REQUEST, INVALID, INVALID, "bad_subject_header"),
        NoConsent::BadConversation => {
            return kind(
                StatusCode::BAD_REQUEST,
                INVALID,
                INVALID,
                "bad_conversation_header",
            );
        }
        NoConsent::Unavailable => {
            return kind(
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "api_error",
                "consent_unavailable",
            );
        }
        NoConsent::NoSubject => "subject_missing",
        NoConsent::NoPurpose => "purpose_missing",
        NoConsent::NoVault => "no_vault",
        NoConsent::Withdrawn => "consent_withdrawn",
        NoConsent::Missing(_) => "consent_missing",
    };
    kind(
        StatusCode::FORBIDDEN,
        "permission_error",
        "permission_error",
        code,
    )
}

fn not_cleared_kind(not_cleared: &NotCleared) -> Kind {
    match not_cleared {
        NotCleared::NoRoute => kind(
            StatusCode::NOT_FOUND,
            INVALID,
            "not_found_error",
            "model_not_found",
        ),
        NotCleared::Sensitive { .. } => kind(StatusCode::BAD_REQUEST, INVALID, INVALID, "sensitive_refused"),
        NotCleared::Refused { refusal, .. } => {
            let (status, code) = match refusal {
                Refusal::Detector(privet_pii::Error::Budget(BudgetError::Spent))
                | Refusal::Json(JsonError::Budget(BudgetError::Spent))
                | Refusal::TooManyValues => (StatusCode::BAD_REQUEST, "too_much_work"),
                Refusal::Detector(_) | Refusal::Json(JsonError::Budget(_)) => {
                    let status = StatusCode::SERVICE_UNAVAILABLE;
                    return kind(status, "server_error", "api_error", "detector_failed");
                }
                Refusal::Opaque { .. } | Refusal::Tokens { .. } => {
                    (StatusCode::BAD_REQUEST, "content_not_checkable")
                }
                Refusal::Stored { .. } => (StatusCode::BAD_REQUEST, "storage_forbidden"),
                Refusal::Blocked { .. } => (StatusCode::BAD_REQUEST, "entity_blocked"),
                Refusal::CannotMask { .. } => (StatusCode::BAD_REQUEST, "cannot_mask"),
                _ => (StatusCode::BAD_REQUEST, "bad_body"),
            };
            kind(status, INVALID, INVALID, code)
        }
        _ => kind(StatusCode::BAD_REQUEST, INVALID, INVALID, "not_cleared"),
    }
}

/// The shape in which errors at `path` are told.
pub(crate) fn shape_of(path: &str, headers: &HeaderMap) -> SurfaceKind {
    if crate::presidio::PATHS.contains(&path) {
        SurfaceKind::Presidio
    } else if path.starts_with("/mcp/") {
        SurfaceKind::Mcp
    } else if path.starts_with("/v1/messages") || headers.contains_key("anthropic-version") {
        SurfaceKind::AnthropicMessages
    } else {
        SurfaceKind::OpenaiChat
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        let text = error.to_string();
        match error {
            AdminError::Denied(denied) => denied.into(),
            AdminError::CannotDelegate(_) => Self::coded(StatusCode::FORBIDDEN, "cannot_delegate", text),
            AdminError::OwnPrivileges => Self::coded(StatusCode::FORBIDDEN, "own_privileges", text),
            AdminError::OwnAccount => Self::coded(StatusCode::FORBIDDEN, "own_account", text),
            AdminError::UnknownRole(_) => Self::coded(StatusCode::NOT_FOUND, "not_found", text),
            AdminError::LastAdministrator => Self::coded(StatusCode::CONFLICT, "last_administrator", text),
            AdminError::Contended => Self::coded(StatusCode::SERVICE_UNAVAILABLE, "contended", text),
            AdminError::Access(error) => of_access(&error),
            _ => {
                tracing::error!(%error, "policies cannot be asked about a change of keys or people");
                Self::coded(StatusCode::SERVICE_UNAVAILABLE, "policies_unavailable", text)
            }
        }
    }
}

fn of_access(error: &privet_access::Error) -> Problem {
    use privet_access::Error;
    let absent = |text: &str| Problem::coded(StatusCode::NOT_FOUND, "not_found", text);
    match error {
        Error::UnknownKeyId { .. } => absent("there is no such key here; list them: GET /api/v1/keys"),
        Error::UnknownPrincipal { .. } | Error::NoPrincipal { .. } => absent(
            "nobody of this name and kind was made here; list them: GET /api/v1/people, GET /api/v1/services",
        ),
        Error::UnknownGroup { .. } => absent("there is no such group here; list them: GET /api/v1/groups"),
        Error::PrincipalExists { .. } | Error::GroupExists { .. } => {
            Problem::coded(StatusCode::CONFLICT, "exists", error.to_string())
        }
        Error::KeyRotated { .. } => Problem::coded(StatusCode::CONFLICT, "key_rotated", error.to_string()),
        Error::KeyEnded { .. } => Problem::coded(
            StatusCode::CONFLICT,
            "key_ended",
            "this key is revoked or has expired; make a new one: POST /api/v1/keys",
        ),
        Error::GraceTooLong => Problem::coded(
            StatusCode::UNPROCESSABLE_ENTITY,
            "bad_field",
            "a key may work beside its successor for 90 days at most; give a shorter `grace`",
        ),
        Error::ExpiresInPast { .. } | Error::PersonAsService => {
            Problem::coded(StatusCode::UNPROCESSABLE_ENTITY, "bad_field", error.to_string())
        }
        _ => {
            let source = std::error::Error::source(error).map(ToString::to_string);
            tracing::error!(%error, source, "keys and people cannot be read or changed");
            Problem::StoreUnavailable
        }
    }
}
