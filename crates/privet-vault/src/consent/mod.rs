//! Purposes and what they rest on, what subjects said, and whether something may be done.
//!
//! Definitions and the history of events are only added to. What is in force is derived from them: [`evaluate`] is the
//! rule, [`Consent::check`] asks it from a cache that follows the store.

mod basis;
mod cache;
pub(crate) mod catalog;
mod change;
mod check;
mod compliance;
mod definition;
pub mod dpv;
mod evaluate;
mod event;
pub(crate) mod history;
mod receipt;
mod subject_keys;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use privet_crypto::DataKey;
use privet_store::{Database, Tx, values};
use privet_types::{Clock, TenantId};

pub use basis::{LegalBasis, SpecialCondition};
pub use change::KnownAgreement;
pub use check::run_consent_watch;
pub use compliance::{ConsentCompliance, Processing};
pub use definition::{
    Activity, Agreement, Controller, Definition, DefinitionKind, Purpose, Recipient, RecipientRole, Transfer,
    Versioned,
};
pub(crate) use definition::{bad, check_name, check_text};
pub use evaluate::{Ask, Reason, Verdict, evaluate};
pub use event::{
    AgreementRef, ConsentEvent, EVERY_PURPOSE, EventKind, GivenBy, Statement, SubjectPseudonym, Track,
};
pub use history::AgreementStatus;
pub use receipt::{
    ConsentReceipt, RECEIPT_SCHEMA, ReceiptEvent, ReceiptNotice, ReceiptParty, ReceiptPurpose,
    ReceiptRecipient, ReceiptRetention, ReceiptSignature, SignedReceipt, verify_receipt,
};

pub(crate) use cache::Cache;
pub(crate) use history::end_all_processing;

use crate::Error;

/// Gives the keys of subjects.
pub trait SubjectKeys: Send + Sync {
    /// The key of `subject`; `None` if there is no such subject, or no longer.
    fn data_key<'a>(&'a self, tenant: &'a TenantId, subject: &'a str) -> KeyAnswer<'a>;
}

/// What [`SubjectKeys`] answers, in time.
pub type KeyAnswer<'a> = Pin<Box<dyn Future<Output = Result<Option<Arc<DataKey>>, Error>> + Send + 'a>>;

/// How [`Consent`] keeps what it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentConfig {
    /// Most events and subjects kept in memory, together; about 400 bytes each.
    pub cache_entries: usize,
    /// How old what is known may get, in milliseconds, before it is asked for again.
    pub fresh_ms: i64,
    /// How old it may get, in milliseconds, while the store does not answer, before everything is refused.
    pub stale_ms: i64,
}

impl Default for ConsentConfig {
    fn default() -> Self {
        Self {
            cache_entries: 200_000,
            fresh_ms: 1_000,
            stale_ms: 60_000,
        }
    }
}

/// Consent and purposes of all tenants of a store. Cheap to clone; clones share the cache.
#[derive(Clone)]
pub struct Consent {
    database: Database,
    keys: Arc<dyn SubjectKeys>,
    clock: Arc<dyn Clock>,
    config: ConsentConfig,
    pub(crate) cache: Arc<Cache>,
}

impl Consent {
    /// Consent in `database`, with the keys of subjects from `keys`.
    #[must_use]
    pub fn new(
        database: Database,
        keys: Arc<dyn SubjectKeys>,
        clock: Arc<dyn Clock>,
        config: ConsentConfig,
    ) -> Self {
        Self {
            database,
            keys,
            clock,
            config,
            cache: Arc::new(Cache::new(config.cache_entries)),
        }
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    /// The pseudonym of `subject` in the history, with its key.
    async fn known(
        &self,
        tenant: &TenantId,
        subject: &str,
    ) -> Result<Option<(SubjectPseudonym, Arc<DataKey>)>, Error> {
        let key = self.keys.data_key(tenant, subject).await?;
        Ok(key.map(|key| (pseudonym(&key, tenant), key)))
    }

    /// As [`known`](Self::known), for who cannot go on without.
    async fn expect_known(
        &self,
        tenant: &TenantId,
        subject: &str,
    ) -> Result<(SubjectPseudonym, Arc<DataKey>), Error> {
        self.known(tenant, subject)
            .await?
            .ok_or(Error::Absent { what: "subject" })
    }
}

/// What stands in histories that outlive it for the subject whose key this is. It depends on the key alone, so that it
/// does not matter how the subject's id was written.
#[must_use]
pub fn pseudonym(key: &DataKey, tenant: &TenantId) -> SubjectPseudonym {
    let hash = key
        .pseudonym_key()
        .hash(&[b"consent", tenant.as_str().as_bytes()]);
    SubjectPseudonym(hash)
}

/// Takes the tenant's next number, and keeps others of the tenant waiting until the transaction ends.
pub(crate) async fn next_seq(tx: &mut Tx, tenant: &str) -> Result<i64, Error> {
    tx.execute(
        "INSERT INTO consent_versions (tenant, version) VALUES ($1, 1) \
         ON CONFLICT (tenant) DO UPDATE SET version = consent_versions.version + 1",
        values![tenant],
    )
    .await?;
    let seq = tx
        .one(
            "SELECT version FROM consent_versions WHERE tenant = $1",
            values![tenant],
        )
        .await?;
    Ok(seq)
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

impl fmt::Debug for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consent")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
