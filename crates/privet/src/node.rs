//! One running gateway: store, spool, keys and server, started and ended in order.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use privet_access::{KeyRing, KeyRingConfig, REFRESH, run_refresh};
use privet_crypto::{RootKey, SigningKey};
use privet_pii::Model;
use privet_policy::{Audit, Settings};
use privet_server::{
    AlertOutbox, Exporter, Gateway, Parts, ProviderKey, Server, SystemClock, Telemetry, saved_limits,
};
use privet_store::{
    Durability, LogKey, Sequencer, Spool, SpoolConfig, Store, Successors, log_signer, run_flusher,
    run_sequencer_through_changes,
};
use privet_types::{Clock, TenantId};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::access::Access;
use crate::audit::{Witnesses, run_witnesses};
use crate::open_vault::Upkeep;
use crate::policy_watch::{PolicyFiles, Seen};
use crate::{memory, open_vault, rim};

/// How often decisions go from the spool to the store.
const FLUSH: Duration = Duration::from_millis(250);
/// How often what was used of budgets is saved: a crash loses what was settled since.
const LIMITS: Duration = Duration::from_secs(5);
/// How often the watch looks at what was seen, and who is held on other nodes: they are held here within a second.
const WATCH: Duration = Duration::from_millis(500);
/// How often what is stored gets its position in the log: with [`FLUSH`], a signed checkpoint within a second.
const SEQUENCE: Duration = Duration::from_millis(250);

/// A gateway that listens and is ready to run.
pub(crate) struct Node {
    pub(crate) root: Arc<RootKey>,
    pub(crate) store: Store,
    server: Server,
    spool: Spool,
    stop: watch::Sender<bool>,
    refresh: JoinHandle<()>,
    upkeep: Option<Upkeep>,
    witnessing: JoinHandle<()>,
    limits: JoinHandle<()>,
    watching: JoinHandle<()>,
    policy: JoinHandle<()>,
    flusher: JoinHandle<Result<(), privet_store::Error>>,
    stop_log: watch::Sender<bool>,
    sequencer: JoinHandle<Result<(), privet_store::Error>>,
    telemetry: Option<JoinHandle<()>>,
    stop_telemetry: watch::Sender<bool>,
}

