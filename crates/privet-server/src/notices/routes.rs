//! `/api/v1/me/notices`: what the caller has to acknowledge, and acknowledging it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{get, post};
use http::header::ACCEPT_LANGUAGE;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use privet_access::{Authenticated, Privilege, Way};
use privet_policy::Notice;
use privet_store::{AcknowledgementChange, AcknowledgementRecord};
use privet_types::{KeyScope, PrincipalKind};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::is_acknowledged;
use crate::gateway::Gateway;
use crate::named::Named;
use crate::openapi::Operation;
use crate::problem::Problem;
use crate::prompt::{check_media, read_body};
use crate::told::told_once;

/// Longest wait for the store.
const PATIENCE: Duration = Duration::from_secs(5);
/// What was acknowledged so lately is not written down again.
const AGAIN: SignedDuration = SignedDuration::from_secs(60);

pub(crate) fn routes(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/api/v1/me/notices", get(list))
        .route("/api/v1/me/notices/{id}", post(acknowledge))
        .with_state(gateway)
}

/// What they do.
pub(crate) fn described() -> Vec<Operation> {
    let of = |method, path, summary| Operation::new(method, path, Privilege::Acknowledge, summary);
    vec![
        of(
            Method::GET,
            "/api/v1/me/notices",
            "The notices of the policy for the caller.",
        )
        .gives(200, "Notices"),
        of(
            Method::POST,
            "/api/v1/me/notices/{id}",
            "Acknowledges a notice, as a person.",
        )
        .takes::<Read>()
        .gives(200, "NoticeAcknowledged"),
    ]
}

/// The wording of a notice that was read.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NoticeRead")]
struct Read {
    hash: String,
}

impl Gateway {
    /// The person who calls: by a session, or by a key that is good for the gateway.
    async fn reader(&self, parts: &Parts) -> Result<Authenticated, Problem> {
        let (caller, by_session) = self.identify(parts).await?;
        if !by_session {
            caller.check(KeyScope::Gateway)?;
        }
        self.permit_any_scope(parts, &caller, Privilege::Acknowledge)?;
        Ok(caller)
    }

    fn concerning(&self, caller: &Authenticated) -> impl Iterator<Item = &Notice> {
        let account = Arc::clone(&caller.account);
        let notices = self.policy.notices().iter();
        notices.filter(move |notice| notice.concerns(account.kind(), account.roles()))
    }
}

async fn list(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let work = async {
        let (parts, _) = request.into_parts();
        let caller = gateway.reader(&parts).await?;
        let shown: Vec<Value> = gateway
            .concerning(&caller)
            .map(|notice| shown(&gateway, notice, &caller, &parts))
            .collect();
        Ok((StatusCode::OK, json!({ "notices": shown })))
    };
    told_once(work.await)
}

async fn acknowledge(
    State(gateway): State<Arc<Gateway>>,
    Named(id): Named,
    request: Request<Body>,
) -> Response<Body> {
    let work = async {
        let (parts, body) = request.into_parts();
        let caller = gateway.reader(&parts).await?;
        // A token, whoever issued it, is for a program, and a service account is one: neither reads.
        let is_by_token = caller.token.is_some() || caller.way == Way::Issuer;
        if is_by_token || caller.account.kind() != PrincipalKind::User {
            return Err(Problem::coded(
                StatusCode::FORBIDDEN,
                "not_a_person",
                "a person acknowledges a notice, by a session or a key of its own",
            ));
        }
        check_media(&parts.headers)?;
        let body = read_body(&gateway, &parts.headers, body).await?;
        let Read { hash } = serde_json::from_slice(&body).map_err(|_| {
            Problem::told(
                StatusCode::BAD_REQUEST,
                "send the `hash` that `GET /api/v1/me/notices` shows with the text: {\"hash\": \"…\"}",
            )
        })?;
        let unknown = || Problem::told(StatusCode::NOT_FOUND, "there is no such notice for you");
        let notice = gateway.concerning(&caller).find(|notice| notice.id() == id);
        let notice = notice.ok_or_else(unknown)?;
        if notice.hash() != hash {
            return Err(Problem::coded(
                StatusCode::CONFLICT,
                "notice_changed",
                "the notice is worded otherwise by now; read it again",
            ));
        }
        let now = gateway.clock.now();
        let before = caller.account.acknowledged_at(notice.id(), notice.hash());
        let is_done = before.is_some_and(|at| now.duration_since(at) < AGAIN && notice.counts(at, now));
        if !is_done {
            gateway.keep(&caller, notice, now).await?;
            gateway.look_at_keys().await;
        }
        let at = before.filter(|_| is_done).unwrap_or(now);
        Ok((
            StatusCode::OK,
            json!({
                "id": notice.id(),
                "hash": notice.hash(),
                "acknowledged_at": at.to_string(),
                "counts_until": notice.counts_until(at).map(|until| until.to_string()),
            }),
        ))
    };
    told_once(work.await)
}

impl Gateway {
    async fn keep(&self, caller: &Authenticated, notice: &Notice, now: Timestamp) -> Result<(), Problem> {
        let record = AcknowledgementRecord {
            tenant: caller.tenant.clone(),
            principal: caller.principal.clone(),
            notice: notice.id().to_owned(),
            text_hash: notice.hash().to_owned(),
            at: now,
        };
        let change = AcknowledgementChange {
            at: now,
            tenant: caller.tenant.to_string(),
            principal: self.pseudonyms.pseudonym(&caller.tenant, &caller.principal),
            notice: record.notice.clone(),
            text_hash: record.text_hash.clone(),
            way: caller.way.name(),
        };
        match timeout(PATIENCE, self.keys().store().acknowledge(&record, &change)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::error!(%error, "an acknowledgement cannot be kept");
                Err(Problem::StoreUnavailable)
            }
            Err(_) => Err(Problem::StoreUnavailable),
        }
    }
}

fn shown(gateway: &Gateway, notice: &Notice, caller: &Authenticated, parts: &Parts) -> Value {
    let coaching = gateway.policy.coaching();
    let accepted = parts.headers.get(ACCEPT_LANGUAGE);
    let wanted = coaching.language_for(accepted.and_then(|value| value.to_str().ok()));
    let (language, text) = notice.text(wanted, coaching.language);
    let at = caller.account.acknowledged_at(notice.id(), notice.hash());
    let now = gateway.clock.now();
    json!({
        "id": notice.id(),
        "hash": notice.hash(),
        "language": language.tag(),
        "text": text,
        "link": notice.link(),
        "is_acknowledged": is_acknowledged(notice, &caller.account, now),
        "acknowledged_at": at.map(|at| at.to_string()),
        "counts_until": at.and_then(|at| notice.counts_until(at)).map(|until| until.to_string()),
    })
}
