//! What can go wrong while text is looked at.

use privet_types::{BudgetError, Entity};

/// Why text could not be looked at. The caller must treat the text as private.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The work budget ended before the text did.
    #[error("the text was not looked at to its end")]
    Budget(#[from] BudgetError),
    /// A text that came as bytes is not UTF-8.
    #[error("not UTF-8 at byte {at}; convert it first, for example with `iconv -f WINDOWS-1252 -t UTF-8`")]
    NotUtf8 {
        /// The first byte that is none, counted from 0.
        at: u64,
    },
    /// A term of the policy cannot be looked for. Names its place, not the term, which is private.
    #[error("term {position} of list {list} (`{entity}`) {problem}")]
    Terms {
        /// Which `[[pii.terms]]` table, counted from 1.
        list: usize,
        /// Which of its `values`, counted from 1; 0 for the list as a whole.
        position: usize,
        /// The kind the list is reported as.
        entity: Entity,
        /// What is wrong with it, and the way out.
        problem: &'static str,
    },
    /// A kind that nobody defines.
    #[error(
        "unknown entity `{entity}`; `privet pii entities` lists the known ones, a recogniser of one's own can add it"
    )]
    UnknownEntity {
        /// The kind.
        entity: Entity,
    },
    /// The policy asks for a network that was not handed in.
    #[error(
        "the policy asks for the network `{name}`, which is not here; `privet pii model list` shows those that are"
    )]
    NoModel {
        /// The network's name.
        name: String,
    },
    /// A token classifier of the user's choice cannot be used.
    #[error("the network cannot be used: {problem}")]
    Classifier {
        /// What is wrong with it, and the way out.
        problem: String,
    },
    /// The threshold is no chance.
    #[error("threshold {value} is not between 0 and 1")]
    Threshold {
        /// What was given.
        value: f64,
    },
    /// A recogniser of the user's own cannot be used.
    #[error("recogniser `{name}`: {problem}")]
    Recognizer {
        /// Its name.
        name: String,
        /// What is wrong with it, and the way out.
        problem: String,
    },
    /// A file of recognisers cannot be read.
    #[error("the recogniser file cannot be read: {problem}")]
    RecognizerFile {
        /// What is wrong with it.
        problem: String,
    },
    /// A pattern of the user's own took too many steps on this text.
    #[error(
        "recogniser `{name}` takes too long on this text; write its patterns without look-around and nested repetition"
    )]
    Pattern {
        /// Its name.
        name: String,
    },
    /// A finding does not lie in the text, or not on character bounds.
    #[error("finding {position} does not lie in the text on character bounds")]
    Finding {
        /// Which finding, counted from 1.
        position: usize,
    },
    /// The operators cannot work as configured.
    #[error("operator `{operator}` {problem}")]
    Operator {
        /// The operator's name.
        operator: &'static str,
        /// What is wrong, and the way out.
        problem: &'static str,
    },
    /// An operator cannot be applied to one of the values. Nothing was anonymised.
    #[error("finding {position} (`{entity}`): operator `{operator}` {problem}")]
    Value {
        /// Which finding after overlaps are merged, counted from 1.
        position: usize,
        /// Its kind.
        entity: Entity,
        /// The operator's name.
        operator: &'static str,
        /// What is wrong, and the way out.
        problem: String,
    },
    /// The manifest does not belong to these keys, or was changed.
    #[error("the manifest was changed, or belongs to another tenant or scope, or is of an unknown version")]
    Manifest,
    /// The text is not the one the manifest was written for.
    #[error(
        "the text is not the one that the manifest describes; an edited text can be restored only by its tokens"
    )]
    TextChanged,
    /// A token in the text does not open.
    #[error("the token at byte {position} was changed, or sealed for another tenant or scope")]
    Tampered {
        /// Its first byte.
        position: usize,
    },
    /// The cryptographic library failed.
    #[error(transparent)]
    Crypto(#[from] privet_crypto::Error),
    /// The word automata or the telephone metadata could not be made ready.
    #[error("the recognisers cannot be made ready: {reason}")]
    Recognizers {
        /// What the library said; holds nothing private.
        reason: String,
    },
}
