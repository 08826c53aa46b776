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
    /// The word automata or the telephone metadata could not be made ready.
    #[error("the recognisers cannot be made ready: {reason}")]
    Recognizers {
        /// What the library said; holds nothing private.
        reason: String,
    },
}
