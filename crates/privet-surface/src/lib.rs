//! API dialects as data: requests masked and taken apart by who said what, replies restored and run through a guard, by the
//! byte spans of their JSON.
//!
//! For the gateway. Pure functions over bytes: no sockets, no clock. Speaks OpenAI chat completions, responses and
//! embeddings, and Anthropic messages, whole and streamed.

mod config;
mod dialect;
mod guard;
pub mod json;
mod mask;
pub mod mcp;
mod memory;
mod number;
mod private;
mod refusal;
mod reply;
mod said;
mod splice;
pub mod sse;
mod storage;
mod stream;
mod tag;

pub use config::{PartKind, PartsConfig, RestoreConfig};
pub use guard::{GuardError, ReplyGuard, StreamGuard, Unguarded, Verdict, guard_whole};
pub use mask::{Masked, Masking, PassedPart, Request};
pub use memory::{DetectionMemories, DetectionMemory};
pub use refusal::Refusal;
pub use reply::{Restoration, RestoreError};
pub use said::{Said, SaidText};
pub use stream::StreamRestorer;
