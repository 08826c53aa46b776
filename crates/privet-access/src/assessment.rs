//! Signed assessments of providers: what was agreed with them, and until when that holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use privet_crypto::SigningKey;
use serde::{Deserialize, Serialize};

use crate::signed::{self, Record, RecordError, Signer};

/// What somebody found out about a provider, with evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assessment {
    /// The provider, as the settings name it.
    pub provider: String,
    /// The contract: its reference.
    pub contract: String,
    /// For how many days the provider keeps prompts; 0 for not at all.
    pub retention_days: u32,
    /// Where it works on them, such as `eu`.
    pub region: String,
    /// Whether it has promised not to train on them.
    pub training_opt_out: bool,
    /// SHA-256 of the evidence, 64 hexadecimal digits: of the contract, or of an archive of all that was looked at.
    pub evidence_sha256: String,
    /// Who assessed.
    pub assessor: String,
    /// From when on it holds.
    pub issued_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// That a person has completed a course.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The tenant of the person.
    pub tenant: String,
    /// The person's principal.
    pub principal: String,
    /// The course.
    pub course: String,
    /// Who vouches for it.
    pub trainer: String,
    /// From when on it counts.
    pub issued_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Whether a provider's assessment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AssessmentStatus {
    /// It does.
    Valid,
    /// There is none.
    Absent,
    /// It did, until a time that has passed.
    Expired,
    /// It will, from a time that is to come.
    NotYetValid,
    /// There is one, but nobody signed it whose key is known here.
    BadSignature,
}

/// What is known of a provider at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    status: AssessmentStatus,
    record: Option<Arc<Assessment>>,
}

/// All assessments, by provider.
#[derive(Debug, Clone, Default)]
pub struct Assessments {
    by_provider: BTreeMap<String, Vec<Arc<Assessment>>>,
    /// Providers of which a record speaks that does not hold.
    unsigned: BTreeSet<String>,
}

impl Assessment {
    /// It, signed by `key`: pretty JSON.
    ///
    /// # Errors
    /// [`RecordError::Field`] if a field holds what it must not.
    pub fn sign(self, key: &SigningKey) -> Result<String, RecordError> {
        signed::sign(self, key)
    }

    /// The assessment in `text`, if one of `signers` signed it; says who. Whether it holds now is another question.
    ///
    /// # Errors
    /// [`RecordError`] says why it does not count.
    pub fn verify(text: &str, signers: &[Signer]) -> Result<(Self, Signer), RecordError> {
        signed::verify(text, signers)
    }

    /// Whether it holds at `now`.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> AssessmentStatus {
        if now < self.issued_at {
            AssessmentStatus::NotYetValid
        } else if self.expires_at <= now {
            AssessmentStatus::Expired
        } else {
            AssessmentStatus::Valid
        }
    }
}

impl Training {
    /// It, signed by `key`: pretty JSON.
    ///
    /// # Errors
    /// [`RecordError::Field`] if a field holds what it must not.
    pub fn sign(self, key: &SigningKey) -> Result<String, RecordError> {
        signed::sign(self, key)
    }

    /// The training in `text`, if one of `signers` signed it.
    ///
    /// # Errors
    /// [`RecordError`] says why it does not count.
    pub fn verify(text: &str, signers: &[Signer]) -> Result<(Self, Signer), RecordError> {
        signed::verify(text, signers)
    }
}

impl AssessmentStatus {
    /// The name in policies, logs and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Absent => "absent",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::BadSignature => "bad_signature",
        }
    }
}

impl Standing {
    /// Of a provider that nobody has assessed.
    #[must_use]
    pub const fn absent() -> Self {
        Self {
            status: AssessmentStatus::Absent,
            record: None,
        }
    }

    /// Of a provider with this assessment, at `now`.
    #[must_use]
    pub fn of(record: Arc<Assessment>, now: Timestamp) -> Self {
        Self {
            status: record.status(now),
            record: Some(record),
        }
    }

