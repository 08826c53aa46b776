//! The gateway's state and its addresses.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{get, post};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use jiff::Timestamp;
use privet_access::{
    Ask, Assessments, Authenticated, Authorizer, Denied, KeyRing, Privilege, PseudonymKey, Resource, Way,
};
use privet_crypto::{HashKey, RootKey, SealingKey};
use privet_pii::{Analyzer, Model, SurrogateMap};
use privet_policy::limits::SavedCounter;
use privet_policy::{Policy, Settings};
use privet_store::{LogKey, Spool, Store};
use privet_surface::DetectionMemories;
use privet_types::{Clock, KeyScope, SurfaceKind, TenantId};
use tokio::sync::Semaphore;

use crate::access::{self, Rules};
use crate::acme::{Acme, ExternalAccountKey};
use crate::archive::Archive;
use crate::coached::Coached;
use crate::console::{self, Console};
use crate::credentials::{self, Claim};
use crate::guard::{self, Checking, Guards};
use crate::issuers::{Issuers, LoginSecrets};
use crate::limits::{self, Limits, SharedLimits};
use crate::mcp::{self, Mcp, McpHeaders};
use crate::metrics::Metrics;
use crate::openapi::{self, Operation};
use crate::pool::{INLINE_BYTES, Pool};
use crate::presidio::Analyzers;
use crate::problem::{self, Problem};
use crate::recall::Recall;
use crate::routing::Routing;
use crate::sign_in::{self, Door};
use crate::telemetry::Telemetry;
use crate::tokens::Paces;
use crate::upstream::{ProviderKey, Upstream};
use crate::vault::{self, VaultApi, VaultParts};
use crate::watch::{self, Watch};
use crate::{
    Error, admin, coached, incidents, kill, models, native, notices, presidio, prompt, protect, tokens,
};

/// Bytes kept of what was found in earlier messages, of all tenants together: some 50,000 messages of a few values each.
const DETECTION_MEMORY: usize = 16 << 20;

/// More than a usual audit event takes in the spool: with less room than this the next one may be refused.
const EVENT_BYTES: u64 = 4 << 10;

/// Where prompts are sent to, by surface.
pub(crate) const PROMPTS: [(&str, SurfaceKind); 5] = [
    ("/v1/chat/completions", SurfaceKind::OpenaiChat),
    ("/v1/messages", SurfaceKind::AnthropicMessages),
    ("/v1/responses", SurfaceKind::OpenaiResponses),
    ("/v1/embeddings", SurfaceKind::OpenaiEmbeddings),
    ("/v1/messages/count_tokens", SurfaceKind::AnthropicCountTokens),
];

/// The surface of the prompts that are sent to `path`, if any are.
pub(crate) fn prompt_surface(path: &str) -> Option<SurfaceKind> {
    let known = PROMPTS.iter().find(|(known, _)| *known == path)?;
    Some(known.1)
}

/// All that a gateway is made of. Files, environment and clock are read by the rim that fills it.
pub struct Parts {
    /// Checked settings.
    pub settings: Settings,
    /// Checked policy.
    pub policy: Policy,
    /// The network that the policy asks for, if it is not the one in the binary.
    pub model: Option<Arc<Model>>,
    /// The installation's root key.
    pub root: Arc<RootKey>,
    /// Each provider's key by its name in the settings.
    pub upstream_keys: BTreeMap<String, ProviderKey>,
    /// Who may call.
    pub keys: Arc<KeyRing>,
    /// Where decisions are recorded.
    pub spool: Spool,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Whose calls are that need no key, and come without one. With a key they are those of the key's tenant.
    pub tenant: TenantId,
    /// Version of the surrogate keys: another number gives every value another surrogate.
    pub epoch: u64,
    /// The vault, if there is one.
    pub vault: Option<VaultParts>,
    /// What was used of budgets before: of [`crate::saved_limits`].
    pub saved_limits: Vec<SavedCounter>,
    /// By which server the limits are shared with other nodes, if they are.
    pub shared_limits: Option<SharedLimits>,
    /// What is known of the providers.
    pub assessments: Assessments,
    /// What stands in the headers of servers of tools.
    pub mcp_headers: McpHeaders,
    /// Where traces go.
    pub telemetry: Telemetry,
    /// The public key of the audit log.
    pub log_key: LogKey,
    /// By what issuers know Privet where people sign in.
    pub login_secrets: LoginSecrets,
    /// Where certificates are kept that an authority issues.
    pub store: Store,
    /// The key of the account that the authority wants, if it wants one.
    pub external_account: Option<ExternalAccountKey>,
}

