//! Says why something was found: the rule, the word beside it, the check digits.
//!
//! Nothing of it is kept while a text is read. The rules are run again over the surroundings of one finding, with the words
//! that they know taken out; a word whose return brings the finding back is the one that decided. So it holds for every
//! recogniser without its help, and what is said is what happens.

use privet_types::{Basis, Budget, Finding, RuleId, Span};
use serde::Serialize;

use crate::Language;
use crate::error::Error;
use crate::recognizers::context::{Words, is_spaced_script, spell_with};
use crate::recognizers::custom::CustomSet;
use crate::recognizers::ids::{IdVocabulary, Ids};
use crate::recognizers::{known, neutral};

/// Bytes to the left and right of a finding that are read again: if it does not show in the first ones, in the next.
const WINDOWS: [(usize, usize); 3] = [(256, 128), (2048, 1024), (16_384, 16_384)];
/// Bytes to the left and right of a finding in which words are looked for; more than any recogniser looks at.
const REACH: (usize, usize) = (128, 64);
/// Most words that are tried, the nearest first.
const MOST_WORDS: usize = 16;
/// Scores nearer than this are the same.
const SAME: f32 = 1e-4;

/// Why something was found. Holds no word of the text but those that Privet's own lists have.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// Which rule found it.
    pub rule: RuleId,
    /// What it rests on.
    pub basis: Basis,
    /// The recogniser of one's own that found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recognizer: Option<String>,
    /// The pattern of that recogniser, if it has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The word that says what it is; none if none does, or the finding stands without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<ContextWord>,
    /// The method of the check digits that are right, such as `luhn`; `check digit` where an authority's has no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum: Option<&'static str>,
    /// How sure, as the finding says it.
    pub score: f32,
    /// How sure it would be if no known word stood beside it; 0.0 if it would not be found.
    pub score_without_context: f32,
    /// The language round it, if it can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Whether it shows only once a disguise is undone.
    pub is_disguised: bool,
}

/// A word that says what a value is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContextWord {
    /// The word as Privet's lists have it, in small letters; `*` stands for any ending.
    pub word: String,
    /// Where it stands.
    pub place: WordPlace,
}

/// Where a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WordPlace {
    /// In the text before the value.
    Before(Span),
    /// In the text behind the value.
    After(Span),
    /// In the name that stands outside the text, such as a JSON key.
    Name,
}

/// What explaining needs of an analyser.
pub(crate) struct Explaining<'a> {
    pub(crate) words: &'a Words,
    pub(crate) ids: Option<&'a Ids>,
    pub(crate) custom: &'a CustomSet,
    /// What the rules report in a text, with or without disguises undone.
    pub(crate) rules: &'a Rules<'a>,
    /// A score as findings have it.
    pub(crate) shown: &'a dyn Fn(&Finding) -> f32,
}

/// Rules over a text, a name outside it, and whether disguises are undone.
pub(crate) type Rules<'a> = dyn Fn(&str, Option<&str>, bool) -> Result<Vec<Finding>, Error> + 'a;

/// A known word beside a finding.
struct Candidate {
    word: String,
    place: WordPlace,
}

/// The surroundings of a finding.
struct Around {
    text: String,
    /// Where they begin in the whole text.
    start: usize,
    finding: Finding,
    score: f32,
    is_disguised: bool,
}

