//! What can go wrong while texts are looked at.

use privet_types::BudgetError;

/// Why a text was not looked at, or the detector could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The word list in the binary cannot be read.
    #[error("the word list of this build is damaged at line {line}; install Privet anew")]
    Lexicon {
        /// The line, counted from 1; 0 for the whole.
        line: usize,
    },
    /// The weights are not of this layout, or damaged.
    #[error("the weights cannot be used: {reason}")]
    Weights {
        /// What is wrong with them.
        reason: &'static str,
    },
    /// A calibration is not what it is said to be.
    #[error("the calibration cannot be used: {reason}; make one with `privet guard calibrate`")]
    Calibration {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A model of the user's own cannot be used, or failed on a text.
    #[error("the model that is asked in doubt cannot be used: {problem}")]
    SecondOpinion {
        /// What is wrong with it.
        problem: String,
    },
    /// Bounds of doubt are none.
    #[error(
        "a band of doubt goes from a number of 0 to 0.5 to one of 0.5 to 1, and a limit lies between 0 and 1"
    )]
    Band,
    /// The text is too long to be looked at as one.
    #[error("the text has {bytes} bytes, more than the {most} that are looked at as one")]
    TooLong {
        /// Bytes of the text.
        bytes: usize,
        /// Bytes that are taken.
        most: usize,
    },
    /// A text that came as bytes is not UTF-8.
    #[error("not UTF-8 at byte {at}; convert it first, for example with `iconv -f WINDOWS-1252 -t UTF-8`")]
    NotUtf8 {
        /// The first byte that is none, counted from 0.
        at: u64,
    },
    /// The work budget is spent, or the caller gave up.
    #[error(transparent)]
    Budget(#[from] BudgetError),
}
