//! Short values that are looked for in every reading of a text, known by keyed hashes alone.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use super::readings::{Variant, variants};
use super::window::{Polynomial, Window};

/// A keyed hash, such as HMAC-SHA256 under a key of the tenant; the rooms that hold keys hand it in.
pub type KeyedHash = Arc<dyn Fn(&[u8]) -> [u8; 32] + Send + Sync>;

/// Letters and digits of the end of a value by which it is looked up.
pub(super) const LEAST: usize = 8;
/// Letters and digits of the longest value.
pub(super) const MOST: usize = 128;
/// Bytes of a keyed hash that are kept.
pub(super) const TAG: usize = 16;

/// One value, in one of its variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Needle {
    /// Rolling hash of its last [`LEAST`] letters and digits.
    pub(super) end: u64,
    /// Letters and digits, [`LEAST`] ..= [`MOST`].
    pub(super) length: u16,
    /// Keyed hash of all of them.
    pub(super) tag: [u8; TAG],
}

/// Values by the hash of their ends.
pub(super) struct Needles {
    keyed: KeyedHash,
    polynomial: Polynomial,
    by_end: HashMap<u64, Vec<Needle>>,
    longest: usize,
}

impl fmt::Debug for Needles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Needles")
            .field("ends", &self.by_end.len())
            .finish_non_exhaustive()
    }
}

/// How ends are hashed under a key.
pub(super) fn polynomial(keyed: &KeyedHash) -> Polynomial {
    let seed = keyed(b"privet/guardrails/needle-end");
    let seed = seed.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    Polynomial::new(seed, LEAST)
}

/// What is kept of a value, which has [`LEAST`] ..= [`MOST`] letters and digits as they are compared.
pub(super) fn needles(value: &[char], keyed: &KeyedHash) -> Vec<Needle> {
    let polynomial = polynomial(keyed);
    let needle = |variant: Variant| {
        let variant = variant.letters;
        let from = variant.len().checked_sub(LEAST)?;
        let end = polynomial
            .all(variant.iter().skip(from).map(|c| u64::from(*c)))
            .next()?;
        Some(Needle {
            end,
            length: u16::try_from(variant.len()).ok()?,
            tag: tag(variant.iter(), keyed)?,
        })
    };
    variants(value).into_iter().filter_map(needle).collect()
}

fn tag<'c>(value: impl Iterator<Item = &'c char>, keyed: &KeyedHash) -> Option<[u8; TAG]> {
    let mut named = b"privet/guardrails/needle\0".to_vec();
    let text: String = value.collect();
    named.extend_from_slice(text.as_bytes());
    keyed(&named).first_chunk().copied()
}

impl Needles {
    pub(super) fn new(needles: impl IntoIterator<Item = Needle>, keyed: KeyedHash) -> Self {
        let mut by_end: HashMap<u64, Vec<Needle>> = HashMap::new();
        let mut longest = LEAST;
        for needle in needles {
            longest = longest.max(usize::from(needle.length));
            by_end.entry(needle.end).or_default().push(needle);
        }
        Self {
            polynomial: polynomial(&keyed),
            keyed,
            by_end,
            longest,
        }
    }
}

/// The end of one reading.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending {
    window: Window,
    letters: VecDeque<char>,
}

impl Ending {
    /// Takes the next letter or digit; whether a value ends with it.
    pub(super) fn push(&mut self, c: char, needles: &Needles) -> bool {
        if self.letters.len() >= needles.longest {
            self.letters.pop_front();
        }
        self.letters.push_back(c);
        let Some(end) = self.window.push(u64::from(c), needles.polynomial) else {
            return false;
        };
        let Some(near) = needles.by_end.get(&end) else {
            return false;
        };
        near.iter().any(|needle| {
            let from = self.letters.len().checked_sub(usize::from(needle.length));
            let is_whole = |from| tag(self.letters.iter().skip(from), &needles.keyed) == Some(needle.tag);
            from.is_some_and(is_whole)
        })
    }
}
