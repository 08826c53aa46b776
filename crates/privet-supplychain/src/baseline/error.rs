//! What can go wrong.

/// Why a key, a baseline or an allow list cannot be used. Never says anything about a value that was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// A written key is not in the expected form.
    #[error("not a scan key: expected 32 bytes as 64 hexadecimal digits or as base64")]
    BadKey,
    /// A baseline is not JSON of the expected shape.
    #[error("the baseline cannot be read at line {line}, column {column}: not JSON of the expected shape")]
    Unreadable {
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1.
        column: usize,
    },
    /// A baseline is larger than any that is written.
    #[error("the baseline is larger than {most} bytes")]
    TooLarge {
        /// The limit.
        most: usize,
    },
    /// A baseline is of a version that this program does not know.
    #[error(
        "the baseline is of version {version}, and this program knows version {known}; update it, or make the baseline anew"
    )]
    UnknownVersion {
        /// What the file says.
        version: u64,
        /// What this program writes.
        known: u64,
    },
    /// A baseline was made under another key, so none of its fingerprints can be compared.
    #[error(
        "the baseline was made under key `{theirs}`, and this scan runs under `{ours}`: no finding can be compared; use that key, or make the baseline anew"
    )]
    OtherKey {
        /// Id of the key in the file.
        theirs: String,
        /// Id of the key at hand.
        ours: String,
    },
    /// An entry of a baseline or of an allow list cannot be used.
    #[error("entry {entry}: {what}")]
    BadEntry {
        /// Which, from 1.
        entry: usize,
        /// What is wrong, and the way out.
        what: String,
    },
}
