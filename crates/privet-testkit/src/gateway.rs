//! A gateway on a port of its own, in a folder of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::Offset;
use privet_access::{
    AccessRules, Assessments, Authorizer, KeyRing, KeyRingConfig, KillSwitches, LocalSwitches, Looks,
    PolicyText, REFRESH, Signer, run_refresh,
};
use privet_crypto::RootKey;
use privet_demo::client::Client;
use privet_demo::{Cuts, Provider, ProviderConfig, Recording};
use privet_policy::{Audit, GuardModels, Policy, Settings};
use privet_server::{
    AlertOutbox, EngineFault, Gateway, Live, NextPolicy, Parts, Server, SharedLimits, Telemetry, VaultParts,
    saved_limits,
};
use privet_store::{Durability, Location, Sequencer, Spool, SpoolConfig, Store, log_signer, run_flusher};
use privet_types::{Clock, Secret, TenantId};
use privet_vault::run_consent_watch;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::ask::Ask;
use crate::clock::FakeClock;
use crate::home::Home;
use crate::secrets::{external_account, key_of};
use crate::settings::settings;
use crate::vault::open_vault;
use crate::wire::soon;

/// Sooner than in `privet serve`, which takes five seconds.
const LIMITS: Duration = Duration::from_millis(100);
/// How often the watch looks at what was seen.
const WATCH: Duration = Duration::from_millis(50);
/// What signs alerts that are posted.
pub const ALERT_SECRET: &str = "alert-secret";
/// By what issuers know the gateway where people sign in.
pub const LOGIN_SECRET: &str = "login secret";
/// As in `privet serve`.
const FLUSH: Duration = Duration::from_millis(250);
/// As in `privet serve`.
const CONSENT_WATCH: Duration = Duration::from_millis(250);
/// Where the demo provider cuts its chunks is chosen from this number.
const CUTS: u64 = 11;

/// What is to be started.
#[derive(Default)]
#[must_use = "nothing runs before `start`"]
pub struct Builder {
    policy: String,
    limits: String,
    store: String,
    keys: String,
    models: String,
    routing: String,
    presidio: String,
    metrics: String,
    prices: String,
    mcp: String,
    tls: String,
    vault: String,
    databases: Option<[Location; 2]>,
    providers: String,
    access: String,
    issuers: String,
    sign_in: String,
    telemetry: String,
    assessments: Vec<String>,
    cedar: Option<String>,
    stale_after: Option<Duration>,
    provider: Option<SocketAddr>,
    is_calm: bool,
    is_hoarding: bool,
    home: Option<Home>,
    shared_limits: Option<SharedLimits>,
    guard_models: GuardModels,
    pub(crate) guard_files: BTreeMap<std::path::PathBuf, Vec<u8>>,
}

/// A gateway that was stopped.
pub struct Stopped {
    /// Its folder.
    pub home: Home,
    /// Whether all requests under way came to their end.
    pub is_orderly: bool,
}

/// A running gateway with the key of `ann`. Dropped, it is gone, and its folder with it.
pub struct TestGateway {
    address: SocketAddr,
    presidio: Option<SocketAddr>,
    metrics: Option<SocketAddr>,
    vault_address: Option<SocketAddr>,
    acme: Option<SocketAddr>,
    vault: Option<VaultParts>,
    key: String,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) root: Arc<RootKey>,
    pub(crate) store: Store,
    spool: Spool,
    provider: Option<Provider>,
    shutdown: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    live: Arc<Live>,
    server: JoinHandle<bool>,
    refresh: JoinHandle<()>,
    keys: Arc<KeyRing>,
    limits: JoinHandle<()>,
    watching: JoinHandle<()>,
    flusher: JoinHandle<Result<(), privet_store::Error>>,
    watch: Option<JoinHandle<()>>,
    exporting: Option<JoinHandle<()>>,
    telemetry: Telemetry,
    home: Home,
}

impl Builder {
    /// With `policy.toml` holding this.
    pub fn policy(mut self, policy: &str) -> Self {
        policy.clone_into(&mut self.policy);
        self
    }

    /// With these lines in the settings' `[limits]`.
    pub fn limits(mut self, limits: &str) -> Self {
        limits.clone_into(&mut self.limits);
        self
    }

