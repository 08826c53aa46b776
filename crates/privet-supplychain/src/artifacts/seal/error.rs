//! What can go wrong with a model at rest.

use std::io;

use jiff::Timestamp;

/// What can go wrong with a model at rest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("cannot read or write the model file")]
    File(#[from] io::Error),
    /// The sealed file is damaged, cut, of another key or of another model; or a signature is not right.
    #[error(transparent)]
    Crypto(#[from] privet_crypto::Error),
    /// The manifest is not one.
    #[error("not a model manifest as `privet model sign` writes them: {reason}")]
    BadManifest {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// None of the keys that are trusted has signed the manifest.
    #[error(
        "no key that is trusted has signed the manifest; check that `--key` names the public key of whoever signs your models"
    )]
    NotSigned,
    /// The manifest vouches for its files no longer.
    #[error("the manifest expired at {at}; sign the files anew")]
    Expired {
        /// Since when.
        at: Timestamp,
    },
    /// The manifest was made in the future, so one of the two clocks is wrong.
    #[error("the manifest was made at {at}, which is in the future; check the clock")]
    NotYet {
        /// When it says that it was made.
        at: Timestamp,
    },
    /// The manifest does not speak of this file.
    #[error("the manifest does not name `{path}`")]
    NotNamed {
        /// Which.
        path: String,
    },
    /// The file is not the one of the manifest.
    #[error("the model file is not the one of its manifest: its {what} differs; do not use it")]
    Mismatch {
        /// `size` or `SHA-256`.
        what: &'static str,
    },
    /// The file is no sealed model.
    #[error("not a sealed model: {reason}")]
    NotSealed {
        /// What is wrong with it.
        reason: &'static str,
    },
}