impl Explaining<'_> {
    /// Why `finding` was found in `text` beside `name`.
    ///
    /// # Errors
    /// As the rules.
    pub(crate) fn explain(
        &self,
        text: &str,
        name: Option<&str>,
        finding: &Finding,
        budget: &Budget,
    ) -> Result<Explanation, Error> {
        budget.charge(Language::UNITS as u64)?;
        let mut explanation = Explanation {
            rule: finding.rule,
            basis: finding.basis,
            recognizer: None,
            pattern: None,
            context: None,
            checksum: None,
            score: finding.score,
            score_without_context: finding.score,
            language: Language::detect_at(text, finding.span.start),
            is_disguised: false,
        };
        if finding.basis == Basis::Network {
            return Ok(explanation);
        }
        let Some(around) = self.around(text, name, finding)? else {
            return Ok(explanation);
        };
        explanation.is_disguised = around.is_disguised;
        let value = around.finding.span.of(&around.text).unwrap_or_default();
        if let Some(own) = self.custom.which(&around.text, &around.finding) {
            explanation.recognizer = Some(own.name.to_owned());
            explanation.pattern = own.pattern.filter(|p| !p.is_empty()).map(str::to_owned);
            explanation.checksum = own.checksum;
        } else {
            explanation.checksum = self.checksum(&around.finding, value);
        }
        self.find_word(&around, name, &mut explanation)?;
        Ok(explanation)
    }

    /// The nearest surroundings in which the rules find it as they did in the whole text.
    fn around(&self, text: &str, name: Option<&str>, finding: &Finding) -> Result<Option<Around>, Error> {
        let is_seen = |f: &Finding, span: Span| {
            f.entity == finding.entity
                && f.rule == finding.rule
                && f.span.overlaps(span)
                && ((self.shown)(f) - finding.score).abs() < SAME
        };
        for (left, right) in WINDOWS {
            let start = word_start(text, finding.span.start.saturating_sub(left));
            let end = word_end(text, finding.span.end.saturating_add(right));
            let piece = text.get(start..end).unwrap_or_default();
            let span = Span::new(finding.span.start - start, finding.span.end - start);
            let plain = (self.rules)(piece, name, false)?;
            let mut seen = plain.into_iter().find(|f| is_seen(f, span));
            let is_disguised = seen.is_none();
            if is_disguised {
                seen = (self.rules)(piece, name, true)?
                    .into_iter()
                    .find(|f| is_seen(f, span));
            }
            if let Some(seen) = seen {
                return Ok(Some(Around {
                    text: piece.to_owned(),
                    start,
                    finding: seen,
                    score: (self.shown)(&seen),
                    is_disguised,
                }));
            }
            if piece.len() == text.len() {
                break;
            }
        }
        Ok(None)
    }

    /// Finds the word that decides.
    fn find_word(&self, around: &Around, name: Option<&str>, out: &mut Explanation) -> Result<(), Error> {
        let candidates = self.candidates(around, name);
        if candidates.is_empty() {
            return Ok(());
        }
        let without = self.score_with(around, &candidates, &[], name)?;
        out.score_without_context = without;
        if (without - around.score).abs() < SAME {
            return Ok(());
        }
        let mut best: Option<(f32, &Candidate)> = None;
        for candidate in &candidates {
            let with = self.score_with(around, &candidates, std::slice::from_ref(candidate), name)?;
            let distance = (with - around.score).abs();
            if best.is_none_or(|(least, _)| distance < least - SAME) {
                best = Some((distance, candidate));
            }
            if distance < SAME {
                break;
            }
        }
        // A word may need those between it and the value: put back one after another, the one that completes them decides.
        if best.is_none_or(|(distance, _)| distance >= SAME) {
            for (count, candidate) in (1..).zip(&candidates) {
                let kept = candidates.get(..count).unwrap_or_default();
                let distance = (self.score_with(around, &candidates, kept, name)? - around.score).abs();
                if distance < SAME {
                    best = Some((distance, candidate));
                    break;
                }
            }
        }
        let helps = |distance: f32| distance < (without - around.score).abs() - SAME;
        out.context = best.filter(|(distance, _)| helps(*distance)).map(|(_, c)| {
            let shift = |span: Span| Span::new(span.start + around.start, span.end + around.start);
            ContextWord {
                word: c.word.clone(),
                place: match c.place {
                    WordPlace::Before(span) => WordPlace::Before(shift(span)),
                    WordPlace::After(span) => WordPlace::After(shift(span)),
                    WordPlace::Name => WordPlace::Name,
                },
            }
        });
        Ok(())
    }

    /// The score of what is found at the finding's place if all `candidates` but `kept` are made words that say nothing.
    fn score_with(
        &self,
        around: &Around,
        candidates: &[Candidate],
        kept: &[Candidate],
        name: Option<&str>,
    ) -> Result<f32, Error> {
        let span_of = |candidate: &Candidate| match candidate.place {
            WordPlace::Before(span) | WordPlace::After(span) => Some(span),
            WordPlace::Name => None,
        };
        let mut text = String::with_capacity(around.text.len());
        for (at, c) in around.text.char_indices() {
            let lies_in = |span: Span| (span.start..span.end).contains(&at);
            let is_out = candidates.iter().filter_map(span_of).any(lies_in)
                && !kept.iter().filter_map(span_of).any(lies_in);
            text.push(if is_out { neutral(c) } else { c });
        }
        let is_name = |c: &Candidate| c.place == WordPlace::Name;
        let keeps_name = kept.iter().any(is_name) || !candidates.iter().any(is_name);
        let found = (self.rules)(&text, name.filter(|_| keeps_name), around.is_disguised)?;
        let span = around.finding.span;
        let same = found
            .iter()
            .filter(|f| f.entity == around.finding.entity && f.span.overlaps(span));
        Ok(same.map(|f| (self.shown)(f)).fold(0.0, f32::max))
    }

    /// The known words beside the finding, the name outside first, then the nearest.
    fn candidates(&self, around: &Around, name: Option<&str>) -> Vec<Candidate> {
        let (text, span) = (&around.text, around.finding.span);
        let from = word_start(text, span.start.saturating_sub(REACH.0));
        let to = word_end(text, span.end.saturating_add(REACH.1));
        let mut all: Vec<Candidate> = Vec::new();
        let mut sides = Vec::new();
        for (at, end) in [(from, span.start), (span.end, to)] {
            let side = text.get(at..end).unwrap_or_default();
            for (word, range) in self.known(side) {
                sides.push((word, Span::new(at + range.start, at + range.end)));
            }
        }
        let distance = |s: Span| span.start.saturating_sub(s.end) + s.start.saturating_sub(span.end);
        sides.sort_by_key(|(_, s)| (distance(*s), s.len()));
        sides.dedup_by_key(|(_, s)| *s);
        let placed = |s: Span| {
            if s.start < span.start {
                WordPlace::Before(s)
            } else {
                WordPlace::After(s)
            }
        };
        // Of a name the words are not told apart: it counts as a whole.
        if let Some(name) = name {
            let word = self.known(name).into_iter().max_by_key(|(_, range)| range.len());
            all.extend(word.map(|(word, _)| Candidate {
                word,
                place: WordPlace::Name,
            }));
        }
        all.extend(sides.into_iter().take(MOST_WORDS).map(|(word, s)| Candidate {
            word,
            place: placed(s),
        }));
        all
    }

    /// The words of `text` that some recogniser knows, and where they stand.
    fn known(&self, text: &str) -> Vec<(String, std::ops::Range<usize>)> {
        let mut spelt = String::new();
        let mut places: Vec<(usize, usize)> = Vec::new();
        spell_with(text, &mut spelt, |at, written| places.push((written, at)));
        // Where in `text` the character written at `at` of `spelt` stands.
        let origin = |at: usize| {
            let next = places.partition_point(|(written, _)| *written <= at);
            next.checked_sub(1).and_then(|i| places.get(i)).map_or(0, |p| p.1)
        };
        let hits = self.words.hits(&spelt).map(|hit| (hit.start, hit.end));
        let codes = self.ids.map(Ids::vocabulary);
        let codes = codes.into_iter().flat_map(|v: &IdVocabulary| v.places(&spelt));
        let own = self.custom.places(&spelt);
        let mut all = Vec::new();
        for (start, end) in hits.chain(codes).chain(own) {
            let written = spelt.get(start..end).unwrap_or_default();
            let word = written.trim();
            let first = start + (written.len() - written.trim_start().len());
            let goes_on = spelt.get(end..).and_then(|rest| rest.find(' ')).unwrap_or(0);
            let is_stem = written.ends_with(|c: char| c != ' ' && is_spaced_script(c)) && goes_on > 0;
            let last = first + word.len() + if is_stem { goes_on } else { 0 };
            let word = if is_stem {
                format!("{word}*")
            } else {
                word.to_owned()
            };
            all.push((
                word,
                origin(first)..char_end(text, origin(last.saturating_sub(1))),
            ));
        }
        all.extend(known(self.words, text));
        all
    }

    /// The method of the check digits of what `finding`'s rule found, if they are right.
    fn checksum(&self, finding: &Finding, value: &str) -> Option<&'static str> {
        let rule = finding.rule.0;
        let method = rule.split_once('/').map_or(rule, |(_, method)| method);
        match rule {
            "card/luhn" | "iban/mod97" | "crypto/base58check" | "crypto/bech32" => return Some(method),
            _ => {}
        }
        let is_right = self
            .ids
            .is_some_and(|ids| ids.has_right_check_digits(rule, value));
        is_right.then(|| {
            let is_method = ["luhn", "mod", "verhoeff", "ean", "check-digit"]
                .iter()
                .any(|m| method.starts_with(m));
            if is_method { method } else { "check digit" }
        })
    }
}

