//! Setting and lifting kill switches: the same for the command line, for whoever asks over HTTP, and for what acts by itself.

use data_encoding::BASE32_DNSSEC;
use jiff::Timestamp;
use privet_crypto::{RootKey, random};
use privet_store::{KillSwitch, KillSwitchChange, KillTarget, Store};
use privet_types::{Clock, Principal, TenantId};

use crate::manage::to_stored;
use crate::{Error, PseudonymKey};

/// Characters of a switch's id: 60 random bits.
const ID_LENGTH: usize = 12;
/// Longest reason, in bytes.
const LONGEST_REASON: usize = 1_000;

/// What is to be cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillOrder {
    /// In whose installation space; `None` for the whole installation. Tenants and principals are always in one.
    pub tenant: Option<TenantId>,
    /// What.
    pub target: KillTarget,
    /// Why, in words: 1 to 1,000 bytes. Callers are not told.
    pub reason: String,
    /// Until when, if not until it is lifted.
    pub ends_at: Option<Timestamp>,
}

/// The kill switches of the store. Running gateways know of each change within a second.
pub struct KillSwitches<'a> {
    store: &'a Store,
    pseudonyms: PseudonymKey,
    clock: &'a dyn Clock,
}

impl KillOrder {
    /// A switch by this order in the name of `actor`, with a new id; kept nowhere yet.
    ///
    /// # Errors
    /// [`Error::BadKillOrder`] if the order makes no sense, [`Error::ExpiresInPast`], [`Error::Crypto`].
    pub fn switch(self, actor: &str, now: Timestamp) -> Result<KillSwitch, Error> {
        let set_at = to_stored(now);
        let ends_at = self.ends_at.map(to_stored);
        if let Some(expires_at) = ends_at.filter(|&at| at <= set_at) {
            return Err(Error::ExpiresInPast { expires_at });
        }
        if self.reason.trim().is_empty() || self.reason.len() > LONGEST_REASON {
            return Err(Error::BadKillOrder {
                why: "say why, in 1 to 1,000 bytes",
            });
        }
        match (&self.target, &self.tenant) {
            (KillTarget::All, Some(_)) => Err(Error::BadKillOrder {
                why: "`all` is of no tenant; use `tenant`",
            }),
            (KillTarget::Tenant | KillTarget::Principal(_), None) => Err(Error::BadKillOrder {
                why: "name the tenant",
            }),
            _ => Ok(()),
        }?;
        let mut id = BASE32_DNSSEC.encode(&random::<8>()?);
        id.truncate(ID_LENGTH);
        Ok(KillSwitch {
            id,
            tenant: self.tenant,
            target: self.target,
            reason: self.reason,
            set_by: actor.to_owned(),
            set_at,
            ends_at,
            lifted_at: None,
            lifted_by: None,
        })
    }
}

impl<'a> KillSwitches<'a> {
    /// Those of `store`.
    #[must_use]
    pub fn new(store: &'a Store, root: &RootKey, clock: &'a dyn Clock) -> Self {
        Self::with(store, PseudonymKey::new(root), clock)
    }

    /// As [`new`](Self::new), where the pseudonyms' key is at hand.
    #[must_use]
    pub const fn with(store: &'a Store, pseudonyms: PseudonymKey, clock: &'a dyn Clock) -> Self {
        Self {
            store,
            pseudonyms,
            clock,
        }
    }

    /// Sets a switch in the name of `actor`, who is of `home`.
    ///
    /// # Errors
    /// As [`KillOrder::switch`]; [`Error::UnknownKeyId`] if there is no such key in that tenant, [`Error::Store`].
    pub async fn set(&self, order: KillOrder, actor: &str, home: &TenantId) -> Result<KillSwitch, Error> {
        let mut switch = order.switch(actor, self.clock.now())?;
        if let KillTarget::Key(id) = &switch.target {
            let found = self.store.find_api_key(id).await?;
            let is_theirs = |tenant: &TenantId| switch.tenant.as_ref().is_none_or(|wanted| wanted == tenant);
            let key = found.filter(|key| is_theirs(&key.tenant));
            let key = key.ok_or_else(|| Error::UnknownKeyId { id: id.clone() })?;
            switch.tenant = Some(key.tenant);
        }
        switch.set_by = written(actor, home, &switch);
        let change = self.told(&switch, actor, home, switch.set_at);
        self.store.insert_kill_switch(&switch, &change).await?;
        Ok(switch)
    }

