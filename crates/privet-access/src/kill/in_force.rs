//! What is cut off at this moment, as requests ask for it.

use std::collections::HashMap;

use jiff::Timestamp;
use privet_store::{KillSwitch, KillTarget};
use privet_types::{Principal, TenantId};

use super::super::key_ring::Authenticated;

/// All switches that nobody took back. Where there are none, a question costs one comparison; else a few look-ups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Switches {
    is_empty: Never,
    all: Option<Until>,
    tenants: HashMap<TenantId, Until>,
    principals: HashMap<TenantId, HashMap<Principal, Until>>,
    keys: HashMap<String, Until>,
    models: HashMap<String, Somewhere>,
    providers: HashMap<String, Somewhere>,
}

/// That nothing at all is cut off; true by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Never(bool);

impl Default for Never {
    fn default() -> Self {
        Self(true)
    }
}

/// Until when something is cut off; `None` is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Until(Option<Timestamp>);

/// For whom a model or a provider is cut off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Somewhere {
    everywhere: Option<Until>,
    tenants: HashMap<TenantId, Until>,
}

/// How far a caller is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cut {
    /// With everybody, or with the whole tenant: those who look after switches and figures still may.
    Wide,
    /// This very caller or key.
    Own,
}

impl Until {
    fn counts(self, now: Timestamp) -> bool {
        self.0.is_none_or(|at| now < at)
    }

    /// The longer of the two.
    fn or(self, other: Option<Self>) -> Self {
        match other {
            None => self,
            Some(other) => Self(self.0.zip(other.0).map(|(a, b)| a.max(b))),
        }
    }
}

impl Somewhere {
    fn counts(&self, tenant: &TenantId, now: Timestamp) -> bool {
        let there = self.everywhere.iter().chain(self.tenants.get(tenant));
        there.into_iter().any(|until| until.counts(now))
    }

    fn add(&mut self, tenant: Option<&TenantId>, until: Until) {
        match tenant {
            None => self.everywhere = Some(until.or(self.everywhere)),
            Some(tenant) => put(&mut self.tenants, tenant.clone(), until),
        }
    }
}

fn put<K: std::hash::Hash + Eq>(map: &mut HashMap<K, Until>, key: K, until: Until) {
    let until = until.or(map.get(&key).copied());
    map.insert(key, until);
}

impl Switches {
    /// Those of `switches` that were not taken back.
    #[must_use]
    pub fn of<'a>(switches: impl IntoIterator<Item = &'a KillSwitch>) -> Self {
        let mut all = Self::default();
        for switch in switches {
            if switch.lifted_at.is_none() {
                all.add(switch);
            }
        }
        all
    }

    /// Everything is cut off: what is known of the switches cannot be read.
    #[must_use]
    pub fn unreadable() -> Self {
        Self {
            is_empty: Never(false),
            all: Some(Until(None)),
            ..Self::default()
        }
    }

    fn add(&mut self, switch: &KillSwitch) {
        let until = Until(switch.ends_at);
        self.is_empty = Never(false);
        match (&switch.target, &switch.tenant) {
            (KillTarget::Tenant, Some(tenant)) => put(&mut self.tenants, tenant.clone(), until),
            (KillTarget::Principal(name), Some(tenant)) => {
                let theirs = self.principals.entry(tenant.clone()).or_default();
                put(theirs, name.clone(), until);
            }
            (KillTarget::Key(id), _) => put(&mut self.keys, id.clone(), until),
            (KillTarget::Model(name), tenant) => {
                let model = self.models.entry(name.clone()).or_default();
                model.add(tenant.as_ref(), until);
            }
            (KillTarget::Provider(name), tenant) => {
                let provider = self.providers.entry(name.clone()).or_default();
                provider.add(tenant.as_ref(), until);
            }
            // A switch of a tenant or a principal that says of which tenant counts for all.
            (KillTarget::All | KillTarget::Tenant | KillTarget::Principal(_), _) => {
                self.all = Some(until.or(self.all));
            }
        }
    }

    /// How far `caller` is cut off at `now`, if it is.
    #[must_use]
    pub fn cuts_off(&self, caller: &Authenticated, now: Timestamp) -> Option<Cut> {
        if self.is_empty.0 {
            return None;
        }
        let theirs = self.principals.get(&caller.tenant);
        let own = [
            theirs.and_then(|theirs| theirs.get(&caller.principal)),
            self.keys.get(&caller.key_id),
        ];
        if own.into_iter().flatten().any(|until| until.counts(now)) {
            return Some(Cut::Own);
        }
        self.cuts_off_tenant(&caller.tenant, now).then_some(Cut::Wide)
    }

    /// Whether all of `tenant` is cut off at `now`.
    #[must_use]
    pub fn cuts_off_tenant(&self, tenant: &TenantId, now: Timestamp) -> bool {
        !self.is_empty.0 && (self.all.iter().chain(self.tenants.get(tenant))).any(|until| until.counts(now))
    }

    /// Whether `model` is cut off for `tenant` at `now`.
    #[must_use]
    pub fn cuts_off_model(&self, tenant: &TenantId, model: &str, now: Timestamp) -> bool {
        !self.is_empty.0
            && self
                .models
                .get(model)
                .is_some_and(|found| found.counts(tenant, now))
    }

    /// Whether the provider called `provider` is cut off for `tenant` at `now`.
    #[must_use]
    pub fn cuts_off_provider(&self, tenant: &TenantId, provider: &str, now: Timestamp) -> bool {
        !self.is_empty.0
            && self
                .providers
                .get(provider)
                .is_some_and(|found| found.counts(tenant, now))
    }

    /// Whether any provider may be cut off.
    #[must_use]
    pub fn has_providers(&self) -> bool {
        !self.providers.is_empty()
    }
}
