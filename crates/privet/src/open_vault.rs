//! The vault of a running gateway: opened once, and kept in order until the end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use privet_policy::Settings;
use privet_server::VaultParts;
use privet_store::{Keyring, Store, Swept, run_keyring};
use privet_types::{Clock, TenantId};
use privet_vault::{Consent, ConsentConfig, Vault, VaultConfig, run_consent_watch};
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

/// An open vault.
pub(crate) struct OpenVault {
    vault: Vault,
    consent: Consent,
    keyring: Keyring,
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
    Ok(OpenVault {
        vault,
        consent,
        keyring,
    })
}

impl OpenVault {
    /// What the server is given of it.
    pub(crate) fn parts(&self, store: &Store) -> VaultParts {
        VaultParts {
            vault: self.vault.clone(),
            consent: self.consent.clone(),
            store: store.clone(),
        }
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
            keyring,
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
            let (store, stopped) = (store.clone(), ended(stopped.clone()));
            async move { sweep(&vault, &store, stopped).await }
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

/// Deletes what has ended, until `stopped`.
async fn sweep(vault: &Vault, store: &Store, stopped: impl Future<Output = ()>) {
    let mut stopped = std::pin::pin!(stopped);
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut stopped => return,
            _ = ticks.tick() => {}
        }
        // Whoever has data has, or had, a key.
        let tenants: BTreeSet<TenantId> = match store.list_api_keys().await {
            Ok(keys) => keys.into_iter().map(|key| key.tenant).collect(),
            Err(error) => {
                tracing::warn!(%error, "what has ended cannot be swept");
                continue;
            }
        };
        for tenant in tenants {
            if let Err(error) = vault.sweep_ended(&tenant, SWEPT).await {
                tracing::warn!(%tenant, %error, "what has ended cannot be swept");
            }
        }
    }
}
