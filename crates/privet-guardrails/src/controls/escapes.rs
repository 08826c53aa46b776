//! Control sequences of terminals in what a model writes: they move the cursor, hide text, set the clipboard and open links.

use privet_types::{Budget, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Control, Error, Filter, Hit, Passed};

/// Characters of a string sequence (title, link, clipboard) that are swallowed. Terminals give up, too; what follows is harmless
/// text, because what began the sequence is gone.
const MOST_SWALLOWED: usize = 4096;

/// Terminal control sequences (`[guardrails.replies.escapes]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EscapesConfig {
    /// What becomes of them: `redact` takes them out.
    pub action: Action,
}

impl Default for EscapesConfig {
    fn default() -> Self {
        Self {
            action: Action::Redact,
        }
    }
}

/// Takes terminal control sequences (ECMA-48) and control characters other than tab and line ends out of a text. Holds nothing back.
#[derive(Debug)]
pub struct Escapes {
    action: Action,
    state: State,
    at: usize,
    /// Where the sequence began that is being read.
    start: usize,
    is_stopped: bool,
}

/// What is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// Behind an ESC, and characters between it and the final one.
    Escape,
    /// Behind `ESC [`.
    Sequence,
    /// In a string that ends with BEL or ST, after so many characters.
    Within(usize),
    /// In such a string, behind an ESC.
    Ending,
}

impl Escapes {
    /// A filter for one text.
    #[must_use]
    pub fn new(config: &EscapesConfig) -> Self {
        Self {
            action: config.action,
            state: State::Text,
            at: 0,
            start: 0,
            is_stopped: false,
        }
    }

    /// What comes after `c`; whether `c` is text.
    fn step(&self, c: char) -> (State, bool) {
        use State::{Ending, Escape, Sequence, Text, Within};
        match (self.state, c) {
            // Aborts whatever is being read.
            (_, '\u{18}' | '\u{1a}') => (Text, false),
            (Within(_), '\u{1b}') => (Ending, false),
            (_, '\u{1b}') => (Escape, false),
            (Ending, '\\') | (Within(_), '\u{7}' | '\u{9c}') => (Text, false),
            // An ESC that does not end the string begins another sequence.
            (Escape | Ending, '[') => (Sequence, false),
            (Escape | Ending, ']' | 'P' | 'X' | '^' | '_') => (Within(0), false),
            (Escape, '\u{20}'..='\u{2f}') => (Escape, false),
            (Escape, '\u{30}'..='\u{7e}') | (Ending, '\u{30}'..='\u{7e}') => (Text, false),
            (Sequence, '\u{40}'..='\u{7e}') => (Text, false),
            (Sequence, '\u{20}'..='\u{3f}') => (Sequence, false),
            (Within(length), _) if length < MOST_SWALLOWED => (Within(length + 1), false),
            // None of them: a broken sequence, after which text goes on.
            (_, '\u{9b}') => (Sequence, false),
            (_, '\u{9d}' | '\u{90}' | '\u{98}' | '\u{9e}' | '\u{9f}') => (Within(0), false),
            (state, '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}') => {
                let is_inside = matches!(state, Escape | Sequence);
                (if is_inside { state } else { Text }, false)
            }
            _ => (Text, true),
        }
    }
}

impl Filter for Escapes {
    fn push(&mut self, piece: &str, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        budget.charge(piece.len() as u64)?;
        for c in piece.chars() {
            if self.is_stopped {
                return Ok(());
            }
            let (next, is_text) = self.step(c);
            if !is_text && self.state == State::Text {
                self.start = self.at;
                let span = Span::new(self.start, self.at + c.len_utf8());
                passed.hit(Hit::new(Control::Escapes, "escapes/sequence", span, self.action));
                self.is_stopped = self.action.stops();
            }
            self.state = next;
            self.at += c.len_utf8();
            if !self.is_stopped && (is_text || self.action < Action::Redact) {
                passed.text.push(c);
            }
        }
        Ok(())
    }

    fn finish(&mut self, _: &mut Passed, _: &Budget) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> String {
        let mut passed = Passed::default();
        let mut filter = Escapes::new(&EscapesConfig::default());
        filter.push(text, &mut passed, &Budget::unlimited()).unwrap();
        passed.text
    }

    #[test]
    fn colours_titles_links_and_the_clipboard_are_taken_out() {
        for (written, left) in [
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("\u{9b}2Jx", "x"),
            ("a\u{1b}]0;title\u{7}b", "ab"),
            (
                "a\u{1b}]8;;https://evil.example\u{1b}\\link\u{1b}]8;;\u{1b}\\b",
                "alinkb",
            ),
            ("a\u{1b}]52;c;ZXZpbA==\u{9c}b", "ab"),
            ("a\u{1b}Pq#0\u{1b}\\b", "ab"),
            ("a\u{1b}(Bb\u{1b}7c", "abc"),
            ("pass\u{8}\u{8}word\u{7f}", "password"),
            ("a\u{1b}[31\u{1b}[32mb", "ab"),
            ("tab\tline\r\nend", "tab\tline\r\nend"),
            (
                r"literally \x1b[31m and \033[0m",
                r"literally \x1b[31m and \033[0m",
            ),
        ] {
            assert_eq!(clean(written), left, "{written:?}");
        }
    }

    #[test]
    fn a_string_sequence_without_an_end_swallows_a_bounded_stretch() {
        let text = format!("\u{1b}]{}", "x".repeat(2 * MOST_SWALLOWED));
        let left = clean(&text).len();
        assert!((1..=MOST_SWALLOWED).contains(&left), "{left}");
    }

    #[test]
    fn what_is_left_of_any_text_holds_no_control_character() {
        let clean = clean("\u{1b}\u{9b}\u{1b}]\u{1b}[\u{0}\u{1b}x\u{1b}]a\u{1b}]b\u{7}\u{85}");
        assert!(!clean.chars().any(char::is_control), "{clean:?}");
    }
}
