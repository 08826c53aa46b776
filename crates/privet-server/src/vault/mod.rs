//! The vault over HTTP: `/api/v1/vault/…`.
//!
//! One table ([`table`]) holds every route; router and OpenAPI document are both made from it.

mod apps;
mod audit;
mod bodies;
mod bulk;
pub(crate) mod call;
mod consent;
mod conversations;
mod definitions;
pub(crate) mod describe;
mod erasures;
mod guard;
mod lineage;
mod measurements;
pub(crate) mod problem;
mod processed;
mod reader;
mod refused;
mod requests;
mod retained;
pub(crate) mod route;
mod sessions;
mod shares;
mod subjects;
mod table;
mod tokens;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use privet_access::{Ask, Authenticated, Denied, KeyRing, Privilege, PseudonymKey, Resource};
use privet_crypto::RootKey;
use privet_policy::{DatabunkerSettings, Settings, VaultLimits, VaultSettings};
use privet_store::{LogKey, Spool, Store};
use privet_types::{Clock, KeyScope, Pseudonym, TenantId};
use privet_vault::{Actor, Consent, Requests, Retention, RootProtection, SubjectId, Vault};
use tokio::sync::Semaphore;

pub(crate) use describe::{described, problem_schema};
pub(crate) use guard::{About, Guarded, NoConsent, conversation};

use crate::access::address_of;
use crate::credentials::{Claim, claim};
use crate::databunker;
use crate::issuers::Issuers;
use crate::openapi;
use crate::sign_in::Door;
use crate::tokens::{check_session, is_of_session};
use crate::watch::Watch;
use problem::VaultProblem;

use crate::Outbox;

/// What a vault is made of. Cheap to clone.
#[derive(Clone)]
pub struct VaultParts {
    /// Records, sessions, tokens.
    pub vault: Vault,
    /// Consent, over the same store.
    pub consent: Consent,
    /// Retention, over the same store.
    pub retention: Retention,
    /// Requests of subjects, over the same store.
    pub requests: Requests,
    /// What is sent out for them.
    pub outbox: Outbox,
    /// The store, for the audit log of a tenant.
    pub store: Store,
    /// What protects the root key, for the measurement of encryption.
    pub root: RootProtection,
    /// The public key of the audit log, for the measurement of auditability.
    pub log_key: LogKey,
}

/// The vault's interface. Shared by all connections.
pub(crate) struct VaultApi {
    pub(crate) vault: Vault,
    pub(crate) consent: Consent,
    pub(crate) retention: Retention,
    pub(crate) requests: Requests,
    pub(crate) outbox: Outbox,
    pub(crate) store: Store,
    pub(crate) root: RootProtection,
    pub(crate) log_key: LogKey,
    /// One measurement at a time.
    pub(crate) measuring: Semaphore,
    pub(crate) spool: Spool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: VaultLimits,
    pub(crate) body_timeout: Duration,
    pub(crate) databunker: Option<DatabunkerSettings>,
    pub(crate) places: Arc<Semaphore>,
    keys: Arc<KeyRing>,
    /// Where people sign in, if they do.
    door: Option<Arc<Door>>,
    /// Whose tokens are taken, if any are.
    issuers: Option<Arc<Issuers>>,
    /// Who is held.
    watch: Arc<Watch>,
    pseudonyms: PseudonymKey,
    subjects: guard::Subjects,
    /// What prompts did with data of persons.
    pub(crate) processed: processed::Processed,
    refusals: refused::Refusals,
}

/// Who may call, how, and who is held.
type Callers<'a> = (
    &'a Arc<KeyRing>,
    Option<&'a Arc<Door>>,
    Option<&'a Arc<Issuers>>,
    &'a Arc<Watch>,
);

impl VaultApi {
    pub(crate) fn new(
        parts: VaultParts,
        vault: &VaultSettings,
        settings: &Settings,
        root: &RootKey,
        (keys, door, issuers, watch): Callers<'_>,
        spool: &Spool,
        clock: &Arc<dyn Clock>,
    ) -> Arc<Self> {
        let VaultParts {
            vault: records,
            consent,
            retention,
            requests,
            outbox,
            store,
            root: protection,
            log_key,
        } = parts;
        let api = Arc::new(Self {
            vault: records,
            consent,
            retention,
            requests,
            outbox,
            store,
            root: protection,
            log_key,
            measuring: Semaphore::new(1),
            spool: spool.clone(),
            clock: Arc::clone(clock),
            limits: vault.limits,
            body_timeout: settings.limits.body_timeout.duration(),
            databunker: vault.databunker,
            places: Arc::new(Semaphore::new(vault.limits.concurrent_requests as usize)),
            keys: Arc::clone(keys),
            door: door.map(Arc::clone),
            issuers: issuers.map(Arc::clone),
            watch: Arc::clone(watch),
            pseudonyms: PseudonymKey::new(root),
            subjects: guard::Subjects::default(),
            processed: processed::Processed::new(),
            refusals: refused::Refusals::default(),
        });
        refused::tell_each_second(&api);
        api
    }

