//! Simple mutations, the same for the same seed.

/// A small generator (SplitMix64, Steele et al. 2014): enough to shake inputs with, no use for secrets.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The sequence of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        usize::try_from(self.next() % end.max(1)).unwrap_or(0)
    }
}

/// Pieces that have a meaning in what the targets read.
const WORDS: &[&str] = &[
    "\"",
    "\\",
    "\\u",
    "\\ud83d",
    "\\n",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "null",
    "1e999",
    "-0",
    "4111111111111111",
    "data: ",
    "\n\n",
    "\r\n\r\n",
    "event: ",
    "[DONE]",
    "<",
    ">",
    "EMAIL_ADDRESS_7Q2MX9PLR4TWZ",
    "_",
    "ann@example.com",
    "https://",
    "](",
    "%3C",
    "é",
    "\u{202e}",
    "\u{feff}",
    "\u{0}",
    "=",
    "[[",
    "]]",
    "'''",
    "\"\"\"",
    "#",
    "sk-4eC39HqLyjWD",
    "\"\"",
    ";",
    "|",
    "\t",
    "---\n",
    "# a\n",
    "(?P<n>",
    "(?=",
    "{,3}",
    "\\Z",
    "\\1",
    "  - name: ",
    "\"text\": ",
    "18446744073709551615",
    "-1",
];

/// Largest input made.
const MOST_BYTES: usize = 16 << 10;

/// A changed copy of one of `corpus`: one to four times flipped, overwritten, cut, doubled, spliced, or given a word.
pub fn mutate(corpus: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let pick = |chance: &mut Chance| {
        corpus
            .get(chance.below(corpus.len()))
            .cloned()
            .unwrap_or_default()
    };
    let mut data = pick(chance);
    for _ in 0..=chance.below(4) {
        let at = chance.below(data.len() + 1);
        let end = at + chance.below((data.len() - at).min(64) + 1);
        match chance.below(7) {
            0 => {
                if let Some(byte) = data.get_mut(at) {
                    *byte ^= 1 << chance.below(8);
                }
            }
            1 => {
                if let Some(byte) = data.get_mut(at) {
                    *byte = u8::try_from(chance.below(256)).unwrap_or(0);
                }
            }
            2 => drop(data.drain(at..end)),
            3 => {
                let piece = data[at..end].to_vec();
                data.splice(at..at, piece);
            }
            4 => {
                let other = pick(chance);
                let from = chance.below(other.len() + 1);
                data.truncate(at);
                data.extend_from_slice(&other[from..]);
            }
            _ => {
                let word = WORDS.get(chance.below(WORDS.len())).copied().unwrap_or_default();
                data.splice(at..at, word.bytes());
            }
        }
    }
    data.truncate(MOST_BYTES);
    data
}
