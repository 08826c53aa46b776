//! Signed receipts of requests.

use jiff::Timestamp;
use privet_types::Pseudonym;
use serde::{Deserialize, Serialize};

use super::model::{Approval, Extension, IdentityProof, Request, RequestKind, RequestOutcome, RequestStatus};
use crate::receipt::{Receipt, Statement};

/// What a receipt says. No personal data: people are pseudonyms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestStatement {
    /// `privet-request-receipt-1`.
    pub format: String,
    /// The request's id.
    pub request: String,
    /// Tenant name.
    pub tenant: String,
    /// Which right.
    pub kind: RequestKind,
    /// Where it stands.
    pub status: RequestStatus,
    /// Whom it is about, as the log's leaves name them; absent if nobody of that name is known, and as long as the request
    /// is open: who has made a request is not to learn from its receipt who is known.
    pub subject: Option<Pseudonym>,
    /// When it was received, UTC.
    pub received_at: Timestamp,
    /// Until when it is to be done, UTC.
    pub due_at: Timestamp,
    /// How it was made sure that the subject asks.
    pub identity: Option<IdentityProof>,
    /// Who approved.
    pub approval: Option<Approval>,
    /// Why it took longer.
    pub extension: Option<Extension>,
    /// When it ended, UTC.
    pub closed_at: Option<Timestamp>,
    /// What it led to.
    pub outcome: Option<RequestOutcome>,
}

/// A signed receipt of a request. The leaf of the audit log for the same step holds its [`hash`](Receipt::hash).
pub type RequestReceipt = Receipt<RequestStatement>;

impl Statement for RequestStatement {
    const FORMAT: &'static str = "privet-request-receipt-1";

    fn format(&self) -> &str {
        &self.format
    }
}

impl RequestStatement {
    /// How `request` stands.
    pub(super) fn of(request: &Request, tenant: &str) -> Self {
        Self {
            format: Self::FORMAT.to_owned(),
            request: request.id.clone(),
            tenant: tenant.to_owned(),
            kind: request.kind,
            status: request.status,
            subject: request.pseudonym.clone().filter(|_| !request.status.is_open()),
            received_at: request.received_at,
            due_at: request.due_at,
            identity: request.identity.clone(),
            approval: request.approval.clone(),
            extension: request.extension.clone(),
            closed_at: request.closed_at,
            outcome: request.outcome.clone(),
        }
    }
}