    /// With these lines in the settings' `[store]`.
    pub fn store(mut self, store: &str) -> Self {
        store.clone_into(&mut self.store);
        self
    }

    /// With these lines in the settings' `[keys]`.
    pub fn keys(mut self, keys: &str) -> Self {
        keys.clone_into(&mut self.keys);
        self
    }

    /// With these `[[models]]` before the usual ones: `demo*` leads to the provider `openai`, `claude*` to `anthropic`.
    pub fn models(mut self, models: &str) -> Self {
        models.clone_into(&mut self.models);
        self
    }

    /// With these lines in the settings' `[metrics]`.
    pub fn metrics(mut self, metrics: &str) -> Self {
        metrics.clone_into(&mut self.metrics);
        self
    }

    /// With these lines in the settings' `[routing]`.
    pub fn routing(mut self, routing: &str) -> Self {
        routing.clone_into(&mut self.routing);
        self
    }

    /// With these lines in the settings' `[presidio]`.
    pub fn presidio(mut self, presidio: &str) -> Self {
        presidio.clone_into(&mut self.presidio);
        self
    }

    /// With these `[[prices]]`.
    pub fn prices(mut self, prices: &str) -> Self {
        prices.clone_into(&mut self.prices);
        self
    }

    /// With this `[mcp]`; the headers of its servers hold `header-of-NAME`.
    pub fn mcp(mut self, mcp: &str) -> Self {
        mcp.clone_into(&mut self.mcp);
        self
    }

    /// With these lines in the settings' `[tls]`, whose files lie in the folder of [`Builder::home`].
    pub fn tls(mut self, tls: &str) -> Self {
        tls.clone_into(&mut self.tls);
        self
    }

    /// With a vault, and these lines in the settings' `[vault]`.
    pub fn vault(mut self, vault: &str) -> Self {
        self.vault = format!("enabled = true\n{vault}");
        self
    }

    /// On these databases: of the store, and of the keyring.
    pub fn databases(mut self, store: Location, keyring: Location) -> Self {
        self.databases = Some([store, keyring]);
        self
    }

    /// With these `[[providers]]` besides the usual ones; their keys are `upstream-key-of-NAME`.
    pub fn providers(mut self, providers: &str) -> Self {
        providers.clone_into(&mut self.providers);
        self
    }

    /// With these lines in the settings' `[sign_in]`.
    pub fn sign_in(mut self, sign_in: &str) -> Self {
        sign_in.clone_into(&mut self.sign_in);
        self
    }

    /// With these lines in the settings' `[telemetry]`; the collector's headers hold `header-of-collector`.
    pub fn telemetry(mut self, telemetry: &str) -> Self {
        telemetry.clone_into(&mut self.telemetry);
        self
    }

    /// With these `[[access.issuers]]`.
    pub fn issuers(mut self, issuers: &str) -> Self {
        issuers.clone_into(&mut self.issuers);
        self
    }

    /// With this text of Cedar policies beside the roles that ship.
    pub fn cedar(mut self, text: &str) -> Self {
        self.cedar = Some(text.to_owned());
        self
    }

    /// With a signed assessment, and the public key that it is to be checked by.
    pub fn assessment(mut self, signer: &str, text: &str) -> Self {
        self.access = format!("signers = [\"{signer}\"]");
        self.assessments.push(text.to_owned());
        self
    }

    /// With the public key that signed records are to be checked by.
    pub fn signer(mut self, signer: &str) -> Self {
        self.access = format!("signers = [\"{signer}\"]");
        self
    }

    /// With keys that are good for so long after the store was last read.
    pub fn stale_after(mut self, age: Duration) -> Self {
        self.stale_after = Some(age);
        self
    }

    /// In front of the provider at `address` instead of a demo provider of its own.
    pub fn in_front_of(mut self, address: SocketAddr) -> Self {
        self.provider = Some(address);
        self
    }

    /// With a demo provider that does not cut its replies at awkward places.
    pub fn calm(mut self) -> Self {
        self.is_calm = true;
        self
    }

    /// Without the flusher: events stay in the spool.
    pub fn without_flusher(mut self) -> Self {
        self.is_hoarding = true;
        self
    }

