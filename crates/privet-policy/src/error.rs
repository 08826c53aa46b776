//! What can be wrong with a document.

use std::path::PathBuf;

/// Why a document was refused. Never holds a value of the document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not TOML.
    #[error("{}:{line}:{column}: not TOML: {message}", path.display())]
    Syntax {
        /// The document.
        path: PathBuf,
        /// Counted from 1.
        line: u32,
        /// In characters, counted from 1.
        column: u32,
        /// What is wrong there.
        message: String,
    },
    /// A key is unknown or missing, or what it says cannot be.
    #[error("{}:{line}:{column}: {}{message}", path.display(), if key.is_empty() { String::new() } else { format!("`{key}`: ") })]
    Key {
        /// The document.
        path: PathBuf,
        /// Counted from 1.
        line: u32,
        /// In characters, counted from 1.
        column: u32,
        /// Where in the document, such as `providers[0].base_url`; empty for the document as a whole.
        key: String,
        /// What is wrong and the way out.
        message: String,
    },
}
