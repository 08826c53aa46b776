//! Why a document cannot be read.

/// Why a document cannot be read. Says where, and never repeats the text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Its bytes do not come.
    #[error(transparent)]
    Read(#[from] std::io::Error),
    /// It is not JSON. Counted from 1.
    #[error(
        "not JSON at line {line} column {column}, expected {expected}; plain text is read with `--format text`"
    )]
    Json {
        /// The line.
        line: u64,
        /// The column, in code points.
        column: u64,
        /// What should stand there.
        expected: &'static str,
    },
    /// A table ends within quotes.
    #[error("ends within quotes that line {line} opens; close them, or read it with `--format text`")]
    Quotes {
        /// The line, counted from 1.
        line: u64,
    },
    /// It is not UTF-8.
    #[error("not UTF-8 at byte {at}; convert it first, for example with `iconv -f WINDOWS-1252 -t UTF-8`")]
    Utf8 {
        /// The first byte that is wrong.
        at: u64,
    },
    /// A line that should be a record is not JSON.
    #[error("column {column} is not JSON; each line is to be one object with `id` and `text`")]
    Record {
        /// The column in bytes, counted from 1.
        column: usize,
    },
    /// A line that should be a record is another JSON value.
    #[error("no JSON object; each line is to be one with `id` and `text`")]
    NoObject,
    /// A record has no text.
    #[error("no string `text`; lines of another shape are read with `--format json`")]
    NoText,
    /// A manifest is of a version that this program does not know.
    #[error("is of version {version}; this program reads version {known}")]
    Version {
        /// Its version.
        version: u32,
        /// The one that is known.
        known: u32,
    },
    /// A file is no manifest.
    #[error("is no manifest of `privet pii anonymize`")]
    NoManifest,
    /// A manifest is not whole.
    #[error("is cut short or changed at line {line}")]
    Cut {
        /// The line, counted from 1.
        line: u64,
    },
    /// A manifest tells of pieces that the document does not have.
    #[error("describes a longer document")]
    Short,
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Read(error.into())
    }
}