    /// In the folder of an earlier one, with its root key and its API keys.
    pub fn home(mut self, home: Home) -> Self {
        self.home = Some(home);
        self
    }

    /// With these networks for the policy's guardrails.
    pub fn guard_models(mut self, models: GuardModels) -> Self {
        self.guard_models = models;
        self
    }

    /// With limits that are shared by the server at `url`.
    pub fn shared_limits(mut self, url: &str, ca_file: Option<std::path::PathBuf>) -> Self {
        self.shared_limits = Some(SharedLimits {
            url: Secret::new(url.to_owned()),
            ca_file,
            allow_plaintext: false,
            // Longer than an answer takes on a machine that is busy, and shorter than a test waits for what fails.
            timeout: Duration::from_secs(5),
        });
        self
    }

    /// Starts it.
    pub async fn start(self) -> TestGateway {
        self.try_start().await.expect("a gateway")
    }

    /// Why it does not start, with what caused it.
    pub async fn refused(self) -> String {
        let started = self.try_start().await;
        let Err(error) = started else {
            panic!("the gateway starts");
        };
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }

    async fn try_start(self) -> Result<TestGateway, privet_server::Error> {
        let home = self.home.unwrap_or_default();
        let provider = match self.provider {
            Some(_) => None,
            None => Some(demo_provider(self.is_calm).await),
        };
        let upstream = self
            .provider
            .or(provider.as_ref().map(Provider::addr))
            .expect("there is a provider");
        let text = settings(
            upstream,
            [
                &self.keys,
                &self.store,
                &self.limits,
                &self.presidio,
                &self.metrics,
                &self.routing,
                &self.tls,
                &self.vault,
                &self.providers,
                &self.models,
                &format!("{}\n{}", self.prices, self.mcp),
                &format!("{}\n{}", self.access, self.issuers),
                &self.sign_in,
                &self.telemetry,
            ]
            .map(String::as_str),
        );
        let settings = Settings::parse(&text, &home.path().join("privet.toml")).expect("settings");
        let policy = Policy::parse(&self.policy, &home.path().join("policy.toml")).expect("a policy");
        let policy = policy.with_guard_files(self.guard_files);
        let policy = policy.with_guard_models(self.guard_models);
        let root = Arc::new(RootKey::parse(&home.root).expect("a root key"));
        let keyring = settings.vault.as_ref().map(|_| (&settings.keyring.path).into());
        let (place, keyring) = match self.databases {
            Some([store, keys]) => (store, keyring.map(|_: Location| keys)),
            None => ((&settings.store.path).into(), keyring),
        };
        let store = Store::open(&place, &root).await.expect("a store");
        let config = SpoolConfig {
            max_bytes: settings.store.spool_max_bytes.bytes(),
            durability: match policy.audit() {
                Audit::DurableBeforeSend => Durability::BeforeSend,
                Audit::LossWindow(window) => Durability::LossWindow(window),
            },
        };
        let spool = Spool::open(&settings.store.spool, Arc::clone(&root), config, &store)
            .await
            .expect("a spool");
        let mut ring_config = KeyRingConfig::default();
        if let Some(age) = self.stale_after {
            ring_config.stale_after = age;
        }
        let signers: Vec<Signer> = settings
            .access
            .signers
            .iter()
            .map(|signer| signer.parse().expect("a public key"))
            .collect();
        let (assessments, _) = Assessments::read(&self.assessments, &signers);
        let own = self.cedar.iter().map(|text| PolicyText {
            name: "own.cedar",
            text,
        });
        let own: Vec<PolicyText<'_>> = own.collect();
        let authorizer = Authorizer::new(&own, Offset::UTC).expect("policies");
        let rules = AccessRules {
            authorizer,
            signers,
            named: settings.by_certificate().collect(),
        };
        let ring = KeyRing::open_with(store.clone(), &root, ring_config, rules).await;
        let local = LocalSwitches::new(settings.store.spool.join("kill-switches"), &root);
        let ring = Arc::new(ring.expect("keys").with_local(local));
        let clock = Arc::new(FakeClock::default());
        let vault = match keyring.zip(settings.vault.as_ref()) {
            Some((keyring, wanted)) => Some(open_vault(&store, keyring, &root, &clock, wanted).await),
            None => None,
        };
        let vault_parts = vault.clone();
        let watched = vault.as_ref().map(|parts| parts.consent.clone());
        let upstream_keys = settings
            .providers()
            .iter()
            .map(|provider| (provider.name().to_owned(), key_of(provider)))
            .collect::<BTreeMap<_, _>>();
        let saved_limits = saved_limits(&store, spool.node()).await?;
        let secret = settings.alerts.webhook.as_ref();
        let secret = secret.map(|_| Secret::new(ALERT_SECRET.to_owned()));
        let alerts = AlertOutbox::start(&settings.alerts, secret, &(Arc::clone(&clock) as Arc<dyn Clock>))?;
        let mcp_headers = settings.mcp.iter().flat_map(|mcp| &mcp.servers).map(|server| {
            let secret = |name: &String| (name.clone(), Secret::new(format!("header-of-{}", server.name)));
            (server.name.clone(), server.headers.keys().map(secret).collect())
        });
        let (telemetry, exporter) = match &settings.telemetry {
            None => (Telemetry::default(), None),
            Some(wanted) => {
                let secret = |name: &String| (name.clone(), Secret::new("header-of-collector".to_owned()));
                let headers = wanted.headers.keys().map(secret).collect();
                let (telemetry, exporter) = Telemetry::new(wanted, &headers)?;
                (telemetry, Some(exporter))
            }
        };
        let logins = settings.access.issuers.iter();
        let logins = logins.filter(|issuer| {
            let login = issuer.login.as_ref();
            login.is_some_and(|login| login.client_secret.is_some())
        });
        let login_secrets = logins.map(|issuer| (issuer.name.clone(), Secret::new(LOGIN_SECRET.to_owned())));
        let gateway = Gateway::new(Parts {
            telemetry: telemetry.clone(),
            mcp_headers: mcp_headers.collect(),
            log_key: log_signer(&root, None).expect("a signer").key().clone().into(),
            login_secrets: login_secrets.collect(),
            store: store.clone(),
            external_account: settings.tls.as_ref().and_then(external_account),
            saved_limits,
            shared_limits: self.shared_limits,
            model: None,
            epoch: settings.surrogate_epoch,
            settings,
            policy,
            root: Arc::clone(&root),
            upstream_keys,
            keys: Arc::clone(&ring),
            spool: spool.clone(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            tenant: TenantId::default(),
            vault,
            assessments,
        });
        let gateway = gateway?;
        let server = Server::bind(Arc::clone(&gateway)).await?;
        let (address, presidio) = (server.address(), server.presidio_address());
        let vault_address = server.vault_address();
        let (metrics, acme) = (server.metrics_address(), server.acme_address());
        let live = server.live();
        let (shutdown, is_shutdown) = watch::channel(false);
        let (stop, is_stopped) = watch::channel(false);
        let server = tokio::spawn(server.run(ended(is_shutdown)));
        let for_refresh = ended(is_stopped.clone());
        let keys = Arc::clone(&ring);
        let refresh = tokio::spawn(async move { run_refresh(&ring, REFRESH, for_refresh).await });
        let for_limits = (store.clone(), ended(is_stopped.clone()));
        let (for_watch, watched_gateway) = ((store.clone(), ended(is_stopped.clone())), Arc::clone(&gateway));
        let watching = tokio::spawn(async move {
            watched_gateway
                .keep_watch(&for_watch.0, alerts, WATCH, for_watch.1)
                .await;
        });
        let for_shared = ended(is_stopped.clone());
        let limits = tokio::spawn(async move {
            tokio::join!(
                gateway.keep_limits(&for_limits.0, LIMITS, for_limits.1),
                gateway.share_limits(for_shared),
            );
        });
        let is_stopped_too = is_stopped.clone();
        let (to_flush, into) = (spool.clone(), store.clone());
        let flush = if self.is_hoarding { Duration::MAX } else { FLUSH };
        let flusher =
            tokio::spawn(async move { run_flusher(&to_flush, &into, flush, ended(is_stopped)).await });
        let exporting = exporter.map(|exporter| {
            let (node, stopped) = (spool.node().to_owned(), ended(is_stopped_too.clone()));
            tokio::spawn(async move { exporter.run(&node, stopped).await })
        });
        let for_consent = ended(is_stopped_too);
        let watch = watched.map(|consent| {
            tokio::spawn(async move { run_consent_watch(consent, CONSENT_WATCH, for_consent).await })
        });
        let mut gateway = TestGateway {
            address,
            presidio,
            metrics,
            vault_address,
            acme,
            vault: vault_parts,
            watch,
            key: String::new(),
            clock,
            root,
            store,
            spool,
            provider,
            shutdown,
            stop,
            live,
            server,
            refresh,
            keys,
            limits,
            watching,
            flusher,
            exporting,
            telemetry,
            home,
        };
        gateway
            .key
            .clone_from(gateway.new_key("ann", None).await.key.expose());
        Ok(gateway)
    }
}

impl TestGateway {
    /// A gateway with default settings and policy in front of a demo provider that cuts its chunks awkwardly.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often it has looked for what was changed elsewhere.
    #[must_use]
    pub fn looks(&self) -> Looks {
        self.keys.looks()
    }

