//! What leaves by itself for requests of subjects: one-time codes, to whoever takes them to people, and callbacks. Each is a
//! POST of JSON, signed under a key of the tenant (RFC 9421).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::uri::Scheme;
use http::{Method, Request, Uri};
use http_body_util::Full;
use privet_policy::{RequestRight, RequestSettings};
use privet_types::{Pseudonym, TenantId};
use privet_vault::{
    Actor, Callback, CallbackState, CodeDelivery, CodeMessage, Delivered, RequestConfig, RequestKind,
    Requests, Vault,
};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::Error;
use crate::connection::{Connector, Origin};
use crate::upstream::connector;

/// How long connecting may take, and then the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Codes that may be on their way at once.
const CODES: usize = 64;
/// The pauses before each try to hand on a code. Who gets none asks for another.
const CODE_PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(8)];
/// Callbacks of one tenant that are sent at once.
const CALLBACKS: usize = 8;

/// Sends codes and callbacks. Cheap to clone.
#[derive(Clone)]
pub struct Outbox(Arc<Shared>);

struct Shared {
    connector: Connector,
    code_url: Option<String>,
    hosts: BTreeSet<String>,
    vault: Vault,
    codes: Arc<Semaphore>,
}

/// Why a message did not arrive. Says nothing of what was in it, and not where it was to go.
#[derive(Debug, thiserror::Error)]
enum NotTaken {
    #[error("its address cannot be used")]
    Address,
    #[error("it cannot be signed")]
    Unsigned(#[source] privet_vault::Error),
    #[error("nobody can be reached there")]
    Unreachable,
    #[error("it was not answered in time")]
    Silence,
    #[error("it was answered with status {0}")]
    Status(u16),
}

/// How requests of subjects are worked on, as `settings` say.
#[must_use]
pub fn request_config(settings: &RequestSettings) -> RequestConfig {
    let kinds = |rights: &BTreeSet<RequestRight>| rights.iter().copied().map(kind).collect();
    RequestConfig {
        identity_for: kinds(&settings.identity_for),
        approval_for: kinds(&settings.approval_for),
        code_digits: settings.codes.digits,
        code_seconds: settings.codes.seconds,
        attempts: settings.codes.attempts,
        codes: settings.codes.sent,
        person_codes: settings.codes.sent_per_person,
        person_attempts: settings.codes.attempts_per_person,
        person_seconds: settings.codes.person_seconds,
        copy_days: settings.copy_days,
    }
}

const fn kind(right: RequestRight) -> RequestKind {
    match right {
        RequestRight::Access => RequestKind::Access,
        RequestRight::Rectification => RequestKind::Rectification,
        RequestRight::Erasure => RequestKind::Erasure,
        RequestRight::Restriction => RequestKind::Restriction,
        RequestRight::Portability => RequestKind::Portability,
        RequestRight::Objection => RequestKind::Objection,
    }
}

impl Outbox {
    /// What `settings` allow to be sent for the tenants of `vault`.
    ///
    /// # Errors
    /// [`Error::BadCertificates`] if its `ca_file` holds none, [`Error::Tls`].
    pub fn new(settings: &RequestSettings, vault: Vault) -> Result<Self, Error> {
        Ok(Self(Arc::new(Shared {
            connector: connector(settings.ca_file.clone(), PATIENCE)?,
            code_url: settings.code_url.clone(),
            hosts: settings.callback_hosts.clone(),
            vault,
            codes: Arc::new(Semaphore::new(CODES)),
        })))
    }

    /// Whether there is somebody who takes codes to people.
    pub(crate) fn delivers_codes(&self) -> bool {
        self.0.code_url.is_some()
    }

    /// Whether a callback may go to `url`: `https`, and one of the hosts that the settings name.
    pub(crate) fn allows(&self, url: &str) -> bool {
        let Ok(uri) = url.parse::<Uri>() else {
            return false;
        };
        let Some(authority) = uri.authority() else {
            return false;
        };
        let host = authority.host().to_ascii_lowercase();
        let place = match authority.port_u16() {
            Some(port) if port != 443 => format!("{host}:{port}"),
            _ => host,
        };
        uri.scheme() == Some(&Scheme::HTTPS)
            && !authority.as_str().contains('@')
            && self.0.hosts.contains(&place)
    }

    /// Sends the callbacks of `tenant` that are due. Returns how many were told to all who wanted to be.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn tell(&self, requests: &Requests, tenant: &TenantId) -> Result<usize, privet_vault::Error> {
        let actor = Actor {
            tenant: tenant.clone(),
            principal: Pseudonym("callbacks".to_owned()),
        };
        let due = requests.callbacks(&actor).await?;
        let (mut told, mut under_way) = (0, JoinSet::new());
        let places = Arc::new(Semaphore::new(CALLBACKS));
        for callback in due {
            let (outbox, requests, actor) = (self.clone(), requests.clone(), actor.clone());
            let places = Arc::clone(&places);
            under_way.spawn(async move {
                let _place = places.acquire_owned().await;
                outbox.tell_all(&requests, &actor, callback).await
            });
        }
        while let Some(done) = under_way.join_next().await {
            match done {
                Ok(Ok(true)) => told += 1,
                Ok(Ok(false)) => {}
                Ok(Err(error)) => tracing::warn!(%tenant, %error, "a callback cannot be recorded"),
                Err(error) => tracing::warn!(%tenant, %error, "a callback ended early"),
            }
        }
        Ok(told)
    }

