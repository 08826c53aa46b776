//! Lists of tools that describe themselves otherwise than when somebody looked at them. Servers of tools behind `/mcp/NAME` are
//! pinned in the store; this is for lists that come with a prompt, or from a file.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::HEXLOWER;
use privet_types::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::leak::KeyedHash;
use super::strict_json;
use crate::controls::{Action, Control, Error, Hit};

/// The first line of a file of pins.
const HEAD: &str = "privet-tools-1";
/// Tools of a list, and bytes of a name: as of servers of tools.
const MOST_TOOLS: usize = 1000;
const LONGEST_NAME: usize = 128;

/// Pinned lists of tools (`[guardrails.replies.manifest]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ManifestConfig {
    /// What becomes of a list in which a pinned tool describes itself otherwise, or that names a tool twice.
    pub changed: Action,
    /// What becomes of a list with a tool that is not pinned.
    pub unknown: Action,
}

impl Default for ManifestConfig {
    fn default() -> Self {
        Self {
            changed: Action::Block,
            unknown: Action::Flag,
        }
    }
}

/// How tools described themselves when they were pinned: keyed hashes by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ManifestPins(BTreeMap<String, [u8; 32]>);

/// The tools of a list and the keyed hash of all that each says of itself. Reads lists of OpenAI's and Anthropic's requests and of the
/// Model Context Protocol.
///
/// # Errors
/// [`Error::File`] if `json` is no such list, has more than 1,000 tools, a name of more than 128 bytes, or a name twice.
pub fn manifest(json: &str, keyed: &KeyedHash) -> Result<ManifestPins, Error> {
    let value = strict_json(json).ok_or_else(|| file("it is no JSON to be trusted"))?;
    let list = value.as_array().or_else(|| value.get("tools")?.as_array());
    let list = list.ok_or_else(|| file("it is no list of tools, and no object with `tools`"))?;
    let mut pins = BTreeMap::new();
    for tool in list.iter().take(MOST_TOOLS + 1) {
        let function = tool.get("function").unwrap_or(tool);
        let named = function
            .get("name")
            .or_else(|| tool.get("type"))
            .and_then(Value::as_str);
        let name = named
            .filter(|name| is_name(name))
            .ok_or_else(|| file("a tool has no name, or one that is none"))?;
        let mut text = b"privet/guardrails/tool\0".to_vec();
        write(tool, &mut text);
        if pins.insert(name.to_owned(), keyed(&text)).is_some() {
            return Err(file("it names a tool twice"));
        }
    }
    if pins.len() > MOST_TOOLS {
        return Err(file("it has more than 1,000 tools"));
    }
    Ok(ManifestPins(pins))
}

fn file(problem: &'static str) -> Error {
    Error::File {
        control: Control::Manifest,
        problem,
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !name.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// JSON in one way only: keys in order, no blanks.
fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(entries) => {
            out.push(b'{');
            let sorted: BTreeMap<&String, &Value> = entries.iter().collect();
            for (key, value) in sorted {
                out.extend_from_slice(Value::String(key.clone()).to_string().as_bytes());
                out.push(b':');
                write(value, out);
                out.push(b',');
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            for item in items {
                write(item, out);
                out.push(b',');
            }
            out.push(b']');
        }
        other => out.extend_from_slice(other.to_string().as_bytes()),
    }
}

impl ManifestPins {
    /// What becomes of the list `now` when these are its pins, and the tools that it is about. Tools that are gone are nobody's worry.
    #[must_use]
    pub fn compare<'n>(&self, now: &'n Self, config: &ManifestConfig) -> (Vec<Hit>, Vec<&'n str>) {
        let (mut hits, mut names) = (Vec::new(), Vec::new());
        let skeletons: BTreeMap<String, &String> = self.0.keys().map(|name| (skeleton(name), name)).collect();
        for (name, hash) in &now.0 {
            let (rule, action) = match self.0.get(name) {
                Some(pinned) if pinned == hash => continue,
                Some(_) => ("manifest/changed", config.changed),
                // Looks like one that is pinned.
                None if skeletons.contains_key(&skeleton(name)) => ("manifest/lookalike", config.changed),
                None => ("manifest/unknown", config.unknown),
            };
            if action != Action::Allow {
                hits.push(Hit::new(Control::Manifest, rule, Span::new(0, 0), action));
                names.push(name.as_str());
            }
        }
        (hits, names)
    }

    /// The pins as a file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let lines = self
            .0
            .iter()
            .map(|(name, hash)| format!("{} {name}\n", HEXLOWER.encode(hash)));
        std::iter::once(format!("{HEAD}\n")).chain(lines).collect()
    }

    /// The pins in a file.
    ///
    /// # Errors
    /// [`Error::File`] if it is none.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut lines = text.lines();
        if lines.next() != Some(HEAD) {
            return Err(file(
                "it does not begin with `privet-tools-1`: pin the tools anew",
            ));
        }
        let mut pins = BTreeMap::new();
        for line in lines {
            let (name, hash) =
                parse_line(line).ok_or_else(|| file("a line is damaged: pin the tools anew"))?;
            if pins.insert(name, hash).is_some() {
                return Err(file("it names a tool twice: pin the tools anew"));
            }
        }
        Ok(Self(pins))
    }

    /// The names of the tools.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

fn parse_line(line: &str) -> Option<(String, [u8; 32])> {
    let (hash, name) = line.split_once(' ')?;
    let hash: [u8; 32] = HEXLOWER.decode(hash.as_bytes()).ok()?.try_into().ok()?;
    is_name(name).then(|| (name.to_owned(), hash))
}

/// A name as it looks: without case and signs, digits as the letters they look like.
fn skeleton(name: &str) -> String {
    let alike = |c: char| match c {
        '0' => Some('o'),
        '1' | 'i' => Some('l'),
        '5' => Some('s'),
        'а' => Some('a'),
        'е' => Some('e'),
        'о' => Some('o'),
        'р' => Some('p'),
        'с' => Some('c'),
        'х' => Some('x'),
        c => c.is_alphanumeric().then_some(c),
    };
    name.chars()
        .flat_map(char::to_lowercase)
        .filter_map(alike)
        .collect()
}
