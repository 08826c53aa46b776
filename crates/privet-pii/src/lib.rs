//! Finds personal data in text, anonymises it or makes surrogates for it, and restores what can be restored.
//!
//! For the gateway and for the `privet pii` tools. Pure functions: text in, findings and text out; no I/O, no clock.

mod analyzer;
mod anonymize;
mod calibration;
pub mod catalogue;
mod config;
mod disguise;
pub mod documents;
mod doubt;
mod error;
pub mod eval;
mod explain;
mod language;
mod letters;
mod lookalike;
mod masks;
mod mentions;
mod names;
mod ner;
pub mod normalize;
pub mod presidio;
mod realistic;
mod recognizers;
mod resolve;
mod restore;
mod stream;
mod surrogate;
#[cfg(test)]
mod testing;
mod trail;
mod units;

pub use analyzer::Analyzer;
pub use anonymize::{
    Anonymized, Anonymizer, BadOperator, Conversation, Custom, Generalization, HashType, Item, Keys,
    Manifest, Operator, Operators, Restored, Warning, open_presidio,
};
pub use config::{Checksum, Config, EntityAction, Pattern, Recognizer, RegexFlags, Style, Terms};
pub use error::Error;
pub use explain::{ContextWord, Explanation, WordPlace};
pub use language::Language;
pub use lookalike::lookalikes;
pub use mentions::{Mention, Mentions, Part};
pub use ner::Model;
#[cfg(feature = "onnx")]
pub use ner::{ClassifierFiles, Labels};
#[doc(hidden)]
pub use ner::{Ner, TokenEvidence};
pub use restore::{Restorer, SurrogateMap};
pub use stream::{StreamAnalyzer, Window, Windows};
pub use surrogate::{Form, Pair, Place, Surrogates};
pub use trail::UrlAllow;
pub use units::{Syntax, escape_into, resolve_escape};
