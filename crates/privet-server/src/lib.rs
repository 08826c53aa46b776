//! The gateway: takes prompts in the dialects of OpenAI and Anthropic, lets out only what the policy has cleared, and
//! restores the replies.
//!
//! For the `privet` binary and for tests, which fill [`Parts`] and run a [`Server`]. It reads no
//! environment, and no file of its own but certificates; it keeps nothing but the audit events it hands to the spool.

mod access;
mod admin;
mod archive;
mod aws;
mod bedrock;
mod caller;
mod clock;
mod coach;
mod connection;
mod console;
mod credentials;
mod databunker;
mod error;
mod gateway;
mod headers;
mod health;
pub mod incidents;
mod kill;
mod limits;
mod listen;
mod live;
mod mcp;
mod metrics;
mod models;
mod native;
mod outbox;
mod pins;
mod pool;
mod presidio;
mod problem;
mod prompt;
mod protect;
mod query;
mod recall;
mod records;
mod reply;
mod routing;
mod sign_in;
mod streams;
mod tls;
mod upstream;
mod vault;
mod watch;
mod workers;

pub use admin::admin_openapi;
pub use aws::AwsKeys;
pub use clock::SystemClock;
pub use error::Error;
pub use gateway::{Gateway, NextPolicy, Parts};
pub use limits::{SharedError, SharedLimits, saved_limits};
pub use listen::Server;
pub use live::Live;
pub use mcp::McpHeaders;
pub use outbox::{Outbox, request_config};
pub use tls::{TlsError, check_certificates};
pub use upstream::ProviderKey;
pub use vault::{VaultParts, openapi};
pub use watch::{AlertOutbox, shown_alert};
