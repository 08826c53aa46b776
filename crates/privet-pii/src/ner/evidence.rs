//! What speaks for or against a name at a token, beside the network: lists of names and common words, greetings and
//! other cues, the place in the line, e-mail addresses that spell the name.
//!
//! Each is a yes or no with a number. [`super::fitted`] holds what each counts for each kind.

use std::collections::HashMap;

use privet_inference::token::Token;

use super::facts::{Case, Fact, facts};
use super::lexicon::{Cue, key};

/// Ways of writing a word, without [`Case::None`].
const CASES: usize = 7;
/// Numbers that [`Fact::name`] gives.
const NAMES: usize = 5;
/// Numbers that [`super::lexicon::Entry::common`] gives.
const COMMONS: usize = 4;
/// Numbers that [`Fact::strength`] gives.
const STRENGTHS: usize = 5;

const NAME_COMMON: usize = 0;
const CASE_NAME: usize = NAME_COMMON + NAMES * COMMONS;
const CASE_COMMON: usize = CASE_NAME + CASES * NAMES;
/// Of these, each counts on its own for each strength of the word.
const LEADS: usize = CASE_COMMON + CASES * COMMONS;
const LEAD_KINDS: usize = 14;
/// Of these, each counts on its own.
const PLAIN: usize = LEADS + LEAD_KINDS * STRENGTHS;
const PLAIN_KINDS: usize = 51;

/// How many features there are.
pub(super) const FEATURES: usize = PLAIN + PLAIN_KINDS;

/// How far from a mention a name or an address counts, in bytes.
const REACH: usize = 4096;
/// The commonest English words that few other languages have. In English the list of common words is fullest, so that an
/// unknown word with a capital is a name more often than elsewhere.
const ENGLISH: &[&str] = &[
    "the", "and", "of", "to", "is", "for", "with", "you", "my", "at", "that", "this", "have", "was", "not",
    "from", "are", "it", "we", "be", "please", "your", "has", "will", "our", "they", "she", "his", "her",
    "i",
];
/// How many tokens to each side tell whether a text is English.
const ENGLISH_REACH: usize = 25;
/// Most names that are remembered at once.
const MOST_SEEN: usize = 512;
/// How many tokens back a cue is looked for.
const LEAD: usize = 5;
/// Most tokens of a line that ends a letter.
const SIGNOFF_LINE: usize = 7;

/// What precedes or follows a word. The discriminant is the place in the table of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lead {
    Greeting = 0,
    Title = 1,
    Field = 2,
    Verb = 3,
    After = 4,
    SignoffLine = 5,
    SignoffHere = 6,
    Speaker = 7,
    AloneOne = 8,
    AloneFew = 9,
    Mentioned = 10,
    GreetedLine = 11,
    Role = 12,
    OtherKey = 13,
}

/// The features of one token.
#[derive(Debug, Clone, Default)]
pub(super) struct Active {
    ids: Vec<u16>,
}

impl Active {
    fn push(&mut self, id: usize) {
        if let Ok(id) = u16::try_from(id) {
            self.ids.push(id);
        }
    }

    /// Their numbers, below [`FEATURES`].
    pub(super) fn ids(&self) -> &[u16] {
        &self.ids
    }
}

/// A text with what is known of its tokens.
#[derive(Debug)]
pub(super) struct Evidence<'t> {
    text: &'t str,
    tokens: &'t [Token],
    facts: Vec<Fact>,
    /// For each token, how many words, and how many of the commonest English ones, stand before it.
    before: Vec<(u32, u32)>,
    /// Where words stand in e-mail addresses, by their key, in order.
    mailed: HashMap<u64, Vec<usize>>,
    /// Where a word was last surely a name.
    seen: HashMap<u64, usize>,
}

impl<'t> Evidence<'t> {
    /// Reads all tokens of `text` once. O(n).
    pub(super) fn new(text: &'t str, tokens: &'t [Token]) -> Self {
        let facts = facts(text, tokens);
        let mut evidence = Self {
            text,
            tokens,
            before: Vec::with_capacity(tokens.len() + 1),
            facts,
            mailed: HashMap::new(),
            seen: HashMap::new(),
        };
        evidence.read_addresses();
        evidence.count_english();
        evidence
    }

    /// Counts the commonest English words.
    fn count_english(&mut self) {
        let (mut words, mut english) = (0, 0);
        self.before.push((0, 0));
        for at in 0..self.facts.len() {
            if self.fact(at).is_word() {
                words += 1;
                let word = self.word(at);
                english += u32::from(ENGLISH.iter().any(|e| e.eq_ignore_ascii_case(word)));
            }
            self.before.push((words, english));
        }
    }

