//! JSON Lines of records: one object a line, of which only `text` is looked at.

use serde_json::Value;

use super::leaf::{At, Kind, Leaf};
use super::{Error, JsonLeaves};

/// A line of `{"id","text","context"?}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Whatever stands there; null if nothing does.
    pub id: Value,
    /// What is looked at.
    pub text: String,
    /// What says something about the text, such as the name of its field.
    pub context: Option<String>,
}

impl Record {
    /// Reads a line; a byte order mark before it is passed over. Other fields are left.
    ///
    /// # Errors
    /// [`Error::Record`] if it is not JSON, [`Error::NoObject`] if it is another value than an object, [`Error::NoText`] if its
    /// `text` is no string.
    pub fn parse(line: &[u8]) -> Result<Self, Error> {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let value = serde_json::from_slice(line).map_err(|error| Error::Record {
            column: error.column(),
        })?;
        let Value::Object(mut fields) = value else {
            return Err(Error::NoObject);
        };
        let Some(Value::String(text)) = fields.remove("text") else {
            return Err(Error::NoText);
        };
        let context = match fields.remove("context") {
            Some(Value::String(context)) => Some(context),
            _ => None,
        };
        Ok(Self {
            id: fields.remove("id").unwrap_or_default(),
            text,
            context,
        })
    }
}

/// The `text` of a line as a leaf, with all else before and behind it, so that the line can be written again. `number`: of
/// the line, counted from 1. A line of blanks has no text; a line with several has several.
///
/// # Errors
/// [`Error::Json`] if it is not JSON (its line counts within `line`), [`Error::NoText`] if it has no string `text`.
pub fn record_leaves(line: &[u8], number: u64) -> Result<Vec<Leaf>, Error> {
    let mut reader = JsonLeaves::new(line);
    let mut before = Vec::new();
    let mut texts: Vec<Leaf> = Vec::new();
    let mut context = None;
    let mut end = None;
    while let Some(mut leaf) = reader.next_leaf()? {
        leaf.line = number.saturating_sub(1);
        let At::Pointer { pointer, is_key } = &leaf.at else {
            continue;
        };
        if pointer == "/context" && !is_key && leaf.kind == Kind::JsonString {
            context = Some(leaf.text.clone());
        }
        before.append(&mut leaf.before);
        if pointer == "/text" && !is_key && leaf.kind == Kind::JsonString {
            leaf.before = std::mem::take(&mut before);
            texts.push(leaf);
        } else {
            before.extend_from_slice(&leaf.raw);
            end = (leaf.kind == Kind::End).then_some(leaf);
        }
    }
    if texts.is_empty() && !line.trim_ascii().is_empty() {
        return Err(Error::NoText);
    }
    for leaf in &mut texts {
        leaf.context.clone_from(&context);
    }
    if let Some(mut leaf) = end {
        leaf.before = before;
        leaf.raw = Vec::new();
        texts.push(leaf);
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_and_written_again_as_it_was() {
        let line = "{\"id\": 7, \"text\": \"a\\u00e9\", \"context\": \"mail\", \"n\": 1.50}\n";
        let record = Record::parse(line.as_bytes()).unwrap();
        assert_eq!(
            (record.text.as_str(), record.context.as_deref()),
            ("aé", Some("mail"))
        );
        let leaves = record_leaves(line.as_bytes(), 3).unwrap();
        let written: Vec<u8> = leaves
            .iter()
            .flat_map(|leaf| [leaf.before.clone(), leaf.raw.clone()].concat())
            .collect();
        assert_eq!(String::from_utf8(written).unwrap(), line);
        assert_eq!((leaves[0].text.as_str(), leaves[0].line), ("aé", 2));
        assert_eq!(leaves[0].context.as_deref(), Some("mail"));
    }

    #[test]
    fn what_is_no_record_is_refused_without_its_text() {
        for line in ["SECRET", "[\"SECRET\"]", "{\"text\": 5, \"x\": \"SECRET\"}"] {
            let error = Record::parse(line.as_bytes()).unwrap_err().to_string();
            assert!(!error.contains("SECRET"), "{error}");
            assert!(record_leaves(line.as_bytes(), 1).is_err());
        }
    }
}
