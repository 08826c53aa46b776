//! The words on either side of a value, read and spelt out once for everybody who asks for that place.

use memchr::{memchr2_iter, memrchr3};

use super::context::is_spaced_script;
use super::spelling::Spelling;
use crate::letters::{is_alphabetic, is_alphanumeric};

/// Bytes looked at for context words before a value.
const WINDOW_LEFT: usize = 60;
/// Bytes looked at for context words after a value.
const WINDOW_RIGHT: usize = 30;
/// Bytes before a value within which a word speaks of it rather than of another one.
const NEAR: usize = 24;
/// A full stop after a word of at least this many letters ends a sentence; shorter words are often abbreviations.
const SENTENCE_WORD: usize = 5;

/// The words left of one place and right of another.
#[derive(Default)]
pub(super) struct Sides<'t> {
    text: &'t str,
    left: Left<'t>,
    right: Right,
}

/// The words before a place.
#[derive(Default)]
pub(super) struct Left<'t> {
    at: Option<usize>,
    /// As they are written.
    pub(super) window: &'t str,
    /// Bytes of `window` that stand too far off to speak of this value rather than of another one.
    pub(super) far: usize,
    /// As they are looked up.
    pub(super) spelt: Spelling,
    /// Where in `spelt` the near words begin, the space before them included; none if that would have to be spelt anew.
    pub(super) near: Option<usize>,
}

#[derive(Default)]
struct Right {
    at: Option<usize>,
    spelt: Spelling,
}

impl<'t> Sides<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }

    /// Reads the words before `start`; returns how many bytes that took.
    pub(super) fn read_left(&mut self, start: usize) -> usize {
        if self.left.at == Some(start) {
            return 0;
        }
        let window = window_left(self.text, start);
        let far = window.len() - near(window).len();
        self.left.at = Some(start);
        self.left.window = window;
        self.left.far = far;
        self.left.near = self.left.spelt.spell_parts(window, far);
        window.len()
    }

    /// Reads the words after `end`; returns how many bytes that took.
    pub(super) fn read_right(&mut self, end: usize) -> usize {
        if self.right.at == Some(end) {
            return 0;
        }
        let window = window_right(self.text, end);
        self.right.spelt.spell(window);
        self.right.at = Some(end);
        window.len()
    }

    /// The words that [`Self::read_left`] read last.
    pub(super) const fn left(&self) -> &Left<'t> {
        &self.left
    }

    /// The words that [`Self::read_right`] read last, spelt.
    pub(super) fn right(&self) -> &[u8] {
        self.right.spelt.as_bytes()
    }
}

/// `at`, or the start of the character of `text` that `at` lies in.
pub(super) fn floor(text: &str, at: usize) -> usize {
    (at.saturating_sub(3)..=at)
        .rev()
        .find(|i| text.is_char_boundary(*i))
        .unwrap_or(0)
}

/// The text before `start` that may speak of it: no cut word, and nothing before the end of a sentence.
pub(super) fn window_left(text: &str, start: usize) -> &str {
    let from = floor(text, start.saturating_sub(WINDOW_LEFT));
    let window = text.get(from..start).unwrap_or_default();
    let before = text.get(..from).and_then(|t| t.chars().next_back());
    let window = if before.is_some_and(is_alphanumeric) {
        window.trim_start_matches(is_alphanumeric)
    } else {
        window
    };
    window.get(last_sentence(window)..).unwrap_or_default()
}

/// Where the last sentence of `window` begins: at the space behind a full stop that ends a word long enough.
fn last_sentence(window: &str) -> usize {
    let is_end = |at: usize| {
        let mut before = window.get(..at).unwrap_or_default().chars().rev();
        (0..SENTENCE_WORD).all(|_| before.next().is_some_and(is_alphabetic))
    };
    let bytes = window.as_bytes();
    let mut rest = bytes;
    while let Some(stop) = memrchr3(b'.', b'!', b'?', rest) {
        if bytes.get(stop + 1) == Some(&b' ') && is_end(stop) {
            return stop + 1;
        }
        rest = rest.get(..stop).unwrap_or_default();
    }
    0
}

