//! The weak target, and a gateway before it, both in this process and on this machine only.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use bytes::Bytes;
use privet_access::create_key;
use privet_demo::{Cuts, Provider, ProviderConfig};
use privet_policy::{Policy, Settings};
use privet_redteam::{Plan, Side};
use privet_server::{SystemClock, Telemetry};
use privet_types::{KeyScopes, Secret, TenantId};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::options::RunArgs;
use super::target::Target;
use crate::access::Access;
use crate::node::Node;
use crate::policy_watch::Seen;

/// The policy of the gateway that is compared with, unless another one is named.
const POLICY: &str = include_str!("policy.toml");
/// The weak model's name.
const MODEL: &str = "demo-weak";
/// Bodies of requests that are remembered of each side.
const MOST_SEEN: usize = 512;

/// Bodies that a provider was sent lately.
pub(super) type SentBodies = Arc<Mutex<VecDeque<Bytes>>>;

/// The weak target, once by itself, and once behind a gateway where that is wanted.
pub(super) struct Weak {
    plain: (Provider, SentBodies),
    guarded: Option<Guarded>,
}

struct Guarded {
    provider: Provider,
    sent: SentBodies,
    address: SocketAddr,
    key: Secret<String>,
    stop: oneshot::Sender<()>,
    gateway: JoinHandle<Result<()>>,
    _folder: TempDir,
}

impl Weak {
    /// Starts what `args` ask for.
    ///
    /// # Errors
    /// If a port cannot be had, or the policy is wrong.
    pub(super) async fn start(args: &RunArgs, plan: &Plan) -> Result<Self> {
        let guarded = if args.compare {
            Some(Guarded::start(args.policy.as_deref(), plan).await?)
        } else {
            None
        };
        Ok(Self {
            plain: provider(plan).await?,
            guarded,
        })
    }

    /// Both sides.
    pub(super) fn targets(&self) -> Result<Vec<Target>> {
        let base = format!("http://{}/v1", self.plain.0.addr());
        let mut all = vec![
            Target::new(Side::Off, &base, None, MODEL)?
                .naming_sinks()
                .seeing(Arc::clone(&self.plain.1)),
        ];
        if let Some(guarded) = &self.guarded {
            let base = format!("http://{}/v1", guarded.address);
            all.push(
                Target::new(Side::On, &base, Some(&guarded.key), MODEL)?
                    .naming_sinks()
                    .seeing(Arc::clone(&guarded.sent)),
            );
        }
        Ok(all)
    }

    /// Stops all of it.
    ///
    /// # Errors
    /// If the gateway has failed.
    pub(super) async fn end(self) -> Result<()> {
        self.plain.0.stop().await;
        if let Some(guarded) = self.guarded {
            // An error means that the gateway has ended already.
            let _ = guarded.stop.send(());
            guarded.gateway.await??;
            guarded.provider.stop().await;
        }
        Ok(())
    }
}

/// A weak target that remembers what it is sent.
async fn provider(plan: &Plan) -> Result<(Provider, SentBodies)> {
    let sent = SentBodies::default();
    let heard = Arc::clone(&sent);
    let config = ProviderConfig {
        cuts: Cuts::Awkward(plan.options().seed),
        knows: plan.records(),
        keep: 1,
        on_recording: Some(Arc::new(move |recording| {
            let mut bodies = heard.lock().unwrap_or_else(PoisonError::into_inner);
            while bodies.len() >= MOST_SEEN {
                bodies.pop_front();
            }
            bodies.push_back(recording.body.clone());
        })),
        ..ProviderConfig::default()
    };
    Ok((Provider::start(config).await?, sent))
}

impl Guarded {
    async fn start(policy: Option<&Path>, plan: &Plan) -> Result<Self> {
        let (provider, sent) = provider(plan).await?;
        let folder = tempfile::Builder::new()
            .prefix("privet-redteam-")
            .tempdir()
            .context("cannot make a folder")?;
        let policy = match policy {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read the policy `{}`", path.display()))?;
                Policy::parse(&text, path)?
            }
            None => Policy::parse(POLICY, &folder.path().join("policy.toml"))?,
        };
        let text = format!(
            "listen = \"127.0.0.1:0\"\n[[providers]]\nname = \"weak\"\ndialect = \"openai\"\nbase_url = \"http://{}/v1\"\n\
             [[models]]\nmatch = \"*\"\nprovider = \"weak\"\n",
            provider.addr()
        );
        let settings = Settings::parse(&text, &folder.path().join("privet.toml"))?;
        let seen = Seen::now(&settings, &[]);
        let node = Node::start(
            settings,
            (Access::shipped(policy)?, seen),
            None,
            privet_crypto::RootKey::generate()?,
            (None, || None),
            BTreeMap::new(),
            (Telemetry::default(), None),
        )
        .await?;
        let new = create_key(
            &node.store,
            &node.root,
            &TenantId::default(),
            &"redteam".parse()?,
            KeyScopes::default(),
            None,
            &SystemClock,
        )
        .await?;
        let address = node.address();
        let (stop, stopped) = oneshot::channel();
        let gateway = tokio::spawn(node.run(async {
            let _ = stopped.await;
        }));
        Ok(Self {
            provider,
            sent,
            address,
            key: new.key,
            stop,
            gateway,
            _folder: folder,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_for_comparing_is_one() {
        Policy::parse(POLICY, Path::new("policy.toml")).unwrap();
    }
}