/// A policy that is to take the place of the one in force.
pub struct NextPolicy {
    /// Checked policy.
    pub policy: Policy,
    /// The network that it asks for, if it is not the one in the binary.
    pub model: Option<Arc<Model>>,
    /// Who may do what.
    pub policies: Authorizer,
    /// What is known of the providers.
    pub assessments: Assessments,
}

/// A gateway, ready to answer. Shared by all connections.
pub struct Gateway {
    pub(crate) settings: Arc<Settings>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) analyzer: Arc<Analyzer>,
    pub(crate) model: Option<Arc<Model>>,
    /// Analysers for requests that say themselves what to look for.
    pub(crate) analyzers: Analyzers,
    /// What is looked for beside private data, if the policy says so.
    pub(crate) guards: Option<Arc<Guards>>,
    /// What looks at texts that are sent to be checked.
    pub(crate) checking: Arc<Checking>,
    /// Belongs to `policy` and `analyzer`.
    pub(crate) memory: DetectionMemories,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) routing: Arc<Routing>,
    pub(crate) spool: Spool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tenant: TenantId,
    pub(crate) pool: Arc<Pool>,
    pub(crate) requests: Arc<Semaphore>,
    pub(crate) pseudonyms: PseudonymKey,
    pub(crate) root: Arc<RootKey>,
    pub(crate) vault: Option<Arc<VaultApi>>,
    pub(crate) limits: Limits,
    /// Where conversations are kept, if they are.
    pub(crate) archive: Option<Arc<Archive>>,
    /// What prompts may go where.
    pub(crate) access: Rules,
    /// Where people sign in, if they do.
    pub(crate) door: Option<Arc<Door>>,
    /// The public key of the audit log.
    pub(crate) log_key: LogKey,
    /// The pages for people, if there are any.
    pub(crate) console: Option<Arc<Console>>,
    /// Whose tokens are taken, if any are.
    pub(crate) issuers: Option<Arc<Issuers>>,
    /// What is usual of callers and models, and who is held.
    pub(crate) watch: Arc<Watch>,
    /// Certificates that an authority issues, if one does.
    pub(crate) acme: Option<Arc<Acme>>,
    /// Servers of tools, if there are any.
    pub(crate) mcp: Option<Arc<Mcp>>,
    /// What callers were handed stand-ins for elsewhere.
    pub(crate) recall: Arc<Recall>,
    /// Where traces go.
    pub(crate) telemetry: Telemetry,
    /// How often people were told to do otherwise.
    pub(crate) coached: Arc<Coached>,
    /// How many tokens are made and taken back.
    pub(crate) token_pace: Arc<Paces>,
    epoch: u64,
    tenant_keys: Arc<RwLock<HashMap<TenantId, Arc<TenantKeys>>>>,
    keys: Arc<KeyRing>,
}

/// What is derived for one tenant. There are as many as tenants with keys.
struct TenantKeys {
    hashes: Arc<HashKey>,
    conversations: Arc<HashKey>,
    /// By principal.
    surrogates: RwLock<HashMap<String, Arc<HashKey>>>,
}

