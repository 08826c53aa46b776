//! Names, places, organisations, groups, dates and addresses, by a small neural network.
//!
//! A text is cut into windows of at most 128 tokens, at sentence ends, empty lines and, in long runs of lines, at line
//! breaks. What is found in a window depends on that window alone, so a text may be given in pieces that end where a
//! window does, and results may be kept by window.

mod decode;
mod model;
mod rampart;
mod sparse;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use privet_inference::label::LABELS;
use privet_inference::token::{MOST_TOKENS, Token, tokenize, windows};
use privet_inference::{Memory, Tagger};
use privet_types::{Basis, Budget, Entity, Finding, RuleId, Span};

use crate::error::Error;

pub use model::Model;

/// What each kind of the network is reported as, and from which probability on; in the order of
/// [`privet_inference::label::KINDS`].
///
/// The limits were chosen on held-out templates and development texts (`training/ner/README.md`).
const KINDS: [(Entity, RuleId, f32); 6] = [
    (Entity::PERSON, RuleId("ner/person"), 0.4),
    (Entity::LOCATION, RuleId("ner/location"), 0.45),
    (Entity::ORGANIZATION, RuleId("ner/organization"), 0.45),
    (Entity::NRP, RuleId("ner/nrp"), 0.45),
    (Entity::DATE_TIME, RuleId("ner/date_time"), 0.35),
    (Entity::STREET_ADDRESS, RuleId("ner/street_address"), 0.4),
];

/// The limit for a date without a digit: "next week" and "this morning" tell less than they look.
const WORDY_DATE: f32 = 0.7;

/// Different windows of a text whose findings are kept for the next equal one.
const MOST_MET: usize = 4096;

/// Work units charged for a byte: what the network costs beside one look at the byte.
const UNITS_PER_BYTE: usize = 12;

/// Finds what only its surroundings tell: names, places, organisations, groups, dates, addresses.
#[derive(Debug)]
pub struct Ner {
    tagger: Arc<Tagger>,
}

/// The weights that are part of the binary, unpacked once and shared by all.
static SHIPPED: LazyLock<Result<Arc<Tagger>, String>> =
    LazyLock::new(|| Tagger::shipped().map(Arc::new).map_err(|e| e.to_string()));

impl Ner {
    /// The kinds that the network knows.
    pub const ENTITIES: [Entity; 6] = [
        Entity::PERSON,
        Entity::LOCATION,
        Entity::ORGANIZATION,
        Entity::NRP,
        Entity::DATE_TIME,
        Entity::STREET_ADDRESS,
    ];

    /// The recogniser with the weights that are part of the binary.
    ///
    /// # Errors
    /// [`Error::Recognizers`] if the weights are damaged.
    pub fn shipped() -> Result<Self, Error> {
        let tagger = SHIPPED
            .as_ref()
            .map(Arc::clone)
            .map_err(|reason| Error::Recognizers {
                reason: reason.clone(),
            })?;
        Ok(Self { tagger })
    }

    /// Findings in `text`, sorted and disjoint, on bounds of words; the score is a calibrated probability.
    ///
    /// O(n) time; memory O(n) in tokens. Charges 12 units a byte.
    ///
    /// # Errors
    /// [`Error::Budget`] if the budget is spent or cancelled.
    pub fn find(&self, text: &str, budget: &Budget) -> Result<Vec<Finding>, Error> {
        self.search(text, budget, sparse::parts)
    }

    /// The same; `parts_of` says which parts of a window's tokens the network is asked about.
    fn search(
        &self,
        text: &str,
        budget: &Budget,
        parts_of: fn(&[Token]) -> Vec<Range<usize>>,
    ) -> Result<Vec<Finding>, Error> {
        let tokens = tokenize(text);
        let mut reading = Reading {
            text,
            memory: Memory::default(),
            scores: Vec::with_capacity(MOST_TOKENS),
            found: Vec::new(),
        };
        // Where the findings of a window lie in `found`, and where it began.
        let mut met: HashMap<(&str, bool), (Range<usize>, usize)> = HashMap::new();
        for window in windows(text, &tokens) {
            let Some((held, first, last)) = tokens
                .get(window)
                .and_then(|held| Some((held, held.first()?, held.last()?)))
            else {
                continue;
            };
            let bytes = last.end - first.start;
            budget.charge(u64::try_from(UNITS_PER_BYTE * bytes).unwrap_or(u64::MAX))?;
            let window = text.get(first.start..last.end).unwrap_or_default();
            if let Some((known, began)) = met.get(&(window, first.is_spaced)) {
                reading.repeat(known.clone(), *began, first.start);
                continue;
            }
            let from = reading.found.len();
            let parts = parts_of(held);
            for part in &parts {
                let is_whole = part.len() == held.len();
                let part = held.get(part.clone()).unwrap_or_default();
                reading.read(&self.tagger, part, is_whole, from);
            }
            if !parts.is_empty() && met.len() < MOST_MET {
                let found = from..reading.found.len();
                met.insert((window, first.is_spaced), (found, first.start));
            }
        }
        Ok(reading.found)
    }
}

