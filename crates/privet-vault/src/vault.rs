//! The vault, and on whose behalf it works.

use privet_types::{Pseudonym, TenantId};

/// On whose behalf something is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Whose installation space.
    pub tenant: TenantId,
    /// Who calls.
    pub principal: Pseudonym,
}
