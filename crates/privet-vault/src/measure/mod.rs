//! Measurements: consent, retention, encryption, minimisation, auditability.
//!
//! Each is made from rows, keys and leaves as they are, never from a setting alone. What cannot be measured has no value and
//! says why.

mod audit;
mod columns;
mod encryption;
mod minimisation;
mod need;
mod wilson;

use std::fmt;

use jiff::Timestamp;
use privet_store::{LogCheck, Scope, log_position};
use privet_types::{Interval, LogPosition, Measurement, TenantId};

pub use columns::{ColumnUse, column_use};
pub use encryption::RootProtection;
pub use need::{FieldNeed, Fineness};
pub use wilson::wilson;

use crate::{Consent, Error, Retention, Vault};

/// Where the formulas are from: they are this project's own.
const SOURCE: &str = "Privet, docs/numbers.md";

/// Subjects that are looked at where nothing else is said.
const SAMPLE: u64 = 10_000;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Was there a legal basis for what was done?
    ConsentCompliance,
    /// Is nothing kept too long?
    RetentionCompliance,
    /// How strong is the weakest link that protects what is stored?
    EncryptionStrength,
    /// Is no more kept, and no finer, than is needed?
    Minimisation,
    /// Can everything that happened be proved?
    Auditability,
}

/// What a measurement needs to know that is not in the vault.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// What protects the root key.
    pub root: RootProtection,
    /// The check of the log, by who holds its public key; `None` if nobody made one.
    pub log: Option<LogCheck>,
    /// Backups that were read to their end under the root key: how many are whole, and how many are not. `None` if none were
    /// shown.
    pub backups: Option<(u64, u64)>,
    /// From when on consent and use are looked at; everything if absent.
    pub since: Option<Timestamp>,
    /// Most subjects and events that are looked at; those with the lowest random ids are taken.
    pub sample: Option<u64>,
}

/// Measures what is kept of tenants.
#[derive(Clone)]
pub struct Measures {
    vault: Vault,
    consent: Consent,
    retention: Retention,
}

impl Metric {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 5] = [
        Self::ConsentCompliance,
        Self::RetentionCompliance,
        Self::EncryptionStrength,
        Self::Minimisation,
        Self::Auditability,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConsentCompliance => "consent_compliance",
            Self::RetentionCompliance => "retention_compliance",
            Self::EncryptionStrength => "encryption_strength",
            Self::Minimisation => "minimisation",
            Self::Auditability => "auditability",
        }
    }

    /// The metric of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    const fn formula(self) -> &'static str {
        match self {
            Self::ConsentCompliance => {
                "events whose legal basis was valid at event time for (subject, purpose, category, recipient) / \
                 events that need one"
            }
            Self::RetentionCompliance => "(items with policy - overdue beyond grace) / all items",
            Self::EncryptionStrength => {
                "bits = minimum over seal, key-encryption keys, data keys, AEAD, TLS, backup; and the share of sealed \
                 values whose whole chain reaches 128 bits"
            }
            Self::Minimisation => {
                "mean of 1 - unused-field share, 1 - finer-than-needed share, 1 - (sensitive spans sent raw / detected)"
            }
            Self::Auditability => {
                "geometric mean of coverage, field completeness, verified share, timeliness; any gap = 0"
            }
        }
    }
}

impl Measures {
    /// Measures over these three, which must be over one store.
    #[must_use]
    pub const fn new(vault: Vault, consent: Consent, retention: Retention) -> Self {
        Self {
            vault,
            consent,
            retention,
        }
    }

    /// Measures `metric` of `tenant` now. Some metrics are several numbers; the first is the one of its name.
    ///
    /// # Errors
    /// Those of the store and the keyring where they do not answer, [`Error::Damaged`] if a row that is needed does not open.
    pub async fn measure(
        &self,
        tenant: &TenantId,
        metric: Metric,
        around: &Surroundings,
    ) -> Result<Vec<Measurement>, Error> {
        let now = self.vault.now();
        let position = self.position(tenant).await?;
        let blank = |name: &str| Measurement {
            metric: name.to_owned(),
            value: None,
            unit: "share".to_owned(),
            interval: None,
            numerator: None,
            denominator: None,
            formula: metric.formula().to_owned(),
            source: SOURCE.to_owned(),
            method: String::new(),
            sample_size: 0,
            population: 0,
            at: now,
            log_position: position.clone(),
            classes: Vec::new(),
            parts: Vec::new(),
            excluded: Vec::new(),
            reason: None,
        };
        let mut measured = match metric {
            Metric::ConsentCompliance => {
                let since = around.since.unwrap_or(Timestamp::UNIX_EPOCH);
                // Up to now: the end is not in it.
                let until = now + jiff::SignedDuration::from_millis(1);
                let found = self
                    .consent
                    .compliance(tenant, since, until, around.sample)
                    .await?;
                let mut share = found.share;
                let mut after = found.after_withdrawal;
                share.excluded = vec!["what jobs do not report".to_owned()];
                for one in [&mut share, &mut after] {
                    if one.value.is_none() {
                        one.reason = Some("no processing event was reported in that time".to_owned());
                    }
                }
                vec![share, after]
            }
            Metric::RetentionCompliance => {
                let mut share = self.retention.report(tenant, now).await?.compliance;
                if share.value.is_none() {
                    share.reason = Some("nothing is kept that could be kept too long".to_owned());
                }
                share.excluded = vec![
                    "records of subjects: they end by erasure or a scheduled deletion, not by a policy"
                        .to_owned(),
                ];
                vec![share]
            }
            Metric::EncryptionStrength => {
                let names = ["encryption_strength", "encrypted_share_128"];
                encryption::measure(&self.vault, tenant, around, names.map(blank)).await?
            }
            Metric::Minimisation => {
                let most = around.sample.unwrap_or(SAMPLE);
                vec![minimisation::measure(self, tenant, around.since, most, blank(metric.name())).await?]
            }
            Metric::Auditability => {
                vec![audit::measure(&self.vault, tenant, around, blank(metric.name())).await?]
            }
        };
        for one in &mut measured {
            metric.formula().clone_into(&mut one.formula);
            SOURCE.clone_into(&mut one.source);
            one.at = now;
            one.log_position = position.clone();
        }
        Ok(measured)
    }

    async fn position(&self, tenant: &TenantId) -> Result<LogPosition, Error> {
        self.vault
            .store
            .database()
            .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), |tx| {
                Box::pin(async move { Ok(log_position(tx).await?) })
            })
            .await
    }
}

/// The interval of one minus a share.
fn flipped(interval: Interval) -> Interval {
    Interval {
        low: 1.0 - interval.high,
        high: 1.0 - interval.low,
        confidence: interval.confidence,
    }
}

impl fmt::Debug for Measures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Measures")
            .field("vault", &self.vault)
            .finish_non_exhaustive()
    }
}