    /// Who makes `claim`, and on whose behalf they call. A token that is good for some addresses alone, or that a session made,
    /// lets nobody in.
    pub(crate) async fn caller(&self, claim: Claim<'_>) -> Result<(Authenticated, Actor), Denied> {
        let caller = match claim {
            Claim::Key(key) => {
                let caller = self.keys.authenticate(key, self.clock.now()).await?;
                if is_of_session(&caller) {
                    return Err(Denied::NotBySession);
                }
                caller
            }
            Claim::Token(token) => {
                let issuers = self.issuers.as_ref().ok_or(Denied::Malformed)?;
                // Far larger than what keys need.
                Box::pin(issuers.authenticate(token, self.clock.now())).await?
            }
            Claim::Certificate(who) => self.keys.vouched(who)?,
            Claim::Two => return Err(Denied::TwoCredentials),
            Claim::Nothing => return Err(Denied::Missing),
        };
        self.keys.check_switches(&caller, None, self.clock.now())?;
        Ok(self.actor(caller))
    }

    /// Who sends a request with these `parts`: by a key, a token, a certificate, or the session of a browser.
    pub(crate) async fn caller_of(
        &self,
        parts: &http::request::Parts,
    ) -> Result<(Authenticated, Actor), Denied> {
        let takes_tokens = self
            .issuers
            .as_ref()
            .is_some_and(|issuers| issuers.takes_tokens());
        let claim = claim(&parts.headers, &parts.extensions, takes_tokens);
        if let (Claim::Nothing, Some(door)) = (&claim, &self.door)
            && let Some(caller) = door.caller(parts, self.clock.now()).await
        {
            let caller = caller?;
            self.keys.check_switches(&caller, None, self.clock.now())?;
            return Ok(self.actor(caller));
        }
        if let Claim::Key(key) = claim {
            let (now, path) = (self.clock.now(), Some(parts.uri.path()));
            let caller = self.keys.authenticate_at(key, path, now).await?;
            let address = address_of(&parts.extensions);
            let caller = check_session((&self.keys, self.door.as_deref()), caller, address, now)?;
            self.keys.check_switches(&caller, None, now)?;
            return Ok(self.actor(caller));
        }
        self.caller(claim).await
    }

    fn actor(&self, caller: Authenticated) -> (Authenticated, Actor) {
        let actor = Actor {
            principal: self.pseudonyms.pseudonym(&caller.tenant, &caller.principal),
            tenant: caller.tenant.clone(),
        };
        (caller, actor)
    }

    /// That the watch does not hold who calls.
    pub(crate) fn check_held(&self, actor: &Actor) -> Result<(), VaultProblem> {
        let checked = self.watch.check(|| actor.principal.clone(), self.clock.now());
        checked.map_err(|problem| VaultProblem::of(&problem))
    }

    /// That the caller's key is good for `scope`, and that the policies permit what it stands for: to `subject`, or in the
    /// tenant.
    pub(crate) fn authorise(
        &self,
        caller: &Authenticated,
        scope: KeyScope,
        subject: Option<&SubjectId>,
        address: Option<IpAddr>,
    ) -> Result<(), Denied> {
        caller.check(scope)?;
        let token = subject.map(ToString::to_string);
        let resource = token.as_deref().map_or(Resource::Tenant, Resource::Subject);
        let ask = self.question(scope, resource, address);
        Ok(self
            .keys
            .authorise(caller, &ask.ok_or(Denied::OutOfScope(scope))?)?)
    }

    /// Whether the policies permit the caller what `scope` stands for; whatever the key is good for.
    pub(crate) fn permits(&self, caller: &Authenticated, scope: KeyScope, address: Option<IpAddr>) -> bool {
        let ask = self.question(scope, Resource::Tenant, address);
        ask.is_some_and(|ask| self.keys.permits(caller, &ask))
    }

    fn question<'a>(
        &self,
        scope: KeyScope,
        resource: Resource<'a>,
        address: Option<IpAddr>,
    ) -> Option<Ask<'a>> {
        Some(Ask {
            privilege: Privilege::of_vault(scope)?,
            resource,
            at: self.clock.now(),
            address,
            prompt: None,
        })
    }

    /// Who calls without a key. The tenant is not looked at: what is read so belongs to whoever shared it.
    fn nobody(&self) -> Actor {
        Actor {
            tenant: TenantId::default(),
            principal: Pseudonym("anonymous".to_owned()),
        }
    }
}

/// The vault's addresses.
pub(crate) fn routes(api: &Arc<VaultApi>) -> Router {
    let api = Arc::clone(api);
    let answer = move |route, params, request| {
        let api = Arc::clone(&api);
        async move { call::answer(api, &route, params, request).await }
    };
    route::router(table::routes(), answer)
}

/// The vault's addresses alone, and Databunker's if they answer.
pub(crate) fn router(api: &Arc<VaultApi>) -> Router {
    let databunker = api.databunker.map(|settings| databunker::routes(api, settings));
    routes(api)
        .merge(openapi::routes())
        .merge(databunker.unwrap_or_default())
        .fallback(|_: Request<Body>| async { VaultProblem::no_route().respond() })
}
