//! What can go wrong.

/// What can go wrong with keys and sealed data. Never says anything about the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A written root key is not in the expected form.
    #[error(
        "not a root key: expected `privet-root-1:` and 64 hexadecimal digits; `privet serve` makes a new one if the file is absent"
    )]
    BadRootKey,
    /// A written signing key is not in the expected form.
    #[error("not a signing key: expected `privet-signing-1:` and 64 hexadecimal digits")]
    BadSigningKey,
    /// A written verifying key is not in the expected form.
    #[error("not a public key: expected `privet-verifying-1:` and 64 hexadecimal digits")]
    BadVerifyingKey,
    /// A signature was not made over this message by this key.
    #[error("the signature does not belong to this message and key")]
    BadSignature,
    /// Sealed data was changed, cut, made under another key, or belongs elsewhere.
    #[error("sealed data cannot be opened: it was changed, or sealed under another key or for another place")]
    CannotOpen,
    /// Sealed data, a wrapped key or a stream is not of a format that this version reads.
    #[error("sealed data is of a format that this version does not know")]
    UnknownFormat,
    /// Sealed data, a wrapped key or a stream names another key than the one at hand.
    #[error("sealed under another key")]
    WrongKey,
    /// Sealed data belongs to another tenant, subject, record, field, schema or version.
    #[error("sealed for another place")]
    WrongContext,
    /// Sealed data was changed or cut.
    #[error("sealed data is damaged")]
    Damaged,
    /// A sealed stream ends before its end.
    #[error("the sealed stream is cut: its last part is missing")]
    Truncated,
    /// A key has sealed as much as it may.
    #[error("this key has sealed as many records as it may (2^32); seal under a new one")]
    KeyWornOut,
    /// The written parameters of a passphrase are not in the expected form.
    #[error("not a passphrase lock: expected `privet-argon2id-1:m=…,t=…,p=…,salt=…,key=…`")]
    BadLock,
    /// Argon2id parameters outside what is safe, or what a machine should be asked for.
    #[error(
        "Argon2id cost out of range: memory 19456 to 1048576 KiB, 2 to 16 passes, 1 to 16 lanes, memory times passes at most 4194304"
    )]
    BadCost,
    /// A new passphrase is too short.
    #[error("a passphrase needs at least 12 characters")]
    WeakPassphrase,
    /// A stored password hash is not in the expected form.
    #[error("not a hashed password: expected `$argon2id$v=19$m=…,t=…,p=…$salt$hash`")]
    BadPasswordHash,
    /// The passphrase does not open the lock.
    #[error("wrong passphrase, or the lock was changed")]
    WrongPassphrase,
    /// A written share is not in the expected form, or its checksum does not fit.
    #[error(
        "not a share, or a mistyped one: expected `privet-share-1:SET:THRESHOLD:INDEX:DATA:CHECKSUM` whose checksum fits"
    )]
    BadShare,
    /// The numbers of shares asked for make no sense.
    #[error("shares need 2 <= threshold <= count <= 255")]
    BadShareCount,
    /// Shares of different sets, or two different shares of one number.
    #[error("the shares are not of one set")]
    MixedShares,
    /// Fewer shares than the threshold.
    #[error("{have} of the {need} shares needed")]
    TooFewShares {
        /// Different shares that are there.
        have: u8,
        /// Shares that are needed.
        need: u8,
    },
    /// Shares of one set that give no key: one was changed, checksum and all.
    #[error("the shares do not give the key that was split: at least one is false")]
    FalseShare,
    /// A one-time code of a length that is not offered.
    #[error("a one-time code has 6 to 12 digits")]
    BadCodeLength,
    /// A bucket of a blind index has a number of bits that is not offered.
    #[error("a bucket of a blind index has 1 to 32 bits")]
    BadBucket,
    /// Format-preserving encryption over fewer than [`MIN_DOMAIN`](crate::MIN_DOMAIN) possible values could be undone by
    /// trying them all.
    #[error(
        "format-preserving encryption needs at least 1,000,000 possible values of this form, and at most 512 characters"
    )]
    Domain,
    /// A symbol is not below its radix, or a radix is not 2 to 65,536.
    #[error("a symbol is outside its alphabet")]
    Symbol,
    /// A cipher key of a length that AES has not.
    #[error("an AES key has 16, 24 or 32 bytes")]
    BadCipherKey,
    /// The system gave no random bytes, or the library refused to work.
    #[error("the cryptographic library failed")]
    Library,
}