    /// Whether there is an assessment that holds.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.status == AssessmentStatus::Valid
    }

    /// What is the matter with it.
    #[must_use]
    pub const fn status(&self) -> AssessmentStatus {
        self.status
    }

    /// The assessment, also one that does not hold any more.
    #[must_use]
    pub fn record(&self) -> Option<&Assessment> {
        self.record.as_deref()
    }

    /// Differs where what policies see of it differs.
    pub(crate) fn key(&self) -> String {
        match &self.record {
            None => self.status.name().to_owned(),
            Some(record) => format!(
                "{} {} {} {}",
                self.status.name(),
                record.retention_days,
                record.training_opt_out,
                record.region
            ),
        }
    }
}

impl Assessments {
    /// Takes the assessments in `texts` that one of `signers` signed. Returns them, and what is wrong with the others, by the
    /// number of the text.
    #[must_use]
    pub fn read(texts: &[String], signers: &[Signer]) -> (Self, Vec<(usize, RecordError)>) {
        let (mut all, mut faults) = (Self::default(), Vec::new());
        for (number, text) in texts.iter().enumerate() {
            match Assessment::verify(text, signers) {
                Ok((record, _)) => all
                    .by_provider
                    .entry(record.provider.clone())
                    .or_default()
                    .push(Arc::new(record)),
                Err(error) => {
                    if let Some(claimed) = signed::claimed::<Assessment>(text) {
                        all.unsigned.insert(claimed.provider);
                    }
                    faults.push((number, error));
                }
            }
        }
        (all, faults)
    }

    /// What is known of `provider` at `now`: of several assessments the one that holds longest.
    #[must_use]
    pub fn standing(&self, provider: &str, now: Timestamp) -> Standing {
        let records = self.by_provider.get(provider).map_or(&[][..], Vec::as_slice);
        let best = records
            .iter()
            .max_by_key(|record| (record.status(now) == AssessmentStatus::Valid, record.expires_at));
        match best {
            Some(record) => Standing::of(Arc::clone(record), now),
            None if self.unsigned.contains(provider) => Standing {
                status: AssessmentStatus::BadSignature,
                record: None,
            },
            None => Standing::absent(),
        }
    }
}

impl Record for Assessment {
    const KIND: &'static str = "assessment";
    const DOMAIN: &'static [u8] = b"privet-assessment-1\n";

    fn check(&self) -> Result<(), RecordError> {
        signed::check_text("provider", &self.provider)?;
        signed::check_text("contract", &self.contract)?;
        signed::check_text("region", &self.region)?;
        signed::check_text("assessor", &self.assessor)?;
        let is_hash = self.evidence_sha256.len() == 64
            && self
                .evidence_sha256
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !is_hash {
            return Err(RecordError::Field {
                field: "evidence_sha256",
                message: "use 64 hexadecimal digits in small letters",
            });
        }
        ends_later(self.issued_at, self.expires_at)
    }
}

impl Record for Training {
    const KIND: &'static str = "training record";
    const DOMAIN: &'static [u8] = b"privet-training-1\n";

    fn check(&self) -> Result<(), RecordError> {
        signed::check_text("trainer", &self.trainer)?;
        let is_name = |field, fits: bool| {
            fits.then_some(()).ok_or(RecordError::Field {
                field,
                message: "use 1 to 64 of a-z, A-Z, 0-9, `.`, `_`, `-`, `@`",
            })
        };
        is_name("tenant", self.tenant.parse::<privet_types::TenantId>().is_ok())?;
        is_name(
            "principal",
            self.principal.parse::<privet_types::Principal>().is_ok(),
        )?;
        is_name("course", self.course.parse::<privet_types::CourseName>().is_ok())?;
        ends_later(self.issued_at, self.expires_at)
    }
}

fn ends_later(issued_at: Timestamp, expires_at: Timestamp) -> Result<(), RecordError> {
    if issued_at < expires_at {
        Ok(())
    } else {
        Err(RecordError::Field {
            field: "expires_at",
            message: "use a time after `issued_at`",
        })
    }
}
