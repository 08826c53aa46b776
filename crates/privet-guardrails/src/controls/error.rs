//! What can go wrong while a control looks at something.

use privet_types::BudgetError;

use super::Control;

/// Why a control could not look at something, or cannot be used as it is configured. The caller must block what was not looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The work budget ended before the text did.
    #[error("the text was not looked at to its end")]
    Budget(#[from] BudgetError),
    /// Detecting personal data failed.
    #[error(transparent)]
    Pii(#[from] privet_pii::Error),
    /// A configuration cannot be used.
    #[error("control `{}`, `{key}`: {problem}", control.name())]
    Config {
        /// Whose it is.
        control: Control,
        /// Which key, with its place in a list, counted from 1.
        key: String,
        /// What is wrong with it, and the way out.
        problem: String,
    },
    /// A file that a control reads cannot be used.
    #[error("the file for control `{}` cannot be used: {problem}", control.name())]
    File {
        /// Whose it is.
        control: Control,
        /// What is wrong with it, and the way out.
        problem: &'static str,
    },
}

impl Error {
    pub(crate) fn config(control: Control, key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Config {
            control,
            key: key.into(),
            problem: problem.into(),
        }
    }
}
