//! The vocabulary every room of Privet speaks: ids, spans, entities, findings, budgets, secrets and audit events.
//!
//! For every other crate of the workspace. It holds types and ports only: no I/O, no clock, no algorithm.
//!
//! ```
//! use privet_types::{Budget, Entity, Span};
//! let budget = Budget::new(1_000);
//! budget.charge(10)?;
//! assert_eq!(Entity::parse("EMAIL_ADDRESS"), Some(Entity::EMAIL_ADDRESS));
//! assert_eq!(Span::new(3, 7).len(), 4);
//! # Ok::<(), privet_types::BudgetError>(())
//! ```

mod audit;
mod budget;
mod change;
mod clock;
mod entity;
mod finding;
mod ids;
mod key_scope;
mod measurement;
mod secret;
mod update_kind;

pub use audit::{Action, AuditEvent, Decision, Pseudonym};
pub use budget::{Budget, BudgetError, CancelFlag};
pub use change::{Change, ChangeKind};
pub use clock::Clock;
pub use entity::{BadEntity, Entity};
pub use finding::{Basis, Finding, RuleId, Span};
pub use ids::{
    Channel, CourseName, GroupName, Principal, PrincipalKind, RoleName, SurfaceKind, TenantId, UnknownName,
};
pub use key_scope::{KeyScope, KeyScopes, UnknownScope};
pub use measurement::{ClassShare, Interval, LogPosition, Measurement, Part};
pub use secret::Secret;
pub use update_kind::{UnknownUpdateKind, UpdateKind};