    /// Puts another policy in force while it runs, with the Cedar policies in `cedar` beside those that ship. Returns whether it is
    /// another.
    ///
    /// # Errors
    /// Why it cannot be.
    pub async fn change_policy(
        &self,
        policy: &str,
        cedar: Option<&str>,
    ) -> Result<bool, privet_server::Error> {
        let policy = Policy::parse(policy, &self.home.path().join("policy.toml")).expect("a policy");
        let own = cedar.map(|text| PolicyText {
            name: "own.cedar",
            text,
        });
        let own: Vec<PolicyText<'_>> = own.into_iter().collect();
        let policies = Authorizer::new(&own, Offset::UTC).expect("policies");
        let next = NextPolicy {
            policy: match policies.version() {
                Some(version) => policy.with_rules(version),
                None => policy,
            },
            model: None,
            policies,
            assessments: Assessments::default(),
        };
        self.live.replace(next).await
    }

    /// Makes its engines fail from now on, or no longer.
    pub fn break_engines(&self, fault: Option<EngineFault>) {
        self.live.break_engines(fault);
    }

    /// Where Presidio's endpoints have an address of their own.
    #[must_use]
    pub fn presidio_address(&self) -> SocketAddr {
        self.presidio.expect("the settings give them one")
    }

    /// Where a monitoring system reads figures.
    #[must_use]
    pub fn metrics_address(&self) -> SocketAddr {
        self.metrics.expect("the settings give it one")
    }

