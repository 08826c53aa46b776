//! Changes that somebody asks for and that wait until somebody else approves them: of a record, of what an application
//! keeps, the end of an agreement, erasure. Databunker calls them user requests.
//!
//! A change that is approved is done in the transaction that closes it, so that none is done twice or half. What was asked
//! for is sealed under the subject's key; after an erasure there is only left that something was asked for, and when.
//!
//! Requests under the GDPR's Articles 15 to 21, with deadlines and receipts, are [`Requests`](crate::Requests).

mod flow;
mod list;
mod model;
mod row;

use std::fmt;

pub use flow::{Approved, Opened};
pub use list::ProposalPage;
pub use model::{Proposal, ProposalKind, ProposalStatus, Proposed};

pub(crate) use row::{Closing, record_name};

use crate::{Consent, Vault};

/// Changes that are asked for. Cheap to clone.
#[derive(Clone)]
pub struct Proposals {
    vault: Vault,
    consent: Consent,
    needs_another: bool,
}

impl Proposals {
    /// Proposals about the subjects of `vault`; the end of an agreement goes into the history of `consent`. Who asked for
    /// a change cannot approve it.
    #[must_use]
    pub const fn new(vault: Vault, consent: Consent) -> Self {
        Self {
            vault,
            consent,
            needs_another: true,
        }
    }

    /// Who asked for a change may approve it, too.
    #[must_use]
    pub const fn with_one_principal(mut self) -> Self {
        self.needs_another = false;
        self
    }
}

impl fmt::Debug for Proposals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proposals")
            .field("needs_another", &self.needs_another)
            .finish_non_exhaustive()
    }
}
