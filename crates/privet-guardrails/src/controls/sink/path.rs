//! A path of a file below allowed folders.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::Said;
use crate::controls::{Control, Error};

/// Bytes of a path, and of a name in it: as of Linux.
const MOST_BYTES: usize = 4095;
const LONGEST_NAME: usize = 255;

/// A path (`kind = "path"`). It is judged as it is written; whoever opens it must not follow links out of the folder
/// (`openat2` with `RESOLVE_BENEATH`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PathConfig {
    /// Folders below which absolute paths may lead: `/srv/reports`.
    pub roots: Vec<String>,
    /// Whether relative paths may stand.
    pub relative: bool,
    /// Whether names may begin with a dot.
    pub hidden: bool,
    /// Ends of names that may stand, `.csv`; all if empty.
    pub endings: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Paths {
    config: PathConfig,
    roots: Vec<Vec<String>>,
}

impl Paths {
    pub(super) fn new(config: &PathConfig) -> Result<Self, Error> {
        let root = |(index, root): (usize, &String)| {
            let parts = root
                .strip_prefix('/')
                .map(|rest| rest.trim_end_matches('/').split('/').map(str::to_owned));
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            if parts.is_empty() || !parts.iter().all(|part| is_name(part)) {
                let problem = "use an absolute path without `.` and `..`";
                return Err(Error::config(
                    Control::Sink,
                    format!("roots {}", index + 1),
                    problem,
                ));
            }
            Ok(parts)
        };
        Ok(Self {
            roots: config
                .roots
                .iter()
                .enumerate()
                .map(root)
                .collect::<Result<_, _>>()?,
            config: config.clone(),
        })
    }

    pub(super) fn check(&self, path: &str) -> Said {
        if path.is_empty() || path.len() > MOST_BYTES {
            return Said::Refused("sink/path_length");
        }
        // What some program folds into a slash or dots is taken for them.
        let folded: String = path.nfkc().collect();
        if folded != path || path.contains(['\\', ':', '~', '%', '*', '?', '"', '<', '>', '|', '$', '`']) {
            return Said::Refused("sink/path_character");
        }
        let (is_absolute, rest) = match path.strip_prefix('/') {
            Some(rest) => (true, rest),
            None => (false, path),
        };
        let parts: Vec<&str> = rest.split('/').collect();
        if !parts.iter().all(|part| is_name(part)) {
            return Said::Refused("sink/path_name");
        }
        let is_below =
            |root: &Vec<String>| parts.len() > root.len() && root.iter().zip(&parts).all(|(a, b)| a == b);
        let is_in_place = if is_absolute {
            self.roots.iter().any(is_below)
        } else {
            self.config.relative
        };
        if !is_in_place {
            return Said::Refused("sink/path_root");
        }
        if !self.config.hidden && parts.iter().any(|part| part.starts_with('.')) {
            return Said::Refused("sink/path_hidden");
        }
        let ends = |ending: &String| path.to_lowercase().ends_with(&ending.to_lowercase());
        if !self.config.endings.is_empty() && !self.config.endings.iter().any(ends) {
            return Said::Refused("sink/path_ending");
        }
        Said::Fits
    }
}

/// Whether it is a name on every usual system.
fn is_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_device = matches!(stem.as_str(), "con" | "prn" | "aux" | "nul")
        || (stem.len() == 4
            && (stem.starts_with("com") || stem.starts_with("lpt"))
            && stem.ends_with(|c: char| c.is_ascii_digit()));
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !name.ends_with(['.', ' '])
        && !name.starts_with([' ', '-'])
        && !is_device
        && !name.chars().any(char::is_control)
}
