//! Finds personal data in text, makes surrogates for it, and restores them.
//!
//! For the gateway and for the `privet pii` tools. Pure functions: text in, findings and text out; no I/O, no clock.

mod analyzer;
mod config;
mod error;
mod lookalike;
mod ner;
mod realistic;
mod recognizers;
mod resolve;
mod restore;
mod surrogate;
#[cfg(test)]
mod testing;
mod trail;
mod units;

pub use analyzer::Analyzer;
pub use config::{Config, EntityAction, Style, Terms};
pub use error::Error;
pub use lookalike::lookalikes;
#[doc(hidden)]
pub use ner::Ner;
pub use restore::{Restorer, SurrogateMap};
pub use surrogate::{Form, Pair, Place, Surrogates};
pub use trail::UrlAllow;
pub use units::{Syntax, escape_into, resolve_escape};
