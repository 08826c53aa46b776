//! Whether a value stands in what the system or the user said.

use privet_types::Budget;
use serde_json::Value;

use crate::controls::Error;

/// Bytes of trusted text of a conversation. What is said beyond counts as said by nobody.
const MOST_TRUSTED: usize = 4 << 20;

/// Trusted text: lower case, blanks as one space, separators between digits left out.
#[derive(Debug, Clone, Default)]
pub(super) struct Trusted(String);

impl Trusted {
    pub(super) fn add(&mut self, text: &str, budget: &Budget) -> Result<(), Error> {
        budget.charge(2 * text.len() as u64)?;
        if self.0.len() + text.len() <= MOST_TRUSTED {
            // No value stands across two texts.
            self.0.push('\n');
            self.0.push_str(&folded(text));
        }
        Ok(())
    }

    /// Whether all of `value` stands here: strings and numbers as whole words; objects and lists with all that is in them. `true`,
    /// `false`, `null` and empty strings say nothing, and stand everywhere.
    pub(super) fn holds(&self, value: &Value, budget: &Budget) -> Result<bool, Error> {
        match value {
            Value::Null | Value::Bool(_) => Ok(true),
            Value::Number(number) => self.has_words(&number.to_string(), true, budget),
            Value::String(text) => self.has_words(text, false, budget),
            Value::Array(items) => self.holds_all(items.iter(), budget),
            Value::Object(entries) => self.holds_all(entries.values(), budget),
        }
    }

    fn holds_all<'v>(&self, values: impl Iterator<Item = &'v Value>, budget: &Budget) -> Result<bool, Error> {
        for value in values {
            if !self.holds(value, budget)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn has_words(&self, text: &str, is_number: bool, budget: &Budget) -> Result<bool, Error> {
        let wanted = folded(text);
        let wanted = wanted.trim();
        if wanted.is_empty() {
            return Ok(true);
        }
        budget.charge(self.0.len() as u64)?;
        let is_apart = |at: usize| {
            let before = self.0.get(..at).and_then(|head| head.chars().next_back());
            let behind = self.0.get(at + wanted.len()..).unwrap_or_default();
            let behind = if is_number {
                without_zeros(wanted, behind)
            } else {
                behind
            };
            begins_apart(before, wanted) && ends_apart(wanted, behind)
        };
        Ok(self.0.match_indices(wanted).any(|(at, _)| is_apart(at)))
    }
}

/// What stands behind a number and the zeros after its point: 2.5 is 2.50, and 2 is 2.00.
fn without_zeros<'t>(number: &str, behind: &'t str) -> &'t str {
    if number.contains('.') {
        return behind.trim_start_matches('0');
    }
    let zeros = behind.strip_prefix('.').map(|rest| rest.trim_start_matches('0'));
    zeros
        .filter(|rest| rest.len() + 1 < behind.len())
        .unwrap_or(behind)
}

/// Whether a word may begin behind `before`: a longer word, number, address or path does not stand for a part of it.
fn begins_apart(before: Option<char>, wanted: &str) -> bool {
    let goes_on =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '+' | '/' | '\\' | '%' | '~');
    let is_word = wanted.starts_with(|c: char| goes_on(c));
    !(is_word && before.is_some_and(goes_on))
}

/// Whether a word may end before `behind`. A sign at the end of a sentence ends one; the same in the middle of a word does not.
fn ends_apart(wanted: &str, behind: &str) -> bool {
    if !wanted.ends_with(|c: char| c.is_alphanumeric()) {
        return true;
    }
    let mut next = behind.chars();
    match next.next() {
        None => true,
        Some(c) if c.is_alphanumeric() || matches!(c, '_' | '@' | '/' | '\\' | '%') => false,
        Some('.' | '-' | ':' | '+') => next.next().is_none_or(|c| !c.is_alphanumeric()),
        Some(_) => true,
    }
}

fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let is_digit_before = out.ends_with(|c: char| c.is_ascii_digit());
        let is_digit_next = rest.peek().is_some_and(char::is_ascii_digit);
        if matches!(c, ',' | '\'' | '’' | '\u{a0}' | '\u{202f}') && is_digit_before && is_digit_next {
            continue;
        }
        if c.is_whitespace() {
            if !out.ends_with(' ') {
                out.push(' ');
            }
        } else {
            out.extend(c.to_lowercase());
        }
    }
    out
}

/// The values at `pointer` (RFC 6901), in which `*` stands for every member.
pub(super) fn selected<'v>(value: &'v Value, pointer: &str) -> Vec<&'v Value> {
    let mut all = vec![value];
    for part in pointer.split('/').skip(1) {
        let name = part.replace("~1", "/").replace("~0", "~");
        let inside = |value: &'v Value| -> Vec<&'v Value> {
            match value {
                Value::Object(entries) if part == "*" => entries.values().collect(),
                Value::Array(items) if part == "*" => items.iter().collect(),
                Value::Object(entries) => entries.get(&name).into_iter().collect(),
                Value::Array(items) => name
                    .parse()
                    .ok()
                    .and_then(|at: usize| items.get(at))
                    .into_iter()
                    .collect(),
                _ => Vec::new(),
            }
        };
        all = all.into_iter().flat_map(inside).collect();
    }
    all
}
