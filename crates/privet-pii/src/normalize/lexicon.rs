//! Looks words up, a few nanoseconds each.

use std::borrow::Cow;
use std::sync::LazyLock;

use super::words::{Spelt, all};

/// Slots of the table, a power of two: some eight a word, so that nearly all lookups end at an empty one.
const BITS: u32 = 13;
/// 2^64 over the golden ratio: Knuth, The Art of Computer Programming, volume 3, section 6.4, multiplicative hashing.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

struct Lexicon {
    /// The first eight bytes of a word and its place in `words`, by hash; 0 where there is none. A word whose slot is taken
    /// stands in the next free one.
    slots: Vec<(u64, u16)>,
    words: Vec<(Cow<'static, str>, Spelt)>,
    /// Whether a word begins with two bytes whose lowest five bits are these.
    begins: Box<[bool; 1024]>,
    /// The same of three bytes, a bit each; a shorter word goes on with spaces.
    begins_three: Box<[u64; 512]>,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let mut words: Vec<_> = all().collect();
    words.sort_by(|(a, _), (b, _)| a.cmp(b));
    words.dedup_by(|(a, _), (b, _)| a == b);
    let mut slots = vec![(0, 0); 1 << BITS];
    let mut begins = Box::new([false; 1024]);
    let mut begins_three = Box::new([0; 512]);
    for (place, (word, _)) in (0_u16..).zip(&words) {
        let key = key(word.as_bytes());
        if let Some(known) = begins.get_mut(start(key)) {
            *known = true;
        }
        let (word, bit) = start_three(key);
        if let Some(known) = begins_three.get_mut(word) {
            *known |= bit;
        }
        let mut slot = hash(key);
        while slots.get(slot).is_some_and(|(k, _)| *k != 0 && *k != key) {
            slot = (slot + 1) % slots.len();
        }
        if let Some(free) = slots.get_mut(slot) {
            *free = (key, place);
        }
    }
    Lexicon {
        slots,
        words,
        begins,
        begins_three,
    }
});

/// Place and bit of the lowest five bits of the first three bytes.
fn start_three(key: u64) -> (usize, u64) {
    let place = key & 31 | key >> 3 & 0x3e0 | key >> 6 & 0x7c00;
    (usize::try_from(place >> 6).unwrap_or(0), 1 << (place & 63))
}

/// The lowest five bits of the first two bytes, the same for either case of ASCII letters.
fn start(key: u64) -> usize {
    usize::try_from(key & 31 | key >> 3 & 0x3e0).unwrap_or(0)
}

fn hash(key: u64) -> usize {
    usize::try_from(key.wrapping_mul(MULTIPLIER) >> (64 - BITS)).unwrap_or(0)
}

/// The first eight bytes of a word, ASCII letters in lower case; bytes after a shorter one are spaces.
pub(super) fn key(word: &[u8]) -> u64 {
    let mut bytes = [b' '; 8];
    for (slot, byte) in bytes.iter_mut().zip(word) {
        *slot = byte | (u8::from(byte.is_ascii_uppercase()) << 5);
    }
    u64::from_le_bytes(bytes)
}

/// Looks words up by [`key`] without asking for the static more than once.
#[derive(Clone, Copy)]
pub(super) struct Keys {
    slots: &'static [(u64, u16)],
    words: &'static [(Cow<'static, str>, Spelt)],
    begins: &'static [bool; 1024],
    begins_three: &'static [u64; 512],
}

impl Keys {
    pub(super) fn new() -> Self {
        Self {
            slots: &LEXICON.slots,
            words: &LEXICON.words,
            begins: &LEXICON.begins,
            begins_three: &LEXICON.begins_three,
        }
    }

    /// Whether any word begins with the two bytes of `key`, in either case.
    #[inline]
    pub(super) fn may_begin(self, key: u64) -> bool {
        self.begins.get(start(key)).copied().unwrap_or(false)
    }

    /// Whether any word begins with the three lowest bytes of `key`, in either case. Tells more words apart than
    /// [`Self::may_begin`]: nearly all.
    #[inline]
    pub(super) fn may_begin_three(self, key: u64) -> bool {
        let (word, bit) = start_three(key);
        self.begins_three.get(word).is_some_and(|known| known & bit != 0)
    }

    /// What a word with this key may spell; words that share their first eight bytes are not told apart.
    #[inline]
    pub(super) fn get(self, key: u64) -> Option<Spelt> {
        let mut slot = hash(key);
        loop {
            let (known, place) = *self.slots.get(slot)?;
            if known == key {
                return self.words.get(usize::from(place)).map(|(_, spelt)| *spelt);
            }
            if known == 0 {
                return None;
            }
            slot += 1;
        }
    }
}

/// What `word` spells, in any case.
pub(super) fn spelt(word: &str) -> Option<Spelt> {
    // Nearly all words end here, before they are copied and compared.
    if word.is_ascii() {
        let keys = Keys::new();
        let key = key(word.as_bytes());
        if !keys.may_begin(key) || keys.get(key).is_none() {
            return None;
        }
    }
    let words = &LEXICON.words;
    let find = |w: &str| words.binary_search_by(|(known, _)| (**known).cmp(w)).ok();
    let at = if word.is_ascii() {
        find(&word.to_ascii_lowercase())
    } else {
        find(&word.to_lowercase())
    };
    at.and_then(|at| words.get(at)).map(|(_, spelt)| *spelt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_in_any_case_and_no_other_is() {
        let keys = Keys::new();
        for (word, spells) in all() {
            assert_eq!(spelt(&word), Some(spells), "{word}");
            assert_eq!(spelt(&word.to_ascii_uppercase()), Some(spells), "{word}");
            assert!(keys.get(key(word.as_bytes())).is_some(), "{word}");
            assert!(keys.may_begin_three(key(word.as_bytes())), "{word}");
            assert!(
                keys.may_begin_three(key(word.to_ascii_uppercase().as_bytes())),
                "{word}"
            );
        }
        for word in ["ones", "a", "", "punkte", "dots"] {
            assert_eq!(spelt(word), None, "{word}");
            assert_eq!(keys.get(key(word.as_bytes())), None, "{word}");
        }
    }
}