    /// Keeps `switch`, which was made elsewhere. Returns whether it was not here before.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn keep(&self, switch: &KillSwitch, home: &TenantId) -> Result<bool, Error> {
        let change = self.told(switch, &switch.set_by, home, switch.set_at);
        Ok(self.store.insert_kill_switch(switch, &change).await?)
    }

    /// Takes the switch `id` back in the name of `actor`, who is of `home`. With `within`, one of another tenant or of the whole
    /// installation is not found.
    ///
    /// # Errors
    /// [`Error::UnknownKillSwitch`] if it is not there or was taken back before, [`Error::Store`].
    pub async fn lift(
        &self,
        id: &str,
        actor: &str,
        home: &TenantId,
        within: Option<&TenantId>,
    ) -> Result<KillSwitch, Error> {
        let unknown = || Error::UnknownKillSwitch { id: id.to_owned() };
        let found = self.store.kill_switch(id).await?;
        let is_theirs = |switch: &KillSwitch| within.is_none() || switch.tenant.as_ref() == within;
        let mut switch = found.filter(is_theirs).ok_or_else(unknown)?;
        let at = to_stored(self.clock.now());
        let change = self.told(&switch, actor, home, at);
        let lifted_by = written(actor, home, &switch);
        if !self.store.lift_kill_switch(&lifted_by, &change).await? {
            return Err(unknown());
        }
        (switch.lifted_at, switch.lifted_by) = (Some(at), Some(lifted_by));
        Ok(switch)
    }

    /// The newest `most`, the newest first. With `within`, those of that tenant alone.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(&self, most: u32, within: Option<&TenantId>) -> Result<Vec<KillSwitch>, Error> {
        Ok(self.store.kill_switches(most, within).await?)
    }

    fn told(&self, switch: &KillSwitch, actor: &str, home: &TenantId, at: Timestamp) -> KillSwitchChange {
        told(&self.pseudonyms, switch, actor, home, at)
    }
}

/// How `actor`, who is of `home`, is written down at `switch`: by name, or as `HOME/NAME` if the switch is another tenant's, where
/// somebody else may have that name. What is no name of anybody's stays as it is.
fn written(actor: &str, home: &TenantId, switch: &KillSwitch) -> String {
    let is_theirs = switch.tenant.as_ref().is_none_or(|tenant| tenant == home);
    if is_theirs || actor.parse::<Principal>().is_err() {
        actor.to_owned()
    } else {
        format!("{home}/{actor}")
    }
}

/// What the log is told of a switch that `actor`, who is of `home`, changes at `at`.
pub(super) fn told(
    pseudonyms: &PseudonymKey,
    switch: &KillSwitch,
    actor: &str,
    home: &TenantId,
    at: Timestamp,
) -> KillSwitchChange {
    let pseudonym = |tenant: &TenantId, name: &Principal| pseudonyms.pseudonym(tenant, name);
    let principal = match (&switch.target, &switch.tenant) {
        (KillTarget::Principal(name), Some(tenant)) => Some(pseudonym(tenant, name)),
        _ => None,
    };
    let name = match &switch.target {
        KillTarget::Key(name) | KillTarget::Model(name) | KillTarget::Provider(name) => Some(name.clone()),
        _ => None,
    };
    KillSwitchChange {
        at,
        tenant: switch.tenant.as_ref().unwrap_or(home).as_str().to_owned(),
        object: switch.id.clone(),
        target: switch.target.kind(),
        is_everywhere: switch.tenant.is_none(),
        principal,
        name,
        actor: actor.parse().ok().map(|name| pseudonym(home, &name)),
        ends_at: switch.ends_at,
    }
}