/// `at`, or a place a little before it where a word begins.
fn word_start(text: &str, at: usize) -> usize {
    if at == 0 {
        return 0;
    }
    let low = floor(text, at.saturating_sub(32));
    let at = floor(text, at);
    let before = text.get(low..at).unwrap_or_default();
    before.rfind(char::is_whitespace).map_or(at, |i| {
        let space = low + i;
        space
            + text
                .get(space..)
                .and_then(|t| t.chars().next())
                .map_or(0, char::len_utf8)
    })
}

/// `at`, or a place a little behind it where a word ends.
fn word_end(text: &str, at: usize) -> usize {
    let at = floor(text, at);
    let after = text.get(at..floor(text, at + 32)).unwrap_or_default();
    at + after.find(char::is_whitespace).unwrap_or(0)
}

fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (at.saturating_sub(3)..=at)
        .rev()
        .find(|i| text.is_char_boundary(*i))
        .unwrap_or(0)
}

/// Where the character that begins at `at` ends.
fn char_end(text: &str, at: usize) -> usize {
    at + text
        .get(at..)
        .and_then(|t| t.chars().next())
        .map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use super::*;
    use crate::{Analyzer, Config};

    fn analyzer() -> Analyzer {
        Analyzer::new(&Config {
            network: false,
            ..Config::everything()
        })
        .unwrap()
    }

    fn why_named(entity: Entity, text: &str, name: Option<&str>) -> Explanation {
        let analyzer = analyzer();
        let budget = Budget::unlimited();
        let found = analyzer.analyze(text, name, &budget).unwrap();
        let finding = found.iter().find(|f| f.entity == entity);
        let finding = finding.unwrap_or_else(|| panic!("{entity} in {text:?}: {found:?}"));
        analyzer.explain(text, name, finding, &budget).unwrap()
    }

    fn why(entity: Entity, text: &str) -> Explanation {
        why_named(entity, text, None)
    }

    #[test]
    fn the_word_that_decides_is_named_with_its_place() {
        for (entity, text, word) in [
            (
                Entity::US_SSN,
                "her social security number: 219099999",
                "social security number",
            ),
            (Entity::DATE_OF_BIRTH, "geboren am 1984-03-12 in Ulm", "geboren"),
            (Entity::CREDIT_CARD, "my card 060426070011", "card"),
            (Entity::DE_TAX_ID, "Steuer-ID 86095742719", "steuer id"),
            (Entity::CVV, "the CVV is 123", "cvv"),
        ] {
            let why = why(entity, text);
            let context = why.context.clone().unwrap_or_else(|| panic!("{entity}: {why:?}"));
            assert_eq!(context.word, word, "{why:?}");
            let WordPlace::Before(span) = context.place else {
                panic!("{why:?}")
            };
            let there = span.of(text).unwrap().to_lowercase().replace('-', " ");
            assert_eq!(there, word);
            assert!(why.score_without_context < why.score, "{why:?}");
        }
    }

    #[test]
    fn a_word_behind_the_value_or_in_the_name_outside_is_told_apart() {
        let behind = why(Entity::SWIFT_CODE, "QQXXATWW (BIC)").context.unwrap();
        assert!(matches!(behind.place, WordPlace::After(_)), "{behind:?}");
        let outside = why_named(Entity::US_SSN, "219099999", Some("applicantSSN"))
            .context
            .unwrap();
        assert_eq!((outside.word.as_str(), outside.place), ("ssn", WordPlace::Name));
    }

    #[test]
    fn what_stands_without_words_has_none() {
        let why = why(Entity::CREDIT_CARD, "credit card 4111 1111 1111 1111");
        assert_eq!((why.context, why.checksum), (None, Some("luhn")));
        assert!((why.score_without_context - why.score).abs() < SAME);
    }

    #[test]
    fn check_digits_are_named_where_they_are_right() {
        for (entity, text, checksum) in [
            (Entity::IBAN_CODE, "DE89 3704 0044 0532 0130 00", Some("mod97")),
            (Entity::DE_TAX_ID, "Steuer-ID 86095742719", Some("mod11-10")),
            (Entity::ES_NIF, "DNI 12345678Z", Some("mod23")),
            (Entity::EMAIL_ADDRESS, "ann@example.com", None),
            (Entity::US_SSN, "SSN 219-09-9999", None),
        ] {
            assert_eq!(why(entity, text).checksum, checksum, "{text}");
        }
    }

    #[test]
    fn the_language_and_the_disguise_are_told() {
        let why = why(
            Entity::EMAIL_ADDRESS,
            "Bitte schreiben Sie mir morgen an ann (at) example (dot) com zurück",
        );
        assert_eq!((why.language, why.is_disguised), (Some(Language::German), true));
    }

    #[test]
    fn recognisers_of_ones_own_are_named_with_their_pattern_word_and_checksum() {
        let config: Config = serde_json::from_value(serde_json::json!({"recognizers": [
            {"name": "badges", "entity": "CUSTOM_BADGE", "context": ["badge"],
             "patterns": [{"name": "weak", "regex": r"\bB-\d{4}\b", "score": 0.2}]},
            {"name": "tickets", "entity": "CUSTOM_BADGE", "checksum": "luhn",
             "patterns": [{"name": "T", "regex": r"T\d{5}", "score": 0.1}]},
        ], "network": false}))
        .unwrap();
        let analyzer = Analyzer::new(&config).unwrap();
        let text = "her badge B-1234 and T79921";
        let found = analyzer.analyze(text, None, &Budget::unlimited()).unwrap();
        let all: Vec<_> = found
            .iter()
            .map(|f| analyzer.explain(text, None, f, &Budget::unlimited()).unwrap())
            .collect();
        assert_eq!(all[0].recognizer.as_deref(), Some("badges"));
        assert_eq!(all[0].pattern.as_deref(), Some("weak"));
        assert_eq!(all[0].context.as_ref().unwrap().word, "badge");
        assert_eq!(
            (all[1].recognizer.as_deref(), all[1].checksum),
            (Some("tickets"), Some("luhn"))
        );
    }

    #[test]
    fn an_explanation_holds_no_word_of_the_text_but_those_of_the_lists() {
        let text = "Rosamund Quillfeather, born 12 March 1984, lives at 14 Quince Lane, phone 020 7946 0958";
        let analyzer = analyzer();
        let found = analyzer.analyze(text, None, &Budget::unlimited()).unwrap();
        assert!(found.len() > 2, "{found:?}");
        for finding in &found {
            let why = analyzer
                .explain(text, None, finding, &Budget::unlimited())
                .unwrap();
            let shown = serde_json::to_string(&why).unwrap().to_lowercase();
            for word in ["rosamund", "quillfeather", "quince", "1984", "7946"] {
                assert!(!shown.contains(word), "{shown}");
            }
        }
    }
}
