//! Files of texts that people marked, a JSON object a line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use flate2::read::MultiGzDecoder;
use privet_guardrails::Origin;
use privet_guardrails::harm::HarmCategory;
use serde::Deserialize;

/// A text, and what is known about it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Marked {
    pub(crate) text: String,
    /// Whether it is an attack, if it is marked.
    pub(crate) is_attack: Option<bool>,
    pub(crate) source: String,
    pub(crate) language: Option<String>,
    /// Where it came from, if it says so.
    pub(crate) origin: Option<Origin>,
    pub(crate) system: Option<String>,
    /// What it is harmful by, if that is marked; empty where it is harmless.
    pub(crate) categories: Option<Vec<HarmCategory>>,
}

#[derive(Deserialize)]
struct Line {
    text: String,
    #[serde(default)]
    label: Option<u8>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default, alias = "lang")]
    language: Option<String>,
    #[serde(default, alias = "origin")]
    channel: Option<String>,
    #[serde(default)]
    system: Option<String>,
    #[serde(default)]
    categories: Option<Vec<String>>,
}

/// Reads a file; one whose name ends with `.gz` is unpacked, `-` is standard input.
///
/// # Errors
/// If it cannot be read or a line is not of the form. Errors name the line, never the text.
pub(crate) fn read(path: &Path) -> Result<Vec<Marked>> {
    let cannot = || format!("cannot read `{}`", path.display());
    let reader: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        let file = File::open(path).with_context(cannot)?;
        match path.extension().is_some_and(|e| e == "gz") {
            true => Box::new(MultiGzDecoder::new(file)),
            false => Box::new(file),
        }
    };
    let mut all = Vec::new();
    for (number, line) in (1_u64..).zip(BufReader::new(reader).lines()) {
        let line = line.with_context(cannot)?;
        if !line.trim().is_empty() {
            all.push(marked(&line).with_context(|| format!("`{}` line {number}", path.display()))?);
        }
    }
    if all.is_empty() {
        bail!(
            "`{}` holds no texts; it is to hold one JSON object a line",
            path.display()
        );
    }
    Ok(all)
}

fn marked(line: &str) -> Result<Marked> {
    // What stands in the line is not repeated: it is private.
    let line: Line = serde_json::from_str(line).map_err(|error| {
        anyhow!(
            "is not {{\"text\",\"label\"?,\"source\"?,\"language\"?,\"channel\"?}}, at column {}",
            error.column()
        )
    })?;
    let is_attack = match line.label {
        None => None,
        Some(0) => Some(false),
        Some(1) => Some(true),
        Some(_) => bail!("`label` is neither 0 (harmless) nor 1 (attack)"),
    };
    let origin = line
        .channel
        .as_deref()
        .map(|name| {
            Origin::parse(name)
                .ok_or_else(|| anyhow!("unknown `channel`; it is user, document, tool or memory"))
        })
        .transpose()?;
    let known = |name: &String| {
        HarmCategory::parse(name).ok_or_else(|| {
            let names = HarmCategory::ALL.map(HarmCategory::name).join(", ");
            anyhow!("unknown name in `categories`; it is one of {names}")
        })
    };
    let categories = line
        .categories
        .map(|names| names.iter().map(known).collect::<Result<Vec<_>>>())
        .transpose()?;
    Ok(Marked {
        text: line.text,
        is_attack,
        source: line.source.unwrap_or_else(|| "all".to_owned()),
        language: line.language,
        origin,
        system: line.system,
        categories,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_it_knows() {
        let line = r#"{"text":"x","label":1,"source":"own","lang":"de","channel":"tool"}"#;
        let read = marked(line).unwrap();
        assert_eq!((read.is_attack, read.origin), (Some(true), Some(Origin::Tool)));
        assert_eq!(read.language.as_deref(), Some("de"));
        assert_eq!(marked(r#"{"text":"x"}"#).unwrap().is_attack, None);
    }

    #[test]
    fn errors_do_not_repeat_the_text() {
        for line in [
            r#"{"text":"hush","label":7}"#,
            r#"{"text":"hush","channel":"hush"}"#,
            r#"{"text":"hush","categories":["hush"]}"#,
            r#"{"hush":1}"#,
        ] {
            let error = format!("{:#}", marked(line).unwrap_err());
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