impl Node {
    /// Opens everything and takes the address. `seen` is what the policy's files were like before they were read. `log_key_now` gives the log's key that the settings name when it is asked, for when
    /// the log is given another one.
    pub(crate) async fn start(
        settings: Settings,
        (access, seen): (Access, Seen),
        model: Option<Arc<Model>>,
        root: RootKey,
        (log_key, log_key_now): (
            Option<SigningKey>,
            impl FnMut() -> Option<SigningKey> + Send + 'static,
        ),
        upstream_keys: BTreeMap<String, ProviderKey>,
        (telemetry, exporter): (Telemetry, Option<Exporter>),
    ) -> Result<Self> {
        let files = PolicyFiles::new(&settings, &access, &seen, model.clone());
        let Access {
            policy,
            rules,
            assessments,
            updates: _,
        } = access;
        let root = Arc::new(root);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let location = rim::store_location(&settings)?;
        let store = Store::open(&location, &root)
            .await
            .with_context(|| format!("cannot open the store `{location}`"))?;
        let vault = match &settings.vault {
            Some(_) => Some(open_vault::open(&settings, &store, &clock).await?),
            None => None,
        };
        let signer = log_signer(&root, log_key)?;
        let public = LogKey::from(signer.key().clone());
        let parts = match &vault {
            Some(vault) => Some(vault.parts(public.clone(), open_vault::root_protection(&settings)?)),
            None => None,
        };
        let witnesses = Witnesses::of(&settings)?;
        let successors = successors(&root, public.clone(), log_key_now);
        let sequencer = Sequencer::open(store.clone(), signer)
            .await
            .context("cannot go on with the audit log")?;
        let durability = match policy.audit() {
            Audit::DurableBeforeSend => Durability::BeforeSend,
            Audit::LossWindow(window) => Durability::LossWindow(window),
        };
        let config = SpoolConfig {
            max_bytes: settings.store.spool_max_bytes.bytes(),
            durability,
        };
        let spool = Spool::open(&settings.store.spool, Arc::clone(&root), config, &store)
            .await
            .with_context(|| format!("cannot open the audit spool `{}`", settings.store.spool.display()))?;
        let keys = KeyRing::open_with(store.clone(), &root, KeyRingConfig::default(), rules).await?;
        let keys = Arc::new(keys.with_local(rim::local_switches(&settings, &root)));
        let saved_limits = saved_limits(&store, spool.node()).await?;
        let alerts = AlertOutbox::start(&settings.alerts, rim::alert_secret(&settings)?, &clock)?;
        let epoch = settings.surrogate_epoch;
        let shared_limits = rim::shared_limits(&settings)?;
        let gateway = Gateway::new(Parts {
            mcp_headers: rim::mcp_headers(&settings)?,
            log_key: public.clone(),
            login_secrets: rim::login_secrets(&settings)?,
            store: store.clone(),
            external_account: rim::external_account(&settings)?,
            settings,
            policy,
            model,
            root: Arc::clone(&root),
            upstream_keys,
            keys: Arc::clone(&keys),
            spool: spool.clone(),
            clock,
            tenant: TenantId::default(),
            epoch,
            vault: parts,
            saved_limits,
            shared_limits,
            assessments,
            telemetry,
        })?;
        let server = Server::bind(Arc::clone(&gateway)).await?;
        let (stop, stopped) = watch::channel(false);
        let refresh = tokio::spawn({
            let (stopped, keys) = (ended(stopped.clone()), Arc::clone(&keys));
            async move { run_refresh(&keys, REFRESH, stopped).await }
        });
        let policy = tokio::spawn(files.watch(server.live(), ended(stopped.clone())));
        let upkeep = vault.map(|vault| vault.keep_up(&store, &stopped));
        let witnessing = tokio::spawn({
            let (store, stopped) = (store.clone(), ended(stopped.clone()));
            async move { run_witnesses(witnesses, store, public, stopped).await }
        });
        let watching = tokio::spawn({
            let (store, stopped, gateway) = (store.clone(), ended(stopped.clone()), Arc::clone(&gateway));
            async move { gateway.keep_watch(&store, alerts, WATCH, stopped).await }
        });
        let limits = tokio::spawn({
            let (store, is_stopped) = (store.clone(), stopped.clone());
            async move {
                tokio::join!(
                    gateway.keep_limits(&store, LIMITS, ended(is_stopped.clone())),
                    gateway.share_limits(ended(is_stopped)),
                );
            }
        });
        let flusher = tokio::spawn({
            let (spool, store) = (spool.clone(), store.clone());
            async move { run_flusher(&spool, &store, FLUSH, ended(stopped)).await }
        });
        let (stop_log, stopped) = watch::channel(false);
        let sequencer = tokio::spawn(async move {
            run_sequencer_through_changes(sequencer, successors, SEQUENCE, ended(stopped)).await
        });
        let (stop_telemetry, stopped) = watch::channel(false);
        let telemetry = exporter.map(|exporter| {
            let spool = spool.clone();
            tokio::spawn(async move { exporter.run(spool.node(), ended(stopped)).await })
        });
        Ok(Self {
            root,
            store,
            server,
            spool,
            stop,
            refresh,
            upkeep,
            witnessing,
            limits,
            watching,
            policy,
            flusher,
            stop_log,
            sequencer,
            telemetry,
            stop_telemetry,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Whether it speaks TLS there.
    pub(crate) const fn has_tls(&self) -> bool {
        self.server.has_tls()
    }

    /// Answers until `shutdown`, lets requests under way end, and writes down what is left to write.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>) -> Result<()> {
        let Self {
            store,
            server,
            spool,
            stop,
            refresh,
            upkeep,
            witnessing,
            limits,
            watching,
            policy,
            flusher,
            stop_log,
            sequencer,
            telemetry,
            stop_telemetry,
            ..
        } = self;
        let tidying = tokio::spawn(memory::give_back());
        if !server.run(shutdown).await {
            tracing::warn!(
                "some requests were still under way when `shutdown_grace` ended; they were cut off"
            );
        }
        tidying.abort();
        stop.send_replace(true);
        let ended: Result<()> = async {
            refresh.await?;
            witnessing.await?;
            limits.await?;
            watching.await?;
            policy.await?;
            if let Some(upkeep) = upkeep {
                upkeep.end().await?;
            }
            let flushed = flusher.await?;
            // Only now is everything stored that this node has to tell.
            stop_log.send_replace(true);
            sequencer
                .await?
                .context("the last decisions get their position in the log at the next start")?;
            flushed.context("the last decisions stay in the spool until the next start")?;
            spool.close().await.context("cannot close the audit spool")?;
            store.close().await;
            Ok(())
        }
        .await;
        // Last of all, however it ended: there is nothing more to tell.
        stop_telemetry.send_replace(true);
        if let Some(telemetry) = telemetry {
            telemetry.await?;
        }
        ended
    }
}

/// Looks in the settings, as they are by then, for the key that the log was given.
fn successors(
    root: &Arc<RootKey>,
    public: LogKey,
    mut log_key_now: impl FnMut() -> Option<SigningKey> + Send + 'static,
) -> Successors {
    let root = Arc::clone(root);
    Successors::new(public, move || {
        let key = log_key_now()?;
        log_signer(&root, Some(key)).ok()
    })
}

pub(crate) async fn ended(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is an end as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
