//! Words and phrases in spelt text, looked up word by word.
//!
//! [`spell`](super::context::spell) puts every word between single spaces, so that the words of scripts with spaces need no
//! automaton: a table tells from the first letters of a word which phrases may begin with it. What an
//! automaton would cost for every byte is spent once a word. Texts with characters of three bytes and more, among which are the
//! scripts without spaces, are left to the automaton.

use aho_corasick::{AhoCorasick, BuildError};

use super::eight::first_eight;

/// 2^64 over the golden ratio: Knuth, The Art of Computer Programming, volume 3, section 6.4, multiplicative hashing.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
/// The first byte of a character of three bytes, or more than that: U+0800 and above.
const THREE_BYTES: u8 = 0xe0;
/// Bytes of a stem that lead to it.
const STEM: usize = 3;

/// A place in a text where a phrase stands; spaces beside it belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Its place among the phrases.
    pub(crate) phrase: usize,
}

/// Phrases that are looked for in spelt text.
#[derive(Debug)]
pub(crate) struct Phrases {
    automaton: AhoCorasick,
    phrases: Vec<String>,
    /// By the first eight bytes of their first word.
    words: Heads,
    /// Stems, which any ending may follow, by their first three bytes.
    stems: Heads,
    /// Whether the tables hold all that may stand in a text of short characters.
    is_tabled: bool,
}

impl Phrases {
    /// `phrases`: spelt words, each with a space before it and one behind it; only one before it is a stem, none at all a
    /// word of a script without spaces.
    pub(crate) fn new(phrases: Vec<String>) -> Result<Self, BuildError> {
        let (mut words, mut stems) = (Vec::new(), Vec::new());
        let mut is_tabled = true;
        for (place, phrase) in phrases.iter().enumerate() {
            let Some(spelt) = phrase.strip_prefix(' ') else {
                is_tabled &= phrase.bytes().any(|b| b >= THREE_BYTES);
                continue;
            };
            if spelt.contains(' ') {
                words.push((Head::read(spelt.as_bytes()).word(), place));
            } else {
                is_tabled &= spelt.len() >= STEM;
                stems.push((Head::read(spelt.as_bytes()).stem(), place));
            }
        }
        Ok(Self {
            automaton: AhoCorasick::new(&phrases)?,
            phrases,
            words: Heads::new(words),
            stems: Heads::new(stems),
            is_tabled,
        })
    }

    /// Shows `see` every place in `spelt` where a phrase stands, in no order.
    pub(crate) fn each(&self, spelt: &[u8], mut see: impl FnMut(Place)) {
        let widest = spelt.iter().copied().fold(0, u8::max);
        if !self.is_tabled || widest >= THREE_BYTES {
            self.places(spelt).for_each(see);
            return;
        }
        let mut start = 0;
        while let Some(rest) = spelt.get(start + 1..).filter(|rest| !rest.is_empty()) {
            let head = Head::read(rest);
            for (heads, key) in [(&self.words, head.word()), (&self.stems, head.stem())] {
                for &phrase in heads.get(key) {
                    let known = self.phrases.get(phrase).map_or(&[][..], |p| p.as_bytes());
                    if spelt.get(start..).is_some_and(|text| text.starts_with(known)) {
                        let end = start + known.len();
                        see(Place { start, end, phrase });
                    }
                }
            }
            start += 1 + head.len();
            while spelt.get(start).is_some_and(|byte| *byte != b' ') {
                start += 1;
            }
        }
    }

    /// The places in `spelt` where a phrase stands, by their end.
    pub(crate) fn in_order<'s>(&'s self, spelt: &'s str) -> impl Iterator<Item = Place> + 's {
        self.places(spelt.as_bytes())
    }

    fn places<'s>(&'s self, spelt: &'s [u8]) -> impl Iterator<Item = Place> + 's {
        self.automaton.find_overlapping_iter(spelt).map(|hit| Place {
            start: hit.start(),
            end: hit.end(),
            phrase: hit.pattern().as_usize(),
        })
    }
}

/// The first eight bytes of a word and of what follows it, the first one lowest.
#[derive(Clone, Copy)]
struct Head(u64);

impl Head {
    /// The first bytes of `text`; zeros behind its end.
    #[inline]
    fn read(text: &[u8]) -> Self {
        Self(first_eight(text))
    }

    /// Bytes before the first space, at most eight.
    #[inline]
    const fn len(self) -> usize {
        const ONES: u64 = 0x0101_0101_0101_0101;
        let is_zero = self.0 ^ (0x20 * ONES);
        // The lowest bit is that of the first zero; Warren, Hacker's Delight, section 6-1.
        let spaces = is_zero.wrapping_sub(ONES) & !is_zero & (0x80 * ONES);
        (spaces.trailing_zeros() / 8) as usize
    }

    /// The bytes of the word alone.
    #[inline]
    const fn word(self) -> u64 {
        match self.len() {
            0 => 0,
            len => self.0 & u64::MAX >> (64 - 8 * len),
        }
    }

    /// The first three bytes.
    #[inline]
    const fn stem(self) -> u64 {
        self.0 & 0xff_ffff
    }
}

/// Phrases by what they begin with: a filter that few other words pass, and the phrases sorted by their key.
#[derive(Debug)]
struct Heads {
    filter: Vec<u64>,
    keys: Vec<u64>,
    phrases: Vec<usize>,
}

/// Bits of the filter, as a power of two: some thirty for each word of the vocabularies.
const FILTER_BITS: u32 = 16;

impl Heads {
    fn new(mut entries: Vec<(u64, usize)>) -> Self {
        entries.sort_unstable();
        let mut filter = vec![0; 1 << (FILTER_BITS - 6)];
        for (key, _) in &entries {
            let (word, bit) = filter_place(*key);
            if let Some(word) = filter.get_mut(word) {
                *word |= bit;
            }
        }
        let (keys, phrases) = entries.into_iter().unzip();
        Self {
            filter,
            keys,
            phrases,
        }
    }

    /// The phrases of this key.
    #[inline]
    fn get(&self, key: u64) -> &[usize] {
        let (word, bit) = filter_place(key);
        if self.filter.get(word).is_none_or(|word| word & bit == 0) {
            return &[];
        }
        let from = self.keys.partition_point(|known| *known < key);
        let same = self.keys.iter().skip(from).take_while(|known| **known == key);
        self.phrases.get(from..from + same.count()).unwrap_or_default()
    }
}

#[inline]
const fn filter_place(key: u64) -> (usize, u64) {
    let bit = key.wrapping_mul(MULTIPLIER) >> (64 - FILTER_BITS);
    ((bit >> 6) as usize, 1 << (bit & 63))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::recognizers::context::spell;

    const PHRASES: &[&str] = &[
        " tel ",
        " tel no ",
        " no ",
        " s s n ",
        " social security number ",
        " passport",
        " pas",
        " führer",
        " né ",
        "身份",
        " 여권",
        " telefonnummer ",
        " паспорт",
    ];

    proptest! {
        #[test]
        fn the_table_finds_what_the_automaton_does(
            text in "([ -~]|tel|no|s s|SSN|social security |number|passport|führer|né|身份|여권|telefonnummer|паспорт| ){0,30}"
        ) {
            let phrases = Phrases::new(PHRASES.iter().map(|p| (*p).to_owned()).collect()).unwrap();
            let mut spelt = String::new();
            spell(&text, &mut spelt);
            let mut found = Vec::new();
            phrases.each(spelt.as_bytes(), |place| found.push(place));
            found.sort_unstable();
            let mut expected: Vec<_> = phrases.in_order(&spelt).collect();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
