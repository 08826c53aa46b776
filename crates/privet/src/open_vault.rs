//! The vault of a running gateway: opened once, and kept in order until the end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use privet_policy::{ConnectorFile, ConnectorKind, Settings};
use privet_server::{Outbox, VaultParts, request_config};
use privet_store::{Database, Keyring, Location, LogKey, Store, Swept, run_keyring};
use privet_types::{Budget, Clock, Pseudonym, TenantId};
use privet_vault::{
    ARCHIVE_TARGETS, Actor, ArchiveConfig, Connector, Consent, ConsentConfig, IndexConfig, Measures,
    PgVector, PgVectorConfig, PrefixConfig, Requests, Retention, RootProtection, STORE_TARGETS, Vault,
    VaultConfig, run_consent_watch,
};
use tokio::sync::watch::Receiver;
use tokio::task::JoinHandle;

use crate::node::ended;
use crate::rim;

/// How often consent that other nodes recorded is looked for: a withdrawal bites everywhere within a second.
const CONSENT_WATCH: Duration = Duration::from_millis(250);
/// How often the keyring is swept: epochs end and are destroyed by the day.
const KEYRING_SWEEP: Duration = Duration::from_secs(3600);
/// How often rows that have ended are deleted. They cannot be read since they ended.
const SWEEP: Duration = Duration::from_secs(60);
/// Most rows of a kind that one sweep of a tenant deletes.
const SWEPT: u32 = 1_000;
/// Most subjects whose time has come that one sweep of a tenant erases.
const ERASED: u32 = 100;
/// Most rows that one sweep by retention policies looks at or deletes; the next one goes on.
const RETIRED: u64 = 100_000;
/// How often callbacks that are due are looked for.
const TELL: Duration = Duration::from_secs(15);
/// How many rounds of the sweeper there are for one of the archive, which goes by the day.
const ARCHIVE_ROUNDS: u32 = 60;

/// Fields that Databunker's search looks at by their beginning.
const SEARCHED: [&str; 2] = ["login", "email"];
/// Four characters, as that search needs, in 4,096 buckets: of a million subjects some 240 share one, and are opened and
/// compared.
const PREFIX: PrefixConfig = PrefixConfig { chars: 4, bits: 12 };

/// An open vault.
pub(crate) struct OpenVault {
    vault: Vault,
    consent: Consent,
    retention: Retention,
    requests: Requests,
    outbox: Outbox,
    keyring: Keyring,
    store: Store,
    clock: Arc<dyn Clock>,
}

/// What tells others of changes of requests.
struct Teller {
    requests: Requests,
    outbox: Outbox,
    store: Store,
}

/// What ends what is over.
struct Sweeper {
    vault: Vault,
    retention: Retention,
    store: Store,
    clock: Arc<dyn Clock>,
}

/// What keeps a vault in order.
pub(crate) struct Upkeep {
    keyring: Keyring,
    tasks: Vec<JoinHandle<()>>,
}

/// Opens the keyring that `settings` name, and the vault in `store`.
pub(crate) async fn open(settings: &Settings, store: &Store, clock: &Arc<dyn Clock>) -> Result<OpenVault> {
    let root = Arc::new(rim::current_root(settings)?);
    let keyring = crate::keyring::open(settings, root).await?;
    let mut vault = Vault::open(
        store.clone(),
        keyring.clone(),
        Arc::clone(clock),
        config(settings),
    )?;
    for connector in &settings.connectors {
        vault = vault.with_connector(&connector.place, connect(connector)?);
    }
    let wanted = settings.vault.clone();
    let wanted = wanted.map(|vault| vault.requests).unwrap_or_default();
    let consent = Consent::new(
        store.database().clone(),
        Arc::new(vault.clone()),
        Arc::clone(clock),
        ConsentConfig::default(),
    );
    let vault = vault.with_consent(&consent);
    let retention = Retention::new(
        store.database().clone(),
        Arc::new(vault.clone()),
        Arc::clone(clock),
        &[STORE_TARGETS, ARCHIVE_TARGETS].concat(),
    );
    let outbox = Outbox::new(&wanted, vault.clone())?;
    let requests = Requests::new(
        vault.clone(),
        consent.clone(),
        Arc::new(outbox.clone()),
        request_config(&wanted),
    )?;
    Ok(OpenVault {
        store: store.clone(),
        vault,
        consent,
        retention,
        requests,
        outbox,
        keyring,
        clock: Arc::clone(clock),
    })
}

