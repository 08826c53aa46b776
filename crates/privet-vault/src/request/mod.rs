//! Requests of subjects: access, rectification, erasure, restriction, portability, objection (GDPR Articles 15 to 18, 20,
//! 21). Shaped after OpenDSR.
//!
//! A request is taken in, it is made sure that the subject asks, a second principal approves where that is configured,
//! and then it is carried out: each step is a row and a leaf in one transaction, and which step may follow which is a
//! pure function. Times are those of Article 12(3).

mod body;
mod callback;
mod capped;
mod checked;
mod execute;
mod flow;
mod forget;
mod html;
mod limit;
mod look;
mod machine;
mod message;
mod model;
mod package;
mod receipt;
mod report;
mod row;

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;
use privet_crypto::{HashKey, OneTimeCode, SigningKey, VerifyingKey};
use privet_types::{Secret, TenantId};
use serde::{Deserialize, Serialize};

pub use body::{NewRequestBody, as_written};
pub use callback::{Callback, CallbackState, DamagedCallback, DueCallbacks};
pub(crate) use checked::check_page;
pub use execute::Answer;
pub use flow::{CodeSent, NewRequest};
pub(crate) use forget::{RequestNames, count_named};
pub(crate) use limit::sweep as sweep_tries;
pub use look::{Asked, RequestQuery};
pub use message::SignedHeaders;
pub use model::{
    Approval, CancelGround, Extension, ExtensionReason, IdentityHash, IdentityMethod, IdentityProof,
    OPEN_DSR_VERSION, Request, RequestKind, RequestOutcome, RequestStatus,
};
pub use package::{ConsentLine, Held, SubjectPackage};
pub use receipt::{RequestReceipt, RequestStatement};
pub use report::SubjectReport;
pub use row::RequestStep;

use crate::{Consent, Error, Vault};

/// How requests are worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestConfig {
    /// For which requests it must be made sure that the subject asks.
    pub identity_for: BTreeSet<RequestKind>,
    /// Which requests a second principal must approve: not who took it in, and not who carries it out.
    pub approval_for: BTreeSet<RequestKind>,
    /// Digits of a one-time code, 6 to 12.
    pub code_digits: u8,
    /// How long a code is good, in seconds.
    pub code_seconds: u32,
    /// How often a code may be typed wrongly.
    pub attempts: u32,
    /// How many codes are sent for one request.
    pub codes: u32,
    /// How many codes are sent to one person, over all requests, in `person_seconds`.
    pub person_codes: u32,
    /// How often a wrong code may be typed for one person, over all requests, in `person_seconds`.
    pub person_attempts: u32,
    /// The time in which both are counted, from the first on.
    pub person_seconds: u32,
    /// How long after it is done the copy of a request can be made again, in days.
    pub copy_days: u32,
}

impl Default for RequestConfig {
    fn default() -> Self {
        Self {
            identity_for: RequestKind::ALL.into(),
            approval_for: [RequestKind::Rectification, RequestKind::Erasure].into(),
            code_digits: 8,
            code_seconds: 900,
            attempts: 5,
            codes: 5,
            person_codes: 10,
            person_attempts: 25,
            person_seconds: 86_400,
            copy_days: 14,
        }
    }
}

/// A one-time code on its way. Has no `Debug`: it holds an address and the code.
#[derive(Clone, Copy)]
pub struct CodeMessage<'a> {
    /// Whose installation space.
    pub tenant: &'a TenantId,
    /// The request's id.
    pub request: &'a str,
    /// Which right.
    pub kind: RequestKind,
    /// The field of the record the address is from: `email`, `phone`.
    pub channel: &'a str,
    /// Where to send it.
    pub address: &'a Secret<String>,
    /// The code.
    pub code: &'a OneTimeCode,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// What [`CodeDelivery`] answers, in time: whether the message is on its way.
pub type Delivered<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

/// Takes one-time codes to subjects: by mail, by SMS, by letter. Must write neither code nor address to a log.
pub trait CodeDelivery: Send + Sync {
    /// Takes `message` on its way.
    fn deliver<'a>(&'a self, message: CodeMessage<'a>) -> Delivered<'a>;
}

/// Requests of subjects. Cheap to clone.
#[derive(Clone)]
pub struct Requests {
    vault: Vault,
    consent: Consent,
    delivery: Arc<dyn CodeDelivery>,
    config: RequestConfig,
    reports: report::Reports,
}

impl Requests {
    /// Requests about the subjects of `vault`. Objections and restrictions go into the history of `consent`, codes out by
    /// `delivery`.
    ///
    /// # Errors
    /// [`Error::BadField`] if the configuration cannot be.
    pub fn new(
        vault: Vault,
        consent: Consent,
        delivery: Arc<dyn CodeDelivery>,
        config: RequestConfig,
    ) -> Result<Self, Error> {
        let bad = |field: &str, why| {
            Err(Error::BadField {
                field: field.to_owned(),
                why,
            })
        };
        if !(6..=12).contains(&config.code_digits) {
            return bad("code_digits", "a code has 6 to 12 digits");
        }
        if !(60..=86_400).contains(&config.code_seconds) {
            return bad("code_seconds", "a code is good for a minute to a day");
        }
        if !(1..=10).contains(&config.attempts) || !(1..=10).contains(&config.codes) {
            return bad("attempts", "attempts and codes are 1 to 10 each");
        }
        if !(1..=100).contains(&config.person_codes) || !(1..=100).contains(&config.person_attempts) {
            return bad("person_codes", "codes and attempts of a person are 1 to 100 each");
        }
        if !(3_600..=604_800).contains(&config.person_seconds) {
            return bad("person_seconds", "a person is counted for an hour to a week");
        }
        Ok(Self {
            vault,
            consent,
            delivery,
            config,
            reports: report::Reports::default(),
        })
    }

    /// The key that receipts of `tenant` are checked with. Give it out by another way than the receipts.
    ///
    /// # Errors
    /// [`Error::Store`] if the keyring does not answer.
    pub async fn receipt_key(&self, tenant: &TenantId) -> Result<VerifyingKey, Error> {
        Ok(self.signer(tenant).await?.verifying_key())
    }

    async fn signer(&self, tenant: &TenantId) -> Result<SigningKey, Error> {
        self.vault.receipt_signer(tenant).await
    }

    /// The key of keyed hashes for `purpose`.
    async fn hash_key(&self, tenant: &TenantId, purpose: &'static str) -> Result<HashKey, Error> {
        let secret = self.vault.keyring.tenant_secret(tenant).await?;
        Ok(secret.hash_key(purpose, tenant.as_str().as_bytes()))
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
