//! What can go wrong with rules and with a scan.

/// Why rules cannot be used, or a text was not looked at to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The rule file is not TOML, or lacks what every rule file has.
    #[error("cannot read the rule file: {message}")]
    Syntax {
        /// What the parser says, with line and column.
        message: String,
    },
    /// A rule says something that cannot be used.
    #[error("rule `{rule}`, field `{field}`: {reason}")]
    Rule {
        /// Id of the rule; its place in the file if it has none.
        rule: String,
        /// The field as it is named in the file.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The keywords of all rules together are too many for one automaton.
    #[error("cannot search for all keywords at once: {message}")]
    Keywords {
        /// What the automaton says.
        message: String,
    },
    /// The scan ended early: the text is *not* looked at.
    #[error(transparent)]
    Budget(#[from] privet_types::BudgetError),
}
