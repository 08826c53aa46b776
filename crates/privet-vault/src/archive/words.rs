//! The words of a conversation, as the blind index has them.

use std::collections::BTreeSet;

use privet_crypto::IndexKey;

use crate::subject::ValueForm;

/// Most different words of a conversation that are indexed.
const MOST_WORDS: usize = 2_000;
/// Lengths of words that are indexed, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 2..=64;

/// The different words of `texts`: runs of letters and digits, in one case.
pub(crate) fn words<'t>(texts: impl IntoIterator<Item = &'t str>) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for text in texts {
        for word in text.split(|c: char| !c.is_alphanumeric()) {
            if words.len() == MOST_WORDS {
                return words;
            }
            if let Some(word) = normal(word) {
                words.insert(word);
            }
        }
    }
    words
}

/// A word as it is indexed.
pub(super) fn normal(word: &str) -> Option<String> {
    let word = ValueForm::Folded.apply(word, None).ok()?;
    LENGTHS.contains(&word.len()).then_some(word)
}

/// Text in one case, for searching in it.
pub(super) fn folded(text: &str) -> String {
    ValueForm::Folded.apply(text, None).unwrap_or_default()
}

/// The name of the index of `day`. Each day has a key of its own, so that words do not show across days.
pub(crate) fn index_name(day: i64) -> String {
    format!("privet/archive/words/{day}")
}

/// The entry of `word`.
pub(crate) fn entry(key: &IndexKey, word: &str) -> [u8; 32] {
    key.exact(word.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_and_digits_in_one_case() {
        let found = words(["Dear Zoë, order B-4711!", "STRASSE straße x"]);
        let expected = ["4711", "dear", "order", "strasse", "zoë"];
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
    }
}
