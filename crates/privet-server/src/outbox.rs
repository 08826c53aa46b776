//! What leaves by itself for requests of subjects: one-time codes, to whoever takes them to people, and callbacks. Each is a
//! POST of JSON, signed under a key of the tenant (RFC 9421).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::uri::Scheme;
use http::{Method, Request, Uri};
use privet_policy::{RequestRight, RequestSettings};
use privet_types::{Pseudonym, TenantId};
use privet_vault::{
    Actor, Callback, CallbackState, CodeDelivery, CodeMessage, Delivered, RequestConfig, RequestKind,
    Requests, Vault,
};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
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
/// Callbacks that are sent at once.
const CALLBACKS: usize = 64;
/// Those of them that go to one host.
const CALLBACKS_A_HOST: usize = 8;
/// Tenants whose callbacks are sent at once.
const TENANTS: usize = 16;
/// How long after its start a round begins no further callback: what came meanwhile is looked for then.
const ROUND: Duration = Duration::from_secs(30);
/// Due callbacks of a tenant beyond which all of them are tried, so that they are put off: the store gives out only those that
/// are due longest, and those that nobody can be sent now would stand before the others.
const CROWD: usize = 100;

/// Sends codes and callbacks. Cheap to clone.
#[derive(Clone)]
pub struct Outbox(Arc<Shared>);

struct Shared {
    connector: Connector,
    code_url: Option<String>,
    /// Where callbacks may go, each with its places.
    hosts: BTreeMap<String, Arc<Semaphore>>,
    vault: Vault,
    codes: Arc<Semaphore>,
    callbacks: Arc<Semaphore>,
}

/// Sending what is due for one tenant.
struct Round {
    outbox: Outbox,
    requests: Requests,
    actor: Actor,
    began: Instant,
    is_crowded: bool,
    /// Hosts that did not answer in time. The others do not wait for them again.
    silent: Mutex<BTreeSet<String>>,
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
            connector: connector(settings.ca_file.as_deref(), PATIENCE)?,
            code_url: settings.code_url.clone(),
            hosts: settings
                .callback_hosts
                .iter()
                .map(|host| (host.clone(), Arc::new(Semaphore::new(CALLBACKS_A_HOST))))
                .collect(),
            vault,
            codes: Arc::new(Semaphore::new(CODES)),
            callbacks: Arc::new(Semaphore::new(CALLBACKS)),
        })))
    }

    /// Whether there is somebody who takes codes to people.
    pub(crate) fn delivers_codes(&self) -> bool {
        self.0.code_url.is_some()
    }

    /// Whether a callback may go to `url`: `https`, and one of the hosts that the settings name.
    pub(crate) fn allows(&self, url: &str) -> bool {
        self.host(url).is_some()
    }

    /// The host that the settings name, where `url` may be called.
    fn host(&self, url: &str) -> Option<(&String, &Arc<Semaphore>)> {
        let uri = url.parse::<Uri>().ok()?;
        let authority = uri.authority()?;
        let host = authority.host().to_ascii_lowercase();
        let place = match authority.port_u16() {
            Some(port) if port != 443 => format!("{host}:{port}"),
            _ => host,
        };
        let is_plain = uri.scheme() == Some(&Scheme::HTTPS) && !authority.as_str().contains('@');
        self.0.hosts.get_key_value(&place).filter(|_| is_plain)
    }

    /// Sends the callbacks of all `tenants` that are due. What fails for one does not keep the others.
    pub async fn tell_each(&self, requests: &Requests, tenants: impl IntoIterator<Item = TenantId>) {
        let (places, mut under_way) = (Arc::new(Semaphore::new(TENANTS)), JoinSet::new());
        for tenant in tenants {
            let (outbox, requests, places) = (self.clone(), requests.clone(), Arc::clone(&places));
            under_way.spawn(async move {
                let _place = places.acquire_owned().await;
                if let Err(error) = outbox.tell(&requests, &tenant).await {
                    tracing::warn!(%tenant, %error, "callbacks that are due cannot be sent");
                }
            });
        }
        while under_way.join_next().await.is_some() {}
    }

    /// Sends the callbacks of `tenant` that are due: those of one request one after the other, in the order of its steps,
    /// those of different requests at once. Returns how many were told to all who wanted to be.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn tell(&self, requests: &Requests, tenant: &TenantId) -> Result<usize, privet_vault::Error> {
        let actor = Actor {
            tenant: tenant.clone(),
            principal: Pseudonym("callbacks".to_owned()),
        };
        let due = requests.callbacks(&actor).await?;
        for damaged in &due.damaged {
            let state = requests.put_off_callback(&actor, damaged).await?;
            let (request, step) = (&damaged.request, damaged.seq);
            tracing::error!(%tenant, request, step, ?state, "the row of a request is damaged, so nobody can be told of it");
        }
        let round = Arc::new(Round {
            outbox: self.clone(),
            requests: requests.clone(),
            actor,
            began: Instant::now(),
            is_crowded: due.ready.len() + due.damaged.len() > CROWD,
            silent: Mutex::default(),
        });
        let (mut told, mut under_way) = (0, JoinSet::new());
        for steps in by_request(due.ready) {
            let round = Arc::clone(&round);
            under_way.spawn(async move { round.tell_steps(steps).await });
        }
        while let Some(done) = under_way.join_next().await {
            match done {
                Ok(Ok(steps)) => told += steps,
                Ok(Err(error)) => tracing::warn!(%tenant, %error, "a callback cannot be recorded"),
                Err(error) => tracing::warn!(%tenant, %error, "a callback ended early"),
            }
        }
        Ok(told)
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
        let mut request = Request::new(Bytes::from(body));
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

