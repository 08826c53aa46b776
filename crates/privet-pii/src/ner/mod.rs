//! Names, places, organisations, groups, dates and addresses, by a small neural network.
//!
//! A text is cut into windows of at most 128 tokens, at sentence ends, empty lines and, in long runs of lines, at line
//! breaks. The network sees a window alone. Its scores are then joined with other evidence: lists of names and common
//! words, greetings and other cues, e-mail addresses and names near by ([`rescore`]). Of the text outside the window that
//! is at most 4 KB before and after, so a long text may be given in pieces that overlap by more than that.

mod decode;
mod evidence;
mod facts;
mod fitted;
mod lexicon;
mod rescore;

use std::sync::{Arc, LazyLock};

use privet_inference::token::{MOST_TOKENS, tokenize, windows};
use privet_inference::{Memory, Tagger};
use privet_types::{Basis, Budget, Entity, Finding, RuleId, Span};

use crate::error::Error;
use evidence::Evidence;

pub use rescore::TokenEvidence;

/// What each kind of the network is reported as, and from which probability on; in the order of
/// [`privet_inference::label::KINDS`].
///
/// The limits were chosen on held-out templates and development texts (`training/ner/README.md`).
const KINDS: [(Entity, RuleId, f32); 6] = [
    (Entity::PERSON, RuleId("ner/person"), 0.45),
    (Entity::LOCATION, RuleId("ner/location"), 0.45),
    (Entity::ORGANIZATION, RuleId("ner/organization"), 0.45),
    (Entity::NRP, RuleId("ner/nrp"), 0.45),
    (Entity::DATE_TIME, RuleId("ner/date_time"), 0.35),
    (Entity::STREET_ADDRESS, RuleId("ner/street_address"), 0.4),
];

/// The limit for a date without a digit: "next week" and "this morning" tell less than they look.
const WORDY_DATE: f32 = 0.7;

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
        let mut found = Vec::new();
        let tokens = tokenize(text);
        let mut evidence = Evidence::new(text, &tokens);
        let (mut memory, mut scores) = (Memory::default(), Vec::with_capacity(MOST_TOKENS));
        for window in windows(text, &tokens) {
            let Some(held) = tokens.get(window.clone()) else {
                continue;
            };
            let bytes = held.last().map_or(0, |l| l.end) - held.first().map_or(0, |f| f.start);
            budget.charge(u64::try_from(UNITS_PER_BYTE * bytes).unwrap_or(u64::MAX))?;
            let from = found.len();
            scores.clear();
            self.tagger
                .tag(text, &tokens, window.clone(), &mut memory, &mut scores);
            rescore::rescore(&mut scores, window, &mut evidence);
            for marked in decode::spans(&scores) {
                let (Some((entity, rule, limit)), Some(first), Some(last)) = (
                    KINDS.get(marked.kind),
                    held.get(marked.first),
                    held.get(marked.last),
                ) else {
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
                {
                    let finding = Finding {
                        entity: *entity,
                        span,
                        score: marked.probability,
                        rule: *rule,
                        basis: Basis::Network,
                    };
                    push(text, &mut found, from, finding);
                }
            }
        }
        Ok(found)
    }
}

impl Ner {
    /// What the network says of each word of `text` by itself, and which evidence beside it speaks for or against: what
    /// `training/lexicon/fit.py` fits the weights of the evidence on.
    pub fn evidence(&self, text: &str) -> Vec<TokenEvidence> {
        let tokens = tokenize(text);
        let mut evidence = Evidence::new(text, &tokens);
        let (mut memory, mut scores) = (Memory::default(), Vec::with_capacity(MOST_TOKENS));
        let mut out = Vec::with_capacity(tokens.len());
        for window in windows(text, &tokens) {
            scores.clear();
            self.tagger
                .tag(text, &tokens, window.clone(), &mut memory, &mut scores);
            let held = tokens.get(window.clone()).unwrap_or_default();
            let known = rescore::token_evidence(&scores, window, &mut evidence);
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
