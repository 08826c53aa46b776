//! Names, places, organisations, groups, dates and addresses, by a small neural network.
//!
//! A text is cut into windows of at most 128 tokens, at sentence ends, empty lines and, in long runs of lines, at line
//! breaks. The network sees a window alone. Its scores are then joined with other evidence: lists of names and common
//! words, greetings and other cues, e-mail addresses and names near by ([`rescore`]). Of the text outside the window that
//! is at most 4 KB before and after, so a long text may be given in pieces that overlap by more than that.

#[cfg(feature = "onnx")]
mod classifier;
mod decode;
mod evidence;
mod facts;
mod fitted;
mod lexicon;
mod model;
mod rampart;
mod rescore;
mod sparse;
mod together;
mod widen;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use privet_inference::label::LABELS;
use privet_inference::token::{MOST_TOKENS, Token, tokenize, windows};
use privet_inference::{Memory, Tagger};
use privet_types::{Basis, Budget, Entity, Finding, RuleId, Span};

use crate::error::Error;
use evidence::Evidence;

#[cfg(feature = "onnx")]
pub use classifier::{ClassifierFiles, Labels};
pub use model::Model;
pub use rescore::TokenEvidence;

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

/// Most tokens of a text whose scores are kept for the next equal stretch; 100 bytes each.
const MOST_KEPT: usize = 16_384;

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
        let mut evidence = Evidence::new(text, &tokens);
        let mut network = Network::new(&self.tagger, text);
        let mut found = Vec::new();
        for window in windows(text, &tokens) {
            let Some((held, first, last)) = tokens
                .get(window.clone())
                .and_then(|held| Some((held, held.first()?, held.last()?)))
            else {
                continue;
            };
            let bytes = last.end - first.start;
            budget.charge(u64::try_from(UNITS_PER_BYTE * bytes).unwrap_or(u64::MAX))?;
            let from = found.len();
            for part in parts_of(held) {
                let is_whole = part.len() == held.len();
                let part = window.start + part.start..window.start + part.end;
                let Some(part_tokens) = tokens.get(part.clone()) else {
                    continue;
                };
                network.read(part_tokens);
                rescore::rescore(&mut network.scores, part, &mut evidence);
                for finding in named(text, part_tokens, &network.scores, is_whole) {
                    push(text, &mut found, from, finding);
                }
            }
        }
        widen::widen(text, &mut found);
        Ok(found)
    }
}

impl Ner {
    /// What the network says of each word of `text` by itself, and which evidence beside it speaks for or against: what
    /// `training/lexicon/fit.py` fits the weights of the evidence on.
    pub fn evidence(&self, text: &str) -> Vec<TokenEvidence> {
        let tokens = tokenize(text);
        let mut evidence = Evidence::new(text, &tokens);
        let mut network = Network::new(&self.tagger, text);
        let mut out = Vec::with_capacity(tokens.len());
        for window in windows(text, &tokens) {
            let held = tokens.get(window.clone()).unwrap_or_default();
            network.read(held);
            let known = rescore::token_evidence(&network.scores, window, &mut evidence);
            out.extend(
                held.iter()
                    .zip(known)
                    .map(|(token, (scores, features))| TokenEvidence {
                        span: Span::new(token.start, token.end),
                        scores,
                        features,
                    }),
            );
        }
        out
    }
}

/// The network on its way through a text. What it says of some tokens depends on these alone, so equal stretches are not read
/// twice.
struct Network<'n, 't> {
    tagger: &'n Tagger,
    text: &'t str,
    memory: Memory<'t>,
    /// Natural-log probabilities of the labels of the tokens read last.
    scores: Vec<[f32; LABELS]>,
    /// Where the scores of a stretch, and of one with a space before it, lie in `kept`.
    met: HashMap<(&'t str, bool), Range<usize>>,
    kept: Vec<[f32; LABELS]>,
}

impl<'n, 't> Network<'n, 't> {
    fn new(tagger: &'n Tagger, text: &'t str) -> Self {
        Self {
            tagger,
            text,
            memory: Memory::default(),
            scores: Vec::with_capacity(MOST_TOKENS),
            met: HashMap::new(),
            kept: Vec::new(),
        }
    }

