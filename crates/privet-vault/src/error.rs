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

    // Subjects, sessions, tokens, import.
    /// There is none, it is another tenant's, it has ended, or it was erased: all the same from outside.
    #[error("no such {what}")]
    Absent {
        /// What was asked for: `subject`, `session`, `token`, ….
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
    /// What was given is no record.
    #[error("not a record: {why}")]
    BadRecord {
        /// What is wrong, from a closed set.
        why: &'static str,
    },
    /// An erased person is not to come back by an import.
    #[error("this subject was erased and is not to come back")]
    WasErased,
    /// Another subject has this value in a field where each value may stand once.
    #[error("field `{field}`: another subject has this value already")]
    Taken {
        /// The field.
        field: String,
    },
    /// The record was changed meanwhile, or the caller knew an older version.
    #[error("the record is at version {found} now; read it again, then change that version")]
    VersionConflict {
        /// The version it has.
        found: u64,
    },
    /// Processing of this subject's data is restricted (GDPR Article 18).
    #[error("processing is restricted for this subject; say which permitted purpose this is for")]
    Restricted,
    /// More of something than is kept.
    #[error("more {what} than {most}")]
    TooMany {
        /// What.
        what: &'static str,
        /// How many there may be.
        most: u64,
    },
    /// Another one is at work that leaves no room for this one.
    #[error("another {what} is being made; try again in a moment")]
    Busy {
        /// What is made one at a time.
        what: &'static str,
    },
    /// Who asked for a bulk read may not approve it.
    #[error("who asked for a bulk read cannot approve it; somebody else has to")]
    SamePrincipal,
    /// The bulk read is not approved, was refused, or its window is over.
    #[error("the bulk read is not open ({state})")]
    NotOpen {
        /// Where it stands: `waiting`, `refused`, `closed`.
        state: &'static str,
    },
    /// What is stored does not open: it was changed, cut, or belongs elsewhere.
    #[error("a row of `{table}` was changed or belongs elsewhere; restore the store from a backup")]
    Damaged {
        /// The table.
        table: &'static str,
    },
    /// An import cannot be read any further.
    #[error("line {line}: {why}")]
    BadImport {
        /// The line, from 1.
        line: u64,
        /// What is wrong, from a closed set.
        why: &'static str,
    },
    /// The file to import cannot be read.
    #[error("the file to import cannot be read")]
    Read(#[source] std::io::Error),
    /// A value that came from JSON cannot be written as JSON.
    #[error("a record cannot be written as JSON")]
    Json(#[source] serde_json::Error),
    /// A task that computes ended early.
    #[error("an internal error stopped the work; nothing of it was stored")]
    Stopped,

    // Consent and retention.
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
    /// Subjects answered to the agreement under this name.
    #[error("subjects answered to this agreement, so it keeps its name")]
    Answered,
    /// The store did not answer in time.
    #[error("the store did not answer in time")]
    Late,
    /// One subject's history is full.
    #[error("this subject's history is full: {most} events")]
    HistoryFull {
        /// How many there may be.
        most: i64,
    },

    // Lineage and erasure.
    /// An outside store could not be emptied of a person.
    #[error("the outside store `{place}` cannot be used: {why}")]
    Connector {
        /// Which.
        place: String,
        /// What is wrong, from a closed set.
        why: &'static str,
    },
    /// An erasure was begun, so that the subject is gone from outside; what is left to do failed, and can be taken up again.
    #[error("the erasure {erasure} was begun and is not finished")]
    Unfinished {
        /// Its id.
        erasure: String,
        /// What failed.
        source: Box<Error>,
    },
    /// A receipt does not hold.
    #[error("the receipt does not hold: {0}")]
    BadReceipt(#[from] crate::ReceiptError),

    // Subject requests.
    /// The request is not where this can be done.
    #[error("the request cannot go on: {why}")]
    NotReady {
        /// What is in the way, from a closed set.
        why: &'static str,
    },
    /// This is not the one-time code.
    #[error("this is not the code; it can be typed {left} more times")]
    WrongCode {
        /// How often a code can still be typed.
        left: u32,
    },
    /// Somebody else has to do this.
    #[error(
        "somebody else has to do this: who takes a request in, who approves it, and who carries it out after that"
    )]
    SecondPrincipal,
    /// The one-time code is not on its way.
    #[error("the code could not be sent; try again, or another way")]
    NotDelivered,
}
