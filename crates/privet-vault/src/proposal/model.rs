//! What can be asked for, and where it stands.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, RecordChange, SubjectId};

/// What kind of change is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalKind {
    /// A change of the record.
    ChangeRecord,
    /// A change of what an application keeps.
    ChangeApp,
    /// Erasure of the subject.
    Forget,
    /// The end of an agreement.
    WithdrawAgreement,
}

/// A change that is asked for. `Debug` shows no value.
#[derive(Debug, Clone, PartialEq)]
pub enum Proposed {
    /// A change of the record.
    ChangeRecord(RecordChange),
    /// A change of what an application keeps.
    ChangeApp {
        /// The application.
        app: String,
        /// What is to change.
        change: RecordChange,
    },
    /// Erasure of the subject.
    Forget,
    /// The end of this agreement.
    WithdrawAgreement(String),
}

/// Where a proposal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalStatus {
    /// It waits.
    Open,
    /// It was approved, and is done.
    Approved,
    /// It was cancelled.
    Cancelled,
}

/// A change that was asked for. Has no `Debug`: it holds personal data.
#[derive(Clone, PartialEq, Serialize)]
pub struct Proposal {
    /// Its id, a random UUID.
    pub id: String,
    /// What kind of change it is.
    pub kind: ProposalKind,
    /// Where it stands.
    pub status: ProposalStatus,
    /// Whose data it is about; `None` once they are erased.
    pub subject: Option<SubjectId>,
    /// The application or the agreement it is about.
    pub object: Option<String>,
    /// What is to change: a merge patch, or a list of operations.
    pub change: Option<Value>,
    /// Why it was closed, as who closed it wrote.
    pub reason: Option<String>,
    /// Since when it waits, UTC.
    pub opened_at: Timestamp,
    /// When it was closed, UTC.
    pub closed_at: Option<Timestamp>,
}

impl ProposalKind {
    const ALL: [Self; 4] = [
        Self::ChangeRecord,
        Self::ChangeApp,
        Self::Forget,
        Self::WithdrawAgreement,
    ];

    /// As it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChangeRecord => "change_record",
            Self::ChangeApp => "change_app",
            Self::Forget => "forget",
            Self::WithdrawAgreement => "withdraw_agreement",
        }
    }

    pub(super) fn stored(name: &str) -> Result<Self, Error> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.name() == name)
            .ok_or(Error::Damaged { table: "proposals" })
    }

    /// Whether asking twice is asking once.
    pub(super) const fn is_single(self) -> bool {
        matches!(self, Self::Forget | Self::WithdrawAgreement)
    }
}

impl ProposalStatus {
    /// As it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Cancelled => "cancelled",
        }
    }

    pub(super) fn stored(name: &str) -> Result<Self, Error> {
        let mut all = [Self::Open, Self::Approved, Self::Cancelled].into_iter();
        all.find(|status| status.name() == name)
            .ok_or(Error::Damaged { table: "proposals" })
    }
}

impl Proposed {
    /// What kind of change it is.
    #[must_use]
    pub const fn kind(&self) -> ProposalKind {
        match self {
            Self::ChangeRecord(_) => ProposalKind::ChangeRecord,
            Self::ChangeApp { .. } => ProposalKind::ChangeApp,
            Self::Forget => ProposalKind::Forget,
            Self::WithdrawAgreement(_) => ProposalKind::WithdrawAgreement,
        }
    }

    pub(super) fn object(&self) -> Option<&str> {
        match self {
            Self::ChangeApp { app, .. } => Some(app),
            Self::WithdrawAgreement(agreement) => Some(agreement),
            Self::ChangeRecord(_) | Self::Forget => None,
        }
    }

    pub(super) fn change(&self) -> Option<&RecordChange> {
        match self {
            Self::ChangeRecord(change) | Self::ChangeApp { change, .. } => Some(change),
            Self::Forget | Self::WithdrawAgreement(_) => None,
        }
    }
}