impl Gateway {
    /// A gateway of `parts`.
    ///
    /// # Errors
    /// [`Error`] if a key, a certificate file or the policy cannot be used.
    pub fn new(parts: Parts) -> Result<Arc<Self>, Error> {
        let Parts {
            settings,
            policy,
            model,
            root,
            upstream_keys,
            keys,
            spool,
            clock,
            tenant,
            epoch,
            vault,
            saved_limits,
            shared_limits,
            assessments,
            mcp_headers,
            telemetry,
            log_key,
            login_secrets,
            store,
            external_account,
        } = parts;
        policy.routing().check_against(&settings)?;
        let limits = &settings.limits;
        let threads = match limits.detect_threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads as usize,
        };
        let door = Door::new(&settings, &policy, &root, &keys)?;
        let issuers = Issuers::new(&settings, &root, &keys, login_secrets)?;
        let watch = Arc::new(Watch::new(&policy, &root));
        let acme = settings.tls.as_ref().and_then(|tls| tls.acme.as_ref());
        let acme = acme.map(|acme| {
            let place = (store, spool.node().to_owned());
            Acme::new(acme, external_account.as_ref(), &root, place, Arc::clone(&clock))
        });
        let vault = vault.zip(settings.vault.as_ref()).map(|(parts, vault)| {
            let callers = (&keys, door.as_ref(), issuers.as_ref(), &watch);
            VaultApi::new(parts, vault, &settings, &root, callers, &spool, &clock)
        });
        let wanted = policy.archive();
        let has_archive = vault.is_some() && settings.vault.as_ref().is_some_and(|v| v.archive.enabled);
        if wanted.is_on() && !has_archive {
            return Err(Error::NoArchive);
        }
        let requests = limits.concurrent_requests as usize;
        let archive = wanted.is_on().then(|| Archive::new(*wanted, requests));
        let access = Rules::new(&settings, &policy, model.as_ref(), assessments)?;
        let metrics = Metrics::new(&settings, &telemetry);
        let upstream = Upstream::new(&settings, &upstream_keys, Arc::clone(&clock), &metrics)?;
        Ok(Arc::new(Self {
            acme: acme.transpose()?.map(Arc::new),
            mcp: Mcp::new(&settings, &mcp_headers)?.map(Arc::new),
            recall: Arc::new(Mcp::recall(&settings)),
            token_pace: Arc::default(),
            coached: Arc::new(Coached::new(clock.now())),
            access,
            guards: Guards::new(&policy, &settings, &root)?,
            checking: Arc::default(),
            log_key,
            console: settings.has_console.then(Arc::default),
            door,
            issuers,
            analyzer: Arc::new(Analyzer::with_model(policy.pii(), model.as_ref())?),
            model,
            analyzers: Analyzers::default(),
            memory: DetectionMemories::new(DETECTION_MEMORY),
            upstream: Arc::new(upstream),
            routing: Arc::default(),
            metrics: Arc::new(metrics),
            telemetry,
            pool: Arc::new(Pool::new(
                threads,
                limits.detect_queue as usize,
                limits.detect_deadline.duration(),
            )),
            requests: Arc::new(Semaphore::new(requests)),
            watch,
            pseudonyms: PseudonymKey::new(&root),
            limits: Limits::new(&policy, &settings, &root, saved_limits, shared_limits.as_ref())?,
            policy: Arc::new(policy),
            tenant_keys: Arc::default(),
            settings: Arc::new(settings),
            spool,
            clock,
            tenant,
            root,
            vault,
            archive,
            epoch,
            keys,
        }))
    }

    /// The same gateway with another policy. What belongs to none is shared by both: connections, counts, keys.
    ///
    /// # Errors
    /// [`Error`] if the policy cannot be used, or not without a restart.
    pub(crate) fn with_policy(
        &self,
        policy: Policy,
        model: Option<Arc<Model>>,
        assessments: Assessments,
    ) -> Result<Arc<Self>, Error> {
        policy.routing().check_against(&self.settings)?;
        if policy.audit() != self.policy.audit() {
            return Err(Error::NeedsRestart { table: "audit" });
        }
        if policy.archive() != self.policy.archive() {
            return Err(Error::NeedsRestart { table: "archive" });
        }
        Ok(Arc::new(Self {
            access: Rules::new(&self.settings, &policy, model.as_ref(), assessments)?,
            guards: Guards::new(&policy, &self.settings, &self.root)?,
            checking: Arc::clone(&self.checking),
            door: self.door.clone(),
            console: self.console.clone(),
            issuers: self.issuers.clone(),
            log_key: self.log_key.clone(),
            analyzer: Arc::new(Analyzer::with_model(policy.pii(), model.as_ref())?),
            model,
            analyzers: Analyzers::default(),
            memory: DetectionMemories::new(DETECTION_MEMORY),
            limits: self.limits.with_policy(&policy)?,
            policy: Arc::new(policy),
            settings: Arc::clone(&self.settings),
            upstream: Arc::clone(&self.upstream),
            metrics: Arc::clone(&self.metrics),
            routing: Arc::clone(&self.routing),
            spool: self.spool.clone(),
            clock: Arc::clone(&self.clock),
            tenant: self.tenant.clone(),
            pool: Arc::clone(&self.pool),
            requests: Arc::clone(&self.requests),
            pseudonyms: self.pseudonyms.clone(),
            root: Arc::clone(&self.root),
            vault: self.vault.clone(),
            archive: self.archive.clone(),
            watch: Arc::clone(&self.watch),
            acme: self.acme.clone(),
            mcp: self.mcp.clone(),
            recall: Arc::clone(&self.recall),
            telemetry: self.telemetry.clone(),
            token_pace: Arc::clone(&self.token_pace),
            coached: Arc::clone(&self.coached),
            epoch: self.epoch,
            tenant_keys: Arc::clone(&self.tenant_keys),
            keys: Arc::clone(&self.keys),
        }))
    }

    /// The addresses this gateway answers.
    pub fn router(self: &Arc<Self>) -> Router {
        // On an address of its own the vault answers nowhere else.
        let has_vault = self
            .settings
            .vault
            .as_ref()
            .is_some_and(|vault| vault.listen.is_none());
        let vault = self.vault.as_ref().filter(|_| has_vault).map(vault::routes);
        let prompts = PROMPTS
            .into_iter()
            .fold(Router::new(), |router, (path, surface)| {
                let answer = move |State(gateway): State<Arc<Self>>, request: Request<Body>| {
                    prompt::answer(gateway, surface, request)
                };
                router.route(path, post(answer))
            });
        prompts
            .route("/v1/models", get(models::list))
            .route("/v1/models/{*id}", get(models::one))
            .route("/", get(|| async { StatusCode::OK }))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .with_state(Arc::clone(self))
            .merge(presidio::routes(Arc::clone(self), true))
            .merge(native::routes(Arc::clone(self)))
            .merge(protect::routes(Arc::clone(self)))
            .merge(guard::routes(Arc::clone(self)))
            .merge(guard::hold_routes(Arc::clone(self)))
            .merge(limits::routes(Arc::clone(self)))
            .merge(sign_in::routes(self))
            .merge(console::routes(self))
            .merge(watch::routes(Arc::clone(self)))
            .merge(incidents::routes(Arc::clone(self)))
            .merge(kill::routes(Arc::clone(self)))
            .merge(tokens::routes(Arc::clone(self)))
            .merge(notices::routes(Arc::clone(self)))
            .merge(coached::routes(Arc::clone(self)))
            .merge(admin::routes(self))
            .merge(mcp::routes(Arc::clone(self)))
            .merge(vault.unwrap_or_default())
            .merge(openapi::routes())
            .fallback(|request: Request<Body>| tell(request, Problem::NoSuchSurface))
            .method_not_allowed_fallback(|request: Request<Body>| tell(request, Problem::WrongMethod))
    }

    /// Whether a request says who sends it: by what looks like one of Privet's keys, by a token, or by a certificate.
    pub(crate) fn says_who(&self, parts: &http::request::Parts) -> bool {
        Self::is_key_sent(&parts.headers)
            || credentials::has_certificate(&parts.extensions)
            || (self.takes_tokens() && credentials::token(&parts.headers).is_some())
    }

    pub(crate) fn takes_tokens(&self) -> bool {
        self.issuers
            .as_ref()
            .is_some_and(|issuers| issuers.takes_tokens())
    }

    fn is_key_sent(headers: &HeaderMap) -> bool {
        let mut lines = credentials::HEADERS
            .iter()
            .flat_map(|name| headers.get_all(*name));
        lines.any(|line| {
            let text = line.to_str().unwrap_or_default();
            [privet_access::KEY_PREFIX, privet_access::TOKEN_PREFIX]
                .iter()
                .any(|prefix| text.contains(prefix))
        })
    }

    /// Who sends a request with these parts, by its API key, its token, the certificate of its connection or the session of its browser, if
    /// that is good for prompts. The identity comes from these alone, never from another header.
    pub(crate) async fn authenticate(&self, parts: &http::request::Parts) -> Result<Authenticated, Denied> {
        let (caller, by_session) = self.caller(parts).await?;
        check_scope(&caller, by_session, Some(KeyScope::Gateway))?;
        Ok(caller)
    }

    /// The same, whatever the key is good for; and whether it was a session.
    pub(crate) async fn caller(&self, parts: &http::request::Parts) -> Result<(Authenticated, bool), Denied> {
        let (caller, by_session) = self.identify(parts).await?;
        self.keys.check_switches(&caller, None, self.clock.now())?;
        Ok((caller, by_session))
    }

    /// The same, whether or not they are cut off.
    pub(crate) async fn identify(
        &self,
        parts: &http::request::Parts,
    ) -> Result<(Authenticated, bool), Denied> {
        let now = self.clock.now();
        let caller = match credentials::claim(&parts.headers, &parts.extensions, self.takes_tokens()) {
            Claim::Key(key) => {
                let path = Some(parts.uri.path());
                let caller = self.keys.authenticate_at(key, path, now).await?;
                let address = access::address_of(&parts.extensions);
                tokens::check_session((&self.keys, self.door.as_deref()), caller, address, now)?
            }
            Claim::Token(token) => {
                let issuers = self.issuers.as_ref().ok_or(Denied::Malformed)?;
                // Far larger than what keys need.
                Box::pin(issuers.authenticate(token, now)).await?
            }
            Claim::Certificate(who) => self.keys.vouched(who)?,
            Claim::Two => return Err(Denied::TwoCredentials),
            Claim::Nothing => {
                let door = self.door.as_ref().ok_or(Denied::Missing)?;
                // Seldom, and far larger than what prompts need.
                let caller = Box::pin(door.caller(parts, now)).await;
                return Ok((caller.ok_or(Denied::Missing)??, true));
            }
        };
        Ok((caller, false))
    }

    /// Who sends this request, if they may do what its address is for, and the watch does not hold them. An address without a gate
    /// lets nobody in.
    pub(crate) async fn admit(&self, parts: &http::request::Parts) -> Result<Authenticated, Problem> {
        let closed = Denied::OutOfScope(KeyScope::Gateway);
        let caller = self.identify(parts).await?;
        let privilege = credentials::gate(parts.uri.path()).ok_or(closed)?;
        self.permit(parts, caller, privilege)
    }

    /// Who sends this request, if they have `privilege`, which the method asks for beside that of the address.
    pub(crate) async fn admit_for(
        &self,
        parts: &http::request::Parts,
        privilege: Privilege,
    ) -> Result<Authenticated, Problem> {
        let caller = self.identify(parts).await?;
        self.permit(parts, caller, privilege)
    }

    /// The same; and whether they came in by a session, which must have shown not long ago who it is if `needs_proof`.
    pub(crate) async fn admit_proved(
        &self,
        parts: &http::request::Parts,
        privilege: Privilege,
        needs_proof: bool,
    ) -> Result<(Authenticated, bool), Problem> {
        let (caller, by_session) = self.identify(parts).await?;
        let caller = self.permit(parts, (caller, by_session), privilege)?;
        // What ends within the hour makes nothing that stays.
        if needs_proof && (caller.token.is_some() || caller.way == Way::Issuer) {
            return Err(Denied::TokenElsewhere.into());
        }
        if needs_proof && by_session {
            let door = self.door.as_ref().ok_or(Denied::NoSession)?;
            door.proved(parts, self.clock.now()).await?;
        }
        Ok((caller, by_session))
    }

    fn permit(
        &self,
        parts: &http::request::Parts,
        (caller, by_session): (Authenticated, bool),
        privilege: Privilege,
    ) -> Result<Authenticated, Problem> {
        let in_scope = check_scope(&caller, by_session, privilege.scope());
        self.check_permitted(parts, &caller, privilege, in_scope)?;
        Ok(caller)
    }

    /// That `caller` may do what `privilege` says, whatever its key is good for.
    pub(crate) fn permit_any_scope(
        &self,
        parts: &http::request::Parts,
        caller: &Authenticated,
        privilege: Privilege,
    ) -> Result<(), Problem> {
        self.check_permitted(parts, caller, privilege, Ok(()))
    }

    fn check_permitted(
        &self,
        parts: &http::request::Parts,
        caller: &Authenticated,
        privilege: Privilege,
        in_scope: Result<(), Denied>,
    ) -> Result<(), Problem> {
        let now = self.clock.now();
        self.check_not_held(caller, privilege, now)?;
        in_scope?;
        let ask = question(parts, privilege, now);
        Ok(self.keys.authorise(caller, &ask).map_err(Denied::from)?)
    }

    /// That neither a kill switch nor the watch keeps `caller` from what `privilege` is for.
    fn check_not_held(
        &self,
        caller: &Authenticated,
        privilege: Privilege,
        now: Timestamp,
    ) -> Result<(), Problem> {
        self.keys.check_switches(caller, Some(privilege), now)?;
        if !privilege.outlasts_kill() {
            let pseudonym = || self.pseudonyms.pseudonym(&caller.tenant, &caller.principal);
            self.watch.check(pseudonym, now)?;
        }
        Ok(())
    }

    /// That `caller`, who looks at the console, has `privilege`. What a session is good for elsewhere does not count: what is asked for
    /// there does not leave this installation.
    pub(crate) fn permit_in_console(
        &self,
        parts: &http::request::Parts,
        caller: &Authenticated,
        privilege: Privilege,
    ) -> Result<(), Problem> {
        let now = self.clock.now();
        self.check_not_held(caller, privilege, now)?;
        let ask = question(parts, privilege, now);
        self.keys
            .authorise(caller, &ask)
            .map_err(|not| match not.message {
                // What the policy's author wants people to be told.
                Some(text) => Problem::coded(StatusCode::FORBIDDEN, "not_permitted", text),
                None => Denied::from(not).into(),
            })
    }

    /// Whether `caller`, who looks at the console, would be permitted what `privilege` is for: what is not is not shown.
    pub(crate) fn would_permit(
        &self,
        parts: &http::request::Parts,
        caller: &Authenticated,
        privilege: Privilege,
    ) -> bool {
        let now = self.clock.now();
        self.keys.check_switches(caller, Some(privilege), now).is_ok()
            && self.keys.permits(caller, &question(parts, privilege, now))
    }

    /// The keys, and the policies that decide about their holders.
    pub(crate) fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// The key of one caller's surrogates: nobody else's values can be matched with theirs.
    pub(crate) fn surrogate_key(&self, tenant: &TenantId, principal: &str) -> Arc<HashKey> {
        let keys = self.keys_of(tenant);
        let known = keys.surrogates.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known.get(principal) {
            return Arc::clone(key);
        }
        drop(known);
        // Neither name can hold a zero byte.
        let context = format!("{tenant}\0{}\0{principal}", self.epoch);
        let key = Arc::new(self.root.hash_key("privet/pii/surrogate", context.as_bytes()));
        let mut known = keys.surrogates.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(principal.to_owned(), Arc::clone(&key));
        key
    }

    /// The values for which a caller was handed stand-ins elsewhere.
    pub(crate) fn recall_of(&self, tenant: &TenantId, principal: &str) -> Option<Arc<SurrogateMap>> {
        self.recall.of(tenant, principal, Instant::now())
    }

    /// The key that seals what one caller needs to restore texts it sends on itself.
    pub(crate) fn restoration_key(&self, tenant: &TenantId, principal: &str) -> SealingKey {
        // Neither name can hold a zero byte.
        let context = format!("{tenant}\0{principal}");
        self.root
            .sealing_key("privet/server/restoration", context.as_bytes())
    }

    /// The key of the hashes by which a tenant's records know bodies: nobody can tell from them that two tenants sent the same.
    pub(crate) fn hashes(&self, tenant: &TenantId) -> Arc<HashKey> {
        Arc::clone(&self.keys_of(tenant).hashes)
    }

    /// The key of the hashes by which the turns of a tenant's conversations are known.
    pub(crate) fn conversations(&self, tenant: &TenantId) -> Arc<HashKey> {
        Arc::clone(&self.keys_of(tenant).conversations)
    }

    fn keys_of(&self, tenant: &TenantId) -> Arc<TenantKeys> {
        let known = self.tenant_keys.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = known.get(tenant) {
            return Arc::clone(keys);
        }
        drop(known);
        let scope = tenant.as_str().as_bytes();
        let keys = Arc::new(TenantKeys {
            hashes: Arc::new(self.root.hash_key("privet/server/audit-hash", scope)),
            conversations: Arc::new(self.root.hash_key("privet/server/conversation", scope)),
            surrogates: RwLock::default(),
        });
        let mut known = self.tenant_keys.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(tenant.clone()).or_insert(keys))
    }

    /// Work units for one byte of a request: parsing, and detection in up to four layers of JSON.
    pub(crate) fn units_per_byte(&self) -> u64 {
        4 * self.analyzer.units_per_byte()
    }

    /// What `bytes` bytes of text count for the [`Pool`]: a network that is no part of the binary takes so long that no
    /// text is short enough to be looked at where it was read.
    pub(crate) fn weight(&self, bytes: usize) -> usize {
        if self.model.is_some() {
            bytes.saturating_add(INLINE_BYTES)
        } else {
            bytes
        }
    }

    /// Whether requests can be served, and go on being so: keys are fresh, this program may work on the store, decisions can be
    /// recorded, and there is a certificate for TLS.
    pub(crate) fn is_ready(&self) -> bool {
        let spool = self.spool.status();
        let has_room = spool.used_bytes + EVENT_BYTES <= spool.max_bytes;
        self.keys.is_fresh()
            && !self.keys.is_shut_out()
            && !spool.is_failing
            && has_room
            && self.has_certificate()
    }

    /// Whether TLS has a certificate to show that is good, as far as an authority issues it. Those of files are their owner's affair.
    fn has_certificate(&self) -> bool {
        let has_files = || {
            self.settings
                .tls
                .as_ref()
                .is_some_and(|tls| !tls.certificates.is_empty())
        };
        self.acme
            .as_ref()
            .is_none_or(|acme| acme.is_served() || has_files())
    }
}

