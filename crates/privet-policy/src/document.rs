//! Text to checked document: TOML, then the file as written, then the checks; every fault with its place.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::de::DeTable;

use crate::Error;
use crate::key_path::{Fault, KeyPath};
use crate::message;

/// Reads `text` as a `File` and checks it. `path` is only for errors.
pub(crate) fn read<File: DeserializeOwned, Checked>(
    text: &str,
    path: &Path,
    check: impl FnOnce(File) -> Result<Checked, Fault>,
) -> Result<Checked, Error> {
    let place = |offset: usize| line_and_column(text, offset);
    // The library's own error prints the offending line, keys and all, so it is taken apart and never kept.
    let document = DeTable::parse(text).map_err(|error| {
        let (line, column) = place(error.span().map_or(0, |span| span.start));
        Error::Syntax {
            path: path.to_owned(),
            line,
            column,
            message: error.message().to_owned(),
        }
    })?;
    let root = document.get_ref();
    let fault_at = |offset: usize, key: String, message: String| {
        let (line, column) = place(offset);
        Error::Key {
            path: path.to_owned(),
            line,
            column,
            key,
            message,
        }
    };
    let file = toml::from_str::<File>(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let at = KeyPath::at_offset(root, offset);
        fault_at(offset, at.to_string(), message::plain(error.message()))
    })?;
    check(file).map_err(|fault| fault_at(fault.at.offset(root), fault.at.to_string(), fault.message))
}

fn line_and_column(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (
        u32::try_from(line).unwrap_or(u32::MAX),
        u32::try_from(column).unwrap_or(u32::MAX),
    )
}

/// `written`, taken from a document at `document`: relative paths are relative to the document's folder.
pub(crate) fn beside(document: &Path, written: &Path) -> PathBuf {
    document
        .parent()
        .map_or_else(|| written.to_owned(), |folder| folder.join(written))
}

/// The JSON Schema of `File`, with a line end.
pub(crate) fn schema<File: schemars::JsonSchema>() -> String {
    let mut value = schemars::schema_for!(File).to_value();
    // Properties by name, not by declaration: a field that is moved changes nothing.
    value.sort_all_objects();
    // A schema is a JSON value with text keys; reading it back and writing it cannot fail.
    schemars::Schema::try_from(value)
        .and_then(|schema| serde_json::to_string_pretty(&schema))
        .map(|text| text + "\n")
        .unwrap_or_default()
}
