//! The gateway: takes prompts in the dialects of OpenAI and Anthropic, lets out only what the policy has cleared, and
//! restores the replies.
//!
//! For the `privet` binary and for tests, which fill [`Parts`] and run a [`Server`]. It reads no
//! environment, and no file of its own but certificates; it keeps nothing but the audit events it hands to the spool.

mod access;
mod archive;
mod aws;
mod bedrock;
mod caller;
mod clock;
mod coach;
mod coached;
mod connection;
mod console;
mod credentials;
mod databunker;
mod error;
mod gateway;
mod headers;
mod health;
pub mod incidents;
mod issuers;
mod kill;
mod limits;
mod listen;
mod live;
mod mcp;
mod metrics;
mod models;
mod named;
mod native;
mod notices;
mod openapi;
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
mod telemetry;
mod tls;
mod tokens;
mod upstream;
mod vault;
mod watch;
mod workers;

pub use aws::AwsKeys;
pub use clock::SystemClock;
pub use error::Error;
pub use gateway::{Gateway, NextPolicy, Parts};
pub use issuers::LoginSecrets;
pub use limits::{SharedError, SharedLimits, saved_limits, share_switch};
pub use listen::Server;
pub use live::Live;
pub use mcp::McpHeaders;
pub use openapi::openapi;
pub use outbox::{Outbox, request_config};
pub use telemetry::{Exporter, LogLine, Telemetry, TelemetryValue};
pub use tls::{TlsError, check_certificates};
pub use upstream::ProviderKey;
pub use vault::VaultParts;
pub use watch::{AlertOutbox, shown_alert};