    /// Whether the words round `at` are English.
    fn is_english(&self, at: usize) -> bool {
        let end = (at + ENGLISH_REACH + 1).min(self.facts.len());
        let from = self.before.get(at.saturating_sub(ENGLISH_REACH));
        let to = self.before.get(end);
        match (from, to) {
            (Some(from), Some(to)) => {
                let english = to.1 - from.1;
                english >= 2 && 6 * english >= to.0 - from.0
            }
            _ => false,
        }
    }

    /// Notes the words of local parts of e-mail addresses.
    fn read_addresses(&mut self) {
        for at in 1..self.facts.len() {
            if self.fact(at).sign != '@' || self.fact(at).is_spaced {
                continue;
            }
            for back in (at.saturating_sub(6)..at).rev() {
                let fact = self.fact(back);
                let is_part = fact.is_word() || fact.has_digit || matches!(fact.sign, '.' | '-' | '_' | '+');
                if !is_part {
                    break;
                }
                let word = self.word(back);
                if fact.is_word() && word.len() > 2 {
                    let place = self.start(back);
                    self.mailed.entry(key(word)).or_default().push(place);
                }
                if fact.is_spaced {
                    break;
                }
            }
        }
    }

    fn fact(&self, at: usize) -> Fact {
        self.facts.get(at).copied().unwrap_or_default()
    }

    /// How the token at `at` is written.
    pub(super) fn case(&self, at: usize) -> Case {
        self.fact(at).case
    }