    /// Scores `tokens`, a window or a part of one.
    fn read(&mut self, tokens: &[Token]) {
        self.scores.clear();
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
            return;
        };
        let key = (
            self.text.get(first.start..last.end).unwrap_or_default(),
            first.is_spaced,
        );
        if let Some(known) = self.met.get(&key).and_then(|at| self.kept.get(at.clone())) {
            self.scores.extend_from_slice(known);
            return;
        }
        self.tagger.tag(
            self.text,
            tokens,
            0..tokens.len(),
            &mut self.memory,
            &mut self.scores,
        );
        let at = self.kept.len();
        if at + self.scores.len() <= MOST_KEPT {
            self.kept.extend_from_slice(&self.scores);
            self.met.insert(key, at..self.kept.len());
        }
    }
}

/// What `scores` name among `tokens`. `is_whole`: `tokens` are a whole window.
fn named(text: &str, tokens: &[Token], scores: &[[f32; LABELS]], is_whole: bool) -> Vec<Finding> {
    let finding = |marked: decode::Marked| {
        let (entity, rule, limit) = KINDS.get(marked.kind)?;
        let held = tokens.get(marked.first..=marked.last)?;
        let span = trimmed(text, Span::new(held.first()?.start, held.last()?.end))?;
        let is_sure = *entity != Entity::DATE_TIME
            || marked.probability >= WORDY_DATE
            || span.of(text).is_some_and(|s| s.contains(char::is_numeric));
        // `eth0`, `E11`: nobody's name.
        let is_named = *entity != Entity::PERSON || span.of(text).is_some_and(has_letters_alone);
        let can_be = is_named
            && is_sure
            && marked.probability >= *limit
            && (is_whole || held.iter().any(sparse::can_name));
        can_be.then_some(Finding {
            entity: *entity,
            span,
            score: marked.probability,
            rule: *rule,
            basis: Basis::Network,
        })
    };
    decode::spans(scores).into_iter().filter_map(finding).collect()
}

/// Whether a word of `name` has letters and no digit.
fn has_letters_alone(name: &str) -> bool {
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    words.any(|word| !word.is_empty() && !word.contains(|c: char| c.is_ascii_digit()))
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
    fn a_word_with_a_digit_is_no_name() {
        assert!(!has_letters_alone("eth0") && !has_letters_alone("E11"));
        assert!(has_letters_alone("Anna 2") && has_letters_alone("田中"));
    }

    #[test]
    fn a_stretch_that_comes_again_is_found_again() {
        let ner = Ner::shipped().unwrap();
        let line = "Anna Berger lives in Graz.\n\n";
        let found = ner.find(&line.repeat(3), &Budget::unlimited()).unwrap();
        // Scores may differ: a name that was sure before is surer the next time.
        let places: Vec<_> = found.iter().map(|f| (f.entity, f.span.start)).collect();
        let expected: Vec<_> = (0..3)
            .flat_map(|n| {
                [
                    (Entity::PERSON, n * line.len()),
                    (Entity::LOCATION, n * line.len() + 21),
                ]
            })
            .collect();
        assert_eq!(places, expected);
    }

    #[test]
    fn scores_that_are_kept_are_those_of_the_network() {
        let tagger = Tagger::shipped().unwrap();
        let text = "Anna Berger lives in Graz.\n\nAnna Berger lives in Graz.\n\n";
        let tokens = tokenize(text);
        let windows = windows(text, &tokens);
        let mut network = Network::new(&tagger, text);
        network.read(&tokens[windows[0].clone()]);
        let first = network.scores.clone();
        network.read(&tokens[windows[1].clone()]);
        assert_eq!(network.scores, first);
        let mut fresh = Network::new(&tagger, text);
        fresh.read(&tokens[windows[1].clone()]);
        assert_eq!(fresh.scores, first);
    }
}
