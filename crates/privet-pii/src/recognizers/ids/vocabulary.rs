//! Words that speak of codes.

use aho_corasick::BuildError;

use crate::language::{Language, Languages};
use crate::recognizers::context::{is_spaced_script, spell};
use crate::recognizers::false_friends::elsewhere;
use crate::recognizers::phrases::Phrases;

/// Most specs.
pub(super) const MOST_SPECS: usize = 256;

/// A set of specs that words speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Told([u64; MOST_SPECS / 64]);

/// What the words round a code spoke of.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ToldAround {
    /// Right before it, or outside the text.
    pub(crate) near: Told,
    /// Anywhere round it.
    pub(crate) any: Told,
}

impl Told {
    /// Whether a word spoke of spec `index`.
    pub(crate) fn contains(self, index: usize) -> bool {
        self.0
            .get(index / 64)
            .is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    fn insert(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }

    /// Both sets together.
    pub(crate) fn join(&mut self, other: Self) {
        for (mine, others) in self.0.iter_mut().zip(other.0) {
            *mine |= others;
        }
    }
}

/// The words of all specs.
pub(crate) struct Vocabulary {
    phrases: Phrases,
    /// By phrase: the specs it speaks of, and the languages in which it does not.
    told: Vec<(Told, Languages)>,
}

impl Vocabulary {
    /// `words`: the words of each spec, by its index.
    pub(super) fn new<'w>(words: impl Iterator<Item = &'w [&'w str]>) -> Result<Self, BuildError> {
        let mut patterns: Vec<String> = Vec::new();
        let mut told: Vec<(Told, Languages)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for (spec, words) in words.enumerate() {
            for word in words {
                let pattern = pattern(word);
                let place = *places.entry(pattern.clone()).or_insert_with(|| {
                    patterns.push(pattern);
                    told.push((Told::default(), elsewhere(word)));
                    told.len() - 1
                });
                if let Some((told, _)) = told.get_mut(place) {
                    told.insert(spec);
                }
            }
        }
        Ok(Self {
            phrases: Phrases::new(patterns)?,
            told,
        })
    }

    /// The specs that the words of `spelt` speak of (see [`spell`](crate::recognizers::context::spell)). `language` says
    /// in which one they are written; it is asked only if a word does not count in every one.
    pub(crate) fn told(&self, spelt: &[u8], language: impl FnMut() -> Option<Language>) -> Told {
        self.told_from(spelt, 0, language).0
    }

    /// The same, and those of which the words from `begin` on speak by themselves.
    pub(crate) fn told_from(
        &self,
        spelt: &[u8],
        begin: usize,
        mut language: impl FnMut() -> Option<Language>,
    ) -> (Told, Told) {
        let (mut told, mut last) = (Told::default(), Told::default());
        if spelt.len() < 2 {
            return (told, last);
        }
        self.phrases.each(spelt, |place| {
            if let Some((more, not_in)) = self.told.get(place.phrase)
                && (not_in.is_empty() || !not_in.has(language()))
            {
                told.join(*more);
                if place.start >= begin {
                    last.join(*more);
                }
            }
        });
        (told, last)
    }

    /// The places in `spelt` of words that speak of any spec; spaces beside a word belong to it.
    pub(crate) fn places<'s>(&'s self, spelt: &'s str) -> impl Iterator<Item = (usize, usize)> + 's {
        let places = self.phrases.in_order(spelt);
        places.map(|place| (place.start, place.end))
    }
}

/// A word as it stands in spelt text: between spaces, unless it ends in `*` or is of a script without spaces.
fn pattern(word: &str) -> String {
    let (word, is_stem) = word.strip_suffix('*').map_or((word, false), |stem| (stem, true));
    let mut spelt = String::new();
    spell(word, &mut spelt);
    if word.chars().any(|c| !is_spaced_script(c)) {
        return spelt.trim().to_owned();
    }
    if is_stem {
        return spelt.trim_end().to_owned();
    }
    spelt
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<usize> {
        let words: [&[&str]; 4] = [&["tax id", "steuer id"], &["lic"], &["身份证"], &["podatk*"]];
        let vocabulary = Vocabulary::new(words.into_iter()).unwrap();
        let mut spelt = String::new();
        spell(text, &mut spelt);
        (0..4)
            .filter(|i| vocabulary.told(spelt.as_bytes(), || None).contains(*i))
            .collect()
    }

    #[test]
    fn words_count_whole_and_stems_with_any_ending() {
        assert_eq!(told("Ihre Steuer-ID:"), [0]);
        assert_eq!(told("taxId lic"), [0, 1]);
        assert_eq!(told("duplicate licence"), [] as [usize; 0]);
        assert_eq!(told("我的身份证号码是"), [2]);
        assert_eq!(told("numer podatkowy"), [3]);
        assert_eq!(told("opodatkowany"), [] as [usize; 0]);
    }
}
