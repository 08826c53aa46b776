//! Honey records: made-up customers, keys or addresses that stand among the real ones and are used by nobody. One that turns up in a
//! reply says that somebody got at the others.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::canary::WatchedNeedles;
use super::needles::{KeyedHash, LEAST, MOST, Needle, Needles, TAG, needles};
use super::readings::squeezed;
use super::watching::Watching;
use crate::controls::{Action, Control, Error};

/// The first line of a list.
const HEAD: &str = "privet-honey-1";
/// Lines of a list.
const MOST_LINES: usize = 1 << 20;

/// Honey records (`[guardrails.replies.honey]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HoneyConfig {
    /// What becomes of a reply that holds one.
    pub action: Action,
}

impl Default for HoneyConfig {
    fn default() -> Self {
        Self {
            action: Action::Block,
        }
    }
}

/// A list of honey records: keyed hashes, from which nobody reads the records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HoneyList {
    needles: BTreeSet<Needle>,
}

impl HoneyList {
    /// The list of `values`, each with 8 to 128 letters and digits. Case, spaces, signs and accents do not count.
    ///
    /// # Errors
    /// [`Error::Config`] with the place of a value that is too short or too long.
    pub fn new(values: &[&str], keyed: &KeyedHash) -> Result<Self, Error> {
        let mut all = BTreeSet::new();
        for (index, value) in values.iter().enumerate() {
            let value = squeezed(value);
            if !(LEAST..=MOST).contains(&value.len()) {
                let problem = "use a value with 8 to 128 letters and digits";
                return Err(Error::config(
                    Control::Honey,
                    format!("value {}", index + 1),
                    problem,
                ));
            }
            all.extend(needles(&value, keyed));
        }
        Ok(Self { needles: all })
    }

    /// The list as a file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEAD}\n");
        for needle in &self.needles {
            let _ = writeln!(
                text,
                "{:016x} {} {}",
                needle.end,
                needle.length,
                HEXLOWER.encode(&needle.tag)
            );
        }
        text
    }

    /// The list in a file.
    ///
    /// # Errors
    /// [`Error::File`] if it is none.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let file = |problem| Error::File {
            control: Control::Honey,
            problem,
        };
        let mut lines = text.lines();
        if lines.next() != Some(HEAD) {
            return Err(file(
                "it does not begin with `privet-honey-1`: make it anew from the records",
            ));
        }
        let mut all = BTreeSet::new();
        for line in lines {
            let needle =
                parse_line(line).ok_or_else(|| file("a line is damaged: make it anew from the records"))?;
            all.insert(needle);
            if all.len() > MOST_LINES {
                return Err(file("it has more than 1,048,576 lines: use fewer records"));
            }
        }
        Ok(Self { needles: all })
    }

    /// The list, ready to watch; `keyed` as when it was made.
    #[must_use]
    pub fn into_honey(self, keyed: KeyedHash) -> Honey {
        Honey(Arc::new(Needles::new(self.needles, keyed)))
    }
}

fn parse_line(line: &str) -> Option<Needle> {
    let mut parts = line.split(' ');
    let (end, length, tag) = (parts.next()?, parts.next()?, parts.next()?);
    let length: u16 = length.parse().ok()?;
    let is_lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if parts.next().is_some() || end.len() != 16 || !end.bytes().all(is_lower_hex) {
        return None;
    }
    let tag: [u8; TAG] = HEXLOWER.decode(tag.as_bytes()).ok()?.try_into().ok()?;
    (LEAST..=MOST).contains(&usize::from(length)).then_some(Needle {
        end: u64::from_str_radix(end, 16).ok()?,
        length,
        tag,
    })
}

/// Honey records that are watched for. Cheap to share.
#[derive(Debug, Clone)]
pub struct Honey(Arc<Needles>);

impl Honey {
    /// Watches for them in a reply, in the same disguises as for a canary.
    pub fn watch(&self, config: &HoneyConfig, watching: &mut Watching) {
        let watch = WatchedNeedles::new(Arc::clone(&self.0), Control::Honey, "honey/record");
        watching.add(Box::new(watch), config.action);
    }
}
