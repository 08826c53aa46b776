//! A command line that runs one allowed program, and gives a shell nothing to expand.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Said;

/// Bytes of a command.
const MOST_BYTES: usize = 8 << 10;

/// A shell (`kind = "shell"`). Nothing listed: nothing runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ShellConfig {
    /// What a command must begin with, word by word: `git status`, `ls -l`. What follows may be words, but no options (`-x`) and
    /// no way out of a folder (`..`).
    pub commands: Vec<String>,
    /// Whether options may follow. Many programs run others by an option.
    pub options: bool,
}

impl ShellConfig {
    pub(super) fn check(&self, command: &str) -> Said {
        let command = command.strip_suffix('\n').unwrap_or(command);
        if command.len() > MOST_BYTES {
            return Said::Refused("sink/shell_too_long");
        }
        let Some(words) = words(command) else {
            return Said::Refused("sink/shell_syntax");
        };
        let begins = |allowed: &&String| {
            let allowed: Vec<&str> = allowed.split_whitespace().collect();
            !allowed.is_empty()
                && words
                    .iter()
                    .map(String::as_str)
                    .take(allowed.len())
                    .eq(allowed.iter().copied())
        };
        let Some(allowed) = self
            .commands
            .iter()
            .filter(begins)
            .map(|c| c.split_whitespace().count())
            .max()
        else {
            return Said::Refused("sink/shell_command");
        };
        let mut arguments = words.iter().skip(allowed);
        let is_bad = |word: &String| {
            (!self.options && word.starts_with('-')) || word.split(['/', '=', ':']).any(|part| part == "..")
        };
        if arguments.any(is_bad) {
            return Said::Refused("sink/shell_argument");
        }
        Said::Fits
    }
}

/// The words of a simple command of the POSIX shell (XCU 2.2, 2.9.1) in which nothing is expanded. None of all else: operators,
/// expansions, patterns, assignments, comments, escapes.
fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = command.chars();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' => words.extend(word.take()),
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        end if end == c => break,
                        '$' | '`' | '\\' | '!' if c == '"' => return None,
                        inner if inner.is_control() => return None,
                        inner => word.push(inner),
                    }
                }
            }
            c if is_plain(c) => word.get_or_insert_default().push(c),
            _ => return None,
        }
    }
    words.extend(word);
    let is_assignment = words.first().is_none_or(|first| first.contains('='));
    (!is_assignment).then_some(words)
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '=' | '@' | '%' | '+' | ',')
}
