//! What can go wrong.

/// Why something could not be planned, read or gone on with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No family has this name.
    #[error("there is no family `{name}`; the known ones are {known}")]
    UnknownFamily {
        /// What was asked for.
        name: String,
        /// All names.
        known: String,
    },
    /// Nothing is left to do.
    #[error(
        "no probe is left: what was chosen needs what this target does not give; `--list` shows the probes"
    )]
    NothingToDo,
    /// The log tells of another run.
    #[error(
        "the log is of another run: its {what} was {was}, and this one's is {is}; choose another folder, or the same options"
    )]
    OtherRun {
        /// What differs.
        what: &'static str,
        /// In the log.
        was: String,
        /// Now.
        is: String,
    },
    /// A line of the log cannot be read, and it is not the last one.
    #[error("line {line} of the log cannot be read; it was changed by something else")]
    BadLog {
        /// Which, from 1.
        line: usize,
    },
    /// What the target sent is no reply of the dialect.
    #[error("the reply is none of the dialect: {what}")]
    BadReply {
        /// What is missing or wrong.
        what: &'static str,
    },
}
