//! The watch over callers and models: what is usual of each, what is not, and what to do about it.
//!
//! For the gateway, which hands in what it sees of each request and reply: numbers and keyed hashes, never a text, a name or an
//! address. A pure library: no clock, no file, no socket. It learns what is usual of each caller by itself (robust statistics over
//! active hours and days), says of each alert what was expected and how that was told, and says nothing before it has seen enough.
//! [`incident`] is what people do next: states, playbooks, the 72-hour clock of Article 33 GDPR. [`simulate`] makes traffic and
//! attacks to measure all of it.
//!
//! It does not read prompts, does not compare callers with each other, and cannot see what somebody does who never does anything
//! else.
//!
//! ```
//! use privet_watch::{Observation, WatchConfig, Watched, Watcher};
//! let mut watcher = Watcher::new(WatchConfig::default(), 0);
//! let seen = Observation {
//!     at: "2026-03-02T09:00:00Z".parse()?,
//!     who: Watched(7),
//!     key: 1,
//!     network: None,
//!     model: Some(3),
//!     is_denied: false,
//!     values: [2, 1, 0, 0, 0],
//!     bytes: 1800,
//!     sketch: None,
//! };
//! assert!(watcher.observe(&seen).is_empty());
//! let standing = watcher.standing(Watched(7)).expect("it was just seen");
//! assert_eq!(standing.not_enough_evidence.len(), 3);
//! # Ok::<(), jiff::Error>(())
//! ```

mod alert;
mod config;
pub mod incident;
mod known;
mod model;
mod observation;
mod profile;
pub mod simulate;
mod sketch;
pub mod stats;
mod watcher;

pub use alert::{Alert, Labels, Method, Rule};
pub use config::{Response, RuleAction, Severity, WatchConfig};
pub use observation::{CLASSES, Class, Observation, Reply, Watched};
pub use profile::Standing;
pub use sketch::Sketch;
pub use watcher::{BadSnapshot, Snapshot, Watcher};
