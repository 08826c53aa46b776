//! Values that a request lets pass.

use std::collections::HashSet;

use fancy_regex::{Regex, RegexBuilder};

use super::python_regex::translate;
use super::recognizers::BadRecognizer;
use crate::config::RegexFlags;

/// Steps back that one value may cost.
const MOST_STEPS: usize = 100_000;
/// Largest compiled pattern, in bytes.
const LARGEST_PATTERN: usize = 4 << 20;

/// Values that are not reported.
#[derive(Debug, Default)]
pub enum AllowList {
    /// None.
    #[default]
    Nothing,
    /// Those that are equal to one of these.
    Exact(HashSet<String>),
    /// Those in which this is found.
    Regex(Box<Regex>),
}

impl AllowList {
    /// Values in which one of `patterns`, as Python reads them, is found. Empty ones count for nothing.
    ///
    /// # Errors
    /// [`BadRecognizer::Value`] for one that cannot be read.
    pub fn regex(patterns: &[String], flags: RegexFlags, is_verbose: bool) -> Result<Self, BadRecognizer> {
        let bad = |problem: String| BadRecognizer::Value(format!("allow_list: {problem}"));
        let filled: Vec<&str> = patterns
            .iter()
            .map(String::as_str)
            .filter(|p| !p.is_empty())
            .collect();
        if filled.is_empty() {
            return Ok(Self::Nothing);
        }
        let mut joined = translate(&filled.join("|")).map_err(bad)?;
        if is_verbose {
            joined = format!("(?x:{joined}\n)");
        }
        let regex = RegexBuilder::new(&joined)
            .case_insensitive(flags.ignore_case)
            .multi_line(flags.multi_line)
            .dot_matches_new_line(flags.dot_all)
            .backtrack_limit(MOST_STEPS)
            .delegate_size_limit(LARGEST_PATTERN)
            .build()
            .map_err(|e| bad(e.to_string()))?;
        Ok(Self::Regex(Box::new(regex)))
    }

    /// Whether `value` may pass. What takes too many steps may not.
    #[must_use]
    pub fn allows(&self, value: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Exact(values) => values.contains(value),
            Self::Regex(regex) => regex.is_match(value).unwrap_or(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_searched_for_and_a_slow_one_allows_nothing() {
        let regex = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
            AllowList::regex(&patterns, RegexFlags::default(), false)
        };
        let list = regex(&["@EXAMPLE", "", r"^41{3}\Z"]).unwrap();
        assert!(list.allows("ada@example.com") && list.allows("4111"));
        assert!(!list.allows("41111"));
        assert!(!regex(&[""]).unwrap().allows("x"));
        assert!(regex(&["("]).is_err());
        assert!(!regex(&[r"(a+)+\1c"]).unwrap().allows(&"a".repeat(3000)));
    }
}
