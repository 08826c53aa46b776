//! What can go wrong.

use std::path::PathBuf;

/// Why there are no figures, or none to be trusted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}; see `privet-bench --help`")]
    Usage(String),
    #[error(
        "there is no `privet` at `{path}`; build it with `cargo build --release`, or say where it is with `--privet PATH`"
    )]
    NoPrivet { path: PathBuf },
    #[error("{what}")]
    Io {
        what: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{what}")]
    Http {
        what: String,
        #[source]
        source: hyper::Error,
    },
    #[error("`{command}` failed; it said: {said}")]
    Process { command: String, said: String },
    /// The run is worthless: something answered wrongly, or a private value reached the mock provider.
    #[error("wrong: {row}: {what}")]
    Wrong { row: String, what: String },
}

impl Error {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        |source| Self::Io { what, source }
    }

    pub(crate) fn http(what: impl Into<String>) -> impl FnOnce(hyper::Error) -> Self {
        let what = what.into();
        |source| Self::Http { what, source }
    }
}