    /// Where an authority of certificates looks without TLS.
    #[must_use]
    pub fn acme_address(&self) -> SocketAddr {
        self.acme.expect("the settings give it one")
    }

    /// Where the vault answers.
    #[must_use]
    pub fn vault_address(&self) -> SocketAddr {
        self.vault_address.expect("there is a vault")
    }

    /// A request to the vault with `key` and, if there is one, a JSON body.
    pub fn ask_vault(&self, key: &str, method: &str, path: &str, body: Option<&serde_json::Value>) -> Ask {
        let target = format!("/api/v1/vault{path}");
        let ask =
            Ask::new(self.vault_address(), method, &target).header("authorization", &format!("Bearer {key}"));
        match body {
            Some(body) => ask
                .header("content-type", "application/json")
                .body(body.to_string()),
            None => ask,
        }
    }

    /// The vault's parts, as the gateway has them.
    #[must_use]
    pub fn vault(&self) -> &VaultParts {
        self.vault.as_ref().expect("there is a vault")
    }

    /// Sends the callbacks of `tenant` that are due, as `privet serve` does by itself.
    pub async fn tell_callbacks(&self, tenant: &str) -> usize {
        let vault = self.vault();
        let tenant = tenant.parse().expect("a name");
        let told = vault.outbox.tell(&vault.requests, &tenant);
        soon("callbacks", told).await.expect("the store answers")
    }

    /// Takes what is told of requests, and lines, to the collector of the settings.
    #[must_use]
    pub const fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The key of `ann`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The gateway's clock.
    #[must_use]
    pub fn clock(&self) -> &FakeClock {
        &self.clock
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.home.path()
    }

    /// The script's client with the key of `ann`.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.address, Some(Secret::new(self.key.clone())))
    }

    /// A request without key.
    pub fn ask(&self, method: &str, target: &str) -> Ask {
        Ask::new(self.address, method, target)
    }

