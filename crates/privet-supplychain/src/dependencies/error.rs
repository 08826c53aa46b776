//! What can go wrong while dependencies and advisories are read.

use privet_types::BudgetError;

/// Why a manifest, an advisory or an index could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not what its name says it is.
    #[error("line {line}: {problem}")]
    Syntax {
        /// From 1; 0 where no line is to blame.
        line: u32,
        /// What is wrong; never a value out of the file.
        problem: String,
    },
    /// The file is longer than is read.
    #[error("the file has {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// How long it is.
        bytes: u64,
        /// How long it may be.
        limit: u64,
    },
    /// The work budget is spent or cancelled: nothing is known of the rest.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// An advisory that is not OSV.
    #[error("advisory `{id}`: {problem}")]
    Advisory {
        /// Its id, or the name of its file.
        id: String,
        /// Which field is wrong.
        problem: String,
    },
    /// The archive of advisories is damaged.
    #[error("the archive of advisories is damaged: {problem}")]
    Archive {
        /// What is wrong.
        problem: &'static str,
    },
    /// The index is damaged, or of another version.
    #[error("the index of advisories cannot be used: {problem}; write a new one with `privet scan update`")]
    Index {
        /// What is wrong.
        problem: &'static str,
    },
    /// The licence policy names what is not a licence.
    #[error("licence policy: `{name}` is not an SPDX identifier; the list is at https://spdx.org/licenses/")]
    Licence {
        /// As written in the policy.
        name: String,
    },
    /// Bytes could not be had.
    #[error("cannot read the advisories")]
    Read(#[from] std::io::Error),
}

impl Error {
    pub(super) fn syntax(line: u32, problem: impl Into<String>) -> Self {
        Self::Syntax {
            line,
            problem: problem.into(),
        }
    }
}
