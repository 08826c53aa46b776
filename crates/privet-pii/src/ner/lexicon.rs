//! What is known of a word by itself: whether it is a name, how common it is, whether it announces a name.
//!
//! The words are hashes in a table that is part of the binary; `training/lexicon` makes it and says where they come from.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Made by `training/lexicon/build.py`, which describes the layout.
const TABLE: &[u8] = include_bytes!("../../lexicon/names.bin");
/// Magic and number of buckets.
const HEAD: usize = 8;
/// Longest word that is looked up, in bytes; no name in the table is longer.
const LONGEST: usize = 64;

/// What a word says of the name beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cue {
    /// `Hello`: a name comes next.
    Greeting,
    /// `Mrs`: stands before a name.
    Title,
    /// `From`, `Patient`: the name of a field that holds one.
    Field,
    /// `様`: stands behind a name.
    After,
    /// `Regards`: the name of the writer comes next.
    Signoff,
    /// `asked`, `colleague`: a person often stands beside it.
    Verb,
    /// `GmbH`: what stands beside it is no person.
    Firm,
}

/// What the table holds of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Entry(u8);

impl Entry {
    /// A word that only its ending shows to be part of a name; a sure one or a likely one.
    pub(super) const fn by_ending(is_sure: bool) -> Self {
        Self(if is_sure { 2 } else { 4 })
    }

    /// A given name.
    pub(super) const fn is_given(self) -> bool {
        self.0 & 1 != 0
    }

    /// A surname.
    pub(super) const fn is_surname(self) -> bool {
        self.0 & 2 != 0
    }

    /// A name of some sort, from a list that is less sure.
    pub(super) const fn is_some_name(self) -> bool {
        self.0 & 4 != 0
    }

    /// How common the word is in texts without names: 0 not seen, 1 seen, 2 often, 3 often and in small letters.
    pub(super) const fn common(self) -> u8 {
        self.0 >> 3 & 3
    }

    /// What it says of its neighbour.
    pub(super) const fn cue(self) -> Option<Cue> {
        match self.0 >> 5 {
            1 => Some(Cue::Greeting),
            2 => Some(Cue::Title),
            3 => Some(Cue::Field),
            4 => Some(Cue::After),
            5 => Some(Cue::Signoff),
            6 => Some(Cue::Verb),
            7 => Some(Cue::Firm),
            _ => None,
        }
    }

    /// Both taken together, with the cue of the first.
    pub(super) const fn joined(self, other: Self) -> Self {
        Self(self.0 | other.0 & 0x1f)
    }

    /// Only what it says of names.
    pub(super) const fn names(self) -> Self {
        Self(self.0 & 7)
    }
}

/// What is known of `word`, whatever its case.
pub(super) fn entry(word: &str) -> Entry {
    if word.len() > LONGEST {
        return Entry::default();
    }
    look_up(hash(&folded(word)))
}

/// The hash of a word in the form that is looked up.
pub(super) fn key(word: &str) -> u64 {
    hash(&folded(word))
}

fn folded(word: &str) -> Cow<'_, str> {
    if word.is_ascii() {
        if word.bytes().any(|b| b.is_ascii_uppercase()) {
            return Cow::Owned(word.to_ascii_lowercase());
        }
        return Cow::Borrowed(word);
    }
    if is_nfc_quick(word.chars()) == IsNormalized::Yes {
        Cow::Owned(word.to_lowercase())
    } else {
        Cow::Owned(word.nfc().collect::<String>().to_lowercase())
    }
}

/// FNV-1a, then mixed so that the lowest and the highest bits are good.
fn hash(word: &str) -> u64 {
    let h = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let h = (h ^ h >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    h ^ h >> 29
}

fn number(at: usize) -> Option<usize> {
    let bytes = TABLE.get(at..at + 4)?;
    let number = u32::from_le_bytes(bytes.try_into().ok()?);
    usize::try_from(number).ok()
}

fn look_up(hash: u64) -> Entry {
    find(hash).unwrap_or_default()
}

fn find(hash: u64) -> Option<Entry> {
    let buckets = number(4)?;
    let bucket = usize::try_from(hash).ok()? & (buckets - 1);
    let (first, end) = (number(HEAD + 4 * bucket)?, number(HEAD + 4 * bucket + 4)?);
    let body = HEAD + 4 * (buckets + 1);
    let entries = TABLE.get(body + 3 * first..body + 3 * end)?;
    let [.., low, high] = hash.to_le_bytes();
    entries.chunks_exact(3).find_map(|e| match e {
        [a, b, flags] if *a == low && *b == high => Some(Entry(*flags)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_common_words_and_cues_are_told_apart_in_any_case() {
        assert!(entry("Priya").is_given() && entry("PRIYA").is_given());
        assert!(entry("Schmidt").is_surname());
        assert_eq!(entry("invoice").common(), 3);
        assert_eq!(entry("und").common(), 3);
        assert_eq!(entry("regards").cue(), Some(Cue::Signoff));
        assert_eq!(entry("様").cue(), Some(Cue::After));
        assert_eq!(entry("zzqqxxyy"), Entry::default());
    }

    #[test]
    fn the_table_is_whole() {
        assert_eq!(TABLE.get(..4), Some(&b"PLX1"[..]));
        let buckets = number(4).unwrap();
        assert!(buckets.is_power_of_two());
        let last = number(HEAD + 4 * buckets).unwrap();
        assert_eq!(TABLE.len(), HEAD + 4 * (buckets + 1) + 3 * last);
    }
}
