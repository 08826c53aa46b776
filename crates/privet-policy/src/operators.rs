//! Operator files of the command line: what becomes of which kind of value.

use std::path::Path;

use privet_pii::Operators;

use crate::{Error, document};

/// Reads an operator file in TOML: a `default` operator, and `entities` with one for each kind. `path` is only for errors.
/// Whether the operators can work is checked where they are used (`privet_pii::Anonymizer::new`).
///
/// # Errors
/// [`Error`] with line and column if it is not TOML, or has an operator or a field that does not exist.
///
/// ```
/// use privet_pii::Operator;
/// let operators = privet_policy::operators("default = { type = \"redact\" }", "operators.toml".as_ref())?;
/// assert_eq!(operators.default, Operator::Redact {});
/// # Ok::<(), privet_policy::Error>(())
/// ```
pub fn operators(text: &str, path: &Path) -> Result<Operators, Error> {
    document::read(text, path, Ok)
}