    fn word(&self, at: usize) -> &'t str {
        self.tokens
            .get(at)
            .and_then(|t| self.text.get(t.start..t.end))
            .unwrap_or_default()
    }

    fn start(&self, at: usize) -> usize {
        self.tokens.get(at).map_or(0, |t| t.start)
    }

    /// Notes that the word at `at` is surely a name, so that its later mentions count as well.
    pub(super) fn remember(&mut self, at: usize) {
        let fact = self.fact(at);
        if !fact.is_word()
            || fact.case == Case::Initial
            || fact.case == Case::Unspaced
            || fact.entry.common() == 3
        {
            return;
        }
        let word = self.word(at);
        if word.len() > 2 {
            if self.seen.len() >= MOST_SEEN {
                self.seen.clear();
            }
            self.seen.insert(key(word), self.start(at));
        }
    }

    /// The number of the feature that tells that the word was surely a name before, if it was.
    pub(super) fn mentioned(&self, at: usize) -> Option<u16> {
        let fact = self.fact(at);
        if !fact.is_word() || self.seen.is_empty() {
            return None;
        }
        let place = self.seen.get(&key(self.word(at)))?;
        let is_near = self.start(at).checked_sub(*place).is_some_and(|d| d <= REACH);
        is_near
            .then(|| u16::try_from(lead_id(Lead::Mentioned, fact)).ok())
            .flatten()
    }

    /// The features of the token at `at`; none if it is no word.
    pub(super) fn of(&self, at: usize, has_capitals: bool) -> Option<Active> {
        let fact = self.fact(at);
        let case = case_number(fact.case)?;
        let mut active = Active {
            ids: Vec::with_capacity(16),
        };
        let common = usize::from(fact.entry.common());
        active.push(NAME_COMMON + fact.name() * COMMONS + common);
        active.push(CASE_NAME + case * NAMES + fact.name());
        active.push(CASE_COMMON + case * COMMONS + common);
        self.leads(at, fact, &mut active);
        self.plain(at, fact, has_capitals, &mut active);
        Some(active)
    }

    fn leads(&self, at: usize, fact: Fact, active: &mut Active) {
        let mut lead = |kind| active.push(lead_id(kind, fact));
        if let Some(kind) = self.lead_before(at) {
            lead(kind);
        }
        if self.is_followed_by_honorific(at) {
            lead(Lead::After);
        }
        let (first, last) = self.line(at);
        if at - first < 5
            && let Some(kind) = self.line_before(first)
        {
            lead(kind);
        }
        if self.is_speaker(at, first) {
            lead(Lead::Speaker);
        }
        match last - first {
            1 => lead(Lead::AloneOne),
            2..=4
                if (first..last)
                    .all(|i| self.fact(i).is_word() || matches!(self.fact(i).sign, '.' | '-' | ',')) =>
            {
                lead(Lead::AloneFew);
            }
            _ => {}
        }
    }

    /// The cue before the name that `at` would belong to.
    fn lead_before(&self, at: usize) -> Option<Lead> {
        let mut here = at;
        let mut is_marked = false;
        for _ in 0..LEAD {
            here = here.checked_sub(1)?;
            let fact = self.fact(here);
            if fact.is_break {
                return None;
            }
            match fact.entry.cue().filter(|_| fact.is_word()) {
                Some(Cue::Greeting) if !is_marked => return Some(Lead::Greeting),
                Some(Cue::Title) if !is_marked => return Some(Lead::Title),
                Some(Cue::Field) if is_marked => return Some(Lead::Field),
                // Short ones are prepositions as well: from, to, von, de.
                Some(Cue::Field) if self.word(here).chars().nth(4).is_some() => return Some(Lead::Role),
                Some(Cue::Verb) => return Some(if is_marked { Lead::Field } else { Lead::Verb }),
                Some(Cue::Signoff) => return Some(Lead::SignoffHere),
                _ if is_marked && fact.is_word() => return Some(Lead::OtherKey),
                _ => {}
            }
            match fact.sign {
                ':' | '：' | '=' | '|' => is_marked = true,
                '"' | '\'' | '.' | '-' | '’' | '@' | '*' | '<' => {}
                ',' | '،' | '、' if !is_marked => {}
                _ if fact.is_namelike() && !is_marked => {}
                _ => return None,
            }
        }
        None
    }

    fn is_followed_by_honorific(&self, at: usize) -> bool {
        let own = self.fact(at);
        for next in at + 1..at + 4 {
            let fact = self.fact(next);
            if fact.is_break || !fact.is_word() {
                return false;
            }
            if fact.is_cue(Cue::After) {
                return true;
            }
            let goes_on = if own.case == Case::Unspaced {
                fact.case == Case::Unspaced
            } else {
                fact.is_namelike()
            };
            if !goes_on {
                return false;
            }
        }
        false
    }

    /// First token of the line and one past its last, within eight tokens to each side.
    fn line(&self, at: usize) -> (usize, usize) {
        let mut first = at;
        while first > 0 && at - first < 8 && !self.fact(first - 1).is_break {
            first -= 1;
        }
        let mut last = at + 1;
        while last < self.facts.len() && last - at < 8 && !self.fact(last).is_break {
            last += 1;
        }
        (first, last)
    }

    /// What the line before the one that begins at `first` says: that the writer's name comes next, or nothing.
    fn line_before(&self, first: usize) -> Option<Lead> {
        let end = first.checked_sub(1).filter(|b| self.fact(*b).is_break)?;
        let start = (end.saturating_sub(SIGNOFF_LINE)..end)
            .rev()
            .find(|i| self.fact(*i).is_break)
            .map_or(0, |i| i + 1);
        if end - start > SIGNOFF_LINE {
            return None;
        }
        let is_cue = |cue| (start..end).any(|i| self.fact(i).is_cue(cue));
        if is_cue(Cue::Signoff) {
            Some(Lead::SignoffLine)
        } else if is_cue(Cue::Greeting) {
            Some(Lead::GreetedLine)
        } else {
            None
        }
    }

    /// Whether a colon follows the first words of a line: `jonas: on my way`.
    fn is_speaker(&self, at: usize, first: usize) -> bool {
        let is_head = (first..at).all(|i| {
            let f = self.fact(i);
            f.is_namelike() || f.has_digit || !f.is_word()
        });
        if !is_head || at - first >= 8 {
            return false;
        }
        for next in at + 1..at + 4 {
            let fact = self.fact(next);
            if fact.sign == ':' || fact.sign == '：' {
                return self.fact(next + 1).is_spaced && self.fact(next + 1).sign != '/';
            }
            if fact.is_break || !(fact.is_word() || fact.sign == '.') {
                return false;
            }
        }
        false
    }

    fn plain(&self, at: usize, fact: Fact, has_capitals: bool, active: &mut Active) {
        let before = at.checked_sub(1).map(|i| self.fact(i)).unwrap_or_default();
        let second = at.checked_sub(2).map(|i| self.fact(i)).unwrap_or_default();
        let after = self.fact(at + 1);
        let next = self.fact(at + 2);
        let is_first = at == 0
            || before.is_break
            || matches!(before.sign, '.' | '!' | '?' | '•' | '*' | '-' | '#' | '>') && fact.is_spaced;
        let is_sure = |f: Fact| f.strength() == 2;
        let is_capital = |f: Fact| matches!(f.case, Case::Capital | Case::Upper);
        let is_unspaced = fact.case == Case::Unspaced;
        let is_english = self.is_english(at);
        let (place, run) = if is_unspaced { self.run(at) } else { (0, 0) };
        let claims = [
            is_sure(before) && !is_unspaced,
            is_sure(after) && !is_unspaced,
            is_capital(before),
            is_capital(after),
            before.is_cue(Cue::Firm),
            after.is_cue(Cue::Firm),
            next.is_cue(Cue::Firm) && after.is_word(),
            is_first && fact.case == Case::Capital,
            is_first && fact.strength() == 2,
            !fact.is_spaced && matches!(before.sign, '_' | '/' | '.' | '@' | '\\' | '$' | '#'),
            !after.is_spaced && matches!(after.sign, '_' | '/' | '(' | '@' | '\\')
                || after.sign == '.' && !next.is_spaced && next.is_word(),
            after.has_digit,
            before.has_digit,
            !has_capitals && fact.strength() == 2,
            !has_capitals && fact.strength() == 0,
            !has_capitals,
            matches!(after.sign, '<' | '(') && fact.strength() >= 2,
            self.is_mailed(at) && fact.strength() == 1,
            self.is_mailed(at) && fact.strength() == 2,
            self.is_mailed(at) && fact.strength() >= 3,
            self.is_mailed(at) && fact.strength() == 0,
            before.case == Case::Initial || second.case == Case::Initial && before.sign == '.',
            after.case == Case::Initial,
            before.case == Case::Lower && before.entry.common() == 3 && is_capital(fact),
            after.case == Case::Lower && after.entry.common() == 3 && is_capital(fact),
            fact.alone.is_surname(),
            fact.alone.is_given(),
            is_unspaced && before.alone.is_surname(),
            is_unspaced && second.alone.is_surname(),
            is_unspaced && after.alone.is_given(),
            matches!(before.sign, '@') && fact.is_spaced,
            before.sign == ',' && (is_sure(second) || is_capital(second)) && is_capital(fact),
            after.sign == ',' && (is_sure(next) || is_capital(next)) && is_capital(fact),
            matches!(
                before.sign,
                '„' | '“' | '”' | '«' | '‹' | '「' | '『' | '‘' | '\''
            ),
            before.sign == '"' && !matches!(second.sign, ':' | '='),
            matches!(after.sign, '“' | '”' | '»' | '›' | '」' | '』' | '’'),
            before.sign == '(',
            fact.case == Case::Initial && after.sign == '.',
            fact.case == Case::Initial
                && after.sign == '.'
                && (is_capital(next) || next.case == Case::Initial),
            is_unspaced && self.is_kana(at),
            is_unspaced && run == 1,
            is_unspaced && run == 2,
            is_unspaced && (run == 3 || run == 4),
            is_unspaced && run > 4,
            is_unspaced && place == 0,
            is_unspaced && place == 0 && matches!(before.sign, ':' | '：' | '、' | '，' | '（'),
            is_unspaced && place < 4 && self.has_honorific_behind_run(at, run - place.min(run)),
            fact.is_spaced && before.sign == '|' || after.sign == '|',
            matches!(before.case, Case::Lower) && before.entry.common() == 0 && is_capital(fact),
            is_english && fact.case == Case::Capital && fact.name() == 0 && fact.entry.common() == 0,
            is_english,
        ];
        for (i, _) in claims.iter().enumerate().filter(|(_, claim)| **claim) {
            active.push(PLAIN + i);
        }
    }

    /// Whether the token is Hiragana: an ending or a particle, hardly ever a name.
    fn is_kana(&self, at: usize) -> bool {
        self.word(at)
            .chars()
            .all(|c| matches!(c, '\u{3041}'..='\u{309f}'))
    }

    /// Place of a Han or Katakana token in its run, and the length of the run, both in tokens and at most 8.
    fn run(&self, at: usize) -> (usize, usize) {
        let is_part = |i: usize| self.fact(i).case == Case::Unspaced && !self.is_kana(i);
        let mut first = at;
        while first > 0 && at - first < 4 && !self.fact(first).is_spaced && is_part(first - 1) {
            first -= 1;
        }
        let mut end = at + 1;
        while end - at < 4 && is_part(end) && !self.fact(end).is_spaced {
            end += 1;
        }
        (at - first, end - first)
    }

    /// Whether an honorific stands within or right behind the `left` tokens of a run that begin at `at`.
    fn has_honorific_behind_run(&self, at: usize, left: usize) -> bool {
        (at + 1..=at + left.min(4)).any(|i| self.fact(i).is_cue(Cue::After))
    }

    /// Whether an e-mail address near by spells the word.
    fn is_mailed(&self, at: usize) -> bool {
        if self.mailed.is_empty() {
            return false;
        }
        let word = self.word(at);
        let place = self.start(at);
        word.len() > 2
            && self.mailed.get(&key(word)).is_some_and(|places| {
                let after = places.partition_point(|p| *p < place);
                let near = |i: usize| {
                    places
                        .get(i)
                        .is_some_and(|p| *p != place && p.abs_diff(place) <= REACH)
                };
                near(after) || near(after + 1) || after.checked_sub(1).is_some_and(near)
            })
    }
}

const fn lead_id(lead: Lead, fact: Fact) -> usize {
    LEADS + lead as usize * STRENGTHS + fact.strength()
}

const fn case_number(case: Case) -> Option<usize> {
    Some(match case {
        Case::None => return None,
        Case::Capital => 0,
        Case::Upper => 1,
        Case::Initial => 2,
        Case::Lower => 3,
        Case::Mixed => 4,
        Case::Plain => 5,
        Case::Unspaced => 6,
    })
}
