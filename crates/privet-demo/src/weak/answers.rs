//! Answers to questions: the sentence, of all that the model was given or knows, that fits best.

use super::lexicon::IDLE;
use super::text::{sentences, words};

/// What it knows of the world, a sentence a line.
const KNOWLEDGE: &str = include_str!("knowledge.txt");

/// How many first letters of two words have to agree.
const STEM: usize = 5;

/// The sentence of `sources`, or else of what it knows, that shares most with `question`; earlier sources count more.
pub(super) fn best(question: &str, sources: &[String]) -> Option<String> {
    let wanted = stems(question);
    if wanted.is_empty() {
        return None;
    }
    let given = sources
        .iter()
        .enumerate()
        .flat_map(|(at, text)| sentences(text).into_iter().map(move |s| (at, s)));
    let known = KNOWLEDGE.lines().map(|line| (sources.len() + 1, line.to_owned()));
    let mut best: Option<(f64, String)> = None;
    for (at, sentence) in given.chain(known) {
        // The question is no answer to itself.
        if sentence.contains('?') || question.contains(sentence.as_str()) {
            continue;
        }
        let has = stems(&sentence);
        let shared = wanted.iter().filter(|stem| has.contains(stem)).count();
        if shared == 0 {
            continue;
        }
        let is_enough = shared * 3 >= wanted.len();
        #[expect(clippy::cast_precision_loss, reason = "counts of words")]
        let score = shared as f64 - at as f64 * 0.01 - has.len() as f64 * 0.005;
        if is_enough && best.as_ref().is_none_or(|(most, _)| score > *most) {
            best = Some((score, sentence));
        }
    }
    best.map(|(_, sentence)| sentence)
}

fn stems(text: &str) -> Vec<String> {
    let mut all: Vec<String> = words(text)
        .into_iter()
        .filter(|word| word.chars().count() >= 3 && !IDLE.contains(&word.as_str()))
        .map(|word| word.chars().take(STEM).collect())
        .collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_that_fits_is_found() {
        let sources = ["The lamp is blue. The desk has four legs.".to_owned()];
        assert_eq!(
            best("Which colour is the lamp?", &sources).as_deref(),
            Some("The lamp is blue.")
        );
        assert_eq!(
            best("How many legs does the desk have?", &sources).as_deref(),
            Some("The desk has four legs.")
        );
        assert!(best("How do I kill a process?", &[]).is_some_and(|answer| answer.contains("kill")));
        assert_eq!(best("zzz", &sources), None);
    }
}
