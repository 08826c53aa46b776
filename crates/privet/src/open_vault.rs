//! The vault of a running gateway: opened once, and kept in order until the end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use privet_policy::Settings;
use privet_server::VaultParts;
use privet_store::{Keyring, NoteKey, Store, Swept, run_keyring};
use privet_types::{Budget, Clock, Pseudonym, TenantId};
use privet_vault::{
    Actor, Consent, ConsentConfig, Measures, Retention, RootProtection, STORE_TARGETS, Vault, VaultConfig,
    run_consent_watch,
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

/// An open vault.
pub(crate) struct OpenVault {
    vault: Vault,
    consent: Consent,
    retention: Retention,
    keyring: Keyring,
    store: Store,
    clock: Arc<dyn Clock>,
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
    let vault = Vault::open(
        store.clone(),
        keyring.clone(),
        Arc::clone(clock),
        VaultConfig::default(),
    )?;
    let consent = Consent::new(
        store.database().clone(),
        Arc::new(vault.clone()),
        Arc::clone(clock),
        ConsentConfig::default(),
    );
    let retention = Retention::new(
        store.database().clone(),
        Arc::new(vault.clone()),
        Arc::clone(clock),
        STORE_TARGETS,
    );
    Ok(OpenVault {
        store: store.clone(),
        vault,
        consent,
        retention,
        keyring,
        clock: Arc::clone(clock),
    })
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

impl OpenVault {
    /// What the server is given of it.
    pub(crate) fn parts(&self, log_key: NoteKey, root: RootProtection) -> VaultParts {
        VaultParts {
            vault: self.vault.clone(),
            consent: self.consent.clone(),
            retention: self.retention.clone(),
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

    /// The vault itself.
    pub(crate) const fn vault(&self) -> &Vault {
        &self.vault
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
            keyring,
            clock,
            ..
        } = self;
        let watch = tokio::spawn({
            let stopped = ended(stopped.clone());
            async move { run_consent_watch(consent, CONSENT_WATCH, stopped).await }
        });
        let keys = tokio::spawn({
            let (keyring, stopped) = (keyring.clone(), ended(stopped.clone()));
            async move {
                let tell = |swept: Swept| tracing::info!(?swept, "the keyring was swept");
                run_keyring(&keyring, KEYRING_SWEEP, tell, stopped).await;
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
        Upkeep {
            keyring,
            tasks: vec![watch, keys, sweeper],
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
        loop {
            tokio::select! {
                () = &mut stopped => return,
                _ = ticks.tick() => {}
            }
            self.sweep().await;
        }
    }

    /// One round. What fails is told, and does not keep the rest.
    async fn sweep(&self) {
        match self.vault.resume_erasures().await {
            Ok(0) => {}
            Ok(finished) => tracing::info!(finished, "erasures were taken up again and finished"),
            Err(error) => tracing::warn!(%error, "an erasure is not finished yet"),
        }
        let budget = Budget::new(RETIRED);
        if let Err(error) = self.retention.sweep(self.clock.now(), &budget).await {
            tracing::warn!(%error, "what policies end cannot be swept");
        }
        // Whoever has data has, or had, a key.
        let tenants: BTreeSet<TenantId> = match self.store.list_api_keys().await {
            Ok(keys) => keys.into_iter().map(|key| key.tenant).collect(),
            Err(error) => {
                tracing::warn!(%error, "what has ended cannot be swept");
                return;
            }
        };
        for tenant in tenants {
            self.sweep_tenant(&tenant).await;
        }
    }

    async fn sweep_tenant(&self, tenant: &TenantId) {
        if let Err(error) = self.vault.sweep_ended(tenant, SWEPT).await {
            tracing::warn!(%tenant, %error, "what has ended cannot be swept");
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
