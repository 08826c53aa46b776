//! Gold sets as files.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;
use flate2::read::MultiGzDecoder;
use privet_pii::eval::{self, GoldDocument, Guess};

/// How a gold set is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GoldFormat {
    /// `{"full_text","spans":[{"entity_type","start_position","end_position"}]}`, one a line or in one array; positions are
    /// code points.
    PresidioResearch,
    /// `{"id","text","spans":[{"type","start","end"}]}`, one a line; positions are UTF-8 bytes.
    Jsonl,
    /// `[[KIND|value]]` in the text; texts begin with a line `# id` and are divided by lines `---`.
    Inline,
}

impl From<GoldFormat> for eval::GoldFormat {
    fn from(format: GoldFormat) -> Self {
        match format {
            GoldFormat::PresidioResearch => Self::PresidioResearch,
            GoldFormat::Jsonl => Self::Jsonl,
            GoldFormat::Inline => Self::Inline,
        }
    }
}

/// Reads a gold set; one whose name ends with `.gz` is unpacked.
///
/// # Errors
/// If it cannot be read or is not of the format. Errors name the place, never the text.
pub(crate) fn read(path: &Path, format: GoldFormat) -> Result<Vec<GoldDocument>> {
    let text = text_of(path, "gold set")?;
    eval::gold(&text, format.into()).with_context(|| format!("gold set `{}`", path.display()))
}

/// Reads what another program found in the texts of `documents`, in their order; `.gz` is unpacked.
///
/// # Errors
/// If it cannot be read or does not belong to them.
pub(crate) fn predictions(path: &Path, documents: &[GoldDocument]) -> Result<Vec<Vec<Guess>>> {
    let text = text_of(path, "predictions")?;
    eval::predictions(&text, documents).with_context(|| format!("predictions `{}`", path.display()))
}

fn text_of(path: &Path, what: &str) -> Result<String> {
    let cannot = || format!("cannot read {what} `{}`", path.display());
    let mut text = String::new();
    let mut reader: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        let file = BufReader::new(File::open(path).with_context(cannot)?);
        if path.extension().is_some_and(|e| e == "gz") {
            Box::new(MultiGzDecoder::new(file))
        } else {
            Box::new(file)
        }
    };
    reader.read_to_string(&mut text).with_context(cannot)?;
    Ok(text)
}