/// How the vault is to be kept. Databunker's search also finds how a login or an address begins; without its interface no
/// bucket tells who reads the database which subjects may share one.
fn config(settings: &Settings) -> VaultConfig {
    let mut config = VaultConfig::default();
    let vault = settings.vault.as_ref();
    if vault.is_some_and(|vault| vault.databunker.is_some()) {
        let searched = |index: &&mut IndexConfig| SEARCHED.contains(&index.field.as_str());
        for index in config.indexes.iter_mut().filter(searched) {
            index.prefix = Some(PREFIX);
        }
    }
    if let Some(vault) = vault {
        config.archive = ArchiveConfig {
            is_on: vault.archive.enabled,
            days: vault.archive.days,
            has_word_index: vault.archive.word_index,
            reply_map_days: vault.archive.reply_map_days,
        };
    }
    config
}

/// What protects the root key, by what its reference really leads to.
pub(crate) fn root_protection(settings: &Settings) -> Result<RootProtection> {
    let text = rim::secret(&settings.root_key, "the root key")?;
    Ok(if text.expose().starts_with("privet-argon2id-1:") {
        RootProtection::Passphrase
    } else {
        RootProtection::Plain
    })
}

/// The connector that `file` describes. Whether its store answers shows when it is needed.
fn connect(file: &ConnectorFile) -> Result<Arc<dyn Connector>> {
    let place = &file.place;
    let url = rim::secret(&file.url, &format!("the URL of the outside store `{place}`"))?;
    let location = Location::postgres(url.expose(), None)
        .with_context(|| format!("the URL of the outside store `{place}`"))?;
    match file.kind {
        ConnectorKind::Pgvector => {
            let config = PgVectorConfig {
                table: file.table.clone(),
                id: file.id.clone(),
                subject: file.subject.clone(),
                tenant: file.tenant.clone(),
            };
            Ok(Arc::new(PgVector::new(
                place,
                Database::attach(&location)?,
                &config,
            )?))
        }
        kind => bail!("the outside store `{place}` is of a kind this privet does not know: {kind:?}"),
    }
}

impl OpenVault {
    /// What the server is given of it.
    pub(crate) fn parts(&self, log_key: LogKey, root: RootProtection) -> VaultParts {
        VaultParts {
            vault: self.vault.clone(),
            consent: self.consent.clone(),
            retention: self.retention.clone(),
            requests: self.requests.clone(),
            outbox: self.outbox.clone(),
            store: self.store.clone(),
            root,
            log_key,
        }
    }

    /// What measures it.
    pub(crate) fn measures(&self) -> Measures {
        Measures::new(self.vault.clone(), self.consent.clone(), self.retention.clone())
    }

    /// Its store.
    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// Requests of subjects.
    pub(crate) const fn requests(&self) -> &Requests {
        &self.requests
    }

    /// The vault itself.
    pub(crate) const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Its keyring.
    pub(crate) const fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Keeps it in order until `stopped`.
    pub(crate) fn keep_up(self, store: &Store, stopped: &Receiver<bool>) -> Upkeep {
        let Self {
            vault,
            consent,
            retention,
            requests,
            outbox,
            keyring,
            clock,
            ..
        } = self;
        let watch = tokio::spawn({
            let stopped = ended(stopped.clone());
            async move { run_consent_watch(consent, CONSENT_WATCH, stopped).await }
        });
        let keys = tokio::spawn({
            let (keyring, store, stopped) = (keyring.clone(), store.clone(), ended(stopped.clone()));
            async move {
                let tell = |swept: Swept| tracing::info!(?swept, "the keyring was swept");
                run_keyring(&keyring, &store, KEYRING_SWEEP, tell, stopped).await;
            }
        });
        let sweeper = tokio::spawn({
            let sweeper = Sweeper {
                vault,
                retention,
                store: store.clone(),
                clock,
            };
            let stopped = ended(stopped.clone());
            async move { sweeper.run(stopped).await }
        });
        let teller = tokio::spawn({
            let teller = Teller {
                requests,
                outbox,
                store: store.clone(),
            };
            let stopped = ended(stopped.clone());
            async move { teller.run(stopped).await }
        });
        Upkeep {
            keyring,
            tasks: vec![watch, keys, sweeper, teller],
        }
    }
}