/// A text on its way through the network.
struct Reading<'t> {
    text: &'t str,
    memory: Memory<'t>,
    scores: Vec<[f32; LABELS]>,
    found: Vec<Finding>,
}

impl<'t> Reading<'t> {
    /// Adds what `tagger` finds in `tokens`, a window or a part of one. `from`: how many findings are of earlier windows.
    fn read(&mut self, tagger: &Tagger, tokens: &[Token], is_whole: bool, from: usize) {
        let text = self.text;
        self.scores.clear();
        tagger.tag(text, tokens, 0..tokens.len(), &mut self.memory, &mut self.scores);
        for marked in decode::spans(&self.scores) {
            let (Some((entity, rule, limit)), Some(held)) =
                (KINDS.get(marked.kind), tokens.get(marked.first..=marked.last))
            else {
                continue;
            };
            let (Some(first), Some(last)) = (held.first(), held.last()) else {
                continue;
            };
            let is_sure = |span: Span| {
                *entity != Entity::DATE_TIME
                    || marked.probability >= WORDY_DATE
                    || span.of(text).is_some_and(|s| s.contains(char::is_numeric))
            };
            if marked.probability >= *limit
                && let Some(span) = trimmed(text, Span::new(first.start, last.end))
                && is_sure(span)
                && (is_whole || held.iter().any(sparse::can_name))
            {
                let finding = Finding {
                    entity: *entity,
                    span,
                    score: marked.probability,
                    rule: *rule,
                    basis: Basis::Network,
                };
                push(text, &mut self.found, from, finding);
            }
        }
    }

    /// Adds the findings `known` of an equal window that began at `began`, for one that begins at `begins`.
    fn repeat(&mut self, known: Range<usize>, began: usize, begins: usize) {
        let at = self.found.len();
        self.found.extend_from_within(known);
        for finding in self.found.iter_mut().skip(at) {
            finding.span.start += begins - began;
            finding.span.end += begins - began;
        }
    }
}

/// Adds `finding`, as part of the one before if that is an address that it goes on with: a town right after a street.
///
/// `from`: how many findings are of earlier windows, which stay as they are.
fn push(text: &str, found: &mut Vec<Finding>, from: usize, finding: Finding) {
    let is_open = found.len() > from;
    if is_open
        && matches!(finding.entity, Entity::LOCATION | Entity::STREET_ADDRESS)
        && let Some(last) = found.last_mut()
        && last.entity == Entity::STREET_ADDRESS
        && text
            .get(last.span.end..finding.span.start)
            .is_some_and(|gap| gap.len() <= 8 && gap.chars().all(|c| c.is_whitespace() || c == ','))
    {
        last.span.end = finding.span.end;
        last.score = last.score.min(finding.score);
        return;
    }
    found.push(finding);
}

/// `span` without white space and separators at its edges; `None` if nothing else is in it.
fn trimmed(text: &str, span: Span) -> Option<Span> {
    let is_edge = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                ',' | ';'
                    | ':'
                    | '"'
                    | '“'
                    | '”'
                    | '«'
                    | '»'
                    | '<'
                    | '>'
                    | '|'
                    | '{'
                    | '}'
                    | '['
                    | ']'
                    | '='
                    | '、'
                    | '，'
            )
    };
    let inside = span.of(text)?;
    let start = span.start + (inside.len() - inside.trim_start_matches(is_edge).len());
    let end = span.end - (inside.len() - inside.trim_end_matches(is_edge).len());
    (start < end && text.get(start..end)?.contains(char::is_alphanumeric)).then(|| Span::new(start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLD: [&str; 6] = [
        include_str!("../../tests/it/fixtures/gold/de.txt"),
        include_str!("../../tests/it/fixtures/gold/disguised.txt"),
        include_str!("../../tests/it/fixtures/gold/en.txt"),
        include_str!("../../tests/it/fixtures/gold/fr.txt"),
        include_str!("../../tests/it/fixtures/gold/ja.txt"),
        include_str!("../../tests/it/fixtures/gold/ru.txt"),
    ];

    #[test]
    fn passing_over_signs_changes_no_finding_in_business_texts() {
        let ner = Ner::shipped().unwrap();
        for text in GOLD.iter().flat_map(|file| file.split("\n---\n")) {
            let everything = ner.search(text, &Budget::unlimited(), |tokens| {
                std::iter::once(0..tokens.len()).collect()
            });
            let found = ner.find(text, &Budget::unlimited()).unwrap();
            assert_eq!(found, everything.unwrap(), "{text}");
        }
    }

    #[test]
    fn a_window_that_comes_again_has_the_same_findings_again() {
        let ner = Ner::shipped().unwrap();
        let line = "Anna Berger lives in Graz.\n\n";
        let found = ner.find(&line.repeat(3), &Budget::unlimited()).unwrap();
        let once: Vec<_> = found
            .iter()
            .filter(|f| f.span.start < line.len())
            .copied()
            .collect();
        let shifted = |by: usize| {
            once.iter().copied().map(move |mut finding| {
                finding.span.start += by;
                finding.span.end += by;
                finding
            })
        };
        let expected: Vec<_> = (0..3).flat_map(|n| shifted(n * line.len())).collect();
        assert!(once.len() > 1);
        assert_eq!(found, expected);
    }
}
