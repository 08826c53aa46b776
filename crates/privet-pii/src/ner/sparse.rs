//! Which parts of a window the network is asked about: names are made of words, and long runs of signs hold none.

use std::ops::Range;

use privet_inference::REACH;
use privet_inference::token::{Kind, Token};

/// A window is left whole if fewer tokens than this could be passed over.
const LEAST_PASSED_OVER: usize = 16;

/// Whether a name, a place or a date can be made of `token`: a word or number of two letters or digits or more, or a
/// character of a script that writes words without spaces.
pub(super) fn can_name(token: &Token) -> bool {
    match token.kind {
        Kind::Word => token.end - token.start > 1,
        Kind::Glyph => true,
        Kind::Sign | Kind::Break => false,
    }
}

/// The parts of the window `tokens` in which something can be found, in order and disjoint: what can name something, and all
/// that the network looks at when it decides about that.
pub(super) fn parts(tokens: &[Token]) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::with_capacity(1);
    for (at, _) in tokens.iter().enumerate().filter(|(_, token)| can_name(token)) {
        let end = (at + REACH + 1).min(tokens.len());
        match parts.last_mut() {
            Some(last) if at <= last.end + REACH => last.end = end,
            _ => parts.push(at.saturating_sub(REACH)..end),
        }
    }
    let kept: usize = parts.iter().map(Range::len).sum();
    if kept > 0 && tokens.len() - kept < LEAST_PASSED_OVER {
        parts.clear();
        parts.push(0..tokens.len());
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use privet_inference::token::tokenize;

    /// First and last token of each part.
    fn parts_of(text: &str) -> Vec<(usize, usize)> {
        let parts = parts(&tokenize(text));
        parts.iter().map(|part| (part.start, part.end - 1)).collect()
    }

    #[test]
    fn sentences_are_looked_at_whole() {
        let text = "Dear Ms Ó Briain, we met on 3 May; call me (J. R.) at 5 o'clock — or not...";
        assert_eq!(parts_of(text), [(0, tokenize(text).len() - 1)]);
        assert_eq!(parts_of("田"), [(0, 0)]);
    }

    #[test]
    fn signs_and_single_letters_alone_are_not_looked_at() {
        for text in ["", "?", &"a@".repeat(60), &"1. ".repeat(60)] {
            assert!(parts_of(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn what_stands_far_from_every_word_is_passed_over() {
        let rule = "-".repeat(40);
        assert_eq!(parts_of(&format!("Anna {rule} Berger")), [(0, 10), (31, 41)]);
        assert_eq!(parts_of(&format!("Anna {}Berger", "-".repeat(19))), [(0, 20)]);
    }
}
