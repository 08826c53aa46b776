//! The policy in force, and putting another in its place while requests are under way.

use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use hyper_util::service::TowerToHyperService;
use privet_store::Leaf;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::gateway::{Gateway, NextPolicy};
use crate::pool::EngineFault;
use crate::{Error, presidio};

/// The leaf's kind.
const KIND: &str = "policy_changed";

/// The gateway with the policy that is in force. A request keeps the document with which it began; Cedar policies are the key
/// ring's, and change for all at once.
pub struct Live {
    now: RwLock<Arc<Gateway>>,
    pub(crate) main: Arc<Served>,
    pub(crate) presidio: Arc<Served>,
    /// Held while a policy is put in force: one after the other.
    changing: Mutex<()>,
}

/// What answers the requests of one address.
pub(crate) struct Served(RwLock<Arc<Answers>>);

/// The same for one policy.
pub(crate) struct Answers {
    pub(crate) router: TowerToHyperService<Router>,
    /// None where no prompts are answered.
    pub(crate) prompts: Option<Arc<Gateway>>,
}

/// What the audit log tells of a change.
#[derive(Serialize)]
struct PolicyChanged<'a> {
    node: &'a str,
    from: &'a str,
    to: &'a str,
}

impl Served {
    pub(crate) fn new(router: Router, prompts: Option<Arc<Gateway>>) -> Self {
        Self(RwLock::new(Arc::new(Answers {
            router: TowerToHyperService::new(router),
            prompts,
        })))
    }

    pub(crate) fn now(&self) -> Arc<Answers> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, next: &Self) {
        let next = next.now();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = next;
    }
}

impl Live {
    pub(crate) fn new(gateway: Arc<Gateway>) -> Self {
        Self {
            main: Arc::new(Self::of_main(&gateway)),
            presidio: Arc::new(Self::of_presidio(&gateway)),
            now: RwLock::new(gateway),
            changing: Mutex::default(),
        }
    }

    fn of_main(gateway: &Arc<Gateway>) -> Served {
        Served::new(gateway.router(), Some(Arc::clone(gateway)))
    }

    fn of_presidio(gateway: &Arc<Gateway>) -> Served {
        let router = match gateway.settings.presidio {
            Some(own) => presidio::router(Arc::clone(gateway), own.requires_key),
            None => Router::new(),
        };
        Served::new(router, None)
    }

    /// The version of the policy in force.
    #[must_use]
    pub fn version(&self) -> String {
        self.gateway().policy.version().to_owned()
    }

    /// Makes engines fail from now on, or no longer: for tests. All that is asked of them is refused then.
    pub fn break_engines(&self, fault: Option<EngineFault>) {
        self.gateway().pool.set_fault(fault);
    }

    fn gateway(&self) -> Arc<Gateway> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts `next` in force for all requests that begin from now on, and tells the audit log. Returns whether it is another
    /// policy than the one before; assessments are taken over in any case.
    ///
    /// # Errors
    /// [`Error`] if it cannot be used, or not without a restart. Then the one before stays in force.
    pub async fn replace(&self, next: NextPolicy) -> Result<bool, Error> {
        let _changing = self.changing.lock().await;
        let before = self.gateway();
        let NextPolicy {
            policy,
            model,
            policies,
            assessments,
        } = next;
        let gateway = before.with_policy(policy, model, assessments)?;
        let (from, to) = (before.policy.version(), gateway.policy.version());
        let is_other = from != to;
        if is_other {
            let payload = PolicyChanged {
                node: gateway.spool.node(),
                from,
                to,
            };
            let leaf = Leaf {
                kind: KIND,
                tenant: "*",
                at: gateway.clock.now(),
                payload: &payload,
            };
            // Recorded first: no decision is made by a policy of which the log knows nothing.
            gateway.spool.append_leaf(leaf).await.map_err(Error::Unrecorded)?;
        }
        gateway.watch.take_up(&gateway.policy);
        // First, since the keys are those of all: nothing that begins by the new document is decided by the old Cedar policies.
        gateway.keys().replace_policies(policies);
        self.main.replace(&Self::of_main(&gateway));
        self.presidio.replace(&Self::of_presidio(&gateway));
        if let Some(door) = &gateway.door {
            door.take_policy(&gateway.policy);
        }
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = gateway;
        Ok(is_other)
    }
}