impl Upkeep {
    /// Waits for its end, once it was told to stop, and closes the keyring.
    pub(crate) async fn end(self) -> Result<()> {
        for task in self.tasks {
            task.await?;
        }
        self.keyring.close().await;
        Ok(())
    }
}

impl Sweeper {
    /// Takes up erasures that are not finished and ends what is over, at once and then every minute, until `stopped`.
    async fn run(&self, stopped: impl Future<Output = ()>) {
        let mut stopped = std::pin::pin!(stopped);
        let mut ticks = tokio::time::interval(SWEEP);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for round in (0..ARCHIVE_ROUNDS).cycle() {
            tokio::select! {
                () = &mut stopped => return,
                _ = ticks.tick() => {}
            }
            self.sweep(round == 0).await;
        }
    }

    /// One round. What fails is told, and does not keep the rest.
    async fn sweep(&self, is_archive_swept: bool) {
        match self.vault.resume_erasures().await {
            Ok(0) => {}
            Ok(finished) => tracing::info!(finished, "erasures were taken up again and finished"),
            Err(error) => tracing::warn!(%error, "an erasure is not finished yet"),
        }
        let budget = Budget::new(RETIRED);
        if let Err(error) = self.retention.sweep(self.clock.now(), &budget).await {
            tracing::warn!(%error, "what policies end cannot be swept");
        }
        let tenants = match tenants(&self.store).await {
            Ok(tenants) => tenants,
            Err(error) => {
                tracing::warn!(%error, "what has ended cannot be swept");
                return;
            }
        };
        for tenant in tenants {
            self.sweep_tenant(&tenant).await;
            if is_archive_swept && let Err(error) = self.vault.sweep_archive(&tenant).await {
                tracing::warn!(%tenant, %error, "days of the archive that are over cannot be swept");
            }
        }
    }

    async fn sweep_tenant(&self, tenant: &TenantId) {
        if let Err(error) = self.vault.sweep_ended(tenant, SWEPT).await {
            tracing::warn!(%tenant, %error, "what has ended cannot be swept");
        }
        match self.vault.retire_index_secrets(tenant).await {
            Ok(0) => {}
            Ok(secrets) => tracing::info!(%tenant, secrets, "former secrets of blind indexes were destroyed"),
            Err(error) => {
                tracing::warn!(%tenant, %error, "former secrets of blind indexes cannot be destroyed");
            }
        }
        let by = Actor {
            tenant: tenant.clone(),
            principal: Pseudonym("retention".to_owned()),
        };
        if let Err(error) = self.retention.end_due_holds(&by).await {
            tracing::warn!(%tenant, %error, "holds whose time is over cannot be ended");
        }
        match self.vault.erase_due(&self.retention, tenant, ERASED).await {
            Ok(0) => {}
            Ok(erased) => tracing::info!(%tenant, erased, "subjects whose time had come were erased"),
            Err(error) => tracing::warn!(%tenant, %error, "a subject whose time has come is not erased yet"),
        }
    }
}

impl Teller {
    /// Sends what is due, at once and then again and again, until `stopped`. What was under way then is sent again later.
    async fn run(&self, stopped: impl Future<Output = ()>) {
        let mut stopped = std::pin::pin!(stopped);
        let mut ticks = tokio::time::interval(TELL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut stopped => return,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                () = &mut stopped => return,
                () = self.tell() => {}
            }
        }
    }

    async fn tell(&self) {
        let tenants = match tenants(&self.store).await {
            Ok(tenants) => tenants,
            Err(error) => {
                tracing::warn!(%error, "callbacks that are due cannot be looked for");
                return;
            }
        };
        self.outbox.tell_each(&self.requests, tenants).await;
    }
}

/// Whoever has data has, or had, a key.
async fn tenants(store: &Store) -> Result<BTreeSet<TenantId>, privet_store::Error> {
    let keys = store.list_api_keys().await?;
    Ok(keys.into_iter().map(|key| key.tenant).collect())
}
