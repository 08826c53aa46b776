//! What can go wrong in the vault.

/// What can go wrong in the vault. Never says anything of what a record holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store or the keyring failed.
    #[error(transparent)]
    Store(#[from] privet_store::Error),
    /// The cryptographic library failed, or what is stored does not open.
    #[error("the cryptographic library failed")]
    Crypto(#[from] privet_crypto::Error),

    // Consent and retention.
    /// There is none, it is another tenant's, it has ended, or it was erased: all the same from outside.
    #[error("no such {what}")]
    Absent {
        /// What was asked for.
        what: &'static str,
    },
    /// A field cannot be used.
    #[error("field `{field}`: {why}")]
    BadField {
        /// The field, as the caller wrote it.
        field: String,
        /// What is wrong, from a closed set.
        why: &'static str,
    },
    /// What is stored does not open: it was changed, cut, or belongs elsewhere.
    #[error("a row of `{table}` was changed or belongs elsewhere; restore the store from a backup")]
    Damaged {
        /// The table.
        table: &'static str,
    },
    /// Nothing of this name is defined.
    #[error("there is no {what} `{name}`")]
    Undefined {
        /// What was looked for.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Something of this name is defined already.
    #[error("there is a {what} `{name}` already")]
    Defined {
        /// What was to be made.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Something cannot be written as JSON.
    #[error("cannot write this as JSON")]
    Json(#[source] serde_json::Error),
    /// The store did not answer in time.
    #[error("the store did not answer in time")]
    Late,
    /// One subject's history is full.
    #[error("this subject's history is full: {most} events")]
    HistoryFull {
        /// How many there may be.
        most: i64,
    },
}
