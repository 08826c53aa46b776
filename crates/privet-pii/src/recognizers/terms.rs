//! Terms that the policy lists as private.

use aho_corasick::AhoCorasick;
use privet_types::Entity;

use super::Outcome;
use super::scan::Scan;
use crate::config::Terms;
use crate::error::Error;

/// Longest term, in bytes of its folded form.
const LONGEST: usize = 1024;

/// An automaton over all terms.
#[derive(Debug)]
pub(crate) struct TermSet {
    automaton: AhoCorasick,
    entities: Vec<Entity>,
}

/// A text in lower case with single spaces, and where its bytes came from.
struct Folded {
    text: String,
    /// Places where the folded text and the original drift apart: folded offset, original offset. Sorted by both.
    steps: Vec<(usize, usize)>,
}

impl TermSet {
    /// The terms of `lists` whose kind `wants` names; none if there are none.
    ///
    /// # Errors
    /// [`Error::Terms`] for a term without a letter or digit, one that is too long, or a kind that is not for terms.
    pub(crate) fn new(lists: &[Terms], wants: impl Fn(Entity) -> bool) -> Result<Option<Self>, Error> {
        let mut patterns = Vec::new();
        let mut entities = Vec::new();
        for (list, terms) in (1..).zip(lists) {
            let bad = |position, problem| Error::Terms {
                list,
                position,
                entity: terms.entity,
                problem,
            };
            if terms.entity == Entity::SURROGATE {
                return Err(bad(
                    0,
                    "is reserved for stand-ins; name another kind, such as `TERM`",
                ));
            }
            for (position, value) in (1..).zip(&terms.values) {
                if !value.chars().any(char::is_alphanumeric) {
                    return Err(bad(position, "has no letter or digit; write one or take it out"));
                }
                let folded = Folded::of(value.trim()).text;
                if folded.len() > LONGEST {
                    return Err(bad(
                        position,
                        "is longer than 1,024 bytes; a part of it that is unique will do",
                    ));
                }
                if wants(terms.entity) {
                    patterns.push(folded);
                    entities.push(terms.entity);
                }
            }
        }
        if patterns.is_empty() {
            return Ok(None);
        }
        let automaton = AhoCorasick::new(patterns).map_err(|e| Error::Recognizers {
            reason: e.to_string(),
        })?;
        Ok(Some(Self { automaton, entities }))
    }

    /// Finds the terms as whole words.
    pub(crate) fn find(&self, scan: &mut Scan<'_>) -> Outcome {
        scan.spend(2 * scan.text.len())?;
        let folded = Folded::of(scan.text);
        let mut charged = 0;
        for hit in self.automaton.find_overlapping_iter(&folded.text) {
            charged += 1;
            if charged % 16 == 0 {
                scan.spend(16)?;
            }
            let Some(entity) = self.entities.get(hit.pattern().as_usize()) else {
                continue;
            };
            let (start, end) = (folded.origin(hit.start()), folded.origin(hit.end()));
            if is_word(scan, start, end) {
                scan.report(*entity, start, end, 0.95, "term/listed");
            }
        }
        Ok(())
    }
}

/// Whether no letter or digit touches a letter or digit at either end.
fn is_word(scan: &Scan<'_>, start: usize, end: usize) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let is_escape = scan.back(start, 2) == b'\\' && super::scan::is_escape_letter(scan.back(start, 1));
    let joins = |at: usize| is_part(scan.char_before(at)) && is_part(scan.char_at(at));
    (is_escape || !joins(start)) && !joins(end)
}

impl Folded {
    /// Lower case by the simple mappings of Unicode (one character each), runs of white space as one space.
    fn of(text: &str) -> Self {
        let mut folded = Self {
            text: String::with_capacity(text.len()),
            steps: Vec::new(),
        };
        let mut last = (0, 0);
        let mut in_space = false;
        for (at, c) in text.char_indices() {
            let is_space = c.is_whitespace();
            if !(is_space && in_space) {
                folded.text.push(if is_space { ' ' } else { lower(c) });
            }
            in_space = is_space;
            let here = (folded.text.len(), at + c.len_utf8());
            if here.0 + last.1 != here.1 + last.0 {
                folded.steps.push(here);
                last = here;
            }
        }
        folded
    }

    /// The offset in the original of an offset in the folded text.
    fn origin(&self, offset: usize) -> usize {
        let after = self.steps.partition_point(|(folded, _)| *folded <= offset);
        let step = after.checked_sub(1).and_then(|i| self.steps.get(i));
        step.map_or(offset, |(folded, origin)| origin + (offset - folded))
    }
}

fn lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use privet_types::{Budget, Entity, Span};

    use crate::{Analyzer, Config, Error, Terms};

    fn config(values: &[&str]) -> Config {
        let values = values.iter().map(|v| (*v).to_owned()).collect();
        Config {
            terms: vec![Terms {
                entity: Entity::TERM,
                values,
            }],
            network: false,
            ..Config::default()
        }
    }

    fn found<'t>(values: &[&str], text: &'t str) -> Vec<&'t str> {
        let analyzer = Analyzer::new(&config(values)).unwrap();
        let found = analyzer.analyze(text, None, &Budget::unlimited()).unwrap();
        found.iter().map(|f| f.span.of(text).unwrap()).collect()
    }

    #[test]
    fn terms_are_found_without_regard_to_case_or_spacing_with_true_offsets() {
        assert_eq!(
            found(&["Project Falcon"], "On PROJECT\n  falcon, \u{130}x"),
            ["PROJECT\n  falcon"]
        );
        assert_eq!(
            found(&["Müller"], "\u{212a}\u{1e9e} MÜLLER und müller"),
            ["MÜLLER", "müller"]
        );
        assert_eq!(
            found(&["ann", "ann marie"], "Ann Mariella, Ann Marie"),
            ["Ann", "Ann Marie"]
        );
        assert_eq!(found(&["falcon"], "a\u{a0}\u{a0}falcon\u{3000}b"), ["falcon"]);
    }

    #[test]
    fn parts_of_words_are_not_terms() {
        assert_eq!(
            found(&["ann", "cat"], "annual concatenation, Hannah, cat2"),
            [""; 0]
        );
        assert_eq!(found(&["ann"], r"one\nann_b"), ["ann"]);
    }

    #[test]
    fn a_term_without_letters_is_refused_by_its_place() {
        let error = Analyzer::new(&config(&["fine", " -- "])).unwrap_err();
        assert!(matches!(
            error,
            Error::Terms {
                list: 1,
                position: 2,
                entity: Entity::TERM,
                ..
            }
        ));
        assert!(!error.to_string().contains("--"));
    }

    #[test]
    fn kinds_that_are_allowed_are_not_looked_for() {
        let mut config = config(&["falcon"]);
        config.entities.insert(Entity::TERM, crate::EntityAction::Allow);
        let found =
            Analyzer::new(&config)
                .unwrap()
                .analyze("falcon a@example.com", None, &Budget::unlimited());
        let spans: Vec<_> = found.unwrap().iter().map(|f| f.span).collect();
        assert_eq!(spans, [Span::new(7, 20)]);
    }
}
