//! What can go wrong while text is looked at.

use privet_types::{BudgetError, Entity};

/// Why text could not be looked at. The caller must treat the text as private.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The work budget ended before the text did.
    #[error("the text was not looked at to its end")]
    Budget(#[from] BudgetError),
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
    /// A pattern of the user's own took too many steps on this text.
    #[error(
        "recogniser `{name}` takes too long on this text; write its patterns without look-around and nested repetition"
    )]
    Pattern {
        /// Its name.
        name: String,
    },
    /// The word automata or the telephone metadata could not be made ready.
    #[error("the recognisers cannot be made ready: {reason}")]
    Recognizers {
        /// What the library said; holds nothing private.
        reason: String,
    },
}
