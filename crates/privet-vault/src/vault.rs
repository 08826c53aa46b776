//! The vault, and on whose behalf it works.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use privet_store::{Keyring, Scope, Store};
use privet_types::{Clock, Pseudonym, TenantId};

use crate::config::VaultConfig;
use crate::consent::{Cache, SubjectPseudonym};
use crate::lineage::Connector;
use crate::subject::{Identifier, TenantIndexes};
use crate::{Consent, Error};

/// Tenants whose index keys are kept at hand.
const TENANTS_AT_HAND: usize = 4096;

/// On whose behalf something is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Whose installation space.
    pub tenant: TenantId,
    /// Who calls.
    pub principal: Pseudonym,
}

/// Personal records and what hangs on them. Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct Vault {
    pub(crate) store: Store,
    pub(crate) keyring: Keyring,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: Arc<VaultConfig>,
    erased: Option<Arc<dyn ErasedList>>,
    connectors: BTreeMap<String, Arc<dyn Connector>>,
    consent: Option<Arc<Cache>>,
    indexes: Arc<RwLock<HashMap<TenantId, Arc<TenantIndexes>>>>,
}

/// Says who was erased and must not come back by an import. Kept where erasure is; the vault asks it in one place.
pub trait ErasedList: Send + Sync {
    /// For each person, known by normalised identifiers, whether an erased one of `tenant` had one of them.
    fn are_erased<'a>(
        &'a self,
        tenant: &'a TenantId,
        people: &'a [Vec<Identifier>],
    ) -> Pin<Box<dyn Future<Output = Result<Vec<bool>, Error>> + Send + 'a>>;
}

impl Vault {
    /// The vault over an open store and keyring.
    ///
    /// # Errors
    /// [`Error::BadField`] if the configuration names an index twice or one that cannot be.
    pub fn open(
        store: Store,
        keyring: Keyring,
        clock: Arc<dyn Clock>,
        config: VaultConfig,
    ) -> Result<Self, Error> {
        config.check()?;
        Ok(Self {
            store,
            keyring,
            clock,
            config: Arc::new(config),
            erased: None,
            connectors: BTreeMap::new(),
            consent: None,
            indexes: Arc::default(),
        })
    }

    /// Imports refuse whom `list` knows, instead of whom the vault itself erased.
    #[must_use]
    pub fn with_erased_list(mut self, list: Arc<dyn ErasedList>) -> Self {
        self.erased = Some(list);
        self
    }

    /// Erasure reaches the outside store `place` by `connector`.
    #[must_use]
    pub fn with_connector(mut self, place: &str, connector: Arc<dyn Connector>) -> Self {
        self.connectors.insert(place.to_owned(), connector);
        self
    }

    /// What `consent` knows of a person in memory is dropped when their erasure begins. Others that look at the same store,
    /// and this one without it, know of it within a second.
    #[must_use]
    pub fn with_consent(mut self, consent: &Consent) -> Self {
        self.consent = Some(Arc::clone(&consent.cache));
        self
    }

    /// The erasure of `subject` was begun by the tenant's change `seq`.
    pub(crate) fn drop_consent(&self, tenant: &TenantId, subject: SubjectPseudonym, seq: i64) {
        if let Some(cache) = &self.consent {
            cache.forget_subject(tenant, subject, seq);
        }
    }

    /// The connector of `place`.
    pub(crate) fn connector(&self, place: &str) -> Result<&dyn Connector, Error> {
        let connector = self.connectors.get(place).map(AsRef::as_ref);
        connector.ok_or_else(|| Error::Connector {
            place: place.to_owned(),
            why: "there is no connector of this name; configure it, then resume the erasure",
        })
    }

    /// For each person, whether the list of erased ones knows one of the identifiers.
    pub(crate) async fn are_erased(
        &self,
        tenant: &TenantId,
        people: &[Vec<Identifier>],
    ) -> Result<Vec<bool>, Error> {
        match &self.erased {
            Some(list) => list.are_erased(tenant, people).await,
            None => self.are_on_erased_list(tenant, people).await,
        }
    }

    /// The blind indexes of `tenant` with their keys.
    pub(crate) async fn indexes(&self, tenant: &TenantId) -> Result<Arc<TenantIndexes>, Error> {
        // Another secret may have taken the place of the one that is known here.
        let versions = self.keyring.index_versions(tenant).await?;
        if let Some(indexes) = self
            .known_indexes(tenant)
            .filter(|known| *known.versions() == versions)
        {
            return Ok(indexes);
        }
        let indexes = Arc::new(TenantIndexes::of(tenant, &self.keyring, &self.config).await?);
        let mut known = self.indexes.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= TENANTS_AT_HAND {
            known.clear();
        }
        known.insert(tenant.clone(), Arc::clone(&indexes));
        Ok(indexes)
    }

    fn known_indexes(&self, tenant: &TenantId) -> Option<Arc<TenantIndexes>> {
        let known = self.indexes.read().unwrap_or_else(PoisonError::into_inner);
        known.get(tenant).map(Arc::clone)
    }

    /// The current instant to the millisecond, as it is stored.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// Whose rows a transaction for `actor` may see.
    pub(crate) fn scope(actor: &Actor) -> Scope {
        Scope::Tenant(actor.tenant.clone())
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
