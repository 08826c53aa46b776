//! Tells attacks on language models in texts (prompt injection, jailbreaks, extraction of hidden instructions), and harmful content.
//!
//! For the gateway and for `privet guard`. Pure functions: text in, verdicts out; no I/O, no clock. [`Detector`] is one
//! signal: it finds what reads like an attack, and misses what does not. `docs/guardrails.md` says how often.
//!
//! ```
//! use privet_guardrails::{Detector, Input};
//! use privet_types::Budget;
//! let detector = Detector::shipped()?;
//! let verdict = detector.check(Input::user("What is the capital of France?"), &Budget::unlimited())?;
//! assert!(!verdict.is_flagged() && verdict.evidence.is_empty());
//! # Ok::<(), privet_guardrails::Error>(())
//! ```

pub mod controls;
mod detect;
mod error;
pub mod eval;
pub mod gate;
pub mod harm;

#[cfg(feature = "onnx")]
pub use detect::AttackClassifier;
#[doc(hidden)]
pub use detect::training;
pub use detect::{
    BUDGETS, Band, Calibration, ChannelLimit, DEFAULT_BUDGET, Decision, Detector, Disguise, Evidence,
    FEWEST_TEXTS, Feed, Input, MOST_BYTES, Opinion, Origin, PROVENANCE, Provenance, SEGMENT, SecondOpinion,
    Verdict,
};
pub use error::Error;
#[cfg(feature = "onnx")]
pub use privet_inference::SequenceFiles;