/// The text after `end` that may speak of what ends there: the rest of the line or sentence, no cut word.
pub(super) fn window_right(text: &str, end: usize) -> &str {
    let to = floor(text, (end + WINDOW_RIGHT).min(text.len()));
    let window = text.get(end..to).unwrap_or_default();
    let after = text.get(to..).and_then(|t| t.chars().next());
    let window = if after.is_some_and(is_alphanumeric) {
        window.trim_end_matches(is_alphanumeric)
    } else {
        window
    };
    let bytes = window.as_bytes();
    let stop = memchr2_iter(b'\n', b'.', bytes)
        .find(|at| bytes.get(*at) == Some(&b'\n') || bytes.get(at + 1) == Some(&b' '));
    stop.and_then(|stop| window.get(..stop)).unwrap_or(window)
}

/// The last whole words of `window`, at most [`NEAR`] bytes.
fn near(window: &str) -> &str {
    let Some(mut cut) = window.len().checked_sub(NEAR) else {
        return window;
    };
    while !window.is_char_boundary(cut) {
        cut += 1;
    }
    let (before, near) = window.split_at_checked(cut).unwrap_or_default();
    let is_cut = before.chars().next_back().is_some_and(is_word_of_spaced_script);
    if is_cut {
        near.trim_start_matches(is_word_of_spaced_script)
    } else {
        near
    }
}

fn is_word_of_spaced_script(c: char) -> bool {
    is_alphanumeric(c) && is_spaced_script(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::recognizers::spelling::spell;

    /// [`window_right`] as one would write it down.
    fn plain_right(text: &str, end: usize) -> &str {
        let to = floor(text, (end + WINDOW_RIGHT).min(text.len()));
        let window = text.get(end..to).unwrap_or_default();
        let is_cut = text
            .get(to..)
            .and_then(|t| t.chars().next())
            .is_some_and(char::is_alphanumeric);
        let window = if is_cut {
            window.trim_end_matches(char::is_alphanumeric)
        } else {
            window
        };
        let line = window.split('\n').next().unwrap_or_default();
        line.split(". ").next().unwrap_or_default()
    }

    proptest! {
        #[test]
        fn a_place_is_spelt_once_and_as_its_windows_are(text in "([a-zA-Z0-9_ .!?:é中ß\\n-]|[a-z]{5}[.] ){0,120}", places in prop::collection::vec(0_usize..200, 1..6)) {
            let mut sides = Sides::new(&text);
            for place in places {
                let at = floor(&text, place.min(text.len()));
                sides.read_left(at);
                sides.read_right(at);
                prop_assert_eq!(sides.read_left(at) + sides.read_right(at), 0);
                let (mut left, mut right) = (String::new(), String::new());
                spell(window_left(&text, at), &mut left);
                spell(plain_right(&text, at), &mut right);
                prop_assert_eq!(sides.left().spelt.as_bytes(), left.as_bytes());
                prop_assert_eq!(sides.right(), right.as_bytes());
                if let Some(begin) = sides.left().near {
                    let mut near = String::new();
                    spell(sides.left().window.get(sides.left().far..).unwrap_or("cut"), &mut near);
                    prop_assert_eq!(sides.left().spelt.as_bytes().get(begin..), Some(near.as_bytes()));
                }
            }
        }
    }

    #[test]
    fn a_window_ends_with_its_sentence_and_holds_no_cut_word() {
        let text = "We have spoken. Her number is 12345. It is new, they say, and nobody has it.";
        let at = text.find("12345").unwrap_or_default();
        assert_eq!(window_left(text, at), " Her number is ");
        assert_eq!(window_right(text, at + 5), "");
        assert_eq!(window_right(text, at + 6), " It is new, they say, and ");
    }
}
