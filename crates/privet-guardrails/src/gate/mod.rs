//! The guardrails of a policy: what becomes of prompts before they are sent, and of replies as they come.
//!
//! For the gateway. [`GuardrailsConfig`] is `[guardrails]` of the policy document, [`Guardrails`] the same, checked. A request goes
//! through [`Guardrails::prompt`], its reply through a [`Reply`]. No I/O, no clock: files, models and keys are handed in.

mod approval;
mod config;
mod leaves;
mod memory;
mod models;
mod prompt;
mod reply;
mod rules;
mod sources;

pub use approval::{Approvals, Held, HoldId};
pub use config::{
    DetectorConfig, FilesConfig, GuardrailsConfig, HarmActions, Mark, MarkedChannel, OtherRules,
    PromptControls, ReplyControls,
};
pub use memory::VerdictMemory;
pub use models::Models;
pub use prompt::{Asked, Judged, PromptError, Said};
pub use reply::{Reply, Shadows};
pub use rules::{Files, GateError, Guardrails, Rules, Secrets};
