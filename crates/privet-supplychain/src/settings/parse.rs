//! From text to checked settings; every fault with its field.

use serde::Deserialize;

use super::ScanConfig;

/// Longest document that is read.
const MOST_BYTES: usize = 4 << 20;

/// A setting that cannot be used. Values are not repeated: people paste keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {what}")]
pub struct BadSetting {
    /// Which, from the top of the document: `scan.archives.depth`.
    pub field: String,
    /// What is wrong.
    pub what: String,
}

/// The document as far as it concerns the scan.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    scan: ScanConfig,
}

pub(super) fn parse(text: &str) -> Result<ScanConfig, BadSetting> {
    let bad = |field: &str, what: &str| BadSetting {
        field: field.to_owned(),
        what: what.to_owned(),
    };
    if text.len() > MOST_BYTES {
        return Err(bad("scan", "the document is longer than 4 MiB"));
    }
    // The library's own error prints the offending line, so only its message is taken.
    let document = toml::Deserializer::parse(text).map_err(|error| {
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map_or(1, |before| {
                before.bytes().filter(|byte| *byte == b'\n').count() + 1
            });
        bad("scan", &format!("line {line} is not TOML: {}", error.message()))
    })?;
    let Document { scan } = serde_path_to_error::deserialize(document).map_err(|error| {
        let field = error.path().to_string();
        bad(&field, &plain(error.inner().message()))
    })?;
    scan.check()?;
    Ok(scan)
}

/// `message` of serde without the value that it may repeat.
fn plain(message: &str) -> String {
    let kinds = [
        "string",
        "integer",
        "floating point",
        "boolean",
        "map",
        "sequence",
        "datetime",
    ];
    for what in ["invalid type: ", "invalid value: "] {
        let Some(rest) = message.strip_prefix(what) else {
            continue;
        };
        let kind = kinds
            .iter()
            .find(|kind| rest.starts_with(**kind))
            .unwrap_or(&"another kind");
        let expected = rest
            .rsplit_once(", expected ")
            .map_or("something else", |(_, it)| it);
        return format!("{what}{kind}, expected {expected}");
    }
    match message.strip_prefix("unknown variant ") {
        Some(rest) => {
            let expected = rest.split_once(", expected ").map_or("", |(_, it)| it);
            format!("unknown word, expected {expected}")
        }
        None => message.to_owned(),
    }
}