    /// Sends one callback to all who were not told yet. Whether all are told now.
    async fn tell_all(
        &self,
        requests: &Requests,
        actor: &Actor,
        mut callback: Callback,
    ) -> Result<bool, privet_vault::Error> {
        if !requests.take_callback(actor, &mut callback).await? {
            return Ok(false);
        }
        let (tenant, request, step) = (&actor.tenant, &callback.request, callback.seq);
        let mut told = BTreeSet::new();
        for (place, url) in &callback.urls {
            let mut body = callback.body.clone();
            if let Some(body) = body.as_object_mut() {
                body.insert("status_callback_url".to_owned(), url.as_str().into());
            }
            // The settings may have changed since the request came.
            let sent = if self.allows(url) {
                self.post(tenant, url, body.to_string().into_bytes()).await
            } else {
                Err(NotTaken::Address)
            };
            match sent {
                Ok(()) => _ = told.insert(*place),
                Err(error) => {
                    tracing::info!(%tenant, request, step, place, %error, "a callback did not arrive");
                }
            }
        }
        let state = requests.settle_callback(actor, &callback, &told).await?;
        if state == CallbackState::GivenUp {
            tracing::warn!(%tenant, request, step, "a callback was given up");
        }
        Ok(state == CallbackState::Told)
    }

    async fn post(&self, tenant: &TenantId, url: &str, body: Vec<u8>) -> Result<(), NotTaken> {
        let uri: Uri = url.parse().map_err(|_| NotTaken::Address)?;
        // As the other side sees it: with a path.
        let target = uri.to_string();
        let signed = self.0.vault.sign_message(tenant, &target, &body).await;
        let signed = signed.map_err(NotTaken::Unsigned)?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority), Some(path)) =
            (parts.scheme, parts.authority, parts.path_and_query)
        else {
            return Err(NotTaken::Address);
        };
        let origin = Origin::new(self.0.connector.clone(), scheme, authority).ok_or(NotTaken::Address)?;
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from(path);
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in [
            ("content-digest", signed.content_digest),
            ("signature-input", signed.signature_input),
            ("signature", signed.signature),
        ] {
            let value = HeaderValue::from_str(&value).map_err(|_| NotTaken::Address)?;
            headers.insert(HeaderName::from_static(name), value);
        }
        let answered = tokio::time::timeout(PATIENCE, origin.send(request)).await;
        let answered = answered.map_err(|_| NotTaken::Silence)?;
        let status = answered.map_err(|_| NotTaken::Unreachable)?.status();
        // A redirect is not followed: it could lead anywhere.
        if status.is_success() {
            Ok(())
        } else {
            Err(NotTaken::Status(status.as_u16()))
        }
    }

    async fn deliver_code(&self, tenant: &TenantId, request: &str, url: &str, body: Vec<u8>) {
        for pause in CODE_PAUSES {
            tokio::time::sleep(pause).await;
            match self.post(tenant, url, body.clone()).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(%tenant, request, %error, "a code was not taken"),
            }
        }
        tracing::error!(%tenant, request, "a code is lost; nobody takes it to the person");
    }
}

impl CodeDelivery for Outbox {
    /// Does not wait for the answer: how long it takes, and that it fails, would tell who is known.
    fn deliver<'a>(&'a self, message: CodeMessage<'a>) -> Delivered<'a> {
        let Some(url) = self.0.code_url.clone() else {
            return Box::pin(async { false });
        };
        let Ok(place) = Arc::clone(&self.0.codes).try_acquire_owned() else {
            // An answer of its own would tell that the person is known.
            let (tenant, request) = (message.tenant, message.request);
            tracing::error!(%tenant, request, "a code is lost: too many are on their way");
            return Box::pin(async { true });
        };
        let body = json!({
            "type": "one_time_code",
            "tenant": message.tenant.as_str(),
            "subject_request_id": message.request,
            "subject_request_type": message.kind,
            "channel": message.channel,
            "address": message.address.expose(),
            "code": message.code.as_str(),
            "expires_at": message.expires_at,
        });
        let (outbox, tenant, request) = (self.clone(), message.tenant.clone(), message.request.to_owned());
        tokio::spawn(async move {
            let body = body.to_string().into_bytes();
            outbox.deliver_code(&tenant, &request, &url, body).await;
            drop(place);
        });
        Box::pin(async { true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_say_nothing_have_requests_worked_on_as_the_vault_does() {
        assert_eq!(
            request_config(&RequestSettings::default()),
            RequestConfig::default()
        );
    }
}
