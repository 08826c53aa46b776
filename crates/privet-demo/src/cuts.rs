//! Where a reply is cut into pieces.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::json::Escape;

/// Where the provider cuts its replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cuts {
    /// At the worst places, chosen by this seed and the request: text in steps of 1 to 5 characters; body frames inside
    /// surrogates, UTF-8 sequences, JSON escapes and `data:` prefixes and between `\r` and `\n`; some events spelt
    /// with `\uXXXX`.
    Awkward(u64),
    /// Text word by word, one body frame per event, a JSON reply in one frame.
    Whole,
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): small, seedable, and the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The chance for one request: the same seed and the same body give the same numbers.
    pub(crate) fn new(seed: u64, body: &[u8]) -> Self {
        /// FNV-1a, 64 bits: offset basis and prime.
        const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0100_0000_01b3;
        Self(body.iter().fold(BASIS ^ seed, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
        }))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in 0 .. `n`; 0 if `n` is 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        let n = n.max(1) as u64;
        usize::try_from(self.next() % n).unwrap_or(0)
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// `len` characters that look like part of an identifier.
    pub(crate) fn letters(&mut self, len: usize) -> String {
        const LETTERS: [char; 32] = [
            'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'm', 'n', 'p', 'q', 'r', 's', 't', 'u',
            'v', 'w', 'x', 'y', 'z', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H',
        ];
        (0..len)
            .map(|_| LETTERS.get(self.below(LETTERS.len())).copied().unwrap_or('a'))
            .collect()
    }
}

impl Cuts {
    /// `text` in the steps in which a stream gives it.
    pub(crate) fn steps(self, text: &str, chance: &mut Chance) -> Vec<String> {
        match self {
            Self::Whole => text
                .split_inclusive(char::is_whitespace)
                .map(str::to_owned)
                .collect(),
            Self::Awkward(_) => {
                let mut chars = text.chars();
                let mut steps = Vec::new();
                loop {
                    let step: String = chars.by_ref().take(1 + chance.below(5)).collect();
                    if step.is_empty() {
                        return steps;
                    }
                    steps.push(step);
                }
            }
        }
    }

    /// How to spell the next event.
    pub(crate) fn escape(self, chance: &mut Chance) -> Escape {
        match (self, chance.below(3)) {
            (Self::Awkward(_), 1) => Escape::NonAscii,
            (Self::Awkward(_), 2) => Escape::Html,
            _ => Escape::None,
        }
    }

    /// How the lines of the next event end.
    pub(crate) fn line_end(self, chance: &mut Chance) -> &'static str {
        if matches!(self, Self::Awkward(_)) && chance.one_in(4) {
            "\r\n"
        } else {
            "\n"
        }
    }

    /// The body frames that carry `parts`, one after another.
    pub(crate) fn frames(self, parts: Vec<Bytes>, chance: &mut Chance) -> Vec<Bytes> {
        match self {
            Self::Whole => parts,
            Self::Awkward(_) => {
                let mut rest = Bytes::from(parts.concat());
                let mut frames = Vec::new();
                let mut done = 0;
                for at in awkward_places(&rest, chance) {
                    frames.push(rest.split_to(at - done));
                    done = at;
                }
                frames.push(rest);
                frames
            }
        }
    }
}

/// Positions inside `bytes` at which to cut: ascending, none at an end. A cut may fall anywhere, and falls far more often
/// where a careless reader breaks; a frame may hold the tail of one event and the head of the next.
fn awkward_places(bytes: &[u8], chance: &mut Chance) -> BTreeSet<usize> {
    let mut places = BTreeSet::new();
    let (mut line_start, mut escape_left, mut is_in_tag, mut before) = (0usize, 0usize, false, b'\n');
    for (at, &byte) in bytes.iter().enumerate() {
        if before == b'\n' {
            line_start = at;
        }
        let odds = if before == b'\r' && byte == b'\n' {
            1
        } else if byte & 0xc0 == 0x80 {
            2
        } else if escape_left > 0 {
            4
        } else if is_in_tag || (1..6).contains(&(at - line_start)) {
            9
        } else {
            40
        };
        if at > 0 && chance.one_in(odds) {
            places.insert(at);
        }
        // `\u00e9`: five more characters belong to the escape after the backslash.
        escape_left = if byte == b'\\' && escape_left == 0 {
            5
        } else {
            escape_left.saturating_sub(1)
        };
        is_in_tag = byte == b'<' || (is_in_tag && byte != b'>' && byte != b'\n');
        before = byte;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(cuts: Cuts, text: &str) -> Vec<Bytes> {
        cuts.frames(
            vec![Bytes::copy_from_slice(text.as_bytes())],
            &mut Chance::new(7, b""),
        )
    }

    #[test]
    fn frames_put_together_are_the_whole() {
        let text = "data: {\"a\":\"Grüße <EMAIL_ADDRESS_7Q2MX9PKR4TWZ> 日本 \\u00e9\"}\r\n\r\n".repeat(9);
        let cut = frames(Cuts::Awkward(7), &text);
        assert!(cut.len() > 40, "{}", cut.len());
        assert!(cut.iter().all(|frame| !frame.is_empty()));
        assert_eq!(cut.concat(), text.as_bytes());
        assert_eq!(frames(Cuts::Whole, &text).len(), 1);
    }

    #[test]
    fn some_cuts_fall_inside_a_character_a_line_end_an_escape_and_a_prefix() {
        let text = "data: Grüße 日本 \\u00e9\r\n\r\n".repeat(60);
        let cut = frames(Cuts::Awkward(7), &text);
        assert!(cut.iter().any(|frame| std::str::from_utf8(frame).is_err()));
        assert!(cut.iter().any(|frame| frame.ends_with(b"\r")));
        assert!(
            cut.iter()
                .any(|frame| frame.ends_with(b"\\") || frame.ends_with(b"\\u00"))
        );
        assert!(cut.iter().any(|frame| frame.ends_with(b"dat")));
    }

    #[test]
    fn the_same_seed_and_body_cut_alike() {
        let steps = |seed| Cuts::Awkward(seed).steps(&"abc".repeat(20), &mut Chance::new(seed, b"body"));
        assert_eq!(steps(1), steps(1));
        assert_ne!(steps(1), steps(2));
        assert!(
            steps(1)
                .iter()
                .all(|step| (1..=5).contains(&step.chars().count()))
        );
        assert_eq!(steps(1).concat(), "abc".repeat(20));
    }
}
