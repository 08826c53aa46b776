//! Near-equal texts without the texts: a sketch of keyed hashes of shingles, from which nothing can be read.

/// Places of a sketch.
const PLACES: usize = 16;
/// Of the places that either sketch has filled, the share that must agree: texts have at least about so much of their
/// shingles in common.
const ALIKE: (u32, u32) = (3, 4);
/// Places that must be filled for two sketches to be compared at all: shorter texts are alike by chance.
const LEAST_FILLED: u32 = 6;
/// Bytes that are looked at.
const MOST_BYTES: usize = 384;
/// An empty place.
const EMPTY: u16 = u16::MAX;

/// What a text looks like: the least hash of its pairs of words in each of 16 classes. Words with a digit count as one word, so
/// that prompts which only count on are alike. Two sketches under different seeds tell nothing of each other.
///
/// # Source
/// Li, Owen & Zhang, "One Permutation Hashing", NIPS 2012.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sketch([u16; PLACES]);

impl Sketch {
    /// Of the first 384 bytes of `text`, under `seed`, which is a secret. `None` of a text that is too short to be told from
    /// others. O(1): at most some 400 ns.
    #[must_use]
    pub fn of(text: &[u8], seed: u64) -> Option<Self> {
        let text = text.get(..MOST_BYTES).unwrap_or(text);
        let mut places = [EMPTY; PLACES];
        let (mut word, mut before, mut is_number) = (seed, 0_u64, false);
        for &byte in text {
            if byte.is_ascii_alphanumeric() || byte >= 0x80 || byte == b'_' {
                is_number |= byte.is_ascii_digit();
                word = (word ^ u64::from(byte | 0x20)).wrapping_mul(0x0100_0000_01b3);
            } else if word != seed {
                before = add(&mut places, before, if is_number { !seed } else { word });
                (word, is_number) = (seed, false);
            }
        }
        if word != seed {
            add(&mut places, before, if is_number { !seed } else { word });
        }
        let filled = places.iter().filter(|place| **place != EMPTY).count();
        (filled >= LEAST_FILLED as usize).then_some(Self(places))
    }

    /// Whether the texts of both have at least about three quarters of their shingles in common.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let (mut filled, mut same) = (0, 0);
        for (mine, theirs) in self.0.iter().zip(&other.0) {
            let is_filled = *mine != EMPTY || *theirs != EMPTY;
            filled += u32::from(is_filled);
            same += u32::from(is_filled && mine == theirs);
        }
        filled >= LEAST_FILLED && same * ALIKE.1 >= filled * ALIKE.0
    }
}

/// Adds the pair of `before` and `word`; returns what stands before the next word.
fn add(places: &mut [u16; PLACES], before: u64, word: u64) -> u64 {
    let mixed = (before.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    if let Some(place) = places.get_mut((mixed >> 60) as usize) {
        *place = (*place).min((mixed >> 40) as u16);
    }
    word
}