/// May somebody do what `privilege` is for, in its tenant?
fn question(parts: &http::request::Parts, privilege: Privilege, now: Timestamp) -> Ask<'static> {
    Ask {
        privilege,
        resource: Resource::Tenant,
        at: now,
        address: access::address_of(&parts.extensions),
        prompt: None,
    }
}

/// That what somebody came by is good for `scope`. What has none is for people who have signed in, and for no key.
fn check_scope(caller: &Authenticated, by_session: bool, scope: Option<KeyScope>) -> Result<(), Denied> {
    if by_session {
        return sign_in::check_scope(caller, scope);
    }
    caller.check(scope.ok_or(Denied::OutOfScope(KeyScope::Gateway))?)
}

/// What the addresses of this file do, but for those of providers' clients.
pub(crate) fn described() -> Vec<Operation> {
    vec![
        Operation::open(Method::GET, "/", "Says that somebody is here.").gives_nothing(200),
        Operation::open(Method::GET, "/healthz", "Says that the process runs.").gives_text(),
        Operation::open(
            Method::GET,
            "/readyz",
            "Says whether prompts are served: 503 while they would be refused.",
        )
        .gives_text(),
    ]
}

async fn ready(State(gateway): State<Arc<Gateway>>) -> (StatusCode, Cow<'static, str>) {
    if gateway.keys.is_shut_out() {
        let text = "not ready: the store was brought up to date by a newer privet; install that one here\n";
        return (StatusCode::SERVICE_UNAVAILABLE, text.into());
    }
    if !gateway.is_ready() {
        let text = if gateway.has_certificate() {
            "not ready: keys or audit spool unavailable\n"
        } else {
            "not ready: no certificate of the authority is good\n"
        };
        return (StatusCode::SERVICE_UNAVAILABLE, text.into());
    }
    let mut text: Cow<'static, str> = match gateway.upstream.resting() {
        (_, 0) => "ready\n".into(),
        // Another node would find the same providers down: this one stays in service.
        (all, resting) => format!("ready; providers down or resting: {resting} of {all}\n").into(),
    };
    if gateway.limits.shared_status().is_some_and(|shared| !shared.is_up) {
        // The others have lost the same server.
        text.to_mut()
            .push_str("limits are not shared: their server does not answer\n");
    }
    (StatusCode::OK, text)
}

/// Refuses `request` in the shape of its address.
pub(crate) async fn tell(request: Request<Body>, problem: Problem) -> Response<Body> {
    let request_id = prompt::new_request_id();
    let shape = problem::shape_of(request.uri().path(), request.headers());
    prompt::with_request_id(problem.respond(shape, &request_id), &request_id)
}