    /// A request with a JSON body and the key of `ann`, and to Anthropic's addresses with their version.
    pub fn post(&self, target: &str, body: impl Into<Vec<u8>>) -> Ask {
        let ask = self
            .ask("POST", target)
            .header("content-type", "application/json");
        let ask = ask.header("authorization", &format!("Bearer {}", self.key));
        if target.starts_with("/v1/messages") {
            return ask.header("anthropic-version", "2023-06-01").body(body);
        }
        ask.body(body)
    }

    /// Gives what happened so far its places in the signed log.
    pub async fn sequence_log(&self) {
        let signer = log_signer(&self.root, None).expect("a signer");
        let mut sequencer = Sequencer::open(self.store.clone(), signer).await.expect("a log");
        sequencer.run_once().await.expect("the log goes on");
    }

    /// The kill switches, as the command line has them.
    #[must_use]
    pub fn kill_switches(&self) -> KillSwitches<'_> {
        KillSwitches::new(&self.store, &self.root, &*self.clock)
    }

    /// The installation's root key.
    #[must_use]
    pub fn root(&self) -> &RootKey {
        &self.root
    }

    /// Those of this machine.
    #[must_use]
    pub fn local_switches(&self) -> LocalSwitches {
        LocalSwitches::new(self.path().join("privet-data/spool/kill-switches"), &self.root)
    }

    /// What the demo provider was sent, oldest first.
    #[must_use]
    pub fn seen(&self) -> Vec<Recording> {
        self.provider
            .as_ref()
            .map(Provider::recordings)
            .expect("a demo provider")
    }

    /// All that the demo provider was sent, as one text.
    #[must_use]
    pub fn seen_text(&self) -> String {
        format!("{:?}", self.seen())
    }

    /// Audit events that wait for the store.
    #[must_use]
    pub fn waiting_events(&self) -> u64 {
        self.spool.status().waiting_events
    }

    /// Its name in the store.
    #[must_use]
    pub fn node(&self) -> &str {
        self.spool.node()
    }

    /// Takes the store away: it answers nobody from now on, as a database that is down.
    pub async fn lose_store(&self) {
        self.store.close().await;
    }

    /// Asks it to stop, and does not wait for it.
    pub fn begin_shutdown(&self) {
        self.shutdown.send_replace(true);
    }

    /// Ends it at once, with all that it has not stored yet.
    pub async fn crash(self) -> Home {
        self.server.abort();
        self.refresh.abort();
        self.limits.abort();
        self.watching.abort();
        self.flusher.abort();
        if let Some(watch) = &self.watch {
            watch.abort();
        }
        // Errors say that they were aborted. A task that has ended holds nothing any more.
        let _ = (
            self.server.await,
            self.refresh.await,
            self.limits.await,
            self.watching.await,
            self.flusher.await,
        );
        self.spool.close().await.expect("the spool closes");
        self.store.close().await;
        drop(self.spool);
        self.home
    }

    /// Stops it in order.
    pub async fn stop(self) -> Stopped {
        self.begin_shutdown();
        let is_orderly = soon("the server's end", self.server).await.expect("no panic");
        self.stop.send_replace(true);
        soon("the end of the key refresh", self.refresh)
            .await
            .expect("no panic");
        soon("the last budgets", self.limits).await.expect("no panic");
        soon("the last of what was learnt", self.watching)
            .await
            .expect("no panic");
        if let Some(exporting) = self.exporting {
            soon("the last of telemetry", exporting).await.expect("no panic");
        }
        let flushed = soon("the last flush", self.flusher).await.expect("no panic");
        flushed.expect("all events are stored");
        self.spool.close().await.expect("the spool closes");
        self.store.close().await;
        Stopped {
            home: self.home,
            is_orderly,
        }
    }
}

async fn demo_provider(is_calm: bool) -> Provider {
    let cuts = if is_calm { Cuts::Whole } else { Cuts::Awkward(CUTS) };
    let config = ProviderConfig {
        cuts,
        ..ProviderConfig::default()
    };
    Provider::start(config).await.expect("a free port")
}

async fn ended(mut stopped: watch::Receiver<bool>) {
    // An error means that the gateway was dropped, which is an end as well.
    let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
}
