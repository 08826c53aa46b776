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
}