impl Round {
    /// Tells the steps of one request. Who was not told one of them is not told the later ones before.
    async fn tell_steps(&self, steps: Vec<Callback>) -> Result<usize, privet_vault::Error> {
        let (mut told, mut late) = (0, BTreeSet::new());
        for mut callback in steps {
            late.extend(callback.held.iter().copied());
            let urls = callback.urls.iter().filter(|(place, _)| !late.contains(place));
            let hosts: BTreeMap<_, _> = urls.filter_map(|(_, url)| self.outbox.host(url)).collect();
            let hosts: Vec<_> = hosts.into_values().cloned().collect();
            let _places = places(&hosts).await;
            let _place = Arc::clone(&self.outbox.0.callbacks).acquire_owned().await;
            // From here to where it is settled it takes less than until another node may try it.
            if self.began.elapsed() > ROUND {
                break;
            }
            // What would be sent to nobody uses up no try.
            if !self.is_crowded && !self.is_of_use(&callback, &late) {
                late.extend(callback.urls.into_keys());
                continue;
            }
            if !self.requests.take_callback(&self.actor, &mut callback).await? {
                break;
            }
            let reached = self.reach(&callback, &late).await;
            let state = self
                .requests
                .settle_callback(&self.actor, &callback, &reached)
                .await?;
            let (tenant, request, step) = (&self.actor.tenant, &callback.request, callback.seq);
            match state {
                CallbackState::Told => told += 1,
                CallbackState::GivenUp => {
                    tracing::warn!(%tenant, request, step, "a callback was given up");
                }
                CallbackState::Waiting => {
                    late.extend(callback.urls.into_keys().filter(|place| !reached.contains(place)));
                }
            }
        }
        Ok(told)
    }

    /// Whether somebody can be sent `callback` now, or could never be, which is to come to an end as well.
    fn is_of_use(&self, callback: &Callback, late: &BTreeSet<u8>) -> bool {
        let mut urls = callback.urls.iter().filter(|(place, _)| !late.contains(place));
        urls.any(|(_, url)| {
            self.outbox
                .host(url)
                .is_none_or(|(host, _)| !self.is_silent(host))
        })
    }

    fn is_silent(&self, host: &str) -> bool {
        let silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        silent.contains(host)
    }

    /// Sends `callback` to all but those at the places `late`. Returns the places of those who took it.
    async fn reach(&self, callback: &Callback, late: &BTreeSet<u8>) -> BTreeSet<u8> {
        let mut under_way = JoinSet::new();
        for (place, url) in callback.urls.iter().filter(|(place, _)| !late.contains(place)) {
            let (place, url, tenant) = (*place, url.clone(), self.actor.tenant.clone());
            let mut body = callback.body.clone();
            if let Some(body) = body.as_object_mut() {
                body.insert("status_callback_url".to_owned(), url.as_str().into());
            }
            // The settings may have changed since the request came.
            let host = self.outbox.host(&url).map(|(host, _)| host.clone());
            let is_silent = host.as_ref().is_some_and(|host| self.is_silent(host));
            let outbox = self.outbox.clone();
            under_way.spawn(async move {
                let sent = match &host {
                    None => Err(NotTaken::Address),
                    Some(_) if is_silent => Err(NotTaken::Silence),
                    Some(_) => outbox.post(&tenant, &url, body.to_string().into_bytes()).await,
                };
                (place, host, sent)
            });
        }
        let mut reached = BTreeSet::new();
        while let Some(done) = under_way.join_next().await {
            let Ok((place, host, sent)) = done else { continue };
            let Err(error) = sent else {
                reached.insert(place);
                continue;
            };
            if let (NotTaken::Silence, Some(host)) = (&error, host) {
                let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
                silent.insert(host);
            }
            let (tenant, request, step) = (&self.actor.tenant, &callback.request, callback.seq);
            tracing::info!(%tenant, request, step, place, %error, "a callback did not arrive");
        }
        reached
    }
}

/// The callbacks of each request, in the order in which they are.
fn by_request(callbacks: Vec<Callback>) -> Vec<Vec<Callback>> {
    let (mut steps, mut places) = (Vec::<Vec<Callback>>::new(), BTreeMap::new());
    for callback in callbacks {
        let place = *places.entry(callback.request.clone()).or_insert(steps.len());
        match steps.get_mut(place) {
            Some(steps) => steps.push(callback),
            None => steps.push(vec![callback]),
        }
    }
    steps
}

/// A place of each of `hosts`. Who waits for one holds none, so that nobody waits for a host that is not its own.
async fn places(hosts: &[Arc<Semaphore>]) -> Vec<OwnedSemaphorePermit> {
    let mut awaited = 0;
    loop {
        let Some(host) = hosts.get(awaited) else {
            return Vec::new();
        };
        let mut held = Vec::with_capacity(hosts.len());
        held.extend(Arc::clone(host).acquire_owned().await);
        let others = hosts.iter().enumerate().filter(|(number, _)| *number != awaited);
        let mut missing = None;
        for (number, host) in others {
            match Arc::clone(host).try_acquire_owned() {
                Ok(place) => held.push(place),
                Err(_) => missing = missing.or(Some(number)),
            }
        }
        match missing {
            None => return held,
            Some(number) => awaited = number,
        }
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
