//! What is wrong with an update.

/// Why an update cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// It is no update, or was changed, or another Privet wrote it.
    #[error("is no update that can be read: {what}")]
    Shape {
        /// What is wrong.
        what: &'static str,
    },
    /// It ends too soon, or goes on too long.
    #[error(
        "holds {there} bytes of files where its manifest says {wanted}; it was cut off, or something was added"
    )]
    Length {
        /// Bytes that follow the manifest.
        there: u64,
        /// Bytes that should.
        wanted: u64,
    },
    /// A field of the manifest holds what it must not.
    #[error("has a manifest whose `{field}` cannot be: {message}")]
    Field {
        /// Which.
        field: &'static str,
        /// What is wrong, and what it may be.
        message: &'static str,
    },
    /// A file's name leads somewhere else, or collides with another.
    #[error("names a file `{name}`, which {message}")]
    Name {
        /// The name, without anything that a terminal would obey.
        name: String,
        /// What is wrong with it.
        message: &'static str,
    },
    /// A file is not what the manifest says.
    #[error("holds a file `{name}` that is not what its manifest says; it was changed")]
    Changed {
        /// Which.
        name: String,
    },
    /// It bears a known name with a signature that is none.
    #[error(
        "bears a signature of `{key}` that is not of this update; it was changed, or signed before it was"
    )]
    BadSignature {
        /// Whose it claims to be.
        key: String,
    },
    /// Not enough of those whose signatures count have signed it.
    #[error("is signed by {found} of the keys that count here, and {wanted} must have signed it")]
    TooFewSigners {
        /// How many have.
        found: usize,
        /// How many must.
        wanted: usize,
    },
    /// The library failed.
    #[error("cannot be written: {message}")]
    Write {
        /// Why.
        message: String,
    },
}
